"""What became of every file so far, on disk: a kill loses nothing, and memory stays small.

An SQLite file beside the results. It names files and patients, as the results do.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from metrascope.errors import DataError, StudyError
from metrascope.ingest.sources import Source

FORMAT: Final = 1
NAME: Final = "journal.sqlite"
_PAGE: Final = 256
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    name TEXT PRIMARY KEY,
    place INTEGER,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    folder TEXT NOT NULL,
    patient TEXT NOT NULL DEFAULT '',
    readings TEXT,
    mean TEXT
);
CREATE INDEX IF NOT EXISTS places ON files (place);
CREATE INDEX IF NOT EXISTS patients ON files (patient);
"""
# Another time of change means another file, whose reading is worth nothing for this one.
_ENTER: Final = """
INSERT INTO files (name, place, state, source, folder) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
    readings = CASE WHEN state = excluded.state THEN readings END,
    place = excluded.place, state = excluded.state, source = excluded.source,
    folder = excluded.folder
"""
_PATIENTS: Final = """
SELECT files.patient, files.mean FROM files JOIN
    (SELECT patient, MIN(place) AS first FROM files WHERE patient <> '' GROUP BY patient) AS firsts
    ON files.patient = firsts.patient
ORDER BY firsts.first, files.place
"""


@dataclass(frozen=True)
class Outcome:
    """What was read of one file.

    Attributes
    ----------
    readings
        JSON of each of its frames, and of the loop.
    patient
        Whose it is, ``""`` where nothing says so.
    mean
        Of the probabilities of the frames that could be read; None where none could.
    """

    readings: tuple[str, ...]
    patient: str
    mean: tuple[float, ...] | None


class Pending(NamedTuple):
    """A file that is still to be read, and the folder that stands for its patient."""

    source: Source
    folder: str


class Journal:
    """Files by name, each with its outcome as soon as it is known.

    Parameters
    ----------
    path
        The file, made if it does not exist; None for one that goes with this process.
    settings
        What the outcome of a file depends on.

    Raises
    ------
    DataError
        If the file is no journal, or was written with other settings.
    StudyError
        If it cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self.path = path
        with self._told():
            # Nameless, SQLite keeps it in a temporary file that goes when it is closed.
            self._base = sqlite3.connect("" if path is None else path, isolation_level=None)
            try:
                self._begin({"format": FORMAT, **settings})
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Hold while all files are entered; those that are not entered again are forgotten."""
        with self._told():
            self._base.execute("BEGIN")
            self._base.execute("UPDATE files SET place = NULL")
        yield
        with self._told():
            self._base.execute("DELETE FROM files WHERE place IS NULL")
            self._base.execute("COMMIT")

    def enter(self, place: int, source: Source, folder: str) -> None:
        """Enter a file that is to be read; if it has not changed, it keeps its outcome."""
        # Absolute: other machines work in folders of their own.
        packed = json.dumps(asdict(source) | {"path": str(source.path.absolute())})
        with self._told():
            self._base.execute(_ENTER, (source.name, place, source.state, packed, folder))

    def enter_skipped(self, place: int, name: str, outcome: Outcome) -> None:
        """Enter a file that is not to be read, with the reason as its outcome."""
        with self._told():
            self._base.execute(_ENTER, (name, place, "", "", ""))
        self.keep(name, outcome)

    def keep(self, name: str, outcome: Outcome) -> None:
        """Keep what was read of a file."""
        mean = None if outcome.mean is None else json.dumps(outcome.mean)
        values = (json.dumps(outcome.readings), outcome.patient, mean, name)
        with self._told():
            self._base.execute(
                "UPDATE files SET readings = ?, patient = ?, mean = ? WHERE name = ?", values
            )

    def count(self) -> tuple[int, int]:
        """Return how many files have an outcome, and how many there are."""
        with self._told():
            found = self._base.execute("SELECT COUNT(readings), COUNT(*) FROM files").fetchone()
        return int(found[0]), int(found[1])

    def pending(self) -> Iterator[Pending]:
        """Yield the files without an outcome, in order; outcomes may be kept meanwhile."""
        query = (
            "SELECT place, source, folder FROM files "
            "WHERE readings IS NULL AND place > ? ORDER BY place LIMIT ?"
        )
        place = -1
        while True:
            with self._told():
                rows = self._base.execute(query, (place, _PAGE)).fetchall()
            if not rows:
                return
            place = rows[-1][0]
            for _, packed, folder in rows:
                values = json.loads(packed)
                values |= {"path": Path(values["path"]), "entries": tuple(values["entries"])}
                yield Pending(Source(**values), folder)

    def readings(self, start: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Yield place and readings of each file from a place on, up to the first without them."""
        query = "SELECT readings FROM files WHERE place = ?"
        while True:
            with self._told():
                row = self._base.execute(query, (start,)).fetchone()
            if row is None or row[0] is None:
                return
            yield start, json.loads(row[0])
            start += 1

    def patients(self) -> Iterator[tuple[str, Iterator[tuple[float, ...] | None]]]:
        """Yield patients in the order of their first file, each with the means of all files."""
        with self._told():
            rows = self._base.execute(_PATIENTS)
        for patient, files in groupby(rows, key=lambda row: row[0]):
            yield patient, (None if mean is None else tuple(json.loads(mean)) for _, mean in files)

    def _begin(self, settings: Mapping[str, Any]) -> None:
        # Exclusive: no other process, and no shared memory, which network drives lack.
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
            self._base.execute(f"PRAGMA {setting}")
        # All or nothing: with a part of its settings, it would be told apart from itself.
        self._base.executescript(f"BEGIN; {_TABLES}")
        self._agree(settings)
        self._base.execute("COMMIT")

    def _agree(self, settings: Mapping[str, Any]) -> None:
        ours = {name: json.dumps(value) for name, value in settings.items()}
        theirs = dict(self._base.execute("SELECT name, value FROM settings").fetchall())
        if not theirs:
            self._base.executemany("INSERT INTO settings VALUES (?, ?)", ours.items())
            return
        other = sorted(k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k))
        if other:
            names = ", ".join(other)
            raise DataError("serving.other_options", path=self.path, names=names)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what SQLite says in words of ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                folder = self.path.parent if self.path else ""
                raise StudyError("serving.busy", folder=folder) from error
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise DataError("serving.bad_journal", path=self.path) from error
            if code in _NOT_WRITTEN:
                path = self.path or "SQLite"
                full = code == sqlite3.SQLITE_FULL
                key = "common.disk_full" if full else "common.cannot_write"
                raise StudyError(key, path=path, reason=error) from error
            raise


_NOT_WRITTEN: Final = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)
