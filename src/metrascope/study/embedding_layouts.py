"""The t-SNE maps of a study's runs, made by several processes and kept in its ``layouts/``.

A study of eight networks has 24 of them, one for each perplexity, and they are most of the time of
its summary. What a map comes of is in the name of its file, so that a report is made again without
drawing them anew, and other features, or another version of scikit-learn, are laid out anew.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import sklearn

from metrascope.explain.embedding import embed
from metrascope.files.atomic import replacing, writing
from metrascope.processes.capacity import available_cores
from metrascope.processes.files import map_in_order
from metrascope.progress import begin
from metrascope.study_folder.readers import read_array

MapPoints = npt.NDArray[np.float32]

_SEED: Final = 0
_IMAGE_SECONDS: Final = 0.005
"""Seconds that an image of a map takes; of 3,000 images it is 0.008."""
_START_SECONDS: Final = 3.0
"""Seconds that another process takes to start."""
_FEW: Final = 1_500
"""Images of all maps together, below which one process makes them: another would start longer."""


class Sample(NamedTuple):
    """The features that a run's maps are made of.

    Attributes
    ----------
    run
        Its folder.
    total
        How many rows its features have.
    rows
        Those that are laid out; None for all.
    """

    run: Path
    total: int
    rows: tuple[int, ...] | None = None

    def read(self) -> MapPoints:
        """Return the features, float32 (n, d).

        Raises
        ------
        StudyError
            If they cannot be used.
        """
        features = read_array(self.run / "features.npy", self.total, (None,))
        return np.asarray(features if self.rows is None else features[list(self.rows)])


def embedding_layouts(
    study: Path, maps: Sequence[tuple[Sample, float]], *, shown: bool = False
) -> list[MapPoints]:
    """Return maps, float32 (n, 2) each: those that are kept, and others made and kept.

    Parameters
    ----------
    study
        The study's folder; maps in its ``layouts/`` that are not asked for are removed.
    maps
        Features and perplexity of each.
    shown
        Whether to show the making of maps as a step of the work.

    Raises
    ------
    StudyError
        If features cannot be used, a map cannot be written, or a process is lost.
    """
    digests = {sample: _digest(sample) for sample in dict.fromkeys(sample for sample, _ in maps)}
    files = [
        study / "layouts" / f"{sample.run.name}-p{perplexity:g}-{digests[sample]}.npy"
        for sample, perplexity in maps
    ]
    points = [_read_layout(file, sample) for file, (sample, _) in zip(files, maps, strict=True)]
    absent = [place for place, found in enumerate(points) if found is None]
    tasks = [maps[place] for place in absent]
    images = sum(_size(sample) for sample, _ in tasks)
    jobs = min(available_cores(), len(tasks)) if images >= _FEW else 1
    seconds = images * _IMAGE_SECONDS / jobs + (_START_SECONDS if jobs > 1 else 0.0)
    advance = begin("embedding", seconds) if shown else None
    made = map_in_order(_compute_layout, tasks, jobs=jobs)
    for number, (place, found) in enumerate(zip(absent, made, strict=True), start=1):
        if advance is not None:
            advance(number, len(tasks))
        with replacing(files[place]) as temporary, temporary.open("wb") as stream:
            np.save(stream, found)
        points[place] = found
    for file in {*(study / "layouts").glob("*.npy")} - {*files}:
        with writing(file):
            file.unlink()
    return [found for found in points if found is not None]


def _size(sample: Sample) -> int:
    return sample.total if sample.rows is None else len(sample.rows)


def _digest(sample: Sample) -> str:
    features = np.ascontiguousarray(sample.read())
    content = hashlib.sha256(f"{sklearn.__version__} {features.dtype} {features.shape}".encode())
    content.update(features.tobytes())
    return content.hexdigest()[:32]


def _read_layout(file: Path, sample: Sample) -> MapPoints | None:
    """Return a map that an earlier summary left; one that is damaged is made again."""
    try:
        found = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = isinstance(found, np.ndarray) and found.shape == (_size(sample), 2)
    if not fits or found.dtype != np.float32 or not np.isfinite(found).all():
        return None
    return np.asarray(found)


def _compute_layout(task: tuple[Sample, float]) -> MapPoints:
    sample, perplexity = task
    return embed(sample.read(), seed=_SEED, perplexity=perplexity)
