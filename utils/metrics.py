"""Scores of repaired pictures and of predicted masks, with NumPy and OpenCV alone.

Conventions, the same in every function:

- Pictures are 8-bit, the data range is 255. A colour picture is scored on its three channels as stored, without
  conversion to grey: squared errors and structural similarities are averaged over all values of all channels.
- PSNR is 10 · log10(255² / MSE); of identical pictures it is `inf`. `mean` says how that enters a mean.
- SSIM (Wang et al. 2004) has a Gaussian window of 11×11 with sigma 1.5, k1 = 0.01, k2 = 0.03, population covariance,
  and counts the positions where the window fits: scikit-image's `structural_similarity(…, gaussian_weights=True,
  sigma=1.5, use_sample_covariance=False)`.
- MS-SSIM (Wang, Simoncelli and Bovik 2003) has five scales, each the 2×2 means of the finer one, contrast · structure
  clipped at 0, and at the coarsest scale luminance too, there with reflected borders: torchmetrics'
  `multiscale_structural_similarity_index_measure`. A picture with a side under 176 px has as many scales as leave
  11 px at the coarsest one, and their published weights are scaled to sum to 1.

The picture scores run channel by channel in strips of rows: beyond the two pictures they take about 60 MB for
12 megapixels of colour and 430 MB for 100.
"""

import math
from collections.abc import Iterable

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Mask

DATA_RANGE = 255.0  # levels from black to white
SSIM_WINDOW_PX = 11  # side of the Gaussian window of SSIM, in pixels
SIGMA = 1.5  # standard deviation of that window, in pixels
K1, K2 = 0.01, 0.03  # of SSIM, Wang et al. 2004
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first, Wang et al. 2003, section 3.2
STRIP_ROWS = 256  # rows of a picture computed at a time

RING_PX = 32  # width of the ring around the mask in which the seam shows
BOUNDARY_PX = 8  # a little more than one pixel of the 480×640 segmentation net in a photo of 3000×4000


def squared_error(a: Image, b: Image, mask: Mask | None = None) -> tuple[float, int]:
    """Sum of squared differences and how many values it runs over.

    Args:
        a, b: `(H, W)` or `(H, W, C)` uint8, the same shape.
        mask: `(H, W)` bool; only its True pixels count. None: all pixels.

    Returns:
        The sum (exact) and the number of values, pixels times channels.

    Raises:
        ValueError: shapes or types do not fit.
    """
    _check_pair(a, b)
    if mask is not None:
        _check_mask(mask, a)
    total, count = 0, 0
    for top in range(0, a.shape[0], STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        strip_a, strip_b = a[rows], b[rows]
        if mask is not None:
            if not mask[rows].any():
                continue
            strip_a, strip_b = strip_a[mask[rows]], strip_b[mask[rows]]
        difference = cv2.absdiff(np.ascontiguousarray(strip_a), np.ascontiguousarray(strip_b))
        levels = np.bincount(difference.ravel(), minlength=256)
        total += int((levels * np.arange(256, dtype=np.int64) ** 2).sum())
        count += strip_a.size
    return float(total), count


def psnr(a: Image, b: Image, mask: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB, `inf` for identical pictures and `nan` where the mask is empty.

    Args and errors as `squared_error`.
    """
    total, count = squared_error(a, b, mask)
    if count == 0:
        return math.nan
    return math.inf if total == 0 else 10 * math.log10(DATA_RANGE**2 * count / total)


def ssim(a: Image, b: Image) -> float:
    """Mean structural similarity, in [-1, 1].

    Args:
        a, b: `(H, W)` or `(H, W, C)` uint8, the same shape.

    Raises:
        ValueError: shapes or types do not fit, or a side is under 11 px.
    """
    _check_pair(a, b)
    _check_side(a)
    means = [_similarities(x, y, reflect=False)[0] for x, y in _channels(a, b)]
    return float(np.mean(means))


def ms_ssim(a: Image, b: Image) -> float:
    """Multi-scale structural similarity, in [0, 1].

    Args:
        a, b: `(H, W)` or `(H, W, C)` uint8, the same shape.

    Raises:
        ValueError: shapes or types do not fit, or a side is under 11 px.
    """
    _check_pair(a, b)
    _check_side(a)
    scales = ms_ssim_scales(*a.shape[:2])
    factors = np.zeros(scales)
    for x, y in _channels(a, b):
        for scale in range(scales):
            last = scale == scales - 1
            luminance_too, contrast = _similarities(x, y, reflect=last)
            factors[scale] += luminance_too if last else contrast
            if not last:
                x, y = _halve(x), _halve(y)
    factors /= 1 if a.ndim == 2 else a.shape[2]
    weights = np.array(MS_SSIM_WEIGHTS[:scales])
    if scales < len(MS_SSIM_WEIGHTS):
        weights /= weights.sum()
    return float(np.prod(np.maximum(factors, 0) ** weights))


def ms_ssim_scales(height: int, width: int) -> int:
    """How many scales MS-SSIM has on a picture of this size: 5, fewer where a side is under 176 px."""
    scales = 1
    while scales < len(MS_SSIM_WEIGHTS) and min(height, width) >> scales >= SSIM_WINDOW_PX:
        scales += 1
    return scales


def ring(mask: Mask, ring_px: int = RING_PX) -> Mask:
    """The pixels outside the mask that lie within `ring_px` of it: `(H, W)` bool → `(H, W)` bool."""
    if not mask.any():
        return np.zeros_like(mask)
    ring_mask = np.zeros_like(mask)
    y0, y1, x0, x1 = _extent(mask, ring_px)
    inside = mask[y0:y1, x0:x1]
    distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ring_mask[y0:y1, x0:x1] = (distance <= ring_px) & ~inside
    return ring_mask


def restoration_scores(prediction: Image, truth: Image, mask: Mask | None = None) -> dict[str, float]:
    """The scores of one repaired photo.

    Args:
        prediction, truth: `(H, W, 3)` uint8, the same shape.
        mask: `(H, W)` bool, True where the occluder was. None: only the scores of the whole picture.

    Returns:
        `psnr` (dB) and `ms_ssim` of the whole picture; with a mask also `mask_psnr` inside it and `ring_psnr` in the
        32 px around it, `nan` where there are no such pixels.

    Raises:
        ValueError: shapes or types do not fit, or a side is under 11 px.
    """
    scores = {"psnr": psnr(prediction, truth), "ms_ssim": ms_ssim(prediction, truth)}
    if mask is not None:
        scores["mask_psnr"] = psnr(prediction, truth, mask)
        scores["ring_psnr"] = psnr(prediction, truth, ring(mask))
    return scores


def iou(prediction: Mask, truth: Mask) -> float:
    """Intersection over union of two `(H, W)` bool masks; 1 where both are empty.

    Raises:
        ValueError: the sizes differ.
    """
    _check_masks(prediction, truth)
    union = np.count_nonzero(prediction | truth)
    return 1.0 if union == 0 else float(np.count_nonzero(prediction & truth) / union)


def precision_recall(prediction: Mask, truth: Mask) -> tuple[float, float]:
    """Share of the predicted pixels that are true, and of the true pixels that are predicted.

    Args:
        prediction, truth: `(H, W)` bool.

    Returns:
        Precision and recall in [0, 1]. With nothing predicted there is no false pixel and precision is 1; with nothing
        to find recall is 1.

    Raises:
        ValueError: the sizes differ.
    """
    _check_masks(prediction, truth)
    hits = np.count_nonzero(prediction & truth)
    predicted, true = np.count_nonzero(prediction), np.count_nonzero(truth)
    return float(hits / predicted) if predicted else 1.0, float(hits / true) if true else 1.0


def boundary_f(prediction: Mask, truth: Mask, tolerance_px: float = BOUNDARY_PX) -> float:
    """Boundary F-measure (Martin et al. 2004; Perazzi et al. 2016): how well the outlines meet.

    The outline is every mask pixel with a paper pixel beside, above or below it; the border of the photo is not
    outline. Precision is the share of the predicted outline within `tolerance_px` of the true one, recall the
    converse, F their harmonic mean.

    Args:
        prediction, truth: `(H, W)` bool.
        tolerance_px: Euclidean distance in pixels up to which an outline pixel counts as met.

    Returns:
        F in [0, 1]; 1 where neither mask has an outline, 0 where only one has.

    Raises:
        ValueError: the sizes differ.
    """
    _check_masks(prediction, truth)
    predicted, true = _outline(prediction), _outline(truth)
    if not predicted.any() or not true.any():
        return float(not predicted.any() and not true.any())
    precision = _share_within(predicted, true, tolerance_px)
    recall = _share_within(true, predicted, tolerance_px)
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def mask_scores(prediction: Mask, truth: Mask, tolerance_px: float = BOUNDARY_PX) -> dict[str, float]:
    """`iou`, `precision`, `recall` and `boundary_f` of one predicted mask; arguments and errors as `boundary_f`."""
    precision, recall = precision_recall(prediction, truth)
    return {
        "iou": iou(prediction, truth),
        "precision": precision,
        "recall": recall,
        "boundary_f": boundary_f(prediction, truth, tolerance_px),
    }


def mean(values: Iterable[float]) -> float:
    """Mean of one score over pictures.

    `nan` (nothing to score, such as an empty mask) is left out. So is `inf`, the PSNR of a picture equal to its truth:
    one such picture would make the mean of all infinite. Only where no finite value is left and one is infinite is the
    mean `inf`; of nothing at all it is `nan`.
    """
    known = [value for value in values if not math.isnan(value)]
    finite = [value for value in known if math.isfinite(value)]
    if finite:
        return math.fsum(finite) / len(finite)
    return math.inf if known else math.nan


def _check_pair(a: AnyArray, b: AnyArray) -> None:
    if a.shape != b.shape:
        raise ValueError(f"the pictures differ in size: {_size(a)} and {_size(b)}; they must be equal")
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(f"pictures must be 8-bit (uint8), not {a.dtype} and {b.dtype}")
    if a.ndim not in (2, 3) or a.size == 0:
        raise ValueError(f"a picture must be (H, W) or (H, W, C) with at least one pixel, not {a.shape}")


def _check_side(a: AnyArray) -> None:
    if min(a.shape[:2]) < SSIM_WINDOW_PX:
        raise ValueError(
            f"structural similarity needs at least {SSIM_WINDOW_PX} pixels a side, the picture has {_size(a)}"
        )


def _check_mask(mask: AnyArray, a: AnyArray) -> None:
    if mask.dtype != np.bool_ or mask.shape != a.shape[:2]:
        raise ValueError(f"the mask must be bool of size {_size(a)}, not {mask.dtype} of {_size(mask)}")


def _check_masks(prediction: AnyArray, truth: AnyArray) -> None:
    if prediction.dtype != np.bool_ or truth.dtype != np.bool_:
        raise ValueError(f"masks must be bool, not {prediction.dtype} and {truth.dtype}")
    if prediction.shape != truth.shape or prediction.ndim != 2:
        raise ValueError(f"the masks differ in size: {_size(prediction)} and {_size(truth)}; they must be equal")


def _size(a: AnyArray) -> str:
    """Width × height × channels, as a user reads sizes."""
    return "×".join(str(n) for n in (*a.shape[1::-1], *a.shape[2:]))


def _channels(a: Image, b: Image) -> Iterable[tuple[AnyArray, AnyArray]]:
    if a.ndim == 2:
        yield a, b
        return
    for channel in range(a.shape[2]):
        yield cv2.extractChannel(a, channel), cv2.extractChannel(b, channel)


def _similarities(x: AnyArray, y: AnyArray, reflect: bool) -> tuple[float, float]:
    """Mean of luminance · contrast · structure, and of contrast · structure, over one channel.

    Args:
        x, y: `(H, W)`, uint8 or float32 in [0, 255].
        reflect: average over all positions, with reflected borders; else only over those where the window fits.
    """
    half = SSIM_WINDOW_PX // 2
    if reflect:
        x, y = (cv2.copyMakeBorder(p, half, half, half, half, cv2.BORDER_REFLECT_101) for p in (x, y))
    height, width = x.shape[0] - 2 * half, x.shape[1] - 2 * half
    full, contrast = 0.0, 0.0
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, min(top + STRIP_ROWS, height) + 2 * half)
        strip_full, strip_contrast = _strip_similarities(x[rows], y[rows])
        full += strip_full
        contrast += strip_contrast
    return full / (height * width), contrast / (height * width)


def _strip_similarities(x: AnyArray, y: AnyArray) -> tuple[float, float]:
    """Sums of both similarities over the positions of a strip where the window fits.

    Sum and difference of the two need four blurs where the textbook needs five: with s = x + y and d = x - y,
    2·mean(x)·mean(y) = (mean(s)² - mean(d)²) / 2, and likewise for the sums of squares and for (co)variances.
    """
    half = SSIM_WINDOW_PX // 2
    inner = (slice(half, x.shape[0] - half), slice(half, x.shape[1] - half))
    if np.array_equal(x, y):
        count = (x.shape[0] - 2 * half) * (x.shape[1] - 2 * half)
        return float(count), float(count)
    x, y = x.astype(np.float32), y.astype(np.float32)

    def blur(p: AnyArray) -> AnyArray:
        return cv2.GaussianBlur(p, (SSIM_WINDOW_PX, SSIM_WINDOW_PX), SIGMA, borderType=cv2.BORDER_REFLECT_101)[inner]

    c1, c2 = np.float32(2 * (K1 * DATA_RANGE) ** 2), np.float32(2 * (K2 * DATA_RANGE) ** 2)
    s, d = x + y, x - y
    s -= np.float32(DATA_RANGE)  # about 0, so that mean(s²) - mean(s)² keeps its digits
    mean_s, mean_d = blur(s), blur(d)
    var_s = blur(cv2.multiply(s, s)) - mean_s * mean_s
    var_d = blur(cv2.multiply(d, d)) - mean_d * mean_d
    contrast = (var_s - var_d + c2) / (var_s + var_d + c2)
    mean_s += np.float32(DATA_RANGE)
    mean_s *= mean_s
    mean_d *= mean_d
    luminance = (mean_s - mean_d + c1) / (mean_s + mean_d + c1)
    sum_contrast = float(contrast.sum(dtype=np.float64))
    contrast *= luminance
    return float(contrast.sum(dtype=np.float64)), sum_contrast


def _halve(x: AnyArray) -> Floats:
    """2×2 means; an odd last row or column is dropped."""
    height, width = x.shape[0] // 2, x.shape[1] // 2
    out = np.empty((height, width), np.float32)
    for top in range(0, height, STRIP_ROWS):
        rows = x[2 * top : 2 * min(top + STRIP_ROWS, height), : 2 * width].astype(np.float32)
        cv2.resize(rows, (width, rows.shape[0] // 2), dst=out[top : top + STRIP_ROWS], interpolation=cv2.INTER_AREA)
    return out


def _extent(mask: Mask, margin_px: int) -> tuple[int, int, int, int]:
    """Rows and columns `(y0, y1, x0, x1)` that hold the mask and a margin, inside the picture."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y0, y1 = max(rows[0] - margin_px, 0), min(rows[-1] + margin_px + 1, mask.shape[0])
    x0, x1 = max(columns[0] - margin_px, 0), min(columns[-1] + margin_px + 1, mask.shape[1])
    return int(y0), int(y1), int(x0), int(x1)


def _outline(mask: Mask) -> Mask:
    """Mask pixels with a paper pixel among their four neighbours inside the photo."""
    pixels = mask.astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    eroded = cv2.erode(pixels, cross, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return (pixels != 0) & (eroded == 0)


def _share_within(outline: Mask, other: Mask, tolerance_px: float) -> float:
    distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(np.mean(distance[outline] <= tolerance_px))
