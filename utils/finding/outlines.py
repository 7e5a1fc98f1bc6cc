"""Outlines that a mask leaves standing: a thin line along its edge, beyond a rim that has the paper's colour.

The light case of a phone or the rim of a cup is neither told from the paper by its colour nor by the network; its
outline is. Beside the mask's edge the photo is read as a strip, in which such an outline lies along and text and rules
lie across. A rule of the page that happens to run there goes on beyond the mask; an outline does not.
"""

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Indices, Mask, Plane, Reals
from utils.options import scale_of
from utils.regions import Box, connected_bounds, crop

# Weighed on drawn photos and on the pairs of `benchmarks/restoration.py` (`benchmarks/NOTES.md`).
# Lengths in pixels of a photo 4000 pixels high.
STEP_PX = 2  # between two points of the edge
REACH_PX = 24  # an outline lies at most so far outside the mask
BEYOND_PX = 24  # beyond an outline there is paper on so much
THIN_PX = 4  # an outline is so thin: so much further out it has ended
MARGIN_PX = 10  # so much beyond an outline is repaired: it is soft, and a repair fades in
INWARDS_PX = 6  # so much of the mask is covered again, whose smoothed edge is looked at
FOLLOWED_PX = 200  # an outline's direction is followed so far beyond its end
STRAYING_PX = 5  # an outline that is followed may lie so far beside its direction
DRIFT_PX = 2  # an outline that goes straight on keeps its place beside that direction within so much
# Numbers of points of the edge.
SMOOTH = 4  # standard deviation of the blur that makes it smooth
DARK_SAMPLES = 9  # darkness is the mean of so many
KERNEL_DEVIATIONS = 6  # of that blur: as far as it reaches, both ways together
EVEN = 31  # the distance from the edge is compared with that of so many
SHORTEST = 60  # outline
SHORT = 20  # piece of one where a longer piece is found
GAP = 20  # what crosses an outline hides no more of it
WIDE_GAP = 120  # between two pieces that are no rules, no more than so much is hidden
END = slice(6, 30)  # points that tell the direction at an end; the last ones may turn with the mask
LONGER = 20  # points by which an outline is longer than it is even
CLEAR = 30  # samples in a row away from the mask: a corner that sticks out of it is shorter
LEAST_LEVELS = 8.0  # darkness of an outline
BEYOND_PRINT_SHARE = 0.3  # of what is seen beyond is print at most: paper is as light as what comes next
FIT_PRECISION = 0.01  # pixels and radians, of a direction
EVEN_PX = 1.5  # the distance of an outline from the edge changes by no more
MOST = 0.8  # share of the points that must agree
GOING_ON = 0.7  # share of what is seen beyond that is dark where a rule goes on


def with_outlines(image: Image, mask: Mask) -> Mask:
    """Extend a mask to the outlines that run along it.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        mask: `(H, W)` bool, what was found, grown.

    Returns:
        `(H, W)` bool, the mask itself where there are none.
    """
    scale = scale_of(*mask.shape)
    extended = mask
    for bounds in connected_bounds(mask):
        window = bounds.padded(round((FOLLOWED_PX + REACH_PX) * scale), *mask.shape)
        inner = bounds.shifted(-window.x0, -window.y0)
        grey = cv2.cvtColor(np.ascontiguousarray(crop(image, window)), cv2.COLOR_BGR2GRAY)
        covered = np.ascontiguousarray(crop(mask, window)).view(np.uint8)
        for strip in _missed(grey, covered, inner, scale):
            extended = mask.copy() if extended is mask else extended
            filled = np.zeros_like(covered)
            cv2.fillPoly(filled, [np.rint(strip).astype(np.int32)], 1)
            crop(extended, window)[:] |= filled > 0
    return extended


def _missed(grey: Plane, covered: Plane, bounds: Box, scale: float) -> list[Reals]:
    """Polygons `(n, 2)` (x, y) between the edge of one region and its outlines.

    Args:
        grey, covered: `(h, w)` uint8, the photo; 1 in the mask.
        bounds: of the region.
        scale: pixels here for one of the constants.
    """
    contours, _ = cv2.findContours(
        crop(covered, bounds), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(bounds.x0, bounds.y0)
    )
    polygons = []
    for contour in contours:
        points = contour[:: max(1, round(STEP_PX * scale)), 0].astype(np.float32)
        if len(points) < 2 * SHORTEST:
            continue
        kernel = cv2.getGaussianKernel(KERNEL_DEVIATIONS * SMOOTH + 1, SMOOTH)[:, 0]
        edge = _around(points, len(kernel)) @ kernel
        along = np.roll(edge, -2, axis=0) - np.roll(edge, 2, axis=0)
        outwards = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        if cv2.contourArea(points[:, None], oriented=True) < 0:
            outwards = -outwards
        distance, level = _lines_beside(grey, covered, edge, outwards, scale)
        pieces = [run for run in _runs(distance >= 0) if len(run) >= SHORT]
        lines = [edge[run] + outwards[run] * (distance[run] * scale)[:, None] for run in pieces]
        missed = []
        for run, line in zip(pieces, lines, strict=True):
            ends = () if len(run) == len(edge) else (line[END], line[::-1][END])
            strength = float(np.median(level[run]))
            if not any(_goes_on(grey, covered, end, strength, scale) for end in ends):
                missed.append(run)
        if not missed or max(map(len, missed)) < SHORTEST:
            continue
        missed_px = np.full(len(edge), -1.0)
        for run in missed:
            missed_px[run] = distance[run]
        _bridge(missed_px, WIDE_GAP, REACH_PX)
        for run in _runs(missed_px >= 0):
            at = np.arange(run[0] - LONGER, run[0] + len(run) + LONGER) % len(edge)
            reach = np.pad(missed_px[run], LONGER, mode="edge")[:, None] + MARGIN_PX
            inner, outer = (edge[at] + outwards[at] * scale * distance_px for distance_px in (-INWARDS_PX, reach))
            polygons.append(np.concatenate([outer, inner[::-1]]))
    return polygons


def _lines_beside(grey: Plane, covered: Plane, edge: Reals, outwards: Reals, scale: float) -> tuple[Reals, Reals]:
    """How far from each of `(n, 2)` points an even line runs along the edge, -1 where none does, and its darkness."""
    steps = np.arange(REACH_PX + BEYOND_PX) * scale
    xs, ys = (edge[:, axis, None] + outwards[:, axis, None] * steps for axis in (0, 1))
    strip, hidden = _read(grey, covered, xs, ys)
    beyond = np.sort(np.where(hidden, -1, strip)[:, REACH_PX:], axis=1)
    visible_count = (beyond >= 0).sum(axis=1)
    # Print is the darker part of what is seen.
    print_count = np.minimum((BEYOND_PRINT_SHARE * visible_count).astype(int), BEYOND_PX - 1)
    paper = beyond[np.arange(len(edge)), BEYOND_PX - 1 - print_count]
    dark = np.where(hidden | (visible_count < BEYOND_PX // 3)[:, None], 0, paper[:, None] - strip)
    dark = _around(dark, DARK_SAMPLES).mean(axis=-1)
    thin = np.minimum(dark[:, :REACH_PX], 2 * (dark[:, :REACH_PX] - dark[:, THIN_PX : REACH_PX + THIN_PX]))
    place = thin.argmax(axis=1)
    level = thin[np.arange(len(edge)), place]
    usual = np.median(_around(place, EVEN), axis=-1)
    even = (level > LEAST_LEVELS) & (np.abs(place - usual) <= EVEN_PX)
    distance = np.where(_around(even, EVEN).mean(axis=-1) >= MOST, usual, -1)
    _bridge(distance, GAP, THIN_PX)
    return distance, level


def _bridge(distance: Reals, widest: int, limit: float) -> None:
    """Fill gaps (-1) of a closed line, in place, where its distances on both sides differ by no more than a limit.

    The larger one is taken: where the outline has a corner it lies farther from the mask.
    """
    runs = _runs(distance >= 0)
    for one, two in zip(runs, runs[1:] + runs[:1], strict=True):
        gap = (two[0] - one[-1] - 1) % len(distance)
        first, last = distance[one[-1]], distance[two[0]]
        if 0 < gap <= widest and abs(first - last) <= limit:
            distance[(one[-1] + 1 + np.arange(gap)) % len(distance)] = max(first, last)


def _goes_on(grey: Plane, covered: Plane, end: Reals, level: float, scale: float) -> bool:
    """Whether a line of the page itself: it goes on, straight, from its `(n, 2)` last points to away from the mask."""
    way = cv2.fitLine(end.astype(np.float32), cv2.DIST_HUBER, 0, FIT_PRECISION, FIT_PRECISION)[:2, 0]
    way = way * np.sign(way @ (end[0] - end[-1]))
    ahead = np.arange(THIN_PX, FOLLOWED_PX, STEP_PX)[:, None] * scale
    aside = np.arange(-STRAYING_PX, STRAYING_PX + 1) * scale
    xs, ys = end[0, 0] + way[0] * ahead - way[1] * aside, end[0, 1] + way[1] * ahead + way[0] * aside
    strip, hidden = _read(grey, covered, xs, ys)
    side = 2 * round((REACH_PX + THIN_PX) * scale) + 1
    rim = cv2.dilate(covered, np.ones((side, side), np.uint8))
    at_rim = _read(grey, rim, xs[:, STRAYING_PX, None], ys[:, STRAYING_PX, None])[1][:, 0]
    clear_of_mask = np.flatnonzero(np.convolve(1 - at_rim, np.ones(CLEAR))[: len(at_rim)] >= CLEAR)
    if not len(clear_of_mask):
        return False
    last = int(clear_of_mask[0]) + 1
    strip, visible = strip[:last], np.asarray(~hidden[:last].any(axis=1))
    lane = strip.argmin(axis=1)
    lines = np.asarray(strip.max(axis=1) - strip.min(axis=1) > 0.5 * level)
    dark = lane[visible & lines]
    straight = np.count_nonzero(np.abs(dark - np.median(dark)) <= DRIFT_PX) if len(dark) else 0
    return bool(visible[-CLEAR:].all() and straight > GOING_ON * np.count_nonzero(visible))


def _read(grey: Plane, covered: Plane, xs: Reals, ys: Reals) -> tuple[Floats, Mask]:
    """The photo at some places, float32, and which of them are covered or lie outside of it."""
    at = xs.astype(np.float32), ys.astype(np.float32)
    values = cv2.remap(grey, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    hidden = cv2.remap(covered, *at, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=1)
    return values.astype(np.float32), hidden > 0


def _around(values: AnyArray, count: int) -> AnyArray:
    """So many values around each of a closed line, as a new last axis."""
    half = count // 2
    closed = np.concatenate([values[-half:], values, values[:half]])
    return np.lib.stride_tricks.sliding_window_view(closed, count, axis=0)


def _runs(chosen: Mask) -> list[Indices]:
    """The indices of each run of chosen points of a closed line."""
    if chosen.all():
        return [np.arange(len(chosen))]
    first = int(chosen.argmin())
    steps = np.diff(np.concatenate([[0], np.roll(chosen, -first).astype(int), [0]]))
    bounds = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    return [(np.arange(start, stop) + first) % len(chosen) for start, stop in bounds]
