import numpy as np
import pytest

from utils.page.tone import DARK_CELLS, continue_tone, fit_membrane

ROWS, COLUMNS = 40, 60
Y, X = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
HIDDEN = (abs(Y - 20) < 6) & (abs(X - 30) < 8)


def colours(level: np.ndarray) -> np.ndarray:
    return np.stack([level - 10, level, level + 5], 2).astype(np.float32)


def test_a_plane_goes_on_below_the_hole():
    plane = colours(200 + 0.4 * X - 0.3 * Y)
    seen = np.where(HIDDEN[..., None], 0, plane).astype(np.float32)
    tone = continue_tone(seen, (~HIDDEN).astype(np.float32), HIDDEN)
    np.testing.assert_allclose(tone, plane, atol=0.2)


def test_a_bulge_around_the_hole_is_continued_as_a_membrane_between_its_sides():
    bulge = colours(200 + 20 * np.exp(-(((X - 30) / 12) ** 2) - ((Y - 20) / 12) ** 2))
    tone = continue_tone(np.where(HIDDEN[..., None], 0, bulge), (~HIDDEN).astype(np.float32), HIDDEN)
    rim = bulge[(abs(Y - 20) < 8) & (abs(X - 30) < 10) & ~HIDDEN]
    assert (tone[HIDDEN] > rim.min(axis=0) - 2).all() and (tone[HIDDEN] < rim.max(axis=0) + 2).all()


@pytest.mark.parametrize("depth", [10, 60])
def test_dark_cells_beside_the_hole_are_not_continued(depth):
    plane = colours(200 + 0.4 * X)
    near = (abs(Y - 20) < 6 + DARK_CELLS) & (abs(X - 30) < 8 + DARK_CELLS)
    seen = np.where(near[..., None], plane - depth, plane).astype(np.float32)
    tone = continue_tone(seen, (~HIDDEN).astype(np.float32), HIDDEN)
    assert np.abs(tone - plane)[HIDDEN].max() < 1


def test_where_no_cell_is_wholly_visible_what_is_seen_of_each_has_to_do():
    share = np.full((ROWS, COLUMNS), 0.3, np.float32)
    tone = continue_tone(colours(180 + 0 * X), share, np.ones((ROWS, COLUMNS), bool))
    np.testing.assert_allclose(tone, colours(180 + 0 * X), atol=0.1)


def test_of_nothing_known_nothing_comes_that_is_no_number():
    nothing = np.zeros((ROWS, COLUMNS), np.float32)
    tone = fit_membrane(colours(0 * X), nothing, HIDDEN, 8)
    assert np.isfinite(tone).all() and tone.min() >= 0 and tone.max() <= 255


def test_levels_end_at_black_and_white():
    steep = colours(8 * X - 100)
    tone = continue_tone(np.clip(steep, 0, 255), (~HIDDEN).astype(np.float32), HIDDEN)
    assert tone.min() >= 0 and tone.max() <= 255
