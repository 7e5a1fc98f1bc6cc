import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, lying, pixels, sheet
from utils.page.stripes import continue_stripes
from utils.page.structure import repair

PEN = np.zeros((HEIGHT, WIDTH), np.uint8)
cv2.line(PEN, (60, 330), (560, 190), 1, 50)
PEN = PEN > 0


def bars(top=80, bottom=440, seed=3):
    """A sheet with the bars of a code, `(h, w, 3)` float64."""
    page, rng = sheet(noise=1), np.random.default_rng(seed)
    x = 20
    while x < WIDTH - 20:
        width = int(rng.integers(3, 14))
        page[top:bottom, x : x + width] *= 0.2
        x += width + int(rng.integers(4, 14))
    return page


def leaning(page):
    """The page as a lens sees it from the side: its bars meet far above it."""
    corners = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]], np.float32)
    seen = corners + np.array([[70, 0], [-40, 0], [0, 0], [0, 0]], np.float32)
    return cv2.warpPerspective(pixels(page), cv2.getPerspectiveTransform(corners, seen), (WIDTH, HEIGHT), borderMode=2)


@pytest.mark.parametrize("taken", [pixels, leaning])
def test_bars_are_continued_below_a_pen(taken):
    truth = taken(bars())
    stripes = continue_stripes(covered(truth, PEN), PEN)
    assert stripes is not None
    colours, known = stripes
    inner = PEN & (np.abs(np.arange(WIDTH) - 310) < 200)
    assert (known & inner).sum() > 0.95 * inner.sum() and not (known & ~PEN).any()
    error = np.abs(colours.astype(int) - truth)[known].max(axis=1)
    assert np.median(error) < 6 and (error > 60).mean() < 0.04


def test_a_repair_shows_them():
    truth = pixels(bars())
    image = repair(covered(truth, PEN), PEN).image
    inner = PEN & (np.abs(np.arange(WIDTH) - 310) < 200)
    assert (np.abs(image.astype(int) - truth)[inner].max(axis=1) > 60).mean() < 0.04


def test_bars_that_are_seen_on_one_side_only_are_not():
    page = bars(bottom=260)
    hole = hole_at(100, 180, 500, 300)
    assert continue_stripes(covered(pixels(page), hole), hole) is None


def test_other_bars_on_the_other_side_are_not():
    below = np.arange(HEIGHT)[:, None] > 330 - (np.arange(WIDTH) - 60) * 140 / 500  # the middle of the pen
    page = np.where(below[..., None], bars(seed=4), bars())
    assert continue_stripes(covered(pixels(page), PEN), PEN) is None


def test_a_table_and_an_edge_are_left_to_others():
    page = sheet()
    for y in range(40, HEIGHT, 40):
        lying(page, y, 0, WIDTH, width=3, ink=0.7)
    page[:, 300:] *= 0.5
    assert continue_stripes(covered(pixels(page), PEN), PEN) is None


def test_what_the_hole_shows_does_not_matter():
    truth = pixels(bars())
    first, second = (continue_stripes(np.where(PEN[..., None], np.uint8(grey), truth), PEN) for grey in (0, 255))
    assert first is not None and second is not None
    assert (first[0] == second[0])[first[1]].all() and (first[1] == second[1]).all()
