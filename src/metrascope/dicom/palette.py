"""Palettes: index to RGB (PS3.3, C.7.6.3.1.5 and C.7.9.2)."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from metrascope.dicom.header import raw_value, value
from metrascope.dicom.segments import expand_segments
from metrascope.errors import DataError

_COLORS: Final = ("Red", "Green", "Blue")


def read_palette(ds: Dataset, codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the color of each code a stored sample can have.

    Parameters
    ----------
    ds
        With the three palette lookup tables, plain or segmented, of 8 or 16 bits.
    codes
        The index that each possible sample means.

    Returns
    -------
    ndarray
        uint8 (number of codes, 3), RGB; codes beyond the table take its nearest entry.

    Raises
    ------
    DataError
        ``dicom.no_palette`` or ``dicom.bad_palette``.
    """
    tables = [_table(ds, color) for color in _COLORS]
    columns = [table[np.clip(codes - first, 0, len(table) - 1)] for table, first in tables]
    # 16-bit entries that all fit a byte are bytes: the descriptor lies about them.
    deep = max(int(column.max()) for column in columns) > 255
    colors = np.stack(columns, axis=-1)
    return (colors >> 8 if deep else colors).clip(0, 255).astype(np.uint8)


def descriptor(found: object) -> tuple[int, int, int]:
    """Return entries, first index and bits of a lookup table's descriptor.

    Raises
    ------
    DataError
        ``dicom.bad_palette`` for one that makes no sense.
    """
    try:
        entries, first, bits = (int(part) for part in found)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise DataError("dicom.bad_palette") from error
    if bits not in range(8, 17):
        raise DataError("dicom.bad_palette")
    return entries % 65_536 or 65_536, first - 65_536 if first >= 32_768 else first, bits


def _table(ds: Dataset, color: str) -> tuple[NDArray[np.int64], int]:
    described = value(ds, f"{color}PaletteColorLookupTableDescriptor")
    plain = raw_value(ds, f"{color}PaletteColorLookupTableData")
    segmented = raw_value(ds, f"Segmented{color}PaletteColorLookupTableData")
    if described is None or (plain is None and segmented is None):
        raise DataError("dicom.no_palette")
    entries, first, bits = descriptor(described)
    order = ">u2" if ds.original_encoding[1] is False else "<u2"
    if plain is not None:
        words = _entries(_as_bytes(plain, order), entries, order)
    else:
        words = _expanded(_as_bytes(segmented, order), entries, bits, order)
    if not len(words):
        raise DataError("dicom.bad_palette")
    return words, first


def _as_bytes(data: object, order: str) -> bytes:
    """Return a table's bytes; pydicom makes numbers of those whose type is US."""
    if isinstance(data, bytes):
        return data
    try:
        return np.atleast_1d(np.asarray(data, np.int64)).astype(order).tobytes()
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("dicom.bad_palette") from error


def _entries(data: bytes, entries: int, order: str) -> NDArray[np.int64]:
    """Return the entries of a table, each in a byte or in a word as its length tells."""
    if len(data) >= 2 * entries:
        return np.frombuffer(data[: 2 * entries], order).astype(np.int64)
    flat = np.frombuffer(data, np.uint8)
    if order == ">u2" and flat.size % 2 == 0:
        flat = flat.reshape(-1, 2)[:, ::-1].ravel()
    return flat[:entries].astype(np.int64)


@lru_cache(maxsize=24)
def _expanded(data: bytes, entries: int, bits: int, order: str) -> NDArray[np.int64]:
    """Expand a segmented table; kept, because all files of a scanner have the same."""
    words = np.frombuffer(data, np.uint8) if bits == 8 else _words(data, order)
    table = expand_segments(words.tolist(), entries, bits)
    table.flags.writeable = False
    return table


def _words(data: bytes, order: str) -> NDArray[np.unsignedinteger]:
    return np.frombuffer(data[: len(data) // 2 * 2], order)
