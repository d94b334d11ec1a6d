"""What to type next: where somebody begins, and after a command whose result another one takes."""

from pathlib import Path

from metrascope import __version__
from metrascope.messages import text

_BEGINNINGS = {
    "next.try": (
        "metrascope phantom WARD --export --patients 20",
        "metrascope ingest WARD/exports DATA --labels WARD/labels.xlsx",
    ),
    "next.department": (
        "metrascope ingest EXPORT DATA --labels pathology.xlsx",
        "metrascope audit DATA --write",
    ),
    "next.researcher": (
        "metrascope study paper --data DATA --out STUDY",
        "metrascope evaluate predictions.csv --out TABLES",
    ),
    "next.ward": (
        "metrascope export STUDY --out BUNDLE",
        "metrascope predict BUNDLE FOLDER --out RESULTS --heatmaps",
    ),
}


def first_steps() -> str:
    """Return what is shown to somebody who types the program's name alone."""
    lines = [f"metrascope {__version__}", text("cli.description"), ""]
    for title, commands in _BEGINNINGS.items():
        lines += [text(title), *(f"    {command}" for command in commands), ""]
    return "\n".join([*lines, text("next.help")])


def next_step(key: str, *words: str | Path) -> str:
    """Return a sentence and, below it, the command that it announces.

    Parameters
    ----------
    key
        Of the sentence.
    words
        Of the command after ``metrascope``; what has blanks is quoted.
    """
    quoted = (f'"{word}"' if " " in str(word) else str(word) for word in words)
    return f"{text(key)}\n    {' '.join(['metrascope', *quoted])}"
