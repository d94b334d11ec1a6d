"""Checklists: complete, and filled only where a file proves an item."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from metrascope.messages import table
from metrascope.report.checklists import CHECKLISTS, checklist_table, fill_checklist
from metrascope.report.documents import write_documents
from metrascope.report.facts import FACTS, find_fact
from metrascope.study_folder.contents import read_study

from .evidence import change, whole_study, without_intervals

COUNTS = {"claim": (44, 44), "tripod_ai": (52, 27), "stard": (37, 31)}


def content(key: str) -> dict[str, Any]:
    file = resources.files("metrascope") / "checklists" / f"{key}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_study(tmp_path_factory.mktemp("c") / "s")


@pytest.mark.parametrize("key", CHECKLISTS)
def test_items_are_all_there_in_order_and_in_both_languages(key: str) -> None:
    items = content(key)["items"]
    numbers = [item["number"] for item in items]
    rows, whole = COUNTS[key]
    assert (len(items), len({number.rstrip("abcdefg") for number in numbers})) == (rows, whole)
    counted = [int(number.rstrip("abcdefg")) for number in numbers if number != "–"]
    assert counted == sorted(counted)
    assert len(set(numbers) - {"–"}) == len(counted)
    for item in items:
        assert set(item) <= {"number", "section", "en", "zh", "facts", "partly"}
        assert f"checklist.section_{item['section']}" in table()
        assert item["en"].isascii()
        assert not item["zh"].isascii()
        assert set(item.get("facts", [])) <= set(FACTS)


def test_every_fact_is_asked_for() -> None:
    asked = {
        name for key in CHECKLISTS for i in content(key)["items"] for name in i.get("facts", [])
    }
    assert asked == set(FACTS)


def test_list_that_is_not_stard_ai_says_so(folder: Path) -> None:
    study = read_study(folder)
    assert "not the STARD-AI checklist" in fill_checklist(study, "stard", "en").note
    assert "不是 STARD-AI 清单" in fill_checklist(study, "stard", "zh").note


@pytest.mark.parametrize(
    ("key", "filled", "partly"), [("claim", 17, 4), ("tripod_ai", 7, 11), ("stard", 7, 4)]
)
def test_rows_of_a_made_study_are_counted(folder: Path, key: str, filled: int, partly: int) -> None:
    found = fill_checklist(read_study(folder), key, "en")
    assert (found.count("filled"), found.count("partly")) == (filled, partly)
    assert found.count("open") == COUNTS[key][0] - filled - partly
    for answer in found.answers:
        assert bool(answer.pointer) == (answer.state != "open")
        assert (answer.answer == "To be answered by the authors.") == (answer.state == "open")


# Each fact with the file, and the key in it if any, without which it has no proof.
PROOFS = [
    ("source", "data.json", "images"),
    ("included", "data.json", "patients"),
    ("class_counts", "data.json", "partitions"),
    ("partitions", "splits.csv", ""),
    ("disjoint", "splits.csv", ""),
    ("preprocessing", "settings.toml", ""),
    ("training", "settings.toml", ""),
    ("selection", "settings.toml", ""),
    ("imbalance", "settings.toml", ""),
    ("details", "settings.toml", ""),
    ("software", "versions.json", ""),
    ("inputs", "runs/resnet18-f0-s0/model.json", "preprocessing"),
    ("model", "runs/resnet18-f0-s0/model.json", "network"),
    ("initialization", "runs/resnet18-f0-s0/model.json", "origin"),
    ("weights", "runs/resnet18-f0-s0/model.json", "weights_sha256"),
    ("output", "runs/resnet18-f0-s0/predictions.csv", ""),
    ("failures", "runs/resnet18-f0-s0/predictions.csv", ""),
    ("heatmaps", "runs/resnet18-f0-s0/heatmaps.npy", ""),
    ("measures", "metrics.json", ""),
    ("evaluated", "metrics.json", ""),
    ("performance", "metrics.json", ""),
    ("class_performance", "metrics.json", ""),
    ("crosstab", "metrics.json", ""),
]


@pytest.mark.parametrize(("name", "file", "key"), PROOFS, ids=[proof[0] for proof in PROOFS])
def test_fact_is_gone_with_its_proof(tmp_path: Path, name: str, file: str, key: str) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    before = find_fact(read_study(folder), name, "en")
    assert before is not None
    assert before.value
    assert before.pointer
    if key:
        change(folder / file, **{key: None})
    else:
        (folder / file).unlink()
    assert find_fact(read_study(folder), name, "en") is None


def test_class_fact_needs_the_data_file(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    assert find_fact(read_study(folder), "classes", "en") is not None
    (folder / "data.json").unlink()
    assert find_fact(read_study(folder), "classes", "en") is None


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", ["comparisons", "calibration", "subgroups", "ensemble"])
def test_statistics_are_facts_while_they_are_in_the_metrics(
    tmp_path: Path, name: str, lang: str
) -> None:
    folder = whole_study(tmp_path / "s", n=60)
    fact = find_fact(read_study(folder), name, lang)
    assert fact is not None
    assert fact.value
    assert fact.pointer == f"metrics.json: {name}"
    change(folder / "metrics.json", **{name: None})
    assert find_fact(read_study(folder), name, lang) is None


def test_intervals_are_a_fact_while_they_are_in_the_metrics(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    fact = find_fact(read_study(folder), "intervals", "en")
    assert fact is not None
    assert fact.pointer == "metrics.json: networks.*.low, high"
    assert find_fact(without_intervals(folder), "intervals", "en") is None


def test_attribute_without_a_subgroup_of_size_is_no_analysis(tmp_path: Path) -> None:
    study = read_study(whole_study(tmp_path / "s", networks=["resnet18"], n=18))
    assert study.metrics["subgroups"]["attributes"]
    assert find_fact(study, "subgroups", "en") is None


def test_external_results_are_facts_once_they_are_in_the_metrics(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    assert find_fact(read_study(folder), "external", "zh") is None
    change(folder / "metrics.json", external={"n": 3})
    assert find_fact(read_study(folder), "external", "zh") is not None


def test_leak_is_no_proof_of_disjoint_partitions(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    change(folder / "data.json", leaks=1)
    assert find_fact(read_study(folder), "disjoint", "en") is None


def test_partitions_are_told_with_counts_and_seed(folder: Path) -> None:
    fact = find_fact(read_study(folder), "partitions", "en")
    assert fact is not None
    assert fact.value.startswith("20 / 10 / 0 patients")
    assert "seed 0" in fact.value
    assert fact.pointer.startswith("splits.csv")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_files_are_the_filled_checklists(tmp_path: Path, lang: str) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    study = read_study(folder)
    files = write_documents(study, lang)
    assert all(file.is_file() for file in files)
    for key in CHECKLISTS:
        expected = checklist_table(fill_checklist(study, key, lang), lang)
        found = pd.read_csv(
            folder / f"checklists/{key}.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
        tex = (folder / f"checklists/{key}.tex").read_text(encoding="utf-8")
        body = tex.split("\\endfoot\n")[1].split("\\end{longtable}")[0]
        assert body.count(" \\\\\n") == len(expected)
        assert ("条目" in tex) == (lang == "zh")
