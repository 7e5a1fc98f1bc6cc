"""A photographed scene in layers: what pages lie on, pages, what lies on them; picture and labels come together."""

import cv2
import numpy as np
from numpy.typing import NDArray

from utils import classes
from utils.arrays import AnyArray

TOUCHED_PX = 14.0  # pixels of page below a thing from which it counts as lying on it
COVERED_FROM = 0.4  # coverage from which a pixel counts as covered: an occluder's soft edge belongs to it
THROWN_SHADOW_CHANCE = 0.75  # of a thing that darkens what it lies on
THROWN_SHADOW_STRENGTH = (0.08, 0.6)  # share of the light that it takes
SHADOW_SOFT_PX = (1.5, 22.0)  # standard deviation of its blur
SHADOW_SHIFT_SPREAD = 1.3  # standard deviation of its place, in widths of its soft edge
PAGE_SHADOW_CHANCE = 0.7  # of a page that darkens the desk
PAGE_SOFTNESS, STUCK_SOFTNESS = 0.5, 0.3  # of the shadows of pages and of what is stuck on them, over those of things
LEAST_BLUR_PX = 0.2  # of a thing out of focus; less is not to be seen
LEAST_TOUCH = 0.1  # coverage from which what touches a page a little is neither right nor wrong


class Scene:
    """A picture in the making.

    Args:
        image: `(h, w, 3)` uint8 or float32 BGR: what is there at first.
        page: `(h, w)` float32 in [0, 1], 1 where that is page; None where none of it is.
        unknown: `(h, w)` bool where nobody knows.

    Attributes:
        image: `(h, w, 3)` float32 in [0, 255].
        page: `(h, w)` float32: where the page is, below what covers it as well.
        covered: `(h, w)` float32: what lies on a page, with all that belongs to it.
    """

    def __init__(
        self,
        image: AnyArray,
        page: NDArray[np.float32] | None = None,
        unknown: NDArray[np.bool_] | None = None,
    ) -> None:
        self.image = image.astype(np.float32)
        shape = image.shape[:2]
        self.page = np.zeros(shape, np.float32) if page is None else page.astype(np.float32)
        self.covered = np.zeros(shape, np.float32)
        self.unknown = np.zeros(shape, bool) if unknown is None else unknown
        self.held = np.zeros(shape, np.float32)  # a hand behind a page that its thumb holds: neither right nor wrong

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.page.shape[0], self.page.shape[1]

    def lay_page(self, picture: NDArray[np.float32], alpha: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Put a sheet on top of all that is there.

        Args:
            picture: `(h, w, 3)` float32 in [0, 255].
            alpha: `(h, w)` float32, 1 on the sheet.
        """
        if rng.random() < PAGE_SHADOW_CHANCE:
            self._shade(alpha, rng, softest=PAGE_SOFTNESS)
        self.image += (picture - self.image) * alpha[..., None]
        np.maximum(self.page, alpha, out=self.page)
        self.held *= 1 - alpha

    def lay(
        self, layer: NDArray[np.float32], rng: np.random.Generator, blur_px: float = 0.0, shadow: bool = True
    ) -> bool:
        """Put a thing on top; it covers where it lies on a page.

        Args:
            layer: `(h, w, 4)` float32 BGRA in [0, 1], premultiplied.
            blur_px: how far out of focus it is.
            shadow: whether it may throw one.

        Returns:
            Whether it lies on a page.
        """
        if blur_px > LEAST_BLUR_PX:
            layer = cv2.GaussianBlur(layer, (0, 0), blur_px, borderType=cv2.BORDER_REPLICATE)
        alpha = layer[..., 3]
        if shadow and rng.random() < THROWN_SHADOW_CHANCE:
            self._shade(alpha, rng)
        self.image *= 1 - alpha[..., None]
        self.image += 255 * layer[..., :3]
        touched = float((alpha * self.page).sum())
        if touched >= TOUCHED_PX:
            np.maximum(self.covered, alpha, out=self.covered)
            return True
        self.unknown |= (alpha > LEAST_TOUCH) & (self.page > LEAST_TOUCH)
        self.covered *= 1 - alpha
        return False

    def stick(self, picture: NDArray[np.float32], alpha: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Stick a note, a label or a strip of tape onto the page, to which it then belongs.

        Args:
            picture: `(h, w, 3)` float32 in [0, 255].
            alpha: `(h, w)` float32 in [0, 1], how opaque it is.
        """
        self._shade(alpha, rng, softest=STUCK_SOFTNESS)
        self.image += (picture - self.image) * alpha[..., None]

    def lay_behind(self, layer: NDArray[np.float32], holding: bool) -> None:
        """Put a hand where a page will lie on top of it.

        Args:
            layer: as in `lay`.
            holding: whether its thumb will lie on the page.
        """
        alpha = layer[..., 3]
        self.image *= 1 - alpha[..., None]
        self.image += 255 * layer[..., :3]
        if holding:
            np.maximum(self.held, alpha, out=self.held)

    def _shade(self, alpha: NDArray[np.float32], rng: np.random.Generator, softest: float = 1.0) -> None:
        sigma = float(np.exp(rng.uniform(*np.log(SHADOW_SOFT_PX)))) * softest
        shift = rng.normal(0, SHADOW_SHIFT_SPREAD * sigma, 2)
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
        moved = cv2.warpAffine(alpha, matrix, alpha.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        strength = np.float32(rng.uniform(*THROWN_SHADOW_STRENGTH))
        self.image *= 1 - cv2.GaussianBlur(moved, (0, 0), sigma)[..., None] * strength

    def labels(self) -> NDArray[np.uint8]:
        """`(h, w)` uint8 codes of `utils.classes`."""
        covered, off_page = self.covered >= COVERED_FROM, self.page < 0.5
        labels = covered + 2 * off_page.astype(np.uint8)
        labels[(self.held >= COVERED_FROM) & off_page & ~covered] = classes.BESIDE
        labels[self.unknown & ~covered] = classes.UNKNOWN
        return labels.astype(np.uint8)
