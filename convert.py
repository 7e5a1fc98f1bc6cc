"""Two checkpoints → two ONNX graphs, each compared with PyTorch before it counts as written.

python convert.py --deeplabv3_pretrain runs/deeplabv3.pth --deepfillv2_generator_pretrain runs/deepfillv2_G.pth
"""

import argparse
import sys
from pathlib import Path

from utils.flags import add_network_flags

EXIT_FAILED = 1
EXIT_USAGE = 2


def build_parser() -> argparse.ArgumentParser:
    """The flags of this script."""
    parser = argparse.ArgumentParser(
        description="Write the two networks as ONNX graphs.",
        epilog="To convert only one of them, give the other an empty save path, for example --save_path2 ''. A "
        "checkpoint that was not named and is not at its default place is skipped.",
    )
    parser.add_argument(
        "--deeplabv3_pretrain",
        default="./pytorch_model/deeplabv3_mobilenetv2.pth",
        help="segmentation checkpoint (default %(default)s)",
    )
    parser.add_argument(
        "--deepfillv2_generator_pretrain",
        default="./pytorch_model/deepfillv2_G.pth",
        help="generator checkpoint (default %(default)s)",
    )
    parser.add_argument(
        "--save_path1",
        default="./onnx_model/deeplabv3_mobilenetv2.onnx",
        help="segmentation graph to write (default %(default)s)",
    )
    parser.add_argument(
        "--save_path2", default="./onnx_model/deepfillv2_G.onnx", help="generator graph to write (default %(default)s)"
    )
    add_network_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the script; returns the exit status: 0, 1 where a network was not converted, 2 for wrong usage."""
    parser = build_parser()
    args = parser.parse_args(argv)
    jobs = [
        (flag, Path(save_path), convert)
        for flag, save_path, convert in (
            ("deeplabv3_pretrain", args.save_path1, convert_segmenter),
            ("deepfillv2_generator_pretrain", args.save_path2, convert_generator),
        )
        if save_path
    ]
    if not jobs:
        print("convert.py: --save_path1 and --save_path2 are both empty: nothing to convert", file=sys.stderr)
        return EXIT_USAGE

    converted = failed = 0
    for flag, path, convert in jobs:
        source = getattr(args, flag)
        if source == parser.get_default(flag) and not Path(source).is_file():
            print(f"no '{source}': '{path}' is not written (name the checkpoint with --{flag})", file=sys.stderr)
            continue
        try:
            difference = convert(source, path, args)
        except (ValueError, OSError) as error:
            print(f"convert.py: {error}", file=sys.stderr)
            failed += 1
        else:
            size = path.stat().st_size / 1e6
            print(f"{source} → {path}: {size:.1f} MB, largest difference from PyTorch {difference:.1e}")
            converted += 1
    return 0 if converted and not failed else EXIT_FAILED


def convert_segmenter(source: str, path: Path, args: argparse.Namespace) -> float:
    """Checkpoint → segmentation graph; returns and raises what `onnx_export.export_segmenter` does."""
    from models import checkpoint, onnx_export

    network, spec = checkpoint.load_segmenter(source, args.backbone, args.in_c, args.out_c)
    return onnx_export.export_segmenter(network, spec, path)


def convert_generator(source: str, path: Path, args: argparse.Namespace) -> float:
    """Checkpoint → generator graph; returns and raises what `onnx_export.export_generator` does."""
    from models import checkpoint, onnx_export
    from models.gated_conv import fold

    network, spec = checkpoint.load_generator(
        source, args.latent_channels, args.in_channels, args.out_channels, args.pad_type, args.activation, args.norm
    )
    fold(network)
    return onnx_export.export_generator(network, spec, path)


if __name__ == "__main__":
    sys.exit(main())
