"""Full-size training pictures: a clean photo, the same covered, its mask; drawn, or from photographs and cut-outs.

The drawing code is the one that `datasets/synthetic.py` calls at network resolution. Nothing here needs PyTorch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets import occluders, pages
from datasets.camera import NARROWEST_PHOTO, draw_camera, photograph
from datasets.occluders import REAL_SHARE, Cutout, Occluder
from utils import preprocess
from utils.images import list_photos, read_image
from utils.regions import Box
from utils.split import select_some

COVERING_COUNTS = {1: 0.62, 2: 0.27, 3: 0.11}  # occluders on a page; a training root takes no page without any
GREY_PAGE_CHANCE = 0.1  # of a photo without colour
FULL_SPRITE_SIDE = 600  # pixels of a drawn occluder's longer side; half as many again are shown at most, mostly
FULL_CUTOUT_SIDE = 1800  # pixels to which a cut-out from a file is reduced at most
FULL_COVERAGE = 0.3  # from this coverage on a pixel of the mask is whole: its soft edge must be repaired too
SMALLEST_HOLE = 0.002  # share of the picture; what falls mostly outside is placed again
PLACING_ATTEMPTS = 20
# How a photograph is taken once more, set by eye: sizes over `size`, degrees (standard deviation), gains of the light.
RETAKEN_SIZE, RETAKEN_TURN, RETAKEN_ZOOM = (0.9, 1.1), 2, (1.03, 1.2)
RETAKEN_GAMMA, RETAKEN_GAIN, RETAKEN_TINT = (0.8, 1.25), (0.8, 1.12), 0.03


@dataclass(frozen=True)
class Clean:
    """A photo of a page that nothing covers.

    Attributes:
        image: `(H, W, 3)` uint8 BGR.
        textless: the same without text, where that is known and was asked for, else None.
        grey: whether the photo has no colour.
    """

    image: NDArray[np.uint8]
    textless: NDArray[np.uint8] | None
    grey: bool


@dataclass(frozen=True)
class TripleSource:
    """Where pages and occluders come from.

    Attributes:
        page_dir: photographs that serve as half of the pages, or None.
        occluder_dir: RGBA cut-outs that serve as half of the occluders, or None.
        font_dir: TrueType fonts to print with beside OpenCV's own; None takes a few of the machine's.
        split: side of `utils.split`; files of one side never appear on another. Drawn ones never come twice.
        size: longer side of the pictures in pixels, on average.

    Raises:
        ValueError: a folder does not exist or holds nothing of this side.
    """

    page_dir: Path | None = None
    occluder_dir: Path | None = None
    font_dir: Path | None = None
    split: str = "train"
    size: int = pages.PAGE_SIZE[0]
    files: Sequence[Path] = field(init=False, default=())
    cutouts: Sequence[Cutout] = field(init=False, default=())
    fonts: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for folder in (self.page_dir, self.occluder_dir, self.font_dir):
            if folder is not None and not folder.is_dir():
                raise ValueError(f"'{folder}': no such folder")
        if self.page_dir is not None:
            photos = list_photos(self.page_dir, recursive=True)
            files = select_some(photos, self.split, lambda path: path.name, f"photographs in '{self.page_dir}'")
            object.__setattr__(self, "files", files)
        if self.occluder_dir is not None:
            object.__setattr__(self, "cutouts", occluders.list_cutouts(self.occluder_dir, self.split))
        fonts = pages.find_fonts(self.font_dir) if self.font_dir else pages.machine_fonts()
        object.__setattr__(self, "fonts", fonts)

    def clean(self, rng: np.random.Generator, textless: bool = False) -> Clean:
        """One page without occluders, portrait.

        Args:
            rng: decides everything; the picture is the same whether `textless` is asked for or not.
            textless: also make the page without its text; impossible for photographs.

        Raises:
            ValueError: the chosen photograph cannot be decoded.
            OSError: it cannot be read.
        """
        grey = rng.random() < GREY_PAGE_CHANCE
        if self.files and rng.random() < REAL_SHARE:
            path = self.files[int(rng.integers(len(self.files)))]
            pictures = [_rephotograph(read_image(path), self.size, rng)]
        else:
            layout = pages.draw_layout(rng, self.fonts)
            scale = self.size / pages.PAGE_SIZE[0]
            enlarged: list[int] = []
            if scale > 1:  # a larger sensor; smaller pictures are reduced ones
                width = max(layout.width, NARROWEST_PHOTO * layout.height)
                enlarged = [round(side * scale) for side in (layout.height, width)]
            camera = draw_camera(rng, layout, *enlarged)
            scale, window = min(scale, 1.0), Box(0, 0, camera.width, camera.height)
            wanted = (True, False) if textless else (True,)
            pictures = [photograph(layout, camera, scale=scale, window=window, text=text) for text in wanted]
        if grey:
            pictures = [without_colour(picture) for picture in pictures]
        return Clean(pictures[0], pictures[1] if len(pictures) > 1 else None, grey)

    def cover(
        self, clean: NDArray[np.uint8], rng: np.random.Generator, grey: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Lay one to three occluders over a page.

        Args:
            clean: `(H, W, 3)` uint8 BGR.
            rng: decides everything.
            grey: the page has no colour, so the occluders get none.

        Returns:
            The covered page and its mask `(H, W)` uint8: `MASK_LEVEL` on the occluder, less at its soft edge, 0 where
            both pages are equal.

        Raises:
            ValueError, OSError: a cut-out cannot be used.
        """
        for _ in range(PLACING_ATTEMPTS):
            count = int(rng.choice(list(COVERING_COUNTS), p=list(COVERING_COUNTS.values())))
            covered, hidden = occluders.cover(clean, [self._occluder(rng) for _ in range(count)], rng)
            if cv2.countNonZero(hidden) >= SMALLEST_HOLE * hidden.size:
                break
        # From FULL_COVERAGE on a pixel is whole, and any other that differs is at least 1.
        levels = cv2.multiply(hidden, preprocess.MASK_LEVEL / FULL_COVERAGE, dtype=cv2.CV_8U)
        mask = cv2.min(cv2.max(levels, (hidden > 0).view(np.uint8)), preprocess.MASK_LEVEL)
        return without_colour(covered) if grey else covered, mask

    def _occluder(self, rng: np.random.Generator) -> Occluder:
        if self.cutouts and rng.random() < REAL_SHARE:
            occluder = occluders.pick_cutout(self.cutouts, rng, FULL_CUTOUT_SIDE)
        else:
            occluder = occluders.draw_occluder(rng, FULL_SPRITE_SIDE)
        return occluders.vary(occluder, rng)


def without_colour(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture in grey, still `(H, W, 3)`; one that has no colour stays as it is."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _rephotograph(image: NDArray[np.uint8], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A photograph upright at about `size`, turned and cut a little, in another light."""
    if preprocess.is_landscape(image):
        image = np.ascontiguousarray(np.rot90(image))
    factor = size / image.shape[0] * rng.uniform(*RETAKEN_SIZE)
    height, width = round(image.shape[0] * factor), round(image.shape[1] * factor)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    degrees, zoom = float(rng.normal(0, RETAKEN_TURN)), rng.uniform(*RETAKEN_ZOOM)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    image = cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    level = np.arange(256)[:, None] / 255
    gamma, gain, tint = rng.uniform(*RETAKEN_GAMMA), rng.uniform(*RETAKEN_GAIN), 1 + rng.normal(0, RETAKEN_TINT, 3)
    table = np.clip(np.rint(255 * (level**gamma * gain * tint)), 0, 255).astype(np.uint8).reshape(1, 256, 3)
    return cv2.LUT(image, table)
