import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, lying, sheet, standing
from utils.page.paper import measure_paper
from utils.page.rule import Rule
from utils.page.rule_extent import measure_extents
from utils.page.rules import find_rules
from utils.page.strokes import draw_rules

HOLE = hole_at(240, 160, 420, 400)


def rules_of(page: np.ndarray, hole: np.ndarray = HOLE, print_text=None) -> tuple[list[Rule], np.ndarray, np.ndarray]:
    """The rules found, and the picture and tone they were found in."""
    picture = covered(page, hole)
    if print_text:
        print_text(picture)
        picture[hole] = (120, 150, 200)
    paper = measure_paper(picture, hole)
    dark = cv2.subtract(np.rint(paper.tone).astype(np.uint8), picture).max(axis=2)
    return find_rules(dark, hole, paper.surface, paper.noise, paper.page), picture, paper.tone


@pytest.mark.parametrize("slope", [0.0, 0.05, -0.087])
@pytest.mark.parametrize(("width", "ink"), [(2, 0.5), (7, 0.8), (2, 0.12)])
def test_a_hidden_rule_is_found_within_a_pixel(slope, width, ink):
    page = sheet()
    lying(page, 280 - 330 * slope, 0, WIDTH, slope, width, ink)
    rules, _, _ = rules_of(page)
    assert len(rules) == 1
    assert not rules[0].standing
    u = np.arange(245.0, 415)
    assert np.abs(rules[0].at(u) - (280 + (u - 330) * slope)).max() < 1


@pytest.mark.parametrize(("lean", "found"), [(0.02, True), (-0.29, False)])
def test_a_stroke_that_leans_against_the_ruled_lines_is_no_rule(lean, found):
    page = sheet()
    for y in range(130, 430, 60):
        lying(page, y, 0, WIDTH)
    rows = np.arange(HEIGHT)[:, None]
    off = np.abs(np.arange(WIDTH) - (330 + lean * (rows - 400)))
    page *= 1 - 0.6 * (np.clip(2 - off, 0, 1) * ((rows >= 380) & (rows < 520)))[..., None]
    rules, _, _ = rules_of(page)
    assert any(rule.standing for rule in rules) == found


def test_a_standing_rule_is_a_lying_one_of_the_transposed_page():
    page = sheet()
    standing(page, 333.3, 0, HEIGHT)
    rules, _, _ = rules_of(page)
    assert [rule.standing for rule in rules] == [True]
    points = rules[0].points()
    assert np.abs(points[:, 0] - 333.3).max() < 1
    assert points[:, 1].min() < 165
    assert points[:, 1].max() > 395


def test_a_gently_bent_rule_is_followed():
    page = sheet()
    x = np.arange(WIDTH)
    course = 280 + 10 * np.sin(np.pi * x / WIDTH)
    share = np.clip(2 - np.abs(np.arange(HEIGHT)[:, None] - course), 0, 1)
    page *= 1 - 0.6 * share[..., None]
    rules, _, _ = rules_of(page)
    assert len(rules) == 1
    u = np.arange(245, 415)
    assert np.abs(rules[0].at(u.astype(float)) - course[u]).max() < 1


def test_a_double_rule_is_one():
    page = sheet()
    lying(page, 276, 0, WIDTH)
    lying(page, 283, 0, WIDTH)
    rules, _, _ = rules_of(page)
    assert len(rules) == 1
    assert rules[0].at(330) == pytest.approx(279.5, abs=0.7)


def test_a_rule_seen_on_one_side_ends_at_the_rule_it_meets():
    page = sheet()
    for y in (120, 200, 280, 360, 440):
        lying(page, y, 0, 330)
    standing(page, 330, 120, 440)
    rules, _, _ = rules_of(page)
    ends = [rule.points()[-1, 0] for rule in rules if not rule.standing]
    assert len(ends) == 3
    assert np.abs(np.array(ends) - 330).max() < 3


def test_a_rule_goes_on_to_the_border_of_the_photo():
    page, hole = sheet(), hole_at(300, 160, WIDTH, 400)
    for y in (60, 120, 200, 280, 360, 440, 500):
        lying(page, y, 0, WIDTH)
    rules, _, _ = rules_of(page, hole)
    assert len(rules) == 3
    assert min(rule.u1 for rule in rules) > WIDTH - 4


def test_a_rule_that_ends_inside_without_a_sign_is_not_continued():
    page = sheet()
    lying(page, 280, 0, 330)
    assert rules_of(page)[0] == []


def test_a_short_column_goes_on_if_it_begins_at_a_rule():
    page, hole = sheet(), HOLE | hole_at(420, 100, 520, 400)
    for y in (120, 280):
        lying(page, y, 0, WIDTH)
    standing(page, 300, 120, 280)
    standing(page, 360, 132, 280)
    rules, _, _ = rules_of(page, hole)
    columns = [rule.points() for rule in rules if rule.standing]
    assert len(columns) == 1
    assert np.abs(columns[0][-1] - (300, 280)).max() < 3


def test_blank_paper_has_no_rules():
    for noise in (1, 4, 8):
        assert rules_of(sheet(noise=noise))[0] == []


@pytest.mark.parametrize("size", [0.5, 0.9, 1.6])
def test_text_is_no_rule(size):
    def letters(picture: np.ndarray) -> None:
        rng = np.random.default_rng(7)
        for y in range(20, HEIGHT, int(30 * size) + 8):
            words = "".join(rng.choice(list("abcdeghiklmnoprstuvw  EFHIT"), 80))
            cv2.putText(picture, words, (-10, y), cv2.FONT_HERSHEY_SIMPLEX, size, (40, 40, 40), round(3 * size))

    assert rules_of(sheet(), print_text=letters)[0] == []


def test_a_drawn_rule_continues_tone_and_width():
    page, truth = sheet(noise=1), np.ones((HEIGHT, WIDTH, 3))
    lying(page, 280, 0, WIDTH, 0.03, 4, 0.6)
    lying(truth, 280, 0, WIDTH, 0.03, 4, 0.6)
    rules, picture, tone = rules_of(page)
    ink = draw_rules(picture, HOLE, tone, rules)
    assert np.abs(ink - (1 - truth))[HOLE].mean() < 0.004
    column = ink[160:400, 330].mean(axis=1)
    assert column.sum() == pytest.approx((1 - truth)[160:400, 330].mean(axis=1).sum(), rel=0.1)


def test_a_coloured_rule_keeps_its_colour():
    page = sheet(noise=1)
    share = np.clip(2.5 - np.abs(np.arange(HEIGHT) - 280), 0, 1)[:, None, None]
    page *= 1 - share * np.array([0.05, 0.3, 0.7])
    rules, picture, tone = rules_of(page)
    assert draw_rules(picture, HOLE, tone, rules)[280, 330] == pytest.approx([0.05, 0.3, 0.7], abs=0.04)


def test_dots_go_on_in_step():
    page, truth, period = sheet(noise=1), np.ones((HEIGHT, WIDTH, 3)), 11.3
    for k in range(60):
        lying(page, 280, k * period, k * period + 5, width=4)
        lying(truth, 280, k * period, k * period + 5, width=4)
    rules, picture, tone = rules_of(page)
    assert [end.period for end in rules[0].ends] == pytest.approx([period] * 2, abs=0.1)
    row = draw_rules(picture, HOLE, tone, rules)[280, 245:415].mean(axis=1)
    assert np.corrcoef(row, (1 - truth)[280, 245:415, 0])[0, 1] > 0.9


@pytest.mark.parametrize(("even", "count"), [(400, 1), (110, 0)])
def test_a_few_even_strokes_of_a_line_of_print_are_no_dotted_rule(even, count):
    page, hole = sheet(), hole_at(400, 160, WIDTH, 400)
    first = 400 - even
    for x in range(first, WIDTH, 16):
        lying(page, 280, x, x + 8)
    for x in first - np.cumsum(np.random.default_rng(3).uniform(8, 26, 12)):
        lying(page, 280, x - 6, x)
    assert len(rules_of(page, hole)[0]) == count


@pytest.mark.parametrize("seed", range(4))
def test_half_a_line_of_text_is_no_dotted_stroke(seed):
    letters = np.repeat(np.random.default_rng(seed).uniform(20, 90, 40), 3)
    core = np.concatenate([letters, np.zeros(120)])
    assert measure_extents(core[None], np.array([len(core)]), 2.0).period == 0


def test_crossings_are_drawn_once():
    page = sheet(noise=1)
    picture = covered(page, HOLE)
    lying(page, 280, 0, WIDTH)
    alone = 1 - 0.6
    both = sheet(noise=1)
    lying(both, 280, 0, WIDTH)
    standing(both, 330, 0, HEIGHT)
    rules, picture, tone = rules_of(both)
    assert len(rules) == 2
    assert 1 - draw_rules(picture, HOLE, tone, rules)[280, 330].mean() == pytest.approx(alone, abs=0.05)


def test_rules_end_where_those_beside_them_end():
    page, hole = sheet(), hole_at(300, 160, WIDTH, 400)
    for y in (60, 120, 200, 280, 360, 440, 500):
        lying(page, y, 0, 540)
    rules, _, _ = rules_of(page, hole)
    assert len(rules) == 3
    assert np.abs(np.array([rule.u1 for rule in rules]) - 540).max() < 20


def test_a_thick_rule_is_one():
    page = sheet()
    lying(page, 270, 0, WIDTH, 0.03, 10, 0.7)
    rules, _, _ = rules_of(page)
    assert len(rules) == 1
    assert abs(float(rules[0].at(330)) - (270 + 0.03 * 330)) < 1


@pytest.mark.slow
@pytest.mark.parametrize("right", [420, WIDTH])
def test_a_dotted_rule_below_handwriting_is_where_even_spacing_says(right):
    page, hole = sheet(), hole_at(300, 130, right, 430)
    for y in (80, 140, 200, 260, 320, 380, 440, 500):
        for x in range(0, WIDTH, 10):
            lying(page, y, x, x + 5, 0.0, 2, 0.3)

    def write(picture: np.ndarray) -> None:
        for x in (0, right):
            cv2.putText(picture, "um nine even on 26", (x + 5, 250), cv2.FONT_HERSHEY_SIMPLEX, 1, (60, 60, 60), 3)

    rules, _, _ = rules_of(page, hole, write)
    found = [float(rule.at(330)) for rule in rules if not rule.standing]
    assert sorted(found) == pytest.approx([140, 200, 260, 320, 380], abs=1)


def test_even_spacing_invents_no_rule_that_is_not_seen():
    page = sheet()
    for y in (180, 220, 340, 380):
        lying(page, y, 0, WIDTH)
    assert len(rules_of(page)[0]) == 4


def test_dashed_columns_end_at_the_side_of_their_table():
    page = sheet()
    for y in (200, 280, 370):
        lying(page, y, 0, WIDTH)
    for x in (60, 150, 330, 500, 590):
        for y in range(0, 280, 20):
            standing(page, x, y, y + 12)
    (column,) = (rule for rule in rules_of(page)[0] if rule.standing)
    assert column.u1 == pytest.approx(280, abs=3)


def test_a_rule_that_ended_just_before_the_hole_is_not_continued():
    page = sheet()
    for y in (40, 100, 148, 200, 280):
        lying(page, y, 0, WIDTH)
    for x in (60, 330, 590):
        standing(page, x, 0, 148)
    assert not any(rule.standing for rule in rules_of(page)[0])


@pytest.mark.parametrize(("depth", "width"), [(0.3, 8), (0.7, 16)])
def test_the_shadow_of_the_page_is_no_rule_on_the_desk(depth, width):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    inwards = x - (180 + 0.1 * y)
    shadow = depth * np.clip(1 + inwards / width, 0, 1) * (inwards < 0) * (y < 330)
    share = np.clip(np.minimum(inwards, 330 - y) + 0.5, 0, 1)[..., None]
    page = sheet() * share + np.array([100, 140, 180]) * (1 - shadow[..., None]) * (1 - share)
    rules, _, _ = rules_of(page, hole_at(150, 220, 400, HEIGHT))
    assert not rules
