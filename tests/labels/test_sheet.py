"""Tables of hospitals: which separator, which cells, and what a spreadsheet has lost."""

import datetime
import resource
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from metrascope.errors import DataError
from metrascope.labels.labels import read_labels
from metrascope.labels.sheet import read_sheet


def sheet(path: Path, content: str, named: dict[str, str] | None = None) -> list[tuple[str, ...]]:
    path.write_text(content, encoding="utf-8")
    return list(read_sheet(path, named or {}).rows.values())


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("检查号,病理诊断\nU1,息肉;慢性炎;良性\nU2,正常;分泌期;\n", ["U1", "息肉;慢性炎;良性"]),
        ("检查号,病理诊断\nU1,息肉|慢性炎|x\nU2,正常|分泌期|\n", ["U1", "息肉|慢性炎|x"]),
        ("检查号;病理诊断\nU1;polyp, 12 mm, x\nU2;normal, x\n", ["U1", "polyp, 12 mm, x"]),
        ("检查号\t病理诊断\nU1\tpolyp, 12 mm, a\nU2\tnormal; c; d\n", ["U1", "polyp, 12 mm, a"]),
        ("检查号|病理诊断\nU1|polyp, a; b\nU2|normal, x\n", ["U1", "polyp, a; b"]),
        ('检查号;病理诊断\nU1;"polyp; a, b"\nU2;normal, x\n', ["U1", "polyp; a, b"]),
        ("某院；病理，登记;表,一,二\n检查号;病理诊断\nU1;a, b, c\nU2;d\n", ["U1", "a, b, c"]),
    ],
)  # fmt: skip
def test_the_separator_is_that_of_the_header(tmp_path: Path, content: str, rows: list[str]) -> None:
    assert list(sheet(tmp_path / "t.csv", content)[0]) == rows


def test_columns_that_only_the_user_knows_tell_the_separator(tmp_path: Path) -> None:
    content = "no;text\n1;polyp, a, b\n2;normal, c\n"
    named = {"accession": "no", "label": "text"}
    assert sheet(tmp_path / "t.csv", content, named)[0] == ("1", "polyp, a, b")
    assert sheet(tmp_path / "t.csv", content)[0] == ("1", "polyp, a, b")  # by widths alone


def book(path: Path, rows: list[list[object]], merged: tuple[str, ...] = ()) -> Path:
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    for row in rows:
        page.append(row)
    for block in merged:
        page.merge_cells(block)
    made.save(path)
    return path


HEADER: list[object] = ["accession", "label", "age"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([HEADER, ["U1", '=IF(1=1,"polyp","")', 1], ["U2", "=B2", 1]], "cells B2, B3 are formulas"),
        ([HEADER, ["=A1&1", "=B1", "=C1"]], "cells A2, B2, C2 are formulas"),
        ([["accession", '="la"&"bel"', "age"], ["U1", "polyp", 4]], "cells B1 are formulas"),
        ([HEADER, ["U1", "#N/A", 1], ["U2", "polyp", 1]], "cells B2 show an error"),
        ([HEADER, ["#REF!", "polyp", 1]], "cells A2 show an error"),
        ([HEADER, ["U1", "polyp", 1], [datetime.datetime(2024, 3, 12), "x", 1]], "cells A3 should"),
        ([HEADER, [1.23456789012345e17, "polyp", 1]], "cells A2 are identifiers"),
        ([HEADER, [123456789012345000, "polyp", 1]], "cells A2 are identifiers"),
    ],
)
def test_cells_that_the_workbook_lacks_are_named(
    tmp_path: Path, rows: list[list[object]], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        read_sheet(book(tmp_path / "t.xlsx", rows), {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("accession,label\n2.02312E+11,polyp\n", "cells A2 are identifiers"),
        ("name,住院号,label\n王丽,7,polyp\n李娜,1E+12,normal\n", "cells B3 are identifiers"),
        ("accession,label\n####,polyp\n", "cells A2 show an error"),
        ("accession,label\nU1,#VALUE!\n", "cells B2 show an error"),
        ("accession,label\n3月12日,polyp\n12-Mar,polyp\n", "cells A2, A3 should be identifiers"),
        ("accession,label\n" + "1E+12,x\n" * 9, r"A2, A3, A4, A5, A6 … \(\+4\)"),
    ],
)
def test_cells_that_a_text_file_lacks_are_named(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        sheet(tmp_path / "t.csv", content)


def test_what_decides_nothing_may_be_lost(tmp_path: Path) -> None:
    rows = [[*HEADER, "note"], ["12E10", "1E+05", "#N/A", "=A1"], ["U2", "3月12日", 4, "#REF!"]]
    path = book(tmp_path / "t.xlsx", rows)  # type: ignore[arg-type]
    found = read_sheet(path, {}).rows
    assert found == {2: ("12E10", "1E+05", "", ""), 3: ("U2", "3月12日", "4", "")}


def test_results_that_are_stored_count_also_when_they_are_empty(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, ["U1", "polyp", 1], ["U2", "x", 2], ["U3", "y", 3]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    text = parts[name].decode()
    for reference, formula, stored in (("B3", "A3", "normal"), ("B4", "A4", "")):
        start = text.index(f'<c r="{reference}"')
        end = text.index("</c>", start) + 4
        cell = f'<c r="{reference}" t="str"><f>{formula}</f><v>{stored}</v></c>'
        text = text[:start] + cell + text[end:]
    parts[name] = text.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert [row[1] for row in read_sheet(path, {}).rows.values()] == ["polyp", "normal", ""]


def test_a_formula_that_only_keeps_zeros_is_its_text(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, ['="0042"', "polyp", 1]])
    assert read_sheet(path, {}).rows[2][0] == "0042"


def test_merged_blocks_fill_the_rows_that_there_are(tmp_path: Path) -> None:
    rows = [["某院登记表", None, None], HEADER, ["U1", "polyp", 1], [None, None, 2], ["U3", "x", 3]]
    path = book(tmp_path / "t.xlsx", rows, ("A1:C1", "A3:A4", "B3:B4"))  # type: ignore[arg-type]
    found = read_sheet(path, {}).rows
    assert found == {3: ("U1", "polyp", "1"), 4: ("U1", "polyp", "2"), 5: ("U3", "x", "3")}


def test_merged_columns_of_a_whole_sheet_take_no_memory(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, ["U1", "polyp", 1]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    blocks = "".join(f'<mergeCell ref="{c}2:{c}1048576"/>' for c in "ABC")
    blocks += '<mergeCell ref="D1:XFD1048576"/>'
    merged = f"</sheetData><mergeCells>{blocks}</mergeCells>"
    parts[name] = parts[name].replace(b"</sheetData>", merged.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert read_sheet(path, {}).rows == {2: ("U1", "polyp", "1")}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # kB
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("content", ['accession,label\nU1,"normal\nU2,polyp\nU3,polyp\n'])
def test_a_quotation_mark_that_swallows_rows_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="row 2"):
        sheet(tmp_path / "t.csv", content)


@pytest.mark.parametrize("start", ["<html>", "\ufeff\n<!DOCTYPE html>", '<?xml version="1.0"?>'])
def test_a_web_page_that_is_called_xls_is_no_table(tmp_path: Path, start: str) -> None:
    path = tmp_path / "labels.xls"
    path.write_text(f"{start}<table><tr><td>检查号</td></tr></table>", encoding="utf-8")
    with pytest.raises(DataError, match="HTML"):
        read_sheet(path, {})


def test_hidden_rows_and_columns_are_there_and_known(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, *([f"U{n}", "polyp", n] for n in range(2, 8))])
    made = openpyxl.load_workbook(path)
    page = made.active
    assert page is not None
    page.row_dimensions[3].hidden = True
    page.row_dimensions.group(6, 6, hidden=True)
    page.column_dimensions["B"].hidden = True
    page.auto_filter.ref = "A1:C7"
    made.save(path)
    found = read_sheet(path, {})
    assert (found.hidden_rows, found.hidden_columns) == ({3, 6}, ("label",))
    assert len(found.rows) == 6
    notices = [notice.text("en") for notice in read_labels(path).notices]
    assert any("2 rows" in words and "(rows 3, 6)" in words for words in notices)
    assert any("(label)" in words for words in notices)
    assert not read_labels(book(path, [HEADER, ["U1", "polyp", 1]])).notices


def test_what_is_struck_out_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.append(HEADER)
    gone, kept = InlineFont(strike=True), InlineFont()
    corrected = CellRichText(TextBlock(gone, "polyp"), TextBlock(kept, " normal"))
    for row in (["U1", "polyp", 1], ["U2", "polyp", 2], ["U3", corrected, 3], ["U4", "polyp", 4]):
        page.append(row)
    page["B3"].font = Font(strike=True)
    page["A5"].font = page["C5"].font = Font(strike=True)
    made.save(path)
    labels = read_labels(path)
    assert [row.values["label"] for row in labels.rows] == ["polyp", "", "", "polyp"]
    assert [row.values["accession"] for row in labels.rows] == ["U1", "U2", "U3", ""]
    assert [row.reason and row.reason.key for row in labels.rows[1:3]] == ["labels.struck"] * 2
    assert {"~~polyp~~", "~~polyp~~ normal"} <= labels.diagnoses.keys()
    said = {notice.code: notice.values["rows"] for notice in labels.notices}
    assert said == {"struck_rows": "3-5", "of_nobody": "5"}


def test_rich_text_that_excel_shares_among_cells_is_struck_as_well(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, ["U1", "normal", 1], ["U2", "polyp", 2]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    types, page = "[Content_Types].xml", "xl/worksheets/sheet1.xml"
    parts[types] = parts[types].replace(b"</Types>", override.encode())
    runs = "<si><r><rPr><strike/></rPr><t>normal</t></r><r><t>polyp</t></r></si>"
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{space}">{runs}</sst>'.encode()
    inline = b't="inlineStr"><is><t>normal</t></is>'
    assert inline in parts[page]
    parts[page] = parts[page].replace(inline, b't="s"><v>0</v>')
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert [row[1] for row in read_sheet(path, {}).rows.values()] == ["~~normal~~polyp", "polyp"]


@pytest.mark.parametrize("sign", ["，", "；", "、", "\u3000"])
def test_full_width_separators_are_named(tmp_path: Path, sign: str) -> None:
    content = f"检查号{sign}病理诊断\nU1{sign}正常\n"
    with pytest.raises(DataError, match=f"separated by “{sign}”"):
        sheet(tmp_path / "t.csv", content)


def test_a_workbook_with_a_password_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(512) + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(DataError, match="password"):
        read_sheet(path, {})


def test_signs_that_xml_cannot_hold_are_no_words(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, ["U1", "polyp_x000D_", 1], ["U_x0002_", "x", 1]])
    assert [row[1] for row in read_sheet(path, {}).rows.values()] == ["polyp", "x"]


def test_of_two_rows_of_headings_the_one_that_tells_columns_apart_counts(tmp_path: Path) -> None:
    rows = [["患者", "病理", None], ["登记号", "诊断", "日期"], ["P1", "polyp", "x"]]
    path = book(tmp_path / "t.xlsx", rows, ("B1:C1",))  # type: ignore[arg-type]
    assert read_sheet(path, {}).header == ("登记号", "诊断", "日期")
    rows = [
        ["检查号", "姓名", "病理", None],
        [None, None, "诊断", "日期"],
        ["U1", "王丽", "x", "y"],
    ]
    path = book(tmp_path / "t.xlsx", rows, ("A1:A2", "B1:B2", "C1:D1"))  # type: ignore[arg-type]
    assert read_sheet(path, {}).header == ("检查号", "姓名", "诊断", "日期")


def test_the_sheet_with_diagnoses_is_read_and_not_the_one_with_most_columns(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [["检查号", "姓名", "年龄", "设备"], ["U1", "王丽", 45, "M"]])
    made = openpyxl.load_workbook(path)
    page = made.create_sheet("病理")
    for row in (["姓名", "病理诊断"], ["王丽", "内膜息肉"]):
        page.append(row)
    made.save(path)
    assert read_sheet(path, {}).name == "病理"


def test_numbers_are_those_that_the_spreadsheet_shows(tmp_path: Path) -> None:
    path = book(tmp_path / "t.xlsx", [HEADER, [123, "polyp", 1], [123, "polyp", 1]])
    made = openpyxl.load_workbook(path)
    page = made.active
    assert page is not None
    page["A2"].number_format, page["A3"].number_format = '"US"0000', "00000000"
    made.save(path)
    assert [row[0] for row in read_sheet(path, {}).rows.values()] == ["US0123", "00000123"]
