from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.graphs import own_specs, write_generator, write_segmenter
from utils.page.guidance import guide
from utils.runtime import onnx_backend, openvino_session
from utils.runtime.onnx_backend import choose_provider, describe, load_inpainter, load_segmenter
from utils.spec import DISCRIMINATOR, GENERATOR, inpaint_spec, segmenter_spec
from utils.stages import Inpainter, Segmenter


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(onnx_backend, "nvidia_gpu_count", lambda: 0)
    monkeypatch.setattr(onnx_backend, "openvino_devices", lambda: [])
    monkeypatch.setattr(openvino_session, "is_installed", lambda: False)


def test_own_graphs_bring_their_spec(tmp_path):
    segmenter_spec_, generator_spec = own_specs()
    _, spec, graph = load_segmenter(write_segmenter(tmp_path / "s.onnx", segmenter_spec_))
    assert spec == segmenter_spec_ and graph.provider == "cpu"
    assert load_inpainter(write_generator(tmp_path / "g.onnx", generator_spec))[1] == generator_spec


def test_graph_of_four_classes_tells_what_is_covered_and_what_is_no_page(tmp_path):
    run, spec, _ = load_segmenter(
        write_segmenter(tmp_path / "s.onnx", segmenter_spec("mobilenetv2", out_channels=4), classes=4)
    )
    answer = Segmenter(run, spec)(np.full((100, 80, 3), 200, np.uint8))
    assert answer.covered.shape == answer.off_page.shape == (640, 480)
    assert np.allclose(answer.off_page, 2 / 3, atol=0.01) and (answer.covered < 0.4).all()  # three classes alike


@pytest.mark.parametrize("opset", [11, 18])
def test_graphs_without_metadata_and_with_fixed_shapes_run(tmp_path, opset):
    run, spec, _ = load_segmenter(write_segmenter(tmp_path / "s.onnx", fixed=True, opset=opset))
    image = np.full((100, 80, 3), 200, np.uint8)
    assert Segmenter(run, spec)(image).covered.shape == (640, 480)
    run, spec, _ = load_inpainter(write_generator(tmp_path / "g.onnx", fixed=True, opset=opset))
    inpainter = Inpainter(run, spec)
    assert inpainter.crop_side == 1536
    assert len(inpainter([image] * 3, [np.zeros((100, 80), bool)] * 3)) == 3


def test_fixed_batch_gives_what_a_dynamic_one_gives(tmp_path):
    fixed, _, _ = load_inpainter(write_generator(tmp_path / "f.onnx", fixed=True))
    dynamic, _, _ = load_inpainter(write_generator(tmp_path / "d.onnx"))
    rng = np.random.default_rng(0)
    images = rng.random((3, 3, 256, 256), dtype=np.float32)
    masks = rng.random((3, 1, 256, 256), dtype=np.float32)
    for one, other in zip(fixed(images, masks), dynamic(images, masks), strict=True):
        assert np.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_workers_that_run_a_graph_together_get_what_they_get_alone(tmp_path, monkeypatch, provider):
    if provider == "openvino":
        pytest.importorskip("openvino")
        monkeypatch.setattr(openvino_session, "is_installed", lambda: True)
    run, _, graph = load_inpainter(write_generator(tmp_path / "g.onnx", own_specs()[1]), provider, workers=3)
    assert graph.provider == provider
    inputs = [[np.full((1, channels, 256, 256), level / 16, np.float32) for channels in (3, 1)] for level in range(16)]
    alone = [run(*arrays)[1] for arrays in inputs]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda arrays: run(*arrays)[1], inputs))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_a_flag_that_contradicts_the_graph_is_an_error(tmp_path):
    path = write_generator(tmp_path / "g.onnx", own_specs()[1])
    with pytest.raises(ValueError, match=r"--imgsize 1024 contradicts .* trained with 1536"):
        load_inpainter(path, imgsize=1024)
    assert load_inpainter(path, imgsize=1536, imgresize=6)[1].imgsize == 1536


def test_a_crop_that_does_not_fit_a_fixed_graph_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"128×128, but .* takes 256×256 only"):
        load_inpainter(write_generator(tmp_path / "g.onnx", fixed=True), imgsize=768)


def test_wrong_graphs_are_named(tmp_path):
    segmenter = write_segmenter(tmp_path / "s.onnx", segmenter_spec("resnet50"))
    with pytest.raises(ValueError, match=r"not the graph expected here: inputs \['img', 'mask'\]"):
        load_inpainter(segmenter)
    with pytest.raises(ValueError, match=r"'input' must be \(N, 3, height, width\)"):
        load_segmenter(write_segmenter(tmp_path / "c.onnx", channels=4))
    with pytest.raises(ValueError, match=r"'output' must be \(N, 2 or 4, height, width\), it is .*21"):
        load_segmenter(write_segmenter(tmp_path / "k.onnx", classes=21))
    other = write_generator(tmp_path / "d.onnx", inpaint_spec(DISCRIMINATOR))
    with pytest.raises(ValueError, match=f"{DISCRIMINATOR}, {GENERATOR} is needed"):
        load_inpainter(other)
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ValueError, match=r"cannot load '.*text\.onnx'"):
        load_segmenter(tmp_path / "text.onnx")
    with pytest.raises(FileNotFoundError, match="no such graph"):
        load_segmenter(tmp_path / "missing.onnx")


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "openvino"])
def test_a_provider_asked_for_by_name_must_be_there(name):
    with pytest.raises(ValueError, match=rf"--provider {name}: not usable here; it needs .*`pip install"):
        choose_provider(name)


def test_auto_falls_back_with_a_reason_when_a_provider_does_not_load(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_backend, "choose_provider", lambda wanted: "openvino")
    _, _, graph = load_segmenter(write_segmenter(tmp_path / "s.onnx"))
    assert graph.provider == "cpu"
    assert "OpenVINOExecutionProvider does not load" in describe(graph)
    with pytest.raises(ValueError, match="--provider openvino: does not load"):
        load_segmenter(tmp_path / "s.onnx", "openvino")


GUIDED = inpaint_spec(GENERATOR, 4, 192, 3, in_channels=8, crops="hole")


@pytest.mark.slow
def test_guided_generator_reads_its_hints_and_needs_them(tmp_path):
    import torch

    from models import onnx_export
    from models.deepfillv2 import InpaintGenerator
    from models.gated_conv import fold

    torch.manual_seed(0)
    network = InpaintGenerator(4, in_channels=8).eval()
    fold(network)
    onnx_export.export(network, GUIDED, tmp_path / "G.onnx")
    run, spec, _ = load_inpainter(tmp_path / "G.onnx", "cpu")
    inpainter = Inpainter(run, spec)
    assert inpainter.guided and spec.follows_hole and inpainter.side == 64
    page, hole = np.full((64, 64, 3), 200, np.uint8), np.zeros((64, 64), bool)
    hole[20:40, 20:40] = True
    with pytest.raises(ValueError, match="in_channels 8"):
        inpainter([page], [hole])
    (given,) = inpainter.draw([page], [hole], guidance=[guide(page, hole)])
    (other,) = inpainter.draw([page], [hole], guidance=[np.zeros((64, 64, 4), np.uint8)])
    assert not np.array_equal(given, other)


def test_crop_that_is_asked_for_replaces_the_rule_where_it_gives_the_same_input(tmp_path):
    graph = write_generator(tmp_path / "G.onnx", GUIDED)
    _, spec, _ = load_inpainter(graph, "cpu", 256, 4)
    assert (spec.imgsize, spec.imgresize, spec.follows_hole) == (256, 4, False)
    _, spec, _ = load_inpainter(graph, "cpu", imgsize=128)
    assert (spec.imgsize, spec.imgresize, spec.follows_hole) == (128, 2, False)
    with pytest.raises(ValueError, match="--imgsize 250 contradicts"):
        load_inpainter(graph, "cpu", imgsize=250)
