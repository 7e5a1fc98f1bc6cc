"""The server as a process: what is left when it is ended, and when it is killed."""

import contextlib
import os
import select
import signal
import socket
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


def upload_by_hand(address, headers):
    """A connection that has sent the head of an upload."""
    url, token = address.split("/#token=")
    host = url.removeprefix("http://")
    connection = socket.create_connection(tuple(host.split(":")), 30)
    head = ["PUT /api/photos/photo-0001?name=page.jpg HTTP/1.1", f"Host: {host}", f"X-Token: {token}", *headers]
    connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
    return connection


def stored(folder):
    """Bytes that the server keeps on disk."""
    total = 0
    for path in (path for place in workspaces(folder) for path in place.rglob("*") if path.is_file()):
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            total += path.stat().st_size
    return total


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return met


@posix
def test_2_gb_are_refused_before_they_come_and_while_they_come(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving(tmp_path, "--max_upload_mb", "4") as (_, address):
        before = stored(tmp_path)
        with upload_by_hand(address, [f"Content-Length: {2**31}"]) as connection:
            assert b"413" in connection.recv(100).splitlines()[0]
        with upload_by_hand(address, ["Transfer-Encoding: chunked"]) as connection:
            piece = b"40000\r\n" + bytes(2**18) + b"\r\n"
            sent = most = 0
            while sent < 2**31 and not select.select([connection], [], [], 0)[0]:
                connection.sendall(piece)
                sent += 2**18
                most = max(most, stored(tmp_path))
            assert b"413" in connection.recv(100).splitlines()[0]
        assert sent < 2**28 and most <= before + 4 * 2**20
        assert wait_for(lambda: stored(tmp_path) == before)
        with client_of(address) as client:
            assert client.put("/api/photos/photo-0001?name=page.jpg", content=encoded(page())).status_code == 201


@posix
def test_a_connection_that_breaks_in_mid_upload_leaves_no_file_and_the_photo_is_taken_when_it_comes_again(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    data = encoded(page())
    with serving(tmp_path) as (_, address), client_of(address) as client:
        before = stored(tmp_path)
        for _ in range(3):
            with upload_by_hand(address, [f"Content-Length: {len(data)}"]) as connection:
                connection.sendall(data[: len(data) // 2])
                assert wait_for(lambda: stored(tmp_path) > before)
            assert wait_for(lambda: stored(tmp_path) == before)
            assert client.get("/api/photos/photo-0001").status_code == 404
        assert client.put("/api/photos/photo-0001?name=page.jpg", content=data).status_code == 201


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
