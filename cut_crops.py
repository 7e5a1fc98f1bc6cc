#!/usr/bin/env python3
"""Cut clean crops for `train.py --augment True`: random squares of clean pages, reduced.

python cut_crops.py --src_image_dir clean_pages --save_dir train/augment_crops
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.flags import positive_int, print_any_name, run_script


def build_parser() -> argparse.ArgumentParser:
    """The command line; the defaults are the published figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--src_image_dir", required=True, help="folder of clean pages")
    parser.add_argument("--save_dir", default="./train/augment_crops", help="where the crops go (%(default)s)")
    parser.add_argument("--crops", type=positive_int, default=10, help="crops a page (%(default)s)")
    parser.add_argument("--side", type=positive_int, default=1600, help="of a crop in the page, pixels (%(default)s)")
    parser.add_argument("--border", type=int, default=200, help="least distance from the page's border (%(default)s)")
    parser.add_argument("--size", type=positive_int, default=256, help="of a written crop (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random places (%(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 if a page was skipped."""
    args = build_parser().parse_args(argv)
    print_any_name()
    try:
        return cut(args)
    except OSError as error:
        print(f"cut_crops.py: {error}", file=sys.stderr)
        return 1


def cut(args: argparse.Namespace) -> int:
    """The body of `main`.

    Raises:
        OSError: a folder cannot be read, or crops cannot be written.
    """
    import numpy as np
    from tqdm import tqdm

    from utils.images import list_photos, read_image, write_image
    from utils.originals import is_same_folder
    from utils.preprocess import is_landscape, resize, transpose

    source, target = Path(args.src_image_dir), Path(args.save_dir)
    if not source.is_dir():
        print(f"cut_crops.py: --src_image_dir {source}: no such folder", file=sys.stderr)
        return 1
    pages = list_photos(source)
    if not pages or args.border < 0:
        what = f"--border {args.border}: must be 0 or more" if pages else f"--src_image_dir {source}: no pictures in it"
        print(f"cut_crops.py: {what}", file=sys.stderr)
        return 1
    target.mkdir(parents=True, exist_ok=True)
    if is_same_folder(target, source):
        print(f"cut_crops.py: --save_dir {target}: the folder of the pages themselves; name another", file=sys.stderr)
        return 1
    written = skipped = 0
    for number, path in enumerate(tqdm(pages, unit="page")):
        rng = np.random.default_rng((args.seed, number))
        try:
            page = read_image(path)
        except (OSError, ValueError) as error:
            tqdm.write(f"{error}; it was skipped", file=sys.stderr)
            skipped += 1
            continue
        if is_landscape(page):
            page = transpose(page)
        room = np.array(page.shape[:2]) - 2 * args.border - args.side
        if room.min() < 0:
            least = args.side + 2 * args.border
            tqdm.write(
                f"'{path.name}' has {page.shape[1]}×{page.shape[0]} pixels, {least}×{least} are needed for --side "
                f"{args.side} and --border {args.border}; it was skipped",
                file=sys.stderr,
            )
            skipped += 1
            continue
        for crop in range(args.crops):
            top, left = args.border + rng.integers(0, room, endpoint=True)
            square = resize(page[top : top + args.side, left : left + args.side], args.size, args.size)
            write_image(target / f"{path.stem}_{crop}.jpg", square)
            written += 1
    print(f"{written} crops of {len(pages) - skipped} pages in {target}")
    return 1 if skipped else 0


if __name__ == "__main__":
    run_script(main)
