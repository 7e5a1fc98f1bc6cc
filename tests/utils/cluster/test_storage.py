"""Photos and results in an object store: an S3 server on this machine, from the package moto."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import cv2
import numpy as np
import pytest

import predict_onnx
from tests.utils.cluster.test_run import flags, graph_files, photos, results  # noqa: F401
from utils.cluster.records import RecordFile, read_records
from utils.cluster.storage import Bucket

pytest.importorskip("pyarrow", reason="needs the extra [storage]")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """What makes the address of a bucket's folder; its `log` is a file with a line for each request."""
    pytest.importorskip("moto.server", reason="needs moto[server]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = tmp_path_factory.mktemp("moto") / "log"
    log = open(place, "w")  # noqa: SIM115
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    query = f"?endpoint_override=127.0.0.1%3A{port}&scheme=http&region=us-east-1"
    from pyarrow import fs

    system, _ = fs.FileSystem.from_uri(f"s3://key:secret@archive{query}&allow_bucket_creation=true")
    system.create_dir("archive")

    def address(folder):
        return f"s3://key:secret@archive/{folder}{query}"

    address.log = place
    yield address
    process.kill()
    process.wait()
    log.close()


def upload(folder, address):
    """The photos of a folder as objects, and their times in the folder as those of the objects."""
    bucket = Bucket(address)
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(path.relative_to(folder).as_posix(), path.read_bytes())
    for name, _, seconds in bucket.names():
        os.utime(folder / name, (seconds, seconds))


def test_a_store_is_repaired_as_a_folder_is(server, photos, flags, capsys):  # noqa: F811
    upload(photos, server("photos"))
    more = [*flags, "--recursive", "True", "--save_mask", "True"]
    whole = photos.parent / "whole"
    assert predict_onnx.main(["--src_image_dir", str(photos), "--save_dir", str(whole), *more]) == 0
    there = ["--src_image_dir", server("photos"), "--save_dir", server("out"), *more]
    assert predict_onnx.main([*there, "--resume", "True"]) == 0
    said = capsys.readouterr().out
    assert "listed 6 = 5 repaired + 1 clean" in said and "secret" not in said
    out = Bucket(server("out"))
    names = {name for name, _, _ in out.names() if not name.startswith("records/")}
    assert {name: out.read(name) for name in names} == results(whole)
    assert predict_onnx.main([*there, "--resume", "True"]) == 0
    assert "6 of 6 have records already" in capsys.readouterr().out
    report = photos.parent / "report.jsonl"
    assert predict_onnx.main([*there, "--merge_report", str(report)]) == 0
    assert len([json.loads(line) for line in report.open()]) == 6


def test_a_photo_is_one_get_and_a_result_one_put(server, photos, flags):  # noqa: F811
    upload(photos, server("six"))
    before = len(server.log.read_text().splitlines())
    argv = ["--src_image_dir", server("six"), "--save_dir", server("six_out"), "--recursive", "True", *flags]
    assert predict_onnx.main(argv) == 0
    lines = server.log.read_text().splitlines()[before:]
    requests = (re.search(r'"(?:\x1b\[\d+m)*(\w+) /archive/(six\w*)(/records)?', line) for line in lines)
    counts = Counter(request.groups() for request in requests if request is not None)
    assert (
        counts["GET", "six", None] == counts["PUT", "six_out", None] == 6 and counts["PUT", "six_out", "/records"] == 1
    )
    assert not [request for request in counts if request[0] == "POST"], "no upload in parts"


def test_from_a_store_to_a_folder_and_back_by_a_list(server, photos, flags, capsys):  # noqa: F811
    upload(photos, server("two"))
    listed = ["--list", str(photos.parent / "all.txt"), "--mark", "False", *flags]
    target = photos.parent / "out"
    assert predict_onnx.main(["--src_image_dir", server("two"), "--save_dir", str(target), *listed]) == 0
    records = ["--record_dir", str(photos.parent / "records")]
    there = ["--src_image_dir", str(photos), "--save_dir", server("three"), *records, *listed]
    assert predict_onnx.main(there) == 0
    out = Bucket(server("three"))
    assert {name: out.read(name) for name, _, _ in out.names()} == results(target)
    assert (photos.parent / "records").is_dir()
    (photos.parent / "all.txt").write_text("none.jpg\n")
    assert predict_onnx.main(["--src_image_dir", server("two"), "--save_dir", str(target), *listed]) == 1
    said = capsys.readouterr().err
    assert "none.jpg: failed: cannot read 'none.jpg': there is no such file in 's3://archive/two'" in said


def test_another_picture_in_the_place_of_a_result_stays_in_a_store_too_and_results_of_ours_do_not(
    server,
    photos,  # noqa: F811
    flags,  # noqa: F811
    capsys,
):
    upload(photos, server("seven"))
    target = Bucket(server("seven_out"))
    strange = cv2.imencode(".png", np.full((70, 70, 3), 9, np.uint8))[1].tobytes()
    target.put("6.png", strange)
    argv = ["--src_image_dir", server("seven"), "--save_dir", server("seven_out"), "--recursive", "True", *flags]
    assert predict_onnx.main(argv) == 1
    said = capsys.readouterr()
    assert "listed 6 = 4 repaired + 1 clean + 1 failed" in said.out
    assert "6.png: failed: 's3://archive/seven_out/6.png' is another picture, which no run is known to have" in said.err
    assert target.read("6.png") == strange
    assert predict_onnx.main([*argv, "--grow_px", "30"]) == 1, "our own are written over, without records as well"
    assert "listed 6 = 4 repaired + 1 clean + 1 failed" in capsys.readouterr().out
    # 5.jpg had nothing on it: its result is a copy without a mark, which only the records know to be ours
    Bucket(server("seven")).put("5.jpg", cv2.imencode(".jpg", np.full((90, 60, 3), 200, np.uint8))[1].tobytes())
    again = [*argv, "--grow_px", "30", "--resume", "True"]
    assert predict_onnx.main(again) == 1
    assert target.read("5.jpg") == Bucket(server("seven")).read("5.jpg")
    Bucket(server("seven")).put("5.jpg", cv2.imencode(".jpg", np.full((60, 90, 3), 200, np.uint8))[1].tobytes())
    target.put("5.jpg", strange)
    assert predict_onnx.main(again) == 1 and target.read("5.jpg") == strange


def test_times_are_kept_from_a_store_and_refused_into_one(server, photos, flags, capsys):  # noqa: F811
    upload(photos, server("eight"))
    kept = ["--keep_times", "True", "--recursive", "True", *flags]
    target = photos.parent / "out"
    assert predict_onnx.main(["--src_image_dir", server("eight"), "--save_dir", str(target), *kept]) == 0
    for name, _, seconds in Bucket(server("eight")).names():
        assert int((target / name).stat().st_mtime) == seconds
    capsys.readouterr()
    assert predict_onnx.main(["--src_image_dir", str(photos), "--save_dir", server("eight_out"), *kept]) == 2
    assert "--keep_times: an object store gives its own times" in capsys.readouterr().err
    assert not list(Bucket(server("eight_out")).names())


def test_what_is_listed_while_others_write_is_whole(server):
    over = threading.Event()
    row = {"key": "k", "status": "clean", "ended": 1.0, "message": "x" * 2000}

    def write():
        records = RecordFile(server("nine/records"), "one")
        for number in range(250):
            Bucket(server("nine")).put(f"box{number % 3}/{number}.png", bytes(100))
            records.add({"id": str(number), **row})
        records.close()
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen, counts = [], []
    while not over.wait(0.05):
        seen.append({record["id"] for record in read_records(server("nine/records"))})
        names = [(name, size) for name, size, _ in Bucket(server("nine")).names() if not name.startswith("records")]
        counts.append(len(names))
        assert all(size == 100 for _, size in names) and len(set(names)) == len(names)
    thread.join()
    assert counts == sorted(counts) and all(len(ids) in (0, 100, 200, 250) for ids in seen)
    assert len(list(read_records(server("nine/records")))) == 250
    assert len([name for name, _, _ in Bucket(server("nine")).names() if name.endswith(".png")]) == 250
    assert not list(Bucket(server("nine")).photos(recursive=False))
    assert len(list(Bucket(server("nine/box0")).photos(recursive=False))) == 84


def test_a_store_that_does_not_answer_is_one_line(photos, flags, capsys):  # noqa: F811
    nobody = "s3://key:secret@archive/x?endpoint_override=127.0.0.1%3A9&scheme=http&region=us-east-1"
    assert predict_onnx.main(["--src_image_dir", nobody, "--save_dir", str(photos.parent / "out"), *flags]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "secret" not in said


def test_source_and_target_are_never_in_each_other(server, flags, capsys):  # noqa: F811
    for source, target in (("a", "a"), ("a", "a/out"), ("a/in", "a")):
        argv = ["--src_image_dir", server(source), "--save_dir", server(target), *flags]
        assert predict_onnx.main(argv) == 2
        assert "one lies in the other" in capsys.readouterr().err


def test_an_address_of_no_store_is_named(flags, capsys):  # noqa: F811
    argv = ["--src_image_dir", "nonsense://x/y", "--save_dir", "s3://b/out", *flags]
    assert predict_onnx.main(argv) == 2
    assert "--src_image_dir 'nonsense://x/y'" in capsys.readouterr().err
