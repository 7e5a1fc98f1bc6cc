"""What a user may choose about the removal, and the flags for it."""

import argparse
import math
from dataclasses import dataclass

from utils.flags import add_switch, positive_int

SCOPES = ("auto", "page", "whole")
DOUBTFUL_MODES = ("leave", "remove")
STRUCTURE_MODES = ("auto", "off", "only")
PROVIDERS = ("auto", "cuda", "tensorrt", "openvino", "cpu")
MASK_MODES = ("replace", "add")
JPEG_MODES = ("auto", "exact", "match")
HATCH, OUTLINE, NO_SIGN = "hatch", "outline", "none"
SIGNS = (HATCH, OUTLINE, NO_SIGN)  # over lost text

# The defaults below are for a photo of this height, the published size; they scale with the photo.
REFERENCE_SIDE = 4000
# A photo longer than this is looked at in parts. Squeezed whole to the network's 4:3, one of 2:1 is found about as well
# as in parts, of what covers one of 2.3:1 a tenth is missed, of 3.2:1 half, of 4.5:1 nearly all.
LONG_RATIO = 2
LEAST_GROWTH_PX = 3.0  # pixels of any photo


NOT_IN_COMPAT = (
    "threshold",
    "confidence",
    "confidence_inside",
    "doubtful",
    "scope",
    "grow_px",
    "feather_px",
    "min_area_px",
    "structure",
    "lift_shadow",
)
COMPAT_REASON = "--compat True is the published flow, which has nothing of that"


@dataclass(frozen=True)
class RemovalOptions:
    """Choices for one run, the same for every photo.

    Attributes:
        threshold: probability in (0, 1) from which a pixel counts as covered.
        confidence: a region that comes in over the photo's border or the page's edge is removed from this confidence
            on, in [0, 1); a less sure one is in doubt.
        confidence_inside: the same for what lies free inside the page, as prints do; at least `confidence`.
        doubtful: `leave` or `remove` what is in doubt.
        scope: `page` repairs what lies over the page, `whole` also the rest of an occluder beside it, `auto` that only
            where the surroundings can be continued. Without effect where the network knows no page.
        grow_px: how far the found mask is grown, in pixels of a photo 4000 pixels high; others: `growth_px`.
        feather_px: width of the soft edge inside the grown mask, measured likewise.
        min_area_px: found regions of fewer pixels are ignored as noise, measured likewise (an area: squared).
        structure: `auto` continues paper and rules at full resolution and takes the network's picture where they do
            not explain what surrounds a hole and the network does, `off` pastes the network's picture alone, `only`
            does without the inpainting network: the default as long as the shipped generator gains little for its time.
        lift_shadow: lift the shadow that a found occluder throws on the page beside it; not with `structure` `off`.
        compat: the published flow instead, whatever `structure` says: last contour, one crop, hard paste.
    """

    threshold: float = 0.5
    confidence: float = 0.73
    confidence_inside: float = 0.93
    doubtful: str = "leave"
    scope: str = "auto"
    grow_px: float = 18.0
    feather_px: float = 6.0
    min_area_px: float = 2500.0
    structure: str = "only"
    lift_shadow: bool = True
    compat: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"--threshold {self.threshold}: must lie between 0 and 1, for example 0.5")
        if not 0 <= self.confidence < 1:
            raise ValueError(f"--confidence {self.confidence}: must be 0 or more and less than 1, for example 0.73")
        if not self.confidence <= self.confidence_inside <= 1:
            raise ValueError(
                f"--confidence_inside {self.confidence_inside}: must lie between --confidence {self.confidence} and 1"
            )
        for name, choices in (("doubtful", DOUBTFUL_MODES), ("scope", SCOPES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"--{name} {getattr(self, name)}: must be one of {', '.join(choices)}")
        for name in ("grow_px", "feather_px", "min_area_px"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"--{name} {getattr(self, name)}: must be 0 or more, and finite")
        if self.structure not in STRUCTURE_MODES:
            raise ValueError(f"--structure {self.structure}: must be one of {', '.join(STRUCTURE_MODES)}")

    @property
    def without_network(self) -> bool:
        """Whether the inpainting network is not needed at all."""
        return self.structure == "only" and not self.compat


def scale_of(height: int, width: int) -> float:
    """How many pixels of a photo of this size make one pixel of the options; a long one is as wide as its parts."""
    return min(max(height, width), LONG_RATIO * min(height, width)) / REFERENCE_SIDE


def growth_px(options: RemovalOptions, height: int, width: int) -> float:
    """How far masks of a photo of this size are grown, in its own pixels.

    The soft edge of an occluder has a pixel or two however small the picture, so the growth does not shrink below
    `LEAST_GROWTH_PX` with it.
    """
    return max(options.grow_px * scale_of(height, width), min(options.grow_px, LEAST_GROWTH_PX))


def add_removal_flags(parser: argparse.ArgumentParser, structure: str = RemovalOptions.structure) -> None:
    """Add the flags of `RemovalOptions`; `structure` is the script's default mode."""
    defaults = RemovalOptions(structure=structure)
    group = parser.add_argument_group("removal")
    group.add_argument(
        "--threshold",
        type=float,
        default=defaults.threshold,
        help="probability from which a pixel counts as covered (default %(default)s)",
    )
    group.add_argument(
        "--confidence",
        type=float,
        default=defaults.confidence,
        help="remove what comes in over an edge of photo or page from this confidence on (default %(default)s)",
    )
    group.add_argument(
        "--confidence_inside",
        type=float,
        help="the same for what lies free inside the page, as prints do (default "
        f"{defaults.confidence_inside}, or --confidence where that is more)",
    )
    group.add_argument(
        "--doubtful",
        choices=DOUBTFUL_MODES,
        default=defaults.doubtful,
        help="what to do with what may as well be printed; all of it is listed at the end (default %(default)s)",
    )
    group.add_argument(
        "--scope",
        choices=SCOPES,
        default=defaults.scope,
        help="page repairs what lies over the page, whole also the rest of it beside the page, auto does that where "
        "the surroundings can be continued (default %(default)s)",
    )
    group.add_argument(
        "--grow_px",
        type=float,
        default=defaults.grow_px,
        help=f"grow the found mask by so many pixels of a photo {REFERENCE_SIDE} high, in proportion on others but not "
        f"by less than {LEAST_GROWTH_PX:.0f} (default %(default)s)",
    )
    group.add_argument(
        "--feather_px",
        type=float,
        default=defaults.feather_px,
        help="width of the soft edge inside the mask, measured likewise (default %(default)s)",
    )
    group.add_argument(
        "--min_area_px",
        "--min_area",
        type=float,
        default=defaults.min_area_px,
        help="ignore found specks of fewer pixels, measured likewise (default %(default)s)",
    )
    group.add_argument(
        "--structure",
        choices=STRUCTURE_MODES,
        default=defaults.structure,
        help="continue paper and rules at full resolution: auto takes the network's picture where these explain "
        "nothing, off everywhere, only does without the inpainting network (default %(default)s)",
    )
    add_switch(
        group,
        "--lift_shadow",
        defaults.lift_shadow,
        "also lift the shadow that a found occluder throws on the page beside it; not with --structure off",
    )
    add_switch(group, "--compat", defaults.compat, "reproduce the published flow: one crop, hard paste, structure off")


def add_writing_flags(parser: argparse._ActionsContainer) -> None:
    """Add the flags that say how results are written, and of what size photos are read."""
    add_switch(parser, "--mark", True, "record in the picture's XMP what was repainted")
    parser.add_argument(
        "--jpeg",
        choices=JPEG_MODES,
        default="auto",
        help="exact keeps untouched blocks identical (needs libturbojpeg or jpeglib), match keeps quality and chroma "
        "sampling",
    )
    parser.add_argument("--max_pixels", type=positive_int, help="refuse larger pictures (default: 200 megapixels)")


def removal_options(args: argparse.Namespace) -> RemovalOptions:
    """The options that the parsed flags state.

    Raises:
        ValueError: a value is out of range; the message names the flag.
    """
    return RemovalOptions(
        threshold=args.threshold,
        confidence=args.confidence,
        confidence_inside=max(args.confidence, RemovalOptions.confidence_inside)
        if args.confidence_inside is None
        else args.confidence_inside,
        doubtful=args.doubtful,
        scope=args.scope,
        grow_px=args.grow_px,
        feather_px=args.feather_px,
        min_area_px=args.min_area_px,
        structure=args.structure,
        lift_shadow=args.lift_shadow,
        compat=args.compat,
    )
