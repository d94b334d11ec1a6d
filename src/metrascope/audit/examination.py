"""Examine a data set: duplicates, leaks, groups, balance and quality."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from metrascope.audit.confounding import Balance, weigh
from metrascope.audit.duplicates import find_duplicates
from metrascope.audit.groups import patient_groups
from metrascope.audit.leaks import Leak, find_leaks
from metrascope.audit.pairs import DuplicatePair
from metrascope.audit.partitions import Gaps, find_gaps, read_partitions
from metrascope.audit.quality import by_class
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import ViewStore, open_shelf
from metrascope.audit.verification import compare_views
from metrascope.audit.views import Fingerprint
from metrascope.classes import order_classes
from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.progress import Advance

CONFOUNDERS: Final = ("scanner", "centre", "probe")
"""Columns that should tell nothing of the class."""

_CHANCE_PAIRS: Final = 300
_BENEATH_KEPT: Final = 2000


@dataclass(frozen=True)
class Audit:
    """What was found in a data set.

    Attributes
    ----------
    manifest, settings
        What was audited, and how.
    classes
        In class order.
    prints
        Hashes, quality and problem of each image, without the views.
    pairs
        Exact and near duplicates.
    beneath
        The pairs that came closest to being near duplicates, best first.
    chance
        Scores of pairs of images of different patients, drawn at random and not from `pairs`.
    groups
        `metrascope.audit.groups.patient_groups`.
    partitions
        `metrascope.audit.partitions.read_partitions`; None without a split.
    leaks
        What stands in several partitions.
    balances
        Class by scanner, by centre and by probe, where these are known.
    quality
        Medians by class.
    marked
        Images with marks, images where that is recorded, by class; None where no manifest
        column ``marks`` tells.
    gaps
        Where the split and the manifest do not fit; None without a split.
    """

    manifest: Manifest
    settings: AuditSettings
    classes: tuple[str, ...]
    prints: tuple[Fingerprint, ...]
    pairs: tuple[DuplicatePair, ...]
    beneath: tuple[DuplicatePair, ...]
    chance: tuple[float, ...]
    groups: "pd.Series[str]"
    partitions: pd.DataFrame | None
    leaks: tuple[Leak, ...]
    balances: tuple[Balance, ...]
    quality: pd.DataFrame
    marked: dict[str, tuple[int, int]] | None
    gaps: Gaps | None = None

    @property
    def conflicts(self) -> tuple[DuplicatePair, ...]:
        """Pairs whose images have different labels."""
        labels = self.manifest.table["label"].tolist()
        return tuple(p for p in self.pairs if labels[p.first] != labels[p.second])

    @property
    def joined(self) -> list[tuple[str, list[str]]]:
        """Groups of more than one patient, with their patients, in order of their names."""
        members: dict[str, set[str]] = {}
        for patient, group in zip(self.manifest.table["patient_id"], self.groups, strict=True):
            members.setdefault(group, set()).add(patient)
        named = sorted(members.items())
        return [(group, sorted(found)) for group, found in named if len(found) > 1]

    @property
    def unusable(self) -> tuple[int, ...]:
        """Positions of the images that could not be read."""
        return tuple(row for row, taken in enumerate(self.prints) if taken.problem)


def examine(
    data: Path,
    scratch: Path,
    *,
    splits: Path | None = None,
    jobs: int = 1,
    progress: Advance | None = None,
    settings: AuditSettings | None = None,
) -> Audit:
    """Look for everything that the audit tells of; nothing is changed or written.

    Parameters
    ----------
    data
        The data set's folder, or its manifest.
    scratch
        Folder for the scratch file: about 80 kB for each image while the audit runs.
    splits
        Which patient, or which image, is in which partition.
    jobs
        Threads.
    progress
        Called as images are read (nine tenths) and pairs are verified.
    settings
        Thresholds; the built-in ones if not given.

    Raises
    ------
    DataError
        If the manifest or the split cannot be used. An image that cannot is part of the result.
    """
    settings = settings or AuditSettings()
    manifest = read_manifest(data)
    table = manifest.table
    partitions = None if splits is None else read_partitions(splits, table)
    gaps = None if splits is None else find_gaps(splits, table)
    with open_shelf(scratch) as shelf:
        found = find_duplicates(manifest, shelf, settings, jobs=jobs, progress=progress)
        groups = patient_groups(table, found.pairs)
        chance = _chance(shelf, [str(groups.iat[row]) for row in found.rows])
    classes, labels = order_classes(table["label"]), table["label"].tolist()
    balances = (weigh(table, column, classes) for column in CONFOUNDERS)
    leaks = [] if partitions is None else find_leaks(manifest, partitions, found.pairs)
    return Audit(
        manifest=manifest,
        settings=settings,
        classes=classes,
        prints=found.prints,
        pairs=found.pairs,
        beneath=found.beneath[:_BENEATH_KEPT],
        chance=chance,
        groups=groups,
        partitions=partitions,
        leaks=tuple(leaks),
        balances=tuple(balance for balance in balances if balance is not None),
        quality=by_class(labels, [taken.quality for taken in found.prints], classes),
        marked=_marked(table, classes),
        gaps=gaps,
    )


def _chance(shelf: ViewStore, groups: Sequence[str]) -> tuple[float, ...]:
    """Compare images of different groups, drawn at random, as if they were candidates."""
    if len(set(groups)) < 2:
        return ()
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(_CHANCE_PAIRS):
        first, second = rng.choice(len(shelf), 2, replace=False).tolist()
        if groups[first] != groups[second]:
            flipped = bool(rng.integers(2))
            found = compare_views(shelf.view(first), shelf.view(second), flipped=flipped)
            scores.append(found.score)
    return tuple(scores)


def _marked(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, tuple[int, int]] | None:
    """Count the images with marks, as ``marks`` has them: ``caliper:4 text:2``, or ``none``."""
    if "marks" not in table or not (table["marks"] != "").any():
        return None
    known = table[table["marks"] != ""]
    return {
        label: (
            int((known.loc[known["label"] == label, "marks"] != "none").sum()),
            int((known["label"] == label).sum()),
        )
        for label in classes
    }
