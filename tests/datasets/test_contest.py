import json
import os
import shutil

import cv2
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from datasets.annotations import DataError, read_annotations, refuse, split_by_picture
from datasets.cache import PixelCache
from datasets.contest import CleanCrops, InpaintingData, SegmentationData, inpainting_pixels, training_box, vary
from datasets.masks import MaskStyle
from tests.contest_root import draw_triple, write_root
from tests.parity import DATA
from utils import classes
from utils.images import read_image
from utils.regions import Box


@pytest.fixture
def root(tmp_path):
    return write_root(tmp_path / "train", count=6, folders=2)


def annotate(root, text, folder=1, encoding="utf-8"):
    (root / f"train_data_{folder}" / "annotation.txt").write_text(text, encoding=encoding)


def problems_of(root):
    return InpaintingData(read_annotations(root), 64, 2).find_problems(workers=2)


def test_lines_of_all_folders_come_in_natural_order(tmp_path):
    root = write_root(tmp_path, count=11, folders=11)
    triples = read_annotations(root)
    assert [t.annotation.parent.name for t in triples] == [f"train_data_{n}" for n in range(1, 12)]
    assert problems_of(root) == []


def test_tabs_allow_spaces_in_names_and_blank_lines_are_ignored(root):
    folder = root / "train_data_1"
    for old, new in (("clean0.png", "a clean page.png"), ("mask0.png", "its mask.png")):
        (folder / old).rename(folder / new)
    annotate(root, "a clean page.png\tcovered0.png\tits mask.png\n\n", encoding="utf-8-sig")
    triple = read_annotations(root)[0]
    assert triple.clean.name == "a clean page.png" and triple.line == 1


def test_annotation_in_a_chinese_encoding_is_read(root):
    folder = root / "train_data_1"
    (folder / "clean0.png").rename(folder / "干净.png")
    annotate(root, "干净.png covered0.png mask0.png\n", encoding="gb18030")
    assert read_annotations(root)[0].clean.name == "干净.png"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("clean0.png covered0.png", r"annotation.txt:2: expected three columns \(clean, covered, mask\), found 2"),
        ("clean0.png covered0.png nowhere.png", r"annotation.txt:2: no such file: .*nowhere.png"),
        ("my clean.png covered0.png mask0.png", "separate the columns by tabs if names hold spaces"),
    ],
)
def test_bad_line_is_named_with_file_and_number(root, line, message):
    annotate(root, f"clean0.png covered0.png mask0.png\n{line}\n")
    with pytest.raises(DataError, match=message):
        read_annotations(root)


def test_every_bad_line_is_listed_at_once(root):
    annotate(root, "one\n\ntwo three\n")
    with pytest.raises(DataError, match=r"(?s)2 bad lines.*annotation.txt:1.*annotation.txt:3"):
        read_annotations(root)


def test_unequal_sizes_empty_masks_and_broken_files_are_found_before_training(root):
    folder = root / "train_data_1"  # holds triples 0, 2, 4
    cv2.imwrite(str(folder / "mask0.png"), np.zeros((60, 45), np.uint8))
    cv2.imwrite(str(folder / "mask2.png"), np.zeros((90, 120), np.uint8))
    (folder / "clean4.png").write_bytes(b"no picture")
    first, second, third = problems_of(root)
    assert "annotation.txt:1: sizes differ: clean 90×120, covered 90×120, mask 45×60" in first
    assert "annotation.txt:2: the mask is empty" in second
    assert "annotation.txt:3: cannot decode" in third and "clean4.png" in third
    with pytest.raises(DataError, match="3 bad lines"):
        refuse([first, second, third])


def test_mask_of_noise_is_refused_because_it_would_teach_to_find_nothing(root):
    folder = root / "train_data_1"
    noise = np.random.default_rng(0).integers(0, 40, (120, 90)).astype(np.uint8)
    cv2.imwrite(str(folder / "mask0.jpg"), noise)
    annotate(root, "clean0.png covered0.png mask0.jpg\n")
    (problem,) = problems_of(root)
    assert "annotation.txt:1: the mask is nowhere 128, which stands for an occluder, but " in problem


def ones(mask, kind):
    """The same mask as other tools write it."""
    red = np.dstack([mask * 0, mask * 0, mask])
    return {
        "ones": (mask > 0).astype(np.uint8),
        "16 bit ones": (mask > 0).astype(np.uint16),
        "16 bit hundreds": (mask > 0) * np.uint16(100),
        "red": red,
        "alpha": np.dstack([np.full((*mask.shape, 3), 255, np.uint8), mask]),
    }[kind]


@pytest.mark.parametrize("kind", ["ones", "16 bit ones", "16 bit hundreds", "red", "alpha", "palette"])
def test_masks_are_judged_by_their_values_before_they_are_scaled(root, kind):
    expected = SegmentationData(read_annotations(root)[:1], 64, 48)[0][1]
    path = root / "train_data_1" / "mask0.png"
    mask = read_image(path)[:, :, 1]
    if kind == "palette":
        picture = Image.fromarray((mask > 0) * np.uint8(15))
        picture.putpalette([0, 0, 0, 128, 0, 0] + [0] * 39 + [192, 128, 128])
        picture.save(path)
    else:
        cv2.imwrite(str(path), ones(mask, kind))
    assert not problems_of(root)
    assert torch.equal(SegmentationData(read_annotations(root)[:1], 64, 48)[0][1], expected)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_annotation_of_powershell_is_read(root, encoding):
    (root / "train_data_1" / "clean0.png").rename(root / "train_data_1" / "干净.png")
    annotate(root, "干净.png covered0.png mask0.png\n", encoding=encoding)
    assert read_annotations(root)[0].clean.name == "干净.png"


@pytest.mark.skipif(os.sep != "/", reason="that is how folders are written there")
def test_backslashes_of_windows_get_a_hint(root):
    annotate(root, ".\\clean0.png .\\covered0.png .\\mask0.png\n")
    with pytest.raises(DataError, match=r"it was written on Windows: write / for each"):
        read_annotations(root)


@pytest.mark.parametrize("cache", [False, True])
def test_phone_photo_stored_on_its_side_fits_its_upright_mask(root, tmp_path, cache):
    folder = root / "train_data_1"
    clean = read_image(folder / "clean0.png")
    notes = Image.Exif()
    notes[ExifTags.Base.Orientation] = 6  # upright once turned to the right
    turned = cv2.cvtColor(np.rot90(clean), cv2.COLOR_BGR2RGB)
    Image.fromarray(turned).save(folder / "clean0.png", exif=notes)
    assert np.array_equal(read_image(folder / "clean0.png"), clean)
    assert not InpaintingData(
        read_annotations(root), 64, 2, PixelCache(tmp_path / "cache", (32, 32, 4), "") if cache else None
    ).find_problems()
    cv2.imwrite(str(folder / "mask0.png"), np.full(clean.shape[1::-1], 128, np.uint8))
    (problem,) = problems_of(root)
    height, width = clean.shape[:2]
    assert f"sizes differ: clean {width}×{height}, covered {width}×{height}, mask {height}×{width}" in problem


def test_cache_that_cannot_be_written_is_no_fault_of_the_pictures(root, tmp_path):
    cache = PixelCache(tmp_path / "cache", (32, 32, 4), "")
    data = InpaintingData(read_annotations(root), 64, 2, cache)
    cache.path(data.files(data.triples[3])).parent.write_text("in the way")
    with pytest.raises(OSError, match=r"--cache_dir .*cache: .*; name another folder or give --cache False"):
        data.find_problems(workers=2)


@pytest.mark.parametrize("made", ["nothing", "empty folder", "no annotation", "empty annotation"])
def test_root_without_data_says_what_is_expected(tmp_path, made):
    root = tmp_path / "train"
    if made != "nothing":
        root.mkdir()
    if made.endswith("annotation"):
        (root / "train_data_1").mkdir()
    if made == "empty annotation":
        annotate(root, "\n")
    with pytest.raises(DataError, match=r"--baseroot .*(no such folder|expected train_data_|are empty)"):
        read_annotations(root)


def test_long_lists_of_problems_are_cut():
    with pytest.raises(DataError) as error:
        refuse([f"line {n}" for n in range(50)])
    assert "50 bad lines" in str(error.value) and "line 19" in str(error.value) and "and 30 more" in str(error.value)


def test_inpainting_sample_is_the_published_crop_of_the_clean_picture(root):
    triple = read_annotations(root)[0]
    image, mask = InpaintingData([triple], imgsize=64, imgresize=2)[0]
    clean, _, holes = draw_triple(0)
    x, y, width, height = cv2.boundingRect(holes)
    left = min(max(int(x + width / 2) - 32, 0), 90 - 64)
    top = min(max(int(y + height / 2) - 32, 0), 120 - 64)
    small = cv2.resize(clean[top : top + 64, left : left + 64], (32, 32))
    small_mask = cv2.resize(holes[top : top + 64, left : left + 64], (32, 32))
    assert image.dtype == mask.dtype == torch.float32
    torch.testing.assert_close(image, torch.from_numpy(small.transpose(2, 0, 1) / np.float32(255)), rtol=0, atol=0)
    torch.testing.assert_close(mask, torch.from_numpy(small_mask[None] / np.float32(128)), rtol=0, atol=0)
    assert mask.max() == 1 and 0 < len(mask[(mask > 0) & (mask < 1)])  # soft at its edge


def test_crop_boxes_are_the_published_ones():
    for case in json.loads((DATA / "crop_boxes.json").read_text()):
        if len(case["occluders_xywh"]) > 1:
            continue  # the published flow repairs an arbitrary one of several
        mask = np.zeros((case["height"], case["width"]), np.uint8)
        ((x, y, width, height),) = case["occluders_xywh"]
        mask[y : y + height, x : x + width] = 128
        left, top, side = case["crop_xyl"]
        assert training_box(mask, case["imgsize"]) == Box(left, top, left + side, top + side)


def test_crop_goes_to_the_largest_region_where_it_cannot_hold_all():
    mask = np.zeros((400, 300), np.uint8)
    mask[10:20, 10:20] = 128
    mask[350:390, 250:280] = 60
    box = training_box(mask, 64)
    assert mask[box.slices()].max() == 60 and (box.width, box.height) == (64, 64)


def test_small_photo_keeps_its_proportions_in_the_sample(root):
    triple = read_annotations(root)[0]  # 90 × 120 pixels
    pixels = inpainting_pixels(triple, imgsize=240, imgresize=2)
    assert pixels.shape == (120, 120, 4)
    assert np.array_equal(pixels[:, :90, :3], draw_triple(0)[0])
    assert np.array_equal(pixels[:, 90:], np.repeat(pixels[:, 89:90], 30, axis=1))


def test_landscape_photo_is_transposed_not_rotated(root):
    landscape = read_annotations(root)[1]  # triple 2
    image, mask = InpaintingData([landscape], imgsize=64, imgresize=1)[0]
    portrait, _, holes = draw_triple(2)
    box = training_box(holes, 64)
    assert np.array_equal(np.rint(image.numpy() * 255).astype(np.uint8).transpose(1, 2, 0), portrait[box.slices()])
    assert np.array_equal(np.rint(mask[0].numpy() * 128).astype(np.uint8), holes[box.slices()])


def test_segmentation_sample_is_the_published_one(root):
    triple = read_annotations(root)[0]
    image, label = SegmentationData([triple], height=64, width=48)[0]
    _, covered, mask = draw_triple(0)
    small = cv2.resize(covered, (48, 64)).astype(np.float32).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(image.numpy(), (small - 0.6) / 0.2, atol=1e-5)
    assert label.dtype == torch.int64
    np.testing.assert_array_equal(label.numpy(), (cv2.resize(mask, (48, 64)) / 128).astype(np.int64))


def test_mask_values_above_128_never_reach_the_loss(root):
    folder = root / "train_data_1"
    mask = read_image(folder / "mask0.png")[:, :, 1]
    cv2.imwrite(str(folder / "mask0.png"), np.where(mask > 0, 255, 0).astype(np.uint8))
    triple = read_annotations(root)[0]
    assert SegmentationData([triple], height=64, width=48)[0][1].unique().tolist() == [0, 1]
    assert InpaintingData([triple], 64, 2)[0][1].max() == 1


def test_mask_is_the_green_channel_of_a_colour_file(root):
    folder = root / "train_data_1"
    mask = read_image(folder / "mask0.png")[:, :, 1]
    cv2.imwrite(str(folder / "mask0.png"), np.dstack([np.full_like(mask, 255), mask, np.full_like(mask, 99)]))
    other = write_root(root.parent / "other", count=1)
    samples = [InpaintingData(read_annotations(r)[:1], 64, 2)[0][1] for r in (root, other)]
    assert torch.equal(*samples)


def test_lines_of_one_picture_stay_on_one_side_of_the_split(root):
    line = "clean0.png covered0.png mask0.png\n"
    annotate(root, line * 3 + "clean2.png covered2.png mask2.png\nclean4.png covered4.png mask4.png\n")
    triples = read_annotations(root)
    train, held_out = split_by_picture(triples, 0.5)
    assert len(train) + len(held_out) == len(triples) and train and held_out
    assert not {t.clean for t in train} & {t.clean for t in held_out}


def test_split_does_not_move_when_the_root_does(root, tmp_path):
    names = [[t.clean.name for t in part] for part in split_by_picture(read_annotations(root), 0.4)]
    moved = shutil.copytree(root, tmp_path / "elsewhere")
    assert [[t.clean.name for t in part] for part in split_by_picture(read_annotations(moved), 0.4)] == names
    assert split_by_picture(read_annotations(root), 0)[1] == []
    with pytest.raises(DataError, match="holds out all"):
        split_by_picture(read_annotations(root)[:1], 0.5)


def test_flip_moves_picture_and_mask_together_and_light_leaves_the_mask():
    clean, _, mask = draw_triple(0)
    pixels = np.dstack([clean, mask])
    flipped = {vary(pixels, ["flip"], np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert flipped == {pixels.tobytes(), pixels[:, ::-1].tobytes()}
    lit = vary(pixels, ["light"], np.random.default_rng(0))
    assert np.array_equal(lit[:, :, 3], mask) and not np.array_equal(lit[:, :, :3], clean)


def test_changes_follow_from_seed_epoch_and_index(root):
    data = InpaintingData(read_annotations(root), 64, 2, augmentations=["flip", "light"], seed=5)
    first = [data[i][0] for i in range(len(data))]
    assert all(torch.equal(data[i][0], image) for i, image in enumerate(first))
    data.set_epoch(1)
    assert not all(torch.equal(data[i][0], image) for i, image in enumerate(first))


def test_clean_crops_get_random_holes_of_the_size_of_the_sample(tmp_path):
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), draw_triple(number, 96, 96)[0])
    data = CleanCrops(tmp_path, 64, MaskStyle("bbox"), seed=1)
    image, mask = data[1]
    assert len(data) == 2 and image.shape == (3, 64, 64) and mask.shape == (1, 64, 64)
    assert mask.unique().tolist() == [0, 1]
    data.set_epoch(1)
    assert torch.equal(data[1][0], image) and not torch.equal(data[1][1], mask)


def test_missing_clean_crops_name_the_flag(tmp_path):
    with pytest.raises(DataError, match=r"--augment_data_path .*no such folder"):
        CleanCrops(tmp_path / "none", 64, MaskStyle())
    with pytest.raises(DataError, match=r"--augment_data_path .*no pictures"):
        CleanCrops(tmp_path, 64, MaskStyle())


def test_one_folder_of_a_root_is_refused_with_a_hint_at_its_parent(root):
    with pytest.raises(DataError, match=r"train_data_1: is one train_data_\* folder; give the folder it lies in"):
        read_annotations(root / "train_data_1")


def test_mask_that_states_the_page_gives_labels_of_four_classes_and_holes_of_what_is_covered(root):
    mask_path = root / "train_data_1" / "mask0.png"
    mask = np.zeros(read_image(mask_path).shape[:2], np.uint8)
    height, width = mask.shape
    mask[:, : width // 4] = 64
    mask[height // 3 : height // 2, : width // 4] = 192
    mask[height // 3 : height // 2, width // 4 : width // 2] = 128
    mask[-8:, -8:] = 255
    cv2.imwrite(str(mask_path), mask)
    triples = read_annotations(root)[:1]
    _, label = SegmentationData(triples, 64, 48, num_classes=4)[0]
    assert set(label.unique().tolist()) == {0, 1, 2, 3, 255}
    _, label = SegmentationData(triples, 64, 48)[0]
    assert set(label.unique().tolist()) == {0, 1, 255}
    _, hole = InpaintingData(triples, 64, 2)[0]
    beside_page = hole[0, :, :1]  # surroundings alone, but for the occluder that comes in there
    assert hole.max() == 1 and 0 < beside_page.mean() < 1


def test_contest_mask_leaves_a_network_of_four_classes_open_where_the_page_is(root):
    _, label = SegmentationData(read_annotations(root), 64, 48, num_classes=4)[0]
    assert set(label.unique().tolist()) == {classes.NOT_COVERED, classes.COVERED}


def test_a_network_of_four_classes_learns_from_photos_in_white_light(root):
    triples = read_annotations(root)[:1]
    warm = (read_image(triples[0].covered) * (0.6, 0.8, 1)).astype(np.uint8)
    cv2.imwrite(str(triples[0].covered), warm)
    as_it_is, white = (SegmentationData(triples, 64, 48, num_classes=classes)[0][0] for classes in (2, 4))
    assert torch.equal(white[2], as_it_is[2])  # red, the brightest
    assert (white[:2] >= as_it_is[:2]).all() and (white[0].mean() - as_it_is[0].mean()) > 0.1
