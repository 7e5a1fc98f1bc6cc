import numpy as np
import pytest

from datasets.masks import MASK_DRAWERS, MaskStyle, random_mask


@pytest.mark.parametrize("mask_type", MASK_DRAWERS)
def test_mask_has_the_size_of_the_sample_is_binary_and_never_empty(mask_type):
    for seed in range(50):
        mask = random_mask(np.random.default_rng(seed), 64, MaskStyle(mask_type))
        assert mask.shape == (64, 64) and mask.dtype == np.float32
        assert set(np.unique(mask)) <= {0.0, 1.0} and mask.max() == 1


@pytest.mark.parametrize("mask_type", MASK_DRAWERS)
def test_same_seed_draws_the_same_mask_and_another_seed_another(mask_type):
    first, again, other = (random_mask(np.random.default_rng(s), 128, MaskStyle(mask_type)) for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_boxes_keep_the_margin_and_their_published_size():
    style = MaskStyle("single_bbox", margin=12, bbox_shape=40)
    for seed in range(100):
        rows, columns = np.nonzero(random_mask(np.random.default_rng(seed), 100, style))
        for values in (rows, columns):
            assert values.min() >= 12 + 4 and values.max() < 100 - 12 - 4
            assert 40 - 2 * (4 + 8) <= np.ptp(values) + 1 <= 40 - 2 * 4


def test_several_boxes_cover_more_than_one():
    one = random_mask(np.random.default_rng(0), 256, MaskStyle("single_bbox")).sum()
    assert random_mask(np.random.default_rng(0), 256, MaskStyle("bbox", mask_num=15)).sum() > 3 * one


def test_box_may_fill_the_sample_to_its_margins():
    style = MaskStyle("single_bbox", margin=10, bbox_shape=44)
    style.check(64)
    assert random_mask(np.random.default_rng(0), 64, style).any()


@pytest.mark.parametrize(
    ("style", "message"),
    [
        (MaskStyle("single_bbox", margin=20, bbox_shape=30), "--bbox_shape 30 with --margin 20"),
        (MaskStyle("blob"), "--mask_type blob: must be one of single_bbox, bbox, free_form"),
        (MaskStyle(max_len=0), "--max_len 0"),
        (MaskStyle(margin=-1), "--margin -1"),
    ],
)
def test_style_that_cannot_be_drawn_is_refused_with_its_flag(style, message):
    with pytest.raises(ValueError, match=message):
        style.check(64)
