"""Prediction sets: every class that the validation patients do not rule out for a case.

Split conformal prediction, class by class (Mondrian). How badly a case fits class k is 1 minus the
probability of k; k is in the set if at least a stated share of the validation patients of class k
fits no better. No probability has to be right for that.

Vovk V. Conditional validity of inductive conformal predictors. ACML 2012. For several images of
one patient: Lee Y, Barber RF, Willett R. Distribution-free inference with hierarchical data. 2023.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metrascope.arrays import Floats
from metrascope.errors import SettingsError

Unit = Literal["patient", "image"]
Score = Annotated[float, Field(ge=0, le=1)]
Rank = Annotated[float, Field(ge=0)]

MOST_SCORES: Final = 1000
"""Scores that are kept of a class."""
# Decimals of scores that are written: as many as probabilities have in the table for programs.
_DIGITS: Final = 6
_SLACK: Final = 1e-9
"""Lost in floating point: ``20 * (1 - 0.1)`` is a little more than 18."""


class Calibration(BaseModel):
    """How the validation patients of one class fit it.

    Attributes
    ----------
    patients
        How many there are, n.
    scores
        1 minus the probability of the class, distinct, ascending; at most `MOST_SCORES`,
        rounded up.
    ranks
        For each score, how many patients fit as well or better, ascending. Of the images of a
        patient with m of them, each counts 1/m.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    patients: Annotated[int, Field(ge=0, le=10**9)]
    scores: Annotated[tuple[Score, ...], Field(max_length=MOST_SCORES)]
    ranks: Annotated[tuple[Rank, ...], Field(max_length=MOST_SCORES)]

    @model_validator(mode="after")
    def _sound(self) -> "Calibration":
        if len(self.scores) != len(self.ranks) or bool(self.patients) != bool(self.scores):
            raise ValueError("scores and ranks do not belong together")
        for values in (self.scores, self.ranks):
            if any(after <= before for before, after in pairwise(values)):
                raise ValueError("scores or ranks do not ascend")
        if self.ranks and abs(self.ranks[-1] - self.patients) > 1e-6 * self.patients:
            raise ValueError("the last rank is not the number of patients")
        return self

    def limit(self, confidence: float) -> float:
        """Return the worst fit that is still in the set; infinite where patients are too few."""
        needed = (self.patients + 1) * confidence - _SLACK
        place = bisect_left(self.ranks, needed)
        return self.scores[place] if place < len(self.scores) else math.inf


class Conformal(BaseModel):
    """Class-conditional conformal prediction; part of a bundle's ``model.json``.

    What is guaranteed: of future patients of class k, on average over the draw of the validation
    patients, at least the asked share has k in their set, if they come from where the validation
    patients of class k came from. What is not: the share for one validation set (it scatters
    around the asked one, with a standard deviation of about sqrt(c (1 - c) / n)), for another
    hospital or scanner, within a subgroup, or among the patients with a certain set. The
    temperature is fitted to the same patients, one number; its effect is measured in
    ``benchmarks/conformal.py`` together with everything else.

    Attributes
    ----------
    classes
        Labels, in the order of the probabilities.
    patient
        By class, of patients: the probabilities of a patient's images are averaged.
    image
        By class, of single images: the guarantee is for one image, drawn at random, of a new
        patient.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    patient: tuple[Calibration, ...]
    image: tuple[Calibration, ...]

    @model_validator(mode="after")
    def _sound(self) -> "Conformal":
        if {len(self.patient), len(self.image)} != {len(self.classes)}:
            raise ValueError("not one calibration for each class")
        return self

    def prediction_set(
        self, probabilities: npt.ArrayLike, confidence: float, unit: Unit = "patient"
    ) -> tuple[str, ...]:
        """Return the classes that cannot be ruled out, in class order.

        Parameters
        ----------
        probabilities
            (classes,), calibrated, as they were when this was fitted; of a patient the mean over
            her images.
        confidence
            Share of each class's patients whose class shall be in the set, above 0 and below 1.
        unit
            What the probabilities are of.

        Returns
        -------
        Any number of classes: none where the case fits no class as well as it should. A class
        with too few validation patients for the asked confidence is always there; see
        `undecided`. A higher confidence never gives a smaller set.

        Raises
        ------
        SettingsError
            If the confidence is not between 0 and 1.
        ValueError
            If there is not one probability for each class.
        """
        values = np.asarray(probabilities, dtype=np.float64)
        if values.shape != (len(self.classes),):
            raise ValueError(f"{values.shape} probabilities for {len(self.classes)} classes")
        limits = self._limits(confidence, unit)
        fits = 1 - values <= np.asarray(limits) + _SLACK
        return tuple(label for label, fit in zip(self.classes, fits, strict=True) if fit)

    def undecided(self, confidence: float, unit: Unit = "patient") -> tuple[str, ...]:
        """Return the classes that no case rules out, because they have too few patients.

        With n validation patients of a class, at most n / (n + 1) can be asked: 9 are needed for
        90 %, 19 for 95 %, 99 for 99 %.

        Raises
        ------
        SettingsError
            If the confidence is not between 0 and 1.
        """
        limits = self._limits(confidence, unit)
        return tuple(
            label for label, limit in zip(self.classes, limits, strict=True) if math.isinf(limit)
        )

    def _limits(self, confidence: float, unit: Unit) -> list[float]:
        if not 0 < confidence < 1:
            raise SettingsError("refusal.confidence", found=confidence)
        return [found.limit(confidence) for found in getattr(self, unit)]


def fit_conformal(
    probabilities: npt.ArrayLike,
    labels: Sequence[str],
    patients: Sequence[str],
    classes: Sequence[str],
) -> Conformal:
    """Fit to the validation images of a network, which it was not trained on.

    Give it the images that would be read: where the sets are shown only for cases that are not
    refused, those that the refusal rule accepts.

    Parameters
    ----------
    probabilities
        (n, classes), calibrated; of an ensemble, the mean of its members.
    labels, patients
        Of each image. A patient with images of two classes counts in both, with those of each.
    classes
        In the order of the columns.

    Raises
    ------
    ValueError
        If the sizes do not belong together, or a label is not among the classes.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    own, who = np.asarray(labels, dtype=object), np.asarray(patients, dtype=object)
    if values.shape != (len(own), len(classes)) or own.shape != who.shape:
        raise ValueError(f"{values.shape}, {own.shape} and {who.shape} do not belong together")
    if not set(own) <= set(classes):
        raise ValueError(f"labels {sorted(set(own) - set(classes))} are not among the classes")
    by_patient, by_image = [], []
    for column, label in enumerate(classes):
        scores = 1 - values[own == label, column]
        _, unit, sizes = np.unique(
            who[own == label].astype(str), return_inverse=True, return_counts=True
        )
        means = np.bincount(unit, scores) / sizes if len(sizes) else scores
        by_patient.append(_calibration(means, np.ones(len(sizes))))
        by_image.append(_calibration(scores, 1 / sizes[unit] if len(sizes) else scores))
    return Conformal(classes=tuple(classes), patient=tuple(by_patient), image=tuple(by_image))


def _calibration(scores: Floats, weights: Floats) -> Calibration:
    # Rounding up, here and in thinning, can only make sets larger.
    unit = 10.0**_DIGITS
    rounded = np.clip(np.ceil(scores * unit - _SLACK) / unit, 0, 1)
    distinct, place = np.unique(rounded, return_inverse=True)
    ranks: Floats = np.cumsum(np.bincount(place, weights, len(distinct)), dtype=np.float64)
    if len(distinct) > MOST_SCORES:
        # From the worst fit down in equal steps, more finely where high confidence is asked.
        kept = _kept_ranks(ranks)
        distinct, ranks = distinct[kept], ranks[kept]
    total = round(float(weights.sum()))
    return Calibration(
        patients=total,
        scores=tuple(float(score) for score in distinct),
        ranks=tuple(float(rank) for rank in np.round(ranks, 9)),
    )


def _kept_ranks(ranks: Floats) -> npt.NDArray[np.int64]:
    """Return which ranks to keep: half of them evenly, half closer and closer to the worst fit."""
    total, half = ranks[-1], MOST_SCORES // 2
    evenly = np.linspace(0, 1, half)
    closing = 1 - np.geomspace(1 / total, 1, half)
    wanted = np.unique(np.concatenate([evenly, closing])) * total
    return np.unique(np.searchsorted(ranks, wanted - _SLACK).clip(0, len(ranks) - 1))
