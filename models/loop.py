"""The loop of a training: batch after batch, with an eye on the losses, validation, checkpoints, an orderly end."""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from models import distributed
from models.progress import (
    Journal,
    Lately,
    NotFinite,
    PendingLosses,
    Stopper,
    cosine_factor,
    published_factor,
    say,
    show,
)
from models.tasks import Task
from models.training_state import Checkpoints
from utils.flags import check_above_zero
from utils.metrics import mean

GRID_ROWS = 4  # validation pictures in the grid that is written every epoch
WARNING_PATIENCE = 20  # looks at the losses in a row that must agree before a warning
REDRAW_SECONDS, REDRAW_SECONDS_IN_A_FILE = 1, 30  # between two states of the progress bar

Batch = tuple[Tensor, Tensor, list[str]]


class Data(Protocol):
    """What the loop asks of its data; a batch is images, targets, and lines about bad samples met on the way."""

    batches: int  # of an epoch

    @property
    def has_held_out(self) -> bool: ...

    @property
    def bad_count(self) -> int: ...

    def epoch(self, number: int, skip: int) -> Iterator[Batch]: ...

    def held_out_batches(self) -> Iterator[Batch]: ...

    def held_out_rows(self, count: int) -> Batch: ...


@dataclass(frozen=True)
class Plan:
    """How long a training goes on, at which rate, and how often it looks and saves.

    Attributes:
        epochs: passes over the data.
        lr_schedule: `published`, see `published_factor`, or `cosine`, see `cosine_factor`.
        lr_decrease_step: after so many batches of an epoch the published rate falls, and checkpoints are written.
        lr_decrease_factor: by how much it falls.
        total_steps: length of the cosine in batches; None: the whole training.
        log_every: batches between two looks at the losses.
        save_every: minutes after which checkpoints are written as well, None for never.
        max_hours: after which to save and stop, None for no limit.

    Raises:
        ValueError: `lr_decrease_factor` is not above 0.
    """

    epochs: int
    lr_schedule: str
    lr_decrease_step: int
    lr_decrease_factor: float
    total_steps: int | None
    log_every: int
    save_every: float | None
    max_hours: float | None

    def __post_init__(self) -> None:
        check_above_zero(lr_decrease_factor=self.lr_decrease_factor)

    def rate_factor(self, step: int, batches: int) -> float:
        """Learning-rate factor of step number `step`, from 0, with so many batches an epoch."""
        if self.lr_schedule == "cosine":
            return cosine_factor(step, self.total_steps or self.epochs * batches)
        epoch, batch = divmod(step, batches)
        return published_factor(epoch, batch, batches, self.lr_decrease_step, self.lr_decrease_factor)


def fit(task: Task, data: Data, checkpoints: Checkpoints, plan: Plan, journal: Journal, step: int) -> int:
    """Train to the end of the plan, or until somebody asks to stop.

    Args:
        task: what trains.
        data: what it trains on and is judged by.
        checkpoints: its files.
        plan: how long and how often.
        journal: its log; is closed.
        step: how many steps are done already.

    Returns:
        The exit status: 0 once all is done or `max_hours` are over, 128 + the signal that asked to stop.

    Raises:
        ValueError: a loss is not finite, data or disk fail, or the batch is too large for the GPU; it says what to do.
    """
    stopper = Stopper(task.device, plan.max_hours)
    monitor = Monitor(task, plan, data.batches, checkpoints.batch, journal, step)
    try:
        for epoch in range(step // data.batches, plan.epochs):
            stopping = _train_epoch(epoch, task, data, checkpoints, plan, monitor, stopper)
            if stopping:
                break
        done = monitor.step >= monitor.total
        ended = f"stopped at step {monitor.step} of {monitor.total}; go on with --resume auto"
        say(f"done: {monitor.step} steps" if done else ended)
        say(f"{show(monitor.losses)}; checkpoints in {checkpoints.folder}")
        if skipped := sum(distributed.gathered({"bad": [data.bad_count]})["bad"]):
            say(f"bad samples skipped: {skipped}")
        if task.device.type == "cuda":
            say(f"peak GPU memory: {_peak_gib(task.device):.2f} GiB")
    except NotFinite as error:
        saved = checkpoints.own_state
        start = "Go on from the last checkpoint (--resume auto)" if saved else "Nothing is saved yet: start anew"
        advice = f"{start} with lower learning rates, or with --autocast False if this was float16"
        raise NotFinite(f"{error}. {advice}") from None
    except (ValueError, OSError, torch.cuda.OutOfMemoryError) as error:
        text = str(error)
        if isinstance(error, torch.cuda.OutOfMemoryError):
            reason = text.partition(". ")[0]
            text = f"{task.batch_flag} {checkpoints.batch} is too much for this GPU, take fewer ({reason})"
        if rank := distributed.rank():  # the script speaks for the first process alone, which has met other pictures
            print(f"train.py: process {rank}: {text}", file=sys.stderr, flush=True)
        raise ValueError(text) from error
    finally:
        monitor.close()
        stopper.restore()
    return 0 if done else stopper.exit_status


def _train_epoch(
    epoch: int, task: Task, data: Data, checkpoints: Checkpoints, plan: Plan, monitor: "Monitor", stopper: Stopper
) -> bool:
    """Train on what is left of an epoch, judge and save at its end; returns whether somebody asked to stop."""
    first, stopping = monitor.step % data.batches, False
    task.train_mode()
    for batch, (images, targets, problems) in enumerate(data.epoch(epoch, first), start=first):
        monitor.report_skipped(problems)
        task.set_rate_factor(plan.rate_factor(monitor.step, data.batches))
        losses = task.step(*task.on_device(images, targets), monitor.step)
        task.average(monitor.step)
        monitor.count(losses, len(images))
        last = batch + 1 == data.batches
        looking = last or monitor.step % plan.log_every == 0
        if looking:
            monitor.look(epoch, batch)
        asking = looking or distributed.world_size() == 1  # several processes must agree, which takes them time
        stopping = asking and stopper.asked()
        overdue = time.monotonic() - checkpoints.saved_at > 60 * (plan.save_every or math.inf)
        overdue = asking and distributed.any_process(overdue, task.device)
        if not last and (stopping or overdue or (batch + 1) % plan.lr_decrease_step == 0):
            monitor.fetch()  # nothing that is not finite may reach a checkpoint
            checkpoints.save(monitor.step)
        if not last and stopping:
            return True
    if data.has_held_out:
        _validate(epoch, task, data, checkpoints, monitor)
    checkpoints.save(monitor.step)
    return stopping


def _validate(epoch: int, task: Task, data: Data, checkpoints: Checkpoints, monitor: "Monitor") -> None:
    """Score the held-out samples, draw a few of them, keep the best weights."""

    def usable(batch: Batch) -> tuple[Tensor, Tensor]:
        images, targets, problems = batch
        monitor.report_skipped(problems)
        return task.on_device(images, targets)

    scores = task.score(usable(batch) for batch in data.held_out_batches())
    means = {name: mean(values) for name, values in distributed.gathered(scores).items()}
    say(f"epoch {epoch + 1}: held out: {show(means)}")
    monitor.journal.write("validation", monitor.step, epoch=epoch + 1, **means)
    if checkpoints.writing:
        grid = task.grid(*usable(data.held_out_rows(GRID_ROWS)))
        checkpoints.draw(f"{checkpoints.name}_val_epoch{epoch + 1}", grid)
    checkpoints.keep_best(monitor.step, means)


class Monitor:
    """Counts steps, fetches losses late, and shows them on the progress bar, in the log and as warnings.

    Args:
        task: what trains.
        plan: of the training.
        batches: of an epoch.
        batch: samples over all processes.
        journal: the log.
        step: how many steps are done already.

    Attributes:
        step: how many steps are done.
        total: how many there will be.
        losses: the newest that were fetched, by name.
    """

    def __init__(self, task: Task, plan: Plan, batches: int, batch: int, journal: Journal, step: int) -> None:
        self.task, self.journal, self.batch, self.step = task, journal, batch, step
        self.epochs, self.total = plan.epochs, plan.epochs * batches
        self.losses: dict[str, float] = {}
        self.pending, self.lately = PendingLosses(), Lately(WARNING_PATIENCE)
        self.samples, self.begun = 0, time.monotonic()
        interval = REDRAW_SECONDS if sys.stderr.isatty() else REDRAW_SECONDS_IN_A_FILE
        silent = distributed.rank() > 0
        self.bar = tqdm(total=self.total, initial=step, unit="batch", disable=silent, mininterval=interval)

    def count(self, losses: dict[str, Tensor], samples: int) -> None:
        """Take note of a step on so many samples of this process; nobody waits for its losses."""
        self.pending.add(self.step + 1, losses)
        self.step += 1
        self.samples += samples * distributed.world_size()
        self.bar.update()

    def fetch(self) -> None:
        """Look at all losses that nobody has looked at; raises `NotFinite`."""
        self.losses |= self.pending.fetch()

    def look(self, epoch: int, batch: int) -> None:
        """Fetch the losses and report on them, after a batch of an epoch, both from 0; raises `NotFinite`."""
        self.fetch()
        speed = self.samples / (time.monotonic() - self.begun)
        self._show_on_bar(epoch, speed)
        self.journal.write(
            "train",
            self.step,
            epoch=epoch + 1,
            batch=batch + 1,
            **self.losses,
            lr_factor=self.task.rate_factor,
            samples_per_second=speed,
            seconds_left=(self.total - self.step) * self.batch / speed,
        )
        for warning in self.lately.persistent(self.task.warnings(self.losses)):
            say(f"step {self.step}: {warning}")
            self.journal.write("warning", self.step, text=warning)

    def _show_on_bar(self, epoch: int, speed: float) -> None:
        """Epoch, losses, samples a second and GPU memory; the time left it shows by itself."""
        self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}", refresh=False)
        shown = {name: f"{value:.4g}" for name, value in self.losses.items()} | {"samples/s": f"{speed:.3g}"}
        if self.task.device.type == "cuda":
            shown["GiB"] = f"{_peak_gib(self.task.device):.1f}"
        self.bar.set_postfix(shown, refresh=False)

    def report_skipped(self, problems: list[str]) -> None:
        """A line about each bad sample; every process meets its own."""
        for problem in problems:
            tqdm.write(f"skipped: {problem}", file=sys.stdout)
            self.journal.write("skipped", self.step, text=problem)

    def close(self) -> None:
        """End bar and log."""
        self.bar.close()
        self.journal.close()


def _peak_gib(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated(device) / 2**30
