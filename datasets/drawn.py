"""What data sets have in common whose samples are drawn while training."""

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset


class DrawnSamples(Dataset[tuple[Tensor, Tensor]]):
    """Length, seed and epoch of samples that come from no files of their own.

    Args:
        count: samples an epoch.
        seed: of everything.
        root: where samples come from, as it was given.
    """

    def __init__(self, count: int, seed: int, root: str) -> None:
        self.count, self.seed, self.epoch = count, seed, 0
        self.root = root

    def __len__(self) -> int:
        return self.count

    def set_epoch(self, epoch: int) -> None:
        """Draw other samples from now on; the same epoch gives the same samples."""
        self.epoch = epoch

    def describe(self, index: int) -> str:
        """Where samples come from, for messages: one text for all, so that a bad file counts once and not with each."""
        return self.root

    def check_index(self, index: int) -> None:
        """Raise IndexError for a sample that there is not."""
        if not 0 <= index < self.count:
            raise IndexError(index)

    def _rng(self, index: int) -> np.random.Generator:
        self.check_index(index)
        return np.random.default_rng((self.seed, self.epoch, index))
