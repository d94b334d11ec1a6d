"""One image as the audit compares it: its hashes, its view, its quality, or why it has none."""

import hashlib
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.audit.pane import make_pane
from metrascope.audit.points import find_points
from metrascope.audit.quality import Quality, measure_quality
from metrascope.audit.verification import ComparedView
from metrascope.dataset.image import Picture, read_picture
from metrascope.dataset.manifest import Manifest
from metrascope.errors import DataError, is_memory_failure
from metrascope.files.atomic import sha256
from metrascope.screen.picture import read_grey


@dataclass(frozen=True)
class Fingerprint:
    """An image of the manifest as the audit compares it.

    Attributes
    ----------
    file_hash, pixel_hash
        SHA-256 of the file, and of the decoded grey levels with their shape; ``""`` where it
        cannot be decoded.
    view
        Pane and points that are compared; None where the image cannot be used.
    quality
        Measures of the image; None likewise.
    problem
        Sentence that says why it cannot be used; ``""`` where it can.
    """

    file_hash: str
    pixel_hash: str
    view: ComparedView | None
    quality: Quality | None
    problem: str


def compute_fingerprint(manifest: Manifest, row: int) -> Fingerprint:
    """Read an image and describe it; one that cannot be used is described too, never raised.

    Raises
    ------
    MemoryError
        If there is too little: that says nothing about the image.
    """
    hashes = hash_image(manifest, row)
    if hashes.problem:
        return hashes
    try:
        picture = read_picture(manifest, row, sector_crop=True)
        return replace(hashes, view=make_view(picture), quality=measure_quality(picture))
    except (DataError, OSError, cv2.error) as error:
        if is_memory_failure(error):
            raise MemoryError from error
        return replace(hashes, problem=str(error))


def hash_image(manifest: Manifest, row: int) -> Fingerprint:
    """Do the cheap part of `compute_fingerprint`: the hashes alone."""
    path = manifest.file(str(manifest.table["image"].iat[row]))
    file_hash = ""
    try:
        file_hash = sha256(path)
        pixel_hash = hash_pixels(read_grey(path, int(manifest.table.index[row])))
    except (DataError, OSError) as error:
        return Fingerprint(file_hash, "", None, None, str(error))
    return Fingerprint(file_hash, pixel_hash, None, None, "")


def make_view(picture: Picture) -> ComparedView:
    """Return pane and points of an image that is cropped to its scan sector."""
    pane = make_pane(picture)
    return ComparedView(pane, find_points(pane))


def hash_pixels(grey: npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 of grey levels and their shape, ``(height, width)`` uint8."""
    height, width = grey.shape
    content = hashlib.sha256(f"{height} {width} ".encode())
    content.update(grey.tobytes())
    return content.hexdigest()
