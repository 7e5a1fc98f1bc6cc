"""The routes, what they refuse, and that their files are those of predict_onnx.py."""

import json
import os
import re
import time
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the page needs starlette: pip install -r requirements-web.txt")
pytest.importorskip("httpx2", reason="starlette's test client needs httpx2")

from starlette.testclient import TestClient

import predict_onnx
import predict_web
from tests.site import TOKEN, encoded, graph_flags, page
from utils.images import read_mark
from utils.places import FolderOptions
from web import session as sessions
from web.album import Album
from web.guard import LOCAL_HOSTS
from web.server import build_app
from web.store import Store, safe_name

HOST = "http://127.0.0.1:8765"
ID = "photo-0001"
MB = 2**20
TIME = 1_700_000_000  # of every photo's file, in seconds since 1970
# A photo of many levels, as no mask has.
SCENE = np.broadcast_to(np.linspace(0, 255, 700).astype(np.uint8)[None, :, None], (900, 700, 3)).copy()


class Site:
    """A running site and the client that talks to it."""

    def __init__(self, client, store, workshop, album):
        self.client, self.store, self.workshop, self.album = client, store, workshop, album

    def __call__(self, verb, path, status=None, **more):
        answer = self.client.request(verb, path, **more)
        assert status is None or answer.status_code == status, answer.text
        return answer

    def put(self, data, id=ID, name="page.jpg"):
        self("PUT", f"/api/photos/{id}?name={name}&time={TIME}", 201, content=data)
        return self.wait(id)

    def wait(self, id=ID, until=lambda state: state["job"] is None):
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            state = self("GET", f"/api/photos/{id}", 200).json()
            if until(state):
                return state
            time.sleep(0.02)
        raise AssertionError(f"it never came: {state}")

    def steps(self, *steps, id=ID):
        self("PUT", f"/api/photos/{id}/strokes", 200, json={"steps": steps})

    def repair(self, id=ID, **settings):
        before = (self("GET", f"/api/photos/{id}").json()["result"] or {"number": 0})["number"]
        self("POST", f"/api/photos/{id}/repair", 202, json=settings)
        state = self.wait(id)
        assert not state["error"] and state["result"]["number"] == before + 1
        return self("GET", f"/api/photos/{id}/result", 200).content

    def mask(self, id=ID):
        data = np.frombuffer(self("GET", f"/api/photos/{id}/mask", 200).content, np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED) > 0


@contextmanager
def running(tmp_path, flags=(), photo_dir=None, **limits):
    args = predict_web.build_parser().parse_args([*graph_flags(tmp_path), *flags])
    workshop, _ = predict_web._workshop(args)
    root = tmp_path / "store"
    root.mkdir()
    store = Store(root, workshop, **{"max_upload_bytes": 20 * MB, **limits})
    album = None
    if photo_dir is not None:
        (tmp_path / "out").mkdir(exist_ok=True)
        options = FolderOptions(photo_dir, tmp_path / "out", recursive=args.recursive)
        album = Album(options, workshop, store)
    app = build_app(workshop, store, album, TOKEN, LOCAL_HOSTS)
    with TestClient(app, base_url=HOST, headers={"X-Token": TOKEN}) as client:
        yield Site(client, store, workshop, album)


@pytest.fixture
def site(tmp_path):
    with running(tmp_path) as started:
        yield started


def by_command_line(tmp_path, data, name="page.jpg", mask=None, flags=()):
    """The bytes that predict_onnx.py writes for a photo from `TIME`, without a mask or with one."""
    source, target = tmp_path / "cli_photos", tmp_path / "cli_out"
    source.mkdir(exist_ok=True)
    (source / name).write_bytes(data)
    os.utime(source / name, (TIME, TIME))
    more = []
    if mask is not None:
        (tmp_path / "cli_masks").mkdir(exist_ok=True)
        (tmp_path / "cli_masks" / f"{name}.png").write_bytes(mask)
        more = ["--mask_dir", str(tmp_path / "cli_masks"), "--grow_px", "0"]
    folders = ["--src_image_dir", str(source), "--save_dir", str(target)]
    assert predict_onnx.main([*folders, *graph_flags(tmp_path), *more, *flags]) == 0
    return (target / name).read_bytes()


def test_a_photo_is_searched_when_it_comes(site):
    state = site.put(encoded(page(occluders=2)))
    assert (state["width"], state["height"], state["format"]) == (700, 900, "JPEG")
    boxes = [region["box"] for region in state["found"]["regions"]]
    assert len(boxes) == 2 and all(box[0] == 0 for box in boxes)
    for region in state["found"]["regions"]:
        assert region["confidence"] > 0.9 and not region["is_doubtful"] and len(region["outline"][0]) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif", ".bmp"])
def test_result_as_found_is_the_file_of_the_command_line(site, tmp_path, extension):
    data = encoded(page(), extension)
    site.put(data, name=f"page{extension}")
    assert site.repair() == by_command_line(tmp_path, data, f"page{extension}")


@pytest.mark.slow
def test_a_large_jpeg_is_seen_reduced_as_by_the_command_line(site, tmp_path):
    image = cv2.resize(page(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    data = encoded(image)
    site.put(data)
    assert site.repair() == by_command_line(tmp_path, data)


@pytest.mark.slow
def test_what_the_page_sets_is_recorded_as_the_command_line_would(site, tmp_path):
    data = encoded(page())
    site.put(data)
    site("POST", f"/api/photos/{ID}/find", 202, json={"scope": "whole", "grow_px": 30})
    site.wait()
    settings = {"structure": "auto", "lift_shadow": False, "feather_px": 4}
    flags = ["--structure", "auto", "--lift_shadow", "False", "--feather_px", "4"]
    found = ["--scope", "whole", "--grow_px", "30"]
    assert site.repair(**settings) == by_command_line(tmp_path, data, flags=[*flags, *found])
    site.steps({"brush": [[300, 500]], "radius": 25})
    mask = site("GET", f"/api/photos/{ID}/mask", 200).content
    assert site.repair(**settings) == by_command_line(tmp_path, data, mask=mask, flags=flags)


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["only", "auto", "off"])
def test_result_of_a_corrected_mask_is_the_file_of_the_command_line_with_that_mask(site, tmp_path, structure):
    data = encoded(page(occluders=2))
    state = site.put(data)
    first = state["found"]["regions"][0]["name"]
    site.steps(
        {"leave": first}, {"brush": [[300, 500], [400, 650]], "radius": 25}, {"erase": [[330, 540]], "radius": 9}
    )
    mask = site("GET", f"/api/photos/{ID}/mask", 200).content
    repaired = site.repair(structure=structure)
    assert repaired == by_command_line(tmp_path, data, mask=mask, flags=["--structure", structure])
    assert site.wait()["result"]["is_corrected"] and repaired != data


def test_a_photo_without_a_mask_comes_back_byte_for_byte(site, tmp_path):
    data = encoded(page(occluders=0))
    site.put(data)
    assert site.repair() == data
    data = encoded(page())
    site.put(data, "photo-0002")
    site.steps({"clear": True}, id="photo-0002")
    assert (
        site.repair("photo-0002")
        == data
        == by_command_line(tmp_path, data, mask=encoded(np.zeros((900, 700), np.uint8), ".png"))
    )


def test_flags_of_the_command_line_hold_on_the_page(tmp_path):
    data = encoded(page())
    flags = ["--grow_px", "40", "--jpeg", "match", "--structure", "off", "--feather_px", "3"]
    with running(tmp_path, flags) as site:
        site.put(data)
        assert site.repair() == by_command_line(tmp_path, data, flags=flags)


def test_results_are_marked_with_what_was_repainted(tmp_path):
    with running(tmp_path) as site:
        site.put(encoded(page()))
        (tmp_path / "repaired.jpg").write_bytes(site.repair())
        [box] = site.wait()["result"]["boxes"]
        assert ",".join(map(str, box)) in read_mark(tmp_path / "repaired.jpg")


def test_another_search_has_other_options_and_keeps_strokes(site):
    site.put(encoded(page()))
    site.steps({"brush": [[500, 500]], "radius": 10})
    narrow = site.mask()
    site("POST", f"/api/photos/{ID}/find", 202, json={"grow_px": 150, "scope": "page"})
    found = site.wait()["found"]
    assert (found["number"], found["scope"], found["grow_px"]) == (2, "page", 150)
    wide = site.mask()
    assert wide.sum() > narrow.sum() and wide[500, 500]


def test_strokes_are_replaced_or_added(site):
    site.put(encoded(page(occluders=0)))
    dot, other = {"brush": [[100, 100]], "radius": 5}, {"brush": [[300, 300]], "radius": 5}
    site.steps(dot)
    assert site("POST", f"/api/photos/{ID}/strokes", 200, json={"steps": [other]}).json() == {"revision": 2}
    assert site.mask()[100, 100] and site.mask()[300, 300]
    site.steps(other)
    assert not site.mask()[100, 100]


def test_ones_own_mask_is_uploaded_and_edited_further(site):
    site.put(encoded(page()))
    own = np.zeros((900, 700), np.uint8)
    own[600:700, 200:300] = 255
    site("PUT", f"/api/photos/{ID}/masks/mine", 201, content=encoded(own, ".png"))
    site.steps({"mask": "mine"}, {"erase": [[250, 650]], "radius": 20})
    mask = site.mask()
    assert mask[605, 205] and not mask[650, 250] and not mask[150, 50]


@pytest.mark.parametrize(
    ("image", "code"), [(SCENE, "no_mask"), (np.zeros((90, 70), np.uint8), "mask_size"), (None, "no_mask")]
)
def test_what_is_no_mask_of_the_photo_is_refused(site, image, code):
    site.put(encoded(page()))
    data = b"no picture" if image is None else encoded(image, ".png")
    answer = site("PUT", f"/api/photos/{ID}/masks/mine", 422, content=data)
    assert answer.json()["code"] == code and len(answer.json()["error"]) > 20


@pytest.mark.parametrize(
    ("path", "size"), [("preview/{}", (900, 700)), ("tiles/{}/0/1/1", (388, 188)), ("tiles/{}/1/0/0", (450, 350))]
)
@pytest.mark.parametrize(("layer", "kind"), [("photo", "image/jpeg"), ("mask", "image/png"), ("result", "image/jpeg")])
def test_pictures_for_the_page_show_photo_mask_and_result(site, path, size, layer, kind):
    site.put(encoded(page()))
    site.repair()
    answer = site("GET", f"/api/photos/{ID}/{path.format(layer)}", 200)
    shown = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert answer.headers["content-type"] == kind and shown.shape[:2] == size


def test_layers_and_tiles_that_there_are_not_are_named(site):
    site.put(encoded(page()))
    assert site("GET", f"/api/photos/{ID}/preview/other", 404).json()["code"] == "no_layer"
    assert site("GET", f"/api/photos/{ID}/preview/result", 404).json()["code"] == "no_layer"
    assert site("GET", f"/api/photos/{ID}/tiles/photo/0/9/9", 404).json()["code"] == "no_tile"


@pytest.mark.parametrize("time", ["noon", "1.5", "1e9", "9" * 12])
def test_a_time_that_is_none_is_named(site, time):
    answer = site("PUT", f"/api/photos/{ID}?name=page.jpg&time={time}", 422, content=encoded(page()))
    assert answer.json()["code"] == "bad_time" and list(site.store.root.iterdir()) == []


def test_the_same_photo_may_be_sent_twice_and_another_not_under_its_id(site):
    data = encoded(page())
    site.put(data)
    assert site("PUT", f"/api/photos/{ID}?name=page.jpg", 200, content=data).json()["found"]["number"] == 1
    assert site("PUT", f"/api/photos/{ID}", 409, content=encoded(page(occluders=2))).json()["code"] == "id_taken"


def test_a_deleted_photo_leaves_no_file(site):
    site.put(encoded(page()))
    site.repair()
    assert (site.store.root / ID).is_dir()
    site("DELETE", f"/api/photos/{ID}", 204)
    assert list(site.store.root.iterdir()) == []
    assert site("GET", f"/api/photos/{ID}", 404).json()["code"] == "no_photo"


def test_the_result_bears_the_name_of_the_photo_in_any_letters(site):
    site.put(encoded(page()), name="第二页 (1).jpg")
    site.repair()
    disposition = site("GET", f"/api/photos/{ID}/result").headers["content-disposition"]
    assert disposition.endswith("filename*=UTF-8''%E7%AC%AC%E4%BA%8C%E9%A1%B5%20%281%29_repaired.jpg")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/shadow.png", "shadow.png"),
        ("..", "photo"),
        (".hidden.jpg", "hidden.jpg"),
        ("a\x00b\nc.jpg", "a_b_c.jpg"),
        ("第二页.jpg", "第二页.jpg"),
        ("x" * 500 + ".jpeg", "x" * 80 + ".jpeg"),
    ],
)
def test_names_of_uploads_cannot_lead_anywhere(given, kept):
    assert safe_name(given) == kept


@pytest.mark.slow
def test_too_large_and_no_pictures_are_refused_in_words(tmp_path):
    with running(tmp_path, ["--max_pixels", "500000"], max_upload_bytes=MB) as site:
        big = site("PUT", f"/api/photos/{ID}", 413, content=encoded(page()))
        assert big.json()["code"] == "too_many_pixels" and "700×900 pixels" in big.json()["error"]
        assert site("PUT", f"/api/photos/{ID}", 413, content=b"x" * (MB + 1)).json()["code"] == "too_many_bytes"
        pieces = (b"x" * 65536 for _ in range(17))  # of no stated length
        assert site("PUT", f"/api/photos/{ID}", 413, content=pieces).json()["code"] == "too_many_bytes"
        assert "limit" in site("PUT", f"/api/photos/{ID}", 413, content=b"x" * (MB + 1)).json()["error"]
        for data, code in ((b"hello", "not_a_photo"), (b"", "empty"), (encoded(page(100, 80))[:900], "not_a_photo")):
            refusal = site("PUT", f"/api/photos/{ID}", content=data)
            assert refusal.json()["code"] == code and refusal.status_code in (415, 422)
        assert list(site.store.root.iterdir()) == [] and len(site.store) == 0


def bomb():
    """A PNG of 60000×60000 pixels in a few hundred bytes."""
    import struct
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(7501))) + chunk(b"IEND", b"")
    )


def test_a_bomb_of_pixels_is_refused_before_it_is_decoded(site, monkeypatch):
    monkeypatch.setattr(sessions.images, "read_photo", lambda *_: pytest.fail("it was decoded"))
    assert site("PUT", f"/api/photos/{ID}", 413, content=bomb()).json()["code"] == "too_many_pixels"
    monkeypatch.undo()
    site.put(encoded(page()))
    assert site("PUT", f"/api/photos/{ID}/masks/mine", 413, content=bomb()).json()["code"] == "too_many_pixels"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "[::ffff:1.2.3.4]", "", "@"]
)
@pytest.mark.parametrize("path", ["/", "/api/status", "/static/index.html"])
def test_other_hosts_are_refused(site, host, path):
    assert site("GET", path, 403, headers={"Host": host}).json()["code"] == "bad_host"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST:1"])
def test_names_of_this_machine_are_taken(site, host):
    site("GET", "/api/status", 200, headers={"Host": host})


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "file://", "http://[x"])
def test_other_origins_are_refused(site, origin):
    assert site("GET", "/api/status", 403, headers={"Origin": origin}).json()["code"] == "bad_origin"
    assert site("PUT", f"/api/photos/{ID}", 403, headers={"Origin": origin}, content=b"").json()["code"] == "bad_origin"
    site("GET", "/api/status", 200, headers={"Origin": HOST})
    site("GET", "/api/status", 403, headers={"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("token", ["", "a-token-for-test", "ä" * 10])
def test_without_the_token_nothing_is_told(site, token):
    answer = site("GET", "/api/status", 401, headers={"X-Token": token.encode()})
    assert answer.json()["code"] == "bad_token"
    site("GET", "/", 200, headers={"X-Token": ""})


def test_every_answer_binds_the_browser(site):
    for path in ("/", "/api/status", "/api/nothing", "/static/none.js"):
        headers = site("GET", path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/static/..%2f..%2fREADME.md",
        "/../README.md",
    ],
)
def test_static_files_cannot_be_left(site, path):
    assert site("GET", path).status_code in (404, 405)


@pytest.mark.parametrize("id", ["short", "with.dots.in-it", "folder-1234567890", "x" * 65, "%2e%2e%2fphotos"])
def test_ids_are_plain_words(site, id):
    assert site("PUT", f"/api/photos/{id}", content=encoded(page())).status_code in (404, 422)
    assert list(site.store.root.iterdir()) == []


@pytest.mark.parametrize(
    ("verb", "path", "body", "code"),
    [
        ("PUT", "strokes", b"{", "bad_json"),
        ("PUT", "strokes", b"[]", "bad_json"),
        ("PUT", "strokes", b"[" * 100_000, "bad_json"),
        ("PUT", "strokes", b"{}", "bad_steps"),
        ("PUT", "strokes", b'{"steps": [{"brush": [[1e999, 1]], "radius": 1}]}', "bad_steps"),
        ("POST", "find", b'{"scope": "all"}', "bad_option"),
        ("POST", "find", b'{"grow_px": "wide"}', "bad_option"),
        ("POST", "find", b'{"threshold": 0.1}', "bad_option"),
        ("POST", "repair", b'{"structure": "compat"}', "bad_option"),
        ("POST", "repair", b'{"feather_px": -1}', "bad_option"),
        ("POST", "repair", b'{"lift_shadow": 1}', "bad_option"),
    ],
)
def test_requests_that_make_no_sense_are_named(site, verb, path, body, code):
    site.put(encoded(page(300, 200, 0)))
    answer = site(verb, f"/api/photos/{ID}/{path}", 422, content=body)
    assert answer.json()["code"] == code and re.search(r"\w{3,}", answer.json()["error"])


def test_a_mask_of_everything_is_refused_in_words(site):
    site.put(encoded(page()))
    site.steps({"brush": [[0, 450], [700, 450]], "radius": 900})
    site("POST", f"/api/photos/{ID}/repair", 202, json={})
    state = site.wait()
    assert re.match(r"[A-Z1-9].* covered.*\.$", state["error"]) and state["result"] is None


@pytest.mark.slow
def test_200_photos_do_not_fill_the_server(tmp_path):
    with running(tmp_path, most_sessions=5) as site:
        data = encoded(page(60, 50, 0), ".png")
        answers = []
        for number in range(200):
            answers.append(site("PUT", f"/api/photos/photo-{number:04}", content=data).status_code)
            assert len(site.store) <= 5 and sum(1 for _ in site.store.root.iterdir()) <= 5
        assert set(answers) <= {201, 503}  # where all five are still at work
        latest = max(number for number, status in enumerate(answers) if status == 201)
        site("GET", f"/api/photos/photo-{latest:04}", 200)
        site("GET", "/api/photos/photo-0000", 404)


@pytest.mark.slow
def test_the_disk_is_bounded_and_the_oldest_photo_goes_first(tmp_path):
    data = encoded(page(), ".png")
    with running(tmp_path, store_bytes=int(2.5 * len(data))) as site:
        for number in range(4):
            site.put(data, f"photo-000{number}", "page.png")
        kept = [number for number in range(4) if site.store.has(f"photo-000{number}")]
        assert kept and kept[-1] == 3 and 0 not in kept
        assert sum(path.stat().st_size for path in site.store.root.rglob("*") if path.is_file()) <= 2.5 * len(data)


@pytest.mark.slow
def test_a_full_store_says_so_and_counts_what_it_refused_no_longer(tmp_path):
    small, large = encoded(page(60, 50, 0), ".png"), encoded(page(), ".png")
    with running(tmp_path, store_bytes=len(small) + 100) as site:
        for _ in range(3):
            assert site("PUT", f"/api/photos/{ID}", 507, content=large).json()["code"] == "store_full"
        site("PUT", f"/api/photos/{ID}", 201, content=small)


@pytest.mark.slow
def test_what_nobody_asks_for_is_forgotten_with_its_files(tmp_path):
    with running(tmp_path, forgotten_after_s=0.2) as site:
        site.put(encoded(page()))
        assert site.store.forget_idle() == 0
        time.sleep(0.3)
        assert site.store.forget_idle() == 1 and list(site.store.root.iterdir()) == []


@pytest.mark.slow
def test_a_photo_at_work_is_not_forgotten_for_another(tmp_path):
    with running(tmp_path, most_sessions=1) as site:
        site.workshop.jobs.add("other", "find", 0, lambda: time.sleep(1.5))
        site("PUT", "/api/photos/photo-0001", 201, content=encoded(page()))
        assert site("PUT", "/api/photos/photo-0002", 503, content=encoded(page())).json()["code"] == "too_many"
        assert site("GET", "/api/photos/photo-0001").json()["job"]["before"] == 1


@pytest.mark.slow
def test_memory_of_decoded_photos_is_bounded(site):
    site.workshop.cache.most_bytes = 5 * MB
    for number in range(6):
        site.put(encoded(page()), f"photo-000{number}")
    assert site.workshop.cache.bytes <= 5 * MB
    assert site("GET", "/api/photos/photo-0000/preview/photo", 200).content[:2] == b"\xff\xd8"
    assert site.repair("photo-0000")


# The folder.


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "page1.jpg").write_bytes(encoded(page()))
    (folder / "page2.png").write_bytes(encoded(page(occluders=0), ".png"))
    (folder / "page10.jpg").write_bytes(encoded(page(occluders=2)))
    (folder / "broken.jpg").write_bytes(b"no picture")
    for path in folder.iterdir():
        os.utime(path, (TIME, TIME))
    return folder


def folder_of(site, until="waiting"):
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        listed = {photo["name"]: photo for photo in site("GET", "/api/folder", 200).json()["photos"]}
        if not any(photo["queued"] or photo["status"] == until for photo in listed.values()):
            return listed
        time.sleep(0.05)
    raise AssertionError(listed)


def test_a_folder_is_looked_at_ahead_and_sorted(tmp_path, photos):
    with running(tmp_path, photo_dir=photos) as site:
        assert site("GET", "/api/status").json()["has_folder"]
        site("POST", "/api/folder/find", 202)
        listed = folder_of(site)
        assert list(listed) == ["broken.jpg", "page1.jpg", "page2.png", "page10.jpg"]
        assert [photo["status"] for photo in listed.values()] == ["failed", "sure", "clean", "sure"]
        assert "broken.jpg" in listed["broken.jpg"]["note"] and listed["page10.jpg"]["regions"] == 2
        thumbnail = site("GET", f"/api/photos/{listed['page1.jpg']['id']}/thumbnail", 200).content
        assert max(cv2.imdecode(np.frombuffer(thumbnail, np.uint8), 1).shape) == 320


@pytest.mark.slow
def test_what_is_sure_is_written_as_the_command_line_does(tmp_path, photos):
    before = {path: path.read_bytes() for path in photos.iterdir()}
    with running(tmp_path, photo_dir=photos) as site:
        site("POST", "/api/folder/find", 202)
        folder_of(site)
        assert site("POST", "/api/folder/accept", 202, json={"sure": True}).json() == {"accepted": 3}
        listed = folder_of(site)
    assert [photo["status"] for photo in listed.values()] == ["failed", "done", "done", "done"]
    for name in ("page1.jpg", "page2.png", "page10.jpg"):
        assert (tmp_path / "out" / name).read_bytes() == by_command_line(tmp_path, before[photos / name], name), name
    assert before == {path: path.read_bytes() for path in photos.iterdir()}


@pytest.mark.slow
def test_skip_existing_knows_what_the_page_wrote_and_leaves_corrected_photos_alone(tmp_path, photos, capsys):
    (photos / "broken.jpg").unlink()
    with running(tmp_path, photo_dir=photos) as site:
        site("POST", "/api/folder/find", 202)
        listed = folder_of(site)
        id = listed["page10.jpg"]["id"]
        site.steps({"brush": [[400, 400]], "radius": 30}, id=id)
        site("POST", "/api/folder/accept", 202, json={"photos": [photo["id"] for photo in listed.values()]})
        folder_of(site)
    out = tmp_path / "out"
    written = {path: path.read_bytes() for path in out.iterdir()}
    again = ["--src_image_dir", str(photos), "--save_dir", str(out), *graph_flags(tmp_path), "--skip_existing", "True"]
    capsys.readouterr()
    assert predict_onnx.main(again) == 0
    said = capsys.readouterr().out
    assert "page1.jpg: skipped: already there\n" in said
    assert "page10.jpg: skipped: already there, made nobody knows how" in said
    assert predict_onnx.main([*again, "--grow_px", "60"]) == 0
    said = capsys.readouterr().out
    assert "page1.jpg: repaired" in said and "page10.jpg: skipped" in said
    assert written[out / "page10.jpg"] == (out / "page10.jpg").read_bytes()


@pytest.mark.slow
def test_a_corrected_photo_of_a_folder_is_written_as_corrected(tmp_path, photos):
    unmarked = ["--mark", "False"]  # its mark lacks the record, see docs/web.md
    with running(tmp_path, unmarked, photo_dir=photos) as site:
        id = next(photo["id"] for photo in site("GET", "/api/folder").json()["photos"] if photo["name"] == "page1.jpg")
        site("POST", f"/api/photos/{id}/find", 202)
        site.wait(id)
        site.steps({"brush": [[400, 400]], "radius": 30}, id=id)
        mask = site("GET", f"/api/photos/{id}/mask").content
        for repairs_first in (False, True):
            if repairs_first:
                site.repair(id)
            site("POST", "/api/folder/accept", 202, json={"photos": [id]})
            assert folder_of(site, until="")["page1.jpg"]["status"] == "done"
            written = (tmp_path / "out" / "page1.jpg").read_bytes()
            data = (photos / "page1.jpg").read_bytes()
            assert written == by_command_line(tmp_path, data, "page1.jpg", mask, unmarked)
        site.steps(id=id)
        assert folder_of(site, until="")["page1.jpg"]["status"] == "sure"


def test_results_of_an_earlier_run_count_as_done(tmp_path, photos):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "page1.jpg").write_bytes(b"an earlier result")
    with running(tmp_path, photo_dir=photos) as site:
        site("POST", "/api/folder/find", 202)
        assert folder_of(site)["page1.jpg"]["status"] == "done"
        site("POST", "/api/folder/accept", 202, json={"sure": True})
        folder_of(site)
    assert (tmp_path / "out" / "page1.jpg").read_bytes() == b"an earlier result"


def test_links_that_leave_the_folder_are_not_followed(tmp_path, photos):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(encoded(page()))
    (photos / "link.jpg").symlink_to(secret)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other.jpg").write_bytes(secret.read_bytes())
    (photos / "folder").symlink_to(tmp_path / "elsewhere")
    with running(tmp_path, ["--recursive", "True"], photo_dir=photos) as site:
        names = [photo["name"] for photo in site("GET", "/api/folder").json()["photos"]]
        assert names == ["broken.jpg", "page1.jpg", "page2.png", "page10.jpg"]
        id = next(photo["id"] for photo in site("GET", "/api/folder").json()["photos"] if photo["name"] == "page1.jpg")
        (photos / "page1.jpg").unlink()
        (photos / "page1.jpg").symlink_to(secret)
        site("GET", f"/api/photos/{id}/preview/photo", 404)
        site("POST", "/api/folder/accept", 202, json={"photos": [id]})
        assert folder_of(site, until="")["page1.jpg"]["status"] == "failed"
    assert not (tmp_path / "out" / "page1.jpg").exists()


@pytest.mark.parametrize("body", [{"photos": ["../../etc/passwd"]}, {"photos": [7]}, {"photos": "all"}, {}])
def test_photos_of_a_folder_go_by_their_ids_alone(tmp_path, photos, body):
    with running(tmp_path, photo_dir=photos) as site:
        assert site("POST", "/api/folder/accept", json=body).status_code in (404, 422)


def test_a_photo_is_never_overwritten_by_its_result(tmp_path, photos):
    with running(tmp_path, photo_dir=photos) as site:
        site("POST", "/api/folder/find", 202)
        folder_of(site)
        data = (photos / "page1.jpg").read_bytes()
        (tmp_path / "out" / "page1.jpg").hardlink_to(photos / "page1.jpg")
        id = next(photo["id"] for photo in site("GET", "/api/folder").json()["photos"] if photo["name"] == "page1.jpg")
        site("POST", "/api/folder/accept", 202, json={"photos": [id]})
        failed = folder_of(site, until="")["page1.jpg"]
        assert failed["status"] == "failed" and "would overwrite" in failed["note"]
        assert (photos / "page1.jpg").read_bytes() == data


def test_without_a_folder_its_routes_say_so(site):
    for verb, path in (("GET", "/api/folder"), ("POST", "/api/folder/find"), ("POST", "/api/folder/accept")):
        assert site(verb, path, 404).json()["code"] == "no_folder"


def test_every_route_is_shown_with_curl_in_the_docs(site):
    shown = (predict_web.Path(predict_web.__file__).parent / "docs" / "web.md").read_text(encoding="utf-8")
    for route in site.client.app.routes:
        if getattr(route, "path", "").startswith("/api/"):
            verb = next(iter(route.methods - {"HEAD"}))
            place = re.sub(r"\\\{\w+(:int)?\\\}", "[^ /`]+", re.escape(route.path))
            assert re.search(rf"`{verb} {place}[`?]", shown), (verb, route.path)


@pytest.mark.slow
def test_wrong_use_of_the_script_is_named(tmp_path, capsys):
    for flags, words in (
        (["--photo_dir", str(tmp_path / "none")], "--photo_dir"),
        (["--photo_dir", str(tmp_path), "--save_dir", str(tmp_path)], "never overwritten"),
        (["--compat", "True"], "--compat True"),
        (["--deeplabv3_onnx", "none.onnx"], "no such graph"),
        (["--host", "256.1.1.1"], "--host 256.1.1.1"),
    ):
        assert predict_web.main(["--port", "0", *flags]) == 2
        assert words in capsys.readouterr().err
    assert json.dumps(predict_web.build_parser().parse_args([]).port) == "8765"
