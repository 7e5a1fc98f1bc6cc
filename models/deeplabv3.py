"""Segmentation net: dilated encoder, ASPP and a decoder with skips down to the input itself.

Sources: DeepLabv3, Chen et al. 2017, arXiv:1706.05587; the decoder follows Background Matting V2, Lin et al. 2020,
arXiv:2012.07810. ASPP is torchvision's, with rates 3, 6 and 9.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP

from models.backbones import build_backbone
from models.distributed import WholeBatchDropout

ASPP_RATES = (3, 6, 9)  # dilations of its 3×3 convolutions; all three lines as published
ASPP_CHANNELS = 256  # of each branch and of their sum
DECODER_CHANNELS = (128, 64, 48)  # after each doubling of the size

# Of the pixel before, the pixel itself and the one after it, in one direction, so much goes into each of four pixels of
# twice the size: from the last one that the pixel before becomes to the first one of the pixel after.
DOUBLED = ((0.75, 0.25, 0), (0.25, 0.75, 0), (0, 0.75, 0.25), (0, 0.25, 0.75))
# Pixels beside the border that are computed the long way, and how many before enlarging they need.
LONG_WAY, LONG_WAY_SOURCE = 2, 3


class Decoder(nn.Module):
    """Four times: upsample to the next finer skip feature, concatenate it, convolve.

    The last time the short way round, see `convolve_doubled`: 48 channels at the size of the picture take as long as
    the rest of the decoder.
    """

    def __init__(self, in_channels: int, skip_channels: tuple[int, int, int, int], num_classes: int) -> None:
        super().__init__()
        first, second, third = DECODER_CHANNELS
        self.conv1 = nn.Conv2d(in_channels + skip_channels[0], first, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first + skip_channels[1], second, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(second)
        self.conv3 = nn.Conv2d(second + skip_channels[2], third, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(third)
        self.conv4 = nn.Conv2d(third + skip_channels[3], num_classes, 3, padding=1)

    def forward(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """Logits at the size of the last skip feature, from features at 1/16 and skips at 1/8, 1/4, 1/2 and 1/1."""
        finest, picture = self.finest(features, skips), skips[3]
        if any(2 * side != size for side, size in zip(finest.shape[-2:], picture.shape[-2:], strict=True)):
            return self.conv4(self._join(finest, picture))
        enlarged, kept = self.conv4.weight.split([finest.shape[1], picture.shape[1]], dim=1)
        logits = convolve_doubled(finest, enlarged, halve_kernels(enlarged))
        return logits + F.conv2d(picture, kept, self.conv4.bias, padding=1)

    def finest(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """The features at 1/2 that the last step starts from."""
        features = F.relu(self.bn1(self.conv1(self._join(features, skips[0]))))
        features = F.relu(self.bn2(self.conv2(self._join(features, skips[1]))))
        return F.relu(self.bn3(self.conv3(self._join(features, skips[2]))))

    @staticmethod
    def _join(features: Tensor, skip: Tensor) -> Tensor:
        upsampled = F.interpolate(features, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat((upsampled, skip), dim=1)


def halve_kernels(kernels: Tensor) -> Tensor:
    """What does at the size before bilinear doubling what `kernels` do after it.

    Doubling is a convolution, too: for each of the four pixels that one becomes, both together are one 3×3 kernel on
    the channels as they were.

    Args:
        kernels: `(classes, channels, 3, 3)`.

    Returns:
        `(4 * classes, channels, 3, 3)`, to be interleaved by `pixel_shuffle`.
    """
    classes, channels = kernels.shape[:2]
    # Each of the two pixels that one becomes, in one direction, sees three of the four: (tap, pixel and source).
    table = kernels.new_tensor(DOUBLED)
    seen = torch.cat([table[0:3], table[1:4]], dim=1)
    with torch.autocast(kernels.device.type, enabled=False):
        halved = (kernels.transpose(2, 3) @ seen).transpose(2, 3) @ seen
    halved = halved.reshape(classes, channels, 2, 3, 2, 3).permute(0, 2, 4, 1, 3, 5)
    return halved.reshape(4 * classes, channels, 3, 3)


def convolve_doubled(features: Tensor, kernels: Tensor, halved: Tensor) -> Tensor:
    """Double the size bilinearly and convolve, at half the size and so in a quarter of the time.

    Only beside the border both are not the same, since the picture is continued by zeros once it is enlarged; two
    pixels there are computed the long way.

    Args:
        features: `(N, channels, h, w)`.
        kernels: `(classes, channels, 3, 3)`.
        halved: what `halve_kernels` makes of them.

    Returns:
        `(N, classes, 2h, 2w)`.
    """

    def long(part: Tensor) -> Tensor:
        enlarged = F.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
        return F.conv2d(enlarged, kernels, padding=1)

    inner = F.pixel_shuffle(F.conv2d(features, halved, padding=1), 2)
    top = long(features[:, :, :LONG_WAY_SOURCE])[:, :, :LONG_WAY]
    bottom = long(features[:, :, -LONG_WAY_SOURCE:])[:, :, -LONG_WAY:]
    inner = torch.cat([top, inner[:, :, LONG_WAY:-LONG_WAY], bottom], dim=2)
    left = long(features[..., :LONG_WAY_SOURCE])[..., :LONG_WAY]
    right = long(features[..., -LONG_WAY_SOURCE:])[..., -LONG_WAY:]
    return torch.cat([left, inner[..., LONG_WAY:-LONG_WAY], right], dim=3)


class DeepLabV3(nn.Module):
    """Which class each pixel of a picture belongs to.

    Args:
        backbone: one of `utils.spec.BACKBONES`.
        in_channels: channels of the input.
        num_classes: classes, 2 or 4 of them, see `utils.classes`.
    """

    def __init__(self, backbone: str = "resnet50", in_channels: int = 3, num_classes: int = 2) -> None:
        super().__init__()
        self.backbone = build_backbone(backbone, in_channels)
        self.aspp = ASPP(self.backbone.out_channels, ASPP_RATES, ASPP_CHANNELS)
        *layers, dropout = self.aspp.project
        self.aspp.project = nn.Sequential(*layers, WholeBatchDropout(dropout.p))
        self.decoder: nn.Module = Decoder(ASPP_CHANNELS, self.backbone.skip_channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch.

        Args:
            images: `(N, in_channels, H, W)` float, normalised.

        Returns:
            `(N, num_classes, H, W)` float logits.
        """
        features, skips = self.backbone(images)
        return self.decoder(self.aspp(features), skips)
