"""Nobody is nobody however it is written, and somebody stays somebody."""

import pytest

from metrascope.dicom.placeholders import is_placeholder

NOBODY = """
ANONYMOUS|Anonymous^Patient|ANON|anonymized|(anonymous)|<none>|NULL|None|NaN|n/a|N.A.|#N/A|#REF!
UNKNOWN|unknown^^^|Unknown Unknown|No Name|NoName^|NO ID|Test|TEST^PATIENT|Patient^Test|patient
x|XXX|X^X|-|--|/|\\|.|?|***|_|　|＊|0|000000|0.0|0-0|-1|-99|99999|00000000|11111111|123456
12345678.0|0123456789|987654321|无|不详|匿名|未填|空|未知|【无】|（空）|無|未填写|无名氏|测试|暂无
同上|病人|待补|无病历号|ｕｎｋｎｏｗｎ|Not available|de-identified|REDACTED|removed|ditto|tbd
""".replace("\n", "|").split("|")

SOMEBODY = """
7|1|12|99|1111|9999|12345|100000|1000|0001|US40001|ANON001|Anon^Li|匿名1|P0|Test-17|P000|张三|王丽|Li^Na|吴^无双
Wang^Li|Na^Li=李^娜|1.2.840.10008.1|01234|234567|13579|0x1|A|女娲|空海|10101|2024-03-12|-12|X12
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("value", NOBODY)
def test_a_placeholder_is_nobody(value: str) -> None:
    assert is_placeholder(value)
    assert is_placeholder(f" {value}\0")


@pytest.mark.parametrize("value", [value for value in SOMEBODY if value])
def test_a_number_or_name_is_somebody(value: str) -> None:
    assert not is_placeholder(value)
