import cv2
import numpy as np
import pytest

from utils.finding.segments import with_segments as extended
from utils.finding.segments import without_gaps

THRESHOLD, CONFIDENCE = 0.5, 0.8
HAND, SLEEVE = np.s_[300:400, 200:260], np.s_[400:640, 180:290]


def with_segments(image, probs, found):
    return extended(image, probs, found, THRESHOLD, CONFIDENCE)


def scene(sleeve=(60, 70, 50), likely=0.2):
    """A written page, a hand that is found, and a sleeve below it of which the network is in doubt."""
    image = np.full((640, 480, 3), 225, np.uint8)
    for y in range(40, 640, 30):
        cv2.putText(
            image, "lorem ipsum dolor sit amet, consectetur", (20, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (70,) * 3, 1
        )
    probs, found = np.zeros((640, 480), np.float32), np.zeros((640, 480), bool)
    image[HAND], image[SLEEVE] = (120, 150, 200), sleeve
    probs[HAND], probs[SLEEVE], found[HAND] = 1, likely, True
    return image, probs, found


def test_a_sleeve_of_which_the_network_is_in_doubt_belongs_to_the_hand():
    image, probs, found = scene()
    whole = with_segments(image, probs, found)
    expected = found.copy()
    expected[SLEEVE] = True
    assert whole[expected].mean() > 0.99
    assert not (whole & (cv2.dilate(expected.astype(np.uint8), np.ones((7, 7))) == 0)).any()


def test_print_on_the_sleeve_belongs_to_it():
    image, probs, found = scene()
    cv2.putText(image, "TEAM", (200, 520), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (230, 230, 230), 4)
    probs[490:525, 185:285] = 0
    assert with_segments(image, probs, found)[SLEEVE].mean() > 0.99


@pytest.mark.parametrize(
    ("sleeve", "likely"),
    [
        ((60, 70, 50), 0.08),  # the network sees next to nothing there
        ((190, 190, 190), 0.6),  # paper in the shade
        ((224, 224, 224), 0.6),  # paper without an outline
    ],
)
def test_what_may_be_paper_is_left(sleeve, likely):
    image, probs, found = scene(sleeve, likely)
    assert (with_segments(image, probs, found) == found).all()


def test_a_desk_of_the_sleeves_colour_is_left_and_so_is_the_sleeve():
    image, probs, found = scene()
    image[560:] = image[SLEEVE][0, 0]
    assert (with_segments(image, probs, found) == found).all()


@pytest.mark.parametrize(("likely", "peak", "belongs"), [(0.6, 0.9, True), (0.6, 0.7, False), (0.3, 0.9, False)])
def test_something_that_touches_nothing_found_must_be_found_by_itself(likely, peak, belongs):
    image, probs, found = scene()
    image[100:180, 350:450], probs[100:180, 350:450] = (40, 40, 160), likely
    probs[140, 400] = peak
    assert with_segments(image, probs, found)[103:177, 353:447].mean() == belongs


def test_a_sleeve_of_the_hands_colour_is_none_of_the_page():
    image, probs, found = scene((120, 150, 200))
    image[396:402, 190:280], found[396:402, 190:280] = 40, True  # a bracelet between them
    assert with_segments(image, probs, found)[SLEEVE].mean() > 0.97


def test_where_nothing_is_found_nothing_is_added():
    image, probs, found = scene()
    assert not with_segments(image, probs, np.zeros_like(found)).any()


def test_small_gaps_are_filled_and_large_ones_and_bays_are_not():
    found = np.zeros((100, 100), bool)
    found[10:90, 10:90] = True
    found[20:25, 20:25] = found[40:70, 40:70] = found[10:14, 50:54] = False
    filled = without_gaps(found, found)
    assert filled[20:25, 20:25].all() and not filled[40:70, 40:70].any() and not filled[10:14, 50:54].any()


def test_a_cell_of_the_page_into_which_what_is_found_fades_is_left():
    image, probs, found = scene()
    image[297:403, 197:303] = 60
    fading = np.linspace((120, 150, 200), (225, 225, 225), 80)
    image[300:400, 200:300] = np.concatenate([fading, np.full((20, 3), 225)]).astype(np.uint8)
    probs[SLEEVE] = found[:] = 0
    found[300:400, 200:284] = True
    assert not with_segments(image, probs, found)[300:400, 288:300].any()
