"""How far a stroke goes on along its course, and whether it is a rule there or print.

A stroke is judged by a strip along it, `(n, 2 * HALF_PX + 1)` levels below the paper, and by its core, the mean of the
three middle columns. Shares were measured on drawn pages: of rules, and of lines through letters in a row.
"""

from typing import NamedTuple

import numpy as np

from utils.arrays import AnyArray, Indices, Mask, Reals
from utils.page.rule import DOUBLE_PX, HALF_PX, LONE_PX, STRONG_PX, find_stroke, least_darkness, upper_medians

MIN_STROKE_PX = 20  # visible length that suffices where the other side of the hole agrees
LEVEL_PX = 60  # the darkness of a solid stroke is that of so much of it, beside the hole
THERE_SHARE = 0.4  # of a stroke's darkness: what is darker is part of it
SOLID_SHARE = 0.88  # of a solid stroke's length that is there
RECENT_PX = 12  # length over which a solid stroke may not be missing
RECENT_SHARE = 0.7  # of the last `RECENT_PX` that is there
DOTTED_SHARE = 0.9  # rank of a dotted stroke's darkness among its pixels: the middle of its dots
DOTTED_LEVELS = 4.0  # a dotted stroke is so much darker than the paper, of 255
DOTTED_NOISES = 1.5  # a dotted stroke is so many standard deviations of the grain darker
MAX_PERIOD_PX = 64  # of dots or dashes
PERIODS_SEEN = 4  # periods of a dotted stroke that must be seen
MIN_PERIOD_PX = 3  # of dots or dashes
MIN_LIKENESS = 0.72  # autocorrelation of a dotted rule one period on: 49 of 50 have 0.76
MAX_LIKENESS_BETWEEN = 0.3  # half a period on it is below 0; a solid rule's ripples and half a line of text keep 0.7
MAX_LACKING = 0.115  # rules lack up to 3 % of their darkness (49 of 50; short ones 11 %), letters in a row 7 to 16
MAX_LACKING_SHORT = 0.08  # where less than `STRONG_PX` is seen; what lacks more may also be dots run together
LACKING_NOISE = 0.25  # lacking that the grain alone makes, times its standard deviation over the stroke's darkness
MAX_CROWDED = 0.2  # share of a rule's length with print close to its clearer side: rules 0 to 13 %, letters 24 to 90 %
WHOLLY_CROWDED = 0.95  # with more than this it is a third stroke that lies beside a rule: between stems there is paper
MAX_LACKING_CROWDED = 0.05  # a stroke among others that lacks more is print
MAX_RAGGED = 0.06  # of dotted rules, share with print farther off, if not all along: letters 8 to 50 %
FAR_COLUMNS = 9  # the outermost columns of a strip on each side: farther off
MAX_STEM = 0.5  # correlation of dots with what lies 6 to 9 px aside
STEM_COLUMNS = slice(HALF_PX - 9, HALF_PX - 5), slice(HALF_PX + 6, HALF_PX + 10)  # of a strip: where stems show
STEM_SHARE = 0.3  # of the dots' darkness, below which there is nothing beside them
BESIDE_COLUMNS = slice(HALF_PX - 9, HALF_PX - 3), slice(HALF_PX + 4, HALF_PX + 10)  # of a strip: both sides
MAX_PUSH_PX = HALF_PX - 9  # a thick stroke pushes the columns beside it outwards by at most so much
THIN_REACH_PX = 3  # a stroke that reaches less far to a side is not thick there
PRINT_SHARE = 0.5  # of the stroke's darkness: print beside it is darker
PRINT_NOISES = 3.0  # standard deviations: of six pixels the lightest and the darkest are far apart in grain alone
THICK_SHARE = 0.6  # of a stroke's darkness: what is darker along more than half of it is its thickness
MAX_THICK_PX = 16  # thicker strokes are no rules but bars
LIGHTEST_PART = 5  # a solid stroke across is what its lightest fifth shows: print beside it is light in places


class Extents(NamedTuple):
    """How far strokes go on, each an array `(n,)`.

    Attributes:
        length: in pixels, 0 where there is none.
        level: its darkness.
        period: of its dots in pixels, 0 for a solid one.
        likeness: autocorrelation one period on, 1 for a solid one.
    """

    length: Indices
    level: Reals
    period: Reals
    likeness: Reals

    @classmethod
    def nothing(cls, count: int) -> "Extents":
        """Those of what is no stroke."""
        return cls(np.zeros(count, np.intp), *np.zeros((3, count)))

    def chosen(self, rows: AnyArray) -> "Extents":
        """Those of some of the strokes."""
        return Extents(self.length[rows], self.level[rows], self.period[rows], self.likeness[rows])


def measure_extents(cores: Reals, lengths: Indices, noise: float) -> Extents:
    """How far strokes go on.

    Args:
        cores: `(n, m)`, their darkness along their courses.
        lengths: `(n,)`, how much of each course is seen.
        noise: standard deviation of the grain.
    """
    cores = _smooth(cores, lengths)
    extents = find_solid(cores, lengths, noise)
    inside = np.arange(cores.shape[1]) < extents.length[:, None]
    whole = np.maximum(extents.length * extents.level, 1e-9)
    lacking = 1 - (np.minimum(cores, extents.level[:, None]) * inside).sum(axis=1) / whole
    # Dots may be run together by the lens.
    unclear = np.flatnonzero((extents.length == 0) | (lacking > MAX_LACKING_SHORT))
    dotted = find_dotted(cores[unclear], lengths[unclear], noise)
    better = (dotted.length > 0) | (extents.length[unclear] == 0)
    for values, others in zip(extents, dotted, strict=True):
        values[unclear[better]] = others[better]
    return extents


def go_on(cores: Reals, lengths: Indices, noise: float) -> Mask:
    """Which strokes go on at all, `(n,)`; asked as `measure_extents` is."""
    cores = _smooth(cores, lengths)
    goes_on = find_solid(cores, lengths, noise).length > 0
    others = np.flatnonzero(~goes_on)
    goes_on[others] = find_dotted(cores[others], lengths[others], noise, refined=False).length > 0
    return goes_on


def _smooth(cores: Reals, lengths: Indices) -> Reals:
    """Courses with a little of what lies before and behind in each pixel; at its ends a course goes on as it is."""
    last = np.minimum(np.arange(cores.shape[1] + 1), lengths[:, None] - 1)
    whole = np.take_along_axis(cores, np.maximum(np.concatenate([last[:, :1], last], axis=1), 0), axis=1)
    return np.asarray(0.25 * whole[:, :-2] + 0.5 * whole[:, 1:-1] + 0.25 * whole[:, 2:])


def find_solid(cores: Reals, lengths: Indices, noise: float) -> Extents:
    """Solid strokes' extents."""
    pixels = np.arange(cores.shape[1])
    inside = pixels < lengths[:, None]
    level = np.asarray(upper_medians(cores[:, :LEVEL_PX], inside[:, :LEVEL_PX]), np.float64)
    dark_counts: Indices = np.cumsum((cores > THERE_SHARE * level[:, None]) & inside, axis=1, dtype=np.intp)
    recent = dark_counts.copy()
    recent[:, RECENT_PX:] -= dark_counts[:, :-RECENT_PX]
    good = inside & (dark_counts >= SOLID_SHARE * (pixels + 1)) & (recent >= RECENT_SHARE * RECENT_PX)
    length = np.where(good.any(axis=1), len(pixels) - good[:, ::-1].argmax(axis=1), 0)
    length[(length < MIN_STROKE_PX) | (level <= least_darkness(noise))] = 0
    return Extents(length, level, np.zeros(len(cores)), np.ones(len(cores)))


def find_dotted(cores: Reals, lengths: Indices, noise: float, refined: bool = True) -> Extents:
    """Dotted or dashed strokes' extents: of all that is seen of each, two thirds of it, or half.

    Args:
        cores, lengths, noise: as for `measure_extents`.
        refined: whether a period is told to a fraction of a pixel.
    """
    extents = Extents.nothing(len(cores))
    for counts in (lengths, 2 * lengths // 3, lengths // 2):
        rows = np.flatnonzero((extents.length == 0) & (counts >= STRONG_PX))
        courses, inside = cores[rows], np.arange(cores.shape[1]) < counts[rows, None]
        order = np.sort(np.where(inside, courses, np.inf), axis=1)
        rank = (DOTTED_SHARE * counts[rows]).astype(np.intp)
        level = np.take_along_axis(order, rank[:, None], axis=1)[:, 0] if len(rows) else np.zeros(0)
        dark = level >= max(DOTTED_LEVELS, DOTTED_NOISES * noise)
        rows, level, inside = rows[dark], level[dark], inside[dark]
        if not len(rows):
            continue
        waves = courses[dark].astype(np.float32)
        waves -= ((waves * inside).sum(axis=1) / counts[rows])[:, None]
        waves *= inside
        period, likeness = _find_periods(waves, counts[rows])
        for index in np.flatnonzero(period).tolist() if refined else ():
            period[index] = _refine_period(waves[index, : counts[rows[index]]], period[index])
        is_dotted = period > 0
        for values, measured in zip(extents, (counts[rows], level, period, likeness), strict=True):
            values[rows[is_dotted]] = measured[is_dotted]
    return extents


def _find_periods(waves: Reals, lengths: Indices) -> tuple[Reals, Reals]:
    """The shortest period of each wave in whole pixels, 0 where it has none, and the autocorrelation there.

    Args:
        waves: `(n, m)`, 0 beyond their lengths.
        lengths: `(n,)`.
    """
    spectra = np.fft.rfft(waves, waves.shape[1] + MAX_PERIOD_PX)  # filled up with zeros: nothing wraps around
    products = np.fft.irfft(np.square(np.abs(spectra)), waves.shape[1] + MAX_PERIOD_PX)[:, :MAX_PERIOD_PX]
    lag = np.arange(products.shape[1])
    likeness = products / np.maximum(lengths[:, None] - lag, 1)
    likeness /= np.maximum(likeness[:, :1], 1e-6)
    # What is alike a few pixels on, and nowhere unlike before, is one long stroke or text that ends somewhere.
    high = (likeness > MIN_LIKENESS) & (np.minimum.accumulate(likeness, axis=1) < MAX_LIKENESS_BETWEEN)
    high[:, 1:-1] &= (likeness[:, 1:-1] >= likeness[:, :-2]) & (likeness[:, 1:-1] > likeness[:, 2:])
    high &= (lag >= MIN_PERIOD_PX) & (lag < np.minimum(MAX_PERIOD_PX, lengths // PERIODS_SEEN)[:, None] - 1)
    first = high.argmax(axis=1)  # 0 where there is none
    return first.astype(np.float64), likeness[np.arange(len(first)), first]


def _refine_period(wave: Reals, period: float) -> float:
    """The period to a fraction of a pixel: a lag of many periods tells it more exactly."""
    length = len(wave)
    products = np.correlate(wave, wave, mode="full")[length - 1 :] / np.arange(length, 0, -1)
    for many in range(2, int(length // 2 / period) + 1):
        around = round(many * period)
        before, peak, after = products[around - 1 : around + 2]
        bend = before - 2 * peak + after
        period = (around + (float(np.clip(0.5 * (before - after) / bend, -1, 1)) if bend < 0 else 0)) / many
    return period


def is_even(strip: Reals, core: Reals, level: float, likeness: float, noise: float) -> bool:
    """Whether a stroke is as dark all along as a rule is; a row of letters comes and goes.

    Args:
        strip: `(n, 2 * HALF_PX + 1)` darkness along the stroke.
        core: `(n,)` of its middle.
        level: typical darkness of the middle.
        likeness: autocorrelation of a dotted stroke, 0 for a solid one.
        noise: of the grain.
    """
    # One side at least is bare paper; between the stems of letters it is so now and then, beside a third stroke never.
    crowded = _measure_crowding(strip, level, noise)
    if likeness and (_is_ragged(strip, level) or _has_stems(strip, core)):
        return False
    lacking = 1 - float(np.minimum(core, level).mean()) / level
    if crowded > MAX_CROWDED and (likeness or crowded < WHOLLY_CROWDED or lacking > MAX_LACKING_CROWDED):
        return False
    limit = MAX_LACKING_SHORT if len(core) < STRONG_PX else MAX_LACKING
    return bool(likeness) or lacking <= limit + LACKING_NOISE * noise / level


def _is_ragged(strip: Reals, level: float) -> bool:
    """Whether print lies on both sides of a dotted stroke, farther off, here and there."""
    sides = strip[:, :FAR_COLUMNS], strip[:, -FAR_COLUMNS:]
    shares = [float((side.max(axis=1) > PRINT_SHARE * level).mean()) for side in sides]
    return min(min(share, 1 - share) for share in shares) > MAX_RAGGED


def _has_stems(strip: Reals, core: Reals) -> bool:
    """Whether the dots are the feet of something that reaches to one side, as stems of letters do."""
    return max(_correlate(core, strip[:, columns]) for columns in STEM_COLUMNS) > MAX_STEM


def _correlate(core: Reals, side: Reals) -> float:
    """Correlation of a stroke's darkness along its course with that beside it; 0 where there is nothing beside it."""
    one, two = core - core.mean(), side.mean(axis=1) - side.mean()
    if side.max() <= STEM_SHARE * core.max():
        return 0.0
    return float(one @ two / max(float(np.sqrt((one @ one) * (two @ two))), 1e-6))


def _measure_crowding(strip: Reals, level: float, noise: float) -> float:
    """Share of a stroke's length with print close to its clearer side."""
    # Beside a thick stroke, beyond its own soft rim.
    thick = measure_reach(strip, level) if len(strip) >= LONE_PX else (0, 0)
    before, after = (0 if reach < THIN_REACH_PX else min(reach, MAX_PUSH_PX) for reach in thick)
    sides = (
        strip[:, BESIDE_COLUMNS[0].start - before : BESIDE_COLUMNS[0].stop - before],
        strip[:, BESIDE_COLUMNS[1].start + after : BESIDE_COLUMNS[1].stop + after],
    )
    limit = print_limit(level, noise)
    return min(np.count_nonzero(side.max(axis=1) > limit) for side in sides) / len(strip)


def print_limit(level: Reals | float, noise: float) -> Reals:
    """How dark print beside a stroke is, at least; of one stroke or of many."""
    return np.maximum(PRINT_SHARE * np.asarray(level), PRINT_NOISES * noise)


def measure_reach(strip: Reals, level: float) -> tuple[int, int]:
    """How many pixels a stroke reaches to both sides of its path; (0, 0) where that is too broad for a stroke."""
    # Dark along more than half of it; double strokes are lighter between.
    dark = 2 * np.count_nonzero(strip > THICK_SHARE * level, axis=0) > len(strip)
    before, after = (int(np.argmin(np.append(side, False))) for side in (dark[HALF_PX::-1], dark[HALF_PX:]))
    return (0, 0) if before + after > MAX_THICK_PX else (max(0, before - 1), max(0, after - 1))


def find_middle(strip: Reals, offsets: Reals, period: float) -> float:
    """Offset of the middle of a stroke and of what runs beside it within `DOUBLE_PX`: a double rule is one rule."""
    profile = strip.mean(axis=0) if period else np.sort(strip, axis=0)[len(strip) // LIGHTEST_PART]
    middle = len(profile) // 2
    peak = float(profile[middle - 2 : middle + 3].max())
    weight = np.where(find_stroke(profile, peak, DOUBLE_PX), np.maximum(profile, 0), 0)
    return float((weight * offsets).sum() / max(float(weight.sum()), 1e-6))
