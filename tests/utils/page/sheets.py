"""Small drawn pages for the tests of paper, rules, strokes and structure."""

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 560, 640


def sheet(tone: float = 210, noise: float = 2.0, seed: int = 0) -> NDArray[np.float64]:
    """Bare grey paper with a little light falling off, `(HEIGHT, WIDTH, 3)`."""
    rng = np.random.default_rng(seed)
    light = tone + np.linspace(-8, 8, WIDTH)[None, :, None] + np.linspace(4, -4, HEIGHT)[:, None, None]
    grain = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH, 3)), (0, 0), 0.6)
    return light + grain * (noise / grain.std())


def lying(
    page: NDArray, y: float, x0: float, x1: float, slope: float = 0.0, width: float = 3, ink: float = 0.6
) -> None:
    """Take the share `ink` of the light along y + slope * x, with soft edges, between x0 and x1."""
    x, rows = np.arange(WIDTH), np.arange(HEIGHT)[:, None]
    off = np.abs(rows - (y + slope * x))
    share = np.clip(width / 2 + 0.5 - off, 0, 1) * ((x >= x0) & (x < x1))
    page *= 1 - ink * share[..., None]


def standing(page: NDArray, x: float, y0: float, y1: float, width: float = 3, ink: float = 0.6) -> None:
    """A standing rule at `x` from y0 to y1."""
    share = np.clip(width / 2 + 0.5 - np.abs(np.arange(WIDTH) - x), 0, 1)[None]
    rows = np.arange(HEIGHT)[:, None]
    page *= 1 - ink * (share * ((rows >= y0) & (rows < y1)))[..., None]


def pixels(page: NDArray) -> NDArray[np.uint8]:
    """The page as a picture."""
    return np.clip(np.rint(page), 0, 255).astype(np.uint8)


def hole_at(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.bool_]:
    """A hole with straight sides."""
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[y0:y1, x0:x1] = True
    return hole


def covered(page: NDArray, hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The page's picture with something skin-coloured in the hole."""
    picture = pixels(page)
    picture[hole] = (120, 150, 200)
    return picture
