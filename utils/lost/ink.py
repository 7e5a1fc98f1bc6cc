"""The ink around a hole, in a window reduced `REDUCTION` times, parted into rules and what may be letters.

Lengths are pixels of the reduced window. What is tuned was chosen on the drawn pages of `benchmarks/hidden.py`, seeds
100 to 104 and 301 to 304.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from utils.arrays import Image, Mask, Plane, Reals
from utils.lost.codes import find_codes

REDUCTION = 3.0  # of a photo 4000 pixels high: bands need no finer picture
# Pixels up and along: what is darker than all its surroundings of this size is ink. A tinted row is higher than that.
PAPER_SIZE = (5, 41)
INK_LEVELS = 20.0  # that ink lies below the paper
INK_SHARE = 0.3  # of the darkness of the darkest ink: paler is the blurred rim of a stroke
DARKEST = 0.9  # quantile of the dark pixels that stands for the darkest ink
RULE_LENGTH = 34  # pixels; a straight stroke as long is a rule and no part of a letter
RULE_THICKNESS = 5  # pixels; and as thin: a line of blurred letters is thicker
ERASED = 5  # pixels across a rule that page structure knows


@dataclass(frozen=True)
class View:
    """A window and what was seen in it.

    Attributes:
        ink: `(h, w)` uint8, as all up to `paper` of the reduced window: 1 on ink that is no rule and no square code.
        rules: 1 on rules, lying and standing ones.
        standing: 1 on standing ones.
        hole: 1 in the hole and right around it, where ink is not told from it.
        share: `(h, w)` float32 in [0, 1], how much of a pixel the hole covers.
        paper: `(h, w)` uint8, the level of the paper.
        window: `(H, W, 3)` uint8 BGR at full size.
        covered: `(H, W)` bool, its hole.
        reduction: how many times the window is larger than the reduced one.
    """

    ink: Plane
    rules: Plane
    standing: Plane
    hole: Plane
    share: Reals
    paper: Plane
    window: Image
    covered: Mask
    reduction: float


def reduce_window(window: Image, hole: Mask, off_page: Mask | None, reduction: int) -> View:
    """Find the ink of a window, `reduction` times smaller; `off_page` is where it shows no page, or None."""
    size = hole.shape[1] // reduction, hole.shape[0] // reduction
    inner = slice(0, size[1] * reduction), slice(0, size[0] * reduction)
    share = cv2.resize(hole[inner].view(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    covered = (share > 0).astype(np.uint8)
    small = cv2.resize(window[inner], size, interpolation=cv2.INTER_AREA)
    blue, green, red = cv2.split(small)
    level = cv2.min(cv2.min(blue, green), red)
    level[covered > 0] = 0
    paper = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones(PAPER_SIZE, np.uint8))
    dark = cv2.subtract(paper, level)
    around_hole = cv2.dilate(covered, np.ones((3, 3), np.uint8))
    dark[around_hole > 0] = 0
    counts = cv2.calcHist([dark], [0], None, [256], [0, 256]).ravel()
    counts[: int(INK_LEVELS)] = 0
    total = np.cumsum(counts)
    darkest = int(np.searchsorted(total, DARKEST * total[-1])) if total[-1] else 0
    ink = (dark > max(INK_LEVELS, INK_SHARE * darkest)).astype(np.uint8)
    codes = find_codes(ink, around_hole)
    letters, standing = _part_rules(ink)
    rules = cv2.subtract(ink, letters)
    for picture in (letters, rules, standing):
        picture[codes > 0] = 0
    if off_page is not None:
        letters[cv2.resize(off_page[inner].view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0] = 0
    return View(letters, rules, standing, around_hole, share / np.float32(255), paper, window, hole, float(reduction))


def _part_rules(ink: Plane) -> tuple[Plane, Plane]:
    """Ink without what is straight, long and thin, and what of that is standing: `(h, w)` uint8, 1 there."""
    left, long = ink.copy(), ink
    for standing in (False, True):
        along, across = (1, RULE_LENGTH), (RULE_THICKNESS, 1)
        thick, wide = np.ones((3, 1), np.uint8), np.ones(along, np.uint8)
        body = np.ones(across, np.uint8)
        if standing:
            thick, wide, body = thick.T, wide.T, body.T
        # A slanted rule is a staircase: thickened, its steps meet.
        long = cv2.morphologyEx(cv2.dilate(ink, thick), cv2.MORPH_OPEN, wide)
        long &= ~cv2.morphologyEx(long & ink, cv2.MORPH_OPEN, body) & 1
        left &= ~long & 1
    return left, long


def erase_rules(view: View, rules: Sequence[tuple[Reals, bool]]) -> View:
    """The window without the ink of rules that run into the hole, also short, dotted and dashed ones.

    Args:
        view: the window.
        rules: of each the two ends of what is seen, `(2, 2)` points (x, y) of the reduced window, and whether it is a
            standing one: those separate, as others do.
    """
    ink, all_rules, standing = view.ink.copy(), view.rules.copy(), view.standing.copy()
    for points, upright in rules:
        one, two = np.rint(points).astype(int).tolist()
        cv2.line(ink, one, two, 0, ERASED)
        cv2.line(all_rules, one, two, 1, ERASED)
        if upright:
            cv2.line(standing, one, two, 1, ERASED)
    return replace(view, ink=ink, rules=all_rules, standing=standing)
