"""Photoshop's image resources and the IPTC records in them, without what may show what was removed from a photo.

Sources: Adobe Photoshop file formats specification; IPTC-NAA information interchange model, version 4.2.
"""

import struct

from utils.formats.metadata import HARMLESS_BYTES, picture_in

SIGNATURES = (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR")
IPTC_RESOURCE, THUMBNAILS, EXIF, XMP_RESOURCE = 1028, (1033, 1036), (1058, 1059), 1060
# Resources that say something about a photo and cannot hold one, however long they are: resolution, printing, captions,
# colour profile, guides, paths.
SAFE_RESOURCES = frozenset(
    {
        *(*range(1000, 1033), *range(1034, 1036), *range(1037, 1058), 1061, 1062, 1064, 1065, 1074, 1082, 1083),
        *(*range(2000, 3000), 10000),
    }
    - {1027, 1029}
)
IPTC_PREVIEW = {(2, 200), (2, 201), (2, 202)}  # record and number of the preview's format, version and data
MAX_IPTC_BYTES = 32767  # of a plain data set; longer ones are no text


def cleaned(resources: bytes, dropped: list[str]) -> bytes:
    """Image resources (8BIM blocks, no lead) without thumbnails, copies of EXIF and XMP, and what is long and unknown.

    Args:
        resources: as in a file.
        dropped: what went is added in words.
    """
    kept, position = b"", 0
    while resources[position : position + 4] in SIGNATURES and position + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, position + 4)
        size_at = position + 6 + (resources[position + 6] + 2) // 2 * 2  # a Pascal string, padded to even length
        if size_at + 4 > len(resources):
            break
        (size,) = struct.unpack_from(">I", resources, size_at)
        start, end = size_at + 4, size_at + 4 + (size + 1) // 2 * 2
        content = resources[start : start + size]
        if number == IPTC_RESOURCE:
            records = without_preview(content, dropped)
            kept += resources[position:size_at] + struct.pack(">I", len(records)) + records + bytes(len(records) % 2)
        elif number in THUMBNAILS:
            dropped.append("Photoshop thumbnail")
        elif number in (*EXIF, XMP_RESOURCE):
            dropped.append(f"copy of {'XMP' if number == XMP_RESOURCE else 'EXIF'} in Photoshop's resources")
        elif picture_in(content) is not None or (number not in SAFE_RESOURCES and size > HARMLESS_BYTES):
            dropped.append(f"Photoshop resource {number}")
        else:
            kept += resources[position:end]
        position = end
    rest = resources[position:]
    if len(rest) > HARMLESS_BYTES or picture_in(rest) is not None:
        dropped.append("Photoshop resources that cannot be read")
        return kept
    return kept + rest


def without_preview(records: bytes, dropped: list[str]) -> bytes:
    """IPTC records without the preview of the photo.

    Args:
        records: data sets one after the other.
        dropped: what went is added in words.
    """
    kept, position = b"", 0
    while position + 5 <= len(records) and records[position] == 0x1C:
        record, number, size = struct.unpack_from(">BBH", records, position + 1)
        end = position + 5 + size
        if size > MAX_IPTC_BYTES or end > len(records):
            break
        content = records[position + 5 : end]
        if (record, number) in IPTC_PREVIEW or picture_in(content) is not None:
            dropped.append("IPTC preview")
        else:
            kept += records[position:end]
        position = end
    rest = records[position:]
    if len(rest) > HARMLESS_BYTES or picture_in(rest) is not None:
        dropped.append("IPTC records that cannot be read")
        return kept
    return kept + rest
