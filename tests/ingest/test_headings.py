"""The private lists speak the language of the run, and are read back in either."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from metrascope.errors import DataError
from metrascope.ingest.catalog import Catalog, write_private
from metrascope.ingest.decisions import DIAGNOSIS_COLUMNS, decided, read_decisions
from metrascope.ingest.diagnoses import DiagnosisList, write_diagnoses
from metrascope.ingest.headings import heading_names, headings
from metrascope.ingest.journal import Record, Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.labels import Labels, read_labels
from metrascope.messages import language, set_language

NEEDED = ("diagnosis", "decision")


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    before = language()
    yield
    set_language(before)


@pytest.fixture
def labels(tmp_path: Path) -> Labels:
    path = tmp_path / "labels.csv"
    rows = "US1,子宫肌瘤\nUS2,子宫内膜息肉\nUS3,增生期子宫内膜\n"
    path.write_text(f"检查号,病理诊断\n{rows}", encoding="utf-8")
    return read_labels(path)


def run(folder: Path, labels: Labels, lang: str) -> tuple[list[str], DiagnosisList]:
    set_language(lang)
    decisions = read_decisions(folder)
    settled = decided(labels, decisions)
    listed = write_diagnoses(folder, settled, [], decisions)
    return [row.values["label"] for row in settled.rows], listed


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def decide(path: Path, diagnosis: str, decision: str) -> None:
    header, *rows = cells(path)
    at = heading_names(header, DIAGNOSIS_COLUMNS, NEEDED)
    for row in rows:
        if row[at.index("diagnosis")] == diagnosis:
            row[at.index("decision")] = decision
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_a_chinese_department_sees_no_english_in_the_list_that_it_fills_in(
    tmp_path: Path, labels: Labels
) -> None:
    run(tmp_path, labels, "zh")
    for name in ("diagnoses.csv", "columns.csv"):
        header, *rows = cells(tmp_path / name)
        assert not re.search("[a-z]{3}", "".join(header).replace("--column", ""))
        if name == "diagnoses.csv":
            assert not re.search("[a-z]{3}", "".join(map("".join, rows)))


@pytest.mark.parametrize("first", ["en", "zh"])
@pytest.mark.parametrize("second", ["en", "zh"])
def test_decisions_in_a_list_of_either_language_are_taken(
    tmp_path: Path, labels: Labels, first: str, second: str
) -> None:
    run(tmp_path, labels, first)
    decide(tmp_path / "diagnoses.csv", "子宫肌瘤", "黏膜下肌瘤")
    classes, listed = run(tmp_path, labels, second)
    assert classes == ["fibroid", "polyp", "normal"]
    assert (listed.taken, listed.fresh) == (1, 1)
    for lang in (first, second, first):
        classes, listed = run(tmp_path, labels, lang)
        assert classes == ["fibroid", "polyp", "normal"]
        assert (listed.taken, listed.fresh) == (1, 0)  # the same, not new
    assert cells(tmp_path / "diagnoses.csv")[0] == headings(DIAGNOSIS_COLUMNS, first)


def test_a_workbook_of_either_language_is_taken_and_is_new_once(
    tmp_path: Path, labels: Labels
) -> None:
    run(tmp_path, labels, "zh")
    decide(tmp_path / "diagnoses.csv", "子宫肌瘤", "不用")
    with (tmp_path / "diagnoses.csv").open(encoding="gb18030", newline="") as file:
        rows = list(csv.reader(file))
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "diagnoses.xlsx")
    (tmp_path / "diagnoses.csv").unlink()
    for fresh in (1, 0):
        classes, listed = run(tmp_path, labels, "en")
        assert classes == ["", "polyp", "normal"]
        assert (listed.taken, listed.fresh) == (1, fresh)


def test_a_persons_own_columns_stay_and_are_not_mistaken_for_ours(
    tmp_path: Path, labels: Labels
) -> None:
    run(tmp_path, labels, "zh")
    path = tmp_path / "diagnoses.csv"
    header, *rows = cells(path)
    rows = [[*row, "王医生", f"note {number}"] for number, row in enumerate(rows)]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([[*header, "核对者", "class"], *rows])
    for lang in ("zh", "en", "en", "zh"):
        classes, _ = run(tmp_path, labels, lang)
        assert classes == ["", "polyp", "normal"]
        header, *rows = cells(path)
        assert header == [*headings(DIAGNOSIS_COLUMNS), "核对者", "class"]
        assert sorted(row[-2:] for row in rows) == [["王医生", f"note {n}"] for n in range(3)]


def test_headings_of_an_earlier_version_are_ours(tmp_path: Path, labels: Labels) -> None:
    run(tmp_path, labels, "zh")
    path = tmp_path / "diagnoses.csv"
    content = path.read_text(encoding="utf-8-sig")
    for now, then in (
        ("本次表格行数", "表格行数"),
        ("各月文件总数", "文件数"),
        ("各月图像总数", "图像数"),
        (",其他列的不同内容", ""),
    ):
        content = content.replace(now, then, 1)
    lines = content.splitlines()
    path.write_text(
        "\n".join([lines[0], *(line.rpartition(",")[0] for line in lines[1:])]) + "\n", "utf-8-sig"
    )
    run(tmp_path, labels, "zh")
    assert cells(path)[0] == headings(DIAGNOSIS_COLUMNS)


def test_a_class_written_into_the_wrong_column_is_refused_in_chinese_too(
    tmp_path: Path, labels: Labels
) -> None:
    run(tmp_path, labels, "zh")
    path = tmp_path / "diagnoses.csv"
    header, *rows = cells(path)
    for row in rows:
        row[header.index("当前类别")] = "子宫内膜息肉"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    with pytest.raises(DataError, match="您的决定"):
        run(tmp_path, labels, "zh")


def test_a_decision_that_is_no_class_names_the_diagnosis_and_the_classes(
    tmp_path: Path, labels: Labels
) -> None:
    run(tmp_path, labels, "zh")
    decide(tmp_path / "diagnoses.csv", "子宫肌瘤", "肌溜")
    with pytest.raises(DataError) as error:
        run(tmp_path, labels, "zh")
    sentence = str(error.value)
    assert "“子宫肌瘤”" in sentence
    assert "正常（normal）、黏膜下肌瘤（fibroid）、子宫内膜息肉（polyp）" in sentence


def test_what_waits_of_an_earlier_table_keeps_its_reason_also_without_the_list(
    tmp_path: Path, labels: Labels
) -> None:
    why = Rejection("labels.unplaced", {"row": 2, "diagnosis": "多发肌瘤", "read": ""})
    record = Record("a.dcm", "1", sha256="a", rejections=(why,))
    for lang, words in (
        ("zh", "未说明部位的肌瘤（不在本次标签表中）"),
        ("en", "not in these labels"),
    ):
        set_language(lang)
        decisions = read_decisions(tmp_path)
        listed = write_diagnoses(tmp_path, decided(labels, decisions), [record], decisions)
        header, *rows = cells(tmp_path / "diagnoses.csv")
        at = heading_names(header, DIAGNOSIS_COLUMNS, NEEDED)
        (row,) = [row for row in rows if row[at.index("diagnosis")] == "多发肌瘤"]
        assert words in row[at.index("reason")]
        assert listed.waiting == 1
        if lang == "zh":
            (tmp_path / "diagnoses.csv").unlink()


def test_links_and_unmatched_rows_are_in_the_language_of_the_run(
    tmp_path: Path, labels: Labels
) -> None:
    set_language("zh")
    write_private(Catalog((), (), ()), tmp_path, Pseudonyms(b"s" * 32), labels)
    for name in ("links.csv", "unmatched.csv", "codes.csv"):
        header = "".join(cells(tmp_path / name)[0])
        assert not re.search("[a-z]{3}", header.replace("manifest.csv", ""))


def test_english_headings_are_those_of_every_version() -> None:
    assert headings(DIAGNOSIS_COLUMNS, "en") == list(DIAGNOSIS_COLUMNS)
