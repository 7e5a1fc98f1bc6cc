"""Clean photos of which any part can be drawn at any reduction: of drawn pages, or of photographs of pages."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import pages
from datasets.camera import draw_camera, page_points_to_photo, photo_points_to_page, photograph
from datasets.surroundings import lookup_table
from utils import preprocess
from utils.images import read_image
from utils.regions import Box

FILE_SIDE = 1250  # a page from a file is kept at this longer side: a third of a photo's
COARSE_STEP = 1.5  # pixels of a kept page from one sample to the next
FRAME_SIDE = 3750  # what a photo's longer side stands for, in pixels of the published photos
# Ranges below were set by eye; angles are degrees, the first number a standard deviation and the second a limit.
FILE_SIZE, FILE_ZOOM, FILE_TURN = (0.8, 1.1), (1.0, 1.25), (2.5, 8)  # of a photograph in a frame
FILE_GAMMA, FILE_GAIN, FILE_TINT, FILE_NOISE = (0.8, 1.25), (0.8, 1.15), 0.03, (0, 2.5)
ASIDE_TURN, ASIDE_SHIFT = (6, 20), 0.08  # of a page on a desk of its own; parts of width and height
DESK_SHADE = 0.5  # light that the desk loses at the page's border
ASIDE = (0.55, 0.97)  # how much smaller a page on a desk of its own is
PAGE_SHADOW = 0.012  # parts of the photo's height over which a page darkens its desk
NODE_STEP = 4  # pixels between the points where the page's border is looked for


class Frame:
    """A clean photo, portrait, about `FRAME_SIDE` pixels high.

    Attributes:
        height, width: of the whole photo in pixels.
        desk: what the page lies on, a picture of the whole photo's extent at any resolution; None where the page's own
            picture shows that.
    """

    height: int
    width: int
    desk: NDArray[np.uint8] | None = None

    def view(self, window: Box, height: int, width: int, text: bool = True) -> NDArray[np.uint8]:
        """A part of the photo, reduced.

        Args:
            window: the part, in pixels of the photo.
            height, width: of the result.
            text: False leaves the text out, where that is known.

        Returns:
            `(height, width, 3)` uint8 BGR.
        """
        raise NotImplementedError

    def _lay_on_desk(
        self, picture: NDArray[np.uint8], window: Box, inside_px: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        """Show the desk where the page is not.

        Args:
            picture: `(h, w, 3)` uint8, the view of a window.
            window: in pixels of the photo.
            inside_px: `(h, w)`, how far inside the page each pixel is, in pixels of the view; negative on the desk.
        """
        assert self.desk is not None
        if inside_px.min() > 1:
            return picture
        h, w = inside_px.shape
        rows, columns = self.desk.shape[0] / self.height, self.desk.shape[1] / self.width
        step_x, step_y = window.width / w * columns, window.height / h * rows
        to_desk = np.array(
            [
                [step_x, 0, window.x0 * columns + step_x / 2 - 0.5],
                [0, step_y, window.y0 * rows + step_y / 2 - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        desk = cv2.warpAffine(self.desk, to_desk, (w, h), flags=flags, borderMode=cv2.BORDER_REFLECT)
        reach = PAGE_SHADOW * self.height * h / window.height
        closeness = np.clip(1 + inside_px / np.float32(reach), 0, 1)
        covered = np.clip(inside_px + np.float32(0.5), 0, 1)
        return cv2.blendLinear(
            picture, desk, covered, (1 - covered) * (1 - np.float32(DESK_SHADE) * closeness * closeness)
        )


class DrawnFrame(Frame):
    """A drawn page, photographed by a drawn camera; on a desk of its own it is smaller and lies anywhere."""

    def __init__(self, rng: np.random.Generator, desk: NDArray[np.uint8] | None = None) -> None:
        self.layout = pages.draw_layout(rng)
        self.camera = draw_camera(rng, self.layout)
        self.height, self.width = self.camera.height, self.camera.width
        self.desk = desk
        if desk is not None:
            aside = _aside(rng, self.height, self.width)
            self.camera = replace(self.camera, homography=aside @ self.camera.homography)

    def view(self, window: Box, height: int, width: int, text: bool = True) -> NDArray[np.uint8]:
        scale = height / window.height
        picture = photograph(self.layout, self.camera, scale=scale, window=window, text=text)
        picture = preprocess.resize(picture, height, width)
        if self.desk is None:
            return picture
        return self._lay_on_desk(picture, window, self.inside_px(window, height, width))

    def inside_px(self, window: Box, height: int, width: int) -> NDArray[np.float32]:
        """How far inside the page each pixel of a view is, in pixels of the view; negative beside it."""
        step_x, step_y = window.width / width, window.height / height
        rows, columns = -(-height // NODE_STEP), -(-width // NODE_STEP)
        xs = window.x0 + (np.arange(columns) + 0.5) * NODE_STEP * step_x
        ys = window.y0 + (np.arange(rows) + 0.5) * NODE_STEP * step_y
        nodes = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
        on_page = photo_points_to_page(self.camera, nodes).reshape(rows, columns, 2)
        size = columns * NODE_STEP, rows * NODE_STEP
        on_page = cv2.resize(on_page.astype(np.float32), size)[:height, :width]
        inside = np.minimum(on_page, np.array([self.layout.width, self.layout.height], np.float32) - on_page).min(
            axis=2
        )
        middle = np.array([[self.layout.width / 2, self.layout.height / 2]])
        along = page_points_to_photo(self.camera, middle + np.array([100, 0])) - page_points_to_photo(
            self.camera, middle
        )
        return (inside * (np.hypot(*along[0]) / 100 / step_y)).astype(np.float32)


def _turn(rng: np.random.Generator, spread: tuple[float, float]) -> float:
    """An angle in degrees, mostly small: standard deviation and limit."""
    deviation, limit = spread
    return float(np.clip(rng.normal(0, deviation), -limit, limit))


def _aside(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """The `(3, 3)` matrix that makes a page in a frame smaller, turns it a little and moves it."""
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), _turn(rng, ASIDE_TURN), rng.uniform(*ASIDE))
    turn[:, 2] += rng.normal(0, ASIDE_SHIFT, 2) * (width, height)
    return np.vstack([turn, (0, 0, 1)])


class FileFrame(Frame):
    """A photograph, turned a little, mirrored, in another light; with a desk it lies on that as a print would."""

    def __init__(self, path: Path, rng: np.random.Generator, desk: NDArray[np.uint8] | None = None) -> None:
        self.levels = read_reduced(path)
        image = self.levels[0]
        mirrored = rng.random() < 0.5
        factor = FRAME_SIDE / FILE_SIDE * rng.uniform(*FILE_SIZE)
        self.height, self.width = round(image.shape[0] * factor), round(image.shape[1] * factor)
        zoom = rng.uniform(*FILE_ZOOM)
        centre = (image.shape[1] / 2, image.shape[0] / 2)
        turn = cv2.getRotationMatrix2D(centre, _turn(rng, FILE_TURN), zoom)
        self.desk = desk
        if desk is not None:
            turn = _aside(rng, *image.shape[:2])[:2]
        to_image = cv2.invertAffineTransform(turn)
        to_image[:, :2] /= factor
        if mirrored:
            to_image[0] = -to_image[0]
            to_image[0, 2] += image.shape[1] - 1
        self.to_image = to_image
        gamma, gain, tint = rng.uniform(*FILE_GAMMA), rng.uniform(*FILE_GAIN), 1 + rng.normal(0, FILE_TINT, 3)
        level = np.arange(256)[:, None] / 255
        self.light = lookup_table(255 * level**gamma * gain * tint)
        self.noise = rng.uniform(*FILE_NOISE), int(rng.integers(2**31))

    def view(self, window: Box, height: int, width: int, text: bool = True) -> NDArray[np.uint8]:
        step_x, step_y = window.width / width, window.height / height
        to_window = np.array(
            [[step_x, 0, window.x0 + step_x / 2 - 0.5], [0, step_y, window.y0 + step_y / 2 - 0.5], [0, 0, 1]]
        )
        to_picture = matrix = self.to_image @ to_window
        coarse = float(np.hypot(matrix[0, 0], matrix[1, 0])) > COARSE_STEP
        if coarse:  # sampled more thinly than the picture has pixels: the level reduced by half, so as not to alias
            matrix = matrix / 2
            matrix[:, 2] -= 0.25
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(
            self.levels[coarse], matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT
        )
        sigma, seed = self.noise
        picture = cv2.LUT(picture, self.light)
        noise = np.random.default_rng(seed).standard_normal((height, width, 1), np.float32) * np.float32(sigma)
        picture = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
        if self.desk is None:
            return picture
        return self._lay_on_desk(picture, window, self._inside_px(to_picture, height, width))

    def _inside_px(self, to_picture: NDArray[np.float64], height: int, width: int) -> NDArray[np.float32]:
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        high, wide = self.levels[0].shape[:2]
        across, down = (row[0] * x + row[1] * y + row[2] for row in to_picture)
        inside = np.minimum(np.minimum(across, wide - 1 - across), np.minimum(down, high - 1 - down))
        return (inside / np.hypot(to_picture[0, 0], to_picture[1, 0])).astype(np.float32)


@lru_cache(maxsize=256)
def read_reduced(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A photograph in portrait, its longer side `FILE_SIDE`, and the same at half that; kept in memory."""
    image = read_image(path)
    if preprocess.is_landscape(image):
        image = preprocess.transpose(image)[:, ::-1]
    factor = FILE_SIDE / image.shape[0]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image = cv2.resize(np.ascontiguousarray(image), (round(image.shape[1] * factor), FILE_SIDE), interpolation=method)
    return image, cv2.resize(image, (image.shape[1] // 2, FILE_SIDE // 2), interpolation=cv2.INTER_AREA)
