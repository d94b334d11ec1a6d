"""Where the heat maps of a study's runs lie, lesion by lesion: ``localization.csv``."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.arrays import Mask
from metrascope.explain.localization import HeatMap, Located, by_center, by_chance, grown, locate
from metrascope.statistics.averages import averages

MAPS: Final = ("predicted", "true")
LESION_SIZES: Final = ("small", "medium", "large")
LESION_MEASURES: Final = Located._fields
_BASELINES: Final = ("chance", "center")
LESION_COLUMNS: Final = (
    "network",
    "fold",
    "seed",
    "image",
    "patient_id",
    "label",
    "predicted",
    "map",
    "lesion_mm",
    "diameter",
    *LESION_MEASURES,
    *(f"{baseline}_{measure}" for baseline in _BASELINES for measure in LESION_MEASURES),
    "unreliable",
)


@dataclass(frozen=True)
class LocatedLesion:
    """A lesion as a network sees it.

    Attributes
    ----------
    mask
        Pixels of the lesion, bool, (size, size), somewhere True.
    millimeters
        Diameter of the lesion, mm; NaN where unknown.
    """

    mask: Mask
    millimeters: float

    @property
    def diameter(self) -> float:
        """Diameter of the circle of the same area, in sides of the square."""
        return 2 * sqrt(float(self.mask.mean()) / pi)

    @cached_property
    def near(self) -> Mask:
        """The mask with the tolerance of the pointing game, once for all networks."""
        return grown(self.mask)

    @cached_property
    def center(self) -> Located:
        """Score of a map of the middle of the square."""
        return by_center(self.mask, self.near)


def localize(
    reading: dict[str, Any],
    heats: dict[str, HeatMap],
    lesion: LocatedLesion,
    lesion_classes: Collection[str],
) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``localization.csv`` of one image and run, one for each of `MAPS`.

    A map is unreliable (1) where its energy inside the lesion is not above the lesion's share of
    the square, or it is empty; else 0. It is not judged (empty cell) for a class that has no
    lesions: what speaks for a normal uterus need not lie on the polyp that was missed.

    Parameters
    ----------
    reading
        Columns ``network, fold, seed, image, patient_id, label, predicted`` of one prediction.
    heats
        Heat maps by name, (h, w); the two of a right prediction are one.
    lesion
        Lesion in the square that the network saw.
    lesion_classes
        Classes whose images have lesions.
    """
    chance = by_chance(lesion.mask, heats[MAPS[0]].shape, lesion.near)
    baselines = {"chance": chance, "center": lesion.center}
    predicted = locate(heats["predicted"], lesion.mask, lesion.near)
    right = reading["predicted"] == reading["label"]
    true = predicted if right else locate(heats["true"], lesion.mask, lesion.near)
    for name, located in zip(MAPS, (predicted, true), strict=True):
        row = {**reading, "map": name, "lesion_mm": lesion.millimeters}
        row |= {"diameter": lesion.diameter, **located._asdict()}
        for baseline, values in baselines.items():
            row |= {f"{baseline}_{key}": value for key, value in values._asdict().items()}
        has_lesions = reading["predicted" if name == "predicted" else "label"] in lesion_classes
        failed = float(located.energy <= chance.energy)
        yield row | {"unreliable": failed if has_lesions else np.nan}


def size_bounds(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the four bounds of the tertiles of lesion sizes, each lesion counted once."""
    return np.asarray(np.quantile(sizes, [0, 1 / 3, 2 / 3, 1]), dtype=np.float64)


def add_sizes(table: pd.DataFrame) -> tuple[pd.DataFrame, str, npt.NDArray[np.float64]]:
    """Add the column ``size``, one of `LESION_SIZES`; return also the unit and the bounds.

    Lesions are sorted into tertiles by their diameter in millimeters where that is known of all,
    else by their diameter as a share of the square. The tertiles are those of the study, the same
    for all networks.
    """
    measured = bool(table["lesion_mm"].notna().all())
    column = "lesion_mm" if measured else "diameter"
    bounds = size_bounds(table.groupby("image")[column].mean().to_numpy(np.float64))
    groups = np.searchsorted(bounds[1:3], table[column].to_numpy(np.float64), side="left")
    return table.assign(size=np.array(LESION_SIZES)[groups]), "mm" if measured else "share", bounds


def localization_numbers(
    table: pd.DataFrame, unit: str, bounds: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Return the means of one network's rows of ``localization.csv``, for ``metrics.json``.

    Under ``maps`` the maps of the class predicted and of the true class; under ``sizes`` the
    former by the size of the lesion, with the bounds of each size in ``size_unit``. Every measure
    has its baselines under ``chance`` and ``center``, and its distance from each under
    ``above_chance`` and ``above_center``.
    """
    predicted = table[table["map"] == "predicted"]
    sizes: dict[str, Any] = {}
    for at, name in enumerate(LESION_SIZES):
        rows = predicted[predicted["size"] == name]
        if len(rows):
            edges = {"from": float(bounds[at]), "to": float(bounds[at + 1])}
            sizes[name] = {**edges, "images": int(rows["image"].nunique()), **_mean_measures(rows)}
    unreliable = averages(predicted[["unreliable"]], predicted["patient_id"])[0]
    return {
        "images": int(table["image"].nunique()),
        "patients": int(table["patient_id"].nunique()),
        "unreliable": unreliable.json(),
        "maps": {name: _mean_measures(table[table["map"] == name]) for name in MAPS},
        "size_unit": unit,
        "sizes": sizes,
    }


def _mean_measures(rows: pd.DataFrame) -> dict[str, Any]:
    """Return every measure, its baselines and its distances from them, averaged over patients."""
    measures = rows[list(LESION_MEASURES)].to_numpy(np.float64)  # (rows, measures)
    baselines = [
        rows[[f"{baseline}_{measure}" for measure in LESION_MEASURES]].to_numpy(np.float64)
        for baseline in _BASELINES
    ]
    differences = np.concatenate([measures - baseline for baseline in baselines], axis=1)
    levels = averages(np.concatenate([measures, *baselines], axis=1), rows["patient_id"])
    gains = averages(differences, rows["patient_id"], -1.0, 1.0)
    width = len(LESION_MEASURES)
    numbers: dict[str, Any] = _by_measure(levels[:width])
    for at, baseline in enumerate(_BASELINES):
        numbers[baseline] = _by_measure(levels[(at + 1) * width : (at + 2) * width])
        numbers[f"above_{baseline}"] = _by_measure(gains[at * width : (at + 1) * width])
    return numbers


def _by_measure(means: Sequence[Any]) -> dict[str, Any]:
    return {name: mean.json() for name, mean in zip(LESION_MEASURES, means, strict=True)}
