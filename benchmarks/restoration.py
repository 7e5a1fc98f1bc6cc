"""How well covered pages are repaired: the whole automatic chain beside OpenCV's inpainting, with exact truth.

    python -m benchmarks.restoration --page_dir PAGES --occluder_dir CUTOUTS

Cut-outs are pasted over the pages with a fixed seed (`benchmarks/pairs.py`), the chain repairs the covered pictures,
and what comes out is compared with the pages. `benchmarks/README.md` says what the figures mean and holds the results.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.flags import add_switch, positive_int
from utils.options import PROVIDERS, add_removal_flags, removal_options, scale_of
from utils.runtime.shipped import GENERATOR_GRAPH, SEGMENTER_GRAPH
from utils.split import SPLITS, select

if TYPE_CHECKING:
    from benchmarks.others import Fill
    from benchmarks.pairs import Pair, Plan
    from datasets.occluders import Cutout
    from utils.remover import OccluderRemover


TRUE_MASK_GROW_PX = 7.0  # of a page 4000 px high; a perfect mask still wants its soft edge outside
# Ink is what is darker than the paper beside it by more than a quarter, where that paper is at least 0.7 as bright as
# the brightest tenth of the photo (a desk is not). A hole with less ink than 1 % in its clean pixels is "without text".
INK_CONTRAST = 0.75
PAPER_BRIGHTNESS = 0.7
BRIGHT_PERCENTILE = 90
TEXT_SHARE = 0.01
INK_SIDE = 1600  # pixels of the longer side of the reduced photo in which ink is looked for
BOUNDARY_TOLERANCE_PX = 8  # of a photo 4000 px high, between outlines that count as one
PAPER_PX = 31  # there: wider than a stroke, narrower than a shadow

AS_IS = "left as is"
CHAIN = "this project"
CHAIN_TRUE_MASK = "this project, true mask"
LAMA, PATCHMATCH = "--lama, true mask", "PatchMatch, true mask"
PICTURE_SCORES = ("psnr", "ms_ssim", "mask_psnr", "textless_mask_psnr", "ring_psnr", "rules", "grain", "seconds")
FINDER_SCORES = ("iou", "boundary_f", "recall_grown", "false_share", "false_share_clean")

Row = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description="Score the removal of pasted occluders from photographed pages.")
    parser.add_argument("--page_dir", required=True, help="folder of photographed pages without occluders")
    parser.add_argument("--occluder_dir", required=True, help="folder of RGBA cut-outs, one subfolder a kind")
    parser.add_argument("--textless_dir", help="the same pages without their text, same file names: a fairer truth")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="val",
        help="val: only pages and cut-outs that training leaves out; all: every one (default %(default)s)",
    )
    parser.add_argument("--count", type=positive_int, default=52, help="pairs to build (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of pairs and placements (default %(default)s)")
    add_switch(
        parser,
        "--baselines",
        True,
        "score OpenCV's inpainting, and PatchMatch where it is installed, with the true mask",
    )
    parser.add_argument("--lama", metavar="FILE", help="also score a LaMa or MI-GAN ONNX graph with the true mask")
    add_switch(parser, "--chain", True, "run the networks; False scores the baselines alone")
    add_switch(parser, "--true_mask", False, "also repair with the true mask, which shows what finding it costs")
    parser.add_argument("--report", help="also write every score to this .json or .csv file")
    parser.add_argument("--keep_dir", help="write comparison pictures, truth | covered | repaired, to this folder")
    parser.add_argument("--write_pairs", help="write the pairs to this folder in the contest's layout")
    parser.add_argument(
        "--num_workers",
        type=positive_int,
        default=os.cpu_count() or 1,
        help="pairs at a time, about 400 MB each; 1 for undisturbed seconds (default: one a core, %(default)s)",
    )
    networks = parser.add_argument_group("networks")
    networks.add_argument("--deeplabv3_onnx", default=str(SEGMENTER_GRAPH))
    networks.add_argument("--deepfillv2_onnx", default=str(GENERATOR_GRAPH))
    networks.add_argument("--provider", choices=PROVIDERS, default="auto", help="what they run on")
    add_removal_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status: 0, 1 where a pair failed, 2 for wrong usage."""
    parser = build_parser()
    args = parser.parse_args(argv)

    import cv2
    from tqdm import tqdm

    from benchmarks import pairs
    from benchmarks.others import load_lama
    from utils import report

    try:
        if args.report:
            report.check_report_path(args.report)
        for flag in ("page_dir", "occluder_dir", "textless_dir"):
            folder = getattr(args, flag)
            if folder and not Path(folder).is_dir():
                raise ValueError(f"--{flag} {folder}: there is no such folder")
        pages, cutouts = choose(args.page_dir, args.occluder_dir, args.split)
        remover = load_remover(args) if args.chain else None
        lama = load_lama(args.lama) if args.lama else None
        for folder in (args.keep_dir, args.write_pairs):
            if folder:
                Path(folder).mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        parser.error(str(error))

    plans = pairs.plan_pairs(pages, cutouts, args.count, args.seed, args.textless_dir)
    methods = list_methods(remover, args.baselines, args.true_mask, lama)
    measure = partial(measure_pair, methods=methods, remover=remover, keep=args.keep_dir, write=args.write_pairs)
    if args.num_workers > 1:
        cv2.setNumThreads(1)  # the cores are taken by the workers
    rows: list[Row] = []
    failed: dict[str, str] = {}
    with ThreadPoolExecutor(args.num_workers) as pool:
        outcomes = pool.map(partial(attempt, measure), plans)
        for plan, outcome in tqdm(zip(plans, outcomes, strict=True), total=len(plans), unit="pair", disable=None):
            if isinstance(outcome, str):
                failed[plan.name] = outcome
            else:
                rows += outcome
    if args.write_pairs:
        write_annotation(Path(args.write_pairs), [plan.name for plan in plans if plan.name not in failed])

    means: list[Row] = []
    if rows:
        done = len(plans) - len(failed)
        print(f"{done} pairs of {len(pages)} pages and {len(cutouts)} cut-outs, split {args.split}, seed {args.seed}")
        kept = best_scales(rows)
        means = print_tables([row for row in rows if row["method"] in kept])
    for name, reason in failed.items():
        print(f"not scored: {name}: {reason}", file=sys.stderr)
    if args.report:
        try:
            report.write_report(args.report, rows, means, failed, vars(args))
        except OSError as error:
            print(f"cannot write --report {args.report}: {error.strerror}", file=sys.stderr)
            return 1
    return 1 if failed else 0


def choose(page_dir: str, occluder_dir: str, split: str) -> tuple[list[Path], list["Cutout"]]:
    """The pages and cut-outs of one side of the split.

    Raises:
        ValueError: there are none.
    """
    from datasets.occluders import list_cutouts
    from utils.images import list_photos

    all_pages, all_cutouts = list_photos(page_dir, recursive=True), list_cutouts(occluder_dir, "all")
    if not all_pages:
        raise ValueError(f"--page_dir {page_dir}: holds no pictures")
    pages = select(all_pages, split, lambda path: path)
    cutouts = select(all_cutouts, split, lambda cutout: cutout.path)
    if not pages or not cutouts:
        raise ValueError(
            f"--split {split}: takes {len(pages)} of {len(all_pages)} pages and {len(cutouts)} of {len(all_cutouts)} "
            "cut-outs (by file name); give more of them, or --split all"
        )
    return pages, cutouts


def load_remover(args: argparse.Namespace) -> "OccluderRemover":
    """The chain that `predict_onnx.py` runs, with the same flags.

    Raises:
        ValueError, OSError: a graph cannot be used or a flag is out of range.
    """
    from utils.runtime import onnx_backend

    graphs = args.deeplabv3_onnx, args.deepfillv2_onnx
    return onnx_backend.load_remover(*graphs, removal_options(args), args.provider)[0]


Method = Callable[["Pair"], Any]


def list_methods(
    remover: "OccluderRemover | None", baselines: bool, true_mask: bool, lama: "Fill | None" = None
) -> dict[str, Method]:
    """Name → function from a pair to the repaired photo `(H, W, 3)` uint8."""
    from benchmarks.others import load_patchmatch
    from utils.baselines import METHODS, SCALES, opencv_inpaint
    from utils.regions import grow

    def fill(pair: "Pair", method: str, scale: int) -> Any:
        return opencv_inpaint(pair.covered, pair.hole, method, scale)

    def repair_true(pair: "Pair") -> Any:
        assert remover is not None
        return remover.repair(pair.covered, grow(pair.hole, TRUE_MASK_GROW_PX * scale_of(*pair.hole.shape))).image

    methods: dict[str, Method] = {AS_IS: lambda pair: pair.covered}
    if baselines:
        for method in METHODS:
            for scale in SCALES:
                methods[baseline_name(method, scale)] = partial(fill, method=method, scale=scale)
        if (patchmatch := load_patchmatch()) is not None:
            methods[PATCHMATCH] = lambda pair: patchmatch(pair.covered, pair.hole)
    if lama is not None:
        methods[LAMA] = lambda pair: lama(pair.covered, pair.hole)
    if remover is not None:
        automatic = remover
        methods[CHAIN] = lambda pair: automatic(pair.covered).image
        if true_mask:
            methods[CHAIN_TRUE_MASK] = repair_true
    return methods


def baseline_name(method: str, scale: int) -> str:
    """How a baseline is called in the tables."""
    words = {"telea": "Telea", "ns": "Navier-Stokes"}
    return f"{words[method]}, true mask, 1/{scale}"


def attempt(measure: Callable[["Plan"], list[Row]], plan: "Plan") -> list[Row] | str:
    """The rows of one pair, or in one line why it could not be scored."""
    try:
        return measure(plan)
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"cannot read or write '{error.filename}': {error.strerror}"


def measure_pair(
    plan: "Plan",
    methods: dict[str, Method],
    remover: "OccluderRemover | None",
    keep: str | None,
    write: str | None,
) -> list[Row]:
    """Build one pair and score every method on it.

    Args:
        plan: of the pair.
        methods: as `list_methods` makes them.
        remover: the chain, or None.
        keep, write: folders for the comparison picture and for the pair itself, or None.

    Returns:
        A row a method: what the pair is, the scores of the picture, and for the chain those of its mask.

    Raises:
        ValueError, OSError: a file cannot be used or written.
    """
    from benchmarks.pairs import build_pair

    pair = build_pair(plan)
    text = ink_share(pair.clean, pair.hole)
    about = {
        "file": pair.name,
        "kind": pair.kind,
        "page": pair.page_group,
        "text": "with text" if text >= TEXT_SHARE else "without text",
        "hole_share": float(pair.hole.mean()),
        "ink_share": text,
    }
    rows: list[Row] = []
    results: dict[str, Any] = {}
    for name, method in methods.items():
        start = time.perf_counter()
        result = method(pair)
        seconds = time.perf_counter() - start
        row = {**about, "method": name, **picture_scores(result, pair, repaired=name != AS_IS)}
        if name != AS_IS:
            row["seconds"] = seconds
        if name == CHAIN and remover is not None:
            row |= finder_scores(remover, pair)
        rows.append(row)
        if keep:
            results[name] = result
    if keep:
        scores = {row["method"]: row["mask_psnr"] for row in rows}
        write_comparison(Path(keep) / f"{pair.name}.png", pair, results, scores)
    if write:
        write_pair(Path(write), pair)
    return rows


def picture_scores(result: Any, pair: "Pair", repaired: bool) -> Row:
    """How near a result, `(H, W, 3)` uint8, comes to the truth of its pair; `repaired`: rules and grain count, too."""
    from benchmarks.looks import grain_kept, rules_continued
    from utils.metrics import psnr, restoration_scores

    hole = pair.hole
    row: Row = restoration_scores(result, pair.clean, hole)
    looks = {"rules": rules_continued(result, pair.clean, hole), "grain": grain_kept(result, hole)} if repaired else {}
    row |= {name: value for name, value in looks.items() if value is not None}
    if pair.textless is not None:
        row["textless_mask_psnr"] = psnr(result, pair.textless, hole)
    return row


def ink_share(clean: Any, hole: Any) -> float:
    """Share of the hole's clean pixels that are clearly darker than the paper beside them.

    Args:
        clean: `(H, W, 3)` uint8.
        hole: `(H, W)` bool.

    Returns:
        0 on bare paper to 1. Rules count as ink.
    """
    import cv2
    import numpy as np

    scale = min(1.0, INK_SIDE / max(hole.shape))
    size = max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale))
    grey = cv2.resize(cv2.cvtColor(clean, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    if not inside.any():
        return 0.0
    paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((PAPER_PX, PAPER_PX), np.uint8))
    ink = (grey < INK_CONTRAST * paper) & (paper > PAPER_BRIGHTNESS * np.percentile(paper, BRIGHT_PERCENTILE))
    return float(np.mean(ink[inside]))


def finder_scores(remover: "OccluderRemover", pair: "Pair") -> Row:
    """How well the occluder was found.

    Returns:
        `iou` and `boundary_f` of the found mask before it is grown, against the pixels covered by half or more;
        `recall_grown`: share of all touched pixels, the soft edge included, that the grown mask holds;
        `false_share`: pixels of the covered photo that were repainted though more than the growth away from the
        occluder, and `false_share_clean`: what is found on the page without occluder; both as shares of the photo.
    """
    import numpy as np

    from utils.metrics import boundary_f, iou, precision_recall
    from utils.options import REFERENCE_SIDE
    from utils.regions import grow

    options, scale = remover.options, scale_of(*pair.hole.shape)
    bare = type(remover)(remover.segmenter, remover.inpainter, replace(options, grow_px=0.0))
    bare_mask, grown = bare.find_mask(pair.covered), remover.find_mask(pair.covered)
    # One pixel of the segmentation net, beyond the growth: what lies further out is wrong.
    reach = options.grow_px * scale + max(pair.hole.shape) / remover.segmenter.spec.input_height
    return {
        "iou": iou(bare_mask, pair.occluder),
        "boundary_f": boundary_f(
            bare_mask, pair.occluder, tolerance_px=BOUNDARY_TOLERANCE_PX * max(pair.hole.shape) / REFERENCE_SIDE
        ),
        "recall_grown": precision_recall(grown, pair.hole)[1],
        "false_share": float(np.mean(grown & ~grow(pair.hole, reach))),
        "false_share_clean": float(np.mean(remover.find_mask(pair.clean))),
    }


def best_scales(rows: Sequence[Row]) -> list[str]:
    """The methods to show: of each baseline only the resolution with the highest mean whole-photo PSNR."""
    from utils.metrics import mean

    best: dict[str, tuple[float, str]] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        family = name.rsplit(", 1/", 1)[0]
        score = mean(row["psnr"] for row in rows if row["method"] == name)
        if family not in best or score > best[family][0]:
            best[family] = score, name
    return [name for _, name in best.values()]


def print_tables(rows: Sequence[Row]) -> list[Row]:
    """Print the means: by method, then PSNR by group and method, then what was found; returns those by method."""
    from utils.metrics import mean
    from utils.report import format_table, mean_row

    methods = list(dict.fromkeys(row["method"] for row in rows))

    def means(members: Sequence[Row], names: Iterable[str], **labels: str | int) -> Row:
        scores = mean_row(members)
        return {**labels, **{name: scores[name] for name in names if name in scores}}

    by_method = [means([row for row in rows if row["method"] == name], PICTURE_SCORES, method=name) for name in methods]
    print("\nall pairs\n" + format_table(by_method))
    for title, score in (
        ("PSNR inside the mask, dB", "mask_psnr"),
        ("PSNR inside the mask against the page without its text, dB", "textless_mask_psnr"),
        ("PSNR of the whole photo, dB", "psnr"),
    ):
        if all(score not in row for row in rows):
            continue
        table = []
        for name, group in groups_of(rows):
            line: Row = {"group": name, "pairs": len({row["file"] for row in group})}
            for method in methods:
                line[method] = mean(row[score] for row in group if row["method"] == method)
            table.append(line)
        print(f"\n{title}\n" + format_table(table, decimals=2))
    chain = [row for row in rows if row["method"] == CHAIN]
    if chain:
        rows = [means(members, FINDER_SCORES, group=name, pairs=len(members)) for name, members in groups_of(chain)]
        print("\nwhat was found\n" + format_table(rows))
    return by_method


def groups_of(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """All rows, then those of each kind of occluder, of each group of pages, and of holes with and without text."""
    groups = [("all", list(rows))]
    for field in ("kind", "page", "text"):
        for value in sorted({row[field] for row in rows}):
            groups.append((f"{field} {value}" if field != "text" else value, [r for r in rows if r[field] == value]))
    return groups


PANEL_SIDE = 900  # pixels of the longer side of one picture in a comparison


def write_comparison(path: Path, pair: "Pair", results: dict[str, Any], scores: dict[str, float]) -> None:
    """The surroundings of the hole: truth, covered, the best baseline and what the chain made of it, side by side."""
    import cv2
    import numpy as np

    from utils.images import write_image
    from utils.regions import bounds_of

    bounds = bounds_of(pair.hole)
    if bounds is None:
        return
    box = bounds.padded(max(60, max(bounds.width, bounds.height) // 4), *pair.hole.shape)
    baselines = [name for name in results if name not in (AS_IS, CHAIN, CHAIN_TRUE_MASK)]
    shown = [AS_IS, *sorted(baselines, key=lambda name: scores[name])[-1:], CHAIN, CHAIN_TRUE_MASK]
    panels = [("truth", pair.clean)]
    panels += [(f"{name}: {scores[name]:.2f} dB", results[name]) for name in shown if name in results]
    scale = min(1.0, PANEL_SIDE / max(box.width, box.height))
    size = max(1, round(box.width * scale)), max(1, round(box.height * scale))
    pictures = []
    for title, image in panels:
        panel = cv2.resize(np.ascontiguousarray(image[box.slices()]), size, interpolation=cv2.INTER_AREA)
        panel = cv2.copyMakeBorder(panel, 28, 4, 4, 4, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        cv2.putText(panel, title, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
        pictures.append(panel)
    write_image(path, np.hstack(pictures))


def write_pair(folder: Path, pair: "Pair") -> None:
    """One pair as files of the contest's layout: `train_data_1/{clean,covered,mask}`, without loss."""
    import numpy as np

    from utils.images import write_image
    from utils.preprocess import MASK_LEVEL

    mask = np.rint(pair.alpha * (MASK_LEVEL / 255)).astype(np.uint8)
    for kind, image in (("clean", pair.clean), ("covered", pair.covered), ("mask", mask)):
        (folder / "train_data_1" / kind).mkdir(parents=True, exist_ok=True)
        write_image(folder / "train_data_1" / kind / f"{pair.name}.png", image)


def write_annotation(folder: Path, names: Sequence[str]) -> None:
    """The file that names every triple, tab-separated so that names may hold spaces."""
    lines = ["\t".join(f"{kind}/{name}.png" for kind in ("clean", "covered", "mask")) for name in names]
    (folder / "train_data_1").mkdir(parents=True, exist_ok=True)
    (folder / "train_data_1" / "annotation.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
