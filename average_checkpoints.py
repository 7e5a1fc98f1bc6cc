"""Average the weights of several checkpoints of one segmentation training into one that is better than each.

    python average_checkpoints.py --checkpoints runs/a_epoch21.pth runs/a_epoch28.pth --save_path pytorch_model/mean.pth

Checkpoints of one training lie around the same optimum, and their mean lies nearer to it than the last of them. Source:
stochastic weight averaging, Izmailov et al. 2018, arXiv:1803.05407. With a single checkpoint this keeps its weights and
spec and leaves out everything else that a training writes down.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    """The flags of this script."""
    parser = argparse.ArgumentParser(description="Average the weights of segmentation checkpoints.")
    parser.add_argument("--checkpoints", nargs="+", required=True, help="files of one training; a file may come twice")
    parser.add_argument("--save_path", required=True, help="the checkpoint to write; must not exist yet")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the mean; returns the exit status: 0, 2 for wrong usage or files that do not fit together."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if Path(args.save_path).exists():
        parser.error(f"--save_path {args.save_path}: exists already; name another file")

    import torch

    from models import checkpoint

    try:
        loaded = [checkpoint.load_segmenter(path) for path in args.checkpoints]
        network, spec = loaded[0]
        for path, (_, other) in zip(args.checkpoints, loaded, strict=True):
            if other != spec:
                raise ValueError(f"'{path}' is not of the same training as '{args.checkpoints[0]}': {other} and {spec}")
        states = [other.state_dict() for other, _ in loaded]
        with torch.no_grad():
            for name, values in network.state_dict().items():
                if values.is_floating_point():
                    values.copy_(torch.stack([state[name] for state in states]).mean(0))
        checkpoint.save_checkpoint(args.save_path, network, spec)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"mean of {len(loaded)} checkpoints in {args.save_path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
