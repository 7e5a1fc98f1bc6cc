"""Two checkpoints → two ONNX graphs, each compared with PyTorch before it counts as written.

python convert.py --deeplabv3_pretrain runs/deeplabv3.pth --deepfillv2_generator_pretrain runs/deepfillv2_G.pth
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from utils.flags import EXIT_FAILED, EXIT_USAGE, add_network_flags, add_switch, positive_int, print_any_name, run_script
from utils.spec import SEGMENTER, NetworkSpec

if TYPE_CHECKING:
    from torch import nn

    from models.onnx_export import Sample

    Loaded = tuple[nn.Module, NetworkSpec, list[Sample]]


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
    precision = parser.add_argument_group(
        "precision", "graphs that are smaller and faster where the device supports it"
    )
    add_switch(precision, "--fp16", False, "half precision inside, float32 inputs and outputs")
    add_switch(precision, "--int8", False, "convolutions in 8-bit integers, calibrated on the samples of --baseroot")
    precision.add_argument(
        "--baseroot",
        help="training root, or lifelike:DATA_DIR, whose samples measure the loss; --fp16 also does without",
    )
    precision.add_argument(
        "--calibration_samples", type=positive_int, default=16, help="how many of them (default %(default)s)"
    )
    precision.add_argument(
        "--min_psnr",
        type=float,
        default=40.0,
        help="dB; a graph that resembles its network less is not written (default %(default)s)",
    )
    add_network_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the script; returns the exit status: 0, 1 where a network was not converted, 2 for wrong usage."""
    parser = build_parser()
    args = parser.parse_args(argv)
    print_any_name()
    jobs = [
        (flag, Path(save_path), load)
        for flag, save_path, load in (
            ("deeplabv3_pretrain", args.save_path1, load_segmenter),
            ("deepfillv2_generator_pretrain", args.save_path2, load_generator),
        )
        if save_path
    ]
    if not jobs:
        print("convert.py: --save_path1 and --save_path2 are both empty: nothing to convert", file=sys.stderr)
        return EXIT_USAGE

    if args.fp16 and args.int8:
        print("convert.py: --fp16 and --int8 exclude each other", file=sys.stderr)
        return EXIT_USAGE
    if args.int8 and not args.baseroot:
        print("convert.py: --int8 True needs --baseroot, a training root to calibrate on", file=sys.stderr)
        return EXIT_USAGE

    try:
        check_paths({flag: Path(getattr(args, flag)) for flag, _, _ in jobs}, [path for _, path, _ in jobs])
    except ValueError as error:
        print(f"convert.py: {error}", file=sys.stderr)
        return EXIT_USAGE
    # Everything is read and checked before anything is written, and no graph takes its place before all are written.
    loaded, failed = [], 0
    for flag, path, load in jobs:
        source = getattr(args, flag)
        if source == parser.get_default(flag) and not Path(source).is_file():
            print(f"no '{source}': '{path}' is not written (name the checkpoint with --{flag})", file=sys.stderr)
            continue
        try:
            loaded.append((source, path, load(args, source)))
        except (ValueError, OSError) as error:
            print(f"convert.py: {error}", file=sys.stderr)
            failed += 1
    if failed or not loaded:
        return EXIT_FAILED
    try:
        remarks = write_all(loaded, args)
    except (ValueError, OSError) as error:
        print(f"convert.py: {error}", file=sys.stderr)
        return EXIT_FAILED
    for (source, path, _), remark in zip(loaded, remarks, strict=True):
        print(f"{source} → {path}: {path.stat().st_size / 1e6:.1f} MB, {remark}")
    return 0


def check_paths(sources: dict[str, Path], targets: list[Path]) -> None:
    """Refuse graphs that would come to lie over a checkpoint or over each other.

    Args:
        sources: checkpoints by their flags.
        targets: the graphs.

    Raises:
        ValueError: it names both.
    """
    from utils.originals import is_same

    for number, target in enumerate(targets):
        for flag, source in sources.items():
            if is_same(source, target):
                raise ValueError(f"'{target}' is the checkpoint of --{flag}; name another file for the graph")
        if any(target.resolve() == other.resolve() or is_same(target, other) for other in targets[:number]):
            raise ValueError(f"--save_path1 and --save_path2 are both '{target}'; name two files")


def write_all(loaded: "list[tuple[str, Path, Loaded]]", args: argparse.Namespace) -> list[str]:
    """Write the graphs beside their places, and rename them when all are there.

    Returns:
        How exact each is, in words.

    Raises:
        ValueError, OSError: one cannot be written or is not exact enough; none of them is in its place then.
    """
    from utils.images import atomic

    remarks = []
    with ExitStack() as stack:
        for _, path, (network, spec, samples) in loaded:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = stack.enter_context(atomic(path))
            try:
                remarks.append(write_graph(network, spec, temporary, samples, args))
            except ValueError as error:
                raise ValueError(str(error).replace(str(temporary), str(path))) from None
    return remarks


def load_segmenter(args: argparse.Namespace, source: str) -> "Loaded":
    """The segmentation net of a checkpoint, its spec, and the samples that a lower precision is measured on.

    Raises:
        FileNotFoundError, ValueError, OSError: no usable checkpoint or samples.
    """
    from models import checkpoint
    from models.folded_decoder import fold

    network, spec = checkpoint.load_segmenter(source, args.backbone, args.in_c, args.out_c)
    fold(network)
    return network, spec, read_samples(args, spec)


def load_generator(args: argparse.Namespace, source: str) -> "Loaded":
    """The generator of a checkpoint; returns and raises what `load_segmenter` does."""
    from models import checkpoint
    from models.gated_conv import fold

    network, spec = checkpoint.load_generator(
        source, args.latent_channels, args.in_channels, args.out_channels, args.pad_type, args.activation, args.norm
    )
    fold(network)
    return network, spec, read_samples(args, spec)


def read_samples(args: argparse.Namespace, spec: NetworkSpec) -> "list[Sample]":
    """The samples of `--baseroot` as a network's graph takes them; none where no precision is to be measured.

    Raises:
        ValueError, OSError: there are none, or one cannot be read.
    """
    if not args.baseroot or not (args.fp16 or args.int8):
        return []
    from datasets.annotations import read_annotations
    from datasets.sources import Sources, is_synthetic

    sources = Sources(spec, None, (), seed=0, ratios=(), crop=None, workers=1, check=False)
    count = args.calibration_samples
    if is_synthetic(args.baseroot):
        data = sources.synthetic(args.baseroot, count, seed=0, split="train")
    else:
        data = sources.photos(read_annotations(args.baseroot)[:count], augment=False)
        count = len(data)
    samples = []
    for index in range(count):
        image, target = data[index]
        if spec.network == SEGMENTER:
            samples.append({"input": image[None].numpy()})
            continue
        picture, hints = image[None, : spec.out_channels].numpy(), image[None, spec.out_channels :].numpy()
        sample = {"img": picture, "mask": target[None].numpy()}
        samples.append(sample | ({"hints": hints} if hints.shape[1] else {}))
    return samples


def write_graph(
    network: "nn.Module", spec: NetworkSpec, path: Path, samples: "list[Sample]", args: argparse.Namespace
) -> str:
    """The graph in the precision asked for; returns how exact it is, in words."""
    from models import onnx_export

    if args.fp16 or args.int8:
        write = onnx_export.export_int8 if args.int8 else onnx_export.export_half
        return f"PSNR against float32 {write(network, spec, path, samples, args.min_psnr):.1f} dB"
    return f"largest difference from PyTorch {onnx_export.export(network, spec, path):.1e}"


if __name__ == "__main__":
    run_script(main)
