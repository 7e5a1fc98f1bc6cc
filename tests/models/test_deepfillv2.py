import numpy as np
import pytest
import torch

from models.checkpoint import read_weights
from models.deepfillv2 import InpaintGenerator, PatchDiscriminator, fill_smoothly
from tests.parity import DATA, example, example_mask, published_state

SIZE = (64, 64)


@pytest.fixture
def inputs():
    return torch.from_numpy(example("crop", (1, 3, *SIZE))), torch.from_numpy(example_mask("mask", (1, 1, *SIZE), 0.7))


def test_published_coarse_and_refined_pictures_are_reproduced(inputs):
    generator = InpaintGenerator(latent_channels=16)
    generator.load_state_dict(read_weights("", published_state("deepfillv2_G_latent16")))
    with torch.inference_mode():
        outputs = generator.eval()(*inputs)
    expected = np.load(DATA / "forward.npz")
    for name, output in zip(("first_out", "second_out"), outputs, strict=True):
        np.testing.assert_allclose(output.numpy(), expected[f"deepfillv2_G_latent16/{name}"], rtol=0, atol=1e-4)


def test_published_discriminator_scores_are_reproduced(inputs):
    discriminator = PatchDiscriminator(latent_channels=16)
    discriminator.load_state_dict(read_weights("", published_state("deepfillv2_D_latent16")))
    with torch.inference_mode():
        score = discriminator.eval()(*inputs)
    expected = np.load(DATA / "forward.npz")["deepfillv2_D_latent16/score"]
    np.testing.assert_allclose(score.numpy(), expected, rtol=0, atol=1e-4)


def test_what_the_hole_hides_is_not_read(inputs):
    images, masks = inputs
    generator = InpaintGenerator(latent_channels=4).eval()
    with torch.inference_mode():
        for one, other in zip(generator(images, masks), generator(images * (1 - masks), masks), strict=True):
            assert torch.equal(one, other)


def test_a_batch_equals_its_items_one_by_one():
    torch.manual_seed(0)
    images, masks = torch.rand(3, 3, 32, 48), (torch.rand(3, 1, 32, 48) > 0.5).float()
    generator = InpaintGenerator(latent_channels=4).eval()
    with torch.inference_mode():
        _, together = generator(images, masks)
        for index in range(3):
            _, alone = generator(images[index : index + 1], masks[index : index + 1])
            torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-4)


def test_outputs_have_the_size_of_the_input_and_lie_between_minus_one_and_one():
    images, masks = torch.rand(1, 3, 40, 64) * 100, torch.zeros(1, 1, 40, 64)
    for output in InpaintGenerator(latent_channels=4)(images, masks):
        assert output.shape == images.shape
        assert output.abs().max() <= 1


def guided_inputs():
    torch.manual_seed(0)
    return torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32), torch.rand(1, 4, 32, 32)


def test_hints_are_a_further_input_of_both_stages():
    images, masks, hints = guided_inputs()
    generator = InpaintGenerator(latent_channels=4, in_channels=8).eval()
    assert generator.state_dict()["refinement.0.conv2d.weight"].shape[1] == 8
    first, second = generator(images, masks, hints)
    hints[:, 3] = 0  # how sure structure is; its picture stays
    other_first, other_second = generator(images, masks, hints)
    assert not torch.allclose(first, other_first) and not torch.allclose(second, other_second)


def test_first_stage_decides_between_the_picture_it_was_given_and_the_smooth_fill():
    images, masks, hints = guided_inputs()
    masks[..., :8] = 0
    first, _ = InpaintGenerator(latent_channels=4, in_channels=8).eval()(images, masks, hints)
    between = fill_smoothly(images * (1 - masks), masks) - hints[:, :3]
    share = ((first - hints[:, :3]) * between).sum(1, keepdim=True) / between.square().sum(1, keepdim=True)
    torch.testing.assert_close(first, hints[:, :3] + share * between, rtol=0, atol=1e-5)
    assert share.abs().max() > 0


def test_guided_generator_that_draws_nothing_returns_the_picture_it_was_given_and_learns():
    images, masks, hints = guided_inputs()
    generator = InpaintGenerator(latent_channels=4, in_channels=8)
    generator.draw_nothing()
    first, second = generator(images, masks, hints)
    assert torch.equal(first, hints[:, :3]) and torch.equal(second, hints[:, :3])
    second.sum().backward()
    assert generator.refinement[-1].conv2d.weight.grad.abs().max() > 0


@pytest.mark.parametrize("size", [(64, 64), (52, 36)])
def test_smooth_fill_continues_a_slope_and_keeps_what_is_seen(size):
    height, width = size
    slope = torch.linspace(0.2, 0.8, width).expand(1, 3, height, width)
    masks = torch.zeros(1, 1, height, width)
    masks[..., 12:28, 10:24] = 1
    filled = fill_smoothly(slope * (1 - masks), masks)
    assert torch.equal(filled * (1 - masks), slope * (1 - masks))
    assert (filled - slope).abs().max() < 0.05  # the mean would be 0.11 off


def test_smooth_fill_of_what_is_wholly_covered_is_black():
    assert not fill_smoothly(torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)).any()


def test_discriminator_scores_one_patch_of_32_pixels_each():
    score = PatchDiscriminator(latent_channels=4)(torch.rand(2, 3, 64, 96), torch.zeros(2, 1, 64, 96))
    assert score.shape == (2, 1, 2, 3)
