import numpy as np
import pytest

from tests.utils.page.sights import HEIGHT, WIDTH, end_before, end_behind, hole_at, lines, sight_of
from utils.page.rule import LONE_PX, STRONG_PX
from utils.page.rule_pairs import LONE_DOTS_PX, join_ends, pair_ends, walk

HOLE = hole_at(220, 100, 380, 300)
BARE = sight_of(np.zeros((HEIGHT, WIDTH)), HOLE)


def test_ends_that_face_each_other_are_one_rule():
    one, two = end_before(219, 200, 0.05), end_behind(380, 208.05, 0.05)
    assert pair_ends(BARE, [one, two], []) == ([(one, two)], [])


def test_of_rules_one_below_the_other_each_gets_its_own_end():
    before = [end_before(219, v) for v in (140, 180, 220)]
    behind = [end_behind(380, v + 0.5) for v in (140, 180, 220)]
    pairs, single = pair_ends(BARE, [*behind, *before], [])
    assert sorted(pairs, key=lambda pair: pair[0].v) == list(zip(before, behind, strict=True)) and single == []


@pytest.mark.parametrize(
    "other",
    [
        end_behind(380, 225),  # beside the straight way
        end_behind(380, 200, 0.2),  # in another direction
        end_behind(380, 200, core=20),  # of another darkness
        end_behind(220, 200),  # behind the first
    ],
)
def test_ends_that_do_not_fit_stay_alone(other):
    one = end_before(219, 200)
    pairs, single = pair_ends(BARE, [one, other], [])
    assert pairs == [] and one in single


def test_dots_of_different_periods_do_not_fit():
    one, two = end_before(219, 200, period=8.0), end_behind(380, 200, period=12.0)
    pairs, single = pair_ends(BARE, [one, two], [])
    assert pairs == [] and single == [one, two]


def test_a_way_that_comes_out_of_the_hole_in_between_is_no_rule():
    gap = hole_at(220, 100, 270, 300) | hole_at(330, 100, 380, 300)
    one, two = end_before(219, 200), end_behind(380, 200)
    assert pair_ends(sight_of(np.zeros((HEIGHT, WIDTH)), gap), [one, two], [])[0] == []


def test_joins_do_not_cross_and_the_better_one_stays():
    good = end_before(219, 200), end_behind(380, 200)
    bad = end_before(219, 198, 0.02, core=60), end_behind(380, 202.5, 0.02)
    pairs, _ = pair_ends(BARE, [*bad, *good], [])
    assert good in pairs and bad not in pairs


@pytest.mark.parametrize(
    ("more", "alone"),
    [
        ({"length": STRONG_PX}, True),
        ({"length": STRONG_PX - 1}, False),
        ({"length": LONE_DOTS_PX, "period": 8.0, "likeness": 0.9}, True),
        ({"length": LONE_DOTS_PX - 1, "period": 8.0, "likeness": 0.9}, False),
        ({"length": LONE_DOTS_PX, "period": 8.0, "likeness": 0.8}, False),
    ],
)
def test_an_end_without_a_counterpart_must_be_long_to_go_on(more, alone):
    end = end_before(219, 200, **more)
    assert pair_ends(BARE, [end], []) == ([], [end] if alone else [])


@pytest.mark.parametrize("v", [300, 150])
def test_a_short_end_goes_on_where_it_leaves_a_rule_of_the_other_family(v):
    end = end_before(219, 200, length=30)  # it begins at u = 189
    crossing = end_before(v, 189, length=LONE_PX + 50)  # of the standing family: its u is our v
    assert pair_ends(BARE, [end], [crossing])[1] == ([end] if v == 300 else [])


def test_a_continuation_too_short_for_an_end_is_looked_for_beyond_the_hole():
    holes = HOLE | hole_at(415, 100, WIDTH, 300)  # it is seen for 35 px only
    end = end_before(219, 200)
    (pair,), single = pair_ends(sight_of(lines((200, 0.0)), holes), [end], [])
    assert single == [] and pair[0] is end
    assert pair[1].side == -1 and pair[1].v == pytest.approx(200, abs=0.5) and pair[1].u == pytest.approx(380, abs=1)


def test_the_way_through_a_hole_is_left_where_paper_is_seen_again():
    assert walk(BARE, end_before(219, 200)) == (379, "seen")  # the last hidden pixel
    assert walk(BARE, end_behind(380, 200)) == (220, "seen")


def test_the_way_ends_at_the_border_of_the_photo_and_of_the_surface():
    to_border = sight_of(np.zeros((HEIGHT, WIDTH)), hole_at(220, 100, WIDTH, 300))
    u, kind = walk(to_border, end_before(219, 200))
    assert kind == "border" and u == pytest.approx(WIDTH, abs=1)
    surface = np.where(np.arange(WIDTH) < 300, 1, 2) + np.zeros((HEIGHT, 1))
    parted = sight_of(np.zeros((HEIGHT, WIDTH)), HOLE, surface)
    assert walk(parted, end_before(219, 200)) == (299, "surface")


def test_a_join_is_straight_where_short_ends_say_little_and_bent_where_long_ones_do():
    short = join_ends(False, end_before(200, 100, 0.05, 20), end_behind(400, 100, -0.05, 20))
    assert short.slope0 == short.slope1 == 0
    long = join_ends(True, end_before(200, 100, 0.05, 240), end_behind(400, 100, -0.05, 240))
    assert long.standing and long.slope0 == pytest.approx(0.05, abs=0.001) and long.slope1 == -long.slope0
    assert long.at(300) > 102
