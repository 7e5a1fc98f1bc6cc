"""Photos done in a process that may die or hang: one that ends it is tried again alone, then quarantined by name."""

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing import connection
from typing import Any

from utils.cluster.job import Job, Keys, Worker, blank_row
from utils.cluster.listing import Listed
from utils.cluster.records import QUARANTINED, RecordFile, Row

AHEAD = 2  # photos that wait in the worker, so that it never waits for its next one
TICK_SECONDS = 0.5  # how often clocks and wishes to stop are looked at
END_SECONDS = 120.0  # that a worker may take to end once its photos are done: it sends its last records
LOAD_SECONDS = 600.0  # that the networks may take to load: TensorRT builds engines for minutes
MOST_DEATHS = 3  # in a row, of workers that had begun no photo
SEND_RECORDS = "send records"  # what a worker process is told, beside photos
OOM_SCORE = 500  # of 1000: Linux, out of memory, ends the worker before the process that can go on without it


class WorkerLost(Exception):
    """Workers end although they do no photo."""


class Supervisor:
    """Has photos done by a worker process and keeps an eye on it.

    Args:
        job: what to do; `folder.num_workers` photos are worked on at the same time.
        name: of this run; its workers' record files begin with it.
        timeout_s: seconds after which a photo hangs.
        should_stop: asked between photos; once it says so, no further one is begun.

    Raises:
        ValueError: the first worker cannot begin; the message says why.
    """

    def __init__(self, job: Job, name: str, timeout_s: float, should_stop: Callable[[], bool] = lambda: False) -> None:
        self.job, self.name, self.timeout_s, self.should_stop = job, name, timeout_s, should_stop
        self._begun = 0
        self._records: RecordFile | None = None
        self._keys = Keys(job)
        self._child: _Child | None = self._begin(job)
        self.description = self._child.description

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *error: object) -> None:
        if self._child is not None:
            self._child.kill()
        if self._records is not None:
            self._records.close()

    def _begin(self, job: Job) -> "_Child":
        self._begun += 1
        return _Child(job, f"{self.name}_{self._begun}")

    def rows(self, photos: Iterator[Listed], keep: bool = False) -> Iterator[Row]:
        """The photos' records, in the order in which they end, each as soon as it is written.

        Args:
            photos: what to do.
            keep: keep the worker for a further call; the records are sent all the same.

        Raises:
            ValueError: a worker says that it cannot go on, as on a full disk.
            WorkerLost: workers end although they do no photo.
        """
        again: deque[Listed] = deque()
        suspects: deque[tuple[Listed, str]] = deque()
        deaths = 0
        while True:
            while suspects and not self.should_stop():
                yield self._do_alone(*suspects.popleft())
            while not self.should_stop():
                child = self._child
                if child is not None and len(child.given) >= self.job.folder.num_workers + AHEAD:
                    break
                photo = again.popleft() if again else next(photos, None)
                if photo is None:
                    break
                self._child = child or self._begin(self.job)
                self._child.give(photo)
            child = self._child
            if child is None:
                return
            if not child.given:
                if keep:
                    child.send_records()
                else:
                    child.end()
                    self._child = None
                return
            done, is_alive = child.wait()
            deaths = 0 if done else deaths
            yield from done
            late = [] if is_alive is False else child.late(self.timeout_s)
            if is_alive and not late:
                continue
            why = self._hung() if late else child.death()
            child.kill()
            done, _ = child.wait()  # what it had told before
            yield from done
            begun = [child.given[id] for id in (late or child.since) if id in child.given]
            suspects.extend((photo, why) for photo in begun)
            named = {photo.id for photo in begun}
            again.extend(photo for id, photo in child.given.items() if id not in named)
            self._child = None
            deaths += not begun and not done
            if deaths >= MOST_DEATHS:
                raise WorkerLost(f"the worker process {why} {deaths} times without having begun a photo")

    def _hung(self) -> str:
        return f"took longer than {self.timeout_s:g} s (--photo_timeout_s)"

    def _do_alone(self, photo: Listed, first: str) -> Row:
        """Do a suspect in a process of its own; it is quarantined where it ends that, too."""
        alone = replace(self.job, folder=replace(self.job.folder, num_workers=1))
        child = self._begin(alone)
        try:
            child.give(photo)
            while True:
                done, is_alive = child.wait()
                if done:
                    child.end()
                    return done[0]
                is_late = bool(child.late(self.timeout_s))
                if is_late or not is_alive:
                    why = self._hung() if is_late else child.death()
                    return self._quarantine(photo, first, why)
        finally:
            child.kill()

    def _quarantine(self, photo: Listed, first: str, second: str) -> Row:
        if self._records is None:
            self._records = RecordFile(self.job.record_dir, f"{self.name}_quarantine")
        times = f"{first} twice" if first == second else f"{first}, and alone {second}"
        message = f"its worker process {times}; it is left alone from now on"
        row = blank_row(self.job, self._keys.of(photo.id), photo, QUARANTINED, message)
        self._records.add(row)
        return row


class _Child:
    """A worker process, seen from its parent.

    Attributes:
        given: photos that it has and has not finished, by id.
        since: when it began those that it is at, by id.
    """

    def __init__(self, job: Job, name: str) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks of threads that it does not have
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, job, name), name=name)
        self.given: dict[str, Listed] = {}
        self.since: dict[str, float] = {}
        self.process.start()
        other.close()
        try:
            is_there = self.pipe.poll(LOAD_SECONDS)
            kind, value = self.pipe.recv() if is_there else ("refused", "its networks do not load")
        except (EOFError, OSError):
            kind, value = "refused", f"the worker process {self.death()} while it loaded its networks"
        if kind != "ready":
            self.kill()
            raise ValueError(value)
        self.description: str = value

    def give(self, photo: Listed) -> None:
        self.given[photo.id] = photo
        with suppress(OSError):  # it is dead, which `wait` tells
            self.pipe.send(photo)

    def wait(self) -> tuple[list[Row], bool]:
        """Records that it has finished by now, after a moment at most; and whether it lives."""
        connection.wait([self.pipe, self.process.sentinel], TICK_SECONDS)
        is_alive = self.process.is_alive()
        rows = []
        try:
            while self.pipe.poll():
                kind, value = self.pipe.recv()
                if kind == "refused":
                    self.kill()
                    raise ValueError(value)
                if kind == "begun":
                    self.since[value] = time.monotonic()
                elif self.given.pop(value["id"], None) is not None:
                    self.since.pop(value["id"], None)
                    rows.append(value)
        except (EOFError, OSError):
            is_alive = False
        return rows, is_alive

    def late(self, timeout_s: float) -> list[str]:
        """The photos that it has been at for too long."""
        return [id for id, begun in self.since.items() if time.monotonic() - begun > timeout_s]

    def death(self) -> str:
        self.process.join(END_SECONDS)
        code = self.process.exitcode
        if code is not None and code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
        return f"ended with status {code}"

    def end(self) -> None:
        """Let it write its last records and end.

        Raises:
            ValueError: its last records could not be written.
        """
        with suppress(OSError):
            self.pipe.send(None)
        self.process.join(END_SECONDS)
        try:
            while self.pipe.poll():
                kind, value = self.pipe.recv()
                if kind == "refused":
                    raise ValueError(value)
        except (EOFError, OSError):
            pass
        finally:
            self.kill()

    def send_records(self) -> None:
        """Have it write what records wait; it has finished its photos.

        Raises:
            ValueError: they cannot be written.
        """
        try:
            self.pipe.send(SEND_RECORDS)
            kind, value = self.pipe.recv() if self.pipe.poll(END_SECONDS) else ("refused", "records cannot be written")
        except (EOFError, OSError):
            kind, value = "refused", f"the worker process {self.death()} before it had written its records"
        if kind == "refused":
            raise ValueError(value)

    def kill(self) -> None:
        with suppress(OSError):
            self.process.kill()
        self.process.join()


def _serve(pipe: Any, job: Job, name: str) -> None:
    """The worker process: takes photos from its parent, tells when it begins one, and its record when it has ended."""
    # Both go to all processes of a terminal or a job; the parent sees to it that what is begun is finished.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(OOM_SCORE))
    from utils.memory import keep_freed_memory

    keep_freed_memory(shared=True)
    lock = threading.Lock()

    def tell(kind: str, value: object) -> None:
        with lock, suppress(OSError):
            pipe.send((kind, value))

    try:
        share_cores(job.folder.num_workers)
        worker = Worker(job, name)
    except (ValueError, OSError) as error:
        tell("refused", str(error))
        return
    tell("ready", worker.description)
    waiting: queue.SimpleQueue[Listed | None] = queue.SimpleQueue()

    def work() -> None:
        while (photo := waiting.get()) is not None:
            tell("begun", photo.id)
            try:
                row = worker(photo)
            except OSError as error:
                tell("refused", f"records cannot be written ({error}); go on with --resume True")
                return
            tell("ended", row)

    threads = [threading.Thread(target=work) for _ in range(job.folder.num_workers)]
    for thread in threads:
        thread.start()
    with suppress(EOFError, OSError):
        while (photo := pipe.recv()) is not None:
            if photo == SEND_RECORDS:
                tell(*_sent(worker.records))
            else:
                waiting.put(photo)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    kind, why = _sent(worker.records)
    if kind == "refused":
        tell(kind, why)


def _sent(records: RecordFile) -> tuple[str, str]:
    try:
        records.send()
    except OSError as error:
        return "refused", f"records cannot be written ({error}); go on with --resume True"
    return "sent", ""


def share_cores(workers: int) -> None:
    """As in the networks: each photo is computed on one core, the cores that are left help all."""
    import cv2

    from utils.cores import usable_cores

    cv2.setNumThreads(max(1, usable_cores() - workers + 1))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)  # at once: nobody is left to wait for what hangs
