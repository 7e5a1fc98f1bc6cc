"""Tiny ONNX graphs with the interface of the real ones, whose answers are known without training.

The segmentation graph calls a pixel covered where it is much redder than blue; the generator fills holes with one grey.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from utils.spec import GENERATOR, METADATA_KEY, NetworkSpec, inpaint_spec, segmenter_spec

FILL = 0.75  # what the test generator draws in a hole, of [0, 1]
RED = (40, 60, 220)  # BGR of an occluder that the test segmenter finds


def write_segmenter(
    path: Path,
    spec: NetworkSpec | None = None,
    fixed: bool = False,
    opset: int = 18,
    channels: int = 3,
    classes: int = 2,
) -> Path:
    """Logits from one 1×1 convolution: occluder where (R - B) of the normalised picture is above 2."""
    weight = np.zeros((classes, channels, 1, 1), np.float32)
    weight[1, 0], weight[1, channels - 1] = -10, 10
    batch: int | str = 1 if fixed else "batch"
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight", "bias"], ["output"])],
        "segmenter",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, channels, 640, 480])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, classes, 640, 480])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([0, -20, *[0] * (classes - 2)], np.float32), "bias"),
        ],
    )
    return _save(graph, path, spec if not fixed else None, opset)


def write_generator(
    path: Path, spec: NetworkSpec | None = None, fixed: bool = False, opset: int = 18, gain: float = 1.0
) -> Path:
    """second_out = gain · (img + FILL · mask); first_out = img + 0 · mask.

    With a spec of eight channels it has the third input of a guided generator, of which the answer takes no notice.
    """
    size: list[int | str] = [1, 256, 256] if fixed else ["batch", "height", "width"]
    inputs = {"img": 3, "mask": 1}
    if spec is not None and spec.guided:
        inputs["hints"] = 4
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["mask", "fill"], ["filled"]),
            helper.make_node("Add", ["img", "filled"], ["sum"]),
            helper.make_node("Mul", ["sum", "gain"], ["second_out"]),
            helper.make_node("Mul", ["mask", "zero"], ["nothing"]),
            helper.make_node("Add", ["img", "nothing"], ["first_out"]),
        ],
        "generator",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [size[0], channels, *size[1:]])
            for name, channels in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [size[0], 3, *size[1:]])
            for name in ("first_out", "second_out")
        ],
        [
            numpy_helper.from_array(np.array(value, np.float32), name)
            for name, value in (("fill", FILL), ("zero", 0.0), ("gain", gain))
        ],
    )
    return _save(graph, path, spec if not fixed else None, opset)


def own_specs() -> tuple[NetworkSpec, NetworkSpec]:
    """Specs as our own converter writes them."""
    return segmenter_spec("mobilenetv2"), inpaint_spec(GENERATOR, latent_channels=4)


def _save(graph: onnx.GraphProto, path: Path, spec: NetworkSpec | None, opset: int) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if spec is not None:
        helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.save(model, str(path))
    return path
