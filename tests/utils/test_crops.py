import numpy as np
import pytest

from utils.crops import HOLE_SHARE, MAX_RATIO, choose_ratio, hole_crop
from utils.regions import Box


def box_of(side, at=100):
    return Box(at, at, at + side, at + side)


@pytest.mark.parametrize(
    ("side", "height", "width", "ratios"),
    [
        (150, 1200, 900, {1}),  # a thumb on a receipt
        (250, 1200, 900, {2}),
        (40, 4000, 3000, {2}),  # a fleck on a large photo: some lines around it
        (1300, 4000, 3000, {6, 7, 8}),  # a hand over a third of it
        (3000, 4000, 3000, {8}),
    ],
)
def test_ratio_follows_from_hole_and_photo(side, height, width, ratios):
    assert choose_ratio(box_of(side, 0), 256, height, width) in ratios


def test_crop_holds_the_hole_and_some_of_its_surroundings_and_lies_inside_the_photo():
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width = rng.integers(60, 4000, 2).tolist()
        x0, y0 = int(rng.integers(width)), int(rng.integers(height))
        bounds = Box(x0, y0, int(rng.integers(x0, width)) + 1, int(rng.integers(y0, height)) + 1)
        box, ratio = hole_crop(bounds, 256, height, width)
        assert box == box.padded(0, height, width) and box.union(bounds) == box
        longer = max(bounds.width, bounds.height)
        if longer <= HOLE_SHARE * 256 * MAX_RATIO:
            assert max(box.width, box.height) <= 256 * ratio
            assert longer <= HOLE_SHARE * 256 * ratio + 1


def test_smaller_hole_is_never_reduced_more():
    ratios = [choose_ratio(box_of(side, 0), 256, 4000, 3000) for side in range(20, 3000, 20)]
    assert ratios == sorted(ratios) and ratios[-1] == MAX_RATIO
