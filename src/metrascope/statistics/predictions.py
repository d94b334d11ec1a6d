"""The predictions table: the one thing that statistics, tables and figures are made from.

One row per image and run: ``image, patient_id, label, network, partition, fold, seed`` and one
probability ``p_<class>`` per class in class order. Tables of other tools may leave out all but
``image``, ``label`` and the probabilities, or give a column ``predicted`` instead of those.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrascope.classes import order_classes
from metrascope.errors import DataError
from metrascope.files.cells import bare
from metrascope.files.csv_file import write_frame
from metrascope.files.csv_rows import LARGEST_TABLE, csv_rows, read_file, reading_reason
from metrascope.statistics.checks import Problems, check_prediction_cells, check_table

KEY_COLUMNS: Final = ("image", "patient_id", "label", "network", "partition", "fold", "seed")
_REPEATED: Final = ("patient_id", "label", "network", "partition", "fold", "seed", "predicted")
# Rows whose cells are in memory as text; as objects they take ten times the file.
_ROWS_AT_ONCE: Final = 50_000
# Problems of a table in memory that are told in full: whoever made it sees it. Chosen.
_FEW: Final = 3


@dataclass(frozen=True)
class Predictions:
    """A valid predictions table.

    Attributes
    ----------
    table
        Columns ``KEY_COLUMNS``, ``p_<class>`` in class order (float64 in [0, 1]; missing in rows
        that came with hard labels only) and ``predicted``, the class of the highest probability,
        or the file's own ``predicted``. ``fold`` and ``seed`` are integers.
    classes
        Class names in the order of every table and figure.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def probabilities(self) -> NDArray[np.float64] | None:
        """Probabilities, shape (rows, classes), or None if any row has a hard label only."""
        columns = [f"p_{name}" for name in self.classes]
        if not set(columns) <= set(self.table.columns):
            return None
        values = self.table[columns].to_numpy(np.float64)
        return None if np.isnan(values).any() else values


def read_predictions(paths: Sequence[Path], classes: Sequence[str] | None = None) -> Predictions:
    """Read and validate the predictions of one or more files, from this or any other tool.

    Parameters
    ----------
    paths
        CSV files in UTF-8 with commas. Where a column is absent, ``patient_id`` is the image,
        ``network`` the file's stem, ``partition`` validation, ``fold`` and ``seed`` 0.
    classes
        Classes in order, spaces around them of no account; by default those of the files,
        ``normal`` first.

    Raises
    ------
    DataError
        With every problem of the files, each with its row and column (the first 20 in full);
        if a given class is empty or given twice.
    """
    problems = Problems()
    frames = [_read_checked(Path(path), problems) for path in paths]
    return _agreed(frames, classes, problems)


def check_predictions(
    table: pd.DataFrame, classes: Sequence[str] | None = None, *, name: str = "DataFrame"
) -> Predictions:
    """Check a table of predictions that is in memory, as `read_predictions` does one on disk.

    Parameters
    ----------
    table
        As a CSV file would hold it; labels may be numbers, missing cells count as empty.
    classes
        As in `read_predictions`.
    name
        Of the table, for errors; and of the network, where it has no column ``network``.

    Raises
    ------
    DataError
        As `read_predictions`, with the first 3 problems; a row is named by its label in the
        index.
    """
    header = [str(column).strip() for column in table.columns]
    if not header or not len(table):
        raise DataError("evaluation.empty", path=name)
    _check_header(name, header)
    numbers = table.index.tolist()
    frame = table.set_axis(header, axis=1).reset_index(drop=True).astype(object)
    for column in ("image", *_REPEATED):
        if column in frame:
            frame[column] = pd.Series([_written(cell) for cell in frame[column]], dtype=object)
    problems = Problems(_FEW)
    frame = _completed(frame, name, numbers, name, {})
    return _agreed([check_prediction_cells(frame, problems)], classes, problems)


def _written(cell: object) -> str:
    """Return a cell as a CSV file would have it, ``""`` where it is missing."""
    if cell is None or cell is pd.NA or cell != cell:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))  # whole numbers beside a missing one are floats in pandas
    return bare(str(cell).strip())


def _agreed(
    frames: Sequence[pd.DataFrame], classes: Sequence[str] | None, problems: Problems
) -> Predictions:
    """Put checked tables together and check what takes all of their rows."""
    problems.raise_if_any()
    table = pd.concat(frames, ignore_index=True)
    names = _class_order(table, classes)
    check_table(table, names, problems)
    problems.raise_if_any()
    return Predictions(_canonical(table, names), names)


def write_predictions(table: pd.DataFrame, path: Path) -> None:
    """Write a predictions table as CSV, probabilities with eight decimals, atomically.

    ``predicted`` is written only where the table has no probabilities, since they imply it.
    """
    probabilities = [name for name in table.columns if str(name).startswith("p_")]
    columns = [name for name in KEY_COLUMNS if name in table.columns]
    write_frame(path, table[columns + (probabilities or ["predicted"])], decimals=8)


def _read_checked(path: Path, problems: Problems) -> pd.DataFrame:
    rows = _rows(path)
    _, header = next(rows, (0, []))
    first = next(rows, None)
    if not header or first is None:
        raise DataError("evaluation.empty", path=path)
    _check_header(path, header)
    frames, widths = [], Problems()
    interned: dict[str, str] = {}
    rows = chain([first], rows)
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        for number, row in batch:
            if len(row) != len(header):
                widths.add("width", path, number, "", found=len(row), expected=len(header))
        if not widths.count:
            frames.append(check_prediction_cells(_frame(path, header, batch, interned), problems))
    widths.raise_if_any()
    return pd.concat(frames, ignore_index=True)


def _frame(
    path: Path, header: list[str], rows: list[tuple[int, list[str]]], interned: dict[str, str]
) -> pd.DataFrame:
    """Return rows as a table; equal texts, as of a label, are one object in memory."""
    table = pd.DataFrame([row for _, row in rows], columns=header, dtype=object)
    return _completed(table, str(path), [number for number, _ in rows], path.stem, interned)


def _completed(
    table: pd.DataFrame,
    source: str,
    numbers: Sequence[Any],
    network: str,
    interned: dict[str, str],
) -> pd.DataFrame:
    """Add the columns that may be left out, and where each row stands."""
    table["_file"] = source
    table["_row"] = pd.Series(numbers, index=table.index, dtype=object)
    for name, default in (
        ("patient_id", table["image"]),
        ("network", network),
        ("partition", "validation"),
        ("fold", "0"),
        ("seed", "0"),
    ):
        if name not in table:
            table[name] = default
    # As a manifest is read: names that look the same are the same, whoever wrote them.
    table["image"] = [normalize("NFC", name) for name in table["image"]]
    table["patient_id"] = [normalize("NFKC", name) for name in table["patient_id"]]
    for name in _REPEATED:
        if name in table:
            table[name] = [interned.setdefault(cell, cell) for cell in table[name]]
    return table


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows by their number in a spreadsheet, blank ones left out."""
    try:
        content = read_file(path, LARGEST_TABLE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("evaluation.encoding", path=path) from error
    except OSError as error:
        reason = reading_reason(error)
        raise DataError("evaluation.unreadable", path=path, reason=reason) from error
    if "\0" in content:
        raise DataError("evaluation.unreadable", path=path, reason="NUL")
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    for number, row in csv_rows(path, content):
        cells = [bare(cell.strip()) for cell in row]
        if any(cells):
            yield number, cells


def _check_header(path: Path | str, header: list[str]) -> None:
    if len(header) == 1:
        for name, sign in (("semicolon", ";"), ("tab", "\t"), ("bar", "|")):
            if sign in header[0]:
                raise DataError(f"evaluation.delimiter_{name}", path=path)
    missing = [name for name in ("image", "label") if name not in header]
    if not any(name.startswith("p_") or name == "predicted" for name in header):
        missing.append("p_<class>")
    found = ", ".join(header)
    if missing:
        raise DataError(
            "evaluation.missing_columns", path=path, columns=", ".join(missing), found=found
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError("evaluation.twice_columns", path=path, columns=", ".join(twice))


def _class_order(table: pd.DataFrame, classes: Sequence[str] | None) -> tuple[str, ...]:
    if classes is not None:
        return _require_classes(classes)
    names = {str(name)[2:] for name in table.columns if str(name).startswith("p_")}
    if "predicted" in table:
        hard = table["predicted"].notna() & (table["predicted"] != "")
        names |= set(table["predicted"][hard])
    if not any(str(name).startswith("p_") for name in table.columns):
        names |= set(table["label"])
    return order_classes(names)


def _require_classes(classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in classes)
    listed = ", ".join(names)
    if not all(names):
        raise DataError("evaluation.blank_class", classes=listed)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError("evaluation.twice_classes", classes=listed, twice=", ".join(twice))
    return names


def _canonical(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    columns = [f"p_{name}" for name in classes if f"p_{name}" in table]
    result = table[list(KEY_COLUMNS)].astype({"fold": int, "seed": int})
    result[columns] = table[columns]
    result["predicted"] = _predicted(table, classes)
    return result


def _predicted(table: pd.DataFrame, classes: tuple[str, ...]) -> list[str]:
    hard_labels = (
        table["predicted"].fillna("") if "predicted" in table else pd.Series("", table.index)
    )
    columns = [f"p_{name}" for name in classes]
    if not set(columns) <= set(table.columns):
        return list(hard_labels)
    # A row without probabilities has a hard label, so what argmax says of its zeros is not used.
    best = table[columns].fillna(0.0).to_numpy(np.float64).argmax(axis=1)
    return [hard or classes[index] for hard, index in zip(hard_labels, best, strict=True)]
