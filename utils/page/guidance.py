"""What the page's structure says of a hole, as further input of a generator with `in_channels` 8.

Four channels beside picture and mask: the picture that `structure.repair` makes of the crop, and how sure it is of it.
The network then corrects what structure gets wrong, instead of finding paper and rules again.
"""

import numpy as np

from utils.arrays import Image, Mask
from utils.page.structure import Structure, repair

GUIDANCE_CHANNELS = 4  # the repaired picture and how sure it is
SURE, COPIED, UNSURE = 255, 128, 0  # levels: paper and rules describe a surface, its texture is copied, neither is good


def guide(window: Image, hole: Mask, off_page: Mask | None = None) -> Image:
    """Guidance for a window.

    Args:
        window, hole, off_page: see `structure.repair`.

    Returns:
        `(h, w, 4)` uint8: the repaired picture in BGR, then how sure structure is of it.
    """
    return guidance_of(repair(window, hole, off_page))


def guidance_of(structure: Structure) -> Image:
    """Guidance from what was found already; returns what `guide` does."""
    levels = np.full(256, SURE, np.uint8)
    levels[list(structure.textured)] = COPIED
    levels[list(structure.doubted)] = UNSURE
    return np.dstack([structure.image, levels[structure.surface]])
