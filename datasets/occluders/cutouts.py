"""Cut-outs from files: real occluders as pictures with alpha channel."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.occluders.sprite import FREE_KINDS, Occluder
from utils.images import list_photos
from utils.split import select_some

REAL_SHARE = 0.5  # of pages, and of occluders, where files of them are given
QUARTER_TURNS = {"bottom": 0, "left": 1, "top": 2, "right": 3}  # counter-clockwise, until the cut lies at the bottom


@dataclass(frozen=True)
class Cutout:
    """An RGBA file: where it is, what it shows, which edge of it lies on the edge of the page ("" for none)."""

    path: Path
    kind: str
    cut_edge: str


def list_cutouts(folder: str | Path, split: str = "train") -> list[Cutout]:
    """The cut-outs of a folder, kind by subfolder; an `index.csv` in it or beside it states kinds and edges.

    Args:
        folder: of pictures with alpha channel.
        split: side of `utils.split`, so that training and checks never share a cut-out.

    Raises:
        ValueError: there are none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"'{folder}': there is no such folder of cut-outs")
    index: dict[Path, dict[str, str]] = {}
    for place in (folder, folder.parent):
        if (place / "index.csv").is_file():
            with open(place / "index.csv", encoding="utf-8", newline="") as lines:
                index = {place / row["file"]: row for row in csv.DictReader(lines) if row.get("file")}
            break
    cutouts = []
    paths, what = list_photos(folder, recursive=True), f"cut-outs, PNG files with alpha channel, in '{folder}'"
    for path in select_some(paths, split, lambda path: path.name, what):
        row = index.get(path, {})
        kind = row.get("kind") or path.relative_to(folder).parts[0]
        edge = row.get("cut_edge") or ("none" if kind in FREE_KINDS else "bottom")
        cutouts.append(Cutout(path, kind, edge if edge in QUARTER_TURNS else ""))
    return cutouts


def pick_cutout(cutouts: Sequence[Cutout], rng: np.random.Generator, max_side: int) -> Occluder:
    """One of the cut-outs, read by `load_cutout`; kinds with few files come as often as others."""
    kinds = sorted({cutout.kind for cutout in cutouts})
    kind = kinds[int(rng.integers(len(kinds)))]
    of_kind = [cutout for cutout in cutouts if cutout.kind == kind]
    return load_cutout(of_kind[int(rng.integers(len(of_kind)))], max_side)


def read_cutout(path: Path) -> NDArray[np.uint8]:
    """The pixels of a cut-out: `(h, w, 4)` uint8, BGR and alpha.

    Raises:
        ValueError: it is no picture with alpha channel.
        OSError: it cannot be read.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        raise ValueError(f"cannot use '{path}' as a cut-out: an 8-bit picture with alpha channel is needed")
    return image


@lru_cache(maxsize=512)
def load_cutout(cutout: Cutout, max_side: int) -> Occluder:
    """A cut-out as an occluder, reduced to at most `max_side` pixels, its cut at the bottom.

    Raises:
        ValueError, OSError: as `read_cutout`.
    """
    image = read_cutout(cutout.path)
    if cutout.cut_edge:
        image = np.rot90(image, QUARTER_TURNS[cutout.cut_edge])
    factor = max_side / max(image.shape[:2])
    if factor < 1:
        opacity = image[..., 3:] / np.float32(255)
        joint = np.dstack([image[..., :3] * opacity, image[..., 3]])
        joint = cv2.resize(joint, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        joint[..., :3] /= np.maximum(joint[..., 3:] / 255, 1e-3)
        image = np.clip(joint, 0, 255).astype(np.uint8)
    return Occluder(cutout.kind if cutout.cut_edge else "object", np.ascontiguousarray(image))
