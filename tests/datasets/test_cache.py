import os
import threading

import numpy as np
import pytest
import torch

from datasets.annotations import read_annotations
from datasets.cache import HEADER_BYTES, PixelCache
from datasets.contest import InpaintingData, SegmentationData
from tests.contest_root import write_root


@pytest.fixture
def files(tmp_path):
    found = [tmp_path / "clean.png", tmp_path / "mask.png"]
    for path in found:
        path.write_bytes(b"pixels of " + path.name.encode())
    return found


@pytest.fixture
def cache(tmp_path):
    return PixelCache(tmp_path / "cache", (5, 4, 4), "inpainting 64/2")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 4, 4), dtype=np.uint8)


def test_what_is_written_is_read_again_and_mapped_not_copied(cache, files, pixels):
    assert cache.read(files) is None and not cache.is_current(files) and cache.missing([files]) == (1, 0)
    cache.write(files, pixels)
    found = cache.read(files)
    assert np.array_equal(found, pixels) and isinstance(found, np.memmap) and not found.flags.writeable
    assert cache.is_current(files) and cache.missing([files]) == (0, 0)
    assert cache.path(files).stat().st_size == cache.entry_bytes


@pytest.mark.parametrize("change", ["size", "time"])
@pytest.mark.parametrize("which", [0, 1])
def test_entry_of_a_changed_file_is_never_used_but_replaced(cache, files, pixels, change, which):
    cache.write(files, pixels)
    if change == "size":
        stat = files[which].stat()
        files[which].write_bytes(b"longer than it was before")
        os.utime(files[which], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        os.utime(files[which], ns=(1, 1))
    assert cache.read(files) is None and not cache.is_current(files) and cache.missing([files]) == (1, 1)
    cache.write(files, pixels)
    assert cache.read(files) is not None
    assert len(list(cache.folder.rglob("*.crop"))) == 1


@pytest.mark.parametrize("damage", ["empty", "cut", "pixel", "longer", "header"])
def test_damaged_entry_is_never_used(cache, files, pixels, damage):
    cache.write(files, pixels)
    path = cache.path(files)
    data = bytearray(path.read_bytes())
    if damage == "pixel":
        data[HEADER_BYTES + 7] ^= 1
    if damage == "header":
        data[3] ^= 1
    path.write_bytes({"empty": b"", "cut": data[:-1], "longer": data + b"\0"}.get(damage, data))
    assert cache.read(files) is None


def test_other_geometry_has_entries_of_its_own(cache, files, pixels, tmp_path):
    cache.write(files, pixels)
    other = PixelCache(tmp_path / "cache", (5, 4, 4), "inpainting 128/4")
    assert other.read(files) is None
    other.write(files, 255 - pixels)
    assert np.array_equal(cache.read(files), pixels)


def test_several_writers_leave_one_whole_entry(cache, files, pixels):
    threads = [threading.Thread(target=cache.write, args=(files, pixels)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(cache.read(files), pixels)
    assert [path.suffix for path in cache.path(files).parent.iterdir()] == [".crop"]


@pytest.mark.parametrize("kind", [InpaintingData, SegmentationData])
def test_cached_samples_equal_decoded_ones_and_files_are_opened_once(kind, tmp_path, monkeypatch):
    triples = read_annotations(write_root(tmp_path / "train", count=4))
    geometry = (64, 2) if kind is InpaintingData else (64, 48, 0.6, 0.2)
    shape = (32, 32, 4) if kind is InpaintingData else (64, 48, 4)
    plain = kind(triples, *geometry)
    cached = kind(triples, *geometry, cache=PixelCache(tmp_path / "cache", shape, "test"))
    expected = [plain[index] for index in range(4)]
    assert cached.find_problems(workers=2) == []  # fills the cache
    monkeypatch.setattr("datasets.contest.read_image", None)  # nothing may be decoded from here on
    monkeypatch.setattr("datasets.contest.read_mask_file", None)
    for index, sample in enumerate(expected):
        assert all(torch.equal(a, b) for a, b in zip(cached[index], sample, strict=True))
    assert cached.find_problems() == []


def test_full_disk_costs_the_cache_not_the_training(tmp_path, monkeypatch):
    triples = read_annotations(write_root(tmp_path / "train", count=1))
    data = InpaintingData(triples, 64, 2, cache=PixelCache(tmp_path / "cache", (32, 32, 4), "test"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PixelCache, "write", full)
    assert data[0][0].shape == (3, 32, 32)
