"""From a photo to what is removed, what is in doubt and what stays.

The network tells well where something lies on the page and badly where exactly it ends. GrabCut (Rother, Kolmogorov and
Blake 2004, doi:10.1145/1015706.1015720; OpenCV's) draws that line anew from the photo's own colours: paper and occluder
each get a colour model, and the border runs where the colours change, among the pixels of which the network is not sure
and along the rim of all others.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from utils import preprocess
from utils.arrays import Floats, Image, Mask, Plane
from utils.finding.outlines import with_outlines
from utils.finding.page_edge import continue_page
from utils.finding.scope import without_rest
from utils.options import RemovalOptions, growth_px, scale_of
from utils.page.cells import grow
from utils.regions import Box, bounds_of, connected_bounds, crop, to_mask
from utils.stages import Answer, Segmenter

# Both chosen on 27 really covered photos and 21 pasted pairs: erased print fell from 1.39 % to 0.10 % of the pages.
SURE_OCCLUDER = 0.9  # probability from which colours do not decide
OPEN_RIM_PX = 5  # pixels of the network, to both sides of a region's edge, where they always do
TWO_CLASS_SHARE = 0.6  # of the threshold: a network that does not know the page is timid about rims and sleeves
GAP_SHARE = 0.05  # of an occluder: smaller gaps in it are filled, as print on a shirt; in larger ones the page shows
OUTLINE_ROUNDS = 2  # of colour models and cut in turn; more change little
LEARNT_STEP = 2  # colours are learnt from every so many pixels both ways: half the time, and outlines no worse
SMALL_WINDOW = 10_000  # pixels; below it from every one
AROUND_SHARE = 1 / 3  # of an occluder's longer side: how much around it shows the colours of the paper
LEAST_MARGIN = 12  # pixels of the network, for small ones
TYPICAL = 0.75  # quantile of a region's probabilities that stands for it: its soft rim says little
DOUBT_FROM = 0.6  # what is less probable is nothing at all
GRABCUT_NUMBERS = 65  # that OpenCV keeps of the colours on each side
HALF_LEVEL = 128  # half, in the 8 bits in which masks are enlarged to the photo

# Pixels of the network.
ENTRY_PX = 3  # so near the photo's border or the page's edge a region comes in from there
ENTRY_LEAST = 4  # with so many pixels
SMOOTH_PX = 1.0  # standard deviation of the blur along which an outline runs between pixels
TOUCH_LEAST = 10  # of a page below a region, from which it lies on it
EDGE_KNOWN_PX = 2  # the page's edge is known to so much: what reaches no further over it lies beside or behind the page


class Region(NamedTuple):
    """A connected part of what was found.

    Attributes:
        box: its bounds in pixels of the photo.
        confidence: probability in [0, 1] that something covers the page there.
    """

    box: Box
    confidence: float


class Finding(NamedTuple):
    """What was found in a photo.

    Attributes:
        mask: `(H, W)` bool, what to repaint, grown past the occluders' soft edge.
        hidden: `(H, W)` bool, all that is no page and no surroundings: `mask`, the rest of occluders that stay in part,
            and what is in doubt. What a page is made of is never measured there.
        regions: the connected parts of `mask`.
        doubtful: what may be an occluder or a print, and is left alone.
        off_page: `(h, w)` float32, the probability that there is no page, at the network's size; None where it does not
            tell.
        doubted: `(H, W)` bool, the pixels of `doubtful`, beside `mask`; None where there are none.
    """

    mask: Mask
    hidden: Mask
    regions: list[Region]
    doubtful: list[Region]
    off_page: Floats | None = None
    doubted: Mask | None = None


class _Candidate(NamedTuple):
    """A connected part of what the network found, at its size: `mask` `(h, w)` bool and how sure it is."""

    mask: Mask
    confidence: float
    sure: bool


class Sight(NamedTuple):
    """What is seen of a photo at the network's size, before a pixel of the photo itself is needed.

    Attributes:
        small: `(h, w, 3)` uint8 BGR.
        answer: what the network says of it.
        removed, in_doubt: the parts that are removed and those in doubt.
    """

    small: Image
    answer: Answer
    removed: list[_Candidate]
    in_doubt: list[_Candidate]

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to remove and nothing in doubt."""
        return not self.removed and not self.in_doubt


def find(image: Image, segmenter: Segmenter, options: RemovalOptions) -> Finding:
    """Where a photo is covered: `look` and `locate`."""
    return locate(image, look(image, segmenter, options), options)


def look(image: Image, segmenter: Segmenter, options: RemovalOptions) -> Sight:
    """What covers a photo, roughly; where anything does, after a second look at the mirrored photo.

    What is there is there in both; what the network only imagines, it rarely imagines twice. On 27 really covered
    photos that found 0.72 of what covers them instead of 0.67, and erased no more. Clean pages are looked at once, and
    so is everything by a network of two classes: published graphs cost what they did.

    Args:
        image: `(H, W, 3)` uint8 BGR, upright, of any size; the photo may be reduced, but not below the network's size.
        segmenter: what the network sees.
        options: threshold, confidence, what happens to what is in doubt.
    """
    small = segmenter.reduced(image)
    answer = segmenter(small)
    candidates = _candidates(small, answer, options)
    if candidates and answer.off_page is not None:
        answer = answer.averaged(segmenter(np.ascontiguousarray(small[:, ::-1])).mirrored())
        candidates = _candidates(small, answer, options)
        assert answer.off_page is not None  # two answers of one network
        answer = answer._replace(off_page=continue_page(answer.off_page, _union(candidates, small)))
        candidates = [candidate for candidate in candidates if _on_page(candidate.mask, answer.off_page)]
    both = options.doubtful == "remove"
    return Sight(
        small, answer, [p for p in candidates if p.sure or both], [p for p in candidates if not (p.sure or both)]
    )


def locate(image: Image, sight: Sight, options: RemovalOptions) -> Finding:
    """What covers a photo, to the pixel.

    Args:
        image: `(H, W, 3)` uint8 BGR, upright.
        sight: what `look` saw of it.
        options: scope, growth and smallest area.
    """
    small, answer, removed, in_doubt = sight
    shape = image.shape[:2]
    covered = _enlarged(_union(removed, small), shape, options)
    mask = covered
    if answer.off_page is not None and options.scope != "whole" and covered.any():
        mask = without_rest(small, answer.off_page, [candidate.mask for candidate in removed], covered, options)
    if mask.any() and growth_px(options, *shape) > 0:  # ungrown it ends at the occluder's own
        mask = with_outlines(image, mask)
    hidden = mask if mask is covered else mask | covered
    if not in_doubt:
        return Finding(mask, hidden, _regions(mask, removed), [], answer.off_page)
    doubted = _enlarged(_union(in_doubt, small), shape, options)
    hidden = hidden | doubted
    doubted &= ~mask
    doubtful = _regions(doubted, in_doubt)
    return Finding(mask, hidden, _regions(mask, removed), doubtful, answer.off_page, doubted if doubtful else None)


def _candidates(image: Image, answer: Answer, options: RemovalOptions) -> list[_Candidate]:
    """What may cover a page; what lies beside every page is none."""
    return [part for part in _judged(image, answer, options) if _on_page(part.mask, answer.off_page)]


def _judged(image: Image, answer: Answer, options: RemovalOptions) -> Iterator[_Candidate]:
    """The parts found, with what the network says of each; those that it doubts come too."""
    everything = follow_outlines(image, answer, options.threshold)
    for box, pixels in _components(everything):
        probs = crop(answer.covered, box)[pixels]
        certain = probs[probs >= options.threshold]
        confidence = float(np.quantile(certain, TYPICAL)) if certain.size else 0.0
        region = np.zeros_like(everything)
        crop(region, box)[:] = pixels
        needed = options.confidence if _enters(region, answer.off_page) else options.confidence_inside
        if confidence >= DOUBT_FROM:
            yield _Candidate(region, confidence, confidence >= needed)


def _enters(region: Mask, off_page: Floats | None) -> bool:
    """Whether a region comes in over the photo's border or over the page's edge: prints lie inside, hands do not."""
    reach = ENTRY_PX
    border = np.count_nonzero(region[:reach]) + np.count_nonzero(region[-reach:])
    border += np.count_nonzero(region[:, :reach]) + np.count_nonzero(region[:, -reach:])
    if border >= ENTRY_LEAST * reach:
        return True
    if off_page is None:
        return False
    return bool(np.count_nonzero(grow(region, reach) & (off_page >= 0.5)) >= ENTRY_LEAST * reach)


def _on_page(region: Mask, off_page: Floats | None) -> bool:
    """Whether a region lies on a page, in part at least: what lies beside every page stays."""
    return off_page is None or bool(np.count_nonzero(region & ~grow(off_page >= 0.5, EDGE_KNOWN_PX)) >= TOUCH_LEAST)


def _union(candidates: list[_Candidate], small: Image) -> Mask:
    union = np.zeros(small.shape[:2], bool)
    for candidate in candidates:
        union |= candidate.mask
    return union


def _enlarged(small_mask: Mask, shape: tuple[int, ...], options: RemovalOptions) -> Mask:
    """A mask of the network's size at the photo's, grown and without specks."""
    height, width = shape[:2]
    if not small_mask.any():
        return np.zeros((height, width), bool)
    soft = cv2.GaussianBlur(small_mask.astype(np.uint8) * 255, (0, 0), SMOOTH_PX)  # else pixels show as steps
    levels = preprocess.resize(soft, height, width)
    scale = scale_of(height, width)
    return to_mask(levels, HALF_LEVEL, growth_px(options, height, width), options.min_area_px * scale**2)


def _regions(mask: Mask, candidates: list[_Candidate]) -> list[Region]:
    """The connected regions of a photo's mask, each as sure as the surest part in it."""
    regions = []
    for box in connected_bounds(mask):
        sure = 0.0
        for candidate in candidates:
            rows, columns = candidate.mask.shape[0] / mask.shape[0], candidate.mask.shape[1] / mask.shape[1]
            y0, y1 = int(box.y0 * rows), max(int(box.y0 * rows) + 1, round(box.y1 * rows))
            x0, x1 = int(box.x0 * columns), max(int(box.x0 * columns) + 1, round(box.x1 * columns))
            if candidate.mask[y0:y1, x0:x1].any():
                sure = max(sure, candidate.confidence)
        regions.append(Region(box, round(sure, 3)))
    return regions


def follow_outlines(image: Image, answer: Answer, threshold: float) -> Mask:
    """Let regions end where the colours change.

    Args:
        image: `(h, w, 3)` uint8 BGR, the photo at the network's size.
        answer: what the network says of it, `(h, w)`.
        threshold: probability from which a pixel is taken for an occluder, unless colours decide otherwise. A region
            that nowhere reaches it is none.

    Returns:
        `(h, w)` bool, True on the occluders, not grown.
    """
    probs = answer.covered
    mask = np.zeros(probs.shape, bool)
    for box, pixels in _components(probs >= (TWO_CLASS_SHARE if answer.off_page is None else 1) * threshold):
        if crop(probs, box)[pixels].max() < threshold:
            continue
        margin = max(LEAST_MARGIN, round(AROUND_SHARE * max(box.width, box.height)))
        window = box.padded(margin, *probs.shape)
        region = np.zeros((window.height, window.width), bool)
        crop(region, box.shifted(-window.x0, -window.y0))[:] = pixels
        crop(mask, window)[:] |= _cut(crop(image, window), _leave_open(region, crop(probs, window) >= SURE_OCCLUDER))
    return mask


def _leave_open(region: Mask, sure: Mask) -> Plane:
    """GrabCut's classes of a region, `(h, w)` bool like the pixels of which the network is sure."""
    kernel = np.ones((2 * OPEN_RIM_PX + 1,) * 2, np.uint8)
    classes = np.where(cv2.dilate(region.view(np.uint8), kernel) > 0, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    classes[region] = cv2.GC_PR_FGD
    classes[cv2.erode((region & sure).view(np.uint8), kernel) > 0] = cv2.GC_FGD
    return classes


def _cut(image: Image, classes: Plane) -> Mask:
    """One region by its colours.

    Args:
        image: `(h, w, 3)` uint8 BGR.
        classes: `(h, w)` uint8, GrabCut's, what is known and what is left open; changed in place.

    Returns:
        `(h, w)` bool, True inside.
    """
    occluder = _is_occluder(classes)
    if occluder.all() or not occluder.any():  # nothing to tell colours from
        return occluder
    step = LEARNT_STEP if classes.size >= SMALL_WINDOW else 1
    reduced_classes = np.ascontiguousarray(classes[::step, ::step])
    if not _is_occluder(reduced_classes).any() or _is_occluder(reduced_classes).all():
        return occluder
    models = np.zeros((1, GRABCUT_NUMBERS)), np.zeros((1, GRABCUT_NUMBERS))
    cv2.setRNGSeed(0)  # of the first colour clusters: the same photo gives the same mask
    cv2.grabCut(
        np.ascontiguousarray(image[::step, ::step]),
        reduced_classes,
        None,
        *models,
        OUTLINE_ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    # The line itself is drawn among all pixels where it may run, with one pixel of sure paper around them.
    bounds = bounds_of(classes != cv2.GC_BGD)
    assert bounds is not None
    window = bounds.padded(1, *classes.shape)
    open_classes = np.ascontiguousarray(crop(classes, window))
    cv2.grabCut(np.ascontiguousarray(crop(image, window)), open_classes, None, *models, 1, cv2.GC_EVAL_FREEZE_MODEL)
    crop(classes, window)[:] = open_classes
    return _without_gaps(_is_occluder(classes))


def _without_gaps(occluder: Mask) -> Mask:
    """Fill what lies wholly inside of an occluder, `(h, w)` bool, and is small beside it."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~occluder).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < GAP_SHARE * np.count_nonzero(occluder)
    small[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    return occluder | small[labels]


def _is_occluder(classes: Plane) -> Mask:
    return (classes == cv2.GC_FGD) | (classes == cv2.GC_PR_FGD)


def _components(mask: Mask) -> Iterator[tuple[Box, Mask]]:
    """The connected parts of an `(h, w)` mask: the bounds of each and its pixels within them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for label, (x, y, w, h, _) in enumerate(stats[:count].tolist()):
        if label:
            box = Box(x, y, x + w, y + h)
            yield box, crop(labels, box) == label
