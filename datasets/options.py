"""What a user may choose for the samples of a training; fields are named as flags."""

from dataclasses import dataclass

from datasets.masks import MaskStyle
from utils.flags import check_fraction, check_not_negative


@dataclass(frozen=True)
class DataOptions:
    """Where samples come from, how many, and how they are changed.

    Attributes:
        baseroot: training folders, or what stands for drawn samples; see `Sources.open`.
        root_weights: share of each root in an epoch, clean crops last; None takes every sample once.
        samples_per_epoch: length of an epoch; None: every sample once, and of drawn ones as many as `DRAWN_SAMPLES`.
        synthetic_ratios: further reductions at which synthetic inpainting samples are drawn.
        seg_crop: height and width of the part that synthetic segmentation samples show; None is all of it.
        inpaint_crop: side of the part that life-like inpainting samples show; None is all of it.
        cache, cache_dir: whether and where decoded samples are kept.
        augmentations: changes of the samples.
        augment, augment_data_path, holes: whether clean crops with random holes join, their folder, the holes.
        val_fraction, val_root, val_samples: share of the pictures held out, further roots held out, samples held out
            of a synthetic root.
        num_workers: loader processes, at most one a core.
        seed: of everything random.
        overfit: samples of the self-test, None trains on all.

    Raises:
        ValueError: a number is out of range; the message names the flag.
    """

    baseroot: list[str]
    root_weights: list[float] | None
    samples_per_epoch: int | None
    synthetic_ratios: list[int]
    seg_crop: list[int] | None
    inpaint_crop: int | None
    cache: bool
    cache_dir: str
    augmentations: list[str]
    augment: bool
    augment_data_path: str
    holes: MaskStyle
    val_fraction: float
    val_root: list[str]
    val_samples: int
    num_workers: int
    seed: int
    overfit: int | None

    def __post_init__(self) -> None:
        check_fraction(val_fraction=self.val_fraction)
        check_not_negative(num_workers=self.num_workers)
        roots = len(self.baseroot) + self.augment
        if self.root_weights and (len(self.root_weights) != roots or min(self.root_weights) <= 0):
            raise ValueError(f"--root_weights: expected {roots} numbers above 0, one for each root (--augment counts)")
