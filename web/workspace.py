"""A folder for uploads and results that is removed at the end, and after a run that was killed by the next one."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which does not let an open file be deleted
    fcntl = None  # type: ignore[assignment]

PREFIX = "occluder-removal-web-"
LOCK = "in-use"


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A new folder that only this user can read, as long as the process lives.

    Raises:
        OSError: it cannot be made.
    """
    _remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with open(folder / LOCK, "w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            lock.close()
            shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind() -> None:
    """Remove the folders of processes that did not come to it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if hasattr(os, "getuid") and folder.lstat().st_uid != os.getuid():
                continue
            if fcntl is None:
                (folder / LOCK).unlink()
            else:
                with open(folder / LOCK) as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
