"""The whole flow for one photo, written once for PyTorch and ONNX: segment, mask, regions, inpaint, blend."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from utils import blend, proof, regions
from utils.arrays import Image, Mask
from utils.compat import remove_as_published
from utils.finding.finder import Finding, Region, Sight, locate, look
from utils.lost.regions import LostRegion, describe_regions, with_confidence
from utils.options import RemovalOptions, scale_of
from utils.page import structure
from utils.page.borders import Rest
from utils.page.structure import Structure
from utils.regions import Box, RegionGroup, crop
from utils.spec import PUBLISHED_CROP
from utils.stages import Inpainter, Segmenter

# All that is measured around a hole lies so near it. Drawn pages: where a hole takes 300 px, half the time of a window
# of 1536, and PSNR in the hole is within 0.1 dB.
SURROUNDINGS_PX = 400
PAGE_EDGE_PX = 4  # of the network's pixels: to so much it knows where a page ends
LEAST_VISIBLE = 0.01  # of a photo: with less of it nothing can be continued, and a mask is likelier wrong than that


class Removal(NamedTuple):
    """What was done to one photo.

    Attributes:
        image: `(H, W, 3)` uint8 BGR, equal to the photo outside `changed`.
        mask: `(H, W)` bool, True where the photo was repainted: all that was found, but what lies beside the page and
            touches what stays.
        boxes: the bounds of each connected repainted region; empty where nothing was found.
        structures: for each repaired crop its box and what was measured in it; empty with `--structure off`.
        shade: `(H, W)` bool, True where no more was done than to lift an occluder's shadow; None where there is none.
        regions: what was found and repainted, with confidence; empty where the mask was the user's.
        doubtful: what was found and left alone, for it may be print.
        lost: of each repaired region, in the order of `boxes`, what is known of it and of what it hides; empty in the
            published flow.
    """

    image: Image
    mask: Mask
    boxes: list[Box]
    structures: list[tuple[Box, Structure]]
    shade: Mask | None = None
    regions: Sequence[Region] = ()
    doubtful: Sequence[Region] = ()
    lost: Sequence[LostRegion] = ()

    @property
    def changed(self) -> Mask:
        """`(H, W)` bool, True where pixels may differ from the photo's."""
        return self.mask if self.shade is None else self.mask | self.shade


def _leave_out(mask: Mask, left_out: Mask, group: RegionGroup) -> dict[Box, Box]:
    """Take what is left out of a group's crop from its regions.

    Args:
        mask: `(H, W)` bool, changed in place.
        left_out: `(h, w)` bool, of the crop.
        group: the crop and its regions.

    Returns:
        Of each region that is not left out as a whole the bounds of what is left of it.
    """
    painted = {}
    for region in group.regions:
        part = crop(mask, region)
        part &= ~crop(left_out, region.shifted(-group.box.x0, -group.box.y0))
        bounds = regions.bounds_of(part)
        if bounds is not None:
            painted[region] = bounds.shifted(region.x0, region.y0)
    return painted


class OccluderRemover:
    """Finds what covers a photographed page and repaints only that.

    Args:
        segmenter: finds the occluders.
        inpainter: draws what may lie below them; `--structure only` needs none, and leaves one alone.
        options: thresholds, growth, feather, mode.

    Raises:
        ValueError: there is no inpainter, but the options need one, or the published flow is asked for and the
            inpainter reads what that does not measure.
    """

    def __init__(self, segmenter: Segmenter, inpainter: Inpainter | None, options: RemovalOptions) -> None:
        if inpainter is None and not options.without_network:
            raise ValueError(f"--structure {options.structure} needs an inpainting network; only does without")
        if inpainter is not None and inpainter.guided and options.compat:
            raise ValueError(
                "--compat True measures no page structure, which this generator reads (in_channels 8): name one with 4"
            )
        self.segmenter = segmenter
        self.inpainter = None if options.without_network else inpainter
        self.options = options

    def __call__(self, image: Image) -> Removal:
        """Repair one photo.

        Args:
            image: `(H, W, 3)` uint8 BGR, upright, of any size.

        Raises:
            ValueError: next to nothing of the photo is visible, or `--compat True` and it is smaller than the crop.
        """
        if self.options.compat:
            assert self.inpainter is not None
            return Removal(*remove_as_published(image, self.segmenter, self.inpainter), [])
        return self.finish(image, self.look(image))

    def finish(self, image: Image, sight: Sight) -> Removal:
        """Repair a photo, `(H, W, 3)` uint8 BGR, of which `look` saw what covers it. Raises as when called."""
        return self.repair_found(image, locate(image, sight, self.options))

    def repair_found(self, image: Image, finding: Finding) -> Removal:
        """Repair what was found in a photo, `(H, W, 3)` uint8 BGR. Raises as when called."""
        removal = self.repair(image, finding.mask, lift_shadow=self.options.lift_shadow, finding=finding)
        return removal._replace(doubtful=finding.doubtful)

    def look(self, image: Image) -> Sight:
        """What covers a photo, roughly, seen at the network's size: `(H, W, 3)` uint8 BGR, which may be reduced."""
        return look(image, self.segmenter, self.options)

    def find(self, image: Image) -> Finding:
        """What covers the photo, `(H, W, 3)` uint8 BGR, and what may."""
        return locate(image, self.look(image), self.options)

    def find_mask(self, image: Image) -> Mask:
        """Where the photo is covered: `(H, W, 3)` uint8 → `(H, W)` bool, grown past the occluders' soft edge."""
        return self.find(image).mask

    def repair(
        self,
        image: Image,
        mask: Mask,
        *,
        lift_shadow: bool = False,
        coarse: bool = False,
        finding: Finding | None = None,
    ) -> Removal:
        """Repaint a known mask.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            mask: `(H, W)` bool, True where to repaint.
            lift_shadow: brighten the page beside the mask where what covers it throws a shadow, too.
            coarse: show what the first of the generator's two networks draws, and nothing else.
            finding: what else is known of the photo: what is hidden besides, where the page is.

        Raises:
            ValueError: the mask leaves next to nothing of the photo.
        """
        covered = np.count_nonzero(mask) / mask.size
        if covered > 1 - LEAST_VISIBLE:
            raise ValueError(f"{covered:.1%} of the photo is covered: nothing visible to continue from")
        repaired, mask = image.copy(), mask.copy()
        groups = regions.find_regions(mask, *self._window_size)
        feather_px = self.options.feather_px * scale_of(*image.shape[:2])
        hidden = mask if finding is None else mask | finding.hidden  # without a finding nothing is left out of the mask
        structures, lost = list[tuple[Box, Structure]](), list[LostRegion]()
        boxes: dict[Box, Box] = {}  # what is repainted of each region
        shade = np.zeros_like(mask) if lift_shadow else None
        for group in groups:
            patch, measured, drawn = self._patch(image, hidden, group, coarse, finding)
            painted = {region: region for region in group.regions}
            if measured is not None:
                structures.append((group.box, measured))
                if measured.left_out is not None:
                    painted = _leave_out(mask, measured.left_out, group)
            boxes |= painted
            group = group._replace(regions=tuple(painted.values()))
            lost += describe_regions(image, mask, group, measured, network=drawn)
            if measured is not None and shade is not None and measured.shade.any():
                lit = measured.shade.copy()
                for region in group.regions:
                    inner = region.shifted(-group.box.x0, -group.box.y0)
                    crop(lit, inner)[:] |= crop(mask, region)
                # Below the mask too: the repair fades in from there.
                cv2.copyTo(measured.lifted, lit.astype(np.uint8), crop(repaired, group.box))
                crop(shade, group.box)[:] |= lit
            for region in group.regions:
                rim = region.padded(1, *mask.shape[:2])  # paste must see where the mask ends
                pixels = crop(patch, rim.shifted(-group.box.x0, -group.box.y0))
                blend.paste(repaired, pixels, crop(mask, rim), rim, feather_px)
        if shade is not None:
            shade &= ~mask
        shade = shade if shade is not None and shade.any() else None
        found = [] if finding is None else [region for region in finding.regions if region.box in boxes]
        found = [Region(boxes[region.box], region.confidence) for region in found]
        lost = with_confidence(lost, {region.box: region.confidence for region in found})
        return Removal(repaired, mask, list(boxes.values()), structures, shade, found, lost=lost)

    def _patch(
        self, image: Image, mask: Mask, group: RegionGroup, coarse: bool, finding: Finding | None
    ) -> tuple[Image, Structure | None, bool]:
        """The repaired pixels of a group's crop; every hole in it counts as unknown, not only the group's.

        Besides the pixels: what was measured, if anything was, and whether the inpainting network drew any of them.
        """
        photo, hole = crop(image, group.box), crop(mask, group.box)
        no_page = rest = None
        if finding is not None and finding.off_page is not None:
            off_page = regions.enlarge_part(finding.off_page, group.box, *mask.shape)
            no_page = off_page > 0.5
            if finding.hidden is not finding.mask:
                stays = crop(finding.hidden, group.box) & ~crop(finding.mask, group.box)
                rest = Rest(stays, off_page, PAGE_EDGE_PX * max(mask.shape) / max(finding.off_page.shape))
        if self.inpainter is not None and (coarse or self.options.structure == "off"):
            return proof.paint(self.inpainter, photo, hole, no_page, coarse=coarse), None, True
        measured, drawn = structure.repair(photo, hole, no_page, rest), False
        if self.inpainter is not None:
            measured, drawn = proof.improve(self.inpainter, measured, hole, no_page)
        return measured.image, measured, drawn

    @property
    def _window_size(self) -> tuple[int, int | None]:
        """Side in pixels of the crop around a hole, and how much around the hole of it is measured; None: all."""
        # A network without a crop of its own size looks at parts of what structure looks at.
        if self.inpainter is None or self.inpainter.spec.follows_hole:
            return PUBLISHED_CROP, SURROUNDINGS_PX
        return self.inpainter.crop_side, None
