"""The Word document: the page's tables, whole, in one language, the same bytes twice."""

import io
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from docx import Document
from docx.document import Document as DocumentType
from docx.oxml.ns import qn
from docx.shared import Cm

from metrascope.messages import text
from metrascope.report.chapters import chapters
from metrascope.report.checklists import CHECKLISTS, checklist_table, fill_checklist
from metrascope.report.digest import digest
from metrascope.report.documents import write_documents
from metrascope.report.drawings import write_files
from metrascope.report.methods import paragraphs
from metrascope.report.word import WordDocument
from metrascope.report.word_content import report_document
from metrascope.results.estimate import Estimate
from metrascope.results.tables import comparison, per_class
from metrascope.study_folder.contents import read_study

from .evidence import whole_study
from .make import make_study


@pytest.fixture(scope="module", params=["en", "zh"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = whole_study(tmp_path_factory.mktemp("w") / request.param)
    content = read_study(folder)
    write_files(content, request.param)
    write_documents(content, request.param)
    return folder


def opened(folder: Path) -> DocumentType:
    return Document(str(folder / "report.docx"))


def cells(document: DocumentType, at: int) -> list[list[str]]:
    """Cells of a table; an interval that stands under its number is put beside it."""
    rows = document.tables[at].rows
    return [[cell.text.replace("\n", " ") for cell in row.cells] for row in rows]


def shown(frame: pd.DataFrame) -> list[list[str]]:
    return [list(map(str, row)) for row in frame.to_numpy(dtype=object).tolist()]


def csv(folder: Path, name: str) -> list[list[str]]:
    """Rows of a table as text, without its headings."""
    path = folder / "tables" / name
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return [list(map(str, row)) for row in table.to_numpy().tolist()]


def test_tables_have_the_cells_of_the_csv_tables(made: Path) -> None:
    document = opened(made)
    metrics = dict(read_study(made).metrics)
    assert cells(document, 1)[2:] == shown(comparison(metrics, made.name))
    assert cells(document, 2)[1:] == shown(per_class(metrics, made.name))
    numbers = [row[2].split(" (")[0] for row in cells(document, 2)[1:]]
    assert numbers == [row[2] for row in csv(made, "per_class.csv")]
    told = [table for chapter in chapters(read_study(made), made.name) for table in chapter.tables]
    for at, table in enumerate(told, start=3):
        assert cells(document, at)[0] == list(table.frame.columns)
        assert cells(document, at)[1:] == csv(made, f"{table.name}.csv") == shown(table.frame)
    for at, key in enumerate(CHECKLISTS, start=3 + len(told)):
        expected = checklist_table(fill_checklist(read_study(made), key, made.name), made.name)
        assert cells(document, at) == [list(expected.columns), *expected.to_numpy().tolist()]


def test_data_table_has_the_counts(made: Path) -> None:
    rows = cells(opened(made), 0)
    assert rows[2:] == csv(made, "data.csv")
    assert rows[-1][1:] == ["162", "162", "18", "18"]
    assert rows[2][1:] == ["54", "54", "6", "6"]


def test_headings_are_in_the_language(made: Path) -> None:
    headings = [p.text for p in opened(made).paragraphs if p.style.name == "Heading 1"]
    below = [p.text for p in opened(made).paragraphs if p.style.name == "Heading 2"]
    parts = ("data", "training", "statistics", "explanations")
    assert below == [text(f"report.methods_{name}", made.name) for name in parts]
    told = [chapter.name for chapter in chapters(read_study(made), made.name) if not chapter.empty]
    assert told[:2] == ["statistics", "calibration"]
    pictures = ("confusion", "heatmaps", "embedding", "curves")
    keys = ("summary", "data", "results", *told, *pictures, "methods")
    assert headings[: len(keys)] == [text(f"report.{key}", made.name) for key in keys]
    assert [heading[:2] for heading in headings[len(keys) :]] == (
        ["附录"] * 3 if made.name == "zh" else ["Ap"] * 3
    )
    if made.name == "zh":
        assert all(re.search("[\u4e00-\u9fff]", heading) for heading in headings + below)


def test_summary_and_methods_are_those_of_the_page(made: Path) -> None:
    study, said = read_study(made), [p.text for p in opened(made).paragraphs]
    assert set(paragraphs(study, made.name).values()) <= set(said)
    for point in digest(study):
        assert point.lead.in_language(made.name) + point.words.in_language(made.name) in said


def test_notice_on_every_page(made: Path) -> None:
    document = opened(made)
    notice = text("common.research_only", made.name)
    assert {section.header.paragraphs[0].text for section in document.sections} == {notice}
    assert not document.sections[0].different_first_page_header_footer


def test_captions_are_numbered_in_order(made: Path) -> None:
    captions = [p for p in opened(made).paragraphs if p.style.name == "Caption"]
    table, figure = ("表", "图") if made.name == "zh" else ("Table", "Figure")
    fields = [p._p.xpath("./w:fldSimple/w:r/w:t")[0].text for p in captions]
    kinds = [p.text.split()[0] for p in captions]
    numbers = {kind: [n for k, n in zip(kinds, fields, strict=True) if k == kind] for kind in kinds}
    told = chapters(read_study(made), made.name)
    tables = 3 + sum(len(chapter.tables) for chapter in told) + len(CHECKLISTS)
    figures = sum(len(chapter.charts) for chapter in told) + 5
    expected = {table: tables, figure: figures}
    assert numbers == {k: [str(n + 1) for n in range(count)] for k, count in expected.items()}
    assert all("ward-7" in p.text for p in captions)


def test_heading_rows_repeat_and_rules_are_three(made: Path) -> None:
    for table in opened(made).tables:
        repeated = [bool(row._tr.xpath("./w:trPr/w:tblHeader")) for row in table.rows]
        count = sum(repeated)
        assert repeated == [True] * count + [False] * (len(repeated) - count)
        assert count in (1, 2)
        assert not table._tbl.xpath(".//w:left[@w:val='single'] | .//w:right[@w:val='single']")
        thick = table._tbl.xpath(".//w:tcBorders/*[@w:sz='12']/@w:val")
        assert len(thick) >= 2


def test_figures_are_those_of_the_folder(made: Path) -> None:
    with zipfile.ZipFile(made / "report.docx") as file:
        pictures = {file.read(name) for name in file.namelist() if "/media/" in name}
    told = chapters(read_study(made), made.name)
    charts = [chart for chapter in told for chart in chapter.charts]
    assert {"roc", "reliability", "decision", "subgroups"} == set(charts)
    names = ("macro_f1", "confusion", "gradcam", "embedding", "curves", *charts)
    assert pictures == {(made / f"figures/{name}.png").read_bytes() for name in names}


def test_chinese_has_its_own_font_and_the_language_is_set(made: Path) -> None:
    document = opened(made)
    for name in ("Normal", "Heading 1", "Title", "Caption"):
        fonts = document.styles[name].element.rPr.rFonts
        assert fonts.get(qn("w:eastAsia")) in ("SimSun", "SimHei")
        assert fonts.get(qn("w:eastAsiaTheme")) is None
    assert document.core_properties.language == {"en": "en-US", "zh": "zh-CN"}[made.name]
    (lang,) = document.styles.element.xpath("w:docDefaults//w:lang")
    assert lang.get(qn("w:eastAsia")) == "zh-CN"


def test_same_bytes_twice_and_nothing_of_the_day(made: Path) -> None:
    content = (made / "report.docx").read_bytes()
    assert report_document(read_study(made), made.name) == content
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {entry.date_time[0] for entry in file.infolist()} == {1980}
        assert b"2000-01-01" in file.read("docProps/core.xml")


@pytest.mark.parametrize(
    ("networks", "lead"),
    [(["resnet18"], "What it shows. "), (["resnet18", "vgg16"], "What can be ranked. ")],
)
def test_one_network_is_not_ranked(tmp_path: Path, networks: list[str], lead: str) -> None:
    points = digest(read_study(whole_study(tmp_path / "s", networks=networks)))
    leads = [point.lead.in_language("en") for point in points]
    assert lead in leads
    assert ("What can be ranked. " in leads) is (len(networks) > 1)


def test_nothing_leads_outside(made: Path) -> None:
    with zipfile.ZipFile(made / "report.docx") as file:
        for name in file.namelist():
            if name.endswith(".rels"):
                assert b'TargetMode="External"' not in file.read(name)
            assert "thumbnail" not in name
        assert b"w:hyperlink" not in file.read("word/document.xml")


def test_hostile_name_is_text(tmp_path: Path) -> None:
    name = "<w:p/>&amp;\x0b\ud800\uffff{0}" + 300 * "x"
    folder = make_study(tmp_path / "s", ["resnet18"], name=name)
    content = report_document(read_study(folder), "en")
    titles = [p.text for p in Document(io.BytesIO(content)).paragraphs if "<w:p/>" in p.text]
    assert titles


def test_study_that_only_began_has_a_document(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", [], failed=["vgg16"])
    study = read_study(folder)
    said = [p.text for p in Document(io.BytesIO(report_document(study, "zh"))).paragraphs]
    assert text("report.sum_none", "zh") in said
    assert set(paragraphs(study, "zh").values()) <= set(said)


def test_highest_values_are_bold() -> None:
    word = WordDocument("t", "n", "f", "en")
    word.table(
        pd.DataFrame({"a": ["x", "y"], "b": [Estimate.of(1), Estimate.of(2)]}), "c", best=[1]
    )
    rows = Document(io.BytesIO(word.content())).tables[0].rows
    bold = [row.cells[1].paragraphs[0].runs[0].bold for row in rows]
    assert bold == [True, None, True]


@pytest.mark.parametrize(("columns", "turned"), [(7, False), (8, True)])
def test_many_columns_have_a_turned_page_and_numbers_do_not_break(
    columns: int, turned: bool
) -> None:
    ratio = Estimate.of({"value": None, "low": 12.3, "high": None}, 2)  # of infinity
    frame = pd.DataFrame({"Network": ["a"], **{f"LR {i}": [ratio] for i in range(columns)}})
    word = WordDocument("t", "n", "f", "en")
    word.table(frame, "c")
    document = Document(io.BytesIO(word.content()))
    (last,) = document.tables[0].rows[-1:]
    assert [cell.text for cell in last.cells] == ["a", *["∞\n(12.30–∞)"] * columns]
    assert [bool(cell._tc.xpath("./w:tcPr/w:noWrap")) for cell in last.cells] == (
        [False, *[True] * columns]
    )
    section = document.sections[-1]
    assert (section.page_width > section.page_height) is turned
    room = section.page_width - section.left_margin - section.right_margin
    rounded = Cm(0.1)
    assert sum(column.width for column in document.tables[0].columns) <= room + rounded
