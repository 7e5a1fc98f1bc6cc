"""Graphs on ONNX Runtime or OpenVINO, several photos at a time, and what a machine offers."""
