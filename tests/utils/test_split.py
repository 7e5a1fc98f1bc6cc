from pathlib import Path

import pytest

from utils.split import select, select_some, side_of

NAMES = [f"page_{number:04d}.jpg" for number in range(2000)]


def test_about_a_fifth_is_held_back():
    assert 0.17 < sum(side_of(name) == "val" for name in NAMES) / len(NAMES) < 0.23


def test_sides_never_change():
    assert [number for number in range(20) if side_of(f"page_{number}.jpg") == "val"] == [1, 18]


def test_folder_and_extension_do_not_matter():
    for name in NAMES[:50]:
        assert side_of(Path("elsewhere") / Path(name).with_suffix(".PNG")) == side_of(name)


def test_parts_of_one_picture_stay_together():
    for number in range(50):
        assert len({side_of(f"hand_{number}{part}.png") for part in ("", "_f0", "_f1")}) == 1


def test_every_item_is_on_exactly_one_side():
    train, val = (select(NAMES, split, str) for split in ("train", "val"))
    assert sorted(train + val) == NAMES
    assert select(NAMES, "all", str) == NAMES


def test_a_side_without_items_says_how_many_the_other_has():
    alone = [name for name in NAMES if side_of(name) == "train"][:3]
    assert select_some(alone, "train", str, "pages") == alone
    with pytest.raises(ValueError, match=r"of the 3 pages none is for the side 'val': by their names 20 % are"):
        select_some(alone, "val", str, "pages")
    with pytest.raises(ValueError, match="there are no pages"):
        select_some([], "val", str, "pages")
