"""Read whatever is in files and folders, however many, and go on where a kill stopped it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, Self, cast

from metrascope.errors import DataError, SettingsError
from metrascope.files.atomic import cannot_write, remove_leftovers
from metrascope.messages import Reason, language
from metrascope.predict.bundle import Bundle, is_bundle, open_bundle
from metrascope.predict.crops import FrameChoice
from metrascope.predict.inputs import InputFile, find_inputs, input_roots
from metrascope.predict.journal import NAME, FileOutcome, Pending, ReadingJournal, recorded_settings
from metrascope.predict.patient import Summary
from metrascope.predict.predictor import Predictor
from metrascope.predict.reading import ImageReading, PatientReading
from metrascope.predict.runtime import RuntimeName, installed
from metrascope.predict.task import HEAT_MAPS, FileWork, not_read
from metrascope.predict.unidentified import Unidentified
from metrascope.processes.capacity import available_cores
from metrascope.processes.deadline import within
from metrascope.processes.dispatch import EngineName, ShareOut, open_file_pool
from metrascope.sources.search import Skipped, Source

AnyReading = ImageReading | PatientReading
ProgressCallback = Callable[[int, int], None]

_FEW: Final = 8
"""Files that are read at once sooner than a process of its own has started."""
# Seconds of one file, and MiB of a process beside its networks. Chosen, not measured.
_SECONDS: Final = 600.0
_MEMORY_MB: Final = 4096
_IMAGE: Final = '{"kind":"image"'


@dataclass(frozen=True)
class PredictJob:
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
        What shares the work, where it is worth it; see
        `metrascope.processes.dispatch.open_file_pool`.
        A cluster is worth it always.
    """

    bundle: Path
    inputs: tuple[Path, ...]
    out: Path | None = None
    confidence: float | None = None
    frames: FrameChoice = "all"
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


class BatchPredictor:
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

    def __init__(self, order: PredictJob) -> None:
        if order.heat_maps and order.out is None:
            raise SettingsError("serving.heat_maps_out")
        self._roots = input_roots(order.inputs)
        if order.out is not None:
            _check_out(order.out, self._roots)
        if is_bundle(order.bundle):
            bundle = open_bundle(order.bundle)  # before a long look at a folder
            order = _as_begun(order, bundle)
        self._share_out = _share_out(order)
        found = find_inputs(self._roots)
        first = list(islice(found, _FEW + 1))
        if not first:
            raise DataError("serving.nothing", path=order.inputs[0])
        self.order = order
        self._apart = len(first) > _FEW or order.engine != "local"
        self.predictor = order.predictor(order.threads if self._apart else None)
        self._found: Iterable[InputFile] = chain(first, found)

    def __enter__(self) -> Self:
        self._journal = self._opened()
        return self

    def __exit__(self, *_: object) -> None:
        self._journal.close()

    def read(self, advance: ProgressCallback | None = None) -> Iterator[AnyReading]:
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
            for at, readings in journal.readings(place):
                yield from map(_parsed, readings)
                place = at + 1
        yield from self._patients()

    def results(self) -> Iterator[AnyReading]:
        """Yield all that has been read once more."""
        for _, readings in self._journal.readings():
            yield from map(_parsed, readings)
        yield from self._patients()

    @property
    def is_long(self) -> bool:
        """Whether there are so many files that progress is worth showing."""
        return self._apart

    def _opened(self) -> ReadingJournal:
        order = self.order
        fixed = {
            "bundle": self.predictor.digest or str(order.bundle.resolve()),
            "runtime": self.predictor.runtimes,
            "inputs": [os.fsencode(path.resolve()).hex() for path in self._roots],
            "confidence": order.confidence,
            "frames": order.frames,
            "by-folder": order.by_folder,
            "heatmaps": order.heat_maps,
            "lang": language(),
        }
        if order.out is None:
            return ReadingJournal(None, fixed)
        try:
            order.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(order.out, error) from error
        journal = ReadingJournal(order.out / NAME, fixed)
        for folder in (order.out, order.out / HEAT_MAPS):
            remove_leftovers(folder, alone=True)  # no other command has the journal
        return journal

    def _enter(self, place: int, item: Source | Skipped, folder: str) -> None:
        if isinstance(item, Source):
            known = self._journal.enter(place, item, folder)
            if known is None or known == item.name:
                return
            item = Skipped(item.name, Reason("serving.twice", {"file": known}))
        patient = folder if self.order.by_folder else ""
        outcome = not_read(item.name, item.reason, patient, self.predictor.digest)
        self._journal.enter_skipped(place, item.name, outcome)

    def _work(self) -> Iterator[tuple[int, int]]:
        done, all_ = self._journal.count()
        yield done, all_
        for pending, outcome in self._outcomes(self._journal.pending()):
            self._journal.keep(pending, outcome)
            done += 1
            yield done, all_

    def _outcomes(self, pending: Iterator[Pending]) -> Iterator[tuple[Pending, FileOutcome]]:
        if not self._apart:
            work = FileWork(self.order, self.predictor)
            for task in pending:
                yield task, _in_time(work, task)
            return
        from metrascope.processes.files import Failed

        shared = self._share_out(
            partial(FileWork, self._everywhere()),
            pending,
            seconds=_SECONDS,
            memory_mb=_MEMORY_MB + 4 * self._megabytes(),
        )
        with closing(shared):
            for task, outcome in shared:
                if isinstance(outcome, Failed):
                    outcome = self._failed(task, outcome.reason)
                yield task, outcome

    def _everywhere(self) -> PredictJob:
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

    def _failed(self, task: Pending, reason: str) -> FileOutcome:
        patient = task.folder if self.order.by_folder else ""
        told = Reason(f"serving.{reason}")
        return not_read(task.source.name, told, patient, self.predictor.digest)

    def _patients(self) -> Iterator[PatientReading]:
        by_folder = self.order.by_folder
        beside = Unidentified(self._journal.places)
        for person, patient, findings in self._journal.patients():
            summary = Summary(self.predictor.classes, self.predictor.confidence)
            for finding in findings:
                summary.add(finding)
            yield self.predictor.sum_up(
                summary, patient, warnings=beside.warnings(person), by_folder=by_folder
            )


def _parsed(line: str) -> AnyReading:
    kind = ImageReading if line.startswith(_IMAGE) else PatientReading
    return kind.model_validate_json(line)


def _as_begun(order: PredictJob, bundle: Bundle) -> PredictJob:
    """Go on with the runtimes that the results were begun with: another is a seventh digit away."""
    if order.out is None or order.runtime is not None:
        return order
    known = recorded_settings(order.out / NAME)
    names = known.get("runtime") if known.get("bundle") == bundle.sha256 else None
    members = len(bundle.description.members)
    if not isinstance(names, list) or len(names) != members or not set(names) <= set(installed()):
        return order
    return replace(order, runtime=tuple(names))


def _in_time(work: FileWork, task: Pending) -> FileOutcome:
    try:
        return within(_SECONDS, partial(work.attempt, task))
    except TimeoutError:
        return work.failure(task, Reason("serving.too_slow"))


def _share_out(order: PredictJob) -> ShareOut:
    needed = [order.bundle, *order.inputs, *([order.out / NAME] if order.out else [])]
    return open_file_pool(
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
