#!/usr/bin/env python3
"""Draw a training root in the contest's layout: clean pages, the same pages covered, masks with 128 on the occluder.

python synthesize.py --save_dir train_synthetic --count 2000 --preview 24
python train.py --train_model deeplabv3 --baseroot train_synthetic
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from utils.flags import add_switch, positive_int
from utils.split import SPLITS

if TYPE_CHECKING:
    from datasets.triples import TripleSource

RECIPE = 1  # raised whenever the same seed starts to give other pictures
SETTINGS_FILE = "synthesize.json"
PREVIEW_FILE = "preview.png"
PREVIEW_HEIGHT = 640  # pixels of one picture on the contact sheet
CHUNK = 200  # pictures handed to the workers ahead


@dataclass(frozen=True)
class Settings:
    """What decides the pixels, kept beside the pictures so that two recipes never mix in one folder."""

    seed: int
    folders: int
    size: int
    quality: int
    split: str
    page_dir: str | None
    occluder_dir: str | None
    font_dir: str | None
    lossless: bool
    write_textless: bool
    recipe: int = RECIPE


@dataclass(frozen=True)
class Files:
    """Where the pictures of one number go; the clean page and the one without text share a file name."""

    clean: Path
    covered: Path
    mask: Path
    textless: Path


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save_dir", required=True, help="where train_data_1, train_data_2, … go")
    parser.add_argument("--count", type=positive_int, default=1000, help="pictures in all (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files (default %(default)s)")
    parser.add_argument("--folders", type=positive_int, default=5, help="train_data_* folders (default %(default)s)")
    parser.add_argument("--num_workers", type=positive_int, default=os.cpu_count() or 1,
                        help="processes, about 1 GB each; what is drawn does not depend on it (default: one a core, "
                        "%(default)s)")  # fmt: skip
    parser.add_argument("--page_dir", help="photographs to use as every other page")
    parser.add_argument("--occluder_dir", help="RGBA cut-outs to use as every other occluder")
    parser.add_argument("--font_dir",
                        help="TrueType fonts to print with, beside OpenCV's (default: a few of this machine's; without "
                        "the same fonts, the same seed gives other pages)")  # fmt: skip
    parser.add_argument("--split", choices=SPLITS, default="train",
                        help="use only pages and cut-outs of this side, so that a root for --val_root shares none "
                        "with the one trained on (default %(default)s)")  # fmt: skip
    parser.add_argument("--size", type=positive_int, default=3750,
                        help="longer side of the pictures in pixels, on average (default %(default)s)")  # fmt: skip
    parser.add_argument("--quality", type=int, default=92, help="of the JPEG files, 1 to 100 (default %(default)s)")
    add_switch(parser, "--lossless", True,
               "write the covered pages as PNG, so that they equal the clean ones outside the mask; False: as JPEG, a "
               "quarter of the size, but blocks at an occluder's edge then differ a little")  # fmt: skip
    add_switch(parser, "--write_textless", False, "also write the clean drawn pages without their text (textless/)")
    parser.add_argument("--preview", type=positive_int, metavar="N",
                        help=f"also write a contact sheet of the first N covered pages, {PREVIEW_FILE}")  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 if a picture failed, 2 for wrong usage, 130 if interrupted."""
    parser = build_parser()
    args = parser.parse_args(argv)
    settings = Settings(**{name: getattr(args, name) for name in Settings.__annotations__ if name != "recipe"})
    root = Path(args.save_dir)

    from tqdm import tqdm

    try:
        prepare(root, settings)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    missing = [number for number in range(args.count) if not is_complete(root, settings, number)]
    if len(missing) < args.count:
        print(f"{args.count - len(missing)} of {args.count} pictures are there already")
    failed: dict[int, str] = {}
    interrupted = False
    try:
        for number, problem in tqdm(write_all(root, settings, missing, args.num_workers), total=len(missing),
                                    unit="picture", disable=None):  # fmt: skip
            if problem:
                failed[number] = problem
                tqdm.write(f"picture {number}: {problem}", file=sys.stderr)
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted; the same command goes on from here", file=sys.stderr)
    done = write_annotations(root, settings, args.count)
    print(f"{done} of {args.count} pictures in {root}")
    if args.preview and done:
        write_preview(root, settings, args.count, args.preview)
        print(f"contact sheet: {root / PREVIEW_FILE}")
    return 130 if interrupted else 1 if failed else 0


def prepare(root: Path, settings: Settings) -> None:
    """Check what was asked for, make the folders, and note the settings.

    Raises:
        ValueError: settings that cannot work, or others than those the folder was begun with.
        OSError: a folder cannot be made or read.
    """
    if not 1 <= settings.quality <= 100:
        raise ValueError(f"--quality {settings.quality}: must be from 1 to 100")
    if settings.seed < 0:
        raise ValueError(f"--seed {settings.seed}: must be 0 or more")
    if settings.size < 200:
        raise ValueError(f"--size {settings.size}: must be 200 or more, for example 3750")
    open_source(settings)  # says which folder is wrong before any work is done
    note = root / SETTINGS_FILE
    if note.exists():
        try:
            earlier = json.loads(note.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            raise ValueError(f"--save_dir {root}: {SETTINGS_FILE} there is damaged; give another folder") from None
        differing = [name for name, value in asdict(settings).items() if earlier.get(name) != value]
        if differing:
            values = ", ".join(f"{name} {earlier.get(name)}" for name in differing)
            raise ValueError(f"--save_dir {root} was begun with {values}; give the same again, or another folder")
    for number in range(settings.folders):
        for path in asdict(files_of(root, settings, number)).values():
            path.parent.mkdir(parents=True, exist_ok=True)
    if not settings.write_textless:
        for number in range(settings.folders):
            files_of(root, settings, number).textless.parent.rmdir()
    from utils.images import atomic

    with atomic(note) as temporary:
        temporary.write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def open_source(settings: Settings) -> "TripleSource":
    """The `TripleSource` of these settings. Raises as that does."""
    from datasets.triples import TripleSource

    pages, occluders, fonts = (
        Path(folder) if folder else None for folder in (settings.page_dir, settings.occluder_dir, settings.font_dir)
    )
    return TripleSource(pages, occluders, fonts, settings.split, settings.size)


def files_of(root: Path, settings: Settings, number: int) -> Files:
    """Paths of a picture; folders take turns, so that a larger `--count` only adds to them."""
    folder = root / f"train_data_{number % settings.folders + 1}"
    name = f"{number:06d}"
    return Files(
        folder / "clean" / f"{name}.jpg",
        folder / "covered" / f"{name}.{'png' if settings.lossless else 'jpg'}",
        folder / "mask" / f"{name}.png",
        folder / "textless" / f"{name}.jpg",
    )


def is_complete(root: Path, settings: Settings, number: int) -> bool:
    """Whether a picture is whole; its mask is written last, and every file at once or not at all."""
    files = files_of(root, settings, number)
    return files.clean.is_file() and files.covered.is_file() and files.mask.is_file()


def write_all(root: Path, settings: Settings, numbers: Sequence[int], workers: int) -> Iterator[tuple[int, str]]:
    """Draw and write pictures, in parallel; yields each number and what went wrong with it, or ""."""
    write = partial(write_one, root, settings)
    if workers == 1 or len(numbers) < 2:
        yield from map(write, numbers)
        return
    with ProcessPoolExecutor(min(workers, len(numbers)), get_context("spawn"), _one_thread) as pool:
        try:
            for start in range(0, len(numbers), CHUNK):
                yield from pool.map(write, numbers[start : start + CHUNK])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one_thread() -> None:
    """The cores are taken by the other workers; an interrupt is for the parent, which lets pictures be finished."""
    import signal

    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def write_one(root: Path, settings: Settings, number: int) -> tuple[int, str]:
    """Draw one picture and write its files; everything follows from the seed and the number."""
    import numpy as np

    from utils.images import read_image, write_image

    source, files = _source_of(settings), files_of(root, settings, number)
    rng = np.random.default_rng((settings.seed, number))
    try:
        clean = source.clean(rng, settings.write_textless)
        write_image(files.clean, clean.image, settings.quality)
        if clean.textless is not None:
            write_image(files.textless, clean.textless, settings.quality)
        # What is covered is the page as its file shows it: outside the mask the two stay equal.
        covered, mask = source.cover(read_image(files.clean), rng, clean.grey)
        write_image(files.covered, covered, settings.quality)
        write_image(files.mask, mask)
    except (ValueError, OSError) as error:
        return number, str(error)
    return number, ""


_sources: dict[Settings, "TripleSource"] = {}


def _source_of(settings: Settings) -> "TripleSource":
    """`open_source`, once a process."""
    if settings not in _sources:
        _sources[settings] = open_source(settings)
    return _sources[settings]


def write_annotations(root: Path, settings: Settings, count: int) -> int:
    """Name every complete picture in its folder's `annotation.txt`; returns how many there are."""
    from utils.images import atomic

    lines: dict[Path, list[str]] = {}
    for number in range(count):
        files = files_of(root, settings, number)
        folder = files.clean.parent.parent
        lines.setdefault(folder, [])
        if is_complete(root, settings, number):
            names = (path.relative_to(folder).as_posix() for path in (files.clean, files.covered, files.mask))
            lines[folder].append(" ".join(names))
    for folder, texts in lines.items():
        with atomic(folder / "annotation.txt") as temporary:
            temporary.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return sum(len(texts) for texts in lines.values())


def write_preview(root: Path, settings: Settings, count: int, shown: int) -> None:
    """The first covered pages side by side, about twice as many across as down, PREVIEW_HEIGHT pixels high."""
    import cv2
    import numpy as np

    from utils.images import read_image, write_image

    numbers: Iterable[int] = [n for n in range(count) if is_complete(root, settings, n)][:shown]
    cells = []
    for number in numbers:
        page = read_image(files_of(root, settings, number).covered)
        width = round(page.shape[1] * PREVIEW_HEIGHT / page.shape[0])
        cells.append(cv2.resize(page, (width, PREVIEW_HEIGHT), interpolation=cv2.INTER_AREA))
    widest, across = max(cell.shape[1] for cell in cells), min(len(cells), max(1, round((2 * len(cells)) ** 0.5)))
    down = -(-len(cells) // across)
    sheet = np.full((down * (PREVIEW_HEIGHT + 8), across * (widest + 8), 3), 255, np.uint8)
    for place, cell in enumerate(cells):
        top, left = place // across * (PREVIEW_HEIGHT + 8), place % across * (widest + 8)
        sheet[top : top + PREVIEW_HEIGHT, left : left + cell.shape[1]] = cell
    write_image(root / PREVIEW_FILE, sheet)


if __name__ == "__main__":
    sys.exit(main())
