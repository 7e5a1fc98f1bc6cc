"""A self-test of data and networks: whoever cannot learn a few samples by heart has a fault in one of them."""

import itertools
import time
from collections.abc import Callable

from torch import Tensor

from models.progress import PendingLosses, show
from models.tasks import Task

OVERFIT_SECONDS = 120  # after which the test has failed
RATE = 1e-3  # learning rate: ten times the published one, for a result within `OVERFIT_SECONDS` on a CPU
GOAL = 0.1  # share of the first loss that must be reached
LEAST_STEPS = 40  # without which a loss that is still high says nothing about the data
LOOK_STEPS, LOOK_SECONDS = 10, 10  # between two looks at the loss; what comes first


def overfit(task: Task, images: Tensor, targets: Tensor, say: Callable[[str], None]) -> int:
    """Learn a few samples by heart.

    Args:
        task: what trains; its weights are changed.
        images, targets: the samples, on its device, as `Task.step` takes them.
        say: prints a line.

    Returns:
        0 once the loss has fallen to `GOAL` of its start, 1 if it has not after `OVERFIT_SECONDS`, be it that the
        machine is too slow to tell.
    """
    task.train_mode()
    task.set_rate_factor(RATE / task.rates[task.predictor])
    pending, begun, seconds = PendingLosses(), time.monotonic(), 0.0
    start: dict[str, float] = {}
    name = task.loss_name
    say(f"self-test: {len(images)} samples are to be learnt by heart in {OVERFIT_SECONDS} s; nothing is saved")
    for step in itertools.count():
        pending.add(step + 1, task.step(images, targets, step))
        if step % LOOK_STEPS and start and time.monotonic() - begun < seconds + LOOK_SECONDS:
            continue
        losses = pending.fetch()
        start = start or losses
        seconds = time.monotonic() - begun
        say(f"step {step + 1}, {seconds:.0f} s: {show(losses)}")
        if losses[name] <= GOAL * start[name]:
            say(f"passed: {len(images)} samples learnt, {name} {start[name]:.4g} → {losses[name]:.4g}")
            return 0
        if seconds > OVERFIT_SECONDS:
            break
    if step + 1 < LEAST_STEPS:
        say(
            f"undecided: {step + 1} steps in {seconds:.0f} s are too few to learn anything on this machine. Test the "
            f"same data with a smaller network input or fewer samples: {task.smaller_flags} --overfit 4"
        )
    else:
        say(
            f"failed: after {step + 1} steps on the same {len(images)} samples {name} is {losses[name]:.4g} and began "
            f"at {start[name]:.4g}, {GOAL:.0%} of that was expected. Look at the samples (do masks and pictures "
            "belong together?), or take fewer of them"
        )
    return 1
