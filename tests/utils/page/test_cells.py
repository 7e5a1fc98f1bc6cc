import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, hole_at, lying, pixels, sheet
from utils.page import cells
from utils.page.cells import CELL_PX

HOLE = hole_at(220, 150, 420, 400)


@pytest.mark.parametrize(("height", "width"), [(64, 80), (61, 75), (3, 200), (8, 8)])
def test_a_grid_holds_the_window_in_whole_cells(height, width):
    window, hole = np.full((height, width, 3), 9, np.uint8), np.zeros((height, width), bool)
    hole[0, 0] = True
    grid = cells.lay_grid(window, hole)
    assert grid.hidden.shape == (-(-height // CELL_PX), -(-width // CELL_PX))
    assert grid.window.shape[:2] == grid.covered.shape == tuple(CELL_PX * side for side in grid.hidden.shape)
    assert grid.hidden[0, 0] and np.count_nonzero(grid.hidden) == 1 and (grid.window == 9).all()


def test_closing_fills_ink_up_and_leaves_the_paper():
    page = sheet(noise=0)
    for y in range(20, HEIGHT, 40):
        lying(page, y, 0, WIDTH, width=5)
    closed = cells.close_ink(cells.lay_grid(pixels(page), HOLE))
    away = ~cv2.dilate(HOLE.astype(np.uint8), np.ones((65, 65))).astype(bool)[::4, ::4]
    away[:16] = away[-16:] = False
    plain = cv2.resize(pixels(sheet(noise=0)), closed.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(closed.astype(int) - plain)[away].max() <= 3


@pytest.mark.parametrize("noise", [0.0, 1.5, 4.0])
def test_noise_is_its_standard_deviation(noise):
    page = np.random.default_rng(0).normal(180, noise, (HEIGHT, WIDTH, 3))
    measured = cells.measure_noise(cells.lay_grid(pixels(page), HOLE))
    assert measured == pytest.approx(max(noise, cells.MIN_NOISE), rel=0.12)


@pytest.mark.parametrize("hole", [HOLE, hole_at(60, 272, WIDTH, 288), hole_at(0, 0, 100, HEIGHT)])
def test_bare_paper_reaches_to_the_hole_whatever_that_shows(hole):
    picture = pixels(sheet())
    picture[hole] = 0
    grid = cells.lay_grid(picture, hole)
    darkness = cells.measure_darkness(grid, cells.close_ink(grid))
    assert darkness[~hole].max() < cells.CELL_INK_LEVELS
    assert (cells.find_bare(grid, darkness, noise=2.0).astype(bool) == ~hole).all()


def test_ink_and_its_rim_are_no_bare_paper():
    page = sheet()
    lying(page, 100, 100, 300, width=5)
    grid = cells.lay_grid(pixels(page), HOLE)
    bare = cells.find_bare(grid, cells.measure_darkness(grid, cells.close_ink(grid)), noise=2.0)
    assert not bare[96:105, 100:300].any() and bare[:92].all() and bare[109:140].all()


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_a_grown_mask_holds_what_is_so_near_in_rows_and_columns(reach):
    mask = np.zeros((12, 15), bool)
    mask[4, 6] = True
    rows, columns = np.mgrid[0:12, 0:15]
    assert (cells.grow(mask, reach) == ((abs(rows - 4) <= reach) & (abs(columns - 6) <= reach))).all()


def test_mean_of_a_cell_is_that_of_its_weighted_pixels():
    rng = np.random.default_rng(0)
    window = rng.integers(0, 256, (3 * CELL_PX, 2 * CELL_PX, 3), np.uint8)
    weight = (rng.random(window.shape[:2]) < 0.3).astype(np.uint8)
    weight[:CELL_PX, :CELL_PX] = 0
    share, mean = cells.cell_means(window, weight)
    for row in range(3):
        for column in range(2):
            square = np.s_[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
            chosen = window[square][weight[square] > 0]
            assert share[row, column] == pytest.approx(len(chosen) / CELL_PX**2, abs=0.01)
            assert mean[row, column] == pytest.approx(chosen.mean(axis=0) if len(chosen) else [0] * 3, abs=0.01)


@pytest.mark.parametrize("area", [np.s_[0:80, 0:96], np.s_[13:37, 50:96], np.s_[72:80, 0:1]])
def test_an_enlarged_area_is_that_of_the_whole_enlarged(area):
    small = np.random.default_rng(0).random((10, 12, 3), np.float32)
    whole = cv2.resize(small, (96, 80), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(cells.enlarge(small, area), whole[area], atol=1e-5)


def test_the_area_around_a_hole_ends_at_the_window():
    assert cells.area_around(hole_at(10, 100, 60, 200), 30) == (slice(70, 230), slice(0, 90))


def test_the_strongest_channel_is_the_maximum():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert (cells.strongest(image) == image.max(axis=2)).all()


def test_unknown_cells_get_the_nearest_number():
    numbers = np.zeros((5, 8), np.int32)
    numbers[:, 1], numbers[:, 6] = 3, 5
    assert cells.fill_with_nearest(numbers)[2].tolist() == [3, 3, 3, 3, 5, 5, 5, 5]


@pytest.mark.parametrize(("height", "width", "step"), [(60, 80, 2), (61, 83, 2), (61, 83, 4), (1, 5, 2)])
def test_thinned_out_pixels_are_those_of_numpys_strides(height, width, step):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for values in (picture, picture.astype(np.float32)):
        assert (cells.thin_out(values, step) == values[::step, ::step]).all()


def test_what_opencv_finds_faster_is_what_numpy_finds():
    numbers = np.random.default_rng(0).choice(np.array([1, 3, 200], np.uint8), (40, 56))
    colours = np.dstack([numbers, numbers + 1, numbers + 2])
    mask = numbers == 3
    assert cells.list_numbers(numbers) == np.unique(numbers).tolist()
    assert all((one == two).all() for one, two in zip(cells.find_points(mask), np.nonzero(mask), strict=True))
    np.testing.assert_allclose(cells.mean_channel(colours), colours.mean(axis=2), rtol=1e-6)
    assert (cells.thrice(numbers.astype(np.float32)) == numbers[..., None]).all()


def test_sums_and_shares_of_cells_are_exact():
    rng = np.random.default_rng(0)
    window, weight = rng.integers(0, 256, (40, 56, 3), np.uint8), rng.integers(0, 2, (40, 56), np.uint8)
    share, mean = cells.cell_means(window, weight)
    blocks, counted = (array.reshape(5, 8, 7, 8, -1).swapaxes(1, 2).astype(float) for array in (window, weight))
    np.testing.assert_allclose(share, counted.mean(axis=(2, 3))[..., 0], rtol=1e-6)
    np.testing.assert_allclose(mean, (blocks * counted).sum(axis=(2, 3)) / counted.sum(axis=(2, 3)), rtol=1e-5)
