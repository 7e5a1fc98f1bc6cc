import numpy as np
import pytest

from tests.utils.lost.sheets import hole_at, text_page
from utils.lost.bands import Band, find_pieces, follows, to_run
from utils.lost.ink import reduce_window

REDUCTION = 3


def test_pieces_lie_on_their_lines():
    view = reduce_window(text_page([200, 500]), hole_at(0, 700, 100, 800), None, REDUCTION)
    pieces = find_pieces(view)
    assert len(pieces) >= 2
    for piece in pieces:
        over = (np.array([200, 500]) - REDUCTION * piece.at(piece.middle)) / (REDUCTION * piece.height)
        assert np.abs(over - 0.5).min() < 0.3  # small letters stand on the baseline


def test_where_no_page_is_shown_there_are_no_pieces():
    textless = np.ones((900, 1400), bool)
    assert find_pieces(reduce_window(text_page([200]), hole_at(0, 700, 100, 800), textless, REDUCTION)) == []


def test_a_comma_does_not_bend_the_run_that_it_is_part_of():
    word, comma = Band(0, 60, 30, 50.0, 10.0, 0.0), Band(63, 66, 64.5, 54.5, 4.0, 0.0)
    after = Band(72, 132, 102, 50.0, 10.0, 0.0)
    assert follows(word, comma) and follows(comma, after)
    run = to_run([word, comma, after])
    assert (run.x0, run.x1, run.height) == (0, 132, 10.0) and run.at(200) == pytest.approx(50.0)


def test_a_run_of_pieces_slopes_as_their_places_do():
    pieces = [Band(x, x + 30, x + 15.0, 50 + 0.05 * (x + 15), 10.0, 0.0) for x in (0, 36, 72, 108)]
    assert to_run(pieces).slope == pytest.approx(0.05, abs=0.01)
