import cv2
import numpy as np
import pytest
import torch

from datasets.frames import DrawnFrame, FileFrame
from datasets.mixture import Mixture
from datasets.synthetic import SyntheticInpainting, SyntheticPhotos, SyntheticSegmentation, parse_synthetic
from utils.regions import Box


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def folders(tmp_path):
    """Photographs of ramps and cut-outs of squares, enough for both sides of the split."""
    pages, cutouts = tmp_path / "pages", tmp_path / "cutouts" / "hand"
    pages.mkdir()
    cutouts.mkdir(parents=True)
    ramp = np.linspace(120, 220, 400)[:, None, None] + np.zeros((1, 300, 3))
    square = np.zeros((50, 40, 4), np.uint8)
    square[5:, 5:35] = (60, 90, 150, 255)
    for number in range(12):
        cv2.imwrite(str(pages / f"{number}.png"), ramp.astype(np.uint8))
        cv2.imwrite(str(cutouts / f"{number}.png"), square)
    return pages, tmp_path / "cutouts"


@pytest.mark.parametrize("real", [False, True])
def test_segmentation_samples_are_what_the_network_takes(folders, real):
    files = folders if real else (None, None)
    data = SyntheticSegmentation(4, 0, 160, 128, *files)
    labels = []
    for image, label in data:
        assert image.shape == (3, 160, 128) and image.dtype == torch.float32
        assert label.shape == (160, 128) and label.dtype == torch.int64
        assert -3.01 <= image.min() and image.max() <= 2.01
        labels.append(label)
    assert set(torch.stack(labels).unique().tolist()) == {0, 1}


@pytest.mark.parametrize("real", [False, True])
def test_inpainting_samples_are_what_the_network_takes(folders, real):
    files = folders if real else (None, None)
    for image, mask in SyntheticInpainting(6, 0, 64, 6, *files, ratios=(3,)):
        assert image.shape == (3, 64, 64) and mask.shape == (1, 64, 64)
        assert 0 <= image.min() and image.max() <= 1
        assert mask.min() == 0 and 0.5 < mask.max() <= 1 and mask.mean() < 0.9


@pytest.mark.slow
def test_every_inpainting_sample_has_a_hole_and_paper_around_it():
    data = SyntheticInpainting(60, 3, 64, 6)
    for index in range(len(data)):
        hole = data.picture(index)[1]
        assert 0 < (hole > 0.5).mean() < 0.9


def test_a_sample_depends_on_seed_epoch_and_index_alone(folders):
    def sample(seed, epoch, index):
        data = SyntheticSegmentation(5, seed, 96, 64, *folders)
        data.set_epoch(epoch)
        return data[index][0]

    first = sample(1, 2, 3)
    assert torch.equal(first, sample(1, 2, 3))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert not torch.equal(first, sample(*other))


def test_samples_end_where_the_epoch_ends():
    data = SyntheticSegmentation(2, 0, 32, 32)
    assert len(list(data)) == len(data) == 2


def test_crops_show_a_part_at_the_scale_of_the_whole():
    whole = SyntheticSegmentation(4, 0, 160, 128)
    parts = SyntheticSegmentation(4, 0, 160, 128, crop=(80, 64))
    assert parts[0][0].shape == (3, 80, 64) and parts[0][1].shape == (80, 64)
    assert whole[0][0].shape == (3, 160, 128)


@pytest.mark.slow
def test_some_samples_are_empty_and_most_crops_show_an_occluder():
    data = SyntheticSegmentation(80, 0, 160, 128, crop=(80, 64))
    data.photos.variety = 20
    empty = sum(not data.picture(index)[1].any() for index in range(80))
    assert 6 <= empty <= 35


def test_a_page_on_a_desk_of_its_own_shows_the_desk_around_it_and_none_on_it(folders):
    desk = np.zeros((64, 48, 3), np.uint8)
    desk[..., 1] = 255
    for seed in range(4):
        for frame in (DrawnFrame(rng(seed), desk), FileFrame(next(folders[0].iterdir()), rng(seed), desk)):
            view = frame.view(Box(0, 0, frame.width, frame.height), 160, 120).astype(int)
            green = view[..., 1] - view[..., 0] > 90
            assert 0.03 < green.mean() < 0.85
            assert not green[70:90, 50:70].any()


def test_windows_show_the_same_desk_as_the_whole():
    desk = rng(1).integers(0, 256, (16, 12, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    frame = DrawnFrame(rng(3), desk)
    whole = frame.view(Box(0, 0, frame.width, frame.height), 400, 300).astype(float)
    part = frame.view(Box(0, 0, frame.width // 2, frame.height // 2), 200, 150).astype(float)
    assert np.abs(whole[:200, :150] - part).mean() < 6


def test_train_and_val_share_no_file_and_no_drawn_occluder(folders):
    train, val = (SyntheticPhotos(*folders, split) for split in ("train", "val"))
    assert train.files and val.files and not set(train.files) & set(val.files)
    assert not set(train.cutouts) & set(val.cutouts)
    assert train.first + train.variety <= val.first


def test_views_of_a_drawn_photo_agree_with_each_other():
    frame = DrawnFrame(np.random.default_rng(4))
    whole = frame.view(Box(0, 0, frame.width, frame.height), frame.height // 6, frame.width // 6).astype(float)
    window = Box(600, 1200, 600 + 768, 1200 + 768)
    part = frame.view(window, 128, 128).astype(float)
    same = whole[200:328, 100:228]
    assert np.abs(cv2.blur(part, (9, 9)) - cv2.blur(same, (9, 9))).mean() < 4


def test_a_file_is_shown_in_portrait_and_nearly_as_it_is(folders):
    page = next(folders[0].iterdir())
    frame = FileFrame(page, np.random.default_rng(0))
    view = frame.view(Box(0, 0, frame.width, frame.height), 320, 240).astype(float)
    assert view.shape == (320, 240, 3)
    assert view[300].mean() - view[20].mean() > 30  # the ramp still goes down the page


def test_roots_are_parsed_and_wrong_ones_named(folders):
    pages, cutouts = folders
    assert parse_synthetic("synthetic") == (None, None)
    assert parse_synthetic(f"synthetic:{pages}:{cutouts}") == (pages, cutouts)
    assert parse_synthetic(f"synthetic::{cutouts}") == (None, cutouts)
    with pytest.raises(ValueError, match="there is no folder 'nowhere'"):
        parse_synthetic("synthetic:nowhere")
    with pytest.raises(ValueError, match="may be empty"):
        parse_synthetic("synthetic:a:b:c")


def test_files_that_are_no_pictures_are_found_before_training(folders):
    pages, cutouts = folders
    (pages / "empty.png").write_bytes(b"")
    (pages / "text.jpg").write_text("not a picture")
    (cutouts / "hand" / "empty.png").write_bytes(b"")
    cv2.imwrite(str(cutouts / "hand" / "opaque.png"), np.zeros((9, 9, 3), np.uint8))
    assert not SyntheticPhotos(None, None).find_problems()
    found = [p for side in ("train", "val") for p in SyntheticPhotos(pages, cutouts, side).find_problems()]
    assert len(found) == 4
    for path in (pages / "empty.png", pages / "text.jpg", cutouts / "hand" / "empty.png", cutouts / "hand/opaque.png"):
        assert sum(f"'{path}'" in problem for problem in found) == 1


def test_a_bad_file_gives_the_same_message_whichever_sample_meets_it(folders):
    pages, cutouts = folders
    for page in pages.glob("*.png"):
        page.write_bytes(page.read_bytes()[:200])
    data = Mixture([SyntheticInpainting(200, 0, 32, 6, pages, cutouts)])
    problems = {problem for index in range(20) for problem in data[index][2].splitlines()}
    assert 1 <= len(problems) <= 12 and all(p.startswith(f"synthetic:{pages}:{cutouts}: cannot") for p in problems)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there are no photographs in "):
        SyntheticPhotos(tmp_path)
