"""Draw the photos of test_img/ again, repair them, and make docs/before_after.jpg and docs/failures.jpg of the result.

    make demo_pictures
    cp -r demo_pictures/. .

Nothing is overwritten before that copy: look at the pictures first. The pages test1.jpg and so on are those that
`synthesize.py` draws of the seed; where a machine has other fonts, their print differs. real1.jpg is a photograph and
stays as it is (source and licence: MODEL_CARD.md).
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

import predict_onnx
import synthesize
from utils.flags import positive_int
from utils.images import read_image, write_image

SHIPPED = Path(__file__).parent.parent / "test_img"
SEED = 11
PICTURES = (4, 6, 7, 8)  # of `synthesize.py --seed 11`: hands and a phone over rules and print, a finger
REAL = ("real1",)  # photographs of test_img/
SHOWN, FAILING_PHOTOS = ("real1", "test1", "test2"), ("test3",)  # in before_after.jpg and in failures.jpg
PICTURE_WIDTH = 1200  # of both in pixels
PHOTO_QUALITY = 92


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save_dir", type=Path, default=Path("demo_pictures"), help="where they go (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of synthesize.py (%(default)s)")
    parser.add_argument("--pictures", type=int, nargs="+", default=list(PICTURES), help="numbers to take (4 6 7 8)")
    parser.add_argument("--shown", nargs="+", default=list(SHOWN),
                        help="photos that before_after.jpg shows (real1 test1 test2)")  # fmt: skip
    parser.add_argument(
        "--failed", nargs="+", default=list(FAILING_PHOTOS), help="photos that failures.jpg shows (test3)"
    )
    parser.add_argument("--size", type=positive_int, default=3750, help="longer side in pixels (%(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is that of the repair."""
    args = build_parser().parse_args(argv)
    photos = args.save_dir / "test_img"
    docs = args.save_dir / "docs"
    for folder in (photos, docs):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        draw(photos, args.seed, args.pictures, args.size, Path(scratch) / "drawn")
        for name in REAL:
            shutil.copyfile(SHIPPED / f"{name}.jpg", photos / f"{name}.jpg")
        repaired = Path(scratch) / "repaired"
        status = predict_onnx.main(
            ["--src_image_dir", str(photos), "--save_dir", str(repaired), "--save_comparison", "True"]
        )
        if status:
            return status
        made = {path.name.split(".")[0]: path for path in (repaired / "comparisons").iterdir()}
        for name, photos_shown in (("before_after.jpg", args.shown), ("failures.jpg", args.failed)):
            strips = [read_image(made[photo]) for photo in photos_shown]
            write_image(docs / name, stack(strips, PICTURE_WIDTH), PHOTO_QUALITY)
    print(f"photos and both pictures in '{args.save_dir}': look at them, then copy them over the project's")
    return 0


def draw(folder: Path, seed: int, numbers: Sequence[int], size: int, scratch: Path) -> None:
    """Write covered pages as test1.jpg, test2.jpg, …; the last lies on its side, as photos of wide pages do.

    Args:
        folder: where they go.
        seed, numbers: which pictures of `synthesize.py`.
        size: their longer side in pixels.
        scratch: a folder that need not exist, for what is drawn besides.

    Raises:
        RuntimeError: a page could not be drawn.
    """
    common = ["--save_dir", str(scratch), "--seed", str(seed), "--folders", "1", "--size", str(size)]
    flags = vars(synthesize.build_parser().parse_args(common))
    settings = synthesize.Settings(**{n: flags[n] for n in synthesize.Settings.__annotations__ if n != "recipe"})
    synthesize.prepare(scratch, settings)
    for place, number in enumerate(numbers):
        _, problem = synthesize.write_one(scratch, settings, number)
        if problem:
            raise RuntimeError(f"picture {number}: {problem}")
        page = read_image(synthesize.files_of(scratch, settings, number).covered)
        if place == len(numbers) - 1:
            page = np.ascontiguousarray(np.rot90(page))
        write_image(folder / f"test{place + 1}.jpg", page, PHOTO_QUALITY)


def stack(strips: Sequence[np.ndarray], width: int) -> np.ndarray:
    """Pictures `(h, w, 3)` uint8 one above the other, each reduced to `width` pixels."""
    sizes = [(width, round(strip.shape[0] * width / strip.shape[1])) for strip in strips]
    return np.concatenate(
        [cv2.resize(strip, size, interpolation=cv2.INTER_AREA) for strip, size in zip(strips, sizes, strict=True)]
    )


if __name__ == "__main__":
    sys.exit(main())
