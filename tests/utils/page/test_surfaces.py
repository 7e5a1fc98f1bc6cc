import numpy as np
import pytest

from utils.page import surfaces
from utils.page.cells import CELL_PX
from utils.page.surfaces import choose_page, find_grounds, find_pictures, find_textured, number_surfaces

ROWS, COLUMNS = 40, 60
NOTHING = np.zeros((ROWS, COLUMNS), bool)


def cells(level: float = 200) -> np.ndarray:
    return np.full((ROWS, COLUMNS, 3), level, np.uint8)


def hidden_at(rows: slice, columns: slice) -> np.ndarray:
    hidden = NOTHING.copy()
    hidden[rows, columns] = True
    return hidden


def test_page_and_desk_are_two_surfaces_and_each_is_whole():
    closed = cells()
    closed[:, 35:] = 90
    numbers = number_surfaces(closed, NOTHING)
    assert len(np.unique(numbers)) == 2
    assert len(np.unique(numbers[:, :34])) == len(np.unique(numbers[:, 36:])) == 1


@pytest.mark.parametrize("fall", [0, 60, 200])
def test_light_that_falls_off_slowly_parts_nothing(fall):
    closed = (np.linspace(220, 220 - fall, COLUMNS)[None, :, None] + np.zeros((ROWS, 1, 3))).astype(np.uint8)
    assert (number_surfaces(closed, NOTHING) == 1).all()


def test_a_step_of_one_colour_alone_parts_two_surfaces():
    closed = cells()
    closed[:, 30:, 0] -= int(surfaces.STEP_LEVELS) + 1
    assert len(np.unique(number_surfaces(closed, NOTHING))) == 2


def test_a_thing_smaller_than_a_surface_belongs_to_what_it_lies_on():
    closed = cells()
    closed[10:15, 10:15] = 60
    assert (number_surfaces(closed, NOTHING) == 1).all()


def test_a_hole_through_a_page_leaves_it_one_surface():
    assert (number_surfaces(cells(), hidden_at(slice(None), slice(25, 35))) == 1).all()


def test_both_sides_of_a_hole_that_differ_too_much_stay_two():
    hidden, closed = hidden_at(slice(None), slice(25, 35)), cells()
    closed[:, 30:] -= int(surfaces.ACROSS_HOLE_LEVELS) + 5
    numbers = number_surfaces(closed, hidden)
    assert len(np.unique(numbers)) == 2 and numbers[0, 26] == numbers[0, 0] != numbers[0, 33] == numbers[0, -1]


def test_where_all_is_hidden_there_is_one_surface():
    assert (number_surfaces(cells(), ~NOTHING) == 1).all()


def test_the_page_is_large_and_bright():
    numbers = np.ones((ROWS, COLUMNS), np.int32)
    numbers[:, 20:] = 2
    share = np.ones((ROWS, COLUMNS), np.float32)
    for levels, page in (((220, 60), 1), ((220, 200), 2)):
        mean = np.where(numbers == 1, *levels)[..., None].repeat(3, 2).astype(np.float32)
        assert choose_page(numbers, mean, share) == page
    assert choose_page(numbers, mean, np.where(numbers == 2, 0, share)) == 1  # of the other nothing is bare


def test_what_the_finder_sees_beside_the_page_is_ground():
    numbers = np.ones((ROWS, COLUMNS), np.int32)
    numbers[:, 40:] = 2
    beside = np.zeros((ROWS * CELL_PX - 3, COLUMNS * CELL_PX - 5), bool)  # the last cells are not whole
    assert find_grounds(numbers, None, NOTHING) is None and find_grounds(numbers, beside, NOTHING) == ()
    beside[:, 38 * CELL_PX :] = True
    assert find_grounds(numbers, beside, NOTHING) == (2,)
    assert find_grounds(numbers, np.ones_like(beside), NOTHING) == (1, 2)


def test_a_surface_is_a_picture_where_next_to_nothing_of_it_that_is_seen_is_bare():
    numbers = np.ones((ROWS, COLUMNS), np.int32)
    numbers[:, 20:], numbers[:, 40:] = 2, 3
    share = np.select([numbers == 1, numbers == 2], [0.5, 0.15], 0.05).astype(np.float32)
    assert find_pictures(numbers, share, NOTHING) == (3,)
    share[:, 20:30] = 0
    assert find_pictures(numbers, share, NOTHING) == (2, 3)
    assert find_pictures(numbers, share, numbers == 3) == (2,)


def test_only_a_surface_that_is_dark_in_most_places_has_a_texture():
    numbers = np.ones((ROWS, COLUMNS), np.int32)
    numbers[:, 20:], numbers[:, 40:] = 2, 3
    large = numbers.repeat(CELL_PX, 0).repeat(CELL_PX, 1)
    dark = np.random.default_rng(0).random(large.shape) < np.where(large == 3, 0.7, 0.2)  # pattern, print
    darkness, covered = (dark * 30).astype(np.uint8), np.zeros(large.shape, np.uint8)
    assert find_textured(numbers, darkness, covered, page=1) == (3,)
    assert find_textured(numbers, darkness, covered, page=3) == ()
    covered[large == 3] = 1
    assert find_textured(numbers, darkness, covered, page=1) == ()
