"""What covers a page: drawn fingers, hands, forearms, heads and things, and cut-outs from files.

A sprite is an `(h, w, 4)` uint8 BGRA picture, upright; one that enters from an edge of the page has its cut at the
bottom. Drawn shapes are silhouettes of thick strokes, shaded as if inflated: no likeness of anybody is needed, only
the outlines, tones and textures that tell an occluder from a page.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.images import list_photos
from utils.regions import Box
from utils.split import select_some

Sprite = NDArray[np.uint8]
Points = NDArray[np.float64]

# Skin in BGR, light to dark: our own picks along the usual range of complexions.
SKIN_TONES = np.array(
    [(196, 214, 244), (176, 198, 232), (150, 176, 218), (122, 152, 200), (96, 126, 178), (74, 100, 150), (52, 74, 116),
     (38, 54, 86)],
    np.float64,
)  # fmt: skip

# Chances of each kind on a page: people mostly cover a page with what they hold it with.
KINDS = {"finger": 0.24, "hand": 0.2, "arm": 0.12, "head": 0.26, "pen": 0.06, "card": 0.05, "cup": 0.04, "phone": 0.03}
# What the finder is trained on beside them: harder and stranger things than a contest's pages are covered with.
RARE_KINDS = {
    "crown": 0.26,
    "blob": 0.3,
    "intruder": 0.14,
    "cable": 0.08,
    "glasses": 0.08,
    "coin": 0.05,
    "eraser": 0.05,
    "ruler": 0.04,
}
RARE_SHARE = 0.35  # of the numbers of `drawn_occluder`
FREE_KINDS = ("pen", "card", "cup", "phone", "object", "blob", "cable", "glasses", "coin", "eraser", "ruler")
# These lie anywhere; all others come in over an edge.

# Share of the frame that a sprite's opaque pixels take before what lies outside is cut off.
SHARES = {"finger": (0.006, 0.04), "hand": (0.015, 0.09), "arm": (0.015, 0.09), "head": (0.015, 0.09),
          "pen": (0.003, 0.012), "card": (0.01, 0.05), "cup": (0.01, 0.05), "phone": (0.015, 0.06),
          "crown": (0.02, 0.12), "blob": (0.002, 0.08), "intruder": (0.01, 0.12), "cable": (0.003, 0.012),
          "glasses": (0.004, 0.015), "coin": (0.001, 0.004), "eraser": (0.002, 0.008),
          "ruler": (0.008, 0.03)}  # fmt: skip
OTHER_SHARES = (0.008, 0.05)


REAL_SHARE = 0.5  # of pages, and of occluders, where files of them are given
SHADOW_CHANCE = 0.4
SHADOW_BLUR = (0.002, 0.012)  # share of the frame's longer side
FAINTEST_SHADOW = 0.02  # share of the light; what is fainter counts as no shadow and is left out
SHADOW_WEIGHT = 8.0  # a shadow that takes 1/16 of the light counts as half covered: it must be repaired too

OCCLUDER_STREAM = 0x0CC1  # keeps the numbers of `drawn_occluder` apart from other uses of small seeds


@dataclass(frozen=True)
class Occluder:
    """A sprite and what it is.

    Attributes:
        kind: a key of `KINDS`, or the folder name of a cut-out.
        sprite: `(h, w, 4)` uint8 BGRA.
    """

    kind: str
    sprite: Sprite

    @property
    def enters(self) -> bool:
        """Whether its bottom must lie on an edge of the page."""
        return self.kind not in FREE_KINDS


# --- drawing


def draw_occluder(rng: np.random.Generator, side: int, kind: str | None = None) -> Occluder:
    """Draw one occluder.

    Args:
        rng: decides everything.
        side: longer side of the sprite in pixels.
        kind: a key of `KINDS` or `RARE_KINDS`; None draws one of `KINDS`.
    """
    if kind is None:
        kind = str(rng.choice(list(KINDS), p=np.array(list(KINDS.values())) / sum(KINDS.values())))
    draw = {"finger": _finger, "hand": _hand, "arm": _arm, "head": _head, "pen": _pen, "card": _card, "cup": _cup,
            "phone": _phone, "crown": _crown, "blob": _blob, "intruder": _intruder, "cable": _cable,
            "glasses": _glasses, "coin": _coin, "eraser": _eraser, "ruler": _ruler}[kind]  # fmt: skip
    return Occluder(kind, _finish(draw(rng, side), rng))


@lru_cache(maxsize=2048)
def drawn_occluder(number: int, side: int) -> Occluder:
    """The occluder of a number, the same each time, now and then one of `RARE_KINDS`.

    Kept, for drawing one takes longer than all else in a sample.

    Args:
        number: which one.
        side: longer side of the sprite in pixels.
    """
    rng = np.random.default_rng((number, OCCLUDER_STREAM))
    if rng.random() < RARE_SHARE:
        kind = str(rng.choice(list(RARE_KINDS), p=np.array(list(RARE_KINDS.values())) / sum(RARE_KINDS.values())))
        return draw_occluder(rng, side, kind)
    return draw_occluder(rng, side)


class _Canvas:
    """A sprite in the making: colour and coverage, in a square whose sides are 1 long."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.side = side
        self.rng = rng
        self.colour = np.zeros((side, side, 3), np.float32)
        self.alpha = np.zeros((side, side), np.float32)
        self.light = rng.uniform(0, 2 * np.pi)

    def stroke(self, points: Points, radii: Sequence[float] | NDArray) -> NDArray[np.float32]:
        """Coverage of a line of varying thickness through points given in the unit square."""
        mask = np.zeros((self.side, self.side), np.uint8)
        path, widths = _smooth(points, radii)
        shift = 4
        for (x0, y0), (x1, y1), r0, r1 in zip(path[:-1], path[1:], widths[:-1], widths[1:], strict=True):
            start = (round(x0 * self.side * 2**shift), round(y0 * self.side * 2**shift))
            end = (round(x1 * self.side * 2**shift), round(y1 * self.side * 2**shift))
            cv2.line(mask, start, end, 255, max(1, round((r0 + r1) * self.side)), cv2.LINE_AA, shift)
        return mask.astype(np.float32) / np.float32(255)

    def ellipse(
        self, centre: tuple[float, float], axes: tuple[float, float], degrees: float = 0
    ) -> NDArray[np.float32]:
        """Coverage of an ellipse given in the unit square."""
        mask = np.zeros((self.side, self.side), np.uint8)
        shift = 4
        scale = self.side * 2**shift
        point = (round(centre[0] * scale), round(centre[1] * scale))
        cv2.ellipse(
            mask, point, (round(axes[0] * scale), round(axes[1] * scale)), degrees, 0, 360, 255, -1, cv2.LINE_AA, shift
        )
        return mask.astype(np.float32) / np.float32(255)

    def polygon(self, points: Points) -> NDArray[np.float32]:
        """Coverage of a polygon given in the unit square."""
        mask = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(mask, [np.rint(points * self.side * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return mask.astype(np.float32) / np.float32(255)

    def paint(self, mask: NDArray[np.float32], colour: Sequence[float] | NDArray, relief: float = 0.5) -> None:
        """Put a shape on top, shaded as if inflated.

        Args:
            mask: `(side, side)` float32 coverage in [0, 1].
            colour: BGR, one or `(side, side, 3)`.
            relief: how much the shading darkens and lightens, 0 is flat.
        """
        part = _extent(mask)
        mask = mask[part]
        shade = 1 + relief * _inflated_shading(mask, self.light) if relief else np.ones_like(mask)
        painted = _part(colour, part) * shade[..., None]
        self.colour[part] += (painted - self.colour[part]) * mask[..., None]
        self.alpha[part] = np.maximum(self.alpha[part], mask)

    def tint(self, mask: NDArray[np.float32], colour: Sequence[float] | NDArray, opacity: float) -> None:
        """Colour a part of what is there."""
        part = _extent(mask)
        weight = (mask[part] * np.float32(opacity))[..., None]
        self.colour[part] += (_part(colour, part) - self.colour[part]) * weight


def _extent(mask: NDArray[np.float32]) -> tuple[slice, slice]:
    """The rows and columns that a shape touches, with a margin of one: what lies outside need not be computed."""
    x, y, w, h = cv2.boundingRect((mask > 0).astype(np.uint8))
    return slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1)


def _part(colour: Sequence[float] | NDArray, part: tuple[slice, slice]) -> NDArray[np.float32]:
    """One colour as it is, a picture cut to `part`."""
    values = np.asarray(colour, np.float32)
    return values[part] if values.ndim == 3 else values


def _smooth(points: Points, radii: Sequence[float] | NDArray, steps: int = 8) -> tuple[Points, NDArray]:
    """A Catmull-Rom curve through points, with radii interpolated alongside."""
    points = np.asarray(points, float)
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for p0, p1, p2, p3 in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        pieces.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    path = np.vstack([*pieces, points[-1:]])
    where = np.linspace(0, len(points) - 1, len(path))
    return path, np.interp(where, np.arange(len(points)), radii)


def _inflated_shading(mask: NDArray[np.float32], light: float) -> NDArray[np.float32]:
    """Brightness of a silhouette blown up like a balloon and lit from one side: `(h, w)` about 0, in [-1, 1]."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    thickest = max(float(depth.max()), 1.0)
    height = np.sqrt(np.clip(depth / thickest, 0, 1)) * thickest
    height = cv2.GaussianBlur(height, (0, 0), max(1.0, thickest / 6))
    dy, dx = np.gradient(height)
    slope = dx * np.cos(light) + dy * np.sin(light)
    return np.clip(slope * 0.5, -1, 1) - 0.35 * np.clip(1 - depth / (0.35 * thickest), 0, 1)


def _noise(rng: np.random.Generator, side: int, cells: int, stretch: float = 1.0) -> NDArray[np.float32]:
    """Smooth noise `(side, side)` of unit variance; `cells` blobs across, longer by `stretch` downwards."""
    small = rng.standard_normal((max(2, round(cells / stretch)), max(2, cells))).astype(np.float32)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def _skin(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """A patch of skin `(side, side, 3)`: a tone between two of `SKIN_TONES`, blotched."""
    where = rng.uniform(0, len(SKIN_TONES) - 1)
    low = SKIN_TONES[int(where)]
    tone = low + (SKIN_TONES[min(int(where) + 1, len(SKIN_TONES) - 1)] - low) * (where % 1)
    tone = tone * rng.uniform(0.75, 1.1) * (1 + rng.normal(0, 0.03, 3))
    blotches = 1 + 0.045 * _noise(rng, side, 7) + 0.03 * _noise(rng, side, 30)
    redness = np.array([-0.5, -0.6, 1.0], np.float32) * (0.04 * _noise(rng, side, 5))[..., None]
    return (tone * (blotches[..., None] + redness)).astype(np.float32)


def _cloth(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """A patch of cloth `(side, side, 3)`: plain, striped, checked or printed with words, with folds."""
    base = _cloth_colour(rng)
    folds = 1 + rng.uniform(0.05, 0.2) * _noise(rng, side, 5, rng.uniform(0.6, 3)) + 0.03 * _noise(rng, side, side // 3)
    cloth = base * folds[..., None]
    if rng.random() < 0.3:
        period = rng.uniform(0.03, 0.12)
        axis = np.arange(side, dtype=np.float32) / side
        stripe = (np.sin(2 * np.pi * axis / period) > rng.uniform(-0.5, 0.7)).astype(np.float32)
        pattern = stripe[:, None] * np.ones(side, np.float32)
        if rng.random() < 0.5:
            pattern = np.maximum(pattern, stripe[None, :]) if rng.random() < 0.4 else pattern.T
        other = _cloth_colour(rng)
        cloth += (other * folds[..., None] - cloth) * (pattern * rng.uniform(0.3, 1))[..., None]
    elif rng.random() < 0.3:
        cloth += (_cloth_colour(rng) * folds[..., None] - cloth) * (_words(rng, side) * rng.uniform(0.4, 1))[..., None]
    return cloth.astype(np.float32)


def _words(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """What is printed on a shirt, `(side, side)` in [0, 1]: a few large words, or small ones all over."""
    large = rng.random() < 0.5
    height = round(side * (rng.uniform(0.08, 0.2) if large else rng.uniform(0.03, 0.07)))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
    thick = max(1, round(height * rng.uniform(0.08, 0.3)))
    scale = cv2.getFontScaleFromHeight(font, height, thick)
    words = np.zeros((side, side), np.uint8)
    step = round(height * rng.uniform(1.3, 2.5))
    first, last = (round(side * rng.uniform(0.6, 0.9)), side) if large else (height, side)
    for row, y in enumerate(range(first, last + height, step)):
        count = int(rng.integers(2, 9)) if large else 2 * side // height
        letters = "".join(rng.choice(list("ABCDEGHIKLMNORSTUW" if large else "ADEGNORSTY   "), count))
        (width, _), _ = cv2.getTextSize(letters, font, scale, thick)
        x = round((side - width) / 2) if large else -round((row % 2) * 1.5 * height)
        cv2.putText(words, letters, (x, y), font, scale, 255, thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.normal(0, 6 if large else 30)), 1.2)
    return cv2.warpAffine(words, turn, (side, side), borderMode=cv2.BORDER_REFLECT).astype(np.float32) / 255


def _cloth_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    kind = rng.random()
    if kind < 0.3:  # dark, nearly grey
        return rng.uniform(15, 70) * (1 + rng.normal(0, 0.08, 3))
    if kind < 0.5:  # white and light grey
        return rng.uniform(150, 240) * (1 + rng.normal(0, 0.03, 3))
    if kind < 0.65:  # jeans and navy
        return np.array([120.0, 80.0, 50.0]) * rng.uniform(0.5, 1.5)
    return rng.uniform(20, 230, 3)


def _finger_onto(canvas: _Canvas, base: Points, tip: Points, radius: float, skin: NDArray, nail: bool) -> None:
    """Paint one finger from base to tip, with creases and perhaps its nail."""
    rng = canvas.rng
    along = tip - base
    across = np.array([-along[1], along[0]])
    bend = rng.normal(0, 0.06)
    points = np.array([base + along * t + across * bend * np.sin(np.pi * t) for t in (0, 0.35, 0.7, 1.0)])
    swell = 1 + rng.normal(0, 0.04, 4)
    canvas.paint(canvas.stroke(points, radius * np.array([1.05, 1.0, 0.96, 0.82]) * swell), skin, 0.45)
    length = float(np.hypot(*along))
    direction = along / max(length, 1e-6)
    normal = np.array([-direction[1], direction[0]])
    degrees = float(np.degrees(np.arctan2(direction[1], direction[0])))
    dark = np.asarray(skin).mean(axis=(0, 1)) * 0.6
    for place in (0.4, 0.72):
        for _ in range(int(rng.integers(1, 4))):
            middle = base + along * (place + rng.normal(0, 0.02)) + across * bend * np.sin(np.pi * place)
            ends = np.array([middle - normal * radius * 0.7, middle, middle + normal * radius * 0.7])
            ends[1] += direction * radius * rng.normal(0, 0.12)
            canvas.tint(canvas.stroke(ends, [radius * 0.03] * 3) * canvas.alpha, dark, rng.uniform(0.15, 0.5))
    if nail:
        centre = tip - direction * radius * 0.05
        shape = canvas.ellipse((float(centre[0]), float(centre[1])), (radius * 0.78, radius * 0.56), degrees)
        polish = rng.uniform(20, 230, 3) if rng.random() < 0.12 else np.asarray(skin).mean(axis=(0, 1)) * 0.5 + 110
        canvas.tint(shape, np.clip(polish * np.array([0.97, 0.96, 1.06]), 0, 250), rng.uniform(0.35, 0.9))
        rim = cv2.absdiff(shape, cv2.erode(shape, np.ones((3, 3), np.uint8)))
        canvas.tint(rim, dark, 0.35)
        shine = centre + normal * radius * rng.uniform(-0.3, 0.3)
        spot = canvas.ellipse((float(shine[0]), float(shine[1])), (radius * 0.4, radius * 0.12), degrees)
        canvas.tint(
            cv2.GaussianBlur(spot, (0, 0), max(1.0, radius * canvas.side * 0.1)), (245, 245, 250), rng.uniform(0, 0.6)
        )


def _finger(rng: np.random.Generator, side: int) -> _Canvas:
    """One to three fingers or a thumb, cut at the bottom."""
    canvas = _Canvas(side, rng)
    skin = _skin(rng, side)
    count = int(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1]))
    radius = rng.uniform(0.09, 0.17) / (1 + 0.35 * (count - 1))
    nail = rng.random() < 0.6
    for index in range(count):
        x = 0.5 + (index - (count - 1) / 2) * radius * 2.15
        top = rng.uniform(0.08, 0.2) + 0.08 * abs(index - (count - 1) / 2) + radius
        lean = rng.normal(0, 0.06)
        _finger_onto(canvas, np.array([x, 1.1]), np.array([x + lean, top]), radius, skin, nail)
    return canvas


def _hand(rng: np.random.Generator, side: int) -> _Canvas:
    """A hand with wrist, seen from its back or palm, fingers spread, bent or closed."""
    canvas = _Canvas(side, rng)
    skin = _skin(rng, side)
    wrist = rng.uniform(0.12, 0.16)
    palm = np.array([[0.5, 1.15], [0.5, 0.86], [0.5 + rng.normal(0, 0.02), 0.66], [0.5, 0.56]])
    fist = rng.random() < 0.3
    spread = rng.uniform(0.2, 1.0)
    nails = rng.random() < 0.5

    def fingers() -> None:
        for index, length in enumerate(rng.uniform(0.9, 1.1, 4) * np.array([0.31, 0.36, 0.34, 0.27])):
            angle = (index - 1.5) * 0.26 * spread + rng.normal(0, 0.05)
            length *= rng.uniform(0.25, 0.5) if fist or rng.random() < 0.15 else 1
            base = np.array([0.5 + (index - 1.5) * 0.085, 0.57])
            tip = base + length * np.array([np.sin(angle), -np.cos(angle)])
            _finger_onto(canvas, base, tip, rng.uniform(0.04, 0.05), skin, nails)

    def thumb() -> None:
        angle = rng.uniform(-1.2, -0.2)
        base = np.array([0.4, 0.82])
        tip = base + rng.uniform(0.24, 0.34) * np.array([np.sin(angle), -np.cos(angle)])
        _finger_onto(canvas, base, tip, rng.uniform(0.05, 0.062), skin, nails)

    parts = [fingers, thumb] if rng.random() < 0.5 else [thumb, fingers]
    parts.insert(
        int(rng.integers(0, 3)), lambda: canvas.paint(canvas.stroke(palm, [wrist, wrist, 0.185, 0.17]), skin, 0.3)
    )
    for part in parts:
        part()
    _sleeve(canvas, rng, chance=0.45, width=wrist)
    return canvas


def _arm(rng: np.random.Generator, side: int) -> _Canvas:
    """A forearm, bare or sleeved, with a hand half closed at its end."""
    canvas = _Canvas(side, rng)
    skin = _skin(rng, side)
    radius = rng.uniform(0.09, 0.13)
    bend = rng.normal(0, 0.05)
    points = np.array([[0.5, 1.15], [0.5 + bend, 0.75], [0.5 + bend, 0.42], [0.5 + bend * 1.5, 0.3]])
    canvas.paint(canvas.stroke(points, radius * np.array([1.25, 1.1, 0.85, 1.1])), skin, 0.4)
    knuckles = points[-1]
    for index in range(4):
        angle = (index - 1.5) * rng.uniform(0.15, 0.4) + rng.normal(0, 0.08)
        base = knuckles + np.array([(index - 1.5) * radius * 0.5, 0])
        tip = base + rng.uniform(0.1, 0.24) * np.array([np.sin(angle), -np.cos(angle)])
        _finger_onto(canvas, base, tip, radius * 0.29, skin, rng.random() < 0.4)
    _sleeve(canvas, rng, chance=0.7, width=radius * 1.2, top=rng.uniform(0.4, 0.9))
    if rng.random() < 0.25:  # a watch or a bracelet
        y = rng.uniform(0.4, 0.5)
        band = np.array([[0.5 + bend - radius, y], [0.5 + bend, y - 0.01], [0.5 + bend + radius, y]])
        canvas.paint(canvas.stroke(band, [0.02] * 3) * canvas.alpha, rng.uniform(10, 200, 3), 0.5)
    return canvas


def _sleeve(canvas: _Canvas, rng: np.random.Generator, chance: float, width: float, top: float = 0.86) -> None:
    if rng.random() > chance:
        return
    points = np.array([[0.5, 1.15], [0.5, (1.1 + top) / 2], [0.5, top]])
    mask = canvas.stroke(points, np.array([1.35, 1.25, 1.2]) * width)
    rows = np.arange(canvas.side, dtype=np.float32)[:, None] / canvas.side
    mask = mask * np.clip((rows - top) * canvas.side + 0.5, 0, 1)
    canvas.paint(mask, _cloth(rng, canvas.side), 0.35)


def _hair(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    tones = [
        (20, 20, 24),
        (30, 34, 44),
        (40, 56, 84),
        (70, 100, 140),
        (110, 160, 200),
        (150, 150, 152),
        (205, 205, 205),
    ]
    chance = [0.32, 0.22, 0.16, 0.1, 0.06, 0.08, 0.06]
    tone = np.array(tones[rng.choice(len(tones), p=chance)], np.float64) * rng.uniform(0.7, 1.2)
    strands = 1 + 0.25 * _noise(rng, side, side // 2, 9) + 0.15 * _noise(rng, side, 9)
    return (tone * np.clip(strands, 0.3, 2)[..., None]).astype(np.float32)


def _head(rng: np.random.Generator, side: int) -> _Canvas:
    """Head and shoulders from the front, the side or behind; bare-headed, in a cap, hat, hood or headscarf."""
    canvas = _Canvas(side, rng)
    skin, hair, cloth = _skin(rng, side), _hair(rng, side), _cloth(rng, side)
    x = 0.5 + rng.normal(0, 0.02)
    w, h = rng.uniform(0.125, 0.16), rng.uniform(0.165, 0.21)
    y = rng.uniform(0.28, 0.34)
    behind = rng.random() < 0.35
    long_hair = rng.random() < 0.4

    if long_hair:
        fall = rng.uniform(0.55, 0.85)
        points = np.array([[x, y - h * 0.5], [x, y + 0.1], [x + rng.normal(0, 0.02), fall]])
        canvas.paint(canvas.stroke(points, [w * 1.15, w * 1.35, w * rng.uniform(1.1, 1.6)]), hair, 0.35)
    shoulders = rng.uniform(0.3, 0.46)
    neck = y + h + rng.uniform(0.03, 0.07)
    slope = rng.uniform(0.08, 0.18)
    canvas.paint(
        canvas.stroke(np.array([[x, y], [x, neck + 0.05], [x, neck + 0.15]]), [w * 0.62, w * 0.6, w * 0.75]), skin, 0.35
    )
    half = np.array(
        [[w * 0.62, neck], [shoulders * 0.6, neck + slope * 0.55], [shoulders, neck + slope], [shoulders * 1.06, 1.2]]
    )
    outline = np.vstack([half * (-1, 1), half[::-1]]) + np.array([x, 0])
    torso = cv2.GaussianBlur(canvas.polygon(outline), (0, 0), max(1.0, side / 60))
    canvas.paint(np.clip((torso - 0.5) * side / 12 + 0.5, 0, 1), cloth, 0.3)
    if rng.random() < 0.4:  # collar or neckline
        collar = np.array([[x - w * 0.7, neck + 0.01], [x, neck + 0.05], [x + w * 0.7, neck + 0.01]])
        canvas.paint(canvas.stroke(collar, [0.018] * 3), _cloth_colour(rng), 0.3)

    head = canvas.ellipse((x, y), (w, h), rng.normal(0, 5))
    if behind:
        canvas.paint(np.maximum(head, canvas.ellipse((x, y - h * 0.1), (w * 1.06, h))), hair, 0.35)
    else:
        canvas.paint(head, skin, 0.4)
        _face(canvas, rng, x + rng.normal(0, w * 0.12), y, w, h, hair)
        cap = canvas.ellipse((x, y - h * 0.2), (w * 1.1, h * 0.92), rng.normal(0, 6))
        face = canvas.ellipse(
            (x + rng.normal(0, w * 0.1), y + h * rng.uniform(0.15, 0.3)), (w * rng.uniform(0.82, 0.98), h * 0.95)
        )
        bald = rng.random() < 0.1
        if not bald:
            canvas.paint(np.clip(cap - face, 0, 1), hair, 0.3)
            if long_hair:
                for sign in (-1, 1):
                    lock = np.array(
                        [
                            [x + sign * w * 0.9, y - h * 0.4],
                            [x + sign * w * 1.1, y + h * 0.5],
                            [x + sign * w * 1.1, neck + 0.12],
                        ]
                    )
                    canvas.paint(canvas.stroke(lock, [w * 0.25, w * 0.3, w * 0.35]), hair, 0.3)
    _headwear(canvas, rng, x, y, w, h)
    return canvas


def _face(canvas: _Canvas, rng: np.random.Generator, x: float, y: float, w: float, h: float, hair: NDArray) -> None:
    for sign in (-1, 1):
        eye = (x + sign * w * 0.42, y + h * 0.02)
        canvas.tint(canvas.ellipse(eye, (w * 0.2, h * 0.07)), (225, 225, 228), 0.7)
        canvas.tint(canvas.ellipse(eye, (w * 0.09, h * 0.07)), (25, 30, 40), 0.9)
        brow = np.array(
            [
                [eye[0] - w * 0.22, eye[1] - h * 0.14],
                [eye[0], eye[1] - h * 0.19],
                [eye[0] + w * 0.22, eye[1] - h * 0.14],
            ]
        )
        canvas.tint(canvas.stroke(brow, [h * 0.025] * 3), hair, 0.8)
        canvas.tint(canvas.ellipse((x + sign * w * 1.0, y + h * 0.1), (w * 0.13, h * 0.2)), (60, 80, 120), 0.25)
    nose = np.array([[x, y], [x + rng.normal(0, w * 0.08), y + h * 0.28], [x, y + h * 0.33]])
    canvas.tint(cv2.GaussianBlur(canvas.stroke(nose, [w * 0.05, w * 0.12, w * 0.16]), (0, 0), 2), (70, 90, 130), 0.35)
    canvas.tint(canvas.ellipse((x, y + h * 0.58), (w * 0.34, h * rng.uniform(0.04, 0.09))), (80, 80, 165), 0.7)
    if rng.random() < 0.2:
        canvas.tint(canvas.ellipse((x, y + h * 0.75), (w * 0.75, h * 0.4)), hair, rng.uniform(0.3, 0.9))
    if rng.random() < 0.25:
        for sign in (-1, 1):
            frame = canvas.ellipse((x + sign * w * 0.42, y + h * 0.02), (w * 0.34, h * 0.18))
            canvas.tint(frame - cv2.erode(frame, np.ones((3, 3), np.uint8)), (20, 20, 20), 0.9)
    if rng.random() < 0.12:  # a medical mask
        canvas.paint(canvas.ellipse((x, y + h * 0.5), (w * 0.85, h * 0.42)), (225, 215, 200), 0.25)


def _headwear(canvas: _Canvas, rng: np.random.Generator, x: float, y: float, w: float, h: float) -> None:
    kind = rng.random()
    white = rng.random() < 0.45
    colour = rng.uniform(195, 250) * np.ones(3) if white else _cloth_colour(rng)
    surface = colour * (1 + 0.06 * _noise(rng, canvas.side, 6))[..., None]
    if kind < 0.14:  # a cap or a helmet
        crown = canvas.ellipse((x, y - h * 0.42), (w * 1.12, h * 0.75))
        rows = np.arange(canvas.side, dtype=np.float32)[:, None] / canvas.side
        canvas.paint(crown * np.clip((y - h * 0.3 - rows) * canvas.side, 0, 1), surface, 0.35)
        brim = np.array([[x - w * 1.1, y - h * 0.33], [x, y - h * 0.25], [x + w * rng.uniform(1.1, 1.6), y - h * 0.33]])
        canvas.paint(canvas.stroke(brim, [h * 0.06, h * 0.1, h * 0.05]), surface, 0.3)
    elif kind < 0.24:  # a hat with a brim all round
        canvas.paint(canvas.ellipse((x, y - h * 0.45), (w * rng.uniform(1.6, 2.2), h * 0.28)), surface, 0.35)
        canvas.paint(canvas.ellipse((x, y - h * 0.75), (w * 1.05, h * 0.5)), surface, 0.35)
    elif kind < 0.32:  # a tall cook's or nurse's hat
        tall = np.array([[x, y - h * 0.5], [x, y - h * 0.9], [x, y - h * 1.2]])
        canvas.paint(canvas.stroke(tall, [w * 1.0, w * 1.02, w * rng.uniform(0.9, 1.4)]), surface, 0.35)
    elif kind < 0.39:  # a hood or a headscarf
        hood = canvas.ellipse((x, y + h * 0.05), (w * 1.35, h * 1.25))
        face = canvas.ellipse((x, y + h * 0.12), (w * 0.8, h * 0.8))
        canvas.paint(np.clip(hood - face, 0, 1), surface, 0.35)


def _pen(rng: np.random.Generator, side: int) -> _Canvas:
    """A pen or a pencil, lying free."""
    canvas = _Canvas(side, rng)
    radius = rng.uniform(0.018, 0.035)
    body = rng.uniform(10, 240, 3) if rng.random() < 0.7 else np.full(3, rng.uniform(10, 60))
    canvas.paint(canvas.stroke(np.array([[0.5, 0.95], [0.5, 0.5], [0.5, 0.16]]), [radius] * 3), body, 0.7)
    canvas.paint(canvas.stroke(np.array([[0.5, 0.16], [0.5, 0.1], [0.5, 0.05]]), [radius, radius * 0.6, radius * 0.12]),
                 rng.uniform(60, 210, 3), 0.7)  # fmt: skip
    if rng.random() < 0.7:
        canvas.paint(
            canvas.stroke(np.array([[0.5, 0.95], [0.5, 0.8], [0.5, 0.62]]), [radius * 1.12] * 3),
            rng.uniform(10, 240, 3),
            0.7,
        )
        canvas.paint(
            canvas.stroke(np.array([[0.5, 0.9], [0.5, 0.8], [0.5, 0.7]]), [radius * 0.25] * 3), (200, 205, 210), 0.6
        )
    return canvas


def _rounded(canvas: _Canvas, half_width: float, half_height: float, radius: float) -> NDArray[np.float32]:
    w, h = half_width - radius, half_height - radius
    corners = np.array(
        [[0.5 - w, 0.5 - h], [0.5 + w, 0.5 - h], [0.5 + w, 0.5 + h], [0.5 - w, 0.5 + h], [0.5 - w, 0.5 - h]]
    )
    mask = canvas.polygon(corners)
    for start, end in pairwise(corners):
        mask = np.maximum(mask, canvas.stroke(np.array([start, end]), [radius, radius]))
    return mask


def _card(rng: np.random.Generator, side: int) -> _Canvas:
    """A bank card, a note or a photograph."""
    canvas = _Canvas(side, rng)
    height = rng.uniform(0.26, 0.45)
    base = rng.uniform(20, 245, 3)
    surface = base * (1 + rng.uniform(0, 0.3) * _noise(rng, side, 3))[..., None]
    canvas.paint(_rounded(canvas, 0.45, height, rng.uniform(0.005, 0.04)), np.clip(surface, 0, 255), 0)
    for _ in range(int(rng.integers(0, 6))):
        y, x = 0.5 + rng.uniform(-0.8, 0.8) * height, rng.uniform(0.1, 0.5)
        line = np.array([[x, y], [x + rng.uniform(0.1, 0.38), y]])
        canvas.tint(canvas.stroke(line, [rng.uniform(0.005, 0.05)] * 2) * canvas.alpha, rng.uniform(0, 255, 3), 0.9)
    return canvas


def _cup(rng: np.random.Generator, side: int) -> _Canvas:
    """A cup or a bowl from above, with its handle and what is in it."""
    canvas = _Canvas(side, rng)
    radius = rng.uniform(0.3, 0.38)
    squeeze = rng.uniform(0.75, 1.0)
    body = np.full(3, rng.uniform(170, 250)) if rng.random() < 0.5 else rng.uniform(20, 240, 3)
    if rng.random() < 0.7:
        angle = rng.uniform(0, 2 * np.pi)
        far = np.array([0.5, 0.5]) + (radius + 0.09) * np.array([np.cos(angle), np.sin(angle) * squeeze])
        near = [
            np.array([0.5, 0.5]) + radius * 0.9 * np.array([np.cos(angle + d), np.sin(angle + d) * squeeze])
            for d in (-0.3, 0.3)
        ]
        canvas.paint(canvas.stroke(np.array([near[0], far, near[1]]), [0.03] * 3), body, 0.5)
    canvas.paint(canvas.ellipse((0.5, 0.5), (radius, radius * squeeze)), body, 0.5)
    canvas.paint(canvas.ellipse((0.5, 0.5), (radius * 0.88, radius * 0.88 * squeeze)), body * 0.75, 0.25)
    if rng.random() < 0.75:
        drink = np.array([[20, 35, 60], [40, 80, 150], [150, 200, 225], [60, 110, 120]])[rng.integers(4)]
        canvas.paint(canvas.ellipse((0.5, 0.5 + 0.02), (radius * 0.8, radius * 0.78 * squeeze)), drink, 0.1)
    return canvas


def _phone(rng: np.random.Generator, side: int) -> _Canvas:
    """A phone, its screen dark or lit."""
    canvas = _Canvas(side, rng)
    width = rng.uniform(0.2, 0.25)
    canvas.paint(_rounded(canvas, width, 0.46, 0.04), np.full(3, rng.uniform(10, 230)), 0.2)
    screen = np.full(3, rng.uniform(8, 40)) if rng.random() < 0.7 else rng.uniform(40, 230, 3)
    sheen = screen + 60 * np.clip(_noise(rng, side, 2), 0, None)[..., None]
    canvas.paint(_rounded(canvas, width * 0.92, 0.43, 0.03), np.clip(sheen, 0, 255), 0)
    return canvas


def _crown(rng: np.random.Generator, side: int) -> _Canvas:
    """A head seen from above as it leans over the page: hair, a bald skull or a hat, ears, shoulders behind."""
    canvas = _Canvas(side, rng)
    skin, hair, cloth = _skin(rng, side), _hair(rng, side), _cloth(rng, side)
    w, h, y = rng.uniform(0.17, 0.24), rng.uniform(0.2, 0.28), rng.uniform(0.36, 0.5)
    if rng.random() < 0.85:
        canvas.paint(canvas.ellipse((0.5, y + h + 0.1), (rng.uniform(0.36, 0.49), rng.uniform(0.2, 0.3))), cloth, 0.35)
    neck = np.array([[0.5, y], [0.5, 0.9], [0.5, 1.2]])
    canvas.paint(canvas.stroke(neck, np.array([0.6, 0.9, 1.3]) * w), cloth, 0.3)
    for sign in (-1, 1):
        canvas.paint(canvas.ellipse((0.5 + sign * w, y + rng.normal(0, 0.02)), (0.03, 0.06)), skin, 0.4)
    canvas.paint(canvas.ellipse((0.5, y - h * 0.85), (w * 0.2, h * rng.uniform(0.1, 0.3))), skin, 0.4)  # the nose
    skull = canvas.ellipse((0.5, y), (w, h), rng.normal(0, 6))
    kind = rng.random()
    if kind < 0.12:
        canvas.paint(skull, skin, 0.45)
    elif kind < 0.4:
        white = rng.random() < 0.4
        colour = rng.uniform(200, 252) * np.ones(3) if white else _cloth_colour(rng)
        surface = colour * (1 + 0.05 * _noise(rng, side, 6))[..., None]
        if rng.random() < 0.6:  # a brim, on all sides or in front
            reach = rng.uniform(1.25, 1.6)
            front = canvas.ellipse((0.5, y - h * 0.75), (w * 0.75, h * 0.55))
            round_brim = canvas.ellipse((0.5, y), (w * reach, h * reach))
            canvas.paint(front if rng.random() < 0.6 else round_brim, surface, 0.3)
        canvas.paint(canvas.ellipse((0.5, y), (w * 1.06, h * 1.04)), surface, 0.45)
    else:
        canvas.paint(skull, hair, 0.4)
        if rng.random() < 0.4:  # a parting or a thin spot
            spot = canvas.ellipse(
                (0.5 + rng.normal(0, 0.04), y + rng.uniform(-0.1, 0.1)), (w * 0.12, h * rng.uniform(0.15, 0.6))
            )
            canvas.tint(
                cv2.GaussianBlur(spot, (0, 0), max(1.0, side / 60)), skin.mean(axis=(0, 1)), rng.uniform(0.2, 0.8)
            )
        if rng.random() < 0.25:  # a bun or a tail
            bun = (0.5 + rng.normal(0, 0.03), y + h * rng.uniform(0.5, 1.1))
            canvas.paint(canvas.ellipse(bun, (w * rng.uniform(0.3, 0.5), h * rng.uniform(0.3, 0.8))), hair, 0.5)
    return canvas


def _wavy(canvas: _Canvas, rng: np.random.Generator, reach: float) -> NDArray[np.float32]:
    """Coverage of a smooth closed outline about the middle: round, lobed or long."""
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = np.ones(90)
    for waves in range(1, 7):
        radius += rng.normal(0, 0.4 / waves) * np.cos(waves * angles + rng.uniform(0, 2 * np.pi))
    points = np.stack([np.cos(angles) * rng.uniform(0.3, 1), np.sin(angles)], 1) * np.clip(radius, 0.15, None)[:, None]
    return canvas.polygon(points / np.abs(points).max() * reach + 0.5)


def _anything(canvas: _Canvas, rng: np.random.Generator) -> NDArray[np.float32]:
    """Any surface that a thing may have: skin, cloth, hair, one colour, a pattern of two colours."""
    kind = rng.random()
    if kind < 0.4:
        return (_skin, _cloth, _hair)[int(rng.integers(3))](rng, canvas.side)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.6 else rng.uniform(0, 255) + rng.normal(0, 6, 3)
    other = rng.uniform(0, 255, 3) if rng.random() < 0.5 else colour * rng.uniform(0.4, 1.4)
    pattern = _noise(rng, canvas.side, int(rng.integers(2, 40)), float(np.exp(rng.normal(0, 0.8))))
    if rng.random() < 0.4:
        pattern = np.sign(pattern) * np.float32(min(1.0, rng.uniform(0.3, 1.5)))
    return (colour + (other - colour) * np.clip(0.5 + 0.35 * pattern, 0, 1)[..., None]).astype(np.float32)


def _blob(rng: np.random.Generator, side: int) -> _Canvas:
    """A thing of no known shape, lying free."""
    canvas = _Canvas(side, rng)
    canvas.paint(_wavy(canvas, rng, 0.45), _anything(canvas, rng), rng.uniform(0, 0.7))
    for _ in range(int(rng.integers(0, 4))):
        spot = canvas.ellipse(tuple(rng.uniform(0.2, 0.8, 2).tolist()), tuple(rng.uniform(0.02, 0.2, 2).tolist()))
        canvas.tint(spot * canvas.alpha, rng.uniform(0, 255, 3), rng.uniform(0.2, 1))
    return canvas


def _intruder(rng: np.random.Generator, side: int) -> _Canvas:
    """A thing of no known shape that comes in over an edge: a limb, a bag, a strap."""
    canvas = _Canvas(side, rng)
    x = 0.5 + np.cumsum(rng.normal(0, 0.08, 4))
    radii = rng.uniform(0.05, 0.22) * np.exp(rng.normal(0, 0.35, 4))
    points = np.column_stack([x - x[0] + 0.5, [1.2, 0.85, 0.55, rng.uniform(0.2, 0.4)]])
    canvas.paint(canvas.stroke(points, radii), _anything(canvas, rng), rng.uniform(0, 0.6))
    if rng.random() < 0.5:
        end, axes = points[-1].tolist(), rng.uniform(0.05, 0.2, 2).tolist()
        canvas.paint(canvas.ellipse((end[0], end[1]), (axes[0], axes[1])), _anything(canvas, rng), rng.uniform(0, 0.6))
    return canvas


def _cable(rng: np.random.Generator, side: int) -> _Canvas:
    """A piece of cable or string."""
    canvas = _Canvas(side, rng)
    points = np.column_stack([np.clip(0.5 + np.cumsum(rng.normal(0, 0.15, 5)), 0.05, 0.95), np.linspace(0.04, 0.96, 5)])
    canvas.paint(canvas.stroke(points, [rng.uniform(0.008, 0.02)] * 5), _cloth_colour(rng), 0.5)
    return canvas


def _glasses(rng: np.random.Generator, side: int) -> _Canvas:
    """Spectacles; through their lenses the page is seen, only the frame covers."""
    canvas = _Canvas(side, rng)
    colour = _cloth_colour(rng)
    width, height = rng.uniform(0.17, 0.2), rng.uniform(0.11, 0.17)
    thickness = rng.uniform(0.012, 0.025)
    for sign in (-1, 1):
        angles = np.linspace(0, 2 * np.pi, 13)
        ring = np.stack([0.5 + sign * 0.23 + width * np.cos(angles), 0.3 + height * np.sin(angles)], 1)
        canvas.paint(canvas.stroke(ring, [thickness] * 13), colour, 0.3)
        temple = np.array(
            [[0.5 + sign * 0.43, 0.3], [0.5 + sign * 0.45, 0.6], [0.5 + sign * rng.uniform(0.3, 0.46), 0.85]]
        )
        canvas.paint(canvas.stroke(temple, [thickness * 0.8] * 3), colour, 0.3)
    canvas.paint(canvas.stroke(np.array([[0.44, 0.28], [0.5, 0.25], [0.56, 0.28]]), [thickness] * 3), colour, 0.3)
    return canvas


def _coin(rng: np.random.Generator, side: int) -> _Canvas:
    """A coin or a button."""
    canvas = _Canvas(side, rng)
    metal = np.array([(150, 155, 160), (90, 160, 200), (70, 100, 160)][int(rng.integers(3))]) * rng.uniform(0.5, 1.3)
    relief = 1 + 0.15 * _noise(rng, side, 12)
    for reach in (0.45, 0.38):
        canvas.paint(canvas.ellipse((0.5, 0.5), (reach, reach)), metal * relief[..., None], 0.25)
    return canvas


def _eraser(rng: np.random.Generator, side: int) -> _Canvas:
    """An eraser, a sharpener or a small box, with a band of another colour."""
    canvas = _Canvas(side, rng)
    height = rng.uniform(0.15, 0.3)
    canvas.paint(_rounded(canvas, 0.45, height, rng.uniform(0.01, 0.08)), rng.uniform(20, 250, 3), 0.4)
    if rng.random() < 0.7:
        left = rng.uniform(0.2, 0.5)
        band = canvas.polygon(np.array([[left, 0], [0.97, 0], [0.97, 1], [left, 1]])) * canvas.alpha
        canvas.tint(band, rng.uniform(0, 250, 3), 1)
    return canvas


def _ruler(rng: np.random.Generator, side: int) -> _Canvas:
    """A ruler of wood, metal or plastic, with its marks."""
    canvas = _Canvas(side, rng)
    base = np.array([(110, 170, 215), (185, 190, 195), (30, 32, 35)][int(rng.integers(3))]) * rng.uniform(0.7, 1.2)
    half = rng.uniform(0.04, 0.08)
    canvas.paint(_rounded(canvas, 0.48, half, 0.005), base, 0.1)
    ink = (235, 235, 235) if base.mean() < 100 else (25, 25, 30)
    for index, x in enumerate(np.arange(0.04, 0.97, 0.025)):
        end = 0.5 - half * (0.2 if index % 5 == 0 else 0.55)
        canvas.tint(canvas.stroke(np.array([[x, 0.5 - half], [x, end]]), [0.003, 0.003]) * canvas.alpha, ink, 0.9)
    return canvas


def _finish(canvas: _Canvas, rng: np.random.Generator) -> Sprite:
    """Grain and a soft edge of a pixel or two; empty margins are cut off, but never the bottom."""
    grain = rng.normal(0, rng.uniform(1, 5), canvas.alpha.shape).astype(np.float32)
    colour = np.clip(canvas.colour + grain[..., None], 0, 255)
    alpha = cv2.GaussianBlur(canvas.alpha, (0, 0), rng.uniform(0.4, 1.0))
    sprite = np.dstack([colour, alpha * 255]).astype(np.uint8)
    x, y, w, _ = cv2.boundingRect((sprite[..., 3] > 8).astype(np.uint8))
    return np.ascontiguousarray(sprite[y:, x : x + w])


# --- files


@dataclass(frozen=True)
class Cutout:
    """An RGBA file: where it is, what it shows, which edge of it lies on the edge of the page ("" for none)."""

    path: Path
    kind: str
    cut_edge: str


QUARTER_TURNS = {"bottom": 0, "left": 1, "top": 2, "right": 3}  # counter-clockwise, until the cut lies at the bottom


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
    found, what = list_photos(folder, recursive=True), f"cut-outs, PNG files with alpha channel, in '{folder}'"
    for path in select_some(found, split, lambda path: path.name, what):
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


# --- placing


def vary(occluder: Occluder, rng: np.random.Generator) -> Occluder:
    """The same occluder in another light: mirrored, brighter or darker, tinted, sometimes grey."""
    sprite = occluder.sprite[:, ::-1] if rng.random() < 0.5 else occluder.sprite
    colour = sprite[..., :3].astype(np.float32) / 255
    colour = (
        colour ** rng.uniform(0.75, 1.35) * rng.uniform(0.65, 1.2) * (1 + rng.normal(0, 0.05, 3)).astype(np.float32)
    )
    if rng.random() < 0.22:
        grey = colour.mean(axis=2, keepdims=True)
        colour = grey + (colour - grey) * rng.uniform(0, 0.4)
    return Occluder(occluder.kind, np.dstack([np.clip(colour * 255, 0, 255).astype(np.uint8), sprite[..., 3]]))


def disguise(occluder: Occluder, rng: np.random.Generator, surface: NDArray[np.uint8] | None = None) -> Occluder:
    """The same occluder made stranger: other hue, contrast or sharpness, longer or wider, of another material.

    Args:
        occluder: as `vary` returns it.
        rng: decides everything.
        surface: `(h, w, 3)` uint8 BGR, the material; it is stretched over the sprite and keeps the sprite's shading.
    """
    sprite = occluder.sprite
    colour, alpha = sprite[..., :3], sprite[..., 3]
    if surface is not None:
        grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(np.float32)
        inside = alpha > 127
        typical = float(np.median(grey[inside])) if inside.any() else 128.0
        relief = np.clip(grey / max(typical, 8), 0.3, 1.7)[..., None]
        cloth = cv2.resize(surface, sprite.shape[1::-1]).astype(np.float32)
        colour = np.clip(cloth * (1 + (relief - 1) * rng.uniform(0.2, 1)), 0, 255).astype(np.uint8)
    elif rng.random() < 0.3:
        hsv = cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + int(rng.integers(180))) % 180
        colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    level = np.arange(256) / 255
    contrast, middle = np.exp(rng.normal(0, 0.25)), rng.uniform(0.3, 0.7)
    level = np.clip((level - middle) * contrast + middle, 0, 1) ** np.exp(rng.normal(0, 0.35)) * np.exp(
        rng.normal(0, 0.2)
    )
    colour = cv2.LUT(np.ascontiguousarray(colour), np.clip(level * 255, 0, 255).astype(np.uint8))
    sprite = np.dstack([colour, alpha])
    if rng.random() < 0.3:  # out of focus or moved: the outline is soft as well
        sigma = sprite.shape[0] * rng.uniform(0.002, 0.012)
        opacity = sprite[..., 3:] / np.float32(255)
        joint = cv2.GaussianBlur(
            np.dstack([sprite[..., :3] * opacity, sprite[..., 3]]), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
        )
        joint[..., :3] /= np.maximum(joint[..., 3:] / 255, 1e-3)
        sprite = np.clip(joint, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        stretch = np.exp(rng.uniform(-0.3, 0.3))
        size = max(2, round(sprite.shape[1] * stretch)), sprite.shape[0]
        sprite = cv2.resize(sprite, size, interpolation=cv2.INTER_LINEAR)
    return Occluder(occluder.kind, sprite)


def place(occluder: Occluder, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Where and how large an occluder lies on a page.

    Fingers, hands and arms come in over any edge, heads mostly stand on the bottom one, things lie anywhere.

    Args:
        occluder: what to place.
        height, width: of the frame in pixels.

    Returns:
        `(2, 3)` float32 affine matrix from sprite to frame pixels.
    """
    h, w = occluder.sprite.shape[:2]
    opaque = max(1, np.count_nonzero(occluder.sprite[..., 3] > 127))
    low, high = SHARES.get(occluder.kind, OTHER_SHARES)
    share = np.exp(rng.uniform(np.log(low), np.log(high)))
    scale = np.sqrt(share * height * width / opaque)
    if not occluder.enters:
        angle = rng.uniform(0, 2 * np.pi)
        matrix = _turn(scale, angle)
        centre = np.array([rng.uniform(0.05, 0.95) * width, rng.uniform(0.05, 0.95) * height])
        offset = centre - matrix @ (w / 2, h / 2)
        return np.column_stack([matrix, offset]).astype(np.float32)

    head = occluder.kind == "head"
    chances = [0.9, 0.04, 0.04, 0.02] if head else [0.34, 0.26, 0.26, 0.14]
    edge = int(rng.choice(4, p=chances))  # bottom, left, right, top
    tilt = rng.normal(0, 0.06 if head else 0.35)
    angle = (0, np.pi / 2, -np.pi / 2, np.pi)[edge] + np.clip(tilt, -0.9, 0.9)
    matrix = _turn(scale, angle)
    along = rng.uniform(0.05, 0.95)
    anchor = np.array([(along * width, height), (0, along * height), (width, along * height), (along * width, 0)][edge])
    outwards = np.array([(0, 1), (-1, 0), (1, 0), (0, -1)][edge])
    corners = np.array([matrix @ (0, h), matrix @ (w, h)])
    offset = anchor - matrix @ (w / 2, h)
    # Both corners of the cut lie outside, and some of the length as well.
    inside = -min(float((corner + offset - anchor) @ outwards) for corner in corners)
    beyond = inside + 1.5 + rng.uniform(0, 0.3) * h * scale
    return np.column_stack([matrix, offset + outwards * beyond]).astype(np.float32)


def _turn(scale: float, angle: float) -> NDArray[np.float64]:
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def warp(
    occluder: Occluder, matrix: NDArray[np.float32], height: int, width: int, margin: int = 0
) -> tuple[Box, NDArray[np.float32]]:
    """The occluder in its place.

    Args:
        occluder: what lies there.
        matrix: `(2, 3)` from sprite to frame pixels.
        height, width: of the frame.
        margin: pixels around it that the box shall hold too.

    Returns:
        The box of the frame that it touches, and its pixels there, `(h, w, 4)` float32: colour premultiplied by alpha,
        all in [0, 1].
    """
    sprite = occluder.sprite.astype(np.float32) / np.float32(255)
    sprite[..., :3] *= sprite[..., 3:]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    matrix = matrix.copy()
    if scale < 0.75:  # bilinear sampling alone would alias
        size = max(1, round(sprite.shape[1] * scale)), max(1, round(sprite.shape[0] * scale))
        sprite = cv2.resize(sprite, size, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= scale
    h, w = sprite.shape[:2]
    corners = np.array([(0, 0, 1), (w, 0, 1), (0, h, 1), (w, h, 1)]) @ matrix.T
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    box = Box(int(x0), int(y0), int(x1), int(y1)).padded(margin + 1, height, width)
    if box.width <= 0 or box.height <= 0:
        return Box(0, 0, 1, 1), np.zeros((1, 1, 4), np.float32)
    matrix[:, 2] -= (box.x0, box.y0)
    layer = cv2.warpAffine(sprite, matrix, (box.width, box.height), flags=cv2.INTER_LINEAR)
    return box, np.minimum(layer, 1)  # interpolation may round a little above


def shadow_of(alpha: NDArray[np.float32], blur_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The contact shadow of an occluder: how much of the light is gone, `(h, w)` float32 in [0, 1).

    Args:
        alpha: `(h, w)` float32 in [0, 1].
        blur_px: how soft the shadow is; it also moves by about that much.
    """
    shift = rng.normal(0, 1.2 * blur_px, 2)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(alpha, matrix, alpha.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    shadow = cv2.GaussianBlur(moved, (0, 0), blur_px) * np.float32(rng.uniform(0.1, 0.5)) * (1 - alpha)
    shadow[shadow < FAINTEST_SHADOW] = 0
    return shadow


def cover(
    clean: NDArray[np.uint8], occluders: Sequence[Occluder], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Lay occluders over a page.

    Args:
        clean: `(H, W, 3)` uint8 BGR.
        occluders: in the order in which they are laid.
        rng: places, lights and shadows.

    Returns:
        The covered page, equal to `clean` where the second is 0, and how much of each pixel is covered or shaded,
        `(H, W)` float32 in [0, 1].
    """
    height, width = clean.shape[:2]
    covered = clean.copy()
    hidden = np.zeros((height, width), np.float32)
    for occluder in occluders:
        blur_px = max(height, width) * np.exp(rng.uniform(*np.log(SHADOW_BLUR)))
        box, layer = warp(occluder, place(occluder, height, width, rng), height, width, margin=int(4 * blur_px))
        alpha = layer[..., 3]
        part = covered[box.slices()].astype(np.float32)
        touched = alpha
        if rng.random() < SHADOW_CHANCE:
            shadow = shadow_of(alpha, blur_px, rng)
            part *= 1 - shadow[..., None]
            touched = np.maximum(alpha, np.minimum(shadow * SHADOW_WEIGHT, 1))
        part = np.rint(part * (1 - alpha[..., None]) + layer[..., :3] * 255)
        changed = touched > 0
        covered[box.slices()][changed] = np.clip(part[changed], 0, 255).astype(np.uint8)
        np.maximum(hidden[box.slices()], touched, out=hidden[box.slices()])
    return covered, hidden
