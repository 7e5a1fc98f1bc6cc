import numpy as np
import pytest

from utils.blend import match_tone, paste, spread
from utils.regions import Box


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("feather_px", [0, 4])
def test_pixels_outside_mask_are_untouched(rng, feather_px):
    image = rng.integers(0, 256, (60, 50, 3), np.uint8)
    before = image.copy()
    mask = np.zeros((30, 30), bool)
    mask[5:20, 8:25] = True
    box = Box(10, 20, 40, 50)
    paste(image, rng.integers(0, 256, (30, 30, 3), np.uint8), mask, box, feather_px)
    outside = np.ones((60, 50), bool)
    outside[box.slices()] = ~mask
    assert (image[outside] == before[outside]).all()
    assert (image[~outside] != before[~outside]).any()


def test_patch_fades_in_over_the_feather_and_is_whole_beyond_it():
    image = np.zeros((40, 40, 3), np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:35] = True
    paste(image, np.full((40, 40, 3), 200, np.uint8), mask, Box(0, 0, 40, 40), feather_px=4)
    profile = image[20, 5:15, 0].astype(int)
    assert (np.diff(profile) >= 0).all()
    assert 0 < profile[0] < 100
    assert (profile[5:] == 200).all()


def test_border_of_the_photo_is_no_edge():
    image = np.zeros((20, 20, 3), np.uint8)
    mask = np.zeros((20, 20), bool)
    mask[:, :12] = True
    paste(image, np.full((20, 20, 3), 200, np.uint8), mask, Box(0, 0, 20, 20), feather_px=3)
    assert (image[:, :8] == 200).all()


def test_a_patch_of_wrong_tone_is_shifted_to_its_surroundings(rng):
    ramp = np.linspace(150, 210, 300)[None, :, None] + np.zeros((300, 1, 3))
    surroundings = ramp.astype(np.uint8)
    mask = np.zeros((300, 300), bool)
    mask[100:200, 100:200] = True
    patch = (ramp - 25).astype(np.uint8)
    matched = match_tone(patch, surroundings, mask)
    assert np.abs(matched[mask].astype(int) - surroundings[mask]).max() <= 2


def test_a_hole_without_surroundings_leaves_the_patch_alone():
    patch = np.full((10, 10, 3), 90, np.uint8)
    assert (match_tone(patch, np.zeros((10, 10, 3), np.uint8), np.ones((10, 10), bool)) == patch).all()


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 64)])
def test_spread_keeps_known_values_and_stays_in_their_range(rng, shape):
    values = rng.random((*shape, 2), dtype=np.float32)
    weights = (rng.random(shape) < 0.3).astype(np.float32)
    weights[0, 0] = 1
    known = weights > 0
    result = spread(values, weights)
    assert np.allclose(result[known], values[known], atol=1e-6)
    assert result.min() >= values[known].min() - 1e-5
    assert result.max() <= values[known].max() + 1e-5
