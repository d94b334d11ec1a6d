"""Write what a department's export folder looks like, and the truth beside it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from metrascope.errors import DataError, SettingsError
from metrascope.files.atomic import is_unused, remove_leftovers, write_json
from metrascope.phantom.hospital.identities import Patient, Visit, invent_patients, invent_visits
from metrascope.phantom.hospital.label_tables import write_labels
from metrascope.phantom.hospital.truth import write_rows
from metrascope.phantom.hospital.visits import Job, write_visit
from metrascope.phantom.phantom import PAPER_COUNTS, patients_per_class
from metrascope.phantom.scanners import SCANNERS, find_scanner
from metrascope.processes.capacity import checked_jobs
from metrascope.processes.files import map_in_order

TRUTH: Final = "truth/truth.jsonl"
_MARKER: Final = "truth/export.json"


@dataclass(frozen=True)
class _Settings:
    seed: int
    patients: int
    scanners: tuple[str, ...]
    size: int | None


def write_export(
    out: Path,
    *,
    patients: int,
    seed: int,
    scanners: Sequence[str] = tuple(SCANNERS),
    size: int | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write an export of invented patients and return the path of its truth.

    Below ``out`` there are ``exports/`` (what scanners and people wrote), ``labels.csv`` and
    ``labels.xlsx`` (the same pathology results) and ``truth/``.

    Parameters
    ----------
    out
        A new or empty folder, or one in which the same call was stopped.
    patients, seed
        Number of patients (about two files each) and seed. The same arguments give the same
        bytes.
    scanners
        Short names of presets.
    size
        Height of all screens in pixels, 96 to 2048; by default what each scanner has.
    jobs
        Processes to use. The result does not depend on it.
    progress
        Called with patients done and patients in all.

    Raises
    ------
    SettingsError
        If an argument is out of range.
    DataError
        If the folder holds something else, or exports made with other settings.
    """
    checked_jobs(jobs)
    settings = _checked(patients, seed, scanners, size)
    _claim(out, settings)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    people = invent_patients(patients, rng)
    labels = _labels(patients, rng)
    work, begin = partial(_write_patient, out, settings), partial(cv2.setNumThreads, 1)
    pairs = list(zip(people, labels, strict=True))
    rows: list[dict[str, Any]] = []
    for done, found in enumerate(map_in_order(work, pairs, jobs=jobs, begin=begin)):
        rows += found
        if progress is not None:
            progress(done + 1, patients)
    visits = [(visit, label) for patient, label in pairs for visit in _visits(settings, patient)]
    write_labels(visits, out, rng)
    write_rows(rows, out / TRUTH)
    return out / TRUTH


def _checked(patients: int, seed: int, scanners: Sequence[str], size: int | None) -> _Settings:
    for name, value, fine, expected in (
        ("patients", patients, 1 <= patients <= 99999, "1…99999"),
        ("seed", seed, seed >= 0, "≥ 0"),
        ("size", size, size is None or 96 <= size <= 2048, "96…2048"),
    ):
        if not fine:
            raise SettingsError("phantom.bad_number", name=name, value=value, expected=expected)
    if not scanners:
        raise SettingsError("phantom.no_scanner", known=", ".join(SCANNERS))
    return _Settings(
        seed, patients, tuple(find_scanner(name).short_name for name in scanners), size
    )


def _claim(out: Path, settings: _Settings) -> None:
    """Make the folder ours: write the settings, or check that those there are the same."""
    marker = out / _MARKER
    wanted = json.loads(json.dumps(asdict(settings)))
    if marker.exists():
        try:
            known = json.loads(marker.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError("export.foreign_folder", path=out) from error
        if known != wanted:
            raise DataError("export.foreign_folder", path=out)
    elif not is_unused(out) and not _only_begun(out):
        raise DataError("export.foreign_folder", path=out)
    write_json(marker, wanted)
    for path in out.rglob("*"):
        if path.is_dir():
            remove_leftovers(path)


def _only_begun(out: Path) -> bool:
    """Tell whether a call was stopped before it had written its settings."""
    return (
        out.is_dir()
        and all(path == out / "truth" for path in out.iterdir())
        and is_unused(out / "truth")
    )


def _labels(patients: int, rng: np.random.Generator) -> list[str]:
    counts = patients_per_class(patients, PAPER_COUNTS)
    ordered = [label for label, count in counts.items() for _ in range(count)]
    return [ordered[int(place)] for place in rng.permutation(patients)]


def _rng(settings: _Settings, patient: Patient, purpose: int) -> np.random.Generator:
    source = np.random.SeedSequence(settings.seed, spawn_key=(3, patient.index, purpose))
    return np.random.default_rng(source)


def _visits(settings: _Settings, patient: Patient) -> tuple[Visit, ...]:
    rng = _rng(settings, patient, 0)
    scanner = settings.scanners[patient.index % len(settings.scanners)]
    return invent_visits(patient, 2 if rng.random() < 0.2 else 1, scanner, rng)


def _write_patient(
    out: Path, settings: _Settings, labelled: tuple[Patient, str]
) -> list[dict[str, Any]]:
    patient, label = labelled
    rng = _rng(settings, patient, 1)
    scanner = settings.scanners[patient.index % len(settings.scanners)]
    rows: list[dict[str, Any]] = []
    for visit in _visits(settings, patient):
        job = Job(out, settings.seed, settings.size, visit, label, scanner)
        rows += write_visit(job, rng)
    return rows
