"""EXIF blocks: read as far as they can be read, and rid of whatever may still show what was removed from a photo.

Sources: Exif 3.0 and TIFF 6.0 for the structure and the tags; ExifTool's documentation for what cameras make of them.
"""

import struct
from dataclasses import dataclass, field

from utils.formats.metadata import (
    HARMLESS_BYTES,
    ORIENTATION,
    byte_order,
    checked_orientation,
    integers,
    picture_in,
    read_directory,
)

LEAD = b"Exif\0\0"
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY, MAKER_NOTE, XMP = 34665, 34853, 40965, 37500, 700
SUB_DIRECTORIES = (EXIF_DIRECTORY, GPS_DIRECTORY, INTEROP_DIRECTORY)
MAX_DEPTH = 3  # of directories in directories: the first, EXIF, interoperability
MAX_ENTRIES = 512  # of one directory; cameras write 60 at most

# Tags whose values say something about the photo and cannot hold one, however long they are.
SAFE_EXIF_TAGS = frozenset(
    {
        *range(0, 32),  # GPS, interoperability
        *(256, 257, 258, 259, 262, 266, 269, 270, 271, 272, 274, 277, 282, 283, 284, 285, 296, 297, 301, 305, 306),
        *(315, 316, 318, 319, 529, 530, 531, 532, 4096, 4097, 4098, 18246, 18249, 33432, 50341, 59932, 59933),
        *(33434, 33437, *range(34850, 34870), *range(36864, 36884), *range(37121, 37123), *range(37377, 37397)),
        *(37510, 37520, 37521, 37522, *range(37888, 37894), *range(40091, 40096), *range(40960, 40965)),
        *(*range(41483, 41496), *range(41728, 41731), *range(41985, 41997), *range(42016, 42038), 42080, 42081, 42240),
        *(*SUB_DIRECTORIES, MAKER_NOTE),
    }
)
# Whatever their length: layers, C2PA, previews of Samsung and of raw files, hashes of the pixels that were.
NEVER_KEPT = frozenset({330, 37724, 50255, 50972, 50973, 51109, 51110, 51111, 52545})


def without_lead(block: bytes) -> bytes:
    """An EXIF block without the word before it, which some programs write twice, or where it does not belong."""
    while block.startswith(LEAD):
        block = block[len(LEAD) :]
    return block


def orientation(block: bytes) -> int:
    """Orientation, 1 to 8, from an EXIF block; 1 where it says nothing or nonsense."""
    block = without_lead(block)
    try:
        order = byte_order(block)
        fields, _ = read_directory(block, struct.unpack_from(order + "I", block, 4)[0], order)
    except (ValueError, struct.error):
        return 1
    return checked_orientation(integers(fields.get(ORIENTATION), order))


@dataclass
class _Walk:
    """Where the directories of a block lie, and what of their entries goes.

    Attributes:
        spans: start and end of every byte that stands for something.
        directories: start of each directory, and the tags that leave it.
        pictures: start and end of what goes.
        previews: start and bytes of the maker notes that lose a preview.
    """

    spans: list[tuple[int, int]] = field(default_factory=list)
    directories: dict[int, list[int]] = field(default_factory=dict)
    pictures: list[tuple[int, int]] = field(default_factory=list)
    previews: list[tuple[int, bytes]] = field(default_factory=list)


def cleaned(block: bytes, dropped: list[str]) -> bytes:
    """An EXIF block without thumbnail, previews and what else may hold a picture; all else stays where it is.

    Maker notes hold offsets that nobody can rewrite: what goes becomes zeros, or is cut off where it ends the block.
    A thumbnail's directory goes, of the rest what `SAFE_EXIF_TAGS` does not know and is longer than `HARMLESS_BYTES`,
    and every JPEG, PNG and the like, be it inside a maker note or where no entry points to.

    Args:
        block: with or without `LEAD`.
        dropped: what went is added in words.

    Returns:
        The block without lead; empty where not even its first directory can be read.
    """
    block = without_lead(block)
    try:
        order = byte_order(block)
        (first,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, first)
    except (ValueError, struct.error):
        if block:
            dropped.append("EXIF that cannot be read")
        return b""
    result, walk = bytearray(block), _Walk(spans=[(0, 8)])
    _walk(block, first, order, walk, 0, dropped)
    end = _drop_thumbnail(result, first + 2 + 12 * count, order, walk, dropped)
    for start, stop in walk.pictures:
        result[start:stop] = bytes(stop - start)
    for start, note in walk.previews:
        result[start : start + len(note)] = note
    _drop_from_gaps(result, walk, dropped)
    for start, tags in walk.directories.items():
        _remove_entries(result, start, order, tags)
    return bytes(result[:end])


def _walk(block: bytes, start: int, order: str, walk: _Walk, depth: int, dropped: list[str]) -> None:
    """Note where a directory and its values lie, and those below it, and what of them goes."""
    try:
        (count,) = struct.unpack_from(order + "H", block, start)
    except struct.error:
        return
    lost: list[int] = []
    fields, _ = read_directory(block, start, order, lost)
    walk.spans.append((start, min(len(block), start + 2 + 12 * count + 4)))
    walk.directories[start] = [tag for tag in lost if tag >= 0]  # some readers stop at one that leads nowhere
    for tag, entry in fields.items():
        span = entry.start, entry.start + len(entry.value)
        if tag == MAKER_NOTE and picture_in(entry.value) is not None:
            walk.previews.append((entry.start, without_preview(entry.value)))
            dropped.append("preview in the maker note")
        elif is_dropped(tag, entry.value):
            walk.pictures.append(span)
            walk.directories[start].append(tag)
            dropped.append(f"EXIF tag {tag}")
            continue
        walk.spans.append(span)
        if tag in SUB_DIRECTORIES and depth < MAX_DEPTH:
            (below, *_) = integers(entry, order) or (0,)
            if 8 <= below < len(block) and below not in walk.directories:
                _walk(block, below, order, walk, depth + 1, dropped)


def is_dropped(tag: int, value: bytes) -> bool:
    """Whether an entry goes: it holds a picture, or is long enough to and not known to hold something else."""
    if tag in NEVER_KEPT or (tag != MAKER_NOTE and picture_in(value) is not None):
        return True
    return tag not in SAFE_EXIF_TAGS and len(value) > HARMLESS_BYTES


def without_preview(note: bytes) -> bytes:
    """A maker note with zeros in place of the picture in it, if there is one."""
    start = picture_in(note)
    if start is None:
        return note
    last = note.rfind(b"\xff\xd9")
    end = last + 2 if last > start else len(note)
    return note[:start] + bytes(end - start) + note[end:]


def _drop_thumbnail(result: bytearray, link: int, order: str, walk: _Walk, dropped: list[str]) -> int:
    """Cut off the directories that follow the first; returns where the block ends now."""
    end, visited = len(result), set(walk.directories)
    try:
        (second,) = struct.unpack_from(order + "I", result, link)
    except struct.error:  # no link at all
        return end
    if not second:
        return end
    struct.pack_into(order + "I", result, link, 0)
    while second and second not in visited and (spans := _thumbnail_spans(bytes(result), second, order)):
        visited.add(second)
        if "EXIF thumbnail" not in dropped:
            dropped.append("EXIF thumbnail")
        (second, *_) = struct.unpack_from(order + "I", result, spans[0][1] - 4) if spans[0][1] <= len(result) else (0,)
        for start, stop in sorted(spans, reverse=True):
            for a, b in _outside(start, min(stop, len(result)), walk.spans):
                result[a:b] = bytes(b - a)
                if b == end and a > link + 4:
                    end = a
    return end


def _thumbnail_spans(block: bytes, start: int, order: str) -> list[tuple[int, int]]:
    """Start and end of a directory and of the thumbnail that it names; empty where there is no directory."""
    try:
        (count,) = struct.unpack_from(order + "H", block, start)
        fields, _ = read_directory(block, start, order)
    except (ValueError, struct.error):
        return []
    if not 0 < count <= MAX_ENTRIES or len(fields) * 2 < count:  # the pointer leads into something else
        return []
    spans = [(start, start + 2 + 12 * count + 4)]
    spans += [(entry.start, entry.start + len(entry.value)) for entry in fields.values()]
    for start_tag, size_tag in ((513, 514), (273, 279)):  # a JPEG, or uncompressed strips
        starts, sizes = integers(fields.get(start_tag), order), integers(fields.get(size_tag), order)
        spans += [(at, at + size) for at, size in zip(starts, sizes, strict=False) if 8 <= at < len(block)]
    return spans


def _outside(start: int, stop: int, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of `start` to `stop` that lie in none of the spans, in order."""
    parts = []
    for a, b in sorted(spans):
        if a >= stop:
            break
        if b > start:
            if a > start:
                parts.append((start, a))
            start = max(start, b)
    return [*parts, (start, stop)] if start < stop else parts


def _drop_from_gaps(result: bytearray, walk: _Walk, dropped: list[str]) -> None:
    """Zeros for pictures that no entry points to: of a damaged thumbnail directory, or hidden by a maker."""
    for start, stop in _outside(0, len(result), walk.spans):
        offset = picture_in(bytes(result[start:stop]))
        if offset is not None:
            result[start + offset : stop] = bytes(stop - start - offset)
            if "picture in EXIF" not in dropped:
                dropped.append("picture in EXIF")


def _remove_entries(result: bytearray, start: int, order: str, tags: list[int]) -> None:
    """Take entries out of a directory in place; those behind them move up, values stay where they are."""
    (count,) = struct.unpack_from(order + "H", result, start)
    kept = b""
    end = min(len(result), start + 2 + 12 * count + 4)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if entry + 2 > len(result) or struct.unpack_from(order + "H", result, entry)[0] not in tags:
            kept += result[entry : entry + 12]
    kept += result[start + 2 + 12 * count : end]
    struct.pack_into(order + "H", result, start, count - len(tags))
    result[start + 2 : end] = kept.ljust(end - start - 2, b"\0")
