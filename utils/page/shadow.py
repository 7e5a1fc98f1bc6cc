"""The shadow that an occluder throws on the page beside it, lifted; what is written there is kept.

A clear shadow is measured with the paper, by cells (`Paper.light`). What is left of it at the hole, or was too faint
for that, would stand around the repair as a line: it is measured in narrow bands along the edge of the hole.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Mask, Reals
from utils.page.cells import CELL_PX, area_around, enlarge, strongest
from utils.page.light import SHADOW_CELLS
from utils.page.paper import Paper

REACH_PX = (SHADOW_CELLS + 1) * CELL_PX  # so far from the hole a shadow may lie ...
RIM_PX = 24  # ... and so far one that is too faint or too narrow for cells
BAND_PX = 4  # it is measured in bands so wide ...
ALONG_PX = 34  # ... each over so much of the edge ...
LENGTH_PX = 66  # ... and is at least so long
BORDER_PX = 25  # width of the band along borders between surfaces where none is looked for
STEP_PX = 2  # of the pixels, every so many both ways are looked at
FEWEST_SEEN = 0.01  # bare paper in a square of `ALONG_PX`, as a share of it; from less of it less is lifted
PRINT_SHARE = 0.08  # what takes more of the light than this is print that was missed, or a thing
HALF_LEVEL = 0.5 / 255  # changes nothing
FAINTEST_RIM = 0.006  # what takes less of the light than this is none; from twice as much on all of it is lifted


def lift_shadow(window: Image, hole: Mask, paper: Paper) -> tuple[Image, Mask]:
    """Give the page at a hole the light back that the occluder takes from it.

    Args:
        window: `(h, w, 3)` uint8 BGR.
        hole: `(h, w)` bool. Nothing is measured there; at its edge pixels are changed like those beside them, so that a
            repair can fade in.
        paper: as measured in that window.

    Returns:
        `(h, w, 3)` uint8, the window without the shadow, itself where there is none; and `(h, w)` bool, where it
        differs outside the hole.
    """
    shade = np.zeros(hole.shape, bool)
    part = area_around(hole, REACH_PX)
    lifted, changed = window[part], shade[part]
    if paper.light.max() > 1:
        light = enlarge(paper.light, part)
        lifted, changed = _multiplied(lifted, light), strongest(light) > 1
    page = cv2.erode((paper.surface[part] == paper.page).view(np.uint8), np.ones((BORDER_PX, BORDER_PX), np.uint8)) > 0
    rim = _rim(lifted, hole[part], paper.tone[part], paper.bare[part], page)
    if rim.any():
        lifted, changed = _multiplied(lifted, 1 / (1 - rim[..., None])), changed | (rim > 0)
    if not changed.any():
        return window, shade
    whole = window.copy()
    whole[part] = lifted
    shade[part] = changed & ~hole[part]
    return whole, shade


def _rim(window: Image, hole: Mask, tone: Floats, bare: Mask, page: Mask) -> Floats:
    """Share of the light that a shadow takes right beside a hole, `(h, w)` float32; 0 further away and off the page."""
    few = np.s_[::STEP_PX, ::STEP_PX]
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[few]
    missing = 1 - window[few].mean(axis=2, dtype=np.float32) / np.maximum(tone[few].mean(axis=2), 1)
    known = bare[few] & page[few] & (np.abs(missing) < PRINT_SHARE)
    square = ALONG_PX // STEP_PX, ALONG_PX // STEP_PX

    def band(near: float) -> tuple[Floats, Mask]:
        own = (known & (away > near) & (away <= near + BAND_PX)).astype(np.float32)
        seen = cv2.blur(own, square)
        amount = cv2.blur(missing * own, square) / np.maximum(seen, FEWEST_SEEN)
        return np.maximum(amount, 0), seen > FEWEST_SEEN

    beyond, _ = band(RIM_PX)  # what is as dark there is no shadow of the edge
    amount, seen = band(0)
    last = np.maximum(amount - beyond, 0)
    # A shadow goes on along the edge, print that shows through does not.
    length = np.ones((LENGTH_PX // STEP_PX, LENGTH_PX // STEP_PX), np.uint8)
    least = cv2.dilate(np.where(seen, cv2.erode(np.where(seen, last, 1), length), 0), length)
    rim = np.where(away <= BAND_PX / 2, last, 0)
    for near in range(BAND_PX, RIM_PX + BAND_PX, BAND_PX):
        amount = band(near)[0] if near < RIM_PX else beyond
        this = np.clip(amount - beyond, 0, last)  # it fades away from the edge
        way = (away - near) / BAND_PX + 0.5  # from the middle of the last band to that of this one
        rim += np.where((way > 0) & (way <= 1), last + way * (this - last), 0)
        last = this
    rim *= np.clip(least / FAINTEST_RIM - 1, 0, 1)
    rim = cv2.resize(rim.astype(np.float32), hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(page & (rim > HALF_LEVEL), rim, 0), np.float32)


def _multiplied(image: Image, factors: Reals) -> Image:
    return np.asarray(cv2.convertScaleAbs(image * factors), np.uint8)
