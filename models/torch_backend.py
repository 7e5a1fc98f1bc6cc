"""PyTorch checkpoints as `run` functions (see `utils/stages.py`) on a device."""

from pathlib import Path

import torch
from torch import nn

from models import checkpoint
from models.gated_conv import fold
from utils.arrays import Floats
from utils.spec import NetworkSpec
from utils.stages import Run


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes a GPU where there is one.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"--device {name}: not usable here ({reason}); use --device auto or cpu") from error
    return device


def segmenter_run(
    path: str | Path, device: str | torch.device = "auto", backbone: str | None = None
) -> tuple[Run, NetworkSpec]:
    """The segmentation net of a checkpoint, ready for `utils.stages.Segmenter`.

    Args:
        path, backbone: as in `checkpoint.load_segmenter`.
        device: as in `pick_device`.

    Returns:
        `run`, from images `(N, 3, H, W)` to a tuple of one array, logits `(N, 2 or 4, H, W)`; and the spec.

    Raises:
        FileNotFoundError, ValueError: see `checkpoint.load_segmenter` and `pick_device`.
    """
    network, spec = checkpoint.load_segmenter(path, backbone)
    return as_run(network, device), spec


def inpainter_run(
    path: str | Path,
    device: str | torch.device = "auto",
    imgsize: int | None = None,
    imgresize: int | None = None,
) -> tuple[Run, NetworkSpec]:
    """The generator of a checkpoint, ready for `utils.stages.Inpainter`.

    Args:
        path, imgsize, imgresize: as in `checkpoint.load_generator`.
        device: as in `pick_device`.

    Returns:
        `run`, from images `(N, 3, H, W)` and masks `(N, 1, H, W)` in [0, 1] to the coarse and the refined picture,
        `(N, 3, H, W)` in (-1, 1); and the spec.

    Raises:
        FileNotFoundError, ValueError: see `checkpoint.load_generator` and `pick_device`.
    """
    network, spec = checkpoint.load_generator(path, imgsize=imgsize, imgresize=imgresize)
    fold(network)
    return as_run(network, device), spec


def as_run(network: nn.Module, device: str | torch.device = "auto") -> Run:
    """A network as a function from NCHW float32 arrays to a tuple of them; the network moves to the device."""
    if isinstance(device, str):
        device = pick_device(device)
    network = network.eval().to(device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(*arrays: Floats) -> tuple[Floats, ...]:
        inputs = [torch.from_numpy(array).to(device, memory_format=torch.channels_last) for array in arrays]
        outputs = network(*inputs)
        outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
        return tuple(output.float().cpu().contiguous().numpy() for output in outputs)

    return run
