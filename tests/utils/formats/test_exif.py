"""EXIF as cameras and editors damage it, in every format: what can be read stays, orientation above all."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.utils.formats import samples
from utils import images
from utils.formats import exif

LEAD = exif.LEAD
THUMBNAIL = samples.thumbnail()


def link_at(block):
    return 8 + 2 + 12 * struct.unpack_from("<H", block, 8)[0]


def with_link(block, value):
    return block[: link_at(block)] + struct.pack("<I", value) + block[link_at(block) + 4 :]


def damaged(orientation=6):
    """EXIF blocks with one thing wrong in each, by what it is."""
    plain, full = samples.exif(orientation), samples.exif(orientation, THUMBNAIL)
    second = struct.unpack_from("<I", full, link_at(full))[0]
    ends_at_link = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    return {
        "next directory beyond the end": with_link(plain, 2**31),
        "next directory in the text": with_link(plain, link_at(plain) + 4),
        "next directory is the first": with_link(plain, 8),
        "thumbnail beyond the end": full[: second + 2 + 8] + struct.pack("<I", 2**20) + full[second + 2 + 12 :],
        "thumbnail longer than the block": full[: second + 14 + 8] + struct.pack("<I", 2**20) + full[second + 26 :],
        "no link": ends_at_link,
        "half a link": ends_at_link + b"\0\0",
        "lead twice": LEAD + plain,
        "lead twice with thumbnail": LEAD + full,
        "a value beyond the end": plain[:18] + struct.pack("<I", 2**24) + plain[22:],
        "more entries than there are": plain[:8] + struct.pack("<H", 999) + plain[10:],
        "no link and one entry more": ends_at_link[:8] + struct.pack("<H", 2) + ends_at_link[10:],
        "EXIF directory beyond the end": plain[:42] + struct.pack("<I", 2**20) + plain[46:],
        "orientation as a long": plain[:24] + struct.pack("<HI", 4, 1) + plain[30:],
        "orientation as signed": plain[:24] + struct.pack("<HI", 8, 1) + plain[30:],
    }


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff_around(block):
    """A TIFF whose first directory is that of an EXIF block, with a picture's own entries in front."""
    picture = samples.draw()[:, :, ::-1]
    extra = [
        (256, 4, 1, struct.pack("<I", picture.shape[1])), (257, 4, 1, struct.pack("<I", picture.shape[0])),
        (258, 3, 1, struct.pack("<HH", 8, 0)), (259, 3, 1, struct.pack("<HH", 1, 0)),
        (262, 3, 1, struct.pack("<HH", 1, 0)), (273, 4, 1, b"????"), (277, 3, 1, struct.pack("<HH", 1, 0)),
        (278, 4, 1, struct.pack("<I", picture.shape[0])), (279, 4, 1, struct.pack("<I", picture[..., 0].size)),
    ]  # fmt: skip
    (count,) = struct.unpack_from("<H", block, 8)
    old = [block[at : at + 12] for at in range(10, 10 + 12 * count, 12) if at + 12 <= len(block)]
    entries = sorted(
        [struct.pack("<HHI", *e[:3]) + e[3] for e in extra] + old, key=lambda e: struct.unpack("<H", e[:2])
    )
    start = len(block) + len(block) % 2
    link = block[link_at(block) :][:4] if count < 99 else b""
    directory = struct.pack("<H", len(entries) + (count > 90)) + b"".join(entries) + link
    # "no link" can only be seen where the file ends with the directory: the pixels come first
    pixels = picture[..., 1].tobytes()
    at = start + len(pixels)
    directory = directory.replace(b"????", struct.pack("<I", start))
    return b"II*\0" + struct.pack("<I", at) + block[8:].ljust(start - 8, b"\0") + pixels + directory


def file_with(kind, block):
    """A picture file of the kind with the EXIF block in it."""
    picture = Image.fromarray(samples.draw()[:, :, ::-1])
    if kind == "jpg":
        data, payload = samples.encode_with_pillow(picture, "JPEG", quality=95), LEAD + block
        return data[:2] + struct.pack(">HH", 0xFFE1, len(payload) + 2) + payload + data[2:]
    if kind == "tif":
        return tiff_around(block)
    if kind == "webp":
        data = samples.encode_with_pillow(picture, "WEBP", lossless=True, exif=b"II*\0" + bytes(4))
        old = data[data.index(b"EXIF") :]
        data = data[: -len(old)] + b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) % 2)
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    data = samples.encode_with_pillow(picture, "PNG")
    if kind == "png with lead":
        return data[:33] + chunk(b"eXIf", LEAD + block) + data[33:]
    if kind == "png raw profile":
        digits = (LEAD + block).hex()
        text = f"\nexif\n{len(LEAD + block):8}\n" + "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
        return data[:33] + chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode())) + data[33:]
    return data[:33] + chunk(b"eXIf", block) + data[33:]


KINDS = ("jpg", "png", "png with lead", "png raw profile", "webp", "tif")
FAULTS = sorted(damaged())


def repaired(tmp_path, data, **options):
    path, target = tmp_path / "photo", tmp_path / "repaired"
    path.write_bytes(data)
    photo = images.read_photo(path)
    image, changed = photo.image.copy(), np.zeros(photo.image.shape[:2], bool)
    image[20:40, 20:50], changed[20:40, 20:50] = 90, True
    dropped = images.write_photo(target, photo, image, changed, **options)
    return photo, images.read_photo(target), target.read_bytes(), dropped


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_block_turns_no_photo_on_its_side(tmp_path, kind, fault):
    if kind == "tif" and ("lead" in fault or "more entries" in fault):
        pytest.skip("there a damaged directory is a damaged file")
    photo, again, written, _ = repaired(tmp_path, file_with(kind, damaged()[fault]))
    assert photo.header.orientation == again.header.orientation == 6
    assert photo.image.shape == again.image.shape == (samples.WIDTH, samples.HEIGHT, 3)
    assert THUMBNAIL[-60:] not in written
    if kind != "tif" or fault != "a value beyond the end":
        assert np.abs(again.image.astype(int) - photo.image)[:, 60:].max() <= 30


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_orientation_is_what_pillow_reads_before_and_after(tmp_path, kind, fault):
    data = file_with(kind, damaged()[fault])
    _, _, written, _ = repaired(tmp_path, data)
    with Image.open(BytesIO(written)) as after:
        assert ImageOps.exif_transpose(after).size == (samples.HEIGHT, samples.WIDTH)
        if "beyond" not in fault and "one entry" not in fault and "orientation" not in fault and "link" not in fault:
            assert after.getexif()[271] == "A maker" or "more entries" in fault


@pytest.mark.parametrize("fault", ["next directory beyond the end", "next directory in the text"])
def test_orientation_is_what_opencv_reads(tmp_path, fault):
    path = tmp_path / "photo.jpg"
    path.write_bytes(file_with("jpg", damaged()[fault]))
    assert np.array_equal(images.read_image(path), cv2.imread(str(path)))


def test_what_can_be_read_of_a_damaged_block_stays(tmp_path):
    for fault in (
        "next directory beyond the end",
        "next directory in the text",
        "thumbnail beyond the end",
        "lead twice",
    ):
        _, _, written, _ = repaired(tmp_path, file_with("jpg", damaged()[fault]))
        kept = Image.open(BytesIO(written)).getexif()
        assert kept[271] == "A maker" and kept.get_ifd(34665)[0x9003] == "2024:05:06 07:08:09"


def test_a_thumbnail_that_nothing_points_to_any_more_goes(tmp_path):
    full = samples.exif(6, THUMBNAIL)
    for broken in (with_link(full, 0), with_link(full, 2**30)):
        _, _, written, dropped = repaired(tmp_path, file_with("jpg", broken))
        assert THUMBNAIL[:60] not in written and THUMBNAIL[-60:] not in written
        assert "picture in EXIF" in dropped


def test_a_directory_that_points_to_the_photos_own_values_takes_none_of_them(tmp_path):
    full = samples.exif(6, THUMBNAIL)
    at = full.index(b"A maker")
    second = struct.unpack_from("<I", full, link_at(full))[0]
    full = full[: second + 2 + 8] + struct.pack("<I", at) + full[second + 2 + 12 :]
    _, _, written, _ = repaired(tmp_path, file_with("jpg", full))
    assert Image.open(BytesIO(written)).getexif()[271] == "A maker"


def entry(tag, kind, number, value):
    return struct.pack("<HHI", tag, kind, number) + value


def block_with(values):
    """An EXIF block: orientation, and an EXIF directory that holds values by their tags."""
    start = 8 + 2 + 24 + 4
    body, entries = b"", []
    at = start + 2 + 12 * len(values) + 4
    for tag, value in sorted(values.items()):
        entries.append(entry(tag, 7, len(value), struct.pack("<I", at + len(body))))
        body += value + bytes(len(value) % 2)
    first = (
        struct.pack("<H", 2) + entry(274, 3, 1, struct.pack("<HH", 6, 0)) + entry(34665, 4, 1, struct.pack("<I", start))
    )
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + first
        + bytes(4)
        + struct.pack("<H", len(values))
        + b"".join(entries)
        + bytes(4)
        + body
    )


def test_previews_in_maker_notes_and_long_unknown_values_go_and_the_rest_stays(tmp_path):
    note = b"Maker\0settings" + THUMBNAIL + b"more settings"
    values = {37500: note, 37510: b"ASCII\0\0\0a comment", 0xC999: bytes(range(256)) * 4, 0xC998: b"short but unknown"}
    _, _, written, dropped = repaired(tmp_path, file_with("jpg", block_with(values)))
    assert THUMBNAIL[4:60] not in written and THUMBNAIL[-60:] not in written
    assert set(dropped) == {"preview in the maker note", "EXIF tag 51609"}
    kept = Image.open(BytesIO(written)).getexif().get_ifd(34665)
    assert kept[37500].startswith(b"Maker\0settings") and kept[37500].endswith(b"more settings")
    assert kept[37510] == b"ASCII\0\0\0a comment" and kept[0xC998] == b"short but unknown" and 0xC999 not in kept


def test_a_block_without_pictures_is_not_touched():
    for values in ({37500: b"Maker\0settings" * 30}, {0xC998: b"short"}, {37510: b"ASCII\0\0\0" + b"long " * 200}):
        block, dropped = block_with(values), []
        assert exif.cleaned(block, dropped) == block and not dropped


def test_without_thumbnail_moves_nothing_and_keeps_what_it_does_not_understand():
    note = b"maker note with offsets"
    block = samples.exif(6, b"x" * 100) + note
    assert exif.cleaned(block, []) == block.replace(b"x" * 100, bytes(100)).replace(
        block[block.index(b"x" * 100) - 30 : block.index(b"x" * 100)], bytes(30)
    ).replace(struct.pack("<I", block.index(b"x" * 100) - 30), bytes(4), 1)
    assert exif.cleaned(samples.exif(6), []) == samples.exif(6)
    assert exif.cleaned(b"rubbish", []) == b""
