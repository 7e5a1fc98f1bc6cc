"""TIFF files: pixels decoded and encoded anew by tifffile, all descriptive tags of the source copied behind them.

tifffile (with imagecodecs) knows the layouts that TIFF allows and gives the values as they are stored. JPEG inside TIFF
goes through OpenCV, which says where such data is damaged. The tags are copied by what stands here: tifffile gives
them as Python values, and what those were as bytes (byte order, types of old programs, directories inside) is lost.
Both packages are loaded when the first TIFF comes: no other photo waits for them.

Source: TIFF 6.0 with Adobe's technical notes; tags by their numbers there.
"""

import logging
import math
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from utils.arrays import AnyArray
from utils.formats import exif, metadata, photoshop, pixels, xmp
from utils.formats.exif import MAKER_NOTE, SUB_DIRECTORIES
from utils.formats.metadata import FIELD_SIZES, ORIENTATION, Field, Header, byte_order, integers, read_directory
from utils.formats.xmp import Mark

NEW_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
STRIPS, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
SUB_IFDS, XMP, IPTC, PHOTOSHOP, ICC = 330, 700, 33723, 34377, 34675
WHITE_IS_ZERO, BLACK_IS_ZERO, COLOUR, YCBCR = 0, 1, 2, 6
ASSOCIATED, UNASSOCIATED = 1, 2  # kinds of alpha; 0 is a channel that nobody says anything of
WHOLE_NUMBERS = (1, 4)  # sample formats: unsigned, and nothing said
SEPARATE = 2  # of the planar configuration: one channel after the other
MAX_CHANNELS = 16  # scanners write 4, printers' separations 12

# Tags that say how the pixels are laid out: taken from the new encoding. Those of the source that have no counterpart
# there (JPEG tables, subsampling, previews in sub-directories) go.
LAYOUT = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 292, 293),
    *(317, 320, 322, 323, 324, 325, 330, 332, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521),
    *(529, 530, 531),
}
# Tags that hold no picture, however long they are, beside EXIF's: what has a cleaner of its own, GeoTIFF's, GDAL's.
MAX_TILE_PIXELS = 2**22  # of a tile that is larger than the picture it belongs to
SAFE_TIFF_TAGS = {XMP, IPTC, PHOTOSHOP, ICC, 337, 33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113}
NONE, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA, ZSTD, WEBP = (
    *(1, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001),
)
FAX = (2, 3, 4)
READ_COMPRESSIONS = {NONE, *FAX, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA, ZSTD, WEBP}
# Compression of the source → of the result. What is not here becomes deflate, which loses nothing: JPEG and WebP would
# change every pixel.
KEPT_COMPRESSION = {NONE: NONE, LZW: LZW, DEFLATE: DEFLATE, OLD_DEFLATE: DEFLATE, PACKBITS: PACKBITS, LZMA: LZMA,
                    ZSTD: ZSTD}  # fmt: skip
PREDICTED = {LZW, DEFLATE, LZMA, ZSTD}  # that may store differences of neighbours
BILEVEL_COMPRESSION = {1: None, 2: "tiff_ccitt", 3: "group3", 4: "group4", 5: "tiff_lzw", 32773: "packbits"}
LOSSY = {OLD_JPEG, JPEG, WEBP}

NAMED_PHOTOMETRICS = {3: "with a palette", 4: "of a transparency mask", 5: "in CMYK", 8: "in CIELab", 9: "in ICCLab",
                      10: "in ITULab", 32803: "of a camera's raw values", 32844: "in LogL", 32845: "in LogLuv",
                      34892: "of a camera's raw values"}  # fmt: skip
NAMED_COMPRESSIONS = {9: "JBIG", 10: "JBIG", 32766: "NeXT", 32809: "ThunderScan", 33003: "JPEG 2000",
                      33004: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log",
                      34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 34927: "JPEG 2000", 50002: "JPEG XL",
                      52546: "JPEG XL"}  # fmt: skip


@dataclass(frozen=True)
class TiffDetail:
    """Byte order as `struct` writes it, the fields of the first directory by tag, and what they say of the pixels.

    Attributes:
        order, fields: see above.
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 6 YCbCr.
        compression: by its number.
        colours: how many of the channels are colours, 1 or 3; the others follow them.
        alpha: kind of the first of these others, 0 where there is none or it is no alpha.
        is_separate: whether the channels are stored one after the other.
        tile: height and width of its tiles, or None for strips.
        is_predicted: whether differences of neighbours are stored.
    """

    order: str
    fields: dict[int, Field]
    photometric: int
    compression: int
    colours: int
    alpha: int
    is_separate: bool
    tile: tuple[int, int] | None
    is_predicted: bool


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

    def values(tag: int) -> tuple[int, ...]:
        return integers(fields.get(tag), order)

    def value(tag: int, default: int) -> int:
        return (values(tag) or (default,))[0]

    width, height, channels = value(WIDTH, 0), value(HEIGHT, 0), value(SAMPLES, 1)
    depths = set(values(BITS)[:channels] or (1,))
    if not width or not height or not channels or 0 in depths or value(PLANAR, 1) not in (1, SEPARATE):
        raise ValueError("the file is damaged (its header makes no sense)")
    photometric, extra = value(PHOTOMETRIC, BLACK_IS_ZERO), values(EXTRA_SAMPLES)
    colours = 1 if photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO) else 3
    tile = (value(TILE_HEIGHT, 0), value(TILE_WIDTH, 0)) if TILES in fields or TILE_WIDTH in fields else None
    detail = TiffDetail(
        order=order,
        fields=fields,
        photometric=photometric,
        compression=value(COMPRESSION, NONE),
        colours=colours,
        alpha=extra[0] if channels > colours and extra and extra[0] in (ASSOCIATED, UNASSOCIATED) else 0,
        is_separate=value(PLANAR, 1) == SEPARATE and channels > 1,
        tile=tile,
        is_predicted=value(PREDICTOR, 1) == 2,
    )
    header = Header(
        format="TIFF",
        width=width,
        height=height,
        channels=channels,
        bit_depth=max(depths),
        orientation=metadata.checked_orientation(values(ORIENTATION)),
        refusal=None,
        detail=detail,
    )
    refusal = _refusal(header, depths, set(values(SAMPLE_FORMAT)), _count_pages(data, offset, following, order))
    if refusal is None:
        _check_segments(data, header)
    return Header(**{**vars(header), "refusal": refusal})


def _count_pages(data: bytes, offset: int, following: int, order: str) -> int:
    pages, visited = 1, {offset}
    while following and following not in visited and following + 2 <= len(data):
        visited.add(following)
        more, following = read_directory(data, following, order)
        if WIDTH not in more:  # the pointer leads into something else
            break
        pages += not (integers(more.get(NEW_SUBFILE_TYPE), order) or (0,))[0] & 1  # a reduced picture is none
    return pages


def _refusal(header: Header, depths: set[int], formats: set[int], pages: int) -> str | None:
    """Why a TIFF cannot be written back alike, or None."""
    detail: TiffDetail = header.detail
    first = "convert it to grey or RGB first"
    if pages > 1:
        return f"TIFF with {pages} pages cannot be kept; save the pages as single files first"
    if detail.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, COLOUR, YCBCR):
        named = NAMED_PHOTOMETRICS.get(detail.photometric, "of an unknown kind")
        return f"TIFF {named} (photometric interpretation {detail.photometric}) cannot be kept; {first}"
    if not formats <= set(WHOLE_NUMBERS) or depths not in ({1}, {8}, {16}) or (depths == {1} and header.channels > 1):
        return "only TIFF with 1, 8 or 16 bits a channel in whole numbers can be kept"
    is_jpeg = detail.compression in (OLD_JPEG, JPEG)
    if (
        header.channels < detail.colours
        or header.channels > MAX_CHANNELS
        or (is_jpeg and header.channels not in (1, 3))
    ):
        return (
            f"TIFF with {header.channels} channels and photometric interpretation {detail.photometric} cannot be kept; "
            f"{first}"
        )
    if detail.photometric == YCBCR and (header.channels != 3 or detail.is_separate or depths != {8}):
        return f"TIFF in YCbCr with {header.channels} separate or deep channels cannot be kept; {first}"
    if detail.compression not in READ_COMPRESSIONS or (detail.compression in FAX and depths != {1}):
        named = NAMED_COMPRESSIONS.get(detail.compression, "an unknown")
        return f"TIFF in {named} compression (number {detail.compression}) cannot be read; save it with deflate first"
    if is_jpeg and (depths != {8} or detail.is_separate):
        return "TIFF in JPEG compression with other than 8 bits, or with separate channels, cannot be read"
    return None


def _check_segments(data: bytes, header: Header) -> None:
    """Refuse strips and tiles that are not there, or of a senseless size, before anything is decoded.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    detail: TiffDetail = header.detail
    tags = (STRIPS, STRIP_SIZES) if detail.tile is None else (TILES, TILE_SIZES)
    offsets, sizes = (integers(detail.fields.get(tag), detail.order) for tag in tags)
    rows = (integers(detail.fields.get(ROWS_PER_STRIP), detail.order) or (header.height,))[0]
    high, wide = (rows or header.height, header.width) if detail.tile is None else detail.tile
    # a tile may be larger than a small picture, not than a large one
    if (
        not high
        or not wide
        or (detail.tile is not None and high * wide > max(MAX_TILE_PIXELS, 4 * header.width * header.height))
    ):
        raise ValueError("the file is damaged (its tiles make no sense)")
    wanted = _count_segments(header)
    if not sizes and len(offsets) == 1 and detail.compression == NONE:  # which old programs leave out
        sizes = (0,)
    if (len(offsets) < wanted or len(sizes) < wanted) and detail.compression != OLD_JPEG:
        raise ValueError("the file is truncated (parts of its pixels are missing)")
    if any(start + size > len(data) for start, size in zip(offsets, sizes, strict=False)):
        raise ValueError("the file is truncated")
    if detail.compression == NONE and detail.photometric != YCBCR:
        row = -(-wide * (1 if detail.is_separate else header.channels) * header.bit_depth // 8)
        last = header.height - (wanted // (header.channels if detail.is_separate else 1) - 1) * high
        for number, start in enumerate(offsets[:wanted]):
            is_last = detail.tile is None and (number + 1) % -(-header.height // high) == 0
            if start + row * (last if is_last else high) > len(data):
                raise ValueError("the file is truncated")


def read_mark(data: bytes, header: Header) -> str | None:
    """The mark in the file's XMP, or None."""
    field = header.detail.fields.get(XMP)
    return xmp.read_mark(field.value) if field else None


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """`(height, width, 3)` uint8 BGR as stored, without alpha; colours that alpha is multiplied into are freed of it.

    Raises:
        ValueError: the file is damaged.
    """
    detail: TiffDetail = header.detail
    stored = _stored(data, header)
    shown = _shown(stored, header)
    if detail.alpha == ASSOCIATED:
        alpha = stored[:, :, detail.colours].astype(np.float32)
        top = np.float32(np.iinfo(stored.dtype).max)
        translucent = alpha < top
        if translucent.any():
            free = shown[translucent] * (top / np.maximum(alpha[translucent], 1))[:, None]
            shown = shown.copy()
            shown[translucent] = np.minimum(np.rint(free), top).astype(shown.dtype)
    return pixels.to_bgr8(shown[:, :, ::-1] if detail.colours == 3 else shown)


def samples(data: bytes, header: Header) -> pixels.Samples:
    """The values of the file as stored, white as the highest. Raises as `decode`."""
    detail: TiffDetail = header.detail
    stored = _stored(data, header)
    values = _shown(stored, header)[:, :, ::-1]
    if detail.alpha:
        values = np.dstack([values, stored[:, :, detail.colours]])
    return pixels.Samples(np.ascontiguousarray(values), bool(detail.alpha), None, detail.compression not in LOSSY)


def encode(
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    mark: Mark | str | None,
    dropped: list[str],
) -> bytes:
    """The file with repaired pixels in it; all unchanged pixels keep their exact values, and so do further channels.

    Bit depth, channels and their order, tiles, compression and every tag that is known to hold no picture stay
    (resolution, EXIF, GPS, ICC, XMP, IPTC); a source in JPEG or WebP compression is written with deflate, for they
    would change every pixel. Changed pixels of a 1-bit file become black or white.

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
    stored = _stored(data, header)
    _put(stored, header, image, changed)
    encoded = _encoded_bilevel(stored, header) if header.bit_depth == 1 else _encoded(stored, header)
    return _with_tags(encoded, data, detail, mark, dropped)


def _stored(data: bytes, header: Header) -> AnyArray:
    """`(H, W, C)` uint8 or uint16 in the order of the file, RGB where it says YCbCr; one bit as 0 and 1; writable."""
    detail: TiffDetail = header.detail
    if detail.photometric == YCBCR or detail.compression in (OLD_JPEG, JPEG):
        if header.orientation != 1:  # OpenCV cannot be told to leave a TIFF as stored
            data = _with_orientation_1(data, detail.order)
        values = pixels.decode(data, cv2.IMREAD_UNCHANGED)
        if values.ndim == 2:  # OpenCV shows what it reads, white as the highest
            return (np.invert(values) if detail.photometric == WHITE_IS_ZERO else values)[:, :, None]
        return cv2.cvtColor(values[:, :, :3], cv2.COLOR_BGR2RGB)
    tifffile = _tifffile()
    try:
        with pixels.quiet(), tifffile.TiffFile(BytesIO(data)) as file:
            page = file.pages.first
            if not math.prod(page.chunked) == len(page.dataoffsets) == _count_segments(header):
                raise ValueError("of what it takes for missing, tifffile gives whatever lay in memory")
            values = page.asarray(maxworkers=1)
    except MemoryError:
        raise
    except Exception:  # the codecs pass on whatever damaged data makes them stumble over
        raise ValueError("the file is damaged") from None
    expected = (header.height, header.width, header.channels)
    values = values.reshape((header.channels, *expected[:2]) if detail.is_separate else expected)
    if detail.is_separate:
        values = values.transpose(1, 2, 0)
    wanted = np.uint16 if header.bit_depth == 16 else np.uint8
    if header.bit_depth != 1 and values.dtype != wanted:
        raise ValueError("the file is damaged (its headers contradict each other)")
    return np.array(values, wanted, order="C")


def _shown(stored: AnyArray, header: Header) -> AnyArray:
    """The colours of stored values, `(H, W, 1 or 3)`, white as the highest of 8 or 16 bits; a view where possible."""
    detail: TiffDetail = header.detail
    shown = stored[:, :, : detail.colours]
    if header.bit_depth == 1:
        shown = shown * np.uint8(255)
    return np.invert(shown) if detail.photometric == WHITE_IS_ZERO else shown


def _put(stored: AnyArray, header: Header, image: NDArray[np.uint8], changed: NDArray[np.bool_]) -> None:
    """Put repaired pixels into stored ones, in place; further channels are not touched."""
    detail: TiffDetail = header.detail
    new = image[changed]
    if not len(new):
        return
    if detail.colours == 1:
        new = cv2.cvtColor(new.reshape(1, -1, 3), cv2.COLOR_BGR2GRAY).reshape(-1, 1)
    else:
        new = new[:, ::-1]
    if header.bit_depth == 16:
        new = new.astype(np.uint16) * np.uint16(pixels.WIDE_STEP)
    if detail.photometric == WHITE_IS_ZERO:
        new = np.invert(new)
    if detail.alpha == ASSOCIATED:
        share = stored[changed][:, detail.colours].astype(np.float32) / np.iinfo(stored.dtype).max
        new = np.rint(new * share[:, None]).astype(stored.dtype)
    stored[changed, : detail.colours] = new >= 128 if header.bit_depth == 1 else new


def _count_segments(header: Header) -> int:
    """How many strips or tiles hold the pixels."""
    detail: TiffDetail = header.detail
    rows = (integers(detail.fields.get(ROWS_PER_STRIP), detail.order) or (header.height,))[0]
    high, wide = (rows or header.height, header.width) if detail.tile is None else detail.tile
    return -(-header.height // high) * -(-header.width // wide) * (header.channels if detail.is_separate else 1)


def _tifffile() -> Any:
    """The package, loaded when it is first needed, and silent: what goes wrong is said in an exception."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    return tifffile


def _encoded(stored: AnyArray, header: Header) -> bytes:
    tifffile = _tifffile()
    detail: TiffDetail = header.detail
    compression = KEPT_COMPRESSION.get(detail.compression, DEFLATE)
    extra = (*integers(detail.fields.get(EXTRA_SAMPLES), detail.order), *[0] * header.channels)
    options: dict[str, Any] = {}
    if header.channels > 1:
        options["planarconfig"] = "separate" if detail.is_separate else "contig"
        options["extrasamples"] = extra[: header.channels - detail.colours] or None
        stored = stored.transpose(2, 0, 1) if detail.is_separate else stored
    else:
        stored = stored[:, :, 0]
    if detail.tile and not any(side % 16 for side in detail.tile):
        options["tile"] = detail.tile
    output = BytesIO()
    with tifffile.TiffWriter(output, byteorder="<" if detail.order == "<" else ">") as writer:
        writer.write(
            np.ascontiguousarray(stored),
            photometric={WHITE_IS_ZERO: "miniswhite", BLACK_IS_ZERO: "minisblack"}.get(detail.photometric, "rgb"),
            compression=None if compression == NONE else compression,
            predictor=detail.is_predicted and compression in PREDICTED,
            metadata=None,
            software=False,
            maxworkers=1,
            **options,
        )
    return output.getvalue()


def _encoded_bilevel(stored: AnyArray, header: Header) -> bytes:
    """One bit a pixel through Pillow, which also writes the compressions of fax machines."""
    output = BytesIO()
    is_white = stored[:, :, 0].astype(bool)
    if header.detail.photometric == WHITE_IS_ZERO:
        is_white = ~is_white
    method = BILEVEL_COMPRESSION.get(header.detail.compression, "tiff_adobe_deflate")
    Image.fromarray(is_white).save(output, "TIFF", compression=method)
    return output.getvalue()


def _with_orientation_1(data: bytes, order: str) -> bytes:
    result = bytearray(data)
    (offset,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, offset)
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", data, entry)[0] == ORIENTATION:
            struct.pack_into(order + "HIHH", result, entry + 2, 3, 1, 1, 0)
    return bytes(result)


def _with_tags(encoded: bytes, source: bytes, detail: TiffDetail, mark: Mark | str | None, dropped: list[str]) -> bytes:
    """The encoded file with a new directory at its end: layout of `encoded`, all else of `source`."""
    order = byte_order(encoded)
    layout, _ = read_directory(encoded, struct.unpack_from(order + "I", encoded, 4)[0], order)
    fields = {tag: field for tag, field in layout.items() if tag in LAYOUT}
    kept = {tag: field for tag, field in detail.fields.items() if tag not in LAYOUT}
    if SUB_IFDS in detail.fields:
        dropped.append("TIFF previews in sub-directories")
    if EXTRA_SAMPLES in detail.fields:  # whether alpha is multiplied in
        kept[EXTRA_SAMPLES] = detail.fields[EXTRA_SAMPLES]
    else:
        fields.pop(EXTRA_SAMPLES, None)
    if PHOTOSHOP in kept:
        resources = photoshop.cleaned(kept[PHOTOSHOP].value, dropped)
        kept[PHOTOSHOP] = Field(7, len(resources), resources)
    if IPTC in kept:
        kept[IPTC] = _cleaned_iptc(kept[IPTC], detail.order, dropped)
    packet = xmp.repaired(kept.pop(XMP).value if XMP in kept else None, mark, dropped)
    if packet:
        kept[XMP] = Field(1, len(packet), packet)
    body = bytearray(encoded)
    for tag, field in _safe(kept, dropped).items():
        fields[tag] = _copied(body, source, tag, field, detail.order, order, 0, dropped)
    struct.pack_into(order + "I", body, 4, _append_directory(body, fields, order))
    return bytes(body)


def _safe(fields: dict[int, Field], dropped: list[str]) -> dict[int, Field]:
    """The entries of a directory that hold no picture; a maker note loses the preview in it."""
    kept = {}
    for tag, field in fields.items():
        if tag not in SAFE_TIFF_TAGS and exif.is_dropped(tag, field.value):
            dropped.append(f"TIFF tag {tag}")
            continue
        if tag == MAKER_NOTE and (note := exif.without_preview(field.value)) != field.value:
            dropped.append("preview in the maker note")
            field = Field(field.type, field.count, note)
        kept[tag] = field
    return kept


def _cleaned_iptc(field: Field, order: str, dropped: list[str]) -> Field:
    """IPTC records without a preview; some programs call them numbers of four bytes, in the file's byte order."""
    value = field.value
    if field.type == 4 and order == "<" and value[3:4] == b"\x1c" and value[:1] != b"\x1c":
        value = np.frombuffer(value[: len(value) // 4 * 4], "<u4").byteswap().tobytes()
    records = photoshop.without_preview(value, dropped)
    return field if records == value else Field(7, len(records), records)


def _copied(
    body: bytearray, source: bytes, tag: int, field: Field, old: str, new: str, depth: int, dropped: list[str]
) -> Field:
    """A field in the byte order `new`; a directory it points to is appended to `body` first."""
    if tag in SUB_DIRECTORIES and depth < 3:
        try:
            fields, _ = read_directory(source, integers(field, old)[0], old)
        except (ValueError, IndexError):
            fields = {}
        safe = _safe(fields, dropped)
        copies = {t: _copied(body, source, t, f, old, new, depth + 1, dropped) for t, f in safe.items()}
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
