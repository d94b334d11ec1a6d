"""What became of every file so far: written line by line, so that a kill loses nothing.

The journal names files and holds identifiers as they were found. It is kept beside the secret,
outside the data set, and stays in the hospital.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self, TextIO

from metrascope.errors import DataError
from metrascope.files.atomic import write_lines, writing
from metrascope.screen.settings import option_name

_FORMAT: Final = 2
_OLDER: Final = 1  # of 0.1.0: knew files by their relative name alone
Key = tuple[str, str, str]
"""What a record is known by: folder searched, name below it, SHA-256 of the content."""

MARK_BOXES: Final = "mark_boxes"
"""Key of an image's marks among its columns: ``[kind, left, top, width, height]`` each."""
ORIGIN: Final = "origin"
"""Key of the left and top of an image on its screen."""
WRITTEN: Final = "written"
"""Key of an image's files: folder to their size and the start of their SHA-256."""
NOT_COLUMNS: Final = (MARK_BOXES, ORIGIN, WRITTEN)
"""Keys of an image that are not columns of the manifest."""
_FORGOTTEN: Final = "forgotten"
_PASSING: Final = frozenset(
    {
        "dicom.codec_ended",
        "dicom.no_codec",
        "ingest.bug",
        "ingest.crashed",
        "ingest.memory",
        "ingest.too_slow",
        "sources.lost",
        "sources.unreadable",
    }
)
"""Reasons that may be gone the next time: memory or the processor was short, a share had dropped,
someone ended a process, a package was missing, a version of this program had a bug."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a file or a frame of it is left out.

    Attributes
    ----------
    reason
        Key of the sentence that says so.
    values
        What fills it; words of the file may be among them, so they stay in the journal.
    frame
        Number of the frame from 0, None for the whole file.
    """

    reason: str
    values: Mapping[str, Any] = field(default_factory=dict)
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one file.

    Attributes
    ----------
    source
        Its name below the folder given, with ``/``; members of archives after ``!/``.
    stamp
        Size and time of change: another stamp means another file.
    sha256
        Of its content, ``""`` if it could not be read.
    keys
        Identifiers found in it, by role.
    row
        What the labels say of it, as it was then; None without a row.
    images
        One mapping of manifest columns for each image written.
    rejections
        Why it, or frames of it, were left out.
    scanner
        Maker and model, for counting.
    kind
        ``dicom``, ``picture`` or ``other``.
    frames
        Frames it holds.
    root
        The folder that was searched, ``""`` where an older version did not say.
    table
        Which table of labels the row is of: the start of its SHA-256.
    refused
        Why, with all files known, that table left it out after all; None where it did not.
    """

    source: str
    stamp: str
    kind: str = "other"
    sha256: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    row: Mapping[str, str] | None = None
    images: tuple[Mapping[str, Any], ...] = ()
    rejections: tuple[Rejection, ...] = ()
    scanner: str = ""
    frames: int = 0
    root: str = ""
    table: str = ""
    refused: Rejection | None = None

    @property
    def key(self) -> Key:
        """Return what tells this record from all others."""
        return self.root, self.source, self.sha256

    @property
    def place(self) -> Key:
        """Return where the file was, and in which state."""
        return self.root, self.source, self.stamp

    @property
    def passing(self) -> bool:
        """Whether it tells of a failure that may not be the file's own: it is tried again."""
        return any(rejection.reason in _PASSING for rejection in self.rejections)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the record that `asdict` was taken of."""
        for name in ("root", "table"):  # the same few in all lines
            values[name] = sys.intern(values.get(name, ""))
        rejections = tuple(Rejection(**entry) for entry in values.pop("rejections"))
        refused = values.pop("refused", None)
        values |= {"images": tuple(values["images"]), "rejections": rejections}
        return cls(**values, refused=Rejection(**refused) if refused else None)


class IngestJournal:
    """Records by `Record.key`, each on disk as soon as it is known.

    One file name may be in two folders, or may have held two pictures one after the other.

    Parameters
    ----------
    path
        The file; made if it does not exist.
    settings
        What the outcome of a file depends on.

    Raises
    ------
    DataError
        If the file was written with other settings or is no journal.
    StudyError
        If it cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.records: dict[Key, Record] = {}
        header = {"format": _FORMAT, "settings": json.loads(json.dumps(settings))}
        if path.exists():
            self._read(header)
        lines = chain([header], map(asdict, self.records.values()))
        # Written anew at each start: half a line of a killed run, and what was superseded, go.
        write_lines(path, (f"{_line(entry)}\n" for entry in lines))
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        with writing(self.path):
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            # What a full disk did not take has been told by then.
            with suppress(OSError):
                self._file.close()

    def add(self, record: Record) -> None:
        """Keep a record, replacing that of the same key.

        Raises
        ------
        StudyError
            If it cannot be written.
        """
        self.records[record.key] = record
        self._append(asdict(record))

    def forget(self, record: Record) -> None:
        """Drop a record: its file has changed, or is known at another place now.

        Raises
        ------
        StudyError
            As `add`.
        """
        self.records.pop(record.key, None)
        self._append({_FORGOTTEN: record.key})

    def _append(self, entry: Mapping[str, Any]) -> None:
        if self._file is None:
            raise ValueError("the journal is not open")
        with writing(self.path):
            self._file.write(f"{_line(entry)}\n")
            self._file.flush()

    def _read(self, expected: Mapping[str, Any]) -> None:
        with self.path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            first = file.readline()
            try:
                header = json.loads(first)
                if not isinstance(header, dict) or "settings" not in header:
                    raise ValueError(first)
            except ValueError as error:
                raise DataError("ingest.bad_journal", path=self.path) from error
            _compare(self.path, header, expected)
            for line in file:
                try:
                    self._replay(json.loads(line, object_pairs_hook=_named))
                except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                    continue  # cut short by a kill, or damaged: the file is taken in again

    def _replay(self, entry: dict[str, Any]) -> None:
        if _FORGOTTEN in entry:
            root, source, digest = entry[_FORGOTTEN]
            self.records.pop((root, source, digest), None)
            return
        record = Record.from_json(entry)
        if not all(isinstance(image, dict) for image in (record.keys, *record.images)):
            raise TypeError(entry)
        self.records[record.key] = record


def _compare(path: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a journal of another format, or whose files were taken in with other settings."""
    version = found.get("format")
    if version not in (_OLDER, _FORMAT) or not isinstance(found["settings"], dict):
        raise DataError("ingest.other_format", path=path, found=version, expected=_FORMAT)
    theirs, ours = found["settings"], expected["settings"]
    if version == _OLDER:  # settings that came later do not touch files already taken in
        theirs, ours = _in_common(theirs, ours), _in_common(ours, theirs)
    names = sorted(key for key in {*theirs, *ours} if theirs.get(key) != ours.get(key))
    if names:
        options = ", ".join(map(option_name, names))
        raise DataError("ingest.other_settings", path=path, names=options)


def _in_common(settings: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that others have too, in sections as well."""
    return {
        key: _in_common(value, others[key])
        if isinstance(value, dict) and isinstance(others[key], dict)
        else value
        for key, value in settings.items()
        if key in others
    }


def _named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names are one string each in all lines: a fifth less memory."""
    return {sys.intern(name): value for name, value in pairs}


def _line(entry: object) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
