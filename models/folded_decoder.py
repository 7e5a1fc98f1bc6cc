"""The segmentation net's decoder for prediction, with its last step computed the short way round.

That step enlarges 48 channels to the size of the picture, joins the picture and convolves to the logits. Enlarging is a
convolution, too: for each of the four pixels that one becomes, both together are one 3×3 kernel on the channels as they
were. So all is computed at half the size, four times as many channels of it, which are then interleaved.

Only beside the border this is another thing, since the picture is continued by zeros once it is enlarged; two pixels
there are computed the long way.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.deeplabv3 import Decoder, DeepLabV3

# Of the pixel before, the pixel itself and the one after it, in one direction: so much goes into each of four pixels,
# from the last one that the pixel before becomes to the first one of the pixel after.
DOUBLED = ((0.75, 0.25, 0), (0.25, 0.75, 0), (0, 0.75, 0.25), (0, 0.25, 0.75))
# Pixels beside the border that are computed the long way, and how many before enlarging they need.
LONG_WAY, LONG_WAY_SOURCE = 2, 3


class FoldedDecoder(nn.Module):
    """A trained `Decoder`; takes it over.

    Args:
        decoder: in evaluation mode.
    """

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder
        last, channels = decoder.conv4, decoder.conv3.out_channels
        classes = last.out_channels
        weight = last.weight.detach()

        self.enlarging = nn.Conv2d(channels, classes, 3, padding=1, bias=False)
        self.enlarging.weight = nn.Parameter(weight[:, :channels].contiguous())

        # Each of the two pixels that one becomes, in one direction, sees three of those four.
        table = torch.tensor(DOUBLED)
        seen = torch.stack([table[0:3], table[1:4]])  # (pixel, tap, source)
        kernels = torch.einsum("pis,qjt,chij->cpqhst", seen, seen, weight[:, :channels])
        self.halved = nn.Conv2d(channels, 4 * classes, 3, padding=1, bias=False)
        self.halved.weight = nn.Parameter(kernels.reshape(4 * classes, channels, 3, 3).contiguous())

        self.picture = nn.Conv2d(last.in_channels - channels, classes, 3, padding=1)
        self.picture.weight = nn.Parameter(weight[:, channels:].contiguous())
        self.picture.bias = last.bias

    def forward(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        """What the decoder it was made from computes.

        Raises:
            ValueError: height or width of the last skip feature are no even numbers.
        """
        height, width = skips[3].shape[-2:]
        if height % 2 or width % 2:
            raise ValueError(f"a folded decoder takes pictures of even sides, this one has {height}×{width}")
        finest = self.decoder.finest(features, skips)
        logits = F.pixel_shuffle(self.halved(finest), 2)

        top = self._long(finest[:, :, :LONG_WAY_SOURCE])[:, :, :LONG_WAY]
        bottom = self._long(finest[:, :, -LONG_WAY_SOURCE:])[:, :, -LONG_WAY:]
        logits = torch.cat([top, logits[:, :, LONG_WAY:-LONG_WAY], bottom], dim=2)
        left = self._long(finest[..., :LONG_WAY_SOURCE])[..., :LONG_WAY]
        right = self._long(finest[..., -LONG_WAY_SOURCE:])[..., -LONG_WAY:]
        return torch.cat([left, logits[..., LONG_WAY:-LONG_WAY], right], dim=3) + self.picture(skips[3])

    def _long(self, finest: Tensor) -> Tensor:
        """Enlarge and convolve."""
        return self.enlarging(F.interpolate(finest, scale_factor=2, mode="bilinear", align_corners=False))


def fold(network: DeepLabV3) -> None:
    """Replace the decoder by its folded form, in place, for export."""
    network.eval()
    assert isinstance(network.decoder, Decoder)
    network.decoder = FoldedDecoder(network.decoder)
