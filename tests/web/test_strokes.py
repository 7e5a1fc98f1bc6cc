from itertools import pairwise

import numpy as np
import pytest

from utils.regions import Box
from web.strokes import MAX_STEPS, draw, parse


def drawn(raw, shape=(120, 160), found=None, parts=None, masks=None):
    found = np.zeros(shape, bool) if found is None else found
    return draw(parse(raw, *found.shape), found, (parts or {}).get, (masks or {}).get)


def within(points, radius, shape):
    """Slow and obvious: the pixels whose centre lies within `radius` of the line through `points`."""
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    covered = np.zeros(shape, bool)
    ends = list(pairwise(points)) or [(points[0], points[0])]
    for (x0, y0), (x1, y1) in ends:
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        share = np.clip(((xs - x0) * dx + (ys - y0) * dy) / length, 0, 1) if length else np.zeros(shape)
        covered |= np.hypot(xs - x0 - share * dx, ys - y0 - share * dy) <= radius
    return covered


@pytest.mark.parametrize("radius", [1, 4.5, 20])
@pytest.mark.parametrize(
    "points", [[[80, 60]], [[20, 30], [140, 90]], [[30, 100], [60, 20], [61.5, 20.25], [150, 110]]]
)
def test_a_stroke_covers_what_lies_within_its_radius(points, radius):
    exact = 1.5  # pixels
    mask = drawn([{"brush": points, "radius": radius}])
    assert not (mask & ~within(points, radius + exact, mask.shape)).any()
    assert not (within(points, radius - exact, mask.shape) & ~mask).any()


def test_steps_count_in_their_order():
    whole = {"brush": [[0, 60], [160, 60]], "radius": 200 - 50}
    hole = {"erase": [[80, 60]], "radius": 10}
    assert not drawn([whole, hole])[60, 80] and drawn([hole, whole])[60, 80]


def test_a_stroke_beyond_the_photo_is_cut_at_its_border():
    mask = drawn([{"brush": [[-100, 10], [300, 10]], "radius": 3}])
    assert mask[8:12].all() and not mask[20:].any()


def test_regions_come_and_go_and_their_neighbours_stay():
    found = np.zeros((50, 50), bool)
    found[10:20, 10:40] = found[10:40, 10:20] = True
    part = Box(10, 10, 40, 40), found[10:40, 10:40].copy()
    found[30:35, 30:35] = True  # another region inside the bounds of the first
    left = drawn([{"leave": "1.0"}], found=found, parts={"1.0": part})
    assert left.sum() == 25 and left[32, 32]
    assert np.array_equal(drawn([{"leave": "1.0"}, {"take": "1.0"}], found=found, parts={"1.0": part}), found)
    assert np.array_equal(drawn([{"leave": "2.0"}], found=found, parts={"1.0": part}), found)


def test_the_mask_begins_anew_empty_as_found_or_as_ones_own():
    found, own = np.zeros((2, 30, 30), bool)
    found[5:9], own[20:25] = True, True
    assert not drawn([{"clear": True}], found=found).any()
    assert np.array_equal(drawn([{"clear": True}, {"found": True}], found=found), found)
    steps = [{"mask": "mine"}, {"brush": [[1, 1]], "radius": 1}]
    mask = drawn(steps, found=found, masks={"mine": own})
    assert mask[20:25].all() and not mask[5:9].any() and mask[0, 0]
    assert found.sum() == 120 and own.sum() == 150


def test_a_mask_grows_by_pixels():
    found = np.zeros((60, 60), bool)
    found[30, 30] = True
    grown = drawn([{"grow": 5}], found=found)
    assert grown[30, 25:36].all() and grown.sum() < 100 and not drawn([{"grow": 5}]).any()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("brush", "must be a list"),
        ([7], "step 0 must be an object"),
        ([{"paint": 1}], "must be one of brush"),
        ([{"brush": [], "radius": 4}], "list of points"),
        ([{"brush": [[1, 2, 3]], "radius": 4}], "list of points"),
        ([{"brush": [[1, "2"]], "radius": 4}], "must be a number"),
        ([{"brush": [[1, float("nan")]], "radius": 4}], "must be a number"),
        ([{"brush": [[1, 1e30]], "radius": 4}], "must be a number from -160 to 320"),
        ([{"brush": [[1, 2]]}], '"radius" of step 0'),
        ([{"brush": [[1, 2]], "radius": True}], '"radius" of step 0'),
        ([{"erase": [[1, 2]], "radius": 1e6}], '"radius" of step 0'),
        ([{"grow": -1}], "must be a number from 0"),
        ([{"clear": True}] * (MAX_STEPS + 1), "more than the 20000"),
    ],
)
def test_what_is_no_step_is_named(raw, words):
    with pytest.raises(ValueError, match=words):
        parse(raw, 120, 160)
