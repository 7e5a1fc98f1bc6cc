"""Who is on the page: the sessions and their files, bounded in number, disk and time."""

import contextlib
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from utils import images
from web.refusal import Refusal
from web.session import Session, Workshop

STORE_BYTES = 4 * 2**30  # of uploaded photos and results, on disk
MOST_SESSIONS = 100
FORGOTTEN_AFTER_S = 2 * 3600.0  # without a request; an open page asks every minute
LONGEST_NAME = 80  # letters; file systems take 255 bytes, and a Chinese letter is 3


class Store:
    """The sessions by their ids. Where room is needed, what was not asked for longest goes first.

    Args:
        root: a folder of its own, for uploads and results.
        workshop: whose cache and jobs are told when a session goes.
        max_upload_bytes: of one file.
    """

    def __init__(
        self,
        root: Path,
        workshop: Workshop,
        *,
        max_upload_bytes: int,
        most_sessions: int = MOST_SESSIONS,
        store_bytes: int = STORE_BYTES,
        forgotten_after_s: float = FORGOTTEN_AFTER_S,
    ) -> None:
        self.root, self.workshop = root, workshop
        self.max_upload_bytes = max_upload_bytes
        self.most_sessions, self.store_bytes, self.forgotten_after_s = most_sessions, store_bytes, forgotten_after_s
        self._sessions: dict[str, Session] = {}
        self._arriving = 0  # bytes of uploads that are not finished
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, id: str) -> Session:
        """A session by its id.

        Raises:
            Refusal: there is none, or no more.
        """
        with self._lock:
            session = self._sessions.get(id)
            if session is None:
                raise Refusal(404, "no_photo", "This photo is not here (any more); send it again.")
            session.touched = time.monotonic()
            return session

    def has(self, id: str) -> bool:
        return id in self._sessions

    @contextlib.contextmanager
    def arriving(self) -> Iterator["Arrival"]:
        """A file that is being uploaded; it is gone at the end unless it was moved to a session."""
        arrival = Arrival(self)
        try:
            yield arrival
        finally:
            arrival.end()

    def claim(self, count: int) -> None:
        """Make room for so many more bytes of uploads.

        Raises:
            Refusal: there is none.
        """
        with self._lock:
            self._arriving += count
            while self._disk_bytes() > self.store_bytes:
                if not self._forget_one():
                    self._arriving -= count
                    raise Refusal(507, "store_full", "The server's store is full; try again in some minutes.")

    def release(self, count: int) -> None:
        with self._lock:
            self._arriving -= count

    def _disk_bytes(self) -> int:
        return self._arriving + sum(session.disk_bytes for session in self._sessions.values())

    def add(self, session: Session) -> None:
        """Keep a session under its id, which is not taken.

        Raises:
            Refusal: there are too many, all at work.
        """
        with self._lock:
            uploaded = sum(other.is_uploaded for other in self._sessions.values())
            while session.is_uploaded and uploaded >= self.most_sessions:
                if not self._forget_one():
                    raise Refusal(503, "too_many", "Too many photos are being worked on; try again in a minute.")
                uploaded -= 1
            self._sessions[session.id] = session

    def _forget_one(self) -> bool:
        """Forget the uploaded photo that was not asked for longest and waits for nothing; False where there is none."""
        idle = [s for s in self._sessions.values() if s.is_uploaded and self.workshop.jobs.of(s.id) is None]
        if not idle:
            return False
        self.forget(min(idle, key=lambda session: session.touched))
        return True

    def forget(self, session: Session) -> None:
        """Remove a session and all its files; one of a photo folder loses only what was made of it."""
        with self._lock:
            if session.is_uploaded:
                self._sessions.pop(session.id, None)
            self.workshop.jobs.cancel(session.id)
            self.workshop.cache.drop(session.id)
            session.repaired, session.disk_bytes = None, 0
            shutil.rmtree(session.folder, ignore_errors=True)

    def forget_idle(self) -> int:
        """Forget what nobody asked for during `forgotten_after_s`; returns how many."""
        latest = time.monotonic() - self.forgotten_after_s
        with self._lock:
            idle = [s for s in self._sessions.values() if s.touched < latest and (s.is_uploaded or s.disk_bytes)]
            for session in idle:
                self.forget(session)
        return len(idle)


class Arrival:
    """A file on its way to the server.

    Attributes:
        path: where it is written.
        size: bytes so far.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.path = store.root / f"arriving-{time.monotonic_ns()}-{id(self)}"
        self.size = 0
        self._file = open(self.path, "xb")  # noqa: SIM115 (`end` closes it)

    def write(self, data: bytes) -> None:
        """Append some of it.

        Raises:
            Refusal: it is larger than a file may be, or the store is full.
        """
        if self.size + len(data) > self.store.max_upload_bytes:
            raise too_large(self.store.max_upload_bytes)
        self.store.claim(len(data))
        self.size += len(data)
        self._file.write(data)

    def finish(self) -> None:
        """All of it is there."""
        self._file.close()

    def end(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)
        self.store.release(self.size)


def too_large(max_bytes: int) -> Refusal:
    """Why a file is not taken that has more bytes than allowed."""
    return Refusal(413, "too_many_bytes", f"The file is larger than {max_bytes / 2**20:.0f} MB, the limit here.")


def check_picture(path: Path, max_pixels: int) -> None:
    """Refuse what is no picture or too large a one, from its beginning alone.

    Raises:
        Refusal: 413 or 415.
    """
    try:
        width, height = images.header_size(path)
    except ValueError:
        return  # the reader knows why, in better words
    if width * height > max_pixels:
        raise Refusal(
            413,
            "too_many_pixels",
            f"The picture has {width}×{height} pixels, {width * height / 1e6:.1f} million; "
            f"the limit here is {max_pixels / 1e6:.1f} million.",
        )


def safe_name(name: str) -> str:
    """A file's name that can be written anywhere, from any text: no folder, no control letter, not hidden, not long."""
    bare = re.split(r"[/\\]", name)[-1]
    clean = re.sub(r"[^\w.\-() ]", "_", bare).strip(" .")
    stem, dot, extension = clean.rpartition(".")
    if not dot or not re.fullmatch(r"\w{1,5}", extension):
        stem, extension = clean, ""
    stem = stem[:LONGEST_NAME].strip(" .") or "photo"
    return f"{stem}.{extension}" if extension else stem
