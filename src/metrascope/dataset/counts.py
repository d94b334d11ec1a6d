"""How many patients and images each partition of a split has, and what that means."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from metrascope.classes import class_title
from metrascope.dataset.split import PARTITIONS, Split
from metrascope.messages import text

# Fewer patients than this say little of a class: if all are right, the Wilson interval of the
# sensitivity still begins at 72 %.
FEW: Final = 10


def count_partitions(split: Split, images: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Count patients and images by fold, partition and class.

    A patient with images of two classes is counted under both.

    Parameters
    ----------
    split
        Split of these images.
    images
        Table of a manifest.
    classes
        Labels in class order.

    Returns
    -------
    Columns ``fold, partition, label, patients, images``: a row for every fold, every partition
    that the split uses anywhere, and every class.
    """
    placed = images[["patient_id", "label"]].merge(
        split.table[["patient_id", "fold", "partition"]], on="patient_id"
    )
    grouped = placed.groupby(["fold", "partition", "label"])["patient_id"]
    counts = grouped.agg(patients="nunique", images="size")
    used = [name for name in PARTITIONS if name in set(split.table["partition"])]
    every = pd.MultiIndex.from_product(
        [split.folds, used, list(classes)], names=["fold", "partition", "label"]
    )
    return counts.reindex(every, fill_value=0).reset_index()


def sites(split: Split, images: pd.DataFrame) -> dict[int, str]:
    """Return the scanner or centre that each fold tests, empty where folds are not by site."""
    for column in ("scanner", "centre"):
        if column not in images:
            continue
        by_fold: dict[int, str] = {}
        for fold in split.folds:
            tested = set(images[column].iloc[split.rows(images, "test", fold)])
            if len(tested) == 1:
                by_fold[fold] = tested.pop()
        if len(by_fold) > 1 and len(set(by_fold.values())) == len(split.folds):
            return by_fold
    return {}


def cautions(counts: pd.DataFrame, tested: dict[int, str]) -> list[str]:
    """Return a sentence for each site that says little of a class, or takes most of it away.

    Parameters
    ----------
    counts
        Table of `count_partitions`.
    tested
        Site by fold, as `sites` returns it.
    """
    sentences = []
    for fold, site in tested.items():
        of_fold = counts[counts["fold"] == fold]
        patients = of_fold.pivot(index="label", columns="partition", values="patients")
        patients = patients.loc[of_fold["label"].unique()]  # in class order, as they came
        rest = patients[["train", "validation"]].sum(axis=1)
        tested_of = {str(label): int(count) for label, count in patients["test"].items()}
        few = [f"{class_title(name)} ({n})" for name, n in tested_of.items() if n < FEW]
        most = [class_title(name) for name, n in tested_of.items() if n > rest[name]]
        if few:
            sentences.append(text("design.few_tested", site=site, fold=fold, labels=", ".join(few)))
        if most:
            sentences.append(
                text("design.most_tested", site=site, fold=fold, labels=", ".join(most))
            )
    return sentences
