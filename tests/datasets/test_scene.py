import numpy as np

from datasets.scene import Scene
from utils import classes


def scene_with_page():
    page = np.zeros((60, 60), np.float32)
    page[:, 30:] = 1
    return Scene(np.full((60, 60, 3), 200, np.uint8), page)


def layer(x0, x1):
    found = np.zeros((60, 60, 4), np.float32)
    found[20:40, x0:x1] = (0.2, 0.3, 0.5, 1)
    return found


def test_thing_that_touches_a_page_is_an_occluder_with_its_rest_beside_the_page():
    scene = scene_with_page()
    assert scene.lay(layer(20, 40), np.random.default_rng(0))
    labels = scene.labels()
    assert (labels[25:35, 32:38] == classes.OCCLUDER).all() and (labels[25:35, 22:28] == classes.OCCLUDER_BESIDE).all()
    assert labels[5, 50] == classes.PAGE and labels[5, 5] == classes.SURROUNDINGS


def test_thing_beside_every_page_belongs_to_the_surroundings():
    scene = scene_with_page()
    assert not scene.lay(layer(5, 20), np.random.default_rng(0))
    assert set(np.unique(scene.labels())) == {classes.PAGE, classes.SURROUNDINGS}


def test_hand_behind_a_page_shows_beside_it_alone_and_only_a_thumb_leaves_it_open():
    sheet, rng = np.full((60, 60, 3), 240, np.float32), np.random.default_rng(0)
    alpha = np.zeros((60, 60), np.float32)
    alpha[:, 30:] = 1
    for holding, expected in ((False, classes.SURROUNDINGS), (True, classes.BESIDE)):
        scene = Scene(np.full((60, 60, 3), 90, np.uint8))
        scene.lay_behind(layer(10, 50), holding)
        scene.lay_page(sheet, alpha, rng)
        labels = scene.labels()
        assert (labels[22:38, 12:28] == expected).all() and (labels[:, 32:] == classes.PAGE).all()
        assert (scene.image[:, 32:] > 200).all()


def test_shadows_are_no_occluders():
    scene = scene_with_page()
    for seed in range(5):
        scene.lay(layer(40, 50), np.random.default_rng(seed))
    covered = scene.labels() == classes.OCCLUDER
    assert covered[20:40, 40:50].all() and covered.sum() == 200
