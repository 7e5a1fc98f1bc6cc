"""The two trainings as objects: networks, optimisers, what to do with a batch, how to judge the result."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import validation
from models.distributed import distribute
from models.training import (
    Precision,
    freeze_batch_norm,
    inpainting_step,
    segmentation_step,
    update_average,
)
from utils.spec import NetworkSpec

Batches = Iterable[tuple[Tensor, Tensor]]


class Task:
    """What the two trainings share.

    Args:
        networks: by the name that their checkpoints carry; the first is the one that predicts.
        specs: of the networks, by the same names.
        rates: base learning rates, by the same names.
        betas, weight_decay: of Adam.
        precision: number format of the forward passes.
        device: where to train.
        ema: decay of the averaged weights; 0 keeps none.
        compiled: compile the networks with torch.compile.

    Attributes:
        averages: averaged copy of the network that predicts, by its name; empty without `ema`.
    """

    score_name = ""  # of the validation; higher is better
    loss_name = ""  # the one that tells most about the result
    batch_flag = ""  # with which the user chooses the size of a batch
    smaller_flags = ""  # that a slow machine should try

    def __init__(
        self,
        networks: dict[str, nn.Module],
        specs: dict[str, NetworkSpec],
        rates: dict[str, float],
        betas: tuple[float, float],
        weight_decay: float,
        precision: Precision,
        device: torch.device,
        ema: float,
        compiled: bool,
    ) -> None:
        self.specs = specs
        self.rates = rates
        self.precision = precision
        self.device = device
        layout = self.memory_format()
        self.networks = {n: net.to(device).to(memory_format=layout) for n, net in networks.items()}
        self.ema = ema
        self.rate_factor = 1.0
        self.predictor = next(iter(networks))
        self.averages: dict[str, nn.Module] = {}
        if ema:
            average = copy.deepcopy(self.networks[self.predictor])
            self.averages[self.predictor] = average.eval().requires_grad_(False)
        self.wrapped = {n: distribute(net, device) for n, net in self.networks.items()}
        if compiled:
            for network in self.networks.values():
                network.compile()
        self.optimizers = {
            n: torch.optim.Adam(net.parameters(), rates[n], betas, weight_decay=weight_decay, fused=True)
            for n, net in self.networks.items()
        }

    def memory_format(self) -> torch.memory_format:
        """Layout of weights and images in memory."""
        return torch.channels_last

    def on_device(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """A batch as `step` takes it: on the device, images laid out as the weights, labels widened to int64."""
        images = images.to(self.device, non_blocking=True).contiguous(memory_format=self.memory_format())
        targets = targets.to(self.device, non_blocking=True)
        return images, targets if targets.is_floating_point() else targets.long()

    def train_mode(self) -> None:
        """Networks into training mode."""
        for network in self.wrapped.values():
            network.train()

    def set_rate_factor(self, factor: float) -> None:
        """Learning rates become `factor` times their base."""
        self.rate_factor = factor
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.rates[name] * factor

    def step(self, images: Tensor, targets: Tensor, step: int) -> dict[str, Tensor]:
        """Update on batch number `step` (from 0): named losses, detached scalars on the device."""
        raise NotImplementedError

    def average(self, step: int) -> None:
        """Take the weights after batch number `step` into the average."""
        for name, average in self.averages.items():
            update_average(average, self.networks[name], self.ema, step)

    def results(self) -> dict[str, nn.Module]:
        """The networks that checkpoints hold: averaged where there is an average."""
        return self.networks | self.averages

    def score(self, batches: Batches) -> dict[str, list[float]]:
        """Scores of the predicting network, one value a picture; networks are left in evaluation mode."""
        raise NotImplementedError

    def grid(self, images: Tensor, targets: Tensor) -> NDArray[np.uint8]:
        """Pictures of a batch to look at, one row each: `(h, w, 3)` uint8 BGR."""
        raise NotImplementedError

    def samples(self) -> dict[str, NDArray[np.uint8]]:
        """Pictures of the last batch, by name, each `(h, w, 3)` uint8 BGR."""
        return {}

    def warnings(self, losses: dict[str, float]) -> dict[str, str]:
        """What looks wrong in the last batch, by kind, with advice."""
        return {}

    def state(self) -> dict[str, Any]:
        """All that changes in training, for `load_state`."""
        return {
            "networks": {n: net.state_dict() for n, net in self.networks.items()},
            "averages": {n: net.state_dict() for n, net in self.averages.items()},
            "optimizers": {n: optimizer.state_dict() for n, optimizer in self.optimizers.items()},
            "scaler": self.precision.scaler.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; averages start from the networks where the state has none."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, average in self.averages.items():
            average.load_state_dict(state["averages"].get(name, state["networks"][name]))
        for name, optimizer in self.optimizers.items():
            if name in state["optimizers"]:
                optimizer.load_state_dict(state["optimizers"][name])
        if self.precision.scaler.is_enabled() and state["scaler"]:
            self.precision.scaler.load_state_dict(state["scaler"])


class SegmentationTask(Task):
    """Training of the net that finds occluders.

    Args:
        class_weights: of paper and occluder in the loss.
        freeze_bn: batch norm keeps its stored statistics.
        common: arguments of `Task`.
    """

    score_name = "iou"
    loss_name = "loss"
    batch_flag = "--batch_size2"
    smaller_flags = "--seg_height 320 --seg_width 240"

    def __init__(self, class_weights: list[float], freeze_bn: bool, **common: Any) -> None:
        super().__init__(**common)
        self.class_weights = torch.tensor(class_weights, device=self.device)
        self.freeze_bn = freeze_bn

    def memory_format(self) -> torch.memory_format:
        # Channels first are faster in float32 on the CPU: a step of 8 takes 7.2 seconds instead of 8.2 (EPYC, AVX2).
        plain = self.device.type == "cpu" and self.precision.dtype is None
        return torch.contiguous_format if plain else torch.channels_last

    def train_mode(self) -> None:
        super().train_mode()
        if self.freeze_bn:
            freeze_batch_norm(self.networks[self.predictor])

    def step(self, images: Tensor, targets: Tensor, step: int) -> dict[str, Tensor]:
        network, optimizer = self.wrapped[self.predictor], self.optimizers[self.predictor]
        return segmentation_step(network, optimizer, images, targets, self.class_weights, self.precision)

    def score(self, batches: Batches) -> dict[str, list[float]]:
        return validation.segmentation_scores(self.results()[self.predictor], batches, self.precision)

    def grid(self, images: Tensor, targets: Tensor) -> NDArray[np.uint8]:
        spec = self.specs[self.predictor]
        network = self.results()[self.predictor]
        return validation.segmentation_grid(network, images, targets, self.precision, spec.mean, spec.std)


class InpaintingTask(Task):
    """Training of the generator and, unless `lambda_gan` is 0, its discriminator.

    Args:
        losses: the weights of `inpainting_step`.
        g_steps_per_d: the discriminator steps with every so many batches.
        warmup_l1: so many batches train on the reconstruction alone.
        common: arguments of `Task`; the generator comes first.
    """

    score_name = "mask_psnr"
    loss_name = "second_L1"
    batch_flag = "--batch_size1"
    smaller_flags = "--imgsize 384 --latent_channels 16"

    # A tanh output that does not vary by one grey level says the same about every pixel.
    CONSTANT = 1 / 255
    # A hinge loss of the discriminator this small leaves the generator next to no gradient.
    WON = 0.01

    def __init__(self, losses: dict[str, Any], g_steps_per_d: int, warmup_l1: int, **common: Any) -> None:
        super().__init__(**common)
        self.losses = losses
        self.g_steps_per_d = g_steps_per_d
        self.warmup_l1 = warmup_l1
        self.last: tuple[Tensor, Tensor, Tensor, Tensor] | None = None

    def memory_format(self) -> torch.memory_format:
        # On the CPU instance norm and the halves of gated convolutions copy their input unless channels come first:
        # 2.2 samples a second of processor time against 1.8 (latent_channels 32, 128 px, bfloat16). Without a norm it
        # is the other way round: 4.4 against 4.0 (Zen 4, one thread).
        copies = self.device.type == "cpu" and any(spec.norm == "in" for spec in self.specs.values())
        return torch.contiguous_format if copies else torch.channels_last

    def step(self, images: Tensor, targets: Tensor, step: int) -> dict[str, Tensor]:
        generator, *others = self.wrapped
        adversarial = others and step >= self.warmup_l1
        losses, coarse, refined = inpainting_step(
            self.wrapped[generator],
            self.optimizers[generator],
            images,
            targets,
            self.precision,
            self.wrapped[others[0]] if adversarial else None,
            self.optimizers[others[0]] if adversarial else None,
            update_discriminator=step % self.g_steps_per_d == 0,
            **self.losses,
        )
        self.last = images, targets, coarse, refined
        return losses

    def score(self, batches: Batches) -> dict[str, list[float]]:
        return validation.inpainting_scores(self.results()[self.predictor], batches, self.precision)

    def grid(self, images: Tensor, targets: Tensor) -> NDArray[np.uint8]:
        return validation.inpainting_grid(self.results()[self.predictor], images, targets, self.precision)

    def samples(self) -> dict[str, NDArray[np.uint8]]:
        return validation.sample_pictures(*self.last) if self.last else {}

    def warnings(self, losses: dict[str, float]) -> dict[str, str]:
        doubts = {}
        if self.last is not None and float(self.last[3].float().std(dim=(2, 3)).max()) < self.CONSTANT:
            doubts["collapsed generator"] = (
                "the refined picture is one flat colour; start anew with a lower --lr_g, a higher --lambda_l1, or "
                "--warmup_l1 1000 so that the reconstruction comes first"
            )
        if losses.get("loss_D", 1.0) < self.WON:
            doubts["discriminator has won"] = (
                f"its loss is {losses['loss_D']:.4f}, so the generator learns nothing from it; try "
                "--g_steps_per_d 3, a lower --lr_d, or --warmup_l1 1000"
            )
        return doubts
