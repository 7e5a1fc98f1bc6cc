import json
import os

import cv2
import numpy as np
import pytest

from tests.utils.test_originals import Remover, photo
from utils import done, images
from utils.done import Record
from utils.folder import clean_folder
from utils.options import RemovalOptions
from utils.places import FolderOptions, find_photos
from utils.remover import Removal


class FindsNothing(Remover):
    def finish(self, image, sight):
        return Removal(image, np.zeros(image.shape[:2], bool), [], [])


def run(tmp_path, remover=None, **more):
    more.setdefault("skip_existing", True)
    options = FolderOptions(tmp_path / "photos", tmp_path / "out", **more)
    options.save_dir.mkdir(exist_ok=True)
    return clean_folder(remover or Remover(), find_photos(options)[0], options)


def repaired_folder(tmp_path, names=("a.png", "b.jpg"), **more):
    for level, name in enumerate(names):
        photo(tmp_path / "photos" / name, 120 + 30 * level)
    assert run(tmp_path, **more) == {"repaired": len(names)}
    return tmp_path / "out"


def stamps(folder):
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


def test_a_record_comes_back_from_a_mark_and_from_a_line_of_the_report(tmp_path):
    record = Record("0123456789abcdef", 1234, -5, ("masks", "comparisons"))
    assert done.from_mark(f"1,2,3,4; 5,6,7,8 {record.mark()}") == record
    assert done.from_mark(f"{Record('ab', 1, 2).mark()}; 1,2,3,4 {record.mark()}") == record
    for text in (None, "", "1,2,3,4", f"{record.mark()}; 1,2,3,4"):
        assert done.from_mark(text) is None
    report = tmp_path / "run.jsonl"
    lines = [{"name": "a", "done": Record("old", 1, 2).row()}, {"name": "a", "done": record.row()}, {"name": "b"}]
    report.write_text("\n".join(map(json.dumps, lines)) + '\n{"name": "c", "done": {"work"')
    assert done.from_report(report) == {"a": record}


def test_settings_that_differ_have_other_digests_whatever_their_order():
    assert done.digest({"a": 1, "b": None}) == done.digest({"b": None, "a": 1})
    assert len({done.digest(s) for s in ({}, {"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1})}) == 5


@pytest.mark.parametrize("report", [False, True])
def test_what_is_done_alike_is_left_alone(tmp_path, report):
    more = {"report": tmp_path / "run.jsonl"} if report else {}
    out = repaired_folder(tmp_path, **more)
    before = stamps(out)
    assert run(tmp_path, **more) == {"skipped": 2}
    assert stamps(out) == before


@pytest.mark.parametrize("report", [False, True])
@pytest.mark.parametrize("what", ["options", "weights", "jpeg"])
def test_what_was_done_with_other_options_or_weights_is_done_again(tmp_path, capsys, what, report):
    more = {"report": tmp_path / "run.jsonl"} if report else {}
    repaired_folder(tmp_path, **more)
    remover = Remover()
    if what == "options":
        remover.options = RemovalOptions(structure="only", grow_px=1)
    changed = {"weights": {"work": {"graph": "other"}}, "jpeg": {"jpeg": "match"}}.get(what, {})
    assert run(tmp_path, remover, **more, **changed) == {"repaired": 2}
    assert "2 were there already and done again: 2 with other options or weights" in capsys.readouterr().out
    assert run(tmp_path, remover, **more, **changed) == {"skipped": 2}


@pytest.mark.parametrize("report", [False, True])
def test_a_photo_that_changed_since_is_done_again(tmp_path, capsys, report):
    more = {"report": tmp_path / "run.jsonl"} if report else {}
    out = repaired_folder(tmp_path, **more)
    photo(tmp_path / "photos" / "a.png", 60)
    os.utime(tmp_path / "photos" / "a.png", (10**9, 10**9))
    assert run(tmp_path, **more) == {"repaired": 1, "skipped": 1}
    assert "1 was there already and done again: 1 of a photo that has changed since" in capsys.readouterr().out
    assert cv2.imread(str(out / "a.png"))[20, 20, 0] == 60


def test_a_photo_that_was_only_touched_is_told_by_its_hash(tmp_path):
    repaired_folder(tmp_path, report=tmp_path / "run.jsonl")
    for path in (tmp_path / "photos").iterdir():
        os.utime(path, (10**9, 10**9))
    assert run(tmp_path, report=tmp_path / "run.jsonl") == {"skipped": 2}


@pytest.mark.parametrize("report", [False, True])
def test_a_half_finished_result_is_done_again(tmp_path, capsys, report):
    more = {"report": tmp_path / "run.jsonl"} if report else {}
    out = repaired_folder(tmp_path, **more)
    for path in out.iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    assert run(tmp_path, **more) == {"repaired": 2}
    assert "2 half-finished" in capsys.readouterr().out
    assert images.read_photo(out / "a.png")


def test_a_result_that_somebody_retouched_is_never_written_over(tmp_path, capsys):
    out = repaired_folder(tmp_path, report=tmp_path / "run.jsonl")
    retouched = photo(out / "a.png", 7)
    assert run(tmp_path, report=tmp_path / "run.jsonl", work={"graph": "other"}) == {"skipped": 1, "repaired": 1}
    assert (out / "a.png").read_bytes() == retouched
    assert "1 left alone, of which nobody knows" in capsys.readouterr().out


def test_what_nobody_knows_of_is_left_alone_and_counted(tmp_path, capsys):
    photo(tmp_path / "photos" / "a.png")
    (tmp_path / "out").mkdir()
    other = photo(tmp_path / "out" / "a.png", 99)
    assert run(tmp_path) == {"skipped": 1}
    assert (tmp_path / "out" / "a.png").read_bytes() == other
    out = capsys.readouterr().out
    assert "a.png: skipped: already there, made nobody knows how" in out and "1 left alone" in out


def test_a_copy_is_looked_at_again_unless_the_report_says_with_what_it_was(tmp_path):
    photo(tmp_path / "photos" / "a.png")
    report = tmp_path / "run.jsonl"
    assert run(tmp_path, FindsNothing()) == {"clean": 1}
    assert run(tmp_path, FindsNothing()) == {"clean": 1}
    assert run(tmp_path, FindsNothing(), report=report) == {"clean": 1}
    assert run(tmp_path, FindsNothing(), report=report) == {"skipped": 1}
    assert run(tmp_path, Remover(), report=report, work={"graph": "better"}) == {"repaired": 1}


def test_a_photo_with_a_mark_of_an_earlier_repair_is_judged_by_the_last(tmp_path):
    out = repaired_folder(tmp_path, names=("a.png",))
    os.replace(out / "a.png", tmp_path / "photos" / "a.png")
    assert run(tmp_path, FindsNothing()) == {"clean": 1}
    assert run(tmp_path, FindsNothing()) == {"clean": 1}
    (out / "a.png").unlink()
    assert run(tmp_path) == {"repaired": 1}
    assert run(tmp_path) == {"skipped": 1}


def test_what_failed_now_is_not_counted_as_done_again(tmp_path, capsys):
    repaired_folder(tmp_path)
    (tmp_path / "masks").mkdir()
    assert run(tmp_path, mask_dir=tmp_path / "masks") == {"failed": 2}
    assert "again" not in capsys.readouterr().out


def test_a_mask_that_changed_since_counts(tmp_path):
    mask = np.zeros((40, 30), np.uint8)
    mask[5:20, 5:20] = 255
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask)
    repaired_folder(tmp_path, names=("a.jpg",), mask_dir=tmp_path / "masks")
    assert run(tmp_path, mask_dir=tmp_path / "masks") == {"skipped": 1}
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask[::-1])
    assert run(tmp_path, mask_dir=tmp_path / "masks") == {"repaired": 1}


def test_what_is_to_be_written_beside_must_have_been(tmp_path, capsys):
    out = repaired_folder(tmp_path, names=("a.png",))
    assert run(tmp_path, save_mask=True) == {"repaired": 1}
    assert "1 without what is to be written beside it" in capsys.readouterr().out
    assert (out / "masks" / "a.png.png").exists()
    assert run(tmp_path, save_mask=True) == run(tmp_path) == {"skipped": 1}


@pytest.mark.parametrize("more", [{"mark": False}, {"plain": True}])
def test_where_there_is_no_mark_the_report_tells(tmp_path, more):
    repaired_folder(tmp_path, names=("a.png", "b.bmp"), report=tmp_path / "run.jsonl", **more)
    assert run(tmp_path, report=tmp_path / "run.jsonl", **more) == {"skipped": 2}
    assert run(tmp_path, report=tmp_path / "run.jsonl", jpeg="match", **more) == {"repaired": 2}


def test_the_mark_holds_no_hash_of_what_was_covered(tmp_path):
    out = repaired_folder(tmp_path, names=("a.png",))
    assert images.fingerprint(tmp_path / "photos" / "a.png")[:12].encode() not in (out / "a.png").read_bytes()


def test_times_are_carried_over_where_asked(tmp_path):
    photo(tmp_path / "photos" / "a.png")
    os.utime(tmp_path / "photos" / "a.png", ns=(10**18, 10**18 + 123456700))
    assert run(tmp_path, keep_times=True) == {"repaired": 1}
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == 10**18 + 123456700
    assert run(tmp_path, keep_times=True) == {"skipped": 1}


def page(path, seed, tone=200):
    """A page of letters; two of them have nothing in common but paper and light."""
    rng = np.random.default_rng(seed)
    image = np.full((400, 300, 3), tone, np.uint8)
    for y in range(20, 390, 22):
        cv2.putText(image, str(rng.integers(10**15)), (12, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (50, 50, 50), 2)
    image = np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_another_picture_where_a_result_would_go_is_never_written_over(tmp_path, capsys, name):
    page(tmp_path / "photos" / name, 0)
    for place, seed, tone in (("out", 1, 200), ("larger", 1, 204)):
        other = page(tmp_path / place / name, seed, tone)
        options = FolderOptions(tmp_path / "photos", tmp_path / place)
        assert clean_folder(Remover(), find_photos(options)[0], options) == {"failed": 1}
        assert (tmp_path / place / name).read_bytes() == other
    assert "is another picture, which no run is known to have written" in capsys.readouterr().err


@pytest.mark.parametrize("more", [{}, {"mark": False}, {"plain": True}])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_results_of_an_earlier_run_are_replaced(tmp_path, name, more):
    page(tmp_path / "photos" / name, 0)
    for remover in (Remover(), FindsNothing(), Remover()):
        counts = run(tmp_path, remover, skip_existing=False, **more)
        assert counts == ({"clean": 1} if isinstance(remover, FindsNothing) else {"repaired": 1})
    half = tmp_path / "out" / name
    half.write_bytes(half.read_bytes()[:2000])
    assert run(tmp_path, skip_existing=False, **more) == {"repaired": 1}


def test_a_photo_in_a_subfolder_that_is_taken_for_the_target_is_kept(tmp_path):
    page(tmp_path / "photos" / "a.png", 0)
    other = page(tmp_path / "photos" / "scans" / "a.png", 1)
    options = FolderOptions(tmp_path / "photos", tmp_path / "photos" / "scans", recursive=True)
    assert clean_folder(Remover(), find_photos(options)[0], options) == {"failed": 1}
    assert (tmp_path / "photos" / "scans" / "a.png").read_bytes() == other


def test_what_is_not_read_is_not_written_over_either(tmp_path):
    page(tmp_path / "photos" / "a.jpg", 0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert run(tmp_path, skip_existing=False) == {"failed": 1}
    assert (tmp_path / "out" / "a.jpg").read_bytes().startswith(b"\0\0\0\x18ftypheic")
