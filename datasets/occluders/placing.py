"""Occluders on a page: in other light and guise, where they lie, what they and their shadows cover."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.occluders.sprite import Occluder
from utils.regions import Box

# Share of the frame that a sprite's opaque pixels take before what lies outside is cut off.
PLACED_SHARES = {"finger": (0.006, 0.04), "hand": (0.015, 0.09), "arm": (0.015, 0.09), "head": (0.015, 0.09),
          "pen": (0.003, 0.012), "card": (0.01, 0.05), "cup": (0.01, 0.05), "phone": (0.015, 0.06),
          "crown": (0.02, 0.12), "blob": (0.002, 0.08), "intruder": (0.01, 0.12), "cable": (0.003, 0.012),
          "glasses": (0.004, 0.015), "coin": (0.001, 0.004), "eraser": (0.002, 0.008),
          "ruler": (0.008, 0.03)}  # fmt: skip
OTHER_PLACED_SHARES = (0.008, 0.05)  # of a kind that is not listed

# Chances and ranges below were set by eye.
# `vary`: the same in another light.
MIRRORED_CHANCE = 0.5  # of a sprite seen in a mirror
VARIED_GAMMA, VARIED_GAIN, VARIED_TINT = (0.75, 1.35), (0.65, 1.2), 0.05
PALE_CHANCE, PALE_COLOUR = 0.22, (0, 0.4)  # how much of the colour is left
# `disguise`: made stranger. Spreads are standard deviations of natural logarithms, levels are of 0 to 1 but for RELIEF.
RELIEF = (0.3, 1.7)  # shading that another material keeps, over the sprite's median grey
DARKEST_TYPICAL = 8  # grey level: a darker sprite has no shading to keep
OPAQUE = 127  # of 255: what is more opaque belongs to a sprite
NO_SPRITE_LEVEL = 128.0  # grey level of a sprite without such pixels
RELIEF_SHARE = (0.2, 1)  # of it that a material keeps
HUES = 180  # of OpenCV's bytes
OTHER_HUE_CHANCE = 0.3  # of a sprite in other colours
CONTRAST_SPREAD, CONTRAST_MIDDLE, GAMMA_SPREAD, GAIN_SPREAD = 0.25, (0.3, 0.7), 0.35, 0.2
SOFT_CHANCE, SOFTNESS = 0.3, (0.002, 0.012)  # standard deviation of the blur, in parts of the sprite's height
STRETCHED_CHANCE, STRETCH = 0.4, (-0.3, 0.3)  # natural logarithm
# `place`: where it lies.
PLACE_ALONG = (0.05, 0.95)  # parts of the edge, or of width and height
PLACE_EDGES = (0.34, 0.26, 0.26, 0.14)  # chances of bottom, left, right, top
HEAD_PLACE_EDGES = (0.9, 0.04, 0.04, 0.02)  # the same of heads
TILT, HEAD_TILT, STRONGEST_TILT = 0.35, 0.06, 0.9  # radians against the edge: standard deviations and limit
CUT_OUTSIDE_PX = 1.5  # by which both corners of the cut lie outside
LENGTH_OUTSIDE = (0, 0.3)  # parts of the sprite's height that lie outside as well
LEAST_BILINEAR_SCALE = 0.75  # below, bilinear sampling alone would alias
# `cover`: the contact shadow.
CONTACT_SHADOW_CHANCE = 0.4
SHADOW_BLUR = (0.002, 0.012)  # share of the frame's longer side
FAINTEST_CONTACT = 0.02  # share of the light; what is fainter counts as no shadow and is left out
CONTACT_SHADOW_STRENGTH = (0.1, 0.5)  # share of the light
SHADOW_SHIFT = 1.2  # standard deviation of its place, in widths of its soft edge
SHADOW_WEIGHT = 8.0  # a shadow that takes 1/16 of the light counts as half covered: it must be repaired too


def vary(occluder: Occluder, rng: np.random.Generator) -> Occluder:
    """The same occluder in another light: mirrored, brighter or darker, tinted, sometimes grey."""
    sprite = occluder.sprite[:, ::-1] if rng.random() < MIRRORED_CHANCE else occluder.sprite
    colour = sprite[..., :3].astype(np.float32) / 255
    gamma, gain = rng.uniform(*VARIED_GAMMA), rng.uniform(*VARIED_GAIN)
    colour = colour**gamma * gain * (1 + rng.normal(0, VARIED_TINT, 3)).astype(np.float32)
    if rng.random() < PALE_CHANCE:
        grey = colour.mean(axis=2, keepdims=True)
        colour = grey + (colour - grey) * rng.uniform(*PALE_COLOUR)
    return Occluder(occluder.kind, np.dstack([np.clip(colour * 255, 0, 255).astype(np.uint8), sprite[..., 3]]))


def disguise(occluder: Occluder, rng: np.random.Generator, surface: NDArray[np.uint8] | None = None) -> Occluder:
    """The same occluder made stranger: other hue, contrast or sharpness, longer or wider, of another material.

    Args:
        occluder: as `vary` returns it.
        rng: decides everything.
        surface: `(h, w, 3)` uint8 BGR, the material; it is stretched over the sprite and keeps the sprite's shading.
    """
    sprite = occluder.sprite
    colour, alpha = sprite[..., :3], sprite[..., 3]
    if surface is not None:
        grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(np.float32)
        opaque = alpha > OPAQUE
        typical = float(np.median(grey[opaque])) if opaque.any() else NO_SPRITE_LEVEL
        relief = np.clip(grey / max(typical, DARKEST_TYPICAL), *RELIEF)[..., None]
        cloth = cv2.resize(surface, sprite.shape[1::-1]).astype(np.float32)
        colour = np.clip(cloth * (1 + (relief - 1) * rng.uniform(*RELIEF_SHARE)), 0, 255).astype(np.uint8)
    elif rng.random() < OTHER_HUE_CHANCE:
        hsv = cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + int(rng.integers(HUES))) % HUES
        colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    level = np.arange(256) / 255
    contrast, middle = np.exp(rng.normal(0, CONTRAST_SPREAD)), rng.uniform(*CONTRAST_MIDDLE)
    level = np.clip((level - middle) * contrast + middle, 0, 1) ** np.exp(rng.normal(0, GAMMA_SPREAD))
    level = level * np.exp(rng.normal(0, GAIN_SPREAD))
    colour = cv2.LUT(np.ascontiguousarray(colour), np.clip(level * 255, 0, 255).astype(np.uint8))
    sprite = np.dstack([colour, alpha])
    if rng.random() < SOFT_CHANCE:  # out of focus or moved: the outline is soft as well
        sigma = sprite.shape[0] * rng.uniform(*SOFTNESS)
        opacity = sprite[..., 3:] / np.float32(255)
        joint = cv2.GaussianBlur(
            np.dstack([sprite[..., :3] * opacity, sprite[..., 3]]), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
        )
        joint[..., :3] /= np.maximum(joint[..., 3:] / 255, 1e-3)
        sprite = np.clip(joint, 0, 255).astype(np.uint8)
    if rng.random() < STRETCHED_CHANCE:
        stretch = np.exp(rng.uniform(*STRETCH))
        size = max(2, round(sprite.shape[1] * stretch)), sprite.shape[0]
        sprite = cv2.resize(sprite, size, interpolation=cv2.INTER_LINEAR)
    return Occluder(occluder.kind, sprite)


def place(occluder: Occluder, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Where and how large an occluder lies on a page.

    Fingers, hands and arms come in over any edge, heads mostly stand on the bottom one, things lie anywhere.

    Args:
        occluder: what to place.
        height, width: of the frame in pixels.

    Returns:
        `(2, 3)` float32 affine matrix from sprite to frame pixels.
    """
    h, w = occluder.sprite.shape[:2]
    opaque = max(1, np.count_nonzero(occluder.sprite[..., 3] > OPAQUE))
    low, high = PLACED_SHARES.get(occluder.kind, OTHER_PLACED_SHARES)
    share = np.exp(rng.uniform(np.log(low), np.log(high)))
    scale = np.sqrt(share * height * width / opaque)
    if not occluder.enters:
        angle = rng.uniform(0, 2 * np.pi)
        matrix = _turn(scale, angle)
        centre = np.array([rng.uniform(*PLACE_ALONG) * width, rng.uniform(*PLACE_ALONG) * height])
        offset = centre - matrix @ (w / 2, h / 2)
        return np.column_stack([matrix, offset]).astype(np.float32)

    head = occluder.kind == "head"
    edge = int(rng.choice(4, p=HEAD_PLACE_EDGES if head else PLACE_EDGES))
    tilt = rng.normal(0, HEAD_TILT if head else TILT)
    angle = (0, np.pi / 2, -np.pi / 2, np.pi)[edge] + np.clip(tilt, -STRONGEST_TILT, STRONGEST_TILT)
    matrix = _turn(scale, angle)
    along = rng.uniform(*PLACE_ALONG)
    anchor = np.array([(along * width, height), (0, along * height), (width, along * height), (along * width, 0)][edge])
    outwards = np.array([(0, 1), (-1, 0), (1, 0), (0, -1)][edge])
    corners = np.array([matrix @ (0, h), matrix @ (w, h)])
    offset = anchor - matrix @ (w / 2, h)
    # Both corners of the cut lie outside, and some of the length as well.
    inside_px = -min(float((corner + offset - anchor) @ outwards) for corner in corners)
    beyond = inside_px + CUT_OUTSIDE_PX + rng.uniform(*LENGTH_OUTSIDE) * h * scale
    return np.column_stack([matrix, offset + outwards * beyond]).astype(np.float32)


def _turn(scale: float, angle: float) -> NDArray[np.float64]:
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def warp(
    occluder: Occluder, matrix: NDArray[np.float32], height: int, width: int, margin: int = 0
) -> tuple[Box, NDArray[np.float32]]:
    """The occluder in its place.

    Args:
        occluder: what lies there.
        matrix: `(2, 3)` from sprite to frame pixels.
        height, width: of the frame.
        margin: pixels around it that the box shall hold too.

    Returns:
        The box of the frame that it touches, and its pixels there, `(h, w, 4)` float32: colour premultiplied by alpha,
        all in [0, 1].
    """
    sprite = occluder.sprite.astype(np.float32) / np.float32(255)
    sprite[..., :3] *= sprite[..., 3:]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    matrix = matrix.copy()
    if scale < LEAST_BILINEAR_SCALE:
        size = max(1, round(sprite.shape[1] * scale)), max(1, round(sprite.shape[0] * scale))
        sprite = cv2.resize(sprite, size, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= scale
    h, w = sprite.shape[:2]
    corners = np.array([(0, 0, 1), (w, 0, 1), (0, h, 1), (w, h, 1)]) @ matrix.T
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    box = Box(int(x0), int(y0), int(x1), int(y1)).padded(margin + 1, height, width)
    if box.width <= 0 or box.height <= 0:
        return Box(0, 0, 1, 1), np.zeros((1, 1, 4), np.float32)
    matrix[:, 2] -= (box.x0, box.y0)
    layer = cv2.warpAffine(sprite, matrix, (box.width, box.height), flags=cv2.INTER_LINEAR)
    return box, np.minimum(layer, 1)  # interpolation may round a little above


def shadow_of(alpha: NDArray[np.float32], blur_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The contact shadow of an occluder: how much of the light is gone, `(h, w)` float32 in [0, 1).

    Args:
        alpha: `(h, w)` float32 in [0, 1].
        blur_px: how soft the shadow is; it also moves by about that much.
    """
    shift = rng.normal(0, SHADOW_SHIFT * blur_px, 2)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(alpha, matrix, alpha.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    shadow = cv2.GaussianBlur(moved, (0, 0), blur_px) * np.float32(rng.uniform(*CONTACT_SHADOW_STRENGTH)) * (1 - alpha)
    shadow[shadow < FAINTEST_CONTACT] = 0
    return shadow


def cover(
    clean: NDArray[np.uint8], occluders: Sequence[Occluder], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Lay occluders over a page.

    Args:
        clean: `(H, W, 3)` uint8 BGR.
        occluders: in the order in which they are laid.
        rng: places, lights and shadows.

    Returns:
        The covered page, equal to `clean` where the second is 0, and how much of each pixel is covered or shaded,
        `(H, W)` float32 in [0, 1].
    """
    height, width = clean.shape[:2]
    covered = clean.copy()
    hidden = np.zeros((height, width), np.float32)
    for occluder in occluders:
        blur_px = max(height, width) * np.exp(rng.uniform(*np.log(SHADOW_BLUR)))
        box, layer = warp(occluder, place(occluder, height, width, rng), height, width, margin=int(4 * blur_px))
        alpha = layer[..., 3]
        pixels = covered[box.slices()].astype(np.float32)
        touched = alpha
        if rng.random() < CONTACT_SHADOW_CHANCE:
            shadow = shadow_of(alpha, blur_px, rng)
            pixels *= 1 - shadow[..., None]
            touched = np.maximum(alpha, np.minimum(shadow * SHADOW_WEIGHT, 1))
        pixels = np.rint(pixels * (1 - alpha[..., None]) + layer[..., :3] * 255)
        changed = touched > 0
        covered[box.slices()][changed] = np.clip(pixels[changed], 0, 255).astype(np.uint8)
        np.maximum(hidden[box.slices()], touched, out=hidden[box.slices()])
    return covered, hidden
