"""Losses of the two trainings as pure functions of batches, each a scalar tensor.

The hinge loss is that of Miyato et al. 2018, arXiv:1802.05957, called WGAN by the published flags; least squares is
that of Mao et al. 2016, arXiv:1611.04076.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from utils import classes
from utils.spec import CLASS_COUNTS

USUAL_ERROR, LEAST_ERROR = 0.05, 0.01  # of a guide, in shares of white; the second is grain, which nobody can guess
SSIM_PX = 7  # side of the squares over which pictures are compared, scikit-image's own choice
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2  # Wang et al. 2004, for pictures in [0, 1]


def composite(images: Tensor, predictions: Tensor, masks: Tensor) -> Tensor:
    """Fill the holes from the prediction and leave known pixels as they are.

    Args:
        images: `(N, 3, H, W)` float in [0, 1].
        predictions: `(N, 3, H, W)` float; the generator's lie in (-1, 1).
        masks: `(N, 1, H, W)` float, 1 in the hole, 0 elsewhere, between them at soft edges.

    Returns:
        `(N, 3, H, W)` float, equal to `images` wherever `masks` is 0.
    """
    return images * (1 - masks) + predictions * masks


def weighted_cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of a segmentation in which one class counts more than another.

    A label may leave open which of several classes it is: their probabilities are summed then, and their weights
    averaged. Unknown pixels count nothing.

    Args:
        logits: `(N, C, H, W)` float.
        labels: `(N, H, W)` int64, classes in [0, C) or, with two or four classes, codes of `utils.classes`.
        class_weights: `(C,)` float.

    Returns:
        The weighted sum over the batch's pixels and the sum of their weights; the loss is their quotient. They stay
        apart because batches spread over several processes must be divided by the weight of all of them.
    """
    logits = logits.float()
    if logits.shape[1] not in CLASS_COUNTS:
        return F.cross_entropy(logits, labels, weight=class_weights, reduction="sum"), class_weights[labels].sum()
    allowed = _allowed(logits.shape[1], logits.device)
    fewer = allowed.sum(1) < allowed.shape[1]
    weights = ((allowed * class_weights).sum(1) / allowed.sum(1).clamp(min=1) * fewer)[labels]
    possible = logits.masked_fill(~allowed[labels].movedim(-1, 1), -torch.inf)
    losses = logits.logsumexp(1) - possible.logsumexp(1)
    return (losses * weights).sum(), weights.sum()


@lru_cache(maxsize=8)
def _allowed(count: int, device: torch.device) -> Tensor:
    """By label code: the classes that it leaves open, `(256, count)` bool; codes not in use leave all."""
    table = classes.ALLOWED | ~classes.ALLOWED.any(axis=1, keepdims=True)
    return torch.from_numpy(table if count == len(table[0]) else table[:, :count] | table[:, count:]).to(device)


def reconstruction(
    drawn: Tensor,
    images: Tensor,
    masks: Tensor,
    hole_weight: float = 1.0,
    known_weight: float = 0.0,
    rim_px: int = 0,
    counts: Tensor | float = 1.0,
) -> Tensor:
    """Mean absolute difference between what was drawn and the clean picture.

    Args:
        drawn: `(N, 3, H, W)` float, the generator's whole picture.
        images: `(N, 3, H, W)` float in [0, 1].
        masks: `(N, 1, H, W)` float in [0, 1], 1 in the hole.
        hole_weight: how much a pixel in the hole counts; 1 is the published mean over all pixels of the composite.
        known_weight: how much a pixel counts that the network sees; 0 is the published loss, of the composite alone.
        rim_px: only so near the hole, both ways, a pixel counts that the network sees; 0 is everywhere.
        counts: `(N, 1, 1, 1)`, how much each sample counts.
    """
    known = 1 - masks
    if rim_px:
        rows_near = F.max_pool2d(masks, (2 * rim_px + 1, 1), 1, (rim_px, 0))
        known = known * F.max_pool2d(rows_near, (1, 2 * rim_px + 1), 1, (0, rim_px))
    weights = (hole_weight * masks + known_weight * known) * counts
    return ((drawn - images).abs() * weights).mean()


def count_by_guide(guides: Tensor, images: Tensor, masks: Tensor) -> Tensor:
    """How much each sample counts in the training of a guided generator: more where the guide is right already.

    Else holes over text, which nobody can know, drown plain paper, which the network then tints.

    Args:
        guides: `(N, 3, H, W)` float in [0, 1], the pictures that the network corrects.
        images: `(N, 3, H, W)` float in [0, 1], clean.
        masks: `(N, 1, H, W)` float in [0, 1], 1 in the hole.

    Returns:
        `(N, 1, 1, 1)`, 1 where the guide is off by `USUAL_ERROR` on average.
    """
    hole = masks.mean((1, 2, 3), keepdim=True).clamp(min=1e-4)
    error = ((guides - images).abs() * masks).mean((1, 2, 3), keepdim=True) / hole
    return (USUAL_ERROR + LEAST_ERROR) / (error + LEAST_ERROR)


def dissimilarity(filled: Tensor, images: Tensor, masks: Tensor, counts: Tensor | float = 1.0) -> Tensor:
    """1 - SSIM (Wang et al. 2004) of the holes, over squares of `SSIM_PX` that may reach beyond them.

    Args:
        filled: `(N, 3, H, W)` float, clean outside the holes; H and W at least `SSIM_PX`.
        images: `(N, 3, H, W)` float in [0, 1], clean.
        masks: `(N, 1, H, W)` float in [0, 1], 1 in the hole.
        counts: `(N, 1, 1, 1)`, how much each sample counts.

    Returns:
        The mean over all squares, each counted by the hole's share of it.
    """

    def mean(planes: Tensor) -> Tensor:
        return F.avg_pool2d(planes, SSIM_PX, stride=1)

    a, b = mean(filled), mean(images)
    a_variance, b_variance = mean(filled * filled) - a * a, mean(images * images) - b * b
    covariance = mean(filled * images) - a * b
    tone = (2 * a * b + SSIM_C1) / (a * a + b * b + SSIM_C1)
    pattern = (2 * covariance + SSIM_C2) / (a_variance + b_variance + SSIM_C2)
    return ((1 - tone * pattern) * mean(masks) * counts).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of the two halves of the hinge loss; arguments are the discriminator's answers of any shape."""
    return 0.5 * F.relu(1 - real).mean() + 0.5 * F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """What the generator minimises beside the hinge loss: the negated mean answer to its pictures."""
    return -fake.mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of the squared distances from 1 on real and from 0 on generated pictures."""
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def least_squares_generator(fake: Tensor) -> Tensor:
    """Squared distance from 1 of the discriminator's answer to generated pictures."""
    return (fake - 1).square().mean()


class AdversarialLoss(NamedTuple):
    """The two sides of one kind of adversarial training."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


ADVERSARIAL_LOSSES = {
    "WGAN": AdversarialLoss(hinge_discriminator, hinge_generator),
    "LSGAN": AdversarialLoss(least_squares_discriminator, least_squares_generator),
}


def not_finite(losses: dict[str, Tensor]) -> bool:
    """Whether any of the named scalar losses is not a number or infinite; fetches them from the device."""
    return not bool(torch.isfinite(torch.stack([loss.float() for loss in losses.values()])).all())
