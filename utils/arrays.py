"""Names for the arrays that the code passes around, each said once.

A name tells the type of the values and what they stand for; the docstring of a function tells the shape and the range.
Sizes are `(height, width)`, points are `(x, y)`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # `(h, w, 3)` colours, BGR, in [0, 255]
Plane = NDArray[np.uint8]  # `(h, w)` one level a pixel, or 0 and 1 as OpenCV takes masks
Mask = NDArray[np.bool_]  # True on what it is named after
Labels = NDArray[np.int32]  # `(h, w)` numbers of parts
Floats = NDArray[np.float32]  # colours, shares and probabilities to compute with; what networks take and give
Reals = NDArray[np.floating]  # positions, profiles, coefficients: floats of either length
Points = NDArray[np.float64]  # `(n, 2)` places (x, y) in pixels, or `(2,)` one of them
Indices = NDArray[np.intp]  # rows, columns, places in a list
AnyArray = NDArray[Any]  # values of any type
