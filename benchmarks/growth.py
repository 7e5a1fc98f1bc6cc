"""How the time of a repair grows with the hole's share of the photo, with megapixels and with the number of regions.

    OMP_NUM_THREADS=1 python -m benchmarks.growth

A drawn form of `benchmarks.structure` is repaired without a network. Holes are discs in its middle, regions lie evenly
over all of it. `structure` is its page structure, `repair` all that is done with a known mask; both in processor
seconds, the least of some rounds. `work` and `time` are covered pixels and seconds of page structure, over those of the
first line: nothing grows faster than its work where `time` is not larger.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import cv2
import numpy as np

from benchmarks.structure import draw_page
from utils.arrays import Floats, Image, Mask
from utils.flags import positive_int
from utils.memory import keep_freed_memory
from utils.options import RemovalOptions
from utils.page import structure
from utils.regions import crop, find_regions
from utils.remover import SURROUNDINGS_PX, OccluderRemover
from utils.spec import PUBLISHED_CROP, segmenter_spec
from utils.stages import Segmenter

GROWTH_SHARES = 0.005, 0.01, 0.02, 0.04, 0.08, 0.16  # of the photo that one hole covers
GROWTH_MEGAPIXELS = 2.5, 5, 10, 20, 40
USUAL_SHARE = 0.04  # where the megapixels grow
GROWTH_COUNTS = 1, 10, 100  # of regions
REGION_PX = 40  # their diameter


def main(argv: list[str] | None = None) -> int:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=positive_int, default=3, help="of which the least counts (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the page (default %(default)s)")
    args = parser.parse_args(argv)
    keep_freed_memory(shared=True)  # as `predict_onnx.py` does
    page = draw_page(np.random.default_rng(args.seed), "form").clean
    height, width = page.shape[:2]
    for heading, cases in (
        ("share of the photo", ((f"{share:.1%}", page, draw_disc(height, width, share)) for share in GROWTH_SHARES)),
        ("megapixels", _enlarged(page)),
        ("regions", ((str(count), page, draw_regions(height, width, count)) for count in GROWTH_COUNTS)),
    ):
        print("\n".join(["", *table(heading, cases, args.rounds)]), flush=True)
    return 0


def table(heading: str, cases: Iterable[tuple[str, Image, Mask]], rounds: int) -> Iterator[str]:
    """The lines of a table, in Markdown.

    Args:
        heading: of its first column.
        cases: what each line is for, the page and the mask; the first is what the others are compared with.
        rounds: how often each is measured.
    """
    yield f"| {heading} | structure, s | repair, s | work | time |"
    yield "| --- | --- | --- | --- | --- |"
    first: tuple[float, float] | None = None
    for label, page, mask in cases:
        measured = least_seconds(partial(_structure, page, mask), rounds)
        whole = least_seconds(partial(_repair, page, mask), rounds)
        first = first or (float(mask.sum()), measured)
        work, taken = mask.sum() / first[0], measured / first[1]
        yield f"| {label} | {measured:.3f} | {whole:.3f} | {work:.1f} | {taken:.1f} |"


def least_seconds(work: Callable[[], object], rounds: int) -> float:
    """Processor seconds that some work takes, the least of some rounds after one to warm up."""
    taken = []
    for _ in range(rounds + 1):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken[1:])


def draw_disc(height: int, width: int, share: float) -> Mask:
    """A disc in the middle of a photo that covers a share of it."""
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (width // 2, height // 2), round((share * height * width / np.pi) ** 0.5), 1, -1)
    return mask > 0


def draw_regions(height: int, width: int, count: int) -> Mask:
    """So many discs of `REGION_PX`, evenly over a photo."""
    mask = np.zeros((height, width), np.uint8)
    down = round(count**0.5)
    across = -(-count // down)
    for number in range(count):
        row, column = divmod(number, across)
        centre = round((column + 0.5) * width / across), round((row + 0.5) * height / down)
        cv2.circle(mask, centre, REGION_PX // 2, 1, -1)
    return mask > 0


def _enlarged(page: Image) -> Iterator[tuple[str, Image, Mask]]:
    for megapixels in GROWTH_MEGAPIXELS:
        zoom = (megapixels * 1e6 / page[..., 0].size) ** 0.5
        photo = cv2.resize(page, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
        yield f"{megapixels:g}", np.asarray(photo, np.uint8), draw_disc(photo.shape[0], photo.shape[1], USUAL_SHARE)


def _structure(page: Image, mask: Mask) -> None:
    """What a repair without a network measures and paints."""
    for group in find_regions(mask, PUBLISHED_CROP, SURROUNDINGS_PX):
        structure.repair(crop(page, group.box), crop(mask, group.box))


def _repair(page: Image, mask: Mask) -> None:
    finder = Segmenter(_find_nothing, segmenter_spec("mobilenetv2"))
    OccluderRemover(finder, None, RemovalOptions(structure="only")).repair(page, mask, lift_shadow=True)


def _find_nothing(*_: Floats) -> tuple[Floats, ...]:
    raise AssertionError("a known mask is repaired: nothing is looked for")


if __name__ == "__main__":
    sys.exit(main())
