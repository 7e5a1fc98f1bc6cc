"""Options of tiny networks for the tests: what a command line without flags says, and what a test changes."""

from typing import Any

import train
from models.options import InpaintingOptions, SegmentationOptions
from utils.flags import pick

SMALL = {"latent_channels": 4, "imgsize": 64, "imgresize": 2, "norm": "none"}


def inpainting(**changed: Any) -> InpaintingOptions:
    """A generator and a discriminator of 4 channels for crops of 32 pixels."""
    return pick(InpaintingOptions, vars(train.build_parser().parse_args([])) | SMALL | changed)


def segmentation(**changed: Any) -> SegmentationOptions:
    """The published segmentation net."""
    return pick(SegmentationOptions, vars(train.build_parser().parse_args([])) | changed)
