from pathlib import Path

import numpy as np
import pytest

from docs import demo_pictures
from utils.images import read_image


@pytest.mark.slow
def test_photos_are_drawn_again_from_their_seed_and_the_last_lies_on_its_side(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    demo_pictures.draw(photos, 11, (4, 8), 300, tmp_path / "scratch")
    first, last = (read_image(photos / f"test{place}.jpg") for place in (1, 2))
    assert first.shape[0] > first.shape[1] and last.shape[0] < last.shape[1]
    shipped = read_image(Path(__file__).parent.parent / "test_img" / "test1.jpg")
    assert abs(first.shape[0] / first.shape[1] - shipped.shape[0] / shipped.shape[1]) < 0.02


def test_strips_are_stacked_at_one_width():
    strips = [np.full((20, 60, 3), 10, np.uint8), np.full((40, 30, 3), 200, np.uint8)]
    stacked = demo_pictures.stack(strips, 30)
    assert stacked.shape == (10 + 40, 30, 3)
    assert stacked[:10].max() == 10 and stacked[10:].min() == 200
