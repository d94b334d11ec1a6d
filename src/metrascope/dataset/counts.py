"""How many patients and images each partition of a split has, and what that means."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import pandas as pd

from metrascope.classes import class_title
from metrascope.dataset.split import PARTITIONS, Split
from metrascope.messages import text

# Fewer patients than this say little of a class: if all are right, the Wilson interval of the
# sensitivity still begins at 72 %.
FEW: Final = 10
# Fewer validation patients of a class than this, and it can never be ruled out at the confidence
# of 90 % that bundles have: n / (n + 1) can be asked of n (metrascope.predict.conformal).
FEW_TO_VALIDATE: Final = 9


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


def count_patients(split: Split, images: pd.DataFrame) -> dict[tuple[int, str], int]:
    """Count the patients who have images, by fold and partition, everyone once."""
    placed = split.table[split.table["patient_id"].isin(images["patient_id"])]
    once = placed.drop_duplicates(["fold", "partition", "patient_id"])
    return dict(Counter(zip(map(int, once["fold"]), map(str, once["partition"]), strict=True)))


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


def cautions(split: Split, images: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    """Return a sentence for each partition that says little of a class, or takes most of it away.

    Parameters
    ----------
    split, images, classes
        As of `count_partitions`.
    """
    counts = count_partitions(split, images, classes)
    found = _of_sites(counts, sites(split, images))
    # Of several folds each has its own part of those who are evaluated: they count together.
    held = split.table[split.table["partition"] == split.evaluated].drop_duplicates("patient_id")
    tested = count_partitions(Split(held.assign(fold=0)), images, classes)
    if few := _few(tested, split.evaluated, FEW):
        place = text(f"design.{split.evaluated}")
        found.append(text("design.few_evaluated", partition=place, labels=few, needed=FEW))
    if few := _few(counts, "validation", FEW_TO_VALIDATE):
        key = "design.few_validate" if len(split.folds) == 1 else "design.few_validate_a_fold"
        found.append(text(key, labels=few, needed=FEW_TO_VALIDATE))
    return found


def _few(counts: pd.DataFrame, partition: str, needed: int) -> str:
    """Name the classes with too few patients in a partition of any fold, and how few at least."""
    of_partition = counts[counts["partition"] == partition]
    least = of_partition.groupby("label", sort=False)["patients"].min()
    few = {str(label): int(count) for label, count in least.items() if count < needed}
    return ", ".join(f"{class_title(label)} ({count})" for label, count in few.items())


def _of_sites(counts: pd.DataFrame, tested: dict[int, str]) -> list[str]:
    """Return a sentence for each site that says little of a class, or takes most of it away."""
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
