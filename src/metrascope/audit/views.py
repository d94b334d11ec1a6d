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
from metrascope.dataset.image import Picture, crop_picture, decode_image, find_masks
from metrascope.dataset.manifest import Manifest
from metrascope.errors import DataError, is_memory_failure
from metrascope.files.atomic import sha256


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


def compute_fingerprint(
    manifest: Manifest, row: int, whole: Picture | None = None, *, compared: bool = True
) -> Fingerprint:
    """Describe an image; one that cannot be used is described too, never raised.

    Parameters
    ----------
    manifest, row
        Manifest and the image's position in it.
    whole
        The image, uncropped, where it is decoded already.
    compared
        Whether view and quality are asked for too, or the hashes alone.

    Raises
    ------
    MemoryError
        If there is too little: that says nothing about the image.
    """
    hashes = Fingerprint("", "", None, None, "")
    try:
        path = manifest.file(str(manifest.table["image"].iat[row]))
        hashes = replace(hashes, file_hash=sha256(path))
        grey = decode_image(manifest, row) if whole is None else whole.grey
        hashes = replace(hashes, pixel_hash=hash_pixels(grey))
        if not compared:
            return hashes
        picture = crop_picture(manifest, row, whole or find_masks(manifest, row, grey))
        return replace(hashes, view=make_view(picture), quality=measure_quality(picture))
    except (DataError, OSError, cv2.error) as error:
        if is_memory_failure(error):
            raise MemoryError from error
        return replace(hashes, problem=str(error))


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
