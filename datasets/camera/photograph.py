"""Photographs of drawn pages at any reduction and through any window.

Geometry and light are computed at nodes some pixels apart and are linear between them; a photo is finished in strips.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.camera.model import Camera, photo_points_to_page
from datasets.camera.textures import NOISE_SIDE, TEXTURE_DEVIATION, TEXTURE_MEAN, TEXTURE_SIDE, draw_texture, grains
from datasets.pages import Layout, rasterise
from utils.arrays import AnyArray

NODE_STEP_PX, REDUCED_NODE_STEP_PX = 16, 4  # between the nodes, for views of full size and for reduced ones
STRIP_ROWS = 256  # finished at a time, so that a strip stays in the processor's cache; a multiple of the steps
SMALL_VIEW_PX = 2**17  # area up to which a reduced view is drawn as sharp as bilinear reduction of a photo would be
FULL_SIZE_SCALE = 0.5  # above, a view counts as one of full size
SMALL_DETAIL, LARGE_DETAIL = 3, 2  # pixels drawn per output pixel along each side, for small and larger views
LEAST_SIGMA_PX = 0.25  # of a blur of the raster; a weaker one is not to be seen
PAGE_MARGIN = 8  # page units beyond the page that are rasterised, for the interpolation at its border
CREASE_REACH = 0.012  # parts of a photo's width over which a fold turns; sharper ones would step from node to node
DIMMEST, BRIGHTEST = 0.05, 1.08  # light that a sensor can still show, as parts of full light
MOTTLE_REPEAT = 700  # pixels of the mottle's texture across a photo
MOTTLE_SHIFTS = 509  # places where it may begin, in its pixels: a prime below its side
PROBE = 10  # page units over which the scale at a point is measured
DESK_LIGHT_LEVEL = 235  # grey level that stands for full light on the desk, leaving room for what is brighter
REDUCED_NOISE = 0.6  # share of the sensor's noise that is left in reduced views, as bilinear reduction leaves it


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
    noise = _noise(camera, 1.0 if scale == 1 else REDUCED_NOISE, min(height, NOISE_SIDE), width)
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, height)
        strip = _lit(camera, view, ink, top, bottom)
        rows = noise[top % NOISE_SIDE :][: bottom - top]
        cv2.add(strip, rows, dst=out[top:bottom], dtype=cv2.CV_8U)
    return out


class _View:
    """The nodes of a view: block centres of `step` output pixels, with one block more on every side."""

    def __init__(self, camera: Camera, scale: float, x0: float, y0: float, height: int, width: int) -> None:
        self.scale, self.x0, self.y0, self.height, self.width = scale, x0, y0, height, width
        self.step = NODE_STEP_PX if scale > FULL_SIZE_SCALE else REDUCED_NODE_STEP_PX
        rows, columns = -(-height // self.step) + 2, -(-width // self.step) + 2
        xs = x0 + (np.arange(columns) - 0.5) * self.step / scale
        ys = y0 + (np.arange(rows) - 0.5) * self.step / scale
        grid = np.stack(np.meshgrid(xs, ys), -1)
        self.photo = grid / camera.width  # in parts of the photo's width, as the camera's parameters are
        self.page = photo_points_to_page(camera, grid.reshape(-1, 2)).reshape(grid.shape)
        self.light = _light(camera, self.photo)

    def finer(self, nodes: AnyArray, top: int, bottom: int) -> AnyArray:
        """Values at the pixels of some rows, from those at the nodes; `top` is a multiple of `step`."""
        first, last = top // self.step, -(-bottom // self.step) + 2
        strip = nodes[first:last]
        size = (strip.shape[1] * self.step, strip.shape[0] * self.step)
        large = cv2.resize(strip, size, interpolation=cv2.INTER_LINEAR)
        return large[self.step : self.step + bottom - top, self.step : self.step + self.width]


class _Ink:
    """The rasterised part of the page that a view sees."""

    def __init__(self, layout: Layout, camera: Camera, view: _View, text: bool) -> None:
        detail = SMALL_DETAIL if view.height * view.width <= SMALL_VIEW_PX else LARGE_DETAIL
        reduction = min(1.0, detail * view.scale)  # of the raster against the full-size photo
        low, high = view.page.reshape(-1, 2).min(0), view.page.reshape(-1, 2).max(0)
        self.size = np.array([layout.width, layout.height], float)
        low, high = (
            np.clip(low - PAGE_MARGIN, -PAGE_MARGIN, self.size),
            np.clip(high + PAGE_MARGIN, 0, self.size + PAGE_MARGIN),
        )
        self.scale = _magnification(camera, self.size / 2) * reduction
        low = np.floor(low * self.scale) / self.scale  # whole pixels: every window falls onto the same raster
        width, height = np.maximum(np.ceil((high - low) * self.scale), 1).astype(int).tolist()
        self.raster = rasterise(layout, self.scale, low[0], low[1], height, width, text, layout.is_grey())
        # Bilinear sampling blurs by a quarter of a raster pixel squared, bilinear reduction by a quarter of a photo
        # pixel squared: the lens adds the rest.
        pixel = 1 / reduction
        variance = camera.blur_px**2 + (0.25 if view.scale < 1 else 0) - (pixel**2 - 1) / 4
        sigma = math.sqrt(max(variance, 0)) / pixel
        if sigma > LEAST_SIGMA_PX:
            self.raster = cv2.GaussianBlur(self.raster, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        levels = 255 - camera.ink * (255 - np.arange(256))
        self.levels = np.rint(levels).astype(np.uint8)

        # Distance of the view's nodes to the page's nearer border in x and in y, negative on the desk, in page units.
        self.inside = np.minimum(view.page, self.size - view.page).astype(np.float32)
        # The nodes in pixels of the raster: affine, so it may come before the interpolation between them.
        self.nodes = ((view.page - low) * self.scale - 0.5).astype(np.float32)

    def sample(self, at: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Reflectance at `(h, w, 2)` points in pixels of the raster, as `(h, w, 3)` uint8."""
        inked = cv2.remap(self.raster, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        reflected = cv2.LUT(inked, self.levels)
        return cv2.cvtColor(reflected, cv2.COLOR_GRAY2BGR) if reflected.ndim == 2 else reflected


def _magnification(camera: Camera, point: NDArray[np.float64]) -> float:
    """Photo pixels per page unit around a point of the page."""
    around = point + np.array([[0.0, 0.0], [PROBE, 0], [0, PROBE]])
    a, b, c = cv2.perspectiveTransform(around[None], camera.homography)[0]
    (ux, uy), (vx, vy) = (b - a) / PROBE, (c - a) / PROBE
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
        light = light * (1 + fold.shade * np.tanh(beyond / CREASE_REACH) * np.exp(-np.abs(beyond) / fold.reach))
    grain = draw_texture("speckle")
    shift = camera.seed % MOTTLE_SHIFTS
    rows, columns = (np.mod(where * MOTTLE_REPEAT + shift, TEXTURE_SIDE).astype(int)[..., k] for k in (1, 0))
    light = light * (1 + camera.mottle * (grain[rows, columns] - float(TEXTURE_MEAN)) / TEXTURE_DEVIATION)
    return np.clip(light, DIMMEST, BRIGHTEST).astype(np.float32)


def _lit(camera: Camera, view: _View, ink: _Ink, top: int, bottom: int) -> NDArray[np.uint8]:
    """Rows of the picture before noise."""
    first, last = top // view.step, -(-bottom // view.step) + 2
    paper = np.clip(view.light[..., None] * np.array(camera.paper, np.float32), 0, 255)
    light = view.finer(np.rint(paper).astype(np.uint8), top, bottom)
    picture = cv2.multiply(ink.sample(view.finer(ink.nodes, top, bottom)), light, scale=1 / 255)
    for left, right in _columns_at_border(view, ink.inside[first:last]):
        distance = cv2.min(*cv2.split(view.finer(ink.inside, top, bottom)[:, left:right]))  # to the border, page units
        page_share = np.clip(distance * np.float32(max(view.scale, 0.5)) + np.float32(0.5), 0, 1)
        closeness = np.clip(1 + distance / np.float32(camera.desk.reach * camera.width), 0, 1)
        desk_share = (1 - page_share) * (1 - np.float32(camera.desk.shadow) * closeness * closeness)
        desk = _desk(camera, view, top, bottom, left, right)
        picture[:, left:right] = cv2.blendLinear(picture[:, left:right], desk, page_share, desk_share)
    return picture


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
    step = TEXTURE_SIDE * desk.repeat / camera.width / view.scale  # texture pixels per output pixel
    cos, sin = math.cos(desk.angle) * step, math.sin(desk.angle) * step
    x, y = view.x0 * view.scale + left, view.y0 * view.scale + top
    place = np.array([[cos, -sin, cos * x - sin * y], [sin, cos, sin * x + cos * y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (right - left, bottom - top)
    grain = cv2.warpAffine(draw_texture(desk.texture), place, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    levels = np.linspace(desk.dark, desk.light, 256)[:, None]
    colours = cv2.LUT(cv2.cvtColor(grain, cv2.COLOR_GRAY2BGR), np.clip(levels, 0, 255).astype(np.uint8))
    light = view.finer(np.clip(view.light * DESK_LIGHT_LEVEL, 0, 255).astype(np.uint8), top, bottom)[:, left:right]
    return cv2.multiply(colours, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / DESK_LIGHT_LEVEL)


def _noise(camera: Camera, share: float, height: int, width: int) -> NDArray[np.int8]:
    """`(height, width, 3)` noise of a photo, `height` at most `NOISE_SIDE`; `share` is what reduction leaves of it."""
    top, left = np.random.default_rng(camera.seed).integers(0, NOISE_SIDE, 2).tolist()
    tile = grains()[top : top + height, left : left + min(width, NOISE_SIDE)]
    noise = np.clip(np.rint(tile * np.float32(camera.noise * share)), -127, 127).astype(np.int8)
    return np.tile(noise, (1, -(-width // NOISE_SIDE), 1))[:, :width]
