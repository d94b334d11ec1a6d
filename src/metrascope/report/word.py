"""A Word document in the manner of a journal: headings, three-line tables, figures, captions.

Latin and Chinese text have their own fonts, named but not embedded. The same content gives the
same bytes: properties and times inside the file are fixed.
"""

import io
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from textwrap import wrap
from typing import Any, Final, cast
from unicodedata import east_asian_width

import pandas as pd
from docx import Document
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Length, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.table import _Cell
from docx.text.paragraph import Paragraph

from metrascope.messages import text
from metrascope.results.estimate import Estimate, is_highest
from metrascope.results.latex import is_wide

TEXT_WIDTH: Final = 16.0  # cm: A4 with margins of 2.5 cm
TURNED_WIDTH: Final = 24.7  # cm: the same page turned by 90°
_PADDING: Final = 0.12  # cm on either side of a cell
# Letters for which that is as wide, after which a label may break, and by how much those of
# headings and intervals differ from others.
_SIDES: Final = 2
_LONGEST_LABEL: Final = 24
_BOLD: Final = 1.2
_SMALLER: Final = 0.88
_LOCALES: Final = {"en": "en-US", "zh": "zh-CN"}
_LATIN: Final = "Times New Roman"
_LATIN_HEADING: Final = "Arial"
_CHINESE: Final = "SimSun"
_CHINESE_HEADING: Final = "SimHei"
# What goes into every file instead of the time of writing.
_DATE: Final = datetime(2000, 1, 1)
_ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)
_LONGEST_PROPERTY: Final = 255
_NO_XML: Final = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Stand for fields in sentences of the message table.
_MARKS: Final = ("\x01", "\x02")
_THICK, _THIN = 12, 6  # eighths of a point
_SIZES: Final = {"Title": 20, "Heading 1": 14, "Heading 2": 11.5, "Caption": 9, "Normal": 10.5}


class WordDocument:
    """A document that is written from top to bottom, then turned into bytes.

    Parameters
    ----------
    title
        Of the document and its properties.
    notice
        Printed at the head of every page.
    footer
        Printed at the foot of every page before the page number.
    lang
        ``en`` or ``zh``: the language of the document, for captions, fonts and proofing.
    """

    def __init__(self, title: str, notice: str, footer: str, lang: str) -> None:
        self._lang = lang
        self._numbers = {"table": 0, "figure": 0}
        self._turned = False
        self._document = Document()
        self._set_up(title)
        section = self._document.sections[0]
        _run(section.header.paragraphs[0], notice, size=8.5)
        section.header.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        self._write_footer(section.footer.paragraphs[0], footer)
        self._document.add_paragraph(_plain(title), style="Title")

    def heading(self, words: str, level: int = 1, *, new_page: bool = False) -> None:
        """Add a heading; level 1 is a section."""
        self._turn(on=False)
        paragraph = self._document.add_heading(_plain(words), level)
        paragraph.paragraph_format.page_break_before = new_page

    def paragraph(self, words: str, *, lead: str = "", note: bool = False) -> None:
        """Add a paragraph, with a bold beginning or as a small note."""
        self._turn(on=False)
        paragraph = self._document.add_paragraph()
        if lead:
            _run(paragraph, lead).bold = True
        _run(paragraph, words, size=9 if note else None)

    def bullets(self, lines: Sequence[str]) -> None:
        """Add a list."""
        self._turn(on=False)
        for line in lines:
            self._document.add_paragraph(_plain(line), style="List Bullet")

    def table(
        self,
        frame: pd.DataFrame,
        caption: str,
        *,
        labels: int = 1,
        widths: Sequence[float] = (),
        best: Collection[int] = (),
        size: float = 8.5,
    ) -> None:
        """Add a three-line table with its caption above and its headings on every page.

        Intervals stand under their numbers. A table of many columns has a page turned by 90°.

        Parameters
        ----------
        frame
            Cells. Of two rows of column names the first spans.
        caption
            Without its number.
        labels
            How many columns at the left name the row; the others are numbers, set to the right.
        widths
            Of a table of sentences, the columns' shares of the text width; all are set to the left.
        best
            Positions of the columns whose highest values are set in bold.
        size
            Of the letters in points.
        """
        heads, rows = _heads(frame), frame.to_numpy(dtype=object).tolist()
        wide = is_wide(frame) and not widths
        self._turn(on=wide)
        self._caption("table", caption)
        table = self._document.add_table(len(heads) + len(rows), frame.shape[1])
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        _pad(table._tbl.tblPr, _PADDING)
        grid = [list(row.cells) for row in table.rows]
        style = self._cell_style(size)
        shares = widths or _shares(heads[-1], rows, labels)
        for column, share in zip(table.columns, shares, strict=True):
            column.width = Cm(share * (TURNED_WIDTH if wide else TEXT_WIDTH))
        right = [not widths and place >= labels for place in range(frame.shape[1])]
        for at, line in enumerate([*heads, *rows]):
            for cell, content, on_right in zip(grid[at], line, right, strict=True):
                _fill(cell, content, style, bold=at < len(heads), right=on_right)
        _embolden(grid[len(heads) :], frame, best)
        _merge(grid, heads)
        for at, row in enumerate(table.rows):
            _row_property(row._tr, "w:cantSplit")
            if at < len(heads):
                _row_property(row._tr, "w:tblHeader")
        _rule(grid[0], "top", _THICK)
        _rule(grid[len(heads) - 1], "bottom", _THIN)
        _rule(grid[-1], "bottom", _THICK)
        for row in grid[len(heads) :]:
            for cell, on_right in zip(row, right, strict=True):
                if on_right:  # else Word breaks an interval after its dash
                    cell._tc.get_or_add_tcPr().append(OxmlElement("w:noWrap"))
        self._document.add_paragraph()

    def picture(self, path: Path, caption: str) -> None:
        """Add a figure at the text width at most, its caption below and as alternative text."""
        self._turn(on=False)
        paragraph = self._document.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.keep_with_next = True
        shape = paragraph.add_run().add_picture(str(path))
        limits = Cm(TEXT_WIDTH), Cm(20)
        factor = min(1.0, limits[0] / shape.width, limits[1] / shape.height)
        shape.width = Length(shape.width * factor)
        shape.height = Length(shape.height * factor)
        properties = shape._inline.docPr
        properties.set("descr", _plain(caption))
        properties.set("name", path.stem)
        self._caption("figure", caption)

    def content(self) -> bytes:
        """Return the file's bytes."""
        buffer = io.BytesIO()
        self._document.save(buffer)
        return _timeless(buffer.getvalue())

    def _turn(self, *, on: bool) -> None:
        """Go on in a section whose pages are turned by 90°, or no longer."""
        if on == self._turned:
            return
        self._turned = on
        section = self._document.add_section(WD_SECTION.NEW_PAGE)
        section.orientation = WD_ORIENT.LANDSCAPE if on else WD_ORIENT.PORTRAIT
        sides = Cm(21.0), Cm(29.7)
        section.page_width, section.page_height = reversed(sides) if on else sides

    def _set_up(self, title: str) -> None:
        locale = _LOCALES[self._lang]
        properties = self._document.core_properties
        properties.title = _plain(title)[:_LONGEST_PROPERTY]
        properties.author, properties.language = "Metrascope", locale
        properties.created = properties.modified = _DATE
        properties.comments = text("common.research_only", self._lang)
        section = self._document.sections[0]
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.5)
        section.top_margin = section.bottom_margin = Cm(2.5)
        for name, size in _SIZES.items():
            style = cast(ParagraphStyle, self._document.styles[name])
            _letter(style, size, heading=name not in ("Normal", "Caption"))
            style.paragraph_format.space_after = Pt(6)
        normal = cast(ParagraphStyle, self._document.styles["Normal"])
        normal.paragraph_format.line_spacing = 1.15
        _proof(self._document, locale)
        _drop_thumbnail(self._document)

    def _cell_style(self, size: float) -> ParagraphStyle:
        """Return the style of letters in tables of a size, made on first use."""
        name = f"Table Text {size:g}"
        if name in self._document.styles:
            return cast(ParagraphStyle, self._document.styles[name])
        style = cast(ParagraphStyle, self._document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH))
        style.base_style = self._document.styles["Normal"]
        style.font.size = Pt(size)
        style.paragraph_format.space_before = style.paragraph_format.space_after = Pt(1)
        style.paragraph_format.line_spacing = 1.0
        return style

    def _write_footer(self, paragraph: Paragraph, words: str) -> None:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        fields = {_MARKS[0]: ("PAGE", "1"), _MARKS[1]: ("NUMPAGES", "1")}
        page = text("document.page", self._lang, page=_MARKS[0], pages=_MARKS[1])
        _with_fields(paragraph, f"{words}    {page}", fields, size=8.5)

    def _caption(self, kind: str, words: str) -> None:
        paragraph = self._document.add_paragraph(style="Caption")
        paragraph.paragraph_format.keep_with_next = kind == "table"
        self._numbers[kind] += 1
        words_before = text(f"document.{kind}", self._lang, number=_MARKS[0])
        code = f"SEQ {kind.capitalize()} \\* ARABIC"
        fields = {_MARKS[0]: (code, str(self._numbers[kind]))}
        _with_fields(paragraph, words_before, fields, bold=True)
        _run(paragraph, words).bold = False


def _letter(style: ParagraphStyle, size: float, *, heading: bool) -> None:
    """Set size, color and fonts of a style; the theme's fonts would win over names."""
    style.font.size = Pt(size)
    style.font.color.rgb = RGBColor(0, 0, 0)
    style.font.italic = False
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in list(fonts.attrib):
        del fonts.attrib[name]
    latin = _LATIN_HEADING if heading else _LATIN
    for name in ("ascii", "hAnsi", "cs"):
        fonts.set(qn(f"w:{name}"), latin)
    fonts.set(qn("w:eastAsia"), _CHINESE_HEADING if heading else _CHINESE)
    for border in style.element.xpath("w:pPr/w:pBdr"):
        border.getparent().remove(border)


def _proof(document: Any, locale: str) -> None:
    """Set the language that Word checks and breaks lines by."""
    for element in document.styles.element.xpath("w:docDefaults//w:lang"):
        element.set(qn("w:val"), locale if locale.startswith("en") else "en-US")
        element.set(qn("w:eastAsia"), "zh-CN")
    for element in document.settings.element.xpath("w:themeFontLang"):
        element.set(qn("w:eastAsia"), "zh-CN")


def _drop_thumbnail(document: Any) -> None:
    """Remove the picture of an empty page that the library's template brings along."""
    relations = document.part.package.rels
    for key in [key for key, relation in relations.items() if "thumbnail" in relation.reltype]:
        del relations[key]


def _plain(words: str) -> str:
    """Replace what XML cannot hold, as a control character in a data set's name, by a space."""
    return _NO_XML.sub(" ", words)


def _run(paragraph: Paragraph, words: str, size: float | None = None) -> Any:
    run = paragraph.add_run(_plain(words))
    if size is not None:
        run.font.size = Pt(size)
    return run


def _with_fields(
    paragraph: Paragraph,
    words: str,
    fields: Mapping[str, tuple[str, str]],
    *,
    size: float | None = None,
    bold: bool = False,
) -> None:
    """Add words with fields for marks in them: a code, and what shows until Word counts."""
    for piece in re.split(f"([{''.join(_MARKS)}])", words):
        code, shown = fields.get(piece, ("", piece))
        run = _run(paragraph, shown, size)
        run.bold = bold or None
        if code:
            field = OxmlElement("w:fldSimple")
            field.set(qn("w:instr"), code)
            field.append(run._r)
            paragraph._p.append(field)


def _heads(frame: pd.DataFrame) -> list[list[str]]:
    levels = range(frame.columns.nlevels)
    return [[str(name) for name in frame.columns.get_level_values(level)] for level in levels]


def _merge(grid: list[list[_Cell]], heads: list[list[str]]) -> None:
    """Let equal neighbors of the first of two heading rows span."""
    if len(heads) < 2:
        return
    start = 0
    for end in range(1, len(heads[0]) + 1):
        if end < len(heads[0]) and heads[0][end] == heads[0][start]:
            continue
        if heads[0][start] and end - start > 1:
            for cell in grid[0][start + 1 : end]:
                cell.paragraphs[0].clear()
            whole = grid[0][start].merge(grid[0][end - 1])
            for extra in whole.paragraphs[1:]:
                extra._p.getparent().remove(extra._p)
            whole.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
            _rule([whole], "bottom", _THIN)
        start = end


def _shares(heads: Sequence[str], rows: Sequence[Sequence[object]], labels: int) -> list[float]:
    """Return the columns' shares of the width: as many letters as each needs on a line.

    Word fits the columns to what is in them by itself; LibreOffice does not, and gives each column
    the share that the file says.
    """
    needed = []
    for place, head in enumerate(heads):
        pieces = (wrap(word, 6 if max(word) >= "\u3000" else 12) for word in head.split())
        widths = [_BOLD * _letters(piece) for word in pieces for piece in word]
        for cell in (row[place] for row in rows):
            if isinstance(cell, Estimate):
                widths += [_letters(cell.number), _SMALLER * _letters(cell.interval)]
            else:
                lines = [str(cell)] if place >= labels else wrap(str(cell), _LONGEST_LABEL)
                widths += map(_letters, lines)
        needed.append(_SIDES + max(widths, default=0))
    return [letters / sum(needed) for letters in needed]


def _letters(line: str) -> int:
    """Return the width of a line in Latin letters; a Chinese character takes two."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line)


def _fill(cell: _Cell, content: object, style: ParagraphStyle, *, bold: bool, right: bool) -> None:
    paragraph = cell.paragraphs[0]
    # Not through the property: it searches the document's styles for the default every time.
    paragraph._p.style = style.style_id
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    estimate = content if isinstance(content, Estimate) else None
    run = paragraph.add_run(_plain(str(content)) if estimate is None else estimate.number)
    if bold:
        run.bold = True
    if estimate is not None and estimate.interval:
        run.add_break()
        size = style.font.size
        paragraph.add_run(estimate.interval).font.size = size and Pt(size.pt - 1)


def _pad(properties: Any, width: float) -> None:
    """Set the space between the sides of a table's cells and their letters, in cm."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        margin = OxmlElement(f"w:{side}")
        margin.set(qn("w:w"), str(Cm(width).twips))
        margin.set(qn("w:type"), "dxa")
        margins.append(margin)
    # The schema wants it before the look of the table.
    look = properties.find(qn("w:tblLook"))
    if look is None:
        properties.append(margins)
    else:
        look.addprevious(margins)


def _embolden(rows: list[list[_Cell]], frame: pd.DataFrame, columns: Collection[int]) -> None:
    for column in columns:
        for row, highest in zip(rows, is_highest(frame.iloc[:, column]), strict=True):
            if highest:
                row[column].paragraphs[0].runs[0].bold = True


def _rule(cells: Sequence[_Cell], side: str, width: int) -> None:
    for cell in cells:
        properties = cell._tc.get_or_add_tcPr()
        found = properties.find(qn("w:tcBorders"))
        borders = found if found is not None else OxmlElement("w:tcBorders")
        if found is None:
            properties.append(borders)
        line = OxmlElement(f"w:{side}")
        values = {"val": "single", "sz": str(width), "space": "0", "color": "000000"}
        for name, value in values.items():
            line.set(qn(f"w:{name}"), value)
        borders.append(line)


def _row_property(row: Any, name: str) -> None:
    row.get_or_add_trPr().append(OxmlElement(name))


def _timeless(content: bytes) -> bytes:
    """Write a zip file again with fixed times and the order it has."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(name))
    return buffer.getvalue()
