"""Cameras at random: light, shadows, bends of the paper, the desk, the lens and the sensor.

Ranges were set by eye, so that the drawn photos hold what phone photos of documents show.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.camera.model import Camera, Desk, Fold, Shadow, Wave
from datasets.pages import Layout

Range = tuple[float, float]  # lowest and highest value, all between as likely

PAPER_LEVEL: Range = (183, 241)  # grey levels of white paper in full light
# Share of the blue light that paper lacks: daylight mostly, lamps now and then.
DAYLIGHT_CHANCE, DAYLIGHT_WARMTH, LAMP_WARMTH = 0.8, (-0.03, 0.06), (0.05, 0.2)
GREEN_SHIFT: Range = (-0.012, 0.012)  # share of the green light
BLACK_INK_SHARE: Range = (0.62, 0.9)  # share of the light that black ink takes

# Bends of the paper. Lengths are parts of the photo's width, shades parts of full light.
WAVY_CHANCE, MOST_WAVES = 0.65, 3
WAVE_TURNS, WAVE_SHIFT, WAVE_SHADE = (0.2, 1.1), (0.0008, 0.005), (0, 0.05)  # turns: waves per width
FOLDED_CHANCE, MOST_FOLDS = 0.3, 2
LEVEL_FOLD_CHANCE = 0.65  # of a fold that runs across the page; the others run down
FOLD_TILT: Range = (-0.06, 0.06)  # radians
FOLD_PLACE: Range = (0.25, 0.75)  # parts of width and height
FOLD_DEPTH, FOLD_REACH, FOLD_SHADE = (0.0003, 0.002), (0.02, 0.15), (0.02, 0.09)

# Light. Lengths are parts of the photo's width, strengths parts of full light.
GRADIENT_ACROSS, GRADIENT_DOWN, VIGNETTE = (-0.14, 0.14), (-0.16, 0.16), (0, 0.22)
MOST_SHADOWS, STRAIGHT_SHADOW_CHANCE, CAST_SHADOW_STRENGTH = 3, 0.6, (0.05, 0.25)
STRAIGHT_PLACE, STRAIGHT_SOFTNESS = (0.1, 0.9), (0.02, 0.35)
ROUND_PLACE, ROUND_RADIUS, ROUND_SOFTNESS = (-0.2, 1.2), (0.15, 0.6), (0.05, 0.35)
MOTTLE: Range = (0.001, 0.008)  # standard deviation of the paper's brightness

# Lens and sensor, in pixels and grey levels of the full-size photo.
SHARP_CHANCE, SHARP_BLUR_PX, SOFT_BLUR_PX = 0.85, (0.4, 1.6), (1.6, 3)
NOISE: Range = (0.8, 3.8)

# Where the page lies in the frame.
NARROWEST_PHOTO = 0.68  # width of a photo over its height: that of a sheet, though the page may be a receipt
FILLING_CHANCE, FILLING_SIZE, SMALLER_SIZE = 0.55, (1.0, 1.07), (0.84, 1.0)  # sizes over the one that just fits
STEADY_CHANCE, STEADY_DEGREES, SLANTED_DEGREES = 0.8, 0.8, (-5, 5)  # steady: standard deviation
STRONGEST_PERSPECTIVE = 0.025  # by how much perspective moves a corner, as part of its distance from the middle
OFF_CENTRE: Range = (-0.015, 0.015)  # parts of width and height

# The desk: colours in grey levels, lengths in parts of the photo's width.
DESK_TEXTURES = {"wood": 0.45, "cloth": 0.25, "speckle": 0.3}
WOODEN_DESK_BGR = ((60, 140), (95, 165), (130, 205))
GREY_DESK_CHANCE, GREY_DESK, GREY_DESK_TINT, COLOURED_DESK = 0.75, (25, 200), 6, (30, 190)
DARK_GRAIN: Range = (0.55, 0.93)  # of the texture's darkest parts over its lightest
DESK_REPEAT: Range = (0.8, 2.5)  # textures across the photo
DESK_SHADOW, DESK_SHADOW_REACH = (0.1, 0.6), (0.004, 0.03)


class _Dice:
    """A random generator in the words of this module."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def between(self, limits: Range) -> float:
        """A number of a range."""
        return float(self.rng.uniform(*limits))

    def direction(self) -> float:
        """An angle in radians, all as likely."""
        return self.between((0, 2 * math.pi))


def draw_camera(
    rng: np.random.Generator, layout: Layout, height: int | None = None, width: int | None = None
) -> Camera:
    """Draw how a page is photographed.

    Args:
        rng: source of all randomness; the same state gives the same camera.
        layout: the page, of which only the size counts.
        height, width: of the photo in pixels; about the page's own size without them (a page narrower than usual
            leaves desk at its sides).
    """
    height = height or layout.height
    width = width or round(max(layout.width, NARROWEST_PHOTO * height))
    dice, tall = _Dice(rng), height / width
    # Each line draws from `rng`: their order is part of what a seed means.
    paper = _draw_paper(dice)
    waves = _draw_waves(dice)
    folds = _draw_folds(dice, tall)
    shadows = _draw_shadows(dice, tall)
    return Camera(
        height=height,
        width=width,
        homography=_draw_homography(rng, layout, height, width),
        waves=waves,
        folds=folds,
        paper=paper,
        ink=dice.between(BLACK_INK_SHARE),
        gradient=(dice.between(GRADIENT_ACROSS), dice.between(GRADIENT_DOWN)),
        vignette=dice.between(VIGNETTE),
        shadows=shadows,
        mottle=dice.between(MOTTLE),
        desk=_draw_desk(rng),
        blur_px=dice.between(SHARP_BLUR_PX if dice.chance(SHARP_CHANCE) else SOFT_BLUR_PX),
        noise=dice.between(NOISE),
        seed=int(rng.integers(2**31)),
    )


def _draw_paper(dice: _Dice) -> tuple[float, float, float]:
    """BGR of white paper in full light."""
    level = dice.between(PAPER_LEVEL)
    warmth = dice.between(DAYLIGHT_WARMTH if dice.chance(DAYLIGHT_CHANCE) else LAMP_WARMTH)
    green = dice.between(GREEN_SHIFT)
    return level * (1 - warmth), level * (1 - warmth / 3 + green), level


def _draw_waves(dice: _Dice) -> tuple[Wave, ...]:
    waves = []
    for _ in range(int(dice.rng.integers(1, MOST_WAVES + 1)) if dice.chance(WAVY_CHANCE) else 0):
        turn, pull = dice.direction(), dice.direction()
        turns, shift = dice.between(WAVE_TURNS), dice.between(WAVE_SHIFT)
        waves.append(
            Wave(
                shift=(shift * math.cos(pull), shift * math.sin(pull)),
                turns=(turns * math.cos(turn), turns * math.sin(turn)),
                phase=dice.between((0, 1)),
                shade=dice.between(WAVE_SHADE),
            )
        )
    return tuple(waves)


def _draw_folds(dice: _Dice, tall: float) -> tuple[Fold, ...]:
    """`tall`: height of the photo over its width."""
    folds = []
    for _ in range(int(dice.rng.integers(1, MOST_FOLDS + 1)) if dice.chance(FOLDED_CHANCE) else 0):
        turn = dice.between(FOLD_TILT) + (math.pi / 2 if dice.chance(LEVEL_FOLD_CHANCE) else 0)
        normal = (math.cos(turn), math.sin(turn))
        offset = dice.between(FOLD_PLACE) * normal[0] + dice.between(FOLD_PLACE) * tall * normal[1]
        depth, reach, shade = (dice.between(limits) for limits in (FOLD_DEPTH, FOLD_REACH, FOLD_SHADE))
        folds.append(Fold(normal, offset, depth, reach, shade))
    return tuple(folds)


def _draw_shadows(dice: _Dice, tall: float) -> tuple[Shadow, ...]:
    """`tall`: height of the photo over its width."""
    shadows = []
    for _ in range(int(dice.rng.integers(0, MOST_SHADOWS + 1))):
        strength = dice.between(CAST_SHADOW_STRENGTH)
        if dice.chance(STRAIGHT_SHADOW_CHANCE):
            turn = dice.direction()
            normal = (math.cos(turn), math.sin(turn))
            offset = dice.between(STRAIGHT_PLACE) * normal[0] + dice.between(STRAIGHT_PLACE) * tall * normal[1]
            shadows.append(Shadow(normal, offset, 0, dice.between(STRAIGHT_SOFTNESS), strength))
        else:
            middle = (dice.between(ROUND_PLACE), dice.between(ROUND_PLACE) * tall)
            shadows.append(Shadow(middle, 0, dice.between(ROUND_RADIUS), dice.between(ROUND_SOFTNESS), strength))
    return tuple(shadows)


def _draw_homography(rng: np.random.Generator, layout: Layout, height: int, width: int) -> NDArray[np.float64]:
    """Where the page lies in the frame: filling it, or a little smaller with the desk around."""
    fit = min(width / layout.width, height / layout.height)
    size = fit * rng.uniform(*(FILLING_SIZE if rng.random() < FILLING_CHANCE else SMALLER_SIZE))
    steady = rng.random() < STEADY_CHANCE
    angle = math.radians(float(rng.normal(0, STEADY_DEGREES) if steady else rng.uniform(*SLANTED_DEGREES)))
    page = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float) * (layout.width, layout.height)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = (page - (layout.width / 2, layout.height / 2)) @ turn.T * size
    tilt = rng.uniform(0, STRONGEST_PERSPECTIVE)
    corners *= 1 + rng.uniform(-tilt, tilt, (4, 1))
    corners += np.array([width, height]) * (0.5 + rng.uniform(*OFF_CENTRE, 2))
    return cv2.getPerspectiveTransform(page.astype(np.float32), corners.astype(np.float32))


def _draw_desk(rng: np.random.Generator) -> Desk:
    texture = str(rng.choice(list(DESK_TEXTURES), p=list(DESK_TEXTURES.values())))
    if texture == "wood":
        light = np.array([rng.uniform(*limits) for limits in WOODEN_DESK_BGR])
    elif rng.random() < GREY_DESK_CHANCE:
        light = np.full(3, rng.uniform(*GREY_DESK)) + rng.normal(0, GREY_DESK_TINT, 3)
    else:
        light = rng.uniform(*COLOURED_DESK, 3)
    dark = light * rng.uniform(*DARK_GRAIN)
    return Desk(
        texture=texture,
        dark=(float(dark[0]), float(dark[1]), float(dark[2])),
        light=(float(light[0]), float(light[1]), float(light[2])),
        angle=float(rng.uniform(0, 2 * math.pi)),
        repeat=float(rng.uniform(*DESK_REPEAT)),
        shadow=float(rng.uniform(*DESK_SHADOW)),
        reach=float(rng.uniform(*DESK_SHADOW_REACH)),
    )
