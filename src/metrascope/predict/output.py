"""Write readings: for people, for spreadsheets or for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TextIO

from metrascope.messages import language, text
from metrascope.predict.listing import heading, reading_text
from metrascope.predict.reading import ImageReading, PatientReading
from metrascope.predict.spreadsheet import write_csv

Form = Literal["table", "csv", "json"]
FILES: Final[dict[Form, str]] = {
    "table": "readings.txt",
    "csv": "readings.csv",
    "json": "readings.jsonl",
}


@dataclass
class ReadingCounts:
    """How many images were read, and why not.

    Attributes
    ----------
    images, seen, read
        Images or frames in all, those that networks saw, and those that were not refused.
    patients, nameless
        Patients, and image files that say no patient.
    pictures
        Heat maps that were written.
    reason
        Of the first one that was refused.
    """

    images: int = 0
    seen: int = 0
    read: int = 0
    patients: int = 0
    nameless: int = 0
    pictures: int = 0
    reason: str = ""

    def counting(
        self, readings: Iterable[ImageReading | PatientReading]
    ) -> Iterable[ImageReading | PatientReading]:
        """Pass readings on and count them."""
        for reading in readings:
            if isinstance(reading, ImageReading):
                self.images += 1
                self.seen += bool(reading.probabilities or reading.refused_probabilities)
                self.read += reading.refusal is None
                self.nameless += _is_nameless(reading)
                self.pictures += reading.heat_map is not None
                if reading.refusal is not None:
                    self.reason = self.reason or reading.refusal.text
            elif reading.kind == "patient":
                self.patients += 1
            yield reading

    def warning(self) -> str:
        """Return what is to be said of images in no patient's row, ``""`` for nothing."""
        if not self.patients or not self.nameless:
            return ""  # where nothing says a patient, nothing is missing from one
        return text("serving.nameless", count=self.nameless)


def write_readings(
    file: TextIO,
    readings: Iterable[ImageReading | PatientReading],
    form: Form,
    classes: Sequence[str],
    *,
    heat_maps: bool = False,
) -> None:
    """Write readings one after the other, each as soon as it is there.

    Parameters
    ----------
    file
        Opened with ``newline=""``; in UTF-8, unless it is a terminal.
    readings
        Of one bundle.
    form
        ``table``: lines of 80 columns, of a loop the key frame; ``csv``: for a spreadsheet;
        ``json``: a line each, as in docs/reading.schema.json.
    classes
        In the order of the bundle.
    heat_maps
        Whether they were asked for: then a spreadsheet says why one is missing.
    """
    if form == "csv":
        write_csv(file, readings, classes, language(), heat_maps=heat_maps)
        return
    if form == "json":
        for reading in readings:
            file.write(reading.model_dump_json() + "\n")
            file.flush()
        return
    file.write(heading())
    for reading in readings:
        if _is_listed(reading):
            file.write(reading_text(reading))
            file.flush()
    file.write("\n" + text("common.research_only") + "\n")


def _is_nameless(reading: ImageReading) -> bool:
    image = reading.refusal is None or not reading.refusal.key.startswith("sources.")
    return reading.key_frame and not reading.patient and image


def _is_listed(reading: ImageReading | PatientReading) -> bool:
    """Leave out what would hide the rest: all frames of a loop, and patients of one image."""
    if isinstance(reading, ImageReading):
        return reading.key_frame
    return reading.kind == "loop" or reading.files > 1 or bool(reading.warnings)
