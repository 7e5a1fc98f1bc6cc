"""Which lines of text a hole interrupts and how many letters it hides, told from what is seen around it.

A band of ink that runs up to the hole goes on in it: as far as the band opposite where there is one, else as far as
the other lines of its column reach, or half of the way. How many letters that makes, the visible ones beside it tell.
Nothing is read. Where nothing runs in, nothing is claimed: a line that is hidden whole cannot be known.

Lengths are pixels of the reduced window or *heights*, and what is tuned was chosen, as in `utils/lost/bands.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np

from utils.arrays import Image, Mask, Points, Reals
from utils.lost.bands import (
    CHAIN_GAP,
    HALF,
    INK_LEVELS,
    LEAST_LENGTH,
    REDUCTION,
    SAME_LINE,
    Band,
    View,
    along,
    erase_rules,
    find_pieces,
    follows,
    mend_cut,
    reduce_window,
    to_run,
)
from utils.lost.letters import ABOVE, BELOW, INK_QUANTILES, Pitch, look, pitch
from utils.page.rule import Rule
from utils.regions import Box, bounds_of

MARGIN = 120  # pixels around the hole in which lines are looked for
NEAR_HOLE = 1.0  # heights between the last ink and the hole, in a line that is seen again behind it, or begins in it
NEAR_BEYOND = 0.5  # heights between them in one that others say goes on
NEAR_ALONE = 0.2  # heights between them in one that is seen on one side only
TOUCHES = 0.15  # heights: so near the hole ink is cut by it
LOWEST = 0.45  # of the usual height of a window's runs: a lower one is a stub of a rule
LEAST_SCRAP = 1.2  # heights of a run that the hole cuts along all its length: a shorter one may be a dash
INSIDE = 0.8  # heights between two stretches, one in the other: lines are farther apart
LONE_LETTER = 1.2  # heights: a line of which less is seen needs another one that is like it
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
RULE_STUB = 3  # pixels of the reduced window that a lying rule goes on to the hole, at most, where none is seen
SEEN_WHOLE = 0.4  # heights before that margin: a line that is seen so far hides nothing
ALONE = 0.5  # of the way through the hole that a line reaches of which nothing else is known
MOST_ALONE = 12.0  # heights of that way at most
DRIFT = 0.02  # of the gap: added to `SAME_LINE`, for the slope is not known exactly
ALIKE = 1.8  # ratio of the heights of both sides
BETWEEN_HIDDEN = 0.8  # of the columns between two sides of a line


@dataclass(frozen=True)
class LostLine:
    """A line of text that a hole interrupts, in pixels of the photo.

    Attributes:
        box: of the hidden part.
        baseline: `(2, 2)` points (x, y) where it enters and leaves the hole.
        height: of its small letters.
        characters: how many are hidden, estimated.
        words: the same in words, at least 1.
        share: of the line's length, as far as it is seen or estimated, that is hidden, in (0, 1].
        seen: x and y of a place where the line is seen; all that is hidden of one line has the same.
    """

    box: Box
    baseline: Points
    height: float
    characters: int
    words: int
    share: float
    seen: tuple[int, int] = (0, 0)

    def as_json(self) -> dict[str, Any]:
        """The line as JSON knows it, points to a tenth of a pixel."""
        return {
            "box": list(self.box),
            "baseline": np.round(self.baseline, 1).tolist(),
            "height": round(self.height, 1),
            "characters": self.characters,
            "words": self.words,
            "share": round(self.share, 3),
        }


def band_of(line: LostLine) -> Points:
    """The hidden stretch of a line, from under its small letters to over its capitals: four corners, `(4, 2)`."""
    down = np.array((0, line.height))
    return np.concatenate([line.baseline + BELOW * down, (line.baseline - (1 + ABOVE) * down)[::-1]])


class _End(NamedTuple):
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


class _Stretch(NamedTuple):
    """A hidden stretch of a line between two columns, and the runs that are seen of the line beside it."""

    runs: tuple[Band, ...]
    x0: float
    x1: float


def find_lost_lines(
    window: Image,
    hole: Mask,
    scale: float = 1.0,
    rules: Sequence[Rule] = (),
    corner: tuple[int, int] = (0, 0),
    beside: Mask | None = None,
) -> list[LostLine]:
    """The lines of text that run into a hole.

    Args:
        window: `(h, w, 3)` uint8 BGR, the hole and some 400 px around it; what it shows in the hole is not looked at.
        hole: `(h, w)` bool.
        scale: pixels of this photo that make one of a photo 4000 high (`utils.options.scale_of`).
        rules: those that go on in the hole; no line crosses a standing one, and what is seen of them is no letter.
        corner: x and y of the window in the photo.
        beside: `(h, w)` bool, where the window shows no page; None where it shows nothing else.
    """
    reduction = min(max(1, round(REDUCTION * scale)), *hole.shape)  # OpenCV reduces fast by whole numbers
    bounds = bounds_of(hole)
    if bounds is None or hole.all():
        return []
    area = bounds.padded(MARGIN * reduction, *hole.shape)
    part = area.slices()
    view = reduce_window(window[part], hole[part], None if beside is None else beside[part], reduction)
    walls = [_reduced(rule.points(), area, reduction) for rule in rules if rule.standing]
    ends = [(end.points(rule.standing), rule.standing) for rule in rules for end in rule.ends]
    view = erase_rules(view, [(_reduced(points, area, reduction), standing) for points, standing in ends])
    stretches, lines = _stretches(view, _runs(view, mend_cut(view, find_pieces(view)), walls), walls)
    prints = {run: look(view, run) for stretch in stretches for run in stretch.runs}
    shift = np.array([area.x0 + corner[0], area.y0 + corner[1]])
    found = []
    for stretch in stretches:
        run = max(stretch.runs, key=lambda run: run.length)
        if not prints[run].are_letters or _is_scrap(stretch, lines):
            continue
        line, letters = lines[run], pitch(prints[run], list(prints.values()))
        described = _described(stretch, run, _hidden_length(view, stretch), letters, reduction, shift)
        x, y = np.rint(np.array((line.x0, line.at(line.x0))) * reduction + shift).astype(int)
        found.append(replace(described, seen=(int(x), int(y))))
    return found


def _reduced(points: Points | Reals, area: Box, reduction: int) -> Reals:
    return np.asarray((points - (area.x0, area.y0)) / reduction, np.float64)


def _runs(view: View, pieces: list[Band], walls: list[Reals]) -> list[Band]:
    """The pieces put together to runs."""
    chains: list[list[Band]] = []
    for piece in sorted(pieces, key=lambda piece: piece.x0):
        for chain in chains:
            if follows(chain[-1], piece) and not _walled(view, walls, piece, chain[-1].x1, piece.x0):
                chain.append(piece)
                break
        else:
            chains.append([piece])
    least = (LEAST_LENGTH, LEAST_SCRAP)
    runs = [run for run in map(to_run, chains) if run.length >= least[run.scrap] * run.height]
    order = sorted(runs, key=lambda run: run.height)
    half = np.cumsum([run.length for run in order])
    usual = order[int(np.searchsorted(half, half[-1] / 2))].height if runs else 0.0
    return [run for run in runs if run.height >= LOWEST * usual]


def _stretches(view: View, runs: list[Band], walls: list[Reals]) -> tuple[list[_Stretch], dict[Band, Band]]:
    """What is hidden of the lines that run into the hole: opposite ends that agree are of one line.

    Returns:
        The stretches, and the whole line, as far as it is seen, that each run is part of.
    """
    ends: dict[tuple[Band, int], _End] = {}
    stretches = []
    for run in runs:
        own, inner = _ends(view, run, walls)
        ends |= {(run, end.side): end for end in own}
        stretches += [_Stretch((run,), *stretch) for stretch in inner]
    lines = {run: _known([run], ends, view) for run in runs}
    pairs = []
    for one in ends.values():
        for two in ends.values():
            if one.side > two.side and _agree(view, one, two, walls):
                pairs.append((one, two))
    after: dict[Band, Band] = {}
    for one, two in sorted(pairs, key=lambda pair: pair[1].entry - pair[0].entry):
        if (one.run, 1) in ends and (two.run, -1) in ends and not _are_columns(one, two, lines):
            del ends[one.run, 1], ends[two.run, -1]
            after[one.run] = two.run
            stretches.append(_Stretch((one.run, two.run), one.entry, two.entry + 1))
    lines, going = {}, set()
    for run in set(runs) - set(after.values()):
        members = [run]
        while members[-1] in after:
            members.append(after[members[-1]])
        line = _known(members, ends, view)
        lines |= dict.fromkeys(members, line)
        for run, side in ((members[0], -1), (members[-1], 1)):
            if (run, side) in ends and ends[run, side].gap <= 0:
                going.add((line, side))
    for end in ends.values():
        reach = _reach(view, end, walls, lines, going)
        if reach is not None:
            stretches.append(_Stretch((end.run,), *reach))
    return _merged(stretches), lines


def _is_scrap(stretch: _Stretch, lines: dict[Band, Band]) -> bool:
    """Whether no more than a letter is seen of a line, and no other line of its height is near: a spot, a stub."""
    (run, *others) = stretch.runs
    if others or lines[run].length >= LONE_LETTER * run.height:
        return False
    return not any(_alike(line, run) and line.length >= LONE_LETTER * line.height for line in lines.values())


def _merged(stretches: list[_Stretch]) -> list[_Stretch]:
    """The stretches without those that lie in another one, of a line of which more is seen: parts of its letters."""
    kept: list[_Stretch] = []
    for stretch in sorted(stretches, key=lambda stretch: -sum(run.length for run in stretch.runs)):
        for k, other in enumerate(kept):
            if _overlap(stretch, other):
                if stretch.runs == other.runs:  # both sides of letters that the hole cuts along
                    kept[k] = _Stretch(other.runs, min(stretch.x0, other.x0), max(stretch.x1, other.x1))
                break
        else:
            kept.append(stretch)
    return kept


def _overlap(one: _Stretch, two: _Stretch) -> bool:
    """Whether two stretches hide the same place of the page."""
    first, last = max(one.x0, two.x0), min(one.x1, two.x1)
    runs = [max(stretch.runs, key=lambda run: run.length) for stretch in (one, two)]
    apart = abs(runs[0].at((first + last) / 2) - runs[1].at((first + last) / 2))
    return last > first and apart < INSIDE * max(run.height for run in runs)


def _known(members: list[Band], ends: dict[tuple[Band, int], _End], view: View) -> Band:
    """Runs of one line as one, with whether its ends are seen."""
    run = members[0] if len(members) == 1 else to_run(members)
    border = CHAIN_GAP * run.height
    left = run.x0 > border and (members[0], -1) not in ends
    right = run.x1 < view.hole.shape[1] - border and (members[-1], 1) not in ends
    return replace(run, known=(left, right))


def _ends(view: View, run: Band, walls: list[Reals]) -> tuple[list[_End], list[tuple[int, int]]]:
    """Where a run goes into the hole, and the stretches between its letters that are hidden."""
    reach, back = max(2, round(NEAR_HOLE * run.height)), round(run.height)
    if not _meets_hole(view, run, reach):
        return [], []
    hidden = along(view.hole, run) >= HALF
    ends = []
    for side in (-1, 1):
        # Seen from the other side all is the same, mirrored.
        course, edge = (hidden, run.x1) if side > 0 else (hidden[::-1], len(hidden) - run.x0)
        first = max(0, edge - back)
        places = np.flatnonzero(course[first : edge + reach])
        if not len(places):
            continue
        entry = first + int(places[0])
        if entry == first:  # the hole cuts the last letters along: it begins before them
            own = course[edge - run.length : first + 1][::-1]
            entry -= len(own) - 1 if own.all() else max(0, int(own.argmin()) - 1)
        seen = np.flatnonzero(~course[entry:])
        leave = entry + int(seen[0]) if len(seen) else None
        if leave is not None and leave < edge:
            continue
        place, out = (entry, leave) if side > 0 else _mirrored(entry, leave, len(hidden))
        if not _walled(view, walls, run, *((run.x1, place) if side > 0 else (place + 1, run.x0)), side):
            ends.append(_End(run, side, place, out))
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


def _mirrored(entry: int, leave: int | None, width: int) -> tuple[int, int | None]:
    return width - 1 - entry, None if leave is None else width - 1 - leave


def _walled(view: View, walls: list[Reals], run: Band, x0: int, x1: int, side: int = 0) -> bool:
    """Whether a standing rule is seen between two columns, or goes on in the hole there or right beside, at `side`."""
    inside = HALF * run.height
    if _crossed(walls, x0 - 1 - inside * (side < 0), x1 + 1 + inside * (side > 0), run):
        return True
    if x1 <= x0:
        return False
    y = run.at((x0 + x1) / 2)
    rows = slice(max(0, round(y - run.height / 2)), max(1, round(y + run.height / 2)))
    part = view.standing[rows, x0:x1]
    return bool(part.size and part.mean(axis=0).max() > HALF)


def _agree(view: View, one: _End, two: _End, walls: list[Reals]) -> bool:
    """Whether two ends fit as the two sides of one line."""
    gap = two.entry - one.entry
    height = max(one.run.height, two.run.height)
    if gap < 1 or one.run is two.run or height > ALIKE * min(one.run.height, two.run.height):
        return False
    middle = (one.entry + two.entry) / 2
    if abs(one.run.at(middle) - two.run.at(middle)) > SAME_LINE * height + DRIFT * gap:
        return False
    if _crossed(walls, one.entry, two.entry, one.run):
        return False
    return bool((along(view.hole, one.run)[one.entry : two.entry] >= HALF).mean() >= BETWEEN_HIDDEN)


def _crossed(walls: list[Reals], x0: float, x1: float, run: Band) -> list[float]:
    """Where standing rules cut the course of a run between two columns."""
    found = []
    for wall in walls:
        y = run.at((x0 + x1) / 2)
        order = np.argsort(wall[:, 1])
        x, at = wall[order].T
        if at[0] <= y <= at[-1]:
            cut = float(np.interp(y, at, x))
            if x0 < cut < x1:
                found.append(cut)
    return found


def _reach(
    view: View, end: _End, walls: list[Reals], lines: dict[Band, Band], going: set[tuple[Band, int]]
) -> tuple[float, float] | None:
    """First and last column of what a line hides that is seen on one side only; None where it seems to end there.

    It goes as far as the lines of its column do: those that begin where it begins, or share its middle.

    Args:
        view: the window.
        end: of the line.
        walls: standing rules.
        lines: all, by the runs that are part of them.
        going: those that the hole cuts at their left or right end.
    """
    side, own, height = end.side, lines[end.run], end.run.height
    limit = end.exit if end.exit is not None else (view.hole.shape[1] if side > 0 else -1)
    cells = _crossed(walls, min(end.entry, limit), max(end.entry, limit), end.run)
    if cells:
        limit = min(cells, key=lambda x: abs(x - end.entry))
    far = abs(limit - end.entry)
    ends, others = _column(end, limit, lines)
    beyond = [reach for reach in ends if reach > 0]
    closest = _gap(view, end)
    reaches = _reaches(end, ends, others, lines)
    margin = _margin(reaches, height)
    sure = margin if closest > TOUCHES else _margin(reaches, height, SURE_SHARE)  # what touches the hole may be cut
    if sure is not None and abs(sure + max(end.gap, 0)) < SEEN_WHOLE * height:  # it is seen up to where its column ends
        return None
    middles = np.array([line.centre for line in others])
    if closest > TOUCHES and not beyond and len(middles) >= ENOUGH:
        centred = np.abs(middles - own.centre) < CENTRED * height
        if np.count_nonzero(centred) >= max(ENOUGH, len(middles) / 2):  # it is centred as it is seen: all of it is seen
            return None
    cut = sum((line, side) in going and _begins_alike(end, line, lines) for line in set(lines.values()))
    more, all_told = len(beyond) + cut, len(ends) + cut
    mostly_beyond = (margin is not None and margin > -SEEN_WHOLE * height) or more >= max(ENOUGH, MOSTLY * all_told)
    # All lines of a column begin at its margin, but the last one of a paragraph ends anywhere.
    begins = side < 0 and margin is not None and margin > LEAST_HIDDEN * height
    near = NEAR_HOLE if begins else NEAR_BEYOND if mostly_beyond else NEAR_ALONE if len(ends) < ENOUGH else TOUCHES
    if closest > near:
        return None
    guess = ALONE * min(far, MOST_ALONE * height)
    if margin is not None and margin > -SEEN_WHOLE * height:
        guess = min(far, max(margin, HALF * height))
    elif beyond:
        guess = min(far, float(np.median(beyond)))
    elif len(middles) >= ENOUGH and np.ptp(middles) < 2 * ALIGNED * height:
        mirrored = side * (2 * float(np.median(middles)) - own.end(-side) - end.entry)
        guess = min(far, mirrored) if mirrored > 0 else guess
    if closest > TOUCHES and guess < LEAST_HIDDEN * height:
        return None
    return (end.entry, end.entry + guess) if side > 0 else (end.entry + 1 - guess, end.entry + 1)


def _gap(view: View, end: _End) -> float:
    """Heights between the ink of a line and the hole, in the row in which they are nearest, seen at full size."""
    run, scale = end.run, view.reduction
    reach = run.height * (NEAR_HOLE + HALF)
    edge = run.x1 if end.side > 0 else run.x0
    y = run.at(edge)
    x0, x1 = (max(0, round((edge + off) * scale)) for off in (-reach, reach))
    y0, y1 = (max(0, round((y + off * run.height) * scale)) for off in (-HALF - ABOVE / 2, HALF))
    hole, part = view.covered[y0:y1, x0:x1], view.window[y0:y1, x0:x1]
    if not part.size:
        return end.gap / run.height
    row, column = min(len(view.paper) - 1, max(0, round(y))), min(view.paper.shape[1] - 1, max(0, round(edge)))
    level, paper = part.min(axis=2), float(view.paper[row, column])
    half = (paper + float(np.percentile(level[~hole], INK_QUANTILES[0]))) / 2 if not hole.all() else paper
    ink = (level < min(half, paper - INK_LEVELS)) & ~hole
    tall = view.window[max(0, y0 - round(run.height * scale)) : y1 + round(run.height * scale) // 2, x0:x1]
    ink &= ~(tall.min(axis=2) < half).all(axis=0)  # a standing rule is no letter
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
    reach = RULE_STUB
    y0, y1, x0, x1 = max(0, rows[0] - 1), rows[-1] + 2, max(0, columns[0] - reach), columns[-1] + reach + 1
    standing = cv2.dilate(view.standing[y0:y1, x0:x1], np.ones((3, 3), np.uint8))
    rules = cv2.dilate(view.rules[y0:y1, x0:x1] & ~standing & 1, np.ones((3, 2 * reach + 1), np.uint8)) | standing
    return np.asarray(rules[np.ix_(rows - y0, columns - x0)] > 0)


def _are_columns(one: _End, two: _End, lines: dict[Band, Band]) -> bool:
    """Whether two ends opposite each other are of two columns: the other lines of both leave a gap between."""
    gap, total = two.entry - one.entry, 0.0
    for end, other in ((one, two), (two, one)):
        reaches = _reaches(end, *_column(end, other.entry, lines), lines)
        if len(reaches) < ENOUGH or max(reaches) > gap:
            return False
        total += max(*reaches, -HALF * end.run.height)
    return gap - total > GUTTER * one.run.height


def _reaches(end: _End, ends: list[float], others: list[Band], lines: dict[Band, Band]) -> list[float]:
    """How far beyond an end the lines of its column go: those that begin alike, and those that lie over it."""
    own = lines[end.run]
    below = [line for line in others if _over(line, own.x0, own.x1)]
    return [*ends, *(float(end.side * (line.end(end.side) - end.entry)) for line in below)]


def _margin(reaches: Sequence[float], height: float, share: float = FLUSH_SHARE) -> float | None:
    """Where most lines of a column end, of the ends beyond the last seen column; None where they are ragged."""
    if len(reaches) < FLUSH_LINES:
        return None
    usual = float(np.median(reaches))
    near = np.abs(np.array(reaches) - usual) < FLUSH * height
    return usual if near.mean() >= share else None


def _column(end: _End, limit: float, lines: dict[Band, Band]) -> tuple[list[float], list[Band]]:
    """How far beyond a line's end the others of its column go, of those that begin alike, and the rest of them.

    Where the beginning of one is not seen, it may begin where the other does. The nearest lines tell.

    Args:
        end: of the line.
        limit: x up to which it may go on.
        lines: all, by the runs that are part of them.
    """
    side, own = end.side, lines[end.run]
    start = own.end(-side)
    ends, others = [], []
    for line in sorted(set(lines.values()), key=lambda line: abs(line.at(line.centre) - end.run.at(line.centre))):
        if line is own or not line.knows(side) or not _alike(line, end.run):
            continue
        if _begins_alike(end, line, lines):
            ends.append(float(side * (line.end(side) - end.entry)))
        elif own.knows(-side) and line.knows(-side) and _over(line, min(start, limit), max(start, limit)):
            others.append(line)
    return ends[:PEERS], others[:PEERS]


def _alike(one: Band, two: Band) -> bool:
    return 1 / PEER_ALIKE < one.height / two.height < PEER_ALIKE


def _over(line: Band, x0: float, x1: float) -> bool:
    return min(line.x1, x1) > max(line.x0, x0)


def _begins_alike(end: _End, line: Band, lines: dict[Band, Band]) -> bool:
    """Whether a line begins where that of an end does, or may where one of the two beginnings is not seen."""
    side, own = end.side, lines[end.run]
    if line is own or not _alike(line, end.run):
        return False
    later = side * (line.end(-side) - own.end(-side)) / end.run.height  # so much farther towards the hole
    if own.knows(-side) and line.knows(-side):
        return abs(later) < ALIGNED
    may = later < ALIGNED if line.knows(-side) else later > -ALIGNED if own.knows(-side) else True
    return may and _over(line, own.x0, own.x1)


def _hidden_length(view: View, stretch: _Stretch) -> float:
    """Columns of a stretch that the hole covers, each as far as it does."""
    run = max(stretch.runs, key=lambda run: run.length)
    x0, x1 = max(0, math.floor(stretch.x0)), math.ceil(stretch.x1)
    share = along(view.share, run)[x0:x1]
    return float(share.sum()) * (stretch.x1 - stretch.x0) / max(1, x1 - x0)


def _described(
    stretch: _Stretch, run: Band, hidden: float, letters: Pitch, reduction: float, shift: Points
) -> LostLine:
    """A hidden stretch in pixels of the photo.

    Args:
        stretch: what is hidden.
        run: what is seen of the line, or the longer part of it.
        hidden: columns that hide letters or the gaps between words.
        letters: how far apart they are.
        reduction: pixels of the photo a column.
        shift: x and y of the window in the photo.
    """
    count = max(1, round(hidden * reduction / letters.step))
    height, y0, y1 = run.height, run.at(stretch.x0), run.at(stretch.x1)
    box = np.array([stretch.x0, min(y0, y1) - height, stretch.x1, max(y0, y1) + height]) * reduction
    box = np.rint(box + np.tile(shift, 2)).astype(int)
    baseline = np.array([(stretch.x0, y0 + height / 2), (stretch.x1, y1 + height / 2)]) * reduction + shift
    share = hidden / max(1.0, hidden + sum(part.length for part in stretch.runs))
    words = max(1, round(count / letters.a_word))
    return LostLine(Box(*(int(edge) for edge in box)), baseline, height * reduction, count, words, float(share))
