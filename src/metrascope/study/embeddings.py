"""The features of a study's networks, laid out in two dimensions: ``embeddings.csv``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.explain.embedding import (
    PERPLEXITIES,
    chance_purity,
    distances,
    nearest,
    purity,
    separation,
    trust,
    usable_perplexity,
)
from metrascope.explain.sample import sample_images
from metrascope.statistics.averages import averages
from metrascope.study.embedding_layouts import MapPoints, Sample, embedding_layouts
from metrascope.study_folder.readers import read_study_table

MOST_MAPPED: Final = 3_000
"""Images that are laid out. Of 3,000 a map takes 25 s on a core, and every pair is compared; three
separate draws of 3,000 from one source agreed within 0.01 in silhouette and 0.003 in purity."""


def embed_runs(
    study: Path, tables: Mapping[Path, pd.DataFrame], partition: str
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Lay out what each network's first run read, and measure what the maps sort by.

    Parameters
    ----------
    study
        The study's folder.
    tables
        ``predictions.csv`` of each finished run.
    partition
        The one evaluated, which the numbers are of; the maps show all that the run read, or
        `MOST_MAPPED` of them, the same of every network.

    Returns
    -------
    ``embeddings.csv``: ``network, image, label, x, y, perplexity, scanner, partition, correct``
    (1 or 0), the first perplexity of all networks first. And by network what `metrics.json` has:
    ``embedding`` (of the first perplexity, see docs/explain.md) and ``embedding_by_perplexity``.
    """
    scanners = _scanners(study)
    maps: dict[float, list[pd.DataFrame]] = {perplexity: [] for perplexity in PERPLEXITIES}
    numbers: dict[str, dict[str, Any]] = {}
    samples = _samples(tables)
    wanted = _maps(samples)
    points_of = dict(zip(wanted, embedding_layouts(study, wanted), strict=True))
    for network, (sample, table) in samples.items():
        features = sample.read()
        table = table.assign(
            scanner=[scanners.get(image, "") for image in table["image"]],
            correct=(table["predicted"] == table["label"]).astype(int),
        )
        held = (table["partition"] == partition).to_numpy()
        numbers[network] = {"embedding": {}, "embedding_by_perplexity": {}}
        apart = distances(features[held]) if held.any() else features[held]
        for perplexity in _distinct(len(table)):
            points = points_of[sample, perplexity]
            maps[perplexity].append(_rows(table, points, perplexity))
            found = _separated(apart, points[held], table[held])
            numbers[network]["embedding_by_perplexity"][f"{perplexity:g}"] = found
            if perplexity == PERPLEXITIES[0]:
                sorted_by = _sorted_by(features, points, table, held)
                numbers[network]["embedding"] = {**found, **sorted_by}
    drawn = [rows for each in maps.values() for rows in each]
    return pd.concat(drawn, ignore_index=True).round(4), numbers


def lay_out_runs(study: Path, tables: Mapping[Path, pd.DataFrame]) -> None:
    """Make the maps that `embed_runs` reads, in several processes, and keep them: a step.

    Parameters
    ----------
    study, tables
        As of `embed_runs`.
    """
    embedding_layouts(study, _maps(_samples(tables)), shown=True)


def _maps(samples: Mapping[str, tuple[Sample, pd.DataFrame]]) -> list[tuple[Sample, float]]:
    """Return features and perplexity of every map."""
    return [
        (sample, perplexity)
        for sample, table in samples.values()
        for perplexity in _distinct(len(table))
    ]


def _samples(tables: Mapping[Path, pd.DataFrame]) -> dict[str, tuple[Sample, pd.DataFrame]]:
    """Return by network what is laid out of its first run, with the rows of its predictions."""
    found: dict[str, tuple[Sample, pd.DataFrame]] = {}
    for run, table in tables.items():
        network = str(table["network"].iat[0])
        if network in found:
            continue
        sample = Sample(run, len(table))
        if len(table) > MOST_MAPPED:
            chosen = sample_images(table["patient_id"].to_numpy(), MOST_MAPPED, 0)
            sample = Sample(run, len(table), tuple(chosen.tolist()))
            table = table.iloc[chosen].reset_index(drop=True)
        found[network] = sample, table
    return found


def _distinct(count: int) -> list[float]:
    """Return the perplexities that give different maps of so many samples."""
    used = {usable_perplexity(value, count): value for value in reversed(PERPLEXITIES)}
    return [value for value in PERPLEXITIES if value in used.values()]


def _rows(table: pd.DataFrame, points: MapPoints, perplexity: float) -> pd.DataFrame:
    places = table[["network", "image", "label"]].assign(x=points[:, 0], y=points[:, 1])
    return places.assign(
        perplexity=perplexity,
        scanner=table["scanner"],
        partition=table["partition"],
        correct=table["correct"],
    )


def _separated(apart: MapPoints, points: MapPoints, table: pd.DataFrame) -> dict[str, Any]:
    """Return how well the classes stand apart on a map, and how far the map can be trusted."""
    values = separation(points, table["label"])._asdict()
    values["trustworthiness"] = trust(apart, points, precomputed=apart)
    found = {name: {"value": value} for name, value in values.items() if value is not None}
    if "neighbor_purity" in found:
        found["neighbor_purity"] = _interval(points, table, "label")
    return found


def _sorted_by(
    features: MapPoints, points: MapPoints, table: pd.DataFrame, held: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """Return how far neighbors share class, scanner and partition, and how far by chance."""
    numbers: dict[str, Any] = {}
    near: dict[bytes, npt.NDArray[np.int64]] = {}
    for name, column in (("class", "label"), ("scanner", "scanner"), ("partition", "partition")):
        # Of the partition evaluated, but for the comparison of partitions.
        kept = np.ones_like(held) if column == "partition" else held
        kept = kept & (table[column] != "").to_numpy()
        rows = table[kept]
        if rows[column].nunique() < 2:
            continue
        if column != "label":
            numbers[f"{name}_purity"] = _interval(points[kept], rows, column)
        same = kept.tobytes()
        if same not in near:
            near[same] = nearest(features[kept])
        numbers[f"{name}_purity_of_features"] = _interval(features, rows, column, near[same])
        numbers[f"{name}_purity_by_chance"] = {"value": chance_purity(rows[column])}
    return numbers


def _interval(
    points: MapPoints, table: pd.DataFrame, column: str, near: npt.NDArray[np.int64] | None = None
) -> dict[str, float | None]:
    shares = purity(points, table[column], near=near)
    return averages(shares[:, None], table["patient_id"])[0].json()


def _scanners(study: Path) -> dict[str, str]:
    table = read_study_table(study / "images.csv", "input", ("image",), ())
    if "scanner" not in table:
        return {}
    return dict(zip(table["image"], table["scanner"], strict=True))
