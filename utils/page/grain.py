"""Grain of the paper: noise with the strength, colour and spectrum that the visible paper has."""

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import Floats, Image, Indices, Mask, Plane
from utils.page.cells import strongest

SAMPLE_PX = 32  # side of the squares of bare paper that are looked at
MAX_SAMPLES = 64
SHIFT_PX = 20  # a pattern is sought at distances in such steps
RIM_PX = 24  # ... that goes on from what is seen so near
BORDER_PX = 14  # the border of what is seen is known to a cell of the paper only
MAX_STRANGE = 5.0  # what is so many times the median away from the desk's tone is a thing on it
MAX_POINTS = 100  # of the hidden part and of its rim, at which the moves are compared
MAX_PIECES = 6
TEXTURE_SHARE = 0.6  # of the pattern's strength: looks alike, and errs less where it lies otherwise than the hidden one
TILE_PX = 256  # the grain repeats after this, which nobody sees at a strength of a few levels


def measure_grain(window: Image, tone: Floats, bare: Mask) -> NDArray[np.complex128] | None:
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
    squares = bare[: size[0], : size[1]].reshape(rows, SAMPLE_PX, -1).all(axis=1)  # in two steps: four times as fast
    places = np.argwhere(squares.reshape(rows, columns, SAMPLE_PX).all(axis=2))
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


def draw_grain(spectrum: NDArray[np.complexfloating], height: int, width: int, seed: int) -> Floats:
    """Noise `(height, width, 3)` float32 with the given spectrum and mean 0; equal seeds give equal noise."""
    rng = np.random.default_rng(seed)
    # The measured spectrum as a small filter, laid into a larger tile: finer in frequency, periodic without a seam.
    kernel = np.fft.fftshift(np.fft.ifft2(spectrum, axes=(0, 1)), axes=(0, 1)).real.transpose(2, 3, 0, 1)
    taper = np.hanning(SAMPLE_PX + 1)[:-1]
    kernel = (kernel * np.outer(taper, taper)).astype(np.float32)
    filters = np.fft.fft(np.fft.rfft(kernel, TILE_PX), TILE_PX, axis=-2)  # filled up with zeros
    white = np.fft.rfft2(rng.standard_normal((3, TILE_PX, TILE_PX), np.float32))
    tile = np.fft.irfft2((filters * white).sum(axis=1), (TILE_PX, TILE_PX))
    wanted = np.sqrt(np.einsum("yxij,yxij->i", spectrum, spectrum.conj()).real / SAMPLE_PX**2)
    tile *= (wanted / np.maximum(tile.std(axis=(1, 2)), 1e-9))[:, None, None]
    repeats = -(-height // TILE_PX), -(-width // TILE_PX), 1
    return np.tile(tile.transpose(1, 2, 0).astype(np.float32), repeats)[:height, :width]


def copy_texture(window: Image, tone: Image, source: Mask, target: Mask) -> Floats:
    """Pattern of a desk for where it is hidden: pieces of the visible desk, moved there as they lie.

    Args:
        window: `(h, w, 3)` uint8.
        tone: `(h, w, 3)` uint8, smooth colour of the desk.
        source: `(h, w)` bool, where it is seen.
        target: `(h, w)` bool, where it is hidden.

    Returns:
        `(h, w, 3)` float32, differences from the tone; 0 outside the target and where no piece fits.
    """
    height, width = target.shape
    texture = np.zeros(tone.shape, np.float32)
    seen = cv2.erode(source.astype(np.uint8), np.ones((2 * BORDER_PX + 1,) * 2, np.uint8), borderValue=1)
    if not target.any() or not seen.any():
        return texture
    # What stands out is no pattern: things on the desk, the edge of the page.
    away = strongest(cv2.absdiff(window, tone))
    odd = (away > MAX_STRANGE * float(np.median(away[seen > 0])) + 10).astype(np.uint8) & seen
    odd = cv2.morphologyEx(odd, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    seen &= 1 - cv2.dilate(odd, np.ones((2 * BORDER_PX + 1,) * 2, np.uint8))
    reach = np.arange(SHIFT_PX, max(height, width), SHIFT_PX)
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    shifts = np.rint(reach[:, None, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)).astype(int)
    shifts = shifts.reshape(-1, 2)
    rim = cv2.dilate(target.astype(np.uint8), np.ones((2 * RIM_PX + 1,) * 2, np.uint8))
    around = _some(rim & seen)
    mismatch = np.zeros(len(shifts))
    if len(around):
        here = window[around[:, 0], around[:, 1]]
        there, _ = _moved(window, around, shifts)
        known, inside = _moved(seen, around, shifts)
        known *= inside
        apart = cv2.absdiff(there.reshape(-1, 3), np.tile(here, (len(shifts), 1)))
        apart = apart.sum(axis=1, dtype=np.uint16).reshape(known.shape)
        usual = max(float(apart.mean()), 1e-6)
        mismatch = (apart * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1) / usual
        mismatch[known.mean(axis=1) < 0.3] = 2
    x, y, wide, high = cv2.boundingRect(target.astype(np.uint8))
    left = target[y : y + high, x : x + wide].astype(np.uint8)
    for _ in range(MAX_PIECES):
        points = _some(left) + np.array((y, x))
        if not len(points):
            break
        known, inside = _moved(seen, points, shifts)
        covered = (known * inside).mean(axis=1)
        cost = mismatch + 1 - covered
        cost[covered < 0.02] = np.inf
        best = int(cost.argmin())
        if not np.isfinite(cost[best]):
            break
        dy, dx = shifts[best]
        moved = np.array([[1, 0, -dx - x], [0, 1, -dy - y]], np.float32)
        fits = cv2.warpAffine(seen, moved, (wide, high), flags=cv2.INTER_NEAREST) & left
        rows, columns = np.nonzero(fits)
        rows, columns = rows + y, columns + x
        piece = window[rows + dy, columns + dx].astype(np.float32) - tone[rows + dy, columns + dx]
        texture[rows, columns] = TEXTURE_SHARE * piece
        left &= 1 - fits
    return texture


def _some(mask: Plane) -> Indices:
    """At most some `MAX_POINTS` points (y, x) of a mask, evenly taken."""
    points = np.flatnonzero(mask)
    return np.stack(np.divmod(points[:: max(1, len(points) // MAX_POINTS)], mask.shape[1]), axis=1)


def _moved(picture: Image, points: Indices, shifts: Indices) -> tuple[Image, Mask]:
    """The picture at each point moved by each shift, `(shifts, points, …)`, and which of these lie in it."""
    height, width = picture.shape[:2]
    y, x = (points[None] + shifts[:, None]).transpose(2, 0, 1)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return picture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], inside


def seed_of(window: Image, hole: Mask) -> int:
    """A number that the visible pixels decide."""
    seen = window[::4, ::4][~hole[::4, ::4]]
    return int(seen.sum(dtype=np.int64)) * 1000003 + int(np.count_nonzero(hole))
