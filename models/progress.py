"""What a training reports and when it stops: losses fetched late, JSON lines, signals, learning-rate schedules."""

import json
import math
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import torch
from torch import Tensor
from tqdm import tqdm

from models import distributed
from models.distributed import any_process, mean_over_processes


class NotFinite(ValueError):
    """A loss is not a number or infinite; the message names the step and every loss."""


class PendingLosses:
    """Losses of steps that nobody has looked at yet; they stay on the device until they are shown."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, dict[str, Tensor]]] = []

    def add(self, step: int, losses: dict[str, Tensor]) -> None:
        """Keep the detached losses of a step."""
        self.steps.append((step, losses))

    def fetch(self) -> dict[str, float]:
        """Look at all of them: the newest value of every loss, averaged over the processes.

        Raises:
            NotFinite: one of them is not finite; it names the first such step.
        """
        if not self.steps:
            return {}
        values = torch.stack([loss.float() for _, losses in self.steps for loss in losses.values()])
        numbers = iter(mean_over_processes(values).tolist())
        newest: dict[str, float] = {}
        for step, losses in self.steps:
            at_step = {name: next(numbers) for name in losses}
            if not all(map(math.isfinite, at_step.values())):
                named = ", ".join(f"{name} = {value}" for name, value in at_step.items())
                raise NotFinite(f"step {step}: a loss is not finite: {named}")
            newest |= at_step
        self.steps.clear()
        return newest


class Journal:
    """One JSON object a line, and TensorBoard where it is installed.

    While it is open no other process can open it, where the system has locks: two trainings of one network in one
    folder would overwrite each other's checkpoints.

    Args:
        path: of the file; None writes nothing, as all processes but the first.
        keep_until: lines of later steps are dropped, so that a resumed run continues the file without repeating
            itself; None starts it anew.

    Raises:
        OSError: the file cannot be written, or another process has it.
    """

    def __init__(self, path: Path | None, keep_until: int | None) -> None:
        self.file: TextIO | None = None
        self.board: Any = None
        if path is None:
            return
        self.file = path.open("a+", encoding="utf-8", errors="backslashreplace")
        self._lock(self.file, path)
        kept = []
        if keep_until is not None:
            self.file.seek(0)
            kept = [line for line in self.file if line.endswith("\n") and json.loads(line)["step"] <= keep_until]
        self.file.truncate(0)
        self.file.writelines(kept)
        self.file.flush()
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.board = SummaryWriter(str(path.with_suffix("")), purge_step=None if keep_until is None else keep_until + 1)

    @staticmethod
    def _lock(file: TextIO, path: Path) -> None:
        try:
            import fcntl
        except ImportError:  # Windows
            return
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except (BlockingIOError, PermissionError):
            raise OSError(
                f"another training is writing '{path}'; let it end, or name another folder (--save_path)"
            ) from None
        except OSError:  # a file system without locks
            return

    def close(self) -> None:
        """Write what TensorBoard still holds back; lines of the file are there already."""
        if self.file is not None:
            self.file.close()
        if self.board is not None:
            self.board.close()

    def write(self, event: str, step: int, **values: Any) -> None:
        """Append a line; numbers go to TensorBoard too."""
        if self.file is None:
            return
        self.file.write(json.dumps({"event": event, "step": step, **values}, ensure_ascii=False) + "\n")
        self.file.flush()
        if self.board is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self.board.add_scalar(f"{event}/{name}", value, step)


class Stopper:
    """Asks for an orderly end: on SIGTERM, on Ctrl-C, after `max_hours`.

    Args:
        device: where the processes of a distributed run agree.
        max_hours: None for no limit.
    """

    def __init__(self, device: torch.device, max_hours: float | None) -> None:
        self.device = device
        self.deadline = time.monotonic() + max_hours * 3600 if max_hours else math.inf
        self.signal: int | None = None
        self.before = {number: signal.signal(number, self._notice) for number in (signal.SIGTERM, signal.SIGINT)}

    def _notice(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:  # a second Ctrl-C does not want to wait
            raise KeyboardInterrupt
        self.signal = number

    def restore(self) -> None:
        """Give signals back to whoever had them."""
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether to stop, the same answer in all processes; they must all ask."""
        return any_process(self.signal is not None or time.monotonic() > self.deadline, self.device)

    @property
    def exit_status(self) -> int:
        """0 after the agreed time, 128 + the signal otherwise."""
        return 128 + self.signal if self.signal is not None else 0


class Lately:
    """Conditions that have held for so many looks in a row, each told once.

    Args:
        patience: looks.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.counts: dict[str, int] = {}

    def persistent(self, conditions: dict[str, str]) -> list[str]:
        """The conditions among those found that have just lasted long enough."""
        self.counts = {name: self.counts.get(name, 0) + 1 for name in conditions}
        return [f"{name}: {text}" for name, text in conditions.items() if self.counts[name] == self.patience]


def published_factor(epoch: int, batch: int, batches: int, every: int, factor: float) -> float:
    """Learning-rate factor of the published schedule.

    Args:
        epoch, batch: both from 0; the batch about to be trained on.
        batches: of an epoch.
        every: the rate falls after so many batches of an epoch.
        factor: at every fall.
    """
    return factor ** (epoch * (batches // every) + batch // every)


def cosine_factor(step: int, total: int) -> float:
    """Learning-rate factor that falls from 1 to 0 along half a cosine; `step` counts from 0."""
    return 0.5 * (1 + math.cos(math.pi * min(step / total, 1)))


def say(text: str) -> None:
    """Print a line above the progress bar, in the first process only."""
    if distributed.rank() == 0:
        tqdm.write(text, file=sys.stdout)
        sys.stdout.flush()


def show(values: dict[str, float]) -> str:
    """Losses as a short text."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
