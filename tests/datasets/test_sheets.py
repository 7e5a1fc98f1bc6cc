import numpy as np
import pytest

from datasets import sheets
from datasets.collection import Collection
from datasets.screens import add_bars, turn_with_wedges
from tests.lifelike_root import write_collection
from utils import classes


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return Collection(write_collection(tmp_path_factory.mktemp("life") / "data"), "train")


def test_sheets_are_pictures_with_their_extent(collection):
    for seed in range(8):
        picture, alpha = sheets.pick_sheet(collection, np.random.default_rng(seed))
        assert picture.dtype == alpha.dtype == np.float32 and picture.shape == (*alpha.shape, 3)
        assert 0 <= picture.min() and picture.max() <= 255 and alpha.max() <= 1 and alpha.mean() > 0.5


def test_bent_sheet_keeps_its_size_and_stays_paper(collection):
    sheet = sheets.colour_sheet(collection, np.random.default_rng(0))
    for seed in range(8):
        picture, alpha = sheets.bend(sheet, np.random.default_rng(seed))
        assert picture.shape == sheet[0].shape and alpha.shape == sheet[1].shape
        assert alpha[100:-100, 100:-100].min() > 0.9


def test_laid_out_sheet_has_the_share_of_the_photo_that_was_asked_for():
    shares = []
    for seed in range(40):
        matrix = sheets.lay_out((600, 450), 640, 480, 0.5, np.random.default_rng(seed))
        corners = np.array([(0, 0, 1), (450, 0, 1), (450, 600, 1), (0, 600, 1)]) @ matrix.T
        x, y = (corners[:, :2] / corners[:, 2:]).T
        shares.append(0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / (640 * 480))
    assert 0.2 < np.median(shares) < 0.28  # a quarter of the area, less where it had to be turned


def test_bars_and_black_corners_are_no_page():
    rng = np.random.default_rng(4)
    image, labels = np.full((200, 150, 3), 90, np.uint8), np.zeros((200, 150), np.uint8)
    turned, marked = turn_with_wedges(image, labels, rng)
    black = (turned == 0).all(axis=2)
    assert black.any() and (marked[black] == classes.SURROUNDINGS).mean() > 0.95
    add_bars(image, labels, rng)
    changed = (image != 90).any(axis=2)
    assert changed.any() and (labels[changed] == classes.SURROUNDINGS).all() and (labels[~changed] == 0).mean() > 0.9
