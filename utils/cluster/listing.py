"""The photos to do: their names one a line, and which of them are this process's share."""

import hashlib
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

AUTO = "auto"


@dataclass(frozen=True)
class Listed:
    """A photo of a list.

    Attributes:
        id: its path below the folder of photos, with `/` between folders.
        size: in bytes; -1 where the list does not say.
        time: when it was last written, in seconds since 1970; -1 where the list does not say.
        etag: what an object store calls this version of it; empty where the list does not say.
        is_ours: what lies in the place of its result is known to be one; no part of a list.
    """

    id: str
    size: int = -1
    time: int = -1
    etag: str = ""
    is_ours: bool = False

    def line(self) -> str:
        """The photo as a line of a list."""
        stated = {"size": self.size, "time": self.time}
        row: dict[str, Any] = {"id": self.id, **{name: value for name, value in stated.items() if value >= 0}}
        return json.dumps({**row, "etag": self.etag} if self.etag else row)


def read_list(name: str) -> Iterator[Listed]:
    """The photos of a list, one after the other; the list is never held as a whole.

    Args:
        name: a file, or `-` for stdin. A line is a path relative to the folder of photos, or JSON as from
            `Listed.line`; empty lines are passed over.

    Raises:
        OSError: it cannot be read.
        ValueError: a line is neither.
    """
    with ExitStack() as stack:
        if name == "-":
            lines: Iterable[bytes] = sys.stdin.buffer
        else:
            try:
                lines = stack.enter_context(open(name, "rb"))
            except OSError as error:
                raise OSError(f"--list '{name}': cannot be read ({error.strerror})") from None
        for number, line in enumerate(lines, 1):
            text = os.fsdecode(line.rstrip(b"\r\n"))
            if text:
                try:
                    yield _listed(text)
                except ValueError as error:
                    raise ValueError(f"--list '{name}', line {number}: {error}") from None


def _listed(text: str) -> Listed:
    if not text.startswith("{"):
        return Listed(checked_id(text))
    try:
        row = json.loads(text)
        stated = Listed(row["id"], row.get("size", -1), row.get("time", -1), row.get("etag", ""))
        is_sound = isinstance(stated.id, str) and isinstance(stated.etag, str)
        numbers = int(stated.size), int(stated.time)
    except (ValueError, KeyError, TypeError):
        is_sound = False
    if not is_sound:
        raise ValueError(f'{text[:80]!r} is neither a path nor JSON such as {{"id": "box1/page7.jpg", "size": 812345}}')
    return Listed(checked_id(stated.id), *numbers, stated.etag)


def checked_id(text: str) -> str:
    """A path in its shortest spelling, so that one photo has one id.

    Raises:
        ValueError: it is none below a folder.
    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in text:
        raise ValueError(f"{text!r} is no path below --src_image_dir; give it relative to that folder, without '..'")
    return str(path)


@dataclass(frozen=True)
class Shard:
    """Share `index`, from 0 on, of `count`."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index}-of-{self.count}"

    def holds(self, id: str) -> bool:
        """Whether a photo belongs to this share: the same on every machine, whatever else is listed."""
        return self.count == 1 or _number(id) % self.count == self.index


def _number(id: str) -> int:
    # names that one disk may take for the same have the same number, so that one process sees that they meet
    folded = os.fsencode(unicodedata.normalize("NFC", id).casefold())
    return int.from_bytes(hashlib.sha256(folded).digest()[:8])


def parse_shard(text: str | None, environ: Mapping[str, str] = os.environ) -> Shard:
    """The share that `--shard` names.

    Args:
        text: `i/n` with i from 0 to n - 1, `auto` for what Slurm or torchrun say in the environment, None for all.
        environ: the environment.

    Raises:
        ValueError: it is none of these, or the environment does not say.
    """
    if text is None:
        return Shard()
    if text == AUTO:
        return _from_environment(environ)
    parts = re.fullmatch(r"(\d+)/(\d+)", text)
    if parts is None or not int(parts[1]) < int(parts[2]):
        raise ValueError(f"--shard {text}: must be i/n with i from 0 to n-1, for example 0/8, or auto")
    return Shard(int(parts[1]), int(parts[2]))


def _from_environment(environ: Mapping[str, str]) -> Shard:
    def number(name: str, otherwise: int = -1) -> int:
        value = environ.get(name, "")
        return int(value) if value.isdecimal() else otherwise

    if "SLURM_ARRAY_TASK_ID" in environ:
        count, task = number("SLURM_ARRAY_TASK_COUNT"), number("SLURM_ARRAY_TASK_ID")
        index, rest = divmod(task - number("SLURM_ARRAY_TASK_MIN", 0), max(1, number("SLURM_ARRAY_TASK_STEP", 1)))
        if rest or not 0 <= index < count:
            raise ValueError(
                f"--shard auto: task {task} of an array of {count} with gaps; give the share by hand, for example "
                f"--shard $SLURM_ARRAY_TASK_ID/{max(count, task + 1)}"
            )
        return Shard(index, count)
    index, count = number("RANK"), number("WORLD_SIZE")
    if 0 <= index < count:
        return Shard(index, count)
    raise ValueError(
        "--shard auto: neither SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT nor RANK and WORLD_SIZE are in the "
        "environment; give the share by hand, for example --shard 0/8"
    )
