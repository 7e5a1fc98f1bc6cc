"""Visible rules beside a hole, followed along it: where they end and how they bend, so do those that the hole hides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from utils.arrays import Floats, Indices, Mask, Reals
from utils.page.rule import EDGE_PX, STRONG_PX, End, Rule, Sight, fit_polynomial

# Following.
TRACK_STEP_PX = 16  # rules are followed in blocks so long: dots and noise average out
MIN_STEPS = 8  # blocks that a window must be wide
START_STEPS = 5  # so many blocks before the hole they are looked for
START_SHARE = 0.35  # of the faintest end's darkness: what is darker is followed
START_RANK = 3  # of the first blocks the lightest third counts: text is light in places
PEAK_PX = 9  # rules nearer each other are one
MAX_TRACKS = 60  # followed at once
TRACK_BLUR_PX = 1.0  # standard deviation of a blur across
TRACK_CLEAR_PX = 6  # so near the hole none is followed
REACH = np.arange(-4, 5)  # rows around a rule in which its next block is looked for
INNER_ROWS = slice(2, 7)  # of `REACH`, those in which it must be dark
TRACK_GROUND_SHARE = 0.3  # of a rule's darkness: what is lighter has no weight in its place
FOUND_SHARE = 0.4  # of a rule's darkness that its next block must have
MAX_SHIFT_PX = 2.0  # off a rule's direction, from one block to the next
SHIFT_GAIN = 0.5  # of a shift that is followed at once: blocks are noisy
TURN_GAIN = 0.05  # of a shift that turns the direction
GAP_STEPS = 3  # missing for so many blocks, a rule has ended

# What counts as a rule.
MIN_SEEN_STEPS = 2 * START_STEPS  # blocks in which a rule is seen, at least
MIN_SEEN_SHARE = 0.9  # of the blocks along it: text comes and goes
MAX_UNEVEN = 0.15  # median deviation of its darkness over the median: that of text is larger
CUBIC_COURSE_PX, SQUARE_COURSE_PX = 600, 300  # over more than this a course is a cubic, a square; else a line
MAX_MISFIT_PX = 0.6  # median distance from its course

# What a hidden rule has of its neighbours.
ASIDE_PX = 8  # a track that is nearer is the rule itself
MIN_AHEAD_PX = 30  # a track goes on so far beyond the hole's edge to say anything
TRACK_NEIGHBOURS = 3  # rules beside one that must agree where it ends
MAX_APART_PX = 2 * TRACK_STEP_PX  # ends of neighbours that agree
SHORT_PX = 40  # a track may end so far before the far end of a rule and still show its bend
MAX_BEND_SLOPE = 0.02  # dv/du: a rule whose direction differs by more does not bend as its neighbours do


@dataclass(frozen=True)
class Track:
    """A visible rule beside the hole, followed along it.

    Attributes:
        u0, u1: between these it is seen, in the direction it was followed.
        course: coefficients of its `v` for `numpy.polyval`, over (u - u0) / 1000.
        ended: whether bare paper of the same surface was seen beyond `u1`.
    """

    u0: float
    u1: float
    course: Reals
    ended: bool

    def at(self, u: float) -> float:
        """Position across at `u`."""
        return float(np.polyval(self.course, (u - self.u0) / 1000))

    def slope(self, u: float) -> float:
        """Its dv/du there."""
        return float(np.polyval(np.polyder(self.course), (u - self.u0) / 1000)) / 1000


@dataclass(frozen=True)
class _Blocks:
    """A window in blocks of `TRACK_STEP_PX` along the direction in which rules are followed.

    Attributes:
        rows: `(h, n)` float32, mean darkness.
        covered: `(h, n)` bool, whether the hole takes a part.
        first: the block in which they are looked for.
        slope: rows that rules of the family fall from one block to the next.
    """

    rows: Floats
    covered: Mask
    first: int
    slope: float


@dataclass(frozen=True)
class _Followed:
    """What was seen of one rule.

    Attributes:
        course: `(3, n)`, for each block in which it was seen its number, `v` and the darkness.
        ended: whether it ended in sight.
    """

    course: Reals
    ended: bool


def follow_neighbours(sight: Sight, ends: Sequence[End], family: Sequence[End]) -> list[Track]:
    """The visible rules that run beside the hole, from where the outermost of the ends lies, in their direction.

    Args:
        sight: the family's view.
        ends: of one side, that go on into the hole.
        family: all ends of the family.
    """
    side, width = ends[0].side, sight.dark.shape[1]
    if width // TRACK_STEP_PX < MIN_STEPS:
        return []
    blocks = _average_blocks(sight, ends, family)
    starts, levels = _find_starts(blocks, min(end.core for end in ends))
    if not len(starts):
        return []
    tracks = (_fit_track(sight, side, followed) for followed in _follow(blocks, starts, levels))
    return [track for track in tracks if track is not None]


def _average_blocks(sight: Sight, ends: Sequence[End], family: Sequence[End]) -> _Blocks:
    side = ends[0].side
    height, width = sight.dark.shape
    count = width // TRACK_STEP_PX
    whole = count * TRACK_STEP_PX
    rows = cv2.resize(np.ascontiguousarray(sight.dark[:, :whole]), (count, height), interpolation=cv2.INTER_AREA)
    hidden = np.ascontiguousarray(sight.hole[:, :whole]) * 255
    covered = cv2.resize(hidden, (count, height), interpolation=cv2.INTER_AREA) > 0
    rows = cv2.GaussianBlur(rows, (1, 5), sigmaX=0, sigmaY=TRACK_BLUR_PX).astype(np.float32)
    if side < 0:
        rows, covered = rows[:, ::-1], covered[:, ::-1]
    outermost = min(end.u if side > 0 else width - 1 - end.u for end in ends)
    slopes = [end.slope for end in family if end.length >= STRONG_PX]
    slope = side * float(np.median(slopes)) * TRACK_STEP_PX
    return _Blocks(rows, covered, max(0, int(outermost // TRACK_STEP_PX) - START_STEPS), slope)


def _find_starts(blocks: _Blocks, core: float) -> tuple[Reals, Reals]:
    """Rows in which rules begin and their darkness there, both `(n,)`.

    Args:
        blocks: the window.
        core: darkness of the faintest end.
    """
    rows, first = blocks.rows, blocks.first
    # The first blocks, sheared along the family's direction.
    count = min(START_STEPS, rows.shape[1] - first)
    lanes = [np.roll(rows[:, first + k], -round(k * blocks.slope)) for k in range(count)]
    start = np.sort(lanes, axis=0)[len(lanes) // START_RANK]
    peak = (start > START_SHARE * core) & (start >= cv2.dilate(start, np.ones(PEAK_PX)).ravel())
    v = np.flatnonzero(peak & ~blocks.covered[:, first])[:MAX_TRACKS]
    return v.astype(np.float64), start[v]


def _follow(blocks: _Blocks, starts: Reals, levels: Reals) -> list[_Followed]:
    """Follow rules block by block, all at once, until they end or the hole hides them."""
    rows, covered = blocks.rows, blocks.covered
    height = len(rows)
    v = starts
    slope = np.full(len(v), blocks.slope)
    missed = np.zeros(len(v), int)
    followed, ended = np.ones(len(v), bool), np.zeros(len(v), bool)
    points_of: list[list[tuple[float, float, float]]] = [[] for _ in v]
    for step in range(blocks.first, rows.shape[1]):
        row = np.rint(v).astype(int)
        followed &= _is_clear(row, covered[:, step])
        if not followed.any():
            break
        patch = rows[np.clip(row[:, None] + REACH, 0, height - 1), step]
        weight = np.maximum(patch - TRACK_GROUND_SHARE * levels[:, None], 0)
        total = weight.sum(axis=1)
        shift = row - v + (weight * REACH).sum(axis=1) / np.maximum(total, 1e-6)
        there = followed & (patch[:, INNER_ROWS].max(axis=1) > FOUND_SHARE * levels)
        missed = np.where(there, 0, missed + 1)
        for index in np.flatnonzero(there).tolist():
            points_of[index].append((step, v[index] + shift[index], total[index]))
        shift = np.where(there, np.clip(shift, -MAX_SHIFT_PX, MAX_SHIFT_PX), 0)
        slope = slope + TURN_GAIN * shift
        v = v + SHIFT_GAIN * shift + slope
        gone = followed & (missed >= GAP_STEPS)
        ended |= gone
        followed &= ~gone
    long_enough = [index for index, points in enumerate(points_of) if len(points) >= MIN_SEEN_STEPS]
    return [_Followed(np.array(points_of[index]).T, bool(ended[index])) for index in long_enough]


def _is_clear(row: Indices, covered: Mask) -> Mask:
    """Whether rows lie inside the photo and away from what is covered in their block."""
    clear = (row > EDGE_PX) & (row < len(covered) - EDGE_PX - 1)
    clear[clear] = ~covered[row[clear] - TRACK_CLEAR_PX] & ~covered[row[clear] + TRACK_CLEAR_PX]
    return clear


def _fit_track(sight: Sight, side: int, followed: _Followed) -> Track | None:
    """The course of what was followed; None where it is text."""
    blocks, v, strength = followed.course
    if len(blocks) < MIN_SEEN_SHARE * (np.ptp(blocks) + 1):
        return None
    usual = np.median(strength)
    if np.median(np.abs(strength - usual)) > MAX_UNEVEN * usual:
        return None
    width = sight.dark.shape[1]
    u = (blocks + 0.5) * TRACK_STEP_PX
    u = u if side > 0 else width // TRACK_STEP_PX * TRACK_STEP_PX - u
    degree = 3 if np.ptp(u) > CUBIC_COURSE_PX else 2 if np.ptp(u) > SQUARE_COURSE_PX else 1
    course, misfit = fit_polynomial((u - u[0]) / 1000, v, degree)
    if misfit >= MAX_MISFIT_PX:
        return None
    # A rule that is seen up to the edge of its surface tells where that ends, not where rules do.
    end = float(u[-1] + side * TRACK_STEP_PX / 2)
    beyond = int(np.clip(end + 2 * side * TRACK_STEP_PX, 0, width - 1))
    row, last = round(float(v[-1])), int(np.clip(u[-1], 0, width - 1))
    bare = followed.ended and sight.surface[row, beyond] == sight.surface[row, last - side * TRACK_STEP_PX]
    return Track(float(u[0]), end, course, bool(bare))


def find_common_end(tracks: Sequence[Track], end: End, u_exit: float) -> float | None:
    """Where a rule of a table ends, if the rules above and below it all end there.

    Args:
        tracks: the rules beside it.
        end: the rule.
        u_exit: where it would leave the hole.
    """
    neighbours = [
        track
        for track in tracks
        if abs(track.at(end.u) - end.v) > ASIDE_PX and end.side * (track.u1 - end.u) > MIN_AHEAD_PX
    ]
    neighbours.sort(key=lambda track: abs(track.at(end.u) - end.v))
    ended = [track for track in neighbours if track.ended]
    if not ended:
        return None
    # Those that go on, or that the hole hides only beyond, say otherwise.
    telling = [track for track in neighbours if track.ended or end.side * (track.u1 - ended[0].u1) > TRACK_STEP_PX]
    telling = telling[:TRACK_NEIGHBOURS]
    if not all(track.ended for track in telling):
        return None
    # The sides of a table stand square on its rules.
    stops = np.array([track.u1 - end.slope * (end.v - track.at(track.u1)) for track in telling])
    if np.ptp(stops) > MAX_APART_PX:
        return None
    stop = float(np.median(stops))
    return stop if 0 < end.side * (stop - end.u) < end.side * (u_exit - end.u) else None


def bend_like(rule: Rule, tracks: Sequence[Track]) -> Rule:
    """The rule, bent as its neighbours above and below that are seen all along it."""
    (end,) = rule.ends
    far = rule.u1 if end.side > 0 else rule.u0
    neighbours = [
        track for track in tracks if end.side * (track.u1 - far) > -SHORT_PX and abs(track.at(end.u) - end.v) > ASIDE_PX
    ]
    above = [track for track in neighbours if track.at(end.u) < end.v]
    below = [track for track in neighbours if track.at(end.u) > end.v]
    if not above or not below:
        return rule
    one, two = max(above, key=lambda track: track.at(end.u)), min(below, key=lambda track: track.at(end.u))
    share = (end.v - one.at(end.u)) / (two.at(end.u) - one.at(end.u))
    v_far = end.v + (1 - share) * (one.at(far) - one.at(end.u)) + share * (two.at(far) - two.at(end.u))
    slope_far = (1 - share) * one.slope(far) + share * two.slope(far)
    slope_near = (1 - share) * one.slope(end.u) + share * two.slope(end.u)
    if abs(slope_near - end.slope) > MAX_BEND_SLOPE:
        return rule
    if end.side > 0:
        return replace(rule, v1=v_far, slope0=slope_near, slope1=slope_far)
    return replace(rule, v0=v_far, slope0=slope_far, slope1=slope_near)
