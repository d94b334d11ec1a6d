"""Attributes of each image that form subgroups: scanner, centre, age, size, plane, marks."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize

import numpy as np
import pandas as pd

from metrascope.errors import DataError

NAMED: Final = ("scanner", "centre", "plane")
# Years at which a new band begins: decades of the study's women, 17 to 51 years old.
AGES: Final = (30, 40, 50)
# Millimeters at which a new band begins; polyps over 15 mm are resected (Liu et al. 2025).
_SIZES: Final = (10, 15)
UNKNOWN: Final = ""


def attributes(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the attributes of each image by which subgroups are formed.

    Parameters
    ----------
    manifest
        One row per image, cells as strings: ``image`` and any of ``scanner``, ``centre``,
        ``plane``, ``age`` (years), ``lesion_mm`` (largest diameter) and ``marks`` (what is burned
        in, ``none`` where nothing is).

    Returns
    -------
    The index is the image. Columns ``scanner``, ``centre``, ``plane``, ``age``, ``lesion_mm`` and
    ``marks`` (``with`` or ``without``), strings, ``""`` where unknown; only those that the files
    have, and that have more than one value.
    """
    columns: dict[str, Any] = {name: manifest[name] for name in NAMED if name in manifest}
    if "age" in manifest:
        columns["age"] = _banded(manifest["age"], AGES)
    if "lesion_mm" in manifest:
        columns["lesion_mm"] = _banded(manifest["lesion_mm"], _SIZES)
    if "marks" in manifest:
        words = {UNKNOWN: UNKNOWN, "none": "without"}
        columns["marks"] = [words.get(marks, "with") for marks in manifest["marks"]]
    table = pd.DataFrame(
        {name: np.asarray(values, dtype=object) for name, values in columns.items()}
    )
    table.index = pd.Index(manifest["image"])
    several = [name for name in table if len(set(table[name]) - {UNKNOWN}) > 1]
    return table[several]


def match_images(manifest: pd.DataFrame, images: Iterable[str], path: Path) -> tuple[int, int]:
    """Return how many images of predictions a manifest knows, and how many there are.

    Parameters
    ----------
    manifest
        As for `attributes`; its names of images are put into the form that predictions have.
    images
        Names in the predictions.
    path
        Path of the manifest, for errors.

    Raises
    ------
    DataError
        If it knows none of them, or has an image twice.
    """
    manifest["image"] = [normalize("NFC", name) for name in manifest["image"]]
    twice = manifest[manifest["image"].duplicated()]
    if len(twice):
        row, image = twice.index[0], twice["image"].iat[0]
        raise DataError("evaluation.known_twice", path=path, row=row, image=image)
    names = sorted(set(images))
    known = set(manifest["image"])
    count = sum(name in known for name in names)
    if not count:
        other = manifest["image"].iat[0]
        raise DataError(
            "evaluation.none_known", path=path, count=len(names), image=names[0], other=other
        )
    return count, len(names)


def _banded(values: "pd.Series[Any]", starts: tuple[int, ...]) -> list[str]:
    """Return the band of each number: ``<30``, ``30-39``, ``≥50`` of (30, 40, 50), say."""
    names = [f"<{starts[0]}"]
    names += [f"{low}-{high - 1}" for low, high in pairwise(starts)]
    names.append(f"≥{starts[-1]}")
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    places = np.searchsorted(starts, numbers, side="right")
    return [
        UNKNOWN if np.isnan(number) else names[place]
        for number, place in zip(numbers, places.tolist(), strict=True)
    ]
