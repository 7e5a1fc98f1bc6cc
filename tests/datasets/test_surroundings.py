import numpy as np
import pytest

from datasets.surroundings import draw_desk, draw_surface


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("draw", [draw_surface, draw_desk])
def test_same_seed_same_picture_and_other_seed_another(draw):
    first, again, other = (draw(rng(seed), 64, 48) for seed in (1, 1, 2))
    assert first.shape == (64, 48, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_surfaces_are_dark_and_bright_plain_and_busy():
    surfaces = [draw_surface(rng(seed), 64, 48).astype(float) for seed in range(60)]
    levels = [surface.mean() for surface in surfaces]
    contrasts = [surface.std() for surface in surfaces]
    assert min(levels) < 40 and max(levels) > 150
    assert min(contrasts) < 10 and max(contrasts) > 30


def test_surfaces_are_cut_from_photographs_where_there_are_any():
    stripes = np.zeros((50, 50, 3), np.uint8)
    stripes[::2] = 255
    plain, cut = ([draw_surface(rng(seed), 40, 40, photos) for seed in range(20)] for photos in ((), [stripes]))
    assert any(not np.array_equal(a, b) for a, b in zip(plain, cut, strict=True))


def test_desks_often_have_things_on_them():
    busy = sum(draw_desk(rng(seed), 120, 90).astype(float).std() > 25 for seed in range(40))
    assert 8 < busy < 40
