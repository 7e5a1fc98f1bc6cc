"""Ends of rules that face each other across a hole: which belong together, and the rule between them."""

import numpy as np

from utils.arrays import Floats, Reals
from utils.page.rule import LONE_PX, MIN_DOUBT_PX, STRONG_PX, End, Rule, Sight, read_strip

# Two ends across the hole.
MIN_GAP_PX = 2.0  # between two ends of one rule
MISS_PX, MISS_SHARE = 2.5, 0.025  # straight on, one misses the other by so much, and that share of the gap, at most
WEAK_MISS_PX, WEAK_MISS_SHARE = 2.0, 0.012  # the same limits for two short ends, whose directions say little
MAX_TURN_SLOPE, WEAK_TURN_SLOPE = 0.06, 0.12  # dv/du between two long ends, and where one is short
MAX_CONTRAST, WEAK_CONTRAST = 1.1, 0.6  # logarithm of the darker over the lighter of two long ends; where one is short
MAX_PERIOD_CHANGE = 0.15  # between two dotted ends, as a share of the longer period
MIN_HIDDEN_SHARE = 0.85  # of the way between two ends: a rule that comes out between is two
CONTRAST_COST = 0.4  # of the contrast's logarithm, in misses by their limit
KIND_COST = 0.4  # of a solid end with a dotted one, in misses by their limit
WEAK_COST = 0.5  # of a pair with a short end, in misses by their limit

# One end alone.
LONE_DOTS_PX = 150  # visible length of a dotted rule that goes on by itself: digits of one width are alike over 120
MIN_LIKENESS_LONE = 0.85  # autocorrelation of a dotted rule that goes on by itself; 9 of 10 have it
LEAVING_PX = 8  # between a rule and the beginning of one that leaves it
MAX_LEAVING_CONTRAST = 2.0  # a rule is at most so many times as dark as the one that it leaves, and as light

# The way through the hole.
BEFORE_HOLE_PX = 6  # the trace may end a pixel or two before the hole
LATE_PX = 8  # a surface that ends so near the hole's rim does not count: it is known to a cell only
SLIVER_PX = 12  # a strip so narrow between hole and photo's border shows nothing

# A rule beyond the hole that was too short or too faint to be found by itself.
LOOK_PX = 60  # so far beyond the hole it is looked for
MIN_LOOK_PX = 12  # of that length must be visible
LOOK_REACH_PX, LOOK_REACH_SHARE = 2.0, 0.015  # so far aside of the straight way, and that share of the gap
LOOK_SIDE_PX = 8  # so far to the sides of these places is looked at for comparison
FLANK_COLUMNS = 7  # so far from the darkest column is the paper it is compared with
CORE_RANK = 90  # percentile of a dotted rule's darkness: its dots
LIGHTEST_QUARTER = 4  # a solid rule counts as dark as its lightest quarter
MIN_CORE_SHARE, MAX_CORE_SHARE = 0.5, 1.8  # of the darkness before the hole that it has beyond
MIN_LEVEL_SHARE, MIN_DOTTED_LEVEL_SHARE = 0.35, 0.2  # of the darkness before the hole, nearly all along; of dots
MIN_WAVE_LIKENESS = 0.4  # autocorrelation at the period before the hole
POSITION_COLUMNS = 3  # columns on each side of the darkest that tell where the rule runs
POSITION_GROUND = 0.3  # share of the rule's darkness: what is lighter does not tell where it runs

PAIR_SLOPE_DOUBT = 0.35 * 4  # px: over the visible length, what a third of a pixel does to a slope


def pair_ends(sight: Sight, ends: list[End], crossing: list[End]) -> tuple[list[tuple[End, End]], list[End]]:
    """Ends that face each other across the hole, and of those left the long ones and those that leave a rule.

    Args:
        sight: the family's view.
        ends: of the family.
        crossing: those of the other family.
    """
    costs = []
    before, after = ([end for end in ends if end.side == side] for side in (1, -1))
    for one in before:
        for two in after:
            cost = _measure_cost(sight, one, two)
            if cost is not None:
                costs.append((cost, one, two))
    pairs: list[tuple[End, End]] = []
    taken: set[int] = set()
    for _, one, two in sorted(costs, key=lambda entry: entry[0]):
        if id(one) in taken or id(two) in taken or any(_cross(one, two, *pair) for pair in pairs):
            continue
        taken |= {id(one), id(two)}
        pairs.append((one, two))
    single = []
    for end in sorted(ends, key=lambda end: -end.length):
        if id(end) in taken or not _goes_on_alone(end, crossing):
            continue
        other = _look_opposite(sight, end)
        if other is None:
            single.append(end)
            continue
        couple = (end, other) if end.side > 0 else (other, end)
        if not any(_cross(*couple, *pair) for pair in pairs):
            pairs.append(couple)
    return pairs, single


def _measure_cost(sight: Sight, one: End, two: End) -> float | None:
    """How badly two ends fit as one rule; None where they do not."""
    gap = two.u - one.u
    if gap < MIN_GAP_PX:
        return None
    misses = abs(one.v + one.slope * gap - two.v), abs(two.v - two.slope * gap - one.v)
    weak = one.length < STRONG_PX, two.length < STRONG_PX
    # Short stubs tell their direction badly: the longer side has the word.
    miss = misses[1] if weak[0] and not weak[1] else misses[0] if weak[1] and not weak[0] else sum(misses) / 2
    limit = WEAK_MISS_PX + WEAK_MISS_SHARE * gap if all(weak) else MISS_PX + MISS_SHARE * gap
    if miss > limit or abs(one.slope - two.slope) > (WEAK_TURN_SLOPE if any(weak) else MAX_TURN_SLOPE):
        return None
    contrast = abs(np.log(one.core / two.core))
    if contrast > (WEAK_CONTRAST if any(weak) else MAX_CONTRAST):
        return None
    periods = one.period, two.period
    if all(periods) and abs(one.period - two.period) > MAX_PERIOD_CHANGE * max(periods):
        return None
    u = np.arange(one.u + 1, two.u)
    v = np.clip(np.rint(one.v + (two.v - one.v) * (u - one.u) / gap), 0, sight.hole.shape[0] - 1).astype(int)
    if len(u) and sight.hole[v, u.astype(int)].mean() < MIN_HIDDEN_SHARE:
        return None
    kind_cost = KIND_COST if (one.period > 0) != (two.period > 0) else 0.0
    return float(miss / limit + CONTRAST_COST * contrast + kind_cost + (WEAK_COST if any(weak) else 0))


def _cross(one: End, two: End, three: End, four: End) -> bool:
    """Whether two joins of a family cut or touch each other."""
    u0, u1 = max(one.u, three.u), min(two.u, four.u)
    if u1 <= u0:
        return False

    def at(a: End, b: End, u: float) -> float:
        return a.v + (b.v - a.v) * (u - a.u) / (b.u - a.u)

    return (at(one, two, u0) - at(three, four, u0)) * (at(one, two, u1) - at(three, four, u1)) <= 0


def _goes_on_alone(end: End, crossing: list[End]) -> bool:
    """Whether an end without a counterpart is long enough to be a rule, or leaves one."""
    if end.likeness < MIN_LIKENESS_LONE:
        return False
    if end.period:
        return end.length >= LONE_DOTS_PX
    return end.length >= STRONG_PX or _leaves_a_rule(end, crossing)


def _leaves_a_rule(end: End, crossing: list[End]) -> bool:
    """Whether an end begins at a rule of the other family, as a table's columns do; letters keep their distance."""
    u, v = end.u - end.side * end.length, end.v - end.slope * end.side * end.length
    return any(
        0 <= other.side * (other.u - v) <= other.length
        and abs(other.v + other.slope * (v - other.u) - u) <= LEAVING_PX
        and 1 / MAX_LEAVING_CONTRAST < end.core / other.core < MAX_LEAVING_CONTRAST
        for other in crossing
        if other.length >= LONE_PX and not other.period
    )


def walk(sight: Sight, end: End) -> tuple[float, str]:
    """Where the straight continuation leaves the hole: `u` and "seen", "border" or "surface"."""
    height, width = sight.hole.shape
    surface = sight.surface_of(end)
    steps = np.arange(1, width)
    u = end.u + end.side * steps
    v = np.rint(end.v + end.slope * (u - end.u)).astype(int)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    stop = int((~inside).argmax()) if not inside.all() else len(u)
    u, v = u[:stop].astype(int), v[:stop]
    covered = sight.hole[v, u] > 0
    covered[:BEFORE_HOLE_PX] = True
    out = np.flatnonzero(~covered)
    limit = int(out[0]) if len(out) else len(u)
    other = np.flatnonzero(covered & (sight.surface[v, u] != surface))
    if len(other) and LATE_PX < other[0] < limit:
        return float(end.u + end.side * other[0]), "surface"
    at_border = limit == len(u) or (stop - limit < SLIVER_PX and stop < len(steps))
    return float(end.u + end.side * limit), "border" if at_border else "seen"


def _look_opposite(sight: Sight, end: End) -> End | None:
    """The same rule beyond the hole where it was too short or too faint to be found by itself."""
    u_exit, kind = walk(sight, end)
    if kind != "seen":
        return None
    u, v = _list_visible(sight, end, u_exit)
    if len(u) < MIN_LOOK_PX:
        return None
    reach = LOOK_REACH_PX + LOOK_REACH_SHARE * abs(u_exit - end.u)
    offsets = np.arange(-round(reach) - LOOK_SIDE_PX, round(reach) + LOOK_SIDE_PX + 1.0)
    strip = read_strip(sight.dark, u, v, offsets)
    stroke = _find_stroke_like(strip, end)
    if stroke is None:
        return None
    column, core, floor = stroke
    columns = slice(column - POSITION_COLUMNS, column + POSITION_COLUMNS + 1)
    weight = np.maximum(strip.mean(0)[columns] - floor - POSITION_GROUND * core, 0)
    if weight.sum() <= 0:
        return None
    offset = float((weight * offsets[columns]).sum() / weight.sum())
    # Only the position is known: the direction is that of the join.
    middle = (len(u) + 1) / 2
    v_at = end.v + end.slope * (u_exit + end.side * middle - end.u) + offset
    u_at = u_exit + end.side * middle
    slope = (v_at - end.v) / (u_at - end.u)
    return End(u_exit, v_at - slope * end.side * middle, slope, -end.side, float(len(u)), core, end.period)


def _list_visible(sight: Sight, end: End, u_exit: float) -> tuple[Reals, Reals]:
    """`u` and `v` of an end's straight way beyond the hole, up to where it is hidden again, at most `LOOK_PX`."""
    height, width = sight.hole.shape
    u = u_exit + end.side * np.arange(1.0, LOOK_PX + 1)
    v = end.v + end.slope * (u - end.u)
    inside = (u >= 0) & (u < width) & (v > LOOK_SIDE_PX) & (v < height - LOOK_SIDE_PX - 1)
    place = np.clip(np.rint(v), 0, height - 1).astype(int), np.clip(u, 0, width - 1).astype(int)
    usable = inside & (sight.hole[place] == 0)
    count = int((~usable).argmax()) if not usable.all() else len(u)
    return u[:count], v[:count]


def _find_stroke_like(strip: Floats, end: End) -> tuple[int, float, float] | None:
    """Column of a stroke like the end's own, dark nearly all along and clear of its sides, its darkness, the floor."""
    level = strip.mean(axis=0) if end.period else np.sort(strip, axis=0)[len(strip) // LIGHTEST_QUARTER]
    columns = strip.shape[1]
    best = int(level[LOOK_SIDE_PX : columns - LOOK_SIDE_PX].argmax()) + LOOK_SIDE_PX
    sides = strip[:, best - FLANK_COLUMNS], strip[:, min(best + FLANK_COLUMNS, columns - 1)]
    floor = float(np.median(np.minimum(*sides)))
    core = float(np.percentile(strip[:, best], CORE_RANK) if end.period else np.median(strip[:, best])) - floor
    least = MIN_DOTTED_LEVEL_SHARE if end.period else MIN_LEVEL_SHARE
    if not MIN_CORE_SHARE < core / end.core < MAX_CORE_SHARE or level[best] - floor < least * end.core:
        return None
    if end.period:
        wave = strip[:, best - 1 : best + 2].mean(axis=1)
        wave, lag = wave - wave.mean(), round(end.period)
        if len(strip) < 2 * lag or wave[lag:] @ wave[:-lag] < MIN_WAVE_LIKENESS * (wave[lag:] @ wave[lag:]):
            return None
    return best, core, floor


def join_ends(standing: bool, one: End, two: End) -> Rule:
    """The rule between two ends; straight where their directions do not clearly say otherwise."""
    chord = (two.v - one.v) / (two.u - one.u)
    slopes = []
    for end in (one, two):
        doubt = PAIR_SLOPE_DOUBT / max(end.length, MIN_DOUBT_PX)
        turn = end.slope - chord
        slopes.append(chord + turn * max(0.0, 1 - (doubt / max(abs(turn), 1e-9)) ** 2))
    return Rule(standing, one.u, one.v, slopes[0], two.u, two.v, slopes[1], (one, two))
