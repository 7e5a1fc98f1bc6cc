"""Corrections of a mask: a list of steps in the photo's own coordinates, and the mask that they make.

The browser draws on a picture of a few megapixels and sends what was drawn as lines. They are filled in here at the
photo's full resolution, all of them anew for every correction: undoing is leaving out the last.

A point `(x, y)` lies in pixels of the upright photo from its upper left corner; the first pixel's centre is (0.5, 0.5).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from utils.arrays import Mask
from utils.regions import Box, bounds_of, crop, grow

MAX_STEPS = 20_000
MAX_STROKE_POINTS = 1_000_000  # in all steps of a photo: hours of drawing
MAX_GROWTH_PX = 400
SUBPIXEL_BITS = 4  # of a pixel are kept when a line is filled in

Part = tuple[Box, Mask]  # the bounds of a region and `(h, w)` bool, its pixels in there


@dataclass(frozen=True)
class Brush:
    """A line of the brush or the eraser: all within `radius_px` of the line through `points`."""

    points: tuple[tuple[float, float], ...]
    radius_px: float
    erases: bool


@dataclass(frozen=True)
class Region:
    """A region is taken into the mask, or out of it."""

    name: str
    takes: bool


@dataclass(frozen=True)
class Start:
    """The mask begins anew: empty (`""`), as it was found (`found`), or as one of the user's own masks by its name."""

    mask: str


@dataclass(frozen=True)
class Growth:
    """The mask grows by so many pixels on all sides."""

    grow_px: float


Step = Brush | Region | Start | Growth


def parse(steps: Any, height: int, width: int) -> list[Step]:
    """Steps as they come from outside.

    Args:
        steps: a list of `{"brush": [[x, y], …], "radius": r}`, `{"erase": [[x, y], …], "radius": r}`,
            `{"take": region}`, `{"leave": region}`, `{"clear": true}`, `{"found": true}`, `{"mask": name}` or
            `{"grow": pixels}`.
        height, width: of the photo in pixels.

    Raises:
        ValueError: one of them is none of these, or there are too many.
    """
    if not isinstance(steps, list):
        raise ValueError('"steps" must be a list')
    if len(steps) > MAX_STEPS:
        raise ValueError(f"{len(steps)} steps are more than the {MAX_STEPS} of one photo")
    parsed = [_parse_step(step, number, height, width) for number, step in enumerate(steps)]
    points = sum(len(step.points) for step in parsed if isinstance(step, Brush))
    if points > MAX_STROKE_POINTS:
        raise ValueError(f"{points} points are more than the {MAX_STROKE_POINTS} of one photo")
    return parsed


def _parse_step(step: Any, number: int, height: int, width: int) -> Step:
    if not isinstance(step, dict):
        raise ValueError(f"step {number} must be an object")
    for kind in ("brush", "erase"):
        if kind in step:
            return _parse_brush(step, kind, number, height, width)
    for kind in ("take", "leave"):
        if isinstance(step.get(kind), str):
            return Region(step[kind], kind == "take")
    if isinstance(step.get("mask"), str) and step["mask"] not in ("", "found"):
        return Start(step["mask"])
    if step.get("clear") is True:
        return Start("")
    if step.get("found") is True:
        return Start("found")
    if "grow" in step:
        return Growth(_number(step["grow"], f'"grow" of step {number}', 0, MAX_GROWTH_PX))
    raise ValueError(f"step {number} must be one of brush, erase, take, leave, clear, found, mask, grow")


def _parse_brush(step: dict[str, Any], kind: str, number: int, height: int, width: int) -> Brush:
    given, longest = step[kind], max(height, width)
    if not isinstance(given, list) or not given or not all(isinstance(p, list) and len(p) == 2 for p in given):
        raise ValueError(f'"{kind}" of step {number} must be a list of points [x, y]')
    where = f"a coordinate of step {number}"
    points = tuple(
        (_number(x, where, -longest, 2 * longest), _number(y, where, -longest, 2 * longest)) for x, y in given
    )
    radius = _number(step.get("radius"), f'"radius" of step {number}', 0.5, longest)
    return Brush(points, radius, kind == "erase")


def _number(value: Any, what: str, lowest: float, highest: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not lowest <= value <= highest:
        raise ValueError(f"{what} must be a number from {lowest} to {highest}, not {str(value)[:40]!r}")
    return float(value)


def draw(
    steps: Sequence[Step],
    start_mask: Mask,
    find_region: Callable[[str], Part | None],
    find_mask: Callable[[str], Mask | None],
) -> Mask:
    """The mask after all steps.

    Args:
        steps: from `parse`, in their order.
        start_mask: `(H, W)` bool, what was found.
        find_region: the pixels of a region by its name; None for one that there is not: the step has no effect.
        find_mask: `(H, W)` bool by its name, likewise.

    Returns:
        `(H, W)` bool, no view of `start_mask`.
    """
    mask = start_mask.copy()
    for step in steps:
        if isinstance(step, Brush):
            _fill(mask, step)
        elif isinstance(step, Region):
            region = find_region(step.name)
            if region is not None:
                box, pixels = region
                crop(mask, box)[pixels] = step.takes
        elif isinstance(step, Growth):
            _grow(mask, step.grow_px)
        else:
            bare = np.zeros_like(start_mask)
            base = start_mask if step.mask == "found" else find_mask(step.mask) if step.mask else bare
            if base is not None:
                mask = base.copy()
    return mask


def _fill(mask: Mask, stroke: Brush) -> None:
    pixels, value = mask.view(np.uint8), 0 if stroke.erases else 1
    places = np.rint((np.array(stroke.points) - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.circle(pixels, tuple(places[0].tolist()), round(stroke.radius_px * 2**SUBPIXEL_BITS), value, cv2.FILLED,
               shift=SUBPIXEL_BITS)  # fmt: skip
    if len(places) > 1:  # its ends are round
        thickness = max(1, round(2 * stroke.radius_px))
        cv2.polylines(pixels, [places], False, value, thickness, cv2.LINE_8, SUBPIXEL_BITS)


def _grow(mask: Mask, grow_px: float) -> None:
    bounds = bounds_of(mask)
    if bounds is not None:  # within what it can reach: at full size it would take a second
        reach = bounds.padded(math.ceil(grow_px) + 1, *mask.shape)
        crop(mask, reach)[:] = grow(crop(mask, reach), grow_px)
