"""Bars that run side by side through a hole, such as those of a bar code, a chart or a staff: continued across it.

Stripes on a flat page meet in a vanishing point, which may lie at infinity. It is fitted to the gradients around the
hole; seen from it, each stripe is a column. Where the columns above and below the hole show the same bars, the hole is
filled along them. Nothing is continued from one side alone.

The constants were chosen by looking at a bar code below pens and at drawn ones.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Indices, Mask, Reals
from utils.page.cells import area_around, find_points, grow, thin_out

STRIPES_AROUND_PX = 40  # so far around a hole stripes are looked for
OCCLUDER_SOFT_PX = 7  # what lies nearer to the hole is the occluder's soft edge or its deepest shadow
GLANCE_PX = 2  # of the pixels, every so many both ways are looked at
STRONG_GRADIENT = 60.0  # of Sobel's operator, in levels: a bar's edge
STRIPED_SHARE = 0.12  # of what lies around the hole; less is text or rules
ALONG_COSINE = 0.85  # of the angle between a gradient and the stripes' normal, from which it is a stripe's
ALONG_SHARE = 0.6  # of the strong gradients
FIT_ROUNDS = 3  # of the fit of the vanishing point, each on what agrees with the one before
SIDE_ROWS = 8  # so many pixels of a stripe on either side tell its colour
LEAST_ROWS = 3  # with fewer it is not seen
LEAST_WINDOW_PX, MOST_WINDOW_PX = 33, 201  # over which both sides are compared: as wide as the hole is deep
SAME_BARS = 0.8  # correlation of both sides from which they show the same stripes
LEAST_CONTRAST = 15.0  # standard deviation of a side, in levels
LEAST_CROSSINGS = 4  # of a side's mean, in a window: two bars; a rule has two, an edge has one
MOST_SHIFT_PX = 12  # by which the fit of the vanishing point may be wrong from one side of the hole to the other
SHIFT_REACHES_PX = (6.0, 3.0, 1.5)  # what lies so far from the evenly changing shift counts for its next fit
WHOLLY_FILLED = 0.99  # share of a pixel that straightened ones fill, but for rounding
MOST_STRETCH = 2.0  # by which straightening enlarges or reduces a part: the vanishing point is farther away
MOST_SIDE = 2500  # pixels of the straightened window; a larger one is not tried


def continue_stripes(window: Image, hole: Mask) -> tuple[Image, Mask] | None:
    """Fill a hole along the stripes that run through it.

    Args:
        window: `(h, w, 3)` uint8; what it shows in the hole is not looked at.
        hole: `(h, w)` bool, neither empty nor everything.

    Returns:
        `(h, w, 3)` uint8, the colours of the stripes, and `(h, w)` bool, where in the hole they are known; None where
        they are nowhere.
    """
    area = area_around(hole, STRIPES_AROUND_PX)
    hidden, picture = np.ascontiguousarray(hole[area]), np.ascontiguousarray(window[area])
    point = _find_vanishing_point(picture, hidden)
    if point is None:
        return None
    straight = _straighten(point, *hidden.shape)
    if straight is None:
        return None
    matrix, size = straight
    columns = cv2.warpPerspective(picture, matrix, size).astype(np.float32)
    near = grow(hidden, OCCLUDER_SOFT_PX).astype(np.float32)
    inside, unseen = (cv2.warpPerspective(near, matrix, size, borderValue=outside) > 0 for outside in (0, 1))
    filled, known = _fill_columns(columns, inside, unseen)
    if not known.any():
        return None
    colours, share = (
        cv2.warpPerspective(straightened, matrix, hidden.shape[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        for straightened in (filled, known.astype(np.float32))
    )
    result, where = window.copy(), np.zeros(hole.shape, bool)
    where[area] = hidden & (share > WHOLLY_FILLED)
    result[area][where[area]] = np.clip(np.rint(colours[where[area]]), 0, 255).astype(np.uint8)
    return (result, where) if where.any() else None


def _find_vanishing_point(picture: Image, hidden: Mask) -> Reals | None:
    """Where the stripes meet, homogeneous `(3,)` (x, y, w) with w 0 at infinity; None where there are no stripes.

    Args:
        picture: `(h, w, 3)` uint8.
        hidden: `(h, w)` bool, the hole.
    """
    if _find_strong(picture, hidden, GLANCE_PX) is None:
        return None
    strong = _find_strong(picture, hidden, 1)
    if strong is None:
        return None
    places, normals, agrees = strong
    scale = float(max(hidden.shape))
    places = places / scale
    # A stripe's edge points to the vanishing point: its normal is square to the way there.
    rows = np.column_stack([normals, -(normals * places).sum(axis=1)])
    for _ in range(FIT_ROUNDS):
        _, vectors = np.linalg.eigh(rows[agrees].T @ rows[agrees])
        x, y, w = vectors[:, 0]
        ways = np.array([x, y]) - w * places
        ways /= np.maximum(np.linalg.norm(ways, axis=1), 1e-9)[:, None]
        agrees = np.abs((normals * ways).sum(axis=1)) < np.sqrt(1 - ALONG_COSINE**2)
        if np.count_nonzero(agrees) < ALONG_SHARE * len(agrees):
            return None
    return np.array([x * scale, y * scale, w])


def _find_strong(picture: Image, hidden: Mask, step: int) -> tuple[Reals, Reals, Mask] | None:
    """The strong gradients around the hole: places `(n, 2)` (x, y), unit normals `(n, 2)`, and which are a stripe's.

    Args:
        picture, hidden: as `_find_vanishing_point` takes them.
        step: of the pixels, every so many both ways are looked at.

    Returns:
        None where there are too few, or they run all ways.
    """
    covered = thin_out(hidden.view(np.uint8), step)
    grey = cv2.cvtColor(thin_out(picture, step), cv2.COLOR_BGR2GRAY)
    distance = step * cv2.distanceTransform(1 - covered, cv2.DIST_L2, cv2.DIST_MASK_3)
    seen = (distance > OCCLUDER_SOFT_PX) & (distance <= STRIPES_AROUND_PX)
    dx, dy = (cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    strength = np.sqrt(dx * dx + dy * dy)  # `cv2.magnitude` rounds as the memory happens to lie
    ys, xs = find_points(seen & (strength > STRONG_GRADIENT))
    if not len(ys) or len(ys) < STRIPED_SHARE * np.count_nonzero(seen):
        return None
    normals = np.stack([dx[ys, xs], dy[ys, xs]], axis=1).astype(np.float64) / strength[ys, xs, None]
    _, axes = np.linalg.eigh(normals.T @ normals)
    agrees = np.abs(normals @ axes[:, 1]) > ALONG_COSINE
    if np.count_nonzero(agrees) < ALONG_SHARE * len(agrees):
        return None
    return step * np.stack([xs, ys], axis=1).astype(np.float64), normals, agrees


def _straighten(point: Reals, height: int, width: int) -> tuple[Reals, tuple[int, int]] | None:
    """The homography that makes each stripe a column, `(3, 3)`, and the size (width, height) of what it makes.

    It turns the window until the stripe in its middle stands upright, and moves the vanishing point to infinity.

    Args:
        point: `(3,)`, the vanishing point.
        height, width: of the window.

    Returns:
        None where the vanishing point is too near, or what it makes too large.
    """
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    away = point[:2] - point[2] * middle
    distance = float(np.linalg.norm(away))
    if not distance:
        return None
    x, y = away / distance
    upright = np.array([[-y, x, 0], [x, y, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]]
    )
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0, -point[2] / distance, 1]]) @ upright
    right, bottom = width - 1, height - 1
    corners = matrix @ np.array([[0, 0, 1], [right, 0, 1], [0, bottom, 1], [right, bottom, 1]], np.float64).T
    if corners[2].min() < 1 / MOST_STRETCH or corners[2].max() > MOST_STRETCH:
        return None
    places = corners[:2] / corners[2]
    low = np.floor(places.min(axis=1))
    size = np.ceil(places.max(axis=1) - low).astype(int) + 1
    if size.max() > MOST_SIDE:
        return None
    return np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ matrix, (int(size[0]), int(size[1]))


def _fill_columns(columns: Floats, hidden: Mask, unseen: Mask) -> tuple[Floats, Mask]:
    """Fill the hole along the columns, where both ends of it show the same bars.

    Args:
        columns: `(rows, columns, 3)` float32.
        hidden, unseen: `(rows, columns)` bool, the hole; the same and what lies outside the picture.

    Returns:
        `(rows, columns, 3)` float32 and `(rows, columns)` bool, where it is filled.
    """
    filled, known = columns.copy(), np.zeros(unseen.shape, bool)
    _, parts = cv2.connectedComponents(hidden.view(np.uint8), connectivity=4)
    for number in range(1, int(parts.max()) + 1):
        part = parts == number
        across = np.flatnonzero(part.any(axis=0))
        first = part.argmax(axis=0)[across]
        last = len(part) - 1 - part[::-1].argmax(axis=0)[across]
        above, below = _side(columns, unseen, first, across, -1), _side(columns, unseen, last, across, 1)
        size = int(np.clip(np.median(last - first + 1), LEAST_WINDOW_PX, MOST_WINDOW_PX))
        shift = _find_shift(above, below, size)
        if shift is None:
            continue
        place = np.arange(len(across), dtype=np.float32)
        alike = _correlate(above, _sample(below, place + shift), size) >= SAME_BARS
        rows = slice(int(first.min()), int(last.max()) + 1)
        way = (np.arange(rows.start, rows.stop)[:, None] - first + 1) / (last - first + 2).astype(np.float32)
        way = np.clip(way, 0, 1).astype(np.float32)
        upper, lower = _sample(above, place - way * shift), _sample(below, place + (1 - way) * shift)
        mixed = upper + way[..., None] * (lower - upper)
        found = part[rows, across[0] : across[-1] + 1][:, across - across[0]] & alike & ~np.isnan(mixed).any(axis=2)
        ys, xs = find_points(found)
        filled[rows.start + ys, across[xs]] = mixed[ys, xs]
        known[rows.start + ys, across[xs]] = True
    return filled, known


def _side(columns: Floats, unseen: Mask, ends: Indices, across: Indices, step: int) -> Floats:
    """Colour of each column beyond the end of what is unseen, `(n, 3)` float32; NaN where too little is seen.

    Args:
        columns: `(rows, columns, 3)` float32.
        unseen: `(rows, columns)` bool.
        ends: `(n,)`, the last unseen row of each column.
        across: `(n,)`, its number.
        step: 1 to look down, -1 to look up.
    """
    rows = ends[:, None] + step * np.arange(1, SIDE_ROWS + 1)
    inside = (rows >= 0) & (rows < len(columns))
    rows = np.clip(rows, 0, len(columns) - 1)
    seen = inside & ~unseen[rows, across[:, None]]
    seen = np.logical_and.accumulate(seen, axis=1)
    count = seen.sum(axis=1)
    colour = (columns[rows, across[:, None]] * seen[..., None]).sum(axis=1) / np.maximum(count, 1)[:, None]
    return np.where((count >= LEAST_ROWS)[:, None], colour, np.nan).astype(np.float32)


def _sample(side: Floats, places: Floats) -> Floats:
    """A side `(n, 3)` at places between its columns, `(…)` float32: `(…, 3)`; NaN beyond its ends."""
    before = np.clip(np.floor(places).astype(np.intp), 0, len(side) - 2)
    share = (places - before)[..., None]
    inside = (places >= 0) & (places <= len(side) - 1)
    return np.where(inside[..., None], (1 - share) * side[before] + share * side[before + 1], np.nan).astype(np.float32)


def _find_shift(above: Floats, below: Floats, window: int) -> Floats | None:
    """By how many columns the stripes below lie beside those above, `(n,)`; None where they are not alike.

    A vanishing point is never fitted exactly: the shift changes evenly from column to column.

    Args:
        above, below: `(n, 3)` float32, NaN where unknown.
        window: of so many columns in which they are compared.
    """
    place = np.arange(len(above), dtype=np.float32)
    shifts = np.arange(-MOST_SHIFT_PX, MOST_SHIFT_PX + 1)
    likeness = np.stack([_correlate(above, _sample(below, place + shift), window) for shift in shifts])
    best = likeness.max(axis=0)
    sure = best >= SAME_BARS
    if np.count_nonzero(sure) < LEAST_WINDOW_PX:
        return None
    shift = shifts[likeness.argmax(axis=0)].astype(np.float64)
    line = np.array([0.0, float(np.median(shift[sure]))])
    for reach in SHIFT_REACHES_PX:
        near = sure & (np.abs(shift - np.polyval(line, place)) <= reach)
        if np.count_nonzero(near) < LEAST_WINDOW_PX:
            return None
        line = np.polyfit(place[near], shift[near], 1)
    return np.polyval(line, place).astype(np.float32)


def _correlate(above: Floats, below: Floats, window: int) -> Floats:
    """How alike the bars of two sides are within a window of so many columns, `(n,)` float32 from -1 to 1.

    Args:
        above, below: `(n, 3)` float32; NaN where unknown.
        window: columns.

    Returns:
        -1 where one of them shows no bars.
    """
    sides = above.mean(axis=1), below.mean(axis=1)
    valid = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
    weight = valid.astype(np.float32)
    total = np.maximum(_sum(weight, window), 1e-6)
    known = [np.where(valid, side, 0).astype(np.float32) for side in sides]
    means = [_sum(side, window) / total for side in known]
    spreads = [
        np.sqrt(np.maximum(_sum(side * side, window) / total - mean**2, 0))
        for side, mean in zip(known, means, strict=True)
    ]
    together = _sum(known[0] * known[1], window) / total - means[0] * means[1]
    crossings = []
    for side, mean in zip(known, means, strict=True):
        lighter = side > mean
        crossings.append(_sum(np.append(False, (lighter[1:] != lighter[:-1]) & valid[1:]).astype(np.float32), window))
    shown = valid & (np.minimum(*spreads) >= LEAST_CONTRAST) & (np.minimum(*crossings) >= LEAST_CROSSINGS)
    return np.where(shown, together / np.maximum(spreads[0] * spreads[1], 1e-6), -1).astype(np.float32)


def _sum(values: Floats, window: int) -> Floats:
    """Sums of `(n,)` values over windows."""
    summed = cv2.blur(values[:, None], (1, window), borderType=cv2.BORDER_CONSTANT).ravel()
    return np.asarray(summed * window, np.float32)
