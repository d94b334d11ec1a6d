"""Studies that are incomplete or damaged: the page says so, or one sentence names the file."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from metrascope.errors import MetrascopeError, StudyError
from metrascope.report.page import write_report
from metrascope.study_folder.contents import read_study

from .make import make_study
from .tree import rendered


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("whole") / "s", ["vgg16"], n=6)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """Return a small study of one network to take something from."""
    return Path(shutil.copytree(whole, tmp_path / "s"))


@pytest.mark.parametrize(
    "missing",
    [
        "metrics.json",
        "cases.csv",
        "settings.toml",
        "versions.json",
        "embeddings.csv",
        "command.json",
        "runs/vgg16-f0-s0/heatmaps.npy",
        "runs/vgg16-f0-s0/history.csv",
        "runs/vgg16-f0-s0/predictions.csv",
        "runs/vgg16-f0-s0/resources.json",
        "runs/vgg16-f0-s0/model.json",
    ],
)
def test_incomplete_study_has_a_page_that_says_so(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    page = rendered(folder)
    if "/" not in missing and missing != "command.json":
        assert f"Missing: {missing}" in page.by_id("summary").text("en")


def test_precision_of_a_class_that_is_never_predicted_is_a_dash(folder: Path) -> None:
    before = rendered(folder).by_id("results").text("en").count("—")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    metrics["networks"]["vgg16"]["classes"]["polyp"]["precision"] = {"value": None}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    assert rendered(folder).by_id("results").text("en").count("—") > before


def test_study_that_only_began(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", [], failed=["vgg16"])
    page = rendered(folder, "zh")
    assert "尚无网络完成评估" in page.by_id("summary").text("zh")
    assert "Out of memory" in page.by_id("versions").text("zh")


def test_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is not a study"):
        write_report(tmp_path, "en")
    with pytest.raises(StudyError, match="is not a study"):
        write_report(tmp_path / "nowhere", "en")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", '{"networks"'),
        ("metrics.json", '{"classes": ["a"], "n": 3}'),
        ("data.json", "[1]"),
        ("settings.toml", "a = "),
        ("cases.csv", "image,file,mask_file,left,top,right,bottom\na,b,,5,0,5,1\n"),
        ("cases.csv", "image,file,mask_file,left,top,right,bottom\na,b,,0,0,inf,1\n"),
        ("cases/00002.png", "\x89PNG\r\n\x1a\n"),
        ("cases.csv", "image,file\n"),
        ("cases.csv", "image,file,mask_file,left,top,right,bottom\na,b,,x,0,1,1\n"),
        ("embeddings.csv", "network,image,label,x,y\nvgg16,a,normal,,1\n"),
        ("runs/vgg16-f0-s0/history.csv", "epoch,step,learning_rate,loss\n1,1,0.1,oops\n"),
        ("runs/vgg16-f0-s0/predictions.csv", "image,label\n"),
        ("runs/vgg16-f0-s0/heatmaps.npy", "\x93NUMPY"),
    ],
)
def test_damaged_file_is_named_and_the_old_page_stays(
    folder: Path, name: str, content: str
) -> None:
    (folder / "report.html").write_text("old")
    (folder / name).write_text(content, encoding="latin-1")
    with pytest.raises(MetrascopeError, match=re.escape(Path(name).name)):
        write_report(folder, "en")
    assert (folder / "report.html").read_text() == "old"


def test_heat_maps_of_another_shape_are_refused(folder: Path) -> None:
    np.save(folder / "runs/vgg16-f0-s0/heatmaps.npy", np.zeros((5, 3, 7, 7), np.float32))
    with pytest.raises(StudyError, match=r"(?s)delete the run's folder .*\(5, 3, 7, 7\)"):
        write_report(folder, "en")


def test_pickle_is_never_loaded(folder: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    np.save(folder / "runs/vgg16-f0-s0/heatmaps.npy", objects, allow_pickle=True)
    with pytest.raises(StudyError, match="heatmaps"):
        write_report(folder, "en")


def metrics_without(folder: Path, *path: str) -> None:
    file = folder / "metrics.json"
    metrics = json.loads(file.read_text())
    inner = metrics
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    file.write_text(json.dumps(metrics))


@pytest.mark.parametrize(
    "path",
    [
        ("majority", "accuracy"),
        ("networks", "vgg16", "seeds"),
        ("networks", "vgg16", "classes", "polyp"),
        ("networks", "vgg16", "classes", "polyp", "f1", "value"),
        ("partition",),
    ],
)
def test_metrics_that_lack_a_key_are_refused(folder: Path, path: tuple[str, ...]) -> None:
    metrics_without(folder, *path)
    with pytest.raises(StudyError, match=r"metrics\.json is damaged: make it anew with"):
        read_study(folder)


def test_numbers_that_are_not_finite_are_no_heat_maps(folder: Path) -> None:
    maps = np.zeros((6, 3, 7, 7), np.float32)
    maps[3, 1, 2, 2] = np.nan
    np.save(folder / "runs/vgg16-f0-s0/heatmaps.npy", maps)
    with pytest.raises(StudyError, match=r"heatmaps\.npy is damaged.*finite numbers"):
        read_study(folder)


def test_run_that_finished_after_a_failure_is_shown(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", ["vgg16"], n=12)
    (folder / "runs/vgg16-f0-s0/failure.json").write_text('{"message": "Out of memory"}')
    page = rendered(folder)
    assert "of 12 readings were wrong" in page.by_id("cases").text("en")
    assert "No run failed." in page.by_id("versions").text("en")
    assert "Out of memory" not in page.text("en")


def test_run_that_did_not_finish_is_left_out_as_in_the_numbers(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", ["vgg16"], n=12, seeds=2)
    (folder / "runs/vgg16-f0-s1/resources.json").unlink()
    page = rendered(folder)
    assert "of 12 readings were wrong" in page.by_id("cases").text("en")
