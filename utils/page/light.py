"""How much light an occluder's shadow leaves on the page around a hole, by cells.

The constants were chosen on drawn photos with shadows (`synthesize.py --seed 7`, PSNR of the whole photo) and on
photographs with pasted occluders, which throw none (`benchmarks/restoration.py`: 3 of 95 windows change);
`PROVEN_TIMES` on life-like scenes (`benchmarks/scenes.py`) and covered photographs, where eight of eleven shadows are
at least 3.4 times as deep as the light is misjudged.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Mask
from utils.page.cells import grow, mean_channel, thrice
from utils.page.tone import EXPECTED_RELAXATIONS, fit_membrane

SHADOW_CELLS = 10  # so near the hole the occluder's shadow may lie
RIM_CELLS = 2.5  # so near the hole a shadow is deepest, and is told from other dark things
SHADOW_SHARE = 0.05  # a shadow takes at least this share of the light on average along the rim
SPECK_SHARE = 0.1  # ink that was missed takes so much more than what lies around it; a shadow is not so steep
PROVEN_TIMES = 3.0  # a shadow is so many times deeper than the light is misjudged where none is expected
MIN_SHADED_CELLS = 25  # a shadow takes so many cells of the rim; what is smaller is a fold, or ink that was missed
FAINTEST_SHADOW = 0.01  # a shadow ends where it takes less of the light than this
DEEPEST_SHADOW = 0.5  # what takes more of the light than this is something else
LIT_PAGE_SHARE = 0.25  # a cell counts from so much bare page on
NARROW_CELLS, WIDE_CELLS = 0.7, 3.0  # standard deviations of the smoothing where cells are many, and where they are few
WIDE_SHARE = 0.03  # weight of the wide smoothing beside the narrow one
SPREAD_CELLS = 2  # so far on from where it is deep a shadow is lifted: to the hole


def measure_light(mean: Floats, share: Floats, hidden: Mask) -> Floats:
    """What each cell has to be multiplied by to be free of the occluder's shadow, `(rows, columns, 3)`, 1 or more.

    The shadow begins at the hole and fades away from it. Cells of the page further out tell how light it is without; on
    desks and at the page's edge it is what it is on the page beside them.

    Args:
        mean: `(rows, columns, 3)`, colour without ink.
        share: `(rows, columns)`, how much of each cell is bare page.
        hidden: `(rows, columns)`, whether the hole takes part of the cell.
    """
    light = np.ones_like(mean)
    distance = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    near_hole, known = distance <= SHADOW_CELLS, share >= LIT_PAGE_SHARE
    outer = np.where(known & ~near_hole, share, 0).astype(np.float32)
    if np.count_nonzero(outer) <= np.count_nonzero(known & near_hole):
        return light
    measured = _missing_light(mean, outer, near_hole)
    amount = mean_channel(measured)
    known &= near_hole & (amount < DEEPEST_SHADOW) & ~_find_specks(amount, known & ~hidden)
    missing, total = _smooth(measured, known.astype(np.float32))
    amount = np.where(near_hole & (total > 1e-3), mean_channel(missing), 0)
    dark = amount > FAINTEST_SHADOW
    rim = known & (distance > 0) & (distance <= RIM_CELLS)
    deep = _find_deep(amount, dark & ~hidden, rim)
    if not deep.any() or amount[rim & deep].mean() < PROVEN_TIMES * _misjudged(mean, share, distance):
        return light
    dark &= grow(deep, SPREAD_CELLS)
    # All of it from twice the faintest on, so that it ends without a step.
    strength = np.clip(amount[dark] / FAINTEST_SHADOW - 1, 0, 1)[:, None]
    light[dark] = np.maximum(1 / (1 - strength * np.clip(missing[dark], 0, DEEPEST_SHADOW)), 1)
    return light


def _missing_light(mean: Floats, outer: Floats, area: Mask) -> Floats:
    """The share of the light that is missing in an area, told from the `outer` weights of cells around it."""
    expected = fit_membrane(mean, outer, area, EXPECTED_RELAXATIONS)
    return np.asarray(1 - mean / np.maximum(expected, 1), np.float32)


def _misjudged(mean: Floats, share: Floats, distance: Floats) -> float:
    """How wrong it is to tell the light from cells farther away, as a share of it: infinite where nobody knows.

    It is tried out twice as far from the hole, where its shadow does not reach: folds, other shadows and uneven light
    are as dark there.
    """
    far, page = distance <= 2 * SHADOW_CELLS, share >= LIT_PAGE_SHARE
    outer, tried = np.where(page & ~far, share, 0).astype(np.float32), page & far & (distance > SHADOW_CELLS)
    if not tried.any() or 2 * np.count_nonzero(outer) <= np.count_nonzero(tried):
        return np.inf
    missing = np.abs(mean_channel(_missing_light(mean, outer, far)))[tried]
    return float(np.sqrt(np.square(np.minimum(missing, DEEPEST_SHADOW)).mean()))


def _smooth(missing: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Missing light averaged over the known cells nearby, and the weight that they have there."""
    missing, total = (
        cv2.GaussianBlur(values, (0, 0), NARROW_CELLS) + WIDE_SHARE * cv2.GaussianBlur(values, (0, 0), WIDE_CELLS)
        for values in (missing * thrice(weight), weight)
    )
    missing /= thrice(np.maximum(total, 1e-3))
    return missing, total


def _find_deep(amount: Floats, dark: Mask, rim: Mask) -> Mask:
    """Connected dark cells that are shadow: deep and long enough along the rim of the hole."""
    count, parts = cv2.connectedComponents(dark.astype(np.uint8), connectivity=8)
    cells = np.bincount(parts[rim], minlength=count)
    deep = np.bincount(parts[rim], amount[rim], minlength=count) > SHADOW_SHARE * cells
    deep &= cells >= MIN_SHADED_CELLS
    deep[0] = False  # what is not dark
    return deep[parts]


def _find_specks(missing: Floats, visible: Mask) -> Mask:
    """Cells that are darker than those around them, of which only wholly visible ones count: ink that was missed."""
    lightest = cv2.erode(np.where(visible, missing, 1).astype(np.float32), np.ones((3, 3), np.uint8))
    around = cv2.dilate(np.where(visible, lightest, -1).astype(np.float32), np.ones((5, 5), np.uint8))
    return missing - around > SPECK_SHARE
