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


class Decoder(nn.Module):
    """Four times: upsample to the next finer skip feature, concatenate it, convolve."""

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
        return self.conv4(self._join(self.finest(features, skips), skips[3]))

    def finest(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """The features at 1/2 that the last step starts from."""
        features = F.relu(self.bn1(self.conv1(self._join(features, skips[0]))))
        features = F.relu(self.bn2(self.conv2(self._join(features, skips[1]))))
        return F.relu(self.bn3(self.conv3(self._join(features, skips[2]))))

    @staticmethod
    def _join(features: Tensor, skip: Tensor) -> Tensor:
        upsampled = F.interpolate(features, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat((upsampled, skip), dim=1)


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
