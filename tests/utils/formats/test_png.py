import struct
import zlib

import numpy as np
import pytest

from tests.utils.formats.repairs import FILES, as_stored, repaired, save
from utils.images import read_mark, read_photo, write_photo


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


def test_a_flipped_bit_in_a_png_is_refused_in_silence(tmp_path, capfd):
    data = bytearray(FILES["colour.png"])
    data[-500] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        read_photo(save(tmp_path, "x.png", bytes(data)))
    assert capfd.readouterr().err == ""


def test_without_a_mark_nothing_is_added(tmp_path):
    _, _, target = repaired(save(tmp_path, "grey.png"))
    assert read_mark(target) is None and b"xmpmeta" not in target.read_bytes()
