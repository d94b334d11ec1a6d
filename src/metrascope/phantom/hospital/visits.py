"""The files of one visit, and the truth about each."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from metrascope.files.atomic import write_bytes
from metrascope.phantom.hospital.dicom_header import note_names
from metrascope.phantom.hospital.disc import Filed, write_dicomdir
from metrascope.phantom.hospital.identities import Visit
from metrascope.phantom.hospital.label_tables import member
from metrascope.phantom.hospital.loops import draw_loop
from metrascope.phantom.hospital.objects import make_image, make_other
from metrascope.phantom.hospital.picture_files import make_jpeg, make_png
from metrascope.phantom.hospital.plan import Wish, export_name, folder_style, plan_visit, safe
from metrascope.phantom.hospital.planted import Ledger, Planted
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.shot import Screenshot
from metrascope.phantom.hospital.truth import shrink, truth_of_shot
from metrascope.phantom.render import draw_case

_Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One visit to export.

    Parameters
    ----------
    out
        Folder of the export.
    seed
        Seed of the whole export.
    size
        Height of the screens, or None for each scanner's own.
    visit, label, scanner
        Patient and date, class, and short name of the machine.
    """

    out: Path
    seed: int
    size: int | None
    visit: Visit
    label: str
    scanner: str


@dataclass(frozen=True)
class _NewFile:
    """One file before it has a name."""

    suffix: str
    content: bytes
    row: _Row
    planted: tuple[Planted, ...]


def write_visit(job: Job, rng: np.random.Generator) -> list[_Row]:
    """Write the files of a visit as its department keeps them; return a row of truth for each.

    Parameters
    ----------
    job
        The visit.
    rng
        Source of all choices.
    """
    files: list[_NewFile] = []
    for number, wish in enumerate(plan_visit(job.visit, rng)):
        files += _make(job, wish, number, rng)
    visit, style = job.visit, folder_style(job.visit)
    names = [export_name(visit, style, number, one.suffix) for number, one in enumerate(files)]
    members = [""] * len(files)
    if style == "zip":
        members = [f"IMG/{n:04d}{one.suffix if n % 2 else ''}" for n, one in enumerate(files)]
        _write_zip(job.out / "exports" / names[0], members, files, visit)
    else:
        for name, one in zip(names, files, strict=True):
            write_bytes(job.out / "exports" / name, one.content)
    if style == "disc":
        _write_directory(job.out / "exports", visit, names, files)
    return [
        {"file": name, "member": inner, **one.row, "planted": _noted(one, visit, name)}
        for name, inner, one in zip(names, members, files, strict=True)
    ]


def _make(job: Job, wish: Wish, number: int, rng: np.random.Generator) -> list[_NewFile]:
    """Make the file of one picture, or two that show the same."""
    if wish.other:
        return [_make_other(job, wish, number, rng)]
    shots = _draw(job, wish, number, rng)
    name = f"{job.visit.patient.index:05d}-{job.visit.number}-{number}"
    shared = _about(job, len(shots)) | truth_of_shot(shots[0], name, job.out / "truth")
    suffixes = {"png": (".png",), "jpeg": (".jpg",), "both": (".dcm", ".png")}
    return [
        _make_file(suffix, job, wish, shots, shared, number, rng)
        for suffix in suffixes.get(wish.container, (".dcm",))
    ]


def _make_file(
    suffix: str,
    job: Job,
    wish: Wish,
    shots: Sequence[Screenshot],
    shared: _Row,
    number: int,
    rng: np.random.Generator,
) -> _NewFile:
    ledger = Ledger(rng)
    for mark in shots[0].marks:
        if mark.identifying and mark.text:
            ledger.note("screen", mark.text, "pixels")
    if suffix != ".dcm":
        write = make_png if suffix == ".png" else make_jpeg
        content = write(shots[0].image, job.visit, ledger)
        return _NewFile(suffix, content, shared, tuple(ledger.planted))
    frames = np.stack([shot.image for shot in shots])
    content = make_image(shots[0], frames, wish, job.visit, ledger, number + 1)
    stored = {
        "syntax": str(wish.coding.syntax),
        "photometric": wish.coding.header,
        "coding": wish.coding.name,
        "regions": wish.regions if shots[0].regions else "absent",
        "style": wish.style,
    }
    return _NewFile(suffix, content, shared | stored, tuple(ledger.planted))


def _make_other(job: Job, wish: Wish, number: int, rng: np.random.Generator) -> _NewFile:
    ledger = Ledger(rng)
    content = make_other(wish.other, job.visit, ledger, number + 1)
    row = _about(job, 0) | {"kind": wish.other, "usable": False, "reason": "modality"}
    return _NewFile(".dcm", content, row, tuple(ledger.planted))


def _about(job: Job, frames: int) -> _Row:
    visit = job.visit
    facts: _Row = {
        "patient": visit.patient.index,
        "visit": visit.number,
        "accession": visit.accession,
        "label": job.label,
        "scanner": job.scanner,
        "layout": job.scanner,
        "frames": frames,
        "age": visit.age,
        "centre": visit.centre_code,
    }
    unknown = ("syntax", "photometric", "coding", "regions", "style", "sector", "glyphs", "ink")
    return facts | dict.fromkeys(unknown, "")


def _draw(job: Job, wish: Wish, number: int, rng: np.random.Generator) -> tuple[Screenshot, ...]:
    visit = job.visit
    index = (visit.patient.index * 2 + visit.number) * 16 + number
    case = draw_case(job.label, job.scanner, seed=job.seed, index=index)
    kind, view = wish.kind, wish.view
    shots: tuple[Screenshot, ...]
    if wish.frames > 1:
        shots = draw_loop(case, job.scanner, visit, rng, frames=wish.frames, kind=kind, view=view)
    else:
        shots = (draw_screen(case, job.scanner, visit, rng, kind=kind, view=view),)
    return shots if job.size is None else tuple(shrink(shot, job.size) for shot in shots)


def _write_zip(path: Path, members: Sequence[str], files: Sequence[_NewFile], visit: Visit) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, one in zip(members, files, strict=True):
            archive.writestr(member(name, visit.exam_time), one.content, compresslevel=1)
    write_bytes(path, buffer.getvalue())


def _write_directory(
    exports: Path, visit: Visit, names: Sequence[str], files: Sequence[_NewFile]
) -> None:
    """Write DICOMDIR of a disc; on every other disc it does not know the last file."""
    disc = names[0].split("/")[0]
    listed = [
        Filed(
            name.removeprefix(f"{disc}/"),
            next(note.text for note in one.planted if note.where == "SOPInstanceUID"),
            one.row["frames"],
        )
        for name, one in zip(names, files, strict=True)
        if one.suffix == ".dcm"
    ]
    write_dicomdir(exports / disc, visit, listed[:-1] if visit.patient.index % 2 else listed)


def _noted(one: _NewFile, visit: Visit, name: str) -> list[Planted]:
    """Return what is planted in a file and in its path, each once."""
    ledger = Ledger(np.random.default_rng(0), list(one.planted))
    for number in (visit.accession, visit.patient_id):
        if number in name:
            ledger.note("id", number, "file name")
    if safe(visit.latin_name).replace(" ", "_") in name or safe(visit.local_name) in name:
        note_names(visit, ledger, "file name")
    return list(dict.fromkeys(ledger.planted))
