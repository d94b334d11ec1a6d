"""Readings as a table that people open in a spreadsheet: CSV as Excel takes it, two languages.

Programs read the lines of JSON, which have all digits.
"""

import csv
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from metrascope.classes import class_title
from metrascope.files.cells import guarded
from metrascope.files.csv_file import BYTE_ORDER_MARK
from metrascope.messages import text
from metrascope.predict.listing import share_text
from metrascope.predict.reading import ImageReading, PatientReading

_BEFORE: Final = ("kind", "file", "patient", "frame", "frames", "key_frame", "files", "read")
_AFTER: Final = (
    "prediction_set",
    "confidence",
    "contradiction",
    "refusal",
    "reason",
    "warnings",
    "strangeness",
    "nearest",
    "heat_map",
    "bundle",
    "notice",
)


def write_csv(
    file: TextIO,
    readings: Iterable[ImageReading | PatientReading],
    classes: Sequence[str],
    lang: str = "en",
    *,
    heat_maps: bool = False,
) -> None:
    """Write a row for every image and patient, lines ended as RFC 4180 and Excel want them.

    Parameters
    ----------
    file
        Opened with ``newline=""``, in UTF-8.
    readings
        Of one bundle.
    classes
        In the order of the columns.
    lang
        ``en``: headings are the short names of docs/predict.md. ``zh``: Chinese headings and names
        of classes.
    heat_maps
        Whether pictures were asked for: then an image without one says why.
    """
    file.write(BYTE_ORDER_MARK)
    table = csv.writer(file, lineterminator="\r\n")
    shares = [f"p_{label}" for label in classes]
    if lang == "zh":
        named = [text("serving.p_class", "zh", name=class_title(label, "zh")) for label in classes]
        headings = {name: text(f"serving.column_{name}", "zh") for name in _columns(())}
        headings |= dict(zip(shares, named, strict=True))
    else:
        headings = {name: name for name in _columns(shares)}
    table.writerow([guarded(headings[name]) for name in _columns(shares)])
    for reading in readings:
        cells = _cells(reading, lang, heat_maps=heat_maps)
        table.writerow([cells.get(name, "") for name in _columns(shares)])


def _columns(shares: Sequence[str]) -> list[str]:
    return [*_BEFORE, "predicted", *shares, *_AFTER]


def _cells(reading: ImageReading | PatientReading, lang: str, *, heat_maps: bool) -> dict[str, str]:
    def named(label: str) -> str:
        return class_title(label, lang) if lang == "zh" else label

    # Of what is refused there is a reason, and nothing that could be taken for a reading.
    lists = {"format", "neighbors", "probabilities", "refused_probabilities", "counts", "warnings"}
    lists |= {"prediction_set", "confidence"} if reading.refusal else set()
    values = reading.model_dump(exclude=lists)
    cells = {name: guarded(_cell(value, lang)) for name, value in values.items()}
    cells["kind"] = text(f"serving.kind_{reading.kind}", lang)
    cells["predicted"] = guarded(named(reading.predicted or ""))
    if reading.prediction_set is not None and not reading.refusal:
        between = "、" if lang == "zh" else " "
        cells["prediction_set"] = guarded(between.join(map(named, reading.prediction_set)))
    cells["refusal"] = reading.refusal.key if reading.refusal else ""
    cells["reason"] = guarded(reading.refusal.text) if reading.refusal else ""
    cells["notice"] = text("common.research_only", lang)
    for label, value in (reading.probabilities or {}).items():
        cells[f"p_{label}"] = share_text(value, lang)
    if reading.kind == "loop":  # it is named by its file
        cells["file"], cells["patient"] = cells["patient"], ""
    between = "" if lang == "zh" else " "
    cells["warnings"] = guarded(between.join(said.text for said in reading.warnings))
    if isinstance(reading, ImageReading):
        near = (f"{named(one.label)} {one.similarity:.3f}" for one in reading.neighbors)
        cells["nearest"] = guarded("; ".join(near))
        if heat_maps and reading.refusal:
            cells["heat_map"] = text("serving.no_heat_map", lang)
    return cells


def _cell(value: object, lang: str) -> str:
    if isinstance(value, bool):
        return text("serving.yes" if value else "serving.no", lang)
    return "" if value is None else str(value)
