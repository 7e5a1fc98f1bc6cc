"""Wider networks that start from what narrower ones have learnt.

Source: Net2WiderNet, Chen et al. 2016, arXiv:1511.05641. It lets the copies of a channel differ by noise, which changes
what the network answers. Here the noise of the copies adds up to nothing, so that the answer stays.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

NOISE = 0.5  # deviation of what makes copies differ, as a share of the weights': a wide layer's usual deviation again
SPECTRAL_VECTORS = ("._u", "._v")  # how names end that hold singular vectors, of unit length, of a spectral norm
SPECTRAL_WEIGHT = ".parametrizations.weight.original"  # noise would enlarge its norm


def widen(narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a wide network that answers as a narrow one of the same layers does.

    Each channel is repeated. Layers read the copies with weights that differ, or all would learn the same.

    Args:
        narrow: a state dict of convolutions, with spectral norms or without, and of what normalises their channels.
        wide: another of the same names, of which the sizes alone are read.

    Returns:
        Tensors by the names of `narrow`, float32 or more precise, of the sizes in `wide`.

    Raises:
        ValueError: the names differ, or a size is no multiple.
    """
    if narrow.keys() != wide.keys():
        raise ValueError(f"other layers: {', '.join(sorted(narrow.keys() ^ wide.keys()))}")
    return {name: _repeat(name, tensor, wide[name].shape) for name, tensor in narrow.items()}


def _repeat(name: str, tensor: Tensor, size: torch.Size) -> Tensor:
    """A weight, `(out, in, …)`, or what a channel has, `(out)`, for as many times as many channels as `size` has."""
    channel_axes = 2 if tensor.dim() > 1 else tensor.dim()
    fits = tensor.dim() == len(size) and tensor.shape[channel_axes:] == size[channel_axes:]
    if not fits or any(wide % narrow for narrow, wide in zip(tensor.shape, size, strict=True)):
        raise ValueError(f"{name}: {tuple(size)} is no multiple of {tuple(tensor.shape)}")
    if tensor.dim() == 0:
        return tensor.clone()
    tensor = tensor.to(torch.promote_types(tensor.dtype, torch.float32))  # in half precision the noise would not add up
    rows = tensor.repeat(size[0] // tensor.shape[0], *[1] * (tensor.dim() - 1))
    if name.endswith(SPECTRAL_VECTORS):
        return rows / rows.norm()
    copies = size[1] // tensor.shape[1] if tensor.dim() > 1 else 1
    if copies == 1:
        return rows
    deviation = 0 if name.endswith(SPECTRAL_WEIGHT) else tensor.std() * NOISE
    noise = torch.randn(copies, *rows.shape, dtype=rows.dtype) * deviation
    return torch.cat(tuple(rows / copies + noise - noise.mean(0)), dim=1)
