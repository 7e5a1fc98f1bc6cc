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
from numpy.typing import NDArray

Array = NDArray[np.floating]

BLOCK_PX = 8  # darkness is averaged so far along before rules are looked for: noise and dots average out
SEARCH_BLOCKS = 12
MAX_SLOPE = 0.36  # 20 degrees off the photo's axes
SLOPE_STEP = 0.012
MAX_ROWS = 1200  # dark rows looked at in each direction, the darkest first
MAX_CANDIDATES = 120  # of them followed; a page of dense text has more, but no rules among the rest
TRACE_PX = 240  # so far back from the hole a rule is followed
HALF_PX = 14  # and so far to its sides
BESIDE = slice(HALF_PX - 9, HALF_PX - 3), slice(HALF_PX + 4, HALF_PX + 10)  # of a strip: both sides of a stroke
FLANK_PX = 9  # a dark row is compared with the rows so far beside it
LONE_PX = 100  # visible length of a rule that goes on although nothing on the other side says so
LONE_DOTS_PX = 150  # the same of a dotted one: digits of one width are as much alike over 120 px
STRONG_PX = 64  # visible length that makes a rule; printed strokes are shorter
GRAZE_PX = 120  # a rule may run so far along the rim of the hole before it enters it
TAIL_PX = 8  # a solid rule is dark in most of its last pixels before the hole
NO_EXTENT = 0.0, 0.0, 0.0, 0.0
LEAVING_PX = 8  # between a rule and the beginning of one that leaves it
WEAK_PX = 20  # visible length that suffices where the other side of the hole agrees
SOLID_SHARE = 0.88
# Measured on drawn pages: rules lack up to 3 % of their darkness (49 of 50; short ones 11 %), letters in a row 7 to 16.
MAX_LACKING = 0.115
MAX_LACKING_SHORT = 0.08
# Share that is twice as dark as the rest: rules 0 to 7 %, lines between and across letters 20 to 90 %.
MAX_DARKER = 0.18
MAX_CROWDED = 0.2  # share of a rule's length with print close to its clearer side: rules 0 to 13 %, letters 24 to 90 %
MAX_RAGGED = 0.06  # the same of dotted rules, farther off, all along or not at all: letters 8 to 50 %
MAX_STEM = 0.5  # correlation of dots with what lies 6 to 9 px aside
MAX_BARE = 0.4  # of a course along which there may still be a rule below print
MIN_LIKENESS = 0.72  # autocorrelation of a dotted rule one period on: 49 of 50 have 0.76 ...
MIN_LIKENESS_LONE = 0.85  # ... and 9 of 10 have this, which is asked for where the other side says nothing
MAX_LIKENESS_BETWEEN = 0.3  # half a period on it is below 0; a solid rule's ripples and half a line of text keep 0.7
MAX_THICK_PX = 16  # thicker strokes are no rules but bars
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
DOUBLE_PX = 6  # strokes so near each other (clear space between them) are a double rule


@dataclass(frozen=True)
class End:
    """A rule that meets the hole.

    Attributes:
        u, v: its last visible point.
        slope: dv/du there.
        side: +1 where the hole lies at larger u, else -1.
        length: how far it is seen, in pixels.
        core: its darkness in levels.
        period: of its dots or dashes in pixels, 0 for a solid rule.
        likeness: autocorrelation one period on, 1 for a solid rule.
    """

    u: float
    v: float
    slope: float
    side: int
    length: float
    core: float
    period: float = 0.0
    likeness: float = 1.0

    def points(self, standing: bool) -> Array:
        """Both ends of the visible part, `(2, 2)` points (x, y) of the window."""
        back = self.side * self.length
        course = np.array([(self.u, self.v), (self.u - back, self.v - self.slope * back)])
        return course[:, ::-1] if standing else course


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

    def at(self, u: Array | float) -> Array:
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

    def points(self, step: float = 4.0) -> Array:
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

    dark: NDArray[np.uint8]
    hole: NDArray[np.uint8]
    beside: NDArray[np.uint8]
    surface: NDArray[np.uint8]
    noise: float
    page: int

    def transposed(self) -> "Sight":
        """The view of the other family."""
        dark, hole, beside, surface = (
            np.asarray(cv2.transpose(array), np.uint8) for array in (self.dark, self.hole, self.beside, self.surface)
        )
        return Sight(dark, hole, beside, surface, self.noise, self.page)


def find_rules(
    dark: NDArray[np.uint8], hole: NDArray[np.bool_], surface: NDArray[np.uint8], noise: float, page: int
) -> list[Rule]:
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
    ends = [_find_ends(sight) for sight in sights]
    ends = [_agreeing(found) for found in ends]
    pairs = [_pair(sight, found, other) for sight, found, other in zip(sights, ends, reversed(ends), strict=True)]
    rules = []
    for standing, (joined, _) in enumerate(pairs):
        rules += [_joined(bool(standing), one, two) for one, two in joined]
    single = [(bool(standing), end) for standing, (_, rest) in enumerate(pairs) for end in rest]
    one_sided = _one_sided(sights, ends, rules, single)
    rules += one_sided
    for standing, sight in enumerate(sights):
        rules += _repeated(sight, [rule for rule in rules if rule.standing == bool(standing)])
    return rules


def _find_ends(sight: Sight) -> list[End]:
    """Ends of rules at both sides of the hole."""
    ends = _ends_before(sight.dark, sight.hole, sight.beside, sight.noise)
    dark, hole, beside = (np.asarray(cv2.flip(array, 1), np.uint8) for array in (sight.dark, sight.hole, sight.beside))
    width = sight.dark.shape[1]
    for end in _ends_before(dark, hole, beside, sight.noise):
        ends.append(replace(end, u=width - 1 - end.u, slope=-end.slope, side=-1))
    return ends


def _agreeing(ends: list[End]) -> list[End]:
    """The ends whose direction fits the family: the rules of a page turn little and steadily from one to the next."""
    sure = [end for end in ends if end.length >= STRONG_PX]
    if len(sure) < 3:
        return ends
    v, slope = np.array([end.v for end in sure]), np.array([end.slope for end in sure])
    weight = np.sqrt([end.length for end in sure])
    # The most common slope: the one that most others are near.
    near = np.abs(slope[:, None] - slope) < 0.04
    centre = slope[int((near * weight).sum(axis=1).argmax())]
    chosen = np.abs(slope - centre) < 0.04
    line = np.array([0.0, float(np.average(slope[chosen], weights=weight[chosen]))])
    if np.count_nonzero(chosen) >= 4 and np.ptp(v[chosen]) > 200:
        line, _ = _fit(v[chosen] / 1000, slope[chosen], 1)
    return [end for end in ends if abs(end.slope - np.polyval(line, end.v / 1000)) < 0.02 + 1.5 / end.length]


def _ends_before(
    dark: NDArray[np.uint8], hole: NDArray[np.uint8], beside: NDArray[np.uint8], noise: float
) -> list[End]:
    """Ends of rules that meet the hole at larger u."""
    height, width = dark.shape
    blocks = width // BLOCK_PX
    if blocks < 3 or height < 5:
        return []
    size = blocks, height
    wide = blocks * BLOCK_PX
    rows = cv2.resize(dark[:, :wide], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # A block counts as seen only when all of it is: its eight pixels of one byte, read as one number, are 0.
    seen = np.ascontiguousarray(hole[:, :wide]).view(np.uint64) == 0
    rows = cv2.GaussianBlur(rows, (1, 3), sigmaX=0, sigmaY=0.8)
    if not seen.any():
        return []
    floor = float(np.median(rows[::4][seen[::4]])) if seen[::4].any() else 0.0
    threshold = floor + max(2.5, 0.8 * noise)
    last = np.zeros_like(seen)
    last[:, :-1] = seen[:, :-1] & ~seen[:, 1:]
    v, b = np.divmod(np.flatnonzero(last[3:-3]), blocks)
    v = v + 3
    keep = b >= 2
    v, b = v[keep], b[keep]
    if not len(v):
        return []
    near = (rows[v, b] + rows[v, b - 1] + rows[v, b - 2]) / 3
    dark_rows = near > threshold
    v, b, near = v[dark_rows], b[dark_rows], near[dark_rows]
    if not len(v):
        return []
    if len(v) > MAX_ROWS:
        strongest = np.sort(np.argsort(-near, kind="stable")[:MAX_ROWS])
        v, b = v[strongest], b[strongest]
    # What stands clear of both sides counts in full, and what keeps its darkness: text does neither.
    level = rows - floor
    beyond = cv2.copyMakeBorder(rows, FLANK_PX, FLANK_PX, 0, 0, cv2.BORDER_REPLICATE)
    flank = np.maximum(beyond[: -2 * FLANK_PX], beyond[2 * FLANK_PX :])
    clear = np.minimum(level, 2 * np.maximum(rows - flank, 0) + 0.3 * level)
    slopes = np.arange(-MAX_SLOPE, MAX_SLOPE + SLOPE_STEP / 2, SLOPE_STEP)
    total, squares, counts = np.zeros((3, len(v), len(slopes)), np.float32)
    known = np.ones(len(v), bool)
    for k in range(SEARCH_BLOCKS):
        at_b = np.maximum(b - k, 0)[:, None]
        known &= (b >= k) & seen[v, at_b[:, 0]]
        at_v = v[:, None] - np.rint(slopes * BLOCK_PX * k).astype(np.intp)
        inside = (at_v >= 0) & (at_v < height) & known[:, None]
        here = clear[np.clip(at_v, 0, height - 1), at_b] * inside
        total += here
        squares += here**2
        counts += inside
    mean = total / np.maximum(counts, 1)
    variance = squares / np.maximum(counts, 1) - mean**2
    score = mean - 0.4 * np.sqrt(np.maximum(variance, 0))
    score[counts < 3] = 0
    best = score.argmax(axis=1)
    value = score[np.arange(len(v)), best]
    candidates = []
    near_tried = np.zeros(seen.shape, bool)
    for index in np.argsort(-value, kind="stable").tolist():
        if value[index] < 0.7 * (threshold - floor) or len(candidates) >= MAX_CANDIDATES:
            break
        if near_tried[v[index], b[index]]:
            continue
        candidates.append(index)
        near_tried[v[index] - 2 : v[index] + 3, max(0, b[index] - 3) : b[index] + 4] = True
    if not candidates:
        return []
    v, b, slope = v[candidates], b[candidates], slopes[best[candidates]]
    # Each begins at the last pixel of its row before the hole, which the next block meets.
    start = (b + 1) * BLOCK_PX
    u = start + hole[v[:, None], start[:, None] + np.arange(BLOCK_PX)].argmax(axis=1) - 1
    at_u = v + slope * (u - (b + 0.5) * BLOCK_PX)
    ends: list[End] = []
    for index in _worth_following(dark, hole, u, at_u, slope, noise):
        rough = End(float(start[index]), v[index] + slope[index] * BLOCK_PX / 2, float(slope[index]), 1, 0, 0)
        if any(_same(rough, other) for other in ends):
            continue
        end = _trace(dark, hole, beside, int(u[index]), float(at_u[index]), float(slope[index]), noise)
        if end is not None and not any(_same(end, other) for other in ends):
            ends.append(end)
    return ends


def _worth_following(
    dark: NDArray[np.uint8],
    hole: NDArray[np.uint8],
    u: NDArray[np.intp],
    v: NDArray[np.float64],
    slope: NDArray[np.float64],
    noise: float,
) -> list[int]:
    """Which of many candidates look like rules along a straight course: four of five do not.

    Args:
        dark, hole: `(h, w)` uint8.
        u, v, slope: `(n,)`, the last visible point of each and its direction there.
        noise: of the grain.
    """
    height = len(dark)
    back = np.arange(float(TRACE_PX))
    at_u, at_v = u[:, None] - back, v[:, None] - slope[:, None] * back
    inside = (at_u >= 0) & (at_v >= 0) & (at_v < height - 1)
    rows, columns = np.clip(np.rint(at_v), 0, height - 1).astype(np.intp), np.maximum(at_u, 0).astype(np.intp)
    usable = inside & (hole[rows, columns] == 0)
    usable[:, :3] = at_u[:, :3] >= 0
    lengths = np.where(usable.all(axis=1), TRACE_PX, usable.argmin(axis=1))
    offsets = np.arange(-HALF_PX, HALF_PX + 1.0)
    strips = _strip(dark, at_u.ravel(), at_v.ravel(), offsets).T.reshape(len(offsets), *at_u.shape)
    lighter = np.minimum(strips[:6].mean(axis=0), strips[-6:].mean(axis=0))
    cores = strips[HALF_PX - 1 : HALF_PX + 2].mean(axis=0)
    sides = [strips[side, :, :STRONG_PX].max(axis=0) for side in BESIDE]
    worth = []
    for index, length in enumerate(lengths.tolist()):
        if length < WEAK_PX:
            continue
        floor = _median(lighter[index, :length])
        core = cores[index, :length] - floor
        limit = floor + _print_limit(float(core[:STRONG_PX].max()), noise)
        near = min(STRONG_PX, int(u[index]) + 1)
        if 0.4 < min(np.count_nonzero(side[index, :near] > limit) for side in sides) / near < 0.9:  # see `_crowded`
            continue
        core = _smoothed(core)
        if _solid_extent(core, noise)[0] or _periodic_extent(core, noise)[0]:
            worth.append(index)
    return worth


def _same(one: End, two: End) -> bool:
    at_two = one.v + one.slope * (two.u - one.u)
    back_one = one.v - one.slope * 24
    back_two = two.v + two.slope * (one.u - 24 - two.u)
    return abs(one.u - two.u) < 40 and (abs(at_two - two.v) < 5 or abs(back_one - back_two) < 5)


def _strip(picture: NDArray, u: NDArray, v: NDArray, offsets: NDArray, slant: float = 0.0) -> NDArray[np.float32]:
    """The picture along a path: `(len(u), len(offsets))` float32, contiguous along the path; `slant` is du/dv."""
    across = offsets.astype(np.float32)[:, None]
    ys = across + v.astype(np.float32)
    xs = across * np.float32(slant) + u.astype(np.float32)
    # Most of what is asked of a strip is asked along the path.
    return cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32).T


def _trace(
    dark: NDArray[np.uint8],
    hole: NDArray[np.uint8],
    beside: NDArray[np.uint8],
    u_end: int,
    v_end: float,
    slope: float,
    noise: float,
) -> End | None:
    """Follow a candidate back from its last visible point; None where it is no rule."""
    height, width = dark.shape
    t = np.arange(0.0, min(TRACE_PX, u_end + 1))
    offsets = np.arange(-HALF_PX, HALF_PX + 1.0)
    path = np.array([0.0, slope, v_end])  # in -t
    length = float(len(t))
    for _ in range(3):
        centre = path[2] - (path[1] - path[0] * t) * t
        strip = _strip(dark, u_end - t, centre, offsets)
        inside = (centre >= 0) & (centre < height - 1)
        at = np.clip(np.rint(centre), 0, height - 1).astype(int)
        covered = (hole[at, np.clip(np.rint(u_end - t), 0, width - 1).astype(int)] > 0) | ~inside
        covered[: min(3, len(t))] = False
        usable = int(covered.argmax()) if covered.any() else len(t)
        if usable < WEAK_PX:
            return None
        floor = _median(np.minimum(strip[:usable, :6].mean(1), strip[:usable, -6:].mean(1)))
        core = strip[:usable, HALF_PX - 1 : HALF_PX + 2].mean(1) - floor
        length, level, period, likeness = _extent(core, noise)
        if length < WEAK_PX:
            return None
        if not period and (core[: int(length)] > 2 * (level + noise)).mean() > MAX_DARKER:
            return None
        # It may have ended before the hole, at a rule for example.
        if not period and (core[:TAIL_PX] > 0.4 * level).mean() < 0.5:
            return None
        chunk = 8
        count = int(length) // chunk
        profile = strip.T[:, : count * chunk].reshape(-1, count, chunk).mean(2).T - floor
        middle = (np.arange(count) + 0.5) * chunk
        reach = max(3, *_reach(profile, level)) if length >= LONE_PX else 3
        weight = np.maximum(profile - 0.25 * level, 0) * (np.abs(offsets) <= reach + 0.5)
        total = weight.sum(1)
        found = total > 0.5 * level
        if np.count_nonzero(found) < 2:
            return None
        shift = (weight * offsets).sum(1)[found] / total[found]
        path = path + _robust_fit(-middle[found], shift)
    core_level = level
    if not _is_even(strip[: int(length)] - floor, core[: int(length)], level, likeness if period else 0, noise):
        return None
    # A rule is narrow: what is dark to both sides is print.
    broad = np.sort(strip[: int(length)], axis=0)[int(length) // 2] - floor
    if min(broad[:5].mean(), broad[-5:].mean()) > 0.45 * core_level:
        return None
    if core_level < max(3.5, 1.2 * noise) or abs(path[1]) > MAX_SLOPE + 0.05:
        return None
    # A double rule is one rule: its middle is that of both strokes.
    path[2] += _middle(strip[: int(length)] - floor, offsets, period)
    # The rim of the occluder runs along the hole, a rule leads away from it.
    steps = t[int(min(20, length / 2)) : int(length)]
    at_v = np.clip(np.rint(np.polyval(path, -steps)), 0, height - 1).astype(int)
    if len(steps) and beside[at_v, np.rint(u_end - steps).astype(int)].mean() > 0.4:
        return None
    # Where the path itself, not the row it was sought in, meets the hole.
    ahead = np.arange(0.0, min(GRAZE_PX, width - 1 - u_end) + 1)
    at_v = np.clip(np.rint(np.polyval(path, ahead)), 0, height - 1).astype(int)
    met = np.flatnonzero(hole[at_v, (u_end + ahead).astype(int)])
    forward = float(max(0, met[0] - 1)) if len(met) else 0.0
    slope_there = float(np.polyval(np.polyder(path), forward))
    v_there = float(np.polyval(path, forward))
    return End(u_end + forward, v_there, slope_there, 1, length + forward, core_level, period, likeness)


def _middle(strip: Array, offsets: Array, period: float) -> float:
    """Offset of the middle of a stroke and of what runs beside it within `DOUBLE_PX`."""
    # What is print beside the rule is light in places.
    profile = strip.mean(axis=0) if period else np.sort(strip, axis=0)[len(strip) // 5]
    middle = len(profile) // 2
    peak = float(profile[middle - 2 : middle + 3].max())
    keep = belonging(profile, peak, DOUBLE_PX)
    weight = np.where(keep, np.maximum(profile, 0), 0)
    return float((weight * offsets).sum() / max(float(weight.sum()), 1e-6))


def belonging(profile: NDArray, peak: float, gap: int) -> NDArray[np.bool_]:
    """What of a profile belongs to the stroke in its middle: dark parts with no more than `gap` samples between."""
    dark = profile > 0.3 * peak
    middle = len(profile) // 2
    keep = np.zeros(len(profile), bool)
    for way in (1, -1):
        last = i = middle
        while 0 <= i < len(profile) and abs(i - last) <= gap:
            if dark[i]:
                last = i
            i += way
        keep[min(middle, last) : max(middle, last) + 1] = True
    return keep


def _is_even(strip: Array, core: Array, level: float, likeness: float, noise: float) -> bool:
    """Whether a stroke is as dark all along as a rule is; a row of letters comes and goes.

    Args:
        strip: `(n, 2 * HALF_PX + 1)` darkness along the stroke.
        core: `(n,)` of its middle.
        level: typical darkness of the middle.
        likeness: autocorrelation of a dotted stroke, 0 for a solid one.
        noise: of the grain.
    """
    # One side at least is bare paper; between the stems of letters it is so now and then, beside a third stroke never.
    crowded = _crowded(strip, level, noise)
    far = [float((side.max(axis=1) > 0.5 * level).mean()) for side in (strip[:, :9], strip[:, -9:])]
    if likeness and min(min(share, 1 - share) for share in far) > MAX_RAGGED:
        return False
    if (
        likeness
        and max(
            _alike(core, side) for side in (strip[:, HALF_PX - 9 : HALF_PX - 5], strip[:, HALF_PX + 6 : HALF_PX + 10])
        )
        > MAX_STEM
    ):
        return False
    lacking = 1 - float(np.minimum(core, level).mean()) / level
    if crowded > MAX_CROWDED and (likeness or crowded < 0.95 or lacking > 0.05):
        return False
    limit = MAX_LACKING_SHORT if len(core) < STRONG_PX else MAX_LACKING
    return bool(likeness) or lacking <= limit + 0.25 * noise / level


def _alike(core: Array, side: Array) -> float:
    """Correlation of a stroke's darkness along its course with that beside it: stems of letters reach there."""
    one, two = core - core.mean(), side.mean(axis=1) - side.mean()
    return (
        float(one @ two / max(float(np.sqrt((one @ one) * (two @ two))), 1e-6))
        if side.max() > 0.3 * core.max()
        else 0.0
    )


def _crowded(strip: Array, level: float, noise: float) -> float:
    """Share of a stroke's length with print close to its clearer side."""
    # Beside a thick stroke, beyond its own soft rim.
    thick = _reach(strip, level) if len(strip) >= LONE_PX else (0, 0)
    before, after = (0 if reach < 3 else min(reach, HALF_PX - 9) for reach in thick)
    sides = (
        strip[:, BESIDE[0].start - before : BESIDE[0].stop - before],
        strip[:, BESIDE[1].start + after : BESIDE[1].stop + after],
    )
    limit = _print_limit(level, noise)
    return min(np.count_nonzero(side.max(axis=1) > limit) for side in sides) / len(strip)


def _print_limit(level: float, noise: float) -> float:
    """How dark print beside a stroke is; of six pixels the lightest and the darkest are far apart in noise alone."""
    return max(0.5 * level, 3 * noise)


def _reach(strip: Array, level: float) -> tuple[int, int]:
    """How many pixels a stroke reaches to both sides of its path; (0, 0) where that is too broad for a stroke."""
    # Dark along more than half of it; double strokes are lighter between.
    dark = 2 * np.count_nonzero(strip > 0.6 * level, axis=0) > len(strip)
    before, after = (int(np.argmin(np.append(side, False))) for side in (dark[HALF_PX::-1], dark[HALF_PX:]))
    return (0, 0) if before + after > MAX_THICK_PX else (max(0, before - 1), max(0, after - 1))


def _robust_fit(t: Array, shift: Array) -> Array:
    """Correction of a path as polynomial coefficients (c2, c1, c0); bent only where that fits clearly better."""
    middle = _median(shift)
    near = np.abs(shift - middle) < 3
    if np.count_nonzero(near) < 3:
        return np.array([0, 0, middle])
    line, misfit = _fit(t[near], shift[near], 1)
    if np.ptp(t[near]) > 120:
        bent, bent_misfit = _fit(t[near], shift[near], 2)
        if bent_misfit < 0.7 * misfit - 0.02 and abs(bent[0]) * np.ptp(t[near]) ** 2 / 4 > 0.5:
            return bent
    return np.concatenate([[0.0], line])


def _fit(t: Array, shift: Array, degree: int) -> tuple[Array, float]:
    """Polynomial through points with few outliers: coefficients as for `numpy.polyval`, median misfit."""
    scale = max(float(np.abs(t).max()), 1e-9)
    powers = np.stack([(t / scale) ** power for power in range(degree, -1, -1)], axis=1)
    ridge = 1e-9 * np.eye(degree + 1)
    weighted = powers
    misfit: Array = np.zeros(len(t))
    line: Array = np.zeros(degree + 1)
    for _ in range(3):
        line = np.linalg.solve(weighted.T @ powers + ridge, weighted.T @ shift)
        misfit = np.abs(shift - powers @ line)
        weighted = powers / np.square(1 + 4 * misfit**2)[:, None]  # half a pixel off counts a quarter
    return line / scale ** np.arange(degree, -1, -1), _median(misfit)


def _median(values: Array) -> float:
    """The upper median; of few values `numpy.median` takes ten times as long."""
    return float(np.sort(values)[len(values) // 2])


def _extent(core: Array, noise: float) -> tuple[float, float, float, float]:
    """How far a stroke goes on: length, darkness, period (0: solid), autocorrelation; length 0 where it is none."""
    core = _smoothed(core)
    length, level = _solid_extent(core, noise)
    if length:
        lacking = 1 - float(np.minimum(core[: int(length)], level).mean()) / level
        dotted = _periodic_extent(core, noise) if lacking > MAX_LACKING_SHORT else NO_EXTENT  # run together by the lens
        return dotted if dotted[0] else (length, level, 0.0, 1.0)
    return _periodic_extent(core, noise)


def _smoothed(core: Array) -> Array:
    return np.asarray(np.convolve(np.concatenate([core[:1], core, core[-1:]]), [0.25, 0.5, 0.25], mode="valid"))


def _solid_extent(core: Array, noise: float) -> tuple[float, float]:
    """Length and darkness of a solid stroke; length 0 where it is none."""
    level = _median(core[:60])
    if level <= max(2.5, 0.8 * noise):
        return 0.0, level
    there = core > 0.4 * level
    share = np.cumsum(there) / np.arange(1, len(core) + 1)
    lately = np.convolve(there, np.ones(12) / 12)[: len(core)]
    good = np.flatnonzero((share >= SOLID_SHARE) & (lately >= 0.7))
    length = float(good[-1] + 1) if len(good) else 0.0
    return (length if length >= WEAK_PX else 0.0), level


def _periodic_extent(core: Array, noise: float) -> tuple[float, float, float, float]:
    """Length, darkness, period and autocorrelation of a dotted or dashed stroke; length 0 where it is none."""
    for length in (len(core), 2 * len(core) // 3, len(core) // 2):
        if length < STRONG_PX:
            break
        part = core[:length]
        level = float(np.sort(part)[int(0.9 * length)])
        if level < max(4.0, 1.5 * noise):
            continue
        wave = part - part.mean()
        lags = min(64, length // 4)
        near = np.correlate(np.concatenate([wave, np.zeros(lags - 1)]), wave) / np.arange(length, length - lags, -1)
        likeness = near / max(float(near[0]), 1e-6)
        inner = likeness[3:-1]
        high = (inner > MIN_LIKENESS) & (inner >= likeness[2:-2]) & (inner > likeness[4:])
        if not high.any():
            continue
        # What is alike a few pixels on, and nowhere unlike before, is one long stroke or text that ends somewhere.
        peaks = np.flatnonzero(high & (np.minimum.accumulate(likeness)[3:-1] < MAX_LIKENESS_BETWEEN)) + 3
        if not len(peaks):
            continue
        period = float(peaks[0])
        products = np.correlate(wave, wave, mode="full")[length - 1 :] / np.arange(length, 0, -1)
        # A lag of many periods tells the period more exactly.
        for many in range(2, int(length // 2 / period) + 1):
            around = round(many * period)
            before, peak, after = products[around - 1 : around + 2]
            bend = before - 2 * peak + after
            period = (around + (float(np.clip(0.5 * (before - after) / bend, -1, 1)) if bend < 0 else 0)) / many
        return float(length), level, period, float(likeness[peaks[0]])
    return NO_EXTENT


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
    strip = _strip(sight.dark, u[:count], v[:count], offsets)
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


def _even_shares(steps: Array, index: int) -> list[int]:
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


def _traces(sight: Sight, rule: Rule, u0: float, u1: float, sides: set[int]) -> tuple[Array, Array]:
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
            strip = _strip(sight.dark, u, v, np.arange(-7.0, 8.0))[: count * TRACK_PX]
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
    course: Array
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
        course, misfit = _fit((u - u[0]) / 1000, course_v, 3 if np.ptp(u) > 600 else 2 if np.ptp(u) > 300 else 1)
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
    strip = _strip(sight.dark, u[inside], v[inside], np.arange(-6.0, 7.0))
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
    expected: Array = np.zeros(len(terms))
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
            strip = _strip(sight.dark, u, v, way * offsets, coming.slope)
            lines.append(np.minimum(strip[:, :half].mean(axis=1), strip[:, half:].mean(axis=1)))
            seen &= _strip(sight.hole, u, v, way * offsets, coming.slope).max(axis=1) == 0
        for index, line in enumerate(lines):
            peaks = seen & (line > max(3.0, 0.2 * end.core))
            crossing[index] += int(np.count_nonzero(peaks[1:] & ~peaks[:-1]))
    if not any(crossing):
        return None
    return crossing[1] < 0.5 * crossing[0]
