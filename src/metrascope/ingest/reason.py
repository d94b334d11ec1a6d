"""Why something was left out, as a sentence of the message table and the values that fill it."""

from dataclasses import dataclass, field

from metrascope.messages import text


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
