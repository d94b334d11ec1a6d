"""The flow of an ingest and the scanners: told where the files prove them, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import pytest

from metrascope.dataset.flow import FlowStep, read_flow, write_flow
from metrascope.errors import DataError
from metrascope.messages import LANGUAGES, reason_title
from metrascope.report.checklists import fill_checklist
from metrascope.report.exclusions import (
    flow_sentences,
    flow_table,
    scanner_sentences,
    scanner_table,
)
from metrascope.report.methods import paragraphs
from metrascope.study_folder.contents import Study, read_study

from .evidence import change, whole_study
from .tree import rendered

STEPS = (
    FlowStep("files", 70, (("sources.no_image", 4),)),
    FlowStep("images", 66),
    FlowStep("readable", 66, (("labels.no_row", 3), ("labels.empty", 1))),
    FlowStep("matched", 62),
    FlowStep("stills", 64, (("usability.too_dark", 2),)),
    FlowStep("usable", 62, (("ingest.copy", 2),)),
    FlowStep("kept", 60),
)
SCANNERS = {"GE Voluson E10": {"patients": 30, "images": 40}, "": {"patients": 20, "images": 20}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = whole_study(tmp_path_factory.mktemp("f") / "s", networks=["resnet18"])
    flow = [{"step": s.name, "count": s.count, "left_out": dict(s.left_out)} for s in STEPS]
    change(
        folder / "data.json", flow=flow, scanners=SCANNERS, near_duplicates="searched", near_pairs=2
    )
    return folder


@pytest.fixture(name="study")
def of_folder(folder: Path) -> Study:
    return read_study(folder)


def without(study: Study) -> Study:
    kept = {name: one for name, one in study.data.items() if name not in ("flow", "scanners")}
    return replace(study, data=kept)


def test_a_flow_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_flow(tmp_path) == []
    write_flow(STEPS, tmp_path)
    assert read_flow(tmp_path) == list(STEPS)
    (tmp_path / "flow.csv").write_text("step,count,reason,left_out\nfiles,many,,0\n")
    with pytest.raises(DataError, match="row 2"):
        read_flow(tmp_path)


def test_the_table_has_every_step_and_reason(study: Study) -> None:
    for lang in LANGUAGES:
        table = flow_table(study, lang)
        assert table is not None
        assert table.iloc[:, 1].tolist() == [str(step.count) for step in STEPS]
        for step, words in zip(STEPS, table.iloc[:, 2], strict=True):
            assert all(reason_title(reason, lang) in words for reason, _ in step.left_out)
            assert (words == "—") == (not step.left_out)


def test_methods_tell_files_exclusions_and_scanners(study: Study) -> None:
    told = paragraphs(study, "en")["data"]
    assert "an ingest of 70 files: 66 were image files, of which 64 stills" in told
    assert f"{reason_title('labels.no_row', 'en')}: 3" in told
    assert "GE Voluson E10, 40 images of 30 patients; not known, 20 images of 20 patients" in told
    assert "2 pairs were found, and the patients of each were drawn as one" in told
    assert all(flow_sentences(study, "zh") + scanner_sentences(study, "zh"))


def test_nothing_is_told_of_what_no_file_tells(study: Study) -> None:
    bare = without(study)
    assert flow_table(bare, "en") is scanner_table(bare, "en") is None
    assert flow_sentences(bare, "en") == scanner_sentences(bare, "en") == []
    assert "ingest" not in paragraphs(bare, "en")["data"]


def test_page_has_both_tables(study: Study, folder: Path) -> None:
    shown = rendered(folder).by_id("data").text("en")
    assert "GE Voluson E10" in shown
    assert reason_title("usability.too_dark", "en") in shown


def test_checklist_quotes_exclusions_and_scanners_in_part(study: Study) -> None:
    answers = {one.number: one for one in fill_checklist(study, "claim", "en").answers}
    assert "GE Voluson E10" in answers["13"].answer
    assert "70 files" in answers["35"].answer
    assert {answers[number].state for number in ("7", "13", "35")} == {"partly"}


def test_methods_are_four_paragraphs_of_their_own_matter(study: Study) -> None:
    told = paragraphs(study, "en")
    assert list(told) == ["data", "training", "statistics", "explanations"]
    for name, word in (
        ("data", "scan sector"),
        ("training", "gradient descent"),
        ("statistics", "Wilson"),
        ("explanations", "Grad-CAM"),
    ):
        assert [word in words for words in told.values()].index(True) == list(told).index(name)
