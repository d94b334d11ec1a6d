"""Images, classes and patients as an estimator is given them, prepared as a study prepares them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from metrascope.arrays import GreyImage
from metrascope.dataset.image import SMALLEST_SIDE, detect_sector, lacks_content
from metrascope.dataset.preprocess import Preprocessing
from metrascope.dataset.split import split_patients
from metrascope.dataset.store import StoredSquare, stored_square
from metrascope.errors import DataError
from metrascope.screen.picture import read_grey
from metrascope.settings.study_settings import Settings

ImageList = Sequence[str | Path | npt.NDArray[Any]] | npt.NDArray[Any]
"""Paths, or arrays of whole screens: grey (h, w) or RGB (h, w, 3), uint8; of any sizes."""


def list_images(images: object) -> list[object]:
    """Return images one after the other, whatever holds them.

    By their order, as y has it: a Series would be asked by the labels of its index.
    """
    one = isinstance(images, str | Path | pd.DataFrame)
    if one or not isinstance(images, Iterable):
        raise DataError("library.no_image_list", found=type(images).__name__)
    return list(images)


def check_labels(y: Sequence[object], images: int) -> npt.NDArray[Any]:
    """Return the class of each image, (n,): text, whole numbers or truth values.

    Raises
    ------
    DataError
        If there is not one for each image, or they are something else, such as fractions.
    """
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != images:
        raise DataError("library.labels_shape", images=images, found=labels.shape)
    for row in np.flatnonzero(pd.isna(labels)):
        raise DataError("library.label_missing", row=row)
    if labels.dtype == object:
        labels = np.asarray([str(label) for label in labels])
    if labels.dtype.kind not in "iuUb":
        raise DataError("library.labels_kind", found=labels.dtype)
    return labels


def check_groups(groups: Sequence[object] | None, images: int) -> list[str]:
    """Return the patient of each image; without groups every image is a patient of its own.

    Raises
    ------
    DataError
        If there is not one for each image.
    """
    if groups is None:
        return [str(row) for row in range(images)]
    given = np.asarray(groups, dtype=object)
    if given.shape != (images,):
        raise DataError("library.groups_length", images=images, found=given.shape)
    for row in np.flatnonzero(pd.isna(given)):
        raise DataError("library.patient_missing", row=row)
    return list(map(str, given))


def draw_partitions(
    labels: npt.NDArray[Any], patients: Sequence[str], settings: Settings
) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows that train and that validate, as a study's hold-out draws them."""
    images = pd.DataFrame({"patient_id": patients, "label": list(map(str, labels))})
    split = split_patients(
        images,
        [str(label) for label in np.unique(labels)],
        validation=settings.split.validation,
        seed=settings.split.seed,
    )
    return {part: split.rows(images, part) for part in ("train", "validation")}


def prepare_screen(image: object, row: int, steps: Preprocessing) -> StoredSquare:
    """Return one image as a study's store holds it: grey levels and scan sector, squares.

    Parameters
    ----------
    image
        Path, or array of a whole screen.
    row
        Its place among the images, from 0: named in errors.
    steps
        Size and steps before the network.

    Raises
    ------
    DataError
        If it is no image, cannot be decoded, or shows nothing.
    """
    grey = _grey(image, row)
    if lacks_content(grey):
        size = f"{grey.shape[1]} x {grey.shape[0]}"
        raise DataError("library.blank", row=row, size=size, least=SMALLEST_SIDE)
    picture = detect_sector(grey)
    picture = picture.cropped() if steps.sector_crop else picture
    return stored_square(picture, steps.stored_size, steps.fit, steps.equalization)


def _grey(image: object, row: int) -> GreyImage:
    if isinstance(image, str | Path):
        try:
            return read_grey(Path(image), row)
        except DataError as error:
            reason = error.values.get("reason") or error.values.get("size")
            raise DataError("library.unreadable", row=row, path=image, reason=reason) from error
    array = np.asarray(image)
    rgb = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (array.ndim == 2 or rgb) or not array.size:
        raise DataError("library.array_image", dtype=array.dtype, shape=array.shape)
    return np.asarray(Image.fromarray(array).convert("L"))
