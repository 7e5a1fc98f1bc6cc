"""The segmentation net's decoder for export: the kernels of its last step made beforehand, once for all pictures."""

import torch.nn.functional as F
from torch import Tensor, nn

from models.deeplabv3 import Decoder, DeepLabV3, convolve_doubled, halve_kernels


class FoldedDecoder(nn.Module):
    """A trained `Decoder`; takes it over.

    Args:
        decoder: in evaluation mode.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        last, channels = decoder.conv4, decoder.conv3.out_channels
        enlarged, kept = last.weight.detach().split([channels, last.in_channels - channels], dim=1)
        self.enlarged = nn.Parameter(enlarged.contiguous())
        self.halved = nn.Parameter(halve_kernels(enlarged).contiguous())
        self.kept = nn.Parameter(kept.contiguous())

    def forward(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """What the decoder it was made from computes.

        Raises:
            ValueError: height or width of the last skip feature are no even numbers.
        """
        picture = skips[3]
        height, width = picture.shape[-2:]
        if height % 2 or width % 2:
            raise ValueError(f"a folded decoder takes pictures of even sides, this one has {height}×{width}")
        logits = convolve_doubled(self.decoder.finest(features, skips), self.enlarged, self.halved)
        return logits + F.conv2d(picture, self.kept, self.decoder.conv4.bias, padding=1)


def fold(network: DeepLabV3) -> None:
    """Replace the decoder by its folded form, in place, for export."""
    network.eval()
    assert isinstance(network.decoder, Decoder)
    network.decoder = FoldedDecoder(network.decoder)
