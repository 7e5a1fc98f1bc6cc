import errno
import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.utils.formats import samples
from utils import images
from utils.formats import exif, jpeg, pixels
from utils.images import copy_photo, list_photos, read_image, read_mark, read_photo, write_image, write_photo

FILES = samples.photo_files()
PATCH = (slice(20, 40), slice(30, 60))
LOSSLESS = sorted(n for n in FILES if n.endswith((".png", ".tif", ".bmp")) or n in ("lossless.webp", "alpha.webp"))
PALETTES = ("palette.png", "palette4.png", "palette2.png", "bilevel.png", "palette.bmp", "grey.bmp", "bilevel.tif")


def save(folder: Path, name: str, data: bytes | None = None) -> Path:
    path = folder / name
    path.write_bytes(FILES[name] if data is None else data)
    return path


def repair(photo: images.Photo) -> tuple[np.ndarray, np.ndarray]:
    """A photo with a new patch, and where it is."""
    image, changed = photo.image.copy(), np.zeros(photo.image.shape[:2], bool)
    image[PATCH] = (50, 120, 190)
    changed[PATCH] = True
    return image, changed


def repaired(path: Path, **options) -> tuple[images.Photo, images.Photo, Path]:
    """A file's photo, and what is read again after a repair was written, and where."""
    photo = read_photo(path)
    target = path.with_name("repaired_" + path.name)
    write_photo(target, photo, *repair(photo), **options)
    return photo, read_photo(target), target


def opened(data: bytes | Path) -> Image.Image:
    picture = Image.open(BytesIO(data) if isinstance(data, bytes) else data)
    picture.load()
    return picture


def as_stored(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    values = cv2.imread(str(path), flags)
    assert values is not None
    return values


# What a photo is


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_kind_of_file_becomes_8_bit_bgr_close_to_what_was_drawn(tmp_path, name):
    image = read_photo(save(tmp_path, name)).image
    assert image.shape == (samples.HEIGHT, samples.WIDTH, 3)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    drawn = samples.draw().astype(int)
    if any(word in name for word in ("grey", "bilevel", "packbits")):
        drawn = drawn[:, :, [0] if name == "grey16.tif" or name == "grey16.png" else [1]]
    if "bilevel" in name:  # dithered: right on average
        image = cv2.blur(image, (9, 9))
    assert np.abs(drawn - image).mean() < 25


@pytest.mark.parametrize("name", sorted(FILES))
def test_format_size_depth_and_channels_are_written_back(tmp_path, name):
    photo, again, target = repaired(save(tmp_path, name))
    for field in ("format", "width", "height", "channels", "bit_depth", "orientation"):
        assert getattr(photo.header, field) == getattr(again.header, field), field
    if "16" not in name:  # Pillow knows no 16-bit colour
        assert opened(FILES[name]).mode == opened(target).mode


@pytest.mark.parametrize("name", LOSSLESS)
def test_untouched_pixels_of_lossless_files_keep_their_exact_values(tmp_path, name):
    path = save(tmp_path, name)
    _, _, target = repaired(path)
    if name.endswith(".bmp") or "palette" in name:
        before, after = (np.array(opened(p)) for p in (path, target))  # indices
    else:
        before, after = (as_stored(p) for p in (path, target))
    assert before.dtype == after.dtype and before.shape == after.shape
    before[PATCH] = after[PATCH] = 0
    assert np.array_equal(before, after)


@pytest.mark.parametrize("name", sorted(set(LOSSLESS) - set(PALETTES)))
def test_the_repair_of_a_lossless_file_is_written_exactly(tmp_path, name):
    photo, again, _ = repaired(save(tmp_path, name))
    expected = repair(photo)[0][PATCH]
    if photo.header.channels <= 2:
        expected = cv2.cvtColor(cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert np.array_equal(again.image[PATCH], expected)


@pytest.mark.parametrize("name", ["alpha.png", "grey_alpha.png", "alpha.tif", "alpha.webp", "lossy_alpha.webp"])
def test_alpha_stays_everywhere_even_under_the_repair(tmp_path, name):
    _, _, target = repaired(save(tmp_path, name))
    before, after = (np.array(opened(p))[:, :, -1] for p in (FILES[name], target))
    assert np.array_equal(before, after)


def test_16_bit_repairs_fill_the_whole_range(tmp_path):
    photo = read_photo(save(tmp_path, "colour16.png"))
    image = photo.image.copy()
    image[0, 0], image[0, 1] = (255, 0, 128), (1, 2, 3)
    write_photo(tmp_path / "out.png", photo, image)
    written = as_stored(tmp_path / "out.png")
    assert written[0, 0].tolist() == [65535, 0, 128 * 257] and written[0, 1].tolist() == [257, 514, 771]


def test_16_bit_pixels_inside_the_mask_that_did_not_change_keep_their_low_bits(tmp_path):
    path = save(tmp_path, "grey16.png")
    photo = read_photo(path)
    write_photo(tmp_path / "out.png", photo, photo.image.copy(), np.ones(photo.image.shape[:2], bool))
    before, after = (as_stored(p) for p in (path, tmp_path / "out.png"))
    assert np.array_equal(before, after)


def test_a_palette_repair_takes_the_nearest_colour():
    palette = np.array([[0, 0, 0], [250, 250, 250], [10, 20, 200]], np.uint8)
    colours = np.array([[20, 20, 180], [200, 255, 255], [3, 0, 9]], np.uint8)
    assert pixels.nearest_index(colours, palette).tolist() == [2, 1, 0]


def test_differences_outside_the_mask_are_not_written(tmp_path):
    photo = read_photo(save(tmp_path, "colour.png"))
    write_photo(tmp_path / "out.png", photo, 255 - photo.image, np.zeros(photo.image.shape[:2], bool))
    assert np.array_equal(read_photo(tmp_path / "out.png").image, photo.image)


def test_an_interlaced_png_keeps_its_pixels(tmp_path):
    # Pillow writes no interlaced files: Adam7 by hand, grey, 2 × 2 pixels in passes 1, 6 and 7
    rows = bytes((0, 10, 0, 20, 0, 30, 40))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 1)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts)
    photo = read_photo(save(tmp_path, "adam7.png", b"\x89PNG\r\n\x1a\n" + data))
    assert photo.image[:, :, 0].tolist() == [[10, 20], [30, 40]]
    image = photo.image.copy()
    image[0, 0] = 99
    write_photo(tmp_path / "out.png", photo, image)
    assert np.array_equal(read_photo(tmp_path / "out.png").image, image)


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_all_eight_orientations_are_turned_upright_and_back(tmp_path, kind, orientation):
    drawn = np.zeros((48, 32, 3), np.uint8)
    drawn[:16, :16], drawn[32:, 16:] = (0, 0, 255), (0, 255, 0)
    stored = pixels.turn_back(drawn, orientation)
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    tags = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": samples.LEAD + samples.exif(orientation)}
    data = samples.encode_with_pillow(Image.fromarray(stored[:, :, ::-1]), kind, **options, **tags)
    photo = read_photo(save(tmp_path, "photo", data))
    assert photo.header.orientation == orientation
    assert np.abs(photo.image.astype(int) - drawn).max() < 8
    image = photo.image.copy()
    image[20:28, 4:12] = 200
    write_photo(tmp_path / "out", photo, image)
    again = read_photo(tmp_path / "out")
    assert again.header.orientation == orientation and again.header.width == stored.shape[1]
    assert np.abs(again.image.astype(int) - image).max() < 12
    seen = ImageOps.exif_transpose(opened(tmp_path / "out"))
    assert np.abs(np.array(seen)[:, :, ::-1].astype(int) - image).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_agrees_with_opencv(tmp_path, orientation):
    picture = Image.fromarray(samples.draw()[:, :, ::-1])
    path = save(
        tmp_path, "o.jpg", samples.encode_with_pillow(picture, "JPEG", exif=samples.LEAD + samples.exif(orientation))
    )
    assert np.array_equal(read_image(path), as_stored(path, cv2.IMREAD_COLOR))


def test_a_senseless_orientation_is_none(tmp_path):
    picture = Image.fromarray(samples.draw()[:, :, ::-1])
    path = save(tmp_path, "o.jpg", samples.encode_with_pillow(picture, "JPEG", exif=samples.LEAD + samples.exif(77)))
    assert read_photo(path).header.orientation == 1


# Metadata


@pytest.mark.parametrize("name", ["444.jpg", "colour.png", "plain.tif", "lzw.tif", "bilevel.tif", "big_endian.tif"])
def test_exif_icc_xmp_and_resolution_are_kept(tmp_path, name):
    _, _, target = repaired(save(tmp_path, name))
    before, after = opened(FILES[name]), opened(target)
    assert after.info["icc_profile"] == samples.ICC
    assert b'dc:format="a page"' in target.read_bytes()
    assert after.info["dpi"] == before.info["dpi"] and round(float(after.info["dpi"][0])) == 300
    assert after.getexif()[271] == before.getexif()[271] == "A maker"


def test_icc_exif_and_xmp_of_webp_are_kept(tmp_path):
    _, _, target = repaired(save(tmp_path, "lossy.webp"))
    after = opened(target)
    assert after.info["icc_profile"] == samples.ICC and after.info["xmp"] == samples.XMP
    assert after.getexif()[271] == "A maker"


@pytest.mark.parametrize("name", ["444.jpg", "colour.png", "lossy.webp"])
def test_the_exif_thumbnail_goes_and_the_rest_of_exif_stays(tmp_path, name):
    assert samples.thumbnail() in FILES[name]
    _, _, target = repaired(save(tmp_path, name))
    assert samples.thumbnail()[-60:] not in target.read_bytes()
    kept = opened(target).getexif()
    assert kept[271] == "A maker" and kept.get_ifd(34665)[0x9003] == "2024:05:06 07:08:09"
    assert not kept.get_ifd(1)


def test_exif_directories_survive_in_tiff_of_either_byte_order(tmp_path):
    picture = Image.fromarray(samples.draw()[:, :, ::-1])
    tags = {34665: {0x9003: "2024:05:06 07:08:09"}, 34853: {1: "N", 2: (52.0, 30.0, 15.5)}}
    little = samples.encode_with_pillow(picture, "TIFF", tiffinfo=tags)
    for data in (little, samples.as_big_endian(little)):
        _, _, target = repaired(save(tmp_path, "exif.tif", data))
        after = opened(target).getexif()
        assert after.get_ifd(34665)[0x9003] == "2024:05:06 07:08:09"
        assert [float(v) for v in after.get_ifd(34853)[2]] == [52.0, 30.0, 15.5]


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


def test_without_thumbnail_moves_nothing_and_keeps_what_it_does_not_understand():
    note = b"maker note with offsets"
    block = samples.exif(6, b"x" * 100) + note
    assert exif.cleaned(block, []) == block.replace(b"x" * 100, bytes(100)).replace(
        block[block.index(b"x" * 100) - 30 : block.index(b"x" * 100)], bytes(30)
    ).replace(struct.pack("<I", block.index(b"x" * 100) - 30), bytes(4), 1)
    assert exif.cleaned(samples.exif(6), []) == samples.exif(6)
    assert exif.cleaned(b"rubbish", []) == b""


def test_white_is_zero_keeps_its_look(tmp_path):
    grey = Image.fromarray(np.ascontiguousarray(samples.draw()[:, :, 1]))
    plain = samples.encode_with_pillow(grey, "TIFF")
    tag = struct.pack("<HHIHH", 262, 3, 1, 1, 0)
    assert tag in plain
    photo, again, _ = repaired(save(tmp_path, "w.tif", plain.replace(tag, struct.pack("<HHIHH", 262, 3, 1, 0, 0))))
    assert np.array_equal(photo.image[:, :, 0], 255 - samples.draw()[:, :, 1])
    outside = ~repair(photo)[1]
    assert np.array_equal(again.image[outside], photo.image[outside])


# The mark


@pytest.mark.parametrize("name", ["444.jpg", "grey.jpg", "colour.png", "grey.png", "lzw.tif", "big_endian.tif",
                                  "colour16.tif", "lossy.webp", "lossless.webp"])  # fmt: skip
def test_the_mark_can_be_read_back_and_xmp_stays(tmp_path, name):
    path = save(tmp_path, name)
    assert read_mark(path) is None
    text = '[[1, 2, 3, 4]] <ü & "x">\nnext line'
    _, _, target = repaired(path, mark=text)
    assert read_mark(target) == text
    assert (b'dc:format="a page"' in FILES[name]) == (b'dc:format="a page"' in target.read_bytes())
    assert opened(target).info.get("icc_profile") == opened(FILES[name]).info.get("icc_profile")


def test_a_second_mark_follows_the_first(tmp_path):
    _, _, target = repaired(save(tmp_path, "444.jpg"), mark="first")
    _, _, target = repaired(target, mark="second")
    assert read_mark(target) == "first; second"


def test_without_a_mark_nothing_is_added(tmp_path):
    _, _, target = repaired(save(tmp_path, "grey.png"))
    assert read_mark(target) is None and b"xmpmeta" not in target.read_bytes()


def test_bmp_has_no_place_for_a_mark(tmp_path):
    _, _, target = repaired(save(tmp_path, "colour.bmp"), mark="unseen")
    assert read_mark(target) is None


def test_xmp_in_another_encoding_is_an_error_that_names_the_flag(tmp_path):
    data = FILES["444.jpg"].replace(b"a page", b"a\xff\xfeage")
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_x.jpg': its XMP is not UTF-8, .*--mark False"):
        repaired(save(tmp_path, "x.jpg", data), mark="text")


# JPEG


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


def test_exact_without_jpeglib_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(jpeg, "has_jpeglib", lambda: False)
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_420.jpg': .*pip install jpeglib"):
        repaired(save(tmp_path, "420.jpg"), jpeg="exact")
    repaired(save(tmp_path, "420.jpg"), jpeg="auto")


def test_an_unknown_jpeg_method_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="auto, exact, match"):
        repaired(save(tmp_path, "420.jpg"), jpeg="best")


@pytest.mark.parametrize("name", sorted(n for n in FILES if n.endswith(".jpg") and n != "rgb.jpg"))
def test_exact_copies_every_untouched_block(tmp_path, name):
    jpeglib = pytest.importorskip("jpeglib")
    photo, again, target = repaired(save(tmp_path, name), jpeg="exact", mark="text")
    before, after = jpeglib.read_dct(str(photo.path)), jpeglib.read_dct(str(target))
    components = photo.header.detail.components
    wide, high = (8 * max(getattr(c, n) for c in components) for n in ("horizontal", "vertical"))
    rows, columns = (slice(p.start // s, (p.stop - 1) // s + 1) for p, s in zip(PATCH, (high, wide), strict=True))
    for plane, component in zip(("Y", "Cb", "Cr"), components, strict=False):
        first, second = getattr(before, plane).copy(), getattr(after, plane)
        touched = np.zeros(first.shape[:2], bool)
        touched[
            rows.start * component.vertical : rows.stop * component.vertical,
            columns.start * component.horizontal : columns.stop * component.horizontal,
        ] = True
        assert np.array_equal(first[~touched], second[~touched])
        assert not np.array_equal(first[touched], second[touched])
    assert [c.identifier for c in components] == [c.identifier for c in again.header.detail.components]
    assert np.abs(again.image[PATCH].astype(int) - repair(photo)[0][PATCH]).mean() < (60 if "grey" in name else 12)


def test_exact_blocks_are_as_close_to_the_repair_as_those_of_libjpeg(tmp_path):
    pytest.importorskip("jpeglib")
    photo = read_photo(save(tmp_path, "420.jpg"))
    image = cv2.GaussianBlur(photo.image[::-1], (0, 0), 2)
    errors = {}
    for method in ("exact", "match"):
        write_photo(tmp_path / "out.jpg", photo, image, jpeg=method)
        errors[method] = np.abs(read_image(tmp_path / "out.jpg").astype(int) - image).mean()
    assert errors["exact"] < 1.05 * errors["match"] + 0.05


def test_exact_checks_what_was_written_before_it_takes_the_place_of_a_file(tmp_path, monkeypatch):
    jpeglib = pytest.importorskip("jpeglib")
    write = jpeglib.DCTJPEG.write_dct

    def spoil(content, *args, **options):
        content.Y[1, 1, 3, 3] += 1
        write(content, *args, **options)
        content.Y[1, 1, 3, 3] -= 1

    monkeypatch.setattr(jpeglib.DCTJPEG, "write_dct", spoil)
    path = save(tmp_path, "420.jpg")
    with pytest.raises(ValueError, match=r"^cannot write 'repaired_420.jpg': the check failed"):
        repaired(path, jpeg="exact")
    assert not path.with_name("repaired_420.jpg").exists()
    repaired(path, jpeg="auto")  # encodes anew


def test_exact_refuses_rgb_and_auto_falls_back(tmp_path, monkeypatch):
    monkeypatch.setattr(jpeg, "has_jpeglib", lambda: True)
    path = save(tmp_path, "rgb.jpg")
    with pytest.raises(ValueError, match="stored as RGB"):
        repaired(path, jpeg="exact")
    repaired(path, jpeg="auto")


# Names, folders, copies


def test_unicode_names_and_wrong_extensions_are_read_by_content(tmp_path):
    path = save(tmp_path, "страница 第一页 é.JPG", FILES["colour.png"])
    photo, again, target = repaired(path)
    assert photo.format == again.format == "PNG"
    assert target.name.endswith(".JPG") and np.array_equal(
        again.image[~repair(photo)[1]], photo.image[~repair(photo)[1]]
    )


def test_photos_are_listed_in_natural_order_without_hidden_files(tmp_path):
    names = ["page10.JPG", "page2.jpeg", "Page1.png", "x.TIF", "y.webp", "z.BMP"]
    for name in [*names, "._page2.jpeg", ".hidden.png", "notes.txt", "mask.npy"]:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    found = [p.name for p in list_photos(tmp_path)]
    assert found == ["Page1.png", "page2.jpeg", "page10.JPG", "x.TIF", "y.webp", "z.BMP"]


def test_recursive_listing_keeps_folders_together_and_does_not_follow_links(tmp_path):
    for name in ["b10/1.png", "b9/2.png", "b9/10.png", "z.png", ".git/no.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b9" / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = [p.relative_to(tmp_path).as_posix() for p in list_photos(tmp_path, recursive=True)]
    assert found == ["z.png", "b9/2.png", "b9/10.png", "b10/1.png"]
    assert [p.name for p in list_photos(tmp_path)] == ["z.png"]


def test_a_folder_that_is_missing_is_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot read the folder '.*nowhere': No such file or directory$"):
        list_photos(tmp_path / "nowhere")


def test_a_folder_inside_that_cannot_be_read_is_reported_and_the_rest_listed(tmp_path, monkeypatch):
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "a":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    errors: list[OSError] = []
    assert [p.name for p in list_photos(tmp_path, recursive=True, on_error=errors.append)] == ["2.png"]
    assert len(errors) == 1 and str(errors[0]).endswith("Permission denied")
    with pytest.raises(PermissionError, match="cannot read the folder"):
        list_photos(tmp_path, recursive=True)


def test_a_copy_is_byte_for_byte(tmp_path):
    path = save(tmp_path, "420.jpg")
    copy_photo(path, tmp_path / "copy.jpg")
    assert (tmp_path / "copy.jpg").read_bytes() == FILES["420.jpg"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_whatever_fails_an_earlier_file_stays_and_nothing_is_left_behind(tmp_path, monkeypatch, error, moment):
    photo = read_photo(save(tmp_path, "420.jpg"))
    target = tmp_path / "out.jpg"
    target.write_bytes(b"earlier")
    write = Path.write_bytes

    def fail(path, *args):
        if moment == "writing":
            write(path, b"half")
        raise error

    monkeypatch.setattr(*((Path, "write_bytes") if moment == "writing" else (os, "replace")), fail)
    with pytest.raises(type(error)) as caught:
        write_photo(target, photo, *repair(photo))
    if isinstance(error, OSError):
        assert str(caught.value) == "cannot write 'out.jpg': No space left on device"
        assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert target.read_bytes() == b"earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["420.jpg", "out.jpg"]


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_image(tmp_path / "new.png", samples.draw())
    assert (tmp_path / "new.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_missing_target_folder_is_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot write 'x.png': No such file or directory$"):
        write_image(tmp_path / "nowhere" / "x.png", samples.draw())


# Our own pictures


@pytest.mark.parametrize("extension", [".png", ".PNG", ".bmp", ".tif"])
def test_pictures_of_our_own_are_read_back_exactly(tmp_path, extension):
    path = tmp_path / f"маска{extension}"
    write_image(path, samples.draw())
    assert np.array_equal(read_image(path), samples.draw())
    write_image(path, samples.draw()[:, :, 0])
    assert np.array_equal(read_image(path)[:, :, 1], samples.draw()[:, :, 0])


@pytest.mark.parametrize("extension", [".jpg", ".JPEG", ".jfif", ".webp"])
def test_quality_decides_the_size(tmp_path, extension):
    sizes = []
    for quality in (30, 95):
        write_image(tmp_path / f"x{extension}", samples.draw(), quality)
        sizes.append((tmp_path / f"x{extension}").stat().st_size)
        assert np.abs(read_image(tmp_path / f"x{extension}").astype(int) - samples.draw()).mean() < 20
    assert sizes[0] < sizes[1]


def test_an_unknown_extension_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"^cannot write 'x.gif': the extension must be one of .*\.png"):
        write_image(tmp_path / "x.gif", samples.draw())


# Bad input


def truncations(data: bytes) -> list[bytes]:
    return [data[:-1], data[: len(data) - 10], data[: len(data) // 2], data[:40]]


@pytest.mark.parametrize("name", sorted(FILES))
def test_truncated_files_are_refused(tmp_path, name):
    cuts = truncations(FILES[name])
    if name.endswith(".tif"):  # whose last bytes may be padding
        cuts = cuts[2:]
    for data in cuts:
        with pytest.raises(ValueError, match=f"^cannot decode '{name}': .*(truncated|beyond the end)"):
            read_photo(save(tmp_path, name, data))


def test_a_jpeg_without_its_last_two_bytes_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^cannot decode 'x.jpg': the file is truncated$"):
        read_photo(save(tmp_path, "x.jpg", FILES["420.jpg"][:-2]))


def test_a_jpeg_that_ends_early_is_refused_though_its_end_is_marked(tmp_path, capfd):
    data = FILES["444.jpg"]
    with pytest.raises(ValueError, match=r"^cannot decode 'x.jpg': the file is damaged$"):
        read_photo(save(tmp_path, "x.jpg", data[: len(data) - 600] + b"\xff\xd9"))
    assert capfd.readouterr().err == ""


def test_a_flipped_bit_in_a_png_is_refused_in_silence(tmp_path, capfd):
    data = bytearray(FILES["colour.png"])
    data[-500] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        read_photo(save(tmp_path, "x.png", bytes(data)))
    assert capfd.readouterr().err == ""


def test_what_others_write_to_stderr_meanwhile_is_passed_on(capfd):
    with pixels.quiet():
        os.write(2, b"progress 10%\nlibpng error: no\nprogress 20%\n")
        with pixels.quiet():
            os.write(2, b"inner\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "progress 10%\nprogress 20%\ninner\nafter\n"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear reader,\n", "not a JPEG, PNG, TIFF, WebP or BMP file; convert it to one of these first"),
        (b"\xff\xd8\xff", "the file is truncated"),
        (b"\x89PNG\r\n\x1a\n", "the file is truncated"),
        (b"II*\0", "the file is truncated"),
        (b"RIFF\xff\0\0\0WEBPVP8 ", "the file is truncated"),
        (b"BM" + bytes(12) + b"\x0c" + bytes(30), "BMP in the old OS/2 kind cannot be read; convert it first"),
        (b"II+\0" + bytes(30), "BigTIFF cannot be read; convert it to TIFF first"),
    ],
)
def test_what_is_no_picture_is_one_clear_line(tmp_path, data, reason):
    with pytest.raises(ValueError) as caught:
        read_photo(save(tmp_path, "scan_07.jpg", data))
    assert str(caught.value) == f"cannot decode 'scan_07.jpg': {reason}"


def test_a_missing_file_a_folder_and_a_pipe_are_clear_lines(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot read 'x.jpg': No such file or directory$"):
        read_photo(tmp_path / "x.jpg")
    with pytest.raises((ValueError, OSError), match=r"^cannot (read|decode) '"):
        read_photo(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(ValueError, match=r"^cannot decode 'pipe.jpg': not a file$"):
            read_photo(tmp_path / "pipe.jpg")


def cmyk_jpeg() -> bytes:
    return samples.encode_with_pillow(Image.new("CMYK", (40, 30), (9, 99, 0, 0)), "JPEG")


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (20, 20), (value, 0, 0)) for value in (0, 200)]
    return samples.encode_with_pillow(frames[0], kind, save_all=True, append_images=frames[1:])


REFUSED = {
    "cmyk.jpg": (cmyk_jpeg(), "CMYK"),
    "cmyk.tif": (samples.encode_with_pillow(Image.new("CMYK", (40, 30)), "TIFF"), "photometric interpretation 5"),
    "animated.png": (animation("PNG"), "animated PNG"),
    "animated.webp": (animation("WEBP"), "animated WebP"),
    "pages.tif": (animation("TIFF"), "2 pages"),
    "float.tif": (samples.encode_with_opencv(".tif", np.zeros((9, 9), np.float32)), "1, 8 or 16 bits"),
    "palette.tif": (samples.encode_with_pillow(Image.new("P", (9, 9)), "TIFF"), "photometric interpretation 3"),
    "bilevel.bmp": (samples.encode_with_pillow(Image.new("1", (9, 9)), "BMP"), "1 bits"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_kept_is_refused_before_work_is_done(tmp_path, name):
    data, reason = REFUSED[name]
    with pytest.raises(ValueError, match=rf"^cannot decode '{name}': .*{reason}"):
        read_photo(save(tmp_path, name, data))


@pytest.mark.parametrize("shape", [(1, 1), (50, 20000), (20000, 50), (1, 300), (7, 1)])
@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp", ".bmp"])
def test_extreme_shapes_go_in_and_out(tmp_path, shape, extension):
    if extension == ".webp" and max(shape) > 16383:
        pytest.skip("WebP ends at 16383 pixels")
    path = tmp_path / f"x{extension}"
    write_image(path, np.full((*shape, 3), 77, np.uint8))
    photo = read_photo(path)
    image = photo.image.copy()
    image[0, 0] = 200
    write_photo(path, photo, image)
    assert read_photo(path).image.shape == (*shape, 3)


def bombs() -> dict[str, bytes]:
    """Small files that claim 60000 × 60000 pixels."""
    plain = FILES["440.jpg"]
    frame = plain.index(b"\xff\xc0")
    png = bytearray(FILES["grey.png"])
    struct.pack_into(">II", png, 16, 60000, 60000)
    struct.pack_into(">I", png, 29, zlib.crc32(png[12:29]))
    bmp = bytearray(FILES["colour.bmp"])
    struct.pack_into("<ii", bmp, 18, 60000, 60000)
    tiff = samples.encode_with_pillow(Image.new("L", (10, 10)), "TIFF", compression="tiff_lzw")
    tiff = tiff.replace(struct.pack("<HHIHH", 256, 3, 1, 10, 0), struct.pack("<HHIHH", 256, 3, 1, 60000, 0))
    tiff = tiff.replace(struct.pack("<HHIHH", 257, 3, 1, 10, 0), struct.pack("<HHIHH", 257, 3, 1, 60000, 0))
    return {
        "x.jpg": plain[: frame + 5] + struct.pack(">HH", 60000, 60000) + plain[frame + 9 :],
        "x.png": bytes(png),
        "x.bmp": bytes(bmp),
        "x.tif": tiff,
    }


@pytest.mark.parametrize("name", sorted(bombs()))
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, name, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *args: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=r"truncated|60000×60000 pixels are more than the limit of 200000000"):
        read_photo(save(tmp_path, name, bombs()[name]))


def test_a_small_jpeg_cannot_claim_many_pixels_below_the_limit(tmp_path):
    plain = FILES["440.jpg"]
    frame = plain.index(b"\xff\xc0")
    data = plain[: frame + 5] + struct.pack(">HH", 9000, 9000) + plain[frame + 9 :]
    with pytest.raises(ValueError, match=r"truncated \(\d+ bytes cannot hold 9000×9000 pixels\)"):
        read_photo(save(tmp_path, "x.jpg", data))


def test_the_limit_of_pixels_counts_and_names_its_flag(tmp_path):
    path = save(tmp_path, "420.jpg")
    size = samples.HEIGHT * samples.WIDTH
    assert read_photo(path, max_pixels=size).image.size == 3 * size
    with pytest.raises(ValueError, match=rf"93×67 pixels are more than the limit of {size - 1} \(--max_pixels\)"):
        read_photo(path, max_pixels=size - 1)


def test_a_file_far_larger_than_any_picture_is_not_loaded(tmp_path):
    path = save(tmp_path, "420.jpg")
    os.truncate(path, 2**31)  # sparse: takes no space
    with pytest.raises(ValueError, match=r"2147483648 bytes are more than a picture of 1000000 pixels"):
        read_photo(path, max_pixels=1_000_000)


def test_a_repair_of_another_shape_is_an_error(tmp_path):
    photo = read_photo(save(tmp_path, "420.jpg"))
    with pytest.raises(ValueError, match="the repaired picture is uint8"):
        write_photo(tmp_path / "out.jpg", photo, photo.image[:-1])


def test_photos_decoded_in_threads_equal_those_decoded_alone(tmp_path):
    paths = [save(tmp_path, name) for name in sorted(FILES)] * 3
    alone = {path: read_image(path) for path in paths}
    broken = save(tmp_path, "broken.jpg", FILES["444.jpg"][:-600] + b"\xff\xd9")

    def work(path: Path) -> bool:
        if path == broken:
            with pytest.raises(ValueError, match="damaged"):
                read_image(path)
            return True
        return np.array_equal(read_image(path), alone[path])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, [path for pair in paths for path in (pair, broken)]))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_source_file_is_closed_after_reading(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for name in FILES:
        read_photo(save(tmp_path, name))
    assert len(os.listdir("/proc/self/fd")) == before


def test_jpeglib_that_does_not_load_counts_as_missing(tmp_path, monkeypatch):
    broken = tmp_path / "jpeglib"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libjpeg.so.9: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "jpeglib", raising=False)
    jpeg.has_jpeglib.cache_clear()
    assert not jpeg.has_jpeglib()
    jpeg.has_jpeglib.cache_clear()


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
