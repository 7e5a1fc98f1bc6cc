import cv2
import numpy as np

from cut_crops import main
from datasets.contest import CleanCrops
from datasets.masks import MaskStyle
from utils.images import read_image


def page(path, height, width):
    """Every pixel tells where it is: blue its row, green its column."""
    rows, columns = np.mgrid[0:height, 0:width]
    cv2.imwrite(str(path), np.dstack([rows, columns, np.zeros_like(rows)]).astype(np.uint8))


def run(source, target, *more):
    return main(["--src_image_dir", str(source), "--save_dir", str(target), "--side", "64", "--border", "20", *more])


def test_crops_keep_their_distance_from_the_border_and_train_py_reads_them(tmp_path):
    source, target = tmp_path / "pages", tmp_path / "crops"
    source.mkdir()
    page(source / "portrait.png", 200, 150)
    page(source / "landscape.png", 150, 200)
    assert run(source, target, "--size", "64") == 0
    files = sorted(target.iterdir())
    assert len(files) == 20
    corners = np.array([read_image(f)[0, 0] for f in files]).astype(int)
    assert corners[:, :2].min() >= 20 - 3 and len(np.unique(corners[:, 0])) > 5  # JPEG moves values a little
    assert max(read_image(f)[..., 1].max() for f in files) <= 200 - 20 + 3
    assert CleanCrops(target, 32, MaskStyle())[0][0].shape == (3, 32, 32)


def test_page_too_small_for_a_crop_is_skipped_with_the_size_it_needs(tmp_path, capsys):
    (tmp_path / "pages").mkdir()
    page(tmp_path / "pages" / "small.png", 90, 90)
    page(tmp_path / "pages" / "fits.png", 104, 104)
    (tmp_path / "pages" / "broken.png").write_bytes(b"?")
    assert run(tmp_path / "pages", tmp_path / "crops", "--crops", "2") == 1
    assert len(list((tmp_path / "crops").iterdir())) == 2
    messages = capsys.readouterr().err
    assert "'small.png' has 90×90 pixels, 104×104 are needed" in messages and "broken.png" in messages


def test_target_that_is_a_file_is_one_line(tmp_path, capsys):
    (tmp_path / "pages").mkdir()
    page(tmp_path / "pages" / "fits.png", 104, 104)
    (tmp_path / "file").write_text("in the way")
    assert run(tmp_path / "pages", tmp_path / "file") == 1
    assert "File exists" in capsys.readouterr().err.splitlines()[-1]


def test_missing_or_empty_folder_is_one_line(tmp_path, capsys):
    assert run(tmp_path / "none", tmp_path / "crops") == 1
    assert run(tmp_path, tmp_path / "crops") == 1
    lines = capsys.readouterr().err.splitlines()
    assert "no such folder" in lines[0] and "no pictures" in lines[1] and len(lines) == 2
