"""Decisions on diagnoses that took in patients who were not there when they were made."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from metrascope.ingest.catalog import Catalog
from metrascope.ingest.changes import EarlierFiles
from metrascope.ingest.decisions import OUT, Decision, class_words, plain_decision
from metrascope.ingest.journal import Record
from metrascope.labels.lexicon import normal_form
from metrascope.messages import Reason, text

_MOST_SHOWN: Final = 5
"""Texts of a sentence, those with most images first: chosen, so that it is read to its end."""


def carried_notices(
    catalog: Catalog,
    decisions: Mapping[str, Decision],
    before: Collection[str],
    seen: EarlierFiles,
) -> list[Reason]:
    """Return a sentence on what decisions took in beyond what a person had before her.

    A decision holds by the text of a diagnosis, for the patients of every month. One of an earlier
    run takes in whatever comes to the data set by it; one that was written since, the files that
    no run had seen.

    Parameters
    ----------
    catalog
        Images and rejections of this run.
    decisions
        From `metrascope.ingest.decisions.read_decisions`.
    before
        Images that the manifest listed before this run.
    seen
        Files that runs before this one have seen.
    """
    images: Counter[str] = Counter()
    patients: dict[str, set[str]] = defaultdict(set)
    kept = {str(image["image"]): str(image["patient_id"]) for image in catalog.images}
    for record in catalog.records:
        form = normal_form((record.row or {}).get("diagnosis", ""))
        decision = decisions.get(form)
        if record.row is None or decision is None or not decision.value:
            continue
        if not _stood(decision) and not _is_new(record, seen):
            continue
        names = {str(image["image"]) for image in record.images} & kept.keys() - set(before)
        images[form] += len(names)
        patients[form] |= {kept[name] for name in names}
    files = _left_out(catalog, decisions, seen)
    images = +images
    if not images and not files:
        return []
    shown = [
        _shown(decisions[form], "carried_images", images[form], patients=len(patients[form]))
        for form, _ in images.most_common(_MOST_SHOWN)
    ]
    shown += [
        _shown(decisions[form], "carried_files", count)
        for form, count in files.most_common(_MOST_SHOWN)
    ]
    more = len(images) + len(files) - len(shown)
    women = len(set().union(*patients.values()))
    totals = []
    if images:
        totals.append(text("diagnoses.carried_in", images=images.total(), patients=women))
    if files:
        totals.append(text("diagnoses.carried_out", files=files.total()))
    values: dict[str, str | int | float] = {
        "images": images.total(),
        "patients": women,
        "files": files.total(),
        "totals": text("diagnoses.between").join(totals),
        "texts": text("diagnoses.between").join(shown) + (" …" if more else ""),
    }
    return [Reason("diagnoses.carried", values)]


def _left_out(
    catalog: Catalog, decisions: Mapping[str, Decision], seen: EarlierFiles
) -> Counter[str]:
    """Return how many files that no run had seen are left out by which decision."""
    forms: Iterable[str] = (
        normal_form(str(why.values.get("diagnosis", "")))
        for record, why in catalog.rejections
        if why.reason == "labels.left_out" and _is_new(record, seen)
    )
    return Counter(form for form in forms if form in decisions and decisions[form].value)


def _stood(decision: Decision) -> bool:
    """Tell whether a decision was in force at the last run already."""
    return plain_decision(decision.value) == decision.before


def _is_new(record: Record, seen: EarlierFiles) -> bool:
    return record.place not in seen.places and record.sha256 not in seen.contents


def _shown(decision: Decision, key: str, count: int, patients: int = 0) -> str:
    plain = plain_decision(decision.value)
    label = decision.value if plain == OUT else class_words(plain)
    words = decision.diagnosis or text("diagnoses.blank")
    return text(f"diagnoses.{key}", text=words, label=label, count=count, patients=patients)
