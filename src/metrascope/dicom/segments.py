"""Segmented palettes: discrete, linear and indirect segments to a table (PS3.3, C.7.9.2)."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from metrascope.errors import DataError

Segment: TypeAlias = tuple[int, int, list[int]]  # operation, length, values

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
# As many as a table has entries at most.
_MOST_SEGMENTS: Final = 65_536


def expand_segments(words: list[int], entries: int, bits: int) -> NDArray[np.int64]:
    """Return the table of a segmented palette.

    Parameters
    ----------
    words
        Segments, as 8- or 16-bit numbers.
    entries
        Entries of the table; further ones in the segments are left out.
    bits
        Bits of a word, 8 or 16, on which the form of an indirect segment's offset depends.

    Returns
    -------
    ndarray
        Values of the table, int64, at most ``entries``.

    Raises
    ------
    DataError
        ``dicom.bad_palette``.
    """
    places: list[int] = []
    values: list[int] = []
    count = 0
    for operation, length, body in _segments(words, bits):
        if count >= entries:
            break
        if operation == _DISCRETE:
            places.extend(range(count, count + len(body)))
            values.extend(body)
        elif places and body and length:
            places.append(count + length - 1)
            values.extend(body)
        else:
            raise DataError("dicom.bad_palette")
        count = places[-1] + 1 if places else 0
    if not places:
        raise DataError("dicom.bad_palette")
    # A linear segment runs from the entry before it to its own value: all is one polyline.
    line = np.interp(np.arange(min(count, entries)), places, values)
    return np.floor(line + 0.5).astype(np.int64)


def _segments(words: list[int], bits: int) -> list[Segment]:
    """Split words into segments; an indirect one repeats segments that stand before it."""
    segments: list[Segment] = []
    starts: dict[int, int] = {}
    place = 0
    while place + 2 <= len(words) and len(segments) <= _MOST_SEGMENTS:
        operation, length = words[place], words[place + 1]
        starts[place] = len(segments)
        if operation == _INDIRECT:
            size = 4 if bits == 8 else 2
            segments.extend(_repeat(words[place + 2 : place + 2 + size], length, segments, starts))
        else:
            size = length if operation == _DISCRETE else 1
            segments.append((operation, length, words[place + 2 : place + 2 + size]))
        place += 2 + size
    if len(segments) > _MOST_SEGMENTS or any(one[0] > _LINEAR for one in segments):
        raise DataError("dicom.bad_palette")
    return segments


def _repeat(
    parts: list[int], count: int, segments: list[Segment], starts: dict[int, int]
) -> list[Segment]:
    """Return the segments that an indirect one names by its offset in bytes."""
    eight = len(parts) == 4
    offset = sum(part << ((8 if eight else 16) * i) for i, part in enumerate(parts))
    # The standard counts bytes; some writers, and pydicom, count words.
    first = starts.get(offset if eight else offset // 2, starts.get(offset))
    if first is None or first + count > len(segments):
        raise DataError("dicom.bad_palette")
    return segments[first : first + count]
