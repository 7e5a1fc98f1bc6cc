"""Grain of the paper: noise with the strength, colour and spectrum that the visible paper has."""

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import Floats, Image, Mask
from utils.page.cells import thin_out

SAMPLE_PX = 32  # side of the squares of bare paper that are looked at: the grain of photos is finer
MAX_SAMPLES = 64  # squares looked at, evenly spread; more change the spectrum by less than its own scatter
QUIETEST, QUIET_FACTOR = 0.1, 4.0  # quantile of the squares' variances; grain varies by so much of it at most
TILE_PX = 256  # the grain repeats after this, which nobody sees at a strength of a few levels
SEED_STEP = 4  # every so many pixels both ways decide the seed
SEED_FACTOR = 1_000_003  # a prime, so that the sum of the levels and the size of the hole do not mix


def measure_grain(window: Image, tone: Floats, bare: Mask) -> NDArray[np.complexfloating] | None:
    """Spectrum of the grain.

    Args:
        window: `(h, w, 3)` uint8.
        tone: `(h, w, 3)` float32, colour of the paper without grain.
        bare: `(h, w)` bool, pixels of bare paper.

    Returns:
        `(SAMPLE_PX, SAMPLE_PX // 2 + 1, 3, 3)` complex, for each frequency the square root of the covariance of the
        three channels; None where there is no bare square to measure.
    """
    height, width = bare.shape
    rows, columns = height // SAMPLE_PX, width // SAMPLE_PX
    if not rows or not columns:
        return None
    size = rows * SAMPLE_PX, columns * SAMPLE_PX
    squares = bare[: size[0], : size[1]].reshape(rows, SAMPLE_PX, -1).all(axis=1)  # in two steps: four times as fast
    places = np.argwhere(squares.reshape(rows, columns, SAMPLE_PX).all(axis=2))
    if not len(places):
        return None
    places = places[np.unique(np.linspace(0, len(places) - 1, MAX_SAMPLES).astype(int))]
    taper = np.hanning(SAMPLE_PX + 2)[1:-1].astype(np.float32)
    taper = np.outer(taper, taper)
    at = [np.s_[y : y + SAMPLE_PX, x : x + SAMPLE_PX] for y, x in (places * SAMPLE_PX).tolist()]
    # Each channel by itself: NumPy takes three times as long where they alternate.
    samples = np.ascontiguousarray(np.stack([window[square] - tone[square] for square in at]).transpose(0, 3, 1, 2))
    samples -= samples.mean(axis=(2, 3), keepdims=True)
    strength = np.square(samples).mean(axis=(1, 2, 3))
    # The upper half holds texture that was missed as ink, and so does all that is far stronger than the quietest tenth.
    quietest, usual = np.quantile(strength, [QUIETEST, 0.5])
    chosen = samples[strength <= min(usual, QUIET_FACTOR * quietest) + 1e-9]
    spectra = np.fft.rfft2(chosen * taper)
    covariance = np.einsum("niyx,njyx->yxij", spectra, spectra.conj()) / (len(chosen) * np.square(taper).sum())
    values, vectors = np.linalg.eigh(covariance)
    # The Hermitian root: it has no phase of its own, so that its filter is short.
    return vectors * np.sqrt(np.maximum(values, 0))[..., None, :] @ vectors.conj().swapaxes(-1, -2)


def draw_grain(spectrum: NDArray[np.complexfloating], height: int, width: int, seed: int) -> Floats:
    """Noise `(height, width, 3)` float32 with the given spectrum and mean 0; equal seeds give equal noise."""
    rng = np.random.default_rng(seed)
    # The measured spectrum as a small filter, laid into a larger tile: finer in frequency, periodic without a seam.
    kernel = np.fft.fftshift(np.fft.irfft2(spectrum, (SAMPLE_PX, SAMPLE_PX), (0, 1)), (0, 1)).transpose(2, 3, 0, 1)
    wanted = np.sqrt(np.square(kernel).sum(axis=(1, 2, 3)))
    taper = np.hanning(SAMPLE_PX + 1)[:-1]
    kernel = np.ascontiguousarray(kernel * np.outer(taper, taper), np.float32)
    filters = np.fft.fft(np.fft.rfft(kernel, TILE_PX), TILE_PX, axis=-2)  # filled up with zeros
    white = np.fft.rfft2(rng.standard_normal((3, TILE_PX, TILE_PX), np.float32))
    tile = np.fft.irfft2((filters * white).sum(axis=1), (TILE_PX, TILE_PX))
    tile *= (wanted / np.maximum(tile.std(axis=(1, 2)), 1e-9))[:, None, None]
    repeats = -(-height // TILE_PX), -(-width // TILE_PX), 1
    return np.tile(tile.transpose(1, 2, 0).astype(np.float32), repeats)[:height, :width]


def seed_of(window: Image, hole: Mask) -> int:
    """A number that the visible pixels decide."""
    visible = ~hole[::SEED_STEP, ::SEED_STEP]
    levels = cv2.sumElems(cv2.copyTo(thin_out(window, SEED_STEP), visible.view(np.uint8)))
    return int(sum(levels)) * SEED_FACTOR + int(np.count_nonzero(hole))
