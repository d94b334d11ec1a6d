"""Lossless JPEG, process 14 with selection value 1, as DICOM's transfer syntax ….4.70 asks.

Encoders in Python's registries are either missing or not safe to call from a long-lived process;
the format (ITU-T T.81, annex H) is small enough to write.
"""

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Lengths of the codes for differences of 0 to 8 bits, table K.3 of T.81.
_LENGTHS: Final = (2, 3, 3, 3, 3, 3, 4, 5, 6)
_CODES: Final = (0b00, 0b010, 0b011, 0b100, 0b101, 0b110, 0b1110, 0b11110, 0b111110)


def encode_lossless_jpeg(samples: NDArray[np.uint8]) -> bytes:
    """Return the JPEG stream of a picture.

    Parameters
    ----------
    samples
        ``(h, w)`` or ``(h, w, 3)`` uint8; stored as they are, components interleaved.
    """
    planes = np.atleast_3d(samples)
    height, width, count = planes.shape
    frame = struct.pack(">BHHB", 8, height, width, count)
    frame += b"".join(struct.pack(">BBB", number + 1, 0x11, 0) for number in range(count))
    table = bytes([0]) + bytes(_LENGTHS.count(length) for length in range(1, 17)) + bytes(range(9))
    scan = bytes([count]) + b"".join(bytes([number + 1, 0]) for number in range(count))
    scan += bytes([1, 0, 0])  # selection value 1: the sample to the left predicts
    segments = _segment(0xC3, frame) + _segment(0xC4, table) + _segment(0xDA, scan)
    return b"\xff\xd8" + segments + _entropy(_differences(planes)) + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _differences(planes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return each sample less its prediction, in the order of the scan (T.81, H.1.2.1)."""
    values = planes.astype(np.int16)
    steps = np.empty_like(values)
    steps[:, 1:] = values[:, 1:] - values[:, :-1]
    steps[1:, 0] = values[1:, 0] - values[:-1, 0]
    steps[0, 0] = values[0, 0] - 128
    return steps.ravel()


def _entropy(steps: NDArray[np.int16]) -> bytes:
    """Return the coded differences, bytes stuffed, the last byte filled with ones."""
    sizes = np.frexp(np.abs(steps).astype(np.float32))[1].astype(np.int32)
    codes, lengths = np.array(_CODES, np.int32)[sizes], np.array(_LENGTHS, np.int32)[sizes]
    # a negative difference is coded as the ones' complement of its size
    extra = np.where(steps < 0, steps + (1 << sizes) - 1, steps)
    words, widths = (codes << sizes) | extra, lengths + sizes
    starts = np.cumsum(widths) - widths
    total = int(starts[-1] + widths[-1])
    bits = np.ones(total + -total % 8, np.uint8)
    for place in range(int(widths.max())):
        long = widths > place
        bits[starts[long] + place] = (words[long] >> (widths[long] - 1 - place)) & 1
    return np.packbits(bits).tobytes().replace(b"\xff", b"\xff\x00")
