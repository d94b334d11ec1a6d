"""The files of images in a data set: which are ingest's own, which are missing, which may go."""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from metrascope.errors import DataError
from metrascope.files.atomic import remove_leftovers, sha256
from metrascope.ingest.journal import WRITTEN, Record
from metrascope.screen.picture import read_grey

_FOLDERS: Final = {"images": ".png", "sectors": ".png", "dicom": ".dcm"}
_NAMES: Final = ("image", "sector", "mask")
_OURS: Final = re.compile(r"I[0-9A-Z]{12}\.(?:png|dcm)")
# Digits of a SHA-256 that tell images of a data set apart: 64 bits.
_HASHED: Final = 16
_TIME: Final = 946_684_800.0
"""Time of change of every image: the first second of 2000, as good as any that says nothing."""


def image_names(records: Iterable[Record]) -> set[str]:
    """Return the images, as in the manifest, that came of files."""
    return {image["image"] for record in records for image in record.images}


def image_paths(out: Path, image: str) -> Iterator[Path]:
    """Yield the files that ingest may have written for an image."""
    for folder, ending in _FOLDERS.items():
        yield out / folder / f"{Path(image).stem}{ending}"


def remove_images(out: Path, images: Iterable[str]) -> None:
    """Remove the files of images that ingest has made, and what a killed run left unfinished.

    Nothing else in these folders is touched: a person keeps masks and notes there.
    """
    for image in images:
        for path in image_paths(out, image):
            path.unlink(missing_ok=True)
    for folder in _FOLDERS:
        remove_leftovers(out / folder)


def set_one_time(out: Path, images: Iterable[str]) -> None:
    """Give the files of all images one time of change.

    Their own keep the order of the original names, which a ward's sorted list of patients undoes.
    """
    for image in images:
        for path in image_paths(out, image):
            try:
                if path.stat().st_mtime != _TIME:
                    os.utime(path, (_TIME, _TIME))
            except FileNotFoundError:
                continue  # no clean DICOM is kept, or the file is missing, which is said


def file_stamp(content: bytes) -> str:
    """Return what a file that was written is known by later: its size and a hash."""
    return f"{len(content)} {hashlib.sha256(content).hexdigest()[:_HASHED]}"


def changed_images(out: Path, images: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the images of which a file is not what was written: damaged, or another picture's.

    A file of the size that it should have and of `set_one_time`'s time is believed; only others
    are read. What is not there is for `missing_files`.

    Parameters
    ----------
    out
        The data set.
    images
        As they stand in the journal.
    """
    return {
        str(image["image"])
        for image in images
        for path, stamp in _stamped(out, image)
        if _is_changed(path, stamp)
    }


def retouched_images(
    out: Path, images: Iterable[Mapping[str, Any]], changed: Collection[str]
) -> dict[str, str]:
    """Return the images that a person has changed, a name blackened for one, and their SHA-256.

    Such a file is a whole picture of the size of its scan sector, and none of the other images.

    Parameters
    ----------
    out
        The data set.
    images
        As they stand in the journal.
    changed
        From `changed_images`.
    """
    listed = list(images) if changed else []
    written = {
        stamp.partition(" ")[2][:_HASHED] for image in listed for _, stamp in _stamped(out, image)
    }
    found = {}
    for image in listed:
        wrong = [path for path, stamp in _stamped(out, image) if _is_changed(path, stamp)]
        path = out / str(image["image"])
        if image["image"] not in changed or wrong != [path]:
            continue
        digest = sha256(path)
        if digest[:_HASHED] not in written and _fits_its_sector(out, image):
            found[str(image["image"])] = digest
    return found


def _fits_its_sector(out: Path, image: Mapping[str, Any]) -> bool:
    try:
        picture, sector = (read_grey(out / str(image[name]), 0) for name in ("image", "sector"))
    except DataError:
        return False
    return picture.shape == sector.shape and picture.min() < picture.max()


def _stamped(out: Path, image: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield each file of an image with what it is known by; of 0.1.0 only a hash is kept."""
    stamps: Mapping[str, str] = image.get(WRITTEN) or {"images": f" {image.get('sha256', '')}"}
    for folder, stamp in stamps.items():
        yield out / folder / f"{Path(str(image['image'])).stem}{_FOLDERS[folder]}", stamp


def _is_changed(path: Path, stamp: str) -> bool:
    size, _, digest = stamp.partition(" ")
    try:
        info = path.stat()
        if size and info.st_size != int(size):
            return True
        if not digest or (size and info.st_mtime == _TIME):
            return False
        return sha256(path)[:_HASHED] != digest[:_HASHED]
    except FileNotFoundError:
        return False


def missing_files(out: Path, rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """Return the files that rows of the manifest name and that are not there."""
    named = {str(row[name]): None for row in rows for name in _NAMES if row.get(name)}
    return tuple(name for name in named if not (out / name).is_file())


def unnamed_files(out: Path, images: Collection[str]) -> tuple[str, ...]:
    """Return files that are called as ingest calls its images and belong to none of these."""
    stems = {Path(image).stem for image in images}
    found = (path for folder in _FOLDERS for path in (out / folder).glob("I*.*"))
    return tuple(
        sorted(
            path.relative_to(out).as_posix()
            for path in found
            if _OURS.fullmatch(path.name) and path.stem not in stems
        )
    )
