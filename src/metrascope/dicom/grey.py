"""One sample a pixel to the grey that the scanner's screen showed, as one table of all samples."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from metrascope.dicom.header import raw_value, value
from metrascope.dicom.palette import read_lookup_table, word_order
from metrascope.errors import DataError

# Beyond it a window or rescale is no number that a scanner writes. Chosen, not measured.
_LARGEST: Final = 1e9

_Step: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def sample_values(sample_bytes: int, stored: int, high: int, *, signed: bool) -> NDArray[np.int64]:
    """Return the value of each possible sample of 1 or 2 bytes: bits cut out, sign extended."""
    codes = np.arange(256**sample_bytes, dtype=np.int64) >> (high + 1 - stored)
    values = codes & ((1 << stored) - 1)
    if signed:
        values -= (values >> (stored - 1)) << stored
    return values


def grey_table(
    ds: Dataset, values: NDArray[np.int64], bits: int, *, signed: bool
) -> NDArray[np.uint8]:
    """Return the grey of each possible sample.

    Modality LUT or rescale, then VOI LUT or window (the first), then the presentation
    (MONOCHROME1 or presentation LUT shape INVERSE): PS3.3, C.11.1, C.11.2 and C.11.6. Without a
    window, the whole range of the stored bits becomes 0 to 255.

    Parameters
    ----------
    ds
        The data set.
    values
        Value of each possible sample, as ``sample_values`` returns.
    bits
        Bits of a value.
    signed
        Whether values are signed.

    Returns
    -------
    ndarray
        uint8, as long as ``values``.
    """
    low = -(1 << (bits - 1)) if signed else 0
    limits = np.array([low, low + (1 << bits) - 1], np.float64)
    codes = values.astype(np.float64)
    modality = _modality(ds, codes)
    grey = _voi(ds, modality(codes), modality(limits))
    if _inverted(ds):
        grey = 255.0 - grey
    return np.rint(grey).clip(0, 255).astype(np.uint8)


def has_range(ds: Dataset) -> bool:
    """Tell whether the header says which values are black and white, or changes them."""
    keywords = ("WindowWidth", "VOILUTSequence", "ModalityLUTSequence", "RescaleSlope")
    return any(value(ds, keyword) is not None for keyword in keywords)


def _inverted(ds: Dataset) -> bool:
    terms = (value(ds, "PhotometricInterpretation"), value(ds, "PresentationLUTShape"))
    photometric, shape = (str(name or "").strip().upper() for name in terms)
    return photometric == "MONOCHROME1" or shape == "INVERSE"


def _modality(ds: Dataset, codes: NDArray[np.float64]) -> _Step:
    """Return the modality LUT, or the rescale, as a function of stored values."""
    item = _first_item(ds, "ModalityLUTSequence")
    if item is not None:
        table, first, _ = _lookup_table(item, ds, codes)
        return lambda x: table[np.clip(x - first, 0, len(table) - 1).astype(np.int64)]
    slope, intercept = _real(ds, "RescaleSlope"), _real(ds, "RescaleIntercept")
    if not slope:
        return lambda x: x
    return lambda x: x * slope + (intercept or 0.0)


def _voi(ds: Dataset, x: NDArray[np.float64], limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return greys 0 to 255 of rescaled values."""
    item = _first_item(ds, "VOILUTSequence")
    if item is not None:
        table, first, bits = _lookup_table(item, ds, x)
        places = np.clip(x - first, 0, len(table) - 1).astype(np.int64)
        return table[places] * (255.0 / ((1 << bits) - 1))
    center, width = _real(ds, "WindowCenter"), _real(ds, "WindowWidth")
    if center is not None and width is not None and width > 0:
        return _window(x, center, width, str(value(ds, "VOILUTFunction") or "LINEAR"))
    low, high = float(limits.min()), float(limits.max())
    return (x - low) * (255.0 / max(high - low, 1e-9))


def _window(
    x: NDArray[np.float64], center: float, width: float, function: str
) -> NDArray[np.float64]:
    # PS3.3, C.11.2.1.2 and C.11.2.1.3, with 0 to 255 for the range of the output.
    if function == "SIGMOID":
        power = np.clip(-4.0 * (x - center) / width, -700.0, 700.0)
        return 255.0 / (1.0 + np.exp(power))
    if function == "LINEAR_EXACT" or width < 1:
        return ((x - center) / width + 0.5) * 255.0
    if width == 1:
        return np.where(x <= center - 0.5, 0.0, 255.0)
    return ((x - (center - 0.5)) / (width - 1.0) + 0.5) * 255.0


def _lookup_table(
    item: Dataset, ds: Dataset, codes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int, int]:
    """Return the entries of a table, its first code and the bits of its values."""
    try:
        data = raw_value(item, "LUTData")
        table = read_lookup_table(
            value(item, "LUTDescriptor"), [] if data is None else data, word_order(ds), signed=True
        )
    except DataError as error:
        raise DataError("dicom.bad_table") from error
    if table.missing(codes.astype(np.int64)).any():
        raise DataError("dicom.bad_table")
    # Descriptors claim 16 bits of entries that need far fewer: all would be but black.
    used = max(8, int(table.values.max()).bit_length())
    bits = used if used <= table.bits - 4 else table.bits
    return table.values.astype(np.float64), table.first, bits


def _first_item(ds: Dataset, keyword: str) -> Dataset | None:
    items = value(ds, keyword)
    if isinstance(items, Sequence) and len(items):
        return items[0]
    return None


def _real(ds: Dataset, keyword: str) -> float | None:
    """Return an element's value as a number of sane size, the first if there are several."""
    number_or_list: Any = value(ds, keyword)
    if not isinstance(number_or_list, str | int | float) and hasattr(number_or_list, "__len__"):
        number_or_list = number_or_list[0] if len(number_or_list) else None
    try:
        number = float(number_or_list)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < _LARGEST else None
