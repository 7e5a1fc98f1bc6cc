"""What a rule looks like where it is seen, and drawing it with that look where it is not.

A stroke is a cross profile in shares of the paper's light, so that it keeps its colour where the light changes; that of
a dotted or dashed rule also has a length, one period, and is brought into step with both visible ends.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Indices, Mask, Reals
from utils.page.rule import DOUBLE_PX, HALF_PX, End, Rule, find_stroke

PROFILE_STEP = 0.5  # pixels between the samples of a profile
PROFILE_PX = 160  # length over which a stroke is measured
STROKE_START_PX = 2.0  # so far before the hole measuring begins: the occluder's soft edge
ASIDE_CLEAR_PX = 12  # a profile is measured where the hole is farther aside
MIN_CLEAR_PX = 12  # of such length; with less of it the whole stroke counts
MIN_PAPER_LEVELS = 8.0  # paper that is darker than this has no shares
SOLID_RANK = 0.4  # of the darkness along a solid stroke: print beside it darkens less than half of its length
MIN_BINS = 4  # samples of a pattern
MIN_BIN_WEIGHT = 1e-6  # of a pattern's bin: with less nothing was seen of it
GROUND_PX = 4  # at both ends of a profile: the ground
SOFT_PX = 2.5  # a stroke's blurred rim
OVERLAP_PX = 60  # a rule is drawn so far back over its visible part: a rim that cuts it at an angle leaves no notch
LAGS = 64  # of a period that are tried to bring two patterns into step
MIN_PERIODS = 0.5  # between two ends; with less each pattern is drawn on its own

PROFILE_OFFSETS = np.arange(-HALF_PX, HALF_PX + PROFILE_STEP / 2, PROFILE_STEP)  # of a profile's samples


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


def draw_rules(
    window: Image, hole: Mask, tone: Floats, rules: list[Rule], area: tuple[slice, slice] | None = None
) -> Floats:
    """What the rules take of the paper's light; crossings are drawn once.

    Args:
        window: `(h, w, 3)` uint8.
        hole: `(h, w)` bool.
        tone: `(h, w, 3)` float32, the bare paper.
        rules: to draw, from one visible end or between two.
        area: the rows and columns that are asked for; None for all.

    Returns:
        `(h, w, 3)` float32, of the area, 0 where there is no rule and 1 where no light is left.
    """
    ink = np.zeros_like(tone if area is None else tone[area])
    corner = (0, 0) if area is None else (area[0].start, area[1].start)
    for rule in rules:
        turn = (1, 0, 2) if rule.standing else (0, 1, 2)
        picture, paper = window.transpose(turn), tone.transpose(turn)
        strokes = [measure_stroke(picture, hole.transpose(turn[:2]), paper, end) for end in rule.ends]
        _draw(ink.transpose(turn), corner[::-1] if rule.standing else corner, rule, strokes)
    return ink


def measure_stroke(window: Image, hole: Mask, tone: Floats, end: End) -> Stroke:
    """What a rule looks like where it is seen, beside the hole.

    Args:
        window, hole, tone: `(h, w, 3)`, `(h, w)` and `(h, w, 3)`, the rule lying in them.
        end: where.
    """
    back = _choose_places(hole, end)
    shade = _read_shade(window, tone, end, back)
    if not end.period:
        return Stroke(_trim(np.sort(shade, axis=0)[int(SOLID_RANK * len(shade))])[None])
    pattern = _fold(shade, back, end.period)
    across = (_trim(pattern.mean(axis=0)) != 0).any(axis=1)
    return Stroke(np.where(across[:, None], pattern, 0), end.period)


def _choose_places(hole: Mask, end: End) -> Reals:
    """Where along a rule it is measured, in pixels back from its end.

    Where it runs along the rim of the hole, not all of its strip is seen.
    """
    back = np.arange(STROKE_START_PX, max(end.length, 4))
    u = end.u - end.side * back
    rows = np.clip(np.rint(end.v + end.slope * (u - end.u)), 0, hole.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(u), 0, hole.shape[1] - 1).astype(int)
    below, above = (np.clip(rows + off, 0, hole.shape[0] - 1) for off in (ASIDE_CLEAR_PX, -ASIDE_CLEAR_PX))
    clear = ~(hole[below, columns] | hole[above, columns] | hole[rows, columns])
    return (back[clear] if np.count_nonzero(clear) >= MIN_CLEAR_PX else back)[:PROFILE_PX]


def _read_shade(window: Image, tone: Floats, end: End, back: Reals) -> Floats:
    """Share of the paper's light that is missing along and across a rule, `(len(back), len(PROFILE_OFFSETS), 3)`."""
    u = end.u - end.side * back
    v = end.v + end.slope * (u - end.u)
    u0, v0 = int(max(0, u.min() - 3)), int(max(0, v.min() - HALF_PX - 3))
    area = np.s_[v0 : int(v.max()) + HALF_PX + 4, u0 : int(u.max()) + 4]
    xs = np.repeat((u - u0)[:, None], len(PROFILE_OFFSETS), 1).astype(np.float32)
    ys = ((v - v0)[:, None] + PROFILE_OFFSETS).astype(np.float32)
    colour = cv2.remap(np.ascontiguousarray(window[area]), xs, ys, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    paper = cv2.remap(np.ascontiguousarray(tone[area]), xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(1 - colour.astype(np.float32) / np.maximum(paper, MIN_PAPER_LEVELS), np.float32)


def _fold(shade: Floats, back: Reals, period: float) -> Floats:
    """The mean of a shade over its periods, `(bins, n, 3)`; it starts at the end itself and counts into the hole."""
    bins = max(MIN_BINS, round(period / PROFILE_STEP))
    place = (-back / period % 1) * bins
    low = place.astype(int) % bins
    high_share = (place % 1)[:, None, None]
    pattern = np.zeros((bins, *shade.shape[1:]))
    weight = np.zeros((bins, 1, 1))
    for index, share in ((low, 1 - high_share), ((low + 1) % bins, high_share)):
        np.add.at(pattern, index, shade * share)
        np.add.at(weight, index, share)
    return _fill_bins(pattern / np.maximum(weight, MIN_BIN_WEIGHT), weight.ravel() >= MIN_BIN_WEIGHT)


def _fill_bins(pattern: Reals, is_known: Mask) -> Floats:
    """A pattern with the bins that no sample fell into between their neighbours: whole periods leave every other out.

    Args:
        pattern: `(bins, n, 3)`, one period; its first bin follows on its last.
        is_known: `(bins,)`, in which of them something was seen.
    """
    known = np.flatnonzero(is_known)
    if 0 < len(known) < len(pattern):
        flat, places = pattern[known].reshape(len(known), -1), np.arange(len(pattern))
        columns = [np.interp(places, known, column, period=len(pattern)) for column in flat.T]
        pattern = np.stack(columns, axis=1).reshape(pattern.shape)
    return pattern.astype(np.float32)


def _trim(profile: AnyArray) -> Floats:
    """The profile `(n, 3)` without its ground and without what does not belong to the stroke in its middle."""
    flank = int(GROUND_PX / PROFILE_STEP)
    profile = profile - np.minimum(np.median(profile[:flank], axis=0), np.median(profile[-flank:], axis=0))
    strength = profile.mean(axis=1)
    stroke = find_stroke(strength, float(strength.max()), int((DOUBLE_PX + 1) / PROFILE_STEP))
    stroke = np.convolve(stroke, np.ones(2 * int(SOFT_PX / PROFILE_STEP) + 1), mode="same") > 0
    return np.where(stroke[:, None], profile, 0).astype(np.float32)


def _draw(shade: Floats, corner: tuple[int, int], rule: Rule, strokes: list[Stroke]) -> None:
    """Draw one lying rule into `shade`, whose first pixel is the window's at `corner`; what is darker already stays."""
    (top, left), (height, width) = corner, shade.shape[:2]
    first, last = rule.u0, rule.u1
    for end in rule.ends:
        first, last = (first - OVERLAP_PX, last) if end.side > 0 else (first, last + OVERLAP_PX)
    u = np.arange(max(left, int(np.ceil(first))), min(left + width - 1, int(last)) + 1)
    if not len(u):
        return
    v = rule.at(u)
    inked = np.flatnonzero(np.any([stroke.shade.any(axis=(0, 2)) for stroke in strokes], axis=0))
    if not len(inked):
        return
    reach = int(np.abs(PROFILE_OFFSETS[inked]).max()) + 1
    rows = np.rint(v).astype(int)[:, None] + np.arange(max(-reach, -HALF_PX + 1), min(reach, HALF_PX - 1) + 1)
    place = np.clip((rows - v[:, None] + HALF_PX) / PROFILE_STEP, 0, strokes[0].shade.shape[1] - 1.001)
    share = np.clip((u - rule.u0) / (rule.u1 - rule.u0), 0, 1)[:, None, None].astype(np.float32)
    phases = _choose_phases(rule, strokes, u)
    layers = [_interpolate(stroke, phase, place) for stroke, phase in zip(strokes, phases, strict=True)]
    drawn = layers[0] if len(layers) == 1 else layers[0] * (1 - share) + layers[1] * share
    inside = (rows >= top) & (rows < top + height)
    pixels = rows[inside] - top, np.broadcast_to(u[:, None] - left, rows.shape)[inside]
    shade[pixels] = np.maximum(shade[pixels], drawn[inside])


def _choose_phases(rule: Rule, strokes: list[Stroke], u: Indices) -> list[Reals]:
    """For each stroke the place in its pattern, in periods, at each `u`; two patterns are brought into step."""
    periods = [stroke.period for stroke in strokes]
    apart = [(u - end.u) * end.side / max(stroke.period, 1) for end, stroke in zip(rule.ends, strokes, strict=True)]
    if len(strokes) < 2 or not all(periods):
        return apart
    lag = _measure_lag(*(stroke.shade.mean(axis=(1, 2)) for stroke in strokes))
    length = rule.u1 - rule.u0
    # Whole number of periods from the first end to the second, up to the lag that was seen.
    count = round(length / float(np.mean(periods)) - lag) + lag
    if count < MIN_PERIODS:
        return apart
    run = (u - rule.u0) / length * count
    return [run, lag - run]


def _measure_lag(first: Floats, second: Floats) -> float:
    """Periods that bring the second pattern, which runs backwards seen along u, onto the first."""
    t = np.arange(0, 1, 1 / LAGS)
    one = np.interp(t, np.arange(len(first)) / len(first), first, period=1)
    two = np.interp(-t % 1, np.arange(len(second)) / len(second), second, period=1)
    likeness = np.fft.ifft(np.fft.fft(one) * np.fft.fft(two).conj()).real
    return float(likeness.argmax()) / LAGS


def _interpolate(stroke: Stroke, phase: Reals, place: Reals) -> Floats:
    """The stroke's shade `(len(phase), n, 3)` at places across it."""
    across = place.astype(int)
    across_share = (place - across)[..., None].astype(np.float32)
    if len(stroke.shade) == 1:
        profile = stroke.shade[0]
        return profile[across] * (1 - across_share) + profile[across + 1] * across_share
    bins = len(stroke.shade)
    along = phase % 1 * bins
    low = along.astype(int) % bins
    along_share = (along % 1)[:, None, None].astype(np.float32)
    rows = stroke.shade[low] * (1 - along_share) + stroke.shade[(low + 1) % bins] * along_share
    index = np.arange(len(phase))[:, None]
    return rows[index, across] * (1 - across_share) + rows[index, across + 1] * across_share
