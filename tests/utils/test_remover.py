import math

import cv2
import numpy as np
import pytest

from tests.published_flow import published
from utils.compat import remove_as_published
from utils.finding.finder import Finding, Region
from utils.options import RemovalOptions
from utils.preprocess import transpose
from utils.regions import Box
from utils.remover import SURROUNDINGS_PX, OccluderRemover
from utils.spec import GENERATOR, inpaint_spec, segmenter_spec
from utils.stages import Inpainter, Segmenter

RED = (40, 60, 220)


def find_red(images):
    logit = 10 * (images[:, 2:3] - images[:, :1] - 2)
    return (np.concatenate([np.zeros_like(logit), logit], axis=1),)


def fill_grey(images, masks):
    return images, images + 0.75 * masks


def fill_too_bright(images, masks):
    return images, images + 1.7 * masks


def remover(fill=fill_grey, **options):
    options = {"structure": "off", **options}
    return OccluderRemover(
        Segmenter(find_red, segmenter_spec("mobilenetv2")),
        Inpainter(fill, inpaint_spec(GENERATOR, latent_channels=4)),
        RemovalOptions(**options),
    )


def page(height=2000, width=1600, boxes=()):
    rng = np.random.default_rng(0)
    image = rng.integers(185, 215, (height, width, 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = RED
    return image


FINGERS = [(0, 300, 200, 420), (1400, 1700, 1600, 2000)]


def is_red(image):
    return (image[..., 2].astype(int) - image[..., 0] > 100).any()


@pytest.mark.parametrize("landscape", [False, True])
def test_every_occluder_is_found_and_repaired(landscape):
    image = page(boxes=FINGERS)
    if landscape:
        image = transpose(image)
    removal = remover()(image)
    assert len(removal.boxes) == 2
    assert not is_red(removal.image)
    assert removal.image.shape == image.shape


def test_page_structure_alone_needs_no_network_and_keeps_none():
    assert remover(structure="only").inpainter is None
    assert remover(structure="auto").inpainter is not None
    assert remover(structure="only", compat=True).inpainter is not None


def test_pixels_outside_mask_are_untouched():
    image = page(boxes=FINGERS)
    removal = remover()(image)
    assert (removal.image[~removal.mask] == image[~removal.mask]).all()
    assert 0.01 < removal.mask.mean() < 0.1


def test_the_patch_fades_in_along_its_whole_edge():
    image = np.full((1600, 1600, 3), 100, np.uint8)
    mask = np.zeros(image.shape[:2], bool)
    mask[600:900, 600:900] = True
    repaired = remover(feather_px=20).repair(image, mask).image.astype(int)
    for first, second in ((600, 604), (899, 895)):
        assert (np.abs(repaired[first, 750] - 100) < np.abs(repaired[second, 750] - 100)).all()
        assert (np.abs(repaired[750, first] - 100) < np.abs(repaired[750, second] - 100)).all()


def test_photo_without_occluder_comes_back_as_it_was():
    image = page()
    removal = remover()(image)
    assert removal.boxes == [] and (removal.image == image).all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1000, 900), (60, 80), (300, 20), (20, 2000)])
def test_photos_smaller_than_the_crop_are_repaired(shape):
    height, width = shape
    image = page(height, width, [(0, 0, max(width // 3, 4), max(height // 3, 4))])
    removal = remover(min_area_px=0)(image)
    assert removal.boxes and not is_red(removal.image)


def test_a_photo_that_is_all_occluder_is_refused_instead_of_invented():
    image = np.full((300, 200, 3), RED, np.uint8)
    with pytest.raises(ValueError, match=r"100\.0% of the photo is covered: nothing visible to continue from"):
        remover()(image)
    mask = np.ones(image.shape[:2], bool)
    mask[: len(mask) // 50] = False
    assert remover().repair(image, mask).boxes


def test_known_mask_is_repaired_where_it_is_and_nowhere_else():
    image = page()
    mask = np.zeros(image.shape[:2], bool)
    mask[500:700, 500:800] = True
    removal = remover(fill_too_bright).repair(image, mask)
    assert (removal.image[~mask] == image[~mask]).all()
    assert removal.boxes == [(500, 500, 800, 700)]


@pytest.mark.slow
@pytest.mark.parametrize("fill", [fill_grey, fill_too_bright])
def test_compat_equals_the_published_flow_but_for_wrapped_values(fill):
    image = page(boxes=FINGERS)
    repaired = remover(fill, compat=True)(image).image
    expected = np.clip(published(image, find_red, fill), 0, 255)
    assert np.abs(repaired - expected).max() <= 2
    assert (repaired != image).any()


@pytest.mark.slow
def test_compat_repairs_only_the_last_contour():
    removal = remover(compat=True)(page(4000, 3000, [(0, 300, 200, 420), (2800, 3700, 3000, 4000)]))
    assert len(removal.boxes) == 1 and is_red(removal.image)


def test_compat_leaves_a_photo_without_occluder_alone():
    image = page()
    removal = remover(compat=True)(image)
    assert removal.boxes == [] and (removal.image == image).all()


def test_compat_refuses_a_photo_smaller_than_the_crop():
    with pytest.raises(ValueError, match=r"shorter side of 800 pixels is less than the crop.s 1536"):
        remover(compat=True)(page(900, 800, [(0, 0, 200, 200)]))


def test_compat_transposes_a_landscape_photo():
    image = page(boxes=FINGERS)
    networks = remover(compat=True)
    upright, _, _ = remove_as_published(image, networks.segmenter, networks.inpainter)
    lying, _, (box,) = remove_as_published(transpose(image), networks.segmenter, networks.inpainter)
    assert (transpose(lying) == upright).all()
    assert box.x1 <= 2000 and box.y1 <= 1600


def ruled_page():
    image = np.full((1600, 1600, 3), 205, np.uint8)
    for y in range(100, 1600, 120):
        image[y : y + 4] = 70
    return image


@pytest.mark.parametrize("mode", ["auto", "only", "auto, crops follow holes"])
def test_structure_continues_the_rules_that_the_network_does_not_draw(mode):
    image = ruled_page()
    mask = np.zeros(image.shape[:2], bool)
    mask[700:1100, 600:1000] = True
    whole = remover(structure=mode[:4])
    inpainter = None if mode == "only" else whole.inpainter
    if mode not in ("only", "auto"):
        inpainter = Inpainter(fill_grey, inpaint_spec(GENERATOR, 4, 1536, 6, crops="hole"))
    removal = OccluderRemover(whole.segmenter, inpainter, whole.options).repair(image, mask)
    assert np.abs(removal.image.astype(int) - image)[mask].mean() < 4
    assert removal.image[820:824, 700:900].max() < 130
    ((box, structure),) = removal.structures
    assert len(structure.continued) == 4 and box.width == (1536 if mode == "auto" else 400 + 2 * SURROUNDINGS_PX)
    assert (removal.image[~mask] == image[~mask]).all()


def shaded_page():
    """A ruled page with something red on it, which throws a shadow."""
    image = ruled_page()
    covered = np.zeros(image.shape[:2], np.uint8)
    covered[700:1000, 600:900] = 1
    away = cv2.distanceTransform(1 - covered, cv2.DIST_L2, 5)
    image = np.rint(image * (1 - 0.3 * np.clip(1 - away / 90, 0, 1))[..., None]).astype(np.uint8)
    image[covered > 0] = RED
    return image


@pytest.mark.slow
def test_a_lifted_shadow_is_told_apart_from_what_was_repainted():
    image = shaded_page()
    removal, plain = (remover(structure="only", lift_shadow=lift)(image) for lift in (True, False))
    for result in (removal, plain):
        assert (result.image[~result.changed] == image[~result.changed]).all()
        (box,) = result.boxes
        ys, xs = np.nonzero(result.mask)
        assert box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert plain.shade is None and (removal.mask == plain.mask).all()
    assert removal.shade.sum() > 0.2 * plain.mask.sum() and not (removal.shade & removal.mask).any()
    beside = np.s_[760:810, 930:950]  # between two rules, outside the grown mask
    assert image[beside].mean() < 185 and removal.image[beside].mean() > 200
    # a mask of one's own is repaired and nothing else
    assert (remover(structure="only").repair(image, plain.mask).image[~plain.mask] == image[~plain.mask]).all()


def test_modes_that_need_a_network_refuse_to_start_without():
    whole = remover()
    with pytest.raises(ValueError, match="needs an inpainting network"):
        OccluderRemover(whole.segmenter, None, RemovalOptions(structure="auto"))
    guided = Inpainter(fill_grey, inpaint_spec(GENERATOR, latent_channels=4, in_channels=8))
    with pytest.raises(ValueError, match="--compat True measures no page structure"):
        OccluderRemover(whole.segmenter, guided, RemovalOptions(compat=True))


@pytest.mark.parametrize(
    "bad",
    [{"threshold": 0}, {"grow_px": -1}, {"grow_px": math.nan}, {"feather_px": math.inf}, {"structure": "perhaps"}],
)
def test_options_out_of_range_name_their_flag(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"--{name}"):
        RemovalOptions(**bad)


def test_where_a_hand_stays_beside_the_page_no_strip_of_desk_is_painted():
    """The network lays the page's edge 60 px too far to the left: the hand stays up to the edge that is seen."""
    image = np.full((640, 480, 3), 70, np.uint8)
    image[:, 200:] = 215
    hand = np.s_[250:330, :300]
    image[hand] = (90, 120, 190)
    mask, hidden = np.zeros((640, 480), bool), np.zeros((640, 480), bool)
    hidden[240:340, :310] = True
    mask[240:340, 140:310] = True
    off_page = np.full((640, 480), 0.3, np.float32)
    off_page[:, :140], off_page[:, 210:] = 0.9, 0.1
    box = Box(140, 240, 310, 340)
    finding = Finding(mask, hidden, [Region(box, 0.9)], [], off_page)
    removal = remover(structure="only").repair_found(image, finding)
    left, right = removal.boxes[0].x0, removal.boxes[0].x1
    assert abs(left - 200) <= 2
    assert right == 310
    assert [(region.box, region.confidence) for region in removal.regions] == [(removal.boxes[0], 0.9)]
    assert removal.lost[0].confidence == 0.9
    assert (removal.image[250:330, :left] == image[250:330, :left]).all()
    assert (np.abs(removal.image[250:330, 210:300].astype(int) - 215) < 12).all()
    assert mask[300, 150], "the finding is not changed"
