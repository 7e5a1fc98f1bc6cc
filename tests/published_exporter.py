"""Graphs as the published project's exporter wrote them: opset 11, a batch of one, fixed sizes, no metadata."""

import warnings
from pathlib import Path

import torch
from torch import nn

OPSET = 11


def write_segmenter(network: nn.Module, path: Path) -> Path:
    """The segmentation graph: `input` `(1, 3, 640, 480)` → `output`."""
    return _write(network, (torch.rand(1, 3, 640, 480),), path, ["input"], ["output"])


def write_generator(network: nn.Module, path: Path, side: int = 256) -> Path:
    """The generator's graph: `img` `(1, 3, side, side)`, `mask` `(1, 1, side, side)` → `first_out`, `second_out`.

    The network must be folded: today's tracer has no name for the spectral norm's dot product in opset 11.
    """
    inputs = (torch.rand(1, 3, side, side), torch.rand(1, 1, side, side))
    return _write(network, inputs, path, ["img", "mask"], ["first_out", "second_out"])


def _write(
    network: nn.Module, inputs: tuple[torch.Tensor, ...], path: Path, input_names: list[str], output_names: list[str]
) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated, and is the point here
        torch.onnx.export(
            network.eval(),
            inputs,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=input_names,
            output_names=output_names,
        )
    return path
