"""Write ``evidence.html``: what went in, what came out, what was removed, what needs a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from metrascope import __version__
from metrascope.dataset.flow import write_flow
from metrascope.dicom.keep_list import keep_list_rows
from metrascope.files.atomic import sha256, write_text
from metrascope.ingest.catalog import Catalog
from metrascope.ingest.contact_sheet import BeforeAfter, contact_sheet, held_back
from metrascope.ingest.flow_diagram import flow
from metrascope.ingest.in_force import InForce
from metrascope.ingest.journal import Key, Rejection
from metrascope.ingest.rejection import explain
from metrascope.ingest.waiting import Waiting
from metrascope.messages import reason_title
from metrascope.pages import Bilingual, bilingual, render_page, sentence
from metrascope.screen.settings import IngestSettings
from metrascope.sources.search import Source

_SECTIONS: Final = (
    "summary",
    "flow",
    "look",
    "contact",
    "classes",
    "kept",
    "decisions",
    "settings",
)
# Rows of a list on the page; the others are counted.
_MOST_SHOWN: Final = 50


def write_evidence(
    catalog: Catalog,
    out: Path,
    private: Path,
    sources: Mapping[Key, Source],
    unmatched: int,
    force: InForce,
    waiting: Waiting,
    settings: IngestSettings,
    lang: str,
) -> Path:
    """Write the evidence page, and ``review.html`` with the originals to the private folder.

    ``flow.csv`` has the numbers of the flow, for the report of a study.

    Parameters
    ----------
    catalog
        What the ingest came to.
    out, private
        The data set; the folder of the private lists.
    sources
        Originals by `Record.place`, for the contact sheet.
    unmatched
        Rows of the labels that no file matched.
    force
        Columns of the labels and decisions of people.
    waiting
        What waits for a person.
    settings
        Of the ingest.
    lang
        Language that the pages open in.
    """
    write_flow(flow(catalog), out)
    pairs = contact_sheet(catalog, out, sources)
    values = _values(catalog, unmatched, waiting, settings) | {
        "hashes": {name: sha256(out / name) for name in ("manifest.csv", "rejects.csv")},
        "force": force,
        "status": _status,
    }
    title = sentence("evidence.title", data=out.resolve().name)
    pages = ((out / "evidence.html", False), (private / "review.html", True))
    for path, originals in pages:
        held = held_back(catalog, sources) if originals else ()
        shown = {"pairs": _by_scanner(pairs), "originals": originals, "held": held}
        write_text(path, render_page("evidence.html.j2", title, _SECTIONS, values | shown, lang))
    return out / "evidence.html"


def _values(
    catalog: Catalog, unmatched: int, waiting: Waiting, settings: IngestSettings
) -> dict[str, Any]:
    images = catalog.images
    return {
        "steps": flow(catalog),
        "reason": _reason,
        "patients": len({image["patient_id"] for image in images}),
        "groups": sum(count > 1 for count in _members(images).values()),
        "images": len(images),
        "files": len(catalog.records),
        "unmatched": unmatched,
        "checks": Counter(image["text_check"] for image in images),
        "waiting": waiting,
        "look": [(code, _explanation(why)) for code, why in (*waiting.disputed, *waiting.to_view)],
        "most": _MOST_SHOWN,
        "crossed": _crossed(catalog),
        "marked": _marked(catalog),
        "kept": _kept_table(),
        "settings": settings.model_dump_json(indent=2),
        "version": __version__,
    }


def _members(images: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Count the patients of each group."""
    return Counter(group for _, group in {(i["patient_id"], i["patient_group"]) for i in images})


def _explanation(rejection: Rejection) -> Bilingual:
    return bilingual(lambda lang: explain(rejection, lang))


def _status(name: str) -> Bilingual:
    return sentence(f"diagnoses.status_{name}")


def _reason(key: str) -> Bilingual:
    return bilingual(lambda lang: reason_title(key, lang))


def _crossed(catalog: Catalog) -> dict[str, dict[str, int]]:
    """Return images by scanner and class."""
    counts: dict[str, Counter[str]] = {}
    for image in catalog.images:
        counts.setdefault(image["scanner"] or "?", Counter())[image["label"]] += 1
    return {scanner: dict(counts[scanner]) for scanner in sorted(counts)}


def _marked(catalog: Catalog) -> dict[str, tuple[int, int]]:
    """Return by class how many images have marks other than text inside, and of how many."""
    marked: Counter[str] = Counter()
    everything: Counter[str] = Counter()
    for image in catalog.images:
        kinds = {part.partition(":")[0] for part in image["marks"].split()} - {"none", "text"}
        everything[image["label"]] += 1
        marked[image["label"]] += bool(kinds)
    return {label: (marked[label], everything[label]) for label in sorted(everything)}


def _kept_table() -> list[tuple[Bilingual, ...]]:
    english, chinese = keep_list_rows("en"), keep_list_rows("zh")
    return [
        tuple(map(Bilingual, zip(one, other, strict=True)))
        for one, other in zip(english, chinese, strict=True)
    ]


def _by_scanner(pairs: tuple[BeforeAfter, ...]) -> dict[str, list[BeforeAfter]]:
    grouped: dict[str, list[BeforeAfter]] = {}
    for pair in pairs:
        grouped.setdefault(pair.scanner or "?", []).append(pair)
    return grouped
