"""Training speed: the published way and this project's, in one run on the same machine.

    python -m benchmarks.train                          # data and step, on the GPU where there is one
    python -m benchmarks.train --part step --device cpu --batch_size 4 --latent_channels 32 --side 128

Data: samples a second from pairs of 10 megapixels, decoded for every sample as published, and from the crop cache.
Step: samples a second of one step of generator and discriminator; published: separate convolutions of a gated layer,
default memory layout, default Adam, float16 autocast on a GPU and float32 on a CPU, gradients of the discriminator
computed in the generator's step too. Both sides take turns; the best turn of each counts.
Memory: what PyTorch keeps from the forward passes for the gradients of one step, at most at a time; most of a GPU's
memory in training, and known without a GPU. Both sides in half precision.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
import weakref
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from datasets.annotations import Triple, read_annotations
from datasets.cache import PixelCache
from datasets.contest import ContestData, InpaintingData, SegmentationData
from datasets.mixture import Mixture, collate
from models.checkpoint import build_discriminator, build_generator
from models.gated_conv import GatedConv2d, initialise
from models.tasks import InpaintingTask
from models.training import choose_precision
from utils.flags import add_switch, positive_int
from utils.preprocess import MASK_LEVEL
from utils.spec import (
    DISCRIMINATOR,
    GENERATOR,
    PUBLISHED_CROP,
    PUBLISHED_HEIGHT,
    PUBLISHED_MEAN,
    PUBLISHED_STD,
    PUBLISHED_WIDTH,
    inpaint_spec,
)

PHOTO_HEIGHT, PHOTO_WIDTH = 3648, 2736  # 10 megapixels
COVER_RADIUS_PX, COVER_INSET_PX, OCCLUDER_BGR = (
    280,
    300,
    (90, 120, 200),
)  # of the disc that covers each
RATES, BETAS, L1_WEIGHT = {GENERATOR: 1e-4, DISCRIMINATOR: 4e-4}, (0.5, 0.999), 1000  # as published


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", choices=("both", "data", "step", "memory"), default="both", help="both: data and step"
    )
    parser.add_argument("--pairs", type=positive_int, default=16, help="pairs of 10 megapixels (16)")
    parser.add_argument("--workers", type=int, default=2, help="loader processes (2)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch_size", type=positive_int, default=24, help="of the step (24)")
    parser.add_argument("--latent_channels", type=positive_int, default=64)
    parser.add_argument("--side", type=positive_int, default=256, help="of the samples of the step (256)")
    parser.add_argument("--turns", type=positive_int, default=5, help="turns of each side; the best counts (5)")
    add_switch(parser, "--compile", False, "compile our networks")
    return parser


# --- data


def read(path: Path) -> NDArray[np.uint8]:
    """`cv2.imread`, for files that are there."""
    image = cv2.imread(str(path))
    assert image is not None
    return image


class PublishedInpainting(Dataset[Any]):
    """Two files decoded for every sample, the crop around the mask's last contour."""

    def __init__(self, triples: list[Triple]) -> None:
        self.triples = triples

    def __len__(self) -> int:
        return len(self.triples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        triple = self.triples[index]
        image, mask = read(triple.clean), read(triple.mask)
        contours, _ = cv2.findContours(mask[:, :, 1], cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        x, y, width, height = cv2.boundingRect(contours[-1])
        half = PUBLISHED_CROP // 2
        left = min(max(x + width // 2 - half, 0), image.shape[1] - PUBLISHED_CROP)
        top = min(max(y + height // 2 - half, 0), image.shape[0] - PUBLISHED_CROP)
        window = (slice(top, top + PUBLISHED_CROP), slice(left, left + PUBLISHED_CROP))
        small, hole = cv2.resize(image[window], (256, 256)), cv2.resize(mask[window], (256, 256))[:, :, 1]
        pixels = torch.from_numpy(small.astype(np.float32) / 255).permute(2, 0, 1).contiguous()
        return pixels, torch.from_numpy(hole.astype(np.float32) / MASK_LEVEL)[None]


class PublishedSegmentation(PublishedInpainting):
    """Two files decoded for every sample, resized to the network's input."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        triple = self.triples[index]
        image, mask = read(triple.covered), read(triple.mask)
        size = PUBLISHED_WIDTH, PUBLISHED_HEIGHT
        small = torch.from_numpy(cv2.resize(image, size)).permute(2, 0, 1).float() / 255
        label = torch.from_numpy(cv2.resize(mask[:, :, 1], size) / MASK_LEVEL).long()
        return (small - PUBLISHED_MEAN) / PUBLISHED_STD, label


def write_pairs(root: Path, count: int) -> None:
    """Pages of text with the noise of a camera and a round occluder, as JPEG with PNG masks."""
    folder = root / "train_data_1"
    folder.mkdir()
    lines = []
    for number in range(count):
        rng = np.random.default_rng(number)
        clean = np.full((PHOTO_HEIGHT, PHOTO_WIDTH, 3), 215, np.uint8)
        for y in range(120, PHOTO_HEIGHT, 90):
            text = "".join(chr(code) for code in rng.integers(65, 91, 60))
            cv2.putText(clean, text, (80, y), cv2.FONT_HERSHEY_SIMPLEX, 2, (60, 55, 50), 4)
        noise = rng.normal(0, 4, (PHOTO_HEIGHT, PHOTO_WIDTH, 1)).astype(np.int16)
        clean = np.clip(clean + noise, 0, 255).astype(np.uint8)
        centre = (
            int(rng.integers(COVER_INSET_PX, PHOTO_WIDTH - COVER_INSET_PX)),
            int(rng.integers(COVER_INSET_PX, PHOTO_HEIGHT - COVER_INSET_PX)),
        )
        covered, mask = clean.copy(), np.zeros((PHOTO_HEIGHT, PHOTO_WIDTH), np.uint8)
        cv2.circle(covered, centre, COVER_RADIUS_PX, OCCLUDER_BGR, -1)
        cv2.circle(mask, centre, COVER_RADIUS_PX, MASK_LEVEL, -1)
        for name, picture in (("clean", clean), ("covered", covered)):
            cv2.imwrite(str(folder / f"{name}{number}.jpg"), picture)
        cv2.imwrite(str(folder / f"mask{number}.png"), mask)
        lines.append(f"clean{number}.jpg covered{number}.jpg mask{number}.png\n")
    (folder / "annotation.txt").write_text("".join(lines))


def processor_seconds() -> float:
    """Processor time of this process and of the children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def rate(action: Callable[[], int]) -> tuple[float, float]:
    """Samples a second of wall-clock and of processor time; `action` returns how many it made."""
    wall, processor = time.perf_counter(), processor_seconds()
    count = action()
    return count / (time.perf_counter() - wall), count / (processor_seconds() - processor)


def one_epoch(data: Dataset[Any], workers: int, **options: object) -> int:
    """Load every sample once; returns how many there are."""
    loader = DataLoader(data, batch_size=8, num_workers=workers, **options)  # type: ignore[arg-type]
    return sum(len(batch[0]) for batch in loader)


def first_epoch(data: ContestData, workers: int) -> int:
    """The check of all pictures, which fills the cache, and an epoch."""
    assert not data.find_problems(workers=max(1, workers))
    return one_epoch(Mixture([data]), workers, collate_fn=collate)


def compare_data(pairs: int, workers: int) -> None:
    """Print samples a second of both sides for both networks."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_pairs(root, pairs)
        triples = read_annotations(root)
        for network, shape in (("deepfillv2", (256, 256, 4)), ("deeplabv3", (640, 480, 4))):
            cache = PixelCache(root / "cache", shape, network)
            ours: ContestData = InpaintingData(triples, cache=cache)
            published = PublishedInpainting(triples)
            if network == "deeplabv3":
                ours, published = SegmentationData(triples, cache=cache), PublishedSegmentation(triples)
            one_epoch(published, workers)  # files into the page cache, for both sides
            old = rate(partial(one_epoch, published, workers))
            first = rate(partial(first_epoch, ours, workers))
            second = rate(partial(one_epoch, Mixture([ours], samples=100 * pairs), workers, collate_fn=collate))
            print(f"{network} data, {workers} workers, samples a second (a second of processor time):")
            for title, times_ms in (("decoded for every sample", old), ("ours, check and first epoch", first),
                                 ("ours, later epochs", second)):  # fmt: skip
                times = f"{times_ms[0] / old[0]:.1f} × ({times_ms[1] / old[1]:.1f} ×)"
                print(f"  {title:28} {times_ms[0]:9.1f} ({times_ms[1]:9.1f})  {times}")


# --- step


class SeparateGatedConv(GatedConv2d):
    """The gated layer with its two convolutions computed apart."""

    def forward(self, features: Tensor) -> Tensor:
        values, gates = self.conv2d(features), self.mask_conv2d(features)
        return self.activation(self.norm(values * torch.sigmoid(gates)))


def networks(latent_channels: int, side: int) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator, always with the same weights."""
    torch.manual_seed(0)
    generator = build_generator(inpaint_spec(GENERATOR, latent_channels, side, 1))
    discriminator = build_discriminator(inpaint_spec(DISCRIMINATOR, latent_channels, side, 1, out_channels=1))
    for network in (generator, discriminator):
        initialise(network)
    return generator, discriminator


def published_step(
    device: torch.device, latent_channels: int, side: int, half: torch.dtype | None
) -> Callable[[Tensor, Tensor], None]:
    """The published step as a function of a batch, in half precision or in float32."""
    generator, discriminator = networks(latent_channels, side)
    for module in (*generator.modules(), *discriminator.modules()):
        if type(module) is GatedConv2d:
            module.__class__ = SeparateGatedConv
        if isinstance(module, nn.LeakyReLU):
            module.inplace = False
    generator, discriminator = generator.to(device), discriminator.to(device)
    optimizer_g = torch.optim.Adam(generator.parameters(), RATES[GENERATOR], BETAS)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), RATES[DISCRIMINATOR], BETAS)
    scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)

    def step(images: Tensor, masks: Tensor) -> None:
        optimizer_d.zero_grad()
        optimizer_g.zero_grad()
        with torch.autocast(device.type, half, enabled=half is not None):
            coarse, refined = generator(images, masks)
            first, second = (images * (1 - masks) + drawn * masks for drawn in (coarse, refined))
            fake, real = discriminator(second.detach(), masks), discriminator(images, masks)
            loss_d = 0.5 * torch.relu(1 - real).mean() + 0.5 * torch.relu(1 + fake).mean()
        scaler.scale(loss_d).backward()
        scaler.step(optimizer_d)
        scaler.update()
        with torch.autocast(device.type, half, enabled=half is not None):
            l1 = nn.functional.l1_loss(second, images) + 0.5 * nn.functional.l1_loss(first, images)
            loss = L1_WEIGHT * l1 - discriminator(second, masks).mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer_g)
        scaler.update()

    return step


def our_step(
    device: torch.device, latent_channels: int, side: int, compiled: bool
) -> tuple[InpaintingTask, Callable[[Tensor, Tensor], None]]:
    """Our step as a function of a batch, and the task behind it."""
    generator, discriminator = networks(latent_channels, side)
    names = (GENERATOR, DISCRIMINATOR)
    task = InpaintingTask(
        {},
        g_steps_per_d=1,
        warmup_l1=0,
        networks=dict(zip(names, (generator, discriminator), strict=True)),
        specs={},
        rates=RATES,
        betas=BETAS,
        weight_decay=0.0,
        precision=choose_precision(device, autocast=True),
        device=device,
        ema=0.0,
        compiled=compiled,
    )
    task.train_mode()

    def step(images: Tensor, masks: Tensor) -> None:
        task.step(images, masks, 0)

    return task, step


def batch(size: int, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pictures of noise, each with a square hole."""
    images = torch.rand(size, 3, side, side, device=device)
    masks = torch.zeros(size, 1, side, side, device=device)
    masks[..., side // 4 : side // 2, side // 4 : side // 2] = 1
    return images, masks


class Kept:
    """Counts the bytes of the tensors that are kept for gradients; what several of them share counts once."""

    def __init__(self) -> None:
        self.holders: Counter[int] = Counter()
        self.now = self.peak = 0

    def keep(self, tensor: Tensor) -> Tensor:
        """A tensor is saved: an alias of it stands for it, so that it is known when it is given up."""
        memory = tensor.untyped_storage()
        if not self.holders[memory.data_ptr()]:
            self.now += memory.nbytes()
            self.peak = max(self.peak, self.now)
        self.holders[memory.data_ptr()] += 1
        alias = tensor.detach()
        weakref.finalize(alias, self.give_up, memory.data_ptr(), memory.nbytes())
        return alias

    def give_up(self, address: int, size: int) -> None:
        """Nothing needs the tensor any more."""
        self.holders[address] -= 1
        if not self.holders[address]:
            self.now -= size


def compare_memory(latent_channels: int, side: int) -> None:
    """Print what a step keeps for its gradients, a sample."""
    device = torch.device("cpu")
    images, masks = batch(1, side, device)
    task, ours = our_step(device, latent_channels, side, compiled=False)
    published = published_step(device, latent_channels, side, torch.bfloat16)
    print(f"memory kept for the gradients, latent_channels {latent_channels}, {side} px:")
    for name, step, inputs in (
        ("published", published, images),
        ("ours", ours, images.contiguous(memory_format=task.memory_format())),
    ):
        step(inputs, masks)  # the optimisers' own state comes first
        kept = Kept()
        with torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor):
            step(inputs, masks)
        print(f"  {name:10} {kept.peak / 2**20:8.0f} MiB a sample")


def compare_steps(
    device: torch.device, batch_size: int, latent_channels: int, side: int, turns: int, compiled: bool
) -> None:
    """Print samples a second of both sides, and on a GPU their peak memory."""
    gpu = device.type == "cuda"
    images, masks = batch(batch_size, side, device)
    task, ours = our_step(device, latent_channels, side, compiled)
    sides = {"published": published_step(device, latent_channels, side, torch.float16 if gpu else None), "ours": ours}
    inputs = {"published": images, "ours": images.contiguous(memory_format=task.memory_format())}
    steps = 20 if gpu else 1
    best = dict.fromkeys(sides, 0.0)
    thrifty = dict.fromkeys(sides, 0.0)
    peak = dict.fromkeys(sides, 0.0)
    for turn in range(turns + 1):
        for name, step in sides.items():
            if gpu:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()

            def several(step: Callable[[Tensor, Tensor], None] = step, batch: Tensor = inputs[name]) -> int:
                for _ in range(steps):
                    step(batch, masks)
                if gpu:
                    torch.cuda.synchronize()
                return steps * batch_size

            rates = rate(several)
            if turn:  # the first turn warms up
                best[name], thrifty[name] = max(best[name], rates[0]), max(thrifty[name], rates[1])
            if gpu:
                peak[name] = torch.cuda.max_memory_allocated() / 2**30
    where = torch.cuda.get_device_name(device) if gpu else f"cpu, {torch.get_num_threads()} threads"
    print(f"step, batch {batch_size}, latent_channels {latent_channels}, {side} px, {where}:")
    for name in sides:
        memory = f", peak {peak[name]:.2f} GiB" if gpu else f" ({thrifty[name]:.2f} a second of processor time)"
        print(f"  {name:10} {best[name]:8.2f} samples/s{memory}")
    print(f"  ours is {best['ours'] / best['published']:.2f} × the published step", end="")
    print("" if gpu else f" ({thrifty['ours'] / thrifty['published']:.2f} × in processor time)")


def main() -> int:
    """Run the command line."""
    args = build_parser().parse_args()
    print(f"PyTorch {torch.__version__}, {os.cpu_count()} cores")
    if args.part in ("both", "data"):
        compare_data(args.pairs, args.workers)
    if args.part == "memory":
        compare_memory(args.latent_channels, args.side)
    if args.part in ("both", "step"):
        device = torch.device(args.device)
        torch.backends.cudnn.benchmark = True
        compare_steps(device, args.batch_size, args.latent_channels, args.side, args.turns, args.compile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
