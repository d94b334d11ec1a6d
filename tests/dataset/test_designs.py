"""Properties of every design, and scikit-learn's folds as an oracle of what can be reached."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from metrascope.dataset.designs import draw_split
from metrascope.dataset.split import Split
from metrascope.errors import DataError, SettingsError
from metrascope.settings.study_settings import SplitSettings

CLASSES = ("normal", "fibroid", "polyp")
SCANNERS = ("aplio", "epiq", "voluson")


def images(seed: int = 0, patients: int = 150, groups: bool = False) -> pd.DataFrame:
    """One to three images of each patient, of one scanner; groups of up to four, if asked for."""
    rng = np.random.default_rng(seed)
    label = rng.choice(CLASSES, patients, p=[0.33, 0.19, 0.48])
    table = pd.DataFrame(
        {
            "patient_id": [f"P{number:03d}" for number in range(patients)],
            "label": label,
            "scanner": rng.choice(SCANNERS, patients),
        }
    )
    if groups:
        group = rng.integers(0, patients // 2, patients)
        table["patient_group"] = [f"G{number}" if number % 3 == 0 else "" for number in group]
        same = table[table["patient_group"] != ""].groupby("patient_group")["scanner"]
        table["scanner"] = same.transform("first").reindex(table.index).fillna(table["scanner"])
    table = table.loc[np.repeat(table.index, rng.integers(1, 4, patients))].reset_index(drop=True)
    table.index += 2
    return table.assign(image=[f"{number}.png" for number in range(len(table))])


def units(table: pd.DataFrame) -> "pd.Series[str]":
    """Return each patient's group, or herself."""
    known = table.drop_duplicates("patient_id").set_index("patient_id")
    if "patient_group" not in known:
        return pd.Series(known.index, known.index)
    return known["patient_group"].where(known["patient_group"] != "", known.index)


def check_sound(split: Split, table: pd.DataFrame, repeats: int) -> None:
    """Everyone is tested once per repeat; no unit is torn; choices never see the test."""
    unit = units(table)
    for _, rows in split.table.groupby("fold"):
        assert sorted(rows["patient_id"]) == sorted(unit.index)
        assert (rows.groupby(rows["patient_id"].map(unit))["partition"].nunique() == 1).all()
        for partition in ("train", "validation"):
            present = set(rows["label"][rows["partition"] == partition])
            assert present == set(CLASSES), partition
    tested = split.table[split.table["partition"] == "test"]
    assert (tested["patient_id"].value_counts() == repeats).all()
    assert tested["patient_id"].nunique() == len(unit)


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize(
    ("seed", "folds", "repeats"), [(0, 5, 1), (1, 5, 3), (2, 2, 2), (3, 10, 1)]
)
def test_folds_are_sound(seed: int, folds: int, repeats: int, groups: bool) -> None:
    table = images(seed, groups=groups)
    settings = SplitSettings(
        design="kfold", folds=folds, repeats=repeats, validation=0.15, seed=seed
    )
    split = draw_split(table, CLASSES, settings)
    check_sound(split, table, repeats)
    assert split.folds == list(range(folds * repeats))
    for repeat in range(repeats):
        own = split.table[split.table["fold"] // folds == repeat]
        assert (own["patient_id"][own["partition"] == "test"].value_counts() == 1).all()


@pytest.mark.parametrize("seed", range(6))
def test_shares_are_within_one_patient(seed: int) -> None:
    """Of each class and of all, in test and in validation, where no group ties patients."""
    table = images(seed)
    settings = SplitSettings(design="kfold", folds=7, validation=0.2, seed=seed)
    split = draw_split(table, CLASSES, settings).table
    sizes = split.groupby("label")["patient_id"].nunique()
    for _, rows in split.groupby("fold"):
        tested = rows[rows["partition"] == "test"]
        assert abs(len(tested) - sizes.sum() / 7) < 1
        for label in CLASSES:
            own = rows[rows["label"] == label]
            assert abs((own["partition"] == "test").sum() - sizes[label] / 7) < 1
            rest = (own["partition"] != "test").sum()
            assert abs((own["partition"] == "validation").sum() - 0.2 * rest) < 1


def spread(test: list[set[str]], label: "pd.Series[str]") -> float:
    """Return the standard deviation over folds of each class's share of patients, the mean."""
    counts = np.array([[label[list(fold)].eq(name).sum() for name in CLASSES] for fold in test])
    return float((counts / counts.sum(axis=0)).std(axis=0).mean())


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_spread_as_evenly_as_scikit_learn_does(seed: int) -> None:
    table = images(seed, groups=True)
    patients = table.drop_duplicates("patient_id").set_index("patient_id")
    settings = SplitSettings(design="kfold", folds=5, seed=seed)
    split = draw_split(table, CLASSES, settings).table
    ours = [
        set(rows["patient_id"][rows["partition"] == "test"]) for _, rows in split.groupby("fold")
    ]
    oracle = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    places = oracle.split(patients, patients["label"], units(table))
    theirs = [set(patients.index[test]) for _, test in places]
    assert spread(ours, patients["label"]) <= spread(theirs, patients["label"]) + 1e-9


@pytest.mark.parametrize("design", ["holdout", "kfold", "leave-one-out"])
def test_the_seed_decides_and_nothing_else(design: str) -> None:
    table = images(4, groups=True)
    settings = {"design": design, "folds": 4, "validation": 0.2}
    first = draw_split(table, CLASSES, SplitSettings(**settings, seed=1))
    again = draw_split(
        table.sample(frac=1, random_state=0), CLASSES, SplitSettings(**settings, seed=1)
    )
    other = draw_split(table, CLASSES, SplitSettings(**settings, seed=2))
    assert first.digest == again.digest != other.digest


def test_repeats_and_folds_differ_in_what_they_test_and_validate() -> None:
    settings = SplitSettings(design="kfold", folds=3, repeats=2, validation=0.3)
    split = draw_split(images(), CLASSES, settings).table
    for partition in ("test", "validation"):
        chosen = split[split["partition"] == partition].groupby("fold")["patient_id"]
        assert len(set(chosen.agg(frozenset))) == 6, partition


def test_a_hold_out_with_a_test_keeps_the_validation_and_takes_the_test_from_training() -> None:
    table = images(groups=True)
    without = draw_split(table, CLASSES, SplitSettings(validation=0.2, seed=3)).table
    split = draw_split(table, CLASSES, SplitSettings(validation=0.2, test=0.25, seed=3))
    check_units = split.table.groupby(split.table["patient_id"].map(units(table)))["partition"]
    assert (check_units.nunique() == 1).all()
    for table_of in (without, split.table):
        assert set(table_of["partition"]) <= {"train", "validation", "test"}
    assert set(without["patient_id"][without["partition"] == "validation"]) == set(
        split.table["patient_id"][split.table["partition"] == "validation"]
    )
    alone = images(1)
    shares = draw_split(alone, CLASSES, SplitSettings(validation=0.2, test=0.25)).table
    for label in CLASSES:
        own = shares["partition"][shares["label"] == label]
        assert abs((own == "test").sum() - 0.25 * len(own)) < 1
        assert abs((own == "validation").sum() - 0.2 * len(own)) < 1


def test_one_scanner_is_left_out_at_a_time() -> None:
    table = images(groups=True)
    split = draw_split(table, CLASSES, SplitSettings(design="leave-one-out", validation=0.2))
    check_sound(split, table, 1)
    for fold, scanner in enumerate(SCANNERS):
        tested = table["scanner"].iloc[split.rows(table, "test", fold)]
        assert set(tested) == {scanner}
        assert len(tested) == (table["scanner"] == scanner).sum()


def test_who_was_seen_on_two_scanners_never_shows_the_tested_one() -> None:
    """Nothing of the tested scanner trains or validates, and nothing else is tested."""
    table = images()
    moved = table["patient_id"].isin(["P003", "P010"]) & table["patient_id"].duplicated()
    table["centre"] = table["scanner"]
    table.loc[moved, "centre"] = [
        "epiq" if old != "epiq" else "aplio" for old in table["centre"][moved]
    ]
    several = table.groupby("patient_id")["centre"].nunique()
    mixed = set(several.index[several > 1])
    assert mixed
    settings = SplitSettings(design="leave-one-out", by="centre", validation=0.2)
    split = draw_split(table, CLASSES, settings)
    for fold, centre in enumerate(SCANNERS):
        for partition in ("train", "validation"):
            assert centre not in set(table["centre"].iloc[split.rows(table, partition, fold)])
        assert set(table["centre"].iloc[split.rows(table, "test", fold)]) == {centre}
    tested = set(split.table["patient_id"][split.table["partition"] == "test"])
    assert tested == set(table["patient_id"]) - mixed
    trained = split.table[split.table["partition"] == "train"]["patient_id"]
    assert mixed <= set(trained)


def few(**patients: int) -> pd.DataFrame:
    rows = [(f"{label}{n}", label) for label, count in patients.items() for n in range(count)]
    return pd.DataFrame(rows, columns=["patient_id", "label"], index=range(2, len(rows) + 2))


@pytest.mark.parametrize(
    ("table", "design", "expected"),
    [
        (few(normal=9, fibroid=4, polyp=9), {"folds": 5}, "fibroid has 4 patient"),
        (few(normal=9, fibroid=3, polyp=9), {"folds": 2}, "at least 4"),
        (few(normal=9, fibroid=9, myoma=9), {"folds": 2}, "Row 20 .* myoma"),
        (few(normal=9, fibroid=2, polyp=9), {"design": "holdout", "test": 0.1}, "at least 3"),
        (few(normal=9, fibroid=9, polyp=9), {"design": "leave-one-out"}, "has no scanner"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    table: pd.DataFrame, design: dict[str, object], expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        draw_split(table, CLASSES, SplitSettings(**{"design": "kfold"} | design))


@pytest.mark.parametrize(
    ("scanners", "expected"),
    [
        (["", *"aabb"], "6 row.* the first is row 2.*manifest.csv.*--by centre"),
        (list("aaaaa"), "same scanner"),
        (list("ccccc"), "same scanner"),
    ],
)
def test_scanners_that_cannot_be_left_out(scanners: list[str], expected: str) -> None:
    table = few(normal=10, fibroid=10, polyp=10)
    table["scanner"] = scanners * 6
    with pytest.raises(DataError, match=expected):
        draw_split(table, CLASSES, SplitSettings(design="leave-one-out"))


def test_a_class_of_one_scanner_alone_cannot_be_learned_without_it() -> None:
    table = few(normal=10, fibroid=10, polyp=10)
    table["scanner"] = [
        "a" if label == "polyp" else "ab"[n % 2] for n, label in enumerate(table.label)
    ]
    with pytest.raises(DataError, match=r"Without the scanner a the class polyp has 0 patient"):
        draw_split(table, CLASSES, SplitSettings(design="leave-one-out"))


def test_a_scanner_that_no_patient_has_alone_cannot_be_tested() -> None:
    table = few(normal=10, fibroid=10, polyp=10)
    table["scanner"] = ["a", "b"] * 15
    extra = table.iloc[:1].assign(scanner="c")
    with pytest.raises(DataError, match=r"scanner c alone"):
        draw_split(pd.concat([table, extra]), CLASSES, SplitSettings(design="leave-one-out"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"design": "kfold", "test": 0.2}, r"split.test is for the design holdout"),
        ({"repeats": 2}, r"split.repeats is for the design kfold"),
        ({"validation": 0.5, "test": 0.5}, r"nobody to train"),
    ],
)
def test_settings_that_contradict_each_other(values: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        SplitSettings(**values)
