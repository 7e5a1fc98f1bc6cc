"""What an OCR says of a repair, for `benchmarks.hidden`: words it reads below a cut-out before it is pasted, and harm.

Cut-outs are pasted over real pages, and the page below the true mask is repaired without a network. `rapidocr` with
the models in its package reads the clean page, the covered one and the repaired one.

*Harm*: words of the covered page whose box does not touch the mask, and which are no longer read once it is repaired.
Their own pixels are the same in both pictures, but what an OCR reads depends on the whole picture. Two figures tell
the repair from the OCR: how many words go when all pixels of the mask change by one level instead; and how many
of the lost ones are read in a cutting of the covered page, as wide and high as the word and its own height around it,
but not in the same cutting of the repaired one. The last is the harm of the repair.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.pairs import build_pair, plan_pairs
from datasets.occluders import list_cutouts
from utils.arrays import Image, Mask
from utils.images import list_photos
from utils.lost.lines import LostLine
from utils.options import RemovalOptions, scale_of
from utils.regions import Box, grow
from utils.remover import OccluderRemover

GROWTH_PX = 7  # of a photo 4000 pixels high: a mask holds the occluder's soft edge
FEWEST_VISIBLE = 2  # characters that are seen of an interrupted line

Row = dict[str, Any]


class Line(NamedTuple):
    """A line as an OCR reads it: its words or, of Chinese, its characters, and the box of each."""

    box: Box
    words: tuple[tuple[str, Box], ...]

    @property
    def text(self) -> str:
        return _plain("".join(text for text, _ in self.words))


def find_files(page_dir: str, occluder_dir: str) -> tuple[list[Path], list[Any]]:
    """The pages and the cut-outs of two folders.

    Raises:
        ValueError: one holds none.
        OSError: it cannot be read.
    """
    pages, cutouts = list_photos(page_dir, recursive=True), list_cutouts(occluder_dir, "all")
    if not pages or not cutouts:
        raise ValueError(f"--page_dir holds {len(pages)} pictures, --occluder_dir {len(cutouts)} cut-outs: give some")
    return pages, cutouts


def load_engine() -> Any:
    """The OCR.

    Raises:
        ValueError: its package is not installed.
    """
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise ValueError("--ocr_count needs an OCR: pip install rapidocr") from None
    return RapidOCR(params={"Global.log_level": "error"})


def measure(engine: Any, pages: list[Path], cutouts: list[Any], count: int, seed: int) -> list[Row]:
    """A row a page: what the OCR read below the hole, what is said of it, and which words went outside of it."""
    from tqdm import tqdm

    remover = OccluderRemover(None, None, RemovalOptions(structure="only", grow_px=0))  # type: ignore[arg-type]
    rows = []
    for plan in tqdm(plan_pairs(pages, cutouts, count, seed), unit="page", disable=None):
        pair = build_pair(plan)
        hole = grow(pair.hole, max(1, round(GROWTH_PX * scale_of(*pair.hole.shape))))
        removal = remover.repair(pair.covered, hole)
        claims = [line for region in removal.lost for line in region.lines]
        row = {"page": plan.name, **compare(read(engine, pair.clean), claims, hole)}
        rows.append(row | harm(engine, pair.covered, removal.image, hole))
    return rows


def read(engine: Any, picture: Image) -> list[Line]:
    """The lines that an OCR reads in a picture."""
    result = engine(picture, return_word_box=True)
    lines = []
    for words in filter(None, result.word_results or ()):
        if isinstance(words[0], str):  # of a picture in which nothing is read: ("", 1.0, None)
            continue
        read_ones = [word for word in words if word[2] is not None and _plain(word[0])]
        placed = tuple((text, _bounds(corners)) for text, _, corners in read_ones)
        if placed:
            corners = np.array([box for _, box in placed])
            ends = (*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist())
            lines.append(Line(Box(*ends), placed))
    return lines


def compare(lines: list[Line], claims: list[LostLine], hole: Mask) -> Row:
    """What was read below a hole against what is said of it.

    Returns:
        Counts: `words` that were read below the hole by half or more; `lines` interrupted and `found` of them;
        `claims`, and `right` of them, which lie on such a line; `characters` hidden in the lines and `said`.
    """
    row: Row = dict.fromkeys(("words", "lines", "found", "claims", "right", "characters", "said"), 0)
    right: set[int] = set()
    for line in lines:
        shares = [float(hole[box.slices()].mean()) if hole[box.slices()].size else 0.0 for _, box in line.words]
        row["words"] += sum(share >= 0.5 for share in shares)
        hidden = sum(share * len(_plain(text)) for share, (text, _) in zip(shares, line.words, strict=True))
        if hidden < 1 or len(line.text) - hidden < FEWEST_VISIBLE:
            continue
        below = [box for share, (_, box) in zip(shares, line.words, strict=True) if share > 0]
        hits = {k for k, claim in enumerate(claims) if any(_lies_on(claim, box) for box in below)}
        row["lines"] += 1
        row["found"] += bool(hits)
        row["characters"] += round(hidden)
        row["said"] += sum(claims[k].characters for k in hits - right)
        right |= hits
    return row | {"claims": len(claims), "right": len(right)}


def harm(engine: Any, covered: Image, repaired: Image, hole: Mask) -> Row:
    """Words read outside of a hole before a repair and no longer after it; see the module.

    Returns:
        Counts: words read `outside`, `gone` after the repair, gone after a change of one level (`unsteady`), and
        `harmed`: gone, and not to be read alone either.
    """
    changed = covered.copy()
    changed[hole] = np.where(covered[hole] < 128, covered[hole] + 1, covered[hole] - 1)
    before, after, unsteady = (read(engine, picture) for picture in (covered, repaired, changed))
    outside = [(text, box) for line in before for text, box in line.words if not hole[box.slices()].any()]
    gone = [word for word in outside if not _is_read(word, after)]
    harmed = [word for word in gone if _reads_alone(engine, covered, word) and not _reads_alone(engine, repaired, word)]
    counts = {"outside": len(outside), "gone": len(gone), "harmed": len(harmed)}
    return counts | {"unsteady": sum(not _is_read(word, unsteady) for word in outside)}


def _is_read(word: tuple[str, Box], lines: list[Line]) -> bool:
    """Whether a word is part of a line that is read in its place."""
    text, box = word
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    here = (line for line in lines if line.box.x0 <= x <= line.box.x1 and line.box.y0 <= y <= line.box.y1)
    return any(_plain(text) in line.text for line in here)


def _reads_alone(engine: Any, picture: Image, word: tuple[str, Box]) -> bool:
    """Whether a word is read in a cutting of a picture around it."""
    text, box = word
    cutting = picture[box.padded(box.height, *picture.shape[:2]).slices()]
    return any(_plain(text) in line.text for line in read(engine, np.ascontiguousarray(cutting)))


def _lies_on(claim: LostLine, box: Box) -> bool:
    """Whether the middle of a claim's letters lies in the height of a word that is below it."""
    (x0, y0), (x1, y1) = claim.baseline
    middle = float(np.interp((box.x0 + box.x1) / 2, [x0, x1], [y0, y1])) - claim.height / 2
    return box.x0 < x1 and x0 < box.x1 and box.y0 < middle < box.y1


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _bounds(corners: Any) -> Box:
    points = np.asarray(corners, float)
    (x0, y0), (x1, y1) = np.maximum(np.floor(points.min(axis=0)), 0), np.ceil(points.max(axis=0))
    return Box(int(x0), int(y0), int(x1), int(y1))
