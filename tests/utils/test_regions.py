import json
from pathlib import Path

import numpy as np
import pytest

from utils.regions import Box, bounds_of, connected_bounds, connected_parts, find_regions, grow, square_box, to_mask

CROP_BOXES = json.loads((Path(__file__).parents[1] / "data" / "crop_boxes.json").read_text())


@pytest.mark.parametrize("case", [c for c in CROP_BOXES if len(c["occluders_xywh"]) == 1])
def test_square_box_equals_the_published_crop(case):
    x, y, w, h = case["occluders_xywh"][0]
    x0, y0, side = case["crop_xyl"]
    box = square_box(Box(x, y, x + w, y + h), case["imgsize"], case["height"], case["width"])
    assert box == (x0, y0, x0 + side, y0 + side)


@pytest.mark.parametrize("corner", [(0, 0), (0, 380), (280, 0), (280, 380)])
def test_box_stays_inside_photo_at_every_corner(corner):
    x, y = corner
    box = square_box(Box(x, y, x + 20, y + 20), 128, 400, 300)
    assert 0 <= box.x0 <= x and x + 20 <= box.x1 <= 300
    assert 0 <= box.y0 <= y and y + 20 <= box.y1 <= 400
    assert (box.width, box.height) == (128, 128)


def test_box_of_a_small_photo_is_the_photo():
    assert square_box(Box(3, 4, 9, 9), 1536, 100, 80) == (0, 0, 80, 100)


def test_bounds_of_an_empty_mask_is_none():
    assert bounds_of(np.zeros((5, 4), bool)) is None
    mask = np.zeros((5, 4), bool)
    mask[2, 3] = True
    assert bounds_of(mask) == (3, 2, 4, 3)


def test_grow_reaches_every_pixel_within_the_radius_and_no_other():
    mask = np.zeros((41, 41), bool)
    mask[20, 20] = True
    grown = grow(mask, 9.0)
    ys, xs = np.mgrid[:41, :41]
    distance = np.hypot(ys - 20, xs - 20)
    assert grown[distance <= 8.5].all()
    assert not grown[distance >= 9.5].any()


def test_mask_keeps_what_is_large_grows_it_and_drops_specks():
    probs = np.zeros((200, 200), np.float32)
    probs[50:100, 50:100] = 0.9
    probs[150:153, 150:153] = 0.9
    mask = to_mask(probs, threshold=0.5, grow_px=5, min_area_px=100)
    assert mask[46:104, 60:90].all()
    assert not mask[140:, 140:].any()
    assert mask.sum() < 60 * 60 + 1


def test_near_occluders_share_a_crop_and_distant_ones_do_not():
    mask = np.zeros((2000, 1500), bool)
    mask[10:60, 10:60] = True
    mask[100:150, 100:150] = True
    mask[1900:1950, 1400:1450] = True
    groups = find_regions(mask, crop_side=512)
    assert [len(group.regions) for group in groups] == [2, 1]
    assert set(groups[0].regions) == {(10, 10, 60, 60), (100, 100, 150, 150)}
    for group in groups:
        for region in group.regions:
            assert group.box.union(region) == group.box
            mask[region.slices()] = False
    assert not mask.any()


def test_an_occluder_larger_than_the_crop_gets_a_larger_square():
    mask = np.zeros((3000, 3000), bool)
    mask[1000:1900, 1000:1100] = True
    (group,) = find_regions(mask, crop_side=512)
    assert group.box.width == group.box.height == 1200
    assert group.box.y0 < 1000 and group.box.y1 > 1900


def test_thousands_of_specks_are_grouped_quickly():
    mask = np.zeros((3000, 2000), bool)
    mask[::40, ::40] = True
    groups = find_regions(mask, crop_side=512)
    assert sum(len(group.regions) for group in groups) == 75 * 50


def test_whole_mask_is_one_region_of_the_whole_photo():
    groups = find_regions(np.ones((90, 60), bool), crop_side=32)
    assert [group.box for group in groups] == [Box(0, 0, 60, 90)]


def test_empty_mask_has_no_regions():
    assert find_regions(np.zeros((9, 9), bool), 4) == []


def test_connected_parts_are_the_pixels_within_connected_bounds():
    mask = np.zeros((101, 83), bool)
    mask[3:40, 5:9] = mask[30:40, 5:60] = True  # an angle, and inside its bounds:
    mask[8:18, 30:45] = True
    mask[90:, 70:] = True  # to the end, in cells that are cut
    parts = list(connected_parts(mask))
    assert [box for box, _ in parts] == connected_bounds(mask)
    together = np.zeros_like(mask, np.uint8)
    for box, part in parts:
        assert bounds_of(part) == (0, 0, box.width, box.height)
        together[box.slices()] += part
    assert np.array_equal(together, mask)


def test_an_empty_mask_has_no_parts():
    assert list(connected_parts(np.zeros((9, 9), bool))) == []


def test_a_crop_holds_no_more_around_its_regions_than_is_of_use():
    mask = np.zeros((2000, 1500), bool)
    mask[30:60, 700:900] = True
    (group,) = find_regions(mask, crop_side=1024, around_px=400)
    assert group.box == Box(300, 0, 1300, 460)
    (narrow,) = find_regions(mask, crop_side=512, around_px=400)
    assert narrow.box == find_regions(mask, crop_side=512)[0].box._replace(y1=460)
