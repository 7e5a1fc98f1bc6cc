"""How people and things come to lie on a page: over the photo's edge, around the page's edge, free on it or beside it.

A cut-out is an `(h, w, 4)` uint8 BGRA picture. The edges at which it was cut (`bottom`, `bottom+left`, …, `none` for
what lies free) must not be seen: they lie beyond the photo's edge, or a sleeve or an arm goes on from them.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import occluders
from datasets.chances import choose
from datasets.collection import FREE, Collection
from datasets.occluders import Occluder
from datasets.surroundings import draw_surface

Sprite = NDArray[np.uint8]
Matrix = NDArray[np.float64]

# Chances, ranges and spreads of this module were set by eye on photographs of documents in hands. Spreads are standard
# deviations, of gains those of their natural logarithms; angles are radians.

# Of drawing one instead of taking a cut-out: things are few among the cut-outs.
DRAWN_CHANCES = {"finger": 0.12, "hand": 0.12, "arm": 0.25, "head": 0.2, "object": 0.55}
# What is drawn for a kind of cut-out, and how often.
DRAWN_KINDS = {
    "finger": {"finger": 1.0},
    "hand": {"hand": 1.0},
    "arm": {"arm": 0.6, "flap": 0.25, "intruder": 0.15},
    "head": {"head": 0.75, "crown": 0.25},
    "object": {
        "pen": 0.38, "card": 0.15, "clip": 0.1, "phone": 0.06, "cup": 0.06, "eraser": 0.06, "ruler": 0.04,
        "glasses": 0.04, "coin": 0.02, "cable": 0.03, "blob": 0.06,
    },
}  # fmt: skip
DRAWN_NUMBERS = {"train": (0, 400), "val": (400, 480)}  # of each kind
HELD_SPRITE_SIDE = 320  # pixels of the drawn ones
OPAQUE = 127  # of 255: what is more opaque belongs to a cut-out
STRANGE_CHANCE = 0.08  # of an occluder that is made stranger
OTHER_MATERIAL_CHANCE, MATERIAL_SIDE = 0.5, 200  # of such a thing in any material; pixels
RELIT_STRENGTH, RELIT_GAMMA, RELIT_GAIN, RELIT_TINT = (0.2, 1.0), 0.2, (-0.5, 0.15), 0.04  # of another light
GREY_SPRITE_CHANCE = 0.06
SKIN_KINDS = ("finger", "hand", "arm")
GLOVE_CHANCE = 0.05  # of a glove on a hand
GLOVE_RELIEF, GLOVE_RELIEF_SHARE, GLOVE_LIGHT = (0.3, 1.8), (0.5, 1.0), (0.7, 1.1)  # shading over the usual level
USUAL_LEVEL, DARKEST_LEVEL = 128.0, 16.0  # grey level of a hand without pixels, and of the darkest with shading
# Colours of gloves, BGR.
GLOVES = ((235, 235, 235), (200, 150, 60), (160, 130, 50), (30, 30, 30), (90, 170, 210), (120, 160, 90), (60, 140, 230))
SLEEVE_CHANCE = 0.55  # of what goes on beyond a cut: cloth, else skin
FIRST_ROWS, CUT_EDGE_ROWS = 3, 3  # of a cut-out, that tell its tip and its cut
WIDER_SLEEVE, ARM_GROWTH, ARM_DRIFT = (
    (0.02, 0.2),
    (-0.05, 0.35),
    0.15,
)  # over the cut's width; sideways for each row down
SLEEVE_LIGHT, SLEEVE_SHADE, SHADE_STEEPNESS = (0.4, 1.2), (0.1, 0.5), 2.5  # darker towards both sides
ROWS_REPEATED = 40  # of the cut-out's last ones, where skin goes on
# Share of the picture that the opaque part of each kind takes, were all of it seen: usual and largest.
HELD_SHARES = {
    "finger": (0.008, 0.1),
    "hand": (0.03, 0.26),
    "arm": (0.03, 0.25),
    "head": (0.02, 0.25),
    "object": (0.002, 0.09),
}
DEEPEST_PX = {"finger": 110, "hand": 200, "arm": 420}  # how far each reaches onto a page, in a picture 640 px long
PEN_LENGTH, PEN_LEAN = (0.5, 0.9), 0.6  # of a pen in a hand: as a share of the hand's length; radians, std. deviation
PEN_AHEAD = (0.1, 0.45)  # of it before the fingertips, as a share of its own length
CLOSE_UP_CHANCE, CLOSE_UP_FACTOR = 0.25, (1.5, 5.0)  # of one held so many times as close
LARGEST_SHARE = 0.5  # of the picture, for one held close
LENGTHENED_CHANCE, LENGTHENED = 0.5, (0.2, 1.5)  # of an entering one whose arm goes on, by so many of its lengths
HEAD_EDGE_CHANCES, EDGE_CHANCES = (0.8, 0.08, 0.08, 0.04), (0.32, 0.28, 0.28, 0.12)  # bottom, left, right, top
HEAD_LEAN, LEAN, MOST_LEAN = 0.07, 0.4, 1.0  # against the edge: spreads and limit
ENTRY = (0.03, 0.97)  # parts of the edge
CUT_BEYOND_PX, LENGTH_BEYOND = 1.5, (0, 0.55)  # how far out a cut lies; parts of the length beyond
CLOSE_UP_WIDTH = 1.1  # of the picture's, of one cut at three sides
CORNER_HIDDEN, CORNER_SHOWN = (0.01, 0.35), (0.65, 0.99)  # parts of its sides beyond a corner and in the picture
REACH_LEAN, MOST_REACH_LEAN, SHALLOWEST_PX = 0.4, 0.9, 8  # off the edge's normal; onto the page
DEEPEST_SHARE, SPARE_WIDTHS = 0.8, 0.4  # of its length; by which an arm goes on past the picture's edge
TIP_SHARE, TIP_DROP, HAND_SHAPE = 12, 0.06, 1.6  # a tip is so little of a length; its pen's place; length over width
WRIST_SHARE = 8  # a cut-out's last rows, so little of it, show how wide it is where it was cut
FADING_SHARE = 0.25  # of the length of a thumb over which it becomes the hand
SKIN_GAIN = (0.3, 3.5)  # limits of what makes one skin another
LAID_STEP = 7  # every so many pixels are places to lie at
EDGE_BLUR_PX, EDGE_BAND, LEAST_SLOPE, PICTURE_BORDER_PX, LEAST_EDGE_PX = 4, 0.2, 0.05, 3, 20  # of a page's edge
LEAST_DIRECTION = 1e-3  # of a direction along an axis that ever meets the picture's edge
CORNERS = {"bottom+left", "bottom+right"}


class Placed(NamedTuple):
    """A cut-out and where it lies: `matrix` `(2, 3)` leads from its pixels to the picture's."""

    sprite: Sprite
    matrix: Matrix
    kind: str


def pick(collection: Collection, rng: np.random.Generator, kind: str, split: str = "train") -> tuple[Sprite, str]:
    """A cut-out of a kind, in any light, sometimes gloved or of other material, and its cut edges."""
    if rng.random() < DRAWN_CHANCES[kind] or kind not in collection.cutouts:
        sprite, edges = _draw(rng, kind, split)
    else:
        sprite, edges = collection.cutout(rng, kind)
    changed = Occluder(kind, sprite)
    if kind in SKIN_KINDS and rng.random() < GLOVE_CHANCE:
        changed = Occluder(kind, _gloved(sprite, rng))
    elif rng.random() < STRANGE_CHANCE:
        of_any_material = kind == "object" and rng.random() < OTHER_MATERIAL_CHANCE
        material = draw_surface(rng, MATERIAL_SIDE, MATERIAL_SIDE) if of_any_material else None
        changed = occluders.disguise(changed, rng, material)
    mirrored = changed.sprite[:, ::-1] if rng.random() < 0.5 else changed.sprite
    if mirrored is not changed.sprite:
        edges = {"bottom+left": "bottom+right", "bottom+right": "bottom+left"}.get(edges, edges)
    return _relit(np.ascontiguousarray(mirrored), rng), edges


def _draw(rng: np.random.Generator, kind: str, split: str) -> tuple[Sprite, str]:
    drawn = occluders.drawn_of_kind(
        choose(rng, DRAWN_KINDS[kind]), int(rng.integers(*DRAWN_NUMBERS[split])), HELD_SPRITE_SIDE
    )
    return drawn.sprite, "bottom" if drawn.enters else FREE


def _relit(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    level, strength = np.arange(256)[:, None] / 255, rng.uniform(*RELIT_STRENGTH)
    gamma, gain = strength * rng.normal(0, RELIT_GAMMA), strength * rng.uniform(*RELIT_GAIN)
    table = level ** np.exp(gamma) * np.exp(gain)
    table = table * (1 + rng.normal(0, RELIT_TINT, 3))
    colour = cv2.LUT(np.ascontiguousarray(sprite[..., :3]), np.clip(table * 255, 0, 255).astype(np.uint8)[None])
    if rng.random() < GREY_SPRITE_CHANCE:
        colour = cv2.cvtColor(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return np.dstack([colour, sprite[..., 3]])


def _gloved(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    grey = cv2.cvtColor(np.ascontiguousarray(sprite[..., :3]), cv2.COLOR_BGR2GRAY).astype(np.float32)
    opaque = sprite[..., 3] > OPAQUE
    typical = max(float(np.median(grey[opaque])) if opaque.any() else USUAL_LEVEL, DARKEST_LEVEL)
    relief = 1 + (np.clip(grey / typical, *GLOVE_RELIEF) - 1) * rng.uniform(*GLOVE_RELIEF_SHARE)
    colour = np.array(GLOVES[int(rng.integers(len(GLOVES)))]) * rng.uniform(*GLOVE_LIGHT)
    return np.dstack([np.clip(relief[..., None] * colour, 0, 255).astype(np.uint8), sprite[..., 3]])


def lengthened(sprite: Sprite, rows: int, rng: np.random.Generator) -> Sprite:
    """The cut-out with an arm or a sleeve going on below its cut.

    Args:
        rows: how long that is, in pixels of the cut-out.
    """
    h, w = sprite.shape[:2]
    last = np.flatnonzero((sprite[-CUT_EDGE_ROWS:, :, 3] > OPAQUE).any(axis=0))
    if rows < 2 or last.size < CUT_EDGE_ROWS:
        return sprite
    sleeve = rng.random() < SLEEVE_CHANCE
    left, right = float(last[0]), float(last[-1] + 1)
    wider = (right - left) * (rng.uniform(*WIDER_SLEEVE) if sleeve else 0.0)
    growth = rng.uniform(*ARM_GROWTH) * (right - left) / max(rows, 1)
    drift = rng.normal(0, ARM_DRIFT)
    side = round(wider + rows * (abs(drift) + max(growth, 0))) + 2
    y = np.arange(rows, dtype=np.float32)[:, None]
    x = np.arange(w + 2 * side, dtype=np.float32) - side
    start, end = left - wider - growth * y / 2 + drift * y, right + wider + growth * y / 2 + drift * y
    across = np.clip((x - start) / np.maximum(end - start, 1), 0, 1)
    opacity = np.clip(np.minimum(x - start, end - x) + 0.5, 0, 1)
    if sleeve:
        colour = draw_surface(rng, rows, w + 2 * side).astype(np.float32) * rng.uniform(*SLEEVE_LIGHT)
    else:
        repeated = sprite[h - min(h, ROWS_REPEATED) :, last[0] : last[-1] + 1, :3].astype(np.float32)
        mirrored = np.concatenate([repeated[::-1], repeated])
        endless = mirrored[np.arange(rows) % len(mirrored)]
        columns = (across * (repeated.shape[1] - 1)).astype(np.float32)
        colour = cv2.remap(endless, columns, np.repeat(y, x.size, axis=1), cv2.INTER_LINEAR)
    shade = np.ones_like(across)
    if sleeve:
        shade = 1 - rng.uniform(*SLEEVE_SHADE) * np.abs(2 * across - 1) ** SHADE_STEEPNESS
    arm = np.dstack([np.clip(colour * shade[..., None], 0, 255), opacity * 255]).astype(np.uint8)
    return np.vstack([np.pad(sprite, ((0, 0), (side, side), (0, 0))), arm])


def _scale(sprite: Sprite, kind: str, area: float, rng: np.random.Generator) -> float:
    opaque = max(1, int(np.count_nonzero(sprite[..., 3] > OPAQUE)))
    low, high = HELD_SHARES[kind]
    share = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if kind != "object" and rng.random() < CLOSE_UP_CHANCE:
        share = min(share * rng.uniform(*CLOSE_UP_FACTOR), LARGEST_SHARE)
    return float(np.sqrt(share * area / opaque))


def _turn(scale: float, angle: float) -> Matrix:
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def enter(sprite: Sprite, edges: str, kind: str, height: int, width: int, rng: np.random.Generator) -> Placed:
    """Let a cut-out come in over the edge of the picture, the cut beyond it."""
    scale = _scale(sprite, kind, height * width, rng)
    if edges in CORNERS:
        return _enter_corner(sprite, edges, kind, scale, height, width, rng)
    if edges.count("+") == 2 or edges == "left+right":  # a close-up, cut at three sides
        scale = max(scale, CLOSE_UP_WIDTH * width / sprite.shape[1])
        offset = (width / 2 - scale * sprite.shape[1] / 2, height + 2 - scale * sprite.shape[0])
        return Placed(sprite, np.column_stack([_turn(scale, 0), offset]), kind)
    if rng.random() < LENGTHENED_CHANCE and kind != "head":
        sprite = lengthened(sprite, int(rng.uniform(*LENGTHENED) * sprite.shape[0]), rng)
    head = kind == "head"
    edge = int(rng.choice(4, p=HEAD_EDGE_CHANCES if head else EDGE_CHANCES))
    tilt = np.clip(rng.normal(0, HEAD_LEAN if head else LEAN), -MOST_LEAN, MOST_LEAN)
    matrix = _turn(scale, (0, np.pi / 2, -np.pi / 2, np.pi)[edge] + tilt)
    along = rng.uniform(*ENTRY)
    anchor = np.array([(along * width, height), (0, along * height), (width, along * height), (along * width, 0)][edge])
    outwards = np.array([(0, 1), (-1, 0), (1, 0), (0, -1)][edge])
    h, w = sprite.shape[:2]
    offset = anchor - matrix @ (w / 2, h)
    corners = np.array([matrix @ (0, h), matrix @ (w, h)])
    inside_px = -min(float((corner + offset - anchor) @ outwards) for corner in corners)
    beyond = inside_px + CUT_BEYOND_PX + rng.uniform(*LENGTH_BEYOND) * h * scale
    return Placed(sprite, np.column_stack([matrix, offset + outwards * beyond]), kind)


def _enter_corner(
    sprite: Sprite, edges: str, kind: str, scale: float, height: int, width: int, rng: np.random.Generator
) -> Placed:
    """In at a corner, where both cut edges of a cut-out lie beyond the picture's."""
    sides = ["bottom", "right", "top", "left"]  # each becomes the next by a quarter turn
    turns = int(rng.integers(4))
    sprite = np.ascontiguousarray(np.rot90(sprite, turns))
    hidden = {sides[(sides.index(side) + turns) % 4] for side in edges.split("+")}
    h, w = (side * scale for side in sprite.shape[:2])
    x = -rng.uniform(*CORNER_HIDDEN) * w - 1 if "left" in hidden else width - w * rng.uniform(*CORNER_SHOWN) + 1
    y = -rng.uniform(*CORNER_HIDDEN) * h - 1 if "top" in hidden else height - h * rng.uniform(*CORNER_SHOWN) + 1
    return Placed(sprite, np.column_stack([_turn(scale, 0), (x, y)]), kind)


def reach_onto(
    sprite: Sprite,
    kind: str,
    page: NDArray[np.float32],
    rng: np.random.Generator,
    edge: NDArray[np.bool_] | None = None,
    scale: float | None = None,
    depth: float | None = None,
    goes_on: bool = True,
) -> Placed | None:
    """Let a cut-out reach over the page's edge from beside it, its arm going on to the edge of the picture.

    Args:
        sprite: cut at the bottom.
        page: `(h, w)` float32, 1 on the page.
        edge: `(h, w)` bool: only over the edge that lies here; None is anywhere.
        scale: of the cut-out; None is any usual one.
        depth: how much of it lies on the page, in its own pixels; None is any usual length.
        goes_on: whether an arm or a sleeve goes on from its cut.

    Returns:
        None where the page has no edge in the picture.
    """
    point = _edge_point(page, rng, edge)
    if point is None:
        return None
    height, width = page.shape
    (x, y), inwards = point[0].tolist(), point[1]
    angle = np.arctan2(inwards[1], inwards[0]) + np.clip(rng.normal(0, REACH_LEAN), -MOST_REACH_LEAN, MOST_REACH_LEAN)
    direction = np.array([np.cos(angle), np.sin(angle)])
    if scale is None:
        scale = _scale(sprite, kind, height * width, rng)
    h = sprite.shape[0]
    if depth is None:
        depth = np.exp(rng.uniform(np.log(SHALLOWEST_PX), np.log(DEEPEST_PX[kind]))) / scale
    depth_px = min(depth, DEEPEST_SHARE * h) * scale
    # How far the picture goes on behind the cut-out's own end.
    ways = [(x, float(direction[0]), width), (y, float(direction[1]), height)]
    to_edge = min((limit - at) / -way if way < 0 else at / way for at, way, limit in ways if abs(way) > LEAST_DIRECTION)
    missing_px = to_edge - (h * scale - depth_px) + SPARE_WIDTHS * sprite.shape[1] * scale
    sprite = lengthened(sprite, int(missing_px / scale) + 1, rng) if goes_on and missing_px > 0 else sprite
    tip = _tip_column(sprite, h), 0.0
    matrix = _turn(scale, angle + np.pi / 2)  # up in the cut-out is `direction`
    offset = np.array([x, y]) + direction * depth_px - matrix @ tip
    return Placed(sprite, np.column_stack([matrix, offset]), kind)


def _tip_column(sprite: Sprite, length: int) -> float:
    """Where the tip of a finger or a hand `length` pixels long lies across its cut-out, whatever goes on below."""
    columns = np.flatnonzero((sprite[: max(FIRST_ROWS, length // TIP_SHARE), :, 3] > OPAQUE).any(axis=0))
    return float(columns.mean()) if columns.size else sprite.shape[1] / 2


def holding_pen(hand: NDArray[np.float32], placed: Placed, rng: np.random.Generator, split: str) -> NDArray[np.float32]:
    """A hand with a pen in it: the pen goes through the fingertips, below the hand.

    Args:
        hand: as `layer` gives it.
        placed: where it is.
        split: `train` or `val`, whose pens differ.
    """
    pen = occluders.drawn_of_kind("pen", int(rng.integers(*DRAWN_NUMBERS[split])), HELD_SPRITE_SIDE).sprite
    h, w = placed.sprite.shape[:2]
    tip = placed.matrix @ (_tip_column(placed.sprite, h), h * TIP_DROP, 1)
    scale = scale_of(placed)
    upwards = np.arctan2(placed.matrix[1, 0], placed.matrix[0, 0]) + rng.normal(0, PEN_LEAN)
    length = pen.shape[0]
    matrix = _turn(scale * min(h, HAND_SHAPE * w) * rng.uniform(*PEN_LENGTH) / length, upwards)
    held_at = (pen.shape[1] / 2, length * rng.uniform(*PEN_AHEAD))
    pen_layer = layer(Placed(pen, np.column_stack([matrix, tip - matrix @ held_at]), "object"), *hand.shape[:2])
    return hand + pen_layer * (1 - hand[..., 3:])


def lie(sprite: Sprite, area: NDArray[np.bool_], rng: np.random.Generator, factor: float = 1.0) -> Placed | None:
    """Put a thing somewhere on an area, `(h, w)` bool; None where that is empty."""
    rows = np.flatnonzero(area.ravel()[::LAID_STEP])
    if not rows.size:
        return None
    y, x = divmod(int(rows[int(rng.integers(rows.size))]) * LAID_STEP, area.shape[1])
    scale = _scale(sprite, "object", area.size, rng) * factor
    matrix = _turn(scale, rng.uniform(0, 2 * np.pi))
    offset = np.array([x, y]) - matrix @ (sprite.shape[1] / 2, sprite.shape[0] / 2)
    return Placed(sprite, np.column_stack([matrix, offset]), "object")


def _edge_point(
    page: NDArray[np.float32], rng: np.random.Generator, edge: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Any point on the page's edge inside the picture, and the direction from there into the page."""
    soft = cv2.GaussianBlur(page, (0, 0), EDGE_BLUR_PX)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    steep = (np.abs(soft - 0.5) < EDGE_BAND) & (np.hypot(dx, dy) > LEAST_SLOPE)
    border = np.ones_like(steep)
    border[PICTURE_BORDER_PX:-PICTURE_BORDER_PX, PICTURE_BORDER_PX:-PICTURE_BORDER_PX] = False
    steep &= ~border
    where = np.flatnonzero(steep if edge is None else steep & edge)
    if where.size < LEAST_EDGE_PX:
        return None
    y, x = divmod(int(where[int(rng.integers(where.size))]), page.shape[1])
    way = np.array([dx[y, x], dy[y, x]], float)
    return np.array([x, y], float), way / np.hypot(*way)


def scale_of(placed: Placed) -> float:
    """Pixels of the picture for one of the cut-out's."""
    return float(np.hypot(*placed.matrix[:, 0]))


def width_of(sprite: Sprite) -> float:
    """How wide a cut-out is where it was cut at the bottom, in its pixels, at least 1."""
    rows = (sprite[-sprite.shape[0] // WRIST_SHARE :, :, 3] > OPAQUE).sum(axis=1)
    return max(1.0, float(np.median(rows)))


def fading(sprite: Sprite) -> Sprite:
    """A cut-out that fades out towards its cut, to lie on the hand that it belongs to."""
    h = sprite.shape[0]
    ramp = np.clip(np.arange(h, 0, -1) / (FADING_SHARE * h), 0, 1)[:, None]
    return np.dstack([sprite[..., :3], (sprite[..., 3] * ramp).astype(np.uint8)])


def like_skin(sprite: Sprite, other: Sprite) -> Sprite:
    """A cut-out in the usual colour of another: the same person's skin, the same glove."""
    mine, wanted = (
        np.median(picture[picture[..., 3] > OPAQUE][:, :3], axis=0) if (picture[..., 3] > OPAQUE).any() else None
        for picture in (sprite, other)
    )
    if mine is None or wanted is None:
        return sprite
    gains = np.clip(np.maximum(wanted, 1) / np.maximum(mine, 1), *SKIN_GAIN)
    return np.dstack([np.clip(sprite[..., :3] * gains, 0, 255).astype(np.uint8), sprite[..., 3]])


def layer(placed: Placed, height: int, width: int) -> NDArray[np.float32]:
    """The cut-out in its place: `(height, width, 4)` float32 BGRA in [0, 1], premultiplied."""
    box, pixels = occluders.warp(Occluder(placed.kind, placed.sprite), placed.matrix.astype(np.float32), height, width)
    picture = np.zeros((height, width, 4), np.float32)
    picture[box.slices()] = pixels
    return picture
