import json

import pytest

from utils.spec import GENERATOR, NetworkSpec, check_crop, inpaint_spec, segmenter_spec


@pytest.mark.parametrize("spec", [segmenter_spec("resnet101"), inpaint_spec(GENERATOR, 32, 768, 3)])
def test_spec_survives_json(spec):
    assert NetworkSpec.from_json(spec.to_json()) == spec


def test_unknown_keys_of_a_newer_file_are_ignored():
    spec = segmenter_spec("mobilenetv2")
    assert NetworkSpec.from_json(json.dumps({**json.loads(spec.to_json()), "new": 1})) == spec


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json"])
def test_what_is_no_spec_is_refused(text):
    with pytest.raises(ValueError, match="not a network spec"):
        NetworkSpec.from_json(text)


def test_published_crop_gives_256_pixels():
    spec = inpaint_spec(GENERATOR)
    assert (spec.imgsize, spec.imgresize, spec.input_height, spec.input_width) == (1536, 6, 256, 256)


@pytest.mark.parametrize(("imgsize", "imgresize"), [(1500, 6), (1536, 0), (8, 6), (1530, 6)])
def test_a_crop_that_gives_no_whole_input_is_refused(imgsize, imgresize):
    with pytest.raises(ValueError, match=r"for example \d+"):
        check_crop(imgsize, imgresize)
