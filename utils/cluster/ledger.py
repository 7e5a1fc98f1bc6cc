"""Listed photos beside the records of them, on disk, so that memory does not grow with a list of millions."""

import json
import os
import sqlite3
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple

from utils.cluster.listing import Listed
from utils.cluster.records import Row

ROWS_READ = 2000  # photos that are read at a time


class Known(NamedTuple):
    """What is kept of a photo's record."""

    key: str
    status: str
    size: int
    time: int
    etag: str
    result_size: int


class Ledger:
    """A list and its records, in a database of its own that is gone with this object.

    Args:
        folds: whether the target takes names that differ in capital letters alone for one.
        keep_rows: keep the records as a whole, for `rows`.
    """

    def __init__(self, folds: bool = False, keep_rows: bool = False) -> None:
        self.folds, self.keep_rows = folds, keep_rows
        self._folder = tempfile.TemporaryDirectory(prefix="occluder-removal-")
        self._base = sqlite3.connect(os.path.join(self._folder.name, "ledger.db"), isolation_level=None)
        self._base.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            PRAGMA cache_size = -16000;
            CREATE TABLE listed (place INTEGER PRIMARY KEY, id BLOB UNIQUE, size INT, time INT, etag TEXT, ours INT);
            CREATE TABLE folded (name BLOB PRIMARY KEY, id BLOB) WITHOUT ROWID;
            CREATE TABLE records (
                id BLOB PRIMARY KEY, key TEXT, status TEXT, size INT, time INT, etag TEXT, result_size INT, ended REAL,
                row TEXT
            ) WITHOUT ROWID;
            """
        )

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()
        self._folder.cleanup()

    def list_all(self, photos: Iterable[Listed]) -> tuple[int, list[tuple[Listed, str]]]:
        """Take in a list.

        Returns:
            How many were listed more than once; and those whose name is to the target's disk that of another, with
            that other's id.
        """
        again, meeting = 0, []
        self._base.execute("BEGIN")
        for photo in photos:
            id = os.fsencode(photo.id)
            added = self._base.execute(
                "INSERT OR IGNORE INTO listed (id, size, time, etag, ours) VALUES (?, ?, ?, ?, 0)",
                (id, photo.size, photo.time, photo.etag),
            )
            again += not added.rowcount
            if self.folds and added.rowcount:
                name = os.fsencode(unicodedata.normalize("NFC", photo.id).casefold())
                if not self._base.execute("INSERT OR IGNORE INTO folded VALUES (?, ?)", (name, id)).rowcount:
                    [[other]] = self._base.execute("SELECT id FROM folded WHERE name = ?", (name,))
                    meeting.append((photo, os.fsdecode(other)))
        self._base.execute("COMMIT")
        return again, meeting

    def __len__(self) -> int:
        return int(self._base.execute("SELECT count(*) FROM listed").fetchone()[0])

    def enter(self, rows: Iterable[Row]) -> None:
        """Take in records of photos that are listed; of several, the latest counts."""
        self._base.execute("BEGIN")
        for row in rows:
            id = os.fsencode(row["id"])
            if self._base.execute("SELECT 1 FROM listed WHERE id = ?", (id,)).fetchone() is None:
                continue
            of = row.get("done") or {}
            self._base.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                "key = excluded.key, status = excluded.status, size = excluded.size, time = excluded.time, "
                "etag = excluded.etag, result_size = excluded.result_size, ended = excluded.ended, row = excluded.row "
                "WHERE excluded.ended >= records.ended",
                (
                    id, row["key"], row["status"], of.get("size", -1), of.get("time", -1), row.get("etag", ""),
                    row.get("result_size", -1), row["ended"], json.dumps(row) if self.keep_rows else None,
                ),
            )  # fmt: skip
        self._base.execute("COMMIT")

    def pairs(self) -> Iterator[tuple[Listed, Known | None]]:
        """The listed photos in the list's order, with what is known of each; `forget` may be called meanwhile."""
        place = 0
        while True:
            page = self._base.execute(
                "SELECT place, listed.id, listed.size, listed.time, listed.etag, ours, key, status, records.size, "
                "records.time, records.etag, result_size FROM listed LEFT JOIN records USING (id) WHERE place > ? "
                f"ORDER BY place LIMIT {ROWS_READ}",
                (place,),
            ).fetchall()
            if not page:
                return
            place = page[-1][0]
            for _, id, size, time, etag, ours, *known in page:
                photo = Listed(os.fsdecode(id), size, time, etag, bool(ours))
                yield photo, None if known[0] is None else Known(*known)

    def forget(self, id: str, is_ours: bool) -> None:
        """Drop a photo's record, as it is to be done again; `is_ours`: what lies in its place is what was recorded."""
        self._base.execute("DELETE FROM records WHERE id = ?", (os.fsencode(id),))
        self._base.execute("UPDATE listed SET ours = ? WHERE id = ?", (int(is_ours), os.fsencode(id)))

    def rows(self) -> Iterator[Row]:
        """The records in the list's order."""
        query = "SELECT row FROM listed JOIN records USING (id) ORDER BY place"
        return (json.loads(text) for (text,) in self._base.execute(query))

    def counts(self) -> dict[str, int]:
        """How many of the listed have a record of each status."""
        query = "SELECT status, count(*) FROM listed JOIN records USING (id) GROUP BY status"
        return dict(self._base.execute(query).fetchall())

    def keys(self) -> int:
        """With how many different options the records were made."""
        query = "SELECT count(DISTINCT key) FROM listed JOIN records USING (id)"
        return int(self._base.execute(query).fetchone()[0])

    def names(self, status: str | None, limit: int) -> list[str]:
        """Ids of photos with a status, or of those without any record (None): the first `limit` of the list."""
        where = "status IS NULL" if status is None else "status = ?"
        query = f"SELECT listed.id FROM listed LEFT JOIN records USING (id) WHERE {where} ORDER BY place LIMIT ?"
        values = (limit,) if status is None else (status, limit)
        return [os.fsdecode(id) for (id,) in self._base.execute(query, values)]
