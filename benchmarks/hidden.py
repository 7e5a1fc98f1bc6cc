"""How well it is said what is lost: lines of text interrupted by a hole and the characters hidden in it.

    python -m benchmarks.hidden --count 200
    python -m benchmarks.hidden --ocr_count 12 --page_dir PAGES --occluder_dir CUTOUTS

Pages, cameras and occluders are drawn (`datasets`), so that every hidden letter is known. The true mask is given, grown
as the finder would; nothing below it is looked at. No network is needed. Holes without text lie on margins, pictures
and blank cells, between paragraphs and beside the ends of lines (`benchmarks/hidden_pages.py`).

A *line* is a run of words on one baseline with less than half of its height between them. It is *interrupted* where

* the hole covers as much of its letters as half of the text's size is long, a wide letter or two narrow ones. Of a
  letter that the hole only grazes nothing is lost: a claim there is neither right nor wrong;
* the middle of a letter lies in the hole, and two letters whose middle does not are in view. What is hidden whole, such
  as a cell of a table, cannot be known and does not count.

A claim is right where it lies on the hidden letters of a line. It is false where the hole touches no letter, stroke or
seal in its height. What an OCR says of real pages: `benchmarks/hidden_ocr.py`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.flags import positive_int

if TYPE_CHECKING:
    from benchmarks.hidden_pages import Sample
    from utils.arrays import Points
    from utils.lost.lines import LostLine

MATCH_SHARE = 0.45  # of a text's size: so far off the middle of the letters a claim may lie
FEWEST_VISIBLE = 2  # letters, of a line that must be found
LEAST_HIDDEN_SHARE = 0.5  # of a text's size: so much of a line's length must be hidden
FEWEST_CHARACTERS = 10  # hidden in a region whose count is scored
REFERENCE_SIDE = 4000  # pixels of the photo that sizes are stated for

Row = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """The flags of this benchmark."""
    parser = argparse.ArgumentParser(description="Score what is said about text hidden below holes of drawn pages.")
    parser.add_argument("--count", type=positive_int, default=200, help="holes as they fall (default %(default)s)")
    parser.add_argument("--bare_count", type=positive_int, default=100, help="holes without text (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn (default %(default)s)")
    parser.add_argument("--report", help="also write the scores of every hole to this .json or .csv file")
    real = parser.add_argument_group("real pages", "with pasted cut-outs, judged by an OCR (pip install rapidocr)")
    real.add_argument("--ocr_count", type=int, default=0, help="pages, some 20 s each (default %(default)s)")
    real.add_argument("--page_dir", help="folder of photographed pages without occluders")
    real.add_argument("--occluder_dir", help="folder of RGBA cut-outs, one subfolder a kind")
    return parser


def score(sample: "Sample") -> Row:
    """Repair a hole and compare what is said of it with the truth.

    Returns:
        Counts: `lines` interrupted and `found` of them, `claims` and of them `right` and `false` (the others touch
        handwriting, seals or grazed letters and are neither); `characters` hidden in those lines and `said`; `alone`,
        characters in lines of which nothing is seen; `ms`, processor time of the measurement.
    """
    from utils.lost.regions import describe_regions
    from utils.page import structure
    from utils.regions import Box, RegionGroup, bounds_of

    window, hole = sample.window, sample.hole
    bounds = bounds_of(hole)
    assert bounds is not None
    repaired = structure.repair(window, hole)
    # The scale is that of the whole photo, which the window is a part of.
    group = RegionGroup(Box(0, 0, window.shape[1], window.shape[0]), (bounds,))
    started = time.process_time()
    (region,) = describe_regions(
        window, hole, group, repaired, network=False, scale=sample.longer_side / REFERENCE_SIDE
    )
    row: Row = {"ms": 1000 * (time.process_time() - started)}
    return row | judge(region.lines, sample)


def judge(lines: "Sequence[LostLine]", sample: "Sample") -> Row:
    """Compare what is said of a hole with the truth; see `score`, of which this is all but the time."""
    from benchmarks.hidden_pages import hidden_lengths, hides, in_mask

    hole, letters = sample.hole, sample.letters
    hidden = in_mask(hole, letters.places)
    in_window = in_mask(np.ones_like(hole), letters.places)
    lengths = hidden_lengths(hole, letters)
    right: set[int] = set()
    row: Row = dict.fromkeys(("lines", "found", "characters", "said", "alone"), 0)
    for number in np.unique(letters.line[hidden]):
        own_letters = letters.line == number
        size = float(letters.size[own_letters].mean())
        if lengths[own_letters].sum() < LEAST_HIDDEN_SHARE * size:
            continue
        hidden_letters = letters.places[own_letters & hidden]
        hits = {k for k, line in enumerate(lines) if _agrees(line, hidden_letters, size)}
        if np.count_nonzero(own_letters & ~hidden & in_window) >= FEWEST_VISIBLE:
            row["lines"] += 1
            row["found"] += bool(hits)
            row["characters"] += len(hidden_letters)
            row["said"] += sum(lines[k].characters for k in hits - right)
        else:
            row["alone"] += len(hidden_letters)
        right |= hits
    unclear = np.concatenate([letters.places[hides(hole, letters)], sample.ink])
    false = [line for k, line in enumerate(lines) if k not in right and not _touches(line, unclear)]
    row["said"] += sum(line.characters for line in false)
    return row | {"claims": len(lines), "right": len(right), "false": len(false)}


def _agrees(line: "LostLine", letters: "Points", size: float) -> bool:
    """Whether a claim lies where the hidden letters of a line are, `(n, 2)`, of a text of this size."""
    from benchmarks.hidden_pages import LETTER_MIDDLE

    (x0, y0), (x1, y1) = line.baseline
    line_letters = letters[(letters[:, 0] > x0 - size) & (letters[:, 0] < x1 + size)]
    middle = np.interp(line_letters[:, 0], [x0, x1], [y0, y1]) - LETTER_MIDDLE * size
    return bool(len(line_letters)) and bool((np.abs(middle - line_letters[:, 1]) < MATCH_SHARE * size).mean() > 0.5)


def _touches(line: "LostLine", points: "Points") -> bool:
    """Whether points lie in a claim's box, or in its height beside it."""
    box, reach = line.box, line.height
    x, y = points.T
    return bool(((x > box.x0 - reach) & (x < box.x1 + reach) & (y > box.y0) & (y < box.y1)).any())


def totals(rows: Sequence[Row]) -> Row:
    """What the rows of holes with text say together, shares in [0, 1]."""
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "hole"}
    errors = [
        abs(row["said"] - row["characters"]) / row["characters"]
        for row in rows
        if row["characters"] >= FEWEST_CHARACTERS
    ]
    return {
        "lines": total["lines"],
        "recall": total["found"] / max(1, total["lines"]),
        "claims": total["claims"],
        "precision": total["right"] / max(1, total["right"] + total["false"]),
        "holes counted": len(errors),
        "characters, mean error": float(np.mean(errors)) if errors else 0.0,
        "said / hidden": total["said"] / max(1, total["characters"]),
        "hidden in lines unseen": total["alone"] / max(1, total["alone"] + total["characters"]),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    from utils.report import check_report_path, format_table, write_report

    try:
        if args.report:
            check_report_path(args.report)
        if args.ocr_count:
            return judge_by_ocr(args)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    from tqdm import tqdm

    from benchmarks.hidden_pages import draw_sample

    rows: dict[bool, list[Row]] = {False: [], True: []}
    for bare, count in ((False, args.count), (True, args.bare_count)):
        for number in tqdm(range(count), unit="hole", disable=None):
            sample = draw_sample(args.seed, number, bare)
            if sample is not None:
                rows[bare].append({"hole": f"{'bare' if bare else 'text'} {number}", **score(sample)})
    tables: list[Row] = []
    if rows[False]:
        tables.append({"holes": f"{len(rows[False])} over text", **totals(rows[False])})
    if rows[True]:
        claimed = sum(row["false"] > 0 for row in rows[True])
        tables.append({"holes": f"{len(rows[True])} without text", "false claims": claimed / len(rows[True])})
    for table in tables:
        print(format_table([table], 3))
    times = [row["ms"] for kind_rows in rows.values() for row in kind_rows]
    print(f"measuring took {np.mean(times):.1f} ms of processor time a hole, at most {max(times):.1f}")
    if args.report:
        write_report(args.report, [*rows[False], *rows[True]], tables, {}, vars(args))
    return 0


def judge_by_ocr(args: argparse.Namespace) -> int:
    """Print what an OCR says of real pages; returns the exit status.

    Raises:
        ValueError: a folder or the OCR is missing.
    """
    for flag in ("page_dir", "occluder_dir"):
        if not getattr(args, flag):
            raise ValueError(f"--ocr_count needs --{flag} as well")
    from benchmarks import hidden_ocr
    from utils.report import format_table, write_report

    engine = hidden_ocr.load_engine()
    files = hidden_ocr.find_files(args.page_dir, args.occluder_dir)
    rows = hidden_ocr.measure(engine, *files, args.ocr_count, args.seed)
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "page"}
    print(format_table([{"pages": len(rows), **total}]))
    if args.report:
        write_report(args.report, rows, [total], {}, vars(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
