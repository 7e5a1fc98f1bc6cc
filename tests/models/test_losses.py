import pytest
import torch
import torch.nn.functional as F

from models.losses import (
    ADVERSARIAL_LOSSES,
    composite,
    count_by_guide,
    dissimilarity,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    reconstruction,
    weighted_cross_entropy,
)
from utils import classes


def test_composite_keeps_known_pixels_and_takes_the_hole_from_the_prediction():
    images, predictions = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    masks = torch.zeros(2, 1, 8, 8)
    masks[:, :, 2:5, 3:6] = 1
    filled = composite(images, predictions, masks)
    hole = masks.bool().expand_as(images)
    assert torch.equal(filled[~hole], images[~hole]) and torch.equal(filled[hole], predictions[hole])


def test_weighted_cross_entropy_is_pytorchs_once_divided():
    logits, labels = torch.randn(2, 2, 5, 6), torch.randint(0, 2, (2, 5, 6))
    weights = torch.tensor([1.0, 10.0])
    total, weight = weighted_cross_entropy(logits, labels, weights)
    torch.testing.assert_close(total / weight, F.cross_entropy(logits, labels, weight=weights))


def test_dissimilarity_is_that_of_wang_counted_by_the_holes_share_of_each_square():
    filled, images = torch.rand(1, 3, 7, 7, dtype=torch.float64), torch.rand(1, 3, 7, 7, dtype=torch.float64)
    masks = torch.zeros(1, 1, 7, 7, dtype=torch.float64)
    masks[..., :3] = 1
    expected = 0.0
    for a, b in zip(filled[0].numpy(), images[0].numpy(), strict=True):
        covariance = ((a - a.mean()) * (b - b.mean())).mean()
        tone = (2 * a.mean() * b.mean() + 1e-4) / (a.mean() ** 2 + b.mean() ** 2 + 1e-4)
        expected += (1 - tone * (2 * covariance + 9e-4) / (a.var() + b.var() + 9e-4)) / 3
    assert dissimilarity(filled, images, masks).item() == pytest.approx(expected * 3 / 7)
    assert dissimilarity(images, images, masks).item() == pytest.approx(0, abs=1e-9)


def test_samples_count_by_how_right_their_guide_is_in_the_hole():
    images, masks = torch.full((3, 3, 8, 8), 0.5), torch.zeros(3, 1, 8, 8)
    masks[..., :4] = 1
    off = torch.tensor([0.0, 0.05, 0.3]).view(3, 1, 1, 1)
    counts = count_by_guide(images + off * masks + 0.4 * (1 - masks), images, masks)
    torch.testing.assert_close(counts.flatten(), torch.tensor([6.0, 1.0, 0.06 / 0.31]))
    losses = [reconstruction(images + 0.1, images, masks, counts=counts[n : n + 1]).item() for n in range(3)]
    assert losses == pytest.approx([0.1 * 0.5 * count for count in (6.0, 1.0, 0.06 / 0.31)], rel=1e-4)


def test_only_the_rim_counts_of_what_is_seen_where_it_is_asked_for():
    images, masks = torch.zeros(1, 3, 12, 12), torch.zeros(1, 1, 12, 12)
    masks[..., 5:7, 5:7] = 1
    rim = reconstruction(torch.ones_like(images), images, masks, 0.0, 1.0, rim_px=2)
    assert rim.item() == pytest.approx((6 * 6 - 2 * 2) / 144)


def test_reconstruction_is_the_mean_over_all_pixels_of_the_composite_as_published():
    drawn, images, masks = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(2, 1, 4, 4)
    published = F.l1_loss(composite(images, drawn, masks), images)
    torch.testing.assert_close(reconstruction(drawn, images, masks), published)


def test_pixels_in_the_hole_and_beside_it_count_as_much_as_they_are_given_weight():
    images = torch.zeros(1, 3, 4, 4)
    masks = torch.zeros(1, 1, 4, 4)
    masks[..., :1, :] = 1
    drawn = masks.expand_as(images) * 0.5 + (1 - masks).expand_as(images) * 0.25
    assert reconstruction(drawn, images, masks, 6.0).item() == pytest.approx(6 * 0.5 / 4)
    assert reconstruction(drawn, images, masks, 6.0, 2.0).item() == pytest.approx((6 * 0.5 + 2 * 0.25 * 3) / 4)


def test_hinge_loss_is_the_mean_of_its_halves_and_vanishes_beyond_the_margin():
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([-3.0, 0.0])
    assert hinge_discriminator(real, fake).item() == pytest.approx(0.5 * 0.25 + 0.5 * 0.5)
    assert hinge_discriminator(torch.tensor([1.0]), torch.tensor([-1.0])).item() == 0
    assert hinge_generator(fake).item() == pytest.approx(1.5)


def test_least_squares_loss_pulls_real_to_one_and_generated_to_zero():
    assert least_squares_discriminator(torch.ones(3), torch.zeros(3)).item() == 0
    assert least_squares_discriminator(torch.zeros(3), torch.ones(3)).item() == pytest.approx(1)
    assert least_squares_generator(torch.ones(3)).item() == 0
    assert least_squares_generator(torch.full((3,), 3.0)).item() == pytest.approx(4)


@pytest.mark.parametrize("gan_type", ADVERSARIAL_LOSSES)
def test_better_pictures_lower_the_generators_loss_and_raise_the_discriminators(gan_type):
    loss = ADVERSARIAL_LOSSES[gan_type]
    real, bad, good = torch.tensor([0.9]), torch.tensor([-0.5]), torch.tensor([0.5])
    assert loss.generator(good) < loss.generator(bad)
    assert gan_type == "LSGAN" or loss.discriminator(real, good) > loss.discriminator(real, bad)


def test_label_that_leaves_a_bit_open_sums_the_probabilities_of_its_classes():
    logits = torch.randn(1, 4, 3, 2)
    labels = torch.tensor([[[0, 1], [classes.NOT_COVERED, classes.COVERED], [classes.BESIDE, classes.ON_PAGE]]])
    probs = logits.softmax(1)[0].permute(1, 2, 0)
    sums = [probs[0, 0, 0], probs[0, 1, 1], probs[1, 0, [0, 2]].sum(), probs[1, 1, [1, 3]].sum(),
            probs[2, 0, [2, 3]].sum(), probs[2, 1, [0, 1]].sum()]  # fmt: skip
    total, weight = weighted_cross_entropy(logits, labels, torch.ones(4))
    torch.testing.assert_close(total, -torch.stack(sums).log().sum())
    assert weight == 6


@pytest.mark.parametrize("count", [2, 4])
def test_unknown_pixels_teach_nothing(count):
    logits = torch.randn(1, count, 4, 4, requires_grad=True)
    labels = torch.full((1, 4, 4), classes.UNKNOWN)
    labels[0, 0, 0] = 1
    total, weight = weighted_cross_entropy(logits, labels, torch.ones(count))
    total.backward()
    assert weight == 1
    assert logits.grad[0, :, 0, 0].abs().sum() > 0 and logits.grad[0, :, 1:].abs().sum() == 0


def test_network_of_two_classes_learns_the_covered_bit_of_four():
    logits = torch.randn(1, 2, 2, 2)
    four, two = torch.tensor([[[0, 1], [2, 3]]]), torch.tensor([[[0, 1], [0, 1]]])
    weights = torch.tensor([1.0, 10.0])
    torch.testing.assert_close(
        weighted_cross_entropy(logits, four, weights), weighted_cross_entropy(logits, two, weights)
    )
