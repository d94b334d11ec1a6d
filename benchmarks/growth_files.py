"""The parts that work on files and images of their own, whose cost `benchmarks.growth` measures.

``audit`` is the search for near duplicates among made-up images: the points of each are drawn from
those of phantoms, with noise, at places of its own, and its speckle is a phantom's. One of twenty
is a copy of the one before, moved a little. Reading images and finding points, which are left out,
cost the same for each image. ``ingest`` takes in phantom exports, ``ingest_index`` made-up records
of its journal, and ``predict`` reads files that are no pictures.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.meter import Costs, Part, metered
from metrascope.audit import duplicates
from metrascope.audit.candidates import find_candidates
from metrascope.audit.duplicates import near_pairs
from metrascope.audit.pane import Pane
from metrascope.audit.points import KeyPoints
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import ViewStore
from metrascope.audit.verification import ComparedView
from metrascope.audit.views import make_view
from metrascope.dataset.image import Picture

_POOL = 60
_POINTS = 256
_COPY = 20


class _Drawn(ViewStore):
    """A shelf whose views have points of their own and share their speckle."""

    def __init__(self, path: Path, panes: list[Pane]) -> None:
        super().__init__(path)
        self._panes = panes

    def add(self, points: KeyPoints, width: int) -> None:
        pane = Pane(np.zeros((1, width), np.int8), np.zeros((1, width), bool))
        self.put(ComparedView(pane, points))

    def view(self, number: int) -> ComparedView:
        base = number - 1 if number % _COPY == _COPY - 1 else number
        return ComparedView(self._panes[base % len(self._panes)], self.points(number))


def audit(images: int, folder: Path, bundle: Path | None) -> Costs:
    """Look for near duplicates: candidates first, then each looked at closely."""
    views = [make_view(_phantom(index)) for index in range(_POOL)]
    looks = np.concatenate([view.points.descriptors for view in views])
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
        duplicates.find_candidates = lambda *_, **__: found  # type: ignore[assignment]
        with metered() as cost:
            pairs, _ = near_pairs(shelf, range(images), AuditSettings(), jobs=1)
        yield "close look", cost
    print(f"{images} images: {len(found)} candidates, {len(pairs)} pairs", flush=True)


def _phantom(index: int) -> Picture:
    import cv2

    from metrascope.phantom.render import draw_case, render_phantom

    label = ("normal", "fibroid", "polyp")[index % 3]
    still = render_phantom(draw_case(label, "voluson", seed=11, index=index), 360)
    left, top, width, height = cv2.boundingRect(still.sector)
    within = (slice(top, top + height), slice(left, left + width))
    return Picture(still.image[within], still.sector[within] > 0, None)


def _made(looks: np.ndarray, view: ComparedView, rng: np.random.Generator) -> KeyPoints:
    chosen = looks[rng.integers(len(looks), size=_POINTS)]
    return KeyPoints(_places(view, rng), _noisy(chosen, 10, rng))


def _places(view: ComparedView, rng: np.random.Generator) -> np.ndarray:
    height, width = view.pane.texture.shape
    at = rng.random((_POINTS, 3)) * (width, height, 1)
    at[:, 2] = rng.choice(view.points.at[:, 2], _POINTS)
    return at.astype(np.float32)


def _moved(points: KeyPoints, rng: np.random.Generator) -> KeyPoints:
    at = points.at + rng.normal(0, (0.7, 0.7, 0), points.at.shape).astype(np.float32)
    return KeyPoints(at.astype(np.float32), _noisy(points.descriptors, 4, rng))


def _noisy(looks: np.ndarray, spread: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, spread, looks.shape)
    return np.clip(looks + noise, 0, 255).astype(np.uint8)


def ingest(files: int, folder: Path, bundle: Path | None) -> Costs:
    """Take in a phantom export with two processes."""
    from metrascope.ingest.ingest import ingest as take_in
    from metrascope.screen.settings import IngestSettings

    # In a process of its own, whose memory does not count.
    command = [sys.executable, "-m", "metrascope", "phantom", "--export", str(folder / "in")]
    command += ["--patients", str(round(files / 2.9)), "--seed", "3", "--jobs", "2"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    labels = folder / "in" / "labels.csv"
    with metered() as cost:
        done = take_in(
            folder / "in/exports", folder / "out", labels, IngestSettings(verify=False), jobs=2
        )
    yield "whole ingest", cost
    print(f"{len(done.catalog.records)} files, {len(done.catalog.images)} images", flush=True)


def ingest_index(files: int, folder: Path, bundle: Path | None) -> Costs:
    """Keep the journal of so many files, and make the data set's lists of it."""
    from metrascope.ingest import evidence
    from metrascope.ingest.catalog import assemble, write_catalog, write_private
    from metrascope.ingest.journal import IngestJournal
    from metrascope.ingest.pseudonyms import Pseudonyms
    from metrascope.labels.column_words import ColumnWords
    from metrascope.labels.labels import read_labels
    from metrascope.screen.settings import IngestSettings

    lines = (f"{n},A{n},polyp\n" for n in range(-(-files // 4)))
    (folder / "labels.csv").write_text("patient_id,accession,label\n" + "".join(lines))
    with metered() as cost:
        labels = read_labels(folder / "labels.csv")
    yield "read labels", cost
    rows = [dict(row.values) for row in labels.rows]
    with metered() as cost:
        with IngestJournal(folder / "journal.jsonl", {}) as journal:
            for number in range(files):
                journal.add(_record(number, rows[number // 4]))
        del journal
    yield "write journal", cost
    secret = Pseudonyms(b"s" * 32)
    with metered() as cost:
        journal = IngestJournal(folder / "journal.jsonl", {})
        catalog = assemble(journal.records.values(), labels, ColumnWords(secret))
        write_catalog(catalog, folder, secret)
        write_private(catalog, folder, secret, labels)
        evidence._values(catalog, 0, IngestSettings(), secret)
    yield "read it, write lists", cost


def _record(number: int, row: dict[str, str]) -> Any:
    """Return what became of a file: nine of ten are an image, one is left out."""
    from metrascope.ingest.journal import Record, Rejection

    patient = str(number // 4)
    keys = {"patient_id": patient, "accession": f"A{patient}", "file_name": f"{number}.dcm"}
    name, state = f"export/{patient}/{number}.dcm", "123456/1700000000"
    if number % 10 == 9:
        rejection = Rejection("usability.blank", {}, 0)
        return Record(name, state, "dicom", f"{number:064x}", keys, None, (), (rejection,))
    image = {
        "image": f"images/I{number:020x}.png",
        "patient_id": f"P{patient}",
        "sector": f"sectors/I{number:020x}.png",
        "scanner": "Maker Model",
        "age": "45",
        "marks": "caliper:2 text:1",
        "text_check": "clean",
        "mark_boxes": [["caliper", 10, 20, 30, 40]] * 3,
        "origin": [5, 6],
    }
    return Record(name, state, "dicom", f"{number:064x}", keys, row, (image,), (), "Maker Model", 1)


def predict(files: int, folder: Path, bundle: Path | None) -> Costs:
    """Read a folder of files that are refused at once: what is left is the index."""
    if bundle is None:
        print("predict: left out, it takes --bundle", flush=True)
        return
    for start in range(0, files, 1000):
        (folder / f"in/{start}").mkdir(parents=True)
    for number in range(files):
        (folder / f"in/{number // 1000 * 1000}/{number}.png").write_bytes(b"no picture")
    from metrascope.predict.predict import BatchPredictor, PredictJob

    with metered() as cost:
        order = PredictJob(bundle, (folder / "in",), out=folder / "out", jobs=2)
        with BatchPredictor(order) as reader:
            count = sum(1 for _ in reader.read())
    yield "files refused at once", cost
    print(f"{count} readings", flush=True)


PARTS = {
    "audit": Part((1_000, 10_000, 100_000), "images", audit),
    "ingest": Part((50, 200, 800, 8_000), "files", ingest),
    "ingest_index": Part((1_000, 10_000, 100_000, 500_000), "files", ingest_index),
    "predict": Part((1_000, 10_000, 100_000), "files", predict),
}
