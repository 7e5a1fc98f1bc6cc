"""What colour the bare paper has everywhere, below ink and below a hole, and where the paper ends.

Bare paper is measured on cells of `CELL_PX` pixels from visible pixels without ink and continued into the hole as a
low-order trend plus a membrane. Surfaces that meet at a sharp border (page and desk, two pages, a tinted box) are
told apart, each is continued on its own, and the border between them is continued as a straight line.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Labels, Mask, Plane, Points
from utils.blend import spread

CELL_PX = 8  # side of a measuring cell: noise averages out, light hardly changes
CLOSE_PX = 44  # dark things narrower than this are ink on the surface, not a surface of their own
INK_LEVELS = 8.0  # least darkness of ink below the paper around it, of 255
INK_NOISES = 2.5  # ... and in standard deviations of the noise; 3 by 3 means are compared
ROUGH_LEVELS = 2.0  # on a surface without texture half of the pixels are darker by at most so much: print is sparse
INK_RIM_PX = 7  # the blurred rim of a stroke still darkens the paper: pixels so near ink are left out (diameter)
STEP_LEVELS = 14.0  # change over two cells that parts two surfaces; light falls off far more slowly
SHADED_STEP_LEVELS = 8.0  # ... in the occluder's shadow, where that parts two ...
LEAK_CELLS = 480  # ... of at least so many cells
ALIKE_LEVELS = 22.0  # parts of one surface on both sides of a hole differ less: light falls off
TOUCHING_CELLS = 6
MAX_SURFACES = 24
SURFACE_CELLS = 48  # smaller surfaces are things on a larger one
DESK_LEVELS = 40.0  # a patterned desk is so much darker than the page ...
DESK_ROUGH_SHARE = 0.3  # ... this share of it at least is not smooth ...
DESK_EDGE_CELLS = 6  # ... and it reaches the edge of the window
BORDER_REACH_CELLS = 45  # how far back a border is followed to learn its direction
BORDER_SIDES_PX = 16, 24  # it is looked for so far to both sides of its cells, which may miss it by more than two ...
BORDER_SIDE_PX = 10  # ... and measured with what lies so near
DARK_CELLS = 3  # so near the hole a surface is not continued from cells that are ...
DARK_LEVELS = 5.0  # ... so much darker than expected
SHADOW_CELLS = 10  # so near the hole the occluder's shadow may lie
RIM_CELLS = 2.5  # beside the hole, where a shadow is deepest ...
SHADOW_SHARE = 0.05  # ... and takes at least this share of the light on average ...
FEWEST_SHADED = 25  # ... from so many cells at least; what is smaller is a fold, or ink that was missed
FAINTEST_SHADOW = 0.01  # where it takes less than this it ends
DEEPEST_SHADOW = 0.5  # what is darker is something else
RELAXATIONS = 60  # membrane steps after the pull-push fill, which alone shows its pyramid
MAX_TURN = 0.1  # radians between a border's direction and the way to where it comes out again ...
STEP_DOUBT_PX = 20.0  # ... and what that direction is in doubt by, times the length it was measured over
RIM_PX = 160  # a continued border is drawn at most so far on to reach the rim of the hole
VOTE_PX = 24  # surfaces so near the hole may be continued in it
VOTE_LEVELS = 30.0  # a pixel farther from every tone is print or pattern
BORDER_SOFT_PX = 1.2  # blur (standard deviation) of a border between surfaces, as a lens and a sensor give


@dataclass(frozen=True)
class Paper:
    """The bare surfaces of a window.

    Attributes:
        tone: `(h, w, 3)` float32 in [0, 255], the colour without ink, hole included.
        bare: `(h, w)` bool, visible pixels without ink and away from it.
        surface: `(h, w)` uint8, number of the surface (from 1), hole included; all 1 where there is only one.
        page: the number of the surface that is most likely the page.
        rough: numbers of the surfaces with a texture, such as desks; a tinted row with print on it has none.
        borders: each continued border as `(n, 2)` float64 points (x, y) inside the hole.
        noise: standard deviation of the grain on bare paper, in levels.
        light: `(rows, columns, 3)` float32, by cells of `CELL_PX`: 1 divided by the share of the light that the
            occluder's shadow leaves there; 1 where there is no shadow.
    """

    tone: Floats
    bare: Mask
    surface: Plane
    page: int
    rough: tuple[int, ...]
    borders: list[Points]
    noise: float
    light: Floats


@dataclass(frozen=True)
class _Entry:
    """A border between two surfaces that runs into the hole at `point` in the unit direction `heading` (x, y).

    `length` is how far it was followed, in pixels.
    """

    point: Points
    heading: Points
    length: float
    surfaces: tuple[int, int]


def measure_paper(window: Image, hole: Mask) -> Paper:
    """Measure the bare paper around a hole and continue it across.

    Args:
        window: `(h, w, 3)` uint8 BGR; what it shows inside the hole is not looked at.
        hole: `(h, w)` bool, not True everywhere.
    """
    height, width = hole.shape
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    padding = (0, rows * CELL_PX - height, 0, columns * CELL_PX - width)
    padded = cv2.copyMakeBorder(window, *padding, cv2.BORDER_REPLICATE)
    covered = cv2.copyMakeBorder(hole.astype(np.uint8), *padding, cv2.BORDER_REPLICATE)
    cells = columns, rows

    closed = _closed(padded, covered, 2 * columns, 2 * rows)
    noise = _noise_of(padded, covered)
    lightest = cv2.resize(closed, (columns * CELL_PX, rows * CELL_PX), interpolation=cv2.INTER_LINEAR)
    darkness = strongest(cv2.subtract(lightest, cv2.blur(padded, (3, 3))))
    ink = (darkness > max(INK_LEVELS, INK_NOISES * noise)).astype(np.uint8)
    ink = cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (INK_RIM_PX, INK_RIM_PX)))
    bare = ((ink | covered) == 0).astype(np.uint8)
    if not bare.any():
        bare = 1 - covered

    hidden = cv2.resize(covered * 255, cells, interpolation=cv2.INTER_AREA).reshape(rows, columns) > 0
    surface = _surfaces(cv2.resize(closed, cells, interpolation=cv2.INTER_AREA).reshape(rows, columns, 3), hidden)
    share, mean = _cell_means(padded, bare, cells)
    count = int(surface.max())
    page = _page_of(surface, mean, share)
    rough = _rough(surface, darkness, covered, page)
    if rough:  # what is dark there is texture and no ink: every visible pixel is theirs
        visible_share, visible_mean = _cell_means(padded, 1 - covered, cells)
        other = np.isin(surface, rough)
        share[other], mean[other] = visible_share[other], visible_mean[other]

    shares = {}
    for number in range(1, count + 1):
        own = surface == number
        if count > 1:
            # Cells at a border hold both surfaces.
            eroded = cv2.erode(own.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
            own = eroded if eroded.any() else own
        shares[number] = np.where(own, share, 0)
    light = _light(mean, shares[page], hidden)
    lit = strongest(light) <= 1
    tones = [_continued(mean, own * lit, hidden) for own in shares.values()]
    bare_pixels = bare[:height, :width].astype(bool)

    if count == 1:
        tone = enlarged(tones[0], (slice(0, height), slice(0, width)))
        return Paper(tone, bare_pixels, np.ones(hole.shape, np.uint8), 1, (), [], noise, light)

    pixels = np.repeat(np.repeat(surface, CELL_PX, 0), CELL_PX, 1)[:height, :width].astype(np.uint8)
    area = area_around(hole, 2 * CELL_PX)
    tone = np.empty((height, width, 3), np.float32)
    for number in range(1, count + 1):
        own = area_around(pixels == number, 0)
        cv2.copyTo(enlarged(tones[number - 1], own), (pixels[own] == number).astype(np.uint8), tone[own])
    near = np.unique(pixels[area_around(hole, VOTE_PX)]).tolist()
    inside = {number: enlarged(tones[number - 1], area) for number in near}
    borders = _join(_entries(window, surface, hidden, tones), hole, page)
    pixels[area] = _partition(window[area], inside, pixels[area], hole[area], borders, area)
    # Soft borders in the hole only: outside, nothing is drawn.
    soft = np.zeros_like(tone[area])
    for number, values in inside.items():
        part = cv2.GaussianBlur((pixels[area] == number).astype(np.float32), (0, 0), BORDER_SOFT_PX)
        soft += part[..., None] * values
    tone[area] = soft
    return Paper(tone, bare_pixels, pixels, page, rough, borders, noise, light)


def _closed(window: Image, covered: Plane, width: int, height: int) -> Image:
    """The window at cells of half the side with everything dark and narrow filled up; 0 deep in the hole."""
    small = cv2.resize(window, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, 3)
    hidden = cv2.resize(covered * 255, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width) > 0
    small[hidden] = 0
    side = CLOSE_PX // (CELL_PX // 2) | 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    # Closing picks the light side of the noise; where nothing was filled up, that is all the difference.
    lift = cv2.subtract(closed, small)
    low = (strongest(lift) < INK_LEVELS) & ~hidden
    count = np.count_nonzero(low)
    usual = [float(np.partition(channel[low], count // 2)[count // 2]) if count else 0.0 for channel in cv2.split(lift)]
    return cv2.subtract(closed, (*usual, 0.0))


def strongest(channels: AnyArray) -> AnyArray:
    """The largest of three channels: `(h, w, 3)` → `(h, w)` of the same type; NumPy takes ten times as long."""
    blue, green, red = cv2.split(channels)
    return cv2.max(cv2.max(blue, green), red)


def _noise_of(window: Image, covered: Plane) -> float:
    """Standard deviation of the grain, from differences of pixels two apart (strokes are a small share of them)."""
    green = np.ascontiguousarray(window[::3, :, 1])
    both = (covered[::3, 2:] | covered[::3, :-2]) == 0
    if not both.any():
        return 1.0
    steps = cv2.absdiff(green[:, 2:], green[:, :-2])[both]
    # A histogram median between whole levels: plain medians of rounded values jump by a level.
    counts = np.cumsum(np.bincount(steps, minlength=4))
    half = counts[-1] / 2
    level = int(np.searchsorted(counts, half))
    below = counts[level - 1] if level else 0
    median = level - 0.5 + (half - below) / max(counts[level] - below, 1) if level else 0.5 * half / max(counts[0], 1)
    return float(np.clip(1.4826 * median / np.sqrt(2), 0.3, 20))


def _cell_means(window: Image, weight: Plane, cells: tuple[int, int]) -> tuple[Floats, Floats]:
    """Share of the weighted pixels in each cell `(rows, columns)`, and their mean colour `(rows, columns, 3)`."""
    columns, rows = cells
    share = cv2.resize(weight * 255, cells, interpolation=cv2.INTER_AREA).reshape(rows, columns) / np.float32(255)
    chosen = cv2.bitwise_and(window, window, mask=weight)
    # Sums of the rows of a cell first: no float copy of the window.
    sums = np.zeros((rows, columns * CELL_PX, 3), np.float32)
    for row in range(CELL_PX):
        cv2.accumulate(chosen[row::CELL_PX], sums)
    sums = cv2.resize(sums, cells, interpolation=cv2.INTER_AREA).reshape(rows, columns, 3) * CELL_PX
    counts = np.rint(share * CELL_PX**2)
    return share, sums / np.maximum(counts, 1)[..., None]


def _surfaces(closed: Image, hidden: Mask) -> Labels:
    """Number the surfaces of the visible cells from 1; hidden cells get the number of the nearest visible one."""
    if hidden.all():
        return np.ones(hidden.shape, np.int32)
    values = spread(closed.astype(np.float32), (~hidden).astype(np.float32))
    step = np.zeros(hidden.shape, np.float32)
    for axis in (0, 1):
        if values.shape[axis] > 2:
            before, middle, after = ([slice(None), slice(None)] for _ in range(3))
            before[axis], middle[axis], after[axis] = slice(None, -2), slice(1, -1), slice(2, None)
            change = strongest(cv2.absdiff(values[tuple(before)], values[tuple(after)]))
            step[tuple(middle)] = np.maximum(step[tuple(middle)], change)
    borders = (step >= STEP_LEVELS) & ~hidden
    _, numbers = cv2.connectedComponents((~(borders | hidden)).astype(np.uint8), connectivity=4)
    numbers = _without_leak(numbers, borders, step, closed, hidden)
    areas = np.bincount(numbers.ravel())
    count = len(areas)
    kept = [n for n in range(1, count) if areas[n] >= SURFACE_CELLS][:MAX_SURFACES]
    order = np.zeros(count, np.int32)
    order[kept] = np.arange(1, len(kept) + 1)
    smooth = _with_desk(order[numbers], closed, hidden)
    if smooth.max() < 2:
        return np.ones(hidden.shape, np.int32)
    return _nearest(_merged(smooth, closed, hidden))


def _without_leak(
    numbers: Labels,
    borders: Mask,
    step: Floats,
    closed: Image,
    hidden: Mask,
) -> Labels:
    """Part the page from a desk that it runs out to beside the hole, where a shadow makes the border between them weak.

    Args:
        numbers: `(rows, columns)`, the parts that the borders leave, 0 on these.
        borders: cells with a step large enough for one.
        step: of every cell, in levels.
        closed, hidden: as for `_surfaces`.
    """
    page = int(np.bincount(numbers.ravel(), np.square(closed.mean(axis=2)).ravel() * (numbers > 0).ravel()).argmax())
    reach = 2 * SHADOW_CELLS + 1
    near = cv2.dilate(hidden.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    weak = near & ~hidden & (step >= SHADED_STEP_LEVELS)
    _, lines = cv2.connectedComponents((borders | weak).astype(np.uint8), connectivity=8)
    begun = np.zeros(int(lines.max()) + 1, bool)  # a weak border goes on from one that is none
    begun[lines[borders]] = True
    apart = ((numbers == page) & ~(weak & begun[lines])).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(apart, connectivity=4)
    large = [part for part in range(1, count) if stats[part, cv2.CC_STAT_AREA] >= LEAK_CELLS]
    if len(large) < 2:
        return numbers
    return np.where(numbers == page, np.where(parts > 0, numbers.max() + parts, 0), numbers).astype(np.int32)


def _with_desk(numbers: Labels, closed: Image, hidden: Mask) -> Labels:
    """Add what is patterned, a desk or a carpet, and therefore fell into small pieces, as surfaces of their own.

    It is much darker than the page and reaches the edge of the window; what is dark on the page does not.
    """
    count = int(numbers.max())
    light = closed.mean(axis=2)
    shares = np.bincount(numbers.ravel(), np.square(light / 255).ravel() * (~hidden).ravel(), minlength=count + 1)
    if count < 1 or len(shares) < 2:
        return numbers
    page = int(shares[1:].argmax()) + 1
    dark = (light < np.median(light[numbers == page]) - DESK_LEVELS) & (numbers != page) & ~hidden
    dark_cells = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    pieces, parts, stats, _ = cv2.connectedComponentsWithStats(dark_cells, connectivity=8)
    result = numbers.copy()
    for piece in range(1, pieces):
        own = parts == piece
        at_edge = sum(int(np.count_nonzero(line)) for line in (own[0], own[-1], own[:, 0], own[:, -1]))
        area = int(stats[piece, cv2.CC_STAT_AREA])
        patterned = np.count_nonzero(numbers[own] == 0) > DESK_ROUGH_SHARE * area
        if area >= SURFACE_CELLS and at_edge >= DESK_EDGE_CELLS and patterned and count < MAX_SURFACES:
            count += 1
            result[own] = count
    table = np.zeros(count + 1, np.int32)
    left = np.unique(result[result > 0])  # smaller pieces may be wholly taken
    table[left] = np.arange(1, len(left) + 1)
    return table[result]


def _merged(numbers: Labels, closed: Image, hidden: Mask) -> Labels:
    """Join surfaces that only the hole keeps apart: alike beside it, and without a border between them elsewhere."""
    count = int(numbers.max())
    reach = cv2.dilate(hidden.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    seen = [
        cv2.dilate((numbers == number).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0 for number in range(count + 1)
    ]
    colour = {}
    for number in range(1, count + 1):
        beside = (numbers == number) & reach
        if beside.any():
            colour[number] = np.median(closed[beside], axis=0)
    touching = np.zeros((count + 1, count + 1), bool)
    pairs = []
    for one in range(1, count + 1):
        for two in range(one + 1, count + 1):
            touching[one, two] = np.count_nonzero(seen[one] & seen[two] & ~reach) > TOUCHING_CELLS
            if one in colour and two in colour:
                pairs.append((float(np.abs(colour[one] - colour[two]).max()), one, two))
    touching |= touching.T
    joined = np.arange(count + 1)
    for apart, one, two in sorted(pairs):  # the most alike first: rows of a table alternate
        mine, other = joined == joined[one], joined == joined[two]
        if apart < ALIKE_LEVELS and not touching[np.ix_(mine, other)].any():
            joined[other] = joined[one]
    _, joined = np.unique(joined, return_inverse=True)
    return joined.astype(np.int32)[numbers]


def _nearest(numbers: Labels) -> Labels:
    """Replace every 0 by the nearest other number."""
    _, index = cv2.distanceTransformWithLabels(
        (numbers == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(index.max()) + 1, np.int32)
    table[index[numbers > 0]] = numbers[numbers > 0]
    return table[index]


def _page_of(surface: Labels, mean: Floats, share: Floats) -> int:
    """The surface that is large and bright."""
    weight = np.where(share > 0, (mean.mean(axis=2) / 255) ** 2, 0)
    sums = np.bincount(surface.ravel(), weight.ravel(), minlength=2)
    return int(sums[1:].argmax()) + 1


def _rough(surface: Labels, darkness: Plane, covered: Plane, page: int) -> tuple[int, ...]:
    """Numbers of the surfaces besides the page that have a texture."""
    few = slice(CELL_PX // 2, None, CELL_PX)
    dark, visible = darkness[few, few], covered[few, few] == 0
    others = [number for number in range(1, int(surface.max()) + 1) if number != page]
    own = {number: dark[visible & (surface == number)] for number in others}
    return tuple(number for number, levels in own.items() if levels.size and np.median(levels) > ROUGH_LEVELS)


def _continued(mean: Floats, share: Floats, hidden: Mask) -> Floats:
    """Colour of one surface on every cell, from its cells weighted by `share`."""
    weight = np.where((share > 0.08) & ~hidden, share, 0).astype(np.float32)
    if not weight.any():  # no cell is wholly visible: what is seen of each has to do
        weight = share.astype(np.float32)
    # Cells at the hole that are darker than what those further out lead to expect: its shadow, or the edge of a thing.
    beside = cv2.dilate(hidden.astype(np.uint8), np.ones((2 * DARK_CELLS + 1,) * 2, np.uint8)) > 0
    outer = np.where(beside, 0, weight).astype(np.float32)
    if np.count_nonzero(outer) > 4 * max(1, int(np.count_nonzero(beside & ~hidden))):
        expected = _membrane(mean, outer, beside, 8)
        dark = beside & ((expected - mean).mean(axis=2) > DARK_LEVELS)
        weight = np.where(dark, 0, weight).astype(np.float32)
    return _membrane(mean, weight, beside, RELAXATIONS)


def _light(mean: Floats, share: Floats, hidden: Mask) -> Floats:
    """What each cell has to be multiplied by to be free of the occluder's shadow, `(rows, columns, 3)`, 1 or more.

    The shadow begins at the hole and fades away from it. Cells of the page further out tell how light it is without; on
    desks and at the page's edge it is what it is on the page beside them.

    Args:
        mean: `(rows, columns, 3)`, colour without ink.
        share: `(rows, columns)`, how much of each cell is bare page.
        hidden: `(rows, columns)`, whether the hole takes part of the cell.
    """
    light = np.ones_like(mean)
    away = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    near, known = away <= SHADOW_CELLS, share > 0.25
    outer = np.where(known & ~near, share, 0).astype(np.float32)
    if np.count_nonzero(outer) <= np.count_nonzero(known & near):
        return light
    missing = 1 - mean / np.maximum(_membrane(mean, outer, near, 8), 1)
    amount = missing.mean(axis=2)
    known &= near & (amount < DEEPEST_SHADOW) & ~_specks(amount, known & ~hidden)
    weight = known.astype(np.float32)
    missing, total = (
        cv2.GaussianBlur(values, (0, 0), 0.7) + 0.03 * cv2.GaussianBlur(values, (0, 0), 3)
        for values in (missing * weight[..., None], weight)
    )
    missing /= np.maximum(total, 1e-3)[..., None]
    amount = np.where(near & (total > 1e-3), missing.mean(axis=2), 0)
    dark = amount > FAINTEST_SHADOW
    count, parts = cv2.connectedComponents((dark & ~hidden).astype(np.uint8), connectivity=8)
    rim = known & (away > 0) & (away <= RIM_CELLS)
    cells = np.bincount(parts[rim], minlength=count)
    deep = np.bincount(parts[rim], amount[rim], minlength=count) > SHADOW_SHARE * cells
    deep &= cells >= FEWEST_SHADED
    deep[0] = False  # what is not dark
    dark &= cv2.dilate(deep[parts].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # and on to the hole
    # All of it from twice the faintest on, so that it ends without a step.
    part = np.clip(amount[dark] / FAINTEST_SHADOW - 1, 0, 1)[:, None]
    light[dark] = np.maximum(1 / (1 - part * np.clip(missing[dark], 0, DEEPEST_SHADOW)), 1)
    return light


def _specks(missing: Floats, whole: Mask) -> Mask:
    """Cells that are darker than those around them, of which only wholly visible ones count: ink that was missed."""
    lightest = cv2.erode(np.where(whole, missing, 1).astype(np.float32), np.ones((3, 3), np.uint8))
    around = cv2.dilate(np.where(whole, lightest, -1).astype(np.float32), np.ones((5, 5), np.uint8))
    return missing - around > SHADOW_SHARE


def _membrane(mean: Floats, weight: Floats, needed: Mask, relaxations: int) -> Floats:
    """Trend, smoothed deviations from it where they are known, and elsewhere their membrane, exact where needed."""
    trend = _trend(mean, weight)
    deviation = (mean - trend) * weight[..., None]
    total = cv2.GaussianBlur(weight, (0, 0), 1.5)
    smooth = cv2.GaussianBlur(deviation, (0, 0), 1.5) / np.maximum(total, 1e-4)[..., None]
    known = (weight > 0) & (total > 0.05)
    values = spread(smooth, known.astype(np.float32))
    free = needed & ~known
    if free.any() and known.any():
        area = cv2.boundingRect(free.astype(np.uint8))
        x0, y0 = max(0, area[0] - 1), max(0, area[1] - 1)
        part = values[y0 : area[1] + area[3] + 1, x0 : area[0] + area[2] + 1]
        moving = free[y0 : area[1] + area[3] + 1, x0 : area[0] + area[2] + 1].astype(np.uint8)
        for _ in range(relaxations):
            cv2.copyTo(cv2.blur(part, (3, 3), borderType=cv2.BORDER_REFLECT_101), moving, part)
    return np.clip(values + trend, 0, 255).astype(np.float32)


def _trend(mean: Floats, weight: Floats) -> Floats:
    """Plane through the known cells `(rows, columns, 3)`, twice fitted, the second time without what lies far off."""
    rows, columns = weight.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    y, x = (y - rows / 2) / max(rows, columns), (x - columns / 2) / max(rows, columns)
    basis = np.stack([np.ones_like(x), x, y], axis=-1)
    flat, colours = basis.reshape(-1, 3), mean.reshape(-1, 3)
    current = weight
    fitted = np.zeros_like(mean)
    for _ in range(2):
        scaled = flat * current.reshape(-1, 1)
        normal = scaled.T @ flat + np.diag([1e-6, 1e-2, 1e-2]) * max(float(current.sum()), 1e-6)
        planes = np.linalg.solve(normal, scaled.T @ colours)
        fitted = (flat @ planes.astype(np.float32)).reshape(mean.shape)
        off = strongest(cv2.absdiff(mean, fitted))
        chosen = off[weight > 0]
        limit = max(4.0, 3 * float(np.median(chosen))) if chosen.size else 0.0
        current = np.where(off < limit, weight, 0).astype(np.float32)
    return fitted


def enlarged(cells: Floats, part: tuple[slice, slice]) -> Floats:
    """A part of the window, given in pixels, from a picture in cells."""
    (top, bottom), (left, right) = (
        (max(0, along.start // CELL_PX - 1), -(-along.stop // CELL_PX) + 1) for along in part
    )
    near = cells[top:bottom, left:right]
    large = cv2.resize(near, None, fx=CELL_PX, fy=CELL_PX, interpolation=cv2.INTER_LINEAR)
    y, x = (
        slice(along.start - CELL_PX * at, along.stop - CELL_PX * at)
        for along, at in zip(part, (top, left), strict=True)
    )
    return np.ascontiguousarray(large[y, x])


def _entries(
    window: Image,
    surface: Labels,
    hidden: Mask,
    tones: list[Floats],
) -> list[_Entry]:
    """Where borders between surfaces run into the hole."""
    distance = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5)
    contours, _ = cv2.findContours(hidden.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    entries = []
    for contour in contours:
        if len(contour) < 12:
            continue
        points = contour[:, 0, :]
        at = surface[points[:, 1], points[:, 0]].copy()
        at[distance[points[:, 1], points[:, 0]] > 2.5] = 0  # along the photo's border nothing is visible
        change = np.flatnonzero(at != np.roll(at, -1))
        for index in change.tolist():
            following = (index + 1) % len(at)
            pair = int(at[index]), int(at[following])
            if 0 in pair:
                continue
            # Both surfaces must hold on for a few cells along the hole.
            run = [int(at[(index + k) % len(at)]) for k in range(-3, 5)]
            if run.count(pair[0]) < 3 or run.count(pair[1]) < 3:
                continue
            entry = _entry(window, surface, hidden, tones, points[index].astype(np.float64), pair)
            if entry is not None:
                entries.append(entry)
    return entries


def _entry(
    window: Image,
    surface: Labels,
    hidden: Mask,
    tones: list[Floats],
    cell: Points,
    pair: tuple[int, int],
) -> _Entry | None:
    """Follow the border back from the hole and fit a line to it, to a fraction of a pixel."""
    first = (surface == pair[0]) & ~hidden
    second = cv2.dilate(((surface == pair[1]) & ~hidden).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    along = first & second
    if not along.any():
        return None
    # Two surfaces may meet more than once, as the rows of a table do: only the border that comes here.
    _, pieces = cv2.connectedComponents(along.astype(np.uint8), connectivity=8)
    y, x = np.nonzero(along)
    off = np.hypot(x - cell[0], y - cell[1])
    chosen = (off < BORDER_REACH_CELLS) & (pieces[y, x] == pieces[y[off.argmin()], x[off.argmin()]])
    if np.count_nonzero(chosen) < 5:
        return None
    near = chosen & (off < max(12.0, float(np.sort(off)[min(4, len(off) - 1)]) + 8))
    chosen = near if np.count_nonzero(near) >= 5 else chosen
    dx, dy, px, py = cv2.fitLine(np.stack([x, y], 1)[chosen].astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
    heading = np.array([dx, dy], np.float64)
    centre = np.array([px, py], np.float64)
    if heading @ (cell - centre) < 0:
        heading = -heading
    normal = np.array([-heading[1], heading[0]])
    start = (cell + 0.5) * CELL_PX - 0.5
    start = start + normal * (((centre + 0.5) * CELL_PX - 0.5 - start) @ normal)
    entry = _Entry(start, heading, 0.0, pair)
    reached = (_measured(window, hidden, tones, entry, reach) for reach in BORDER_SIDES_PX)
    near = next((found for found in reached if found), None)
    return near and _measured(window, hidden, tones, near, BORDER_SIDE_PX)


def _measured(
    window: Image,
    hidden: Mask,
    tones: list[Floats],
    entry: _Entry,
    reach: int,
) -> _Entry | None:
    """The entry as a line through the half levels of profiles across it; None where there is no such line.

    Args:
        window, hidden, tones: as for `_entry`.
        entry: where the border runs, to within `reach`.
        reach: of the profiles to both sides, in pixels.
    """
    rows, columns = hidden.shape
    start, heading = entry.point, entry.heading
    normal = np.array([-heading[1], heading[0]])
    t = np.arange(-BORDER_REACH_CELLS * CELL_PX, 2 * CELL_PX, 2.0)
    o = np.arange(-reach, reach + 1.0)
    xs = start[0] + heading[0] * t[:, None] + normal[0] * o
    ys = start[1] + heading[1] * t[:, None] + normal[1] * o
    cx = np.clip(np.rint((xs + 0.5) / CELL_PX - 0.5), 0, columns - 1).astype(int)
    cy = np.clip(np.rint((ys + 0.5) / CELL_PX - 0.5), 0, rows - 1).astype(int)
    inside = (xs >= 0) & (ys >= 0) & (xs < window.shape[1]) & (ys < window.shape[0])
    known = (inside & ~hidden[cy, cx]).all(axis=1)
    if not known.any():
        return None
    middle = len(o) // 2
    a, b = (tones[number - 1][cy[:, middle], cx[:, middle]] for number in entry.surfaces)
    apart = a - b
    strip = cv2.remap(window, xs.astype(np.float32), ys.astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)
    level = ((strip - b[:, None]) * apart[:, None]).sum(2) / np.maximum((apart**2).sum(1), 1)[:, None]
    level = np.clip(level, 0, 1)
    if level[known, reach + 1 :].mean() > level[known, :reach].mean():  # the first surface lies that way
        edge = reach + 0.5 - level.sum(1)
    else:
        edge = level.sum(1) - reach - 0.5
    clear = known & (np.abs(edge) < reach - 3)
    if np.count_nonzero(clear) < 12:
        return None
    fit_t, fit_o = t[clear], edge[clear]
    keep = np.abs(fit_o - np.median(fit_o)) < 8
    line = np.zeros(2)
    for _ in range(3):
        if np.count_nonzero(keep) < 8:
            return None
        line = np.polyfit(fit_t[keep], fit_o[keep], 1)
        keep = np.abs(fit_o - np.polyval(line, fit_t)) < 2.5
    length = max(float(np.ptp(fit_t[keep])), 16.0)
    heading = heading + normal * line[0]
    return _Entry(start + normal * line[1], heading / np.hypot(*heading), length, entry.surfaces)


def _join(entries: list[_Entry], hole: Mask, page: int) -> list[Points]:
    """Continue borders through the hole: to the entry opposite, to the corner two of them form, or straight on.

    Where several corners are possible, that of the page is one; desks are of pieces of light and shadow.
    """
    height, width = hole.shape
    left = list(range(len(entries)))
    lines = []
    costs: list[tuple[float, int, int, list[Points]]] = []
    for i, one in enumerate(entries):
        for j in range(i):
            two = entries[j]
            way = two.point - one.point
            length = float(np.hypot(*way))
            shared = set(one.surfaces) & set(two.surfaces)
            if length < 1 or not shared:
                continue
            other = 0.0 if len(shared) == 2 else 0.5 if page in shared else 2.0
            turn = max(_turn(one.heading, way / length), _turn(-two.heading, way / length))
            if turn < MAX_TURN + STEP_DOUBT_PX / min(one.length, two.length):
                costs.append((turn + other, i, j, [one.point, two.point]))
                continue
            matrix = np.stack([one.heading, -two.heading], 1)
            if abs(np.linalg.det(matrix)) > 0.3:
                ahead = np.linalg.solve(matrix, way)
                if (ahead > 0).all() and (ahead < 3 * length).all():
                    costs.append((1 + turn + other, i, j, [one.point, one.point + one.heading * ahead[0], two.point]))
    for _, i, j, corners in sorted(costs, key=lambda cost: cost[0]):
        if i in left and j in left:
            left.remove(i)
            left.remove(j)
            lines.append(np.array(corners))
    for i in left:
        entry = entries[i]
        t = np.arange(0, height + width)
        points = entry.point + entry.heading * t[:, None]
        x, y = np.rint(points).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        in_hole = np.zeros(len(t), bool)
        in_hole[inside] = hole[y[inside], x[inside]]
        begun = np.flatnonzero(in_hole)
        if not len(begun):
            continue
        ends = np.flatnonzero(~in_hole & (t > t[begun[0]]))
        lines.append(points[[0, ends[0] if len(ends) else -1]])
    return lines


def _turn(one: Points, two: Points) -> float:
    return float(np.arccos(np.clip(one @ two, -1, 1)))


def area_around(hole: Mask, margin: int) -> tuple[slice, slice]:
    """The rows and columns that the hole takes, and a margin as far as the window goes."""
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    rows, columns = hole.shape
    return (
        slice(max(0, y - margin), min(rows, y + height + margin)),
        slice(max(0, x - margin), min(columns, x + width + margin)),
    )


def _beyond(point: Points, way: Points, wide: Plane) -> Points:
    """The first point from `point` on along `way` that lies outside the hole, at most `RIM_PX` off."""
    heading = way / max(float(np.hypot(*way)), 1e-9)
    points = point + heading * np.arange(RIM_PX + 1)[:, None]
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < wide.shape[1]) & (y < wide.shape[0])
    outside = ~inside
    outside[inside] = wide[y[inside], x[inside]] == 0
    # A pixel or two further, for rounding; the end may lie outside already.
    stop = int(np.flatnonzero(outside)[0]) if outside.any() else RIM_PX
    return np.asarray(point + heading * (stop + 2))


def _partition(
    window: Image,
    tones: dict[int, Floats],
    surface: Plane,
    hole: Mask,
    borders: list[Points],
    area: tuple[slice, slice],
) -> Plane:
    """Surface of every pixel: the hole is cut along the borders, each part belongs to what it touches most.

    The hole is taken a little larger: outside it, surfaces are known to a cell only. Of the surfaces beside the hole
    that one is touched whose tone the pixel has.

    Args:
        window, tones, surface, hole: the part of the window that holds the hole and a margin.
        borders: in the window's coordinates.
        area: where the part lies in the window.
    """
    corner = np.array([area[1].start, area[0].start])
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((2 * CELL_PX + 1, 2 * CELL_PX + 1), np.uint8))
    free = wide.copy()
    for line in borders:
        first, last = line[0] - line[1], line[-1] - line[-2]
        # Beyond both ends, so that no gap is left at the rim.
        local = line - corner
        ends = [_beyond(local[0], first, wide), _beyond(local[-1], last, wide)]
        points = np.rint(np.vstack([ends[0], local, ends[1]]) * 16).astype(np.int32)
        cv2.polylines(free, [points], False, 0, 1, cv2.LINE_8, 4)
    count, parts = cv2.connectedComponents(free, connectivity=4, ltype=cv2.CV_16U)
    rim = cv2.dilate(parts, np.ones((3, 3), np.uint8)).astype(np.int64) * (wide == 0)
    touching = rim > 0
    seen = window[touching].astype(np.float32)
    numbers = np.array(list(tones))
    away = np.stack([np.abs(seen - values[touching]).sum(axis=1) for values in tones.values()])
    # Print and patterns have no surface's tone: their cells tell.
    unlike = away.min(axis=0) > 3 * VOTE_LEVELS
    nearest = np.where(unlike, surface[touching], numbers[away.argmin(axis=0)])
    votes = np.zeros((count, int(max(numbers.max(), surface.max())) + 1), np.int64)
    np.add.at(votes, (rim[touching], nearest), 1)
    votes[:, 0] = 0
    owner = votes.argmax(axis=1).astype(np.uint8)
    part = np.where(wide > 0, owner[parts], surface)
    if (part == 0).any() and (part > 0).any():
        part = _nearest(part.astype(np.int32))
    return part.astype(np.uint8)
