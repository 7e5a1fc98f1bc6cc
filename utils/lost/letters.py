"""How far apart the letters of a line are, and so how many a hole hides in it. Nothing is read.

Latin letters are runs of ink with gaps between them; Chinese characters are squares with more strokes one over the
other. Lines of one height tell it together. *Heights* are those of a line's small letters.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from utils.arrays import Plane
from utils.lost.bands import HALF, Band, average_along
from utils.lost.ink import View

MOST_COUNTED = 200  # columns of the reduced window in which letters are counted
ABOVE, BELOW = 0.6, 0.4  # heights over and below small letters that belong to a line
INK_QUANTILES = 3, 90  # percentiles of a strip's levels that stand for ink and paper
DASH_STROKES, FEWEST_DASHES = 0.97, 3  # strokes in a column of ink: fewer have dashes, if there are so many
BAR_STROKES = 0.5  # fewer have the bars of a code, which reach out of the line
SQUARE_STROKES = 2.05  # strokes one over the other in a column: Latin letters have 1.7, Chinese characters 2.5
SQUARE_PITCH, LATIN_PITCH = 1.16, 0.87  # heights from one character to the next, the medians of seeds 301 to 310
LEAST_PITCH, MOST_PITCH = 0.62, 1.2  # heights
MOST_LETTER = 1.3  # heights; a wider run of ink is several letters
TOUCHING = 1.0  # of the distance of runs of ink: now and then one is two letters
LETTERS_A_WORD, SQUARES_A_WORD = 6.0, 2.0  # letters of a Latin word, most Chinese words have two characters
SAME_SIZE = 1.25  # ratio of the heights of two lines whose letters are counted together


class Pitch(NamedTuple):
    """How far letters are apart, in pixels of the photo with spaces between words, and how many make a word."""

    step: float
    a_word: float


class Print(NamedTuple):
    """What the letters of a line look like; lengths in pixels of the photo.

    Attributes:
        height: of its small letters.
        length: of the part that was looked at.
        inked: columns of it that hold ink, in
        blobs: so many runs,
        blob_length: as long as this in the middle of them, with
        strokes: as many strokes one over the other in all.
    """

    height: float
    length: int
    inked: int
    blobs: int
    blob_length: float
    strokes: int

    @property
    def are_letters(self) -> bool:
        """Whether it may be text: dashes have one stroke in a column, and bars go on over and under the line."""
        least = DASH_STROKES if self.blobs >= FEWEST_DASHES else BAR_STROKES
        return self.strokes >= least * self.inked


def look(view: View, run: Band) -> Print:
    """What the visible letters of a run look like."""
    scale = view.reduction
    strip = _cut_strip(view, run)
    low, high = np.percentile(strip[:, ::2], INK_QUANTILES)
    ink = strip < (low + high) / 2
    inked = ink.any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inked, [False]])))
    lengths = edges[1::2] - edges[::2]
    strokes = int(np.count_nonzero(ink[1:] & ~ink[:-1]))
    blob_length = float(np.median(lengths)) if len(lengths) else 0.0
    return Print(run.height * scale, len(inked), int(np.count_nonzero(inked)), len(lengths), blob_length, strokes)


def _cut_strip(view: View, run: Band) -> Plane:
    """A run's visible columns at full size, its slope taken out: `(h, w)` uint8, `ABOVE` and `BELOW` it as well."""
    scale = view.reduction
    x0, x1 = run.x0, run.x1
    if x1 - x0 > MOST_COUNTED:
        x0, x1 = round(run.centre - MOST_COUNTED / 2), round(run.centre + MOST_COUNTED / 2)
    top, bottom = run.at(x0) - (HALF + ABOVE) * run.height, run.at(x0) + (HALF + BELOW) * run.height
    size = max(1, round((x1 - x0) * scale)), max(1, round((bottom - top) * scale))
    left, right = max(0, round(x0 * scale) - 2), min(view.window.shape[1], round(x1 * scale) + 2)
    drop = run.slope * size[0]
    high, low = max(0, round(top * scale + min(0, drop)) - 2), round(bottom * scale + max(0, drop)) + 2
    blue, green, red = cv2.split(view.window[high:low, left:right])
    level = cv2.min(cv2.min(blue, green), red)
    move = np.array([[1, 0, x0 * scale - left], [run.slope, 1, top * scale - high]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    strip = cv2.warpAffine(level, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    visible = average_along(view.hole, run)[x0:x1] < HALF
    shown = np.repeat(visible, round(scale))[: size[0]]
    return strip[:, shown] if shown.any() else strip


def measure_pitch(line: Print, others: Sequence[Print]) -> Pitch:
    """How far a line's letters are apart, told together with the lines of its height."""
    alike = [one for one in others if 1 / SAME_SIZE < one.height / line.height < SAME_SIZE] or [line]
    length, inked = sum(one.length for one in alike), sum(one.inked for one in alike)
    height = sum(one.height * one.length for one in alike) / max(1, length)
    if inked and sum(one.strokes for one in alike) / inked > SQUARE_STROKES:
        return Pitch(SQUARE_PITCH * height, SQUARES_A_WORD)
    separate = [one for one in alike if 0 < one.blob_length <= MOST_LETTER * one.height]
    if not separate:  # letters touch, or a rule runs below
        return Pitch(LATIN_PITCH * height, LETTERS_A_WORD)
    mean = sum(one.length for one in separate) / sum(one.blobs for one in separate)
    return Pitch(float(np.clip(mean, LEAST_PITCH * height, MOST_PITCH * height)), LETTERS_A_WORD)
