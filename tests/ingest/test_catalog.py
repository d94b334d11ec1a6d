"""Records become a data set: copies once, counts that add up, nothing private in it."""

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metrascope.dataset.manifest import read_manifest
from metrascope.ingest.catalog import (
    Catalog,
    assemble,
    remember_refusals,
    write_catalog,
    write_private,
)
from metrascope.ingest.flow_diagram import flow
from metrascope.ingest.journal import MARK_BOXES, IngestJournal, Record, Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.column_words import ColumnWords
from metrascope.labels.labels import Labels, read_labels

SECRET = Pseudonyms(b"s" * 32)
WORDS = ColumnWords(SECRET)


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    path = tmp_path / "labels.csv"
    path.write_text(
        "patient_id,accession,name,label\n"
        "100,A1,Wang Li,polyp\n200,A2,Zhao Min,normal\n300,A3,Chen Jie,fibroid\n",
        encoding="utf-8",
    )
    return read_labels(path)


def image(name: str, patient: str, marks: str = "none") -> dict[str, Any]:
    return {
        "image": f"images/{name}.png",
        "patient_id": patient,
        "sector": "",
        "scanner": "",
        "age": "45",
        "marks": marks,
        "text_check": "clean",
        MARK_BOXES: [["caliper", 1, 2, 3, 4]] if marks != "none" else [],
        "origin": [5, 6],
    }


def records(labels: Labels) -> list[Record]:
    rows = {row.values["patient_id"]: dict(row.values) for row in labels.rows}
    first, second = rows["100"], rows["200"]
    by_accession = {"file_name": "wang/2.png", "accession": "A1"}
    return [
        Record("wang/1.dcm", "1", "dicom", "11", {"patient_id": "100", "file_name": "wang/1.dcm"},
               first, (image("I1", "PA", "caliper:1"),), (Rejection("usability.x", {}, 1),)),
        Record("wang/2.png", "1", "picture", "22", by_accession, first, (image("I2", "PB"),)),
        Record("zhao/1.dcm", "1", "dicom", "33", {"patient_id": "200", "file_name": "z"}, second,
               (image("I3", "PC"),)),
        Record("zhao/2.dcm", "1", "dicom", "66", {"patient_id": "200", "file_name": "y"}, second,
               (image("I4", "PC"),)),
        Record("zhao/copy.dcm", "1", "dicom", "66", {"patient_id": "200", "file_name": "y"},
               second, (image("I4", "PC"),)),
        Record("zhao/as wang.dcm", "1", "dicom", "33", {"patient_id": "100", "file_name": "x"},
               first, (image("I3", "PA"),)),
        Record("notes about Wang Li.txt", "", rejections=(Rejection("sources.x", {"name": "Li"}),)),
        Record("broken.dcm", "1", "dicom", "44", {}, None, (), (Rejection("dicom.x"),)),
        Record("other.dcm", "1", "dicom", "55", {"file_name": "o"}, None, (),
               (Rejection("labels.no_row"),)),
    ]  # fmt: skip


@pytest.fixture
def catalog(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    sentences = {key: {"en": "It reads {name}.", "zh": "读到{name}。"} for key in ("sources.x",)}
    sentences |= {key: {"en": "No.", "zh": "否。"} for key in ("dicom.x", "usability.x")}
    from metrascope.messages import table

    monkeypatch.setattr("metrascope.messages.table", lambda: {**table(), **sentences})
    return assemble(records(labels), labels, ColumnWords(SECRET, "Centre 1"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_copies_are_kept_once_and_ties_make_groups(catalog: Catalog) -> None:
    table = pd.DataFrame(catalog.images).set_index("image")
    assert sorted(table.index) == ["images/I1.png", "images/I2.png", "images/I4.png"]
    assert catalog.reasons["ingest.copy"] == 1
    # PA and PB share a row of the labels; PA and PC share a picture, which nobody gets.
    assert set(table["patient_group"]) == {"PA"}
    assert set(table["centre"]) == {"Centre 1"}
    assert table["label"]["images/I1.png"] == "polyp"


def test_a_picture_under_two_labels_is_kept_under_neither(catalog: Catalog) -> None:
    left_out = [r.source for r, why in catalog.rejections if why.reason == "ingest.copy_of_other"]
    assert left_out == ["zhao/1.dcm", "zhao/as wang.dcm"]
    assert len(catalog.disputed) >= 2


def test_the_same_picture_in_another_file_is_disputed_as_well(labels: Labels) -> None:
    """A corrected header makes another file of the same pixels."""
    rows = [dict(row.values) for row in labels.rows]
    sent = [
        Record("a", "1", "dicom", "1", {"patient_id": "100"}, rows[0],
               (image("I1", "PA") | {"sha256": "aa"}, image("I2", "PA") | {"sha256": "bb"})),
        Record("b", "1", "dicom", "2", {"patient_id": "200"}, rows[1],
               (image("I3", "PC") | {"sha256": "aa"},)),
    ]  # fmt: skip
    found = assemble(sent, labels, WORDS)
    assert [image["image"] for image in found.images] == ["images/I2.png"]
    assert found.reasons == {"ingest.copy_of_other": 2}


def test_one_picture_of_two_patients_of_one_label_is_kept_in_one_group(labels: Labels) -> None:
    """Whoever is right, the label is: a person is told, and no split parts the two."""
    row = dict(labels.rows[0].values)
    sent = [
        Record(name, "1", "dicom", name, {"patient_id": name},
               row | {"row": name, "patient_id": name},
               (image(f"I{name}", f"P{name}") | {"sha256": "aa"},))
        for name in ("100", "200")
    ]  # fmt: skip
    found = assemble(sent, labels, WORDS)
    assert {image["patient_group"] for image in found.images} == {"P100"}
    assert len(found.images) == len(found.disputed) == 2
    assert found.two_numbers == {"P100", "P200"}


def test_what_one_table_refused_no_later_table_brings_back(tmp_path: Path) -> None:
    """Whether a visit is the listed one shows when all files are known, and by its own table."""
    tables = []
    for name, rows in (("may", "A1,1,polyp\nA9,9,normal\n"), ("june", "A7,7,normal\n")):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"accession,patient_id,label\n{rows}", encoding="utf-8")
        tables.append(read_labels(path))
    may, june = tables

    def sent(source: str, accession: str, patient: str, labels: Labels, table: str) -> Record:
        row = next(row for row in labels.rows if row.values["patient_id"] == patient)
        keys = {"patient_id": patient, "accession": accession}
        images = (image(f"I{source}", f"P{patient}"),)
        return Record(source, "1", "dicom", source, keys, row.values, images, table=table)

    with IngestJournal(tmp_path / "journal.jsonl", {}) as journal:
        for record in (sent("1", "A2", "1", may, "may"), sent("2", "A9", "9", may, "may")):
            journal.add(record)
        listed = sorted(journal.records.values(), key=lambda record: record.key)
        first = assemble(listed, may, WORDS, table="may")
        assert [why.reason for _, why in first.rejections] == ["labels.other_visit"]
        remember_refusals(journal, first, listed, "may")
    with IngestJournal(
        tmp_path / "journal.jsonl", {}
    ) as journal:  # the next month, as it was written
        journal.add(sent("3", "A7", "7", june, "june"))
        listed = sorted(journal.records.values(), key=lambda record: record.key)
        second = assemble(listed, june, WORDS, table="june")
        remember_refusals(journal, second, listed, "june")
        assert [why.reason for _, why in second.rejections] == ["labels.other_visit"]
        assert {row["image"] for row in second.images} == {"images/I2.png", "images/I3.png"}
        # Once her own table lists the visit, it is taken.
        listed = [replace(record, table="may") for record in listed]
        (tmp_path / "may.csv").write_text(
            "accession,patient_id,label\nA2,1,polyp\nA9,9,normal\nA7,7,normal\n", encoding="utf-8"
        )
        third = assemble(listed, read_labels(tmp_path / "may.csv"), WORDS, table="may")
        assert not third.refused


def test_the_order_of_records_does_not_matter(labels: Labels, catalog: Catalog) -> None:
    assert assemble(reversed(records(labels)), labels, ColumnWords(SECRET, "Centre 1")) == catalog


def test_the_flow_adds_up(catalog: Catalog) -> None:
    steps = {step.name: step for step in flow(catalog)}
    counts = {name: step.count for name, step in steps.items()}
    assert counts == {
        "files": 9, "images": 8, "readable": 7, "matched": 6, "stills": 7, "usable": 6, "kept": 3,
    }  # fmt: skip
    order = list(steps.values())
    for step, following in pairwise(order):
        if step.name != "matched":
            assert step.count - sum(n for _, n in step.left_out) == following.count


def test_nothing_private_is_in_the_data_set(
    catalog: Catalog, labels: Labels, tmp_path: Path
) -> None:
    out, private = tmp_path / "out", tmp_path / "private"
    for name in ("I1", "I2", "I4"):
        (out / "images").mkdir(parents=True, exist_ok=True)
        (out / "images" / f"{name}.png").write_bytes(b"x")
    manifest = write_catalog(catalog, out, SECRET)
    write_private(catalog, private, SECRET, labels)
    assert len(read_manifest(out).table) == 3
    written = b"".join(path.read_bytes() for path in out.glob("*.csv"))
    for planted in ("Wang", "wang", "zhao", "Li", "100", "A1"):
        assert planted.encode() not in written, planted
    assert manifest.is_file()
    rejects = rows_of(out / "rejects.csv")
    assert len(rejects) == 7
    assert {row["frame"] for row in rejects} == {"", "2"}
    assert rows_of(out / "marks.csv") == [
        {"image": "images/I1.png", "kind": "caliper"}
        | {"left": "1", "top": "2", "width": "3", "height": "4"}
    ]
    links = rows_of(private / "links.csv")
    assert {row["file"] for row in links} == {record.source for record in catalog.records}
    assert [row["name"] for row in rows_of(private / "unmatched.csv")] == ["Chen Jie"]


def test_a_name_that_two_patients_turn_out_to_have_is_no_match(labels: Labels) -> None:
    row = dict(labels.rows[0].values)
    one = Record("a", "1", "dicom", "1", {"name": "Wang^Li"}, row, (image("I1", "PA"),))
    assert assemble([one], labels, WORDS).images
    keys = {"name": "Wang^Li", "patient_id": "900"}
    others = [
        Record("b", "1", "dicom", "2", keys),
        Record("c", "1", "dicom", "3", keys | {"patient_id": "901"}),
    ]
    doubted = assemble([one, *others], labels, WORDS)
    assert not doubted.images
    assert doubted.reasons["labels.name_only"] == 1


def test_free_text_of_the_labels_stays_in_the_hospital(labels: Labels, tmp_path: Path) -> None:
    row = dict(labels.rows[0].values) | {
        "centre": "某市第一医院 13812345678",
        "plane": "钱多多 矢状面",
        "scanner": "GE E10 李医生",
    }
    one = Record("a", "1", "dicom", "1", {"patient_id": "100"}, row, (image("I1", "PA"),))
    found = assemble([one], labels, WORDS)
    (tmp_path / "out/images").mkdir(parents=True)
    (tmp_path / "out/images/I1.png").write_bytes(b"x")
    manifest = write_catalog(found, tmp_path / "out", SECRET).read_text("utf-8-sig")
    for planted in ("13812345678", "钱多多", "李医生", "第一医院"):
        assert planted not in manifest
    assert (found.images[0]["plane"], found.images[0]["scanner"][:7]) == ("sagittal", "GE E10 ")
    write_private(found, tmp_path / "key", SECRET, labels)
    back = {entry["value"]: entry["labels"] for entry in rows_of(tmp_path / "key/codes.csv")}
    assert back[found.images[0]["centre"]] == "某市第一医院 13812345678"
    assert back[found.images[0]["scanner"]] == "GE E10 李医生"
