import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from utils import originals
from utils.finding.finder import Sight
from utils.folder import clean_folder
from utils.options import RemovalOptions
from utils.originals import Originals, is_same, is_same_folder
from utils.places import FolderOptions, check_folders, find_photos
from utils.remover import Removal
from utils.stages import Answer

ROOT = Path(__file__).parents[2]
links = pytest.mark.skipif(os.name == "nt", reason="making links takes rights there")


class Remover:
    """Paints one corner of every photo."""

    options = RemovalOptions(structure="only")

    def look(self, image):
        return Sight(image, Answer(np.zeros(image.shape[:2], np.float32)), [], [None])  # not clean

    def finish(self, image, sight):
        mask = np.zeros(image.shape[:2], bool)
        mask[:5, :5] = True
        return self.repair(image, mask)

    def find_mask(self, image):
        return np.zeros(image.shape[:2], bool)

    def repair(self, image, mask):
        from utils.regions import connected_bounds

        painted = image.copy()
        painted[mask] = 0
        return Removal(painted, mask, connected_bounds(mask), [])


def photo(path: Path, level: int = 210) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((40, 30, 3), level, np.uint8))
    return path.read_bytes()


def clean(source: Path, target: Path, **more):
    options = FolderOptions(source, target, **more)
    return clean_folder(Remover(), find_photos(options)[0], options)


@pytest.fixture
def numbered_apart(monkeypatch):
    """Two mounts of one share: the system gives everything below `other` numbers of its own."""
    ask = originals.identity

    def identity(path):
        known = ask(path)
        return (known[0] + 1, known[1]) if known and "other" in Path(path).parts else known

    monkeypatch.setattr(originals, "identity", identity)


@links
def test_the_folder_of_the_photos_is_refused_under_another_name(tmp_path):
    photo(tmp_path / "photos" / "a.png")
    (tmp_path / "other").symlink_to(tmp_path / "photos")
    with pytest.raises(ValueError, match="under this name or another"):
        check_folders(FolderOptions(tmp_path / "photos", tmp_path / "other"))


@links
def test_and_so_it_is_where_two_mounts_number_it_differently(tmp_path, numbered_apart):
    photo(tmp_path / "photos" / "a.png")
    (tmp_path / "other").symlink_to(tmp_path / "photos")
    assert not is_same(tmp_path / "photos", tmp_path / "other")
    assert is_same_folder(tmp_path / "other", tmp_path / "photos")
    assert not is_same_folder(tmp_path, tmp_path / "photos")
    with pytest.raises(ValueError, match="under this name or another"):
        check_folders(FolderOptions(tmp_path / "photos", tmp_path / "other"))
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["a.png"]


@links
@pytest.mark.parametrize("apart", [False, True])
def test_a_folder_that_becomes_that_of_the_photos_during_the_run_costs_no_photo(tmp_path, request, apart):
    if apart:
        request.getfixturevalue("numbered_apart")
    before = photo(tmp_path / "photos" / "a.png")
    (tmp_path / "other").symlink_to(tmp_path / "photos")
    assert clean(tmp_path / "photos", tmp_path / "other") == {"failed": 1}
    assert (tmp_path / "photos" / "a.png").read_bytes() == before


@links
def test_a_photo_that_is_a_link_to_where_its_result_would_go_is_kept(tmp_path, capsys):
    before = photo(tmp_path / "out" / "a.png")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").symlink_to(tmp_path / "out" / "a.png")
    assert clean(tmp_path / "photos", tmp_path / "out") == {"failed": 1}
    assert (tmp_path / "out" / "a.png").read_bytes() == before
    assert "the result would overwrite" in capsys.readouterr().err


@links
def test_a_subfolder_of_the_target_that_is_one_of_the_photos_costs_none_of_them(tmp_path):
    before = photo(tmp_path / "photos" / "b" / "x.png", 90)
    photo(tmp_path / "photos" / "a" / "x.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "photos" / "b")
    assert clean(tmp_path / "photos", tmp_path / "out", recursive=True) == {"failed": 1, "repaired": 1}
    assert (tmp_path / "photos" / "b" / "x.png").read_bytes() == before


@links
def test_masks_and_comparisons_are_never_written_over_photos_or_masks(tmp_path):
    before = photo(tmp_path / "mine" / "a.png.png", 0)
    photo(tmp_path / "photos" / "a.png")
    (tmp_path / "out").mkdir()
    for name in ("masks", "comparisons"):
        (tmp_path / "out" / name).symlink_to(tmp_path / "mine")
    for more in ({"save_mask": True}, {"save_comparison": True}):
        options = FolderOptions(tmp_path / "photos", tmp_path / "out", mask_dir=tmp_path / "mine", **more)
        with pytest.raises(ValueError, match=r"^--save_.* which is the folder of your masks"):
            check_folders(options)
        assert clean_folder(Remover(), find_photos(options)[0], options) == {"failed": 1}
    assert (tmp_path / "mine" / "a.png.png").read_bytes() == before


def test_a_report_is_not_appended_to_a_file_of_the_users(tmp_path):
    photo(tmp_path / "photos" / "a.png")
    note = tmp_path / "photos" / "a.heic"
    note.write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(ValueError, match="no report of an earlier run"):
        check_folders(FolderOptions(tmp_path / "photos", tmp_path / "out", report=note))
    note.write_text('{"name": "a.png"}\n')
    check_folders(FolderOptions(tmp_path / "photos", tmp_path / "out", report=note))


@links
def test_results_of_an_earlier_run_below_the_photos_are_no_photos_under_another_name(tmp_path):
    photo(tmp_path / "photos" / "a.png")
    photo(tmp_path / "photos" / "out" / "a.png")
    (tmp_path / "other").symlink_to(tmp_path / "photos" / "out")
    photos, _ = find_photos(FolderOptions(tmp_path / "photos", tmp_path / "other", recursive=True))
    assert photos == [tmp_path / "photos" / "a.png"]


def test_two_results_of_one_name_to_the_disk_are_not_written_over_each_other(tmp_path):
    first, second = tmp_path / "out" / "A.png", tmp_path / "out" / "a.png"
    photo(first)
    os.link(first, second)  # as a disk that does not tell capital letters shows one file
    kept = Originals()
    kept.note(first)
    kept.refuse(first, tmp_path / "photos" / "A.png")
    with pytest.raises(ValueError, match=r"that of 'A\.png', whose name is the same to that disk"):
        kept.refuse(second, tmp_path / "photos" / "a.png")


def test_of_two_names_that_are_one_to_the_disk_only_one_is_written(tmp_path, monkeypatch, capsys):
    for name in ("A.png", "a.png", "b.png"):
        photo(tmp_path / "photos" / name)
    (tmp_path / "out").mkdir()
    assert not originals.folds_names(tmp_path / "out") or sys.platform in ("win32", "darwin")
    monkeypatch.setattr(originals, "folds_names", lambda folder: True)
    assert clean(tmp_path / "photos", tmp_path / "out") == {"repaired": 2, "failed": 1}
    assert "whose name is the same to that disk; rename one of the photos" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare"), reason="mounts a folder twice")
def test_a_folder_mounted_twice_is_recognised(tmp_path):
    before = photo(tmp_path / "photos" / "a.png")
    (tmp_path / "out").mkdir()
    code = (
        "from pathlib import Path; from utils.places import *; "
        f"check_folders(FolderOptions(Path({str(tmp_path / 'photos')!r}), Path({str(tmp_path / 'out')!r})))"
    )
    mount = f"mount --bind '{tmp_path / 'photos'}' '{tmp_path / 'out'}' || exit 77; exec \"$0\" -c \"$1\""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, sys.executable, code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert "under this name or another" in done.stderr
    assert (tmp_path / "photos" / "a.png").read_bytes() == before
