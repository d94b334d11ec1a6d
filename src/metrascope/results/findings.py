"""What calibration, decision curves and subgroups come to, in plain sentences."""

from collections.abc import Mapping
from typing import Any, Final

from metrascope.messages import language, table, text
from metrascope.results.notation import p_value
from metrascope.statistics.limits import ALTOGETHER
from metrascope.statistics.published import network_title

# The customary level, after Holm's correction.
SIGNIFICANT: Final = 0.05


def calibration_sentences(calibration: Mapping[str, Any], lang: str | None = None) -> list[str]:
    """Return which networks' probabilities are off, and whether scaling can be judged.

    Parameters
    ----------
    calibration
        As `metrascope.statistics.calibration.calibration` returns it.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    known = {
        name: blocks
        for name, blocks in calibration["networks"].items()
        if blocks["before"]["classwise_ece"]["p"] is not None
    }
    if not known:
        return [text("calibration.too_few", lang, least=ALTOGETHER)]
    off = [
        network_title(name)
        for name, blocks in known.items()
        if blocks["before"]["classwise_ece"]["p"] < SIGNIFICANT
    ]
    names = text("calibration.between", lang).join(off)
    told = [
        text("calibration.some_off", lang, networks=names)
        if off
        else text("calibration.none_off", lang)
    ]
    scaled = [
        network_title(name)
        for name, blocks in known.items()
        if "after" in blocks and _ece(blocks["after"]) >= _ece(blocks["before"])
    ]
    if scaled:
        listed = text("calibration.between", lang).join(scaled)
        told.append(text("calibration.scaled_no_better", lang, networks=listed))
    if calibration["after_scaling"] != "shown":
        told.append(text(f"calibration.{calibration['after_scaling']}", lang))
    return told


def decision_sentences(decision: Mapping[str, Any], lang: str | None = None) -> list[str]:
    """Return for each network at which thresholds acting on it is shown to be worth while.

    Parameters
    ----------
    decision
        As `metrascope.statistics.decision_curves.decision_curves` returns it.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    told = []
    share = _percent(decision["prevalence"])
    for name, curve in decision["curves"].items():
        stretches = text("calibration.between", lang).join(
            _percent(low)
            if low == high
            else text("calibration.stretch", lang, low=_percent(low), high=_percent(high))
            for low, high in curve["useful"]
        )
        key = "calibration.useful" if stretches else "calibration.useless"
        network = network_title(name)
        told.append(text(key, lang, network=network, stretches=stretches, prevalence=share))
    return told


def subgroup_sentences(subgroups: Mapping[str, Any], lang: str | None = None) -> list[str]:
    """Return for each attribute whether its subgroups are shown to be read differently.

    Parameters
    ----------
    subgroups
        As `metrascope.statistics.subgroups.subgroups` returns it.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    return [_attribute(one, subgroups["fewest"], lang) for one in subgroups["attributes"]]


def subgroup_summary(subgroups: Mapping[str, Any], lang: str | None = None) -> list[str]:
    """Return the differences between subgroups, and in one sentence where none was shown."""
    told, alike = [], []
    for one in subgroups["attributes"]:
        values = [test["p_holm"] for test in one["tests"].values() if test["p_holm"] is not None]
        if values and min(values) < SIGNIFICANT:
            told.append(_attribute(one, subgroups["fewest"], lang))
        elif values:
            alike.append(attribute_title(one["name"], lang))
    if alike:
        names = text("report.semicolon", lang).join(alike)
        told.append(text("subgroups.sum_alike", lang, attributes=names))
    return told


def attribute_title(name: str, lang: str | None = None) -> str:
    """Return what people call an attribute, or its name where none is known."""
    return table().get(f"subgroups.{name}", {}).get(lang or language(), name)


def value_title(name: str, lang: str | None = None) -> str:
    """Return what people call a subgroup, or its name where none is known."""
    known = name in ("with", "without", "sagittal", "transverse")
    return attribute_title(name, lang) if known else name


def _attribute(one: Mapping[str, Any], fewest: int, lang: str | None) -> str:
    title = attribute_title(one["name"], lang)
    tests = {name: test for name, test in one["tests"].items() if test["p_holm"] is not None}
    if not tests:
        return text("subgroups.no_test", lang, attribute=title, fewest=fewest)
    smallest = min(test["p_holm"] for test in tests.values())
    shown = p_value(smallest)
    p = shown if shown.startswith("<") else f"= {shown}"
    different = [network_title(n) for n, test in tests.items() if test["p_holm"] < SIGNIFICANT]
    if different:
        names = text("subgroups.between", lang).join(different)
        return text("subgroups.difference", lang, attribute=title, networks=names, p=p)
    sizes = [group["patients"] for group in one["groups"] if "networks" in group]
    difference = max(test["detectable"] for test in tests.values())
    return text(
        "subgroups.no_difference",
        lang,
        attribute=title,
        p=p,
        patients=min(sizes),
        difference=f"{100 * difference:.0f}",
    )


def _ece(block: Mapping[str, Any]) -> float:
    return float(block["classwise_ece"]["value"])


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
