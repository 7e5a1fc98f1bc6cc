"""What schedulers, containers and pipes take away from a process: its streams, its temporary folder, the terminal."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.graphs import RED, own_specs, write_generator, write_segmenter
from tests.utils.formats import samples
from utils import images
from utils.formats import jpeg, pixels, turbojpeg

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name == "nt", reason="closes streams as a shell does")


@pytest.fixture
def call(tmp_path):
    """A folder of photos, and the command that cleans it."""
    segmenter, generator = own_specs()
    image = np.random.default_rng(0).integers(190, 212, (500, 400, 3), np.uint8)
    image[100:250, :120] = RED
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.png", "c.jpg", "d.png", "e.tif"):
        cv2.imwrite(str(tmp_path / "photos" / name), image)
    (tmp_path / "photos" / "broken.jpg").write_bytes((tmp_path / "photos" / "a.jpg").read_bytes()[:3000])
    return [
        sys.executable, str(ROOT / "predict_onnx.py"), "--src_image_dir", str(tmp_path / "photos"),
        "--save_dir", str(tmp_path / "out"), "--provider", "cpu", "--structure", "off", "--num_workers", "2",
        "--deeplabv3_onnx", str(write_segmenter(tmp_path / "s.onnx", segmenter)),
        "--deepfillv2_onnx", str(write_generator(tmp_path / "g.onnx", generator)),
    ]  # fmt: skip


def is_done(tmp_path):
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    for name in written:
        after = cv2.imread(str(tmp_path / "out" / name)).astype(int)
        assert (after[..., 2] - after[..., 0] > 100).sum() == 0
    return written == ["a.jpg", "b.png", "c.jpg", "d.png", "e.tif"]


@pytest.mark.slow
@posix
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-", "<&- 2>&-"])
def test_all_photos_are_done_without_a_stream(tmp_path, call, closed):
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *call]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and is_done(tmp_path)  # 1: a photo is broken
    assert "Traceback" not in done.stderr and "Error" not in done.stderr
    if ">&-" not in closed.replace("2>&-", ""):
        assert "5 repaired, 1 failed" in done.stdout
    if "2>&-" not in closed:
        assert "broken.jpg: failed: " in done.stderr
    (tmp_path / "photos" / "broken.jpg").unlink()
    assert subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
@pytest.mark.parametrize("full", [">/dev/full", "2>/dev/full", ">/dev/full 2>&1"])
def test_all_photos_are_done_though_their_lines_cannot_be_written(tmp_path, call, full):
    done = subprocess.run(["sh", "-c", f'exec "$@" {full}', "sh", *call], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and is_done(tmp_path)  # 1: a photo is broken
    assert "Traceback" not in done.stderr + done.stdout and "Exception" not in done.stderr
    if full == ">/dev/full":
        assert done.stderr.count("lines can no longer be written (No space left on device)") == 1


@posix
@pytest.mark.parametrize("script", ["evaluate.py", "convert.py", "train.py", "predict_single.py", "cut_crops.py"])
def test_no_script_ends_in_a_traceback_for_want_of_a_stream(tmp_path, script):
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, str(ROOT / script), "--help"]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory")
def test_no_temporary_folder_is_needed_but_the_target(tmp_path, call):
    (tmp_path / "no").touch()
    nowhere = str(tmp_path / "no" / "folder")
    code = (
        f"import tempfile, sys; tempfile._candidate_tempdir_list = lambda: [{nowhere!r}]; tempfile.tempdir = None; "
        f"import predict_onnx; sys.exit(predict_onnx.main({call[2:]!r}))"
    )
    (tmp_path / "photos" / "broken.jpg").unlink()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert is_done(tmp_path) and "5 repaired" in done.stdout


@pytest.mark.parametrize("fault", [FileNotFoundError(2, "No usable temporary directory"), OSError(28, "No space left")])
def test_where_there_is_neither_memory_nor_folder_photos_are_still_read_and_written(tmp_path, monkeypatch, fault):
    def fail(*args, **kwargs):
        raise fault

    files = samples.photo_files()
    for name in ("TemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, fail)
    monkeypatch.setattr(os, "memfd_create", fail, raising=False)
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        photo = images.read_photo(path)
        image = photo.image.copy()
        image[20:40, 20:40] = 90
        images.write_photo(tmp_path / f"r_{name}", photo, image)
        assert images.read_photo(tmp_path / f"r_{name}").image.shape == image.shape
    monkeypatch.setattr(turbojpeg, "is_installed", lambda: False)  # it needs neither
    with pytest.raises(ValueError, match=r"^cannot write 'x\.jpg': jpeglib cannot"):
        path.write_bytes(files["420.jpg"])
        photo = images.read_photo(path)
        if jpeg.exact_refusal(photo.header):
            pytest.skip("jpeglib is not here")
        images.write_photo(tmp_path / "x.jpg", photo, photo.image + np.uint8(3), jpeg="exact")


def test_exact_blocks_need_no_temporary_folder(tmp_path, monkeypatch):
    pytest.importorskip("jpeglib")
    if not hasattr(os, "memfd_create"):
        pytest.skip("files in memory")
    monkeypatch.setattr(tempfile, "mkstemp", lambda *args, **kwargs: pytest.fail("a temporary folder was used"))
    path = tmp_path / "a.jpg"
    path.write_bytes(samples.photo_files()["420.jpg"])
    photo = images.read_photo(path)
    image = photo.image.copy()
    image[20:40, 20:40] = 90
    images.write_photo(tmp_path / "b.jpg", photo, image, jpeg="exact")
    assert np.abs(images.read_image(tmp_path / "b.jpg").astype(int) - image)[:10].max() == 0


@pytest.mark.slow
@posix
def test_a_library_user_without_stderr_loses_no_photo(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(samples.photo_files()["colour.png"])
    code = (
        "import sys; from concurrent.futures import ThreadPoolExecutor; from utils.images import read_photo; "
        f"results = list(ThreadPoolExecutor(4).map(lambda n: read_photo({str(path)!r}).image.mean(), range(60))); "
        "print(len(set(results)))"
    )
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "1\n"


def test_coarse_tables_are_written_without_a_word(tmp_path, capfd):
    picture = cv2.imdecode(np.frombuffer(samples.photo_files()["444.jpg"], np.uint8), cv2.IMREAD_COLOR)
    from PIL import Image

    coarse = [[min(400, 16 + 8 * k) for k in range(64)]] * 2
    data = samples.encode_with_pillow(Image.fromarray(picture[:, :, ::-1]), "JPEG", qtables=coarse)
    said = capfd.readouterr().err
    path = tmp_path / "coarse.jpg"
    path.write_bytes(data)
    for method in ("match", "auto"):
        photo = images.read_photo(path)
        assert max(max(table) for table in photo.header.detail.tables.values()) > 255
        images.write_photo(tmp_path / "again.jpg", photo, photo.image + np.uint8(9), jpeg=method)
        again = images.read_photo(tmp_path / "again.jpg")
        assert again.header.detail.tables == photo.header.detail.tables
    assert "Caution" in said and capfd.readouterr().err == ""


def test_what_is_not_a_librarys_noise_reaches_the_terminal(capfd):
    with pixels.quiet():
        os.write(2, b"Caution: quantization tables are too coarse for baseline JPEG\n")
        os.write(2, b"somebody's line\n")
    assert capfd.readouterr().err == "somebody's line\n"
