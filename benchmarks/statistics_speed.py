"""All statistics of eight networks against the same numbers from scikit-learn in a loop.

    python -m benchmarks.statistics_speed [--patients 1291] [--replicates 10000] [--loop 50]

Ours is `metrascope.statistics.evaluate.evaluate_predictions`: every number with its interval, all
pairs, calibration, decision curves. The loop is what one writes today: resample patients, call
scikit-learn's functions, for the counts, areas and losses alone. A few of its resamples are timed
and multiplied. Processor time; the last line is the ratio.
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn import metrics

from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.published import PUBLISHED

CLASSES = ("normal", "fibroid", "polyp")
PREVALENCE = (0.33, 0.18, 0.49)
SKILL = 1.7
TARGET = 5.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--patients", type=int, default=1291)
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=50, help="resamples of the loop that are timed")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    predictions = made(asked.patients)
    ours, theirs = [], []
    for _ in range(asked.rounds):
        start = time.process_time()
        evaluate(predictions, replicates=asked.replicates)
        ours.append(time.process_time() - start)
        start = time.process_time()
        loop(predictions, asked.loop)
        theirs.append((time.process_time() - start) * asked.replicates / asked.loop)
    print(f"{asked.patients} patients, {len(PUBLISHED)} networks, {asked.replicates} resamples")
    print(f"metrascope, all statistics: {np.median(ours):.2f} s (asked: under {TARGET:g})")
    print(f"scikit-learn in a loop, counts, areas and losses: {np.median(theirs):.0f} s")
    print(f"{np.median(theirs) / np.median(ours):.0f} times as fast")


def made(patients: int) -> Predictions:
    """Return predictions of the study's eight networks on so many patients."""
    rng = np.random.default_rng(0)
    truth = rng.choice(len(CLASSES), patients, p=PREVALENCE)
    labels = np.array(CLASSES)
    frames = []
    for network in PUBLISHED:
        scores = rng.normal(size=(patients, len(CLASSES))) + SKILL * np.eye(len(CLASSES))[truth]
        raised = np.exp(scores)
        probabilities = raised / raised.sum(1, keepdims=True)
        frame = pd.DataFrame(probabilities, columns=[f"p_{label}" for label in CLASSES])
        names = [f"P{number:05}" for number in range(patients)]
        frame = frame.assign(
            image=names,
            patient_id=names,
            label=labels[truth],
            network=network,
            partition="validation",
            fold=0,
            seed=0,
            predicted=labels[probabilities.argmax(1)],
        )
        frames.append(frame)
    return Predictions(pd.concat(frames, ignore_index=True), CLASSES)


def loop(predictions: Predictions, replicates: int) -> None:
    """Resample patients and call scikit-learn, network by network."""
    rng = np.random.default_rng(0)
    columns = [f"p_{label}" for label in CLASSES]
    for _, table in predictions.table.groupby("network"):
        truth, said = table["label"].to_numpy(), table["predicted"].to_numpy()
        chances = table[columns].to_numpy()
        one_hot = (truth[:, None] == np.array(CLASSES)).astype(int)
        for _ in range(replicates):
            rows = rng.integers(0, len(truth), len(truth))
            metrics.precision_recall_fscore_support(
                truth[rows], said[rows], labels=CLASSES, zero_division=0
            )
            metrics.balanced_accuracy_score(truth[rows], said[rows])
            metrics.matthews_corrcoef(truth[rows], said[rows])
            metrics.cohen_kappa_score(truth[rows], said[rows])
            metrics.roc_auc_score(one_hot[rows], chances[rows])
            metrics.average_precision_score(one_hot[rows], chances[rows])
            metrics.log_loss(one_hot[rows], chances[rows])


if __name__ == "__main__":
    main()
