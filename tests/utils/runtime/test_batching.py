import threading

import numpy as np
import pytest

from utils.runtime.batching import Batcher
from utils.spec import GENERATOR, inpaint_spec
from utils.stages import Inpainter


class Network:
    """Records its batches; the first call waits until the others are in the queue."""

    def __init__(self, others=0):
        self.others = others
        self.batches = []
        self.batcher = None

    def __call__(self, images, masks):
        while not self.batches and len(self.batcher.waiting) < self.others:
            pass
        self.batches.append(len(images))
        return images, images * 0.5 + masks * 0.25


def ask_together(max_batch, sizes, sides=(8,) * 9):
    """What each of several threads gets, and the batches that were run; `sides` are those of the pictures."""
    network = Network(others=len(sizes) - 1)
    network.batcher = batcher = Batcher(network, max_batch)
    rng = np.random.default_rng(0)
    inputs = [
        [rng.random((n, c, side, side), dtype=np.float32) for c in (3, 1)]
        for n, side in zip(sizes, sides, strict=False)
    ]
    outputs = [None] * len(sizes)

    def ask(index):
        outputs[index] = batcher(*inputs[index])

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(sizes))]
    threads[0].start()
    while not batcher.turn.locked():
        pass
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    return inputs, outputs, network.batches


@pytest.mark.parametrize("max_batch", [1, 2, 8])
def test_every_thread_gets_what_it_would_get_alone(max_batch):
    inputs, outputs, batches = ask_together(max_batch, [1, 1, 2, 1, 1])
    for (images, masks), (first, second) in zip(inputs, outputs, strict=True):
        assert (first == images).all()
        assert (second == images * 0.5 + masks * 0.25).all()
    assert sum(batches) == 6


def test_what_waits_while_a_batch_runs_goes_together_into_the_next():
    assert ask_together(8, [1, 1, 1, 1])[2] == [1, 3]
    assert ask_together(2, [1, 1, 1, 1])[2] == [1, 2, 1]
    assert ask_together(1, [1, 1, 1, 1])[2] == [1, 1, 1, 1]


def test_pictures_of_different_sizes_are_not_joined():
    inputs, outputs, batches = ask_together(8, [1, 1, 1], sides=(8, 4, 12))
    assert batches == [1, 1, 1]
    assert [first.shape for first, _ in outputs] == [images.shape for images, _ in inputs]


def test_an_error_reaches_the_thread_that_asked_and_the_next_request_works():
    def run(images):
        if images.max() > 1:
            raise RuntimeError("out of memory")
        return (images,)

    batcher = Batcher(run, 8)
    with pytest.raises(RuntimeError, match="out of memory"):
        batcher(np.full((1, 1, 2, 2), 2, np.float32))
    assert batcher(np.ones((1, 1, 2, 2), np.float32))[0].max() == 1


def test_crops_of_several_photos_in_one_batch_are_drawn_as_alone():
    network = Network(others=3)
    network.batcher = batcher = Batcher(network, 8)
    together = Inpainter(batcher, inpaint_spec(GENERATOR, 4, 64, 2))
    alone = Inpainter(lambda images, masks: (images, images * 0.5 + masks * 0.25), together.spec)
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (side, 64, 3), np.uint8) for side in (64, 64, 50, 64)]
    holes = [rng.random(crop.shape[:2]) < 0.3 for crop in crops]
    drawn = [None] * 4

    def draw(index):
        (drawn[index],) = together([crops[index]], [holes[index]])

    threads = [threading.Thread(target=draw, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(network.batches) < 4
    for picture, crop, hole in zip(drawn, crops, holes, strict=True):
        assert (picture == alone([crop], [hole])[0]).all()
