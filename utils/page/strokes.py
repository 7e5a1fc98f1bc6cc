"""What a rule looks like where it is seen, and drawing it with that look where it is not.

A stroke is a cross profile in shares of the paper's light, so that it keeps its colour where the light changes; that of
a dotted or dashed rule also has a length, one period, and is brought into step with both visible ends.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Indices, Mask, Reals
from utils.page.rule_ends import DOUBLE_PX, HALF_PX, End, belonging
from utils.page.rules import Rule

PROFILE_STEP = 0.5  # pixels between the samples of a profile
OVERLAP_PX = 60  # a rule is drawn so far back over its visible part (of which nothing changes)
CLEAR_PX = 12  # a profile is measured where the hole is farther aside
PROFILE_PX = 160  # length over which a stroke is measured


@dataclass(frozen=True)
class Stroke:
    """What a rule looks like.

    Attributes:
        shade: `(m, n, 3)` float32, share of the paper's light that is missing, over one period along (one row: solid)
            and from -`HALF_PX` to `HALF_PX` across in steps of `PROFILE_STEP`.
        period: length of the pattern in pixels, 0 for a solid rule.
    """

    shade: Floats
    period: float = 0.0


def draw_rules(window: Image, hole: Mask, tone: Floats, rules: list[Rule]) -> Floats:
    """What the rules take of the paper's light; crossings are drawn once.

    Args:
        window: `(h, w, 3)` uint8.
        hole: `(h, w)` bool.
        tone: `(h, w, 3)` float32, the bare paper.
        rules: to draw, from one visible end or between two.

    Returns:
        `(h, w, 3)` float32, 0 where there is no rule and 1 where no light is left.
    """
    ink = np.zeros_like(tone)
    for rule in rules:
        turn = (1, 0, 2) if rule.standing else (0, 1, 2)
        seen, paper = window.transpose(turn), tone.transpose(turn)
        strokes = [measure_stroke(seen, hole.transpose(turn[:2]), paper, end) for end in rule.ends]
        _draw(ink.transpose(turn), rule, strokes)
    return ink


def measure_stroke(window: Image, hole: Mask, tone: Floats, end: End) -> Stroke:
    """What a rule looks like where it is seen, beside the hole.

    Args:
        window, hole, tone: `(h, w, 3)`, `(h, w)` and `(h, w, 3)`, the rule lying in them.
        end: where.
    """
    t = np.arange(2.0, max(end.length, 4))
    u = end.u - end.side * t
    # Where the rule runs along the rim of the hole, not all of its strip is seen.
    rows = np.clip(np.rint(end.v + end.slope * (u - end.u)), 0, hole.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(u), 0, hole.shape[1] - 1).astype(int)
    below, above = (np.clip(rows + off, 0, hole.shape[0] - 1) for off in (CLEAR_PX, -CLEAR_PX))
    clear = ~(hole[below, columns] | hole[above, columns] | hole[rows, columns])
    if np.count_nonzero(clear) >= 12:
        t = t[clear]
    t = t[:PROFILE_PX]
    u = end.u - end.side * t
    v = end.v + end.slope * (u - end.u)
    offsets = np.arange(-HALF_PX, HALF_PX + PROFILE_STEP / 2, PROFILE_STEP)
    u0, v0 = int(max(0, u.min() - 3)), int(max(0, v.min() - HALF_PX - 3))
    part = np.s_[v0 : int(v.max()) + HALF_PX + 4, u0 : int(u.max()) + 4]
    xs = np.repeat((u - u0)[:, None], len(offsets), 1).astype(np.float32)
    ys = ((v - v0)[:, None] + offsets).astype(np.float32)
    colour = cv2.remap(np.ascontiguousarray(window[part]), xs, ys, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    paper = cv2.remap(np.ascontiguousarray(tone[part]), xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shade = 1 - colour.astype(np.float32) / np.maximum(paper, 8)
    if not end.period:
        # Print beside the rule darkens less than half of its length.
        return Stroke(_trimmed(np.sort(shade, axis=0)[int(0.4 * len(shade))])[None])
    bins = max(4, round(end.period / PROFILE_STEP))
    # The pattern starts at the end itself and is counted into the hole.
    place = (-t / end.period % 1) * bins
    low = place.astype(int) % bins
    part_high = (place % 1)[:, None, None]
    pattern = np.zeros((bins, len(offsets), 3))
    weight = np.full((bins, 1, 1), 1e-6)
    for index, share in ((low, 1 - part_high), ((low + 1) % bins, part_high)):
        np.add.at(pattern, index, shade * share)
        np.add.at(weight, index, share)
    pattern = (pattern / weight).astype(np.float32)
    mean = pattern.mean(axis=0)
    return Stroke(np.where((_trimmed(mean) != 0).any(axis=1)[:, None], pattern, 0), end.period)


def _trimmed(profile: AnyArray) -> Floats:
    """The profile `(n, 3)` without its ground and without what does not belong to the stroke in its middle."""
    flank = int(4 / PROFILE_STEP)
    base = np.minimum(np.median(profile[:flank], axis=0), np.median(profile[-flank:], axis=0))
    profile = profile - base
    strength = profile.mean(axis=1)
    keep = belonging(strength, float(strength.max()), int((DOUBLE_PX + 1) / PROFILE_STEP))
    soft = int(2.5 / PROFILE_STEP)  # a stroke's blurred rim
    keep = np.convolve(keep, np.ones(2 * soft + 1), mode="same") > 0
    return np.where(keep[:, None], profile, 0).astype(np.float32)


def _draw(shade: Floats, rule: Rule, strokes: list[Stroke]) -> None:
    """Draw one lying rule into `shade`; where something is darker already, that stays."""
    height, width = shade.shape[:2]
    # At a visible end the drawing overlaps what is seen: a rim that cuts the rule at an angle leaves no notch.
    first, last = rule.u0, rule.u1
    for end in rule.ends:
        first, last = (first - OVERLAP_PX, last) if end.side > 0 else (first, last + OVERLAP_PX)
    u = np.arange(max(0, int(np.ceil(first))), min(width - 1, int(last)) + 1)
    if not len(u):
        return
    v = rule.at(u)
    rows = np.rint(v).astype(int)[:, None] + np.arange(-HALF_PX + 1, HALF_PX)
    place = np.clip((rows - v[:, None] + HALF_PX) / PROFILE_STEP, 0, strokes[0].shade.shape[1] - 1.001)
    share = np.clip((u - rule.u0) / (rule.u1 - rule.u0), 0, 1)[:, None, None].astype(np.float32)
    phases = _phases(rule, strokes, u)
    layers = [_sampled(stroke, phase, place) for stroke, phase in zip(strokes, phases, strict=True)]
    drawn = layers[0] if len(layers) == 1 else layers[0] * (1 - share) + layers[1] * share
    inside = (rows >= 0) & (rows < height)
    at = rows[inside], np.broadcast_to(u[:, None], rows.shape)[inside]
    shade[at] = np.maximum(shade[at], drawn[inside])


def _phases(rule: Rule, strokes: list[Stroke], u: Indices) -> list[Reals]:
    """For each stroke the place in its pattern, in periods, at each `u`; two patterns are brought into step."""
    periods = [stroke.period for stroke in strokes]
    own = [(u - end.u) * end.side / max(stroke.period, 1) for end, stroke in zip(rule.ends, strokes, strict=True)]
    if len(strokes) < 2 or not all(periods):
        return own
    # Seen along u, the second pattern runs backwards; `lag` of it brings it onto the first.
    first = strokes[0].shade.mean(axis=(1, 2))
    second = strokes[1].shade.mean(axis=(1, 2))
    t = np.arange(0, 1, 1 / 64)
    one = np.interp(t, np.arange(len(first)) / len(first), first, period=1)
    two = np.interp(-t % 1, np.arange(len(second)) / len(second), second, period=1)
    likeness = np.fft.ifft(np.fft.fft(one) * np.fft.fft(two).conj()).real
    lag = float(likeness.argmax()) / 64
    length = rule.u1 - rule.u0
    # Whole number of periods from the first end to the second, up to the lag that was seen.
    count = round(length / float(np.mean(periods)) - lag) + lag
    if count < 0.5:
        return own
    run = (u - rule.u0) / length * count
    return [run, lag - run]


def _sampled(stroke: Stroke, phase: Reals, place: Reals) -> Floats:
    """The stroke's shade `(len(phase), n, 3)` at places across it."""
    across = place.astype(int)
    part = (place - across)[..., None].astype(np.float32)
    if len(stroke.shade) == 1:
        return stroke.shade[0][across] * (1 - part) + stroke.shade[0][across + 1] * part
    bins = len(stroke.shade)
    along = phase % 1 * bins
    low = along.astype(int) % bins
    share = (along % 1)[:, None, None].astype(np.float32)
    rows = stroke.shade[low] * (1 - share) + stroke.shade[(low + 1) % bins] * share
    index = np.arange(len(phase))[:, None]
    return rows[index, across] * (1 - part) + rows[index, across + 1] * part
