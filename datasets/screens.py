"""What phones and editors add to a photo: the bars of a screenshot, the black corners of a turned picture.

None of it is page.
"""

import cv2
import numpy as np

from utils import classes
from utils.arrays import Image, Plane

BAR = (0.03, 0.1)  # thickness, as a share of the photo's side
TURN_DEGREES = 9.0  # standard deviation


def add_bars(image: Image, labels: Plane, rng: np.random.Generator) -> None:
    """Lay the bars of a phone's screen over one or two edges, in place.

    Args:
        image: `(h, w, 3)` uint8 BGR.
        labels: `(h, w)` uint8 codes of `utils.classes`.
    """
    h, w = labels.shape
    level = int(rng.choice([0, 0, 255, int(rng.integers(256))]))
    for edge in rng.permutation(4)[: int(rng.integers(1, 3))]:
        side = int(rng.uniform(*BAR) * (h if edge < 2 else w))
        part = (np.s_[:side], np.s_[-side:], np.s_[:, :side], np.s_[:, -side:])[edge]
        labels[part] = classes.SURROUNDINGS
        bar = np.full((*labels[part].shape, 3), level, np.uint8)
        for _ in range(int(rng.integers(0, 5))):
            centre = int(rng.integers(bar.shape[1])), int(rng.integers(bar.shape[0]))
            mark, thickness = (255 - level, 255 - level, 255 - level), int(rng.choice([-1, 1, 2]))
            cv2.circle(bar, centre, max(2, side // 5), mark, thickness, cv2.LINE_AA)
        image[part] = bar


def turn_with_wedges(image: Image, labels: Plane, rng: np.random.Generator) -> tuple[Image, Plane]:
    """The photo turned by an editor, with black corners; arguments as `add_bars`."""
    h, w = labels.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.normal(0, TURN_DEGREES), rng.uniform(0.85, 1.05))
    matrix[:, 2] += rng.normal(0, 0.04, 2) * (w, h)
    turned = cv2.warpAffine(image, matrix, (w, h), borderMode=cv2.BORDER_CONSTANT)
    beside = int(classes.SURROUNDINGS)
    return turned, cv2.warpAffine(labels, matrix, (w, h), flags=cv2.INTER_NEAREST, borderValue=beside)
