"""Inpainting of others to compare with: a LaMa or MI-GAN graph that the user names, and PatchMatch if installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from utils.arrays import Image, Mask
from utils.regions import Box, connected_bounds, crop, crop_box

GRAPH_SIDE = 512  # pixels, of a graph that takes any size: what both were trained at
PATCHMATCH_PX = 15  # side of PatchMatch's patches, its package's own choice
PATCH_SCALE = 2  # times that a crop is reduced for PatchMatch, which takes a minute at full size

Fill = Callable[[Image, Mask], Image]


def load_lama(path: str | Path) -> Fill:
    """A LaMa or MI-GAN graph as a function from a photo and its holes to the repaired photo.

    The graph takes `image` `(1, 3, h, w)` RGB and `mask` `(1, 1, h, w)`: float32 in [0, 1] with 1 in the hole as LaMa,
    or uint8 with 0 in the hole as MI-GAN. It returns the picture in [0, 1] or [0, 255].

    Raises:
        ValueError: there is no such file, or it is another kind of graph.
    """
    import onnxruntime as ort

    if not Path(path).is_file():
        raise ValueError(f"--lama {path}: there is no such file")
    try:
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen types of its own
        raise ValueError(f"--lama {path}: cannot be loaded ({str(error).splitlines()[0][:200]})") from error
    inputs = {node.name: node for node in session.get_inputs()}
    if set(inputs) != {"image", "mask"}:
        raise ValueError(f"--lama {path}: its inputs are {sorted(inputs)}, 'image' and 'mask' are needed")
    fixed = inputs["image"].shape[-1]
    side = fixed if isinstance(fixed, int) else GRAPH_SIDE
    whole_numbers = "uint8" in inputs["image"].type

    def fill(image: Image, hole: Mask) -> Image:
        def draw(picture: Image, covered: Mask) -> Image:
            small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)[..., ::-1].transpose(2, 0, 1)[None]
            mask = cv2.resize(covered.astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)[None, None] > 0
            feeds: dict[str, Any] = {
                "image": np.ascontiguousarray(small),
                "mask": np.where(mask, 0, 255).astype(np.uint8),
            }
            if not whole_numbers:
                feeds = {"image": small.astype(np.float32) / 255, "mask": mask.astype(np.float32)}
            drawn = np.asarray(session.run(None, feeds)[0][0], np.float32)
            pixels = np.clip(drawn * (255 if drawn.max() <= 2 else 1), 0, 255).astype(np.uint8)
            filled = np.ascontiguousarray(pixels.transpose(1, 2, 0)[..., ::-1])
            return cv2.resize(filled, covered.shape[::-1], interpolation=cv2.INTER_LINEAR)

        return _fill_crops(image, hole, side, draw)

    return fill


def load_patchmatch() -> Fill | None:
    """PatchMatch (Barnes et al. 2009) of the package `pypatchmatch`; None where it is missing or does not load."""
    try:
        from patchmatch import patch_match
    except ImportError:
        return None
    if not getattr(patch_match, "patchmatch_available", True):
        return None

    def fill(image: Image, hole: Mask) -> Image:
        def draw(picture: Image, covered: Mask) -> Image:
            size = max(1, picture.shape[1] // PATCH_SCALE), max(1, picture.shape[0] // PATCH_SCALE)
            mask = (cv2.resize(covered.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
            small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            drawn = patch_match.inpaint(small, 255 * mask[..., None], patch_size=PATCHMATCH_PX)
            return cv2.resize(np.asarray(drawn, np.uint8), covered.shape[::-1], interpolation=cv2.INTER_LINEAR)

        return _fill_crops(image, hole, GRAPH_SIDE, draw)

    return fill


def _fill_crops(image: Image, hole: Mask, side: int, draw: Callable[[Image, Mask], Image]) -> Image:
    """Every part of a hole from a crop of its own, of `side` pixels or as much more as it takes."""
    filled = image.copy()
    for bounds in connected_bounds(hole):
        box: Box = crop_box(bounds, side, *hole.shape)
        covered = np.ascontiguousarray(crop(hole, box))
        drawn = draw(np.ascontiguousarray(crop(image, box)), covered)
        crop(filled, box)[covered] = drawn[covered]
    return filled
