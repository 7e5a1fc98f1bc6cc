"""Photographs of drawn pages: perspective, curl and folds, light and shadows, paper and desk, blur and sensor noise.

Coordinates are continuous: pixel (0, 0) of a photo covers x and y from 0 to 1. A camera states its photo's size; the
same camera shows the same scene at any reduction and through any window, so that a training sample at the networks'
resolution need not draw ten million pixels first. Source: none, written for this toolkit.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.pages import Layout, rasterise

_STEP, _REDUCED_STEP = 16, 4  # pixels between the nodes where geometry and light are computed; linear between them
_STRIP = 256  # rows finished at a time, so that a strip stays in the processor's cache; a multiple of the step
_FIBRES = 0.35  # strength of the paper's fibres against the sensor's noise
_NOISE_SIDE = 512  # noise repeats after so many pixels, which nobody sees
_SMALL_VIEW = 2**17  # pixels up to which a reduced view is drawn as sharp as bilinear reduction of a photo would be
_CREASE = 0.012  # parts of a photo's width over which a fold turns; sharper ones would step from node to node
_SMALL_DETAIL, _LARGE_DETAIL = 3, 2  # pixels drawn per output pixel along each side, for small and larger views


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


def draw_camera(
    rng: np.random.Generator, layout: Layout, height: int | None = None, width: int | None = None
) -> Camera:
    """Draw how a page is photographed.

    Args:
        rng: source of all randomness; the same state gives the same camera.
        layout: the page, of which only the size counts.
        height, width: of the photo in pixels; about the page's own size without them (a page narrower than usual
            leaves desk at its sides).
    """
    height = height or layout.height
    width = width or round(max(layout.width, 0.68 * height))

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def chance(probability: float) -> bool:
        return bool(rng.random() < probability)

    level = between(183, 241)
    warmth = between(-0.03, 0.06) if chance(0.8) else between(0.05, 0.2)
    green = between(-0.012, 0.012)
    paper = (level * (1 - warmth), level * (1 - warmth / 3 + green), level)

    waves = []
    if chance(0.65):
        for _ in range(int(rng.integers(1, 4))):
            turn, pull = between(0, 2 * math.pi), between(0, 2 * math.pi)
            frequency, amplitude = between(0.2, 1.1), between(0.0008, 0.005)
            waves.append(
                Wave(
                    (amplitude * math.cos(pull), amplitude * math.sin(pull)),
                    (frequency * math.cos(turn), frequency * math.sin(turn)),
                    between(0, 1),
                    between(0, 0.05),
                )
            )
    folds = []
    if chance(0.3):
        for _ in range(int(rng.integers(1, 3))):
            turn = between(-0.06, 0.06) + (math.pi / 2 if chance(0.65) else 0)
            normal = (math.cos(turn), math.sin(turn))
            middle = between(0.25, 0.75) * normal[0] + between(0.25, 0.75) * height / width * normal[1]
            folds.append(Fold(normal, middle, between(0.0003, 0.002), between(0.02, 0.15), between(0.02, 0.09)))
    shadows = []
    for _ in range(int(rng.integers(0, 4))):
        strength = between(0.05, 0.25)
        if chance(0.6):
            turn = between(0, 2 * math.pi)
            normal = (math.cos(turn), math.sin(turn))
            offset = between(0.1, 0.9) * normal[0] + between(0.1, 0.9) * height / width * normal[1]
            shadows.append(Shadow(normal, offset, 0, between(0.02, 0.35), strength))
        else:
            where = (between(-0.2, 1.2), between(-0.2, 1.2) * height / width)
            shadows.append(Shadow(where, 0, between(0.15, 0.6), between(0.05, 0.35), strength))
    return Camera(
        height=height,
        width=width,
        homography=_draw_homography(rng, layout, height, width),
        waves=tuple(waves),
        folds=tuple(folds),
        paper=paper,
        ink=between(0.62, 0.9),
        gradient=(between(-0.14, 0.14), between(-0.16, 0.16)),
        vignette=between(0, 0.22),
        shadows=tuple(shadows),
        mottle=between(0.001, 0.008),
        desk=_draw_desk(rng),
        blur_px=between(0.4, 1.6) if chance(0.85) else between(1.6, 3),
        noise=between(0.8, 3.8),
        seed=int(rng.integers(2**31)),
    )


def _draw_homography(rng: np.random.Generator, layout: Layout, height: int, width: int) -> NDArray[np.float64]:
    """Where the page lies in the frame: filling it, or a little smaller with the desk around."""
    fit = min(width / layout.width, height / layout.height)
    size = fit * (rng.uniform(1.0, 1.07) if rng.random() < 0.55 else rng.uniform(0.84, 1.0))
    angle = math.radians(float(rng.normal(0, 0.8) if rng.random() < 0.8 else rng.uniform(-5, 5)))
    page = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float) * (layout.width, layout.height)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = (page - (layout.width / 2, layout.height / 2)) @ turn.T * size
    tilt = rng.uniform(0, 0.025)
    corners *= 1 + rng.uniform(-tilt, tilt, (4, 1))
    corners += np.array([width, height]) * (0.5 + rng.uniform(-0.015, 0.015, 2))
    return cv2.getPerspectiveTransform(page.astype(np.float32), corners.astype(np.float32))


def _draw_desk(rng: np.random.Generator) -> Desk:
    texture = str(rng.choice(["wood", "cloth", "speckle"], p=[0.45, 0.25, 0.3]))
    if texture == "wood":
        light = np.array([rng.uniform(60, 140), rng.uniform(95, 165), rng.uniform(130, 205)])
    elif rng.random() < 0.75:
        light = np.full(3, rng.uniform(25, 200)) + rng.normal(0, 6, 3)
    else:
        light = rng.uniform(30, 190, 3)
    dark = light * rng.uniform(0.55, 0.93)
    return Desk(
        texture=texture,
        dark=(float(dark[0]), float(dark[1]), float(dark[2])),
        light=(float(light[0]), float(light[1]), float(light[2])),
        angle=float(rng.uniform(0, 2 * math.pi)),
        repeat=float(rng.uniform(0.8, 2.5)),
        shadow=float(rng.uniform(0.1, 0.6)),
        reach=float(rng.uniform(0.004, 0.03)),
    )


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
        away = np.abs(where @ np.array(fold.normal) - fold.offset)
        shift += (fold.depth * np.exp(-away / fold.reach))[:, None] * np.array(fold.normal)
    return shift * camera.width


def photograph(
    layout: Layout,
    camera: Camera,
    scale: float = 1.0,
    window: tuple[float, float, float, float] | None = None,
    text: bool = True,
) -> NDArray[np.uint8]:
    """Photograph a page.

    A reduced view looks as if the full-size photo had been reduced bilinearly, without averaging, which is how
    `utils.preprocess.resize` prepares pictures for the networks: thin rules alias, noise stays. Only the noise's grains
    differ from those of the full-size photo.

    Args:
        layout: the page.
        camera: how it is photographed; it states the size of the photo.
        scale: output pixels per pixel of the photo, in (0, 1].
        window: x0, y0, x1, y1 in pixels of the photo; all of it without.
        text: whether words and handwriting are drawn; everything else is the same without them, noise included.

    Returns:
        `(h, w, 3)` uint8 BGR, the window's sides times `scale`, rounded, at least 1.

    Raises:
        ValueError: `scale` or `window` describes no picture.
    """
    x0, y0, x1, y1 = window or (0, 0, camera.width, camera.height)
    if not 0 < scale <= 1 or x1 <= x0 or y1 <= y0:
        raise ValueError(f"scale {scale} with window {(x0, y0, x1, y1)}: need 0 < scale <= 1 and a window with an area")
    height, width = max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale))
    view = _View(camera, scale, x0, y0, height, width)
    ink = _Ink(layout, camera, view, text)
    noise = _noise(camera, 1.0 if scale == 1 else 0.6, min(height, _NOISE_SIDE), width)
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        strip = _lit(camera, view, ink, top, bottom)
        rows = noise[top % _NOISE_SIDE :][: bottom - top]
        cv2.add(strip, rows, dst=out[top:bottom], dtype=cv2.CV_8U)
    return out


class _View:
    """The nodes of a view: block centres of `step` output pixels, with one block more on every side."""

    def __init__(self, camera: Camera, scale: float, x0: float, y0: float, height: int, width: int):
        self.scale, self.x0, self.y0, self.height, self.width = scale, x0, y0, height, width
        self.step = _STEP if scale > 0.5 else _REDUCED_STEP
        rows, columns = -(-height // self.step) + 2, -(-width // self.step) + 2
        xs = x0 + (np.arange(columns) - 0.5) * self.step / scale
        ys = y0 + (np.arange(rows) - 0.5) * self.step / scale
        grid = np.stack(np.meshgrid(xs, ys), -1)
        self.photo = grid / camera.width  # in parts of the photo's width, as the camera's parameters are
        self.page = photo_points_to_page(camera, grid.reshape(-1, 2)).reshape(grid.shape)
        self.light = _light(camera, self.photo)

    def finer(self, nodes: NDArray, top: int, bottom: int) -> NDArray:
        """Values at the pixels of some rows, from those at the nodes; `top` is a multiple of `step`."""
        first, last = top // self.step, -(-bottom // self.step) + 2
        part = nodes[first:last]
        size = (part.shape[1] * self.step, part.shape[0] * self.step)
        large = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        return large[self.step : self.step + bottom - top, self.step : self.step + self.width]


class _Ink:
    """The rasterised part of the page that a view sees."""

    def __init__(self, layout: Layout, camera: Camera, view: _View, text: bool):
        detail = _SMALL_DETAIL if view.height * view.width <= _SMALL_VIEW else _LARGE_DETAIL
        reduction = min(1.0, detail * view.scale)  # of the raster against the full-size photo
        low, high = view.page.reshape(-1, 2).min(0), view.page.reshape(-1, 2).max(0)
        self.size = np.array([layout.width, layout.height], float)
        low, high = np.clip(low - 8, -8, self.size), np.clip(high + 8, 0, self.size + 8)
        self.scale = _magnification(camera, self.size / 2) * reduction
        low = np.floor(low * self.scale) / self.scale  # whole pixels: every window falls onto the same raster
        width, height = np.maximum(np.ceil((high - low) * self.scale), 1).astype(int).tolist()
        self.raster = rasterise(layout, self.scale, low[0], low[1], height, width, text, layout.is_grey())
        # Bilinear sampling blurs by a quarter of a raster pixel squared, bilinear reduction by a quarter of a photo
        # pixel squared: the lens adds the rest.
        pixel = 1 / reduction
        variance = camera.blur_px**2 + (0.25 if view.scale < 1 else 0) - (pixel**2 - 1) / 4
        sigma = math.sqrt(max(variance, 0)) / pixel
        if sigma > 0.25:
            self.raster = cv2.GaussianBlur(self.raster, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        levels = 255 - camera.ink * (255 - np.arange(256))
        self.levels = np.rint(levels).astype(np.uint8)

        # Distance of the view's nodes to the page's nearer border in x and in y, negative on the desk, in page units.
        self.inside = np.minimum(view.page, self.size - view.page).astype(np.float32)
        # The nodes in pixels of the raster: affine, so it may come before the interpolation between them.
        self.nodes = ((view.page - low) * self.scale - 0.5).astype(np.float32)

    def sample(self, at: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Reflectance at `(h, w, 2)` points in pixels of the raster, as `(h, w, 3)` uint8."""
        seen = cv2.remap(self.raster, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = cv2.LUT(seen, self.levels)
        return cv2.cvtColor(seen, cv2.COLOR_GRAY2BGR) if seen.ndim == 2 else seen


def _magnification(camera: Camera, point: NDArray[np.float64]) -> float:
    """Photo pixels per page unit around a point of the page."""
    around = point + np.array([[0.0, 0.0], [10, 0], [0, 10]])
    a, b, c = cv2.perspectiveTransform(around[None], camera.homography)[0]
    (ux, uy), (vx, vy) = (b - a) / 10, (c - a) / 10
    return math.sqrt(abs(ux * vy - uy * vx))


def _light(camera: Camera, where: NDArray[np.float64]) -> NDArray[np.float32]:
    """Brightness at `(h, w, 2)` points in parts of the photo's width; 1 is full light. The desk has no folds."""
    x, y = where[..., 0], where[..., 1]
    tall = camera.height / camera.width
    u, v = x - 0.5, y / tall - 0.5
    light = 1 + camera.gradient[0] * u + camera.gradient[1] * v - camera.vignette * (u * u + v * v) * 2
    for shadow in camera.shadows:
        if shadow.radius:
            beyond = shadow.radius - np.hypot(x - shadow.normal[0], y - shadow.normal[1])
        else:
            beyond = x * shadow.normal[0] + y * shadow.normal[1] - shadow.offset
        light = light * (1 - shadow.strength * (0.5 + 0.5 * np.tanh(beyond / shadow.softness)))
    for wave in camera.waves:
        light = light * (1 + wave.shade * np.cos(2 * np.pi * (where @ np.array(wave.turns) + wave.phase)))
    for fold in camera.folds:
        beyond = x * fold.normal[0] + y * fold.normal[1] - fold.offset
        light = light * (1 + fold.shade * np.tanh(beyond / _CREASE) * np.exp(-np.abs(beyond) / fold.reach))
    grain = _texture("speckle")
    shift = camera.seed % 509
    rows, columns = (np.mod(where * 700 + shift, 512).astype(int)[..., k] for k in (1, 0))
    light = light * (1 + camera.mottle * (grain[rows, columns] - 128.0) / 48)
    return np.clip(light, 0.05, 1.08).astype(np.float32)


def _lit(camera: Camera, view: _View, ink: _Ink, top: int, bottom: int) -> NDArray[np.uint8]:
    """Rows of the picture before noise."""
    first, last = top // view.step, -(-bottom // view.step) + 2
    paper = np.clip(view.light[..., None] * np.array(camera.paper, np.float32), 0, 255)
    light = view.finer(np.rint(paper).astype(np.uint8), top, bottom)
    seen = cv2.multiply(ink.sample(view.finer(ink.nodes, top, bottom)), light, scale=1 / 255)
    for left, right in _columns_at_border(view, ink.inside[first:last]):
        away = cv2.min(*cv2.split(view.finer(ink.inside, top, bottom)[:, left:right]))
        covered = np.clip(away * np.float32(max(view.scale, 0.5)) + np.float32(0.5), 0, 1)
        near = np.clip(1 + away / np.float32(camera.desk.reach * camera.width), 0, 1)
        shaded = (1 - covered) * (1 - np.float32(camera.desk.shadow) * near * near)
        desk = _desk(camera, view, top, bottom, left, right)
        seen[:, left:right] = cv2.blendLinear(seen[:, left:right], desk, covered, shaded)
    return seen


def _columns_at_border(view: _View, inside: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Stretches of pixel columns in which rows of nodes, `(rows, columns, 2)`, come near the page's border."""
    touched: NDArray[np.bool_] = np.any(inside < 4, axis=(0, 2))
    clear = np.flatnonzero(~touched)
    if not touched.any():
        return []
    if not len(clear) or touched[clear[0] : clear[-1]].any():
        return [(0, view.width)]
    stretches = (0, int(clear[0]) * view.step), (int(clear[-1] - 1) * view.step, view.width)
    return [(max(left, 0), min(right, view.width)) for left, right in stretches if left < view.width and right > 0]


def _desk(camera: Camera, view: _View, top: int, bottom: int, left: int, right: int) -> NDArray[np.uint8]:
    """Some rows and columns of the desk, lit."""
    desk = camera.desk
    step = 512 * desk.repeat / camera.width / view.scale  # texture pixels per output pixel
    cos, sin = math.cos(desk.angle) * step, math.sin(desk.angle) * step
    x, y = view.x0 * view.scale + left, view.y0 * view.scale + top
    place = np.array([[cos, -sin, cos * x - sin * y], [sin, cos, sin * x + cos * y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (right - left, bottom - top)
    grain = cv2.warpAffine(_texture(desk.texture), place, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    levels = np.linspace(desk.dark, desk.light, 256)[:, None]
    colours = cv2.LUT(cv2.cvtColor(grain, cv2.COLOR_GRAY2BGR), np.clip(levels, 0, 255).astype(np.uint8))
    light = view.finer(np.clip(view.light * 235, 0, 255).astype(np.uint8), top, bottom)[:, left:right]
    return cv2.multiply(colours, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / 235)


@lru_cache(maxsize=8)
def _texture(kind: str) -> NDArray[np.uint8]:
    """A grey 512×512 texture with mean 128; always the same one for a name."""
    rng = np.random.default_rng(7)
    field = np.zeros((512, 512), np.float32)
    if kind == "wood":
        for along, across, weight in ((120, 4, 1.0), (60, 1.2, 0.6), (25, 0.6, 0.4)):
            grain = rng.standard_normal((512, 512)).astype(np.float32)
            grain = cv2.GaussianBlur(grain, (0, 0), along, sigmaY=across, borderType=cv2.BORDER_REFLECT)
            field += weight * grain / grain.std()
    elif kind == "cloth":
        threads = np.sin(np.arange(512) * 2 * np.pi / 6).astype(np.float32)
        field += threads[:, None] * threads + 0.7 * rng.standard_normal((512, 512)).astype(np.float32)
    else:
        for size in (0.8, 3, 12, 40):
            blotch = rng.standard_normal((512, 512)).astype(np.float32)
            blotch = cv2.GaussianBlur(blotch, (0, 0), size, borderType=cv2.BORDER_REFLECT)
            field += blotch / blotch.std()
    return np.clip(128 + 48 * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _grains() -> NDArray[np.float32]:
    """`(2·side, 2·side, 3)` normal noise, of the sensor (fine, partly coloured) and of the paper's fibres (coarser)."""
    rng = np.random.default_rng(11)
    side = 2 * _NOISE_SIDE
    grains = rng.standard_normal((side, side, 3), np.float32) + rng.standard_normal((side, side, 1), np.float32)
    grains = cv2.GaussianBlur(grains, (0, 0), 0.45)
    fibres = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), 2.5)
    grains += (_FIBRES * grains.std() / fibres.std() * fibres)[..., None]
    return grains / grains.std()


def _noise(camera: Camera, share: float, height: int, width: int) -> NDArray[np.int8]:
    """`(height, width, 3)` noise of a photo, `height` at most `_NOISE_SIDE`; `share` is what reduction leaves of it."""
    top, left = np.random.default_rng(camera.seed).integers(0, _NOISE_SIDE, 2).tolist()
    part = _grains()[top : top + height, left : left + min(width, _NOISE_SIDE)]
    noise = np.clip(np.rint(part * np.float32(camera.noise * share)), -127, 127).astype(np.int8)
    return np.tile(noise, (1, -(-width // _NOISE_SIDE), 1))[:, :width]
