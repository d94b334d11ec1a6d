"""The directory of a DICOM medium (DICOMDIR): which files it names that are not there."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from metrascope.dicom.header import read_header, value

Present = Callable[[tuple[str, ...]], bool]
"""Tells whether a file is there, by the parts of its path below the DICOMDIR."""


def files_missing_on_disc(content: bytes, present: Present) -> Iterator[tuple[str, ...]]:
    """Yield the files that a DICOMDIR names (PS3.3, F.3) and that are not beside it.

    Parameters
    ----------
    content
        Of the DICOMDIR.
    present
        `on_disk` or `in_archive`.

    Raises
    ------
    DataError
        If the DICOMDIR cannot be read.
    """
    ds = read_header(content)
    told: set[tuple[str, ...]] = set()
    for record in value(ds, "DirectoryRecordSequence") or ():
        found = value(record, "ReferencedFileID")
        parts = (found,) if isinstance(found, str) else tuple(map(str, found or ()))
        if parts and parts not in told and not (_harmless(parts) and present(parts)):
            told.add(parts)
            yield parts


def on_disk(folder: Path) -> Present:
    """Return the test for a DICOMDIR in a folder; copies of media often change upper case."""

    @cache
    def names(below: Path) -> dict[str, str]:
        try:
            return {entry.name.lower(): entry.name for entry in below.iterdir()}
        except OSError:
            return {}

    def present(parts: tuple[str, ...]) -> bool:
        path = folder
        for part in parts:
            name = names(path).get(part.lower())
            if name is None:
                return False
            path /= name
        return True

    return present


def in_archive(names: set[str], folder: str) -> Present:
    """Return the test for a DICOMDIR in the folder of an archive, given its names in lower case."""
    prefix = f"{folder.lower()}/" if folder else ""
    return lambda parts: prefix + "/".join(parts).lower() in names


def _harmless(parts: tuple[str, ...]) -> bool:
    return all(part not in ("", ".", "..") and not set(part) & set("/\\:\0") for part in parts)
