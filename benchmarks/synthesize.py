"""Pictures a second: `synthesize.py` at full size, and the samples that training draws on the fly.

    python -m benchmarks.synthesize

Processor time of one process with one thread, so that other work on the machine hardly counts; the best of several
rounds. Full-size pictures need no common resource but the disk: two processes write twice as many.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2

import synthesize
from datasets.synthetic import SyntheticInpainting, SyntheticSegmentation
from utils.flags import positive_int


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=positive_int, default=8, help="full-size pictures a round (%(default)s)")
    parser.add_argument("--samples", type=positive_int, default=100, help="samples a round (%(default)s)")
    parser.add_argument("--rounds", type=positive_int, default=3, help="the best of which counts (%(default)s)")
    parser.add_argument("--page_dir", type=Path, help="photographs as every other page")
    parser.add_argument("--occluder_dir", type=Path, help="RGBA cut-outs as every other occluder")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark and print a line for each kind of picture."""
    args = build_parser().parse_args(argv)
    cv2.setNumThreads(1)
    scratch = Path(tempfile.mkdtemp())
    try:
        flags = ["--save_dir", str(scratch), "--count", "1"]
        for name in ("page_dir", "occluder_dir"):
            if getattr(args, name):
                flags += [f"--{name}", str(getattr(args, name))]
        settings = synthesize.build_parser().parse_args(flags)
        names = [name for name in synthesize.Settings.__annotations__ if name != "recipe"]
        recipe = synthesize.Settings(**{name: getattr(settings, name) for name in names})
        synthesize.prepare(scratch, recipe)

        def full_size(number: int) -> None:
            _, problem = synthesize.write_one(scratch, recipe, number)
            assert not problem, problem

        report("full-size triples, written", full_size, args.count, args.rounds, warm_up=1)
    finally:
        shutil.rmtree(scratch)
    for kind in (SyntheticInpainting, SyntheticSegmentation):
        # The occluders of the first rounds are drawn; later ones, nearly all of a training, come from memory.
        data = kind(10**6, seed=0, page_dir=args.page_dir, occluder_dir=args.occluder_dir)
        report(f"{kind.__name__}, drawn anew", data.__getitem__, args.samples, 1, warm_up=5)
        data.photos.variety = 50
        report(f"{kind.__name__}, occluders kept", data.__getitem__, args.samples, args.rounds, warm_up=200)
    return 0


def report(name: str, draw: Callable[[int], object], count: int, rounds: int, warm_up: int) -> None:
    """Print how many of `count` pictures a second of processor time yields, in the best of some rounds."""
    for number in range(warm_up):
        draw(number)
    best = float("inf")
    for turn in range(rounds):
        start = time.process_time()
        for number in range(count):
            draw(warm_up + turn * count + number)
        best = min(best, time.process_time() - start)
    print(f"{name:40s} {count / best:7.2f} a second and core")


if __name__ == "__main__":
    sys.exit(main())
