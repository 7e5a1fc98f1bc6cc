"""An ONNX graph on the package `openvino`, with the methods of `onnxruntime.InferenceSession` that are used here.

ONNX Runtime's OpenVINO plug-in offers Intel's processors only. The package itself runs on AMD's as well and computes in
bfloat16 where the processor can (Zen 4 and later), which took half the time of ONNX Runtime's own provider.
"""

import functools
import importlib.util
import queue
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from utils.arrays import Floats
from utils.cores import usable_cores
from utils.spec import METADATA_KEY, NetworkSpec

PROVIDER = "OpenVINOExecutionProvider"  # what ONNX Runtime calls it


def is_installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("openvino") is not None


def has_bfloat16() -> bool:
    """Whether the package is there and the processor computes in bfloat16; without it nothing is gained."""
    return is_installed() and "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Port(NamedTuple):
    """An input or output: its name, and its sizes, None where they are free."""

    name: str
    shape: list[int | None]


class OpenVinoSession:
    """A loaded graph.

    Args:
        path: the file.
        workers: so many threads may run it at the same time, on equal shares of the processor.

    Raises:
        RuntimeError: it cannot be loaded.
    """

    def __init__(self, path: Path, workers: int = 1) -> None:
        core = _core()
        model = core.read_model(path)
        properties = model.rt_info["framework"] if model.has_rt_info("framework") else {}
        self.custom_metadata_map = {name: str(properties[name].astype(str)) for name in properties}
        # Sizes that are known beforehand take a tenth off the generator's time.
        model.reshape({port.get_any_name(): self._fixed(_port(port).shape) for port in model.inputs})
        self.inputs, self.outputs = ([_port(port) for port in ports] for ports in (model.inputs, model.outputs))
        precision = "bf16" if has_bfloat16() else "f32"
        hints = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": workers}
        compiled = core.compile_model(model, "CPU", {**hints, "INFERENCE_NUM_THREADS": max(workers, usable_cores())})
        self.requests: queue.SimpleQueue[Any] = queue.SimpleQueue()  # those that no thread uses at the moment
        for _ in range(workers):
            self.requests.put(compiled.create_infer_request())

    def _fixed(self, shape: list[int | None]) -> list[int]:
        """An input's sizes where they are free: one item, as high and wide as the graph's spec says; -1 stays free."""
        text = self.custom_metadata_map.get(METADATA_KEY)
        spec = NetworkSpec.from_json(text) if text else None
        height, width = (spec.input_height, spec.input_width) if spec else (-1, -1)
        return [known or stated for known, stated in zip(shape, (1, -1, height, width), strict=True)]

    def get_inputs(self) -> list[Port]:
        """The inputs."""
        return self.inputs

    def get_outputs(self) -> list[Port]:
        """The outputs."""
        return self.outputs

    def get_modelmeta(self) -> "OpenVinoSession":
        """What holds `custom_metadata_map`."""
        return self

    def get_providers(self) -> list[str]:
        """What it runs on."""
        return [PROVIDER]

    def run(self, outputs: Sequence[str], feeds: dict[str, Floats]) -> list[Floats]:
        """Arrays by the inputs' names → arrays in the order of `outputs`."""
        request = self.requests.get()
        try:
            results = request.infer(feeds)
            return [results[name] for name in outputs]
        finally:
            self.requests.put(request)


@functools.cache
def _core() -> Any:
    # The package does without its converter, which would report over the network that it was imported, and takes half
    # of the import's time.
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
    import openvino  # optional

    return openvino.Core()


def _port(port: Any) -> Port:
    shape = [size.get_length() if size.is_static else None for size in port.get_partial_shape()]
    return Port(port.get_any_name(), shape)
