"""Data sets with a value of their own in every attribute, to be looked for in what comes out."""

import struct
from collections.abc import Iterable, Iterator

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.tag import Tag

TEXT = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
NUMBERS = {"FD": "<d", "FL": "<f", "SL": "<i", "UL": "<I", "SV": "<q", "UV": "<Q"}


class Planter:
    """Gives unique values and remembers the bytes to look for."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.planted: dict[bytes, str] = {}

    def word(self, where: str) -> str:
        word = "ZQ" + self.rng.bytes(5).hex().upper()
        self.planted[word.encode()] = where
        return word

    def digits(self, where: str, count: int) -> str:
        digits = str(self.rng.integers(10 ** (count - 1), 10**count))
        self.planted[digits.encode()] = where
        return digits

    def value(self, vr: str, where: str) -> object:
        if vr in TEXT:
            return self.word(where)
        if vr in BINARY:
            return self.word(where).encode()
        if vr in NUMBERS:
            return self._binary(vr, where)
        ready = {
            "UI": lambda: "1.2.840." + self.digits(where, 12),
            "DS": lambda: "0." + self.digits(where, 12),
            "IS": lambda: self.digits(where, 9),
            "DT": lambda: f"1983{self._date(where)}",
            "DA": lambda: f"1983{self._date(where)}",
            "TM": lambda: "010203." + self.digits(where, 6),
            "AS": lambda: "047Y",
        }
        return ready[vr]() if vr in ready else int(self.rng.integers(1, 60000))

    def _date(self, where: str) -> str:
        month, day = self.rng.integers(1, 13), self.rng.integers(1, 29)
        self.planted[f"1983{month:02d}{day:02d}".encode()] = where
        return f"{month:02d}{day:02d}"

    def _binary(self, vr: str, where: str) -> float | int:
        raw = self.rng.integers(30, 60, 8, dtype=np.uint8).tobytes()
        form = NUMBERS[vr]
        value = struct.unpack_from(form, raw)[0]
        if len(raw[: struct.calcsize(form)]) == 8:
            self.planted[struct.pack(form, value)] = where
        return value


def element(tag: int, planter: Planter, depth: int = 0) -> DataElement:
    """Return an attribute with planted values, sequences with more of them inside."""
    vr = dictionary_VR(tag).split(" or ")[-1]
    where = f"{Tag(tag)}/{depth}"
    if vr != "SQ":
        return DataElement(tag, vr, planter.value(vr, where))
    item = pydicom.Dataset()
    for inner in (0x00100010, 0x00100020, 0x00080090, 0x0040A160, 0x0040A123, 0x00081155):
        item.add(element(inner, planter, depth + 1))
    if depth < 1:
        item.add(element(0x0040A730, planter, depth + 1))
        private(item, planter)
    return DataElement(tag, "SQ", [item])


def private(ds: pydicom.Dataset, planter: Planter) -> None:
    """Add a block of private attributes."""
    block = ds.private_block(0x0029, planter.word("private creator"), create=True)
    for offset, vr in enumerate(("LO", "PN", "UN", "UT")):
        block.add_new(offset, vr, planter.value(vr, f"private {vr}"))


def planted(tags: Iterable[int], planter: Planter) -> pydicom.Dataset:
    """Return a data set with these attributes, private ones, an overlay and odd names."""
    ds = pydicom.Dataset()
    for tag in tags:
        ds.add(element(tag, planter))
    private(ds, planter)
    return ds


def public_tags() -> Iterator[int]:
    """Give the tag of every attribute that PS3.6 defines, in groups 8 to 7FE0."""
    for tag in pydicom.datadict.DicomDictionary:
        if 0x0008 <= tag >> 16 < 0x7FE0 and tag >> 16 != 0x0028:
            yield tag
