"""Coverage of prediction sets, by class, over repeated splits, for three ways to score a fit.

    python -m benchmarks.conformal PREDICTIONS … [--splits 20]

PREDICTIONS are `predictions.csv` of patients that the networks were not trained on, for instance
of ``metrascope study`` and of ``metrascope evaluate --trained`` on new phantoms; those of one
network, fold and seed are a pool. Each split calibrates with half of each class's patients
(temperature and sets) and tests with the others. Last, phantoms of numbers: patients with several
images, of whom one image or the mean is read.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metrascope.predict.conformal import fit_conformal
from metrascope.statistics.predictions import read_predictions
from metrascope.statistics.temperature import apply_temperature, fit_temperature

Floats = npt.NDArray[np.float64]
CONFIDENCES = (0.8, 0.9, 0.95)


def least_likely(probabilities: Floats) -> Floats:
    """Return 1 - p of each class: what the package uses."""
    return 1 - probabilities


def adaptive(probabilities: Floats) -> Floats:
    """Return the probability of a class and of all likelier ones (Romano et al. 2020)."""
    order = np.argsort(-probabilities, axis=1)
    sums = np.cumsum(np.take_along_axis(probabilities, order, 1), axis=1)
    scores = np.empty_like(sums)
    np.put_along_axis(scores, order, sums, 1)
    return scores


def margin(probabilities: Floats) -> Floats:
    """Return how far each class is behind the likeliest other one."""
    columns = range(probabilities.shape[1])
    others = [np.delete(probabilities, k, axis=1).max(axis=1) for k in columns]
    return np.stack(others, axis=1) - probabilities


SCORES: dict[str, Callable[[Floats], Floats]] = {
    "1 - p": least_likely,
    "APS": adaptive,
    "margin": margin,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("predictions", type=Path, nargs="*")
    parser.add_argument("--splits", type=int, default=20)
    options = parser.parse_args()
    for path in options.predictions:
        found = read_predictions([path])
        table = found.table.reset_index(drop=True)
        for (network, fold, seed), rows in table.groupby(["network", "fold", "seed"]):
            said = rows[[f"p_{label}" for label in found.classes]].to_numpy(np.float64)
            truth = np.array([found.classes.index(label) for label in rows["label"]])
            # One row each: the images of a patient are averaged.
            _, first, unit = np.unique(rows["patient_id"], return_index=True, return_inverse=True)
            means = np.stack([np.bincount(unit, column) for column in said.T], axis=1)
            means /= np.bincount(unit)[:, None]
            print(f"\n{path} {network} fold {fold} seed {seed}: {len(first)} patients, by class")
            print("  ", dict(zip(found.classes, np.bincount(truth[first]), strict=True)))
            report(means, truth[first], found.classes, options.splits)
    simulate(options.splits)


def report(
    said: Floats, truth: npt.NDArray[np.int64], classes: tuple[str, ...], splits: int
) -> None:
    """Print coverage by class, and how large sets are.

    With n patients to calibrate with, coverage comes in steps of 1 / (n + 1), rounded up: what is
    due is printed first.
    """
    halves = np.bincount(truth) // 2
    for confidence in CONFIDENCES:
        due = [min(1, math.ceil((n + 1) * confidence - 1e-9) / (n + 1)) for n in halves]
        listed = "  ".join(f"{100 * share:6.2f}" for share in due)
        print(f"  due     {100 * confidence:4.0f} %   {listed}")
    print(
        "  score   asked   coverage by class (mean over splits)      furthest   size  empty  full"
    )
    for name, score in SCORES.items():
        for confidence in CONFIDENCES:
            found = [
                one_split(said, truth, classes, score, confidence, seed) for seed in range(splits)
            ]
            shares = 100 * np.mean([covered for covered, _ in found], axis=0)
            sizes = np.concatenate([size for _, size in found])
            furthest = np.abs(shares - 100 * confidence).max()
            listed = "  ".join(f"{share:6.2f}" for share in shares)
            empty, full = (100 * (sizes == count).mean() for count in (0, len(classes)))
            print(
                f"  {name:7} {100 * confidence:4.0f} %   {listed:34} {furthest:14.2f}"
                f"   {sizes.mean():.3f} {empty:5.1f} {full:5.1f}"
            )


def one_split(
    said: Floats,
    truth: npt.NDArray[np.int64],
    classes: tuple[str, ...],
    score: Callable[[Floats], Floats],
    confidence: float,
    seed: int,
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return coverage by class and the sizes of the sets of the half that was held out."""
    rng = np.random.default_rng(seed)
    held = np.zeros(len(truth), dtype=bool)
    for k in range(len(classes)):
        own = rng.permutation(np.flatnonzero(truth == k))
        held[own[: len(own) // 2]] = True
    temperature = fit_temperature(np.log(np.maximum(said[held], 1e-8)), truth[held])
    probabilities = apply_temperature(said, temperature)
    inside = np.zeros_like(said, dtype=bool)
    if score is least_likely:
        labels = [classes[k] for k in truth[held]]
        fitted = fit_conformal(
            probabilities[held], labels, list(map(str, range(len(labels)))), classes
        )
        for row in np.flatnonzero(~held):
            labels = fitted.prediction_set(probabilities[row], confidence)
            inside[row] = [label in labels for label in classes]
    else:
        scores = score(probabilities)
        for k in range(len(classes)):
            own = np.sort(scores[held & (truth == k), k])
            rank = math.ceil((len(own) + 1) * confidence - 1e-9)
            inside[:, k] = scores[:, k] <= (own[rank - 1] if rank <= len(own) else math.inf)
    covered = [inside[~held & (truth == k), k].mean() for k in range(len(classes))]
    return np.array(covered), inside[~held].sum(axis=1)


def simulate(splits: int) -> None:
    """Print coverage of single images and of patients, where patients have 1 to 4 images."""
    print("\nsimulated patients with 1 to 4 images, 300 to calibrate with, 3000 to test with")
    classes = ("a", "b", "c")
    for confidence in CONFIDENCES:
        shares: dict[str, list[Floats]] = {"patient": [], "image": []}
        for seed in range(splits):
            rng = np.random.default_rng(seed)
            said, truth, who = draw(rng, 300)
            fitted = fit_conformal(said, [classes[k] for k in truth], list(map(str, who)), classes)
            said, truth, who = draw(rng, 3000)
            _, first, counts = np.unique(who, return_index=True, return_counts=True)
            own = truth[first]
            means = np.add.reduceat(said, first) / counts[:, None]
            drawn = said[first + rng.integers(0, counts)]
            for unit, read, parts in (
                ("patient", means, fitted.patient),
                ("image", drawn, fitted.image),
            ):
                limits = np.array([part.limit(confidence) for part in parts])
                fits = 1 - read[np.arange(len(own)), own] <= limits[own]
                shares[unit].append(np.bincount(own, fits) / np.bincount(own))
        for unit, found in shares.items():
            mean = 100 * np.mean(found, axis=0)
            listed = "  ".join(f"{share:.2f}" for share in mean)
            print(f"  {unit:8} asked {100 * confidence:.0f} %: {listed}")


def draw(
    rng: np.random.Generator, patients: int
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return probabilities, classes and patients of images, some part of them the patient's."""
    truth = rng.choice(3, patients, p=(0.4, 0.2, 0.4))
    who = np.repeat(np.arange(patients), rng.integers(1, 5, patients))
    own = np.sqrt(0.7) * rng.normal(size=(patients, 3)) + 1.5 * np.eye(3)[truth]
    raised = np.exp(own[who] + np.sqrt(0.3) * rng.normal(size=(len(who), 3)))
    return raised / raised.sum(1, keepdims=True), truth[who], who


if __name__ == "__main__":
    main()
