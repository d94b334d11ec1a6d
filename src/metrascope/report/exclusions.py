"""What an ingest left out and which scanners made the images, as far as a study's files say."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from metrascope.messages import reason_title, table, text
from metrascope.pages import join_items
from metrascope.results.estimate import ABSENT
from metrascope.results.notation import count_text
from metrascope.study_folder.contents import Study

# Scanners that a sentence names; more are counted.
_MOST_NAMED = 12


def flow_table(study: Study, lang: str) -> pd.DataFrame | None:
    """Return the boxes of the flow, and what left each for which reason; None without an ingest."""
    steps = _steps(study)
    if not steps:
        return None
    rows = [
        [
            text(f"evidence.step_{step['step']}", lang),
            count_text(step["count"]),
            _reasons(step["left_out"], lang) or ABSENT,
        ]
        for step in steps
    ]
    heads = [text(f"report.flow_{name}", lang) for name in ("step", "count", "left_out")]
    return pd.DataFrame(rows, columns=heads)


def scanner_table(study: Study, lang: str) -> pd.DataFrame | None:
    """Return patients and images by scanner; None where the manifest does not tell."""
    scanners = study.data.get("scanners") or {}
    if not any(scanners):
        return None
    rows = [
        [_scanner(name, lang), count_text(part["patients"]), count_text(part["images"])]
        for name, part in scanners.items()
    ]
    heads = [text(f"report.{name}", lang) for name in ("scanner", "patients", "images")]
    return pd.DataFrame(rows, columns=heads)


def flow_sentences(study: Study, lang: str) -> list[str]:
    """Return from how many files the images were taken, and what was left out for which reason."""
    steps = {step["step"]: step for step in _steps(study)}
    if not steps:
        return []
    values = {
        name: count_text(steps[name]["count"]) for name in ("files", "images", "stills", "kept")
    }
    told = [text("methods.flow", lang, **values)]
    left = {name: number for step in steps.values() for name, number in step["left_out"].items()}
    if left:
        told.append(text("methods.flow_left_out", lang, list=_reasons(left, lang)))
    return told


def scanner_sentences(study: Study, lang: str) -> list[str]:
    """Return with which scanners the images were made."""
    scanners = study.data.get("scanners") or {}
    if not any(scanners):
        return []
    if len(scanners) > _MOST_NAMED:
        return [text("methods.scanner_count", lang, count=len([name for name in scanners if name]))]
    named = (
        text(
            "methods.scanner",
            lang,
            name=_scanner(name, lang),
            images=count_text(part["images"]),
            patients=count_text(part["patients"]),
        )
        for name, part in scanners.items()
    )
    return [text("methods.scanners", lang, list=join_items(named, lang, "semicolon"))]


def _steps(study: Study) -> Sequence[Any]:
    steps: Sequence[Any] = study.data.get("flow") or ()
    return [step for step in steps if f"evidence.step_{step['step']}" in table()]


def _reasons(reasons: Mapping[str, int], lang: str) -> str:
    parts = (
        text("report.flow_reason", lang, reason=reason_title(name, lang), count=count_text(number))
        for name, number in reasons.items()
    )
    return join_items(parts, lang, "semicolon")


def _scanner(name: str, lang: str) -> str:
    return name or text("report.scanner_unknown", lang)
