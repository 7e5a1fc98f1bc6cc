"""How the finder does on real photographs: what it removes that it should, and what it erases that it should not.

    python -m benchmarks.real --photo_dir COVERED CLEAN --label_dir LABELS

A label is a PNG by the photo's name: 0 page, 64 surroundings, 128 an occluder over the page, 192 the rest of it, 255
unknown (SPEC section 6). In `LABEL_DIR/hands` a picture of the same name may show hands beside the page that are
neither right nor wrong to take. A photo without a label counts as clean everywhere. Only what is repainted counts, not
where a shadow alone is lifted; what is in doubt and left alone counts as not removed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.classes import LEVELS, OCCLUDER, OCCLUDER_BESIDE, PAGE, SURROUNDINGS
from utils.flags import positive_int
from utils.options import PROVIDERS, add_removal_flags, removal_options

if TYPE_CHECKING:
    from utils.arrays import Image, Mask, Plane
    from utils.remover import Removal

ROOT = Path(__file__).resolve().parents[1]

NEAR_SHARE = 0.02  # of the photo's longer side: so near to an occluder what is erased is growth, not a fault
PERFECT_RECALL, PERFECT_ERASED = 0.98, 0.0005  # of a perfect photo
HANDS = "hands"  # folder below the labels
COVERED_LEVELS = (LEVELS[OCCLUDER], LEVELS[OCCLUDER_BESIDE])
TRUE_SHARE = 0.1  # of a region's box that is covered: from there on it is an occluder
ERASED_WEIGHT = 20  # of the erased page, in the order of the sheet, over a missed occluder
SHEET_SIDE, SHEET_COLUMNS = 420, 3  # pixels of a picture, photos a row
REPAINTED_BGR, MISSED_BGR, DOUBTFUL_BGR = (0, 0, 127), (127, 0, 0), (0, 230, 255)  # the first two at half strength
LINES_A_SIDE, BACKGROUND_LEVEL = 200, 40  # lines on the sheet are so much thinner than a photo is long
BINS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)  # upper ends, of the confidences in the reliability table

Row = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description="Score the finder on really covered photographs and on clean ones.")
    parser.add_argument("--photo_dir", nargs="+", required=True, help="folders of photographs")
    parser.add_argument("--label_dir", help="folder of labels; photos without one count as clean")
    parser.add_argument("--only", nargs="+", help="only photos whose names begin so")
    parser.add_argument("--held_out", action="store_true", help="only documents that `lifelike:` roots never train on")
    parser.add_argument("--report", help="also write every score to this .json or .csv file")
    parser.add_argument(
        "--sheet", help="write photo | what is removed (red) and in doubt (yellow) | result to this PNG"
    )
    parser.add_argument("--sheet_count", type=positive_int, default=48, help="photos on it, worst first (%(default)s)")
    networks = parser.add_argument_group("networks")
    networks.add_argument("--deeplabv3_onnx", default=str(ROOT / "onnx_model/deeplabv3_mobilenetv2.onnx"))
    networks.add_argument("--deepfillv2_onnx", default=str(ROOT / "onnx_model/deepfillv2_G.onnx"))
    networks.add_argument("--provider", choices=PROVIDERS, default="auto", help="what they run on")
    add_removal_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    args = build_parser().parse_args(argv)
    import cv2
    from tqdm import tqdm

    from datasets.collection import held_out
    from utils.folder import PREVIEW_SIDES
    from utils.images import list_photos, open_photo
    from utils.report import format_table, mean_row, write_report
    from utils.runtime.onnx_backend import load_remover

    photos = [path for folder in args.photo_dir for path in list_photos(folder, recursive=True)]
    if args.held_out:
        photos = [path for path in photos if path in held_out(photos)]
    if args.only:
        photos = [path for path in photos if path.name.startswith(tuple(args.only))]
    if not photos:
        print("real.py: there are no such photos in --photo_dir", file=sys.stderr)
        return 2
    options = removal_options(args)
    remover, description = load_remover(args.deeplabv3_onnx, args.deepfillv2_onnx, options, args.provider)
    covered, clean, confidences = list[Row](), list[Row](), list[tuple[float, bool]]()
    tiles: list[tuple[float, Image]] = []
    for path in tqdm(photos, unit="photo"):
        photo = open_photo(path)
        sight = remover.look(photo.preview(*PREVIEW_SIDES))  # as `predict_onnx.py` looks at a folder
        image = photo.image
        removal = remover.finish(image, sight)
        label, hands = read_label(args.label_dir, path, image.shape[:2])
        row = {"photo": path.stem, **scores(removal.mask, label, hands)}
        row["doubtful"] = len(removal.doubtful)
        (covered if (label == LEVELS[OCCLUDER]).any() else clean).append(row)
        for region in (*removal.regions, *removal.doubtful):
            truth = label[region.box.slices()]
            confidences.append((region.confidence, bool(np.isin(truth, COVERED_LEVELS).mean() > TRUE_SHARE)))
        if args.sheet:
            tiles.append((badness(row), tile(image, removal, label)))
    print(f"{description}; {len(covered)} covered photos, {len(clean)} clean ones")
    for rows, title in ((covered, "covered"), (clean, "clean")):
        if rows:
            print(format_table([*rows, mean_row(rows, photo=f"mean of {len(rows)} {title}")], 4))
    if clean:
        print(f"clean photos with anything removed: {sum(row['touched'] for row in clean):.0f} of {len(clean)}")
    print(format_table(reliability(confidences)) if confidences else "nothing was found in any photo")
    if args.report:
        means = [mean_row(rows, photo=name) for rows, name in ((covered, "covered"), (clean, "clean")) if rows]
        write_report(args.report, [*covered, *clean], means, {}, vars(args))
    if args.sheet:
        worst = [picture for _, picture in sorted(tiles, key=lambda pair: -pair[0])[: args.sheet_count]]
        cv2.imwrite(args.sheet, mosaic(worst))
    return 0


def read_label(folder: str | None, photo: Path, shape: tuple[int, ...]) -> tuple["Plane", "Mask"]:
    """The label of a photo, all page where there is none, and the hands beside its page: `(H, W)` uint8, `(H, W)` bool.

    Raises:
        ValueError: the label is of another size than the photo.
    """
    import cv2

    label, hands = np.zeros(shape[:2], np.uint8), np.zeros(shape[:2], bool)
    path = Path(folder) / f"{photo.stem}.png" if folder else None
    if path is None or not path.is_file():
        return label, hands
    label = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
    if label.shape != shape[:2]:
        raise ValueError(f"'{path}' is {label.shape}, its photo {shape[:2]}")
    hands_path = path.parent / HANDS / path.name
    if hands_path.is_file():
        hands = np.asarray(cv2.imread(str(hands_path), cv2.IMREAD_GRAYSCALE)) > 0
    return label, hands


def scores(mask: "Mask", label: "Plane", hands: "Mask") -> Row:
    """What a mask is worth.

    Args:
        mask: `(H, W)` bool, what was repainted.
        label: `(H, W)` uint8, see the module.
        hands: `(H, W)` bool, pixels that do not count.

    Returns:
        Of a covered photo `recall` (share of the occluder over the page that is repainted), `erased` (share of the page
        that is repainted though it lies farther than `NEAR_SHARE` from any occluder), `beside` (the same of the
        surroundings), `iou` with the occluder over the page, of `perfect` 1 or 0. Of a clean one `erased`, `beside` and
        `touched`, 1 or 0.
    """
    from utils.metrics import iou
    from utils.regions import grow

    occluder = label == LEVELS[OCCLUDER]
    rest = label == LEVELS[OCCLUDER_BESIDE]
    close = grow(occluder | rest, NEAR_SHARE * max(label.shape))
    page, surroundings = label == LEVELS[PAGE], (label == LEVELS[SURROUNDINGS]) & ~hands

    def share(area: "Mask") -> float:
        return float(np.count_nonzero(mask & area & ~close) / max(1, int(np.count_nonzero(area))))

    row = {"erased": share(page), "beside": share(surroundings)}
    if not occluder.any():
        return {**row, "touched": float(bool((mask & (page | surroundings)).any()))}
    recall = np.count_nonzero(mask & occluder) / np.count_nonzero(occluder)
    counted = (page & ~close) | occluder | (surroundings & ~close)
    perfect = recall >= PERFECT_RECALL and row["erased"] <= PERFECT_ERASED
    return {"recall": recall, **row, "iou": iou(mask & counted, occluder), "perfect": float(perfect)}


def reliability(confidences: Sequence[tuple[float, bool]]) -> list[Row]:
    """How often regions of each confidence were occluders."""
    rows, low = [], 0.0
    for high in BINS:
        right = [truth for value, truth in confidences if low < value <= high]
        if right:
            rows.append(
                {"confidence": f"{low:g} to {high:g}", "regions": len(right), "occluders": float(np.mean(right))}
            )
        low = high
    return rows


def badness(row: Row) -> float:
    """By what photos are sorted on the sheet."""
    return ERASED_WEIGHT * row["erased"] + row["beside"] + 1 - row.get("recall", 1.0) + row.get("touched", 0.0)


def tile(image: "Image", removal: "Removal", label: "Plane") -> "Image":
    """Photo | repainted in red, in doubt in yellow, missed in blue | result."""
    import cv2

    marked = image.copy()
    marked[removal.mask] = marked[removal.mask] // 2 + np.array(REPAINTED_BGR, np.uint8)
    missed = (label == LEVELS[OCCLUDER]) & ~removal.mask
    marked[missed] = marked[missed] // 2 + np.array(MISSED_BGR, np.uint8)
    thick = max(2, max(label.shape) // LINES_A_SIDE)
    for region in removal.doubtful:
        box = region.box
        cv2.rectangle(marked, (box.x0, box.y0), (box.x1, box.y1), DOUBTFUL_BGR, thick)
    factor = SHEET_SIDE / max(label.shape)
    size = max(1, round(label.shape[1] * factor)), max(1, round(label.shape[0] * factor))
    strip = np.full((SHEET_SIDE, 3 * SHEET_SIDE, 3), BACKGROUND_LEVEL, np.uint8)
    for number, picture in enumerate((image, marked, removal.image)):
        left = number * SHEET_SIDE
        strip[: size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return strip


def mosaic(tiles: Sequence["Image"]) -> "Image":
    """Tiles of one size in rows."""
    padded = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % SHEET_COLUMNS)]
    rows = range(0, len(padded), SHEET_COLUMNS)
    return np.vstack([np.hstack(padded[row : row + SHEET_COLUMNS]) for row in rows])


if __name__ == "__main__":
    sys.exit(main())
