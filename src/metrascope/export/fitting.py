"""Fit what a bundle knows beside its graphs: familiar features, and when to refuse."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metrascope.errors import DataError
from metrascope.export.known_images import Cases
from metrascope.predict.familiarity import TrainingFeatures, fit_familiarity
from metrascope.predict.refusal import RefusalRule, disagreement, fit_refusal


def fit_training_features(cases: Cases, members: Sequence[str]) -> tuple[TrainingFeatures, ...]:
    """Fit each member's neighborhoods to its own training images.

    Raises
    ------
    DataError
        If a network gives the same features for all images: it has learned nothing.
    """
    fitted = []
    parts = zip(members, cases.features, cases.looks, cases.training, strict=True)
    for name, features, looks, chosen in parts:
        codes = cases.codes[chosen]
        try:
            known = TrainingFeatures(
                fit_familiarity(features[chosen], codes), fit_familiarity(looks[chosen], codes)
            )
        except ValueError as error:
            raise DataError("serving.nothing_learned", run=name) from error
        fitted.append(known)
    return tuple(fitted)


def fit_rule(
    cases: Cases,
    known: Sequence[TrainingFeatures],
    classes: Sequence[str],
    *,
    false_refusal_rate: float,
    confidence: float,
) -> RefusalRule:
    """Fit thresholds and prediction sets to held-out images.

    Of an image, those members speak that were not trained with it. Where that is one member
    each, as in a bundle of folds, nothing can be said of disagreement, and it refuses nothing.
    """
    numbers, probabilities = cases.held_out()
    parts = zip(known, cases.features, cases.looks, strict=True)
    scores = np.array([own.score(features, looks) for own, features, looks in parts])
    images = cases.images.iloc[numbers]
    return fit_refusal(
        probabilities,
        cases.mean_unseen(scores, numbers),
        _disagreement(cases, numbers),
        labels=images["label"].tolist(),
        patients=images["patient_id"].tolist(),
        classes=classes,
        false_refusal_rate=false_refusal_rate,
        confidence=confidence,
    )


def _disagreement(cases: Cases, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64] | None:
    chosen = cases.validation[:, numbers]
    # Of other numbers of members, mutual information is on another scale.
    if len(chosen) == 1 or not chosen.all():
        return None
    return disagreement(cases.probabilities[:, numbers])
