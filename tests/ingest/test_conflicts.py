"""Files that contradict each other go to a person; what may be one woman stays on one side."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metrascope.dicom.identifiers import Keys
from metrascope.ingest.catalog import Catalog, assemble, unmatched_rows, write_private
from metrascope.ingest.conflicts import FOR_A_PERSON
from metrascope.ingest.identity import identify_patient
from metrascope.ingest.journal import MARK_BOXES, Record
from metrascope.ingest.label_notices import number_notices
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.column_words import ColumnWords
from metrascope.labels.labels import LabelRow, Labels, read_labels
from metrascope.messages import table

SECRET = Pseudonyms(b"s" * 32)
WORDS = ColumnWords(SECRET)


def labels(folder: Path, *lines: str) -> Labels:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_labels(path)


def taken_in(known: Labels, *files: dict[str, str]) -> list[Record]:
    """Return records as intake makes them: a file with a row has one image."""
    records = []
    for number, keys in enumerate(files):
        name = keys.get("file_name") or f"{number:03d}.dcm"
        record = Record(name, "1", "dicom", f"{number:04x}", {"file_name": name, **keys})
        row = known.match(Keys(**record.keys))
        if isinstance(row, LabelRow):
            person = identify_patient(record, row.values)
            image: dict[str, Any] = {
                "image": f"images/I{number}.png",
                "patient_id": SECRET.patient(person.patient_id),
                "scanner": "",
                "age": "",
                MARK_BOXES: [],
            }
            record = Record(name, "1", "dicom", f"{number:04x}", record.keys, row.values, (image,))
        records.append(record)
    return records


def outcome(found: Catalog) -> dict[str, str]:
    """Return what became of each file: the label of its image, else the reason."""
    kept = {image["image"]: image["label"] for image in found.images}
    reasons = {record.source: why.reason.partition(".")[2] for record, why in found.rejections}
    return {
        record.source: reasons.get(record.source) or kept[record.images[0]["image"]]
        for record in found.records
    }


def groups(found: Catalog) -> list[set[str]]:
    by_group: dict[str, set[str]] = {}
    for image in found.images:
        by_group.setdefault(image["patient_group"], set()).add(image["image"])
    return sorted(by_group.values(), key=min)


def test_a_row_that_two_patients_hit_is_nobodys(tmp_path: Path) -> None:
    known = labels(tmp_path, "accession,label", "US1001,polyp", "US1002,normal")
    files = (
        {"patient_id": "P1", "accession": "US1001"},
        {"patient_id": "P2", "accession": "US1001"},
        {"file_name": "US1001/3.png"},
        {"patient_id": "P3", "accession": "US1002"},
        {"patient_id": "p 3", "accession": "US1002"},
    )
    found = assemble(taken_in(known, *files), known, WORDS)
    assert list(outcome(found).values()) == [
        "row_of_several", "row_of_several", "normal", "normal", "row_of_several",
    ]  # fmt: skip
    assert len(found.disputed) == 3


def test_whose_number_stands_in_the_row_stays(tmp_path: Path) -> None:
    known = labels(tmp_path, "accession,patient_id,label", "US1001,0017,polyp")
    files = (
        {"patient_id": "17", "accession": "US1001"},
        {"patient_id": "99", "accession": "US1001"},
        {"accession": "US1001"},
    )
    found = outcome(assemble(taken_in(known, *files), known, WORDS))
    assert list(found.values()) == ["polyp", "row_of_several", "row_of_several"]


def test_without_numbers_names_tell_that_a_row_is_hit_by_two(tmp_path: Path) -> None:
    known = labels(tmp_path, "accession,label", "US1001,polyp", "US1002,normal")
    files = (
        {"name": "王^丽", "accession": "US1001"},
        {"name": "赵^敏", "accession": "US1001"},
        {"name": "Li^Na", "accession": "US1002"},
        {"name": "李娜", "accession": "US1002"},
    )
    found = outcome(assemble(taken_in(known, *files), known, WORDS))
    assert list(found.values()) == ["row_of_several", "row_of_several", "normal", "normal"]


def test_a_number_that_two_women_share_is_no_number(tmp_path: Path) -> None:
    known = labels(tmp_path, "accession,label", "US1001,normal", "US1002,normal", "US1003,polyp")
    shared = {"patient_id": "A77"}
    files = (
        {**shared, "accession": "US1001", "name": "王丽", "birth_date": "1980-01-01"},
        {**shared, "accession": "US1002", "name": "赵敏", "birth_date": "1985-01-01"},
        {"patient_id": "A78", "accession": "US1003", "name": "陈洁"},
    )
    found = outcome(assemble(taken_in(known, *files), known, WORDS))
    assert list(found.values()) == ["number_of_several", "number_of_several", "polyp"]


def test_a_default_of_the_table_does_not_overrule_the_numbers_of_headers(tmp_path: Path) -> None:
    rows = [f"US{n},{number},normal" for n, number in enumerate(("77", "77", "77", "A1", "A1"))]
    known = labels(tmp_path, "accession,patient_id,label", *rows)
    files = [{"accession": f"US{n}", "patient_id": f"P{n}"} for n in range(5)]
    found = outcome(assemble(taken_in(known, *files), known, WORDS))
    assert list(found.values()) == ["number_of_several"] * 3 + ["normal"] * 2


@pytest.mark.parametrize(
    "other",
    [
        {"name": "王莉", "birth_date": "1980-01-01"},  # misspelled
        {"name": "王丽", "birth_date": "1980-10-01"},  # a wrong date
        {"name": "Wang^Li", "birth_date": "1980-01-01"},
        {},
    ],
)
def test_a_slip_does_not_make_two_of_one_woman(tmp_path: Path, other: dict[str, str]) -> None:
    known = labels(tmp_path, "accession,label", "US1001,normal", "US1002,normal")
    files = (
        {"patient_id": "A77", "accession": "US1001", "name": "王丽", "birth_date": "1980-01-01"},
        {"patient_id": "A77", "accession": "US1002", **other},
    )
    found = assemble(taken_in(known, *files), known, WORDS)
    assert len(found.images) == 2
    assert len(groups(found)) == 1


def test_a_number_of_most_of_an_export_is_nobodys(tmp_path: Path) -> None:
    exams = [f"US1{n:03d}" for n in range(30)]
    known = labels(tmp_path, "accession,label", *(f"{exam},normal" for exam in exams))
    files = [
        {"accession": exam, "patient_id": "STATION1" if n < 20 else f"P{n}"}
        for n, exam in enumerate(exams)
    ]
    found = outcome(assemble(taken_in(known, *files), known, WORDS))
    assert list(found.values()) == ["constant_number"] * 20 + ["normal"] * 10
    # The table's own numbers tell the women apart.
    told = labels(
        tmp_path, "accession,patient_id,label", *(f"{exam},M{exam},normal" for exam in exams)
    )
    assert set(outcome(assemble(taken_in(told, *files), told, WORDS)).values()) == {"normal"}


def test_two_visits_with_two_diagnoses_go_to_a_person(tmp_path: Path) -> None:
    known = labels(
        tmp_path,
        "accession,patient_id,label",
        "US1001,P1,polyp",
        "US1002,P1,normal",
        "US1003,P2,normal",
    )
    files = [
        {"patient_id": patient, "accession": exam}
        for patient, exam in (("P1", "US1001"), ("P1", "US1002"), ("P2", "US1003"))
    ]
    records = taken_in(known, *files)
    found = assemble(records, known, WORDS)
    assert list(outcome(found).values()) == ["two_diagnoses", "two_diagnoses", "normal"]
    assert not unmatched_rows(found, known)
    kept = assemble(records, known, WORDS, two_diagnoses="keep")
    assert list(outcome(kept).values()) == ["polyp", "normal", "normal"]


def test_one_woman_under_two_numbers_is_kept_together_and_told(tmp_path: Path) -> None:
    known = labels(
        tmp_path, "patient_id,label", "P1,polyp", "P2,polyp", "P3,polyp", "P4,polyp", "P5,normal"
    )
    same = {"name": "王^丽", "birth_date": "1980-01-01"}
    files = (
        {"patient_id": "P1", **same},
        {"patient_id": "P2", **same},
        {"patient_id": "P3", "name": "王丽", "birth_date": "1971-01-01"},
        {"patient_id": "P4", "study_uid": "1.2.3"},
    )
    found = assemble(taken_in(known, *files), known, WORDS)
    assert groups(found) == [
        {"images/I0.png", "images/I1.png"},
        {"images/I2.png"},
        {"images/I3.png"},
    ]
    assert len(found.disputed) == 2
    write_private(found, tmp_path, SECRET, known)
    with (tmp_path / "links.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows["000.dcm"]["image"] == "images/I0.png"
    assert rows["000.dcm"]["reason"] == rows["001.dcm"]["reason"] == "labels.two_numbers"
    assert rows["002.dcm"]["reason"] == ""
    # With two diagnoses she is one for a person as well.
    files = ({"patient_id": "P1", **same}, {"patient_id": "P5", **same})
    found = assemble(taken_in(known, *files), known, WORDS)
    assert list(outcome(found).values()) == ["two_diagnoses", "two_diagnoses"]


def test_one_instance_under_two_numbers_is_one_woman_or_a_mistake(tmp_path: Path) -> None:
    """A file that was corrected after it was sent keeps its SOP instance UID."""
    known = labels(tmp_path, "patient_id,label", "P1,polyp", "P2,polyp", "P3,normal")
    files = [{"patient_id": f"P{n}", "sop_uid": "1.2.3"} for n in (1, 2)]
    found = assemble(taken_in(known, *files), known, WORDS)
    assert groups(found) == [{"images/I0.png", "images/I1.png"}]
    assert len(found.disputed) == 2
    files[1]["patient_id"] = "P3"
    found = assemble(taken_in(known, *files), known, WORDS)
    assert list(outcome(found).values()) == ["two_diagnoses", "two_diagnoses"]


def test_what_is_shared_by_many_ties_nobody(tmp_path: Path) -> None:
    known = labels(tmp_path, "patient_id,label", *(f"P{n},polyp" for n in range(6)))
    files = [{"patient_id": f"P{n}", "study_uid": "1.2.3"} for n in range(6)]
    found = assemble(taken_in(known, *files), known, WORDS)
    assert len(groups(found)) == 6
    assert not found.two_numbers


def test_numbers_of_one_row_and_names_without_numbers_are_kept_together(tmp_path: Path) -> None:
    known = labels(
        tmp_path, "accession,门诊号,住院号,姓名,诊断", "US11,M1,Z9,,息肉", "US12,,Z9,,息肉",
        "US13,,,王丽,息肉", "US14,,,王丽,息肉", "US15,,,赵敏,息肉",
    )  # fmt: skip
    files = [{"accession": f"US1{n}"} for n in range(1, 6)]
    found = assemble(taken_in(known, *files), known, WORDS)
    assert len({image["patient_id"] for image in found.images}) == 5
    assert [len(group) for group in groups(found)] == [2, 2, 1]


def test_a_row_is_unmatched_only_if_no_file_fits_it(tmp_path: Path) -> None:
    known = labels(
        tmp_path,
        "accession,patient_id,label",
        "US1001,P1,polyp",
        "US1002,P1,polyp",
        "US1003,P2,",
        "US1004,P3,normal",
        "US1005,P4,normal",
    )
    files = (
        {"patient_id": "P1"},  # either visit
        {"patient_id": "P2", "accession": "US1003"},  # no diagnosis
        {"patient_id": "P3", "accession": "US1005"},  # a conflict
    )
    found = assemble(taken_in(known, *files), known, WORDS)
    assert not unmatched_rows(found, known)
    # A table that has changed since: rows are counted anew.
    moved = labels(tmp_path, "accession,patient_id,label", "US1000,P0,normal", "US1001,P1,polyp")
    assert [
        row.values["row"]
        for row in unmatched_rows(assemble(taken_in(known, *files[:1]), moved, WORDS), moved)
    ] == ["2"]


def test_every_reason_for_a_person_says_what_to_do_and_has_a_title() -> None:
    for key in FOR_A_PERSON:
        assert f"reason.{key.replace('.', '_')}" in table()
        assert ":" in table()[key]["en"] or "." in table()[key]["en"]
        assert "请" in table()[key]["zh"]


def test_one_name_in_two_exports_is_not_one_file(tmp_path: Path) -> None:
    known = labels(tmp_path, "file_name,label", "IM_1.png,polyp", "IM_2.png,normal")
    records = taken_in(known, {"file_name": "IM_1.png"}, {"file_name": "IM_1.png"})
    months = [replace(record, root=root) for record, root in zip(records, "ab", strict=True)]
    found = assemble(months, known, WORDS)
    assert [why.reason for _, why in found.rejections] == ["labels.crowded"] * 2
    # The same file in both is one, and a table of its own tells whose each is.
    copies = [replace(record, sha256="aa", images=months[0].images) for record in months]
    assert len(assemble(copies, known, WORDS).images) == 1
    months = [replace(record, table=record.root) for record in months]
    assert len(assemble(months, known, WORDS, table="b").images) == 2


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (("P1", "P2", "P33"), [4]),  # one of three rows is not as in its header
        (("P1", "P2", "p 3"), []),  # written otherwise, the same number
        (("P1", "P2", ""), []),
        (("W7", "W8", "W9"), []),  # the wards number otherwise than the scanners
    ],
)
def test_a_number_that_is_not_the_header_s_is_told_with_its_row(
    numbers: tuple[str, ...], said: list[int], tmp_path: Path
) -> None:
    rows = [f"{number},A{at},polyp" for at, number in enumerate(numbers, 1)]
    known = labels(tmp_path, "patient_id,accession,diagnosis", *rows)
    files = [{"accession": f"A{at}", "patient_id": f"P{at}"} for at in (1, 2, 3)]
    records = [replace(record, table="t") for record in taken_in(known, *files)]
    assert all(record.images for record in records)
    found = number_notices(records, "t")
    assert [one.values["rows"] for one in found] == [str(row) for row in said]
    assert all("of 3 rows" in one.text("en") for one in found)
    assert number_notices(records, "of another month") == []
