import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, pixels, sheet
from utils.page.doubt import find_doubts, is_better, is_paper, tone_error
from utils.page.structure import repair

HOLE = hole_at(240, 160, 420, 400)
ONE = np.ones((HEIGHT, WIDTH), np.uint8)


def written() -> np.ndarray:
    page = pixels(sheet())
    for row in range(30, HEIGHT, 22):
        cv2.putText(page, "abcde fghij klmno pqrst uvwxy zabcd", (10, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40,) * 3, 1)
    return page


def test_repair_of_a_page_with_text_is_not_in_doubt():
    page = written()
    found = repair(covered(page, HOLE), HOLE)
    assert find_doubts(found.image, HOLE, found.surface) == []


def test_no_hole_is_in_no_doubt():
    assert find_doubts(pixels(sheet()), np.zeros_like(HOLE), ONE) == []


def test_what_is_lighter_than_its_surroundings_is_in_doubt_and_patches_are_visible():
    image = pixels(sheet())
    image[HOLE] = np.clip(image[HOLE].astype(int) - 60, 0, 255)
    (doubt,) = find_doubts(image, HOLE, ONE)
    assert doubt.inside[HOLE].mean() > 0.8 and not doubt.inside[~HOLE].any()
    assert doubt.patches.any() and not (doubt.patches & HOLE).any()


def test_only_the_side_that_does_not_fit_is_in_doubt():
    image = pixels(sheet())
    picture = np.zeros_like(HOLE)
    picture[:, :330] = True
    image[picture & ~HOLE] = (40, 90, 120)  # the hole was repaired as if it were all paper
    (doubt,) = find_doubts(image, HOLE, ONE)
    assert doubt.inside[280, 250] > 0.9 and doubt.inside[280, 410] < 0.1
    changed = doubt.replace(image, np.zeros_like(image))
    assert (changed[280, 250] < 30).all() and (changed[280, 415] == image[280, 415]).all()
    assert (changed[~HOLE] == image[~HOLE]).all()


def test_border_between_surfaces_is_not_in_doubt():
    image, surface = pixels(sheet()), ONE.copy()
    image[:, 330:], surface[:, 330:] = (40, 60, 90), 2
    assert find_doubts(image, HOLE, surface) == []
    image[HOLE] = np.clip(image[HOLE].astype(int) + 40, 0, 255)
    near = HOLE & (np.abs(np.arange(WIDTH) - 330) < 4)
    for doubt in find_doubts(image, HOLE, surface):
        assert doubt.inside[near].max() < 0.1


def test_the_error_of_a_tone_is_that_of_whole_patches_in_their_worst_channel():
    truth = np.full((40, 40, 3), 100, np.uint8)
    patches = np.zeros((40, 40), bool)
    patches[2:8, 2:8] = patches[20:26, 20:26] = True
    assert tone_error(truth, truth, patches) == 0
    assert tone_error(truth + 10, truth, patches) == pytest.approx(10)
    tinted = truth.copy()
    tinted[2:8, 2:8, 1] += 40
    assert tone_error(tinted, truth, patches) == pytest.approx(np.sqrt(40**2 / 2))


def test_text_and_grain_are_no_error_of_a_tone():
    truth = np.full((40, 40, 3), 100, np.uint8)
    patches = np.zeros((40, 40), bool)
    patches[2:8, 2:8] = True
    written = truth.copy()
    written[2:8:2], written[3:8:2] = 60, 140
    assert tone_error(written, truth, patches) == pytest.approx(0)


def test_text_is_paper_and_a_picture_is_none():
    guess, patches = pixels(sheet()), hole_at(100, 100, 200, 200)
    assert is_paper(guess, written(), patches)
    assert is_paper(guess, guess, patches)
    assert not is_paper(guess, guess - np.uint8(40), patches)


def test_another_picture_must_have_the_tone_that_structure_misses_and_be_nearer():
    truth, patches = np.full((40, 40, 3), 100, np.uint8), np.zeros((40, 40), bool)
    patches[2:8, 2:8] = patches[20:26, 20:26] = True
    assert is_better(truth + 20, truth + 40, truth, patches)
    assert not is_better(truth, truth + 6, truth, patches)  # structure is good enough
    assert not is_better(truth + 35, truth + 40, truth, patches)
    noise = truth.copy()
    noise[::2], noise[1::2] = 20, 180
    assert not is_better(noise, truth + 40, truth, patches)  # the tone, but no picture
