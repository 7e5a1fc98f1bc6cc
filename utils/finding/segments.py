"""The rest of an occluder of which a part was found, such as the sleeve of a hand or the shirt below a head.

It lies beside what was found, has an outline of its own and is unlike any surface where the network sees none.

The photo is parted into segments along its edges. One that leaks into the page or the desk, because an edge is weak, is
mostly page or desk and is not taken.
"""

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Mask, Reals
from utils.page.cells import grow, strongest

# Lengths and areas in pixels of the network; weighed on drawn photos with sleeves and on the pairs of
# `benchmarks/restoration.py` (`benchmarks/NOTES.md`).
EDGE_SOFT_PX = 1.0  # standard deviation of the blur in which edges are looked for
EDGE_LEVELS = 12.0  # change over two pixels that is one
SEGMENT_RIM_PX = 3  # a segment's own pixels end so far before its outline
JOIN_PX = 4  # a segment so near to what is found lies beside it
SMALLEST_PX = 60  # area of a segment, at least
LIKELY = 0.15  # mean probability from which a segment may be none of the page
MOSTLY = 0.8  # share of a segment that is found already, from which the rest need not be likely
UNLIKELY = 0.05  # probability below which a pixel shows a surface that is no occluder
SAME_SURFACE_LEVELS = 12.0  # a segment whose colour differs by less from such a surface is like it
SHADE = 0.8, 1.25  # the least and the most light that such a surface may lie in, as a share of its own
SURFACE_PX = 9  # of their colours the median is taken over so many pixels: print is none of them
SAMPLE_STEP_PX = 2  # of those pixels, every so many both ways are looked at
ALIKE_SHARE = 0.5  # with so much of that colour elsewhere a segment is not taken
ROUNDS = 3  # a shirt of stripes is taken from one to the next
GAP_SHARE = 0.05  # of an occluder: smaller gaps in it are filled, as print on a shirt; in larger ones the page shows


def with_segments(image: Image, probs: Floats, known_mask: Mask, threshold: float, confidence: float) -> Mask:
    """Extend what was found to whole segments of the photo.

    Args:
        image: `(h, w, 3)` uint8 BGR, the photo at the network's size.
        probs: `(h, w)` float32 in [0, 1].
        known_mask: `(h, w)` bool, the occluders found.
        threshold, confidence: a segment of this mean and this largest probability need not lie beside one.

    Returns:
        `(h, w)` bool, all of `known_mask` and what belongs to it.
    """
    if not known_mask.any():
        return known_mask
    count, segments, stats, _ = cv2.connectedComponentsWithStats(_inner(image), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]

    def total(values: AnyArray) -> Reals:
        return np.bincount(segments.ravel(), values.ravel(), count).astype(float)

    open_area = total(~known_mask)
    likely = total(np.where(known_mask, 0, probs)) / np.maximum(open_area, 1)
    large = area >= SMALLEST_PX
    large[0] = False  # the edges
    wanted = large & (open_area > 0) & ((likely >= LIKELY) | (open_area <= (1 - MOSTLY) * area))
    if not wanted.any():
        return known_mask
    every = np.s_[::SAMPLE_STEP_PX, ::SAMPLE_STEP_PX]
    bare = (probs[every] < UNLIKELY) & ~known_mask[every]
    others, numbers = cv2.medianBlur(image, SURFACE_PX)[every][bare].astype(np.float32), segments[every][bare]
    brightness = np.maximum(others.mean(axis=1), 1)
    alone = np.zeros(count, bool)  # need not lie beside what is found
    for segment in np.flatnonzero(wanted):
        inside = segments == segment
        colour = image[inside & ~known_mask].mean(axis=0)
        light = np.clip(colour.mean() / brightness, *SHADE)[:, None]
        alike = (np.abs(light * others - colour) < SAME_SURFACE_LEVELS).all(axis=1) & (numbers != segment)
        wanted[segment] = np.count_nonzero(alike) * SAMPLE_STEP_PX**2 <= ALIKE_SHARE * area[segment]
        alone[segment] = likely[segment] >= threshold and probs[inside].max() >= confidence
    whole = known_mask
    for _ in range(ROUNDS):
        touched = alone.copy()
        touched[segments[grow(whole, JOIN_PX)]] = True
        extended = whole | grow((touched & wanted)[segments], SEGMENT_RIM_PX)
        if np.array_equal(extended, whole):
            break
        whole = extended
    return without_gaps(whole, whole & ~known_mask)


def without_gaps(mask: Mask, occluder: Mask) -> Mask:
    """Fill what lies wholly inside of what is found and is small beside an occluder, all of them `(h, w)` bool."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < GAP_SHARE * np.count_nonzero(occluder)
    small[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    return mask | small[labels]


def _inner(image: Image) -> Image:
    """`(h, w)` uint8, 1 where there is no edge, nor one beside it."""
    soft = cv2.GaussianBlur(image, (0, 0), EDGE_SOFT_PX)
    # Scharr's weights sum up to 16 on each side of a pixel, which are two pixels apart.
    across, down = (cv2.convertScaleAbs(cv2.Scharr(soft, cv2.CV_16S, *way), alpha=1 / 16) for way in ((1, 0), (0, 1)))
    edge = strongest(cv2.max(across, down))
    return cv2.erode((edge <= EDGE_LEVELS).astype(np.uint8), np.ones((3, 3), np.uint8))
