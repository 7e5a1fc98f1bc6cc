"""How much of an occluder is repaired: the part over the page, or the rest of it beside the page as well.

Beside a page lie desks, cloth, knees. What is even or evenly textured there can be continued; of anything else a repair
shows, and the occluder's rest had better stay: the page then lies in front of it, as if it had been held from behind.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from utils import preprocess
from utils.arrays import Floats, Image, Mask
from utils.options import RemovalOptions, scale_of
from utils.page.cells import grow
from utils.regions import Box, connected_parts, crop

# Pixels of the network; levels of 8 bits. Chosen by looking at repairs of photographs of receipts and books in hands.
AROUND_PX = (25, 75)  # so far around an occluder's rest its surroundings are looked at; farther where few are seen
CLEAR_PX = 4  # nothing is measured so near to an occluder or to the page's edge: each draws the other's aside
LEAST_GROUND_PX = 150  # pixels of surroundings, below which nothing is known of the surroundings
SURELY_BESIDE = 0.7  # probability of pixels that count as surroundings
TEXTURE_BLUR_PX = 2.5  # standard deviation of the blur that leaves no texture
EVEN_LEVELS = 9.0  # standard deviation of even surroundings, blurred
SMALL_REST = 0.3  # share of an occluder: so little of it beside the page goes with it, a torn-off scrap looks worse
# A part over the page that borders on the occluder's rest along more of its rim is a doubt of where the page ends: 27
# such parts of really covered photographs have 0.55 at most, white blots in a sleeve or a pen 0.73 and more.
HELD_SHARE = 0.65  # of a part's rim that lies on what stays, from which it stays too
RIM_PX = 2  # width of that rim, in pixels of the photo
SECTORS, LEAST_IN_SECTOR = 6, 30  # directions from the rest in which texture is compared, and pixels of one
LEAST_SECTORS = 2  # with fewer there is nothing to compare
ALIKE_LEVELS, ALIKE_CONTRAST = 20.0, 8.0  # by which mean and deviation of sectors of one texture differ at most


def without_rest(
    small: Image, off_page: Floats, occluders: Sequence[Mask], grown: Mask, options: RemovalOptions
) -> Mask:
    """Cut off the rest of occluders where it shall stay.

    Args:
        small: `(h, w, 3)` uint8 BGR, the photo at the network's size.
        off_page: `(h, w)` float32, the probability that a pixel is no page.
        occluders: each `(h, w)` bool, an occluder.
        grown: `(H, W)` bool, all of them in the photo, grown.
        options: `scope` is `page` or `auto`.

    Returns:
        `(H, W)` bool, `grown` itself where nothing is cut off.
    """
    covered = np.zeros(small.shape[:2], bool)
    for occluder in occluders:
        covered |= occluder
    page = off_page < 0.5
    complete = np.zeros_like(covered)  # parts that are repaired as a whole
    for occluder in occluders:
        remainder = occluder & ~page
        if not remainder.any() or (options.scope == "auto" and _may_go(small, off_page, remainder, occluder, covered)):
            complete |= grow(occluder, 2 * CLEAR_PX)
    if (complete | page | ~covered).all():
        return grown
    height, width = grown.shape
    no_page = preprocess.resize(np.where(complete, np.float32(0), off_page), height, width) >= 0.5
    mask = grown & ~no_page
    min_area = options.min_area_px * scale_of(height, width) ** 2
    for bounds, pixels in list(connected_parts(mask)):
        if np.count_nonzero(pixels) < min_area or _is_held(bounds, pixels, grown & ~mask):
            crop(mask, bounds)[pixels] = False
    return mask


def _is_held(bounds: Box, pixels: Mask, remainder: Mask) -> bool:
    """Whether a part that was cut off borders on what stays of its occluder far more than on anything else.

    Args:
        bounds, pixels: its box in the photo and `(h, w)` bool, its own pixels there.
        remainder: `(H, W)` bool, what stays.
    """
    window = bounds.padded(RIM_PX, *remainder.shape)
    part_mask = np.zeros((window.height, window.width), bool)
    crop(part_mask, bounds.shifted(-window.x0, -window.y0))[:] = pixels
    rim = grow(part_mask, RIM_PX) & ~part_mask
    return bool(np.count_nonzero(rim & crop(remainder, window)) > HELD_SHARE * np.count_nonzero(rim))


def _may_go(small: Image, off_page: Floats, remainder: Mask, occluder: Mask, covered: Mask) -> bool:
    little = bool(np.count_nonzero(remainder) <= SMALL_REST * np.count_nonzero(occluder))
    return little or is_continuable(small, off_page, remainder, covered)


def is_continuable(small: Image, off_page: Floats, remainder: Mask, covered: Mask) -> bool:
    """Whether what surrounds an occluder's rest beside the page is even, or one texture.

    Args:
        small: `(h, w, 3)` uint8 BGR.
        off_page: `(h, w)` float32.
        remainder: `(h, w)` bool, the part of the occluder beside the page.
        covered: `(h, w)` bool, all occluders.
    """
    page = grow(off_page < SURELY_BESIDE, CLEAR_PX)
    ground = ~grow(covered, CLEAR_PX) & ~page
    reaches = (ground & grow(remainder, reach) for reach in AROUND_PX)
    visible = next((reached for reached in reaches if np.count_nonzero(reached) >= LEAST_GROUND_PX), None)
    if visible is None:
        return False
    ys, xs = np.nonzero(visible)
    soft = cv2.GaussianBlur(small, (0, 0), TEXTURE_BLUR_PX)[ys, xs].astype(np.float64)
    plane = np.stack([np.ones_like(xs), xs, ys], axis=1).astype(np.float64)
    if (soft - plane @ np.linalg.lstsq(plane, soft, rcond=None)[0]).std(axis=0).max() < EVEN_LEVELS:
        return True
    middle_y, middle_x = (float(values.mean()) for values in np.nonzero(remainder))
    sector = ((np.arctan2(ys - middle_y, xs - middle_x) / (2 * np.pi) + 0.5) * SECTORS).astype(int) % SECTORS
    means, contrasts = [], []
    for number in range(SECTORS):
        values = small[ys[sector == number], xs[sector == number]]
        if len(values) >= LEAST_IN_SECTOR:
            means.append(values.mean(axis=0))
            contrasts.append(values.std(axis=0))
    if len(means) < LEAST_SECTORS:
        return False
    return bool(np.ptp(means, axis=0).max() < ALIKE_LEVELS and np.ptp(contrasts, axis=0).max() < ALIKE_CONTRAST)
