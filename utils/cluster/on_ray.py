"""Photos done by Ray: a pool of actors over all its nodes, each with a worker process of its own.

Needs the extra `[cluster]`. Names travel, pixels do not: every node reads the photos and writes the results itself, so
folders must be shared or in an object store. What an actor does is `process.Supervisor`, as without Ray: a photo that
kills or hangs ends the worker process and not the actor. Where an actor or its node dies, Ray does its photos
elsewhere, and what is still missing after that is done a second time, each photo in a task of its own.
"""

import inspect
import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from utils.cluster.job import Job, Keys, blank_row
from utils.cluster.listing import Listed
from utils.cluster.process import Supervisor, WorkerLost
from utils.cluster.records import QUARANTINED, RecordFile, Row, run_name

BLOCKS_AN_ACTOR = 2  # at least, so that none waits long for the last
BATCH = 16  # photos a task: some seconds of work, against milliseconds of Ray's
PHOTOS_AHEAD = 100_000  # photos that Ray is given at a time: what it keeps of them is all that this process holds
RETRIES = 2  # of a task whose actor died
LOST = "the machine or process that did it was lost, and so was the one that did it alone"

NEEDS = "--cluster ray needs Ray: pip install 'ray[data]>=2.51', or 'occluder-removal[cluster]'"


def check_ray() -> None:
    """Raise ValueError unless Ray is installed."""
    try:
        import ray.data  # noqa: F401
    except ImportError:
        raise ValueError(NEEDS) from None


class _Actor:
    """One actor: a worker process over its own share of a machine, begun with the first photos."""

    def __init__(self, job: Job, name: str, timeout_s: float, cores: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(cores)  # what `usable_cores` goes by, here and in the worker process
        # every actor has record files of its own, and so has one that Ray starts again
        self.supervisor = Supervisor(job, f"{name}_{run_name('actor')}", timeout_s)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Names and what is known of them → records, as JSON."""
        import numpy as np

        photos = [Listed(**json.loads(text)) for text in batch["photo"]]
        rows = [json.dumps(row) for row in self.supervisor.rows(iter(photos), keep=True)]
        return {"row": np.array(rows, object)}


def _limits(map_batches: Callable[..., Any]) -> dict[str, Any]:
    """What limits the retries of tasks. Ray means to take the way to say so away in 2.64, and then has no limit."""
    if "ray_remote_args_fn" not in inspect.signature(map_batches).parameters:
        return {}
    # without end for actors: a pool waits for ever for one that is not started again
    return {"ray_remote_args_fn": lambda: {"max_restarts": -1, "max_task_retries": RETRIES}}


class RayPool:
    """Has photos done by Ray's nodes.

    Args:
        job: what to do. `folder.num_workers` is also how many cores an actor takes.
        name: of this run; all record files begin with it.
        timeout_s: seconds after which a photo hangs.
        address: of a running cluster; None starts Ray on this machine, or takes the one in `RAY_ADDRESS`.
        should_stop: as for `process.Supervisor`.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at that address.
    """

    def __init__(
        self, job: Job, name: str, timeout_s: float, address: str | None, should_stop: Callable[[], bool]
    ) -> None:
        check_ray()
        import ray

        self.job, self.name, self.timeout_s, self.should_stop = job, name, timeout_s, should_stop
        self._was_there = ray.is_initialized()
        try:
            if not self._was_there:
                ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ValueError(f"--ray_address {address}: {str(error).splitlines()[0]}") from None
        resources = ray.cluster_resources()
        self.needs_gpu = job.provider in ("cuda", "tensorrt") or (job.provider == "auto" and "GPU" in resources)
        self.cores = job.folder.num_workers
        unit, kind = (1, "GPU") if self.needs_gpu else (self.cores, "CPU")
        self.actors = int(resources.get(kind, 0)) // unit
        if not self.actors:
            raise ValueError(f"Ray has {resources.get(kind, 0):g} {kind}, an actor needs {unit}: lower --num_workers")
        self.description = f"Ray, {self.actors} actors of {self.cores} cores{' and a GPU' if self.needs_gpu else ''}"

    def __enter__(self) -> "RayPool":
        return self

    def __exit__(self, *error: object) -> None:
        if not self._was_there:
            import ray

            ray.shutdown()

    def rows(self, photos: Iterator[Listed]) -> Iterator[Row]:
        """The photos' records, as each task ends."""
        yield from self._pass(photos, BATCH)

    def rows_alone(self, photos: Iterator[Listed]) -> Iterator[Row]:
        """The same, each photo in a task of its own; one whose task is lost again is quarantined.

        Raises:
            OSError: the record of that cannot be written.
        """
        records, keys = None, Keys(self.job)
        for photo in photos:
            done = list(self._pass(iter([photo]), 1))
            if not done and not self.should_stop():
                records = records or RecordFile(self.job.record_dir, f"{self.name}_quarantine")
                done = [blank_row(self.job, keys.of(photo.id), photo, QUARANTINED, LOST)]
                records.add(done[0])
            yield from done
        if records is not None:
            records.close()

    def _pass(self, photos: Iterator[Listed], batch: int) -> Iterator[Row]:
        while window := list(itertools.islice(photos, PHOTOS_AHEAD)):
            yield from self._window(window, batch)
            if self.should_stop():
                return

    def _window(self, photos: list[Listed], batch: int) -> Iterator[Row]:
        import pyarrow as pa
        import ray

        names = [json.dumps(asdict(photo)) for photo in photos]
        # a block is what a task does, and what is done again where its actor dies; each actor has some
        batch = min(batch, -(-len(names) // (BLOCKS_AN_ACTOR * self.actors)))
        starts = range(0, len(names), batch)
        blocks = [ray.put(pa.table({"photo": names[start : start + batch]})) for start in starts]
        context = ray.data.DataContext.get_current().copy()
        context.max_errored_blocks = -1  # photos whose tasks are lost are missing at the end, and then done alone
        context.enable_progress_bars = False
        with ray.data.DataContext.current(context):
            source = ray.data.from_arrow_refs(blocks)
            data = source.map_batches(
                _Actor,
                fn_constructor_args=(self.job, self.name, self.timeout_s, self.cores),
                batch_size=batch,
                batch_format="numpy",
                # with more in flight the first actor to have loaded its networks takes what others could do
                compute=ray.data.ActorPoolStrategy(size=min(self.actors, len(blocks)), max_tasks_in_flight_per_actor=1),
                num_cpus=self.cores,
                num_gpus=1 if self.needs_gpu else None,
                **_limits(source.map_batches),
            )
            try:
                for row in data.iter_rows():
                    yield json.loads(row["row"])
                    if self.should_stop():
                        return
            except ray.exceptions.RayError as error:  # as where no actor can load its networks
                raise WorkerLost(f"Ray gave up: {str(error).strip().splitlines()[-1][:300]}") from None
