import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import torch

import predict_onnx
from models.deepfillv2 import InpaintGenerator
from models.deeplabv3 import DeepLabV3
from models.gated_conv import fold
from tests import published_exporter
from tests.graphs import RED, own_specs, write_generator, write_segmenter
from tests.published_flow import published

ROOT = Path(__file__).parents[1]


def page(height=450, width=350, occluders=1):
    image = np.random.default_rng(0).integers(190, 212, (height, width, 3), np.uint8)
    for index in range(occluders):
        image[50 + 150 * index : 125 + 150 * index, :60] = RED
    return image


@pytest.fixture
def graphs(tmp_path):
    segmenter_spec, generator_spec = own_specs()
    return [
        "--deeplabv3_onnx", str(write_segmenter(tmp_path / "s.onnx", segmenter_spec)),
        "--deepfillv2_onnx", str(write_generator(tmp_path / "g.onnx", generator_spec)),
        "--provider", "cpu", "--structure", "off",
    ]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "photos"
    source.mkdir()
    cv2.imwrite(str(source / "one.jpg"), page())
    cv2.imwrite(str(source / "lying.PNG"), np.ascontiguousarray(page().swapaxes(0, 1)))
    cv2.imwrite(str(source / "two.png"), page(occluders=2))
    cv2.imwrite(str(source / "grey.png"), cv2.cvtColor(page(occluders=0), cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(source / "small.png"), page(150, 120))
    return source


def run(folder, graphs, *more):
    target = folder.parent / "out"
    status = predict_onnx.main(["--src_image_dir", str(folder), "--save_dir", str(target), *graphs, *more])
    return status, target


def red_pixels(path):
    image = cv2.imread(str(path)).astype(int)
    return int((image[..., 2] - image[..., 0] > 100).sum())


def test_a_folder_of_all_kinds_is_cleaned(folder, graphs, capsys):
    status, target = run(folder, graphs)
    assert status == 0
    assert sorted(p.name for p in target.iterdir()) == sorted(p.name for p in folder.iterdir())
    for path in folder.iterdir():
        assert red_pixels(target / path.name) == 0
        assert cv2.imread(str(target / path.name)).shape == cv2.imread(str(path)).shape
    assert (target / "grey.png").read_bytes() == (folder / "grey.png").read_bytes()
    out = capsys.readouterr().out
    assert "running on cpu" in out
    assert "two.png: repaired 2 regions" in out
    assert "grey.png: nothing to remove" in out
    assert "4 repaired, 1 clean" in out


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["off", "auto"])
def test_how_many_photos_at_a_time_changes_no_byte(folder, graphs, structure):
    written = []
    for workers in ("1", "4"):
        _, target = run(folder, graphs, "--structure", structure, "--num_workers", workers)
        written.append({path.name: path.read_bytes() for path in target.iterdir()})
    assert len(written[0]) == 5 and written[0] == written[1]


def test_a_bad_file_is_named_and_the_others_are_done(folder, graphs, capsys):
    (folder / "notes.jpg").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    report = folder.parent / "run.jsonl"
    status, target = run(folder, graphs, "--report", str(report))
    lines = {line["name"]: line for line in map(json.loads, report.read_text().splitlines())}
    assert status == 1
    assert lines["notes.jpg"]["sha256"] == hashlib.sha256(b"not a picture").hexdigest()
    errors = capsys.readouterr().err
    assert "notes.jpg: failed" in errors and "empty.png: failed" in errors
    assert red_pixels(target / "one.jpg") == 0
    assert not (target / "notes.jpg").exists()


def test_the_folder_of_the_photos_is_never_the_target(folder, graphs, capsys):
    before = {p: p.read_bytes() for p in folder.iterdir()}
    status = predict_onnx.main(["--src_image_dir", str(folder), "--save_dir", str(folder / "."), *graphs])
    assert status == 2
    assert "originals are never overwritten" in capsys.readouterr().err
    assert before == {p: p.read_bytes() for p in folder.iterdir()}


def test_missing_and_empty_folders_are_named(tmp_path, graphs, capsys):
    assert predict_onnx.main(["--src_image_dir", str(tmp_path / "none"), *graphs]) == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "void").mkdir()
    out = ["--save_dir", str(tmp_path / "out")]
    assert predict_onnx.main(["--src_image_dir", str(tmp_path / "void"), *out, *graphs]) == 2
    assert "no photos" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--src_image_dir", "--save_dir"])
def test_an_empty_name_is_not_the_current_folder(folder, graphs, capsys, monkeypatch, flag):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    argv = ["--src_image_dir", str(folder), "--save_dir", str(folder.parent / "out"), *graphs, flag, ""]
    assert predict_onnx.main(argv) == 2
    assert f"{flag} '': name a folder" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
def test_recursive_mirrors_the_tree_and_leaves_results_out(folder, graphs):
    (folder / "sub").mkdir()
    (folder / "one.jpg").rename(folder / "sub" / "one.jpg")
    target = folder / "done"
    for _ in range(2):
        argv = ["--src_image_dir", str(folder), "--save_dir", str(target), "--recursive", "True", *graphs]
        assert predict_onnx.main(argv) == 0
    assert red_pixels(target / "sub" / "one.jpg") == 0
    assert not (target / "done").exists()


@pytest.mark.slow
@pytest.mark.parametrize("report", [[], ["--report", "run.jsonl"]])
def test_skip_existing_continues_an_interrupted_run(folder, graphs, capsys, monkeypatch, report):
    monkeypatch.chdir(folder.parent)
    _, target = run(folder, graphs, *report)
    (target / "two.png").unlink()
    stamp = (target / "one.jpg").stat().st_mtime_ns
    run(folder, graphs, "--skip_existing", "True", *report)
    assert (target / "two.png").exists()
    assert (target / "one.jpg").stat().st_mtime_ns == stamp
    # in a copy there is no place to say what was looked for
    assert ("4 skipped" if report else "3 skipped, 1 clean") in capsys.readouterr().out


@pytest.mark.slow
def test_skip_existing_does_again_what_was_done_with_other_options_or_weights(folder, graphs, tmp_path, capsys):
    run(folder, graphs)
    run(folder, graphs, "--skip_existing", "True", "--grow_px", "40")
    out = capsys.readouterr().out
    assert "4 were there already and done again: 4 with other options or weights" in out
    other = write_segmenter(tmp_path / "other.onnx", own_specs()[0], opset=17)
    run(folder, graphs, "--skip_existing", "True", "--grow_px", "40", "--deeplabv3_onnx", str(other))
    assert "4 with other options or weights" in capsys.readouterr().out
    run(folder, graphs, "--skip_existing", "True", "--grow_px", "40", "--deeplabv3_onnx", str(other))
    assert "4 skipped, 1 clean" in capsys.readouterr().out


@pytest.mark.slow
def test_results_have_the_times_of_their_photos_where_asked(folder, graphs):
    for path in folder.iterdir():
        os.utime(path, (1_000_000_000, 1_100_000_000))
    _, target = run(folder, graphs, "--keep_times", "True")
    assert {int(path.stat().st_mtime) for path in target.iterdir()} == {1_100_000_000}
    _, target = run(folder, graphs)
    assert 1_100_000_000 not in {int(path.stat().st_mtime) for path in target.iterdir()}


def test_report_masks_and_comparisons_are_written(folder, graphs):
    report = folder.parent / "run.jsonl"
    _, target = run(folder, graphs, "--report", str(report), "--save_mask", "--save_comparison", "True")
    lines = {line["name"]: line for line in map(json.loads, report.read_text().splitlines())}
    assert len(lines) == 5
    assert lines["two.png"]["status"] == "repaired" and len(lines["two.png"]["boxes"]) == 2
    assert 0 < lines["two.png"]["area_share"] < 0.3
    assert len(lines["one.jpg"]["sha256"]) == 64
    assert {"read", "repair", "write"} <= set(lines["one.jpg"]["milliseconds"])
    mask = cv2.imread(str(target / "masks" / "one.jpg.png"), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == (450, 350) and mask[80, 30] == 255 and mask[400, 300] == 0
    assert cv2.imread(str(target / "comparisons" / "one.jpg.png")).shape == (450, 1050, 3)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_report_that_can_no_longer_be_written_stops_the_run_with_one_line(folder, graphs, capsys):
    status, _ = run(folder, graphs, "--report", "/dev/full")
    assert status == 1
    assert "stopped: the report or these lines cannot be written (No space left" in capsys.readouterr().err


@pytest.mark.parametrize(("mode", "found_is_repaired"), [("replace", False), ("add", True)])
def test_masks_of_the_user_replace_or_join_the_found_ones(folder, graphs, mode, found_is_repaired):
    masks = folder.parent / "masks"
    masks.mkdir()
    mask = np.zeros((450, 350), np.uint8)
    mask[300:350, 200:250] = 255
    for path in folder.iterdir():
        if path.name != "two.png":
            path.unlink()
    cv2.imwrite(str(masks / "two.png"), mask)
    status, target = run(folder, graphs, "--mask_dir", str(masks), "--mask_mode", mode)
    before, after = cv2.imread(str(folder / "two.png")), cv2.imread(str(target / "two.png"))
    assert status == 0
    assert (after[310:340, 210:240] != before[310:340, 210:240]).any()
    assert (red_pixels(target / "two.png") == 0) == found_is_repaired


def test_compat_writes_jpeg_as_opencv_does_by_default(tmp_path, graphs):
    source = tmp_path / "photos"
    source.mkdir()
    cv2.imwrite(str(source / "page.jpg"), page(1600, 1600, occluders=4))
    status, target = run(source, graphs, "--compat", "True")
    data = (target / "page.jpg").read_bytes()
    assert status == 0 and red_pixels(target / "page.jpg") < red_pixels(source / "page.jpg") / 20
    default = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    tables = [blob[blob.index(b"\xff\xdb") :][: 2 + 2 + 65] for blob in (data, default)]
    assert tables[0] == tables[1]


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
def test_published_graphs_give_the_published_pictures(tmp_path, classes):
    """Real networks through the published exporter: opset 11, fixed shapes, no metadata.

    The script multiplies the class by 128 in 8 bits, which leaves the covered bit of four classes alone.
    """
    torch.manual_seed(0)
    segmenter, generator = DeepLabV3(backbone="mobilenetv2", num_classes=classes), InpaintGenerator(8)
    last = segmenter.decoder.conv4  # it also sees the picture: made to find red, as no training did
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.0, -2.0, -1.0, -2.9][:classes]))
        last.weight[1::2, -3, 1, 1], last.weight[1::2, -1, 1, 1] = -1, 1
        if classes == 4:  # the dark part of the picture is no page
            last.weight[2:, -2, 1, 1] = -0.6
    fold(generator)
    paths = [
        published_exporter.write_segmenter(segmenter, tmp_path / "s.onnx"),
        published_exporter.write_generator(generator, tmp_path / "g.onnx"),
    ]
    source = tmp_path / "photos"
    source.mkdir()
    cv2.imwrite(str(source / "page.png"), page(1800, 1600, occluders=3))
    graphs = ["--deeplabv3_onnx", str(paths[0]), "--deepfillv2_onnx", str(paths[1]), "--provider", "cpu"]
    status, target = run(source, graphs, "--compat", "True")
    assert status == 0

    segment, inpaint = (ort.InferenceSession(path, providers=["CPUExecutionProvider"]) for path in paths)
    expected = published(
        cv2.imread(str(source / "page.png")),
        lambda images: segment.run(["output"], {"input": images}),
        lambda images, masks: inpaint.run(["first_out", "second_out"], {"img": images, "mask": masks}),
    )
    written = cv2.imread(str(target / "page.png")).astype(float)
    assert np.abs(written - np.clip(expected, 0, 255)).max() <= 2
    assert red_pixels(target / "page.png") < red_pixels(source / "page.png")


def test_a_mask_of_another_size_or_missing_is_an_error_of_that_photo(folder, graphs, capsys):
    masks = folder.parent / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "one.png"), np.zeros((10, 10), np.uint8))
    status, _ = run(folder, graphs, "--mask_dir", str(masks))
    errors = capsys.readouterr().err
    assert status == 1
    assert "the mask 'one.png' has 10×10 pixels, the photo 350×450" in errors
    assert "there is no mask 'two.png'" in errors


@pytest.mark.parametrize("mode", ["replace", "add"])
def test_photo_whose_mask_is_unfit_is_not_written_at_all(folder, graphs, mode):
    masks = folder.parent / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "one.png"), np.zeros((10, 10), np.uint8))
    report = folder.parent / "run.jsonl"
    status, target = run(folder, graphs, "--mask_dir", str(masks), "--mask_mode", mode, "--report", str(report))
    lines = {line["name"]: line for line in map(json.loads, report.read_text().splitlines())}
    assert status == 1 and lines["one.jpg"]["status"] == "failed"
    assert not (target / "one.jpg").exists()  # --skip_existing would take it for done


@pytest.mark.parametrize(("colour", "status"), [((64, 64, 64), 1), ((0, 0, 255), 0), ((1, 1, 1), 0), ((0, 0, 0), 0)])
def test_a_mask_that_marks_nothing_is_an_error_unless_it_is_black(folder, graphs, capsys, colour, status):
    masks = folder.parent / "masks"
    masks.mkdir()
    mask = np.zeros((450, 350, 3), np.uint8)
    mask[300:350, 200:250] = colour
    cv2.imwrite(str(masks / "one.png"), mask)
    more = ["--mask_dir", str(masks), "--mask_mode", "add"]
    assert run(folder, graphs, *more)[0] == status
    assert ("the mask 'one.png' is not black, but marks nothing" in capsys.readouterr().err) == bool(status)


def test_masks_as_save_mask_writes_them_are_those_of_their_photos_alone(folder, graphs):
    cv2.imwrite(str(folder / "one.png"), page(300, 250))  # beside one.jpg of another size
    masks = folder.parent / "out" / "masks"
    status, target = run(folder, graphs, "--save_mask", "True", "--mark", "False")
    found = {path.name: path.read_bytes() for path in target.glob("one.*")}
    more = ["--save_dir", str(folder.parent / "again"), "--mask_dir", str(masks), "--grow_px", "0"]
    more += ["--mark", "False"]  # which says what it was done with
    assert status == 0 and predict_onnx.main(["--src_image_dir", str(folder), *more, *graphs]) == 0
    assert found == {path.name: path.read_bytes() for path in (folder.parent / "again").glob("one.*")}


def test_photos_of_kinds_that_are_not_read_are_named_once_with_their_count(folder, graphs, capsys):
    for name in ("IMG_0001.HEIC", "IMG_0002.HEIC", "IMG_0003"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (folder / "notes.txt").write_text("no picture")
    status, target = run(folder, graphs)
    message = capsys.readouterr().err
    assert status == 1 and len(list(target.iterdir())) == 5
    assert message.count("HEIC") == 2 and "notes" not in message
    assert "3 pictures are of a kind that is not read: 3 HEIC ('IMG_0001.HEIC' …); convert to JPEG" in message


def test_flags_of_a_network_that_is_not_used_are_named(folder, graphs, capsys):
    status, _ = run(folder, graphs, "--structure", "only")
    assert status == 0
    assert "note: --deepfillv2_onnx without effect: --structure only" in capsys.readouterr().err


def test_flags_without_meaning_in_the_published_flow_are_named(folder, graphs, capsys):
    run(folder, graphs, "--compat", "True", "--grow_px", "18", "--jpeg", "exact", "--save_structure")
    note = "note: --grow_px, --structure, --jpeg, --save_structure without effect: --compat True"
    assert note in capsys.readouterr().err


def test_the_published_flow_takes_no_masks(folder, graphs, capsys):
    status, target = run(folder, graphs, "--compat", "True", "--mask_dir", str(folder))
    assert status == 2 and not target.exists()
    assert "--mask_dir does not go with --compat True" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "named"),
    [(["--save_structure"], "--save_structure"), (["--mask_dir", "photos", "--confidence", "0.5"], "--confidence")],
)
def test_other_flags_that_change_nothing_are_named(folder, graphs, capsys, monkeypatch, flags, named):
    monkeypatch.chdir(folder.parent)
    run(folder, graphs, *flags)
    assert f"note: {named} without effect" in capsys.readouterr().err


@pytest.mark.parametrize("graph", ["missing", "text", "of the other network"])
def test_a_graph_that_cannot_be_used_is_one_line_and_nothing_is_written(folder, graphs, capsys, graph):
    path = folder.parent / "graph.onnx"
    if graph == "text":
        path.write_text("not a graph")
    elif graph == "of the other network":
        path = Path(graphs[graphs.index("--deepfillv2_onnx") + 1])
    report = folder.parent / "run.jsonl"
    status, target = run(folder, graphs, "--deeplabv3_onnx", str(path), "--report", str(report))
    assert status == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not target.exists() and not report.exists()


@pytest.mark.slow
def test_prediction_never_imports_torch(folder, graphs):
    argv = ["--src_image_dir", str(folder), "--save_dir", str(folder.parent / "o"), *graphs]
    code = f"import sys; sys.modules['torch'] = None; import predict_onnx; sys.exit(predict_onnx.main({argv}))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
