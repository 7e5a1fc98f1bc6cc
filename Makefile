# Each target does its own set-up in .venv; all that is needed beforehand is CPython 3.11 or later.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo web demo_pictures test test_fast lint fuzz clean

demo: $(VENV)/.predict  ## repair the photos of test_img/ into test_img_predict/
	$(RUN) predict_onnx.py --src_image_dir test_img --save_dir test_img_predict --save_comparison True

web: $(VENV)/.web  ## open the page: see, correct, repair, compare
	$(RUN) predict_web.py

demo_pictures: $(VENV)/.predict  ## draw the photos of test_img/ and the pictures of docs/ anew, into demo_pictures/
	$(RUN) -m docs.demo_pictures

test: $(VENV)/.dev  ## run the tests
	$(RUN) -m pytest -q

test_fast: $(VENV)/.dev  ## run the tests that take less than a third of a second each
	$(RUN) -m pytest -q -m "not slow"

lint: $(VENV)/.dev  ## style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

fuzz: $(VENV)/.dev  ## read and write thousands of damaged pictures
	$(RUN) -m tests.fuzz_images

$(VENV)/.predict: requirements-predict.txt | $(VENV)
	$(RUN) -m pip install --quiet --requirement requirements-predict.txt
	touch $@

$(VENV)/.web: requirements-web.txt requirements-predict.txt | $(VENV)
	$(RUN) -m pip install --quiet --requirement requirements-web.txt
	touch $@ $(VENV)/.predict

$(VENV)/.dev: requirements-dev.txt requirements.txt requirements-predict.txt requirements-web.txt | $(VENV)
	$(RUN) -m pip install --quiet --requirement requirements-dev.txt
	touch $@ $(VENV)/.predict $(VENV)/.web

$(VENV):
	$(PYTHON) -m venv $(VENV)

clean:  ## remove what the targets made
	rm -rf $(VENV) test_img_predict
