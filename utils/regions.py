"""From a probability map to the boxes that are repaired: mask, connected regions, crops."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from utils.arrays import AnyArray, Floats, Labels, Mask


class Box(NamedTuple):
    """A rectangle of a picture in pixels, ends exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    def slices(self) -> tuple[slice, slice]:
        """The box as an index of the first two axes: `image[box.slices()]`."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def union(self, other: "Box") -> "Box":
        """The smallest box that holds both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def shifted(self, dx: int, dy: int) -> "Box":
        """The box moved by whole pixels."""
        return Box(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)

    def padded(self, margin: int, height: int, width: int) -> "Box":
        """The box grown by `margin` pixels on each side, cut at the border of a `(height, width)` picture."""
        return Box(
            max(self.x0 - margin, 0),
            max(self.y0 - margin, 0),
            min(self.x1 + margin, width),
            min(self.y1 + margin, height),
        )


class RegionGroup(NamedTuple):
    """Regions that are repaired together, in one crop.

    Attributes:
        box: the crop that the generator sees; it holds the regions.
        regions: the bounds of each connected part of the mask.
    """

    box: Box
    regions: tuple[Box, ...]


# A group's longer side takes at most this share of its crop, so that the generator sees paper around it; the
# published occluders of up to a fifth of the page keep the published crop of 1536 pixels.
MAX_SHARE_OF_CROP = 0.75

LABEL_STEP = 4  # pixels; finer gaps between two occluders do not matter


def square_box(bounds: Box, side: int, height: int, width: int) -> Box:
    """The crop of the published method: a square centred on `bounds`, shifted to lie inside the picture.

    Args:
        bounds: the box of the occluder.
        side: side of the square in pixels; even.
        height, width: size of the picture.

    Returns:
        The square; where the picture is smaller than `side`, the box ends at the picture's border instead.
    """
    x0 = _shifted(bounds.x0, bounds.width, side, width)
    y0 = _shifted(bounds.y0, bounds.height, side, height)
    return Box(x0, y0, min(x0 + side, width), min(y0 + side, height))


def _shifted(start: int, length: int, side: int, limit: int) -> int:
    centre = int(start + length / 2)
    return max(0, min(centre - side // 2, limit - side))


def bounds_of(mask: AnyArray) -> Box | None:
    """The box of the non-zero pixels of an `(H, W)` mask, or None where there are none."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8) if mask.dtype == bool else mask.astype(np.uint8))
    return Box(x, y, x + width, y + height) if width else None


def to_mask(levels: AnyArray, threshold: float, grow_px: float, min_area_px: float) -> Mask:
    """Threshold a map of the occluders, drop specks, grow what is left.

    Args:
        levels: `(H, W)` of any type.
        threshold: level from which a pixel counts as occluder.
        grow_px: how far the mask grows, in pixels of the photo: skin colour at the soft edge would leak into the fill.
        min_area_px: connected regions of fewer pixels are dropped as noise.

    Returns:
        `(H, W)` bool, True on the occluder.
    """
    occluder = levels >= threshold
    mask = np.zeros_like(occluder)
    for bounds in connected_bounds(occluder):
        if np.count_nonzero(crop(occluder, bounds)) >= min_area_px:
            reach = bounds.padded(int(np.ceil(grow_px)) + 1, *mask.shape[:2])
            inside = np.zeros((reach.height, reach.width), bool)
            inner = bounds.shifted(-reach.x0, -reach.y0)
            crop(inside, inner)[:] = crop(occluder, bounds)
            crop(mask, reach)[:] |= grow(inside, grow_px)
    return mask


def connected_bounds(mask: Mask) -> list[Box]:
    """The bounds of each connected part of an `(H, W)` bool mask; parts less than `LABEL_STEP` pixels apart are one.

    The parts are told apart on a reduced mask: at full size that alone would take longer than the rest of the flow.
    """
    return [bounds for _, bounds, _ in _labelled(mask)]


def connected_parts(mask: Mask) -> Iterator[tuple[Box, Mask]]:
    """The bounds of each connected part, as `connected_bounds` gives them, and `(h, w)` bool, its pixels in there."""
    for label, bounds, (labels, loose) in _labelled(mask):
        component = cv2.resize(
            (labels == label).astype(np.uint8), None, fx=LABEL_STEP, fy=LABEL_STEP, interpolation=cv2.INTER_NEAREST
        ).view(bool)
        inner = bounds.shifted(-loose.x0, -loose.y0)
        yield bounds, crop(mask, bounds) & crop(component, inner)


def _labelled(mask: Mask) -> Iterator[tuple[int, Box, tuple[Labels, Box]]]:
    """Number and bounds of each connected part, the cells of `LABEL_STEP` pixels around it, and where those lie.

    The cells hold the numbers of parts; the last ones may reach beyond the mask.
    """
    whole = bounds_of(mask)
    if whole is None:
        return
    x0, y0 = whole.x0 // LABEL_STEP * LABEL_STEP, whole.y0 // LABEL_STEP * LABEL_STEP
    within = mask[y0 : whole.y1, x0 : whole.x1]
    height, width = within.shape
    size = -(-width // LABEL_STEP), -(-height // LABEL_STEP)
    padding = ((0, size[1] * LABEL_STEP - height), (0, size[0] * LABEL_STEP - width))
    padded = np.pad(within, padding).astype(np.uint8) * 255
    reduced = (cv2.resize(padded, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(reduced, connectivity=8)
    for label, (x, y, w, h, _) in enumerate(stats[:count].tolist()):
        if label == 0:  # what is no part
            continue
        cells = Box(x, y, x + w, y + h)
        covered = Box(*(LABEL_STEP * edge for edge in cells)).shifted(x0, y0)
        loose = covered.padded(0, *mask.shape)
        tight = bounds_of(crop(mask, loose))
        assert tight is not None
        yield label, tight.shifted(loose.x0, loose.y0), (crop(labels, cells), covered)


def grow(mask: Mask, radius_px: float) -> Mask:
    """Every pixel within `radius_px` (Euclidean) of an `(H, W)` bool mask; the mask itself at radius 0 or below."""
    if radius_px <= 0 or not mask.any():
        return mask
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) <= radius_px


def find_regions(mask: Mask, crop_side: int, around_px: int | None = None) -> list[RegionGroup]:
    """Group the connected regions of the mask, each group with the crop that the generator will see.

    Regions that fit together into one crop share it; a region too large for the crop gets a larger one.

    Args:
        mask: `(H, W)` bool.
        crop_side: side of the usual crop in pixels.
        around_px: no more than so much around the regions of a group is of use, to each side; None where all is.

    Returns:
        The groups, the one with the largest region first. Every mask pixel lies in a region and every region in the
        box of its group.
    """
    return [
        RegionGroup(_within(crop_box(bounds, crop_side, *mask.shape[:2]), bounds, around_px, mask), tuple(regions))
        for bounds, regions in _group(connected_bounds(mask), crop_side * MAX_SHARE_OF_CROP)
    ]


def _within(box: Box, bounds: Box, around_px: int | None, mask: Mask) -> Box:
    """What of a crop lies no farther than so much from the bounds of its hole."""
    if around_px is None:
        return box
    reach = bounds.padded(around_px, *mask.shape)
    return Box(max(box.x0, reach.x0), max(box.y0, reach.y0), min(box.x1, reach.x1), min(box.y1, reach.y1))


def _group(regions: list[Box], max_extent: float) -> list[tuple[Box, list[Box]]]:
    """Join regions, largest first, as long as their joint bounds stay within `max_extent` or those of the group."""
    groups: list[tuple[Box, list[Box]]] = []
    for region in sorted(regions, key=lambda region: -region.width * region.height):
        for index, (bounds, members) in enumerate(groups):
            joint = bounds.union(region)
            if max(joint.width, joint.height) <= max_extent or joint == bounds:
                members.append(region)
                groups[index] = joint, members
                break
        else:
            groups.append((region, [region]))
    return groups


def crop_box(bounds: Box, crop_side: int, height: int, width: int) -> Box:
    """The crop for a hole: the published square, or a larger one where the hole would fill more of it than it should.

    Args:
        bounds: the box of the hole.
        crop_side: side of the usual crop in pixels.
        height, width: size of the picture.
    """
    side = max(crop_side, _even(max(bounds.width, bounds.height) / MAX_SHARE_OF_CROP))
    return square_box(bounds, side, height, width)


def _even(value: float) -> int:
    return 2 * int(np.ceil(value / 2))


def crop(image: AnyArray, box: Box) -> AnyArray:
    """The pixels of a box: a view of an `(H, W)` or `(H, W, C)` array."""
    return image[box.slices()]


def enlarge_part(small: Floats, box: Box, height: int, width: int) -> Floats:
    """The pixels of a box of what a map becomes at the size of a photo, without enlarging all of it.

    Args:
        small: `(h, w)` float32.
        box: in pixels of the photo.
        height, width: of the photo.

    Returns:
        `(box.height, box.width)` float32, bilinear.
    """
    down, across = small.shape[0] / height, small.shape[1] / width
    matrix = np.array([[across, 0, (box.x0 + 0.5) * across - 0.5], [0, down, (box.y0 + 0.5) * down - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(small, matrix, (box.width, box.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
