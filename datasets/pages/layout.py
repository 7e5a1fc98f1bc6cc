"""What a drawn page holds: lines, words, areas and pictures, in units of one pixel of the full-size photo."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # BGR, 0 to 255
PAGE_SIZE = (3750, 2650)  # usual height and width in page units, about the contest's photos
BLACK: Colour = (0, 0, 0)
SEAL_RED: Colour = (45, 35, 205)


class Rule(NamedTuple):
    """A printed line: `(N, 2)` float32 points x, y; `dash` is (on, off) in page units, (0, 0) for a solid one."""

    points: NDArray[np.float32]
    width: float
    colour: Colour = BLACK
    dash: tuple[float, float] = (0, 0)


class Text(NamedTuple):
    """One word or short run of glyphs; `x, y` is the start of its baseline, `size` the height of a line of it.

    `font` is a name that `cv2.FontFace` knows or a font file; `angle` is in degrees, counter-clockwise; `length` is
    how far the run reaches along its baseline.
    """

    x: float
    y: float
    size: int
    text: str
    font: str
    colour: Colour
    weight: int
    length: float
    angle: float = 0.0


class Shape(NamedTuple):
    """A polygon of `(N, 2)` float32 points: filled where `outline` is 0, else its outline that wide."""

    points: NDArray[np.float32]
    colour: Colour
    outline: float = 0.0


class Picture(NamedTuple):
    """A `(h, w, 3)` uint8 BGR image stretched over `box`; `smooth` says how."""

    box: tuple[float, float, float, float]
    image: NDArray[np.uint8]
    smooth: bool = True


@dataclass
class Layout:
    """A page: ink on white.

    Attributes:
        width, height: in page units, one pixel of the full-size photo each.
        shapes: filled areas under everything else.
        pictures, rules: printed.
        texts: printed words.
        strokes: handwriting, which counts as text.
        stamps: shapes pressed over the print, through which it shows.
    """

    width: int
    height: int
    shapes: list[Shape] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    strokes: list[Rule] = field(default_factory=list)
    stamps: list[Shape] = field(default_factory=list)

    def is_grey(self) -> bool:
        """Whether no ink on the page has a colour."""
        colours = {item.colour for item in (*self.shapes, *self.stamps)}
        colours |= {item.colour for item in (*self.rules, *self.strokes)}
        colours |= {item.colour for item in self.texts}
        return not self.pictures and all(blue == green == red for blue, green, red in colours)


def rules_of(layout: Layout) -> list[tuple[NDArray[np.float32], float]]:
    """The printed rules: `(N, 2)` float32 points x, y and the width of each, in page units."""
    return [(rule.points, rule.width) for rule in layout.rules]


def box_outline(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float32]:
    """The corners of an upright box, `(4, 2)` float32 x, y."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def circle_outline(x: float, y: float, rx: float, ry: float, count: int = 72) -> NDArray[np.float32]:
    """`count` points of an ellipse with half axes `rx` and `ry`, `(count, 2)` float32 x, y."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], 1).astype(np.float32)
