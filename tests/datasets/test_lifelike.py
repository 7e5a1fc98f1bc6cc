import numpy as np
import pytest
import torch

from datasets.collection import Collection, held_out
from datasets.lifelike import LifelikeScenes, LifelikeSegmentation, parse_lifelike
from tests.lifelike_root import write_collection
from utils import classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_collection(tmp_path_factory.mktemp("life") / "data")


@pytest.mark.slow
def test_same_epoch_gives_the_same_samples_and_another_epoch_others(folder):
    data = LifelikeSegmentation(4, 7, 160, 128, folder)
    first = [data[index] for index in range(4)]
    again = LifelikeSegmentation(4, 7, 160, 128, folder)
    for (image, label), (other, same) in zip(first, (again[index] for index in range(4)), strict=True):
        assert torch.equal(image, other) and torch.equal(label, same)
        assert image.shape == (3, 160, 128) and label.shape == (160, 128)
    again.set_epoch(1)
    assert not torch.equal(first[0][0], again[0][0])


@pytest.mark.slow
def test_samples_show_pages_surroundings_and_what_covers_them(folder):
    scenes = LifelikeScenes(folder, "train")
    seen = set()
    for seed in range(24):
        image, labels = scenes.photo(np.random.default_rng(seed))
        assert image.dtype == np.uint8 and image.shape == (*labels.shape, 3)
        seen |= set(np.unique(labels).tolist())
    assert {0, 1, 2, 3} <= seen <= {*range(8), classes.UNKNOWN}


@pytest.mark.slow
def test_part_of_a_sample_has_the_size_that_was_asked_for(folder):
    data = LifelikeSegmentation(6, 1, 160, 128, folder, crop=(96, 80))
    assert {data[index][0].shape for index in range(6)} == {torch.Size([3, 96, 80])}


@pytest.mark.slow
def test_network_of_two_classes_gets_labels_of_two(folder):
    data = LifelikeSegmentation(8, 2, 160, 128, folder, num_classes=2)
    values = {value for index in range(8) for value in data[index][1].unique().tolist()}
    assert values <= {0, 1, classes.UNKNOWN}


def test_sides_share_no_source_of_documents(folder):
    documents = sorted((folder / "documents").iterdir())
    aside = held_out(documents)
    assert len(aside) == 2 and len({path.name.split("_")[0] for path in aside}) == 1
    train, val = (Collection(folder, split).documents.groups for split in ("train", "val"))
    assert {p for group in val for p in group} == aside
    assert not aside & {p for group in train for p in group}


def test_outline_of_a_document_is_its_paper(folder):
    image, paper = Collection(folder, "train").document(np.random.default_rng(0))
    assert paper[80, 60] == 255 and paper[4, 4] == 0
    assert (image[paper == 255].mean(), image[paper == 0].mean()) > (200, 0) and image[paper == 0].max() < 100


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"--baseroot lifelike:.*no_such.*lifelike:DATA_DIR"):
        parse_lifelike(f"lifelike:{tmp_path / 'no_such'}")
    with pytest.raises(ValueError, match="there is no folder 'documents' in it"):
        Collection(tmp_path, "train")


def test_broken_picture_is_named_before_the_training(folder, tmp_path):
    broken = write_collection(tmp_path / "data")
    (broken / "figures" / "art0_0.png").write_bytes(b"no picture")
    problems = LifelikeScenes(broken, "train").find_problems() + LifelikeScenes(broken, "val").find_problems()
    assert len(problems) == 1 and "art0_0.png" in problems[0]
