import numpy as np
import pytest

from utils.spec import GENERATOR, inpaint_spec, segmenter_spec
from utils.stages import LONGEST_RATIO, Inpainter, Segmenter


def red_is_occluder(images):
    logit = 4 * (images[:, 2:3] - images[:, :1])
    return (np.concatenate([-logit, logit], axis=1),)


def echo(images, masks):
    return images, images + 0.5 * masks


@pytest.fixture
def segmenter():
    return Segmenter(red_is_occluder, segmenter_spec("mobilenetv2"))


@pytest.fixture
def inpainter():
    return Inpainter(echo, inpaint_spec(GENERATOR, latent_channels=4))


def photo(height, width):
    image = np.full((height, width, 3), 200, np.uint8)
    image[: height // 2, : width // 4] = (30, 60, 220)
    return image


@pytest.mark.parametrize("shape", [(800, 600), (600, 800), (90, 100), (1, 1), (1000, 2000)])
def test_probabilities_have_the_size_of_the_network_and_lie_as_the_photo_does(segmenter, shape):
    probs = segmenter(photo(*shape)).covered
    assert probs.shape == ((480, 640) if shape[0] < shape[1] else (640, 480)) and probs.dtype == np.float32
    assert 0 <= probs.min() and probs.max() <= 1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((500, 2000), (480, 1920)), ((2001, 1000), (961, 480)), ((3, 700), (480, 480 * LONGEST_RATIO))],
)
def test_a_long_photo_is_seen_in_parts_of_the_networks_proportions(segmenter, shape, expected):
    image = photo(*shape)
    reduced, probs = segmenter.reduced(image), segmenter(image).covered
    assert reduced.shape[:2] == probs.shape == expected
    assert np.allclose(segmenter(reduced).covered, probs, atol=0.05)  # resized lying or standing: rounded otherwise


@pytest.mark.parametrize(("classes", "expected"), [(2, (100, 150, 200)), (4, (200, 200, 200))])
def test_a_network_that_knows_the_page_sees_photos_in_white_light(classes, expected):
    def watch(images):
        seen.append(images)
        return (np.zeros((1, classes, 640, 480), np.float32),)

    seen = []
    spec = segmenter_spec("mobilenetv2", out_channels=classes)
    Segmenter(watch, spec)(np.full((800, 600, 3), (100, 150, 200), np.uint8))
    assert np.allclose(seen[0] * spec.std + spec.mean, np.reshape(expected, (3, 1, 1)) / 255, atol=1e-6)


def test_where_parts_of_a_long_photo_overlap_the_mean_counts():
    def sure_at_its_top(images):
        logit = np.full((1, 1, 640, 480), -40, np.float32)
        logit[:, :, :320] = 40
        return (np.concatenate([-logit, logit], axis=1),)

    probs = Segmenter(sure_at_its_top, segmenter_spec("mobilenetv2"))(photo(1280, 480)).covered
    expected = np.repeat([1, 0.5, 0.5, 0], 320)[:, None]  # the parts are rows 0 to 640, 320 to 960, 640 to 1280
    assert np.allclose(probs, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(800, 600), (600, 800), (600, 3000), (3000, 700)])
def test_what_is_found_lies_where_it_is(segmenter, shape):
    found = segmenter(photo(*shape)).covered > 0.5
    expected = np.zeros(found.shape, bool)
    expected[: found.shape[0] // 2, : found.shape[1] // 4] = True
    assert (found != expected).mean() < 0.01


def test_a_landscape_photo_is_seen_transposed(segmenter):
    image = photo(600, 800)
    assert np.allclose(segmenter(image).covered, segmenter(np.ascontiguousarray(image.swapaxes(0, 1))).covered.T)


def test_hole_is_blank_to_the_generator_and_drawn(inpainter):
    crop = np.full((1536, 1536, 3), 200, np.uint8)
    mask = np.zeros((1536, 1536), bool)
    mask[600:900, 600:900] = True
    (drawn,) = inpainter([crop], [mask])
    assert (drawn[~mask] == 200).mean() > 0.99
    assert np.abs(drawn[620:880, 620:880].astype(int) - 128).max() <= 1
    (coarse,) = inpainter([crop], [mask], coarse=True)
    assert coarse[700, 700].max() == 0


@pytest.mark.parametrize("shape", [(1536, 1536), (700, 500), (30, 1536), (1, 1)])
def test_crops_of_any_size_come_back_in_their_size(inpainter, shape):
    crop = np.full((*shape, 3), 77, np.uint8)
    (drawn,) = inpainter([crop], [np.zeros(shape, bool)])
    assert (drawn == crop).all()


def test_batch_equals_its_items_one_by_one(inpainter):
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((300, 300), (200, 310))]
    masks = [rng.random(c.shape[:2]) < 0.2 for c in crops]
    together = inpainter(crops, masks)
    for crop, mask, drawn in zip(crops, masks, together, strict=True):
        assert (inpainter([crop], [mask])[0] == drawn).all()


def test_values_beyond_the_range_are_clamped():
    inpainter = Inpainter(lambda images, masks: (images, images * 3 - 0.2), inpaint_spec(GENERATOR))
    crop = np.zeros((8, 8, 3), np.uint8)
    crop[4:] = 250
    (drawn,) = inpainter([crop], [np.zeros((8, 8), bool)])
    assert drawn[0].max() == 0 and drawn[-1].min() == 255
