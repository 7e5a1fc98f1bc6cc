"""From a probability map to the boxes that are repaired: mask, connected regions, crops."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


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
        labels: their numbers in the label map of `find_regions`.
    """

    box: Box
    regions: tuple[Box, ...]
    labels: tuple[int, ...]


# A group's longer side takes at most this share of its crop, so that the generator sees paper around it; the
# published occluders of up to a fifth of the page keep the published crop of 1536 pixels.
MAX_SHARE_OF_CROP = 0.75


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


def bounds_of(mask: NDArray) -> Box | None:
    """The box of the non-zero pixels of an `(H, W)` mask, or None where there are none."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8, copy=False))
    return Box(x, y, x + width, y + height) if width else None


def to_mask(probs: NDArray[np.float32], threshold: float, grow_px: float, min_area_px: float) -> NDArray[np.bool_]:
    """Threshold the probabilities, drop specks, grow what is left.

    Args:
        probs: `(H, W)` float32 in [0, 1].
        threshold: probability from which a pixel counts as occluder.
        grow_px: how far the mask grows, in pixels of the photo: skin colour at the soft edge would leak into the fill.
        min_area_px: connected regions of fewer pixels are dropped as noise.

    Returns:
        `(H, W)` bool, True on the occluder.
    """
    found = (probs >= threshold).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    mask = np.zeros(probs.shape, bool)
    for label in range(1, count):
        x, y, width, height, area = stats[label].tolist()
        if area < min_area_px:
            continue
        box = Box(x, y, x + width, y + height).padded(int(np.ceil(grow_px)) + 1, *probs.shape[:2])
        mask[box.slices()] |= grow(labels[box.slices()] == label, grow_px)
    return mask


def grow(mask: NDArray[np.bool_], radius_px: float) -> NDArray[np.bool_]:
    """Every pixel within `radius_px` (Euclidean) of an `(H, W)` bool mask; the mask itself at radius 0 or below."""
    if radius_px <= 0 or not mask.any():
        return mask
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) <= radius_px


def find_regions(mask: NDArray[np.bool_], crop_side: int) -> tuple[list[RegionGroup], NDArray[np.int32]]:
    """Group the connected regions of the mask, each group with the crop that the generator will see.

    Regions that fit together into one crop share it; a region too large for the crop gets a larger one.

    Args:
        mask: `(H, W)` bool.
        crop_side: side of the usual crop in pixels.

    Returns:
        The groups, the one with the largest region first, and the `(H, W)` int32 label map in which
        `RegionGroup.labels` are numbered (0: no occluder). Every mask pixel belongs to one group and lies in its box.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    regions = {
        label: Box(x, y, x + width, y + height)
        for label, (x, y, width, height, _) in enumerate(stats[1:count].tolist(), start=1)
    }
    groups = []
    for members in _group(regions, crop_side * MAX_SHARE_OF_CROP):
        bounds = _union([regions[label] for label in members])
        side = max(crop_side, _even(max(bounds.width, bounds.height) / MAX_SHARE_OF_CROP))
        box = square_box(bounds, side, *mask.shape[:2])
        groups.append(RegionGroup(box, tuple(regions[label] for label in members), tuple(members)))
    return groups, labels


def _group(regions: dict[int, Box], max_extent: float) -> list[list[int]]:
    """Join regions, largest first, as long as their joint bounds stay within `max_extent`, or lie inside another's."""
    groups: list[list[int]] = []
    bounds: list[Box] = []
    for label in sorted(regions, key=lambda label: -regions[label].width * regions[label].height):
        for index, other in enumerate(bounds):
            joint = other.union(regions[label])
            if max(joint.width, joint.height) <= max_extent or joint == other:
                groups[index].append(label)
                bounds[index] = joint
                break
        else:
            groups.append([label])
            bounds.append(regions[label])
    return groups


def _union(boxes: list[Box]) -> Box:
    joint = boxes[0]
    for box in boxes[1:]:
        joint = joint.union(box)
    return joint


def _even(value: float) -> int:
    return 2 * int(np.ceil(value / 2))


def crop(image: NDArray, box: Box) -> NDArray:
    """The pixels of a box: a view of an `(H, W)` or `(H, W, C)` array."""
    return image[box.slices()]
