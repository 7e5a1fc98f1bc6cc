import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import evaluate
from utils import baselines, metrics

ROOT = Path(__file__).parents[1]


def page(seed, height=240, width=200):
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 225, np.uint8)
    for y in range(20, height, 24):
        cv2.line(image, (10, y), (width - 10, y), (60, 60, 60), 1)
        cv2.putText(image, str(rng.integers(10**9)), (15, y - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (30, 30, 30))
    return image


def hole(height=240, width=200):
    mask = np.zeros((height, width), np.uint8)
    mask[90:150, 120:] = 128
    return mask


@pytest.fixture
def folders(tmp_path):
    """Three pages: true, covered by a grey patch, and its masks."""
    for name in ("pred", "gt", "masks"):
        (tmp_path / name / "sub").mkdir(parents=True)
    for index, name in enumerate(("page1", "page2", "sub/page10")):
        truth, prediction = page(index), page(index)
        prediction[hole() > 0] = 100 + 40 * index
        cv2.imwrite(str(tmp_path / "gt" / f"{name}.png"), truth)
        cv2.imwrite(str(tmp_path / "pred" / f"{name}.PNG"), prediction)
        cv2.imwrite(str(tmp_path / "masks" / f"{name}.bmp"), hole())
    return tmp_path


def run(folder, *flags):
    return evaluate.main(
        ["--pred_dir", str(folder / "pred"), "--gt_dir", str(folder / "gt"), "--num_workers", "2", *flags]
    )


def scores_of(folder, *flags):
    status = run(folder, "--report", str(folder / "scores.json"), *flags)
    return status, json.loads((folder / "scores.json").read_text(encoding="utf-8"))


def test_scores_are_those_of_the_metrics_and_rows_come_in_natural_order(folders):
    status, report = scores_of(folders, "--mask_dir", str(folders / "masks"))
    assert status == 0
    assert [row["file"] for row in report["pictures"]] == ["page1", "page2", "sub/page10"]
    for index, row in enumerate(report["pictures"]):
        truth, prediction = page(index), page(index)
        prediction[hole() > 0] = 100 + 40 * index
        expected = metrics.restoration_scores(prediction, truth, hole() > 0)
        assert expected.pop("ring_psnr") == math.inf
        assert row.pop("ring_psnr") == "inf"
        assert row == {"file": row["file"], **expected}
    (mean,) = report["mean"]
    assert mean["psnr"] == pytest.approx(np.mean([row["psnr"] for row in report["pictures"]]))


def test_table_has_one_row_a_picture_and_the_mean(folders, capsys):
    assert run(folders) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "psnr", "ms_ssim"]
    assert [line.split()[0] for line in lines[1:]] == ["page1", "page2", "sub/page10", "mean"]


def test_without_masks_only_the_whole_picture_is_scored(folders):
    _, report = scores_of(folders)
    assert list(report["pictures"][0]) == ["file", "psnr", "ms_ssim"]


def test_csv_report_holds_the_same_numbers(folders):
    _, report = scores_of(folders)
    assert run(folders, "--report", str(folders / "scores.csv")) == 0
    rows = list(csv.DictReader((folders / "scores.csv").open(encoding="utf-8")))
    for written, expected in zip(rows, report["pictures"] + report["mean"], strict=True):
        assert written["file"] == expected["file"]
        assert float(written["psnr"]) == expected["psnr"]


def test_baseline_fills_the_true_photo_below_the_mask(folders):
    status, report = scores_of(
        folders, "--mask_dir", str(folders / "masks"), "--baseline", "ns", "--baseline_scale", "2"
    )
    filled = baselines.opencv_inpaint(page(0), hole() > 0, "ns", 2)
    assert status == 0
    assert report["pictures"][0]["ns_mask_psnr"] == metrics.psnr(filled, page(0), hole() > 0)
    assert report["pictures"][0]["ns_mask_psnr"] > report["pictures"][0]["mask_psnr"]


def test_baseline_needs_no_predictions(folders):
    flags = ["--gt_dir", str(folders / "gt"), "--mask_dir", str(folders / "masks"), "--baseline", "telea"]
    assert evaluate.main([*flags, "--report", str(folders / "scores.json")]) == 0
    rows = json.loads((folders / "scores.json").read_text(encoding="utf-8"))["pictures"]
    assert list(rows[0]) == ["file", "telea_psnr", "telea_ms_ssim", "telea_mask_psnr", "telea_ring_psnr"]


def test_a_picture_without_error_is_inf_and_left_out_of_the_mean(folders, capsys):
    cv2.imwrite(str(folders / "pred" / "page1.PNG"), page(0))
    _, report = scores_of(folders)
    finite = [row["psnr"] for row in report["pictures"] if row["psnr"] != "inf"]
    assert len(finite) == 2
    assert report["mean"][0]["psnr"] == pytest.approx(np.mean(finite))
    assert "psnr: 1 without any error (inf) left out of the mean" in capsys.readouterr().out


def test_segmentation_scores_masks_of_either_level(folders):
    for name in ("page1", "page2", "sub/page10"):
        shifted = np.zeros_like(hole())
        shifted[90:150, 130:] = 255
        cv2.imwrite(str(folders / "pred" / f"{name}.PNG"), shifted)
        cv2.imwrite(str(folders / "gt" / f"{name}.png"), hole())
    status, report = scores_of(folders, "--segmentation", "True")
    assert status == 0
    assert report["mean"][0]["iou"] == pytest.approx(70 / 80)
    assert report["mean"][0]["precision"] == 1
    assert report["mean"][0]["recall"] == pytest.approx(70 / 80)
    assert 0 < report["mean"][0]["boundary_f"] < 1


def test_what_cannot_be_scored_is_named_and_the_rest_is_scored(folders, capsys):
    (folders / "pred" / "page1.PNG").write_bytes(b"not a picture")
    cv2.imwrite(str(folders / "pred" / "page2.PNG"), page(1, 260))
    cv2.imwrite(str(folders / "gt" / "page3.png"), page(3))
    cv2.imwrite(str(folders / "pred" / "page4.png"), page(4))
    cv2.imwrite(str(folders / "pred" / "page5.jpg"), page(5))
    cv2.imwrite(str(folders / "pred" / "page5.png"), page(5))
    cv2.imwrite(str(folders / "gt" / "page5.png"), page(5))
    status, report = scores_of(folders)
    assert status == 1
    assert [row["file"] for row in report["pictures"]] == ["sub/page10"]
    assert set(report["failed"]) == {"page1", "page2", "page3", "page4", "page5"}
    errors = capsys.readouterr().err
    assert "not scored: 'page1': cannot decode 'page1.PNG'" in errors
    assert "not scored: 'page2': the repaired photo has 200×260 pixels, the true one 200×240" in errors
    assert "not scored: 'page3': no picture of this name in --pred_dir" in errors
    assert "not scored: 'page4': no picture of this name in --gt_dir" in errors
    assert "not scored: 'page5': more than one picture of this name in --pred_dir (page5.jpg, page5.png)" in errors


@pytest.mark.parametrize("ones", [hole() // 128, (hole() // 128).astype(np.uint16), (hole() > 0) * np.uint16(100)])
def test_a_mask_of_ones_is_scored_as_any_other(folders, ones):
    flags = ["--mask_dir", str(folders / "masks")]
    expected = scores_of(folders, *flags)[1]["pictures"]
    (folders / "masks" / "page2.bmp").unlink()
    cv2.imwrite(str(folders / "masks" / "page2.png"), ones)
    assert scores_of(folders, *flags)[1]["pictures"] == expected


def test_true_masks_of_ones_score_as_any_other(folders):
    for folder, level in (("pred", 255), ("gt", 100)):
        for path in (folders / folder).rglob("page*"):
            path.unlink()
        cv2.imwrite(str(folders / folder / "page1.png"), (hole() > 0) * np.uint16(level))
    status, report = scores_of(folders, "--segmentation")
    assert status == 0 and report["pictures"][0]["iou"] == 1


def test_labels_count_where_they_say_covered_and_nothing_where_they_say_unknown(folders):
    labels = np.full((240, 200), 64, np.uint8)
    labels[:, 40:], labels[90:150, 120:], labels[90:150, :40], labels[:20] = 0, 128, 192, 255
    truth = np.isin(labels, (128, 192)) * np.uint8(255)
    truth[:10] = 255
    for path in [*(folders / "pred").rglob("page*"), *(folders / "gt").rglob("page*")]:
        path.unlink()
    cv2.imwrite(str(folders / "gt" / "page1.png"), labels)
    cv2.imwrite(str(folders / "pred" / "page1.png"), truth)
    status, report = scores_of(folders, "--segmentation")
    assert status == 0 and report["pictures"][0]["iou"] == 1


def test_a_folder_of_photos_is_no_folder_of_masks(folders, capsys):
    assert run(folders, "--mask_dir", str(folders / "gt")) == 1
    errors = capsys.readouterr().err
    assert errors.count("the photo itself and no mask") + errors.count("looks like a photo") == 3


def test_masks_may_have_a_suffix(folders):
    flags = ["--mask_dir", str(folders / "masks")]
    expected = scores_of(folders, *flags)
    for path, suffix in zip(sorted((folders / "masks").rglob("*.bmp")), ("_mask", "-mask", "_MASK"), strict=True):
        path.rename(path.with_stem(path.stem + suffix))
    status, report = scores_of(folders, *flags)
    assert status == 0 and report["pictures"] == expected[1]["pictures"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--gt_dir", "GT"], "--pred_dir is needed"),
        (["--gt_dir", "GT", "--pred_dir", "nowhere"], "--pred_dir nowhere: there is no such folder"),
        (["--gt_dir", "GT", "--pred_dir", "GT", "--baseline", "telea"], "give that folder too"),
        (["--gt_dir", "GT", "--pred_dir", "GT", "--mask_dir", "GT", "--segmentation", "True"], "leave out --mask_dir"),
        (["--gt_dir", "GT", "--pred_dir", "GT", "--report", "scores.txt"], "must end in .json or .csv"),
        (["--gt_dir", "EMPTY", "--pred_dir", "EMPTY"], "holds no pictures"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_do(folders, capsys, flags, message):
    (folders / "empty").mkdir()
    places = {"GT": str(folders / "gt"), "EMPTY": str(folders / "empty")}
    with pytest.raises(SystemExit) as stop:
        evaluate.main([places.get(flag, flag) for flag in flags])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_runs_where_torch_cannot_be_imported(folders):
    code = (
        "import sys; sys.modules['torch'] = None; import evaluate; "
        f"sys.exit(evaluate.main(['--pred_dir', {str(folders / 'pred')!r}, '--gt_dir', {str(folders / 'gt')!r}, "
        f"'--mask_dir', {str(folders / 'masks')!r}, '--baseline', 'telea']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "mean of 3" in done.stdout
