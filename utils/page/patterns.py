"""Which surfaces in a hole paper and rules do not describe: a patterned desk, a picture.

The constants were weighed with `benchmarks/restoration.py`.
"""

import numpy as np

from utils.arrays import Image, Mask
from utils.page.cells import area_around
from utils.page.paper import Paper
from utils.regions import grow

SIGMA_TO_MEDIAN = 0.67  # median distance from the mean of a normal distribution, over its standard deviation
FOREIGN_RING_PX = 60  # so far around the hole it is asked whether paper describes its surroundings
SAMPLE_STEP = 4  # of their pixels every so many both ways are looked at
MIN_SAMPLES = 50  # of these; fewer tell nothing of a surface
FOREIGN_LEVELS = 3.0  # a surface half of which strays by so much from its own smooth colour has a pattern
MIN_BARE_SHARE = 0.12  # with less bare paper beside the hole it lies in a picture, not on paper; dense text leaves 0.3


def find_patterned(window: Image, paper: Paper, hole: Mask) -> list[int]:
    """Numbers of the surfaces in the hole that paper and rules do not describe: a patterned desk, a picture.

    Args:
        window: `(h, w, 3)` uint8.
        paper: its surfaces.
        hole: `(h, w)` bool.
    """
    area = area_around(hole, FOREIGN_RING_PX + SAMPLE_STEP)
    sparse = tuple(slice(along.start // SAMPLE_STEP * SAMPLE_STEP, along.stop, SAMPLE_STEP) for along in area)
    inside, surface, bare = hole[sparse], paper.surface[sparse], paper.bare[sparse]
    ring = grow(inside, FOREIGN_RING_PX // SAMPLE_STEP) & ~inside
    patterned = []
    for number in np.unique(surface[inside]).tolist():
        samples = ring & (surface == number)
        if np.count_nonzero(samples) < MIN_SAMPLES:
            continue
        if number == paper.page:
            foreign = bare[samples].mean() < MIN_BARE_SHARE
        else:
            straying = np.abs(window[sparse][samples] - paper.tone[sparse][samples])  # print on a tinted row: little
            foreign = float(np.median(straying)) > FOREIGN_LEVELS + SIGMA_TO_MEDIAN * paper.noise
        if foreign:
            patterned.append(number)
    return patterned
