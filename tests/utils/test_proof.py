import cv2
import numpy as np
import pytest

from tests.utils.page.sheets import HEIGHT, WIDTH, covered, hole_at, pixels, sheet
from utils import proof
from utils.page.structure import repair
from utils.spec import GENERATOR, inpaint_spec
from utils.stages import Inpainter

HOLE = hole_at(240, 160, 420, 400)
PRINTED = slice(20, 520)  # columns of the print


class Network:
    """Draws what it is told, counts how often it is asked, and keeps what it was given."""

    def __init__(self, draw, **spec):
        self.calls, self.shapes, self.draw = 0, [], draw
        self.inpainter = Inpainter(self.run, inpaint_spec(GENERATOR, 4, 1536, 6, **spec))

    def run(self, images, masks, *hints):
        self.calls += 1
        self.hints = hints
        self.shapes.append([array.shape for array in (images, masks, *hints)])
        drawn = self.draw(images, masks)
        return drawn, drawn


def fill(images, masks):
    """A network that continues colours smoothly."""
    out = []
    for image, mask in zip(images, masks, strict=True):
        picture = (image.transpose(1, 2, 0) * 255).astype(np.uint8)
        filled = cv2.inpaint(picture, (mask[0] > 0).astype(np.uint8), 5, cv2.INPAINT_NS)
        out.append(filled.transpose(2, 0, 1).astype(np.float32) / 255)
    return np.stack(out)


def painting() -> np.ndarray:
    """A page with a mottled print in which the hole lies."""
    page = sheet()
    mottles = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((HEIGHT, WIDTH, 3)), (0, 0), 9)
    printed = np.clip(100 + 35 * mottles / mottles.std(), 10, 220)
    page[60:500, PRINTED] = printed[60:500, PRINTED]
    return pixels(page)


def test_plain_page_costs_no_run():
    page, network = pixels(sheet()), Network(fill)
    found = repair(covered(page, HOLE), HOLE)
    same, drawn = proof.improve(network.inpainter, found, HOLE)
    assert network.calls == 0 and not drawn and same is found


@pytest.mark.slow
@pytest.mark.parametrize("crops", ["published", "hole"])
def test_network_that_proves_itself_is_believed_in_a_picture(crops):
    page, network = painting(), Network(fill, crops=crops)
    found = repair(covered(page, HOLE), HOLE)
    better, drawn = proof.improve(network.inpainter, found, HOLE)
    assert drawn and network.calls >= 2
    errors = [np.abs(image[HOLE].astype(int) - page[HOLE]).mean() for image in (found.image, better.image)]
    assert errors[1] < 0.6 * errors[0]
    assert (better.image[~HOLE] == found.image[~HOLE]).all()


def test_network_that_fails_on_hidden_pixels_is_not_believed():
    network = Network(lambda images, masks: np.random.default_rng(0).integers(0, 2, images.shape).astype(np.float32))
    found = repair(covered(painting(), HOLE), HOLE)
    same, drawn = proof.improve(network.inpainter, found, HOLE)
    assert network.calls == 1 and not drawn and same is found


def test_patches_are_drawn_in_the_crop_of_their_hole_and_are_structures_beyond_it():
    page, patches = pixels(sheet()), hole_at(460, 170, 490, 200) | hole_at(560, 420, 600, 460)
    hole = hole_at(380, 170, 440, 220)
    network = Network(lambda images, masks: np.zeros(images.shape, np.float32), crops="hole")
    found = repair(covered(page, hole | patches), hole | patches)
    painted = proof.paint(
        network.inpainter, covered(page, hole | patches), hole | patches, structure=found, around=hole
    )
    assert network.calls == 1
    assert (painted[175:195, 465:485] != found.image[175:195, 465:485]).mean() > 0.5
    assert (painted[425:455, 565:595] == found.image[425:455, 565:595]).all()


def test_each_part_of_a_hole_is_drawn_in_a_crop_of_its_own():
    page = pixels(sheet())
    hole = hole_at(100, 100, 180, 170) | hole_at(450, 420, 520, 500)
    network = Network(fill, crops="hole")
    painted = proof.paint(network.inpainter, covered(page, hole), hole)
    assert network.calls == 2 and np.abs(painted[hole].astype(int) - page[hole]).mean() < 6
    assert network.shapes[0] == [(1, 3, 256, 256), (1, 1, 256, 256)]


def test_guided_network_reads_what_structure_says():
    network = Network(fill, crops="hole", in_channels=8)
    proof.paint(network.inpainter, covered(pixels(sheet()), HOLE), HOLE)
    assert network.shapes == [[(1, 3, 256, 256), (1, 1, 256, 256), (1, 4, 256, 256)]]


@pytest.mark.parametrize("levels", [0, 12])
def test_guided_network_corrects_structure_at_the_photos_own_size(levels):
    """What it leaves alone stays as sharp as it was, though the network sees the hole reduced."""
    network = Network(lambda images, masks: network.hints[0][:, :3] + levels / 255, crops="hole", in_channels=8)
    hole = hole_at(100, 60, 560, 500)
    found = repair(covered(pixels(sheet()), hole), hole)
    painted = proof.paint(network.inpainter, covered(pixels(sheet()), hole), hole, structure=found)
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    inner = depth > 6  # the reduced hole has a soft edge
    assert network.calls == 1 and np.array_equal(painted[inner], np.minimum(found.image[inner] + levels, 255))
