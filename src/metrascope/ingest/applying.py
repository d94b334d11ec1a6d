"""A catalog as people have decided it: labels, groups, rows taken out and rows added."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from metrascope.classes import PAPER_CLASSES
from metrascope.ingest.catalog import Catalog
from metrascope.ingest.edits import Edits
from metrascope.ingest.journal import NOT_COLUMNS, Rejection
from metrascope.ingest.manifest_decisions import (
    ROW,
    CellDecision,
    CellDecisions,
    added_rows,
    removed_images,
)

GROUP: Final = "patient_group"
_Image = Mapping[str, Any]


@dataclass(frozen=True)
class Decided:
    """A catalog with what people decided.

    Attributes
    ----------
    catalog
        With their labels, groups and rows.
    decisions
        Up to date with what ingest itself would write.
    overtaken
        CellDecisions whose cell ingest would write otherwise than when they were made: images.
    nowhere
        CellDecisions about images that are not in the data set.
    columns_back
        Columns that a person has deleted from the manifest and that are written again.
    own_labels
        Labels that no file has by the table of labels, and how many images have them.
    """

    catalog: Catalog
    decisions: CellDecisions
    overtaken: tuple[str, ...]
    nowhere: int
    columns_back: tuple[str, ...]
    own_labels: Mapping[str, int]


def apply_decisions(catalog: Catalog, edits: Edits) -> Decided:
    """Return a catalog as people have decided it.

    Groups of ingest, of the audit and of people are joined: who was ever held to be one woman
    stays on one side of a split, unless a person has said in the manifest that she is not.

    Parameters
    ----------
    catalog
        What files and labels alone would give.
    edits
        What people have decided.
    """
    written = {name for image in catalog.images for name in image} - {*NOT_COLUMNS}
    changed = {
        cell: each
        for cell, each in edits.decisions.items()
        if cell[1] not in edits.gone or cell[1] in written
    }
    images = [dict(image) for image in catalog.images]
    known = {image["image"]: image for image in images}
    for (name, column), each in changed.items():
        if column == "patient_id" and name in known:
            known[name][column] = each.value
    for image, group in zip(images, joined_groups(images, edits.audited), strict=True):
        image[GROUP] = group
    for name, left in edits.groups.items():
        if name in known and left != known[name][GROUP]:
            changed.setdefault(
                (name, GROUP), CellDecision(left, known[name][GROUP], "manifest.csv")
            )
    plain = {image["image"]: image for image in catalog.images}
    own_cells = {name: {**plain[name], GROUP: image[GROUP]} for name, image in known.items()}
    current, overtaken = _current(changed, own_cells)
    _fill_in(images, current, _extra_columns(edits, current, written))
    labels = {str(image["label"]) for image in catalog.images}
    out = removed_images(current)
    kept = tuple(image for image in images if image["image"] not in out)
    added = [row for row in added_rows(current) if row["image"] not in known]
    rows = {*known} | {row["image"] for row in added}
    own = Counter(str(row.get("label", "")) for row in (*kept, *added))
    return Decided(
        replace(
            catalog,
            images=kept,
            added=tuple(added),
            rejections=(*catalog.rejections, *_rejections(catalog, out)),
        ),
        current,
        overtaken,
        sum(image not in rows for image, _ in current),
        tuple(name for name in edits.gone if name in written),
        {label: count for label, count in own.items() if label not in labels | {*PAPER_CLASSES}},
    )


def joined_groups(images: Sequence[_Image], audited: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return the group of each image: those of ingest joined by those of the audit.

    Named after the first of its patients in alphabetical order, as both of them do.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    ties = [(image["patient_id"], image.get(GROUP, "")) for image in images]
    for patient, group in (*ties, *audited.values()):
        parent[root(group or patient)] = root(patient)
    names: dict[str, str] = {}
    for patient in sorted({image["patient_id"] for image in images}):
        names.setdefault(root(patient), patient)
    return [names[root(image["patient_id"])] for image in images]


def _current(
    changed: CellDecisions, own: Mapping[str, _Image]
) -> tuple[dict[tuple[str, str], CellDecision], tuple[str, ...]]:
    """Return decisions with what ingest would write now, and images where that has changed."""
    current = dict(changed)
    overtaken: dict[str, None] = {}
    for (name, column), each in changed.items():
        if name not in own or column == ROW:
            continue
        written = str(own[name].get(column, ""))
        # The name of a group may change with who joins it.
        if written not in ("", each.instead_of, each.value) and each.instead_of and column != GROUP:
            overtaken[name] = None
        current[name, column] = replace(each, instead_of=written)
    return current, tuple(overtaken)


def _extra_columns(edits: Edits, current: CellDecisions, written: Iterable[str]) -> list[str]:
    decided = sorted({column for _, column in current} - {ROW})
    return [name for name in dict.fromkeys((*edits.columns, *decided)) if name not in {*written}]


def _fill_in(
    images: Sequence[dict[str, Any]],
    current: dict[tuple[str, str], CellDecision],
    extra: Iterable[str],
) -> None:
    """Write what people decided into the rows of images."""
    by_image = {image["image"]: image for image in images}
    group_of = {image["patient_id"]: image[GROUP] for image in images}
    apart = {by_image[name]["patient_id"] for name, _ in _of_groups(current) if name in by_image}
    for image in images:
        image.update(dict.fromkeys(extra, ""))
    for (name, column), each in current.items():
        if name in by_image and column != ROW:
            by_image[name][column] = each.value
    for name, value in _of_groups(current):
        image = by_image.get(name, {})
        if image and value != image["patient_id"] and value not in apart:
            # Named after a patient whose own group has another name by now: it is hers.
            image[GROUP] = group_of.get(value, value)
            current[name, GROUP] = replace(current[name, GROUP], value=image[GROUP])


def _of_groups(decisions: CellDecisions) -> list[tuple[str, str]]:
    return [(name, each.value) for (name, column), each in decisions.items() if column == GROUP]


def _rejections(catalog: Catalog, out: Iterable[str]) -> list[tuple[Any, Rejection]]:
    images = set(out)
    found = []
    for record in catalog.records:
        for image in record.images:
            if image["image"] in images:
                images.discard(image["image"])
                found.append((record, Rejection("decided.left_out")))
    return found
