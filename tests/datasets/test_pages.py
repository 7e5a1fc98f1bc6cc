"""Drawn pages: what they contain, and that every raster of one shows the same ink."""

import numpy as np
import pytest

from datasets import pages
from datasets.pages import Layout, Rule, Shape, Text, draw_layout, find_fonts, fonts, render, rules_of
from datasets.pages.kinds import PAGE_KINDS
from datasets.pages.writer import Page

INK = (0, 0, 0)


def line(x0, y0, x1, y1, width, dash=(0, 0), colour=INK):
    return Rule(np.array([[x0, y0], [x1, y1]], np.float32), width, colour, dash)


def darkness(image):
    """Ink on a raster, in black pixels."""
    return float((255 - image[..., 0].astype(float)).sum() / 255)


def layout_of(seed):
    return draw_layout(np.random.default_rng(seed))


def test_same_seed_draws_the_same_page():
    first, second = render(layout_of(3), 0.1), render(layout_of(3), 0.1)
    assert np.array_equal(first, second)


def test_other_seeds_draw_other_pages():
    pictures = [render(layout_of(seed), 0.05, (0, 0, 2000, 3000)) for seed in range(6)]
    for k in range(5):
        assert not np.array_equal(pictures[k], pictures[k + 1])


@pytest.mark.parametrize("kind", list(PAGE_KINDS), ids=lambda kind: kind.__name__)
def test_every_kind_of_page_has_ink_in_both_languages(kind):
    languages = set()
    for seed in range(6):
        page = Page(np.random.default_rng(seed), [])
        kind(page)
        languages.add(page.language)
        image = render(page.layout, 0.1)
        assert image.shape == (round(page.layout.height * 0.1), round(page.layout.width * 0.1), 3)
        assert (image < 200).mean() > 0.001
        assert (image > 240).mean() > 0.3
    assert len(languages) == 2


def test_most_pages_hold_a_large_table_with_thin_rules():
    tables = 0
    for seed in range(60):
        layout = layout_of(seed)
        long_rules = [width for points, width in rules_of(layout) if np.ptp(points, axis=0).max() > 0.3 * layout.width]
        tables += int(len(long_rules) >= 5 and np.median(long_rules) <= 6)
    assert tables >= 0.6 * 60


def test_words_stay_on_the_page():
    for seed in range(30):
        layout = layout_of(seed)
        for run in layout.texts:
            assert 0 <= run.x <= layout.width
            assert 0 <= run.y <= layout.height
            if not run.angle:
                assert run.x + run.length <= layout.width + run.size


@pytest.mark.parametrize("scale", [1, 0.5, 1 / 3, 1 / 6, 0.181])
@pytest.mark.parametrize("upright", [False, True])
def test_a_thin_rule_keeps_its_ink_at_every_scale(scale, upright):
    layout = Layout(600, 600, rules=[line(300.3, 60, 300.3, 540, 3) if upright else line(60, 300.3, 540, 300.3, 3)])
    assert darkness(render(layout, scale)) == pytest.approx(480 * 3 * scale**2, rel=0.04)


def test_a_slanting_rule_keeps_its_ink_when_reduced():
    layout = Layout(600, 600, rules=[line(60, 60, 540, 440, 4)])
    length = np.hypot(480, 380)
    for scale in (1, 0.5, 1 / 3, 1 / 6):
        assert darkness(render(layout, scale)) == pytest.approx(length * 4 * scale**2, rel=0.1)


def test_a_rule_lies_where_its_points_say():
    layout = Layout(100, 100, rules=[line(10, 50, 90, 50, 4)])
    rows, columns = np.nonzero(render(layout, 1)[..., 0] < 128)
    assert (rows.min(), rows.max()) == (48, 51)
    assert (columns.min(), columns.max()) == (8, 91)


def test_a_dashed_rule_is_inked_by_its_share():
    layout = Layout(1000, 100, rules=[line(2, 50, 998, 50, 4, dash=(6, 14))])
    assert darkness(render(layout, 1)) == pytest.approx(1000 * 4 * 0.3, rel=0.02)
    row = render(layout, 1)[50, :, 0]
    assert row[3] == 0
    assert row[12] == 255


@pytest.mark.parametrize("seed", range(4))
def test_a_window_shows_that_part_of_the_page(seed):
    layout = layout_of(seed)
    whole = render(layout, 1)[900:1300, 600:1100].astype(int)
    part = render(layout, 1, (600, 900, 1100, 1300))
    inner = np.s_[3:-3, 3:-3]  # OpenCV draws lines and glyphs a little differently where the border cuts them
    assert np.abs(part[inner] - whole[inner]).max() <= 3


def test_a_reduced_page_is_the_full_page_averaged():
    layout = layout_of(5)
    full = render(layout, 1, (300, 600, 1500, 1800)).reshape(200, 6, 200, 6, 3).mean((1, 3))
    small = render(layout, 1 / 6, (300, 600, 1500, 1800)).astype(float)
    assert abs(full.mean() - small.mean()) < 1
    assert np.corrcoef(full.ravel(), small.ravel())[0, 1] > 0.9


def test_beyond_the_page_is_white():
    layout = Layout(100, 100, shapes=[Shape(np.array([[0, 0], [100, 0], [100, 100], [0, 100]], np.float32), INK)])
    image = render(layout, 1, (-50, -50, 150, 150))
    assert (image[:48] == 255).all()
    assert (image[55:145, 55:145] == 0).all()


def test_without_text_everything_else_stays():
    rule = line(20, 150, 380, 150, 5)
    run = Text(20, 100, 60, "合计 Total", "uni", INK, 400, 300)
    written = Rule(np.array([[20, 200], [60, 240], [100, 200]], np.float32), 4)
    full = Layout(400, 300, rules=[rule], texts=[run], strokes=[written])
    bare = Layout(400, 300, rules=[rule])
    assert np.array_equal(render(full, 1, text=False), render(bare, 1))
    assert darkness(render(full, 1)) > darkness(render(bare, 1)) + 1000


def test_chinese_and_latin_words_leave_ink():
    for text in ("合计金额", "Total 12.50"):
        layout = Layout(400, 120, texts=[Text(20, 80, 60, text, "uni", INK, 400, 300)])
        assert darkness(render(layout, 1)) > 800


def test_turned_text_runs_along_its_direction():
    upwards = Layout(400, 400, texts=[Text(200, 350, 50, "IIIIII", "sans", INK, 400, 150, angle=90.0)])
    rows, columns = np.nonzero(render(upwards, 1)[..., 0] < 128)
    assert np.ptp(rows) > 2 * np.ptp(columns)
    assert rows.max() <= 352


def test_print_shows_through_a_stamp():
    square = np.array([[20, 20], [80, 20], [80, 80], [20, 80]], np.float32)
    layout = Layout(100, 100, rules=[line(0, 50, 100, 50, 10)], stamps=[Shape(square, (40, 30, 200))])
    image = render(layout, 1)
    assert image[50, 50].tolist() == [0, 0, 0]
    assert image[30, 30].tolist() == [40, 30, 200]


def test_rules_of_a_page_are_its_printed_lines():
    layout = Layout(100, 100, rules=[line(0, 50, 100, 50, 3)], strokes=[line(0, 10, 10, 10, 3)])
    [(points, width)] = rules_of(layout)
    assert points.tolist() == [[0, 50], [100, 50]]
    assert width == 3


@pytest.mark.parametrize(("scale", "window"), [(0, None), (-1, None), (1, (10, 10, 10, 20)), (1, (10, 20, 30, 20))])
def test_an_empty_view_is_refused(scale, window):
    with pytest.raises(ValueError, match="nothing to render"):
        render(Layout(100, 100), scale, window)


def test_a_missing_font_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_fonts(tmp_path / "nowhere")


def test_a_folder_without_a_usable_font_is_refused(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    with pytest.raises(ValueError, match="no font file"):
        find_fonts(tmp_path)


def test_no_font_folder_means_no_further_fonts():
    assert find_fonts(None) == []


def test_a_machine_without_fonts_gives_none(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "FONT_PLACES", (str(tmp_path / "nowhere"), str(tmp_path)))
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "emoji.ttf").write_bytes(b"not for text")
    assert pages.machine_fonts() == []
