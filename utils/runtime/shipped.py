"""Where the graphs are that ship with the toolkit: beside the scripts, or inside the installed package."""

from pathlib import Path

GRAPH_FOLDER = Path(__file__).resolve().parents[2] / "onnx_model"
SEGMENTER_GRAPH = GRAPH_FOLDER / "deeplabv3_mobilenetv2.onnx"
GENERATOR_GRAPH = GRAPH_FOLDER / "deepfillv2_G.onnx"
