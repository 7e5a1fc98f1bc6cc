import numpy as np
import pytest

from utils.page.rule import End, Rule, Sight, find_stroke, fit_polynomial, fit_polynomials, read_strip


def rule(standing: bool = False) -> Rule:
    end = End(100, 40, 0.1, 1, 90, 60)
    return Rule(standing, 100, 40, 0.1, 300, 55, 0.0, (end,))


def test_a_rule_begins_and_ends_where_it_is_said_to_with_these_slopes():
    assert rule().at(np.array([100.0, 300.0])) == pytest.approx([40, 55])
    slopes = [float(rule().at(u + 0.01) - rule().at(u - 0.01)) / 0.02 for u in (100, 300)]
    assert slopes == pytest.approx([0.1, 0.0], abs=1e-4)


def test_a_rule_goes_straight_on_beyond_its_ends():
    assert rule().at(np.array([50.0, 400.0])) == pytest.approx([35, 55])


def test_points_of_a_standing_rule_are_those_of_the_lying_one_turned():
    assert (rule(standing=True).points() == rule().points()[:, ::-1]).all()


@pytest.mark.parametrize("side", [1, -1])
def test_the_visible_part_of_an_end_leads_away_from_the_hole(side):
    near, far = End(100, 40, 0.1, side, 50, 60).points(standing=False)
    assert near.tolist() == [100, 40] and far == pytest.approx([100 - 50 * side, 40 - 5 * side])


def test_a_view_mirrored_or_transposed_twice_is_itself():
    planes = np.random.default_rng(0).integers(0, 9, (4, 5, 7), np.uint8)
    sight = Sight(*planes, 2.0, 1)
    for other in (sight.mirrored().mirrored(), sight.transposed().transposed()):
        assert all((getattr(other, name) == getattr(sight, name)).all() for name in ("dark", "hole", "near_hole"))
    assert (sight.transposed().surface == sight.surface.T).all()
    assert (sight.mirrored().dark == sight.dark[:, ::-1]).all()


def test_a_strip_follows_its_path():
    picture = np.add.outer(10 * np.arange(40.0), np.arange(50.0)).astype(np.float32)
    u, v = np.arange(10.0, 20), np.linspace(12, 15, 10)
    strip = read_strip(picture, u, v, np.array([-2.0, 0.0, 3.0]))
    assert strip.shape == (10, 3)
    np.testing.assert_allclose(strip, (10 * v + u)[:, None] + [-20, 0, 30], atol=0.4)


def test_a_stroke_holds_both_lines_of_a_double_rule_and_nothing_farther_off():
    profile = np.zeros(41)
    profile[[18, 19, 22, 23, 35]] = 10
    assert np.flatnonzero(find_stroke(profile, 10, gap=4)).tolist() == [18, 19, 20, 21, 22, 23]


def test_an_outlier_does_not_bend_a_polynomial():
    t = np.linspace(0, 1, 40)
    shift = 3 - 2 * t
    shift[7] += 30
    line, misfit = fit_polynomial(t, shift, 1)
    assert line == pytest.approx([-2, 3], abs=0.05) and misfit < 0.02


def test_many_polynomials_are_fitted_as_each_alone():
    rng = np.random.default_rng(0)
    t, shift, known = rng.uniform(-200, 0, (5, 30)), rng.normal(0, 1, (5, 30)), rng.random((5, 30)) < 0.7
    lines, misfits = fit_polynomials(t, shift, known, 2)
    for row, chosen in enumerate(known):
        line, misfit = fit_polynomial(t[row, chosen], shift[row, chosen], 2)
        assert lines[row] == pytest.approx(line) and misfits[row] == pytest.approx(misfit)
