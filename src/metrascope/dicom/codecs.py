"""Compressed bytes of one frame to samples, each codec loaded when a file first needs it."""

import struct
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.dicom.codec_process import decode_in_process
from metrascope.dicom.streams import Stream, codestream, segments
from metrascope.errors import DataError, is_memory_failure

Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

_AS_STORED, _FROM_YCC = 0, 1
# Markers of JFIF and of Adobe, and the end of an image (ITU-T T.81, table B.1).
_APP0, _APP14 = 0xE0, 0xEE
_END: Final = b"\xff\xd9"
# Bytes that may follow the end: padding to an even length and more. Chosen, not measured.
_PADDING: Final = 64
_BLOCK: Final = 8  # side in pixels of a block of JPEG's
_GREY: Final = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
_COLOR: Final = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def decode_samples(data: bytes, stream: Stream, sample_bytes: int) -> Samples:
    """Decode one frame to its samples as they were encoded, no color conversion but JPEG 2000's.

    Parameters
    ----------
    data
        Stream of the frame.
    stream
        Header of the stream, with the size of the image.
    sample_bytes
        Bytes of a sample, 1 or 2; only RLE does not say so itself.

    Returns
    -------
    ndarray
        uint8 or uint16, (height, width) or (height, width, 3); signed values as their bits.

    Raises
    ------
    DataError
        ``dicom.bad_stream``, or ``dicom.truncated_stream``.
    """
    if stream.kind == "rle":
        return _decode_rle(data, stream, sample_bytes)
    if stream.components not in (1, 3):
        raise DataError("dicom.samples", samples=stream.components)
    if stream.kind == "jpeg_2000":
        samples = _decode_jpeg_2000(data, stream)
    elif stream.kind != "jpeg_ls" and stream.precision == 8:
        samples = _decode_jpeg(data, stream, _AS_STORED)
    else:
        flat = _as_words(decode_in_process(data, stream), deep=stream.precision > 8)
        samples = _to_shape(flat, stream, planar=not stream.interleaved)
    return samples


def decode_ycc_jpeg(data: bytes, stream: Stream) -> NDArray[np.uint8]:
    """Decode a JPEG frame whose components are Y, Cb and Cr to RGB, whatever its markers say.

    Raises
    ------
    DataError
        ``dicom.bad_stream``, or ``dicom.truncated_stream``.
    """
    return _decode_jpeg(data, stream, _FROM_YCC)


def _decode_jpeg(data: bytes, stream: Stream, transform: int) -> NDArray[np.uint8]:
    ended = _END in data[-_PADDING:]
    if not ended:
        # Some writers leave the last marker out and lose nothing by it.
        data += _END
    if stream.components == 3:
        data = _with_adobe_marker(data, transform)
    flags = _GREY if stream.components == 1 else _COLOR
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _codec_error(error) from error
    samples = np.asarray(_require_shape(image, stream, np.uint8), np.uint8)
    if not ended and _was_cut(stream, samples):
        raise DataError("dicom.truncated_stream")
    return samples


def _codec_error(error: Exception) -> DataError | MemoryError:
    """Return our error for a codec's: damaged data, unless there was no memory for them."""
    return MemoryError() if is_memory_failure(error) else DataError("dicom.bad_stream")


def _was_cut(stream: Stream, image: NDArray[np.uint8]) -> bool:
    """Tell by the last block whether data are missing: the decoder fills it with mid grey."""
    return stream.kind == "jpeg_lossless" or bool((image[-_BLOCK:, -_BLOCK:] == 128).all())


def _with_adobe_marker(data: bytes, transform: int) -> bytes:
    """Return a JPEG with an Adobe marker of that transform and no JFIF marker to contradict it.

    Where the markers stand among the other segments does not matter: comments, other
    applications' segments and tables may come before them.
    """
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])
    pieces, end = [data[:2], adobe], 2
    for code, first, end in segments(data):
        if code not in (_APP0, _APP14):
            pieces.append(data[first:end])
    return b"".join([*pieces, data[end:]])


def _decode_jpeg_2000(data: bytes, stream: Stream) -> Samples:
    from openjpeg.utils import decode

    try:
        image = decode(codestream(data), 0)
    except (RuntimeError, ValueError) as error:
        raise _codec_error(error) from error
    kind = np.uint8 if stream.precision <= 8 else np.uint16
    samples: Samples = _require_shape(image.view(kind), stream, kind)
    return samples


def _decode_rle(data: bytes, stream: Stream, sample_bytes: int) -> Samples:
    area = stream.width * stream.height
    try:
        flat = _decode_runs(data, area, sample_bytes)
    except (RuntimeError, ValueError) as error:
        raise _codec_error(error) from error
    except BaseException as error:
        # What Rust panics with on a damaged segment is no Exception and has no name to import.
        if type(error).__name__ != "PanicException":
            raise
        raise DataError("dicom.bad_stream") from error
    return _to_shape(_as_words(flat, deep=sample_bytes == 2), stream, planar=True)


def _decode_runs(data: bytes, area: int, sample_bytes: int) -> bytes | bytearray:
    """Decode an RLE frame, also where its segments are longer than a plane, as some writers'."""
    from rle.rle import decode_frame

    if sample_bytes == 2:
        # Such segments make the decoder panic where two of them make a sample.
        data = _cut_to_planes(data, area)
    try:
        flat: bytes | bytearray = decode_frame(data, area, 8 * sample_bytes, "<")
    except ValueError:
        flat = decode_frame(_cut_to_planes(data, area), area, 8 * sample_bytes, "<")
    return flat


def _cut_to_planes(data: bytes, area: int) -> bytes:
    """Return an RLE frame whose segments end where a plane is full (PS3.5, G.3)."""
    count, *offsets = struct.unpack("<16L", data[:64])
    ends = [*offsets[1:count], len(data)]
    bounds = zip(offsets[:count], ends, strict=True)
    planes = [_cut_runs(data[start:stop], area) for start, stop in bounds]
    places = [64 + sum(len(plane) for plane in planes[:i]) for i in range(count)]
    return struct.pack("<16L", count, *places, *[0] * (15 - count)) + b"".join(planes)


def _cut_runs(runs: bytes, area: int) -> bytes:
    """Return the packets of run lengths that make ``area`` bytes, the last one shortened.

    PS3.5, G.3.1: a head up to 127 is followed by one byte more than it says, each itself; a head
    from 129 on by one byte that counts 257 less the head times; 128 is nothing.
    """
    place, left = 0, area
    while left > 0:
        if place >= len(runs):
            raise DataError("dicom.truncated_stream")
        head = runs[place]
        if head < 128:
            if head >= left:
                return runs[:place] + bytes([left - 1]) + runs[place + 1 : place + 1 + left]
            left -= head + 1
            place += head + 2
        elif head > 128:
            if 257 - head > left:
                single = runs[place + 1 : place + 2]
                return runs[:place] + (bytes([257 - left]) if left > 1 else b"\0") + single
            left -= 257 - head
            place += 2
        else:
            place += 1
    return runs[:place]


def _as_words(data: bytes | bytearray, *, deep: bool) -> Samples:
    if not deep:
        return np.frombuffer(data, np.uint8)
    return np.frombuffer(data[: len(data) // 2 * 2], "<u2").astype(np.uint16, copy=False)


def _to_shape(flat: Samples, stream: Stream, *, planar: bool) -> Samples:
    height, width, count = stream.height, stream.width, stream.components
    if flat.size != height * width * count:
        raise DataError("dicom.truncated_stream")
    if count == 1:
        return flat.reshape(height, width).copy()
    if not planar:
        return flat.reshape(height, width, count).copy()
    planes: Samples = cv2.merge(list(flat.reshape(count, height, width)))  # type: ignore[assignment]
    return planes


def _require_shape(image: Any, stream: Stream, kind: type[np.generic]) -> Any:
    size = (stream.height, stream.width)
    shape = size if stream.components == 1 else (*size, stream.components)
    if image is None or image.dtype != kind or image.shape != shape:
        raise DataError("dicom.bad_stream")
    return image
