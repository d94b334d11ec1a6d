"""Keep a spreadsheet from running a cell: the one guard of every CSV file, and its removal.

A name, a class or a diagnosis comes from outside. If it begins like a formula, Excel, WPS and
LibreOffice calculate it when the file is opened (CWE-1236), so that an apostrophe is put before
it. `bare` takes exactly what `guarded` put there, so that ``-x`` and ``'=x`` survive any number
of files.
"""

import re
from typing import Final, TypeVar, overload

_Cell = TypeVar("_Cell")

# What begins a formula, after blanks that a spreadsheet may drop; full-width signs count where
# the input is Chinese or Japanese. Apostrophes before it are counted in, so that a text that
# begins with one itself gets one more and comes back with its own.
_FORMULA: Final = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")


@overload
def guarded(cell: str) -> str: ...
@overload
def guarded(cell: _Cell) -> _Cell: ...
def guarded(cell: object) -> object:
    """Return a cell as a file may hold it: text that begins like a formula after an apostrophe.

    Numbers are left alone.
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def bare(cell: str) -> str:
    """Return what `guarded` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
