"""What became of every file so far: written line by line, so that a kill loses nothing.

The journal names files and holds identifiers as they were found. It is kept beside the secret,
outside the data set, and stays in the hospital.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self, TextIO

from metrascope.atomic import write_lines, writing
from metrascope.errors import DataError

FORMAT: Final = 1
MARK_BOXES: Final = "mark_boxes"
"""Key of an image's marks among its columns: ``[kind, left, top, width, height]`` each."""
ORIGIN: Final = "origin"
"""Key of the left and top of an image on its screen."""
NOT_COLUMNS: Final = (MARK_BOXES, ORIGIN)
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

    @property
    def passing(self) -> bool:
        """Whether it tells of a failure that may not be the file's own: it is tried again."""
        return any(rejection.reason in _PASSING for rejection in self.rejections)

    @property
    def lasting(self) -> tuple[Rejection, ...]:
        """Its rejections that are the file's own."""
        return tuple(each for each in self.rejections if each.reason not in _PASSING)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the record that `asdict` was taken of."""
        rejections = tuple(Rejection(**entry) for entry in values.pop("rejections"))
        return cls(**{**values, "images": tuple(values["images"]), "rejections": rejections})


class Journal:
    """Records by source, each on disk as soon as it is known.

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
        self.records: dict[str, Record] = {}
        header = {"format": FORMAT, "settings": json.loads(json.dumps(settings))}
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
        """Keep a record, replacing that of the same source.

        Raises
        ------
        StudyError
            If it cannot be written.
        """
        self.records[record.source] = record
        self._append(asdict(record))

    def skip(self, source: str, rejection: Rejection) -> None:
        """Keep that a file is not taken in; one that cannot be read for now keeps its images.

        Raises
        ------
        StudyError
            As `add`.
        """
        record = Record(source, "", rejections=(rejection,))
        known = self.records.get(source)
        if record.passing and known is not None and known.images:
            record = replace(known, rejections=(*known.lasting, rejection))
        self.add(record)

    def open_again(self, found: Iterable[str]) -> None:
        """Forget what was wrong with folders and archives in which something is found by now.

        Raises
        ------
        StudyError
            As `add`.
        """
        opened = {holder for name in found for holder in _holders(name)}
        for source, record in list(self.records.items()):
            if not record.stamp and record.rejections and source in opened:
                del self.records[source]
                self._append({_FORGOTTEN: source})

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
            if header != expected:
                raise DataError(
                    "ingest.other_settings", path=self.path, names=_differing(header, expected)
                )
            for line in file:
                try:
                    entry = json.loads(line, object_pairs_hook=_named)
                    if _FORGOTTEN in entry:
                        self.records.pop(entry[_FORGOTTEN], None)
                        continue
                    record = Record.from_json(entry)
                except (ValueError, TypeError, KeyError):
                    continue  # cut short by a kill: the file is taken in again
                self.records[record.source] = record


def _holders(name: str) -> Iterator[str]:
    """Yield the folders and archives that a file lies in."""
    while "/" in name:
        name = name.rpartition("/")[0].removesuffix("!")
        yield name


def _differing(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    if found.get("format") != expected["format"]:
        return "format"
    theirs, ours = found["settings"], expected["settings"]
    return ", ".join(sorted(key for key in {*theirs, *ours} if theirs.get(key) != ours.get(key)))


def _named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names are one string each in all lines: a fifth less memory."""
    return {sys.intern(name): value for name, value in pairs}


def _line(entry: object) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
