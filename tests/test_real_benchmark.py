import cv2
import numpy as np
import pytest

from benchmarks import real
from tests import graphs
from utils.spec import segmenter_spec


def label():
    found = np.zeros((200, 100), np.uint8)
    found[:, :30] = 64
    found[100:140, 30:60] = 128
    found[100:140, 10:30] = 192
    found[:5] = 255
    return found


NO_HANDS = np.zeros((200, 100), bool)


def test_a_mask_of_the_occluder_and_its_rim_is_perfect():
    mask = np.zeros((200, 100), bool)
    mask[98:142, 10:62] = True
    row = real.scores(mask, label(), NO_HANDS)
    assert row["recall"] == 1 and row["erased"] == row["beside"] == 0 and row["perfect"] == 1 and row["iou"] == 1


def test_erased_page_counts_beyond_the_rim_and_unknown_pixels_never():
    mask = np.zeros((200, 100), bool)
    mask[:5] = mask[20:30, 40:80] = True
    row = real.scores(mask, label(), NO_HANDS)
    page = np.count_nonzero(label() == 0)
    assert row["recall"] == 0 and row["perfect"] == 0 and row["erased"] == pytest.approx(400 / page)


def test_hands_beside_the_page_are_neither_right_nor_wrong_to_take():
    hands = NO_HANDS.copy()
    hands[20:60, :20] = True
    mask = hands.copy()
    assert real.scores(mask, label(), hands)["beside"] == 0
    assert real.scores(mask, label(), NO_HANDS)["beside"] > 0


def test_clean_photo_is_touched_or_not():
    clean = np.zeros((50, 50), np.uint8)
    mask = np.zeros((50, 50), bool)
    assert real.scores(mask, clean, mask)["touched"] == 0
    assert real.scores(~mask, clean, mask) == {"erased": 1.0, "beside": 0.0, "touched": 1.0}


def test_reliability_says_how_often_regions_of_a_confidence_were_occluders():
    rows = real.reliability([(0.65, False), (0.69, True), (0.99, True)])
    assert [(row["regions"], row["occluders"]) for row in rows] == [(2, 0.5), (1, 1.0)]


def test_folder_is_scored_and_shown(tmp_path, capsys):
    photos, labels = tmp_path / "photos", tmp_path / "labels"
    photos.mkdir(), labels.mkdir()
    image = np.full((200, 100, 3), 220, np.uint8)
    cv2.imwrite(str(photos / "clean.png"), image)
    cv2.imwrite(str(photos / "covered.png"), image)
    cv2.imwrite(str(labels / "covered.png"), label())
    graph = graphs.write_segmenter(tmp_path / "s.onnx", segmenter_spec("mobilenetv2"))
    report, sheet = tmp_path / "r.json", tmp_path / "sheet.png"
    status = real.main(["--photo_dir", str(photos), "--label_dir", str(labels), "--deeplabv3_onnx", str(graph),
                        "--provider", "cpu", "--report", str(report), "--sheet", str(sheet)])  # fmt: skip
    printed = capsys.readouterr().out
    assert (
        status == 0 and "1 covered photos, 1 clean ones" in printed and "clean photos with anything removed:" in printed
    )
    assert report.is_file() and cv2.imread(str(sheet)).shape == (420, 3 * 3 * 420, 3)
