import numpy as np
import pytest

from datasets.sheets import sketched


@pytest.mark.parametrize("seed", range(8))
def test_a_sketched_sheet_is_paper_for_the_most_part(seed):
    sheet, alpha = sketched(np.random.default_rng(seed))
    assert sheet.shape == (*alpha.shape, 3)
    assert (alpha == 1).all()
    assert (sheet.min() >= 0) and (sheet.max() <= 255)
    paper = np.median(sheet.reshape(-1, 3), axis=0)
    assert (np.abs(sheet - paper).max(axis=2) < 1).mean() > 0.6


def test_some_sheets_are_empty_and_most_are_not():
    empty = [np.ptp(sketched(np.random.default_rng(seed))[0], axis=(0, 1)).max() == 0 for seed in range(100)]
    assert 0 < empty.count(True) < 20
