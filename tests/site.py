"""A site of the web page over tiny networks, for tests: what it is started with, and one page to drop on it."""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np

from tests.graphs import RED, own_specs, write_generator, write_segmenter
from utils.arrays import Image

ROOT = Path(__file__).parents[1]
TOKEN = "a-token-for-tests"


def page(height: int = 900, width: int = 700, occluders: int = 1) -> Image:
    """A page of paper with red bars that come in from the left, which the tiny segmenter finds."""
    image = np.random.default_rng(0).integers(190, 212, (height, width, 3), np.uint8)
    for index in range(occluders):
        image[100 + 300 * index : 250 + 300 * index, :120] = RED
    return image


def encoded(image: Image, extension: str = ".jpg") -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()


def graph_flags(folder: Path) -> list[str]:
    """The flags that name tiny graphs, written to `folder`."""
    segmenter_spec, generator_spec = own_specs()
    return [
        "--deeplabv3_onnx", str(write_segmenter(folder / "s.onnx", segmenter_spec)),
        "--deepfillv2_onnx", str(write_generator(folder / "g.onnx", generator_spec)),
        "--provider", "cpu",
    ]  # fmt: skip


def _interrupt(process):
    """Ctrl-C, once more where the first came while Python could not raise it."""
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return
    process.kill()


@contextmanager
def serving(folder, *flags, port=0):
    """A server of its own; gives the process and the address that it printed."""
    command = [sys.executable, str(ROOT / "predict_web.py"), "--port", str(port), *graph_flags(folder), *flags]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = process.stdout.readline()
            assert line, f"the server ended: {said}"
            said += line
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process, found[0]
    finally:
        _interrupt(process)
