"""Encoders of the segmentation net: torchvision's ResNet and MobileNetV2 without their classifiers.

Sources: ResNet, He et al. 2015, arXiv:1512.03385; MobileNetV2, Sandler et al. 2018, arXiv:1801.04381. Both differ from
ImageNet's classifiers in that the last stage is dilated instead of strided, so that the deepest features keep 1/16 of
the input's size. State-dict names are torchvision's.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.resnet import Bottleneck, ResNet

from utils.spec import BACKBONES

RESNET_LAYERS = {"resnet50": [3, 4, 6, 3], "resnet101": [3, 4, 23, 3]}


class ResNetEncoder(ResNet):
    """ResNet-50 or ResNet-101 whose last stage is dilated.

    Attributes:
        out_channels: channels of the deepest features.
        skip_channels: channels of the skip features, deepest first; the input itself is the last of them.
    """

    def __init__(self, backbone: str, in_channels: int = 3) -> None:
        super().__init__(Bottleneck, RESNET_LAYERS[backbone], replace_stride_with_dilation=[False, False, True])
        if in_channels != 3:
            self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        del self.avgpool, self.fc
        self.out_channels = 2048
        self.skip_channels = (512, 256, 64, in_channels)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features of a batch.

        Args:
            images: `(N, in_channels, H, W)` float, normalised.

        Returns:
            The deepest features, `(N, out_channels, H/16, W/16)`, and the skip features at 1/8, 1/4, 1/2 and 1/1.
        """
        half = F.relu(self.bn1(self.conv1(images)))
        quarter = self.layer1(self.maxpool(half))
        eighth = self.layer2(quarter)
        return self.layer4(self.layer3(eighth)), [eighth, quarter, half, images]


class DilatedDepthwise(nn.Conv2d):
    """A depthwise 3×3 convolution dilated by 2, with the weights of an undilated one.

    Training on a CPU it runs without dilation on the four grids of every other pixel, which is the same: the gradients
    of a dilated one take oneDNN eight times as long in bfloat16, with the way to the grids and back.
    """

    def __init__(self, undilated: nn.Conv2d) -> None:
        channels = undilated.in_channels
        super().__init__(channels, channels, 3, padding=2, dilation=2, groups=channels, bias=False)
        self.weight = undilated.weight

    def forward(self, features: Tensor) -> Tensor:
        """`(N, channels, h, w)` to the same shape."""
        n, c, h, w = features.shape
        if not self.training or features.device.type != "cpu" or h % 2 or w % 2:
            return super().forward(features)
        pixels = features.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c)
        grids = pixels.permute(2, 4, 0, 1, 3, 5).reshape(4 * n, h // 2, w // 2, c).permute(0, 3, 1, 2)
        grids = F.conv2d(grids, self.weight, padding=1, groups=c)
        pixels = grids.permute(0, 2, 3, 1).reshape(2, 2, n, h // 2, w // 2, c)
        return pixels.permute(2, 3, 0, 4, 1, 5).reshape(n, h, w, c).permute(0, 3, 1, 2)


class MobileNetV2Encoder(MobileNetV2):
    """MobileNetV2 without its last 1×1 block, its last stage dilated.

    Its first block, 14, loses the stride; the blocks after it are dilated by 2, so that they still see the neighbours
    they were trained with.

    Attributes:
        out_channels: channels of the deepest features.
        skip_channels: channels of the skip features, deepest first; the input itself is the last of them.
    """

    SKIP_BLOCKS = (6, 3, 1)  # the last blocks at 1/8, 1/4 and 1/2 of the input's size
    UNSTRIDED_BLOCK = 14
    DILATED_BLOCKS = (15, 16, 17)

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        if in_channels != 3:
            self.features[0][0] = nn.Conv2d(in_channels, 32, kernel_size=3, stride=2, padding=1, bias=False)
        del self.features[18], self.classifier
        self.features[self.UNSTRIDED_BLOCK].conv[1][0].stride = (1, 1)
        for block in self.DILATED_BLOCKS:
            depthwise = self.features[block].conv[1]
            depthwise[0] = DilatedDepthwise(depthwise[0])
        self.out_channels = 320
        self.skip_channels = (32, 24, 16, in_channels)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features of a batch.

        Args:
            images: `(N, in_channels, H, W)` float, normalised.

        Returns:
            The deepest features, `(N, out_channels, H/16, W/16)`, and the skip features at 1/8, 1/4, 1/2 and 1/1.
        """
        skips = [images]
        features = images
        for index, block in enumerate(self.features):
            features = block(features)
            if index in self.SKIP_BLOCKS:
                skips.insert(0, features)
        return features, skips


def build_backbone(backbone: str, in_channels: int = 3) -> ResNetEncoder | MobileNetV2Encoder:
    """The encoder called `backbone`, one of `BACKBONES`, with random weights.

    Raises:
        ValueError: there is no such encoder.
    """
    if backbone == "mobilenetv2":
        return MobileNetV2Encoder(in_channels)
    if backbone in RESNET_LAYERS:
        return ResNetEncoder(backbone, in_channels)
    raise ValueError(f"--backbone {backbone}: must be one of {', '.join(BACKBONES)}")
