"""Trained runs and the data that they were trained with, found from their folders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.dataset.split import Split, read_split
from metrascope.dataset.study_images import select_study_images
from metrascope.errors import DataError, SettingsError, WeightsError
from metrascope.networks.checkpoint import MODEL_FILE, ModelDescription, read_description
from metrascope.study_folder.contents import is_finished


@dataclass(frozen=True)
class TrainedRun:
    """A finished run: its folder and what ``model.json`` says."""

    folder: Path
    description: ModelDescription

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.resolve().name

    @property
    def study(self) -> Path:
        """Folder of the study that it belongs to."""
        return self.folder.resolve().parent.parent


def find_trained(paths: Sequence[Path]) -> tuple[TrainedRun, ...]:
    """Find the runs that shall become one bundle.

    Parameters
    ----------
    paths
        Folders of runs, or of studies: then all their finished runs.

    Raises
    ------
    WeightsError
        If a folder holds no trained network.
    SettingsError
        If they do not read the same classes or come of different studies.
    """
    runs = [
        TrainedRun(folder, read_description(folder / MODEL_FILE))
        for path in paths
        for folder in _folders(path)
    ]
    first = runs[0]
    for run in runs[1:]:
        if run.description.classes != first.description.classes:
            raise SettingsError("serving.other_classes", first=first.folder, other=run.folder)
        if run.study != first.study:
            raise SettingsError("serving.other_study", first=first.study, other=run.study)
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError("serving.run_twice", run=name)
    return tuple(runs)


def read_training_data(run: TrainedRun, data: Path | None) -> tuple[Manifest, Split]:
    """Read the data set and split that a run was trained with.

    Parameters
    ----------
    run
        Any run of the study.
    data
        Where the data set is now; None for where the study found it. What it has gained since
        is left out.

    Raises
    ------
    DataError
        If it is not there, or not what the run was trained with.
    """
    description = run.description
    manifest = read_manifest(data or _data_folder(run.study))
    manifest = select_study_images(manifest, run.study, description.manifest_sha256)
    split = read_split(run.study / "splits.csv", manifest.table, description.classes)
    if split.digest != description.split_sha256:
        raise DataError("serving.other_split", path=run.study / "splits.csv", run=run.folder)
    return manifest, split


def _folders(path: Path) -> list[Path]:
    if (path / MODEL_FILE).is_file():
        return [path]
    found = [folder for folder in sorted(path.glob("runs/*")) if is_finished(folder)]
    if not found:
        raise WeightsError("external.no_run", folder=path)
    return found


def _data_folder(study: Path) -> Path:
    """Return where a study found its data set, as its ``command.json`` says."""
    try:
        argv = json.loads((study / "command.json").read_text(encoding="utf-8"))["argv"]
        data = Path(argv[argv.index("--data") + 1])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError("serving.no_data", study=study) from error
    # As it was typed then: relative to where the command ran, often beside the study.
    found = [base / data for base in (Path(), study.parent, study) if (base / data).is_dir()]
    return found[0] if found else data
