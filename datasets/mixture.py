"""Several data sets as one, in chosen shares, and samples that turn out to be bad left out."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler, default_collate

MAX_BAD_SHARE = 0.01  # of all samples; more than that is a broken data set rather than a broken file
REPLACEMENTS_TRIED = 8  # next samples that may take the place of a bad one
IN_A_ROW = "too many bad samples in a row:"

Sample = tuple[Tensor, Tensor, str]


class TooManyBad(ValueError):
    """Nothing can take the place of a bad sample; PyTorch puts the traceback of a loader process before the text."""

    def __init__(self, text: str) -> None:
        super().__init__(text[max(text.rfind(IN_A_ROW), 0) :].rstrip())


class Mixture(Dataset[tuple[Tensor, Tensor, str]]):
    """Data sets joined for training.

    Args:
        data_sets: data sets of `(image, target)` with `set_epoch(epoch)`.
        weights: share of each data set in an epoch; None takes every sample of every one once.
        samples: length of an epoch; None is the sum of the parts.
        seed: of the choice of samples.

    A sample is `(image, target, problem)`. A picture that cannot be read is replaced by another one of the same epoch;
    `problem` then says which and why, else it is empty.
    """

    def __init__(
        self,
        data_sets: Sequence[Any],
        weights: Sequence[float] | None = None,
        samples: int | None = None,
        seed: int = 0,
    ) -> None:
        self.data_sets = list(data_sets)
        self.sizes = [len(data_set) for data_set in self.data_sets]
        self.weights = weights
        self.samples = samples or sum(self.sizes)
        self.seed = seed
        self.set_epoch(0)

    def __len__(self) -> int:
        return self.samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the samples of an epoch; the same epoch and seed give the same ones."""
        for data_set in self.data_sets:
            data_set.set_epoch(epoch)
        counts = _shares(self.samples, self.weights or self.sizes)
        rng = np.random.default_rng((self.seed, epoch))
        self.order = [
            (number, int(index))
            for number, (size, count) in enumerate(zip(self.sizes, counts, strict=True))
            for index in _draw(rng, size, count)
        ]

    def __getitem__(self, position: int) -> Sample:
        problems: list[str] = []
        for offset in range(REPLACEMENTS_TRIED):
            number, index = self.order[(position + offset) % len(self.order)]
            try:
                image, target = self.data_sets[number][index]
                return image, target, "\n".join(problems)
            except (OSError, ValueError) as error:
                problems.append(f"{self._describe(number, index)}: {error}".replace("\n", " "))
        raise TooManyBad("\n".join([IN_A_ROW, *problems]))

    def _describe(self, number: int, index: int) -> str:
        describe = getattr(self.data_sets[number], "describe", None)
        return describe(index) if describe else f"sample {index} of data set {number}"


def _shares(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in the proportion of `weights` that add up to `total`."""
    ends = np.rint(np.cumsum(weights) / np.sum(weights) * total).astype(int)
    return np.diff(ends, prepend=0).tolist()


def _draw(rng: np.random.Generator, size: int, count: int) -> list[int]:
    """`count` numbers below `size`, each as often as any other, give or take one; all in order if `count == size`."""
    whole, rest = divmod(count, size)
    return list(range(size)) * whole + sorted(rng.permutation(size)[:rest].tolist())


def collate(samples: Sequence[Sample]) -> tuple[Tensor, Tensor, list[str]]:
    """A batch of a `Mixture`: images, targets, and the problems met on the way.

    Labels become uint8, an eighth of the bytes to hand from one process to the other; the training widens them again.
    """
    images, targets, problems = zip(*samples, strict=True)
    listed = [problem for text in problems for problem in text.splitlines()]
    if not targets[0].is_floating_point():
        targets = tuple(target.to(torch.uint8) for target in targets)
    return default_collate(list(images)), default_collate(list(targets)), listed


class ResumableSampler(DistributedSampler[int]):
    """A shuffled epoch from which the first samples may be skipped.

    Attributes:
        skip: how many of this process's samples the next pass leaves out.
    """

    skip = 0

    def __iter__(self) -> Iterator[int]:
        return islice(super().__iter__(), self.skip, None)

    def __len__(self) -> int:
        return super().__len__() - self.skip


class BadSamples:
    """Names each bad sample once and gives up when there are too many.

    Args:
        total: number of samples in the data set.
    """

    def __init__(self, total: int) -> None:
        self.limit = total * MAX_BAD_SHARE
        self.named: set[str] = set()

    def report(self, problems: Sequence[str]) -> list[str]:
        """The problems that are new.

        Raises:
            ValueError: more than one sample in a hundred is bad.
        """
        new = [p for p in dict.fromkeys(problems) if p not in self.named]
        self.named.update(new)
        if len(self.named) > self.limit:
            listed = "\n".join(sorted(self.named))
            raise ValueError(f"{len(self.named)} bad samples are more than {MAX_BAD_SHARE:.0%} of the data:\n{listed}")
        return new
