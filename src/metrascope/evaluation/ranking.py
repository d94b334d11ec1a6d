"""Which networks can be told apart, and what luck may have done, in plain sentences."""

from collections.abc import Mapping
from typing import Any

from metrascope.classes import class_short
from metrascope.evaluation.findings import SIGNIFICANT
from metrascope.evaluation.limits import FEW_IN_A_CLASS
from metrascope.evaluation.notation import about, decimal, p_value, percent
from metrascope.evaluation.published import network_title
from metrascope.evaluation.units import counted, patients
from metrascope.messages import text

Metrics = Mapping[str, Any]


def ranking_sentences(metrics: Metrics, lang: str | None = None) -> list[str]:
    """Return which networks can be told apart and which cannot, and what luck may have done.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    found = metrics.get("comparisons")
    if not found:
        return _alone(metrics, lang)
    ranks = found["ranking"]
    order = ranks["order"]
    best, others = order[0], order[1:]
    beaten = [name for name in others if name in ranks["told_from_best"]]
    equal = [name for name in others if name not in beaten]
    said = [_told(ranks, len(order), found["n"], lang)]
    if beaten:
        names = _listed(beaten, lang)
        said.append(text("statistics.best_beats", lang, best=network_title(best), names=names))
    if equal:
        names = _listed(equal, lang)
        share = f"{100 * ranks['best_of_resamples'][best]:.0f}"
        said.append(
            text("statistics.best_equal", lang, best=network_title(best), names=names, share=share)
        )
    gain = f"{100 * found['luck']['if_equal']:.1f}"
    said.append(text("statistics.luck", lang, count=len(order), points=gain, n=found["n"]))
    return [*said, *_needed(found, order, lang), *_spread_over_all(found, lang)]


def agreement_sentences(metrics: Metrics, lang: str | None = None) -> list[str]:
    """Return how far the networks agree, and how many patients all of them misread."""
    found = metrics.get("agreement")
    if not found:
        return []
    kappa = decimal(found["fleiss_kappa"], 2)
    missed = len(found["missed_by_all"])
    return [
        text("statistics.agreement", lang, kappa=kappa),
        text("statistics.missed_by_all", lang, count=missed, counted=_common(metrics, lang)),
    ]


def weakest_sentence(metrics: Metrics, network: str, lang: str | None = None) -> str:
    """Return for which class a network's sensitivity is lowest, with its interval."""
    classes = metrics["networks"][network]["classes"]
    there = [name for name in classes if classes[name]["recall"]["value"] is not None]
    label = min(there, key=lambda name: float(classes[name]["recall"]["value"]))
    return text(
        "statistics.weakest",
        lang,
        network=network_title(network),
        label=class_short(label, lang),
        share=percent(classes[label]["recall"], 0),
        n=classes[label]["support"],
    )


def few_sentences(metrics: Metrics, lang: str | None = None) -> list[str]:
    """Return which classes have so few patients that their numbers are rough."""
    networks = metrics["networks"].values()
    support = {
        label: max(int(numbers["classes"][label]["support"]) for numbers in networks)
        for label in metrics["classes"]
    }
    return [
        text("statistics.few", lang, label=class_short(label, lang), n=count)
        for label, count in support.items()
        if 0 < count < FEW_IN_A_CLASS
    ]


def _alone(metrics: Metrics, lang: str | None) -> list[str]:
    (name, numbers), *_ = metrics["networks"].items()
    needed = numbers.get("patients_needed")
    said = text(
        "statistics.alone",
        lang,
        network=network_title(name),
        f1=percent(numbers["macro_f1"], 1),
        counted=counted(metrics, lang, numbers["n"]),
    )
    if needed is None or needed <= numbers.get("patients", patients(metrics)):
        return [said]
    return [said, text("statistics.width", lang, needed=about(needed))]


def _common(metrics: Metrics, lang: str | None) -> str:
    """Return how many units every network read."""
    ensemble = metrics.get("ensemble", {})
    return counted(metrics, lang, int(ensemble.get("n", metrics["comparisons"]["n"])))


def _told(ranks: Mapping[str, Any], networks: int, n: int, lang: str | None) -> str:
    told, pairs = ranks["told_apart"], ranks["pairs"]
    values = {"told": told, "pairs": pairs, "networks": networks, "n": n}
    if pairs == 1:
        key = "both" if told else "not"
    else:
        key = "none" if not told else "some" if told < pairs else "all"
    return text(f"statistics.told_{key}", lang, **values)


def _needed(found: Mapping[str, Any], order: list[str], lang: str | None) -> list[str]:
    """Say how many patients would tell the first from the second."""
    wanted = set(order[:2])
    for pair in found["pairs"]:
        p = pair["macro_f1"]["p_holm"]
        if {pair["first"], pair["second"]} != wanted or p is None:
            continue
        if p < SIGNIFICANT:
            return []  # shown already
        needed = pair["patients_needed"]
        if needed is None or needed <= found["n"]:
            return []
        points = f"{100 * abs(pair['macro_f1']['value']):.1f}"
        first, second = (network_title(name) for name in order[:2])
        values = {"first": first, "second": second, "points": points, "needed": about(needed)}
        return [text("statistics.needed", lang, **values)]
    return []


def _spread_over_all(found: Mapping[str, Any], lang: str | None) -> list[str]:
    p = found["cochran_q"]["p"]
    if p is None:
        return []
    shown = p_value(p)
    told = shown if shown.startswith("<") else f"= {shown}"
    return [text("statistics.cochran", lang, p=told)]


def _listed(names: list[str], lang: str | None) -> str:
    return text("report.comma", lang).join(network_title(name) for name in names)
