"""Palettes, plain and segmented, against plain indexing and pydicom."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels import apply_color_lut
from tests.dicom import make

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.segments import expand_segments
from metrascope.errors import DataError

INDEX = np.arange(256, dtype=np.uint8).reshape(16, 16)
RAMP = np.arange(256)
COLORS = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=1)


def frame(content: bytes) -> NDArray[np.uint8]:
    return open_pixels(read_header(content)).frame(0)


def segmented(words: list[int], entries: int, bits: int = 16) -> dict[str, object]:
    found: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [entries, 0, bits]
        data = np.array(words, "<u2" if bits == 16 else "u1").tobytes()
        found[f"Segmented{name}PaletteColorLookupTableData"] = data
    return found


def test_sixteen_bits_that_hold_eight() -> None:
    content = make.grey_file(INDEX.tobytes(), INDEX.shape, **make.palette_elements(COLORS))
    assert np.array_equal(frame(content).reshape(-1, 3), COLORS)


def test_eight_bits_in_words() -> None:
    elements = make.palette_elements(COLORS)
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
    content = make.grey_file(INDEX.tobytes(), INDEX.shape, **elements)
    assert np.array_equal(frame(content).reshape(-1, 3), COLORS)


def test_a_table_that_begins_later_and_ends_early() -> None:
    elements = make.palette_elements(COLORS[50:100] * 257)
    for name in ("Red", "Green", "Blue"):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [50, 50, 16]
    content = make.grey_file(INDEX.tobytes(), INDEX.shape, **elements)
    assert np.array_equal(frame(content).reshape(-1, 3), COLORS[RAMP.clip(50, 99)])


def test_sixteen_bit_indices() -> None:
    index = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    colors = np.stack([np.arange(4096) * 16, np.arange(4096)[::-1] * 16, index.ravel()], axis=1)
    content = make.grey_file(
        make.words(index),
        index.shape,
        BitsAllocated=16,
        BitsStored=12,
        **make.palette_elements(colors),
    )
    assert np.array_equal(frame(content).reshape(-1, 3), colors >> 8)


def test_segments_are_what_pydicom_makes_of_them() -> None:
    words = [0, 5, 0, 100, 200, 300, 400, 1, 100, 50_000, 1, 151, 257]
    content = make.grey_file(INDEX.tobytes(), INDEX.shape, **segmented(words, 256))
    ds = dcmread(io.BytesIO(content))
    other = apply_color_lut(ds.pixel_array, ds) >> 8
    assert np.array_equal(frame(content), other)


def test_segments_expand_in_closed_form() -> None:
    found = expand_segments([0, 2, 10, 20, 1, 5, 70, 0, 1, 3], 8, 16)
    assert found.tolist() == [10, 20, 30, 40, 50, 60, 70, 3]


@pytest.mark.parametrize("offset", [8, 4])
def test_indirect_segments_repeat_others(offset: int) -> None:
    # The offset of the line is in bytes by the standard, in words as some have it.
    words = [0, 2, 0, 10, 1, 2, 30, 0, 1, 10, 2, 1, offset, 0]
    assert expand_segments(words, 7, 16).tolist() == [0, 10, 20, 30, 10, 20, 30]


def test_indirect_segments_of_bytes() -> None:
    words = [0, 2, 0, 10, 1, 2, 30, 0, 1, 10, 2, 1, 4, 0, 0, 0]
    assert expand_segments(words, 7, 8).tolist() == [0, 10, 20, 30, 10, 20, 30]


@pytest.mark.parametrize(
    "words", [[], [1, 5, 9], [9, 9, 9], [2, 1, 0, 0], [0, 1, 5, 2, 60_000, 0, 0], [0, 0], [1, 0, 0]]
)
def test_segments_that_make_no_sense_are_refused(words: list[int]) -> None:
    with pytest.raises(DataError, match="palette"):
        expand_segments(words, 256, 16)


@pytest.mark.parametrize(
    ("descriptor", "key"),
    [
        ([256, 0, 99], "dicom.bad_palette"),
        ([256, 0], "dicom.bad_palette"),
        (None, "dicom.no_palette"),
    ],
)
def test_descriptors_that_make_no_sense_are_refused(descriptor: object, key: str) -> None:
    elements = make.palette_elements(COLORS)
    elements["RedPaletteColorLookupTableDescriptor"] = descriptor
    content = make.grey_file(INDEX.tobytes(), INDEX.shape, **elements)
    with pytest.raises(DataError) as caught:
        frame(content)
    assert caught.value.key == key


def test_a_missing_palette_is_refused() -> None:
    content = make.grey_file(
        INDEX.tobytes(), INDEX.shape, PhotometricInterpretation="PALETTE COLOR"
    )
    with pytest.raises(DataError, match="palette is missing"):
        frame(content)
