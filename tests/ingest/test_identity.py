"""Two women never become one patient, nor one woman two, by the way in which they are written."""

import pytest

from metrascope.ingest.identity import identify_patient
from metrascope.ingest.journal import Record
from metrascope.ingest.pseudonyms import Pseudonyms

SECRET = Pseudonyms(b"s" * 32)


def patient(row: dict[str, str] | None = None, sha256: str = "aa", **keys: str) -> str:
    record = Record("x", "1", "dicom", sha256, {"file_name": "a/IM_0001.dcm", **keys})
    return SECRET.patient(identify_patient(record, row or {}).patient_id)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"patient_id": "00123"}, {"patient_id": "123"}),
        ({"patient_id": "MR 77"}, {"patient_id": "mr77"}),
        ({"patient_id": "123.0"}, {"patient_id": "123"}),
        ({"accession": "US 001"}, {"accession": "us001"}),
        ({"accession": "0012"}, {"accession": "12"}),
        ({"name": "王^丽"}, {"name": "Wang^Li=王丽"}),
        ({"name": "LI WANG"}, {"name": "Wang^Li"}),
        ({"patient_id": "P1", "accession": "A"}, {"patient_id": "P1", "accession": "B"}),
    ],
)
def test_one_woman_is_one_however_she_is_written(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert patient(**one) == patient(**other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"patient_id": "ANON", "accession": "A1"}, {"patient_id": "ANON", "accession": "A2"}),
        ({"patient_id": "0", "name": "王丽"}, {"patient_id": "0", "name": "赵敏"}),
        ({"patient_id": "无", "sha256": "aa"}, {"patient_id": "无", "sha256": "bb"}),
        ({"name": "张*", "sha256": "aa"}, {"name": "张*", "sha256": "bb"}),
        ({"name": "王丽", "birth_date": "1980-1-1"}, {"name": "王丽", "birth_date": "1990-1-1"}),
        ({"sha256": "aa"}, {"sha256": "bb"}),  # both are IM_0001.dcm
        ({"patient_id": "A00123"}, {"patient_id": "A123"}),
    ],
)  # fmt: skip
def test_two_women_are_two(one: dict[str, str], other: dict[str, str]) -> None:
    assert patient(**one) != patient(**other)  # type: ignore[arg-type]


def test_the_table_goes_before_the_header_unless_it_says_nothing() -> None:
    assert patient({"patient_id": "P2"}, patient_id="P1") == patient(patient_id="P2")
    for nothing in ("无", "", "0", "N/A", "ANONYMOUS"):
        assert patient({"patient_id": nothing}, patient_id="P1") == patient(patient_id="P1")
    # The name of a file in the table is that of many women.
    row = {"file_name": "IM_0001.dcm"}
    assert patient(row, sha256="aa") != patient(row, sha256="bb")
