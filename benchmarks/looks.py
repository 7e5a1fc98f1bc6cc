"""What decibels do not tell of a repair: whether rules arrive on the other side of the hole, and whether grain goes on.

Smears win decibels and lose these.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Mask, Plane

THICK_PX = 15  # a line is thinner
DRAWN_RULE_LEVELS = 20  # a rule is darker than what lies around it by so much
RULE_PX = 61  # its least length; strokes of letters are shorter
COVERED_PX = 12  # so much of it at least is hidden
ARRIVES_PX = 1  # so far from where it was it may be drawn
SOUGHT_PX = 4  # so far around it the darkest place is sought
STRONG_SHARE = 0.4  # of its darkness that must be drawn
ARRIVED_SHARE = 0.8  # of its hidden length that must be drawn so
GRAIN_SIGMA_PX = 2.0  # blur that grain does not survive
LEAST_GRAIN = 0.05  # levels; less is rounding
STEP_BAND_PX = 3  # to both sides of a hole's rim: between them lies the step
STEP_SIDE_PX = 15  # of the squares in which both bands are averaged
GRAIN_RING_PX = (3, 40)  # from where to where around the hole grain is measured; from the first on inside it


def rules_continued(image: Image, clean: Image, hole: Mask) -> float | None:
    """Share of the rules through a hole that are drawn where they were, within `ARRIVES_PX`.

    Args:
        image, clean: `(h, w, 3)` uint8, the repaired picture and the truth.
        hole: `(h, w)` bool.

    Returns:
        0 to 1; None where no rule runs through the hole.
    """
    arrived = []
    for turned in (False, True):
        pictures = [np.ascontiguousarray(p.swapaxes(0, 1)) if turned else p for p in (image, clean)]
        drawn, true = (_darkness(picture) for picture in pictures)
        hidden = hole.T if turned else hole
        arrived += [_arrives(drawn, true, hidden, rule) for rule in _lying_rules(true, hidden)]
    return float(np.mean(arrived)) if arrived else None


def _darkness(image: Image) -> Plane:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((THICK_PX, THICK_PX), np.uint8)), np.uint8)


def _lying_rules(darkness: Plane, hole: Mask) -> list[Mask]:
    """The lying rules that enter the hole, each as `(h, w)` bool."""
    dark = cv2.dilate((darkness >= DRAWN_RULE_LEVELS).astype(np.uint8), np.ones((3, 1), np.uint8))  # they may slope
    lines = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, RULE_PX), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines)
    rules = []
    for label in np.unique(labels[hole & (labels > 0)]).tolist():
        rule = labels == label
        covered = int(np.count_nonzero((rule & hole).any(axis=0)))
        visible_px = int(np.count_nonzero((rule & ~hole).any(axis=0)))
        thin = stats[label, cv2.CC_STAT_AREA] < THICK_PX * stats[label, cv2.CC_STAT_WIDTH]
        if covered >= COVERED_PX and visible_px >= RULE_PX // 2 and thin:
            rules.append(rule)
    return rules


def _arrives(drawn: Plane, true: Plane, hole: Mask, rule: Mask) -> bool:
    columns = np.flatnonzero((rule & hole).any(axis=0))
    rows = np.where(rule & hole, true, 0)[:, columns].argmax(axis=0)
    reach = np.arange(-SOUGHT_PX, SOUGHT_PX + 1)
    around = np.clip(rows[None] + reach[:, None], 0, hole.shape[0] - 1)
    levels = drawn[around, columns[None]].astype(int)
    core = levels[np.abs(reach) <= ARRIVES_PX].max(axis=0)
    right = (core >= levels.max(axis=0)) & (core >= STRONG_SHARE * true[rows, columns])
    return bool(right.mean() >= ARRIVED_SHARE)


def grain_kept(image: Image, hole: Mask) -> float | None:
    """Grain inside a hole over that around it: 1 where it goes on, near 0 in a smear.

    Args:
        image: `(h, w, 3)` uint8, the repaired picture.
        hole: `(h, w)` bool.

    Returns:
        The ratio of the median differences from the blurred picture, which text hardly changes; None where there is
        none around the hole, or no inside.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    grain: Floats = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), GRAIN_SIGMA_PX))
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    inside, ring = depth > GRAIN_RING_PX[0], (distance > GRAIN_RING_PX[0]) & (distance <= GRAIN_RING_PX[1])
    if not inside.any() or not ring.any():
        return None
    around = float(np.median(grain[ring]))
    return float(np.median(grain[inside])) / around if around >= LEAST_GRAIN else None


def step_error(image: Image, clean: Image, hole: Mask) -> float:
    """By how many grey levels the step across a hole's rim is not the truth's: 0 where there is no seam.

    Args:
        image, clean: `(h, w, 3)` uint8, the repaired picture and the truth.
        hole: `(h, w)` bool, neither empty nor everything.
    """
    band = np.ones((2 * STEP_BAND_PX + 1,) * 2, np.uint8)
    inside = hole & (cv2.erode(hole.view(np.uint8), band, borderValue=1) == 0)
    outside = ~hole & (cv2.dilate(hole.view(np.uint8), band, borderValue=0) > 0)
    rim = inside & (cv2.dilate(outside.view(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    wrong = _means(image, inside) - _means(image, outside) - _means(clean, inside) + _means(clean, outside)
    return float(np.abs(wrong[rim]).mean())


def _means(image: Image, band: Mask) -> Floats:
    """Mean colour of a band's pixels in the square around each pixel: `(h, w, 3)` float32."""
    size = (STEP_SIDE_PX, STEP_SIDE_PX)
    weights = band.astype(np.float32)
    total = cv2.blur(image.astype(np.float32) * weights[..., None], size, borderType=cv2.BORDER_ISOLATED)
    count = cv2.blur(weights, size, borderType=cv2.BORDER_ISOLATED)
    return np.asarray(total / np.maximum(count, np.float32(1e-6))[..., None], np.float32)
