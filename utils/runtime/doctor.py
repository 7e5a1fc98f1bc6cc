"""What prediction finds on this machine, what it will use, and what to do about each problem."""

import importlib.util
import platform
import re
from importlib import metadata
from pathlib import Path

import onnxruntime as ort

from utils.formats import turbojpeg
from utils.options import PROVIDERS
from utils.runtime import onnx_backend
from utils.runtime.onnx_backend import Graph

PACKAGES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-ep-openvino",
    "openvino",
    "opencv-python",
    "numpy",
    "pillow",
    "jpeglib",
    "torch",
    "onnx",
)
CPU_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def examine(segmenter_graph: str) -> tuple[list[str], list[str]]:
    """Look at packages, GPU, CPU and providers.

    Args:
        segmenter_graph: path of a segmentation graph to try each provider with.

    Returns:
        Lines of what was found, and lines of what is wrong, each with what to do (none where all is well).
    """
    lines, problems = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"], []
    versions = {name: _version(name) for name in PACKAGES}
    lines += [f"{name} {version or 'not installed'}" for name, version in versions.items()]
    lines.append(f"libturbojpeg {'found' if turbojpeg.is_installed() else 'not found'}")
    if versions["onnxruntime"] and versions["onnxruntime-gpu"]:
        problems.append(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other: run `pip uninstall -y "
            "onnxruntime onnxruntime-gpu` and install one of them again"
        )

    gpus = onnx_backend.nvidia_gpu_count()
    runtime_cuda, torch_cuda = _major(_runtime_cuda()), _major(_torch_cuda())
    lines.append(f"NVIDIA GPUs: {gpus}")
    lines.append(f"built for CUDA: onnxruntime {runtime_cuda or 'none'}, torch {torch_cuda or 'none'}")
    if runtime_cuda and torch_cuda and runtime_cuda != torch_cuda:
        problems.append(
            f"onnxruntime-gpu is built for CUDA {runtime_cuda}, torch for CUDA {torch_cuda}: one process cannot load "
            "both; torch 2.11 or later and onnxruntime-gpu 1.27 or later are both built for CUDA 13"
        )
    if gpus and "CUDAExecutionProvider" not in ort.get_available_providers():
        problems.append("there is a GPU, but this onnxruntime cannot use it: install onnxruntime-gpu instead")

    features = _cpu_features()
    lines.append(
        f"CPU: {', '.join(name for name in CPU_FEATURES if name in features) or 'no vector features known here'}"
    )

    try:
        graph = Graph(segmenter_graph, ("input",), ("output",), "auto")
    except (ValueError, OSError) as error:  # auto falls back to the CPU, so it is the graph's fault
        problems.append(f"--deeplabv3_onnx: {error}; no provider was tried")
        return lines, problems
    for provider in PROVIDERS[1:]:
        lines.append(f"provider {provider}: {_try(segmenter_graph, provider)}")
    lines.append(f"will run on {onnx_backend.describe(graph)}")
    if graph.provider == "cpu" and "avx512_bf16" in features:
        lines.append(
            "hint: this processor computes in bfloat16, which that provider does not use: with `pip install openvino` "
            "the networks take half the time"
        )
    if gpus and graph.provider not in ("cuda", "tensorrt"):
        problems.append(f"there is a GPU, but it is not used: {graph.fallback or 'its provider is not built in'}")
    return lines, problems


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _runtime_cuda() -> str:
    """CUDA version that onnxruntime-gpu was built with, "" for the CPU package."""
    try:
        from onnxruntime.capi import build_and_package_info
    except ImportError:
        return ""
    return str(getattr(build_and_package_info, "cuda_version", "") or "")


def _torch_cuda() -> str:
    """CUDA version that torch was built with, read off its files: importing it would take seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    match = re.search(r"^cuda\b.*?=\s*'([\d.]+)'", text, re.MULTILINE)
    return match.group(1) if match else ""


def _major(version: str) -> str:
    return str(version).split(".")[0]


def _cpu_features() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return set()
    match = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(match.group(1).split()) if match else set()


def _try(path: str, provider: str) -> str:
    try:
        Graph(path, ("input",), ("output",), provider)
    except (ValueError, OSError) as error:
        return str(error).partition(": ")[2]
    return "loads"
