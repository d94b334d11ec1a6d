"""What ``splits.csv`` of a study proves about its partitions."""

from typing import Final

import pandas as pd

from metrascope.pages import join_items
from metrascope.study_folder.contents import Study
from metrascope.study_folder.readers import read_study_table

_SHOWN: Final = 10
_COLUMNS: Final = ("patient_id", "label", "fold", "partition")


def fold_counts(study: Study) -> dict[str, dict[str, int]]:
    """Return the number of patients of each partition in each fold; empty without the file.

    Raises
    ------
    StudyError
        If the file cannot be used.
    """
    counts: dict[str, dict[str, int]] = {}
    for fold, rows in _split(study).groupby("fold", sort=False):
        sizes = rows.groupby("partition")["patient_id"].nunique()
        names = ("train", "validation", "test")
        counts[str(fold)] = {name: int(sizes.get(name, 0)) for name in names}
    return counts


def is_disjoint(study: Study) -> bool:
    """Tell whether the file shows that no patient is in two partitions of a fold."""
    split = _split(study)
    return bool(len(split)) and not split.duplicated(["patient_id", "fold"]).any()


def evaluates_each_once(study: Study) -> bool:
    """Tell whether every patient is in the evaluated partition of exactly one fold."""
    split = _split(study)
    held = split["patient_id"][split["partition"] == study.partition]
    return held.is_unique and set(held) == set(split["patient_id"])


def written_folds(study: Study, lang: str) -> str:
    """Write the patients of each fold, training / validation / test, the first ten of many."""
    folds = [
        f"{sizes['train']} / {sizes['validation']} / {sizes['test']}"
        for sizes in fold_counts(study).values()
    ]
    return join_items(folds[:_SHOWN] + ["…"] * (len(folds) > _SHOWN), lang, "semicolon")


def _split(study: Study) -> pd.DataFrame:
    return read_study_table(study.folder / "splits.csv", "input", _COLUMNS, ())
