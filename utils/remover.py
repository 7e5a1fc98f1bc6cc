"""The whole flow for one photo, written once for PyTorch and ONNX: segment, mask, regions, inpaint, blend."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils import blend, regions
from utils.compat import remove_as_published
from utils.options import RemovalOptions, scale_of
from utils.regions import Box, RegionGroup, crop
from utils.stages import Inpainter, Segmenter


class Removal(NamedTuple):
    """What was done to one photo.

    Attributes:
        image: `(H, W, 3)` uint8 BGR, equal to the photo outside `mask`.
        mask: `(H, W)` bool, True where the photo was repaired.
        boxes: the bounds of each connected repaired region; empty where nothing was found.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    boxes: list[Box]


class OccluderRemover:
    """Finds what covers a photographed page and repaints only that.

    Args:
        segmenter: finds the occluders.
        inpainter: draws what may lie below them.
        options: thresholds, growth, feather, mode.
    """

    def __init__(self, segmenter: Segmenter, inpainter: Inpainter, options: RemovalOptions) -> None:
        self.segmenter = segmenter
        self.inpainter = inpainter
        self.options = options

    def __call__(self, image: NDArray[np.uint8]) -> Removal:
        """Repair one photo.

        Args:
            image: `(H, W, 3)` uint8 BGR, upright, of any size.

        Raises:
            ValueError: `--compat True` and the photo is smaller than the crop.
        """
        if self.options.compat:
            return Removal(*remove_as_published(image, self.segmenter, self.inpainter))
        return self.repair(image, self.find_mask(image))

    def find_mask(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where the photo is covered: `(H, W, 3)` uint8 → `(H, W)` bool, grown past the occluders' soft edge."""
        options, scale = self.options, scale_of(*image.shape[:2])
        return regions.to_mask(
            self.segmenter(image), options.threshold, options.grow_px * scale, options.min_area_px * scale**2
        )

    def repair(self, image: NDArray[np.uint8], mask: NDArray[np.bool_], coarse: bool = False) -> Removal:
        """Repaint a known mask.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            mask: `(H, W)` bool, True where to repaint.
            coarse: show what the first of the generator's two networks draws instead of the second.
        """
        repaired = image.copy()
        groups = regions.find_regions(mask, self.inpainter.crop_side)
        feather_px = self.options.feather_px * scale_of(*image.shape[:2])
        for group in groups:
            patch = self._patch(image, mask, group, coarse)
            for region in group.regions:
                rim = region.padded(1, *mask.shape[:2])  # paste must see where the mask ends
                inside = crop(patch, rim.shifted(-group.box.x0, -group.box.y0))
                blend.paste(repaired, inside, crop(mask, rim), rim, feather_px)
        return Removal(repaired, mask, [region for group in groups for region in group.regions])

    def _patch(
        self, image: NDArray[np.uint8], mask: NDArray[np.bool_], group: RegionGroup, coarse: bool
    ) -> NDArray[np.uint8]:
        """The repaired pixels of a group's crop; every hole in it is blank to the generator, not only the group's."""
        photo, hole = crop(image, group.box), crop(mask, group.box)
        (drawn,) = self.inpainter([photo], [hole], coarse=coarse)
        return blend.match_tone(drawn, photo, hole)
