"""Checks of a predictions table, every problem with its file, row and column."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from metrascope.errors import DataError
from metrascope.messages import text

_PARTITIONS: Final = ("train", "validation", "test")
RUN: Final = ["network", "fold", "seed"]
# Problems written out in an error, which still fits a terminal; the others are counted.
SHOWN: Final = 20
# Three probabilities of four decimals are off by 0.00015 at most. Chosen, not measured.
SUM_TOLERANCE: Final = 1e-3


class Problems:
    """Problems found so far; ``raise_if_any`` reports the first ones and counts the rest."""

    def __init__(self, shown: int = SHOWN) -> None:
        self._shown = shown
        self.sentences: list[str] = []
        self.count = 0

    def add(self, kind: str, file: object, row: object, column: str, **values: object) -> None:
        """Note the problem ``evaluation.problem_<kind>`` of a cell, or of a row if no column."""
        self.count += 1
        if len(self.sentences) < self._shown:
            place = "evaluation.cell" if column else "evaluation.row"
            where = text(place, file=Path(str(file)).name, row=row, column=column)
            self.sentences.append(where + text(f"evaluation.problem_{kind}", None, **values))

    def raise_if_any(self) -> None:
        """Raise DataError if there are problems."""
        if not self.count:
            return
        lines = list(self.sentences)
        if self.count > self._shown:
            lines.append(text("evaluation.more", count=self.count - self._shown))
        listed = "".join(f"\n  {line}" for line in lines)
        raise DataError("evaluation.problems", count=self.count, problems=listed)


def check_prediction_cells(table: pd.DataFrame, problems: Problems) -> pd.DataFrame:
    """Check every cell by itself; return the table with probabilities as float64."""
    table = table.copy()
    for name in ("image", "patient_id", "label", "network"):
        _note(problems, "blank", table, table[name].str.strip() == "", name)
    unknown = ~table["partition"].isin(_PARTITIONS)
    _note(problems, "partition", table, unknown, "partition", allowed=", ".join(_PARTITIONS))
    for name in ("fold", "seed"):
        _note(problems, "integer", table, ~table[name].str.fullmatch(r"\d{1,15}"), name)
    columns = [str(name) for name in table.columns if str(name).startswith("p_")]
    for name in columns:
        numbers = pd.to_numeric(table[name], errors="coerce").astype(np.float64)
        bad = ~numbers.between(0.0, 1.0)
        _note(problems, "probability", table, bad, name)
        table[name] = numbers
    if columns:
        _check_sums(table, columns, problems)
    elif "predicted" in table:
        _note(problems, "blank", table, table["predicted"].str.strip() == "", "predicted")
    return table


def check_table(table: pd.DataFrame, classes: Sequence[str], problems: Problems) -> None:
    """Check classes, repeated rows, and patients in two partitions: more than one cell each."""
    listed = ", ".join(classes)
    _check_columns(table, classes, problems)
    for name in ("label", "predicted"):
        if name in table:
            cells = table[name]
            unknown = cells.notna() & (cells != "") & ~cells.isin(classes)
            _note(problems, "class", table, unknown, name, classes=listed)
    twice = table.duplicated(["image", *RUN, "partition"])
    _note(problems, "duplicate", table, twice, "image")
    _check_two_partitions(table, problems)
    _check_two_labels(table, problems)


def _check_sums(table: pd.DataFrame, columns: list[str], problems: Problems) -> None:
    total = table[columns].sum(axis=1, skipna=False)
    off = (total - 1.0).abs() > SUM_TOLERANCE
    for index in table.index[off & total.notna()]:
        problems.add("sum", table["_file"][index], table["_row"][index], "", total=total[index])


def _check_columns(table: pd.DataFrame, classes: Sequence[str], problems: Problems) -> None:
    columns = [str(name) for name in table.columns if str(name).startswith("p_")]
    for file, rows in table.groupby("_file", sort=False):
        present = {name for name in columns if rows[name].notna().any()}
        if not present:
            continue
        for name in classes:
            if f"p_{name}" not in present:
                problems.add("absent", file, 1, f"p_{name}", classes=", ".join(classes))
        for column in sorted(present - {f"p_{name}" for name in classes}):
            problems.add("extra", file, 1, column, classes=", ".join(classes))


def _check_two_partitions(table: pd.DataFrame, problems: Problems) -> None:
    keys = ["patient_id", *RUN]
    first = table.groupby(keys, sort=False)["partition"].transform("first")
    wrong = table["partition"] != first
    for index in table.index[wrong & ~table.duplicated([*keys, "partition"])]:
        row = table.loc[index]
        values = {"patient": row["patient_id"], "first": first[index], "other": row["partition"]}
        problems.add("two_partitions", row["_file"], row["_row"], "partition", **values)


def _check_two_labels(table: pd.DataFrame, problems: Problems) -> None:
    first = table.groupby("image", sort=False)["label"].transform("first")
    for index in table.index[table["label"] != first]:
        row = table.loc[index]
        values = {"image": row["image"], "first": first[index], "other": row["label"]}
        problems.add("two_labels", row["_file"], row["_row"], "label", **values)


def _note(
    problems: Problems,
    kind: str,
    table: pd.DataFrame,
    where: "pd.Series[bool]",
    column: str,
    **values: object,
) -> None:
    for index in table.index[where]:
        found: Hashable = table[column][index]
        row = table["_row"][index]
        problems.add(kind, table["_file"][index], row, column, found=found, **values)
