"""Samples of one training in batches: loader processes, a share for each process, going on in an epoch's middle."""

import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from datasets.contest import CleanCrops
from datasets.mixture import BadSamples, Mixture, ResumableSampler, collate
from datasets.options import DataOptions
from datasets.sources import Sources
from utils.cores import allowed_cores
from utils.spec import GENERATOR, GENERATOR_CHANNELS, NetworkSpec

WORKER_GRACE_S = 30  # seconds a loader process lives on after SIGTERM
PREFETCHED = 4  # batches that each loader process has ready: one that is slow to draw then holds nobody up
HELD_OUT_BATCH = 8  # samples; batches of the validation need not be larger
HELD_OUT_WORKERS = 2  # loader processes of the validation: it decodes few pictures and draws none
DRAWN_SAMPLES = 2400  # of a synthetic root in an epoch: 100 of the published batches

Batch = tuple[Tensor, Tensor, list[str]]


class TrainingData:
    """Samples to train on and samples held out, in batches for this process.

    A batch is `(images, targets, problems)`: float32 images, float32 masks or uint8 labels, and one line for each bad
    sample that was replaced and has not been named before.

    Args:
        data: to train on.
        held_out: for validation, None without one.
        batch_size: samples of a batch that fall to this process.
        rank, world: number of this process, and how many there are.
        workers: loader processes; 0 loads in this one.
        seed: of the order.
        pin_memory: keep batches where a GPU fetches them fast.
        skip_single: leave out a last batch of one sample, of which batch norm cannot be computed.

    Attributes:
        batches: of an epoch.
    """

    def __init__(
        self,
        data: Mixture,
        held_out: Mixture | None,
        *,
        batch_size: int,
        rank: int,
        world: int,
        workers: int,
        seed: int,
        pin_memory: bool,
        skip_single: bool,
    ) -> None:
        self.data, self.held_out, self.batch_size = data, held_out, batch_size
        self.sampler = ResumableSampler(data, world, rank, seed=seed)
        self.loader: DataLoader[Any] = DataLoader(
            data,
            batch_size,
            sampler=self.sampler,
            num_workers=workers,
            collate_fn=collate,
            pin_memory=pin_memory,
            drop_last=skip_single and len(self.sampler) % batch_size == 1 and len(self.sampler) > 1,
            worker_init_fn=start_worker,
            generator=torch.Generator(),  # so that starting workers leaves the random state of the training alone
            prefetch_factor=PREFETCHED if workers else None,
        )
        self.batches = len(self.loader)
        self.held_out_loader: DataLoader[Any] | None = None
        if held_out is not None:
            self.held_out_loader = DataLoader(
                Subset[Any](held_out, range(rank, len(held_out), world)),
                min(batch_size, HELD_OUT_BATCH),
                num_workers=min(workers, HELD_OUT_WORKERS),
                collate_fn=collate,
                worker_init_fn=start_worker,
                generator=torch.Generator(),
            )
        self.bad = BadSamples(len(data) + len(held_out or ()))

    def __str__(self) -> str:
        held_out = f"; {len(self.held_out)} held out" if self.held_out else ""
        return f"{len(self.data)} samples, {self.batches} batches an epoch{held_out}"

    @property
    def has_held_out(self) -> bool:
        """Whether there is anything to validate on."""
        return self.held_out_loader is not None

    @property
    def bad_count(self) -> int:
        """How many bad samples this process has met."""
        return len(self.bad.named)

    def epoch(self, number: int, skip: int) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0, without the first `skip`.

        Raises:
            ValueError: more samples are bad than a data set may have.
        """
        self.data.set_epoch(number)
        self.sampler.set_epoch(number)
        self.sampler.skip = skip * self.batch_size
        return self._named(self.loader)

    def held_out_batches(self) -> Iterator[Batch]:
        """The held-out samples of this process; raises as `epoch`."""
        assert self.held_out_loader is not None
        return self._named(self.held_out_loader)

    def held_out_rows(self, count: int) -> Batch:
        """The first `count` held-out samples, or all of fewer, as one batch; raises as `epoch`."""
        assert self.held_out is not None
        (batch,) = self._named([_first(self.held_out, count)])
        return batch

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """Images and targets of the first `count` samples to train on, or of all where there are fewer."""
        return _first(self.data, count)[:2]

    def _named(self, batches: "Iterable[Batch]") -> Iterator[Batch]:
        for images, targets, problems in batches:
            yield images, targets, self.bad.report(problems)


def open_data(
    options: DataOptions,
    spec: NetworkSpec,
    *,
    learns_batch_norm: bool,
    batch_size: int,
    rank: int,
    world: int,
    pin_memory: bool,
    say: Callable[[str], None],
) -> TrainingData:
    """The samples of the roots, checked, split and mixed.

    Args:
        options: what the user chose.
        spec: of the network that predicts; tells kind and geometry of the samples.
        learns_batch_norm: whether a batch must hold two samples or more.
        batch_size, rank, world, pin_memory: see `TrainingData`; the first process alone checks the pictures.
        say: prints a line.

    Raises:
        ValueError, OSError: data that cannot be used.
    """
    sources = Sources(
        spec, options.cache_dir if options.cache else None, options.augmentations, options.seed,
        options.synthetic_ratios, (options.seg_crop[0], options.seg_crop[1]) if options.seg_crop else None,
        workers=allowed_cores(), say=say, check=rank == 0,
        progress=lambda items, total: tqdm(items, "checking pictures", total, leave=False, disable=rank > 0),
        part_side=options.inpaint_crop,
    )  # fmt: skip
    drawn = options.samples_per_epoch or DRAWN_SAMPLES
    data_sets, held_out = sources.open(
        options.baseroot, options.val_root, options.val_fraction, drawn, options.val_samples
    )  # fmt: skip
    if options.augment and spec.network == GENERATOR and spec.in_channels != GENERATOR_CHANNELS[0]:
        raise ValueError(f"--augment True: --in_channels {spec.in_channels} is for roots lifelike:DATA_DIR alone")
    if options.augment:
        changes = options.augmentations
        data_sets.append(CleanCrops(options.augment_data_path, spec.input_height, options.holes, changes, options.seed))
    data = Mixture(data_sets, options.root_weights, options.samples_per_epoch, options.seed)
    if learns_batch_norm and min(options.overfit or len(data), len(data)) == 1:
        raise ValueError("one sample: batch norm needs 2 or more, or --freeze_bn True")
    return TrainingData(
        data, held_out, batch_size=batch_size, rank=rank, world=world, seed=options.seed,
        workers=min(options.num_workers, allowed_cores()), pin_memory=pin_memory, skip_single=learns_batch_norm,
    )  # fmt: skip


def _first(data: Mixture, count: int) -> Batch:
    return collate([data[index] for index in range(min(count, len(data)))])


def start_worker(worker: int) -> None:
    """Loader processes leave Ctrl-C to the training, and SIGTERM for `WORKER_GRACE_S`.

    Schedulers send SIGTERM to all processes of a job: the training still needs its loaders for the step it finishes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(WORKER_GRACE_S))
    else:  # Windows
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
