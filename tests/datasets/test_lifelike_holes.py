import numpy as np
import pytest
import torch

from datasets.lifelike import AREA, LifelikeScenes
from datasets.lifelike_holes import PARTS, LifelikeInpainting, choose_part, find_hole
from tests.lifelike_root import write_collection


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_collection(tmp_path_factory.mktemp("life") / "data")


@pytest.mark.slow
def test_same_epoch_gives_the_same_samples_and_another_epoch_others(folder):
    data, again = (LifelikeInpainting(4, 7, 64, folder) for _ in range(2))
    for index in range(4):
        (image, mask), (other, same) = data[index], again[index]
        assert torch.equal(image, other) and torch.equal(mask, same)
        assert image.shape == (3, 64, 64) and mask.shape == (1, 64, 64)
        assert image.min() >= 0 and image.max() <= 1 and mask.min() >= 0 and mask.max() == 1
    again.set_epoch(1)
    assert not torch.equal(data[0][0], again[0][0])


@pytest.mark.slow
def test_guidance_is_four_channels_that_equal_the_picture_outside_the_hole(folder):
    guided = LifelikeInpainting(4, 3, 64, folder, in_channels=8)
    for index in range(4):
        image, mask = guided[index]
        assert image.shape == (7, 64, 64)
        known = (mask[0] == 0).numpy()
        assert np.abs((image[3:6] - image[:3]).numpy()[:, known]).mean() < 0.02


@pytest.mark.slow
def test_parts_of_one_crop_are_shared_by_samples_and_show_some_hole(folder):
    data = LifelikeInpainting(2 * PARTS, 5, 64, folder, part_side=32)
    for index in range(2 * PARTS):
        image, mask = data[index]
        assert image.shape == (3, 32, 32) and 0 < mask.mean() < 1
    assert len(data.crops) == 2


def test_published_crops_show_a_scene_at_its_own_scale(folder):
    image, mask = LifelikeInpainting(2, 5, 64, folder, follow_hole=False)[0]
    assert image.shape == (3, 64, 64) and mask.max() == 1


@pytest.mark.slow
def test_photo_that_nothing_covers_shows_none_of_what_might(folder):
    scenes, seen = LifelikeScenes(folder, "train"), 0
    skin = np.array((120, 150, 210))  # of every cut-out there
    for seed in range(12):
        photo, page, covered = scenes.bare_photo(np.random.default_rng(seed), AREA / 4)
        assert photo.dtype == np.uint8 and photo.shape[:2] == page.shape == covered.shape
        inside = covered > 0.9
        if inside.sum() > 200:
            seen += 1
            assert np.abs(np.median(photo[inside], axis=0) - skin).max() > 10
    assert seen > 3


def test_hole_is_grown_past_the_occluder():
    covered = np.zeros((640, 480), np.float32)
    covered[200:300, 150:220] = 1
    hole = find_hole(covered, np.random.default_rng(0))
    assert hole[covered > 0].mean() > 0.99 and hole.sum() > 1.05 * covered.sum()
    assert not find_hole(np.zeros((64, 48), np.float32), np.random.default_rng(0)).any()


def test_part_leaves_something_to_see():
    hole = np.zeros((256, 256), bool)
    hole[60:200, 60:200] = True
    for seed in range(20):
        part = choose_part(hole, 128, np.random.default_rng(seed))
        assert 0.01 < hole[part.slices()].mean() < 0.85
