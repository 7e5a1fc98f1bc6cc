"""Repair a hole in a photographed page from what a page is made of: paper, rules and grain, measured around the hole.

`repair` is the one entry point. Text is lost; what a network makes of the hole beyond paper and rules is added where it
says something.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Mask, Points, Reals
from utils.page.cells import strongest
from utils.page.grain import copy_texture, draw_grain, measure_grain, seed_of
from utils.page.paper import Paper, measure_paper
from utils.page.rules import Rule, find_rules
from utils.page.shadow import lift_shadow
from utils.page.strokes import draw_rules

BORDER_GUARD_PX = 25  # width of the band along borders of surfaces in which the darker one counts as paper
FOREIGN_RING_PX = 60  # so far around the hole its surroundings are looked at
SAMPLE_STEP = 4  # ... every so many pixels
FOREIGN_LEVELS = 3.0  # a surface half of which strays by so much from its own smooth colour has a pattern
MIN_BARE_SHARE = 0.12  # with less bare paper beside the hole it lies in a picture, not on paper; dense text leaves 0.3
GUESS_STRAYS = 1.5  # what strays so many times as far from a surface's colour as the surface itself is no part of it
FOREIGN_SOFT_PX = 3.0
NETWORK_SIDE = 256  # pixels a side of the network's picture (published); a larger crop is reduced more
RING_CELLS = 10  # so far around the hole, in pixels of the network, its picture is compared with what is seen
REST_NOISES = 2.0  # what the network draws beyond paper and rules counts from so many of its errors there ...
REST_LEVELS = 30.0  # ... and from so many levels (a pale smear of text reads worse than clean paper) ...
MIN_PRINTED_SHARE = 0.25  # ... where so much of the page seen nearby is print; rules alone take less ...
MIN_SEEN_SHARE = 0.1  # ... of at least so much that is seen


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
    """

    image: Image
    lifted: Image
    shade: Mask
    tone: Image
    visible: list[Reals]
    continued: list[Rule]
    borders: list[Points]


def repair(window: Image, hole: Mask, generated: Image | None = None) -> Structure:
    """Fill a hole with what its surroundings say lies below it.

    Args:
        window: `(h, w, 3)` uint8 BGR, the hole and some 400 px around it, as far as the photo goes.
        hole: `(h, w)` bool, grown past the occluder's soft edge; the pixels in it are never looked at.
        generated: `(h, w, 3)` uint8, what the network draws there, enlarged to the window; or None.

    Raises:
        ValueError: the shapes do not fit.
    """
    if window.ndim != 3 or window.shape[2] != 3 or window.shape[:2] != hole.shape:
        raise ValueError(f"the window is {window.shape} and its hole {hole.shape}: (h, w, 3) and (h, w) are needed")
    if generated is not None and generated.shape != window.shape:
        raise ValueError(f"the generated picture is {generated.shape}: it must be {window.shape} as its window")
    if not hole.any():
        return Structure(window.copy(), window, hole, window.copy(), [], [], [])
    if hole.all():  # nothing is visible that could be continued
        image = generated.copy() if generated is not None else np.full_like(window, 255)
        return Structure(image, window, ~hole, image, [], [], [])
    covered = hole.astype(np.uint8)
    # What covers the page must not get into it: measuring never sees the hole's pixels, and strokes see bare paper.
    seen = cv2.bitwise_and(window, window, mask=1 - covered)
    paper = measure_paper(seen, hole)
    lifted, shade = lift_shadow(window, hole, paper)
    image = lifted.copy()
    seen = cv2.bitwise_and(lifted, lifted, mask=1 - covered)
    tone = np.asarray(cv2.convertScaleAbs(paper.tone), np.uint8)
    cv2.copyTo(tone, covered, seen)
    lightest = tone
    if paper.surface.max() > 1:  # a rule between two of them is darker than both
        kernel = np.ones((BORDER_GUARD_PX, BORDER_GUARD_PX), np.uint8)
        border = cv2.dilate(paper.surface, kernel) != cv2.erode(paper.surface, kernel)
        lightest = cv2.copyTo(cv2.erode(tone, kernel), border.astype(np.uint8), tone.copy())
    rules = find_rules(strongest(cv2.subtract(lightest, seen)), hole, paper.surface, paper.noise, paper.page)
    ink = draw_rules(seen, hole, paper.tone, rules)

    x, y, width, height = cv2.boundingRect(covered)
    area = np.s_[y : y + height, x : x + width]
    values = paper.tone[area] * (1 - ink[area])
    desk = np.isin(paper.surface, paper.textured)
    for number in np.unique(paper.surface[desk & hole]):
        own = paper.surface == number
        values += copy_texture(seen, tone, own & ~hole, own & hole)[area]
    spectrum = measure_grain(seen, paper.tone, paper.bare)
    if spectrum is not None:
        grain = draw_grain(spectrum, height, width, seed_of(window, hole))
        values += grain if not desk.any() else grain * ~desk[area][..., None]
    if generated is not None:
        values += network_rest(generated, seen, paper, ink, hole)[area]
        patterned = not_paper(seen, paper, hole)
        kept = [number for number in patterned if _keeps_to(generated, seen, paper, hole, number)]
        if kept:
            foreign = (np.isin(paper.surface, kept) & hole).astype(np.float32)
            share = cv2.GaussianBlur(foreign, (0, 0), FOREIGN_SOFT_PX)[area][..., None]
            values += share * (generated[area] - values)
    cv2.copyTo(cv2.convertScaleAbs(np.maximum(values, 0)), covered[area], image[area])
    visible = [end.points(rule.standing) for rule in rules for end in rule.ends]
    return Structure(image, lifted, shade, tone, visible, rules, paper.borders)


def network_rest(
    generated: Image,
    window: Image,
    paper: Paper,
    ink: Floats,
    hole: Mask,
) -> Floats:
    """What the network draws on the page beyond paper and rules, `(h, w, 3)` float32, 0 where it may be its own error.

    The network sees paper and rules too, only reduced. So they are reduced like its picture before they are taken out.
    What counts as nothing is its error beside the hole, where it draws what is seen. In the hole it guesses: nothing
    comes in where the page nearby shows no print that could go on.
    """
    height, width = hole.shape
    step = max(1.0, max(height, width) / NETWORK_SIDE)
    size = max(1, round(width / step)), max(1, round(height / step))

    def reduced(image: AnyArray) -> Floats:
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return small.reshape(size[1], size[0], -1).astype(np.float32)

    covered = reduced(hole.astype(np.uint8) * 255)[..., 0]
    page = reduced((paper.surface == paper.page).astype(np.uint8) * 255)[..., 0] > 254
    inside, seen = page & (covered > 127), page & (covered == 0)
    if not inside.any():
        return np.zeros(ink.shape, np.float32)
    drawn = reduced(generated)
    explained = reduced(paper.tone * (1 - ink))
    near = cv2.dilate(inside.astype(np.uint8), np.ones((2 * RING_CELLS + 1,) * 2, np.uint8)) > 0
    error = np.abs(drawn - reduced(window)).max(axis=2)[near & seen]
    noise = 1.4826 * float(np.median(error)) if error.size else REST_LEVELS
    rest = drawn - explained
    # The light half of what it draws is its paper, text is darker; its paper is no news.
    rest -= np.percentile(rest[inside], 75, axis=0) - 0.67 * noise
    strength = np.abs(rest).max(axis=2)
    # Beside a rule a shift of a fraction of the network's pixel looks like a line: ask for more there.
    lines = cv2.dilate(reduced(ink.max(axis=2))[..., 0], np.ones((3, 3), np.uint8))
    threshold = max(REST_NOISES * noise, REST_LEVELS) + lines * explained.mean(axis=2)
    confidence = np.clip(cv2.GaussianBlur(strength, (0, 0), 0.7) / threshold - 1, 0, 1)
    print_seen = seen * (1 - reduced(paper.bare.astype(np.uint8))[..., 0])
    page_share, print_share = (cv2.blur(m.astype(np.float32), (4 * RING_CELLS + 1,) * 2) for m in (seen, print_seen))
    printed = print_share > MIN_PRINTED_SHARE * np.maximum(page_share, MIN_SEEN_SHARE)
    confidence *= page & printed
    kept = cv2.resize(rest * confidence[..., None], (width, height), interpolation=cv2.INTER_CUBIC)
    return kept.reshape(ink.shape)


def not_paper(window: Image, paper: Paper, hole: Mask) -> list[int]:
    """Numbers of the surfaces in the hole that paper and rules do not describe: a patterned desk, a picture.

    Args:
        window: `(h, w, 3)` uint8.
        paper: its surfaces.
        hole: `(h, w)` bool.
    """
    few, beside = _sampled(hole)
    surface, bare = (array[::SAMPLE_STEP, ::SAMPLE_STEP] for array in (paper.surface, paper.bare))
    strange = []
    for number in np.unique(surface[few]).tolist():
        own = beside & (surface == number)
        if np.count_nonzero(own) < 50:
            continue
        if number == paper.page:
            foreign = bare[own].mean() < MIN_BARE_SHARE
        else:
            foreign = _straying(window, paper, own) > FOREIGN_LEVELS + 0.67 * paper.noise
        if foreign:
            strange.append(number)
    return strange


def _keeps_to(generated: Image, window: Image, paper: Paper, hole: Mask, number: int) -> bool:
    """Whether the network continues a patterned surface in its own colours."""
    few, beside = _sampled(hole)
    own = paper.surface[::SAMPLE_STEP, ::SAMPLE_STEP] == number
    return _straying(generated, paper, few & own) < GUESS_STRAYS * _straying(window, paper, beside & own)


def _sampled(hole: Mask) -> tuple[Mask, Mask]:
    """Every fourth pixel of every fourth row: whether it lies in the hole; whether beside it."""
    few = hole[::SAMPLE_STEP, ::SAMPLE_STEP]
    side = 2 * (FOREIGN_RING_PX // SAMPLE_STEP) + 1
    return few, (cv2.dilate(few.astype(np.uint8), np.ones((side, side), np.uint8)) > 0) & ~few


def _straying(picture: Image, paper: Paper, where: Mask) -> float:
    """Median difference of a picture from the paper's tone, in levels, at some of the sampled pixels.

    A pattern is everywhere, print on a tinted row is not.
    """
    there, tone = (array[::SAMPLE_STEP, ::SAMPLE_STEP][where] for array in (picture, paper.tone))
    return float(np.median(np.abs(there - tone))) if len(tone) else 0.0


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
    cv2.drawContours(picture, outlines, -1, (255, 120, 0), 3)
    continued = [rule.points() for rule in structure.continued]
    kinds = (structure.visible, (0, 170, 0)), (continued, (0, 0, 230)), (structure.borders, (230, 0, 0))
    for lines, colour in kinds:
        for line in lines:
            points = np.rint(line * 16).astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(picture, [points], False, colour, 3, cv2.LINE_AA, shift=4)
    return picture
