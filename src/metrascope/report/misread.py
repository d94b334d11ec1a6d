"""Which cases the page shows: one per class for the panel, and every one that was misread."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from metrascope.study_folder.contents import Study, StudyRun


@dataclass(frozen=True)
class GalleryReading:
    """How one run read one image.

    Attributes
    ----------
    row
        Row in the run's predictions and heat maps.
    probabilities
        In class order.
    """

    run: StudyRun
    row: int
    image: str
    patient_id: str
    label: str
    predicted: str
    partition: str
    probabilities: tuple[float, ...]

    @property
    def right(self) -> bool:
        """Whether the class of highest probability is the true one."""
        return self.predicted == self.label


def readings(study: Study) -> list[GalleryReading]:
    """Return every reading of every finished run on the evaluated partition, as in the files."""
    found = []
    for network in study.networks:
        for run in study.runs_of(network):
            if run.predictions is not None:
                found += _readings_of(run, run.predictions, study.classes)
    return [item for item in found if item.partition == study.partition]


def misread(found: Iterable[GalleryReading], classes: Sequence[str]) -> list[GalleryReading]:
    """Return the wrong readings by true class, predicted class and image."""
    rank = {name: place for place, name in enumerate(classes)}
    wrong = [item for item in found if not item.right]
    return sorted(wrong, key=lambda item: (rank[item.label], rank[item.predicted], item.image))


def missed_by_several(found: Iterable[GalleryReading]) -> list[list[GalleryReading]]:
    """Return the wrong readings of each image that two or more networks misread, most first."""
    by_image: dict[str, list[GalleryReading]] = {}
    for item in found:
        if not item.right:
            by_image.setdefault(item.image, []).append(item)
    several = [wrong for wrong in by_image.values() if _network_count(wrong) > 1]
    return sorted(several, key=lambda wrong: (-_network_count(wrong), wrong[0].image))


def panel_cases(found: Sequence[GalleryReading], classes: Sequence[str]) -> dict[str, str]:
    """Choose one image per class for the panel of heat maps.

    Of the class's images that most runs read right, the one whose mean probability for the true
    class is the median: neither the best nor the worst case. Ties go by the image's name.
    """
    table = pd.DataFrame(
        {
            "image": [item.image for item in found],
            "label": [item.label for item in found],
            "right": [item.right for item in found],
            "p": [item.probabilities[classes.index(item.label)] for item in found],
        }
    )
    chosen = {}
    for label in classes:
        images = table[table["label"] == label].groupby("image")[["right", "p"]].mean()
        if len(images):
            chosen[label] = _median_of_best(images)
    return chosen


def panel_readings(
    found: Iterable[GalleryReading], chosen: Mapping[str, str]
) -> dict[str, dict[str, GalleryReading]]:
    """Return by network, then by class, the first reading of the image that `panel_cases` chose."""
    panel: dict[str, dict[str, GalleryReading]] = {}
    for item in found:
        row = panel.setdefault(item.run.network, {})
        if chosen.get(item.label) == item.image and item.label not in row:
            row[item.label] = item
    return panel


def _median_of_best(images: pd.DataFrame) -> str:
    best = images[images["right"] == images["right"].max()].reset_index()
    ordered = best.sort_values(["p", "image"])
    return str(ordered["image"].iloc[(len(ordered) - 1) // 2])


def _network_count(wrong: Sequence[GalleryReading]) -> int:
    return len({item.run.network for item in wrong})


def _readings_of(
    run: StudyRun, table: pd.DataFrame, classes: Sequence[str]
) -> list[GalleryReading]:
    probabilities = table[[f"p_{name}" for name in classes]].to_numpy(dtype=float).tolist()
    names = ("image", "patient_id", "label", "predicted", "partition")
    columns = [table[name].astype(str).tolist() for name in names]
    return [
        GalleryReading(run, row, image, patient, label, predicted, partition, tuple(values))
        for row, (image, patient, label, predicted, partition, values) in enumerate(
            zip(*columns, probabilities, strict=True)
        )
    ]
