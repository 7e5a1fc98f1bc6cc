"""Pictures to network input and back: the only place where resizing, scaling and HWC ↔ NCHW are written.

Source of the figures: the published contest entry (480×640 and (x - 0.6) / 0.2 for segmentation, crops reduced 6 times
and scaled to [0, 1] for inpainting, OpenCV's BGR order everywhere, bilinear resizing without antialiasing).
"""

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Plane, Reals
from utils.classes import LEVELS, OCCLUDER
from utils.spec import PAGE_CLASSES

TO_UNIT = np.arange(256, dtype=np.float32) / np.float32(255)  # of 8-bit pixels, scaled to [0, 1]
MASK_LEVEL = LEVELS[OCCLUDER]  # in mask files; 0 is paper

# Chosen on 27 really covered photos and 61 clean ones: recall 0.86 instead of 0.79, and nothing more erased.
WHITE_PERCENTILE = 95  # of a channel: where the brightest paper is
WHITE_STEP = 3  # every so many pixels both ways tell it
MOST_GAIN = 3.0  # of a channel


def resize(image: AnyArray, height: int, width: int) -> AnyArray:
    """Bilinear resize of an `(H, W)` or `(H, W, C)` array of any OpenCV type to `(height, width)`."""
    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def is_landscape(image: AnyArray) -> bool:
    """Whether an `(H, W, …)` picture is wider than high; such a picture is transposed before a network sees it."""
    return image.shape[0] < image.shape[1]


def transpose(image: AnyArray) -> AnyArray:
    """Swap height and width (not a rotation); its own inverse. Returns a contiguous array."""
    return np.ascontiguousarray(image.swapaxes(0, 1))


def lit_for(image: Image, classes: int) -> Image:
    """A photo in the light in which a segmentation net of so many classes sees it, in training and in prediction.

    One that knows the page sees it `in_white_light`, any other as it is.

    Args:
        image: `(h, w, 3)` uint8 BGR, at the network's size.
        classes: one of `utils.spec.CLASS_COUNTS`.
    """
    return in_white_light(image) if classes == PAGE_CLASSES else image


def in_white_light(image: Image) -> Image:
    """A photo as if its light were white: what is brightest in each channel is paper, and paper is white.

    In warm light everything is of skin's colours.

    Args:
        image: `(h, w, 3)` uint8 BGR, at the network's size.

    Returns:
        `(h, w, 3)` uint8 BGR; the brightest channel as it was, the others brighter.
    """
    sample = np.ascontiguousarray(image[::WHITE_STEP, ::WHITE_STEP]).reshape(-1, image.shape[2])
    whites = np.maximum(np.percentile(sample, WHITE_PERCENTILE, axis=0), 1)
    gains = np.minimum(whites.max() / whites, MOST_GAIN)
    table = np.minimum(np.arange(256)[:, None] * gains, 255).round().astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table[None])


def to_segmenter_input(image: Image, height: int, width: int, mean: float, std: float) -> Floats:
    """One photo as the segmentation net reads it.

    Args:
        image: `(H, W, 3)` uint8 BGR, portrait.
        height, width: input size of the network.
        mean, std: of the scaled picture, the same for the three channels.

    Returns:
        `(3, height, width)` float32, `(image / 255 - mean) / std`.
    """
    return _planes(resize(image, height, width), (TO_UNIT - np.float32(mean)) / np.float32(std))


def to_generator_image(crop: Image, side: int) -> Floats:
    """A crop as the generator reads it: `(h, w, 3)` uint8 → `(3, side, side)` float32 in [0, 1]."""
    return _planes(resize(crop, side, side), TO_UNIT)


def _planes(image: Image, values: Floats) -> Floats:
    """`(H, W, 3)` uint8 → `(3, H, W)` float32 by a table of 256 values: nine times faster than computing each pixel."""
    planes = np.empty((image.shape[2], *image.shape[:2]), np.float32)
    for channel, plane in enumerate(planes):
        cv2.LUT(np.ascontiguousarray(image[:, :, channel]), values, dst=plane)
    return planes


def to_generator_mask(mask: Plane, side: int) -> Floats:
    """A mask crop in file values as the generator reads it.

    Args:
        mask: `(h, w)` uint8, `MASK_LEVEL` in the hole.

    Returns:
        `(1, side, side)` float32 in [0, 1], soft at the edge of the hole.
    """
    small = resize(mask, side, side)[None].astype(np.float32) / np.float32(MASK_LEVEL)
    return np.minimum(small, np.float32(1))


def inner_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Height and width of an `(h, w, …)` crop in the network's square of `side` pixels: the longer side fills it."""
    height, width = shape[:2]
    longer = max(height, width)
    return max(1, round(height * side / longer)), max(1, round(width * side / longer))


def fit_square(crop: Image, side: int, average: bool = False) -> Image:
    """Fit an `(h, w)` or `(h, w, C)` crop into a square of `side` pixels.

    A crop that is not square, as of a photo smaller than the usual crop, keeps its proportions: its last rows or
    columns are repeated.

    Args:
        average: average the pixels that become one, which bilinear resizing, as published, does not.
    """
    size = inner_size(crop.shape, side)
    if average and size[0] < crop.shape[0]:
        small = cv2.resize(crop, size[::-1], interpolation=cv2.INTER_AREA)
    else:
        small = resize(crop, *size)
    bottom, right = side - small.shape[0], side - small.shape[1]
    if not bottom and not right:
        return small
    return np.pad(small, ((0, bottom), (0, right)) + ((0, 0),) * (small.ndim - 2), mode="edge")


def to_image(values: Reals) -> Image:
    """Network output to pixels: `(3, h, w)` float, clamped to [0, 1] → `(h, w, 3)` uint8 BGR, rounded."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
