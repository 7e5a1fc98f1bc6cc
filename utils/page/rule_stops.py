"""Where a rule that is seen on one side of a hole only stops in it: at a rule that it meets, or nowhere."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from utils.arrays import Reals
from utils.page.rule import LONE_PX, MIN_DOUBT_PX, End, Rule, Sight, read_strip

# Whether a rule does not come out of the hole.
ABSENT_PX = 48  # its course is looked at over so much beyond the hole
MIN_ABSENT_PX = 12  # of that length must be visible
ABSENT_SIDE_PX = 6  # so far aside of the course it is looked for
ABSENT_EDGE_PX = 8  # so near the photo's border nothing is looked at
ABSENT_BARE_SHARE = 0.4  # share of a rule's darkness: what is lighter is bare
MAX_BARE = 0.4  # of a course along which there may still be a rule below print

# The direction of an end.
MIN_OTHERS = 3  # long ends that tell the family's direction
MIN_SPREAD = 0.2  # in 1000 px: how far apart they must lie to tell how it turns
TURNING_ALONG_ENDS = 6  # long ends that tell how it turns along the rules too
OUTLIER_SLOPE = 0.002  # dv/du: an end so far off the others' direction counts half
DIRECTION_FITS = 4  # each with the weights that the last one gives
MIN_DOUBT_SLOPE = 0.0008  # dv/du that the family's direction is in doubt by, at least
DOUBT_MEDIANS = 1.5  # median misfits that the family's direction is in doubt by
LONE_SLOPE_DOUBT = 0.3 * 4  # px: over the visible length, what a third of a pixel does to a slope
MAX_DOUBTS = 4.0  # an end that differs by so many doubts has a direction of its own

# Meeting another rule.
MEET_STEPS = 6  # of going to and fro between two rules
MEET_PX = 8.0  # two rules meet so far beyond their ends
PASSED_PX = 30  # a rule is followed so far beyond its last dark pixel

# Whether rules stop at another one.
CROSSED_PX = 600  # so far from the hole what crosses a rule is counted
NEAR_HOLE_PX = 4.0  # what crosses a rule so near the hole is not counted
BORDER_PX = 40  # what crosses a rule so near the photo's border is not counted
MIN_COUNTED_PX = 20  # of a rule must be seen for anything to be counted
LEAVE_PX = 9.0  # crossing rules are looked for from so far aside on: beyond the crossed rule's own soft rim
HALF_LOOK_PX = 12  # a crossing rule is dark over twice so much: it leaves the other at once, text keeps its distance
CROSSING_LEVELS = 3.0  # a crossing rule is so much darker than the paper
CROSSING_SHARE = 0.2  # of the crossed rule's darkness that a crossing rule has
MAX_GOING_ON = 0.5  # share of the rules that come to another one and go on: with more that one stops none


def is_absent(sight: Sight, end: End, u_exit: float) -> bool:
    """Whether bare paper shows that a rule does not come out of the hole; print over its course leaves that open."""
    height, width = sight.hole.shape
    u = u_exit + end.side * np.arange(1.0, ABSENT_PX + 1)
    v = end.v + end.slope * (u - end.u)
    inside = (u >= 0) & (u <= width - 1) & (v >= ABSENT_EDGE_PX) & (v <= height - ABSENT_EDGE_PX - 1)
    if np.count_nonzero(inside) < MIN_ABSENT_PX:
        return False
    strip = read_strip(sight.dark, u[inside], v[inside], np.arange(-ABSENT_SIDE_PX, ABSENT_SIDE_PX + 1.0))
    return bool((strip.max(axis=1) < ABSENT_BARE_SHARE * end.core).mean() > MAX_BARE)


def straighten(end: End, family: Sequence[End]) -> End:
    """The end with a direction that the long ones of its family agree on."""
    others = [other for other in family if other is not end and other.length >= LONE_PX]
    if len(others) < MIN_OTHERS:
        return end
    v = np.array([other.v - end.v for other in others]) / 1000
    u = np.array([other.u - end.u for other in others]) / 1000
    slope = np.array([other.slope for other in others])
    terms = [np.ones(len(v))]
    if np.ptp(v) > MIN_SPREAD:
        terms.append(v)
    if len(others) >= TURNING_ALONG_ENDS and np.ptp(u) > MIN_SPREAD:
        terms.append(u)
    basis = np.stack(terms, axis=1)
    weight = np.ones(len(v))
    expected: Reals = np.zeros(len(terms))
    misfit: Reals = np.zeros(len(v))
    for _ in range(DIRECTION_FITS):
        expected = np.linalg.lstsq(basis * weight[:, None], slope * weight, rcond=None)[0]
        misfit = np.abs(slope - basis @ expected)
        weight = 1 / (1 + (misfit / OUTLIER_SLOPE) ** 2)
    family_doubt = max(MIN_DOUBT_SLOPE, float(np.median(misfit)) * DOUBT_MEDIANS)
    end_doubt = LONE_SLOPE_DOUBT / max(end.length, MIN_DOUBT_PX)
    if abs(expected[0] - end.slope) > MAX_DOUBTS * (family_doubt + end_doubt):
        return end
    share = end_doubt**2 / (end_doubt**2 + family_doubt**2)
    return replace(end, slope=float(end.slope + share * (expected[0] - end.slope)))


def make_ray(standing: bool, end: End, u_stop: float) -> Rule:
    """The rule from an end straight on to `u_stop`."""
    u0, u1 = sorted((end.u, u_stop if u_stop != end.u else end.u + end.side))
    v0, v1 = (end.v + end.slope * (u - end.u) for u in (u0, u1))
    return Rule(standing, u0, float(v0), end.slope, u1, float(v1), end.slope, (end,))


def find_meeting(one: Rule, two: Rule) -> float | None:
    """Where along `one` it meets `two`, a rule of the other family; None where they do not."""
    u = (one.u0 + one.u1) / 2
    for _ in range(MEET_STEPS):
        v = float(one.at(u))
        u = float(two.at(v))
    v = float(one.at(u))
    if not (one.u0 - MEET_PX <= u <= one.u1 + MEET_PX and two.u0 - MEET_PX <= v <= two.u1 + MEET_PX):
        return None
    return u


def has_just_passed(end: End, rule: Rule) -> bool:
    """Whether an end, close before the hole, crosses a rule of the other family where that is seen or soon hidden."""
    u = float(rule.at(end.v))
    before, after = (max((other.length for other in rule.ends if other.side == side), default=0) for side in (1, -1))
    at_rule = rule.u0 - before <= end.v <= rule.u1 + after
    return at_rule and 0 <= end.side * (end.u - u) < PASSED_PX


def stops_rules(sight: Sight, rule: Rule, coming: End) -> bool | None:
    """Whether rules stop at `rule` when they come to it as `coming` does, judged where it is seen.

    Args:
        sight: the view of the rule's family.
        rule: which they come to.
        coming: the end of one of them, of the other family.

    Returns:
        None where nothing comes near it.
    """
    height, width = sight.dark.shape
    arriving, leaving = 0, 0
    for end in rule.ends:
        u = end.u - end.side * np.arange(NEAR_HOLE_PX, CROSSED_PX)
        v = end.v + end.slope * (u - end.u)
        inside = (u >= 0) & (u < width) & (v > BORDER_PX) & (v < height - BORDER_PX)
        if np.count_nonzero(inside) >= MIN_COUNTED_PX:
            counts = _count_crossing(sight, u[inside], v[inside], coming, end.core)
            arriving, leaving = arriving + counts[0], leaving + counts[1]
    if not arriving and not leaving:
        return None
    return leaving < MAX_GOING_ON * arriving


def _count_crossing(sight: Sight, u: Reals, v: Reals, coming: End, core: float) -> tuple[int, int]:
    """How many rules lie on the near and on the far side of a visible course, where both sides are visible.

    Args:
        sight: the view of the course's family.
        u, v: the course.
        coming: of the other family, in whose direction they lie.
        core: darkness of the rule along the course.
    """
    # Of dashes a whole one and a gap are looked at twice.
    half = max(HALF_LOOK_PX, round(coming.period))
    offsets = np.arange(LEAVE_PX, LEAVE_PX + 2 * half)
    lines = []
    visible = np.ones(len(u), bool)
    for way in (-coming.side, coming.side):
        strip = read_strip(sight.dark, u, v, way * offsets, coming.slope)
        lines.append(np.minimum(strip[:, :half].mean(axis=1), strip[:, half:].mean(axis=1)))
        visible &= read_strip(sight.hole, u, v, way * offsets, coming.slope).max(axis=1) == 0
    peaks = [visible & (line > max(CROSSING_LEVELS, CROSSING_SHARE * core)) for line in lines]
    near_count, far_count = (int(np.count_nonzero(peak[1:] & ~peak[:-1])) for peak in peaks)
    return near_count, far_count
