"""Life-like samples for the generator: photos that nothing covers, and holes where something might (`lifelike:`).

Occluders are laid over pages as for the finder (`datasets/lifelike.py`), but only their outlines are used, grown as
prediction grows masks. The crop and its ratio follow from the hole as in prediction.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.drawn import DrawnSamples
from datasets.lifelike import AREA, LIFELIKE, LifelikeScenes
from datasets.masks import MaskStyle, random_mask
from utils import preprocess
from utils.arrays import Floats, Image, Mask
from utils.crops import hole_crop
from utils.options import RemovalOptions, growth_px
from utils.page.guidance import guide
from utils.regions import Box, connected_bounds, crop, crop_box, grow
from utils.spec import GENERATOR_CHANNELS

# Sizes of the photos, in areas of a scene, and their shares: from 640 pixels a side, where a thumb is drawn at ratio 1,
# to 1,300, where a hand is drawn at ratio 3 and an arm at 6. A photo of 12 megapixels shows at ratio 3 or more what
# these show at 1.
PHOTO_AREAS = {1.0: 0.5, 2.0: 0.3, 4.0: 0.2}
HOLE_FROM = 0.3  # coverage from which a pixel counts as hole: an occluder's soft edge belongs to it
COVERING_ATTEMPTS = 3  # to lay an occluder over a page
FREE_FORM_CHANCE = 0.12  # of a hole of any shape anywhere on the photo
FREE_FORM_SHARE = (0.08, 0.3)  # its side, of the photo's shorter one
# How far the finder's mask strays from the occluder, in pixels of a photo with `AREA` pixels: outwards on the whole,
# for it finds a pixel too much rather than one too few, and waving along the outline.
STRAY_PX, WAVES_PX, WAVE_LENGTH_PX = (-0.5, 5.0), 1.2, 24
BESIDE_KNOWN_CHANCE = 0.7  # of guidance that is told where the page ends
PART_ATTEMPTS = 8  # to find a part with a hole that leaves something to see
PARTS = 12  # of a crop, each a sample
CROPS_KEPT = 512  # in each loader process: 0.2 GB, with guidance 0.35; more than an epoch of 6,000 samples draws
PART_HOLE = (0.04, 0.6)  # share of a part that its hole takes


class LifelikeInpainting(DrawnSamples):
    """Clean crops and holes for the generator, cut as prediction cuts them.

    Args:
        count: samples an epoch.
        seed: of everything.
        side: of the network's input.
        folder, split: see `LifelikeScenes`.
        follow_hole: crop and ratio follow from the hole (`utils.crops`); else all is drawn at the scale of a scene,
            which is that of a photo of 12 megapixels reduced six times.
        in_channels: of the network, one of `GENERATOR_CHANNELS`.
        part_side: side of samples that show a part of the crop at its own scale: they train several times as fast. None
            shows all of it. `PARTS` samples share a crop, of which each shows another part.

    A sample is `(image (3, side, side) float32 in [0, 1], mask (1, side, side) float32 in [0, 1])`; with guidance the
    image has the four channels of `utils.page.guidance` besides.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        side: int,
        folder: Path,
        split: str = "train",
        follow_hole: bool = True,
        in_channels: int = GENERATOR_CHANNELS[0],
        part_side: int | None = None,
    ) -> None:
        super().__init__(count, seed, f"{LIFELIKE}:{folder}")
        self.side, self.part_side = side, part_side
        self.follow_hole = follow_hole
        self.guided = in_channels == GENERATOR_CHANNELS[1]
        self.photos = LifelikeScenes(folder, split)
        # Crops of which further parts will be asked for; drawing one takes longer than training on a part of it.
        self.crops: dict[tuple[int, int], tuple[Image, Floats]] = {}

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture, hole = self.picture(index)
        image = preprocess.to_generator_image(picture, picture.shape[0])
        return torch.from_numpy(image), torch.from_numpy(hole[None])

    def picture(self, index: int) -> tuple[Image, Floats]:
        """`(h, w, 3)` uint8 BGR, with guidance `(h, w, 7)`, and the hole `(h, w)` float32, before they are tensors."""
        self.check_index(index)
        if self.part_side is None:
            return self._draw_crop(self.epoch, index)
        small, mask = self._crop(self.epoch, index // PARTS)
        rng = np.random.default_rng((self.seed, self.epoch, index, self.part_side))
        within = choose_part(mask > 0.5, self.part_side, rng)
        mirrored = slice(None, None, -1 if rng.random() < 0.5 else 1)
        return (
            np.ascontiguousarray(crop(small, within)[:, mirrored]),
            np.ascontiguousarray(crop(mask, within)[:, mirrored]),
        )

    def _crop(self, epoch: int, index: int) -> tuple[Image, Floats]:
        """What `_draw_crop` returns, drawn once."""
        if (epoch, index) not in self.crops:
            while len(self.crops) >= CROPS_KEPT:
                del self.crops[next(iter(self.crops))]  # the oldest
            self.crops[epoch, index] = self._draw_crop(epoch, index)
        return self.crops[epoch, index]

    def _draw_crop(self, epoch: int, index: int) -> tuple[Image, Floats]:
        """A whole crop; see `picture`."""
        rng = np.random.default_rng((self.seed, epoch, index))
        size = float(rng.choice(list(PHOTO_AREAS), p=list(PHOTO_AREAS.values()))) if self.follow_hole else 1.0
        photo, page, hole = self._photo(rng, AREA * size)
        bounds = max(connected_bounds(hole), key=lambda bounds: bounds.width * bounds.height)
        if self.follow_hole:
            box = hole_crop(bounds, self.side, *hole.shape).box
        else:
            box = crop_box(bounds, self.side, *hole.shape)
        window, covered = np.ascontiguousarray(crop(photo, box)), np.ascontiguousarray(crop(hole, box))
        layers = [window]
        if self.guided:
            layers.append(self._guidance(rng, window, covered, crop(page, box)))
        small = np.dstack([preprocess.fit_square(layer, self.side, average=True) for layer in layers])
        levels = preprocess.fit_square(covered.astype(np.uint8) * 255, self.side, average=True)
        return small, levels.astype(np.float32) / np.float32(255)

    def _photo(self, rng: np.random.Generator, area: float) -> tuple[Image, Floats, Mask]:
        """A photo that nothing covers, its pages, and the holes in it: at least one."""
        free_form = rng.random() < FREE_FORM_CHANCE
        for _ in range(COVERING_ATTEMPTS):
            photo, page, covered = self.photos.bare_photo(rng, area)
            hole = find_hole(covered, rng)
            if free_form or hole.any():
                break
        if free_form or not hole.any():
            hole = _free_form(rng, *page.shape)
        return photo, page, hole

    def _guidance(self, rng: np.random.Generator, window: Image, hole: Mask, page: Floats) -> Image:
        return guide(window, hole, page < 0.5 if rng.random() < BESIDE_KNOWN_CHANCE else None)


def find_hole(covered: Floats, rng: np.random.Generator) -> Mask:
    """The mask that prediction would make of what covers a photo: grown, and astray as the finder's is.

    Args:
        covered: `(h, w)` float32 in [0, 1].

    Returns:
        `(h, w)` bool.
    """
    core = covered > HOLE_FROM
    if not core.any():
        return core
    height, width = core.shape
    unit = float(np.sqrt(core.size / AREA))
    inwards = cv2.distanceTransform(core.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    distance = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) - inwards
    length = WAVE_LENGTH_PX * unit
    knots = rng.standard_normal((int(height / length) + 2, int(width / length) + 2)).astype(np.float32)
    waves = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(WAVES_PX * unit)
    reach = growth_px(RemovalOptions(), height, width) + unit * rng.uniform(*STRAY_PX)
    mask = distance <= reach + waves
    return mask if mask.any() else grow(core, 1)


def _free_form(rng: np.random.Generator, height: int, width: int) -> Mask:
    """Strokes of a brush somewhere on a photo: `(height, width)` bool."""
    side = max(16, int(rng.uniform(*FREE_FORM_SHARE) * min(height, width)))
    strokes = random_mask(rng, 128, MaskStyle("free_form")) > 0.5
    strokes = cv2.resize(strokes.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0
    hole = np.zeros((height, width), bool)
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    hole[y : y + side, x : x + side] = strokes
    return hole


def choose_part(hole: NDArray[np.bool_], side: int, rng: np.random.Generator) -> Box:
    """A square of a crop with a hole in it and something to see around that.

    Args:
        hole: `(h, w)` bool.
        side: of the square in pixels, at most `h` and `w`.

    Returns:
        The square; of several tries the one whose hole lies nearest to `PART_HOLE`.
    """
    height, width = hole.shape
    rows, columns = np.nonzero(hole)
    best, least = Box(0, 0, side, side), np.inf
    for _ in range(PART_ATTEMPTS if rows.size else 0):
        at = int(rng.integers(rows.size))
        y = int(np.clip(rows[at] - rng.integers(side), 0, height - side))
        x = int(np.clip(columns[at] - rng.integers(side), 0, width - side))
        share = float(hole[y : y + side, x : x + side].mean())
        amiss = max(PART_HOLE[0] - share, share - PART_HOLE[1], 0)
        if amiss < least:
            best, least = Box(x, y, x + side, y + side), amiss
        if not amiss:
            break
    return best
