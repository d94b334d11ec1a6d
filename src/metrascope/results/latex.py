"""A table as LaTeX with booktabs rules.

An interval stands under its number, in smaller letters, as journals set it: beside it, three
columns would fill a page. What is too long for a page, or wider than the text of an A4 page with
margins of 2.5 cm, becomes a ``longtable``, on a page of its own turned by 90° where it is wide.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import pandas as pd

_CHINESE: Final = "% Chinese text also needs \\usepackage{ctex} and XeLaTeX or LuaLaTeX.\n"
_INTERVAL: Final = re.compile(r"(?P<value>\S+) (?P<ends>\([−\d.]+(–|, )[−\d.∞]+\))")
# In points: text of A4 with margins of 2.5 cm, a letter of \small and one of \scriptsize.
_TEXT_WIDTH: Final = 455
_LETTER: Final = 4.75
_SMALL_LETTER: Final = 4.05
# Sizes that are tried in turn, what they are of \small, and half the space between two columns.
_SIZES: Final = (("\\small", 1.0, 4), ("\\footnotesize", 0.9, 3))
_LONGEST: Final = 45  # lines that a floating table may have
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
    table: pd.DataFrame, caption: str, label: str, best: Collection[int] = (), rule: int = 0
) -> str:
    r"""Return a table to be read with ``\input``: floating, or long where no page holds it.

    Parameters
    ----------
    table
        Cells; floats print with two decimals, and a number's interval under it. Two rows of column
        names become spanning headings over the second row; long ones are broken into two lines.
    caption, label
        Plain text, escaped here; name for ``\ref``.
    best
        Positions of the columns whose highest values are set in bold.
    rule
        Rows between two thin rules; 0 for none.
    """
    numeric = [_is_numeric(table.iloc[:, position]) for position in range(table.shape[1])]
    columns = "".join("r" if right else "l" for right in numeric)
    rows = [_row(row) for row in _cells(table, best)]
    if rule:
        last = len(rows) - 1
        rows = [
            row + ("\n\\midrule" if index % rule == rule - 1 and index < last else "")
            for index, row in enumerate(rows)
        ]
    body, head = "\n".join(rows), f"\\toprule\n{_header(table)}\n\\midrule\n"
    letters = sum(_needed(table))
    fitting = [
        (name, gap)
        for name, size, gap in _SIZES
        if size * letters + 2 * gap * len(columns) <= _TEXT_WIDTH
    ]
    name, gap = fitting[0] if fitting else (_SIZES[0][0], _SIZES[0][2])
    size = f"{name}\n\\setlength{{\\tabcolsep}}{{{gap}pt}}\n"
    if not fitting or body.count("\n") >= _LONGEST:
        return _long(size, columns, _caption(caption, label), head, body, wide=not fitting)
    return (
        f"{_needs('booktabs')}\\begin{{table}}[htbp]\n\\centering\n{size}"
        f"\\caption{{{latex_escape(caption)}}}\n\\label{{{label}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n{head}{body}\n"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


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
    size = "\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n"
    return _long(size, columns, _caption(caption, label), head, "\n".join(rows), wide=False)


def _long(size: str, columns: str, caption: str, head: str, body: str, *, wide: bool) -> str:
    """Return a table that may run over pages, on turned pages where it is wide."""
    turned = ("\\begin{landscape}\n", "\\end{landscape}\n") if wide else ("", "")
    return (
        f"{_needs('booktabs', 'longtable', *(['pdflscape'] if wide else []))}"
        f"{turned[0]}\\begingroup\n{size}\\setlength{{\\LTcapwidth}}{{\\linewidth}}\n"
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
    """Set a heading that is broken into two lines as a stack."""
    lines = [latex_escape(line) for line in _halves(name, longest, signs)]
    return "\\shortstack{" + "\\\\".join(lines) + "}" if len(lines) > 1 else lines[0]


def _halves(name: str, longest: int, signs: str) -> list[str]:
    """Break a heading wider than ``longest`` once, beside the sign nearest to its middle."""
    breaks = [index for index, sign in enumerate(name) if sign in signs]
    if _width(name) <= longest or not breaks:
        return [name]
    half = _width(name) / 2
    cut = min(breaks, key=lambda index: abs(_width(name[:index]) - half))
    cut += name[cut] == "，"
    return [name[:cut].strip(), name[cut:].strip()]


def _width(name: str) -> int:
    """Return the width in Latin letters; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in name)


def _cells(table: pd.DataFrame, best: Collection[int]) -> list[list[tuple[str, str]]]:
    """Return each cell as its number and, under it, its interval."""
    columns = []
    for position in range(table.shape[1]):
        column = table.iloc[:, position]
        cells = [_cell(value) for value in column]
        if position in best:
            top = column.max()
            cells = [
                (f"\\textbf{{{above}}}" if value == top else above, under)
                for (above, under), value in zip(cells, column, strict=True)
            ]
        columns.append(cells)
    return [list(row) for row in zip(*columns, strict=True)]


def _cell(value: object) -> tuple[str, str]:
    above, under = _parts(value)
    return latex_escape(above), latex_escape(under)


def _parts(value: object) -> tuple[str, str]:
    """Take a number and its interval apart; other text is whole."""
    if isinstance(value, float):
        return f"{value:.2f}", ""
    found = _INTERVAL.fullmatch(str(value))
    return (found["value"], found["ends"]) if found else (str(value), "")


def _row(cells: Sequence[tuple[str, str]]) -> str:
    """Return one line, or two that no page may part."""
    if not any(under for _, under in cells):
        return _join(above for above, _ in cells)
    small = (f"{{\\scriptsize {under}}}" if under else "" for _, under in cells)
    return f"{' & '.join(above for above, _ in cells)} \\\\*\n{_join(small)}"


def _needed(table: pd.DataFrame) -> list[float]:
    """Return about how wide the letters of each column are when small, in points."""
    widths = []
    for position, name in enumerate(table.columns):
        head = _halves(name[1] if isinstance(name, tuple) else str(name), 12, " （")
        cells = [_parts(value) for value in table.iloc[:, position]]
        above = max(map(_width, [*head, *(cell[0] for cell in cells)]))
        under = max([0, *(_width(cell[1]) for cell in cells)])
        widths.append(max(_LETTER * above, _SMALL_LETTER * under))
    return widths


def _is_numeric(column: "pd.Series[Any]") -> bool:
    return all(
        not str(value)
        or str(value) == "—"
        or str(value).lstrip("< −")[:1].isdigit()
        or str(value).startswith("∞")
        for value in column
    )


def _join(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
