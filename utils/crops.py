"""Which part of a photo the generator sees of a hole, and how many times it is reduced.

One rule for training and prediction. A network that was trained with it says so in its spec (`crops: hole`); all others
keep the published crop of a fixed size and ratio.
"""

from typing import NamedTuple

from utils.regions import Box, crop_box

# Whole numbers of times that a crop is reduced; a hole too large for the last one is reduced more.
MIN_RATIO, MAX_RATIO = 1, 8
# Of the crop's side that a hole's longer side takes at most: a sixth is left on each side, 42 pixels of the network's
# 256, in which two lines of text or the end of a rule are seen.
HOLE_SHARE = 2 / 3
# Of the photo's longer side that a crop shows at least: a fleck on a photo of 4000 pixels is seen with some lines
# around it, at ratio 2.
PHOTO_SHARE = 1 / 8


class HoleCrop(NamedTuple):
    """What the generator sees of a hole.

    Attributes:
        box: in pixels of the photo, inside it; square where the photo allows.
        ratio: how many times it is reduced.
    """

    box: Box
    ratio: int


def choose_ratio(bounds: Box, side: int, height: int, width: int) -> int:
    """How many times a crop is reduced: no more than it takes to see the hole and enough around it.

    Args:
        bounds: the box of the hole in pixels of the photo.
        side: of the network's input in pixels.
        height, width: of the photo.

    Returns:
        `MIN_RATIO` to `MAX_RATIO`: 1 or 2 for a thumb on a receipt of 1,200 pixels, 8 for a hand over a third of the
        length of a photo of 12 megapixels.
    """
    wanted = max(max(bounds.width, bounds.height) / HOLE_SHARE, max(height, width) * PHOTO_SHARE)
    return min(max(-int(-wanted // side), MIN_RATIO), MAX_RATIO)


def hole_crop(bounds: Box, side: int, height: int, width: int) -> HoleCrop:
    """The crop for a hole.

    Args:
        bounds, side, height, width: see `choose_ratio`.

    Returns:
        The crop holds all of the hole. A hole too large for `MAX_RATIO` gets a larger box than `ratio` says, a photo
        smaller than the crop a smaller one.
    """
    ratio = choose_ratio(bounds, side, height, width)
    return HoleCrop(crop_box(bounds, ratio * side, height, width), ratio)
