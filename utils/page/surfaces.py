"""Which cells of a window belong to one surface: the page, a desk, a second page, a tinted box.

Surfaces meet at sharp borders, light falls off slowly. The constants were chosen on the drawn pages of
`benchmarks/structure.py`, on photographs with pasted occluders (`benchmarks/restoration.py`) and on drawn photos with
shadows (`synthesize.py`).
"""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Labels, Mask, Plane
from utils.blend import spread
from utils.page.cells import CELL_PX, fill_with_nearest, grow, mean_channel, strongest
from utils.page.light import SHADOW_CELLS

STEP_LEVELS = 14.0  # change over two cells that parts two surfaces; light falls off far more slowly
SHADED_STEP_LEVELS = 8.0  # change that parts page and desk in the occluder's shadow, which weakens their border
LEAK_CELLS = 480  # smallest part that such a weak border may part from the page
ACROSS_HOLE_LEVELS = 22.0  # parts of one surface on both sides of a hole differ less: light falls off
COMPARED_CELLS = 6  # so near the hole the colours of both sides are compared
TOUCH_CELLS = 3  # surfaces so near each other touch
MAX_TOUCHING_CELLS = 6  # surfaces that touch in more cells than this, away from the hole, are not one
MAX_SURFACES = 24  # more are a pattern; a number must fit a byte
SURFACE_CELLS = 48  # smaller surfaces are things on a larger one
DESK_LEVELS = 40.0  # a patterned desk is so much darker than the page
DESK_ROUGH_SHARE = 0.3  # least share of a patterned desk that is in no surface, being rough
DESK_EDGE_CELLS = 6  # a patterned desk reaches the edge of the window with so many cells
OUTSIDE_SHARE = 0.5  # of a surface's visible cells lie beside the page if it is no page
ROUGH_LEVELS = 2.0  # on a surface without texture half of the pixels are darker by at most so much: print is sparse
PICTURE_BARE_SHARE = 0.08  # of a printed picture's pixels look like bare paper at most; of the densest text 0.13 do


def number_surfaces(closed: Image, hidden: Mask) -> Labels:
    """Number the surfaces of a window from 1; hidden cells get the number of the nearest visible one.

    Args:
        closed: `(rows, columns, 3)` uint8, the cells without ink.
        hidden: `(rows, columns)`, True where the hole takes a part of the cell.
    """
    if hidden.all():
        return np.ones(hidden.shape, np.int32)
    step = _measure_steps(spread(closed.astype(np.float32), (~hidden).astype(np.float32)))
    borders = (step >= STEP_LEVELS) & ~hidden
    _, numbers = cv2.connectedComponents((~(borders | hidden)).astype(np.uint8), connectivity=4)
    numbers = _part_from_desk(numbers, borders, step, closed, hidden)
    areas = np.bincount(numbers.ravel())
    kept = [number for number in range(1, len(areas)) if areas[number] >= SURFACE_CELLS][:MAX_SURFACES]
    order = np.zeros(len(areas), np.int32)
    order[kept] = np.arange(1, len(kept) + 1)
    numbers = _add_patterned_desks(order[numbers], closed, hidden)
    if numbers.max() < 2:
        return np.ones(hidden.shape, np.int32)
    return fill_with_nearest(_join_across_hole(numbers, closed, hidden))


def _measure_steps(values: Floats) -> Floats:
    """Largest change of a colour from the cell before to the cell after, down or across: `(rows, columns)`."""
    step = np.zeros(values.shape[:2], np.float32)
    for axis in (0, 1):
        if values.shape[axis] > 2:
            before, middle, after = ([slice(None), slice(None)] for _ in range(3))
            before[axis], middle[axis], after[axis] = slice(None, -2), slice(1, -1), slice(2, None)
            change = strongest(cv2.absdiff(values[tuple(before)], values[tuple(after)]))
            step[tuple(middle)] = np.maximum(step[tuple(middle)], change)
    return step


def _part_from_desk(numbers: Labels, borders: Mask, step: Floats, closed: Image, hidden: Mask) -> Labels:
    """Part the page from a desk that it runs out to beside the hole, where a shadow makes the border between them weak.

    Args:
        numbers: `(rows, columns)`, the parts that the borders leave, 0 on these.
        borders: cells with a step large enough for one.
        step: of every cell, in levels.
        closed, hidden: as for `number_surfaces`.
    """
    page = int(np.bincount(numbers.ravel(), np.square(mean_channel(closed)).ravel() * (numbers > 0).ravel()).argmax())
    weak = grow(hidden, SHADOW_CELLS) & ~hidden & (step >= SHADED_STEP_LEVELS)
    _, lines = cv2.connectedComponents((borders | weak).astype(np.uint8), connectivity=8)
    begins_strong = np.zeros(int(lines.max()) + 1, bool)  # a weak border goes on from one that is none
    begins_strong[lines[borders]] = True
    page_cells = ((numbers == page) & ~(weak & begins_strong[lines])).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(page_cells, connectivity=4)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= LEAK_CELLS]
    if len(large) < 2:
        return numbers
    return np.where(numbers == page, np.where(parts > 0, numbers.max() + parts, 0), numbers).astype(np.int32)


def _add_patterned_desks(numbers: Labels, closed: Image, hidden: Mask) -> Labels:
    """Add what is patterned, a desk or a carpet, and therefore fell into small pieces, as surfaces of their own.

    It is much darker than the page and reaches the edge of the window; what is dark on the page does not.
    """
    count = int(numbers.max())
    light = mean_channel(closed)
    shares = np.bincount(numbers.ravel(), np.square(light / 255).ravel() * (~hidden).ravel(), minlength=count + 1)
    if count < 1 or len(shares) < 2:
        return numbers
    page = int(shares[1:].argmax()) + 1
    dark = (light < np.median(light[numbers == page]) - DESK_LEVELS) & (numbers != page) & ~hidden
    dark_cells = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    pieces, parts, stats, _ = cv2.connectedComponentsWithStats(dark_cells, connectivity=8)
    result = numbers.copy()
    for piece in range(1, pieces):
        desk = parts == piece
        at_edge = sum(int(np.count_nonzero(line)) for line in (desk[0], desk[-1], desk[:, 0], desk[:, -1]))
        area = int(stats[piece, cv2.CC_STAT_AREA])
        patterned = np.count_nonzero(numbers[desk] == 0) > DESK_ROUGH_SHARE * area
        if area >= SURFACE_CELLS and at_edge >= DESK_EDGE_CELLS and patterned and count < MAX_SURFACES:
            count += 1
            result[desk] = count
    table = np.zeros(count + 1, np.int32)
    remaining = np.unique(result[result > 0])  # smaller pieces may be wholly taken
    table[remaining] = np.arange(1, len(remaining) + 1)
    return table[result]


def _join_across_hole(numbers: Labels, closed: Image, hidden: Mask) -> Labels:
    """Join surfaces that only the hole keeps apart: alike beside it, and without a border between them elsewhere."""
    count = int(numbers.max())
    near_hole = grow(hidden, COMPARED_CELLS)
    grown = [grow(numbers == number, TOUCH_CELLS) for number in range(count + 1)]
    colours = {}
    for number in range(1, count + 1):
        cells = (numbers == number) & near_hole
        if cells.any():
            colours[number] = np.median(closed[cells], axis=0)
    touching = np.zeros((count + 1, count + 1), bool)
    pairs = []
    for one in range(1, count + 1):
        for two in range(one + 1, count + 1):
            touching[one, two] = np.count_nonzero(grown[one] & grown[two] & ~near_hole) > MAX_TOUCHING_CELLS
            if one in colours and two in colours:
                pairs.append((float(np.abs(colours[one] - colours[two]).max()), one, two))
    touching |= touching.T
    joined = np.arange(count + 1)
    for difference, one, two in sorted(pairs):  # the most alike first: rows of a table alternate
        group_one, group_two = joined == joined[one], joined == joined[two]
        if difference < ACROSS_HOLE_LEVELS and not touching[np.ix_(group_one, group_two)].any():
            joined[group_two] = joined[one]
    _, joined = np.unique(joined, return_inverse=True)
    return joined.astype(np.int32)[numbers]


def choose_page(surface: Labels, mean: Floats, share: Floats) -> int:
    """Number of the surface that is most likely the page: large and bright.

    Args:
        surface: `(rows, columns)`, the numbers.
        mean: `(rows, columns, 3)`, colour of each cell in levels.
        share: `(rows, columns)`, how much of each cell is bare.
    """
    weight = np.where(share > 0, (mean_channel(mean) / 255) ** 2, 0)
    sums = np.bincount(surface.ravel(), weight.ravel(), minlength=2)
    return int(sums[1:].argmax()) + 1


def find_grounds(surface: Labels, off_page: Mask | None, hidden: Mask) -> tuple[int, ...] | None:
    """Numbers of the surfaces that are no page, as the finder sees it; None where it cannot tell.

    Args:
        surface, hidden: `(rows, columns)`, the numbers; where the hole takes a part of the cell.
        off_page: `(h, w)` bool, where there is no page; None where nobody knows.
    """
    if off_page is None:
        return None
    middle = slice(CELL_PX // 2, None, CELL_PX)
    cells = np.zeros(surface.shape, bool)
    beside_cells = off_page[middle, middle]
    cells[: beside_cells.shape[0], : beside_cells.shape[1]] = beside_cells
    return tuple(n for n, outside in _means_of_each(surface, cells, hidden).items() if outside > OUTSIDE_SHARE)


def find_pictures(surface: Labels, share: Floats, hidden: Mask) -> tuple[int, ...]:
    """Numbers of the surfaces that show next to no bare paper; print lies on paper.

    Args:
        surface, hidden: as in `find_grounds`.
        share: `(rows, columns)`, how much of each cell is bare.
    """
    return tuple(n for n, bare in _means_of_each(surface, share, hidden).items() if bare < PICTURE_BARE_SHARE)


def _means_of_each(surface: Labels, values: Mask | Floats, hidden: Mask) -> dict[int, float]:
    """By number of each surface that is seen: the mean of its visible cells, of `(rows, columns)` values."""
    numbers = surface[~hidden]
    count, total = np.bincount(numbers), np.bincount(numbers, values[~hidden])
    return {n: float(total[n] / count[n]) for n in np.flatnonzero(count).tolist()}


def find_textured(surface: Labels, darkness: Plane, covered: Plane, page: int) -> tuple[int, ...]:
    """Numbers of the surfaces besides the page that have a texture, seen in the middle pixel of each cell.

    Args:
        surface: `(rows, columns)`, the numbers.
        darkness: `(h, w)` uint8, levels below what is lightest around.
        covered: `(h, w)` uint8, 1 in the hole.
        page: number of the page.
    """
    middle = slice(CELL_PX // 2, None, CELL_PX)
    dark, visible = darkness[middle, middle], covered[middle, middle] == 0
    others = [number for number in range(1, int(surface.max()) + 1) if number != page]
    levels = {number: dark[visible & (surface == number)] for number in others}
    return tuple(number for number in others if levels[number].size and np.median(levels[number]) > ROUGH_LEVELS)
