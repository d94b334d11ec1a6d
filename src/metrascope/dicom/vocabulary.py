"""Names of scanners and probes, from a vocabulary; free text never passes.

The model's name is a field that a service engineer fills in, and hospitals have put the name of
a department, a doctor or a patient there. What passes is therefore words that are known to be
names of products, and short codes such as ``E10`` or ``RIC5-9-D``.
"""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

# Maker and the pattern that tells it, in lower case. The first that is found counts: a firm that
# was bought stands before its buyer where it still sells by its own name, else after.
MAKERS: Final = {
    "SonoSite": r"sono ?site|索诺声",
    "Aloka": r"aloka|阿洛卡",
    "Toshiba": r"toshiba|东芝",
    "GE": r"\bge\b|\bg\.\s?e\b|gemed|general electric|kretz|vingmed|通用电气",
    "Philips": r"philips|飞利浦",
    "ATL": r"\batl\b",
    "HP": r"hewlett|\bagilent\b|\bhp\b",
    "Siemens": r"siemens|acuson|西门子",
    "Canon": r"canon|佳能",
    "Hitachi": r"hitachi|日立",
    "Fujifilm": r"fuji ?film|富士",
    "Samsung": r"samsung|三星",
    "Medison": r"medison|麦迪逊",
    "Mindray": r"mindray|迈瑞",
    "Zonare": r"zonare",
    "SonoScape": r"sono ?scape|开立",
    "Esaote": r"esaote|百胜",
    "BK": r"\bb-?k[ -]?(medical|ultrasound)|^bk$",
    "SuperSonic": r"super ?sonic|声科",
    "VINNO": r"vinno|飞依诺",
    "CHISON": r"chison|祥生",
    "EDAN": r"\bedan\b|理邦",
    "Wisonic": r"wisonic|华声",
    "Landwind": r"landwind|蓝韵",
    "SIUI": r"siui|汕头",
    "Neusoft": r"neusoft|东软",
    "Welld": r"welld|威尔德",
    "Emperor": r"emperor|恩普",
    "ALPINION": r"alpinion",
    "Konica Minolta": r"konica",
    "Shimadzu": r"shimadzu|岛津",
    "Terason": r"terason|teratech",
    "Clarius": r"clarius",
    "Butterfly": r"butterfly",
    "Healcerion": r"healcerion",
    "Verasonics": r"verasonics",
    "Metrascope": r"metrascope",
}
# Words that occur in the names of models, in lower case, without the makers.
_WORDS = """
    acclarix accuvix acuson affiniti aixplorer alpha anesus antares aplio apogee arietta
    ascendus aspen avius bt clearvue clover color compactxtreme consona crius cube cypress
    digital doppler e-cube ebit echo ecube edge elegra elite envisor epiq evolution exago exp
    expert explore femina flex focus freestyle hera hi hs imagepoint imagepro imagic imagyn
    infiniti iq ivisor juniper lazuli lisendo live logiq lumify lx m-turbo mach maple max maxima
    micromaxx mylab nanomaxx navi nemio neovision noblus nuewa omni origin oxana paragon phantom
    phase platinum powervision preirus premium prime pro prosound qbit recho redwood resona
    s-cath s-fast s-gyn s-icu s-msk s-nerve s-women sequoia sigma signature signos simulator
    sonix sono sonoace sonoline sonos sonosite sonotouch sonovista sparkle sparq ssd swift
    synergy te technos titan turbo tus ugeo ultra ultrasonix ultrasound unison venue versana
    vetus viamo virtual vision vivid voluson x-porte xario xpress xq z.one zeus zonare
"""
WORDS: Final = frozenset(_WORDS.split())
# Words of companies that say nothing and go.
_NOISE = """
    ag and bio-medical biomedical bv co company corp corporation deutschland div electronic
    electronics equipment gmbh group healthcare healthineers holding imaging inc instrument
    instruments international japan kg limited llc ltd md medical medizintechnik of sa shenzhen
    solution solutions spa system systems technologies technology the ultrasound usa
"""
NOISE: Final = frozenset(_NOISE.split())
CODE: Final = re.compile(
    r"(?=.{0,9}[0-9])[A-Za-z]{0,3}[-/.]?([0-9]{1,4}[A-Za-z]{0,3}[-/.]?){1,4}[A-Za-z]{0,3}"
)
# Three letters are somebody's initials unless they begin the names of a maker's models or probes;
# so may four digits be a number, and three, unless they are round or such letters are before them.
_SERIES = """
    crt ebr ecm elc esb eub eup euz evn evt hdi hfl lap msc mtz pbk plm plt psb psk psm pst pvf
    pvg pvl pvm pvq pvt rab rgp ric rib rna rnp rrs rsm rsp snl ssa ssd tee tef tus uds ugv ust
    vlp vnc voc
"""
SERIES: Final = frozenset(_SERIES.split())
# Models of four digits: Acuson S2000, SC2000; BK 5000; HDI 5000; EUB-7500; SSD-3500.
ROUND: Final = re.compile(r"(s|sc|x|)[1-9][05]00", re.IGNORECASE)
LISTED: Final = frozenset({"512", "128xp"})  # Acuson Sequoia 512, 128XP
UNLIKE: Final = re.compile(
    r"[a-z]{4}|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE
)
# Signs of a product's code; the longest known are such as PVT-781VTE. Chosen, not measured.
LONGEST_CODE: Final = 10
PROBE_TYPES: Final = frozenset(
    {
        "SECTOR_PHASED", "SECTOR_MECH", "SECTOR_ANNULAR", "LINEAR", "CURVED LINEAR",
        "SINGLE CRYSTAL", "SPLIT XTAL CWD", "IV_PHASED", "IV_ROT XTAL", "IV_ROT MIRROR",
        "ENDOCAV_PA", "ENDOCAV_MECH", "ENDOCAV_CLA", "ENDOCAV_AA", "ENDOCAV_LINEAR",
        "VECTOR_PHASED",
    }
)  # fmt: skip


def clean_maker(written: str) -> str:
    """Return the maker that a manufacturer's name tells, from `MAKERS`, else ``""``."""
    plain = unicodedata.normalize("NFKC", written).casefold()
    makers = (maker for maker, pattern in MAKERS.items() if re.search(pattern, plain))
    return next(makers, "")


def clean_model(
    written: str, personal: Collection[str] = (), known: Collection[str] = ()
) -> tuple[str, bool]:
    """Return the words of a model's name that may be told, and whether that was all.

    Parameters
    ----------
    written
        The value of ManufacturerModelName.
    personal
        Words that identify somebody, in lower case: codes among them do not pass.
    known
        Further words that pass, in lower case, for products that `WORDS` lacks.

    Returns
    -------
    name
        Known words and short codes in their order, ``""`` if there are none.
    whole
        False if a word was left out that is neither a maker's nor a company's.
    """
    plain = unicodedata.normalize("NFKC", written)
    words = [word for word in re.split(r"[\s,;:()\[\]{}\"'|_®™]+", plain) if word.strip(".-/")]
    passing = [word for word in words if _may_pass(word, personal, known)]
    silent = [
        word for word in words if word not in passing and (_is_noise(word) or clean_maker(word))
    ]
    # Names of models have up to six words.
    return " ".join(passing[:6]), len(passing) + len(silent) == len(words) and len(passing) <= 6


def clean_probe(written: str, personal: Collection[str] = ()) -> str:
    """Return a probe's name such as ``C5-1``, ``RIC5-9-D`` or ``PVT-781VT``, else ``""``."""
    word = unicodedata.normalize("NFKC", written).strip()
    lettered = any(sign.isalpha() for sign in word)
    return word if lettered and is_product_code(word) and not _is_personal(word, personal) else ""


def is_product_code(word: str) -> bool:
    """Tell whether a word is a short code of a product, and not somebody's number or initials.

    At most ten signs and four digits, no month, and without letters no date such as 77-3-1;
    of three letters and of three or four digits only what models and probes are known to have.
    """
    if len(word) > LONGEST_CODE or CODE.fullmatch(word) is None or word.startswith("0"):
        return False
    digits = sum(sign.isdigit() for sign in word)
    lettered = any(sign.isalpha() for sign in word)
    if digits > 4 or UNLIKE.search(word) or not (lettered or digits == len(word)):
        return False
    return word.casefold() in LISTED or _is_known_shape(word.casefold())


def _is_known_shape(word: str) -> bool:
    runs = re.findall("[a-z]+", word)
    if any(len(run) > 2 and run not in SERIES and run not in WORDS for run in runs):
        return False
    if word[:3] in SERIES or ROUND.fullmatch(word):
        return True
    numbers = re.findall("[0-9]+", word)
    return all(len(number) < 3 or (len(number) == 3 and number[-1] == "0") for number in numbers)


def scanner_name(maker: str, model: str, code: str) -> str:
    """Return ``maker model``, with a code for what may not be named, each where there is any."""
    return " ".join(part for part in (maker, model, code and f"unlisted-{code}") if part)


def _may_pass(word: str, personal: Collection[str], known: Collection[str]) -> bool:
    lower = word.casefold()
    if lower in WORDS or lower in known:
        return True
    return is_product_code(_after_family(word)) and not _is_personal(_after_family(word), personal)


def _after_family(word: str) -> str:
    """Return the code of a word such as LOGIQE9 or Aplio500 that begins with a known one."""
    letters = re.match("[a-z]*", word.casefold())
    length = len(letters[0]) if letters else 0
    prefixes = (
        size for size in range(length, max(length - 4, 3), -1) if word[:size].casefold() in WORDS
    )
    return word[next(prefixes, 0) :]


def _is_noise(word: str) -> bool:
    return word.casefold().strip(".-/&") in NOISE or word == "&"


def _is_personal(code: str, personal: Collection[str]) -> bool:
    lower = code.casefold()
    letters = re.findall(r"[a-z]+", lower)
    return lower in personal or any(len(run) > 1 and run in personal for run in letters)
