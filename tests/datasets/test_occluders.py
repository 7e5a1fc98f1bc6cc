import cv2
import numpy as np
import pytest

from datasets import occluders
from datasets.occluders import (
    Cutout,
    Occluder,
    cover,
    disguise,
    draw_occluder,
    drawn_occluder,
    list_cutouts,
    load_cutout,
    place,
    vary,
    warp,
)
from datasets.occluders.kinds import OCCLUDER_KINDS, RARE_KINDS
from datasets.occluders.sprite import FREE_KINDS


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", [*OCCLUDER_KINDS, *RARE_KINDS])
def test_every_kind_is_drawn_with_an_opaque_body_and_a_soft_edge(kind):
    sprite = draw_occluder(rng(), 120, kind).sprite
    alpha = sprite[..., 3]
    assert sprite.dtype == np.uint8 and sprite.shape[2] == 4 and max(sprite.shape[:2]) <= 120
    assert (alpha > 250).mean() > 0.03
    assert ((alpha > 20) & (alpha < 235)).any()
    assert (occluders.Occluder(kind, sprite).enters) == (kind not in FREE_KINDS)


@pytest.mark.parametrize("kind", ["finger", "hand", "arm", "head", "crown", "intruder"])
def test_what_enters_reaches_the_bottom_of_its_sprite(kind):
    for seed in range(5):
        assert (draw_occluder(rng(seed), 100, kind).sprite[-1, :, 3] > 200).any()


def test_same_seed_same_occluder_and_other_seed_another():
    first, again, other = (draw_occluder(rng(seed), 90).sprite for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_cut_lies_outside_the_page_on_every_edge():
    sprite = np.full((80, 40, 4), 255, np.uint8)
    for seed in range(60):
        generator = rng(seed)
        matrix = place(Occluder("hand", sprite), 400, 300, generator)
        corners = np.array([(0, 80, 1), (40, 80, 1)]) @ matrix.T
        x, y = corners[:, 0], corners[:, 1]
        assert (x < 0).all() or (x > 300).all() or (y < 0).all() or (y > 400).all()


def test_warp_gives_the_part_of_the_page_that_is_touched():
    sprite = np.full((40, 20, 4), 255, np.uint8)
    matrix = np.array([[1, 0, 30], [0, 1, 10]], np.float32)
    box, layer = warp(Occluder("pen", sprite), matrix, 100, 60)
    alpha = np.zeros((100, 60))
    alpha[box.slices()] = layer[..., 3]
    assert alpha[12:48, 32:48].min() == 1
    assert alpha[:8].max() == 0 and alpha[:, :28].max() == 0


def test_clean_and_covered_are_equal_where_nothing_lies():
    clean = rng().integers(0, 256, (320, 240, 3), np.uint8)
    for seed in range(8):
        generator = rng(seed)
        covered, hidden = cover(clean, [draw_occluder(generator, 90)], generator)
        assert (covered[hidden == 0] == clean[hidden == 0]).all()
        assert 0 <= hidden.min() and hidden.max() <= 1
        opaque = hidden > 0.99
        assert not opaque.any() or (covered[opaque] != clean[opaque]).any()


def test_no_occluders_leave_the_page_as_it_is():
    clean = rng().integers(0, 256, (30, 20, 3), np.uint8)
    covered, hidden = cover(clean, [], rng())
    assert (covered == clean).all() and not hidden.any()


def test_light_changes_the_colours_but_not_the_outline():
    drawn = draw_occluder(rng(), 80)
    changed = vary(drawn, rng(3)).sprite
    alpha = drawn.sprite[..., 3]
    assert np.array_equal(changed[..., 3], alpha) or np.array_equal(changed[..., 3], alpha[:, ::-1])


@pytest.mark.slow
def test_some_drawn_occluders_are_of_rare_kinds():
    kinds = {drawn_occluder(number, 40).kind for number in range(40)}
    assert kinds & set(OCCLUDER_KINDS) and kinds & set(RARE_KINDS)


def test_a_disguise_of_another_material_keeps_the_outline_and_takes_its_colour():
    drawn = draw_occluder(rng(), 80, "hand")
    green = np.zeros((80, 80, 3), np.uint8)
    green[..., 1] = 150
    for seed in range(10):
        changed = disguise(drawn, rng(seed), green).sprite
        assert changed.dtype == np.uint8 and changed.shape[0] == drawn.sprite.shape[0]
        alpha = cv2.resize(changed[..., 3], drawn.sprite.shape[1::-1]).astype(int)
        assert np.abs(alpha - drawn.sprite[..., 3]).mean() < 12
        inside = changed[changed[..., 3] > 250].astype(int)
        assert (inside[:, 1] > inside[:, 0]).mean() > 0.9


@pytest.fixture
def cutouts(tmp_path):
    image = np.zeros((60, 90, 4), np.uint8)
    image[20:40, :70] = (90, 120, 180, 255)
    for kind in ("hand", "object"):
        (tmp_path / kind).mkdir()
        for number in range(20):
            cv2.imwrite(str(tmp_path / kind / f"{number}.png"), image)
    (tmp_path / "index.csv").write_text("file,kind,cut_edge\nhand/3.png,hand,left\n", encoding="utf-8")
    return tmp_path


def test_cutouts_know_their_kind_and_edge_and_keep_to_their_side(cutouts):
    everything = list_cutouts(cutouts, "all")
    assert len(everything) == 40
    assert {c.cut_edge for c in everything if c.kind == "object"} == {""}
    edges = {c.path.name: c.cut_edge for c in everything if c.kind == "hand"}
    assert edges["3.png"] == "left" and edges["4.png"] == "bottom"
    train, val = (set(list_cutouts(cutouts, split)) for split in ("train", "val"))
    assert train and val and not train & val and train | val == set(everything)


def test_a_cutout_is_turned_with_its_cut_to_the_bottom_and_reduced(cutouts):
    sprite = load_cutout(Cutout(cutouts / "hand" / "3.png", "hand", "left"), 45).sprite
    assert sprite.shape == (45, 30, 4)
    assert sprite[-1, 15, 3] == 255 and sprite[0, 15, 3] == 0
    assert np.abs(sprite[-1, 15, :3].astype(int) - (90, 120, 180)).max() <= 1


def test_what_is_no_cutout_is_refused_by_name(tmp_path):
    cv2.imwrite(str(tmp_path / "flat.png"), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(ValueError, match=r"cannot use '.*flat\.png'"):
        load_cutout(Cutout(tmp_path / "flat.png", "hand", "bottom"), 10)
    with pytest.raises(ValueError, match="no such folder"):
        list_cutouts(tmp_path / "none")
