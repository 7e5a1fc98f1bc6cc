"""What occluders are made of: skin, hair, cloth, any surface at all; units and origin of the numbers as in `people`."""

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.occluders.sprite import Canvas, smooth_noise

# Skin in BGR, light to dark: our own picks along the usual range of complexions.
SKIN_TONES = np.array(
    [(196, 214, 244), (176, 198, 232), (150, 176, 218), (122, 152, 200), (96, 126, 178), (74, 100, 150), (52, 74, 116),
     (38, 54, 86)],
    np.float64,
)  # fmt: skip


def draw_skin(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """A patch of skin `(side, side, 3)`: a tone between two of `SKIN_TONES`, blotched."""
    where = rng.uniform(0, len(SKIN_TONES) - 1)
    low = SKIN_TONES[int(where)]
    tone = low + (SKIN_TONES[min(int(where) + 1, len(SKIN_TONES) - 1)] - low) * (where % 1)
    tone = tone * rng.uniform(0.75, 1.1) * (1 + rng.normal(0, 0.03, 3))
    blotches = 1 + 0.045 * smooth_noise(rng, side, 7) + 0.03 * smooth_noise(rng, side, 30)
    redness = np.array([-0.5, -0.6, 1.0], np.float32) * (0.04 * smooth_noise(rng, side, 5))[..., None]
    return (tone * (blotches[..., None] + redness)).astype(np.float32)


def draw_cloth(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """A patch of cloth `(side, side, 3)`: plain, striped, checked or printed with words, with folds."""
    base = cloth_colour(rng)
    folds = (
        1
        + rng.uniform(0.05, 0.2) * smooth_noise(rng, side, 5, rng.uniform(0.6, 3))
        + 0.03 * smooth_noise(rng, side, side // 3)
    )
    cloth = base * folds[..., None]
    if rng.random() < 0.3:
        period = rng.uniform(0.03, 0.12)
        axis = np.arange(side, dtype=np.float32) / side
        stripe = (np.sin(2 * np.pi * axis / period) > rng.uniform(-0.5, 0.7)).astype(np.float32)
        pattern = stripe[:, None] * np.ones(side, np.float32)
        if rng.random() < 0.5:
            pattern = np.maximum(pattern, stripe[None, :]) if rng.random() < 0.4 else pattern.T
        other = cloth_colour(rng)
        cloth += (other * folds[..., None] - cloth) * (pattern * rng.uniform(0.3, 1))[..., None]
    elif rng.random() < 0.3:
        cloth += (cloth_colour(rng) * folds[..., None] - cloth) * (_words(rng, side) * rng.uniform(0.4, 1))[..., None]
    return cloth.astype(np.float32)


def _words(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """What is printed on a shirt, `(side, side)` in [0, 1]: a few large words, or small ones all over."""
    large = rng.random() < 0.5
    height = round(side * (rng.uniform(0.08, 0.2) if large else rng.uniform(0.03, 0.07)))
    font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]))
    thick = max(1, round(height * rng.uniform(0.08, 0.3)))
    scale = cv2.getFontScaleFromHeight(font, height, thick)
    words = np.zeros((side, side), np.uint8)
    step = round(height * rng.uniform(1.3, 2.5))
    first, last = (round(side * rng.uniform(0.6, 0.9)), side) if large else (height, side)
    for row, y in enumerate(range(first, last + height, step)):
        count = int(rng.integers(2, 9)) if large else 2 * side // height
        letters = "".join(rng.choice(list("ABCDEGHIKLMNORSTUW" if large else "ADEGNORSTY   "), count))
        (width, _), _ = cv2.getTextSize(letters, font, scale, thick)
        x = round((side - width) / 2) if large else -round((row % 2) * 1.5 * height)
        cv2.putText(words, letters, (x, y), font, scale, 255, thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.normal(0, 6 if large else 30)), 1.2)
    return cv2.warpAffine(words, turn, (side, side), borderMode=cv2.BORDER_REFLECT).astype(np.float32) / 255


def cloth_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """What clothes are dyed in, BGR: dark, light, blue, or any colour."""
    kind = rng.random()
    if kind < 0.3:  # dark, nearly grey
        return rng.uniform(15, 70) * (1 + rng.normal(0, 0.08, 3))
    if kind < 0.5:  # white and light grey
        return rng.uniform(150, 240) * (1 + rng.normal(0, 0.03, 3))
    if kind < 0.65:  # jeans and navy
        return np.array([120.0, 80.0, 50.0]) * rng.uniform(0.5, 1.5)
    return rng.uniform(20, 230, 3)


def draw_hair(rng: np.random.Generator, side: int) -> NDArray[np.float32]:
    """A patch of hair `(side, side, 3)`, its strands downwards."""
    tones = [
        (20, 20, 24),
        (30, 34, 44),
        (40, 56, 84),
        (70, 100, 140),
        (110, 160, 200),
        (150, 150, 152),
        (205, 205, 205),
    ]
    chance = [0.32, 0.22, 0.16, 0.1, 0.06, 0.08, 0.06]
    tone = np.array(tones[rng.choice(len(tones), p=chance)], np.float64) * rng.uniform(0.7, 1.2)
    strands = 1 + 0.25 * smooth_noise(rng, side, side // 2, 9) + 0.15 * smooth_noise(rng, side, 9)
    return (tone * np.clip(strands, 0.3, 2)[..., None]).astype(np.float32)


def draw_anything(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.float32]:
    """Any surface that a thing may have: skin, cloth, hair, one colour, a pattern of two colours."""
    kind = rng.random()
    if kind < 0.4:
        return (draw_skin, draw_cloth, draw_hair)[int(rng.integers(3))](rng, canvas.side)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.6 else rng.uniform(0, 255) + rng.normal(0, 6, 3)
    other = rng.uniform(0, 255, 3) if rng.random() < 0.5 else colour * rng.uniform(0.4, 1.4)
    pattern = smooth_noise(rng, canvas.side, int(rng.integers(2, 40)), float(np.exp(rng.normal(0, 0.8))))
    if rng.random() < 0.4:
        pattern = np.sign(pattern) * np.float32(min(1.0, rng.uniform(0.3, 1.5)))
    return (colour + (other - colour) * np.clip(0.5 + 0.35 * pattern, 0, 1)[..., None]).astype(np.float32)
