import collections
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import convert
from models import checkpoint, onnx_export
from models.deeplabv3 import DeepLabV3
from models.gated_conv import fold
from tests import published_exporter
from tests.lifelike_root import write_collection
from tests.parity import example, example_mask, published_state
from utils.spec import GENERATOR, METADATA_KEY, NetworkSpec, inpaint_spec, segmenter_spec

ROOT = Path(convert.__file__).parent
PUBLISHED = inpaint_spec(GENERATOR, latent_channels=16)
VARIANTS = [
    inpaint_spec(GENERATOR, 4, 192, 3, pad_type="reflect", activation="prelu", norm="ln"),
    inpaint_spec(GENERATOR, 4, 192, 3, in_channels=8, pad_type="replicate", activation="selu", norm="bn"),
]


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Folder with both checkpoints and, from one run of convert.py, both graphs."""
    folder = tmp_path_factory.mktemp("convert")
    torch.manual_seed(0)
    checkpoint.save_checkpoint(folder / "S.pth", DeepLabV3("mobilenetv2"), segmenter_spec("mobilenetv2"))
    torch.save(published_state("deepfillv2_G_latent16"), folder / "G.pth")
    status = convert.main(
        [
            f"--deeplabv3_pretrain={folder / 'S.pth'}",
            f"--deepfillv2_generator_pretrain={folder / 'G.pth'}",
            f"--save_path1={folder / 'graphs' / 'S.onnx'}",
            f"--save_path2={folder / 'graphs' / 'G.onnx'}",
        ]
    )
    assert status == 0
    return folder


def session(path: Path) -> ort.InferenceSession:
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.slow
def test_graphs_have_the_published_names_and_shapes(converted):
    segmenter, generator = session(converted / "graphs/S.onnx"), session(converted / "graphs/G.onnx")
    shapes = {node.name: node.shape for node in (*segmenter.get_inputs(), *segmenter.get_outputs())}
    assert shapes == {"input": ["batch", 3, 640, 480], "output": ["batch", 2, 640, 480]}
    shapes = {node.name: node.shape for node in (*generator.get_inputs(), *generator.get_outputs())}
    picture = ["batch", 3, "height", "width"]
    assert shapes == {
        "img": picture,
        "mask": ["batch", 1, "height", "width"],
        "first_out": picture,
        "second_out": picture,
    }


@pytest.mark.slow
def test_segmentation_graph_equals_pytorch(converted):
    network, _ = checkpoint.load_segmenter(converted / "S.pth")
    images = example("photo", (1, 3, 640, 480))
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    (logits,) = session(converted / "graphs/S.onnx").run(None, {"input": images})
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_generator_graph_equals_pytorch_at_other_sizes(converted):
    network, _ = checkpoint.load_generator(converted / "G.pth")
    graph = session(converted / "graphs/G.onnx")
    for batch, height, width in ((1, 128, 128), (4, 96, 136)):
        images = example("images", (batch, 3, height, width))
        masks = example_mask("masks", (batch, 1, height, width), 0.7)
        with torch.inference_mode():
            expected = network(torch.from_numpy(images), torch.from_numpy(masks))
        found = graph.run(["first_out", "second_out"], {"img": images, "mask": masks})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=0, atol=1e-3)


@pytest.mark.slow
def test_specs_are_in_the_metadata(converted):
    for name, spec in (("S.onnx", segmenter_spec("mobilenetv2")), ("G.onnx", PUBLISHED)):
        metadata = session(converted / "graphs" / name).get_modelmeta().custom_metadata_map
        assert NetworkSpec.from_json(metadata[METADATA_KEY]) == spec


@pytest.mark.slow
def test_each_gated_layer_is_one_convolution(converted):
    graph = onnx.load(converted / "graphs/G.onnx").graph
    kinds = collections.Counter(node.op_type for node in graph.node)
    assert kinds["Conv"] == 32
    assert kinds["InstanceNormalization"] == 28
    assert not {"Constant", "Cast", "BatchNormalization", "Identity"} & kinds.keys()


@pytest.mark.slow
def test_each_graph_is_one_file_that_names_no_source_file(converted):
    assert sorted(file.name for file in (converted / "graphs").iterdir()) == ["G.onnx", "S.onnx"]
    for name in ("G.onnx", "S.onnx"):
        model = onnx.load(converted / "graphs" / name)
        assert model.opset_import[0].version >= 18
        content = model.SerializeToString()
        assert b".py" not in content
        assert str(ROOT).encode() not in content


@pytest.mark.slow
def test_generator_graph_equals_the_published_exporters(converted):
    network, _ = checkpoint.load_generator(converted / "G.pth")
    fold(network)
    published = session(published_exporter.write_generator(network, converted / "published.onnx", side=64))
    feeds = {"img": example("crop", (1, 3, 64, 64)), "mask": example_mask("mask", (1, 1, 64, 64), 0.7)}
    found = session(converted / "graphs/G.onnx").run(None, feeds)
    for one, other in zip(found, published.run(None, feeds), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("spec", VARIANTS, ids=lambda spec: f"{spec.pad_type}-{spec.activation}-{spec.norm}")
def test_one_network_converts_alone_with_every_kind_of_layer(tmp_path, capsys, spec):
    checkpoint.save_checkpoint(tmp_path / "G.pth", checkpoint.build_generator(spec), spec)
    arguments = [f"--deepfillv2_generator_pretrain={tmp_path / 'G.pth'}", f"--save_path2={tmp_path / 'G.onnx'}"]
    assert convert.main([*arguments, "--save_path1="]) == 0
    assert "largest difference from PyTorch" in capsys.readouterr().out
    metadata = session(tmp_path / "G.onnx").get_modelmeta().custom_metadata_map
    assert NetworkSpec.from_json(metadata[METADATA_KEY]) == spec


@pytest.fixture(scope="module")
def traced():
    """Graphs of the tiny generator by the kind of network that was traced: the exporter takes most of a test's time."""
    return {}


@pytest.fixture
def reduced(tmp_path, traced, monkeypatch):
    """A tiny generator's checkpoint, a training root, and the arguments that convert the one with the other."""
    trace = onnx_export.trace

    def trace_once(network, spec):
        if type(network) not in traced:  # its weights are the same in every test
            traced[type(network)] = trace(network, spec)
        model = onnx.ModelProto()
        model.CopyFrom(traced[type(network)])
        return model

    monkeypatch.setattr(onnx_export, "trace", trace_once)
    torch.manual_seed(0)
    spec = inpaint_spec(GENERATOR, latent_channels=4, imgsize=192, imgresize=3)
    checkpoint.save_checkpoint(tmp_path / "G.pth", checkpoint.build_generator(spec), spec)
    folder = tmp_path / "train_data_1"
    folder.mkdir()
    page = np.full((240, 200, 3), 220, np.uint8)
    page[::20] = 60
    mask = np.zeros((240, 200), np.uint8)
    mask[150:, 60:120] = 128
    for name, picture in (("clean", page), ("covered", page), ("mask", np.dstack([mask] * 3))):
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    (folder / "annotation.txt").write_text("clean.png covered.png mask.png\n")
    return [
        f"--deepfillv2_generator_pretrain={tmp_path / 'G.pth'}",
        f"--save_path2={tmp_path / 'G.onnx'}",
        "--save_path1=",
        f"--baseroot={tmp_path}",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "precision"), [("--fp16=True", "float16"), ("--int8=True", "int8")])
def test_reduced_graph_takes_and_returns_float32_and_states_its_loss(tmp_path, reduced, flag, precision):
    assert convert.main([*reduced, flag, "--min_psnr=20"]) == 0
    graph = session(tmp_path / "G.onnx")
    assert {node.type for node in (*graph.get_inputs(), *graph.get_outputs())} == {"tensor(float)"}
    metadata = graph.get_modelmeta().custom_metadata_map
    assert metadata[onnx_export.PRECISION_KEY] == precision
    assert float(metadata[onnx_export.PSNR_KEY]) >= 20
    assert NetworkSpec.from_json(metadata[METADATA_KEY]).latent_channels == 4
    kinds = collections.Counter(node.op_type for node in onnx.load(tmp_path / "G.onnx").graph.node)
    assert kinds["QuantizeLinear"] > 0 or precision == "float16"
    assert {file.name for file in tmp_path.iterdir()} == {"G.pth", "G.onnx", "train_data_1"}


@pytest.mark.slow
def test_both_ends_of_both_stages_of_an_int8_generator_stay_in_float(tmp_path, reduced):
    assert convert.main([*reduced, "--int8=True", "--min_psnr=20"]) == 0
    graph = onnx.load(tmp_path / "G.onnx").graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    quantised = [makers.get(node.input[0]) == "DequantizeLinear" for node in graph.node if node.op_type == "Conv"]
    stage = [False] * 2 + [True] * 12 + [False] * 2
    assert quantised == stage * 2


def test_the_first_and_last_convolutions_of_each_network_are_its_ends():
    nodes = [onnx.helper.make_node("Conv", ["x", "w"], ["y"], name=str(index)) for index in range(20)]
    graph = onnx.helper.make_model(onnx.helper.make_graph(nodes, "two networks", [], []))
    assert onnx_export.ends(graph, 1, 3, 2) == ["0", "1", "2", "18", "19"]
    assert onnx_export.ends(graph, 2, 1, 2) == ["0", "8", "9", "10", "18", "19"]


@pytest.mark.slow
def test_an_int8_graph_that_is_not_exact_enough_keeps_more_of_its_end_in_float(tmp_path, reduced, monkeypatch):
    psnrs = iter([30.0, 50.0])
    monkeypatch.setattr(onnx_export, "psnr_db", lambda *given: next(psnrs))
    assert convert.main([*reduced, "--int8=True", "--min_psnr=40"]) == 0
    graph = onnx.load(tmp_path / "G.onnx").graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    quantised = [makers.get(node.input[0]) == "DequantizeLinear" for node in graph.node if node.op_type == "Conv"]
    assert quantised == ([False] * 2 + [True] * 11 + [False] * 3) * 2


def test_an_activation_stays_in_float_with_the_convolution_before_it():
    nodes = [
        onnx.helper.make_node("Conv", ["x", "backbone.w"], ["a"], name="first"),
        onnx.helper.make_node("Relu", ["a"], ["b"], name="after first"),
        onnx.helper.make_node("Conv", ["b", "aspp.w"], ["c"], name="second"),
        onnx.helper.make_node("Relu", ["c"], ["d"], name="after second"),
    ]
    graph = onnx.helper.make_model(onnx.helper.make_graph(nodes, "encoder and more", [], []))
    kept = onnx_export.outside(graph, ("aspp.",))
    assert kept == ["first"]
    assert onnx_export.activations_of(graph, kept) == ["after first"]


@pytest.mark.slow
def test_an_int8_segmentation_net_has_its_encoder_and_its_last_step_in_float(tmp_path):
    torch.manual_seed(0)
    spec = segmenter_spec("mobilenetv2", out_channels=4)
    spec = dataclasses.replace(spec, input_height=64, input_width=48)
    checkpoint.save_checkpoint(tmp_path / "S.pth", DeepLabV3("mobilenetv2", num_classes=4), spec)
    root = f"lifelike:{write_collection(tmp_path / 'data')}"
    files = [f"--deeplabv3_pretrain={tmp_path / 'S.pth'}", f"--save_path1={tmp_path / 'S.onnx'}", "--save_path2="]
    flags = ["--int8=True", f"--baseroot={root}", "--calibration_samples=2", "--min_psnr=20"]
    assert convert.main([*files, *flags]) == 0
    graph = onnx.load(tmp_path / "S.onnx").graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    in_float = [name for name in weights if makers.get(name) != "DequantizeLinear"]
    last_step = ("decoder.halved", "decoder.enlarged", "decoder.kept")
    assert all(name.startswith(("backbone.", *last_step)) for name in in_float)
    aspp, decoder = 6, 3
    assert len(in_float) == len(weights) - aspp - decoder


@pytest.mark.slow
def test_samples_of_a_guided_generator_come_with_their_hints(tmp_path):
    spec = inpaint_spec(GENERATOR, latent_channels=4, in_channels=8, imgsize=384, imgresize=6)
    root = f"lifelike:{write_collection(tmp_path / 'data')}"
    args = convert.build_parser().parse_args(["--int8=True", f"--baseroot={root}", "--calibration_samples=1"])
    (sample,) = convert.read_samples(args, spec)
    assert {name: values.shape for name, values in sample.items()} == {
        "img": (1, 3, 64, 64),
        "mask": (1, 1, 64, 64),
        "hints": (1, 4, 64, 64),
    }


@pytest.mark.slow
def test_reduced_graph_that_loses_too_much_is_not_written(tmp_path, reduced, capsys):
    assert convert.main([*reduced, "--fp16=True", "--min_psnr=300"]) == convert.EXIT_FAILED
    assert "in float16 it resembles the network by" in capsys.readouterr().err
    assert not (tmp_path / "G.onnx").exists()


@pytest.mark.parametrize(
    ("flags", "message"), [(["--fp16", "--int8"], "exclude each other"), (["--int8"], "needs --baseroot")]
)
def test_reduced_precision_used_wrongly_is_explained(capsys, flags, message):
    assert convert.main(flags) == convert.EXIT_USAGE
    assert message in capsys.readouterr().err


def test_graph_that_differs_is_not_left_behind(tmp_path, monkeypatch, capsys):
    path = tmp_path / "G.onnx"
    path.write_bytes(b"the graph of an earlier run")
    spec = inpaint_spec(GENERATOR, latent_channels=4)
    checkpoint.save_checkpoint(tmp_path / "G.pth", checkpoint.build_generator(spec), spec)
    monkeypatch.setattr(onnx_export, "trace", lambda *args: onnx.ModelProto())
    monkeypatch.setattr(onnx.checker, "check_model", lambda *args, **kwargs: None)
    monkeypatch.setattr(onnx_export, "largest_difference", lambda *args: 0.25)
    arguments = [f"--deepfillv2_generator_pretrain={tmp_path / 'G.pth'}", f"--save_path2={path}", "--save_path1="]
    assert convert.main(arguments) == convert.EXIT_FAILED
    assert "is not written: the graph differs from PyTorch by 2.5e-01, more than 1e-03" in capsys.readouterr().err
    assert path.read_bytes() == b"the graph of an earlier run"
    assert {file.name for file in tmp_path.iterdir()} == {"G.pth", "G.onnx"}


def test_contradicting_flag_and_missing_checkpoint_are_each_one_line(tmp_path, capsys):
    torch.save(published_state("deeplabv3_mobilenetv2"), tmp_path / "S.pth")
    arguments = [
        f"--deeplabv3_pretrain={tmp_path / 'S.pth'}",
        f"--deepfillv2_generator_pretrain={tmp_path / 'none.pth'}",
        f"--save_path1={tmp_path / 'S.onnx'}",
        f"--save_path2={tmp_path / 'G.onnx'}",
        "--backbone=resnet50",
    ]
    assert convert.main(arguments) == convert.EXIT_FAILED
    first, second = capsys.readouterr().err.strip().splitlines()
    assert "--backbone resnet50 contradicts" in first
    assert "trained with mobilenetv2" in first
    assert "no such checkpoint" in second
    assert [file.name for file in tmp_path.iterdir()] == ["S.pth"]


def test_default_checkpoint_that_is_not_there_is_skipped_with_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert convert.main([]) == convert.EXIT_FAILED
    first, second = capsys.readouterr().err.strip().splitlines()
    assert "no './pytorch_model/deeplabv3_mobilenetv2.pth'" in first
    assert "--deepfillv2_generator_pretrain" in second


@pytest.mark.parametrize("which", ["checkpoint", "graph"])
def test_neither_graph_is_touched_where_one_of_them_cannot_be_made(tmp_path, monkeypatch, capsys, which):
    spec = inpaint_spec(GENERATOR, latent_channels=4)
    for name in ("one.pth", "two.pth"):
        checkpoint.save_checkpoint(tmp_path / name, checkpoint.build_generator(spec), spec)
    monkeypatch.setattr(convert, "load_segmenter", convert.load_generator)  # as small a network for both
    for name in ("S.onnx", "G.onnx"):
        (tmp_path / name).write_bytes(b"earlier")
    if which == "checkpoint":
        (tmp_path / "two.pth").unlink()
    else:
        outcomes = iter((0.0, 0.25))
        monkeypatch.setattr(onnx_export, "trace", lambda *args: onnx.ModelProto())
        monkeypatch.setattr(onnx.checker, "check_model", lambda *args, **kwargs: None)
        monkeypatch.setattr(onnx_export, "largest_difference", lambda *args: next(outcomes))
    flags = {"deeplabv3_pretrain": "one.pth", "deepfillv2_generator_pretrain": "two.pth",
             "save_path1": "S.onnx", "save_path2": "G.onnx"}  # fmt: skip
    before = {path.name for path in tmp_path.iterdir()}
    assert convert.main([f"--{flag}={tmp_path / name}" for flag, name in flags.items()]) == convert.EXIT_FAILED
    error = capsys.readouterr().err
    assert "no such checkpoint" in error or f"'{tmp_path / 'G.onnx'}' is not written: the graph differs" in error
    assert {(tmp_path / name).read_bytes() for name in ("S.onnx", "G.onnx")} == {b"earlier"}
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_graph_never_takes_the_place_of_a_checkpoint_or_of_the_other(tmp_path, capsys):
    (tmp_path / "S.pth").write_bytes(b"weights")
    one = ["--deeplabv3_pretrain", str(tmp_path / "S.pth"), "--save_path1", str(tmp_path / "S.pth"), "--save_path2="]
    assert convert.main(one) == convert.EXIT_USAGE
    assert "is the checkpoint of --deeplabv3_pretrain" in capsys.readouterr().err
    assert (tmp_path / "S.pth").read_bytes() == b"weights"
    assert convert.main([f"--save_path{number}={tmp_path / 'x.onnx'}" for number in (1, 2)]) == convert.EXIT_USAGE
    assert "are both" in capsys.readouterr().err


def test_nothing_to_convert_is_wrong_usage(capsys):
    assert convert.main(["--save_path1=", "--save_path2="]) == convert.EXIT_USAGE
    assert "both empty" in capsys.readouterr().err


def test_help_does_not_wait_for_pytorch():
    code = "import sys, convert; convert.build_parser().format_help(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=os.environ, check=True)
