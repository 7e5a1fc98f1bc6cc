import dataclasses

import numpy as np
import pytest

from benchmarks import predict
from tests.graphs import RED, own_specs, write_generator, write_segmenter
from utils import images
from utils.finding.finder import look
from utils.options import RemovalOptions
from utils.runtime.onnx_backend import load_segmenter
from utils.stages import Segmenter


@pytest.fixture
def graphs(tmp_path):
    segmenter = write_segmenter(tmp_path / "s.onnx", own_specs()[0])
    generator = write_generator(tmp_path / "g.onnx", own_specs()[1])
    return predict.Graphs(predict.with_disc(segmenter, tmp_path / "disc.onnx"), generator)


def photos(folder, count):
    folder.mkdir()
    for index in range(count):
        page = np.random.default_rng(index).integers(190, 212, (1800, 1600, 3), np.uint8)
        images.write_image(folder / f"{index}.jpg", page)
    return images.list_photos(folder)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_disc_on_the_page_is_found_whatever_the_photo_shows(tmp_path, classes, level):
    own = dataclasses.replace(own_specs()[0], out_channels=classes)
    plain = write_segmenter(tmp_path / "s.onnx", own, classes=classes)
    run, spec, _ = load_segmenter(predict.with_disc(plain, tmp_path / "disc.onnx"), "cpu")
    photo = np.full((800, 600, 3), level, np.uint8)
    sight = look(photo, Segmenter(run, spec), RemovalOptions())
    probs, off_page = sight.answer
    row, column = int(predict.DISC_CENTRE[0]), int(predict.DISC_CENTRE[1])
    assert (probs > 0.5).sum() == pytest.approx(np.pi * predict.DISC_RADIUS**2, rel=0.01)
    assert probs[row, column] > 0.99 and probs[row, column + predict.DISC_RADIUS + 2] < 0.01
    assert off_page is None if classes == 2 else off_page.max() < 0.01
    assert len(sight.removed) == 1


def test_a_disc_of_no_size_leaves_every_photo_clean(tmp_path):
    graph = predict.with_disc(write_segmenter(tmp_path / "s.onnx", own_specs()[0]), tmp_path / "none.onnx", radius=0)
    run, spec, _ = load_segmenter(graph, "cpu")
    assert look(np.full((800, 600, 3), RED, np.uint8), Segmenter(run, spec), RemovalOptions()).is_clean


@pytest.mark.slow
def test_both_sides_repair_every_photo(graphs, tmp_path):
    paths = photos(tmp_path / "photos", 2)
    published = ["--photo_dir", str(paths[0].parent), "--published_flow", *map(str, graphs)]
    ours = predict.ours(paths[0].parent, tmp_path / "ours", graphs, "cpu", predict.NETWORKS_ONLY)
    for command in (["-m", "benchmarks.predict", *published], ours):
        process = predict.run_process(command)
        assert 0 < process.first_result < process.seconds
    assert [path.name for path in images.list_photos(tmp_path / "ours")] == ["0.jpg", "1.jpg"]
    for path in paths:
        before, after = images.read_image(path), images.read_image(tmp_path / "ours" / path.name)
        assert (before != after).any()


@pytest.mark.slow
def test_memory_is_that_of_the_process_and_not_of_the_one_that_measures():
    held = np.ones(300_000_000, np.uint8)
    small = predict.run_process(["-c", "pass"])
    large = predict.run_process(["-c", "data = b'x' * 200_000_000"])
    assert held.size > 2 * small.memory
    assert 200e6 < large.memory < 250e6


def test_a_process_that_fails_is_an_error_with_its_last_words():
    with pytest.raises(RuntimeError, match="no such thing"):
        predict.run_process(["-c", "import sys; sys.exit('no such thing')"])
