"""The one way from the bytes of a file to a reading."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from metrascope.arrays import Floats, Floats32, GreyImage, Pixels
from metrascope.dicom.frames import Cine
from metrascope.errors import DataError, SettingsError
from metrascope.messages import Reason, text
from metrascope.predict.bundle import Bundle, is_bundle, open_bundle
from metrascope.predict.crops import Crop, FrameChoice, count_images, crop_images
from metrascope.predict.ensemble import Ensemble, open_ensemble, open_run
from metrascope.predict.memory_images import OneImage, each_image, file_bytes
from metrascope.predict.neighbors import Neighborhood
from metrascope.predict.patient import (
    HeaderPatient,
    ImageFinding,
    Summary,
    image_finding,
    patient_number,
    rounded,
    sum_up,
)
from metrascope.predict.reading import (
    GroupKind,
    ImageReading,
    Neighbor,
    Notice,
    PatientReading,
    Seen,
)
from metrascope.predict.refusal import RefusalRule, Verdict, refusal_message
from metrascope.predict.runtime import RuntimeName
from metrascope.processes.capacity import available_cores
from metrascope.screen.exam import open_exam, open_header
from metrascope.screen.marks import Mark
from metrascope.sources.search import displayable_name

_MISSING: Final = "serving.frames_missing"
_HOT: Final = 0.5
"""Share of the hottest value from which on a place counts as looked at."""


class FrameReading(NamedTuple):
    """A reading, and what is behind it where something could be read."""

    reading: ImageReading
    seen: Seen | None


class Predictor:
    """Reads files with a bundle, or with a run of a study.

    Parameters
    ----------
    source
        Folder of a bundle, or of a run (which needs torch).
    runtime
        ``openvino`` or ``onnxruntime``, or one of them for each member; None for the faster one.
    threads
        That one reading may use; None for all cores.
    confidence
        At which prediction sets are stated, above 0 and below 1; None for the bundle's own.
    frames
        Of a loop: ``all``, ``key`` (the sharpest) or a number, evenly spread.

    Raises
    ------
    WeightsError
        If the bundle or run cannot be used, with the reason.
    SettingsError
        If a setting makes no sense.
    """

    def __init__(
        self,
        source: Path | str,
        *,
        runtime: RuntimeName | Sequence[RuntimeName] | None = None,
        threads: int | None = None,
        confidence: float | None = None,
        frames: FrameChoice = "all",
    ) -> None:
        if confidence is not None and not 0 < confidence < 1:
            raise SettingsError("serving.confidence", found=confidence)
        if isinstance(frames, int) and frames < 1:
            raise SettingsError("serving.frames", found=frames)
        source = Path(source)
        self.frames, self.confidence, self._source = frames, confidence, source
        self.rule: RefusalRule | None = None
        self.neighborhood: Neighborhood | None = None
        self.bundle: Bundle | None = None
        if is_bundle(source):
            self.bundle = open_bundle(source)
            self.rule = self.bundle.description.rule
            self.confidence = confidence or self.rule.confidence
            threads = threads or available_cores()
            self.ensemble: Ensemble = open_ensemble(self.bundle, runtime=runtime, threads=threads)
            self.ensemble.try_out(source)
            self.classes = self.bundle.description.classes
            self.cleaned = self.bundle.description.data.cleaned
            file, first = self.bundle.description.neighbors_file, self.bundle.description.members[0]
            if file:
                path, width = self.bundle.path(file), first.familiarity.width
                self.neighborhood = Neighborhood.load(path, width)
        else:
            self.ensemble, self.classes, self.cleaned = open_run(source)

    @property
    def runtimes(self) -> tuple[str, ...]:
        """What runs the members."""
        return tuple(runtime.name for runtime in self.ensemble.runtimes)

    @property
    def digest(self) -> str:
        """SHA-256 of the bundle, ``""`` for a run."""
        return self.bundle.sha256 if self.bundle else ""

    @property
    def name(self) -> str:
        """Data set and networks of the bundle, as they stand on pictures; of a run its folder."""
        if self.bundle is None:
            return displayable_name(self._source.resolve().name)
        made = self.bundle.description
        titles = dict.fromkeys(member.title for member in made.members)
        return f"{made.data.name} ({', '.join(titles)})"

    def read(self, images: OneImage | Iterable[OneImage]) -> list[FrameReading]:
        """Read one image or several, whatever a program has them as: see `file_bytes`.

        An array is a whole screen, as a scanner saves it, not a crop. All go the way of files:
        what cannot be read is a refusal, in ``reading.refusal``.

        Parameters
        ----------
        images
            A path, the bytes of a file, an array, a pydicom data set; or several of them. Of
            thousands, give one at a time: every reading keeps its image and its heat maps.

        Returns
        -------
        A reading for every image, and of a loop for every chosen frame, in the order given. What
        has no file name is named by its place, from 0.

        Raises
        ------
        DataError
            If there is no such file, or something is no image at all.
        """
        found: list[FrameReading] = []
        for number, image in enumerate(each_image(images)):
            if not isinstance(image, str | Path):
                found += self.read_bytes(file_bytes(image), str(number))
            elif Path(image).is_file():
                found += self.read_file(Path(image), str(image))
            else:
                raise DataError("library.no_file", path=image)
        return found

    def read_file(self, path: Path, name: str | None = None) -> list[FrameReading]:
        """Read a file; see `read_bytes`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise DataError("sources.lost", path=name or path.name, reason=reason) from error
        return self.read_bytes(content, name or path.name)

    def read_bytes(self, content: bytes, name: str = "") -> list[FrameReading]:
        """Read every chosen frame of a file, the key frame of a loop first.

        Nothing that the file holds raises: what cannot be read is a refusal.

        Parameters
        ----------
        content
            DICOM, PNG, JPEG, BMP or TIFF.
        name
            Stands in the readings.
        """
        start = time.perf_counter()
        try:
            ds = open_header(content)
            exam = open_exam(content, ds)
        except DataError as error:
            said = refusal_message(error.key, str(error))
            return [FrameReading(self._refused(name, said, start), None)]
        found: list[FrameReading] = []
        patient, count = patient_number(ds), count_images(exam)
        for number, crop in crop_images(exam, self.frames, cleaned=self.cleaned):
            about = _About(
                name,
                patient,
                number,
                count,
                key_frame=not found,
                warnings=_missing_frames(exam.cine),
            )
            if isinstance(crop, Reason):
                said = refusal_message(crop.key, crop.text())
                found.append(FrameReading(self._refused(name, said, start, about), None))
            else:
                found.append(self._read_crop(crop, about, start))
            start = time.perf_counter()
        return found

    def read_crop(self, grey: Pixels, name: str = "") -> FrameReading:
        """Read a sector crop, as the data set of the bundle holds them: uint8, (height, width)."""
        about = _About(name, "", 0, 1, key_frame=True)
        return self._read_crop(Crop(grey, ()), about, time.perf_counter())

    def read_patient(
        self, patient: str, readings: Sequence[FrameReading], *, kind: GroupKind = "patient"
    ) -> PatientReading:
        """Sum up what was read of a patient's images, or of a loop: every file counts once.

        Parameters
        ----------
        patient
            Who, or the file's name where nothing says who.
        readings
            Of one file or several, as `read_bytes` gives them.
        kind
            ``loop`` for the frames of one file.
        """
        summary = Summary(self.classes, self._stated)
        if kind == "loop":
            for one in readings:
                summary.add(self._frame_finding(one))
            missing = [said for said in readings[0].reading.warnings if said.key == _MISSING]
            return self.sum_up(summary, patient, kind=kind, warnings=missing)
        files: dict[str, list[FrameReading]] = {}
        for one in readings:
            files.setdefault(one.reading.file, []).append(one)
        for own in files.values():
            summary.add(self.read_whole(own)[0])
        return self.sum_up(summary, patient)

    def read_whole(
        self, readings: Sequence[FrameReading], person: HeaderPatient | None = None
    ) -> tuple[ImageFinding, PatientReading | None]:
        """Return what a file adds to the reading of its patient, and of a loop its reading.

        Parameters
        ----------
        readings
            As `read_bytes` gives them.
        person
            Whose the file says that it is.
        """
        used = [seen.probabilities for _, seen in readings if seen is not None and seen.usable]
        mean = np.mean(used, axis=0) if used else None
        first = readings[0].reading
        if first.frames == 1:
            return image_finding(first, mean, person), None
        loop = self.read_patient(first.file, readings, kind="loop")
        return image_finding(loop, mean, person), loop

    def sum_up(
        self,
        summary: Summary,
        patient: str,
        *,
        kind: GroupKind = "patient",
        warnings: Sequence[Notice] = (),
        by_folder: bool = False,
    ) -> PatientReading:
        """Make the reading of a patient; see `metrascope.predict.patient.sum_up`."""
        return sum_up(
            summary,
            patient,
            kind=kind,
            rule=self.rule,
            confidence=self._stated,
            bundle=self.digest,
            warnings=warnings,
            by_folder=by_folder,
        )

    @property
    def _stated(self) -> float | None:
        return self.confidence if self.rule else None

    def _frame_finding(self, one: FrameReading) -> ImageFinding:
        seen = one.seen
        mean = seen.probabilities if seen is not None and seen.usable else None
        return replace(image_finding(one.reading, mean), name=str(one.reading.frame))

    def _read_crop(self, crop: Crop, about: "_About", start: float) -> FrameReading:
        try:
            combined = self.ensemble.read(crop.grey[None])
        except DataError as error:
            said = Notice(key=error.key, text=str(error))
            return FrameReading(self._refused(about.file, said, start, about), None)
        probabilities = combined.probabilities[0]
        likeliest = int(probabilities.argmax())
        strange = combined.unfamiliarity
        unfamiliarity = 0.0 if strange is None else float(strange[0])
        apart = float(combined.disagreement[0])
        after = _judged(
            self.rule.image(probabilities, unfamiliarity, apart, self.confidence)
            if self.rule
            else None
        )
        near = self._nearest(combined.answers[0].features[0])
        seen = Seen(
            grey=crop.grey,
            maps=combined.maps[0],
            box=self.ensemble.box(*crop.grey.shape),
            probabilities=probabilities,
            usable=after.usable,
            thumbnails=tuple(picture for _, picture in near),
        )
        about = about._replace(warnings=(*about.warnings, *_warnings(crop.marks, seen, likeliest)))
        reading = ImageReading(
            **about.fields(),
            **_read_as(self.classes, probabilities, refused=after.refusal is not None),
            prediction_set=after.labels,
            confidence=self.confidence if self.rule else None,
            refusal=after.refusal,
            strangeness=self._strangeness(unfamiliarity),
            neighbors=tuple(neighbor for neighbor, _ in near),
            seconds=round(time.perf_counter() - start, 6),
            bundle=self.digest,
        )
        return FrameReading(reading, seen)

    def _nearest(self, features: Floats32) -> list[tuple[Neighbor, GreyImage]]:
        return self.neighborhood.nearest(features) if self.neighborhood else []

    def _strangeness(self, unfamiliarity: float) -> float | None:
        if self.rule is None or not np.isfinite(unfamiliarity):
            return None
        return round(unfamiliarity / max(self.rule.unfamiliar_above, 1e-9), 4)

    def _refused(
        self, name: str, said: Notice, start: float, about: "_About | None" = None
    ) -> ImageReading:
        about = about or _About(name, "", 0, 1, key_frame=True)
        elapsed = round(time.perf_counter() - start, 6)
        return ImageReading(**about.fields(), refusal=said, seconds=elapsed, bundle=self.digest)


class _Judged(NamedTuple):
    """Prediction set and refusal, and whether a patient's reading may rest on it."""

    labels: tuple[str, ...] | None
    refusal: Notice | None
    usable: bool


def _judged(verdict: Verdict | None) -> _Judged:
    if verdict is None:
        return _Judged(None, None, usable=True)
    if not verdict.reasons:
        return _Judged(verdict.labels, None, usable=True)
    said = Notice(key=verdict.reasons[0].key, text=verdict.reasons[0].text())
    return _Judged(verdict.labels if verdict.usable else None, said, usable=verdict.usable)


def _read_as(classes: Sequence[str], values: Floats, *, refused: bool) -> dict[str, Any]:
    """Return class and probabilities; of a refusal the latter alone, under another name."""
    by_class = rounded(classes, values)
    if refused:
        return {"refused_probabilities": by_class}
    return {"probabilities": by_class, "predicted": classes[int(values.argmax())]}


class _About(NamedTuple):
    """Which frame a reading is of."""

    file: str
    patient: str
    number: int
    frames: int
    key_frame: bool
    warnings: tuple[Notice, ...] = ()

    def fields(self) -> dict[str, Any]:
        fields = self._asdict()
        return fields | {"frame": fields.pop("number") + 1}


def _missing_frames(cine: Cine) -> tuple[Notice, ...]:
    """Warn of a file that was cut off: of what it has lost nothing can be read."""
    if cine.claimed <= cine.count:
        return ()
    told = text(_MISSING, claimed=cine.claimed, count=cine.count)
    return (Notice(key=_MISSING, text=told),)


def _warnings(marks: Sequence[Mark], seen: Seen, predicted: int) -> tuple[Notice, ...]:
    """Warn of marks that lie where the heat map says that the network looked."""
    heat = seen.maps[predicted]
    if not marks or not heat.max() > 0:
        return ()
    left, top, right, bottom = seen.box
    rows, columns = heat.shape
    touched = []
    for mark in marks:
        x, y, width, height = mark.box
        across = (np.arange(columns) + 0.5) / columns * (right - left) + left
        down = (np.arange(rows) + 0.5) / rows * (bottom - top) + top
        cell_x, cell_y = (right - left) / columns / 2, (bottom - top) / rows / 2
        near = (np.abs(down - y - height / 2) <= height / 2 + cell_y)[:, None] & (
            np.abs(across - x - width / 2) <= width / 2 + cell_x
        )
        if near.any() and heat[near].max() >= _HOT * heat.max():
            touched.append(mark.kind)
    if not touched:
        return ()
    key = "serving.marks_on_heat"
    return (Notice(key=key, text=text(key, count=len(touched))),)
