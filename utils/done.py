"""What was done to a photo and with what, so that a later run can tell whether it is what is asked now.

Kept in two places: a line of the report, which knows everything, and the mark in a repaired picture, which has no place
in BMP and in a photo that was copied untouched. The mark holds no hash of the photo: what was covered is not to be
found out from it.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from utils import images
from utils.images import Photo

DIGEST_LETTERS = 16  # of 64: settings that differ have other digests, and a mark stays short
# Two pages of one sitting have the same paper and light, and tell by their letters: at the strongest edges of one the
# other is elsewhere by 30 levels and more in the median, while a result, written anew, differs by 5 where it was not
# repaired.
COMPARED_SIDES = 960, 720  # pixels, longer and shorter
EDGE_PERCENTILE = 97  # of the strength of edges: what is stronger is compared
SAME_LEVELS = 16  # a median difference at most so large is that of one page
TIME_SECONDS = 2  # that a file's time moves by when it is copied to a FAT disk
_RECORD_PATTERN = re.compile(r"\[done with ([0-9a-f]+), photo of (\d+) bytes and time (-?\d+)(?:, also ([\w, ]+))?\]$")


@dataclass(frozen=True)
class Record:
    """How a result came about.

    Attributes:
        work: digest of everything but the photo that it depends on, see `digest`.
        size, time: of the photo, in bytes and seconds since 1970.
        extras: what was written beside it: masks, comparisons, structure.
        sha256: of the photo's bytes, or empty where that is not kept.
        result_size: of the result as it was written, in bytes; -1 where that is not kept.
    """

    work: str
    size: int
    time: int
    extras: tuple[str, ...] = ()
    sha256: str = ""
    result_size: int = -1

    def mark(self) -> str:
        """The record in words, for a picture's mark."""
        also = f", also {', '.join(self.extras)}" if self.extras else ""
        return f"[done with {self.work}, photo of {self.size} bytes and time {self.time}{also}]"

    def row(self) -> dict[str, Any]:
        """The record as a part of a line of JSON."""
        return asdict(self)

    def difference(self, asked: "Record", source: Path) -> str:
        """Why what is asked now is another thing than this record, or nothing.

        Args:
            asked: as it would be done now.
            source: the photo, whose hash decides where only its time has changed.
        """
        if self.work != asked.work:
            return "with other options or weights"
        is_dated = abs(self.time - asked.time) <= TIME_SECONDS
        if self.size != asked.size or not (is_dated or (self.sha256 and self.sha256 == images.fingerprint(source))):
            return "of a photo that has changed since"
        if not set(asked.extras) <= set(self.extras):
            return "without what is to be written beside it"
        return ""


def digest(settings: Mapping[str, Any]) -> str:
    """A short name for settings: the same for the same ones, whatever their order."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LETTERS]


def weights_of(
    segmenter: str | Path, generator: str | Path | None, size: int | None, resize: int | None
) -> dict[str, Any]:
    """What results depend on beside the options: the weights, and the crop that they are used with.

    Args:
        segmenter, generator: the two graphs' files; None for a generator that is not used.
        size, resize: what `--imgsize` and `--imgresize` say.
    """
    graphs = {"deeplabv3_onnx": images.fingerprint(segmenter)}
    if generator is not None:
        graphs["deepfillv2_onnx"] = images.fingerprint(generator)
    return {**graphs, "imgsize": size, "imgresize": resize}


def asked_for(source: Path, work: str, extras: tuple[str, ...]) -> Record:
    """The record that doing a photo now would leave.

    Raises:
        OSError: the photo cannot be asked for its size and time.
    """
    status = os.stat(source)
    return Record(work, status.st_size, int(status.st_mtime), extras)


def from_mark(text: str | None) -> Record | None:
    """The record in a picture's mark, the last one where it was repaired several times; None where it holds none."""
    match = _RECORD_PATTERN.search(text or "")
    if match is None:
        return None
    return Record(match[1], int(match[2]), int(match[3]), tuple((match[4] or "").split(", ")) if match[4] else ())


def from_report(path: Path) -> dict[str, Record]:
    """The last record of each photo, by its name, in a report of earlier runs; lines without one are passed over.

    Raises:
        OSError: the report cannot be read.
    """
    records = {}
    with open(path, encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
                record = row["done"]
                records[row["name"]] = Record(**{**record, "extras": tuple(record["extras"])})
            except (ValueError, TypeError, KeyError):  # cut short, of another program, or of a photo that failed
                continue
    return records


def earlier(target: Path, name: str, reported: Mapping[str, Record]) -> tuple[Record | None, str]:
    """What is known of a result that lies there.

    Args:
        target: the result; it exists.
        name: of the photo, as in a report.
        reported: from `from_report`.

    Returns:
        Its record, or None; and what is wrong with it, or nothing: "half-finished" for a file that is no whole picture,
        "changed" for one that is not as this toolkit wrote it.
    """
    record = reported.get(name)
    if record is not None:
        is_ours = os.stat(target).st_size == record.result_size
        return record, "" if is_ours else _fault(target) or "changed"
    fault = _fault(target)
    return (None, fault) if fault else (from_mark(images.read_mark(target)), "")


def is_strange(target: Path, photo: Photo) -> bool:
    """Whether a file that lies where a result would go shows another picture, so that nobody meant it to be replaced.

    A file with our mark is none, and nor is one that shows the photo, be it repaired or not, or that is half-finished.

    Args:
        target: where the result would go.
        photo: what it would be made from.
    """
    try:
        if images.read_mark(target) is not None:
            return False
        other = images.open_photo(target)
        if other.size != photo.size:
            return True
        one, two = (cv2.cvtColor(p.preview(*COMPARED_SIDES), cv2.COLOR_BGR2GRAY) for p in (photo, other))
    except FileNotFoundError:
        return False
    except (ValueError, OSError):
        return not images.is_readable_kind(target)
    if one.shape != two.shape:
        one, two = (cv2.resize(p, COMPARED_SIDES, interpolation=cv2.INTER_AREA) for p in (one, two))
    strength = np.abs(cv2.Laplacian(one, cv2.CV_16S))
    is_edge = strength >= max(1, np.percentile(strength, EDGE_PERCENTILE))
    difference = cv2.absdiff(one, two)
    return bool(np.median(difference[is_edge] if is_edge.any() else difference) > SAME_LEVELS)


def _fault(target: Path) -> str:
    try:
        images.open_photo(target)
    except (ValueError, OSError):
        return "half-finished"
    return ""
