"""What is known of each repaired region: its place, what lay there, on what ground, how it was made, what it hides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from utils.arrays import Image, Mask, Plane, Points
from utils.lost.lines import LostLine, find_lost_lines
from utils.options import scale_of
from utils.page.structure import Structure
from utils.regions import Box, RegionGroup, crop

OUTLINE_PX = 2.0  # of a photo 4000 pixels high: an outline keeps so near the region's edge
DESK_LEVELS = 40.0  # a surface so much darker than the page is none of its tinted boxes
TONE_STEP = 8  # pixels from one to the next of which a surface's mean tone is taken

ON_A_PAGE, PICTURE, BESIDE_PAGE, UNKNOWN_GROUND = "page", "picture", "beside the page", "unknown"
STRUCTURE, NETWORK, TEXTURE = "page structure", "network", "copied texture"
BY_OCCLUDER = "occluder"


@dataclass(frozen=True)
class LostRegion:
    """A repaired region, in pixels of the upright photo.

    Attributes:
        box: its bounds.
        outlines: its outer edges, each `(n, 2)` int points (x, y); more than one where it has thin bridges.
        covered_by: what lay there, as far as the network tells; None below a mask of the user's.
        confidence: probability in [0, 1] that something covered the page; None below a mask of the user's.
        ground: what it lies on, the kinds by the share of the region, largest first.
        rules: how many rules were continued in it.
        lines: the lines of text that it interrupts; empty where nothing says that there was text.
        made: how its pixels were made.
    """

    box: Box
    outlines: tuple[Points, ...]
    covered_by: str | None
    confidence: float | None
    ground: dict[str, float]
    rules: int
    lines: tuple[LostLine, ...]
    made: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The region as JSON knows it: `report`, XMP and `.hidden.json` hold this."""
        return {
            "box": list(self.box),
            "outlines": [outline.tolist() for outline in self.outlines],
            "covered_by": self.covered_by,
            "confidence": self.confidence,
            "ground": self.ground,
            "rules_continued": self.rules,
            "lines": [line.as_json() for line in self.lines] or "none",
            "made_by": list(self.made),
        }


def describe_regions(
    image: Image, mask: Mask, group: RegionGroup, structure: Structure | None, network: bool, scale: float | None = None
) -> list[LostRegion]:
    """What is known of the regions that were repaired in one crop, in their order.

    Args:
        image: `(H, W, 3)` uint8 BGR, the photo before the repair; what it shows in the mask is not looked at.
        mask: `(H, W)` bool, what was repainted.
        group: the crop and the bounds of each region in it.
        structure: what was measured in the crop; None where the network alone drew it.
        network: whether the network drew in it.
        scale: `utils.options.scale_of` the photo; None where `image` is all of it.
    """
    area, regions = group
    scale = scale_of(*mask.shape) if scale is None else scale
    rules = structure.continued if structure is not None else []
    window, hole = crop(image, area), crop(mask, area)
    kinds = _kinds_of(structure) if structure is not None else {}
    off_page = _find_off_page(structure.surface, kinds) if structure is not None else None
    lines = find_lost_lines(window, hole, scale, rules, (area.x0, area.y0), off_page)
    lines_of: dict[Box, list[LostLine]] = {region: [] for region in regions}
    for line in lines:
        region = max(regions, key=lambda region: _overlap(region, line.box))
        if _overlap(region, line.box):
            lines_of[region].append(line)
    lost_regions = []
    for region in regions:
        inner = region.shifted(-area.x0, -area.y0)
        region_mask = crop(hole, inner)
        ground, textured = _find_ground(structure, kinds, region_mask, inner)
        made = [STRUCTURE] * (structure is not None) + [NETWORK] * network + [TEXTURE] * textured
        crossing = _count_rules(structure, region_mask, inner) if structure is not None else 0
        outlines = _trace_outlines(region_mask, region, OUTLINE_PX * scale)
        lost_regions.append(
            LostRegion(region, outlines, None, None, ground, crossing, tuple(lines_of[region]), tuple(made))
        )
    return lost_regions


def with_confidence(regions: Sequence[LostRegion], confidences: dict[Box, float]) -> list[LostRegion]:
    """The regions with what the network says of each, by its bounds."""
    return [
        replace(region, covered_by=BY_OCCLUDER, confidence=confidences[region.box])
        if region.box in confidences
        else region
        for region in regions
    ]


def _overlap(one: Box, two: Box) -> int:
    width = min(one.x1, two.x1) - max(one.x0, two.x0)
    height = min(one.y1, two.y1) - max(one.y0, two.y0)
    return max(0, width) * max(0, height)


def _trace_outlines(region_mask: Mask, region: Box, accuracy_px: float) -> tuple[Points, ...]:
    """The outer edges of a region's mask `(h, w)` in pixels of the photo, straightened a little."""
    contours, _ = cv2.findContours(region_mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    straight = (cv2.approxPolyDP(contour, max(1.0, accuracy_px), True)[:, 0] for contour in contours)
    return tuple(outline + np.array([region.x0, region.y0]) for outline in straight if len(outline) > 2)


def _find_ground(
    structure: Structure | None, kinds: dict[int, str], region_mask: Mask, inner: Box
) -> tuple[dict[str, float], bool]:
    """What a region lies on, by its share, and whether a texture was copied there.

    Args:
        structure: of the crop, or None.
        kinds: what its surfaces are, by number.
        region_mask: `(h, w)` bool, the region's mask.
        inner: its place in the crop.
    """
    if structure is None:
        return {UNKNOWN_GROUND: 1.0}, False
    counts = _count_levels(crop(structure.surface, inner), region_mask)
    shares: dict[str, float] = {}
    for number, count in counts.items():
        shares[kinds[number]] = shares.get(kinds[number], 0.0) + count / sum(counts.values())
    ground = {kind: round(share, 3) for kind, share in sorted(shares.items(), key=lambda item: -item[1])}
    return ground, any(number in structure.textured for number in counts)


def _count_levels(picture: Plane, mask: Mask | None = None) -> dict[int, float]:
    """How often each number comes in an `(h, w)` uint8 picture, or in the part of it that a mask shows."""
    counted = None if mask is None else mask.view(np.uint8)
    counts = cv2.calcHist([picture], [0], counted, [256], [0, 256]).ravel()
    return {int(number): float(counts[number]) for number in np.flatnonzero(counts)}


def _find_off_page(surface: Plane, kinds: dict[int, str]) -> Mask | None:
    """Where a crop shows no page, `(h, w)` bool; None where it shows nothing else."""
    off_page = np.array([kinds.get(number) == BESIDE_PAGE for number in range(256)])
    return cv2.LUT(surface, off_page.view(np.uint8)).view(bool) if off_page.any() else None


def _kinds_of(structure: Structure) -> dict[int, str]:
    """What each surface is: a desk reaches the window's edge, a printed picture lies inside, tinted boxes are page."""
    surface = structure.surface
    edges = np.concatenate([surface[0], surface[-1], surface[:, 0], surface[:, -1]])
    sampled, tone = surface[::TONE_STEP, ::TONE_STEP], structure.tone[::TONE_STEP, ::TONE_STEP].mean(axis=2)
    page = float(tone[sampled == structure.page].mean()) if (sampled == structure.page).any() else 0.0
    kinds = {}
    for number in _count_levels(surface):
        tones = tone[sampled == number]
        darker = tones.size > 0 and float(tones.mean()) < page - DESK_LEVELS
        if number == structure.page:
            kinds[number] = ON_A_PAGE
        elif number in structure.textured:
            kinds[number] = BESIDE_PAGE if (edges == number).any() else PICTURE
        else:
            kinds[number] = BESIDE_PAGE if darker and (edges == number).any() else ON_A_PAGE
    return kinds


def _count_rules(structure: Structure, region_mask: Mask, inner: Box) -> int:
    """How many continued rules run through a region."""
    count = 0
    for rule in structure.continued:
        x, y = np.rint(rule.points()).astype(int).T - np.array([[inner.x0], [inner.y0]])
        inside = (x >= 0) & (y >= 0) & (x < region_mask.shape[1]) & (y < region_mask.shape[0])
        count += bool(region_mask[y[inside], x[inside]].any())
    return count
