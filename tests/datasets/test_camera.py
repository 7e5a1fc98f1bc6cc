"""Photographs of drawn pages: geometry, light and noise agree between views of the same scene."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.camera import (
    Camera,
    Desk,
    Fold,
    Shadow,
    Wave,
    draw_camera,
    page_points_to_photo,
    photo_points_to_page,
    photograph,
)
from datasets.pages import Layout, Rule, Shape, Text, draw_layout
from utils.preprocess import resize

INK = (0, 0, 0)
DESK = Desk("speckle", (20, 30, 40), (30, 40, 50), 0.3, 1.0, 0.3, 0.01)


def plain_camera(height=600, width=400, homography=None, **changes):
    """A camera without bend, shadow, blur or noise over a page that fills the frame."""
    camera = Camera(
        height=height,
        width=width,
        homography=np.eye(3) if homography is None else homography,
        waves=(),
        folds=(),
        paper=(200.0, 200.0, 200.0),
        ink=1.0,
        gradient=(0.0, 0.0),
        vignette=0.0,
        shadows=(),
        mottle=0.0,
        desk=DESK,
        blur_px=0.0,
        noise=0.0,
        seed=1,
    )
    return replace(camera, **changes)


def drawn(seed):
    rng = np.random.default_rng(seed)
    layout = draw_layout(rng)
    return layout, draw_camera(rng, layout)


def test_same_seed_takes_the_same_photo():
    window = (200, 300, 1000, 1100)
    first, second = (photograph(*drawn(4), 1 / 4, window) for _ in range(2))
    assert np.array_equal(first, second)


def test_other_seeds_take_other_photos():
    layout = Layout(2650, 3750)
    views = [photograph(layout, draw_camera(np.random.default_rng(seed), layout), 0.05) for seed in range(5)]
    assert all(not np.array_equal(views[k], views[k + 1]) for k in range(4))


def test_a_photo_has_the_size_that_was_asked_for():
    layout = Layout(2650, 3750)
    camera = draw_camera(np.random.default_rng(0), layout, 640, 480)
    assert photograph(layout, camera).shape == (640, 480, 3)
    assert photograph(layout, camera, 0.5).shape == (320, 240, 3)
    assert photograph(layout, camera, 0.5, (10, 20, 110, 80)).shape == (30, 50, 3)
    assert photograph(layout, camera).dtype == np.uint8


def test_a_photo_is_about_the_size_of_its_page():
    layout, camera = drawn(1)
    assert camera.height == layout.height
    narrow = Layout(1100, 3750)
    assert draw_camera(np.random.default_rng(0), narrow).width > 2000


def test_a_plain_camera_shows_the_page_as_it_is():
    square = Shape(np.array([[100, 200], [300, 200], [300, 400], [100, 400]], np.float32), INK)
    image = photograph(Layout(400, 600, shapes=[square]), plain_camera())
    assert np.abs(image[210:390, 110:290].astype(int)).max() <= 1
    assert np.abs(image[50:190, 50:350].astype(int) - 200).max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_page_points_map_to_the_photo_and_back(seed):
    layout, camera = drawn(seed)
    points = np.random.default_rng(0).uniform(0, 1, (200, 2)) * (layout.width, layout.height)
    there = page_points_to_photo(camera, points)
    assert np.abs(photo_points_to_page(camera, there) - points).max() < 0.05


def test_a_rule_is_seen_where_its_points_map_to():
    """Truth for rules: the darkest pixel across a bent, tilted rule lies at its mapped points."""
    layout = Layout(1200, 1600, rules=[Rule(np.array([[100, 800], [1100, 800]], np.float32), 6)])
    corners = np.array([[0, 0], [1200, 0], [1200, 1600], [0, 1600]], np.float32)
    seen = np.array([[20, 30], [1170, 10], [1190, 1580], [10, 1560]], np.float32)
    camera = plain_camera(
        1600,
        1200,
        cv2.getPerspectiveTransform(corners, seen),
        waves=(Wave((0.001, 0.006), (0.8, 0.2), 0.1, 0.0),),
        folds=(Fold((0.0, 1.0), 0.6, 0.002, 0.1, 0.05),),
    )
    image = photograph(layout, camera)[..., 0].astype(float)
    points = np.stack([np.linspace(150, 1050, 40), np.full(40, 800)], 1)
    for x, y in page_points_to_photo(camera, points):
        column = 200 - image[int(y) - 12 : int(y) + 12, int(x)]
        centre = (column * (np.arange(24) + int(y) - 12 + 0.5)).sum() / column.sum()
        assert centre == pytest.approx(y, abs=0.6)


@pytest.mark.parametrize("seed", range(6))
def test_a_reduced_view_is_the_full_photo_reduced(seed):
    layout, camera = drawn(seed)
    camera = replace(camera, noise=0.0)
    window = (600, 1200, 1368, 1968)
    full = photograph(layout, camera, 1, window)
    small = photograph(layout, camera, 1 / 6, window)
    reduced = resize(full, 128, 128)
    assert small.shape == reduced.shape
    assert abs(small.mean() - reduced.mean()) < 1.5
    smooth = [cv2.GaussianBlur(view.astype(np.float32), (0, 0), 2) for view in (small, reduced)]
    assert np.abs(smooth[0] - smooth[1]).mean() < 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_window_shows_that_part_of_the_photo(seed):
    layout, camera = drawn(seed)
    camera = replace(camera, noise=0.0)
    whole = photograph(layout, camera)
    part = photograph(layout, camera, 1, (640, 960, 960, 1280))
    # Glyphs start on whole pixels, so words may stand a pixel beside their place: blurred, that hardly shows.
    smooth = [cv2.GaussianBlur(view.astype(np.float32), (0, 0), 3) for view in (part, whole[960:1280, 640:960])]
    assert np.abs(smooth[0] - smooth[1]).mean() < 1


@pytest.mark.parametrize("scale", [1.0, 1 / 6])
def test_without_text_only_the_words_differ(scale):
    rule = Rule(np.array([[50, 400], [1150, 400]], np.float32), 4)
    layout = Layout(1200, 1600, rules=[rule], texts=[Text(300, 900, 90, "合计", "uni", INK, 400, 180)])
    camera = draw_camera(np.random.default_rng(5), layout)
    with_text = photograph(layout, camera, scale)
    without = photograph(layout, camera, scale, text=False)
    rows, columns = np.nonzero((with_text != without).any(-1))
    corners = page_points_to_photo(camera, np.array([[300, 800], [500, 800], [500, 930], [300, 930]])) * scale
    (left, top), (right, bottom) = corners.min(0) - 12, corners.max(0) + 12
    assert len(rows) > 20
    assert left <= columns.min() and columns.max() <= right
    assert top <= rows.min() and rows.max() <= bottom


def test_noise_has_the_strength_that_the_camera_says():
    layout = Layout(1200, 1600)
    camera = plain_camera(1600, 1200, noise=3.0)
    image = photograph(layout, camera, 1, (100, 100, 1100, 1500)).astype(float)
    assert image.std() == pytest.approx(3, rel=0.1)
    assert image.mean() == pytest.approx(200, abs=0.5)


def test_rows_of_noise_beyond_a_strip_are_fresh():
    image = photograph(Layout(1200, 1600), plain_camera(1600, 1200, noise=3.0)).astype(float) - 200
    for distance in (128, 256):
        assert abs(np.corrcoef(image[:256, :, 0].ravel(), image[distance : distance + 256, :, 0].ravel())[0, 1]) < 0.05


def test_the_desk_shows_where_the_page_ends():
    corners = np.array([[0, 0], [400, 0], [400, 600], [0, 600]], np.float32)
    inner = np.array([[50, 50], [350, 50], [350, 550], [50, 550]], np.float32)
    image = photograph(Layout(400, 600), plain_camera(homography=cv2.getPerspectiveTransform(corners, inner)))
    assert (image[60:540, 60:340] >= 198).all()
    assert image[:40].max() <= 60
    assert image[:, 360:].max() <= 60


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("side", ["top", "bottom"])
def test_the_desk_shows_at_one_side_only(scale, side):
    shift = np.array([[1.0, 0, -20], [0, 1, 60 if side == "top" else -160], [0, 0, 1]])
    image = photograph(Layout(450, 1000), plain_camera(900, 400, homography=shift), scale)
    desk, paper = (image[: int(50 * scale)], image[int(70 * scale) + 1 :])
    if side == "bottom":
        desk, paper = image[int(850 * scale) + 1 :], image[: int(830 * scale)]
    assert desk.max() <= 60
    assert paper.min() >= 198


def test_a_shadow_darkens_its_side():
    shadow = Shadow((1.0, 0.0), 0.5, 0.0, 0.05, 0.4)
    image = photograph(Layout(400, 600), plain_camera(shadows=(shadow,)))
    assert image[:, 30:100].mean() == pytest.approx(200, abs=2)
    assert image[:, 300:370].mean() == pytest.approx(120, abs=2)


def test_blur_softens_an_edge():
    square = Shape(np.array([[200, 0], [400, 0], [400, 600], [200, 600]], np.float32), INK)
    layout = Layout(400, 600, shapes=[square])
    steepest = [
        np.abs(np.diff(photograph(layout, plain_camera(blur_px=blur))[300, :, 0].astype(int))).max()
        for blur in (0, 1.5, 3)
    ]
    assert steepest[0] > 1.8 * steepest[1] > 3 * steepest[2]


def test_drawn_paper_is_brighter_than_its_ink_and_not_burnt_out():
    for seed in range(10):
        layout, camera = drawn(seed)
        image = photograph(layout, camera, 0.1)
        middle = image[100:-100, 70:-70]
        paper, ink = np.percentile(middle, 90), np.percentile(middle, 0.2)
        assert 90 < paper < 255
        assert ink < 0.75 * paper


@pytest.mark.parametrize(("scale", "window"), [(0, None), (1.5, None), (1, (5, 5, 5, 9)), (0.5, (9, 9, 5, 5))])
def test_an_empty_or_enlarged_view_is_refused(scale, window):
    with pytest.raises(ValueError, match="0 < scale <= 1"):
        photograph(Layout(400, 600), plain_camera(), scale, window)
