"""Convolution layers of the inpainting networks.

Sources: gated convolution, Yu et al. 2019, arXiv:1806.03589; spectral normalisation, Miyato et al. 2018,
arXiv:1802.05957. The gated layer differs from the paper in that it normalises after the gating, before the activation.
State-dict names are those of the published weights, but spectrally normalised convolutions carry torch's own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

PAD_MODES = {"zero": "zeros", "reflect": "reflect", "replicate": "replicate"}  # the choices of --pad_type
ACTIVATIONS = {  # the choices of --activation
    "relu": nn.ReLU,
    "lrelu": lambda: nn.LeakyReLU(0.2),
    "prelu": nn.PReLU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}


class LayerNorm(nn.Module):
    """Normalise each sample over channels and pixels, then scale and shift each channel.

    Differs from `nn.GroupNorm(1, channels)` as the published layer does: standard deviation with Bessel's correction,
    epsilon added to it rather than to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """`(N, channels, H, W)` float → the same shape, computed in float32."""
        values = features.float()
        std, mean = torch.std_mean(values, dim=(1, 2, 3), keepdim=True)
        scaled = (values - mean) / (std + self.eps) * self.gamma.view(1, -1, 1, 1) + self.beta.view(1, -1, 1, 1)
        return scaled.to(features.dtype)


NORMS = {  # the choices of --norm; each takes the number of channels
    "bn": nn.BatchNorm2d,
    "in": nn.InstanceNorm2d,
    "ln": LayerNorm,
    "none": lambda channels: nn.Identity(),
}


def weight_of(conv: nn.Conv2d) -> Tensor:
    """The weight a convolution applies, in its own precision.

    A spectral norm is estimated outside of autocast: a power iteration needs more digits than half precision has.
    """
    with torch.autocast(conv.bias.device.type, enabled=False):
        return conv.weight


def convolve(conv: nn.Conv2d, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve as `conv` does, with its stride, dilation and padding, but with the given weight and bias."""
    if conv.padding_mode == "zeros":
        return F.conv2d(features, weight, bias, conv.stride, conv.padding, conv.dilation)
    rows, columns = conv.padding
    padded = F.pad(features, (columns, columns, rows, rows), mode=conv.padding_mode)
    return F.conv2d(padded, weight, bias, conv.stride, 0, conv.dilation)


class Conv2dLayer(nn.Module):
    """Spectrally normalised convolution, normalisation, activation: the layer of the discriminator.

    Args:
        in_channels, out_channels, kernel_size, stride, padding: of the convolution.
        pad_type, activation, norm: keys of `PAD_MODES`, `ACTIVATIONS` and `NORMS`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        pad_type: str = "zero",
        activation: str = "lrelu",
        norm: str = "in",
    ) -> None:
        super().__init__()
        self.conv2d = spectral_norm(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, padding_mode=PAD_MODES[pad_type])
        )
        self.norm = NORMS[norm](out_channels)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` float → `(N, out_channels, H', W')` float."""
        features = convolve(self.conv2d, features, weight_of(self.conv2d), self.conv2d.bias)
        return self.activation(self.norm(features))


class GatedConv2d(nn.Module):
    """activation(norm(conv(x) · sigmoid(gate_conv(x)))).

    The two convolutions keep weights of their own, named as in the published checkpoints, and are computed as one with
    twice the channels, which is faster: the input is read once.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation: of each of the two convolutions.
        pad_type, activation, norm: keys of `PAD_MODES`, `ACTIVATIONS` and `NORMS`.
        spectral: normalise the weight of each of the two by its largest singular value.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        pad_type: str = "zero",
        activation: str = "lrelu",
        norm: str = "in",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        for name in ("conv2d", "mask_conv2d"):
            conv = nn.Conv2d(
                in_channels, out_channels, kernel_size, stride, padding, dilation, padding_mode=PAD_MODES[pad_type]
            )
            self.add_module(name, spectral_norm(conv) if spectral else conv)
        self.norm = NORMS[norm](out_channels)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` float → `(N, out_channels, H', W')` float."""
        both = convolve(self.conv2d, features, *self.joint_weight())
        values, gates = both.chunk(2, dim=1)
        return self.activation(self.norm(values * torch.sigmoid(gates)))

    def joint_weight(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution that computes both: values first, then gates."""
        weight = torch.cat((weight_of(self.conv2d), weight_of(self.mask_conv2d)))
        return weight, torch.cat((self.conv2d.bias, self.mask_conv2d.bias))


class UpsampleGatedConv2d(nn.Module):
    """Nearest-neighbour enlargement by two, then a spectrally normalised gated convolution.

    Args:
        in_channels, out_channels, kernel_size, padding, pad_type, activation, norm: as in `GatedConv2d`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        padding: int = 0,
        pad_type: str = "zero",
        activation: str = "lrelu",
        norm: str = "in",
    ) -> None:
        super().__init__()
        self.gated_conv2d = GatedConv2d(
            in_channels,
            out_channels,
            kernel_size,
            padding=padding,
            pad_type=pad_type,
            activation=activation,
            norm=norm,
            spectral=True,
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` float → `(N, out_channels, 2H, 2W)` float."""
        return self.gated_conv2d(F.interpolate(features, scale_factor=2.0, mode="nearest"))


def initialise(network: nn.Module, init_type: str = "xavier", init_gain: float = 0.02) -> None:
    """Draw the convolution weights of an inpainting network anew, in place.

    Spectrally normalised convolutions keep PyTorch's default, as in the published training: the normalisation divides
    their scale out. So do all biases.

    Args:
        network: an `InpaintGenerator` or a `PatchDiscriminator`.
        init_type: a key of `INITIALISERS`.
        init_gain: standard deviation for `normal`, factor for `xavier` and `orthogonal`; `kaiming` has none.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not parametrize.is_parametrized(module):
            INITIALISERS[init_type](module.weight, init_gain)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)


INITIALISERS = {  # the choices of --init_type
    "normal": lambda weight, gain: nn.init.normal_(weight, std=gain),
    "xavier": lambda weight, gain: nn.init.xavier_normal_(weight, gain=gain),
    "kaiming": lambda weight, gain: nn.init.kaiming_normal_(weight, mode="fan_in"),
    "orthogonal": lambda weight, gain: nn.init.orthogonal_(weight, gain=gain),
}
