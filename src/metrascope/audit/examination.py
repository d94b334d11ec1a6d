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
from metrascope.audit.pairs import DuplicatePair, read_fingerprints
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
"""Columns that should not predict the class."""

# Random pairs whose scores the page shows beside those of duplicates (docs/audit.md).
_CHANCE_PAIRS: Final = 300
# Pairs under the thresholds that stay in the result, for a histogram. Chosen, not measured.
_BENEATH_KEPT: Final = 2000


@dataclass(frozen=True)
class Audit:
    """Results of an audit.

    Attributes
    ----------
    manifest, settings
        Data set and thresholds of the audit.
    classes
        Labels in class order.
    prints
        Hashes, quality and problem of each image, without the views.
    pairs
        Exact and near duplicates.
    beneath
        Pairs that came closest to being near duplicates, best first.
    chance
        Scores of pairs of images of different patients, drawn at random and not from `pairs`.
    groups
        Group of each image (`metrascope.audit.groups.patient_groups`).
    partitions
        Table of `metrascope.audit.partitions.read_partitions`; None without a split.
    leaks
        Patients, groups and pictures in several partitions.
    balances
        Class by scanner, by centre and by probe, where these are known.
    quality
        Medians by class.
    marked
        Images with marks, and images where that is recorded, by class; None without a manifest
        column ``marks``.
    gaps
        Patients or images that only the split or only the manifest has; None without a split.
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
        return tuple(pair for pair in self.pairs if labels[pair.first] != labels[pair.second])

    @property
    def joined(self) -> list[tuple[str, list[str]]]:
        """Groups of more than one patient, with their patients, in order of their names."""
        members: dict[str, set[str]] = {}
        for patient, group in zip(self.manifest.table["patient_id"], self.groups, strict=True):
            members.setdefault(group, set()).add(patient)
        groups = sorted(members.items())
        return [(group, sorted(patients)) for group, patients in groups if len(patients) > 1]

    @property
    def unusable(self) -> tuple[int, ...]:
        """Positions of the images that could not be read."""
        return tuple(row for row, fingerprint in enumerate(self.prints) if fingerprint.problem)


def examine(
    data: Path,
    scratch: Path,
    *,
    splits: Path | None = None,
    jobs: int = 1,
    progress: Advance | None = None,
    settings: AuditSettings | None = None,
) -> Audit:
    """Look for everything that the audit reports; nothing is changed or written.

    Parameters
    ----------
    data
        Folder of the data set, or its manifest.
    scratch
        Folder for the scratch file: about 80 kB for each image while the audit runs.
    splits
        Table with the partition of each patient or image.
    jobs
        Number of threads.
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
        prints, count = read_fingerprints(manifest, jobs), len(table)
        duplicates = find_duplicates(prints, count, shelf, settings, jobs=jobs, progress=progress)
        groups = patient_groups(table, duplicates.pairs)
        chance = _chance_scores(shelf, [str(groups.iat[row]) for row in duplicates.rows])
    classes, labels = order_classes(table["label"]), table["label"].tolist()
    balances = (weigh(table, column, classes) for column in CONFOUNDERS)
    leaks = [] if partitions is None else find_leaks(manifest, partitions, duplicates.pairs)
    return Audit(
        manifest=manifest,
        settings=settings,
        classes=classes,
        prints=duplicates.prints,
        pairs=duplicates.pairs,
        beneath=duplicates.beneath[:_BENEATH_KEPT],
        chance=chance,
        groups=groups,
        partitions=partitions,
        leaks=tuple(leaks),
        balances=tuple(balance for balance in balances if balance is not None),
        quality=by_class(
            labels, [fingerprint.quality for fingerprint in duplicates.prints], classes
        ),
        marked=_count_marked(table, classes),
        gaps=gaps,
    )


def _chance_scores(shelf: ViewStore, groups: Sequence[str]) -> tuple[float, ...]:
    """Compare images of different groups, drawn at random, as if they were candidates."""
    if len(set(groups)) < 2:
        return ()
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(_CHANCE_PAIRS):
        first, second = rng.choice(len(shelf), 2, replace=False).tolist()
        if groups[first] != groups[second]:
            flipped = bool(rng.integers(2))
            agreement = compare_views(shelf.view(first), shelf.view(second), flipped=flipped)
            scores.append(agreement.score)
    return tuple(scores)


def _count_marked(table: pd.DataFrame, classes: Sequence[str]) -> dict[str, tuple[int, int]] | None:
    """Count the images with marks, as ``marks`` has them: ``caliper:4 text:2``, or ``none``."""
    if "marks" not in table or not (table["marks"] != "").any():
        return None
    recorded = table[table["marks"] != ""]
    return {
        label: (
            int((recorded.loc[recorded["label"] == label, "marks"] != "none").sum()),
            int((recorded["label"] == label).sum()),
        )
        for label in classes
    }
