from types import SimpleNamespace

import numpy as np

from benchmarks import hidden_ocr
from benchmarks.hidden_ocr import Line
from utils.lost.lines import LostLine
from utils.regions import Box

HOLE = np.zeros((200, 600), bool)
HOLE[:, 300:400] = True


def words(*texts_and_lefts, y=100):
    found = tuple((text, Box(x, y - 20, x + 20 * len(text), y)) for text, x in texts_and_lefts)
    return Line(Box(found[0][1].x0, y - 20, found[-1][1].x1, y), found)


def claim(x0, x1, y, characters):
    return LostLine(Box(x0, y - 20, x1, y), np.array([[x0, y], [x1, y]], float), 12.0, characters, 1, 0.3)


class Engine:
    """Reads what it is told, picture by picture."""

    def __init__(self, *readings):
        self.readings = list(readings)

    def __call__(self, picture, return_word_box):
        lines = self.readings.pop(0)
        results = [
            [(t, 1.0, [(b.x0, b.y0), (b.x1, b.y0), (b.x1, b.y1), (b.x0, b.y1)]) for t, b in line.words]
            for line in lines
        ]
        return SimpleNamespace(word_results=results)


def test_words_below_a_hole_are_counted_and_claims_on_their_line_are_right():
    line = words(("amount", 100), ("total", 300), ("sum", 420))
    row = hidden_ocr.compare([line], [claim(300, 400, 100, 6), claim(300, 400, 180, 2)], HOLE)
    assert row == {"words": 1, "lines": 1, "found": 1, "claims": 2, "right": 1, "characters": 5, "said": 6}


def test_a_line_without_two_visible_characters_is_not_interrupted():
    assert hidden_ocr.compare([words(("total", 300))], [], HOLE)["lines"] == 0


def test_a_word_that_is_read_alone_is_gone_but_not_harmed():
    line, rest = words(("amount", 100), ("sum", 420)), words(("sum", 420))
    picture = np.full((200, 600, 3), 200, np.uint8)
    engine = Engine([line], [rest], [line], [line], [line])
    assert hidden_ocr.harm(engine, picture, picture, HOLE) == {"outside": 2, "gone": 1, "harmed": 0, "unsteady": 0}
    engine = Engine([line], [rest], [line], [line], [rest])
    assert hidden_ocr.harm(engine, picture, picture, HOLE)["harmed"] == 1


def test_lines_in_which_nothing_is_read_are_left_out():
    engine = lambda picture, return_word_box: SimpleNamespace(word_results=(("", 1.0, None), (("", 1.0, None),), ()))  # noqa: E731
    assert hidden_ocr.read(engine, np.zeros((9, 9, 3), np.uint8)) == []
