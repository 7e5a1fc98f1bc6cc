"""Borders between surfaces, such as the edge of a page on a desk, continued through a hole as straight lines.

A border is found on cells where it runs into the hole, then measured to a fraction of a pixel, then joined with the one
that comes out opposite. Unless a constant says otherwise, it was chosen on the drawn pages of `benchmarks/structure.py`
that end on a desk, and the search on the photographs of documents on desks of `benchmarks/restoration.py`.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import Floats, Image, Indices, Labels, Mask, Plane, Points, Reals
from utils.page.cells import CELL_PX, enlarge_at, fill_with_nearest, find_points, grow

MIN_RIM_CELLS = 12  # a hole whose rim is shorter meets no border that could be measured
RIM_DEPTH_CELLS = 2.5  # cells of the rim that lie deeper in the hole are at the photo's border, where nothing is seen
HOLD_CELLS = 4  # cells along the rim, before and behind a border, that tell whether both surfaces hold on
MIN_HOLD_CELLS = 3  # of these, those that each surface must take: less is a speck
FOLLOW_CELLS = 45  # how far back a border is followed to learn its direction
MIN_BORDER_CELLS = 5  # fewer cells tell no direction
NEAR_CELLS = 12.0  # the direction is that of cells so near the hole, where they suffice
NEAR_SPARE_CELLS = 8.0  # where the border is weak at the hole, its direction is that of cells so far behind the fifth
SEARCH_SIDES_PX = 16, 24  # a border is looked for so far to both sides of its cells, which may miss it by more than two
MEASURE_SIDE_PX = 10  # a border that is found is measured with what lies so near
PROFILE_STEP_PX = 2.0  # between the profiles across a border
PROFILE_MARGIN_PX = 3  # a half level so near the profile's end is none
MIN_PROFILES = 12  # of which the half level is clear
MIN_FITTED = 8  # profiles that agree on a line
FAR_PX = 8.0  # a half level so far off the median belongs to something else
OFF_PX = 2.5  # so far off the fitted line it is left out of the next fit
LINE_FITS = 3  # of the line, each without what lies off the last
MIN_FOLLOWED_PX = 16.0  # a border counts as followed over at least so much: its direction is in doubt by no more
MAX_TURN = 0.1  # radians between a border's direction and the way to where it comes out again
STEP_DOUBT_PX = 20.0  # doubt of a direction that was measured on cells in radians, times its length in pixels
ONE_SHARED_COST = 0.5  # radians: joining borders of the page that share one surface only
NO_PAGE_COST = 2.0  # radians: joining borders that share no page; desks are of pieces of light and shadow
CORNER_COST = 1.0  # radians: a corner instead of a straight way
MIN_CORNER_SINE = 0.3  # borders at a smaller angle meet nowhere that is known well
MAX_CORNER_LENGTHS = 3.0  # a corner lies within so many times the distance of the two ends
OVERSHOOT_PX = 160  # a continued border is drawn at most so far on to reach the rim of the hole
MIXED_SHARE, MIXED_LEAST_PX = 0.08, 400  # of a part on either side of the page's edge: less is doubt of where it runs
# Of 26 parts beside the page in really covered photographs the finder was right about all with a share of 0.67 or more,
# and with less about two whose rim is 0.1 and 0.5 times the root of their area, but about none with a longer one.
LINE_PRECISION = 0.01  # cells and radians, of a border's direction
BORDER_GROUND_SHARE = 0.5  # of a part's rim that shows no page, if it lies beside it
LEAST_FITTING_SHARE = 0.04  # of a part's rim: less of its kind is the blur of a border, or a fleck
SEEN_SHARE = 0.1  # of a hidden part: a surface of which less is seen is light between fingers or a fleck
LONG_RIM = 1.0  # times the root of a part's area: a shorter rim does not tell
STAYS_REACH_PX = 2  # what lies so near to what stays touches it
PAGE_DOUBT = 0.15  # probability that there is no page, from which the finder is not sure of it
CUT_NEIGHBOURS = (-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)  # (down, across), nearest first
VOTE_LEVELS = 30.0  # a pixel farther from every tone, a channel, is print or pattern: its cell tells its surface


@dataclass(frozen=True)
class Entry:
    """A border between two surfaces that runs into the hole at `point` in the unit direction `heading` (x, y).

    Attributes:
        point, heading: `(2,)` float64.
        length: how far it was followed, in pixels.
        surfaces: the numbers of both.
    """

    point: Points
    heading: Points
    length: float
    surfaces: tuple[int, int]

    @property
    def normal(self) -> Points:
        """The unit direction across it."""
        return np.array([-self.heading[1], self.heading[0]])


def find_entries(window: Image, surface: Labels, hidden: Mask, tones: list[Floats]) -> list[Entry]:
    """Where borders between surfaces run into the hole.

    Args:
        window: `(h, w, 3)` uint8.
        surface, hidden: `(rows, columns)`, the surface of each cell, and whether the hole takes a part of it.
        tones: for each surface its colour on every cell, `(rows, columns, 3)`.
    """
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5)
    contours, _ = cv2.findContours(hidden.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    entries = []
    for contour in contours:
        if len(contour) < MIN_RIM_CELLS:
            continue
        cells = contour[:, 0, :]
        numbers = surface[cells[:, 1], cells[:, 0]].copy()
        numbers[depth[cells[:, 1], cells[:, 0]] > RIM_DEPTH_CELLS] = 0
        for index in np.flatnonzero(numbers != np.roll(numbers, -1)).tolist():
            pair = int(numbers[index]), int(numbers[(index + 1) % len(numbers)])
            if 0 in pair:
                continue
            around = [int(numbers[(index + k) % len(numbers)]) for k in range(1 - HOLD_CELLS, 1 + HOLD_CELLS)]
            if min(around.count(pair[0]), around.count(pair[1])) < MIN_HOLD_CELLS:
                continue
            rough = _follow_cells(surface, hidden, cells[index].astype(np.float64), pair)
            entry = _measure_entry(window, hidden, tones, rough) if rough else None
            if entry is not None:
                entries.append(entry)
    return entries


def _follow_cells(surface: Labels, hidden: Mask, cell: Points, pair: tuple[int, int]) -> Entry | None:
    """Direction of a border from its cells, followed back from where it meets the hole; None where they are too few.

    Args:
        surface, hidden: as for `find_entries`.
        cell: `(2,)`, where it meets the hole.
        pair: the surfaces on both sides.
    """
    first = (surface == pair[0]) & ~hidden
    second = cv2.dilate(((surface == pair[1]) & ~hidden).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    border = first & second
    if not border.any():
        return None
    # Two surfaces may meet more than once, as the rows of a table do: only the border that comes here.
    _, pieces = cv2.connectedComponents(border.astype(np.uint8), connectivity=8)
    y, x = np.nonzero(border)
    distance = np.hypot(x - cell[0], y - cell[1])
    nearest = distance.argmin()
    chosen = (distance < FOLLOW_CELLS) & (pieces[y, x] == pieces[y[nearest], x[nearest]])
    if np.count_nonzero(chosen) < MIN_BORDER_CELLS:
        return None
    fifth = float(np.sort(distance)[min(MIN_BORDER_CELLS - 1, len(distance) - 1)])
    close = chosen & (distance < max(NEAR_CELLS, fifth + NEAR_SPARE_CELLS))
    chosen = close if np.count_nonzero(close) >= MIN_BORDER_CELLS else chosen
    cells = np.stack([x, y], 1)[chosen].astype(np.float32)
    dx, dy, px, py = cv2.fitLine(cells, cv2.DIST_HUBER, 0, LINE_PRECISION, LINE_PRECISION).ravel()
    heading = np.array([dx, dy], np.float64)
    centre = np.array([px, py], np.float64)
    if heading @ (cell - centre) < 0:
        heading = -heading
    start = Entry((cell + 0.5) * CELL_PX - 0.5, heading, 0.0, pair)
    across = start.normal * (((centre + 0.5) * CELL_PX - 0.5 - start.point) @ start.normal)
    return replace(start, point=start.point + across)


def _measure_entry(window: Image, hidden: Mask, tones: list[Floats], rough: Entry) -> Entry | None:
    """The entry to a fraction of a pixel: looked for in wider and wider profiles, then measured in narrow ones."""
    tries = (_fit_entry(window, hidden, tones, rough, side) for side in SEARCH_SIDES_PX)
    entry = next((entry for entry in tries if entry), None)
    return entry and _fit_entry(window, hidden, tones, entry, MEASURE_SIDE_PX)


def _fit_entry(window: Image, hidden: Mask, tones: list[Floats], entry: Entry, side_px: int) -> Entry | None:
    """The entry as a line through the half levels of profiles across it; None where there is no such line.

    Args:
        window, hidden, tones: as for `find_entries`.
        entry: where the border runs, to within `side_px`.
        side_px: length of the profiles to both sides.
    """
    t = np.arange(-FOLLOW_CELLS * CELL_PX, 2 * CELL_PX, PROFILE_STEP_PX)
    edge = _locate_edge(window, hidden, tones, entry, t, side_px)
    clear = np.abs(edge) < side_px - PROFILE_MARGIN_PX
    if np.count_nonzero(clear) < MIN_PROFILES:
        return None
    t, edge = t[clear], edge[clear]
    fitted = np.abs(edge - np.median(edge)) < FAR_PX
    line = np.zeros(2)
    for _ in range(LINE_FITS):
        if np.count_nonzero(fitted) < MIN_FITTED:
            return None
        line = np.polyfit(t[fitted], edge[fitted], 1)
        fitted = np.abs(edge - np.polyval(line, t)) < OFF_PX
    length = max(float(np.ptp(t[fitted])), MIN_FOLLOWED_PX)
    heading = entry.heading + entry.normal * line[0]
    return Entry(entry.point + entry.normal * line[1], heading / np.hypot(*heading), length, entry.surfaces)


def _locate_edge(window: Image, hidden: Mask, tones: list[Floats], entry: Entry, t: Reals, side_px: int) -> Reals:
    """Offset of the border from the entry's line at each `t` along it, in pixels; infinite where it is not seen."""
    rows, columns = hidden.shape
    offsets = np.arange(-side_px, side_px + 1.0)
    xs, ys = (entry.point[axis] + entry.heading[axis] * t[:, None] + entry.normal[axis] * offsets for axis in (0, 1))
    column = np.clip(np.rint((xs + 0.5) / CELL_PX - 0.5), 0, columns - 1).astype(int)
    row = np.clip(np.rint((ys + 0.5) / CELL_PX - 0.5), 0, rows - 1).astype(int)
    inside = (xs >= 0) & (ys >= 0) & (xs < window.shape[1]) & (ys < window.shape[0])
    known = (inside & ~hidden[row, column]).all(axis=1)
    if not known.any():
        return np.full(len(t), np.inf)
    first, second = (tones[number - 1][row[:, side_px], column[:, side_px]] for number in entry.surfaces)
    contrast = first - second
    strip = cv2.remap(window, xs.astype(np.float32), ys.astype(np.float32), cv2.INTER_LINEAR).astype(np.float32)
    level = ((strip - second[:, None]) @ contrast[..., None])[..., 0] / np.maximum((contrast**2).sum(1), 1)[:, None]
    level = np.clip(level, 0, 1)  # 1 on the first surface, 0 on the second
    if level[known, side_px + 1 :].mean() > level[known, :side_px].mean():
        edge = side_px + 0.5 - level.sum(1)
    else:
        edge = level.sum(1) - side_px - 0.5
    return np.where(known, edge, np.inf)


def continue_borders(entries: list[Entry], hole: Mask, page: int) -> list[Points]:
    """Continue borders through the hole: to the entry opposite, to the corner two of them form, or straight on.

    Args:
        entries: where they run in.
        hole: `(h, w)` bool.
        page: number of the page; where several corners are possible, that of the page is one.

    Returns:
        Each as `(n, 2)` points (x, y).
    """
    lines, left = join_borders(entries, page)
    straight = (_go_straight(entry, hole) for entry in left)
    return [*lines, *(line for line in straight if line is not None)]


def join_borders(entries: list[Entry], page: int, doubt_px: float = STEP_DOUBT_PX) -> tuple[list[Points], list[Entry]]:
    """The borders that are seen on both sides of a hole, each as `(n, 2)` points (x, y), and the other entries.

    Args:
        entries, page: as for `continue_borders`.
        doubt_px: doubt of a direction in radians, times the length in pixels that it was measured on.
    """
    costs: list[tuple[float, int, int, list[Points]]] = []
    for i, one in enumerate(entries):
        for j in range(i):
            join = _join(one, entries[j], page, doubt_px)
            if join is not None:
                costs.append((join[0], i, j, join[1]))
    left = list(range(len(entries)))
    lines = []
    for _, i, j, corners in sorted(costs, key=lambda cost: cost[0]):
        if i in left and j in left:
            left.remove(i)
            left.remove(j)
            lines.append(np.array(corners))
    return lines, [entries[i] for i in left]


def _join(one: Entry, two: Entry, page: int, doubt_px: float) -> tuple[float, list[Points]] | None:
    """How badly two entries fit as ends of one border, in radians, and its corners; None where they do not."""
    way = two.point - one.point
    length = float(np.hypot(*way))
    shared = set(one.surfaces) & set(two.surfaces)
    if length < 1 or not shared:
        return None
    other = 0.0 if len(shared) == 2 else ONE_SHARED_COST if page in shared else NO_PAGE_COST
    turn = max(_angle(one.heading, way / length), _angle(-two.heading, way / length))
    if turn < MAX_TURN + doubt_px / min(one.length, two.length):
        return turn + other, [one.point, two.point]
    directions = np.stack([one.heading, -two.heading], 1)
    if abs(np.linalg.det(directions)) > MIN_CORNER_SINE:
        ahead = np.linalg.solve(directions, way)
        if (ahead > 0).all() and (ahead < MAX_CORNER_LENGTHS * length).all():
            return CORNER_COST + turn + other, [one.point, one.point + one.heading * ahead[0], two.point]
    return None


def _angle(one: Points, two: Points) -> float:
    return float(np.arccos(np.clip(one @ two, -1, 1)))


def _go_straight(entry: Entry, hole: Mask) -> Points | None:
    """The entry's way through the hole, `(2, 2)`; None where it misses it."""
    t = np.arange(0, sum(hole.shape))
    points = entry.point + entry.heading * t[:, None]
    in_hole = _look_up(hole, points)
    begun = np.flatnonzero(in_hole)
    if not len(begun):
        return None
    ends = np.flatnonzero(~in_hole & (t > t[begun[0]]))
    return np.asarray(points[[0, ends[0] if len(ends) else -1]])


def _look_up(mask: Mask, points: Points) -> Mask:
    """Whether each point (x, y) lies in the mask; beyond its borders none does."""
    x, y = np.rint(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    values = np.zeros(len(points), bool)
    values[inside] = mask[y[inside], x[inside]]
    return values


def divide_hole(
    window: Image,
    tones: dict[int, Floats],
    surface: Plane,
    hole: Mask,
    borders: list[Points],
    area: tuple[slice, slice],
    seen_px: Indices,
    off_page: Mask | None = None,
    grounds: tuple[int, ...] = (),
) -> Plane:
    """Surface of every pixel: the hole is cut along the borders, each part belongs to what it touches most.

    Where the finder knows the page, a part that lies on both sides of its edge is cut along that, and what is page goes
    on with a page, what is beside it with another surface.

    Surfaces of which next to nothing is seen go on nowhere if another one touches the part.

    The hole is taken a little larger: outside it, surfaces are known to a cell only. Of the surfaces beside the hole
    that one is touched whose tone the pixel has.

    Args:
        window, surface, hole: `(h, w, …)`, the part of the window that holds the hole and a margin.
        tones: by the number of the surface its colour in the whole window by cells, `(rows, columns, 3)`.
        borders: in the window's coordinates.
        area: where the part lies in the window.
        seen_px: by number of the surface how many pixels of it are seen in the window.
        off_page: `(h, w)` bool, where there is no page; None where nobody knows.
        grounds: numbers of the surfaces that are no page.
    """
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((2 * CELL_PX + 1, 2 * CELL_PX + 1), np.uint8))
    visible = wide == 0
    parts = cut_hole(wide, [line - (area[1].start, area[0].start) for line in borders])
    if off_page is not None:
        parts, off_page_parts = _cut_by_page(parts, off_page, visible)
    rim = cv2.dilate(parts, np.ones((3, 3), np.uint8))
    y, x = find_points((rim > 0) & visible)
    colours = window[y, x].astype(np.float32)
    numbers = np.array(list(tones))
    at = y + area[0].start, x + area[1].start
    distances = np.stack([np.abs(colours - enlarge_at(values, *at)).sum(axis=1) for values in tones.values()])
    unlike = distances.min(axis=0) > 3 * VOTE_LEVELS
    nearest = np.where(unlike, surface[y, x], numbers[distances.argmin(axis=0)])
    touched = rim[y, x].astype(np.int64)
    part_px = np.bincount(parts.ravel())
    large = seen_px[nearest] >= SEEN_SHARE * part_px[touched]
    chosen = large | (np.bincount(touched[large], minlength=len(part_px)) == 0)[touched]
    touched, nearest = touched[chosen], nearest[chosen]
    if off_page is not None:
        is_ground = np.isin(nearest, grounds)
        off_page_parts &= ~_is_seen_on_page(parts, touched, is_ground, len(off_page_parts))
        fitting = is_ground == off_page_parts[touched]
        # A part that touches next to nothing of its kind takes what there is.
        counts, fits = (np.bincount(numbers, minlength=len(off_page_parts)) for numbers in (touched, touched[fitting]))
        chosen = fitting | (fits < LEAST_FITTING_SHARE * counts)[touched]
        touched, nearest = touched[chosen], nearest[chosen]
    owners = _count_votes(touched, nearest, int(parts.max()) + 1, int(max(numbers.max(), surface.max())))
    divided = np.where(visible, surface, owners[parts])
    _close_cuts(divided, (parts == 0) & (divided == 0))
    if not divided.all() and divided.any():  # a part that nothing touches
        divided = fill_with_nearest(divided.astype(np.int32))
    return divided.astype(np.uint8)


class Rest(NamedTuple):
    """What stays of an occluder beside the page, though it is hidden there: it is not painted.

    Attributes:
        pixels: `(h, w)` bool, part of the hole.
        off_page: `(h, w)` float32 in [0, 1], how likely there is no page.
        edge_px: pixels of the photo, to which the finder knows the page's edge.
    """

    pixels: Mask
    off_page: Floats
    edge_px: float


def leave_out(divided: Plane, hole: Mask, rest: Rest, grounds: tuple[int, ...]) -> Mask:
    """The parts of a hole beside the page that touch what stays of an occluder and stay like it: `(h, w)` bool.

    Between the page and what lies on it no desk is seen. Where a border that was measured and the finder do not agree
    where the page ends, there would be a strip of it. The finder is right where it is sure or nearly agrees, and page
    is painted; else the border is.

    Args:
        divided: `(h, w)` the surface of each pixel, changed in place: what touches the rest takes that of the page.
        hole: `(h, w)` bool.
        rest: what stays.
        grounds: numbers of the surfaces that are no page.
    """
    left_out = np.zeros(hole.shape, bool)
    beside = hole & np.isin(divided, grounds)
    painted = hole & ~beside
    touched = beside & grow(rest.pixels, STAYS_REACH_PX)
    if not touched.any() or not painted.any():
        return left_out
    numbers = fill_with_nearest(np.where(painted, divided, 0).astype(np.int32))
    thickness = cv2.distanceTransform((beside & ~rest.pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(beside.astype(np.uint8), connectivity=8)
    for number in np.unique(parts[touched]).tolist():
        x, y, width, height = stats[number, : cv2.CC_STAT_AREA].tolist()
        box = np.s_[y : y + height, x : x + width]
        part = parts[box] == number
        divided[box][part] = numbers[box][part]
        strip = part & ~rest.pixels[box]
        if thickness[box][strip].max(initial=0) > rest.edge_px and np.median(rest.off_page[box][strip]) >= PAGE_DOUBT:
            left_out[box] |= strip
    return left_out


def _close_cuts(numbers: Plane, cut: Mask) -> None:
    """Give cuts, which are a pixel wide, to what lies beside them, in place: both `(h, w)`."""
    height, width = cut.shape
    y, x = find_points(cut)
    for down, across in CUT_NEIGHBOURS:
        neighbours = numbers[np.clip(y + down, 0, height - 1), np.clip(x + across, 0, width - 1)]
        numbers[y, x] = neighbours
        y, x = y[neighbours == 0], x[neighbours == 0]


def _cut_by_page(parts: NDArray[np.uint16], off_page: Mask, visible: Mask) -> tuple[NDArray[np.uint16], Mask]:
    """Cut parts of a hole along the page's edge where they lie on both sides of it and page is seen beside them.

    Args:
        parts: `(h, w)` numbers, 0 outside.
        off_page: `(h, w)` bool, where there is no page.
        visible: `(h, w)` bool, outside the hole.

    Returns:
        The new numbers, and by number whether that part lies beside the page.
    """
    count = int(parts.max()) + 1
    area = np.bincount(parts.ravel(), minlength=count)
    off_page_counts = np.bincount(parts[off_page], minlength=count)
    share = off_page_counts / np.maximum(area, 1)
    mixed = np.minimum(off_page_counts, area - off_page_counts) > np.maximum(MIXED_SHARE * area, MIXED_LEAST_PX)
    mixed[0] = False
    if mixed.any():
        square = np.ones((3, 3), np.uint8)
        rim, page_rim = (
            np.bincount(cv2.dilate(numbers, square)[visible], minlength=count)
            for numbers in (parts, np.where(off_page, np.uint16(0), parts))
        )
        mixed &= page_rim >= LEAST_FITTING_SHARE * rim
    numbers = np.where(mixed[parts] & off_page, parts + count, parts).astype(np.uint16) if mixed.any() else parts
    return numbers, np.asarray(np.concatenate([~mixed & (share > 0.5), np.ones(count, bool)]), bool)


def _is_seen_on_page(parts: NDArray[np.uint16], touched: Indices, is_ground: Mask, count: int) -> Mask:
    """By number whether a part that the finder lays beside the page lies on it: most of a long rim is seen to be page.

    Below what covers it the finder guesses. What comes in over the photo's border shows little rim, which says little.

    Args:
        parts: `(h, w)` numbers, 0 outside.
        touched: `(n,)`, of pixels along the hole the part that they touch.
        is_ground: `(n,)`, whether each shows what is no page.
        count: of the numbers.
    """
    area, rim, ground = (
        np.bincount(numbers, minlength=count) for numbers in (parts.ravel(), touched, touched[is_ground])
    )
    return np.asarray((rim > LONG_RIM * np.sqrt(area)) & (ground < BORDER_GROUND_SHARE * rim), bool)


def cut_hole(wide: Plane, lines: list[Points]) -> NDArray[np.uint16]:
    """Number the parts of a hole, `(h, w)` 1 in it, that lines leave; 0 on these and outside."""
    free = wide.copy()
    for line in lines:
        # Beyond both ends, so that no gap is left at the rim.
        before, behind = _beyond(line[0], line[0] - line[1], wide), _beyond(line[-1], line[-1] - line[-2], wide)
        points = np.rint(np.vstack([before, line, behind]) * 16).astype(np.int32)
        cv2.polylines(free, [points], False, 0, 1, cv2.LINE_8, 4)
    _, parts = cv2.connectedComponents(free, connectivity=4, ltype=cv2.CV_16U)
    return np.asarray(parts, np.uint16)


def _beyond(point: Points, way: Points, wide: Plane) -> Points:
    """The first point from `point` on along `way` that lies outside the hole, at most `OVERSHOOT_PX` off."""
    heading = way / max(float(np.hypot(*way)), 1e-9)
    in_hole = _look_up(wide > 0, point + heading * np.arange(OVERSHOOT_PX + 1)[:, None])
    # A pixel or two further, for rounding; the end may lie outside already.
    stop = int(in_hole.argmin()) if not in_hole.all() else OVERSHOOT_PX
    return np.asarray(point + heading * (stop + 2))


def _count_votes(parts: Indices, surfaces: Indices, count: int, largest: int) -> Plane:
    """For each of `count` parts the surface that touches it in most pixels, of numbers up to the largest; else 0."""
    votes = np.zeros((count, largest + 1), np.int64)
    np.add.at(votes, (parts, surfaces), 1)
    votes[:, 0] = 0
    return votes.argmax(axis=1).astype(np.uint8)
