import cv2
import numpy as np
import pytest

from utils.page.texture import STRENGTH, copy_texture

HEIGHT, WIDTH = 320, 400
SPOTS = 10  # standard deviation of their levels


def desk(period: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A desk with a pattern, stripes of that period or random spots, and its smooth colour."""
    tone = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    if period:
        pattern = 30 * np.sin(2 * np.pi * np.arange(WIDTH) / period) * np.ones((HEIGHT, 1))
    else:
        pattern = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 4)
        pattern *= SPOTS / pattern.std()
    return np.clip(100 + pattern[..., None] + np.zeros(3), 0, 255).astype(np.uint8), tone


def hidden() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[110:200, 150:250] = True
    return mask


ROWS_AND_COLUMNS = slice(110, 200), slice(150, 250)  # of `hidden`


def test_a_regular_pattern_goes_on_in_step():
    window, tone = desk(period=20)
    target = hidden()
    texture = copy_texture(window, tone, ~target, target)
    expected = STRENGTH * (window.astype(float) - tone)
    assert np.corrcoef(texture.ravel(), expected[ROWS_AND_COLUMNS].ravel())[0, 1] > 0.95


def test_spots_have_the_strength_of_those_that_are_seen():
    window, tone = desk()
    target = hidden()
    target[110:130, 150:170] = False
    texture = copy_texture(window, tone, ~target, target)
    inside = target[ROWS_AND_COLUMNS]
    assert texture[inside].std() == pytest.approx(STRENGTH * SPOTS, rel=0.3)
    assert not texture[~inside].any()


def test_a_thing_on_the_desk_is_not_copied():
    window, tone = desk()
    target = hidden()
    cv2.circle(window, (90, 150), 40, (255, 255, 255), -1)
    assert copy_texture(window, tone, ~target, target).max() < STRENGTH * 120


@pytest.mark.parametrize("source", ["nothing", "slivers"])
def test_where_no_piece_fits_nothing_is_drawn(source):
    window, tone = desk()
    target = hidden()
    visible = np.zeros_like(target)
    if source == "slivers":
        visible[:, ::40] = ~target[:, ::40]
    assert not copy_texture(window, tone, visible, target).any()


def test_nothing_hidden_needs_nothing():
    window, tone = desk()
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    assert not copy_texture(window, tone, ~nothing, nothing).any()


def test_a_scene_of_things_is_no_texture():
    window, tone = desk()
    target = hidden()
    things = np.random.default_rng(0).integers(0, 255, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    window[:] = things.repeat(40, 0).repeat(40, 1)
    assert not copy_texture(window, tone, ~target, target).any()
