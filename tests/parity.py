"""Weights and inputs that any implementation can draw again, so that published numbers can be compared.

Every array comes from a generator seeded with the CRC-32 of its published name.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"


def published_shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a published state dict, for example `deeplabv3_resnet50` or `deepfillv2_G_latent16`."""
    entries = json.loads((DATA / "state_dicts.json").read_text())[network]
    return {name: tuple(shape) for name, (shape, _) in entries.items()}


def published_state(network: str) -> dict[str, torch.Tensor]:
    """A state dict with published names and drawn values.

    The vectors of each spectral norm are the leading singular vectors of its weight: a power iteration that has ended.
    """
    shapes = published_shapes(network)
    values = {name: draw(name, shape) for name, shape in shapes.items()}
    for name in shapes:
        if name.endswith(".weight_bar"):
            left, _, right = np.linalg.svd(values[name].reshape(shapes[name][0], -1), full_matrices=False)
            stem = name.removesuffix("bar")
            values[stem + "u"], values[stem + "v"] = left[:, 0].copy(), right[0].copy()
    return {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}


def draw(name: str, shape: tuple[int, ...]) -> NDArray:
    """The entry `name` of a state dict: float32, or int64 zeros for a counter."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.split(".")[-1]
    if kind == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if kind == "running_var" or (kind == "weight" and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    spread = {"running_mean": 0.1, "bias": 0.05}.get(kind)
    if spread is None and len(shape) == 1:  # replaced by a singular vector
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return rng.normal(0, spread or np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)


def example(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The input called `name`: uniform in [0, 1)."""
    return np.random.default_rng(zlib.crc32(name.encode())).random(shape, dtype=np.float32)


def example_mask(name: str, shape: tuple[int, ...], threshold: float) -> NDArray[np.float32]:
    """The input called `name` as a mask: 1 where it exceeds `threshold`, else 0."""
    return (example(name, shape) > threshold).astype(np.float32)
