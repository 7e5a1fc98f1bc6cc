"""What happens to a page and its picture without covering anything: marks and shadows on the paper, and the camera.

Pictures are `(h, w, 3)` uint8 BGR at the resolution of the network. Source: none, written for this toolkit.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.surroundings import lookup_table
from utils.arrays import Image

MARKS = {0: 0.5, 1: 0.28, 2: 0.14, 3: 0.08}  # marks on a page


def mark(image: Image, rng: np.random.Generator, unit: float, picture: Callable[[int, int], Image]) -> Image:
    """Add what belongs to a page or falls on it: stains, shadows of things out of sight, printed pictures, holes.

    Args:
        image: a clean page, left as it is.
        rng: decides everything.
        unit: pixels of the whole photo's longer side, of which `image` may be a part.
        picture: draws a picture of a height and width, to be printed on the page.
    """
    image = image.copy()
    kinds = (_stain, _ring, _shadow, _shadow, partial(_printed, picture=picture), _bar, _holes)
    for _ in range(int(rng.choice(list(MARKS), p=list(MARKS.values())))):
        kinds[int(rng.integers(len(kinds)))](image, rng, unit)
    return image


def _outline(rng: np.random.Generator, x: float, y: float, radius: float) -> NDArray[np.int32]:
    """A smooth closed curve around a point, `(N, 1, 2)` int32: round, lobed or drawn out."""
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    reach = np.ones(64)
    for waves in range(1, 6):
        reach += rng.normal(0, 0.35 / waves) * np.cos(waves * angles + rng.uniform(0, 2 * np.pi))
    points = (
        np.stack([np.cos(angles) * rng.uniform(0.4, 1.6), np.sin(angles)], 1)
        * (radius * np.clip(reach, 0.2, 2))[:, None]
    )
    turn = rng.uniform(0, 2 * np.pi)
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.rint(points + np.array([x, y])).astype(np.int32)[:, None]


def _somewhere(image: Image, rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0, image.shape[1])), float(rng.uniform(0, image.shape[0]))


def _shade(image: Image, light: NDArray[np.float32], colour: NDArray[np.float64] | None = None) -> None:
    """Multiply by `(h, w)` light in [0, 1]; a colour in [0, 1] takes less of its own channels."""
    lost = (1 - light)[..., None] * (1 - (np.zeros(3) if colour is None else colour)).astype(np.float32)
    image[:] = image * (1 - lost)


def _stain(image: Image, rng: np.random.Generator, unit: float) -> None:
    """A blot of coffee, water, ink or grease, darker at its rim."""
    where = _outline(rng, *_somewhere(image, rng), unit * float(np.exp(rng.uniform(np.log(0.004), np.log(0.08)))))
    blot = cv2.fillPoly(np.zeros(image.shape[:2], np.float32), [where], 1.0)
    soft = cv2.GaussianBlur(blot, (0, 0), rng.uniform(0.5, 2))
    rim = np.clip(soft - cv2.GaussianBlur(blot, (0, 0), unit * 0.006), 0, 1)
    colour = rng.uniform(0, 0.9, 3) if rng.random() < 0.5 else np.array([0.3, 0.6, 0.85])
    _shade(image, 1 - np.clip(rng.uniform(0.03, 0.35) * soft + rng.uniform(0, 0.5) * rim, 0, 1), colour)


def _ring(image: Image, rng: np.random.Generator, unit: float) -> None:
    """The ring that a cup leaves."""
    ring = np.zeros(image.shape[:2], np.float32)
    x, y = _somewhere(image, rng)
    radius = unit * rng.uniform(0.03, 0.08)
    start = rng.uniform(0, 360)
    axes = (round(radius), round(radius * rng.uniform(0.85, 1)))
    cv2.ellipse(ring, (round(x), round(y)), axes, 0, start, start + rng.uniform(150, 360), 1.0, int(rng.integers(1, 5)))
    _shade(image, 1 - rng.uniform(0.1, 0.4) * cv2.GaussianBlur(ring, (0, 0), 1.0), np.array([0.3, 0.6, 0.85]))


def _shadow(image: Image, rng: np.random.Generator, unit: float) -> None:
    """The shadow of a hand, a head or a phone that is out of sight: fingers too, soft or nearly sharp."""
    h, w = image.shape[:2]
    shadow = np.zeros((h, w), np.float32)
    x, y = _somewhere(image, rng)
    if rng.random() < 0.5:
        cv2.fillPoly(shadow, [_outline(rng, x, y, unit * rng.uniform(0.05, 0.35))], 1.0)
    else:
        for _ in range(int(rng.integers(1, 5))):
            tip = np.array([x, y]) + rng.normal(0, 0.08 * unit, 2)
            angle = rng.uniform(0, 2 * np.pi)
            base = tip + unit * np.array([np.cos(angle), np.sin(angle)])
            thickness = max(2, round(unit * rng.uniform(0.015, 0.06)))
            cv2.line(
                shadow,
                tuple(np.rint(tip).astype(int).tolist()),
                tuple(np.rint(base).astype(int).tolist()),
                1.0,
                thickness,
            )
    sigma = unit * float(np.exp(rng.uniform(np.log(0.002), np.log(0.03))))
    shadow = cv2.GaussianBlur(shadow, (0, 0), sigma)
    _shade(image, 1 - rng.uniform(0.1, 0.45) * shadow, rng.uniform(0, 0.15, 3))


def _printed(image: Image, rng: np.random.Generator, unit: float, picture: Callable[[int, int], Image]) -> None:
    """A printed photograph or logo, paler than things are and in the light of the page."""
    h, w = image.shape[:2]
    x, y = _somewhere(image, rng)
    high, wide = (round(side) for side in unit * rng.uniform(0.04, 0.25, 2))
    x0, y0, x1, y1 = (
        max(0, round(x - wide / 2)),
        max(0, round(y - high / 2)),
        min(w, round(x + wide / 2)),
        min(h, round(y + high / 2)),
    )
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    ink = picture(y1 - y0, x1 - x0).astype(np.float32) / 255
    if rng.random() < 0.5:
        ink = np.repeat(ink.mean(axis=2, keepdims=True), 3, axis=2)
    black = rng.uniform(0.1, 0.35)
    region = image[y0:y1, x0:x1]
    paper = cv2.blur(region, (15, 15))  # what the print takes its light from
    region[:] = np.minimum(region, paper * (black + (1 - black) * ink))


def _bar(image: Image, rng: np.random.Generator, unit: float) -> None:
    """A solid bar or box of print, or blacked-out words."""
    x, y = _somewhere(image, rng)
    wide, high = unit * rng.uniform(0.03, 0.5), unit * rng.uniform(0.006, 0.05)
    if rng.random() < 0.2:
        wide, high = high, wide
    ink = np.ones(image.shape[:2], np.float32)
    corners = (round(x - wide / 2), round(y - high / 2)), (round(x + wide / 2), round(y + high / 2))
    cv2.rectangle(ink, *corners, float(rng.uniform(0.1, 0.6)), -1)
    colour = rng.uniform(0, 1, 3) if rng.random() < 0.4 else None
    _shade(image, cv2.GaussianBlur(ink, (0, 0), 0.6), colour)


def _holes(image: Image, rng: np.random.Generator, unit: float) -> None:
    """Holes of a binder along a line: what lies beneath shows, dark or light."""
    x, y = _somewhere(image, rng)
    radius = max(1, round(unit * rng.uniform(0.005, 0.011)))
    step = unit * rng.choice([0.03, 0.1, 0.28])
    colour = rng.uniform(5, 60, 3) if rng.random() < 0.7 else rng.uniform(5, 230, 3)
    across = rng.random() < 0.3
    for k in range(int(rng.integers(1, 9))):
        centre = (round(x + k * step), round(y)) if across else (round(x), round(y + k * step))
        cv2.circle(image, centre, radius, colour.tolist(), -1, cv2.LINE_AA)


def develop(image: Image, rng: np.random.Generator) -> Image:
    """What a camera and a file do to the whole picture: light, colour, blur, noise, JPEG; half of the time little.

    Args:
        image: left as it is.
        rng: decides everything.
    """
    strength = 1.0 if rng.random() < 0.5 else 0.3
    level = np.arange(256)[:, None] / 255
    gamma = np.exp(rng.normal(0, 0.3) * strength)
    gain = np.exp(rng.normal(0, 0.18) * strength)
    balance = np.exp(rng.normal(0, 0.06, 3) * strength)
    haze = rng.uniform(0, 0.15) * strength if rng.random() < 0.3 else 0.0
    table = haze + (1 - haze) * level**gamma * gain * balance
    image = cv2.LUT(image, lookup_table(255 * table))
    if rng.random() < 0.25 * strength:
        image = _moved(image, rng) if rng.random() < 0.4 else cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.4 * strength:
        sigma = rng.uniform(1, 10) * strength
        noise = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, sigma)
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.4 * strength:
        written = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 96))])[1]
        image = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))
    return image


def relight(image: Image, rng: np.random.Generator) -> Image:
    """The whole picture in coloured light of any strength; where light is strong, paper turns perfectly white.

    Args:
        image: left as it is.
        rng: decides everything.
    """
    level = np.arange(256)[:, None] / 255
    gain = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.18, 3))
    return cv2.LUT(image, lookup_table(255 * level ** np.exp(rng.normal(0, 0.2)) * gain))


def _moved(image: Image, rng: np.random.Generator) -> Image:
    """Blurred along a line, as by a hand that moves."""
    side = int(rng.choice([3, 5, 7]))
    kernel = np.zeros((side, side), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    middle = np.array([side // 2, side // 2])
    start, end = (np.rint(middle + sign * reach).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())
