"""Networks as ONNX graphs, checked against PyTorch before they count as written."""

import contextlib
import copy
import logging
import math
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from utils.images import atomic
from utils.spec import GENERATOR, METADATA_KEY, SEGMENTER, NetworkSpec

OPSET = 18  # of the graphs that are written
MAX_DIFFERENCE = 1e-3  # of any output value between graph and PyTorch
TRACED_BATCH = 2  # an export traced with a batch of one would fix it
TRACED_SIZE = (96, 80)  # of the generator: small, but wider than the reflection padding of its dilated layers
CHECKED_BATCH = 1  # other than the traced one
CHECKED_SIZE = (72, 104)  # other than the traced one
OUTPUTS = {SEGMENTER: ["output"], GENERATOR: ["first_out", "second_out"]}
DYNAMIC_AXES = {SEGMENTER: {0: "batch"}, GENERATOR: {0: "batch", 2: "height", 3: "width"}}
# In 8-bit graphs the segmentation net computes these parts in integers, by the beginning of their weights' names. They
# take most of its time and lose least; its encoder and its last step, in 8 bits, would lose ten times as much.
INTEGER_PARTS = ("aspp.", "decoder.decoder.")
# So many convolutions at the beginning and the end of a generator's stage stay in float32 there: the first pair that
# makes it exact enough. The shipped one loses most at its end.
FLOAT_ENDS = ((2, 2), (2, 3), (2, 4))
JOINED_ACTIVATIONS = ("Clip", "Relu")  # what a convolution in integers does itself, by where its range ends
PRECISION_KEY, PSNR_KEY = "precision", "psnr_to_float32_db"  # metadata of graphs that are not float32

Sample = dict[str, NDArray[np.float32]]  # one batch by the names of the graph's inputs


def export(network: nn.Module, spec: NetworkSpec, path: Path) -> float:
    """Write a network as a float32 graph that computes the same; otherwise leave nothing behind.

    The segmentation graph maps `input` `(N, 3, 640, 480)` to `output` `(N, 2, 640, 480)`, logits; the generator's maps
    `img` `(N, 3, H, W)` and `mask` `(N, 1, H, W)` (and `hints`, where it takes any) to `first_out` and `second_out`.

    Args:
        network: a `DeepLabV3` or a folded `InpaintGenerator` in evaluation mode, on the CPU.
        spec: what it was trained with; goes into the metadata.
        path: the file; its folder is made where it does not exist.

    Returns:
        The largest difference of any output value from PyTorch, on another size than the graph was traced with.

    Raises:
        ValueError: the difference exceeds `MAX_DIFFERENCE`, or the graph is not valid.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        save_checked(trace(network, spec), temporary, path)
        difference = largest_difference(temporary, network, noise(spec, CHECKED_BATCH, CHECKED_SIZE))
        if not difference <= MAX_DIFFERENCE:  # also where it is not a number
            raise ValueError(
                f"'{path}' is not written: the graph differs from PyTorch by {difference:.1e}, more than "
                f"{MAX_DIFFERENCE:.0e}"
            )
    return difference


def export_half(
    network: nn.Module, spec: NetworkSpec, path: Path, samples: Sequence[Sample], min_psnr_db: float
) -> float:
    """Write a graph that computes in half precision but takes and returns float32, half the size of `export`'s.

    Args:
        network, spec, path: as in `export`.
        samples: what to measure the loss on; empty takes noise.
        min_psnr_db: the least the graph may resemble the network.

    Returns:
        The PSNR against the network in decibels; it also goes into the metadata.

    Raises:
        ValueError: the PSNR is below `min_psnr_db`; nothing is left behind.
        OSError: the file cannot be written.
    """
    model = trace(HalfPrecision(copy.deepcopy(network)), spec)
    samples = samples or [to_arrays(noise(spec, CHECKED_BATCH, CHECKED_SIZE))]
    return _save_reduced(model, "float16", network, spec, path, samples, min_psnr_db)


def export_int8(
    network: nn.Module, spec: NetworkSpec, path: Path, samples: Sequence[Sample], min_psnr_db: float
) -> float:
    """Write a graph whose convolutions compute in 8-bit integers: `INTEGER_PARTS`, or all but `FLOAT_ENDS`.

    It holds QDQ pairs, weights quantised per channel.

    Args:
        network, spec, path: as in `export`.
        samples: what the ranges of the activations are calibrated and the loss is measured on.
        min_psnr_db, returns, raises: as in `export_half`.
    """
    traced = trace(network, spec)
    if spec.network == SEGMENTER:
        model = quantised(traced, outside(traced, INTEGER_PARTS), samples)
        return _save_reduced(model, "int8", network, spec, path, samples, min_psnr_db)
    *others, most = FLOAT_ENDS
    for kept in others:
        with contextlib.suppress(ValueError):  # not exact enough
            model = quantised(traced, ends(traced, 2, *kept), samples)
            return _save_reduced(model, "int8", network, spec, path, samples, min_psnr_db)
    model = quantised(traced, ends(traced, 2, *most), samples)
    return _save_reduced(model, "int8", network, spec, path, samples, min_psnr_db)


def quantised(traced: onnx.ModelProto, kept: list[str], samples: Sequence[Sample]) -> onnx.ModelProto:
    """A graph with its convolutions in 8-bit integers.

    Args:
        traced: the graph in float32.
        kept: names of the convolutions that stay in float32.
        samples: what the ranges of the activations are calibrated on.
    """
    from onnxruntime import quantization  # slow to import

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.samples = iter(samples)

        def get_next(self) -> Sample | None:
            return next(self.samples, None)

    with tempfile.TemporaryDirectory() as folder:
        full, reduced = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        onnx.save(traced, full)
        logging.disable(logging.WARNING)  # it advises optimisations that the graph has had already
        try:
            quantization.quantize_static(
                full,
                reduced,
                Reader(),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=["Conv", *JOINED_ACTIVATIONS],
                nodes_to_exclude=kept + activations_of(traced, kept),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(reduced)


def outside(model: onnx.ModelProto, parts: tuple[str, ...]) -> list[str]:
    """Names of the convolutions whose weights' names begin with none of `parts`."""
    return [node.name for node in _convolutions(model) if not node.input[1].startswith(parts)]


def activations_of(model: onnx.ModelProto, convolutions: list[str]) -> list[str]:
    """Names of the activations that follow these convolutions."""
    outputs = {name for node in model.graph.node if node.name in set(convolutions) for name in node.output}
    return [node.name for node in model.graph.node if node.op_type in JOINED_ACTIVATIONS and node.input[0] in outputs]


def ends(model: onnx.ModelProto, networks: int, first: int, last: int) -> list[str]:
    """Names of the first and the last convolutions, so many of each of the equally long networks in a graph."""
    convolutions = [node.name for node in _convolutions(model)]
    length = len(convolutions) // networks
    each = [convolutions[start : start + length] for start in range(0, len(convolutions), length)]
    return [name for names in each for name in (*names[:first], *names[-last:])]


def _convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv"]


class HalfPrecision(nn.Module):
    """A network computing in float16 between float32 inputs and outputs; takes the network over."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the network computes, as a tuple."""
        outputs = self.network(*(values.half() for values in inputs))
        return tuple(values.float() for values in (outputs if isinstance(outputs, tuple) else (outputs,)))


def noise(spec: NetworkSpec, batch: int, size: tuple[int, int]) -> dict[str, Tensor]:
    """Inputs that nothing can be guessed from, by the names of the graph's inputs.

    Args:
        size: height and width for the generator, which gets a hole in the middle; the segmentation net's are fixed.
    """
    random = torch.Generator().manual_seed(0)
    if spec.network == SEGMENTER:
        shape = (batch, spec.in_channels, spec.input_height, spec.input_width)
        return {"input": torch.randn(shape, generator=random)}
    height, width = size
    masks = torch.zeros(batch, 1, height, width)
    masks[:, :, height // 4 : -height // 4, width // 4 : -width // 4] = 1
    channels = torch.rand(batch, spec.in_channels - 1, height, width, generator=random)
    images, hints = channels[:, : spec.out_channels], channels[:, spec.out_channels :]
    return {"img": images, "mask": masks} | ({"hints": hints} if hints.shape[1] else {})


def to_arrays(inputs: dict[str, Tensor]) -> Sample:
    """Tensors as the runtime takes them."""
    return {name: values.numpy() for name, values in inputs.items()}


def trace(network: nn.Module, spec: NetworkSpec) -> onnx.ModelProto:
    """A network as a graph with its weights inside.

    Args:
        network: in evaluation mode, on the CPU.
        spec: which inputs and outputs the graph has; goes into the metadata.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    inputs = noise(spec, TRACED_BATCH, TRACED_SIZE)
    axes = DYNAMIC_AXES[spec.network]
    shapes = tuple(axes for _ in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's remarks about itself
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=OUTPUTS[spec.network],
            dynamic_shapes=(shapes,) if isinstance(network, HalfPrecision) else shapes,  # *inputs is one argument
            verbose=False,
        )
    assert program is not None
    model = program.model_proto

    # The exporter notes the lines of Python each node came from, with their paths, and sizes like 4*((height//4)).
    del model.graph.value_info[:]
    for noted in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        del noted.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in axes.items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    return model


def save_checked(model: onnx.ModelProto, file: Path, path: Path) -> None:
    """Write a graph to `file` and check that it is valid.

    Raises:
        ValueError: it is not; the message names `path`.
    """
    onnx.save(model, file)
    try:
        onnx.checker.check_model(file, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f"'{path}' is not written: the graph is not valid ({error})") from error


def largest_difference(graph: Path, network: nn.Module, inputs: dict[str, Tensor]) -> float:
    """The largest difference of any output value between a graph file, run on the CPU, and the network."""
    answers = ort.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, to_arrays(inputs))
    expected = run_network(network, to_arrays(inputs))
    return max(float(np.abs(a - b).max()) for a, b in zip(answers, expected, strict=True))


def run_network(network: nn.Module, sample: Sample) -> list[NDArray[np.float32]]:
    """The network's outputs, in the order of the graph's."""
    with torch.inference_mode():
        outputs = network(*(torch.from_numpy(values) for values in sample.values()))
    return [values.numpy() for values in (outputs if isinstance(outputs, tuple) else (outputs,))]


def _save_reduced(
    model: onnx.ModelProto,
    precision: str,
    network: nn.Module,
    spec: NetworkSpec,
    path: Path,
    samples: Sequence[Sample],
    min_psnr_db: float,
) -> float:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        save_checked(model, temporary, path)
        psnr = psnr_db(temporary, network, spec, samples)
        if not psnr >= min_psnr_db:
            raise ValueError(
                f"'{path}' is not written: in {precision} it resembles the network by {psnr:.1f} dB only, less than "
                f"--min_psnr {min_psnr_db:g} (an error of one grey level is 48 dB)"
            )
        properties = {METADATA_KEY: spec.to_json(), PRECISION_KEY: precision, PSNR_KEY: f"{psnr:.2f}"}
        helper.set_model_props(model, properties)
        onnx.save(model, temporary)
    return psnr


def psnr_db(graph: Path, network: nn.Module, spec: NetworkSpec, samples: Sequence[Sample]) -> float:
    """How much a graph resembles the network, over what a user sees of it.

    That is the occluder's probability from the segmentation net, and the refined picture in the hole, clamped to
    [0, 1], from the generator.

    Returns:
        The PSNR in decibels over all samples; 48 is an error of one grey level of 256.
    """
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    errors = []
    for sample in samples:
        answer, expected = session.run(None, sample)[-1], run_network(network, sample)[-1]
        if spec.network == SEGMENTER:
            errors.append(np.ravel(_probability(answer) - _probability(expected)))
        else:
            hole = np.broadcast_to(sample["mask"] > 0.5, answer.shape)
            errors.append((answer.clip(0, 1) - expected.clip(0, 1))[hole])
    mse = float(np.mean(np.square(np.concatenate(errors, dtype=np.float64))))
    return float("inf") if mse == 0 else -10 * math.log10(mse)


def _probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of being covered, `(N, h, w)`, from logits of two or four classes."""
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    return likely[:, 1::2].sum(axis=1) / likely.sum(axis=1)
