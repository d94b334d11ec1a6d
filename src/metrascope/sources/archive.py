"""Read zip archives member by member, never to disk, and refuse what would fill the memory."""

import io
import os
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from metrascope.settings.study_settings import Section

BROKEN: Final = (
    BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # encrypted; NotImplementedError, a compression that Python lacks, is its child
    ValueError,  # also UnicodeDecodeError
    struct.error,
    MemoryError,
)
"""What Python's zipfile raises on archives that are cut, damaged, encrypted or lie.

lzma.LZMAError is not among them: LZMA and bzip2 members are refused before they are opened,
for their decoders take as much memory as a file asks for.
"""

_COMPRESSIONS: Final = (ZIP_STORED, 8)
# Bytes of an archive's directory: half a million entries of 128. Chosen, not measured.
_DIRECTORY: Final = 64 << 20
_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
# Bytes of the ZIP64 locator (APPNOTE 4.3.15).
_LOCATOR: Final = 20


class ArchiveLimits(Section):
    """What is still read from a zip archive.

    Sizes in bytes. ``ratio`` bounds how much larger than the archive its content may claim to
    be: ultrasound screens, mostly black, shrink to a tenth or a thirtieth, a bomb to a
    thousandth. ``depth`` 2 means an archive in an archive.
    """

    largest_member: int = 1 << 30
    largest_inner: int = 256 << 20
    ratio: float = 200.0
    small: int = 64 << 20
    depth: int = 2


def open_archive(path: Path, entries: tuple[int, ...], limits: ArchiveLimits) -> ZipFile:
    """Open an archive, or one inside it; the last few stay open.

    Parameters
    ----------
    path
        Of the file on disk.
    entries
        Numbers of the members that lead to the inner archive, empty for the file itself.
    limits
        An inner archive is held in memory, up to ``largest_inner``.

    Raises
    ------
    One of `BROKEN`.
    """
    state = path.stat()
    return _opened(path, (state.st_size, state.st_mtime_ns), entries, limits)


def read_member(archive: ZipFile, entry: int, largest: int) -> bytes:
    """Return the content of a member, its checksum verified.

    Raises
    ------
    One of `BROKEN`; ValueError if it is larger than ``largest`` bytes.
    """
    info = archive.infolist()[entry]
    if info.file_size > largest:
        raise ValueError(f"{info.file_size} > {largest}")
    with archive.open(info) as file:
        return file.read()


def read_head(archive: ZipFile, entry: int, count: int) -> bytes:
    """Return the first ``count`` bytes of a member.

    Raises
    ------
    One of `BROKEN`.
    """
    with archive.open(archive.infolist()[entry]) as file:
        return file.read(count)


def is_bomb(archive: ZipFile, size: int, limits: ArchiveLimits) -> bool:
    """Return whether members claim more than an archive of ``size`` bytes can honestly hold."""
    infos = archive.infolist()
    if sum(info.compress_size for info in infos) > size:
        return True  # members that overlap (Fifield, "A better zip bomb", 2019)
    return sum(info.file_size for info in infos) > max(limits.small, limits.ratio * size)


def is_bloated(info: ZipInfo, limits: ArchiveLimits) -> bool:
    """Return whether one member claims to unpack to far more than its compressed size."""
    return info.file_size > max(limits.small, limits.ratio * info.compress_size)


def readable(info: ZipInfo) -> bool:
    """Return whether a member is compressed in a way that is read here (stored or deflated)."""
    return info.compress_type in _COMPRESSIONS


def member_name(info: ZipInfo) -> str:
    """Return the name of a member, with ``/``.

    Names without the UTF-8 flag should be in code page 437, which is how Python reads them;
    Windows in Chinese writes GBK there, and some programs UTF-8 without the flag.
    """
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            raw = name.encode("cp437")
        except UnicodeEncodeError:
            return name
        for encoding in ("utf-8", "gb18030"):
            try:
                return raw.decode(encoding).replace("\\", "/")
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/")


@lru_cache(maxsize=2)
def _opened(
    path: Path, state: tuple[int, int], entries: tuple[int, ...], limits: ArchiveLimits
) -> ZipFile:
    if not entries:
        with path.open("rb") as file:
            _check_directory(file)
        return ZipFile(path)
    outer = _opened(path, state, entries[:-1], limits)
    content = io.BytesIO(read_member(outer, entries[-1], limits.largest_inner))
    _check_directory(content)
    return ZipFile(content)


def _check_directory(file: BinaryIO) -> None:
    """Refuse a list of members so long that it would fill the memory: it is read as a whole."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - (1 << 16) - _END.size - _LOCATOR - _END_64.size)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise BadZipFile("no end record")
    length = _END.unpack_from(tail, at)[5]
    # The longer form of the end record stands right before its locator.
    longer = at - _LOCATOR - _END_64.size
    if longer >= 0 and tail[longer : longer + 4] == b"PK\x06\x06":
        length = max(length if length < 0xFFFFFFFF else 0, _END_64.unpack_from(tail, longer)[8])
    if length > _DIRECTORY:
        raise BadZipFile("the list of members is too long")
