"""What was done, a line of JSON a photo, one file a worker.

A line is the photo's line of a report (`utils.folder.Result`) and beside it:

* `id`: the photo's path below the folder of photos, in the list's spelling;
* `key`: digest of options, graphs and masks, see `key_of`; `graphs`: the graphs' SHA-256 and what goes with them;
* `sha256`, `result_sha256`, `result_size`: of the photo and of what was written;
* `etag`: as the list said; `worker`: the file's name; `ended`: seconds since 1970.

It is written only when the result has its final name. A line that was cut short is passed over, and its photo done
again.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from utils import done
from utils.cluster.addresses import is_url
from utils.cluster.storage import Bucket
from utils.folder import Result

SUFFIX = ".jsonl"
REPAIRED, CLEAN, FAILED, QUARANTINED = "repaired", "clean", "failed", "quarantined"
STATUSES = REPAIRED, CLEAN, FAILED, QUARANTINED
# An object cannot be added to, so records for a store go there as files of their own. What a killed worker had not sent
# is done again: at most so many photos, or as many as it did in that time.
SENT_RECORDS = 100
SENT_SECONDS = 30.0

Row = dict[str, Any]


def key_of(work: str, extras: tuple[str, ...]) -> str:
    """The digest of all that a record's result depends on, but for the photo.

    Args:
        work: from `utils.folder.work_on`.
        extras: from `utils.folder.wanted_extras`.
    """
    return done.digest({"work": work, "extras": sorted(extras)})


def result_of(row: Row) -> Result:
    """The photo's line of a report."""
    return Result(**{item.name: row[item.name] for item in fields(Result) if item.name in row})


def run_name(shard: object) -> str:
    """A name for one run that no other has: what the files of its workers begin with."""
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:40]
    return f"{shard}_{host}_{os.getpid()}_{secrets.token_hex(4)}"


class RecordFile:
    """One worker's records. Threads may share it.

    Args:
        folder: a path, or an object store's address.
        name: of the worker.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, folder: str, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._bucket = Bucket(folder, "--record_dir") if is_url(folder) else None
        self._waiting: list[bytes] = []
        self._first_waits_since = 0.0
        self._sent = 0
        if self._bucket is None:
            path = Path(folder)
            path.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path / f"{name}{SUFFIX}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def add(self, row: Row) -> None:
        """Write a record.

        Raises:
            OSError: it cannot be written.
        """
        # ASCII keeps names that are no Unicode as they are, and in one call of the system a line is whole or missing
        line = json.dumps({**row, "worker": self.name}).encode() + b"\n"
        with self._lock:
            if self._bucket is None:
                if os.write(self._file, line) != len(line):
                    raise OSError(f"the records '{self.name}' cannot be written: the disk is full")
                return
            if not self._waiting:
                self._first_waits_since = time.monotonic()
            self._waiting.append(line)
            if len(self._waiting) >= SENT_RECORDS or time.monotonic() - self._first_waits_since >= SENT_SECONDS:
                self._send()

    def _send(self) -> None:
        assert self._bucket is not None
        self._bucket.put(f"{self.name}_{self._sent:06d}{SUFFIX}", b"".join(self._waiting))
        self._sent += 1
        self._waiting = []

    def send(self) -> None:
        """Send what waits.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            if self._waiting:
                self._send()

    def close(self) -> None:
        """Send what waits, and write no more.

        Raises:
            OSError: it cannot be written.
        """
        self.send()
        if self._bucket is None:
            os.close(self._file)


def read_records(folder: str, prefix: str = "") -> Iterator[Row]:
    """The records of all workers whose names begin with `prefix`, in no order; none where there is no folder.

    Raises:
        OSError: they cannot be read.
    """
    if is_url(folder):
        bucket = Bucket(folder, "--record_dir")
        for name, _, _ in bucket.names():
            if name.endswith(SUFFIX) and name.startswith(prefix):
                yield from _rows(bucket.read(name).splitlines())
        return
    for path in sorted(Path(folder).glob(f"*{SUFFIX}")):
        if path.name.startswith(prefix):
            with open(path, "rb") as lines:
                yield from _rows(lines)


def _rows(lines: Any) -> Iterator[Row]:
    for line in lines:
        try:
            row = json.loads(line)
            if isinstance(row["id"], str) and row["status"] in STATUSES and isinstance(row["key"], str):
                float(row["ended"])
                yield row
        except (ValueError, TypeError, KeyError):  # cut short, or not ours
            continue
