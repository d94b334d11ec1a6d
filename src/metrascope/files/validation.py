"""Why a value was refused, in words: pydantic says it in English alone."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from metrascope.messages import text

_KEYS: Final = {
    "greater_than": "above",
    "greater_than_equal": "at_least",
    "less_than": "below",
    "less_than_equal": "at_most",
    "finite_number": "finite",
    "literal_error": "one_of",
    "missing": "missing",
    "extra_forbidden": "unknown",
    "string_too_short": "empty",
    "too_short": "fewer",
    "too_long": "more",
}
_KINDS: Final = {
    "int": "whole",
    "float": "number",
    "bool": "bool",
    "string": "text",
    "tuple": "list",
    "list": "list",
    "dict": "table",
    "model": "table",
    "mapping": "table",
}
_LIMITS: Final = ("gt", "ge", "lt", "le", "min_length", "max_length")
# What pydantic puts after a field's name to tell which of several kinds it tried.
_TRIED: Final = re.compile(r"(literal|constrained|function|model)\W.*|int|float|str|bool")


def error_place(error: Mapping[str, Any]) -> str:
    """Return the name of the value that an error of pydantic is about, with dots."""
    first, *rest = [str(part) for part in error["loc"]] or [""]
    return ".".join([first, *(part for part in rest if not _TRIED.fullmatch(part))])


def error_reason(errors: Sequence[Mapping[str, Any]]) -> str:
    """Return why the first value of an error's list was refused, in the language in use.

    Parameters
    ----------
    errors
        As ``ValidationError.errors()`` gives them. A value that may be of several kinds has an
        error for each: all of them are named.
    """
    place = error_place(errors[0])
    reasons = dict.fromkeys(_reason(error) for error in errors if error_place(error) == place)
    return text("value.or").join(reasons)


def _reason(error: Mapping[str, Any]) -> str:
    kind, found = str(error["type"]), error.get("ctx", {})
    if kind == "value_error":  # ours, raised by a validator
        return str(found["error"])
    if kind == "literal_error":
        return text("value.one_of", names=", ".join(_names(str(found["expected"]))))
    name = _KEYS.get(kind) or _KINDS.get(kind.split("_")[0])
    if name is None:
        return str(error["msg"])
    limits = [f"{found[key]:.12g}" for key in _LIMITS if key in found]
    return text(f"value.{name}", limit="".join(limits[:1]))


def _names(expected: str) -> list[str]:
    """Return the values that pydantic lists as ``'a', 'b' or 'c'``."""
    return re.findall(r"'([^']*)'", expected) or [expected]
