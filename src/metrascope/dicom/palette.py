"""Palettes: index to RGB (PS3.3, C.7.6.3.1.5 and C.7.9.2)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from metrascope.arrays import Mask
from metrascope.dicom.fragments import swap_pairs
from metrascope.dicom.header import raw_value, value
from metrascope.dicom.layout import header_number
from metrascope.dicom.segments import expand_segments
from metrascope.errors import DataError

_COLORS: Final = ("Red", "Green", "Blue")
# Entries that may lack at the end of a table, whose codes then take the last one: a few of the
# brightest levels off by a level or two. Where a whole part is gone, the picture would be wrong.
_LACKING: Final = 1 / 64


def read_palette(ds: Dataset, codes: NDArray[np.int64]) -> tuple[NDArray[np.uint8], Mask]:
    """Return the color of each code a stored sample can have, and which codes have none.

    Parameters
    ----------
    ds
        Data set with the three palette lookup tables, plain or segmented, of 8 or 16 bits.
    codes
        Index into the palette of each possible sample, int64, (number of samples,).

    Returns
    -------
    colors
        uint8 (number of codes, 3), RGB; codes beyond the table take its nearest entry.
    missing
        bool (number of codes): those whose entry was cut off with the end of a table.

    Raises
    ------
    DataError
        ``dicom.no_palette`` or ``dicom.bad_palette``.
    """
    tables = [_table(ds, color) for color in _COLORS]
    deep = [table.bits for table in tables if table.words and table.values.max() > 255]
    columns, missing = [], np.zeros(len(codes), np.bool_)
    for table in tables:
        values = table.values[np.clip(codes - table.first, 0, len(table.values) - 1)]
        # 16-bit entries that all fit a byte, in all three tables, are bytes.
        columns.append(values >> (max(deep) - 8) if deep and table.words else values)
        missing |= table.missing(codes)
    return np.stack(columns, axis=-1).clip(0, 255).astype(np.uint8), missing


@dataclass(frozen=True)
class LookupTable:
    """Entries of a table that are there.

    ``first`` is the code of the first, ``entries`` how many there should be, ``bits`` those of a
    value; ``words`` tells entries of 16 bits from bytes.
    """

    values: NDArray[np.int64]
    first: int
    entries: int
    bits: int
    words: bool

    def missing(self, codes: NDArray[np.int64]) -> Mask:
        """Return which codes should have an entry and have none, but for a few at the end."""
        last = min(self.entries, int(codes.max()) - self.first + 1)
        there = len(self.values)
        if there + max(1, _LACKING * last) >= last:
            return np.zeros(len(codes), np.bool_)
        places = codes - self.first
        return np.asarray((places >= there) & (places < self.entries))


def read_lookup_table(described: object, data: object, order: str, *, signed: bool) -> LookupTable:
    """Return a lookup table from its descriptor and its entries, packed in bytes or in words.

    Parameters
    ----------
    described
        Value of the descriptor: entries, first code, bits.
    data
        Bytes as in the file, or numbers.
    order
        Byte order of the file's words, ``<u2`` or ``>u2``.
    signed
        Whether codes can be negative.

    Raises
    ------
    DataError
        ``dicom.bad_palette``.
    """
    entries, first, bits = descriptor(described, signed=signed)
    content = _as_bytes(data, order)
    words = _are_words(content, entries, bits, order)
    flat = (
        np.frombuffer(content[: len(content) // 2 * 2], order) if words else _unpack(content, order)
    )
    if not flat.size:
        raise DataError("dicom.bad_palette")
    values = flat[:entries].astype(np.int64)
    # Descriptors of 16 bits over entries of 10 or 12 are left alone: nothing tells them apart.
    return LookupTable(values, first, entries, bits if values.max() < 1 << bits else 16, words)


def descriptor(described: object, *, signed: bool) -> tuple[int, int, int]:
    """Return entries, first code and bits of a lookup table's descriptor.

    Raises
    ------
    DataError
        ``dicom.bad_palette`` for one that makes no sense.
    """
    try:
        entries, first, bits = (int(part) for part in described)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise DataError("dicom.bad_palette") from error
    if bits not in range(8, 17):
        raise DataError("dicom.bad_palette")
    # Both are words of one type for all three, so that either can come with the wrong sign.
    first = (first + 32_768) % 65_536 - 32_768 if signed else first
    return entries % 65_536 or 65_536, first, bits


def _table(ds: Dataset, color: str) -> LookupTable:
    described = value(ds, f"{color}PaletteColorLookupTableDescriptor")
    plain = raw_value(ds, f"{color}PaletteColorLookupTableData")
    segmented = raw_value(ds, f"Segmented{color}PaletteColorLookupTableData")
    if described is None or (plain is None and segmented is None):
        raise DataError("dicom.no_palette")
    order = word_order(ds)
    signed = header_number(ds, "PixelRepresentation") == 1
    if plain is not None:
        return read_lookup_table(described, plain, order, signed=signed)
    entries, first, bits = descriptor(described, signed=signed)
    values = _expand(_as_bytes(segmented, order), entries, bits, order)
    return LookupTable(values, first, entries, bits if values.max() < 1 << bits else 16, bits > 8)


def word_order(ds: Dataset) -> str:
    """Return numpy's name of the words of a data set: ``>u2`` in big endian, else ``<u2``."""
    return ">u2" if ds.original_encoding[1] is False else "<u2"


def _as_bytes(data: object, order: str) -> bytes:
    """Return a table's bytes; pydicom makes numbers of those whose type is US."""
    if isinstance(data, bytes):
        return data
    try:
        return np.atleast_1d(np.asarray(data, np.int64)).astype(order).tobytes()
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("dicom.bad_palette") from error


def _are_words(data: bytes, entries: int, bits: int, order: str) -> bool:
    """Tell whether each entry has a word of its own, by length and, where cut short, by content.

    Entries of 8 bits are packed two in a word, or each fills a word with zero above.
    """
    if len(data) >= 2 * entries:
        return True
    if len(data) in (entries, entries + entries % 2):
        return False
    if bits > 8 or len(data) < 2:
        return True
    words = np.frombuffer(data[: len(data) // 2 * 2], order)
    return bool(words.any()) and not (words >> 8).any()


def _unpack(data: bytes, order: str) -> NDArray[np.uint8]:
    return np.frombuffer(swap_pairs(data) if order == ">u2" else data, np.uint8)


@lru_cache(maxsize=24)
def _expand(data: bytes, entries: int, bits: int, order: str) -> NDArray[np.int64]:
    """Expand a segmented table; kept, because all files of a scanner have the same."""
    # No segment of bytes begins with a length of zero: those have a word for each.
    packed = bits == 8 and any(_unpack(data, order)[1::2])
    words = _unpack(data, order) if packed else np.frombuffer(data[: len(data) // 2 * 2], order)
    table = expand_segments(words.tolist(), entries, 8 if packed else 16)
    table.flags.writeable = False
    return table
