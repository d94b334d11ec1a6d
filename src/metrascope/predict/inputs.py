"""What a user gave to be read: files, folders and archives, each image under a name of its own."""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from metrascope.errors import DataError
from metrascope.sources.search import (
    Skipped,
    Source,
    displayable_name,
    distinct_names,
    find_sources,
)
from metrascope.sources.signatures import HEAD, file_kind


class InputFile(NamedTuple):
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


def input_roots(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return what is to be searched, each place once.

    A DICOMDIR stands for its folder; what was given twice, or lies in a folder that was given
    too, is left out: ``CD/*`` is the same as ``CD`` where a DICOMDIR is among it.

    Raises
    ------
    DataError
        If one of the paths does not exist or cannot be read.
    """
    roots = [_root(path) for path in paths]
    known = dict.fromkeys(root.resolve() for root in roots)
    first = {root.resolve(): root for root in reversed(roots)}
    return tuple(first[path] for path in known if not known.keys() & set(path.parents))


def find_inputs(roots: Sequence[Path]) -> Iterator[InputFile]:
    """Find the images of files and folders, in the order given and then of names.

    Hidden files and those of the operating system are passed over.

    Parameters
    ----------
    roots
        As `input_roots` returns them.
    """
    # Two folders may be shown alike, one named in UTF-8 and one in GBK.
    given = distinct_names([str(root) for root in roots])
    for root, name in zip(roots, given, strict=True):
        yield from _input_files(root, name, alone=len(roots) == 1)


def _root(path: Path) -> Path:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(path.iterdir(), None)
        elif stat.S_ISREG(mode):  # to open a pipe would wait for somebody to write into it
            with path.open("rb") as file:
                return path.parent if file_kind(file.read(HEAD)) == "dicomdir" else path
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError("sources.no_source", path=path, reason=reason) from error
    return path


def _input_files(root: Path, given: str, *, alone: bool) -> Iterator[InputFile]:
    own, folder = displayable_name(root.name), root.is_dir()
    for item in find_sources(root):
        if isinstance(item, Skipped) and item.quiet:
            continue
        if folder:
            name, inside = item.name if alone else f"{given}/{item.name}", item.name
        else:
            name, inside = given + item.name[len(own) :], item.name.partition("/")[2]
        yield InputFile(replace(item, name=name), _folder(root, given, inside, alone=alone))


def _folder(root: Path, given: str, inside: str, *, alone: bool) -> str:
    if not inside:
        return displayable_name(root.resolve().parent.name)
    own = displayable_name(root.resolve().name) if alone else given
    first, stroke, _ = inside.partition("/")
    if not stroke:
        return own
    first = first.removesuffix("!")
    return first if alone else f"{own}/{first}"
