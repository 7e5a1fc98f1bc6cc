"""Drawn things that lie on a page or reach over its edge; units and origin of the numbers as in `people`."""

from itertools import pairwise

import cv2
import numpy as np

from datasets.occluders.materials import cloth_colour, draw_anything
from datasets.occluders.sprite import Canvas, rounded, smooth_noise, wavy
from utils.arrays import AnyArray

BADGE_CHANCE = 0.6  # of a coloured field on a card, as makers print their signs


def draw_card(rng: np.random.Generator, side: int) -> Canvas:
    """A bank card, a label, a note or a photograph, with what is printed on it."""
    canvas = Canvas(side, rng)
    height = rng.uniform(0.26, 0.45)
    base = rng.uniform(20, 245, 3)
    surface = base * (1 + rng.uniform(0, 0.3) * smooth_noise(rng, side, 3))[..., None]
    canvas.paint(rounded(canvas, 0.45, height, rng.uniform(0.005, 0.04)), np.clip(surface, 0, 255), 0)
    _print_on(canvas, 0.45, height, base, rng)
    for _ in range(int(rng.integers(0, 6))):
        y, x = 0.5 + rng.uniform(-0.8, 0.8) * height, rng.uniform(0.1, 0.5)
        line = np.array([[x, y], [x + rng.uniform(0.1, 0.38), y]])
        canvas.tint(canvas.stroke(line, [rng.uniform(0.005, 0.05)] * 2) * canvas.alpha, rng.uniform(0, 255, 3), 0.9)
    return canvas


def _print_on(canvas: Canvas, half_width: float, half_height: float, base: AnyArray, rng: np.random.Generator) -> None:
    """A badge and a few words within a rectangle about the middle of the canvas."""
    side = canvas.side
    if rng.random() < BADGE_CHANCE:
        x, y = 0.5 + rng.uniform(-0.7, 0.7) * half_width, 0.5 + rng.uniform(-0.6, 0.6) * half_height
        w, h = rng.uniform(0.15, 0.7) * half_width, rng.uniform(0.15, 0.5) * half_height
        corners = np.array([[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]])
        badge = canvas.polygon(corners) if rng.random() < 0.6 else canvas.ellipse((x, y), (w, h))
        canvas.tint(badge * canvas.alpha, rng.uniform(0, 255, 3), 1)
    for _ in range(int(rng.integers(0, 5))):
        letters = "".join(rng.choice(list("ABCDEGHIKLMNORSTUW 0123456789"), int(rng.integers(3, 16))))
        pixels = round(side * half_height * rng.uniform(0.08, 0.4))
        thick = max(1, round(pixels * rng.uniform(0.08, 0.25)))
        scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_DUPLEX, max(pixels, 3), thick)
        words = np.zeros((side, side), np.uint8)
        at = round(side * rng.uniform(0.08, 0.45)), round(side * (0.5 + rng.uniform(-0.8, 0.9) * half_height))
        cv2.putText(words, letters, at, cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)
        ink = np.full(3, 240.0 if np.mean(base) < 128 else 20.0) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
        canvas.tint(words.astype(np.float32) / np.float32(255) * canvas.alpha, ink, 0.95)


def draw_clip(rng: np.random.Generator, side: int) -> Canvas:
    """A binder clip, a bulldog clip or the clamp of a board: a folded blade with wire arms or a boss."""
    canvas = Canvas(side, rng)
    half, top, foot = rng.uniform(0.2, 0.42), rng.uniform(0.35, 0.5), rng.uniform(0.6, 0.85)
    blade = np.full(3, rng.uniform(10, 45)) if rng.random() < 0.6 else rng.uniform(30, 220, 3)
    if rng.random() < 0.7:  # wire arms
        metal = np.full(3, rng.uniform(130, 210))
        spread, reach = half * rng.uniform(0.3, 0.8), rng.uniform(0.05, 0.2)
        wire = np.array(
            [[0.5 - spread, top], [0.5 - spread * 0.7, reach], [0.5 + spread * 0.7, reach], [0.5 + spread, top]]
        )
        canvas.paint(canvas.stroke(wire, [rng.uniform(0.012, 0.025)] * 4), metal, 0.8)
    else:
        canvas.paint(canvas.ellipse((0.5, top), (half * 0.5, 0.2)), blade * 1.1, 0.6)
    wider = half * rng.uniform(1.0, 1.25)
    corners = np.array([[0.5 - half, top], [0.5 + half, top], [0.5 + wider, foot], [0.5 - wider, foot]])
    canvas.paint(canvas.polygon(corners), blade, 0.35)
    edge = np.array([[0.5 - wider, foot], [0.5, foot], [0.5 + wider, foot]])
    canvas.paint(canvas.stroke(edge, [rng.uniform(0.015, 0.035)] * 3), blade * rng.uniform(0.8, 1.6) + 10, 0.8)
    if rng.random() < 0.3:
        _print_on(canvas, half, 0.15, blade, rng)
    return canvas


def draw_flap(rng: np.random.Generator, side: int) -> Canvas:
    """The flap of a wallet, a folder or a bill holder that comes in over an edge; often leather with words on it."""
    canvas = Canvas(side, rng)
    half, top, radius = rng.uniform(0.25, 0.48), rng.uniform(0.1, 0.6), rng.uniform(0.005, 0.08)
    base = np.full(3, rng.uniform(10, 60)) * (1 + rng.normal(0, 0.1, 3)) if rng.random() < 0.6 else cloth_colour(rng)
    grain = (
        1 + rng.uniform(0, 0.12) * smooth_noise(rng, side, int(rng.integers(20, 90))) + 0.1 * smooth_noise(rng, side, 3)
    )
    lean = rng.normal(0, 0.04)
    corners = np.array(
        [[0.5 - half, top + radius], [0.5 + half, top + radius + lean], [0.5 + half, 1.2], [0.5 - half, 1.2]]
    )
    leather = np.clip(base * grain[..., None], 0, 255)
    mask = canvas.polygon(corners)
    upper = np.array(
        [
            [0.5 - half + radius, top + radius],
            [0.5, top + radius + lean / 2],
            [0.5 + half - radius, top + radius + lean],
        ]
    )
    mask = np.maximum(mask, canvas.stroke(upper, [radius] * 3))
    canvas.paint(mask, leather, rng.uniform(0.05, 0.4))
    if rng.random() < 0.5:  # a seam
        inset = rng.uniform(0.02, 0.05)
        left, right, below = 0.5 - half + inset, 0.5 + half - inset, top + 0.06
        seam = np.array([[left, 1.0], [left, below], [right, below + lean], [right, 1.0]])
        for start, end in pairwise(seam):
            line = canvas.stroke(np.array([start, end]), [0.004, 0.004])
            canvas.tint(line * canvas.alpha, base * rng.uniform(0.3, 2.0) + 15, 0.8)
    if rng.random() < 0.5:
        _print_on(canvas, half * 0.9, 0.3, base, rng)
    return canvas


def draw_cup(rng: np.random.Generator, side: int) -> Canvas:
    """A cup or a bowl from above, with its handle and what is in it."""
    canvas = Canvas(side, rng)
    radius = rng.uniform(0.3, 0.38)
    squeeze = rng.uniform(0.75, 1.0)
    body = np.full(3, rng.uniform(170, 250)) if rng.random() < 0.5 else rng.uniform(20, 240, 3)
    if rng.random() < 0.7:
        angle = rng.uniform(0, 2 * np.pi)
        tip = np.array([0.5, 0.5]) + (radius + 0.09) * np.array([np.cos(angle), np.sin(angle) * squeeze])
        ends = [
            np.array([0.5, 0.5]) + radius * 0.9 * np.array([np.cos(angle + d), np.sin(angle + d) * squeeze])
            for d in (-0.3, 0.3)
        ]
        canvas.paint(canvas.stroke(np.array([ends[0], tip, ends[1]]), [0.03] * 3), body, 0.5)
    canvas.paint(canvas.ellipse((0.5, 0.5), (radius, radius * squeeze)), body, 0.5)
    canvas.paint(canvas.ellipse((0.5, 0.5), (radius * 0.88, radius * 0.88 * squeeze)), body * 0.75, 0.25)
    if rng.random() < 0.75:
        drink = np.array([[20, 35, 60], [40, 80, 150], [150, 200, 225], [60, 110, 120]])[rng.integers(4)]
        canvas.paint(canvas.ellipse((0.5, 0.5 + 0.02), (radius * 0.8, radius * 0.78 * squeeze)), drink, 0.1)
    return canvas


def draw_phone(rng: np.random.Generator, side: int) -> Canvas:
    """A phone, its screen dark or lit."""
    canvas = Canvas(side, rng)
    width = rng.uniform(0.2, 0.25)
    canvas.paint(rounded(canvas, width, 0.46, 0.04), np.full(3, rng.uniform(10, 230)), 0.2)
    screen = np.full(3, rng.uniform(8, 40)) if rng.random() < 0.7 else rng.uniform(40, 230, 3)
    sheen = screen + 60 * np.clip(smooth_noise(rng, side, 2), 0, None)[..., None]
    canvas.paint(rounded(canvas, width * 0.92, 0.43, 0.03), np.clip(sheen, 0, 255), 0)
    return canvas


def draw_blob(rng: np.random.Generator, side: int) -> Canvas:
    """A thing of no known shape, lying free."""
    canvas = Canvas(side, rng)
    canvas.paint(wavy(canvas, rng, 0.45), draw_anything(canvas, rng), rng.uniform(0, 0.7))
    for _ in range(int(rng.integers(0, 4))):
        spot = canvas.ellipse(tuple(rng.uniform(0.2, 0.8, 2).tolist()), tuple(rng.uniform(0.02, 0.2, 2).tolist()))
        canvas.tint(spot * canvas.alpha, rng.uniform(0, 255, 3), rng.uniform(0.2, 1))
    return canvas


def draw_intruder(rng: np.random.Generator, side: int) -> Canvas:
    """A thing of no known shape that comes in over an edge: a limb, a bag, a strap."""
    canvas = Canvas(side, rng)
    x = 0.5 + np.cumsum(rng.normal(0, 0.08, 4))
    radii = rng.uniform(0.05, 0.22) * np.exp(rng.normal(0, 0.35, 4))
    points = np.column_stack([x - x[0] + 0.5, [1.2, 0.85, 0.55, rng.uniform(0.2, 0.4)]])
    canvas.paint(canvas.stroke(points, radii), draw_anything(canvas, rng), rng.uniform(0, 0.6))
    if rng.random() < 0.5:
        end, axes = points[-1].tolist(), rng.uniform(0.05, 0.2, 2).tolist()
        canvas.paint(
            canvas.ellipse((end[0], end[1]), (axes[0], axes[1])), draw_anything(canvas, rng), rng.uniform(0, 0.6)
        )
    return canvas


def draw_cable(rng: np.random.Generator, side: int) -> Canvas:
    """A piece of cable or string."""
    canvas = Canvas(side, rng)
    points = np.column_stack([np.clip(0.5 + np.cumsum(rng.normal(0, 0.15, 5)), 0.05, 0.95), np.linspace(0.04, 0.96, 5)])
    canvas.paint(canvas.stroke(points, [rng.uniform(0.008, 0.02)] * 5), cloth_colour(rng), 0.5)
    return canvas


def draw_glasses(rng: np.random.Generator, side: int) -> Canvas:
    """Spectacles; through their lenses the page is seen, only the frame covers."""
    canvas = Canvas(side, rng)
    colour = cloth_colour(rng)
    width, height = rng.uniform(0.17, 0.2), rng.uniform(0.11, 0.17)
    thickness = rng.uniform(0.012, 0.025)
    for sign in (-1, 1):
        angles = np.linspace(0, 2 * np.pi, 13)
        ring = np.stack([0.5 + sign * 0.23 + width * np.cos(angles), 0.3 + height * np.sin(angles)], 1)
        canvas.paint(canvas.stroke(ring, [thickness] * 13), colour, 0.3)
        temple = np.array(
            [[0.5 + sign * 0.43, 0.3], [0.5 + sign * 0.45, 0.6], [0.5 + sign * rng.uniform(0.3, 0.46), 0.85]]
        )
        canvas.paint(canvas.stroke(temple, [thickness * 0.8] * 3), colour, 0.3)
    canvas.paint(canvas.stroke(np.array([[0.44, 0.28], [0.5, 0.25], [0.56, 0.28]]), [thickness] * 3), colour, 0.3)
    return canvas


def draw_coin(rng: np.random.Generator, side: int) -> Canvas:
    """A coin or a button."""
    canvas = Canvas(side, rng)
    metal = np.array([(150, 155, 160), (90, 160, 200), (70, 100, 160)][int(rng.integers(3))]) * rng.uniform(0.5, 1.3)
    relief = 1 + 0.15 * smooth_noise(rng, side, 12)
    for reach in (0.45, 0.38):
        canvas.paint(canvas.ellipse((0.5, 0.5), (reach, reach)), metal * relief[..., None], 0.25)
    return canvas


def draw_eraser(rng: np.random.Generator, side: int) -> Canvas:
    """An eraser, a sharpener or a small box, with a band of another colour."""
    canvas = Canvas(side, rng)
    height = rng.uniform(0.15, 0.3)
    canvas.paint(rounded(canvas, 0.45, height, rng.uniform(0.01, 0.08)), rng.uniform(20, 250, 3), 0.4)
    if rng.random() < 0.7:
        left = rng.uniform(0.2, 0.5)
        band = canvas.polygon(np.array([[left, 0], [0.97, 0], [0.97, 1], [left, 1]])) * canvas.alpha
        canvas.tint(band, rng.uniform(0, 250, 3), 1)
    return canvas


def draw_ruler(rng: np.random.Generator, side: int) -> Canvas:
    """A ruler of wood, metal or plastic, with its marks."""
    canvas = Canvas(side, rng)
    base = np.array([(110, 170, 215), (185, 190, 195), (30, 32, 35)][int(rng.integers(3))]) * rng.uniform(0.7, 1.2)
    half = rng.uniform(0.04, 0.08)
    canvas.paint(rounded(canvas, 0.48, half, 0.005), base, 0.1)
    ink = (235, 235, 235) if base.mean() < 100 else (25, 25, 30)
    for index, x in enumerate(np.arange(0.04, 0.97, 0.025)):
        end = 0.5 - half * (0.2 if index % 5 == 0 else 0.55)
        canvas.tint(canvas.stroke(np.array([[x, 0.5 - half], [x, end]]), [0.003, 0.003]) * canvas.alpha, ink, 0.9)
    return canvas
