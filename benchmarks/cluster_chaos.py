"""Photos of a list while processes are killed at random: are all done, none half-written, each as on one machine?

    python -m benchmarks.cluster_chaos
    python -m benchmarks.cluster_chaos --engine ray --store s3

Small photos and tiny graphs, so that little but the bookkeeping is at work. First one process does all; then several
do, and `kill -9` comes over worker processes (with Ray: actors), over a node of Ray, and at last over what was started
itself. It is resumed, and killed again; resumed a second time, and left to end. After each kill of all, every result
that has its final name must have the bytes of one machine, and every record a result. Needs Linux; for Ray
`ray[data]`, for the store `pyarrow` and `moto[server]`.
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.graphs import RED, own_specs, write_generator, write_segmenter
from utils.cluster.addresses import is_url
from utils.cluster.records import CLEAN, REPAIRED, read_records
from utils.cluster.storage import Bucket
from utils.flags import EXIT_FAILED, positive_int
from utils.report import format_table

ROOT = Path(__file__).resolve().parents[1]
TRIED_ENGINES, STORES = ("shards", "ray"), ("files", "s3")
PHOTO_SIDES = (64, 160)  # pixels, least and most
NODES = 2  # of Ray, of a core each, beside the first
# What is killed in the first run and in the one after it, each between these shares of the photos; all is killed at the
# end of both. Only Ray has nodes: without it a worker goes instead.
KILLS = (("worker", "worker"), 0.05, 0.4), (("worker", "node"), 0.45, 0.85)
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 400.0  # for the next photo
BUCKET = "archive"


class Engine:
    """Processes that do the list, and what of them can be killed.

    Args:
        argv: the flags that all of them have.
        count: of shares.
    """

    def __init__(self, argv: list[str], count: int) -> None:
        self.argv = argv
        self.shares = [["--shard", f"{index}/{count}"] for index in range(count)]
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, log: Path, *more: str) -> None:
        """Have what is left done."""
        command = [sys.executable, str(ROOT / "predict_onnx.py"), *self.argv, "--resume", "True", *more]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        for share in self.shares:
            with open(log, "ab") as file:
                self.processes.append(
                    subprocess.Popen([*command, *share], stdout=file, stderr=file, env=environment, cwd=ROOT)
                )

    def is_over(self) -> bool:
        """Whether all have ended."""
        return all(process.poll() is not None for process in self.processes)

    def wait(self) -> list[int]:
        """The statuses that they end with."""
        statuses = [process.wait() for process in self.processes]
        self.processes = []
        return statuses

    def workers(self) -> list[int]:
        """Process ids of those that do photos."""
        parents = {process.pid for process in self.processes}
        return [pid for pid, parent, line in processes() if parent in parents and b"spawn_main" in line]

    def kill(self, kind: str, chance: random.Random) -> str:
        """Kill a worker, or all that was started; returns what it was, nothing where none was there."""
        if kind == "all":
            for process in self.processes:
                process.kill()
            self.wait()
            return kind
        pids = self.workers()
        return "worker" if pids and kill(chance.choice(pids)) else ""


class RayEngine(Engine):
    """A Ray of several nodes on this machine, each with a raylet of its own."""

    def __init__(self, argv: list[str]) -> None:
        from ray.cluster_utils import Cluster

        store = {"object_store_memory": 80 * 2**20}  # bytes; only names travel
        self.cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **store}
        )
        self.add: Callable[[], Any] = lambda: self.cluster.add_node(num_cpus=1, **store)
        self.nodes = [self.add() for _ in range(NODES)]
        super().__init__([*argv, "--cluster", "ray", "--ray_address", self.cluster.address], 1)
        self.shares = [[]]

    def workers(self) -> list[int]:
        return [pid for pid, _, line in processes() if line.startswith(b"ray::") and b"MapBatches" in line]

    def kill(self, kind: str, chance: random.Random) -> str:
        if kind == "node":
            node = self.nodes.pop(chance.randrange(len(self.nodes)))
            kill(node.all_processes["raylet"][0].process.pid)
            return kind
        killed = super().kill(kind, chance)
        if kind == "all":
            while len(self.nodes) < NODES:
                self.nodes.append(self.add())
        return killed

    def close(self) -> None:
        """Take the cluster down."""
        self.cluster.shutdown()


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--engine", choices=TRIED_ENGINES, default="shards", help="what does them (default %(default)s)"
    )
    parser.add_argument("--store", choices=STORES, default="files", help="where they lie (default %(default)s)")
    parser.add_argument("--count", type=positive_int, default=300, help="photos (default %(default)s)")
    parser.add_argument("--workers", type=positive_int, default=2, help="shares (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default %(default)s)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run it; returns the exit status: 1 where anything was lost, is half-written or differs."""
    args = build_parser().parse_args(argv)
    chance = random.Random(args.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source, target = draw_photos(folder / "photos", args.count, chance), str(folder / "out")
        address = str(source)
        if args.store == "s3":
            url = stack.enter_context(object_store(folder))
            address, target = url("photos"), url("out")
            upload(source, address)
        graphs = graph_flags(folder)
        expected = by_one_process(source, folder / "whole", graphs)
        flags = ["--src_image_dir", address, "--save_dir", target, "--recursive", "True", *graphs]
        engine = Engine(flags, args.workers) if args.engine == "shards" else RayEngine(flags)
        stack.callback(engine.kill, "all", chance)
        if isinstance(engine, RayEngine):
            stack.callback(engine.close)
        started = time.monotonic()
        faults = Chaos(engine, target, expected, folder / "log", chance).run()
        print(f"{args.engine}, {args.store}, seed {args.seed}: {time.monotonic() - started:.0f} s")
        if faults:
            shutil.copy(folder / "log", log := Path(tempfile.gettempdir()) / "cluster_chaos.log")
            print("\n".join(faults), f"\nwhat was printed is in {log}", file=sys.stderr)
    print("LOST OR SPOILT" if faults else "nothing was lost, nothing is half-written, all is as from one machine")
    return EXIT_FAILED if faults else 0


class Chaos:
    """Kills, resumes and looks.

    Args:
        engine: what does the photos.
        target: folder or address of the results.
        expected: bytes of each result.
        log: what is printed.
        chance: draws what is killed, and when.
    """

    def __init__(
        self, engine: Engine, target: str, expected: dict[str, bytes], log: Path, chance: random.Random
    ) -> None:
        self.engine, self.target, self.expected, self.log, self.chance = engine, target, expected, log, chance
        self.killed: Counter[str] = Counter()
        self.faults: list[str] = []

    def run(self) -> list[str]:
        """All runs, with a table of them; returns what is wrong."""
        rows: list[dict[str, Any]] = []
        for kinds, begin, end in KILLS:
            self.engine.start(self.log)
            moments = sorted(self.chance.uniform(begin, end) for _ in (*kinds, "all"))
            for moment, kind in zip(moments, (*kinds, "all"), strict=True):
                self.wait_until_done(moment)
                time.sleep(self.chance.random() / 4)
                self.kill(kind)
            rows.append(self.look())
        self.engine.start(self.log)
        statuses = self.engine.wait()
        quarantined = [row["id"] for row in self.records() if row["status"] == "quarantined"]
        if quarantined:  # killed twice, once with others and once alone: chance does that, too
            self.engine.start(self.log, "--retry_failed", "True")
            statuses = self.engine.wait()
        rows.append({**self.look(), "quarantined": len(quarantined)})
        lines = len(list(self.records()))
        self.engine.start(self.log)
        statuses += self.engine.wait()
        if any(statuses):
            self.faults.append(f"exit statuses {statuses}")
        if missing := sorted(set(self.expected) - set(self.results())):
            self.faults.append(f"missing: {', '.join(missing[:12])}")
        if len(list(self.records())) != lines:
            self.faults.append("what was done was done again")
        print(format_table(rows))
        return self.faults

    def wait_until_done(self, share: float) -> None:
        """Wait for so many results, or until there is nothing left to kill."""
        wanted, count, since = share * len(self.expected), -1, time.monotonic()
        while (now := sum(1 for _ in self.names())) < wanted and not self.engine.is_over():
            if now > count:
                count, since = now, time.monotonic()
            if time.monotonic() - since > PATIENCE_SECONDS:
                raise SystemExit(f"no photo for {PATIENCE_SECONDS:.0f} s; see {self.log.read_text()[-2000:]}")
            time.sleep(POLL_SECONDS)

    def kill(self, kind: str) -> None:
        if done := self.engine.kill(kind, self.chance):
            self.killed[done] += 1

    def names(self) -> Iterator[str]:
        """Of results that have their final name."""
        names = (name for name, _, _ in Bucket(self.target).names()) if is_url(self.target) else walk(self.target)
        return (name for name in names if not name.startswith("records/") and not Path(name).name.startswith("."))

    def results(self) -> dict[str, bytes]:
        if is_url(self.target):
            bucket = Bucket(self.target)
            return {name: bucket.read(name) for name in self.names()}
        return {name: (Path(self.target) / name).read_bytes() for name in self.names()}

    def records(self) -> Iterator[dict[str, Any]]:
        folder, _, query = self.target.partition("?")
        return read_records(f"{folder}/records{'?' + query if query else ''}")

    def look(self) -> dict[str, Any]:
        """What is there, as a row of the table; what must not be is noted."""
        results, records = self.results(), list(self.records())
        if spoilt := [name for name, data in results.items() if data != self.expected.get(name)]:
            self.faults.append(f"other bytes than from one machine: {', '.join(spoilt[:12])}")
        told = {row["id"] for row in records if row["status"] in (REPAIRED, CLEAN)}
        if untrue := sorted(told - set(results)):
            self.faults.append(f"recorded without a result: {', '.join(untrue[:12])}")
        killed, self.killed = self.killed, Counter()
        kinds = {f"{kind}s_killed": killed[kind] for kind in ("worker", "node", "all")}
        return {**kinds, "results": len(results), "without_record": len(set(results) - told), "quarantined": 0}


def draw_photos(folder: Path, count: int, chance: random.Random) -> Path:
    """Small pages, two of three with something red on them, in a folder of folders."""
    for index in range(count):
        height, width = (chance.randint(*PHOTO_SIDES) for _ in range(2))
        image = np.random.default_rng(index).integers(190, 212, (height, width, 3), np.uint8)
        if index % 3:
            image[height // 4 : height // 2, : width // 4] = RED
        path = folder / f"box{index // 50}" / f"page{index}.{('jpg', 'png')[index % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
    return folder


def graph_flags(folder: Path) -> list[str]:
    """Tiny graphs, and the flags that name them."""
    segmenter, generator = own_specs()
    graphs = write_segmenter(folder / "s.onnx", segmenter), write_generator(folder / "g.onnx", generator)
    names = ["--deeplabv3_onnx", str(graphs[0]), "--deepfillv2_onnx", str(graphs[1])]
    return [*names, "--provider", "cpu", "--structure", "off", "--num_workers", "1"]


def by_one_process(source: Path, target: Path, graphs: list[str]) -> dict[str, bytes]:
    """What one process makes of all photos, by their names."""
    command = [sys.executable, str(ROOT / "predict_onnx.py"), "--src_image_dir", str(source), "--save_dir", str(target)]
    subprocess.run([*command, "--recursive", "True", *graphs], check=True, stdout=subprocess.DEVNULL)
    return {name: (target / name).read_bytes() for name in walk(str(target))}


def walk(folder: str) -> Iterator[str]:
    """Files below a folder, by their names in it."""
    for place, _, files in os.walk(folder):
        for file in files:
            yield (Path(place) / file).relative_to(folder).as_posix()


def processes() -> Iterator[tuple[int, int, bytes]]:
    """Id, parent and command line of every process of this machine."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError, IndexError):
                line = Path(f"/proc/{name}/cmdline").read_bytes()
                parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
                yield int(name), int(parent), line


def kill(pid: int) -> bool:
    """End a process as it is; whether there was one."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


@contextmanager
def object_store(folder: Path) -> Iterator[Callable[[str], str]]:
    """An S3 server with a bucket; gives what makes a folder's address."""
    from pyarrow import fs

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(folder / "moto.log", "wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        query = f"?endpoint_override=127.0.0.1%3A{port}&scheme=http&region=us-east-1"
        until = time.monotonic() + 60
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            if time.monotonic() > until:
                raise SystemExit((folder / "moto.log").read_text())
            time.sleep(0.1)
        system, _ = fs.FileSystem.from_uri(f"s3://key:secret@{BUCKET}{query}&allow_bucket_creation=true")
        system.create_dir(BUCKET)
        yield lambda name: f"s3://key:secret@{BUCKET}/{name}{query}"
    finally:
        process.kill()
        process.wait()


def upload(folder: Path, address: str) -> None:
    """Photos as objects; the files get the objects' times, which results tell of."""
    bucket = Bucket(address)
    for name in walk(str(folder)):
        bucket.put(name, (folder / name).read_bytes())
    for name, _, seconds in bucket.names():
        os.utime(folder / name, (seconds, seconds))


if __name__ == "__main__":
    sys.exit(main())
