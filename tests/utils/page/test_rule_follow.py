import numpy as np
import pytest

from tests.utils.page.sights import hole_at, lines, sight_of
from utils.page.rule import End, Sight
from utils.page.rule_follow import Starts, choose_worth_following, follow, read_straight_courses

HOLE = hole_at(300, 100, 420, 330)
U = 299  # the last visible column before the hole


def starts(*candidates: tuple[float, float]) -> Starts:
    """Candidates before the hole, each given as (v, slope)."""
    v, slope = np.array(candidates).T
    return Starts(np.zeros(len(v), np.intp), np.full(len(v), U), v, slope)


def ends_of(sight: Sight, candidates: Starts) -> list[End | None]:
    return follow([sight], candidates, read_straight_courses([sight], candidates))


def worth_following(sight: Sight, candidates: Starts) -> list[int]:
    courses = read_straight_courses([sight], candidates)
    return choose_worth_following(courses, candidates, sight.noise).tolist()


def test_a_rule_is_followed_to_a_fraction_of_a_pixel():
    sight = sight_of(lines((180.3, 0.02)), HOLE)
    (end,) = ends_of(sight, starts((186.0, 0.03)))
    assert (
        end.u == U and end.v == pytest.approx(180.3 + 0.02 * U, abs=0.1) and end.slope == pytest.approx(0.02, abs=2e-3)
    )
    assert end.length > 200 and end.side == 1 and not end.period


def test_many_candidates_are_followed_as_each_alone():
    dark = lines((150, 0.0), (200, 0.01), (260, -0.02))
    dark[:, ::7] = 0
    sight = sight_of(dark, HOLE)
    all_starts = starts((150, 0.0), (203, 0.0), (230, 0.0), (254, -0.02))
    ends = ends_of(sight, all_starts)
    rows = [np.array([row]) for row in range(len(ends))]
    assert ends == [ends_of(sight, all_starts.chosen(row))[0] for row in rows]
    assert [end is None for end in ends] == [False, False, True, False]


def test_rules_are_worth_following_and_paper_and_what_is_hidden_are_not():
    sight = sight_of(lines((150, 0.0)), HOLE)
    assert worth_following(sight, starts((150, 0.0), (230, 0.0))) == [0]
    hidden = Starts(np.zeros(1, np.intp), np.array([360]), np.array([150.0]), np.zeros(1))
    assert not worth_following(sight, hidden)


def test_no_candidates_have_no_ends():
    nothing = starts((150, 0.0)).chosen(np.zeros(0, np.intp))
    assert ends_of(sight_of(lines(), HOLE), nothing) == []
