"""A row of the labels is found by what the header says; a path never overrules it."""

from pathlib import Path

import pytest

from metrascope.dicom.identifiers import Keys, identifier_spellings, names_differ
from metrascope.labels.labels import LabelRow, Labels, read_labels
from metrascope.messages import Reason


def labels(folder: Path, *lines: str) -> Labels:
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_labels(path)


def row_of(found: LabelRow | Reason) -> str:
    return found.key if isinstance(found, Reason) else found.values["row"]


TABLE = (
    "accession,patient_id,name,file_name,label",
    "US4001,P7001,王丽,,polyp",
    "US4002,P7002,赵敏,,normal",
    "US4003,,,IM_7.png,normal",
)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        # The header's numbers are in the table: the path does not matter.
        (Keys(file_name="US4001/1.dcm", accession="US4002"), "3"),
        (Keys(file_name="王丽/1.dcm", patient_id="P7002"), "3"),
        # They are not, and the row that the path names has others.
        (Keys(file_name="US4001/1.dcm", accession="US9999"), "labels.against_header"),
        (Keys(file_name="US4001/1.dcm", patient_id="P9999"), "labels.against_header"),
        (Keys(file_name="P7001/1.dcm", patient_id="P9999"), "labels.against_header"),
        (Keys(file_name="IM_7.png", accession="US9999"), "labels.against_header"),
        (Keys(file_name="US4001/1.dcm", name="李四"), "labels.against_header"),
        (Keys(file_name="王丽/1.dcm", patient_id="P9999"), "labels.name_only"),
        (Keys(file_name="王丽/1.dcm", accession="US9999"), "labels.name_only"),
        (Keys(name="王^丽", accession="US9999"), "labels.name_only"),
        # Nothing in the header, or nothing that the row could contradict, speaks against it.
        (Keys(file_name="US4001/1.dcm"), "2"),
        (Keys(file_name="US4001/1.dcm", patient_id="07001"), "labels.against_header"),
        (Keys(file_name="US4001/1.dcm", name="Wang^Li"), "2"),
        (Keys(file_name="US4003/1.dcm", patient_id="P9999"), "4"),
        (Keys(file_name="US4001/1.dcm", patient_id="ANONYMOUS", accession="0"), "2"),
        # Words of a path, or a name and a path, that contradict each other.
        (Keys(file_name="US4001/P7002.png"), "labels.words_conflict"),
        (Keys(file_name="US4002/1.dcm", name="王丽"), "labels.conflict"),
        (Keys(file_name="US4001/1.dcm", name="王丽"), "2"),
        # A number of the header and a name of another woman.
        (Keys(accession="US4001", name="李四"), "labels.other_name"),
        (Keys(accession="US4001", patient_id="P7001", name="李四"), "2"),
        (Keys(accession="US4001", name="Wang^Li"), "2"),
        (Keys(accession="US4001", patient_id="P9999"), "2"),
    ],
)  # fmt: skip
def test_the_header_goes_before_the_path(tmp_path: Path, keys: Keys, expected: str) -> None:
    assert row_of(labels(tmp_path, *TABLE).match(keys)) == expected


def test_the_two_keys_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    found = labels(tmp_path, *TABLE).match(
        Keys(accession="US4001", patient_id="P7002", name="王丽")
    )
    assert isinstance(found, Reason)
    assert found.values == {"first": "accession", "second": "patient_id"}


def test_another_visit_of_a_patient_does_not_get_the_label_of_the_first(tmp_path: Path) -> None:
    table = labels(tmp_path, "accession,patient_id,label", "US1001,P1,polyp", ",P2,normal")
    later = Keys(accession="US1009", patient_id="P1")
    # As long as no header has an accession number of the table, it may have its own numbering.
    assert row_of(table.match(later)) == "2"
    known = table.knowing([later, Keys(accession="US1001", patient_id="P1")])
    assert row_of(known.match(later)) == "labels.other_visit"
    assert row_of(known.match(Keys(patient_id="P1"))) == "2"
    assert row_of(known.match(Keys(accession="US1010", patient_id="P2"))) == "3"


def test_of_several_rows_only_what_they_agree_in_is_said(tmp_path: Path) -> None:
    table = labels(
        tmp_path,
        "accession,patient_id,age,centre,label",
        "US1001,P1,44,A,polyp",
        "US1002,P1,45,A,polyp",
    )
    found = table.match(Keys(patient_id="P1"))
    assert isinstance(found, LabelRow)
    said = {role: found.values[role] for role in ("accession", "patient_id", "age", "centre")}
    assert said == {"accession": "", "patient_id": "P1", "age": "", "centre": "A"}
    assert table.fitting(Keys(patient_id="P1")) == {"2", "3"}


def test_a_name_that_two_women_have_is_no_key_in_a_path_either(tmp_path: Path) -> None:
    table = labels(tmp_path, "patient_id,name,label", "P1,王丽,polyp")
    both = [Keys(name="王丽", patient_id="P1"), Keys(name="王丽", patient_id="P2")]
    assert row_of(table.match(Keys(file_name="王丽/3.png"))) == "2"
    assert row_of(table.knowing(both).match(Keys(file_name="王丽/3.png"))) == "labels.name_only"
    born = [Keys(name="王丽", birth_date=f"198{n}-02-03") for n in range(2)]
    assert row_of(table.knowing(born).match(Keys(name="王丽"))) == "labels.name_only"


def test_two_files_of_one_name_stay_two(tmp_path: Path) -> None:
    table = labels(
        tmp_path, "file_name,accession,label", "IM_0001.dcm,US1,polyp", "IM_0001.dcm,US2,normal"
    )
    files = [Keys(file_name=f"{folder}/IM_0001.dcm") for folder in "ab"]
    known = table.knowing(files)
    assert {row_of(known.match(keys)) for keys in files} == {"labels.crowded"}
    by_number = Keys(file_name="b/IM_0001.dcm", accession="US2")
    assert row_of(known.match(by_number)) == "3"


def test_placeholders_of_the_table_tie_nothing_and_overrule_nothing(tmp_path: Path) -> None:
    table = labels(tmp_path, "检查号,病历号,姓名,病理诊断", "US41,无,张*,息肉", "US42,无,无,正常")
    assert [row.values["patient_id"] + row.values["name"] for row in table.rows] == ["", ""]
    assert row_of(table.match(Keys(patient_id="无"))) == "labels.no_row"
    assert row_of(table.match(Keys(patient_id="无", accession="US42"))) == "3"
    assert row_of(table.match(Keys(file_name="anonymous/无/1.png"))) == "labels.no_row"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("王^丽", "王丽", False),
        ("王丽", "赵敏", True),
        ("Wang^Li=王^丽", "王丽", False),
        ("Wang^Li", "王丽", False),
        ("WANG XIULAN", "Wang^Xiu-lan", False),
        ("Wang^Xiulan", "XIULAN WANG", False),
        ("Wang^Xiulan", "Wang^X", False),
        ("Wang^Li", "Zhao^Min", True),
        ("", "王丽", False),
        ("Anonymous", "王丽", False),
    ],
)
def test_names_are_compared_where_they_can_be(first: str, second: str, expected: bool) -> None:
    assert (
        names_differ(identifier_spellings("name", first), identifier_spellings("name", second))
        is expected
    )
