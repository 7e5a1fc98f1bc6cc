"""Rules (the straight or gently bent lines of tables, forms and ruled paper) that run into a hole, and how they go on.

Rules are looked for in two families, lying and standing. All code sees lying ones: a standing rule is a lying one of
the transposed picture. `u` counts pixels along the family, `v` across it. An `End` is a rule that meets the hole; two
ends that face each other across it, or one end and what stops it, make a `Rule`.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from utils.arrays import Mask, Plane, Reals
from utils.page.rule_ends import LONE_PX, STRONG_PX, TRACE_PX, End, find_ends, fit_polynomial, strip_along

LONE_DOTS_PX = 150  # visible length of a dotted rule that goes on by itself: digits of one width are alike over 120
FEWEST_ACROSS = 3  # ends that tell a family's direction
MAX_LEAN = 0.17  # 10 degrees, which perspective may turn the families against each other
LEAVING_PX = 8  # between a rule and the beginning of one that leaves it
MAX_BARE = 0.4  # of a course along which there may still be a rule below print
MIN_LIKENESS_LONE = 0.85  # ... and 9 of 10 have this, which is asked for where the other side says nothing
MIN_PITCH_PX = 30  # rules nearer each other are no rows
PITCH_SHARE = 0.05  # spacings within this share of each other are even
MIN_TRACES = 4  # stretches of `TRACK_PX` in which a predicted rule is seen
TRACK_PX = 16  # rules beside the hole are followed in such steps
TRACK_BLOCKS = 5  # so many steps before the hole they are looked for
TRACK_GAP_BLOCKS = 3  # missing for so many steps, a rule has ended
TRACK_MISFIT_PX = 0.6
MAX_TRACKS = 60
TRACK_UNEVEN = 0.15  # a followed rule's darkness varies less than so (deviation over mean); that of text does not
MAX_HIDDEN = 3  # rules between two that are seen
MAX_BEYOND = 3  # ... and beyond the last of them
PASSED_PX = 30  # a rule is followed so far beyond its last dark pixel
CROSSED_PX = 600  # so far from the hole what crosses a rule is counted
NEIGHBOURS = 3  # rules beside one that must agree where it ends


@dataclass(frozen=True)
class Rule:
    """A rule's part inside the hole: a cubic from (u0, v0) to (u1, v1) with these slopes, u0 < u1."""

    standing: bool
    u0: float
    v0: float
    slope0: float
    u1: float
    v1: float
    slope1: float
    ends: tuple[End, ...]

    def at(self, u: Reals | float) -> Reals:
        """Position across at `u`; straight on beyond the ends."""
        length = self.u1 - self.u0
        u = np.asarray(u, np.float64)
        t = np.clip((u - self.u0) / length, 0, 1)
        inside = (
            (2 * t**3 - 3 * t**2 + 1) * self.v0
            + (t**3 - 2 * t**2 + t) * length * self.slope0
            + (3 * t**2 - 2 * t**3) * self.v1
            + (t**3 - t**2) * length * self.slope1
        )
        return inside + np.minimum(u - self.u0, 0) * self.slope0 + np.maximum(u - self.u1, 0) * self.slope1

    def points(self, step: float = 4.0) -> Reals:
        """The rule as `(n, 2)` points (x, y) of the window."""
        u = np.linspace(self.u0, self.u1, max(2, round((self.u1 - self.u0) / step)))
        v = self.at(u)
        return np.stack([v, u] if self.standing else [u, v], axis=1)


@dataclass(frozen=True)
class Sight:
    """One family's view of a window: everything already transposed for standing rules.

    Attributes:
        dark: `(h, w)` uint8, levels below the paper in the channel that shows it best, 0 in the hole.
        hole, beside: `(h, w)` uint8, 1 in the hole; 1 in it and within a few pixels.
        surface: `(h, w)` uint8, number of the surface.
        noise: standard deviation of the grain.
        page: number of the page's surface.
    """

    dark: Plane
    hole: Plane
    beside: Plane
    surface: Plane
    noise: float
    page: int

    def transposed(self) -> "Sight":
        """The view of the other family."""
        dark, hole, beside, surface = (
            np.asarray(cv2.transpose(array), np.uint8) for array in (self.dark, self.hole, self.beside, self.surface)
        )
        return Sight(dark, hole, beside, surface, self.noise, self.page)


def find_rules(dark: Plane, hole: Mask, surface: Plane, noise: float, page: int) -> list[Rule]:
    """Every rule that runs into the hole, continued.

    Args:
        dark: `(h, w)` uint8, levels below the paper.
        hole: `(h, w)` bool.
        surface: `(h, w)` uint8; a rule does not leave its surface.
        noise: standard deviation of the grain in levels.
        page: number of the page's surface.
    """
    covered = hole.astype(np.uint8)
    beside = cv2.dilate(covered, np.ones((9, 9), np.uint8))
    lying = Sight(cv2.bitwise_and(dark, dark, mask=1 - covered), covered, beside, surface, noise, page)
    sights = lying, lying.transposed()
    ends = [find_ends(sight.dark, sight.hole, sight.beside, sight.noise) for sight in sights]
    pairs = [_pair(sight, found, other) for sight, found, other in zip(sights, ends, reversed(ends), strict=True)]
    rules = []
    for standing, (joined, _) in enumerate(pairs):
        rules += [_joined(bool(standing), one, two) for one, two in joined]
    single = [(bool(standing), end) for standing, (_, rest) in enumerate(pairs) for end in rest]
    one_sided = _one_sided(sights, ends, rules, _upright(single, ends))
    rules += one_sided
    for standing, sight in enumerate(sights):
        rules += _repeated(sight, [rule for rule in rules if rule.standing == bool(standing)])
    return rules


def _upright(single: list[tuple[bool, End]], families: Sequence[list[End]]) -> list[tuple[bool, End]]:
    """The ends without a counterpart that stand across the other family: a long stroke of a letter does not."""
    upright = []
    for standing, end in single:
        slopes = [other.slope for other in families[not standing] if other.length >= STRONG_PX]
        # Turned by the same angle, the two families' slopes are each other's opposite.
        if len(slopes) < FEWEST_ACROSS or abs(end.slope + float(np.median(slopes))) < MAX_LEAN:
            upright.append((standing, end))
    return upright


def _pair(sight: Sight, ends: list[End], crossing: list[End]) -> tuple[list[tuple[End, End]], list[End]]:
    """Ends that face each other across the hole, and of those left the long ones and those that leave a rule.

    Args:
        sight: the family's view.
        ends: of the family.
        crossing: those of the other family.
    """
    costs = []
    before = [end for end in ends if end.side > 0]
    after = [end for end in ends if end.side < 0]
    for one in before:
        for two in after:
            cost = _pair_cost(sight, one, two)
            if cost is not None:
                costs.append((cost, one, two))
    pairs: list[tuple[End, End]] = []
    taken: set[int] = set()
    for _, one, two in sorted(costs, key=lambda entry: entry[0]):
        if id(one) in taken or id(two) in taken or any(_crosses(one, two, *pair) for pair in pairs):
            continue
        taken |= {id(one), id(two)}
        pairs.append((one, two))
    rest = []
    for end in sorted(ends, key=lambda end: -end.length):
        least = LONE_DOTS_PX if end.period else STRONG_PX
        if id(end) in taken or end.likeness < MIN_LIKENESS_LONE:
            continue
        if end.length < least and (end.period or not _leaves_a_rule(end, crossing)):
            continue
        other = _look_opposite(sight, end)
        if other is None:
            rest.append(end)
            continue
        couple = (end, other) if end.side > 0 else (other, end)
        if not any(_crosses(*couple, *pair) for pair in pairs):
            pairs.append(couple)
    return pairs, rest


def _pair_cost(sight: Sight, one: End, two: End) -> float | None:
    gap = two.u - one.u
    if gap < 2:
        return None
    off = abs(one.v + one.slope * gap - two.v), abs(two.v - two.slope * gap - one.v)
    weak = one.length < STRONG_PX, two.length < STRONG_PX
    # Short stubs tell their direction badly: the longer side has the word.
    miss = off[1] if weak[0] and not weak[1] else off[0] if weak[1] and not weak[0] else sum(off) / 2
    limit = 2.5 + 0.025 * gap
    if all(weak):
        limit = 2.0 + 0.012 * gap
    if miss > limit or abs(one.slope - two.slope) > (0.12 if any(weak) else 0.06):
        return None
    contrast = abs(np.log(one.core / two.core))
    if contrast > (0.6 if any(weak) else 1.1):
        return None
    if one.period and two.period and abs(one.period - two.period) > 0.15 * max(one.period, two.period):
        return None
    unlike = 0.4 if (one.period > 0) != (two.period > 0) else 0.0
    u = np.arange(one.u + 1, two.u)
    v = np.clip(np.rint(one.v + (two.v - one.v) * (u - one.u) / gap), 0, sight.hole.shape[0] - 1).astype(int)
    if len(u) and sight.hole[v, u.astype(int)].mean() < 0.85:
        return None
    return float(miss / limit + 0.4 * contrast + unlike + (0.5 if any(weak) else 0))


def _crosses(one: End, two: End, three: End, four: End) -> bool:
    """Whether two joins of a family cut or touch each other."""
    u0, u1 = max(one.u, three.u), min(two.u, four.u)
    if u1 <= u0:
        return False

    def at(a: End, b: End, u: float) -> float:
        return a.v + (b.v - a.v) * (u - a.u) / (b.u - a.u)

    return (at(one, two, u0) - at(three, four, u0)) * (at(one, two, u1) - at(three, four, u1)) <= 0


def _leaves_a_rule(end: End, crossing: list[End]) -> bool:
    """Whether an end begins at a rule of the other family, as a table's columns do; letters keep their distance."""
    u, v = end.u - end.side * end.length, end.v - end.slope * end.side * end.length
    return any(
        0 <= other.side * (other.u - v) <= other.length
        and abs(other.v + other.slope * (v - other.u) - u) <= LEAVING_PX
        and 0.5 < end.core / other.core < 2
        for other in crossing
        if other.length >= LONE_PX and not other.period
    )


def _surface_of(sight: Sight, end: End) -> int:
    """Number of the surface that a rule lies on where it meets the hole."""
    height, width = sight.surface.shape
    row, column = round(end.v), round(end.u - 4 * end.side)
    return int(sight.surface[int(np.clip(row, 0, height - 1)), int(np.clip(column, 0, width - 1))])


def _walk(sight: Sight, end: End) -> tuple[float, str]:
    """Where the straight continuation leaves the hole: `u` and "seen", "border" or "surface"."""
    height, width = sight.hole.shape
    own = _surface_of(sight, end)
    steps = np.arange(1, width)
    u = end.u + end.side * steps
    v = np.rint(end.v + end.slope * (u - end.u)).astype(int)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    stop = int((~inside).argmax()) if not inside.all() else len(u)
    u, v = u[:stop].astype(int), v[:stop]
    covered = sight.hole[v, u] > 0
    covered[:6] = True  # the trace may end a pixel or two early
    out = np.flatnonzero(~covered)
    other = np.flatnonzero(covered & (sight.surface[v, u] != own))
    limit = int(out[0]) if len(out) else len(u)
    if len(other) and other[0] < limit and other[0] > 8:
        return float(end.u + end.side * other[0]), "surface"
    if limit == len(u):
        return float(end.u + end.side * limit), "border"
    if stop - limit < 12 and stop < len(steps):  # a sliver before the photo's border shows nothing
        return float(end.u + end.side * limit), "border"
    return float(end.u + end.side * limit), "seen"


def _look_opposite(sight: Sight, end: End) -> End | None:
    """The same rule beyond the hole where it was too short or too faint to be found by itself."""
    u_exit, kind = _walk(sight, end)
    if kind != "seen":
        return None
    height, width = sight.hole.shape
    gap = abs(u_exit - end.u)
    steps = np.arange(1.0, 61.0)
    u = u_exit + end.side * steps
    v = end.v + end.slope * (u - end.u)
    inside = (u >= 0) & (u < width) & (v > 8) & (v < height - 9)
    at = np.clip(np.rint(v), 0, height - 1).astype(int), np.clip(u, 0, width - 1).astype(int)
    usable = inside & (sight.hole[at] == 0)
    count = int((~usable).argmax()) if not usable.all() else len(steps)
    if count < 12:
        return None
    reach = 2.0 + 0.015 * gap
    offsets = np.arange(-round(reach) - 8, round(reach) + 8 + 1.0)
    strip = strip_along(sight.dark, u[:count], v[:count], offsets)
    # Dark nearly all along and clear of its sides.
    level = strip.mean(axis=0) if end.period else np.sort(strip, axis=0)[len(strip) // 4]
    inner = slice(8, len(offsets) - 8)
    best = int(level[inner].argmax()) + 8
    floor = float(np.median(np.minimum(strip[:, best - 7], strip[:, min(best + 7, len(offsets) - 1)])))
    core = float(np.percentile(strip[:, best], 90) if end.period else np.median(strip[:, best])) - floor
    if not 0.5 < core / end.core < 1.8 or level[best] - floor < (0.2 if end.period else 0.35) * end.core:
        return None
    if end.period:
        wave = strip[:, best - 1 : best + 2].mean(axis=1)
        wave, lag = wave - wave.mean(), round(end.period)
        if count < 2 * lag or wave[lag:] @ wave[:-lag] < 0.4 * (wave[lag:] @ wave[lag:]):
            return None
    near = slice(best - 3, best + 4)
    weight = np.maximum(strip.mean(0)[near] - floor - 0.3 * core, 0)
    if weight.sum() <= 0:
        return None
    offset = float((weight * offsets[near]).sum() / weight.sum())
    middle = (count + 1) / 2
    # Only the position is known: the direction is that of the join.
    v_at = end.v + end.slope * (u_exit + end.side * middle - end.u) + offset
    u_at = u_exit + end.side * middle
    slope = (v_at - end.v) / (u_at - end.u)
    return End(u_exit, v_at - slope * end.side * middle, slope, -end.side, float(count), core, end.period)


def _joined(standing: bool, one: End, two: End) -> Rule:
    """The rule between two ends; straight where their directions do not clearly say otherwise."""
    chord = (two.v - one.v) / (two.u - one.u)
    slopes = []
    for end in (one, two):
        doubt = 0.35 * 4 / max(end.length, 16.0)  # what a third of a pixel does to a slope
        turn = end.slope - chord
        slopes.append(chord + turn * max(0.0, 1 - (doubt / max(abs(turn), 1e-9)) ** 2))
    return Rule(standing, one.u, one.v, slopes[0], two.u, two.v, slopes[1], (one, two))


def _repeated(sight: Sight, rules: list[Rule]) -> list[Rule]:
    """Rules that the even spacing of the others predicts and that print hides beside the hole, but for traces.

    Args:
        sight: the family's view.
        rules: of the family.
    """
    if len(rules) < 3:
        return []
    middle = float(np.mean([(rule.u0 + rule.u1) / 2 for rule in rules]))
    rules = sorted(rules, key=lambda rule: float(rule.at(middle)))
    steps = np.diff([float(rule.at(middle)) for rule in rules])
    found: list[Rule] = []
    for index, (one, two) in enumerate(itertools.pairwise(rules)):
        for count in _even_shares(steps, index):
            between = [_predicted(sight, one, two, part / count) for part in range(1, count)]
            if any(between):
                found += [rule for rule in between if rule is not None]
                break
    for one, two, index in ((rules[1], rules[0], 0), (rules[-2], rules[-1], len(steps) - 1)):
        for count in _even_shares(steps, index):
            further = (_predicted(sight, one, two, 1 + beyond / count) for beyond in range(1, MAX_BEYOND + 1))
            seen = list(itertools.takewhile(bool, further))
            if seen:
                found += [rule for rule in seen if rule is not None]
                break
    return found


def _even_shares(steps: Reals, index: int) -> list[int]:
    """Into how many equal parts a step may be cut, so that one of the steps nearby is a multiple of a part."""
    others = np.delete(steps, index)[max(0, index - NEIGHBOURS) : index + NEIGHBOURS]
    shares = []
    for count in range(1, MAX_HIDDEN + 2):
        part = steps[index] / count
        if part < MIN_PITCH_PX:
            break
        multiple = np.rint(others / part)
        if (
            (multiple >= 1) & (multiple <= MAX_HIDDEN + 1) & (np.abs(others - multiple * part) < PITCH_SHARE * part)
        ).any():
            shares.append(count)
    return shares


def _predicted(sight: Sight, one: Rule, two: Rule, share: float) -> Rule | None:
    """The rule at a share of the way from one to another, where it is seen between what hides it; else None."""
    height, width = sight.hole.shape
    u = np.arange(width, dtype=np.float64)
    v = (1 - share) * one.at(u) + share * two.at(u)
    inside = (v > 12) & (v < height - 13)
    at = np.clip(np.rint(v), 0, height - 1).astype(int)
    covered = np.flatnonzero((sight.hole[at, np.arange(width)] > 0) & inside)
    if len(covered) < 20 or np.ptp(covered) > 1.15 * len(covered):
        return None
    u0, u1 = float(covered[0]), float(covered[-1])
    sides = {end.side for rule in (one, two) for end in rule.ends}
    # Where neither neighbour comes out of the hole, this one ends with them.
    if 1 not in sides:
        u0 = max(u0, (1 - share) * one.u0 + share * two.u0)
    if -1 not in sides:
        u1 = min(u1, (1 - share) * one.u1 + share * two.u1)
    if u1 - u0 < 20:
        return None
    core, aside = _traces(sight, one, one.u0, one.u1, {end.side for end in one.ends})
    reference = float(np.median(core - aside)) if len(core) else 0.0
    if reference < max(2.5, 0.8 * sight.noise):
        return None
    v0, v1 = (float(v[round(at_u)]) for at_u in (u0, u1))
    slope0, slope1 = (float((1 - share) * _slope(one, at_u) + share * _slope(two, at_u)) for at_u in (u0, u1))
    rule = Rule(one.standing, u0, v0, slope0, u1, v1, slope1, one.ends)
    core, aside = _traces(sight, rule, u0, u1, sides)
    clear = aside < 0.6 * reference
    there = int(np.count_nonzero(clear & (core - aside > 0.5 * reference)))
    bare = int(np.count_nonzero(clear & (core - aside < 0.3 * reference)))
    return rule if there >= MIN_TRACES and bare < 0.3 * there else None


def _slope(rule: Rule, u: float) -> float:
    return float(rule.at(u + 4) - rule.at(u - 4)) / 8


def _traces(sight: Sight, rule: Rule, u0: float, u1: float, sides: set[int]) -> tuple[Reals, Reals]:
    """Mean darkness in a rule's path and beside it, in steps of `TRACK_PX` to the given sides of the hole.

    Beside it is where it is lightest within a few pixels, on the darker side: text stands that near its rule.
    """
    height, width = sight.hole.shape
    steps = np.arange(4.0, TRACE_PX + 4)
    core, aside = [], []
    for side in sides:
        u = u0 - steps if side > 0 else u1 + steps
        v = rule.at(u)
        inside = (u >= 0) & (u < width) & (v > 12) & (v < height - 13)
        usable = inside.copy()
        usable[inside] = sight.beside[np.rint(v[inside]).astype(int), u[inside].astype(int)] == 0
        u, v = u[usable], v[usable]
        count = len(u) // TRACK_PX
        if count:
            strip = strip_along(sight.dark, u, v, np.arange(-7.0, 8.0))[: count * TRACK_PX]
            blocks = strip.reshape(count, TRACK_PX, -1).mean(axis=1)
            before, after = (
                np.minimum(blocks[:, i : i + 2].mean(axis=1), blocks[:, j : j + 2].mean(axis=1))
                for i, j in ((1, 3), (10, 12))
            )
            core.append(blocks[:, 6:9].mean(axis=1))
            aside.append(np.maximum(before, after))
    return (np.concatenate(core), np.concatenate(aside)) if core else (np.zeros(0), np.zeros(0))


def _one_sided(
    sights: tuple[Sight, Sight], families: Sequence[list[End]], rules: list[Rule], single: list[tuple[bool, End]]
) -> list[Rule]:
    """Continue ends without a counterpart to the rule they end at, to a border, or not at all."""
    single = [(standing, _straightened(end, families[standing])) for standing, end in single]
    rays = [_ray(standing, end, _walk(sights[standing], end)) for standing, end in single]
    tracks: dict[tuple[bool, int], list[Track]] = {}
    continued = []
    for index, (standing, end) in enumerate(single):
        others = [rule for rule in rules if rule.standing != standing and _just_passed(end, rule)]
        if any(_is_border(sights[1 - standing], rule, end) for rule in others):
            continue
        u_exit, kind = _walk(sights[standing], end)
        ray = rays[index]
        crossings = [(u, rule) for rule in rules if rule.standing != standing and (u := _meet(ray, rule)) is not None]
        # The corner of a table: two ends that stop at each other.
        crossings += [
            (u, other)
            for other in rays
            if other.standing != standing and (u := _meet(ray, other)) is not None and _meet(other, ray) is not None
        ]
        u_stop = None
        for u, rule in sorted(crossings, key=lambda crossing: end.side * crossing[0]):
            ending = _is_border(sights[1 - standing], rule, end)
            u_stop = u_exit if ending is False and kind != "seen" else u
            if ending:
                break
        if end.length >= LONE_PX and (u_stop is None or u_stop == u_exit):
            where = standing, end.side
            if where not in tracks:
                alike = [other for turned, other in single if (turned, other.side) == where]
                tracks[where] = _follow_neighbours(sights[standing], alike, families[standing])
            u_known = _end_of_neighbours(tracks[where], end, u_exit)
            if u_known is not None:
                u_stop = u_known
            # On a desk nothing goes on unseen: what is dark there may be the shadow of the page's edge.
            elif (
                u_stop is None
                and _surface_of(sights[standing], end) == sights[standing].page
                and not (kind == "seen" and _absent(sights[standing], end, u_exit))
            ):
                u_stop = u_exit
        if u_stop is not None and abs(u_stop - end.u) >= 3:
            ray = _ray(standing, end, (u_stop, kind))
            continued.append(_bent(ray, tracks.get((standing, end.side), [])))
    return continued


@dataclass(frozen=True)
class Track:
    """A visible rule beside the hole, followed along it.

    Attributes:
        u0, u1: between these it is seen, in the direction it was followed.
        course: coefficients of its `v` for `numpy.polyval`, over (u - u0) / 1000.
        ended: whether bare paper of the same surface was seen beyond `u1`.
    """

    u0: float
    u1: float
    course: Reals
    ended: bool

    def at(self, u: float) -> float:
        """Position across at `u`."""
        return float(np.polyval(self.course, (u - self.u0) / 1000))

    def slope(self, u: float) -> float:
        """Its dv/du there."""
        return float(np.polyval(np.polyder(self.course), (u - self.u0) / 1000)) / 1000


def _follow_neighbours(sight: Sight, ends: Sequence[End], family: Sequence[End]) -> list[Track]:
    """The visible rules that run beside the hole, from where the outermost of the ends lies, in their direction."""
    side = ends[0].side
    height, width = sight.dark.shape
    blocks = width // TRACK_PX
    size = blocks, height
    wide = blocks * TRACK_PX
    if blocks < 8:
        return []
    rows = cv2.resize(np.ascontiguousarray(sight.dark[:, :wide]), size, interpolation=cv2.INTER_AREA)
    covered = cv2.resize(np.ascontiguousarray(sight.hole[:, :wide]) * 255, size, interpolation=cv2.INTER_AREA) > 0
    rows = cv2.GaussianBlur(rows, (1, 5), sigmaX=0, sigmaY=1.0).astype(np.float32)
    if side < 0:
        rows, covered = rows[:, ::-1], covered[:, ::-1]
    # From here on `b` counts blocks in the direction of the ends.
    first = min(end.u if side > 0 else width - 1 - end.u for end in ends)
    b = max(0, int(first // TRACK_PX) - TRACK_BLOCKS)
    slopes = [end.slope for end in family if end.length >= STRONG_PX]
    slope = side * float(np.median(slopes)) * TRACK_PX
    core = min(end.core for end in ends)
    # The mean of the first blocks, sheared along the family's direction.
    lanes = [np.roll(rows[:, b + k], -round(k * slope)) for k in range(min(TRACK_BLOCKS, blocks - b))]
    start = np.sort(lanes, axis=0)[len(lanes) // 3]
    peak = (start > 0.35 * core) & (start >= cv2.dilate(start, np.ones(9)).ravel()) & ~covered[:, b]
    v = np.flatnonzero(peak)[:MAX_TRACKS].astype(np.float64)
    if not len(v):
        return []
    level = start[v.astype(int)]
    steep = np.full(len(v), slope)
    missed = np.zeros(len(v), int)
    open_ = np.ones(len(v), bool)
    ended = np.zeros(len(v), bool)
    reach = np.arange(-4, 5)
    seen: list[list[tuple[float, float, float]]] = [[] for _ in v]
    for step in range(b, blocks):
        at = np.rint(v).astype(int)
        usable = open_ & (at > 12) & (at < height - 13)
        usable[usable] = ~covered[at[usable] - 6, step] & ~covered[at[usable] + 6, step]
        open_ = usable
        if not open_.any():
            break
        patch = rows[np.clip(at[:, None] + reach, 0, height - 1), step]
        weight = np.maximum(patch - 0.3 * level[:, None], 0)
        total = weight.sum(axis=1)
        shift = at - v + (weight * reach).sum(axis=1) / np.maximum(total, 1e-6)
        found = open_ & (patch[:, 2:7].max(axis=1) > 0.4 * level)
        missed = np.where(found, 0, missed + 1)
        for index in np.flatnonzero(found).tolist():
            seen[index].append((step, v[index] + shift[index], total[index]))
        shift = np.where(found, np.clip(shift, -2, 2), 0)
        steep = steep + 0.05 * shift
        v = v + 0.5 * shift + steep
        gone = open_ & (missed >= TRACK_GAP_BLOCKS)
        ended |= gone
        open_ &= ~gone
    tracks = []
    for index, points in enumerate(seen):
        if len(points) < TRACK_BLOCKS * 2:
            continue
        blocks_seen, course_v, strength = np.array(points).T
        # Text comes and goes.
        if len(points) < 0.9 * (np.ptp(blocks_seen) + 1):
            continue
        usual = np.median(strength)
        if np.median(np.abs(strength - usual)) > TRACK_UNEVEN * usual:
            continue
        u = (blocks_seen + 0.5) * TRACK_PX
        u = u if side > 0 else wide - u
        course, misfit = fit_polynomial(
            (u - u[0]) / 1000, course_v, 3 if np.ptp(u) > 600 else 2 if np.ptp(u) > 300 else 1
        )
        if misfit < TRACK_MISFIT_PX:
            # A rule that is seen up to the edge of its surface tells where that ends, not where rules do.
            end = float(u[-1] + side * TRACK_PX / 2)
            beyond = int(np.clip(end + 2 * side * TRACK_PX, 0, width - 1))
            row, last = round(float(course_v[-1])), int(np.clip(u[-1], 0, width - 1))
            bare = ended[index] and sight.surface[row, beyond] == sight.surface[row, last - side * TRACK_PX]
            tracks.append(Track(float(u[0]), end, course, bool(bare)))
    return tracks


def _end_of_neighbours(tracks: Sequence[Track], end: End, u_exit: float) -> float | None:
    """Where a rule of a table ends, if the rules above and below it all end there."""
    beside = [track for track in tracks if abs(track.at(end.u) - end.v) > 8 and end.side * (track.u1 - end.u) > 30]
    beside.sort(key=lambda track: abs(track.at(end.u) - end.v))
    known = [track for track in beside if track.ended]
    if not known:
        return None
    # Those that go on, or that the hole hides only beyond, say otherwise.
    near = [track for track in beside if track.ended or end.side * (track.u1 - known[0].u1) > TRACK_PX][:NEIGHBOURS]
    stops = [(track.at(track.u1), track.u1) for track in near if track.ended]
    if len(stops) < len(near):
        return None
    # The sides of a table stand square on its rules.
    stop_all = np.array([u - end.slope * (end.v - v) for v, u in stops])
    if np.ptp(stop_all) > 2 * TRACK_PX:
        return None
    stop = float(np.median(stop_all))
    return stop if 0 < end.side * (stop - end.u) < end.side * (u_exit - end.u) else None


def _bent(rule: Rule, tracks: Sequence[Track]) -> Rule:
    """The rule, bent as its neighbours that are seen all along it."""
    (end,) = rule.ends
    far = rule.u1 if end.side > 0 else rule.u0
    over = [track for track in tracks if end.side * (track.u1 - far) > -40 and abs(track.at(end.u) - end.v) > 8]
    above = [track for track in over if track.at(end.u) < end.v]
    below = [track for track in over if track.at(end.u) > end.v]
    if not above or not below:
        return rule
    one, two = max(above, key=lambda track: track.at(end.u)), min(below, key=lambda track: track.at(end.u))
    share = (end.v - one.at(end.u)) / (two.at(end.u) - one.at(end.u))
    v_far = end.v + (1 - share) * (one.at(far) - one.at(end.u)) + share * (two.at(far) - two.at(end.u))
    slope_far = (1 - share) * one.slope(far) + share * two.slope(far)
    slope_near = (1 - share) * one.slope(end.u) + share * two.slope(end.u)
    if abs(slope_near - end.slope) > 0.02:
        return rule
    if end.side > 0:
        return replace(rule, v1=v_far, slope0=slope_near, slope1=slope_far)
    return replace(rule, v0=v_far, slope0=slope_far, slope1=slope_near)


def _absent(sight: Sight, end: End, u_exit: float) -> bool:
    """Whether bare paper shows that a rule does not come out of the hole; print over its course leaves that open."""
    height, width = sight.hole.shape
    u = u_exit + end.side * np.arange(1.0, 49.0)
    v = end.v + end.slope * (u - end.u)
    inside = (u >= 0) & (u <= width - 1) & (v >= 8) & (v <= height - 9)
    if np.count_nonzero(inside) < 12:
        return False
    strip = strip_along(sight.dark, u[inside], v[inside], np.arange(-6.0, 7.0))
    return bool((strip.max(axis=1) < 0.4 * end.core).mean() > MAX_BARE)


def _straightened(end: End, family: Sequence[End]) -> End:
    """The end with a direction that the long ones of its family agree on."""
    others = [other for other in family if other is not end and other.length >= LONE_PX]
    if len(others) < 3:
        return end
    v = np.array([other.v - end.v for other in others]) / 1000
    u = np.array([other.u - end.u for other in others]) / 1000
    slope = np.array([other.slope for other in others])
    terms = [np.ones(len(v))]
    if np.ptp(v) > 0.2:
        terms.append(v)
    if len(others) >= 6 and np.ptp(u) > 0.2:
        terms.append(u)
    basis = np.stack(terms, axis=1)
    weight = np.ones(len(v))
    expected: Reals = np.zeros(len(terms))
    for _ in range(4):
        expected = np.linalg.lstsq(basis * weight[:, None], slope * weight, rcond=None)[0]
        off = np.abs(slope - basis @ expected)
        weight = 1 / (1 + (off / 0.002) ** 2)
    spread = max(0.0008, float(np.median(off)) * 1.5)
    doubt = 0.3 * 4 / max(end.length, 16.0)
    if abs(expected[0] - end.slope) > 4 * (spread + doubt):
        return end
    share = doubt**2 / (doubt**2 + spread**2)
    return replace(end, slope=float(end.slope + share * (expected[0] - end.slope)))


def _ray(standing: bool, end: End, stop: tuple[float, str]) -> Rule:
    u0, u1 = sorted((end.u, stop[0] if stop[0] != end.u else end.u + end.side))
    v0, v1 = (end.v + end.slope * (u - end.u) for u in (u0, u1))
    return Rule(standing, u0, float(v0), end.slope, u1, float(v1), end.slope, (end,))


def _meet(one: Rule, two: Rule) -> float | None:
    """Where along `one` it meets `two`, a rule of the other family; None where they do not."""
    u = (one.u0 + one.u1) / 2
    for _ in range(6):
        v = float(one.at(u))
        u = float(two.at(v))
    v = float(one.at(u))
    if not (one.u0 - 8 <= u <= one.u1 + 8 and two.u0 - 8 <= v <= two.u1 + 8):
        return None
    return u


def _just_passed(end: End, rule: Rule) -> bool:
    """Whether an end, close before the hole, crosses a rule of the other family where that is seen or soon hidden."""
    u = float(rule.at(end.v))
    before, after = (max((other.length for other in rule.ends if other.side == side), default=0) for side in (1, -1))
    at_rule = rule.u0 - before <= end.v <= rule.u1 + after
    return at_rule and 0 <= end.side * (end.u - u) < PASSED_PX


def _is_border(sight: Sight, rule: Rule, coming: End) -> bool | None:
    """Whether rules stop at `rule` when they come to it as `coming` does, judged where it is seen.

    Args:
        sight: the view of the rule's family.
        rule: which they come to.
        coming: the end of one of them, of the other family.

    Returns:
        None where nothing comes near it.
    """
    height, width = sight.dark.shape
    # A rule leaves another at once, text keeps its distance; of dashes a whole one and a gap are looked at twice.
    half = max(12, round(coming.period))
    offsets = np.arange(9.0, 9.0 + 2 * half)
    crossing = [0, 0]
    for end in rule.ends:
        u = end.u - end.side * np.arange(4.0, CROSSED_PX)
        v = end.v + end.slope * (u - end.u)
        inside = (u >= 0) & (u < width) & (v > 40) & (v < height - 40)
        u, v = u[inside], v[inside]
        if len(u) < 20:
            continue
        lines = []
        seen = np.ones(len(u), bool)
        for way in (-coming.side, coming.side):
            strip = strip_along(sight.dark, u, v, way * offsets, coming.slope)
            lines.append(np.minimum(strip[:, :half].mean(axis=1), strip[:, half:].mean(axis=1)))
            seen &= strip_along(sight.hole, u, v, way * offsets, coming.slope).max(axis=1) == 0
        for index, line in enumerate(lines):
            peaks = seen & (line > max(3.0, 0.2 * end.core))
            crossing[index] += int(np.count_nonzero(peaks[1:] & ~peaks[:-1]))
    if not any(crossing):
        return None
    return crossing[1] < 0.5 * crossing[0]
