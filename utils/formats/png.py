"""PNG files: chunks, and an encoder for every colour type and bit depth.

OpenCV and Pillow write neither grey with alpha at 16 bits nor grey of 2 and 4 bits, so there must be an encoder of our
own. On a page of 12 megapixels OpenCV's is as fast (0.7 to 1.0 s against 0.9 s) and its file as large (0.1 %), so ours
is the only one. Source: PNG specification, third edition (W3C).
"""

import re
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import AnyArray
from utils.formats import exif, metadata, photoshop, pixels, xmp
from utils.formats.metadata import Header
from utils.formats.xmp import Mark

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PALETTE = 3
MAX_DEFLATE_RATIO = 1032  # of zlib's format: no more bytes come out of one
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
# Chunks that hold no picture but the one that is repaired. What may not be copied into a changed picture is not among
# them, nor what nobody knows: `iDOT` tells where parts of the old pixels begin, `caBX` holds C2PA's thumbnails.
SAFE_CHUNKS = frozenset(
    {
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"hIST"),
        *(b"pHYs", b"sPLT", b"tIME", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi", b"oFFs", b"pCAL", b"sCAL", b"sTER"),
        *(b"gIFg", b"vpAg", b"eXIf"),
    }
)
SAFE_KEYWORDS = frozenset({b"Title", b"Author", b"Description", b"Copyright", b"Creation Time", b"Software",
                           b"Disclaimer", b"Warning", b"Source", b"Comment", b"parameters"})  # fmt: skip
DEFLATE_BYTES = 2**22  # compressed at a time
HEX_COLUMNS = 72  # digits a line of a raw profile, as ImageMagick writes it
NAME_LETTERS = 40  # of a keyword that a message shows
MAX_NOTE_BYTES = 1024  # of a text under a name of its own; editors hide whole pictures in longer ones
RAW_PROFILE = b"Raw profile type "
JPEG_XMP_LEAD, PHOTOSHOP_LEAD = b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")
MAX_TEXT_BYTES = 2**26  # of a text once it is inflated
# A photo's noise does not repeat: on a page of 12 megapixels photographed, searching for repetitions (level 6) took
# 1.7 s where run lengths alone took 0.4 s and gave 8 % fewer bytes. On a drawn page it gave a third of the bytes.
FLAT_RATIO = 8  # a source that was compressed more than this many times is drawn


@dataclass(frozen=True)
class PngDetail:
    """Chunks of the file, type and content in order (one IDAT, empty, for all of them), and IHDR's colour type."""

    chunks: list[tuple[bytes, bytes]]
    colour_type: int


def matches(data: bytes) -> bool:
    """Whether these are the first bytes of a PNG."""
    return data[:8] == SIGNATURE


def read_header(data: bytes) -> Header:
    """Walk the chunks and check their sums.

    Raises:
        ValueError: the file is truncated or damaged.
    """
    chunks: list[tuple[bytes, bytes]] = []
    compressed = 0
    position = 8
    view = memoryview(data)
    while not chunks or chunks[-1][0] != b"IEND":
        if position + 12 > len(data):
            raise ValueError("the file is truncated")
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        end = position + 8 + size
        if end + 4 > len(data):
            raise ValueError("the file is truncated")
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise ValueError("the file is damaged (a checksum is wrong)")
        if kind == b"IDAT":
            compressed += size
            if not any(k == b"IDAT" for k, _ in chunks):
                chunks.append((kind, b""))
        else:
            chunks.append((kind, data[position + 8 : end]))
        position = end + 4
    kind, content = chunks[0]
    if kind != b"IHDR" or len(content) != 13:
        raise ValueError("the file is damaged (its header is missing)")
    width, height, depth, colour_type = struct.unpack_from(">IIBB", content)
    if depth not in DEPTHS.get(colour_type, ()) or not width or not height:
        raise ValueError("the file is damaged (its header makes no sense)")
    parts = dict(chunks)
    if colour_type == PALETTE and not parts.get(b"PLTE"):
        raise ValueError("the file is damaged (its palette is missing)")
    if compressed * MAX_DEFLATE_RATIO < height * (width * CHANNELS[colour_type] * depth // 8):
        raise ValueError(f"the file is truncated ({compressed} bytes cannot hold {width}×{height} pixels)")
    return Header(
        format="PNG",
        width=width,
        height=height,
        channels=CHANNELS[colour_type],
        bit_depth=depth,
        orientation=exif.orientation(_exif(chunks)),
        refusal="animated PNG cannot be kept; save one picture of it first" if b"acTL" in parts else None,
        detail=PngDetail(chunks, colour_type),
    )


def read_mark(data: bytes, header: Header) -> str | None:
    """The mark in the file's XMP, or None."""
    for kind, content in header.detail.chunks:
        packet = _xmp(content) if kind == b"iTXt" else None
        if packet is not None:
            return xmp.read_mark(packet)
    return None


def decode(data: bytes, header: Header) -> NDArray[np.uint8]:
    """`(height, width, 3)` uint8 BGR as stored, without alpha.

    Raises:
        ValueError: the file is damaged.
    """
    if header.bit_depth == 16:
        return pixels.to_bgr8(pixels.decode(data, cv2.IMREAD_UNCHANGED))
    return pixels.decode(data, cv2.IMREAD_COLOR)


def samples(data: bytes, header: Header) -> pixels.Samples:
    """The values of the file as stored, but that fewer than 8 bits are spread to 8. Raises as `decode`."""
    detail: PngDetail = header.detail
    parts = dict(detail.chunks)
    if detail.colour_type == PALETTE and b"tRNS" not in parts:
        return pixels.Samples(np.array(pixels.decode_with_pillow(data))[:, :, None], False, _colours(parts), True)
    values = pixels.decode(data, cv2.IMREAD_UNCHANGED)
    values = values[:, :, None] if values.ndim == 2 else values
    if header.channels == 2:
        values = values[:, :, [0, 3]]
    return pixels.Samples(values, values.shape[2] in (2, 4), None, True)


def encode(
    data: bytes,
    header: Header,
    image: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    mark: Mark | str | None,
    dropped: list[str],
) -> bytes:
    """The file with repaired pixels in it; all unchanged pixels keep their exact values, and alpha stays.

    Bit depth, colour type, palette and every chunk that is known to hold no picture stay; interlacing goes. Changed
    pixels become the nearest entry of a palette or the nearest of the grey levels that the bit depth has.

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
    detail: PngDetail = header.detail
    chunks = _kept_chunks(detail.chunks, mark, dropped)
    rows: AnyArray
    if detail.colour_type == PALETTE:
        rows = _packed(_palette_indices(data, _colours(dict(chunks)), image, changed), header.bit_depth)
    elif header.bit_depth < 8:
        rows = _packed(_grey_indices(data, header.bit_depth, image, changed), header.bit_depth)
    else:
        rows = _samples(data, header, image, changed)
    parts = [SIGNATURE]
    for kind, content in chunks:
        if kind == b"IHDR":
            content = content[:12] + b"\0"  # not interlaced
        elif kind == b"IDAT":
            is_flat = len(data) * FLAT_RATIO < rows.nbytes
            content = _compressed(rows, detail.colour_type != PALETTE and header.bit_depth >= 8, is_flat)
        parts.append(_chunk(kind, content))
    return b"".join(parts)


def _samples(
    data: bytes, header: Header, image: NDArray[np.uint8], changed: NDArray[np.bool_]
) -> NDArray[np.uint8 | np.uint16]:
    """Rows of samples of 8 or 16 bits in PNG's order."""
    height = len(image)
    if header.channels == 3 and header.bit_depth == 8:
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).reshape(height, -1)
    # OpenCV gives grey with alpha as BGRA, and RGB with a transparent colour, too
    stored = pixels.decode(data, cv2.IMREAD_UNCHANGED)
    if stored.ndim == 3 and header.channels == 1:
        stored = np.ascontiguousarray(stored[:, :, 0])
    elif stored.ndim == 3 and header.channels == 2:
        stored = np.ascontiguousarray(stored[:, :, [0, 3]])
    elif header.channels == 3:
        stored = np.ascontiguousarray(stored[:, :, :3])
    pixels.put(stored, image, changed)
    if header.channels >= 3:
        order = cv2.COLOR_BGR2RGB if header.channels == 3 else cv2.COLOR_BGRA2RGBA
        stored = cv2.cvtColor(stored, order)
    return stored.reshape(height, -1)


def _colours(parts: dict[bytes, bytes]) -> NDArray[np.uint8]:
    """The palette, `(K, 3)` BGR, from the chunks by their types."""
    palette = parts[b"PLTE"]
    return np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)[:, ::-1]


def _palette_indices(
    data: bytes, colours: NDArray[np.uint8], image: NDArray[np.uint8], changed: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    indices = np.array(pixels.decode_with_pillow(data))
    indices[changed] = pixels.nearest_index(image[changed], colours)
    return indices


def _grey_indices(
    data: bytes, bit_depth: int, image: NDArray[np.uint8], changed: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    grey = pixels.decode(data, cv2.IMREAD_GRAYSCALE)
    pixels.put(grey, image, changed)
    steps = 2**bit_depth - 1
    return cv2.convertScaleAbs(grey, alpha=steps / 255)


def _packed(indices: NDArray[np.uint8], bit_depth: int) -> NDArray[np.uint8]:
    """`(H, W)` values below 2**bit_depth as rows of bytes, the first pixel in the highest bits."""
    if bit_depth == 8:
        return indices
    per_byte = 8 // bit_depth
    padded = np.pad(indices, ((0, 0), (0, -indices.shape[1] % per_byte)))
    packed = np.zeros((indices.shape[0], padded.shape[1] // per_byte), np.uint8)
    for i in range(per_byte):
        packed |= padded[:, i::per_byte] << (8 - bit_depth * (i + 1))
    return packed


def _compressed(rows: NDArray[np.uint8 | np.uint16], is_filtered: bool, is_flat: bool) -> bytes:
    """The content of IDAT. Filter "up" for photos; none for indices and packed pixels, as the specification advises."""
    strategy = zlib.Z_DEFAULT_STRATEGY if is_flat or not is_filtered else zlib.Z_RLE
    compressor = zlib.compressobj(strategy=strategy)
    parts = []
    above: AnyArray | None = None
    step = max(1, DEFLATE_BYTES // max(1, rows[0].nbytes))
    for start in range(0, len(rows), step):
        strip = rows[start : start + step]
        if strip.dtype == np.uint16:
            strip = strip.astype(">u2").view(np.uint8)
        lines = np.empty((len(strip), strip.shape[1] + 1), np.uint8)
        if is_filtered:
            lines[:, 0] = 2
            lines[0, 1:] = strip[0] - above if above is not None else strip[0]
            np.subtract(strip[1:], strip[:-1], out=lines[1:, 1:])
            above = strip[-1].copy()
        else:
            lines[:, 0] = 0
            lines[:, 1:] = strip
        parts.append(compressor.compress(lines.data))
    return b"".join([*parts, compressor.flush()])


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join(
        [struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))]
    )


def _kept_chunks(
    chunks: list[tuple[bytes, bytes]], mark: Mark | str | None, dropped: list[str]
) -> list[tuple[bytes, bytes]]:
    """The chunks that stay, the mark among them."""
    kept = []
    for kind, content in chunks:
        keyword, text = _text(kind, content)
        if kind == b"eXIf":
            content = exif.cleaned(content, dropped)
            if not content:
                continue
        elif kind == b"iTXt" and (packet := _xmp(content)) is not None:
            packet, mark = xmp.repaired(packet, mark, dropped), None
            if packet is None:
                continue
            content = _xmp_chunk(packet)
        elif keyword.startswith(RAW_PROFILE):
            profile = _cleaned_profile(keyword, text, dropped)
            if profile is None:
                continue
            if profile != text:
                kind, content = b"tEXt", keyword + b"\0" + profile
        elif not _is_safe(kind, content, keyword, text):
            dropped.append(f"PNG {keyword.decode('latin-1')[:NAME_LETTERS] or kind.decode('latin-1')}")
            continue
        kept.append((kind, content))
    if mark is not None:
        kept.insert(1, (b"iTXt", _xmp_chunk(xmp.repaired(None, mark, dropped) or b"")))
    return kept


def _is_safe(kind: bytes, content: bytes, keyword: bytes, text: bytes) -> bool:
    """Whether a chunk is known to hold no picture; one of text is where it is a usual one, or short."""
    if kind in (b"tEXt", b"zTXt", b"iTXt"):
        if metadata.picture_in(text) is not None or not keyword:
            return False
        return keyword in SAFE_KEYWORDS or len(text) <= MAX_NOTE_BYTES
    return kind in SAFE_CHUNKS


def _cleaned_profile(keyword: bytes, text: bytes, dropped: list[str]) -> bytes | None:
    """A raw profile without what holds pictures: the same text where nothing goes, None where nothing stays."""
    profile, name = _raw_profile(text), keyword.removeprefix(RAW_PROFILE).strip().lower()
    if profile is not None and name in (b"icc", b"icm"):
        return text
    cleaned = b""
    if profile is None:
        dropped.append(f"PNG {keyword.decode('latin-1')[:NAME_LETTERS]}")
    elif name in (b"exif", b"app1") and profile.startswith(exif.LEAD):
        block = exif.cleaned(profile, dropped)
        cleaned = exif.LEAD + block if block else b""
    elif name in (b"xmp", b"app1"):
        cleaned = xmp.repaired(profile.removeprefix(JPEG_XMP_LEAD), None, dropped) or b""
        cleaned = JPEG_XMP_LEAD + cleaned if cleaned and profile.startswith(JPEG_XMP_LEAD) else cleaned
    elif name == b"iptc" and profile[:1] == b"\x1c":
        cleaned = photoshop.without_preview(profile, dropped)
    elif name in (b"iptc", b"8bim"):
        lead = PHOTOSHOP_LEAD if profile.startswith(PHOTOSHOP_LEAD) else b""
        cleaned = lead + photoshop.cleaned(profile[len(lead) :], dropped)
    else:
        dropped.append(f"PNG {keyword.decode('latin-1')[:NAME_LETTERS]}")
    if cleaned == profile:
        return text
    digits = cleaned.hex().encode()
    lines = b"\n".join(digits[start : start + HEX_COLUMNS] for start in range(0, len(digits), HEX_COLUMNS))
    return b"\n%s\n%8d\n%s\n" % (name, len(cleaned), lines) if cleaned else None


def _exif(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """The EXIF block of a file, from its own chunk or from a text of ImageMagick's; empty where there is none."""
    for kind, content in chunks:
        if kind == b"eXIf":
            return content
    for kind, content in chunks:
        keyword, text = _text(kind, content)
        if keyword in RAW_EXIF and (profile := _raw_profile(text)) is not None and profile.startswith(exif.LEAD):
            return profile
    return b""


def _text(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    """Keyword and text of a chunk of text; the keyword is empty where it is none, the text where it is damaged."""
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return b"", b""
    keyword, _, rest = content.partition(b"\0")
    is_packed, text = kind == b"zTXt", rest
    if kind == b"zTXt":
        text = rest[1:]
    elif kind == b"iTXt":  # language and translated keyword, both ended by a zero, come before the text
        is_packed = rest[:1] == b"\1"
        text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if is_packed:
        try:
            text = zlib.decompressobj().decompress(text, MAX_TEXT_BYTES)
        except zlib.error:
            text = b""
    return keyword, text


def _raw_profile(text: bytes) -> bytes | None:
    """The bytes of a profile that ImageMagick wrote as text: name, length, digits; None if the text is none."""
    match = re.fullmatch(rb"\s*\S+\s+\d+\s+([0-9a-fA-F\s]*)", text)
    digits = re.sub(rb"\s", b"", match[1]) if match else b""
    return bytes.fromhex(digits.decode()) if match and len(digits) % 2 == 0 else None


def _xmp(content: bytes) -> bytes | None:
    """The XMP packet in an iTXt chunk, or None if it holds another text."""
    if not content.startswith(XMP_KEYWORD) or len(content) < len(XMP_KEYWORD) + 4:
        return None
    is_compressed = content[len(XMP_KEYWORD)] == 1
    try:  # language and translated keyword, both ended by a zero, come before the text
        packet = content[len(XMP_KEYWORD) + 2 :].split(b"\0", 2)[2]
        return zlib.decompressobj().decompress(packet, 2**26) if is_compressed else packet
    except (IndexError, zlib.error):
        return None


def _xmp_chunk(packet: bytes) -> bytes:
    return XMP_KEYWORD + b"\0\0\0\0" + packet
