"""What pages have printed on them: drawings, photographs, coins, faces, hands, in ink that takes the paper's light.

Print is what the finder must leave alone. It differs from things on the page by what ink is: nothing is brighter than
its paper, it throws no shadow, it ends where the page ends.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.chances import choose
from datasets.collection import Collection

# Chances and ranges of this module were set by eye on printed pages.
PRINT_COUNTS = (1, 1, 2, 3, 5, 9)  # prints on a page that has any
LEAST_PAGE_PX = 16  # sides of a page worth printing on
PRINT_SIZES = (0.04, 0.55)  # longer side as a share of the page's
MANY_PRINTS, MANY_LARGEST = 5, 0.25  # from so many on, none is larger
PRINT_PLACE = (0.05, 0.95)  # of its centre, shares of the page's sides
TURN_SPREAD = 5  # degrees, standard deviation
LARGE_CHANCE = 0.12  # of a print that takes most of the page
LARGE_SIZES = (0.5, 1.1)  # of these, as `PRINT_SIZES`
BODY_CHANCE = 0.36  # of printing a hand, a finger, an arm or a head
FRAME_CHANCE = 0.6  # of these: before a background, cut by a frame
PLAIN_CHANCE, PLAIN_LEVELS = 0.5, (60, 255)  # of such a background in one colour
FRAME_START, FRAME_END = (0, 0.3), (0.7, 1.0)  # shares of the sides where a frame may cut
CLEARED_CHANCE = 0.5  # of a print beneath which nothing else is printed
TURNED_CHANCE = 0.1  # of a print that lies in any direction
GREY_INK_CHANCE, ONE_INK_CHANCE, SCREENED_CHANCE = 0.22, 0.12, 0.18  # of how it is printed
MOST_INK_LIGHT = 0.8  # that one ink of any colour leaves
OPAQUE_CHANCE = 0.12  # of ink as bright as its own colour, as on brown or black paper
OPAQUE_GAIN = (0.8, 1.2)  # of such ink, times the paper's light
BLACK_INK = (0.02, 0.25)  # light that the other ink leaves where it is darkest
INK_COVERAGE = (0.85, 1)
SCREEN_PX = (2.2, 6.0)  # period of a halftone screen
SCREEN_STEEPNESS = 4  # of a dot's edge
LIGHTEST_PX, BARE_BLUR_PX = 9, 15  # sides of the squares in which paper without print is looked for and averaged
CLEARED = (0.8, 1)  # share of what was printed there that is gone
BODIES = {"finger": 0.18, "hand": 0.22, "arm": 0.15, "head": 0.45}  # passports are full of heads


def print_on(
    page: NDArray[np.float32], paper: NDArray[np.float32], collection: Collection, rng: np.random.Generator
) -> None:
    """Print several figures on a page, in place.

    Args:
        page: `(h, w, 3)` float32 BGR in [0, 255].
        paper: `(h, w)` float32 in [0, 1], 1 on the page: ink stays on it.
        collection: figures and cut-outs.
        rng: decides everything.
    """
    x, y, w, h = cv2.boundingRect((paper > 0.5).astype(np.uint8))
    if min(w, h) < LEAST_PAGE_PX:
        return
    count = int(rng.choice(PRINT_COUNTS))
    for number in range(count):
        ink = _ink(collection, rng)
        large = number == 0 and rng.random() < LARGE_CHANCE
        share = np.exp(rng.uniform(*np.log(LARGE_SIZES if large else PRINT_SIZES)))
        if count >= MANY_PRINTS:
            share = min(share, MANY_LARGEST)
        scale = share * max(w, h) / max(ink.shape[:2])
        centre = (x + rng.uniform(*PRINT_PLACE) * w, y + rng.uniform(*PRINT_PLACE) * h)
        degrees = rng.normal(0, TURN_SPREAD) if rng.random() > TURNED_CHANCE else rng.uniform(0, 360)
        _stamp(page, paper, ink, _turned(ink, centre, scale, degrees), rng)


def _ink(collection: Collection, rng: np.random.Generator) -> NDArray[np.float32]:
    """A figure as ink: `(h, w, 4)` float32 in [0, 1], the share of light that it leaves, and where it is printed."""
    if rng.random() < BODY_CHANCE:
        kinds = {kind: chance for kind, chance in BODIES.items() if kind in collection.cutouts}
        figure, _ = collection.cutout(rng, choose(rng, kinds))
        if rng.random() < FRAME_CHANCE:
            figure = _framed(figure, collection.surface(rng), rng)
    else:
        figure = collection.figure(rng)
    ink = figure.astype(np.float32) / np.float32(255)
    if rng.random() < GREY_INK_CHANCE:
        ink[..., :3] = ink[..., :3].mean(axis=2, keepdims=True)
    elif rng.random() < ONE_INK_CHANCE:
        dark = 1 - ink[..., :3].mean(axis=2, keepdims=True)
        ink[..., :3] = 1 - dark * (1 - rng.uniform(0, MOST_INK_LIGHT, 3).astype(np.float32))
    if rng.random() < SCREENED_CHANCE:
        ink[..., :3] = _screened(ink[..., :3], rng)
    return ink


def _framed(figure: NDArray[np.uint8], background: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A cut-out before a background, the whole as one rectangle that may cut it off on any side."""
    h, w = figure.shape[:2]
    opacity = figure[..., 3:] / np.float32(255)
    behind = cv2.resize(background, (w, h)).astype(np.float32)
    if rng.random() < PLAIN_CHANCE:
        behind[:] = rng.uniform(*PLAIN_LEVELS, 3)
    picture = figure[..., :3] * opacity + behind * (1 - opacity)
    top, left = (int(rng.uniform(*FRAME_START) * side) for side in (h, w))
    bottom, right = (int(rng.uniform(*FRAME_END) * side) for side in (h, w))
    picture = picture[top : max(bottom, top + 2), left : max(right, left + 2)]
    return np.dstack([picture.astype(np.uint8), np.full(picture.shape[:2], 255, np.uint8)])


def _screened(ink: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The dots of a halftone print."""
    h, w = ink.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(*SCREEN_PX)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    screen = 0.5 + 0.5 * np.sin(along * 2 * np.pi / period) * np.sin(across * 2 * np.pi / period)
    return np.clip((ink - screen[..., None].astype(np.float32)) * SCREEN_STEEPNESS + 0.5, 0, 1)


def _turned(ink: NDArray[np.float32], centre: tuple[float, float], scale: float, degrees: float) -> NDArray[np.float64]:
    """`(2, 3)` from the ink's pixels to the page's."""
    h, w = ink.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, scale)
    matrix[:, 2] += (centre[0] - w / 2, centre[1] - h / 2)
    return matrix


def _stamp(
    page: NDArray[np.float32],
    paper: NDArray[np.float32],
    ink: NDArray[np.float32],
    matrix: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    size = page.shape[1::-1]
    laid = cv2.warpAffine(np.dstack([ink[..., :3] * ink[..., 3:], ink[..., 3]]), matrix, size, flags=cv2.INTER_LINEAR)
    x, y, w, h = cv2.boundingRect((laid[..., 3] > 0).astype(np.uint8))
    if not w:
        return
    window = np.s_[y : y + h, x : x + w]
    alpha = laid[window][..., 3:] * paper[window][..., None]
    colour = laid[window][..., :3] / np.maximum(laid[window][..., 3:], 1e-3)
    below = page[window]
    if rng.random() < CLEARED_CHANCE:
        # Paper without what is printed on it: the lightest nearby.
        lightest = cv2.dilate(below, np.ones((LIGHTEST_PX, LIGHTEST_PX), np.uint8))
        bare = cv2.blur(lightest, (BARE_BLUR_PX, BARE_BLUR_PX))
        below = below + (bare - below) * np.float32(rng.uniform(*CLEARED))
    if rng.random() < OPAQUE_CHANCE:
        light = below.mean() / 255
        printed = colour * np.float32(255 * min(1.0, light * rng.uniform(*OPAQUE_GAIN)))
    else:
        black = np.float32(rng.uniform(*BLACK_INK))
        printed = below * (black + (1 - black) * colour)
    page[window] += (printed - page[window]) * alpha * np.float32(rng.uniform(*INK_COVERAGE))
