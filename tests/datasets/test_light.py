"""A thing in the light that falls on the paper below it."""

import numpy as np
import pytest

from datasets.light import share_light

PALE_SKIN = (0.75, 0.8, 0.95)  # BGR
HEIGHT, WIDTH = 128, 96


@pytest.fixture
def hand():
    """A pale hand in the lower half: `(h, w, 4)` float32, premultiplied."""
    layer = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    layer[HEIGHT // 2 :] = (*PALE_SKIN, 1)
    return layer


def photo(level):
    return np.full((HEIGHT, WIDTH, 3), level, np.float32), np.ones((HEIGHT, WIDTH), np.float32)


def test_skin_is_as_dark_as_the_paper_it_lies_on_and_at_times_in_the_shade(hand):
    for paper in (60, 220):
        lit = [share_light(hand, *photo(paper), True, np.random.default_rng(seed)) for seed in range(150)]
        levels = np.array([layer[-1, 0, :3].max() for layer in lit]) * 255 / paper
        assert np.median(levels) == pytest.approx(0.75, abs=0.06) and 0.05 < (levels < 0.45).mean() < 0.2


def test_pale_skin_becomes_more_saturated_beside_paper(hand):
    lit = [share_light(hand, *photo(220), True, np.random.default_rng(seed))[-1, 0, :3] for seed in range(40)]
    assert np.median([1 - colour.min() / colour.max() for colour in lit]) > 0.3 > 1 - min(PALE_SKIN) / max(PALE_SKIN)


def test_things_keep_their_colours(hand):
    lit = share_light(hand, *photo(128), False, np.random.default_rng(1))[-1, 0, :3]
    assert lit / lit.max() == pytest.approx(np.array(PALE_SKIN) / max(PALE_SKIN), rel=1e-4)


@pytest.mark.parametrize("skin", [True, False])
def test_coverage_stays_and_nothing_is_brighter_than_light(hand, skin):
    lit = share_light(hand, *photo(255), skin, np.random.default_rng(2))
    assert np.array_equal(lit[..., 3], hand[..., 3])
    assert lit.min() >= 0 and lit.max() <= 1


def test_where_no_paper_is_the_thing_stays_as_it_is(hand):
    image, page = photo(200)
    assert share_light(hand, image, np.zeros_like(page), True, np.random.default_rng(3)) is hand
