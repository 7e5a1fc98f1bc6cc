"""The files of one training: checkpoints, the best weights, the state to go on from, and pictures to look at."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from models.checkpoint import save_checkpoint, write
from models.options import AUTO
from models.tasks import Task
from utils.arrays import Image
from utils.images import write_image


class Checkpoints:
    """Writes and reads the files of one training; only the first process writes.

    Args:
        folder: of checkpoints, best weights and state.
        picture_folder: of pictures to look at.
        name: of the training, begins the names of what is not of one network.
        task: what trains.
        settings: stored in every file, plain values.
        batches: of an epoch.
        epochs: of the whole training.
        batch: samples over all processes.
        seed: of the order of the data.
        writing: False in all processes but the first.

    Attributes:
        best: highest validation score so far, -inf before the first.
        own_state: whether the state in the folder is of this training.
        saved_at: when the files were last written, or this object made; of `time.monotonic`, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        picture_folder: Path,
        name: str,
        task: Task,
        settings: dict[str, Any],
        *,
        batches: int,
        epochs: int,
        batch: int,
        seed: int,
        writing: bool,
    ) -> None:
        self.folder, self.picture_folder, self.name, self.task = folder, picture_folder, name, task
        self.settings, self.batches, self.epochs, self.batch = settings, batches, epochs, batch
        self.writing = writing
        # What the position in the data depends on; a state is of no use where it differs.
        self.layout = {"batch": batch, "batches an epoch": batches, "--seed": seed}
        self.best, self.own_state, self.saved_at = -math.inf, False, time.monotonic()
        if writing:
            folder.mkdir(parents=True, exist_ok=True)
            picture_folder.mkdir(parents=True, exist_ok=True)

    @property
    def state_path(self) -> Path:
        """The file that `AUTO` resumes from."""
        return self.folder / f"{self.name}_state.pth"

    @property
    def log_path(self) -> Path:
        """The file that a `Journal` of this training writes."""
        return self.folder / f"{self.name}_log.jsonl"

    def begin(self, resume: str | None, say: Callable[[str], None]) -> int:
        """Put networks, optimisers and random numbers to where the training goes on, or leave them as they are.

        Args:
            resume: file of a state, `AUTO`, or None to start anew.
            say: prints a line.

        Returns:
            How many steps are done already.

        Raises:
            FileNotFoundError, ValueError: the state cannot be read, or is of another network or other data.
        """
        step, total = 0, self.epochs * self.batches
        if resume == AUTO and not self.state_path.is_file():
            say(f"nothing to resume in {self.folder}: starting anew")
        elif resume:
            step = self._restore(self.state_path if resume == AUTO else Path(resume))
            if step >= total:
                say(
                    f"nothing left to do: {step} steps are done, --epochs {self.epochs} are {total}; give more to go on"
                )
                return step
            say(f"resumed at step {step} of {total}")
        if self.state_path.is_file() and not self.own_state:
            kept = of_earlier(self.state_path).name
            say(f"{self.state_path} is of an earlier training, kept as {kept}; --resume auto would go on with it")
        return step

    def _restore(self, path: Path) -> int:
        state = load_state(path)
        self._check_resumable(state)
        self.task.load_state(state)
        restore_random_states(state["random"])
        self.best, self.own_state = state["best"], path.resolve() == self.state_path.resolve()
        return int(state["step"])

    def _check_resumable(self, state: dict[str, Any]) -> None:
        for name, spec in self.task.specs.items():
            if name not in state["specs"]:
                raise ValueError(f"--resume: the state is of {' and '.join(state['specs'])}, not of {name}")
            before, now = json.loads(state["specs"][name]), json.loads(spec.to_json())
            contradicting = [
                f"{key} was {before.get(key)} and is {value}" for key, value in now.items() if before.get(key) != value
            ]
            if contradicting:
                listed = "; ".join(contradicting)
                raise ValueError(f"--resume: {name}: {listed}; resume with the flags of the first run")
        stated = state["layout"]
        different = [f"{key} was {stated[key]} and is {v}" for key, v in self.layout.items() if stated[key] != v]
        if different:
            raise ValueError(f"--resume: {'; '.join(different)}; start from the checkpoint (…_pretrain) instead")

    def save(self, step: int) -> None:
        """Write the checkpoints of the epoch, the pictures of the last batch and, after the checkpoints, the state.

        Args:
            step: how many steps are done.
        """
        epoch = min(max(step - 1, 0) // self.batches + 1, self.epochs)
        if self.writing:
            for name in self.task.networks:
                self._save_network(name, f"epoch{epoch}_batchsize{self.batch}", step)
            place = {"step": step, "best": self.best, "random": random_states()}
            texts = {name: spec.to_json() for name, spec in self.task.specs.items()}
            if not self.own_state:
                self._keep_earlier(self.state_path)
            stated = {"settings": self.settings, "layout": self.layout, "specs": texts}
            write(self.state_path, {**self.task.state(), **place, **stated})
            for name, picture in self.task.samples().items():
                self.draw(f"epoch{epoch}_{name}", picture)
        self.saved_at, self.own_state = time.monotonic(), True

    def keep_best(self, step: int, scores: dict[str, float]) -> None:
        """Write the weights to `…_best.pth` where the validation has never been better.

        Args:
            step: how many steps are done.
            scores: of the validation, the task's own among them.
        """
        score = scores[self.task.score_name]
        if self.writing and score > self.best:
            for name in self.task.networks:
                if self.best == -math.inf:
                    self._keep_earlier(self._path(name, "best"))
                self._save_network(name, "best", step, scores=scores)
        self.best = max(self.best, score)

    def draw(self, name: str, picture: Image) -> None:
        """Write a picture to look at, `(h, w, 3)` uint8 BGR, in the first process."""
        if self.writing:
            write_image(self.picture_folder / f"{name}.png", picture)

    def _path(self, name: str, ending: str) -> Path:
        return self.folder / f"{name}_{ending}.pth"

    def _save_network(self, name: str, ending: str, step: int, **extras: Any) -> None:
        network, spec = self.task.results()[name], self.task.specs[name]
        save_checkpoint(self._path(name, ending), network, spec, settings=self.settings, step=step, **extras)

    @staticmethod
    def _keep_earlier(path: Path) -> None:
        """Rename the file of an earlier training, if there is one: forgetting --resume must not cost it."""
        if path.is_file():
            path.replace(of_earlier(path))


def of_earlier(path: Path) -> Path:
    """What a file is called once another training has begun in its folder."""
    return path.with_stem(f"{path.stem}_before")


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
