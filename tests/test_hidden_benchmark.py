import numpy as np
import pytest

from benchmarks import hidden, hidden_pages
from datasets.camera import draw_camera
from datasets.pages import draw_layout


def test_letters_of_a_page_lie_where_its_words_do():
    rng = np.random.default_rng(3)
    layout = draw_layout(rng)
    letters = hidden_pages.find_letters(layout, draw_camera(rng, layout))
    printed = sum(len(run.text.replace(" ", "")) for run in layout.texts if not run.angle)
    assert len(letters.places) == len(letters.line) == len(letters.half) == printed
    assert (letters.size > 0).all()


def test_words_of_one_line_have_one_number_and_cells_have_their_own():
    rng = np.random.default_rng(0)
    layout = draw_layout(rng)
    letters = hidden_pages.find_letters(layout, draw_camera(rng, layout))
    assert 1 <= len(np.unique(letters.line)) <= len(np.unique(letters.word))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(hidden_pages.HOLE_PLACES)))
def test_a_hole_without_text_touches_no_letter(number):
    sample = hidden_pages.draw_sample(1, number, bare=True)
    assert sample is not None and sample.hole.any()
    assert not hidden_pages.hides(sample.hole, sample.letters).any()
    assert not hidden_pages.in_mask(sample.hole, sample.ink).any()


def test_totals_are_shares_of_what_was_counted():
    row = {"hole": "text 0", "ms": 1.0, "lines": 4, "found": 3, "claims": 4, "right": 3, "false": 1}
    row |= {"characters": 20, "said": 25, "alone": 20}
    total = hidden.totals([row])
    assert total["recall"] == total["precision"] == 0.75
    assert total["characters, mean error"] == 0.25 and total["hidden in lines unseen"] == 0.5
