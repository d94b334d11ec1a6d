"""What a user gave to be read: files, folders and archives, each image under a name of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from metrascope.errors import DataError
from metrascope.ingest.sources import Skipped, Source, find_sources, shown


class Found(NamedTuple):
    """A file, or why it is none for us.

    Attributes
    ----------
    item
        Its name is relative where one folder was given; otherwise as it was given.
    folder
        The folder below the one given, which may stand for a patient: ``EXPORT/P1/a/1.dcm``
        has P1; what lies in EXPORT itself has EXPORT.
    """

    item: Source | Skipped
    folder: str


def find_inputs(paths: Sequence[Path]) -> Iterator[Found]:
    """Find the images of files and folders, in the order given and then of names.

    Hidden files and those of the operating system are passed over.

    Raises
    ------
    DataError
        If one of the paths does not exist or cannot be read, before anything is yielded.
    """
    paths = _distinct(paths)
    for path in paths:
        _check(path)
    return (found for path in paths for found in _found(path, alone=len(paths) == 1))


def _check(path: Path) -> None:
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            with path.open("rb"):
                pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError("sources.no_source", path=path, reason=reason) from error


def _distinct(paths: Sequence[Path]) -> list[Path]:
    """Leave out what was given twice, or lies in a folder that was given too."""
    known = dict.fromkeys(path.resolve() for path in paths)
    first = {path.resolve(): path for path in reversed(paths)}
    return [first[path] for path in known if not known.keys() & set(path.parents)]


def _found(path: Path, *, alone: bool) -> Iterator[Found]:
    given, own = shown(str(path)), shown(path.name)
    for item in find_sources(path):
        if isinstance(item, Skipped) and item.quiet:
            continue
        if path.is_dir():
            name, inside = item.name if alone else f"{given}/{item.name}", item.name
        elif item.name.startswith(own):
            name, inside = given + item.name[len(own) :], item.name.partition("/")[2]
        else:  # a DICOMDIR stands for its folder
            name, inside = f"{shown(str(path.parent))}/{item.name}", item.name
        yield Found(replace(item, name=name), _folder(path, inside, alone=alone))


def _folder(path: Path, inside: str, *, alone: bool) -> str:
    if not inside:
        return shown(path.resolve().parent.name)
    own = shown(path.resolve().name if alone else str(path))
    first, stroke, _ = inside.partition("/")
    if not stroke:
        return own
    first = first.removesuffix("!")
    return first if alone else f"{own}/{first}"
