#!/usr/bin/env python3
"""Train the segmentation net or the inpainting networks.

python train.py --train_model deeplabv3 --baseroot train
python train.py --train_model deepfillv2 --baseroot train synthetic --amp_dtype auto
torchrun --nproc_per_node 4 train.py --train_model deepfillv2 --baseroot train
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils.flags import EXIT_FAILED, add_switch, positive_int, print_any_name, run_script
from utils.spec import (
    ACTIVATIONS,
    BACKBONES,
    CLASS_COUNTS,
    DISCRIMINATOR,
    GENERATOR,
    INIT_TYPES,
    NORMS,
    PAD_TYPES,
    PUBLISHED_CROP,
    PUBLISHED_RATIO,
    NetworkSpec,
    check_crop,
)

if TYPE_CHECKING:
    from datasets.loading import TrainingData
    from models.setup import Machine
    from models.tasks import Task

MODELS = ("deeplabv3", "deepfillv2")
# Of tables whose modules are slow to import; a test compares them.
GAN_TYPES = ("WGAN", "LSGAN")
MASK_TYPES = ("single_bbox", "bbox", "free_form")
AUGMENTATIONS = ("flip", "light")
PRETRAINED = {  # flags that name weights
    "deeplabv3": ("deeplabv3_pretrain",),
    "deepfillv2": ("deepfillv2_generator_pretrain", "deepfillv2_discriminator_pretrain"),
}
NO_FILE = {"deeplabv3_pretrain": "imagenet", "resume": "auto"}  # words that such a flag takes instead

OPENMP_SPINS = "1000"  # what GNU OpenMP takes by itself where it has more threads than cores
CLASS_WEIGHTS = {2: (1.0, 10.0), 4: (1.0, 3.0, 1.0, 2.0)}  # of the loss, by --out_c
DRAWN_SAMPLES = 2400  # of a synthetic root in an epoch: 100 of the published batches


def build_parser() -> argparse.ArgumentParser:
    """The command line; names and defaults of the published trainer where it has them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument

    def number(name: str, kind: Callable[[str], float], default: float | None, help: str) -> None:
        add(name, type=kind, default=default, help=f"{help} (default {default})")

    add("--train_model", choices=MODELS, default="deepfillv2", help="which network to train (default deepfillv2)")
    add("--baseroot", nargs="+", default=["./train"], metavar="ROOT", help="training folders, each with train_data_*, "
        "or synthetic[:PAGE_DIR:OCCLUDER_DIR] or lifelike:DATA_DIR for samples drawn while training")  # fmt: skip
    add("--save_path", default="./pytorch_model", help="folder of the checkpoints and the log (%(default)s)")
    add("--sample_path", default="./samples", help="folder of sample pictures (%(default)s)")
    add("--deepfillv2_generator_pretrain", default="", metavar="FILE", help="generator weights to start from")
    add("--deepfillv2_discriminator_pretrain", default="", metavar="FILE", help="discriminator weights to start from")
    add("--deeplabv3_pretrain", default="", metavar="FILE|imagenet", help="segmentation weights to start from: ours, "
        "published, DeepLabV3Plus-Pytorch's or of an ImageNet classifier; imagenet fetches torchvision's")  # fmt: skip

    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add_switch(machine, "--multi_gpu", False, "one process for each of --gpu_ids; torchrun does the same")
    machine.add_argument("--gpu_ids", default="0,1", help="such as 0,1; with --device cpu only their count matters")
    machine.add_argument("--num_workers", type=int, default=8, help="loader processes, at most one a core (8)")
    add_switch(machine, "--cudnn_benchmark", True, "let cuDNN try which algorithm is fastest")
    add_switch(machine, "--autocast", True, "mixed precision, see --amp_dtype")
    machine.add_argument("--amp_dtype", choices=("auto", "bfloat16", "float16"), default="auto",
        help="auto: bfloat16 where the device computes in it, else float16 on a GPU and float32 on a CPU")  # fmt: skip
    add_switch(machine, "--compile", False, "compile the networks with torch.compile")
    machine.add_argument("--seed", type=int, default=0, help="two runs with the same seed are equal (0)")

    number("--epochs", positive_int, 3, "number of epochs")
    number("--batch_size1", positive_int, 24, "batch of deepfillv2, over all processes")
    number("--batch_size2", positive_int, 16, "batch of deeplabv3, over all processes")
    number("--lr_s", float, 1e-4, "learning rate of the segmentation net")
    number("--lr_g", float, 1e-4, "learning rate of the generator")
    number("--lr_d", float, 4e-4, "learning rate of the discriminator")
    number("--b1", float, 0.5, "Adam's first beta, deepfillv2")
    number("--b2", float, 0.999, "Adam's second beta, deepfillv2")
    number("--weight_decay", float, 0, "Adam's weight decay")
    number("--lr_decrease_factor", float, 0.98, "learning rates are multiplied by it")
    number(
        "--lr_decrease_step", positive_int, 100, "after so many batches of an epoch, when checkpoints are written too"
    )
    add("--lr_schedule", choices=("published", "cosine"), default="published",
        help="published: as above; cosine: to zero over --total_steps")  # fmt: skip
    number("--total_steps", positive_int, None, "length of the cosine in batches; default: the whole training")
    number("--lambda_l1", float, 1000, "weight of the reconstruction")
    number("--lambda_gan", float, 1, "weight of the adversarial loss; 0 trains without a discriminator")
    number("--hole_weight", float, 1, "how much a pixel in the hole counts in the reconstruction")
    number("--known_weight", float, 0, "how much a pixel beside the hole counts there; 0: the published loss")
    add("--gan_type", choices=GAN_TYPES, default="WGAN", help="WGAN: hinge loss; LSGAN: least squares")
    number("--g_steps_per_d", positive_int, 1, "the discriminator steps with every so many batches only")
    number("--warmup_l1", int, 0, "batches before the adversarial loss sets in")
    number("--ema", float, 0, "decay of averaged weights such as 0.999; they go into the checkpoints")
    add("--class_weights", type=float, nargs="+", default=list(CLASS_WEIGHTS[2]), help="of page and occluder (1 10); "
        "with --out_c 4 also of surroundings and of occluders over them (1 3 1 2)")  # fmt: skip
    add_switch(parser, "--freeze_bn", False, "batch norm keeps its statistics: for fine-tuning with small batches")

    networks = parser.add_argument_group("networks")
    networks.add_argument("--backbone", choices=BACKBONES, default="mobilenetv2", help="encoder (%(default)s)")
    networks.add_argument("--in_c", type=positive_int, default=3, help="channels of the photo (3)")
    networks.add_argument("--out_c", type=int, choices=CLASS_COUNTS, default=2, help="classes (2): page and "
        "occluder; 4: also what is beside the page")  # fmt: skip
    networks.add_argument("--in_channels", type=positive_int, default=4, help="picture and mask (4)")
    networks.add_argument("--out_channels", type=positive_int, default=3, help="channels of the repaired picture (3)")
    networks.add_argument("--latent_channels", type=positive_int, default=64, help="width of the inpainting nets (64)")
    networks.add_argument("--pad_type", choices=PAD_TYPES, default="zero", help="padding (%(default)s)")
    networks.add_argument("--activation", choices=ACTIVATIONS, default="lrelu", help="(%(default)s)")
    networks.add_argument(
        "--norm",
        choices=NORMS,
        default="in",
        help="normalisation (%(default)s); none learns tone and colour in a fraction of the time, with --init_gain 2.4",
    )
    networks.add_argument("--init_type", choices=INIT_TYPES, default="xavier", help="random start (%(default)s)")
    networks.add_argument("--init_gain", type=float, default=0.02, help="scale of the random start (%(default)s)")
    networks.add_argument("--seg_height", type=positive_int, default=640, help="input height of the segmentation net")
    networks.add_argument("--seg_width", type=positive_int, default=480, help="input width of the segmentation net")
    networks.add_argument("--seg_crop", type=positive_int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="train on parts "
        "of the input of this size (synthetic roots): several times as fast, for the first epochs")  # fmt: skip

    data = parser.add_argument_group("data")
    data.add_argument("--imgsize", type=positive_int, default=PUBLISHED_CROP,
        help="side of the crop in the photo (%(default)s)")  # fmt: skip
    data.add_argument("--imgresize", type=positive_int, default=PUBLISHED_RATIO,
        help="how many times it is reduced (%(default)s)")  # fmt: skip
    data.add_argument("--root_weights", type=float, nargs="+", help="share of each --baseroot in an epoch")
    data.add_argument("--samples_per_epoch", type=positive_int, help="length of an epoch; default: every sample once, "
        "for a synthetic root 2400")  # fmt: skip
    data.add_argument("--synthetic_ratios", type=positive_int, nargs="+", default=[], metavar="RATIO",
        help="draw synthetic inpainting samples at these reductions too, besides --imgresize")  # fmt: skip
    data.add_argument("--cache_dir", default="./cache", help="decoded samples are kept here (%(default)s)")
    add_switch(data, "--cache", True, "decode each photo once")
    data.add_argument("--augmentations", nargs="+", choices=AUGMENTATIONS, default=[], help="changes of the samples")
    add_switch(data, "--augment", False, "add clean crops with random holes (deepfillv2)")
    data.add_argument("--augment_data_path", default="./train/augment_crops", help="made by cut_crops.py")
    data.add_argument("--mask_type", choices=MASK_TYPES, default="free_form", help="random holes (%(default)s)")
    for name, default in (("margin", 10), ("mask_num", 15), ("bbox_shape", 30), ("max_angle", 4), ("max_len", 50),
                          ("max_width", 15)):  # fmt: skip
        data.add_argument(f"--{name}", type=int, default=default, help=f"of the random holes ({default})")
    data.add_argument("--val_fraction", type=float, default=0.0, help="share of the pictures held out (0)")
    data.add_argument("--val_root", nargs="+", default=[], metavar="ROOT", help="roots held out, as --baseroot")
    data.add_argument("--val_samples", type=positive_int, default=64, help="held out of a synthetic root (64)")

    run = parser.add_argument_group("run")
    run.add_argument("--resume", metavar="auto|FILE", help="go on from a …_state.pth; auto: the one in --save_path")
    run.add_argument("--save_every", type=float, metavar="MINUTES", help="write checkpoints that often as well")
    run.add_argument("--max_hours", type=float, help="save and stop after so long")
    run.add_argument("--log_every", type=positive_int, default=5, help="batches between two log lines (5)")
    run.add_argument("--overfit", type=positive_int, metavar="N", help="self-test of the data: train on N samples "
        "for two minutes at most, fail if they cannot be learnt")  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    command = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    args = parser.parse_args(command)
    print_any_name()
    # Read when PyTorch is imported: threads that wait for each other soon sleep. By default they spin, and where other
    # programs want the cores as well, a training on the CPU then takes six times as long.
    os.environ.setdefault("GOMP_SPINCOUNT", OPENMP_SPINS)
    try:
        check_flags(args)
        return train(args, command, changed_flags(parser, args))
    except (ValueError, OSError) as error:
        if os.environ.get("RANK", "0") == "0":  # the other processes of a distributed run have met the same
            print(f"train.py: {error}", file=sys.stderr)
        return EXIT_FAILED


def train(args: argparse.Namespace, command: Sequence[str], changed: str) -> int:
    """Data, networks, loop, goodbye. The parsed flags end in this script; what it calls takes named arguments.

    Args:
        args: the flags.
        command: the command line that stated them, with which further processes start.
        changed: from `changed_flags`.

    Returns:
        The exit status.

    Raises:
        ValueError, OSError: what the user gave cannot be used; the message says what to change.
    """
    import cv2
    import torch

    from models import distributed, setup
    from models.loop import Plan, fit
    from models.overfit import overfit
    from models.progress import Journal, say
    from models.training_state import Checkpoints

    # One thread for each loader process, set before they are forked: OpenCV's threads do not survive a fork, and a
    # loader that then touches them waits for ever.
    cv2.setNumThreads(1)
    batch = args.batch_size2 if args.train_model == "deeplabv3" else args.batch_size1
    machine = setup.start(
        args.device, batch, [__file__, *command], multi_gpu=args.multi_gpu, gpu_ids=args.gpu_ids, seed=args.seed,
        autocast=args.autocast, amp_dtype=args.amp_dtype, cudnn_benchmark=args.cudnn_benchmark,
    )  # fmt: skip
    say(f"settings: {changed}")
    say(str(machine))

    specs = make_specs(args)
    data = open_data(args, next(iter(specs.values())), machine)
    say(str(data))

    task = make_task(args, specs, machine)
    torch.manual_seed(args.seed)  # anew, whatever the random start of the networks has used up
    if args.overfit:
        return overfit(task, *task.on_device(*data.first(args.overfit)), say)

    settings = {name: value for name, value in vars(args).items() if name != "resume"}
    checkpoints = Checkpoints(
        Path(args.save_path), Path(args.sample_path), args.train_model, task, settings, batches=data.batches,
        epochs=args.epochs, batch=batch, seed=args.seed, writing=machine.rank == 0,
    )  # fmt: skip
    plan = Plan(
        args.epochs, args.lr_schedule, args.lr_decrease_step, args.lr_decrease_factor, args.total_steps,
        args.log_every, args.save_every, args.max_hours,
    )  # fmt: skip
    step, status = checkpoints.begin(args.resume, say), 0
    if step < args.epochs * data.batches:
        journal = Journal(checkpoints.log_path if checkpoints.writing else None, step or None)
        journal.write("settings", step, **settings)
        status = fit(task, data, checkpoints, plan, journal, step)
    distributed.leave()
    return status


def make_specs(args: argparse.Namespace) -> dict[str, NetworkSpec]:
    """What is trained, by the name its checkpoints carry; the network that predicts comes first."""
    from models import setup

    if args.train_model == "deeplabv3":
        return setup.segmentation_specs(args.backbone, args.in_c, args.out_c, args.seg_height, args.seg_width)
    return setup.inpainting_specs(
        args.latent_channels, args.imgsize, args.imgresize, args.in_channels, args.out_channels,
        adversarial=is_adversarial(args), pad_type=args.pad_type, activation=args.activation, norm=args.norm,
    )  # fmt: skip


def is_adversarial(args: argparse.Namespace) -> bool:
    """Whether a discriminator takes part; not in the self-test, which asks only what can be learnt."""
    return args.lambda_gan > 0 and not args.overfit


def open_data(args: argparse.Namespace, spec: NetworkSpec, machine: "Machine") -> "TrainingData":
    """The samples of the roots, checked, split and mixed; `spec`: of the network that predicts."""
    from tqdm import tqdm

    from datasets.contest import CleanCrops
    from datasets.loading import TrainingData
    from datasets.masks import MaskStyle
    from datasets.mixture import Mixture
    from datasets.sources import Sources, cores
    from models.progress import say

    segmenting = args.train_model == "deeplabv3"
    sources = Sources(
        spec, args.cache_dir if args.cache else None, args.augmentations, args.seed, args.synthetic_ratios,
        tuple(args.seg_crop) if args.seg_crop else None, workers=cores(), say=say, check=machine.rank == 0,
        progress=lambda items, total: tqdm(items, "checking pictures", total, leave=False, disable=machine.rank > 0),
    )  # fmt: skip
    drawn = args.samples_per_epoch or DRAWN_SAMPLES
    parts, held_out = sources.open(args.baseroot, args.val_root, args.val_fraction, drawn, args.val_samples)
    if args.augment and not segmenting:
        style = MaskStyle(
            args.mask_type, args.margin, args.bbox_shape, args.mask_num, args.max_angle, args.max_len, args.max_width
        )
        parts.append(CleanCrops(args.augment_data_path, spec.input_height, style, args.augmentations, args.seed))
    data = Mixture(parts, args.root_weights, args.samples_per_epoch, args.seed)
    normalising = segmenting and not args.freeze_bn
    if normalising and min(args.overfit or len(data), len(data)) == 1:
        raise ValueError("one sample: batch norm needs 2 or more, or --freeze_bn True")
    return TrainingData(
        data, held_out, batch_size=machine.batch_size, rank=machine.rank, world=machine.world, seed=args.seed,
        workers=min(args.num_workers, cores()), pin_memory=machine.device.type == "cuda", skip_single=normalising,
    )  # fmt: skip


def make_task(args: argparse.Namespace, specs: dict[str, NetworkSpec], machine: "Machine") -> "Task":
    """The networks, from weights where they are given, with their optimisers."""
    from models import setup
    from models.progress import say

    if args.train_model == "deeplabv3":
        return setup.segmentation_task(
            specs, machine, say, pretrained=args.deeplabv3_pretrain, rate=args.lr_s, weight_decay=args.weight_decay,
            class_weights=args.class_weights, freeze_bn=args.freeze_bn, ema=args.ema, compiled=args.compile,
        )  # fmt: skip
    losses = {"lambda_l1": args.lambda_l1, "lambda_gan": args.lambda_gan, "gan_type": args.gan_type,
              "hole_weight": args.hole_weight, "known_weight": args.known_weight}  # fmt: skip
    files = args.deepfillv2_generator_pretrain, args.deepfillv2_discriminator_pretrain
    return setup.inpainting_task(
        specs, machine, say, pretrained=dict(zip((GENERATOR, DISCRIMINATOR), files, strict=True)),
        init_type=args.init_type, init_gain=args.init_gain, rates={GENERATOR: args.lr_g, DISCRIMINATOR: args.lr_d},
        betas=(args.b1, args.b2), weight_decay=args.weight_decay, losses=losses, ema=args.ema, compiled=args.compile,
        g_steps_per_d=args.g_steps_per_d, warmup_l1=args.warmup_l1,
    )  # fmt: skip


def changed_flags(parser: argparse.ArgumentParser, args: argparse.Namespace) -> str:
    """The flags that differ from their defaults as on a command line; checkpoints and log state all of them."""
    shown = []
    for name, value in vars(args).items():
        if value != parser.get_default(name):
            values = value if isinstance(value, list) else [value]
            shown.append(" ".join([f"--{name}", *(str(item) for item in values)]))
    return " ".join(shown) or "all as by default"


def check_flags(args: argparse.Namespace) -> None:
    """Refuse numbers out of range before anything is read.

    Raises:
        ValueError: it names the flag, what was given and what is expected.
        FileNotFoundError: weights or a state to start from are missing.
    """
    check_crop(args.imgsize, args.imgresize)
    for name in ("seg_height", "seg_width"):
        if getattr(args, name) % 16:
            raise ValueError(f"--{name} {getattr(args, name)}: must be a multiple of 16, for example 320")
    for size, limit in zip(args.seg_crop or (), (args.seg_height, args.seg_width), strict=False):
        if size % 16 or size > limit:
            raise ValueError(f"--seg_crop {size}: must be a multiple of 16 and at most {limit}, for example 320")
    for name in ("ema", "val_fraction"):
        if not 0 <= getattr(args, name) < 1:
            raise ValueError(f"--{name} {getattr(args, name)}: must be at least 0 and less than 1")
    for name in ("lr_s", "lr_g", "lr_d", "lr_decrease_factor", "lambda_l1", "hole_weight"):
        if not getattr(args, name) > 0:
            raise ValueError(f"--{name} {getattr(args, name)}: must be above 0")
    for name in ("lambda_gan", "known_weight", "weight_decay", "warmup_l1", "num_workers"):
        if getattr(args, name) < 0:
            raise ValueError(f"--{name} {getattr(args, name)}: must be 0 or more")
    if args.class_weights == list(CLASS_WEIGHTS[2]):
        args.class_weights = list(CLASS_WEIGHTS[args.out_c])
    if len(args.class_weights) != args.out_c:
        raise ValueError(f"--class_weights: {len(args.class_weights)} numbers for --out_c {args.out_c} classes")
    roots = len(args.baseroot) + (args.augment and args.train_model == "deepfillv2")
    if args.root_weights and (len(args.root_weights) != roots or min(args.root_weights) <= 0):
        raise ValueError(f"--root_weights: expected {roots} numbers above 0, one for each root (--augment counts)")
    if args.in_c != 3:
        raise ValueError(f"--in_c {args.in_c}: photos have 3 channels")
    if args.out_channels != 3 or args.in_channels != 4:
        raise ValueError(
            f"--in_channels {args.in_channels} --out_channels {args.out_channels}: pictures have 3 channels and the "
            "mask 1; expected 4 and 3"
        )
    if args.train_model == "deeplabv3" and args.batch_size2 < 2 and not args.freeze_bn:
        raise ValueError("--batch_size2 1: batch norm needs 2 samples or more, or --freeze_bn True")
    for name in (*PRETRAINED[args.train_model], "resume"):
        file = getattr(args, name)
        if file and file != NO_FILE.get(name) and not Path(file).is_file():
            raise FileNotFoundError(f"--{name} {file}: no such file")


if __name__ == "__main__":
    run_script(main)
