"""The bare paper in a hole meets what is seen along its rim.

Tone is measured on cells and continued smoothly; a fold, a curled page or what is left of a shadow makes it miss what
lies right beside the hole, and the repair then shows as a patch. The difference is measured along the rim, carried into
the hole as a smooth membrane (as seamless cloning does; Pérez, Gangnet and Blake 2003) and fades away inwards, where
what was measured farther out is the better guess. A large difference is met as far as it goes on along the rim: a
shadow does, cut letters and bars leave gaps.

The constants were chosen on windows of drawn life-like photos and by looking at 26 repairs of really covered ones.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Mask
from utils.blend import spread
from utils.page.cells import area_around, list_numbers, mean_channel, strongest, thrice
from utils.page.paper import Paper

SAMPLED_PX = 2  # of the pixels, every so many both ways are looked at
SEEN_RIM_PX = 4.0  # what is seen so near the hole tells what the hole must meet
MEMBRANE_PX = 4  # side of the membrane's cells
MEMBRANE_CELLS = 128  # most of them along a hole; a larger hole has larger ones
TRUSTED_SHARE = 0.25  # of a cell's pixels that are seen and bare, from which it counts in full
LEAST_SEEN_PX = 12  # along the rim; with fewer pixels nothing is known of a surface
UNSEEN_LEVELS = 2.0  # a step of so much shows nowhere; from twice as much on it is met wholly
DARKEST_SHARE, LIGHTEST_SHARE = 0.5, 0.6  # of the paper's own light: what is darker or lighter by more is another thing
AWAY_PX = 3  # side of the square around a pixel in which there is no ink
ANYWHERE_LEVELS = 10.0  # a difference of so much is met anywhere, a larger one as far as it goes on along the rim
LASTING_PX = 36  # side of the square in which it goes on
GAP_LEVELS = 4.0  # where a difference is less, it does not
FADED_RADII = 1.5  # so many times the largest depth of a hole from its rim nothing is changed
LEAST_FADED_PX = 24.0  # nor nearer than this
SHIFTED_ROWS = 64  # so many rows are shifted at a time


def meet_rim(window: Image, hole: Mask, paper: Paper) -> None:
    """Shift the paper's tone in the hole, in place, to what is seen around it, surface by surface.

    Args:
        window: `(h, w, 3)` uint8 BGR, without shadow; what it shows in the hole is not looked at.
        hole: `(h, w)` bool.
        paper: as measured in that window; its tone is changed.
    """
    area = area_around(hole, round(SEEN_RIM_PX) + SAMPLED_PX)
    sampled = tuple(slice(along.start, along.stop, SAMPLED_PX) for along in area)
    covered = hole[sampled].view(np.uint8)
    distance = SAMPLED_PX * cv2.distanceTransform(1 - covered, cv2.DIST_L2, cv2.DIST_MASK_5)
    # Away from ink, whose blur darkens what lies beside it.
    no_ink = (paper.bare[area] | hole[area]).view(np.uint8)
    no_ink = cv2.erode(no_ink, np.ones((AWAY_PX, AWAY_PX), np.uint8))[::SAMPLED_PX, ::SAMPLED_PX]
    ys, xs = np.nonzero((distance > 0) & (distance <= SEEN_RIM_PX) & (no_ink > 0))
    tones = paper.tone[sampled][ys, xs]
    differences = window[sampled][ys, xs] - tones
    light = tones.max(axis=1)
    alike = (differences.min(axis=1) > -DARKEST_SHARE * light) & (differences.max(axis=1) < LIGHTEST_SHARE * light)
    ys, xs, differences = ys[alike], xs[alike], differences[alike]
    numbers = paper.surface[sampled][ys, xs]

    height, width = (along.stop - along.start for along in area)
    cell = MEMBRANE_PX * max(1, -(-max(height, width) // (MEMBRANE_PX * MEMBRANE_CELLS)))
    rows, columns = -(-height // cell), -(-width // cell)
    places = ys * SAMPLED_PX // cell * columns + xs * SAMPLED_PX // cell
    depth = SAMPLED_PX * cv2.distanceTransform(covered, cv2.DIST_L2, cv2.DIST_MASK_5)
    faded_px = max(FADED_RADII * float(depth.max()), LEAST_FADED_PX)
    fading = np.square(np.clip(1 - depth / faded_px, 0, 1))
    inside = cv2.copyTo(paper.surface[area], hole[area].view(np.uint8))
    for number in list_numbers(inside):
        own = numbers == number
        if number == 0 or np.count_nonzero(own) < LEAST_SEEN_PX:
            continue
        count = np.bincount(places[own], minlength=rows * columns)
        sums = [np.bincount(places[own], channel, minlength=rows * columns) for channel in differences[own].T]
        mean = (np.stack(sums, axis=1) / np.maximum(count, 1)[:, None]).astype(np.float32).reshape(rows, columns, 3)
        mean *= thrice(_lasting_share(mean_channel(mean), count.reshape(rows, columns) > 0, cell))
        trust = np.minimum(count * SAMPLED_PX**2 / (TRUSTED_SHARE * cell**2), 1).astype(np.float32)
        membrane = spread(mean, trust.reshape(rows, columns))
        membrane *= thrice(np.clip(strongest(np.abs(membrane)) / UNSEEN_LEVELS - 1, 0, 1))
        for top in range(0, height, SHIFTED_ROWS):  # a hole may take millions of pixels
            strip = inside[top : top + SHIFTED_ROWS] == number
            if strip.any():
                share = cv2.copyTo(_enlarge_rows(fading, SAMPLED_PX, top, strip.shape), strip.view(np.uint8))
                offset = _enlarge_rows(membrane, cell, top, strip.shape)
                cv2.accumulateProduct(offset, thrice(share), paper.tone[area][top : top + SHIFTED_ROWS])
    np.clip(paper.tone[area], 0, 255, out=paper.tone[area])


def _lasting_share(differences: Floats, known: Mask, cell_px: int) -> Floats:
    """How much of large differences goes on along the rim, `(rows, columns)` float32 from 0 to 1.

    Args:
        differences: `(rows, columns)` float32, in levels.
        known: `(rows, columns)` bool, where they are known.
        cell_px: side of a cell.
    """
    cells = max(1, round(LASTING_PX / cell_px))
    amount, weight = np.abs(differences), known.astype(np.float32)
    lasting = np.zeros_like(amount)
    for same in (differences < 0, differences > 0):
        # The harmonic mean is near the least of what it is taken of.
        inverse = weight / (np.where(same, amount, 0) + GAP_LEVELS)
        size = (cells, cells)
        lasting[same] = (cv2.blur(weight, size) / np.maximum(cv2.blur(inverse, size), 1e-6) - GAP_LEVELS)[same]
    met = np.maximum(lasting, ANYWHERE_LEVELS)
    return np.asarray(np.minimum(met / np.maximum(amount, 1e-3), 1), np.float32)


def _enlarge_rows(small: Floats, times: int, top: int, shape: tuple[int, ...]) -> Floats:
    """Some rows of a picture that is enlarged so many times, from `top` on: `(h, w, …)` of a shape `(h, w)`."""
    to_small = np.array([[1, 0, 0.5], [0, 1, top + 0.5]]) / times - [[0, 0, 0.5], [0, 0, 0.5]]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(small, to_small, shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(large, np.float32)
