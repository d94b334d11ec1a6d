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

from typing import Final

from metrascope.messages import Reason, text

_NO_MEMORY: Final = (
    "out of memory",  # torch, for a GPU; Pillow
    "can't allocate memory",  # torch, for a processor
    "cannot allocate memory",  # the system
    "not enough memory",
    "insufficient memory",  # OpenCV
    "failed to allocate",  # OpenCV, ONNX Runtime
    "bad_alloc",  # the standard library of C++
    "bad allocation",  # the same on Windows
    "failed to map segment",  # the loader of libraries
    "can't start new thread",  # whose stack found no room
)


_EXTRAS: Final = {
    "faiss": "ingest",
    "filelock": "ingest",
    "gdcm": "ingest",
    "jpeg_ls": "ingest",
    "onnxruntime": "ocr",
    "openjpeg": "ingest",
    "openpyxl": "ingest",
    "pydicom": "ingest",
    "rapidocr": "ocr",
    "rle": "ingest",
    "jinja2": "report",
    "matplotlib": "report",
    "pandas": "report",
    "scipy": "report",
    "sklearn": "report",
    "lightning_fabric": "study",
    "ray": "ray",
    "safetensors": "study",
    "tomli_w": "study",
    "torch": "study",
    "torchvision": "study",
}
_READING: Final = ("gdcm", "jpeg_ls", "onnxruntime", "openjpeg", "pydicom", "rle")
_EXPORTING: Final = (
    "lightning_fabric",
    "onnx",
    "onnxscript",
    "safetensors",
    "torch",
    "torchvision",
)
EXTRAS_OF: Final = {
    "predict": dict.fromkeys(_READING, "predict"),
    "export": dict.fromkeys((*_READING, *_EXPORTING), "export"),
}
"""Extras of commands that have one of their own: no other is advised, which may be larger."""


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

    @property
    def reason(self) -> Reason:
        """The same as a reason, for what is left out rather than ended; other values as text."""
        plain = {
            name: value if isinstance(value, int | float) else str(value)
            for name, value in self.values.items()
        }
        return Reason(self.key, plain)

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
    """A dependency of an optional part that is not installed.

    The value ``extra`` names the part, and the sentence's ``{install}`` says how to install it: by
    the source's folder, since the package is on no index.
    """

    def __str__(self) -> str:
        install = text("common.install", extra=self.values.get("extra", ""))
        return text(self.key, None, install=install, **self.values)


def missing_extra(error: ModuleNotFoundError, purpose: str = "") -> MissingExtraError | None:
    """Return the error that names the extra which brings a package, None where it is of none.

    Parameters
    ----------
    error
        What Python says of the package.
    purpose
        ``predict`` or ``export``, whose extras are smaller than others with the same package.
    """
    package = (error.name or "").split(".")[0]
    extra = EXTRAS_OF.get(purpose, {}).get(package) or _EXTRAS.get(package)
    if extra is None:
        return None
    return MissingExtraError("common.missing_extra", package=package, extra=extra)


def is_memory_failure(error: BaseException) -> bool:
    """Tell whether an exception says that memory, or what a process may have of it, ran out."""
    if isinstance(error, MemoryError):
        return True
    # Libraries in C and C++ have classes of their own for it, or say it in words.
    said = getattr(error, "strerror", None) or error
    return any(words in str(said).lower() for words in _NO_MEMORY)


def _rebuilt(kind: type[MetrascopeError], key: str, values: dict[str, object]) -> MetrascopeError:
    return kind(key, **values)
