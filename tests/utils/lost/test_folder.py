"""What is lost, through a folder of photos and masks."""

import json

import cv2
import numpy as np
import pytest

from tests.utils.lost.sheets import hole_at, text_page
from utils import images
from utils.folder import clean_folder
from utils.formats.xmp import read_record
from utils.lost import origin
from utils.lost.page_xml import check
from utils.options import RemovalOptions
from utils.places import FolderOptions, find_photos
from utils.remover import OccluderRemover


@pytest.fixture
def folders(tmp_path):
    """One photo with four interrupted lines, its mask, and a clean photo."""
    for name in ("photos", "masks", "out"):
        (tmp_path / name).mkdir()
    page, hole = text_page([200, 290, 380, 470]), hole_at(500, 150, 800, 510)
    page[hole] = (120, 150, 190)
    for name, mask in (("page.jpg", hole), ("clean.jpg", np.zeros_like(hole))):
        cv2.imwrite(str(tmp_path / "photos" / name), page)
        cv2.imwrite(str(tmp_path / "masks" / name.replace("jpg", "png")), mask.astype(np.uint8) * 255)
    return tmp_path


def run(folders, **more):
    remover = OccluderRemover(None, None, RemovalOptions(structure="only", grow_px=0))
    options = FolderOptions(folders / "photos", folders / "out", mask_dir=folders / "masks", num_workers=1, **more)
    photos, _ = find_photos(options)
    assert clean_folder(remover, photos, options) == {"repaired": 1, "clean": 1}


def test_the_line_of_a_photo_says_how_much_text_is_lost(folders, capsys):
    run(folders)
    out = capsys.readouterr().out
    assert "page.jpg: repaired 1 region, about " in out and " words lost in 4 lines, " in out
    assert "clean.jpg: nothing to remove" in out


def test_report_json_and_page_xml_hold_the_same_lines(folders):
    run(folders, save_hidden=True, save_pagexml=True, report=folders / "run.jsonl")
    rows = {row["name"]: row for row in map(json.loads, (folders / "run.jsonl").read_text().splitlines())}
    assert rows["clean.jpg"]["hidden"] == [] and rows["clean.jpg"]["lost"] == ""
    lines = rows["page.jpg"]["hidden"][0]["lines"]
    known = json.loads((folders / "out/page.jpg.hidden.json").read_text())
    assert known["regions"] == rows["page.jpg"]["hidden"] and (known["width"], known["height"]) == (1400, 900)
    assert json.loads((folders / "out/clean.jpg.hidden.json").read_text())["regions"] == []
    document = (folders / "out/page/page.jpg.xml").read_bytes()
    check(document)
    assert document.count(b"<TextLine ") == len(lines) == 4


def test_the_picture_itself_says_it(folders):
    run(folders)
    data = (folders / "out/page.jpg").read_bytes()
    assert len(json.loads(read_record(data) or "")[0][0]["lines"]) == 4
    assert f'Iptc4xmpExt:DigitalSourceType="{origin.ALTERED}"'.encode() in data
    assert b"<stEvt:action>edited</stEvt:action>" in data


def test_without_marks_the_picture_says_nothing(folders):
    run(folders, mark=False)
    data = (folders / "out/page.jpg").read_bytes()
    assert b"DigitalSourceType" not in data and read_record(data) is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hatch", "outline"])
def test_signs_are_in_the_written_picture_and_in_the_hole_only(folders, kind):
    run(folders)
    plain = images.read_image(folders / "out/page.jpg")
    run(folders, mark_hidden=kind)
    signed = images.read_image(folders / "out/page.jpg")
    differs = np.abs(plain.astype(int) - signed).max(axis=2) > 40
    assert differs.any() and not differs[~hole_at(480, 130, 820, 530)].any()
    between = differs[hole_at(500, 320, 800, 340)]  # paper between two lines
    assert not between.any()


def test_a_dropped_manifest_is_said(folders, capsys):
    path = folders / "photos/page.jpg"
    data = path.read_bytes()
    payload = b"JP\0\1\0\0\0\1" + b"\0\0\0\x30jumb" + b"\0" * 20 + b"c2pa"
    path.write_bytes(data[:2] + b"\xff\xeb" + (len(payload) + 2).to_bytes(2, "big") + payload + data[2:])
    run(folders)
    assert "its C2PA manifest was dropped" in capsys.readouterr().out
