"""The learning curve of a run in a few numbers."""

from dataclasses import dataclass

import pandas as pd

from metrascope.study_folder.contents import StudyRun


@dataclass(frozen=True)
class Curve:
    """A run's training in numbers; losses are means over the steps of an epoch."""

    run: StudyRun
    steps: int
    epochs: int
    lowest_rate: float
    highest_rate: float
    first_loss: float
    last_loss: float
    last_f1: float | None


def summarize_run(run: StudyRun) -> Curve:
    """Return the numbers of a run that has a history."""
    history = run.history if run.history is not None else pd.DataFrame()
    losses = history.groupby("epoch")["loss"].mean()
    scores = history.get("validation_macro_f1", pd.Series(dtype=float)).dropna()
    return Curve(
        run=run,
        steps=len(history),
        epochs=int(history["epoch"].nunique()),
        lowest_rate=float(history["learning_rate"].min()),
        highest_rate=float(history["learning_rate"].max()),
        first_loss=float(losses.iloc[0]) if len(losses) else float("nan"),
        last_loss=float(losses.iloc[-1]) if len(losses) else float("nan"),
        last_f1=float(scores.iloc[-1]) if len(scores) else None,
    )
