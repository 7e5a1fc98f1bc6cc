"""What the page shows of arrays at full resolution: a reduced picture of the whole, and tiles.

A browser holds and moves a picture of 4 megapixels with ease, and one of 100 not at all. So it gets the whole photo at
`PREVIEW_SIDE`, and what is in view as tiles of the level that the zoom needs: level n is reduced 2ⁿ times.
"""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image as pillow

from utils.arrays import AnyArray, Image, Mask
from utils.regions import Box, crop

PREVIEW_SIDE = 2048  # pixels of the longer side, at most
THUMBNAIL_SIDE = 320
TILE_SIDE = 512
MAX_LEVEL = 6
PREVIEW_QUALITY = 88  # of JPEG: at half the zoom nothing of it is seen
TILE_QUALITY = 93  # tiles are looked at pixel by pixel
FAINTEST = 64  # of 255; a pixel of a reduced mask is covered from a quarter of it on, so that thin lines do not vanish
OUTLINE_SIDE = 1024  # pixels of the longer side at which outlines are traced
OUTLINE_SLACK = 1.0  # of those pixels; how far a traced line may leave the outline


def preview(picture: AnyArray, side: int = PREVIEW_SIDE) -> AnyArray:
    """A photo or mask, reduced so that its longer side has at most `side` pixels; never enlarged."""
    height, width = picture.shape[:2]
    factor = min(1.0, side / max(height, width))
    return _reduced(picture, max(1, round(height * factor)), max(1, round(width * factor)))


def tile(picture: AnyArray, level: int, column: int, row: int) -> AnyArray | None:
    """A tile of a photo or mask, smaller at the right and lower border; None where there is none.

    Args:
        picture: `(H, W, 3)` uint8 or `(H, W)` bool.
        level: it is reduced by 2 to the power of this.
        column, row: which tile of `TILE_SIDE` pixels, from 0.
    """
    side = TILE_SIDE << level
    height, width = picture.shape[:2]
    box = Box(column * side, row * side, min((column + 1) * side, width), min((row + 1) * side, height))
    if min(column, row) < 0 or not 0 <= level <= MAX_LEVEL or box.x0 >= width or box.y0 >= height:
        return None
    return _reduced(crop(picture, box), -(-box.height >> level), -(-box.width >> level))


def _reduced(picture: AnyArray, height: int, width: int) -> AnyArray:
    if picture.shape[:2] == (height, width):
        return picture
    if picture.dtype == bool:
        levels = cv2.resize(picture.view(np.uint8) * np.uint8(255), (width, height), interpolation=cv2.INTER_AREA)
        return levels >= FAINTEST
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def jpeg(image: Image, quality: int = PREVIEW_QUALITY) -> bytes:
    """An `(h, w, 3)` uint8 BGR picture as a JPEG file."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def stencil(mask: Mask) -> bytes:
    """An `(h, w)` bool mask as a PNG file of one bit a pixel: white where it covers, transparent elsewhere."""
    file = io.BytesIO()
    pillow.fromarray(mask).save(file, "PNG", transparency=0, compress_level=1)
    return file.getvalue()


def mask_file(mask: Mask) -> bytes:
    """An `(H, W)` bool mask as a PNG file as `--save_mask` writes it: 255 where it covers, else 0."""
    return cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes()


def outlines(box: Box, inside: Mask, height: int, width: int) -> Sequence[Sequence[Sequence[int]]]:
    """The outer lines of a region in the photo's coordinates, each a list of points `[x, y]`.

    Args:
        box: its bounds.
        inside: `(h, w)` bool, its pixels in there.
        height, width: of the photo.
    """
    factor = min(1.0, OUTLINE_SIDE / max(height, width))
    small = _reduced(inside, max(1, round(box.height * factor)), max(1, round(box.width * factor)))
    rows, columns = box.height / small.shape[0], box.width / small.shape[1]
    lines, _ = cv2.findContours(small.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    traced = [cv2.approxPolyDP(line, OUTLINE_SLACK, True).reshape(-1, 2) for line in lines]
    return [
        [[round(box.x0 + (x + 0.5) * columns), round(box.y0 + (y + 0.5) * rows)] for x, y in line.tolist()]
        for line in traced
    ]
