"""The weighted mean of several checkpoints of one network, as a checkpoint.

    python -m models.average A.pth B.pth --weights 1 1 --save_path MEAN.pth

Trainings that went on from the same weights lie close enough together for their mean to be a network as good as each of
them or better: "model soups", Wortsman et al. 2022, arXiv:2203.05482. Statistics of batch norm are averaged like the
weights; what is counted in whole numbers is taken from the first file.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from utils.flags import EXIT_USAGE, print_any_name, run_script

if TYPE_CHECKING:
    from torch import nn

    from models.checkpoint import State
    from utils.spec import NetworkSpec


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.average", description="Write the weighted mean of several checkpoints of one network."
    )
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="two or more, of one network")
    parser.add_argument(
        "--weights", nargs="+", type=float, metavar="WEIGHT", help="how much each of them counts (default: all alike)"
    )
    parser.add_argument("--save_path", required=True, help="the checkpoint to write")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script; returns the exit status: 0, or 2 where nothing was written."""
    args = build_parser().parse_args(argv)
    print_any_name()
    from models.checkpoint import save_checkpoint
    from utils.originals import is_same

    try:
        shares = shares_of(args.weights or [1.0] * len(args.checkpoints), len(args.checkpoints))
        if overwritten := [path for path in args.checkpoints if is_same(path, args.save_path)]:
            raise ValueError(f"--save_path {args.save_path} would overwrite '{overwritten[0]}'; name another file")
        network, spec = load_mean(args.checkpoints, shares)
        parts = dict(zip(args.checkpoints, shares, strict=True))
        save_checkpoint(args.save_path, network, spec, averaged_from=parts)
    except (ValueError, OSError) as error:
        print(f"average.py: {error}", file=sys.stderr)
        return EXIT_USAGE
    terms = " + ".join(f"{share:.4g} × {path}" for path, share in parts.items())
    print(f"{terms} → {args.save_path}: {spec.network}")
    return 0


def shares_of(weights: Sequence[float], count: int) -> list[float]:
    """Weights as shares that sum to 1.

    Args:
        weights: one a checkpoint, finite and above 0.
        count: of the checkpoints, 2 or more.

    Raises:
        ValueError: they are none of that.
    """
    if count < 2:
        raise ValueError("one checkpoint has no mean: name two or more")
    if len(weights) != count:
        raise ValueError(f"--weights has {len(weights)} numbers for {count} checkpoints: give one for each")
    if not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise ValueError(f"--weights {' '.join(f'{weight:g}' for weight in weights)}: each must be above 0, and finite")
    return [weight / math.fsum(weights) for weight in weights]


def load_mean(paths: Sequence[str], shares: Sequence[float]) -> "tuple[nn.Module, NetworkSpec]":
    """The mean of several checkpoints that `train.py` wrote.

    Args:
        paths: the files.
        shares: how much each counts; they sum to 1.

    Returns:
        The network on the CPU, in evaluation mode, float32, and the spec that all of them state.

    Raises:
        FileNotFoundError, ValueError: see `checkpoint.read_checkpoint`; also for a file without a spec, for one of a
            discriminator, and where two specs differ.
    """
    from models.checkpoint import load_generator, load_segmenter, read_checkpoint, read_spec
    from utils.spec import GENERATOR, SEGMENTER

    loaders: dict[str, Callable[[str], tuple[nn.Module, NetworkSpec]]]
    loaders = {SEGMENTER: load_segmenter, GENERATOR: load_generator}
    states: list[State] = []
    network, expected = None, None
    for path in paths:
        spec = read_spec(read_checkpoint(path))
        if spec is None:
            raise ValueError(f"'{path}' does not state what it was trained with; only checkpoints of train.py do")
        if spec.network not in loaders:
            raise ValueError(f"'{path}' holds the network {spec.network}; {' and '.join(loaders)} are averaged")
        if expected is not None and spec != expected:
            raise ValueError(f"'{path}' is another network than '{paths[0]}': {_differences(spec, expected)}")
        expected = spec
        network, _ = loaders[spec.network](path)
        states.append(network.state_dict())
    assert network is not None and expected is not None
    network.load_state_dict(mean(states, shares))
    return network, expected


def mean(states: "Sequence[State]", shares: Sequence[float]) -> "State":
    """The weighted mean of state dicts of the same names and shapes, summed in float64.

    Entries of whole numbers, such as batch norm's count of batches, are those of the first.
    """
    result = dict(states[0])
    for name, value in result.items():
        if value.is_floating_point():
            total = value.double() * shares[0]
            for state, share in zip(states[1:], shares[1:], strict=True):
                total += share * state[name].double()
            result[name] = total.to(value.dtype)
    return result


def _differences(spec: "NetworkSpec", expected: "NetworkSpec") -> str:
    other = asdict(expected)
    return ", ".join(
        f"{name} {value} instead of {other[name]}" for name, value in asdict(spec).items() if value != other[name]
    )


if __name__ == "__main__":
    run_script(main)
