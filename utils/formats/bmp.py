"""BMP files: uncompressed, so that a repair is patched into a copy of the file.

Source: Microsoft's documentation of BITMAPFILEHEADER and BITMAPINFOHEADER.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utils.formats import pixels
from utils.formats.metadata import Header
from utils.formats.xmp import Mark

HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes; the letters BM alone begin many a text
V5_HEADER = 124  # bytes; it tells where a colour profile lies
RGB, BITFIELDS = 0, 3  # values of biCompression
BGRA_MASKS = (0xFF0000, 0xFF00, 0xFF)  # bits of red, green and blue in a pixel of 32


@dataclass(frozen=True)
class BmpDetail:
    """Where the rows begin, bytes from one to the next, their order, bytes a pixel, and the palette `(K, 3)` if any."""

    start: int
    stride: int
    bottom_up: bool
    pixel_bytes: int
    palette: NDArray[np.uint8] | None


def matches(data: bytes) -> bool:
    """Whether these are the first bytes of a BMP."""
    return data[:2] == b"BM" and len(data) > 26 and int.from_bytes(data[14:18], "little") in HEADER_SIZES


def read_header(data: bytes) -> Header:
    """Read file header, picture header and palette.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    start, header_size = struct.unpack_from("<I", data, 10)[0], struct.unpack_from("<I", data, 14)[0]
    if header_size < 40:
        raise ValueError("BMP in the old OS/2 kind cannot be read; convert it first")
    if len(data) < 14 + header_size or len(data) < 54:
        raise ValueError("the file is truncated")
    width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    (used,) = struct.unpack_from("<I", data, 46)
    if width <= 0 or height == 0 or start < 14 + header_size:
        raise ValueError("the file is damaged (its header makes no sense)")
    masks = struct.unpack_from("<III", data, 54) if compression == BITFIELDS and len(data) >= 66 else BGRA_MASKS
    if (compression, depth) not in ((RGB, 8), (RGB, 24), (RGB, 32), (BITFIELDS, 32)) or masks != BGRA_MASKS:
        raise ValueError(f"BMP with {depth} bits and compression {compression} cannot be read; convert it first")
    palette = None
    if depth == 8:
        count = min(used or 256, 256)
        entries = data[14 + header_size : 14 + header_size + 4 * count]
        if len(entries) < 4 * count:
            raise ValueError("the file is truncated")
        if start < 14 + header_size + 4 * count:
            raise ValueError("the file is damaged (its header makes no sense)")
        palette = np.frombuffer(entries, np.uint8).reshape(-1, 4)[:, :3]
    stride = (width * depth + 31) // 32 * 4
    if start + stride * abs(height) > len(data):
        raise ValueError("the file is truncated")
    return Header(
        format="BMP",
        width=width,
        height=abs(height),
        channels=1 if depth == 8 else depth // 8,
        bit_depth=8,
        orientation=1,
        refusal=None,
        detail=BmpDetail(start, stride, height > 0, depth // 8, palette),
    )


def read_mark(data: bytes, header: Header) -> str | None:
    """None: BMP has no place for XMP."""
    return None


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """`(height, width, 3)` uint8 BGR as stored, without alpha."""
    detail: BmpDetail = header.detail
    rows = _rows(np.frombuffer(data, np.uint8), header)
    if detail.palette is None:
        return np.ascontiguousarray(rows[:, :, :3])
    table = np.zeros((256, 3), np.uint8)  # an index beyond the palette is black
    table[: len(detail.palette)] = detail.palette
    return table[rows[:, :, 0]]


def samples(data: bytes, header: Header) -> pixels.Samples:
    """The values of the file as stored; what a fourth byte holds is not said in it, and left out."""
    rows = _rows(np.frombuffer(data, np.uint8), header)
    return pixels.Samples(rows[:, :, :3], False, header.detail.palette, True)


def encode(
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    mark: Mark | str | None,
    dropped: list[str],
) -> bytes:
    """The source's bytes with the changed pixels in them; with a palette, they become its nearest colour.

    What lies beside header, palette, colour profile and pixels goes.

    Args:
        data: the source.
        header: what `read_header` returned for it.
        image: `(H, W, 3)` uint8 BGR as stored.
        changed: `(H, W)` bool, pixels that differ from the source.
        mark: ignored: BMP has no place for XMP.
        dropped: what of the file's metadata went is added, in words.
    """
    detail: BmpDetail = header.detail
    end, total = detail.start + detail.stride * header.height, len(data)
    spans = [(14 + int.from_bytes(data[14:18], "little") + 4 * 256 + 12, detail.start), (end, total)]
    profile = _profile(data)
    if profile is not None and profile[0] >= end:
        spans[1:] = [(end, profile[0]), (profile[1], total)]
        total = profile[1]
    else:
        total = end
    result = np.frombuffer(data, np.uint8).copy()
    for start, stop in spans:
        if data[start:stop].strip(b"\0"):
            dropped.append(f"{stop - start} bytes beside the picture")
            result[start:stop] = 0
    result = result[:total]
    rows = _rows(result, header)
    if header.detail.palette is None:
        rows[changed, :3] = image[changed]
    else:
        rows[changed, 0] = pixels.nearest_index(image[changed], header.detail.palette)
    written = bytearray(result.tobytes())
    if total < len(data):
        struct.pack_into("<I", written, 2, total)
    return bytes(written)


def _profile(data: bytes) -> tuple[int, int] | None:
    """Start and end of an embedded colour profile, or None."""
    if int.from_bytes(data[14:18], "little") < V5_HEADER or data[70:74] != b"DEBM":
        return None
    start, size = struct.unpack_from("<II", data, 14 + 112)
    return (14 + start, 14 + start + size) if 14 + start + size <= len(data) else None


def _rows(values: NDArray[np.uint8], header: Header) -> NDArray[np.uint8]:
    """The pixels inside a file's bytes, `(height, width, bytes a pixel)`, top row first; a view."""
    detail: BmpDetail = header.detail
    lines = values[detail.start : detail.start + detail.stride * header.height].reshape(header.height, detail.stride)
    rows = lines[:, : header.width * detail.pixel_bytes].reshape(header.height, header.width, detail.pixel_bytes)
    return rows[::-1] if detail.bottom_up else rows
