"""What several commands print, and values they all understand."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrascope.errors import SettingsError
from metrascope.messages import text

if TYPE_CHECKING:
    import pandas as pd


def print_study(study: Path) -> None:
    """Print the tables of a study and where its reports are."""
    from metrascope.study_folder.contents import read_data, read_metrics

    print_table(read_metrics(study), str(read_data(study).get("name", "")))
    for name in ("report.docx", "report.html"):
        print((study / name).resolve())


def print_table(metrics: dict[str, Any], name: str) -> None:
    """Print the metrics of all networks, and what they do and do not show."""
    from metrascope.classes import class_title
    from metrascope.results.ranking import (
        absent_classes,
        fewer_read,
        ranking_sentences,
        same_answers,
    )
    from metrascope.results.tables import comparison, data_heading, per_class

    compared = comparison(metrics, data_name=name, paper=False)
    compared.columns = compared.columns.get_level_values(1)
    print_frame(compared, data_heading(metrics, data_name=name))
    print_frame(per_class(metrics), text("cli.per_class"))
    said = [fewer_read(metrics), absent_classes(metrics), *same_answers(metrics)]
    said += ranking_sentences(metrics)
    for finding in filter(None, said):
        print(finding)
    majority = metrics["majority"]
    scored = {key: f"{100 * majority[key]['value']:.2f}" for key in ("accuracy", "macro_f1")}
    print(text("cli.majority", label=class_title(majority["label"]), **scored))
    print(text("common.research_only"))


def print_frame(frame: "pd.DataFrame", title: str) -> None:
    """Print a table with its title, figures to two places."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    numeric = [kind.kind in "fi" for kind in frame.dtypes]
    for heading, right in zip(frame.columns, numeric, strict=True):
        table.add_column(Text(str(heading)), justify="right" if right else "left")
    for row in frame.itertuples(index=False):
        cells = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        table.add_row(*map(Text, cells))
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def names(value: str) -> list[str]:
    """Return the names of a list with commas."""
    return [name.strip() for name in value.split(",")]


def prevalence(value: str | None) -> dict[str, float] | None:
    """Return the shares of ``LABEL=SHARE,…``; raises SettingsError where it is none."""
    if value is None:
        return None
    shares = {}
    for part in value.split(","):
        label, _, share = part.partition("=")
        try:
            shares[label.strip()] = float(share)
        except ValueError as error:
            raise SettingsError("cli.bad_prevalence", value=value) from error
    return shares
