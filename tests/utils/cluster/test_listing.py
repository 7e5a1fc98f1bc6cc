import io
import json
import os
import subprocess
import sys

import pytest

from utils.cluster.addresses import is_url, without_file_scheme
from utils.cluster.listing import Listed, Shard, checked_id, parse_shard, read_list


def test_a_list_is_read_line_by_line_as_paths_or_json(tmp_path):
    path = tmp_path / "all.txt"
    stated = Listed("b 2/ü.jpg", 12, 34, "e1")
    path.write_text(f"a.jpg\n\n./b//c.png\r\n{stated.line()}\n", encoding="utf-8")
    assert list(read_list(str(path))) == [Listed("a.jpg"), Listed("b/c.png"), stated]
    assert json.loads(Listed("x", 1).line()) == {"id": "x", "size": 1}


def test_a_list_comes_from_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.jpg\nb.jpg")))
    assert [photo.id for photo in read_list("-")] == ["a.jpg", "b.jpg"]


def test_a_name_that_is_no_unicode_stays_as_it_is(tmp_path):
    (tmp_path / "all.txt").write_bytes(b"caf\xe9.jpg\n")
    [photo] = read_list(str(tmp_path / "all.txt"))
    assert os.fsencode(photo.id) == b"caf\xe9.jpg"


@pytest.mark.parametrize("line", ["/etc/passwd", "a/../../b", ".", '{"id": 3}', '{"size": 3}', "{", '{"id": "../x"}'])
def test_a_line_that_is_no_photo_below_the_folder_is_named(tmp_path, line):
    (tmp_path / "all.txt").write_text(f"good.jpg\n{line}\n")
    with pytest.raises(ValueError, match="line 2"):
        list(read_list(str(tmp_path / "all.txt")))


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(OSError, match=r"--list '.*none\.txt': cannot be read"):
        list(read_list(str(tmp_path / "none.txt")))


def test_shares_are_disjoint_complete_and_about_equal():
    ids = [f"box{n % 7}/page{n}.jpg" for n in range(3000)]
    shares = [[id for id in ids if Shard(index, 5).holds(id)] for index in range(5)]
    assert sorted(id for share in shares for id in share) == sorted(ids)
    assert all(500 < len(share) < 700 for share in shares)


def test_a_share_is_the_same_in_every_process_and_whatever_python_hashes_with():
    code = "from utils.cluster.listing import Shard; print([i for i in range(99) if Shard(1, 3).holds(f'{i}.jpg')])"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {str([i for i in range(99) if Shard(1, 3).holds(f"{i}.jpg")]).encode() + os.linesep.encode()}


def test_names_that_one_disk_may_take_for_the_same_are_in_one_share():
    assert all(Shard(index, 50).holds("A/É.jpg") == Shard(index, 50).holds("a/e\u0301.JPG") for index in range(50))


def test_a_share_is_stated_or_taken_from_slurm_or_torchrun():
    assert parse_shard(None) == Shard(0, 1) and parse_shard("2/5") == Shard(2, 5)
    slurm = {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "3"}
    assert parse_shard("auto", slurm) == Shard(2, 4)
    assert parse_shard("auto", {**slurm, "SLURM_ARRAY_TASK_STEP": "2"}) == Shard(1, 4)
    assert parse_shard("auto", {"RANK": "1", "WORLD_SIZE": "2"}) == Shard(1, 2)
    assert parse_shard(None, slurm) == Shard(0, 1)


@pytest.mark.parametrize("text", ["5/5", "-1/5", "1", "1/0", "a/b", ""])
def test_a_share_that_is_none_is_an_error(text):
    with pytest.raises(ValueError, match="must be i/n"):
        parse_shard(text)


def test_auto_needs_an_environment_that_says_so():
    with pytest.raises(ValueError, match="neither SLURM_ARRAY_TASK_ID"):
        parse_shard("auto", {})
    gaps = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "3"}
    with pytest.raises(ValueError, match=r"gaps; .*SLURM_ARRAY_TASK_ID/8"):
        parse_shard("auto", gaps)


def test_the_shortest_spelling_is_the_id():
    assert checked_id("./a//b.jpg") == checked_id("a/b.jpg") == "a/b.jpg"


def test_addresses_are_told_from_paths():
    assert is_url("s3://b/x") and is_url("gs://b") and not is_url("c:/photos") and not is_url("a/b://c")
    assert without_file_scheme("file:///a%20b") == "/a b" and without_file_scheme("s3://b/x") == "s3://b/x"
