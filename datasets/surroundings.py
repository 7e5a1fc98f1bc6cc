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
WOOD_CHANCE, GREY_CHANCE = 0.3, 0.5  # of a pattern's colours; the rest have any
WOOD_BGR = ((40, 150), (70, 170), (100, 215))
GREY_LEVEL, GREY_TINT, ANY_LEVEL = (15, 240), 8, (5, 240)  # grey levels; black tables, grey felt, white laminate
DARK_SHARE: tuple[float, float] = (0.3, 0.95)  # of a pattern's darkest colour over its lightest
THIRD_COLOUR_CHANCE = 0.25  # of a pattern with one more colour
TABLE_END_CHANCE = 0.2  # of a floor or a wall where the table ends
FAR_PX = 2000  # beyond any picture
CLUTTER = {0: 0.4, 1: 0.25, 2: 0.2, 4: 0.15}  # things that lie on a desk
CABLE_CHANCE = 0.2  # of a thing
THING_SIDE: tuple[float, float] = (0.25, 0.9)  # of the desk's height
LIGHT, LIGHT_SLOPE = (0.6, 1.05), (-0.4, 0.4)  # over the desk, as parts of full light
LIGHT_LEVEL = 200  # grey level that stands for full light
FIELD_MEAN, FIELD_DEVIATION = 128, 55  # grey levels of the stored patterns


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
        along, far = np.array([-outwards[1], outwards[0]]) * FAR_PX, outwards * 2 * FAR_PX
        corners = np.array([edge - along, edge + along, edge + along + far, edge - along + far])
        beyond = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), np.rint(corners).astype(np.int32), 255)
        desk[beyond > 0] = draw_surface(rng, height, width, photos)[beyond > 0]
    things: tuple[Callable[[np.random.Generator], Image], ...] = (_sheet, _sheet, _book, _keyboard)
    for _ in range(int(rng.choice(list(CLUTTER), p=list(CLUTTER.values())))):
        if rng.random() < CABLE_CHANCE:
            _cable(desk, rng)
        else:
            _lay(desk, things[int(rng.integers(len(things)))](rng), rng)
    y, x = np.mgrid[-0.5:0.5:16j, -0.5:0.5:16j]
    light = rng.uniform(*LIGHT) + x * rng.uniform(*LIGHT_SLOPE) + y * rng.uniform(*LIGHT_SLOPE)
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
    elif kind < WOOD_CHANCE + GREY_CHANCE:
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
    rng = np.random.default_rng(19)
    side = FIELD_SIDE
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)

    def blotches(along: float, across: float) -> NDArray[np.float32]:
        noise = rng.standard_normal((side, side)).astype(np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), along, sigmaY=across, borderType=cv2.BORDER_REFLECT)
        return noise / noise.std()

    if kind in ("wood", "planks"):
        field = blotches(110, 4) + 0.6 * blotches(50, 1.2) + 0.4 * blotches(25, 0.6)
        if kind == "planks":
            field += 1.2 * np.repeat(rng.standard_normal(8), side // 8)[:, None]
            field[y % (side // 8) < 3] = -3
    elif kind == "cloth":
        field = (
            np.sin(x * 2 * np.pi / 6) * np.sin(y * 2 * np.pi / 6) + 0.6 * blotches(0.7, 0.7) + 0.8 * blotches(60, 60)
        )
    elif kind == "stone":
        field = blotches(0.8, 0.8) + blotches(3, 3) + blotches(12, 12) + blotches(40, 40)
    elif kind == "carpet":
        field = 1.5 * blotches(1.2, 1.2) + blotches(2.5, 2.5)
    elif kind == "stripes":
        field = 1.5 * np.sign(np.sin(x * 2 * np.pi / 64) - 0.3) + 0.4 * blotches(1, 6)
    elif kind == "checks":
        field = np.sign(np.sin(x * 2 * np.pi / 64)) + np.sign(np.sin(y * 2 * np.pi / 64)) + 0.3 * blotches(1, 1)
    elif kind == "marble":
        field = 1.5 * np.sin(x / 40 + 2.5 * blotches(30, 30)) ** 5 + 0.7 * blotches(20, 20)
    else:
        field = blotches(60, 60) + 0.15 * blotches(0.6, 0.6)
    return np.clip(FIELD_MEAN + FIELD_DEVIATION * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)


# --- things on a desk


def _lay(desk: Image, thing: Image, rng: np.random.Generator) -> None:
    """Put a rectangle somewhere on a desk, turned, with a faint shadow around it."""
    h, w = thing.shape[:2]
    height, width = desk.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    scale = rng.uniform(*THING_SIDE) * height / max(h, w)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    x, y = rng.uniform(-0.05, 1.05, 2) * (width, height)
    matrix = np.array([[cos, -sin, x - (cos * w - sin * h) / 2], [sin, cos, y - (sin * w + cos * h) / 2]])
    laid = cv2.warpAffine(thing, matrix, (width, height), flags=cv2.INTER_LINEAR)
    covered = cv2.warpAffine(np.full((h, w), 255, np.uint8), matrix, (width, height), flags=cv2.INTER_LINEAR)
    shade = 255 - cv2.blur(covered, (9, 9)) // 3
    cv2.multiply(desk, cv2.cvtColor(shade, cv2.COLOR_GRAY2BGR), dst=desk, scale=1 / 255)
    cv2.copyTo(laid, cv2.threshold(covered, 127, 255, cv2.THRESH_BINARY)[1], desk)


def _sheet(rng: np.random.Generator) -> Image:
    """A sheet of paper with lines of print."""
    paper = rng.uniform(150, 250) * (1 + rng.normal(0, 0.04, 3))
    sheet = np.full((200, 142, 3), np.clip(paper, 0, 255), np.uint8)
    ink = tuple((paper * rng.uniform(0.1, 0.7)).tolist())
    step = int(rng.integers(5, 12))
    for y in range(12, 190, step):
        if rng.random() < 0.85:
            end = int(rng.integers(40, 130))
            for x in range(12, end, int(rng.integers(6, 20))):
                cv2.line(sheet, (x, y), (min(x + 5, end), y), ink, 1 + step // 7)
    return sheet


def _book(rng: np.random.Generator) -> Image:
    """A closed book or a folder: one colour with a title and a border."""
    cover = np.full((200, 145, 3), rng.uniform(10, 240, 3), np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        (x0, x1), (y0, y1) = np.sort(rng.integers(8, 135, 2)), np.sort(rng.integers(8, 190, 2))
        cv2.rectangle(cover, (int(x0), int(y0)), (int(x1), int(y1)), rng.uniform(0, 255, 3).tolist(), -1)
    return cover


def _keyboard(rng: np.random.Generator) -> Image:
    """Rows of keys."""
    body = np.full(3, rng.uniform(5, 235))
    keys = np.clip(body + rng.choice([-1, 1]) * rng.uniform(15, 60), 0, 255)
    board = np.full((90, 240, 3), body, np.uint8)
    for row in range(5):
        x = 6
        while x < 228:
            end = min(x + int(rng.choice([13, 13, 13, 20])), 234)
            cv2.rectangle(board, (x, 6 + row * 16), (end, 18 + row * 16), keys.tolist(), -1)
            x = end + 4
    return board


def _cable(desk: Image, rng: np.random.Generator) -> None:
    """A cable across the desk."""
    height, width = desk.shape[:2]
    knots = rng.uniform(-0.2, 1.2, (5, 1, 2)) * (width, height)
    curve = cv2.resize(knots.astype(np.float32), (1, 60), interpolation=cv2.INTER_CUBIC)
    points, thickness = [np.rint(curve).astype(np.int32)], int(rng.integers(2, 7))
    colour = np.full(3, rng.uniform(5, 240))
    cv2.polylines(desk, points, False, (colour * 0.6).tolist(), thickness + 2, cv2.LINE_AA)
    cv2.polylines(desk, points, False, colour.tolist(), thickness, cv2.LINE_AA)
