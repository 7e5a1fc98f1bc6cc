"""Where lines of text run into a hole, how near their ink comes to it, and which ends lie opposite each other.

Lengths are pixels of the reduced window or *heights*, and what is tuned was chosen, as in `utils/lost/bands.py`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from utils.arrays import Mask, Reals
from utils.lost.bands import HALF, SAME_LINE, Band, average_along
from utils.lost.ink import INK_LEVELS, View
from utils.lost.letters import ABOVE, INK_QUANTILES
from utils.regions import Box

NEAR_HOLE = 1.0  # heights between the last ink and the hole, in a line that is seen again behind it, or begins in it
RULE_STUB = 3  # pixels of the reduced window that a lying rule goes on to the hole, at most, where none is seen
DRIFT = 0.02  # of the gap: added to `SAME_LINE`, for the slope is not known exactly
ALIKE = 1.8  # ratio of the heights of both sides
BETWEEN_HIDDEN = 0.8  # of the columns between two sides of a line


class End(NamedTuple):
    """Where a run goes into the hole.

    Attributes:
        run: which.
        side: +1 where the hole lies at larger x, else -1.
        entry: the first hidden column, seen from the run.
        exit: the first one behind it that is seen again; None where the window ends first.
    """

    run: Band
    side: int
    entry: int
    exit: int | None

    @property
    def gap(self) -> int:
        """Columns between its ink and the hole."""
        return self.entry - self.run.x1 if self.side > 0 else self.run.x0 - 1 - self.entry


def find_ends(view: View, run: Band, walls: Sequence[Reals]) -> tuple[list[End], list[tuple[int, int]]]:
    """Where a run goes into the hole, and the stretches between its letters that are hidden, `(x0, x1)` columns."""
    reach = max(2, round(NEAR_HOLE * run.height))
    if not _meets_hole(view, run, reach):
        return [], []
    hidden = average_along(view.hole, run) >= HALF
    ends = []
    for side in (-1, 1):
        hole_at = _next_hole(hidden, run, side, reach)
        if hole_at is None:
            continue
        entry, leave = hole_at
        between = (run.x1, entry) if side > 0 else (entry + 1, run.x0)
        if not is_walled(view, walls, run, *between, side):
            ends.append(End(run, side, entry, leave))
    inside = hidden[run.x0 : run.x1].copy()
    for end in ends:
        if end.side > 0:
            inside[max(0, end.entry - run.x0) :] = False
        else:
            inside[: max(0, end.entry + 1 - run.x0)] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]))) + run.x0
    stretches = [(int(x0), int(x1)) for x0, x1 in zip(edges[::2], edges[1::2], strict=True)]
    return ends, [(x0, x1) for x0, x1 in stretches if x1 - x0 >= HALF * run.height]


def _meets_hole(view: View, run: Band, reach: int) -> bool:
    """Whether a run may go into the hole, or out of the window, up to some pixels beyond its ends: quickly told."""
    y = (run.at(run.x0 - reach), run.at(run.x1 + reach))
    top, bottom = math.floor(min(y) - run.height / 2) - 1, math.ceil(max(y) + run.height / 2) + 1
    if top < 0 or bottom > len(view.hole):
        return True
    return bool(view.hole[top:bottom, max(0, run.x0 - reach) : run.x1 + reach + 1].any())


def _next_hole(hidden: Mask, run: Band, side: int, reach: int) -> tuple[int, int | None] | None:
    """The columns `End.entry` and `End.exit` of the hole at one side of a run; None where there is none so near.

    Args:
        hidden: `(w,)`, which columns of the run's course the hole covers.
        run: which.
        side: +1 for larger x, else -1.
        reach: columns from its end in which a hole is looked for.
    """
    width = len(hidden)
    # Seen from the other side all is the same, mirrored.
    course, edge = (hidden, run.x1) if side > 0 else (hidden[::-1], width - run.x0)
    first = max(0, edge - round(run.height))
    places = np.flatnonzero(course[first : edge + reach])
    if not len(places):
        return None
    entry = first + int(places[0])
    if entry == first:  # the hole cuts the last letters along: it begins before them
        cut_columns = course[edge - run.length : first + 1][::-1]
        entry -= len(cut_columns) - 1 if cut_columns.all() else max(0, int(cut_columns.argmin()) - 1)
    visible = np.flatnonzero(~course[entry:])
    leave = entry + int(visible[0]) if len(visible) else None
    if leave is not None and leave < edge:
        return None
    return (entry, leave) if side > 0 else (width - 1 - entry, None if leave is None else width - 1 - leave)


def is_walled(view: View, walls: Sequence[Reals], run: Band, x0: int, x1: int, side: int = 0) -> bool:
    """Whether a standing rule is seen between two columns, or goes on in the hole there or right beside, at `side`."""
    inside = HALF * run.height
    if find_crossings(walls, x0 - 1 - inside * (side < 0), x1 + 1 + inside * (side > 0), run):
        return True
    if x1 <= x0:
        return False
    y = run.at((x0 + x1) / 2)
    rows = slice(max(0, round(y - run.height / 2)), max(1, round(y + run.height / 2)))
    standing = view.standing[rows, x0:x1]
    return bool(standing.size and standing.mean(axis=0).max() > HALF)


def find_crossings(walls: Sequence[Reals], x0: float, x1: float, run: Band) -> list[float]:
    """Where standing rules, `(n, 2)` points (x, y) each, cut the course of a run between two columns: x of each."""
    crossings = []
    for wall in walls:
        y = run.at((x0 + x1) / 2)
        order = np.argsort(wall[:, 1])
        x, at = wall[order].T
        if at[0] <= y <= at[-1]:
            crossing = float(np.interp(y, at, x))
            if x0 < crossing < x1:
                crossings.append(crossing)
    return crossings


def are_opposite(view: View, one: End, two: End, walls: Sequence[Reals]) -> bool:
    """Whether two ends fit as the two sides of one line."""
    gap = two.entry - one.entry
    height = max(one.run.height, two.run.height)
    if gap < 1 or one.run is two.run or height > ALIKE * min(one.run.height, two.run.height):
        return False
    middle = (one.entry + two.entry) / 2
    if abs(one.run.at(middle) - two.run.at(middle)) > SAME_LINE * height + DRIFT * gap:
        return False
    if find_crossings(walls, one.entry, two.entry, one.run):
        return False
    return bool((average_along(view.hole, one.run)[one.entry : two.entry] >= HALF).mean() >= BETWEEN_HIDDEN)


def measure_gap(view: View, end: End) -> float:
    """Heights between the ink of a line and the hole, in the row in which they are nearest, seen at full size."""
    run, scale = end.run, view.reduction
    reach = run.height * (NEAR_HOLE + HALF)
    edge = run.end(end.side)
    y = run.at(edge)
    x0, x1 = (max(0, round((edge + offset) * scale)) for offset in (-reach, reach))
    y0, y1 = (max(0, round((y + offset * run.height) * scale)) for offset in (-HALF - ABOVE / 2, HALF))
    hole, strip = view.covered[y0:y1, x0:x1], view.window[y0:y1, x0:x1]
    if not strip.size:
        return end.gap / run.height
    row, column = min(len(view.paper) - 1, max(0, round(y))), min(view.paper.shape[1] - 1, max(0, round(edge)))
    level, paper = strip.min(axis=2), float(view.paper[row, column])
    half = (paper + float(np.percentile(level[~hole], INK_QUANTILES[0]))) / 2 if not hole.all() else paper
    ink = (level < min(half, paper - INK_LEVELS)) & ~hole
    higher = view.window[max(0, y0 - round(run.height * scale)) : y1 + round(run.height * scale) // 2, x0:x1]
    ink &= ~(higher.min(axis=2) < half).all(axis=0)  # a standing rule is no letter
    ink &= ~_rules_at(view, Box(x0, y0, x0 + ink.shape[1], y0 + ink.shape[0]))
    if end.side < 0:
        ink, hole = ink[:, ::-1], hole[:, ::-1]
    both = ink.any(axis=1) & hole.any(axis=1)
    if not both.any():
        return end.gap / run.height
    places = np.arange(ink.shape[1])
    first = np.where(hole, places, ink.shape[1]).min(axis=1)
    last = np.where(ink & (places < first[:, None]), places, -ink.shape[1]).max(axis=1)
    return float((first - last - 1)[both].min() / (run.height * scale))


def _rules_at(view: View, box: Box) -> Mask:
    """Where rules lie in a part of the window at full size, and right beside and, to the hole, right after them."""
    rows, columns = (
        np.minimum(np.arange(first, last) // int(view.reduction), length - 1)
        for first, last, length in zip((box.y0, box.x0), (box.y1, box.x1), view.rules.shape, strict=True)
    )
    y0, y1 = max(0, rows[0] - 1), rows[-1] + 2
    x0, x1 = max(0, columns[0] - RULE_STUB), columns[-1] + RULE_STUB + 1
    standing = cv2.dilate(view.standing[y0:y1, x0:x1], np.ones((3, 3), np.uint8))
    lying = cv2.dilate(view.rules[y0:y1, x0:x1] & ~standing & 1, np.ones((3, 2 * RULE_STUB + 1), np.uint8))
    return np.asarray((lying | standing)[np.ix_(rows - y0, columns - x0)] > 0)
