import cv2
import numpy as np
import pytest

from utils.finding.outlines import with_outlines

HEIGHT, WIDTH = 2000, 1500
PAPER, LINE = 205, 150


def page() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(PAPER, 2, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)


def box(image: np.ndarray, x0: int, y0: int, x1: int, y1: int, level: int, thickness: int) -> None:
    """A box turned by a third of a right angle around the middle."""
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) - (WIDTH / 2, HEIGHT / 2)
    turn = np.array([(np.cos(0.52), -np.sin(0.52)), (np.sin(0.52), np.cos(0.52))])
    points = np.rint(corners @ turn.T + (WIDTH / 2, HEIGHT / 2)).astype(np.int32)
    if thickness < 0:
        cv2.fillPoly(image, [points], (level,) * 3)
    else:
        cv2.polylines(image, [points], True, (level,) * 3, thickness, cv2.LINE_AA)


def phone() -> tuple[np.ndarray, np.ndarray]:
    """A dark screen in a case of the paper's colour, and a mask of little more than the screen."""
    image, mask = page(), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    box(image, 500, 700, 1000, 1300, 60, -1)
    box(image, 485, 685, 1015, 1315, LINE, 2)
    box(mask, 492, 692, 1008, 1308, 1, -1)
    return image, mask[..., 0] > 0


@pytest.mark.slow
def test_the_outline_of_a_case_of_the_papers_colour_is_taken_in():
    image, mask = phone()
    left = np.abs(image[..., 0].astype(int) - PAPER) > 30
    extended = with_outlines(image, mask)
    assert np.count_nonzero(left & ~extended) < 0.05 * np.count_nonzero(left & ~mask)  # the tips of the corners
    assert extended[mask].all() and np.count_nonzero(extended & ~mask) < 0.2 * np.count_nonzero(mask)


def test_print_across_an_outline_does_not_hide_it():
    image, mask = phone()
    for y in range(640, 1400, 60):
        cv2.putText(image, "text of the page", (1000, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (70, 70, 70), 3)
    outline = np.zeros_like(image)
    box(outline, 485, 685, 1015, 1315, 255, 1)
    extended = with_outlines(image, mask)
    assert extended[outline[..., 0] > 0].mean() > 0.96


@pytest.mark.parametrize("way", ["lying", "standing"])
def test_a_rule_beside_the_mask_that_goes_on_is_left(way):
    image, mask = page(), np.zeros((HEIGHT, WIDTH), bool)
    mask[800:1200, 500:1000] = True
    image[809:1191, 509:991] = (120, 150, 200)
    if way == "lying":
        image[1205:1208, 100:1400] = LINE
    else:
        image[300:1700, 1005:1008] = LINE
    assert with_outlines(image, mask) is mask


def test_lines_of_text_beside_the_mask_are_left():
    image, mask = page(), np.zeros((HEIGHT, WIDTH), bool)
    for y in range(300, 1800, 45):
        cv2.putText(image, "lines of text on the page, " * 2, (100, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60, 60, 60), 3)
    cv2.ellipse(mask.view(np.uint8), (750, 1000), (300, 180), 10, 0, 360, 1, -1)
    cv2.ellipse(image, (750, 1000), (291, 171), 10, 0, 360, (120, 150, 200), -1)
    assert with_outlines(image, mask) is mask


def test_a_mask_at_the_photos_border_or_too_small_to_have_an_outline_is_left():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:400, :300] = mask[-3:, -3:] = mask[1000:1010, 700:710] = True
    assert with_outlines(page(), mask) is mask
    assert with_outlines(page()[:40, :30], np.ones((40, 30), bool)).all()
