import sys
import types

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks import restoration
from benchmarks.looks import grain_kept, rules_continued
from benchmarks.others import load_lama, load_patchmatch

HEIGHT, WIDTH = 240, 320


def ruled(step: int = 40) -> np.ndarray:
    page = np.clip(np.random.default_rng(0).normal(210, 4, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    for y in range(30, HEIGHT, step):
        cv2.line(page, (0, y), (WIDTH, y + 3), (60, 60, 60), 2)
    return page


def hole_in_the_middle() -> np.ndarray:
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[60:180, 100:200] = True
    return hole


@pytest.mark.parametrize("standing", [False, True])
def test_rules_that_go_on_are_counted_and_those_that_stop_or_shift_are_not(standing):
    page, hole = ruled(), hole_in_the_middle()
    stopped, shifted, smeared = page.copy(), page.copy(), page.copy()
    stopped[hole] = 210
    shifted[hole] = np.roll(page, 3, axis=0)[hole]
    smeared[hole] = cv2.blur(page, (31, 31))[hole]
    for repaired, share in ((page, 1), (stopped, 0), (shifted, 0), (smeared, 0)):
        pictures = [np.ascontiguousarray(p.swapaxes(0, 1)) if standing else p for p in (repaired, page)]
        assert rules_continued(*pictures, hole.T if standing else hole) == share


def test_one_rule_of_three_that_arrives_is_a_third():
    page, hole = ruled(), hole_in_the_middle()
    repaired = page.copy()
    repaired[60:140, 100:200] = 210
    assert rules_continued(repaired, page, hole) == pytest.approx(1 / 3)


def test_page_without_rules_has_no_share_of_them():
    page = np.full((HEIGHT, WIDTH, 3), 210, np.uint8)
    cv2.putText(page, "some words 1234", (20, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40, 40, 40), 2)
    assert rules_continued(page, page, hole_in_the_middle()) is None


def test_grain_is_one_where_it_goes_on_and_next_to_nothing_in_a_smear():
    page, hole = ruled(), hole_in_the_middle()
    smeared = page.copy()
    smeared[hole] = cv2.blur(page, (25, 25))[hole]
    assert grain_kept(page, hole) == pytest.approx(1, abs=0.1)
    assert grain_kept(smeared, hole) < 0.2
    assert grain_kept(np.full_like(page, 200), hole) is None
    assert grain_kept(page, np.zeros_like(hole)) is None


def write_graph(path, whole_numbers=False, names=("image", "mask")):
    """A graph that returns its picture with 10 added, as LaMa (float) or MI-GAN (uint8) takes it."""
    kind = TensorProto.UINT8 if whole_numbers else TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info(n, kind, [1, c, 64, 64]) for n, c in zip(names, (3, 1), strict=True)]
    out = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, 64, 64])
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [1.0 if whole_numbers else 255.0])
    more = helper.make_tensor("more", TensorProto.FLOAT, [], [10.0])
    nodes = [
        helper.make_node("Cast", [names[0]], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "scale"], ["levels"]),
        helper.make_node("Add", ["levels", "more"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "lama", inputs, [out], [scale, more])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize("whole_numbers", [False, True])
def test_graph_of_the_user_draws_in_the_hole_alone(tmp_path, whole_numbers):
    fill = load_lama(write_graph(tmp_path / "lama.onnx", whole_numbers))
    page, hole = np.full((HEIGHT, WIDTH, 3), (90, 120, 150), np.uint8), hole_in_the_middle()
    filled = fill(page, hole)
    assert (filled[~hole] == page[~hole]).all()
    assert np.abs(filled[hole].astype(int) - (100, 130, 160)).max() <= 1


def test_another_graph_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"--lama .*none.onnx: there is no such file"):
        load_lama(tmp_path / "none.onnx")
    with pytest.raises(ValueError, match=r"its inputs are \['img', 'mask'\], 'image' and 'mask' are needed"):
        load_lama(write_graph(tmp_path / "other.onnx", names=("img", "mask")))
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ValueError, match=r"--lama .*text.onnx: cannot be loaded"):
        load_lama(tmp_path / "text.onnx")


def test_patchmatch_is_scored_where_its_package_is_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "patchmatch", None)
    assert load_patchmatch() is None
    module = types.SimpleNamespace(
        patchmatch_available=True, inpaint=lambda image, mask, patch_size: np.full_like(image, 7)
    )
    monkeypatch.setitem(sys.modules, "patchmatch", types.SimpleNamespace(patch_match=module))
    page, hole = ruled(), hole_in_the_middle()
    fill = load_patchmatch()
    assert fill is not None and (fill(page, hole)[hole] == 7).all() and (fill(page, hole)[~hole] == page[~hole]).all()
    assert restoration.PATCHMATCH in restoration.list_methods(None, True, False)


def test_methods_of_the_user_stand_beside_the_others(tmp_path):
    methods = restoration.list_methods(None, False, False, load_lama(write_graph(tmp_path / "lama.onnx")))
    assert list(methods) == [restoration.AS_IS, restoration.LAMA]
