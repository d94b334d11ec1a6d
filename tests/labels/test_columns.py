"""The columns of a hospital's spreadsheet are known by their names, or named."""

from pathlib import Path

import pytest

from metrascope.errors import DataError, SettingsError
from metrascope.labels.columns import ROLES, choose_columns, count_header_roles, detect_columns

PATH = Path("labels.xlsx")


def roles(*header: str) -> dict[str, list[str]]:
    found = detect_columns(header)
    return {role: [header[column] for column in columns] for role, columns in found.items()}


@pytest.mark.parametrize(
    ("header", "role"),
    [
        ("姓名", "name"),
        ("患者姓名", "name"),
        ("检查号", "accession"),
        ("超声号", "accession"),
        ("影像号", "accession"),
        ("病历号", "patient_id"),
        ("登记号", "patient_id"),
        ("住院号", "patient_id"),
        ("病理", "label"),
        ("术后病理诊断", "label"),
        ("诊断", "label"),
        ("标签", "label"),
        ("年龄", "age"),
        ("年龄（岁）", "age"),
        ("医院", "centre"),
        ("机型", "scanner"),
        ("切面", "plane"),
        ("文件名", "file_name"),
        ("Accession Number", "accession"),
        ("accession_no.", "accession"),
        ("Patient ID", "patient_id"),
        ("MRN", "patient_id"),
        ("ID", "patient_id"),
        ("Patient's Name", "name"),
        ("FILENAME", "file_name"),
        ("Final Diagnosis", "label"),
        ("Histology", "label"),
        ("StudyInstanceUID", "study_uid"),
        ("SOP Instance UID", "sop_uid"),
        ("ＰａｔｉｅｎｔＩＤ", "patient_id"),
    ],
)
def test_names_in_english_and_chinese_are_known(header: str, role: str) -> None:
    assert detect_columns(["备注", header, "电话"]) == {role: [1]}


def test_every_role_has_a_name_and_strange_columns_have_no_role() -> None:
    english = [
        "file name", "sop uid", "study uid", "accession", "patient id", "name", "label", "age",
        "centre", "scanner", "plane",
    ]  # fmt: skip
    assert list(detect_columns(english)) == list(ROLES)
    assert (
        detect_columns(["phone", "报告医师", "病理号", "病理日期", "", "filenames of mine"]) == {}
    )


def test_pathology_goes_before_a_diagnosis_in_general() -> None:
    assert roles("诊断", "病理")["label"] == ["病理"]
    assert roles("超声诊断结果", "诊断", "手术病理描述")["label"] == ["手术病理描述"]
    assert roles("label", "pathology")["label"] == ["label"]


def test_hospitals_number_a_patient_more_than_once() -> None:
    assert roles("门诊号", "住院号", "病理")["patient_id"] == ["门诊号", "住院号"]
    chosen = choose_columns(PATH, ["门诊号", "住院号", "病理"], {})
    assert chosen == {"patient_id": (0, 1), "label": (2,)}


def test_other_roles_that_two_columns_could_have_are_ambiguous() -> None:
    with pytest.raises(DataError, match="--column label=NAME") as error:
        choose_columns(PATH, ["姓名", "病理诊断", "术后病理"], {})
    assert "病理诊断, 术后病理" in str(error.value)
    chosen = choose_columns(PATH, ["姓名", "病理诊断", "术后病理"], {"label": "术后病理"})
    assert chosen["label"] == (2,)


def test_named_columns_are_found_despite_case_width_and_signs() -> None:
    header = ["No.", "Pat Nr", "结果（最终）"]
    named = {"patient_id": "pat_nr，no", "label": "结果"}
    assert choose_columns(PATH, header, named) == {"patient_id": (1, 0), "label": (2,)}
    # An empty name: no column has this role.
    header = ["姓名", "检查号", "病理"]
    assert "name" not in choose_columns(PATH, header, {"name": ""})


@pytest.mark.parametrize(
    ("header", "named", "words"),
    [
        (["foo", "bar"], {}, "--column label=NAME"),
        (["foo", "病理"], {}, "which images a row belongs to"),
        (["姓名", "病理"], {"label": "结局"}, "no column 结局"),
        (["a", "a", "姓名"], {"label": "a"}, "more than one column a"),
        (["姓名", "诊断", "诊断"], {}, "more than one column 诊断: rename"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_there_is(
    header: list[str], named: dict[str, str], words: str
) -> None:
    with pytest.raises(DataError, match=words) as error:
        choose_columns(PATH, header, named)
    assert header[0] in str(error.value)
    assert "labels.xlsx" in str(error.value)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(SettingsError, match="patient_id"):
        choose_columns(PATH, ["姓名", "病理"], {"patient": "姓名"})


def test_a_header_scores_by_its_roles() -> None:
    assert count_header_roles(["某医院超声登记表", ""], {}) == 0
    assert count_header_roles(["姓名", "检查号", "病理"], {}) == 3
    assert count_header_roles(["code", "outcome"], {"patient_id": "Code", "label": "outcome"}) == 2
