"""Remove what covers a photographed document.

    from occluder_removal import OccluderRemover

    remover = OccluderRemover.load()
    removal = remover("page.jpg")

The flow itself is `utils.remover`; here it takes any kind of picture and finds the graphs that ship. In the repository
this package stands beside `utils`, `models` and `datasets`; installed, they and the scripts are parts of it
(`setup.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np

from utils.arrays import Image
from utils.images import read_photo
from utils.options import RemovalOptions
from utils.regions import Box
from utils.remover import OccluderRemover as _Remover
from utils.remover import Removal
from utils.runtime.shipped import GENERATOR_GRAPH, SEGMENTER_GRAPH

if TYPE_CHECKING:
    from PIL import Image as pillow

__all__ = ["Box", "OccluderRemover", "Removal", "RemovalOptions"]

AnyImage = Union[Image, str, Path, "pillow.Image"]


class OccluderRemover(_Remover):
    """Finds what covers a photographed page and repaints only that; `load` makes one."""

    @classmethod
    def load(
        cls,
        segmenter: str | Path = SEGMENTER_GRAPH,
        generator: str | Path = GENERATOR_GRAPH,
        options: RemovalOptions | None = None,
        provider: str = "auto",
        workers: int = 1,
    ) -> "OccluderRemover":
        """A remover over ONNX graphs; without arguments, over those that ship.

        Args:
            segmenter, generator: files of the two graphs; the second is not touched where the options do without it.
            options: threshold, growth, feather, mode; None takes the defaults of `predict_onnx.py`.
            provider: one of `utils.options.PROVIDERS`; `auto` takes the fastest that loads.
            workers: how many threads will call the remover at the same time.

        Raises:
            FileNotFoundError: there is no such graph.
            ValueError: a graph or the provider cannot be used; the message says why.
        """
        from utils.runtime.onnx_backend import load_remover

        remover, _ = load_remover(segmenter, generator, options or RemovalOptions(), provider, workers=workers)
        return cls(remover.segmenter, remover.inpainter, remover.options)

    def __call__(self, image: AnyImage) -> Removal:
        """Repair one photo.

        Args:
            image: an `(H, W, 3)` uint8 BGR array as OpenCV reads it, the path of a JPEG, PNG, TIFF, WebP or BMP file,
                or a Pillow image. Files and Pillow images are turned upright as their EXIF says.

        Returns:
            The repaired photo as an `(H, W, 3)` uint8 BGR array, with the mask and the boxes of what was repainted.

        Raises:
            ValueError: the array is none of these, the file is no picture or damaged, or next to nothing of the page is
                left to see.
            OSError: the file cannot be read.
        """
        return super().__call__(_to_array(image))


def _to_array(image: AnyImage) -> Image:
    """Any kind of picture as an `(H, W, 3)` uint8 BGR array."""
    if isinstance(image, str | Path):
        return read_photo(image).image
    if not isinstance(image, np.ndarray):
        from PIL import ImageOps

        return np.ascontiguousarray(np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[..., ::-1])
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(
            f"an array of shape {image.shape} and type {image.dtype}: expected (height, width, 3) uint8 in BGR order, "
            "as cv2.imread gives it"
        )
    return np.ascontiguousarray(image)
