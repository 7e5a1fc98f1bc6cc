"""Rules that the even spacing of the others predicts and that print hides beside the hole, but for traces."""

import itertools

import numpy as np

from utils.arrays import Reals
from utils.page.rule import EDGE_PX, TRACE_PX, Rule, Sight, read_strip

MIN_RULES = 3  # that tell a spacing
MIN_PITCH_PX = 30  # rules nearer each other are no rows
PITCH_SHARE = 0.05  # spacings within this share of each other are even
COMPARED_STEPS = 3  # steps before and behind one that it must be even with
MAX_HIDDEN = 3  # rules between two that are seen
MAX_BEYOND = 3  # rules beyond the last that is seen
MIN_HIDDEN_PX = 20  # a hidden part that is shorter is left alone
MAX_SPLIT = 1.15  # from first to last hidden pixel over hidden pixels: more is a hole in two parts
TRACE_BLOCK_PX = 16  # traces are looked for in steps so long: letters average out
MIN_TRACES = 4  # steps in which a predicted rule is seen
TRACE_START_PX = 4.0  # traces begin so far from the hole
ROW_STRIP_PX = 7  # so far aside of a predicted rule it is looked: text stands that near its rule
CORE_COLUMNS = slice(ROW_STRIP_PX - 1, ROW_STRIP_PX + 2)  # of that strip: the rule itself
ASIDE_COLUMNS = ((1, 3), (10, 12))  # first columns of two pairs on each side of that strip: the lighter pair counts
CLEAR_SHARE = 0.6  # of a seen rule's darkness: where it is darker beside the predicted one, print hides it
TRACE_SHARE = 0.5  # of a seen rule's darkness: what is darker is a trace
TRACE_BARE_SHARE = 0.3  # of a seen rule's darkness: what is lighter is bare paper, where there is no rule
MAX_BARE_PER_TRACE = 0.3  # bare steps for each trace that still leave a rule
SLOPE_PX = 4  # so far to both sides a rule's slope is taken


def find_repeated(sight: Sight, rules: list[Rule]) -> list[Rule]:
    """Rules that stand in a row with others.

    Args:
        sight: the family's view.
        rules: of the family.
    """
    if len(rules) < MIN_RULES:
        return []
    middle = float(np.mean([(rule.u0 + rule.u1) / 2 for rule in rules]))
    rules = sorted(rules, key=lambda rule: float(rule.at(middle)))
    steps = np.diff([float(rule.at(middle)) for rule in rules])
    repeated: list[Rule] = []
    for index, (one, two) in enumerate(itertools.pairwise(rules)):
        for count in _list_even_shares(steps, index):
            between = [_predict(sight, one, two, step / count) for step in range(1, count)]
            if any(between):
                repeated += [rule for rule in between if rule is not None]
                break
    for one, two, index in ((rules[1], rules[0], 0), (rules[-2], rules[-1], len(steps) - 1)):
        for count in _list_even_shares(steps, index):
            further = (_predict(sight, one, two, 1 + beyond / count) for beyond in range(1, MAX_BEYOND + 1))
            visible = list(itertools.takewhile(bool, further))
            if visible:
                repeated += [rule for rule in visible if rule is not None]
                break
    return repeated


def _list_even_shares(steps: Reals, index: int) -> list[int]:
    """Into how many equal parts a step may be cut, so that one of the steps nearby is a multiple of a part."""
    others = np.delete(steps, index)[max(0, index - COMPARED_STEPS) : index + COMPARED_STEPS]
    shares = []
    for count in range(1, MAX_HIDDEN + 2):
        share_px = steps[index] / count
        if share_px < MIN_PITCH_PX:
            break
        multiple = np.rint(others / share_px)
        possible = (multiple >= 1) & (multiple <= MAX_HIDDEN + 1)
        if (possible & (np.abs(others - multiple * share_px) < PITCH_SHARE * share_px)).any():
            shares.append(count)
    return shares


def _predict(sight: Sight, one: Rule, two: Rule, share: float) -> Rule | None:
    """The rule at a share of the way from one to another, where it is seen between what hides it; else None."""
    rule = _place(sight, one, two, share)
    if rule is None:
        return None
    core, aside = _read_traces(sight, one, one.u0, one.u1, {end.side for end in one.ends})
    usual = float(np.median(core - aside)) if len(core) else 0.0
    if usual < sight.least_darkness:
        return None
    core, aside = _read_traces(sight, rule, rule.u0, rule.u1, {end.side for known in (one, two) for end in known.ends})
    clear = aside < CLEAR_SHARE * usual
    traces = int(np.count_nonzero(clear & (core - aside > TRACE_SHARE * usual)))
    bare = int(np.count_nonzero(clear & (core - aside < TRACE_BARE_SHARE * usual)))
    return rule if traces >= MIN_TRACES and bare < MAX_BARE_PER_TRACE * traces else None


def _place(sight: Sight, one: Rule, two: Rule, share: float) -> Rule | None:
    """The hidden part of a rule at a share of the way from one to another; None where there is none in one piece."""
    height, width = sight.hole.shape
    u = np.arange(width, dtype=np.float64)
    v = (1 - share) * one.at(u) + share * two.at(u)
    inside = (v > EDGE_PX) & (v < height - EDGE_PX - 1)
    row = np.clip(np.rint(v), 0, height - 1).astype(int)
    covered = np.flatnonzero((sight.hole[row, np.arange(width)] > 0) & inside)
    if len(covered) < MIN_HIDDEN_PX or np.ptp(covered) > MAX_SPLIT * len(covered):
        return None
    u0, u1 = float(covered[0]), float(covered[-1])
    sides = {end.side for rule in (one, two) for end in rule.ends}
    # Where neither neighbour comes out of the hole, this one ends with them.
    if 1 not in sides:
        u0 = max(u0, (1 - share) * one.u0 + share * two.u0)
    if -1 not in sides:
        u1 = min(u1, (1 - share) * one.u1 + share * two.u1)
    if u1 - u0 < MIN_HIDDEN_PX:
        return None
    v0, v1 = (float(v[round(end)]) for end in (u0, u1))
    slope0, slope1 = (
        float((1 - share) * _measure_slope(one, end) + share * _measure_slope(two, end)) for end in (u0, u1)
    )
    return Rule(one.standing, u0, v0, slope0, u1, v1, slope1, one.ends)


def _measure_slope(rule: Rule, u: float) -> float:
    return float(rule.at(u + SLOPE_PX) - rule.at(u - SLOPE_PX)) / (2 * SLOPE_PX)


def _read_traces(sight: Sight, rule: Rule, u0: float, u1: float, sides: set[int]) -> tuple[Reals, Reals]:
    """Mean darkness in a rule's path and beside it, in steps of `TRACE_BLOCK_PX` to the given sides of the hole.

    Beside it is where it is lightest within a few pixels, on the darker side.
    """
    height, width = sight.hole.shape
    steps = np.arange(TRACE_START_PX, TRACE_PX + TRACE_START_PX)
    core, aside = [], []
    for side in sides:
        u = u0 - steps if side > 0 else u1 + steps
        v = rule.at(u)
        inside = (u >= 0) & (u < width) & (v > EDGE_PX) & (v < height - EDGE_PX - 1)
        usable = inside.copy()
        usable[inside] = sight.near_hole[np.rint(v[inside]).astype(int), u[inside].astype(int)] == 0
        u, v = u[usable], v[usable]
        count = len(u) // TRACE_BLOCK_PX
        if count:
            strip = read_strip(sight.dark, u, v, np.arange(-ROW_STRIP_PX, ROW_STRIP_PX + 1.0))[: count * TRACE_BLOCK_PX]
            blocks = strip.reshape(count, TRACE_BLOCK_PX, -1).mean(axis=1)
            before, after = (
                np.minimum(blocks[:, i : i + 2].mean(axis=1), blocks[:, j : j + 2].mean(axis=1))
                for i, j in ASIDE_COLUMNS
            )
            core.append(blocks[:, CORE_COLUMNS].mean(axis=1))
            aside.append(np.maximum(before, after))
    return (np.concatenate(core), np.concatenate(aside)) if core else (np.zeros(0), np.zeros(0))
