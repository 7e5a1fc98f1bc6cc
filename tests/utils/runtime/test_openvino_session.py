import subprocess
import sys

import numpy as np
import pytest

from tests.graphs import own_specs, write_generator, write_segmenter
from utils.runtime import onnx_backend, openvino_session
from utils.runtime.onnx_backend import choose_provider, load_inpainter, load_segmenter


@pytest.fixture
def amd(monkeypatch):
    """A processor that ONNX Runtime's plug-in does not offer, with the package installed."""
    pytest.importorskip("openvino")
    monkeypatch.setattr(onnx_backend, "nvidia_gpu_count", lambda: 0)
    monkeypatch.setattr(onnx_backend, "openvino_devices", lambda: [])


def test_a_generator_gives_what_onnxruntime_gives(amd, tmp_path):
    path = write_generator(tmp_path / "g.onnx", own_specs()[1])
    run, spec, graph = load_inpainter(path, "openvino")
    expected, spec_there, _ = load_inpainter(path, "cpu")
    assert graph.provider == "openvino" and spec == spec_there
    rng = np.random.default_rng(0)
    feeds = [rng.random((2, channels, 256, 256), dtype=np.float32) for channels in (3, 1)]
    for one, other in zip(run(*feeds), expected(*feeds), strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).mean() < 1 / 255  # bfloat16 where the processor has it


def test_results_stay_when_the_graph_runs_again(amd, tmp_path):
    run, _, _ = load_inpainter(write_generator(tmp_path / "g.onnx", own_specs()[1]), "openvino")
    image, mask = np.full((1, 3, 256, 256), 0.5, np.float32), np.zeros((1, 1, 256, 256), np.float32)
    first = run(image, mask)[1]
    kept = first.copy()
    run(image * 0, mask)
    assert (first == kept).all()


def test_sizes_that_a_graph_leaves_free_are_those_of_its_spec(amd, tmp_path):
    _, _, graph = load_inpainter(write_generator(tmp_path / "g.onnx", own_specs()[1]), "openvino")
    assert graph.shapes == {"img": [1, 3, 256, 256], "mask": [1, 1, 256, 256]}


def test_importing_it_reports_nothing_to_its_makers(amd, tmp_path):
    write_segmenter(tmp_path / "s.onnx", fixed=True)
    code = (
        "import sys; from utils.runtime.openvino_session import OpenVinoSession; from pathlib import Path; "
        f"OpenVinoSession(Path({str(tmp_path / 's.onnx')!r})); "
        "sys.exit(any(name.startswith('openvino_telemetry') and module for name, module in sys.modules.items()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_fixed_shapes_and_missing_metadata_are_read(amd, tmp_path):
    _, spec, graph = load_segmenter(write_segmenter(tmp_path / "s.onnx", fixed=True), "openvino")
    assert graph.shapes == {"input": [1, 3, 640, 480]} and spec.backbone == "unknown"
    with pytest.raises(ValueError, match="not the graph expected here"):
        load_inpainter(tmp_path / "s.onnx", provider="openvino")


def test_what_cannot_be_loaded_is_one_line(amd, tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ValueError, match="--provider openvino: does not load") as caught:
        load_segmenter(tmp_path / "text.onnx", "openvino")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("bfloat16", "expected"), [(True, "openvino"), (False, "cpu")])
def test_auto_takes_the_package_where_it_is_faster(monkeypatch, bfloat16, expected):
    monkeypatch.setattr(onnx_backend, "nvidia_gpu_count", lambda: 0)
    monkeypatch.setattr(onnx_backend, "openvino_devices", lambda: [])
    monkeypatch.setattr(openvino_session, "has_bfloat16", lambda: bfloat16)
    assert choose_provider("auto") == expected
