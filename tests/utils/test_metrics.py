import math

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.classification import binary_jaccard_index, binary_precision, binary_recall
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from utils import metrics


def picture(height=200, width=190, seed=0):
    """A smooth colour picture with detail at several scales."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
    fine = rng.integers(-25, 26, (height // 2, width // 2, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.clip(smooth + cv2.resize(fine, (width, height)), 0, 255).astype(np.uint8)


def disturbed(image, amount=15, seed=1):
    noise = np.random.default_rng(seed).integers(-amount, amount + 1, image.shape)
    return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def batch(image):
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float64))


PAIRS = {
    "noise": (picture(), disturbed(picture())),
    "blur": (picture(), cv2.GaussianBlur(picture(), (9, 9), 2)),
    "unrelated": (picture(), picture(seed=7)),
    "negative": (picture(), 255 - picture()),
    "flat and brighter": (np.full((180, 200, 3), 200, np.uint8), np.full((180, 200, 3), 210, np.uint8)),
    "more rows than one strip": (picture(400, 180), disturbed(picture(400, 180))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_psnr_equals_scikit_image(name):
    a, b = PAIRS[name]
    assert metrics.psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_ssim_equals_scikit_image(name):
    a, b = PAIRS[name]
    expected = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=2
    )
    assert metrics.ssim(a, b) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_ms_ssim_equals_torchmetrics(name):
    a, b = PAIRS[name]
    expected = multiscale_structural_similarity_index_measure(batch(a), batch(b), data_range=255.0)
    assert metrics.ms_ssim(a, b) == pytest.approx(float(expected), abs=1e-6)


def test_ms_ssim_of_a_small_picture_equals_torchmetrics_with_fewer_scaled_weights():
    a, b = picture(60, 80), disturbed(picture(60, 80))
    weights = np.array(metrics.MS_SSIM_WEIGHTS[:3])
    expected = multiscale_structural_similarity_index_measure(
        batch(a), batch(b), data_range=255.0, betas=tuple((weights / weights.sum()).tolist())
    )
    assert metrics.ms_ssim_scales(60, 80) == 3
    assert metrics.ms_ssim(a, b) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (21, 1), (22, 2), (44, 3), (175, 4), (176, 5), (4000, 5)])
def test_number_of_scales_leaves_eleven_pixels_at_the_coarsest(side, scales):
    assert metrics.ms_ssim_scales(side, 5000) == scales
    assert metrics.ms_ssim_scales(5000, side) == scales


def test_scores_of_identical_pictures():
    a = picture()
    assert metrics.psnr(a, a.copy()) == math.inf
    assert metrics.ssim(a, a.copy()) == 1
    assert metrics.ms_ssim(a, a.copy()) == 1


def test_grey_picture_scores_as_three_equal_channels():
    a, b = picture()[..., 0], disturbed(picture())[..., 0]
    colour = [np.repeat(p[..., None], 3, axis=2) for p in (a, b)]
    for score in (metrics.psnr, metrics.ssim, metrics.ms_ssim):
        assert score(a, b) == pytest.approx(score(*colour), abs=1e-12)


@pytest.mark.slow
def test_a_row_strip_that_is_equal_counts_as_one_computed():
    a = picture(620, 180)
    b = a.copy()
    b[560:600] = disturbed(a[560:600])
    expected = multiscale_structural_similarity_index_measure(batch(a), batch(b), data_range=255.0)
    assert metrics.ms_ssim(a, b) == pytest.approx(float(expected), abs=1e-6)


def test_psnr_in_mask_counts_only_masked_pixels():
    a, b = picture(), disturbed(picture())
    mask = np.zeros(a.shape[:2], bool)
    mask[30:90, 50:] = True
    inside = np.mean((a[mask].astype(float) - b[mask]) ** 2)
    assert metrics.psnr(a, b, mask) == pytest.approx(10 * math.log10(255**2 / inside), abs=1e-9)
    b[~mask] = 0
    assert metrics.psnr(a, b, mask) == pytest.approx(10 * math.log10(255**2 / inside), abs=1e-9)


def test_psnr_in_an_empty_mask_is_not_a_number():
    a = picture()
    assert math.isnan(metrics.psnr(a, disturbed(a), np.zeros(a.shape[:2], bool)))


def test_ring_holds_the_pixels_within_32_of_the_mask():
    mask = np.zeros((150, 170), bool)
    mask[60:70, 0:20] = True
    mask[100, 100] = True
    ys, xs = np.nonzero(mask)
    grid_y, grid_x = np.mgrid[:150, :170]
    nearest = np.sqrt(((grid_y[..., None] - ys) ** 2 + (grid_x[..., None] - xs) ** 2).min(axis=-1))
    np.testing.assert_array_equal(metrics.ring(mask), (nearest <= 32) & ~mask)


def test_ring_of_nothing_and_of_everything_is_empty():
    assert not metrics.ring(np.zeros((40, 40), bool)).any()
    assert not metrics.ring(np.ones((40, 40), bool)).any()


def test_restoration_scores_place_the_error():
    truth = picture()
    mask = np.zeros(truth.shape[:2], bool)
    mask[80:120, :60] = True
    prediction = truth.copy()
    prediction[mask] ^= 8
    scores = metrics.restoration_scores(prediction, truth, mask)
    assert list(scores) == ["psnr", "ms_ssim", "mask_psnr", "ring_psnr"]
    assert scores["mask_psnr"] == pytest.approx(10 * math.log10(255**2 / 64))
    assert scores["ring_psnr"] == math.inf
    assert scores["psnr"] > scores["mask_psnr"]


def random_masks():
    blobs = [cv2.GaussianBlur(np.random.default_rng(s).random((90, 110)), (0, 0), 6) for s in (0, 1)]
    return [blob > np.median(blob) for blob in blobs]


def test_mask_scores_equal_torchmetrics():
    prediction, truth = random_masks()
    tensors = torch.from_numpy(prediction).int(), torch.from_numpy(truth).int()
    assert metrics.iou(prediction, truth) == pytest.approx(float(binary_jaccard_index(*tensors)), abs=1e-6)
    precision, recall = metrics.precision_recall(prediction, truth)
    assert precision == pytest.approx(float(binary_precision(*tensors)), abs=1e-6)
    assert recall == pytest.approx(float(binary_recall(*tensors)), abs=1e-6)


def test_mask_scores_where_masks_are_empty():
    nothing, something = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    something[10:20, 10:20] = True
    perfect = {"iou": 1, "precision": 1, "recall": 1, "boundary_f": 1}
    assert metrics.mask_scores(nothing, nothing) == perfect
    assert metrics.mask_scores(something, something) == perfect
    assert metrics.mask_scores(nothing, something) == {"iou": 0, "precision": 1, "recall": 0, "boundary_f": 0}
    assert metrics.mask_scores(something, nothing) == {"iou": 0, "precision": 0, "recall": 1, "boundary_f": 0}


@pytest.mark.parametrize("tolerance_px", [0, 1, 2.5, 6])
def test_boundary_f_equals_the_plain_definition(tolerance_px):
    prediction, truth = random_masks()

    def outline(mask):
        return [
            (y, x)
            for y, x in zip(*np.nonzero(mask), strict=True)
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
            if 0 <= y + dy < mask.shape[0] and 0 <= x + dx < mask.shape[1] and not mask[y + dy, x + dx]
        ]

    p, t = (np.array(sorted(set(outline(mask)))) for mask in (prediction, truth))
    distances = np.sqrt(((p[:, None] - t[None]) ** 2).sum(axis=-1))
    precision = (distances.min(axis=1) <= tolerance_px).mean()
    recall = (distances.min(axis=0) <= tolerance_px).mean()
    expected = 2 * precision * recall / (precision + recall)
    assert metrics.boundary_f(prediction, truth, tolerance_px) == pytest.approx(expected, abs=1e-9)


def test_boundary_f_forgives_a_shift_within_its_tolerance_only():
    truth = np.zeros((200, 200), bool)
    truth[60:140, :120] = True
    shifted = np.zeros_like(truth)
    shifted[60:140, :125] = True
    assert metrics.boundary_f(shifted, truth, tolerance_px=5) == 1
    assert metrics.boundary_f(shifted, truth, tolerance_px=4) < 1


def test_mean_leaves_out_perfect_and_missing_scores():
    assert metrics.mean([30.0, 40.0, math.inf, math.nan]) == 35
    assert metrics.mean([math.inf, math.nan]) == math.inf
    assert math.isnan(metrics.mean([math.nan]))
    assert math.isnan(metrics.mean([]))


def test_unequal_sizes_name_both():
    with pytest.raises(ValueError, match="190×200×3 and 190×210×3"):
        metrics.psnr(picture(), picture(210))
    with pytest.raises(ValueError, match="bool of size 190×200×3"):
        metrics.psnr(picture(), picture(), np.zeros((10, 10), bool))
    with pytest.raises(ValueError, match="5×4 and 5×6"):
        metrics.iou(np.zeros((4, 5), bool), np.zeros((6, 5), bool))


def test_pictures_that_are_not_8_bit_are_refused():
    with pytest.raises(ValueError, match="8-bit"):
        metrics.ssim(picture().astype(np.float32), picture().astype(np.float32))


def test_a_picture_smaller_than_the_window_is_refused():
    tiny = np.zeros((10, 40, 3), np.uint8)
    with pytest.raises(ValueError, match="at least 11 pixels a side, the picture has 40×10×3"):
        metrics.ms_ssim(tiny, tiny)
