"""The split of a study: drawn so that nothing leaks, or given and checked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from metrascope.audit.duplicates import find_duplicates
from metrascope.audit.groups import patient_groups
from metrascope.audit.leaks import Leak, find_leaks
from metrascope.audit.pairs import DuplicatePair, exact_pairs, read_fingerprints
from metrascope.audit.partitions import split_partitions
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import open_shelf
from metrascope.audit.views import Fingerprint
from metrascope.classes import order_classes
from metrascope.dataset.designs import draw_split
from metrascope.dataset.manifest import Manifest
from metrascope.dataset.patient_groups import read_group_file
from metrascope.dataset.split import Split, read_split
from metrascope.errors import DataError
from metrascope.messages import listing, text
from metrascope.processes.capacity import available_cores
from metrascope.progress import print_note, progress
from metrascope.settings.study_settings import SplitSettings

NearSearch = Literal["searched", "audited", "skipped", "phantom"]
ReadImages = Callable[[bool], Iterator[Fingerprint]]
"""Reads the images of a manifest in order, if True with what is compared for near duplicates."""


@dataclass(frozen=True)
class KnownPairs:
    """The images of a data set that are one, and how far they were looked for.

    Attributes
    ----------
    pairs
        Exact duplicates, and near ones where they were ``searched``.
    near
        ``searched``: now; ``audited``: an audit has put its groups into the manifest, which
        count; ``skipped``: nobody has; ``phantom``: every image of it is drawn anew.
    """

    pairs: tuple[DuplicatePair, ...]
    near: NearSearch


def find_duplicate_pairs(
    manifest: Manifest,
    scratch: Path,
    *,
    near: bool = True,
    phantom: bool = False,
    read: ReadImages | None = None,
) -> KnownPairs:
    """Find images that are one, by file and by pixels, and unless it is known, near duplicates.

    Parameters
    ----------
    manifest
        The images. Where ``groups.csv`` beside it has every image with the patient and the group
        of the manifest, `metrascope.audit.audit.audit` has looked for near duplicates already.
    scratch
        Folder for a nameless file of about 80 kB for each image while near ones are looked for;
        the first folder above it that exists is taken.
    near
        Look for near duplicates too.
    phantom
        The data set was just made by the phantom, so that there are none.
    read
        What reads the images, if not this function alone: a study puts them into its stores.
    """
    jobs, count = available_cores(), len(manifest.table)
    read = read or (lambda compared: read_fingerprints(manifest, jobs, compared=compared))
    kind: NearSearch = "phantom" if phantom else "skipped"
    if not phantom and _is_audited(manifest):
        kind = "audited"
    elif not phantom and near:
        place = next(folder for folder in (scratch, *scratch.absolute().parents) if folder.is_dir())
        with open_shelf(place) as shelf, progress(text("progress.audit")) as advance:
            found = find_duplicates(
                read(True), count, shelf, AuditSettings(), jobs=jobs, progress=advance
            )
        count = sum(pair.kind == "near" for pair in found.pairs)
        print_note(text("study.near_found" if count else "study.near_none", count=count))
        return KnownPairs(found.pairs, "searched")
    with progress(text("progress.images")) as advance:
        prints = []
        for fingerprint in read(False):
            prints.append(fingerprint)
            advance(len(prints), count)
    return KnownPairs(tuple(exact_pairs(prints)), kind)


def choose_split(
    manifest: Manifest,
    classes: Sequence[str],
    settings: SplitSettings,
    given: Path | None,
    pairs: Sequence[DuplicatePair],
    *,
    allow_leaks: bool = False,
) -> tuple[Split, int]:
    """Return the split of a study and how many leaks are in it.

    Parameters
    ----------
    manifest
        The images; patients of one ``patient_group`` are one unit.
    classes
        In class order.
    settings
        Of the draw.
    given
        A split to use instead of drawing one.
    pairs
        Images that are one: their patients are kept together.
    allow_leaks
        Use it though it leaks.

    Raises
    ------
    DataError
        If the split cannot be used, or leaks.
    """
    if given is None:
        images = manifest.table.assign(patient_group=patient_groups(manifest.table, pairs))
        return draw_split(images, classes, settings), 0
    split = read_split(given, manifest.table, classes)
    found = find_leaks(manifest, split_partitions(split, manifest.table), pairs)
    # What stands apart in one fold most often does in the others: it is told once.
    leaks = list({(leak.reason, leak.unit): leak for leak in reversed(found)}.values())[::-1]
    if leaks and not allow_leaks:
        told = listing([_leak_sentence(leak) for leak in leaks], shown=5)
        raise DataError("study.leaks", path=given, count=len(leaks), leaks=told)
    return split, len(leaks)


def choose_classes(manifest: Manifest, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the classes of a study, in order: those given, else those of the manifest.

    Raises
    ------
    DataError
        If a given class has no image, or there is one class only.
    """
    found = order_classes(manifest.table["label"])
    classes = tuple(given) or found
    for label in classes:
        if label not in found:
            path = manifest.root / "manifest.csv"
            names = ", ".join(found)
            raise DataError("study.class_without_images", label=label, path=path, found=names)
    if len(classes) < 2:
        raise DataError("study.few_classes", label=classes[0])
    return classes


def _is_audited(manifest: Manifest) -> bool:
    """Tell whether an audit has looked at every image as the manifest has it."""
    table = manifest.table
    if "patient_group" not in table:
        return False
    known = read_group_file(manifest.root)
    pairs = zip(table["patient_id"], table["patient_group"], strict=True)
    return all(known.get(image) == pair for image, pair in zip(table["image"], pairs, strict=True))


def _leak_sentence(leak: Leak) -> str:
    return text(
        f"audit.leak_{leak.reason}",
        unit=leak.unit,
        images=", ".join(leak.images),
        partitions=" + ".join(leak.partitions),
    )
