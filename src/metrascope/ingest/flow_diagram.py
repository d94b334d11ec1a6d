"""How many files and stills went which way: the flow diagram that STARD asks for."""

from collections import Counter
from collections.abc import Callable

from metrascope.dataset.flow import FlowStep
from metrascope.ingest.catalog import Catalog
from metrascope.ingest.journal import Rejection

_GIVEN_UP = ("ingest.crashed", "ingest.too_slow", "ingest.memory", "ingest.bug")
_COPIES = ("ingest.copy", "ingest.copy_of_other")
_OF_IMAGES = (*_COPIES, "decided.left_out")
"""Reasons of images that were made, of which a file may have several."""


def flow(catalog: Catalog) -> tuple[FlowStep, ...]:
    """Count files, then stills, from what was found to what is in the data set.

    Boxes: ``files``, ``images`` (image files), ``readable``, ``matched`` (to a row of the
    labels), ``stills`` (taken of them), ``usable``, ``kept`` (no copies).
    """
    whole = Counter(r.reason for _, r in catalog.rejections if r.frame is None)
    single = Counter(r.reason for _, r in catalog.rejections if r.frame is not None)
    not_images = _chosen(whole, lambda key: key.startswith("sources."))
    unreadable = _chosen(whole, _is_unreadable)
    unmatched = _chosen(whole, lambda key: key.startswith("labels."))
    copies = _chosen(whole, lambda key: key in _COPIES)
    others = _chosen(
        whole,
        lambda key: not any(key in part for part in (not_images, unreadable, unmatched, copies)),
    )
    files = len(catalog.records)
    images = files - sum(not_images.values())
    readable = images - sum(unreadable.values())
    matched = readable - sum(unmatched.values())
    kept = len(catalog.images)
    usable = kept + sum(copies.values())
    stills = usable + sum(single.values()) + sum(others.values())
    return (
        FlowStep("files", files, _ordered(not_images)),
        FlowStep("images", images, _ordered(unreadable)),
        FlowStep("readable", readable, _ordered(unmatched)),
        FlowStep("matched", matched),
        FlowStep("stills", stills, _ordered(single + others)),
        FlowStep("usable", usable, _ordered(copies)),
        FlowStep("kept", kept),
    )


def is_still(rejection: Rejection) -> bool:
    """Tell whether a rejection is of one still, such as a frame of a loop, and not of a file."""
    return rejection.frame is not None or rejection.reason in _OF_IMAGES


def _is_unreadable(key: str) -> bool:
    return key in _GIVEN_UP or key.partition(".")[0] in ("dicom", "picture")


def _chosen(counts: Counter[str], belongs: Callable[[str], bool]) -> Counter[str]:
    return Counter({key: count for key, count in counts.items() if belongs(key)})


def _ordered(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
