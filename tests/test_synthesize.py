"""The command line that draws training roots, on tiny pictures."""

import json

import cv2
import numpy as np
import pytest

import synthesize
from datasets.annotations import read_annotations
from datasets.contest import InpaintingData, SegmentationData
from datasets.triples import TripleSource
from utils.images import read_image
from utils.split import side_of

SMALL = ["--size", "300", "--folders", "2", "--num_workers", "1"]


def draw(folder, *flags):
    return synthesize.main(["--save_dir", str(folder), *SMALL, *flags])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    assert draw(folder, "--count", "5", "--write_textless", "True", "--preview", "3") == 0
    return folder


@pytest.mark.slow
def test_train_reads_the_root_as_it_is(root):
    triples = read_annotations(root)
    assert len(triples) == 5
    image, label = SegmentationData(triples, 64, 48, 0.6, 0.2)[0]
    assert image.shape == (3, 64, 48) and set(np.unique(label)) == {0, 1}
    image, mask = InpaintingData(triples, 128, 2)[1]
    assert image.shape == (3, 64, 64) and mask.max() == 1


def test_covered_files_equal_clean_ones_outside_the_mask(root):
    for triple in read_annotations(root):
        clean, covered, mask = read_image(triple.clean), read_image(triple.covered), read_image(triple.mask)[:, :, 1]
        assert clean.shape == covered.shape and clean.shape[:2] == mask.shape
        assert np.array_equal(clean[mask == 0], covered[mask == 0])
        assert mask.max() == 128
        assert 0.002 <= (mask > 0).mean() < 0.6
        assert np.abs(clean[mask == 128].astype(int) - covered[mask == 128]).mean() > 5


def test_page_without_text_lies_beside_the_clean_one_under_its_name(root):
    for triple in read_annotations(root):
        textless = read_image(triple.clean.parent.parent / "textless" / triple.clean.name)
        clean = read_image(triple.clean)
        assert textless.shape == clean.shape
        assert textless.mean() >= clean.mean() - 0.5


def test_textless_pages_leave_the_others_as_they_are(root, tmp_path):
    assert draw(tmp_path, "--count", "2") == 0
    for name in ("train_data_1/clean/000000.jpg", "train_data_2/covered/000001.png", "train_data_1/mask/000000.png"):
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes()
    assert not list(tmp_path.rglob("textless"))


@pytest.mark.slow
def test_same_seed_gives_the_same_files_whatever_the_number_of_workers(root, tmp_path):
    flags = ["--count", "5", "--write_textless", "True", "--preview", "3", "--num_workers", "2"]
    assert draw(tmp_path, *flags) == 0
    assert contents(tmp_path) == contents(root)


def test_another_seed_gives_other_pages(root, tmp_path):
    assert draw(tmp_path, "--count", "1", "--seed", "1") == 0
    name = "train_data_1/clean/000000.jpg"
    assert (tmp_path / name).read_bytes() != (root / name).read_bytes()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_stopped(root, tmp_path, monkeypatch, capsys):
    write_one = synthesize.write_one

    def interrupt(folder, settings, number):
        if number == 2:
            raise KeyboardInterrupt
        return write_one(folder, settings, number)

    flags = ["--count", "5", "--write_textless", "True", "--preview", "3"]
    monkeypatch.setattr(synthesize, "write_one", interrupt)
    assert draw(tmp_path, *flags) == 130
    assert len(read_annotations(tmp_path)) == 2
    kept = (tmp_path / "train_data_1/clean/000000.jpg").stat().st_mtime_ns
    monkeypatch.setattr(synthesize, "write_one", write_one)
    assert draw(tmp_path, *flags) == 0
    assert "2 of 5 pictures are there already" in capsys.readouterr().out
    assert (tmp_path / "train_data_1/clean/000000.jpg").stat().st_mtime_ns == kept
    assert contents(tmp_path) == contents(root)


def test_a_larger_count_adds_to_what_is_there(tmp_path):
    assert draw(tmp_path, "--count", "1") == 0
    before = contents(tmp_path)
    assert draw(tmp_path, "--count", "2") == 0
    after = contents(tmp_path)
    assert len(read_annotations(tmp_path)) == 2
    assert all(after[path] == data for path, data in before.items() if path.suffix in (".jpg", ".png"))


def test_contact_sheet_shows_the_pictures(root):
    sheet = read_image(root / synthesize.PREVIEW_FILE)
    assert sheet.shape[0] > synthesize.PREVIEW_HEIGHT and sheet.std() > 10


def write_folder(folder, count, draw_one):
    folder.mkdir()
    for number in range(count):
        assert cv2.imwrite(str(folder / f"file{number}.png"), draw_one(number))
    return folder


def test_real_pages_and_cutouts_of_the_other_side_are_not_used(tmp_path):
    pages = write_folder(tmp_path / "pages", 12, lambda number: np.full((80, 60, 3), 100 + number, np.uint8))
    cutout = np.full((30, 20, 4), 200, np.uint8)
    (tmp_path / "cutouts").mkdir()
    cutouts = write_folder(tmp_path / "cutouts/hand", 12, lambda number: cutout).parent
    used = {}
    for split in ("train", "val"):
        source = TripleSource(pages, cutouts, split=split, size=300)
        used[split] = {path.name for path in (*source.files, *(cutout.path for cutout in source.cutouts))}
        assert all(side_of(name) == split for name in used[split])
    assert used["train"] and used["val"] and not used["train"] & used["val"]
    rng = np.random.default_rng(0)
    clean = [TripleSource(pages, cutouts, size=300).clean(rng).image for _ in range(6)]
    assert any(image.std() < 3 for image in clean), "no real page was used"


def test_grey_pages_get_grey_occluders():
    source, rng = TripleSource(size=300), np.random.default_rng(0)
    covered, mask = source.cover(np.full((300, 210, 3), 220, np.uint8), rng, grey=True)
    assert mask.any()
    assert (covered == covered[..., :1]).all()


@pytest.mark.slow
def test_larger_pictures_than_usual_can_be_drawn():
    image = TripleSource(size=4500).clean(np.random.default_rng(3)).image
    assert 4000 < image.shape[0] < 5000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--page_dir", "nowhere"], "nowhere"),
        (["--occluder_dir", "nowhere"], "nowhere"),
        (["--font_dir", "nowhere"], "nowhere"),
        (["--quality", "0"], "--quality 0: must be from 1 to 100"),
        (["--seed", "-1"], "--seed -1: must be 0 or more"),
        (["--size", "20"], "--size 20: must be 200 or more"),
    ],
)
def test_wrong_usage_is_one_clear_line(tmp_path, capsys, flags, message):
    with pytest.raises(SystemExit) as stop:
        draw(tmp_path / "new", "--count", "1", *flags)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_begun_with_other_settings_is_refused(tmp_path, capsys):
    assert draw(tmp_path, "--count", "1") == 0
    with pytest.raises(SystemExit):
        draw(tmp_path, "--count", "1", "--seed", "4")
    assert "was begun with seed 0" in capsys.readouterr().err
    assert json.loads((tmp_path / synthesize.SETTINGS_FILE).read_text())["seed"] == 0


@pytest.mark.slow
def test_an_unreadable_page_is_named_and_the_exit_status_is_1(tmp_path, capsys):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "broken.jpg").write_bytes(b"no picture")
    assert draw(tmp_path / "root", "--count", "6", "--page_dir", str(pages), "--split", "all") == 1
    assert "broken.jpg" in capsys.readouterr().err
    assert 1 <= len(read_annotations(tmp_path / "root")) < 6
