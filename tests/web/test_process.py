"""The server as a process: what is left when it is ended, and when it is killed."""

import os
import signal
import time

import cv2
import pytest

from tests.site import encoded, page, serving

pytest.importorskip("starlette", reason="the page needs starlette: pip install -r requirements-web.txt")
httpx = pytest.importorskip("httpx2", reason="needs httpx2: pip install -r requirements-dev.txt")

pytestmark = pytest.mark.slow
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


def client_of(address):
    url, token = address.split("/#token=")
    return httpx.Client(base_url=url, headers={"X-Token": token}, timeout=60)


def workspaces(folder):
    return list(folder.glob("occluder-removal-web-*"))


@posix
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_ended_server_leaves_no_files(tmp_path, monkeypatch, how):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(tmp_path) as (process, address), client_of(address) as client:
        assert client.put("/api/photos/photo-0001?name=page.jpg", content=encoded(page())).status_code == 201
        assert len(workspaces(tmp_path)) == 1
        process.send_signal(how)
        assert process.wait(30) == 0
    assert workspaces(tmp_path) == []


@posix
def test_what_a_killed_server_left_is_removed_by_the_next_one_and_a_running_one_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(tmp_path) as (running, _):
        own = workspaces(tmp_path)
        with serving(tmp_path) as (killed, _):
            killed.kill()
            killed.wait()
        assert len(workspaces(tmp_path)) == 2
        with serving(tmp_path):
            assert len(workspaces(tmp_path)) == 2 and set(own) < set(workspaces(tmp_path))
        assert workspaces(tmp_path) == own and running.poll() is None


@posix
def test_a_server_killed_while_a_folder_runs_loses_nothing(tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(12):
        (photos / f"page{number}.png").write_bytes(encoded(page(1200, 900), ".png"))
    before = {path: path.read_bytes() for path in photos.iterdir()}
    flags = ["--photo_dir", str(photos), "--save_dir", str(out)]

    def accept(client):
        client.post("/api/folder/find")
        while any(photo["status"] == "waiting" for photo in client.get("/api/folder").json()["photos"]):
            time.sleep(0.1)
        assert client.post("/api/folder/accept", json={"sure": True}).status_code == 202

    with serving(tmp_path, *flags) as (process, address), client_of(address) as client:
        accept(client)
        while not list(out.glob("page*.png")):
            time.sleep(0.01)
        process.kill()
        process.wait()
    done = {path: path.read_bytes() for path in out.glob("page*.png")}
    assert 0 < len(done) < 12 and all(cv2.imread(str(path)) is not None for path in done)
    with serving(tmp_path, *flags) as (_, address), client_of(address) as client:
        listed = client.get("/api/folder").json()["photos"]
        assert sum(photo["status"] == "done" for photo in listed) == len(done)
        accept(client)
        while any(photo["status"] != "done" for photo in client.get("/api/folder").json()["photos"]):
            time.sleep(0.1)
    assert len(list(out.glob("page*.png"))) == 12 and all(path.read_bytes() == data for path, data in done.items())
    assert before == {path: path.read_bytes() for path in photos.iterdir()}


def test_a_port_that_is_taken_is_named(tmp_path):
    with serving(tmp_path) as (_, address):
        port = int(address.split(":")[2].split("/")[0])
        with pytest.raises(AssertionError, match="the server ended"), serving(tmp_path, port=port):
            pass
