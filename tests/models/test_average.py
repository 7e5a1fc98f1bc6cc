import pytest
import torch

from models import average, checkpoint
from models.deepfillv2 import PatchDiscriminator
from models.deeplabv3 import DeepLabV3
from utils.flags import EXIT_USAGE
from utils.spec import DISCRIMINATOR, GENERATOR, inpaint_spec, segmenter_spec

SMALL = inpaint_spec(GENERATOR, latent_channels=4, imgsize=96, imgresize=3, norm="bn")


def write_generator(path, seed, spec=SMALL):
    torch.manual_seed(seed)
    generator = checkpoint.build_generator(spec)
    with torch.no_grad():
        for name, value in generator.state_dict().items():
            if name.endswith("num_batches_tracked"):
                value.fill_(10 * (seed + 1))
    checkpoint.save_checkpoint(path, generator, spec)
    return generator.state_dict()


@pytest.mark.slow
def test_the_mean_is_weighted_and_keeps_the_spec(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    one, two = (write_generator(f"{seed}.pth", seed) for seed in range(2))
    assert average.main(["0.pth", "1.pth", "--weights", "3", "1", "--save_path", "mean.pth"]) == 0
    assert capsys.readouterr().out == "0.75 × 0.pth + 0.25 × 1.pth → mean.pth: deepfillv2_G\n"
    network, spec = checkpoint.load_generator("mean.pth")
    assert spec == SMALL
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.75 * one[name] + 0.25 * two[name])
        else:
            assert value == one[name] == 10
    assert checkpoint.read_checkpoint("mean.pth")["averaged_from"] == {"0.pth": 0.75, "1.pth": 0.25}


@pytest.mark.slow
def test_without_weights_all_count_alike_and_the_mean_of_equals_is_the_same(tmp_path):
    state = write_generator(tmp_path / "a.pth", 0)
    paths = [str(tmp_path / "a.pth")] * 3
    network, _ = average.load_mean(paths, average.shares_of([1, 1, 1], 3))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, state[name])


@pytest.mark.slow
def test_a_segmentation_net_is_averaged_too(tmp_path):
    paths = []
    for seed in range(2):
        torch.manual_seed(seed)
        paths.append(str(tmp_path / f"{seed}.pth"))
        spec = segmenter_spec("mobilenetv2", out_channels=4)
        checkpoint.save_checkpoint(paths[-1], DeepLabV3("mobilenetv2", num_classes=4), spec)
    assert average.main([*paths, "--save_path", str(tmp_path / "mean.pth")]) == 0
    _, spec = checkpoint.load_segmenter(tmp_path / "mean.pth")
    assert spec.out_channels == 4


def refusal(capsys, *argv):
    assert average.main([str(argument) for argument in argv]) == EXIT_USAGE
    return capsys.readouterr().err


def test_networks_of_different_specs_are_refused_with_what_differs(tmp_path, capsys):
    write_generator(tmp_path / "a.pth", 0)
    write_generator(tmp_path / "b.pth", 1, inpaint_spec(GENERATOR, latent_channels=8, imgsize=96, imgresize=3))
    said = refusal(capsys, tmp_path / "a.pth", tmp_path / "b.pth", "--save_path", tmp_path / "c.pth")
    assert "b.pth' is another network than" in said and "latent_channels 8 instead of 4, norm in instead of bn" in said
    assert not (tmp_path / "c.pth").exists()


def test_what_has_no_mean_is_refused_in_words(tmp_path, capsys):
    out = ["--save_path", tmp_path / "mean.pth"]
    path = tmp_path / "a.pth"
    state = write_generator(path, 0)
    assert "one checkpoint has no mean" in refusal(capsys, path, *out)
    assert "no such checkpoint" in refusal(capsys, path, tmp_path / "b.pth", *out)
    assert "has 1 numbers for 2 checkpoints" in refusal(capsys, path, path, *out, "--weights", 1)
    assert "--weights 1 0: each must be above 0" in refusal(capsys, path, path, *out, "--weights", 1, 0)
    assert "would overwrite" in refusal(capsys, path, path, "--save_path", path)
    torch.save(state, tmp_path / "plain.pth")
    assert "does not state what it was trained with" in refusal(capsys, path, tmp_path / "plain.pth", *out)
    spec = inpaint_spec(DISCRIMINATOR, latent_channels=4, imgsize=96, imgresize=3)
    checkpoint.save_checkpoint(tmp_path / "D.pth", PatchDiscriminator(4, 4), spec)
    assert "holds the network deepfillv2_D" in refusal(capsys, tmp_path / "D.pth", tmp_path / "D.pth", *out)
    assert not (tmp_path / "mean.pth").exists()
