"""The chapters of statistics: the same in both languages, and only what there is."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metrascope.messages import LANGUAGES
from metrascope.report.chapters import CHAPTERS, chapters, page_chapters
from metrascope.report.drawings import Drawings
from metrascope.report.gallery import build_gallery
from metrascope.report.page import render_report, write_report
from metrascope.study_folder.contents import Study, read_study

from .make import make_study
from .tree import parse

HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&amp;b {0} {x}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("c") / "s", n=60)
    write_report(folder, "en")
    return folder


def without(study: Study, *keys: str) -> Study:
    kept: Mapping[str, Any] = {k: v for k, v in study.metrics.items() if k not in keys}
    return replace(study, metrics=kept)


def test_both_languages_have_the_same_shape(folder: Path) -> None:
    shapes = []
    for lang in LANGUAGES:
        told = chapters(read_study(folder), lang)
        assert [chapter.name for chapter in told] == list(CHAPTERS)
        shapes.append(
            [
                (
                    len(chapter.findings),
                    chapter.charts,
                    [(table.name, table.labels, table.frame.shape) for table in chapter.tables],
                )
                for chapter in told
            ]
        )
    assert shapes[0] == shapes[1]
    assert [bool(findings) for findings, _, _ in shapes[0]] == [True, True, True, False]


def test_labels_alone_have_no_chapter_of_calibration(folder: Path) -> None:
    study = read_study(folder)
    assert "calibration" in [chapter.name for chapter in page_chapters(study)]
    bare = without(study, "calibration", "operating_points", "decision")
    assert [chapter.name for chapter in page_chapters(bare)] == ["statistics", "subgroups"]
    page = parse(render_report(bare, build_gallery(bare), Drawings(), "en"))
    assert "calibration" not in [node.attributes["id"] for node in page.find("section")]


def test_study_that_was_not_evaluated_has_no_chapters(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", [], failed=["vgg16"])
    assert chapters(read_study(folder), "en") == []
    assert page_chapters(read_study(folder)) == []


def test_charts_are_files_and_stand_in_the_page(folder: Path) -> None:
    page = parse((folder / "report.html").read_text(encoding="utf-8"))
    charts = 0
    for chapter in page_chapters(read_study(folder)):
        for chart in chapter.charts:
            assert (folder / f"figures/{chart}.svg").is_file()
            assert (folder / f"figures/{chart}.png").is_file()
        pictures = page.by_id(chapter.name).find("img")
        assert len(pictures) == len(LANGUAGES) * len(chapter.charts)
        charts += len(chapter.charts)
    assert charts == 4


def test_page_has_every_cell_of_the_tables(folder: Path) -> None:
    study = read_study(folder)
    page = parse((folder / "report.html").read_text(encoding="utf-8"))
    for lang in LANGUAGES:
        for chapter in chapters(study, lang):
            if chapter.empty:
                continue
            section = page.by_id(chapter.name)
            shown = [table.rows(lang)[1:] for table in section.find("table")]
            expected = [table.frame.map(str).to_numpy().tolist() for table in chapter.tables]
            assert [[[c.strip() for c in row] for row in rows] for rows in shown] == expected
            for finding in chapter.findings:
                assert " ".join(finding.split()) in section.text(lang)


def test_hostile_class_is_text_in_the_tables(tmp_path: Path) -> None:
    study = read_study(make_study(tmp_path / "s", classes=HOSTILE, n=60))
    page = parse(render_report(study, build_gallery(study), Drawings(), "en"))
    assert len(page.find("script")) == 1
    assert all("onerror" not in node.attributes for node in page.walk())
    for section in ("statistics", "calibration"):
        shown = page.by_id(section).text("en", skip=())
        for name in HOSTILE:
            assert name in shown
