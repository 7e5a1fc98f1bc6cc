import pytest
import torch

import average_checkpoints
from models import checkpoint
from models.deeplabv3 import DeepLabV3
from utils.spec import segmenter_spec


def write(path, seed, backbone="mobilenetv2", **extras):
    torch.manual_seed(seed)
    network = DeepLabV3(backbone)
    checkpoint.save_checkpoint(path, network, segmenter_spec(backbone), **extras)
    return network.state_dict()


def test_the_mean_is_written_and_nothing_of_the_training(tmp_path):
    first = write(tmp_path / "a.pth", 0, settings={"save_path": "somewhere"})
    second = write(tmp_path / "b.pth", 1)
    files = [str(tmp_path / name) for name in ("a.pth", "b.pth", "b.pth")]
    assert average_checkpoints.main(["--checkpoints", *files, "--save_path", str(tmp_path / "mean.pth")]) == 0
    network, spec = checkpoint.load_segmenter(tmp_path / "mean.pth")
    assert spec == segmenter_spec("mobilenetv2")
    for name, values in network.state_dict().items():
        if values.is_floating_point():
            torch.testing.assert_close(values, (first[name] + 2 * second[name]) / 3)
    assert b"somewhere" not in (tmp_path / "mean.pth").read_bytes()


def test_what_does_not_fit_together_and_what_exists_is_refused(tmp_path, capsys):
    write(tmp_path / "a.pth", 0)
    write(tmp_path / "r.pth", 0, "resnet50")
    for arguments, expected in (
        ([str(tmp_path / "a.pth"), str(tmp_path / "r.pth")], "is not of the same training"),
        ([str(tmp_path / "missing.pth")], "missing.pth"),
    ):
        with pytest.raises(SystemExit, match="2"):
            average_checkpoints.main(["--checkpoints", *arguments, "--save_path", str(tmp_path / "mean.pth")])
        assert expected in capsys.readouterr().err
        assert not (tmp_path / "mean.pth").exists()
    with pytest.raises(SystemExit, match="2"):
        average_checkpoints.main(["--checkpoints", str(tmp_path / "a.pth"), "--save_path", str(tmp_path / "a.pth")])
    assert "exists already" in capsys.readouterr().err
