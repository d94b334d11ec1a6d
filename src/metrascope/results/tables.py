"""The tables of a study, from the content of ``metrics.json``, as CSV and LaTeX."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from metrascope.classes import PAPER_CLASSES, class_short, class_title
from metrascope.files.atomic import write_text
from metrascope.files.csv_file import BYTE_ORDER_MARK, guarded_frame
from metrascope.messages import text
from metrascope.results.calibration_tables import calibration_tables
from metrascope.results.estimate import Estimate
from metrascope.results.explanation_tables import explanation_tables
from metrascope.results.latex import latex_table
from metrascope.results.statistic_tables import Table, statistic_tables, subgroup_tables
from metrascope.results.units import counted, unit
from metrascope.statistics.published import N_PUBLISHED, PUBLISHED, PublishedFigure, network_title

_Metrics = dict[str, Any]
_MACRO: Final = ("macro_precision", "macro_recall", "macro_f1", "accuracy")
_CLASS: Final = ("precision", "recall", "f1")


def comparison(
    metrics: _Metrics, lang: str | None = None, data_name: str = "", paper: bool | None = None
) -> pd.DataFrame:
    """Return the networks' macro averages and accuracy with the published figures beside them.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    data_name
        Name of the data set, for the heading of our columns.
    paper
        Whether to add the published columns; by default where the classes are the study's.

    Returns
    -------
    pandas.DataFrame
        Two rows of column names: whose data (empty for the network), then what. Our columns
        are estimates with their intervals, then the number of patients where the networks
        were not evaluated on equally many; the published columns are text as printed.
    """
    networks = metrics["networks"]
    ours = data_heading(metrics, lang, data_name)
    columns: dict[tuple[str, str], list[Any]] = {
        ("", text("evaluation.network", lang)): [network_title(name) for name in networks]
    }
    for key in _MACRO:
        cells = [Estimate.percent(network[key], measure=key) for network in networks.values()]
        columns[ours, _percent_heading(key, lang)] = cells
    sizes = [network["n"] for network in networks.values()]
    if len(set(sizes)) > 1:
        columns[ours, text("evaluation.support", lang)] = sizes
    if paper if paper is not None else tuple(metrics["classes"]) == PAPER_CLASSES:
        whose = text("evaluation.paper", lang, n=N_PUBLISHED)
        for key in _CLASS:
            values = [_published(name, key) for name in networks]
            columns[whose, _percent_heading(f"macro_{key}", lang)] = values
    return pd.DataFrame(columns)


def per_class(metrics: _Metrics, lang: str | None = None) -> pd.DataFrame:
    """Return precision, recall, F1 (estimates) and patients, a row per network and class."""
    rows = [
        [
            network_title(name),
            class_title(label, lang),
            *(Estimate.percent(scores[key], measure=key) for key in _CLASS),
            scores["support"],
        ]
        for name, network in metrics["networks"].items()
        for label, scores in network["classes"].items()
    ]
    heads = [text(f"evaluation.{key}", lang) for key in ("network", "class")]
    heads += [_percent_heading(key, lang) for key in _CLASS]
    return pd.DataFrame(rows, columns=[*heads, text("evaluation.support", lang)])


def confusion(metrics: _Metrics, lang: str | None = None) -> pd.DataFrame:
    """Return the confusion matrices' counts, a row per network and true class."""
    classes = metrics["classes"]
    rows = [
        [network_title(name), class_title(label, lang), *counts]
        for name, network in metrics["networks"].items()
        for label, counts in zip(classes, network["confusion"], strict=True)
    ]
    heads = [text(f"evaluation.{key}", lang) for key in ("network", "true_class")]
    guesses = [class_short(label, lang) for label in classes]
    heads += [text("evaluation.predicted_as", lang, label=guess) for guess in guesses]
    return pd.DataFrame(rows, columns=heads)


def data_heading(metrics: _Metrics, lang: str | None = None, data_name: str = "") -> str:
    """Return whose data our figures are from: name of the data, partition and n."""
    name = data_name or text("evaluation.unnamed", lang)
    partition = text(f"evaluation.{metrics['partition']}", lang)
    values = {"name": name, "partition": partition, "counted": counted(metrics, lang)}
    return text("evaluation.ours", lang, **values)


def write_tables(
    metrics: _Metrics, folder: Path, lang: str | None = None, data_name: str = ""
) -> list[Path]:
    """Write comparison, per-class, confusion and statistics tables as CSV, and LaTeX but for one.

    The confusion matrices are CSV alone.

    The CSV files start with a byte order mark, without which spreadsheets in China do not
    read them as UTF-8. Text that a spreadsheet would run as a formula gets an apostrophe.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    StudyError
        If a file cannot be written.
    """
    compared, classes = comparison(metrics, lang, data_name), per_class(metrics, lang)
    files = {
        "comparison.csv": csv_text(compared),
        "comparison.tex": _comparison_latex(metrics, compared, lang, data_name),
        "per_class.csv": csv_text(classes),
        "per_class.tex": _per_class_latex(metrics, classes, lang, data_name),
        "confusion.csv": csv_text(confusion(metrics, lang)),
    }
    for table in _further_tables(metrics, lang):
        caption = _closed(table.caption, data_heading(metrics, lang, data_name), lang)
        files[f"{table.name}.csv"] = csv_text(table.frame)
        files[f"{table.name}.tex"] = latex_table(
            table.frame, caption, f"tab:{table.name}", table.labels
        )
    for name, content in files.items():
        write_text(folder / name, content)
    return [folder / name for name in files]


def table_frames(
    metrics: _Metrics, lang: str | None = None, data_name: str = ""
) -> dict[str, pd.DataFrame]:
    """Return the tables by name, as `write_tables` writes them, their numbers as estimates."""
    frames = {
        "comparison": comparison(metrics, lang, data_name),
        "per_class": per_class(metrics, lang),
        "confusion": confusion(metrics, lang),
    }
    return frames | {table.name: table.frame for table in _further_tables(metrics, lang)}


def _further_tables(metrics: _Metrics, lang: str | None) -> list[Table]:
    makers = (statistic_tables, calibration_tables, subgroup_tables, explanation_tables)
    return [table for make in makers for table in make(metrics, lang)]


def comparison_caption(
    metrics: _Metrics, table: pd.DataFrame, lang: str | None = None, data_name: str = ""
) -> str:
    """Return what stands over ``comparison``: whose data, and what its signs mean."""
    keys = ["comparison"]
    if len(table) > 1:
        keys.append("best")
    if table.columns[-1][0] == text("evaluation.paper", lang, n=N_PUBLISHED):
        keys.append("paper")
    return _caption(keys, metrics, lang, data_name)


def best_columns(table: pd.DataFrame) -> range:
    """Return the columns of ``comparison`` whose highest values are set in bold."""
    return range(1, 1 + len(_MACRO)) if len(table) > 1 else range(0)


def per_class_caption(metrics: _Metrics, lang: str | None = None, data_name: str = "") -> str:
    """Return what stands over ``per_class``."""
    scores = [
        one for network in metrics["networks"].values() for one in network["classes"].values()
    ]
    missing = any(one[key]["value"] is None for one in scores for key in _CLASS)
    return _caption(["per_class", *(["dash"] if missing else [])], metrics, lang, data_name)


def _comparison_latex(
    metrics: _Metrics, table: pd.DataFrame, lang: str | None, data_name: str
) -> str:
    caption = comparison_caption(metrics, table, lang, data_name)
    return latex_table(table, caption, "tab:comparison", best=best_columns(table))


def _per_class_latex(
    metrics: _Metrics, table: pd.DataFrame, lang: str | None, data_name: str
) -> str:
    caption = per_class_caption(metrics, lang, data_name)
    return latex_table(table, caption, "tab:per-class", labels=2, rule=len(metrics["classes"]))


def _caption(keys: Sequence[str], metrics: _Metrics, lang: str | None, data_name: str) -> str:
    values = {"data": data_heading(metrics, lang, data_name), "unit": unit(metrics, lang)}
    sentences = [text(f"evaluation.caption_{key}", lang, **values) for key in keys]
    sentences.append(text("common.research_only", lang))
    return text("evaluation.between_sentences", lang).join(sentences)


def _closed(caption: str, data: str, lang: str | None) -> str:
    """Return a caption that ends with what every result must say: whose data, and its use."""
    between = text("evaluation.between_sentences", lang)
    told = text("document.of_data", lang, caption=caption, data=data)
    return between.join((told, text("common.research_only", lang)))


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV that spreadsheets in China read and that runs no formula.

    A column of estimates that name their measure becomes three columns of numbers: the values,
    ``<measure>_low`` and ``<measure>_high``. Others are text, the interval beside its number.
    """
    if table.columns.nlevels > 1:
        table = _flat(table)
    table = _in_numbers(table)
    return BYTE_ORDER_MARK + guarded_frame(table).to_csv(
        index=False, float_format="%.2f", lineterminator="\n"
    )


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    pairs = table.columns.to_flat_index()
    names = [f"{pair[1]} [{pair[0]}]" if pair[0] else pair[1] for pair in pairs]
    return table.set_axis(names, axis=1)


def _in_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Put every column of estimates into three, or into one where they have no interval."""
    columns: list[tuple[str, list[Any]]] = []
    for place, name in enumerate(table.columns):
        cells = table.iloc[:, place].tolist()
        if not cells or not all(isinstance(cell, Estimate) and cell.measure for cell in cells):
            written = [str(cell) if isinstance(cell, Estimate) else cell for cell in cells]
            columns.append((str(name), written))
            continue
        columns.append((str(name), [cell.value for cell in cells]))
        if any(cell.low is not None for cell in cells):
            columns.append((f"{cells[0].measure}_low", [cell.low for cell in cells]))
            columns.append((f"{cells[0].measure}_high", [cell.high for cell in cells]))
    # Two columns may have one name, as "by chance" of two measures.
    frame = pd.DataFrame({place: cells for place, (_, cells) in enumerate(columns)})
    return frame.set_axis([name for name, _ in columns], axis=1)


def _percent_heading(key: str, lang: str | None) -> str:
    return text("evaluation.percent", lang, name=text(f"evaluation.{key}", lang))


def _published(network: str, key: str) -> str:
    published = PUBLISHED.get(network)
    figure = getattr(published, key) if published else PublishedFigure()
    return str(figure)
