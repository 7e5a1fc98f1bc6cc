"""One `run` for several threads: what waits while a batch runs goes together into the next one."""

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np

from utils.arrays import Floats
from utils.stages import Run


class Batcher:
    """Calls `run` for one thread at a time, and joins the requests that wait into batches.

    Nobody waits for a batch to fill: an idle network starts at once, and only while it is busy requests gather.

    Args:
        run: NCHW float32 arrays → a tuple of them, as in `utils/stages.py`.
        max_batch: most items in one call; 1 joins nothing.
    """

    def __init__(self, run: Run, max_batch: int) -> None:
        self.run = run
        self.max_batch = max_batch
        self.waiting: deque[_Request] = deque()
        self.turn = threading.Lock()

    def __call__(self, *inputs: Floats) -> tuple[Floats, ...]:
        """What `run` gives for these inputs alone.

        Args:
            inputs: each `(N, C, h, w)` float32.

        Raises:
            Whatever `run` raises; for every request that was in the batch.
        """
        request = _Request(inputs)
        self.waiting.append(request)
        with self.turn:  # whoever has the turn serves the others as well
            while not request.done:
                self._serve(self._next())
        if request.error is not None:
            raise request.error
        return request.outputs

    def _next(self) -> "list[_Request]":
        """The longest waiting request and those behind it that fit into a batch with it."""
        batch = [self.waiting.popleft()]
        count = batch[0].count
        while self.waiting and self.waiting[0].shapes == batch[0].shapes:
            count += self.waiting[0].count
            if count > self.max_batch:
                break
            batch.append(self.waiting.popleft())
        return batch

    def _serve(self, batch: "Sequence[_Request]") -> None:
        try:
            joint = [np.concatenate(arrays) for arrays in zip(*(r.inputs for r in batch), strict=True)]
            outputs = self.run(*joint)
            start = 0
            for request in batch:
                request.outputs = tuple(values[start : start + request.count] for values in outputs)
                start += request.count
        except Exception as error:  # of whichever kind, it belongs to the threads that asked
            for request in batch:
                request.error = error
        finally:
            for request in batch:
                request.done = True


class _Request:
    """Inputs of one call, and what came of them."""

    def __init__(self, inputs: tuple[Floats, ...]) -> None:
        self.inputs = inputs
        self.count = len(inputs[0])
        self.shapes = [values.shape[1:] for values in inputs]
        self.outputs: tuple[Floats, ...] = ()
        self.error: Exception | None = None
        self.done = False
