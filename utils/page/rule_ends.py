"""Ends of rules (the straight or gently bent lines of tables, forms and ruled paper): where they meet a hole.

Only lying rules are looked for: a standing rule is a lying one of the transposed picture. `u` counts pixels along the
rules, `v` across them.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Indices, Mask, Plane, Reals

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
STRONG_PX = 64  # visible length that makes a rule; printed strokes are shorter
GRAZE_PX = 120  # a rule may run so far along the rim of the hole before it enters it
TAIL_PX = 8  # a solid rule is dark in most of its last pixels before the hole
NO_EXTENT = 0.0, 0.0, 0.0, 0.0
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
MIN_LIKENESS = 0.72  # autocorrelation of a dotted rule one period on: 49 of 50 have 0.76 ...
MAX_LIKENESS_BETWEEN = 0.3  # half a period on it is below 0; a solid rule's ripples and half a line of text keep 0.7
MAX_THICK_PX = 16  # thicker strokes are no rules but bars
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

    def points(self, standing: bool) -> Reals:
        """Both ends of the visible part, `(2, 2)` points (x, y) of the window."""
        back = self.side * self.length
        course = np.array([(self.u, self.v), (self.u - back, self.v - self.slope * back)])
        return course[:, ::-1] if standing else course


def find_ends(dark: Plane, hole: Plane, beside: Plane, noise: float) -> list[End]:
    """Ends of rules at both sides of the hole, of those whose direction fits the others'.

    Args:
        dark: `(h, w)` uint8, levels below the paper, 0 in the hole.
        hole, beside: `(h, w)` uint8, 1 in the hole; 1 in it and within a few pixels.
        noise: standard deviation of the grain in levels.
    """
    ends = _ends_before(dark, hole, beside, noise)
    dark, hole, beside = (np.asarray(cv2.flip(array, 1), np.uint8) for array in (dark, hole, beside))
    for end in _ends_before(dark, hole, beside, noise):
        ends.append(replace(end, u=dark.shape[1] - 1 - end.u, slope=-end.slope, side=-1))
    return _agreeing(ends)


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
        line, _ = fit_polynomial(v[chosen] / 1000, slope[chosen], 1)
    return [end for end in ends if abs(end.slope - np.polyval(line, end.v / 1000)) < 0.02 + 1.5 / end.length]


def _ends_before(dark: Plane, hole: Plane, beside: Plane, noise: float) -> list[End]:
    """Ends of rules that meet the hole at larger u."""
    v, block, slope = _candidates(dark, hole, noise)
    if not len(v):
        return []
    # Each begins at the last pixel of its row before the hole, which the next block meets.
    start = (block + 1) * BLOCK_PX
    u = start + hole[v[:, None], start[:, None] + np.arange(BLOCK_PX)].argmax(axis=1) - 1
    at_u = v + slope * (u - (block + 0.5) * BLOCK_PX)
    ends: list[End] = []
    for index in _worth_following(dark, hole, u, at_u, slope, noise):
        rough = End(float(start[index]), v[index] + slope[index] * BLOCK_PX / 2, float(slope[index]), 1, 0, 0)
        if any(_same(rough, other) for other in ends):
            continue
        end = _trace(dark, hole, beside, int(u[index]), float(at_u[index]), float(slope[index]), noise)
        if end is not None and not any(_same(end, other) for other in ends):
            ends.append(end)
    return ends


def _candidates(dark: Plane, hole: Plane, noise: float) -> tuple[Indices, Indices, Reals]:
    """Dark rows before the hole, those first that keep their darkness best in some direction.

    Returns:
        `(n,)` arrays: the row, the last block of `BLOCK_PX` before the hole, dv/du.
    """
    none = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    height, width = dark.shape
    blocks = width // BLOCK_PX
    if blocks < 3 or height < 5:
        return none
    size = blocks, height
    wide = blocks * BLOCK_PX
    rows = cv2.resize(dark[:, :wide], size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # A block counts as seen only when all of it is: its eight pixels of one byte, read as one number, are 0.
    seen = np.ascontiguousarray(hole[:, :wide]).view(np.uint64) == 0
    rows = cv2.GaussianBlur(rows, (1, 3), sigmaX=0, sigmaY=0.8)
    if not seen.any():
        return none
    floor = float(np.median(rows[::4][seen[::4]])) if seen[::4].any() else 0.0
    threshold = floor + max(2.5, 0.8 * noise)
    last = np.zeros_like(seen)
    last[:, :-1] = seen[:, :-1] & ~seen[:, 1:]
    v, b = np.divmod(np.flatnonzero(last[3:-3]), blocks)
    v = v + 3
    keep = b >= 2
    v, b = v[keep], b[keep]
    if not len(v):
        return none
    near = (rows[v, b] + rows[v, b - 1] + rows[v, b - 2]) / 3
    dark_rows = near > threshold
    v, b, near = v[dark_rows], b[dark_rows], near[dark_rows]
    if not len(v):
        return none
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
    chosen: list[int] = []
    near_tried = np.zeros(seen.shape, bool)
    for index in np.argsort(-value, kind="stable").tolist():
        if value[index] < 0.7 * (threshold - floor) or len(chosen) >= MAX_CANDIDATES:
            break
        if near_tried[v[index], b[index]]:
            continue
        chosen.append(index)
        near_tried[v[index] - 2 : v[index] + 3, max(0, b[index] - 3) : b[index] + 4] = True
    return v[chosen], b[chosen], slopes[best[chosen]]


def _worth_following(
    dark: Plane,
    hole: Plane,
    u: Indices,
    v: Reals,
    slope: Reals,
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
    strips = strip_along(dark, at_u.ravel(), at_v.ravel(), offsets).T.reshape(len(offsets), *at_u.shape)
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


def strip_along(picture: AnyArray, u: AnyArray, v: AnyArray, offsets: AnyArray, slant: float = 0.0) -> Floats:
    """The picture along a path: `(len(u), len(offsets))` float32, contiguous along the path; `slant` is du/dv."""
    across = offsets.astype(np.float32)[:, None]
    ys = across + v.astype(np.float32)
    xs = across * np.float32(slant) + u.astype(np.float32)
    # Most of what is asked of a strip is asked along the path.
    return cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32).T


def _trace(
    dark: Plane,
    hole: Plane,
    beside: Plane,
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
        strip = strip_along(dark, u_end - t, centre, offsets)
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


def _middle(strip: Reals, offsets: Reals, period: float) -> float:
    """Offset of the middle of a stroke and of what runs beside it within `DOUBLE_PX`."""
    # What is print beside the rule is light in places.
    profile = strip.mean(axis=0) if period else np.sort(strip, axis=0)[len(strip) // 5]
    middle = len(profile) // 2
    peak = float(profile[middle - 2 : middle + 3].max())
    keep = belonging(profile, peak, DOUBLE_PX)
    weight = np.where(keep, np.maximum(profile, 0), 0)
    return float((weight * offsets).sum() / max(float(weight.sum()), 1e-6))


def belonging(profile: AnyArray, peak: float, gap: int) -> Mask:
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


def _is_even(strip: Reals, core: Reals, level: float, likeness: float, noise: float) -> bool:
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


def _alike(core: Reals, side: Reals) -> float:
    """Correlation of a stroke's darkness along its course with that beside it: stems of letters reach there."""
    one, two = core - core.mean(), side.mean(axis=1) - side.mean()
    return (
        float(one @ two / max(float(np.sqrt((one @ one) * (two @ two))), 1e-6))
        if side.max() > 0.3 * core.max()
        else 0.0
    )


def _crowded(strip: Reals, level: float, noise: float) -> float:
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


def _reach(strip: Reals, level: float) -> tuple[int, int]:
    """How many pixels a stroke reaches to both sides of its path; (0, 0) where that is too broad for a stroke."""
    # Dark along more than half of it; double strokes are lighter between.
    dark = 2 * np.count_nonzero(strip > 0.6 * level, axis=0) > len(strip)
    before, after = (int(np.argmin(np.append(side, False))) for side in (dark[HALF_PX::-1], dark[HALF_PX:]))
    return (0, 0) if before + after > MAX_THICK_PX else (max(0, before - 1), max(0, after - 1))


def _robust_fit(t: Reals, shift: Reals) -> Reals:
    """Correction of a path as polynomial coefficients (c2, c1, c0); bent only where that fits clearly better."""
    middle = _median(shift)
    near = np.abs(shift - middle) < 3
    if np.count_nonzero(near) < 3:
        return np.array([0, 0, middle])
    line, misfit = fit_polynomial(t[near], shift[near], 1)
    if np.ptp(t[near]) > 120:
        bent, bent_misfit = fit_polynomial(t[near], shift[near], 2)
        if bent_misfit < 0.7 * misfit - 0.02 and abs(bent[0]) * np.ptp(t[near]) ** 2 / 4 > 0.5:
            return bent
    return np.concatenate([[0.0], line])


def fit_polynomial(t: Reals, shift: Reals, degree: int) -> tuple[Reals, float]:
    """Polynomial through points with few outliers: coefficients as for `numpy.polyval`, median misfit."""
    scale = max(float(np.abs(t).max()), 1e-9)
    powers = np.stack([(t / scale) ** power for power in range(degree, -1, -1)], axis=1)
    ridge = 1e-9 * np.eye(degree + 1)
    weighted = powers
    misfit: Reals = np.zeros(len(t))
    line: Reals = np.zeros(degree + 1)
    for _ in range(3):
        line = np.linalg.solve(weighted.T @ powers + ridge, weighted.T @ shift)
        misfit = np.abs(shift - powers @ line)
        weighted = powers / np.square(1 + 4 * misfit**2)[:, None]  # half a pixel off counts a quarter
    return line / scale ** np.arange(degree, -1, -1), _median(misfit)


def _median(values: Reals) -> float:
    """The upper median; of few values `numpy.median` takes ten times as long."""
    return float(np.sort(values)[len(values) // 2])


def _extent(core: Reals, noise: float) -> tuple[float, float, float, float]:
    """How far a stroke goes on: length, darkness, period (0: solid), autocorrelation; length 0 where it is none."""
    core = _smoothed(core)
    length, level = _solid_extent(core, noise)
    if length:
        lacking = 1 - float(np.minimum(core[: int(length)], level).mean()) / level
        dotted = _periodic_extent(core, noise) if lacking > MAX_LACKING_SHORT else NO_EXTENT  # run together by the lens
        return dotted if dotted[0] else (length, level, 0.0, 1.0)
    return _periodic_extent(core, noise)


def _smoothed(core: Reals) -> Reals:
    return np.asarray(np.convolve(np.concatenate([core[:1], core, core[-1:]]), [0.25, 0.5, 0.25], mode="valid"))


def _solid_extent(core: Reals, noise: float) -> tuple[float, float]:
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


def _periodic_extent(core: Reals, noise: float) -> tuple[float, float, float, float]:
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
