"""Calibration against scikit-learn, statsmodels, closed forms and invented truth."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.proportion import proportion_confint
from tests.statistics.make import PAPER

from metrascope.results.findings import calibration_sentences
from metrascope.statistics.calibration import calibration
from metrascope.statistics.calibration_error import Bins, error_interval
from metrascope.statistics.cohort import Readings, cohort
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.recalibration import _score_ends, intercept, logits, slope
from metrascope.statistics.reliability import (
    Claim,
    bins_for,
    claims,
    diagram,
    error_intervals,
    errors_by_replication,
    expected_errors,
)
from metrascope.statistics.scaling import scaled, temperatures


def calibrated(
    n: int, sharpness: float = 1.0, seed: int = 0, replications: int = 1, images: int = 1
) -> Readings:
    """Readings whose logits are ``sharpness`` times those that the truth was drawn from."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n, 3)) * 1.5 + np.array([0.5, 0.0, 0.8])
    truth = (rng.random((n, 1)) > softmax(raw, axis=1).cumsum(1)[:, :2]).sum(1)
    noise = 0.3 * rng.normal(size=(replications, n, 3)) if replications > 1 else 0.0
    probabilities = softmax(sharpness * (raw[None] + noise), axis=2)
    return Readings(
        network="vgg16",
        classes=3,
        seeds=tuple(range(replications)),
        units=np.arange(n),
        truth=truth.astype(np.int64),
        clusters=np.arange(n) // images,
        predicted=probabilities.argmax(2),
        probabilities=probabilities,
    )


def table(readings: Readings, partition: str = "validation", fold: int = 0) -> pd.DataFrame:
    frames = []
    assert readings.probabilities is not None
    for seed, given in zip(readings.seeds, readings.probabilities, strict=True):
        frame = pd.DataFrame(given, columns=[f"p_{name}" for name in PAPER])
        frame["image"] = [f"{partition}{fold}-{i:04}" for i in range(len(given))]
        frame["patient_id"] = [f"{partition}{fold}-{c:04}" for c in readings.clusters]
        frame["label"] = np.array(PAPER)[readings.truth]
        frame["predicted"] = np.array(PAPER)[given.argmax(1)]
        frames.append(
            frame.assign(network=readings.network, partition=partition, fold=fold, seed=seed)
        )
    return pd.concat(frames, ignore_index=True)


def test_diagram_has_scikit_learns_bins() -> None:
    for claim in claims(calibrated(400))[:3]:
        found = diagram(claim, np.arange(400))["bins"]
        observed, predicted = calibration_curve(
            claim.outcome[0], claim.probability[0], n_bins=10, strategy="quantile"
        )
        np.testing.assert_allclose([one["predicted"] for one in found], predicted)
        np.testing.assert_allclose([one["observed"]["value"] for one in found], observed)
        assert sum(one["n"] for one in found) == 400


def test_bins_hold_fifteen_or_more() -> None:
    assert [bins_for(n) for n in (10, 44, 45, 60, 125, 150, 1291)] == [2, 2, 3, 4, 8, 10, 10]


def test_diagram_of_equal_probabilities_is_one_bin() -> None:
    claim = Claim(np.full((1, 60), 0.5), np.arange(60)[None] % 2 == 0)
    (only,) = diagram(claim, np.arange(60))["bins"]
    assert (only["predicted"], only["observed"]["value"], only["n"]) == (0.5, 0.5, 60)


def naive_ece(probability: np.ndarray, outcome: np.ndarray) -> float:
    frame = pd.DataFrame({"p": probability, "y": outcome.astype(float)})
    edges = np.quantile(frame["p"], np.linspace(0, 1, bins_for(len(frame)) + 1))
    frame["bin"] = pd.cut(frame["p"], edges, labels=False, include_lowest=True)
    groups = frame.groupby("bin")
    gaps = (groups["p"].mean() - groups["y"].mean()).abs()
    return float((gaps * groups.size()).sum() / len(frame))


def test_error_is_the_weighted_gap_of_the_bins() -> None:
    readings = calibrated(300, sharpness=2.0, replications=2)
    found = [one.value for one in error_intervals(readings)]
    parts = claims(readings)
    by_hand = [
        np.mean([naive_ece(c.probability[r], c.outcome[r]) for r in range(2)]) for c in parts
    ]
    np.testing.assert_allclose(found[:4], by_hand, atol=1e-6)
    assert found[4] == pytest.approx(np.mean(by_hand[:3]), abs=1e-6)
    np.testing.assert_allclose(errors_by_replication(readings).mean(0), found, atol=1e-6)


def test_ends_are_where_the_folded_normal_puts_the_error_found() -> None:
    bins = Bins(np.array([0.5, 0.3, 0.2]), np.array([0.1, -0.2, 0.05]), np.array([0.05, 0.1, 0.07]))
    found = error_interval([bins])
    assert found.value == pytest.approx(0.5 * 0.1 + 0.3 * 0.2 + 0.2 * 0.05)
    for gap, quantile in ((found.low, 1.959964), (found.high, -1.959964)):
        folded = [stats.foldnorm(gap / s, scale=s) for s in bins.spreads]
        mean = sum(w * one.mean() for w, one in zip(bins.weights, folded, strict=True))
        error = np.sqrt(sum(w**2 * one.var() for w, one in zip(bins.weights, folded, strict=True)))
        assert mean + quantile * error == pytest.approx(found.value, abs=1e-6)


def test_interval_of_an_error_reaches_the_truth_of_a_calibrated_network() -> None:
    """Its error is 0; chance makes every error found larger, as any bootstrap of it."""
    held = [
        [one.low <= 0.005 for one in error_intervals(calibrated(60, seed=seed))]
        for seed in range(60)
    ]
    assert (np.mean(held, axis=0) > 0.9).all()
    # Twice as sure as it may be, the error of the top label is far from 0 and seen to be.
    off = [error_intervals(calibrated(400, sharpness=3.0, seed=seed))[3] for seed in range(20)]
    assert np.mean([one.low > 0.02 for one in off]) > 0.9


def test_expected_error_is_what_calibrated_networks_show() -> None:
    seen = [errors_by_replication(calibrated(150, seed=seed)).mean(0) for seed in range(60)]
    expected = np.mean(
        [expected_errors(calibrated(150, seed=s), 0, 60).mean(0) for s in range(20)], 0
    )
    np.testing.assert_allclose(np.mean(seen, 0), expected, rtol=0.12)
    assert (expected > 0.02).all()


def test_p_of_calibration_is_uniform_under_it_and_small_without() -> None:
    def p(sharpness: float, seed: int) -> float:
        readings = calibrated(150, sharpness, seed)
        perfect = expected_errors(readings, 1, 99)[:, -1]
        return float((1 + (perfect >= errors_by_replication(readings)[0, -1]).sum()) / 100)

    under = np.array([p(1.0, seed) for seed in range(80)])
    assert 0.35 < under.mean() < 0.65
    assert (under < 0.05).mean() < 0.13
    assert np.median([p(2.5, seed) for seed in range(10)]) < 0.05


@pytest.mark.parametrize("images", [1, 3])
def test_slope_and_intercept_are_statsmodels(images: int) -> None:
    readings = calibrated(240, sharpness=1.6, images=images)
    assert readings.probabilities is not None
    for label in range(3):
        given, has = readings.probabilities[..., label], readings.truth == label
        score = logits(given)[0]
        correction = readings.clusters.max() + 1
        kinds = {"groups": readings.clusters, "use_correction": False}
        scale = np.sqrt(correction / (correction - 1))
        free = sm.Logit(has.astype(float), sm.add_constant(score)).fit(
            disp=0, cov_type="cluster", cov_kwds=kinds
        )
        fixed = sm.GLM(
            has.astype(float), np.ones(len(has)), sm.families.Binomial(), offset=score
        ).fit(cov_type="cluster", cov_kwds=kinds)
        for function, fitted, place in ((slope, free, 1), (intercept, fixed, 0)):
            found, _ = function(given, has, readings.clusters)
            half = 1.959964 * scale * fitted.bse[place]
            assert found.value == pytest.approx(fitted.params[place], rel=1e-6)
            assert found.high - found.value == pytest.approx(half, rel=1e-5)


def test_slope_is_scikit_learns_without_penalty() -> None:
    readings = calibrated(150, sharpness=0.5)
    assert readings.probabilities is not None
    given, has = readings.probabilities[..., 2], readings.truth == 2
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        logits(given)[0][:, None], has
    )
    found, _ = slope(given, has, readings.clusters)
    assert found.value == pytest.approx(fitted.coef_[0, 0], rel=1e-4)


def test_slope_of_sharpened_logits_is_the_inverse() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=20_000)
    has = rng.random(20_000) < expit(raw + 0.4)
    sharp, _ = slope(expit(2 * raw)[None], has, np.arange(20_000))
    assert sharp.low < 0.5 < sharp.high
    shifted, _ = intercept(expit(raw)[None], has, np.arange(20_000))
    assert shifted.low < 0.4 < shifted.high


@pytest.mark.parametrize(
    ("probability", "outcome"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]),
        ([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1]),
        ([0.8, 0.9, 0.1, 0.2], [0, 0, 1, 1]),
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1]),
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 0, 0]),
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1]),
    ],
)
def test_slope_is_not_defined_without_overlap(probability: list[float], outcome: list[int]) -> None:
    given, has = np.repeat([probability], 5, 1), np.repeat(np.array(outcome, dtype=bool), 5)
    found, _ = slope(given, has, np.arange(20))
    assert np.isnan([found.value, found.low, found.high]).all()
    large, _ = intercept(given, has, np.arange(20))
    assert np.isnan(large.value) == (len(set(outcome)) == 1)


def test_a_network_that_says_the_same_of_everyone_has_no_slope() -> None:
    """Its slope would be that of the last digits: five million, with an interval as wide."""
    rng = np.random.default_rng(0)
    given = 0.3 + 1e-8 * rng.integers(-3, 4, (1, 60))
    found, values = slope(given, rng.random(60) < 0.4, np.arange(60))
    assert np.isnan([found.value, found.low, *values]).all()


def test_slope_and_intercept_need_enough_with_the_class_and_an_overlap() -> None:
    rng = np.random.default_rng(1)
    given, patients = rng.random((1, 60)), np.arange(60)
    four = np.isin(patients, np.argsort(given[0])[[5, 20, 40, 55]])
    for fit in (slope, intercept):
        assert np.isnan(fit(given, four, patients)[0].value)
    nine, ten = (np.isin(patients, np.argsort(given[0])[::6][:count]) for count in (9, 10))
    assert np.isnan(slope(given, nine, patients)[0].value)
    assert not np.isnan(slope(given, ten, patients)[0].value)
    parted = given[0] > 0.5
    parted[np.argmin(np.abs(given[0] - 0.52))] = False  # one patient alone keeps them from parting
    assert np.isnan(slope(given, parted, patients)[0].value)
    assert not np.isnan(intercept(given, parted, patients)[0].value)


def test_score_ends_of_an_intercept_are_wilsons_for_equal_probabilities() -> None:
    has = np.arange(40) < 7
    low, high = _score_ends(np.full(40, -1.2), has)
    expected = proportion_confint(7, 40, method="wilson")
    assert (expit(-1.2 + low), expit(-1.2 + high)) == pytest.approx(expected, abs=1e-6)


def test_intercept_of_a_network_that_errs_seldom_holds_the_truth() -> None:
    """Sure of all and right of nearly all: residuals of those at hand are next to nothing."""
    rng = np.random.default_rng(2)
    held = []
    for _ in range(150):
        raw = rng.choice([-4.5, 4.5], size=60)
        found, _ = intercept(expit(raw)[None], rng.random(60) < expit(raw), np.arange(60))
        held.append(np.isnan(found.value) or found.low <= 0 <= found.high)
    assert np.mean(held) > 0.93


def test_slope_of_replications_is_their_mean_with_one_interval() -> None:
    one = calibrated(200)
    assert one.probabilities is not None
    given, has = one.probabilities[..., 0], one.truth == 0
    alone, _ = slope(given, has, one.clusters)
    twice, values = slope(np.concatenate([given, given]), has, one.clusters)
    assert (twice.value, twice.low, twice.high) == pytest.approx(
        (alone.value, alone.low, alone.high)
    )
    assert values == [alone.value, alone.value]


@pytest.mark.parametrize("n", [60, 125])
def test_intervals_of_slope_and_intercept_cover(n: int) -> None:
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(600):
        raw = rng.normal(-0.5, 1.5, size=n)
        has = rng.random(n) < expit(raw)
        each = [fit(expit(raw)[None], has, np.arange(n))[0] for fit in (slope, intercept)]
        inside.append([one.low <= true <= one.high for one, true in zip(each, (1, 0), strict=True)])
    np.testing.assert_allclose(np.mean(inside, axis=0), 0.95, atol=0.025)


def both(test_seed: int = 1, sharpness: float = 2.0, seeds: int = 1) -> Predictions:
    validation = calibrated(1500, sharpness, 0, seeds)
    test = calibrated(300, sharpness, test_seed, seeds)
    parts = [table(validation), table(test, "test")]
    return Predictions(pd.concat(parts, ignore_index=True), PAPER)


def test_temperatures_are_fitted_to_validation_and_bring_the_error_down() -> None:
    predictions = both()
    fitted = temperatures(predictions)
    assert fitted == {("vgg16", 0, 0): pytest.approx(2.0, rel=0.1)}
    people = cohort(predictions)
    told = calibration(people, predictions)
    assert told["after_scaling"] == "shown"
    blocks = told["networks"]["vgg16"]
    before, after = (blocks[when]["classwise_ece"] for when in ("before", "after"))
    assert before["p"] < 0.01 < after["p"]
    assert before["low"] > 0.03 > after["low"]
    for label in PAPER:
        low, high = (blocks["after"]["classes"][label]["slope"][end] for end in ("low", "high"))
        assert low < 1 < high
    json.dumps(told, allow_nan=False)


def test_scaling_leaves_the_order_and_the_other_runs() -> None:
    predictions = both(seeds=2)
    fitted = temperatures(predictions)
    after = scaled(predictions, {("vgg16", 0, 1): fitted["vgg16", 0, 1]})
    first = predictions.table["seed"] == 0
    pd.testing.assert_frame_equal(after.table[first], predictions.table[first])
    columns = [f"p_{name}" for name in PAPER]
    given, got = predictions.table[columns].to_numpy(), after.table[columns].to_numpy()
    np.testing.assert_array_equal(given.argmax(1), got.argmax(1))
    assert (got[~first].max(1) < given[~first].max(1)).all()


def test_nothing_is_told_after_scaling_without_test_or_validation_rows() -> None:
    whole = both()
    for partition, reason in (("validation", "no_test"), ("test", "no_validation")):
        rows = whole.table[whole.table["partition"] == partition]
        part = Predictions(rows.reset_index(drop=True), PAPER)
        people = cohort(part)
        told = calibration(people, part)
        assert told["after_scaling"] == reason
        assert set(told["networks"]["vgg16"]) == {"before"}


def test_seeds_are_told_apart() -> None:
    predictions = both(seeds=3)
    people = cohort(predictions)
    told = calibration(people, predictions)
    block = told["networks"]["vgg16"]["before"]
    for number in (block["classwise_ece"], block["classes"]["polyp"]["slope"]):
        assert len(number["per_seed"]) == 3
        assert number["seed_sd"] == pytest.approx(np.std(number["per_seed"], ddof=1))
        assert number["value"] == pytest.approx(np.mean(number["per_seed"]), abs=1e-6)


def test_hard_labels_have_no_calibration() -> None:
    rows = table(calibrated(30))[["image", "patient_id", "label", "predicted", "network"]]
    part = Predictions(rows.assign(partition="validation", fold=0, seed=0), PAPER)
    people = cohort(part)
    assert calibration(people, part) == {}


def test_errors_of_fewer_than_ten_patients_are_not_given() -> None:
    part = table(calibrated(9))
    predictions = Predictions(part, PAPER)
    told = calibration(cohort(predictions), predictions)
    block = told["networks"]["vgg16"]["before"]
    assert set(block["classwise_ece"].values()) == {None}
    assert "10 patients or more" in calibration_sentences(told, "en")[0]


def test_error_of_a_network_without_a_misread_patient_reaches_wilsons_end() -> None:
    """Its error lies with the few of whom it is not sure: one more or less changes it."""
    truth = np.arange(60) % 3
    wrong = np.where(np.arange(60) < 3, 0.2, 0.0005)[:, None]
    given = np.where(np.eye(3)[truth] > 0, 1 - 2 * wrong, wrong)[None]
    readings = replace(calibrated(60), truth=truth, predicted=given.argmax(2), probabilities=given)
    predictions = Predictions(table(readings), PAPER)
    told = calibration(cohort(predictions), predictions)["networks"]["vgg16"]["before"]
    for found in (told["top_label"]["ece"], told["classwise_ece"]):
        expected = proportion_confint(60 * found["value"], 60, method="wilson")[1]
        assert found["high"] >= expected - 1e-9
        assert found["low"] <= found["value"]
