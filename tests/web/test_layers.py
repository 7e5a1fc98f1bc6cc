import io

import cv2
import numpy as np
from PIL import Image

from utils.regions import Box
from web.layers import TILE_SIDE, jpeg, outlines, preview, stencil, tile


def picture(height, width):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def test_a_preview_is_at_most_so_long_and_never_enlarged():
    assert preview(picture(300, 900), 450).shape == (150, 450, 3)
    small = picture(30, 20)
    assert preview(small) is small


def test_tiles_side_by_side_are_the_photo():
    image = picture(TILE_SIDE + 88, 2 * TILE_SIDE + 3)
    rows = [np.hstack([tile(image, 0, column, row) for column in range(3)]) for row in range(2)]
    assert np.array_equal(np.vstack(rows), image)


def test_a_tile_of_a_level_is_the_reduced_photo_there():
    image = picture(4 * TILE_SIDE, 4 * TILE_SIDE)
    whole = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    assert np.array_equal(tile(image, 2, 0, 0), whole)


def test_there_are_no_tiles_beside_the_photo():
    image = picture(100, 100)
    assert tile(image, 0, 1, 0) is None and tile(image, 0, 0, -1) is None and tile(image, 60, 0, 0) is None


def test_a_stencil_is_transparent_where_nothing_is_covered():
    mask = np.zeros((20, 33), bool)
    mask[5:9, 7:30] = True
    rgba = np.asarray(Image.open(io.BytesIO(stencil(mask))).convert("RGBA"))
    assert np.array_equal(rgba[..., 3] > 0, mask) and rgba[mask].min() == 255


def test_a_thin_line_stays_in_a_reduced_mask():
    mask = np.zeros((400, 400), bool)
    mask[:, 200:202] = True
    assert preview(mask, 100).any(1).all()


def test_a_jpeg_of_a_picture_shows_it():
    image = np.full((40, 40, 3), (30, 120, 200), np.uint8)
    decoded = cv2.imdecode(np.frombuffer(jpeg(image), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - image).max() < 6


def test_outlines_run_around_a_region_in_the_photos_pixels():
    inside = np.ones((300, 200), bool)
    [line] = outlines(Box(1000, 500, 1200, 800), inside, 4000, 3000)
    points = np.array(line)
    assert np.abs(points.min(0) - [1000, 500]).max() <= 8 and np.abs(points.max(0) - [1200, 800]).max() <= 8
