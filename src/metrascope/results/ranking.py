"""Which networks can be told apart, and what luck may have done, in plain sentences."""

from collections.abc import Mapping
from typing import Any, Final

from metrascope.classes import class_short
from metrascope.messages import text
from metrascope.results.findings import SIGNIFICANT
from metrascope.results.notation import about, decimal, number_value, p_value, percent
from metrascope.results.units import counted, patients_counted
from metrascope.statistics.limits import FEW_IN_A_CLASS
from metrascope.statistics.published import network_title

_Metrics = Mapping[str, Any]

_EQUAL: Final = 1e-9


def ranking_sentences(metrics: _Metrics, lang: str | None = None) -> list[str]:
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
        return _uncompared(metrics, lang)
    ranks = found["ranking"]
    order = ranks["order"]
    said = [_pairs_sentence(ranks, len(order), found["n"], lang), *_order(metrics, lang)]
    gain = f"{100 * found['luck']['if_equal']:.1f}"
    if float(gain) and len(ranks.get("highest", ())) < len(order):
        said.append(text("statistics.luck", lang, count=len(order), points=gain, n=found["n"]))
    return [*said, *_needed(found, order, lang), *_spread_over_all(found, len(order), lang)]


def highest_networks(metrics: _Metrics) -> list[str]:
    """Return the networks whose macro F1 no other exceeds: several where they are equal."""
    ranks = metrics.get("comparisons", {}).get("ranking", {})
    if ranks:
        return list(ranks.get("highest", ranks["order"][:1]))
    values = {name: number_value(one.get("macro_f1")) for name, one in metrics["networks"].items()}
    return [name for name, value in values.items() if value >= max(values.values()) - _EQUAL]


def fewer_read(metrics: _Metrics, lang: str | None = None) -> str:
    """Say which of several networks have not read everyone; empty where all have."""
    n = int(metrics["n"])
    few = {name: one["n"] for name, one in metrics["networks"].items() if one["n"] < n}
    if not few or len(metrics["networks"]) < 2:
        return ""
    told = text("report.comma", lang).join(
        text("report.fewer", lang, network=network_title(name), counted=number, all=n)
        for name, number in few.items()
    )
    common = metrics.get("comparisons", {}).get("n", 0)
    return text("report.warn_fewer" if common else "report.warn_apart", lang, list=told, n=common)


def absent_classes(metrics: _Metrics, lang: str | None = None) -> str:
    """Say which classes nobody evaluated has, which no average holds; empty where all are there."""
    networks = metrics["networks"].values()
    absent = [
        class_short(label, lang)
        for label in metrics["classes"]
        if all(int(one["classes"][label]["support"]) == 0 for one in networks)
    ]
    if not absent:
        return ""
    return text("statistics.absent_classes", lang, names=text("report.comma", lang).join(absent))


def same_answers(metrics: _Metrics, lang: str | None = None) -> list[str]:
    """Say which networks gave one and the same answer to everyone, where classes differ."""
    told = []
    for name, numbers in metrics["networks"].items():
        said = [sum(column) for column in zip(*numbers["confusion"], strict=True)]
        given = [label for label, count in zip(metrics["classes"], said, strict=True) if count]
        true = sum(any(row) for row in numbers["confusion"])
        if len(given) == 1 and true > 1:
            label = class_short(given[0], lang)
            told.append(
                text("statistics.one_answer", lang, network=network_title(name), label=label)
            )
    return told


def agreement_sentences(metrics: _Metrics, lang: str | None = None) -> list[str]:
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


def weakest_sentences(metrics: _Metrics, network: str, lang: str | None = None) -> list[str]:
    """Return for which class a network's sensitivity is lowest, with its interval.

    Nothing is said of classes that nobody evaluated has, of a network that finds everyone, nor
    where the classes are equal.
    """
    classes = metrics["networks"][network]["classes"]
    shares = {
        name: number_value(one["recall"])
        for name, one in classes.items()
        if int(one["support"]) > 0
    }
    lowest = [name for name, share in shares.items() if share <= min(shares.values()) + _EQUAL]
    if len(lowest) != 1 or len(shares) == 1 or shares[lowest[0]] >= 1:
        return []
    (label,) = lowest
    return [
        text(
            "statistics.weakest",
            lang,
            network=network_title(network),
            label=class_short(label, lang),
            share=percent(classes[label]["recall"], 0),
            counted=patients_counted(int(classes[label]["support"]), lang),
        )
    ]


def few_sentences(metrics: _Metrics, lang: str | None = None) -> list[str]:
    """Return which classes have so few patients that their numbers are rough."""
    networks = metrics["networks"].values()
    support = {
        label: max(int(numbers["classes"][label]["support"]) for numbers in networks)
        for label in metrics["classes"]
    }
    return [
        text(
            "statistics.few",
            lang,
            label=class_short(label, lang),
            counted=patients_counted(count, lang),
        )
        for label, count in support.items()
        if 0 < count < FEW_IN_A_CLASS
    ]


def _uncompared(metrics: _Metrics, lang: str | None) -> list[str]:
    """Tell of every network by itself, where there is one or no patient was read by all."""
    said = [one for name in metrics["networks"] for one in _alone(metrics, name, lang)]
    if len(metrics["networks"]) > 1:
        said.append(text("statistics.nobody_shared", lang))
    return said


def _alone(metrics: _Metrics, name: str, lang: str | None) -> list[str]:
    numbers = metrics["networks"][name]
    read = int(numbers.get("n", metrics["n"]))
    said = text(
        "statistics.alone",
        lang,
        network=network_title(name),
        f1=percent(numbers["macro_f1"], 1),
        counted=counted(metrics, lang, read),
    )
    needed = numbers.get("patients_needed")
    # Of one patient, or of readings that are all right, no spread is known to reckon with.
    if needed is None or needed <= read or read < 2:
        return [said]
    return [said, text("statistics.width", lang, needed=about(needed))]


def _order(metrics: _Metrics, lang: str | None) -> list[str]:
    """Say which network is highest, what it is better than, and what it cannot be told from."""
    ranks = metrics["comparisons"]["ranking"]
    highest = highest_networks(metrics)
    others = [name for name in ranks["order"] if name not in highest]
    beaten = [name for name in others if name in ranks["told_from_best"]]
    equal = [name for name in others if name not in beaten]
    best, many = _listed(highest, lang), len(highest) > 1
    said = []
    if many:
        said.append(text("statistics.best_shared", lang, names=best))
    if beaten:
        key = "statistics.best_beat" if many else "statistics.best_beats"
        said.append(text(key, lang, best=best, names=_listed(beaten, lang)))
    if equal and not many:
        share = f"{100 * ranks['best_of_resamples'][highest[0]]:.0f}"
        values = {"best": best, "names": _listed(equal, lang), "share": share}
        said.append(text("statistics.best_equal", lang, **values))
    elif equal:
        said.append(text("statistics.shared_equal", lang, names=_listed(equal, lang)))
    return said


def _common(metrics: _Metrics, lang: str | None) -> str:
    """Return how many units every network read."""
    ensemble = metrics.get("ensemble", {})
    return counted(metrics, lang, int(ensemble.get("n", metrics["comparisons"]["n"])))


def _pairs_sentence(ranks: Mapping[str, Any], networks: int, n: int, lang: str | None) -> str:
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


def _spread_over_all(found: Mapping[str, Any], networks: int, lang: str | None) -> list[str]:
    """Say whether all are equally accurate; of two networks McNemar's test says it."""
    p = found["cochran_q"]["p"]
    if p is None or networks < 3:
        return []
    shown = p_value(p)
    told = shown if shown.startswith("<") else f"= {shown}"
    return [text("statistics.cochran", lang, p=told)]


def _listed(names: list[str], lang: str | None) -> str:
    return text("report.comma", lang).join(network_title(name) for name in names)
