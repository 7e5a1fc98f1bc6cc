import cv2
import numpy as np
import pytest

from utils.page.light import SHADOW_CELLS, measure_light

ROWS, COLUMNS = 60, 80
Y, X = np.mgrid[0:ROWS, 0:COLUMNS]
HIDDEN = np.hypot(Y - 30, X - 40) < 9
DISTANCE = cv2.distanceTransform((~HIDDEN).astype(np.uint8), cv2.DIST_L2, 5)
SHARE = (~HIDDEN).astype(np.float32)


def shaded(depth: float, reach: float = 8) -> np.ndarray:
    """A page of 200 levels in a shadow that fades away from the hole, `(ROWS, COLUMNS, 3)`."""
    return (200 * (1 - depth * np.clip(1 - DISTANCE / reach, 0, 1)))[..., None].repeat(3, 2).astype(np.float32)


@pytest.mark.parametrize("depth", [0.0, 0.005])
def test_a_page_without_shadow_is_as_light_as_it_is(depth):
    assert (measure_light(shaded(depth), SHARE, HIDDEN) == 1).all()


@pytest.mark.parametrize("depth", [0.15, 0.3])
def test_a_shadow_is_what_the_light_makes_up_for(depth):
    seen = shaded(depth)
    light = measure_light(seen, SHARE, HIDDEN)
    near = (DISTANCE > 1) & (DISTANCE < 4)
    assert np.abs(light * seen - 200)[near].mean() < 0.1 * (200 - seen[near]).mean() + 1
    assert (light >= 1).all() and (light[DISTANCE > SHADOW_CELLS + 1] == 1).all()


def test_a_dark_thing_that_touches_little_of_the_rim_is_no_shadow():
    seen = shaded(0)
    seen[28:32, 50:56] *= 0.7
    assert (measure_light(seen, SHARE, HIDDEN) == 1).all()


def test_nothing_is_said_where_too_little_of_the_page_lies_farther_out():
    share = np.where(DISTANCE <= SHADOW_CELLS, SHARE, 0).astype(np.float32)
    assert (measure_light(shaded(0.3), share, HIDDEN) == 1).all()


def test_the_shadow_of_one_colour_is_lifted_in_that_colour():
    seen = shaded(0.0)
    seen[..., 0] = shaded(0.3)[..., 0]
    light = measure_light(seen, SHARE, HIDDEN)
    near = (DISTANCE > 1) & (DISTANCE < 3)
    assert light[near][:, 0].min() > 1.1 and light[near][:, 1:].max() < 1.02


def test_what_is_as_dark_farther_out_is_no_shadow_of_the_occluder():
    seen = shaded(0.2)
    lifted = (measure_light(seen, SHARE, HIDDEN) > 1).any(axis=2)
    folds = 1 - 0.2 * (np.sin(X / 3) > 0.6)[..., None] * (DISTANCE > SHADOW_CELLS)[..., None]
    assert lifted.any() and (measure_light((seen * folds).astype(np.float32), SHARE, HIDDEN) == 1).all()


def test_nothing_is_lifted_where_the_light_cannot_be_tried_out_farther_away():
    share = np.where(DISTANCE <= 2 * SHADOW_CELLS, SHARE, 0).astype(np.float32)
    assert (measure_light(shaded(0.2), share, HIDDEN) == 1).all()
    share[DISTANCE > 2 * SHADOW_CELLS] = 1
    assert (measure_light(shaded(0.2), share, HIDDEN) > 1).any()
