"""One of several things, each as often as it shall come."""

from collections.abc import Mapping

import numpy as np


def choose(rng: np.random.Generator, chances: Mapping[str, float]) -> str:
    """One of the keys, as likely as its value is large beside the others'."""
    return str(rng.choice(list(chances), p=np.array(list(chances.values())) / sum(chances.values())))
