"""Hands that hold pages: where they lie, and that a thumb belongs to its hand."""

import numpy as np
import pytest

from datasets import holds


def sprite(width: int = 40, length: int = 100, colour: tuple[int, int, int] = (60, 90, 160)) -> holds.Sprite:
    """A bar of one colour, cut at the bottom, with an eighth of its width empty at either side."""
    picture = np.zeros((length, width, 4), np.uint8)
    picture[:, width // 8 : width - width // 8] = (*colour, 255)
    return picture


def page() -> np.ndarray:
    """The left half of a picture."""
    return np.pad(np.ones((200, 100), np.float32), ((0, 0), (0, 100)))


@pytest.mark.parametrize("seed", range(8))
def test_a_cut_out_reaches_as_deep_onto_the_page_as_told(seed):
    rng = np.random.default_rng(seed)
    placed = holds.reach_onto(sprite(), "finger", page(), rng, scale=0.5, depth=60, goes_on=False)
    assert placed is not None and holds.scale_of(placed) == pytest.approx(0.5)
    tip = placed.matrix @ (20, 0, 1)
    anchor = placed.matrix @ (20, 60, 1)
    assert anchor[0] == pytest.approx(100, abs=3)  # the page's edge
    assert np.hypot(*(tip - anchor)) == pytest.approx(30, abs=0.1)
    assert placed.sprite.shape == (100, 40, 4)


def test_an_arm_goes_on_to_the_edge_of_the_picture():
    placed = holds.reach_onto(sprite(), "finger", page(), np.random.default_rng(0), scale=0.5, depth=60)
    assert placed is not None
    coverage = holds.layer(placed, 200, 200)[..., 3]
    assert max(line.max() for line in (coverage[:, -1], coverage[0], coverage[-1])) > 0.9


def test_a_page_without_an_edge_is_not_reached():
    assert holds.reach_onto(sprite(), "finger", np.ones((200, 200), np.float32), np.random.default_rng(0)) is None


def test_the_width_is_that_of_what_is_there_at_the_cut():
    assert holds.width_of(sprite(80)) == 60
    assert holds.width_of(np.zeros((50, 20, 4), np.uint8)) == 1


def test_a_thumb_takes_the_skin_of_its_hand():
    changed = holds.like_skin(sprite(colour=(100, 120, 140)), sprite(colour=(50, 90, 210)))
    assert np.abs(changed[50, 20].astype(int) - (50, 90, 210, 255)).max() <= 1
    assert (holds.like_skin(sprite(), np.zeros((9, 9, 4), np.uint8)) == sprite()).all()


def test_a_thumb_fades_out_towards_its_cut():
    opacity = holds.fading(sprite())[:, 20, 3].astype(int)
    assert (opacity[:75] == 255).all() and (np.diff(opacity[75:]) < 0).all() and opacity[-1] < 20
