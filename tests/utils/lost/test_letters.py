import pytest

from utils.lost.letters import Print, measure_pitch


def test_many_strokes_make_squares_and_few_make_letters():
    latin = Print(height=30.0, length=1000, inked=800, blobs=40, blob_length=20.0, strokes=1300)
    assert measure_pitch(latin, [latin]) == pytest.approx((1000 / 40, 6))
    assert measure_pitch(latin._replace(strokes=2000), [latin._replace(strokes=2000)]) == pytest.approx((1.16 * 30, 2))


def test_dashes_and_bars_of_a_code_are_no_letters():
    latin = Print(height=30.0, length=1000, inked=800, blobs=40, blob_length=20.0, strokes=1300)
    assert latin.are_letters and latin._replace(blobs=1, strokes=700).are_letters
    assert not latin._replace(strokes=750).are_letters  # a dash a column, and now and then none
    assert not latin._replace(blobs=1, strokes=20).are_letters


def test_lines_of_another_height_do_not_tell_how_far_letters_lie_apart():
    small, large = Print(20.0, 500, 400, 40, 10.0, 600), Print(60.0, 500, 400, 9, 40.0, 600)
    assert measure_pitch(small, [small, large]) == measure_pitch(small, [small])
