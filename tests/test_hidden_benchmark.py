import numpy as np
import pytest

from benchmarks import hidden, hidden_pages
from datasets.camera import draw_camera
from datasets.pages import draw_layout
from utils.lost.lines import LostLine
from utils.regions import Box


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


def draw_line(hole: np.ndarray) -> hidden_pages.Sample:
    """Ten letters of a text of 40 pixels, 20 apart from x = 110, in a window of 200 x 400, and a hole in it."""
    places = np.stack([np.arange(10) * 20.0 + 110, np.full(10, 100.0)], axis=1)
    letters = hidden_pages.Letters(places, np.ones(10, int), np.full(10, 40.0), np.ones(10, int), np.full(10, 8.0))
    return hidden_pages.Sample(np.zeros((200, 400, 3), np.uint8), hole, letters, np.zeros((0, 2)), 4000)


def claim(x0: float, x1: float, y: float = 114) -> LostLine:
    box = Box(int(x0), int(y) - 40, int(x1), int(y) + 10)
    return LostLine(box, np.array([(x0, y), (x1, y)]), 20.0, 3, 1, 0.5)


def test_a_line_counts_of_which_half_a_size_is_hidden():
    hole = np.zeros((200, 400), bool)
    hole[:, 240:] = True  # the last three of ten letters
    row = hidden.judge([claim(240, 310)], draw_line(hole))
    assert row == {"lines": 1, "found": 1, "characters": 3, "said": 3, "alone": 0, "claims": 1, "right": 1, "false": 0}
    assert hidden.judge([], draw_line(hole))["found"] == 0


def test_a_claim_on_a_letter_that_the_hole_grazes_is_neither_right_nor_false():
    hole = np.zeros((200, 400), bool)
    hole[:, 289:] = True  # less than the last letter
    row = hidden.judge([claim(289, 330)], draw_line(hole))
    assert (row["lines"], row["right"], row["false"]) == (0, 0, 0)


def test_a_claim_in_the_height_of_no_letter_is_false():
    hole = np.zeros((200, 400), bool)
    hole[:, 240:] = True
    row = hidden.judge([claim(240, 310, y=180)], draw_line(hole))
    assert (row["lines"], row["found"], row["right"], row["false"]) == (1, 0, 0, 1)
