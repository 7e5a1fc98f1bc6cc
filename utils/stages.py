"""The two networks as functions of pictures: prepare, run, read back. The same for PyTorch and ONNX.

`run` is what a backend provides: a function from NCHW float32 arrays to a tuple of NCHW float32 arrays.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from utils import preprocess
from utils.preprocess import MASK_LEVEL
from utils.spec import NetworkSpec

Array = NDArray[np.float32]
Run = Callable[..., tuple[Array, ...]]


class Segmenter:
    """Finds what covers a photo.

    Args:
        run: `(N, 3, h, w)` float32 → a tuple of one array, logits `(N, 2, h, w)` float32.
        spec: input size, mean and std of the network.
    """

    def __init__(self, run: Run, spec: NetworkSpec) -> None:
        self.run = run
        self.spec = spec

    def logits(self, image: NDArray[np.uint8]) -> Array:
        """The network's answer at its own size.

        Args:
            image: `(H, W, 3)` uint8 BGR, portrait.

        Returns:
            `(2, h, w)` float32 at the network's size: paper, occluder.
        """
        spec = self.spec
        images = preprocess.to_segmenter_input(image, spec.input_height, spec.input_width, spec.mean, spec.std)[None]
        return self.run(images)[0][0]

    def __call__(self, image: NDArray[np.uint8]) -> Array:
        """Probability that each pixel of the reduced photo is covered.

        Args:
            image: `(H, W, 3)` uint8 BGR of any size; a landscape photo is transposed for the network and back.

        Returns:
            float32 in [0, 1] at the network's size: `(h, w)`, for a landscape photo `(w, h)`.
        """
        if preprocess.is_landscape(image):
            return self(preprocess.transpose(image)).T
        paper, occluder = self.logits(image)
        return 1 / (1 + np.exp(np.clip(paper - occluder, -30, 30)))


class Inpainter:
    """Draws what may lie in the holes of crops.

    Args:
        run: images `(N, 3, h, w)` with their holes blanked and masks `(N, 1, h, w)`, float32 in [0, 1] → a tuple of
            `first_out` and `second_out`, `(N, 3, h, w)` float32 in (-1, 1).
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

    def outputs(self, images: Array, masks: Array) -> tuple[Array, Array]:
        """Coarse and refined output for prepared batches.

        Args:
            images: `(N, 3, h, w)` float32 in [0, 1], holes not blanked yet.
            masks: `(N, 1, h, w)` float32 in [0, 1], 1 in the hole.

        Returns:
            `first_out`, `second_out`: `(N, 3, h, w)` float32 in (-1, 1), to be clamped before they become pixels.
        """
        first, second = self.run(images * (1 - masks), masks)
        return first, second

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]], coarse: bool = False
    ) -> list[NDArray[np.uint8]]:
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
        self, crops: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]], coarse: bool = False
    ) -> list[NDArray[np.uint8]]:
        """Repaint crops at the network's size.

        A crop that is not square is reduced until its longer side fits and its last rows or columns are repeated to
        fill the square.

        Args:
            crops, masks, coarse: as when called.

        Returns:
            For each crop uint8 BGR of its proportions, its longer side as long as the network's input.
        """
        side = self.spec.input_height
        sizes = [preprocess.inner_size(mask.shape, side) for mask in masks]
        images = np.stack([preprocess.to_generator_image(preprocess.fit_square(c, side), side) for c in crops])
        levels = [mask.astype(np.uint8) * MASK_LEVEL for mask in masks]
        holes = np.stack([preprocess.to_generator_mask(preprocess.fit_square(m, side), side) for m in levels])
        drawn = self.outputs(images, holes)[0 if coarse else 1]
        return [
            preprocess.to_image(picture[:, : size[0], : size[1]]) for picture, size in zip(drawn, sizes, strict=True)
        ]
