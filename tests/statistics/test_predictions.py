"""Predictions tables: reading, defaults, every check, writing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrascope.errors import DataError
from metrascope.statistics.predictions import KEY_COLUMNS, read_predictions, write_predictions

from .make import hard_labels, loaded, random_table, saved

RNG_SEED = 5


@pytest.fixture
def table() -> pd.DataFrame:
    return random_table(np.random.default_rng(RNG_SEED), n=12)


def problem(table: pd.DataFrame, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        loaded(table, folder)
    return str(caught.value)


def test_read_full_table_keeps_values_and_adds_predicted(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    predictions = loaded(table, tmp_path)
    assert predictions.classes == ("normal", "fibroid", "polyp")
    columns = ["p_normal", "p_fibroid", "p_polyp"]
    assert list(predictions.table.columns) == [*KEY_COLUMNS, *columns, "predicted"]
    pd.testing.assert_frame_equal(predictions.table[table.columns], table, check_dtype=False)
    best = table[columns].idxmax(axis=1).str.removeprefix("p_")
    assert list(predictions.table["predicted"]) == list(best)
    probabilities = predictions.probabilities
    assert probabilities is not None
    np.testing.assert_array_equal(probabilities, table[columns].to_numpy())


def test_read_puts_columns_in_class_order_whatever_the_files_order(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    shuffled = table[["p_polyp", "label", "p_normal", "image", "p_fibroid"]]
    predictions = loaded(shuffled, tmp_path)
    assert list(predictions.table.columns[7:10]) == ["p_normal", "p_fibroid", "p_polyp"]
    np.testing.assert_array_equal(predictions.table["p_polyp"], table["p_polyp"])


def test_read_minimal_table_gets_defaults(table: pd.DataFrame, tmp_path: Path) -> None:
    minimal = table[["image", "label", "p_normal", "p_fibroid", "p_polyp"]]
    read = loaded(minimal, tmp_path, "our model.csv").table
    assert set(read["network"]) == {"our model"}
    assert set(read["partition"]) == {"validation"}
    assert set(read["fold"]) == set(read["seed"]) == {0}
    assert list(read["patient_id"]) == list(read["image"])


def test_read_hard_labels_without_probabilities(tmp_path: Path) -> None:
    predictions = loaded(hard_labels([(1, 1, 0), (0, 2, 0), (0, 0, 1)]), tmp_path)
    assert predictions.classes == ("normal", "fibroid", "polyp")
    expected = ["normal", "fibroid", "fibroid", "fibroid", "polyp"]
    assert list(predictions.table["predicted"]) == expected
    assert predictions.probabilities is None


def test_read_files_with_and_without_probabilities_together(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    hard = table[["image", "label"]].assign(predicted="polyp")
    paths = [saved(table, tmp_path), saved(hard, tmp_path, "reader.csv")]
    predictions = read_predictions(paths)
    read = predictions.table.set_index("network")
    assert set(read.loc["reader", "predicted"]) == {"polyp"}
    assert read.loc["resnet18", "p_normal"].notna().all()
    assert predictions.probabilities is None


def test_read_given_decision_wins_over_highest_probability(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    read = loaded(table.assign(predicted="normal"), tmp_path).table
    assert set(read["predicted"]) == {"normal"}


def test_read_spreadsheet_habits_byte_order_mark_blank_rows_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\ufeffimage, label ,predicted\r\n\r\n a.png ,normal, polyp\r\n,,\r\n", "utf-8")
    read = read_predictions([path]).table
    assert read[["image", "label", "predicted"]].values.tolist() == [["a.png", "normal", "polyp"]]


def test_read_given_classes_set_the_order(table: pd.DataFrame, tmp_path: Path) -> None:
    classes = ("polyp", "fibroid", "normal")
    predictions = read_predictions([saved(table, tmp_path)], classes)
    assert predictions.classes == classes
    assert list(predictions.table.columns[7:10]) == [f"p_{name}" for name in classes]


def test_write_then_read_gives_equal_predictions_and_equal_bytes(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "predictions.csv", tmp_path / "b" / "predictions.csv"
    write_predictions(table, first)
    read = read_predictions([first])
    write_predictions(read.table, second)
    assert first.read_bytes() == second.read_bytes()
    pd.testing.assert_frame_equal(read.table, read_predictions([second]).table)
    assert first.read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel
    assert first.read_text("utf-8-sig").splitlines()[0] == ",".join(table.columns)
    assert list(first.parent.iterdir()) == [first]


def test_write_hard_labels_keeps_them(tmp_path: Path) -> None:
    read = loaded(hard_labels([(1, 1, 0), (0, 2, 0), (0, 0, 1)]), tmp_path)
    write_predictions(read.table, tmp_path / "out.csv")
    again = read_predictions([tmp_path / "out.csv"])
    pd.testing.assert_frame_equal(read.table, again.table)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("label", "cancer", '"cancer" is not one of the classes normal, fibroid, polyp'),
        ("label", "", "the cell is empty"),
        ("image", "", "the cell is empty"),
        ("patient_id", " ", "the cell is empty"),
        ("p_polyp", 1.2, '"1.2" is not a probability between 0 and 1'),
        ("p_polyp", -0.01, '"-0.01" is not a probability'),
        ("p_normal", "nan", '"nan" is not a probability'),
        ("p_normal", "", '"" is not a probability'),
        ("p_normal", "0,3", '"0,3" is not a probability'),
        ("p_normal", "inf", '"inf" is not a probability'),
        ("partition", "holdout", '"holdout" is not a partition (train, validation, test)'),
        ("fold", "one", '"one" is not a whole number'),
        ("seed", "-1", '"-1" is not a whole number'),
    ],
)
def test_bad_cell_is_named_with_row_and_column(
    table: pd.DataFrame, tmp_path: Path, column: str, value: object, expected: str
) -> None:
    table = table.astype(object)
    table.loc[3, column] = value
    message = problem(table, tmp_path)
    assert f"resnet18.csv, row 5, column {column}: {expected}" in message


def test_probabilities_that_do_not_add_up_are_named_with_their_sum(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    table.loc[3, ["p_normal", "p_fibroid", "p_polyp"]] = [0.5, 0.3, 0.1]
    assert "row 5: the probabilities add up to 0.9000, not 1" in problem(table, tmp_path)


def test_probabilities_within_a_thousandth_are_accepted(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    table.loc[3, ["p_normal", "p_fibroid", "p_polyp"]] = [0.5, 0.3, 0.1991]
    assert len(loaded(table, tmp_path).table) == len(table)


def test_repeated_row_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    message = problem(pd.concat([table, table.iloc[[4]]]), tmp_path)
    assert 'row 14, column image: "images/0004.png" appears again' in message


def test_same_image_in_another_run_is_no_repetition(table: pd.DataFrame, tmp_path: Path) -> None:
    both = pd.concat([table, table.assign(seed=1), table.assign(network="vgg16")])
    assert len(loaded(both, tmp_path).table) == 3 * len(table)


def test_patient_in_two_partitions_is_named_once(table: pd.DataFrame, tmp_path: Path) -> None:
    table["patient_id"] = [f"P{index // 2:04}" for index in range(len(table))]
    table.loc[[0, 1, 2], "partition"] = ["train", "validation", "validation"]
    message = problem(table, tmp_path)
    assert 'row 3, column partition: patient "P0000" is in train and also in validation' in message
    assert "(1)" in message


def test_patient_in_two_partitions_of_different_folds_is_fine(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    both = pd.concat([table, table.assign(fold=1, partition="train")])
    assert len(loaded(both, tmp_path).table) == 2 * len(table)


def test_image_with_two_labels_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    other = table.assign(network="vgg16")
    wrong = {"normal": "polyp", "fibroid": "polyp", "polyp": "normal"}
    other.loc[2, "label"] = wrong[str(other.loc[2, "label"])]
    assert 'image "images/0002.png" is labeled' in problem(pd.concat([table, other]), tmp_path)


def test_file_without_a_class_of_the_others_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    two = table[["image", "label"]].assign(p_normal=0.4, p_fibroid=0.6)
    with pytest.raises(DataError, match=r"two\.csv, row 1, column p_polyp: the column is missing"):
        read_predictions([saved(table, tmp_path), saved(two, tmp_path, "two.csv")])


def test_column_outside_the_given_classes_is_named(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column p_polyp: the column is none of the classes"):
        read_predictions([saved(table, tmp_path)], ["normal", "fibroid"])


def test_twenty_problems_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(1), n=30).astype({"label": object})
    table["label"] = "cancer"
    message = problem(table, tmp_path)
    assert message.count("row ") == 20
    assert "(30)" in message
    assert message.endswith("and 10 more")


def test_problems_read_in_chinese(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRASCOPE_LANG", "zh")
    monkeypatch.setattr("metrascope.messages._chosen", [])
    table.loc[0, "label"] = "cancer"
    assert "第 2 行 label 列：“cancer”不在类别" in problem(table, tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "holds no predictions"),
        (b"image,label,predicted\n", "holds no predictions"),
        (b"image;label;predicted\na;normal;polyp\n", "semicolons"),
        (b"image\tlabel\tpredicted\na\tnormal\tpolyp\n", "tabs"),
        (b"image|label|predicted\na|normal|polyp\n", "vertical bars"),
        (b"image,predicted\na,polyp\n", "lacks the columns label"),
        (b"image,label\na,polyp\n", "lacks the columns p_<class>"),
        (b"image,label,predicted,label\na,polyp,polyp,polyp\n", "more than one column named label"),
        (b"image,label,predicted\na,normal\n", "x.csv, row 2: 2 cells, but the header has 3"),
        ("image,label,predicted\n图,正常,息肉\n".encode("gbk"), "not UTF-8"),
        ("image,label,predicted\na,normal,polyp\n".encode("utf-16"), "not UTF-8"),
        (b"image,label,predicted\na\0,normal," + b"x" * 200_000, "cannot be read as a table"),
    ],
)
def test_broken_file_is_one_sentence_with_its_name(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_predictions([path])
    assert expected in str(caught.value)
    assert "x.csv" in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match=path.name):
            read_predictions([path])


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["normal", "normal", "fibroid", "polyp"], "name normal more than once"),
        (["normal", " normal", "fibroid", "polyp"], "name normal more than once"),
        (["normal", "", "polyp"], "have an empty name"),
    ],
)
def test_given_classes_that_repeat_or_are_empty_are_refused(
    table: pd.DataFrame, tmp_path: Path, classes: list[str], expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        read_predictions([saved(table, tmp_path)], classes)


def test_spaces_around_given_classes_are_of_no_account(table: pd.DataFrame, tmp_path: Path) -> None:
    predictions = read_predictions([saved(table, tmp_path)], [" polyp", "fibroid ", "normal"])
    assert predictions.classes == ("polyp", "fibroid", "normal")
