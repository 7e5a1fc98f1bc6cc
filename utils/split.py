"""Which pictures are trained on and which are held back: decided by the file's name alone, the same everywhere."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

SPLITS = ("train", "val", "all")
VAL_PERCENT = 20  # of the names

T = TypeVar("T")


def side_of(name: str | Path) -> str:
    """`train` or `val` for a file, whatever folder it lies in and whatever it ends in.

    Parts cut from one picture stay together: `hand_07_f0.png` and `hand_07_f1.png` (an underscore, one letter and
    digits at the end) go where `hand_07.png` goes.
    """
    stem = re.sub(r"_[a-z]\d+$", "", Path(name).stem)
    number = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big")
    return "val" if number % 100 < VAL_PERCENT else "train"


def select_some(items: Sequence[T], split: str, name_of: Callable[[T], str | Path], what: str) -> list[T]:
    """As `select`, but none is an error.

    Args:
        items, split, name_of: as there.
        what: the items are, for the message, such as `photographs in 'pages'`.

    Raises:
        ValueError: there are no items, or none on that side.
    """
    chosen = select(items, split, name_of)
    if not items:
        raise ValueError(f"there are no {what}")
    if not chosen:
        raise ValueError(
            f"of the {len(items)} {what} none is for the side '{split}': by their names {VAL_PERCENT} % are for 'val', "
            "what is held out, and the others for 'train'; add some"
        )
    return chosen


def select(items: Iterable[T], split: str, name_of: Callable[[T], str | Path]) -> list[T]:
    """The items on one side, in their order; all of them for `all`.

    Args:
        items: pages, cut-outs…
        split: one of `SPLITS`.
        name_of: the file name of an item.
    """
    return [item for item in items if split in ("all", side_of(name_of(item)))]
