import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from metrascope.errors import SettingsError
from metrascope.predict.conformal import MOST_SCORES, Calibration, Conformal, fit_conformal

CLASSES = ("normal", "fibroid", "polyp")
SKILL = 1.5


def simulate(
    rng: np.random.Generator, patients: int, images: int = 1, shared: float = 0.7
) -> tuple[np.ndarray, list[str], list[str]]:
    """Return probabilities, labels and patients: of every patient 1 to ``images`` images."""
    counts = rng.integers(1, images + 1, patients)
    truth = rng.choice(3, patients, p=(0.4, 0.2, 0.4))
    own = np.sqrt(shared) * rng.normal(size=(patients, 3)) + SKILL * np.eye(3)[truth]
    who = np.repeat(np.arange(patients), counts)
    scores = own[who] + np.sqrt(1 - shared) * rng.normal(size=(len(who), 3))
    raised = np.exp(scores)
    labels = [CLASSES[k] for k in truth[who]]
    return raised / raised.sum(1, keepdims=True), labels, [f"P{one:05d}" for one in who]


def of_class(scores: list[float], patients: list[str] | None = None) -> Conformal:
    """Return what is fitted to images of ``normal`` that fit as badly as stated."""
    rows = [(1 - score, score / 2, score / 2) for score in scores]
    names = patients or [str(number) for number in range(len(scores))]
    return fit_conformal(rows, ["normal"] * len(rows), names, CLASSES)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95])
def test_limit_is_the_order_statistic(confidence: float) -> None:
    scores = [number / 20 for number in range(1, 20)]  # 19 patients: 20 * 0.9 is 18 exactly
    found = of_class(scores).patient[0].limit(confidence)
    expected = sorted(scores)[math.ceil(round(20 * confidence, 6)) - 1]
    assert found == pytest.approx(expected, abs=2e-6)


def test_too_few_patients_rule_nothing_out() -> None:
    eight, nine = of_class([0.1] * 8), of_class([0.1] * 9)
    surely_not = (0.0, 0.5, 0.5)
    assert "normal" in eight.prediction_set(surely_not, 0.9)
    assert eight.undecided(0.9) == CLASSES  # of the others there is no patient at all
    assert "normal" not in nine.prediction_set(surely_not, 0.9)
    assert nine.undecided(0.9) == ("fibroid", "polyp")
    assert nine.undecided(0.91) == CLASSES


@pytest.mark.parametrize(("unit", "images"), [("patient", 1), ("patient", 4), ("image", 4)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_coverage_of_new_patients(unit: str, images: int, confidence: float) -> None:
    rng = np.random.default_rng(7)
    held, covered, above = np.zeros(3), np.zeros(3), 0.0
    studies = 150
    for _ in range(studies):
        fitted = fit_conformal(*simulate(rng, 150, images), CLASSES)
        parts = fitted.patient if unit == "patient" else fitted.image
        probabilities, labels, patients = simulate(rng, 200, images)
        _, first, counts = np.unique(patients, return_index=True, return_counts=True)
        drawn = probabilities[first + rng.integers(0, counts)]
        means = np.add.reduceat(probabilities, first) / counts[:, None]
        new = means if unit == "patient" else drawn
        truth = np.array([CLASSES.index(labels[row]) for row in first])
        limits = np.array([part.limit(confidence) for part in parts])
        fits = 1 - new[np.arange(len(new)), truth] <= limits[truth]
        held += np.bincount(truth, minlength=3)
        covered += np.bincount(truth, fits, minlength=3)
        above += max(1 / (part.patients + 1) for part in parts) / studies
    shares = covered / held
    # Guaranteed from below; from above, nearly 1 / (n + 1) too many, or some more where a patient's
    # images count less than one each.
    assert shares.min() > confidence - 0.01
    assert shares.max() < confidence + above + 0.015


def test_images_of_a_patient_count_as_one() -> None:
    # One patient with ninety bad images must not outweigh nineteen with one good image each.
    scores = [0.9] * 90 + [0.1] * 19
    patients = ["many"] * 90 + [f"one {number}" for number in range(19)]
    found = of_class(scores, patients)
    assert found.image[0].patients == found.patient[0].patients == 20
    assert found.image[0].limit(0.9) == pytest.approx(0.1)
    assert found.patient[0].limit(0.9) == pytest.approx(0.1)


def test_one_image_each_is_the_same_for_both_units() -> None:
    found = fit_conformal(*simulate(np.random.default_rng(1), 80), CLASSES)
    assert found.patient == found.image


def test_sets_grow_with_confidence() -> None:
    rng = np.random.default_rng(2)
    found = fit_conformal(*simulate(rng, 120, 3), CLASSES)
    for row in simulate(rng, 50)[0]:
        for unit in ("patient", "image"):
            sets = [set(found.prediction_set(row, c, unit)) for c in (0.3, 0.6, 0.8, 0.9, 0.99)]
            assert all(small <= large for small, large in pairwise(sets))


def test_thinning_is_small_close_and_never_less() -> None:
    rng = np.random.default_rng(3)
    scores = rng.beta(1, 4, 20_000)
    found = of_class(list(scores)).patient[0]
    assert len(found.scores) <= MOST_SCORES
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        rank = math.ceil(20_001 * confidence)
        exact = np.sort(scores)[rank - 1]
        assert found.limit(confidence) >= exact - 1e-9
        reached = (scores <= found.limit(confidence)).mean()
        assert reached < confidence + max(0.1 * (1 - confidence), 0.003)


def test_stored_and_read_again() -> None:
    found = fit_conformal(*simulate(np.random.default_rng(4), 200, 3), CLASSES)
    assert Conformal.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    "changed",
    [
        {"scores": (0.2, 0.1), "ranks": (1.0, 2.0)},
        {"scores": (0.1, 0.2), "ranks": (2.0, 1.0)},
        {"scores": (0.1,), "ranks": (1.0,)},
        {"scores": (0.1, float("nan")), "ranks": (1.0, 2.0)},
        {"scores": (0.1, 1.5), "ranks": (1.0, 2.0)},
        {"scores": (), "ranks": ()},
        {"scores": (0.1, 0.2), "ranks": (1.0, 2.0), "more": 1},
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, object]) -> None:
    Calibration.model_validate({"patients": 2, "scores": (0.1, 0.2), "ranks": (1.0, 2.0)})
    with pytest.raises(ValidationError):
        Calibration.model_validate({"patients": 2} | changed)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 90.0, float("nan")])
def test_confidence_must_be_a_share(confidence: float) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        of_class([0.1]).prediction_set((0.2, 0.3, 0.5), confidence)


def test_sizes_must_belong_together() -> None:
    with pytest.raises(ValueError, match="belong together"):
        fit_conformal(np.ones((2, 3)) / 3, ["normal"], ["a"], CLASSES)
    with pytest.raises(ValueError, match="not among"):
        fit_conformal(np.ones((1, 3)) / 3, ["cyst"], ["a"], CLASSES)
    with pytest.raises(ValueError, match="probabilities for 3"):
        of_class([0.1]).prediction_set((0.5, 0.5), 0.9)
