"""Where a repair from page structure does not meet what is seen, and which visible pixels tell whether to believe it.

Below text, rules and grain a repaired hole must be as light as what lies beside it. Where it is not, paper and rules do
not explain what surrounds the hole: a picture, a tint, a desk, an edge that was missed. Somewhat outside the hole a few
visible patches are then hidden as well, and whoever draws them better is believed in the hole.

What paper explains stays structure's: a network draws clouds there, which win decibels where text was and look worse.

The constants were chosen on 120 life-like scenes. On others (`benchmarks.scenes`) structure gives 20.94 dB, with the
shipped generator 21.03: 5 % gain more than 0.1 dB, 2 % lose more. Of 26 really covered photographs one changes.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Image, Mask, Plane
from utils.blend import spread
from utils.page.cells import mean_channel, strongest
from utils.regions import Box, bounds_of, crop

# All is measured on a window reduced to `DOUBT_SIDE`; lengths below are in its pixels.
DOUBT_SIDE = 512  # pixels of the longer side
VISIBLE_LEVEL, HALF_HOLE, WHOLE_HOLE = 5, 127, 250  # of 255, coverage by the hole: below none, half, above wholly
TORN_NEAR_PX = 5  # side of the square around what is in doubt in which the torn edge lies
TORN_RIM_PX = 10  # what lies so near the edge of the hole, on either side, is compared
TORN_LEVELS = 20.0  # step at the edge of a hole from which the repair is in doubt
LIGHTER = 2  # times that what is darker than the mean is left out; after once, dense text still darkens the paper
LEAST_COMPARED = 0.125  # of the square around a pixel of the edge, to be compared there; half as much of the hole
LEAST_DOUBT_SHARE = 0.02  # of a hole; less in doubt is no matter
LEAST_DOUBT_PX = 30  # of any hole
PATCHES = 6  # most that are hidden
PATCH_SHARE = 0.6  # radius of a patch, of the largest circle in the hole: as hard to draw as the hole
PATCH_PX = (6.0, 30.0)  # its least and largest radius
GAP_PX = 2  # between a patch and the hole at least
NEAR_RADII = 3.0  # so many radii from an edge in doubt the patches lie
PLACES = 2000  # most that are tried for them
TORN_SHARES = 0.35, 0.65  # of the edges nearby that are torn: from where on in doubt, and from where on wholly
BORDER_KEPT_PX = 4.0  # so near another surface nothing is in doubt, and from twice as far on it may be wholly
POOR_LEVELS = 12.0  # error of structure's tone on the patches from which another picture may be better
PAPER_LEVELS, PAPER_SHARE = 10, 0.25  # of paper so much at least differs by so little from structure's tone
BETTER_SHARE = 0.7  # of that error, that another picture may have at most


@dataclass(frozen=True)
class Doubt:
    """What of a hole structure cannot explain, on one surface.

    Attributes:
        inside: `(h, w)` float32 in [0, 1], 1 where the repair is in doubt, 0 outside the hole.
        patches: `(h, w)` bool, visible pixels of the same surface nearby, to be hidden for a test; some.
    """

    inside: Floats
    patches: Mask

    def replace(self, image: Image, other: Image) -> Image:
        """A repaired window, `(h, w, 3)` uint8, with what is in doubt from another one."""
        share = self.inside[..., None]
        return np.rint(image * (1 - share) + other * share).astype(np.uint8)


def find_doubts(image: Image, hole: Mask, surface: Plane, textured: tuple[int, ...] = ()) -> list[Doubt]:
    """What of a repair does not fit its surroundings.

    Args:
        image: `(h, w, 3)` uint8, the repaired window.
        hole: `(h, w)` bool, where it was repaired.
        surface: `(h, w)` uint8, numbers of the surfaces: what is drawn is compared with its own, and the borders
            between them are never in doubt.
        textured: numbers of those whose texture is copied: of a desk the mean is compared, not what is lightest.

    Returns:
        At most one a surface; none where all fits, or where nothing is visible nearby that could tell more.
    """
    step = max(1.0, max(hole.shape) / DOUBT_SIDE)
    size = max(1, round(hole.shape[1] / step)), max(1, round(hole.shape[0] / step))
    covered = cv2.resize(hole.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    bounds = bounds_of(covered)
    if bounds is None:
        return []
    # Patches and what they are compared with lie no further away.
    area = bounds.padded(round((NEAR_RADII + 2) * PATCH_PX[1]), *covered.shape)
    covered = np.ascontiguousarray(crop(covered, area))
    small = np.ascontiguousarray(crop(cv2.resize(image, size, interpolation=cv2.INTER_AREA), area))
    numbers = np.ascontiguousarray(crop(cv2.resize(surface, size, interpolation=cv2.INTER_NEAREST), area))
    doubts = []
    for number in np.unique(numbers[covered > WHOLE_HOLE]).tolist():
        surface_mask = numbers == number
        edge, steps = _measure_steps(small, covered, surface_mask, 0 if number in textured else LIGHTER)
        torn = edge & (steps > TORN_LEVELS)
        reach = _reach_inwards(torn, edge, (covered > HALF_HOLE) & surface_mask)
        if not reach.any():
            continue
        torn &= cv2.dilate((reach > 0).astype(np.uint8), np.ones((TORN_NEAR_PX, TORN_NEAR_PX), np.uint8)) > 0
        padded = np.pad(surface_mask, 1, mode="edge").astype(np.uint8)
        inner = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5)
        inner = inner[1:-1, 1:-1]
        patches = _choose_patches(covered > HALF_HOLE, torn, inner > BORDER_KEPT_PX)
        hidden = (_enlarge(patches, area, size, hole) > 0) & ~hole
        if hidden.any():
            reach *= np.clip(inner / BORDER_KEPT_PX - 1, 0, 1) if not surface_mask.all() else 1
            doubts.append(Doubt(_enlarge(reach, area, size, hole) * hole, hidden))
    return doubts


def is_paper(guess: Image, truth: Image, patches: Mask) -> bool:
    """Whether hidden patches show paper, with text or without: some of it is as bright as structure says.

    Args:
        guess, truth: `(h, w, 3)` uint8, what structure makes of them and what they show.
        patches: `(h, w)` bool, some.
    """
    difference = strongest(cv2.absdiff(guess, truth))[patches]
    return float(np.mean(difference < PAPER_LEVELS)) > PAPER_SHARE


def is_better(other: Image, guess: Image, truth: Image, patches: Mask) -> bool:
    """Whether another picture has the tone of hidden patches, which structure misses, and is as near pixel by pixel.

    Args:
        other, guess, truth: `(h, w, 3)` uint8; `guess` is structure's.
        patches: `(h, w)` bool, some.
    """
    missed = tone_error(guess, truth, patches)
    if missed < POOR_LEVELS or tone_error(other, truth, patches) > BETTER_SHARE * missed:
        return False
    worse, better = (
        np.square(picture[patches].astype(np.float32) - truth[patches]).sum() for picture in (guess, other)
    )
    return bool(better < worse)


def tone_error(image: Image, truth: Image, patches: Mask) -> float:
    """How far a picture misses the tone of hidden patches: root mean square over patches of the worst channel's error.

    Text and grain are left out of it, as nobody can know them.

    Args:
        image, truth: `(h, w, 3)` uint8.
        patches: `(h, w)` bool, some.

    Returns:
        Levels.
    """
    count, numbers = cv2.connectedComponents(patches.astype(np.uint8))
    number = numbers[patches]
    difference = image[patches].astype(np.float32) - truth[patches]
    sums = np.stack([np.bincount(number, channel, count)[1:] for channel in difference.T], axis=1)
    worst = np.abs(sums / np.bincount(number)[1:, None]).max(axis=1)
    return float(np.sqrt(np.square(worst).mean()))


def _measure_steps(image: Image, covered: Plane, surface_mask: Mask, lighter: int) -> tuple[Mask, Floats]:
    """The pixels along the edge of the hole where both sides are seen, and how much they differ, in levels.

    Args:
        image: `(h, w, 3)` uint8, the repaired window, reduced.
        covered: `(h, w)` uint8, 255 in the hole.
        surface_mask: `(h, w)` bool, the surface that is compared.
        lighter: so many times what is darker than the mean is left out, see `_mean_of_light`.
    """
    square = np.ones((2 * TORN_RIM_PX + 1,) * 2, np.uint8)
    close, deep = cv2.dilate(covered, square) > 0, cv2.erode(covered, square) > 0
    outer, inner = (covered < VISIBLE_LEVEL) & close & surface_mask, (covered > WHOLE_HOLE) & ~deep & surface_mask
    is_hole = covered > WHOLE_HOLE
    edge = is_hole & (cv2.erode(covered, np.ones((3, 3), np.uint8)) <= WHOLE_HOLE) & surface_mask
    visible_light, visible_share = _mean_of_light(image, outer.astype(np.float32), lighter)
    drawn_light, drawn_share = _mean_of_light(image, inner.astype(np.float32), lighter)
    edge &= (visible_share > LEAST_COMPARED) & (drawn_share > LEAST_COMPARED / 2)
    return edge, strongest(cv2.absdiff(visible_light, drawn_light))


def _mean_of_light(image: Image, weights: Floats, lighter: int) -> tuple[Floats, Floats]:
    """Mean colour of the lightest of what counts around each pixel, the paper below text, and how much that is.

    Args:
        image: `(h, w, 3)` uint8.
        weights: `(h, w)` float32, 1 where a pixel counts.
        lighter: so many times what is darker than the mean is left out.

    Returns:
        `(h, w, 3)` and `(h, w)` float32.
    """
    side = 2 * TORN_RIM_PX + 1

    def mean(values: Floats) -> Floats:
        return cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_CONSTANT)

    colours = image.astype(np.float32)
    light, share = mean_channel(colours), mean(weights)
    for _ in range(lighter):
        weights = weights * (light >= mean(light * weights) / np.maximum(mean(weights), 1e-6))
    lightest = mean(colours * weights[..., None]) / np.maximum(mean(weights), 1e-6)[..., None]
    return np.asarray(lightest, np.float32), share


def _reach_inwards(torn: Mask, edge: Mask, hole: Mask) -> Floats:
    """How much the parts of the hole are in doubt, by the edges they lie near: `(h, w)` float32 in [0, 1]."""
    if not torn.any():
        return np.zeros(hole.shape, np.float32)
    share = spread(torn.astype(np.float32)[..., None], edge.astype(np.float32))[..., 0]
    low, high = TORN_SHARES
    weight = np.clip((share - low) / (high - low), 0, 1) * hole
    count, parts, stats, _ = cv2.connectedComponentsWithStats((weight > 0.5).astype(np.uint8))
    least = max(LEAST_DOUBT_PX, LEAST_DOUBT_SHARE * np.count_nonzero(hole))
    torn_parts = np.isin(parts, [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= least])
    reach = cv2.dilate(torn_parts.astype(np.uint8), np.ones((2 * TORN_RIM_PX + 1,) * 2, np.uint8))
    return np.asarray(weight * reach, np.float32)


def _choose_patches(hole: Mask, torn: Mask, allowed: Mask) -> Plane:
    """Visible circles near the torn edge, far from each other: `(h, w)` uint8, 1 in them where they are allowed."""
    patches = np.zeros(hole.shape, np.uint8)
    depth = cv2.distanceTransform(np.pad(hole.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_5)
    radius = float(np.clip(PATCH_SHARE * depth.max(), *PATCH_PX))
    distance_px = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    from_torn = cv2.distanceTransform((~torn).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    places = np.argwhere((distance_px > radius + GAP_PX) & (from_torn < NEAR_RADII * radius + 2 * GAP_PX) & allowed)
    if not len(places):
        return patches
    places = np.random.default_rng(0).permutation(places)[:PLACES]
    distance, chosen = np.full(len(places), np.inf), 0
    for _ in range(PATCHES):
        y, x = places[chosen].tolist()
        cv2.circle(patches, (x, y), int(radius), 1, -1)
        distance = np.minimum(distance, np.hypot(*(places - places[chosen]).T))
        chosen = int(distance.argmax())
        if distance[chosen] < 2 * radius + GAP_PX:
            break
    return patches * allowed


def _enlarge(plane: AnyArray, area: Box, size: tuple[int, int], hole: Mask) -> AnyArray:
    """A part of the reduced window as all of the window, `(h, w)` of its type."""
    reduced = np.zeros(size[::-1], plane.dtype)
    crop(reduced, area)[:] = plane
    return cv2.resize(reduced, hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
