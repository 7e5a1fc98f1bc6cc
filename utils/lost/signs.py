"""A discreet sign over lost text, so that a reader of the repaired page sees that words are missing there."""

from collections.abc import Sequence

import cv2
import numpy as np

from utils.arrays import Image, Mask
from utils.lost.lines import LostLine, band_of
from utils.options import NO_SIGN, OUTLINE

HATCH_STEP = 0.55  # of that height, between two strokes
STROKE = 0.06  # of it, the width of a stroke; never less than a pixel
INK = 0.45  # share of the paper's light that a stroke takes: it prints, and does not shout
SHIFT = 4  # bits of OpenCV's fixed-point coordinates


def draw_signs(image: Image, mask: Mask, lines: Sequence[LostLine], kind: str) -> Image:
    """A repaired photo with a sign over the hidden part of each line of text, and nothing elsewhere.

    Args:
        image: `(H, W, 3)` uint8 BGR, repaired.
        mask: `(H, W)` bool, what was repainted: signs are drawn in it only.
        lines: the lines that are interrupted.
        kind: one of `utils.options.SIGNS`: slanted strokes, a thin frame, nothing.

    Returns:
        `(H, W, 3)` uint8; `image` itself where there is nothing to draw.
    """
    if kind == NO_SIGN or not lines:
        return image
    signed = image.copy()
    for line in lines:
        band = band_of(line)
        x0, y0 = np.maximum(np.floor(band.min(axis=0)).astype(int) - 2, 0).tolist()
        x1, y1 = (np.ceil(band.max(axis=0)).astype(int) + 3).tolist()
        inside = mask[y0:y1, x0:x1]
        if not inside.any():
            continue
        ink = np.zeros(inside.shape, np.uint8)
        corners = np.rint((band - (x0, y0)) * (1 << SHIFT)).astype(np.int32)
        width = max(1, round(STROKE * line.height))
        if kind == OUTLINE:
            cv2.polylines(ink, [corners], True, 255, width, cv2.LINE_AA, SHIFT)
        else:
            area = np.zeros_like(ink)
            cv2.fillPoly(area, [corners], 255, cv2.LINE_AA, SHIFT)
            step, tall = max(3.0, HATCH_STEP * line.height), y1 - y0
            for start in np.arange(-tall, x1 - x0, step):  # strokes of 45 degrees
                ends = np.rint(np.array([(start, tall), (start + tall, 0)]) * (1 << SHIFT)).astype(int)
                cv2.line(ink, ends[0].tolist(), ends[1].tolist(), 255, width, cv2.LINE_AA, SHIFT)
            ink = np.minimum(ink, area)
        share = ink[..., None] * (inside[..., None] * np.float32(INK / 255))
        sign_area = signed[y0:y1, x0:x1]
        sign_area[:] = np.rint(sign_area * (1 - share)).astype(np.uint8)
    return signed
