"""What became of every file so far, on disk: a kill loses nothing, and memory stays small.

An SQLite file beside the results. It names files and patients, as the results do.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from metrascope.errors import DataError, StudyError
from metrascope.predict.patient import HeaderPatient, ImageFinding
from metrascope.sources.search import Source

_FORMAT: Final = 3
NAME: Final = "journal.sqlite"
_PAGE: Final = 256
# Digits of seconds since 1970 up to the year 5138.
_EPOCH_DIGITS: Final = 11
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    identity TEXT PRIMARY KEY,
    place INTEGER,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    folder TEXT NOT NULL,
    day TEXT NOT NULL,
    patient TEXT NOT NULL DEFAULT '',
    person TEXT NOT NULL DEFAULT '',
    readings TEXT,
    finding TEXT,
    passing INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS places ON files (place);
CREATE INDEX IF NOT EXISTS people ON files (person);
"""
# Another time of change means another file, whose reading is worth nothing for this one; and a
# failure that was not the file's own is no reading of it.
_ENTER: Final = """
INSERT INTO files (identity, place, name, state, source, folder, day)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (identity) DO UPDATE SET
    readings = CASE WHEN state = excluded.state AND name = excluded.name
        AND folder = excluded.folder AND NOT passing THEN readings END,
    day = CASE WHEN state = excluded.state AND NOT passing THEN day ELSE excluded.day END,
    place = excluded.place, name = excluded.name, state = excluded.state,
    source = excluded.source, folder = excluded.folder, passing = 0
"""
_PEOPLE: Final = """
SELECT files.person, files.patient, files.name, files.finding FROM files JOIN
    (SELECT person, MIN(place) AS first FROM files WHERE person <> '' GROUP BY person) AS firsts
    ON files.person = firsts.person
ORDER BY firsts.first, files.place
"""


@dataclass(frozen=True)
class FileOutcome:
    """What was read of one file.

    Attributes
    ----------
    readings
        JSON of each of its frames, and of the loop.
    patient
        Whose it is, ``""`` where nothing says so.
    finding
        What it adds to the reading of its patient.
    person
        What patients are told apart by; ``""`` where nothing says whose it is.
    passing
        Whether it failed by something else than the file, which may be over the next time.
    """

    readings: tuple[str, ...]
    patient: str
    finding: ImageFinding
    person: str = ""
    passing: bool = False


class Pending(NamedTuple):
    """A file that is still to be read.

    Attributes
    ----------
    source
        The file.
    folder
        Stands for its patient.
    identity
        Its key in the journal.
    day
        On which it was entered, ISO 8601: stands on its pictures, which are the same bytes
        where a command that was killed goes on after midnight.
    """

    source: Source
    folder: str
    identity: str
    day: str


class ReadingJournal:
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
        self.path, self._day = path, today()
        with self._sqlite_errors():
            # Nameless, SQLite keeps it in a temporary file that goes when it is closed.
            self._base = sqlite3.connect("" if path is None else path, isolation_level=None)
            try:
                self._begin({"format": _FORMAT, **settings})
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    @contextmanager
    def listing(self) -> Iterator[None]:
        """Hold while all files are entered; those that are not entered again are forgotten."""
        with self._sqlite_errors():
            self._base.execute("BEGIN")
            self._base.execute("UPDATE files SET place = NULL")
        yield
        with self._sqlite_errors():
            self._base.execute("DELETE FROM files WHERE place IS NULL")
            self._base.execute("COMMIT")

    def enter(self, place: int, source: Source, folder: str) -> str | None:
        """Enter a file that is to be read; if it has not changed, it keeps its outcome.

        Returns
        -------
        None, or the name under which the same file has been entered already: by a link, it is
        in two places.
        """
        # Absolute: other machines work in folders of their own.
        packed = json.dumps(asdict(source) | {"path": str(source.path.absolute())})
        identity = json.dumps([_real_path(source.path), *source.entries])
        row = (identity, place, source.name, source.state, packed, folder, self._day)
        with self._sqlite_errors():
            query = "SELECT name FROM files WHERE identity = ? AND place IS NOT NULL"
            known = self._base.execute(query, (identity,)).fetchone()
            if known is None:
                self._base.execute(_ENTER, row)
        return None if known is None else str(known[0])

    def enter_skipped(self, place: int, name: str, outcome: FileOutcome) -> None:
        """Enter a file that is not to be read, with the reason as its outcome."""
        identity = json.dumps(["", name])
        with self._sqlite_errors():
            self._base.execute(_ENTER, (identity, place, name, "", "", "", self._day))
        self._keep(identity, outcome)

    def keep(self, pending: Pending, outcome: FileOutcome) -> None:
        """Keep what was read of a file."""
        self._keep(pending.identity, outcome)

    def _keep(self, identity: str, outcome: FileOutcome) -> None:
        values = (
            json.dumps(outcome.readings),
            outcome.patient,
            outcome.person,
            json.dumps(asdict(outcome.finding)),
            outcome.passing,
            identity,
        )
        query = (
            "UPDATE files SET readings = ?, patient = ?, person = ?, finding = ?, passing = ? "
            "WHERE identity = ?"
        )
        with self._sqlite_errors():
            self._base.execute(query, values)

    def count(self) -> tuple[int, int]:
        """Return how many files have an outcome, and how many there are."""
        with self._sqlite_errors():
            found = self._base.execute("SELECT COUNT(readings), COUNT(*) FROM files").fetchone()
        return int(found[0]), int(found[1])

    def pending(self) -> Iterator[Pending]:
        """Yield the files without an outcome, in order; outcomes may be kept meanwhile."""
        query = (
            "SELECT place, identity, source, folder, day FROM files "
            "WHERE readings IS NULL AND place > ? ORDER BY place LIMIT ?"
        )
        place = -1
        while True:
            with self._sqlite_errors():
                rows = self._base.execute(query, (place, _PAGE)).fetchall()
            if not rows:
                return
            place = rows[-1][0]
            for _, identity, packed, folder, day in rows:
                values = json.loads(packed)
                values |= {"path": Path(values["path"]), "entries": tuple(values["entries"])}
                yield Pending(Source(**values), folder, identity, day)

    def readings(self, start: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Yield place and readings of each file from a place on, up to the first without them."""
        query = "SELECT place, readings FROM files WHERE place >= ? ORDER BY place LIMIT 1"
        while True:
            with self._sqlite_errors():
                row = self._base.execute(query, (start,)).fetchone()
            if row is None or row[1] is None:
                return
            yield row[0], json.loads(row[1])
            start = row[0] + 1

    def patients(self) -> Iterator[tuple[str, str, Iterator[ImageFinding]]]:
        """Yield patients in the order of their first file, by key and name, with all findings."""
        with self._sqlite_errors():
            rows = self._base.execute(_PEOPLE)
        for person, files in groupby(rows, key=lambda row: row[0]):
            first = next(files)
            yield person, first[1], (_unpacked(row[3]) for row in chain([first], files))

    def places(self) -> Iterator[tuple[str, str]]:
        """Yield name and patient's key of each file that looked like an image, in order."""
        query = "SELECT name, person FROM files WHERE source <> '' ORDER BY place"
        with self._sqlite_errors():
            rows = self._base.execute(query)
        yield from rows

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
    def _sqlite_errors(self) -> Iterator[None]:
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


def today() -> str:
    """Return this day, ISO 8601; that of ``SOURCE_DATE_EPOCH`` (reproducible-builds.org) if set."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isascii() and given.isdigit() and len(given) <= _EPOCH_DIGITS:
        return datetime.fromtimestamp(int(given), UTC).date().isoformat()
    return datetime.now().astimezone().date().isoformat()


def recorded_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a journal that is there; nothing where it cannot be read now."""
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(path, timeout=0)) as base:
            rows = base.execute("SELECT name, value FROM settings").fetchall()
        return {name: json.loads(value) for name, value in rows}
    except (sqlite3.Error, ValueError):  # whoever opens it to write says what is wrong
        return {}


@lru_cache(maxsize=256)
def _real_folder(folder: Path) -> Path:
    return folder.resolve()


def _real_path(path: Path) -> str:
    """Return where a file is, whatever links lead to it."""
    return str(path.resolve() if path.is_symlink() else _real_folder(path.parent) / path.name)


def _unpacked(packed: str) -> ImageFinding:
    values = json.loads(packed)
    person = values.pop("person")
    mean = values.pop("mean")
    return ImageFinding(
        mean=None if mean is None else tuple(mean),
        labels=tuple(values.pop("labels")),
        person=HeaderPatient(person["number"], person["birth"], tuple(person["names"])),
        **values,
    )


_NOT_WRITTEN: Final = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)
