"""One optimisation step of each network: batch in, named losses out. The loop around it is `loop.fit`.

Losses come back as detached scalar tensors on the device, so that a step never waits for it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from models.deepfillv2 import PICTURE_CHANNELS, draw, pictures_of
from models.losses import (
    ADVERSARIAL_LOSSES,
    composite,
    count_by_guide,
    dissimilarity,
    reconstruction,
    weighted_cross_entropy,
)

COARSE_WEIGHT = 0.5  # of the coarse picture in the reconstruction, as published
ALMOST_ONE, NEVER = 1 - 1e-6, 2**31 - 1  # of a GradScaler whose scale stays: less than 1 is what it accepts, and steps
AVERAGE_WARM_UP = 10  # steps before the average reaches back far: its decay is (1 + step) / (10 + step) at most


@dataclass(frozen=True)
class Precision:
    """The number format of the forward pass.

    Attributes:
        device_type: `cpu` or `cuda`.
        dtype: of the autocast operations; None computes everything in float32.
        scaler: leaves out a step whose gradients are not finite; scales losses so that float16 gradients do not vanish.
            Does nothing in float32.
    """

    device_type: str
    dtype: torch.dtype | None
    scaler: torch.amp.GradScaler

    def autocast(self) -> AbstractContextManager[None]:
        """Context of every forward pass."""
        return torch.autocast(self.device_type, dtype=self.dtype, enabled=self.dtype is not None)

    def descend(self, loss: Tensor, optimizer: Optimizer) -> None:
        """Backward pass and one step of the optimiser."""
        self.scaler.scale(loss).backward()
        self.scaler.step(optimizer)
        self.scaler.update()


def choose_precision(device: torch.device, autocast: bool, amp_dtype: str = "auto") -> Precision:
    """The number format for a device.

    Args:
        device: where the networks are.
        autocast: False means float32 throughout.
        amp_dtype: `bfloat16`, `float16`, or `auto`: bfloat16 where the device computes in it, else float16 on a GPU and
            float32 on a CPU, where emulated half precision would be slower.
    """
    dtype = None
    if autocast:
        dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16, "auto": _fast_dtype(device)}[amp_dtype]
    if dtype is torch.float16:
        return Precision(device.type, dtype, torch.amp.GradScaler(device.type))
    # bfloat16 reaches as far as float32: no scale. Yet in a few of a thousand steps on CPUs a gradient is not finite.
    scaler = torch.amp.GradScaler(
        device.type, init_scale=1.0, backoff_factor=ALMOST_ONE, growth_interval=NEVER, enabled=dtype is not None
    )
    return Precision(device.type, dtype, scaler)


def _fast_dtype(device: torch.device) -> torch.dtype | None:
    if device.type == "cuda":
        # Before compute capability 8.0 bfloat16 is emulated and slower than float32.
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else None


def segmentation_step(
    network: nn.Module,
    optimizer: Optimizer,
    images: Tensor,
    labels: Tensor,
    class_weights: Tensor,
    precision: Precision,
) -> dict[str, Tensor]:
    """Update the segmentation net on one batch.

    Args:
        network: `(N, 3, H, W)` → logits `(N, C, H, W)`, in training mode.
        images: `(N, 3, H, W)` float32, normalised.
        labels: `(N, H, W)` int64 in [0, C).
        class_weights: `(C,)` float32.

    Returns:
        `loss`: the mean cross-entropy weighted by class, over the batches of all processes.
    """
    optimizer.zero_grad(set_to_none=True)
    with precision.autocast():
        logits = network(images)
    total, weight = weighted_cross_entropy(logits, labels, class_weights)
    if dist.is_initialized():
        # DistributedDataParallel averages gradients; dividing by the mean weight makes that the gradient of the mean
        # over all processes, as if they were one.
        dist.all_reduce(weight)
        weight = weight / dist.get_world_size()
    loss = total / weight
    precision.descend(loss, optimizer)
    return {"loss": loss.detach()}


def inpainting_step(
    generator: nn.Module,
    optimizer_g: Optimizer,
    images: Tensor,
    masks: Tensor,
    precision: Precision,
    discriminator: nn.Module | None = None,
    optimizer_d: Optimizer | None = None,
    *,
    lambda_l1: float = 1000.0,
    lambda_gan: float = 1.0,
    lambda_ssim: float = 0.0,
    hole_weight: float = 1.0,
    known_weight: float = 0.0,
    rim_px: int = 0,
    gan_type: str = "WGAN",
    update_discriminator: bool = True,
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Update the discriminator, then the generator, on one batch (Yu et al. 2019, arXiv:1806.03589).

    Args:
        generator: images and masks → coarse and refined, `(N, 3, H, W)` in (-1, 1).
        images: `(N, 3, H, W)` float32 in [0, 1], clean; with further channels, see `deepfillv2.draw` and
            `count_by_guide`.
        masks: `(N, 1, H, W)` float32 in [0, 1], 1 in the hole.
        discriminator, optimizer_d: None trains on the reconstruction alone.
        lambda_l1, lambda_gan, lambda_ssim: weights of reconstruction, adversarial loss and `dissimilarity` in the
            generator's step.
        hole_weight, known_weight, rim_px: which pixels count how much, see `reconstruction`.
        gan_type: key of `ADVERSARIAL_LOSSES`.
        update_discriminator: False leaves the discriminator as it is in this step.

    Returns:
        `first_L1` and `second_L1` of the coarse and the refined picture, with `lambda_ssim` the refined one's
        `second_SSIM`, a dissimilarity, and, with a discriminator, `loss_GAN` and (in
        steps that update it) `loss_D`; then coarse and refined of this batch, `(N, 3, H, W)`, detached.
    """
    losses: dict[str, Tensor] = {}
    with precision.autocast():
        coarse, refined = draw(generator, images, masks)
    images, hints = pictures_of(images), images[:, PICTURE_CHANNELS:]
    counts = count_by_guide(pictures_of(hints), images, masks) if hints.shape[1] else 1.0
    second = composite(images, refined.float(), masks)

    if discriminator is not None and optimizer_d is not None and update_discriminator:
        pictures = images, second.detach()
        losses["loss_D"] = _discriminator_step(discriminator, optimizer_d, *pictures, masks, precision, gan_type)

    weights = hole_weight, known_weight, rim_px, counts
    first_l1 = reconstruction(coarse.float(), images, masks, *weights)
    second_l1 = reconstruction(refined.float(), images, masks, *weights)
    loss = lambda_l1 * (second_l1 + COARSE_WEIGHT * first_l1)
    losses |= {"first_L1": first_l1.detach(), "second_L1": second_l1.detach()}
    if lambda_ssim:
        first_ssim = dissimilarity(composite(images, coarse.float(), masks), images, masks, counts)
        second_ssim = dissimilarity(second, images, masks, counts)
        loss = loss + lambda_ssim * (second_ssim + COARSE_WEIGHT * first_ssim)
        losses["second_SSIM"] = second_ssim.detach()
    if discriminator is not None:
        judge = bare(discriminator).requires_grad_(False)  # its gradients are not wanted here and cost half a step
        with precision.autocast():
            fake = judge(second, masks)
        judge.requires_grad_(True)
        loss_gan = ADVERSARIAL_LOSSES[gan_type].generator(fake.float())
        loss = loss + lambda_gan * loss_gan
        losses["loss_GAN"] = loss_gan.detach()
    optimizer_g.zero_grad(set_to_none=True)
    precision.descend(loss, optimizer_g)
    return losses, coarse.detach(), refined.detach()


def _discriminator_step(
    discriminator: nn.Module,
    optimizer: Optimizer,
    images: Tensor,
    filled: Tensor,
    masks: Tensor,
    precision: Precision,
    gan_type: str,
) -> Tensor:
    """Update the discriminator on clean and on filled pictures, both `(N, 3, H, W)`; returns its loss, detached."""
    optimizer.zero_grad(set_to_none=True)
    with precision.autocast():
        fake, real = discriminator(filled, masks), discriminator(images, masks)
    loss = ADVERSARIAL_LOSSES[gan_type].discriminator(real.float(), fake.float())
    precision.descend(loss, optimizer)
    return loss.detach()


def bare(module: nn.Module) -> nn.Module:
    """The network inside the wrapper of distributed training."""
    return module.module if isinstance(module, DistributedDataParallel) else module


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the exponential moving average of the weights towards the network's.

    Not `torch.optim.swa_utils.AveragedModel`: its first update copies the weights instead of averaging them, and it
    knows a first update by a count of its own, which states and checkpoints of the plain network do not hold.

    Args:
        average: a copy of the network; changed in place.
        network: the network after its `step`-th update, counted from 0.
        decay: share of the old average that stays, in [0, 1); less in the first steps, so that the random start is
            soon forgotten.
    """
    decay = min(decay, (1 + step) / (AVERAGE_WARM_UP + step))
    for weight, newest in zip(average.parameters(), bare(network).parameters(), strict=True):
        weight.lerp_(newest, 1 - decay)
    for buffer, current in zip(average.buffers(), bare(network).buffers(), strict=True):
        buffer.copy_(current)


def freeze_batch_norm(network: nn.Module) -> None:
    """Let batch norm layers use their stored statistics also in training: a small batch's own are too noisy."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
