"""The manifest: one row per image, the only catalogue of a data set."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.files.atomic import sha256
from metrascope.files.csv_file import write_frame
from metrascope.messages import listing, text

REQUIRED: Final = ("image", "patient_id", "label")
OPTIONAL: Final = (
    "patient_group",
    "mask",
    "sector",
    "scanner",
    "centre",
    "age",
    "plane",
    "roi",
    "sha256",
    "source",
)
_FILES: Final = ("image", "mask", "sector")


@dataclass(frozen=True)
class Manifest:
    """A validated manifest.

    Attributes
    ----------
    root
        Folder that the paths of the manifest are relative to.
    table
        One row per image, in the order of the file; every value a string, ``""`` where unknown.
        The index is the row as a spreadsheet shows it, the header being row 1.
        Columns: those of `REQUIRED`, then those of `OPTIONAL` and any others the file has.
        Names of files are in NFC, so that one name is one text.
    digest
        SHA-256 of the file.
    on_disk
        Name of a file to the name that it has on this disk, where they differ: a Mac writes NFD.
    """

    root: Path
    table: pd.DataFrame
    digest: str
    on_disk: Mapping[str, str] = field(default_factory=dict)

    def path(self, row: int, column: str = "image") -> Path | None:
        """Return the path of the image (or mask, sector) of a row, None where there is none."""
        name = str(self.table[column].iat[row]) if column in self.table else ""
        return self.file(name) if name else None

    def file(self, name: str) -> Path:
        """Return the path of a file that the table names."""
        return self.root / self.on_disk.get(name, name)

    def roi(self, row: int) -> tuple[int, int, int, int] | None:
        """Return the scan sector's box ``(left, top, width, height)`` in pixels, if recorded."""
        value = str(self.table["roi"].iat[row]) if "roi" in self.table else ""
        return _parse_roi(value) if value else None


def read_manifest(data: Path) -> Manifest:
    """Read and validate the manifest of a data set.

    Parameters
    ----------
    data
        Folder of the data set, or the manifest itself.

    Raises
    ------
    DataError
        If it does not exist, is not a table, or has problems: all are listed, with row and
        column (rows count as a spreadsheet shows them, the header being row 1).
    """
    path = data / "manifest.csv" if data.is_dir() else data
    if not path.is_file():
        raise DataError("data.no_manifest", path=path)
    table = read_table(path, REQUIRED)
    for column in ("patient_id", "label"):
        # Full-width letters and the like, which look the same, are the same.
        table[column] = [unicodedata.normalize("NFKC", value) for value in table[column]]
    for column in _FILES:
        if column in table:
            table[column] = [unicodedata.normalize("NFC", name) for name in table[column]]
    on_disk = _on_disk(table, path.parent)
    problems = _problems(table, path.parent, on_disk)
    if problems:
        raise DataError("data.problems", path=path, count=len(problems), problems=listing(problems))
    return Manifest(path.parent, table, sha256(path), on_disk)


def write_manifest(table: pd.DataFrame, path: Path) -> None:
    """Write a manifest, atomically.

    Parameters
    ----------
    table
        Table with the columns of `REQUIRED`; those and `OPTIONAL` are written first, in their
        order.
    path
        File to write, by custom ``manifest.csv`` in the data set's folder.
    """
    standard = [name for name in (*REQUIRED, *OPTIONAL) if name in table]
    others = [name for name in table.columns if name not in standard]
    write_frame(path, table[standard + others])


def _on_disk(table: pd.DataFrame, root: Path) -> dict[str, str]:
    """Return the names of files that are written in another Unicode form on the disk."""
    differing: dict[str, str] = {}
    listed: dict[Path, dict[str, list[str]]] = {}
    names = {name for column in _FILES if column in table for name in table[column]}
    for name in sorted(name for name in names if not name.isascii()):
        if _is_outside(name) or _is_file(root / name):
            continue
        folder = root
        for part in PurePosixPath(name).parts:
            if folder not in listed:
                listed[folder] = _names_in(folder)
            same = listed[folder].get(part, [])
            if len(same) != 1:
                break
            folder = folder / same[0]
        else:
            differing[name] = folder.relative_to(root).as_posix()
    return differing


def _names_in(folder: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    if folder.is_dir():
        for path in folder.iterdir():
            names.setdefault(unicodedata.normalize("NFC", path.name), []).append(path.name)
    return names


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's, say
        return False


def _is_outside(name: str) -> bool:
    return Path(name).is_absolute() or ".." in Path(name).parts


def _problems(table: pd.DataFrame, root: Path, on_disk: Mapping[str, str]) -> list[str]:
    problems = [
        text("data.empty_cell", row=row, column=column)
        for column in REQUIRED
        for row in table.index[table[column] == ""]
    ]
    names = table["image"].map(lambda name: PurePosixPath(name).as_posix())
    for row, name in table["image"][names.duplicated()].items():
        problems.append(text("data.duplicate_image", row=row, value=name))
    problems += _similar_labels(table["label"])
    real: dict[Path, Path] = {}
    for column in _FILES:
        if column in table:
            problems += _check_cells(
                table[column], column, lambda name: _file_problem(root, name, on_disk, real)
            )
    if "roi" in table:
        problems += _check_cells(table["roi"], "roi", _roi_problem)
    if "age" in table:
        problems += _check_cells(table["age"], "age", _age_problem)
    return problems


def _similar_labels(labels: "pd.Series[str]") -> list[str]:
    """Return problems of labels that differ in case or inner spaces alone: one class, two ways."""
    written: dict[str, str] = {}
    problems = []
    for row, label in labels[~labels.duplicated()].items():
        first = written.setdefault("".join(label.casefold().split()), label)
        if first != label:
            problems.append(text("data.look_alike", row=row, value=label, other=first))
    return problems


def _check_cells(column: "pd.Series[str]", name: str, check: Callable[[str], str]) -> list[str]:
    checked = ((row, check(value)) for row, value in column.items() if value)
    return [
        text("data.cell_problem", row=row, column=name, problem=problem)
        for row, problem in checked
        if problem
    ]


def _file_problem(root: Path, name: str, on_disk: Mapping[str, str], real: dict[Path, Path]) -> str:
    if _is_outside(name):
        return text("data.path_outside", value=name)
    path = root / on_disk.get(name, name)
    if _is_file(path):
        return text("data.link_outside", value=name) if _leads_outside(root, path, real) else ""
    return text("data.backslash" if "\\" in name else "data.no_such_file", value=name)


def _leads_outside(root: Path, path: Path, real: dict[Path, Path]) -> bool:
    """Tell whether a link leads to a file that is not of the data set.

    A folder at its top, such as ``images``, may itself be a link, say to a larger disk: a person
    made it, and what lies in it belongs to the data set. A link below that, or of a single file,
    would bring a file of anybody's into training, pictures and reports.
    """
    top = root / path.relative_to(root).parts[0]
    for folder in (root, top, path.parent):
        if folder not in real:  # asked once for each folder, not for each file
            real[folder] = folder.resolve()
    place = path.resolve() if path.is_symlink() else real[path.parent] / path.name
    homes = {real[root]} | ({real[top]} if top != path else set())
    return not any(home in place.parents for home in homes)


def _roi_problem(value: str) -> str:
    box = _parse_roi(value)
    sane = box is not None and min(box[:2]) >= 0 and min(box[2:]) > 0
    return "" if sane else text("data.bad_roi", value=value)


def _age_problem(value: str) -> str:
    try:
        sane = 0 <= float(value) <= 120
    except ValueError:
        sane = False
    return "" if sane else text("data.bad_age", value=value)


def _parse_roi(value: str) -> tuple[int, int, int, int] | None:
    try:
        left, top, width, height = (int(part) for part in value.split(","))
    except ValueError:
        return None
    return left, top, width, height
