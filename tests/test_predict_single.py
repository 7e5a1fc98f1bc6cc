import sys

import cv2
import numpy as np
import pytest
import torch

import predict_single
from models.checkpoint import save_checkpoint
from models.deepfillv2 import InpaintGenerator
from models.deeplabv3 import DeepLabV3
from utils.spec import GENERATOR, inpaint_spec, segmenter_spec

RED = (40, 60, 220)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Untrained networks; the last layer of the segmenter, which also sees the picture, is set to find red."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    segmenter = DeepLabV3(backbone="mobilenetv2")
    last = segmenter.decoder.conv4
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, -8.0]))
        last.weight[1, -3, 1, 1], last.weight[1, -1, 1, 1] = -4, 4
    save_checkpoint(folder / "s.pth", segmenter, segmenter_spec("mobilenetv2"))
    save_checkpoint(folder / "g.pth", InpaintGenerator(4), inpaint_spec(GENERATOR, 4, 96, 3))
    return ["--deeplabv3_pretrain", str(folder / "s.pth"), "--deepfillv2_generator_pretrain", str(folder / "g.pth")]


@pytest.fixture
def photo(tmp_path):
    image = np.full((800, 600, 3), 200, np.uint8)
    image[:300, 200:350] = RED
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    return str(tmp_path / "photo.png")


@pytest.mark.slow
@pytest.mark.parametrize("lying", [False, True])
def test_comparison_is_three_panels_and_shows_what_was_found(checkpoints, photo, tmp_path, capsys, lying):
    if lying:
        cv2.imwrite(photo, np.ascontiguousarray(cv2.imread(photo).swapaxes(0, 1)))
    target = tmp_path / "shown.png"
    argv = ["--image_path", photo, "--save_path", str(target), "--device", "cpu", "--structure", "off", *checkpoints]
    assert predict_single.main(argv) == 0
    picture = cv2.imread(str(target))
    assert picture.shape == (640, 1440, 3)
    found, coarse, refined = np.split(picture.astype(int), 3, axis=1)
    assert (found[100, 220] != RED).any() and (np.abs(found[600, 50] - 200) < 3).all()
    for repaired in (coarse, refined):
        assert (repaired[600] == found[600]).all()
        assert repaired[100, 220, 2] - repaired[100, 220, 0] < 100
    assert "repaired 1 region;" in capsys.readouterr().out


@pytest.mark.slow
def test_a_photo_that_cannot_be_read_is_one_line(checkpoints, tmp_path, capsys):
    (tmp_path / "no.jpg").write_text("not a picture")
    assert predict_single.main(["--image_path", str(tmp_path / "no.jpg"), "--device", "cpu", *checkpoints]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_flag_that_contradicts_the_checkpoint_is_an_error(checkpoints, photo, capsys):
    assert predict_single.main(["--image_path", photo, "--backbone", "resnet50", *checkpoints]) == 2
    message = capsys.readouterr().err
    assert "resnet50" in message and "mobilenetv2" in message


def test_the_photo_is_never_the_target(checkpoints, photo, capsys):
    argv = ["--image_path", photo, "--save_path", photo, "--device", "cpu", *checkpoints]
    assert predict_single.main(argv) == 2
    assert "is the photo itself" in capsys.readouterr().err


def test_a_target_of_unknown_format_is_refused_before_the_work(checkpoints, tmp_path, capsys):
    argv = ["--image_path", str(tmp_path / "no.jpg"), "--save_path", "shown.gif", "--device", "cpu", *checkpoints]
    assert predict_single.main(argv) == 2
    assert "cannot write 'shown.gif': the extension must be one of" in capsys.readouterr().err


@pytest.mark.slow
def test_flags_without_meaning_in_the_published_flow_are_named(checkpoints, photo, tmp_path, capsys):
    more = ["--compat", "True", "--structure", "only", "--feather_px", "3", "--save_path", str(tmp_path / "shown.png")]
    assert predict_single.main(["--image_path", photo, "--device", "cpu", *more, *checkpoints]) == 0
    assert "note: --feather_px, --structure without effect: --compat True" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is a display, or OpenCV says that there is none")
def test_without_a_display_the_picture_is_saved_and_that_is_said(checkpoints, photo, tmp_path, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    target = tmp_path / "shown.png"
    argv = ["--image_path", photo, "--save_path", str(target), "--device", "cpu", "--show", "True", *checkpoints]
    assert predict_single.main(argv) == 0 and target.exists()
    assert "there is no display here; the picture is saved" in capsys.readouterr().err
