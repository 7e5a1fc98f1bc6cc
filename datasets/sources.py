"""From `--baseroot` to the data sets of one training: checked, split, cached, mixed."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from datasets.annotations import DataError, Triple, read_annotations, refuse, split_by_picture
from datasets.cache import PixelCache
from datasets.contest import ContestData, InpaintingData, Progress, SegmentationData
from datasets.mixture import Mixture
from utils.spec import GENERATOR, GENERATOR_CHANNELS, SEGMENTER, NetworkSpec

SYNTHETIC, LIFELIKE = "synthetic", "lifelike"
VALIDATION_SEED = 1  # the drawn validation samples are the same whatever --seed says


class Sources:
    """Reads training roots for one network.

    Args:
        spec: of the network, tells kind and geometry of the samples.
        cache_dir: where decoded samples are kept; None decodes every time.
        augmentations: changes of the training samples, never of held-out ones.
        seed: of everything random.
        ratios: further reductions at which synthetic inpainting samples are drawn.
        crop: height and width of the part of the input that synthetic segmentation samples show; None is all of it.
        part_side: side of the part of the input that life-like inpainting samples show; None is all of it.
        workers: threads that check the pictures.
        progress: wraps an iterable of known length for a bar.
        say: prints a line.
        check: False trusts the pictures; another process of this run has looked at them.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        cache_dir: str | Path | None,
        augmentations: Sequence[str],
        seed: int,
        ratios: Sequence[int],
        crop: tuple[int, int] | None,
        workers: int,
        progress: Progress = lambda items, total: items,
        say: Callable[[str], None] = print,
        check: bool = True,
        part_side: int | None = None,
    ) -> None:
        self.spec = spec
        self.augmentations = augmentations
        self.seed = seed
        self.ratios = ratios
        self.crop = crop
        self.part_side = part_side
        self.workers = workers
        self.progress = progress
        self.say = say
        self.check = check
        shape = (spec.input_height, spec.input_width, 4)
        try:
            self.cache = PixelCache(cache_dir, shape, self._geometry()) if cache_dir else None
        except OSError as error:
            raise OSError(
                f"--cache_dir {cache_dir}: cannot be made ({error.strerror}); name another folder or give --cache False"
            ) from None

    def _geometry(self) -> str:
        if self.spec.network == SEGMENTER:
            return f"labels {self.spec.input_height}×{self.spec.input_width}"
        return f"inpainting {self.spec.imgsize}/{self.spec.imgresize}" + " by the hole" * self.spec.follows_hole

    def photos(self, triples: Sequence[Triple], augment: bool) -> ContestData:
        """Lines of annotation files as a data set; bad ones are refused where `check` says so."""
        changes = self.augmentations if augment else ()
        if self.spec.network == SEGMENTER:
            geometry = self.spec.input_height, self.spec.input_width, self.spec.mean, self.spec.std
            return SegmentationData(triples, *geometry, self.cache, changes, self.seed, self.spec.out_channels)
        assert self.spec.imgsize is not None and self.spec.imgresize is not None
        crops = self.spec.imgsize, self.spec.imgresize
        return InpaintingData(triples, *crops, self.cache, changes, self.seed, self.spec.follows_hole)

    def synthetic(
        self, root: str, count: int, seed: int, split: str, flag: str = "--baseroot"
    ) -> "Dataset[tuple[Tensor, Tensor]]":
        """A root that stands for drawn samples as a data set.

        Args:
            root: `synthetic[:PAGE_DIR:OCCLUDER_DIR]` or `lifelike:DATA_DIR`.
            count: samples an epoch.
            seed: of everything.
            split: `train` or `val`.
            flag: that named it, for messages.
        """
        from datasets.lifelike import LifelikeSegmentation, parse_lifelike
        from datasets.lifelike_holes import LifelikeInpainting
        from datasets.synthetic import SyntheticInpainting, SyntheticSegmentation, parse_synthetic

        spec, size = self.spec, (self.spec.input_height, self.spec.input_width)
        crop = self.crop if split == "train" else None
        look: dict[str, Any] = {"mean": spec.mean, "std": spec.std, "crop": crop, "num_classes": spec.out_channels}
        if root.startswith(LIFELIKE):
            folder = parse_lifelike(root, flag)
            if spec.network == SEGMENTER:
                return LifelikeSegmentation(count, seed, *size, folder, split, **look)
            part_side = self.part_side if split == "train" else None
            rule = spec.follows_hole
            return LifelikeInpainting(count, seed, spec.input_height, folder, split, rule, spec.in_channels, part_side)
        pages, occluders = parse_synthetic(root, flag)
        if spec.network == SEGMENTER:
            return SyntheticSegmentation(count, seed, *size, pages, occluders, split, **look)
        assert spec.imgresize is not None
        # Held-out samples are whole and drawn at the ratio of the network alone.
        ratios = self.ratios if split == "train" else ()
        return SyntheticInpainting(count, seed, spec.input_height, spec.imgresize, pages, occluders, split, ratios)

    def open(
        self, roots: Sequence[str], val_roots: Sequence[str], val_fraction: float, drawn: int, drawn_for_validation: int
    ) -> tuple[list[Any], Mixture | None]:
        """The parts to train on and the samples held out.

        Args:
            roots: of `--baseroot`.
            val_roots: of `--val_root`.
            val_fraction: share of the pictures of every root that is held out.
            drawn: samples an epoch of a synthetic root.
            drawn_for_validation: samples held out of a synthetic root if any are.

        Raises:
            DataError: data that cannot be used.
        """
        self._check_guidance([*roots, *val_roots])
        data_sets: list[Any] = []
        held_out: list[Any] = []
        for number, root in enumerate(roots):
            if is_synthetic(root):
                data_sets.append(self.synthetic(root, drawn, self.seed + number, "train"))
                if val_fraction:
                    held_out.append(self.synthetic(root, drawn_for_validation, VALIDATION_SEED + number, "val"))
                continue
            to_train, to_hold_out = split_by_picture(read_annotations(root), val_fraction)
            data_sets.append(self.photos(to_train, augment=True))
            if to_hold_out:
                held_out.append(self.photos(to_hold_out, augment=False))
        for number, root in enumerate(val_roots):
            if is_synthetic(root):
                seed = VALIDATION_SEED + number
                held_out.append(self.synthetic(root, drawn_for_validation, seed, "val", "--val_root"))
            else:
                held_out.append(self.photos(read_annotations(root, "--val_root"), augment=False))
        if self.check:
            drawn_from = [
                data_set.photos for data_set in (*data_sets, *held_out) if not isinstance(data_set, ContestData)
            ]
            refuse([problem for photos in drawn_from for problem in photos.find_problems()], "file")
        photographed = [data_set for data_set in (*data_sets, *held_out) if isinstance(data_set, ContestData)]
        self._announce_cache(photographed)
        if self.check:
            refuse([p for data_set in photographed for p in data_set.find_problems(self.workers, self.progress)])
        return data_sets, Mixture(held_out) if held_out else None

    def _check_guidance(self, roots: Sequence[str]) -> None:
        """Guidance and parts of samples are drawn for life-like roots only."""
        others = [root for root in roots if not root.startswith(f"{LIFELIKE}:")]
        if self.spec.network != GENERATOR or not others:
            return
        if self.spec.in_channels != GENERATOR_CHANNELS[0]:
            raise DataError(f"{others[0]}: --in_channels {self.spec.in_channels} is for roots lifelike:DATA_DIR alone")
        if self.part_side is not None:
            raise DataError(f"{others[0]}: --inpaint_crop is for roots lifelike:DATA_DIR alone")

    def _announce_cache(self, data_sets: Sequence[ContestData]) -> None:
        groups = [data_set.files(triple) for data_set in data_sets for triple in data_set.triples]
        if not self.cache or not groups:
            return
        missing, replaced = self.cache.missing(groups)
        size, to_write, needed = (self.cache.entry_bytes * n for n in (len(groups), missing, missing - replaced))
        free = shutil.disk_usage(self.cache.folder).free
        self.say(f"cache: {in_words(size)} in {self.cache.folder}, {in_words(to_write)} of it still to be written")
        if needed > free:
            raise DataError(
                f"--cache_dir {self.cache.folder}: {in_words(needed)} are needed and {in_words(free)} are free; "
                "name a folder on another disk or give --cache False"
            )


def in_words(size: int) -> str:
    """A number of bytes as people read it: `4.2 GB`, `38.1 MB`, `0.0 kB`."""
    unit, name = next(((u, n) for u, n in ((1e9, "GB"), (1e6, "MB")) if size >= u), (1e3, "kB"))
    return f"{size / unit:.1f} {name}"


def is_synthetic(root: str) -> bool:
    """Whether a root stands for samples drawn while training."""
    return root.split(":")[0] in (SYNTHETIC, LIFELIKE)
