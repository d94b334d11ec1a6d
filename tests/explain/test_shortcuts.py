"""Shortcuts on networks that take them and networks that do not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from metrascope.explain import border
from metrascope.explain.border import FOLDS, PENALTY, border_numbers, border_only, regress
from metrascope.explain.perturbations import CHANGES
from metrascope.explain.shortcuts import flipped, moved, read_changed, shortcut_numbers

SIZE = 64
NAMES = list(CHANGES)


def scans(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Speckle in a disc that is cut off at the sides, black in the corners."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    sector = rows**2 + columns**2 < (0.52 * SIZE) ** 2
    grey = rng.rayleigh(45, (count, SIZE, SIZE)).clip(0, 255) * sector
    return grey.astype(np.uint8), np.repeat(sector[None], count, 0)


def two(said: np.ndarray) -> np.ndarray:
    return np.stack([1 - said, said], axis=1)


def looks_at_the_corner(grey: np.ndarray) -> np.ndarray:
    """Class 1 where there is ink in an upper corner."""
    corner = np.concatenate([grey[:, :8, :8], grey[:, :8, -8:]], axis=2)
    return two((corner.max((1, 2)) > 150).astype(float))


def looks_at_the_middle(grey: np.ndarray) -> np.ndarray:
    """Class 1 by the speckle's contrast in the middle, whatever its gain."""
    middle = grey[:, 24:40, 24:40].astype(float)
    return two(1 / (1 + np.exp(-(middle.std((1, 2)) / middle.mean((1, 2)) - 0.2))))


@pytest.mark.parametrize("name", NAMES)
def test_a_change_changes_what_it_says_and_little_else(name: str) -> None:
    (image,), (sector,) = scans(1)
    changed = CHANGES[name](image, sector, np.random.default_rng(0))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, image)
    again = CHANGES[name](image, sector, np.random.default_rng(0))
    assert np.array_equal(changed, again)
    touched = changed != image
    if name in ("brighter", "darker", "softer", "harder"):
        assert not touched[~sector].any()
        assert (changed >= image).all() == (name in ("brighter", "softer"))
    elif name == "outside":
        assert not touched[sector].any()
    elif name in ("calipers", "ticks", "text", "logo"):
        assert touched.mean() < 0.12
        assert (changed[touched] > image[touched]).mean() > 0.9
    elif name == "jpeg":
        assert np.abs(changed.astype(int) - image).mean() < 6


def test_a_network_that_looks_at_a_corner_mark_is_found() -> None:
    grey, sectors = scans(24)
    said = read_changed(looks_at_the_corner, grey, sectors, seed=0)
    numbers = shortcut_numbers(said, np.arange(24))
    assert numbers["logo"]["flipped"]["value"] == 1
    assert numbers["logo"]["moved"]["low"] > 0.8
    for name in ("jpeg", "brighter", "vignette", "outside"):
        assert numbers[name]["flipped"]["value"] == 0


def test_a_network_that_looks_at_the_echo_is_not() -> None:
    grey, sectors = scans(24)
    said = read_changed(looks_at_the_middle, grey, sectors, seed=0)
    numbers = shortcut_numbers(said, np.arange(24))
    for name in ("logo", "text", "ticks", "frame", "outside"):
        assert numbers[name]["flipped"]["value"] == 0
        assert numbers[name]["moved"]["value"] < 0.01


def test_moved_and_flipped_by_hand() -> None:
    said = np.array([[[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.2, 0.2]]])
    np.testing.assert_allclose(moved(said), [[0.3, 0.1]])
    assert flipped(said).tolist() == [[1, 0]]


def test_marks_stand_in_the_same_place_for_every_network() -> None:
    grey, sectors = scans(2)
    seen: list[np.ndarray] = []

    def classify(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return np.full((len(images), 2), 0.5)

    for _ in range(2):
        read_changed(classify, grey, sectors, seed=5)
    assert np.array_equal(seen[0], seen[2])
    assert np.array_equal(seen[1], seen[3])


def test_the_border_alone_has_no_echo() -> None:
    grey, sectors = scans(3)
    grey[:, 0, 0] = 200
    left = border_only(grey, sectors)
    assert (left[:, 0, 0] == 200).all()
    assert len(np.unique(left[sectors])) == 1


def features(count: int, planted: float, seed: int) -> pd.DataFrame:
    """Two images a patient; the class is in three of 40 features as far as planted."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count) % 3, 2)
    values = rng.normal(size=(2 * count, 40))
    values[np.arange(2 * count), labels] += planted
    table = pd.DataFrame(values)
    patients = [f"P{n // 2}" for n in range(2 * count)]
    return table.assign(patient_id=patients, label=labels)


def test_a_border_that_goes_with_the_class_is_found() -> None:
    numbers = border_numbers([features(90, 3.0, 0)], 3)
    assert numbers["balanced_accuracy"]["low"] > 0.5
    assert numbers["p"]["value"] == 0.001
    assert numbers["patients"] == 90


def test_of_very_many_patients_some_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border, "_MOST_PATIENTS", 60)
    runs = [features(90, 3.0, 0), features(90, 3.0, 1)]
    numbers = border_numbers(runs, 3)
    assert numbers["patients"] == 60
    assert numbers["balanced_accuracy"]["low"] > 0.5


def test_a_border_that_does_not_scores_chance() -> None:
    ps = [border_numbers([features(60, 0.0, seed)], 3)["p"]["value"] for seed in range(40)]
    # p is uniform: of 40, at most 6 below 0.05 with 99.7 % certainty.
    assert sum(p <= 0.05 for p in ps) <= 6
    assert np.mean(ps) == pytest.approx(0.5, abs=0.15)
    numbers = border_numbers([features(60, 0.0, 1)], 3)
    assert numbers["chance"]["low"] < 1 / 3 < numbers["chance"]["high"]


def test_seeds_of_the_same_patients_do_not_make_chance_narrower() -> None:
    one = border_numbers([features(45, 0.0, 1)], 3)
    twice = border_numbers([features(45, 0.0, 1)] * 2, 3)
    assert twice == one


def test_a_rare_class_cannot_be_tested() -> None:
    table = features(9, 0.0, 0)
    assert border_numbers([table[(table["label"] != 2) | (table["patient_id"] == "P2")]], 3) == {}
    assert border_numbers([], 3) == {}


def test_the_regression_is_scikit_learns() -> None:
    rng = np.random.default_rng(4)
    values, labels = rng.normal(size=(50, 12)), rng.integers(0, 3, 50)
    values[:, 5] = 1.0  # of no use to anyone
    patients = [str(n) for n in range(50)]
    found = regress(values, labels, patients)
    assert len({tuple(row) for row in found.fitted.tolist()}) == FOLDS
    shuffles = np.stack([labels, rng.permutation(labels)])
    predicted = found.predict(shuffles, 3)
    for own, said in zip(shuffles, predicted, strict=True):
        for row in range(50):
            train = found.fitted[row]
            assert not train[row]
            mean, spread = values[train].mean(0), values[train].std(0)
            used = spread > 0
            scaled = ((values - mean)[:, used] / spread[used]) / np.sqrt(used.sum())
            outcome = np.eye(3)[own]
            oracle = Ridge(alpha=PENALTY).fit(scaled[train], outcome[train])
            score = oracle.predict(scaled[row][None])[0] / outcome[train].mean(0)
            assert said[row] == score.argmax()
