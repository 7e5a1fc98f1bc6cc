"""What a training needs before its first batch: where to compute, what is trained, networks with their optimisers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from models import checkpoint, distributed
from models.deeplabv3 import DeepLabV3
from models.gated_conv import initialise
from models.tasks import InpaintingTask, SegmentationTask
from models.training import Precision, choose_precision
from utils.memory import keep_freed_memory
from utils.spec import DISCRIMINATOR, GENERATOR, SEGMENTER, NetworkSpec, inpaint_spec, segmenter_spec

IMAGENET = "imagenet"  # stands for torchvision's weights where a file of weights is asked for
SEGMENTER_BETAS = (0.9, 0.999)  # Adam's own defaults, as published

# What generator weights say about themselves and the weights alone do not: another norm, activation or padding fits
# them as well, and they are worth nothing there.
STYLE = ("latent_channels", "pad_type", "activation", "norm")

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


def start(
    device_name: str,
    batch: int,
    command: Sequence[str],
    *,
    multi_gpu: bool,
    gpu_ids: str,
    autocast: bool,
    amp_dtype: str,
    cudnn_benchmark: bool,
    seed: int,
) -> Machine:
    """Choose the device, join the other processes of this run, and seed PyTorch.

    Args:
        device_name: `--device`.
        batch: samples over all processes.
        command: script and arguments with which `multi_gpu` starts its processes; this one is then replaced.
        multi_gpu, gpu_ids: one process a GPU; see `distributed.relaunch`.
        autocast, amp_dtype: see `choose_precision`.
        cudnn_benchmark: let cuDNN try which algorithm is fastest.
        seed: of PyTorch's random numbers.

    Raises:
        ValueError: there is no such device, or the processes cannot share the batch equally.
    """
    device = choose_device(device_name)
    if device.type == "cpu":
        keep_freed_memory()
    if multi_gpu and not distributed.launched_by_torchrun():
        if device.type == "cpu" and device_name == "auto":
            raise ValueError("--multi_gpu True: PyTorch finds no GPU here; --device cpu starts processes on the CPU")
        _check_shares(batch, len(gpu_ids.split(",")))
        script, *arguments = command
        distributed.relaunch(script, [*arguments, "--multi_gpu", "False"], gpu_ids, device.type == "cuda")
    if distributed.launched_by_torchrun():
        device = distributed.join(device)
    world = distributed.world_size()
    _check_shares(batch, world)
    torch.backends.cudnn.benchmark = cudnn_benchmark
    torch.manual_seed(seed)
    return Machine(device, choose_precision(device, autocast, amp_dtype), distributed.rank(), world, batch // world)


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


def segmentation_specs(
    backbone: str, in_channels: int, num_classes: int, height: int, width: int
) -> dict[str, NetworkSpec]:
    """The spec of the segmentation net, by the name that its checkpoints carry; sizes in pixels of its input."""
    spec = segmenter_spec(backbone, in_channels, num_classes)
    return {SEGMENTER: replace(spec, input_height=height, input_width=width)}


def inpainting_specs(
    latent_channels: int,
    imgsize: int,
    imgresize: int,
    in_channels: int,
    out_channels: int,
    *,
    adversarial: bool,
    pad_type: str,
    activation: str,
    norm: str,
) -> dict[str, NetworkSpec]:
    """The specs of the generator and, where the training is adversarial, of the discriminator, by name.

    Args:
        latent_channels: width of both networks.
        imgsize, imgresize: side of the crop in pixels of the photo, and how many times it is reduced.
        in_channels, out_channels: of the generator.
        adversarial: False leaves the discriminator out.
        pad_type, activation, norm: of both networks.
    """
    size = latent_channels, imgsize, imgresize, in_channels
    outputs = {GENERATOR: out_channels} | ({DISCRIMINATOR: 1} if adversarial else {})
    return {name: inpaint_spec(name, *size, channels, pad_type, activation, norm) for name, channels in outputs.items()}


def segmentation_task(
    specs: dict[str, NetworkSpec],
    machine: Machine,
    say: Say,
    *,
    pretrained: str,
    rate: float,
    weight_decay: float,
    class_weights: list[float],
    freeze_bn: bool,
    ema: float,
    compiled: bool,
) -> SegmentationTask:
    """The segmentation net with its optimiser.

    Args:
        specs: from `segmentation_specs`.
        machine: where it trains.
        say: prints a line about the weights that were loaded.
        pretrained: file of weights to start from, `IMAGENET`, or empty for random ones.
        rate: base learning rate.
        weight_decay: of Adam.
        class_weights, freeze_bn: see `SegmentationTask`.
        ema, compiled: see `Task`.

    Raises:
        FileNotFoundError, ValueError, OSError: weights that cannot be had or do not fit.
    """
    (spec,) = specs.values()
    assert spec.backbone is not None
    network = DeepLabV3(spec.backbone, spec.in_channels, spec.out_channels)
    if pretrained:
        if pretrained == IMAGENET:
            loaded, entries = checkpoint.start_from_imagenet(network, spec.backbone)
        else:
            loaded, entries = checkpoint.start_from(network, pretrained)
        say(f"{pretrained}: {loaded} of {entries} entries loaded")
    return SegmentationTask(
        class_weights,
        freeze_bn,
        networks={SEGMENTER: network},
        specs=specs,
        rates={SEGMENTER: rate},
        betas=SEGMENTER_BETAS,
        weight_decay=weight_decay,
        precision=machine.precision,
        device=machine.device,
        ema=ema,
        compiled=compiled,
    )


def inpainting_task(
    specs: dict[str, NetworkSpec],
    machine: Machine,
    say: Say,
    *,
    pretrained: dict[str, str],
    init_type: str,
    init_gain: float,
    rates: dict[str, float],
    betas: tuple[float, float],
    weight_decay: float,
    losses: dict[str, Any],
    g_steps_per_d: int,
    warmup_l1: int,
    ema: float,
    compiled: bool,
) -> InpaintingTask:
    """The generator and, where there is a spec for it, the discriminator, with their optimisers.

    Args:
        specs: from `inpainting_specs`.
        machine: where they train.
        say: prints a line about the weights that were loaded.
        pretrained: by network, a file of weights to start from, or empty for random ones.
        init_type, init_gain: of the random start.
        rates: by network, its base learning rate.
        betas, weight_decay: of Adam.
        losses, g_steps_per_d, warmup_l1: see `InpaintingTask`.
        ema, compiled: see `Task`.

    Raises:
        FileNotFoundError, ValueError, OSError: weights that cannot be had or do not fit.
    """
    builders: dict[str, Callable[[NetworkSpec], nn.Module]] = {
        GENERATOR: checkpoint.build_generator,
        DISCRIMINATOR: checkpoint.build_discriminator,
    }
    networks = {}
    for name, spec in specs.items():
        networks[name] = builders[name](spec)
        initialise(networks[name], init_type, init_gain)
        if pretrained[name]:
            entries = _load_inpainting_weights(networks[name], spec, pretrained[name])
            say(f"{pretrained[name]}: {entries} of {entries} entries loaded")
    return InpaintingTask(
        losses,
        g_steps_per_d,
        warmup_l1,
        networks=networks,
        specs=specs,
        rates=rates,
        betas=betas,
        weight_decay=weight_decay,
        precision=machine.precision,
        device=machine.device,
        ema=ema,
        compiled=compiled,
    )


def _load_inpainting_weights(network: nn.Module, spec: NetworkSpec, file: str) -> int:
    """Copy the weights of a file into the network that `spec` describes; returns how many entries they are."""
    content = checkpoint.read_checkpoint(file)
    stated = checkpoint.read_spec(content)
    if stated and stated.network != spec.network:
        raise ValueError(f"'{file}' holds the network {stated.network}, {spec.network} is needed here")
    names = STYLE if stated else ()
    contradicting = [
        f"--{name} {getattr(stated, name)}" for name in names if getattr(stated, name) != getattr(spec, name)
    ]
    if contradicting:
        raise ValueError(f"'{file}' was trained with other flags: give {' '.join(contradicting)}")
    weights = checkpoint.read_weights(file, content)
    checkpoint.load_strictly(network, weights, file)
    return len(weights)
