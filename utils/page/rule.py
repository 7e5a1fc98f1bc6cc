"""What the search for rules passes around: the view of one family of rules, an end that meets the hole, a whole rule.

Rules are the straight or gently bent lines of tables, forms and ruled paper. They come in two families, lying and
standing. All code sees lying ones: a standing rule is a lying one of the transposed picture. `u` counts pixels along
the family, `v` across it.

What is tuned in the search, in this module and the other `rule…` ones, was chosen on the drawn pages of
`benchmarks/structure.py` for recall and precision of the rules' hidden length, unless a constant says otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Mask, Plane, Reals

TRACE_PX = 240  # so far back from the hole a rule is followed
HALF_PX = 14  # so far to its sides a rule is looked at
STRONG_PX = 64  # visible length that makes a rule; printed strokes are shorter
LONE_PX = 100  # visible length of a rule that goes on although nothing on the other side says so
DOUBLE_PX = 6  # strokes so near each other (clear space between them) are a double rule
EDGE_PX = 12  # so near the photo's border nothing beside the hole is taken for a rule
MIN_DOUBT_PX = 16.0  # a direction is in doubt by what a third of a pixel makes over its length, taken as this at least
STROKE_SHARE = 0.3  # share of a profile's peak: what is darker belongs to the stroke
RULE_LEVELS = 2.5  # a rule is so much darker than the paper, of 255
RULE_NOISES = 0.8  # a rule is so many standard deviations of the grain darker: along it the grain averages out
POLYNOMIAL_FITS = 3  # of a polynomial, each with the weights that the last one's misfit gives
HALF_WEIGHT_PX = 0.5  # a point so far off counts a quarter in the next fit
RIDGE = 1e-9  # keeps a fit through too few points solvable


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
        hole, near_hole: `(h, w)` uint8, 1 in the hole; 1 in it and within a few pixels.
        surface: `(h, w)` uint8, number of the surface.
        noise: standard deviation of the grain.
        page: number of the page's surface.
    """

    dark: Plane
    hole: Plane
    near_hole: Plane
    surface: Plane
    noise: float
    page: int

    @property
    def least_darkness(self) -> float:
        """Levels that a rule is darker than the paper, at least."""
        return least_darkness(self.noise)

    def transposed(self) -> "Sight":
        """The view of the other family."""
        return self._changed(cv2.transpose)

    def mirrored(self) -> "Sight":
        """The view from the other side: `u` counts backwards."""
        return self._changed(lambda plane: cv2.flip(plane, 1))

    def within(self, area: tuple[slice, slice]) -> "Sight":
        """What lies in some rows and columns."""
        return self._changed(lambda plane: plane[area])

    def _changed(self, change: Callable[[Plane], AnyArray]) -> "Sight":
        dark, hole, near_hole, surface = (
            np.asarray(change(plane), np.uint8) for plane in (self.dark, self.hole, self.near_hole, self.surface)
        )
        return Sight(dark, hole, near_hole, surface, self.noise, self.page)

    def surface_of(self, end: End) -> int:
        """Number of the surface that a rule lies on where it meets the hole."""
        height, width = self.surface.shape
        row, column = round(end.v), round(end.u - 4 * end.side)
        return int(self.surface[int(np.clip(row, 0, height - 1)), int(np.clip(column, 0, width - 1))])


def least_darkness(noise: float) -> float:
    """Levels that a rule is darker than the paper, at least, in grain of that standard deviation."""
    return max(RULE_LEVELS, RULE_NOISES * noise)


def read_strip(picture: AnyArray, u: AnyArray, v: AnyArray, offsets: AnyArray, slant: float = 0.0) -> Floats:
    """The picture along a path: `(len(u), len(offsets))` float32, contiguous along the path; `slant` is du/dv."""
    across = offsets.astype(np.float32)[:, None]
    ys = across + v.astype(np.float32)
    xs = across * np.float32(slant) + u.astype(np.float32)
    # Most of what is asked of a strip is asked along the path.
    return cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32).T


def find_stroke(profile: AnyArray, peak: float, gap: int) -> Mask:
    """What of a profile belongs to the stroke in its middle: dark parts with no more than `gap` samples between."""
    dark = profile > STROKE_SHARE * peak
    middle = len(profile) // 2
    stroke = np.zeros(len(profile), bool)
    for way in (1, -1):
        last = i = middle
        while 0 <= i < len(profile) and abs(i - last) <= gap:
            if dark[i]:
                last = i
            i += way
        stroke[min(middle, last) : max(middle, last) + 1] = True
    return stroke


def fit_polynomial(t: Reals, shift: Reals, degree: int) -> tuple[Reals, float]:
    """Polynomial through points with few outliers: coefficients as for `numpy.polyval`, median misfit."""
    lines, misfits = fit_polynomials(t[None], shift[None], np.ones((1, len(t)), bool), degree)
    return lines[0], float(misfits[0])


def fit_polynomials(t: Reals, shift: Reals, known: Mask, degree: int) -> tuple[Reals, Reals]:
    """Polynomials through points with few outliers, each row by itself.

    Args:
        t, shift: `(n, m)`, the points.
        known: `(n, m)`, which of them count; one in each row at least.
        degree: of the polynomials.

    Returns:
        `(n, degree + 1)` coefficients as for `numpy.polyval`, and `(n,)` median misfits.
    """
    t, shift = np.where(known, t, 0), np.where(known, shift, 0)
    scale = np.maximum(np.abs(t).max(axis=1), 1e-9)[:, None]
    powers = np.stack([(t / scale) ** power for power in range(degree, -1, -1)], axis=-1) * known[..., None]
    ridge = RIDGE * np.eye(degree + 1)
    weighted = powers
    misfits = np.zeros_like(t)
    lines = np.zeros((len(t), degree + 1))
    for _ in range(POLYNOMIAL_FITS):
        turned = weighted.transpose(0, 2, 1)
        lines = np.linalg.solve(turned @ powers + ridge, turned @ shift[..., None])[..., 0]
        misfits = np.abs(shift - (powers @ lines[..., None])[..., 0])
        weighted = powers / np.square(1 + (misfits / HALF_WEIGHT_PX) ** 2)[..., None]
    return lines / scale ** np.arange(degree, -1, -1), upper_medians(misfits, known)


def upper_median(values: Reals) -> float:
    """The upper median; of few values `numpy.median` takes ten times as long."""
    return float(np.sort(values)[len(values) // 2])


def upper_medians(values: AnyArray, known: Mask) -> AnyArray:
    """Of each row the upper median of what is known, `(n,)`; both are `(n, m)`, and something of each row is known."""
    order = np.sort(np.where(known, values, np.inf), axis=1)
    return np.take_along_axis(order, np.count_nonzero(known, axis=1)[:, None] // 2, axis=1)[:, 0]
