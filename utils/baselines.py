"""Classical inpainting to compare with: OpenCV's Telea (2004) and Navier-Stokes (Bertalmio et al. 2001) fills.

Neither sees structure, so on a large hole both do better on a reduced picture: less of the edge's noise and text is
smeared into the middle, and they are many times faster.
"""

import cv2
import numpy as np

from utils.arrays import Image, Mask

METHODS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}
SCALES = (1, 2, 4)  # full, half and quarter resolution
RADIUS_PX = 5.0  # neighbourhood that OpenCV looks at, in reduced pixels; 3, its examples' value, scores lower on pages


def opencv_inpaint(image: Image, mask: Mask, method: str = "telea", scale: int = 4) -> Image:
    """Fill the mask from its surroundings.

    Args:
        image: `(H, W, 3)` uint8; what it shows inside the mask is not looked at.
        mask: `(H, W)` bool, True where to fill.
        method: one of `METHODS`.
        scale: how many times the picture is reduced before filling; only the filled pixels come from the reduced one.

    Returns:
        `(H, W, 3)` uint8, equal to `image` outside the mask.
    """
    height, width = mask.shape
    size = max(1, width // scale), max(1, height // scale)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    # A reduced pixel that takes in any covered one is covered.
    hole = (cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    filled = cv2.inpaint(small, hole, RADIUS_PX, METHODS[method])
    out = image.copy()
    out[mask] = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)[mask]
    return out
