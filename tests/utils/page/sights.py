"""Drawn views of one family of rules, for the tests of the rules' search."""

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.page.rule import End, Sight

HEIGHT, WIDTH = 400, 600
BESIDE_PX = 4  # as `rules.find_rules` takes it


def lines(*rules: tuple[float, float], width: float = 3, level: float = 80) -> NDArray[np.float64]:
    """Darkness of rules along v + slope * u, each given as (v, slope), all across the view."""
    rows, u = np.arange(HEIGHT)[:, None], np.arange(WIDTH)
    dark = np.zeros((HEIGHT, WIDTH))
    for v, slope in rules:
        dark = np.maximum(dark, level * np.clip(width / 2 + 0.5 - np.abs(rows - (v + slope * u)), 0, 1))
    return dark


def hole_at(u0: int, v0: int, u1: int, v1: int) -> NDArray[np.bool_]:
    """A hole with straight sides."""
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[v0:v1, u0:u1] = True
    return hole


def sight_of(dark: NDArray, hole: NDArray[np.bool_], surface: NDArray | None = None) -> Sight:
    """The view of a page without grain; in the hole nothing is dark."""
    covered = hole.astype(np.uint8)
    near_hole = cv2.dilate(covered, np.ones((2 * BESIDE_PX + 1,) * 2, np.uint8))
    numbers = np.ones(hole.shape, np.uint8) if surface is None else surface.astype(np.uint8)
    return Sight(np.where(hole, 0, np.rint(dark)).astype(np.uint8), covered, near_hole, numbers, 0.5, 1)


def end_before(u: float, v: float, slope: float = 0.0, length: float = 150, core: float = 80, **more: float) -> End:
    """An end that meets the hole at its left side."""
    return End(u, v, slope, 1, length, core, **more)


def end_behind(u: float, v: float, slope: float = 0.0, length: float = 150, core: float = 80, **more: float) -> End:
    """An end that meets the hole at its right side."""
    return End(u, v, slope, -1, length, core, **more)
