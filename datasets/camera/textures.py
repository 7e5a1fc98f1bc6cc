"""Textures of desks, and the grain of sensor and paper: each drawn once and kept."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

TEXTURE_SIDE = 512  # pixels of a stored texture
TEXTURE_MEAN, TEXTURE_DEVIATION = 128, 48  # grey levels: within three deviations no level is cut off
FIBRES = 0.35  # strength of the paper's fibres against the sensor's noise
NOISE_SIDE = 512  # noise repeats after so many pixels, which nobody sees
SENSOR_BLUR_PX, FIBRE_BLUR_PX = 0.45, 2.5  # standard deviations: the grain of a sensor and that of paper
TEXTURE_SEED, NOISE_SEED = 7, 11  # any numbers do; other ones make other desks

# Grain of textures in their own pixels, set by eye: blurs along and across wood's grain with their weights; the period
# of cloth's threads and the weight of its noise; the sizes of the blotches of stone.
WOOD_GRAIN = ((120, 4, 1.0), (60, 1.2, 0.6), (25, 0.6, 0.4))
THREAD_PX, CLOTH_NOISE = 6, 0.7
BLOTCHES_PX = (0.8, 3, 12, 40)


@lru_cache(maxsize=8)
def draw_texture(kind: str) -> NDArray[np.uint8]:
    """A grey square texture of `TEXTURE_SIDE` pixels, `(side, side)` uint8; always the same one for a name."""
    rng = np.random.default_rng(TEXTURE_SEED)
    field = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    if kind == "wood":
        for along, across, weight in WOOD_GRAIN:
            grain = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE)).astype(np.float32)
            grain = cv2.GaussianBlur(grain, (0, 0), along, sigmaY=across, borderType=cv2.BORDER_REFLECT)
            field += weight * grain / grain.std()
    elif kind == "cloth":
        threads = np.sin(np.arange(TEXTURE_SIDE) * 2 * np.pi / THREAD_PX).astype(np.float32)
        noise = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE)).astype(np.float32)
        field += threads[:, None] * threads + CLOTH_NOISE * noise
    else:
        for size in BLOTCHES_PX:
            blotch = rng.standard_normal((TEXTURE_SIDE, TEXTURE_SIDE)).astype(np.float32)
            blotch = cv2.GaussianBlur(blotch, (0, 0), size, borderType=cv2.BORDER_REFLECT)
            field += blotch / blotch.std()
    return np.clip(TEXTURE_MEAN + TEXTURE_DEVIATION * (field - field.mean()) / field.std(), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def grains() -> NDArray[np.float32]:
    """`(2·side, 2·side, 3)` normal noise, of the sensor (fine, partly coloured) and of the paper's fibres (coarser)."""
    rng = np.random.default_rng(NOISE_SEED)
    side = 2 * NOISE_SIDE
    noise = rng.standard_normal((side, side, 3), np.float32) + rng.standard_normal((side, side, 1), np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), SENSOR_BLUR_PX)
    fibres = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), FIBRE_BLUR_PX)
    noise += (FIBRES * noise.std() / fibres.std() * fibres)[..., None]
    return noise / noise.std()
