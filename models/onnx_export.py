"""Networks as ONNX graphs, checked against PyTorch before they count as written."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import helper
from torch import Tensor, nn

from utils.images import atomic
from utils.spec import METADATA_KEY, NetworkSpec

OPSET = 18
MAX_DIFFERENCE = 1e-3  # of any output value between graph and PyTorch
TRACED_BATCH = 2  # an export traced with a batch of one would fix it
TRACED_SIZE = (96, 80)  # of the generator: small, but wider than the reflection padding of its dilated layers
CHECKED_BATCH = 1
CHECKED_SIZE = (72, 104)


def export_segmenter(network: nn.Module, spec: NetworkSpec, path: Path) -> float:
    """Write the segmentation graph: `input` `(N, 3, 640, 480)` → `output` `(N, 2, 640, 480)` logits.

    Args:
        network: a `DeepLabV3` in evaluation mode, on the CPU.
        spec: what it was trained with; goes into the metadata.
        path: the file; its folder is made where it does not exist.

    Returns:
        The largest difference from PyTorch.

    Raises:
        ValueError: the graph is not exact; nothing is left behind.
        OSError: the file cannot be written.
    """
    noise = torch.Generator().manual_seed(0)
    traced, checked = (
        {"input": torch.randn(batch, spec.in_channels, spec.input_height, spec.input_width, generator=noise)}
        for batch in (TRACED_BATCH, CHECKED_BATCH)
    )
    model = trace(network, traced, ["output"], {0: "batch"}, spec)
    return save_if_exact(model, network, checked, path)


def export_generator(network: nn.Module, spec: NetworkSpec, path: Path) -> float:
    """Write the generator's graph: `img` `(N, 3, H, W)`, `mask` `(N, 1, H, W)` → `first_out`, `second_out`.

    A generator that takes hints has a third input, `hints`.

    Args:
        network: a folded `InpaintGenerator` in evaluation mode, on the CPU.
        spec, path: as in `export_segmenter`.

    Returns:
        The largest difference from PyTorch.

    Raises:
        ValueError, OSError: see `export_segmenter`.
    """
    traced = generator_inputs(spec, TRACED_BATCH, *TRACED_SIZE)
    checked = generator_inputs(spec, CHECKED_BATCH, *CHECKED_SIZE)
    model = trace(network, traced, ["first_out", "second_out"], {0: "batch", 2: "height", 3: "width"}, spec)
    return save_if_exact(model, network, checked, path)


def generator_inputs(spec: NetworkSpec, batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Noise in [0, 1] with a hole in the middle, by the names of the graph's inputs."""
    masks = torch.zeros(batch, 1, height, width)
    masks[:, :, height // 4 : -height // 4, width // 4 : -width // 4] = 1
    noise = torch.rand(batch, spec.in_channels - 1, height, width, generator=torch.Generator().manual_seed(0))
    images, hints = noise[:, : spec.out_channels], noise[:, spec.out_channels :]
    return {"img": images, "mask": masks} | ({"hints": hints} if hints.shape[1] else {})


def trace(
    network: nn.Module,
    inputs: dict[str, Tensor],
    outputs: list[str],
    dynamic_axes: dict[int, str],
    spec: NetworkSpec,
) -> onnx.ModelProto:
    """A network as a graph with its weights inside.

    Args:
        network: in evaluation mode, on the CPU.
        inputs: example inputs in the order of `forward`, by the names they get in the graph.
        outputs: names of the outputs.
        dynamic_axes: axis → name, for all inputs and outputs.
        spec: goes into the metadata.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks about itself
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=[dynamic_axes] * len(inputs),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto

    # The exporter notes the lines of Python each node came from, with their paths, and sizes like 4*((height//4)).
    del model.graph.value_info[:]
    for noted in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del noted.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in dynamic_axes.items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    return model


def save_if_exact(model: onnx.ModelProto, network: nn.Module, example: dict[str, Tensor], path: Path) -> float:
    """Write a graph that computes what the network does; otherwise leave nothing behind.

    Args:
        model: the graph.
        network: what it must equal.
        example: inputs of another size than it was traced with.
        path: the file; its folder is made where it does not exist.

    Returns:
        The largest difference of any output value.

    Raises:
        ValueError: the difference exceeds `MAX_DIFFERENCE`, or the graph is not valid.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as beside:
        onnx.save(model, beside)
        try:
            onnx.checker.check_model(beside, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ValueError(f"'{path}' is not written: the graph is not valid ({error})") from error
        difference = largest_difference(beside, network, example)
        if not difference <= MAX_DIFFERENCE:  # also where it is not a number
            raise ValueError(
                f"'{path}' is not written: the graph differs from PyTorch by {difference:.1e}, more than "
                f"{MAX_DIFFERENCE:.0e}"
            )
    return difference


def largest_difference(graph: Path, network: nn.Module, inputs: dict[str, Tensor]) -> float:
    """The largest difference of any output value between a graph file, run on the CPU, and the network."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    with torch.inference_mode():
        expected = network(*inputs.values())
    expected = (expected,) if isinstance(expected, torch.Tensor) else expected
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(found, expected, strict=True))
