"""One file, read whole: what a process does, here or on another machine."""

import traceback
from typing import TYPE_CHECKING, Final

from metrascope.errors import DataError, MetrascopeError, is_memory_failure
from metrascope.messages import Reason
from metrascope.predict.journal import FileOutcome, Pending
from metrascope.predict.patient import ImageFinding, read_person
from metrascope.predict.predictor import FrameReading, Predictor
from metrascope.predict.reading import ImageReading, Notice
from metrascope.predict.reading_picture import PictureOrigin, reading_picture_name, write_picture

if TYPE_CHECKING:
    from metrascope.predict.predict import PredictJob

HEAT_MAPS: Final = "heatmaps"
_PASSING: Final = (
    "sources.lost",
    "sources.unreadable",
    "serving.crashed",
    "serving.memory",
    "serving.bug",
)
"""Failures that need not be the file's: a share that dropped, a process that somebody ended, memory
that others held, a library that was missing."""


class FileWork:
    """Reads one file whole.

    Parameters
    ----------
    order
        What is to be read, and how.
    predictor
        What reads; opened by the order where it is not given.
    """

    def __init__(self, order: "PredictJob", predictor: Predictor | None = None) -> None:
        self._order = order
        self._predictor = predictor or order.predictor(order.threads)

    def __call__(self, task: Pending) -> FileOutcome:
        """Read a file; what it holds never raises."""
        source = task.source
        try:
            content = source.read()
        except DataError as error:
            return self.failure(task, error.reason)
        read = self._predictor.read_bytes(content, source.name)
        person = read_person(content)
        finding, loop = self._predictor.read_whole(read, person)
        patient = task.folder if self._order.by_folder else read[0].reading.patient
        readings = [self._finished(one, patient, task.day) for one in read]
        if loop is not None:
            readings.append(loop.model_dump_json())
        key = patient if self._order.by_folder else person.number
        return FileOutcome(tuple(readings), patient, finding, key)

    def attempt(self, task: Pending) -> FileOutcome:
        """Read a file; a bug or a shortage of memory costs this file and no other.

        Raises
        ------
        MetrascopeError
            What is about all files, as a full disk.
        """
        try:
            return self(task)
        except MetrascopeError:
            raise
        except Exception as error:  # a bug must not cost the other files; the traceback is kept
            if is_memory_failure(error):
                return self.failure(task, Reason("serving.memory"))
            traceback.print_exc()
            return self.failure(task, Reason("serving.bug"))

    def failure(self, task: Pending, reason: Reason) -> FileOutcome:
        """Return the outcome of a file that could not be read."""
        patient = task.folder if self._order.by_folder else ""
        return not_read(task.source.name, reason, patient, self._predictor.digest)

    def _finished(self, read: FrameReading, patient: str, day: str) -> str:
        changes: dict[str, str | None] = {"patient": patient, "seconds": None}
        order = self._order
        if order.out is not None and order.heat_maps and read.seen and not read.reading.refusal:
            name = f"{HEAT_MAPS}/{reading_picture_name(read.reading)}"
            origin = PictureOrigin(self._predictor.name, self._predictor.digest, day)
            write_picture(order.out / name, read.reading, read.seen, origin)
            changes["heat_map"] = name
        return read.reading.model_copy(update=changes).model_dump_json()


def not_read(name: str, reason: Reason, patient: str, bundle: str) -> FileOutcome:
    """Return the outcome of a file that could not be read, with the reason.

    Parameters
    ----------
    name
        Of the file.
    reason
        Why.
    patient
        Whose it is, ``""`` where nothing says so.
    bundle
        SHA-256 of the bundle.
    """
    said = Notice(key=reason.key, text=reason.text())
    reading = ImageReading(file=name, patient=patient, refusal=said, bundle=bundle)
    passing = reason.key in _PASSING
    return FileOutcome((reading.model_dump_json(),), patient, ImageFinding(name), patient, passing)
