"""From a photo to the mask that is repaired: what the segmentation net is sure of, drawn to its outline, grown.

The network tells well where something lies on the page and badly where exactly it ends. GrabCut (Rother, Kolmogorov and
Blake 2004, doi:10.1145/1015706.1015720; OpenCV's) draws that line anew from the photo's own colours: paper and occluder
each get a colour model, and the border runs where the colours change, within what the network leaves open.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from utils import preprocess
from utils.arrays import Floats, Image, Mask, Plane
from utils.finding.outlines import with_outlines
from utils.finding.segments import with_segments, without_gaps
from utils.options import RemovalOptions, growth_px, scale_of
from utils.regions import Box, bounds_of, crop, to_mask
from utils.stages import Segmenter

# What the network leaves open lies between two probabilities: this share of the threshold, and this one.
SURE_PAPER = 0.4
SURE_OCCLUDER = 0.98
OUTLINE_ROUNDS = 2  # of colour models and cut in turn; more change little
LEARNT_STEP = 2  # colours are learnt from every so many pixels both ways: half the time, and outlines no worse
SMALL_WINDOW = 10_000  # pixels; below it from every one
SURROUNDINGS = 1 / 3  # of an occluder's longer side: how much around it shows the colours of the paper
FEWEST_SURROUNDINGS = 12  # pixels of the network, for small ones
HALF_LEVEL = 128  # half, in the 8 bits in which masks are enlarged to the photo


def find_mask(image: Image, segmenter: Segmenter, options: RemovalOptions) -> Mask:
    """Where a photo is covered.

    Args:
        image: `(H, W, 3)` uint8 BGR, upright, of any size.
        segmenter: gives the probabilities.
        options: threshold, confidence, growth and smallest area.

    Returns:
        `(H, W)` bool, True on occluders, grown past their soft edge.
    """
    small = segmenter.reduced(image)
    probs = segmenter(small)
    found = follow_outlines(small, probs, options.threshold, options.confidence)
    levels = preprocess.resize(found.astype(np.uint8) * 255, *image.shape[:2])
    scale = scale_of(*image.shape[:2])
    growth = growth_px(options, *image.shape[:2])
    mask = to_mask(levels, HALF_LEVEL, growth, options.min_area_px * scale**2)
    return with_outlines(image, mask) if growth > 0 else mask  # ungrown it ends at the occluder's own


def follow_outlines(image: Image, probs: Floats, threshold: float, confidence: float) -> Mask:
    """Drop regions that the network is nowhere sure of, and let the others end where the colours change.

    Args:
        image: `(h, w, 3)` uint8 BGR, the photo at the network's size.
        probs: `(h, w)` float32 in [0, 1].
        threshold: a pixel of less than `SURE_PAPER` of this probability is paper; of the others colours decide, where
            the network is not sure.
        confidence: a region in which no pixel reaches this probability is dropped.

    Returns:
        `(h, w)` bool, True on the occluders, not grown.
    """
    found = np.zeros(probs.shape, bool)
    for box, part in _parts(probs >= SURE_PAPER * threshold):
        if crop(probs, box)[part].max() < max(confidence, threshold):
            continue
        margin = max(FEWEST_SURROUNDINGS, round(SURROUNDINGS * max(box.width, box.height)))
        window = box.padded(margin, *probs.shape)
        alone = np.zeros((window.height, window.width), np.float32)
        crop(alone, box.shifted(-window.x0, -window.y0))[part] = crop(probs, box)[part]
        crop(found, window)[:] |= _cut(crop(image, window), alone, threshold)
    return with_segments(image, probs, found, threshold, max(confidence, threshold))


def _cut(image: Image, probs: Floats, threshold: float) -> Mask:
    """One region by its colours: photo `(h, w, 3)` and probabilities `(h, w)` there → `(h, w)` bool, True inside."""
    # What is left open begins as occluder: a sleeve of which the network is in doubt is unlike any paper around it.
    classes = np.where(probs >= SURE_PAPER * threshold, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    classes[probs >= SURE_OCCLUDER] = cv2.GC_FGD
    occluder = _is_occluder(classes)
    if occluder.all() or not occluder.any():  # nothing to tell colours from
        return occluder
    step = LEARNT_STEP if classes.size >= SMALL_WINDOW else 1
    few = np.ascontiguousarray(classes[::step, ::step])
    if not _is_occluder(few).any() or _is_occluder(few).all():
        return occluder
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # of the first colour clusters: the same photo gives the same mask
    cv2.grabCut(np.ascontiguousarray(image[::step, ::step]), few, None, *models, OUTLINE_ROUNDS, cv2.GC_INIT_WITH_MASK)
    # The line itself is drawn among all pixels where it may run, with one pixel of sure paper around them.
    bounds = bounds_of(classes != cv2.GC_BGD)
    assert bounds is not None
    around = bounds.padded(1, *classes.shape)
    part = np.ascontiguousarray(crop(classes, around))
    cv2.grabCut(np.ascontiguousarray(crop(image, around)), part, None, *models, 1, cv2.GC_EVAL_FREEZE_MODEL)
    crop(classes, around)[:] = part
    occluder = _is_occluder(classes)
    return without_gaps(occluder, occluder)


def _is_occluder(classes: Plane) -> Mask:
    return (classes == cv2.GC_FGD) | (classes == cv2.GC_PR_FGD)


def _parts(found: Mask) -> Iterator[tuple[Box, Mask]]:
    """The connected parts of an `(h, w)` mask: the bounds of each and its pixels within them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    for label, (x, y, w, h, _) in enumerate(stats[:count].tolist()):
        if label:
            box = Box(x, y, x + w, y + h)
            yield box, crop(labels, box) == label
