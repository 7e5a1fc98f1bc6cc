"""The two networks as functions of pictures: prepare, run, read back. The same for PyTorch and ONNX.

`run` is what a backend provides: a function from NCHW float32 arrays to a tuple of NCHW float32 arrays.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from utils import preprocess
from utils.arrays import Floats, Image, Mask
from utils.options import LONG_RATIO
from utils.preprocess import MASK_LEVEL
from utils.spec import NetworkSpec

Run = Callable[..., tuple[Floats, ...]]

PART_STEP = 0.5  # of a part's length: from one part of a long photo to the next
LOGIT_LIMIT = 30  # a difference of logits beyond it is certainty in float32, and its exponential still a number
LONGEST_RATIO = 32  # what is longer still is squeezed to that, or a picture a pixel high would take thousands of parts


class Answer(NamedTuple):
    """What the segmentation net says of each pixel.

    Attributes:
        covered: `(h, w)` float32 in [0, 1], the probability that something covers it.
        off_page: `(h, w)` float32 in [0, 1], that it is no page, nor would be without what covers it; None where the
            network does not tell.
    """

    covered: Floats
    off_page: Floats | None = None

    def transposed(self) -> "Answer":
        """Height and width swapped."""
        return Answer(self.covered.T, None if self.off_page is None else self.off_page.T)

    def mirrored(self) -> "Answer":
        """Left and right swapped."""
        return Answer(self.covered[:, ::-1], None if self.off_page is None else self.off_page[:, ::-1])

    def averaged(self, other: "Answer") -> "Answer":
        """The mean of two answers of the same size, from networks of as many classes."""
        half = np.float32(0.5)
        covered = half * (self.covered + other.covered)
        if self.off_page is None or other.off_page is None:
            return Answer(covered)
        return Answer(covered, half * (self.off_page + other.off_page))


class Segmenter:
    """Finds what covers a photo and, with a network of four classes, where its page is.

    Args:
        run: `(N, 3, h, w)` float32 → a tuple of one array, logits `(N, C, h, w)` float32 of two or four classes, see
            `utils.classes`.
        spec: input size, mean and std of the network.
    """

    def __init__(self, run: Run, spec: NetworkSpec) -> None:
        self.run = run
        self.spec = spec

    def logits(self, image: Image) -> Floats:
        """The network's answer at its own size.

        Args:
            image: `(H, W, 3)` uint8 BGR, portrait.

        Returns:
            `(C, h, w)` float32 at the network's size.
        """
        spec = self.spec
        images = preprocess.to_segmenter_input(image, spec.input_height, spec.input_width, spec.mean, spec.std)[None]
        return self.run(images)[0][0]

    def reduced(self, image: Image) -> Image:
        """The photo as small as the network sees it.

        Args:
            image: `(H, W, 3)` uint8 BGR of any size.

        Returns:
            uint8 at the network's size, lying as the photo does: `(h, w, 3)`, for a landscape photo `(w, h, 3)`. A
            photo of more than `LONG_RATIO` keeps its proportions instead and is longer than that.
        """
        height, width = image.shape[:2]
        longer, shorter = max(height, width), min(height, width)
        size = self.spec.input_height, self.spec.input_width
        if longer > LONG_RATIO * shorter:
            size = min(-(-longer * size[1] // shorter), LONGEST_RATIO * size[1]), size[1]
        return preprocess.resize(image, *(size[::-1] if preprocess.is_landscape(image) else size))

    def __call__(self, image: Image) -> Answer:
        """What is covered and what is no page, for each pixel of the reduced photo.

        A landscape photo is transposed for the network and back. A long one is looked at in parts, each as large as the
        network's input; where they overlap the mean counts.

        Args:
            image: `(H, W, 3)` uint8 BGR, the photo or what `reduced` made of it.

        Returns:
            Probabilities of the height and width that `reduced` gives.
        """
        if preprocess.is_landscape(image):
            return self(preprocess.transpose(image)).transposed()
        image = preprocess.lit_for(self.reduced(image), self.spec.out_channels)
        length, part_px = image.shape[0], self.spec.input_height
        if length == part_px:
            return Answer(*self._probs(image))
        steps = math.ceil((length - part_px) / (PART_STEP * part_px))
        sums, times = np.zeros((1, *image.shape[:2]), np.float32), np.zeros((length, 1), np.float32)
        for top in ((length - part_px) * step // steps for step in range(steps + 1)):
            probs = np.stack(self._probs(image[top : top + part_px]))
            sums = np.repeat(sums, len(probs), axis=0) if len(sums) < len(probs) else sums
            sums[:, top : top + part_px] += probs
            times[top : top + part_px] += 1
        return Answer(*(sums / times))

    def _probs(self, image: Image) -> tuple[Floats, ...]:
        """Probabilities of the bits that the network knows."""
        logits = self.logits(image)
        if len(logits) == 2:
            return (1 / (1 + np.exp(np.clip(logits[0] - logits[1], -LOGIT_LIMIT, LOGIT_LIMIT))),)
        likely = np.exp(logits - logits.max(axis=0))
        likely /= likely.sum(axis=0)
        return likely[1] + likely[3], likely[2] + likely[3]


class Inpainter:
    """Draws what may lie in the holes of crops.

    Args:
        run: images `(N, 3, h, w)` with their holes blanked, masks `(N, 1, h, w)` and, of a guided network, hints
            `(N, 4, h, w)`, float32 in [0, 1] → a tuple of `first_out` and `second_out`, `(N, 3, h, w)` float32.
        spec: input size of the network, crop and ratio.
    """

    def __init__(self, run: Run, spec: NetworkSpec) -> None:
        self.run = run
        self.spec = spec

    @property
    def crop_side(self) -> int:
        """Side of the usual crop in pixels of the photo."""
        assert self.spec.imgsize is not None
        return self.spec.imgsize

    @property
    def side(self) -> int:
        """Side of the network's input in pixels."""
        return self.spec.input_height

    @property
    def guided(self) -> bool:
        """Whether the network also reads what the page's structure says, see `utils.page.guidance`."""
        return self.spec.guided

    def outputs(self, images: Floats, masks: Floats, hints: Floats | None = None) -> tuple[Floats, Floats]:
        """Coarse and refined output for prepared batches.

        Args:
            images: `(N, 3, h, w)` float32 in [0, 1], holes not blanked yet.
            masks: `(N, 1, h, w)` float32 in [0, 1], 1 in the hole.
            hints: `(N, 4, h, w)` float32 in [0, 1], of a guided network.

        Returns:
            `first_out`, `second_out`: `(N, 3, h, w)` float32, to be clamped before they become pixels.
        """
        first, second = self.run(images * (1 - masks), masks, *([] if hints is None else [hints]))
        return first, second

    def __call__(self, crops: Sequence[Image], masks: Sequence[Mask], coarse: bool = False) -> list[Image]:
        """Repaint crops of any size.

        Args:
            crops: each `(h, w, 3)` uint8 BGR.
            masks: each `(h, w)` bool, True in the hole.
            coarse: return what the first of the two networks drew.

        Returns:
            For each crop `(h, w, 3)` uint8 BGR, drawn everywhere, also outside the hole.
        """
        pictures = self.draw(crops, masks, coarse)
        return [preprocess.resize(picture, *mask.shape) for picture, mask in zip(pictures, masks, strict=True)]

    def draw(
        self,
        crops: Sequence[Image],
        masks: Sequence[Mask],
        coarse: bool = False,
        guidance: Sequence[Image] | None = None,
    ) -> list[Image]:
        """Repaint crops at the network's size.

        A crop that is not square is reduced until its longer side fits and its last rows or columns are repeated to
        fill the square.

        Args:
            crops, masks, coarse: as when called.
            guidance: of each crop `(h, w, 4)` uint8, of a guided network.

        Returns:
            For each crop uint8 BGR of its proportions, its longer side as long as the network's input.

        Raises:
            ValueError: a guided network is given no guidance.
        """
        side = self.side
        sizes = [preprocess.inner_size(mask.shape, side) for mask in masks]
        images = self._planes(crops)
        levels = [mask.astype(np.uint8) * MASK_LEVEL for mask in masks]
        average = self.spec.follows_hole
        holes = np.stack([preprocess.to_generator_mask(preprocess.fit_square(m, side, average), side) for m in levels])
        if guidance is None and self.guided:
            raise ValueError("the generator reads what page structure says (in_channels 8): none is given")
        hints = None if guidance is None else self._planes(guidance)
        drawn = self.outputs(images, holes, hints)[0 if coarse else 1]
        return [
            preprocess.to_image(picture[:, : size[0], : size[1]]) for picture, size in zip(drawn, sizes, strict=True)
        ]

    def _planes(self, pictures: Sequence[Image]) -> Floats:
        """Pictures of any size and number of channels as the network reads them: `(N, C, h, w)` float32 in [0, 1]."""
        fitted = [preprocess.fit_square(picture, self.side, average=self.spec.follows_hole) for picture in pictures]
        return np.stack([preprocess.to_generator_image(picture, self.side) for picture in fitted])
