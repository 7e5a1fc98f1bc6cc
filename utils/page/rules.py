"""Rules (the straight or gently bent lines of tables, forms and ruled paper) that run into a hole, and how they go on.

Ends that face each other across the hole make a rule; so does one end and what stops it; and so does the even spacing
of the others. What an end and a rule are, `rule.py` says.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from utils.arrays import Mask, Plane
from utils.page.rule import LONE_PX, STRONG_PX, End, Rule, Sight
from utils.page.rule_ends import find_ends
from utils.page.rule_pairs import join_ends, pair_ends, walk
from utils.page.rule_rows import find_repeated
from utils.page.rule_stops import find_meeting, has_just_passed, is_absent, make_ray, stops_rules, straighten
from utils.page.rule_tracks import Track, bend_like, find_common_end, follow_neighbours

BESIDE_PX = 4  # so near the hole a pixel counts as beside it
MIN_ACROSS = 3  # ends that tell a family's direction
MAX_LEAN = 0.17  # 10 degrees, which perspective may turn the families against each other
MIN_RULE_PX = 3.0  # a shorter one is not drawn


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
    near_hole = cv2.dilate(covered, np.ones((2 * BESIDE_PX + 1,) * 2, np.uint8))
    lying = Sight(cv2.bitwise_and(dark, dark, mask=1 - covered), covered, near_hole, surface, noise, page)
    sights = lying, lying.transposed()
    ends = find_ends(sights)
    pairs = [pair_ends(sight, *both) for sight, both in zip(sights, (ends, ends[::-1]), strict=True)]
    rules = [join_ends(bool(standing), *pair) for standing, (joined, _) in enumerate(pairs) for pair in joined]
    single = [(bool(standing), end) for standing, (_, rest) in enumerate(pairs) for end in rest]
    rules += _continue_single(sights, ends, rules, _drop_leaning(single, ends))
    for standing, sight in enumerate(sights):
        rules += find_repeated(sight, [rule for rule in rules if rule.standing == bool(standing)])
    return rules


def _drop_leaning(single: list[tuple[bool, End]], families: Sequence[list[End]]) -> list[tuple[bool, End]]:
    """The ends without a counterpart that stand across the other family: a long stroke of a letter does not."""
    upright = []
    for standing, end in single:
        slopes = [other.slope for other in families[not standing] if other.length >= STRONG_PX]
        # Turned by the same angle, the two families' slopes are each other's opposite.
        if len(slopes) < MIN_ACROSS or abs(end.slope + float(np.median(slopes))) < MAX_LEAN:
            upright.append((standing, end))
    return upright


def _continue_single(
    sights: tuple[Sight, Sight], families: Sequence[list[End]], rules: list[Rule], single: list[tuple[bool, End]]
) -> list[Rule]:
    """Continue ends without a counterpart to the rule they end at, to a border, or not at all.

    Args:
        sights, families: the view of the lying and of the standing rules, and all ends of each.
        rules: that are known.
        single: the ends, and whether each is of a standing rule.
    """
    single = [(standing, straighten(end, families[standing])) for standing, end in single]
    ways = [walk(sights[standing], end) for standing, end in single]
    rays = [make_ray(standing, end, u) for (standing, end), (u, _) in zip(single, ways, strict=True)]
    tracks: dict[tuple[bool, int], list[Track]] = {}
    continued = []
    for (standing, end), (u_exit, kind), ray in zip(single, ways, rays, strict=True):
        sight, across = sights[standing], sights[not standing]
        passed = [rule for rule in rules if rule.standing != standing and has_just_passed(end, rule)]
        if any(stops_rules(across, rule, end) for rule in passed):
            continue
        u_stop = _find_stop(across, end, _list_crossings(ray, rules, rays), u_exit if kind != "seen" else None)
        if end.length >= LONE_PX and (u_stop is None or u_stop == u_exit):
            side = standing, end.side
            if side not in tracks:
                alike = [other for turned, other in single if (turned, other.side) == side]
                tracks[side] = follow_neighbours(sight, alike, families[standing])
            common = find_common_end(tracks[side], end, u_exit)
            if common is not None:
                u_stop = common
            elif u_stop is None and _may_go_on(sight, end, u_exit, kind):
                u_stop = u_exit
        if u_stop is not None and abs(u_stop - end.u) >= MIN_RULE_PX:
            continued.append(bend_like(make_ray(standing, end, u_stop), tracks.get((standing, end.side), [])))
    return continued


def _list_crossings(ray: Rule, rules: list[Rule], rays: list[Rule]) -> list[tuple[float, Rule]]:
    """Where along a ray it meets rules of the other family, and which."""
    crossings = [(find_meeting(ray, rule), rule) for rule in rules if rule.standing != ray.standing]
    # The corner of a table: two ends that stop at each other.
    crossings += [
        (find_meeting(ray, other), other)
        for other in rays
        if other.standing != ray.standing and find_meeting(other, ray) is not None
    ]
    return [(u, rule) for u, rule in crossings if u is not None]


def _find_stop(across: Sight, end: End, crossings: list[tuple[float, Rule]], u_border: float | None) -> float | None:
    """Where an end stops on its way through the hole: at the first rule that stops rules, else at the last crossing.

    Args:
        across: the view of the other family.
        end: the end.
        crossings: with the rules of that family.
        u_border: where the way leaves the photo or the surface, if it does: past a rule that stops none it goes there.

    Returns:
        None where it crosses nothing.
    """
    u_stop = None
    for u, rule in sorted(crossings, key=lambda crossing: end.side * crossing[0]):
        stops = stops_rules(across, rule, end)
        u_stop = u_border if stops is False and u_border is not None else u
        if stops:
            break
    return u_stop


def _may_go_on(sight: Sight, end: End, u_exit: float, kind: str) -> bool:
    """Whether a rule that nothing stops goes on through the hole.

    On a desk nothing goes on unseen: what is dark there may be the shadow of the page's edge.
    """
    return sight.surface_of(end) == sight.page and not (kind == "seen" and is_absent(sight, end, u_exit))
