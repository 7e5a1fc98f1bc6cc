import errno
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.utils.formats import samples
from tests.utils.formats.repairs import FILES, repair, repaired, save
from utils.images import copy_photo, list_photos, read_image, read_photo, write_image, write_photo


def test_unicode_names_and_wrong_extensions_are_read_by_content(tmp_path):
    path = save(tmp_path, "страница 第一页 é.JPG", FILES["colour.png"])
    photo, again, target = repaired(path)
    assert photo.format == again.format == "PNG"
    assert target.name.endswith(".JPG") and np.array_equal(
        again.image[~repair(photo)[1]], photo.image[~repair(photo)[1]]
    )


def test_photos_are_listed_in_natural_order_without_hidden_files(tmp_path):
    names = ["page10.JPG", "page2.jpeg", "Page1.png", "x.TIF", "y.webp", "z.BMP"]
    for name in [*names, "._page2.jpeg", ".hidden.png", "notes.txt", "mask.npy"]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = [p.name for p in list_photos(tmp_path)]
    assert found == ["Page1.png", "page2.jpeg", "page10.JPG", "x.TIF", "y.webp", "z.BMP"]


def test_recursive_listing_keeps_folders_together_and_does_not_follow_links(tmp_path):
    for name in ["b10/1.png", "b9/2.png", "b9/10.png", "z.png", ".git/no.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b9" / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = [p.relative_to(tmp_path).as_posix() for p in list_photos(tmp_path, recursive=True)]
    assert found == ["z.png", "b9/2.png", "b9/10.png", "b10/1.png"]
    assert [p.name for p in list_photos(tmp_path)] == ["z.png"]


def test_a_folder_that_is_missing_is_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot read the folder '.*nowhere': No such file or directory$"):
        list_photos(tmp_path / "nowhere")


def test_a_folder_inside_that_cannot_be_read_is_reported_and_the_rest_listed(tmp_path, monkeypatch):
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "a":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    errors: list[OSError] = []
    assert [p.name for p in list_photos(tmp_path, recursive=True, on_error=errors.append)] == ["2.png"]
    assert len(errors) == 1 and str(errors[0]).endswith("Permission denied")
    with pytest.raises(PermissionError, match="cannot read the folder"):
        list_photos(tmp_path, recursive=True)


def test_a_copy_is_byte_for_byte(tmp_path):
    path = save(tmp_path, "420.jpg")
    copy_photo(path, tmp_path / "copy.jpg")
    assert (tmp_path / "copy.jpg").read_bytes() == FILES["420.jpg"]


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="Linux")
def test_a_clean_photo_is_copied_by_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "copyfile", None)
    calls, copy = [], os.copy_file_range

    def counted(*given):
        calls.append(copy(*given))
        return calls[-1]

    monkeypatch.setattr(os, "copy_file_range", counted)
    path = save(tmp_path, "420.jpg")
    copy_photo(path, tmp_path / "copy.jpg")
    assert sum(calls) == path.stat().st_size
    assert (tmp_path / "copy.jpg").read_bytes() == FILES["420.jpg"]


@pytest.mark.parametrize("copied", [0, 100, None])
def test_where_the_system_copies_nothing_or_a_part_the_rest_follows(tmp_path, monkeypatch, copied):
    path = save(tmp_path, "420.jpg")
    if copied is None:
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    else:
        calls = []

        def part(source, target, count):
            if calls or not copied:
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            calls.append(os.write(target, os.read(source, copied)))
            return copied

        monkeypatch.setattr(os, "copy_file_range", part, raising=False)
    copy_photo(path, tmp_path / "copy.jpg")
    assert (tmp_path / "copy.jpg").read_bytes() == FILES["420.jpg"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_whatever_fails_an_earlier_file_stays_and_nothing_is_left_behind(tmp_path, monkeypatch, error, moment):
    photo = read_photo(save(tmp_path, "420.jpg"))
    target = tmp_path / "out.jpg"
    target.write_bytes(b"earlier")
    write = Path.write_bytes

    def fail(path, *args):
        if moment == "writing":
            write(path, b"half")
        raise error

    monkeypatch.setattr(*((Path, "write_bytes") if moment == "writing" else (os, "replace")), fail)
    with pytest.raises(type(error)) as caught:
        write_photo(target, photo, *repair(photo))
    if isinstance(error, OSError):
        assert str(caught.value) == "cannot write 'out.jpg': No space left on device"
        assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert target.read_bytes() == b"earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["420.jpg", "out.jpg"]


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_image(tmp_path / "new.png", samples.draw())
    assert (tmp_path / "new.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_missing_target_folder_is_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot write 'x.png': No such file or directory$"):
        write_image(tmp_path / "nowhere" / "x.png", samples.draw())


@pytest.mark.parametrize("extension", [".png", ".PNG", ".bmp", ".tif"])
def test_pictures_of_our_own_are_read_back_exactly(tmp_path, extension):
    path = tmp_path / f"маска{extension}"
    write_image(path, samples.draw())
    assert np.array_equal(read_image(path), samples.draw())
    write_image(path, samples.draw()[:, :, 0])
    assert np.array_equal(read_image(path)[:, :, 1], samples.draw()[:, :, 0])


@pytest.mark.parametrize("extension", [".jpg", ".JPEG", ".jfif", ".webp"])
def test_quality_decides_the_size(tmp_path, extension):
    sizes = []
    for quality in (30, 95):
        write_image(tmp_path / f"x{extension}", samples.draw(), quality)
        sizes.append((tmp_path / f"x{extension}").stat().st_size)
        assert np.abs(read_image(tmp_path / f"x{extension}").astype(int) - samples.draw()).mean() < 20
    assert sizes[0] < sizes[1]


def test_an_unknown_extension_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"^cannot write 'x.gif': the extension must be one of .*\.png"):
        write_image(tmp_path / "x.gif", samples.draw())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear reader,\n", "not a JPEG, PNG, TIFF, WebP or BMP file; convert it to one of these first"),
        (b"\xff\xd8\xff", "the file is truncated"),
        (b"\x89PNG\r\n\x1a\n", "the file is truncated"),
        (b"II*\0", "the file is truncated"),
        (b"RIFF\xff\0\0\0WEBPVP8 ", "the file is truncated"),
        (b"BM" + bytes(12) + b"\x0c" + bytes(30), "BMP in the old OS/2 kind cannot be read; convert it first"),
        (b"II+\0" + bytes(30), "BigTIFF cannot be read; convert it to TIFF first"),
    ],
)
def test_what_is_no_picture_is_one_clear_line(tmp_path, data, reason):
    with pytest.raises(ValueError) as caught:
        read_photo(save(tmp_path, "scan_07.jpg", data))
    assert str(caught.value) == f"cannot decode 'scan_07.jpg': {reason}"


def test_a_missing_file_a_folder_and_a_pipe_are_clear_lines(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot read 'x.jpg': No such file or directory$"):
        read_photo(tmp_path / "x.jpg")
    with pytest.raises((ValueError, OSError), match=r"^cannot (read|decode) '"):
        read_photo(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(ValueError, match=r"^cannot decode 'pipe.jpg': not a file$"):
            read_photo(tmp_path / "pipe.jpg")


def test_the_limit_of_pixels_counts_and_names_its_flag(tmp_path):
    path = save(tmp_path, "420.jpg")
    size = samples.HEIGHT * samples.WIDTH
    assert read_photo(path, max_pixels=size).image.size == 3 * size
    with pytest.raises(ValueError, match=rf"93×67 pixels are more than the limit of {size - 1} \(--max_pixels\)"):
        read_photo(path, max_pixels=size - 1)


def test_a_file_far_larger_than_any_picture_is_not_loaded(tmp_path):
    path = save(tmp_path, "420.jpg")
    os.truncate(path, 2**31)  # sparse: takes no space
    with pytest.raises(ValueError, match=r"2147483648 bytes are more than a picture of 1000000 pixels"):
        read_photo(path, max_pixels=1_000_000)


def test_a_repair_of_another_shape_is_an_error(tmp_path):
    photo = read_photo(save(tmp_path, "420.jpg"))
    with pytest.raises(ValueError, match="the repaired picture is uint8"):
        write_photo(tmp_path / "out.jpg", photo, photo.image[:-1])


def test_photos_decoded_in_threads_equal_those_decoded_alone(tmp_path):
    paths = [save(tmp_path, name) for name in sorted(FILES)] * 3
    alone = {path: read_image(path) for path in paths}
    broken = save(tmp_path, "broken.jpg", FILES["444.jpg"][:-600] + b"\xff\xd9")

    def work(path: Path) -> bool:
        if path == broken:
            with pytest.raises(ValueError, match="damaged"):
                read_image(path)
            return True
        return np.array_equal(read_image(path), alone[path])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, [path for pair in paths for path in (pair, broken)]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_source_file_is_closed_after_reading(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for name in FILES:
        read_photo(save(tmp_path, name))
    assert len(os.listdir("/proc/self/fd")) == before
