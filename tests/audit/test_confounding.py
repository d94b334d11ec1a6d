"""Association of class and scanner against closed forms and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, fisher_exact
from scipy.stats.contingency import association

from metrascope.audit.confounding import Balance, weigh


def table(cells: np.ndarray) -> pd.DataFrame:
    rows = [
        {"scanner": f"S{row}", "label": f"c{column}"}
        for (row, column), count in np.ndenumerate(cells)
        for _ in range(count)
    ]
    found = pd.DataFrame(rows)
    return found.assign(patient_id=[f"P{number}" for number in range(len(found))])


def weighed(cells: np.ndarray) -> Balance:
    classes = [f"c{number}" for number in range(cells.shape[1])]
    found = weigh(table(cells), "scanner", classes)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(5))
def test_strength_and_p_value_are_scipys_after_the_correction_for_bias(seed: int) -> None:
    cells = np.random.default_rng(seed).integers(8, 60, (3, 3))
    found = weighed(cells)
    np.testing.assert_array_equal(found.counts.to_numpy(), cells)
    n = cells.sum()
    # Bergsma's correction, from scipy's uncorrected Cramér's V: phi² = V² (min(r, c) - 1).
    phi = association(cells, method="cramer") ** 2 * 2
    corrected = max(0.0, phi - 4 / (n - 1)) / (3 - 4 / (n - 1) - 1)
    assert found.cramers_v == pytest.approx(np.sqrt(corrected), abs=1e-9)
    assert found.p == pytest.approx(chi2_contingency(cells, correction=False).pvalue)


def test_a_scanner_for_each_class_is_complete() -> None:
    found = weighed(np.diag([30, 30, 30]))
    assert found.cramers_v == pytest.approx(1, abs=1e-6)
    assert found.guessed == 1
    assert found.confounded


def test_even_shares_are_none() -> None:
    found = weighed(np.full((4, 3), 20))
    assert found.cramers_v == 0
    assert found.p == pytest.approx(1)
    assert found.guessed == pytest.approx(1 / 3)
    assert not found.confounded


def test_p_by_exchange_is_fishers_on_small_tables() -> None:
    cells = np.array([[7, 1], [2, 6]])
    expected = fisher_exact(cells).pvalue
    error = 4 * np.sqrt(expected / 2000)
    assert weighed(cells).p == pytest.approx(expected, abs=error)


def test_guessing_is_the_mean_recall_of_the_best_guess() -> None:
    # Of S0 one would say c1 (9 of 10 against 10 of 20), of S1 c0.
    assert weighed(np.array([[10, 9], [10, 1]])).guessed == pytest.approx((10 / 20 + 9 / 10) / 2)


def test_patients_are_counted_and_unknown_scanners_left_out() -> None:
    images = table(np.array([[6, 5], [5, 6]]))
    several = pd.concat([images, images, images.assign(scanner="")], ignore_index=True)
    found = weigh(several, "scanner", ["c0", "c1"])
    assert found is not None
    np.testing.assert_array_equal(found.counts.to_numpy(), [[6, 5], [5, 6]])


@pytest.mark.parametrize(
    "images",
    [
        pd.DataFrame({"patient_id": ["a"], "label": ["x"]}),
        table(np.array([[5, 5]])),
        table(np.array([[5], [5]])),
        table(np.array([[5, 5]])).assign(scanner=""),
    ],
)
def test_nothing_to_compare_is_none(images: pd.DataFrame) -> None:
    assert weigh(images, "scanner", ["c0", "c1"]) is None
