"""Designs of a study: hold-out, stratified k-fold, leave one scanner or centre out.

In every fold of the last two the held-out part is the test. Of the rest a share validates, on
which a temperature, thresholds or the best epoch are chosen, so that no choice sees the test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from metrascope.dataset.split import (
    Split,
    class_counts,
    draw_units,
    drawn_patients,
    place_patients,
    share_counts,
    split_patients,
    split_units,
    unit_labels,
)
from metrascope.errors import DataError
from metrascope.settings.study_settings import SplitSettings

LEFT: Final = 2
"""Units of each class that a fold must leave: one to train and one to validate."""


@dataclass(frozen=True)
class _HeldOut:
    """The units of a fold that its training must not see."""

    test: set[str]
    excluded: set[str]


def draw_split(images: pd.DataFrame, classes: Sequence[str], settings: SplitSettings) -> Split:
    """Draw the folds of a design, by patient, stratified by label.

    Patients of one ``patient_group`` are one unit. Repeat r of k folds has the folds
    r * k … r * k + k - 1. A patient with images of several scanners (or a group that has) is
    never tested on one of them alone: she is excluded from the folds that test one of hers,
    since training on her would show that scanner, and trains in the others.

    Parameters
    ----------
    images
        Table of a manifest; a patient is in one ``patient_group``.
    classes
        Labels in class order.
    settings
        Settings of the design. The same seed and the same patients give the same folds.

    Raises
    ------
    DataError
        If a label is not among the classes, a class has too few patients for the design, or the
        column of scanners or centres is absent, has a gap or a single value.
    """
    if settings.design == "holdout":
        return split_patients(
            images,
            classes,
            validation=settings.validation,
            test=settings.test,
            seed=settings.seed,
        )
    units, patients = unit_labels(images, classes), drawn_patients(images, classes)
    if settings.design == "kfold":
        _check_enough(class_counts(units, classes), settings.folds)
        repeats = range(settings.repeats)
        folds = [fold for repeat in repeats for fold in _deal(patients, classes, settings, repeat)]
    else:
        folds = _by_site(images, units, classes, settings.by)
    tables = []
    for fold, held_out in enumerate(folds):
        rest = units[~units.index.isin(held_out.test | held_out.excluded)]
        counts = share_counts(class_counts(rest, classes), settings.validation)
        rng = np.random.default_rng([settings.seed, 1, fold])
        validating = draw_units(rest, counts, rng)
        places = {
            "validation": validating,
            "test": held_out.test,
            "excluded": held_out.excluded,
        }
        tables.append(place_patients(patients, places, fold))
    return Split(pd.concat(tables, ignore_index=True))


def _check_enough(counts: dict[str, int], folds: int) -> None:
    needed = max(folds, 2 * LEFT if folds == 2 else 0)
    for label, count in counts.items():
        if count < needed:
            raise DataError(
                "design.too_few_for_folds", label=label, count=count, folds=folds, needed=needed
            )


def _deal(
    patients: pd.DataFrame, classes: Sequence[str], settings: SplitSettings, repeat: int
) -> list[_HeldOut]:
    """Deal the units out, large groups first, each to the fold that has least of its classes.

    Patients who are units of their own come out within one of equal shares, by class and in all.
    """
    table = pd.crosstab(patients["unit"], patients["label"]).reindex(columns=list(classes))
    table = table.fillna(0).sort_index()
    names, counts = [str(name) for name in table.index], table.to_numpy(np.int64)
    rng = np.random.default_rng([settings.seed, 0, repeat])
    shuffled = rng.permutation(len(names))
    sizes, labels = counts.sum(axis=1), counts.argmax(axis=1)
    order = shuffled[np.lexsort((labels[shuffled], -sizes[shuffled]))]
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    dealt = np.zeros((settings.folds, len(classes)))
    folds = [set[str]() for _ in range(settings.folds)]
    for unit in order:
        # How many of the unit's classes each fold has; rounded, so that ties are ties, which the
        # smaller fold wins.
        crowd = np.round(dealt @ shares[unit], 12)
        fold = np.lexsort((dealt.sum(axis=1), crowd))[0]
        dealt[fold] += counts[unit]
        folds[fold].add(names[unit])
    return [_HeldOut(test, set()) for test in folds]


def _by_site(
    images: pd.DataFrame, units: "pd.Series[str]", classes: Sequence[str], column: str
) -> list[_HeldOut]:
    sites = images[column] if column in images else pd.Series("", images.index)
    if (sites == "").all():
        raise DataError("design.no_site", column=column)
    gaps = sites.index[sites == ""]
    if len(gaps):
        other = "centre" if column == "scanner" else "scanner"
        raise DataError("design.site_gap", column=column, count=len(gaps), row=gaps[0], other=other)
    if sites.nunique() < 2:
        raise DataError("design.one_site", column=column, site=sites.iat[0])
    touching = sites.groupby(split_units(images)).agg(set)
    folds = []
    for site in sorted(set(sites)):
        touched = {str(unit) for unit, of_unit in touching.items() if site in of_unit}
        test = {unit for unit in touched if len(touching[unit]) == 1}
        if not test:
            raise DataError("design.never_alone", column=column, site=site)
        left = class_counts(units[~units.index.isin(touched)], classes)
        for label, count in left.items():
            if count < LEFT:
                raise DataError(
                    "design.too_few_left", column=column, site=site, label=label, count=count
                )
        folds.append(_HeldOut(test, touched - test))
    return folds
