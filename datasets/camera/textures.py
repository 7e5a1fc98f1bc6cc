"""Textures of desks, and the grain of sensor and paper: each drawn once and kept."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

TEXTURE_SIDE = 512  # pixels of a stored texture
TEXTURE_MEAN, TEXTURE_DEVIATION = 128, 48  # grey levels: within three deviations no level is cut off
FIBRES = 0.35  # strength of the paper's fibres against the sensor's noise
NOISE_SIDE = 512  # noise repeats after so many pixels, which nobody sees


@lru_cache(maxsize=8)
def draw_texture(kind: str) -> NDArray[np.uint8]:
    """A grey square texture of `TEXTURE_SIDE` pixels, `(side, side)` uint8; always the same one for a name."""
    rng = np.random.default_rng(7)
    field = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    if kind == "wood":
        for along, across, weight in ((120, 4, 1.0), (60, 1.2, 0.6), (25, 0.6, 0.4)):
            grain = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE)).astype(np.float32)
            grain = cv2.GaussianBlur(grain, (0, 0), along, sigmaY=across, borderType=cv2.BORDER_REFLECT)
            field += weight * grain / grain.std()
    elif kind == "cloth":
        threads = np.sin(np.arange(TEXTURE_SIDE) * 2 * np.pi / 6).astype(np.float32)
        field += threads[:, None] * threads + 0.7 * rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE)).astype(np.float32)
    else:
        for size in (0.8, 3, 12, 40):
            blotch = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE)).astype(np.float32)
            blotch = cv2.GaussianBlur(blotch, (0, 0), size, borderType=cv2.BORDER_REFLECT)
            field += blotch / blotch.std()
    return np.clip(TEXTURE_MEAN + TEXTURE_DEVIATION * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def grains() -> NDArray[np.float32]:
    """`(2·side, 2·side, 3)` normal noise, of the sensor (fine, partly coloured) and of the paper's fibres (coarser)."""
    rng = np.random.default_rng(11)
    side = 2 * NOISE_SIDE
    noise = rng.standard_normal((side, side, 3), np.float32) + rng.standard_normal((side, side, 1), np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.45)
    fibres = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), 2.5)
    noise += (FIBRES * noise.std() / fibres.std() * fibres)[..., None]
    return noise / noise.std()
