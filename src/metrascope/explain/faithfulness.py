"""Deletion and insertion: how far a prediction rests on what its heat map shows.

Pixels are removed from the image, or put into a blurred one, in the order of the heat map, and the
probability of the class first predicted is followed (Petsiuk, Das & Saenko, BMVC 2018). With a map
that shows what the prediction rests on it falls early in deletion (small area under the curve) and
rises early in insertion (large area). The areas say something only beside those of other orders:
a shuffled map, the same values in other cells, so as coarse as the map itself, and the map of
the network with its weights drawn anew.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats, GreyImage
from metrascope.explain.localization import HeatMap, spread
from metrascope.statistics.averages import averages

Classifier = Callable[[GreyImage], Floats]
"""Grey images (n, size, size) as the network sees them to probabilities (n, classes)."""

ORDERS: Final = ("map", "shuffled", "randomized")
WAYS: Final = ("deletion", "insertion")
# Eleven points, since each of them is one more image to read. Chosen, not measured.
FRACTIONS: Final = np.linspace(0, 1, 11)
"""Shares of the pixels, the most relevant first, that are deleted or inserted."""

CURVE: Final = tuple(f"at_{round(100 * fraction)}" for fraction in FRACTIONS)
"""Columns of ``faithfulness.csv``, one for each of `FRACTIONS`."""

SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the layers drawn anew, the last ones first; 0 is the last layer alone."""

SIMILARITY: Final = tuple(f"drawn_{round(100 * share)}" for share in SHARES)
"""Columns of ``sanity.csv``, one for each of `SHARES`."""

BLUR: Final = 1 / 10
"""Standard deviation of the blur that insertion begins with, in sides of the image.

The article's 5 pixels of 224 leave lesions in ultrasound plain to see, and the probability high.
"""


def shuffled(heat: HeatMap, rng: np.random.Generator) -> HeatMap:
    """Return a map (h, w) with its values in other cells."""
    return np.asarray(rng.permutation(heat.reshape(-1)).reshape(heat.shape), dtype=np.float32)


def perturbation_curves(
    classify: Classifier,
    grey: GreyImage,
    classes: npt.NDArray[np.int64],
    maps: Mapping[str, HeatMap],
    *,
    seed: int,
) -> Floats:
    """Follow the probability of one class of each image through deletion and insertion.

    Parameters
    ----------
    classify
        Function from images to probabilities: the network.
    grey
        Images as the network sees them, uint8, (n, size, size).
    classes
        Index of the class that is followed, (n,).
    maps
        Heat maps by order, (n, h, w) each.
    seed
        Seed of the order of pixels that are equal in a map.

    Returns
    -------
    Probabilities, float64, (n, ways, orders, fractions), in the order of `WAYS`, of ``maps`` and
    of `FRACTIONS`.
    """
    curves = np.empty((len(grey), len(WAYS), len(maps), len(FRACTIONS)))
    for index, image in enumerate(grey):
        empty = np.full_like(image, round(float(image.mean())))
        blurred = cv2.GaussianBlur(image, (0, 0), BLUR * len(image))
        # Both ends of a curve are the same in all orders, and read once: deletion goes from the
        # image to an even grey, insertion from the blurred image to the image.
        ends = np.stack([image, empty, blurred, image])
        mixed = [
            np.where(pixels, *pair)
            for pair in ((empty, image), (image, blurred))
            for heat in maps.values()
            for pixels in _top_pixels(heat[index], len(image), np.random.default_rng([seed, index]))
        ]
        values = classify(np.concatenate([ends, np.stack(mixed)]))[:, classes[index]]
        curves[index, :, :, 0], curves[index, :, :, -1] = values[[0, 2], None], values[[1, 3], None]
        curves[index, :, :, 1:-1] = values[4:].reshape(len(WAYS), len(maps), -1)
    return curves


def curve_area(curves: Floats) -> Floats:
    """Return the area under curves (..., fractions) by the trapezoidal rule."""
    middles = (curves[..., 1:] + curves[..., :-1]) / 2
    return np.asarray(middles @ np.diff(FRACTIONS), dtype=np.float64)


def faithfulness_numbers(curves: Floats, patients: npt.ArrayLike) -> dict[str, Any]:
    """Return the areas, the mean curves and what the map gains, for ``metrics.json``.

    Parameters
    ----------
    curves
        Probabilities, (n, ways, orders, fractions), in the order of `WAYS`, `ORDERS`, `FRACTIONS`.
    patients
        Patient of each image, (n,).

    Returns
    -------
    By way: for each order ``area`` and ``curve``; under ``gain`` how much better the map is than
    each other order: by how much its area is smaller in deletion, larger in insertion.
    """
    areas = curve_area(curves)
    # (n, ways, other orders): a small area is good in deletion, a large one in insertion.
    gains = np.stack([areas[:, 0, 1:] - areas[:, 0, :1], areas[:, 1, :1] - areas[:, 1, 1:]], axis=1)
    flat = averages(np.concatenate([_flat(areas), _flat(curves)], axis=1), patients)
    gain_averages = averages(_flat(gains), patients, -1.0, 1.0)
    numbers: dict[str, Any] = {}
    # `flat` holds the areas of all ways and orders first, then their curves, point by point.
    for at, way in enumerate(WAYS):
        numbers[way] = {}
        for place, order in enumerate(ORDERS, start=at * len(ORDERS)):
            start = len(WAYS) * len(ORDERS) + place * len(FRACTIONS)
            points = flat[start : start + len(FRACTIONS)]
            curve = [point.json() for point in points]
            numbers[way][order] = {"area": flat[place].json(), "curve": curve}
        of_way = gain_averages[at * (len(ORDERS) - 1) : (at + 1) * (len(ORDERS) - 1)]
        numbers[way]["gain"] = {
            order: gain.json() for order, gain in zip(ORDERS[1:], of_way, strict=True)
        }
    return numbers


def _flat(values: Floats) -> Floats:
    return values.reshape(len(values), -1)


def _top_pixels(heat: HeatMap, size: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return the most relevant pixels at each inner fraction, (fractions - 2, size, size)."""
    values = spread(heat, size).reshape(-1)
    # The last key sorts first: by value, hottest first; equal ones, such as zeros, at random.
    order = np.lexsort((rng.random(len(values)), -values))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    counts = np.rint(FRACTIONS[1:-1] * len(order)).astype(np.int64)
    return np.asarray((rank < counts[:, None]).reshape(-1, size, size))
