"""The classes of the segmentation net: two bits, *covered* and *beside the page*.

A network of two classes knows the first bit alone; so does a training root whose masks state only 0 and 128. Labels may
therefore leave a bit open: their code stands for the set of classes that a pixel may belong to.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

PAGE, OCCLUDER, SURROUNDINGS, OCCLUDER_BESIDE = range(4)  # bit 0: covered, bit 1: beside the page

# Codes of labels that leave a bit open.
NOT_COVERED, COVERED, BESIDE, ON_PAGE = 4, 5, 6, 7
UNKNOWN = 255  # no loss


def _table(classes: dict[int, tuple[int, ...]]) -> NDArray[np.bool_]:
    """`(256, 4)` bool from the classes that each code may stand for."""
    table = np.zeros((256, 4), bool)
    for code, possible in classes.items():
        table[code, list(possible)] = True
    return table


ALLOWED = _table({  # by label code: the classes that the pixel may belong to
    PAGE: (0,), OCCLUDER: (1,), SURROUNDINGS: (2,), OCCLUDER_BESIDE: (3,), NOT_COVERED: (0, 2), COVERED: (1, 3),
    BESIDE: (2, 3), ON_PAGE: (0, 1), UNKNOWN: (0, 1, 2, 3),
})  # fmt: skip

# Mask files.
LEVELS = {PAGE: 0, OCCLUDER: 128, SURROUNDINGS: 64, OCCLUDER_BESIDE: 192, UNKNOWN: 255}
SOFT_EDGE_PX = 5  # a level stands for a class of its own where a square of this side shows nothing else


def covered(labels: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels are covered, and of which that is known, both of the labels' shape."""
    return np.isin(labels, (OCCLUDER, OCCLUDER_BESIDE, COVERED)), np.isin(labels, (*range(4), NOT_COVERED, COVERED))


def off_page(labels: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pixels lie beside the page, and of which that is known, both of the labels' shape."""
    return np.isin(labels, (SURROUNDINGS, OCCLUDER_BESIDE, BESIDE)), np.isin(labels, (*range(4), BESIDE, ON_PAGE))


def fold(labels: NDArray[np.integer], count: int) -> NDArray[np.integer]:
    """Labels as a network of `count` classes reads them.

    Args:
        labels: `(H, W)` codes of this module.
        count: of classes; 2 keeps what is known of the covered bit: 0, 1 or `UNKNOWN`.
    """
    if count != 2:
        return labels
    table = np.full(256, UNKNOWN, labels.dtype)
    table[[PAGE, SURROUNDINGS, NOT_COVERED]] = 0
    table[[OCCLUDER, OCCLUDER_BESIDE, COVERED]] = 1
    return table[labels]


def to_levels(labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Labels as a mask file's levels; what leaves a bit open becomes unknown, but for the contest's two.

    Args:
        labels: `(H, W)` codes of this module.

    Returns:
        `(H, W)` uint8.
    """
    table = np.full(256, LEVELS[UNKNOWN], np.uint8)
    for code, level in LEVELS.items():
        table[code] = level
    table[NOT_COVERED], table[COVERED] = LEVELS[PAGE], LEVELS[OCCLUDER]
    return table[labels]


def states_page(mask: NDArray[np.uint8]) -> bool:
    """Whether a mask file tells page from surroundings: it has areas of a level that the contest's do not have.

    Single pixels of such a level are the soft edge of an occluder.

    Args:
        mask: `(H, W)` uint8.
    """
    square = np.ones((SOFT_EDGE_PX, SOFT_EDGE_PX), np.uint8)
    levels = (LEVELS[SURROUNDINGS], LEVELS[OCCLUDER_BESIDE])
    return any(bool(cv2.erode((mask == level).astype(np.uint8), square, borderValue=0).any()) for level in levels)


def from_levels(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask file's levels as label codes.

    Args:
        mask: `(H, W)` uint8, as `LEVELS` where `states_page`, else 0 to 255 with 128 on the occluder.

    Returns:
        `(H, W)` uint8: classes and `UNKNOWN`, or `NOT_COVERED` and `COVERED`.
    """
    table = np.full(256, UNKNOWN, np.uint8)
    if states_page(mask):
        for code, level in LEVELS.items():
            table[level] = code
        return table[mask]
    table[:] = np.where(np.arange(256) >= LEVELS[OCCLUDER], COVERED, NOT_COVERED)
    return table[mask]
