"""Find every image file under a folder, in zip archives too, and say why others are none."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final
from zipfile import ZipFile, ZipInfo

from metrascope.errors import DataError, is_memory_failure
from metrascope.files.atomic import read_start
from metrascope.messages import Reason, text
from metrascope.sources.archive import (
    BROKEN,
    ArchiveLimits,
    is_bloated,
    is_bomb,
    member_name,
    open_archive,
    read_head,
    read_member,
    readable,
)
from metrascope.sources.dicomdir import Present, files_missing_on_disc, in_archive, on_disk
from metrascope.sources.signatures import HEAD, IMAGES, file_kind

_SYSTEM: Final = {
    ".ds_store",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "autorun.inf",
    "__macosx",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "@eadir",
}
_LIMITS: Final = ArchiveLimits()

QUIET: Final = ("sources.system_file", "sources.hidden", "sources.dicomdir")
"""Reasons that leave nothing for a person to look at."""


@dataclass(frozen=True)
class Source:
    """A file that looks like an image, on disk or in a zip archive.

    Attributes
    ----------
    path
        Of the file on disk: the image, or the archive that holds it.
    name
        Unique and stable: relative to the folder that was searched, with ``/``; members of
        archives as ``exam.zip!/series/1.dcm``.
    kind
        What its first bytes say: ``dicom``, ``png``, ``jpeg``, ``bmp`` or ``tiff``.
    size
        Bytes, unpacked.
    state
        Changes when the file does: size and time of the file on disk, checksum of the member.
    entries
        Numbers of the members that lead to the image, empty for a file on disk.
    """

    path: Path
    name: str
    kind: str
    size: int
    state: str
    entries: tuple[int, ...] = ()

    def read(self, limits: ArchiveLimits = _LIMITS) -> bytes:
        """Return the content.

        Raises
        ------
        DataError
            If it cannot be read, or is larger than ``limits.largest_member`` bytes.
        MemoryError
            If there is too little memory for it.
        """
        try:
            if self.entries:
                archive = open_archive(self.path, self.entries[:-1], limits)
                return read_member(archive, self.entries[-1], limits.largest_member)
            with self.path.open("rb") as file:
                content = read_start(file, limits.largest_member + 1)
        except (*BROKEN, IndexError) as error:
            if is_memory_failure(error):  # which says nothing about the file
                raise MemoryError from error
            raise DataError("sources.lost", path=self.name, reason=_why(error)) from error
        if len(content) > limits.largest_member:
            raise DataError("sources.grown", path=self.name, size=len(content))
        return content


@dataclass(frozen=True)
class Skipped:
    """A file or folder that is no image for us.

    Attributes
    ----------
    name
        As of a `Source`.
    reason
        Why.
    """

    name: str
    reason: Reason

    @property
    def quiet(self) -> bool:
        """Return whether there is nothing for a person to look at: it is counted only."""
        return self.reason.key in QUIET


def find_sources(
    root: Path, exclude: Iterable[Path] = (), limits: ArchiveLimits = _LIMITS
) -> Iterator[Source | Skipped]:
    """Find images at any depth, by content; nothing is passed over in silence.

    Folders are listed one at a time and of a file the first `HEAD` bytes are read, so that
    memory does not grow with the number of files. Nothing of an archive is written to disk.

    Parameters
    ----------
    root
        A folder, an image or a zip archive; a DICOMDIR stands for its folder.
    exclude
        Files and folders that are left out without a word: the output, the table of labels.
    limits
        Of zip archives and of the size of a file.

    Yields
    ------
    In the order of names: a `Source` for each image and a `Skipped` for everything else.

    Raises
    ------
    DataError
        If ``root`` does not exist or cannot be read.
    """
    try:
        if root.is_file() and file_kind(_head(root)) == "dicomdir":
            root = root.parent
        folder = stat.S_ISDIR(root.stat().st_mode)
        next(root.iterdir() if folder else iter(()), None)
    except OSError as error:
        raise DataError("sources.no_source", path=root, reason=_why(error)) from error
    if not folder:
        yield from _file(root, displayable_name(root.name), limits)
        return
    left_out = {_identity(path.stat()) for path in exclude if path.exists()}
    yield from _folders(root, left_out, limits)


def _folders(
    root: Path, left_out: set[tuple[int, int]], limits: ArchiveLimits
) -> Iterator[Source | Skipped]:
    """Walk depth first with a stack: names may be nested deeper than Python recurses."""
    seen = {_identity(root.stat())}
    stack = _listed(root, "")
    while stack:
        path, name = stack.pop()
        try:
            info = path.stat()
            if _identity(info) in left_out:
                continue
            quiet = _quiet([path.name])
            if quiet:
                yield Skipped(name, quiet)
            elif not stat.S_ISDIR(info.st_mode):
                yield from _file(path, name, limits)
            elif _identity(info) in seen:
                yield Skipped(name, Reason("sources.seen"))
            else:
                seen.add(_identity(info))
                stack += _listed(path, name + "/")
        except OSError as error:
            yield Skipped(name, Reason("sources.unreadable", {"reason": _why(error)}))


def _listed(folder: Path, prefix: str) -> list[tuple[Path, str]]:
    """Return what is in a folder, last first: the end of the list is popped next."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    unlike = zip(names, distinct_names(names), strict=True)
    found = [(folder / name, prefix + unique) for name, unique in unlike]
    return sorted(found, key=lambda item: item[1], reverse=True)


def _quiet(parts: list[str]) -> Reason | None:
    if any(part.lower() in _SYSTEM or part.startswith("._") for part in parts):
        return Reason("sources.system_file")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return Reason("sources.hidden") if hidden else None


def _file(path: Path, name: str, limits: ArchiveLimits) -> Iterator[Source | Skipped]:
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        yield Skipped(name, Reason("sources.special"))
        return
    try:
        head = _head(path)
    except OSError as error:
        yield Skipped(name, Reason("sources.unreadable", {"reason": _why(error)}))
        return
    state = f"{info.st_size}-{info.st_mtime_ns}"
    source = Source(path, name, file_kind(head), info.st_size, state)
    if source.kind == "zip":
        yield from _archive(source, limits)
    elif source.kind == "dicomdir":
        yield from _directory(source, on_disk(path.parent), limits)
    else:
        yield _judged(source, limits)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _judged(source: Source, limits: ArchiveLimits) -> Source | Skipped:
    if source.size == 0:
        return Skipped(source.name, Reason("sources.empty"))
    if source.kind not in IMAGES:
        return Skipped(source.name, Reason(f"sources.{source.kind}"))
    if source.size > limits.largest_member:
        size = round(source.size / 2**20)
        return Skipped(source.name, Reason("sources.too_large", {"size": size}))
    return source


def _archive(source: Source, limits: ArchiveLimits) -> Iterator[Source | Skipped]:
    if len(source.entries) >= limits.depth:
        yield Skipped(source.name, Reason("sources.too_deep", {"depth": limits.depth}))
        return
    try:
        archive = open_archive(source.path, source.entries, limits)
        infos = archive.infolist()
        if is_bomb(archive, source.size, limits):
            yield Skipped(source.name, Reason("sources.bomb"))
            return
    except BROKEN as error:
        yield Skipped(source.name, _shut(error))
        return
    names = distinct_names([member_name(info) for info in infos])
    if "[Content_Types].xml" in names or names[:1] == ["mimetype"]:
        yield Skipped(source.name, Reason("sources.document"))
        return
    if not any(not info.is_dir() for info in infos):
        yield Skipped(source.name, Reason("sources.empty"))
    yield from _members(source, archive, names, limits)


def _members(
    source: Source, archive: ZipFile, names: list[str], limits: ArchiveLimits
) -> Iterator[Source | Skipped]:
    present = {name.lower() for name in names}
    infos = archive.infolist()
    for entry in sorted(range(len(names)), key=lambda entry: (names[entry], entry)):
        info, name = infos[entry], names[entry]
        if info.is_dir():
            continue
        member = Source(
            source.path,
            f"{source.name}!/{name}",
            "",
            info.file_size,
            f"{source.state}-{info.CRC:08x}",
            (*source.entries, entry),
        )
        quiet = _quiet(name.split("/"))
        if quiet:
            yield Skipped(member.name, quiet)
        else:
            folder = name.rpartition("/")[0]
            yield from _member(member, info, in_archive(present, folder), limits)


def _member(
    source: Source, info: ZipInfo, present: Present, limits: ArchiveLimits
) -> Iterator[Source | Skipped]:
    problem = _problem(info, limits)
    if problem:
        yield Skipped(source.name, problem)
        return
    try:
        archive = open_archive(source.path, source.entries[:-1], limits)
        kind = file_kind(read_head(archive, source.entries[-1], HEAD))
    except BROKEN as error:
        yield Skipped(source.name, _shut(error))
        return
    source = replace(source, kind=kind)
    if kind == "zip":
        yield from _archive(source, limits)
    elif kind == "dicomdir":
        yield from _directory(source, present, limits)
    else:
        yield _judged(source, limits)


def _problem(info: ZipInfo, limits: ArchiveLimits) -> Reason | None:
    if info.flag_bits & 0x1:
        return Reason("sources.encrypted")
    if not readable(info):
        return Reason("sources.compression", {"method": info.compress_type})
    return Reason("sources.bomb") if is_bloated(info, limits) else None


def _directory(
    source: Source, present: Present, limits: ArchiveLimits
) -> Iterator[Source | Skipped]:
    yield Skipped(source.name, Reason("sources.dicomdir"))
    folder = source.name[: -len(PurePosixPath(source.name).name)]
    try:
        for parts in files_missing_on_disc(source.read(limits), present):
            yield Skipped(folder + displayable_name("/".join(parts)), Reason("sources.missing"))
    except MemoryError as error:
        yield Skipped(source.name, _shut(error))
    except DataError as error:
        yield Skipped(source.name, Reason("sources.unreadable", {"reason": str(error)}))


def _identity(info: os.stat_result) -> tuple[int, int]:
    return info.st_dev, info.st_ino


def displayable_name(name: str) -> str:
    """Return a name that can be written into a table and shown: UTF-8 without control signs."""
    try:
        name = os.fsencode(name).decode()
    except UnicodeDecodeError:  # from a share of an older Chinese Windows
        name = os.fsencode(name).decode("gb18030", "backslashreplace")
    except UnicodeEncodeError:
        name = name.encode("utf-8", "backslashreplace").decode()
    return "".join(
        sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else repr(sign)[1:-1]
        for sign in name
    )


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return names as `displayable_name`, each different from every other one.

    Names may differ on disk and look the same: in UTF-8 and in GB18030, with an accent as a sign
    of its own, twice in one archive. The first keeps what is shown, the others get ``#2``, ``#3``;
    first is a name that is shown as it is, so that the others' numbers never depend on it.
    """
    displayed = [displayable_name(name) for name in names]
    # What an archive of that name would hold is listed under this: no folder may be called so.
    used = {f"{name}!" for name in displayed}
    unique = list(displayed)
    for at in sorted(range(len(names)), key=lambda at: (displayed[at] != names[at], names[at], at)):
        number = 1
        while (form := unicodedata.normalize("NFC", unique[at])) in used:
            number += 1
            unique[at] = f"{displayed[at]}#{number}"
        used.add(form)
    return unique


def _shut(error: BaseException) -> Reason:
    """Return why an archive cannot be looked into.

    Where memory is short for the moment, or a share has dropped, that is not the archive's fault
    and is tried again.
    """
    if is_memory_failure(error):
        return Reason("sources.unreadable", {"reason": text("sources.no_memory")})
    # A directory that points outside its archive makes the system say that a place is invalid.
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:
        return Reason("sources.unreadable", {"reason": error.strerror})
    return Reason("sources.broken_archive")


def _why(error: BaseException) -> str:
    """Return the system's words for an error, without the path, which may name a patient.

    What is no error of the system comes from an archive, and is the name of an exception.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return text("sources.damaged")
