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
from typing import TYPE_CHECKING, Any

from utils.flags import EXIT_FAILED, add_switch, pick, positive_int, print_any_name, run_script
from utils.spec import (
    ACTIVATIONS,
    BACKBONES,
    CLASS_COUNTS,
    CROPS,
    INIT_TYPES,
    NORMS,
    PAD_TYPES,
    PUBLISHED_CROP,
    PUBLISHED_HEIGHT,
    PUBLISHED_RATIO,
    PUBLISHED_WIDTH,
)

if TYPE_CHECKING:
    from datasets.options import DataOptions
    from models.loop import Plan
    from models.options import MachineOptions, NetworkOptions

MODELS = ("deeplabv3", "deepfillv2")
# Of tables whose modules are slow to import; a test compares them.
GAN_TYPES = ("WGAN", "LSGAN")
MASK_TYPES = ("single_bbox", "bbox", "free_form")
AUGMENTATIONS = ("flip", "light")

OPENMP_SPINS = "1000"  # what GNU OpenMP takes by itself where it has more threads than cores
CLASS_WEIGHTS = {2: (1.0, 10.0), 4: (1.0, 3.0, 1.0, 2.0)}  # of the loss, by --out_c


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
    add("--deepfillv2_generator_pretrain", default="", metavar="FILE", help="generator weights to start from; "
        "--latent_channels may be a multiple of theirs")  # fmt: skip
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
    number("--lambda_ssim", float, 0, "weight of 1 - SSIM of what the hole shows, beside the reconstruction")
    number("--hole_weight", float, 1, "how much a pixel in the hole counts in the reconstruction")
    number("--known_weight", float, 0, "how much a pixel beside the hole counts there; 0: the published loss")
    add("--gan_type", choices=GAN_TYPES, default="WGAN", help="WGAN: hinge loss; LSGAN: least squares")
    number("--g_steps_per_d", positive_int, 1, "the discriminator steps with every so many batches only")
    number("--rim_px", int, 0, "so near the hole, in pixels of the network, one counts by --known_weight; 0: anywhere")
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
    networks.add_argument("--in_channels", type=positive_int, default=4, help="picture and mask (4); 8: also what the "
        "page's structure says of the hole (lifelike roots)")  # fmt: skip
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
    networks.add_argument(
        "--seg_height", type=positive_int, default=PUBLISHED_HEIGHT, help="input height of the segmentation net"
    )
    networks.add_argument(
        "--seg_width", type=positive_int, default=PUBLISHED_WIDTH, help="input width of the segmentation net"
    )
    networks.add_argument("--seg_crop", type=positive_int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="train on parts "
        "of the input of this size (synthetic roots): several times as fast, for the first epochs")  # fmt: skip

    data = parser.add_argument_group("data")
    data.add_argument("--imgsize", type=positive_int, default=PUBLISHED_CROP,
        help="side of the crop in the photo (%(default)s)")  # fmt: skip
    data.add_argument("--imgresize", type=positive_int, default=PUBLISHED_RATIO,
        help="how many times it is reduced (%(default)s)")  # fmt: skip
    data.add_argument("--crops", choices=CROPS, default=CROPS[0], help="published: all of one size and ratio; hole: "
        "they follow from the hole, ratios 1 to 8, in training and prediction (%(default)s)")  # fmt: skip
    data.add_argument("--inpaint_crop", type=positive_int, metavar="SIDE", help="train on parts of the input of this "
        "size (lifelike roots): several times as fast, for the first batches")  # fmt: skip
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
    if args.class_weights == parser.get_default("class_weights"):
        args.class_weights = list(CLASS_WEIGHTS[args.out_c])
    flags = vars(args)
    try:
        from datasets.masks import MaskStyle
        from datasets.options import DataOptions
        from models.options import InpaintingOptions, MachineOptions, NetworkOptions, SegmentationOptions

        # Both are filled: a number out of range is refused, whichever network it is of.
        networks: dict[str, NetworkOptions] = {
            "deeplabv3": pick(SegmentationOptions, flags),
            "deepfillv2": pick(InpaintingOptions, flags),
        }
        crops = {"augment": args.augment and args.train_model == "deepfillv2", "holes": pick(MaskStyle, flags)}
        data = pick(DataOptions, flags | crops)

        from models.loop import Plan  # not earlier: what is refused above waits for no PyTorch

        return train(
            args.train_model, networks[args.train_model], pick(MachineOptions, flags), data, pick(Plan, flags),
            save_path=Path(args.save_path), sample_path=Path(args.sample_path), resume=args.resume, command=command,
            settings={name: value for name, value in flags.items() if name != "resume"},
            changed=changed_flags(parser, flags),
        )  # fmt: skip
    except (ValueError, OSError) as error:
        if os.environ.get("RANK", "0") == "0":  # the other processes of a distributed run have met the same
            print(f"train.py: {error}", file=sys.stderr)
        return EXIT_FAILED


def train(
    name: str, network: "NetworkOptions", where: "MachineOptions", samples: "DataOptions", plan: "Plan",
    *, save_path: Path, sample_path: Path, resume: str | None, command: Sequence[str],
    settings: dict[str, Any], changed: str,
) -> int:  # fmt: skip
    """Data, networks, loop, goodbye; returns the exit status.

    Args:
        name: of the training, begins the names of its files.
        network, where, samples, plan: what the user chose.
        save_path, sample_path: folders of checkpoints and log, and of pictures to look at.
        resume: file of a state, `AUTO`, or None to start anew.
        command: the command line, with which further processes start.
        settings, changed: all flags, stored in every file; those of them to show.

    Raises:
        ValueError, OSError: what the user gave cannot be used; the message says what to change.
    """
    import cv2
    import torch

    from datasets.loading import open_data
    from models import distributed, setup
    from models.loop import fit
    from models.options import AUTO, check_file
    from models.overfit import overfit
    from models.progress import Journal, say
    from models.training_state import Checkpoints

    network.check_start()
    check_file("resume", resume, AUTO)
    # One thread for each loader process, set before they are forked: OpenCV's threads do not survive a fork, and a
    # loader that then touches them waits for ever.
    cv2.setNumThreads(1)
    machine = setup.start(where, network.batch, [__file__, *command])
    say(f"settings: {changed}\n{machine}")

    predictor = next(iter(network.specs().values()))
    data = open_data(
        samples, predictor, learns_batch_norm=network.learns_batch_norm, batch_size=machine.batch_size,
        rank=machine.rank, world=machine.world, pin_memory=machine.device.type == "cuda", say=say,
    )  # fmt: skip
    say(str(data))

    task = setup.build_task(network, machine, say)
    torch.manual_seed(where.seed)  # anew, whatever the random start of the networks has used up
    if samples.overfit:
        return overfit(task, *task.on_device(*data.first(samples.overfit)), say)

    checkpoints = Checkpoints(
        save_path, sample_path, name, task, settings, batches=data.batches, epochs=plan.epochs, batch=network.batch,
        seed=where.seed, writing=machine.rank == 0,
    )  # fmt: skip
    step, status = checkpoints.begin(resume, say), 0
    if step < plan.epochs * data.batches:
        journal = Journal(checkpoints.log_path if checkpoints.writing else None, step or None)
        journal.write("settings", step, **settings)
        status = fit(task, data, checkpoints, plan, journal, step)
    distributed.leave()
    return status


def changed_flags(parser: argparse.ArgumentParser, flags: dict[str, Any]) -> str:
    """The flags that differ from their defaults as on a command line; checkpoints and log state all of them."""
    shown = []
    for name, value in flags.items():
        if value != parser.get_default(name):
            values = value if isinstance(value, list) else [value]
            shown.append(" ".join([f"--{name}", *(str(item) for item in values)]))
    return " ".join(shown) or "all as by default"


if __name__ == "__main__":
    run_script(main)
