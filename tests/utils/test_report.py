import csv
import json
import math

import pytest

from utils import report

ROWS = [
    {"file": "第一页", "psnr": 38.256, "ms_ssim": 0.98765, "count": 3},
    {"file": "page2", "psnr": math.inf, "ms_ssim": 1.0, "count": 5},
    {"file": "p3", "psnr": math.nan, "count": 4},
]


def test_mean_row_ignores_infinite_and_missing_scores():
    row = report.mean_row(ROWS, file="mean")
    assert row == {"file": "mean", "psnr": 38.256, "ms_ssim": pytest.approx(0.993825), "count": 4}


def test_table_is_aligned_on_a_terminal_with_wide_characters():
    assert report.format_table(ROWS).splitlines() == [
        "file     psnr  ms_ssim  count",
        "第一页  38.26   0.9877      3",
        "page2     inf   1.0000      5",
        "p3          -        -      4",
    ]


def test_json_report_is_strict_json(tmp_path):
    path = tmp_path / "scores.json"
    report.write_report(path, ROWS, [report.mean_row(ROWS, file="mean")], {"x": "unreadable"}, {"gt_dir": "a"})

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert content["pictures"][1]["psnr"] == "inf"
    assert content["pictures"][2]["psnr"] is None
    assert content["mean"][0]["psnr"] == 38.256
    assert content["failed"] == {"x": "unreadable"}
    assert content["settings"] == {"gt_dir": "a"}


def test_csv_report_has_a_line_a_row(tmp_path):
    path = tmp_path / "scores.csv"
    report.write_report(path, ROWS, [{"file": "mean", "psnr": 38.256}], {}, {})
    lines = list(csv.reader(path.open(encoding="utf-8")))
    assert lines[0] == ["file", "psnr", "ms_ssim", "count"]
    assert lines[2] == ["page2", "inf", "1.0", "5"]
    assert lines[3] == ["p3", "", "", "4"]
    assert lines[4] == ["mean", "38.256", "", ""]


def test_a_report_that_could_not_be_written_is_refused_beforehand(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.json or \.csv"):
        report.check_report_path(tmp_path / "scores.txt")
    with pytest.raises(ValueError, match="create it first"):
        report.check_report_path(tmp_path / "missing" / "scores.json")


def test_a_report_replaces_reports_and_nothing_of_the_users(tmp_path):
    shapes = tmp_path / "page1.json"  # of an annotation tool
    shapes.write_text('{"version": "5.0", "shapes": []}')
    with pytest.raises(ValueError, match="no report of an earlier run, and stays"):
        report.check_report_path(shapes)
    for name in ("scores.json", "scores.csv"):
        report.check_report_path(tmp_path / name)
        report.write_report(tmp_path / name, [{"file": "a", "psnr": 1.0}], [], {}, {"boundary_px": 8})
        report.check_report_path(tmp_path / name)
