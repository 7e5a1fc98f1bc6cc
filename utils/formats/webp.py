"""WebP files. Source: the WebP container specification (RFC 9649)."""

import struct
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.formats import exif, pixels, xmp
from utils.formats.metadata import Header
from utils.formats.xmp import Mark

QUALITY = 95  # of a lossy file written again; the file does not say its own in a way that can be used
LOSSLESS_EFFORT, METHOD = 50, 4  # effort, of 100 and of 6
KNOWN_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP "}  # the others do not stay
ANIMATION, ALPHA = 0x02, 0x10  # flags of the VP8X chunk


@dataclass(frozen=True)
class WebpDetail:
    """First chunk of each kind, and whether the pixels are kept losslessly."""

    chunks: dict[bytes, bytes]
    is_lossless: bool


def matches(data: bytes) -> bool:
    """Whether these are the first bytes of a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_header(data: bytes) -> Header:
    """Walk the chunks.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("the file is truncated")
    chunks: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= end:
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + size > end:
            raise ValueError("the file is truncated")
        chunks.setdefault(kind, data[position + 8 : position + 8 + size])
        position += 8 + size + size % 2
    is_animated = b"ANIM" in chunks or b"ANMF" in chunks or bool(chunks.get(b"VP8X", b"\0")[0] & ANIMATION)
    lossy, lossless, extended = (chunks.get(kind, b"") for kind in (b"VP8 ", b"VP8L", b"VP8X"))
    if len(lossless) >= 5 and lossless[0] == 0x2F:
        (bits,) = struct.unpack_from("<I", lossless, 1)
        width, height, has_alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    elif len(lossy) >= 10 and lossy[3:6] == b"\x9d\x01\x2a":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", lossy, 6))
        has_alpha = b"ALPH" in chunks
    elif is_animated and len(extended) >= 10:
        width, height = (int.from_bytes(extended[i : i + 3], "little") + 1 for i in (4, 7))
        has_alpha = bool(extended[0] & ALPHA)
    else:
        raise ValueError("the file is damaged (no picture in it)")
    if not width or not height:
        raise ValueError("the file is damaged (its header makes no sense)")
    return Header(
        format="WEBP",
        width=width,
        height=height,
        channels=4 if has_alpha else 3,
        bit_depth=8,
        orientation=exif.orientation(chunks.get(b"EXIF", b"")),
        refusal="animated WebP cannot be kept; save one picture of it first" if is_animated else None,
        detail=WebpDetail(chunks, bool(lossless)),
    )


def read_mark(data: bytes, header: Header) -> str | None:
    """The mark in the file's XMP, or None."""
    return xmp.read_mark(header.detail.chunks.get(b"XMP ", b""))


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """`(height, width, 3)` uint8 BGR as stored, without alpha.

    Raises:
        ValueError: the file is damaged.
    """
    return pixels.decode(data, cv2.IMREAD_COLOR)


def samples(data: bytes, header: Header) -> pixels.Samples:
    """The values of the file as stored. Raises as `decode`."""
    values = pixels.decode(data, cv2.IMREAD_UNCHANGED)
    return pixels.Samples(values, values.shape[2] == 4, None, header.detail.is_lossless)


def encode(
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    mark: Mark | str | None,
    dropped: list[str],
) -> bytes:
    """The file with repaired pixels in it; EXIF (without its thumbnail), ICC, XMP and alpha stay.

    A lossless file keeps all unchanged pixels. A lossy one is encoded again with `QUALITY`.

    Args:
        data: the source.
        header: what `read_header` returned for it.
        image: `(H, W, 3)` uint8 BGR as stored.
        changed: `(H, W)` bool, pixels that differ from the source.
        mark: text for the XMP mark, or None.
        dropped: what of the file's metadata went is added, in words.

    Raises:
        ValueError: the mark cannot be added.
    """
    chunks = header.detail.chunks
    dropped += [f"WebP {kind.decode('latin-1').strip()}" for kind in chunks if kind not in KNOWN_CHUNKS]
    if 8 + int.from_bytes(data[4:8], "little") + 1 < len(data):
        dropped.append(f"{len(data) - 8 - int.from_bytes(data[4:8], 'little')} bytes behind the picture")
    height, width = image.shape[:2]
    if header.channels == 4:
        stored = pixels.decode(data, cv2.IMREAD_UNCHANGED)
        pixels.put(stored, image, changed)
        picture = Image.fromarray(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGBA))
    else:
        picture = Image.frombuffer("RGB", (width, height), image, "raw", "BGR", 0, 1)
    output = BytesIO()
    picture.save(
        output,
        "WEBP",
        lossless=header.detail.is_lossless,
        exact=True,  # colours under transparent pixels count
        quality=LOSSLESS_EFFORT if header.detail.is_lossless else QUALITY,
        method=METHOD,
        icc_profile=chunks.get(b"ICCP", b""),
        exif=exif.cleaned(chunks.get(b"EXIF", b""), dropped),
        xmp=xmp.repaired(chunks.get(b"XMP "), mark, dropped) or b"",
    )
    return output.getvalue()
