"""Read and write TOML that people wrote: bounded in size and depth, with every name they use."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from metrascope.errors import SettingsError
from metrascope.files.csv_rows import read_file

# Bytes of a settings file. Chosen, not measured.
_LARGEST: Final = 1 << 20
_DEEPEST: Final = 16
"""Tables within tables; the settings have three."""
_PART: Final = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^."'=]+)"""
_KEY: Final = re.compile(rf"\s*({_PART}(?:\.{_PART})*)=(.*)", re.DOTALL)
# The time that tomllib takes for a key grows with the square of its parts: a minute for 50,000.
_LONG_KEY: Final = re.compile(r"""(?<![\w-])(?:(?:"[^"\n]*"|'[^'\n]*'|[\w-]+)[ \t]*\.[ \t]*){64}""")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings, in UTF-8 with or without byte order mark.

    Raises
    ------
    SettingsError
        If it cannot be read, is no TOML, or is larger or deeper than settings can be.
    """
    try:
        return _parsed(read_file(path, _LARGEST).decode("utf-8-sig"), path)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("config.no_toml", path=path, reason=error) from error
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError("config.no_toml", path=path, reason=reason) from error


def apply_changes(values: dict[str, Any], changes: Iterable[str]) -> None:
    """Put changes into a nested mapping.

    Parameters
    ----------
    values
        The mapping.
    changes
        ``key=value`` each, the key with dots (``training.epochs=3``), a part of it that has a dot
        or an equals sign in quotation marks; the value as in TOML, and what is no TOML is text.

    Raises
    ------
    SettingsError
        If a change has no value, is no text, or is longer or deeper than settings can be.
    """
    for change in changes:
        found = _KEY.fullmatch(change)
        key, separator, value = (found[1], "=", found[2]) if found else change.partition("=")
        if not separator:
            raise SettingsError("config.no_value", change=shortened(change))
        if any("\ud800" <= sign <= "\udfff" for sign in change):
            raise SettingsError("config.no_text", change=shortened(ascii(change)))
        parts = [_plain(part.strip()) for part in (re.findall(_PART, key) if found else [key])]
        _put(values, parts, _value(value.strip(), change), change)


def toml_text(values: Mapping[str, Any]) -> str:
    """Return a nested mapping as TOML, whatever its keys; entries that are None are left out."""
    import tomli_w

    return tomli_w.dumps(_without_none(values))


def shortened(value: object, most: int = 80) -> str:
    """Return a value for a sentence, its middle left out where it is long."""
    try:
        words = str(value)
    except ValueError:  # a whole number of thousands of digits
        return "…"
    return words if len(words) <= most else f"{words[: most // 2]}…{words[-most // 4 :]}"


def _parsed(content: str, source: object) -> dict[str, Any]:
    if _LONG_KEY.search(content):
        raise SettingsError("config.too_deep", source=source, most=_DEEPEST)
    try:
        values = tomllib.loads(content)
    except RecursionError as error:
        raise SettingsError("config.too_deep", source=source, most=_DEEPEST) from error
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        raise SettingsError("config.long_number", source=source) from error
    _check_depth(values, source)
    return values


def _check_depth(values: dict[str, Any], source: object) -> None:
    level: list[Any] = [values]
    for _ in range(_DEEPEST):
        inside = (one.values() if isinstance(one, dict) else one for one in level)
        level = [part for parts in inside for part in parts if isinstance(part, dict | list)]
    if level:
        raise SettingsError("config.too_deep", source=source, most=_DEEPEST)


def _plain(part: str) -> str:
    """Return a part of a key without its quotation marks."""
    if part[:1] not in ('"', "'"):
        return part
    try:
        return str(tomllib.loads(f"part = {part}")["part"])
    except tomllib.TOMLDecodeError:
        return part


def _value(value: str, change: str) -> object:
    try:
        return _parsed(f"value = {value}", f"--set {shortened(change)}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _put(values: dict[str, Any], keys: list[str], value: object, change: str) -> None:
    if len(keys) > _DEEPEST:
        source = f"--set {shortened(change)}"
        raise SettingsError("config.too_deep", source=source, most=_DEEPEST)
    for key in keys[:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise SettingsError("config.no_table", change=shortened(change), key=shortened(key))
    values[keys[-1]] = value


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }
