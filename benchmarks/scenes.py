"""How well a hole of known shape is repaired in life-like scenes, whose truth is exact.

    python -m benchmarks.scenes --data_dir DATA_DIR

Scenes are those of `lifelike:` training, of pictures that are kept apart from it: pages on desks and cloth, printed,
in light of any kind. Each has a hole as the finder would cut it around what might lie there, and that thing's shadow
may fall on the scene before it is repaired. Each line is a mean over scenes: `mask_psnr` in dB, in the hole; `around`,
how many grey levels the pixels around it differ from the truth; `step`, by how many levels the step across the hole's
rim is not that of the truth (a seam); `rules`, the share of rules that arrive behind the hole; `grain`, that in the
hole over that around it. With a generator, `gain` and `lose` are the shares of scenes that are 0.1 dB better and worse
than with page structure alone.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.looks import grain_kept, rules_continued, step_error
from benchmarks.restoration import TEXT_SHARE, ink_share
from datasets.lifelike import AREA, LifelikeScenes
from datasets.lifelike_holes import PHOTO_AREAS, find_hole
from datasets.scene import Scene
from utils.arrays import Floats, Image, Mask
from utils.baselines import opencv_inpaint
from utils.crops import hole_crop
from utils.finding.finder import Finding
from utils.flags import positive_int
from utils.images import write_image
from utils.metrics import psnr, ring
from utils.options import STRUCTURE_MODES, RemovalOptions
from utils.preprocess import fit_square
from utils.regions import connected_bounds, crop
from utils.remover import OccluderRemover
from utils.runtime import onnx_backend
from utils.runtime.shipped import SEGMENTER_GRAPH

SCENE_TRIES = 20  # until something lies over a page
SHEET_PICTURE_SIDE = 256  # pixels of a picture on the sheet
GREY = 0.5  # of what lies there: nothing ever looks at it
CHANGED_DB = 0.1  # from which a scene counts as better or worse
AS_IS, OPENCV = "left as is", "Navier-Stokes"

Row = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description="Score repairs of known holes in life-like scenes.")
    parser.add_argument("--data_dir", required=True, help="folder of `lifelike:` roots")
    parser.add_argument("--count", type=positive_int, default=120, help="scenes (default %(default)s)")
    parser.add_argument("--seed", type=int, default=777, help="of the scenes (default %(default)s)")
    parser.add_argument("--deepfillv2_onnx", metavar="FILE", help="also score `auto` and `off` with this graph")
    parser.add_argument("--sheet", metavar="FILE", help="picture of all scenes: truth, covered, and each repair")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    args = build_parser().parse_args(argv)
    from tqdm import tqdm

    from utils.report import format_table, mean_row

    modes = STRUCTURE_MODES if args.deepfillv2_onnx else ("only",)
    try:
        scenes = LifelikeScenes(Path(args.data_dir), "val")
        options = replace(RemovalOptions(), structure=modes[0])
        graphs = str(SEGMENTER_GRAPH), args.deepfillv2_onnx or ""
        loaded, _ = onnx_backend.load_remover(*graphs, options)
    except (ValueError, OSError) as error:
        print(f"scenes.py: {error}", file=sys.stderr)
        return 2
    removers = {
        mode: OccluderRemover(loaded.segmenter, loaded.inpainter, replace(options, structure=mode)) for mode in modes
    }
    rows: list[Row] = []
    tiles: list[Image] = []
    for number in tqdm(range(args.count), unit="scene"):
        truth, covered, finding = draw(scenes, np.random.default_rng((args.seed, number)))
        hole = finding.mask
        results = {AS_IS: covered, OPENCV: opencv_inpaint(covered, hole, "ns", 1)}
        results |= {mode: remover.repair_found(covered, finding).image for mode, remover in removers.items()}
        rows += judge(results, truth, hole)
        if args.sheet:
            tiles.append(tile([truth, *results.values()], hole))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    kinds = {"all": rows} | {kind: [row for row in rows if row["kind"] == kind] for kind in ("blank", "printed")}
    means = [
        mean_row([row for row in members if row["method"] == method], scenes=kind, method=method)
        for kind, members in kinds.items()
        for method in methods
        if members
    ]
    print(format_table(means, 3))
    if args.sheet:
        write_image(args.sheet, np.vstack(tiles))
    return 0


def draw(scenes: LifelikeScenes, rng: np.random.Generator) -> tuple[Image, Image, Finding]:
    """A scene as it is, `(h, w, 3)` uint8 BGR; with something over it, and its shadow; what a finder would say of that.

    Raises:
        ValueError: the collection holds nothing that could cover a page.
    """
    area = AREA * float(rng.choice(list(PHOTO_AREAS), p=list(PHOTO_AREAS.values())))
    for _ in range(SCENE_TRIES):
        truth, page, over = scenes.bare_photo(rng, area)
        hole = find_hole(over, rng)
        if hole.any() and not hole.all():
            return truth, cover(truth, page, over, rng), Finding(hole, hole, [], [], 1 - page)
    raise ValueError(f"{SCENE_TRIES} scenes in a row have nothing that lies over a page: --data_dir lacks occluders")


def cover(photo: Image, page: Floats, over: Floats, rng: np.random.Generator) -> Image:
    """A photo with something grey on it that throws its shadow: `(h, w, 3)` uint8; `page`, `over` as in a scene."""
    scene = Scene(photo.astype(np.float32), page)
    scene.lay(np.dstack([np.repeat(over[..., None] * np.float32(GREY), 3, axis=2), over]), rng)
    return np.clip(np.rint(scene.image), 0, 255).astype(np.uint8)


def tile(pictures: Sequence[Image], hole: Mask) -> Image:
    """The surroundings of a hole's largest part in each picture, `(h, w, 3)` uint8, side by side."""
    bounds = max(connected_bounds(hole), key=lambda box: box.width * box.height)
    box = hole_crop(bounds, SHEET_PICTURE_SIDE, *hole.shape).box
    return np.hstack(
        [fit_square(np.ascontiguousarray(crop(p, box)), SHEET_PICTURE_SIDE, average=True) for p in pictures]
    )


def judge(results: dict[str, Image], truth: Image, hole: Mask) -> list[Row]:
    """A row of scores for each way of repairing one scene, `(h, w, 3)` uint8 each."""
    kind = "printed" if ink_share(truth, hole) >= TEXT_SHARE else "blank"
    rows: list[Row] = []
    for method, image in results.items():
        around = np.abs(image.astype(np.int16) - truth)[ring(hole)].mean()
        row: Row = {"kind": kind, "method": method, "mask_psnr": psnr(image, truth, hole), "around": float(around)}
        if method != AS_IS:
            looks = {"rules": rules_continued(image, truth, hole), "grain": grain_kept(image, hole)}
            row |= {"step": step_error(image, truth, hole)}
            row |= {name: value for name, value in looks.items() if value is not None}
        rows.append(row)
    alone = next(row["mask_psnr"] for row in rows if row["method"] == "only")
    for row in rows:
        if row["method"] in ("auto", "off"):
            row["gain"] = float(row["mask_psnr"] > alone + CHANGED_DB)
            row["lose"] = float(row["mask_psnr"] < alone - CHANGED_DB)
    return rows


if __name__ == "__main__":
    sys.exit(main())
