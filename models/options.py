"""What a user may choose for a training: where it computes, which network, how it learns. Fields are named as flags."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from utils.flags import check_above_zero, check_fraction, check_not_negative
from utils.spec import (
    DISCRIMINATOR,
    GENERATOR,
    GENERATOR_CHANNELS,
    SEGMENTER,
    NetworkSpec,
    check_crop,
    inpaint_spec,
    segmenter_spec,
)

IMAGENET = "imagenet"  # stands for torchvision's weights where a file of weights is asked for
AUTO = "auto"  # stands for the state in the training's own folder where a file is asked for
SIZE_STEP = 16  # pixels: the encoder halves its input four times


@dataclass(frozen=True)
class MachineOptions:
    """Where a training computes.

    Attributes:
        device: auto, cpu, cuda or cuda:N.
        multi_gpu, gpu_ids: one process a GPU; see `distributed.relaunch`.
        autocast, amp_dtype: see `choose_precision`.
        cudnn_benchmark: let cuDNN try which algorithm is fastest.
        seed: of PyTorch's random numbers.
    """

    device: str
    multi_gpu: bool
    gpu_ids: str
    autocast: bool
    amp_dtype: str
    cudnn_benchmark: bool
    seed: int


@dataclass(frozen=True)
class SegmentationOptions:
    """The segmentation net and how it learns.

    Attributes:
        backbone, in_c, out_c: encoder, channels of the photo, classes.
        seg_height, seg_width: of its input in pixels, multiples of `SIZE_STEP`.
        seg_crop: height and width of the part of the input that it is trained on; None is all of it.
        deeplabv3_pretrain: file of weights to start from, `IMAGENET`, or empty for random ones.
        batch_size2: samples over all processes.
        lr_s, weight_decay: of Adam.
        class_weights: of the loss, one a class.
        freeze_bn: batch norm keeps its statistics.
        ema, compile: see `Task`.

    Raises:
        ValueError: a number is out of range; the message names the flag.
    """

    backbone: str
    in_c: int
    out_c: int
    seg_height: int
    seg_width: int
    seg_crop: list[int] | None
    deeplabv3_pretrain: str
    batch_size2: int
    lr_s: float
    weight_decay: float
    class_weights: list[float]
    freeze_bn: bool
    ema: float
    compile: bool

    def __post_init__(self) -> None:
        for name, size in (("seg_height", self.seg_height), ("seg_width", self.seg_width)):
            if size % SIZE_STEP:
                raise ValueError(f"--{name} {size}: must be a multiple of {SIZE_STEP}, for example 320")
        for size, limit in zip(self.seg_crop or (), (self.seg_height, self.seg_width), strict=False):
            if size % SIZE_STEP or size > limit:
                raise ValueError(
                    f"--seg_crop {size}: must be a multiple of {SIZE_STEP} and at most {limit}, for example 320"
                )
        check_fraction(ema=self.ema)
        check_above_zero(lr_s=self.lr_s)
        check_not_negative(weight_decay=self.weight_decay)
        if len(self.class_weights) != self.out_c:
            raise ValueError(f"--class_weights: {len(self.class_weights)} numbers for --out_c {self.out_c} classes")
        if self.in_c != 3:
            raise ValueError(f"--in_c {self.in_c}: photos have 3 channels")

    @property
    def batch(self) -> int:
        """Samples of a batch over all processes."""
        return self.batch_size2

    @property
    def learns_batch_norm(self) -> bool:
        """Whether a batch must hold two samples or more, of which alone there are statistics."""
        return not self.freeze_bn

    def specs(self) -> dict[str, NetworkSpec]:
        """The spec of the segmentation net, by the name that its checkpoints carry."""
        spec = segmenter_spec(self.backbone, self.in_c, self.out_c)
        return {SEGMENTER: replace(spec, input_height=self.seg_height, input_width=self.seg_width)}

    def check_start(self) -> None:
        """Refuse what only matters where this network is the one that trains.

        Raises:
            ValueError: batch norm learns nothing from batches of one sample.
            FileNotFoundError: the weights to start from are missing.
        """
        if self.learns_batch_norm and self.batch < 2:
            raise ValueError(f"--batch_size2 {self.batch}: batch norm needs 2 samples or more, or --freeze_bn True")
        check_file("deeplabv3_pretrain", self.deeplabv3_pretrain, IMAGENET)


@dataclass(frozen=True)
class InpaintingOptions:
    """The generator, the discriminator, and how they learn.

    Attributes:
        latent_channels, pad_type, activation, norm: of both networks.
        in_channels, out_channels: of the generator: picture and mask, the repaired picture.
        imgsize, imgresize: side of the crop in pixels of the photo, and how many times it is reduced.
        crops: one of `utils.spec.CROPS`.
        inpaint_crop: side of the part of the input that it is trained on; None is all of it.
        init_type, init_gain: of the random start.
        deepfillv2_generator_pretrain, deepfillv2_discriminator_pretrain: files of weights to start from, or empty.
        batch_size1: samples over all processes.
        lr_g, lr_d: learning rates of generator and discriminator.
        b1, b2, weight_decay: of Adam.
        lambda_l1, lambda_gan, lambda_ssim, gan_type, hole_weight, known_weight, rim_px, g_steps_per_d, warmup_l1:
            see `InpaintingTask`.
        ema, compile: see `Task`.
        overfit: samples of the self-test; it asks only what can be learnt, and no discriminator takes part.

    Raises:
        ValueError: a number is out of range; the message names the flag.
    """

    latent_channels: int
    pad_type: str
    activation: str
    norm: str
    in_channels: int
    out_channels: int
    imgsize: int
    imgresize: int
    crops: str
    inpaint_crop: int | None
    init_type: str
    init_gain: float
    deepfillv2_generator_pretrain: str
    deepfillv2_discriminator_pretrain: str
    batch_size1: int
    lr_g: float
    lr_d: float
    b1: float
    b2: float
    weight_decay: float
    lambda_l1: float
    lambda_gan: float
    lambda_ssim: float
    gan_type: str
    hole_weight: float
    known_weight: float
    rim_px: int
    g_steps_per_d: int
    warmup_l1: int
    ema: float
    compile: bool
    overfit: int | None = None

    def __post_init__(self) -> None:
        check_crop(self.imgsize, self.imgresize)
        check_fraction(ema=self.ema)
        check_above_zero(lr_g=self.lr_g, lr_d=self.lr_d, lambda_l1=self.lambda_l1, hole_weight=self.hole_weight)
        check_not_negative(
            lambda_gan=self.lambda_gan,
            lambda_ssim=self.lambda_ssim,
            known_weight=self.known_weight,
            rim_px=self.rim_px,
            weight_decay=self.weight_decay,
            warmup_l1=self.warmup_l1,
        )
        side = self.imgsize // self.imgresize
        if self.inpaint_crop and (self.inpaint_crop % 4 or self.inpaint_crop > side):
            raise ValueError(f"--inpaint_crop {self.inpaint_crop}: must be a multiple of 4 and at most {side}")
        if self.out_channels != 3 or self.in_channels not in GENERATOR_CHANNELS:
            raise ValueError(
                f"--in_channels {self.in_channels} --out_channels {self.out_channels}: pictures have 3 channels and "
                "the mask 1; expected 4, or 8 with what the page's structure says, and 3"
            )

    @property
    def batch(self) -> int:
        """Samples of a batch over all processes."""
        return self.batch_size1

    @property
    def learns_batch_norm(self) -> bool:
        """Always False: the losses of these networks are of use for a single sample, too."""
        return False

    @property
    def pretrained(self) -> dict[str, str]:
        """By network, a file of weights to start from, or empty for random ones."""
        return {
            GENERATOR: self.deepfillv2_generator_pretrain,
            DISCRIMINATOR: self.deepfillv2_discriminator_pretrain,
        }

    @property
    def rates(self) -> dict[str, float]:
        """By network, its base learning rate."""
        return {GENERATOR: self.lr_g, DISCRIMINATOR: self.lr_d}

    @property
    def losses(self) -> dict[str, Any]:
        """What the losses are made of, as `InpaintingTask` takes it."""
        names = ("lambda_l1", "lambda_gan", "lambda_ssim", "gan_type", "hole_weight", "known_weight", "rim_px")
        return {name: getattr(self, name) for name in names}

    def specs(self) -> dict[str, NetworkSpec]:
        """The specs of the generator and, where the training is adversarial, of the discriminator, by name."""
        size = self.latent_channels, self.imgsize, self.imgresize
        channels = {GENERATOR: (self.in_channels, self.out_channels)}
        if self.lambda_gan > 0 and not self.overfit:  # it sees picture and mask, whatever hints the generator has
            channels[DISCRIMINATOR] = self.out_channels + 1, 1
        style = self.pad_type, self.activation, self.norm, self.crops
        return {name: inpaint_spec(name, *size, *ends, *style) for name, ends in channels.items()}

    def check_start(self) -> None:
        """Refuse what only matters where these networks are those that train.

        Raises:
            FileNotFoundError: the weights to start from are missing.
        """
        check_file("deepfillv2_generator_pretrain", self.deepfillv2_generator_pretrain)
        check_file("deepfillv2_discriminator_pretrain", self.deepfillv2_discriminator_pretrain)


NetworkOptions = SegmentationOptions | InpaintingOptions


def check_file(flag: str, file: str | None, word: str | None = None) -> None:
    """Refuse a file that is named and missing; `word` is what the flag takes instead of one.

    Raises:
        FileNotFoundError: it names the flag.
    """
    if file and file != word and not Path(file).is_file():
        raise FileNotFoundError(f"--{flag} {file}: no such file")
