import numpy as np
import pytest

from tests.utils.page.sights import HEIGHT, WIDTH, end_before, end_behind, hole_at, lines, sight_of
from utils.page.rule import Rule
from utils.page.rule_rows import MIN_RULES, find_repeated

HOLE = hole_at(220, 30, 380, 370)


def rule(v: float, slope: float = 0.0) -> Rule:
    """A rule between both sides of the hole, at `v` in its middle."""
    one = end_before(219, v - 81 * slope, slope)
    two = end_behind(380, v + 80 * slope, slope)
    return Rule(False, one.u, one.v, slope, two.u, two.v, slope, (one, two))


def with_print(dark: np.ndarray, v: int) -> np.ndarray:
    """Letters that stand on a rule and hide it here and there."""
    dark = dark.copy()
    for u in range(0, WIDTH, 48):
        dark[v - 14 : v + 3, u : u + 14] = 80
    return dark


@pytest.mark.parametrize("slope", [0.0, 0.03])
def test_a_rule_below_print_is_where_even_spacing_says(slope):
    known = [100, 150, 250, 300]
    dark = with_print(lines(*((v - 300 * slope, slope) for v in (*known, 200))), 200)
    (found,) = find_repeated(sight_of(dark, HOLE), [rule(v, slope) for v in known])
    assert found.at(300) == pytest.approx(200, abs=0.5) and found.slope0 == pytest.approx(slope, abs=1e-3)
    assert (found.u0, found.u1) == pytest.approx((220, 379), abs=1)


def test_a_rule_beyond_the_last_one_is_found_too():
    dark = lines(*((v, 0.0) for v in (100, 150, 200, 250)))
    (found,) = find_repeated(sight_of(dark, HOLE), [rule(v) for v in (100, 150, 200)])
    assert found.at(300) == pytest.approx(250, abs=0.5)


def test_where_paper_is_bare_there_is_no_rule():
    known = [100, 150, 250, 300]
    assert find_repeated(sight_of(lines(*((v, 0.0) for v in known)), HOLE), [rule(v) for v in known]) == []


def test_uneven_rules_predict_nothing():
    known = [100, 137, 220, 281]
    dark = lines(*((v, 0.0) for v in (*known, 178)))
    assert find_repeated(sight_of(dark, HOLE), [rule(v) for v in known]) == []


def test_too_few_rules_tell_no_spacing():
    dark = lines(*((v, 0.0) for v in (100, 150, 200)))
    assert find_repeated(sight_of(dark, HOLE), [rule(v) for v in (100, 200)][: MIN_RULES - 1]) == []
    assert find_repeated(sight_of(np.zeros((HEIGHT, WIDTH)), HOLE), []) == []


def test_the_order_of_the_rules_does_not_matter():
    known = [100, 150, 250, 300]
    sight = sight_of(lines(*((v, 0.0) for v in (*known, 200))), HOLE)
    once, again = (find_repeated(sight, [rule(v) for v in order]) for order in (known, known[::-1]))
    assert once == again and len(once) == 1
