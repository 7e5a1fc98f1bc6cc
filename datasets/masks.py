"""Random holes for clean crops, parametrised as in DeepFillv2 (Yu et al. 2019, arXiv:1806.03589, section 3.4)."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BRUSH_START = 10  # shortest stroke and thinnest brush in pixels, the published figures
MAX_VERTICES = 5  # of one brush stroke


@dataclass(frozen=True)
class MaskStyle:
    """What random holes look like; defaults are the published ones.

    Attributes:
        mask_type: key of `MASK_DRAWERS`.
        margin: pixels between a box and the border.
        bbox_shape: side of a box in pixels before it is shrunk at random.
        mask_num: boxes of `bbox`; strokes of `free_form` are fewer than this.
        max_angle: range of a stroke's direction, in radians.
        max_len, max_width: range of a stroke's length and width beyond 10 pixels.
    """

    mask_type: str = "free_form"
    margin: int = 10
    bbox_shape: int = 30
    mask_num: int = 15
    max_angle: int = 4
    max_len: int = 50
    max_width: int = 15

    def check(self, side: int) -> None:
        """Refuse a style that cannot be drawn on a crop of `side` pixels.

        Raises:
            ValueError: it names the flag to change.
        """
        if self.mask_type not in MASK_DRAWERS:
            raise ValueError(f"--mask_type {self.mask_type}: must be one of {', '.join(MASK_DRAWERS)}")
        for name in ("bbox_shape", "mask_num", "max_angle", "max_len", "max_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} {getattr(self, name)}: must be 1 or more")
        if self.margin < 0:
            raise ValueError(f"--margin {self.margin}: must be 0 or more")
        if self.mask_type != "free_form" and self.bbox_shape + 2 * self.margin > side:
            raise ValueError(
                f"--bbox_shape {self.bbox_shape} with --margin {self.margin} on both sides does not fit into a sample "
                f"of {side} pixels: make one of them smaller"
            )


def random_mask(rng: np.random.Generator, side: int, style: MaskStyle) -> NDArray[np.float32]:
    """Draw one hole mask.

    Args:
        rng: source of all randomness; the same state gives the same mask.
        side: of the sample in pixels.
        style: checked against `side`.

    Returns:
        `(side, side)` float32, 1 in the hole and 0 elsewhere, never empty.
    """
    return MASK_DRAWERS[style.mask_type](rng, side, style)


def single_bbox(rng: np.random.Generator, side: int, style: MaskStyle) -> NDArray[np.float32]:
    """One rectangle, up to 60 % smaller than `bbox_shape` in each direction; arguments as `random_mask`."""
    mask = np.zeros((side, side), np.float32)
    _add_box(mask, rng, style)
    return mask


def bbox(rng: np.random.Generator, side: int, style: MaskStyle) -> NDArray[np.float32]:
    """`mask_num` rectangles that may overlap; arguments as `random_mask`."""
    mask = np.zeros((side, side), np.float32)
    for _ in range(style.mask_num):
        _add_box(mask, rng, style)
    return mask


def free_form(rng: np.random.Generator, side: int, style: MaskStyle) -> NDArray[np.float32]:
    """Brush strokes of a few straight pieces each; arguments as `random_mask`."""
    mask = np.zeros((side, side), np.float32)
    for stroke in range(max(1, int(rng.integers(style.mask_num)))):
        x, y = rng.integers(side, size=2).tolist()
        for _ in range(int(rng.integers(1, MAX_VERTICES + 1))):
            angle = 0.01 + int(rng.integers(style.max_angle))
            if stroke % 2 == 0:
                angle = -angle
            length = BRUSH_START + int(rng.integers(style.max_len))
            width = BRUSH_START + int(rng.integers(style.max_width))
            end = int(x + length * np.sin(angle)), int(y + length * np.cos(angle))
            cv2.line(mask, (x, y), end, 1.0, width)
            x, y = end
    return mask


MASK_DRAWERS: dict[str, Callable[[np.random.Generator, int, MaskStyle], NDArray[np.float32]]] = {
    "single_bbox": single_bbox,
    "bbox": bbox,
    "free_form": free_form,
}


def _add_box(mask: NDArray[np.float32], rng: np.random.Generator, style: MaskStyle) -> None:
    last = mask.shape[0] - style.margin - style.bbox_shape
    top, left = rng.integers(style.margin, last, size=2, endpoint=True).tolist()
    # Each side moves inwards by 10 to 30 % of the box, the same on opposite sides.
    least, spread = style.bbox_shape // 10, style.bbox_shape // 5
    dy, dx = (least + rng.integers(spread, size=2, endpoint=True)).tolist()
    mask[top + dy : top + style.bbox_shape - dy, left + dx : left + style.bbox_shape - dx] = 1
