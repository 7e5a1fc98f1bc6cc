import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.utils.formats import samples
from tests.utils.formats.repairs import FILES, opened, repaired, save
from utils import images
from utils.formats import jpeg
from utils.images import read_image, read_photo, write_photo


def test_every_metadata_segment_of_a_jpeg_is_kept_byte_for_byte(tmp_path):
    extra = b"\xff\xe7\x00\x08maker!" + b"\xff\xfe\x00\x09comment" + b"\xff\xed\x00\x10Photoshop 3.0\0"
    path = save(tmp_path, "notes.jpg", FILES["420.jpg"][:2] + extra + FILES["420.jpg"][2:])
    photo, _, target = repaired(path)
    before, after = (
        [s for s in jpeg.read_header(d).detail.segments if s[0] >= 0xE0 and not s[1].startswith(b"Exif")]
        for d in (photo.data, target.read_bytes())
    )
    assert before == after and len(before) >= 6


def test_further_pictures_behind_a_jpeg_are_dropped(tmp_path):
    preview = b"\xff\xe2\x00\x0aMPF\0abcd"
    data = FILES["420.jpg"][:2] + preview + FILES["420.jpg"][2:] + FILES["grey.jpg"]
    photo, _, target = repaired(save(tmp_path, "two.jpg", data))
    assert photo.header.channels == 3
    assert b"MPF\0" not in target.read_bytes() and FILES["grey.jpg"][-200:] not in target.read_bytes()


def test_a_photoshop_thumbnail_goes_and_its_neighbours_stay(tmp_path):
    def resource(number: int, content: bytes) -> bytes:
        return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + bytes(len(content) % 2)

    payload = b"Photoshop 3.0\0" + resource(1028, b"caption") + resource(1036, b"THUMB") + resource(1061, b"digest")
    data = FILES["420.jpg"][:2] + struct.pack(">HH", 0xFFED, len(payload) + 2) + payload + FILES["420.jpg"][2:]
    _, _, target = repaired(save(tmp_path, "resources.jpg", data))
    written = target.read_bytes()
    assert b"THUMB" not in written and b"caption" in written and b"digest" in written


def test_a_jfif_thumbnail_and_one_in_xmp_go(tmp_path):
    jfif = b"JFIF\0\1\2\1\0\x48\0\x48\1\1RGB"
    thumbs = b"<xmp:Thumbnails><rdf:Alt><rdf:li>BASE64</rdf:li></rdf:Alt></xmp:Thumbnails>"
    xmp = jpeg.XMP_LEAD + samples.XMP.replace(b"</rdf:RDF>", thumbs + b"</rdf:RDF>")
    plain = FILES["440.jpg"]
    assert plain[2:4] == b"\xff\xe0"
    data = plain[:2] + b"".join(struct.pack(">HH", 0xFFE0 + m, len(p) + 2) + p for m, p in ((0, jfif), (1, xmp)))
    _, _, target = repaired(save(tmp_path, "thumbs.jpg", data + plain[2 + 2 + 16 :]))
    written = target.read_bytes()
    assert b"RGB" not in written and b"BASE64" not in written and b"a page" in written
    assert opened(target).info["dpi"] == (72, 72)


@pytest.mark.parametrize("name", sorted(n for n in FILES if n.endswith(".jpg")))
def test_jpeg_keeps_its_quantisation_tables(tmp_path, name):
    photo, again, _ = repaired(save(tmp_path, name), jpeg="match")
    tables = [[p.header.detail.tables[c.table] for c in p.header.detail.components] for p in (photo, again)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("name", ["444.jpg", "422.jpg", "420.jpg", "progressive.jpg", "restart.jpg", "rgb.jpg"])
def test_jpeg_keeps_chroma_sampling_colour_space_progression_and_restarts(tmp_path, name):
    photo, again, _ = repaired(save(tmp_path, name), jpeg="match")
    for field in ("frame", "is_rgb", "restart_interval"):
        assert getattr(photo.header.detail, field) == getattr(again.header.detail, field), field
    before, after = ([(c.horizontal, c.vertical) for c in p.header.detail.components] for p in (photo, again))
    assert before == after


def test_rare_chroma_sampling_becomes_full_resolution(tmp_path):
    _, again, _ = repaired(save(tmp_path, "411.jpg"), jpeg="match")
    assert {(c.horizontal, c.vertical) for c in again.header.detail.components} == {(1, 1)}


def test_noise_in_the_finest_progressive_jpeg_can_be_written(tmp_path, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    finest = {"qtables": [[1] * 64], "subsampling": 0, "progressive": True}
    data = samples.encode_with_pillow(Image.new("RGB", (300, 300)), "JPEG", **finest)
    photo = read_photo(save(tmp_path, "flat.jpg", data))
    write_photo(tmp_path / "out.jpg", photo, noise, jpeg="match")
    assert np.abs(read_image(tmp_path / "out.jpg").astype(int) - noise).mean() < 2
    assert capfd.readouterr().err == ""


def test_an_unknown_jpeg_method_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="auto, exact, match"):
        repaired(save(tmp_path, "420.jpg"), jpeg="best")


def test_a_jpeg_without_its_last_two_bytes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^cannot decode 'x.jpg': the file is truncated$"):
        read_photo(save(tmp_path, "x.jpg", FILES["420.jpg"][:-2]))


def test_a_jpeg_that_ends_early_is_refused_though_its_end_is_marked(tmp_path, capfd):
    data = FILES["444.jpg"]
    with pytest.raises(ValueError, match=r"^cannot decode 'x.jpg': the file is damaged$"):
        read_photo(save(tmp_path, "x.jpg", data[: len(data) - 600] + b"\xff\xd9"))
    assert capfd.readouterr().err == ""


def test_a_small_jpeg_cannot_claim_many_pixels_below_the_limit(tmp_path):
    plain = FILES["440.jpg"]
    frame = plain.index(b"\xff\xc0")
    data = plain[: frame + 5] + struct.pack(">HH", 9000, 9000) + plain[frame + 9 :]
    with pytest.raises(ValueError, match=r"truncated \(\d+ bytes cannot hold 9000×9000 pixels\)"):
        read_photo(save(tmp_path, "x.jpg", data))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_preview_of_a_jpeg_is_the_photo_reduced_and_upright(tmp_path, orientation):
    y, x = np.mgrid[0:800, 0:1204]
    image = np.dstack([x / 5, y / 4, np.full_like(x, 90)]).astype(np.uint8)
    path = tmp_path / "a.jpg"
    notes = Image.Exif()
    notes[0x0112] = orientation
    Image.fromarray(image[..., ::-1]).save(path, quality=95, exif=notes)
    photo = images.open_photo(path)
    small = photo.preview(300, 200)
    assert "image" not in vars(photo)  # not decoded as a whole
    assert small.shape[:2] == tuple(-(-side // 4) for side in photo.size)
    expected = cv2.resize(photo.image, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2
    assert photo.preview(300, 200) is photo.image  # once it is decoded there is nothing to gain


def test_damaged_jpeg_is_found_by_its_preview_too(tmp_path):
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ValueError, match=r"damaged|truncated"):
        images.open_photo(path).preview(200, 100)


def test_xmp_in_another_encoding_is_an_error_that_names_the_flag(tmp_path):
    data = FILES["444.jpg"].replace(b"a page", b"a\xff\xfeage")
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_x.jpg': its XMP is not UTF-8, .*--mark False"):
        repaired(save(tmp_path, "x.jpg", data), mark="text")
