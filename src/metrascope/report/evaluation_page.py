"""Write ``evaluation.html``: the page of predictions that were evaluated without a study.

It is the report of a study without what only training leaves: heat maps, curves, settings. An
external test has it, and the predictions of any other tool.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from metrascope import __version__
from metrascope.files.atomic import write_text
from metrascope.report.drawings import draw_page_figures
from metrascope.report.gallery import build_gallery
from metrascope.report.page import render_report
from metrascope.study_folder.contents import Study

PAGE: Final = "evaluation.html"


def write_evaluation_page(
    metrics: Mapping[str, Any],
    table: pd.DataFrame,
    out: Path,
    lang: str,
    name: str,
    sources: Sequence[str] = (),
    shared: Sequence[str] = (),
    *,
    file: str = PAGE,
) -> Path:
    """Write the page of an evaluation, in both languages, beside its tables and figures.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    table
        The predictions that it was made from.
    out
        Folder of the evaluation.
    lang
        ``en`` or ``zh``: the language that the page opens in.
    name
        Of the data, for headings.
    sources
        Where the data set says that its images come from: of synthetic ones the page says so.
    shared
        Patients of an external test whose ``patient_id`` is one of training, which the page says.
    file
        Name of the page in its folder.

    Returns
    -------
    The page.

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    data = {"name": name, "source": list(sources), "shared_with_training": list(shared)}
    evaluation = _evaluation(metrics, table, out, data)
    drawings = draw_page_figures(evaluation, lang)
    page = out / file
    write_text(page, render_report(evaluation, build_gallery(evaluation), drawings, lang))
    return page


def _evaluation(
    metrics: Mapping[str, Any], table: pd.DataFrame, out: Path, data: Mapping[str, Any]
) -> Study:
    """Return a study of which nothing is known but its numbers and who was evaluated."""
    partition = str(metrics["partition"])
    classes = tuple(metrics["classes"])
    return Study(
        folder=out,
        classes=classes,
        data={
            **data,
            "partitions": {partition: _counts(table, partition, classes)},
            "partition_patients": {
                partition: int(table["patient_id"][table["partition"] == partition].nunique())
            },
        },
        settings={},
        versions={"metrascope": __version__},
        metrics=metrics,
        cases={},
        embeddings=pd.DataFrame(columns=["network", "image", "label", "x", "y"]),
        unreliable={},
        command=(),
        runs=(),
        missing=(),
        is_evaluation=True,
    )


def _counts(
    table: pd.DataFrame, partition: str, classes: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    """Return patients and images of each class; without patients an image is one of its own."""
    own = table[table["partition"] == partition].drop_duplicates("image")
    patients = own.drop_duplicates(["patient_id", "label"])["label"].value_counts()
    images = own["label"].value_counts()
    return {
        label: {"patients": int(patients.get(label, 0)), "images": int(images.get(label, 0))}
        for label in classes
    }
