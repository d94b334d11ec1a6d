"""Decision curves against a worked example and closed forms; operating points against counts."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_curve
from statsmodels.stats.proportion import proportion_confint
from tests.statistics.make import PAPER
from tests.statistics.test_calibration import calibrated, table

from metrascope.statistics.cohort import cohort
from metrascope.statistics.decision_curves import THRESHOLDS, decision_curves
from metrascope.statistics.operating_points import operating_points, threshold
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.proportions import wilson
from metrascope.statistics.resampling import draw_patients


def two_classes(scores: list[float], labels: list[str]) -> Predictions:
    rows = pd.DataFrame({"p_normal": 1 - np.array(scores), "p_polyp": scores, "label": labels})
    rows["image"] = rows["patient_id"] = [f"P{i:03}" for i in range(len(rows))]
    rows["predicted"] = np.where(rows["p_polyp"] > 0.5, "polyp", "normal")
    rows = rows.assign(network="a", partition="validation", fold=0, seed=0)
    return Predictions(rows, ("normal", "polyp"))


def curve(predictions: Predictions, **settings: object) -> dict:
    people = cohort(predictions)
    drawn = draw_patients(people.table["patient_id"], replicates=400)
    return decision_curves(people, drawn, **settings)


def test_net_benefit_by_hand() -> None:
    # 10 patients, 4 with polyps. From 20 % on 3 polyps and 2 others are sent:
    # 3/10 - 2/10 * 0.2/0.8 = 0.25; sending all is worth 4/10 - 6/10 * 0.25 = 0.25.
    scores = [0.9, 0.6, 0.3, 0.1, 0.7, 0.2, 0.1, 0.1, 0.05, 0.0]
    told = curve(two_classes(scores, ["polyp"] * 4 + ["normal"] * 6))
    at = told["thresholds"].index(0.2)
    own = told["curves"]["a"]
    assert told["prevalence"] == pytest.approx(0.4)
    assert own["net_benefit"]["value"][at] == pytest.approx(0.25)
    assert told["all"]["value"][at] == pytest.approx(0.25)
    assert own["gain"]["value"][at] == pytest.approx(0.0, abs=1e-6)
    json.dumps(told, allow_nan=False)


def test_net_benefit_is_counts_at_every_threshold() -> None:
    predictions = Predictions(table(calibrated(300, replications=2)), PAPER)
    told = curve(predictions)
    rows = predictions.table
    lesion = (rows["label"] != "normal").to_numpy()
    score = rows["p_fibroid"].to_numpy() + rows["p_polyp"].to_numpy()
    for t, value in zip(THRESHOLDS, told["curves"]["vgg16"]["net_benefit"]["value"], strict=True):
        sent = score >= t
        rights, wrongs = (sent & lesion).mean(), (sent & ~lesion).mean()
        assert value == pytest.approx(rights - wrongs * t / (1 - t), abs=1e-5)


def test_a_perfect_network_is_worth_the_prevalence_and_useful_as_far_as_can_be_told() -> None:
    told = curve(two_classes([1.0] * 40 + [0.0] * 60, ["polyp"] * 40 + ["normal"] * 60))
    own = told["curves"]["a"]
    np.testing.assert_allclose(own["net_benefit"]["value"], 0.4, atol=1e-6)
    # Of 100 patients 60 are rightly spared and none wrongly, 40 rightly sent and none needlessly.
    sent, spared, none = wilson(40, 100), wilson(60, 100), wilson(0, 100).high
    for place, t in enumerate(THRESHOLDS):
        odds = t / (1 - t)
        net = 0.4 - np.hypot(0.4 - sent.low, odds * none)
        gain = odds * 0.6 - np.hypot(odds * (0.6 - spared.low), none)
        assert own["net_benefit"]["low"][place] <= net + 1e-9
        assert own["gain"]["low"][place] <= gain + 1e-9
    assert own["useful"] == [(0.06, 0.9)]


def test_acting_on_all_is_as_uncertain_as_the_share_of_the_positive() -> None:
    told = curve(two_classes([1.0] * 12 + [0.0] * 48, ["polyp"] * 12 + ["normal"] * 48))["all"]
    low, high = proportion_confint(12, 60, method="wilson")
    for place, t in enumerate(THRESHOLDS):
        assert told["low"][place] <= low - (1 - low) * t / (1 - t) + 1e-6
        assert told["high"][place] >= high - (1 - high) * t / (1 - t) - 1e-6


def test_a_threshold_that_spares_nobody_gains_nothing_for_certain() -> None:
    """Every resample agrees; another patient may still be spared, rightly or not."""
    told = curve(two_classes([0.9] * 15 + [0.6] * 15, ["polyp"] * 15 + ["normal"] * 15))
    gain = told["curves"]["a"]["gain"]
    place = THRESHOLDS.index(0.2)
    none = wilson(0, 30).high
    assert gain["value"][place] == pytest.approx(0, abs=1e-7)
    assert gain["low"][place] == pytest.approx(-none)
    assert gain["high"][place] == pytest.approx(0.25 * none)


def test_a_constant_probability_is_sending_all_or_none() -> None:
    told = curve(two_classes([0.31] * 100, ["polyp"] * 30 + ["normal"] * 70))
    own = told["curves"]["a"]
    below = np.array(THRESHOLDS) <= 0.31
    everyone = np.array(told["all"]["value"])
    np.testing.assert_allclose(own["net_benefit"]["value"], np.where(below, everyone, 0), atol=1e-6)
    assert own["useful"] == []


def test_at_the_observed_prevalence_stated_and_observed_agree() -> None:
    predictions = Predictions(table(calibrated(300)), PAPER)
    shares = predictions.table["label"].value_counts(normalize=True).to_dict()
    told = curve(predictions, prevalence=shares)
    for name in ("net_benefit", "gain"):
        np.testing.assert_allclose(
            told["stated"]["curves"]["vgg16"][name]["value"],
            told["curves"]["vgg16"][name]["value"],
            atol=1e-5,
        )


def test_stated_prevalence_is_known_and_not_sampled() -> None:
    shares = {"normal": 0.9, "fibroid": 0.03, "polyp": 0.07}
    stated = curve(Predictions(table(calibrated(200)), PAPER), prevalence=shares)["stated"]
    odds = np.array(THRESHOLDS) / (1 - np.array(THRESHOLDS))
    assert stated["prevalence"] == pytest.approx(0.1)
    for end in ("value", "low", "high"):
        np.testing.assert_allclose(stated["all"][end], 0.1 - 0.9 * odds, rtol=1e-4, atol=1e-6)


def test_bands_are_those_of_a_mean() -> None:
    told = curve(Predictions(table(calibrated(400)), PAPER))
    at = told["thresholds"].index(0.3)
    rows = table(calibrated(400))
    lesion = (rows["label"] != "normal").to_numpy()
    sent = (1 - rows["p_normal"]).to_numpy() >= 0.3
    worth = np.where(lesion, 1.0, -0.3 / 0.7) * sent
    error = worth.std() / 20
    band = told["curves"]["vgg16"]["net_benefit"]
    assert band["high"][at] - band["low"][at] == pytest.approx(3.92 * error, rel=0.12)


def test_bands_of_net_benefit_and_gain_cover() -> None:
    """Also where few are on one side of the threshold and resamples are too much alike."""
    rng = np.random.default_rng(1)
    n, t = 125, 0.1
    many = expit(rng.normal(0.7, 1.5, size=500_000))
    everyone = (many - (1 - many) * t / (1 - t)).mean()
    network = ((many >= t) * (many - (1 - many) * t / (1 - t))).mean()
    at, inside = THRESHOLDS.index(t), []
    people = cohort(two_classes([0.5] * n, ["polyp"] + ["normal"] * (n - 1)))
    drawn = draw_patients(range(n), replicates=400)
    for _ in range(200):
        chance = expit(rng.normal(0.7, 1.5, size=n))
        given = np.stack([1 - chance, chance], axis=1)[None]
        truth = (rng.random(n) < chance).astype(np.int64)
        read = replace(people.readings["a"], truth=truth, probabilities=given)
        own = decision_curves(replace(people, readings={"a": read}), drawn)["curves"]["a"]
        for name, true in (("net_benefit", network), ("gain", network - everyone)):
            inside.append(own[name]["low"][at] <= true <= own[name]["high"][at])
    assert np.mean(inside[::2]) > 0.92
    assert np.mean(inside[1::2]) > 0.89


def test_acting_for_other_classes() -> None:
    predictions = Predictions(table(calibrated(200)), PAPER)
    told = curve(predictions, positive=("polyp",))
    assert told["positive"] == ["polyp"]
    assert told["prevalence"] == (predictions.table["label"] == "polyp").mean()


def test_youden_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    has = rng.random(200) < 0.4
    score = np.clip(rng.normal(0.4 + 0.2 * has, 0.2), 0, 1)
    false, true, _ = roc_curve(has, score, drop_intermediate=False)
    above = score > threshold(score, has, "youden")
    assert above[has].mean() - above[~has].mean() == pytest.approx((true - false).max())


def test_sensitive_threshold_is_the_highest_that_finds_95_of_100() -> None:
    has = np.arange(200) < 100
    score = np.concatenate([np.linspace(0.3, 0.99, 100), np.linspace(0.01, 0.5, 100)])
    limit = threshold(score, has, "sensitive")
    assert (score[has] > limit).sum() == 95


def test_without_a_choice_the_threshold_is_one_half() -> None:
    assert threshold(np.array([0.1, 0.2]), np.array([True, True]), "youden") == 0.5
    assert threshold(np.array([0.1, 0.9]), np.array([False, True]), "half") == 0.5


def test_thresholds_come_from_validation_and_are_applied_to_each_folds_test() -> None:
    parts = []
    for fold, sharpness in enumerate((0.5, 2.0)):
        parts.append(table(calibrated(150, sharpness, fold), "validation", fold))
        parts.append(table(calibrated(120, sharpness, 10 + fold), "test", fold))
    predictions = Predictions(pd.concat(parts, ignore_index=True), PAPER)
    told = operating_points(cohort(predictions), predictions)
    assert told["chosen"] == "validation"
    lesion, between = told["networks"]["vgg16"]
    for point in lesion["points"].values():
        both = point["sensitivity"], point["specificity"]
        index = point["youden"]
        assert index["value"] == pytest.approx(sum(one["value"] for one in both) - 1)
        apart = np.hypot(*(one["value"] - one["low"] for one in both))
        assert index["low"] == pytest.approx(index["value"] - apart)
    assert (lesion["positive"], lesion["negative"]) == (["fibroid", "polyp"], ["normal"])
    assert (between["positive"], between["negative"]) == (["polyp"], ["fibroid"])
    hits = trials = 0
    limits = []
    for fold in range(2):
        rows = predictions.table[predictions.table["fold"] == fold]
        validation, test = (rows[rows["partition"] == name] for name in ("validation", "test"))
        has = (validation["label"] != "normal").to_numpy()
        limits.append(threshold((1 - validation["p_normal"]).to_numpy(), has, "sensitive"))
        own = test[test["label"] != "normal"]
        hits += int((1 - own["p_normal"] > limits[-1]).sum())
        trials += len(own)
    found = lesion["points"]["sensitive"]
    assert found["sensitivity"]["value"] == pytest.approx(hits / trials)
    assert found["thresholds"] == pytest.approx(sorted(limits))
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize(
    ("partition", "reason"), [("validation", "no_test"), ("test", "no_validation")]
)
def test_one_partition_has_the_half_alone(partition: str, reason: str) -> None:
    predictions = Predictions(table(calibrated(100), partition), PAPER)
    told = operating_points(cohort(predictions), predictions)
    assert told["chosen"] == reason
    assert all(set(one["points"]) == {"half"} for one in told["networks"]["vgg16"])
