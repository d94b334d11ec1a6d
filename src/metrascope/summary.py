"""What comes of a study's runs: predictions, maps, numbers, tables, figures and the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrascope.atomic import write_json, write_text
from metrascope.errors import StudyError
from metrascope.evaluation.metrics import evaluate
from metrascope.evaluation.predictions import read_predictions, write_predictions
from metrascope.explain.embedding import embed, separation
from metrascope.report.page import write_report


def summarize(study: Path, lang: str) -> Path:
    """Write everything that comes after training; return the report.

    Reads the files of finished runs alone, so that it can be done again at any time, without
    data set, GPU or torch.

    Parameters
    ----------
    study
        The folder that `metrascope.study.run_study` writes.
    lang
        ``en`` or ``zh``: of tables and figures, and the one the report opens in.

    Raises
    ------
    StudyError
        If the folder is no study, or no run has finished.
    """
    if not (study / "data.json").is_file():
        raise StudyError("study.no_study", folder=study)
    data = json.loads((study / "data.json").read_text(encoding="utf-8"))
    runs = _finished(study)
    predictions = read_predictions([run / "predictions.csv" for run in runs], data["classes"])
    write_predictions(predictions.table, study / "predictions.csv")
    embeddings, numbers = _embeddings(runs)
    write_text(study / "embeddings.csv", embeddings.to_csv(index=False, lineterminator="\n"))
    metrics = evaluate(predictions)
    for network, values in numbers.items():
        metrics["networks"][network]["embedding"] = values
    write_json(study / "metrics.json", metrics)
    return write_report(study, lang)


def _finished(study: Path) -> list[Path]:
    runs = sorted(path.parent for path in study.glob("runs/*/resources.json"))
    if runs:
        return runs
    for failure in sorted(study.glob("runs/*/failure.json")):
        message = json.loads(failure.read_text(encoding="utf-8"))["message"]
        raise StudyError("study.all_failed", folder=study, message=message)
    raise StudyError("study.nothing_finished", folder=study)


def _embeddings(runs: list[Path]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Lay out the features of each network's first run, and measure the separation."""
    tables: list[pd.DataFrame] = []
    numbers: dict[str, Any] = {}
    for run in runs:
        table = pd.read_csv(run / "predictions.csv", dtype={"image": str, "label": str})
        network = str(table["network"].iat[0])
        if network in numbers:
            continue
        points = embed(np.load(run / "features.npy", allow_pickle=False), seed=0)
        apart = separation(points, table["label"])
        numbers[network] = {
            name: {"value": value} for name, value in apart._asdict().items() if value is not None
        }
        laid_out = table[["network", "image", "label"]].assign(x=points[:, 0], y=points[:, 1])
        tables.append(laid_out)
    return pd.concat(tables, ignore_index=True).round(4), numbers
