"""Read an array that may come from anybody: no header is evaluated, no size is believed.

What numpy reads of an ``.npy`` file is a Python literal, so that a damaged or hostile one raises
whatever Python's parser raises, and an archive of arrays is unpacked to whatever it claims.
"""

import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

_MAGIC: Final = re.compile(rb"\x93NUMPY([\x01-\x03])\x00")
_HEADER: Final = re.compile(
    rb"\{'descr': '([<|])([fuU])([0-9]{1,6})', 'fortran_order': False, "
    rb"'shape': \(([0-9]{1,12}(?:, ?[0-9]{1,12})*,?)\), \} *\n"
)
# Bytes of an array's header; numpy's have 128. Chosen.
_LONGEST_HEADER: Final = 1 << 12
_BROKEN: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    RuntimeError,  # encrypted
    OSError,
    EOFError,
    KeyError,
    struct.error,
    zlib.error,
)


def read_bounded_array(path: Path, largest: int) -> npt.NDArray[Any]:
    """Return the array of an ``.npy`` file of floats, bytes or text.

    Parameters
    ----------
    path
        The file.
    largest
        Bytes that it may have.

    Raises
    ------
    ValueError
        If it is no such file, or has more or fewer bytes than it says.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size, largest)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error


def read_arrays(path: Path, names: tuple[str, ...], largest: int) -> list[npt.NDArray[Any]]:
    """Return arrays of an ``.npz`` file; see `read_bounded_array`.

    Parameters
    ----------
    path
        The file.
    names
        Of the arrays.
    largest
        Bytes that all of them together may have, unpacked.
    """
    found = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                info = archive.getinfo(f"{name}.npy")
                with archive.open(info) as file:
                    found.append(_read(file, info.file_size, largest))
                largest -= info.file_size
    except _BROKEN as error:
        raise ValueError(str(error) or type(error).__name__) from error
    return found


def _read(file: IO[bytes], size: int, largest: int) -> npt.NDArray[Any]:
    if size > largest:
        raise ValueError(f"{size} bytes, at most {largest} expected")
    content = file.read(size)
    magic = _MAGIC.match(content)
    if magic is None:
        raise ValueError("no array")
    long = magic[1] != b"\x01"
    start = 12 if long else 10
    (length,) = struct.unpack("<I" if long else "<H", content[8:start].ljust(start - 8, b"\xff"))
    header = _HEADER.fullmatch(content, start, min(start + length, start + _LONGEST_HEADER))
    if header is None:
        raise ValueError("no array header that is read here")
    try:
        kind = np.dtype(f"{header[1].decode()}{header[2].decode()}{int(header[3])}")
    except TypeError as error:  # a float of three bytes
        raise ValueError(str(error)) from error
    shape = tuple(int(side) for side in header[4].split(b",") if side.strip())
    values = content[start + length :]
    expected = kind.itemsize
    for side in shape:
        expected *= side
    if len(values) != expected or not kind.itemsize:
        raise ValueError(f"{len(values)} bytes for {kind} {shape}")
    return np.frombuffer(values, kind).reshape(shape)
