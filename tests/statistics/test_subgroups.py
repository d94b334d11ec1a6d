"""Subgroups: who is in which, their numbers, and a test that keeps its word."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable
from tests.statistics.make import PAPER
from tests.statistics.test_calibration import calibrated, table

from metrascope.errors import DataError
from metrascope.results.findings import subgroup_sentences
from metrascope.statistics.attributes import attributes, match_images
from metrascope.statistics.cohort import Cohort, cohort
from metrascope.statistics.measures import confusion_counts, overall
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.resampling import draw_patients
from metrascope.statistics.subgroup_test import detectable, patient_strata, spread_test
from metrascope.statistics.subgroups import macro_f1, subgroups

MANIFEST = pd.DataFrame(
    {
        "image": ["a", "b", "c", "d"],
        "scanner": ["GE", "GE", "Canon", ""],
        "centre": ["one"] * 4,
        "age": ["29", "30", "", "61.5"],
        "lesion_mm": ["9.9", "10.0", "15.0", ""],
    }
)


def people_of(n: int = 240, replications: int = 1, images: int = 1) -> Cohort:
    return cohort(Predictions(table(calibrated(n, 2.0, 0, replications, images)), PAPER))


def known(people: Cohort, **columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(people.table["images"]))


def test_attributes_are_those_of_the_files_that_vary() -> None:
    found = attributes(MANIFEST.assign(marks=["none", "caliper:2 text:1", "none", ""]))
    assert list(found) == ["scanner", "age", "lesion_mm", "marks"]
    assert list(found.index) == list("abcd")
    assert list(found["scanner"]) == ["GE", "GE", "Canon", ""]
    assert list(found["age"]) == ["<30", "30-39", "", "≥50"]
    assert list(found["lesion_mm"]) == ["<10", "10-14", "≥15", ""]
    assert list(found["marks"]) == ["without", "with", "without", ""]
    assert "marks" not in attributes(MANIFEST)


def test_a_patient_is_where_most_of_her_images_are() -> None:
    rows = pd.DataFrame(
        {
            "image": list("abcdef"),
            "patient_id": ["P", "P", "P", "Q", "Q", "R"],
            "label": "polyp",
            "predicted": "polyp",
        }
    ).assign(network="n", partition="validation", fold=0, seed=0)
    people = cohort(Predictions(rows, ("normal", "polyp")))
    values = pd.DataFrame(
        {"scanner": ["GE", "Canon", "GE", "GE", "Canon", ""]}, index=pd.Index(list("abcdef"))
    )
    (told,) = subgroups(people, values, draw_patients(range(3), replicates=5))["attributes"]
    # Q has one of each, and Canon comes first; of R nothing is known.
    sizes = {group["name"]: group["patients"] for group in told["groups"]}
    assert sizes == {"Canon": 1, "GE": 1}


def test_numbers_are_those_of_the_subgroup_alone() -> None:
    people = people_of()
    values = ["GE" if i % 3 else "Canon" for i in range(240)]
    told = subgroups(
        people, known(people, scanner=values), draw_patients(range(240), replicates=300)
    )
    readings = people.readings["vgg16"]
    for group in told["attributes"][0]["groups"]:
        rows = np.flatnonzero(np.array(values) == group["name"])
        own = readings.of(rows)
        numbers = group["networks"]["vgg16"]
        right = own.predicted[0] == own.truth
        scores = overall(confusion_counts(own, np.ones((1, len(rows)), dtype=np.float32)))
        assert group["patients"] == len(rows)
        assert sum(group["counts"].values()) == len(rows)
        assert numbers["accuracy"]["value"] == pytest.approx(right.mean())
        assert numbers["macro_f1"]["value"] == pytest.approx(scores["macro_f1"].item(), abs=1e-6)
        assert numbers["macro_f1"]["low"] < scores["macro_f1"].item() < numbers["macro_f1"]["high"]
    json.dumps(told, allow_nan=False)


def test_macro_f1_in_resamples_is_that_of_measures() -> None:
    people = people_of(90, replications=2)
    readings = people.readings["vgg16"]
    resamples = draw_patients(range(90), replicates=200)
    rows = np.arange(40, 90)
    ((found,),) = macro_f1([readings], resamples, [rows])
    (weights,) = resamples.drawn()
    drawn = overall(confusion_counts(readings.of(rows), weights[:, rows]))["macro_f1"].mean(1)
    assert found.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.04)
    assert found.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.04)


def test_small_subgroups_show_their_size_alone() -> None:
    people = people_of()
    values = ["GE"] * 19 + ["Canon"] * 20 + ["Philips"] * 201
    (told,) = subgroups(
        people, known(people, scanner=values), draw_patients(range(240), replicates=5)
    )["attributes"]
    shown = {group["name"]: "networks" in group for group in told["groups"]}
    assert shown == {"Canon": True, "GE": False, "Philips": True}
    assert told["tests"]["vgg16"]["p"] is not None


def test_a_subgroup_without_a_class_has_no_macro_f1() -> None:
    people = people_of()
    values = ["" if label == "normal" else "<10" for label in people.table["label"]]
    found = known(people, lesion_mm=values)
    (told,) = subgroups(people, found, draw_patients(range(240), replicates=5))["attributes"]
    numbers = told["groups"][0]["networks"]["vgg16"]
    assert "macro_f1" not in numbers
    assert numbers["specificity"]["value"] is None
    assert numbers["sensitivity"]["value"] is not None
    assert told["tests"] == {}


def test_two_subgroups_are_compared_as_by_cochran_mantel_and_haenszel() -> None:
    rng = np.random.default_rng(3)
    n = 600
    strata, groups = rng.integers(3, size=n), rng.integers(2, size=n)
    correct = (rng.random(n) < 0.65 + 0.07 * groups + 0.08 * strata).astype(float)
    tables = [
        np.array(
            [
                [((strata == s) & (groups == g) & (correct == c)).sum() for c in (1, 0)]
                for g in (0, 1)
            ]
        )
        for s in range(3)
    ]
    expected = StratifiedTable(tables).test_null_odds(correction=False).pvalue
    found = spread_test(correct[:, None], groups, strata, 0)
    assert 0.05 < expected < 0.5
    assert found[0] == pytest.approx(expected, rel=0.25)


def test_false_alarms_are_as_rare_as_stated_with_unequal_mix_of_classes() -> None:
    """Classes are hard and easy and subgroups have more of one: no effect of the subgroup."""
    rng = np.random.default_rng(5)
    alarms, naive = [], []
    for trial in range(400):
        groups = rng.choice(4, size=160, p=[0.1, 0.2, 0.3, 0.4])
        strata = (rng.random(160) < np.array([0.2, 0.4, 0.6, 0.8])[groups]).astype(np.int64)
        right = (rng.random((160, 1)) < np.array([0.95, 0.6])[strata][:, None]).astype(float)
        alarms.append(spread_test(right, groups, strata, trial)[0] < 0.05)
        if trial < 100:
            together = np.zeros_like(strata)
            naive.append(spread_test(right, groups, together, trial)[0] < 0.05)
    assert 0.02 < np.mean(alarms) < 0.08
    assert np.mean(naive) > 0.3


def test_an_effect_is_found() -> None:
    rng = np.random.default_rng(0)
    groups, strata = np.repeat([0, 1], 150), rng.integers(3, size=300)
    right = (rng.random((300, 1)) < np.array([0.9, 0.6])[groups][:, None]).astype(float)
    assert spread_test(right, groups, strata, 0)[0] < 0.001


def test_nothing_to_compare_has_no_p() -> None:
    groups, strata = np.repeat([0, 1], 20), np.zeros(40, dtype=np.int64)
    assert np.isnan(spread_test(np.ones((40, 1)), groups, strata, 0)[0])
    assert np.isnan(spread_test(np.ones((40, 1)), strata, strata, 0)[0])
    # Classes that lie in one subgroup each say nothing of the subgroups.
    right = np.tile([0.0, 1.0], 20)[:, None]
    assert np.isnan(spread_test(right, groups, groups, 0)[0])


def test_strata_are_the_classes_of_a_patient() -> None:
    found = patient_strata(np.array([0, 0, 1, 2, 3, 3]), np.array([0, 2, 0, 0, 2, 0]))
    assert found[0] == found[3] != found[1] == found[2]


def test_detectable_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    difference = detectable(0.75, [80, 320])
    found = []
    for trial in range(120):
        groups = np.repeat([0, 1], [80, 320])
        chance = 0.75 + difference * np.array([-0.8, 0.2])[groups]
        right = (rng.random((400, 1)) < chance[:, None]).astype(float)
        found.append(spread_test(right, groups, np.zeros_like(groups), trial)[0] < 0.05)
    assert 0.66 < np.mean(found) < 0.92


def test_sentences_say_no_more_than_the_test() -> None:
    people = people_of()
    readings = people.readings["vgg16"]
    values = np.where(np.arange(240) < 120, "GE", "Canon")
    wrong = (readings.truth + 1) % 3
    spoiled = np.where((values == "GE") & (np.arange(240) % 2 == 0), wrong, readings.truth)
    bad = replace(readings, predicted=spoiled[None])
    drawn = draw_patients(range(240), replicates=5)
    same = subgroups(people, known(people, scanner=list(values)), drawn)
    (calm,) = subgroup_sentences(same, "en")
    assert calm.startswith("Scanner: no network is shown")
    assert "120 patients" in calm
    differing = replace(people, readings={"vgg16": bad})
    (loud,) = subgroup_sentences(
        subgroups(differing, known(people, scanner=list(values)), drawn), "en"
    )
    assert loud.startswith("Scanner: VGG-16 read some subgroups better")
    assert "超声仪" in subgroup_sentences(same, "zh")[0]


def test_several_images_and_seeds_count_patients_once() -> None:
    people = people_of(240, replications=2, images=3)
    patients = people.table["patient_id"].nunique()
    values = pd.Series(people.table["patient_id"]).map(lambda p: "GE" if int(p[-1]) % 2 else "X")
    table_ = pd.concat(
        [
            pd.DataFrame({"scanner": value}, index=pd.Index(names.split(" | ")))
            for names, value in zip(people.table["images"], values, strict=True)
        ]
    )
    (told,) = subgroups(people, table_, draw_patients(people.table["patient_id"], replicates=20))[
        "attributes"
    ]
    assert sum(group["patients"] for group in told["groups"]) == patients == 80
    assert 0 < told["tests"]["vgg16"]["p"] <= 1


def test_a_manifest_is_matched_by_the_names_of_images() -> None:
    known = pd.DataFrame({"image": ["a.png", "e\u0301.png", "c.png"]}, index=[2, 3, 4])
    assert match_images(known, ["é.png", "a.png", "a.png"], Path("m.csv")) == (2, 2)
    assert known["image"].tolist() == ["a.png", "é.png", "c.png"]
    assert match_images(known, ["a.png", "x.png", "y.png"], Path("m.csv")) == (1, 3)
    with pytest.raises(DataError, match=r"None of the 2 .* in m\.csv: .* have images/a\.png"):
        match_images(known, ["images/a.png", "images/é.png"], Path("m.csv"))
    with pytest.raises(DataError, match=r"m\.csv, row 3: the image a\.png"):
        match_images(known.assign(image="a.png"), ["a.png"], Path("m.csv"))
