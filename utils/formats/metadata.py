"""What a picture file says beside its pixels: the header common to all formats, EXIF and XMP.

Sources: Exif 3.0 (a TIFF structure, TIFF 6.0), XMP specification part 3 (ISO 16684-1), Photoshop file format (image
resources).
"""

import html
import re
import struct
from dataclasses import dataclass
from typing import Any

ORIENTATION = 274
EXIF_LEAD = b"Exif\0\0"

# The mark: one XMP property in a namespace of our own. A URN, since no page on the web stands behind it.
MARK_NAMESPACE = "urn:occluder-remover:xmp:1#"
_MARK = re.compile(
    r'<rdf:Description rdf:about="" xmlns:occ="' + re.escape(MARK_NAMESPACE) + r'" occ:repainted="([^"]*)"/>'
)
_XMP_THUMBNAILS = re.compile(rb"<(xmp|xap):Thumbnails\b.*?</\1:Thumbnails>", re.DOTALL)
_NO_MARK = "so it cannot be marked as repaired (--mark False writes it without)"
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
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
    """One entry of a TIFF directory: type by number, count, and the bytes of the value, in the file's byte order."""

    type: int
    count: int
    value: bytes


def read_directory(data: bytes, offset: int, order: str) -> tuple[dict[int, Field], int]:
    """One directory (IFD) of a TIFF structure.

    Args:
        data: the whole structure; offsets count from its start.
        offset: where the directory begins.
        order: "<" or ">", as for `struct`.

    Returns:
        Fields by tag (entries of unknown type are left out), and the offset of the next directory or 0.

    Raises:
        ValueError: the directory or a value reaches beyond the data.
    """
    fields = {}
    try:
        (count,) = struct.unpack_from(order + "H", data, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
            size = FIELD_SIZES.get(kind, 0) * number
            start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
            if start + size > len(data):
                raise ValueError(f"the value of tag {tag} reaches beyond the end of the file")
            if size:
                fields[tag] = Field(kind, number, bytes(data[start : start + size]))
        (following,) = struct.unpack_from(order + "I", data, offset + 2 + 12 * count)
    except struct.error:
        raise ValueError("a directory reaches beyond the end of the file") from None
    return fields, following


def integers(field: Field | None, order: str) -> tuple[int, ...]:
    """The value of a field of whole numbers; empty where there is no such field or it holds something else."""
    code = {1: "B", 3: "H", 4: "I", 13: "I"}.get(field.type) if field else None
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


def exif_orientation(exif: bytes) -> int:
    """Orientation, 1 to 8, from an EXIF block without its `EXIF_LEAD`; 1 where it says nothing or nonsense."""
    try:
        order = byte_order(exif)
        fields, _ = read_directory(exif, struct.unpack_from(order + "I", exif, 4)[0], order)
    except (ValueError, struct.error):
        return 1
    return checked_orientation(integers(fields.get(ORIENTATION), order))


def checked_orientation(values: tuple[int, ...]) -> int:
    """The orientation a field holds, 1 if it holds none of the eight."""
    return values[0] if values and 1 <= values[0] <= 8 else 1


def without_thumbnail(exif: bytes) -> bytes:
    """An EXIF block without its thumbnail, which would still show what was removed from the photo.

    The thumbnail's bytes become zeros (or go, where they end the block) and nothing moves: maker notes hold offsets
    that nobody can rewrite. Previews inside maker notes stay. A block that cannot be read is returned empty.
    """
    block = bytearray(exif)
    try:
        order = byte_order(exif)
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, first)
        link = first + 2 + 12 * count
        (second,) = struct.unpack_from(order + "I", exif, link)
        if not second:
            return exif
        struct.pack_into(order + "I", block, link, 0)
        (count,) = struct.unpack_from(order + "H", exif, second)
        fields, _ = read_directory(exif, second, order)
    except (ValueError, struct.error):
        return b""
    spans = [(second, 2 + 12 * count + 4)]
    for start_tag, size_tag in ((513, 514), (273, 279)):  # a JPEG, or uncompressed strips
        spans += zip(integers(fields.get(start_tag), order), integers(fields.get(size_tag), order), strict=False)
    end = len(block)
    for start, size in sorted(spans, reverse=True):
        if start < 8 or start >= len(block):
            continue
        size = min(size, len(block) - start)
        block[start : start + size] = bytes(size)
        if start + size == end and start > link + 4:
            end = start
    return bytes(block[:end])


def without_photoshop_thumbnail(resources: bytes) -> bytes:
    """Photoshop image resources (8BIM blocks, no lead) without the two kinds of thumbnail; what is unreadable stays."""
    kept, position = b"", 0
    while resources[position : position + 4] == b"8BIM" and position + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, position + 4)
        size_at = position + 6 + (resources[position + 6] + 2) // 2 * 2  # a Pascal string, padded to even length
        if size_at + 4 > len(resources):
            break
        end = size_at + 4 + (struct.unpack_from(">I", resources, size_at)[0] + 1) // 2 * 2
        if number not in (1033, 1036):
            kept += resources[position:end]
        position = end
    return kept + resources[position:]


def read_xmp_mark(packet: bytes) -> str | None:
    """The mark that `repaired_xmp` left in an XMP packet, or None."""
    found = _MARK.search(packet.decode("utf-8", "replace"))
    return html.unescape(found[1]) if found else None


def repaired_xmp(packet: bytes | None, mark: str | None) -> bytes | None:
    """The XMP of a repaired photo: without thumbnails, with the mark added; all else it holds stays.

    Args:
        packet: UTF-8, or None for a file without XMP.
        mark: any text, or None; where the packet has a mark already, the new text follows it after "; ".

    Returns:
        The new packet, or None if there was none and no mark is wanted.

    Raises:
        ValueError: a mark is wanted and the packet is not XMP in UTF-8.
    """
    if packet:
        packet = _XMP_THUMBNAILS.sub(b"", packet)
    if mark is None:
        return packet
    try:
        text = packet.decode("utf-8") if packet else _EMPTY_PACKET
    except UnicodeDecodeError:
        raise ValueError(f"its XMP is not UTF-8, {_NO_MARK}") from None
    earlier = read_xmp_mark(packet) if packet else None
    if earlier is not None:
        text, mark = _MARK.sub("", text), f"{earlier}; {mark}"
    value = html.escape(mark).replace("\n", "&#10;")
    description = f'<rdf:Description rdf:about="" xmlns:occ="{MARK_NAMESPACE}" occ:repainted="{value}"/>'
    # an RDF element without content may be written as one empty tag; the prefix is "rdf" in every known writer
    text = re.sub(r"(<rdf:RDF\b[^>]*?)\s*/>", r"\1></rdf:RDF>", text, count=1)
    before, end, after = text.rpartition("</rdf:RDF>")
    if not end:
        raise ValueError(f"its XMP has no rdf:RDF element, {_NO_MARK}")
    return (before + description + end + after).encode("utf-8")
