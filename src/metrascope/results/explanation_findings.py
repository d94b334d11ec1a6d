"""What heat maps and shortcuts come to, in plain sentences."""

from collections.abc import Mapping
from typing import Any, Final

from metrascope.messages import text
from metrascope.results.findings import SIGNIFICANT
from metrascope.results.notation import number_value, p_value, percent
from metrascope.statistics.limits import ALTOGETHER
from metrascope.statistics.published import network_title

_FLOOR: Final = "jpeg"
_ORDERS: Final = ("shuffled", "randomized")


def explanation_sentences(metrics: Mapping[str, Any], lang: str | None = None) -> list[str]:
    """Return for each network what was found; nothing where nothing was measured.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    told = []
    for name, numbers in metrics["networks"].items():
        title = network_title(name)
        measured = {
            part: (write, numbers[part])
            for part, key, write in _MEASURED
            if numbers.get(part, {}).get(key)
        }
        enough = {part: one for part, one in measured.items() if one[1]["patients"] >= ALTOGETHER}
        told += [write(title, found, lang) for write, found in enough.values()]
        if few := [
            found["patients"] for part, (_, found) in measured.items() if part not in enough
        ]:
            told.append(text("localization.told_few", lang, network=title, patients=max(few)))
        if "border" in numbers.get("shortcuts", {}):
            told.append(_border(title, numbers["shortcuts"]["border"], lang))
    return told


def explanation_summary(metrics: Mapping[str, Any], lang: str | None = None) -> list[str]:
    """Return the verdicts in few words: whose heat maps follow the lesion, whose border tells."""
    follows: dict[bool, list[str]] = {True: [], False: []}
    told_by_border = []
    for name, numbers in metrics["networks"].items():
        found, border = numbers.get("localization", {}), numbers.get("shortcuts", {}).get("border")
        if "maps" in found and found["patients"] >= ALTOGETHER:
            low = found["maps"]["predicted"]["above_center"]["energy"]["low"]
            follows[low > 0].append(network_title(name))
        if border and number_value(border["p"]) < SIGNIFICANT:
            told_by_border.append(network_title(name))
    groups = {
        "center": follows[True],
        "elsewhere": follows[False],
        "border": told_by_border,
    }
    comma = text("calibration.between", lang)
    return [
        text(f"localization.sum_{key}", lang, networks=comma.join(names))
        for key, names in groups.items()
        if names
    ]


def _place(network: str, found: Mapping[str, Any], lang: str | None) -> str:
    maps = found["maps"]["predicted"]
    above_chance, above_center = (
        maps[f"above_{baseline}"]["energy"] for baseline in ("chance", "center")
    )
    if above_center["low"] > 0:
        key = "center"
    elif above_chance["low"] > 0:
        key = "below_center" if above_center["high"] < 0 else "chance"
    else:
        key = "nowhere"
    values = {"network": network, "patients": found["patients"]}
    gain = percent(above_chance, 1)
    center = percent(above_center, 1)
    return text(f"localization.told_{key}", lang, **values, gain=gain, center=center)


def _faith(network: str, found: Mapping[str, Any], lang: str | None) -> str:
    """Say whether the order of the map beats both other orders in both ways."""
    gains = [found[way]["gain"][order] for way in ("deletion", "insertion") for order in _ORDERS]
    shown = all(gain["low"] > 0 for gain in gains)
    key = "told_faithful" if shown else "told_unfaithful"
    return text(f"localization.{key}", lang, network=network, patients=found["patients"])


def _change(network: str, found: Mapping[str, Any], lang: str | None) -> str:
    changes = {name: one for name, one in found["changes"].items() if name != _FLOOR}
    most = max(changes, key=lambda name: number_value(changes[name]["flipped"]))
    altered = number_value(changes[most]["flipped"]) > 0
    return text(
        "localization.told_change" if altered else "localization.told_no_change",
        lang,
        network=network,
        patients=found["patients"],
        change=text(f"localization.change_{most}", lang),
        share=percent(changes[most]["flipped"], 1),
        floor=percent(found["changes"][_FLOOR]["flipped"], 1),
    )


def _border(network: str, border: Mapping[str, Any], lang: str | None) -> str:
    p = p_value(number_value(border["p"]))
    key = "told_border" if number_value(border["p"]) < SIGNIFICANT else "told_no_border"
    p = p if p.startswith("<") else f"= {p}"
    return text(f"localization.{key}", lang, network=network, patients=border["patients"], p=p)


_MEASURED: Final = (
    ("localization", "maps", _place),
    ("faithfulness", "deletion", _faith),
    ("shortcuts", "changes", _change),
)
"""What has a sentence: the part of a network's numbers, the key in it, and what writes it."""
