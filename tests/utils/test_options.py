import pytest

from utils.options import RemovalOptions, growth_px, scale_of


@pytest.mark.parametrize(
    ("grow_px", "height", "expected"),
    [(18, 4000, 18), (18, 2000, 9), (18, 160, 3), (2, 160, 2), (0, 160, 0)],
)
def test_growth_follows_the_size_of_the_photo_down_to_three_pixels(grow_px, height, expected):
    assert growth_px(RemovalOptions(grow_px=grow_px), height, height // 2) == expected


def test_a_long_photo_counts_as_a_row_of_usual_ones():
    assert scale_of(2000, 4000) == scale_of(2000, 20000) == scale_of(20000, 2000) == 1
