"""The page below a hole: rules, tone, page edge, grain; what must not change and what must not crash."""

import cv2
import numpy as np
import pytest

from utils.page.structure import debug_picture, repair

HEIGHT, WIDTH = 800, 900


def table(grain: float = 2.0, ink: int = 70, slant: float = 0.03) -> np.ndarray:
    """Grey paper with light from the left, rules in both directions, blurred like a photo."""
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for y in range(90, HEIGHT, 110):
        cv2.line(page, (0, y), (WIDTH, round(y + slant * WIDTH)), (ink,) * 3, 4, cv2.LINE_AA)
    for x in range(120, WIDTH, 210):
        cv2.line(page, (x, 0), (round(x - slant * HEIGHT), HEIGHT), (ink,) * 3, 3, cv2.LINE_AA)
    light = np.linspace(0.9, 0.75, WIDTH, dtype=np.float32)[None, :, None]
    noise = np.random.default_rng(0).normal(0, grain, page.shape) if grain else 0
    return np.clip(cv2.GaussianBlur(page, (0, 0), 0.8) * light + noise, 0, 255).astype(np.uint8)


def disc(radius: int = 150, x: int = 450, y: int = 400) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (x, y), radius, 1, -1)
    return mask > 0


def covered(page: np.ndarray, hole: np.ndarray, colour=(90, 120, 190)) -> np.ndarray:
    window = page.copy()
    window[hole] = colour
    return window


def psnr(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.square(image[mask].astype(float) - truth[mask]).mean())


def test_a_hidden_table_comes_back():
    page, hole = table(), disc()
    result = repair(covered(page, hole), hole)
    assert psnr(result.image, page, hole) > 33  # grain of deviation 2 on both sides leaves 39
    assert len(result.continued) == 3 + 2


def test_pixels_outside_the_hole_are_untouched():
    hole = disc()
    window = covered(table(), hole)
    assert (repair(window, hole).image[~hole] == window[~hole]).all()


@pytest.mark.parametrize("x", [450, 40])
def test_the_occluder_is_never_looked_at(x):
    page, hole = table(), disc(x=x)
    one = repair(covered(page, hole, (90, 120, 190)), hole).image
    two = repair(covered(page, hole, (0, 0, 0)), hole).image
    assert (one[hole] == two[hole]).all()


@pytest.mark.slow
def test_equal_photos_give_equal_results():
    hole = disc()
    window = covered(table(), hole)
    assert (repair(window, hole).image == repair(window, hole).image).all()


def test_nothing_is_invented_on_plain_paper():
    page = np.clip(np.random.default_rng(1).normal(200, 3, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    hole = disc()
    result = repair(covered(page, hole), hole)
    assert result.continued == []
    assert abs(result.image[hole].mean() - page[hole].mean()) < 0.5


def test_the_patch_is_as_noisy_as_the_paper():
    noise = cv2.GaussianBlur(np.random.default_rng(2).normal(0, 6, (HEIGHT, WIDTH, 3)), (0, 0), 0.7)
    page = np.clip(200 + noise, 0, 255).astype(np.uint8)
    hole = disc()
    image = repair(covered(page, hole), hole).image
    assert image[hole].std() == pytest.approx(page[hole].std(), rel=0.2)


def test_the_edge_of_the_page_and_the_desk_go_on_below_the_hole():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    on_paper = x + 0.05 * y < 620
    page = np.where(on_paper[..., None], [205, 210, 215], [60, 80, 110]).astype(np.uint8)
    page = cv2.GaussianBlur(page, (0, 0), 0.8)
    hole = disc(x=600)
    image = repair(covered(page, hole), hole).image
    assert np.mean(np.abs(image[hole].astype(int) - page[hole]).max(axis=1) > 20) < 0.01


def test_rules_go_on_to_the_edge_of_the_page_where_it_leans():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    page = np.where((y % 40 < 2)[..., None], 90, 210) * np.ones(3)
    share = np.clip(420 + 0.15 * y - x, 0, 1)[..., None]
    page = page * share + np.array([60, 80, 110]) * (1 - share)
    page = np.clip(page + np.random.default_rng(10).normal(0, 2, page.shape), 0, 255).astype(np.uint8)
    hole = (x > 340) & (x < 560) & (y > 330) & (y < 620)
    rules = repair(covered(page, hole), hole).continued
    assert len(rules) == 7
    assert [rule.u1 for rule in rules] == pytest.approx([420 + 0.15 * rule.v1 for rule in rules], abs=4)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 3), (8, 500), (200, 220)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_windows_of_any_size_stay_flat(shape, level):
    window = np.full((*shape, 3), level, np.uint8)
    hole = np.zeros(shape, bool)
    hole[shape[0] // 3 : 2 * shape[0] // 3 + 1, shape[1] // 3 : 2 * shape[1] // 3 + 1] = True
    if hole.all():
        return
    assert (repair(covered(window, hole), hole).image == level).all()


def test_one_visible_pixel_is_enough():
    window, hole = np.full((300, 300, 3), 180, np.uint8), np.ones((300, 300), bool)
    hole[0, 0] = False
    assert (repair(covered(window, hole), hole).image == 180).all()


def test_a_hole_of_specks_is_filled_with_paper():
    window = np.full((300, 300, 3), 180, np.uint8)
    hole = np.random.default_rng(5).random((300, 300)) < 0.3
    assert (repair(covered(window, hole), hole).image == 180).all()


def test_a_hole_that_covers_everything_gives_the_network_or_white():
    window, hole = table(), np.ones((HEIGHT, WIDTH), bool)
    assert (repair(window, hole).image == 255).all()


def test_no_hole_changes_nothing():
    window = table()
    assert (repair(window, np.zeros((HEIGHT, WIDTH), bool)).image == window).all()


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"the window is \(800, 900, 3\) and its hole \(10, 10\)"):
        repair(table(), np.zeros((10, 10), bool))


def test_the_debug_picture_shows_rules_and_hole():
    hole = disc()
    window = covered(table(), hole)
    picture = debug_picture(repair(window, hole), window, hole)
    assert picture.shape == window.shape and picture.dtype == np.uint8
    assert (picture != window).any(axis=2)[hole].mean() > 0.9


def on_a_carpet(seed: int = 6) -> np.ndarray:
    """A light page that ends at y = 500 on a dark, patterned desk."""
    rng = np.random.default_rng(seed)
    desk = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH, 1)), (0, 0), 7)
    page = 50 + 25 * (desk / desk.std())[..., None] * np.ones(3)
    page[:500] = 200
    return np.clip(cv2.GaussianBlur(page, (0, 0), 0.8) + rng.normal(0, 2, page.shape), 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_a_patterned_desk_goes_on_with_its_pattern_and_without_paper():
    page, hole = on_a_carpet(), disc(x=450, y=500)
    image = repair(covered(page, hole), hole).image.astype(float)
    desk = np.zeros_like(hole)
    desk[512:] = hole[512:]
    beside = page[520:, :250].astype(float)
    assert abs(image[desk].mean() - beside.mean()) < 15
    assert 0.4 * beside.std() < image[desk].std() < 1.3 * beside.std()
    assert np.abs(image[hole & (np.arange(HEIGHT) < 488)[:, None]] - 200).mean() < 4


@pytest.mark.parametrize("tint", [20, 40])
def test_a_tinted_row_goes_on_with_the_rules_on_its_border(tint):
    page = np.full((HEIGHT, WIDTH, 3), 225.0)
    for y in (200, 400, 600):
        page[y : y + 100] -= tint
    for y in range(100, HEIGHT, 100):
        page[y - 2 : y + 2] = 80
    page = cv2.GaussianBlur(page, (0, 0), 0.9) + np.random.default_rng(7).normal(0, 2, page.shape)
    picture, hole = np.clip(page, 0, 255).astype(np.uint8), disc(120)
    assert psnr(repair(covered(picture, hole), hole).image, picture, hole) > 30


def in_the_shadow(page: np.ndarray, hole: np.ndarray, depth: float, reach: float) -> np.ndarray:
    """The page with a shadow that fades away from the hole."""
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    left = 1 - depth * np.clip(1 - away / reach, 0, 1) ** 2
    return np.rint(page * left[..., None]).astype(np.uint8)


@pytest.mark.parametrize("depth", [0.15, 0.3])
def test_the_shadow_beside_the_hole_is_lifted_and_what_is_written_there_stays(depth):
    page, hole = table(), disc()
    picture = covered(in_the_shadow(page, hole, depth, 70), hole)
    result = repair(picture, hole)
    beside = (cv2.dilate(hole.astype(np.uint8), np.ones((41, 41), np.uint8)) > 0) & ~hole
    assert psnr(result.image, page, beside) > psnr(picture, page, beside) + 10
    assert (result.image[~hole & ~result.shade] == picture[~hole & ~result.shade]).all()
    assert psnr(result.image, page, hole) > 33


@pytest.mark.parametrize("depth", [0.025, 0.06])
def test_a_faint_line_of_shadow_around_the_hole_is_lifted_too(depth):
    page, hole = table(), disc()
    picture = covered(in_the_shadow(page, hole, depth, 14), hole)
    result = repair(picture, hole)
    rim = (cv2.dilate(hole.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~hole
    light = page.min(axis=2) > 180  # what is written there is dark anyway
    before, after = ((page.astype(float) - image)[rim & light].mean() for image in (picture, result.image))
    assert before > 1.5 and abs(after) < 0.4 * before


def test_print_that_shows_through_beside_the_hole_is_no_shadow():
    page, hole = np.full((HEIGHT, WIDTH, 3), 225.0), disc()
    y, x = np.arange(HEIGHT)[:, None], np.arange(WIDTH)
    page[(x // 24 + y // 24) % 2 == 0] *= 0.96
    picture = np.clip(page + np.random.default_rng(7).normal(0, 2, page.shape), 0, 255).astype(np.uint8)
    shade = repair(covered(picture, hole), hole).shade
    assert np.count_nonzero(shade) < 0.01 * np.count_nonzero(hole)


def test_a_page_that_is_darker_on_one_side_has_no_shadow():
    page, hole = table(), disc()
    page = np.rint(page * np.linspace(1, 0.6, WIDTH)[None, :, None]).astype(np.uint8)
    assert not repair(covered(page, hole), hole).shade.any()


def test_words_on_a_tinted_row_are_not_copied_into_the_hole():
    page = np.full((HEIGHT, WIDTH, 3), 225, np.uint8)
    page[350:450] = 180
    cv2.putText(page, "lorem ipsum dolor sit amet, consectetur", (20, 410), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (70,) * 3, 3)
    picture = np.clip(page + np.random.default_rng(7).normal(0, 2, page.shape), 0, 255).astype(np.uint8)
    hole = disc(130, x=480)
    row = cv2.erode(hole.astype(np.uint8), np.ones((41, 41))) > 0
    row[:370] = row[430:] = False
    image = repair(covered(picture, hole), hole).image
    assert abs(image[row].mean() - 180) < 5 and image[row].min() > 150


def written_page() -> np.ndarray:
    page = np.random.default_rng(8).normal(215, 2, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    for y in range(60, HEIGHT, 60):
        cv2.putText(page, "lorem ipsum dolor sit amet", (60, y), cv2.FONT_HERSHEY_SIMPLEX, 1.7, (60, 60, 60), 4)
    return page


def as_drawn(page: np.ndarray, blur: float, offset: float, noise: float) -> np.ndarray:
    """What a network of 256 pixels a side might draw."""
    size = 256, round(256 * HEIGHT / WIDTH)
    small = cv2.GaussianBlur(cv2.resize(page, size, interpolation=cv2.INTER_AREA).astype(float), (0, 0), blur)
    small += offset + np.random.default_rng(9).normal(0, noise, small.shape)
    return cv2.resize(np.clip(small, 0, 255).astype(np.uint8), (WIDTH, HEIGHT))


def test_a_hole_in_parts_far_from_each_other_is_filled_in_each():
    page, hole = table(), disc(40, x=200, y=120) | disc(40, x=700, y=680)
    result = repair(covered(page, hole), hole)
    assert psnr(result.image, page, disc(40, x=200, y=120)) > 30 and psnr(result.image, page, hole) > 30
