"""What is common to all picture files beside their pixels: the header, TIFF directories, what a picture begins with.

Source: TIFF 6.0, of which EXIF is a part.
"""

import re
import struct
from dataclasses import dataclass
from typing import Any

ORIENTATION = 274
# What is shorter cannot hold a picture: the smallest JPEGs that show anything have more than 300 bytes.
HARMLESS_BYTES = 256
# How pictures begin: JPEG (some makers spoil its first byte), PNG, WebP, GIF, HEIF and AVIF, JPEG XL, JPEG 2000, and
# JPEG and PNG in base64.
_PICTURE = re.compile(
    rb"\xd8\xff[\xc0-\xfe]|\x89PNG\r|RIFF....WEBP|GIF8[79]a|ftyp(?:hei|hev|avi|mif|crx|jxl|jp2)|\xff\x4f\xff\x51"
    rb"|/9j/4|iVBORw0KGg",
    re.DOTALL,
)

# sizes in bytes of the TIFF field types 1 to 13
FIELD_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


@dataclass(frozen=True)
class Header:
    """What must be known of a file before its pixels are decoded.

    Attributes:
        format: "JPEG", "PNG", "TIFF", "WEBP" or "BMP".
        width, height: of the stored pixels, before any turning.
        channels: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha (or CMYK); 1 for a palette, too.
        bit_depth: bits a channel.
        orientation: 1 to 8 as in EXIF; how the stored pixels are to be turned for viewing.
        refusal: why the file cannot be written back alike, or None.
        detail: what the module of the format itself needs again when it writes.
    """

    format: str
    width: int
    height: int
    channels: int
    bit_depth: int
    orientation: int
    refusal: str | None
    detail: Any


@dataclass(frozen=True)
class Field:
    """One entry of a TIFF directory: type, count, the value's bytes in the order of the file, and where they lie."""

    type: int
    count: int
    value: bytes
    start: int = 0


def read_directory(data: bytes, offset: int, order: str, lost: list[int] | None = None) -> tuple[dict[int, Field], int]:
    """One directory (IFD) of a TIFF structure, as far as it can be read.

    Args:
        data: the whole structure; offsets count from its start.
        offset: where the directory begins.
        order: "<" or ">", as for `struct`.
        lost: tags whose values reach beyond the end of the data are added, and -1 where the directory itself does.

    Returns:
        Fields by tag (entries of unknown type are left out), and the offset of the next directory or 0.

    Raises:
        ValueError: it begins beyond the end of the data.
    """
    fields: dict[int, Field] = {}
    lost = [] if lost is None else lost
    if offset + 2 > len(data):
        raise ValueError("a directory lies beyond the end of the file")
    (count,) = struct.unpack_from(order + "H", data, offset)
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        if entry + 12 > len(data):
            lost.append(-1)
            break
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        size = FIELD_SIZES.get(kind, 0) * number
        start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        if start + size > len(data):
            lost.append(tag)
        elif size:
            fields.setdefault(tag, Field(kind, number, bytes(data[start : start + size]), start))
    link = data[offset + 2 + 12 * count : offset + 6 + 12 * count]
    return fields, int.from_bytes(link, "little" if order == "<" else "big") if len(link) == 4 else 0


def integers(field: Field | None, order: str) -> tuple[int, ...]:
    """The value of a field of whole numbers; empty where there is no such field or it holds something else."""
    code = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}.get(field.type) if field else None
    return struct.unpack(f"{order}{field.count}{code}", field.value) if field and code else ()


def byte_order(data: bytes) -> str:
    """Byte order of a TIFF structure as `struct` writes it.

    Raises:
        ValueError: these are not the first bytes of one.
    """
    orders = {b"II*\0": "<", b"MM\0*": ">"}
    if bytes(data[:4]) not in orders:
        raise ValueError("not a TIFF structure")
    return orders[bytes(data[:4])]


def picture_in(value: bytes) -> int | None:
    """Where in a value a picture begins, or None."""
    match = _PICTURE.search(value)
    if match is None:
        return None
    return max(0, match.start() - 1) if match[0].startswith(b"\xd8") else match.start()


def checked_orientation(values: tuple[int, ...]) -> int:
    """The orientation a field holds, 1 if it holds none of the eight."""
    return values[0] if values and 1 <= values[0] <= 8 else 1
