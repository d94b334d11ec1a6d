"""Read a class out of what a pathologist or a researcher wrote, or say why it cannot be."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from metrascope.ingest.reason import Reason

_MOST_CATEGORIES: Final = 50
_LONGEST_CATEGORY: Final = 40

_POLYP: Final = re.compile(r"息肉(?!样)|\b(?:polyp|polyps|polypus|polyposis)\b")
_ELSEWHERE_POLYP: Final = re.compile(
    r"(?:宫颈|颈管|阴道|肠|胆囊|鼻|胃|声带)[^,;。、]{0,4}息肉|"
    r"\b(?:cervical|endocervical|vaginal|colon|colonic|rectal|gastric|nasal)\s+polyps?\b"
)
_FIBROID: Final = re.compile(
    r"(?<!腺)(?<!纹)(?:平滑)?肌瘤|\b(?:leio)?myom(?:a|as|ata)\b|\bfibroids?\b|\bfibromyomas?\b"
)
_SUBMUCOSAL: Final = re.compile(r"(?:黏|粘)膜下|\bsub-?\s?muco(?:sal|us)\b")
_ELSEWHERE_FIBROID: Final = re.compile(
    r"肌壁间|壁间|浆膜下|阔韧带|宫颈|卵巢|\b(?:intra-?\s?mural|sub-?\s?seros(?:al|ous)|cervical)\b"
)
_OTHER: Final = re.compile(
    r"癌|肉瘤|恶性|不典型增生|非典型增生|腺肌瘤|\b\w*(?:carcinoma|sarcoma)s?\b|\bcancer\b|"
    r"\bmalignan\w+|\batypical hyperplasia\b|\badenomyomas?\b"
)
_NORMAL: Final = re.compile(
    r"(?:子宫|内膜|子宫内膜|宫腔|双附件|及|和|与|\s)*(?:正常|未见(?:明显)?异常|无(?:明显)?异常)"
    r"(?:子宫|内膜|子宫内膜|宫腔|声像图|组织)*|"
    r"(?:uterus|endometrium|cavity|uterine cavity)?\s*(?:is\s)?(?:normal|unremarkable)\s*"
    r"(?:uterus|endometrium|findings?|study|cavity|control)?|"
    r"no(?:\s+\w+)? abnormalit(?:y|ies)(?: seen| found| detected)?"
)
_NO: Final = re.compile(
    r"未见|未发现|未查见|未检出|无(?!痛|症状)|没有|排除|除外|否认|"
    r"\b(?:no|not|without|negative for|absence of|free of|excluded?)\b"
)
_PERHAPS: Final = re.compile(
    r"[??]|可能|疑|不除外|不能除外|不能排除|待排|待查|考虑|倾向|建议|"
    r"\b(?:possibl[ey]|probabl[ey]|suspect\w*|suspicious|cannot exclude|rule out|r/o|likely|vs)\b"
)
_CLAUSE: Final = re.compile(r"[,;。.\n]|\bbut\b|但")
_PLAIN: Final[Mapping[str, tuple[str, ...]]] = {
    "polyp": ("息肉", "内膜息肉", "子宫内膜息肉", "polyp", "polyps", "endometrial polyp", "ep"),
    "fibroid": (
        "肌瘤",
        "子宫肌瘤",
        "平滑肌瘤",
        "子宫平滑肌瘤",
        "黏膜下肌瘤",
        "粘膜下肌瘤",
        "fibroid",
        "fibroids",
        "uterine fibroid",
        "myoma",
        "uterine myoma",
        "leiomyoma",
        "uterine leiomyoma",
        "submucosal fibroid",
        "sf",
        "smf",
    ),
    "normal": ("正常", "normal", "正常子宫", "正常内膜", "正常子宫内膜", "未见异常", "健康"),
}
_CLASSES: Final = {word: name for name, words in _PLAIN.items() for word in words}


def read_diagnoses(
    values: Iterable[str], classes: Mapping[str, str] | None = None
) -> dict[str, str | Reason]:
    """Return the class of each distinct value of a label column, or why it has none.

    Where a polyp or a fibroid is among the values, the labels are the study's: what names one
    of its three classes, and it alone, has that class. A negated lesion is no lesion, a
    suspected one no label, and text that names a cancer as well, or a fibroid of another
    place, is left to a person. Otherwise labels are categories and taken as they are, if there
    are at most 50 and all are short.

    Parameters
    ----------
    values
        Of all rows.
    classes
        Value to class, from the user; with it no other value is used. An empty class leaves
        the rows out.
    """
    distinct = sorted({value for value in values if value})
    if classes:
        wanted = {_plain(value): name for value, name in classes.items()}
        return {value: _mapped(value, wanted) for value in distinct}
    found = {value: _study_class(value) for value in distinct}
    lesions = any(name in ("polyp", "fibroid") for name in found.values())
    short = all(len(value) <= _LONGEST_CATEGORY for value in distinct)
    if lesions or not short or len(distinct) > _MOST_CATEGORIES:
        return found
    # Spellings that differ in case or width are one category. One that names two lesions, or
    # doubts one, is none.
    spelling = {_plain(value): value for value in reversed(distinct)}
    return {
        value: spelling[_plain(value)] if name == Reason("labels.no_class") else name
        for value, name in found.items()
    }


def _mapped(value: str, wanted: Mapping[str, str]) -> str | Reason:
    name = wanted.get(_plain(value))
    if name is None:
        return Reason("labels.unmapped")
    return name or Reason("labels.left_out")


def _study_class(value: str) -> str | Reason:
    plain = _plain(value)
    if plain in _CLASSES:
        return _CLASSES[plain]
    clauses = [clause.strip() for clause in _CLAUSE.split(plain) if clause.strip()]
    found: set[str] = set()
    for clause in clauses:
        found |= _named(clause)
    lesions = found - {"normal"}
    if "fibroid" in lesions:  # beside others in the wall it is still one under the mucosa
        lesions -= {"unplaced", "elsewhere"}
    if len(lesions) > 1:
        return Reason("labels.several_classes")
    if lesions & {"polyp", "fibroid"}:
        return lesions.pop()
    if lesions:
        return Reason(f"labels.{lesions.pop()}")
    return "normal" if "normal" in found else Reason("labels.no_class")


def _named(clause: str) -> set[str]:
    """Return what a clause affirms: classes, ``doubtful``, ``elsewhere`` or ``other_lesion``."""
    if _NORMAL.fullmatch(clause):
        return {"normal"}
    found = _lesions(clause)
    if found and _PERHAPS.search(clause):
        return {"doubtful"}
    return set() if _NO.search(clause) else found


def _lesions(clause: str) -> set[str]:
    found = {"other_lesion"} if _OTHER.search(clause) else set()
    if _ELSEWHERE_POLYP.search(clause):
        found.add("elsewhere")
    elif _POLYP.search(clause):
        found.add("polyp")
    if _FIBROID.search(clause):
        elsewhere = _ELSEWHERE_FIBROID.search(clause)
        submucosal = _SUBMUCOSAL.search(clause)
        found |= {"fibroid"} if submucosal else set()
        found |= {"elsewhere"} if elsewhere else set()
        found |= set() if submucosal or elsewhere else {"unplaced"}
    return found


def _plain(value: str) -> str:
    value = unicodedata.normalize("NFKC", value).casefold()
    return re.sub(r"\s+", " ", value).strip(" .。;；,，")
