import cv2
import numpy as np
import pytest

from tests.utils.lost.sheets import HEIGHT, LETTERS, WIDTH, hole_at, text_page
from utils.lost.lines import find_lost_lines
from utils.page.rule import End, Rule

BASELINES = [200, 290, 380, 470, 560]


def test_lines_that_run_into_a_hole_are_found_where_they_are():
    page, hole = text_page(BASELINES), hole_at(500, 150, 800, 510)
    lines = sorted(find_lost_lines(page, hole), key=lambda line: line.box.y0)
    assert [round(line.baseline[0, 1], -1) for line in lines] == [200, 290, 380, 470]
    for line in lines:
        assert 490 <= line.baseline[0, 0] <= 510 and 790 <= line.baseline[1, 0] <= 810
        assert 15 <= line.height <= 40
        assert 0 < line.share < 0.5


def test_hidden_letters_are_counted_to_a_fifth():
    page, hole = text_page(BASELINES), hole_at(500, 150, 800, 510)
    width = cv2.getTextSize(LETTERS, cv2.FONT_HERSHEY_SIMPLEX, 1.4, 3)[0][0]
    truth = 300 / width * len(LETTERS.replace(" ", ""))
    for line in find_lost_lines(page, hole):
        assert line.characters == pytest.approx(truth, rel=0.2)


def test_a_hole_on_bare_paper_hides_nothing():
    assert find_lost_lines(text_page([200, 800]), hole_at(500, 300, 800, 700)) == []


def test_a_hole_between_two_lines_hides_nothing():
    assert find_lost_lines(text_page([200, 400]), hole_at(500, 240, 800, 330)) == []


def test_rules_are_no_text():
    page = text_page([])
    for y in range(150, 700, 60):
        cv2.line(page, (0, y), (WIDTH, y), (60, 60, 60), 3)
    cv2.line(page, (450, 0), (450, HEIGHT), (60, 60, 60), 3)
    assert find_lost_lines(page, hole_at(400, 200, 800, 600)) == []


def test_what_lies_in_the_hole_is_not_looked_at():
    page, hole = text_page(BASELINES), hole_at(500, 150, 800, 510)
    other = page.copy()
    other[hole] = np.random.default_rng(1).integers(0, 255, (np.count_nonzero(hole), 3), dtype=np.uint8)
    one, two = find_lost_lines(page, hole), find_lost_lines(other, hole)
    assert [line.as_json() for line in one] == [line.as_json() for line in two]


def test_a_standing_rule_that_goes_on_in_the_hole_parts_two_cells():
    page = text_page([300], text="totalofallsums", x=80)
    cv2.putText(page, "amountdue", (900, 300), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (40, 40, 40), 3, cv2.LINE_AA)
    hole = hole_at(300, 200, 960, 400)
    wall = Rule(standing=True, u0=0, v0=600, slope0=0, u1=900, v1=600, slope1=0, ends=())
    lines = find_lost_lines(page, hole, rules=[wall])
    assert len(lines) == 2
    assert all(line.box.x1 <= 610 or line.box.x0 >= 590 for line in lines)


def test_places_are_those_of_the_photo():
    page, hole = text_page(BASELINES), hole_at(500, 150, 800, 510)
    here, there = find_lost_lines(page, hole), find_lost_lines(page, hole, corner=(1000, 2000))
    for one, two in zip(here, there, strict=True):
        assert two.box == one.box.shifted(1000, 2000)
        assert np.allclose(two.baseline - one.baseline, (1000, 2000))


@pytest.mark.parametrize("hole", [np.zeros((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)])
def test_no_hole_and_nothing_but_a_hole_hide_nothing(hole):
    assert find_lost_lines(text_page(BASELINES), hole) == []


def test_a_line_hidden_on_its_left_begins_where_its_column_does():
    page, hole = text_page([150, 240, 330, 420, 510, 600]), hole_at(40, 300, 400, 440)
    lines = sorted(find_lost_lines(page, hole), key=lambda line: line.box.y0)
    assert len(lines) == 2
    for line in lines:
        assert line.baseline[0, 0] == pytest.approx(80, abs=15) and line.baseline[1, 0] == pytest.approx(400, abs=10)


def test_a_line_that_is_seen_up_to_where_its_column_ends_hides_nothing():
    page = text_page([150, 240, 330, 420, 510], text="amount of report", x=300)
    assert find_lost_lines(page, hole_at(40, 290, 302, 440)) == []


def test_lines_of_two_columns_opposite_each_other_are_two():
    baselines = [150, 240, 330, 420, 510]
    page = np.minimum(text_page(baselines, text="left of it", x=80), text_page(baselines, text="right of all", x=900))
    lines = find_lost_lines(page, hole_at(200, 290, 1000, 440))
    assert len(lines) == 4 and all(line.box.x1 < 600 or line.box.x0 > 600 for line in lines)


def test_a_tinted_row_of_a_table_is_paper():
    page = text_page([300])
    page[250:330] = np.clip(page[250:330].astype(int) - 45, 0, 255)
    (line,) = find_lost_lines(page, hole_at(500, 150, 800, 510))
    assert line.baseline[0, 1] == pytest.approx(300, abs=8)


def test_both_parts_of_a_line_that_is_crossed_twice_are_of_one_line():
    hole = hole_at(300, 150, 420, 350) | hole_at(700, 150, 840, 350)
    lines = find_lost_lines(text_page([200, 290]), hole)
    assert len(lines) == 4 and len({line.seen_at for line in lines}) == 2


def test_a_line_that_the_hole_cuts_along_is_found():
    """Of its last letters only the upper third is seen."""
    page, hole = text_page([290]), hole_at(500, 270, 1300, 500)
    (line,) = find_lost_lines(page, hole)
    assert line.baseline[0, 1] == pytest.approx(290, abs=10) and line.baseline[0, 0] == pytest.approx(500, abs=15)


def test_a_dashed_rule_that_goes_on_in_the_hole_is_no_text():
    page = text_page([])
    for x in range(0, WIDTH, 36):
        cv2.line(page, (x, 400), (x + 20, 400), (40, 40, 40), 12)
    hole = hole_at(500, 300, 800, 500)
    ends = tuple(End(u=u, v=400, slope=0, side=side, length=480, core=100) for u, side in ((499, 1), (800, -1)))
    rule = Rule(standing=False, u0=500, v0=400, slope0=0, u1=800, v1=400, slope1=0, ends=ends)
    assert find_lost_lines(page, hole, rules=[rule]) == []


def test_a_word_of_square_characters_has_two_of_them():
    page = text_page([])
    for x in range(80, 1300, 48):
        for step in (0, 13, 26, 39):
            cv2.line(page, (x, 280 + step), (x + 39, 280 + step), (40, 40, 40), 3)
            cv2.line(page, (x + step, 280), (x + step, 319), (40, 40, 40), 3)
    (line,) = find_lost_lines(page, hole_at(500, 200, 788, 400))
    assert line.characters == pytest.approx(6, abs=1) and line.words == round(line.characters / 2)


def test_a_lone_spot_beside_the_hole_is_no_line():
    page = text_page([])
    cv2.putText(page, "o", (478, 300), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (40, 40, 40), 3, cv2.LINE_AA)
    assert find_lost_lines(page, hole_at(500, 200, 800, 400)) == []


def test_a_rule_between_a_line_and_the_hole_does_not_tie_them():
    page = text_page([300], text="summe am morgen", x=540)
    cv2.line(page, (300, 267), (WIDTH, 267), (40, 40, 40), 4)
    assert find_lost_lines(page, hole_at(300, 200, 518, 400)) == []


def test_the_longest_of_lines_that_end_under_each_other_is_seen_whole():
    page = text_page([])
    for y, text in ((150, "410.10"), (240, "3412.5"), (330, "1034103.50"), (420, "123.25"), (510, "12.125")):
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.4, 3)[0][0]
        cv2.putText(page, text, (1200 - width, y), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (40, 40, 40), 3, cv2.LINE_AA)
    assert find_lost_lines(page, hole_at(600, 290, 947, 350)) == []
