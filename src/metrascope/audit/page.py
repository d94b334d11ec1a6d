"""Write ``audit.html``: one file, both languages, no network, every suspect pair side by side."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from metrascope.audit.examination import Audit
from metrascope.audit.pair_pictures import Pictures, picture_pair
from metrascope.audit.pairs import DuplicatePair
from metrascope.audit.settings import deviations
from metrascope.audit.tables import partitions_by_row, placed_in, relation, write_audit_tables
from metrascope.files.atomic import sha256, write_text
from metrascope.pages import render_page, sentence

_SECTIONS: Final = (
    "summary",
    "pairs",
    "beneath",
    "scores",
    "groups",
    "balance",
    "quality",
    "method",
)
RELATIONS: Final = ("leak", "conflict", "patients", "within")
# Pairs under the thresholds with pictures, rows of a list, and bars of the histogram on the page.
_BENEATH: Final = 12
_LISTED: Final = 100
_BINS: Final = 40


@dataclass(frozen=True)
class PairCard:
    """A pair as the page shows it: what it is, its two images in words, and their pictures."""

    pair: DuplicatePair
    relation: str
    ends: tuple[dict[str, str], ...]
    deviations: float
    scale: float
    pictures: Pictures


def write_page(audit: Audit, out: Path, lang: str) -> Path:
    """Write the tables and ``audit.html`` of an audit to a folder.

    Parameters
    ----------
    audit
        Results of the audit.
    out
        Folder for the tables and the page.
    lang
        Language that the page opens in, ``en`` or ``zh``.

    Returns
    -------
    pathlib.Path
        The page.
    """
    write_audit_tables(audit, out)
    title = sentence("audit.title", data=audit.manifest.root.resolve().name)
    hashes = {name: sha256(out / name) for name in ("pairs.csv", "patient_groups.csv")}
    values = _values(audit) | {"hashes": hashes}
    page = out / "audit.html"
    write_text(page, render_page("audit.html.j2", title, _SECTIONS, values, lang))
    return page


def _values(audit: Audit) -> dict[str, Any]:
    where = partitions_by_row(audit)
    ranked = sorted(
        audit.pairs,
        key=lambda pair: (RELATIONS.index(relation(audit, pair, where)), pair.first, pair.second),
    )
    pictured = ranked[: audit.settings.pictures]
    # What agrees less than chance does tells nothing about the thresholds.
    close = [pair for pair in audit.beneath if pair.agreement and deviations(pair.agreement) > 1]
    beneath = close[:_BENEATH]
    merged = audit.joined
    return {
        "audit": audit,
        "images": len(audit.manifest.table),
        "patients": int(audit.manifest.table["patient_id"].nunique()),
        "kinds": Counter(pair.kind for pair in audit.pairs),
        "relations": Counter(relation(audit, pair, where) for pair in audit.pairs),
        "relation_names": RELATIONS,
        "cards": [_card(audit, pair, where) for pair in pictured],
        "left_out": len(ranked) - len(pictured),
        "beneath": [_card(audit, pair, where) for pair in beneath],
        "merged": merged[:_LISTED],
        "merged_more": max(0, len(merged) - _LISTED),
        "leaks": audit.leaks[:_LISTED],
        "leaks_more": max(0, len(audit.leaks) - _LISTED),
        "unusable": [(_image(audit, row), audit.prints[row].problem) for row in audit.unusable],
        "histogram": _histogram(audit),
        "bins": _BINS,
        "folds": len(where),
        "rate": lambda share: f"{100 * share:.1f}",
    }


def _image(audit: Audit, row: int) -> str:
    return str(audit.manifest.table["image"].iat[row])


def _card(audit: Audit, pair: DuplicatePair, where: dict[int, dict[int, set[str]]]) -> PairCard:
    table = audit.manifest.table
    ends = tuple(
        {
            "image": _image(audit, row),
            "patient": str(table["patient_id"].iat[row]),
            "label": str(table["label"].iat[row]),
            "partition": placed_in(row, where),
        }
        for row in (pair.first, pair.second)
    )
    agreement = pair.agreement
    turned = None if agreement is None else agreement.transform
    scale = 1.0 if turned is None else float(abs(np.linalg.det(turned[:, :2])) ** 0.5)
    return PairCard(
        pair=pair,
        relation=relation(audit, pair, where),
        ends=ends,
        deviations=0.0 if agreement is None else deviations(agreement),
        scale=scale,
        pictures=picture_pair(audit.manifest, pair),
    )


def _histogram(audit: Audit) -> list[tuple[str, list[float]]]:
    """Return heights, 0 to 1 by the logarithm of the count, of three kinds of scores."""
    near = [pair.agreement.score for pair in audit.pairs if pair.agreement]
    beneath = [pair.agreement.score for pair in audit.beneath if pair.agreement]
    kinds = (("chance", list(audit.chance)), ("beneath", beneath), ("near", near))
    counted = [(name, np.histogram(values, _BINS, (0, 1))[0]) for name, values in kinds]
    highest = max(1.0, *(float(np.log1p(counts.max(initial=0))) for _, counts in counted))
    return [(name, (np.log1p(counts) / highest).tolist()) for name, counts in counted]
