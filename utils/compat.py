"""The published flow, step by step, for comparisons: one crop around the last contour, hard paste, truncated mask.

Source: the contest entry's own prediction script, of which only the arithmetic is kept. Two things differ: values
outside [0, 255] are clamped where they wrapped round there, and a photo with nothing to remove comes back as it was.
"""

import cv2
import numpy as np

from utils import preprocess
from utils.arrays import Floats, Image, Mask, Plane
from utils.preprocess import MASK_LEVEL
from utils.regions import Box, crop, square_box
from utils.stages import Inpainter, Segmenter

DILATION = np.ones((4, 4), np.uint8)  # at the size of the segmentation net


def remove_as_published(image: Image, segmenter: Segmenter, inpainter: Inpainter) -> tuple[Image, Mask, list[Box]]:
    """Repair one photo as the published script does.

    Args:
        image: `(H, W, 3)` uint8 BGR.

    Returns:
        The repaired photo `(H, W, 3)` uint8, the `(H, W)` bool mask found, and the repaired crop, or no box where
        nothing was found.

    Raises:
        ValueError: the photo is smaller than the crop, which the published flow cannot repair.
    """
    if preprocess.is_landscape(image):
        repaired, occluders, boxes = remove_as_published(preprocess.transpose(image), segmenter, inpainter)
        return preprocess.transpose(repaired), occluders.T, [Box(b.y0, b.x0, b.y1, b.x1) for b in boxes]

    side = inpainter.crop_side
    height, width = image.shape[:2]
    mask = _published_mask(segmenter.logits(image), height, width)
    contours, _ = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return image.copy(), mask > 0, []
    if min(height, width) < side:
        raise ValueError(
            f"the photo's shorter side of {min(height, width)} pixels is less than the crop's {side}, which "
            "--compat True cannot repair; leave --compat out"
        )
    x, y, w, h = cv2.boundingRect(contours[-1])
    box = square_box(Box(x, y, x + w, y + h), side, height, width)

    network_side = inpainter.spec.input_height
    images = preprocess.to_generator_image(crop(image, box), network_side)[None]
    holes = preprocess.to_generator_mask(crop(mask, box), network_side)[None]
    _, refined = inpainter.outputs(images, holes)
    drawn = preprocess.resize(refined[0].transpose(1, 2, 0) * 255, side, side)
    pasted = preprocess.resize(holes[0, 0].astype(np.uint8), side, side) > 0

    repaired = image.copy()
    crop(repaired, box)[pasted] = np.clip(drawn[pasted], 0, 255).astype(np.uint8)
    return repaired, mask > 0, [box]


def _published_mask(logits: Floats, height: int, width: int) -> Plane:
    """Classes → `(height, width)` uint8 in file values, with the soft edge that the enlargement gives."""
    classes = cv2.dilate(logits.argmax(0).astype(np.uint8), DILATION)
    return preprocess.resize(classes * np.uint8(MASK_LEVEL), height, width)
