"""Placeholders: fillers in a field of an identifier that mean nobody.

Programs that take names away, worklists without a patient and people in a hurry fill such fields
with a word or a number. To take it for an identifier would make one patient of many women.
"""

import re
import unicodedata
from typing import Final

_ENGLISH = """
    anon anonym anonymised anonymize anonymized anonymous blank censored confidential default
    deidentified deleted demo ditto dummy empty example female hidden id inconnu lady masked
    missing mrn na nameless nan nil no nobody none noname noid nonumber notapplicable
    notavailable notentered notgiven notknown notprovided notrecorded null number patient pending
    pseudonymized redacted removed sample subject tba tbd temp temporary test tester testing
    testpatient tobedetermined unassigned unbekannt undefined unidentified unk unknown unnamed
    unspecified woman
"""
_CHINESE = """
    无 無 无名 无名氏 無名氏 无姓名 无号 无编号 无号码 无病历号 无检查号 无记录 无资料 无数据 无此项
    不详 不詳 不明 不清 不清楚 不知道 不适用 未知 未詳 未详 未填 未填写 未填寫 未录 未录入 未登记
    未提供 未记录 未命名 未编号 未注明 未查到 未建档 没有 沒有 暂无 暫無 暂缺 缺 缺失 缺项 空
    空白 空值 匿名 匿名化 已匿名 匿名患者 匿名病人 脱敏 已脱敏 去标识 去标识化 已删除 删除
    保密 隐藏 测试 測試 试验 演示 示例 样例 测试患者 测试病人 患者 病人 患者姓名 姓名 编号
    女 女性 某人 某患者 某病人 某某 待定 待查 待补 待填 待录入 同上 同前 同左 临时
"""
_WORDS: Final = frozenset(f"{_ENGLISH} {_CHINESE}".split())
_FORMULA_ERROR: Final = re.compile(r"#(n/a|ref!|value!|name\?|div/0!|null!|num!|spill!)")
_MISSING_CODE: Final = re.compile(r"-(1|9+)")  # -1, -9, -99: how statisticians write "missing"
# Series of numbers do reach 1111 and 12345; one woman in a hundred thousand has a number of
# five or six signs like these, and is then known by her accession number.
_ONE_DIGIT: Final = re.compile(r"(\d)\1{4,}")
_SEQUENCES: Final = ("01234567890123456789", "98765432109876543210")
_SHORTEST_SEQUENCE: Final = 6  # 12345 is a number that a ward's count reaches


def is_placeholder(value: str) -> bool:
    """Tell whether an identifier or a name stands for nobody: nothing, a filler, a dummy.

    Case, width, spaces, brackets and signs do not count, and a phrase such as ``Patient^Unknown``
    or ``(no name)`` does if all its words are fillers. A filler with a number of its own
    (``ANON001``) is somebody.

    Parameters
    ----------
    value
        Identifier or name from a header, a table or a path.

    Examples
    --------
    >>> [is_placeholder(value) for value in ("ANONYMOUS", "000000", "不详", "-", "ANON001", "7")]
    [True, True, True, True, False, False]
    """
    plain = unicodedata.normalize("NFKC", value).casefold().strip(" \0\t\r\n")
    plain = re.sub(r"^(\d+)\.0+$", r"\1", plain)  # a spreadsheet's number
    words = re.findall(r"[^\W_]+", plain)
    joined = "".join(words)
    if not joined or joined in _WORDS or all(map(_is_filler, words)):
        return True
    if _FORMULA_ERROR.fullmatch(plain) or _MISSING_CODE.fullmatch(plain):
        return True
    return len(words) == 1 and bool(_ONE_DIGIT.fullmatch(joined) or _is_sequence(joined))


def _is_filler(word: str) -> bool:
    return word in _WORDS or re.fullmatch("[0x]+", word) is not None


def _is_sequence(word: str) -> bool:
    """Tell of ``123456`` and ``987654321``, from an end of the digits on."""
    begins = any(word.startswith(first) for first in ("0", "1", "9"))
    long = len(word) >= _SHORTEST_SEQUENCE
    return long and begins and any(word in sequence for sequence in _SEQUENCES)
