"""Lists of photos through predict_onnx.py: shares, records, what kills and hangs, and what is counted at the end."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import predict_onnx
from tests import cluster_load
from tests.graphs import RED, own_specs, write_generator, write_segmenter
from utils.cluster.flags import Choices
from utils.cluster.job import Job
from utils.cluster.run import clean_list
from utils.options import RemovalOptions
from utils.places import FolderOptions

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def graph_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    segmenter_spec, generator_spec = own_specs()
    return (
        str(write_segmenter(folder / "s.onnx", segmenter_spec)),
        str(write_generator(folder / "g.onnx", generator_spec)),
    )


@pytest.fixture
def flags(graph_files):
    segmenter, generator = graph_files
    graphs = ["--deeplabv3_onnx", segmenter, "--deepfillv2_onnx", generator]
    return [*graphs, "--provider", "cpu", "--structure", "off", "--num_workers", "2"]


def page(seed, covered=True):
    image = np.random.default_rng(seed).integers(190, 212, (240, 180, 3), np.uint8)
    if covered:
        image[40:90, :40] = RED
    return image


@pytest.fixture
def photos(tmp_path):
    """Six photos, one of them clean and two in folders, and their list."""
    folder = tmp_path / "photos"
    for index, name in enumerate(("1.jpg", "2.png", "a/3.jpg", "a/b/4.png", "5.jpg", "6.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), page(index, covered=index != 4))
    write_list(folder)
    return folder


def write_list(folder):
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    (folder.parent / "all.txt").write_text("".join(f"{name}\n" for name in names))


def argv(photos, flags, *more, out="out"):
    target = photos.parent / out
    listed = ["--list", str(photos.parent / "all.txt")]
    return ["--src_image_dir", str(photos), "--save_dir", str(target), *listed, *flags, *more]


def results(target):
    files = (p for p in target.rglob("*") if p.is_file() and "records" not in p.relative_to(target).parts)
    return {p.relative_to(target).as_posix(): p.read_bytes() for p in files if not p.name.startswith(".")}


def records(target):
    return [json.loads(line) for file in (target / "records").glob("*.jsonl") for line in file.open()]


@pytest.mark.slow
def test_a_list_gives_the_files_of_a_folder_and_a_record_for_each(photos, flags, capsys):
    whole = photos.parent / "whole"
    folder = ["--src_image_dir", str(photos), "--save_dir", str(whole), "--recursive", "True"]
    assert predict_onnx.main([*folder, *flags]) == 0
    assert predict_onnx.main(argv(photos, flags)) == 0
    target = photos.parent / "out"
    assert results(target) == results(whole)
    said = capsys.readouterr().out
    assert "listed 6 = 5 repaired + 1 clean + 0 failed + 0 quarantined" in said and "running on cpu" in said
    rows = {row["id"]: row for row in records(target)}
    assert len(rows) == 6
    for id, row in rows.items():
        assert row["sha256"] == hashlib.sha256((photos / id).read_bytes()).hexdigest()
        assert row["result_sha256"] == hashlib.sha256((target / id).read_bytes()).hexdigest()
        assert row["key"] and row["graphs"]["deeplabv3_onnx"] and row["status"] in ("repaired", "clean")


@pytest.mark.slow
def test_doing_it_twice_changes_no_byte(photos, flags):
    written = []
    for _ in range(2):
        assert predict_onnx.main(argv(photos, flags)) == 0
        written.append(results(photos.parent / "out"))
    assert written[0] == written[1] and len(records(photos.parent / "out")) == 12


@pytest.mark.slow
def test_resume_does_what_has_no_record_for_these_options(photos, flags, capsys):
    target = photos.parent / "out"

    def done_again(*more):
        before = len(records(target)) if target.exists() else 0
        assert predict_onnx.main(argv(photos, flags, "--resume", "True", *more)) == 0
        return len(records(target)) - before

    assert done_again() == 6 and done_again() == 0
    assert "6 of 6 have records already" in capsys.readouterr().out
    assert done_again("--grow_px", "30") == 6
    assert done_again("--grow_px", "30", "--save_mask", "True") == 6
    assert done_again("--grow_px", "30", "--save_mask", "True") == 0
    cv2.imwrite(str(photos / "2.png"), np.ascontiguousarray(page(1)[:-8]))
    (target / "6.png").unlink()
    cut = (target / "a" / "3.jpg").read_bytes()[:-100]
    (target / "a" / "3.jpg").write_bytes(cut)
    assert done_again("--grow_px", "30", "--save_mask", "True") == 3


@pytest.mark.slow
def test_a_record_that_was_cut_short_is_none(photos, flags, capsys):
    assert predict_onnx.main(argv(photos, flags)) == 0
    [file] = (photos.parent / "out" / "records").iterdir()
    file.write_bytes(file.read_bytes()[:-40])  # as on a disk that was full
    assert predict_onnx.main(argv(photos, flags, "--resume", "True")) == 0
    assert "5 of 6 have records already" in capsys.readouterr().out


@pytest.mark.slow
def test_another_picture_in_the_place_of_a_result_stays_and_a_result_of_ours_does_not(photos, flags, capsys):
    target = photos.parent / "out"
    assert predict_onnx.main(argv(photos, flags)) == 0
    cv2.imwrite(str(photos / "5.jpg"), np.full((90, 60, 3), 200, np.uint8))  # its result was a copy, without a mark
    cv2.imwrite(str(target / "6.png"), np.full((70, 70, 3), 9, np.uint8))
    assert predict_onnx.main(argv(photos, flags, "--resume", "True")) == 1
    assert (target / "5.jpg").read_bytes() == (photos / "5.jpg").read_bytes()
    assert "6.png: failed: " in capsys.readouterr().err and cv2.imread(str(target / "6.png")).shape == (70, 70, 3)


@pytest.mark.slow
def test_shares_together_do_all_and_one_report_tells_it(photos, flags, capsys):
    for index in range(3):
        assert predict_onnx.main(argv(photos, flags, "--shard", f"{index}/3")) == 0
    whole = photos.parent / "whole"
    assert predict_onnx.main(argv(photos, flags, out="whole")) == 0
    assert results(photos.parent / "out") == results(whole)
    capsys.readouterr()
    report = photos.parent / "report.jsonl"
    assert predict_onnx.main(argv(photos, flags, "--merge_report", str(report))) == 0
    assert "listed 6 = 5 repaired + 1 clean + 0 failed + 0 quarantined" in capsys.readouterr().out
    rows = [json.loads(line) for line in report.open()]
    assert [row["id"] for row in rows] == (photos.parent / "all.txt").read_text().split()


@pytest.mark.slow
def test_a_merged_report_serves_skip_existing_on_one_machine(photos, flags, capsys):
    assert predict_onnx.main(argv(photos, flags)) == 0
    report = photos.parent / "report.jsonl"
    assert predict_onnx.main(argv(photos, flags, "--merge_report", str(report))) == 0
    folder = ["--src_image_dir", str(photos), "--save_dir", str(photos.parent / "out"), "--recursive", "True"]
    capsys.readouterr()
    assert predict_onnx.main([*folder, *flags, "--skip_existing", "True", "--report", str(report)]) == 0
    assert "6 skipped" in capsys.readouterr().out


@pytest.mark.slow
def test_what_is_missing_is_named_and_status_1(photos, flags, capsys):
    assert predict_onnx.main(argv(photos, flags, "--shard", "0/3")) == 0
    report = photos.parent / "report.jsonl"
    assert predict_onnx.main(argv(photos, flags, "--merge_report", str(report))) == 1
    said = capsys.readouterr()
    names = (photos.parent / "all.txt").read_text().split()
    missing = [name for name in names if name not in {json.loads(line)["id"] for line in report.open()}]
    assert missing and f"+ {len(missing)} without a record" in said.out
    assert f"without a record: {', '.join(missing)}; go on with --resume True" in said.err


@pytest.mark.slow
def test_what_fails_is_recorded_and_done_again_only_where_asked(photos, flags, capsys):
    (photos / "7.jpg").write_text("no picture")
    write_list(photos)
    with open(photos.parent / "all.txt", "a") as listed:
        listed.write('missing.jpg\n1.jpg\n{"id": "8.png", "size": 3}\n')
    cv2.imwrite(str(photos / "8.png"), page(8))
    target = photos.parent / "out"
    assert predict_onnx.main(argv(photos, flags)) == 1
    said = capsys.readouterr()
    assert "listed 9 = 5 repaired + 1 clean + 3 failed + 0 quarantined" in said.out
    assert "note: 1 listed more than once" in said.err and "8.png' has changed since it was listed" in said.err
    assert "7.jpg: failed: cannot decode" in said.err and "missing.jpg: failed: cannot read 'missing.jpg'" in said.err
    cv2.imwrite(str(photos / "7.jpg"), page(7))
    assert predict_onnx.main(argv(photos, flags, "--resume", "True")) == 1 and len(records(target)) == 9
    assert predict_onnx.main(argv(photos, flags, "--resume", "True", "--retry_failed", "True")) == 1
    assert len(records(target)) == 12 and (target / "7.jpg").exists()


@pytest.mark.slow
def test_links_never_lead_a_result_out_of_the_target_and_results_are_no_photos(photos, flags, capsys):
    target = photos / "out"
    target.mkdir()
    (target / "a").symlink_to(photos / "a")
    cv2.imwrite(str(target / "x.png"), page(1))
    (photos.parent / "all.txt").write_text("a/3.jpg\n1.jpg\nout/x.png\n")
    before = (photos / "a" / "3.jpg").read_bytes()
    assert predict_onnx.main(argv(photos, flags, out="photos/out")) == 1
    assert (photos / "a" / "3.jpg").read_bytes() == before
    said = capsys.readouterr().err
    assert "is a link that leads out of it" in said and "among the results" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--skip_existing", "True"], "--resume goes by records"),
        (["--report", "r.jsonl"], "--merge_report makes one report"),
        (["--retry_failed", "True"], "needs --resume True"),
        (["--shard", "3/3"], "--shard 3/3: must be i/n"),
        (["--list", "/nowhere/at/all"], "cannot be read"),
        (["--deeplabv3_onnx", "nothing.onnx"], "no such graph"),
    ],
)
def test_flags_that_do_not_go_together_are_one_line(photos, flags, capsys, more, said):
    assert predict_onnx.main(argv(photos, flags, *more)) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_share_of_no_photo_is_well(photos, flags, capsys):
    (photos.parent / "all.txt").write_text("1.jpg\n")
    statuses = [predict_onnx.main(argv(photos, flags, "--shard", f"{index}/4")) for index in range(4)]
    assert statuses == [0] * 4 and capsys.readouterr().out.count("listed 0 = 0 repaired") == 3


def job(photos, graph_files, **more):
    folder = FolderOptions(photos, photos.parent / "out", num_workers=2)
    removal = RemovalOptions(structure="off")
    return Job(str(photos), str(photos.parent / "out"), "", folder, removal, graph_files, "cpu", **more)


def trap(photos, name, value):
    image = page(1)
    image[0] = value
    cv2.imwrite(str(photos / name), image)
    write_list(photos)


@pytest.mark.slow
def test_a_photo_that_kills_or_hangs_is_quarantined_by_name_and_the_rest_done(photos, graph_files, capsys):
    trap(photos, "killing.png", cluster_load.KILLING)
    trap(photos, "hanging.png", cluster_load.HANGING)
    trapped = job(photos, graph_files, load=cluster_load.load)
    choices = Choices(list=str(photos.parent / "all.txt"), photo_timeout_s=2)
    assert clean_list(trapped, choices, "test") == 1
    said = capsys.readouterr()
    assert "listed 8 = 5 repaired + 1 clean + 0 failed + 2 quarantined" in said.out
    assert "killing.png: quarantined: its worker process was ended by SIGKILL twice" in said.err
    # the other may have ended the process that it was in
    assert re.search(
        r"hanging\.png: quarantined: its worker process .*took longer than 2 s \(--photo_timeout_s\)", said.err
    )
    assert len(results(photos.parent / "out")) == 6
    assert clean_list(trapped, replace(choices, resume=True), "test") == 1
    said = capsys.readouterr()
    assert "8 of 8 have records already" in said.out and "quarantined: hanging.png, killing.png" in said.err


@pytest.mark.slow
def test_a_worker_that_dies_before_it_begins_ends_the_run_with_a_reason(photos, graph_files, capsys):
    choices = Choices(list=str(photos.parent / "all.txt"))
    assert clean_list(job(photos, graph_files, load=cluster_load.die), choices, "test") == 2
    assert "was ended by SIGKILL while it loaded its networks" in capsys.readouterr().err


def start(photos, flags, *more):
    command = [sys.executable, str(ROOT / "predict_onnx.py"), *argv(photos, flags, *more)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


def many(photos, count):
    for index in range(count):
        cv2.imwrite(str(photos / f"m{index}.jpg"), page(100 + index, covered=index % 3 > 0))
    write_list(photos)


def begun(target, count):
    return lambda: target.exists() and len(results(target)) >= count


@pytest.mark.slow
def test_killed_shares_lose_nothing_once_they_are_resumed(photos, flags, capsys):
    many(photos, 40)
    assert predict_onnx.main(argv(photos, flags, out="whole")) == 0
    target, whole = photos.parent / "out", results(photos.parent / "whole")
    chance = random.Random(0)
    for attempt in range(3):
        shares = [start(photos, flags, "--shard", f"{index}/2", "--resume", "True") for index in range(2)]
        wait_for(begun(target, 6 + 9 * attempt))
        time.sleep(chance.random() / 4)
        for share in shares:
            os.kill(share.pid, signal.SIGKILL)
            share.wait()
        assert all(whole[name] == data for name, data in results(target).items())  # none is half-written
        assert {row["id"] for row in records(target)} <= set(results(target))
    for index in range(2):
        assert predict_onnx.main(argv(photos, flags, "--shard", f"{index}/2", "--resume", "True")) == 0
    assert results(target) == whole
    capsys.readouterr()
    assert predict_onnx.main(argv(photos, flags, "--merge_report", str(photos.parent / "r.jsonl"))) == 0
    assert "listed 46 = " in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGTERM, as queues of jobs do")
def test_sigterm_ends_a_share_after_the_photos_that_it_is_at(photos, flags):
    many(photos, 60)
    target = photos.parent / "out"
    share = start(photos, flags)
    wait_for(begun(target, 4))
    os.killpg(share.pid, signal.SIGTERM)
    assert share.wait(60) == 130
    ids = {row["id"] for row in records(target)}
    assert ids == set(results(target)) and len(ids) < 66
    assert not list(target.rglob(".*"))
