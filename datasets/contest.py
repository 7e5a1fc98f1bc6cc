"""Training data in the layout of the contest: folders `train_data_*`, each with an `annotation.txt`.

Every line of an annotation names a clean picture, the same picture covered, and the mask, relative to its folder.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from datasets.annotations import DataError, Triple
from datasets.cache import PixelCache
from datasets.masks import MaskStyle, random_mask
from utils import classes, preprocess
from utils.crops import hole_crop
from utils.images import header_size, list_photos, read_image
from utils.mask_files import read_mask_file
from utils.regions import Box, bounds_of, connected_bounds, crop, square_box
from utils.spec import (
    PUBLISHED_CROP,
    PUBLISHED_HEIGHT,
    PUBLISHED_MEAN,
    PUBLISHED_RATIO,
    PUBLISHED_STD,
    PUBLISHED_WIDTH,
)

MIRRORED = 0.5  # share of mirrored samples
LIGHT_GAIN = 0.25  # strongest change of brightness, as a share
LIGHT_TINT = 0.06  # strongest change of one colour against the others, as a share

Progress = Callable[[Iterable[Any], int], Iterable[Any]]  # wraps an iterable of known length for a bar


def inpainting_pixels(triple: Triple, imgsize: int, imgresize: int, follow_hole: bool = False) -> NDArray[np.uint8]:
    """Clean crop and mask of one line, as prediction would cut them.

    Args:
        imgsize, imgresize: of the published crop.
        follow_hole: crop and ratio follow from the hole instead; only `imgsize // imgresize` counts then.

    Returns:
        `(side, side, 4)` uint8, side = imgsize // imgresize: BGR and the mask in file values.

    Raises:
        ValueError: a file cannot be decoded, sizes differ, or the mask shows no occluder.
        OSError: a file cannot be read.
    """
    clean, mask = _read_upright(triple.clean, triple.mask)
    if classes.states_page(mask):  # what is beside the page is no hole
        mask = preprocess.MASK_LEVEL * classes.covered(classes.from_levels(mask))[0].astype(np.uint8)
        if not mask.any():
            raise ValueError(f"the mask shows nothing that is covered: {triple.mask}")
    side = imgsize // imgresize
    if follow_hole:
        bounds = max(connected_bounds(mask > 0), key=lambda box: box.width * box.height)
        box = hole_crop(bounds, side, *mask.shape).box
    else:
        box = training_box(mask, imgsize)
    pieces = [preprocess.fit_square(crop(picture, box), side, average=follow_hole) for picture in (clean, mask)]
    return np.dstack(pieces)


def training_box(mask: NDArray[np.uint8], imgsize: int) -> Box:
    """The crop of SPEC section 4 around the mask; around its largest region where one crop cannot hold all.

    Args:
        mask: `(H, W)` uint8 in file values, not empty.
    """
    bounds = bounds_of(mask)
    assert bounds is not None
    if max(bounds.width, bounds.height) > imgsize:
        bounds = max(connected_bounds(mask > 0), key=lambda box: box.width * box.height)
    return square_box(bounds, imgsize, *mask.shape)


def segmentation_pixels(triple: Triple, height: int, width: int) -> NDArray[np.uint8]:
    """Covered photo and mask of one line at the size of the network.

    Returns:
        `(height, width, 4)` uint8: BGR and the label, codes of `utils.classes`.

    Raises:
        ValueError, OSError: as `inpainting_pixels`.
    """
    picture, mask = _read_upright(triple.covered, triple.mask)
    if classes.states_page(mask):
        labels = cv2.resize(classes.from_levels(mask), (width, height), interpolation=cv2.INTER_NEAREST)
    else:
        labels = classes.from_levels(preprocess.resize(mask, height, width))
    return np.dstack([preprocess.resize(picture, height, width), labels])


def _read_upright(picture_path: Path, mask_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    picture, mask = read_image(picture_path), _read_holes(mask_path)
    if picture.shape[:2] != mask.shape:
        raise ValueError(f"'{picture_path}' and '{mask_path}' differ in size: {picture.shape[:2]} and {mask.shape}")
    if preprocess.is_landscape(picture):
        picture, mask = preprocess.transpose(picture), preprocess.transpose(mask)
    return picture, mask


def _read_holes(path: Path) -> NDArray[np.uint8]:
    mask = read_mask_file(path, strict=False).levels
    if not mask.any():
        raise ValueError(f"the mask is empty: {path}")
    if (level := mask.max()) < preprocess.MASK_LEVEL and not classes.states_page(mask):
        raise ValueError(
            f"the mask is nowhere {preprocess.MASK_LEVEL}, which stands for an occluder, but {level} at most: {path}"
        )
    return mask


def vary(pixels: NDArray[np.uint8], augmentations: Sequence[str], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change a sample as `AUGMENTERS` name it, jointly for picture and mask.

    Args:
        pixels: `(H, W, 4)` uint8, BGR and mask.

    Returns:
        The same shape; the input is left alone.
    """
    for name in augmentations:
        pixels = AUGMENTERS[name](pixels, rng)
    return pixels


def _flip(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, ::-1]) if rng.random() < MIRRORED else pixels


def _light(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    gain = rng.uniform(1 - LIGHT_GAIN, 1 + LIGHT_GAIN) * rng.uniform(1 - LIGHT_TINT, 1 + LIGHT_TINT, 3)
    levels = np.arange(256)[:, None] * gain
    tables = np.rint(levels.clip(0, 255)).astype(np.uint8)
    changed = [tables[:, channel][pixels[:, :, channel]] for channel in range(3)]
    return np.dstack([*changed, pixels[:, :, 3]])


AUGMENTERS = {"flip": _flip, "light": _light}


class ContestData(Dataset[tuple[Tensor, Tensor]]):
    """Lines of annotation files as samples: read or take from the cache, vary, convert."""

    def __init__(
        self,
        triples: Sequence[Triple],
        cache: PixelCache | None,
        augmentations: Sequence[str],
        seed: int,
    ) -> None:
        self.triples = list(triples)
        self.cache = cache
        self.augmentations = tuple(augmentations)
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.triples)

    def set_epoch(self, epoch: int) -> None:
        """Choose other random changes; the same epoch and seed give the same ones."""
        self.epoch = epoch

    def describe(self, index: int) -> str:
        """Where a sample comes from, for messages."""
        triple = self.triples[index]
        return f"{triple.annotation}:{triple.line}"

    def files(self, triple: Triple) -> tuple[Path, Path]:
        """The two files of which a sample is made."""
        raise NotImplementedError

    def decode(self, triple: Triple) -> NDArray[np.uint8]:
        """The sample's pixels from its files."""
        raise NotImplementedError

    def find_problems(self, workers: int = 1, progress: Progress = lambda items, total: items) -> list[str]:
        """Look into every picture: it must decode, sizes must agree, and the mask must show an occluder.

        With a cache this also fills it, so that each picture is decoded once, and entries that are there already are
        not looked at again.

        Args:
            workers: threads.
            progress: wraps the results, whose number is the second argument, for a bar.

        Returns:
            One message a bad line, in order.

        Raises:
            OSError: the cache cannot be written.
        """
        with ThreadPoolExecutor(workers) as pool:
            return [problem for problem in progress(pool.map(self._problem, self.triples), len(self)) if problem]

    def _problem(self, triple: Triple) -> str | None:
        files = self.files(triple)
        try:
            if self.cache and self.cache.is_current(files):
                return None
            paths = triple.clean, triple.covered, triple.mask
            sizes = [header_size(path) for path in paths]
            if len(set(sizes)) > 1 and len({tuple(sorted(size)) for size in sizes}) == 1:
                # a phone's photo is stored on its side, what an editor made of it upright: EXIF decides
                sizes = [read_image(path).shape[1::-1] for path in paths]
            if len(set(sizes)) > 1:
                named = zip(("clean", "covered", "mask"), sizes, strict=True)
                return triple.problem("sizes differ: " + ", ".join(f"{name} {w}×{h}" for name, (w, h) in named))
            if not self.cache:
                _read_holes(triple.mask)
                return None
            pixels = self.decode(triple)
        except (OSError, ValueError) as error:
            return triple.problem(str(error))
        try:
            self.cache.write(files, pixels)
        except OSError as error:
            raise OSError(
                f"--cache_dir {self.cache.folder}: {error}; name another folder or give --cache False"
            ) from None
        return None

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """`(h, w, 4)` uint8, BGR and mask, varied."""
        triple = self.triples[index]
        stored = self.cache.read(self.files(triple)) if self.cache else None
        if stored is None:
            stored = self.decode(triple)
            if self.cache:
                with contextlib.suppress(OSError):  # a full disk costs time, not the training
                    self.cache.write(self.files(triple), stored)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        return vary(stored, self.augmentations, rng)


class InpaintingData(ContestData):
    """Clean crops around occluders and their masks.

    Args:
        triples: lines of the annotation files.
        imgsize, imgresize: side of the crop in pixels of the photo and how many times it is reduced.
        cache: of `inpainting_cache`; None decodes two photos a sample.
        augmentations: keys of `AUGMENTERS`.
        seed: of the random changes.
        follow_hole: see `inpainting_pixels`.

    A sample is the image `(3, side, side)` float32 and the mask `(1, side, side)` float32, both in [0, 1].
    """

    def __init__(
        self,
        triples: Sequence[Triple],
        imgsize: int = PUBLISHED_CROP,
        imgresize: int = PUBLISHED_RATIO,
        cache: PixelCache | None = None,
        augmentations: Sequence[str] = (),
        seed: int = 0,
        follow_hole: bool = False,
    ) -> None:
        super().__init__(triples, cache, augmentations, seed)
        self.imgsize = imgsize
        self.imgresize = imgresize
        self.follow_hole = follow_hole

    def files(self, triple: Triple) -> tuple[Path, Path]:
        return triple.clean, triple.mask

    def decode(self, triple: Triple) -> NDArray[np.uint8]:
        return inpainting_pixels(triple, self.imgsize, self.imgresize, self.follow_hole)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return _inpainting_sample(self.pixels(index))


class SegmentationData(ContestData):
    """Covered photos and their labels.

    Args:
        triples, cache, augmentations, seed: as in `InpaintingData`.
        height, width, mean, std: as the network reads photos.
        num_classes: of the network: 2 or 4.

    A sample is the image `(3, height, width)` float32, normalised, and the label `(height, width)` int64: 0 or 1 where
    the network has two classes and the mask states no more, else codes of `utils.classes`.
    """

    def __init__(
        self,
        triples: Sequence[Triple],
        height: int = PUBLISHED_HEIGHT,
        width: int = PUBLISHED_WIDTH,
        mean: float = PUBLISHED_MEAN,
        std: float = PUBLISHED_STD,
        cache: PixelCache | None = None,
        augmentations: Sequence[str] = (),
        seed: int = 0,
        num_classes: int = 2,
    ) -> None:
        super().__init__(triples, cache, augmentations, seed)
        self.height, self.width, self.mean, self.std = height, width, mean, std
        self.num_classes = num_classes

    def files(self, triple: Triple) -> tuple[Path, Path]:
        return triple.covered, triple.mask

    def decode(self, triple: Triple) -> NDArray[np.uint8]:
        return segmentation_pixels(triple, self.height, self.width)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pixels = self.pixels(index)
        image = preprocess.lit_for(pixels[:, :, :3], self.num_classes)
        inputs = preprocess.to_segmenter_input(image, self.height, self.width, self.mean, self.std)
        label = classes.fold(pixels[:, :, 3], self.num_classes)
        return torch.from_numpy(inputs), torch.from_numpy(label.astype(np.int64))


class CleanCrops(Dataset[tuple[Tensor, Tensor]]):
    """Further clean crops with random holes (`--augment True`); samples as in `InpaintingData`.

    Args:
        folder: of square pictures; they are resized to `side`.
        side: of a sample in pixels.
        style: of the holes.
        augmentations, seed: as in `InpaintingData`.

    Raises:
        DataError: there is no such folder or no picture in it.
        ValueError: the holes cannot be drawn at this size.
    """

    def __init__(
        self, folder: str | Path, side: int, style: MaskStyle, augmentations: Sequence[str] = (), seed: int = 0
    ) -> None:
        style.check(side)
        if not Path(folder).is_dir():
            raise DataError(f"--augment_data_path {folder}: no such folder; make one with cut_crops.py")
        self.paths = list_photos(folder)
        if not self.paths:
            raise DataError(f"--augment_data_path {folder}: no pictures in it; make some with cut_crops.py")
        self.side, self.style, self.augmentations, self.seed = side, style, tuple(augmentations), seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.paths)

    def set_epoch(self, epoch: int) -> None:
        """Draw other holes; the same epoch and seed give the same ones."""
        self.epoch = epoch

    def describe(self, index: int) -> str:
        """Where a sample comes from, for messages."""
        return str(self.paths[index])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        image = preprocess.fit_square(read_image(self.paths[index]), self.side)
        mask = (random_mask(rng, self.side, self.style) * preprocess.MASK_LEVEL).astype(np.uint8)
        return _inpainting_sample(vary(np.dstack([image, mask]), self.augmentations, rng))


def _inpainting_sample(pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    side = pixels.shape[0]
    image = preprocess.to_generator_image(pixels[:, :, :3], side)
    return torch.from_numpy(image), torch.from_numpy(preprocess.to_generator_mask(pixels[:, :, 3], side))
