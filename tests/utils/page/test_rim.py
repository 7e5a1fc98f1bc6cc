import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, pixels, sheet
from utils.page.paper import measure_paper
from utils.page.rim import FADED_RADII, meet_rim
from utils.page.structure import repair

HOLE = hole_at(240, 160, 420, 400)


def distance_px(mask):
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)


def darker_near_the_hole(page, levels, reach_px=30):
    """A page that bends away from the light where the hole is, more steeply than cells can follow."""
    return np.clip(page - levels * (distance_px(~HOLE) < reach_px)[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("levels", [12, 30, 70])
def test_a_repair_meets_what_is_seen_along_its_rim_and_forgets_it_further_in(levels):
    page = pixels(np.full((HEIGHT, WIDTH, 3), 210.0))
    window = darker_near_the_hole(page, levels)
    paper = measure_paper(covered(window, HOLE), HOLE)
    paper.tone[:] = 210
    meet_rim(window, HOLE, paper)
    depth = distance_px(HOLE)
    rim, middle = HOLE & (depth < 3), depth > 0.98 * depth.max()
    assert abs(paper.tone[rim].mean() - (210 - levels)) < 0.15 * levels
    assert paper.tone[middle].mean() > 210 - levels * (1 - 0.9 / FADED_RADII) ** 2
    assert (paper.tone[~HOLE] == 210).all()


def test_paper_that_fits_stays_as_it_is():
    page = pixels(np.full((HEIGHT, WIDTH, 3), 210.0))
    paper = measure_paper(covered(page, HOLE), HOLE)
    before = paper.tone.copy()
    meet_rim(page, HOLE, paper)
    assert np.array_equal(paper.tone, before)


def test_print_at_the_rim_is_not_carried_into_the_hole():
    page = pixels(sheet())
    y, x = np.nonzero(HOLE)
    page[y.min() - 40 : y.min() + 40, x.min() + 60 : x.min() + 80] = 30
    plain = pixels(sheet())
    drawn, expected = (cv2.blur(repair(covered(p, HOLE), HOLE).image.astype(float), (9, 9)) for p in (page, plain))
    below = HOLE & (distance_px(HOLE) > 6)
    below[: y.min() + 46] = False
    assert np.abs(drawn - expected)[below].max() < 6


def test_bars_that_end_at_the_rim_are_not_met_though_they_are_no_darker_than_a_shadow():
    bars = np.zeros((HEIGHT, WIDTH), bool)
    bars[:, np.arange(WIDTH) % 24 < 8] = True
    window = pixels(np.where(bars[..., None], 140.0, np.full((HEIGHT, WIDTH, 3), 210.0)))
    paper = measure_paper(covered(window, HOLE), HOLE)
    paper.tone[:] = 210
    paper.bare[:] = ~HOLE  # as if no bar had been taken for ink
    meet_rim(window, HOLE, paper)
    rim = HOLE & (distance_px(HOLE) < 3)
    assert (210 - paper.tone[rim]).max() < 12


def test_each_surface_meets_its_own_rim():
    page = np.full((HEIGHT, WIDTH, 3), 210.0)
    page[:, 330:] = 90
    window = darker_near_the_hole(pixels(page), 0)
    paper = measure_paper(covered(window, HOLE), HOLE)
    truth = paper.tone.copy()
    paper.tone[paper.surface == paper.page] -= 15
    meet_rim(window, HOLE, paper)
    depth = distance_px(HOLE)
    inside = HOLE & (depth < 3) & (np.abs(np.arange(WIDTH) - 330) > 20)
    assert np.abs(paper.tone - truth)[inside].mean() < 2
