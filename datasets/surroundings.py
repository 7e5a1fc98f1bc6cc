"""What lies around and under a page: surfaces of any colour and pattern, and a desk with things on it.

All of it is background: the finder must learn that a dark or busy desk covers nothing. Pictures are `(h, w, 3)` uint8
BGR at the resolution of the network. Source: none, written for this toolkit.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import Image

FIELD_SIDE = 512  # pixels of the stored patterns
PHOTO_CHANCE = 0.3  # of a surface cut from a photograph where there are any
# Chances and ranges of this module were set by eye on photographs of desks.
PHOTO_SCALE, PATTERN_SCALE = (0.3, 3), (0.5, 4)  # how much larger a piece of a photograph, or a pattern, is shown
NEGATIVE_CHANCE, PHOTO_GAMMA, PHOTO_GAIN, PHOTO_TINT = 0.4, (0.6, 2.5), (0.3, 1.1), 0.2
WOOD_CHANCE, GREY_SURFACE_CHANCE = 0.3, 0.5  # of a pattern's colours; the rest have any
WOOD_BGR = ((40, 150), (70, 170), (100, 215))
GREY_LEVEL, GREY_TINT, ANY_LEVEL = (15, 240), 8, (5, 240)  # grey levels; black tables, grey felt, white laminate
DARK_SHARE: tuple[float, float] = (0.3, 0.95)  # of a pattern's darkest colour over its lightest
THIRD_COLOUR_CHANCE = 0.25  # of a pattern with one more colour
TABLE_END_CHANCE = 0.2  # of a floor or a wall where the table ends
BEYOND_PICTURE_PX = 2000
CLUTTER = {0: 0.4, 1: 0.25, 2: 0.2, 4: 0.15}  # things that lie on a desk
CABLE_CHANCE = 0.2  # of a thing
THING_SIDE: tuple[float, float] = (0.25, 0.9)  # of the desk's height
DESK_LIGHT, DESK_LIGHT_SLOPE = (0.6, 1.05), (-0.4, 0.4)  # over the desk, as parts of full light
LIGHT_LEVEL = 200  # grey level that stands for full light
FIELD_MEAN, FIELD_DEVIATION = 128, 55  # grey levels of the stored patterns
DESK_LIGHT_GRID = 16j  # points a side at which the light is computed; between them it is interpolated
FIELD_SEED = 19  # any number does; another one makes other patterns

# Stored patterns, in their own pixels: sums of waves and of blotches, each so long along and across it.
SURFACE_GRAIN = ((110, 4, 1.0), (50, 1.2, 0.6), (25, 0.6, 0.4))  # of wood: along, across, weight
PLANKS, PLANK_SPREAD, JOINT_PX, JOINT_DEPTH = 8, 1.2, 3, -3
WEAVE_PX, WEAVE_NOISE, WEAVE_FOLDS = 6, (0.7, 0.6), (60, 0.8)  # size and weight of the blotches of cloth
STONE_BLOTCHES = (0.8, 3, 12, 40)
CARPET_BLOTCHES = ((1.2, 1.5), (2.5, 1.0))  # size, weight
STRIPE_BLOTCHES = (1, 6)
STRIPE_PX, STRIPE_WEIGHT, STRIPE_SHIFT, STRIPE_NOISE, CHECK_NOISE = 64, 1.5, 0.3, 0.4, 0.3
MARBLE_PX, MARBLE_BENDS, MARBLE_POWER, MARBLE_WEIGHT, MARBLE_BLOTCHES = 40, (30, 2.5), 5, 1.5, (20, 0.7)
PLAIN_BLOTCHES, PLAIN_GRAIN = 60, (0.6, 0.15)

# Things on a desk, in pixels of their own pictures; second ends of whole numbers are exclusive.
THING_PLACE, THING_SHADOW_PX, THING_SHADOW = (-0.05, 1.05), 9, 3  # shares of the desk; a third of the light is lost
LYING_SHEET, LYING_MARGIN, SHEET_LIGHT, SHEET_TINT = (200, 142), (12, 10), (150, 250), 0.04
SHEET_INK, SHEET_STEP, SHEET_LINE_CHANCE, SHEET_LINE_END = (0.1, 0.7), (5, 12), 0.85, (40, 130)
SHEET_WORD_STEP, SHEET_WORD, SHEET_STEP_A_PIXEL = (6, 20), 5, 7  # the last: of ink's thickness
BOOK_SIZE, BOOK_COLOURS, BOOK_FIELDS, BOOK_INSET, BOOK_RIGHT, BOOK_FOOT = (200, 145), (10, 240), (1, 5), 8, 135, 190
BOARD_SIZE, BODY_LEVEL, KEY_CONTRAST, KEY_ROWS, KEY_STEP = (90, 240), (5, 235), (15, 60), 5, 16
KEY_WIDTHS, KEY_HEIGHT, KEY_GAP, BOARD_MARGIN = (13, 13, 13, 20), 12, 4, 6
CABLE_REACH, CABLE_KNOTS, CABLE_POINTS, CABLE_PX, CABLE_LEVEL, CABLE_SHADE = (-0.2, 1.2), 5, 60, (2, 7), (5, 240), 0.6


def draw_surface(rng: np.random.Generator, height: int, width: int, photos: Sequence[Image] = ()) -> Image:
    """A surface in random colours: wood, planks, cloth, stone, carpet, stripes, checks, plain, or part of a photograph.

    Args:
        rng: decides everything.
        height, width: of the result in pixels.
        photos: photographs to cut pieces from, each larger than a few pixels.
    """
    if photos and rng.random() < PHOTO_CHANCE:
        source = photos[int(rng.integers(len(photos)))]
        patch = _patch(source, rng, height, width, float(np.exp(rng.uniform(*np.log(PHOTO_SCALE)))))
        patch = patch[..., rng.permutation(3)]
        level = np.arange(256)[:, None] / 255
        if rng.random() < NEGATIVE_CHANCE:
            level = 1 - level
        gamma, gain = rng.uniform(*PHOTO_GAMMA), rng.uniform(*PHOTO_GAIN)
        table = 255 * level**gamma * gain * (1 + rng.normal(0, PHOTO_TINT, 3))
        return cv2.LUT(patch, lookup_table(table))
    kinds = ("wood", "planks", "cloth", "stone", "carpet", "stripes", "checks", "marble", "plain")
    field = _field(str(rng.choice(kinds)))
    grey = _patch(field, rng, height, width, float(np.exp(rng.uniform(*np.log(PATTERN_SCALE)))))
    return cv2.LUT(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), _colours(rng))


def draw_desk(rng: np.random.Generator, height: int, width: int, photos: Sequence[Image] = ()) -> Image:
    """A desk: a surface, often with other sheets, a book, a keyboard or cables on it, lit unevenly.

    Args:
        rng: decides everything.
        height, width: of the result in pixels.
        photos: photographs to cut surfaces from.
    """
    desk = draw_surface(rng, height, width, photos)
    if rng.random() < TABLE_END_CHANCE:
        edge = rng.uniform(0, 1) * np.array([width, height])
        angle = rng.uniform(0, 2 * np.pi)
        outwards = np.array([np.cos(angle), np.sin(angle)])
        along, far = np.array([-outwards[1], outwards[0]]) * BEYOND_PICTURE_PX, outwards * 2 * BEYOND_PICTURE_PX
        corners = np.array([edge - along, edge + along, edge + along + far, edge - along + far])
        beyond = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), np.rint(corners).astype(np.int32), 255)
        desk[beyond > 0] = draw_surface(rng, height, width, photos)[beyond > 0]
    things: tuple[Callable[[np.random.Generator], Image], ...] = (_sheet, _sheet, _book, _keyboard)
    for _ in range(int(rng.choice(list(CLUTTER), p=list(CLUTTER.values())))):
        if rng.random() < CABLE_CHANCE:
            _cable(desk, rng)
        else:
            _lay(desk, things[int(rng.integers(len(things)))](rng), rng)
    y, x = np.mgrid[-0.5:0.5:DESK_LIGHT_GRID, -0.5:0.5:DESK_LIGHT_GRID]
    light = rng.uniform(*DESK_LIGHT) + x * rng.uniform(*DESK_LIGHT_SLOPE) + y * rng.uniform(*DESK_LIGHT_SLOPE)
    light = cv2.resize(np.clip(light * LIGHT_LEVEL, 0, 255).astype(np.uint8), (width, height))
    return cv2.multiply(desk, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / LIGHT_LEVEL)


def lookup_table(levels: NDArray[np.float64]) -> Image:
    """Levels `(256, 3)` float, a column a channel, as the table `(1, 256, 3)` uint8 that `cv2.LUT` reads."""
    return np.clip(levels, 0, 255).astype(np.uint8).reshape(1, 256, 3)


def _patch(source: Image, rng: np.random.Generator, height: int, width: int, scale: float) -> Image:
    """A part of a picture, turned and scaled at random, mirrored on where it ends."""
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    x, y = rng.uniform(0, 1, 2) * source.shape[1::-1]
    matrix = np.array(
        [[cos, -sin, x - (cos * width - sin * height) / 2], [sin, cos, y - (sin * width + cos * height) / 2]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(source, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _colours(rng: np.random.Generator) -> Image:
    """A table `(1, 256, 3)` from grey levels to a blend of two or three colours, dark ones most of all."""
    kind = rng.random()
    if kind < WOOD_CHANCE:
        light = np.array([rng.uniform(*limits) for limits in WOOD_BGR])
    elif kind < WOOD_CHANCE + GREY_SURFACE_CHANCE:
        light = np.full(3, rng.uniform(*GREY_LEVEL)) + rng.normal(0, GREY_TINT, 3)
    else:
        light = rng.uniform(*ANY_LEVEL, 3)
    dark = light * rng.uniform(*DARK_SHARE)
    stops = [dark, light]
    if rng.random() < THIRD_COLOUR_CHANCE:
        stops.insert(1, rng.uniform(*ANY_LEVEL, 3))
    places = np.linspace(0, 255, len(stops))
    levels = np.stack([np.interp(np.arange(256), places, channel) for channel in np.transpose(stops)], 1)
    return lookup_table(levels)


@lru_cache(maxsize=16)
def _field(kind: str) -> Image:
    """A grey pattern `(FIELD_SIDE, FIELD_SIDE)`; always the same one for a name."""
    rng = np.random.default_rng(FIELD_SEED)
    side = FIELD_SIDE
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)

    def blotches(along: float, across: float) -> NDArray[np.float32]:
        noise = rng.standard_normal((side, side)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), along, sigmaY=across, borderType=cv2.BORDER_REFLECT)
        return noise / noise.std()

    if kind in ("wood", "planks"):
        (field, *finer) = (weight * blotches(along, across) for along, across, weight in SURFACE_GRAIN)
        for grain in finer:
            field = field + grain
        if kind == "planks":
            field += PLANK_SPREAD * np.repeat(rng.standard_normal(PLANKS), side // PLANKS)[:, None]
            field[y % (side // PLANKS) < JOINT_PX] = JOINT_DEPTH
    elif kind == "cloth":
        threads = np.sin(x * 2 * np.pi / WEAVE_PX) * np.sin(y * 2 * np.pi / WEAVE_PX)
        (noise_px, noise), (fold_px, folds) = WEAVE_NOISE, WEAVE_FOLDS
        field = threads + noise * blotches(noise_px, noise_px) + folds * blotches(fold_px, fold_px)
    elif kind == "stone":
        field = sum((blotches(size, size) for size in STONE_BLOTCHES), np.zeros((side, side), np.float32))
    elif kind == "carpet":
        (fine_px, fine), (coarse_px, coarse) = CARPET_BLOTCHES
        field = fine * blotches(fine_px, fine_px) + coarse * blotches(coarse_px, coarse_px)
    elif kind == "stripes":
        stripes = np.sign(np.sin(x * 2 * np.pi / STRIPE_PX) - STRIPE_SHIFT)
        field = STRIPE_WEIGHT * stripes + STRIPE_NOISE * blotches(*STRIPE_BLOTCHES)
    elif kind == "checks":
        across, down = (np.sign(np.sin(axis * 2 * np.pi / STRIPE_PX)) for axis in (x, y))
        field = across + down + CHECK_NOISE * blotches(1, 1)
    elif kind == "marble":
        (bend_px, bend), (blotch_px, blotch) = MARBLE_BENDS, MARBLE_BLOTCHES
        veins = np.sin(x / MARBLE_PX + bend * blotches(bend_px, bend_px)) ** MARBLE_POWER
        field = MARBLE_WEIGHT * veins + blotch * blotches(blotch_px, blotch_px)
    else:
        grain_px, grain_weight = PLAIN_GRAIN
        field = blotches(PLAIN_BLOTCHES, PLAIN_BLOTCHES) + grain_weight * blotches(grain_px, grain_px)
    return np.clip(FIELD_MEAN + FIELD_DEVIATION * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)


# --- things on a desk


def _lay(desk: Image, thing: Image, rng: np.random.Generator) -> None:
    """Put a rectangle somewhere on a desk, turned, with a faint shadow around it."""
    h, w = thing.shape[:2]
    height, width = desk.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    scale = rng.uniform(*THING_SIDE) * height / max(h, w)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    x, y = rng.uniform(*THING_PLACE, 2) * (width, height)
    matrix = np.array([[cos, -sin, x - (cos * w - sin * h) / 2], [sin, cos, y - (sin * w + cos * h) / 2]])
    laid = cv2.warpAffine(thing, matrix, (width, height), flags=cv2.INTER_LINEAR)
    covered = cv2.warpAffine(np.full((h, w), 255, np.uint8), matrix, (width, height), flags=cv2.INTER_LINEAR)
    shade = 255 - cv2.blur(covered, (THING_SHADOW_PX, THING_SHADOW_PX)) // THING_SHADOW
    cv2.multiply(desk, cv2.cvtColor(shade, cv2.COLOR_GRAY2BGR), dst=desk, scale=1 / 255)
    cv2.copyTo(laid, cv2.threshold(covered, 127, 255, cv2.THRESH_BINARY)[1], desk)


def _sheet(rng: np.random.Generator) -> Image:
    """A sheet of paper with lines of print."""
    (height, width), (first, last) = LYING_SHEET, LYING_MARGIN
    paper = rng.uniform(*SHEET_LIGHT) * (1 + rng.normal(0, SHEET_TINT, 3))
    sheet = np.full((height, width, 3), np.clip(paper, 0, 255), np.uint8)
    ink = tuple((paper * rng.uniform(*SHEET_INK)).tolist())
    step = int(rng.integers(*SHEET_STEP))
    for y in range(first, height - last, step):
        if rng.random() < SHEET_LINE_CHANCE:
            end = int(rng.integers(*SHEET_LINE_END))
            for x in range(first, end, int(rng.integers(*SHEET_WORD_STEP))):
                cv2.line(sheet, (x, y), (min(x + SHEET_WORD, end), y), ink, 1 + step // SHEET_STEP_A_PIXEL)
    return sheet


def _book(rng: np.random.Generator) -> Image:
    """A closed book or a folder: one colour with a title and a border."""
    cover = np.full((*BOOK_SIZE, 3), rng.uniform(*BOOK_COLOURS, 3), np.uint8)
    for _ in range(int(rng.integers(*BOOK_FIELDS))):
        (x0, x1), (y0, y1) = (np.sort(rng.integers(BOOK_INSET, end, 2)) for end in (BOOK_RIGHT, BOOK_FOOT))
        cv2.rectangle(cover, (int(x0), int(y0)), (int(x1), int(y1)), rng.uniform(0, 255, 3).tolist(), -1)
    return cover


def _keyboard(rng: np.random.Generator) -> Image:
    """Rows of keys."""
    body = np.full(3, rng.uniform(*BODY_LEVEL))
    keys = np.clip(body + rng.choice([-1, 1]) * rng.uniform(*KEY_CONTRAST), 0, 255)
    board, right = np.full((*BOARD_SIZE, 3), body, np.uint8), BOARD_SIZE[1] - BOARD_MARGIN
    for row in range(KEY_ROWS):
        x, y = BOARD_MARGIN, BOARD_MARGIN + row * KEY_STEP
        while x < right - BOARD_MARGIN:
            end = min(x + int(rng.choice(KEY_WIDTHS)), right)
            cv2.rectangle(board, (x, y), (end, y + KEY_HEIGHT), keys.tolist(), -1)
            x = end + KEY_GAP
    return board


def _cable(desk: Image, rng: np.random.Generator) -> None:
    """A cable across the desk."""
    height, width = desk.shape[:2]
    knots = rng.uniform(*CABLE_REACH, (CABLE_KNOTS, 1, 2)) * (width, height)
    curve = cv2.resize(knots.astype(np.float32), (1, CABLE_POINTS), interpolation=cv2.INTER_CUBIC)
    points, thickness = [np.rint(curve).astype(np.int32)], int(rng.integers(*CABLE_PX))
    colour = np.full(3, rng.uniform(*CABLE_LEVEL))
    cv2.polylines(desk, points, False, (colour * CABLE_SHADE).tolist(), thickness + 2, cv2.LINE_AA)
    cv2.polylines(desk, points, False, colour.tolist(), thickness, cv2.LINE_AA)
