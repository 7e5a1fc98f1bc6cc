from itertools import cycle

import cv2
import numpy as np
import pytest

from utils.finding.finder import find, follow_outlines
from utils.metrics import iou
from utils.options import RemovalOptions
from utils.regions import bounds_of
from utils.spec import segmenter_spec
from utils.stages import Answer, Segmenter

PAPER, SKIN, DESK = (205, 210, 212), (120, 150, 205), (70, 80, 90)


def page(height=640, width=480):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 3, (height, width, 1))
    return np.clip(np.array(PAPER) + noise, 0, 255).astype(np.uint8)


def disc(shape, y, x, radius):
    ys, xs = np.ogrid[: shape[0], : shape[1]]
    return np.hypot(ys - y, xs - x) <= radius


def vague(shape, y, x, radius, best=1.0):
    """Sure in the middle, undecided over half of the radius: what a network says of a disc."""
    ys, xs = np.ogrid[: shape[0], : shape[1]]
    return (best * np.clip(1.25 - 0.5 * np.hypot(ys - y, xs - x) / radius, 0, 1)).astype(np.float32)


def test_a_vague_region_ends_where_the_colours_change():
    image = page()
    truth = disc(image.shape, 300, 200, 60)
    image[truth] = SKIN
    probs = vague(image.shape, 310, 205, 66)
    assert iou(probs >= 0.5, truth) < 0.6
    assert iou(follow_outlines(image, Answer(probs), 0.5), truth) > 0.93


def test_what_the_network_doubts_is_found_where_it_is_unlike_the_paper():
    image, probs = page(), np.zeros((640, 480), np.float32)
    hand, sleeve, shade = np.s_[300:500, 200:280], np.s_[500:640, 190:290], np.s_[300:500, 280:330]
    image[hand], image[sleeve] = SKIN, (90, 45, 25)
    probs[hand], probs[sleeve], probs[shade] = 1, 0.35, 0.35
    found = follow_outlines(image, Answer(probs), 0.5)
    assert found[sleeve].mean() > 0.95 and found[shade].mean() < 0.1


def says(*layers):
    """A network that gives these probabilities: covered, and beside the page where it has four classes.

    Every second time it sees the mirrored photo.
    """
    covered, *beside = (np.clip(layer, 1e-6, 1 - 1e-6) for layer in layers)
    if not beside:
        logits = np.log(np.stack([1 - covered, covered]))
    else:
        classes = [(1 - covered) * (1 - beside[0]), covered * (1 - beside[0]), (1 - covered) * beside[0]]
        logits = np.log(np.stack([*classes, covered * beside[0]]))
    answers = cycle([logits, logits[..., ::-1]])
    return Segmenter(lambda images: (next(answers)[None].astype(np.float32),), segmenter_spec("mobilenetv2"))


PLAIN = RemovalOptions(grow_px=0, min_area_px=0)


def lying(best=1.0):
    """A page with a disc inside it, and what a network may say of that."""
    image = page()
    image[disc(image.shape, 300, 200, 40)] = SKIN
    return image, vague(image.shape, 300, 200, 40, best)


@pytest.mark.parametrize(("best", "removed", "doubted"), [(1.0, 1, 0), (0.85, 0, 1), (0.55, 0, 0)])
def test_what_lies_inside_is_removed_in_doubt_or_nothing_by_its_confidence(best, removed, doubted):
    image, probs = lying(best)
    found = find(image, says(probs), PLAIN)
    assert (len(found.regions), len(found.doubtful)) == (removed, doubted)
    assert bool(found.mask.any()) == bool(removed)
    for region in (*found.regions, *found.doubtful):
        assert abs(region.confidence - best) < 0.05 and region.box.x0 < 200 < region.box.x1


def test_a_slanted_outline_is_enlarged_without_steps():
    y, x = np.mgrid[:640, :480]
    arm = y > 300 + x / 4
    small = page()
    small[arm] = SKIN
    image = cv2.resize(small, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    found = find(image, says(arm.astype(np.float32)), RemovalOptions(grow_px=0, min_area_px=0)).mask
    edge = found.argmax(axis=0)[60:-60]
    columns = np.arange(60, 60 + len(edge))
    off = edge - np.polyval(np.polyfit(columns, edge, 1), columns)
    assert off.std() < 0.8  # in steps of 6 pixels it would be 1.4


def test_what_is_in_doubt_comes_with_its_pixels():
    image, probs = lying(0.85)
    found = find(image, says(probs), PLAIN)
    assert found.doubted is not None and bounds_of(found.doubted) == found.doubtful[0].box
    assert find(*lying(1.0)[:1], says(lying(1.0)[1]), PLAIN).doubted is None


def test_what_comes_in_over_an_edge_need_not_be_as_sure():
    image = page()
    hand = np.zeros(image.shape[:2], np.float32)
    hand[300:640, 180:260] = 0.85
    image[hand > 0] = SKIN
    assert len(find(image, says(hand), PLAIN).regions) == 1
    over_the_pages_edge = np.zeros_like(hand)
    over_the_pages_edge[560:] = 1
    hand[600:], image[600:] = 0, PAPER
    assert len(find(image, says(hand), PLAIN).doubtful) == 1
    assert len(find(image, says(hand, over_the_pages_edge), PLAIN).regions) == 1


def test_doubtful_regions_are_removed_on_request():
    image, probs = lying(0.85)
    found = find(image, says(probs), RemovalOptions(grow_px=0, min_area_px=0, doubtful="remove"))
    assert len(found.regions) == 1 and not found.doubtful


@pytest.mark.parametrize(("covered", "classes", "looks"), [(True, 4, 2), (False, 4, 1), (True, 2, 1)])
def test_only_where_a_network_of_four_classes_saw_something_it_looks_again(covered, classes, looks):
    image, probs = lying(1.0 if covered else 0.4)
    segmenter = says(probs) if classes == 2 else says(probs, np.zeros_like(probs))
    seen = []
    find(image, Segmenter(lambda images: (seen.append(images), segmenter.run(images))[1], segmenter.spec), PLAIN)
    assert len(seen) == looks
    if looks == 2:
        assert np.array_equal(seen[1], seen[0][..., ::-1])


def test_what_the_second_look_does_not_see_stays():
    image, probs = lying(1.0)
    once, never = says(probs, np.zeros_like(probs)), says(np.zeros_like(probs), np.zeros_like(probs))
    answers = iter([once, never])
    found = find(image, Segmenter(lambda images: next(answers).run(images), once.spec), PLAIN)
    assert not found.mask.any() and not found.doubtful


def test_what_lies_beside_every_page_stays():
    image, probs = lying()
    beside = np.zeros_like(probs)
    beside[:, :280] = 1
    found = find(image, says(probs, beside), PLAIN)
    assert not found.mask.any() and not found.doubtful


def page_beside(ground):
    """A page right of column 200 on some ground; nothing covered, and what lies beside the page, as a network says."""
    image = page()
    image[:, :200] = ground
    beside = np.zeros(image.shape[:2], np.float32)
    beside[:, :200] = 1
    return image, np.zeros_like(beside), beside


def clutter():
    """`(640, 200, 3)`: nothing that could be continued."""
    return np.random.default_rng(0).integers(0, 255, (20, 10, 3)).repeat(32, 0).repeat(20, 1)


def test_a_finger_behind_the_page_stays():
    image, finger, beside = page_beside(DESK)
    finger[280:340, 100:204] = 1
    image[finger > 0] = SKIN
    image[:, 200:] = PAPER
    beside[285:335, 194:200] = 0  # below what it takes for an occluder the network guesses
    found = find(image, says(finger, beside), PLAIN)
    assert not found.mask.any() and not found.doubtful


def test_the_repaired_part_ends_on_the_line_between_the_seen_edges_of_the_page():
    image, hand, beside = page_beside(clutter())
    hand[280:340, 100:300] = 1
    image[hand > 0] = SKIN
    beside[285:335, 160:240] = 1 - np.tri(50, 80)  # a ragged guess
    found = find(image, says(hand, beside), RemovalOptions(grow_px=0, min_area_px=0, scope="page"))
    assert found.mask[285:335, 204:295].all() and not found.mask[:, :196].any()


@pytest.mark.parametrize(("scope", "rest"), [("page", False), ("whole", True), ("auto", True)])
@pytest.mark.parametrize("cluttered", [False, True])
def test_rest_of_an_occluder_beside_the_page_goes_by_scope_and_in_auto_where_all_is_even_there(scope, rest, cluttered):
    image, hand, beside = page_beside(clutter() if cluttered else DESK)
    hand[280:340, 100:300] = 1
    image[hand > 0] = SKIN
    found = find(image, says(hand, beside), RemovalOptions(grow_px=0, min_area_px=0, scope=scope))
    assert found.mask[290:330, 210:290].all() and found.hidden[290:330, 110:290].all()
    taken = rest and not (cluttered and scope == "auto")
    assert found.mask[290:330, 110:190].all() if taken else not found.mask[290:330, 110:190].any()


@pytest.mark.parametrize(("ground", "taken"), [("falling light", True), ("another thing on one side", False)])
def test_rest_is_taken_where_light_falls_off_evenly_and_stays_where_the_only_side_seen_holds_two_things(ground, taken):
    image, hand, beside = page_beside(np.linspace(30, 140, 640)[:, None, None] if taken else DESK)
    if not taken:
        image[345:, 50:200] = (20, 30, 160)
    hand[280:340, 0:300] = hand[0:281, 0:150] = 1
    image[hand > 0] = SKIN
    found = find(image, says(hand, beside), RemovalOptions(grow_px=0, min_area_px=0))
    assert found.mask[290:330, 210:290].all() and found.mask[290:330, 10:190].any() == taken


def test_a_fleck_of_page_in_what_stays_of_an_occluder_is_none():
    image, hand, beside = page_beside(DESK)
    hand[280:340, 100:300] = 1
    image[hand > 0] = SKIN
    beside[295:325, 120:160] = 0
    found = find(image, says(hand, beside), RemovalOptions(grow_px=0, min_area_px=0, scope="page"))
    assert found.mask[290:330, 210:290].all() and not found.mask[:, :190].any() and len(found.regions) == 1


def test_surroundings_of_which_a_narrow_strip_is_seen_are_looked_for_farther_away():
    image, hand, beside = np.full((640, 480, 3), PAPER, np.uint8), np.zeros((640, 480)), np.zeros((640, 480))
    image[:, :9], beside[:, :9] = DESK, 1
    hand[560:, 0:45] = 1
    image[hand > 0] = SKIN
    found = find(image, says(hand, beside), RemovalOptions(grow_px=0, min_area_px=0))
    assert found.mask[566:634, 2:40].all()


def test_a_region_of_the_papers_own_colour_stays_where_the_network_is_sure():
    image = np.full((640, 480, 3), PAPER, np.uint8)
    probs = np.zeros(image.shape[:2], np.float32)
    probs[200:300, 100:200] = 1
    assert follow_outlines(image, Answer(probs), 0.5)[206:294, 106:194].all()


def test_small_gaps_in_an_occluder_are_filled_and_large_ones_and_those_at_the_border_kept():
    image = page()
    hand = disc(image.shape, 300, 200, 100) | disc(image.shape, 640, 200, 100)
    gaps = {"print": (270, 170, 12), "ring of fingers": (330, 230, 40), "at the border": (634, 200, 12)}
    for y, x, radius in gaps.values():
        hand &= ~disc(image.shape, y, x, radius)
    image[hand] = SKIN
    found = follow_outlines(image, Answer(hand.astype(np.float32)), 0.5)
    assert {name: bool(found[y, x]) for name, (y, x, _) in gaps.items()} == {
        "print": True, "ring of fingers": False, "at the border": False
    }  # fmt: skip


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_picture_of_one_probability_is_all_or_nothing(level):
    image = page()
    found = follow_outlines(image, Answer(np.full(image.shape[:2], level, np.float32)), 0.5)
    assert found.all() if level == 1 else not found.any()


def test_the_same_photo_gives_the_same_mask():
    image = page()
    image[disc(image.shape, 300, 200, 60)] = SKIN
    probs = vague(image.shape, 310, 205, 66)
    assert (follow_outlines(image, Answer(probs), 0.5) == follow_outlines(image, Answer(probs), 0.5)).all()


def blue_is_occluder(images):
    logit = 12 * (images[:, 2:3] - images[:, :1] - 0.6)
    return (np.concatenate([-logit, logit], axis=1),)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2000, 1500), (1500, 2000), (5, 9), (1, 1), (20, 3000)])
def test_the_mask_has_the_shape_of_the_photo(shape):
    image = page(*shape)
    image[: shape[0] // 2, : shape[1] // 4] = (30, 60, 220)
    mask = find(image, Segmenter(blue_is_occluder, segmenter_spec("mobilenetv2")), RemovalOptions(min_area_px=0)).mask
    assert mask.shape == shape and mask.dtype == bool
    if min(shape) > 100:
        expected = (image == (30, 60, 220)).all(axis=2)
        assert mask[expected].all() and iou(mask, expected) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1000, 5000), (5000, 1000), (1000, 30000)])
def test_a_finger_on_a_long_photo_is_found_by_a_network_that_knows_no_squeezed_ones(shape):
    image = np.full((*shape, 3), PAPER, np.uint8)
    finger = disc(shape, shape[0] // 2, shape[1] // 2, 100)
    image[finger] = SKIN

    def unsqueezed_is_occluder(images):
        finger = (images[0, 0] < images[0, 0].max() - 0.5).astype(np.float32)
        _, _, width, height = cv2.boundingRect(finger.astype(np.uint8))
        logit = 20 * finger * (0.4 < width / max(height, 1) < 2.5) - 10
        return (np.stack([-logit, logit])[None],)

    mask = find(image, Segmenter(unsqueezed_is_occluder, segmenter_spec("mobilenetv2")), RemovalOptions()).mask
    assert mask[finger].all() and np.count_nonzero(mask) < 1.5 * np.count_nonzero(finger)


def test_colours_take_nothing_from_the_inside_of_what_the_network_is_sure_of():
    image = page()
    sleeved = np.zeros(image.shape[:2], np.float32)
    sleeved[200:500, 150:330] = 0.95
    image[200:350, 150:330], image[350:500, 150:330] = SKIN, PAPER  # a cuff of the paper's own colour
    found = follow_outlines(image, Answer(sleeved, np.zeros_like(sleeved)), 0.5)
    assert found[210:490, 160:320].all() and found.sum() < 1.1 * (sleeved > 0).sum()


def test_rim_of_what_was_found_follows_the_colours():
    image = page()
    truth = disc(image.shape, 300, 200, 60)
    image[truth] = SKIN
    rough = disc(image.shape, 301, 201, 62).astype(np.float32)
    found = follow_outlines(image, Answer(rough, np.zeros_like(rough)), 0.5)
    assert iou(found, truth) > iou(rough > 0, truth) and iou(found, truth) > 0.98


def test_a_halo_of_which_the_network_is_not_sure_gives_way_to_the_papers_colour():
    image = page()
    truth = disc(image.shape, 300, 200, 60)
    image[truth] = SKIN
    halo = 0.6 * disc(image.shape, 300, 200, 90).astype(np.float32)
    halo[truth] = 0.95
    assert iou(follow_outlines(image, Answer(halo, np.zeros_like(halo)), 0.5), truth) > 0.95
