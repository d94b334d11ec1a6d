"""Where a table's own columns contradict each other, nobody but a person says which counts."""

import csv
from pathlib import Path

import pytest

from metrascope.errors import DataError
from metrascope.ingest.decisions import decided, read_decisions
from metrascope.ingest.diagnoses import write_diagnoses
from metrascope.ingest.journal import Rejection
from metrascope.ingest.label_notices import diagnosis_notices
from metrascope.ingest.rejection import explain, explain_in_full
from metrascope.labels.labels import Labels, read_labels
from metrascope.messages import row_numbers_text


def read(folder: Path, columns: str, *rows: str, label: str = "") -> Labels:
    path = folder / "labels.csv"
    lines = [f"检查号,{columns}", *(f"US{n},{row}" for n, row in enumerate(rows))]
    path.write_text("\n".join(lines), encoding="utf-8")
    labels = read_labels(path, {"label": label} if label else {})
    return decided(labels, read_decisions(folder))


def classes(labels: Labels) -> list[str]:
    reasons = [row.reason.key.partition(".")[2] if row.reason else "" for row in labels.rows]
    return [row.values["label"] or why for row, why in zip(labels.rows, reasons, strict=True)]


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ("normal,内膜息肉", "columns_differ"),
        ("息肉,正常子宫内膜", "columns_differ"),
        ("polyp,增生期子宫内膜", "columns_differ"),
        ("polyp,黏膜下肌瘤", "columns_differ"),
        ("polyp,子宫内膜癌", "columns_differ"),
        ("polyp,未见息肉", "columns_differ"),
        ("normal,可疑癌变", "columns_differ"),
        ("polyp,内膜息肉", "polyp"),
        ("polyp,", "polyp"),
        ("polyp,息肉待查", "polyp"),
        ("polyp,慢性炎", "polyp"),
        ("normal,萎缩性子宫内膜", "normal"),
        ("fibroid,子宫平滑肌瘤", "fibroid"),
        ("息肉待查,内膜息肉", "doubtful"),
        (",内膜息肉", "empty"),
    ],
)
def test_a_second_column_contradicts_or_does_not(tmp_path: Path, row: str, label: str) -> None:
    table = read(tmp_path, "类别,病理诊断", row, "polyp,内膜息肉")
    assert classes(table) == [label, "polyp"]


@pytest.mark.parametrize(
    ("columns", "differs"),
    [
        ("病理诊断,宫腔镜诊断", True),
        ("病理诊断,诊断", True),
        ("病理诊断,超声诊断", False),  # what is tested is not what it is tested by
        ("病理诊断,临床诊断", False),
        ("病理诊断,备注", False),
        ("病理诊断,病理医生", False),
    ],
)
def test_columns_of_pathology_and_hysteroscopy_are_compared(
    tmp_path: Path, columns: str, differs: bool
) -> None:
    table = read(tmp_path, columns, "正常,内膜息肉")
    assert (classes(table) == ["columns_differ"]) is differs


def test_classes_of_another_study_are_not_compared_with_the_three(tmp_path: Path) -> None:
    rows = ("benign,内膜息肉", "malignant,正常子宫内膜")
    table = read(tmp_path, "类别,病理诊断", *rows, label="类别")
    assert classes(table) == ["benign", "malignant"]


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("分组", "训练组", "测试组"),
        ("类别", "住院", "门诊"),
        ("分类", "4A", "3"),
        ("label", "0", "1"),
        ("类别", "benign", "malignant"),
    ],
)
def test_a_column_of_other_classes_is_not_taken_before_the_diagnosis(
    tmp_path: Path, column: str, first: str, second: str
) -> None:
    rows = (f"{first},内膜息肉", f"{second},正常子宫内膜")
    with pytest.raises(DataError, match="--column label=病理诊断"):
        read(tmp_path, f"{column},病理诊断", *rows)
    assert classes(read(tmp_path, f"{column},病理诊断", *rows, label="病理诊断")) == [
        "polyp",
        "normal",
    ]


def test_a_person_decides_in_the_list_and_is_read_back(tmp_path: Path) -> None:
    rows = ("normal,内膜息肉", "normal,内膜息肉", "polyp,内膜息肉")
    table = read(tmp_path, "类别,病理诊断", *rows)
    listed = write_diagnoses(tmp_path, table, [], {})
    assert listed.undecided == 1
    with (tmp_path / "diagnoses.csv").open(encoding="utf-8-sig", newline="") as file:
        first, *others = list(csv.DictReader(file))
    assert first["diagnosis"] == "类别 = normal; 病理诊断 = 内膜息肉"
    assert (first["column"], first["rows"], first["class"]) == ("类别, 病理诊断", "2", "")
    (notice,) = [n for n in diagnosis_notices(listed, table, []) if n.code == "columns_differ"]
    assert "in 2 rows (类别, 病理诊断)" in notice.text("en")
    with (tmp_path / "diagnoses.csv").open("w", encoding="gb18030", newline="") as file:
        writer = csv.DictWriter(file, list(first), delimiter=";")
        writer.writeheader()
        writer.writerows([first | {"decision": "息肉"}, *others])
    for _ in range(2):
        table = read(tmp_path, "类别,病理诊断", *rows)
        assert classes(table) == ["polyp", "polyp", "polyp"]
        listed = write_diagnoses(tmp_path, table, [], read_decisions(tmp_path))
        assert listed.undecided == 0
        assert "columns_differ" not in {n.code for n in diagnosis_notices(listed, table, [])}


def test_a_decision_about_one_columns_text_does_not_settle_the_other(tmp_path: Path) -> None:
    rows = ("子宫肌瘤,正常子宫内膜", "子宫肌瘤,黏膜下肌瘤")
    (tmp_path / "diagnoses.csv").write_text(
        "diagnosis,decision\n子宫肌瘤,fibroid\n", encoding="utf-8"
    )
    assert classes(read(tmp_path, "类别,病理诊断", *rows)) == ["columns_differ", "fibroid"]
    # Where it brings both columns together, nothing is left to decide.
    (tmp_path / "diagnoses.csv").write_text(
        "diagnosis,decision\n子宫肌瘤,normal\n", encoding="utf-8"
    )
    assert classes(read(tmp_path, "类别,病理诊断", *rows)) == ["normal", "columns_differ"]


def test_the_column_that_the_user_names_counts_and_that_is_said(tmp_path: Path) -> None:
    rows = ("normal,内膜息肉", "polyp,内膜息肉")
    table = read(tmp_path, "类别,病理诊断", *rows, label="病理诊断")
    assert classes(table) == ["polyp", "polyp"]
    listed = write_diagnoses(tmp_path, table, [], {})
    words = [notice.text("en") for notice in diagnosis_notices(listed, table, [])]
    assert any("In 1 row" in sentence and "rows 2" in sentence for sentence in words)


def test_the_reason_names_columns_and_texts_in_the_private_lists_only(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "类别,病理诊断", "normal,内膜息肉").rows
    assert row.reason is not None
    why = Rejection(row.reason.key, row.reason.values)
    assert "类别 = normal; 病理诊断 = 内膜息肉" in explain_in_full(why, "zh")
    assert "内膜息肉" not in explain(why, "zh")


def test_what_is_wrong_with_the_table_is_among_the_sentences(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("检查号,病理诊断\nUS1,正常\n合计,2\n", encoding="utf-8")
    table = decided(read_labels(path), {})
    notices = diagnosis_notices(write_diagnoses(tmp_path, table, [], {}), table, [])
    assert "notes" in {notice.code for notice in notices}


def test_unused_columns_are_named(tmp_path: Path) -> None:
    table = read(tmp_path, "检查日期,病理诊断,备注,宫腔镜诊断", "20240101,正常,x,")
    notice = diagnosis_notices(write_diagnoses(tmp_path, table, [], {}), table, [])[0]
    words = notice.text("en")
    assert "accession number = 检查号; diagnosis = 病理诊断; only compared = 宫腔镜诊断" in words
    assert "Not used: 检查日期, 备注." in words


@pytest.mark.parametrize(
    "codes",
    [
        ["1", "0", "1"], ["True", "False", "TRUE"], ["1.0", "2.0"], ["A", "B"], ["是", "否"],
        ["阳性", "阴性"], ["类别1", "类别2"], ["I", "II"], ["√", "x"], ["1", "0", "polyp"],
    ],
)  # fmt: skip
def test_bare_codes_are_no_diagnoses_and_the_setting_is_shown(
    tmp_path: Path, codes: list[str]
) -> None:
    table = read(tmp_path, "类别", *codes)
    assert {c for c in classes(table) if c != "polyp"} == {"code"}
    listed = write_diagnoses(tmp_path, table, [], {})
    (notice,) = [n for n in diagnosis_notices(listed, table, []) if n.code == "codes"]
    first = sorted(set(codes) - {"polyp"})[0]
    assert f'--set \'labels={{"{first}"="normal"' in notice.text("en")
    given = read_labels(tmp_path / "labels.csv", {}, dict.fromkeys(codes, "fibroid"))
    assert set(classes(given)) == {"fibroid"}


def test_rows_are_shown_in_runs() -> None:
    assert row_numbers_text([2, 7, 5, 6]) == "2, 5-7"
    assert row_numbers_text(range(2, 200, 2)).endswith("24 … (+87)")
