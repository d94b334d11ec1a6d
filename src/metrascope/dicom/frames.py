"""The frames of a DICOM image as its scanner showed them, decoded one by one when asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from metrascope.dicom.codecs import Samples, decode_samples, decode_ycc_jpeg
from metrascope.dicom.color import (
    has_partial_range,
    is_planar,
    partial_to_rgb,
    spread_chroma,
    top_bits,
    ycc_to_rgb,
)
from metrascope.dicom.fragments import (
    Encapsulated,
    Native,
    encapsulated_frames,
    is_encapsulated,
    native_frames,
)
from metrascope.dicom.header import PixelBytes, pixel_bytes, transfer_syntax
from metrascope.dicom.interpretation import FrameReader, choose_interpretation, single_sample_reader
from metrascope.dicom.layout import PixelLayout, check_size, read_layout
from metrascope.dicom.streams import Stream, read_stream
from metrascope.dicom.syntaxes import is_read, unread
from metrascope.errors import DataError

# Pixels that a byte of a compressed frame may stand for: an all but black screen has 400. Frames of
# up to a million pixels are decoded in any case.
_FEW_PIXELS, _MOST_PER_BYTE = 1_000_000, 2_000
_YCC = ("YBR_FULL", "YBR_PARTIAL")


@dataclass(frozen=True)
class Cine:
    """Frames of one file; a still is a cine of one.

    ``frame(i)`` decodes frame ``i``, 0 to ``count`` - 1, to uint8, (height, width) grey or
    (height, width, 3) RGB, and raises DataError where that frame cannot be decoded. Nothing but
    the first frame, until it is asked for, is kept between calls. ``claimed`` is the number of
    frames in the header, more than ``count`` where the file was cut off. ``pages`` tells frames
    that are no loop: pages of a picture file, each a screen of its own size, all to be read.
    """

    count: int
    height: int
    width: int
    claimed: int
    frame: Callable[[int], NDArray[np.uint8]]
    pages: bool = False


def open_pixels(ds: Dataset, *, largest: int = 16_000_000) -> Cine:
    """Open the pixel data of a data set; every claim is checked before memory is taken.

    Whether samples are RGB or YCbCr, interleaved or by plane, is decided by the stream's own
    markers and by the length of the data before the header, and by a look at the first frame
    where it would be all in color: see ``metrascope.dicom.color.vividness``.

    Parameters
    ----------
    ds
        Data set as ``metrascope.dicom.header.read_header`` returns it.
    largest
        Most pixels of a frame; a display of 4K has 8 million.

    Raises
    ------
    DataError
        ``dicom.…`` with the reason why no frame can be decoded.
    """
    source = _pixel_bytes(ds)
    layout = read_layout(ds, largest)
    if is_encapsulated(source, layout.syntax):
        return _open_encapsulated(ds, layout, encapsulated_frames(source, layout), largest)
    return _open_native(ds, source, native_frames(source, layout))


def _pixel_bytes(ds: Dataset) -> PixelBytes:
    """Return where the pixels are; a syntax that is not read is refused by its name.

    Compressed streams say themselves what they are, whatever the file calls them.
    """
    syntax = transfer_syntax(ds)
    try:
        source = pixel_bytes(ds)
    except DataError as error:
        if is_read(syntax):
            raise
        raise unread(syntax) from error
    if not is_read(syntax) and not is_encapsulated(source, syntax):
        raise unread(syntax)
    return source


def _open_native(ds: Dataset, source: PixelBytes, frames: Native) -> Cine:
    layout = frames.layout

    def samples(index: int) -> Samples:
        flat = np.frombuffer(frames.frame(index), np.uint8)
        if layout.sample_bytes == 1:
            return flat
        return flat.view(">u2" if source.big_endian else "<u2").astype(np.uint16)

    def single(index: int) -> Samples:
        return samples(index).reshape(layout.height, layout.width)

    if layout.samples == 3:
        show = _native_color(frames, samples)
    else:
        show = single_sample_reader(ds, layout, single)
    return Cine(frames.count, layout.height, layout.width, layout.frames, show)


def _native_color(frames: Native, samples: Callable[[int], Samples]) -> FrameReader:
    layout = frames.layout
    height, width = layout.height, layout.width

    def halved(index: int) -> NDArray[np.uint8]:
        return _ycc_to_rgb(spread_chroma(top_bits(samples(index), 8), height, width), layout)

    @cache
    def planar() -> bool:
        first = top_bits(samples(0), layout.stored, layout.high)
        return is_planar(first, height, width, stated=layout.planar)

    def as_rgb(index: int) -> NDArray[np.uint8]:
        flat = top_bits(samples(index), layout.stored, layout.high)
        return _interleaved(flat, height, width, planar=planar())

    def as_ycc(index: int) -> NDArray[np.uint8]:
        return _ycc_to_rgb(as_rgb(index), layout)

    if frames.subsampled:
        return halved
    ycc = layout.photometric.startswith(_YCC)
    return choose_interpretation([as_ycc, as_rgb] if ycc else [as_rgb, as_ycc])


def _ycc_to_rgb(ycc: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    """Return Y, Cb and Cr as RGB, of video's range where header and picture agree on that."""
    partial = layout.photometric.startswith("YBR_PARTIAL") and has_partial_range(ycc)
    return partial_to_rgb(ycc) if partial else ycc_to_rgb(ycc)


def _interleaved(
    flat: NDArray[np.uint8], height: int, width: int, *, planar: bool
) -> NDArray[np.uint8]:
    if not planar:
        return flat.reshape(height, width, 3).copy()
    return np.asarray(cv2.merge(list(flat.reshape(3, height, width))), np.uint8)


def _open_encapsulated(
    ds: Dataset, layout: PixelLayout, frames: Encapsulated, largest: int
) -> Cine:
    first = _first_stream(frames.frame(0), layout)
    check_size(first.width, first.height, largest)
    sample_bytes = 2 if first.precision > 8 else 1

    def stream(index: int) -> tuple[bytes, Stream]:
        data = frames.frame(index)
        header = _read_stream_header(data, layout)
        if _form(header) != _form(first):
            raise DataError("dicom.frame_size", frame=index + 1)
        if header.width * header.height > max(_FEW_PIXELS, _MOST_PER_BYTE * len(data)):
            raise DataError("dicom.truncated_stream")
        return data, header

    def samples(index: int) -> Samples:
        return decode_samples(*stream(index), sample_bytes)

    if first.components == 3:
        show = _stream_color(layout, first, stream, samples)
    else:
        bits = _stream_bits(layout, first)
        actual = replace(layout, allocated=8 * sample_bytes, stored=bits, high=bits - 1)
        show = single_sample_reader(ds, actual, samples)
    return Cine(frames.count, first.height, first.width, layout.frames, show)


def _stream_color(
    layout: PixelLayout,
    first: Stream,
    stream: Callable[[int], tuple[bytes, Stream]],
    samples: Callable[[int], Samples],
) -> FrameReader:
    def as_rgb(index: int) -> NDArray[np.uint8]:
        return top_bits(samples(index), first.precision)

    partial = layout.photometric.startswith("YBR_PARTIAL")

    def as_ycc(index: int) -> NDArray[np.uint8]:
        if first.kind == "jpeg" and first.precision == 8 and not partial:
            return decode_ycc_jpeg(*stream(index))
        return _ycc_to_rgb(as_rgb(index), layout)

    if first.kind == "jpeg" and first.subsampled:
        return as_ycc
    readings = [as_ycc, as_rgb] if _is_ycc(layout, first) else [as_rgb, as_ycc]
    return choose_interpretation(readings)


def _is_ycc(layout: PixelLayout, stream: Stream) -> bool:
    """Tell whether colors are YCbCr, by the stream or, where it is silent, by the header."""
    if stream.kind != "jpeg":
        # JPEG 2000 undoes its own transform, and headers go on saying YBR.
        return not stream.transformed and layout.photometric.startswith(_YCC)
    if stream.adobe is not None:
        return stream.adobe != 0
    return stream.jfif or (stream.names != b"RGB" and layout.photometric != "RGB")


def _first_stream(data: bytes, layout: PixelLayout) -> Stream:
    """Read the first frame's stream header; a video is refused by its name."""
    try:
        return _read_stream_header(data, layout)
    except DataError as error:
        if is_read(layout.syntax):
            raise
        raise unread(layout.syntax) from error


def _read_stream_header(data: bytes, layout: PixelLayout) -> Stream:
    """Read a frame's stream header; RLE has only a number of segments, a byte of a plane each."""
    stream = read_stream(data)
    if stream.kind != "rle":
        return stream
    if stream.components not in (1, 2, 3, 6):
        raise DataError("dicom.bad_stream")
    return replace(
        stream,
        width=layout.width,
        height=layout.height,
        components=1 if stream.components < 3 else 3,
        precision=8 if stream.components in (1, 3) else 16,
    )


def _form(stream: Stream) -> tuple[object, ...]:
    return stream.kind, stream.width, stream.height, stream.components, stream.precision


def _stream_bits(layout: PixelLayout, stream: Stream) -> int:
    """Return the bits of a value: the header's, unless the stream has fewer or plainly more."""
    if layout.stored > stream.precision or layout.stored <= 8 < stream.precision:
        return stream.precision
    return layout.stored
