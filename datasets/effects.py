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

# Chances and ranges of this module were set by eye on photographs of documents. Lengths are parts of the whole photo's
# longer side, called unit below; strengths are parts of the light.
MARKS = {0: 0.5, 1: 0.28, 2: 0.14, 3: 0.08}  # marks on a page
COFFEE = np.array([0.3, 0.6, 0.85])  # BGR, of full light: what a stain or a cup's ring lets through
OUTLINE_POINTS, OUTLINE_WAVES, OUTLINE_SPREAD = 64, 5, 0.35  # of blots: how many, and how strong the first wave is
OUTLINE_STRETCH, OUTLINE_REACH = (0.4, 1.6), (0.2, 2)  # wide against high; radii over the usual one
STAIN_RADIUS, STAIN_STRENGTH, STAIN_RIM, RIM_WIDTH = (0.004, 0.08), (0.03, 0.35), (0, 0.5), 0.006
STAIN_BLUR_PX, COLOURED_STAIN_CHANCE, MOST_STAIN_LIGHT = (0.5, 2), 0.5, 0.9  # any colour up to that light, or coffee's
RING_RADIUS, RING_FLATNESS, RING_DEGREES, RING_STRENGTH = (0.03, 0.08), (0.85, 1), (150, 360), (0.1, 0.4)
RING_THICKNESS_PX, RING_BLUR_PX = (1, 5), 1.0  # the second end exclusive
LOBED_CHANCE = 0.5  # of a shadow like a hand's or a head's; the others have one to four fingers
SHADOW_RADIUS, FINGER_THICKNESS, SHADOW_SOFTNESS = (0.05, 0.35), (0.015, 0.06), (0.002, 0.03)
FINGER_COUNT, FINGER_SPREAD = (1, 5), 0.08  # the second end exclusive; of their tips around one point
PAGE_SHADOW_STRENGTH, SHADOW_TINT = (0.1, 0.45), (0, 0.15)
PRINT_SIDE, PRINT_BLACK, GREY_PRINT_CHANCE = (0.04, 0.25), (0.1, 0.35), 0.5
LEAST_PRINT_PX = 4  # of a print's side; a smaller one shows nothing
PRINT_LIGHT_PX = 15  # side of the patch of paper from which a print takes its light
BAR_LENGTH, BAR_THICKNESS, BAR_INK = (0.03, 0.5), (0.006, 0.05), (0.1, 0.6)
UPRIGHT_BAR_CHANCE, COLOURED_BAR_CHANCE, BAR_BLUR_PX = 0.2, 0.4, 0.6
HOLE_RADIUS, HOLE_STEPS = (0.005, 0.011), (0.03, 0.1, 0.28)  # of ring binders and of files
HOLE_COUNT, HOLES_ACROSS_CHANCE = (1, 9), 0.3  # the second end exclusive; of holes in a lying row
DARK_HOLES_CHANCE, DARK_HOLES, ANY_HOLES = 0.7, (5, 60), (5, 230)  # grey levels of what shows through

# The camera and the file. Gains are natural logarithms, haze is a part of white.
STRONG_CHANCE, WEAK = 0.5, 0.3  # otherwise all that follows is this part as strong
CAMERA_GAMMA_SPREAD, CAMERA_GAIN_SPREAD, CAMERA_BALANCE_SPREAD = 0.3, 0.18, 0.06
CAMERA_HAZE_CHANCE, CAMERA_MOST_HAZE = 0.3, 0.15
BLUR_CHANCE, SHAKEN_CHANCE, BLUR_PX, CAMERA_SHAKE_PX = 0.25, 0.4, (0.4, 1.6), (3, 5, 7)
CAMERA_NOISE_CHANCE, CAMERA_NOISE_LEVELS = 0.4, (1, 10)
FILE_JPEG_CHANCE, FILE_JPEG_QUALITY = 0.4, (25, 96)  # the second end exclusive
LAMP_GAIN_SPREAD, LAMP_TINT_SPREAD, LAMP_GAMMA_SPREAD = 0.25, 0.18, 0.2  # of `relight`


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
    angles = np.linspace(0, 2 * np.pi, OUTLINE_POINTS, endpoint=False)
    reach = np.ones(OUTLINE_POINTS)
    for waves in range(1, OUTLINE_WAVES + 1):
        reach += rng.normal(0, OUTLINE_SPREAD / waves) * np.cos(waves * angles + rng.uniform(0, 2 * np.pi))
    points = (
        np.stack([np.cos(angles) * rng.uniform(*OUTLINE_STRETCH), np.sin(angles)], 1)
        * (radius * np.clip(reach, *OUTLINE_REACH))[:, None]
    )
    turn = rng.uniform(0, 2 * np.pi)
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.rint(points + np.array([x, y])).astype(np.int32)[:, None]


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """A number of a range, a factor of it as likely wherever it lies."""
    low, high = limits
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _somewhere(image: Image, rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0, image.shape[1])), float(rng.uniform(0, image.shape[0]))


def _shade(image: Image, light: NDArray[np.float32], colour: NDArray[np.float64] | None = None) -> None:
    """Multiply by `(h, w)` light in [0, 1]; a colour in [0, 1] takes less of its own channels."""
    lost = (1 - light)[..., None] * (1 - (np.zeros(3) if colour is None else colour)).astype(np.float32)
    image[:] = image * (1 - lost)


def _stain(image: Image, rng: np.random.Generator, unit: float) -> None:
    """A blot of coffee, water, ink or grease, darker at its rim."""
    where = _outline(rng, *_somewhere(image, rng), unit * _log_uniform(rng, STAIN_RADIUS))
    blot = cv2.fillPoly(np.zeros(image.shape[:2], np.float32), [where], 1.0)
    soft = cv2.GaussianBlur(blot, (0, 0), rng.uniform(*STAIN_BLUR_PX))
    rim = np.clip(soft - cv2.GaussianBlur(blot, (0, 0), unit * RIM_WIDTH), 0, 1)
    colour = rng.uniform(0, MOST_STAIN_LIGHT, 3) if rng.random() < COLOURED_STAIN_CHANCE else COFFEE
    _shade(image, 1 - np.clip(rng.uniform(*STAIN_STRENGTH) * soft + rng.uniform(*STAIN_RIM) * rim, 0, 1), colour)


def _ring(image: Image, rng: np.random.Generator, unit: float) -> None:
    """The ring that a cup leaves."""
    ring = np.zeros(image.shape[:2], np.float32)
    x, y = _somewhere(image, rng)
    radius = unit * rng.uniform(*RING_RADIUS)
    start = rng.uniform(0, 360)
    axes = (round(radius), round(radius * rng.uniform(*RING_FLATNESS)))
    end, thickness = start + rng.uniform(*RING_DEGREES), int(rng.integers(*RING_THICKNESS_PX))
    cv2.ellipse(ring, (round(x), round(y)), axes, 0, start, end, 1.0, thickness)
    _shade(image, 1 - rng.uniform(*RING_STRENGTH) * cv2.GaussianBlur(ring, (0, 0), RING_BLUR_PX), COFFEE)


def _shadow(image: Image, rng: np.random.Generator, unit: float) -> None:
    """The shadow of a hand, a head or a phone that is out of sight: fingers too, soft or nearly sharp."""
    h, w = image.shape[:2]
    shadow = np.zeros((h, w), np.float32)
    x, y = _somewhere(image, rng)
    if rng.random() < LOBED_CHANCE:
        cv2.fillPoly(shadow, [_outline(rng, x, y, unit * rng.uniform(*SHADOW_RADIUS))], 1.0)
    else:
        for _ in range(int(rng.integers(*FINGER_COUNT))):
            tip = np.array([x, y]) + rng.normal(0, FINGER_SPREAD * unit, 2)
            angle = rng.uniform(0, 2 * np.pi)
            base = tip + unit * np.array([np.cos(angle), np.sin(angle)])
            thickness = max(2, round(unit * rng.uniform(*FINGER_THICKNESS)))
            cv2.line(
                shadow,
                tuple(np.rint(tip).astype(int).tolist()),
                tuple(np.rint(base).astype(int).tolist()),
                1.0,
                thickness,
            )
    sigma = unit * _log_uniform(rng, SHADOW_SOFTNESS)
    shadow = cv2.GaussianBlur(shadow, (0, 0), sigma)
    _shade(image, 1 - rng.uniform(*PAGE_SHADOW_STRENGTH) * shadow, rng.uniform(*SHADOW_TINT, 3))


def _printed(image: Image, rng: np.random.Generator, unit: float, picture: Callable[[int, int], Image]) -> None:
    """A printed photograph or logo, paler than things are and in the light of the page."""
    h, w = image.shape[:2]
    x, y = _somewhere(image, rng)
    high, wide = (round(side) for side in unit * rng.uniform(*PRINT_SIDE, 2))
    x0, y0, x1, y1 = (
        max(0, round(x - wide / 2)),
        max(0, round(y - high / 2)),
        min(w, round(x + wide / 2)),
        min(h, round(y + high / 2)),
    )
    if min(x1 - x0, y1 - y0) < LEAST_PRINT_PX:
        return
    ink = picture(y1 - y0, x1 - x0).astype(np.float32) / 255
    if rng.random() < GREY_PRINT_CHANCE:
        ink = np.repeat(ink.mean(axis=2, keepdims=True), 3, axis=2)
    black = rng.uniform(*PRINT_BLACK)
    region = image[y0:y1, x0:x1]
    paper = cv2.blur(region, (PRINT_LIGHT_PX, PRINT_LIGHT_PX))  # what the print takes its light from
    region[:] = np.minimum(region, paper * (black + (1 - black) * ink))


def _bar(image: Image, rng: np.random.Generator, unit: float) -> None:
    """A solid bar or box of print, or blacked-out words."""
    x, y = _somewhere(image, rng)
    wide, high = unit * rng.uniform(*BAR_LENGTH), unit * rng.uniform(*BAR_THICKNESS)
    if rng.random() < UPRIGHT_BAR_CHANCE:
        wide, high = high, wide
    ink = np.ones(image.shape[:2], np.float32)
    corners = (round(x - wide / 2), round(y - high / 2)), (round(x + wide / 2), round(y + high / 2))
    cv2.rectangle(ink, *corners, float(rng.uniform(*BAR_INK)), -1)
    colour = rng.uniform(0, 1, 3) if rng.random() < COLOURED_BAR_CHANCE else None
    _shade(image, cv2.GaussianBlur(ink, (0, 0), BAR_BLUR_PX), colour)


def _holes(image: Image, rng: np.random.Generator, unit: float) -> None:
    """Holes of a binder along a line: what lies beneath shows, dark or light."""
    x, y = _somewhere(image, rng)
    radius = max(1, round(unit * rng.uniform(*HOLE_RADIUS)))
    step = unit * rng.choice(HOLE_STEPS)
    colour = rng.uniform(*(DARK_HOLES if rng.random() < DARK_HOLES_CHANCE else ANY_HOLES), 3)
    across = rng.random() < HOLES_ACROSS_CHANCE
    for k in range(int(rng.integers(*HOLE_COUNT))):
        centre = (round(x + k * step), round(y)) if across else (round(x), round(y + k * step))
        cv2.circle(image, centre, radius, colour.tolist(), -1, cv2.LINE_AA)


def develop(image: Image, rng: np.random.Generator) -> Image:
    """What a camera and a file do to the whole picture: light, colour, blur, noise, JPEG; half of the time little.

    Args:
        image: left as it is.
        rng: decides everything.
    """
    strength = 1.0 if rng.random() < STRONG_CHANCE else WEAK
    level = np.arange(256)[:, None] / 255
    gamma = np.exp(rng.normal(0, CAMERA_GAMMA_SPREAD) * strength)
    gain = np.exp(rng.normal(0, CAMERA_GAIN_SPREAD) * strength)
    balance = np.exp(rng.normal(0, CAMERA_BALANCE_SPREAD, 3) * strength)
    haze = rng.uniform(0, CAMERA_MOST_HAZE) * strength if rng.random() < CAMERA_HAZE_CHANCE else 0.0
    table = haze + (1 - haze) * level**gamma * gain * balance
    image = cv2.LUT(image, lookup_table(255 * table))
    if rng.random() < BLUR_CHANCE * strength:
        image = (
            _moved(image, rng)
            if rng.random() < SHAKEN_CHANCE
            else cv2.GaussianBlur(image, (0, 0), rng.uniform(*BLUR_PX))
        )
    if rng.random() < CAMERA_NOISE_CHANCE * strength:
        sigma = rng.uniform(*CAMERA_NOISE_LEVELS) * strength
        noise = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, sigma)
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < FILE_JPEG_CHANCE * strength:
        written = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*FILE_JPEG_QUALITY))])[1]
        image = np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))
    return image


def relight(image: Image, rng: np.random.Generator) -> Image:
    """The whole picture in coloured light of any strength; where light is strong, paper turns perfectly white.

    Args:
        image: left as it is.
        rng: decides everything.
    """
    level = np.arange(256)[:, None] / 255
    gain = np.exp(rng.normal(0, LAMP_GAIN_SPREAD) + rng.normal(0, LAMP_TINT_SPREAD, 3))
    return cv2.LUT(image, lookup_table(255 * level ** np.exp(rng.normal(0, LAMP_GAMMA_SPREAD)) * gain))


def _moved(image: Image, rng: np.random.Generator) -> Image:
    """Blurred along a line, as by a hand that moves."""
    side = int(rng.choice(CAMERA_SHAKE_PX))
    kernel = np.zeros((side, side), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * side / 2
    middle = np.array([side // 2, side // 2])
    start, end = (np.rint(middle + sign * reach).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())
