"""ONNX graphs as `run` functions (see `utils/stages.py`), on the fastest provider that really loads.

Works with onnxruntime-gpu or onnxruntime, and with graphs written by the published exporter: fixed shapes, opset 11, no
metadata.
"""

import ctypes
import functools
import importlib.util
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort

from utils.arrays import AnyArray, Floats
from utils.cores import usable_cores
from utils.options import PROVIDERS, RemovalOptions
from utils.runtime import openvino_session
from utils.runtime.batching import Batcher
from utils.runtime.openvino_session import OpenVinoSession
from utils.spec import (
    CLASS_COUNTS,
    GENERATOR,
    METADATA_KEY,
    PUBLISHED_CROP,
    PUBLISHED_RATIO,
    SEGMENTER,
    NetworkSpec,
    segmenter_spec,
)
from utils.spec import inpaint_spec as published_spec
from utils.stages import Inpainter, Run, Segmenter

if TYPE_CHECKING:
    from utils.remover import OccluderRemover

_EP_NAMES = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_INSTALL_HINTS = {
    "cuda": "it needs an NVIDIA GPU with its driver and `pip install onnxruntime-gpu[cuda,cudnn]`",
    "tensorrt": "it needs an NVIDIA GPU with its driver and `pip install onnxruntime-gpu tensorrt-cu13`",
    "openvino": "it needs `pip install onnxruntime-ep-openvino` (Intel processors) or `pip install openvino` (others)",
}
HINTS = "hints"  # the third input of a guided generator
_OPENVINO_PACKAGE = "onnxruntime_ep_openvino"
_CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC"}  # trying them all out takes seconds for every size of batch
# Items in one run, of those that one thread runs at a time. TensorRT builds an engine for every size. On a CPU a batch
# takes as long as its items one by one, and more memory: several threads each run their own there.
_MAX_BATCH = {"cuda": 8, "tensorrt": 1}

ort.set_default_logger_severity(4)  # a provider that fails to load is our own message, not a page of the library's


def nvidia_gpu_count() -> int:
    """How many NVIDIA GPUs the driver of this machine reports; 0 without a driver."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


@functools.cache
def openvino_devices() -> list[Any]:
    """The CPU devices of the OpenVINO plug-in; empty where the package is missing or the processor is not supported."""
    if importlib.util.find_spec(_OPENVINO_PACKAGE) is None or not hasattr(ort, "get_ep_devices"):
        return []
    plugin = importlib.import_module(_OPENVINO_PACKAGE)

    def registered() -> list[Any]:
        return [device for device in ort.get_ep_devices() if device.ep_name == plugin.get_ep_name()]

    if not registered():
        try:
            ort.register_execution_provider_library(plugin.get_ep_name(), plugin.get_library_path())
        except Exception:  # the library raises its own types, and any failure means the same: not usable here
            return []
    return [device for device in registered() if device.ep_metadata.get("ov_device") == "CPU"]


def choose_provider(wanted: str = "auto") -> str:
    """The provider to try first.

    Args:
        wanted: one of `PROVIDERS`.

    Returns:
        `cuda`, `tensorrt`, `openvino` or `cpu`. `auto` gives `cuda` where there is an NVIDIA GPU and a runtime built
        for it, else `openvino` where its plug-in finds a device, or its package a processor with bfloat16, else `cpu`.

    Raises:
        ValueError: a provider asked for by name is not there; the message says what it needs.
    """
    if wanted not in PROVIDERS:
        raise ValueError(f"--provider {wanted}: must be one of {', '.join(PROVIDERS)}")
    available = ort.get_available_providers()
    if wanted == "auto":
        if _EP_NAMES["cuda"] in available and nvidia_gpu_count():
            return "cuda"
        return "openvino" if openvino_devices() or openvino_session.has_bfloat16() else "cpu"
    if wanted == "openvino":
        usable = bool(openvino_devices()) or openvino_session.is_installed()
    else:
        usable = _EP_NAMES[wanted] in available and (wanted == "cpu" or nvidia_gpu_count() > 0)
    if not usable:
        raise ValueError(f"--provider {wanted}: not usable here; {_INSTALL_HINTS[wanted]}, or use --provider auto")
    return wanted


class Graph:
    """One ONNX graph, loaded once.

    Args:
        path: the file.
        inputs, outputs: the names it must have.
        optional: names of further inputs that it may have.
        wanted: one of `PROVIDERS`.
        workers: so many threads may run it at the same time; on a CPU they share its cores.

    Attributes:
        provider: what it really runs on: `cuda`, `tensorrt`, `openvino` or `cpu`.
        fallback: one line that says why it is not the provider chosen first, or "".
        spec: the `NetworkSpec` in its metadata, or None.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no ONNX graph, or its inputs and outputs have other names, or the provider asked for by name
            does not load.
    """

    def __init__(
        self,
        path: str | Path,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        wanted: str,
        workers: int = 1,
        optional: tuple[str, ...] = (),
    ) -> None:
        self.path = Path(path)
        self.outputs = outputs
        self.workers = workers
        if not self.path.is_file():
            raise FileNotFoundError(f"no such graph: '{path}'; write it with convert.py or name another file")
        self.provider = choose_provider(wanted)
        self.fallback = ""
        try:
            self.session = self._session(self.provider)
        except RuntimeError as error:
            if self.provider == "cpu":
                raise ValueError(f"cannot load '{path}': {_first_line(error)}") from error
            self._fall_back(wanted, _first_line(error))
        else:
            if _EP_NAMES[self.provider] not in self.session.get_providers():
                self._fall_back(wanted, "its libraries do not load")
        self._check_names(inputs, optional)
        self.shapes = {node.name: node.shape for node in self.session.get_inputs()}
        text = self.session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.spec = NetworkSpec.from_json(text) if text else None

    def _session(self, provider: str) -> ort.InferenceSession | OpenVinoSession:
        options = ort.SessionOptions()
        try:
            if provider == "openvino":
                if not openvino_devices() and openvino_session.is_installed():
                    return OpenVinoSession(self.path, self.workers)
                options.add_provider_for_devices(openvino_devices()[:1], {})
                return ort.InferenceSession(self.path, options)
            if provider in ("cuda", "tensorrt") and hasattr(ort, "preload_dlls"):
                ort.preload_dlls()
            options.enable_mem_pattern = False  # it doubles the memory and saved no time: measured on both graphs
            # Threads that wait by spinning took a fifth more processor time, which other photos can use.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            if provider == "cpu":
                # Each worker computes for itself, the cores that are left help all. That a run has one picture is worth
                # a twentieth of the segmentation's time.
                options.intra_op_num_threads = max(1, usable_cores() - self.workers + 1)
                options.add_free_dimension_override_by_name("batch", 1)
            chain = {"tensorrt": ("tensorrt", "cuda", "cpu"), "cuda": ("cuda", "cpu"), "cpu": ("cpu",)}[provider]
            providers = [(_EP_NAMES[name], _CUDA_OPTIONS if name == "cuda" else {}) for name in chain]
            return ort.InferenceSession(self.path, options, providers=providers)
        except Exception as error:  # onnxruntime raises a dozen types of its own, all derived from Exception only
            raise RuntimeError(str(error)) from error

    def _fall_back(self, wanted: str, reason: str) -> None:
        if wanted != "auto":
            raise ValueError(f"--provider {wanted}: does not load ({reason}); {_INSTALL_HINTS[wanted]}")
        self.fallback = f"{_EP_NAMES[self.provider]} does not load ({reason}); running on the CPU instead"
        self.provider = "cpu"
        try:
            self.session = self._session("cpu")
        except RuntimeError as error:
            raise ValueError(f"cannot load '{self.path}': {_first_line(error)}") from error

    def _check_names(self, inputs: tuple[str, ...], optional: tuple[str, ...]) -> None:
        found_in = {node.name for node in self.session.get_inputs()}
        found_out = {node.name for node in self.session.get_outputs()}
        if found_in - set(optional) != set(inputs) or not set(self.outputs) <= found_out:
            raise ValueError(
                f"'{self.path}' is not the graph expected here: inputs {sorted(inputs)} and outputs "
                f"{sorted(self.outputs)} are needed, it has {sorted(found_in)} and {sorted(found_out)}"
            )

    def run(self, **feeds: Floats) -> tuple[Floats, ...]:
        """Run a batch; a graph with a fixed batch size gets it in pieces.

        Args:
            feeds: the inputs by name, each `(N, C, h, w)` float32.

        Returns:
            The outputs in the order asked for, each `(N, …)` float32.
        """
        fixed = next((shape[0] for shape in self.shapes.values() if isinstance(shape[0], int)), None)
        count = len(next(iter(feeds.values())))
        if fixed is None or fixed == count:
            return tuple(self.session.run(list(self.outputs), feeds))
        pieces = []
        for start in range(0, count, fixed):
            piece = {name: _filled_up(values[start : start + fixed], fixed) for name, values in feeds.items()}
            pieces.append(self.session.run(list(self.outputs), piece))
        return tuple(np.concatenate(parts)[:count] for parts in zip(*pieces, strict=True))

    def shared(self, run: Run) -> Run:
        """`run`, which runs this graph, for any number of threads: they wait for their turn."""
        if self.provider in _MAX_BATCH:
            return Batcher(run, _MAX_BATCH[self.provider])
        turns = threading.Semaphore(self.workers)

        def run_in_turn(*inputs: Floats) -> tuple[Floats, ...]:
            with turns:
                return run(*inputs)

        return run_in_turn

    def fixed_size(self, name: str) -> tuple[int | None, int | None]:
        """Height and width of an input where the graph fixes them, else None."""
        _, _, height, width = self.shapes[name]
        return (height if isinstance(height, int) else None), (width if isinstance(width, int) else None)

    def check_channels(self, name: str, *channels: int) -> int:
        """Refuse a graph whose input or output of this name is not `(N, c, h, w)`, c one of `channels`.

        Returns:
            c, or the first of `channels` where the graph leaves it open.

        Raises:
            ValueError: it names the shape found and the one needed.
        """
        nodes = (*self.session.get_inputs(), *self.session.get_outputs())
        shape = next(node.shape for node in nodes if node.name == name)
        if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] not in channels):
            count = " or ".join(map(str, channels))
            raise ValueError(f"'{self.path}': '{name}' must be (N, {count}, height, width), it is {shape}")
        return shape[1] if isinstance(shape[1], int) else channels[0]


def load_segmenter(path: str | Path, provider: str = "auto", workers: int = 1) -> tuple[Run, NetworkSpec, Graph]:
    """The segmentation graph, ready for `utils.stages.Segmenter`.

    Args:
        path: a graph with input `input` and output `output`.
        provider, workers: see `Graph`.

    Returns:
        `run`, the spec (the published set-up for a graph without metadata) and the loaded graph.

    Raises:
        FileNotFoundError, ValueError: see `Graph`; also for a graph of another network.
    """
    graph = Graph(path, ("input",), ("output",), provider, workers)
    graph.check_channels("input", 3)
    classes = graph.check_channels("output", *CLASS_COUNTS)
    spec = graph.spec or segmenter_spec(backbone="unknown", out_channels=classes)
    _check_network(graph, spec, SEGMENTER)
    spec = _with_fixed_size(spec, *graph.fixed_size("input"))
    return graph.shared(lambda images: graph.run(input=images)), spec, graph


def load_inpainter(
    path: str | Path,
    provider: str = "auto",
    imgsize: int | None = None,
    imgresize: int | None = None,
    workers: int = 1,
) -> tuple[Run, NetworkSpec, Graph]:
    """The generator's graph, ready for `utils.stages.Inpainter`.

    Args:
        path: a graph with inputs `img`, `mask`, perhaps `hints`, and outputs `first_out`, `second_out`.
        provider, workers: see `Graph`.
        imgsize, imgresize: crop and ratio; None takes what the graph states, or the published ones.

    Returns:
        `run`, the spec and the loaded graph.

    Raises:
        FileNotFoundError, ValueError: see `Graph`; also for a graph of another network and for a crop that
            contradicts the graph.
    """
    graph = Graph(path, ("img", "mask"), ("first_out", "second_out"), provider, workers, (HINTS,))
    for name, channels in (("img", 3), ("mask", 1), ("first_out", 3), ("second_out", 3)):
        graph.check_channels(name, channels)
    if graph.spec is None:
        spec = published_spec(GENERATOR, imgsize=imgsize or PUBLISHED_CROP, imgresize=imgresize or PUBLISHED_RATIO)
    else:
        spec = graph.spec
        _check_network(graph, spec, GENERATOR)
        spec = _with_crop(spec, imgsize, imgresize)
        for flag, given, stated in (
            ("--imgsize", imgsize, spec.imgsize),
            ("--imgresize", imgresize, spec.imgresize),
        ):
            if given is not None and given != stated:
                raise ValueError(
                    f"{flag} {given} contradicts '{path}', which was trained with {stated}; leave the flag out"
                )
    height, width = graph.fixed_size("img")
    if (height or spec.input_height, width or spec.input_width) != (spec.input_height, spec.input_width):
        raise ValueError(
            f"--imgsize {spec.imgsize} and --imgresize {spec.imgresize} give a generator input of "
            f"{spec.input_height}×{spec.input_width}, but '{path}' takes {height}×{width} only"
        )
    if spec.guided != (HINTS in graph.shapes):
        raise ValueError(f"'{path}': its spec says in_channels {spec.in_channels}, its inputs are {list(graph.shapes)}")

    def run(images: Floats, masks: Floats, *hints: Floats) -> tuple[Floats, ...]:
        return graph.run(img=images, mask=masks, **dict(zip((HINTS,), hints, strict=False)))

    return graph.shared(run), spec, graph


def _with_crop(spec: NetworkSpec, imgsize: int | None, imgresize: int | None) -> NetworkSpec:
    """The spec with the crop that the user wants, where the network takes any of the size of its input."""
    if not spec.follows_hole or (imgsize is None and imgresize is None):
        return spec
    size = imgsize or (imgresize or 0) * spec.input_height
    ratio = imgresize or size // spec.input_height
    if ratio < 1 or size != ratio * spec.input_height:
        return spec
    return replace(spec, imgsize=size, imgresize=ratio, crops="published")


def _check_network(graph: Graph, spec: NetworkSpec, expected: str) -> None:
    if spec.network != expected:
        raise ValueError(f"'{graph.path}' holds the network {spec.network}, {expected} is needed here")


def _with_fixed_size(spec: NetworkSpec, height: int | None, width: int | None) -> NetworkSpec:
    return replace(spec, input_height=height or spec.input_height, input_width=width or spec.input_width)


def _filled_up(values: AnyArray, count: int) -> AnyArray:
    """Repeat the last item until there are `count`."""
    missing = count - len(values)
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) if missing else values


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]


def load_remover(
    segmenter: str | Path,
    generator: str | Path,
    options: RemovalOptions,
    provider: str = "auto",
    imgsize: int | None = None,
    imgresize: int | None = None,
    workers: int = 1,
) -> tuple["OccluderRemover", str]:
    """The whole flow over two graphs, which are loaded side by side.

    The generator's graph is not touched where the options do without it.

    Args:
        segmenter, generator: the graphs.
        options: of the removal.
        provider, imgsize, imgresize, workers: see `load_segmenter` and `load_inpainter`.

    Returns:
        The remover, and in one line what it runs on.

    Raises:
        FileNotFoundError, ValueError: see `Graph` and `load_inpainter`.
    """
    choose_provider(provider)  # finds out once, before two threads ask
    with ThreadPoolExecutor(2) as loaders:
        segmenting = loaders.submit(load_segmenter, segmenter, provider, workers)
        inpainting = None
        if not options.without_network:
            inpainting = loaders.submit(load_inpainter, generator, provider, imgsize, imgresize, workers)
        from utils.remover import OccluderRemover  # with all that repairs pages, while the graphs load

        segment, segment_spec, graph = segmenting.result()
        graphs, inpainter = [graph], None
        if inpainting is not None:
            inpaint, inpaint_spec, graph = inpainting.result()
            graphs.append(graph)
            inpainter = Inpainter(inpaint, inpaint_spec)
    return OccluderRemover(Segmenter(segment, segment_spec), inpainter, options), describe(*graphs)


def describe(*graphs: Graph) -> str:
    """What the graphs run on, in one line, with the reason where it is not what was chosen first."""
    providers = dict.fromkeys(f"{graph.provider} ({_EP_NAMES[graph.provider]})" for graph in graphs)
    reasons = dict.fromkeys(graph.fallback for graph in graphs if graph.fallback)
    return "; ".join([" and ".join(providers), *reasons])
