"""When a bundle says that it cannot read a case, and why.

Two things refuse an image: it is unlike the training images, or the networks of an ensemble
disagree about it. The thresholds of both are fitted together to validation images, so that
at most a stated share of images like those is refused. A prediction set that is empty or has
every class is a reason of its own; how often that happens in validation is measured and stored.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from metrascope.arrays import Floats
from metrascope.messages import Reason, language, table, text
from metrascope.predict.conformal import Conformal, Unit, fit_conformal
from metrascope.predict.reading import Notice

_Share = Annotated[float, Field(ge=0, le=1)]
Inside = Annotated[float, Field(gt=0, lt=1)]

_STRANGERS: Final = ("refusal.unfamiliar", "refusal.disagreement")
_DAMAGED: Final = {"dicom": "damaged", "picture": "damaged"}
_ADVISED: Final = (
    "dicom.bad_deflated",
    "dicom.bad_header",
    "dicom.chroma",
    "dicom.no_codec",
    "dicom.photometric",
    "dicom.unsupported_syntax",
    "picture.too_many_pages",
    "picture.undecodable",
    "usability.planes",
)
"""Reasons whose sentence says itself what to do."""
# Share of images like those of validation that may be refused as unfamiliar. Chosen.
FALSE_REFUSAL_RATE: Final = 0.05
MOST_REFUSED: Final = 0.15
"""Of images like those of validation; a bundle that refuses more is of little use in a ward."""
# Share of patients whose prediction set holds the true class. Chosen.
CONFIDENCE: Final = 0.9


@dataclass(frozen=True)
class Verdict:
    """What may be said of an image or a patient.

    Attributes
    ----------
    labels
        The prediction set, in class order; empty where nothing could be read.
    reasons
        Why it is refused; empty where it is not.
    probabilities
        (classes,), of a patient the mean over the images that were read; None where none was.
    """

    labels: tuple[str, ...]
    reasons: tuple[Reason, ...]
    probabilities: Floats | None

    @property
    def usable(self) -> bool:
        """Whether the reading of a patient may rest on it, though it may decide nothing itself."""
        return not any(reason.key in _STRANGERS for reason in self.reasons)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Refusals(_Record):
    """What the rule does to the validation images and patients that it was fitted to.

    Attributes
    ----------
    images, patients
        How many there are.
    unfamiliar, disagreeing, either
        Share of the images that is refused for each reason, and for one or both.
    empty_image, full_image, other_image
        Share of the images that are left whose prediction set is empty, has every class, or has
        classes and not the likeliest.
    empty_patient, full_patient, other_patient
        The same of the patients with an image left.
    """

    images: Annotated[int, Field(ge=1, le=10**9)]
    patients: Annotated[int, Field(ge=1, le=10**9)]
    unfamiliar: _Share
    disagreeing: _Share
    either: _Share
    empty_image: _Share
    full_image: _Share
    other_image: _Share
    empty_patient: _Share
    full_patient: _Share
    other_patient: _Share

    @property
    def undecided_image(self) -> float:
        """Share of the images left of which the prediction set leaves no reading."""
        return self.empty_image + self.full_image + self.other_image

    @property
    def refused_image(self) -> float:
        """Share of the images that are refused for whatever reason."""
        return self.either + (1 - self.either) * self.undecided_image


class RefusalRule(_Record):
    """When a case is refused; part of a bundle's ``model.json``.

    Attributes
    ----------
    false_refusal_rate
        Asked: at most so many of the images like those of validation are refused because they are
        unfamiliar or the networks disagree.
    unfamiliar_above
        Refused if `metrascope.predict.familiarity.Familiarity.score` is above it.
    disagreement_above
        Refused if `disagreement` is above it; None for a single network.
    confidence
        Of prediction sets, unless another is asked for.
    conformal
        The sets, fitted to the validation images that are not refused.
    validation
        What came of it there.
    """

    false_refusal_rate: Inside
    unfamiliar_above: Annotated[float, Field(ge=0)]
    disagreement_above: Annotated[float, Field(ge=0)] | None
    confidence: Inside
    conformal: Conformal
    validation: Refusals

    @property
    def expected_refusals(self) -> float:
        """Share of new images like those of validation that will be refused, on average.

        By each score a new image is as likely as any of the n to be among the strangest of n + 1:
        see `_limits`.
        """
        found = self.validation
        scores = 1 if self.disagreement_above is None else 2
        strangers = min(1.0, (found.either * found.images + scores) / (found.images + 1))
        return strangers + (1 - strangers) * found.undecided_image

    def too_few(self, unit: Unit = "image") -> dict[str, int]:
        """Return the classes that no case rules out, each with its validation patients."""
        classes = self.conformal.undecided(self.confidence, unit)
        counts = dict(zip(self.conformal.classes, getattr(self.conformal, unit), strict=True))
        return {label: counts[label].patients for label in classes}

    def image(
        self,
        probabilities: npt.ArrayLike,
        unfamiliarity: float,
        disagreement: float = 0.0,
        confidence: float | None = None,
    ) -> Verdict:
        """Judge one image.

        Parameters
        ----------
        probabilities
            (classes,), calibrated, the mean over the networks.
        unfamiliarity, disagreement
            The scores.
        confidence
            Of the prediction set; the rule's own where None.

        Raises
        ------
        SettingsError
            If the confidence is not between 0 and 1.
        """
        reasons = self._reasons(unfamiliarity, disagreement)
        if reasons:
            return Verdict((), reasons, np.asarray(probabilities, dtype=np.float64))
        return self._verdict(probabilities, confidence, "image")

    def patient(
        self,
        probabilities: npt.ArrayLike,
        unfamiliarity: npt.ArrayLike,
        disagreement: npt.ArrayLike | None = None,
        confidence: float | None = None,
    ) -> Verdict:
        """Judge a patient by all her images: those that are not refused are averaged.

        Parameters
        ----------
        probabilities
            (images, classes).
        unfamiliarity, disagreement
            (images,), the scores.
        confidence
            As in `image`.

        Returns
        -------
        Refused with the reasons of her images where none is left.

        Raises
        ------
        SettingsError
            If the confidence is not between 0 and 1.
        """
        values = np.asarray(probabilities, dtype=np.float64)
        strange = np.asarray(unfamiliarity, dtype=np.float64)
        apart = np.zeros(len(values)) if disagreement is None else np.asarray(disagreement)
        found = [self._reasons(float(u), float(d)) for u, d in zip(strange, apart, strict=True)]
        read = np.array([not reasons for reasons in found], dtype=bool)
        if not read.any():
            first = {reason.key: reason for reasons in reversed(found) for reason in reasons}
            return Verdict((), tuple(first.values()), None)
        return self.mean(values[read].mean(axis=0), confidence)

    def mean(self, probabilities: npt.ArrayLike, confidence: float | None = None) -> Verdict:
        """Judge the mean over the images of a patient, or frames of a loop, that can be used.

        Parameters
        ----------
        probabilities
            (classes,).
        confidence
            As in `image`.

        Raises
        ------
        SettingsError
            If the confidence is not between 0 and 1.
        """
        return self._verdict(probabilities, confidence, "patient")

    def _reasons(self, unfamiliarity: float, disagreement: float) -> tuple[Reason, ...]:
        reasons = []
        if not unfamiliarity <= self.unfamiliar_above:  # nor is a number that is none familiar
            times = min(unfamiliarity / max(self.unfamiliar_above, 1e-9), 999.0)
            reasons.append(Reason("refusal.unfamiliar", {"times": _rounded_text(times)}))
        limit = self.disagreement_above
        if limit is not None and not disagreement <= limit:
            reasons.append(Reason("refusal.disagreement"))
        return tuple(reasons)

    def _verdict(
        self, probabilities: npt.ArrayLike, confidence: float | None, unit: Unit
    ) -> Verdict:
        asked = self.confidence if confidence is None else confidence
        labels = self.conformal.prediction_set(probabilities, asked, unit)
        values = np.asarray(probabilities, dtype=np.float64)
        percent: dict[str, str | int | float] = {"percent": f"{100 * asked:g}"}
        if not labels:
            return Verdict(labels, (Reason("refusal.empty_set", percent),), values)
        likeliest = self.conformal.classes[int(values.argmax())]
        if likeliest not in labels:
            return Verdict(labels, (Reason("refusal.other_set", percent),), values)
        if len(labels) < len(self.conformal.classes):
            return Verdict(labels, (), values)
        few = bool(self.conformal.undecided(asked, unit))
        key = "refusal.few_patients" if few else "refusal.full_set"
        return Verdict(labels, (Reason(key, percent),), values)


def disagreement(probabilities: npt.ArrayLike) -> Floats:
    """Return how much the networks of an ensemble disagree: the mutual information, in nats.

    The entropy of the mean probabilities, less the mean of the entropies: 0 where all say the
    same, at most log(networks). Houlsby N et al. 2011; Lakshminarayanan B et al. NeurIPS 2017.

    Parameters
    ----------
    probabilities
        (networks, n, classes).

    Returns
    -------
    (n,).
    """
    values = np.asarray(probabilities, dtype=np.float64)
    difference = _entropy(values.mean(axis=0)) - _entropy(values).mean(axis=0)
    return np.asarray(np.maximum(difference, 0.0), dtype=np.float64)


def fit_refusal(
    probabilities: npt.ArrayLike,
    unfamiliarity: npt.ArrayLike,
    disagreement: npt.ArrayLike | None,
    *,
    labels: Sequence[str],
    patients: Sequence[str],
    classes: Sequence[str],
    false_refusal_rate: float = FALSE_REFUSAL_RATE,
    confidence: float = CONFIDENCE,
) -> RefusalRule:
    """Fit the rule to validation images, which no network of the bundle was trained on.

    Parameters
    ----------
    probabilities
        (n, classes), calibrated, the mean over the networks.
    unfamiliarity
        (n,), of `metrascope.predict.familiarity`; of several networks the mean of theirs.
    disagreement
        (n,), of `disagreement`; None for a single network.
    labels, patients
        Of each image.
    classes
        In the order of the columns.
    false_refusal_rate, confidence
        As in `RefusalRule`.

    Raises
    ------
    ValueError
        If the sizes do not belong together, there is no image, or a score is not finite.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    strange = np.asarray(unfamiliarity, dtype=np.float64)
    apart = None if disagreement is None else np.asarray(disagreement, dtype=np.float64)
    scores = [strange] if apart is None else [strange, apart]
    if not len(values) or any(score.shape != (len(values),) for score in scores):
        raise ValueError(f"{values.shape} probabilities for {[s.shape for s in scores]} scores")
    if not all(np.isfinite(score).all() for score in scores):
        raise ValueError("a score is not finite")
    limits = _limits(scores, false_refusal_rate)
    over = [score > limit for score, limit in zip(scores, limits, strict=True)]
    read = ~np.logical_or.reduce(over)
    own, who = np.asarray(labels, dtype=object), np.asarray(patients, dtype=object)
    conformal = fit_conformal(values[read], list(own[read]), list(who[read]), classes)
    by_image = [conformal.prediction_set(row, confidence, "image") for row in values[read]]
    means = [values[read & (who == one)].mean(axis=0) for one in sorted(set(who[read]))]
    by_patient = [conformal.prediction_set(mean, confidence, "patient") for mean in means]
    return RefusalRule(
        false_refusal_rate=false_refusal_rate,
        unfamiliar_above=limits[0],
        disagreement_above=None if apart is None else limits[1],
        confidence=confidence,
        conformal=conformal,
        validation=Refusals(
            images=len(values),
            patients=len(set(who)),
            unfamiliar=float(over[0].mean()),
            disagreeing=float(over[1].mean()) if apart is not None else 0.0,
            either=float((~read).mean()),
            empty_image=_share(by_image, 0),
            full_image=_share(by_image, len(classes)),
            other_image=_others(by_image, values[read], classes),
            empty_patient=_share(by_patient, 0),
            full_patient=_share(by_patient, len(classes)),
            other_patient=_others(by_patient, means, classes),
        ),
    )


def refusal_message(key: str, sentence: str) -> Notice:
    """Return why an image cannot be read, and what to do about it.

    Parameters
    ----------
    key
        Of the reason.
    sentence
        In the language in use.
    """
    area, _, code = key.partition(".")
    advice = f"advice.{code}" if area == "usability" else f"advice.{_DAMAGED.get(area, '')}"
    if advice not in table() or key in _ADVISED:
        return Notice(key=key, text=sentence)
    between = "" if language() == "zh" else " "
    told = f"{sentence}{between}{text(advice)}"
    return Notice(key=key, text=told)


def _limits(scores: Sequence[Floats], rate: float) -> list[float]:
    """Return a limit for each score, so that together they refuse the share of new images.

    A new image is as likely as any of the n to be among the strangest of n + 1, by each score:
    that is one more image for each than is refused of the n themselves.
    """
    count, kinds = len(scores[0]), len(scores)
    descending = [np.sort(score)[::-1] for score in scores]
    for step in range(int(count * rate) * kinds, 0, -1):
        # In turn, so that each has the same part in it.
        over = [(step + kinds - 1 - kind) // kinds for kind in range(kinds)]
        limits = [score[place] for score, place in zip(descending, over, strict=True)]
        pairs = zip(scores, limits, strict=True)
        refused = np.logical_or.reduce([score > limit for score, limit in pairs])
        if refused.sum() + kinds <= (count + 1) * rate + 1e-9:
            return [float(limit) for limit in limits]
    return [float(score[0]) for score in descending]


def _entropy(probabilities: Floats) -> Floats:
    safe = np.where(probabilities > 0, probabilities, 1.0)
    return np.asarray(-(safe * np.log(safe)).sum(axis=-1), dtype=np.float64)


def _share(sets: Sequence[tuple[str, ...]], size: int) -> float:
    return sum(len(labels) == size for labels in sets) / max(1, len(sets))


def _others(
    sets: Sequence[tuple[str, ...]], values: Sequence[Floats] | Floats, classes: Sequence[str]
) -> float:
    """Return the share of sets with a class, but without the likeliest."""
    likeliest = [classes[int(np.argmax(row))] for row in values]
    without = [
        bool(labels) and label not in labels for labels, label in zip(sets, likeliest, strict=True)
    ]
    return sum(without) / max(1, len(sets))


def _rounded_text(number: float) -> str:
    if not math.isfinite(number):
        return "∞"
    # Just above the limit is above it in print, too.
    rounded = math.ceil(100 * number) / 100
    return f"{rounded:.2f}" if number < 2 else f"{number:.1f}" if number < 10 else f"{number:.0f}"
