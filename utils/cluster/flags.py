"""The flags for lists, shares and clusters."""

import argparse
import math
from dataclasses import dataclass, fields, replace

from utils.cluster.addresses import is_url
from utils.flags import add_switch

ENGINES = ("ray",)
TIMEOUT_SECONDS = 600.0  # 100 megapixels take half a minute of one slow core


@dataclass(frozen=True)
class Choices:
    """What the flags say, but for the photos themselves.

    Attributes:
        list: a file of photos, `-` for stdin, None for all that the folder holds.
        shard: `i/n`, `auto`, or None for all.
        resume: do only what has no record with these options.
        retry_failed: also do what has one that says `failed` or `quarantined`.
        photo_timeout_s: seconds after which a photo hangs.
        merge_report: write the records to this file and do nothing else; None: do the photos.
        cluster: one of `ENGINES`, or None for a worker process of this one.
        ray_address: of a cluster that runs; None starts Ray here.
    """

    list: str | None = None
    shard: str | None = None
    resume: bool = False
    retry_failed: bool = False
    photo_timeout_s: float = TIMEOUT_SECONDS
    merge_report: str | None = None
    cluster: str | None = None
    ray_address: str | None = None


def add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    """Add them, as a group of their own."""
    group = parser.add_argument_group("many photos, many machines", "see docs/cluster.md")
    group.add_argument(
        "--list",
        metavar="FILE|-",
        help="do the photos that this file names, one a line, relative to --src_image_dir; - reads stdin",
    )
    group.add_argument(
        "--shard",
        metavar="I/N|auto",
        help="do share I, from 0 to N-1; auto takes it from SLURM_ARRAY_TASK_ID and _COUNT, or RANK and WORLD_SIZE",
    )
    add_switch(group, "--resume", False, "do only what has no record with these options")
    add_switch(group, "--retry_failed", False, "with --resume True: also do again what failed or was quarantined")
    group.add_argument("--record_dir", help="where each worker records what it has done (default: SAVE_DIR/records)")
    group.add_argument(
        "--photo_timeout_s",
        type=_seconds,
        default=TIMEOUT_SECONDS,
        help="a photo that takes longer, or ends its process, is tried again alone and then left out "
        "(default %(default)g s)",
    )
    group.add_argument(
        "--merge_report",
        metavar="FILE",
        help="do no photo: write one report of all records, and check that every listed photo has one",
    )
    group.add_argument(
        "--cluster", choices=ENGINES, help="have the photos done by all nodes of a Ray cluster (needs ray[data])"
    )
    group.add_argument("--ray_address", help="of a cluster that runs (default: Ray starts on this machine)")


def choices_of(args: argparse.Namespace) -> Choices:
    """What the parsed flags say."""
    return Choices(**{item.name: getattr(args, item.name) for item in fields(Choices)})


def is_wanted(args: argparse.Namespace) -> bool:
    """Whether the photos are to be done by records."""
    is_remote = is_url(args.src_image_dir) or is_url(args.save_dir)
    return is_remote or bool(args.record_dir) or replace(choices_of(args), photo_timeout_s=TIMEOUT_SECONDS) != Choices()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")
    return value
