"""Lines of text as bands of ink: pieces of one height around a hole, put together to runs.

Text is bands of ink of one height with gaps between the letters. Nothing is read. Lengths are pixels of a window
reduced `REDUCTION` times, or *heights*: parts of the height of a line's small letters. What is tuned was chosen on the
drawn pages of `benchmarks/hidden.py`, seeds 100 to 104 and 301 to 304.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import Plane, Reals
from utils.lost.ink import RULE_THICKNESS, View

WORD_GAP = 7  # pixels; ink nearer along a line belongs together
LEAST_HEIGHT, MOST_HEIGHT = 4.0, 44.0  # pixels, of small letters
MOST_ROWS = 3  # times that, with capitals and long letters, of two lines whose letters meet
LEAST_SEEN = 2  # pixels of the height of a piece that the hole cuts along
LEAST_INK = 6  # pixels of a piece
CUT_ROWS = 2  # pixels over or below a piece: the hole there cuts it
NEIGHBOURS = 8  # pieces beside one that tell its height
NARROWEST = 0.15  # heights; a shorter piece is a speck, and the narrowest letter is longer
LEAST_LENGTH = 0.7  # heights; a shorter run is no line
MOST_FILLED = 0.8  # share of a band that is ink; more is a bar, the stub of a rule or a picture
BLURRED_LENGTH = 3  # times its height: a piece so short may be a blurred character, and as full as a bar
BAND_SHARE = 0.45  # of the fullest row: the rows of small letters hold so much ink
LEAST_ROW = 0.25  # of a piece's length: a row of which less is seen tells no more than that
SMOOTHED = 0.1  # of a piece's height up and down: a single character has few full rows
SLOPING = 6.0  # times its height: a piece as long tells its slope
PAGE_SHARE = 0.6  # of the brightest paper: darker is a desk
PAPER_STEP, PAPER_PERCENTILE = (
    4,
    90,
)  # pixels from one to the next that is asked; the percentile that stands for that paper
CHAIN_GAP = 1.3  # heights between two pieces of one run
SAME_LINE = 0.5  # heights between the middles of two pieces, or of the two sides, of a line
FULL_HEIGHT = 0.7  # of a run's height: a lower piece is a comma or a dash
FITTED = 8.0  # heights of a run whose slope is that of its pieces' places
HALF = 0.5  # of a band's rows: a column of which so many are hidden shows no letter


@dataclass(frozen=True, eq=False)
class Band:
    """A band of ink, in pixels of the reduced window: a piece of a line, or a run of such pieces.

    Attributes:
        x0, x1: where its ink begins and ends, the end exclusive.
        middle: an x of it.
        y: the middle of its small letters there.
        height: of its small letters.
        slope: dy/dx.
        known: whether its left and its right end are seen; the others lie in the hole or beyond the window.
        scrap: whether the hole cuts it along, top or bottom, and its height is that of its neighbours.
    """

    x0: int
    x1: int
    middle: float
    y: float
    height: float
    slope: float
    known: tuple[bool, bool] = (True, True)
    scrap: bool = False

    @property
    def length(self) -> int:
        return self.x1 - self.x0

    @property
    def centre(self) -> float:
        return (self.x0 + self.x1) / 2

    def at(self, x: float) -> float:
        """Its middle line at `x`."""
        return self.y + self.slope * (x - self.middle)

    def end(self, side: int) -> int:
        """Where it ends on the left (-1) or the right (+1)."""
        return self.x1 if side > 0 else self.x0

    def knows(self, side: int) -> bool:
        """Whether that end is seen."""
        return self.known[side > 0]


def find_pieces(view: View) -> list[Band]:
    """The pieces of lines of text in a window: ink along one line with no gap wider than `WORD_GAP`."""
    smeared = cv2.morphologyEx(view.ink, cv2.MORPH_CLOSE, np.ones((1, WORD_GAP), np.uint8))
    smeared &= ~view.hole & 1
    count, labels, stats, _ = cv2.connectedComponentsWithStats(smeared, connectivity=8)
    x, y, w, h = stats[:, :4].T
    middle = x + w / 2
    fit = (h >= LEAST_SEEN) & (h <= MOST_ROWS * MOST_HEIGHT) & (w >= 2)
    fit[0] = False
    rows, columns = np.nonzero(view.ink & smeared)
    piece_of = labels[rows, columns]
    paper = np.zeros(count, np.uint8)
    np.maximum.at(paper, piece_of, view.paper[rows, columns])
    fit &= paper >= PAGE_SHARE * np.percentile(view.paper[::PAPER_STEP, ::PAPER_STEP], PAPER_PERCENTILE)
    chosen = fit[piece_of]
    rows, columns, piece_of = rows[chosen], columns[chosen], piece_of[chosen]
    inked = np.bincount(piece_of, minlength=count)
    fit &= inked >= LEAST_INK
    slopes = _measure_slopes(rows, columns, piece_of, np.where(fit & (w > SLOPING * h), w, 0))
    level = rows - slopes[piece_of] * (columns - middle[piece_of])
    low = np.full(count, math.inf)
    np.minimum.at(low, piece_of, level)
    low[~fit] = 0
    low = np.floor(low)
    at = np.maximum(level - low[piece_of], 0).astype(int)
    span = int(at.max(initial=0)) + 1
    counts = np.bincount(piece_of * span + at, minlength=count * span).reshape(count, span)
    profile = _smooth(counts, (SMOOTHED * h).astype(int))
    cut = [k for k in np.flatnonzero(fit) if view.hole[max(0, y[k] - 1) : y[k] + h[k] + 1, x[k] : x[k] + w[k]].any()]
    for k in cut:  # rows of which less is seen hold less ink
        profile[k] /= _visible_shares(view, low[k] + np.arange(span), x[k], w[k], slopes[k])
    full = profile >= BAND_SHARE * profile.max(axis=1, keepdims=True)
    for k in cut:  # a scrap of letters has no full rows of small ones: all of it counts
        full[k] |= (counts[k] > 0) & (full[k].sum() < LEAST_HEIGHT)
    first, last = full.argmax(axis=1), span - full[:, ::-1].argmax(axis=1)
    high = last - first
    fit &= (high >= LEAST_SEEN) & (high <= MOST_HEIGHT) & (w >= NARROWEST * high)
    fit &= (inked <= MOST_FILLED * w * high) | ((w <= BLURRED_LENGTH * h) & (high > RULE_THICKNESS))
    centres = low + (first + last) / 2
    return [
        Band(int(x[k]), int(x[k] + w[k]), float(middle[k]), float(centres[k]), float(high[k]), float(slopes[k]))
        for k in np.flatnonzero(fit)
    ]


def _visible_shares(view: View, levels: Reals, x: int, length: int, slope: float) -> Reals:
    """How much of each row `(n,)` of a piece lies beside the hole, a share in (0, 1]: at least `LEAST_ROW` of it."""
    columns = np.arange(length)
    at = np.rint(levels[:, None] + slope * (columns - length / 2)).astype(int)
    hidden = view.hole[np.clip(at, 0, len(view.hole) - 1), x + columns[None]].mean(axis=1)
    return np.asarray(np.maximum(1 - hidden, LEAST_ROW))


def _smooth(profiles: NDArray[np.int_], reach: Plane) -> Reals:
    """`(n, rows)` profiles, each the mean of as many rows up and down as `reach`, `(n,)`, says."""
    total = np.pad(np.cumsum(profiles, axis=1), [(0, 0), (1, 0)])
    rows, most = np.arange(profiles.shape[1]), profiles.shape[1]
    low, high = np.maximum(rows - reach[:, None], 0), np.minimum(rows + reach[:, None] + 1, most)
    sums = np.take_along_axis(total, high, axis=1) - np.take_along_axis(total, low, axis=1)
    return np.asarray(sums / (2 * reach[:, None] + 1))


def _measure_slopes(rows: Plane, columns: Plane, piece_of: Plane, weights: Plane) -> Reals:
    """The slope of each piece, that of its own ink where it has a weight, else the weighted median of the others.

    Args:
        rows, columns, piece_of: `(n,)` of the ink, and the number of the piece it is part of.
        weights: `(pieces,)`, 0 where a piece is too short to tell.
    """
    count = len(weights)
    if not weights.any():
        return np.zeros(count)
    number = np.maximum(1, np.bincount(piece_of, minlength=count))
    dx = columns - (np.bincount(piece_of, columns, count) / number)[piece_of]
    dy = rows - (np.bincount(piece_of, rows, count) / number)[piece_of]
    slopes = np.bincount(piece_of, dx * dy, count) / np.maximum(1, np.bincount(piece_of, dx * dx, count))
    order = np.argsort(slopes)
    total = np.cumsum(weights[order])
    usual = slopes[order][np.searchsorted(total, total[-1] / 2)]
    return np.where(weights > 0, slopes, usual)


def mend_cut(view: View, pieces: Sequence[Band]) -> list[Band]:
    """The pieces with those at their true height that the hole cuts along their length, top or bottom."""
    cuts = [(_share_hidden(view, piece, -1), _share_hidden(view, piece, 1)) for piece in pieces]
    uncut = [piece for piece, cut in zip(pieces, cuts, strict=True) if max(cut) < HALF]
    mended = []
    for piece, (above, below) in zip(pieces, cuts, strict=True):
        if max(above, below) < HALF:
            mended.append(piece)
        elif uncut:
            neighbours = sorted(uncut, key=lambda other: abs(other.y - piece.y) + abs(other.middle - piece.middle))
            height = float(np.median([other.height for other in neighbours[:NEIGHBOURS]]))
            more = (height - piece.height) / 2
            if more <= 0:
                mended.append(piece)
            elif min(above, below) < HALF:
                mended.append(_move(piece, more if below >= HALF else -more, height))
    return [piece for piece in mended if piece.height >= LEAST_HEIGHT]


def _move(piece: Band, down: float, height: float) -> Band:
    return replace(piece, y=piece.y + down, height=height, scrap=True)


def _share_hidden(view: View, piece: Band, side: int) -> float:
    """How much of the `CUT_ROWS` rows right over (-1) or below (+1) a piece lies in the hole."""
    edge = piece.y + side * piece.height / 2
    reach = CUT_ROWS + 1 + abs(piece.slope) * piece.length
    if not view.hole[max(0, int(edge - reach)) : max(0, math.ceil(edge + reach)), piece.x0 : piece.x1].any():
        return 0.0
    columns = np.arange(piece.x0, piece.x1)
    rows = np.arange(CUT_ROWS) + math.floor(edge - CUT_ROWS if side < 0 else edge)
    at = np.rint(rows[:, None] + piece.slope * (columns - piece.middle)).astype(int)
    return float(view.hole[np.clip(at, 0, len(view.hole) - 1), columns[None]].mean())


def average_along(picture: Plane | Reals, band: Band) -> Reals:
    """The mean of a picture over a band's rows in each column of the window, `(w,)`; 1 where it runs out of it."""
    height, width = picture.shape
    columns = np.arange(width)
    rows = np.arange(math.floor(band.y - band.height / 2), math.ceil(band.y + band.height / 2))
    at = np.rint(rows[:, None] + band.slope * (columns - band.middle)).astype(int)
    inside = (at >= 0) & (at < height)
    return np.where(inside, picture[np.clip(at, 0, height - 1), columns[None]], 1).mean(axis=0)


def to_run(pieces: Sequence[Band], known: tuple[bool, bool] = (True, True)) -> Band:
    """Pieces of one line, one after the other, as one band."""
    if len(pieces) == 1:
        (piece,) = pieces
        return replace(piece, middle=piece.centre, y=piece.at(piece.centre), known=known)
    lengths = np.array([piece.length for piece in pieces], float)
    heights = np.array([piece.height for piece in pieces])
    order = np.argsort(heights)
    height = float(heights[order][np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)])
    full = heights >= FULL_HEIGHT * height
    whole_pieces = [piece for piece, whole in zip(pieces, full, strict=True) if whole]
    weights = lengths[full] / lengths[full].sum()
    middle = float(weights @ [piece.centre for piece in whole_pieces])
    y = float(weights @ [piece.at(piece.centre) for piece in whole_pieces])
    slope = float(weights @ [piece.slope for piece in whole_pieces])
    x0, x1 = min(piece.x0 for piece in pieces), max(piece.x1 for piece in pieces)
    if len(whole_pieces) > 1 and x1 - x0 >= FITTED * height:
        places = np.array([(x, piece.at(x)) for piece in whole_pieces for x in (piece.x0, piece.x1)]) - (middle, y)
        both = np.repeat(weights, 2)
        slope = float((both * places[:, 0]) @ places[:, 1] / ((both * places[:, 0]) @ places[:, 0]))
    return Band(x0, x1, middle, y, height, slope, known, all(piece.scrap for piece in pieces))


def follows(one: Band, two: Band) -> bool:
    """Whether a piece that begins farther right is the next one of the same line."""
    height = max(one.height, two.height)
    adjacent = -one.height < two.x0 - one.x1 < CHAIN_GAP * height
    return adjacent and abs(one.at(one.x1) - two.at(one.x1)) < SAME_LINE * height
