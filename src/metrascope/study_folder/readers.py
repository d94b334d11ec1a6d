"""Readers of the files of a study: what they return has the form that its users rely on.

A file that does not is refused in one sentence with its name, what is wrong and how to make it
anew, which depends on who wrote it: a run, the start of the study, or the summary.
"""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final, Literal
from unicodedata import normalize

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from metrascope.errors import DataError, StudyError
from metrascope.files.cells import bare
from metrascope.files.csv_rows import LARGEST_TABLE, csv_rows, decoded, read_file
from metrascope.files.validation import error_place, error_reason
from metrascope.messages import text
from metrascope.statistics.predictions import Predictions, read_predictions

StudyPart = Literal["input", "run", "case", "picture", "result"]
# What numpy raises for files that are cut short or no arrays at all.
_NO_ARRAY: Final = (OSError, ValueError, EOFError, SyntaxError, TokenError, MemoryError, TypeError)


def damaged(path: Path, part: StudyPart, reason: object) -> StudyError:
    """Return the error for a file that cannot be used.

    Parameters
    ----------
    path
        The file.
    part
        What it is, which tells how it is made anew: ``input`` of the study, of a ``run``, the
        list of a ``case`` for the page or its ``picture``, or a ``result`` of the summary.
    reason
        What is wrong: words, or the error that told.
    """
    if isinstance(reason, OSError):
        reason = reason.strerror or reason
    return StudyError(f"report.damaged_{part}", path=path, folder=path.parent, reason=reason)


def read_object(path: Path, part: StudyPart, form: type[BaseModel]) -> dict[str, Any]:
    """Read a JSON object or a TOML file and check its form; empty where there is no file.

    Raises
    ------
    StudyError
        If it cannot be read or has another form.
    """
    if not path.is_file():
        return {}
    try:
        content = path.read_text(encoding="utf-8")
        values = tomllib.loads(content) if path.suffix == ".toml" else json.loads(content)
        form.model_validate(values)
    except ValidationError as error:
        raise damaged(path, part, _first(error)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, part, error) from error
    found: dict[str, Any] = values
    return found


def read_study_table(
    path: Path,
    part: StudyPart,
    words: Sequence[str],
    measured: Sequence[str],
    gaps: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a table: columns of words, columns of numbers, and those that may have gaps.

    Raises
    ------
    StudyError
        If it cannot be read, lacks a column, or has a cell that is no number in those.
    """
    if not path.is_file():
        return pd.DataFrame({name: [] for name in (*words, *measured)})
    try:
        header, *rows = _cells(path)
        table = pd.DataFrame(rows, columns=header, dtype=str)
        if "image" in table:  # as in the predictions: one name is one text
            table["image"] = [normalize("NFC", name) for name in table["image"]]
        absent = [name for name in (*words, *measured) if name not in table.columns]
        if absent:
            raise ValueError(text("report.reason_columns", missing=", ".join(absent)))
        for name in {*measured, *gaps} & {*table.columns}:
            table[name] = pd.to_numeric(table[name])
            # An infinite loss is what a run that diverged leaves; it may stay in the curve.
            if name not in gaps and not np.isfinite(table[name]).all():
                raise ValueError(text("report.reason_no_number", column=name))
    except (OSError, ValueError, DataError) as error:
        raise damaged(path, part, error) from error
    return table


def _cells(path: Path) -> list[list[str]]:
    """Return header and rows; words are kept as they are: a class may well be called "NA"."""
    content = decoded(read_file(path, LARGEST_TABLE))
    if content is None:
        raise ValueError(text("report.reason_no_table"))
    rows = [[bare(cell) for cell in row] for _, row in csv_rows(path, content)]
    if not rows or len(set(rows[0])) < len(rows[0]) or len({*map(len, rows)}) > 1:
        raise ValueError(text("report.reason_no_table"))
    return rows


def read_array(path: Path, rows: int, axes: Sequence[int | None]) -> NDArray[np.float32]:
    """Map an array of a run into memory: finite numbers, a row for each prediction.

    Parameters
    ----------
    path
        ``features.npy`` or ``heatmaps.npy``.
    rows
        Rows of the run's ``predictions.csv``.
    axes
        Lengths of the other axes, ``None`` for any.

    Raises
    ------
    StudyError
        If it cannot be read, has another shape, or a number is infinite or undefined.
    """
    try:
        array: NDArray[np.float32] = np.lib.format.open_memmap(path, mode="r")
    except _NO_ARRAY as error:
        raise damaged(path, "run", error) from error
    wanted = (rows, *axes)
    fits = len(array.shape) == len(wanted) and all(
        length > 0 if expected is None else length == expected
        for length, expected in zip(array.shape, wanted, strict=True)
    )
    if not fits:
        listed = ", ".join("…" if length is None else str(length) for length in wanted)
        expected = f"({listed})"
        reason = text("report.reason_shape", found=array.shape, expected=expected)
        raise damaged(path, "run", reason)
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise damaged(path, "run", text("report.reason_not_finite"))
    return array


def read_run_predictions(path: Path, classes: Sequence[str]) -> Predictions:
    """Read ``predictions.csv`` of a finished run.

    Raises
    ------
    StudyError
        If it cannot be read or is not valid.
    """
    try:
        found = read_predictions([path], classes)
    except DataError as error:
        raise damaged(path, "run", error) from error
    if found.probabilities is None:
        reason = text("report.reason_columns", missing=", ".join(f"p_{name}" for name in classes))
        raise damaged(path, "run", reason)
    return found


def _first(error: ValidationError) -> str:
    errors = error.errors()
    place, reason = error_place(errors[0]), error_reason(errors)
    return f"{place}: {reason}" if place else reason
