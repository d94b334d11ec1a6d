"""All numbers of some predictions: the content of ``metrics.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from metrascope.errors import DataError
from metrascope.statistics.agreement import (
    agreement_table,
    ensemble,
    fleiss_kappa,
    missed_by_all,
)
from metrascope.statistics.calibration import calibration
from metrascope.statistics.cohort import Cohort, Readings, cohort
from metrascope.statistics.comparison import compare_networks
from metrascope.statistics.decision_curves import decision_curves
from metrascope.statistics.interval import Interval
from metrascope.statistics.measures import confusion_counts, overall
from metrascope.statistics.operating_points import operating_points
from metrascope.statistics.performance import performance
from metrascope.statistics.power import for_width
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.questions import binary_performance, collapses
from metrascope.statistics.resampling import (
    REPLICATES,
    Resamples,
    bca,
    draw_patients,
    replicate,
)
from metrascope.statistics.roc_curves import roc_curves
from metrascope.statistics.subgroups import subgroups

_SEED: Final = 0


def evaluate_predictions(
    predictions: Predictions,
    *,
    attributes: pd.DataFrame | None = None,
    prevalence: Mapping[str, float] | None = None,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """Return the content of ``metrics.json``.

    The test partition is evaluated where there is one, else the validation partition. The unit is
    the patient; see `metrascope.statistics.cohort`. The readings of all folds are pooled. With
    several seeds or repeats every number is the mean of theirs, and the confusion matrix their sum.

    Macro averages are unweighted means over the classes that have patients, so the macro F1 is the
    mean of the class F1s. A class that is never predicted has a precision of 0.

    Parameters
    ----------
    predictions
        Valid predictions table.
    attributes
        Attributes of each image, as `metrascope.statistics.attributes` returns them; for
        subgroups.
    prevalence
        Share of each class at which predictive values and net benefit are stated, adding up to 1.
    replicates
        Number of bootstrap resamples.

    Raises
    ------
    DataError
        If there is no row to evaluate, a network lacks the partition of the others, or the
        prevalence does not name every class or does not add up to 1.
    """
    # Sums over threads come in no fixed order; with one the file is the same bytes.
    with threadpool_limits(limits=1):
        return _metrics(predictions, attributes, prevalence, replicates)


def _metrics(
    predictions: Predictions,
    attributes: pd.DataFrame | None,
    prevalence: Mapping[str, float] | None,
    replicates: int,
) -> dict[str, Any]:
    people = cohort(predictions)
    classes = people.classes
    if prevalence is not None:
        check_prevalence(prevalence, classes)
    resamples = draw_patients(people.table["patient_id"], replicates=replicates, seed=_SEED)
    networks, macro_f1 = {}, {}
    for name, readings in people.readings.items():
        alone, of_network = _network_resamples(people, readings, resamples)
        networks[name], macro_f1[name] = performance(alone, classes, of_network, prevalence)
        networks[name]["collapses"] = _collapses(readings, classes)
        networks[name]["patients_needed"] = _patients_needed(networks[name])
    content: dict[str, Any] = {
        "classes": list(classes),
        "unit": "patient",
        "partition": people.partition,
        "n": len(people.table),
        "patients": people.patients,
        "images": int(people.table["images"].str.count(r" \| ").sum()) + len(people.table),
        "replicates": replicates,
        "majority": _majority(people),
        "networks": networks,
    }
    if prevalence is not None:
        content["prevalence"] = dict(prevalence)
    # Empty where predictions are labels alone.
    from_probabilities = {
        "calibration": calibration(people, predictions),
        "operating_points": operating_points(people, predictions),
        "decision": decision_curves(people, resamples, prevalence=prevalence),
        "roc": roc_curves(people, resamples),
    }
    content |= {name: numbers for name, numbers in from_probabilities.items() if numbers}
    shared = people.common()
    if shared is not None and attributes is not None and len(attributes.columns):
        content["subgroups"] = subgroups(shared, attributes, resamples)
    if len(networks) > 1 and shared is not None:
        scores = networks
        # Networks are compared on the patients that all of them read, with the same resamples.
        if any(len(one.units) < len(people.table) for one in people.readings.values()):
            pairs = shared.readings.items()
            of_shared = {name: performance(one, classes, resamples) for name, one in pairs}
            macro_f1 = {name: f1 for name, (_, f1) in of_shared.items()}
            scores = {name: numbers for name, (numbers, _) in of_shared.items()}
        intervals = {name: _macro_f1(numbers) for name, numbers in scores.items()}
        content["comparisons"] = compare_networks(shared, macro_f1, intervals)
        content |= _agreement_numbers(people, shared, resamples, prevalence)
    return {name: _json_value(value) for name, value in content.items()}


def _network_resamples(
    people: Cohort, readings: Readings, resamples: Resamples
) -> tuple[Readings, Resamples]:
    """Return the readings and resamples of the patients that a network read, all or fewer."""
    if len(readings.units) == len(people.table):
        return readings, resamples
    names = people.table["patient_id"].iloc[readings.units]
    alone = replace(readings, units=np.arange(len(readings.units)))
    return alone, draw_patients(names, replicates=len(resamples.counts), seed=_SEED)


def _json_value(value: Any) -> Any:
    """Replace what is not defined by None: JSON has no NaN."""
    if isinstance(value, Mapping):
        return {name: _json_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def check_prevalence(prevalence: Mapping[str, float], classes: Sequence[str]) -> None:
    """Refuse shares that do not name every class, or do not add up to 1, with a DataError."""
    shares = list(prevalence.values())
    complete = abs(sum(shares) - 1) < 1e-6 and min(shares) >= 0
    if set(prevalence) != set(classes) or not complete:
        stated = ", ".join(f"{label}={share:g}" for label, share in prevalence.items())
        raise DataError("evaluation.prevalence", given=stated, classes=", ".join(classes))


def _collapses(readings: Readings, classes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "positive": [classes[label] for label in question.positive],
            "negative": [classes[label] for label in question.negative],
            **binary_performance(readings, question),
        }
        for question in collapses(classes)
    ]


def _patients_needed(numbers: Mapping[str, Any]) -> int | None:
    """Return how many patients bring the macro F1 to 5 points either way."""
    return for_width(_macro_f1(numbers), numbers["patients"])


def _macro_f1(numbers: Mapping[str, Any]) -> Interval:
    entry = numbers["macro_f1"]
    ends = (np.nan if entry[end] is None else entry[end] for end in ("value", "low", "high"))
    return Interval(*ends)


def _agreement_numbers(
    people: Cohort,
    shared: Cohort,
    resamples: Resamples,
    prevalence: Mapping[str, float] | None,
) -> dict[str, Any]:
    """Return where the networks agree, on the patients that all of them read."""
    voting = ensemble(shared)
    numbers, _ = performance(voting, people.classes, resamples, prevalence)
    numbers["collapses"] = _collapses(voting, people.classes)
    kappa = replicate(fleiss_kappa(shared), resamples)
    low, high = bca(kappa, -1, 1)
    images = people.table["images"]
    return {
        "ensemble": numbers,
        "agreement": {
            "fleiss_kappa": Interval(float(kappa.value), float(low), float(high)).json(),
            "alike": agreement_table(shared),
            "missed_by_all": [str(images.iat[row]) for row in missed_by_all(shared)],
        },
    }


def _majority(people: Cohort) -> dict[str, Any]:
    """Return the score of always naming the most frequent class."""
    classes = people.classes
    places = {name: i for i, name in enumerate(classes)}
    truth = people.table["label"].map(places).to_numpy(np.int64)
    most = int(np.bincount(truth, minlength=len(classes)).argmax())
    first = next(iter(people.readings.values()))
    guess = replace(
        first,
        seeds=(0,),
        units=np.arange(len(truth)),
        truth=np.asarray(truth, dtype=np.int64),
        clusters=np.arange(len(truth)),
        predicted=np.full((1, len(truth)), most),
        probabilities=None,
    )
    scores = overall(confusion_counts(guess, np.ones((1, len(truth)), dtype=np.float32)))
    numbers = {name: {"value": float(scores[name][0, 0])} for name in ("accuracy", "macro_f1")}
    return {"label": classes[most], **numbers}
