"""One thing is computed at a time, the rest waits in a queue: what somebody looks at before what runs in a batch."""

import heapq
import itertools
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

LOOKED_AT, ACCEPTED, AHEAD = 0, 1, 2  # priorities: for a photo on somebody's page, to write results, to look ahead


@dataclass(order=True)
class Job:
    """A piece of work for one photo.

    Attributes:
        priority: the lower, the sooner.
        number: in the order of their coming.
        photo: the id of what it is for.
        kind: `find`, `repair` or `save`.
        is_running: whether it has begun.
    """

    priority: int
    number: int
    photo: str = field(compare=False)
    kind: str = field(compare=False)
    work: Callable[[], None] = field(compare=False, repr=False)
    is_running: bool = field(default=False, compare=False)
    is_cancelled: bool = field(default=False, compare=False)


class Jobs:
    """The queue and the thread that works it off. `work` must say itself what went wrong."""

    def __init__(self) -> None:
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._numbers = itertools.count()
        self._change = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="repairs", daemon=True)
        self._thread.start()

    def add(self, photo: str, kind: str, priority: int, work: Callable[[], None]) -> Job:
        """Let something be done for a photo."""
        with self._change:
            job = Job(priority, next(self._numbers), photo, kind, work)
            heapq.heappush(self._waiting, job)
            self._change.notify()
            return job

    def of(self, photo: str) -> tuple[Job, int] | None:
        """The next job for a photo and how many come before it, the running one included; None where there is none."""
        with self._change:
            if self._running is not None and self._running.photo == photo:
                return self._running, 0
            before = int(self._running is not None)
            for job in sorted(self._waiting):
                if job.photo == photo and not job.is_cancelled:
                    return job, before
                before += not job.is_cancelled
        return None

    def has(self, photo: str, *kinds: str) -> bool:
        """Whether a photo waits for one of these kinds, or is at it."""
        with self._change:
            jobs = [*self._waiting, *([self._running] if self._running else [])]
            return any(job.photo == photo and job.kind in kinds and not job.is_cancelled for job in jobs)

    def kinds(self) -> dict[str, str]:
        """The kind of the next job of every photo that waits for one."""
        with self._change:
            jobs = sorted(job for job in self._waiting if not job.is_cancelled)
            return {job.photo: job.kind for job in [*reversed(jobs), *([self._running] if self._running else [])]}

    def cancel(self, photo: str, *kinds: str) -> None:
        """Forget what a photo waits for, of these kinds or, without any, at all; what runs is finished."""
        with self._change:
            for job in self._waiting:
                job.is_cancelled |= job.photo == photo and (not kinds or job.kind in kinds)

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._change:
            return sum(not job.is_cancelled for job in self._waiting)

    @property
    def running(self) -> str | None:
        """The kind of what is computed now."""
        with self._change:
            return self._running.kind if self._running else None

    def close(self, timeout_s: float = 30.0) -> None:
        """Finish what runs and begin nothing more."""
        with self._change:
            self._is_closed = True
            self._change.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                job = heapq.heappop(self._waiting)
                if job.is_cancelled:
                    continue
                job.is_running, self._running = True, job
            try:
                job.work()
            except Exception:  # a mistake of ours: the next photos are still done
                traceback.print_exc(file=sys.stderr)
            finally:
                with self._change:
                    self._running = None
