"""Write a phantom data set: images, lesion masks, sector masks, manifest.

A data set can be killed and started again: its settings are written first, every file is
renamed into place, the manifest comes last.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from metrascope.dataset.manifest import write_manifest
from metrascope.errors import DataError, SettingsError
from metrascope.files.atomic import is_unused, remove_leftovers, write_bytes, write_json
from metrascope.files.png_file import encode_png
from metrascope.phantom.anatomy import LABELS
from metrascope.phantom.render import draw_case, render_phantom, sector
from metrascope.phantom.scanners import SCANNERS, find_scanner
from metrascope.processes.capacity import checked_jobs
from metrascope.processes.files import map_in_order

# The study's patients (paper, Data).
PAPER_COUNTS: Final = {"normal": 422, "fibroid": 238, "polyp": 631}
_MARKER: Final = "phantom.json"
_FORMAT: Final = 1
_FOLDERS: Final = ("images", "masks", "sectors")


@dataclass(frozen=True)
class _Settings:
    """All that the pixels of a data set depend on."""

    format: int
    patients: int
    seed: int
    scanners: tuple[str, ...]
    size: int
    counts: tuple[int, ...]
    difficulty: float


@dataclass(frozen=True)
class _Patient:
    index: int
    label: str
    scanner: str

    @property
    def name(self) -> str:
        return f"P{self.index + 1:05d}"


def write_phantom(
    out: Path | str,
    *,
    patients: int,
    seed: int,
    scanners: Sequence[str] = tuple(SCANNERS),
    size: int = 512,
    prevalence: Mapping[str, float] | None = None,
    difficulty: float = 0.5,
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
) -> Path:
    """Write a phantom data set and return the path of its manifest.

    Parameters
    ----------
    out
        A new or empty folder, or one in which the same call was stopped: finished patients
        are kept.
    patients, seed
        Number of patients (one image each) and seed. The same arguments give the same bytes.
    scanners
        Short names of presets; patients of every class are shared out evenly among them.
    size
        Pixels along each side, 128 to 2048.
    prevalence
        Weight of each class; by default the study's 422 normal, 238 fibroid and 631 polyp.
        Counts are apportioned by the largest remainder.
    difficulty
        0 easy to 1 hard: moves contrast and size of lesions, and the mimics.
    progress
        Called with patients done and patients in all.
    jobs
        Processes to use. The result does not depend on it.

    Raises
    ------
    SettingsError
        If an argument is out of range.
    DataError
        If the folder holds something else, or a phantom made with other settings.
    """
    out = Path(out)
    checked_jobs(jobs)
    settings = _check_settings(patients, seed, scanners, size, prevalence, difficulty)
    _claim(out, settings)
    people = _roster(settings)
    rows: list[dict[str, object]] = []
    work, begin = partial(_write_patient, out, settings), partial(cv2.setNumThreads, 1)
    for row in map_in_order(work, people, jobs=jobs, begin=begin):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(people))
    manifest = out / "manifest.csv"
    write_manifest(pd.DataFrame(rows), manifest)
    return manifest


def patients_per_class(patients: int, prevalence: Mapping[str, float]) -> dict[str, int]:
    """Share patients out among the classes by the largest remainder (Hamilton's method).

    Parameters
    ----------
    patients
        Patients in all; the counts add up to it.
    prevalence
        Weight of each class, not all 0.
    """
    total = math.fsum(prevalence.values())
    quotas = {label: patients * weight / total for label, weight in prevalence.items()}
    counts = {label: math.floor(quota) for label, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda label: counts[label] - quotas[label])
    for label in by_remainder[: patients - sum(counts.values())]:
        counts[label] += 1
    return counts


def _check_settings(
    patients: int,
    seed: int,
    scanners: Sequence[str],
    size: int,
    prevalence: Mapping[str, float] | None,
    difficulty: float,
) -> _Settings:
    _need("patients", patients, 1 <= patients <= 99999, "1…99999")
    _need("seed", seed, seed >= 0, "≥ 0")
    _need("size", size, 128 <= size <= 2048, "128…2048")
    _need("difficulty", difficulty, 0 <= difficulty <= 1, "0…1")
    if not scanners:
        raise SettingsError("phantom.no_scanner", known=", ".join(SCANNERS))
    for number, name in enumerate(scanners):
        find_scanner(name)
        if name in scanners[:number]:
            raise SettingsError("phantom.repeated_scanner", name=name)
    weights = _weights(PAPER_COUNTS if prevalence is None else prevalence)
    counts = tuple(patients_per_class(patients, weights).values())
    return _Settings(_FORMAT, patients, seed, tuple(scanners), size, counts, float(difficulty))


def _need(name: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise SettingsError("phantom.bad_number", name=name, value=value, expected=expected)


def _weights(prevalence: Mapping[str, float]) -> dict[str, float]:
    """Return the weight of every class in the order of ``LABELS``, 0 where none was given."""
    for label in prevalence:
        if label not in LABELS:
            raise SettingsError("phantom.unknown_label", name=label, known=", ".join(LABELS))
    weights = {label: float(prevalence.get(label, 0)) for label in LABELS}
    fine = all(math.isfinite(weight) and weight >= 0 for weight in weights.values())
    if not fine or sum(weights.values()) <= 0:
        raise SettingsError("phantom.bad_prevalence", given=dict(prevalence))
    return weights


def _option(name: str) -> str:
    """Return the option of the command that a setting comes from."""
    return {"format": "metrascope", "counts": "--prevalence"}.get(name, f"--{name}")


def _claim(out: Path, settings: _Settings) -> None:
    """Make the folder ours: write the settings, or check that those there are the same."""
    marker = out / _MARKER
    wanted = json.loads(json.dumps(asdict(settings)))
    if marker.exists():
        recorded = _read_marker(marker)
        names = [name for name, value in wanted.items() if recorded.get(name) != value]
        if names:
            raise DataError(
                "phantom.other_settings", path=out, names=", ".join(map(_option, names))
            )
    elif not is_unused(out):
        raise DataError("phantom.foreign_folder", path=out)
    else:
        write_json(marker, wanted)
    for folder in _FOLDERS:
        (out / folder).mkdir(exist_ok=True)
        remove_leftovers(out / folder)


def _read_marker(marker: Path) -> dict[str, object]:
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError("phantom.bad_marker", path=marker) from error
    if not isinstance(content, dict):
        raise DataError("phantom.bad_marker", path=marker)
    return content


def _roster(settings: _Settings) -> list[_Patient]:
    """Return all patients: classes in a shuffled order, each spread evenly over the scanners."""
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(1,)))
    labels = np.repeat(LABELS, settings.counts)
    machines = np.resize(rng.permutation(settings.scanners), settings.patients)
    order = rng.permutation(settings.patients)
    return [
        _Patient(index, str(labels[place]), str(machines[place]))
        for index, place in enumerate(order)
    ]


def _write_patient(out: Path, settings: _Settings, patient: _Patient) -> dict[str, object]:
    """Write the files of a patient that are not there yet, the image last; return its row."""
    case = draw_case(
        patient.label,
        patient.scanner,
        seed=settings.seed,
        index=patient.index,
        difficulty=settings.difficulty,
    )
    lesion = case.anatomy.lesion
    paths = {folder: f"{folder}/{patient.name}.png" for folder in _FOLDERS}
    if (out / paths["images"]).exists():
        fan = sector(case, settings.size)
    else:
        still = render_phantom(case, settings.size)
        fan = still.sector
        if still.mask is not None:
            write_bytes(out / paths["masks"], encode_png(still.mask))
        write_bytes(out / paths["sectors"], encode_png(fan))
        write_bytes(out / paths["images"], encode_png(still.image))
    left, top, width, height = cv2.boundingRect(fan)
    return {
        "image": paths["images"],
        "patient_id": patient.name,
        "label": patient.label,
        "mask": "" if lesion is None else paths["masks"],
        "sector": paths["sectors"],
        "scanner": case.scanner.name,
        "centre": "phantom",
        "age": case.age,
        "plane": case.anatomy.uterus.plane,
        "roi": f"{left},{top},{width},{height}",
        "source": "Metrascope phantom",
        "lesion_mm": "" if lesion is None else f"{lesion.diameter_mm:.1f}",
    }
