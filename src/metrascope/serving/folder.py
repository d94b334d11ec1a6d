"""Read whatever is in files and folders, however many, and go on where a kill stopped it."""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, Self, cast

import numpy as np

from metrascope.atomic import cannot_write
from metrascope.cores import available_cores
from metrascope.dispatch import EngineName, ShareOut, create_share_out
from metrascope.errors import DataError, MetrascopeError, SettingsError
from metrascope.ingest.reason import Reason
from metrascope.ingest.sources import Skipped, Source
from metrascope.messages import language
from metrascope.serving.bundle import is_bundle, open_bundle
from metrascope.serving.inputs import Found, find_inputs
from metrascope.serving.journal import NAME, Journal, Outcome, Pending
from metrascope.serving.picture import file_name, write_picture
from metrascope.serving.predictor import FrameReading, Frames, Predictor
from metrascope.serving.reading import ImageReading, PatientReading, Said
from metrascope.serving.runtime import RuntimeName

Reading = ImageReading | PatientReading
Advance = Callable[[int, int], None]

HEAT_MAPS: Final = "heatmaps"
_FEW: Final = 8
"""Files that are read at once sooner than a process of its own has started."""
_SECONDS: Final = 600.0
_MEMORY_MB: Final = 4096
_IMAGE: Final = '{"kind":"image"'


@dataclass(frozen=True)
class Order:
    """What is to be read, and how.

    Attributes
    ----------
    bundle
        Folder of a bundle or a run.
    inputs
        Files and folders.
    out
        Folder of the results; None where none are kept.
    confidence, frames, runtime
        As of a `Predictor`.
    by_folder
        Whether a folder below the one given is a patient, whatever headers say.
    heat_maps
        Whether a picture is written of each reading; needs ``out``.
    jobs, engine, address
        What shares the work, where it is worth it; see `metrascope.dispatch.create_share_out`.
        A cluster is worth it always.
    """

    bundle: Path
    inputs: tuple[Path, ...]
    out: Path | None = None
    confidence: float | None = None
    frames: Frames = "all"
    runtime: RuntimeName | tuple[RuntimeName, ...] | None = None
    by_folder: bool = False
    heat_maps: bool = False
    jobs: int | None = 1
    engine: EngineName = "local"
    address: str | None = None

    @property
    def threads(self) -> int:
        """Of the processor, for each process of this machine, where processes share the work."""
        cores = available_cores()
        return max(1, cores // (self.jobs or cores))

    def predictor(self, threads: int | None) -> Predictor:
        """Return what reads."""
        return Predictor(
            self.bundle,
            runtime=self.runtime,
            threads=threads,
            confidence=self.confidence,
            frames=self.frames,
        )


class Reader:
    """Files, read one after the other or shared out; a context that keeps their journal open.

    Parameters
    ----------
    order
        What is to be read.

    Raises
    ------
    SettingsError
        If the order makes no sense.
    DataError
        If an input is not there, there is no file at all, or the results of ``out`` are of
        another bundle or other options.
    WeightsError
        If the bundle cannot be used.
    StudyError
        If ``out`` cannot be written, or there is no cluster.
    """

    def __init__(self, order: Order) -> None:
        if order.heat_maps and order.out is None:
            raise SettingsError("serving.heat_maps_out")
        found = find_inputs(order.inputs)
        if order.out is not None:
            _check_out(order.out, order.inputs)
        if is_bundle(order.bundle):
            open_bundle(order.bundle)  # before a long look at a folder
        self._share_out = _share_out(order)
        first = list(islice(found, _FEW + 1))
        if not first:
            raise DataError("serving.nothing", path=order.inputs[0])
        self.order = order
        self._apart = len(first) > _FEW or order.engine != "local"
        self.predictor = order.predictor(order.threads if self._apart else None)
        self._found: Iterable[Found] = chain(first, found)

    def __enter__(self) -> Self:
        self._journal = self._opened()
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def read(self, advance: Advance | None = None) -> Iterator[Reading]:
        """Read what has not been read yet, and yield the results in order as they are known.

        Parameters
        ----------
        advance
            Called with the files done and all files, as they are done.

        Yields
        ------
        The reading of every frame in the order of files, loops summed up, then of patients.
        """
        journal = self._journal
        with journal.listing():
            for place, (item, folder) in enumerate(self._found):
                self._enter(place, item, folder)
        place = 0
        for done, all_ in self._work():
            if advance is not None:
                advance(done, all_)
            for _, readings in journal.readings(place):
                yield from map(_parsed, readings)
                place += 1
        yield from self._patients()

    def results(self) -> Iterator[Reading]:
        """Yield all that has been read once more."""
        for _, readings in self._journal.readings():
            yield from map(_parsed, readings)
        yield from self._patients()

    @property
    def is_long(self) -> bool:
        """Whether there are so many files that progress is worth showing."""
        return self._apart

    def _opened(self) -> Journal:
        order = self.order
        fixed = {
            "bundle": self.predictor.digest or str(order.bundle.resolve()),
            "runtime": self.predictor.runtimes,
            "inputs": [os.fsencode(path.resolve()).hex() for path in order.inputs],
            "confidence": order.confidence,
            "frames": order.frames,
            "by-folder": order.by_folder,
            "heatmaps": order.heat_maps,
            "lang": language(),
        }
        if order.out is None:
            return Journal(None, fixed)
        try:
            order.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(order.out, error) from error
        return Journal(order.out / NAME, fixed)

    def _enter(self, place: int, item: Source | Skipped, folder: str) -> None:
        if isinstance(item, Source):
            self._journal.enter(place, item, folder)
            return
        patient = folder if self.order.by_folder else ""
        outcome = _not_read(item.name, item.reason, patient, self.predictor.digest)
        self._journal.enter_skipped(place, item.name, outcome)

    def _work(self) -> Iterator[tuple[int, int]]:
        done, all_ = self._journal.count()
        yield done, all_
        for pending, outcome in self._outcomes(self._journal.pending()):
            self._journal.keep(pending.source.name, outcome)
            done += 1
            yield done, all_

    def _outcomes(self, pending: Iterator[Pending]) -> Iterator[tuple[Pending, Outcome]]:
        if not self._apart:
            work = _Work(self.order, self.predictor)
            for task in pending:
                yield task, _attempt(work, task)
            return
        from metrascope.workers import Failed

        shared = self._share_out(
            partial(_ready, self._everywhere()),
            pending,
            seconds=_SECONDS,
            memory_mb=_MEMORY_MB + 4 * self._megabytes(),
        )
        with closing(shared):
            for task, outcome in shared:
                if isinstance(outcome, Failed):
                    outcome = self._failed(task, outcome.reason)
                yield task, outcome

    def _everywhere(self) -> Order:
        """Return the order as any process of any machine must be given it to read the same."""
        order = self.order
        out = None if order.out is None else order.out.absolute()
        names = self.predictor.runtimes  # another processor would choose another
        return replace(
            order,
            bundle=order.bundle.absolute(),
            out=out,
            runtime=cast("tuple[RuntimeName, ...]", names) if self.predictor.bundle else None,
        )

    def _megabytes(self) -> int:
        bundle = self.predictor.bundle
        folder = bundle.folder if bundle else self.order.bundle
        return sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) >> 20

    def _failed(self, task: Pending, reason: str) -> Outcome:
        patient = task.folder if self.order.by_folder else ""
        told = Reason(f"serving.{reason}")
        return _not_read(task.source.name, told, patient, self.predictor.digest)

    def _patients(self) -> Iterator[PatientReading]:
        for patient, means in self._journal.patients():
            files, read, total = 0, 0, np.zeros(len(self.predictor.classes))
            for mean in means:
                files += 1
                if mean is not None:
                    read, total = read + 1, total + mean
            yield self.predictor.sum_up(patient, files, read, total / read if read else None)


def _parsed(line: str) -> Reading:
    kind = ImageReading if line.startswith(_IMAGE) else PatientReading
    return kind.model_validate_json(line)


class _Work:
    """Reads one file whole: what a process does."""

    def __init__(self, order: Order, predictor: Predictor) -> None:
        self._order, self._predictor = order, predictor

    def __call__(self, task: Pending) -> Outcome:
        source, patient = task.source, task.folder if self._order.by_folder else ""
        try:
            content = source.read()
        except DataError as error:
            reason = Reason(error.key, dict(error.values))  # type: ignore[arg-type]
            return _not_read(source.name, reason, patient, self._predictor.digest)
        read = self._predictor.read_bytes(content, source.name)
        patient = patient or read[0].reading.patient
        mean = self._predictor.mean_of(read)
        readings = [self._finished(one, patient) for one in read]
        if read[0].reading.frames > 1:
            loop = self._predictor.read_patient(source.name, read, kind="loop")
            readings.append(loop.model_dump_json())
        return Outcome(tuple(readings), patient, None if mean is None else tuple(mean.tolist()))

    def _finished(self, read: FrameReading, patient: str) -> str:
        changes: dict[str, str] = {"patient": patient}
        order = self._order
        if order.out is not None and order.heat_maps and read.seen and not read.reading.refusal:
            name = f"{HEAT_MAPS}/{file_name(read.reading)}"
            write_picture(order.out / name, read.reading, read.seen)
            changes["heat_map"] = name
        return read.reading.model_copy(update=changes).model_dump_json()


def _ready(order: Order) -> _Work:
    return _Work(order, order.predictor(order.threads))


def _attempt(work: _Work, task: Pending) -> Outcome:
    try:
        return work(task)
    except MetrascopeError:
        raise  # about all files, as a full disk
    except Exception:  # a bug, which must not cost the other files; the traceback is kept
        traceback.print_exc()
        patient = task.folder if work._order.by_folder else ""
        reason = Reason("serving.bug")
        return _not_read(task.source.name, reason, patient, work._predictor.digest)


def _not_read(name: str, reason: Reason, patient: str, bundle: str) -> Outcome:
    said = Said(key=reason.key, text=reason.text())
    reading = ImageReading(file=name, patient=patient, refusal=said, seconds=0, bundle=bundle)
    return Outcome((reading.model_dump_json(),), patient, None)


def _share_out(order: Order) -> ShareOut:
    needed = [order.bundle, *order.inputs, *([order.out / NAME] if order.out else [])]
    return create_share_out(
        order.engine,
        jobs=order.jobs,
        address=order.address,
        needed=[path.absolute() for path in needed],
    )


def _check_out(out: Path, inputs: Sequence[Path]) -> None:
    """Refuse a folder of originals or of something else, before anything is written."""
    for path in inputs:
        if path.resolve() in (out.resolve(), *out.resolve().parents):
            raise DataError("serving.out_in_input", path=out, source=path)
    try:
        foreign = out.exists() and not (out / NAME).exists() and any(out.iterdir())
    except OSError as error:
        raise cannot_write(out, error) from error
    if foreign:
        raise DataError("serving.foreign_folder", path=out, journal=NAME)
