"""The spreadsheet of pathology results that comes with an export."""

import csv
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final

import numpy as np

from metrascope.files.atomic import write_bytes
from metrascope.messages import language, text
from metrascope.phantom.hospital.identities import Visit, code

_CHINESE: Final = ("姓名", "检查号", "病历号", "年龄", "检查日期", "病理诊断", "中心")
_ENGLISH: Final = (
    "Patient name",
    "Accession number",
    "Patient ID",
    "Age",
    "Exam date",
    "Pathology",
    "Centre",
)
_STRANGERS: Final = 3  # rows of people without pictures; chosen


def write_labels(
    visits: Sequence[tuple[Visit, str]], out: Path, rng: np.random.Generator
) -> tuple[Path, Path]:
    """Write labels.csv with Chinese headers and labels.xlsx with those of the language in use.

    Parameters
    ----------
    visits
        The examinations and their classes; the last of them is left out, so that its pictures
        have no result.
    out
        Folder of the export.
    rng
        Chooses the encoding of the CSV, and invents results that match no picture.
    """
    tested = visits[:-1] if len(visits) > 1 else visits
    chinese = [_row(visit, label, "zh") for visit, label in tested]
    english = [_row(visit, label, "en") for visit, label in tested]
    for rows, name in ((chinese, "周晓晨"), (english, "Nobody Known")):
        for _ in range(_STRANGERS):
            stray = [name, f"US{code(9, rng)}", f"MR{code(9, rng)}", "41", "", rows[0][5], ""]
            rows.append(stray)
    paths = out / "labels.csv", out / "labels.xlsx"
    write_bytes(paths[0], _csv(chinese, "gb18030" if rng.random() < 0.5 else "utf-8-sig"))
    write_bytes(
        paths[1], _xlsx(_CHINESE, chinese) if language() == "zh" else _xlsx(_ENGLISH, english)
    )
    return paths


def _row(visit: Visit, label: str, lang: str) -> list[str]:
    return [
        visit.local_name if lang == "zh" else visit.latin_name,
        visit.accession,
        visit.patient_id,
        str(visit.age),
        f"{visit.exam_time:%Y-%m-%d}",
        text(f"classes.{label}", lang),
        visit.centre_code if lang == "en" else f"中心{visit.centre_code}",
    ]


def _csv(rows: Sequence[Sequence[str]], encoding: str) -> bytes:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_CHINESE)
    writer.writerows(rows)
    return buffer.getvalue().encode(encoding, "replace")


def _xlsx(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return a workbook; the times in it are fixed, so that the same rows give the same bytes."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in (header, *rows):
        sheet.append(list(row))
    buffer = BytesIO()
    book.save(buffer)
    fixed = BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(fixed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(
                    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2020-01-01T00:00:00Z", content
                )
            new.writestr(member(name, datetime(2020, 1, 1)), content)
    return fixed.getvalue()


def member(name: str, at: datetime) -> zipfile.ZipInfo:
    """Return the entry of a zip archive with a time of its own, deflated."""
    info = zipfile.ZipInfo(name, at.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
