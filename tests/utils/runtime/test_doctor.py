import pytest

import predict_onnx
from tests.graphs import own_specs, write_segmenter
from utils.runtime import doctor, onnx_backend, openvino_session


@pytest.fixture
def graph(tmp_path):
    return str(write_segmenter(tmp_path / "s.onnx", own_specs()[0]))


@pytest.fixture
def machine(monkeypatch):
    """A healthy machine without a GPU; a test spoils what it is about."""
    versions = {"onnxruntime-gpu": "1.31.1", "torch": "2.15.0"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    monkeypatch.setattr(doctor, "_runtime_cuda", lambda: "13.0")
    monkeypatch.setattr(doctor, "_torch_cuda", lambda: "13.2")
    monkeypatch.setattr(onnx_backend, "nvidia_gpu_count", lambda: 0)
    monkeypatch.setattr(onnx_backend, "openvino_devices", lambda: [])
    monkeypatch.setattr(openvino_session, "is_installed", lambda: False)
    monkeypatch.setattr(doctor, "_cpu_features", lambda: {"avx2", "avx512f"})
    return versions


def test_a_healthy_machine_has_no_problems(machine, graph, capsys):
    assert predict_onnx.main(["--doctor", "--deeplabv3_onnx", graph]) == 0
    out = capsys.readouterr().out
    assert "will run on cpu" in out and "no problems" in out and "provider cpu: loads" in out


def test_a_processor_that_could_be_used_better_is_a_hint_and_no_problem(machine, graph, monkeypatch):
    assert not any("hint" in line for line in doctor.examine(graph)[0])
    monkeypatch.setattr(doctor, "_cpu_features", lambda: {"avx2", "avx512_bf16"})
    found, problems = doctor.examine(graph)
    assert problems == [] and any("pip install openvino" in line for line in found)


def test_two_runtimes_at_once_are_a_problem(machine, graph):
    machine["onnxruntime"] = "1.31.1"
    _, problems = doctor.examine(graph)
    assert len(problems) == 1 and "overwrite each other" in problems[0]


def test_cuda_versions_that_differ_are_a_problem(machine, graph, monkeypatch):
    monkeypatch.setattr(doctor, "_torch_cuda", lambda: "12.8")
    _, problems = doctor.examine(graph)
    assert len(problems) == 1 and "CUDA 13, torch for CUDA 12" in problems[0]


def test_an_unused_gpu_is_a_problem(machine, graph, monkeypatch):
    monkeypatch.setattr(doctor.onnx_backend, "nvidia_gpu_count", lambda: 1)
    monkeypatch.setattr(onnx_backend, "choose_provider", lambda wanted: "cpu")
    _, problems = doctor.examine(graph)
    assert any("there is a GPU, but it is not used" in problem for problem in problems)


def test_a_missing_graph_is_a_problem_and_nothing_breaks(machine, capsys):
    assert predict_onnx.main(["--doctor", "--deeplabv3_onnx", "none.onnx"]) == 1
    out = capsys.readouterr().out
    assert "PROBLEM: --deeplabv3_onnx: no such graph" in out and out.count("none.onnx") == 1
