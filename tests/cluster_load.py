"""Loaders for processes of `utils.cluster` that a test sends photos that kill or hang."""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.cluster.job import Job, load_onnx
from utils.remover import Removal, Sight

KILLING, HANGING = 11, 22  # the value of every channel of a photo's first row


@dataclass(frozen=True)
class Trapped:
    """A remover that ends its process at some photos, and never comes back from others."""

    remover: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.remover, name)

    def look(self, image: np.ndarray) -> Sight:
        if (image[0] == KILLING).all():
            os.kill(os.getpid(), signal.SIGKILL)
        while (image[0] == HANGING).all():
            time.sleep(0.1)
        return self.remover.look(image)

    def finish(self, image: np.ndarray, sight: Sight) -> Removal:
        return self.remover.finish(image, sight)


def load(job: Job) -> tuple[Any, str]:
    remover, description = load_onnx(job)
    return Trapped(remover), description


def die(job: Job) -> tuple[Any, str]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
