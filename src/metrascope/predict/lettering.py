"""Letters in pictures without matplotlib: Latin always, Chinese where the system has a font.

Pillow brings a Latin font of its own. A Chinese one is looked for among those of Windows, macOS
and Linux, and in the package ``zhplot`` of the report. What no font has is written as ``?``: an
empty box could be taken for a sign.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final

from PIL import ImageDraw, ImageFont

from metrascope.files.chinese_font import SIMPLIFIED_FACE, chinese_fonts
from metrascope.messages import language

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SAMPLE: Final = "正常肌瘤息肉仅供研究"
_MISSING: Final = "\U0010fffe"


def picture_language(lang: str | None = None) -> str:
    """Return the language to letter pictures in: ``lang``, or English where no font serves it."""
    wanted = lang or language()
    return "en" if wanted == "zh" and _chinese_file() is None else wanted


def picture_text(content: str) -> str:
    """Replace what no font at hand can draw by a question mark."""
    return "".join(sign if _face(sign) else "?" for sign in content)


def text_width(content: str, size: int) -> float:
    """Return the width of a line in pixels."""
    return sum(_font(face, size).getlength(run) for face, run in _runs(content))


def draw_text(
    sheet: ImageDraw.ImageDraw, left: float, top: float, content: str, size: int, color: int
) -> None:
    """Draw a line of text in grey; what no font can draw becomes a question mark."""
    for face, run in _runs(content):
        font = _font(face, size)
        # On one base line, whatever font a part is of.
        sheet.text((left, top + size), run, fill=(color,) * 3, font=font, anchor="ls")
        left += font.getlength(run)


def fitted_text(content: str, size: int, width: float) -> str:
    """Return a line that is no wider than so many pixels, its middle left out if need be."""
    if text_width(content, size) <= width:
        return content
    for kept in range(len(content) - 1, 1, -1):
        cut = f"{content[: kept - kept // 2]}...{content[len(content) - kept // 2 :]}"
        if text_width(cut, size) <= width:
            return cut
    return "..."


def _runs(content: str) -> Iterator[tuple[str, str]]:
    faced = ((_face(sign), sign) for sign in picture_text(content))
    for face, signs in groupby(faced, key=lambda one: one[0]):
        yield face, "".join(sign for _, sign in signs)


@lru_cache(maxsize=4096)
def _face(sign: str) -> str:
    """Return what draws a sign: ``latin``, ``chinese`` or ``""`` for nothing."""
    if sign == " " or _has(_font("latin", 24), sign):
        return "latin"
    return "chinese" if _chinese_file() and _has(_font("chinese", 24), sign) else ""


def _has(font: Font, sign: str) -> bool:
    if not sign.isprintable():
        return False
    found, missing = font.getmask(sign), font.getmask(_MISSING)
    return (found.size, bytes(found)) != (missing.size, bytes(missing))


@lru_cache(maxsize=64)
def _font(face: str, size: int) -> Font:
    file = _chinese_file()
    if face == "latin" or file is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(file), size, index=SIMPLIFIED_FACE.get(file.name, 0))


@cache
def _chinese_file() -> Path | None:
    return next((file for file in chinese_fonts() if _draws(file)), None)


def _draws(file: Path) -> bool:
    try:
        font = ImageFont.truetype(str(file), 24, index=SIMPLIFIED_FACE.get(file.name, 0))
    except OSError:
        return False
    return all(_has(font, sign) for sign in _SAMPLE)
