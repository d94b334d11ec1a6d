"""How often the 95 % intervals of ``metrics.json`` hold the true value: simulated, all of them.

    python -m benchmarks.coverage [--studies 1000] [--sizes 60 125] [--designs balanced six ...]

Two networks read the patients of a test partition, their thresholds come from as many validation
patients, and `metrascope.statistics.evaluate.evaluate_predictions` does the rest: whatever has a
``value``, a ``low`` and a ``high`` in its answer is followed. The true value is that of a hundred
thousand patients (of a threshold's sensitivity and specificity, at the threshold that the study
chose).

Designs: ``balanced`` (three classes as frequent); ``six`` (a class of six patients, the others
three and five parts of the rest); ``perfect`` (nobody is ever misread); ``nearly`` (99 of 100 are
read right, so that half of the studies of 60 see no error); ``images`` (three images a patient, and
a fifth of the patients with a lesion have both lesions, each a unit of its own that is drawn with
the other). The first network is less sure than it may be, the second as sure as it may.

The table gives for each number the share of the studies in which its interval held the true
value, the lowest of the classes, networks and thresholds; and the share of studies without one.
"""

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.statistics import calibration, reliability, subgroups
from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.predictions import Predictions

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CLASSES: Final = ("normal", "fibroid", "polyp")
NETWORKS: Final = ("first", "second")
STATED: Final = {"normal": 0.90, "fibroid": 0.04, "polyp": 0.06}
POPULATION: Final = 100_000
SHARED: Final = 0.8
"""Part of the variance of a score that is the patient's; the rest is the image's."""
ALIKE: Final = 0.6
"""Correlation of the two networks' scores."""
BOTH: Final = 0.2
"""Patients with a lesion who have the other as well, in the design ``images``."""
MARGIN: Final = 0.3
"""By how much a perfect network's score of the true class leads, at least."""
LOWEST: Final = 93.0


@dataclass(frozen=True)
class Design:
    """How patients are drawn, and how well they are read.

    Attributes
    ----------
    shares
        Of the classes; ``rare`` of them are six patients whatever the size, where it is set.
    skill
        Distance of a class from the others, in standard deviations of a score.
    images
        Images per patient.
    """

    shares: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)
    skill: float = 1.7
    images: int = 1
    six: bool = False
    both: float = 0.0
    perfect: bool = False

    def classes(self, rng: np.random.Generator, size: int, patients: int) -> Integers:
        """Return the class of so many patients of a study of that size."""
        if not self.six:
            return rng.choice(3, patients, p=self.shares).astype(np.int64)
        rest = size - 6
        counts = np.array([rest * 3 // 8, 6, rest - rest * 3 // 8])
        return np.repeat(np.arange(3), counts * (patients // size)).astype(np.int64)


DESIGNS: Final = {
    "balanced": Design(),
    "six": Design(six=True),
    "perfect": Design(skill=2.5, perfect=True),
    "nearly": Design(skill=3.6),
    "images": Design(shares=(0.33, 0.18, 0.49), images=3, both=BOTH),
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first study")
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[60, 125])
    parser.add_argument("--designs", nargs="*", default=list(DESIGNS), choices=list(DESIGNS))
    parser.add_argument("--out", type=Path, help="where to write every share as JSON")
    parser.add_argument("--paths", action="store_true", help="print every number by itself")
    asked = parser.parse_args()
    found = {}
    for name in asked.designs:
        for size in asked.sizes:
            start = time.perf_counter()
            design = DESIGNS[name]
            truth = true_values(design, size)
            held = simulate(
                design,
                size,
                truth,
                range(asked.first, asked.first + asked.studies),
                asked.replicates,
            )
            found[f"{name} {size}"] = held
            print(f"{name}, {size} patients: {time.perf_counter() - start:.0f} s", file=sys.stderr)
            if asked.paths:
                print_paths(held, truth)
            if asked.out:
                asked.out.write_text(json.dumps(found))
    print_table(found, asked.studies)


def simulate(
    design: Design, size: int, truth: "Truth", studies: Sequence[int], replicates: int
) -> dict[str, tuple[int, int, int]]:
    """Return by number in how many studies it held the truth, had ends, and was there at all."""
    held: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for study in studies:
        rng = np.random.default_rng([size, design.images, int(10 * design.skill), study])
        predictions = read(design, rng, size, size, ("test", "validation"))
        metrics = evaluated(predictions, replicates)
        for path, number in walked(metrics):
            held[path][2] += 1
            value = truth.of(path, metrics)
            low, high = (
                -np.inf if number["low"] is None else number["low"],
                np.inf if number["high"] is None else number["high"],
            )
            if value is not None and np.isfinite([low, high]).any():
                held[path][1] += 1
                close = 1e-6 + 1e-5 * min(abs(value), 1e3)  # sums are in single precision
                held[path][0] += int(low - close <= value <= high + close)
    return {path: (one[0], one[1], one[2]) for path, one in held.items()}


def evaluated(predictions: Predictions, replicates: int) -> dict[str, Any]:
    """Return ``metrics.json`` but for two tests that have no interval and take their time."""
    nothing = np.full((1, len(CLASSES) + 2), np.nan)
    with (
        mock.patch.object(calibration, "expected_errors", return_value=nothing),
        mock.patch.object(subgroups, "spread_test", lambda right, *_: np.ones(right.shape[1])),
    ):
        return evaluate(
            predictions,
            prevalence=STATED,
            replicates=replicates,
            attributes=scanners(predictions),
        )


def read(
    design: Design,
    rng: np.random.Generator,
    size: int,
    patients: int,
    partitions: Sequence[str] = ("test",),
) -> Predictions:
    """Return the readings that two networks give of so many patients of each partition."""
    frames = []
    for partition in partitions:
        truth = design.classes(rng, size, patients)
        people = np.arange(patients)
        twice = (truth > 0) & (rng.random(patients) < design.both)
        people = np.concatenate([people, people[twice]])
        truth = np.concatenate([truth, 3 - truth[twice]])
        # What is hard about a patient is so in both of her lesions, and partly for both networks.
        patient = rng.normal(size=(3, patients, 3))
        image = rng.normal(size=(3, design.images, len(people), 3))
        for place, network in enumerate(NETWORKS):
            own, seen = (
                np.sqrt(ALIKE) * part[0] + np.sqrt(1 - ALIKE) * part[place + 1]
                for part in (patient, image)
            )
            scores = np.sqrt(SHARED) * own[people] + design.skill * np.eye(3)[truth]
            scores = scores + np.sqrt(1 - SHARED) * seen
            if design.perfect:
                of_truth = np.eye(3, dtype=bool)[truth]
                others = np.where(of_truth, -np.inf, scores).max(-1, keepdims=True)
                scores = np.where(of_truth, np.maximum(scores, others + MARGIN), scores)
            # The first network is less sure than it may be, the second as sure as it may.
            raised = np.exp((1.0, design.skill)[place] * scores)
            frames += [
                _frame(raised[number], people, truth, network, partition, number)
                for number in range(design.images)
            ]
    return Predictions(pd.concat(frames, ignore_index=True), CLASSES)


def _frame(
    raised: Floats, people: Integers, truth: Integers, network: str, partition: str, number: int
) -> pd.DataFrame:
    probabilities = np.round(raised / raised.sum(1, keepdims=True), 8)
    labels = np.array(CLASSES)
    frame = pd.DataFrame(probabilities, columns=[f"p_{label}" for label in CLASSES])
    names = [f"{partition[0]}{person:06}" for person in people]
    return frame.assign(
        image=[
            f"{name}-{label}-{number}" for name, label in zip(names, labels[truth], strict=True)
        ],
        patient_id=names,
        label=labels[truth],
        network=network,
        partition=partition,
        fold=0,
        seed=0,
        predicted=labels[probabilities.argmax(1)],
    )


def scanners(predictions: Predictions) -> pd.DataFrame:
    """Return two scanners for the patients in turn, between which nothing differs."""
    table = predictions.table.drop_duplicates("image").set_index("image")
    turn = table["patient_id"].str[-1].isin(list("02468"))
    return pd.DataFrame({"scanner": np.where(turn, "A", "B")}, index=table.index)


@dataclass(frozen=True)
class Truth:
    """The true value of every number, by its path in ``metrics.json``."""

    values: Mapping[str, float]
    scores: Mapping[tuple[str, str, bool], Floats]

    def of(self, path: str, metrics: Mapping[str, Any]) -> float | None:
        """Return the true value of a number of a study; None of those that are not followed."""
        if not path.startswith("operating_points"):
            return self.values.get(path)
        _, _, network, question, _, rule, measure = path.split("/")
        asked = metrics["operating_points"]["networks"][network][int(question)]
        limit = asked["points"][rule]["thresholds"][0]
        sides = [self.scores[network, question, positive] for positive in (True, False)]
        found, wrong = (1 - np.searchsorted(one, limit, side="right") / len(one) for one in sides)
        told = {"sensitivity": found, "specificity": 1 - wrong, "youden": found - wrong}
        return float(told[measure])


def true_values(design: Design, size: int) -> Truth:
    """Return the values of very many patients; calibration errors with a study's number of bins."""
    patients = POPULATION // size * size
    predictions = read(design, np.random.default_rng(1), size, patients)
    bins = reliability.bins_for(size)
    with mock.patch.object(reliability, "bins_for", return_value=bins):
        metrics = evaluated(predictions, 2)
    values = {
        path: float("inf") if one["value"] is None else float(one["value"])
        for path, one in walked(metrics)
        if one["value"] is not None or one["low"] is not None
    }
    return Truth(values, _scores(predictions, metrics))


def _scores(
    predictions: Predictions, metrics: Mapping[str, Any]
) -> dict[tuple[str, str, bool], Floats]:
    """Return the sorted scores of each network, question and side, for thresholds."""
    found = {}
    keys = ["network", "patient_id", "label"]
    columns = [f"p_{label}" for label in CLASSES]
    units = predictions.table.groupby(keys)[columns].mean().reset_index()
    for network in NETWORKS:
        own = units[units["network"] == network]
        for place, question in enumerate(metrics["operating_points"]["networks"][network]):
            sides = [question[side] for side in ("positive", "negative")]
            above, below = (own[[f"p_{label}" for label in side]].sum(axis=1) for side in sides)
            score = (above / (above + below)).to_numpy()
            for positive, side in zip((True, False), sides, strict=True):
                found[network, str(place), positive] = np.sort(
                    score[own["label"].isin(side).to_numpy()]
                )
    return found


def walked(content: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every number with an interval and its path; bands of curves point by point."""
    if isinstance(content, list):
        content = {str(place): one for place, one in enumerate(content)}
    if not isinstance(content, Mapping):
        return
    if {"value", "low", "high"} <= set(content):
        if isinstance(content["value"], list):
            ends = (content[end] for end in ("value", "low", "high"))
            for place, three in enumerate(zip(*ends, strict=True)):
                yield f"{path}/{place}", dict(zip(("value", "low", "high"), three, strict=True))
            return
        yield path, content
    for name, one in content.items():
        # Bins are not the same in two studies; what is scaled depends on a study's temperature;
        # acting on all at a stated prevalence is worth what follows from it.
        if name not in ("bins", "after", "per_seed") and path + name != "decision/statedall":
            yield from walked(one, f"{path}/{name}".strip("/"))


ROWS: Final = {
    r"networks/\w+/(\w+)": r"\1",
    r"networks/\w+/classes/\w+/(\w+)": r"class \1",
    r"networks/\w+/collapses/\d/(\w+)": r"question \1",
    r"ensemble/(?:\w+/)*(\w+)": r"ensemble",
    r"agreement/(\w+)": r"\1",
    r"comparisons/pairs/\d/(\w+)": r"difference \1",
    r"calibration/networks/\w+/before/classwise_ece": "classwise ECE",
    r"calibration/networks/\w+/before/top_label/ece": "top-label ECE",
    r"calibration/networks/\w+/before/classes/\w+/(\w+)": r"class \1",
    r"operating_points/networks/\w+/\d/points/(\w+)/\w+": r"point \1",
    r"decision/curves/\w+/(\w+)/\d+": r"\1",
    r"decision/all/\d+": "net benefit of all",
    r"decision/stated/curves/\w+/(\w+)/\d+": r"\1 at prevalence",
    r"subgroups/\w+/.*?(\w+)": r"subgroup \1",
}


def row_of(path: str) -> str:
    """Return the row of the table that a number belongs to."""
    for pattern, name in ROWS.items():
        if re.fullmatch(pattern, path):
            return re.sub(f"^{pattern}$", name, path)
    return path


def print_table(found: Mapping[str, Mapping[str, tuple[int, int, int]]], studies: int) -> None:
    """Print the lowest coverage of each row by design and size, and what falls short."""
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    gaps: dict[str, float] = defaultdict(float)
    for column, held in found.items():
        for path, (hits, known, _) in held.items():
            if known:
                rows[row_of(path)][column].append(100 * hits / known)
                gaps[row_of(path)] = max(gaps[row_of(path)], 100 * (1 - known / studies))
    print("| number |", " | ".join(found), "| without |")
    print("| --- |", " | ".join("---" for _ in found), "| --- |")
    for row, columns in rows.items():
        cells = [
            f"{min(columns[name]):.1f}–{max(columns[name]):.1f}" if columns[name] else "—"
            for name in found
        ]
        print(f"| {row} |", " | ".join(cells), f"| {gaps[row]:.0f} |")
    short = sum(min(one) < LOWEST for columns in rows.values() for one in columns.values() if one)
    print(f"cells under {LOWEST:g} %: {short}")


def print_paths(held: Mapping[str, tuple[int, int, int]], truth: Truth) -> None:
    """Print every number by itself."""
    for path, (hits, known, there) in held.items():
        share = f"{100 * hits / known:6.1f}" if known else "     -"
        value = truth.values.get(path, float("nan"))
        print(f"{share} % of {known:5} of {there:5}  {value:9.4f}  {path}")


if __name__ == "__main__":
    main()
