import os

import numpy as np

from utils.formats import pixels


def test_a_palette_repair_takes_the_nearest_colour():
    palette = np.array([[0, 0, 0], [250, 250, 250], [10, 20, 200]], np.uint8)
    colours = np.array([[20, 20, 180], [200, 255, 255], [3, 0, 9]], np.uint8)
    assert pixels.nearest_index(colours, palette).tolist() == [2, 1, 0]


def test_what_others_write_to_stderr_meanwhile_is_passed_on(capfd):
    with pixels.quiet():
        os.write(2, b"progress 10%\nlibpng error: no\nprogress 20%\n")
        with pixels.quiet():
            os.write(2, b"inner\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "progress 10%\nprogress 20%\ninner\nafter\n"
