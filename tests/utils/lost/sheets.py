"""Small drawn pages with text for the tests of what is lost."""

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 900, 1400
LETTERS = "amount of the standard report and number of pages in it"


def text_page(baselines: list[int], text: str = LETTERS, x: int = 80, size: float = 1.4) -> NDArray[np.uint8]:
    """Grey paper with the same line at each baseline, `(HEIGHT, WIDTH, 3)` uint8."""
    page = np.full((HEIGHT, WIDTH, 3), 215, np.uint8)
    for y in baselines:
        cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, (40, 40, 40), 3, cv2.LINE_AA)
    noise = np.random.default_rng(0).normal(0, 2, page.shape)
    return np.clip(np.rint(page + noise), 0, 255).astype(np.uint8)


def hole_at(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.bool_]:
    """A rectangular hole, `(HEIGHT, WIDTH)` bool."""
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[y0:y1, x0:x1] = True
    return hole
