import numpy as np
import pytest
import torch

from models import torch_backend
from models.checkpoint import build_generator, save_checkpoint
from models.deeplabv3 import DeepLabV3
from tests.parity import DATA, example, example_mask, published_state
from utils.spec import GENERATOR, inpaint_spec, segmenter_spec


def test_published_generator_runs_on_arrays_of_any_size(tmp_path):
    torch.save(published_state("deepfillv2_G_latent16"), tmp_path / "G.pth")
    run, spec = torch_backend.inpainter_run(tmp_path / "G.pth", "cpu")
    coarse, refined = run(example("crop", (1, 3, 64, 64)), example_mask("mask", (1, 1, 64, 64), 0.7))
    expected = np.load(DATA / "forward.npz")
    np.testing.assert_allclose(coarse, expected["deepfillv2_G_latent16/first_out"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(refined, expected["deepfillv2_G_latent16/second_out"], rtol=0, atol=1e-4)
    assert (spec.latent_channels, spec.imgsize, spec.imgresize) == (16, 1536, 6)
    assert refined.flags.c_contiguous
    assert refined.dtype == np.float32
    assert run(np.zeros((2, 3, 40, 48), np.float32), np.ones((2, 1, 40, 48), np.float32))[1].shape == (2, 3, 40, 48)


def test_own_generator_runs_as_it_was_saved(tmp_path):
    spec = inpaint_spec(GENERATOR, latent_channels=4, imgsize=96, imgresize=3, norm="ln", pad_type="replicate")
    generator = build_generator(spec).eval()
    save_checkpoint(tmp_path / "G.pth", generator, spec)
    run, loaded = torch_backend.inpainter_run(tmp_path / "G.pth", "cpu", imgsize=96)
    assert loaded == spec
    images, masks = example("images", (2, 3, 32, 32)), example_mask("masks", (2, 1, 32, 32), 0.5)
    with torch.inference_mode():
        _, expected = generator(torch.from_numpy(images), torch.from_numpy(masks))
    np.testing.assert_allclose(run(images, masks)[1], expected.numpy(), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_segmenter_returns_a_tuple_of_logits(tmp_path):
    network = DeepLabV3("mobilenetv2").eval()
    save_checkpoint(tmp_path / "S.pth", network, segmenter_spec("mobilenetv2"))
    run, spec = torch_backend.segmenter_run(tmp_path / "S.pth", "cpu")
    images = example("photo", (2, 3, 64, 48))
    (logits,) = run(images)
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
    assert spec.backbone == "mobilenetv2"


def test_unknown_device_is_refused():
    with pytest.raises(ValueError, match="--device teapot: not usable here"):
        torch_backend.pick_device("teapot")


def test_auto_picks_a_device_that_computes():
    assert torch.ones(2, device=torch_backend.pick_device("auto")).sum().item() == 2
