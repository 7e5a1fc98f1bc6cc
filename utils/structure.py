"""What a page is made of below a hole: paper tone, rules and grain, measured around it at full resolution."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from utils import paper, rules
from utils.rules import Rule


@dataclass(frozen=True)
class Structure:
    """A repaired window and what it was repaired from.

    Attributes:
        image: `(h, w, 3)` uint8, equal to the window outside the hole.
        tone: `(h, w, 3)` uint8, colour of the paper.
        visible: rules that were found beside the hole.
        continued: rules that were drawn below it.
    """

    image: NDArray[np.uint8]
    tone: NDArray[np.uint8]
    visible: list[Rule]
    continued: list[Rule]


def repair(window: NDArray[np.uint8], hole: NDArray[np.bool_], generated: NDArray[np.uint8] | None = None) -> Structure:
    """Fill the hole of a window with what its surroundings say lies below it.

    Args:
        window: `(h, w, 3)` uint8 BGR, part of a photo of a page.
        hole: `(h, w)` bool, grown past the occluder's soft edge; the pixels in it are never looked at.
        generated: `(h, w, 3)` uint8, what the network draws there, enlarged to the window; or None.
    """
    height, width = hole.shape
    measured = paper.measure_paper(window, hole)
    tone = measured.tone
    ends = rules.find_ends(window, hole, tone)
    continued = []
    ink = np.zeros((height, width, 3), np.float32)
    for a, b in rules.match_ends(ends):
        points = rules.join(a, b)
        rules.draw_rule(ink, points, a.profile, b.profile[::-1])
        continued.append(Rule(points, (a.width_px + b.width_px) / 2))
    fill = tone * (1 - ink)
    image = window.copy()
    image[hole] = np.clip(np.rint(fill[hole]), 0, 255).astype(np.uint8)
    visible = [Rule(end.points, end.width_px) for end in ends]
    return Structure(image, np.clip(np.rint(tone), 0, 255).astype(np.uint8), visible, continued)


def debug_picture(structure: Structure, window: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The window with its hole tinted, visible rules in green, continued ones in red, the paper's tone in the hole.

    Args:
        structure: what `repair` returned.
        window, hole: what it was given.

    Returns:
        `(h, w, 3)` uint8.
    """
    picture = window.copy()
    picture[hole] = structure.tone[hole]
    outline, _ = cv2.findContours(hole.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, outline, -1, (255, 120, 0), 3)
    for found, colour in ((structure.visible, (0, 170, 0)), (structure.continued, (0, 0, 230))):
        for rule in found:
            course = np.rint(rule.points * 16).astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(picture, [course], False, colour, 3, cv2.LINE_AA, shift=4)
    return picture
