"""An image finds its row of the labels by any key, and nothing is guessed."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from metrascope.errors import DataError, SettingsError
from metrascope.labels.labels import Keys, LabelRow, Labels, read_labels
from metrascope.messages import Reason

HEADER = "file_name,SOPInstanceUID,StudyInstanceUID,accession,patient_id,name,label"


def written(path: Path, lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(lines.encode(encoding))
    return path


def labels(tmp_path: Path, *lines: str, **options: object) -> Labels:
    return read_labels(written(tmp_path / "labels.csv", "\n".join(lines) + "\n"), **options)  # type: ignore[arg-type]


def row_of(found: LabelRow | Reason) -> str:
    """Return the number of the row in the table, or the key of the reason."""
    return found.key if isinstance(found, Reason) else found.values["row"]


@pytest.mark.parametrize(
    "keys",
    [
        Keys(file_name="ward/a/1.png"),
        Keys(file_name="exam.zip!/a/1.PNG"),
        Keys(sop_uid="1.2.3"),
        Keys(study_uid="1.2"),
        Keys(accession="us 001"),
        Keys(accession="US001"),
        Keys(patient_id="P7"),
        Keys(name="王^丽"),
        Keys(name="Wang^Li=王丽"),
        Keys(file_name="20240312_US001_x/9.png"),
        Keys(file_name="王丽/9.png"),
    ],
)
def test_every_key_leads_to_the_row(tmp_path: Path, keys: Keys) -> None:
    table = labels(
        tmp_path,
        HEADER,
        "a/2.png,1.2.4,1.3,US002,P8,Zhao Yi,normal",
        "a/1.png,1.2.3,1.2,US001,P7,王丽,polyp",
        "b/1.png,1.2.5,1.4,US003,P9,Wang Lihua,polyp",
    )
    assert row_of(table.match(keys)) == "3"


@pytest.mark.parametrize(
    ("role", "remarks"),
    [
        ("patient_id", ("随访", "随访", "复查", "随访", "")),
        ("patient_id", ("已电话通知患者", "术后3月，无特殊", "建议 半年后复查；已告知", "M1", "")),
        ("accession", ("随访", "随访", "随访", "", "")),
        ("name", ("已电话通知患者，未回复", "失访，未联系上", "内膜厚，建议复查", "王丽", "")),
        (
            "patient_id",
            (
                "patient could not be reached again",
                "asked to come back in spring",
                "",
                "moved to another town last year",
                "",
            ),
        ),
    ],
)
def test_remarks_are_no_numbers_and_no_names(
    tmp_path: Path, role: str, remarks: Sequence[str]
) -> None:
    names = ("王丽", "李红", "Zhao Yi", "Chen Er", "")
    lines = [f"M{n},US{n},{names[n]},{said},息肉" for n, said in enumerate(remarks)]
    table = ("病历号,检查号,姓名,备注,病理诊断", *lines)
    with pytest.raises(DataError, match=f"--column {role}=NAME") as error:
        labels(tmp_path, *table, columns={role: "备注"})
    assert remarks[0] in str(error.value)
    assert len(labels(tmp_path, *table).rows) == len(remarks)
    assert len(labels(tmp_path, *table, columns={role: ""}).rows) == len(remarks)


@pytest.mark.parametrize(
    "numbers",
    [
        ("王丽", "阿依古丽·买买提", "李红", "赵一"),  # some tables number patients by their names
        ("a1b-cd2-ef3-gh4-ij5", "住院 00123", "门诊2024第17号", "P 1"),
        ("WANG LI", "P1", "P1", "P1"),  # a slip of the pen is no column of remarks
    ],
)
def test_numbers_of_any_kind_are_numbers(tmp_path: Path, numbers: Sequence[str]) -> None:
    names = ("王丽", "李红", "李红", "赵一")
    lines = [f"{numbers[n]},{names[n]},息肉" for n in range(4)]
    assert len(labels(tmp_path, "病历号,姓名,病理诊断", *lines).rows) == 4


def test_long_names_without_the_point_are_names(tmp_path: Path) -> None:
    names = ("阿依古丽买买提", "古丽巴哈尔阿卜杜热合曼", "帕提古丽吐尔逊", "王小红")
    lines = [f"H900{n},{name},息肉" for n, name in enumerate(names)]
    table = labels(tmp_path, "病历号,姓名,病理诊断", *lines)
    assert [row_of(table.match(Keys(name=name))) for name in names] == ["2", "3", "4", "5"]


def test_latin_names_match_in_any_order_and_not_in_part(tmp_path: Path) -> None:
    table = labels(tmp_path, "name,label", "LI WANG,polyp", "Lian,normal")
    assert row_of(table.match(Keys(name="Wang^Li"))) == "2"
    assert row_of(table.match(Keys(name="Li^An"))) == "labels.no_row"


def test_a_file_without_a_row_is_told(tmp_path: Path) -> None:
    table = labels(tmp_path, "file_name,label", "a.png,normal", "b.png,polyp")
    assert row_of(table.match(Keys(file_name="c.png", patient_id="P1"))) == "labels.no_row"


def test_keys_that_point_to_different_rows_are_a_conflict(tmp_path: Path) -> None:
    table = labels(tmp_path, "accession,patient_id,label", "US1001,P1,normal", "US1002,P2,polyp")
    found = table.match(Keys(accession="US1001", patient_id="P2"))
    assert isinstance(found, Reason)
    assert found.key == "labels.conflict"
    assert found.values == {"first": "accession", "second": "patient_id"}
    # No identifier may stand in a reason: reasons are written into the data set.
    assert "US1001" not in found.text()


def test_rows_of_one_patient_must_agree(tmp_path: Path) -> None:
    table = labels(
        tmp_path,
        "patient_id,accession,label",
        "P1,US1001,normal",
        "P1,US1002,normal",
        "P2,US2001,normal",
        "P2,US2002,polyp",
    )
    assert row_of(table.match(Keys(patient_id="P1"))) == "2"
    assert row_of(table.match(Keys(patient_id="P2"))) == "labels.rows_differ"
    assert row_of(table.match(Keys(patient_id="P2", accession="US2002"))) == "5"


def test_a_name_alone_is_enough_for_one_patient_only(tmp_path: Path) -> None:
    table = labels(
        tmp_path, "姓名,登记号,诊断", "张三,0101,正常", "李四,0102,内膜息肉", "李四,0103,正常"
    )
    assert row_of(table.match(Keys(name="张^三"))) == "2"
    assert row_of(table.match(Keys(name="李四"))) == "labels.several_patients"
    assert row_of(table.match(Keys(name="张三", patient_id="0999"))) == "labels.name_only"
    known = table.knowing([Keys(name="张三", patient_id="1"), Keys(name="张三", patient_id="2")])
    assert row_of(known.match(Keys(name="张三"))) == "labels.name_only"


def test_masked_names_and_placeholders_match_nobody(tmp_path: Path) -> None:
    table = labels(tmp_path, "name,patient_id,label", "张*,unknown,normal", "anonymous,P2,polyp")
    for keys in (Keys(name="张*"), Keys(name="Anonymous"), Keys(patient_id="UNKNOWN")):
        assert row_of(table.match(keys)) == "labels.no_row"


def test_zeros_that_a_spreadsheet_lost_do_not_matter_unless_they_tell(tmp_path: Path) -> None:
    table = labels(tmp_path, "patient_id,label", "123,normal", "0456,polyp", "00456,normal")
    assert row_of(table.match(Keys(patient_id="000123"))) == "2"
    assert row_of(table.match(Keys(patient_id="0456"))) == "3"
    assert row_of(table.match(Keys(patient_id="456"))) == "labels.no_row"
    known = table.knowing([Keys(patient_id="0123"), Keys(patient_id="00123")])
    assert row_of(known.match(Keys(patient_id="0123"))) == "labels.no_row"


def test_a_file_name_in_two_folders_is_no_key(tmp_path: Path) -> None:
    table = labels(tmp_path, "file_name,label", "1.png,normal", "2.png,polyp")
    both = [Keys(file_name="a/1.png"), Keys(file_name="b/1.png"), Keys(file_name="a/2.png")]
    known = table.knowing(both)
    assert [row_of(known.match(keys)) for keys in both] == ["labels.crowded", "labels.crowded", "3"]


CHINESE = (
    "姓名,检查号,病历号,年龄,病理\n王丽,US20030401,0001234,45岁,子宫内膜息肉\n赵敏,US2,88,91,正常\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_tables_are_read_in_every_encoding_of_excel(tmp_path: Path, encoding: str) -> None:
    table = read_labels(written(tmp_path / "labels.csv", CHINESE, encoding))
    assert table.columns["name"] == ("姓名",)
    assert table.columns["accession"] == ("检查号",)
    assert table.columns["patient_id"] == ("病历号",)
    first, second = table.rows
    assert (first.values["label"], first.values["age"]) == ("polyp", "45")
    assert (second.values["label"], second.values["age"]) == ("normal", "90")
    assert row_of(table.match(Keys(accession="US20030401", name="王丽"))) == "2"


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def test_workbooks_are_read_where_their_table_is(tmp_path: Path) -> None:
    rows = [
        ["某医院病理登记表", None, None],
        [None, None, None],
        ["登记号", "姓名", "病理诊断"],
        [123.0, " 张三 ", "粘膜下肌瘤"],
        [None, None, None],
        ["=\"0042\"", "李四", "正常"],
    ]  # fmt: skip
    path = workbook(tmp_path / "labels.xlsx", {"说明": [["见第二页"]], "结果": rows})
    table = read_labels(path)
    assert [row.values["row"] for row in table.rows][:1] == ["4"]
    assert [row.values["label"] for row in table.rows] == ["fibroid", "normal"]
    assert row_of(table.match(Keys(patient_id="123"))) == "4"
    assert row_of(table.match(Keys(name="李四"))) == "6"


def test_merged_cells_and_number_formats_of_excel_count(tmp_path: Path) -> None:
    path = tmp_path / "labels.xlsx"
    workbook(
        path,
        {"a": [["patient_id", "accession", "label"], [7, "A1", "polyp"], [None, "A2", "polyp"]]},
    )
    book = openpyxl.load_workbook(path)
    book["a"].merge_cells("A2:A3")
    book["a"]["A2"].number_format = "000000"
    book.save(path)
    table = read_labels(path)
    assert [row.values["patient_id"] for row in table.rows] == ["000007", "000007"]


def test_what_has_no_class_says_why(tmp_path: Path) -> None:
    diagnoses = {
        "子宫内膜息肉": "polyp",
        "黏膜下肌瘤": "fibroid",
        "未见异常": "normal",
        "": "labels.empty",
        "息肉可能": "labels.doubtful",
        "宫颈息肉": "labels.elsewhere",
        "内膜癌伴息肉": "labels.other_lesion",
        "多发子宫肌瘤可能性大，肌壁间": "labels.elsewhere",
        "子宫内膜增生": "labels.no_class",
    }
    lines = [f"P{number},{diagnosis}" for number, diagnosis in enumerate(diagnoses)]
    table = labels(tmp_path, "patient_id,病理", *lines)
    found = [row.reason.key if row.reason else row.values["label"] for row in table.rows]
    assert dict(zip(diagnoses, found, strict=True)) == diagnoses


def test_classes_that_the_user_gives_add_to_the_reading(tmp_path: Path) -> None:
    lines = ("patient_id,label", "P1,ｃ", "P2,子宫肌瘤", "P3,x", "P4,polyp")
    table = labels(tmp_path, *lines, classes={"C": "normal", "子宫肌瘤": "fibroid", "X": ""})
    found = [row.reason.key if row.reason else row.values["label"] for row in table.rows]
    assert found == ["normal", "fibroid", "labels.left_out", "polyp"]


def test_columns_that_are_named_go_before_those_that_are_recognized(tmp_path: Path) -> None:
    lines = ("code,patient_id,结论,label", "A77,P1,息肉,x")
    table = labels(tmp_path, *lines, columns={"patient_id": "code", "label": "结论"})
    assert row_of(table.match(Keys(patient_id="A77"))) == "2"
    assert table.rows[0].values["label"] == "polyp"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"file_name,label\n", "no rows"),
        (b"foo,bar\n1,2\n", "--column label=NAME"),
        (b"foo,label\n1,polyp\n", "patient_id, accession"),
        (b"file_name,label,diagnosis\na,b,c,d\n", "4 cells"),
        (b"%PDF-1.7\n1 0 obj\n<<>>\n", "is a PDF file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is a PNG file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
        (b"PK\x03\x04 damaged", "save it again"),
        (b"\xff\xff\xff\xff\x81", "UTF-8"),
    ],
)
def test_bad_tables_are_refused_in_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "labels.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read_labels(path)
    assert words in str(error.value)
    assert path.name in str(error.value)


def test_a_table_that_is_not_there_and_an_unknown_role_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give a CSV"):
        read_labels(tmp_path / "nowhere.csv")
    with pytest.raises(SettingsError, match="doctor is no role"):
        labels(tmp_path, "patient_id,label", "1,polyp", columns={"doctor": "label"})


def test_separators_quotes_and_lines_within_cells_are_read(tmp_path: Path) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerows([["patient_id", "病理"], ["P1", "子宫内膜息肉; \n送检组织"], ["P2", "正常"]])
    table = read_labels(written(tmp_path / "labels.csv", buffer.getvalue()))
    assert [row.values["label"] for row in table.rows] == ["polyp", "normal"]


def test_a_line_of_totals_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("检查号,病理诊断,备注\nUS1,息肉,\n,,合计：1例\n", encoding="utf-8")
    assert [row.values["row"] for row in read_labels(path).rows] == ["2"]


def test_the_count_of_a_total_is_no_number_of_a_patient(tmp_path: Path) -> None:
    table = labels(
        tmp_path, "检查号,姓名,病理诊断", "US1,王丽,息肉", "US2,五月,正常", "22,合计,", "22,总计,"
    )
    assert [row.values["name"] for row in table.rows] == ["王丽", "五月"]


def test_a_romanized_name_is_no_name_of_the_table_and_that_is_said(tmp_path: Path) -> None:
    table = labels(tmp_path, "姓名,登记号,诊断", "王丽,0101,正常", "王莉,0102,内膜息肉")
    assert row_of(table.match(Keys(name="WANG^LI"))) == "labels.other_script"
    assert row_of(table.match(Keys(name="WANG^LI", patient_id="0999"))) == "labels.other_script"
    assert row_of(table.match(Keys(name="WANG^LI=王^莉"))) == "3"
    assert row_of(table.match(Keys(name="WANG^LI", patient_id="0101"))) == "2"
    assert row_of(table.match(Keys(name="赵敏"))) == "labels.no_row"
    latin = labels(tmp_path, "name,label", "Wang Li,normal")
    assert row_of(latin.match(Keys(name="王丽"))) == "labels.other_script"


def test_notes_totals_and_headings_are_no_patients(tmp_path: Path) -> None:
    table = labels(
        tmp_path,
        "检查号,姓名,病理诊断",
        "一月,,",
        "US1,王丽,内膜息肉",
        "检查号,姓名,病理诊断",
        "US2,李娜,正常",
        "小计,2,",
        ",,子宫内膜癌",
        "注：息肉均经病理证实,,12",
    )
    assert [row.values["row"] for row in table.rows] == ["3", "5", "7"]
    said = {notice.code: notice.values["rows"] for notice in table.notices}
    assert said == {"notes": "2, 4, 6, 8", "of_nobody": "7"}


@pytest.mark.parametrize("name", ["王计", "何月", "马平均", "Total-Lee"])
def test_names_that_begin_like_notes_are_names(tmp_path: Path, name: str) -> None:
    table = labels(tmp_path, "姓名,病理诊断", f"{name},内膜息肉", "王丽,正常")
    assert len(table.rows) == 2


@pytest.mark.parametrize(
    "header",
    ["1.检查号,2.姓名,3.病理诊断", "檢查號,年齡,病理診斷", "*检查号,姓名▼,病理诊断（必填）"],
)
def test_headers_are_known_however_they_are_decorated(tmp_path: Path, header: str) -> None:
    table = labels(tmp_path, header, "US1,45,内膜息肉")
    assert {"accession", "label"} <= table.columns.keys()


@pytest.mark.parametrize(("age", "years"), [("122岁", "90"), ("145", ""), ("45", "45")])
def test_ages_that_nobody_has_are_none(tmp_path: Path, age: str, years: str) -> None:
    assert labels(tmp_path, "检查号,年龄,label", f"US1,{age},polyp").rows[0].values["age"] == years


def test_signs_that_nobody_sees_do_not_count(tmp_path: Path) -> None:
    table = labels(tmp_path, "检查号,病理诊断", "US\u200b1\u202c,内膜\ufeff息\u00ad肉", "US2,正常")
    assert table.rows[0].values["label"] == "polyp"
    assert row_of(table.match(Keys(accession="US1"))) == "2"
