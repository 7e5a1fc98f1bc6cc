import numpy as np
import pytest

from tests.utils.page.sights import HEIGHT, WIDTH, end_before, end_behind, hole_at, lines, sight_of
from utils.page.rule_stops import make_ray
from utils.page.rule_tracks import Track, bend_like, find_common_end, follow_neighbours

HOLE = hole_at(220, 180, 380, 220)
ROWS = (80, 120, 160, 240, 280)


def track(v: float, u1: float = 590, ended: bool = False, slope: float = 0.0) -> Track:
    return Track(100, u1, np.array([1000 * slope, v]), ended)


def test_a_track_is_read_along_its_course():
    bent = Track(100, 590, np.array([50.0, -20.0, 7.0]), False)  # 50 t² - 20 t + 7, t in thousands
    assert bent.at(300) == pytest.approx(50 * 0.04 - 20 * 0.2 + 7)
    assert bent.slope(300) == pytest.approx((100 * 0.2 - 20) / 1000)


@pytest.mark.parametrize("slope", [0.0, 0.03])
def test_rules_above_and_below_are_followed_along_the_hole(slope):
    sight = sight_of(lines(*((v - 220 * slope, slope) for v in ROWS)), HOLE)
    ends = [end_before(219, 200, slope)]
    tracks = follow_neighbours(sight, ends, ends)
    assert len(tracks) == len(ROWS)
    for found, v in zip(sorted(tracks, key=lambda track: track.at(219)), ROWS, strict=True):
        assert found.at(300) == pytest.approx(v + 80 * slope, abs=0.5)
        assert found.slope(300) == pytest.approx(slope, abs=0.003) and found.u1 > 550


def test_seen_from_the_right_the_same_rules_are_followed_to_the_left():
    ends = [end_behind(380, 200)]
    tracks = follow_neighbours(sight_of(lines(*((v, 0.0) for v in ROWS)), HOLE), ends, ends)
    assert len(tracks) == len(ROWS) and all(found.u1 < 50 for found in tracks)


def test_rules_that_stop_on_bare_paper_have_ended_there():
    dark = np.where(np.arange(WIDTH) < 460, lines(*((v, 0.0) for v in ROWS)), 0)
    ends = [end_before(219, 200)]
    tracks = follow_neighbours(sight_of(dark, HOLE), ends, ends)
    assert len(tracks) == len(ROWS) and all(found.ended for found in tracks)
    assert [found.u1 for found in tracks] == pytest.approx([460] * len(ROWS), abs=16)


def test_print_is_no_track():
    rng, dark = np.random.default_rng(0), np.zeros((HEIGHT, WIDTH))
    for v in ROWS:
        dark[v - 4 : v + 5] = 80 * (rng.random((9, WIDTH // 4)) < 0.4).repeat(4, axis=1)
    ends = [end_before(219, 200)]
    assert follow_neighbours(sight_of(dark, HOLE), ends, ends) == []


def test_a_window_too_narrow_for_blocks_has_no_tracks():
    sight = sight_of(lines((100, 0.0)), HOLE)
    narrow = type(sight)(*(getattr(sight, name)[:, :100] for name in ("dark", "hole", "near_hole", "surface")), 0.5, 1)
    assert follow_neighbours(narrow, [end_before(50, 200)], [end_before(50, 200)]) == []


def test_a_rule_ends_where_those_above_and_below_it_do():
    tracks = [track(160, 330, True), track(240, 336, True), track(280, 330, True)]
    assert find_common_end(tracks, end_before(219, 200), 380) == pytest.approx(330, abs=6)


@pytest.mark.parametrize(
    "tracks",
    [
        [],
        [track(160), track(240)],  # none ends
        [track(160, 330, True), track(240)],  # a neighbour goes on
        [track(160, 300, True), track(240, 350, True)],  # they end apart
        [track(160, 500, True), track(240, 500, True)],  # beyond the hole
        [track(203, 330, True)],  # the rule itself
    ],
)
def test_otherwise_the_rules_beside_it_say_nothing_of_its_end(tracks):
    assert find_common_end(tracks, end_before(219, 200), 380) is None


def test_a_rule_bends_as_those_above_and_below_do():
    ray = make_ray(False, end_before(219, 200), 380)
    bent = [Track(100, 590, np.array([100.0, 0.0, v - 100 * 0.119**2]), False) for v in (160, 240)]
    rule = bend_like(ray, [Track(t.u0, t.u1, t.course, False) for t in bent])
    slope, at_far = bent[0].slope(219), bent[0].at(380) - bent[0].at(219)
    assert slope > 0.02 and rule == ray  # too far off its own direction
    gentle = [Track(100, 590, np.array([60.0, -14.28, v]), False) for v in (160, 240)]
    rule = bend_like(ray, gentle)
    assert rule.v1 == pytest.approx(200 + gentle[0].at(380) - gentle[0].at(219)) and at_far > 0
    assert rule.slope1 == pytest.approx(gentle[0].slope(380)) and rule.slope0 == pytest.approx(0, abs=1e-4)


def test_a_rule_with_neighbours_on_one_side_only_stays_straight():
    ray = make_ray(False, end_before(219, 200), 380)
    assert bend_like(ray, [track(160), track(120)]) is ray
