"""Pairs with exact truth for the benchmarks: a cut-out pasted over a photographed or drawn page, as in the contest.

Pasting is written here and not taken from the training data's own code on purpose: figures stay comparable while the
training data changes, and the networks are not checked on what their generator does particularly.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.collection import paper_of, read_outlines
from datasets.occluders import Cutout
from utils.images import read_photo

# Share of the page that an occluder takes before what lies beyond the border is cut off. The contest's holes take 2 to
# 6 % of a page; a finger is smaller than a hand.
PAIR_SHARES = {"finger": (0.015, 0.035), "hand": (0.025, 0.065), "head": (0.03, 0.065)}
OTHER_PAIR_SHARES = (0.015, 0.04)
VISIBLE_SHARES = (0.005, 0.08)  # a placement whose visible share falls outside is drawn again
KIND_TURNS = {"finger": 3, "hand": 3, "head": 3}  # the contest's kinds come three times as often as any other
PLACEMENTS_TRIED = 50
OPAQUE_FROM = 128  # of 255: what is less opaque is an edge
PLACE = (0.1, 0.9)  # of the middle of an occluder, shares of the page's sides
MOST_BEYOND = 0.2  # of its length that lies further out than it must
ON_PAPER = 0.5  # share of an occluder that lies on a page at least: what lies beside every page is to stay

# Degrees, counter-clockwise: from an edge of a cut-out to its bottom, and from there to an edge of the page.
TO_BOTTOM = {"bottom": 0, "left": 90, "top": 180, "right": 270}
FROM_BOTTOM = {"bottom": 0, "right": 90, "top": 180, "left": 270}
PAGE_EDGES = ("bottom", "left", "right", "top")
PAGE_EDGE_CHANCES = (0.35, 0.25, 0.25, 0.15)  # our guess; people hold a page from below and from the sides
MAX_TILT = {"head": 6.0}  # degrees
OTHER_MAX_TILT = 30.0

Array8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Plan:
    """Which cut-out goes over which page; `seed` decides where.

    `textless` is the file of the page without its text, `outline` the page's entry in `pages.json`, or None.
    """

    name: str
    page: Path
    cutout: Cutout
    seed: tuple[int, int]
    textless: Path | None = None
    outline: dict[str, Any] | None = None


@dataclass(frozen=True)
class Pair:
    """One covered photo with its truth.

    Attributes:
        name: unique in a run.
        page_group: first word of the page's file name.
        kind: of the occluder.
        clean, covered: `(H, W, 3)` uint8 BGR, equal where `alpha` is 0.
        alpha: `(H, W)` uint8, how much of a pixel is covered, 255 fully.
        textless: the clean page without its text where that is known, `(H, W, 3)` uint8, else None.
    """

    name: str
    page_group: str
    kind: str
    clean: Array8
    covered: Array8
    alpha: Array8
    textless: Array8 | None = None

    @property
    def hole(self) -> NDArray[np.bool_]:
        """Every pixel the occluder touches: `(H, W)` bool."""
        return self.alpha > 0

    @property
    def occluder(self) -> NDArray[np.bool_]:
        """Pixels that are covered by half or more: `(H, W)` bool."""
        return self.alpha >= 128


def plan_pairs(
    pages: Sequence[Path], cutouts: Sequence[Cutout], count: int, seed: int, textless_dir: str | Path | None = None
) -> list[Plan]:
    """Spread `count` pairs evenly over pages and kinds.

    Every page comes once before any comes twice; so does every cut-out of a kind. Equal pages, cut-outs and seed give
    the same pairs, and the first ones do not depend on `count`.

    Args:
        pages, cutouts: none of them empty. A `pages.json` beside the pages' folder says where their paper is.
        count: how many pairs.
        seed: of everything random.
        textless_dir: folder of the pages without their text, under the pages' file names, or None.
    """
    by_kind: dict[str, list[Cutout]] = {}
    for cutout in cutouts:
        by_kind.setdefault(cutout.kind, []).append(cutout)
    kinds = _deal((seed, 0), [kind for kind in by_kind for _ in range(KIND_TURNS.get(kind, 1))])
    members = {kind: _deal((seed, 2 + number), of_kind) for number, (kind, of_kind) in enumerate(by_kind.items())}
    plans = []
    outlines = read_outlines(pages[0].parent.parent / "pages.json")
    for number, page, kind in zip(range(count), _deal((seed, 1), pages), kinds, strict=False):
        cutout = next(members[kind])
        textless = Path(textless_dir) / page.name if textless_dir else None
        plans.append(
            Plan(
                f"{number:03d}_{page.stem}_{cutout.path.stem}",
                page,
                cutout,
                (seed, number),
                textless,
                outlines.get(page.name),
            )
        )
    return plans


def build_pair(plan: Plan) -> Pair:
    """Read the two files and paste.

    Raises:
        ValueError: a file cannot be decoded, the cut-out has no alpha channel or nothing in it, or the page without
            text has another size than the page.
        OSError: a file cannot be read.
    """
    clean = read_photo(plan.page).image
    textless = read_photo(plan.textless).image if plan.textless else None
    if textless is not None and textless.shape != clean.shape:
        raise ValueError(f"'{plan.page.name}' has another size in --textless_dir than in --page_dir")
    paper = paper_of(plan.outline, *clean.shape[:2]) > 0
    covered, alpha = cover(clean, paper, read_cutout(plan.cutout.path), plan.cutout, np.random.default_rng(plan.seed))
    return Pair(plan.name, page_group(plan.page.stem), plan.cutout.kind, clean, covered, alpha, textless)


def page_group(stem: str) -> str:
    """First word of a file name: `receipt` of `receipt_B_07`."""
    return re.split(r"[^A-Za-z\u4e00-\u9fff]+", stem.strip("_-. "), maxsplit=1)[0].lower() or "other"


def read_cutout(path: Path) -> Array8:
    """`(h, w, 4)` uint8 BGRA.

    Raises:
        ValueError: it cannot be decoded, or has no alpha channel or nothing opaque in it.
        OSError: it cannot be read.
    """
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        raise ValueError(f"cannot use '{path.name}' as a cut-out: an 8-bit picture with alpha channel is needed")
    if not (image[..., 3] >= OPAQUE_FROM).any():
        raise ValueError(f"cannot use '{path.name}' as a cut-out: nothing in it is opaque")
    return np.asarray(image, np.uint8)


def cover(
    page: Array8, paper: NDArray[np.bool_], pixels: Array8, cutout: Cutout, rng: np.random.Generator
) -> tuple[Array8, Array8]:
    """Paste a cut-out over a page, its cut edge on or beyond an edge of the picture.

    Args:
        page: `(H, W, 3)` uint8 BGR.
        paper: `(H, W)` bool, the page itself; where the cut-out cannot come to lie on it, it lies beside.
        pixels: `(h, w, 4)` uint8 BGRA of the cut-out.
        cutout: what it is.
        rng: decides size, edge, place, tilt and mirroring.

    Returns:
        The covered page and its alpha `(H, W)` uint8. Where alpha is 0 the page is as it was.
    """
    height, width = page.shape[:2]
    if cutout.cut_edge:
        pixels = np.ascontiguousarray(np.rot90(pixels, TO_BOTTOM[cutout.cut_edge] // 90))
    for _ in range(PLACEMENTS_TRIED):
        share = rng.uniform(*PAIR_SHARES.get(cutout.kind, OTHER_PAIR_SHARES))
        scale = float(np.sqrt(share * height * width / (pixels[..., 3] >= OPAQUE_FROM).sum()))
        layer = _scaled(pixels[:, ::-1] if rng.random() < 0.5 else pixels, scale)
        matrix = _placement(layer.shape[:2], height, width, cutout, rng)
        box, layer = _warped(layer, matrix, height, width)
        solid = layer[..., 3] >= OPAQUE_FROM
        visible = np.count_nonzero(solid) / (height * width)
        on_paper = np.count_nonzero(solid & paper[box[1] : box[3], box[0] : box[2]]) >= ON_PAPER * np.count_nonzero(
            solid
        )
        if VISIBLE_SHARES[0] <= visible <= VISIBLE_SHARES[1] and on_paper:
            break
    rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
    alpha = np.zeros((height, width), np.uint8)
    alpha[rows, columns] = np.rint(layer[..., 3])
    opacity = alpha[rows, columns, None] / np.float32(255)
    covered = page.copy()
    pasted = np.rint(covered[rows, columns] * (1 - opacity) + layer[..., :3] * opacity)
    covered[rows, columns] = np.where(opacity > 0, pasted, covered[rows, columns]).astype(np.uint8)
    return covered, alpha


Item = TypeVar("Item")


def _deal(seed: tuple[int, int], items: Sequence[Item]) -> Iterator[Item]:
    """The items without end, shuffled anew each time all have had their turn."""
    rng = np.random.default_rng(seed)
    while True:
        for index in rng.permutation(len(items)):
            yield items[index]


def _scaled(pixels: Array8, scale: float) -> NDArray[np.float32]:
    """The cut-out at its size on the page: `(h, w, 4)` float32, colour continued below the soft edge.

    Enlarging widens the soft edge of alpha; it is steepened again by the same factor, to the few pixels that the
    contest's edges have.
    """
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    opacity = pixels[..., 3:] / np.float32(255)
    layer = np.concatenate([pixels[..., :3] * opacity, opacity], axis=2)
    layer = cv2.resize(layer, size, interpolation=method)
    layer[..., :3] /= np.maximum(layer[..., 3:], 1e-3)
    layer[..., 3] = 255 * np.clip((layer[..., 3] - 0.5) * max(scale, 1) + 0.5, 0, 1)
    np.clip(layer, 0, 255, out=layer)
    return layer


def _placement(
    size: tuple[int, int], height: int, width: int, cutout: Cutout, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Affine matrix from cut-out to page coordinates."""
    h, w = size
    max_tilt = MAX_TILT.get(cutout.kind, OTHER_MAX_TILT)
    tilt = rng.uniform(-max_tilt, max_tilt)
    if not cutout.cut_edge:
        target = rng.uniform(*PLACE) * width, rng.uniform(*PLACE) * height
        return _turned((w / 2, h / 2), tilt, target)
    edge = "bottom" if cutout.kind == "head" else PAGE_EDGES[rng.choice(len(PAGE_EDGES), p=PAGE_EDGE_CHANCES)]
    along = rng.uniform(*PLACE)
    # Far enough out that neither corner of a tilted cut shows, and up to a fifth of its length further.
    beyond = 1 + w / 2 * abs(np.sin(np.radians(tilt))) + rng.uniform(0, MOST_BEYOND) * h
    targets = {
        "bottom": (along * width, height + beyond),
        "top": (along * width, -beyond),
        "left": (-beyond, along * height),
        "right": (width + beyond, along * height),
    }
    return _turned((w / 2, h), FROM_BOTTOM[edge] + tilt, targets[edge])


def _turned(centre: tuple[float, float], degrees: float, target: tuple[float, float]) -> NDArray[np.float64]:
    """Rotate counter-clockwise about `centre` and carry that point to `target`."""
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    matrix[:, 2] += np.subtract(target, centre)
    return matrix


def _warped(
    layer: NDArray[np.float32], matrix: NDArray[np.float64], height: int, width: int
) -> tuple[tuple[int, int, int, int], NDArray[np.float32]]:
    """The part of a warped cut-out that lies on the page: its box `(x0, y0, x1, y1)` and its pixels."""
    h, w = layer.shape[:2]
    corners = np.array([(0, 0, 1), (w, 0, 1), (0, h, 1), (w, h, 1)]) @ matrix.T
    x0, y0 = (int(n) for n in np.clip(np.floor(corners.min(axis=0)) - 1, 0, (width, height)))
    x1, y1 = (int(n) for n in np.clip(np.ceil(corners.max(axis=0)) + 1, (x0, y0), (width, height)))
    if x1 == x0 or y1 == y0:
        return (0, 0, 1, 1), np.zeros((1, 1, 4), np.float32)
    matrix = matrix.copy()
    matrix[:, 2] -= (x0, y0)
    # Colours are repeated beyond the cut-out, alpha is not: no dark fringe where the two are interpolated.
    colour = cv2.warpAffine(layer[..., :3], matrix, (x1 - x0, y1 - y0), borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(layer[..., 3], matrix, (x1 - x0, y1 - y0), borderValue=0)
    return (x0, y0, x1, y1), np.dstack([colour, alpha])
