"""What is counted: patients, or patients by class where some have images of two classes."""

from collections.abc import Mapping
from typing import Any

from metrascope.messages import text

_Metrics = Mapping[str, Any]


def counted_patients(metrics: _Metrics) -> int:
    """Return how many patients were evaluated; ``n`` counts one of two classes in each."""
    return int(metrics.get("patients", metrics["n"]))


def is_by_class(metrics: _Metrics) -> bool:
    """Tell whether a patient counts once for each class of hers, so that units are not patients."""
    return counted_patients(metrics) != int(metrics["n"])


def counted(metrics: _Metrics, lang: str | None = None, n: int | None = None) -> str:
    """Return how many were evaluated and what they are: ``125 patients``.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    n
        Of some of them, as a network may have read; all when not given.
    """
    whole = int(metrics["n"])
    number = whole if n is None else n
    if not is_by_class(metrics):
        return patients_counted(number, lang)
    if number < whole:
        return text("evaluation.counted_some", lang, n=number)
    return text("evaluation.counted_by_class", lang, n=number, patients=counted_patients(metrics))


def patients_counted(n: int, lang: str | None = None) -> str:
    """Return a number of patients in words: ``125 patients``, ``1 patient``."""
    return text("evaluation.counted_one" if n == 1 else "evaluation.counted", lang, n=n)


def unit(metrics: _Metrics, lang: str | None = None) -> str:
    """Return what one of those evaluated is: the patient, or the patient and class."""
    return text(f"evaluation.unit_{'class' if is_by_class(metrics) else 'patient'}", lang)
