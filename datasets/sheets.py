"""Sheets of paper to lay somewhere: cut from real documents, drawn, or coloured with pictures; curled, crumpled, bound.

A sheet is its picture `(h, w, 3)` float32 BGR in [0, 255] and where it is, `(h, w)` float32 in [0, 1], seen from above.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.collection import Collection
from datasets.prints import print_on
from datasets.synthetic import DrawnFrame
from utils.arrays import Floats
from utils.regions import Box

Sheet = tuple[Floats, Floats]

DOCUMENT_SHARE, DRAWN_SHARE = 0.6, 0.25  # of sheets; the rest are coloured
SIDE = 700  # pixels of a sheet's longer side, or somewhat more: what a scene shows
DOCUMENT_ERODED = 2  # pixels cut off around a document: its outline may hold some of the desk
TURNED_CHANCE, ALONG_CHANCE = 0.12, 0.5  # of a quarter turn; of turning a sheet as the photo lies
TILT_DEGREES = 9.0  # standard deviation
ASLANT = 0.035  # standard deviation of a corner's displacement, as a share of the sheet's sides
ASIDE = 0.1  # the same of its middle, as a share of the photo's sides
WHOLE_SHARE = 1.2  # a sheet smaller than that share of the photo is fitted into it, a larger one fills it
BOOK_CHANCE, CRUMPLED_CHANCE, CURLED_CHANCE = 0.12, 0.3, 0.4
CURL = 0.018  # largest displacement, as a share of the sheet's sides
MARGIN = 0.04  # around a sheet, into which it may curl


def pick_sheet(collection: Collection, rng: np.random.Generator) -> Sheet:
    """Any sheet, flat."""
    kind = rng.random()
    if kind < DOCUMENT_SHARE:
        return _cut_document(collection, rng) or colour_sheet(collection, rng)
    if kind < DOCUMENT_SHARE + DRAWN_SHARE:
        frame = DrawnFrame(rng)
        width = round(SIDE * frame.width / frame.height)
        window = Box(0, 0, frame.width, frame.height)
        alpha = np.clip(frame.inside_px(window, SIDE, width) + np.float32(0.5), 0, 1)
        return frame.view(window, SIDE, width).astype(np.float32), alpha
    return colour_sheet(collection, rng)


def _cut_document(collection: Collection, rng: np.random.Generator) -> Sheet | None:
    """The largest page of a document by its outline; None where it has none."""
    image, paper = collection.document(rng)
    count, _, stats, _ = cv2.connectedComponentsWithStats((paper == 255).astype(np.uint8))
    if count < 2:
        return None
    x, y, w, h, _ = stats[1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))].tolist()
    picture, alpha = image[y : y + h, x : x + w], (paper[y : y + h, x : x + w] == 255).astype(np.uint8)
    around = DOCUMENT_ERODED + 1
    alpha = cv2.erode(np.pad(alpha, around), np.ones((3, 3), np.uint8), iterations=DOCUMENT_ERODED)
    alpha = alpha[around:-around, around:-around]
    factor = min(1.0, SIDE / max(h, w))
    size = max(8, round(w * factor)), max(8, round(h * factor))
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return picture, cv2.resize(alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def colour_sheet(collection: Collection, rng: np.random.Generator) -> Sheet:
    """A flyer, a cover, a card: a plain or shaded colour with pictures."""
    height, width = SIDE, int(SIDE * rng.uniform(0.47, 0.92))
    if rng.random() < 0.3:
        height, width = width, height
    pale = rng.random() < 0.6
    base = rng.uniform(120, 255) * (1 + rng.normal(0, 0.06, 3)) if pale else rng.uniform(10, 255, 3)
    shade = 1 + rng.normal(0, 0.15) * np.linspace(-0.5, 0.5, height)[:, None, None]
    picture = np.clip(np.broadcast_to(base * shade, (height, width, 3)), 0, 255).astype(np.float32).copy()
    alpha = np.ones((height, width), np.float32)
    print_on(picture, alpha, collection, rng)
    return picture, alpha


def bend(sheet: Sheet, rng: np.random.Generator) -> Sheet:
    """The same sheet bound in a book, crumpled or curled, in shape and shade; often none of these."""
    picture, alpha = sheet
    if rng.random() < BOOK_CHANCE:
        picture = _bind(picture, rng)
    if rng.random() < CRUMPLED_CHANCE:
        picture = _crumple(picture, rng)
    return _curl(picture, alpha, rng) if rng.random() < CURLED_CHANCE else (picture, alpha)


def _bind(picture: Floats, rng: np.random.Generator) -> Floats:
    """The shade of a book's gutter, across the middle or along a side."""
    across = np.linspace(0, 1, picture.shape[1], dtype=np.float32)
    gutter = np.float32(rng.uniform(0.35, 0.65)) if rng.random() < 0.6 else np.float32(rng.choice([0, 1]))
    depth = np.exp(-np.abs(across - gutter) / np.float32(rng.uniform(0.01, 0.06)))
    return picture * (1 - np.float32(rng.uniform(0.2, 0.7)) * depth)[None, :, None]


def _crumple(picture: Floats, rng: np.random.Generator) -> Floats:
    """Facets in different light."""
    h, w = picture.shape[:2]
    cells = int(rng.integers(4, 14))
    relief = cv2.resize(rng.standard_normal((cells, cells)).astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR)
    slope = np.gradient(relief, axis=int(rng.integers(2)))
    shade = 1 + slope / (np.abs(slope).max() + 1e-6) * rng.uniform(0.05, 0.3)
    return picture * np.clip(shade, 0.4, 1.5)[..., None].astype(np.float32)


def _curl(picture: Floats, alpha: Floats, rng: np.random.Generator) -> Sheet:
    """Edges and lines bent along a wave each way."""
    h, w = alpha.shape
    top, left = round(MARGIN * h), round(MARGIN * w)
    padded = [cv2.copyMakeBorder(p, top, top, left, left, cv2.BORDER_CONSTANT, value=0) for p in (picture, alpha)]
    high, wide = padded[1].shape
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    waves = [
        (np.sin(along / side * rng.uniform(1, 7) + rng.uniform(0, 2 * np.pi)) * rng.uniform(0, CURL)).astype(np.float32)
        for along, side in ((y, high), (x, wide))
    ]
    places = x + waves[0] * wide, y + waves[1] * high
    moved = (cv2.remap(p, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for p in padded)
    picture, alpha = (cv2.resize(p, (w, h), interpolation=cv2.INTER_AREA) for p in moved)
    return picture, alpha


def lay_out(
    sheet: tuple[int, int], height: int, width: int, share: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The `(3, 3)` matrix from a sheet's pixels to a photo's: turned, seen aslant.

    Args:
        sheet: its height and width.
        height, width: of the photo.
        share: of the photo's sides that the sheet takes.
    """
    h, w = sheet
    quarter = 90 * int(rng.integers(4)) if rng.random() < TURNED_CHANCE else 0
    if (h < w) != (height < width) and rng.random() < ALONG_CHANCE:
        quarter = 90
    degrees = quarter + float(np.clip(rng.normal(0, TILT_DEGREES), -40, 40))
    high, wide = (w, h) if quarter % 180 else (h, w)
    fits = height / high, width / wide
    scale = share * (min(fits) if share < WHOLE_SHARE else max(fits))
    centre = np.array([width, height]) / 2 + rng.normal(0, ASIDE, 2) * (width, height) * min(1.0, share)
    turn = np.vstack([cv2.getRotationMatrix2D((0, 0), degrees, scale), (0, 0, 1)])
    turn[:2, 2] = centre - turn[:2, :2] @ (w / 2, h / 2)
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float64)
    moved = (np.column_stack([corners, np.ones(4)]) @ turn.T)[:, :2]
    moved += rng.normal(0, ASLANT, (4, 2)) * np.array([wide, high]) * scale
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
