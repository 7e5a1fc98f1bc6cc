"""Candidates for rules, followed back from the hole along their courses, all at once.

Of each a strip is read along its path, `2 * HALF_PX + 1` pixels across; where that shows a stroke, the path is laid
through its middle, and so on. All strips lie in one array, `(2 * HALF_PX + 1, n, TRACE_PX)`: most of what is asked of
them is asked along the path.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from utils.arrays import Floats, Indices, Mask, Reals
from utils.page.rule import (
    HALF_PX,
    LONE_PX,
    STRONG_PX,
    TRACE_PX,
    End,
    Sight,
    fit_polynomials,
    read_strip,
    upper_medians,
)
from utils.page.rule_extent import (
    BESIDE_COLUMNS,
    MAX_THICK_PX,
    MIN_STROKE_PX,
    THERE_SHARE,
    THICK_SHARE,
    Extents,
    find_middle,
    go_on,
    is_even,
    measure_extents,
    print_limit,
)

MAX_SLOPE = 0.36  # 20 degrees off the photo's axes
SLOPE_SPARE = 0.05  # dv/du that a followed course may exceed `MAX_SLOPE` by

MIDDLE_COLUMNS = slice(HALF_PX - 1, HALF_PX + 2)  # of a strip: the stroke's core
OUTER_COLUMNS = 6  # of a strip, on each side: the paper beside a stroke
TOUCH_PX = 3  # so near its end a course may touch the hole
HALF_CROWDED = 0.4, 0.9  # shares of a length with print beside it: less is a rule, more a third stroke, between is text
FOLLOW_FITS = 3  # of the course, each along the last
CHUNK_PX = 8  # a course's offset is measured in pieces so long
CHUNK_MEAN = np.full(CHUNK_PX, 1 / CHUNK_PX, np.float32)  # averages over one chunk
MIN_CHUNKS = 2  # pieces that tell a course
GROUND_SHARE = 0.25  # of the stroke's darkness: what is lighter has no weight in its offset
FOUND_WEIGHT = 0.5  # a piece counts that weighs so much of the stroke's darkness
MIN_REACH_PX = 3  # the offset is that of what lies so near the course, or within a thicker stroke
TAIL_PX = 8  # a solid rule is dark in most of its last pixels before the hole
MIN_TAIL_SHARE = 0.5  # of its last pixels that are dark; with less it ended before the hole, at a rule for example
MAX_DARKER = 0.18  # share that is twice as dark as the rest: rules 0 to 7 %, lines across letters 20 to 90 %
BROAD_COLUMNS = 5  # of a strip, on each side: dark there, a stroke is broad
MAX_BROAD_SHARE = 0.45  # of a rule's darkness that may be left there
CORE_LEVELS = 3.5  # a rule is so much darker than the paper, of 255
CORE_NOISES = 1.2  # a rule is so many standard deviations of the grain darker
LEAVE_RIM_PX = 20  # so far before the hole a rule has left its rim
MAX_RIM_SHARE = 0.4  # of a course that may lie beside the hole after that: the occluder's rim runs along it
GRAZE_PX = 120  # a rule may run so far along the rim of the hole before it enters it

# Fitting its course.
NEAR_PX = 3.0  # offsets farther off the median belong to something else
MIN_OFFSETS = 3  # that tell a line
BENT_PX = 120.0  # a course that is seen over less is straight
BENT_GAIN = 0.7  # a bend must lower the misfit to so much of a line's, less `BENT_SPARE_PX`
BENT_SPARE_PX = 0.02  # of misfit: less is no gain
MIN_BEND_PX = 0.5  # a smaller bend is none

OFFSETS = np.arange(-HALF_PX, HALF_PX + 1.0)  # of a strip's columns from its path
BACK = np.arange(float(TRACE_PX))  # pixels back from the hole


class Starts(NamedTuple):
    """Where candidates are followed from, each an array `(n,)`.

    Attributes:
        view: which of the views it is seen in, in order.
        u, v: its last visible point.
        slope: its direction there, dv/du.
    """

    view: Indices
    u: Indices
    v: Reals
    slope: Reals

    def chosen(self, rows: Indices) -> "Starts":
        """Some of them."""
        return Starts(self.view[rows], self.u[rows], self.v[rows], self.slope[rows])


class Courses(NamedTuple):
    """What lies along candidates' paths.

    Attributes:
        strips: `(2 * HALF_PX + 1, n, TRACE_PX)` levels below the paper's tone.
        lengths: `(n,)`, how much of each is seen.
        floor: `(n,)`, what the paper beside it has of these levels.
        cores: `(n, TRACE_PX)` levels of the middle below the paper beside it.
    """

    strips: Floats
    lengths: Indices
    floor: Reals
    cores: Reals

    def chosen(self, rows: Indices | Mask) -> "Courses":
        return Courses(self.strips[:, rows], self.lengths[rows], self.floor[rows], self.cores[rows])


def choose_worth_following(courses: Courses, starts: Starts, noise: float) -> Indices:
    """Which of many candidates look like rules along a straight course: four of five do not.

    Args:
        courses: what lies along their straight courses.
        starts: the candidates.
        noise: standard deviation of the grain.
    """
    is_visible = BACK[:STRONG_PX] < np.minimum(STRONG_PX, starts.u + 1)[:, None]
    peak = np.where(BACK[:STRONG_PX] < courses.lengths[:, None], courses.cores[:, :STRONG_PX], -np.inf).max(axis=1)
    limit = courses.floor + print_limit(peak, noise)
    shares = [
        np.count_nonzero((courses.strips[columns, :, :STRONG_PX].max(axis=0) > limit[:, None]) & is_visible, axis=1)
        / np.count_nonzero(is_visible, axis=1)
        for columns in BESIDE_COLUMNS
    ]
    crowded = np.minimum(*shares)
    possible = (courses.lengths >= MIN_STROKE_PX) & ~((crowded > HALF_CROWDED[0]) & (crowded < HALF_CROWDED[1]))
    rows = np.flatnonzero(possible)
    return rows[go_on(courses.cores[rows], courses.lengths[rows], noise)]


def read_straight_courses(sights: Sequence[Sight], starts: Starts) -> Courses:
    """What lies along the straight courses of candidates, in any of the views."""
    return _read_courses(sights, starts, _straight_paths(starts))


def _straight_paths(starts: Starts) -> Reals:
    """The straight courses of candidates as `_read_courses` takes them."""
    return np.stack([0 * starts.slope, starts.slope, starts.v], axis=1)


def _read_courses(sights: Sequence[Sight], starts: Starts, paths: Reals) -> Courses:
    """What lies along paths back from the hole.

    Args:
        sights: the views.
        starts: of the paths.
        paths: `(n, 3)`, coefficients of v, over -t, the pixels back from the hole.
    """
    count = len(starts.u)
    strips = np.empty((len(OFFSETS), count, TRACE_PX), np.float32)
    lengths = np.zeros(count, np.intp)
    for number, sight in enumerate(sights):
        rows = slice(*np.searchsorted(starts.view, (number, number + 1)).tolist())
        if rows.start == rows.stop:
            continue
        height = len(sight.dark)
        u, path = starts.u[rows, None] - BACK, paths[rows, :, None]
        v = path[:, 2] - (path[:, 1] - path[:, 0] * BACK) * BACK
        strips[:, rows] = read_strip(sight.dark, u.ravel(), v.ravel(), OFFSETS).T.reshape(len(OFFSETS), -1, TRACE_PX)
        inside = (u >= 0) & (v >= 0) & (v < height - 1)
        row, column = np.clip(np.rint(v), 0, height - 1).astype(np.intp), np.maximum(u, 0).astype(np.intp)
        usable = inside & (sight.hole[row, column] == 0)
        usable[:, :TOUCH_PX] = u[:, :TOUCH_PX] >= 0
        lengths[rows] = np.where(usable.all(axis=1), TRACE_PX, usable.argmin(axis=1))
    is_visible = BACK < np.maximum(lengths, 1)[:, None]
    paper = np.minimum(strips[:OUTER_COLUMNS].mean(axis=0), strips[-OUTER_COLUMNS:].mean(axis=0))
    floor = upper_medians(paper, is_visible)
    return Courses(strips, lengths, floor, strips[MIDDLE_COLUMNS].mean(axis=0) - floor[:, None])


def follow(sights: Sequence[Sight], starts: Starts, courses: Courses) -> list[End | None]:
    """Follow candidates back from their last visible points; None where one is no rule.

    Args:
        sights: the views.
        starts: the candidates.
        courses: what lies along their straight courses.
    """
    ends: list[End | None] = [None] * len(starts.u)
    noise = sights[0].noise
    rows = np.arange(len(starts.u))
    paths = _straight_paths(starts)
    extents = Extents.nothing(0)
    for fit in range(FOLLOW_FITS):
        if fit:
            courses = _read_courses(sights, starts.chosen(rows), paths)
        long_enough = np.flatnonzero(courses.lengths >= MIN_STROKE_PX)
        courses, rows, paths = courses.chosen(long_enough), rows[long_enough], paths[long_enough]
        extents = measure_extents(courses.cores, courses.lengths, noise)
        corrections, kept = _correct(courses, extents)
        kept &= _reach_the_hole(courses, extents, noise)
        courses, extents, rows = courses.chosen(kept), extents.chosen(kept), rows[kept]
        paths = paths[kept] + corrections[kept]
        if not len(rows):
            return ends
    for index in np.flatnonzero(np.abs(paths[:, 1]) <= MAX_SLOPE + SLOPE_SPARE).tolist():
        row = int(rows[index])
        sight, u_end = sights[int(starts.view[row])], int(starts.u[row])
        ends[row] = _measure_end(sight, u_end, paths[index], courses, extents, index)
    return ends


def _reach_the_hole(courses: Courses, extents: Extents, noise: float) -> Mask:
    """Which strokes go on to the hole as rules do, `(n,)`: solid ones keep their darkness."""
    along = extents.length[:, None] > BACK
    darker = np.count_nonzero((courses.cores > 2 * (extents.level[:, None] + noise)) & along, axis=1)
    there = np.count_nonzero(courses.cores[:, :TAIL_PX] > THERE_SHARE * extents.level[:, None], axis=1)
    steady = (darker <= MAX_DARKER * extents.length) & (there >= MIN_TAIL_SHARE * TAIL_PX)
    return (extents.length >= MIN_STROKE_PX) & (steady | (extents.period > 0))


def _correct(courses: Courses, extents: Extents) -> tuple[Reals, Mask]:
    """What has to be added to paths' coefficients, `(n, 3)`, for them to run in the middle of strokes; where known."""
    shape = len(OFFSETS), len(courses.lengths), TRACE_PX // CHUNK_PX
    means = courses.strips.reshape(*shape, CHUNK_PX) @ CHUNK_MEAN
    profiles = means.transpose(1, 2, 0) - courses.floor[:, None, None]
    level = extents.level[:, None]
    chunks = np.arange(shape[2])
    along = chunks < extents.length[:, None] // CHUNK_PX
    reach = np.where(extents.length >= LONE_PX, _measure_reaches(profiles, along, level), MIN_REACH_PX)
    in_reach = np.abs(OFFSETS) <= np.maximum(reach, MIN_REACH_PX)[:, None] + 0.5
    weight = np.maximum(profiles - GROUND_SHARE * level[..., None], 0) * in_reach[:, None]
    total = weight.sum(axis=2)
    heavy = along & (total > FOUND_WEIGHT * level)
    known = np.count_nonzero(heavy, axis=1) >= MIN_CHUNKS
    shift = (weight @ OFFSETS) / np.maximum(total, 1e-9)
    corrections = np.zeros((len(known), 3))
    t = np.broadcast_to(-(chunks + 0.5) * CHUNK_PX, shift.shape)
    corrections[known] = _fit_courses(t[known], shift[known], heavy[known])
    return corrections, known


def _measure_reaches(profiles: Reals, along: Mask, level: Reals) -> Indices:
    """How many pixels strokes reach to their broader side, `(n,)`; 0 where that is too broad for a stroke.

    Args:
        profiles: `(n, chunks, 2 * HALF_PX + 1)`.
        along: `(n, chunks)`, whether the stroke is seen in a piece.
        level: `(n, 1)`, its darkness.
    """
    dark = np.count_nonzero((profiles > THICK_SHARE * level[..., None]) & along[..., None], axis=1)
    broad = 2 * dark > np.count_nonzero(along, axis=1)[:, None]
    light = np.zeros((len(broad), 1), bool)
    before, after = (
        np.concatenate([side, light], axis=1).argmin(axis=1) for side in (broad[:, HALF_PX::-1], broad[:, HALF_PX:])
    )
    return np.where(before + after > MAX_THICK_PX, 0, np.maximum(before, after) - 1)


def _fit_courses(t: Reals, shift: Reals, known: Mask) -> Reals:
    """Corrections of paths as coefficients `(n, 3)` of polynomials; bent only where that fits clearly better.

    Args:
        t, shift: `(n, chunks)`, places along the paths and offsets there.
        known: `(n, chunks)`, where there is an offset; somewhere in each row.
    """
    middle = upper_medians(shift, known)
    kept = known & (np.abs(shift - middle[:, None]) < NEAR_PX)
    corrections = np.zeros((len(t), 3))
    corrections[:, 2] = middle
    rows = np.flatnonzero(np.count_nonzero(kept, axis=1) >= MIN_OFFSETS)
    corrections[rows, 1:], misfit = fit_polynomials(t[rows], shift[rows], kept[rows], 1)
    first, last = (np.where(kept[rows], t[rows], limit) for limit in (np.inf, -np.inf))
    spread = last.max(axis=1, initial=-np.inf) - first.min(axis=1, initial=np.inf)
    long_enough = spread > BENT_PX
    rows, misfit, spread = rows[long_enough], misfit[long_enough], spread[long_enough]
    bent, bent_misfit = fit_polynomials(t[rows], shift[rows], kept[rows], 2)
    better = (bent_misfit < BENT_GAIN * misfit - BENT_SPARE_PX) & (np.abs(bent[:, 0]) * spread**2 / 4 > MIN_BEND_PX)
    corrections[rows[better]] = bent[better]
    return corrections


def _measure_end(sight: Sight, u_end: int, path: Reals, courses: Courses, extents: Extents, index: int) -> End | None:
    """The end of one rule; None where it is none.

    Args:
        sight: its view.
        u_end: where it was followed from.
        path: `(3,)`, its course.
        courses, extents, index: what was measured, and which of that is its own.
    """
    length, level = int(extents.length[index]), float(extents.level[index])
    period, likeness = float(extents.period[index]), float(extents.likeness[index])
    stroke = courses.strips[:, index, :length].T - courses.floor[index]
    if not _looks_like_a_rule(stroke, courses.cores[index, :length], level, likeness if period else 0, sight.noise):
        return None
    path = path + np.array([0, 0, find_middle(stroke, OFFSETS, period)])
    if _runs_along_the_rim(sight, u_end, path, length):
        return None
    forward = _measure_way_to_hole(sight, u_end, path)
    slope_there = float(np.polyval(np.polyder(path), forward))
    v_there = float(np.polyval(path, forward))
    return End(u_end + forward, v_there, slope_there, 1, length + forward, level, period, likeness)


def _looks_like_a_rule(stroke: Reals, core: Reals, level: float, likeness: float, noise: float) -> bool:
    """Whether a stroke is even, narrow and dark: what is dark to both sides is print. Asked as `is_even` is."""
    if level < max(CORE_LEVELS, CORE_NOISES * noise) or not is_even(stroke, core, level, likeness, noise):
        return False
    across = np.sort(stroke, axis=0)[len(stroke) // 2]
    return bool(min(across[:BROAD_COLUMNS].mean(), across[-BROAD_COLUMNS:].mean()) <= MAX_BROAD_SHARE * level)


def _runs_along_the_rim(sight: Sight, u_end: int, path: Reals, length: float) -> bool:
    """Whether a stroke stays beside the hole: the rim of the occluder does, a rule leads away from it."""
    t = np.arange(0.0, min(TRACE_PX, u_end + 1))[int(min(LEAVE_RIM_PX, length / 2)) : int(length)]
    row = np.clip(np.rint(np.polyval(path, -t)), 0, len(sight.hole) - 1).astype(int)
    return bool(len(t) and sight.near_hole[row, np.rint(u_end - t).astype(int)].mean() > MAX_RIM_SHARE)


def _measure_way_to_hole(sight: Sight, u_end: int, path: Reals) -> float:
    """Pixels from the row in which it was sought to where the path itself meets the hole, 0 where it does not."""
    height, width = sight.hole.shape
    ahead = np.arange(0.0, min(GRAZE_PX, width - 1 - u_end) + 1)
    row = np.clip(np.rint(np.polyval(path, ahead)), 0, height - 1).astype(int)
    met = np.flatnonzero(sight.hole[row, (u_end + ahead).astype(int)])
    return float(max(0, met[0] - 1)) if len(met) else 0.0
