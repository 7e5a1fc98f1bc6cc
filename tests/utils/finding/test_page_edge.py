import cv2
import numpy as np
import pytest

from utils.finding.page_edge import continue_page

SHAPE = 400, 300


def beside(x_at_top=100, slope=0.0):
    """A page right of a straight edge, as a network says it: `(h, w)` float32, 1 beside the page."""
    ys, xs = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (xs < x_at_top + slope * ys).astype(np.float32)


def over(y0, y1, x0, x1):
    mask = np.zeros(SHAPE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize("slope", [0.0, 0.15, -0.1])
def test_the_edge_goes_on_straight_below_an_occluder_whatever_the_network_guesses_there(slope):
    truth, finger = beside(slope=slope), over(170, 230, 40, 180)
    for guess in (0.0, 1.0):
        said = truth.copy()
        said[finger] = guess
        continued = continue_page(said, finger)
        assert np.count_nonzero((continued >= 0.5) != (truth >= 0.5)) <= 2 * 60  # a pixel or two along the edge


def test_a_hidden_corner_of_the_page_is_where_its_two_edges_meet():
    truth = np.ones(SHAPE, np.float32)
    truth[:300, 100:] = 0
    thumb = cv2.circle(np.zeros(SHAPE, np.uint8), (110, 290), 30, 1, -1) > 0
    said = np.where(thumb, 1, truth).astype(np.float32)
    assert np.count_nonzero(said != truth) > 1000
    assert np.count_nonzero((continue_page(said, thumb) >= 0.5) != (truth >= 0.5)) <= 2 * 70  # of 70 px of edge


def test_what_is_seen_stays_as_the_network_says_it():
    said, finger = beside(), over(170, 230, 40, 180)
    said[finger] = 0.5
    continued = continue_page(said, finger)
    around = over(166, 234, 36, 184)
    assert np.array_equal(continued[~around], said[~around])


@pytest.mark.parametrize(
    "finger",
    [over(170, 230, 150, 250), over(0, 60, 40, 180), over(0, 0, 0, 0)],
    ids=["inside the page", "edge seen on one side only", "nothing"],
)
def test_the_guess_stays_where_the_edge_is_not_seen_on_both_sides(finger):
    said = beside()
    said[finger] = 0.3
    assert continue_page(said, finger) is said


def test_the_guess_stays_where_the_edge_is_not_straight():
    said, finger = beside(), over(170, 230, 40, 180)
    ys, xs = np.mgrid[: SHAPE[0], : SHAPE[1]]
    said[:] = xs < 100 + 12 * np.sin(ys / 4)
    said[finger] = 0.3
    assert continue_page(said, finger) is said


@pytest.mark.parametrize("page", [True, False])
def test_an_island_below_an_occluder_is_what_surrounds_it(page):
    said, hand = np.full(SHAPE, 0.1 if page else 0.9, np.float32), over(100, 250, 60, 200)
    truth = said.copy()
    said[150:170, 100:140] = 1 - said[0, 0]
    assert np.array_equal(continue_page(said, hand) >= 0.5, truth >= 0.5)
    seen = over(0, 0, 0, 0)
    assert continue_page(said, seen) is said
