"""The PyTorch networks on one photo, and a picture of what each of them did: found | coarse | refined.

python predict_single.py --image_path test_img/test1.jpg
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from utils.flags import (
    EXIT_FAILED,
    EXIT_USAGE,
    add_switch,
    given_flags,
    positive_int,
    print_any_name,
    run_script,
    without_effect,
)
from utils.options import COMPAT_REASON, NOT_IN_COMPAT, add_removal_flags, removal_options
from utils.spec import PUBLISHED_CROP, PUBLISHED_RATIO

if TYPE_CHECKING:
    from utils.arrays import Image

PANEL_HEIGHT, PANEL_WIDTH = 640, 480  # of each of the three pictures


def build_parser() -> argparse.ArgumentParser:
    """The flags of this script."""
    parser = argparse.ArgumentParser(description="Remove what covers one photographed document, with PyTorch.")
    parser.add_argument("--image_path", default="test_img/test1.jpg", help="the photo (default %(default)s)")
    parser.add_argument(
        "--deepfillv2_generator_pretrain",
        default="./pytorch_model/deepfillv2_G.pth",
        help="generator checkpoint (default %(default)s)",
    )
    parser.add_argument(
        "--deeplabv3_pretrain",
        default="./pytorch_model/deeplabv3_mobilenetv2.pth",
        help="segmentation checkpoint (default %(default)s)",
    )
    parser.add_argument("--backbone", help="of the segmentation net (default: what the checkpoint states)")
    parser.add_argument(
        "--imgsize", type=positive_int, help=f"side of the crop (default: what the file states, or {PUBLISHED_CROP})"
    )
    parser.add_argument(
        "--imgresize", type=positive_int, help=f"its reduction (default: what the file states, or {PUBLISHED_RATIO})"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default %(default)s)")
    parser.add_argument("--save_path", help="the comparison picture (default: PHOTO_comparison.png in this folder)")
    add_switch(parser, "--show", False, "also show it in a window, where there is a display")
    add_removal_flags(parser, structure="off")  # this script is there to show the networks
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the script; returns the exit status: 0, 1 where the photo failed, 2 for wrong usage."""
    parser = build_parser()
    args = parser.parse_args(argv)
    print_any_name()
    # Imported here so that --help does not wait for them.
    import numpy as np

    from models import torch_backend
    from utils import images, preprocess
    from utils.folder import overlay
    from utils.originals import is_same
    from utils.remover import OccluderRemover
    from utils.stages import Inpainter, Segmenter

    source = Path(args.image_path)
    target = Path(args.save_path or f"{source.stem}_comparison.png")
    try:
        options = removal_options(args)
        images.check_extension(target)
        if is_same(target, source):
            raise ValueError(f"--save_path '{target}' is the photo itself; name another file")
        segment, segment_spec = torch_backend.segmenter_run(args.deeplabv3_pretrain, args.device, args.backbone)
        if options.without_network:
            raise ValueError("--structure only shows no network; predict_onnx.py has it")
        inpaint, inpaint_spec = torch_backend.inpainter_run(
            args.deepfillv2_generator_pretrain, args.device, args.imgsize, args.imgresize
        )
        remover = OccluderRemover(Segmenter(segment, segment_spec), Inpainter(inpaint, inpaint_spec), options)
    except (ValueError, OSError) as error:
        print(f"predict_single.py: {error}", file=sys.stderr)
        return EXIT_USAGE
    if options.compat:
        for note in without_effect(given_flags(parser, argv), NOT_IN_COMPAT, COMPAT_REASON):
            print(note, file=sys.stderr)

    try:
        image = images.read_photo(source).image
        removal = remover(image)
        coarse = remover.repair(image, removal.mask, coarse=True)

        def panel(picture: np.ndarray) -> np.ndarray:
            portrait = preprocess.transpose(picture) if preprocess.is_landscape(picture) else picture
            return preprocess.resize(portrait, PANEL_HEIGHT, PANEL_WIDTH)

        overlaid = overlay(panel(image), panel(removal.mask.astype(np.uint8)))
        picture = np.hstack([overlaid, panel(coarse.image), panel(removal.image)])
        images.write_image(target, picture)
    except (ValueError, OSError) as error:
        print(f"predict_single.py: {error}", file=sys.stderr)
        return EXIT_FAILED
    count = len(removal.boxes)
    regions = "1 region" if count == 1 else f"{count} regions"
    print(f"{source}: repaired {regions}; found | coarse | refined is in '{target}'")
    if args.show:
        _show(picture)
    return 0


def _show(picture: "Image") -> None:
    import cv2

    linux_without = sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    try:
        if linux_without:  # there OpenCV's Qt would not raise but abort the process
            raise cv2.error
        cv2.imshow("found | coarse | refined", picture)
        cv2.waitKey(0)
    except cv2.error:
        print("predict_single.py: --show True: there is no display here; the picture is saved", file=sys.stderr)


if __name__ == "__main__":
    run_script(main)
