"""JPEG files: taken apart into segments, and put together again round new pixels.

Two ways to write a repaired photo. "match" encodes all of it anew with the quantisation tables and chroma sampling of
the source. "exact" encodes only the MCUs (blocks of 8 × 8, or 16 × 16 pixels and the like with subsampled colour) that
were touched and takes the coefficients of all others from the source, through the optional package jpeglib.

Sources: ITU-T T.81 (JPEG), T.871 (JFIF), T.872 (Adobe's APP14).
"""

import contextlib
import copy
import functools
import os
import re
import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.formats import exif, metadata, photoshop, pixels, xmp
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
# Progressive files have about 10 scans; each costs the decoder a pass over the picture, however little it holds.
MAX_SCANS = 64

SOI, EOI, SOS, DQT, DRI, COM, APP0, APP15 = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE, 0xE0, 0xEF
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}

# natural (row by row) position of the k-th coefficient in a file
ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
PILLOW_SAMPLING: dict[tuple[float, float], int] = {
    (1, 1): 0,
    (2, 1): 1,
    (2, 2): 2,
}  # (horizontal, vertical) of luma over chroma

_JPEGLIB = threading.Lock()  # the package keeps markers in global variables


@dataclass(frozen=True)
class Component:
    """One colour component of the frame: identifier, sampling factors, number of its quantisation table."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class JpegDetail:
    """What the segments of a JPEG say.

    Attributes:
        segments: marker and payload of all segments but scans, in order.
        head: how many of them come before the first scan.
        scans: where in the file the first scan begins and the last one ends.
        frame: marker of the frame (SOF).
        components: in the order of the frame.
        tables: quantisation tables by number, 64 values row by row.
        is_rgb: whether the components are R, G and B rather than Y, Cb and Cr.
        restart_interval: MCUs between restart markers, 0 for none.
    """

    segments: list[tuple[int, bytes]]
    head: int
    scans: tuple[int, int]
    frame: int
    components: list[Component]
    tables: dict[int, list[int]]
    is_rgb: bool
    restart_interval: int


def matches(data: bytes) -> bool:
    """Whether these are the first bytes of a JPEG."""
    return data[:3] == b"\xff\xd8\xff"


def read_header(data: bytes) -> Header:
    """Walk the segments to the end of the image.

    Raises:
        ValueError: the file is truncated or its structure is damaged.
    """
    segments, head, scans, entropy_bytes = _walk(data)
    frames = [(marker, payload) for marker, payload in segments[:head] if marker in FRAMES]
    if len(frames) != 1:
        raise ValueError(f"the file is damaged ({len(frames)} frame headers before its pixels)")
    marker, payload = frames[0]
    if len(payload) < 6 or len(payload) < 6 + 3 * payload[5] or not payload[5]:
        raise ValueError("the file is damaged (its frame header is too short)")
    precision, height, width, count = struct.unpack_from(">BHHB", payload)
    components = [
        Component(payload[i], payload[i + 1] >> 4, payload[i + 1] & 15, payload[i + 2])
        for i in range(6, 6 + 3 * count, 3)
    ]
    if not all(1 <= c.horizontal <= 4 and 1 <= c.vertical <= 4 for c in components) or not width or not height:
        raise ValueError("the file is damaged (its frame header makes no sense)")
    blocks = sum(
        -(-width * c.horizontal // (8 * max(k.horizontal for k in components)))
        * -(-height * c.vertical // (8 * max(k.vertical for k in components)))
        for c in components
    )
    if entropy_bytes < blocks // 8:  # no block takes less than one bit
        raise ValueError(f"the file is truncated ({entropy_bytes} bytes cannot hold {width}×{height} pixels)")
    blocks = [exif.without_lead(p) for m, p in segments if m == 0xE1 and p.startswith(exif.LEAD)]
    refusal = None
    if count not in (1, 3):
        refusal = f"JPEG with {count} colour components (CMYK) cannot be kept; convert it to RGB first"
    elif precision != 8 or marker not in (BASELINE, EXTENDED, PROGRESSIVE):
        refusal = "only 8-bit baseline and progressive JPEG can be kept"
    interval = next((p for m, p in segments if m == DRI), b"\0\0")
    return Header(
        format="JPEG",
        width=width,
        height=height,
        channels=count,
        bit_depth=precision,
        orientation=exif.orientation(next((b for b in blocks if b[:2] in (b"II", b"MM")), b"")),
        refusal=refusal,
        detail=JpegDetail(
            segments,
            head,
            scans,
            marker,
            components,
            _quantisation_tables(segments),
            _is_rgb(segments, components),
            int.from_bytes(interval[:2], "big"),
        ),
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
        method: "match", "exact", or "auto": exact where jpeglib is installed and the file allows it.

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
            return _encode_exact(data, header, image, changed, kept)
        except ValueError:
            if method == "exact":
                raise
    return _assemble(kept, _encode_match(header, image))


@functools.cache
def has_jpeglib() -> bool:
    """Whether the optional package for exact writing is installed and loads."""
    try:
        import jpeglib  # noqa: F401
    except (ImportError, OSError):  # OSError: a library that it is built on is missing
        return False
    return True


def exact_refusal(header: Header) -> str | None:
    """Why a JPEG cannot be written with the coefficients of its untouched blocks, or None if it can."""
    if not has_jpeglib():
        return "exact JPEG needs the package jpeglib, which does not load: pip install jpeglib"
    if header.detail.is_rgb:
        return "exact JPEG is not possible for a JPEG stored as RGB"
    return None


def _walk(data: bytes) -> tuple[list[tuple[int, bytes]], int, tuple[int, int], int]:
    """Segments to the end of the image, how many precede the scans, the scans' span, bytes of compressed data."""
    values = np.frombuffer(data, np.uint8)
    starts = np.flatnonzero(values[:-1] == 0xFF)
    after = values[starts + 1]
    # within compressed data 0xFF is followed by 0 (a data byte) or by a restart marker; anything else ends it
    ends = starts[(after != 0) & (after != 0xFF) & ((after < 0xD0) | (after > 0xD7))]
    segments: list[tuple[int, bytes]] = []
    head = scans = scans_start = entropy_bytes = 0
    position = 2
    while True:
        position = data.find(b"\xff", position)  # libjpeg, too, skips stray bytes between segments
        while position >= 0 and data[position + 1 : position + 2] == b"\xff":
            position += 1
        if position < 0 or position + 2 > len(data):
            raise ValueError("the file is truncated")
        marker = data[position + 1]
        if marker == EOI:
            if not scans:
                raise ValueError("the file is damaged (no pixels in it)")
            return segments, head, (scans_start, position + 2), entropy_bytes
        if marker in (0, 1, SOI) or 0xD0 <= marker <= 0xD7:
            position += 2
            continue
        if position + 4 > len(data):
            raise ValueError("the file is truncated")
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data):
            raise ValueError("the file is truncated")
        if end < position + 4:
            raise ValueError("the file is damaged (a segment of no length)")
        if marker != SOS:
            segments.append((marker, data[position + 4 : end]))
            position = end
            continue
        if not scans:
            head, scans_start = len(segments), position
        scans += 1
        if scans > MAX_SCANS:
            raise ValueError(f"the file is damaged (more than {MAX_SCANS} scans)")
        place = int(np.searchsorted(ends, end))
        if place == len(ends):
            raise ValueError("the file is truncated")
        position = int(ends[place])
        entropy_bytes += position - end


def _quantisation_tables(segments: list[tuple[int, bytes]]) -> dict[int, list[int]]:
    tables = {}
    for marker, payload in segments:
        position = 0
        while marker == DQT and position < len(payload):
            size, code = (128, ">64H") if payload[position] >> 4 else (64, ">64B")
            if position + 1 + size > len(payload):
                raise ValueError("the file is damaged (a quantisation table is too short)")
            natural = [0] * 64
            for k, value in enumerate(struct.unpack_from(code, payload, position + 1)):
                natural[ZIGZAG[k]] = value
            if 0 in natural:
                raise ValueError("the file is damaged (a quantisation table holds a zero)")
            tables[payload[position] & 15] = natural
            position += 1 + size
    return tables


def _is_rgb(segments: list[tuple[int, bytes]], components: list[Component]) -> bool:
    """libjpeg's rules: JFIF means YCbCr, then Adobe's marker decides, then the components' names."""
    if len(components) != 3 or any(m == APP0 and p.startswith(b"JFIF\0") for m, p in segments):
        return False
    adobe = next((p for m, p in segments if m == 0xEE and p.startswith(b"Adobe") and len(p) >= 12), None)
    if adobe is not None:
        return adobe[11] == 0
    return bytes(c.identifier for c in components) == b"RGB"


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _is_metadata(marker: int) -> bool:
    return APP0 <= marker <= APP15 or marker == COM


def _kept_metadata(
    segments: list[tuple[int, bytes]], mark: Mark | str | None, dropped: list[str]
) -> list[tuple[int, bytes]]:
    """The segments that say something about the photo and hold no picture, the mark among them."""
    kept = []
    for marker, payload in segments:
        if not _is_metadata(marker):
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


def _assemble(metadata_segments: list[tuple[int, bytes]], encoded: bytes) -> bytes:
    """A JPEG with other metadata."""
    segments, head, (start, end), _ = _walk(encoded)
    parts = [_segment(m, p) for m, p in [*metadata_segments, *(s for s in segments[:head] if not _is_metadata(s[0]))]]
    return b"".join([b"\xff\xd8", *parts, memoryview(encoded)[start:end]])


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
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    kept: list[tuple[int, bytes]],
) -> bytes:
    detail: JpegDetail = header.detail
    # jpeglib holds 50 segments at most; it needs those that tell the colour space
    telling = [s for s in detail.segments if s[0] in (APP0, 0xEE) and s[1].startswith((b"JFIF\0", b"Adobe"))]
    source = _read_coefficients(_assemble(telling, data))
    planes = _planes(source)
    widest = max(c.horizontal for c in detail.components), max(c.vertical for c in detail.components)
    touched = _touched(changed, *widest)
    for row in np.flatnonzero(touched.any(1)):
        _encode_mcus(planes, detail, widest, image, int(row), np.flatnonzero(touched[row]))
    try:
        with _scratch() as target:
            with _JPEGLIB, pixels.quiet():
                source.write_dct(str(target))
            encoded = _assemble(kept, _with_identifiers(target.read_bytes(), detail.components))
    except OSError as error:
        raise ValueError(f"jpeglib cannot write it ({error})") from None
    written = _planes(_read_coefficients(_assemble(telling, encoded), like=source))
    same_tables = [_quantisation_tables(_walk(encoded)[0])[c.table] for c in detail.components] == [
        detail.tables[c.table] for c in detail.components
    ]
    if not same_tables or not all(np.array_equal(a, b) for a, b in zip(planes, written, strict=True)):
        raise ValueError("the check failed: jpeglib wrote other coefficients than it was given")
    return encoded


def _touched(changed: NDArray[np.bool_], horizontal: int, vertical: int) -> NDArray[np.bool_]:
    """Which MCUs hold a changed pixel, `(rows, columns)` bool."""
    height, width = changed.shape
    rows = np.logical_or.reduceat(changed, np.arange(0, height, 8 * vertical), axis=0)
    return np.logical_or.reduceat(rows, np.arange(0, width, 8 * horizontal), axis=1)


def _encode_mcus(
    planes: list[NDArray[np.int16]],
    detail: JpegDetail,
    widest: tuple[int, int],
    image: NDArray[np.uint8],
    row: int,
    columns: NDArray[np.intp],
) -> None:
    """Write the coefficients of the MCUs at `row` and `columns` into `planes`, `(rows, columns, 8, 8)` each."""
    wide, high = 8 * widest[0], 8 * widest[1]
    first, last = int(columns[0]), int(columns[-1]) + 1
    part = image[row * high : (row + 1) * high, first * wide : last * wide]
    # libjpeg fills the MCUs at the right and bottom edge by repeating the last pixels
    part = cv2.copyMakeBorder(
        part, 0, high - part.shape[0], 0, (last - first) * wide - part.shape[1], cv2.BORDER_REPLICATE
    )
    if len(planes) == 1:
        values = [cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)]
    else:
        luma, red, blue = cv2.split(cv2.cvtColor(part, cv2.COLOR_BGR2YCrCb))
        values = [luma, blue, red]
    for plane, component, value in zip(planes, detail.components, values, strict=True):
        across, down = component.horizontal, component.vertical
        small = cv2.resize(
            value.astype(np.float32), (8 * across * (last - first), 8 * down), interpolation=cv2.INTER_AREA
        )
        blocks = small.reshape(down, 8, across * (last - first), 8).transpose(0, 2, 1, 3) - 128
        table = np.array(detail.tables[component.table], np.float32).reshape(8, 8)
        coefficients = np.rint(_DCT @ blocks @ _DCT.T / table).astype(np.int16)
        for column in columns:
            of_component = coefficients[:, (column - first) * across : (column - first + 1) * across]
            target = plane[row * down : (row + 1) * down, column * across : (column + 1) * across]
            # The file holds no blocks outside the picture.
            target[:] = of_component[: target.shape[0], : target.shape[1]]


_DCT = np.array(
    [[np.sqrt((1 if k == 0 else 2) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)],
    np.float32,
)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A file for jpeglib, which takes names alone: in memory where the system has a name for that.

    Raises:
        OSError: there is neither that nor a temporary folder.
    """
    file = None
    with contextlib.suppress(OSError):
        file = pixels.memory_file()
    if file is not None:
        with file:
            path = Path(f"/proc/self/fd/{file.fileno()}")
            if path.exists():
                yield path
                return
    handle, name = tempfile.mkstemp(suffix=".jpg")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _read_coefficients(data: bytes, like: Any = None) -> Any:
    """jpeglib's view of a file, coefficients loaded.

    Args:
        data: a JPEG without metadata.
        like: an earlier result for a picture of the same size and sampling, which saves decoding the file once more.

    Raises:
        ValueError: jpeglib cannot read it.
    """
    import jpeglib  # optional

    try:
        with _scratch() as path, _JPEGLIB, pixels.quiet():
            # the package's default is libjpeg 6b of 1998; this one is twice as fast and hardened
            jpeglib.version.set("turbo210")
            if like is None:
                path.write_bytes(data)
                content = jpeglib.read_dct(str(path))
            else:
                content = copy.copy(like)
                content.content = data
                content.Y = content.Cb = content.Cr = content.qt = content.quant_tbl_no = None
            content.load()
    except OSError as error:
        raise ValueError(f"jpeglib cannot read it ({error})") from None
    return content


def _planes(content: Any) -> list[NDArray[np.int16]]:
    """Coefficients of each component, `(rows, columns, 8, 8)`."""
    return [plane for plane in (content.Y, content.Cb, content.Cr) if plane is not None]


def _with_identifiers(encoded: bytes, components: list[Component]) -> bytes:
    """jpeglib renames the components 0, 1, 2: give them their names again, which may tell the colour space."""
    result = bytearray(encoded)
    position = 2
    while True:
        marker = result[position + 1]
        if marker in FRAMES:
            for i, component in enumerate(components):
                result[position + 10 + 3 * i] = component.identifier
        elif marker == SOS:
            if result[position + 4] != len(components):
                raise ValueError("the check failed: jpeglib split the scan")
            for i, component in enumerate(components):
                result[position + 5 + 2 * i] = component.identifier
            return bytes(result)
        position += 2 + int.from_bytes(result[position + 2 : position + 4], "big")
