"""A metric of one's own with its 95 % interval: python own_metric.py predictions.csv."""

import sys

import numpy as np
from sklearn.metrics import cohen_kappa_score

from metrascope import evaluate


def weighted_kappa(truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """Return the quadratic kappa of patients who count as often as they were drawn."""
    predicted = probabilities.argmax(axis=1)
    return cohen_kappa_score(truth, predicted, weights="quadratic", sample_weight=weights)


def main(predictions: str, replicates: str = "2000") -> None:
    """Print the metric of each network; patients, not images, are drawn for the interval."""
    found = evaluate(predictions)
    for network in found.networks:
        kappa = found.measure(weighted_kappa, network, bounds=(-1, 1), replicates=int(replicates))
        print(f"{network}: {kappa.value:.3f} ({kappa.low:.3f} to {kappa.high:.3f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
