"""What many processes give: photos a second of n shares of one core each, what a record costs, and a list's memory.

    python -m benchmarks.cluster --photo_dir test_img --repeat 3 --workers 1 2
    python -m benchmarks.cluster --photo_dir test_img --ids 1000000

Shares are processes of `predict_onnx.py --shard i/n --num_workers 1` with `OMP_NUM_THREADS=1`, timed from their first
record to their last, so that start and loading stay out. With `--engine True` the same photos go through Ray as well.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from utils.cluster.ledger import Ledger
from utils.cluster.listing import Listed
from utils.flags import add_switch, positive_int
from utils.images import list_photos
from utils.report import format_table

ROOT = Path(__file__).resolve().parents[1]


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--photo_dir", default="test_img", help="folder of photos (default %(default)s)")
    parser.add_argument("--repeat", type=positive_int, default=3, help="copies of each photo (default %(default)s)")
    parser.add_argument("--workers", type=positive_int, nargs="+", default=[1, 2], help="numbers of shares to time")
    parser.add_argument("--provider", default="cpu", help="as of predict_onnx.py (default %(default)s)")
    parser.add_argument("--structure", default="only", help="as of predict_onnx.py (default %(default)s)")
    add_switch(parser, "--engine", False, "also time Ray on this machine, an actor a core")
    parser.add_argument("--ids", type=positive_int, help="only measure the memory of a list of so many photos")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run it; returns the exit status."""
    args = build_parser().parse_args(argv)
    if args.ids:
        print(format_table([list_memory(args.ids)]))
        return 0
    rows: list[dict[str, str | float]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = _copies(Path(args.photo_dir), Path(folder) / "photos", args.repeat)
        timings = [("shards", count) for count in args.workers] + [("ray", os.cpu_count() or 1)] * args.engine
        for engine, count in timings:
            target = Path(folder) / f"{engine}{count}"
            rows.append({"by": engine, **_timed(source, target, count, engine, args.provider, args.structure)})
    first = float(rows[0]["photos_a_second"])
    for row in rows:
        row["times_one"] = float(row["photos_a_second"]) / first
    print(f"{os.cpu_count()} cores, {args.provider}, --structure {args.structure}")
    print(format_table(rows))
    return 0


def list_memory(count: int) -> dict[str, float]:
    """Peak memory that a list and its records add to this process, in MB, and the seconds that they take."""

    def photos() -> Iterator[Listed]:
        return (Listed(f"box{n // 1000:05d}/page{n:08d}.jpg") for n in range(count))

    before, started = _peak_mb(), time.perf_counter()
    with Ledger() as ledger:
        ledger.list_all(photos())
        listed = time.perf_counter()
        ledger.enter({"id": p.id, "key": "k", "status": "clean", "ended": 1.0} for p in photos())
        entered = time.perf_counter()
        pair_count = sum(1 for _ in ledger.pairs())
        assert pair_count == count
    return {
        "ids": count,
        "added_mb": _peak_mb() - before,
        "list_seconds": listed - started,
        "records_seconds": entered - listed,
        "read_seconds": time.perf_counter() - entered,
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _copies(source: Path, target: Path, repeat: int) -> Path:
    target.mkdir()
    for path in list_photos(source):
        for index in range(repeat):
            (target / f"{path.stem}_{index}{path.suffix}").write_bytes(path.read_bytes())
    return target


def _timed(source: Path, target: Path, count: int, engine: str, provider: str, structure: str) -> dict[str, float]:
    """Photos a second, and the mean seconds of one photo inside its worker and of a worker's gaps between two."""
    command = [sys.executable, str(ROOT / "predict_onnx.py"), "--src_image_dir", str(source), "--save_dir", str(target)]
    command += ["--num_workers", "1", "--provider", provider, "--structure", structure]
    shares = [["--shard", f"{index}/{count}"] for index in range(count)]
    if engine == "ray":
        shares = [["--cluster", "ray"]]
    processes = [
        subprocess.Popen(
            [*command, *share],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for share in shares
    ]
    if any(process.wait() for process in processes):
        raise SystemExit(f"{engine}: a process ended with an error; run it by hand to see why")
    rates, inside, gaps = 0.0, [], []
    for file in (target / "records").iterdir():
        rows = [json.loads(line) for line in file.open()]
        if len(rows) < 2:
            continue
        ends = [row["ended"] for row in rows]
        rates += (len(rows) - 1) / (ends[-1] - ends[0])
        photo_seconds = [sum(row["milliseconds"].values()) / 1000 for row in rows[1:]]
        inside += photo_seconds
        gaps += [end - before - seconds for before, end, seconds in zip(ends, ends[1:], photo_seconds, strict=False)]
    return {
        "workers": count,
        "photos_a_second": rates,
        "photo_seconds": sum(inside) / len(inside),
        "gap_milliseconds": 1000 * sum(gaps) / len(gaps),
    }


if __name__ == "__main__":
    sys.exit(main())
