"""A folder of real pictures from which life-like samples are put together: `lifelike:DATA_DIR`.

    documents/       photographs and scans of pages that nothing covers
    pages.json       where the paper is on them: {name: {"full": bool, "pages": [polygon, …], "ignore": [polygon, …]}},
                     corners as fractions of width and height; a document not listed shows nothing but paper
    figures/         what pages may have printed on them: RGBA drawings, photographs
    surfaces/        what lies under and beside a page
    occluders/KIND/  RGBA cut-outs; an index*.csv in the folder states which edge was cut

File names begin with their source (`source_…`); sources are drawn evenly, not files, and documents of one source are
held out together.
"""

import csv
import json
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.formats.pixels import WIDE_STEP
from utils.images import list_photos, read_image
from utils.split import select_some

VAL_SHARE = 0.25  # of the documents
VAL_SLACK = 0.02  # a source that would take more than the share and this is trained on
SOURCE_CAP = 40  # a source with more files counts no more than this
DOCUMENT_SIDE = 1200  # pixels: longer side at which documents are kept in memory
FIGURE_SIDE = 360  # the same of printed figures
SURFACE_SIDE = 700  # the same of surfaces
KEPT_CUTOUT_SIDE = 420  # the same of cut-outs
IS_PAPER, MAYBE_PAPER = 255, 128  # of `document`: paper, and where nobody knows; 0 beside it
SUBPIXEL_BITS = 4  # of the corners of outlines: a sixteenth of a pixel
FREE = "none"  # the cut edge of what lies free
CUT_EDGES = ("bottom", "left", "right", "top")


class Source:
    """Files of one kind, grouped by where they come from."""

    def __init__(self, files: Sequence[Path]) -> None:
        groups: dict[str, list[Path]] = {}
        for file in files:
            groups.setdefault(source_of(file), []).append(file)
        self.groups = list(groups.values())
        weights = np.sqrt([min(len(group), SOURCE_CAP) for group in self.groups])
        self.weights = weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> Path:
        """Any file: the source first, so that one with many does not outweigh all others."""
        group = self.groups[int(rng.choice(len(self.groups), p=self.weights))]
        return group[int(rng.integers(len(group)))]


class Collection:
    """The pictures of a `lifelike:` root.

    Args:
        folder: laid out as this module says.
        split: `train` or `val`; the two share no document's source and no file.

    Raises:
        ValueError: a part of the folder is missing or empty.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.folder = folder
        documents = _pictures(folder / "documents")
        self.documents = Source([path for path in documents if (path in held_out(documents)) == (split == "val")])
        self.figures = Source(select_some(_pictures(folder / "figures"), split, lambda p: p.name, "figures"))
        self.surfaces = Source(select_some(_pictures(folder / "surfaces"), split, lambda p: p.name, "surfaces"))
        self.outlines = read_outlines(folder / "pages.json")
        cut_edges = _read_cut_edges(folder)
        cutouts = select_some(_pictures(folder / "occluders"), split, lambda p: p.name, "cut-outs")
        kinds: dict[str, list[Path]] = {}
        for path in cutouts:
            kinds.setdefault(path.parent.name, []).append(path)
        self.cutouts = {kind: Source(files) for kind, files in kinds.items()}
        self.cut_edges = {path: cut_edges.get(path.relative_to(folder).as_posix(), "bottom") for path in cutouts}

    def find_problems(self) -> list[str]:
        """What cannot be read, a message a file."""
        problems = []
        sources = [self.documents, self.figures, self.surfaces, *self.cutouts.values()]
        for path in (path for source in sources for group in source.groups for path in group):
            try:
                _decode(path)
            except (OSError, ValueError) as error:
                problems.append(str(error))
        return problems

    def document(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A document and what is paper on it.

        Returns:
            `(h, w, 3)` uint8 BGR, and `(h, w)` uint8: 255 on paper, 0 beside it, 128 where nobody knows.
        """
        path = self.documents.draw(rng)
        image = _reduced(path, DOCUMENT_SIDE)
        return image, paper_of(self.outlines.get(path.name), *image.shape[:2])

    def figure(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """`(h, w, 4)` uint8 BGR and alpha."""
        return _with_alpha(_reduced(self.figures.draw(rng), FIGURE_SIDE))

    def surface(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """`(h, w, 3)` uint8 BGR."""
        return np.ascontiguousarray(_reduced(self.surfaces.draw(rng), SURFACE_SIDE)[..., :3])

    def cutout(self, rng: np.random.Generator, kind: str) -> tuple[NDArray[np.uint8], str]:
        """A cut-out of a kind, a key of `cutouts`: `(h, w, 4)` uint8 BGR and alpha, and its cut edges joined by `+`."""
        path = self.cutouts[kind].draw(rng)
        return _with_alpha(_reduced(path, KEPT_CUTOUT_SIDE)), self.cut_edges[path]


def source_of(path: Path) -> str:
    """Where a picture comes from: what its name begins with, up to the first underscore."""
    return path.stem.split("_")[0]


def held_out(documents: Sequence[Path]) -> set[Path]:
    """The quarter of the documents that is never trained on, whole sources, chosen by their names alone."""
    groups: dict[str, list[Path]] = {}
    for path in documents:
        groups.setdefault(source_of(path), []).append(path)
    chosen: set[Path] = set()
    for name in sorted(groups, key=lambda name: zlib.crc32(f"page:{name}".encode())):
        if len(chosen) + len(groups[name]) <= (VAL_SHARE + VAL_SLACK) * len(documents):
            chosen.update(groups[name])
    return chosen


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"lifelike:{folder.parent}: there is no folder '{folder.name}' in it")
    return list_photos(folder, recursive=True)


def paper_of(outline: dict[str, Any] | None, height: int, width: int) -> NDArray[np.uint8]:
    """Where paper is by an entry of `pages.json`, everywhere without one: `(height, width)`, as `document` says."""
    if outline is None or outline.get("full"):
        return np.full((height, width), IS_PAPER, np.uint8)
    paper = np.zeros((height, width), np.uint8)
    for level, polygons in ((IS_PAPER, outline["pages"]), (MAYBE_PAPER, outline.get("ignore", []))):
        for polygon in polygons:
            corners = np.array(polygon) * (width, height) * 2**SUBPIXEL_BITS
            cv2.fillPoly(paper, [np.rint(corners).astype(np.int32)], level, cv2.LINE_8, SUBPIXEL_BITS)
    return paper


def read_outlines(path: Path) -> dict[str, Any]:
    """What `pages.json` says by file name; nothing where there is no such file.

    Raises:
        ValueError: it is no JSON.
    """
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"'{path}' is no JSON: {error}") from None


def _read_cut_edges(folder: Path) -> dict[str, str]:
    edges: dict[str, str] = {}
    for index in sorted(folder.glob("index*.csv")):
        with index.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row.get("file") and row.get("cut_edge"):
                    edges[row["file"]] = row["cut_edge"]
    return edges


def _decode(path: Path) -> NDArray[np.uint8]:
    """`(h, w, 3)` or `(h, w, 4)` uint8, upright."""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        return read_image(path)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise ValueError(f"cannot decode '{path}'")
    if image.dtype != np.uint8:
        image = (image / WIDE_STEP).astype(np.uint8)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image


@lru_cache(maxsize=1200)
def _reduced(path: Path, side: int) -> NDArray[np.uint8]:
    """A picture of at most `side` pixels, kept in memory; alpha is taken into account where there is one."""
    image = _decode(path)
    factor = side / max(image.shape[:2])
    if factor >= 1:
        return image
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    if image.shape[2] == 3:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    opacity = image[..., 3:] / np.float32(255)
    joint = cv2.resize(np.dstack([image[..., :3] * opacity, opacity]), size, interpolation=cv2.INTER_AREA)
    colour = joint[..., :3] / np.maximum(joint[..., 3:], 1e-3)
    return np.clip(np.dstack([colour, joint[..., 3] * 255]), 0, 255).astype(np.uint8)


def _with_alpha(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image if image.shape[2] == 4 else np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
