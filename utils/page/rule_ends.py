"""Ends of rules: where the straight or gently bent lines of tables, forms and ruled paper meet a hole.

Dark rows before the hole are candidates, most of which are text. Those worth it are followed back along their course
and kept where they look like a rule all along. Only lying rules that meet the hole at larger `u` are looked for: all
others are such rules of the transposed or mirrored picture.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from utils.arrays import Floats, Indices, Mask, Reals
from utils.page.cells import area_around
from utils.page.rule import HALF_PX, STRONG_PX, TRACE_PX, End, Sight, fit_polynomial
from utils.page.rule_follow import MAX_SLOPE, Starts, choose_worth_following, follow, read_straight_courses

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
FLOOR_STEP = 16  # the usual darkness is that of one row of so many
MAX_ROWS = 1200  # dark rows looked at in each direction, the darkest first
SEARCH_BLOCKS = 12  # a direction is judged over so many blocks
MIN_BLOCKS = 3  # a direction of which less is seen is none
SLOPE_STEP = 0.012  # between the directions that are tried
FLANK_PX = 9  # a dark row is compared with the rows so far beside it
FLANK_GAIN = 2.0  # what stands clear of its flanks counts so many times, up to its darkness
CROWDED_GAIN = 0.3  # share of its darkness that counts where it does not stand clear: text
UNEVEN_COST = 0.4  # standard deviation along a direction that is taken off its mean darkness: text comes and goes
MIN_SCORE_SHARE = 0.7  # of the threshold for dark rows
MAX_CANDIDATES = 120  # rows followed; a page of dense text has more, but no rules among the rest
TAKEN_ROWS, TAKEN_BLOCKS = 2, 3  # rows and blocks around a candidate that are not followed again

# Whether two ends are one rule.
SAME_U_PX = 40.0  # they meet the hole so near each other along the rule
SAME_V_PX = 5.0  # they lie so near each other across it, at the hole or `SAME_BACK_PX` before it
SAME_BACK_PX = 24.0  # candidates of one rule may differ in direction


def find_ends(sights: Sequence[Sight]) -> list[list[End]]:
    """For each family's view the ends of rules at both sides of the hole, of those whose direction fits the others'."""
    areas = [_area_of_ends(sight) for sight in sights]
    near = [sight.within(area) for sight, area in zip(sights, areas, strict=True)]
    ends_by_view = _find_ends_before([view for sight in near for view in (sight, sight.mirrored())])
    families = []
    for (rows, columns), ends, mirrored in zip(areas, ends_by_view[::2], ends_by_view[1::2], strict=True):
        last = columns.stop - columns.start - 1
        behind = (replace(end, u=last - end.u, slope=-end.slope, side=-1) for end in mirrored)
        moved = [replace(end, u=end.u + columns.start, v=end.v + rows.start) for end in (*ends, *behind)]
        families.append(_drop_strays(moved))
    return families


def _area_of_ends(sight: Sight) -> tuple[slice, slice]:
    """The rows and columns in which a view is looked at: what is farther from the hole than a trace tells nothing."""
    rows, columns = area_around(sight.hole.view(bool), TRACE_PX + 2 * HALF_PX)
    width = sight.hole.shape[1]
    # Whole blocks lie beyond it on both sides.
    stop = min(width, columns.stop + (width - columns.stop) % BLOCK_PX)
    return rows, slice(columns.start // BLOCK_PX * BLOCK_PX, stop)


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


def _find_ends_before(sights: Sequence[Sight]) -> list[list[End]]:
    """For each view the ends of rules that meet the hole at larger u."""
    starts, rough = _list_starts(sights)
    if not rough:
        return [[] for _ in sights]
    courses = read_straight_courses(sights, starts)
    rows = choose_worth_following(courses, starts, sights[0].noise)
    ends_by_sight: list[list[End]] = [[] for _ in sights]
    for row, end in zip(rows.tolist(), follow(sights, starts.chosen(rows), courses.chosen(rows)), strict=True):
        ends = ends_by_sight[int(starts.view[row])]
        if end is not None and not any(_are_one(rough[row], other) or _are_one(end, other) for other in ends):
            ends.append(end)
    return ends_by_sight


def _list_starts(sights: Sequence[Sight]) -> tuple[Starts, list[End]]:
    """Where the candidates of all views are followed from, and what each is taken for before that."""
    starts, rough = [], []
    for number, sight in enumerate(sights):
        v, block, slope = _find_candidates(sight)
        # Each begins at the last pixel of its row before the hole, which the next block meets.
        start = (block + 1) * BLOCK_PX
        u = start + sight.hole[v[:, None], start[:, None] + np.arange(BLOCK_PX)].argmax(axis=1) - 1
        starts.append(Starts(np.full(len(v), number), u, v + slope * (u - (block + 0.5) * BLOCK_PX), slope))
        middle = v + slope * BLOCK_PX / 2
        rough += [End(*place, 1, 0, 0) for place in zip(start.tolist(), middle.tolist(), slope.tolist(), strict=True)]
    return Starts(*(np.concatenate(values) for values in zip(*starts, strict=True))), rough


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
    back = np.arange(SEARCH_BLOCKS)
    fall = np.rint(slopes * BLOCK_PX * back[:, None]).astype(np.intp)
    # Beyond the window nothing is dark.
    above, before = int(fall.max()), SEARCH_BLOCKS - 1
    padding = above, above, before, 0
    padded = cv2.copyMakeBorder(clear, *padding, cv2.BORDER_CONSTANT, value=0)
    seen = cv2.copyMakeBorder(visible.view(np.uint8), *padding, cv2.BORDER_CONSTANT, value=0)
    width = padded.shape[1]
    first = (v + above) * width + block + before
    known = np.logical_and.accumulate(seen.ravel()[first[:, None] - back], axis=1)
    total, squares = np.zeros((2, len(v), len(slopes)), np.float32)
    for step in range(SEARCH_BLOCKS):
        here = padded.ravel()[first[:, None] - (fall[step] * width + step)] * known[:, step, None]
        total += here
        squares += here**2
    counts = np.count_nonzero(known, axis=1)[:, None].astype(np.float32)
    mean = total / np.maximum(counts, 1)
    variance = squares / np.maximum(counts, 1) - mean**2
    return np.where(counts < MIN_BLOCKS, 0, mean - UNEVEN_COST * np.sqrt(np.maximum(variance, 0)))
