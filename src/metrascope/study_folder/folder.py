"""The folder of a study: whether one is there, and whether a new one may be begun there."""

from pathlib import Path
from typing import Final

from metrascope.errors import StudyError

_FIRST_FILES: Final = {
    "duplicates.csv",
    "phantom",
    "prepared",
    "settings.toml",
    "splits.csv",
    "splits.json",
    "versions.json",
}


def is_study(folder: Path) -> bool:
    """Tell whether a folder holds a study, however far it has come."""
    # The last of the files that a study begins with; without it the others may be of a call that
    # was stopped or failed at once, and count for nothing.
    return (folder / "data.json").is_file()


def check_study_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than a study, or the beginning of one.

    Raises
    ------
    StudyError
        If it does, or is no folder.
    """
    if is_study(folder) or not folder.exists():
        return
    if not folder.is_dir():
        raise StudyError("study.not_empty", folder=folder)
    if any(item.name not in _FIRST_FILES and item.name[0] != "." for item in folder.iterdir()):
        raise StudyError("study.not_empty", folder=folder)
