"""A table as LaTeX with booktabs rules.

An interval stands under its number, in smaller letters, as journals set it: beside it, three
columns would fill a page. What is too long for a page becomes a ``longtable``, and what has too
many columns one on a page of its own turned by 90°.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any, Final

import pandas as pd

from metrascope.results.estimate import Estimate, is_highest

_CHINESE: Final = "% Chinese text also needs \\usepackage{ctex} and XeLaTeX or LuaLaTeX.\n"
_SIZE: Final = "\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n"
_FITTED: Final = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}"
"""A floating table that is a little wider than the text is made smaller, by LaTeX itself."""
_UPRIGHT: Final = 8
"""Columns that an upright page holds: with intervals under the numbers, one takes some 2 cm."""
_WIDE: Final = "\u3000"
"""First of the Chinese signs and characters, twice as wide as a letter."""
_LONGEST: Final = 45
"""Lines that a floating table may have."""
_ESCAPES: Final = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "–": "--",
    "\xa0": "~",
    # Text fonts lack these.
    "−": "$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "→": r"$\to$",
    "κ": r"$\kappa$",
    "∞": r"$\infty$",
    # After a line end or a rule these would be read as its argument.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}


def latex_escape(content: str) -> str:
    """Escape what has a meaning in LaTeX text, so that it prints as it reads."""
    # A line break would end the paragraph, which a caption may not.
    visible = (" " if unicodedata.category(sign) == "Cc" else sign for sign in content)
    return "".join(_ESCAPES.get(sign, sign) for sign in visible)


def latex_table(
    table: pd.DataFrame,
    caption: str,
    label: str,
    labels: int = 1,
    best: Collection[int] = (),
    rule: int = 0,
) -> str:
    r"""Return a table to be read with ``\input``: floating, or long where no page holds it.

    Parameters
    ----------
    table
        Cells; an estimate's interval is set under its number. Two rows of column names become
        spanning headings over the second row; long ones are broken into lines.
    caption, label
        Plain text, escaped here; name for ``\ref``.
    labels
        How many columns at the left name the row; the others are numbers, set to the right.
    best
        Positions of the columns whose highest values are set in bold.
    rule
        Rows between two thin rules; 0 for none.
    """
    columns = "l" * labels + "r" * (table.shape[1] - labels)
    cells = [_column(table.iloc[:, place], bold=place in best) for place in range(table.shape[1])]
    rows = [_row(row) for row in zip(*cells, strict=True)]
    for place in range(rule, len(rows), rule) if rule else ():
        rows[place - 1] += "\n\\midrule"
    body, head = "\n".join(rows), f"\\toprule\n{_header(table)}\n\\midrule\n"
    wide = is_wide(table)
    if wide or body.count("\n") >= _LONGEST:
        return _long(columns, _caption(caption, label), head, body, wide=wide)
    return (
        f"{_needs('booktabs', 'graphicx')}\\begin{{table}}[htbp]\n\\centering\n{_SIZE}"
        f"\\caption{{{latex_escape(caption)}}}\n\\label{{{label}}}\n"
        f"{_FITTED}{{\\begin{{tabular}}{{{columns}}}\n{head}{body}\n"
        "\\bottomrule\n\\end{tabular}}\n\\end{table}\n"
    )


def is_wide(table: pd.DataFrame) -> bool:
    """Tell whether a table needs a page turned by 90°."""
    return table.shape[1] > _UPRIGHT


def latex_long_table(table: pd.DataFrame, caption: str, label: str, widths: Sequence[float]) -> str:
    r"""Return a table of sentences that may run over pages, to be read with ``\input``.

    Parameters
    ----------
    table
        Cells, all text; one row of column names, repeated on every page.
    caption, label
        As for ``latex_table``.
    widths
        Of the columns, as shares of the text width.
    """
    columns = "".join(f"p{{{width:g}\\linewidth}}" for width in widths)
    head = f"\\toprule\n{_join(latex_escape(str(name)) for name in table.columns)}\n\\midrule\n"
    rows = (_join(_breakable(str(cell)) for cell in row) for row in table.to_numpy().tolist())
    return _long(columns, _caption(caption, label), head, "\n".join(rows), wide=False)


def _long(columns: str, caption: str, head: str, body: str, *, wide: bool) -> str:
    """Return a table that may run over pages, on turned pages where it is wide."""
    turned = ("\\begin{landscape}\n", "\\end{landscape}\n") if wide else ("", "")
    return (
        f"{_needs('booktabs', 'longtable', *(['pdflscape'] if wide else []))}"
        f"{turned[0]}\\begingroup\n{_SIZE}\\setlength{{\\LTcapwidth}}{{\\linewidth}}\n"
        f"\\begin{{longtable}}{{{columns}}}\n{caption}"
        f"{head}\\endfirsthead\n{head}\\endhead\n\\bottomrule\n\\endfoot\n{body}\n"
        f"\\end{{longtable}}\n\\endgroup\n{turned[1]}"
    )


def _caption(caption: str, label: str) -> str:
    return f"\\caption{{{latex_escape(caption)}}}\\label{{{label}}}\\\\\n"


def _needs(*packages: str) -> str:
    """Return the comment that tells what a document must load."""
    names = " ".join(f"\\usepackage{{{name}}}" for name in packages)
    return f"% Needs {names}.\n{_CHINESE}"


def _breakable(cell: str) -> str:
    """Escape a cell and let file names break where they have a sign."""
    return re.sub(r"(/|\\_|\.(?=[a-z]))", r"\1\\allowbreak{}", latex_escape(cell))


def _header(table: pd.DataFrame) -> str:
    names = [name if isinstance(name, tuple) else ("", str(name)) for name in table.columns]
    bottom = _join(_stacked(what, 12) for _, what in names)
    if table.columns.nlevels == 1:
        return bottom
    cells, rules, start = [], [], 1
    for whose, group in groupby(whose for whose, _ in names):
        width = len(list(group))
        head = f"\\multicolumn{{{width}}}{{c}}{{{_stacked(whose, 24)}}}"
        cells.append(head if whose else "")
        if whose:
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return "\n".join([_join(cells), " ".join(rules), bottom])


def _stacked(name: str, letters: int) -> str:
    """Set a heading of more letters than so many in lines; Chinese ones are twice as wide."""
    lines = wrap(name, letters // 2 if max(name, default="") >= _WIDE else letters)
    escaped = [latex_escape(line) for line in lines]
    return "\\shortstack{" + "\\\\".join(escaped) + "}" if len(lines) > 1 else "".join(escaped)


def _column(cells: "pd.Series[Any]", *, bold: bool) -> list[tuple[str, str]]:
    """Return each cell as its number or text and, for the line under it, its interval."""
    marked = is_highest(cells) if bold else [False] * len(cells)
    return [
        (f"\\textbf{{{number}}}" if mark else number, interval)
        for (number, interval), mark in zip(map(_cell, cells), marked, strict=True)
    ]


def _cell(cell: object) -> tuple[str, str]:
    if isinstance(cell, Estimate):
        return latex_escape(cell.number), latex_escape(cell.interval)
    return latex_escape(str(cell)), ""


def _row(cells: Sequence[tuple[str, str]]) -> str:
    """Return one line, or two that no page may part."""
    if not any(under for _, under in cells):
        return _join(above for above, _ in cells)
    small = (f"{{\\scriptsize {under}}}" if under else "" for _, under in cells)
    return f"{' & '.join(above for above, _ in cells)} \\\\*\n{_join(small)}"


def _join(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
