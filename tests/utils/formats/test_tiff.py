import struct

import numpy as np
from PIL import Image

from tests.utils.formats import samples
from tests.utils.formats.repairs import opened, repair, repaired, save


def test_exif_directories_survive_in_tiff_of_either_byte_order(tmp_path):
    picture = Image.fromarray(samples.draw()[:, :, ::-1])
    tags = {34665: {0x9003: "2024:05:06 07:08:09"}, 34853: {1: "N", 2: (52.0, 30.0, 15.5)}}
    little = samples.encode_with_pillow(picture, "TIFF", tiffinfo=tags)
    for data in (little, samples.as_big_endian(little)):
        _, _, target = repaired(save(tmp_path, "exif.tif", data))
        after = opened(target).getexif()
        assert after.get_ifd(34665)[0x9003] == "2024:05:06 07:08:09"
        assert [float(v) for v in after.get_ifd(34853)[2]] == [52.0, 30.0, 15.5]


def test_white_is_zero_keeps_its_look(tmp_path):
    grey = Image.fromarray(np.ascontiguousarray(samples.draw()[:, :, 1]))
    plain = samples.encode_with_pillow(grey, "TIFF")
    tag = struct.pack("<HHIHH", 262, 3, 1, 1, 0)
    assert tag in plain
    photo, again, _ = repaired(save(tmp_path, "w.tif", plain.replace(tag, struct.pack("<HHIHH", 262, 3, 1, 0, 0))))
    assert np.array_equal(photo.image[:, :, 0], 255 - samples.draw()[:, :, 1])
    outside = ~repair(photo)[1]
    assert np.array_equal(again.image[outside], photo.image[outside])
