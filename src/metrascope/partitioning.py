"""The split of a study: drawn so that nothing leaks, or given and checked."""

from collections.abc import Sequence
from pathlib import Path

from metrascope.audit.fingerprint import hash_image
from metrascope.audit.groups import patient_groups
from metrascope.audit.leaks import Leak, find_leaks
from metrascope.audit.pairs import exact_pairs, in_threads
from metrascope.audit.partitions import partitions_of
from metrascope.classes import order_classes
from metrascope.config import SplitSettings
from metrascope.cores import available_cores
from metrascope.data.designs import draw_split
from metrascope.data.manifest import Manifest
from metrascope.data.split import Split, read_split
from metrascope.errors import DataError
from metrascope.messages import listing, text


def choose_split(
    manifest: Manifest,
    classes: Sequence[str],
    settings: SplitSettings,
    given: Path | None,
    *,
    allow_leaks: bool = False,
) -> tuple[Split, int]:
    """Return the split of a study and how many leaks are in it.

    Images that are one, file or pixels, are found in either case (every image is decoded once);
    near duplicates take `metrascope.audit.run.audit`, whose groups in the manifest count here.

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
    allow_leaks
        Use it though it leaks.

    Raises
    ------
    DataError
        If the split cannot be used, or leaks.
    """
    rows = range(len(manifest.table))
    hashed = in_threads(lambda row: hash_image(manifest, row), rows, available_cores())
    pairs = exact_pairs([taken for _, taken in hashed])
    if given is None:
        images = manifest.table.assign(patient_group=patient_groups(manifest.table, pairs))
        return draw_split(images, classes, settings), 0
    split = read_split(given, manifest.table, classes)
    found = find_leaks(manifest, partitions_of(split, manifest.table), pairs)
    # What stands apart in one fold most often does in the others: it is told once.
    leaks = list({(leak.reason, leak.unit): leak for leak in reversed(found)}.values())[::-1]
    if leaks and not allow_leaks:
        told = listing([_told(leak) for leak in leaks], shown=5)
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


def _told(leak: Leak) -> str:
    return text(
        f"audit.leak_{leak.reason}",
        unit=leak.unit,
        images=", ".join(leak.images),
        partitions=" + ".join(leak.partitions),
    )
