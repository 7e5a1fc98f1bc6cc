"""The photos of `--photo_dir`: looked at ahead, sorted by whether a person must look, written as the command line does.

Nothing outside the folder can be named: a photo is asked for by an id that is looked up among those that were found in
it, and where links lead out of the folder, or come to lead out, they are not followed.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils import images
from utils.options import RemovalOptions
from utils.originals import Originals
from utils.places import FolderOptions, find_photos
from web.jobs import ACCEPTED, AHEAD
from web.refusal import Refusal
from web.session import Repaired, Session, Workshop
from web.store import Store

# The confidence from which even what lies free inside the page is removed without asking; below it, a person looks.
SURE_FROM = RemovalOptions.confidence_inside


@dataclass
class Entry:
    """A photo of the folder.

    Attributes:
        name: relative to the folder, with `/`.
        session: it is worked on as.
        is_written: whether its result is in `--save_dir`.
        written_revision: of the corrections that the result was made of; -1 for one of an earlier run.
        failure: why it was not written, or "".
    """

    name: str
    session: Session
    is_written: bool = False
    written_revision: int = -1
    failure: str = ""

    def status(self) -> str:
        """`done`, `failed`, `waiting` (not looked at yet), `clean`, `sure` or `look` (a person should)."""
        search = self.session.search
        if self.is_written and self.written_revision in (-1, self.session.revision):
            return "done"
        if self.failure or (self.session.error and search is None):
            return "failed"
        if search is None:
            return "waiting"
        if search.doubts or any(r.is_doubtful or r.confidence < SURE_FROM for r in search.regions):
            return "look"
        return "sure" if search.regions else "clean"


class Album:
    """The folder of photos and what became of each.

    Args:
        options: both folders, `recursive`, `jpeg`, `mark`, `max_pixels`.
        workshop, store: where they are worked on and kept.

    Raises:
        OSError: the folder cannot be read.
    """

    def __init__(self, options: FolderOptions, workshop: Workshop, store: Store) -> None:
        self.options, self.workshop, self.store = options, workshop, store
        self.root = options.src_image_dir.resolve()
        self.entries: dict[str, Entry] = {}
        self.originals = Originals(lambda: [entry.session.path for entry in self.entries.values()])
        self._lock = threading.Lock()
        self.scan()

    def scan(self) -> None:
        """List the folder anew; photos that are known stay as they are."""
        paths, _ = find_photos(self.options)
        with self._lock:
            listed: dict[str, Entry] = {}
            for path in paths:
                if not self._is_inside(path):
                    continue
                name = path.relative_to(self.options.src_image_dir).as_posix()
                id = f"folder-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:20]}"
                entry = self.entries.get(id)
                if entry is None:
                    session = Session(id, path.name, path, self.store.root / id, is_uploaded=False)
                    self.store.add(session)
                    entry = Entry(name, session, (self.options.save_dir / name).exists())
                listed[id] = entry
            self.entries = listed

    def _is_inside(self, path: Path) -> bool:
        try:
            return path.resolve(strict=True).is_relative_to(self.root)
        except (OSError, RuntimeError):
            return False

    def check(self, session: Session) -> None:
        """Refuse a photo of the folder whose name has come to lead out of it.

        Raises:
            Refusal: it has.
        """
        if not session.is_uploaded and not self._is_inside(session.path):
            raise Refusal(404, "no_photo", "This photo is not in the folder (any more).")

    def look_ahead(self) -> None:
        """Search every photo that was not searched yet, after all that somebody waits for."""
        for entry in list(self.entries.values()):
            session = entry.session
            if entry.status() == "waiting" and not self.workshop.jobs.has(session.id, "find"):
                self.workshop.find(session, AHEAD)

    def accept(self, ids: list[str] | None) -> int:
        """Write results.

        Args:
            ids: of which photos; None: of all that are sure, or in which nothing was found.

        Returns:
            How many will be written.

        Raises:
            Refusal: one of the ids is none.
        """
        if ids is None:
            chosen = [entry for entry in self.entries.values() if entry.status() in ("sure", "clean")]
        else:
            unknown = [id for id in ids if id not in self.entries]
            if unknown:
                raise Refusal(404, "no_photo", f"There is no photo {unknown[0][:60]!r} in the folder.")
            chosen = [self.entries[id] for id in ids]
        waiting = [entry for entry in chosen if not self.workshop.jobs.has(entry.session.id, "save")]
        for entry in waiting:
            self.workshop.jobs.add(entry.session.id, "save", ACCEPTED, self._saving(entry))
        return len(waiting)

    def _saving(self, entry: Entry) -> Callable[[], None]:
        def work() -> None:
            entry.failure = ""
            try:
                self._save(entry)
            except MemoryError:
                entry.failure = "There is not enough memory for this photo."
            except (ValueError, OSError, Refusal) as error:
                entry.failure = str(error)

        return work

    def _save(self, entry: Entry) -> None:
        session = entry.session
        self.check(session)
        target = self.options.save_dir / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        self.originals.refuse(target, session.path)
        revision, repaired = session.revision, session.repaired
        if repaired is not None and _is_current(repaired, session):
            assert repaired.path is not None
            images.copy_photo(repaired.path, target)
        else:
            photo = self.workshop.photo(session)
            if session.search is None:
                self.workshop.search(session)
            made = self.workshop.made(session, self.workshop.remover_with())
            self.originals.refuse(target, session.path)  # the folders may have changed since
            self.workshop.write(target, photo, made, session)
        self.originals.note(target)
        entry.is_written, entry.written_revision = True, revision
        if self.workshop.jobs.of(session.id) is None:  # nobody looks at it: the next photo needs the memory
            self.workshop.cache.drop(session.id, "photo")

    def state(self) -> dict[str, Any]:
        """What the page shows of the folder."""
        queued = self.workshop.jobs.kinds()
        listed = [
            {
                "id": id,
                "name": entry.name,
                "status": entry.status(),
                "queued": queued.get(id, ""),
                "regions": sum(not r.is_doubtful for r in entry.session.search.regions) if entry.session.search else 0,
                "doubtful": sum(r.is_doubtful for r in entry.session.search.regions) if entry.session.search else 0,
                "note": entry.failure
                or (entry.session.error if entry.session.search is None else entry.session.search.doubts),
                "thumbnail": entry.session.searches,
            }
            for id, entry in self.entries.items()
        ]
        return {"save_dir": self.options.save_dir.name, "photos": listed}


def _is_current(repaired: Repaired, session: Session) -> bool:
    """Whether a repair is of the mask as it is now, and its file is there."""
    repaired.is_written.wait()
    number = session.search.number if session.search else 0
    return repaired.path is not None and (repaired.revision, repaired.search_number) == (session.revision, number)
