"""Errors that a user can act on.

The tree::

    MetrascopeError
    ├── SettingsError      settings, options, a command used wrongly
    ├── DataError          manifest, images, masks, splits, predictions
    ├── WeightsError       weight files and checkpoints
    ├── StudyError         a study folder, a run that failed
    └── MissingExtraError  an optional dependency that is not installed

Each carries the key of a sentence in the message table and the values that fill it, so that
the same error reads in English or Chinese.
"""

from metrascope.messages import text


class MetrascopeError(Exception):
    """Something the user can mend; ``str(error)`` is one sentence in the current language.

    Parameters
    ----------
    key
        Key of the sentence in the message table, ``area.name``.
    values
        What fills the placeholders of the sentence.
    """

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key, values)
        self.key = key
        self.values = values

    def __str__(self) -> str:
        return text(self.key, None, **self.values)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions travel between processes by their arguments, and ours take keywords.
        return _rebuilt, (type(self), self.key, self.values)


class SettingsError(MetrascopeError):
    """Settings or options that cannot be used."""


class DataError(MetrascopeError):
    """A manifest, image, mask, split or predictions file that cannot be used."""


class WeightsError(MetrascopeError):
    """A weights file or checkpoint that cannot be used."""


class StudyError(MetrascopeError):
    """A study folder that cannot be used, or a run that failed."""


class MissingExtraError(MetrascopeError):
    """A dependency of an optional part that is not installed."""


def _rebuilt(kind: type[MetrascopeError], key: str, values: dict[str, object]) -> MetrascopeError:
    return kind(key, **values)
