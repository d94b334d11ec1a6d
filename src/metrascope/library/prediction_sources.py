"""Predictions and what is known of their images, from arrays, tables in memory and files."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.arrays import Floats
from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.messages import text
from metrascope.statistics.attributes import NAMED, match_images
from metrascope.statistics.checks import SUM_TOLERANCE
from metrascope.statistics.predictions import Predictions, check_predictions, read_predictions

PredictionSource = pd.DataFrame | str | Path | tuple[npt.ArrayLike, npt.ArrayLike]
"""A table in the columns of ``predictions.csv``, its path, or true classes and probabilities."""
GroupSource = Mapping[str, Sequence[object]] | pd.DataFrame | str | Path
"""What is known of each image: columns with one value for each row, or a manifest."""

_SUBGROUPS: Final = (*NAMED, "age", "lesion_mm", "marks")
"""Columns that `metrascope.statistics.attributes` forms subgroups by."""


def read_source(
    source: object,
    classes: Sequence[object] | None,
    patients: Sequence[object] | None,
    name: str = "",
) -> Predictions:
    """Return the checked predictions of a table, of arrays or of files.

    Parameters
    ----------
    source
        A `PredictionSource`, or several paths.
    classes, patients
        As in `metrascope.library.evaluate.evaluate`.
    name
        Of the table, for errors; and of its network, where it names none.

    Raises
    ------
    DataError
        With every problem of the predictions; if there are fewer than two classes.
    """
    given, paths = class_names(classes), source_paths(source)
    if isinstance(source, pd.DataFrame):
        table = _with_patients(source, patients)
        checked = check_predictions(table, given, name=name or "DataFrame")
    elif isinstance(source, tuple) and len(source) == 2 and not paths:
        table = _with_patients(_array_table(*source, given), patients)
        checked = check_predictions(table, given, name=name or "arrays")
    elif paths:
        checked = read_predictions(paths, given)
        if patients is not None:
            table = _with_patients(checked.table, patients)
            checked = check_predictions(table, checked.classes)
    else:
        raise DataError("library.no_predictions", found=type(source).__name__)
    if len(checked.classes) < 2:
        raise DataError("library.one_class", label=", ".join(checked.classes))
    return checked


def class_names(classes: Sequence[object] | None) -> list[str] | None:
    """Return classes as text, None where none are given."""
    if classes is None:
        return None
    if isinstance(classes, str):
        raise DataError("library.classes_text", found=classes)
    return [str(label) for label in classes]


def source_paths(source: object) -> list[Path]:
    """Return the files that were given, none where it is something else."""
    given = source if isinstance(source, list | tuple) else [source]
    paths = [Path(one) for one in given if isinstance(one, str | Path)]
    return paths if len(paths) == len(given) else []


def _array_table(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, classes: Sequence[str] | None
) -> pd.DataFrame:
    """Return true classes (n,) and probabilities (n, K) as a table; images are named by row."""
    labels, shares = np.asarray(truth), np.asarray(probabilities)
    if labels.ndim != 1 or shares.ndim != 2 or len(labels) != len(shares):
        raise DataError("library.array_shapes", labels=labels.shape, probabilities=shares.shape)
    if shares.dtype.kind not in "fiu":
        raise DataError("library.array_kind", found=shares.dtype)
    count = shares.shape[1]
    if classes is not None and (len(classes) != count or len(set(classes)) < count):
        listed = ", ".join(classes)
        raise DataError("library.class_count", columns=count, count=len(classes), classes=listed)
    for row in np.flatnonzero(pd.isna(labels)):
        raise DataError("library.label_missing", row=row)
    names = list(classes or map(str, range(count)))
    table = pd.DataFrame({"image": [str(row) for row in range(len(labels))]})
    table["label"] = _true_classes(labels, names, named=classes is not None)
    table[[f"p_{label}" for label in names]] = _shares(shares.astype(np.float64))
    return table


def _shares(values: Floats) -> Floats:
    """Return probabilities (n, K), or say in one sentence what else they seem to be."""
    for row in np.flatnonzero(~np.isfinite(values).all(axis=1)):
        raise DataError("library.share_missing", row=row)
    low, high = values.min(initial=0), values.max(initial=0)
    if low < 0 or high > 1:
        raise DataError("library.share_range", low=f"{low:.4g}", high=f"{high:.4g}")
    wrong = np.flatnonzero(np.abs(values.sum(axis=1) - 1) > SUM_TOLERANCE)
    for row in wrong:
        total = f"{values[row].sum():.4f}"
        raise DataError("library.share_sum", row=row, total=total, count=len(wrong))
    return values


def _true_classes(labels: npt.NDArray[Any], names: Sequence[str], *, named: bool) -> list[str]:
    """Return the name of each true class: given as names, or as numbers of columns."""
    if labels.dtype.kind == "f" and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    words = labels.dtype.kind not in "iu"
    if words and not named:
        raise DataError("library.unordered_classes", columns=len(names), found=labels[0])
    # Names that are numbers themselves are what the labels say, not numbers of columns.
    if words or all(name.lstrip("-").isdecimal() for name in names):
        texts = list(map(str, labels))
        for label in texts:
            if label not in names:
                raise DataError("library.no_class", name=label, names=", ".join(names))
        return texts
    wrong = labels[(labels < 0) | (labels >= len(names))]
    if len(wrong):
        raise DataError("library.label_range", found=wrong[0], last=len(names) - 1)
    return [names[label] for label in labels]


def _with_patients(table: pd.DataFrame, patients: Sequence[object] | None) -> pd.DataFrame:
    if patients is None:
        return table
    given = np.asarray(patients, dtype=object)
    if given.shape != (len(table),):
        raise DataError("library.patients", found=given.shape, rows=len(table))
    for row in np.flatnonzero(pd.isna(given)):
        raise DataError("library.patient_missing", row=row)
    return table.assign(patient_id=given)


def known_images(groups: GroupSource, images: "pd.Series[str]") -> pd.DataFrame:
    """Return what is known of each image, every cell a string, with the column ``image``.

    Parameters
    ----------
    groups
        As in `metrascope.library.evaluate.evaluate`.
    images
        Name of the image of each row.

    Raises
    ------
    DataError
        If a column has another length or is none of those that subgroups are formed by, or
        none of the images is known.
    """
    if isinstance(groups, str | Path):
        path = Path(groups)
        path = path / "manifest.csv" if path.is_dir() else path
        return _matched(read_table(path, ("image",)), images, path)
    if not isinstance(groups, Mapping | pd.DataFrame):
        raise DataError("library.groups_kind", columns=", ".join(_SUBGROUPS))
    given = dict(groups.items())
    columns = {str(name): np.asarray(values, dtype=object) for name, values in given.items()}
    usable = [column for column in columns if column in _SUBGROUPS]
    other = [column for column in columns if column not in _SUBGROUPS]
    if not usable or (other and "image" not in columns):
        found, valid = ", ".join(columns), ", ".join(_SUBGROUPS)
        raise DataError("library.groups_columns", found=found, columns=valid)
    rows = len(columns.get("image", images))
    for column, values in columns.items():
        if values.shape != (rows,):
            raise DataError("library.groups_rows", column=column, found=values.shape, rows=rows)
    known = pd.DataFrame({column: _texts(values) for column, values in columns.items()})
    if "image" in columns:
        return _matched(known, images, Path("groups"))
    each = known.assign(image=images.to_numpy()).drop_duplicates()
    twice = each[each["image"].duplicated()]
    if len(twice):
        raise DataError("library.groups_differ", image=twice["image"].iat[0])
    return each


def _matched(known: pd.DataFrame, images: "pd.Series[str]", path: Path) -> pd.DataFrame:
    """Return what is known of images; warn where some of them are not among it."""
    found, count = match_images(known, images, path)
    if found < count:
        told = text("evaluation.some_known", path=path, found=found, count=count)
        warnings.warn(told, stacklevel=5)
    return known


def _texts(values: npt.NDArray[Any]) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in values]
