"""The blocks of a JPEG: how a picture is cut into them, and the coefficients of those that were repaired.

A component (Y, Cb, Cr) is a plane of blocks of 8 × 8 samples. An MCU holds the blocks of all components for one piece
of the picture: 8 × 8 pixels, or 16 × 16 and the like with subsampled colour. Source: ITU-T T.81, A.1 and A.3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# MCUs computed together: 16 MB of floats with 16 × 16 pixels each, however much of a photo was repaired.
MCUS_AT_ONCE = 4096

_DCT = np.array(
    [[np.sqrt((1 if k == 0 else 2) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)]
)
# `(64, 64)`: a block's 64 samples, row by row, times this are its 64 coefficients: one product instead of two a block.
_DCT_OF_BLOCK = np.kron(_DCT, _DCT).T.astype(np.float32)
# What lies half way between two levels goes up: the last digits of a product depend on the processor, and on how many
# blocks are computed at once.
HALF_WAY_UP = np.float32(1e-3)


@dataclass(frozen=True)
class Component:
    """One colour component of the frame: identifier, sampling factors, number of its quantisation table."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class Blocks:
    """New blocks of one component.

    Attributes:
        rows: `(K,)` of the plane, ascending.
        columns: `(K,)` of the plane.
        values: `(K, 64)` int16, quantised coefficients row by row.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: NDArray[np.int16]


def plane_shapes(height: int, width: int, components: Sequence[Component]) -> list[tuple[int, int]]:
    """Rows and columns of blocks that a file holds of each component."""
    down, across = _finest(components)
    return [(-(-height * c.vertical // (8 * down)), -(-width * c.horizontal // (8 * across))) for c in components]


def new_blocks(
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    components: Sequence[Component],
    tables: Sequence[Sequence[int]],
) -> list[Blocks]:
    """The blocks of all MCUs that hold a changed pixel.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        changed: `(H, W)` bool.
        components: one, grey, or three, Y, Cb and Cr.
        tables: the quantisation table of each, 64 values row by row.

    Returns:
        Of each component. Blocks that lie outside the picture, as in the last MCU of a row, are not among them.
    """
    down, across = _finest(components)
    height, width = changed.shape
    shapes = plane_shapes(height, width, components)
    # coefficients divided by the table already
    kernels = [np.divide(_DCT_OF_BLOCK, table, dtype=np.float32) for table in tables]
    parts: list[list[Blocks]] = [[] for _ in components]
    mcu_rows, mcu_columns = np.nonzero(touched_mcus(changed, 8 * down, 8 * across))
    for start in range(0, len(mcu_rows), MCUS_AT_ONCE):
        rows, columns = (places[start : start + MCUS_AT_ONCE] for places in (mcu_rows, mcu_columns))
        channels = _channels(_cut(image, rows, columns, 8 * down, 8 * across), len(components))
        for blocks, component, shape, kernel, channel in zip(parts, components, shapes, kernels, channels, strict=True):
            blocks.append(_blocks(channel, rows, columns, component, shape, kernel))
    return [_joined(blocks) for blocks in parts]


def touched_mcus(changed: NDArray[np.bool_], high: int, wide: int) -> NDArray[np.bool_]:
    """Which MCUs of `high` × `wide` pixels, multiples of 8, hold a changed pixel: `(rows, columns)` bool."""
    height, width = changed.shape
    rows, columns = -(-height // high), -(-width // wide)
    padded = np.zeros((rows * high, columns * wide), bool)
    padded[:height, :width] = changed
    # eight pixels are compared at a time
    eights = np.bitwise_or.reduce(padded.view(np.uint64).reshape(rows, high, -1), axis=1)
    return (eights != 0).reshape(rows, columns, -1).any(2)


def _finest(components: Sequence[Component]) -> tuple[int, int]:
    """Blocks of an MCU, down and across, of the component that has most of them."""
    return max(c.vertical for c in components), max(c.horizontal for c in components)


def _cut(
    image: NDArray[np.uint8], rows: NDArray[np.intp], columns: NDArray[np.intp], high: int, wide: int
) -> NDArray[np.uint8]:
    """The pixels of MCUs, one below the other: `(K * high, wide, 3)`."""
    height, width = image.shape[:2]
    pixels = np.empty((len(rows), high, wide, 3), np.uint8)
    whole = (rows < height // high) & (columns < width // wide)
    grid = image[: height // high * high, : width // wide * wide].reshape(height // high, high, width // wide, wide, 3)
    pixels[whole] = grid.swapaxes(1, 2)[rows[whole], columns[whole]]  # a view so far: only these are copied
    # libjpeg fills the MCUs at the right and bottom edge by repeating the last pixels
    y = np.minimum(rows[~whole, None] * high + np.arange(high), height - 1)
    x = np.minimum(columns[~whole, None] * wide + np.arange(wide), width - 1)
    pixels[~whole] = image[y[:, :, None], x[:, None, :]]
    return pixels.reshape(-1, wide, 3)


def _channels(pixels: NDArray[np.uint8], count: int) -> Iterator[NDArray[np.uint8]]:
    """Grey, or Y, Cb and Cr, `(h, w)` each."""
    if count == 1:
        yield cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    else:
        luma, red, blue = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb))
        yield from (luma, blue, red)


def _blocks(
    channel: NDArray[np.uint8],
    mcu_rows: NDArray[np.intp],
    mcu_columns: NDArray[np.intp],
    component: Component,
    shape: tuple[int, int],
    kernel: NDArray[np.float32],
) -> Blocks:
    """The blocks of one component in MCUs whose values are `channel`, `(K * high, wide)`."""
    down, across, count = component.vertical, component.horizontal, len(mcu_rows)
    samples = channel.astype(np.float32)
    size = (8 * across, count * 8 * down)  # OpenCV's: width, height
    if samples.shape != size[::-1]:
        samples = cv2.resize(samples, size, interpolation=cv2.INTER_AREA)
    blocks = samples.reshape(count, down, 8, across, 8).swapaxes(2, 3).reshape(-1, 64) - np.float32(128)
    values = np.rint(blocks @ kernel + HALF_WAY_UP).astype(np.int16)
    rows, columns = (
        places.reshape(-1)
        for places in np.broadcast_arrays(
            (mcu_rows[:, None] * down + np.arange(down))[:, :, None],
            (mcu_columns[:, None] * across + np.arange(across))[:, None, :],
        )
    )
    inside = (rows < shape[0]) & (columns < shape[1])
    return Blocks(rows[inside], columns[inside], values[inside])


def _joined(several: Sequence[Blocks]) -> Blocks:
    if not several:
        return Blocks(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 64), np.int16))
    rows = np.concatenate([blocks.rows for blocks in several])
    order = np.argsort(rows, kind="stable")
    columns, values = (
        np.concatenate([getattr(blocks, name) for blocks in several])[order] for name in ("columns", "values")
    )
    return Blocks(rows[order], columns, values)
