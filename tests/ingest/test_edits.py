"""What people decide in the manifest outlives every later ingest, whoever saved the table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metrascope.dataset.manifest import write_manifest
from metrascope.dataset.patient_groups import write_group_file
from metrascope.errors import DataError
from metrascope.ingest.applying import Decided, apply_decisions
from metrascope.ingest.catalog import Catalog, manifest_table
from metrascope.ingest.edits import Edits, confirm_copy, keep_copy, read_edits
from metrascope.ingest.journal import MARK_BOXES, Record
from metrascope.ingest.manifest_decisions import (
    DECISIONS_FILE,
    read_cell_decisions,
    removed_images,
    write_cell_decisions,
)

LABELS = {"I1": "polyp", "I2": "normal", "I3": "fibroid"}
PATIENTS = {"I1": "PA", "I2": "PB", "I3": "PC"}


def name(code: str) -> str:
    return f"images/{code}.png"


class DataSet:
    """A data set that is ingested again and again; what files and labels give can be changed."""

    def __init__(self, folder: Path) -> None:
        self.out, self.private = folder / "data", folder / "key"
        self.labels, self.patients = dict(LABELS), dict(PATIENTS)
        self.records: list[Record] = []

    @property
    def catalog(self) -> Catalog:
        images: list[dict[str, Any]] = [
            {
                "image": name(code), "patient_id": self.patients[code], "label": label,
                "age": "45", "roi": "0,0,512,384", "study_date": "2023-01-05", "sha256": code,
                "scanner": "=1+1", "patient_group": self.patients[code], MARK_BOXES: [],
            }
            for code, label in self.labels.items()
        ]  # fmt: skip
        return Catalog(tuple(images), (), ())

    def ingest(self, kill: str = "") -> tuple[Edits, Decided]:
        """Run what ingest does about decisions; stop where a kill may fall."""
        edits = read_edits(self.out, self.private, self.records)
        decided = apply_decisions(self.catalog, edits)
        if kill != "before":
            write_cell_decisions(decided.decisions, self.out / DECISIONS_FILE)
        if kill not in ("before", "decided"):
            write_manifest(manifest_table(decided.catalog), keep_copy(self.private, edits))
        if kill not in ("before", "decided", "copied"):
            write_manifest(manifest_table(decided.catalog), self.out / "manifest.csv")
        if not kill:
            confirm_copy(self.out, self.private)
        return edits, decided

    def edit(self, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
        table = self.table()
        changed = change(table)
        table = table if changed is None else changed
        table.to_csv(self.out / "manifest.csv", index=False)

    def table(self) -> pd.DataFrame:
        path = self.out / "manifest.csv"
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")

    def column(self, column: str) -> dict[str, str]:
        table = self.table()
        codes = (Path(image).stem for image in table["image"])
        return dict(zip(codes, table[column], strict=True))

    def state(self) -> dict[Path, bytes]:
        files = [*self.out.rglob("*.csv"), *self.private.rglob("*.csv")]
        return {path: path.read_bytes() for path in files}

    def restore(self, state: dict[Path, bytes]) -> None:
        for path in self.state():
            path.unlink()
        for path, content in state.items():
            path.write_bytes(content)


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    data = DataSet(tmp_path)
    data.out.mkdir()
    data.ingest()
    return data


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """Return the manifest as a person leaves it: a label, a row, a column, a picture of her own."""
    table.loc[0, "label"] = "fibroid"
    table.loc[2, "age"] = ""
    table["note"] = ["look again", "", ""]
    row = dict.fromkeys(table, "") | {"image": "mine/a.png", "patient_id": "PZ"}
    table = table.drop(index=1)
    table.loc[9] = row | {"label": "polyp", "mask": ""}
    return table


def test_what_a_person_leaves_in_the_manifest_is_there_after_every_run(data: DataSet) -> None:
    data.edit(corrected)
    edits, _ = data.ingest()
    assert edits.fresh == 5
    for _ in range(2):
        assert data.column("label") == {"I1": "fibroid", "I3": "fibroid", "a": "polyp"}
        assert data.column("note") == {"I1": "look again", "I3": "", "a": ""}
        assert data.column("age") == {"I1": "45", "I3": "", "a": ""}
        again, decided = data.ingest()
        assert again.fresh == 0
        assert removed_images(decided.decisions) == {name("I2")}
    data.labels["I4"], data.patients["I4"] = "normal", "PD"  # a second month
    data.ingest()
    assert data.column("label") == {"I1": "fibroid", "I3": "fibroid", "I4": "normal", "a": "polyp"}
    lines = pd.read_csv(data.out / DECISIONS_FILE, encoding="utf-8-sig", keep_default_na=False)
    first = lines.set_index(["image", "column"]).loc[(name("I1"), "label")]
    assert first.tolist() == ["fibroid", "polyp", "manifest.csv"]


@pytest.mark.parametrize("again", ["before", "copied", "manifest"])
@pytest.mark.parametrize("kill", ["before", "decided", "copied", "manifest"])
def test_a_kill_changes_nothing_in_what_is_decided(data: DataSet, kill: str, again: str) -> None:
    def take_back(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["image"] == name("I1"), "label"] = "polyp"
        back = table.iloc[[0]].assign(image=name("I2"), label="normal")
        return pd.concat([table[table["image"] != "mine/a.png"], back]).drop(columns="note")

    for change in (corrected, take_back):
        data.edit(change)
        before = data.state()
        data.ingest()
        expected = data.state()
        data.restore(before)
        data.ingest(kill)
        data.ingest(again)
        data.ingest()
        assert data.state() == expected
    assert data.column("label") == {"I1": "polyp", "I2": "normal", "I3": "fibroid"}
    assert {column for _, column in read_cell_decisions(data.out / DECISIONS_FILE)} == {"age"}


@pytest.mark.parametrize("how", ["mark", "gb18030", "quoted", "windows", "excel"])
def test_a_table_that_a_spreadsheet_saved_is_no_decision(data: DataSet, how: str) -> None:
    path = data.out / "manifest.csv"
    table = data.table()
    if how == "mark":
        path.write_bytes(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    elif how == "gb18030":
        table["label"] = ["息肉", "normal", "fibroid"]
        table.to_csv(path, index=False, encoding="gb18030")
    elif how == "quoted":
        table.to_csv(path, index=False, quoting=1)
    elif how == "windows":
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    else:
        table["study_date"], table["roi"], table["age"] = "2023/1/5", "00512384", "45.0"
        table.to_csv(path, index=False)
    edits, decided = data.ingest()
    assert edits.fresh == (1 if how == "gb18030" else 0)
    assert data.column("label")["I1"] == ("息肉" if how == "gb18030" else "polyp")
    assert set(data.column("roi").values()) == {"0,0,512,384"}
    assert dict(decided.own_labels) == ({"息肉": 1} if how == "gb18030" else {})


def test_what_nobody_can_decide_is_put_back_and_said(data: DataSet) -> None:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[0, "sha256"] = "0"
        table.loc[1, "label"] = ""
        return table.drop(columns="scanner")

    data.edit(spoil)
    edits, decided = data.ingest()
    assert dict(edits.put_back) == {"sha256": 1, "label": 1}
    assert decided.columns_back == ("scanner",)
    assert edits.fresh == 0
    assert data.column("label") == LABELS


def test_a_row_twice_and_a_table_without_labels_are_refused(data: DataSet) -> None:
    table = data.table()
    for wrong in (pd.concat([table, table]), table.drop(columns="label"), table.iloc[:0]):
        wrong.to_csv(data.out / "manifest.csv", index=False)
        before = data.state()
        with pytest.raises(DataError, match=r"manifest\.csv"):
            data.ingest()
        assert data.state() == before


def test_decisions_are_withdrawn_by_deleting_their_lines(data: DataSet) -> None:
    data.edit(corrected)
    data.ingest()
    path = data.out / DECISIONS_FILE
    lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "I1" not in line and "I2" not in line))
    data.ingest()
    assert data.column("label") == {**LABELS, "a": "polyp"}
    path.write_text("image,column,value\nimages/I3.png,label,normal\n", encoding="gb18030")
    data.ingest()
    assert data.column("label")["I3"] == "normal"
    path.write_text("image,column,value\nx,label,a\nx,label,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 3"):
        data.ingest()


def test_a_decision_holds_though_the_labels_change_and_that_is_said(data: DataSet) -> None:
    data.edit(corrected)
    _, decided = data.ingest()
    assert decided.overtaken == ()
    data.labels["I1"] = "normal"
    _, decided = data.ingest()
    assert decided.overtaken == (name("I1"),)
    assert data.column("label")["I1"] == "fibroid"
    del data.labels["I1"]
    _, decided = data.ingest()
    assert decided.nowhere == 2  # its label and its note
    assert not data.table()["image"].isin([name("I1")]).any()


def test_groups_of_the_audit_are_joined_with_those_of_new_files(data: DataSet) -> None:
    rows = [(name(code), patient, "PA" if patient == "PB" else patient)
            for code, patient in PATIENTS.items()]  # fmt: skip
    write_group_file(rows, data.out)
    data.edit(lambda table: table.assign(patient_group=[row[2] for row in rows]))
    edits, _ = data.ingest()
    assert edits.fresh == 0
    assert data.column("patient_group") == {"I1": "PA", "I2": "PA", "I3": "PC"}
    data.labels["I4"], data.patients["I4"] = "polyp", "PB"
    data.labels["I0"], data.patients["I0"] = "polyp", "P0"
    data.ingest()
    groups = data.column("patient_group")
    assert groups == {"I0": "P0", "I1": "PA", "I2": "PA", "I3": "PC", "I4": "PA"}


def test_groups_as_a_person_leaves_them(data: DataSet) -> None:
    data.edit(lambda table: table.assign(patient_group=["PA", "PB", "PB"]))  # joined by hand
    data.ingest()
    assert data.column("patient_group") == {"I1": "PA", "I2": "PB", "I3": "PB"}
    # The audit ties PB to PA: who was put beside PB goes with her.
    write_group_file([(name("I1"), "PA", "PA"), (name("I2"), "PB", "PA")], data.out)
    data.ingest()
    assert data.column("patient_group") == {"I1": "PA", "I2": "PA", "I3": "PA"}
    data.edit(lambda table: table.assign(patient_group=["PA", "PB", "PA"]))  # no: two women
    data.ingest()
    data.ingest()
    assert data.column("patient_group") == {"I1": "PA", "I2": "PB", "I3": "PA"}


def test_labels_of_the_first_version_are_taken_over(data: DataSet) -> None:
    for path in (data.private / "written").iterdir():
        path.unlink()
    data.records = [
        Record("a", "1", row={"label": LABELS[code]}, sha256=code, images=(image,))
        for code, image in zip(LABELS, data.catalog.images, strict=True)
    ]
    groups = ["PA", "PA", "PC"]
    data.edit(
        lambda t: t.assign(label=["fibroid", *t["label"][1:]], patient_group=groups, note="x")
    )
    edits, _ = data.ingest()
    assert edits.fresh == 4
    assert data.column("label")["I1"] == "fibroid"
    assert data.column("patient_group")["I2"] == "PA"
    data.ingest()
    assert data.column("patient_group")["I2"] == "PA"
    assert set(data.column("note").values()) == {"x"}


@pytest.mark.parametrize("name", ["manifest.xlsx", "Decisions.xls", "groups.xlsx"])
def test_a_workbook_beside_the_tables_is_not_passed_over(data: DataSet, name: str) -> None:
    before = data.state()
    (data.out / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=rf"{name} is not read: what is changed counts in"):
        data.ingest()
    assert data.state() == before


@pytest.mark.parametrize(("separator", "encoding"), [(";", "gb18030"), ("\t", "utf-16")])
def test_tables_that_excel_has_saved_hold(data: DataSet, separator: str, encoding: str) -> None:
    data.edit(lambda table: table.replace({"label": {"polyp": "息肉"}}))
    data.ingest()
    assert data.column("label")["I1"] == "息肉"
    for name in ("manifest.csv", DECISIONS_FILE):
        saved = pd.read_csv(data.out / name, dtype=str, keep_default_na=False)
        saved.to_csv(data.out / name, sep=separator, encoding=encoding, index=False)
    edits, _ = data.ingest()
    assert edits.fresh == 0
    assert data.column("label")["I1"] == "息肉"
