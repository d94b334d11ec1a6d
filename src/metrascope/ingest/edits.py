"""What a person has changed in ``manifest.csv`` since ingest last wrote it.

A copy of what was written, and of the decisions that it was written with, is kept in the private
folder. Whatever differs from it is a person's decision, also after the table went through Excel.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pandas as pd

from metrascope.dataset.csv_table import read_table
from metrascope.dataset.manifest import REQUIRED
from metrascope.dataset.patient_groups import GROUPS_FILE, read_group_file
from metrascope.errors import DataError
from metrascope.files.atomic import sha256, write_bytes, write_text
from metrascope.ingest.journal import Record
from metrascope.ingest.manifest_decisions import (
    ADDED,
    DECISIONS_FILE,
    ROW,
    TAKEN_OUT,
    CellDecision,
    CellDecisions,
    read_cell_decisions,
)
from metrascope.messages import listing, text

MANIFEST: Final = "manifest.csv"
_COPIES: Final = "written"
_NEXT: Final = "manifest.next.csv"
_SEEN: Final = "manifest.seen.txt"
_FIXED: Final = ("sha256", "source")
"""Columns that follow from the files: nobody can decide them."""
_GROUP: Final = "patient_group"
_ADDED: Final = (ROW, ADDED)

_Row = dict[str, str]
_Rows = dict[str, _Row]
"""Rows of a manifest by image."""


@dataclass(frozen=True)
class Edits:
    """A person's decisions, and what else was found in the manifest.

    Attributes
    ----------
    decisions
        Those of ``decisions.csv`` and those that were found in the manifest.
    fresh
        How many were found in the manifest.
    columns
        Columns of the manifest, in its order; none where there is no manifest.
    before
        Images of ingest that the manifest listed when it was last written.
    put_back
        Columns with cells that were changed or emptied and that nobody can decide, and how many.
    gone
        Columns that were written and have been deleted.
    groups
        Groups that a version without ``groups.csv`` left in the manifest, by image.
    audited
        Patient and group of each image that an audit has looked at.
    digest
        SHA-256 of the manifest that was read, ``""`` where there is none.
    """

    decisions: dict[tuple[str, str], CellDecision] = field(default_factory=dict)
    fresh: int = 0
    columns: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()
    put_back: Mapping[str, int] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    audited: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    digest: str = ""


def read_edits(out: Path, private: Path, records: Iterable[Record]) -> Edits:
    """Return what people have decided, in ``decisions.csv`` and by changing ``manifest.csv``.

    Parameters
    ----------
    out
        The data set.
    private
        Folder of the private lists, with the copies of what was last written.
    records
        Of the journal: what a version that kept no copies has written.

    Raises
    ------
    DataError
        If a table cannot be read, names an image twice, or was saved as a workbook.
    """
    _refuse_workbooks(out)
    decisions = read_cell_decisions(out / DECISIONS_FILE)
    audited = read_group_file(out)
    manifest = out / MANIFEST
    if not manifest.exists():
        return Edits(decisions, audited=audited)
    digest = sha256(manifest)
    base = _base(private / _COPIES, digest)
    if base is not None and sha256(base) == digest:  # the rule, and cheap where there are many
        earlier = read_cell_decisions(private / _COPIES / DECISIONS_FILE)
        table = _read(manifest)
        before = _ingested_images(table["image"], earlier)
        return Edits(decisions, 0, tuple(table.columns), before, audited=audited, digest=digest)
    columns, rows = _read_rows(manifest)
    if base is None:
        edits = _first_edits(decisions, columns, rows, records, audited)
    else:
        earlier = read_cell_decisions(private / _COPIES / DECISIONS_FILE)
        names, written = _read_rows(base)
        if written and not rows:
            raise DataError("data.no_rows", path=manifest)
        edits = _compare(columns, rows, names, written, decisions, earlier, audited)
    return replace(edits, digest=digest)


def _refuse_workbooks(out: Path) -> None:
    """Refuse what was saved beside the tables and would be passed over without a word."""
    tables = {Path(name).stem: name for name in (MANIFEST, DECISIONS_FILE, GROUPS_FILE)}
    for path in sorted(out.glob("*.xls*")):
        if path.stem.casefold() in tables:
            raise DataError("decided.workbook", path=path, table=tables[path.stem.casefold()])


def _base(copies: Path, digest: str) -> Path | None:
    """Return the copy that a person's edits began from, None where none was kept.

    There are two where a run was killed while it wrote: the new one counts unless the manifest is
    still the one that this run had found.
    """
    last, new, seen = copies / MANIFEST, copies / _NEXT, copies / _SEEN
    if new.exists() and not (seen.exists() and seen.read_text(encoding="utf-8") == digest):
        return new
    return last if last.exists() else None


def keep_copy(private: Path, edits: Edits) -> Path:
    """Return where the manifest is to be written before the data set's own; see `confirm_copy`."""
    copies = private / _COPIES
    new = copies / _NEXT
    if new.exists():  # of a run that was killed, before or after it had written the data set's own
        if _base(copies, edits.digest) == new:
            new.replace(copies / MANIFEST)
        else:
            new.unlink()
    write_text(copies / _SEEN, edits.digest)
    return new


def confirm_copy(out: Path, private: Path) -> None:
    """Take the copy for what the data set holds, once manifest and decisions are written there."""
    copies = private / _COPIES
    decided = out / DECISIONS_FILE
    if decided.exists():
        write_bytes(copies / DECISIONS_FILE, decided.read_bytes())
    else:
        with suppress(FileNotFoundError):
            (copies / DECISIONS_FILE).unlink()
    (copies / _NEXT).replace(copies / MANIFEST)


def _read(path: Path) -> pd.DataFrame:
    """Return a manifest's table, without rows where it has none."""
    try:
        return read_table(path, REQUIRED)
    except DataError as error:
        if error.key != "data.no_rows":
            raise
        return pd.DataFrame(columns=list(REQUIRED), dtype=str)


def _read_rows(path: Path) -> tuple[tuple[str, ...], _Rows]:
    table = _read(path)
    names = [*table["image"]]
    problems = [
        text("data.duplicate_image", row=row, value=name)
        for row, name, twice in zip(table.index, names, table["image"].duplicated(), strict=True)
        if twice
    ]
    if problems:
        raise DataError("data.problems", path=path, count=len(problems), problems=listing(problems))
    return tuple(table.columns), dict(zip(names, table.to_dict("records"), strict=True))


def _compare(
    columns: tuple[str, ...],
    rows: _Rows,
    names: tuple[str, ...],
    base: _Rows,
    decisions: CellDecisions,
    earlier: CellDecisions,
    audited: Mapping[str, tuple[str, str]],
) -> Edits:
    """Return decisions with what differs between a manifest and what was written."""
    changed = dict(decisions)
    put_back: dict[str, int] = {}
    fresh = 0
    for image in base.keys() - rows.keys():
        fresh += 1
        _remove_images(image, changed, earlier)
    for image, row in rows.items():
        if image not in base:
            fresh += 1
            _put_in(image, row, changed, earlier)
            continue
        for column, value in row.items():
            written = base[image].get(column, "")
            if _is_same(written, value):
                continue
            required = column in REQUIRED and not value
            if column in _FIXED or required:
                put_back[column] = put_back.get(column, 0) + 1
            elif column == _GROUP and value == audited.get(image, ("", ""))[1]:
                changed.pop((image, column), None)  # the audit has had the last word
            else:
                fresh += 1
                _decide(image, column, value, written, changed, earlier)
    gone = tuple(name for name in names if name not in columns)
    before = _ingested_images(base, earlier)
    return Edits(changed, fresh, columns, before, put_back, gone, audited=audited)


def _ingested_images(rows: Iterable[str], earlier: CellDecisions) -> frozenset[str]:
    """Return the images of a manifest that ingest has made: the others are a person's."""
    added = {image for (image, column), each in earlier.items() if (column, each.value) == _ADDED}
    return frozenset(rows) - added


def _remove_images(
    image: str, changed: dict[tuple[str, str], CellDecision], earlier: CellDecisions
) -> None:
    known = (changed.get((image, ROW)), earlier.get((image, ROW)))
    if not any(each and each.value == ADDED for each in known):
        changed[image, ROW] = CellDecision(TAKEN_OUT, by=MANIFEST)
        return
    for cell in [cell for cell in changed if cell[0] == image]:
        del changed[cell]  # a row of the person's own: nothing is left of it


def _put_in(
    image: str, row: _Row, changed: dict[tuple[str, str], CellDecision], earlier: CellDecisions
) -> None:
    """Take back that an image is left out, or take over a row that is a person's own."""
    known = (changed.get((image, ROW)), earlier.get((image, ROW)))
    if any(each and each.value == TAKEN_OUT for each in known):
        changed.pop((image, ROW), None)
        return
    changed[image, ROW] = CellDecision(ADDED, by=MANIFEST)
    for column, value in row.items():
        if value and column != ROW:
            changed[image, column] = CellDecision(value, by=MANIFEST)


def _decide(
    image: str,
    column: str,
    value: str,
    written: str,
    changed: dict[tuple[str, str], CellDecision],
    earlier: CellDecisions,
) -> None:
    """Take over a cell; one that is again as ingest would write it is no decision any more."""
    known = earlier.get((image, column)) or changed.get((image, column))
    own = written if known is None else known.instead_of
    if known is not None and value == own:
        changed.pop((image, column), None)
    else:
        changed[image, column] = CellDecision(value, own, MANIFEST)


def _first_edits(
    decisions: dict[tuple[str, str], CellDecision],
    columns: tuple[str, ...],
    rows: _Rows,
    records: Iterable[Record],
    audited: Mapping[str, tuple[str, str]],
) -> Edits:
    """Compare with what version 0.1.0 has written by its journal: labels, rows, further columns."""
    base: _Rows = {}
    own: set[str] = {*REQUIRED, _GROUP, "centre", "plane", "age", "scanner"}
    for record in records:
        for image in record.images:
            own |= {*image}
            row = {"image": image["image"], "patient_id": image["patient_id"]}
            base.setdefault(image["image"], row | {"label": (record.row or {}).get("label", "")})
    if not rows or not base:
        return Edits(decisions, 0, columns, audited=audited)
    compared = {"image", "patient_id", "label", *(set(columns) - own)}
    shown = {
        image: {name: value for name, value in row.items() if name in compared}
        if image in base
        else row
        for image, row in rows.items()
    }
    # That a picture was in the journal does not mean that it was listed: copies, doubtful rows.
    listed = {image: row for image, row in base.items() if image in rows}
    edits = _compare(tuple(compared), shown, (), listed, decisions, {}, audited)
    groups = {image: row.get(_GROUP, "") for image, row in rows.items()}
    return Edits(edits.decisions, edits.fresh, columns, frozenset(listed), groups=groups)


def _is_same(written: str, value: str) -> bool:
    """Tell whether a cell is as it was, but for how a spreadsheet writes numbers and dates."""
    if written == value:
        return True
    if not written or not value:
        return False
    with suppress(ValueError):
        return float(written) == float(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
        return _is_same_day(written, value)
    # 0,0,512,384 without its commas: a number with thousands, to some.
    digits = [re.sub(r"\D", "", each).lstrip("0") for each in (written, value)]
    listed = "," in written and re.fullmatch(r"[\d,.\s]*", value) is not None
    return listed and digits[0] == digits[1]


def _is_same_day(written: str, value: str) -> bool:
    day = [int(part) for part in written.split("-")]
    parts = [int(part) for part in re.findall(r"\d+", value)][:3]
    short = [day[0] % 100, *day[1:]]
    return sorted(parts) in (sorted(day), sorted(short))
