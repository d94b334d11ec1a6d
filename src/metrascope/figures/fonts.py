"""A font with Chinese characters, and the language that figures can be lettered in."""

import logging
from functools import cache
from typing import Final
from unicodedata import east_asian_width

from matplotlib import font_manager

from metrascope.files.chinese_font import SIMPLIFIED_FACE, chinese_fonts
from metrascope.messages import LANGUAGES, language, table, text

_LOG: Final = logging.getLogger(__name__)
_LATIN: Final = "DejaVu Sans"


def figure_language(lang: str | None = None) -> str:
    """Return the language to letter figures in: ``lang``, or English where no font serves it."""
    wanted = lang or language()
    if wanted not in LANGUAGES:
        raise ValueError(f"language must be one of {LANGUAGES}, not {wanted!r}")
    if wanted == "zh" and chinese_family() is None:
        _warn_once()
        return "en"
    return wanted


def families() -> list[str]:
    """Return the font families of every figure: Latin first, Chinese where it has no glyph."""
    chinese = chinese_family()
    return [_LATIN] if chinese is None else [_LATIN, chinese]


@cache
def chinese_family() -> str | None:
    """Return a font family that holds every Chinese character of the message table, or None.

    The font of the package ``zhplot`` (Noto Sans SC, SIL Open Font License) comes first, so that
    machines that have it draw alike; then the fonts of the system. A collection whose first face,
    the one that matplotlib reads, draws some characters as in Japan comes last.
    """
    for file in sorted(chinese_fonts(), key=lambda file: file.name in SIMPLIFIED_FACE):
        try:
            font = font_manager.get_font(str(file))
        except (OSError, RuntimeError):  # damaged
            continue
        if _characters() <= set(font.get_charmap()):
            font_manager.fontManager.addfont(str(file))
            return str(font.family_name)
    return None


def printable_text(content: str) -> str:
    """Replace what no font of the figures can draw by a question mark."""
    known = _drawable()
    return "".join(sign if sign == "\n" or ord(sign) in known else "?" for sign in content)


def short_label(name: str, longest: int = 28) -> str:
    """Return a name on one line, printable, its middle left out where it is too long.

    Parameters
    ----------
    name
        Of a network, class or data set: anything that a user may have written.
    longest
        Width in Latin letters; a Chinese character takes two.
    """
    name = printable_text(" ".join(name.split()))
    if _width(name) <= longest:
        return name
    # The end is kept as well: names often differ there.
    shorter = (_cut(name, kept) for kept in range(min(len(name) - 1, longest), 2, -1))
    return next((cut for cut in shorter if _width(cut) <= longest), _cut(name, 2))


def _cut(name: str, kept: int) -> str:
    return f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"


def _width(content: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in content)


@cache
def _warn_once() -> None:
    _LOG.warning(text("figures.no_chinese_font"))


@cache
def _drawable() -> frozenset[int]:
    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in families()]
    return frozenset(code for font in fonts for code in font.get_charmap())


def _characters() -> set[int]:
    """Return every Chinese character and punctuation mark that figures may print."""
    sentences = (
        entry["zh"] for key, entry in table().items() if key.split(".")[0] in _LETTERED_AREAS
    )
    return {ord(sign) for sentence in sentences for sign in sentence if ord(sign) >= 0x3000}


_LETTERED_AREAS: Final = (
    "figures",
    "classes",
    "common",
    "evaluation",
    "calibration",
    "subgroups",
)
