"""Take in one file: whose it is, its clean stills written under pseudonyms, and a record."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from pydicom import Dataset

from metrascope.dicom.clean import clean_dataset, write_clean
from metrascope.dicom.frames import Cine
from metrascope.dicom.keep_list import kept_columns, read_identifiers, study_day
from metrascope.errors import DataError
from metrascope.files.atomic import write_bytes
from metrascope.files.png_file import encode_png
from metrascope.ingest.identity import IdentifiedPatient, identify_patient
from metrascope.ingest.image_files import file_stamp
from metrascope.ingest.journal import MARK_BOXES, ORIGIN, WRITTEN, Record, Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.labels import Keys, LabelRow, Labels
from metrascope.messages import Reason
from metrascope.screen.exam import make_stills, open_exam, open_header
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill, Verify
from metrascope.sources.search import Source

# One filter for all rows, where OpenCV lets choose: trying all took twice as long for 11 % fewer
# bytes.
_FILTER: Final = getattr(cv2, "IMWRITE_PNG_FILTER", None)
OF_IMAGES: Final = () if _FILTER is None else (_FILTER, cv2.IMWRITE_PNG_FILTER_AVG)
OF_MASKS: Final = () if _FILTER is None else (_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)


@dataclass(frozen=True)
class IngestJob:
    """What is the same for all files of an ingest."""

    out: Path
    settings: IngestSettings
    labels: Labels
    pseudonyms: Pseudonyms
    verify: Verify | None = None


def start_ingest_worker(intake: IngestJob) -> Callable[[Source], Record]:
    """Get a working process ready: what is slow to load is loaded once.

    It stands here so that such a process loads nothing but what it takes files in with.
    """
    cv2.setNumThreads(1)
    if not intake.settings.verify:
        return partial(ingest_file, intake)
    from metrascope.screen.text import verify

    return partial(ingest_file, replace(intake, verify=verify))


def ingest_file(intake: IngestJob, source: Source) -> Record:
    """Make clean stills of a file and write them; return what became of it.

    Nothing that the file holds raises: what cannot be used is a rejection.

    Raises
    ------
    StudyError
        If the data set cannot be written.
    """
    record = Record(source.name, source.state, "dicom" if source.kind == "dicom" else "picture")
    try:
        content = source.read()
        digest = hashlib.sha256(content).hexdigest()
        ds = open_header(content)
        record = replace(record, sha256=digest, **_described(source, ds))
        matched = match(intake.labels, record.keys)
        if isinstance(matched, Reason):
            return replace(record, rejections=(_rejection(matched),))
        record = replace(record, row=matched.values)
        exam = open_exam(content, ds)
        record = replace(record, frames=exam.cine.count)
    except DataError as error:
        return replace(record, rejections=(_rejection(error.reason),))
    images, rejections = [], _lost_frames(exam.cine)
    person = identify_patient(record, matched.values)
    settings = intake.settings
    frames = exam.best_frames(settings.frame_count)
    for frame, panel, result in make_stills(exam, frames, settings, intake.verify):
        if isinstance(result, Reason):
            rejections.append(_rejection(result, frame))
        else:
            name = intake.pseudonyms.image(f"{digest} {frame} {panel}")
            files = _write(intake, name, result, ds, person)
            row = _row(intake, name, frame, result, record, ds, person)
            stamps = {folder: file_stamp(content) for folder, content in files.items()}
            digest_of_image = hashlib.sha256(files["images"]).hexdigest()
            images.append(row | {"sha256": digest_of_image, WRITTEN: stamps})
    return replace(record, images=tuple(images), rejections=tuple(rejections))


def _lost_frames(cine: Cine) -> list[Rejection]:
    """Say that frames of a loop are missing, by the number of the first: the rest is read."""
    if cine.claimed <= cine.count:
        return []
    values: dict[str, Any] = {"found": cine.count, "claimed": cine.claimed}
    return [Rejection("ingest.frames_missing", values, cine.count)]


def match(labels: Labels, keys: Mapping[str, str]) -> LabelRow | Reason:
    """Return the row of the labels for the identifiers of a file, or why there is none."""
    return labels.match(Keys(**keys))


def _described(source: Source, ds: Dataset | None) -> dict[str, Any]:
    keys = {"file_name": source.name}
    if ds is None:
        return {"keys": keys}
    found = read_identifiers(ds)
    roles = ("patient_id", "accession", "study_uid", "sop_uid", "name", "birth_date")
    keys |= {role: found[role] for role in roles if found.get(role)}
    return {"keys": keys, "scanner": kept_columns(ds)["scanner"]}


def _write(
    intake: IngestJob, name: str, still: CleanStill, ds: Dataset | None, person: IdentifiedPatient
) -> dict[str, bytes]:
    """Write the files of a still and return what they hold, by folder."""
    image = encode_png(still.grey, OF_IMAGES)
    mask = encode_png(still.sector.astype(np.uint8) * 255, OF_MASKS)
    write_bytes(intake.out / "sectors" / f"{name}.png", mask)
    write_bytes(intake.out / "images" / f"{name}.png", image)
    if intake.settings.keep_dicom and ds is not None:
        clean = clean_dataset(
            ds,
            still.grey[None],
            intake.pseudonyms,
            patient_id=person.patient_id,
            image=name,
            mm_per_pixel=still.mm_per_pixel,
            verified=bool(still.checked),
        )
        path = intake.out / "dicom" / f"{name}.dcm"
        write_clean(clean, path)
        return {"images": image, "sectors": mask, "dicom": path.read_bytes()}
    return {"images": image, "sectors": mask}


def written_files(intake: IngestJob, record: Record) -> Iterator[Path]:
    """Yield the files that `ingest_file` has written of a source."""
    for image in record.images:
        yield intake.out / image["image"]
        yield intake.out / image["sector"]
        if intake.settings.keep_dicom and record.kind == "dicom":
            yield intake.out / "dicom" / f"{Path(image['image']).stem}.dcm"


def _row(
    intake: IngestJob,
    name: str,
    frame: int,
    still: CleanStill,
    record: Record,
    ds: Dataset | None,
    person: IdentifiedPatient,
) -> dict[str, Any]:
    """Return the image's row of the manifest, without what the labels say."""
    pseudonyms = intake.pseudonyms
    height, width = still.grey.shape
    header = {} if ds is None else kept_columns(ds, pseudonyms.scanner)
    return {
        "image": f"images/{name}.png",
        "patient_id": pseudonyms.patient(person.patient_id),
        "sector": f"sectors/{name}.png",
        "scanner": header.get("scanner", ""),
        "age": header.get("age", ""),
        "roi": f"0,0,{width},{height}",
        "source": pseudonyms.source(record.sha256),
        "study_id": pseudonyms.study(person.study),
        "study_date": _moved_date(ds, pseudonyms.shift_days(person.patient_id)),
        "frame": str(frame + 1) if record.frames > 1 else "",
        "shape": still.kind,
        "outline": _outline(still),
        "mm_per_pixel": _millimeters(still.mm_per_pixel),
        "marks": _marks(still),
        ORIGIN: list(still.origin),
        MARK_BOXES: [[mark.kind, *mark.box] for mark in still.marks],
        "text_check": still.checked,
        "probe": header.get("probe", ""),
        "depth_mm": header.get("depth_mm", ""),
    }


def _outline(still: CleanStill) -> str:
    """Return the sector's outline to within a pixel, as in ``12,0 300,40 290,200``."""
    points = np.array(still.outline, dtype=np.int32).reshape(-1, 1, 2)
    few = cv2.approxPolyDP(points, 1.0, closed=True) if len(points) > 2 else points
    return " ".join(f"{x},{y}" for x, y in few.reshape(-1, 2).tolist())


def _marks(still: CleanStill) -> str:
    """Return what is burned in, as in ``caliper:4 text:2``; ``none`` where nothing is."""
    kinds = [mark.kind for mark in still.marks]
    return " ".join(f"{kind}:{kinds.count(kind)}" for kind in sorted(set(kinds))) or "none"


def _moved_date(ds: Dataset | None, days: int) -> str:
    day = None if ds is None else study_day(ds)
    return "" if day is None else (day + timedelta(days=days)).isoformat()


def _millimeters(size: tuple[float, float] | None) -> str:
    return "" if size is None else " ".join(f"{side:.5g}" for side in size)


def _rejection(reason: Reason, frame: int | None = None) -> Rejection:
    return Rejection(reason.key, reason.values, frame)
