import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, lying, sheet
from utils.page.paper import measure_paper


def test_tone_below_the_hole_is_that_of_the_paper_around():
    truth, hole = sheet(noise=0), hole_at(220, 150, 420, 400)
    tone = measure_paper(covered(sheet(noise=3), hole), hole).tone
    assert np.abs(tone - truth)[hole].max() < 1.0


def test_tone_is_not_darkened_by_rules_and_text():
    page, hole = sheet(noise=2), hole_at(220, 150, 420, 400)
    for y in range(20, HEIGHT, 40):
        lying(page, y, 0, WIDTH)
    picture = covered(page, hole)
    for y in range(50, HEIGHT, 40):
        cv2.putText(picture, "words words words", (10, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (60, 60, 60), 2)
    picture[hole] = 90
    tone = measure_paper(picture, hole).tone
    assert np.abs((tone - sheet(noise=0))[hole].mean()) < 1.0
    assert np.abs(tone - sheet(noise=0))[hole].max() < 2.5


def test_tone_holds_where_the_hole_lies_at_the_border_of_the_photo():
    hole = hole_at(400, 150, WIDTH, 400)
    tone = measure_paper(covered(sheet(), hole), hole).tone
    assert np.abs(tone - sheet(noise=0))[hole].max() < 6


def test_shadow_beside_the_hole_is_left_out():
    page, hole = sheet(noise=1), hole_at(220, 150, 420, 400)
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    page *= 1 - 0.2 * np.clip(1 - distance / 18, 0, 1)[..., None]
    tone = measure_paper(covered(page, hole), hole).tone
    assert np.abs(tone - sheet(noise=0))[hole].mean() < 2.5


def desk_page(angle: float) -> tuple[np.ndarray, np.ndarray]:
    """A page that ends along a line; the desk beyond it is dark. Also how far right of the line each pixel is."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    beyond = (x - 380) * np.cos(angle) + (y - 280) * np.sin(angle)
    share = 1 / (1 + np.exp(-beyond))[..., None]
    return sheet() * (1 - share) + np.array([60, 80, 110]) * share, beyond


@pytest.mark.parametrize("angle", [0.0, 0.06, -0.2])
def test_edge_of_the_page_goes_on_below_the_hole(angle):
    page, beyond = desk_page(angle)
    hole = hole_at(260, 190, WIDTH, 370)
    paper = measure_paper(covered(page, hole), hole)
    assert len(paper.borders) == 1
    assert np.abs((paper.tone - page)[hole & (beyond < -4)]).mean() < 3
    assert np.abs((paper.tone - page)[hole & (beyond > 4)]).mean() < 3
    middle = paper.tone[280, :, 1]
    assert abs(np.flatnonzero(middle < 145)[0] - 380) <= 2


def test_a_blurred_edge_over_a_patterned_desk_goes_on_where_it_is():
    y = np.arange(HEIGHT)[:, None]
    pattern = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 5)
    desk = 45 + 20 * pattern / pattern.std()
    share = 1 / (1 + np.exp((y - 392) / 5))[..., None]
    page = sheet() * share + desk[..., None] * (1 - share)
    hole = hole_at(240, 200, 420, HEIGHT)
    (border,) = measure_paper(covered(page, hole), hole).borders
    assert np.abs(border[:, 1] - 392).max() < 4


def test_a_corner_of_the_page_comes_before_one_of_light_and_shadow_on_the_desk():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    share = np.clip(np.minimum(330 - x + 0.05 * y, 460 - y) + 0.5, 0, 1)[..., None]
    shadow = (x + 0.35 * y > 590) | ((y > 460) & (x < 250))
    page = sheet() * share + np.where(shadow[..., None], [90, 110, 120], [110, 150, 190]) * (1 - share)
    hole = hole_at(240, 60, 420, HEIGHT) | hole_at(240, 330, 560, HEIGHT)
    borders = measure_paper(covered(page, hole), hole).borders
    (corner,) = (border[1] for border in borders if len(border) == 3)
    assert corner == pytest.approx([353, 460], abs=2)


def test_an_edge_of_the_page_that_is_weak_beside_the_hole_has_no_gap_there():
    page, hole = sheet(), hole_at(0, 200, 420, 360)
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    page[:, :250] -= (24 - 13 * np.exp(-np.square(away / 40)))[:, :250, None]
    paper = measure_paper(covered(page, hole), hole)
    assert paper.surface[280, 100] != paper.surface[280, 330]
    assert (paper.surface[hole][:, None] == paper.surface[[20, 540, 20, 540], [100, 100, 330, 330]]).any(axis=0).all()
    inside = np.flatnonzero(np.diff(paper.surface[280].astype(int)))
    assert len(inside) == 1 and abs(inside[0] - 249) < 8


def test_a_hole_across_the_whole_page_leaves_one_surface():
    hole = hole_at(0, 200, WIDTH, 320)
    assert measure_paper(covered(sheet(), hole), hole).surface.max() == 1


def test_noise_is_measured():
    hole = hole_at(220, 150, 420, 400)
    noises = [measure_paper(covered(sheet(noise=level), hole), hole).noise for level in (1.5, 4)]
    assert noises == pytest.approx([1.5, 4], rel=0.25)


def test_one_visible_pixel_is_enough():
    picture, hole = np.full((40, 40, 3), 128, np.uint8), np.ones((40, 40), bool)
    picture[1:] = 0
    hole[0, 0] = False
    assert np.abs(measure_paper(picture, hole).tone - 128).max() < 1


def test_page_as_the_finder_sees_it_goes_on_below_the_hole_and_the_desk_beside_it():
    window = np.full((400, 400, 3), (60, 70, 80), np.uint8)
    window[:, 180:] = 225
    hole = np.zeros((400, 400), bool)
    hole[:, 60:260] = True  # all of the edge is hidden: no border can be followed into the hole
    beside = np.zeros((400, 400), bool)
    beside[:, :180] = True
    paper = measure_paper(np.where(hole[..., None], 0, window).astype(np.uint8), hole, beside)
    tone = paper.tone.mean(axis=2)
    assert abs(tone[:, 70:170].mean() - 70) < 6 and abs(tone[:, 190:250].mean() - 225) < 6
    assert (paper.surface[:, 190:] == paper.page).all() and (paper.surface[:, :170] != paper.page).all()


def test_bright_desk_is_no_page_where_the_finder_knows_better():
    window = np.full((400, 400, 3), 240, np.uint8)
    window[100:300, 150:] = 140  # a grey page on a white desk
    hole = np.zeros((400, 400), bool)
    hole[180:220, 240:300] = True
    beside = np.ones((400, 400), bool)
    beside[100:300, 150:] = False
    grey = measure_paper(window, hole, beside)
    assert grey.surface[200, 200] == grey.page and grey.surface[50, 50] != grey.page
    assert measure_paper(window, hole).surface[50, 50] == measure_paper(window, hole).page


def test_print_in_a_shadow_is_no_texture_where_the_finder_sees_page_and_a_picture_is_one():
    page = sheet()
    for y in range(20, HEIGHT, 36):  # lines of bold print
        for x in range(8, WIDTH, 60):
            page[y : y + 21, x : x + 50] *= 0.35
    page[:, 330:] *= 0.45  # a shadow with a sharp edge
    hole, none_beside = hole_at(380, 200, 520, 330), np.zeros((HEIGHT, WIDTH), bool)
    unknown, known = (measure_paper(covered(page, hole), hole, told) for told in (None, none_beside))
    assert known.surface.max() >= 2 and unknown.textured and known.textured == ()
    rough = np.random.default_rng(0).uniform(10, 90, (HEIGHT // 4, WIDTH // 4, 3)).astype(np.float32)
    page[:, 330:] = cv2.resize(rough, (WIDTH, HEIGHT))[:, 330:]
    assert measure_paper(covered(page, hole), hole, none_beside).textured
