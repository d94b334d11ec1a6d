"""The tables that an audit writes: pairs.csv, patient_groups.csv, audit.json."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from metrascope import __version__
from metrascope.audit.examination import Audit
from metrascope.audit.leaks import by_row
from metrascope.audit.pairs import DuplicatePair
from metrascope.audit.settings import deviations
from metrascope.files.atomic import write_json
from metrascope.files.csv_file import write_frame
from metrascope.messages import text


def write_audit_tables(audit: Audit, out: Path) -> None:
    """Write ``pairs.csv``, ``patient_groups.csv`` and ``audit.json``, atomically."""
    write_frame(out / "pairs.csv", pair_table(audit))
    images = audit.manifest.table[["image", "patient_id"]].assign(patient_group=audit.groups)
    write_frame(out / "patient_groups.csv", images)
    write_json(out / "audit.json", summary(audit))


def pair_table(audit: Audit) -> pd.DataFrame:
    """Return one row per pair; columns ending in 1 and 2 tell of its two images."""
    where = partitions_by_row(audit)
    columns = [f"{name}_{n}" for name in ("image", "patient", "label", "partition") for n in (1, 2)]
    measures = ["score", "deviations", "points", "blocks", "share", "flipped", "scale"]
    rows = [_row(audit, pair, where) for pair in audit.pairs]
    return pd.DataFrame(rows, columns=["kind", "relation", *columns, *measures])


def relation(audit: Audit, pair: DuplicatePair, where: dict[int, dict[int, set[str]]]) -> str:
    """Return what makes a pair matter most.

    ``leak``: different partitions; ``conflict``: different labels; ``patients``: different
    patients; ``within``: one patient.
    """
    table = audit.manifest.table
    ends = pair.first, pair.second
    for placed in where.values():
        partitions = [placed.get(row, set()) for row in ends]
        if all(partitions) and len(partitions[0] | partitions[1]) > 1:
            return "leak"
    if len({table["label"].iat[row] for row in ends}) > 1:
        return "conflict"
    return "patients" if len({table["patient_id"].iat[row] for row in ends}) > 1 else "within"


def partitions_by_row(audit: Audit) -> dict[int, dict[int, set[str]]]:
    """Return, by fold and by position in the table, the partitions of an image."""
    if audit.partitions is None:
        return {}
    return {int(str(fold)): by_row(placed) for fold, placed in audit.partitions.groupby("fold")}


def placed_in(row: int, where: dict[int, dict[int, set[str]]]) -> str:
    """Return the partitions of an image in words, ``train`` or ``0:train 1:validation``."""
    names = {fold: "+".join(sorted(placed.get(row, ()))) for fold, placed in where.items()}
    if len(names) == 1:
        return next(iter(names.values()))
    return " ".join(f"{fold}:{name}" for fold, name in names.items() if name)


def summary(audit: Audit) -> dict[str, Any]:
    """Return the numbers of an audit, as ``audit.json`` holds them."""
    table = audit.manifest.table
    where = partitions_by_row(audit)
    kinds = Counter(pair.kind for pair in audit.pairs)
    relations = Counter(relation(audit, pair, where) for pair in audit.pairs)
    return {
        "metrascope": __version__,
        "notice": text("common.research_only", "en"),
        "manifest_sha256": audit.manifest.digest,
        "images": len(table),
        "patients": int(table["patient_id"].nunique()),
        "groups": int(audit.groups.nunique()),
        "unusable": [
            {"image": str(table["image"].iat[row]), "problem": audit.prints[row].problem}
            for row in audit.unusable
        ],
        "pairs": {kind: kinds[kind] for kind in ("file", "pixels", "near")},
        "relations": {name: relations[name] for name in ("leak", "conflict", "patients", "within")},
        "split": audit.partitions is not None,
        "split_gaps": None if audit.gaps is None else asdict(audit.gaps),
        "leaks": [asdict(leak) for leak in audit.leaks],
        "confounding": {
            balance.column: {
                "cramers_v": round(balance.cramers_v, 4),
                "p": float(f"{balance.p:.3g}"),
                "guessed": round(balance.guessed, 4),
                "warning": balance.confounded,
            }
            for balance in audit.balances
        },
        "marks": audit.marked,
        "quality": {
            label: {
                name: None if np.isnan(value) else round(float(value), 4)
                for name, value in values.items()
            }
            for label, values in audit.quality.to_dict("index").items()
        },
        "settings": audit.settings.model_dump(),
    }


def _row(audit: Audit, pair: DuplicatePair, where: dict[int, dict[int, set[str]]]) -> list[object]:
    table = audit.manifest.table
    ends = pair.first, pair.second
    cells: list[object] = [pair.kind, relation(audit, pair, where)]
    for column in ("image", "patient_id", "label"):
        cells += [str(table[column].iat[row]) for row in ends]
    cells += [placed_in(row, where) for row in ends]
    agreement = pair.agreement
    if agreement is None:
        return [*cells, *[""] * 7]  # as many as there are measures
    scale = (
        0.0
        if agreement.transform is None
        else abs(np.linalg.det(agreement.transform[:, :2])) ** 0.5
    )
    measures = (
        f"{agreement.score:.3f}",
        f"{deviations(agreement):.1f}",
        agreement.points,
        agreement.blocks,
    )
    return [
        *cells,
        *measures,
        f"{agreement.share:.2f}",
        "yes" if agreement.flipped else "no",
        f"{scale:.2f}",
    ]
