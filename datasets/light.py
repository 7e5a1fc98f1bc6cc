"""A thing in the light that falls on the paper below it.

A cut-out comes from a photo that was exposed for it. Beside white paper, for which a phone exposes, skin is darker,
redder and more saturated: in 20 photographs of hands on pages its level was 0.57 to 1.06 of the paper's (tenth and
ninetieth percentile), its saturation 86 to 157 of 255.
"""

import numpy as np
from numpy.typing import NDArray

from utils.page.cells import strongest
from utils.regions import bounds_of

LIT_STEP, LEAST_PAPER_PIXELS = 8, 40  # paper is looked at in every eighth pixel each way; fewer pixels tell nothing
BARE_SHARE, LEAST_PAPER_LEVEL = 75, 0.08  # percentile of its pixels that is bare paper; darker it tells nothing
SHARED_TINT = (0.2, 0.9)  # how far the light's colour is the paper's: paper has a colour of its own
SKIN_TO_PAPER, SKIN_TO_PAPER_SPREAD = 0.78, 0.24  # level of skin over the paper's; spread of its logarithm
BRIGHTEST_SKIN = 1.1  # of the paper's level
SHADED_SKIN_CHANCE, SHADED = 0.15, (0.25, 0.7)  # of a hand that less light reaches than the paper; how much of it
SKIN_SATURATION, SKIN_SATURATION_SPREAD = 0.5, 0.12  # of skin there
CHROMA = (0.7, 2.2)  # limits of the exponent on each channel's share of the strongest, which sets it
SKIN_GREEN = (-0.16, 0.0)  # logarithm of its gain: skin is redder there
THING_GAIN_SPREAD = 0.25  # of a thing's light against the paper's, of its logarithm
THING_ALONE, LEAST_OPAQUE = 0.9, 20  # coverage from which a pixel shows the thing alone; fewer pixels tell nothing
LEAST_LEVEL, MOST_LEVEL = 0.02, 0.98  # limits of levels of which logarithms are taken


def share_light(
    layer: NDArray[np.float32],
    image: NDArray[np.float32],
    page: NDArray[np.float32],
    skin: bool,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """The thing as a photo shows it that was exposed for the paper.

    Args:
        layer: `(h, w, 4)` float32 BGRA in [0, 1], premultiplied.
        image: `(h, w, 3)` float32 in [0, 255], the scene without it.
        page: `(h, w)` float32, 1 on paper.
        skin: whether it is a hand; else it keeps its own colours in the light's level.

    Returns:
        The same shape and range; the layer itself where there is no paper.
    """
    paper = image[::LIT_STEP, ::LIT_STEP][page[::LIT_STEP, ::LIT_STEP] > 0.5]
    alpha = layer[..., 3]
    opaque = layer[::2, ::2][alpha[::2, ::2] > THING_ALONE]
    if len(paper) < LEAST_PAPER_PIXELS or len(opaque) < LEAST_OPAQUE:
        return layer
    white = np.percentile(paper, BARE_SHARE, axis=0) / 255
    level = float(white.max())
    if level < LEAST_PAPER_LEVEL:
        return layer
    gains = (white / level) ** rng.uniform(*SHARED_TINT)
    bounds = bounds_of(alpha > 0)
    assert bounds is not None  # it has opaque pixels
    window = bounds.slices()
    coverage = alpha[window][..., None]
    colour = layer[window][..., :3] / np.maximum(coverage, 1e-3)
    if skin:
        brightest = strongest(colour)[..., None]
        typical = np.clip(np.median(opaque[:, :3], axis=0), LEAST_LEVEL, MOST_LEVEL)
        paleness = np.clip(typical.min() / typical.max(), LEAST_LEVEL, MOST_LEVEL)
        saturation = np.clip(rng.normal(SKIN_SATURATION, SKIN_SATURATION_SPREAD), LEAST_LEVEL, MOST_LEVEL)
        chroma = np.clip(np.log(1 - saturation) / np.log(paleness), *CHROMA)
        colour = brightest * (colour / np.maximum(brightest, 1e-3)) ** np.float32(chroma)
        wanted = min(SKIN_TO_PAPER * np.exp(rng.normal(0, SKIN_TO_PAPER_SPREAD)), BRIGHTEST_SKIN)
        if rng.random() < SHADED_SKIN_CHANCE:
            wanted *= rng.uniform(*SHADED)
        gains = gains * level * wanted / typical.max() * np.exp([0.0, rng.uniform(*SKIN_GREEN), 0.0])
    else:
        gains = gains * level * np.exp(rng.normal(0, THING_GAIN_SPREAD))
    lit = layer.copy()
    lit[window][..., :3] = np.clip(colour * gains.astype(np.float32), 0, 1) * coverage
    return lit
