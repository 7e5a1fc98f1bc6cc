"""One camera after everything."""

import numpy as np
import pytest

from datasets import holds, lens
from datasets.occluders import draw_occluder
from datasets.occluders.kinds import DRAWN_BY


@pytest.fixture
def dim_scene():
    """A page, half of the picture, in dim yellow light on a dark desk: `(64, 48, 3)` float32."""
    scene = np.full((64, 48, 3), (10, 16, 20), np.float32)
    scene[:32] = (40, 70, 80)
    return scene


def test_metering_makes_paper_bright_and_nearly_neutral(dim_scene):
    for seed in range(10):
        metered = lens._meter(dim_scene, np.random.default_rng(seed))
        paper = metered[:32].reshape(-1, 3).mean(axis=0)
        assert paper.max() > 140
        assert paper.max() / paper.min() < dim_scene[0, 0].max() / dim_scene[0, 0].min()


def test_metering_keeps_what_is_dark_beside_the_paper_dark(dim_scene):
    metered = lens._meter(dim_scene, np.random.default_rng(1))
    assert metered[32:].mean() < metered[:32].mean() / 2


def test_photo_has_the_size_of_its_scene_and_bytes(dim_scene):
    photo = lens.take(dim_scene, np.random.default_rng(2))
    assert photo.shape == dim_scene.shape and photo.dtype == np.uint8


def test_pen_in_a_hand_adds_to_it_and_leaves_its_own_pixels():
    rng = np.random.default_rng(3)
    sprite = draw_occluder(np.random.default_rng(5), 120, "hand").sprite
    placed = holds.Placed(sprite, np.array([[1.0, 0, 60], [0, 1, 100]]), "hand")
    hand = holds.layer(placed, 240, 240)
    writing = holds.holding_pen(hand, placed, rng, "train")
    assert np.count_nonzero(writing[..., 3] > 0.5) > np.count_nonzero(hand[..., 3] > 0.5)
    opaque = hand[..., 3] == 1
    assert np.array_equal(writing[opaque], hand[opaque])


def test_every_kind_that_is_drawn_for_a_cut_out_can_be_drawn():
    assert {kind for chances in holds.DRAWN_KINDS.values() for kind in chances} <= set(DRAWN_BY)
