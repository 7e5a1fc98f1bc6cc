import cv2
import numpy as np
import pytest

from utils.baselines import METHODS, SCALES, opencv_inpaint


def shaded_page(height=163, width=122):
    rows, columns = np.mgrid[:height, :width]
    grey = 150 + 60 * rows / height + 30 * columns / width
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def hole(height=163, width=122):
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (width, height // 2), 40, 1, -1)
    return mask > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", SCALES)
def test_fill_continues_shading_and_leaves_known_pixels_alone(method, scale):
    page, mask = shaded_page(), hole()
    covered = page.copy()
    covered[mask] = (20, 40, 200)
    filled = opencv_inpaint(covered, mask, method, scale)
    np.testing.assert_array_equal(filled[~mask], page[~mask])
    assert np.abs(filled.astype(int) - page).max() <= 25


@pytest.mark.parametrize("scale", SCALES)
def test_fill_does_not_depend_on_what_the_mask_hides(scale):
    one, other = shaded_page(), shaded_page()
    one[hole()], other[hole()] = 0, 255
    filled = [opencv_inpaint(image, hole(), "telea", scale)[hole()] for image in (one, other)]
    np.testing.assert_array_equal(*filled)


def test_empty_mask_changes_nothing():
    page = shaded_page()
    np.testing.assert_array_equal(opencv_inpaint(page, np.zeros(page.shape[:2], bool)), page)
