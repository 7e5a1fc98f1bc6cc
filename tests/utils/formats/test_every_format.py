"""What holds for every format: what a photo is, what is written back, what is refused."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.utils.formats import samples
from tests.utils.formats.repairs import FILES, PATCH, as_stored, opened, repair, repaired, save
from utils import images
from utils.formats import pixels
from utils.images import read_image, read_mark, read_photo, write_image, write_photo

LOSSLESS = sorted(n for n in FILES if n.endswith((".png", ".tif", ".bmp")) or n in ("lossless.webp", "alpha.webp"))
PALETTES = ("palette.png", "palette4.png", "palette2.png", "bilevel.png", "palette.bmp", "grey.bmp", "bilevel.tif")


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


def test_differences_outside_the_mask_are_not_written(tmp_path):
    photo = read_photo(save(tmp_path, "colour.png"))
    write_photo(tmp_path / "out.png", photo, 255 - photo.image, np.zeros(photo.image.shape[:2], bool))
    assert np.array_equal(read_photo(tmp_path / "out.png").image, photo.image)


@pytest.mark.parametrize("place", [(30, 50), (30, 2), (30, 90), (2, 50), (60, 50)])
def test_a_stray_difference_on_any_side_of_the_mask_is_not_written(tmp_path, place):
    photo = read_photo(save(tmp_path, "colour.png"))
    image, changed = repair(photo)
    changed[30, 50] = False  # a hole in it
    image[place] = 255 - photo.image[place]
    write_photo(tmp_path / "out.png", photo, image, changed)
    written = read_photo(tmp_path / "out.png").image
    assert np.array_equal(written[~changed], photo.image[~changed])
    assert np.array_equal(written[changed], repair(photo)[0][changed])


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_format_writes_into_the_pictures_it_is_given(tmp_path, name):
    photo = read_photo(save(tmp_path, name))
    image, changed = repair(photo)
    for picture in (image, changed, photo.image):
        picture.flags.writeable = False
    write_photo(tmp_path / "out", photo, image, changed)


def test_a_repaired_picture_is_copied_only_where_it_differs_outside_the_mask():
    old = np.zeros((20, 30, 3), np.uint8)
    new, changed = old.copy(), np.zeros((20, 30), bool)
    new[5:9, 6:9], changed[5:9, 6:12] = 7, True
    merged, differs = images._only_where(old, new, changed)
    assert merged is new and np.array_equal(differs, new[..., 0] == 7)
    assert images._only_where(old, new, None)[0] is new
    new[19, 29] = 1
    assert images._only_where(old, new, changed)[0] is not new


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


@pytest.mark.parametrize("name", ["444.jpg", "colour.png", "plain.tif", "lzw.tif", "bilevel.tif", "big_endian.tif"])
def test_exif_icc_xmp_and_resolution_are_kept(tmp_path, name):
    _, _, target = repaired(save(tmp_path, name))
    before, after = opened(FILES[name]), opened(target)
    assert after.info["icc_profile"] == samples.ICC
    assert b'dc:format="a page"' in target.read_bytes()
    assert after.info["dpi"] == before.info["dpi"] and round(float(after.info["dpi"][0])) == 300
    assert after.getexif()[271] == before.getexif()[271] == "A maker"


@pytest.mark.parametrize("name", ["444.jpg", "colour.png", "lossy.webp"])
def test_the_exif_thumbnail_goes_and_the_rest_of_exif_stays(tmp_path, name):
    assert samples.thumbnail() in FILES[name]
    _, _, target = repaired(save(tmp_path, name))
    assert samples.thumbnail()[-60:] not in target.read_bytes()
    kept = opened(target).getexif()
    assert kept[271] == "A maker" and kept.get_ifd(34665)[0x9003] == "2024:05:06 07:08:09"
    assert not kept.get_ifd(1)


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
