"""The table of subgroups, from the content of ``metrics.json``."""

from typing import Final

from metrascope.results.findings import attribute_title, value_title
from metrascope.results.notation import percent
from metrascope.results.statistic_tables import Metrics, Table, captioned, framed
from metrascope.statistics.published import network_title

_KEYS: Final = ("accuracy", "sensitivity", "specificity", "macro_f1")


def subgroup_tables(metrics: Metrics, lang: str | None = None) -> list[Table]:
    """Return how each network reads each subgroup of enough patients; empty without any.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    found = metrics.get("subgroups", {})
    rows = {}
    for one in found.get("attributes", ()):
        for group in one["groups"]:
            where = attribute_title(one["name"], lang), value_title(group["name"], lang)
            for name, numbers in group.get("networks", {}).items():
                cells = [percent(numbers.get(key), 1) for key in _KEYS]
                rows[*where, network_title(name)] = [str(group["patients"]), *cells]
    heads = ("attribute", "subgroup", "network")
    frame = framed(rows, ["patients", *_KEYS], lang, heads)
    return captioned({"subgroups": frame}, lang, fewest=found.get("fewest", 0))
