import numpy as np
import pytest
from scipy.stats import entropy

from metrascope.errors import SettingsError
from metrascope.predict.refusal import RefusalRule, disagreement, fit_refusal

CLASSES = ("normal", "fibroid", "polyp")


def fitted(
    count: int = 400, *, ensemble: bool = True, images: int = 1, rate: float = 0.05, seed: int = 0
) -> tuple[RefusalRule, np.ndarray, np.ndarray, np.ndarray]:
    """Return a rule, and the probabilities and scores that it was fitted to."""
    rng = np.random.default_rng(seed)
    truth = np.arange(count) // images % 3
    raised = np.exp(rng.normal(size=(count, 3)) + 2 * np.eye(3)[truth])
    probabilities = raised / raised.sum(1, keepdims=True)
    strange, apart = rng.gamma(4, size=count), rng.gamma(1, size=count)
    rule = fit_refusal(
        probabilities,
        strange,
        apart if ensemble else None,
        labels=[CLASSES[k] for k in truth],
        patients=[f"P{row // images}" for row in range(count)],
        classes=CLASSES,
        false_refusal_rate=rate,
    )
    return rule, probabilities, strange, apart


def refused(rule: RefusalRule, strange: np.ndarray, apart: np.ndarray) -> np.ndarray:
    over = strange > rule.unfamiliar_above
    limit = rule.disagreement_above
    return over if limit is None else over | (apart > limit)


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_no_more_than_the_stated_share_is_refused(ensemble: bool, rate: float) -> None:
    rule, _, strange, apart = fitted(ensemble=ensemble, rate=rate)
    share = refused(rule, strange, apart).mean()
    assert rate - 0.011 < share <= rate
    assert rule.validation.either == pytest.approx(share)
    if ensemble:
        # Both have a part in it.
        assert min(rule.validation.unfamiliar, rule.validation.disagreeing) > 0.3 * share


@pytest.mark.parametrize("ensemble", [False, True])
def test_of_new_images_the_stated_share_is_refused(ensemble: bool) -> None:
    shares = []
    for seed in range(60):
        rule = fitted(100, ensemble=ensemble, seed=seed)[0]
        rng = np.random.default_rng(1000 + seed)
        shares.append(refused(rule, rng.gamma(4, size=4000), rng.gamma(1, size=4000)).mean())
    # Of one score 4 of 100 are refused in validation, so that of new images it is 5 of 101.
    assert 0.042 < np.mean(shares) < 0.055


def test_few_images_refuse_what_is_stranger_than_all() -> None:
    rule, _, strange, apart = fitted(10)
    assert rule.unfamiliar_above == strange.max()
    assert rule.disagreement_above == apart.max()
    assert rule.validation.either == 0


def test_disagreement_is_the_mutual_information() -> None:
    rng = np.random.default_rng(0)
    said = rng.dirichlet((0.3, 0.3, 0.3), (4, 50))
    expected = entropy(said.mean(0), axis=1) - entropy(said, axis=2).mean(0)
    np.testing.assert_allclose(disagreement(said), expected, atol=1e-12)
    same = np.broadcast_to(said[:1], said.shape)
    np.testing.assert_allclose(disagreement(same), 0, atol=1e-12)
    apart = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert disagreement(apart)[0] == pytest.approx(np.log(2))


def test_every_reason_says_what_to_do() -> None:
    rule = fitted()[0]
    sure, unsure = (0.98, 0.01, 0.01), (0.34, 0.33, 0.33)
    strange, apart = rule.unfamiliar_above, rule.disagreement_above or 0.0
    assert rule.image(sure, strange, apart).labels == ("normal",)
    assert not rule.image(sure, strange, apart).reasons
    found = {
        "refusal.unfamiliar": rule.image(sure, strange * 2.5, apart),
        "refusal.disagreement": rule.image(sure, strange, apart + 0.1),
        "refusal.full_set": rule.image(unsure, strange, apart, 0.99),
        "refusal.empty_set": rule.image(unsure, strange, apart, 0.3),
        "refusal.few_patients": rule.image(sure, strange, apart, 0.999),
    }
    for key, verdict in found.items():
        assert [reason.key for reason in verdict.reasons] == [key]
        assert "by eye" in verdict.reasons[0].text("en") or "patients" in verdict.reasons[0].text()
        assert verdict.reasons[0].text("zh") != verdict.reasons[0].text("en")
    assert "2.5 times" in found["refusal.unfamiliar"].reasons[0].text("en")
    both = rule.image(sure, strange + 1, apart + 1)
    assert len(both.reasons) == 2
    assert both.labels == ()


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(score: float) -> None:
    rule = fitted()[0]
    assert rule.image((0.9, 0.05, 0.05), score, 0.0).reasons
    assert rule.image((0.9, 0.05, 0.05), 0.0, score).reasons


def test_a_patient_is_read_by_the_images_that_are_left() -> None:
    rule = fitted(images=2)[0]
    strange = rule.unfamiliar_above + 1
    said = [(0.9, 0.05, 0.05), (0.7, 0.2, 0.1), (0.0, 0.0, 1.0)]
    verdict = rule.patient(said, [0, 0, strange], [0, 0, 0])
    assert not verdict.reasons
    np.testing.assert_allclose(verdict.probabilities, (0.8, 0.125, 0.075))
    assert verdict.labels == rule.conformal.prediction_set((0.8, 0.125, 0.075), 0.9)
    none = rule.patient(said, [strange] * 3, [0, 0, 99])
    assert [reason.key for reason in none.reasons] == ["refusal.unfamiliar", "refusal.disagreement"]
    assert none.probabilities is None


def test_sets_in_validation_are_counted() -> None:
    rule, probabilities, strange, apart = fitted(images=2, rate=0.1)
    left = ~refused(rule, strange, apart)
    sets = [rule.conformal.prediction_set(row, 0.9, "image") for row in probabilities[left]]
    assert rule.validation.empty_image == np.mean([not found for found in sets])
    assert rule.validation.full_image == np.mean([len(found) == 3 for found in sets])
    assert (rule.validation.images, rule.validation.patients) == (400, 200)


def test_stored_and_read_again() -> None:
    for ensemble in (False, True):
        rule = fitted(ensemble=ensemble)[0]
        assert RefusalRule.model_validate_json(rule.model_dump_json()) == rule


def test_confidence_must_be_a_share() -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        fitted()[0].image((0.9, 0.05, 0.05), 0.0, 0.0, confidence=90)


def test_scores_must_be_finite_and_of_every_image() -> None:
    rest = {"labels": ["normal"] * 2, "patients": ["a", "b"], "classes": CLASSES}
    said = np.ones((2, 3)) / 3
    with pytest.raises(ValueError, match="finite"):
        fit_refusal(said, [1.0, np.nan], None, **rest)
    with pytest.raises(ValueError, match="scores"):
        fit_refusal(said, [1.0], None, **rest)


def test_a_set_without_the_likeliest_class_decides_nothing() -> None:
    # Polyps are read with little certainty and fibroids with much: 0.45 fits polyps alone.
    rng = np.random.default_rng(0)
    own = np.concatenate([rng.uniform(0.9, 1.0, 60), rng.uniform(0.3, 0.5, 60)])
    labels = ["fibroid"] * 60 + ["polyp"] * 60
    first = np.where(np.array(labels) == "fibroid", own, 1 - own)
    values = np.stack([first, 1 - first], axis=1)
    rule = fit_refusal(
        values,
        np.ones(120),
        None,
        labels=labels,
        patients=[str(number) for number in range(120)],
        classes=("fibroid", "polyp"),
    )
    verdict = rule.image([0.55, 0.45], 1.0)
    assert verdict.labels == ("polyp",)
    assert [reason.key for reason in verdict.reasons] == ["refusal.other_set"]
    assert verdict.usable
    verdicts = [rule.image(row, 1.0) for row in values]
    told = [reason.key for one in verdicts for reason in one.reasons]
    assert told.count("refusal.other_set") > 40
    assert rule.validation.other_image == told.count("refusal.other_set") / 120
    assert rule.validation.empty_image == told.count("refusal.empty_set") / 120
