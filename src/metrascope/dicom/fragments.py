"""Pixel data to the bytes of each frame, native or encapsulated (PS3.5, 8 and A.4)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from metrascope.dicom.color import steps_by_plane
from metrascope.dicom.header import PixelBytes
from metrascope.dicom.layout import PixelLayout
from metrascope.dicom.streams import begins_stream
from metrascope.dicom.syntaxes import NATIVE
from metrascope.errors import DataError

_ITEM: Final = b"\xfe\xff\x00\xe0"
# Four for each of the most frames; JPEG 2000 may have several. Chosen, not measured.
_MOST_FRAGMENTS: Final = 1 << 18

ByteRange: TypeAlias = tuple[int, int]  # first byte and the one after the last


@dataclass(frozen=True)
class Native:
    """Frames of equal size, one after the other; the layout is the one that the length bears out.

    ``subsampled`` tells that chroma is halved across (YBR_FULL_422): two bytes a pixel;
    ``swapped`` that bytes stand in big-endian words, two and two exchanged.
    """

    content: bytes
    start: int
    frame_bytes: int
    count: int
    layout: PixelLayout
    subsampled: bool
    swapped: bool

    def frame(self, index: int) -> memoryview:
        """Return the bytes of a frame, not copied where they stand in order."""
        begin = index * self.frame_bytes
        if not self.swapped:
            first = self.start + begin
            return memoryview(self.content)[first : first + self.frame_bytes]
        # Words are of the element, not of the frame: one of odd size ends in the midst of a word.
        skip = begin % 2
        first = self.start + begin - skip
        words = self.content[first : first + (self.frame_bytes + skip + 1) // 2 * 2]
        return memoryview(swap_pairs(words))[skip : skip + self.frame_bytes]


@dataclass(frozen=True)
class Encapsulated:
    """Compressed frames, each of one fragment or more."""

    content: bytes
    parts: tuple[tuple[ByteRange, ...], ...]

    @property
    def count(self) -> int:
        """The number of frames."""
        return len(self.parts)

    def frame(self, index: int) -> bytes:
        """Return the stream of a frame, its fragments joined."""
        return b"".join(self.content[first:last] for first, last in self.parts[index])


def swap_pairs(data: bytes) -> bytes:
    """Return bytes with every two exchanged; a last one without its neighbor stays."""
    flat = np.frombuffer(data, np.uint8).copy()
    pairs = flat[: flat.size // 2 * 2].reshape(-1, 2)
    pairs[:] = pairs[:, ::-1].copy()
    return flat.tobytes()


def is_encapsulated(source: PixelBytes, syntax: str) -> bool:
    """Tell by the bytes whether pixel data are in items, whatever the transfer syntax claims."""
    begins = source.content[source.start : source.start + 4] == _ITEM
    return begins and (source.length is None or syntax not in NATIVE)


def native_frames(source: PixelBytes, layout: PixelLayout) -> Native:
    """Find the frames of uncompressed pixel data, by the length where the header lies.

    Whole frames of a file that was cut off are kept; more frames than claimed are taken only
    where they fill the data to the byte.

    Raises
    ------
    DataError
        ``dicom.truncated`` if not one frame is whole, ``dicom.chroma`` if color is halved down
        as well: the Standard has no order for that.
    """
    there = len(source.content) - source.start
    length = there if source.length is None else min(source.length, there)
    fitting, size = _fitting(layout, source.length or there)
    if fitting != layout and _are_frames(source, layout, size):
        fitting, size = layout, layout.height * layout.width
    whole = length // size
    if layout.photometric.endswith("_420") and length < size:
        raise DataError("dicom.chroma", photometric=layout.photometric)
    if not whole:
        raise DataError("dicom.truncated", found=length, expected=size)
    exact = whole > 1 and length - whole * size in (0, 1)
    count = whole if exact and layout.frames == 1 else min(whole, layout.frames)
    subsampled = fitting.samples == 3 and size == 2 * layout.height * layout.width
    swapped = source.big_endian and source.vr == "OW" and fitting.sample_bytes == 1
    return Native(source.content, source.start, size, count, fitting, subsampled, swapped)


def encapsulated_frames(source: PixelBytes, layout: PixelLayout) -> Encapsulated:
    """Group the fragments of compressed pixel data into frames.

    A frame begins where a fragment begins like a stream of its own: offset tables, which many
    writers leave empty or get wrong, are not needed, nor is the claimed number of frames.

    Raises
    ------
    DataError
        ``dicom.truncated`` if not one fragment is whole, or ``dicom.too_many_frames``.
    """
    pieces = _fragments(source)
    content = source.content
    heads = [content[first : first + 64] for first, _ in pieces]
    starts = [i for i, head in enumerate(heads) if begins_stream(head)]
    if not pieces:
        there = len(content) - source.start
        raise DataError("dicom.truncated", found=there, expected=there + 1)
    if not starts or starts[0] != 0:
        # Streams of a kind that is not known: one fragment a frame is all that can be supposed.
        starts = list(range(len(pieces))) if len(pieces) == layout.frames else [0]
    bounds = pairwise([*starts, len(pieces)])
    return Encapsulated(content, tuple(tuple(pieces[start:stop]) for start, stop in bounds))


def _fragments(source: PixelBytes) -> list[ByteRange]:
    """Return the whole items after the offset table, or all where there is none."""
    content, place = source.content, source.start
    items: list[ByteRange] = []
    while content[place : place + 4] == _ITEM and len(items) <= _MOST_FRAGMENTS:
        head = content[place + 4 : place + 8]
        if len(head) < 4:
            break
        last = place + 8 + struct.unpack("<L", head)[0]
        if last > len(content):
            break
        items.append((place + 8, last))
        place = last
    if len(items) > _MOST_FRAGMENTS:
        raise DataError("dicom.too_many_frames", frames=len(items))
    # The first item is the offset table, empty or not: a stream there is a frame of a writer
    # that left the table out.
    first = items[:1]
    table = not any(begins_stream(content[begin : min(begin + 64, last)]) for begin, last in first)
    return [part for part in items[table:] if part[1] > part[0]]


def _are_frames(source: PixelBytes, layout: PixelLayout, size: int) -> bool:
    """Tell whether data of two or three times the claimed size are frames nobody has counted.

    They could be one frame of deeper samples or of color just as well: neighbors tell, which
    differ far more where bytes are read in the wrong order.
    """
    area = layout.height * layout.width
    several = size // area
    plain = layout.samples == 1 and layout.photometric.startswith(("MONO", "PALETTE"))
    if not plain or layout.allocated != 8 or several not in (2, 3):
        return False
    flat = np.frombuffer(source.content[source.start : source.start + size], np.uint8)
    if flat.size < size:
        return False
    planes, pixels = steps_by_plane(flat, several, layout.height, layout.width)
    return planes <= pixels


def _fitting(layout: PixelLayout, length: int) -> tuple[PixelLayout, int]:
    """Return the layout, and its bytes a frame, that agrees with the length of the data.

    The claimed layout stands if its frames fill the data, or if no other reading does.
    """
    choices = _readings(layout)
    for frames in (layout.frames, 0):
        for choice, size in choices:
            filled = size * (frames or max(length // size, 1))
            if length - filled in (0, 1):
                return choice, size
    return choices[0]


def _readings(layout: PixelLayout) -> Sequence[tuple[PixelLayout, int]]:
    area = layout.height * layout.width
    claimed = layout, area * layout.samples * layout.sample_bytes
    # Full color, chroma halved across, one byte of grey, one word of grey.
    full = replace(layout, samples=3, allocated=8, stored=8, high=7, signed=False), area * 3
    halved = full[0], area * 2
    grey = replace(full[0], samples=1), area
    deep = replace(layout, samples=1, allocated=16, stored=16, high=15), area * 2
    if layout.samples == 3 and layout.photometric.startswith("YBR") and layout.width % 2 == 0:
        if layout.photometric.endswith("_422"):
            return halved, full, grey
        return claimed, full, halved, grey
    return (claimed, full, grey, deep) if layout.samples == 1 else (claimed, full, grey)
