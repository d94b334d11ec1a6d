"""Reasons in words: whole sentences for a list, few words for a count."""

import re
from typing import Final

from metrascope.ingest.journal import Rejection
from metrascope.messages import table, text

# Words that DICOM itself defines or we wrote, and nothing else of a file, may stand in a reason.
_PUBLIC: Final = re.compile(
    r"1\.2\.840\.10008\.[0-9.]{1,40}|[0-9]{1,4} ?x ?[0-9]{1,4}|python-gdcm|pyjpegls"
)


# Names of closed lists, with numbers that are those of software: see `metrascope.dicom.syntaxes`
# and `metrascope.dicom.layout`.
_OURS: Final = ("syntax", "photometric")


def explain(rejection: Rejection, lang: str | None = None) -> str:
    """Return a rejection as a sentence without anything that was read from the file."""
    values = {
        name: value if name in _OURS or _is_public(value) else _hidden(name, lang)
        for name, value in rejection.values.items()
    }
    return text(rejection.reason, lang, **values | _roles(rejection, lang))


def explain_in_full(rejection: Rejection, lang: str | None = None) -> str:
    """Return a rejection as a sentence for the private lists."""
    return text(rejection.reason, lang, **{**rejection.values, **_roles(rejection, lang)})


def _hidden(name: str, lang: str | None) -> str:
    """Return what stands for a value that only the private lists may show."""
    return text("role.in_links", lang) if name in ("row", "rows") else "…"


def _is_public(value: object) -> bool:
    return isinstance(value, int | float) or _PUBLIC.fullmatch(str(value)) is not None


def _roles(rejection: Rejection, lang: str | None) -> dict[str, str]:
    """Return the words for those values that are roles of columns, which stand in the journal."""
    roles = {name: rejection.values.get(name) for name in ("first", "second", "role")}
    return {
        name: text(f"role.{role}", lang)
        for name, role in roles.items()
        if f"role.{role}" in table()
    }
