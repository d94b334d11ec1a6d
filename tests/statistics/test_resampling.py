"""The bootstrap: SciPy's BCa from the same draw, whole patients, bounds."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from metrascope.statistics import resampling
from metrascope.statistics.resampling import (
    MOST_LEFT_OUT,
    Replicates,
    Weights,
    bca,
    draw_patients,
    replicate,
    replicate_by_patient,
    select_units,
)


def average(values: np.ndarray):  # type: ignore[no-untyped-def]
    def statistic(weights: Weights) -> np.ndarray:
        return (weights @ values) / weights.sum(1)

    return statistic


@pytest.mark.parametrize("seed", range(4))
def test_bca_equals_scipys_of_the_same_draw(seed: int) -> None:
    values = np.random.default_rng(seed).gamma(0.7, size=40)
    found = replicate(average(values), draw_patients(np.arange(40), replicates=2000, seed=seed))
    low, high = bca(found, 0, np.inf)
    theirs = stats.bootstrap(
        (values,),
        lambda x, axis: np.mean(x, axis=axis),
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=found.drawn),
        method="BCa",
    ).confidence_interval
    assert float(found.value) == pytest.approx(values.mean(), rel=1e-6)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=1e-5)


def test_intervals_of_smooth_statistics_are_wider_for_few() -> None:
    values = np.random.default_rng(0).normal(size=12)
    found = replicate(average(values), draw_patients(np.arange(12), replicates=4000))
    low, high = bca(found, -np.inf, np.inf)
    lower, higher = bca(found, -np.inf, np.inf, smooth=True)
    # The bootstrap's normal interval falls short of Student's by both factors.
    expected = stats.t.ppf(0.975, 11) / stats.norm.ppf(0.975) * np.sqrt(12 / 11)
    assert (higher - lower) / (high - low) == pytest.approx(expected, rel=0.05)


def test_a_patients_units_are_drawn_together() -> None:
    clusters = np.array(["b", "a", "b", "c", "a", "a"])
    resamples = draw_patients(clusters, replicates=500, seed=1)
    assert resamples.patients == 3
    weights = np.concatenate(list(resamples.drawn()))
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [1, 4]] == weights[:, [5]]).all()
    assert (weights[:, [0, 1, 3]].sum(1) == 3).all()
    without = np.concatenate(list(resamples.left_out()))
    assert without.tolist() == [[1, 0, 1, 1, 0, 0], [0, 1, 0, 1, 1, 1], [1, 1, 1, 0, 1, 1]]


def test_draw_is_reproducible_and_every_patient_is_as_likely() -> None:
    first, again = draw_patients(np.arange(30), seed=3), draw_patients(np.arange(30), seed=3)
    assert (first.counts == again.counts).all()
    assert (first.counts != draw_patients(np.arange(30), seed=4).counts).any()
    assert first.counts.mean(0) == pytest.approx(np.ones(30), abs=0.05)
    # Counts of n draws among n: variance 1 - 1/n.
    assert first.counts.var(0) == pytest.approx(np.full(30, 1 - 1 / 30), abs=0.08)


def test_several_chunks_are_one_draw() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    resamples = draw_patients(np.arange(2000), replicates=3000, seed=0)
    assert len(list(resamples.drawn())) > 1
    found = replicate(average(values), resamples)
    assert found.drawn.shape == (3000,)
    assert found.left_out.shape == (2000,)
    expected = (values.sum() - values) / 1999
    assert found.left_out == pytest.approx(expected, abs=1e-6)


def test_of_many_patients_groups_are_left_out() -> None:
    values = np.random.default_rng(0).gamma(0.5, size=3 * MOST_LEFT_OUT)
    resamples = draw_patients(np.arange(len(values)), replicates=500)
    found = replicate(average(values), resamples)
    assert found.left_out.shape == (MOST_LEFT_OUT,)
    assert found.patients == len(values)
    without = np.concatenate(list(resamples.left_out()))
    assert (without.sum(1) == len(values) - 3).all()
    assert (without.sum(0) == MOST_LEFT_OUT - 1).all()
    one_by_one = (values.sum() - values) / (len(values) - 1)
    whole = Replicates(found.value, found.drawn, one_by_one, len(values))
    assert np.array(bca(found, 0, np.inf)) == pytest.approx(
        np.array(bca(whole, 0, np.inf)), rel=1e-4
    )


def test_counts_that_memory_should_not_hold_are_the_same_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resampling._counts.cache_clear()
    held = draw_patients(np.arange(50), replicates=40, seed=9).counts
    resampling._counts.cache_clear()
    monkeypatch.setattr(resampling, "_IN_MEMORY", 0)
    filed = draw_patients(np.arange(50), replicates=40, seed=9).counts
    assert isinstance(filed, np.memmap)
    assert np.array_equal(held, filed)
    drawn = draw_patients(np.arange(50), replicates=40, seed=9)
    for _ in range(2):  # what was let go is read again
        assert np.array_equal(np.concatenate(list(drawn.counted(7))), held)
    resampling._counts.cache_clear()


def test_patient_by_patient_comes_to_the_same() -> None:
    clusters = np.array([0, 1, 1, 2, 3, 4, 4, 5])
    values = np.random.default_rng(0).normal(size=len(clusters))
    resamples = draw_patients(clusters, replicates=2500)
    one = replicate(average(values), resamples)
    other = replicate_by_patient(lambda counts: average(values)(counts.T), resamples)
    for name in ("value", "drawn", "left_out"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-6)


def test_where_all_resamples_agree_the_end_is_wilsons() -> None:
    found = replicate(average(np.ones(25)), draw_patients(np.arange(25), replicates=100))
    low, high = bca(found)
    z = stats.norm.ppf(0.975)
    assert float(high) == 1.0
    assert float(low) == pytest.approx(25 / (25 + z**2), rel=1e-6)


def test_what_is_not_defined_is_left_out() -> None:
    drawn = np.array([0.2, np.nan, 0.4, 0.6, np.inf])
    low, high = bca(Replicates(np.array(0.4), drawn, np.array([0.3, np.nan, 0.5]), 3))
    assert 0.2 <= low <= 0.4 <= high <= 0.6
    low, high = bca(Replicates(np.array(np.nan), drawn, drawn, 5))
    assert np.isnan(low)
    assert np.isnan(high)


def test_function_of_replicates() -> None:
    found = replicate(average(np.arange(10.0)), draw_patients(np.arange(10), replicates=50))
    doubled = found.map(lambda values: 2 * values)
    assert doubled.value == 2 * found.value
    assert (doubled.drawn == 2 * found.drawn).all()


def test_all_units_are_not_copied() -> None:
    weights = np.ones((2, 4), dtype=np.float32)
    assert select_units(weights, np.arange(4)) is weights
    assert select_units(weights, np.array([1, 3])).shape == (2, 2)
