"""Scores of a network on held-out samples, and pictures to look at."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.deepfillv2 import draw, pictures_of
from models.losses import composite
from models.training import Precision
from utils import classes, metrics, preprocess

HOLE = 0.5  # mask values above count as hole in scores
CHEQUER_PX, CHEQUER_LEVELS = 8, (0.75, 0.45)  # of the squares that stand for a hole in pictures to look at


@torch.no_grad()
def inpainting_scores(
    generator: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], precision: Precision
) -> dict[str, list[float]]:
    """Scores of the refined composites, one value a picture.

    Args:
        generator: is put into evaluation mode.
        batches: images `(N, 3, H, W)` in [0, 1], perhaps with hints, see `draw`, and masks `(N, 1, H, W)` in [0, 1],
            on the generator's device.

    Returns:
        `psnr` and `ms_ssim` of the whole crop, `mask_psnr` inside the hole; dB but for `ms_ssim`.
    """
    scores: dict[str, list[float]] = {"psnr": [], "ms_ssim": [], "mask_psnr": []}
    generator.eval()
    for images, masks in batches:
        with precision.autocast():
            _, refined = draw(generator, images, masks)
        images = pictures_of(images)
        filled = composite(images, refined.float(), masks)
        for prediction, truth, mask in zip(filled.cpu(), images.cpu(), masks.cpu(), strict=True):
            filled_pixels, true_pixels = preprocess.to_image(prediction.numpy()), preprocess.to_image(truth.numpy())
            hole = np.ascontiguousarray(mask[0].numpy() > HOLE)
            scores["psnr"].append(metrics.psnr(filled_pixels, true_pixels))
            scores["ms_ssim"].append(metrics.ms_ssim(filled_pixels, true_pixels))
            scores["mask_psnr"].append(metrics.psnr(filled_pixels, true_pixels, hole))
    return scores


@torch.no_grad()
def segmentation_scores(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], precision: Precision
) -> dict[str, list[float]]:
    """Scores of what is covered, one value a picture; pixels of which nobody knows do not count.

    Args:
        network: is put into evaluation mode.
        batches: images `(N, 3, H, W)`, normalised, and labels `(N, H, W)`, on the network's device.

    Returns:
        `iou`, `precision` and `recall` in [0, 1]; of a network that knows the page also `page_iou`, of the page with
        what covers it.
    """
    scores: dict[str, list[float]] = {"iou": [], "precision": [], "recall": []}
    network.eval()
    for images, labels in batches:
        with precision.autocast():
            logits = network(images)
        codes, answers = labels.cpu().numpy().astype(np.uint8), logits.argmax(1).cpu().numpy()
        if logits.shape[1] == 4:
            off_page, known = classes.off_page(codes)
            pages = zip((answers < classes.SURROUNDINGS) & known, ~off_page & known, strict=True)
            scores.setdefault("page_iou", []).extend(metrics.iou(prediction, mask) for prediction, mask in pages)
        covered, known = classes.covered(codes)
        for prediction, mask in zip((answers % 2 == 1) & known, covered & known, strict=True):
            scores["iou"].append(metrics.iou(prediction, mask))
            precise, complete = metrics.precision_recall(prediction, mask)
            scores["precision"].append(precise)
            scores["recall"].append(complete)
    return scores


@torch.no_grad()
def inpainting_grid(generator: nn.Module, images: Tensor, masks: Tensor, precision: Precision) -> NDArray[np.uint8]:
    """One row a picture: hole chequered, as editors show what is missing | coarse | refined | clean.

    Args:
        generator: is put into evaluation mode.
        images, masks: a batch as in `inpainting_scores`.

    Returns:
        `(N·H, 4·W, 3)` uint8 BGR.
    """
    generator.eval()
    with precision.autocast():
        coarse, refined = draw(generator, images, masks)
    images = pictures_of(images)
    missing = _chequers(*images.shape[2:]).to(images)
    columns = [composite(images, missing.expand_as(images), masks)]
    columns += [composite(images, drawn.float(), masks) for drawn in (coarse, refined)]
    return _tile([*columns, images])


@torch.no_grad()
def segmentation_grid(
    network: nn.Module, images: Tensor, labels: Tensor, precision: Precision, mean: float, std: float
) -> NDArray[np.uint8]:
    """One row a picture: photo | what the network sees | label; red is covered, blue beside the page.

    Args:
        network: is put into evaluation mode.
        images, labels: a batch as in `segmentation_scores`.
        mean, std: undo the normalisation of the images.

    Returns:
        `(N·H, 3·W, 3)` uint8 BGR.
    """
    network.eval()
    with precision.autocast():
        probs = network(images).float().softmax(1)
    truth = torch.from_numpy(classes.ALLOWED).to(probs)[labels]
    truth = (truth / truth.sum(-1, keepdim=True).clamp(min=1)).movedim(-1, 1)
    return _tile([images * std + mean, _tinted(probs), _tinted(truth)])


def _tinted(probs: Tensor) -> Tensor:
    """Probabilities `(N, C, H, W)` as pictures `(N, 3, H, W)` BGR in [0, 1]: red is covered, blue beside the page."""
    covered = probs[:, 1::2].sum(1)
    off_page = probs[:, 2:].sum(1) if probs.shape[1] > 2 else torch.zeros_like(covered)
    return torch.stack([off_page, torch.zeros_like(covered), covered], 1)


def sample_pictures(images: Tensor, masks: Tensor, coarse: Tensor, refined: Tensor) -> dict[str, NDArray[np.uint8]]:
    """The published sample set of the first picture of a batch, by name, each `(H, W, 3)` uint8 BGR."""
    images = pictures_of(images)
    pictures = {
        "gt": images,
        "mask": masks.expand_as(images),
        "masked_img": images * (1 - masks) + masks,
        "first_out": coarse,
        "second_out": refined,
    }
    return {name: preprocess.to_image(batch[0].float().cpu().numpy()) for name, batch in pictures.items()}


def _chequers(height: int, width: int) -> Tensor:
    """Light and dark grey squares, `(1, 1, height, width)`: they stand out from white paper and from dark desks."""
    rows, columns = (torch.arange(side) // CHEQUER_PX for side in (height, width))
    light = (rows[:, None] + columns) % 2 == 0
    return torch.where(light, *CHEQUER_LEVELS)[None, None]


def _tile(columns: list[Tensor]) -> NDArray[np.uint8]:
    rows = torch.cat([column.float() for column in columns], dim=3)  # (N, 3, H, columns · W)
    return np.concatenate([preprocess.to_image(row) for row in rows.cpu().numpy()])
