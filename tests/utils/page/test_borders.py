import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, sheet
from utils.page.borders import Entry, Rest, continue_borders, divide_hole, find_entries, leave_out
from utils.page.cells import CELL_PX, lay_grid

HOLE = hole_at(240, 160, 420, 400)


def entry(x: float, y: float, heading: tuple[float, float], surfaces: tuple[int, int] = (1, 2)) -> Entry:
    way = np.array(heading, float)
    return Entry(np.array([x, y], float), way / np.hypot(*way), 200.0, surfaces)


def test_entries_that_face_each_other_are_ends_of_one_border():
    (line,) = continue_borders([entry(240, 200, (1, 0.1)), entry(420, 218, (-1, -0.1))], HOLE, page=1)
    assert sorted(map(tuple, line)) == [(240, 200), (420, 218)]


def test_borders_that_cannot_meet_straight_form_a_corner():
    (line,) = continue_borders([entry(240, 300, (1, 0)), entry(330, 160, (0, 1))], HOLE, page=1)
    assert len(line) == 3 and line[1] == pytest.approx([330, 300])


def test_entries_of_different_surfaces_go_straight_on_each():
    lines = continue_borders([entry(240, 200, (1, 0)), entry(420, 200, (-1, 0), (3, 4))], HOLE, page=1)
    assert len(lines) == 2
    for line in lines:
        assert np.abs(line[:, 1] - 200).max() < 1e-9 and np.ptp(line[:, 0]) == pytest.approx(180, abs=1.5)


def test_a_border_alone_goes_through_the_hole_to_its_other_side():
    (line,) = continue_borders([entry(240, 170, (1, 1))], HOLE, page=1)
    assert line[0] == pytest.approx([240, 170]) and line[1] == pytest.approx([420, 350], abs=1.5)


def test_a_border_that_misses_the_hole_is_none():
    assert continue_borders([entry(100, 100, (-1, 0))], HOLE, page=1) == []


@pytest.mark.parametrize("angle", [0.0, 0.15, -0.3])
def test_an_entry_is_known_to_a_fraction_of_a_pixel(angle):
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    beyond = (x - 331.3) * np.cos(angle) + (y - 280) * np.sin(angle)
    share = 1 / (1 + np.exp(-beyond))[..., None]
    picture = covered(sheet() * (1 - share) + np.array([60, 80, 110]) * share, HOLE)
    grid = lay_grid(picture, HOLE)
    middle = slice(CELL_PX // 2, None, CELL_PX)
    surface = np.where(beyond[middle, middle] > 0, 2, 1).astype(np.int32)
    tones = [np.full((*surface.shape, 3), tone, np.float32) for tone in ((210, 210, 210), (60, 80, 110))]
    entries = find_entries(picture, surface, grid.hidden, tones)
    assert len(entries) == 2
    for found in entries:
        off = (found.point - [331.3, 280]) @ [np.cos(angle), np.sin(angle)]
        assert abs(off) < 0.6 and abs(found.heading @ [np.cos(angle), np.sin(angle)]) < 0.01
        assert set(found.surfaces) == {1, 2} and (280 - found.point[1]) * found.heading[1] > 0


SEEN_PX = np.array([0, HEIGHT * WIDTH, HEIGHT * WIDTH])


def test_a_window_of_one_surface_has_no_entries():
    picture, grid = covered(sheet(), HOLE), lay_grid(covered(sheet(), HOLE), HOLE)
    assert find_entries(picture, np.ones(grid.hidden.shape, np.int32), grid.hidden, [np.zeros((70, 80, 3))]) == []


@pytest.mark.parametrize("known", [False, True])
def test_a_hole_is_cut_along_its_border_and_each_part_goes_to_what_it_touches(known):
    x = np.arange(WIDTH) + np.zeros((HEIGHT, 1))
    truth = np.where(x < 330, 1, 2).astype(np.uint8)
    tones = {
        number: np.full((HEIGHT // CELL_PX, WIDTH // CELL_PX, 3), level, np.float32)
        for number, level in ((1, 210), (2, 80))
    }
    window = np.where((truth == 1)[..., None], 210, 80).astype(np.uint8).repeat(3, 2)
    border = np.array([[330.0, 160.0], [330.0, 400.0]])
    area = slice(0, HEIGHT), slice(0, WIDTH)
    shuffled = np.where(HOLE, 2, truth).astype(np.uint8)
    beside = (truth == 2) if known else None
    divided = divide_hole(window, tones, shuffled, HOLE, [border], area, SEEN_PX, beside, (2,) if known else ())
    assert (divided == truth)[abs(x - 330) > 2].all() and set(np.unique(divided)) == {1, 2}


def test_without_borders_the_hole_goes_to_the_surface_around_it():
    ones = np.ones((HEIGHT, WIDTH), np.uint8)
    tones = {1: np.full((HEIGHT // CELL_PX, WIDTH // CELL_PX, 3), 210, np.float32)}
    window = np.full((HEIGHT, WIDTH, 3), 210, np.uint8)
    assert (divide_hole(window, tones, ones, HOLE, [], (slice(0, HEIGHT), slice(0, WIDTH)), SEEN_PX) == 1).all()


@pytest.mark.parametrize(("right", "owner"), [(210, 1), (80, 2)])
def test_what_the_finder_lays_beside_the_page_is_page_where_most_of_its_rim_is(right, owner):
    x = np.arange(WIDTH) + np.zeros((HEIGHT, 1))
    truth = np.where(x < 330, 1, 2).astype(np.uint8) if right == 80 else np.ones((HEIGHT, WIDTH), np.uint8)
    truth[:, 600:] = 2
    tones = {
        n: np.full((HEIGHT // CELL_PX, WIDTH // CELL_PX, 3), level, np.float32) for n, level in ((1, 210), (2, 80))
    }
    window = np.where((truth == 1)[..., None], 210, 80).astype(np.uint8).repeat(3, 2)
    area = slice(0, HEIGHT), slice(0, WIDTH)
    divided = divide_hole(window, tones, truth, HOLE, [], area, SEEN_PX, x >= 330, (2,))
    assert (divided[HOLE & (x < 320)] == 1).all() and (divided[HOLE & (x > 340)] == owner).all()


def test_a_page_that_the_finder_guesses_below_a_hand_and_of_which_a_fleck_is_seen_does_not_cross_a_seen_border():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    truth = np.where(x < 300, 1, 2).astype(np.uint8)
    guess = (x >= 300) & (x < 380) & (y > 180) & (y < 380)
    fleck = (abs(x - 340) < 3) & (y < 170)  # of the page's colour, where the guess comes to the hole's rim
    tones = {
        n: np.full((HEIGHT // CELL_PX, WIDTH // CELL_PX, 3), level, np.float32) for n, level in ((1, 210), (2, 80))
    }
    window = np.where(((truth == 1) | fleck)[..., None], 210, 80).astype(np.uint8).repeat(3, 2)
    border, area = np.array([(300.0, 159.0), (300.0, 401.0)]), (slice(0, HEIGHT), slice(0, WIDTH))
    beside = (truth == 2) & ~guess & ~fleck
    divided = divide_hole(window, tones, truth, HOLE, [border], area, SEEN_PX, beside, (2,))
    assert (divided == truth)[HOLE & (abs(x - 300) > 2)].all()


@pytest.mark.parametrize(("seen_px", "owner"), [(100, 2), (HEIGHT * WIDTH, 1)])
def test_a_surface_of_which_next_to_nothing_is_seen_does_not_go_on_below_a_hand(seen_px, owner):
    gap = np.full((HEIGHT, WIDTH), 2, np.uint8)
    rows, columns = np.nonzero(HOLE)
    gap[:, : columns.max()] = 1  # what most of the rim shows
    tones = {
        n: np.full((HEIGHT // CELL_PX, WIDTH // CELL_PX, 3), level, np.float32) for n, level in ((1, 80), (2, 210))
    }
    window = np.where((gap == 1)[..., None], 80, 210).astype(np.uint8).repeat(3, 2)
    area = slice(0, HEIGHT), slice(0, WIDTH)
    divided = divide_hole(window, tones, gap, HOLE, [], area, np.array([0, seen_px, HEIGHT * WIDTH]))
    assert (divided[HOLE][: rows.size // 2] == owner).all()


PAGE, DESK = 1, 2


@pytest.mark.parametrize(
    ("off_page", "strip_px", "stays"),
    [(0.4, 30, True), (0.05, 30, False), (0.4, 6, False)],
    ids=["in doubt", "sure", "nearly agrees"],
)
def test_a_strip_of_desk_between_the_page_and_a_hand_that_stays_is_left_out_or_page(off_page, strip_px, stays):
    divided = np.full((100, 200), DESK, np.uint8)
    divided[:, 100:] = PAGE
    hole = np.zeros((100, 200), bool)
    hole[40:60, :150] = True
    rest = hole.copy()
    rest[:, 100 - strip_px :] = False
    strip = hole & ~rest
    strip[:, 100:] = False
    left_out = leave_out(divided, hole, Rest(rest, np.full(hole.shape, off_page, np.float32), 4.0), (DESK,))
    assert (left_out == (strip if stays else np.zeros_like(strip))).all()
    assert (divided[hole] == PAGE).all()
    assert (divided[:40, :100] == DESK).all()


def test_desk_that_touches_nothing_that_stays_is_painted():
    divided = np.full((100, 200), DESK, np.uint8)
    divided[:, 100:] = PAGE
    hole = np.zeros((100, 200), bool)
    hole[40:60, 20:150] = True
    rest = Rest(np.zeros_like(hole), np.full(hole.shape, 0.4, np.float32), 4.0)
    before = divided.copy()
    assert not leave_out(divided, hole, rest, (DESK,)).any()
    assert (divided == before).all()
