"""Paste a patch into a photo without a seam: tone matched to the surroundings, edge feathered."""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Mask
from utils.regions import Box, crop

# Width of the ring around the hole whose colour the patch is matched to, as a share of the crop's longer side:
# about 45 pixels of a crop of 1536, wide enough to average over a line of text.
RING_SHARE = 0.03

# The colour offset is smooth, so it is solved on a reduced picture of at most this many pixels a side.
OFFSET_SIDE = 192

# Where known values are spread, a pixel of half the size counts in full from so much of its area on.
FULL_FROM = 1 / 4


def paste(image: Image, patch: Image, mask: Mask, box: Box, feather_px: float) -> None:
    """Blend `patch` into `image` inside the mask; every other pixel keeps its value.

    Args:
        image: `(H, W, 3)` uint8, changed in place inside `box`.
        patch: `(h, w, 3)` uint8, the repaired crop.
        mask: `(h, w)` bool, True where the crop is repaired.
        box: where the crop lies in `image`.
        feather_px: over how many pixels, inwards from the edge of the mask, the patch fades in. The border of the
            photo is no edge: nothing is visible beyond it.
    """
    target = crop(image, box)
    if feather_px <= 0:
        cv2.copyTo(patch, mask.astype(np.uint8), target)
        return
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    whole = depth > feather_px
    cv2.copyTo(patch, whole.astype(np.uint8), target)  # 30 times as fast as indexing
    edge = np.nonzero(mask & ~whole)
    alpha = depth[edge][:, None] / np.float32(feather_px + 1)
    target[edge] = np.rint(target[edge] * (1 - alpha) + patch[edge] * alpha).astype(np.uint8)


def match_tone(patch: Image, surroundings: Image, mask: Mask) -> Image:
    """Shift the colours of a patch so that they meet the surroundings all along the hole.

    The difference between photo and patch is measured in a ring around the hole, where the generator has drawn what
    is visible anyway, and carried into the hole as a smooth membrane.

    Args:
        patch: `(s, t, 3)` uint8, the generator's picture of the whole crop, at any size.
        surroundings: `(h, w, 3)` uint8, the crop of the photo.
        mask: `(h, w)` bool, True in the hole.

    Returns:
        `(s, t, 3)` uint8; `patch` itself where the hole leaves no ring.
    """
    height, width = mask.shape
    scale = min(1.0, OFFSET_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    hole = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    radius = max(2.0, RING_SHARE * max(size))
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    ring = (distance > 0) & (distance <= radius)
    if not ring.any():
        return patch
    difference = cv2.resize(surroundings, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    difference -= cv2.resize(patch, size, interpolation=cv2.INTER_AREA)
    offset = spread(difference, ring.astype(np.float32))
    offset = cv2.resize(offset, patch.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.add(patch, offset, dtype=cv2.CV_8U), np.uint8)  # rounded and kept in range


def spread(values: Floats, weights: Floats) -> Floats:
    """Extend known values smoothly over the unknown ones (pull-push interpolation, Gortler et al. 1996).

    Args:
        values: `(h, w, C)` float32.
        weights: `(h, w)` float32 in [0, 1], 0 where the value is unknown; not all 0.

    Returns:
        `(h, w, C)` float32: close to `values` where `weights` is 1, a smooth continuation elsewhere.
    """
    height, width = weights.shape
    wide = cv2.merge([weights] * values.shape[2]).reshape(values.shape)  # NumPy is slow where it repeats a channel
    known: Floats = values * wide
    if max(height, width) == 1:
        return np.divide(known, np.maximum(wide, 1e-6), dtype=np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_weights = cv2.resize(weights, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0])
    coarse_known = cv2.resize(known, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
    coarse_values = np.divide(coarse_known, np.maximum(coarse_weights[..., None], 1e-6), dtype=np.float32)
    coarse = spread(coarse_values, np.minimum(coarse_weights / FULL_FROM, 1))
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
    return np.asarray(known + (1 - wide) * smooth, np.float32)
