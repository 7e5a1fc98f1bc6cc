"""How a page is photographed, as numbers, and where its points then appear.

Coordinates are continuous: pixel (0, 0) of a photo covers x and y from 0 to 1.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Wave:
    """A bend of the paper: photo coordinates shift by `shift` times a sine of the phase `turns` · (x, y) + `phase`.

    All lengths are parts of the photo's width; `turns` is in waves per width.
    """

    shift: tuple[float, float]
    turns: tuple[float, float]
    phase: float
    shade: float


@dataclass(frozen=True)
class Fold:
    """A crease along the line normal · (x, y) = offset, in parts of the photo's width.

    `depth` is how far the paper is displaced at the crease, `reach` how far that extends, `shade` how much the two
    sides differ in brightness.
    """

    normal: tuple[float, float]
    offset: float
    depth: float
    reach: float
    shade: float


@dataclass(frozen=True)
class Shadow:
    """Light lost beyond a straight or round soft edge, in parts of the photo's width.

    With `radius` 0 it falls where normal · (x, y) > offset, else within `radius` of the point `normal`.
    """

    normal: tuple[float, float]
    offset: float
    radius: float
    softness: float
    strength: float


@dataclass(frozen=True)
class Desk:
    """What the page lies on: a texture between two colours, turned and scaled, and the page's shadow on it."""

    texture: str
    dark: tuple[float, float, float]
    light: tuple[float, float, float]
    angle: float
    repeat: float
    shadow: float
    reach: float


@dataclass(frozen=True)
class Camera:
    """How one page is photographed.

    Attributes:
        height, width: of the photo in pixels.
        homography: 3×3, page units to photo pixels before the paper bends.
        waves, folds: of the paper.
        paper: BGR of white paper in full light, 0 to 255.
        ink: share of the light that black ink takes, 0 to 1.
        gradient: how much the light changes across the width and the height.
        vignette: light lost in the corners.
        shadows: over page and desk.
        mottle: standard deviation of the paper's unevenness, as part of its brightness.
        desk: where the page does not reach.
        blur_px: standard deviation of the lens's blur, in pixels of the photo.
        noise: standard deviation of the sensor's noise, in grey levels.
        seed: of mottle and noise.
    """

    height: int
    width: int
    homography: NDArray[np.float64]
    waves: tuple[Wave, ...]
    folds: tuple[Fold, ...]
    paper: tuple[float, float, float]
    ink: float
    gradient: tuple[float, float]
    vignette: float
    shadows: tuple[Shadow, ...]
    mottle: float
    desk: Desk
    blur_px: float
    noise: float
    seed: int


def page_points_to_photo(camera: Camera, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where points of the page appear.

    Args:
        camera: the camera.
        points: `(N, 2)` x, y in page units.

    Returns:
        `(N, 2)` float64 x, y in pixels of the full-size photo; a reduced view has them times its scale.
    """
    flat = cv2.perspectiveTransform(np.asarray(points, np.float64).reshape(1, -1, 2), camera.homography)[0]
    bent = flat.copy()
    for _ in range(8):  # the bend is gentle: each round leaves a few percent of the error before it
        bent = flat - _bend(camera, bent)
    return bent


def photo_points_to_page(camera: Camera, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Which points of the page appear at `(N, 2)` points x, y of the photo; the inverse of `page_points_to_photo`."""
    points = np.asarray(points, np.float64)
    flat = points + _bend(camera, points)
    return cv2.perspectiveTransform(flat.reshape(1, -1, 2), np.linalg.inv(camera.homography))[0]


def _bend(camera: Camera, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far from its place on flat paper each `(N, 2)` photo point is, in pixels."""
    where = points / camera.width
    shift = np.zeros(where.shape)
    for wave in camera.waves:
        swing = np.sin(2 * np.pi * (where @ np.array(wave.turns) + wave.phase))
        shift += swing[:, None] * np.array(wave.shift)
    for fold in camera.folds:
        distance = np.abs(where @ np.array(fold.normal) - fold.offset)
        shift += (fold.depth * np.exp(-distance / fold.reach))[:, None] * np.array(fold.normal)
    return shift * camera.width
