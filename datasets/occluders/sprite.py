"""An occluder as a picture with alpha channel, and the canvas that it is drawn on.

A sprite is upright; one that enters from an edge of the page has its cut at the bottom. Drawn shapes are silhouettes of
thick strokes, shaded as if inflated: no likeness of anybody is needed, only the outlines, tones and textures that tell
an occluder from a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import AnyArray, Points

Sprite = NDArray[np.uint8]  # `(h, w, 4)` BGR and alpha
SUBPIXEL_BITS = 4  # of what OpenCV draws: a sixteenth of a pixel
# Set by eye: how a silhouette is shaded, as light in [-1, 1] and parts of its greatest thickness.
SWELL_BLUR, SLOPE_LIGHT, RIM_SHADE, RIM_WIDTH_SHARE = 6, 0.5, 0.35, 0.35
OUTLINE_CORNERS, LOBES, LOBE_SPREAD, LOBE_LEAST, FLATTENED = 90, 6, 0.4, 0.15, (0.3, 1)  # of shapes of no known kind
GRAIN_LEVELS, EDGE_SOFT_PX, LEAST_ALPHA = (1, 5), (0.4, 1.0), 8  # levels of 255
# These lie anywhere; all others come in over an edge.
FREE_KINDS = ("pen", "card", "cup", "phone", "object", "blob", "cable", "glasses", "coin", "eraser", "ruler", "clip")


@dataclass(frozen=True)
class Occluder:
    """A sprite and what it is.

    Attributes:
        kind: a key of `kinds.OCCLUDER_KINDS` or `kinds.RARE_KINDS`, or the folder name of a cut-out.
        sprite: `(h, w, 4)` uint8 BGRA.
    """

    kind: str
    sprite: Sprite

    @property
    def enters(self) -> bool:
        """Whether its bottom must lie on an edge of the page."""
        return self.kind not in FREE_KINDS


class Canvas:
    """A sprite in the making: colour and coverage, in a square whose sides are 1 long."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.side = side
        self.rng = rng
        self.colour = np.zeros((side, side, 3), np.float32)
        self.alpha = np.zeros((side, side), np.float32)
        self.light = rng.uniform(0, 2 * np.pi)

    def stroke(self, points: Points, radii: Sequence[float] | AnyArray) -> NDArray[np.float32]:
        """Coverage of a line of varying thickness through points given in the unit square."""
        mask = np.zeros((self.side, self.side), np.uint8)
        path, widths = _smooth(points, radii)
        shift = SUBPIXEL_BITS
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
        shift = SUBPIXEL_BITS
        scale = self.side * 2**shift
        point = (round(centre[0] * scale), round(centre[1] * scale))
        cv2.ellipse(
            mask, point, (round(axes[0] * scale), round(axes[1] * scale)), degrees, 0, 360, 255, -1, cv2.LINE_AA, shift
        )
        return mask.astype(np.float32) / np.float32(255)

    def polygon(self, points: Points) -> NDArray[np.float32]:
        """Coverage of a polygon given in the unit square."""
        mask = np.zeros((self.side, self.side), np.uint8)
        corners = np.rint(points * self.side * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        return mask.astype(np.float32) / np.float32(255)

    def paint(self, mask: NDArray[np.float32], colour: Sequence[float] | AnyArray, relief: float = 0.5) -> None:
        """Put a shape on top, shaded as if inflated.

        Args:
            mask: `(side, side)` float32 coverage in [0, 1].
            colour: BGR, one or `(side, side, 3)`.
            relief: how much the shading darkens and lightens, 0 is flat.
        """
        extent = _extent(mask)
        mask = mask[extent]
        shade = 1 + relief * _inflated_shading(mask, self.light) if relief else np.ones_like(mask)
        painted = _colour_within(colour, extent) * shade[..., None]
        self.colour[extent] += (painted - self.colour[extent]) * mask[..., None]
        self.alpha[extent] = np.maximum(self.alpha[extent], mask)

    def tint(self, mask: NDArray[np.float32], colour: Sequence[float] | AnyArray, opacity: float) -> None:
        """Colour a part of what is there."""
        extent = _extent(mask)
        weight = (mask[extent] * np.float32(opacity))[..., None]
        self.colour[extent] += (_colour_within(colour, extent) - self.colour[extent]) * weight


def _extent(mask: NDArray[np.float32]) -> tuple[slice, slice]:
    """The rows and columns that a shape touches, with a margin of one: what lies outside need not be computed."""
    x, y, w, h = cv2.boundingRect((mask > 0).astype(np.uint8))
    return slice(max(y - 1, 0), y + h + 1), slice(max(x - 1, 0), x + w + 1)


def _colour_within(colour: Sequence[float] | AnyArray, extent: tuple[slice, slice]) -> NDArray[np.float32]:
    """One colour as it is, a picture cut to `extent`."""
    values = np.asarray(colour, np.float32)
    return values[extent] if values.ndim == 3 else values


def _smooth(points: Points, radii: Sequence[float] | AnyArray, steps: int = 8) -> tuple[Points, AnyArray]:
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
    height = cv2.GaussianBlur(height, (0, 0), max(1.0, thickest / SWELL_BLUR))
    dy, dx = np.gradient(height)
    slope = dx * np.cos(light) + dy * np.sin(light)
    return np.clip(slope * SLOPE_LIGHT, -1, 1) - RIM_SHADE * np.clip(1 - depth / (RIM_WIDTH_SHARE * thickest), 0, 1)


def smooth_noise(rng: np.random.Generator, side: int, cells: int, stretch: float = 1.0) -> NDArray[np.float32]:
    """Smooth noise `(side, side)` of unit variance; `cells` blobs across, longer by `stretch` downwards."""
    small = rng.standard_normal((max(2, round(cells / stretch)), max(2, cells))).astype(np.float32)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)


def rounded(canvas: Canvas, half_width: float, half_height: float, radius: float) -> NDArray[np.float32]:
    """Coverage of a rectangle with round corners about the middle of the canvas."""
    w, h = half_width - radius, half_height - radius
    corners = np.array(
        [[0.5 - w, 0.5 - h], [0.5 + w, 0.5 - h], [0.5 + w, 0.5 + h], [0.5 - w, 0.5 + h], [0.5 - w, 0.5 - h]]
    )
    mask = canvas.polygon(corners)
    for start, end in pairwise(corners):
        mask = np.maximum(mask, canvas.stroke(np.array([start, end]), [radius, radius]))
    return mask


def wavy(canvas: Canvas, rng: np.random.Generator, reach: float) -> NDArray[np.float32]:
    """Coverage of a smooth closed outline about the middle: round, lobed or long."""
    angles = np.linspace(0, 2 * np.pi, OUTLINE_CORNERS, endpoint=False)
    radius = np.ones(OUTLINE_CORNERS)
    for waves in range(1, LOBES + 1):
        radius += rng.normal(0, LOBE_SPREAD / waves) * np.cos(waves * angles + rng.uniform(0, 2 * np.pi))
    shape = np.stack([np.cos(angles) * rng.uniform(*FLATTENED), np.sin(angles)], 1)
    points = shape * np.clip(radius, LOBE_LEAST, None)[:, None]
    return canvas.polygon(points / np.abs(points).max() * reach + 0.5)


def finish(canvas: Canvas, rng: np.random.Generator) -> Sprite:
    """Grain and a soft edge of a pixel or two; empty margins are cut off, but never the bottom."""
    grain = rng.normal(0, rng.uniform(*GRAIN_LEVELS), canvas.alpha.shape).astype(np.float32)
    colour = np.clip(canvas.colour + grain[..., None], 0, 255)
    alpha = cv2.GaussianBlur(canvas.alpha, (0, 0), rng.uniform(*EDGE_SOFT_PX))
    sprite = np.dstack([colour, alpha * 255]).astype(np.uint8)
    x, y, w, _ = cv2.boundingRect((sprite[..., 3] > LEAST_ALPHA).astype(np.uint8))
    return np.ascontiguousarray(sprite[y:, x : x + w])
