import copy
import json
from typing import Any

import pytest
import torch
from torch import nn

from models.checkpoint import build_discriminator, build_generator, load_discriminator, load_generator, load_segmenter
from models.losses import dissimilarity
from models.training import (
    choose_precision,
    freeze_batch_norm,
    inpainting_step,
    segmentation_step,
    update_average,
)
from tests.parity import DATA, example, example_mask, published_state
from utils.spec import DISCRIMINATOR, GENERATOR, inpaint_spec

CPU = torch.device("cpu")
FLOAT32 = choose_precision(CPU, autocast=False)
PUBLISHED = json.loads((DATA / "train_steps.json").read_text())


def published(tmp_path, name: str) -> nn.Module:
    loaders: dict[str, Any] = {"deepfillv2_G": load_generator, "deepfillv2_D": load_discriminator}
    load = loaders.get(name.rsplit("_", 1)[0], load_segmenter)
    torch.save(published_state(name), tmp_path / "published.pth")
    return load(tmp_path / "published.pth")[0].train()


def adam(network: nn.Module, rate: float, betas: tuple[float, float] = (0.5, 0.999)) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), rate, betas)


def pair(seed: int = 0) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    size: dict[str, Any] = {"latent_channels": 4, "imgsize": 32, "imgresize": 1}
    return build_generator(inpaint_spec(GENERATOR, **size)), build_discriminator(
        inpaint_spec(DISCRIMINATOR, out_channels=1, **size)
    )


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(2, 1, 32, 32)
    masks[..., 8:20, 10:24] = 1
    return torch.rand(2, 3, 32, 32, generator=generator), masks


@pytest.mark.slow
def test_published_losses_of_the_inpainting_networks_come_out(tmp_path):
    generator = published(tmp_path, "deepfillv2_G_latent16")
    discriminator = published(tmp_path, "deepfillv2_D_latent16")
    optimizers = adam(generator, 1e-4), adam(discriminator, 4e-4)
    images = torch.from_numpy(example("train_crop", (2, 3, 64, 64)))
    masks = torch.from_numpy(example_mask("train_mask", (2, 1, 64, 64), 0.7))
    steps = []
    for _ in range(3):
        losses, _, _ = inpainting_step(generator, optimizers[0], images, masks, FLOAT32, discriminator, optimizers[1])
        steps.append([float(losses[name]) for name in PUBLISHED["columns"]])
    found, expected = torch.tensor(steps), torch.tensor(PUBLISHED["deepfillv2_latent16"])
    torch.testing.assert_close(found[:2], expected[:2], rtol=1e-3, atol=0)
    torch.testing.assert_close(found[2, 1:3], expected[2, 1:3], rtol=1e-3, atol=0)
    # By the third step Adam has made so much of rounding errors (it moves a weight as far for a gradient of 1e-9 as for
    # one of 1) that the published float32 loss of the discriminator is 5 % from its own value in float64, 0.1476.
    torch.testing.assert_close(found[2, [0, 3]], expected[2, [0, 3]], rtol=1e-2, atol=0)


@pytest.mark.slow
def test_published_losses_of_the_segmentation_net_come_out_up_to_dropout(tmp_path):
    images = torch.from_numpy(example("train_photo", (4, 3, 96, 64)))
    labels = torch.from_numpy(example_mask("train_label", (4, 96, 64), 0.8)).long()
    runs = []
    for seed in range(2):
        network = published(tmp_path, "deeplabv3_mobilenetv2")
        optimizer = adam(network, 1e-4, (0.9, 0.999))
        torch.manual_seed(seed)  # ASPP drops half of its features at random; which were dropped is not published
        weights = torch.tensor([1.0, 10.0])
        runs.append(
            [float(segmentation_step(network, optimizer, images, labels, weights, FLOAT32)["loss"]) for _ in range(3)]
        )
    expected = torch.tensor(PUBLISHED["deeplabv3_mobilenetv2"])
    torch.testing.assert_close(torch.tensor(runs).mean(0), expected, rtol=1e-2, atol=0)


@pytest.mark.slow
def test_discriminator_learns_only_in_its_steps_and_generator_in_all():
    generator, discriminator = pair()
    before = copy.deepcopy(discriminator.state_dict()), copy.deepcopy(generator.state_dict())
    images, masks = batch()
    arguments = (generator, adam(generator, 1e-3), images, masks, FLOAT32, discriminator, adam(discriminator, 1e-3))
    losses, coarse, refined = inpainting_step(*arguments, update_discriminator=False)
    assert set(losses) == {"first_L1", "second_L1", "loss_GAN"} and coarse.shape == refined.shape == images.shape
    bias = "block3.conv2d.bias"
    assert torch.equal(discriminator.state_dict()[bias], before[0][bias])
    assert not torch.equal(generator.state_dict()["coarse.0.conv2d.weight"], before[1]["coarse.0.conv2d.weight"])
    losses, _, _ = inpainting_step(*arguments)
    assert "loss_D" in losses and not torch.equal(discriminator.state_dict()[bias], before[0][bias])
    assert all(parameter.requires_grad for parameter in discriminator.parameters())


@pytest.mark.slow
def test_without_discriminator_only_the_reconstruction_is_learnt_and_it_falls():
    generator, _ = pair()
    optimizer = adam(generator, 2e-3)
    images, masks = batch()
    found = [inpainting_step(generator, optimizer, images, masks, FLOAT32)[0] for _ in range(30)]
    assert set(found[0]) == {"first_L1", "second_L1"}
    assert found[-1]["second_L1"] < 0.8 * found[0]["second_L1"]


@pytest.mark.parametrize("gan_type", ["WGAN", "LSGAN"])
def test_generator_minimises_the_weighted_sum_it_reports(gan_type):
    generator, discriminator = pair()
    images, masks = batch()
    twin = copy.deepcopy(generator)
    optimizer = torch.optim.SGD(generator.parameters(), 1e-3)
    frozen = adam(discriminator, 0.0)
    inpainting_step(
        generator, optimizer, images, masks, FLOAT32, discriminator, frozen,
        lambda_l1=3.0, lambda_gan=2.0, lambda_ssim=4.0, gan_type=gan_type, update_discriminator=False,
    )  # fmt: skip
    coarse, refined = twin(images, masks)
    filled = [images * (1 - masks) + drawn * masks for drawn in (coarse, refined)]
    verdict = discriminator(filled[1], masks)
    adversarial = -verdict.mean() if gan_type == "WGAN" else ((verdict - 1) ** 2).mean()
    loss = 3 * ((filled[1] - images).abs().mean() + 0.5 * (filled[0] - images).abs().mean()) + 2 * adversarial
    loss += 4 * (dissimilarity(filled[1], images, masks) + 0.5 * dissimilarity(filled[0], images, masks))
    loss.backward()
    for moved, start in zip(generator.parameters(), twin.parameters(), strict=True):
        assert start.grad is not None
        torch.testing.assert_close(moved, start - 1e-3 * start.grad, rtol=1e-3, atol=2e-6)


@pytest.mark.slow
def test_bfloat16_step_gives_nearly_the_float32_losses():
    images, masks = batch()
    found = []
    for precision in (FLOAT32, choose_precision(CPU, autocast=True, amp_dtype="bfloat16")):
        generator, discriminator = pair()
        step = inpainting_step(
            generator, adam(generator, 1e-4), images, masks, precision, discriminator, adam(discriminator, 4e-4)
        )
        found.append(step[0])
    assert all(loss.dtype == torch.float32 for loss in found[1].values())
    for name in ("loss_D", "first_L1", "second_L1"):  # loss_GAN comes after a step of Adam, which magnifies rounding
        torch.testing.assert_close(found[1][name], found[0][name], rtol=0.02, atol=0.02)


def test_average_lags_behind_and_forgets_its_start():
    network, average = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(average.weight, 100.0)
    nn.init.constant_(network.weight, 1.0)
    update_average(average, network, 0.999, 0)
    assert average.weight.item() == pytest.approx(0.1 * 100 + 0.9)  # the first step keeps a tenth
    update_average(average, network, 0.999, 10**6)
    assert average.weight.item() == pytest.approx(0.999 * 10.9 + 0.001)


def test_frozen_batch_norm_keeps_its_statistics_in_training():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    freeze_batch_norm(network)
    network(torch.rand(2, 3, 8, 8) * 7)
    assert torch.equal(network.state_dict()["1.running_mean"], torch.zeros(4)) and network[0].training


@pytest.mark.parametrize("finite", [True, False])
def test_a_step_whose_gradients_are_not_finite_changes_nothing(finite):
    layer = nn.Linear(2, 1)
    before = copy.deepcopy(layer.state_dict())
    loss = layer(torch.ones(1, 2)).sum()
    if not finite:
        loss.register_hook(lambda gradient: gradient * float("nan"))
    precision = choose_precision(CPU, autocast=True, amp_dtype="bfloat16")
    precision.descend(loss, torch.optim.Adam(layer.parameters(), 0.1, fused=True))
    assert torch.equal(before["weight"], layer.weight) != finite
    assert precision.scaler.get_scale() == pytest.approx(1.0, abs=1e-5)
