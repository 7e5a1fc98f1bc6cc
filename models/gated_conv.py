"""Convolution layers of the inpainting networks.

Sources: gated convolution, Yu et al. 2019, arXiv:1806.03589; spectral normalisation, Miyato et al. 2018,
arXiv:1802.05957. The gated layer differs from the paper in that it normalises after the gating, before the activation.
State-dict names are those of the published weights, but spectrally normalised convolutions carry torch's own.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

PaddingMode = Literal["zeros", "reflect", "replicate"]
PAD_MODES: dict[str, PaddingMode] = {"zero": "zeros", "reflect": "reflect", "replicate": "replicate"}  # --pad_type
ACTIVATION_LAYERS: dict[str, Callable[[], nn.Module]] = {  # --activation
    "relu": lambda: nn.ReLU(inplace=True),  # in place: what comes before needs its output no more
    "lrelu": lambda: nn.LeakyReLU(0.2, inplace=True),
    "prelu": nn.PReLU,
    "selu": lambda: nn.SELU(inplace=True),
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


NORM_LAYERS: dict[str, Callable[[int], nn.Module]] = {  # --norm, from the number of channels
    "bn": nn.BatchNorm2d,
    "in": nn.InstanceNorm2d,
    "ln": LayerNorm,
    "none": lambda channels: nn.Identity(),
}


def full_precision(features: Tensor) -> torch.autocast:
    """A context without autocast: the power iteration of a spectral norm needs more digits than half precision has."""
    return torch.autocast(features.device.type, enabled=False)


class Conv2dLayer(nn.Module):
    """Spectrally normalised convolution, normalisation, activation: the layer of the discriminator.

    Args:
        in_channels, out_channels, kernel_size, stride, padding: of the convolution.
        pad_type, activation, norm: keys of `PAD_MODES`, `ACTIVATION_LAYERS` and `NORM_LAYERS`.
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
        self.conv2d = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, padding_mode=PAD_MODES[pad_type]
        )
        spectral_norm(self.conv2d)
        self.norm = NORM_LAYERS[norm](out_channels)
        self.activation = ACTIVATION_LAYERS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` float → `(N, out_channels, H', W')` float."""
        with full_precision(features):
            weight = self.conv2d.weight
        return self.activation(self.norm(self.conv2d._conv_forward(features, weight, self.conv2d.bias)))


class GatedConv2d(nn.Module):
    """activation(norm(conv(x) · sigmoid(gate_conv(x)))).

    The two convolutions keep weights of their own, named as in the published checkpoints, and are computed as one with
    twice the channels, which is faster.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation: of each of the two convolutions.
        pad_type, activation, norm: keys of `PAD_MODES`, `ACTIVATION_LAYERS` and `NORM_LAYERS`.
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
        mode = PAD_MODES[pad_type]
        self.conv2d = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, padding_mode=mode)
        self.mask_conv2d = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation, padding_mode=mode
        )
        if spectral:
            spectral_norm(self.conv2d)
            spectral_norm(self.mask_conv2d)
        self.norm = NORM_LAYERS[norm](out_channels)
        self.activation = ACTIVATION_LAYERS[activation]()

    def forward(self, features: Tensor) -> Tensor:
        """`(N, in_channels, H, W)` float → `(N, out_channels, H', W')` float."""
        with full_precision(features):
            weight, bias = self.joint_weight()
        both = self.conv2d._conv_forward(features, weight, bias)
        return self.activation(self.norm(ThriftyGate.apply(both)))

    def joint_weight(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the convolution that computes both: first the values, then the gates."""
        assert self.conv2d.bias is not None and self.mask_conv2d.bias is not None
        weight = torch.cat((self.conv2d.weight, self.mask_conv2d.weight))
        return weight, torch.cat((self.conv2d.bias, self.mask_conv2d.bias))


class FoldedGatedConv2d(nn.Module):
    """A trained `GatedConv2d` for prediction: one plain convolution, its spectral norms multiplied in."""

    def __init__(self, layer: GatedConv2d) -> None:
        super().__init__()
        weight, bias = layer.joint_weight()
        first = layer.conv2d
        self.conv = nn.Conv2d(
            first.in_channels,
            2 * first.out_channels,
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            first.dilation,  # type: ignore[arg-type]
            padding_mode=first.padding_mode,
        )
        self.conv.weight = nn.Parameter(weight.detach())
        self.conv.bias = nn.Parameter(bias.detach())
        self.norm = layer.norm
        self.activation = layer.activation

    def forward(self, features: Tensor) -> Tensor:
        """What the layer it was made from computes."""
        return self.activation(self.norm(gate(self.conv(features))))


def gate(both: Tensor) -> Tensor:
    """`(N, 2C, H, W)` values and gates → `(N, C, H, W)`, each value times the sigmoid of its gate."""
    values, gates = both.chunk(2, dim=1)
    return values * torch.sigmoid(gates)


class ThriftyGate(torch.autograd.Function):
    """`gate` for training: keeps its input only and computes the sigmoid again, a third less memory."""

    @staticmethod
    def forward(context: Any, both: Tensor) -> Tensor:
        """What `gate` computes."""
        context.save_for_backward(both)
        return gate(both)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Gradient `(N, C, H, W)` of the output → `(N, 2C, H, W)` of values and gates."""
        (both,) = context.saved_tensors
        values, gates = both.chunk(2, dim=1)
        opened = torch.sigmoid(gates)
        passed = gradient * opened
        return torch.cat((passed, passed * values * (1 - opened)), dim=1)


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
        self.gated_conv2d: nn.Module = GatedConv2d(
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


def fold(network: nn.Module) -> None:
    """Replace every `GatedConv2d` inside by its folded form, in place, for prediction and export.

    The spectral norms are those of the network as it is: in evaluation mode no further power iteration is made.
    """
    network.eval()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, GatedConv2d):
                setattr(module, name, FoldedGatedConv2d(child))


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
