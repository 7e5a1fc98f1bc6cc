import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, lying, sheet, standing
from utils.page.rule import HALF_PX, End, Rule
from utils.page.strokes import PROFILE_STEP, draw_rules, measure_stroke

HOLE = hole_at(240, 160, 420, 400)
TONE = sheet(noise=0).astype(np.float32)


def before(y: float, slope: float = 0.0, period: float = 0.0, x: float = 239.0) -> End:
    """The end of a rule that meets the hole at its left side."""
    return End(x, y, slope, 1, x - 20, 100, period)


def behind(y: float, slope: float = 0.0, period: float = 0.0, x: float = 420.0) -> End:
    """The end of a rule that meets the hole at its right side."""
    return End(x, y, slope, -1, WIDTH - 20 - x, 100, period)


def between(one: End, two: End, standing: bool = False) -> Rule:
    return Rule(standing, one.u, one.v, one.slope, two.u, two.v, two.slope, (one, two))


@pytest.mark.parametrize(("width", "ink"), [(3, 0.6), (7, 0.3)])
def test_a_stroke_is_as_wide_and_as_dark_as_the_rule(width, ink):
    page = sheet(noise=1)
    lying(page, 280, 0, WIDTH, 0.03, width, ink)
    stroke = measure_stroke(covered(page, HOLE), HOLE, TONE, before(280 + 0.03 * 239, 0.03))
    assert stroke.period == 0 and stroke.shade.shape == (1, 2 * HALF_PX / PROFILE_STEP + 1, 3)
    profile = stroke.shade[0].mean(axis=1)
    assert profile.max() == pytest.approx(ink, abs=0.05)
    assert profile.sum() * PROFILE_STEP == pytest.approx(width * ink, rel=0.1)


def test_a_stroke_keeps_its_darkness_where_the_light_changes():
    light = np.linspace(1, 0.5, WIDTH)[None, :, None]
    page = sheet(noise=1)
    lying(page, 280, 0, WIDTH)
    picture, tone = covered(page * light, HOLE), (TONE * light).astype(np.float32)
    ends = before(280), behind(280)
    dark, light_shade = (measure_stroke(picture, HOLE, tone, end).shade.max() for end in ends)
    assert dark == pytest.approx(light_shade, abs=0.04)


def test_print_beside_a_rule_is_no_part_of_its_stroke():
    page = sheet(noise=1)
    lying(page, 280, 0, WIDTH)
    for x in range(100, 230, 40):
        standing(page, x, 265, 276, 4)
    profile = measure_stroke(covered(page, HOLE), HOLE, TONE, before(280)).shade[0].mean(axis=1)
    assert np.count_nonzero(profile) * PROFILE_STEP < 12
    assert profile.sum() * PROFILE_STEP == pytest.approx(1.8, rel=0.15)


def test_what_covers_the_page_is_no_part_of_a_stroke_along_its_rim():
    page, hole = sheet(noise=1), hole_at(150, 285, 420, 400) | HOLE
    lying(page, 280, 0, WIDTH)
    picture = covered(page, hole)
    plain = measure_stroke(picture, hole, TONE, before(280))
    picture[hole] = 0
    assert (measure_stroke(picture, hole, TONE, before(280)).shade == plain.shade).all()


@pytest.mark.parametrize("period", [12.3, 12.0, 9.0])
def test_a_dotted_stroke_is_one_period_long(period):
    page = sheet(noise=1)
    for x in np.arange(3, WIDTH, period):
        lying(page, 280, x, x + 6, width=4)
    stroke = measure_stroke(covered(page, HOLE), HOLE, TONE, before(280, period=period))
    middle = stroke.shade.mean(axis=2)[:, stroke.shade.shape[1] // 2]
    assert stroke.period == period and len(middle) == round(period / PROFILE_STEP)
    assert middle.max() > 0.5 and middle.min() < 0.1 and middle.mean() == pytest.approx(3.6 / period, abs=0.05)
    assert np.count_nonzero(np.abs(np.diff(middle, append=middle[0])) > 0.3) <= 6  # dark once, light once


def test_a_rule_is_drawn_where_it_runs_and_nowhere_else():
    page = sheet(noise=1)
    lying(page, 280, 0, WIDTH, 0.05)
    one, two = before(280 + 0.05 * 239, 0.05), behind(280 + 0.05 * 420, 0.05)
    ink = draw_rules(covered(page, HOLE), HOLE, TONE, [between(one, two)]).mean(axis=2)
    for x in range(245, 415, 10):
        assert np.average(np.arange(HEIGHT), weights=ink[:, x]) == pytest.approx(280 + 0.05 * x, abs=0.3)
    away = np.abs(np.arange(HEIGHT)[:, None] - (280 + 0.05 * np.arange(WIDTH))) > 8
    assert not ink[away].any()


def test_a_standing_rule_is_drawn_as_a_lying_one_of_the_transposed_page():
    page = sheet(noise=1)
    lying(page, 280, 0, WIDTH)
    picture, rule = covered(page, HOLE), between(before(280), behind(280))
    ink = draw_rules(picture, HOLE, TONE, [rule])
    turned = [np.ascontiguousarray(array.swapaxes(0, 1)) for array in (picture, HOLE, TONE)]
    upright = draw_rules(*turned, [between(*rule.ends, standing=True)])
    assert (upright.swapaxes(0, 1) == ink).all()


def test_a_rule_changes_from_the_look_of_one_end_to_that_of_the_other():
    page = sheet(noise=1)
    lying(page, 280, 0, 300, ink=0.3)
    lying(page, 280, 300, WIDTH, ink=0.7)
    ink = draw_rules(covered(page, HOLE), HOLE, TONE, [between(before(280), behind(280))])[280].mean(axis=1)
    assert ink[[245, 330, 415]] == pytest.approx([0.3, 0.5, 0.7], abs=0.06)


@pytest.mark.slow
def test_dots_of_both_ends_are_brought_into_step():
    page, truth, period = sheet(noise=1), np.ones((HEIGHT, WIDTH, 3)), 11.3
    for x in np.arange(0, WIDTH, period):
        lying(page, 280, x, x + 5, width=4)
        lying(truth, 280, x, x + 5, width=4)
    rule = between(before(280, period=period), behind(280, period=period))
    row = draw_rules(covered(page, HOLE), HOLE, TONE, [rule])[280, 245:415].mean(axis=1)
    assert np.corrcoef(row, (1 - truth)[280, 245:415, 0])[0, 1] > 0.9


def test_no_rules_take_no_light():
    assert not draw_rules(covered(sheet(), HOLE), HOLE, TONE, []).any()
