"""A table as LaTeX with booktabs rules."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import pandas as pd

_PREAMBLE: Final = (
    "% Needs \\usepackage{booktabs}.\n"
    "% Chinese text also needs \\usepackage{ctex} and XeLaTeX or LuaLaTeX.\n"
)
_LONG_PREAMBLE: Final = "% Needs \\usepackage{longtable}.\n"
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
    table: pd.DataFrame, caption: str, label: str, best: Collection[int] = (), rule: int = 0
) -> str:
    r"""Return a floating table to be read with ``\input``.

    Parameters
    ----------
    table
        Cells; floats print with two decimals. Two rows of column names become spanning headings
        over the second row; long ones are broken into two lines.
    caption, label
        Plain text, escaped here; name for ``\ref``.
    best
        Positions of the columns whose highest values are set in bold.
    rule
        Rows between two thin rules; 0 for none.
    """
    numeric = [_is_numeric(table.iloc[:, position]) for position in range(table.shape[1])]
    lines = [_join(row) for row in _cells(table, best)]
    if rule:
        last = len(lines) - 1
        lines = [
            line + ("\n\\midrule" if index % rule == rule - 1 and index < last else "")
            for index, line in enumerate(lines)
        ]
    return (
        f"{_PREAMBLE}\\begin{{table}}[htbp]\n\\centering\n\\small\n\\setlength{{\\tabcolsep}}{{4pt}}\n"
        f"\\caption{{{latex_escape(caption)}}}\n\\label{{{label}}}\n"
        f"\\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}\n"
        f"\\toprule\n{_header(table)}\n\\midrule\n" + "\n".join(lines) + "\n"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def latex_long_table(table: pd.DataFrame, caption: str, label: str, widths: Sequence[float]) -> str:
    r"""Return a table of sentences that may run over pages, to be read with ``\input``.

    Parameters
    ----------
    table
        Cells, all text; one row of column names, repeated on every page.
    caption, label
        As for :func:`latex_table`.
    widths
        Of the columns, as shares of the text width.
    """
    columns = "".join(f"p{{{width:g}\\linewidth}}" for width in widths)
    head = f"\\toprule\n{_join(latex_escape(str(name)) for name in table.columns)}\n\\midrule\n"
    rows = (_join(_breakable(str(cell)) for cell in row) for row in table.to_numpy().tolist())
    return (
        f"{_LONG_PREAMBLE}{_PREAMBLE}\\begingroup\n\\footnotesize\n\\setlength{{\\tabcolsep}}{{3pt}}\n"
        f"\\begin{{longtable}}{{{columns}}}\n"
        f"\\caption{{{latex_escape(caption)}}}\\label{{{label}}}\\\\\n"
        f"{head}\\endfirsthead\n{head}\\endhead\n\\bottomrule\n\\endfoot\n"
        + "\n".join(rows)
        + "\n\\end{longtable}\n\\endgroup\n"
    )


def _breakable(cell: str) -> str:
    """Escape a cell and let file names break where they have a sign."""
    return re.sub(r"(/|\\_|\.(?=[a-z]))", r"\1\\allowbreak{}", latex_escape(cell))


def _header(table: pd.DataFrame) -> str:
    names = [name if isinstance(name, tuple) else ("", str(name)) for name in table.columns]
    bottom = _join(_stacked(what, 12, " （") for _, what in names)
    if table.columns.nlevels == 1:
        return bottom
    cells, rules, start = [], [], 1
    for whose, group in groupby(whose for whose, _ in names):
        width = len(list(group))
        head = f"\\multicolumn{{{width}}}{{c}}{{{_stacked(whose, 24, ' ，')}}}"
        cells.append(head if whose else "")
        if whose:
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return "\n".join([_join(cells), " ".join(rules), bottom])


def _stacked(name: str, longest: int, signs: str) -> str:
    """Break a heading wider than ``longest`` once, beside the sign nearest to its middle."""
    breaks = [index for index, sign in enumerate(name) if sign in signs]
    if _width(name) <= longest or not breaks:
        return latex_escape(name)
    half = _width(name) / 2
    cut = min(breaks, key=lambda index: abs(_width(name[:index]) - half))
    cut += name[cut] == "，"
    lines = (latex_escape(name[:cut].strip()), latex_escape(name[cut:].strip()))
    return "\\shortstack{" + "\\\\".join(lines) + "}"


def _width(name: str) -> int:
    """Return the width in Latin letters; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in name)


def _cells(table: pd.DataFrame, best: Collection[int]) -> list[list[str]]:
    columns = []
    for position in range(table.shape[1]):
        column = table.iloc[:, position]
        cells = [_cell(value) for value in column]
        if position in best:
            top = column.max()
            pairs = zip(cells, column, strict=True)
            cells = [f"\\textbf{{{cell}}}" if value == top else cell for cell, value in pairs]
        columns.append(cells)
    return [list(row) for row in zip(*columns, strict=True)]


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else latex_escape(str(value))


def _is_numeric(column: "pd.Series[Any]") -> bool:
    return all(not str(value) or str(value).lstrip("< ")[:1].isdigit() for value in column)


def _join(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
