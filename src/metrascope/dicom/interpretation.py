"""How samples are to be read: the reading that makes a screen of them, when headers lie."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from metrascope.dicom.codecs import Samples
from metrascope.dicom.color import vividness
from metrascope.dicom.grey import grey_table, has_range, sample_values
from metrascope.dicom.layout import PixelLayout
from metrascope.dicom.palette import read_palette
from metrascope.errors import DataError

FrameReader: TypeAlias = Callable[[int], NDArray[np.uint8]]
Array = TypeVar("Array", bound=NDArray[np.unsignedinteger])

# Vividness up to which a reading is believed without a look at another: most right ones came to
# under 20, wrong ones to 102 and more (`vividness`).
_PLAUSIBLE: Final = 60.0
# Part of a screen that its black ground takes at least. Chosen, not measured.
_GROUND: Final = 0.05
# Part of the first reading's vividness that another must stay under: right readings had at most
# 0.73 of what wrong ones had.
_BETTER: Final = 0.9


def choose_interpretation(readings: Sequence[FrameReader]) -> FrameReader:
    """Return the first reading, or another whose first frame is much nearer to grey.

    Parameters
    ----------
    readings
        Possible interpretations, the likeliest first: functions from a frame's number to RGB.
    """
    first, *others = readings
    peek, read_first = _peek_first(first)
    broken: list[bool] = []

    @cache
    def best_reading() -> FrameReader:
        vivid = vividness(peek())
        if vivid <= _PLAUSIBLE:
            return read_first
        scores = [vividness(other(0)) for other in others]
        best = min(scores)
        return read_first if best > _BETTER * vivid else others[scores.index(best)]

    def read(index: int) -> NDArray[np.uint8]:
        if index and broken:
            return first(index)
        try:
            reading = best_reading()
        except DataError:
            # The others may be whole: they are read as the header says.
            broken.append(True)
            if index == 0:
                raise
            reading = first
        return reading(index)

    return read


def single_sample_reader(
    ds: Dataset, layout: PixelLayout, samples: Callable[[int], Samples]
) -> FrameReader:
    """Return the reading of frames of one sample a pixel: palette to RGB, else to grey.

    Raises
    ------
    DataError
        ``dicom.no_palette``, ``dicom.bad_palette`` or ``dicom.bad_table``.
    """
    values = sample_values(layout.sample_bytes, layout.stored, layout.high, signed=layout.signed)
    if layout.photometric.startswith("PALETTE"):
        palette, missing = read_palette(ds, values)

        def colored(index: int) -> NDArray[np.uint8]:
            frame = samples(index)
            if missing.any() and missing[frame].any():
                raise DataError("dicom.short_palette")
            return _apply_palette(frame, palette)

        return colored
    peek, frame_samples = _peek_first(samples)

    @cache
    def table() -> NDArray[np.uint8]:
        bits, signed, codes = layout.stored, layout.signed, values
        if signed and not has_range(ds) and _is_black_at_zero(peek, values, bits):
            signed = False
            codes = sample_values(layout.sample_bytes, bits, layout.high, signed=False)
        if bits > 8 and not signed and not has_range(ds):
            bits = _bits_used(peek, codes, bits)
        # The bits above the stored ones say nothing: the table repeats with each of them.
        period = 1 << (layout.high + 1)
        once = grey_table(ds, codes[:period], bits, signed=signed)
        return np.tile(once, len(values) // period)

    def grey(index: int) -> NDArray[np.uint8]:
        if layout.sample_bytes == 1:
            return np.asarray(cv2.LUT(frame_samples(index), table()), np.uint8)
        return np.take(table(), frame_samples(index))

    return grey


def _peek_first(
    read: Callable[[int], Array],
) -> tuple[Callable[[], Array], Callable[[int], Array]]:
    """Return a look at the first frame, and a reading that need not decode it a second time."""
    decoded: list[Array] = []
    failed: list[DataError] = []

    def peek() -> Array:
        try:
            decoded[:] = [read(0)]
        except DataError as error:
            failed[:] = [error]
            raise
        return decoded[0]

    def read_again(index: int) -> Array:
        if index == 0 and failed:
            raise failed.pop()
        return decoded.pop() if index == 0 and decoded else read(index)

    return peek, read_again


def _is_black_at_zero(peek: Callable[[], Samples], values: NDArray[np.int64], bits: int) -> bool:
    """Tell whether samples that claim a sign have none: headers lie.

    The ground of a screen is black. With a sign it is at the least value; at zero it would be
    mid grey, and what is brighter than that darker than all.
    """
    try:
        levels = values[peek()]
    except DataError:
        return False
    ground, least = (np.count_nonzero(levels == level) for level in (0, -(1 << (bits - 1))))
    # Ten times as much at zero as at the least value: a few black pixels decide nothing.
    return bool(ground > _GROUND * levels.size and ground > 10 * least)


def _bits_used(peek: Callable[[], Samples], values: NDArray[np.int64], bits: int) -> int:
    """Return the stored bits, fewer where the picture would be all but black: headers lie."""
    try:
        largest = int(values[peek().max()])
    except DataError:
        return bits
    used = largest.bit_length()
    # Four bits fewer make a sixteenth of the range, all but black.
    return max(used, 8) if used <= bits - 4 else bits


def _apply_palette(samples: Samples, palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return np.asarray(cv2.applyColorMap(samples, palette.reshape(256, 1, 3)), np.uint8)
    # A word for each color: numpy gathers rows of three bytes ten times slower.
    words = np.zeros((len(palette), 4), np.uint8)
    words[:, :3] = palette
    rows, columns = samples.shape
    image = np.take(words.view(np.uint32).ravel(), samples).view(np.uint8)
    return np.asarray(cv2.cvtColor(image.reshape(rows, columns, 4), cv2.COLOR_BGRA2BGR), np.uint8)
