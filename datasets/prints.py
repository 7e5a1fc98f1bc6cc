"""What pages have printed on them: drawings, photographs, coins, faces, hands, in ink that takes the paper's light.

Print is what the finder must leave alone. It differs from things on the page by what ink is: nothing is brighter than
its paper, it throws no shadow, it ends where the page ends.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.collection import Collection

COUNTS = (1, 1, 2, 3, 5, 9)  # prints on a page that has any
SIZES = (0.04, 0.55)  # longer side as a share of the page's
LARGE_CHANCE = 0.12  # of a print that takes most of the page
LARGE_SIZES = (0.5, 1.1)  # of these, as `SIZES`
BODY_CHANCE = 0.3  # of printing a hand, a finger, an arm or a head
FRAME_CHANCE = 0.5  # of these: before a background, cut by a frame
CLEARED_CHANCE = 0.5  # of a print beneath which nothing else is printed
TURNED_CHANCE = 0.1  # of a print that lies in any direction
GREY_CHANCE, ONE_INK_CHANCE, SCREENED_CHANCE = 0.22, 0.12, 0.18  # of how it is printed
OPAQUE_CHANCE = 0.12  # of ink as bright as its own colour, as on brown or black paper
SCREEN_PX = (2.2, 6.0)  # period of a halftone screen
BODIES = ("finger", "hand", "arm", "head")


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
    if min(w, h) < 16:
        return
    count = int(rng.choice(COUNTS))
    for number in range(count):
        ink = _ink(collection, rng)
        large = number == 0 and rng.random() < LARGE_CHANCE
        share = np.exp(rng.uniform(*np.log(LARGE_SIZES if large else SIZES)))
        if count > 4:
            share = min(share, 0.25)
        scale = share * max(w, h) / max(ink.shape[:2])
        centre = (x + rng.uniform(0.05, 0.95) * w, y + rng.uniform(0.05, 0.95) * h)
        degrees = rng.normal(0, 5) if rng.random() > TURNED_CHANCE else rng.uniform(0, 360)
        _stamp(page, paper, ink, _turned(ink, centre, scale, degrees), rng)


def _ink(collection: Collection, rng: np.random.Generator) -> NDArray[np.float32]:
    """A figure as ink: `(h, w, 4)` float32 in [0, 1], the share of light that it leaves, and where it is printed."""
    if rng.random() < BODY_CHANCE:
        figure, _ = collection.cutout(rng, str(rng.choice([kind for kind in BODIES if kind in collection.cutouts])))
        if rng.random() < FRAME_CHANCE:
            figure = _framed(figure, collection.surface(rng), rng)
    else:
        figure = collection.figure(rng)
    ink = figure.astype(np.float32) / np.float32(255)
    if rng.random() < GREY_CHANCE:
        ink[..., :3] = ink[..., :3].mean(axis=2, keepdims=True)
    elif rng.random() < ONE_INK_CHANCE:
        dark = 1 - ink[..., :3].mean(axis=2, keepdims=True)
        ink[..., :3] = 1 - dark * (1 - rng.uniform(0, 0.8, 3).astype(np.float32))
    if rng.random() < SCREENED_CHANCE:
        ink[..., :3] = _screened(ink[..., :3], rng)
    return ink


def _framed(figure: NDArray[np.uint8], background: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A cut-out before a background, the whole as one rectangle that may cut it off on any side."""
    h, w = figure.shape[:2]
    opacity = figure[..., 3:] / np.float32(255)
    behind = cv2.resize(background, (w, h)).astype(np.float32)
    if rng.random() < 0.4:
        behind[:] = rng.uniform(60, 255, 3)
    picture = figure[..., :3] * opacity + behind * (1 - opacity)
    top, left = (int(rng.uniform(0, 0.3) * side) for side in (h, w))
    bottom, right = (int(rng.uniform(0.7, 1.0) * side) for side in (h, w))
    picture = picture[top : max(bottom, top + 2), left : max(right, left + 2)]
    return np.dstack([picture.astype(np.uint8), np.full(picture.shape[:2], 255, np.uint8)])


def _screened(ink: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The dots of a halftone print."""
    h, w = ink.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(*SCREEN_PX)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    screen = 0.5 + 0.5 * np.sin(along * 2 * np.pi / period) * np.sin(across * 2 * np.pi / period)
    return np.clip((ink - screen[..., None].astype(np.float32)) * 4 + 0.5, 0, 1)


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
    part = np.s_[y : y + h, x : x + w]
    alpha = laid[part][..., 3:] * paper[part][..., None]
    colour = laid[part][..., :3] / np.maximum(laid[part][..., 3:], 1e-3)
    below = page[part]
    if rng.random() < CLEARED_CHANCE:
        # Paper without what is printed on it: the lightest nearby.
        bare = cv2.blur(cv2.dilate(below, np.ones((9, 9), np.uint8)), (15, 15))
        below = below + (bare - below) * np.float32(rng.uniform(0.8, 1))
    if rng.random() < OPAQUE_CHANCE:
        light = below.mean() / 255
        printed = colour * np.float32(255 * min(1.0, light * rng.uniform(0.8, 1.2)))
    else:
        black = np.float32(rng.uniform(0.02, 0.25))
        printed = below * (black + (1 - black) * colour)
    page[part] += (printed - page[part]) * alpha * np.float32(rng.uniform(0.85, 1))
