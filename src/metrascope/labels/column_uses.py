"""What each column of the table of labels was taken for, those that were not used included."""

from dataclasses import dataclass
from typing import Final

from metrascope.labels.matching import Labels
from metrascope.messages import text

COMPARED: Final = "compared"
"""Use of a column that is only compared with the diagnosis in use."""
UNUSED: Final = "unused"


@dataclass(frozen=True)
class ColumnUse:
    """One column.

    Attributes
    ----------
    letter
        Its place, as Excel and WPS name it.
    name
        In the header.
    use
        Its role (`metrascope.labels.columns.ROLES`), `COMPARED` or `UNUSED`.
    """

    letter: str
    name: str
    use: str

    def words(self, lang: str | None = None) -> str:
        """Return the use in words."""
        return text(f"role.{self.use}", lang)


def column_uses(labels: Labels) -> tuple[ColumnUse, ...]:
    """Return all columns that have a name, in the order of the table."""
    roles = {name: role for role, names in labels.columns.items() for name in names}
    roles |= dict.fromkeys(labels.beside.keys() - roles.keys(), COMPARED)
    return tuple(
        ColumnUse(_letter(number), name, roles.get(name, UNUSED))
        for number, name in enumerate(labels.header)
        if name
    )


def _letter(number: int) -> str:
    """Return a column's letters: A for 0, AA for 26."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
