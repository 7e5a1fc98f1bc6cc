"""What belongs to the user and is never written over: photos and masks, whatever names the system has for them.

One folder may be reached by two names: a bind mount, a link, two shares of one disk, another spelling on a disk that
does not tell capital letters. Names are therefore never compared, but what the system says: device and inode, and
where two mounts number differently, whether a file written here turns up there.
"""

import contextlib
import os
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

_SAME_NAME = "the result would overwrite that of '{}', whose name is the same to that disk; rename one of the photos"
Identity = tuple[int, int]  # device and inode


def identity(path: str | Path) -> Identity | None:
    """What a file or folder is to the system, links followed; None where there is none, or it cannot be asked."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: a name with a zero in it
        return None
    return status.st_dev, status.st_ino


def is_same(first: str | Path, second: str | Path) -> bool:
    """Whether two names lead to one file or folder; False where one of them does not exist."""
    known = identity(first)
    return known is not None and known == identity(second)


def is_same_folder(folder: Path, other: Path) -> bool:
    """Whether what is written to one folder turns up in the other, asked by a file of no length and gone at once.

    Args:
        folder: where to write; one that is missing or cannot be written to is the other only if it `is_same`.
        other: where to look.
    """
    if is_same(folder, other):
        return True
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(prefix=".", dir=folder) as probe:
        return (other / Path(probe.name).name).exists()
    return False


def folds_names(folder: Path) -> bool:
    """Whether a folder takes names that differ in capital letters alone for one; False where that cannot be asked."""
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile(prefix=".case", dir=folder) as probe:
        return (folder / Path(probe.name).name.swapcase()).exists()
    return False


class Originals:
    """The user's files of one run, and what has been written so far.

    Args:
        list_files: gives them; called once, when a file is first found where a result would go.
    """

    def __init__(self, list_files: Callable[[], Iterable[Path]] = lambda: ()) -> None:
        self._list_files = list_files
        self._known: dict[Identity, Path] | None = None
        self._written: dict[Identity, Path] = {}
        self._apart: set[tuple[Path, Path]] = set()
        self._folding: dict[Path, bool] = {}
        self._taken: dict[tuple[Path, str], Path] = {}
        self._lock = threading.Lock()

    def refuse(self, target: Path, source: Path) -> None:
        """Refuse a place to write to that is one of the originals, or where another result of this run lies.

        Args:
            target: the file about to be written; its folder exists.
            source: the photo that it is made from.

        Raises:
            ValueError: one line says what would be lost.
        """
        with self._lock:
            folders = target.parent, source.parent
            if folders not in self._apart:
                if is_same_folder(*folders):
                    raise ValueError(
                        f"the result would overwrite it: '{target.parent}' is a link to the folder of the photo, or "
                        "another name of it"
                    )
                self._apart.add(folders)
            if target.parent not in self._folding:
                self._folding[target.parent] = folds_names(target.parent)
            if self._folding[target.parent]:  # two results may be on their way at the same time
                key = target.parent, unicodedata.normalize("NFC", target.name).casefold()
                if (other := self._taken.setdefault(key, target)) != target:
                    raise ValueError(_SAME_NAME.format(other.name))
            known = identity(target)
            if known is None:
                return
            if self._known is None:
                named = ((identity(path), path) for path in self._list_files())
                self._known = {key: path for key, path in named if key is not None}
            if known in self._known:
                raise ValueError(f"the result would overwrite '{self._known[known]}', which '{target}' is a name of")
            if self._written.get(known, target) != target:
                raise ValueError(_SAME_NAME.format(self._written[known].name))

    def note(self, target: Path) -> None:
        """Remember a file that has been written."""
        known = identity(target)
        if known is not None:
            with self._lock:
                self._written[known] = target
