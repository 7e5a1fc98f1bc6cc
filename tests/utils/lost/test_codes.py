import numpy as np

from tests.utils.lost.sheets import hole_at, text_page
from utils.lost.codes import find_codes
from utils.lost.ink import reduce_window
from utils.lost.lines import find_lost_lines

MODULES, MODULE_PX = 29, 12  # of the code that is drawn


def code_page():
    """A page with a square code whose left upper corner is at (400, 250)."""
    page = text_page([150])
    modules = np.random.default_rng(3).random((MODULES, MODULES)) < 0.5
    code = np.where(np.kron(modules, np.ones((MODULE_PX, MODULE_PX))) > 0, 40, 215)
    page[250 : 250 + len(code), 400 : 400 + len(code)] = code[..., None]
    return page


def test_a_square_code_below_a_hole_is_no_text():
    for hole in (hole_at(550, 180, 800, 700), hole_at(300, 400, 800, 500), hole_at(540, 320, 620, 480)):
        assert find_lost_lines(code_page(), hole) == []


def test_lines_beside_a_square_code_are_still_found():
    (line,) = find_lost_lines(code_page(), hole_at(550, 100, 800, 500))
    assert line.box.y1 < 250


def test_close_lines_of_text_are_no_code():
    page, hole = text_page([200, 246, 292, 338, 384, 430, 476]), hole_at(500, 150, 800, 510)
    view = reduce_window(page, hole, None, 3)
    assert not find_codes(view.ink, view.hole).any()


def test_what_lies_in_the_hole_is_not_looked_at():
    ink = np.zeros((90, 90), np.uint8)
    assert not find_codes(ink, ink).any() and not find_codes(ink, ink + 1).any()
    assert not find_codes(ink + 1, ink + 1).any()
    assert find_codes(ink + 1, ink).all()
