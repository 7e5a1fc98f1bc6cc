"""The toolkit as a library: what `import occluder_removal` gives, and that a wheel of it works far from here."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as pillow

from occluder_removal import OccluderRemover, cli
from setup import SCRIPTS, packages, under_one_name
from utils.flags import EXIT_USAGE
from utils.images import read_image

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page():
    """A part of a photo with a finger on it, small enough for a test."""
    image = read_image(REPOSITORY / "test_img" / "test1.jpg")
    return cv2.resize(image, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def remover():
    return OccluderRemover.load(provider="cpu")


@pytest.mark.slow
def test_array_path_and_pillow_image_give_the_same_repair(remover, page, tmp_path):
    assert cv2.imwrite(str(tmp_path / "page.png"), page)
    removals = [remover(kind) for kind in (page, str(tmp_path / "page.png"), tmp_path / "page.png")]
    removals.append(remover(pillow.fromarray(page[..., ::-1])))
    assert removals[0].boxes and removals[0].mask.any() and removals[0].image.shape == page.shape
    for removal in removals[1:]:
        assert np.array_equal(removal.image, removals[0].image) and removal.boxes == removals[0].boxes


@pytest.mark.slow
def test_a_pillow_image_is_turned_upright(remover, page):
    lying = pillow.fromarray(np.ascontiguousarray(np.rot90(page[..., ::-1])))
    lying.getexif()[0x0112] = 6  # to be turned clockwise by a quarter
    assert remover(lying).image.shape == page.shape


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_another_array_is_refused_with_what_is_expected(remover, array):
    with pytest.raises(ValueError, match=r"expected \(height, width, 3\) uint8 in BGR order"):
        remover(array)


def lines_of(readme: str) -> str:
    (lines,) = re.findall(r"```python\n(from occluder_removal .*?)```", (REPOSITORY / readme).read_text("utf-8"), re.S)
    return re.sub(r"  #.*", "", lines)


@pytest.mark.slow
def test_the_six_lines_of_the_readme_run(page, tmp_path, capsys):
    lines = lines_of("README.md")
    assert lines == lines_of("README.zh-CN.md") and len(lines.split("\n\n")) == 2 and lines.count("\n") == 7
    (tmp_path / "test_img").mkdir()
    assert cv2.imwrite(str(tmp_path / "test_img" / "test1.jpg"), page)
    with contextlib.chdir(tmp_path):
        exec(lines, {})
    assert "Box(" in capsys.readouterr().out and (tmp_path / "clean.png").is_file()


def test_an_unknown_command_lists_those_that_there_are(capsys):
    assert cli.main(["repair"]) == EXIT_USAGE
    said = capsys.readouterr().err
    assert "occluder-removal repair: no such command" in said and "predict" in said and "doctor" in said
    assert cli.main([]) == 0


def test_messages_of_a_command_bear_its_name(tmp_path, capsys):
    assert cli.main(["predict", "--src_image_dir", str(tmp_path / "nowhere")]) == EXIT_USAGE
    assert capsys.readouterr().err.startswith("occluder-removal predict: ")


def test_imports_move_below_one_name_and_nothing_else_changes():
    source = """import numpy as np
from utils.spec import (
    GENERATOR,
)
TEXT = "from utils.spec import this stays"
def late():
    from models import setup; é = 1
    import train
"""
    moved = """import numpy as np
from occluder_removal.utils.spec import (
    GENERATOR,
)
TEXT = "from utils.spec import this stays"
def late():
    from occluder_removal.models import setup; é = 1
    from occluder_removal import train
"""
    assert under_one_name(source) == moved and under_one_name(moved) == moved
    with pytest.raises(ValueError, match=r"line 1: import utils\.spec: write it as from"):
        under_one_name("import utils.spec\n")


def test_no_module_is_left_out():
    folders = {Path(folder) for folder in packages().values()}
    modules = {
        path.relative_to(REPOSITORY)
        for top in ("utils", "models", "datasets")
        for path in (REPOSITORY / top).rglob("*.py")
    }
    assert {module.parent for module in modules} <= folders and "train" in SCRIPTS and "setup" not in SCRIPTS


def test_requirements_are_those_of_the_files():
    def versions(lines: Iterable[str]) -> set[tuple[str, str]]:
        stated = (re.match(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", line) for line in lines)
        return {(match[1].replace("-headless", ""), match[2]) for match in stated if match}

    names = ("requirements-predict.txt", "requirements.txt", "requirements-web.txt")
    files = [(REPOSITORY / name).read_text().splitlines() for name in names]
    extras = PROJECT["optional-dependencies"]
    assert versions(files[0]) == versions(PROJECT["dependencies"]) | versions(extras["openvino"][:1])
    assert versions(files[1]) == versions(extras["train"])
    assert versions(files[2]) == versions(extras["web"])


def test_a_plain_install_brings_one_runtime_on_every_machine():
    markers = pytest.importorskip("packaging.requirements")
    runtimes = [markers.Requirement(line) for line in PROJECT["dependencies"] if line.startswith("onnxruntime")]
    for system in ("Linux", "Windows", "Darwin"):
        for machine in ("x86_64", "AMD64", "aarch64", "arm64", "ARM64"):
            here = {"platform_system": system, "platform_machine": machine}
            assert sum(runtime.marker.evaluate(here) for runtime in runtimes) == 1, here


def test_image_runs_as_nobody_with_what_the_project_needs():
    assert re.search(r"^USER [1-9]\d*", DOCKERFILE, re.M) and 'ENTRYPOINT ["occluder-removal"]' in DOCKERFILE
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["python:3.12-slim"] * 2  # nothing of the build stays
    for requirement in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lossless"]):
        name = requirement.partition(";")[0].replace("onnxruntime-gpu", "onnxruntime")
        assert f'"{name}"' in DOCKERFILE
    assert "--no-deps /wheel" in DOCKERFILE and "onnxruntime-gpu" not in DOCKERFILE


@pytest.mark.slow
def test_a_wheel_works_in_an_empty_environment_and_from_another_folder(tmp_path):
    wheels, home, source = (tmp_path / name for name in ("wheels", "environment", "source"))
    source.mkdir()  # a copy, so that no build folder is left here
    for file in (*REPOSITORY.glob("*.py"), *(REPOSITORY / name for name in ("pyproject.toml", "README.md", "LICENSE"))):
        shutil.copy(file, source)
    for folder in {name.split("/")[0] for name in packages().values()}:
        shutil.copytree(REPOSITORY / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, timeout=300)
    venv.create(home, with_pip=False)
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    where = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    # What it depends on is borrowed from here: those packages are large, and nothing is fetched.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (wheel,) = wheels.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, timeout=300)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    photo = str(REPOSITORY / "test_img" / "test1.jpg")
    lines = f"""
import importlib.util
from occluder_removal import OccluderRemover
assert not any(map(importlib.util.find_spec, ("utils", "models", "datasets", "predict_onnx")))
removal = OccluderRemover.load(provider="cpu")({photo!r})
assert removal.boxes and removal.mask.any()
from occluder_removal import train, synthesize
train.build_parser()
"""
    run(str(python), "-c", lines)
    script = str(python.with_name("occluder-removal"))
    assert "onnxruntime" in run(script, "doctor")
    assert "--src_image_dir" in run(script, "predict", "--help")
    (tmp_path / "photos").mkdir()
    os.link(photo, tmp_path / "photos" / "page.jpg")
    assert "1 repaired" in run(script, "predict", "--src_image_dir", "photos", "--save_dir", "out", "--provider", "cpu")
    assert (tmp_path / "out" / "page.jpg").is_file()
