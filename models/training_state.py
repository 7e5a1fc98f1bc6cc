"""Reading back what a training needs to go on where it was interrupted; it is written by `checkpoint.write`."""

from pathlib import Path
from typing import Any

import torch


def load_state(path: str | Path) -> dict[str, Any]:
    """Read a training state to the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a training state.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"--resume {path}: no such file; it is written as …_state.pth beside the checkpoints")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no exception of its own
        raise ValueError(
            f"--resume {path}: cannot be read, it is damaged or no training state; give another …_state.pth, or start "
            "from a checkpoint (…_pretrain)"
        ) from error
    if not isinstance(state, dict) or not {"step", "optimizers", "layout"} <= state.keys():
        raise ValueError(f"--resume {path}: is not a training state; give the file …_state.pth, not a checkpoint")
    return state


def random_states() -> dict[str, Any]:
    """States of PyTorch's random generators on the CPU and on this process's GPU; they are equal in all processes."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None}


def restore_random_states(states: dict[str, Any]) -> None:
    """Put back what `random_states` returned."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available() and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"])
