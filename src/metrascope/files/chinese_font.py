"""Files of fonts with Chinese characters: that of the package ``zhplot``, then the system's."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

SIMPLIFIED_FACE: Final = {"NotoSansCJK-Regular.ttc": 2}
"""Which face of a collection draws simplified characters as in China, if not the first."""
# Of Windows, macOS and Linux, the best first: those made for screens before SimSun, whose strokes
# are too thin for small print.
_NAMES: Final = (
    "NotoSansSC-Regular.ttf",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-VF.ttf",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansCJK-Regular.ttc",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "msyh.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "simhei.ttf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "Arial Unicode.ttf",
    "simsun.ttc",
)


@cache
def packaged_font() -> Path | None:
    """Return Noto Sans SC of the package ``zhplot``, with which all machines draw alike, or None.

    The package is located, not imported: importing it would change matplotlib's settings.
    """
    package = find_spec("zhplot")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / "fonts" / _NAMES[0]
    return file if file.is_file() else None


@cache
def chinese_fonts() -> tuple[Path, ...]:
    """Return the fonts at hand, the best first: the packaged one, then those of the system."""
    found: dict[str, Path] = {}
    for folder in _folders():
        for path, _, names in os.walk(folder):
            found.update({name: Path(path) / name for name in names if name in _NAMES})
    packaged = packaged_font()
    best = () if packaged is None else (packaged,)
    return (*best, *(found[name] for name in _NAMES if name in found))


def _folders() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"
        yield Path(os.environ.get("LOCALAPPDATA", home)) / "Microsoft" / "Windows" / "Fonts"
    elif sys.platform == "darwin":
        for place in ("/System/Library/Fonts", "/Library/Fonts", str(home / "Library" / "Fonts")):
            yield Path(place)
    else:
        for place in ("/usr/share/fonts", "/usr/local/share/fonts"):
            yield Path(place)
        yield home / ".fonts"
        yield home / ".local" / "share" / "fonts"
