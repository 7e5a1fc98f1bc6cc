"""Grain of the paper: noise with the strength, colour and spectrum that the visible paper has."""

import cv2
import numpy as np
from numpy.typing import NDArray

SAMPLE_PX = 32  # side of the squares of bare paper that are looked at
MAX_SAMPLES = 64
TILE_PX = 256  # the grain repeats after this, which nobody sees at a strength of a few levels


def measure_grain(
    window: NDArray[np.uint8], tone: NDArray[np.float32], bare: NDArray[np.bool_]
) -> NDArray[np.complex128] | None:
    """Spectrum of the grain.

    Args:
        window: `(h, w, 3)` uint8.
        tone: `(h, w, 3)` float32, colour of the paper without grain.
        bare: `(h, w)` bool, pixels of bare paper.

    Returns:
        `(SAMPLE_PX, SAMPLE_PX, 3, 3)` complex, for each frequency the square root of the covariance of the three
        channels; None where there is no bare square to measure.
    """
    height, width = bare.shape
    rows, columns = height // SAMPLE_PX, width // SAMPLE_PX
    if not rows or not columns:
        return None
    size = rows * SAMPLE_PX, columns * SAMPLE_PX
    squares = bare[: size[0], : size[1]].reshape(rows, SAMPLE_PX, columns, SAMPLE_PX).all(axis=(1, 3))
    places = np.argwhere(squares)
    if not len(places):
        return None
    places = places[np.unique(np.linspace(0, len(places) - 1, MAX_SAMPLES).astype(int))]
    taper = np.hanning(SAMPLE_PX + 2)[1:-1]
    taper = np.outer(taper, taper)[..., None]
    samples = []
    for row, column in places * SAMPLE_PX:
        part = np.s_[row : row + SAMPLE_PX, column : column + SAMPLE_PX]
        grain = window[part] - tone[part]
        samples.append(grain - grain.mean(axis=(0, 1)))
    strength = np.array([np.square(sample).mean() for sample in samples])
    # The upper half holds texture that was missed as ink.
    chosen = np.stack(samples)[strength <= np.median(strength) + 1e-9]
    spectra = np.fft.fft2(chosen * taper, axes=(1, 2))
    covariance = np.einsum("nyxi,nyxj->yxij", spectra, spectra.conj()) / (len(chosen) * np.square(taper).sum())
    values, vectors = np.linalg.eigh(covariance)
    # The Hermitian root: it has no phase of its own, so that its filter is short.
    return vectors * np.sqrt(np.maximum(values, 0))[..., None, :] @ vectors.conj().swapaxes(-1, -2)


def draw_grain(spectrum: NDArray[np.complexfloating], height: int, width: int, seed: int) -> NDArray[np.float32]:
    """Noise `(height, width, 3)` float32 with the given spectrum and mean 0; equal seeds give equal noise."""
    rng = np.random.default_rng(seed)
    # The measured spectrum as a small filter, laid into a larger tile: finer in frequency, periodic without a seam.
    kernel = np.fft.fftshift(np.fft.ifft2(spectrum, axes=(0, 1)), axes=(0, 1))
    taper = np.hanning(SAMPLE_PX + 1)[:-1]
    kernel = kernel * np.outer(taper, taper)[..., None, None]
    large = np.zeros((TILE_PX, TILE_PX, 3, 3), np.complex128)
    large[:SAMPLE_PX, :SAMPLE_PX] = kernel
    white = np.fft.fft2(rng.standard_normal((TILE_PX, TILE_PX, 3)), axes=(0, 1))
    tile = np.fft.ifft2(np.einsum("yxij,yxj->yxi", np.fft.fft2(large, axes=(0, 1)), white), axes=(0, 1)).real
    wanted = np.sqrt(np.einsum("yxij,yxij->i", spectrum, spectrum.conj()).real / SAMPLE_PX**2)
    tile *= wanted / np.maximum(tile.std(axis=(0, 1)), 1e-9)
    repeats = -(-height // TILE_PX), -(-width // TILE_PX), 1
    return np.tile(tile.astype(np.float32), repeats)[:height, :width]


def seed_of(window: NDArray[np.uint8], hole: NDArray[np.bool_]) -> int:
    """A number that the visible pixels decide."""
    seen = cv2.bitwise_and(window, window, mask=(~hole).astype(np.uint8))[::4, ::4]
    return int(seen.sum(dtype=np.int64)) * 1000003 + int(hole.sum())
