"""Sheets and documents in a picture: laid somewhere, seen aslant, curled, crumpled, plain, half of an open book.

Chances, ranges and spreads were set by eye on photographs of documents; spreads are standard deviations.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.collection import IS_PAPER, MAYBE_PAPER

LEAST_BILINEAR_ZOOM = 0.75  # below, bilinear sampling alone would alias
QUARTER_CHANCE, SAME_WAY_CHANCE = 0.12, 0.5  # of a turn by any quarter, and by one to lie as the picture does
SHEET_DEGREES, MOST_SHEET_DEGREES, SHEET_SHIFT, SHEET_ASLANT = 9, 40, 0.1, 0.035  # the last two in shares of the sides
FILLS_FROM = 1.2  # share of the picture's sides from which a sheet is meant to fill it
BOOK_CHANCE, FACING_CHANCE, GUTTER_PLACE = 0.12, 0.6, (0.35, 0.65)  # of an open book; of two pages of it
GUTTER_WIDTH, GUTTER_SHADE = (0.01, 0.06), (0.2, 0.7)  # shares of the width and of the light
CRUMPLED_CHANCE, CREASES, CREASE_SHADE, CREASE_LIGHT = 0.3, (4, 14), (0.05, 0.3), (0.4, 1.5)
CURLED_CHANCE, CURL_MARGIN, CURL_WAVES, CURL_SHARE = 0.4, 0.04, (1, 7), 0.45  # of its margin that a wave may take
ANY_PHASE = 6.28  # radians
# A plain sheet with a sketch on it; in pixels.
SKETCH_SIDE, SKETCH_SHAPES = 680, (1.414, 1.414, 1.294, 1.0, 1.8)  # its longer side; longer by shorter side
SKETCH_WHITE, SKETCH_TINTED_CHANCE, SKETCH_TINT = (205, 255), 0.2, (0.75, 1.0)  # grey levels; light of each channel
SKETCH_STROKES, SKETCH_INK, SKETCH_PEN_PX = (0, 24), (0.05, 0.6), (1, 4)  # strokes; of the paper's light; their width
SKETCH_SPREAD, SKETCH_MARGIN = (0.02, 0.3), 0.06  # of a stroke, of the sheet's longer side; of a side
SCRIBBLE_POINTS, SCRIBBLE_DRIFT, SCRIBBLE_RISE = (5, 40), 0.3, 0.12  # handwriting: one line of it, in its own spread


def warped(
    image: NDArray[np.uint8], paper: NDArray[np.uint8], matrix: NDArray[np.float64], height: int, width: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """A document, its page and what is unknown of it, as `Scene` takes them."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    if scale < LEAST_BILINEAR_ZOOM:
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        paper = cv2.resize(paper, size, interpolation=cv2.INTER_NEAREST)
        matrix = matrix @ np.diag([1 / scale, 1 / scale, 1])
    size, border = (width, height), cv2.BORDER_REFLECT
    turned = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
    page = cv2.warpPerspective(
        (paper == IS_PAPER).astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderMode=border
    )
    unknown = cv2.warpPerspective(
        (paper == MAYBE_PAPER).astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST, borderMode=border
    )
    return turned, page, unknown > 0


def lay_out(
    rng: np.random.Generator, sheet: tuple[int, int], height: int, width: int, share: float
) -> NDArray[np.float64]:
    """The `(3, 3)` matrix from a sheet's pixels to the picture's: turned, aslant, `share` of the picture's sides."""
    h, w = sheet
    quarter = 90 * int(rng.integers(4)) if rng.random() < QUARTER_CHANCE else 0
    if (h < w) != (height < width) and rng.random() < SAME_WAY_CHANCE:
        quarter = 90
    degrees = quarter + float(np.clip(rng.normal(0, SHEET_DEGREES), -MOST_SHEET_DEGREES, MOST_SHEET_DEGREES))
    high, wide = (w, h) if quarter % 180 else (h, w)
    fit = min(height / high, width / wide) if share < FILLS_FROM else max(height / high, width / wide)
    scale = fit * share
    centre = np.array([width, height]) / 2 + rng.normal(0, SHEET_SHIFT, 2) * (width, height) * min(1.0, share)
    turn = np.vstack([cv2.getRotationMatrix2D((0, 0), degrees, scale), (0, 0, 1)])
    turn[:2, 2] = centre - turn[:2, :2] @ (w / 2, h / 2)
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float64)
    moved = (np.column_stack([corners, np.ones(4)]) @ turn.T)[:, :2]
    moved += rng.normal(0, SHEET_ASLANT, (4, 2)) * np.array([wide, high]) * scale
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))


def sketched(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A sheet of plain paper with next to nothing on it: a sketch, a few boxes, some handwriting, or none.

    Returns:
        `(h, w, 3)` float32 BGR in [0, 255] and where the sheet is, `(h, w)` float32: everywhere.
    """
    height, width = SKETCH_SIDE, round(SKETCH_SIDE / float(rng.choice(SKETCH_SHAPES)))
    colour = np.full(3, rng.uniform(*SKETCH_WHITE))
    if rng.random() < SKETCH_TINTED_CHANCE:
        colour *= rng.uniform(*SKETCH_TINT, 3)
    sheet = np.full((height, width, 3), colour, np.float32)
    ink, pen_px = (colour * rng.uniform(*SKETCH_INK, 3)).tolist(), int(rng.integers(*SKETCH_PEN_PX))
    low, high = SKETCH_MARGIN * width, (1 - SKETCH_MARGIN) * width
    for _ in range(int(rng.integers(*SKETCH_STROKES))):
        start = np.array([rng.uniform(low, high), rng.uniform(low, height - low)])
        spread = rng.uniform(*SKETCH_SPREAD) * height
        end = start + rng.normal(0, spread, 2)
        x, y, right, bottom = np.rint(np.concatenate([start, end])).astype(int).tolist()
        shape = int(rng.integers(4))
        if shape == 0:
            cv2.rectangle(sheet, (x, y), (right, bottom), ink, pen_px, cv2.LINE_AA)
        elif shape == 1:
            cv2.line(sheet, (x, y), (right, bottom), ink, pen_px, cv2.LINE_AA)
        elif shape == 2:
            axes = abs(right - x) // 2 + 1, abs(bottom - y) // 2 + 1
            cv2.ellipse(sheet, (x, y), axes, 0, 0, rng.uniform(180, 360), ink, pen_px, cv2.LINE_AA)
        else:
            count = int(rng.integers(*SCRIBBLE_POINTS))
            way = np.stack([np.arange(count) * SCRIBBLE_DRIFT, rng.normal(0, 1, count)], axis=1)
            points = start + way * spread * SCRIBBLE_RISE
            cv2.polylines(sheet, [np.rint(points).astype(np.int32)], False, ink, pen_px, cv2.LINE_AA)
    return sheet, np.ones((height, width), np.float32)


def bent(
    picture: NDArray[np.float32], alpha: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Curled, crumpled, or one half of an open book: shape and shade."""
    h, w = alpha.shape
    if rng.random() < BOOK_CHANCE:
        across = np.linspace(0, 1, w, dtype=np.float32)
        facing = rng.random() < FACING_CHANCE
        gutter = np.float32(rng.uniform(*GUTTER_PLACE) if facing else rng.choice([0, 1]))
        depth = np.exp(-np.abs(across - gutter) / np.float32(rng.uniform(*GUTTER_WIDTH)))
        picture = picture * (1 - np.float32(rng.uniform(*GUTTER_SHADE)) * depth)[None, :, None]
    if rng.random() < CRUMPLED_CHANCE:
        cells = int(rng.integers(*CREASES))
        relief = cv2.resize(
            rng.standard_normal((cells, cells)).astype(np.float32), (w, h), interpolation=cv2.INTER_LINEAR
        )
        slope = np.gradient(relief, axis=int(rng.integers(2)))
        light = np.clip(1 + slope / (np.abs(slope).max() + 1e-6) * rng.uniform(*CREASE_SHADE), *CREASE_LIGHT)
        picture = (picture * light[..., None]).astype(np.float32)
    if rng.random() < CURLED_CHANCE:
        top, left = round(CURL_MARGIN * h), round(CURL_MARGIN * w)
        padded = [
            cv2.copyMakeBorder(layer, top, top, left, left, cv2.BORDER_CONSTANT, value=0) for layer in (picture, alpha)
        ]
        high, wide = padded[1].shape
        y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
        for axis, (coordinate, side) in enumerate(((x, high), (y, wide))):
            along = y if axis == 0 else x
            swing = np.sin(along / side * rng.uniform(*CURL_WAVES) + rng.uniform(0, ANY_PHASE))
            wave = swing * CURL_MARGIN * CURL_SHARE * rng.uniform(0, 1)
            coordinate += (wave * (wide if axis == 0 else high)).astype(np.float32)
        picture, alpha = (cv2.remap(p, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for p in padded)
        picture = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, (w, h), interpolation=cv2.INTER_AREA)
    return picture, alpha
