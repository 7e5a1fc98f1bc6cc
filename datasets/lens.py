"""One camera after everything: light, exposure, colour, focus, noise, reduction and JPEG over page, desk and occluder.

A network that has learnt to see pasted edges finds nothing in life; here all that is in the picture went through the
same lens.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from utils.arrays import AnyArray

# Chances and ranges of this module were set by eye on photographs of documents. Levels are shares of full light,
# spreads standard deviations, those of gains and exponents of their natural logarithms.

# Light on the scene; places and distances are shares of its sides, the scene itself from -0.5 to 0.5.
LIGHT_GRID = 24j  # points a side at which the light is computed; between them it is interpolated
SLOPE_SPREAD = 0.35  # of the light from one end of the scene to the other
SPOT_CHANCE = 0.12  # of a lamp's or a flash's light
SPOT_PLACE, SPOT_GAIN, SPOT_SPREAD = (-0.6, 0.6), (0.2, 0.9), (0.02, 0.2)  # the last in squares of a side
MOST_VIGNETTE = 0.35  # light lost, times the squared distance from the middle
LEAST_LIGHT, MOST_LIGHT = 0.2, 2.2  # light that is left and that is added at most

# A shadow thrown by something that is not in the picture: one wavy edge, dark beyond it. Lengths in pixels.
CAST_CHANCE = 0.25
CAST_PLACE = (0.1, 0.9)  # of a point of its edge, shares of the sides
CAST_KNOTS, CAST_WAVE_PX, CAST_REACH_PX, CAST_FAR_PX = 13, 25, 900, 1500  # of the edge, and how far it is dark
CAST_SOFTNESS_PX, CAST_STRENGTH = (0.7, 30), (0.12, 0.6)

# Exposure and colour.
ORDINARY_CHANCE = 0.8  # of a photo that a phone has exposed by itself
ORDINARY_STRENGTH = 0.4  # of what happens to its exposure after that, as `expose` takes it
ORDINARY_NOISE = 0.4  # of a photo of many megapixels, after reduction
RETOUCHED_STRENGTH, RETOUCHED_NOISE = 0.4, 0.15  # of exposure and noise after pasting
METER_STEP = 8  # metering looks at every eighth pixel each way
METERED_SHARE, METERED_LEVEL = 85, (150.0, 240.0)  # percentile of the brightest channel, and where metering puts it
METERED_GAIN = (0.5, 4.0)  # limits of the gain that metering may set
CURVE_SHARE, CURVE_BLACK = 1.0, (0.0, 30.0)  # percentile of the darkest channel, and where a phone's curve puts it
BLACKENED = (0.2, 1.0)  # how far towards that level
MOST_BLACK = 120.0  # level that becomes black at most
WHITE_SHARE, WHITE_BALANCE, WHITE_ERROR = 75, (0.6, 1.0), 0.04  # brightest pixels made neutral: how far, how exactly
EXPOSURE_SPREAD, BALANCE_SPREAD, EXPONENT_SPREAD, SATURATION_SPREAD = 0.16, 0.09, 0.2, 0.18
DARK_CHANCE, DARK_GAIN = 0.07, (0.25, 0.6)  # of a photo taken too dark
BRIGHT_CHANCE, BRIGHT_GAIN = 0.07, (1.2, 1.7)  # of one taken too bright
CONTRAST_CHANCE, MOST_CONTRAST = 0.3, 0.8  # of more contrast, and the share of a smooth step in it
HAZE_CHANCE, MOST_HAZE = 0.2, 0.15
COLOURLESS_CHANCE = 0.08  # of a photo without colour

# Sharpness, noise, file.
DEFOCUS_CHANCE, DEFOCUS_PX = 0.3, (0.35, 1.4)
SHAKE_CHANCE, SHAKE_PX = 0.06, (3, 5, 7)
ENLARGED_CHANCE = 0.3  # of a small photo that was enlarged
ENLARGED = (0.35, 0.9)  # its size before, as a share of the size after
NOISE_SHAPE, NOISE_SCALE = 1.3, 2.2  # of the gamma distribution that noise is drawn from, in levels of 255
COLOURED_NOISE_CHANCE = 0.5  # of coarse, coloured noise as well
SHARPENED_CHANCE, SHARPENED_PX, SHARPENED = 0.25, 1.2, (0.2, 1.2)  # by an unsharp mask of that blur and strength
CRISP_CHANCE, CRISPENED_CHANCE = 0.6, 0.6  # of an ordinary photo reduced from many megapixels, and sharpened then
JPEG_CHANCE, JPEG_QUALITY = 0.75, (28, 95)  # of a photo that was saved as JPEG, and the range of its quality


def take(image: NDArray[np.float32], rng: np.random.Generator, noise: float = 1.0) -> NDArray[np.uint8]:
    """A photo of a scene: light, exposure, focus, noise, JPEG; most are exposed as a phone does it by itself.

    Args:
        image: `(h, w, 3)` float32 in [0, 255].
        noise: strength of the noise.
    """
    lit = shine(image, rng)
    ordinary = rng.random() < ORDINARY_CHANCE
    exposed = expose(_meter(lit, rng), rng, ORDINARY_STRENGTH) if ordinary else expose(lit, rng)
    if ordinary and rng.random() < CRISP_CHANCE:
        return record(exposed, rng, noise * ORDINARY_NOISE, CRISPENED_CHANCE)
    return record(soften(exposed, rng), rng, noise * (ORDINARY_NOISE if ordinary else 1.0))


def retouch(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """What happens to a photo after somebody pasted a thing on it: a little exposure, noise, JPEG."""
    return record(expose(image, rng, RETOUCHED_STRENGTH), rng, RETOUCHED_NOISE)


def _meter(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Automatic exposure and white balance: bright paper becomes bright and nearly neutral."""
    pixels = image[::METER_STEP, ::METER_STEP].reshape(-1, 3)
    level = pixels.max(axis=1)
    white = pixels[level >= np.percentile(level, WHITE_SHARE)].mean(axis=0)
    balance = (white.mean() / np.maximum(white, 1.0)) ** rng.uniform(*WHITE_BALANCE)
    balance = np.clip(balance, *METERED_GAIN) * np.exp(rng.normal(0, WHITE_ERROR, 3))
    brightest = np.percentile((pixels * balance).max(axis=1), METERED_SHARE)
    gain = np.clip(rng.uniform(*METERED_LEVEL) / max(brightest, 1.0), *METERED_GAIN)
    return _blacken(image * (balance * gain).astype(np.float32), rng)


def _blacken(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """What is darkest becomes nearly black, full light stays: a phone's curve."""
    darkest = np.percentile(image[::METER_STEP, ::METER_STEP].min(axis=2), CURVE_SHARE)
    black = np.clip((darkest - rng.uniform(*CURVE_BLACK)) * rng.uniform(*BLACKENED), 0, MOST_BLACK)
    return np.maximum(image - np.float32(black), 0) * np.float32(255 / (255 - black))


def shine(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Light on the scene: a gradient, a lamp, shadows of what is not in the picture.

    Args:
        image: `(h, w, 3)` float32 in [0, 255].

    Returns:
        The same shape and range, not clipped.
    """
    h, w = image.shape[:2]
    y, x = np.mgrid[-0.5:0.5:LIGHT_GRID, -0.5:0.5:LIGHT_GRID].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + (x * np.cos(angle) + y * np.sin(angle)) * abs(rng.normal(0, SLOPE_SPREAD))
    if rng.random() < SPOT_CHANCE:
        cx, cy = rng.uniform(*SPOT_PLACE, 2)
        light += rng.uniform(*SPOT_GAIN) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(*SPOT_SPREAD))
    light -= rng.uniform(0, MOST_VIGNETTE) * (x * x + y * y)
    field = cv2.resize(
        np.clip(light, LEAST_LIGHT, MOST_LIGHT).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC
    )
    if rng.random() < CAST_CHANCE:
        field = field * (1 - _cast(h, w, rng))
    return image * field[..., None]


def _cast(h: int, w: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """How much light something outside the picture takes: `(h, w)` in [0, 1), with an edge of any softness."""
    angle, centre = rng.uniform(0, 2 * np.pi), rng.uniform(*CAST_PLACE, 2) * (w, h)
    normal = np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-normal[1], normal[0]])
    places = np.linspace(-CAST_REACH_PX, CAST_REACH_PX, CAST_KNOTS)
    knots = [centre + along * place + normal * rng.normal(0, CAST_WAVE_PX) for place in places]
    outline = np.array([*knots, knots[-1] + normal * CAST_FAR_PX, knots[0] + normal * CAST_FAR_PX])
    shadow = np.zeros((h, w), np.uint8)
    cv2.fillPoly(shadow, [np.rint(outline).astype(np.int32)], 255, cv2.LINE_AA)
    soft = cv2.GaussianBlur(shadow, (0, 0), float(np.exp(rng.uniform(*np.log(CAST_SOFTNESS_PX)))))
    return soft.astype(np.float32) * np.float32(rng.uniform(*CAST_STRENGTH) / 255)


def expose(image: NDArray[np.float32], rng: np.random.Generator, strength: float = 1.0) -> NDArray[np.float32]:
    """Exposure, white balance, contrast: `(h, w, 3)` float32 in about [0, 255] → [0, 255].

    Args:
        strength: 0 changes nothing.
    """
    gain = np.exp(rng.normal(0, EXPOSURE_SPREAD) * strength)
    if rng.random() < DARK_CHANCE * strength:
        gain *= rng.uniform(*DARK_GAIN)
    elif rng.random() < BRIGHT_CHANCE * strength:
        gain *= rng.uniform(*BRIGHT_GAIN)
    balance = np.exp(rng.normal(0, BALANCE_SPREAD, 3) * strength).astype(np.float32)
    level = np.clip(image * (np.float32(gain / 255) * balance), 0, None)
    level = np.minimum(level, 1) ** np.float32(np.exp(rng.normal(0, EXPONENT_SPREAD) * strength))
    if rng.random() < CONTRAST_CHANCE * strength:
        level += (level * level * (3 - 2 * level) - level) * np.float32(rng.uniform(0, MOST_CONTRAST))
    if rng.random() < HAZE_CHANCE * strength:
        haze = np.float32(rng.uniform(0, MOST_HAZE))
        level = haze + (1 - haze) * level
    grey = level.mean(axis=2, keepdims=True)
    if rng.random() < COLOURLESS_CHANCE * strength:
        level = np.repeat(grey, 3, axis=2)
    else:
        level = grey + (level - grey) * np.float32(np.exp(rng.normal(0, SATURATION_SPREAD) * strength))
    return np.clip(level * 255, 0, 255)


def soften(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Out of focus, shaken, or a small photo enlarged; most are sharp."""
    h, w = image.shape[:2]
    kind = rng.random()
    if kind < DEFOCUS_CHANCE:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(*DEFOCUS_PX))
    elif kind < DEFOCUS_CHANCE + SHAKE_CHANCE:
        length = int(rng.choice(SHAKE_PX))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        start, end = (np.rint(length // 2 + sign * reach).astype(int).tolist() for sign in (-1, 1))
        cv2.line(kernel, start, end, 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    if rng.random() < ENLARGED_CHANCE:
        share = rng.uniform(*ENLARGED)
        small = cv2.resize(image, (round(w * share), round(h * share)), interpolation=cv2.INTER_AREA)
        small = _compressed(small, rng) if rng.random() < JPEG_CHANCE else small
        image = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return image


def record(
    image: NDArray[np.float32],
    rng: np.random.Generator,
    strength: float = 1.0,
    sharpened_chance: float = SHARPENED_CHANCE,
) -> NDArray[np.uint8]:
    """Noise, sharpening, JPEG: `(h, w, 3)` float32 in [0, 255] → uint8.

    Args:
        strength: of the noise.
        sharpened_chance: how often the photo is sharpened.
    """
    h, w = image.shape[:2]
    sigma = rng.gamma(NOISE_SHAPE, NOISE_SCALE) * strength
    noise = rng.standard_normal((h, w, 1), np.float32) * np.float32(sigma)
    if rng.random() < COLOURED_NOISE_CHANCE:
        coarse = rng.standard_normal((h // 2 + 1, w // 2 + 1, 3), np.float32) * np.float32(sigma)
        noise = noise + cv2.resize(coarse, (w, h))
    image = image + noise
    if rng.random() < sharpened_chance:
        soft = cv2.GaussianBlur(image, (0, 0), SHARPENED_PX)
        image = image + (image - soft) * np.float32(rng.uniform(*SHARPENED))
    return _compressed(image, rng) if rng.random() < JPEG_CHANCE else _pixels(image)


def _pixels(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _compressed(image: NDArray[np.float32], rng: np.random.Generator) -> AnyArray:
    """Through JPEG and back."""
    quality = int(rng.integers(*JPEG_QUALITY))
    written = cv2.imencode(".jpg", _pixels(image), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))
