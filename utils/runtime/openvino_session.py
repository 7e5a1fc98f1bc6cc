"""An ONNX graph on the package `openvino`, with the methods of `onnxruntime.InferenceSession` that are used here.

ONNX Runtime's OpenVINO plug-in offers Intel's processors only. The package itself runs on AMD's as well and computes in
bfloat16 where the processor can (Zen 4 and later), which took half the time of ONNX Runtime's own provider.
"""

import functools
import importlib.util
import queue
import sys
import threading
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
        self.workers = workers
        self.model = _core().read_model(path)
        properties = self.model.rt_info["framework"] if self.model.has_rt_info("framework") else {}
        self.custom_metadata_map = {name: str(properties[name].astype(str)) for name in properties}
        text = self.custom_metadata_map.get(METADATA_KEY)
        spec = NetworkSpec.from_json(text) if text else None
        height, width = (spec.input_height, spec.input_width) if spec else (None, None)
        free = [_port(port) for port in self.model.inputs]
        self.inputs = [Port(port.name, _filled(port.shape, (1, None, height, width))) for port in free]
        self.free = {port.name: port.shape for port in free}
        self.compiling = threading.Lock()
        self.requests: dict[tuple[int | None, ...], queue.SimpleQueue[Any]] = {}  # by an input's height and width
        glance_size = spec.glance_size if spec and self.free[self.inputs[0].name][2] is None else None
        self._requests_for(glance_size or tuple(self.inputs[0].shape[2:]))  # what is needed first
        self.outputs = [_port(port) for port in self.model.outputs]

    def _requests_for(self, size: tuple[int | None, ...]) -> "queue.SimpleQueue[Any]":
        """Requests that no thread uses at the moment, for inputs of a height and width.

        Sizes that are known beforehand take a tenth off the generator's time, so each is compiled for itself.
        """
        with self.compiling:
            if size not in self.requests:
                shapes = {name: _filled(shape, (1, None, *size)) for name, shape in self.free.items()}
                self.model.reshape({name: [-1 if n is None else n for n in shape] for name, shape in shapes.items()})
                hints = {"INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16() else "f32", "NUM_STREAMS": self.workers}
                threads = {"INFERENCE_NUM_THREADS": max(self.workers, usable_cores())}
                compiled = _core().compile_model(self.model, "CPU", {**hints, **threads})
                self.requests[size] = queue.SimpleQueue()
                for _ in range(self.workers):
                    self.requests[size].put(compiled.create_infer_request())
            return self.requests[size]

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
        requests = self._requests_for(next(iter(feeds.values())).shape[2:])
        request = requests.get()
        try:
            results = request.infer(feeds)
            return [results[name] for name in outputs]
        finally:
            requests.put(request)


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


def _filled(shape: Sequence[int | None], stated: Sequence[int | None]) -> list[int | None]:
    """A shape with what is stated where it is free."""
    return [known or other for known, other in zip(shape, stated, strict=True)]
