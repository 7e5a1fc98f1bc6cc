import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, lying, pixels, sheet
from utils.page.network_rest import add_rest, find_patterned, network_rest
from utils.page.paper import Paper

HOLE = hole_at(240, 160, 420, 400)
TONE = sheet(noise=0).astype(np.float32)
NO_INK = np.zeros((HEIGHT, WIDTH, 3), np.float32)


def paper_of(bare: np.ndarray | None = None, surface: np.ndarray | None = None) -> Paper:
    numbers = np.ones((HEIGHT, WIDTH), np.uint8) if surface is None else surface.astype(np.uint8)
    light = np.ones((HEIGHT // 8, WIDTH // 8, 3), np.float32)
    return Paper(TONE, ~HOLE if bare is None else bare & ~HOLE, numbers, 1, (), [], 1.0, light)


def written(page: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A page with rows of print, and where it is bare."""
    page, bare = page.copy(), np.ones((HEIGHT, WIDTH), bool)
    for y in range(20, HEIGHT, 22):
        lying(page, y, 0, WIDTH, width=9)
        bare[y - 6 : y + 7] = False
    return page, bare


def test_a_network_that_draws_paper_alone_adds_nothing():
    page, bare = written(sheet())
    rest = network_rest(pixels(sheet(noise=0)), covered(page, HOLE), paper_of(bare), NO_INK, HOLE)
    assert np.abs(rest[HOLE]).max() < 1


def test_print_that_the_network_continues_comes_in():
    page, bare = written(sheet())
    rest = network_rest(pixels(page), covered(page, HOLE), paper_of(bare), NO_INK, HOLE)
    row = rest[262 - 2 : 262 + 3, 260:400].mean()  # print at 20 + 11 · 22
    assert row < -40 and np.abs(rest[251, 260:400]).mean() < 10


def test_what_it_dreams_on_a_page_without_print_stays_out():
    page, _ = written(sheet())
    assert not network_rest(pixels(page), covered(sheet(), HOLE), paper_of(), NO_INK, HOLE)[HOLE].any()


def test_a_network_that_errs_beside_the_hole_is_not_believed_in_it():
    page, bare = written(sheet())
    wrong = pixels(page + np.where(HOLE, 0, 120)[..., None] * ((np.arange(WIDTH) // 8 % 2) * 2 - 1)[:, None])
    rest = network_rest(wrong, covered(page, HOLE), paper_of(bare), NO_INK, HOLE)
    assert np.abs(rest[HOLE]).mean() < 3


def test_an_offset_of_the_whole_picture_is_no_print():
    page, bare = written(sheet())
    rest = network_rest(pixels(sheet(noise=0) - 25), covered(page, HOLE), paper_of(bare), NO_INK, HOLE)
    assert np.abs(rest[HOLE]).max() < 1


def test_a_hole_beside_the_page_gets_nothing():
    page, bare = written(sheet())
    rest = network_rest(pixels(page), covered(page, HOLE), paper_of(bare, np.where(HOLE, 2, 1)), NO_INK, HOLE)
    assert rest.shape == NO_INK.shape and not rest.any()


def patterned(level: float = 40) -> tuple[np.ndarray, np.ndarray]:
    """A page whose right half is a chequered desk, and the number of the surface of each pixel."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    right = x >= 330
    page = sheet() + np.where(right, np.where((x // 8 + y // 8) % 2, level, -level), 0)[..., None]
    return page, np.where(right, 2, 1)


@pytest.mark.parametrize(("level", "numbers"), [(40, [2]), (0.5, [])])
def test_a_surface_that_strays_from_its_own_colour_is_patterned(level, numbers):
    page, surface = patterned(level)
    assert find_patterned(covered(page, HOLE), paper_of(surface=surface), HOLE) == numbers


def test_a_page_that_is_hardly_bare_anywhere_is_a_picture():
    assert find_patterned(covered(sheet(), HOLE), paper_of(bare=np.zeros((HEIGHT, WIDTH), bool)), HOLE) == [1]


def test_a_surface_of_which_nearly_nothing_is_seen_is_not_judged():
    page, surface = patterned()
    hole = hole_at(330, 0, WIDTH, HEIGHT)
    paper = paper_of(surface=surface)
    assert find_patterned(covered(page, hole), paper, hole) == []


@pytest.mark.parametrize("keeps", [True, False])
def test_a_patterned_desk_is_taken_from_the_network_if_it_keeps_to_its_colours(keeps):
    page, surface = patterned()
    x, y, width, height = cv2.boundingRect(HOLE.astype(np.uint8))
    values = TONE[y : y + height, x : x + width].copy()
    generated = pixels(page if keeps else page - 120)
    result = add_rest(values, generated, covered(page, HOLE), paper_of(surface=surface), NO_INK, HOLE)
    desk = np.s_[10:-10, 110:-10]
    assert np.allclose(result[desk], (generated if keeps else TONE)[y : y + height, x : x + width][desk], atol=1)
