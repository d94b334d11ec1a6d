"""The words of a diagnosis, in Chinese and English, and what each is in its grammar."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import cache
from importlib import resources
from typing import Final


class WordKind(StrEnum):
    """Part of speech, as it were, of a word in a diagnosis; lexicon.toml has the words of each."""

    POLYP = auto()
    MYOMA = auto()
    CANCER = auto()
    TUMOR = auto()
    LESION = auto()
    CERVICAL = auto()
    MASS = auto()
    ABNORMAL = auto()
    NORMAL = auto()
    PHASE = auto()
    SUBMUCOSAL = auto()
    CAVITY = auto()
    WALL = auto()
    REACHING = auto()
    ENDOMETRIUM = auto()
    UTERUS = auto()
    ELSEWHERE = auto()
    NO = auto()
    NOT = auto()
    ABSENT = auto()
    DOUBT = auto()
    PAST = auto()
    REMOVED = auto()
    NOW = auto()
    AGAIN = auto()
    REST = auto()
    METHOD = auto()
    OR = auto()
    BUT = auto()
    LIST = auto()
    TISSUE = auto()
    NEUTRAL = auto()
    COLON = auto()
    COMMA = auto()
    STOP = auto()
    OPEN = auto()
    CLOSE = auto()
    BLANK = auto()
    """Between two Chinese characters, where it often stands for a comma."""
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class LexiconWord:
    """A word of a diagnosis: its kind and its spelling after `normal_form`."""

    kind: WordKind
    text: str


_EMPTY: Final = "empty"
_TYPE: Final = r"(?:viii|vii|vi|iv|v|iii|ii|i|[0-8〇零一二三四五六七八])"
_TYPES: Final = rf"({_TYPE})(?:\s*(?:[-~/、,+&至及和或]|to|and|or)\s*({_TYPE}))?"
_FIGO: Final = re.compile(
    r"(?:figo|esge|esh|wamsteker)\s*(?:分型|分级|分类|classification)?\s*[:=]?\s*"
    rf"(?:types?|class|grade|t)?\s*[-:=]?\s*{_TYPES}(?![a-z0-9.])\s*(?:型|级|类)?|"
    rf"(?:types?|class)\s*[:=]?\s*{_TYPES}(?![a-z0-9.])|"
    rf"{_TYPES}\s*型"
)
_NUMERALS: Final = ("0〇零", "1一", "2二", "3三", "4四", "5五", "6六", "7七", "8八")
_FIGO_NUMBERS: Final[Mapping[str, int]] = {
    name: number for number, names in enumerate(_NUMERALS) for name in names
} | {
    name: number
    for number, name in enumerate(("i", "ii", "iii", "iv", "v", "vi", "vii", "viii"), start=1)
}

_MARKER: Final = (
    r"(?:er|pr|ki[\s-]?67|mib[\s-]?1|cd\s?-?\d{1,3}|(?:α[\s-]?)?sma|h[\s-]?caldesmon|caldesmon|"
    r"desmin|p\s?53|p\s?16|p\s?63|p\s?40|pten|pax[\s-]?\d|ck\s?(?:\d+|pan)?|ae1/ae3|vimentin|vim|"
    r"s[\s-]?100|hmb[\s-]?45|msh[\s-]?\d|mlh[\s-]?1|pms[\s-]?2|wt[\s-]?1|cyclin\s?d1|fh|2sc|"
    r"arid1a|bcl[\s-]?2|(?:β|beta)[\s-]?catenin|inhibin|ema|mum[\s-]?1|actin|calponin|napsin\s?a)"
)
_NUMBER: Final = r"\d+(?:\.\d+)?"
_UNIT: Final = r"(?:cm3|mm3|cm|mm|厘米|毫米|公分|ml|毫升|%|岁|hpf|g\b|years? old\b|y/?o\b)"
_SIZE: Final = rf"{_NUMBER}\s*{_UNIT}?"
# Tried in order. What a marker of immunohistochemistry says is not said of a lesion.
_PATTERNS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            WordKind.NEUTRAL,
            rf"{_MARKER}(?![a-z])\s*[-:]?\s*(?:\((?:[^()]|\([^()]*\)){{0,40}}\)|[<>约~]*\d+%|"
            r"[-+]+(?=[\s,;、。]|$)|positive|negative|wild type|retained|intact|lost|loss|"
            r"阳性|阴性|弱阳性|强阳性|野生型|\+)",
        ),
        (WordKind.ABSENT, r"\(\s*-+\s*\)|(?<![\d.])0(?![\d.])\s*(?:枚|个|处|颗)?(?!\s*[型xX×*-])"),
        (WordKind.NEUTRAL, r"\(\s*\++\s*\)|\++(?=\s*(?:[,;、。)\n]|$))"),
        (WordKind.DOUBT, r"\(\s*[±?]+\s*\)|\+/-|[±?]+"),
        (
            WordKind.NEUTRAL,
            r"(?:19|20)\d\d\s*[-./年]\s*\d{1,2}\s*[-./月]\s*\d{1,2}日?(?!\d)|(?:19|20)\d{6}(?!\d)",
        ),
        (
            WordKind.PAST,
            r"\d{1,2}\s*(?:多|余)?\s*(?:年|个?月|周|天)\s*(?:前|余前)|"
            r"(?:in\s+)?(?:19|20)\d\d(?![\d.])\s*年?(?:\d{1,2}月)?",
        ),
        # Type 1 and 2 by their definition: less or more than half of it in the wall.
        (
            WordKind.NEUTRAL,
            r"(?:[<>≤≥]=?|less than|more than|小于|大于|不足|超过)\s*50\s*%\s*(?:of it )?(?:is )?"
            r"(?:intramural|in(?:side|to)? the myometrium|within the myometrium|myometrial|"
            r"位于肌壁间|位于肌层内?|肌壁间|壁间|肌层内?)\s*(?:extension|component|部分|成分)?",
        ),
        (
            WordKind.NEUTRAL,
            rf"[<>≤≥约x×*]?\s*{_SIZE}(?:\s*(?:[x×*/~-]|to|by)\s*{_SIZE}){{0,3}}"
            r"\s*(?:个月|months?\b|weeks?\b|years?\b)?",
        ),
        (
            WordKind.NEUTRAL,
            r"[a-z]{1,3}\d{2,4}-?\d{3,}|[a-z]{0,3}\d{5,}(?:-\d+)?|[<>=~≤≥\"'`·•_|]+",
        ),
    )
)
_BULLET: Final = re.compile(r"[①-⑳⑴-⒇⒈-⒛❶-❿㈠-㈩]")
_NUMBERING: Final = re.compile(
    r"(?:^|(?<=[\s。;,、:.]))(?:\(\s*\d{1,2}\s*\)|\d{1,2}\s*[.、)](?!\d)|[一二三四五六七八九十]\s*[、.]"
    r"|[a-h][.):](?=\s))(?=\s*\S)"
)
_SIGNS: Final[Mapping[str, WordKind]] = {
    **dict.fromkeys(",", WordKind.COMMA),
    **dict.fromkeys(";。！!.\n", WordKind.STOP),  # a point within a number is part of it
    **dict.fromkeys("([【{〔<《〈", WordKind.OPEN),
    **dict.fromkeys(")]】}〕>》〉", WordKind.CLOSE),
    **dict.fromkeys(":=→", WordKind.COLON),
}
_TRADITIONAL: Final = (
    "宮內瘜粘異見發確頸間漿惡變無陰陽慮診斷檢術後體單個處簡複復雜雙側經併並為與傾現縮組織鏡實誤"
    "狀樣類關達產細於鈣壞區結節約帶較顯時葉緻殘過長層質輕測號週數開僅絕臨終凍標塊腫腸膽鱗來佔佈"
    "邊響寬韌隨訪議請歷廣據醫師報頭視觀輸從彌豐壓驗團滿緣連續應維脫積該證擬懷級徑對論難鬆藥症態"
    "稱屬僞偽餘許際漸穩倫隱穿認壁癥礙衝鉗濾灰紅閉絨淨純簷纖漣盤轉親姊係圍"
    "記齡編別籤圖機構設備儀門療錄資訊"
)
_SIMPLIFIED: Final = (
    "宫内息黏异见发确颈间浆恶变无阴阳虑诊断检术后体单个处简复复杂双侧经并并为与倾现缩组织镜实误"
    "状样类关达产细于钙坏区结节约带较显时叶致残过长层质轻测号周数开仅绝临终冻标块肿肠胆鳞来占布"
    "边响宽韧随访议请历广据医师报头视观输从弥丰压验团满缘连续应维脱积该证拟怀级径对论难松药症态"
    "称属伪伪余许际渐稳伦隐穿认壁症碍冲钳滤灰红闭绒净纯檐纤涟盘转亲姐系围"
    "记龄编别签图机构设备仪门疗录资讯"
)
_SAME: Final = str.maketrans(
    _TRADITIONAL + "\u2013\u2014\u2212\u2010\u2011“”「」『』\u2018\u2019",
    _SIMPLIFIED + '-----""""""\'\'',
)


def normal_form(value: str) -> str:
    """Return a diagnosis without what differs from one typist to the next.

    Width, case, blanks, hyphens, and traditional characters, which become simplified ones.
    """
    value = _BULLET.sub("\n", value)
    value = unicodedata.normalize("NFKC", value).casefold().translate(_SAME)
    value = re.sub(r"\s*[\r\n\v\f\u2028\u2029]\s*", "\n", value.strip())
    value = re.sub(r"[^\S\n]+", " ", value)
    value = re.sub(r"(?<=[a-z])\((e?s)\)", r"\1", value)
    value = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", value)
    return value.strip(" .。;,\n'\"")


def simplified(text: str) -> str:
    """Return a text in simplified characters."""
    return text.translate(_SAME)


def lexicon_words(form: str) -> Iterator[LexiconWord]:
    """Yield the words of a diagnosis.

    Parameters
    ----------
    form
        What `normal_form` returned.
    """
    text = _NUMBERING.sub("\n", form)
    place = 0
    while place < len(text):
        word = _word_at(text, place)
        if word.text != " " or word.kind is WordKind.BLANK:
            yield word
        place += len(word.text)


def is_empty(form: str) -> bool:
    """Tell whether a diagnosis is a sign or word that stands for an empty cell."""
    bare = form.strip("()[]{}<>*#/\\|_=~…·•+-?.,;:!、×^\"' ")
    return not bare or bare in _sections()[_EMPTY]


def _word_at(text: str, place: int) -> LexiconWord:
    sign = text[place]
    if sign == " ":
        chinese = 0 < place < len(text) - 1 and _is_chinese(text[place - 1], text[place + 1])
        return LexiconWord(WordKind.BLANK if chinese else WordKind.NEUTRAL, " ")
    if not _is_inside(text, place):
        if match := _FIGO.match(text, place):
            return LexiconWord(_figo_place(match), match[0])
        for kind, pattern in _PATTERNS:
            if match := pattern.match(text, place):
                return LexiconWord(kind, match[0])
        if known := _longest(text, place):
            return known
    if sign == "-":
        rest = text[place + 1 :].lstrip(" ")
        ends = place > 0 and (not rest or rest[0] in ",;。)\n")
        return LexiconWord(WordKind.ABSENT if ends else WordKind.COLON, sign)
    if sign in _SIGNS:
        return LexiconWord(_SIGNS[sign], sign)
    unknown = re.compile(r"[a-z0-9']+").match(text, place)
    return LexiconWord(WordKind.UNKNOWN, unknown[0] if unknown else sign)


def _figo_place(match: re.Match[str]) -> WordKind:
    """Types 0 to 2 lie under the mucosa; 2-5 reaches from there to the serosa (FIGO, 2011)."""
    types = [_FIGO_NUMBERS[name] for name in match.groups() if name]
    if max(types) <= 2:
        return WordKind.SUBMUCOSAL
    return WordKind.WALL if min(types) > 2 else WordKind.REACHING


def _longest(text: str, place: int) -> LexiconWord | None:
    kinds, longest = _lexicon()
    for length in range(min(longest.get(text[place], 0), len(text) - place), 0, -1):
        spelling = text[place : place + length]
        if spelling in kinds and not _is_inside(text, place + length):
            return LexiconWord(kinds[spelling], spelling)
    return None


def _is_inside(text: str, place: int) -> bool:
    """Tell whether a place lies within a Latin word, or between its letters and digits."""
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    return before.isascii() and after.isascii() and before.isalnum() and after.isalnum()


def _is_chinese(*signs: str) -> bool:
    return all("\u4e00" <= sign <= "\u9fff" or sign in "()" for sign in signs)


@cache
def _lexicon() -> tuple[dict[str, WordKind], dict[str, int]]:
    """Return the kind of each spelling, and by its first sign how long one is at most."""
    kinds: dict[str, WordKind] = {}
    longest: dict[str, int] = {}
    for section, spellings in _sections().items():
        for spelling in spellings if section != _EMPTY else ():
            kinds[spelling] = WordKind(section)
            longest[spelling[0]] = max(longest.get(spelling[0], 0), len(spelling))
    return kinds, longest


@cache
def _sections() -> dict[str, frozenset[str]]:
    """Return the spellings in each section of lexicon.toml."""
    file = resources.files("metrascope") / "labels" / "lexicon.toml"
    sections: dict[str, frozenset[str]] = {}
    for section, languages in tomllib.loads(file.read_text(encoding="utf-8")).items():
        entries = re.split(r"[|\n]", "\n".join(languages.values()).translate(_SAME))
        plain = (entry.strip() for entry in entries)
        both = {word.replace("(s)", end) for word in plain for end in ("", "s")}
        sections[section] = frozenset(both - {""})
    return sections
