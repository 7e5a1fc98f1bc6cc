"""Repair a hole in a photographed page from what a page is made of: paper, rules and grain, measured around the hole.

`repair` is the one entry point. Text is lost; `utils.page.doubt` tells where the repair does not fit.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import Floats, Image, Mask, Plane, Points, Reals
from utils.page.borders import Rest
from utils.page.cells import strongest
from utils.page.grain import TILE_PX, draw_grain, measure_grain, seed_of
from utils.page.paper import Paper, measure_paper
from utils.page.patterns import find_patterned
from utils.page.rim import meet_rim
from utils.page.rule import Rule
from utils.page.rules import find_rules
from utils.page.shadow import lift_shadow
from utils.page.stripes import continue_stripes
from utils.page.strokes import draw_rules
from utils.page.texture import copy_texture

BORDER_GUARD_PX = 25  # width of the band along borders of surfaces in which the darker one counts as paper
STRIP_PX = 64  # height of the strips in which the hole is painted; whole ones make a tile of the grain
HOLE_BGR, VISIBLE_BGR, CONTINUED_BGR, BORDER_BGR = (
    (255, 120, 0),
    (0, 170, 0),
    (0, 0, 230),
    (230, 0, 0),
)  # of `debug_picture`
DRAWN_PX = 3  # thickness of its lines
WHITE = 255  # the paper of a window that shows none


@dataclass(frozen=True)
class Structure:
    """A repaired window and what it was repaired from.

    Attributes:
        image: `(h, w, 3)` uint8, equal to the window outside the hole and the shade.
        lifted: `(h, w, 3)` uint8, the window without the occluder's shadow, with the occluder.
        shade: `(h, w)` bool, where the occluder's shadow beside the hole was lifted.
        tone: `(h, w, 3)` uint8, colour of the bare paper.
        visible: rules that run into the hole, their visible parts as `(n, 2)` points (x, y).
        continued: the rules drawn in the hole.
        borders: borders between surfaces, for example page and desk, continued in the hole, as `(n, 2)` points.
        surface: `(h, w)` uint8, number of the surface from 1, hole included; all 1 where there is only one.
        page: the number of the surface that is most likely the page.
        textured: numbers of the surfaces whose texture is copied, such as desks.
        doubted: numbers of the surfaces in the hole that paper, rules and grain do not describe, such as pictures.
        left_out: `(h, w)` bool, what of the hole is better left as it is; None where nothing was looked for.
    """

    image: Image
    lifted: Image
    shade: Mask
    tone: Image
    visible: list[Reals]
    continued: list[Rule]
    borders: list[Points]
    surface: Plane
    page: int = 1
    textured: tuple[int, ...] = ()
    doubted: tuple[int, ...] = ()
    left_out: Mask | None = None


def repair(window: Image, hole: Mask, off_page: Mask | None = None, rest: Rest | None = None) -> Structure:
    """Fill a hole with what its surroundings say lies below it.

    Args:
        window: `(h, w, 3)` uint8 BGR, the hole and some 400 px around it, as far as the photo goes.
        hole: `(h, w)` bool, grown past the occluder's soft edge; the pixels in it are never looked at.
        off_page: `(h, w)` bool, where there is no page, nor would be without what covers it; None where nobody knows.
        rest: what stays of an occluder beside the page; None is nothing.

    Raises:
        ValueError: the shapes do not fit.
    """
    _check_shapes(window, hole)
    if not hole.any():
        return Structure(window.copy(), window, hole, window.copy(), [], [], [], np.ones(hole.shape, np.uint8))
    if hole.all():  # nothing is visible that could be continued
        image = np.full_like(window, WHITE)
        return Structure(image, window, ~hole, image, [], [], [], np.ones(hole.shape, np.uint8))
    # What covers the page must not get into it: measuring never sees the hole's pixels, and strokes see bare paper.
    paper = measure_paper(_blank(window, hole), hole, off_page, rest)
    lifted, shade = lift_shadow(window, hole, paper)
    meet_rim(lifted, hole, paper)
    tone = np.asarray(cv2.convertScaleAbs(paper.tone), np.uint8)
    visible = lifted.copy()
    cv2.copyTo(tone, hole.view(np.uint8), visible)
    rules = find_rules(_measure_darkness(visible, tone, paper), hole, paper.surface, paper.noise, paper.page)
    image = _fill(lifted, visible, hole, paper, tone, rules, seed_of(window, hole))
    visible_rules = [end.points(rule.standing) for rule in rules for end in rule.ends]
    surfaces = paper.surface, paper.page, paper.textured, tuple(find_patterned(visible, paper, hole))
    return Structure(image, lifted, shade, tone, visible_rules, rules, paper.borders, *surfaces, paper.left_out)


def _check_shapes(window: Image, hole: Mask) -> None:
    if window.ndim != 3 or window.shape[2] != 3 or window.shape[:2] != hole.shape:
        raise ValueError(f"the window is {window.shape} and its hole {hole.shape}: (h, w, 3) and (h, w) are needed")


def _blank(window: Image, hole: Mask) -> Image:
    """A copy of the window with 0 in its hole."""
    return np.asarray(cv2.copyTo(window, (~hole).view(np.uint8)), np.uint8)


def _measure_darkness(visible: Image, tone: Image, paper: Paper) -> Plane:
    """Levels that each pixel lies below the paper, in the channel that shows it best: `(h, w)` uint8.

    Args:
        visible: `(h, w, 3)` uint8, the window with bare paper in its hole.
        tone: `(h, w, 3)` uint8, the bare paper.
        paper: its surfaces.
    """
    lightest = tone
    if paper.surface.max() > 1:  # a rule between two of them is darker than both
        kernel = np.ones((BORDER_GUARD_PX, BORDER_GUARD_PX), np.uint8)
        border = cv2.dilate(paper.surface, kernel) != cv2.erode(paper.surface, kernel)
        lightest = cv2.copyTo(cv2.erode(tone, kernel), border.astype(np.uint8), tone.copy())
    return strongest(cv2.subtract(lightest, visible))


def _fill(
    lifted: Image,
    visible: Image,
    hole: Mask,
    paper: Paper,
    tone: Image,
    rules: list[Rule],
    seed: int,
) -> Image:
    """The window with its hole painted: paper, rules, a desk's texture, stripes, and grain.

    Args:
        lifted, visible: `(h, w, 3)` uint8, the window without shadow; the same with bare paper in its hole.
        hole: `(h, w)` bool.
        paper, rules: what to paint.
        tone: `(h, w, 3)` uint8, the paper's.
        seed: of the grain.
    """
    covered = hole.view(np.uint8)
    left, top, width, height = cv2.boundingRect(covered)
    area = slice(top, top + height), slice(left, left + width)
    ink = draw_rules(visible, hole, paper.tone, rules, area) if rules else None
    stripes = continue_stripes(lifted, hole)
    desk = np.isin(np.arange(paper.surface.max() + 1), paper.textured)[paper.surface[area]]
    texture = _copy_textures(visible, tone, hole, paper, desk & hole[area], area) if desk.any() else None
    spectrum = measure_grain(visible, paper.tone, paper.bare)
    grain = None if spectrum is None else draw_grain(spectrum, TILE_PX, width, seed)
    image = lifted.copy()
    for start in range(0, height, STRIP_PX):  # what is worked on stays in the cache
        x, _, columns, _ = cv2.boundingRect(covered[top + start : min(top + start + STRIP_PX, top + height)])
        if not columns:  # between two parts of the hole
            continue
        strip = slice(start, min(start + STRIP_PX, height)), slice(x - left, x - left + columns)
        place = slice(top + strip[0].start, top + strip[0].stop), slice(x, x + columns)
        values = paper.tone[place].copy()
        if ink is not None:
            values *= 1 - ink[strip]
        if texture is not None:
            values += texture[strip]
        if stripes is not None:
            np.copyto(values, stripes[0][place], where=stripes[1][place][..., None])
        if grain is not None:
            first = start % TILE_PX
            grown = grain[first : first + strip[0].stop - start, strip[1]]
            values += grown if texture is None else grown * ~desk[strip][..., None]
        cv2.copyTo(cv2.convertScaleAbs(np.maximum(values, 0)), covered[place], image[place])
    return image


def _copy_textures(
    visible: Image, tone: Image, hole: Mask, paper: Paper, hidden: Mask, area: tuple[slice, slice]
) -> Floats:
    """The texture of each desk for where it is hidden, as differences from the tone, of an area.

    Args:
        visible, tone, hole, paper: of the window, as `_fill` takes them.
        hidden: `(height, width)` bool, of the area, where a desk is hidden.
        area: the rows and columns that the hole takes.
    """
    texture = np.zeros((*hidden.shape, 3), np.float32)
    for number in np.unique(paper.surface[area][hidden]):
        surface = paper.surface == number
        target = surface & hole
        x, y, width, height = cv2.boundingRect(target.view(np.uint8))
        window = np.s_[y - area[0].start :, x - area[1].start :]
        texture[window][:height, :width] += copy_texture(visible, tone, surface & ~hole, target)
    return texture


def debug_picture(structure: Structure, window: Image, hole: Mask) -> Image:
    """The window with the paper's tone in its hole, visible rules in green, continued ones in red, borders in blue.

    Args:
        structure: what `repair` returned.
        window, hole: what it was given.

    Returns:
        `(h, w, 3)` uint8.
    """
    picture = window.copy()
    picture[hole] = structure.tone[hole]
    outlines, _ = cv2.findContours(hole.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outlines, -1, HOLE_BGR, DRAWN_PX)
    continued = [rule.points() for rule in structure.continued]
    kinds = (structure.visible, VISIBLE_BGR), (continued, CONTINUED_BGR), (structure.borders, BORDER_BGR)
    for lines, colour in kinds:
        for line in lines:
            points = np.rint(line * 16).astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(picture, [points], False, colour, DRAWN_PX, cv2.LINE_AA, shift=4)
    return picture
