"""Where the page ends below an occluder: straight on from where its edge is seen on both sides.

The network sees the page's edge well and guesses it below what covers it. Where the edge runs into an occluder and
comes out again, it is continued as `utils.page.borders` continues borders; each part that this cuts off is page or none
as what is seen beside it. Where the edge is seen on one side only, or is not straight, the network's guess stays, but
for islands: what hangs together with nothing that is seen is noise.
"""

import cv2
import numpy as np

from utils.arrays import Floats, Indices, Mask, Plane
from utils.finding.outlines import FIT_PRECISION
from utils.finding.scope import CLEAR_PX
from utils.page.borders import Entry, cut_hole, join_borders
from utils.page.cells import grow
from utils.regions import Box, connected_bounds, crop

# Pixels of the network. Chosen by looking at 28 really covered photographs and the five of `test_img`.
FOLLOW_PX = (50, 25, 15)  # the edge's direction is that of what lies so near; of less, where more is not straight
LEAST_PX = 12  # an edge that is followed over less tells no direction
DOUBT_PX = 4.0  # doubt of an edge's direction in radians, times the length in pixels that it was followed over
STRAIGHT_PX = 1.5  # a straight edge strays by less, root mean square
HOLD, LEAST_HOLD = 8, 6  # pixels of the rim beside an edge, and how many of them must be of one kind
ENTRY_NEAR_PX = 8.0  # the edge lies so near its end at the rim
ONE_KIND = 0.9  # of what is seen along a part's rim, that makes it page or none
ANSWER_SOFT_PX = 1.5  # standard deviation of the blur along the edge: a network's answer is soft, and so it is enlarged
SEEN_PAGE, SEEN_BESIDE = 1, 2  # kinds of what is seen
SEEN_KINDS = SEEN_PAGE, SEEN_BESIDE  # all but what is hidden


def continue_page(off_page: Floats, covered: Mask) -> Floats:
    """What the network says of the page, with its edge below occluders where that is known from both sides.

    Args:
        off_page: `(h, w)` float32, the probability that there is no page.
        covered: `(h, w)` bool, the occluders.

    Returns:
        `(h, w)` float32, `off_page` itself where nothing changes; farther than `CLEAR_PX` from the occluders it
        is the same.
    """
    hidden = grow(covered, CLEAR_PX)
    continued = _without_islands(off_page, hidden)
    for bounds in connected_bounds(hidden):
        window = bounds.padded(FOLLOW_PX[0], *hidden.shape)
        part = crop(continued, window)
        inner = bounds.shifted(-window.x0, -window.y0)
        changed = _continue_window(part, np.ascontiguousarray(crop(hidden, window)), inner)
        if changed is not None:
            continued = continued.copy() if continued is off_page else continued
            crop(continued, window)[:] = changed
    return continued


def _without_islands(off_page: Floats, hidden: Mask) -> Floats:
    """`off_page` with parts of either kind that lie wholly in what is hidden, `(h, w)` bool, turned into the other."""
    islands = np.zeros_like(hidden)
    for kind in (off_page < 0.5, off_page >= 0.5):
        _, labels = cv2.connectedComponents(kind.astype(np.uint8), connectivity=4)
        seen = np.unique(labels[~hidden])
        islands |= kind & ~np.isin(labels, seen)
    return np.where(islands, 1 - off_page, off_page) if islands.any() else off_page


def _continue_window(off_page: Floats, hidden: Mask, bounds: Box) -> Floats | None:
    """`continue_page` for the hidden parts within the bounds, in a window around them; None where nothing changes."""
    seen = np.where(hidden, 0, np.where(off_page < 0.5, SEEN_PAGE, SEEN_BESIDE)).astype(np.uint8)
    hole = np.zeros(hidden.shape, np.uint8)
    crop(hole, bounds)[:] = crop(hidden, bounds)
    ring = seen[grow(hole > 0, 1) & ~hidden]
    if min(np.count_nonzero(ring == kind) for kind in SEEN_KINDS) < LEAST_HOLD:
        return None
    lines, _ = join_borders(_find_entries(seen, hole), SEEN_PAGE, DOUBT_PX)
    if not lines:
        return None
    parts = cut_hole(hole, lines)
    rim = cv2.dilate(parts, np.ones((3, 3), np.uint8))
    count = int(parts.max()) + 1
    page, beside = (np.bincount(rim[(seen == kind) & (rim > 0)], minlength=count) for kind in SEEN_KINDS)
    total = np.maximum(page + beside, 1)
    kinds = np.where(page >= ONE_KIND * total, SEEN_PAGE, np.where(beside >= ONE_KIND * total, SEEN_BESIDE, 0))
    kinds[0] = 0
    # The cut itself, which is in no part, counts as page: half a pixel of page too much shows less than a line of skin.
    known = (kinds > 0)[parts]
    decided = known | ((parts == 0) & (hole > 0) & grow(known, 1))
    beside_share, known_share = (
        cv2.GaussianBlur(mask.astype(np.float32), (0, 0), ANSWER_SOFT_PX)
        for mask in ((kinds == SEEN_BESIDE)[parts], decided)
    )
    return np.where(decided, beside_share / np.maximum(known_share, 1e-6), off_page).astype(np.float32)


def _find_entries(seen: Plane, hole: Plane) -> list[Entry]:
    """Where a straight edge of the page runs into the hole.

    Args:
        seen: `(h, w)` uint8, page, beside it, or 0 where neither is seen.
        hole: `(h, w)` uint8, 1 in it.
    """
    square = np.ones((3, 3), np.uint8)
    page, beside = ((seen == kind).astype(np.uint8) for kind in SEEN_KINDS)
    edge = (cv2.dilate(page, square) & beside) | (cv2.dilate(beside, square) & page)
    _, pieces = cv2.connectedComponents(edge, connectivity=8)
    y, x = np.nonzero(edge)
    points, numbers = np.stack([x, y], axis=1), pieces[y, x]
    entries = []
    contours, _ = cv2.findContours(cv2.dilate(hole, square), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        rim = contour[:, 0]
        kinds = seen[rim[:, 1], rim[:, 0]]
        following = np.roll(kinds, -1)
        for index in np.flatnonzero((kinds != following) & (kinds > 0) & (following > 0)).tolist():
            along = np.arange(1, HOLD + 1)
            sides = kinds[(index + 1 - along) % len(kinds)], kinds[(index + along) % len(kinds)]
            held = (np.count_nonzero(side == side[0]) >= LEAST_HOLD for side in sides)
            entry = _fit_entry(points, numbers, rim[index]) if all(held) else None
            if entry is not None:
                entries.append(entry)
    return entries


def _fit_entry(points: Indices, numbers: Indices, end: Indices) -> Entry | None:
    """The straight edge that ends at a point of the rim; None where there is none.

    Args:
        points: `(n, 2)` (x, y), all pixels along the page's edge.
        numbers: `(n,)`, of the connected piece that each belongs to.
        end: `(2,)` (x, y).
    """
    distance = np.hypot(*(points - end).T)
    if not len(points) or distance.min() > ENTRY_NEAR_PX:
        return None
    own = numbers == numbers[distance.argmin()]
    for reach in FOLLOW_PX:
        near = points[own & (distance < reach)].astype(np.float32)
        dx, dy, px, py = cv2.fitLine(near, cv2.DIST_HUBER, 0, FIT_PRECISION, FIT_PRECISION).ravel()
        heading, centre = np.array([dx, dy], np.float64), np.array([px, py], np.float64)
        heading = heading if heading @ (end - centre) >= 0 else -heading
        across = np.array([-heading[1], heading[0]])
        length = float(np.ptp(near @ heading))
        if length >= LEAST_PX and np.sqrt(np.mean(np.square((near - centre) @ across))) < STRAIGHT_PX:
            return Entry(end + across * ((centre - end) @ across), heading, length, SEEN_KINDS)
    return None
