"""The colour of one bare surface on every cell, below ink and below the hole: a plane plus a membrane.

The constants were chosen on the drawn pages of `benchmarks/structure.py`.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Mask
from utils.blend import spread
from utils.page.cells import grow, mean_channel, thrice

MIN_CELL_SHARE = 0.08  # a cell counts from so much bare paper on: less is the rim of ink
DARK_CELLS = 3  # so near the hole a surface is not continued from cells that are darker than expected
DARK_LEVELS = 5.0  # a cell beside the hole that is so much darker is its shadow, or the edge of a thing
OUTER_PER_BESIDE = 4  # known cells further out for each beside the hole, before these are judged by those
RELAXATIONS = 60  # membrane steps after the pull-push fill, which alone shows its pyramid
EXPECTED_RELAXATIONS = 8  # membrane steps where the fill is only compared with
SMOOTH_CELLS = 1.5  # standard deviation of the smoothing of what is measured
MIN_SMOOTH_WEIGHT = 0.05  # a cell is known from so much smoothed weight on
TREND_CELLS = 1000  # known cells, evenly taken, that tell the plane: more change it by 0.03 levels on average
TREND_RIDGE = 1e-6, 1e-2, 1e-2  # on the plane's level and slopes, in shares of the weight: few cells tell no slope
OUTLIER_MEDIANS = 3.0  # a cell so many times the median distance off the plane is left out of it
MIN_OUTLIER_LEVELS = 4.0  # a cell that is nearer to the plane than this stays in it


def continue_tone(mean: Floats, share: Floats, hidden: Mask) -> Floats:
    """Colour of one surface on every cell, `(rows, columns, 3)` in levels.

    Args:
        mean: `(rows, columns, 3)`, colour of each cell.
        share: `(rows, columns)`, how much of each cell is this surface, bare.
        hidden: `(rows, columns)`, True where the hole takes a part of the cell.
    """
    weight = np.where((share > MIN_CELL_SHARE) & ~hidden, share, 0).astype(np.float32)
    if not weight.any():  # no cell is wholly visible: what is seen of each has to do
        weight = share.astype(np.float32)
    near_hole = grow(hidden, DARK_CELLS)
    outer = np.where(near_hole, 0, weight).astype(np.float32)
    beside_count = int(np.count_nonzero(near_hole & ~hidden))
    is_beside = weight[near_hole].any()  # else there is nothing to judge
    if is_beside and np.count_nonzero(outer) > OUTER_PER_BESIDE * max(1, beside_count):
        expected = fit_membrane(mean, outer, near_hole, EXPECTED_RELAXATIONS)
        dark = near_hole & (mean_channel(expected - mean) > DARK_LEVELS)
        weight = np.where(dark, 0, weight).astype(np.float32)
    return fit_membrane(mean, weight, near_hole, RELAXATIONS)


def fit_membrane(mean: Floats, weight: Floats, needed: Mask, relaxations: int) -> Floats:
    """Trend, smoothed deviations from it where they are known, and elsewhere their membrane, exact where needed.

    Args:
        mean: `(rows, columns, 3)`, colour of each cell in levels.
        weight: `(rows, columns)`, 0 where it is unknown.
        needed: `(rows, columns)`, True where the membrane is relaxed.
        relaxations: steps of it.
    """
    trend = _fit_plane(mean, weight)
    deviation = (mean - trend) * thrice(weight)
    total = cv2.GaussianBlur(weight, (0, 0), SMOOTH_CELLS)
    smooth = cv2.GaussianBlur(deviation, (0, 0), SMOOTH_CELLS) / thrice(np.maximum(total, 1e-4))
    known = (weight > 0) & (total > MIN_SMOOTH_WEIGHT)
    values = spread(smooth, known.astype(np.float32))
    free = needed & ~known
    if free.any() and known.any():
        x, y, width, height = cv2.boundingRect(free.astype(np.uint8))
        area = np.s_[max(0, y - 1) : y + height + 1, max(0, x - 1) : x + width + 1]
        membrane, moving = values[area], free[area].astype(np.uint8)
        for _ in range(relaxations):
            cv2.copyTo(cv2.blur(membrane, (3, 3), borderType=cv2.BORDER_REFLECT_101), moving, membrane)
    return np.clip(values + trend, 0, 255).astype(np.float32)


def _fit_plane(mean: Floats, weight: Floats) -> Floats:
    """Plane through the known cells `(rows, columns, 3)`, twice fitted, the second time without what lies far off."""
    rows, columns = weight.shape
    y, x = (((np.arange(count) - count / 2) / max(rows, columns)).astype(np.float32) for count in (rows, columns))
    known = np.flatnonzero(weight)
    known = known[:: max(1, len(known) // TREND_CELLS)]
    colours, shares = mean.reshape(-1, 3)[known], weight.ravel()[known]
    row, column = np.divmod(known, columns)
    basis = np.stack([np.ones(len(known), np.float32), x[column], y[row]], axis=1)
    current = shares
    planes = np.zeros((3, 3), np.float32)
    for _ in range(2):
        scaled = basis * current[:, None]
        normal = scaled.T @ basis + np.diag(TREND_RIDGE) * max(float(current.sum()), 1e-6)
        planes = np.linalg.solve(normal, scaled.T @ colours).astype(np.float32)
        distance = np.abs(colours - basis @ planes).max(axis=1, initial=0)
        limit = max(MIN_OUTLIER_LEVELS, OUTLIER_MEDIANS * float(np.median(distance))) if len(known) else 0.0
        current = np.where(distance < limit, shares, 0)
    channels = [np.add.outer(y * down, level + x * across) for level, across, down in planes.T]
    return np.asarray(cv2.merge(channels), np.float32)
