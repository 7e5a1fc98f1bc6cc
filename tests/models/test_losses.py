import pytest
import torch
import torch.nn.functional as F

from models.losses import (
    ADVERSARIAL_LOSSES,
    composite,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    reconstruction,
    weighted_cross_entropy,
)


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
