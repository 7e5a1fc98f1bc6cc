"""What a training needs before its first batch: where to compute, what is trained, networks with their optimisers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from models import checkpoint, distributed
from models.deepfillv2 import InpaintGenerator
from models.deeplabv3 import DeepLabV3
from models.gated_conv import initialise
from models.options import IMAGENET, InpaintingOptions, MachineOptions, NetworkOptions, SegmentationOptions
from models.tasks import InpaintingTask, SegmentationTask, Task
from models.training import Precision, choose_precision
from models.widening import widen
from utils.memory import keep_freed_memory
from utils.spec import DISCRIMINATOR, GENERATOR, SEGMENTER, NetworkSpec

SEGMENTER_BETAS = (0.9, 0.999)  # Adam's own defaults, as published

# What generator weights say about themselves and the weights alone do not: another norm, activation or padding fits
# them as well, and they are worth nothing there.
STYLE = ("pad_type", "activation", "norm")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """Where one process of a training computes.

    Attributes:
        device: its own.
        precision: number format of the forward passes.
        rank, world: its number among all processes, from 0, and how many they are.
        batch_size: samples of a batch that fall to it.
    """

    device: torch.device
    precision: Precision
    rank: int
    world: int
    batch_size: int

    @property
    def global_batch(self) -> int:
        """Samples of a batch over all processes."""
        return self.batch_size * self.world

    def __str__(self) -> str:
        dtype = self.precision.dtype or torch.float32
        return f"{self.world} × {self.device.type}, {str(dtype).removeprefix('torch.')}"


def start(options: MachineOptions, batch: int, command: Sequence[str]) -> Machine:
    """Choose the device, join the other processes of this run, and seed PyTorch.

    Args:
        options: what the user chose.
        batch: samples over all processes.
        command: script and arguments with which `multi_gpu` starts its processes; this one is then replaced.

    Raises:
        ValueError: there is no such device, or the processes cannot share the batch equally.
    """
    device = choose_device(options.device)
    if device.type == "cpu":
        keep_freed_memory(shared=True)  # the thread that computes gradients frees most
    if options.multi_gpu and not distributed.launched_by_torchrun():
        if device.type == "cpu" and options.device == "auto":
            raise ValueError("--multi_gpu True: PyTorch finds no GPU here; --device cpu starts processes on the CPU")
        _check_shares(batch, len(options.gpu_ids.split(",")))
        script, *arguments = command
        distributed.relaunch(script, [*arguments, "--multi_gpu", "False"], options.gpu_ids, device.type == "cuda")
    if distributed.launched_by_torchrun():
        device = distributed.join(device)
    world = distributed.world_size()
    _check_shares(batch, world)
    torch.backends.cudnn.benchmark = options.cudnn_benchmark
    torch.manual_seed(options.seed)
    precision = choose_precision(device, options.autocast, options.amp_dtype)
    return Machine(device, precision, distributed.rank(), world, batch // world)


def _check_shares(batch: int, processes: int) -> None:
    if batch % processes:
        raise ValueError(f"a batch of {batch} cannot be shared by {processes} processes; choose a multiple")


def choose_device(name: str) -> torch.device:
    """`--device` as PyTorch's.

    Raises:
        ValueError: there is no such device.
    """
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


def build_task(options: NetworkOptions, machine: Machine, say: Say) -> Task:
    """The networks, from weights where they are given, with their optimisers.

    Args:
        options: which networks, and how they learn.
        machine: where they train.
        say: prints a line about the weights that were loaded.

    Raises:
        FileNotFoundError, ValueError, OSError: weights that cannot be had or do not fit.
    """
    if isinstance(options, SegmentationOptions):
        return _segmentation_task(options, machine, say)
    return _inpainting_task(options, machine, say)


def _segmentation_task(options: SegmentationOptions, machine: Machine, say: Say) -> SegmentationTask:
    specs, weights = options.specs(), options.deeplabv3_pretrain
    network = DeepLabV3(options.backbone, options.in_c, options.out_c)
    if weights:
        if weights == IMAGENET:
            loaded, entries = checkpoint.start_from_imagenet(network, options.backbone)
        else:
            loaded, entries = checkpoint.start_from(network, weights)
        say(f"{weights}: {loaded} of {entries} entries loaded")
    return SegmentationTask(
        options.class_weights,
        options.freeze_bn,
        networks={SEGMENTER: network},
        specs=specs,
        rates={SEGMENTER: options.lr_s},
        betas=SEGMENTER_BETAS,
        weight_decay=options.weight_decay,
        precision=machine.precision,
        device=machine.device,
        ema=options.ema,
        compiled=options.compile,
    )


def _inpainting_task(options: InpaintingOptions, machine: Machine, say: Say) -> InpaintingTask:
    """The generator and, where there is a spec for it, the discriminator."""
    builders: dict[str, Callable[[NetworkSpec], nn.Module]] = {
        GENERATOR: checkpoint.build_generator,
        DISCRIMINATOR: checkpoint.build_discriminator,
    }
    specs, networks = options.specs(), {}
    for name, spec in specs.items():
        networks[name] = builders[name](spec)
        initialise(networks[name], options.init_type, options.init_gain)
        if isinstance(generator := networks[name], InpaintGenerator) and spec.guided:
            generator.draw_nothing()
        if weights := options.pretrained[name]:
            say(f"{weights}: {_load_inpainting_weights(networks[name], spec, weights)}")
    return InpaintingTask(
        options.losses,
        options.g_steps_per_d,
        options.warmup_l1,
        networks=networks,
        specs=specs,
        rates=options.rates,
        betas=(options.b1, options.b2),
        weight_decay=options.weight_decay,
        precision=machine.precision,
        device=machine.device,
        ema=options.ema,
        compiled=options.compile,
    )


def _load_inpainting_weights(network: nn.Module, spec: NetworkSpec, file: str) -> str:
    """Copy the weights of a file into the network that `spec` describes; returns what was done, in words.

    A generator may be wider than the file's.
    """
    content = checkpoint.read_checkpoint(file)
    stated = checkpoint.read_spec(content)
    if stated and stated.network != spec.network:
        raise ValueError(f"'{file}' holds the network {stated.network}, {spec.network} is needed here")
    wider = stated is not None and _may_widen(stated, spec)
    names = () if stated is None else STYLE if wider else ("latent_channels", *STYLE)
    contradicting = [
        f"--{name} {getattr(stated, name)}" for name in names if getattr(stated, name) != getattr(spec, name)
    ]
    if contradicting:
        raise ValueError(f"'{file}' was trained with other flags: give {' '.join(contradicting)}")
    weights = checkpoint.read_weights(file, content)
    done = f"{len(weights)} of {len(weights)} entries loaded"
    if stated and wider:
        weights = widen(weights, network.state_dict())
        done += f", widened from {stated.latent_channels} to {spec.latent_channels} channels"
    checkpoint.load_strictly(network, weights, file)
    return done


def _may_widen(narrow: NetworkSpec, wide: NetworkSpec) -> bool:
    """Whether both are generators, and the second wider by a whole factor."""
    fewer, more = narrow.latent_channels, wide.latent_channels
    return bool(wide.network == GENERATOR and fewer and more and more > fewer and more % fewer == 0)
