"""Every column of a table is listed with what it was taken for, used or not."""

from pathlib import Path

import pytest

from metrascope.labels.column_uses import column_uses
from metrascope.labels.columns import ROLES
from metrascope.labels.labels import read_labels
from metrascope.messages import text


def test_every_column_is_listed_in_the_order_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(
        "姓名,检查日期,检查号,宫腔镜诊断（仅核对）,病理诊断,,备注\n"
        "王丽,2020-01-01,US1,息肉,子宫内膜息肉,,随访\n",
        encoding="utf-8",
    )
    assert [(one.letter, one.name, one.use) for one in column_uses(read_labels(path))] == [
        ("A", "姓名", "name"),
        ("B", "检查日期", "unused"),
        ("C", "检查号", "accession"),
        ("D", "宫腔镜诊断（仅核对）", "compared"),
        ("E", "病理诊断", "label"),
        ("G", "备注", "unused"),
    ]


def test_letters_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    names = ["accession", "label", *(f"x{n}" for n in range(2, 703))]
    path.write_text(",".join(names) + "\n" + ",".join(["US1", "polyp", *"1" * 701]), "utf-8")
    letters = [one.letter for one in column_uses(read_labels(path))]
    assert [letters[n] for n in (0, 25, 26, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


@pytest.mark.parametrize("use", [*ROLES, "compared", "unused"])
def test_every_use_has_words_in_both_languages(use: str) -> None:
    assert text(f"role.{use}", "en") != text(f"role.{use}", "zh")
