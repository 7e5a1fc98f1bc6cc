"""JPEG files: taken apart into segments, and put together again round new pixels.

Two ways to write a repaired photo. "match" encodes all of it anew with the quantisation tables and chroma sampling of
the source. "exact" encodes only the MCUs (blocks of 8 × 8, or 16 × 16 pixels and the like with subsampled colour) that
were touched and takes the coefficients of all others from the source, where a library for that is installed.
"""

import contextlib
import re
from io import BytesIO
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.formats import exif, jpeg_blocks, jpeg_exact, jpeg_segments, metadata, photoshop, pixels, turbojpeg, xmp
from utils.formats.jpeg_segments import APP0, BASELINE, COM, EXTENDED, PROGRESSIVE, JpegDetail, Segment, is_metadata
from utils.formats.metadata import Header
from utils.formats.xmp import Mark

XMP_LEAD = b"http://ns.adobe.com/xap/1.0/\0"
PHOTOSHOP_LEAD = b"Photoshop 3.0\0"
# What no picture lies in, however long it is: by marker and name, or by the beginning.
SAFE_SEGMENTS = {(0xE0, b"JFIF\0"), (0xE2, b"ICC_PROFILE\0")}
SAFE_LEADS = (b"Adobe", b"Ducky")
# What holds a picture or announces one behind the photo, however short it is: thumbnails, MPF, FlashPix, gain maps, the
# second part of a large XMP; APP11, with C2PA's hashes and thumbnails, goes whatever it is.
PICTURE_LEADS = (
    b"JFXX\0",
    b"MPF\0",
    b"FPXR\0",
    b"urn:iso:std:iso:ts:21496",
    b"http://ns.adobe.com/xmp/extension/",
    b"AROT\0",
)
MAX_SEGMENT = 65533  # payload bytes; the length field counts itself
PILLOW_SAMPLING: dict[tuple[float, float], int] = {
    (1, 1): 0,
    (2, 1): 1,
    (2, 2): 2,
}  # (horizontal, vertical) of luma over chroma


def matches(data: bytes) -> bool:
    """Whether these are the first bytes of a JPEG."""
    return data[:3] == b"\xff\xd8\xff"


def read_header(data: bytes) -> Header:
    """Walk the segments to the end of the image.

    Raises:
        ValueError: the file is truncated or its structure is damaged.
    """
    detail = jpeg_segments.read(data)
    count = len(detail.components)
    refusal = None
    if count not in (1, 3):
        refusal = f"JPEG with {count} colour components (CMYK) cannot be kept; convert it to RGB first"
    elif detail.precision != 8 or detail.frame not in (BASELINE, EXTENDED, PROGRESSIVE):
        refusal = "only 8-bit baseline and progressive JPEG can be kept"
    blocks = [exif.without_lead(p) for m, p in detail.segments if m == 0xE1 and p.startswith(exif.LEAD)]
    return Header(
        format="JPEG",
        width=detail.width,
        height=detail.height,
        channels=count,
        bit_depth=detail.precision,
        orientation=exif.orientation(next((b for b in blocks if b[:2] in (b"II", b"MM")), b"")),
        refusal=refusal,
        detail=detail,
    )


def read_mark(data: bytes, header: Header) -> str | None:
    """The mark in the file's XMP, or None."""
    return next((xmp.read_mark(p) for m, p in header.detail.segments if m == 0xE1 and p.startswith(XMP_LEAD)), None)


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """`(height, width, 3)` uint8 BGR as stored.

    Raises:
        ValueError: the file is damaged.
    """
    return pixels.decode(data, cv2.IMREAD_COLOR)


def decode_reduced(data: bytes, factor: int) -> NDArray[np.uint8]:
    """About a `factor`-th of the height and width, by the DCT alone: in half of the time that all pixels take.

    Args:
        factor: 2, 4 or 8.

    Returns:
        `(h, w, 3)` uint8 BGR as stored, sides rounded up.

    Raises:
        ValueError: the file is damaged.
    """
    flags = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
    return pixels.decode(data, flags[factor])


def samples(data: bytes, header: Header) -> pixels.Samples:
    """The values of the file as stored. Raises as `decode`."""
    values = decode(data, header)
    return pixels.Samples(values[:, :, :1] if header.channels == 1 else values, False, None, False)


def encode(
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    mark: Mark | str | None,
    dropped: list[str],
    method: str = "auto",
) -> bytes:
    """The file with repaired pixels in it.

    Kept: EXIF, ICC, XMP, IPTC, maker notes, comments and what is too short to hold a picture, density, quantisation
    tables, chroma sampling, and with "match" progressive mode and restart markers, too; "exact" writes one sequential
    scan. Dropped, since it would show what was removed or may: thumbnails and previews, gain maps, further pictures and
    films behind the first, C2PA, and every longer segment that is not known to be safe. "match" knows the samplings
    4:4:4, 4:2:2 and 4:2:0; any other becomes 4:4:4.

    Args:
        data: the source.
        header: what `read_header` returned for it.
        image: `(H, W, 3)` uint8 BGR as stored.
        changed: `(H, W)` bool, pixels that differ from the source.
        mark: text for the XMP mark, or None.
        dropped: what of the file's metadata went is added, in words.
        method: "match", "exact", or "auto": exact where a library for it is installed and the file allows it.

    Raises:
        ValueError: "exact" was asked for and is not possible, or the mark cannot be added.
    """
    kept = _kept_metadata(header.detail.segments, mark, dropped)
    behind = data[header.detail.scans[1] :]
    if behind.strip(b"\0\xff \r\n"):
        dropped.append(f"{len(behind)} bytes behind the picture")
    reason = exact_refusal(header)
    if method == "exact" and reason:
        raise ValueError(reason)
    if method != "match" and reason is None:
        try:
            return _encode_exact(data, header.detail, image, changed, kept)
        except ValueError:
            if method == "exact":
                raise
    return jpeg_segments.assembled(kept, _encode_match(header, image))


def exact_refusal(header: Header) -> str | None:
    """Why a JPEG cannot be written with the coefficients of its untouched blocks, or None if it can."""
    if not turbojpeg.is_installed() and not jpeg_exact.has_jpeglib():
        return "exact JPEG needs libturbojpeg or the package jpeglib, and neither loads: pip install jpeglib"
    if header.detail.is_rgb:
        return "exact JPEG is not possible for a JPEG stored as RGB"
    return None


def _kept_metadata(segments: list[Segment], mark: Mark | str | None, dropped: list[str]) -> list[Segment]:
    """The segments that say something about the photo and hold no picture, the mark among them."""
    kept = []
    for marker, payload in segments:
        if not is_metadata(marker):
            continue
        if marker == APP0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
            if len(payload) > 14:
                dropped.append("JFIF thumbnail")
            payload = payload[:12] + b"\0\0"
        elif marker == 0xE1 and payload.startswith(exif.LEAD):
            block = exif.cleaned(payload, dropped)
            if not block:
                continue
            payload = exif.LEAD + block
        elif marker == 0xE1 and payload.startswith(XMP_LEAD):
            payload, mark = _xmp_payload(payload[len(XMP_LEAD) :], mark, dropped), None
            if payload == XMP_LEAD:
                continue
        elif marker == 0xED and payload.startswith(PHOTOSHOP_LEAD):
            payload = PHOTOSHOP_LEAD + photoshop.cleaned(payload[len(PHOTOSHOP_LEAD) :], dropped)
        elif not _is_safe(marker, payload):
            dropped.append(f"JPEG {_name(marker, payload)}")
            continue
        kept.append((marker, payload))
    if mark is not None:  # no XMP so far: after JFIF and EXIF, which readers expect first
        place = 0
        while place < len(kept) and (kept[place][0] == APP0 or kept[place][1].startswith(exif.LEAD)):
            place += 1
        kept.insert(place, (0xE1, _xmp_payload(None, mark, dropped)))
    return kept


def _is_safe(marker: int, payload: bytes) -> bool:
    """Whether a segment without a cleaner of its own cannot show anything: known to, or too short to."""
    if (marker, payload[: payload.find(b"\0") + 1]) in SAFE_SEGMENTS:
        return True
    if marker == 0xEB or payload.startswith(PICTURE_LEADS) or metadata.picture_in(payload) is not None:
        return False
    return marker == COM or payload.startswith(SAFE_LEADS) or len(payload) <= metadata.HARMLESS_BYTES


def _name(marker: int, payload: bytes) -> str:
    if marker == 0xEB and b"c2pa" in payload:
        return "C2PA manifest"
    lead = re.match(rb"[ -~]{2,40}", payload)
    return f"APP{marker - APP0}{' ' + lead[0].decode() if lead else ''}" if marker != COM else "comment"


def _xmp_payload(packet: bytes | None, mark: Mark | str | None, dropped: list[str]) -> bytes:
    payload = XMP_LEAD + (xmp.repaired(packet, mark, dropped) or b"")
    if len(payload) > MAX_SEGMENT:  # writers leave some kilobytes of blanks before the packet's end
        payload = re.sub(rb"\s+(<\?xpacket end)", rb"\1", payload)
    if len(payload) > MAX_SEGMENT and isinstance(mark, Mark) and mark.record:
        return _xmp_payload(packet, mark._replace(record=""), dropped)
    if len(payload) > MAX_SEGMENT:
        raise ValueError("its XMP is full, so it cannot be marked as repaired (--mark False writes it without)")
    return payload


def _encode_match(header: Header, image: NDArray[np.uint8]) -> bytes:
    detail: JpegDetail = header.detail
    height, width = image.shape[:2]
    options: dict[str, Any] = {}
    if header.channels == 1:
        picture = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        tables = [detail.components[0].table]
    else:
        # with a fourth, unused byte a pixel Pillow takes the array as it is
        filled = cv2.cvtColor(image, cv2.COLOR_BGR2RGBA)
        picture = Image.frombuffer("RGBX", (width, height), filled, "raw", "RGBX", 0, 1)
        tables = [c.table for c in detail.components]
        if tables[1] == tables[2]:
            tables.pop()
        luma, *chroma = detail.components
        ratios = {(luma.horizontal / c.horizontal, luma.vertical / c.vertical) for c in chroma}
        options["subsampling"] = PILLOW_SAMPLING.get(ratios.pop(), 0) if len(ratios) == 1 else 0
        options["keep_rgb"] = detail.is_rgb
    if detail.restart_interval:
        options["restart_marker_blocks"] = detail.restart_interval
    options["qtables"] = [detail.tables[number] for number in tables]
    if detail.frame == PROGRESSIVE:
        # Pillow guesses the size of a progressive file at 2 bytes a pixel; noise at the highest quality does not fit
        with contextlib.suppress(OSError), pixels.quiet():
            return _saved(picture, BytesIO(), progressive=True, **options)
    # While it writes to a file of the system, Pillow lets other threads work, which it does not otherwise.
    with contextlib.suppress(OSError), pixels.quiet(), pixels.memory_file() as file:
        return _saved(picture, file, **options)
    with pixels.quiet():
        return _saved(picture, BytesIO(), **options)


def _saved(picture: Image.Image, file: BinaryIO, **options: Any) -> bytes:
    picture.save(file, "JPEG", **options)
    file.seek(0)
    return file.read()


def _encode_exact(
    data: bytes, detail: JpegDetail, image: NDArray[np.uint8], changed: NDArray[np.bool_], kept: list[Segment]
) -> bytes:
    tables = detail.tables_of_components()
    blocks = jpeg_blocks.new_blocks(image, changed, detail.components, tables)
    # what the segments say here, and nothing behind the picture, is what the library shall see
    encoded = jpeg_exact.replaced(jpeg_segments.assembled((), data), detail, blocks)
    return jpeg_segments.assembled(kept, encoded)
