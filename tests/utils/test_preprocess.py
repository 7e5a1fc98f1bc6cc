import cv2
import numpy as np
import pytest

from utils import preprocess
from utils.preprocess import MASK_LEVEL


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), np.uint8)


def test_a_picture_of_the_right_size_is_not_resized():
    image = picture(64, 48)
    assert preprocess.resize(image, 64, 48) is image


@pytest.mark.parametrize("shape", [(30, 20), (30, 20, 3)])
def test_a_picture_is_resized_to_height_and_width_in_that_order(shape):
    assert preprocess.resize(np.zeros(shape, np.float32), 10, 70).shape == (10, 70, *shape[2:])


def test_transposing_twice_gives_the_picture_back():
    image = picture(5, 9)
    turned = preprocess.transpose(image)
    assert turned.shape == (9, 5, 3) and turned.flags.c_contiguous
    assert (turned[7, 2] == image[2, 7]).all() and (preprocess.transpose(turned) == image).all()


@pytest.mark.parametrize(("height", "width", "landscape"), [(5, 4, False), (4, 5, True), (4, 4, False)])
def test_only_what_is_wider_than_high_lies(height, width, landscape):
    assert preprocess.is_landscape(picture(height, width)) == landscape


def test_a_photo_in_warm_light_becomes_what_it_is_in_white_light():
    neutral = np.repeat(picture(60, 40, 1), 3, axis=2) // 2 + 100
    neutral[20:30, 20:30] = (60, 90, 160)  # BGR of something brown on it
    warm = (neutral * (0.7, 0.85, 1)).astype(np.uint8)
    found = preprocess.in_white_light(warm)
    assert np.abs(found.astype(int) - neutral).max() <= 2
    assert (found[..., 2] == warm[..., 2]).all()
    assert (preprocess.in_white_light(neutral) == neutral).all()


def test_a_red_page_keeps_its_colour():
    red = np.zeros((30, 20, 3), np.uint8)
    red[...] = (10, 20, 200)
    assert preprocess.in_white_light(red)[0, 0].tolist() == [30, 60, 200]
    assert (preprocess.in_white_light(np.zeros_like(red)) == 0).all()


def test_the_segmenter_reads_scaled_planes():
    image = picture(8, 6)
    planes = preprocess.to_segmenter_input(image, 8, 6, 0.6, 0.2)
    assert planes.dtype == np.float32 and planes.shape == (3, 8, 6)
    np.testing.assert_allclose(planes, ((image / 255 - 0.6) / 0.2).transpose(2, 0, 1), atol=1e-6)


def test_pixels_come_back_from_the_generators_scale():
    image = picture(16, 16)
    assert (preprocess.to_image(preprocess.to_generator_image(image, 16)) == image).all()


def test_what_the_generator_draws_outside_its_range_is_clamped():
    values = np.array([-0.5, 0.0, 0.5019, 1.0, 1.7], np.float32)
    assert preprocess.to_image(np.tile(values, (3, 1, 1)))[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_a_mask_is_one_in_the_hole_soft_at_its_edge_and_never_more():
    mask = np.zeros((60, 60), np.uint8)
    mask[:, 24:] = MASK_LEVEL
    soft = preprocess.to_generator_mask(mask, 24)
    assert soft.shape == (1, 24, 24) and soft.min() == 0 and soft.max() == 1
    assert np.count_nonzero((soft > 0) & (soft < 1)) == 24
    assert preprocess.to_generator_mask(np.full((24, 24), 255, np.uint8), 24).max() == 1


@pytest.mark.parametrize(
    ("shape", "expected"), [((100, 50), (64, 32)), ((50, 100, 3), (32, 64)), ((7, 7), (64, 64)), ((1000, 1), (64, 1))]
)
def test_the_longer_side_fills_the_networks_square(shape, expected):
    assert preprocess.inner_size(shape, 64) == expected


@pytest.mark.parametrize("shape", [(40, 20, 3), (20, 40, 3), (40, 20), (40, 40, 3)])
def test_a_crop_keeps_its_proportions_and_its_last_pixels_fill_the_square(shape):
    crop = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    square = preprocess.fit_square(crop, 20)
    assert square.shape == (20, 20, *shape[2:])
    height, width = preprocess.inner_size(shape, 20)
    inner = cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR)
    assert (square[:height, :width] == inner).all()
    assert (square[height:] == square[height - 1]).all() and (square[:, width:] == square[:, width - 1 : width]).all()
