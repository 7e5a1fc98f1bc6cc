"""Drawn pages: what an office, a school or a shop prints, as lists of lines, words and areas that render at any size.

A page is drawn once, in units of one pixel of the full-size photo, and rasterised as often as needed: whole, reduced,
or only the window that a training sample shows. Source: none, written for this toolkit; tables with thin rules
dominate because they are what the contest's pages consist of.
"""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.page_text import CHINESE, ENGLISH, Writer

Colour = tuple[int, int, int]  # BGR, 0 to 255

PAGE_SIZE = (3750, 2650)  # usual height and width in page units, about the contest's photos
SUPERSAMPLE = 3  # reduced pages are rasterised this much finer, then averaged
FONT_SUFFIXES = (".ttf", ".otf", ".ttc")
FONT_PLACES = (
    *("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts"),
    *("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts"),
)
MACHINE_FONTS = 12  # at most so many of a machine's fonts are used: opening one takes milliseconds
NOT_FOR_TEXT = re.compile("symbol|emoji|icon|dings|math|music|marlett|barcode", re.IGNORECASE)
BLACK: Colour = (0, 0, 0)
SEAL_RED: Colour = (45, 35, 205)
_SHIFT = 4  # OpenCV's fixed-point bits for vertices: a sixteenth of a pixel
_MEASURE_PX = 100  # text is measured at this size (larger ones are slow); widths scale with it


class Rule(NamedTuple):
    """A printed line: `(N, 2)` float32 points x, y; `dash` is (on, off) in page units, (0, 0) for a solid one."""

    points: NDArray[np.float32]
    width: float
    colour: Colour = BLACK
    dash: tuple[float, float] = (0, 0)


class Text(NamedTuple):
    """One word or short run of glyphs; `x, y` is the start of its baseline, `size` the height of a line of it.

    `font` is a name that `cv2.FontFace` knows or a font file; `angle` is in degrees, counter-clockwise; `length` is
    how far the run reaches along its baseline.
    """

    x: float
    y: float
    size: int
    text: str
    font: str
    colour: Colour
    weight: int
    length: float
    angle: float = 0.0


class Shape(NamedTuple):
    """A polygon of `(N, 2)` float32 points: filled where `outline` is 0, else its outline that wide."""

    points: NDArray[np.float32]
    colour: Colour
    outline: float = 0.0


class Picture(NamedTuple):
    """A `(h, w, 3)` uint8 BGR image stretched over `box`; `smooth` says how."""

    box: tuple[float, float, float, float]
    image: NDArray[np.uint8]
    smooth: bool = True


@dataclass
class Layout:
    """A page: ink on white.

    Attributes:
        width, height: in page units, one pixel of the full-size photo each.
        shapes: filled areas under everything else.
        pictures, rules: printed.
        texts: printed words.
        strokes: handwriting, which counts as text.
        stamps: shapes pressed over the print, through which it shows.
    """

    width: int
    height: int
    shapes: list[Shape] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    strokes: list[Rule] = field(default_factory=list)
    stamps: list[Shape] = field(default_factory=list)

    def is_grey(self) -> bool:
        """Whether no ink on the page has a colour."""
        colours = {item.colour for item in (*self.shapes, *self.stamps)}
        colours |= {item.colour for item in (*self.rules, *self.strokes)}
        colours |= {item.colour for item in self.texts}
        return not self.pictures and all(blue == green == red for blue, green, red in colours)


# --- rendering -------------------------------------------------------------------------------------------------------


def render(
    layout: Layout, scale: float, window: tuple[float, float, float, float] | None = None, text: bool = True
) -> NDArray[np.uint8]:
    """Rasterise a page or a part of it, every pixel the average of what it covers.

    Args:
        layout: the page.
        scale: output pixels per page unit, above 0.
        window: x0, y0, x1, y1 in page units; the whole page without it. What lies outside the page is white.
        text: whether words and handwriting are drawn; the rest of the page is the same without them.

    Returns:
        `(h, w, 3)` uint8 BGR, ink on white (255), the window's sides times `scale`, rounded, at least 1.

    Raises:
        ValueError: `scale` or `window` describes no picture.
    """
    x0, y0, x1, y1 = window or (0, 0, layout.width, layout.height)
    if not scale > 0 or x1 <= x0 or y1 <= y0:
        raise ValueError(f"scale {scale} with window {(x0, y0, x1, y1)}: nothing to render")
    height, width = max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale))
    finer = SUPERSAMPLE if scale < 1 else 1
    canvas = rasterise(layout, scale * finer, x0, y0, height * finer, width * finer, text, layout.is_grey())
    if finer > 1:
        canvas = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(canvas, cv2.COLOR_GRAY2BGR) if canvas.ndim == 2 else canvas


def rasterise(
    layout: Layout, scale: float, x0: float, y0: float, height: int, width: int, text: bool, grey: bool
) -> NDArray[np.uint8]:
    """Draw onto pixels of 1 / `scale` page units, the first of which starts at `x0, y0`.

    Args:
        layout: the page.
        scale: pixels per page unit.
        x0, y0: corner of the picture in page units.
        height, width: of the picture in pixels.
        text: whether words and handwriting are drawn.
        grey: draw one channel; only where `layout.is_grey()`.

    Returns:
        `(height, width)` uint8 where grey, else `(height, width, 3)` BGR; paper is 255.
    """
    canvas = np.full((height, width) if grey else (height, width, 3), 255, np.uint8)
    draw = _Raster(canvas, scale, x0, y0)
    for shape in layout.shapes:
        draw.shape(shape)
    for picture in layout.pictures:
        draw.picture(picture)
    for rule in layout.rules:
        draw.rule(rule)
    if text:
        for run in layout.texts:
            draw.text(run)
        for stroke in layout.strokes:
            draw.rule(stroke)
    for stamp in layout.stamps:
        draw.stamp(stamp)
    return canvas


def rules_of(layout: Layout) -> list[tuple[NDArray[np.float32], float]]:
    """The printed rules: `(N, 2)` float32 points x, y and the width of each, in page units."""
    return [(rule.points, rule.width) for rule in layout.rules]


@lru_cache(maxsize=256)
def _font_face(font: str) -> "cv2.FontFace":
    return cv2.FontFace(font)


class _Raster:
    """The canvas and where it lies on the page."""

    def __init__(self, canvas: NDArray[np.uint8], scale: float, x0: float, y0: float):
        self.canvas = canvas
        self.scale, self.x0, self.y0 = scale, x0, y0
        self.height, self.width = canvas.shape[:2]
        self.x1, self.y1 = x0 + self.width / scale, y0 + self.height / scale  # what lies beyond is skipped

    def _colour(self, colour: Colour) -> tuple[int, ...]:
        return colour if self.canvas.ndim == 3 else colour[:1]

    def _outside(self, x0: float, y0: float, x1: float, y1: float) -> bool:
        return x1 <= self.x0 or y1 <= self.y0 or x0 >= self.x1 or y0 >= self.y1

    def _vertices(self, points: NDArray[np.float32], left: int = 0, top: int = 0) -> NDArray[np.int32]:
        # OpenCV's integer coordinates are centres of pixels, ours are their corners: half a pixel apart
        offset = (self.x0 + (left + 0.5) / self.scale, self.y0 + (top + 0.5) / self.scale)
        return np.rint((points - np.asarray(offset)) * (self.scale * (1 << _SHIFT))).astype(np.int32)

    def rule(self, rule: Rule) -> None:
        points, half = rule.points, rule.width / 2
        if len(points) > 2:
            (ax, ay), (bx, by) = points.min(0), points.max(0)
        else:
            (ax, ay), (bx, by) = points.tolist()
        x0, y0, x1, y1 = min(ax, bx) - half, min(ay, by) - half, max(ax, bx) + half, max(ay, by) + half
        if self._outside(x0, y0, x1, y1):
            return
        if len(points) == 2 and (ax == bx or ay == by):
            self.bar(x0, y0, x1, y1, rule.colour, rule.dash)
            return
        self._polyline(self.canvas, self._vertices(points), rule.width, rule.colour, closed=False)

    def _polyline(
        self, canvas: NDArray[np.uint8], vertices: NDArray[np.int32], width: float, colour: Colour, closed: bool
    ) -> None:
        # OpenCV 5 draws these lines 1.3 pixels wide at thickness 1 and `thickness` + 1.3 at even ones: take the next
        # wider one, so much paler that it holds as much ink
        exact = width * self.scale
        thickness = 1 if exact < 1.5 else max(2, 2 * math.ceil((exact - 1.5) / 2))
        drawn = 1.3 if thickness == 1 else thickness + 1.3
        ink = tuple(round(255 + (value - 255) * min(1, exact / drawn)) for value in self._colour(colour))
        cv2.polylines(canvas, [vertices], closed, ink, thickness, cv2.LINE_AA, _SHIFT)

    def bar(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, dash: tuple[float, float] = (0, 0)
    ) -> None:
        """An upright rectangle, its edge pixels inked by the part that it covers."""
        left, across = self._coverage(x0, x1, self.x0, self.width, dash if x1 - x0 >= y1 - y0 else (0, 0))
        top, down = self._coverage(y0, y1, self.y0, self.height, dash if x1 - x0 < y1 - y0 else (0, 0))
        if not len(across) or not len(down):
            return
        region = self.canvas[top : top + len(down), left : left + len(across)]
        alpha = down[:, None] * across
        if region.ndim == 3:
            alpha = alpha[..., None]
        region[:] = region + (np.array(self._colour(colour), np.float32) - region) * alpha + np.float32(0.5)

    def _coverage(
        self, start: float, end: float, origin: float, count: int, dash: tuple[float, float]
    ) -> tuple[int, NDArray[np.float32]]:
        """Which pixels of an axis a stretch touches: the first one, and how much of each it covers."""
        low, high = (start - origin) * self.scale, (end - origin) * self.scale
        first, last = max(0, math.floor(low)), min(count, math.ceil(high))
        edges = np.arange(first, max(first, last) + 1, dtype=np.float32)
        edges = np.minimum(np.maximum(edges, np.float32(low)), np.float32(high))
        if dash[1]:
            along = (edges - np.float32(low)) / np.float32(self.scale)
            period = np.float32(dash[0] + dash[1])
            whole = np.floor(along / period)
            inked = whole * np.float32(dash[0]) + np.minimum(along - whole * period, np.float32(dash[0]))
            return first, np.diff(inked) * np.float32(self.scale)
        return first, np.diff(edges)

    def shape(self, shape: Shape) -> None:
        (x0, y0), (x1, y1) = shape.points.min(0).tolist(), shape.points.max(0).tolist()
        if self._outside(x0 - shape.outline, y0 - shape.outline, x1 + shape.outline, y1 + shape.outline):
            return
        self._polygon(self.canvas, shape)

    def _polygon(self, canvas: NDArray[np.uint8], shape: Shape, left: int = 0, top: int = 0) -> None:
        vertices = self._vertices(shape.points, left, top)
        if shape.outline:
            self._polyline(canvas, vertices, shape.outline, shape.colour, closed=True)
        else:
            cv2.fillPoly(canvas, [vertices], self._colour(shape.colour), cv2.LINE_AA, _SHIFT)

    def stamp(self, stamp: Shape) -> None:
        (x0, y0), (x1, y1) = stamp.points.min(0) - stamp.outline, stamp.points.max(0) + stamp.outline
        if self._outside(x0, y0, x1, y1):
            return
        left, top = max(0, int((x0 - self.x0) * self.scale)), max(0, int((y0 - self.y0) * self.scale))
        right, bottom = int((x1 - self.x0) * self.scale) + 2, int((y1 - self.y0) * self.scale) + 2
        region = self.canvas[top:bottom, left:right]
        ink = np.full_like(region, 255)
        self._polygon(ink, stamp, left, top)
        np.minimum(region, ink, out=region)

    def picture(self, picture: Picture) -> None:
        if self._outside(*picture.box):
            return
        x0, y0, x1, y1 = picture.box
        left, top = max(0, round((x0 - self.x0) * self.scale)), max(0, round((y0 - self.y0) * self.scale))
        right = min(self.width, round((x1 - self.x0) * self.scale))
        bottom = min(self.height, round((y1 - self.y0) * self.scale))
        if right <= left or bottom <= top:
            return
        rows, columns = picture.image.shape[:2]
        step_x, step_y = columns / ((x1 - x0) * self.scale), rows / ((y1 - y0) * self.scale)
        start_x, start_y = (self.x0 - x0) * self.scale + left, (self.y0 - y0) * self.scale + top
        place = np.array(
            [
                [step_x, 0, (start_x + 0.5) * step_x - 0.5],
                [0, step_y, (start_y + 0.5) * step_y - 0.5],
            ]
        )
        flags = (cv2.INTER_LINEAR if picture.smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
        self.canvas[top:bottom, left:right] = cv2.warpAffine(
            picture.image, place, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )

    def text(self, run: Text) -> None:
        size = max(1, round(run.size * self.scale))
        if run.angle:
            self._turned_text(run, size)
            return
        if self._outside(run.x, run.y - run.size, run.x + run.length, run.y + run.size / 3):
            return
        where = round((run.x - self.x0) * self.scale), round((run.y - self.y0) * self.scale)
        cv2.putText(self.canvas, run.text, where, self._colour(run.colour), _font_face(run.font), size, run.weight)

    def _turned_text(self, run: Text, size: int) -> None:
        reach = run.length + run.size
        if self._outside(run.x - reach, run.y - reach, run.x + reach, run.y + reach):
            return
        length, rise = math.ceil(run.length * self.scale) + 2, math.ceil(size * 1.4)
        shape = (rise, length) if self.canvas.ndim == 2 else (rise, length, 3)
        tile = np.full(shape, 255, np.uint8)
        cv2.putText(tile, run.text, (1, size), self._colour(run.colour), _font_face(run.font), size, run.weight)
        cos, sin = math.cos(math.radians(run.angle)), math.sin(math.radians(run.angle))
        turn = np.array([[cos, sin], [-sin, cos]])
        start = np.array([(run.x - self.x0) * self.scale, (run.y - self.y0) * self.scale])
        corners = np.array([[0, 0], [length, 0], [length, rise], [0, rise]], float) - (1, size)
        corners = corners @ turn.T + start
        left, top = np.maximum(np.floor(corners.min(0)).astype(int), 0).tolist()
        right, bottom = np.ceil(corners.max(0)).astype(int).tolist()
        region = self.canvas[top : max(top, bottom), left : max(left, right)]
        if not region.size:
            return
        move = np.hstack([turn, (start - turn @ (1, size) - (left, top))[:, None]])
        white = (255, 255, 255)
        turned = cv2.warpAffine(tile, move, region.shape[1::-1], flags=cv2.INTER_LINEAR, borderValue=white)
        np.minimum(region, turned.reshape(region.shape), out=region)


# --- drawing ---------------------------------------------------------------------------------------------------------


def find_fonts(font_dir: Path | str | None) -> list[str]:
    """The font files under a folder, sorted, as `draw_layout` takes them.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it holds no font that OpenCV can open.
    """
    if font_dir is None:
        return []
    if not Path(font_dir).is_dir():
        raise FileNotFoundError(f"--font_dir {font_dir}: there is no such folder")
    found = []
    for path in sorted(Path(font_dir).rglob("*")):
        if path.suffix.lower() in FONT_SUFFIXES and cv2.FontFace().set(str(path)):
            found.append(str(path))
    if not found:
        raise ValueError(
            f"--font_dir {font_dir}: it holds no font file that OpenCV can open ({', '.join(FONT_SUFFIXES)})"
        )
    return found


def machine_fonts() -> list[str]:
    """A few of the fonts that this machine has, as `draw_layout` takes them; none where it has none."""
    places = [Path(place).expanduser() for place in FONT_PLACES]
    files = [path for place in places if place.is_dir() for path in sorted(place.rglob("*"))]
    fit = [path for path in files if path.suffix.lower() in FONT_SUFFIXES and not NOT_FOR_TEXT.search(path.name)]
    spread = fit[:: max(1, -(-len(fit) // MACHINE_FONTS))]
    return [str(path) for path in spread if cv2.FontFace().set(str(path))]


def draw_layout(rng: np.random.Generator, fonts: list[str] | None = None) -> Layout:
    """Draw a page of a random kind.

    Args:
        rng: source of all randomness; the same state gives the same page.
        fonts: font files to use beside OpenCV's own, from `find_fonts`.

    Returns:
        A page of about `PAGE_SIZE`.
    """
    kinds = list(KINDS)
    weights = np.array([KINDS[kind] for kind in kinds], float)
    draw_kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    page = _Page(rng, fonts or [], narrow=draw_kind is receipt_page)
    draw_kind(page)
    return page.layout


def _measure(text: str, font: str, weight: int) -> float:
    """Width of a run over its size: a hundredth more than with kerning, and many times as fast to know."""
    return sum(_advance(character, font, weight) for character in text)


@lru_cache(maxsize=50_000)
def _advance(character: str, font: str, weight: int) -> float:
    size = cv2.getTextSize((0, 0), character, (0, 0), _font_face(font), _MEASURE_PX, weight)
    return size[2] / _MEASURE_PX


_PIECE = re.compile("(?:[\u2e81-\U0010ffff]{1,4}|[^ \u2e81-\U0010ffff]+) *")


def _pieces(text: str) -> list[str]:
    """Cut where a line may break: behind each word that is not Chinese, behind every fourth Chinese character."""
    return _PIECE.findall(text + " ")


def _box(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float32]:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def _circle(x: float, y: float, rx: float, ry: float, count: int = 72) -> NDArray[np.float32]:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], 1).astype(np.float32)


class _Page:
    """A page in the making: its choices of hand (language, font, ink, margins) and the blocks that fill it."""

    def __init__(self, rng: np.random.Generator, fonts: list[str], narrow: bool = False):
        self.rng = rng
        height, width = (round(side * rng.uniform(0.97, 1.03)) for side in PAGE_SIZE)
        if narrow:
            width = round(height * rng.uniform(0.3, 0.6))
        self.layout = Layout(width, height)
        self.language = CHINESE if rng.random() < 0.6 else ENGLISH
        self.writer = Writer(rng, self.language)
        own = ["uni", "sans"] if self.language == CHINESE else ["sans", "sans", "uni"]
        self.font = str(rng.choice(own + fonts))
        grey = int(rng.integers(0, 70))
        self.ink: Colour = (grey, grey, grey)
        self.weight = int(rng.choice([300, 400, 400, 500]))
        self.size = int(rng.integers(34, 62))  # of running text
        self.left = round(width * rng.uniform(0.05, 0.13))
        self.right = width - round(width * rng.uniform(0.05, 0.13))
        blue = (int(rng.integers(110, 190)), int(rng.integers(40, 80)), int(rng.integers(20, 60)))
        self.pen: Colour = blue if rng.random() < 0.5 else (45, 40, 40)
        self.y = height * rng.uniform(0.04, 0.1)
        self.bottom = height * rng.uniform(0.9, 0.96)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def room(self) -> float:
        return self.bottom - self.y

    # words

    def write(
        self,
        x: float,
        y: float,
        text: str,
        size: int | None = None,
        align: float = 0.0,
        limit: float = math.inf,
        weight: int | None = None,
        colour: Colour | None = None,
    ) -> float:
        """Write one line, cut off where it would exceed `limit`; returns its length.

        `align` is the part of the text that lies left of `x`: 0, 0.5 or 1.
        """
        size, weight, colour = size or self.size, weight or self.weight, colour or self.ink
        placed: list[tuple[str, float, float]] = []
        end = 0.0
        for piece in _pieces(text):
            word = piece.rstrip()
            length = _measure(word, self.font, weight) * size
            if end + length > limit:
                break
            placed.append((word, end, length))
            end += length + (0.28 * size if piece.endswith(" ") else 0.02 * size)
        total = placed[-1][1] + placed[-1][2] if placed else 0.0
        for word, offset, length in placed:
            self.layout.texts.append(Text(x - align * total + offset, y, size, word, self.font, colour, weight, length))
        return total

    def scribble(self, x: float, y: float, length: float, size: float) -> None:
        """Something written by hand on the baseline `y`."""
        rng = self.rng
        letters = max(2, int(length / size * rng.uniform(1.3, 2.2)))
        knots = 3 * letters
        xs = np.linspace(0, length, knots) + rng.normal(0, size * 0.12, knots)
        reach = np.where(rng.random(knots) < 0.2, rng.uniform(0.8, 1.4, knots), rng.uniform(0.35, 0.6, knots))
        ys = np.where(np.arange(knots) % 2, -reach, rng.uniform(-0.08, 0.08, knots)) * size
        ys = np.where(rng.random(knots) < 0.07, size * 0.35, ys)
        curve = cv2.resize(
            np.stack([xs, ys], 1)[:, None].astype(np.float32), (1, knots * 4), interpolation=cv2.INTER_CUBIC
        )
        points = curve[:, 0] + np.array([x, y], np.float32)
        points[:, 0] -= (points[:, 1] - y) * np.float32(0.25)  # writing leans to the right
        breaks = np.sort(rng.integers(1, len(points), max(1, letters // 5)))
        for part in np.split(points, breaks):
            if len(part) > 2:
                self.layout.strokes.append(Rule(part, max(3.0, size * 0.06), self.pen))

    # lines

    def line(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        width: float,
        dash: tuple[float, float] = (0, 0),
        colour: Colour | None = None,
    ) -> None:
        points = np.array([[x0, y0], [x1, y1]], np.float32)
        self.layout.rules.append(Rule(points, width, colour or self.ink, dash))

    # blocks

    def header(self) -> None:
        """A running head, sometimes with a line under it."""
        y, size = self.y, int(self.size * 0.8)
        self.write(self.left, y + size, self.writer.phrase(), size)
        if self.chance(0.5):
            self.write(self.right, y + size, self.writer.code(), size, align=1)
        if self.chance(0.7):
            self.line(self.left, y + size * 1.5, self.right, y + size * 1.5, self.between(2, 5))
        self.y += size * self.between(2.2, 4)

    def page_number(self) -> None:
        number, total = int(self.rng.integers(1, 200)), int(self.rng.integers(200, 300))
        plain = [f"{number}", f"- {number} -", f"{number}/{total}"]
        named = [f"第 {number} 页 共 {total} 页"] if self.language == CHINESE else [f"Page {number} of {total}"]
        align = float(self.rng.choice([0.5, 0.5, 1, 0]))
        x = self.left + (self.right - self.left) * align
        y = self.layout.height * self.between(0.955, 0.98)
        self.write(x, y, str(self.rng.choice(plain + named)), int(self.size * 0.85), align)

    def title(self) -> None:
        size = int(self.size * self.between(1.3, 2.2))
        colour = SEAL_RED if self.chance(0.06) else None
        align = 0.5 if self.chance(0.8) else 0.0
        x = self.left + (self.right - self.left) * align
        weight = 700 if self.chance(0.6) else None
        self.write(x, self.y + size, self.writer.title(), size, align, self.right - self.left, weight, colour)
        self.y += size * self.between(1.5, 2.4)

    def subtitle(self) -> None:
        size = int(self.size * self.between(1.05, 1.35))
        number = int(self.rng.integers(1, 9))
        mark = f"{'一二三四五六七八九'[number]}、" if self.language == CHINESE else f"{number}. "
        self.write(self.left, self.y + size * 1.2, mark + self.writer.phrase(3), size, weight=700)
        self.y += size * self.between(1.8, 2.4)

    def fields_line(self) -> None:
        """A few labels side by side, as above a table."""
        count = int(self.rng.integers(1, 4))
        step = (self.right - self.left) / count
        y = self.y + self.size * 1.1
        for k in range(count):
            x = self.left + k * step
            used = self.write(x, y, self.writer.label() + ("：" if self.language == CHINESE else ":"), limit=step * 0.5)
            start, end = x + used + self.size * 0.2, x + step * 0.92
            style = self.rng.random()
            if style < 0.4:
                self.line(start, y + self.size * 0.15, end, y + self.size * 0.15, self.between(2, 4))
            if style > 0.3:
                self.write(start, y, self.value(), limit=end - start)
            elif self.chance(0.5):
                self.scribble(start, y, (end - start) * self.between(0.3, 0.9), self.size * 1.2)
        self.y += self.size * self.between(1.8, 2.6)

    def value(self) -> str:
        makers = (self.writer.phrase, self.writer.number, self.writer.date, self.writer.name, self.writer.code)
        return makers[int(self.rng.integers(len(makers)))]()

    def paragraph(self, lines: int, x0: float | None = None, x1: float | None = None) -> None:
        x0, x1 = self.left if x0 is None else x0, self.right if x1 is None else x1
        step, space = self.size * self.between(1.35, 1.7), self.size * 0.28
        x, used = x0 + 2 * self.size, 0
        while used < lines and self.room() > step:
            for piece in _pieces(self.writer.sentence()):
                word = piece.rstrip()
                length = _measure(word, self.font, self.weight) * self.size
                if x + length > x1:
                    x, used = x0, used + 1
                    self.y += step
                    if used == lines or self.room() < step:
                        break
                self.layout.texts.append(
                    Text(x, self.y + self.size, self.size, word, self.font, self.ink, self.weight, length)
                )
                x += length + (space if piece.endswith(" ") and self.language == ENGLISH else 0.02 * self.size)
        self.y += step * self.between(1.2, 1.8)

    def items(self, count: int) -> None:
        """A numbered or bulleted list."""
        step = self.size * self.between(1.5, 2.2)
        style = int(self.rng.integers(4))
        for k in range(1, count + 1):
            if self.room() < step:
                break
            mark = (f"{k}.", f"({k})", "•", f"{k}、")[style]
            self.write(self.left + self.size, self.y + self.size, mark)
            self.write(
                self.left + self.size * 3,
                self.y + self.size,
                self.writer.sentence(),
                limit=self.right - self.left - self.size * 3,
            )
            self.y += step
        self.y += self.size * 0.5

    def table(self, x0: float, x1: float, height: float, style: str | None = None) -> None:
        """A ruled table of at most `height`, from the cursor down; moves the cursor below it."""
        _Table(self, x0, x1, height, style).draw()

    def stamp(self, x: float, y: float, radius: float) -> None:
        """A round or oblong seal; its letters are text, its ring is not."""
        chinese = self.language == CHINESE
        colour: Colour = SEAL_RED if self.chance(0.85) else (150, 60, 40)
        ring = self.between(6, 14)
        if self.chance(0.25):
            self.layout.stamps.append(
                Shape(_box(x - radius, y - radius * 0.35, x + radius, y + radius * 0.35), colour, ring)
            )
            self.write(
                x,
                y + radius * 0.15,
                "已审核" if chinese else "APPROVED",
                int(radius * 0.4),
                0.5,
                weight=700,
                colour=colour,
            )
            return
        flat = 1.0 if self.chance(0.75) else 0.7
        self.layout.stamps.append(Shape(_circle(x, y, radius, radius * flat), colour, ring))
        angles = -np.pi / 2 + np.arange(10) * np.pi / 5
        reach = np.where(np.arange(10) % 2, 0.1, 0.26) * radius
        star = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], 1).astype(np.float32)
        self.layout.stamps.append(Shape(star, colour))
        words = "".join(self.writer.phrase(3) for _ in range(3))[:14] if chinese else "OFFICE OF REGISTRY"
        size = int(radius * 0.24)
        for letter, turn in zip(words, np.linspace(210, -30, len(words)), strict=True):
            angle = math.radians(turn)
            where = x + 0.7 * radius * math.cos(angle), y - 0.7 * radius * flat * math.sin(angle)
            if letter != " ":
                length = _measure(letter, self.font, 400) * size
                self.layout.texts.append(
                    Text(where[0], where[1], size, letter, self.font, colour, 400, length, turn - 90)
                )

    def picture(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """A printed photograph: soft areas of grey or colour."""
        rng = self.rng
        channels = 1 if self.chance(0.5) else 3
        small = rng.integers(20, 250, (int(rng.integers(3, 7)), int(rng.integers(3, 7)), channels), dtype=np.uint8)
        image = cv2.resize(small, (96, 96), interpolation=cv2.INTER_CUBIC)
        noise = rng.normal(0, 12, (96, 96)).astype(np.float32)
        image = np.clip(image.reshape(96, 96, -1) + noise[..., None], 0, 255).astype(np.uint8)
        self.layout.pictures.append(Picture((x0, y0, x1, y1), np.broadcast_to(image, (96, 96, 3)).copy()))

    def barcode(self, x: float, y: float, width: float, height: float) -> None:
        at = x
        while at < x + width:
            bar = 5 * float(self.rng.integers(1, 4))
            self.layout.shapes.append(Shape(_box(at, y, at + bar, y + height), self.ink))
            at += bar + 5 * float(self.rng.integers(1, 4))

    def matrix_code(self, x: float, y: float, side: float) -> None:
        """A square of black and white modules."""
        count = int(self.rng.integers(21, 34))
        modules = np.where(self.rng.random((count, count)) < 0.5, 0, 255).astype(np.uint8)
        for row, column in ((0, 0), (0, count - 7), (count - 7, 0)):
            modules[row : row + 7, column : column + 7] = 0
            modules[row + 1 : row + 6, column + 1 : column + 6] = 255
            modules[row + 2 : row + 5, column + 2 : column + 5] = 0
        image = np.repeat(modules[..., None], 3, axis=2)
        self.layout.pictures.append(Picture((x, y, x + side, y + side), image, smooth=False))

    def chart(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Bars or a curve over a pair of axes."""
        self.line(x0, y0, x0, y1, 4)
        self.line(x0, y1, x1, y1, 4)
        count = int(self.rng.integers(4, 12))
        heights = self.rng.uniform(0.1, 0.95, count) * (y1 - y0)
        step = (x1 - x0) / count
        if self.chance(0.5):
            shade = int(self.between(60, 200))
            for k, high in enumerate(heights.tolist()):
                left = x0 + (k + 0.2) * step
                self.layout.shapes.append(Shape(_box(left, y1 - high, left + 0.6 * step, y1), (shade, shade, shade)))
        else:
            points = np.stack([x0 + (np.arange(count) + 0.5) * step, y1 - heights], 1).astype(np.float32)
            self.layout.rules.append(Rule(points, self.between(3, 7), self.ink))
        for k in range(count):
            self.write(x0 + (k + 0.5) * step, y1 + self.size, str(k + 1), int(self.size * 0.7), 0.5)


# How often each look of a table is drawn.
TABLE_STYLES = {"grid": 0.62, "three_line": 0.1, "horizontal": 0.1, "dotted": 0.1, "framed": 0.08}


class _Table:
    """A table: cells, some of them merged, the rules between them and what is written in them."""

    def __init__(self, page: _Page, x0: float, x1: float, height: float, style: str | None):
        rng = page.rng
        self.page, self.rng = page, rng
        styles = list(TABLE_STYLES)
        self.style = style or str(rng.choice(styles, p=list(TABLE_STYLES.values())))
        self.size = int(np.clip(page.size * rng.uniform(0.75, 1.05), 30, 70))
        columns = int(rng.integers(2, 12))
        shares = rng.uniform(0.6, 1.6, columns) if rng.random() < 0.7 else np.ones(columns)
        self.xs = x0 + (x1 - x0) * np.concatenate([[0], np.cumsum(shares) / shares.sum()])
        row = self.size * rng.uniform(1.35, 3.2)
        rows = max(2, int(height / row))
        heights = np.full(rows, row)
        if rng.random() < 0.35:  # some rows hold several lines
            heights = row * rng.choice([1, 1, 1, 1, 2, 3], rows)
            heights = heights[: max(2, int(np.searchsorted(np.cumsum(heights), height)))]
        self.ys = page.y + np.concatenate([[0], np.cumsum(heights)])
        self.cells = self._merge(len(heights), columns)
        self.thin = rng.uniform(2, 4.5)
        self.thick = self.thin * rng.uniform(1.2, 2.5) if rng.random() < 0.4 else self.thin
        shade = int(rng.integers(0, 110)) if rng.random() < 0.3 else page.ink[0]
        self.colour: Colour = (shade, shade, shade)
        if rng.random() < 0.04:
            self.colour = (int(rng.integers(120, 200)), int(rng.integers(60, 120)), int(rng.integers(20, 80)))

    def _merge(self, rows: int, columns: int) -> NDArray[np.int32]:
        """Number of the cell at each row and column; merged ones share it."""
        rng = self.rng
        cells = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
        if rng.random() < 0.5 or columns < 3:
            return cells
        for _ in range(int(rng.integers(1, 7))):
            top, left = int(rng.integers(rows)), int(rng.integers(columns - 1))
            if rng.random() < 0.3:
                top = 0
            down, across = (
                (1, int(rng.integers(2, columns + 1))) if rng.random() < 0.6 else (int(rng.integers(2, 6)), 1)
            )
            block = cells[top : top + down, left : left + across]
            count = np.unique(block).size
            if count == block.size and all((cells == number).sum() == 1 for number in block.flat):
                block[:] = block[0, 0]
        return cells

    def draw(self) -> None:
        if self.rng.random() < 0.25:
            self._shade()
        self._rules()
        self._words()
        self.page.y = float(self.ys[-1]) + self.size * 1.5

    def _shade(self) -> None:
        """A grey head, or every second row grey."""
        grey = int(self.rng.integers(190, 242))
        colour: Colour = (grey, grey, grey)
        if self.rng.random() < 0.2:
            colour = (
                int(self.rng.integers(170, 250)),
                int(self.rng.integers(190, 250)),
                int(self.rng.integers(170, 250)),
            )
        rows = range(1) if self.rng.random() < 0.6 else range(1, len(self.ys) - 1, 2)
        for row in rows:
            box = _box(self.xs[0], self.ys[row], self.xs[-1], self.ys[row + 1])
            self.page.layout.shapes.append(Shape(box, colour))

    def _rules(self) -> None:
        rows, columns = self.cells.shape
        dash = (0.0, 0.0)
        if self.style == "dotted":
            on = self.rng.uniform(4, 24)
            dash = (on, on * self.rng.uniform(0.5, 1.5))
        outer = self.style in ("grid", "dotted", "framed")
        for row in range(rows + 1):
            edge = row in (0, rows)
            if self.style == "three_line" and not (edge or row == 1):
                continue
            if self.style == "framed" and not (edge or row == 1):
                continue
            above, below = self.cells[max(row - 1, 0)], self.cells[min(row, rows - 1)]
            parted = np.ones(columns, bool) if edge else above != below
            width = self.thick if edge or (row == 1 and self.style == "three_line") else self.thin
            for start, end in _runs(parted):
                self._line(self.xs[start], self.ys[row], self.xs[end], self.ys[row], width, (0, 0) if edge else dash)
        if self.style in ("three_line", "horizontal"):
            return
        if rows > 2 and self.rng.random() < 0.08:  # the head of rows and columns in one cell, parted by a diagonal
            self._line(self.xs[0], self.ys[0], self.xs[1], self.ys[1], self.thin, (0, 0))
        for column in range(columns + 1):
            edge = column in (0, columns)
            if edge and not outer:
                continue
            left, right = self.cells[:, max(column - 1, 0)], self.cells[:, min(column, columns - 1)]
            parted = np.ones(rows, bool) if edge else left != right
            width = self.thick if edge else self.thin
            for start, end in _runs(parted):
                self._line(
                    self.xs[column], self.ys[start], self.xs[column], self.ys[end], width, (0, 0) if edge else dash
                )
        if self.style == "grid" and self.rng.random() < 0.12:  # a second frame around the first
            gap = self.thick + self.rng.uniform(4, 10)
            x0, x1, y0, y1 = self.xs[0] - gap, self.xs[-1] + gap, self.ys[0] - gap, self.ys[-1] + gap
            for box in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
                self._line(*box, self.thin, (0, 0))

    def _line(self, x0: float, y0: float, x1: float, y1: float, width: float, dash: tuple[float, float]) -> None:
        self.page.line(float(x0), float(y0), float(x1), float(y1), width, dash, self.colour)

    def _words(self) -> None:
        rng, page, writer = self.rng, self.page, self.page.writer
        rows, columns = self.cells.shape
        makers = (
            writer.phrase,
            writer.phrase,
            writer.number,
            writer.money,
            writer.date,
            writer.name,
            writer.code,
            None,
        )
        kinds = [int(rng.integers(len(makers))) for _ in range(columns)]
        aligns = rng.choice([0, 0.5, 0.5, 1], columns).tolist()
        filled = float(rng.choice([0.15, 0.5, 0.85, 1.0]))
        by_hand = rng.random() < 0.1
        bold = 700 if rng.random() < 0.4 else None
        seen = set()
        for row in range(rows):
            for column in range(columns):
                number = int(self.cells[row, column])
                if number in seen:
                    continue
                seen.add(number)
                height_in, width_in = 1, 1
                while row + height_in < rows and self.cells[row + height_in, column] == number:
                    height_in += 1
                while column + width_in < columns and self.cells[row, column + width_in] == number:
                    width_in += 1
                x0, x1 = float(self.xs[column]), float(self.xs[column + width_in])
                y0, y1 = float(self.ys[row]), float(self.ys[row + height_in])
                if row == 0:
                    self._cell(x0, y0, x1, y1, writer.head(), 0.5, bold)
                    continue
                maker = makers[kinds[column]]
                if column == 0 and maker is None:
                    self._cell(x0, y0, x1, y1, str(row), 0.5, None)
                elif maker is None or (column and rng.random() > filled):
                    continue
                elif by_hand and column:
                    page.scribble(
                        x0 + self.size * 0.4, y1 - self.size * 0.4, (x1 - x0) * page.between(0.3, 0.8), self.size
                    )
                else:
                    self._cell(x0, y0, x1, y1, maker(), 0.5 if width_in > 1 else float(aligns[column]), None)

    def _cell(self, x0: float, y0: float, x1: float, y1: float, text: str, align: float, weight: int | None) -> None:
        pad = self.size * 0.35
        lines = max(1, min(3, int((y1 - y0) / (self.size * 1.3))))
        x = x0 + pad + (x1 - x0 - 2 * pad) * align
        y = (y0 + y1) / 2 + self.size * 0.37
        if lines > 1 and len(text) > 6 and self.page.chance(0.6):
            y -= self.size * 0.6
            self.page.write(
                x, y + self.size * 1.25, self.page.writer.phrase(2), self.size, align, x1 - x0 - 2 * pad, weight
            )
        self.page.write(x, y, text, self.size, align, x1 - x0 - 2 * pad, weight)


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


# --- kinds of pages --------------------------------------------------------------------------------------------------


def table_page(page: _Page) -> None:
    """One table over most of the page."""
    if page.chance(0.4):
        page.header()
    if page.chance(0.85):
        page.title()
    for _ in range(int(page.rng.integers(0, 3))):
        page.fields_line()
    page.table(page.left, page.right, page.room() * page.between(0.7, 0.97))
    for _ in range(int(page.rng.integers(0, 3))):
        if page.room() > 3 * page.size:
            page.fields_line()
    if page.chance(0.2):
        page.stamp(
            page.between(page.left + 300, page.right - 300), page.y - page.between(100, 500), page.between(170, 280)
        )
    if page.chance(0.5):
        page.page_number()


def mixed_page(page: _Page) -> None:
    """A report: text, tables, lists and a chart or picture by turns."""
    if page.chance(0.5):
        page.header()
    if page.chance(0.5):
        page.title()
    wide = page.right - page.left
    with_table = False
    while page.room() > 8 * page.size:
        block = int(page.rng.integers(6)) if with_table else 2
        if block == 0:
            page.subtitle()
        elif block == 1:
            page.paragraph(int(page.rng.integers(2, 7)))
        elif block in (2, 3):
            page.table(page.left, page.right, min(page.room() - page.size, page.between(600, 2200)))
            with_table = True
        elif block == 4:
            page.items(int(page.rng.integers(2, 7)))
        elif page.room() > 900:
            high = page.between(400, 800)
            box = (page.left + wide * 0.15, page.y, page.right - wide * 0.15, page.y + high)
            page.chart(*box) if page.chance(0.5) else page.picture(*box)
            page.y += high + 2 * page.size
    if page.chance(0.7):
        page.page_number()


def form_page(page: _Page) -> None:
    """A form: boxes of labels and answers, all in one grid of unequal rows."""
    page.title()
    if page.chance(0.5):
        page.fields_line()
    thin = page.between(2, 5)
    top, x0, x1 = page.y, page.left, page.right
    while page.room() > 5 * page.size:
        tall = page.size * page.between(1.8, 3) if page.chance(0.8) else page.size * page.between(4, 10)
        tall = min(tall, page.room())
        pairs = int(page.rng.integers(1, 5)) if tall < page.size * 4 else 1
        label_part = page.between(0.25, 0.5) if pairs > 1 else 0.15
        step = (x1 - x0) / pairs
        for k in range(pairs):
            left = x0 + k * step
            middle = left + step * label_part
            page.line(left, page.y, left, page.y + tall, thin)
            page.line(middle, page.y, middle, page.y + tall, thin)
            y = page.y + tall / 2 + page.size * 0.37
            page.write((left + middle) / 2, y, page.writer.label(), align=0.5, limit=middle - left - 10)
            answer = page.rng.random()
            if answer < 0.35:
                page.write(middle + page.size * 0.4, y, page.value(), limit=left + step - middle - page.size)
            elif answer < 0.55:
                page.scribble(
                    middle + page.size * 0.5, y, (left + step - middle) * page.between(0.3, 0.8), page.size * 1.2
                )
            elif answer < 0.65:
                box = page.size * 0.8
                for choice in range(int((left + step - middle) / (page.size * 5))):
                    at = middle + page.size * (0.5 + 5 * choice)
                    page.layout.shapes.append(Shape(_box(at, y - box * 0.9, at + box, y + box * 0.1), page.ink, 3))
                    page.write(at + box * 1.3, y, page.writer.phrase(1), limit=page.size * 3)
        page.line(x0, page.y, x1, page.y, thin)
        page.y += tall
    page.line(x0, page.y, x1, page.y, thin)
    page.line(x1, top, x1, page.y, thin)
    if page.chance(0.3):
        page.stamp(page.between(x0 + 300, x1 - 300), page.y - page.between(200, 600), page.between(170, 280))
    if page.chance(0.3):
        page.page_number()


def invoice_page(page: _Page) -> None:
    """An invoice: addresses, a table of goods, sums, a code and a seal."""
    page.title()
    if page.chance(0.5):
        page.matrix_code(page.right - 340, page.y, 330)
    for _ in range(4):
        page.write(page.left, page.y + page.size, page.writer.label() + ": " + page.value())
        page.y += page.size * 1.7
    page.y += page.size * 2
    page.table(page.left, page.right, page.room() * page.between(0.45, 0.75), "grid" if page.chance(0.6) else None)
    for _ in range(int(page.rng.integers(1, 4))):
        page.write(page.right - page.size * 9, page.y + page.size, page.writer.label(), align=1)
        page.write(page.right, page.y + page.size, page.writer.money(), align=1, weight=700)
        page.y += page.size * 1.8
    page.line(page.right - page.size * 14, page.y, page.right, page.y, page.between(3, 7))
    page.y += page.size * 2
    if page.chance(0.6):
        page.stamp(page.between(page.right - 800, page.right - 300), page.y, page.between(180, 270))
    if page.chance(0.4) and page.room() > 400:
        page.barcode(page.left, page.bottom - 180, 800, 150)


def exam_page(page: _Page) -> None:
    """An exam sheet: a small table for the marks, then questions with options and blanks."""
    page.title()
    page.fields_line()
    page.table(page.left, page.right, page.size * page.between(4.5, 7), "grid")
    number = 1
    while page.room() > 6 * page.size:
        if page.chance(0.15):
            page.subtitle()
        page.write(page.left, page.y + page.size, f"{number}. {page.writer.sentence()}", limit=page.right - page.left)
        page.y += page.size * 1.7
        number += 1
        kind = page.rng.random()
        if kind < 0.5:
            step = (page.right - page.left) / 4
            for k, letter in enumerate("ABCD"):
                page.write(
                    page.left + page.size + k * step,
                    page.y + page.size,
                    f"{letter}. {page.writer.phrase(1)}",
                    limit=step * 0.9,
                )
            page.y += page.size * 2
        elif kind < 0.8:
            for _ in range(int(page.rng.integers(1, 4))):
                page.y += page.size * 1.9
                page.line(page.left + page.size, page.y, page.right, page.y, page.between(2, 4))
                if page.chance(0.4):
                    page.scribble(page.left + 2 * page.size, page.y - 8, page.between(300, 1200), page.size * 1.2)
            page.y += page.size
        else:
            page.table(
                page.left + page.size * 2, page.right - page.size * 2, min(page.room(), page.size * page.between(5, 12))
            )
    page.page_number()


def letter_page(page: _Page) -> None:
    """A letter: letterhead, running text, a signature and often a seal."""
    head = SEAL_RED if page.language == CHINESE and page.chance(0.6) else page.ink
    size = int(page.size * 2.2)
    page.write((page.left + page.right) / 2, page.y + size, page.writer.title(), size, 0.5, weight=700, colour=head)
    page.y += size * 1.6
    page.line(page.left, page.y, page.right, page.y, page.between(3, 10), colour=head)
    page.y += size
    page.write(page.right, page.y, page.writer.date(), align=1)
    page.y += page.size * 2
    for _ in range(int(page.rng.integers(2, 6))):
        page.paragraph(int(page.rng.integers(2, 8)))
    page.y = min(page.y + page.size * 2, page.bottom - page.size * 3)
    page.scribble(page.right - 700, page.y, 450, page.size * 1.8)
    page.write(page.right - 700, page.y + page.size * 2, page.writer.name())
    if page.chance(0.7):
        page.stamp(page.right - page.between(300, 800), page.y, page.between(190, 280))


def text_page(page: _Page) -> None:
    """A page of a book, in one or two columns."""
    page.header()
    if page.chance(0.5):
        page.subtitle()
    if page.chance(0.3):
        middle, gap, top = (page.left + page.right) / 2, page.size * 1.2, page.y
        for x0, x1 in ((page.left, middle - gap), (middle + gap, page.right)):
            page.y = top
            while page.room() > 3 * page.size:
                page.paragraph(int(page.rng.integers(3, 12)), x0, x1)
    else:
        while page.room() > 3 * page.size:
            page.paragraph(int(page.rng.integers(3, 10)))
    page.page_number()


def receipt_page(page: _Page) -> None:
    """A till receipt."""
    page.left, page.right = round(page.layout.width * 0.06), round(page.layout.width * 0.94)
    wide, size = page.right - page.left, max(30, round(page.layout.width / 26))
    page.size = size
    middle = (page.left + page.right) / 2
    page.write(middle, page.y + size * 1.6, page.writer.title(), int(size * 1.5), 0.5, wide, 700)
    page.y += size * 3
    for _ in range(3):
        page.write(middle, page.y + size, page.value(), align=0.5, limit=wide)
        page.y += size * 1.5
    dash = (page.between(8, 20), page.between(6, 14))
    for _ in range(int(page.rng.integers(2, 5))):
        page.line(page.left, page.y + size, page.right, page.y + size, 4, dash)
        page.y += size * 2
        for _ in range(int(page.rng.integers(3, 12))):
            if page.room() > 6 * size:
                page.write(page.left, page.y + size, page.writer.phrase(3), limit=wide * 0.65)
                page.write(page.right, page.y + size, page.writer.money(), align=1)
                page.y += size * 1.5
    page.write(page.left, page.y + size * 2, page.writer.label(), int(size * 1.4), weight=700)
    page.write(page.right, page.y + size * 2, page.writer.money(), int(size * 1.4), 1, weight=700)
    page.y += size * 4
    if page.room() > 6 * size:
        if page.chance(0.5):
            page.barcode(page.left + wide * 0.15, page.y, wide * 0.7, size * 4)
        else:
            page.matrix_code(middle - size * 3, page.y, size * 6)


def notebook_page(page: _Page) -> None:
    """Ruled or squared paper with handwriting."""
    width, height = page.layout.width, page.layout.height
    step = page.between(75, 140)
    colour: Colour = (205, 180, 165) if page.chance(0.6) else (180, 180, 180)
    thin = page.between(2, 4)
    top = height * page.between(0.04, 0.12)
    squared = page.chance(0.3)
    for y in np.arange(top, height, step).tolist():
        page.line(0, y, width, y, thin, colour=colour)
    if squared:
        for x in np.arange(step / 2, width, step).tolist():
            page.line(x, 0, x, height, thin, colour=colour)
    elif page.chance(0.6):
        x = width * page.between(0.08, 0.14)
        page.line(x, 0, x, height, thin, colour=(150, 130, 220))
    for y in np.arange(top + step, height * page.between(0.3, 1), step).tolist():
        x = page.left * 1.6
        while x < page.right - 200:
            length = page.between(120, 420)
            page.scribble(x, y - step * 0.1, min(length, page.right - x), step * 0.62)
            x += length + step * 0.5


# How often each kind of page is drawn; those with large ruled tables make up four in five.
KINDS = {
    table_page: 0.36,
    form_page: 0.16,
    mixed_page: 0.16,
    invoice_page: 0.08,
    exam_page: 0.05,
    letter_page: 0.06,
    text_page: 0.06,
    receipt_page: 0.03,
    notebook_page: 0.04,
}
