import numpy as np
import pytest

from tests.utils.page.sights import HEIGHT, WIDTH, end_before, end_behind, hole_at, lines, sight_of
from utils.page.rule import Rule
from utils.page.rule_stops import find_meeting, has_just_passed, is_absent, make_ray, stops_rules, straighten

HOLE = hole_at(220, 100, 380, 300)
BARE = sight_of(np.zeros((HEIGHT, WIDTH)), HOLE)


def straight(standing: bool, u0: float, v0: float, u1: float, v1: float) -> Rule:
    slope = (v1 - v0) / (u1 - u0)
    return Rule(standing, u0, v0, slope, u1, v1, slope, ())


def test_a_rule_is_absent_where_paper_is_bare_and_not_where_it_or_print_is_seen():
    assert is_absent(BARE, end_before(219, 200), 380)
    assert not is_absent(sight_of(lines((200, 0.0)), HOLE), end_before(219, 200), 380)
    print_over = np.zeros((HEIGHT, WIDTH))
    print_over[194:207, 380:430] = 80 * (np.arange(50) % 6 < 4)
    assert not is_absent(sight_of(print_over, HOLE), end_before(219, 200), 380)


def test_at_the_border_of_the_photo_nobody_knows_whether_a_rule_is_absent():
    assert not is_absent(BARE, end_before(219, 200), WIDTH - 5)
    assert not is_absent(BARE, end_before(219, 3), 380)


def test_a_short_end_takes_the_direction_of_its_family_and_a_long_one_keeps_its_own():
    family = [end_before(219, v, 0.01, length=200) for v in (120, 160, 240, 280)]
    short, long = end_before(219, 200, 0.03, length=30), end_before(219, 200, 0.013, length=240)
    assert straighten(short, family).slope == pytest.approx(0.01, abs=0.002)
    assert abs(straighten(long, family).slope - 0.013) < abs(straighten(long, family).slope - 0.010) + 0.003
    assert straighten(short, family[:2]) is short  # too few say so


def test_an_end_that_clearly_leans_has_a_direction_of_its_own():
    family = [end_before(219, v, 0.0, length=200) for v in (120, 160, 240, 280)]
    leaning = end_before(219, 200, 0.15, length=150)
    assert straighten(leaning, family) is leaning


def test_a_family_that_fans_out_tells_each_end_its_own_direction():
    family = [end_before(219, v, 0.0002 * (v - 200), length=200) for v in range(20, 400, 60)]
    assert straighten(end_before(219, 350, 0.0, length=30), family).slope == pytest.approx(0.03, abs=0.005)


@pytest.mark.parametrize(("end", "u_stop"), [(end_before(219, 200, 0.1), 300), (end_behind(380, 200, 0.1), 250)])
def test_a_ray_goes_straight_from_its_end_to_its_stop(end, u_stop):
    ray = make_ray(False, end, u_stop)
    assert ray.u0 < ray.u1 and {ray.u0, ray.u1} == {end.u, u_stop}
    assert ray.at(end.u) == pytest.approx(end.v) and ray.at(u_stop) == pytest.approx(end.v + 0.1 * (u_stop - end.u))


def test_a_ray_of_no_length_is_a_pixel_long():
    ray = make_ray(False, end_before(219, 200), 219)
    assert (ray.u0, ray.u1) == (219, 220)


def test_rules_of_both_families_meet_where_they_cross():
    one, two = straight(False, 220, 200, 380, 216), straight(True, 100, 300, 300, 280)
    u = find_meeting(one, two)
    assert u is not None
    assert two.at(float(one.at(u))) == pytest.approx(u, abs=0.01)
    assert find_meeting(straight(False, 220, 200, 280, 206), two) is None  # it ends before


def test_an_end_close_behind_a_crossing_has_just_passed_it():
    crossing = straight(True, 100, 210, 300, 210)  # stands at u = 210
    assert has_just_passed(end_before(219, 200), crossing)
    assert not has_just_passed(end_before(260, 200), crossing)
    assert not has_just_passed(end_before(205, 200), crossing)  # not yet there
    assert not has_just_passed(end_before(219, 350), crossing)  # it does not reach so far


@pytest.mark.parametrize("going_on", [False, True])
def test_a_rule_stops_others_where_they_are_seen_to_end_at_it(going_on):
    rows, u = np.arange(HEIGHT)[:, None], np.arange(WIDTH)
    standing = 80.0 * (abs(u % 60 - 30) <= 1) * (np.ones((HEIGHT, 1)) if going_on else rows < 200)
    hole = hole_at(400, 150, 460, 250)
    sight = sight_of(np.maximum(standing, lines((200, 0.0))), hole)
    rule = make_ray(False, end_before(399, 200, length=350), 460)
    coming = end_before(150, 430)  # of the standing family, from above
    assert stops_rules(sight, rule, coming) is not going_on


def test_a_rule_that_nothing_comes_near_says_nothing():
    sight = sight_of(lines((200, 0.0)), hole_at(400, 150, 460, 250))
    assert stops_rules(sight, make_ray(False, end_before(399, 200), 460), end_before(150, 430)) is None
