"""Scores over a folder of pairs: repaired photos, or predicted masks, against the truth.

    python evaluate.py --pred_dir test_img_predict --gt_dir clean --mask_dir masks --report scores.json

It needs NumPy, OpenCV and Pillow only. `utils/metrics.py` states what each score is.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.flags import add_switch, positive_int, print_any_name, run_script

if TYPE_CHECKING:
    from utils.mask_files import MaskFile

BASELINES = ("telea", "ns")  # utils.baselines.METHODS, repeated so that --help loads no OpenCV
BASELINE_SCALES = (1, 2, 4)  # how many times the photo is reduced for a baseline

# Mask files hold 128 (or 255) on the occluder. Below 16 lies the noise of lossy compression; what is above was touched
# by the occluder and counts as hole. For outlines a pixel is occluder from half of 128 on.
HOLE_LEVEL = 16
OCCLUDER_LEVEL = 64

Scores = dict[str, float]


def build_parser() -> argparse.ArgumentParser:
    """The flags of this script."""
    parser = argparse.ArgumentParser(
        description="Score repaired photos (PSNR, MS-SSIM) or predicted masks (IoU, boundary F) against the truth.",
        epilog="Files are paired by their path inside the folders, whatever they end in: a/page1.jpg with a/page1.PNG. "
        "Exit status 1: something could not be scored and was named; 2: the call itself is wrong.",
    )
    parser.add_argument("--pred_dir", help="folder of repaired photos, or of predicted masks with --segmentation True")
    parser.add_argument("--gt_dir", required=True, help="folder of the clean photos, or of the true masks")
    parser.add_argument(
        "--mask_dir", help="folder of masks (0 paper, 128 occluder): also score inside them and 32 px around"
    )
    parser.add_argument("--report", help="also write the scores to this .json or .csv file")
    add_switch(parser, "--segmentation", False, "the two folders hold masks: score IoU, precision, recall, boundary F")
    parser.add_argument(
        "--baseline",
        choices=BASELINES,
        help="also score OpenCV's inpainting of the true photos with the masks of --mask_dir",
    )
    parser.add_argument(
        "--baseline_scale",
        type=int,
        choices=BASELINE_SCALES,
        default=4,
        help="how many times the baseline reduces the photo before it fills (default %(default)s, usually the best)",
    )
    parser.add_argument(
        "--boundary_px", type=float, default=8.0, help="how far outlines may be apart for boundary F (default 8)"
    )
    parser.add_argument(
        "--num_workers",
        type=positive_int,
        default=os.cpu_count() or 1,
        help="pictures scored at a time, about 250 MB each at 12 megapixels (default: one a core, %(default)s)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns the exit status: 0, 1 where a file could not be scored, 2 for wrong usage."""
    parser = build_parser()
    args = parser.parse_args(argv)
    print_any_name()
    fault = wrong_usage(args)
    if fault:
        parser.error(fault)

    import cv2
    from tqdm import tqdm

    from utils import report

    if args.report:
        try:
            report.check_report_path(args.report)
        except ValueError as error:
            parser.error(str(error))

    folders = {"--gt_dir": Path(args.gt_dir)}
    if args.pred_dir:
        folders["--pred_dir"] = Path(args.pred_dir)
    if args.mask_dir:
        folders["--mask_dir"] = Path(args.mask_dir)
    pairs, failed = pair_files(folders, ("--pred_dir",) if args.segmentation else ("--mask_dir",))
    if not pairs and not failed:
        parser.error(f"--gt_dir {args.gt_dir}: holds no pictures, so there is nothing to score")

    if args.segmentation:
        score: Callable[[dict[str, Path]], Scores] = partial(score_masks, boundary_px=args.boundary_px)
    else:
        score = partial(score_photos, baseline=args.baseline, baseline_scale=args.baseline_scale)
    if args.num_workers > 1:
        cv2.setNumThreads(1)  # the cores are taken by the workers

    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(args.num_workers) as pool:
        outcomes = pool.map(partial(attempt, score), pairs.values())
        for name, outcome in tqdm(zip(pairs, outcomes, strict=True), total=len(pairs), unit="picture", disable=None):
            if isinstance(outcome, str):
                failed[name] = outcome
            else:
                rows.append({"file": name, **outcome})

    means = [report.mean_row(rows, file=f"mean of {len(rows)}")] if rows else []
    if rows:
        print(report.format_table([*rows, *means]))
        note_left_out(rows)
    for name, reason in failed.items():
        print(f"not scored: '{name}': {reason}", file=sys.stderr)
    if args.report:
        settings = {name: value for name, value in vars(args).items() if name not in ("report", "num_workers")}
        try:
            report.write_report(args.report, rows, means, failed, settings)
        except OSError as error:
            print(f"cannot write --report {args.report}: {error.strerror}", file=sys.stderr)
            return 1
    return 1 if failed else 0


def wrong_usage(args: argparse.Namespace) -> str | None:
    """What is wrong with the flags taken together, or None."""
    if args.segmentation and (args.baseline or args.mask_dir):
        return "--segmentation True compares two folders of masks; leave out --mask_dir and --baseline"
    if not args.pred_dir and not args.baseline:
        return "--pred_dir is needed (it may only be left out with --baseline)"
    if args.baseline and not args.mask_dir:
        return f"--baseline {args.baseline} fills the masks of --mask_dir; give that folder too"
    for flag in ("pred_dir", "gt_dir", "mask_dir"):
        folder = getattr(args, flag)
        if folder and not Path(folder).is_dir():
            return f"--{flag} {folder}: there is no such folder"
    return None


def natural_path_key(name: str) -> list[Any]:
    """Sort key by the parts of a path, files of a folder before those of its folders."""
    from utils.images import natural_key

    *folders, file = name.split("/")
    return [*((1, natural_key(folder)) for folder in folders), (0, natural_key(file))]


def pair_files(
    folders: dict[str, Path], mask_flags: Sequence[str] = ("--mask_dir",)
) -> tuple[dict[str, dict[str, Path]], dict[str, str]]:
    """Match the pictures of several folders by their path without extension.

    Args:
        folders: flag → folder; searched with all folders below.
        mask_flags: those whose files may have `_mask` or `-mask` behind their names.

    Returns:
        The complete groups, name → (flag → file), and what is wrong with the others, name → reason. Names are paths
        relative to the folder, in natural order.
    """
    from utils.images import list_photos
    from utils.mask_files import without_suffix

    by_name: dict[str, dict[str, list[Path]]] = {}
    failed: dict[str, str] = {}

    def note_other(path: Path, kind: str) -> None:
        failed[str(path)] = f"{kind} cannot be read; convert it to JPEG, PNG or TIFF first"

    # masks last: `page_mask.png` is that of `page`, where there is one and no page of the longer name
    for flag in sorted(folders, key=lambda flag: flag in mask_flags):
        for path in list_photos(folders[flag], recursive=True, on_other=note_other):
            place = path.relative_to(folders[flag])
            name = place.with_suffix("").as_posix()
            if flag in mask_flags and name not in by_name:
                shorter = place.with_name(without_suffix(place.stem)).as_posix()
                name = shorter if shorter in by_name else name
            by_name.setdefault(name, {}).setdefault(flag, []).append(path)
    by_name = {name: by_name[name] for name in sorted(by_name, key=natural_path_key)}
    pairs: dict[str, dict[str, Path]] = {}
    for name, files in by_name.items():
        missing = [f"{flag} {folder}" for flag, folder in folders.items() if flag not in files]
        twice = [f"{flag} ({', '.join(p.name for p in paths)})" for flag, paths in files.items() if len(paths) > 1]
        if missing:
            failed[name] = f"no picture of this name in {' and '.join(missing)}"
        elif twice:
            failed[name] = f"more than one picture of this name in {' and '.join(twice)}; keep one"
        else:
            pairs[name] = {flag: paths[0] for flag, paths in files.items()}
    return pairs, failed


def attempt(score: Callable[[dict[str, Path]], Scores], files: dict[str, Path]) -> Scores | str:
    """The scores of one group of files, or what is wrong with it in one line."""
    import cv2

    try:
        return score(files)
    except (ValueError, cv2.error) as error:
        return str(error).strip().splitlines()[-1]
    except OSError as error:
        return f"cannot read '{error.filename}': {error.strerror}"


def score_photos(files: dict[str, Path], baseline: str | None, baseline_scale: int) -> Scores:
    """Scores of one repaired photo and, if asked for, of the baseline on the same mask.

    Raises:
        ValueError, OSError: a file cannot be read or the sizes differ.
    """
    from utils.baselines import opencv_inpaint
    from utils.images import read_photo
    from utils.mask_files import shows_photo
    from utils.metrics import restoration_scores

    truth = read_photo(files["--gt_dir"]).image
    mask = None
    if "--mask_dir" in files:
        file, mask = read_covered(files["--mask_dir"], HOLE_LEVEL)
        if mask.shape != truth.shape[:2]:
            raise ValueError(
                f"the mask has {size_of(mask)} pixels, the true photo {size_of(truth)}; they must be equal"
            )
        if shows_photo(file.levels, truth):
            raise ValueError(f"the mask '{files['--mask_dir'].name}' is the photo itself and no mask")
    scores: Scores = {}
    if "--pred_dir" in files:
        prediction = read_photo(files["--pred_dir"]).image
        if prediction.shape != truth.shape:
            raise ValueError(
                f"the repaired photo has {size_of(prediction)} pixels, the true one {size_of(truth)}; "
                "they must be equal"
            )
        scores = restoration_scores(prediction, truth, mask)
        del prediction
    if baseline and mask is not None:
        filled = opencv_inpaint(truth, mask, baseline, baseline_scale)
        scores |= {f"{baseline}_{name}": value for name, value in restoration_scores(filled, truth, mask).items()}
    return scores


def score_masks(files: dict[str, Path], boundary_px: float) -> Scores:
    """Scores of one predicted mask.

    Raises:
        ValueError, OSError: a file cannot be read or the sizes differ.
    """
    from utils.metrics import mask_scores

    _, prediction = read_covered(files["--pred_dir"], OCCLUDER_LEVEL)
    file, truth = read_covered(files["--gt_dir"], OCCLUDER_LEVEL)
    if prediction.shape == truth.shape:
        prediction &= ~file.unknown()  # what the truth leaves open is right either way
    return mask_scores(prediction, truth, boundary_px)


def read_covered(path: Path, level: int) -> "tuple[MaskFile, Any]":
    """A mask file, and where it covers: labels say so, or soft values reach `level`; `(H, W)` bool.

    Raises:
        ValueError: it cannot be decoded, looks like a photo, or marks nothing though it is not black.
        OSError: it cannot be read.
    """
    from utils.mask_files import read_mask_file

    mask = read_mask_file(path)
    covered = mask.covered(level)
    if not mask.is_labels and mask.levels.any() and not covered.any():
        raise ValueError(
            f"the highest value of the mask '{path.name}' is {mask.levels.max()}; 128 (or 255) on the occluder is "
            "expected"
        )
    return mask, covered


def size_of(image: Any) -> str:
    """Width × height of an array `(h, w, …)`, as people say it."""
    return f"{image.shape[1]}×{image.shape[0]}"


def note_left_out(rows: Sequence[dict[str, Any]]) -> None:
    """Say which means leave pictures out, and why."""
    for name in rows[0]:
        count = sum(row[name] == float("inf") for row in rows)
        if count and count < len(rows):
            print(f"{name}: {count} without any error (inf) left out of the mean")


if __name__ == "__main__":
    run_script(main)
