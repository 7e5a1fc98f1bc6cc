import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, sheet
from utils.page.paper import Paper
from utils.page.patterns import find_patterned

HOLE = hole_at(240, 160, 420, 400)
TONE = sheet(noise=0).astype(np.float32)


def paper_of(bare: np.ndarray | None = None, surface: np.ndarray | None = None) -> Paper:
    numbers = np.ones((HEIGHT, WIDTH), np.uint8) if surface is None else surface.astype(np.uint8)
    light = np.ones((HEIGHT // 8, WIDTH // 8, 3), np.float32)
    return Paper(TONE, ~HOLE if bare is None else bare & ~HOLE, numbers, 1, (), [], 1.0, light)


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
