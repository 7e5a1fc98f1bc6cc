"""What the inpainting network makes of a window, and whether it is believed: it must prove itself on hidden pixels."""

from dataclasses import replace

import cv2
import numpy as np

from utils import blend, preprocess
from utils.arrays import Image, Mask
from utils.crops import hole_crop
from utils.page.doubt import find_doubts, is_better, is_paper
from utils.page.guidance import guidance_of, guide
from utils.page.structure import Structure, repair
from utils.regions import Box, connected_bounds, crop
from utils.stages import Inpainter

HALF_LEVEL = 128  # half, in the 8 bits in which a hole is reduced


def paint(
    inpainter: Inpainter,
    window: Image,
    hole: Mask,
    no_page: Mask | None = None,
    structure: Structure | None = None,
    coarse: bool = False,
    around: Mask | None = None,
) -> Image:
    """A window with what the network draws in its hole, in the tone of what surrounds that.

    Args:
        inpainter: one whose crops follow the hole draws each part of it in a crop of its own.
        window: `(h, w, 3)` uint8.
        hole: `(h, w)` bool.
        no_page: `(h, w)` bool, where there is no page; None where nobody knows.
        structure: the window's structure, if it is known; else it is measured where the network reads of it.
        coarse: show what the first of the generator's two networks draws.
        around: `(h, w)` bool, parts of the hole: only their crops are drawn, with all of the hole that lies in them;
            the rest is structure's.

    Returns:
        `(h, w, 3)` uint8; outside the hole, what was seen or what the network draws of it.
    """
    hints = None
    if inpainter.guided:
        hints = guide(window, hole, no_page) if structure is None else guidance_of(structure)
    if not inpainter.spec.follows_hole:
        return _paint_crop(inpainter, window, hole, Box(0, 0, hole.shape[1], hole.shape[0]), hints, coarse)
    painted = window.copy() if structure is None else structure.image.copy()
    for bounds in connected_bounds(hole if around is None else around):
        box = hole_crop(bounds, inpainter.side, *hole.shape).box
        area = bounds if around is None else box
        drawn = crop(_paint_crop(inpainter, window, hole, box, hints, coarse), area.shifted(-box.x0, -box.y0))
        pixels = crop(hole, area)
        crop(painted, area)[pixels] = drawn[pixels]
    return painted


def _paint_crop(inpainter: Inpainter, window: Image, hole: Mask, box: Box, hints: Image | None, coarse: bool) -> Image:
    """What the network draws of a box of the window, at the window's scale.

    A guided network corrects structure's picture: what it changes at its own size is added to that at the photo's, so
    that rules and grain stay as sharp as they are.
    """
    picture, covered = np.ascontiguousarray(crop(window, box)), np.ascontiguousarray(crop(hole, box))
    if hints is None:
        (small,) = inpainter.draw([picture], [covered], coarse)
        return preprocess.resize(blend.match_tone(small, picture, covered), *covered.shape)
    guidance = np.ascontiguousarray(crop(hints, box))
    (small,) = inpainter.draw([picture], [covered], coarse, [guidance])
    repaired = guidance[..., :3]
    height, width = small.shape[:2]
    average = inpainter.spec.follows_hole
    before, share = (
        preprocess.fit_square(layer, inpainter.side, average)[:height, :width].astype(np.float32)
        for layer in (repaired, covered.astype(np.uint8) * 255)
    )
    change = np.where(share[..., None] < HALF_LEVEL, 0, small - before)
    return np.asarray(cv2.add(repaired, preprocess.resize(change, *covered.shape), dtype=cv2.CV_8U), np.uint8)


def improve(
    inpainter: Inpainter, structure: Structure, hole: Mask, no_page: Mask | None = None
) -> tuple[Structure, bool]:
    """A repair with the network's picture where structure does not explain what surrounds the hole.

    The network is asked only there, and believed only where it draws visible pixels nearby, hidden from both, clearly
    better than structure does.

    Args:
        inpainter: the network.
        structure: the repaired window.
        hole, no_page: as `structure.repair` was given them.

    Returns:
        The repair, and whether anything of it is the network's.
    """
    doubts = find_doubts(structure.image, hole, structure.surface, structure.textured)
    if not doubts:
        return structure, False
    # What is seen is without the occluder's shadow, which neither of the two should draw.
    lifted, hidden = structure.lifted, hole.copy()
    for doubt in doubts:
        hidden |= doubt.patches
    guess = repair(lifted, hidden, no_page)
    strange = [doubt for doubt in doubts if not is_paper(guess.image, lifted, doubt.patches)]
    if not strange:
        return structure, False
    drawn = paint(inpainter, lifted, hidden, no_page, guess, around=hole)
    proven = [doubt for doubt in strange if is_better(drawn, guess.image, lifted, doubt.patches)]
    if not proven:
        return structure, False
    image, drawn = structure.image, paint(inpainter, lifted, hole, no_page, structure)
    for doubt in proven:
        image = doubt.replace(image, drawn)
    return replace(structure, image=image), True
