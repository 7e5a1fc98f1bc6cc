"""Inpainting networks: a generator of two gated-convolution stages and a patch discriminator.

Source: DeepFillv2, Yu et al. 2019, arXiv:1806.03589, in the arrangement of the published document-repair weights: both
stages alike, no contextual attention, instance normalisation after the gating.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gated_conv import Conv2dLayer, GatedConv2d, UpsampleGatedConv2d

PICTURE_CHANNELS = 3  # of a training batch; what follows are hints
FILL_LEVELS = 6  # times that a picture is halved before its hole is filled: 256 pixels to 4
FILL_ROUNDS = 4  # in which each size's hole is averaged with what is around it
SHARE_PX = 9  # side of the squares over which the decision between two pictures is averaged
SEEN_TIMES = 4  # a pixel of which a quarter is seen counts as seen
LEAST_SEEN_SHARE = 1e-3  # share of a pixel, by which no more is divided


def gated_stage(
    latent_channels: int, in_channels: int, out_channels: int, pad_type: str, activation: str, norm: str
) -> nn.Sequential:
    """One stage of the generator: down to a quarter of the size, dilated convolutions, and up again.

    Returns:
        16 layers, `(N, in_channels, H, W)` float → `(N, out_channels, H, W)` float in (-1, 1); H and W multiples of 4.
    """
    narrow, middle, wide = latent_channels, 2 * latent_channels, 4 * latent_channels
    style: dict[str, Any] = {"pad_type": pad_type, "activation": activation, "norm": norm}
    return nn.Sequential(
        GatedConv2d(in_channels, narrow, 7, padding=3, pad_type=pad_type, activation=activation, norm="none"),
        GatedConv2d(narrow, middle, 4, stride=2, padding=1, **style),
        GatedConv2d(middle, wide, 3, padding=1, **style),
        GatedConv2d(wide, wide, 4, stride=2, padding=1, **style),
        GatedConv2d(wide, wide, 3, padding=1, **style),
        GatedConv2d(wide, wide, 3, padding=1, **style),
        GatedConv2d(wide, wide, 3, padding=2, dilation=2, **style),
        GatedConv2d(wide, wide, 3, padding=4, dilation=4, **style),
        GatedConv2d(wide, wide, 3, padding=8, dilation=8, **style),
        GatedConv2d(wide, wide, 3, padding=16, dilation=16, **style),
        GatedConv2d(wide, wide, 3, padding=1, **style),
        GatedConv2d(wide, wide, 3, padding=1, **style),
        UpsampleGatedConv2d(wide, middle, 3, padding=1, **style),
        GatedConv2d(middle, middle, 3, padding=1, **style),
        UpsampleGatedConv2d(middle, narrow, 3, padding=1, **style),
        GatedConv2d(narrow, out_channels, 7, padding=3, pad_type=pad_type, activation="tanh", norm="none"),
    )


class InpaintGenerator(nn.Module):
    """Paints the hole of a picture, roughly first, then again over its own result.

    With hints, of which the first `out_channels` are a picture that something else made of the hole, the first stage
    decides between that picture (0) and what surrounds the hole, continued smoothly (1). The second adds what both
    lack.

    Args:
        latent_channels: width of the outermost layers; the innermost have four times as many channels.
        in_channels: picture, mask, and hints where there are any.
        out_channels: of the picture.
        pad_type, activation, norm: keys of `gated_conv.PAD_MODES`, `ACTIVATION_LAYERS` and `NORM_LAYERS`.
    """

    def __init__(
        self,
        latent_channels: int = 64,
        in_channels: int = 4,
        out_channels: int = 3,
        pad_type: str = "zero",
        activation: str = "lrelu",
        norm: str = "in",
    ) -> None:
        super().__init__()
        self.coarse = gated_stage(latent_channels, in_channels, out_channels, pad_type, activation, norm)
        self.refinement = gated_stage(latent_channels, in_channels, out_channels, pad_type, activation, norm)

    def forward(self, images: Tensor, masks: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Paint the holes.

        Args:
            images: `(N, out_channels, H, W)` float in [0, 1], H and W multiples of 4; what the hole hides is not read.
            masks: `(N, 1, H, W)` float in [0, 1], 1 in the hole.
            hints: `(N, in_channels - out_channels - 1, H, W)` float; None if that is no channel.

        Returns:
            The coarse and the refined picture, each `(N, out_channels, H, W)` float in (-1, 1), with hints in (-2, 3).
        """
        known = images * (1 - masks)
        if hints is None:
            first_out = self.coarse(torch.cat((known + masks, masks), dim=1))
            return first_out, self.refinement(torch.cat((known + first_out * masks, masks), dim=1))
        guide, picture = torch.cat((masks, hints), dim=1), hints[:, : images.shape[1]]
        smooth = fill_smoothly(known, masks)
        share = self.coarse(torch.cat((known + smooth * masks, guide), dim=1)).mean(1, keepdim=True)
        share = F.avg_pool2d(share, SHARE_PX, stride=1, padding=SHARE_PX // 2, count_include_pad=False)
        first_out = picture + share * (smooth - picture)
        return first_out, first_out + self.refinement(torch.cat((known + first_out * masks, guide), dim=1))

    def draw_nothing(self) -> None:
        """Let both stages answer 0 everywhere: with hints, training then starts from their picture."""
        for stage in (self.coarse, self.refinement):
            last = stage[-1]
            assert isinstance(last, GatedConv2d) and last.conv2d.bias is not None
            nn.init.zeros_(last.conv2d.weight)
            nn.init.zeros_(last.conv2d.bias)


def fill_smoothly(known: Tensor, masks: Tensor) -> Tensor:
    """What pictures show around their holes, continued into them as smoothly as can be: Laplace's equation, roughly.

    Solved from coarse to fine, on pictures that are halved again and again (multigrid; Brandt 1977).

    Args:
        known: `(N, C, H, W)` float, 0 in the holes.
        masks: `(N, 1, H, W)` float in [0, 1], 1 in the holes.

    Returns:
        `(N, C, H, W)` float; outside the holes the picture itself.
    """
    levels, sums, visible = [], known, 1 - masks
    for _ in range(FILL_LEVELS):
        levels.append((sums, visible))
        sums, visible = (F.avg_pool2d(plane, 2, ceil_mode=True, count_include_pad=False) for plane in (sums, visible))
    filled = sums.mean((2, 3), keepdim=True) / visible.mean((2, 3), keepdim=True).clamp(min=LEAST_SEEN_SHARE)
    for sums, visible in reversed(levels):
        kept = (visible * SEEN_TIMES).clamp(max=1)
        seen, free = sums / visible.clamp(min=LEAST_SEEN_SHARE) * kept, 1 - kept
        filled = seen + free * F.interpolate(filled, sums.shape[2:], mode="bilinear", align_corners=False)
        for _ in range(FILL_ROUNDS):
            filled = seen + free * F.avg_pool2d(filled, 3, stride=1, padding=1, count_include_pad=False)
    return filled


def pictures_of(images: Tensor) -> Tensor:
    """The pictures, `(N, 3, H, W)`, of a batch that may have hints as further channels."""
    return images[:, :PICTURE_CHANNELS]


def draw(generator: nn.Module, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """What a generator makes of a batch of training.

    Args:
        generator: an `InpaintGenerator`, perhaps wrapped.
        images: `(N, 3 + hints, H, W)` float in [0, 1], the pictures and after them the generator's hints, if any.
        masks: `(N, 1, H, W)` float in [0, 1].

    Returns:
        See `InpaintGenerator.forward`.
    """
    if images.shape[1] == PICTURE_CHANNELS:
        return generator(images, masks)
    return generator(pictures_of(images), masks, images[:, PICTURE_CHANNELS:])


class PatchDiscriminator(nn.Module):
    """Scores how real each patch of a picture looks, given where it was painted.

    Args:
        latent_channels: width of the first layer; the inner ones have up to four times as many channels.
        in_channels: picture and mask.
        pad_type, activation, norm: keys of `gated_conv.PAD_MODES`, `ACTIVATION_LAYERS` and `NORM_LAYERS`.
    """

    def __init__(
        self,
        latent_channels: int = 64,
        in_channels: int = 4,
        pad_type: str = "zero",
        activation: str = "lrelu",
        norm: str = "in",
    ) -> None:
        super().__init__()
        narrow, middle, wide = latent_channels, 2 * latent_channels, 4 * latent_channels
        style: dict[str, Any] = {"pad_type": pad_type, "activation": activation, "norm": norm}
        self.block1 = Conv2dLayer(in_channels, narrow, 7, 1, 3, pad_type, activation, norm="none")
        self.block2 = Conv2dLayer(narrow, middle, 4, 2, 1, **style)
        self.block3 = Conv2dLayer(middle, wide, 4, 2, 1, **style)
        self.block4 = Conv2dLayer(wide, wide, 4, 2, 1, **style)
        self.block5 = Conv2dLayer(wide, wide, 4, 2, 1, **style)
        self.block6 = Conv2dLayer(wide, 1, 4, 2, 1, pad_type, activation="none", norm="none")

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Score the patches of a batch.

        Args:
            images: `(N, in_channels - 1, H, W)` float in [0, 1].
            masks: `(N, 1, H, W)` float in [0, 1], 1 in the hole.

        Returns:
            `(N, 1, H/32, W/32)` float scores, high where the picture looks real.
        """
        features = torch.cat((images, masks), dim=1)
        for block in (self.block1, self.block2, self.block3, self.block4, self.block5, self.block6):
            features = block(features)
        return features
