"""Words of a vocabulary pass from the labels into the data set; what else was typed does not."""

import pytest

from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.column_words import ColumnWords

WORDS = ColumnWords(Pseudonyms(b"s" * 32), "My Hospital", ("市一医院",))


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("plane", "矢状面", "sagittal"),
        ("plane", "钱多多 矢状面 13812345678", "sagittal"),
        ("plane", "Transverse (Dr Li)", "transverse"),
        ("plane", "子宫横切", "transverse"),
        ("plane", "SAG", "sagittal"),
        ("plane", "矢状+横切", "sagittal+transverse"),
        ("plane", "冠状", "coronal"),
        ("plane", "不详", ""),
        ("centre", "A", "A"),
        ("centre", "中心 3", "中心 3"),
        ("centre", "Site\n2", "Site 2"),
        ("centre", "１２", "12"),
        ("centre", "市一医院 ", "市一医院"),
        ("centre", "my hospital", "My Hospital"),
        ("centre", "无", ""),
        ("scanner", "GE Voluson E10", "GE Voluson E10"),
        ("scanner", "迈瑞Resona7彩超", "Mindray Resona7"),
        ("scanner", "GE Voluson E8 彩色多普勒超声诊断仪", "GE Voluson E8"),
        ("scanner", "西门子S2000", "Siemens S2000"),
        ("scanner", "-", ""),
    ],
)
def test_known_words_pass(column: str, cell: str, expected: str) -> None:
    assert WORDS.clean(column, cell) == expected


@pytest.mark.parametrize(
    ("column", "cell", "begins"),
    [
        ("centre", "某市第一医院 13812345678", "C"),
        ("centre", "某市第一医院", "C"),
        ("centre", "王丽", "C"),
        ("centre", "13812345678", "C"),
        ("centre", "Beijing Hospital", "C"),
        ("plane", "钱多多", "unlisted-"),
        ("plane", "US40012", "unlisted-"),
        ("scanner", "GE E10 李医生", "GE E10 unlisted-"),
        ("scanner", "李医生的机器", "unlisted-"),
        ("scanner", "GE Voluson E10 QDD1234", "GE Voluson E10 unlisted-"),
        ("scanner", "GE Voluson E10 13812345678", "GE Voluson E10 unlisted-"),
        ("scanner", "=cmd|' /C calc'!A0", "unlisted-"),
    ],
)
def test_what_is_not_known_becomes_a_code(column: str, cell: str, begins: str) -> None:
    cleaned = WORDS.clean(column, cell)
    assert cleaned.startswith(begins)
    assert len(cleaned) == len(begins) + 6
    assert cleaned[len(begins) :].isalnum()
    assert WORDS.clean(column, f" {cell} ") == cleaned
    assert ColumnWords(Pseudonyms(b"t" * 32)).clean(column, cell) != cleaned


def test_a_list_leads_back_from_what_was_changed() -> None:
    row = {"centre": "某市第一医院", "plane": "sagittal", "scanner": "GE E10 李医生"}
    coded = {column: (value, cell) for column, value, cell in WORDS.coded(row)}
    assert coded == {
        "centre": (WORDS.clean("centre", row["centre"]), "某市第一医院"),
        "scanner": (WORDS.clean("scanner", row["scanner"]), "GE E10 李医生"),
    }
