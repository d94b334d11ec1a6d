"""How the numbers were inferred, in sentences: intervals, tests, calibration, subgroups.

A sentence is there only when ``metrics.json`` holds what it tells of.
"""

from typing import Any

from metrascope.classes import class_short
from metrascope.messages import text
from metrascope.pages import join_items
from metrascope.results.findings import attribute_title
from metrascope.statistics.reliability import SIMULATIONS
from metrascope.study_folder.contents import Study

_Sentences = list[str]


def has_intervals(study: Study) -> bool:
    """Tell whether every network's macro F1 has its interval."""
    scores = [network.get("macro_f1", {}) for network in study.scores.values()]
    return bool(scores) and all(score.get("low") is not None for score in scores)


def intervals(study: Study, lang: str) -> _Sentences:
    """Return how the intervals of each network's figures were made."""
    if not has_intervals(study):
        return []
    told = [text("methods.intervals", lang)]
    if any("macro_auc" in scores for scores in study.scores.values()):
        told.append(text("methods.intervals_auc", lang))
    replicates = study.metrics.get("replicates")
    if replicates:
        told.append(text("methods.intervals_bootstrap", lang, replicates=f"{replicates:,}"))
    told.append(text("methods.intervals_given", lang))
    if shares := study.metrics.get("prevalence"):
        names = (f"{class_short(name, lang)} {100 * share:g}%" for name, share in shares.items())
        told.append(text("methods.prevalence", lang, shares=join_items(names, lang)))
    return told


def comparisons(study: Study, lang: str) -> _Sentences:
    """Return by which tests the networks were compared with each other."""
    found = study.metrics.get("comparisons")
    if not found:
        return []
    pairs = found.get("pairs", [])
    areas = any("macro_auc" in pair for pair in pairs)
    auc = text("methods.comparisons_auc", lang) if areas else ""
    values = {"n": found.get("n"), "pairs": len(pairs), "auc": auc}
    key = "methods.comparisons_two" if len(pairs) == 1 else "methods.comparisons"
    told = [text(key, lang, **values)]
    if any(scores.get("replications", 1) > 1 for scores in study.scores.values()):
        told.append(text("methods.comparisons_seeds", lang))
    if len(study.scores) > 2 and found.get("cochran_q", {}).get("p") is not None:
        told.append(text("methods.comparisons_all", lang))
    return told


def calibration_inference(study: Study, lang: str) -> _Sentences:
    """Return how the probabilities were judged, and of what use they are."""
    found = study.metrics.get("calibration")
    if not found:
        return []
    told = [text("methods.calibration", lang, simulations=SIMULATIONS)]
    if found.get("after_scaling") == "shown":
        told.append(text("methods.calibration_scaled", lang))
    return told


def thresholds(study: Study, lang: str) -> _Sentences:
    """Return at which thresholds the networks were judged."""
    told = []
    if points := study.metrics.get("operating_points"):
        rule = "chosen" if points.get("chosen") == "validation" else "half"
        told.append(text(f"methods.thresholds_{rule}", lang))
    if curves := study.metrics.get("decision"):
        told.append(_decision(curves, lang))
    return told


def subgroup_inference(study: Study, lang: str) -> _Sentences:
    """Return by what attributes patients were divided, and how the parts were compared."""
    found = study.metrics.get("subgroups", {})
    attributes = [
        one for one in found.get("attributes", []) if any(map(_has_numbers, one["groups"]))
    ]
    if not attributes:
        return []
    names = join_items(
        (attribute_title(one["name"], lang) for one in attributes), lang, "semicolon"
    )
    told = [text("methods.subgroups", lang, list=names, fewest=found.get("fewest"))]
    if any(one.get("tests") for one in attributes):
        told.append(text("methods.subgroups_test", lang))
    return told


def explanations(study: Study, lang: str) -> _Sentences:
    """Return how heat maps were judged and shortcuts looked for."""
    parts = {"localization": "maps", "faithfulness": "deletion", "shortcuts": "changes"}
    told = []
    for name, part in parts.items():
        found = [scores.get(name, {}) for scores in study.scores.values()]
        sizes = {f"{one['patients']:,}" for one in found if part in one}
        if sizes:
            listed_sizes = text("methods.or_more", lang).join(sorted(sizes, key=len))
            told.append(text(f"methods.{name}", lang, patients=listed_sizes))
    if any("border" in scores.get("shortcuts", {}) for scores in study.scores.values()):
        told.append(text("methods.border", lang))
    return told


def _has_numbers(group: dict[str, Any]) -> bool:
    """Tell whether a subgroup had patients enough for numbers."""
    return "networks" in group


def _small(name: str) -> str:
    """Begin a class's name with a small letter, but for abbreviations."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def _decision(curves: dict[str, Any], lang: str) -> str:
    names = (_small(class_short(name, lang)) for name in curves["positive"])
    low, high = (f"{100 * curves['thresholds'][place]:.0f}" for place in (0, -1))
    positive = text("report.or", lang).join(names)
    return text("methods.decision", lang, positive=positive, low=low, high=high)
