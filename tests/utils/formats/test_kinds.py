from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.utils.formats import samples
from tests.utils.test_originals import Remover
from utils import images
from utils.folder import clean_folder
from utils.formats import kinds
from utils.images import list_photos
from utils.places import FolderOptions, find_photos

FILES = samples.photo_files()
JPEG, PNG, TIFF, WEBP, BMP = (FILES[n] for n in ("420.jpg", "colour.png", "plain.tif", "lossy.webp", "colour.bmp"))
ISO = b"\0\0\0\x18ftyp%s\0\0\0\0"
OTHERS = {
    "heic": (ISO % b"heic", "HEIC"),
    "avif": (ISO % b"avif", "AVIF"),
    "cr3": (ISO % b"crx ", "camera raw"),
    "raf": (b"FUJIFILMCCD-RAW 0201", "camera raw"),
    "cr2": (b"II*\0\x10\0\0\0CR\2\0", "camera raw"),
    "gif": (b"GIF89a", "GIF"),
    "pdf": (b"%PDF-1.7", "PDF"),
    "psd": (b"8BPS\0\1", "PSD"),
    "ppm": (b"P6\n# a comment\n", "PPM"),
    "jxl": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
}


@pytest.mark.parametrize("name", [
    "a.jpg_large", "a.pjpeg", "a.pjp", "a.mpo", "a.jfif~", "a.insp", "noextension", "a.bak", "a.jpg 2", "a.", "a.part",
])  # fmt: skip
def test_a_photo_is_known_by_its_first_bytes_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_bytes(JPEG)
    assert list_photos(tmp_path) == [tmp_path / name]
    assert images.read_photo(tmp_path / name).format == "JPEG"


@pytest.mark.parametrize("data", [JPEG, PNG, TIFF, WEBP, BMP])
def test_every_format_is_known_without_an_extension_and_repaired(tmp_path, data):
    (tmp_path / "photos").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "photos" / "page").write_bytes(data)
    options = FolderOptions(tmp_path / "photos", tmp_path / "out", save_mask=True)
    assert clean_folder(Remover(), find_photos(options)[0], options) == {"repaired": 1}
    assert images.read_photo(tmp_path / "out" / "page").format == images.read_photo(tmp_path / "photos" / "page").format


@pytest.mark.parametrize("kind", OTHERS)
def test_pictures_that_are_not_read_are_known_by_their_bytes_and_by_their_names(tmp_path, kind):
    head, named = OTHERS[kind]
    (tmp_path / "by_bytes").write_bytes(head)
    (tmp_path / f"by_name.{kind.upper()}").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("BMW is two letters more than BM, and this text is no picture at all")
    found = {}
    assert list_photos(tmp_path, on_other=lambda path, kind: found.update({path.name: kind})) == []
    assert found == {"by_bytes": named, f"by_name.{kind.upper()}": named}


def test_a_raw_file_is_no_tiff_though_it_begins_like_one(tmp_path):
    for name in ("a.dng", "b.NEF", "c.arw"):
        (tmp_path / name).write_bytes(TIFF)
    found = []
    assert list_photos(tmp_path, on_other=lambda path, kind: found.append(kind)) == []
    assert found == ["camera raw"] * 3


def test_what_is_no_picture_is_not_named(tmp_path):
    for name, data in (("a.txt", b"text"), ("b.json", b"{}"), ("c.xmp", b"<x/>"), ("d.mp4", ISO % b"isom"), ("e", b"")):
        (tmp_path / name).write_bytes(data)
    assert list_photos(tmp_path, on_other=lambda path, kind: pytest.fail(f"{path}: {kind}")) == []


def test_all_that_is_not_read_is_one_line_with_counts(tmp_path):
    source = tmp_path / "photos"
    (source / "sub").mkdir(parents=True)
    (source / "out").mkdir()
    for number in range(12):
        (source / "sub" / f"IMG_{number}.HEIC").write_bytes(ISO % b"heic")
    (source / "scan.pdf").write_bytes(b"%PDF-1.4")
    (source / "out" / "done.gif").write_bytes(b"GIF89a")
    cv2.imwrite(str(source / "page.png"), np.full((40, 30, 3), 200, np.uint8))
    photos, lines = find_photos(FolderOptions(source, source / "out", recursive=True))
    assert photos == [source / "page.png"]
    assert lines == [
        "13 pictures are of a kind that is not read: 12 HEIC ('sub/IMG_0.HEIC' …), 1 PDF ('scan.pdf'); "
        "convert to JPEG, PNG or TIFF first"
    ]


def test_a_phones_heic_under_the_name_of_a_jpeg_is_called_what_it_is(tmp_path):
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(ISO % b"heic")
    with pytest.raises(ValueError, match=r"^cannot decode 'IMG_0001\.jpg': HEIC cannot be read; convert it to JPEG"):
        images.read_photo(path)


def test_pillow_agrees_on_what_the_samples_are():
    for name, data in FILES.items():
        with Image.open(BytesIO(data)) as picture:
            assert kinds.readable(data[: kinds.HEAD_BYTES]) == picture.format, name
