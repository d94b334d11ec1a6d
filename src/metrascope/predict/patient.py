"""The reading of a patient, or of a loop: a mean where her images agree, else their contradiction.

A mean of images that exclude each other is the reading of none of them: a polyp that one image
shows and another does not would become "normal" or a number in between. Prediction sets say
which classes an image leaves open, and of images of one class a share of at least the confidence
has it in their set; where no class is left open by so many of her images, they contradict each
other, and there is no class.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from metrascope.arrays import Floats
from metrascope.classes import class_title
from metrascope.dicom.identifiers import identifier_spellings
from metrascope.dicom.values import day, string
from metrascope.errors import DataError
from metrascope.messages import text
from metrascope.predict.reading import GroupKind, ImageReading, Notice, PatientReading
from metrascope.predict.refusal import CONFIDENCE, RefusalRule
from metrascope.screen.exam import open_header

_NAMED: Final = 3
"""Files that a sentence names of each class; the rest are counted."""
_SLACK: Final = 1e-9
_CHINESE: Final = re.compile("[㐀-鿿]")
_FIRST_BIRTH: Final = 1910
"""Earlier ones are what is typed where none is known: 1900-01-01, 1901-01-01."""


@dataclass(frozen=True)
class HeaderPatient:
    """Who a header says that the patient is, as far as two headers can be compared.

    Attributes
    ----------
    number
        The patient's number, as `metrascope.dicom.identifiers.identifier_spellings` compares it;
        ``""`` if unknown.
    birth, names
        Digests of the date of birth and of the Chinese forms of the name, so that the journal
        has no more of a person than the results have.
    """

    number: str = ""
    birth: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageFinding:
    """What one image adds to the reading of its patient, and one frame to that of its loop.

    Attributes
    ----------
    name
        Of the file.
    mean
        Its probabilities, of a loop their mean, (K,); None where they do not count.
    predicted
        Its class; None where it is refused.
    labels
        The classes that it leaves open; nothing where it is refused.
    contradictory
        Whether it is a loop whose frames contradict each other.
    person
        Whose it says that it is.
    """

    name: str
    mean: tuple[float, ...] | None = None
    predicted: str | None = None
    labels: tuple[str, ...] = ()
    contradictory: bool = False
    person: HeaderPatient = field(default_factory=HeaderPatient)


def header_digest(value: str) -> str:
    """Return what two headers are compared by, ``""`` where there is nothing to compare."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:12] if value else ""


def patient_number(ds: Dataset | None) -> str:
    """Return PatientID of a header as it stands there, ``""`` where it stands for nobody."""
    number = "" if ds is None else string(ds, "PatientID")
    return number if identifier_spellings("patient_id", number) else ""


def read_person(content: bytes) -> HeaderPatient:
    """Return whose a file says that it is: nobody's where it is a picture or cannot be read."""
    try:
        ds = open_header(content)
    except DataError:
        ds = None
    if ds is None:
        return HeaderPatient()
    number = "".join(identifier_spellings("patient_id", string(ds, "PatientID")))
    birth = day(ds, "PatientBirthDate")
    # A Chinese name is not compared with its Latin spelling, of which there are several.
    names = sorted(filter(_CHINESE.search, identifier_spellings("name", string(ds, "PatientName"))))
    known = birth is not None and birth.year >= _FIRST_BIRTH
    return HeaderPatient(
        number, header_digest(str(birth)) if known else "", tuple(map(header_digest, names))
    )


def image_finding(
    reading: ImageReading | PatientReading,
    mean: npt.ArrayLike | None,
    person: HeaderPatient | None = None,
) -> ImageFinding:
    """Return what an image, a frame or a loop adds.

    Parameters
    ----------
    reading
        Of it.
    mean
        Its probabilities before they were rounded; None where they do not count.
    person
        Whose it says that it is.
    """
    if isinstance(reading, PatientReading):
        name, contradictory = reading.patient, reading.contradiction
    else:
        name, contradictory = reading.file, False
    labels = reading.prediction_set or ((reading.predicted,) if reading.predicted else ())
    return ImageFinding(
        name=name,
        mean=None if mean is None else tuple(np.asarray(mean, dtype=np.float64).tolist()),
        predicted=reading.predicted,
        labels=labels if reading.predicted else (),
        contradictory=contradictory,
        person=person or HeaderPatient(),
    )


class Summary:
    """What all images of a patient, or all frames of a loop, say together.

    Images are added one by one; what is kept does not grow with their number.

    Parameters
    ----------
    classes
        In the order of the probabilities.
    confidence
        Of the prediction sets.
    """

    def __init__(self, classes: Sequence[str], confidence: float | None) -> None:
        self.classes = tuple(classes)
        self.files = self.read = 0
        self.counts: Counter[str] = Counter()
        """Images by the class that they are read as."""
        self._agreeing = max(confidence or 0.0, CONFIDENCE)
        self._total = np.zeros(len(self.classes))
        self._open: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}
        self._contradictory: list[str] = []
        self._births: set[str] = set()
        self._names: list[frozenset[str]] = []
        self._numbers: set[str] = set()

    def add(self, finding: ImageFinding) -> None:
        """Add one image, or one frame."""
        self.files += 1
        if finding.mean is not None:
            self.read += 1
            self._total += finding.mean
        if finding.predicted is not None:
            self.counts[finding.predicted] += 1
            self._open.update(finding.labels)
            examples = self._examples.setdefault(finding.predicted, [])
            if len(examples) < _NAMED:
                examples.append(finding.name)
        if finding.contradictory and len(self._contradictory) < _NAMED:
            self._contradictory.append(finding.name)
        self._add_person(finding.person)

    def _add_person(self, person: HeaderPatient) -> None:
        if person.birth:
            self._births.add(person.birth)
        if person.number:
            self._numbers.add(person.number)
        names = frozenset(person.names)
        if names and not any(names & known for known in self._names):
            self._names.append(names)

    @property
    def mean(self) -> Floats | None:
        """Mean probabilities of the images that count, (K,); None where none does."""
        return self._total / self.read if self.read else None

    @property
    def several_people(self) -> bool:
        """Whether headers name two numbers, two dates of birth or two Chinese names."""
        return max(len(self._births), len(self._names), len(self._numbers)) > 1

    @property
    def has_contradictory_loop(self) -> bool:
        """Whether the frames of one of the files exclude each other."""
        return bool(self._contradictory)

    def is_contradiction(self, predicted: str | None = None) -> bool:
        """Return whether too few images leave any class open, or the one that would be given."""
        if self.has_contradictory_loop:
            return True
        judged = sum(self.counts.values())
        needed = self._agreeing * judged - _SLACK
        if judged < 2:
            return False
        most = max(self._open.values(), default=0)
        return most < needed or (predicted is not None and self._open[predicted] < needed)

    def otherwise(self, predicted: str) -> int:
        """Return how many images exclude the class that is given for all."""
        return sum(self.counts.values()) - self._open[predicted]

    def by_class(self, kind: GroupKind) -> str:
        """Return in words how many images are read as each class, and names of some."""
        if self.has_contradictory_loop:
            return ", ".join(self._contradictory)
        parts = []
        for label in self.classes:
            if count := self.counts[label]:
                key = "frames_as" if kind == "loop" else "files_as"
                names = ", ".join(self._examples[label])
                names += ", …" if count > len(self._examples[label]) else ""
                named = class_title(label)
                parts.append(text(f"serving.{key}", name=named, count=count, files=names))
        return "; ".join(parts)


def sum_up(
    summary: Summary,
    patient: str,
    *,
    kind: GroupKind,
    rule: RefusalRule | None,
    confidence: float | None,
    bundle: str,
    warnings: Iterable[Notice] = (),
    by_folder: bool = False,
) -> PatientReading:
    """Make the reading of a patient, or a loop.

    Parameters
    ----------
    summary
        Of her images.
    patient
        Who, or the loop's file.
    kind
        ``loop`` for the frames of one file.
    rule, confidence, bundle
        Of the `metrascope.predict.predictor.Predictor`.
    warnings
        What else is to be minded.
    by_folder
        Whether the folder says whose the images are: then headers that name several people are
        a warning and no refusal.
    """
    told = list(warnings)
    if summary.several_people and by_folder:
        told.append(_notice("several_people_in_folder"))
    mean, judged = summary.mean, _judge(summary, kind, rule, confidence, by_folder=by_folder)
    if judged.predicted and (count := summary.otherwise(judged.predicted)):
        told.append(_notice("some_differ", count=count, classes=summary.by_class(kind)))
    by_class = None if mean is None else rounded(summary.classes, mean)
    # Images that were refused after all have probabilities too, and are not read.
    read = summary.read if summary.counts else 0
    return PatientReading(
        kind=kind,
        patient=patient,
        files=1 if kind == "loop" else summary.files,
        read=(min(1, read) if kind == "loop" else read),
        counts={label: summary.counts[label] for label in summary.classes if summary.counts[label]},
        contradiction=judged.contradiction,
        probabilities=by_class if judged.predicted else None,
        refused_probabilities=None if judged.predicted else by_class,
        predicted=judged.predicted,
        prediction_set=judged.labels,
        confidence=confidence if rule and mean is not None else None,
        refusal=judged.refusal,
        warnings=tuple(told),
        bundle=bundle,
    )


class _Judged(NamedTuple):
    refusal: Notice | None = None
    predicted: str | None = None
    labels: tuple[str, ...] | None = None
    contradiction: bool = False


def _judge(
    summary: Summary,
    kind: GroupKind,
    rule: RefusalRule | None,
    confidence: float | None,
    *,
    by_folder: bool,
) -> _Judged:
    mean = summary.mean
    name = "loop_contradiction" if kind == "loop" else "contradiction"
    # A loop whose frames exclude each other is no reading, and still says so of the patient.
    if summary.has_contradictory_loop and (by_folder or not summary.several_people):
        return _Judged(_notice(name, classes=summary.by_class(kind)), contradiction=True)
    # The mean of images that were all refused may look clearer than each of them; it says no more.
    if mean is None or not summary.counts:
        return _Judged(_notice("none_read"))
    if summary.several_people and not by_folder:
        return _Judged(_notice("several_people"))
    if summary.is_contradiction():
        return _Judged(_notice(name, classes=summary.by_class(kind)), contradiction=True)
    verdict = rule.mean(mean, confidence) if rule else None
    if verdict and verdict.reasons:
        reason = verdict.reasons[0]
        return _Judged(Notice(key=reason.key, text=reason.text()), labels=verdict.labels)
    predicted = summary.classes[int(mean.argmax())]
    if summary.is_contradiction(predicted):
        return _Judged(_notice(name, classes=summary.by_class(kind)), contradiction=True)
    return _Judged(predicted=predicted, labels=verdict.labels if verdict else None)


def rounded(classes: Sequence[str], probabilities: Floats) -> dict[str, float]:
    """Return probabilities by class as they are written."""
    values = np.clip(probabilities, 0, 1).tolist()
    return dict(zip(classes, (round(value, 6) for value in values), strict=True))


def _notice(name: str, **values: object) -> Notice:
    key = f"serving.{name}"
    return Notice(key=key, text=text(key, None, **values))
