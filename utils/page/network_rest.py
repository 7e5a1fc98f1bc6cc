"""What an inpainting network draws in a hole beyond paper and rules, and how much of it is taken.

The network is judged beside the hole, where it is shown the answer, and guesses in the hole. The constants were weighed
with `benchmarks/restoration.py`, where `--structure auto`, which uses this, must not be worse than `only`.
"""

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Mask
from utils.page.cells import MAD_TO_SIGMA, grow
from utils.page.paper import Paper

NETWORK_SIDE = 256  # pixels a side of the network's picture (published); a larger crop is reduced more
COMPARED_PX = 10  # so far around the hole, in pixels of the network, its picture is compared with what is seen
REST_NOISES = 2.0  # what the network draws beyond paper and rules counts from so many of its errors beside the hole
REST_LEVELS = 30.0  # least that counts: 5 gained up to 0.2 dB in six pairs, but left grey smears where text was
REST_BLUR_PX = 0.7  # standard deviation, in pixels of the network: single ones are no print
PAPER_PERCENTILE = 75  # of the rest in the hole: the light half of it is the network's paper, text is darker
SIGMA_TO_MEDIAN = 0.67  # median distance from the mean of a normal distribution, over its standard deviation
MIN_PRINTED_SHARE = 0.25  # of the page seen nearby that is print; rules alone take less
MIN_PAGE_SHARE = 0.1  # of what lies nearby that is visible page; of less of it no share is asked
FOREIGN_RING_PX = 60  # so far around the hole it is asked whether paper describes its surroundings
SAMPLE_STEP = 4  # of their pixels every so many both ways are looked at
MIN_SAMPLES = 50  # of these; fewer tell nothing of a surface
FOREIGN_LEVELS = 3.0  # a surface half of which strays by so much from its own smooth colour has a pattern
MIN_BARE_SHARE = 0.12  # with less bare paper beside the hole it lies in a picture, not on paper; dense text leaves 0.3
GUESS_STRAYS = 1.5  # what strays so many times as far from a surface's colour as the surface itself is no part of it
FOREIGN_SOFT_PX = 3.0  # blur (standard deviation) of the border of what is taken whole


def add_rest(values: Floats, generated: Image, window: Image, paper: Paper, ink: Floats, hole: Mask) -> Floats:
    """The repaired pixels with what the network draws beyond them, where it may be believed.

    Args:
        values: `(y, x, 3)` float32, paper, rules and grain in the rectangle that bounds the hole.
        generated: `(h, w, 3)` uint8, what the network draws, enlarged to the window.
        window: `(h, w, 3)` uint8; in its hole, the bare paper.
        paper: as measured in it.
        ink: `(h, w, 3)` float32, share of the light that the rules take.
        hole: `(h, w)` bool.
    """
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    area = np.s_[y : y + height, x : x + width]
    values = values + network_rest(generated, window, paper, ink, hole)[area]
    patterned = find_patterned(window, paper, hole)
    believed = [number for number in patterned if _keeps_colours(generated, window, paper, hole, number)]
    if believed:
        foreign = (np.isin(paper.surface, believed) & hole).astype(np.float32)
        share = cv2.GaussianBlur(foreign, (0, 0), FOREIGN_SOFT_PX)[area][..., None]
        values += share * (generated[area] - values)
    return values


def network_rest(generated: Image, window: Image, paper: Paper, ink: Floats, hole: Mask) -> Floats:
    """What the network draws on the page beyond paper and rules, `(h, w, 3)` float32, 0 where it may be its own error.

    The network sees paper and rules too, only reduced. So they are reduced like its picture before they are taken out.
    What counts as nothing is its error beside the hole, where it draws what is seen. In the hole it guesses: nothing
    comes in where the page nearby shows no print that could go on.

    Args:
        generated, window, paper, ink, hole: as for `add_rest`.
    """
    height, width = hole.shape
    step = max(1.0, max(height, width) / NETWORK_SIDE)
    size = max(1, round(width / step)), max(1, round(height / step))

    def reduced(image: AnyArray) -> Floats:
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return small.reshape(size[1], size[0], -1).astype(np.float32)

    covered = reduced(hole.astype(np.uint8) * 255)[..., 0]
    page = reduced((paper.surface == paper.page).astype(np.uint8) * 255)[..., 0] > 254
    inside, visible = page & (covered > 127), page & (covered == 0)
    if not inside.any():
        return np.zeros(ink.shape, np.float32)
    drawn = reduced(generated)
    explained = reduced(paper.tone * (1 - ink))
    ring = grow(inside, COMPARED_PX)
    error = np.abs(drawn - reduced(window)).max(axis=2)[ring & visible]
    noise = MAD_TO_SIGMA * float(np.median(error)) if error.size else REST_LEVELS
    rest = drawn - explained
    rest -= np.percentile(rest[inside], PAPER_PERCENTILE, axis=0) - SIGMA_TO_MEDIAN * noise
    strength = np.abs(rest).max(axis=2)
    # Beside a rule a shift of a fraction of the network's pixel looks like a line: ask for more there.
    lines = cv2.dilate(reduced(ink.max(axis=2))[..., 0], np.ones((3, 3), np.uint8))
    threshold = max(REST_NOISES * noise, REST_LEVELS) + lines * explained.mean(axis=2)
    confidence = np.clip(cv2.GaussianBlur(strength, (0, 0), REST_BLUR_PX) / threshold - 1, 0, 1)
    confidence *= page & _is_printed(visible, reduced(paper.bare.astype(np.uint8))[..., 0])
    kept = cv2.resize(rest * confidence[..., None], (width, height), interpolation=cv2.INTER_CUBIC)
    return kept.reshape(ink.shape)


def _is_printed(visible: Mask, bare: Floats) -> Mask:
    """Where so much of the visible page nearby is print that some may go on in the hole.

    Args:
        visible: `(h, w)` bool, the page that is seen.
        bare: `(h, w)` float32, the share of each pixel without ink.
    """
    printed = visible * (1 - bare)
    side = 4 * COMPARED_PX + 1
    page_share, print_share = (cv2.blur(shares.astype(np.float32), (side, side)) for shares in (visible, printed))
    return print_share > MIN_PRINTED_SHARE * np.maximum(page_share, MIN_PAGE_SHARE)


def find_patterned(window: Image, paper: Paper, hole: Mask) -> list[int]:
    """Numbers of the surfaces in the hole that paper and rules do not describe: a patterned desk, a picture.

    Args:
        window: `(h, w, 3)` uint8.
        paper: its surfaces.
        hole: `(h, w)` bool.
    """
    inside, ring = _sample(hole)
    surface, bare = (array[::SAMPLE_STEP, ::SAMPLE_STEP] for array in (paper.surface, paper.bare))
    patterned = []
    for number in np.unique(surface[inside]).tolist():
        samples = ring & (surface == number)
        if np.count_nonzero(samples) < MIN_SAMPLES:
            continue
        if number == paper.page:
            foreign = bare[samples].mean() < MIN_BARE_SHARE
        else:
            foreign = _measure_straying(window, paper, samples) > FOREIGN_LEVELS + SIGMA_TO_MEDIAN * paper.noise
        if foreign:
            patterned.append(number)
    return patterned


def _keeps_colours(generated: Image, window: Image, paper: Paper, hole: Mask, number: int) -> bool:
    """Whether the network continues a patterned surface in its own colours."""
    inside, ring = _sample(hole)
    surface = paper.surface[::SAMPLE_STEP, ::SAMPLE_STEP] == number
    straying = _measure_straying(window, paper, ring & surface)
    return _measure_straying(generated, paper, inside & surface) < GUESS_STRAYS * straying


def _sample(hole: Mask) -> tuple[Mask, Mask]:
    """Every fourth pixel of every fourth row: whether it lies in the hole; whether beside it."""
    inside = hole[::SAMPLE_STEP, ::SAMPLE_STEP]
    return inside, grow(inside, FOREIGN_RING_PX // SAMPLE_STEP) & ~inside


def _measure_straying(picture: Image, paper: Paper, samples: Mask) -> float:
    """Median difference of a picture from the paper's tone, in levels, at some of the sampled pixels.

    A pattern is everywhere, print on a tinted row is not.
    """
    colours, tone = (array[::SAMPLE_STEP, ::SAMPLE_STEP][samples] for array in (picture, paper.tone))
    return float(np.median(np.abs(colours - tone))) if len(tone) else 0.0
