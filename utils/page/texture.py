"""Texture of a desk, a carpet or a cloth for where it is hidden: pieces of what is seen of it, moved there as they lie.

Only `STRENGTH` was weighed against the error; of the other constants no more is recorded than what they say.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Image, Indices, Mask, Plane, Reals
from utils.page.cells import area_around, mean_channel, strongest

MOVE_STEP_PX = 20  # between the distances that a piece may be moved by
DIRECTIONS = 16  # that it may be moved in
COMPARED_RIM_PX = 24  # a moved piece goes on from what is seen so near
UNSURE_PX = 14  # the border of what is seen is known to a cell of the paper only, and a thing's edge is soft
STRANGE_MEDIANS = 5.0  # a thing on the desk is off its tone by so many times the median, and by `STRANGE_LEVELS` more
STRANGE_LEVELS = 10.0  # on a plain desk the median is near nothing
SCENE_SHARE = 1 / 16  # of the window's longer side: over squares so large a pattern evens out
# In really covered photographs 21 desks stray by 0.1 to 2.2 levels, 3 scenes by 8 and more.
SCENE_LEVELS = 5.0  # a pattern strays by less
SCENE_STEP_PX = 8  # side of the squares in which that is looked at
MIN_WEIGHT = 0.05  # share of a square that is seen; with less it does not count
MAX_POINTS = 100  # of the hidden part and of its rim, at which the moves are compared
MIN_KNOWN_SHARE = 0.3  # of the rim's points, for a move to be compared there
UNKNOWN_MISMATCH = 2.0  # of a move that cannot be compared; the mean of all is 1
MIN_PIECE_SHARE = 0.02  # of what is still hidden; a smaller piece is not worth a seam
MAX_PIECES = 6  # that a hidden part is put together from
STRENGTH = 0.6  # of the pattern: looks alike, and errs less where it lies otherwise than the hidden one


def copy_texture(window: Image, tone: Image, source: Mask, target: Mask) -> Floats:
    """Pattern of a desk for where it is hidden.

    Args:
        window: `(h, w, 3)` uint8.
        tone: `(h, w, 3)` uint8, smooth colour of the desk.
        source: `(h, w)` bool, where it is seen.
        target: `(h, w)` bool, where it is hidden.

    Returns:
        `(height, width, 3)` float32 for the rows and columns that the target takes: differences from the tone, 0 beside
        the target and where no piece fits.
    """
    x, y, width, height = cv2.boundingRect(target.astype(np.uint8))
    missing = target[y : y + height, x : x + width].astype(np.uint8)
    texture = np.zeros((height, width, 3), np.float32)
    pattern = _find_pattern(window, tone, source) if width else None
    if pattern is None:
        return texture
    shifts = _list_shifts(*target.shape)
    mismatch = _compare(window, pattern, target, shifts)
    for _ in range(MAX_PIECES):
        points = _spread_points(missing) + np.array((y, x))
        if not len(points):
            break
        places, inside = _move(points, shifts, pattern.shape)
        covered = (pattern.ravel()[places] & inside).mean(axis=1)
        cost = mismatch + 1 - covered
        cost[covered < MIN_PIECE_SHARE] = np.inf
        best = int(cost.argmin())
        if not np.isfinite(cost[best]):
            break
        _copy_piece(texture, missing, (x, y), window, tone, pattern, shifts[best])
    return texture


def _copy_piece(
    texture: Floats, missing: Plane, corner: tuple[int, int], window: Image, tone: Image, pattern: Plane, shift: Indices
) -> None:
    """Move the pattern to where it is missing; what it fills is missing no more.

    Args:
        texture, missing: `(height, width, …)`, the target's rows and columns; changed in place.
        corner: their first column and row in the window.
        window, tone, pattern: `(h, w, …)`.
        shift: dy and dx of what is copied.
    """
    (dy, dx), (x, y), (height, width) = shift.tolist(), corner, missing.shape
    rows = slice(max(0, -dy - y), min(height, len(window) - dy - y))
    columns = slice(max(0, -dx - x), min(width, window.shape[1] - dx - x))
    there = slice(rows.start + y + dy, rows.stop + y + dy), slice(columns.start + x + dx, columns.stop + x + dx)
    piece = pattern[there] & missing[rows, columns]
    difference = cv2.subtract(window[there], tone[there], dtype=cv2.CV_32F)
    cv2.copyTo(STRENGTH * difference, piece, texture[rows, columns])
    missing[rows, columns] -= piece


def _find_pattern(window: Image, tone: Image, source: Mask) -> Plane | None:
    """1 where nothing but the desk's own pattern is seen: no things on it, no edge of a page; None where nowhere.

    What is no desk, but a scene of many things, has no pattern either.
    """
    square = np.ones((2 * UNSURE_PX + 1,) * 2, np.uint8)
    visible = cv2.erode(source.astype(np.uint8), square, borderValue=1)
    if not visible.any() or _is_scene(window, tone, visible):
        return None
    difference = strongest(cv2.absdiff(window, tone))
    counts = np.cumsum(cv2.calcHist([difference], [0], visible, [256], [0, 256]))
    limit = STRANGE_MEDIANS * float(np.searchsorted(counts, counts[-1] / 2)) + STRANGE_LEVELS
    strange = (difference > limit).astype(np.uint8) & visible
    strange = cv2.morphologyEx(strange, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return visible & (1 - cv2.dilate(strange, square))


def _is_scene(window: Image, tone: Image, visible: Plane) -> bool:
    """Whether what is seen strays from its smooth colour over long ways: things do, the pattern of a desk evens out.

    Args:
        window, tone: `(h, w, 3)` uint8.
        visible: `(h, w)`, 1 where it is seen; somewhere.
    """
    area = area_around(visible.view(bool), 0)
    mask = np.ascontiguousarray(visible[area])
    weight = _average_squares(mask * 255) / 255
    visible_light, usual = (_average_squares(cv2.copyTo(picture[area], mask)) for picture in (window, tone))
    side = max(1, round(max(visible.shape) * SCENE_SHARE / SCENE_STEP_PX))
    total = cv2.blur(weight, (side, side))[..., None]
    straying = strongest(np.abs(cv2.blur(visible_light - usual, (side, side))) / np.maximum(total, MIN_WEIGHT))
    cells = weight.reshape(straying.shape) > MIN_WEIGHT
    return bool(cells.any() and np.median(straying[cells]) > SCENE_LEVELS)


def _average_squares(picture: Image) -> Floats:
    """Means over squares of `SCENE_STEP_PX`, as many as are whole, one at least: `(h, w, …)` float32."""
    height, width = (max(1, length // SCENE_STEP_PX) for length in picture.shape[:2])
    whole = picture[: height * SCENE_STEP_PX, : width * SCENE_STEP_PX]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _list_shifts(height: int, width: int) -> Indices:
    """Moves that are tried, `(n, 2)` (dy, dx) in pixels."""
    reach = np.arange(MOVE_STEP_PX, max(height, width), MOVE_STEP_PX)
    angles = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    directions = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.rint(reach[:, None, None] * directions).astype(int).reshape(-1, 2)


def _compare(window: Image, pattern: Plane, target: Mask, shifts: Indices) -> Reals:
    """How much each move changes around the target, over the mean of all moves; 0 where nothing is seen there."""
    rim = cv2.dilate(target.astype(np.uint8), np.ones((2 * COMPARED_RIM_PX + 1,) * 2, np.uint8))
    points = _spread_points(rim & pattern)
    if not len(points):
        return np.zeros(len(shifts))
    here = window[points[:, 0], points[:, 1]]
    places, inside = _move(points, shifts, pattern.shape)
    known = pattern.ravel()[places] * inside
    there = np.take(window.reshape(-1, 3), places, axis=0)
    difference = 3 * mean_channel(cv2.absdiff(there, np.broadcast_to(here, there.shape).copy()))
    usual = max(float(difference.mean()), 1e-6)
    mismatch = (difference * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1) / usual
    mismatch[known.mean(axis=1) < MIN_KNOWN_SHARE] = UNKNOWN_MISMATCH
    return mismatch


def _spread_points(mask: Plane) -> Indices:
    """About `MAX_POINTS` points (y, x) of a mask, evenly taken; all where it has fewer."""
    points = np.flatnonzero(mask.view(bool))  # of bytes it takes ten times as long
    return np.stack(np.divmod(points[:: max(1, len(points) // MAX_POINTS)], mask.shape[1]), axis=1)


def _move(points: Indices, shifts: Indices, shape: tuple[int, ...]) -> tuple[Indices, Mask]:
    """Each point moved by each shift, `(shifts, points)`: number of its pixel or the nearest, and whether it is inside.

    Args:
        points: `(points, 2)`, y and x.
        shifts: `(shifts, 2)`.
        shape: of the picture.
    """
    height, width = shape
    y, x = (points[:, axis] + shifts[:, axis, None] for axis in (0, 1))
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return np.clip(y, 0, height - 1) * width + np.clip(x, 0, width - 1), inside
