"""Training samples drawn at network resolution while training: pages, a camera, occluders.

The same drawing code writes full-size pictures in `synthesize.py`; here only what the network sees is drawn, so that
samples come faster than any disk delivers them. Sample `i` of epoch `e` depends on the seed, `e` and `i` alone.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets import effects, occluders
from datasets.drawn import DrawnSamples
from datasets.frames import DrawnFrame, FileFrame, Frame, read_reduced
from datasets.occluders import REAL_SHARE, Cutout, Occluder
from datasets.surroundings import draw_desk, draw_surface
from utils import classes, preprocess
from utils.images import header_size, list_photos
from utils.regions import Box, connected_bounds, crop_box, grow, square_box
from utils.spec import PUBLISHED_HEIGHT, PUBLISHED_MEAN, PUBLISHED_RATIO, PUBLISHED_STD, PUBLISHED_WIDTH
from utils.split import select_some

SYNTHETIC = "synthetic"
DRAWN_VARIETY = {"train": 2000, "val": 400}  # drawn occluders in use; the two never share one
SMALL_SPRITE_SIDE = 200  # pixels: enough for the largest occluder on a page of 480×640
OCCLUDER_COUNTS = {0: 0.06, 1: 0.6, 2: 0.26, 3: 0.08}  # occluders on a page; a page without any teaches to find nothing
EMPTY_SHARE = 0.15  # of the samples for the finder that nothing covers
LAYING_ATTEMPTS = 3  # to let something lie in the part that a sample shows
HOLE_ATTEMPTS, LEAST_HOLE_PX = 10, 17  # to lay something over a photo, and how much of it must be in the frame
DISGUISE_CHANCE = 0.3  # of an occluder made stranger than it is
MATERIAL_CHANCE = 0.35  # of these: one whose material is any surface
DESK_CHANCE = 0.35  # of a page that lies on a desk of its own
DESK_SIDE = 640  # pixels of the longer side at which a desk is drawn
PICTURED_CHANCE = 0.1  # of printed photographs: one that shows what elsewhere covers pages
GREY_PHOTO_CHANCE = 0.12
RELIT_SHARE = 0.5  # of the samples for the generator in light of any colour, which it must then take from what it sees
HIDDEN_SHARE = 0.3  # coverage from which a pixel counts as occluder: the soft edge belongs to it
MASK_GROWTH_PX = (4.0, 30.0)  # how far masks are grown in prediction, with what the segmentation net adds or misses


def parse_synthetic(root: str, flag: str = "--baseroot") -> tuple[Path | None, Path | None]:
    """The folders in `synthetic`, `synthetic:PAGE_DIR`, `synthetic::OCCLUDER_DIR` or `synthetic:PAGE_DIR:OCCLUDER_DIR`.

    Raises:
        ValueError: it is none of these, or a folder does not exist.
    """
    name, *folders = root.split(":")
    if name != SYNTHETIC or len(folders) > 2:
        raise ValueError(f"{flag} {root}: synthetic, synthetic:PAGE_DIR:OCCLUDER_DIR, either of which may be empty")
    paths = [Path(folder) if folder else None for folder in (*folders, "", "")[:2]]
    for folder in paths:
        if folder is not None and not folder.is_dir():
            raise ValueError(f"{flag} {root}: there is no folder '{folder}'")
    return paths[0], paths[1]


class SyntheticPhotos:
    """Clean frames and occluders to combine, from the drawing code and from files where there are any.

    What is rare is drawn too: pages small on busy desks, occluders of any shape and material.

    Args:
        page_dir: photographs to use as pages, or None.
        occluder_dir: RGBA cut-outs, or None.
        split: `train` or `val`: files and drawn occluders of one side never appear on the other.
    """

    def __init__(
        self,
        page_dir: Path | None = None,
        occluder_dir: Path | None = None,
        split: str = "train",
    ) -> None:
        self.files: Sequence[Path] = []
        if page_dir is not None:
            photos = list_photos(page_dir, recursive=True)
            self.files = select_some(photos, split, lambda path: path.name, f"photographs in '{page_dir}'")
        self.cutouts: Sequence[Cutout] = occluders.list_cutouts(occluder_dir, split) if occluder_dir else []
        self.first, self.variety = (0, DRAWN_VARIETY["train"])
        if split == "val":
            self.first, self.variety = DRAWN_VARIETY["train"], DRAWN_VARIETY["val"]

    def find_problems(self) -> list[str]:
        """What cannot be used, a message a file; of pages only the beginning is read."""
        problems = [*map(_problem, self.files), *map(_problem, self.cutouts)]
        return [problem for problem in problems if problem]

    def occluder(self, rng: np.random.Generator, side: int = SMALL_SPRITE_SIDE) -> Occluder:
        """One occluder in random light."""
        if self.cutouts and rng.random() < REAL_SHARE:
            occluder = occluders.pick_cutout(self.cutouts, rng, side)
        else:
            occluder = occluders.drawn_occluder(self.first + int(rng.integers(self.variety)), side)
        occluder = occluders.vary(occluder, rng)
        if rng.random() < DISGUISE_CHANCE:
            material = self.surface(rng, side, side) if rng.random() < MATERIAL_CHANCE else None
            occluder = occluders.disguise(occluder, rng, material)
        return occluder

    def occluders(self, rng: np.random.Generator, fewest: int = 0) -> list[Occluder]:
        """As many as may lie on one page."""
        count = int(rng.choice(list(OCCLUDER_COUNTS), p=list(OCCLUDER_COUNTS.values())))
        return [self.occluder(rng) for _ in range(max(count, fewest))]

    def frame(self, rng: np.random.Generator) -> Frame:
        """A clean photo of which any part can be drawn."""
        if self.files and rng.random() < REAL_SHARE:
            return FileFrame(self.files[int(rng.integers(len(self.files)))], rng, self._desk(rng))
        return DrawnFrame(rng, self._desk(rng))

    def _desk(self, rng: np.random.Generator) -> NDArray[np.uint8] | None:
        if rng.random() >= DESK_CHANCE:
            return None
        return draw_desk(rng, DESK_SIDE, DESK_SIDE * 3 // 4, self._photos(rng))

    def _photos(self, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
        """One of the photographs, to cut surfaces from; none where there are no files."""
        return [read_reduced(self.files[int(rng.integers(len(self.files)))])[1]] if self.files else []

    def surface(self, rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
        """Any material, `(height, width, 3)` uint8 BGR."""
        return draw_surface(rng, height, width, self._photos(rng))

    def printed(self, rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
        """A picture as pages show them, `(height, width, 3)` uint8 BGR: hands and heads in print cover nothing."""
        picture = self.surface(rng, height, width)
        if rng.random() < PICTURED_CHANCE:
            return occluders.cover(picture, [self.occluder(rng)], rng)[0]
        return picture


def _problem(source: Path | Cutout) -> str | None:
    try:
        if isinstance(source, Cutout):
            occluders.read_cutout(source.path)
        else:
            header_size(source)
    except (OSError, ValueError) as error:
        return str(error)
    return None


class _Drawn(DrawnSamples):
    """What the two data sets share: their photos."""

    def __init__(self, count: int, seed: int, page_dir: Path | None, occluder_dir: Path | None, split: str) -> None:
        super().__init__(count, seed, f"{SYNTHETIC}:{page_dir or ''}:{occluder_dir or ''}")
        self.photos = SyntheticPhotos(page_dir, occluder_dir, split)


class SyntheticSegmentation(_Drawn):
    """Covered photos and their occluder maps for the segmentation net.

    Args:
        count: samples an epoch.
        seed: of everything.
        height, width: of the network's input.
        mean, std: its normalisation.
        page_dir, occluder_dir, split: see `SyntheticPhotos`.
        crop: height and width of a random part of the input to draw instead of all of it, at the same scale: smaller
            samples train several times as fast.
        num_classes: of the network; one that knows the page is told of what is covered alone.

    A sample is `(image (3, height, width) float32, label (height, width) int64)`, the label in {0, 1} or as in
    `utils.classes`. `EMPTY_SHARE` of them show nothing but page and desk; nearly all others show an occluder.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        height: int = PUBLISHED_HEIGHT,
        width: int = PUBLISHED_WIDTH,
        page_dir: Path | None = None,
        occluder_dir: Path | None = None,
        split: str = "train",
        mean: float = PUBLISHED_MEAN,
        std: float = PUBLISHED_STD,
        crop: tuple[int, int] | None = None,
        num_classes: int = 2,
    ) -> None:
        super().__init__(count, seed, page_dir, occluder_dir, split)
        self.num_classes = num_classes
        self.codes = np.array([0, 1] if num_classes == 2 else [classes.NOT_COVERED, classes.COVERED])
        self.height, self.width = height, width
        self.crop = crop or (height, width)
        self.mean, self.std = mean, std

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.picture(index)
        image = preprocess.lit_for(image, self.num_classes)
        inputs = preprocess.to_segmenter_input(image, *self.crop, self.mean, self.std)
        return torch.from_numpy(inputs), torch.from_numpy(self.codes[label])

    def picture(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The covered photo or crop `(h, w, 3)` uint8 BGR and its label `(h, w)`, before they become tensors."""
        rng = self._rng(index)
        frame = self.photos.frame(rng)
        height, width = self.crop
        x0, y0 = int(rng.integers(self.width - width + 1)), int(rng.integers(self.height - height + 1))
        crop = Box(x0, y0, x0 + width, y0 + height)
        # Occluders are laid over the whole input, of which the crop alone is drawn.
        step_x, step_y = frame.width / self.width, frame.height / self.height
        window = Box(*(round(edge * step) for edge, step in zip(crop, (step_x, step_y) * 2, strict=True)))
        view = frame.view(window, height, width)
        clean = np.zeros((self.height, self.width, 3), np.uint8)
        clean[crop.slices()] = effects.mark(view, rng, self.height, partial(self.photos.printed, rng))
        covered, hidden = clean, np.zeros((self.height, self.width), np.float32)
        if rng.random() >= EMPTY_SHARE:
            for _ in range(LAYING_ATTEMPTS):
                covered, hidden = occluders.cover(clean, self.photos.occluders(rng, fewest=1), rng)
                if (hidden[crop.slices()] >= HIDDEN_SHARE).any():
                    break
        covered, hidden = np.ascontiguousarray(covered[crop.slices()]), hidden[crop.slices()]
        if rng.random() < GREY_PHOTO_CHANCE:
            covered = cv2.cvtColor(cv2.cvtColor(covered, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return effects.develop(covered, rng), (hidden >= HIDDEN_SHARE).astype(np.int64)


class SyntheticInpainting(_Drawn):
    """Clean crops and holes for the inpainting net, cut as prediction cuts them.

    Args:
        count: samples an epoch.
        seed: of everything.
        side: of the network's input.
        imgresize: how many times the crop is reduced.
        page_dir, occluder_dir, split: see `SyntheticPhotos`.
        ratios: further reductions to draw samples at, in equal shares with `imgresize`.

    A sample is `(image (3, side, side) float32 in [0, 1], mask (1, side, side) float32 in [0, 1])`.
    """

    def __init__(
        self,
        count: int,
        seed: int,
        side: int = 256,
        imgresize: int = PUBLISHED_RATIO,
        page_dir: Path | None = None,
        occluder_dir: Path | None = None,
        split: str = "train",
        ratios: Sequence[int] = (),
    ) -> None:
        super().__init__(count, seed, page_dir, occluder_dir, split)
        self.side = side
        self.ratios = (imgresize, *ratios)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, mask = self.picture(index)
        return torch.from_numpy(preprocess.to_generator_image(image, self.side)), torch.from_numpy(mask[None])

    def picture(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The clean crop `(side, side, 3)` uint8 BGR and its hole `(side, side)` float32."""
        rng = self._rng(index)
        frame = self.photos.frame(rng)
        ratio = int(self.ratios[int(rng.integers(len(self.ratios)))])
        # The hole is placed on the whole photo at the network's resolution, and the crop found as in prediction.
        height, width = max(round(frame.height / ratio), self.side), max(round(frame.width / ratio), self.side)
        hole = self._hole(rng, height, width, ratio)
        bounds = max(connected_bounds(hole > 0), key=lambda bounds: bounds.width * bounds.height)
        box = crop_box(bounds, self.side, height, width)
        box = square_box(box, min(box.width, box.height), height, width)
        window = Box(*(ratio * edge for edge in box))
        hole = preprocess.resize(np.ascontiguousarray(hole[box.slices()]), self.side, self.side)
        clean = frame.view(window, self.side, self.side)
        if rng.random() < RELIT_SHARE:
            clean = effects.relight(clean, rng)
        return clean, hole

    def _hole(self, rng: np.random.Generator, height: int, width: int, ratio: int) -> NDArray[np.float32]:
        """Where occluders lie, grown as masks are grown: `(height, width)` float32, soft over one pixel."""
        covered = np.zeros((height, width), np.float32)
        for _ in range(HOLE_ATTEMPTS):  # what falls outside the frame is drawn again
            for occluder in self.photos.occluders(rng, fewest=1):
                matrix = occluders.place(occluder, height, width, rng)
                box, layer = occluders.warp(occluder, matrix, height, width)
                np.maximum(covered[box.slices()], layer[..., 3], out=covered[box.slices()])
            if np.count_nonzero(covered > HIDDEN_SHARE) >= LEAST_HOLE_PX:
                break
        else:
            covered[height // 3 : height // 2, width // 3 : width // 2] = 1
        core = grow(covered > HIDDEN_SHARE, rng.uniform(*MASK_GROWTH_PX) / ratio)
        return cv2.blur(core.astype(np.float32), (2, 2))
