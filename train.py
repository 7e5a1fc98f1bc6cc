#!/usr/bin/env python3
"""Train the segmentation net or the inpainting networks.

python train.py --train_model deeplabv3 --baseroot train
python train.py --train_model deepfillv2 --baseroot train synthetic --amp_dtype auto
torchrun --nproc_per_node 4 train.py --train_model deepfillv2 --baseroot train
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.flags import add_switch, positive_int, print_any_name, run_script
from utils.spec import CLASS_COUNTS

if TYPE_CHECKING:
    import torch
    from tqdm import tqdm

    from datasets.contest import CleanCrops
    from models.tasks import Task
    from models.training import Precision
    from utils.spec import NetworkSpec

MODELS = ("deeplabv3", "deepfillv2")
GAN_TYPES = ("WGAN", "LSGAN")
BACKBONES = ("mobilenetv2", "resnet50", "resnet101")
PAD_TYPES = ("zero", "reflect", "replicate")
ACTIVATIONS = ("relu", "lrelu", "prelu", "selu", "tanh", "sigmoid", "none")
NORMS = ("bn", "in", "ln", "none")
INIT_TYPES = ("normal", "xavier", "kaiming", "orthogonal")
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
JUDGED_BATCH = 8  # validation batches need not be larger
GRID_ROWS = 4  # validation pictures in the grid that is written every epoch
WARNING_PATIENCE = 20  # looks at the losses in a row that must agree before a warning
OVERFIT_SECONDS = 120
OVERFIT_RATE = 1e-3
OVERFIT_GOAL = 0.1  # share of the first loss that must be reached
OVERFIT_SMALLER = {"deeplabv3": "--seg_height 320 --seg_width 240", "deepfillv2": "--imgsize 384 --latent_channels 16"}
OVERFIT_LEAST = 40  # steps without which a loss that is still high says nothing about the data
OVERFIT_LOOK, OVERFIT_PAUSE = 10, 10  # steps and seconds between two looks at the loss; what comes first


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
    data.add_argument("--imgsize", type=positive_int, default=1536, help="side of the crop in the photo (1536)")
    data.add_argument("--imgresize", type=positive_int, default=6, help="how many times it is reduced (6)")
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
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    print_any_name()
    try:
        return train(args, arguments)
    except (ValueError, OSError) as error:
        if os.environ.get("RANK", "0") == "0":  # the other processes of a distributed run have met the same
            print(f"train.py: {error}", file=sys.stderr)
        return 1


def train(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """The body of `main`: data, networks, loop.

    Raises:
        ValueError, OSError: what the user gave cannot be used; the message says what to change.
    """
    # Read when PyTorch is imported: threads that wait for each other soon sleep. By default they spin, and where other
    # programs want the cores as well, a training on the CPU then takes six times as long.
    os.environ.setdefault("GOMP_SPINCOUNT", OPENMP_SPINS)

    import cv2
    import torch
    from torch.utils.data import DataLoader
    from tqdm import tqdm

    from datasets.mixture import BadSamples, Mixture, ResumableSampler, collate
    from datasets.sources import Sources, cores
    from models import distributed
    from models.checkpoint import save_checkpoint, write
    from models.progress import (
        Journal,
        Lately,
        NotFinite,
        PendingLosses,
        Stopper,
        cosine_factor,
        published_factor,
        show,
        start_worker,
    )
    from models.training import choose_precision
    from models.training_state import load_state, random_states, restore_random_states
    from utils.images import write_image
    from utils.memory import keep_freed_memory
    from utils.metrics import mean

    check_flags(args)
    if args.overfit:
        args.lambda_gan = 0  # the test is whether the samples can be learnt, not whether they look real
    segmenting = args.train_model == "deeplabv3"

    # --- where to compute
    device = choose_device(args.device)
    if device.type == "cpu":
        keep_freed_memory()
    # One thread for each loader process, set before they are forked: OpenCV's threads do not survive a fork, and a
    # loader that then touches them waits for ever.
    cv2.setNumThreads(1)
    global_batch = args.batch_size2 if segmenting else args.batch_size1
    if args.multi_gpu and not distributed.launched_by_torchrun():
        if device.type == "cpu" and args.device == "auto":
            raise ValueError("--multi_gpu True: PyTorch finds no GPU here; --device cpu starts processes on the CPU")
        check_shares(global_batch, len(args.gpu_ids.split(",")))
        distributed.relaunch(__file__, [*arguments, "--multi_gpu", "False"], args.gpu_ids, device.type == "cuda")
    if distributed.launched_by_torchrun():
        device = distributed.join(device)
    rank, world = distributed.rank(), distributed.world_size()

    def say(text: str) -> None:
        if rank == 0:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()

    check_shares(global_batch, world)
    batch_size = global_batch // world
    torch.backends.cudnn.benchmark = args.cudnn_benchmark
    torch.manual_seed(args.seed)
    precision = choose_precision(device, args.autocast, args.amp_dtype)
    settings = {name: value for name, value in vars(args).items() if name != "resume"}
    say(f"settings: {json.dumps(settings)}")
    say(f"{world} × {device.type}, {str(precision.dtype or torch.float32).removeprefix('torch.')}")

    # --- data: checked, then read by worker processes
    specs = make_specs(args)
    workers = min(args.num_workers, cores())
    sources = Sources(
        next(iter(specs.values())),
        args.cache_dir if args.cache else None,
        args.augmentations,
        args.seed,
        args.synthetic_ratios,
        tuple(args.seg_crop) if args.seg_crop else None,
        workers=cores(),
        progress=lambda items, total: tqdm(items, "checking pictures", total, leave=False, disable=rank > 0),
        say=say,
        check=rank == 0,
    )
    parts, held_out = sources.open(
        args.baseroot, args.val_root, args.val_fraction, args.samples_per_epoch or DRAWN_SAMPLES, args.val_samples
    )
    if args.augment and not segmenting:
        parts.append(clean_crops(args))
    data = Mixture(parts, args.root_weights, args.samples_per_epoch, args.seed)
    if segmenting and not args.freeze_bn and min(args.overfit or len(data), len(data)) == 1:
        raise ValueError("one sample: batch norm needs 2 or more, or --freeze_bn True")
    sampler = ResumableSampler(data, world, rank, seed=args.seed)
    # Batch norm cannot be computed of a single sample, so a last batch of one is left out.
    lonely = segmenting and not args.freeze_bn and len(sampler) % batch_size == 1 and len(sampler) > 1
    loader = DataLoader(
        data,
        batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        drop_last=lonely,
        worker_init_fn=start_worker,
        generator=torch.Generator(),  # so that starting workers leaves the random state of the training alone
        prefetch_factor=4 if workers else None,
    )
    batches = len(loader)
    total = args.epochs * batches
    judged = DataLoader(
        torch.utils.data.Subset(held_out, range(rank, len(held_out), world)),
        min(batch_size, JUDGED_BATCH),
        num_workers=min(workers, 2),
        collate_fn=collate,
        worker_init_fn=start_worker,
        generator=torch.Generator(),
    ) if held_out else None  # fmt: skip
    say(f"{len(data)} samples, {batches} batches an epoch" + (f"; {len(held_out)} held out" if held_out else ""))

    def on_device(images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images = images.to(device, non_blocking=True).contiguous(memory_format=task.memory_format(device))
        targets = targets.to(device, non_blocking=True)
        return images, targets if targets.is_floating_point() else targets.long()

    # --- networks and where to go on
    task = make_task(args, specs, precision, device, say)
    torch.manual_seed(args.seed)
    if args.overfit:
        images, targets, _ = collate([data[index] for index in range(min(args.overfit, len(data)))])
        return overfit(task, *on_device(images, targets), OVERFIT_SMALLER[args.train_model], say)
    save_path, sample_path = Path(args.save_path), Path(args.sample_path)
    state_path = save_path / f"{args.train_model}_state.pth"
    if rank == 0:
        save_path.mkdir(parents=True, exist_ok=True)
        sample_path.mkdir(parents=True, exist_ok=True)
    step, best, saved, own_state = 0, -math.inf, time.monotonic(), False
    # What the position in the data depends on; a state is of no use where it differs.
    layout = {"batch": global_batch, "batches an epoch": batches, "--seed": args.seed}
    if args.resume and (args.resume != "auto" or state_path.is_file()):
        source = state_path if args.resume == "auto" else Path(args.resume)
        state = load_state(source)
        check_resumable(state, specs, layout)
        task.load_state(state)
        restore_random_states(state["random"])
        step, best, own_state = state["step"], state["best"], source.resolve() == state_path.resolve()
        if step >= total:
            say(f"nothing left to do: {step} steps are done, --epochs {args.epochs} are {total}; give more to go on")
            distributed.leave()
            return 0
        say(f"resumed at step {step} of {total}")
    elif args.resume:
        say(f"nothing to resume in {save_path}: starting anew")
    journal = Journal(save_path / f"{args.train_model}_log.jsonl" if rank == 0 else None, step or None)
    if state_path.is_file() and not own_state:
        kept = of_earlier(state_path).name
        say(f"{state_path} is of an earlier training, kept as {kept}; --resume auto would go on with it")
    journal.write("settings", step, **settings)

    def save() -> None:
        """Write the named checkpoints and, last, the state that resuming needs."""
        nonlocal saved, own_state
        epoch = min(max(step - 1, 0) // batches + 1, args.epochs)
        if rank == 0:
            for name, network in task.results().items():
                file = save_path / f"{name}_epoch{epoch}_batchsize{global_batch}.pth"
                save_checkpoint(file, network, specs[name], settings=settings, step=step)
            place = {"step": step, "best": best, "random": random_states(), "settings": settings, "layout": layout}
            texts = {name: spec.to_json() for name, spec in specs.items()}
            if not own_state and state_path.is_file():
                state_path.replace(of_earlier(state_path))
            write(state_path, {**task.state(), **place, "specs": texts})
            for name, picture in task.samples().items():
                write_image(sample_path / f"epoch{epoch}_{name}.png", picture)
        saved, own_state = time.monotonic(), True

    def usable(batch: tuple[torch.Tensor, torch.Tensor, list[str]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and targets of a batch, once bad pictures met on the way are named and counted."""
        images, targets, problems = batch
        for problem in bad.report(problems):
            tqdm.write(f"skipped: {problem}", file=sys.stdout)
            journal.write("skipped", step, text=problem)
        return images, targets

    def validate(epoch: int) -> None:
        """Score the held-out samples, keep the best weights, draw the grid."""
        nonlocal best
        assert judged is not None and held_out is not None
        prepared = (on_device(*usable(batch)) for batch in judged)
        found = {name: mean(values) for name, values in distributed.gathered(task.score(prepared)).items()}
        say(f"epoch {epoch + 1}: held out: {show(found)}")
        journal.write("validation", step, epoch=epoch + 1, **found)
        if rank == 0:
            rows = collate([held_out[index] for index in range(min(GRID_ROWS, len(held_out)))])
            grid = task.grid(*on_device(*usable(rows)))
            write_image(sample_path / f"{args.train_model}_val_epoch{epoch + 1}.png", grid)
            if found[task.score_name] > best:
                for name, network in task.results().items():
                    extras = {"settings": settings, "step": step, "scores": found}
                    file = save_path / f"{name}_best.pth"
                    if best == -math.inf and file.is_file():
                        file.replace(of_earlier(file))
                    save_checkpoint(file, network, specs[name], **extras)
        best = max(best, found[task.score_name])

    # --- the loop
    pending, lately = PendingLosses(), Lately(WARNING_PATIENCE)
    bad = BadSamples(len(data) + len(held_out or ()))
    stopper = Stopper(device, args.max_hours)
    begun, samples, losses, stopping = time.monotonic(), 0, dict[str, float](), False
    progress = tqdm(
        total=total, initial=step, unit="batch", disable=rank > 0, mininterval=1 if sys.stderr.isatty() else 30
    )
    try:
        for epoch in range(step // batches, args.epochs):
            data.set_epoch(epoch)
            sampler.set_epoch(epoch)
            sampler.skip = step % batches * batch_size
            task.train_mode()
            for batch, loaded in enumerate(loader, start=step % batches):
                images, targets = usable(loaded)
                if args.lr_schedule == "cosine":
                    task.set_rate_factor(cosine_factor(step, args.total_steps or total))
                else:
                    decay = args.lr_decrease_step, args.lr_decrease_factor
                    task.set_rate_factor(published_factor(epoch, batch, batches, *decay))
                pending.add(step + 1, task.step(*on_device(images, targets), step))
                task.average(step)
                step += 1
                samples += len(images) * world
                progress.update()
                last = batch + 1 == batches
                looking = last or step % args.log_every == 0
                if looking:
                    losses |= pending.fetch()
                    speed = samples / (time.monotonic() - begun)
                    left = (total - step) * global_batch / speed
                    show_progress(progress, epoch, args.epochs, losses, speed, device)
                    journal.write("train", step, epoch=epoch + 1, batch=batch + 1, **losses,
                                  lr_factor=task.rate_factor, samples_per_second=speed, seconds_left=left)  # fmt: skip
                    for warning in lately.persistent(task.warnings(losses)):
                        say(f"step {step}: {warning}")
                        journal.write("warning", step, text=warning)
                asking = looking or world == 1  # several processes must agree, and to agree they wait for each other
                stopping = asking and stopper.asked()
                overdue = time.monotonic() - saved > 60 * (args.save_every or math.inf)
                overdue = asking and distributed.any_process(overdue, device)
                if not last and (stopping or overdue or (batch + 1) % args.lr_decrease_step == 0):
                    losses |= pending.fetch()  # nothing that is not finite may reach a checkpoint
                    save()
                if not last and stopping:
                    break
            else:
                if judged is not None:
                    validate(epoch)
                save()
            if stopping:
                break
        done = step >= total
        say(f"done: {step} steps" if done else f"stopped at step {step} of {total}; go on with --resume auto")
        say(f"{show(losses)}; checkpoints in {save_path}")
        if skipped := sum(distributed.gathered({"bad": [len(bad.seen)]})["bad"]):
            say(f"bad samples skipped: {skipped}")
        if device.type == "cuda":
            say(f"peak GPU memory: {torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB")
    except NotFinite as error:
        start = "Go on from the last checkpoint (--resume auto)" if own_state else "Nothing is saved yet: start anew"
        advice = f"{start} with lower learning rates, or with --autocast False if this was float16"
        raise NotFinite(f"{error}. {advice}") from None
    except (ValueError, OSError, torch.cuda.OutOfMemoryError) as error:
        text = str(error)
        if isinstance(error, torch.cuda.OutOfMemoryError):
            flag, reason = "--batch_size2" if segmenting else "--batch_size1", text.partition(". ")[0]
            text = f"{flag} {global_batch} is too much for this GPU, take fewer ({reason})"
        if rank > 0:  # `main` speaks for the first process alone, which has not met the bad pictures of this one
            print(f"train.py: process {rank}: {text}", file=sys.stderr, flush=True)
        raise ValueError(text) from error
    finally:
        progress.close()
        journal.close()
        stopper.restore()
    distributed.leave()
    return 0 if done else stopper.exit_status


def overfit(task: Task, images: torch.Tensor, targets: torch.Tensor, smaller: str, say: Callable[[str], None]) -> int:
    """Learn a few samples by heart: whoever cannot has a fault in the data or in the networks.

    Args:
        task: what trains.
        images, targets: the samples, on its device.
        smaller: flags that a slow machine should try.
        say: prints a line.

    Returns:
        0 once the loss has fallen to `OVERFIT_GOAL` of its start, 1 if it has not after `OVERFIT_SECONDS`, be it that
        the machine is too slow to tell.
    """
    from models.progress import PendingLosses, show

    task.train_mode()
    task.set_rate_factor(OVERFIT_RATE / task.rates[task.predictor])
    pending, begun, seconds = PendingLosses(), time.monotonic(), 0.0
    start: dict[str, float] = {}
    say(f"self-test: {len(images)} samples are to be learnt by heart in {OVERFIT_SECONDS} s; nothing is saved")
    for step in itertools.count():
        pending.add(step + 1, task.step(images, targets, step))
        if step % OVERFIT_LOOK and start and time.monotonic() - begun < seconds + OVERFIT_PAUSE:
            continue
        losses = pending.fetch()
        start = start or losses
        seconds = time.monotonic() - begun
        say(f"step {step + 1}, {seconds:.0f} s: {show(losses)}")
        name = task.loss_name
        if losses[name] <= OVERFIT_GOAL * start[name]:
            say(f"passed: {len(images)} samples learnt, {name} {start[name]:.4g} → {losses[name]:.4g}")
            return 0
        if seconds > OVERFIT_SECONDS:
            break
    if step + 1 < OVERFIT_LEAST:
        say(
            f"undecided: {step + 1} steps in {seconds:.0f} s are too few to learn anything on this machine. Test the "
            f"same data with a smaller network input or fewer samples: {smaller} --overfit 4"
        )
        return 1
    say(
        f"failed: after {step + 1} steps on the same {len(images)} samples {name} is {losses[name]:.4g} and began at "
        f"{start[name]:.4g}, {OVERFIT_GOAL:.0%} of that was expected. Look at the samples (do masks and pictures "
        "belong together?), or take fewer of them"
    )
    return 1


def check_flags(args: argparse.Namespace) -> None:
    """Refuse numbers out of range before anything is read.

    Raises:
        ValueError: it names the flag, what was given and what is expected.
        FileNotFoundError: weights or a state to start from are missing.
    """
    from utils.spec import check_crop

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


def of_earlier(path: Path) -> Path:
    """What a file is called once another training has begun in its folder: forgetting --resume must not cost one."""
    return path.with_stem(f"{path.stem}_before")


def check_shares(batch: int, processes: int) -> None:
    """Refuse a batch that the processes cannot share equally.

    Raises:
        ValueError: it says so.
    """
    if batch % processes:
        raise ValueError(f"a batch of {batch} cannot be shared by {processes} processes; choose a multiple")


def choose_device(name: str) -> torch.device:
    """`--device` as PyTorch's.

    Raises:
        ValueError: there is no such device.
    """
    import torch

    if name == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"--device {name}: must be auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"--device {name}: PyTorch finds no GPU here; leave the flag out or give --device cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"--device {name}: this machine has {torch.cuda.device_count()} GPUs, numbered from 0")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def make_specs(args: argparse.Namespace) -> dict[str, NetworkSpec]:
    """What is trained, by the name its checkpoints carry; the network that predicts comes first."""
    from dataclasses import replace

    from utils.spec import DISCRIMINATOR, GENERATOR, SEGMENTER, inpaint_spec, segmenter_spec

    if args.train_model == "deeplabv3":
        spec = segmenter_spec(args.backbone, args.in_c, args.out_c)
        return {SEGMENTER: replace(spec, input_height=args.seg_height, input_width=args.seg_width)}
    style = {"pad_type": args.pad_type, "activation": args.activation, "norm": args.norm}
    size = args.latent_channels, args.imgsize, args.imgresize, args.in_channels
    specs = {GENERATOR: inpaint_spec(GENERATOR, *size, args.out_channels, **style)}
    if args.lambda_gan:
        specs[DISCRIMINATOR] = inpaint_spec(DISCRIMINATOR, *size, 1, **style)
    return specs


def clean_crops(args: argparse.Namespace) -> CleanCrops:
    """The data set of `--augment True`."""
    from datasets.contest import CleanCrops
    from datasets.masks import MaskStyle

    style = MaskStyle(
        args.mask_type, args.margin, args.bbox_shape, args.mask_num, args.max_angle, args.max_len, args.max_width
    )
    side = args.imgsize // args.imgresize
    return CleanCrops(args.augment_data_path, side, style, args.augmentations, args.seed)


def make_task(
    args: argparse.Namespace,
    specs: dict[str, NetworkSpec],
    precision: Precision,
    device: torch.device,
    say: Callable[[str], None],
) -> Task:
    """Networks, from weights where they are given, with their optimisers."""
    from models import checkpoint
    from models.deeplabv3 import DeepLabV3
    from models.gated_conv import initialise
    from models.tasks import InpaintingTask, SegmentationTask
    from utils.spec import DISCRIMINATOR, GENERATOR, SEGMENTER

    common = {"specs": specs, "precision": precision, "device": device, "ema": args.ema, "compiled": args.compile}
    if args.train_model == "deeplabv3":
        segmenter = DeepLabV3(args.backbone, args.in_c, args.out_c)
        if args.deeplabv3_pretrain == "imagenet":
            fitting = checkpoint.start_from_imagenet(segmenter, args.backbone)
        elif args.deeplabv3_pretrain:
            fitting = checkpoint.start_from(segmenter, args.deeplabv3_pretrain)
        if args.deeplabv3_pretrain:
            say(f"{args.deeplabv3_pretrain}: {fitting[0]} of {fitting[1]} entries loaded")
        networks: dict[str, Any] = {SEGMENTER: segmenter}
        rates = {SEGMENTER: args.lr_s}
        adam = {"betas": (0.9, 0.999), "weight_decay": args.weight_decay}
        return SegmentationTask(args.class_weights, args.freeze_bn, networks=networks, rates=rates, **adam, **common)
    builders = {GENERATOR: checkpoint.build_generator, DISCRIMINATOR: checkpoint.build_discriminator}
    files = {GENERATOR: args.deepfillv2_generator_pretrain, DISCRIMINATOR: args.deepfillv2_discriminator_pretrain}
    networks = {}
    for name, spec in specs.items():
        networks[name] = builders[name](spec)
        initialise(networks[name], args.init_type, args.init_gain)
        if files[name]:
            content = checkpoint.read_checkpoint(files[name])
            stated = checkpoint.read_spec(content)
            if stated and stated.network != name:
                raise ValueError(f"'{files[name]}' holds the network {stated.network}, {name} is needed here")
            # Weights fit another norm, activation or padding as well, and are worth nothing there.
            flags = ("latent_channels", "pad_type", "activation", "norm") if stated else ()
            others = [
                f"--{flag} {getattr(stated, flag)}" for flag in flags if getattr(stated, flag) != getattr(spec, flag)
            ]
            if others:
                raise ValueError(f"'{files[name]}' was trained with other flags: give {' '.join(others)}")
            weights = checkpoint.read_weights(files[name], content)
            checkpoint.load_strictly(networks[name], weights, files[name])
            say(f"{files[name]}: {len(weights)} of {len(weights)} entries loaded")
    rates = {GENERATOR: args.lr_g, DISCRIMINATOR: args.lr_d}
    losses = {n: getattr(args, n) for n in ("lambda_l1", "lambda_gan", "hole_weight", "known_weight", "gan_type")}
    adam = {"betas": (args.b1, args.b2), "weight_decay": args.weight_decay}
    return InpaintingTask(losses, args.g_steps_per_d, args.warmup_l1, networks=networks, rates=rates, **adam, **common)


def check_resumable(state: dict[str, Any], specs: dict[str, NetworkSpec], layout: dict[str, int]) -> None:
    """Refuse a state of another network or other data.

    Raises:
        ValueError: it names what differs.
    """
    for name, spec in specs.items():
        if name not in state["specs"]:
            raise ValueError(f"--resume: the state is of {' and '.join(state['specs'])}, not of {name}")
        before, now = json.loads(state["specs"][name]), json.loads(spec.to_json())
        contradicting = [f"{key} was {before.get(key)} and is {v}" for key, v in now.items() if before.get(key) != v]
        if contradicting:
            raise ValueError(f"--resume: {name}: {'; '.join(contradicting)}; resume with the flags of the first run")
    different = [
        f"{name} was {state['layout'][name]} and is {v}" for name, v in layout.items() if state["layout"][name] != v
    ]
    if different:
        raise ValueError(f"--resume: {'; '.join(different)}; start from the checkpoint (…_pretrain) instead")


def show_progress(
    progress: tqdm, epoch: int, epochs: int, losses: dict[str, float], speed: float, device: torch.device
) -> None:
    """Epoch, losses, samples a second and GPU memory on the bar; it shows the time left by itself."""
    import torch

    progress.set_description(f"epoch {epoch + 1}/{epochs}", refresh=False)
    shown = {name: f"{value:.4g}" for name, value in losses.items()} | {"samples/s": f"{speed:.3g}"}
    if device.type == "cuda":
        shown["GiB"] = f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f}"
    progress.set_postfix(shown, refresh=False)


if __name__ == "__main__":
    run_script(main)
