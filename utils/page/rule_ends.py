"""Ends of rules: where the straight or gently bent lines of tables, forms and ruled paper meet a hole.

Dark rows before the hole are candidates, most of which are text. Those worth it are followed back along their course
and kept where they look like a rule all along. Only lying rules that meet the hole at larger `u` are looked for: all
others are such rules of the transposed or mirrored picture.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from utils.arrays import Floats, Indices, Mask, Reals
from utils.page.rule import (
    HALF_PX,
    LONE_PX,
    STRONG_PX,
    TRACE_PX,
    End,
    Sight,
    fit_polynomial,
    read_strip,
    upper_median,
)
from utils.page.rule_extent import (
    BESIDE_COLUMNS,
    MIN_STROKE_PX,
    THERE_SHARE,
    Extent,
    find_middle,
    has_extent,
    is_even,
    measure_extent,
    measure_reach,
    print_limit,
)

# Which directions fit those of the family.
MIN_SURE = 3  # long ends that tell the family's direction
ALIKE_SLOPE = 0.04  # dv/du: rules of a page differ by less
TURNING_ENDS = 4  # long ends that tell how the direction turns from one rule to the next
TURNING_PX = 200.0  # distance of the outermost of them that tells it
MAX_MISFIT_SLOPE = 0.02  # dv/du off the family's direction, for a rule that is seen over a long way
MISFIT_SLOPE_PX = 1.5  # doubt of a slope, times the visible length

# Dark rows before the hole.
BLOCK_PX = 8  # darkness is averaged so far along: noise and dots average out
ROW_BLUR_PX = 0.8  # standard deviation of a blur across: a rule between two rows is as dark as in one
MEAN_BLOCKS = 3  # blocks before the hole whose mean tells a dark row
FLOOR_STEP = 4  # the usual darkness is that of every fourth row
MAX_ROWS = 1200  # dark rows looked at in each direction, the darkest first
SEARCH_BLOCKS = 12  # a direction is judged over so many blocks
MIN_BLOCKS = 3  # a direction of which less is seen is none
MAX_SLOPE = 0.36  # 20 degrees off the photo's axes
SLOPE_STEP = 0.012  # between the directions that are tried
FLANK_PX = 9  # a dark row is compared with the rows so far beside it
FLANK_GAIN = 2.0  # what stands clear of its flanks counts so many times, up to its darkness
CROWDED_GAIN = 0.3  # share of its darkness that counts where it does not stand clear: text
UNEVEN_COST = 0.4  # standard deviation along a direction that is taken off its mean darkness: text comes and goes
MIN_SCORE_SHARE = 0.7  # of the threshold for dark rows
MAX_CANDIDATES = 120  # rows followed; a page of dense text has more, but no rules among the rest
TAKEN_ROWS, TAKEN_BLOCKS = 2, 3  # rows and blocks around a candidate that are not followed again

# Following a candidate.
MIDDLE_COLUMNS = slice(HALF_PX - 1, HALF_PX + 2)  # of a strip: the stroke's core
OUTER_COLUMNS = 6  # of a strip, on each side: the paper beside a stroke
TOUCH_PX = 3  # so near its end a course may touch the hole
HALF_CROWDED = 0.4, 0.9  # shares of a length with print beside it: less is a rule, more a third stroke, between is text
FOLLOW_FITS = 3  # of the course, each along the last
CHUNK_PX = 8  # a course's offset is measured in pieces so long
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
SLOPE_SPARE = 0.05  # dv/du that a followed course may exceed `MAX_SLOPE` by
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

# Whether two ends are one rule.
SAME_U_PX = 40.0  # they meet the hole so near each other along the rule
SAME_V_PX = 5.0  # they lie so near each other across it, at the hole or `SAME_BACK_PX` before it
SAME_BACK_PX = 24.0  # candidates of one rule may differ in direction


@dataclass(frozen=True)
class _Course:
    """What lies along a candidate's path.

    Attributes:
        strip: `(n, 2 * HALF_PX + 1)` levels below the paper's tone.
        floor: what the paper beside it has of these.
        core: `(n,)` levels of its middle below the paper beside it.
        extent: how far it is a stroke; `n` may be more.
    """

    strip: Reals
    floor: float
    core: Reals
    extent: Extent

    @property
    def stroke(self) -> Reals:
        """The strip as far as it is a stroke, in levels below the paper beside it."""
        return self.strip[: int(self.extent.length)] - self.floor


def find_ends(sight: Sight) -> list[End]:
    """Ends of rules at both sides of the hole, of those whose direction fits the others'."""
    ends = _find_ends_before(sight)
    last = sight.dark.shape[1] - 1
    mirrored = _find_ends_before(sight.mirrored())
    return _drop_strays([*ends, *(replace(end, u=last - end.u, slope=-end.slope, side=-1) for end in mirrored)])


def _drop_strays(ends: list[End]) -> list[End]:
    """The ends whose direction fits the family: the rules of a page turn little and steadily from one to the next."""
    sure = [end for end in ends if end.length >= STRONG_PX]
    if len(sure) < MIN_SURE:
        return ends
    v, slope = np.array([end.v for end in sure]), np.array([end.slope for end in sure])
    weight = np.sqrt([end.length for end in sure])
    # The most common slope: the one that most others are near.
    alike = np.abs(slope[:, None] - slope) < ALIKE_SLOPE
    centre = slope[int((alike * weight).sum(axis=1).argmax())]
    chosen = np.abs(slope - centre) < ALIKE_SLOPE
    line = np.array([0.0, float(np.average(slope[chosen], weights=weight[chosen]))])
    if np.count_nonzero(chosen) >= TURNING_ENDS and np.ptp(v[chosen]) > TURNING_PX:
        line, _ = fit_polynomial(v[chosen] / 1000, slope[chosen], 1)
    misfits = [abs(end.slope - np.polyval(line, end.v / 1000)) for end in ends]
    return [
        end
        for end, misfit in zip(ends, misfits, strict=True)
        if misfit < MAX_MISFIT_SLOPE + MISFIT_SLOPE_PX / end.length
    ]


def _find_ends_before(sight: Sight) -> list[End]:
    """Ends of rules that meet the hole at larger u."""
    v, block, slope = _find_candidates(sight)
    if not len(v):
        return []
    # Each begins at the last pixel of its row before the hole, which the next block meets.
    start = (block + 1) * BLOCK_PX
    u = start + sight.hole[v[:, None], start[:, None] + np.arange(BLOCK_PX)].argmax(axis=1) - 1
    v_end = v + slope * (u - (block + 0.5) * BLOCK_PX)
    ends: list[End] = []
    for index in _choose_worth_following(sight, u, v_end, slope):
        rough = End(float(start[index]), v[index] + slope[index] * BLOCK_PX / 2, float(slope[index]), 1, 0, 0)
        if any(_are_one(rough, other) for other in ends):
            continue
        end = _trace(sight, int(u[index]), float(v_end[index]), float(slope[index]))
        if end is not None and not any(_are_one(end, other) for other in ends):
            ends.append(end)
    return ends


def _are_one(one: End, two: End) -> bool:
    at_two = one.v + one.slope * (two.u - one.u)
    back_one = one.v - one.slope * SAME_BACK_PX
    back_two = two.v + two.slope * (one.u - SAME_BACK_PX - two.u)
    return abs(one.u - two.u) < SAME_U_PX and (abs(at_two - two.v) < SAME_V_PX or abs(back_one - back_two) < SAME_V_PX)


def _find_candidates(sight: Sight) -> tuple[Indices, Indices, Reals]:
    """Dark rows before the hole, those first that keep their darkness best in some direction.

    Returns:
        `(n,)` arrays: the row, the last block of `BLOCK_PX` before the hole, dv/du.
    """
    none = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    height, width = sight.dark.shape
    if width // BLOCK_PX < MIN_BLOCKS or height < 5:
        return none
    rows, visible = _average_blocks(sight)
    if not visible.any():
        return none
    sparse = visible[::FLOOR_STEP]
    floor = float(np.median(rows[::FLOOR_STEP][sparse])) if sparse.any() else 0.0
    v, block = _find_dark_rows(rows, visible, floor + sight.least_darkness)
    if not len(v):
        return none
    slopes = np.arange(-MAX_SLOPE, MAX_SLOPE + SLOPE_STEP / 2, SLOPE_STEP)
    score = _score_directions(_weigh_clear(rows, floor), visible, v, block, slopes)
    best = score.argmax(axis=1)
    value = score[np.arange(len(v)), best]
    chosen: list[int] = []
    taken = np.zeros(visible.shape, bool)
    for index in np.argsort(-value, kind="stable").tolist():
        if value[index] < MIN_SCORE_SHARE * sight.least_darkness or len(chosen) >= MAX_CANDIDATES:
            break
        row, column = v[index], block[index]
        if taken[row, column]:
            continue
        chosen.append(index)
        columns = slice(max(0, column - TAKEN_BLOCKS), column + TAKEN_BLOCKS + 1)
        taken[row - TAKEN_ROWS : row + TAKEN_ROWS + 1, columns] = True
    return v[chosen], block[chosen], slopes[best[chosen]]


def _average_blocks(sight: Sight) -> tuple[Floats, Mask]:
    """Mean darkness of each row in blocks of `BLOCK_PX`, `(h, blocks)`, and which of them are wholly visible."""
    height, width = sight.dark.shape
    blocks = width // BLOCK_PX
    whole = blocks * BLOCK_PX
    rows = cv2.resize(sight.dark[:, :whole], (blocks, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Its eight pixels of one byte, read as one number, are 0.
    visible = np.ascontiguousarray(sight.hole[:, :whole]).view(np.uint64) == 0
    return cv2.GaussianBlur(rows, (1, 3), sigmaX=0, sigmaY=ROW_BLUR_PX), visible


def _find_dark_rows(rows: Floats, visible: Mask, threshold: float) -> tuple[Indices, Indices]:
    """Rows, and their last block before the hole, that are darker there than the threshold, at most `MAX_ROWS`."""
    last = np.zeros_like(visible)
    last[:, :-1] = visible[:, :-1] & ~visible[:, 1:]
    v, block = np.divmod(np.flatnonzero(last[3:-3]), rows.shape[1])
    v = v + 3
    kept = block >= MEAN_BLOCKS - 1
    v, block = v[kept], block[kept]
    darkness = (rows[v, block] + rows[v, block - 1] + rows[v, block - 2]) / MEAN_BLOCKS
    kept = darkness > threshold
    v, block, darkness = v[kept], block[kept], darkness[kept]
    if len(v) > MAX_ROWS:
        darkest = np.sort(np.argsort(-darkness, kind="stable")[:MAX_ROWS])
        v, block = v[darkest], block[darkest]
    return v, block


def _weigh_clear(rows: Floats, floor: float) -> Floats:
    """Darkness that counts: in full what stands clear of both sides."""
    level = rows - floor
    beyond = cv2.copyMakeBorder(rows, FLANK_PX, FLANK_PX, 0, 0, cv2.BORDER_REPLICATE)
    flank = np.maximum(beyond[: -2 * FLANK_PX], beyond[2 * FLANK_PX :])
    return np.asarray(np.minimum(level, FLANK_GAIN * np.maximum(rows - flank, 0) + CROWDED_GAIN * level), np.float32)


def _score_directions(clear: Floats, visible: Mask, v: Indices, block: Indices, slopes: Reals) -> Floats:
    """How dark, and how evenly so, each of the rows is in each direction back from the hole: `(n, directions)`.

    Args:
        clear: `(h, blocks)`, darkness that counts.
        visible: `(h, blocks)`.
        v, block: `(n,)`, where each begins.
        slopes: dv/du of the directions.
    """
    total, squares, counts = np.zeros((3, len(v), len(slopes)), np.float32)
    known = np.ones(len(v), bool)
    for back in range(SEARCH_BLOCKS):
        columns = np.maximum(block - back, 0)[:, None]
        known &= (block >= back) & visible[v, columns[:, 0]]
        at_v = v[:, None] - np.rint(slopes * BLOCK_PX * back).astype(np.intp)
        inside = (at_v >= 0) & (at_v < len(clear)) & known[:, None]
        here = clear[np.clip(at_v, 0, len(clear) - 1), columns] * inside
        total += here
        squares += here**2
        counts += inside
    mean = total / np.maximum(counts, 1)
    variance = squares / np.maximum(counts, 1) - mean**2
    score = mean - UNEVEN_COST * np.sqrt(np.maximum(variance, 0))
    score[counts < MIN_BLOCKS] = 0
    return np.asarray(score, np.float32)


def _choose_worth_following(sight: Sight, u: Indices, v: Reals, slope: Reals) -> list[int]:
    """Which of many candidates look like rules along a straight course: four of five do not.

    Args:
        sight: the family's view.
        u, v, slope: `(n,)`, the last visible point of each and its direction there.
    """
    height = len(sight.dark)
    back = np.arange(float(TRACE_PX))
    at_u, at_v = u[:, None] - back, v[:, None] - slope[:, None] * back
    inside = (at_u >= 0) & (at_v >= 0) & (at_v < height - 1)
    rows, columns = np.clip(np.rint(at_v), 0, height - 1).astype(np.intp), np.maximum(at_u, 0).astype(np.intp)
    usable = inside & (sight.hole[rows, columns] == 0)
    usable[:, :TOUCH_PX] = at_u[:, :TOUCH_PX] >= 0
    lengths = np.where(usable.all(axis=1), TRACE_PX, usable.argmin(axis=1))
    strips = read_strip(sight.dark, at_u.ravel(), at_v.ravel(), OFFSETS).T.reshape(len(OFFSETS), *at_u.shape)
    paper = np.minimum(strips[:OUTER_COLUMNS].mean(axis=0), strips[-OUTER_COLUMNS:].mean(axis=0))
    cores = strips[MIDDLE_COLUMNS].mean(axis=0)
    sides = [strips[columns, :, :STRONG_PX].max(axis=0) for columns in BESIDE_COLUMNS]
    worth = []
    for index, length in enumerate(lengths.tolist()):
        if length < MIN_STROKE_PX:
            continue
        floor = upper_median(paper[index, :length])
        core = cores[index, :length] - floor
        limit = floor + print_limit(float(core[:STRONG_PX].max()), sight.noise)
        count = min(STRONG_PX, int(u[index]) + 1)
        crowded = min(np.count_nonzero(side[index, :count] > limit) for side in sides) / count
        if HALF_CROWDED[0] < crowded < HALF_CROWDED[1]:
            continue
        if has_extent(core, sight.noise):
            worth.append(index)
    return worth


def _trace(sight: Sight, u_end: int, v_end: float, slope: float) -> End | None:
    """Follow a candidate back from its last visible point; None where it is no rule."""
    path = np.array([0.0, slope, v_end])  # coefficients of v, over -t, the pixels back from the hole
    course = None
    for _ in range(FOLLOW_FITS):
        course = _follow(sight, u_end, path)
        correction = _correct(course) if course else None
        if correction is None:
            return None
        path = path + correction
    assert course is not None
    length, level, period, likeness = course.extent
    if not _looks_like_a_rule(course, sight.noise) or abs(path[1]) > MAX_SLOPE + SLOPE_SPARE:
        return None
    path[2] += find_middle(course.stroke, OFFSETS, period)
    if _runs_along_the_rim(sight, u_end, path, length):
        return None
    forward = _measure_way_to_hole(sight, u_end, path)
    slope_there = float(np.polyval(np.polyder(path), forward))
    v_there = float(np.polyval(path, forward))
    return End(u_end + forward, v_there, slope_there, 1, length + forward, level, period, likeness)


def _follow(sight: Sight, u_end: int, path: Reals) -> _Course | None:
    """What lies along a path back from the hole; None where it is no stroke that goes on to the hole."""
    height, width = sight.dark.shape
    t = np.arange(0.0, min(TRACE_PX, u_end + 1))
    centre = path[2] - (path[1] - path[0] * t) * t
    strip = read_strip(sight.dark, u_end - t, centre, OFFSETS)
    inside = (centre >= 0) & (centre < height - 1)
    row = np.clip(np.rint(centre), 0, height - 1).astype(int)
    covered = (sight.hole[row, np.clip(np.rint(u_end - t), 0, width - 1).astype(int)] > 0) | ~inside
    covered[: min(TOUCH_PX, len(t))] = False
    usable = int(covered.argmax()) if covered.any() else len(t)
    if usable < MIN_STROKE_PX:
        return None
    strip = strip[:usable]
    floor = upper_median(np.minimum(strip[:, :OUTER_COLUMNS].mean(1), strip[:, -OUTER_COLUMNS:].mean(1)))
    core = strip[:, MIDDLE_COLUMNS].mean(1) - floor
    extent = measure_extent(core, sight.noise)
    if extent.length < MIN_STROKE_PX:
        return None
    if not extent.period:
        if (core[: int(extent.length)] > 2 * (extent.level + sight.noise)).mean() > MAX_DARKER:
            return None
        if (core[:TAIL_PX] > THERE_SHARE * extent.level).mean() < MIN_TAIL_SHARE:
            return None
    return _Course(strip, floor, core, extent)


def _correct(course: _Course) -> Reals | None:
    """What has to be added to the path's coefficients for it to run in the middle of the stroke; None where unknown."""
    length, level = course.extent.length, course.extent.level
    count = int(length) // CHUNK_PX
    profile = course.strip.T[:, : count * CHUNK_PX].reshape(-1, count, CHUNK_PX).mean(2).T - course.floor
    middle = (np.arange(count) + 0.5) * CHUNK_PX
    reach = max(MIN_REACH_PX, *measure_reach(profile, level)) if length >= LONE_PX else MIN_REACH_PX
    weight = np.maximum(profile - GROUND_SHARE * level, 0) * (np.abs(OFFSETS) <= reach + 0.5)
    total = weight.sum(1)
    heavy = total > FOUND_WEIGHT * level
    if np.count_nonzero(heavy) < MIN_CHUNKS:
        return None
    return _fit_course(-middle[heavy], (weight * OFFSETS).sum(1)[heavy] / total[heavy])


def _fit_course(t: Reals, shift: Reals) -> Reals:
    """Correction of a path as polynomial coefficients (c2, c1, c0); bent only where that fits clearly better."""
    middle = upper_median(shift)
    kept = np.abs(shift - middle) < NEAR_PX
    if np.count_nonzero(kept) < MIN_OFFSETS:
        return np.array([0, 0, middle])
    line, misfit = fit_polynomial(t[kept], shift[kept], 1)
    if np.ptp(t[kept]) > BENT_PX:
        bent, bent_misfit = fit_polynomial(t[kept], shift[kept], 2)
        bend_px = abs(bent[0]) * np.ptp(t[kept]) ** 2 / 4
        if bent_misfit < BENT_GAIN * misfit - BENT_SPARE_PX and bend_px > MIN_BEND_PX:
            return bent
    return np.concatenate([[0.0], line])


def _looks_like_a_rule(course: _Course, noise: float) -> bool:
    """Whether a stroke is even, narrow and dark: what is dark to both sides is print."""
    count, level = int(course.extent.length), course.extent.level
    stroke, likeness = course.stroke, course.extent.likeness if course.extent.period else 0
    if not is_even(stroke, course.core[:count], level, likeness, noise):
        return False
    across = np.sort(stroke, axis=0)[count // 2]
    if min(across[:BROAD_COLUMNS].mean(), across[-BROAD_COLUMNS:].mean()) > MAX_BROAD_SHARE * level:
        return False
    return level >= max(CORE_LEVELS, CORE_NOISES * noise)


def _runs_along_the_rim(sight: Sight, u_end: int, path: Reals, length: float) -> bool:
    """Whether a stroke stays beside the hole: the rim of the occluder does, a rule leads away from it."""
    t = np.arange(0.0, min(TRACE_PX, u_end + 1))[int(min(LEAVE_RIM_PX, length / 2)) : int(length)]
    row = np.clip(np.rint(np.polyval(path, -t)), 0, len(sight.hole) - 1).astype(int)
    return bool(len(t) and sight.beside[row, np.rint(u_end - t).astype(int)].mean() > MAX_RIM_SHARE)


def _measure_way_to_hole(sight: Sight, u_end: int, path: Reals) -> float:
    """Pixels from the row in which it was sought to where the path itself meets the hole, 0 where it does not."""
    height, width = sight.hole.shape
    ahead = np.arange(0.0, min(GRAZE_PX, width - 1 - u_end) + 1)
    row = np.clip(np.rint(np.polyval(path, ahead)), 0, height - 1).astype(int)
    met = np.flatnonzero(sight.hole[row, (u_end + ahead).astype(int)])
    return float(max(0, met[0] - 1)) if len(met) else 0.0
