from types import SimpleNamespace
from typing import Any

import pytest

from datasets.annotations import DataError
from datasets.contest import InpaintingData, SegmentationData
from datasets.mixture import Mixture
from datasets.sources import Sources, in_words, is_synthetic
from tests.contest_root import write_root
from utils.spec import GENERATOR, inpaint_spec, segmenter_spec

INPAINTING = inpaint_spec(GENERATOR, imgsize=64, imgresize=2)


def sources(tmp_path, spec=INPAINTING, **more):
    options: dict[str, Any] = {
        "cache_dir": tmp_path / "cache",
        "augmentations": ["flip"],
        "seed": 0,
        "workers": 2,
    } | more
    return Sources(spec, ratios=(), crop=None, **options)


def test_roots_become_parts_and_held_out_samples_are_not_varied(tmp_path):
    roots = [str(write_root(tmp_path / name, count=5)) for name in "ab"]
    data_sets, held_out = sources(tmp_path).open(roots, [], 0.2, drawn=3, drawn_for_validation=2)
    assert [len(part_side) for part_side in data_sets] == [4, 4] and len(held_out) == 2
    assert isinstance(held_out, Mixture) and all(isinstance(part_side, InpaintingData) for part_side in data_sets)
    assert data_sets[0].augmentations == ("flip",) and held_out.data_sets[0].augmentations == ()


def test_validation_root_is_held_out_whole_and_nothing_without_one(tmp_path):
    a, b = (str(write_root(tmp_path / name, count=3)) for name in "ab")
    data_sets, held_out = sources(tmp_path, segmenter_spec("mobilenetv2")).open([a], [b], 0.0, 3, 2)
    assert len(data_sets[0]) == len(held_out) == 3 and isinstance(data_sets[0], SegmentationData)
    assert sources(tmp_path).open([a], [], 0.0, 3, 2)[1] is None


def test_size_of_the_cache_is_told_before_it_is_filled(tmp_path):
    root = str(write_root(tmp_path / "a", count=4))
    told: list[str] = []
    sources(tmp_path, say=told.append).open([root], [], 0.0, 3, 2)
    sources(tmp_path, say=told.append).open([root], [], 0.0, 3, 2)
    folder = tmp_path / "cache"  # four entries of 32 + 32 · 32 · 4 bytes
    assert told == [
        f"cache: 16.5 kB in {folder}, 16.5 kB of it still to be written",
        f"cache: 16.5 kB in {folder}, 0.0 kB of it still to be written",
    ]


@pytest.mark.parametrize(("size", "text"), [(2_130_000_000, "2.1 GB"), (49_200_000, "49.2 MB"), (640, "0.6 kB")])
def test_sizes_are_told_in_units_of_their_own_order(size, text):
    assert in_words(size) == text


def test_cache_that_cannot_be_made_is_refused_by_its_flag(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(OSError, match=r"--cache_dir .*file: .*--cache False"):
        sources(tmp_path, cache_dir=tmp_path / "file")


def test_disk_too_small_for_the_cache_is_refused_with_what_to_do(tmp_path, monkeypatch):
    root = str(write_root(tmp_path / "a", count=2))
    monkeypatch.setattr("datasets.sources.shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DataError, match=r"--cache_dir .* are needed and .* are free; .*--cache False"):
        sources(tmp_path).open([root], [], 0.0, 3, 2)
    assert sources(tmp_path, cache_dir=None).open([root], [], 0.0, 3, 2)[0]


def test_only_the_process_that_checks_refuses_bad_pictures(tmp_path):
    root = write_root(tmp_path / "a", count=2)
    (root / "train_data_1" / "mask0.png").write_bytes(b"?")
    assert sources(tmp_path, check=False).open([str(root)], [], 0.0, 3, 2)[0]
    with pytest.raises(DataError, match=r"annotation.txt:1: "):
        sources(tmp_path).open([str(root)], [], 0.0, 3, 2)


def test_files_that_synthetic_roots_cannot_use_are_refused_before_training(tmp_path):
    for number in range(12):
        (tmp_path / f"{number}.png").write_bytes(b"?")
    with pytest.raises(DataError, match=r"\d+ bad files in the training data:\ncannot decode '.*\.png'"):
        sources(tmp_path).open([f"synthetic:{tmp_path}"], [], 0.0, 3, 2)
    assert sources(tmp_path, check=False).open([f"synthetic:{tmp_path}"], [], 0.0, 3, 2)[0]


@pytest.mark.parametrize("root", ["nowhere", "synthetic:nowhere", "."])
def test_validation_root_that_cannot_be_used_is_named_by_its_own_flag(tmp_path, root, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"^--val_root {root}: "):
        sources(tmp_path).open(["synthetic"], [root], 0.0, 3, 2)


def test_synthetic_roots_are_told_from_folders():
    assert is_synthetic("synthetic") and is_synthetic("synthetic:pages:") and not is_synthetic("synthetic_pages")
