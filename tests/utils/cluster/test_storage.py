"""Photos and results in an object store: an S3 server on this machine, from the package moto."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

import predict_onnx
from tests.utils.cluster.test_run import flags, graph_files, photos, results  # noqa: F401
from utils.cluster.storage import Bucket

pytest.importorskip("pyarrow", reason="needs the extra [storage]")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a bucket's folder, to be filled in."""
    pytest.importorskip("moto.server", reason="needs moto[server]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = open(tmp_path_factory.mktemp("moto") / "log", "w")  # noqa: SIM115
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
    yield lambda folder: f"s3://key:secret@archive/{folder}{query}"
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
