"""Why something was left out, as a sentence of the message table and the values that fill it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from metrascope.messages import text

_MOST_ROWS: Final = 12


@dataclass(frozen=True)
class Reason:
    """Why a file, frame or row is not used.

    Attributes
    ----------
    key
        Of the sentence, ``area.name``.
    values
        That fill the sentence; they never hold what identifies a patient, since reasons are
        written into the data set.
    """

    key: str
    values: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Return the name of the reason without its area, for tables and counts."""
        return self.key.partition(".")[2]

    def text(self, lang: str | None = None) -> str:
        """Return the reason as one sentence."""
        return text(self.key, lang, **self.values)


def shown_rows(numbers: Iterable[int]) -> str:
    """Return numbers of rows as a sentence shows them: ``2, 5-7``, and how many runs more."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{first}-{last}" if first < last else str(first) for first, last in runs]
    more = f" … (+{len(shown) - _MOST_ROWS})" if len(shown) > _MOST_ROWS else ""
    return ", ".join(shown[:_MOST_ROWS]) + more
