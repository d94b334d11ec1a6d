"""The parts that work on files and images of their own, whose cost `benchmarks.growth` measures.

``audit`` is the search for near duplicates among made-up images: the points of each are drawn from
those of phantoms, with noise, at places of its own, and its speckle is a phantom's. One of twenty
is a copy of the one before, moved a little. Reading images and finding points, which are left out,
cost the same for each image.
"""

from pathlib import Path

import numpy as np

from benchmarks.meter import Costs, Part, metered
from metrascope.audit import near
from metrascope.audit.candidates import find_candidates
from metrascope.audit.fingerprint import make_view
from metrascope.audit.near import near_pairs
from metrascope.audit.pane import Pane
from metrascope.audit.points import Points
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import Shelf
from metrascope.audit.verification import View
from metrascope.data.picture import Picture

_POOL = 60
_POINTS = 256
_COPY = 20


class _Drawn(Shelf):
    """A shelf whose views have points of their own and share their speckle."""

    def __init__(self, path: Path, panes: list[Pane]) -> None:
        super().__init__(path)
        self._panes = panes

    def add(self, points: Points, width: int) -> None:
        pane = Pane(np.zeros((1, width), np.int8), np.zeros((1, width), bool))
        self.put(View(pane, points))

    def view(self, number: int) -> View:
        base = number - 1 if number % _COPY == _COPY - 1 else number
        return View(self._panes[base % len(self._panes)], self.points(number))


def audit(images: int, folder: Path, bundle: Path | None) -> Costs:
    """Look for near duplicates: candidates first, then each looked at closely."""
    views = [make_view(_phantom(index)) for index in range(_POOL)]
    looks = np.concatenate([view.points.looks for view in views])
    rng = np.random.default_rng(0)
    with _Drawn(folder / "views", [view.pane for view in views]) as shelf:
        for number in range(images):
            if number % _COPY == _COPY - 1:
                points = _moved(shelf.points(number - 1), rng)
            else:
                points = _made(looks, views[number % _POOL], rng)
            shelf.add(points, views[number % _POOL].pane.texture.shape[1])
        with metered() as cost:
            found = find_candidates(shelf)
        yield "candidates", cost
        near.find_candidates = lambda *_, **__: found  # type: ignore[assignment]
        with metered() as cost:
            pairs, _ = near_pairs(shelf, range(images), AuditSettings(), jobs=1)
        yield "close look", cost
    print(f"{images} images: {len(found)} candidates, {len(pairs)} pairs", flush=True)


def _phantom(index: int) -> Picture:
    import cv2

    from metrascope.phantom.render import draw_case, render

    label = ("normal", "fibroid", "polyp")[index % 3]
    still = render(draw_case(label, "voluson", seed=11, index=index), 360)
    left, top, width, height = cv2.boundingRect(still.sector)
    within = (slice(top, top + height), slice(left, left + width))
    return Picture(still.image[within], still.sector[within] > 0, None)


def _made(looks: np.ndarray, view: View, rng: np.random.Generator) -> Points:
    chosen = looks[rng.integers(len(looks), size=_POINTS)]
    return Points(_places(view, rng), _noisy(chosen, 10, rng))


def _places(view: View, rng: np.random.Generator) -> np.ndarray:
    height, width = view.pane.texture.shape
    at = rng.random((_POINTS, 3)) * (width, height, 1)
    at[:, 2] = rng.choice(view.points.at[:, 2], _POINTS)
    return at.astype(np.float32)


def _moved(points: Points, rng: np.random.Generator) -> Points:
    at = points.at + rng.normal(0, (0.7, 0.7, 0), points.at.shape).astype(np.float32)
    return Points(at.astype(np.float32), _noisy(points.looks, 4, rng))


def _noisy(looks: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, spread, looks.shape)
    return np.clip(looks + noise, 0, 255).astype(np.uint8)


PARTS = {"audit": Part((1_000, 10_000, 100_000), "images", audit)}
