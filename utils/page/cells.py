"""A window in cells of 8 pixels: what is ink there, how light bare paper is, and back to pixels.

Light on a page changes slowly: on cells it is measured with little noise and continued in little time. Unless a
constant says otherwise, it was chosen on the drawn pages of `benchmarks/structure.py`.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Indices, Labels, Mask, Plane

CELL_PX = 8  # side of a cell: noise averages out, light hardly changes
CLOSE_PX = 44  # dark things narrower than this are ink on the surface, not a surface of their own
CELL_INK_LEVELS = 8.0  # least darkness of ink below the paper around it, of 255
INK_NOISES = 2.5  # least darkness of ink in standard deviations of the noise
INK_MEAN_PX = 3  # side of the squares whose mean darkness is compared with both
INK_RIM_PX = 7  # diameter around ink that is left out: the blurred rim of a stroke still darkens the paper
NOISE_ROW_STEP = 3  # the noise is measured on one row of so many
MIN_NOISE, MAX_NOISE = 0.3, 20.0  # levels; a picture without any noise has no scale to compare with
LONGEST_LINE = 4096  # pixels that are looked up at once
MAD_TO_SIGMA = 1.4826  # standard deviation of a normal distribution over its median absolute deviation


@dataclass(frozen=True)
class Grid:
    """A window filled up to whole cells, its last rows and columns repeated.

    Attributes:
        window: `(CELL_PX * rows, CELL_PX * columns, 3)` uint8 BGR.
        covered: `(CELL_PX * rows, CELL_PX * columns)` uint8, 1 in the hole.
        hidden: `(rows, columns)`, True for cells that the hole takes a part of.
    """

    window: Image
    covered: Plane
    hidden: Mask


def lay_grid(window: Image, hole: Mask) -> Grid:
    """Cut a window `(h, w, 3)` with its hole `(h, w)` into cells."""
    height, width = hole.shape
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    padding = (0, rows * CELL_PX - height, 0, columns * CELL_PX - width)
    covered = cv2.copyMakeBorder(hole.view(np.uint8), *padding, cv2.BORDER_REPLICATE)
    hidden = _any_covered(covered, CELL_PX)
    return Grid(cv2.copyMakeBorder(window, *padding, cv2.BORDER_REPLICATE), covered, hidden)


def _reduce(picture: AnyArray, rows: int, columns: int) -> AnyArray:
    """A picture averaged to so many rows and columns; OpenCV drops a lone channel or row, this does not."""
    small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    return small.reshape(rows, columns, *picture.shape[2:])


def _any_covered(covered: Plane, side: int) -> Mask:
    """Which squares of `side` pixels, 4 or 8, are covered in part: `(h, w)` → `(h / side, w / side)`."""
    # A row of a square, read as one number.
    rows = covered.view(f"u{side}") != 0
    return np.asarray(rows.reshape(-1, side, rows.shape[1]).any(axis=1), bool)


def close_ink(grid: Grid) -> Image:
    """The window at half cells with everything dark and narrow filled up, `(2 * rows, 2 * columns, 3)` uint8.

    It is 0 deep in the hole.
    """
    small = cv2.convertScaleAbs(_sum_squares(grid.window, CELL_PX // 2), alpha=1 / (CELL_PX // 2) ** 2)
    hidden = _any_covered(grid.covered, CELL_PX // 2)
    small[hidden] = 0
    side = CLOSE_PX // (CELL_PX // 2) | 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    # Closing picks the light side of the noise; where nothing was filled up, that is all the difference.
    lift = cv2.subtract(closed, small)
    plain = ((strongest(lift) < CELL_INK_LEVELS) & ~hidden).view(np.uint8)
    usual = [_median_of(channel, plain) for channel in cv2.split(lift)]
    return cv2.subtract(closed, (*usual, 0.0))


def _median_of(levels: Plane, chosen: Plane) -> float:
    """The upper median of the chosen levels, 0 where none is chosen."""
    counts = np.cumsum(cv2.calcHist([levels], [0], chosen, [256], [0, 256]))
    return float(np.searchsorted(counts, counts[-1] // 2, side="right")) if counts[-1] else 0.0


def reduce_closed(closed: Image, grid: Grid) -> Image:
    """What `close_ink` gave, by whole cells: `(rows, columns, 3)` uint8."""
    return _reduce(closed, *grid.hidden.shape)


def measure_noise(grid: Grid) -> float:
    """Standard deviation of the grain in levels, from pixels two apart: strokes are a small share of them."""
    green = np.ascontiguousarray(grid.window[::NOISE_ROW_STEP, :, 1])
    covered = grid.covered[::NOISE_ROW_STEP]
    both_visible = ((covered[:, 2:] | covered[:, :-2]) == 0).view(np.uint8)
    steps = cv2.absdiff(green[:, 2:], green[:, :-2])
    # A histogram median between whole levels: plain medians of rounded values jump by a level.
    counts = np.cumsum(cv2.calcHist([steps], [0], both_visible, [256], [0, 256]))
    if not counts[-1]:
        return 1.0
    half = counts[-1] / 2
    level = int(np.searchsorted(counts, half))
    below = counts[level - 1] if level else 0
    median = level - 0.5 + (half - below) / max(counts[level] - below, 1) if level else 0.5 * half / max(counts[0], 1)
    return float(np.clip(MAD_TO_SIGMA * median / np.sqrt(2), MIN_NOISE, MAX_NOISE))


def measure_darkness(grid: Grid, closed: Image) -> Plane:
    """Levels that each pixel of the grid's window lies below what is lightest around it, `(h, w)` uint8."""
    lightest = cv2.resize(closed, grid.window.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    # What the hole shows must not darken the paper beside it: it would be taken for ink.
    filled = cv2.copyTo(lightest, grid.covered, grid.window.copy())
    return strongest(cv2.subtract(lightest, cv2.blur(filled, (INK_MEAN_PX, INK_MEAN_PX))))


def find_bare(grid: Grid, darkness: Plane, noise: float) -> Plane:
    """Visible pixels without ink and away from it, 1 in `(h, w)` uint8; all visible ones where that leaves none."""
    ink = (darkness > max(CELL_INK_LEVELS, INK_NOISES * noise)).astype(np.uint8)
    ink = cv2.dilate(ink, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (INK_RIM_PX, INK_RIM_PX)))
    bare = ((ink | grid.covered) == 0).astype(np.uint8)
    return bare if bare.any() else 1 - grid.covered


def cell_means(window: Image, weight: Plane) -> tuple[Floats, Floats]:
    """Share of the weighted pixels in each cell `(rows, columns)`, and their mean colour `(rows, columns, 3)`.

    Args:
        window: `(h, w, 3)` uint8 in whole cells.
        weight: `(h, w)` uint8, 1 for the pixels that count.
    """
    counts: Floats = np.rint(_sum_squares(weight, CELL_PX))
    sums = _sum_squares(cv2.copyTo(window, weight), CELL_PX)
    return np.asarray(counts / CELL_PX**2, np.float32), sums / thrice(np.maximum(counts, 1))


def _sum_squares(picture: Image, side: int) -> Floats:
    """Sums over squares of `side` pixels of a picture `(h, w, …)` in whole squares: `(h / side, w / side, …)`."""
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    # The rows of a square first: OpenCV's own averaging takes twice as long.
    sums = np.zeros((rows, *picture.shape[1:]), np.float32)
    for row in range(side):
        cv2.accumulate(picture[row::side], sums)
    return np.asarray(_reduce(sums, rows, columns) * side, np.float32)


def enlarge(cells: Floats, area: tuple[slice, slice]) -> Floats:
    """An area of the window, given in pixels, from a picture in cells."""
    (top, bottom), (left, right) = (
        (max(0, along.start // CELL_PX - 1), -(-along.stop // CELL_PX) + 1) for along in area
    )
    large = cv2.resize(cells[top:bottom, left:right], None, fx=CELL_PX, fy=CELL_PX, interpolation=cv2.INTER_LINEAR)
    y, x = (
        slice(along.start - CELL_PX * first, along.stop - CELL_PX * first)
        for along, first in zip(area, (top, left), strict=True)
    )
    return np.asarray(large[y, x], np.float32)


def enlarge_at(cells: Floats, y: Indices, x: Indices) -> Floats:
    """What `enlarge` gives at some pixels: `(n, 3)`.

    Args:
        cells: `(rows, columns, 3)`.
        y, x: `(n,)`, the pixels of the window.
    """
    count = len(y)
    rows = -(-count // LONGEST_LINE)  # OpenCV looks up no longer lines
    places = np.zeros((2, rows * LONGEST_LINE), np.float32)
    places[0, :count], places[1, :count] = (x + 0.5) / CELL_PX - 0.5, (y + 0.5) / CELL_PX - 0.5
    lines = places.reshape(2, rows, LONGEST_LINE)
    values = cv2.remap(cells, lines[0], lines[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values.reshape(-1, cells.shape[2])[:count], np.float32)


def area_around(hole: Mask, margin_px: int) -> tuple[slice, slice]:
    """The rows and columns that the hole, which is somewhere, takes, and a margin as far as the window goes."""
    rows = np.flatnonzero(hole.any(axis=1))  # each row is read up to its first pixel of the hole
    columns = np.flatnonzero(hole[rows[0] : rows[-1] + 1].any(axis=0))
    down, across = (
        slice(max(0, int(taken[0]) - margin_px), min(length, int(taken[-1]) + 1 + margin_px))
        for taken, length in zip((rows, columns), hole.shape, strict=True)
    )
    return down, across


def strongest(channels: AnyArray) -> AnyArray:
    """The largest of three channels: `(h, w, 3)` → `(h, w)` of the same type; NumPy takes ten times as long."""
    blue, green, red = cv2.split(channels)
    return cv2.max(cv2.max(blue, green), red)


def thin_out(picture: AnyArray, step: int) -> AnyArray:
    """`picture[::step, ::step]`, of one channel or three, in a fifth of the time that NumPy's strides take."""
    rows, columns = (-(-length // step) for length in picture.shape[:2])
    below, behind = step * rows - picture.shape[0], step * columns - picture.shape[1]
    if below or behind:
        picture = cv2.copyMakeBorder(picture, 0, below, 0, behind, cv2.BORDER_REPLICATE)
    return cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_NEAREST)  # the first pixel of whole steps


def mean_channel(picture: AnyArray) -> Floats:
    """Mean of three channels: `(h, w, 3)` → `(h, w)` float32; NumPy takes ten times as long."""
    return np.asarray(cv2.transform(picture.astype(np.float32), np.full((1, 3), 1 / 3, np.float32)), np.float32)


def thrice(plane: Floats) -> Floats:
    """`(h, w)` → `(h, w, 3)`, to be multiplied with: NumPy takes far longer where it has to repeat a channel."""
    return np.asarray(cv2.merge([plane] * 3), np.float32)


def list_numbers(numbers: Plane) -> list[int]:
    """Which numbers there are, in order: of `(h, w)` uint8."""
    return np.flatnonzero(cv2.calcHist([numbers], [0], None, [256], [0, 256])).tolist()


def find_points(mask: Mask) -> tuple[Indices, Indices]:
    """Rows and columns of the pixels of a mask `(h, w)`; NumPy takes longer where it looks for both at once."""
    y, x = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return y, x


def grow(mask: Mask, reach: int) -> Mask:
    """What lies within so many pixels or cells of a mask `(h, w)`, in rows and in columns, the mask included."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0


def fill_with_nearest(numbers: Labels) -> Labels:
    """Replace every 0 by the nearest other number."""
    _, index = cv2.distanceTransformWithLabels(
        (numbers == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(index.max()) + 1, np.int32)
    table[index[numbers > 0]] = numbers[numbers > 0]
    return table[index]
