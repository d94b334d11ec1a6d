"""Names, order and colors of the classes; every part of the package may use it."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from metrascope.messages import language, table

PAPER_CLASSES: Final = ("normal", "fibroid", "polyp")

# The study's Fig. 4: blue normal, orange fibroid, green polyp. All from the palette of Okabe and
# Ito (2008), which readers with any color vision can tell apart.
_PAPER_COLORS: Final = {"normal": "#0072B2", "fibroid": "#E69F00", "polyp": "#009E73"}
_OTHER_COLORS: Final = ("#CC79A7", "#D55E00", "#56B4E9", "#666666", "#F0E442", "#000000")


def order_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Put labels in the order of every table and figure: ``normal`` first, then by name.

    For the study's three labels that is the order of its Fig. 2: normal, fibroid, polyp.
    Numbers inside names count as numbers, so that ``grade2`` comes before ``grade10``.
    """
    return tuple(sorted(set(labels), key=_sort_key))


def class_colors(classes: Sequence[str]) -> dict[str, str]:
    """Return a ``#RRGGBB`` color for each class, the study's own for its three classes."""
    free = list(_OTHER_COLORS)
    if not set(classes) & {"fibroid", "polyp"}:
        free = [_PAPER_COLORS["fibroid"], _PAPER_COLORS["polyp"], *free]
    colors: dict[str, str] = {}
    for name in classes:
        paper = _PAPER_COLORS.get(name)
        colors[name] = paper or free[(len(colors) - _paper_count(colors)) % len(free)]
    return colors


def class_title(label: str, lang: str | None = None) -> str:
    """Return the full clinical name of a class, or the label in words where none is known."""
    return _entry(f"classes.{label}", _in_words(label), lang)


def class_short(label: str, lang: str | None = None) -> str:
    """Return the short name of a class for axes and narrow columns, else the label in words."""
    return _entry(f"classes.{label}_short", _in_words(label), lang)


def _entry(key: str, default: str, lang: str | None) -> str:
    return table().get(key, {}).get(lang or language(), default)


def _in_words(label: str) -> str:
    """Return a label as it is read; in files it keeps its underscores."""
    return label.replace("_", " ").strip() or label


def _paper_count(colors: dict[str, str]) -> int:
    return sum(name in _PAPER_COLORS for name in colors)


def _sort_key(label: str) -> tuple[bool, list[str | int], str]:
    # re.split alternates text and digits, so items at one position always compare.
    parts = re.split(r"(\d+)", label.casefold())
    natural = [int(part) if odd % 2 else part for odd, part in enumerate(parts)]
    return label.casefold() != "normal", natural, label
