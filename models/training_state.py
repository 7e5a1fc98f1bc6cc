"""Reading back what a training needs to go on where it was interrupted; it is written by `checkpoint.write`."""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist


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
        raise ValueError(f"--resume {path}: cannot be read as a training state ({error})") from error
    if not isinstance(state, dict) or not {"step", "optimizers", "layout"} <= state.keys():
        raise ValueError(f"--resume {path}: is not a training state; give the file …_state.pth, not a checkpoint")
    return state


def random_states() -> list[dict[str, Any]]:
    """States of PyTorch's random generators, of every process; they must all call it."""
    own = {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}
    if not dist.is_initialized():
        return [own]
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, own)
    return states


def restore_random_states(states: list[dict[str, Any]]) -> None:
    """Put back what `random_states` returned; a process more than there were keeps its own."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    if rank >= len(states):
        return
    torch.set_rng_state(states[rank]["cpu"])
    if torch.cuda.is_available() and len(states[rank]["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states[rank]["cuda"])
