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


def test_metering_makes_what_is_darkest_nearly_black_and_keeps_full_light():
    foggy = np.full((64, 48, 3), 160, np.float32)
    foggy[:32] = 255
    for seed in range(10):
        curved = lens._blacken(foggy, np.random.default_rng(seed))
        assert curved[:32] == pytest.approx(255, abs=0.01)
        assert 0 <= curved[32:].max() < 160


def test_what_is_black_already_stays_as_it_is():
    scene = np.zeros((64, 48, 3), np.float32)
    scene[:32] = 200
    assert np.array_equal(lens._blacken(scene, np.random.default_rng(0)), scene)


def test_photo_of_many_megapixels_is_crisper_than_others(monkeypatch):
    edges = np.kron(np.indices((8, 6)).sum(axis=0) % 2, np.ones((8, 8))).astype(np.float32) * 120 + 60
    scene = np.repeat(edges[..., None], 3, axis=2)
    steepest = {}
    for crisp in (0.0, 1.0):
        monkeypatch.setattr(lens, "CRISP_CHANCE", crisp)
        monkeypatch.setattr(lens, "ORDINARY_CHANCE", 1.0)
        photos = (lens.take(scene, np.random.default_rng(seed), 0.0).astype(int) for seed in range(20))
        steepest[crisp] = np.mean([np.abs(np.diff(photo, axis=1)).max() for photo in photos])
    assert steepest[1.0] > 1.2 * steepest[0.0]


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
