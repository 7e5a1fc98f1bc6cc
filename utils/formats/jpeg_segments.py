"""The segments of a JPEG file: taken apart, and put together again.

Sources: ITU-T T.81 (JPEG), annex B; T.871 (JFIF); T.872 (Adobe's APP14).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.formats.jpeg_blocks import Component, plane_shapes

# Progressive files have about 10 scans; each costs the decoder a pass over the picture, however little it holds.
MAX_SCANS = 64

SOI, EOI, SOS, DQT, DRI, COM, APP0, APP15 = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE, 0xE0, 0xEF
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}

# natural (row by row) position of the k-th coefficient in a file
ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))

Segment = tuple[int, bytes]  # marker and payload


@dataclass(frozen=True)
class JpegDetail:
    """What the segments of a JPEG say.

    Attributes:
        segments: marker and payload of all segments but scans, in order.
        head: how many of them come before the first scan.
        scans: where in the file the first scan begins and the last one ends.
        frame: marker of the frame (SOF).
        precision: bits of a sample.
        height, width: in pixels.
        components: in the order of the frame.
        tables: quantisation tables by number, 64 values row by row.
        is_rgb: whether the components are R, G and B rather than Y, Cb and Cr.
        restart_interval: MCUs between restart markers, 0 for none.
    """

    segments: list[Segment]
    head: int
    scans: tuple[int, int]
    frame: int
    precision: int
    height: int
    width: int
    components: list[Component]
    tables: dict[int, list[int]]
    is_rgb: bool
    restart_interval: int

    def plane_shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of blocks of each component."""
        return plane_shapes(self.height, self.width, self.components)

    def tables_of_components(self) -> list[list[int]]:
        """The quantisation table of each component.

        Raises:
            ValueError: the file lacks one of them.
        """
        if any(component.table not in self.tables for component in self.components):
            raise ValueError("the file is damaged (a quantisation table is missing)")
        return [self.tables[component.table] for component in self.components]


def read(data: bytes) -> JpegDetail:
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
    blocks = sum(rows * columns for rows, columns in plane_shapes(height, width, components))
    if entropy_bytes < blocks // 8:  # no block takes less than one bit
        raise ValueError(f"the file is truncated ({entropy_bytes} bytes cannot hold {width}×{height} pixels)")
    interval = next((p for m, p in segments if m == DRI), b"\0\0")
    return JpegDetail(
        segments=segments,
        head=head,
        scans=scans,
        frame=marker,
        precision=precision,
        height=height,
        width=width,
        components=components,
        tables=_quantisation_tables(segments),
        is_rgb=_is_rgb(segments, components),
        restart_interval=int.from_bytes(interval[:2], "big"),
    )


def assembled(metadata: Sequence[Segment], encoded: bytes) -> bytes:
    """A JPEG with other metadata.

    Raises:
        ValueError: it is truncated or damaged.
    """
    segments, head, (start, end), _ = _walk(encoded)
    parts = [segment(m, p) for m, p in [*metadata, *(s for s in segments[:head] if not is_metadata(s[0]))]]
    return b"".join([b"\xff\xd8", *parts, memoryview(encoded)[start:end]])


def segment(marker: int, payload: bytes) -> bytes:
    """A segment as it stands in a file."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def is_metadata(marker: int) -> bool:
    """Whether a segment does without what decodes the picture."""
    return APP0 <= marker <= APP15 or marker == COM


def with_identifiers(encoded: bytes, components: Sequence[Component]) -> bytes:
    """A JPEG of one scan with its components' identifiers, which may tell the colour space, as they were.

    Raises:
        ValueError: its scan does not hold all components.
    """
    result = bytearray(encoded)
    position = 2
    while True:
        marker = result[position + 1]
        if marker in FRAMES:
            for i, component in enumerate(components):
                result[position + 10 + 3 * i] = component.identifier
        elif marker == SOS:
            if result[position + 4] != len(components):
                raise ValueError("the check failed: the scan was split")
            for i, component in enumerate(components):
                result[position + 5 + 2 * i] = component.identifier
            return bytes(result)
        position += 2 + int.from_bytes(result[position + 2 : position + 4], "big")


def _walk(data: bytes) -> tuple[list[Segment], int, tuple[int, int], int]:
    """Segments to the end of the image, how many precede the scans, the scans' span, bytes of compressed data."""
    values = np.frombuffer(data, np.uint8)
    starts = np.flatnonzero(values[:-1] == 0xFF)
    after = values[starts + 1]
    # within compressed data 0xFF is followed by 0 (a data byte) or by a restart marker; anything else ends it
    ends = starts[(after != 0) & (after != 0xFF) & ((after < 0xD0) | (after > 0xD7))]
    segments: list[Segment] = []
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


def _quantisation_tables(segments: list[Segment]) -> dict[int, list[int]]:
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


def _is_rgb(segments: list[Segment], components: list[Component]) -> bool:
    """libjpeg's rules: JFIF means YCbCr, then Adobe's marker decides, then the components' names."""
    if len(components) != 3 or any(m == APP0 and p.startswith(b"JFIF\0") for m, p in segments):
        return False
    adobe = next((p for m, p in segments if m == 0xEE and p.startswith(b"Adobe") and len(p) >= 12), None)
    if adobe is not None:
        return adobe[11] == 0
    return bytes(c.identifier for c in components) == b"RGB"
