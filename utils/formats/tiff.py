"""TIFF files: pixels encoded anew by OpenCV, all descriptive tags of the source copied behind them.

Source: TIFF 6.0 with Adobe's technical notes; tags by their numbers there.
"""

import struct
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.formats import metadata, pixels
from utils.formats.exif import SUB_DIRECTORIES
from utils.formats.metadata import FIELD_SIZES, ORIENTATION, Field, Header, byte_order, integers, read_directory

NEW_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
SAMPLES, SAMPLE_FORMAT, XMP, PHOTOSHOP, EXTRA_SAMPLES = 277, 339, 700, 34377, 338
WHITE_IS_ZERO, BLACK_IS_ZERO, COLOUR, YCBCR = 0, 1, 2, 6

# Tags that say how the pixels are laid out: taken from the new encoding. Those of the source that have no counterpart
# there (tiles, JPEG tables, subsampling, previews in sub-directories) go.
LAYOUT = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 292, 293),
    *(317, 320, 322, 323, 324, 325, 330, 332, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521),
    *(529, 530, 531),
}
# compression of the source → of the result; JPEG and what OpenCV cannot write become deflate, which loses nothing
KEPT_COMPRESSION = {1: 1, 5: 5, 8: 8, 32946: 8, 32773: 32773}
DEFLATE = 8
LOSSY = {6, 7}  # compressions
BILEVEL_COMPRESSION = {1: None, 2: "tiff_ccitt", 3: "group3", 4: "group4", 5: "tiff_lzw", 32773: "packbits"}


@dataclass(frozen=True)
class TiffDetail:
    """Byte order as `struct` writes it, and the fields of the first directory by tag."""

    order: str
    fields: dict[int, Field]


def matches(data: bytes) -> bool:
    """Whether these are the first bytes of a TIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_header(data: bytes) -> Header:
    """Read the directories.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    if data[2:4] in (b"+\0", b"\0+"):
        raise ValueError("BigTIFF cannot be read; convert it to TIFF first")
    if len(data) < 8:
        raise ValueError("the file is truncated")
    order = byte_order(data)
    (offset,) = struct.unpack_from(order + "I", data, 4)
    lost: list[int] = []
    fields, following = read_directory(data, offset, order, lost)
    if -1 in lost or LAYOUT & set(lost):
        raise ValueError("the file is truncated")
    pages, seen = 1, {offset}
    while following and following not in seen and following + 2 <= len(data):
        seen.add(following)
        more, following = read_directory(data, following, order)
        if WIDTH not in more:  # the pointer leads into something else
            break
        is_reduced = bool((integers(more.get(NEW_SUBFILE_TYPE), order) or (0,))[0] & 1)
        pages += not is_reduced

    def value(tag: int, default: int) -> int:
        return (integers(fields.get(tag), order) or (default,))[0]

    width, height, samples = value(WIDTH, 0), value(HEIGHT, 0), value(SAMPLES, 1)
    depths = set(integers(fields.get(BITS), order)[:samples] or (1,))
    if not width or not height or not samples or 0 in depths:
        raise ValueError("the file is damaged (its header makes no sense)")
    for offsets_tag, sizes_tag in ((273, 279), (324, 325)):  # strips, tiles
        offsets, sizes = (integers(fields.get(tag), order) for tag in (offsets_tag, sizes_tag))
        if any(start + size > len(data) for start, size in zip(offsets, sizes, strict=False)):
            raise ValueError("the file is truncated")
    depth, photometric = max(depths), value(PHOTOMETRIC, BLACK_IS_ZERO)
    refusal = None
    if pages > 1:
        refusal = f"TIFF with {pages} pages cannot be kept; save the pages as single files first"
    elif value(SAMPLE_FORMAT, 1) != 1 or depths not in ({1}, {8}, {16}) or (depth == 1 and samples > 1):
        refusal = "only TIFF with 1, 8 or 16 bits a channel in whole numbers can be kept"
    elif (photometric, samples) not in {
        *((WHITE_IS_ZERO, 1), (BLACK_IS_ZERO, 1), (COLOUR, 3), (COLOUR, 4), (YCBCR, 3)),
    }:
        refusal = (
            f"TIFF with {samples} channels and photometric interpretation {photometric} cannot be kept; "
            "convert it to grey or RGB first"
        )
    return Header(
        format="TIFF",
        width=width,
        height=height,
        channels=samples,
        bit_depth=depth,
        orientation=metadata.checked_orientation(integers(fields.get(ORIENTATION), order)),
        refusal=refusal,
        detail=TiffDetail(order, fields),
    )


def read_mark(data: bytes, header: Header) -> str | None:
    """The mark in the file's XMP, or None."""
    field = header.detail.fields.get(XMP)
    return metadata.read_xmp_mark(field.value) if field else None


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """`(height, width, 3)` uint8 BGR as stored, without alpha.

    Raises:
        ValueError: the file is damaged.
    """
    return pixels.to_bgr8(_stored(data, header))


def samples(data: bytes, header: Header) -> pixels.Samples:
    """The values of the file as stored. Raises as `decode`."""
    values = _stored(data, header)
    compression = (integers(header.detail.fields.get(COMPRESSION), header.detail.order) or (1,))[0]
    values = values[:, :, None] if values.ndim == 2 else values
    return pixels.Samples(values, values.shape[2] in (2, 4), None, compression not in LOSSY)


def encode(
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    mark: str | None,
    dropped: list[str],
) -> bytes:
    """The file with repaired pixels in it; all unchanged pixels keep their exact values, and alpha stays.

    Bit depth, channels, compression and every descriptive tag stay (resolution, EXIF, GPS, ICC, XMP, IPTC); a source
    in JPEG compression is written with deflate, for JPEG would change every pixel. Previews are dropped. Changed pixels
    of a 1-bit file become black or white.

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
    detail: TiffDetail = header.detail
    compression = (integers(detail.fields.get(COMPRESSION), detail.order) or (1,))[0]
    stored = _stored(data, header)
    pixels.put(stored, image, changed)
    if header.bit_depth == 1:
        output = BytesIO()
        method = BILEVEL_COMPRESSION.get(compression, "tiff_adobe_deflate")
        Image.fromarray(stored >= 128).save(output, "TIFF", compression=method)
        encoded = output.getvalue()
    else:
        parameters = [cv2.IMWRITE_TIFF_COMPRESSION, KEPT_COMPRESSION.get(compression, DEFLATE)]
        encoded = cv2.imencode(".tif", stored, parameters)[1].tobytes()
    return _with_tags(encoded, data, detail, mark)


def _stored(data: bytes, header: Header) -> NDArray:
    """`(H, W)` or `(H, W, C)` uint8 or uint16, colour as BGR, with alpha as stored."""
    if header.channels == 4 and header.bit_depth == 8:  # OpenCV multiplies colour by alpha here
        stored = np.asarray(pixels.decode_with_pillow(data))
        if stored.ndim != 3 or stored.shape[2] != 4:
            raise ValueError("the file is damaged")
        return cv2.cvtColor(stored, cv2.COLOR_RGBA2BGRA)
    if header.orientation != 1:  # OpenCV cannot be told to leave a TIFF as stored
        data = _with_orientation_1(data, header.detail.order)
    return pixels.decode(data, cv2.IMREAD_UNCHANGED)


def _with_orientation_1(data: bytes, order: str) -> bytes:
    result = bytearray(data)
    (offset,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, offset)
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", data, entry)[0] == ORIENTATION:
            struct.pack_into(order + "HIHH", result, entry + 2, 3, 1, 1, 0)
    return bytes(result)


def _with_tags(encoded: bytes, source: bytes, detail: TiffDetail, mark: str | None) -> bytes:
    """The encoded file with a new directory at its end: layout of `encoded`, all else of `source`."""
    order = byte_order(encoded)
    layout, _ = read_directory(encoded, struct.unpack_from(order + "I", encoded, 4)[0], order)
    fields = {tag: field for tag, field in layout.items() if tag in LAYOUT}
    kept = {tag: field for tag, field in detail.fields.items() if tag not in LAYOUT}
    if EXTRA_SAMPLES in detail.fields:  # whether alpha is multiplied in
        kept[EXTRA_SAMPLES] = detail.fields[EXTRA_SAMPLES]
    if PHOTOSHOP in kept:
        resources = metadata.without_photoshop_thumbnail(kept[PHOTOSHOP].value)
        kept[PHOTOSHOP] = Field(7, len(resources), resources)
    packet = metadata.repaired_xmp(kept[XMP].value if XMP in kept else None, mark)
    if packet:
        kept[XMP] = Field(1, len(packet), packet)
    body = bytearray(encoded)
    for tag, field in kept.items():
        fields[tag] = _copied(body, source, tag, field, detail.order, order, depth=0)
    struct.pack_into(order + "I", body, 4, _append_directory(body, fields, order))
    return bytes(body)


def _copied(body: bytearray, source: bytes, tag: int, field: Field, old: str, new: str, depth: int) -> Field:
    """A field in the byte order `new`; a directory it points to is appended to `body` first."""
    if tag in SUB_DIRECTORIES and depth < 3:
        try:
            fields, _ = read_directory(source, integers(field, old)[0], old)
        except (ValueError, IndexError):
            fields = {}
        copies = {t: _copied(body, source, t, f, old, new, depth + 1) for t, f in fields.items()}
        return Field(4, 1, struct.pack(new + "I", _append_directory(body, copies, new)))
    unit = {5: 4, 10: 4}.get(field.type, FIELD_SIZES[field.type])  # a rational is two numbers
    if old == new or unit == 1:
        return field
    return Field(field.type, field.count, np.frombuffer(field.value, f"u{unit}").byteswap().tobytes())


def _append_directory(body: bytearray, fields: dict[int, Field], order: str) -> int:
    """Append a directory and its values to a TIFF structure; returns its offset."""
    entries = b""
    for tag, field in sorted(fields.items()):
        value = field.value.ljust(4, b"\0")
        if len(value) > 4:
            body += bytes(len(body) % 2)
            value, out = struct.pack(order + "I", len(body)), value
            body += out
        entries += struct.pack(order + "HHI", tag, field.type, field.count) + value
    body += bytes(len(body) % 2)
    offset = len(body)
    body += struct.pack(order + "H", len(fields)) + entries + bytes(4)
    return offset
