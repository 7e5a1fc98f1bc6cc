import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, lying, pixels, sheet
from utils.page.paper import measure_paper
from utils.page.shadow import lift_shadow

HOLE = np.hypot(*(np.mgrid[0:HEIGHT, 0:WIDTH] - np.array([[[280]], [[330]]]))) < 90
DISTANCE = cv2.distanceTransform((~HOLE).astype(np.uint8), cv2.DIST_L2, 5)


def shaded(page: np.ndarray, depth: float, reach: float, hole: np.ndarray = HOLE) -> np.ndarray:
    """The page with a shadow that fades away from the hole."""
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    return page * (1 - depth * np.clip(1 - distance / reach, 0, 1) ** 2)[..., None]


def lifted(page: np.ndarray, hole: np.ndarray = HOLE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The window, what it is without shadow, and where they differ outside the hole."""
    window = covered(page, hole)
    seen = window.copy()
    seen[hole] = 0
    return window, *lift_shadow(window, hole, measure_paper(seen, hole))


def test_a_page_without_shadow_is_returned_as_it_is():
    window, result, shade = lifted(sheet())
    assert result is window and not shade.any()


@pytest.mark.parametrize(("depth", "reach"), [(0.3, 70), (0.15, 70), (0.06, 14), (0.03, 14)])
def test_clear_and_faint_shadows_are_lifted(depth, reach):
    page = sheet()
    window, result, shade = lifted(shaded(page, depth, reach))
    rim = (DISTANCE > 0) & (DISTANCE <= 4)
    before, after = ((page - image)[rim].mean() for image in (window, result))
    assert before > 2 and abs(after) < 0.4 * before
    assert np.count_nonzero(shade & rim) > 0.8 * np.count_nonzero(rim)


def test_what_cells_leave_of_a_deep_shadow_right_beside_the_hole_is_lifted():
    page = sheet()
    near = 0.25 * np.clip(1 - DISTANCE / 12, 0, 1)
    window, result, _ = lifted(shaded(page, 0.2, 70) * (1 - near)[..., None])
    rim = (DISTANCE > 0) & (DISTANCE <= 4)
    before, after = ((page - image)[rim].mean() for image in (window, result))
    assert before > 60 and abs(after) < 0.15 * before


def test_no_dark_line_is_left_right_beside_the_hole():
    page = sheet()
    near = 0.2 * np.clip(1 - DISTANCE / 16, 0, 1)
    window, result, _ = lifted(shaded(page, 0.15, 70) * (1 - near)[..., None])
    line, beyond = (DISTANCE > 0) & (DISTANCE <= 1.5), (DISTANCE > 3) & (DISTANCE <= 6)
    (dark, less_dark), (after, after_beyond) = (
        [(page - image)[place].mean() for place in (line, beyond)] for image in (window, result)
    )
    assert dark - less_dark > 7 and abs(after - after_beyond) < 0.3 * (dark - less_dark)


def test_a_faint_shadow_beside_a_straight_narrow_hole_is_lifted():
    hole, page = hole_at(60, 260, WIDTH, 300), sheet()
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    window, result, _ = lifted(shaded(page, 0.06, 14, hole), hole)
    rim = (distance > 0) & (distance <= 4)
    before, after = ((page - image)[rim].mean() for image in (window, result))
    assert before > 8 and abs(after) < 0.25 * before


def test_only_what_is_said_to_be_shade_is_changed_outside_the_hole():
    window, result, shade = lifted(shaded(sheet(), 0.3, 70))
    assert shade.any() and not (shade & HOLE).any()
    assert (result == window)[~shade & ~HOLE].all()


def test_a_rule_in_the_shadow_keeps_its_share_of_the_light():
    page = sheet(noise=1)
    lying(page, 280, 0, WIDTH, width=5, ink=0.5)
    _, result, _ = lifted(shaded(page, 0.3, 70))
    for x in (215, 230, 235):
        paper = result[265:270, x].mean()
        assert result[279:282, x].mean() / paper == pytest.approx(0.5, abs=0.06)


def test_a_shadow_on_the_desk_beside_the_page_is_left_where_it_is_faint():
    x = np.arange(WIDTH) + np.zeros((HEIGHT, 1))
    page = np.where((x < 330)[..., None], sheet(), [70.0, 85, 110])
    window, result, _ = lifted(shaded(page, 0.05, 14))
    desk = (x > 350) & ~HOLE
    assert (result == window)[desk].all()


def test_darker_print_beside_the_hole_is_no_shadow():
    page = sheet()
    for y in range(40, HEIGHT, 30):
        lying(page, y, 0, 256, width=14, ink=0.5)
    window, result, shade = lifted(page)
    assert np.count_nonzero(shade) < 0.02 * np.count_nonzero(HOLE)
    assert pixels(page)[0, 0].tolist() == window[0, 0].tolist() == result[0, 0].tolist()
