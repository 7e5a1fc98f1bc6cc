"""From a page to pixels: whole, reduced, or only the window that a training sample shows."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.pages.fonts import font_face
from datasets.pages.layout import Colour, Layout, Picture, Rule, Shape, Text

SUPERSAMPLE = 3  # reduced pages are rasterised this much finer, then averaged
_LINE_SPREAD_PX = 1.3  # OpenCV 5 draws a line of an even thickness so much wider, and one of thickness 1 so wide
_THINNEST_PX = 1.5  # up to this width a line is drawn at thickness 1
_TEXT_RISE = 1.4  # height of a tile for turned text, over that of a line
_SHIFT = 4  # OpenCV's fixed-point bits for vertices: a sixteenth of a pixel


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


class _Raster:
    """The canvas and where it lies on the page."""

    def __init__(self, canvas: NDArray[np.uint8], scale: float, x0: float, y0: float) -> None:
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
        # The next wider line that OpenCV draws, so much paler that it holds as much ink.
        exact = width * self.scale
        thickness = 1 if exact < _THINNEST_PX else max(2, 2 * math.ceil((exact - _THINNEST_PX) / 2))
        drawn = _LINE_SPREAD_PX if thickness == 1 else thickness + _LINE_SPREAD_PX
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
        cv2.putText(self.canvas, run.text, where, self._colour(run.colour), font_face(run.font), size, run.weight)

    def _turned_text(self, run: Text, size: int) -> None:
        reach = run.length + run.size
        if self._outside(run.x - reach, run.y - reach, run.x + reach, run.y + reach):
            return
        length, rise = math.ceil(run.length * self.scale) + 2, math.ceil(size * _TEXT_RISE)
        shape = (rise, length) if self.canvas.ndim == 2 else (rise, length, 3)
        tile = np.full(shape, 255, np.uint8)
        cv2.putText(tile, run.text, (1, size), self._colour(run.colour), font_face(run.font), size, run.weight)
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
