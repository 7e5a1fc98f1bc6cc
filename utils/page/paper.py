"""What colour the bare paper has everywhere, below ink and below a hole, and where the paper ends.

Bare paper is measured on cells from visible pixels without ink and continued into the hole. Surfaces that meet at a
sharp border (page and desk, two pages, a tinted box) are told apart, each is continued on its own, and the border
between them is continued as a straight line.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import Floats, Image, Indices, Labels, Mask, Plane, Points
from utils.page.borders import Rest, continue_borders, divide_hole, find_entries, leave_out
from utils.page.cells import (
    CELL_PX,
    Grid,
    area_around,
    cell_means,
    close_ink,
    enlarge,
    find_bare,
    lay_grid,
    list_numbers,
    measure_darkness,
    measure_noise,
    reduce_closed,
    strongest,
    thrice,
)
from utils.page.light import measure_light
from utils.page.surfaces import choose_page, find_grounds, find_pictures, find_textured, number_surfaces
from utils.page.tone import continue_tone

BORDER_CELLS = 2  # so near another surface a cell holds some of it
VOTE_PX = 24  # surfaces so near the hole may be continued in it
BORDER_SOFT_PX = 1.2  # blur (standard deviation) of a border between surfaces, as a lens and a sensor give
BORDER_REACH_PX = 6  # beyond that no part of the blur is left
SQUARE_PX = 256  # side of the squares in which surfaces are painted: what is worked on stays in the cache


@dataclass(frozen=True)
class Paper:
    """The bare surfaces of a window.

    Attributes:
        tone: `(h, w, 3)` float32 in [0, 255], the colour without ink, hole included.
        bare: `(h, w)` bool, visible pixels without ink and away from it.
        surface: `(h, w)` uint8, number of the surface (from 1), hole included; all 1 where there is only one.
        page: the number of the surface that is most likely the page.
        textured: numbers of the surfaces with a texture, such as desks; a tinted row with print on it has none.
        borders: each continued border as `(n, 2)` float64 points (x, y) inside the hole.
        noise: standard deviation of the grain on bare paper, in levels.
        light: `(rows, columns, 3)` float32, by cells of `CELL_PX`: 1 divided by the share of the light that the
            occluder's shadow leaves there; 1 where there is no shadow.
        left_out: `(h, w)` bool, what of the hole is better left as it is, see `utils.page.borders.leave_out`; None
            where nothing was looked for.
    """

    tone: Floats
    bare: Mask
    surface: Plane
    page: int
    textured: tuple[int, ...]
    borders: list[Points]
    noise: float
    light: Floats
    left_out: Mask | None = None


def measure_paper(window: Image, hole: Mask, off_page: Mask | None = None, rest: Rest | None = None) -> Paper:
    """Measure the bare paper around a hole and continue it across.

    Args:
        window: `(h, w, 3)` uint8 BGR; what it shows inside the hole is not looked at.
        hole: `(h, w)` bool, not True everywhere.
        off_page: `(h, w)` bool, where there is no page; None where nobody knows.
        rest: what stays of an occluder; None is nothing.
    """
    grid = lay_grid(window, hole)
    closed = close_ink(grid)
    noise = measure_noise(grid)
    darkness = measure_darkness(grid, closed)
    bare = find_bare(grid, darkness, noise)
    surface = number_surfaces(reduce_closed(closed, grid), grid.hidden)
    share, mean = cell_means(grid.window, bare)
    beside = find_grounds(surface, off_page, grid.hidden)
    seen = np.bincount(surface[~grid.hidden], minlength=int(surface.max()) + 1)
    # Where all that is seen lies beside the page, one of the surfaces must do as the page.
    grounds = () if beside is None or len(beside) == np.count_nonzero(seen) else beside
    page = choose_page(surface, mean, np.where(np.isin(surface, grounds), 0, share))
    textured = find_textured(surface, darkness, grid.covered, page)
    if beside is not None:  # from a page print would be copied, unless it is a picture
        copied = beside + find_pictures(surface, share, grid.hidden)
        textured = tuple(number for number in textured if number in copied)
    if textured:  # what is dark there is texture and no ink: every visible pixel is theirs
        _count_all_visible(grid, np.isin(surface, textured), share, mean)
    shares = [_share_of(surface, number, share) for number in range(1, int(surface.max()) + 1)]
    light = measure_light(mean, shares[page - 1], grid.hidden)
    lit = strongest(light) <= 1
    tones = [continue_tone(mean, share * lit, grid.hidden) for share in shares]
    height, width = hole.shape
    left_out = None
    if len(tones) == 1:
        tone, pixels = enlarge(tones[0], (slice(0, height), slice(0, width))), np.ones(hole.shape, np.uint8)
        borders: list[Points] = []
    else:
        borders = continue_borders(find_entries(window, surface, grid.hidden, tones), hole, page)
        tone, pixels, left_out = _lay_surfaces(
            window, hole, surface, tones, seen * CELL_PX**2, borders, off_page, grounds, rest
        )
    bare_pixels = bare[:height, :width].astype(bool)
    return Paper(tone, bare_pixels, pixels, page, textured, borders, noise, light, left_out)


def _count_all_visible(grid: Grid, cells: Mask, share: Floats, mean: Floats) -> None:
    """Let every visible pixel of some cells count for their share and mean, which are changed in place."""
    visible_share, visible_mean = cell_means(grid.window, 1 - grid.covered)
    share[cells], mean[cells] = visible_share[cells], visible_mean[cells]


def _share_of(surface: Labels, number: int, share: Floats) -> Floats:
    """How much of each cell is bare and of one surface, without the cells at its border, which hold two."""
    cells = surface == number
    if surface.max() > 1:
        side = 2 * BORDER_CELLS + 1
        inner = cv2.erode(cells.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=1) > 0
        cells = inner if inner.any() else cells
    return np.where(cells, share, 0)


def _lay_surfaces(
    window: Image,
    hole: Mask,
    surface: Labels,
    tones: list[Floats],
    seen_px: Indices,
    borders: list[Points],
    off_page: Mask | None,
    grounds: tuple[int, ...],
    rest: Rest | None,
) -> tuple[Floats, Plane, Mask | None]:
    """Tone `(h, w, 3)` and number `(h, w)` of the surface of each pixel, with the hole divided along the borders.

    Besides, what of the hole is left out, as in `Paper`.

    Args:
        window, hole: of `(h, w, …)` pixels.
        surface: number of each cell.
        tones: of each surface by cells.
        seen_px: of each surface, by its number.
        borders: continued through the hole.
        off_page: `(h, w)` bool, where there is no page, or None.
        grounds: numbers of the surfaces that are no page.
        rest: what stays of an occluder, or None.
    """
    height, width = hole.shape
    pixels = np.repeat(np.repeat(surface.astype(np.uint8), CELL_PX, 0), CELL_PX, 1)[:height, :width]
    area = area_around(hole, 2 * CELL_PX)
    local = {number: tones[number - 1] for number in list_numbers(pixels[area_around(hole, VOTE_PX)])}
    apart = None if off_page is None or not grounds else off_page[area]
    pixels[area] = divide_hole(window[area], local, pixels[area], hole[area], borders, area, seen_px, apart, grounds)
    left_out = None
    if apart is not None and rest is not None:
        left_out = np.zeros(hole.shape, bool)
        cut = rest._replace(pixels=rest.pixels[area], off_page=rest.off_page[area])
        left_out[area] = leave_out(pixels[area], hole[area], cut, grounds)
    tone = np.empty((height, width, 3), np.float32)
    # Soft borders in the hole only: outside, nothing is drawn.
    _paint_surfaces(tone, pixels, tones, area, BORDER_REACH_PX)
    (top, bottom), (left, right) = ((along.start, along.stop) for along in area)
    for rows, columns in (
        ((0, top), (0, width)),
        ((bottom, height), (0, width)),
        ((top, bottom), (0, left)),
        ((top, bottom), (right, width)),
    ):
        _paint_surfaces(tone, pixels, tones, (slice(*rows), slice(*columns)))
    return tone, pixels, left_out


def _paint_surfaces(
    tone: Floats, pixels: Plane, tones: list[Floats], area: tuple[slice, slice], reach_px: int = 0
) -> None:
    """Paint each pixel of an area in the colour of its surface, square by square: most squares hold a single one.

    Args:
        tone: `(h, w, 3)` float32, what is painted.
        pixels: `(h, w)`, the number of each pixel's surface.
        tones: of each surface by cells.
        area: the rows and columns that are painted.
        reach_px: how far a border is softened to both sides; 0 for hard borders.
    """
    for top in range(area[0].start, area[0].stop, SQUARE_PX):
        for left in range(area[1].start, area[1].stop, SQUARE_PX):
            square = slice(top, min(top + SQUARE_PX, area[0].stop)), slice(left, min(left + SQUARE_PX, area[1].stop))
            # What lies beyond the area has no part in its borders.
            around = tuple(
                slice(max(whole_span.start, span.start - reach_px), min(whole_span.stop, span.stop + reach_px))
                for whole_span, span in zip(area, square, strict=True)
            )
            numbers = pixels[around]
            present = list_numbers(numbers)
            if len(present) == 1:
                tone[square] = enlarge(tones[present[0] - 1], square)
                continue
            if not reach_px:
                for number in present:
                    share = (numbers == number).astype(np.uint8)
                    cv2.copyTo(enlarge(tones[number - 1], square), share, tone[square])
                continue
            inner = tuple(
                slice(span.start - wide.start, span.stop - wide.start)
                for wide, span in zip(around, square, strict=True)
            )
            soft = np.zeros((*numbers[inner].shape, 3), np.float32)
            for number in present:
                weight = cv2.GaussianBlur((numbers == number).astype(np.float32), (0, 0), BORDER_SOFT_PX)
                soft += thrice(weight[inner]) * enlarge(tones[number - 1], square)
            tone[square] = soft
