import _thread
import json
import os
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from utils import images
from utils.finding.finder import Sight
from utils.folder import Room, clean_folder
from utils.options import RemovalOptions
from utils.places import FolderOptions, check_folders, find_photos, make_target
from utils.remover import Removal
from utils.stages import Answer

SEEN = Sight(np.zeros((1, 1, 3), np.uint8), Answer(np.zeros((1, 1), np.float32)), [], [None])  # not clean


class Remover:
    """Finds nothing; does what `before` says with each photo."""

    options = RemovalOptions(structure="only")

    def __init__(self, before):
        self.before = before

    def look(self, image):
        return SEEN

    def finish(self, image, sight):
        self.before(image)
        return Removal(image, np.zeros(image.shape[:2], bool), [], [])


def folder_of(tmp_path, count):
    source, target = tmp_path / "photos", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for index in range(count):
        image = np.full((40 + index, 30, 3), 210, np.uint8)
        cv2.imwrite(str(source / f"{index}.png"), image)
    return source, target


def clean(remover, source, target, **more):
    options = FolderOptions(source, target, **more)
    photos, unreadable = find_photos(options)
    assert not unreadable
    return clean_folder(remover, photos, options)


def test_so_many_photos_are_worked_on_at_a_time_as_there_are_workers(tmp_path, capsys):
    source, target = folder_of(tmp_path, 6)
    both = threading.Barrier(2, timeout=20)
    assert clean(Remover(lambda image: both.wait()), source, target, num_workers=2) == {"clean": 6}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"{index}.png" for index in range(6)]


@pytest.mark.parametrize("error", [ValueError("no"), MemoryError(), cv2.error("bad"), RuntimeError("a mistake")])
def test_whatever_happens_to_one_photo_the_others_are_done(tmp_path, capsys, error):
    source, target = folder_of(tmp_path, 4)

    def fail(image):
        if len(image) == 41:
            raise error

    assert clean(Remover(fail), source, target) == {"clean": 3, "failed": 1}
    assert sorted(path.name for path in target.iterdir()) == ["0.png", "2.png", "3.png"]
    assert capsys.readouterr().err.startswith("1.png: failed: ")


@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_interruption_leaves_whole_files_and_a_line_for_each(tmp_path, num_workers):
    source, target = folder_of(tmp_path, 40)
    report = tmp_path / "run.jsonl"

    def interrupt(image):
        if len(image) == 43:
            _thread.interrupt_main()
        time.sleep(0.02)

    with pytest.raises(KeyboardInterrupt):
        clean(Remover(interrupt), source, target, num_workers=num_workers, report=report)
    written = {path.name for path in target.iterdir()}
    assert {"0.png", "1.png", "2.png"} <= written and len(written) < 40
    assert {json.loads(line)["name"] for line in report.read_text().splitlines()} == written
    for name in written:
        assert (target / name).read_bytes() == (source / name).read_bytes()


def test_a_large_photo_waits_for_all_places_and_is_not_overtaken():
    room, order = Room(2), []
    small_is_in, large_waits = threading.Event(), threading.Event()

    def take(name, places, entered=None, leave=None):
        with room.taken(places):
            order.append(name)
            if entered:
                entered.set()
            if leave:
                leave.wait(20)

    first = threading.Thread(target=take, args=("first", 1, small_is_in, large_waits))
    first.start()
    small_is_in.wait(20)
    large = threading.Thread(target=take, args=("large", 9))
    large.start()
    while not room.queue.locked():
        pass
    last = threading.Thread(target=take, args=("last", 1))
    last.start()
    assert order == ["first"]
    large_waits.set()
    for thread in (first, large, last):
        thread.join()
    assert order == ["first", "large", "last"]
    assert room.free == 2


def test_a_folder_inside_that_cannot_be_read_is_named_and_the_others_are_done(tmp_path, monkeypatch):
    source, target = folder_of(tmp_path, 2)
    for name in ("open", "locked"):
        (source / name).mkdir()
    (source / "0.png").rename(source / "open" / "a.png")
    scan = os.scandir

    def refuse(path):
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(images.os, "scandir", refuse)
    photos, unreadable = find_photos(FolderOptions(source, target, recursive=True))
    assert [path.name for path in photos] == ["1.png", "a.png"]
    assert len(unreadable) == 1 and "locked': Permission denied" in unreadable[0]


@pytest.mark.parametrize("what", ["target", "report"])
def test_what_cannot_be_written_is_said_before_anything_is_done(tmp_path, what):
    source, target = folder_of(tmp_path, 1)
    (tmp_path / "file").touch()
    bad = {"target": {"save_dir": tmp_path / "file" / "out"}, "report": {"report": tmp_path / "none" / "run.jsonl"}}
    with pytest.raises(OSError, match=r"^--(save_dir|report) '.*': cannot be written \("):
        make_target(FolderOptions(**{"src_image_dir": source, "save_dir": target, **bad[what]}))


@pytest.mark.parametrize("flag", ["src_image_dir", "mask_dir", "save_dir"])
def test_a_file_where_a_folder_is_needed_is_called_one(tmp_path, flag):
    source, target = folder_of(tmp_path, 1)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"^--{flag} '.*file': a file[,;] "):
        check_folders(FolderOptions(**{"src_image_dir": source, "save_dir": target, flag: tmp_path / "file"}))


def test_nothing_of_the_users_can_be_written_over(tmp_path):
    source, target = folder_of(tmp_path, 1)
    with pytest.raises(ValueError, match="is the folder of your masks"):
        check_folders(FolderOptions(source, tmp_path, mask_dir=tmp_path))
    with pytest.raises(ValueError, match="the name of a picture"):
        check_folders(FolderOptions(source, target, report=source / "0.png"))


def test_masks_to_add_need_a_folder_of_masks(tmp_path):
    source, target = folder_of(tmp_path, 1)
    with pytest.raises(ValueError, match="--mask_mode add needs --mask_dir"):
        check_folders(FolderOptions(source, target, mask_mode="add"))


def test_a_target_above_the_photos_is_refused_where_it_could_overwrite_them(tmp_path):
    source, _ = folder_of(tmp_path, 1)
    with pytest.raises(ValueError, match="contains the folder of the photos"):
        check_folders(FolderOptions(source, tmp_path, recursive=True))
    check_folders(FolderOptions(source, tmp_path))
    assert len(find_photos(FolderOptions(source, tmp_path))[0]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


def test_masks_below_the_photos_are_no_photos(tmp_path):
    source, target = folder_of(tmp_path, 1)
    (source / "drawn").mkdir()
    cv2.imwrite(str(source / "drawn" / "0.png"), np.zeros((40, 30), np.uint8))
    photos, _ = find_photos(FolderOptions(source, target, recursive=True, mask_dir=source / "drawn"))
    assert photos == [source / "0.png"]


def test_masks_are_not_written_among_the_results_of_a_subfolder(tmp_path):
    source, target = folder_of(tmp_path, 2)
    (source / "masks").mkdir()
    (source / "0.png").rename(source / "masks" / "1.png.png")
    with pytest.raises(ValueError, match=r"--save_mask writes to '.*masks'"):
        find_photos(FolderOptions(source, target, recursive=True, save_mask=True))
    assert len(find_photos(FolderOptions(source, target, save_mask=True))[0]) == 1
    assert len(find_photos(FolderOptions(source, target, recursive=True, save_comparison=True))[0]) == 2


def test_a_photo_is_written_after_what_is_written_beside_it(tmp_path):
    """Or --skip_existing would leave out for ever what a run that was killed in between did not write."""
    source, target = folder_of(tmp_path, 2)
    (target / "masks" / "1.png.png").mkdir(parents=True)  # this one cannot be written
    assert clean(Remover(lambda image: None), source, target, save_mask=True) == {"clean": 1, "failed": 1}
    assert (target / "0.png").exists() and not (target / "1.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="making links takes rights there")
def test_links_that_lead_nowhere_are_named_and_the_others_are_done(tmp_path):
    source, target = folder_of(tmp_path, 1)
    for name, goal in (("gone.jpg", tmp_path / "none.jpg"), ("circle.jpg", source / "circle.jpg")):
        (source / name).symlink_to(goal)
    photos, unreadable = find_photos(FolderOptions(source, target))
    assert photos == [source / "0.png"]
    assert sorted("gone.jpg" in line for line in unreadable) == [False, True]
    assert images.list_photos(source) == [source / "0.png"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_a_name_that_is_no_unicode_can_be_read_back_from_the_report(tmp_path):
    source, target = folder_of(tmp_path, 1)
    name = os.fsdecode(b"\xd2\xb3.png")  # a Chinese name as an old archive holds it
    (source / "0.png").rename(source / name)
    assert clean(Remover(lambda image: None), source, target, report=tmp_path / "run.jsonl") == {"clean": 1}
    assert json.loads((tmp_path / "run.jsonl").read_text(encoding="utf-8"))["name"] == name
    assert (target / name).exists()


@pytest.mark.skipif(os.name == "nt", reason="making links takes rights there")
def test_a_link_in_the_target_does_not_lead_results_over_originals(tmp_path, capsys):
    source, target = folder_of(tmp_path, 1)
    (source / "sub").mkdir()
    (source / "0.png").rename(source / "sub" / "0.png")
    (target / "sub").symlink_to(source / "sub")
    before = (source / "sub" / "0.png").stat().st_ino  # a photo is written anew and renamed
    assert clean(Remover(lambda image: None), source, target, recursive=True) == {"failed": 1}
    assert (source / "sub" / "0.png").stat().st_ino == before
    assert "the result would overwrite it" in capsys.readouterr().err


def test_a_file_where_a_subfolder_must_be_made_is_named(tmp_path, capsys):
    source, target = folder_of(tmp_path, 1)
    (source / "sub").mkdir()
    (source / "0.png").rename(source / "sub" / "0.png")
    (target / "sub").touch()
    assert clean(Remover(lambda image: None), source, target, recursive=True) == {"failed": 1}
    assert f"cannot make the folder '{target / 'sub'}': " in capsys.readouterr().err


def test_a_mistake_while_a_photo_is_read_is_that_photos_own(tmp_path, capsys, monkeypatch):
    source, target = folder_of(tmp_path, 3)
    read = images.open_photo

    def fail(path, *args):
        if path.name == "1.png":
            raise KeyError("a mistake")
        return read(path, *args)

    monkeypatch.setattr(images, "open_photo", fail)
    assert clean(Remover(lambda image: None), source, target) == {"clean": 2, "failed": 1}
    assert "1.png: failed: KeyError: 'a mistake'" in capsys.readouterr().err
