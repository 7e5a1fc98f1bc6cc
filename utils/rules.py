"""Ruled lines that run into a hole: found beside it, matched across it, drawn below it.

A rule is a thin dark band of constant cross profile. Line segments (LSD, Grompone von Gioi et al. 2010) say where one
may be; it is then tracked at full resolution, starting at the hole, and only what keeps its profile over a length that
no letter has counts as a rule. Depth is the share of light that ink takes, `1 - pixel / paper`, so that a rule
keeps its colour where the light changes.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

FAR_STEP = 4  # pixels: distances to the hole are measured on a picture reduced so many times
LSD_STEP = 2  # pixels: segments are looked for on a picture reduced so many times
BAND_PX = 320  # how far from the hole rules are looked at
REACH_PX = 60  # a segment whose end is farther from the hole does not run into it
HALF_PX = 14  # of the strip that is measured across a rule
CORE_PX = 5  # ... and the part of it that must be visible
MAX_WIDTH_PX = 14.0  # thicker bars are pictures, not rules
MIN_SEGMENT_PX = 24  # shorter edges are letters
BLOCK_PX = 8  # a rule's position is measured once so often
MAX_GAP_BLOCKS = 4  # a rule may be hidden so long by text or a crossing
MIN_LENGTH_PX = 72  # of the visible part; strokes of letters are shorter
MIN_DEPTH = 0.025
BIN_PX = 0.25  # resolution of a profile


@dataclass(frozen=True)
class Rule:
    """A drawn or seen rule.

    Attributes:
        points: `(n, 2)` x, y of its middle, in pixels of the window.
        width_px: between the half depths of its profile.
    """

    points: Points
    width_px: float


@dataclass
class RuleEnd:
    """A visible rule where it runs into the hole.

    Attributes:
        point: x, y where its middle meets the hole.
        direction: unit vector into the hole.
        length: pixels over which it is seen.
        profile: `(n, 3)` depth per channel, one row every `BIN_PX` from `-HALF_PX` to `HALF_PX` across; "across" is
            the direction turned by 90°, x towards y.
        width_px: between half depths.
        depth: of the middle, mean of the channels.
        points: `(n, 2)` of the visible part, from the hole outwards.
        partner: the end on the other side, once matched.
    """

    point: Points
    direction: Points
    length: float
    profile: NDArray[np.float64]
    width_px: float
    depth: float
    points: Points
    partner: "RuleEnd | None" = field(default=None, repr=False)


class Shade:
    """The depth of the window against its paper, sampled where it is asked for.

    Args:
        window: `(h, w, 3)` uint8.
        tone: `(h, w, 3)` float32, the paper.
        hole: `(h, w)` bool.
    """

    def __init__(self, window: NDArray[np.uint8], tone: NDArray[np.float32], hole: NDArray[np.bool_]) -> None:
        self.window, self.tone, self.hole = window, tone, hole

    def depth_at(self, x: NDArray, y: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Depth per channel of whole pixels, `(n, m, 3)`, and `(n, m)` bool, whether they are visible."""
        height, width = self.hole.shape
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        xi, yi = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        inside &= ~self.hole[yi, xi]
        return 1 - self.window[yi, xi] / np.maximum(self.tone[yi, xi], 1.0), inside


def find_ends(
    window: NDArray[np.uint8], hole: NDArray[np.bool_], tone: NDArray[np.float32]
) -> tuple[list[RuleEnd], NDArray[np.float64]]:
    """Every visible rule that runs into the hole, the longest first.

    Args:
        window: `(h, w, 3)` uint8.
        hole: `(h, w)` bool.
        tone: `(h, w, 3)` float32, the paper as `measure_paper` gives it.

    Returns:
        The ends, and the segments beside the hole, `(n, 4)`.
    """
    shade = Shade(window, tone, hole)
    distance = distance_to(hole)
    segments = find_segments(window, tone, distance)
    ends: list[RuleEnd] = []
    for point, direction in find_seeds(segments, hole):
        if any(same_stroke(end, point, direction) for end in ends):
            continue
        end = track(shade, distance, point, direction)
        if end is not None and not any(same_stroke(other, end.point, end.direction) for other in ends):
            ends.append(end)
    return sorted(ends, key=lambda end: -end.length), segments


def distance_to(hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the hole in pixels on a picture reduced `FAR_STEP` times."""
    height, width = hole.shape
    size = max(1, width // FAR_STEP), max(1, height // FAR_STEP)
    free = cv2.resize(hole.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) == 0
    return cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 3) * FAR_STEP


def same_stroke(end: RuleEnd, point: Points, direction: Points) -> bool:
    """Whether a stroke through `point` is the one already found as `end`."""
    offset = point - end.point
    along = float(offset @ end.direction)
    across = float(offset[1] * end.direction[0] - offset[0] * end.direction[1])
    parallel = float(direction @ end.direction) > 0.985
    return parallel and abs(along) < 60 and abs(across) < max(4.0, end.width_px * 0.9)


def find_segments(
    window: NDArray[np.uint8], tone: NDArray[np.float32], distance: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Edges of dark strokes near the hole, the longest first: `(n, 4)` of x, y, x, y in pixels of the window."""
    height, width = window.shape[:2]
    size = max(1, width // LSD_STEP), max(1, height // LSD_STEP)
    if min(size) < 16:
        return np.zeros((0, 4))
    reduced = cv2.resize(window, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    paper = cv2.resize(tone, size, interpolation=cv2.INTER_NEAREST)
    depth = (1 - reduced / np.maximum(paper, 1)).max(axis=2)
    far = cv2.resize(distance, size, interpolation=cv2.INTER_LINEAR)
    depth[(far < 2 * FAR_STEP) | (far > BAND_PX)] = 0
    # A logarithmic scale of depth: faint rules are as good as dark ones.
    drawn = (255 - 120 * np.log1p(np.clip(depth - 0.01, 0, 1) * 8)).clip(0, 255).astype(np.uint8)
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE).detect(drawn)[0]
    if found is None:
        return np.zeros((0, 4))
    segments = found.reshape(-1, 4).astype(np.float64) * LSD_STEP + (LSD_STEP - 1) / 2
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    order = np.argsort(-lengths, kind="stable")
    return segments[order][lengths[order] >= MIN_SEGMENT_PX]


def find_seeds(segments: NDArray[np.float64], hole: NDArray[np.bool_]) -> list[tuple[Points, Points]]:
    """The segments that point into the hole from near by.

    Args:
        segments: `(n, 4)`, as `find_segments` returns them.
        hole: `(h, w)` bool.

    Returns:
        Point on the hole's border and unit vector into the hole, of each, in the order of the segments.
    """
    if not len(segments):
        return []
    height, width = hole.shape
    starts = np.concatenate([segments[:, :2], segments[:, 2:]])
    stops = np.concatenate([segments[:, 2:], segments[:, :2]])
    directions = (stops - starts) / np.hypot(*(stops - starts).T)[:, None]
    steps = stops[:, None] + directions[:, None] * np.arange(0, REACH_PX, 2.0)[:, None]
    xi, yi = np.rint(steps).astype(int).transpose(2, 0, 1)
    inside = (xi >= 0) & (yi >= 0) & (xi < width) & (yi < height)
    met = hole[np.clip(yi, 0, height - 1), np.clip(xi, 0, width - 1)] & inside
    count = len(segments)
    return [
        (steps[k, met[k].argmax()], directions[k])
        for pair in range(count)
        for k in (pair, pair + count)
        if met[k].any()
    ]


def track(shade: Shade, distance: NDArray[np.float32], point: Points, direction: Points) -> RuleEnd | None:
    """Follow a stroke from the hole outwards and measure it, or None where it is no rule.

    Args:
        shade: of the window.
        distance: to the hole, as `distance_to` gives it.
        point: near the middle of the stroke, at the hole.
        direction: unit vector into the hole, about right.
    """
    # Columns run along the dominant axis, rows across it, so that samples are whole pixels.
    flat = abs(direction[0]) >= abs(direction[1])
    u, v = (0, 1) if flat else (1, 0)
    sign = -1 if direction[u] > 0 else 1  # outwards
    slope = direction[v] / direction[u]
    steps = np.arange(0, BAND_PX // BLOCK_PX * BLOCK_PX)
    first = round(point[u])
    along = first + sign * steps
    base = np.floor(point[v] + (along - point[u]) * slope + 0.5).astype(int)
    rows = np.arange(-HALF_PX, HALF_PX + 1)
    across = base[:, None] + rows
    grid = np.broadcast_to(along[:, None], across.shape)
    x, y = (grid, across) if flat else (across, grid)
    colour, visible = shade.depth_at(x, y)
    depth = np.where(visible, colour.max(axis=2), 0)

    # One centre a block; the straight course `base` is taken out, so blocks average without blur.
    blocks = depth.reshape(-1, BLOCK_PX, len(rows)).mean(axis=1)
    floor = np.partition(blocks, len(rows) // 4, axis=1)[:, len(rows) // 4]
    blocks = np.clip(blocks - floor[:, None], 0, None)
    core = slice(HALF_PX - CORE_PX, HALF_PX + CORE_PX + 1)  # a rule may run close along the hole
    start = np.flatnonzero(visible[:, core].reshape(-1, BLOCK_PX, 2 * CORE_PX + 1).all(axis=(1, 2)))[:1]
    if not len(start) or start[0] > REACH_PX // BLOCK_PX:
        return None
    centres, present = follow(blocks, int(start[0]))
    if len(present) < 5:
        return None
    reached = (present[-1] - present[0] + 1) * BLOCK_PX
    scale = np.hypot(1, slope)
    length = reached * scale
    if length < MIN_LENGTH_PX or len(present) < 0.6 * (present[-1] - present[0] + 1):
        return None
    middle = present * BLOCK_PX + (BLOCK_PX - 1) / 2
    residue = np.mean((base - (point[v] + (along - point[u]) * slope)).reshape(-1, BLOCK_PX), axis=1)
    offsets = centres[present] + residue[present]
    course = fit_course(middle, offsets)
    if course is None:
        return None

    curve = np.polyval(course, steps) + point[v] + (along - point[u]) * slope
    used = (steps >= present[0] * BLOCK_PX) & (steps < (present[-1] + 1) * BLOCK_PX)
    tilt = 1 / scale
    measured = measure_profile(colour[used], visible[used], (across - curve[:, None])[used] * tilt)
    if measured is None:
        return None
    profile, width, peak = measured

    # Its end: where its own course meets the hole, sought from the first visible pixel inwards.
    reach = np.arange(int(present[0]) * BLOCK_PX, -REACH_PX - 1, -1)
    along_in = first + sign * reach
    curve_in = np.polyval(course, reach) + point[v] + (along_in - point[u]) * slope
    height, width_all = shade.hole.shape
    ci = np.rint(curve_in).astype(int)
    xi, yi = (along_in, ci) if flat else (ci, along_in)
    ok = (xi >= 0) & (yi >= 0) & (xi < width_all) & (yi < height)
    hit = np.flatnonzero(shade.hole[np.clip(yi, 0, height - 1), np.clip(xi, 0, width_all - 1)] & ok)
    if not len(hit):
        return None
    t = reach[hit[0]]
    here = np.zeros(2)
    here[u], here[v] = along_in[hit[0]], curve_in[hit[0]]
    inwards = np.zeros(2)
    inwards[u], inwards[v] = -sign, -sign * slope - np.polyval(np.polyder(course), t)
    inwards /= np.hypot(*inwards)
    points = np.zeros((len(present), 2))
    points[:, u] = first + sign * middle
    points[:, v] = np.polyval(course, middle) + point[v] + (points[:, u] - point[u]) * slope
    # Along the hole's border runs the occluder's outline, not a rule.
    far = np.clip(np.rint(points[-1] / FAR_STEP).astype(int), 0, np.array(distance.shape[::-1]) - 1)
    if distance[far[1], far[0]] < max(8.0, 0.06 * length):
        return None
    # The profile was measured towards +v; "across" is the direction turned from x to y.
    if (inwards[0] if flat else -inwards[1]) < 0:
        profile = profile[::-1]
    return RuleEnd(here, inwards, length, profile, width, peak, points)


def follow(blocks: NDArray, start: int) -> tuple[NDArray, NDArray]:
    """Trace the darkest ridge through the blocks of a strip.

    Args:
        blocks: `(n, m)` depth, one row a block from the hole outwards.
        start: first row to look at.

    Returns:
        `(n,)` position of the ridge from the strip's middle, and the rows where it was seen.
    """
    count, rows = len(blocks), blocks.shape[1]
    offsets = np.arange(rows) - rows // 2
    head = blocks[start : start + 10]
    typical = np.median(head, axis=0)
    typical = typical * (np.abs(offsets) <= HALF_PX - 3)
    best = int(typical.argmax())
    peak = typical[best]
    centres = np.zeros(count)
    if peak < MIN_DEPTH:
        return centres, np.zeros(0, int)
    position, drift, present, missed = float(offsets[best]), 0.0, [], 0
    for k in range(start, count):
        guess = position + drift
        near = np.abs(offsets - guess) <= 3.5
        values = blocks[k] * near
        top = values.max(initial=0)
        if 0.45 * peak <= top:
            weights = np.clip(values - 0.3 * top, 0, None)
            centre = float((weights * offsets).sum() / weights.sum())
            step = np.clip(centre - guess, -1, 1)
            if present:
                drift = np.clip(drift + 0.1 * step, -1.0, 1.0)
            position = guess + 0.5 * step if present else centre
            centres[k] = centre
            present.append(k)
            missed = 0
        else:
            position, missed = guess, missed + 1
            if missed > MAX_GAP_BLOCKS:
                break
        if abs(position) > HALF_PX - 2:
            break
    return centres, np.array(present, int)


def fit_course(along: NDArray, offsets: NDArray) -> NDArray | None:
    """A straight or, where that is clearly better, gently bent course through measured centres, or None.

    Returns:
        Coefficients for `numpy.polyval`.
    """
    weight = np.ones(len(along))
    line = bend = np.zeros(3)
    span = float(along[-1] - along[0])
    for _ in range(3):
        line = np.polyfit(along, offsets, 1, w=weight)
        off = np.abs(offsets - np.polyval(line, along))
        weight = 1 / (1 + (off / (np.median(off) + 0.15)) ** 2)
    error = float(np.sqrt(np.average(off**2, weights=weight)))
    if span >= 120 and len(along) >= 12:
        again = weight
        for _ in range(3):
            bend = np.polyfit(along, offsets, 2, w=again)
            off_bend = np.abs(offsets - np.polyval(bend, along))
            again = 1 / (1 + (off_bend / (np.median(off_bend) + 0.15)) ** 2)
        error_bend = float(np.sqrt(np.average(off_bend**2, weights=again)))
        if error_bend < 0.7 * error and error > 0.25:
            line, error, off = bend, error_bend, off_bend
    if error > 0.9 or np.mean(off < 1.5) < 0.75:
        return None
    return line


def measure_profile(
    colour: NDArray, visible: NDArray, across: NDArray
) -> tuple[NDArray[np.float64], float, float] | None:
    """The mean cross profile of a rule, or None where the strip holds no rule.

    Args:
        colour: `(n, m, 3)` depth.
        visible: `(n, m)` bool.
        across: `(n, m)` distance from the course in pixels.

    Returns:
        Profile as in `RuleEnd`, its width and its peak.
    """
    grey = colour.max(axis=2)
    core = np.abs(across) <= 1.2
    flank = (np.abs(across) > 6) & (np.abs(across) < HALF_PX - 1)
    inner = np.where(core & visible, grey, 0).sum(1) / np.maximum((core & visible).sum(1), 1)
    outer = np.where(flank & visible, np.abs(grey), 0).sum(1) / np.maximum((flank & visible).sum(1), 1)
    peak = float(np.median(inner))
    if peak < MIN_DEPTH or np.mean(inner > 0.45 * peak) < 0.8 or np.median(outer) > 0.35 * peak:
        return None
    calm = (outer <= max(1.5 * np.median(outer), 0.12 * peak)) & (inner > 0.5 * peak) & (inner < 1.6 * peak)
    if calm.sum() < 12:
        calm = inner > 0.5 * peak
    count = 2 * round(HALF_PX / BIN_PX) + 1
    bins = np.rint(across[calm] / BIN_PX).astype(int) + count // 2
    ok = visible[calm] & (bins >= 0) & (bins < count)
    profile = mean_by_bin(bins[ok], colour[calm][ok], count)
    position = (np.arange(count) - count // 2) * BIN_PX
    ground = np.median(profile[(np.abs(position) > 7) & (np.abs(position) < HALF_PX - 1)], axis=0)
    profile = profile - ground
    mean = profile.mean(axis=1)
    middle = count // 2
    top = float(mean[middle - 8 : middle + 9].max())
    if top < MIN_DEPTH / 2:
        return None
    above = mean > 0.5 * top
    left = right = int(mean[middle - 8 : middle + 9].argmax()) + middle - 8
    while left > 0 and above[left - 1]:
        left -= 1
    while right < count - 1 and above[right + 1]:
        right += 1
    width = (right - left + 1) * BIN_PX
    if width > MAX_WIDTH_PX:
        return None
    # Beyond its soft edge the profile is noise.
    low = mean > 0.04 * top
    while left > 0 and low[left - 1]:
        left -= 1
    while right < count - 1 and low[right + 1]:
        right += 1
    keep = (np.arange(count) >= left) & (np.arange(count) <= right)
    return np.clip(profile, 0, 1) * keep[:, None], width, top


def mean_by_bin(bins: NDArray, values: NDArray, count: int) -> NDArray[np.float64]:
    """Mean of the values in each bin, a little smoothed; empty bins lie on the straight line between their neighbours.

    Args:
        bins: `(n,)` int in [0, count).
        values: `(n, C)`.
    """
    kernel = np.array([0.25, 0.5, 0.25])
    total = np.convolve(np.bincount(bins, minlength=count), kernel, "same")
    known = np.flatnonzero(total)
    means = np.zeros((count, values.shape[1]))
    if len(known):
        for c in range(values.shape[1]):
            sums = np.convolve(np.bincount(bins, values[:, c], count), kernel, "same")
            means[:, c] = np.interp(np.arange(count), known, sums[known] / total[known])
    return means


def draw_rule(ink: NDArray[np.float32], points: Points, first: NDArray[np.float64], last: NDArray[np.float64]) -> None:
    """Draw a rule into a map of depth; where it crosses another the darker one stays.

    Args:
        ink: `(h, w, 3)` float32 depth, changed.
        points: `(n, 2)` course.
        first, last: profiles at its two ends, as in `RuleEnd`, both seen along the course.
    """
    height, width = ink.shape[:2]
    span = points[-1] - points[0]
    flat = abs(span[0]) >= abs(span[1])
    u, v = (0, 1) if flat else (1, 0)
    if span[u] < 0:
        points, first, last = points[::-1], last[::-1], first[::-1]
    if not flat:
        first, last = first[::-1], last[::-1]  # towards +x is against "across" there
    limit = (width, height)[u]
    along = np.arange(max(0, int(np.ceil(points[0, u]))), min(limit, int(np.floor(points[-1, u])) + 1))
    if not len(along):
        return
    centre = np.interp(along, points[:, u], points[:, v])
    slope = np.gradient(centre) if len(along) > 1 else np.zeros(1)
    share = ((along - points[0, u]) / max(points[-1, u] - points[0, u], 1e-6))[:, None, None]
    reach = np.flatnonzero((first + last).max(axis=1) > 0)
    if not len(reach):
        return
    half = int(np.ceil(np.abs(reach - len(first) // 2).max() * BIN_PX * np.sqrt(1 + np.abs(slope).max() ** 2))) + 1
    across = np.floor(centre + 0.5).astype(int)[:, None] + np.arange(-half, half + 1)
    offset = (across - centre[:, None]) / np.sqrt(1 + slope**2)[:, None]
    place = np.clip(offset / BIN_PX + len(first) // 2, 0, len(first) - 1.001)
    lower = place.astype(int)
    part = (place - lower)[..., None]
    one = first[lower] * (1 - part) + first[lower + 1] * part
    two = last[lower] * (1 - part) + last[lower + 1] * part
    value = one * (1 - share) + two * share
    other = (width, height)[v]
    inside = (across >= 0) & (across < other)
    grid = np.broadcast_to(along[:, None], across.shape)[inside]
    xi, yi = (grid, across[inside]) if flat else (across[inside], grid)
    ink[yi, xi] = np.maximum(ink[yi, xi], value[inside])
