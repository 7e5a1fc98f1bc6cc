"""The shadow that an occluder throws on the page beside it, lifted; what is written there is kept.

A clear shadow is measured with the paper, by cells (`Paper.light`). What is left of it at the hole, or was too faint
for that, would stand around the repair as a line: it is measured in narrow bands along the edge of the hole. Their
constants were chosen on drawn photos with shadows (`synthesize.py`, seeds 7 and 21) by the PSNR of the whole photo, and
on photographs with pasted occluders, which throw none and must stay as they are.
"""

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Mask
from utils.page.cells import CELL_PX, area_around, enlarge, mean_channel, strongest, thin_out, thrice
from utils.page.light import SHADOW_CELLS
from utils.page.paper import Paper

CLEAR_REACH_PX = (SHADOW_CELLS + 1) * CELL_PX  # so far from the hole a shadow may lie that cells show
FAINT_REACH_PX = 24  # so far from the hole a shadow may lie that is too faint or too narrow for cells
BAND_PX = 4  # width of the bands along the edge in which it is measured
BAND_SQUARE_PX = 34  # side of the squares in which a band is averaged: letters average out, the light hardly changes
LENGTH_PX = 66  # a shadow goes on for at least so much along the edge, print that shows through does not
MIXED_PX = 25  # width of the band along borders between surfaces where none is looked for: both mix there
SPARSE_PX = 2  # of the pixels, every so many both ways are looked at
NEARER_PX = 0.5  # on average the hole is so much nearer than its nearest pixel that is looked at
MIN_BAND_SHARE = 0.01  # of a square that is bare paper of the band; from less of it less is lifted
PRINT_LIGHT_SHARE = 0.08  # what takes more of the light than this is print that was missed, or a thing
PROVEN_LIGHT_SHARE = 0.3  # the same where cells show a shadow: right beside the hole it is deeper than their mean
FAINTEST_RIM = 0.006  # what takes less of the light than this is no shadow; from twice as much on all of it is lifted
UNSEEN_SHARE = 0.5 / 255  # of the light: half a level, which changes nothing


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
    lifted = window
    if paper.light.max() > 1:
        area = area_around(hole, CLEAR_REACH_PX)
        light = enlarge(paper.light, area)
        lifted = _brighten(window, light, area)
        shade[area] = strongest(light) > 1
    area = area_around(hole, FAINT_REACH_PX + BAND_PX + BAND_SQUARE_PX)
    page = (paper.surface[area] == paper.page).view(np.uint8)
    page = cv2.erode(page, np.ones((MIXED_PX, MIXED_PX), np.uint8)) > 0
    rim = _measure_rim(lifted[area], hole[area], paper.tone[area], paper.bare[area], page, shade[area])
    if rim.any():
        lifted = _brighten(lifted, 1 / (1 - thrice(rim)), area)
        shade[area] |= rim > 0
    shade &= ~hole
    return lifted, shade


def _brighten(image: Image, factors: AnyArray, area: tuple[slice, slice]) -> Image:
    """A copy of the image, an area of which is multiplied by `(h, w, 3)` factors."""
    brightened = image.copy()
    cv2.multiply(image[area], factors, brightened[area], dtype=cv2.CV_8U)
    return brightened


def _measure_rim(window: Image, hole: Mask, tone: Floats, bare: Mask, page: Mask, shade: Mask) -> Floats:
    """Share of the light that a shadow takes right beside a hole, `(h, w)` float32; 0 further away and off the page.

    Args:
        window: `(h, w, 3)` uint8, without what cells showed of the shadow.
        hole, bare, page: `(h, w)` bool; the last, where the page is surely.
        tone: `(h, w, 3)` float32, the paper's.
        shade: `(h, w)` bool, where cells showed a shadow.
    """
    sparse = np.s_[::SPARSE_PX, ::SPARSE_PX]
    covered = np.ascontiguousarray(hole[sparse]).view(np.uint8)
    distance_px = SPARSE_PX * cv2.distanceTransform(1 - covered, cv2.DIST_L2, cv2.DIST_MASK_5)
    distance_px = np.maximum(distance_px - NEARER_PX, 0)
    colour, usual = (mean_channel(thin_out(picture, SPARSE_PX)) for picture in (window, tone))
    missing = 1 - colour / np.maximum(usual, 1)
    most = np.where(shade[sparse], PROVEN_LIGHT_SHARE, PRINT_LIGHT_SHARE)
    known = bare[sparse] & page[sparse] & (np.abs(missing) < most)

    def band(start_px: float) -> tuple[Floats, Floats]:
        chosen = (known & (distance_px > start_px) & (distance_px <= start_px + BAND_PX)).view(np.uint8)
        return _average(cv2.copyTo(missing, chosen)), _average(chosen.astype(np.float32))

    beyond, _ = _mean_of(*band(FAINT_REACH_PX))  # what is as dark there is no shadow of the edge
    amount, enough = _mean_of(*band(0))
    amount = np.maximum(amount - beyond, 0)
    steady = np.clip(_least_along(amount, enough) / FAINTEST_RIM - 1, 0, 1)
    if not steady.any():
        return np.zeros(hole.shape, np.float32)
    # Nothing reaches farther, nor deeper into the hole.
    deep = cv2.erode(covered, np.ones((BAND_SQUARE_PX // SPARSE_PX + 1,) * 2, np.uint8), borderValue=1)
    at = np.flatnonzero((distance_px <= FAINT_REACH_PX + BAND_PX) & (steady > 0) & (deep == 0))
    away_px, inner, beyond = distance_px.ravel()[at], amount.ravel()[at], beyond.ravel()[at]
    light = np.zeros_like(inner)
    for start_px in range(BAND_PX, FAINT_REACH_PX + BAND_PX, BAND_PX):
        amount = beyond
        if start_px < FAINT_REACH_PX:
            amount, _ = _mean_of(*(average.ravel()[at] for average in band(start_px)))
        outer = np.clip(amount - beyond, 0, inner)  # it fades away from the edge
        way = (away_px - start_px) / BAND_PX + 0.5  # from the middle of the inner band to that of the outer one
        first = -1 if start_px == BAND_PX else 0  # right at the edge it is deeper than in the middle of the first band
        light += np.where((way > first) & (way <= 1), inner + way * (outer - inner), 0)
        inner = outer
    rim = np.zeros(distance_px.shape, np.float32)
    rim.ravel()[at] = light * steady.ravel()[at]
    rim = cv2.resize(rim, hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(page & (rim > UNSEEN_SHARE), rim, 0), np.float32)


def _average(plane: Floats) -> Floats:
    """The mean of the square around each pixel."""
    side = BAND_SQUARE_PX // SPARSE_PX
    return np.asarray(cv2.blur(plane, (side, side)), np.float32)


def _mean_of(amount: Floats, share: Floats) -> tuple[Floats, Mask]:
    """Mean over the chosen pixels, 0 or more, from that over all and their share; and where enough are chosen."""
    return np.maximum(amount / np.maximum(share, MIN_BAND_SHARE), 0), share > MIN_BAND_SHARE


def _least_along(amount: Floats, measured: Mask) -> Floats:
    """The amount that holds on for `LENGTH_PX` at each pixel, of what is measured."""
    square = np.ones((LENGTH_PX // SPARSE_PX, LENGTH_PX // SPARSE_PX), np.uint8)
    known = measured.view(np.uint8)
    least = cv2.erode(cv2.copyTo(amount, known, np.ones_like(amount)), square)
    return np.asarray(cv2.dilate(cv2.copyTo(least, known), square), np.float32)
