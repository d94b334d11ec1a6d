"""How often the 95 % intervals hold the true value: simulated, by statistic and size.

    python -m benchmarks.coverage [--studies 2000] [--sizes 60 125 1291] [--images 1 3]

Patients of three classes (a third normal, a fifth fibroid, the rest polyp) get scores that are
normal around their class, with a part that is the patient's and a part that is the image's; the
true value is that of two million patients. The last lines say how far the worst coverage is from
95 %.
"""

import argparse
import time
from collections import defaultdict

import numpy as np
from sklearn import metrics

from metrascope.evaluation.cohort import Readings
from metrascope.evaluation.performance import performance
from metrascope.evaluation.resampling import draw

CLASSES = ("normal", "fibroid", "polyp")
PREVALENCE = (0.33, 0.18, 0.49)
SKILL = 1.7
SHARED = 0.8
POPULATION = 2_000_000
TARGET = 1.5
OVERALL = ("accuracy", "macro_f1", "macro_precision", "macro_auc", "mcc", "kappa")
LOSSES = ("brier", "log_loss", "macro_average_precision")
BY_CLASS = ("precision", "recall", "specificity", "f1", "auc")


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[60, 125, 1291])
    parser.add_argument("--images", type=int, nargs="*", default=[1, 3])
    asked = parser.parse_args()
    worst = 0.0
    for images in asked.images:
        truth = population(read(np.random.default_rng(1), POPULATION, images))
        for size in asked.sizes:
            start = time.perf_counter()
            held, defined = simulate(size, images, truth, asked.studies, asked.replicates)
            print(f"{size} patients, {images} image(s) each, {asked.studies} studies", end="")
            print(f" ({time.perf_counter() - start:.0f} s)")
            for name, count in held.items():
                share = 100 * count / max(defined[name], 1)
                worst = max(worst, abs(share - 95))
                print(f"  {name:28} {share:6.2f} %   true value {truth[name][0]:.4f}")
    print(f"furthest from 95 %: {worst:.2f} points (asked: {TARGET})")


def simulate(
    size: int, images: int, truth: dict[str, tuple[float, ...]], studies: int, replicates: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Return how often each interval held the true value, and how often there was one."""
    held: dict[str, int] = defaultdict(int)
    defined: dict[str, int] = defaultdict(int)
    for study in range(studies):
        rng = np.random.default_rng([size, images, study])
        found = numbers(read(rng, size, images), replicates, seed=study)
        for name, (_, low, high) in found.items():
            if np.isfinite(low):
                defined[name] += 1
                held[name] += int(low - 1e-12 <= truth[name][0] <= high + 1e-12)
    return dict(held), dict(defined)


def read(rng: np.random.Generator, size: int, images: int) -> Readings:
    """Return the readings of so many patients, each the mean of her images' probabilities."""
    truth = rng.choice(3, size, p=PREVALENCE)
    own = np.sqrt(SHARED) * rng.normal(size=(size, 3)) + SKILL * np.eye(3)[truth]
    total = np.zeros((size, 3))
    for _ in range(images):
        raised = np.exp(own + np.sqrt(1 - SHARED) * rng.normal(size=(size, 3)))
        total += raised / raised.sum(1, keepdims=True)
    probabilities = total[None] / images
    units = np.arange(size)
    return Readings("a", 3, (0,), units, truth, units, probabilities.argmax(2), probabilities)


def numbers(readings: Readings, draws: int, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """Return value and ends of every statistic."""
    resamples = draw(np.arange(len(readings.truth)), replicates=draws, seed=seed)
    content, _ = performance(readings, CLASSES, resamples)
    found = {name: content[name] for name in (*OVERALL, *LOSSES)}
    for label in CLASSES:
        found |= {f"{label} {name}": content["classes"][label][name] for name in BY_CLASS}
    gap = float("nan")
    ends = {
        name: tuple(gap if number[end] is None else number[end] for end in ("value", "low", "high"))
        for name, number in found.items()
    }
    return {name: (one[0], one[1], one[2]) for name, one in ends.items()}


def population(readings: Readings) -> dict[str, tuple[float, float, float]]:
    """Return the true values, by the definitions alone."""
    true, said = readings.truth, readings.predicted[0]
    chances = np.asarray(readings.probabilities)[0]
    matrix = metrics.confusion_matrix(true, said)
    hits, rows, columns = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    rejected = matrix.sum() - rows - columns + hits
    areas = [metrics.roc_auc_score(true == k, chances[:, k]) for k in range(3)]
    scores = [metrics.average_precision_score(true == k, chances[:, k]) for k in range(3)]
    f1 = 2 * hits / (rows + columns)
    found = {
        "accuracy": hits.sum() / matrix.sum(),
        "macro_f1": f1.mean(),
        "macro_precision": (hits / columns).mean(),
        "macro_auc": np.mean(areas),
        "mcc": metrics.matthews_corrcoef(true, said),
        "kappa": metrics.cohen_kappa_score(true, said),
        "brier": ((chances - np.eye(3)[true]) ** 2).sum(1).mean(),
        "log_loss": metrics.log_loss(true, chances),
        "macro_average_precision": np.mean(scores),
    }
    for k, label in enumerate(CLASSES):
        found |= {
            f"{label} precision": hits[k] / columns[k],
            f"{label} recall": hits[k] / rows[k],
            f"{label} specificity": rejected[k] / (matrix.sum() - rows[k]),
            f"{label} f1": f1[k],
            f"{label} auc": areas[k],
        }
    return {name: (float(value), float("nan"), float("nan")) for name, value in found.items()}


if __name__ == "__main__":
    main()
