"""Where the rules that run into a hole go on below it: to their other end, or to the rule or margin they stop at."""

import numpy as np
from numpy.typing import NDArray

from utils.rules import Points, RuleEnd

MIN_LONE_LENGTH_PX = 110  # visible length of a rule that is seen on one side only; more than any stroke of a letter
PARALLEL = 0.9985  # cosine of 3°: perspective and curl turn the rules of a page no more against their neighbours
SAME_SPACING = 1.4  # rows of a table differ less than this; a wider space lies between two tables
MAX_ROW_PX = 400.0  # where no row is seen, a step up to this times `SAME_SPACING` may be one
OVERSHOOT_PX = 14  # a crossing may lie so far outside the hole
DRAWN_OUT_PX = 40.0  # drawn beyond the ends: a thick or grazing rule meets the hole on a long way
NEIGHBOUR_PX = 260  # rules so far aside end where this one ends


def cross(a: Points, b: Points) -> float:
    """The third component of the cross product of two plane vectors."""
    return float(a[0] * b[1] - a[1] * b[0])


def match_ends(ends: list[RuleEnd]) -> list[tuple[RuleEnd, RuleEnd]]:
    """Pairs of ends that are one rule, the likeliest first; each end is in one pair at most.

    A straight rule, or an arc: seen from each end, the other one lies equally far beside the straight continuation and
    on the same side. What is left over is how far the two miss each other.
    """
    costs = []
    for i, a in enumerate(ends):
        for j in range(i):
            b = ends[j]
            chord = b.point - a.point
            gap = float(np.hypot(*chord))
            if gap < 4 or float(a.direction @ b.direction) > -0.97 or float(chord @ a.direction) < 0.97 * gap:
                continue
            from_a, from_b = cross(a.direction, chord), cross(chord, b.direction)
            miss, bend = abs(from_a - from_b) / 2, abs(from_a + from_b) / 2
            short = min(a.length, b.length)
            slack = 2.0 + gap * (0.006 + 1.2 / short)
            if miss > slack or bend > 2 + 0.05 * gap:
                continue
            alike = abs(np.log((a.depth + 0.02) / (b.depth + 0.02))) + abs(np.log((a.width_px + 1) / (b.width_px + 1)))
            if alike > 1.2:
                continue
            costs.append((miss / slack + bend / (2 + 0.05 * gap) + 0.7 * alike, i, j))
    pairs = []
    for _, i, j in sorted(costs):
        if ends[i].partner is None and ends[j].partner is None:
            ends[i].partner, ends[j].partner = ends[j], ends[i]
            pairs.append((ends[i], ends[j]))
    return pairs


def join(a: RuleEnd, b: RuleEnd) -> Points:
    """The course between two ends, `(n, 2)`: tangent to both (a cubic Hermite curve)."""
    gap = float(np.hypot(*(b.point - a.point)))
    t = np.linspace(0, 1, max(2, int(gap / 16) + 2))[:, None]
    h10, h01, h11 = t**3 - 2 * t**2 + t, 3 * t**2 - 2 * t**3, t**3 - t**2
    return (1 - h01) * a.point + h10 * gap * a.direction + h01 * b.point - h11 * gap * b.direction


def lengthened(points: Points, start: bool, stop: bool) -> Points:
    """A course drawn out straight at its start, its stop or both, so that no gap is left at the hole's border."""
    parts = [points]
    if start:
        way = points[0] - points[1]
        parts.insert(0, points[:1] + DRAWN_OUT_PX * way / np.hypot(*way))
    if stop:
        way = points[-1] - points[-2]
        parts.append(points[-1:] + DRAWN_OUT_PX * way / np.hypot(*way))
    return np.concatenate(parts)


def lone_courses(
    ends: list[RuleEnd],
    courses: list[Points],
    segments: NDArray[np.float64],
    hole: NDArray[np.bool_],
) -> list[tuple[RuleEnd, Points]]:
    """Continue the rules that are seen on one side only.

    Such a rule ends below the hole, or it would be seen beyond. It ends at a rule that it meets, the last one of its
    table: a table goes on while its rows repeat, or while rules parallel to this one are seen beside the hole. A rule
    that meets none (ruled paper) ends where its neighbours do.

    Args:
        ends: all ends; those with a partner are left alone.
        courses: of the matched rules, each `(n, 2)`.
        segments: `(n, 4)` of x, y, x, y, edges of strokes beside the hole.
        hole: `(h, w)` bool.

    Returns:
        The lone ends that go on, with their courses.
    """
    lone = [end for end in ends if end.partner is None and end.length >= MIN_LONE_LENGTH_PX]
    exits = [leave(end, hole) for end in lone]
    reach = [distance for distance, _ in exits]
    for _ in range(3):
        reach = [
            last_crossing(end, exits[k][0], [(o, reach[j]) for j, o in enumerate(lone) if j != k], courses, segments)
            for k, end in enumerate(lone)
        ]
    found = []
    for end, distance, (limit, at_border) in zip(lone, reach, exits, strict=True):
        if distance <= 0:
            distance = neighbours_reach(end, segments, hole.shape, limit, at_border)
        if distance > 2:
            found.append((end, np.stack([end.point, end.point + end.direction * distance])))
    return found


def leave(end: RuleEnd, hole: NDArray[np.bool_]) -> tuple[float, bool]:
    """How far a rule runs straight on before it leaves the hole, and whether it leaves through the window's border."""
    height, width = hole.shape
    steps = np.arange(4.0, height + width)
    x, y = np.rint(end.point[:, None] + end.direction[:, None] * steps).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    covered = inside & hole[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    first = int(np.argmin(covered))
    return float(steps[first]), not bool(inside[first])


def last_crossing(
    end: RuleEnd,
    limit: float,
    others: list[tuple[RuleEnd, float]],
    courses: list[Points],
    segments: NDArray[np.float64],
) -> float:
    """How far from the hole's border a lone rule meets the last rule of its table; 0 where it meets none.

    Args:
        end: the rule.
        limit: where it leaves the hole.
        others: the other lone ends, each with how far it is taken to reach.
        courses: of the matched rules.
        segments: edges of strokes beside the hole.
    """
    lines = [(o.point, o.direction, -o.length - OVERSHOOT_PX, far + OVERSHOOT_PX) for o, far in others]
    for course in courses:
        span = course[-1] - course[0]
        length = float(np.hypot(*span))
        lines.append((course[0], span / max(length, 1e-6), -200.0, length + 200.0))
    met = []
    for point, direction, low, high in lines:
        sine = cross(end.direction, direction)
        if abs(sine) < 0.3:
            continue
        along = cross(point - end.point, direction) / sine
        there = cross(point - end.point, end.direction) / sine
        if low <= there <= high and along <= limit + OVERSHOOT_PX:
            met.append((along, point, direction))
    met.sort(key=lambda crossing: crossing[0])
    last_seen = max([along for along, *_ in met if along <= 2] + seen_crossings(end, segments), default=-np.inf)
    met = [crossing for crossing in met if crossing[0] > 2]
    if not met:
        return 0.0
    k = 0
    while k + 1 < len(met):
        step = met[k + 1][0] - met[k][0]
        before = met[k][0] - (met[k - 1][0] if k else last_seen)
        if (
            step > 12
            and step > SAME_SPACING * min(before, MAX_ROW_PX)
            and not seen_between(end, met[k], met[k + 1], segments)
        ):
            break
        k += 1
    return float(met[k][0])


def seen_crossings(end: RuleEnd, segments: NDArray[np.float64]) -> list[float]:
    """Where rules cross the visible part of a rule: distances from the hole's border, 0 and below."""
    if not len(segments):
        return []
    a, b = segments[:, :2] - end.point, segments[:, 2:] - end.point
    turned = np.array([-end.direction[1], end.direction[0]])
    aside_a, aside_b = a @ turned, b @ turned
    lengths = np.hypot(*(b - a).T)
    steep = np.abs(aside_b - aside_a) > 0.9 * lengths
    # A segment ends where it meets another rule: it counts from a little beside.
    reaches = (np.minimum(aside_a, aside_b) < 20) & (np.maximum(aside_a, aside_b) > -20) & (lengths > 60) & steep
    a, b, aside_a, aside_b = a[reaches], b[reaches], aside_a[reaches], aside_b[reaches]
    share = aside_a / (aside_a - aside_b)
    along = (a @ end.direction) * (1 - share) + (b @ end.direction) * share
    return along[(along <= 2) & (along > -end.length - OVERSHOOT_PX)].tolist()


def seen_between(
    end: RuleEnd,
    first: tuple[float, Points, Points],
    second: tuple[float, Points, Points],
    segments: NDArray[np.float64],
) -> bool:
    """Whether beside the hole some rule parallel to `end` leads from the first crossing rule to the second."""
    if not len(segments):
        return False
    a, b = segments[:, :2], segments[:, 2:]
    lengths = np.hypot(*(b - a).T)
    parallel = np.abs(((b - a) @ end.direction) / lengths) > PARALLEL

    def share(points: NDArray) -> NDArray:
        """0 on the first rule to 1 on the second."""
        gaps = []
        for _, point, direction in (first, second):
            gap = direction[0] * (points[:, 1] - point[1]) - direction[1] * (points[:, 0] - point[0])
            gaps.append(gap if direction[0] * end.direction[1] - direction[1] * end.direction[0] > 0 else -gap)
        return np.clip(gaps[0] / np.where(np.abs(gaps[0] - gaps[1]) < 1, 1, gaps[0] - gaps[1]), 0, 1)

    return bool((np.abs(share(a) - share(b))[parallel] > 0.7).any())


def neighbours_reach(
    end: RuleEnd, segments: NDArray[np.float64], shape: tuple[int, ...], limit: float, at_border: bool
) -> float:
    """How far the rules beside a lone rule reach in its direction; 0 where there are none to go by."""
    if not len(segments):
        return 0.0
    a, b = segments[:, :2], segments[:, 2:]
    parallel = np.abs(((b - a) @ end.direction) / np.hypot(*(b - a).T)) > PARALLEL
    a, b = a[parallel] - end.point, b[parallel] - end.point
    along = np.maximum(a @ end.direction, b @ end.direction)
    middle = (a + b) / 2
    aside = end.direction[0] * middle[:, 1] - end.direction[1] * middle[:, 0]
    reaches = []
    for side in (aside, -aside):
        near = (side > 12) & (side < NEIGHBOUR_PX) & (along > 20)
        if near.any():
            nearest = side[near].min()
            reaches.append(float(along[near & (side < nearest + 10)].max()))
    if not reaches:
        return 0.0
    if len(reaches) == 2 and abs(reaches[0] - reaches[1]) > 30 + 0.1 * max(reaches):
        return 0.0
    distance = float(np.mean(reaches))
    if at_border and distance > limit - 24:
        return limit
    return min(distance, limit)
