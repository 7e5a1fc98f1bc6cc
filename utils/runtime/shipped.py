"""The graphs that ship with the toolkit, beside the scripts or inside the package, and the flags that name others."""

import argparse
from pathlib import Path

from utils.flags import positive_int
from utils.options import PROVIDERS
from utils.spec import PUBLISHED_CROP, PUBLISHED_RATIO

GRAPH_FOLDER = Path(__file__).resolve().parents[2] / "onnx_model"
SEGMENTER_GRAPH = GRAPH_FOLDER / "deeplabv3_mobilenetv2.onnx"
GENERATOR_GRAPH = GRAPH_FOLDER / "deepfillv2_G.onnx"


def add_graph_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which graphs to load, and what to run them on."""
    parser.add_argument(
        "--deeplabv3_onnx",
        default=str(SEGMENTER_GRAPH),
        help="segmentation graph (default: the one that ships)",
    )
    parser.add_argument(
        "--deepfillv2_onnx",
        default=str(GENERATOR_GRAPH),
        help="generator graph (default: the one that ships)",
    )
    parser.add_argument(
        "--imgsize", type=positive_int, help=f"side of the crop (default: what the graph states, or {PUBLISHED_CROP})"
    )
    parser.add_argument(
        "--imgresize", type=positive_int, help=f"its reduction (default: what the graph states, or {PUBLISHED_RATIO})"
    )
    parser.add_argument(
        "--provider",
        choices=PROVIDERS,
        default="auto",
        help="what to run on (default: the fastest found)",
    )
