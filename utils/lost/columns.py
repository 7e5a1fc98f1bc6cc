"""How far a line goes on in a hole, as the other lines of its column tell.

A column is lines of one height that begin under each other, or share their middle. Where most of them end in one place,
the line does, too; where they are ragged it reaches as far as the middle one of those that go on; where nothing is
known of others, half of the way through the hole.

Lengths are pixels of the reduced window or *heights*, and what is tuned was chosen, as in `utils/lost/bands.py`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from utils.arrays import Reals
from utils.lost.bands import HALF, Band
from utils.lost.ends import NEAR_HOLE, End, find_crossings, measure_gap
from utils.lost.ink import View

NEAR_BEYOND = 0.5  # heights between the last ink and the hole, in a line of which others say that it goes on
NEAR_ALONE = 0.2  # heights between them in one that is seen on one side only
TOUCHES = 0.15  # heights: so near the hole ink is cut by it
GUTTER = 1.5  # heights at least between two columns
CENTRED = 0.6  # heights: lines whose middles lie so near are centred under each other
MOSTLY = 0.6  # of the lines of a column: if so many go on, one that ends before the hole does, too
LEAST_HIDDEN = 0.8  # heights that a line is thought to go on which the hole does not cut
ENOUGH = 2  # lines of a column that tell where its lines end
PEERS = 6  # nearest lines of a column that tell how far one reaches
PEER_ALIKE = 1.5  # ratio of the heights of two lines of one column
ALIGNED = 1.0  # heights: lines that begin so near under each other, or share their middle
FLUSH = 0.5  # heights: lines that end so near under each other are flush, if they are
FLUSH_SHARE, FLUSH_LINES = 0.6, 3  # so many of a column's, and at least as many
SURE_SHARE = 0.8  # so many, where the hole touches letters of a line that would end there
SEEN_WHOLE = 0.4  # heights before that margin: a line that is seen so far hides nothing
ALONE = 0.5  # of the way through the hole that a line reaches of which nothing else is known
MOST_ALONE = 12.0  # heights of that way at most

Lines = Mapping[Band, Band]  # the whole line, as far as it is seen, that each run is part of


@dataclass(frozen=True)
class _Column:
    """What the nearest lines of a line's column say of its end; lengths are columns beyond `End.entry`.

    Attributes:
        aligned_reaches: how far those go that begin where it begins.
        others: the rest.
        overlapping_reaches: how far those of them go that lie over it, from its beginning to its end.
    """

    aligned_reaches: list[float]
    others: list[Band]
    overlapping_reaches: list[float]

    def margin(self, height: float, share: float = FLUSH_SHARE) -> float | None:
        """Where most of its lines end; None where they are ragged."""
        reaches = [*self.aligned_reaches, *self.overlapping_reaches]
        if len(reaches) < FLUSH_LINES:
            return None
        usual = float(np.median(reaches))
        flush = np.abs(np.array(reaches) - usual) < FLUSH * height
        return usual if flush.mean() >= share else None


def find_reach(
    view: View, end: End, walls: Sequence[Reals], lines: Lines, cut_ends: Set[tuple[Band, int]]
) -> tuple[float, float] | None:
    """First and last column of what a line hides that is seen on one side only; None where it seems to end there.

    Args:
        view: the window.
        end: of the line.
        walls: standing rules.
        lines: all, by the runs that are part of them.
        cut_ends: those that the hole cuts at their left (-1) or right (+1) end.
    """
    side, height = end.side, end.run.height
    limit = _limit(view, end, walls)
    column = _column_of(end, limit, lines)
    gap, margin = measure_gap(view, end), column.margin(height)
    if _ends_in_sight(end, column, lines[end.run], gap) or gap > _most_gap(end, column, lines, cut_ends):
        return None
    reach = _guess_reach(end, column, lines[end.run], margin, abs(limit - end.entry))
    if gap > TOUCHES and reach < LEAST_HIDDEN * height:
        return None
    return (end.entry, end.entry + reach) if side > 0 else (end.entry + 1 - reach, end.entry + 1)


def _limit(view: View, end: End, walls: Sequence[Reals]) -> float:
    """The column that a line cannot go beyond: the next standing rule, the other side of the hole or of the window."""
    limit = end.exit if end.exit is not None else (view.hole.shape[1] if end.side > 0 else -1)
    crossings = find_crossings(walls, min(end.entry, limit), max(end.entry, limit), end.run)
    return min(crossings, key=lambda x: abs(x - end.entry)) if crossings else limit


def _ends_in_sight(end: End, column: _Column, line: Band, gap: float) -> bool:
    """Whether a line ends before the hole: where its column does, or centred under other lines as it is seen.

    Args:
        end: of the line.
        column: what its column says.
        line: the whole of it.
        gap: heights between its ink and the hole.
    """
    height = end.run.height
    # Ink that touches the hole may be cut: then more lines have to agree.
    margin = column.margin(height, FLUSH_SHARE if gap > TOUCHES else SURE_SHARE)
    if margin is not None and abs(margin + max(end.gap, 0)) < SEEN_WHOLE * height:
        return True
    if gap <= TOUCHES or max(column.aligned_reaches, default=0) > 0 or len(column.others) < ENOUGH:
        return False
    centres = np.array([other.centre for other in column.others])
    centred = np.abs(centres - line.centre) < CENTRED * height
    return bool(np.count_nonzero(centred) >= max(ENOUGH, HALF * len(centres)))


def _most_gap(end: End, column: _Column, lines: Lines, cut_ends: Set[tuple[Band, int]]) -> float:
    """So many heights of paper may lie between a line and the hole if it goes on; the arguments as of `find_reach`."""
    height, side = end.run.height, end.side
    margin = column.margin(height)
    # All lines of a column begin at its margin, but the last one of a paragraph ends anywhere.
    if side < 0 and margin is not None and margin > LEAST_HIDDEN * height:
        return NEAR_HOLE
    cut = sum((line, side) in cut_ends and _begins_alike(end, line, lines) for line in dict.fromkeys(lines.values()))
    beyond = sum(reach > 0 for reach in column.aligned_reaches) + cut
    flush_beyond = margin is not None and margin > -SEEN_WHOLE * height
    if flush_beyond or beyond >= max(ENOUGH, MOSTLY * (len(column.aligned_reaches) + cut)):
        return NEAR_BEYOND
    return NEAR_ALONE if len(column.aligned_reaches) < ENOUGH else TOUCHES


def _guess_reach(end: End, column: _Column, line: Band, margin: float | None, limit: float) -> float:
    """Columns that a line goes on in the hole, `limit` at most; the other arguments as of `_ends_in_sight`."""
    height, side = end.run.height, end.side
    if margin is not None and margin > -SEEN_WHOLE * height:
        return min(limit, max(margin, HALF * height))
    beyond = [reach for reach in column.aligned_reaches if reach > 0]
    if beyond:
        return min(limit, float(np.median(beyond)))
    centres = np.array([other.centre for other in column.others])
    if len(centres) >= ENOUGH and np.ptp(centres) < 2 * ALIGNED * height:
        mirrored = side * (2 * float(np.median(centres)) - line.end(-side) - end.entry)
        if mirrored > 0:
            return min(limit, mirrored)
    return ALONE * min(limit, MOST_ALONE * height)


def are_columns(one: End, two: End, lines: Lines) -> bool:
    """Whether two ends opposite each other are of two columns: the other lines of both leave a gap between."""
    gap, total = two.entry - one.entry, 0.0
    for end, opposite in ((one, two), (two, one)):
        column = _column_of(end, opposite.entry, lines)
        reaches = [*column.aligned_reaches, *column.overlapping_reaches]
        if len(reaches) < ENOUGH or max(reaches) > gap:
            return False
        total += max(*reaches, -HALF * end.run.height)
    return gap - total > GUTTER * one.run.height


def _column_of(end: End, limit: float, lines: Lines) -> _Column:
    """The nearest lines of a line's column.

    Where the beginning of one is not seen, it may begin where the other does.

    Args:
        end: of the line.
        limit: x up to which it may go on.
        lines: all, by the runs that are part of them.
    """
    side, line = end.side, lines[end.run]
    start = line.end(-side)
    alike = [
        other
        for other in dict.fromkeys(lines.values())
        if other is not line and other.knows(side) and are_alike(other, end.run)
    ]
    reaches, others = [], []
    for other in sorted(alike, key=lambda other: abs(other.at(other.centre) - end.run.at(other.centre))):
        if _begins_alike(end, other, lines):
            reaches.append(_beyond(end, other))
        elif line.knows(-side) and other.knows(-side) and _overlap(other, min(start, limit), max(start, limit)):
            others.append(other)
    others = others[:PEERS]
    over = [_beyond(end, other) for other in others if _overlap(other, line.x0, line.x1)]
    return _Column(reaches[:PEERS], others, over)


def _beyond(end: End, line: Band) -> float:
    """How many columns beyond an end another line goes."""
    return float(end.side * (line.end(end.side) - end.entry))


def are_alike(one: Band, two: Band) -> bool:
    """Whether two lines are about as high, as those of one column are."""
    return 1 / PEER_ALIKE < one.height / two.height < PEER_ALIKE


def _overlap(line: Band, x0: float, x1: float) -> bool:
    return min(line.x1, x1) > max(line.x0, x0)


def _begins_alike(end: End, other: Band, lines: Lines) -> bool:
    """Whether a line begins where that of an end does, or may where one of the two beginnings is not seen."""
    side, line = end.side, lines[end.run]
    if other is line or not are_alike(other, end.run):
        return False
    later = side * (other.end(-side) - line.end(-side)) / end.run.height  # so much farther towards the hole
    if line.knows(-side) and other.knows(-side):
        return abs(later) < ALIGNED
    may = later < ALIGNED if other.knows(-side) else later > -ALIGNED if line.knows(-side) else True
    return may and _overlap(other, line.x0, line.x1)
