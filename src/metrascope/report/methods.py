"""The methods in four paragraphs: what was done, from settings and data files, and nothing else.

A sentence is there when a file says that its step was done; of a step that was switched off, or
of which no file tells, nothing is said.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from metrascope.messages import table, text
from metrascope.pages import join_items
from metrascope.report import inference, recipe
from metrascope.report import page_tables as tables
from metrascope.report.exclusions import flow_sentences, scanner_sentences
from metrascope.report.split_facts import (
    evaluates_each_once,
    fold_counts,
    is_disjoint,
    written_folds,
)
from metrascope.results.estimate import ABSENT
from metrascope.results.notation import count_text, duration, flat
from metrascope.results.units import counted, is_by_class, unit
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study, StudyRun

_Sentences = list[str]


def methods(study: Study, lang: str) -> str:
    """Return all paragraphs in one language, a blank line between them."""
    return "\n\n".join(paragraphs(study, lang).values())


def paragraphs(study: Study, lang: str) -> dict[str, str]:
    """Return the paragraphs of ``PARAGRAPHS`` that have something to say, by name."""
    found = {
        name: joined((one for topic in topics for one in sentences(study, topic, lang)), lang)
        for name, topics in PARAGRAPHS.items()
    }
    return {name: words for name, words in found.items() if words}


def sentences(study: Study, topic: str, lang: str) -> _Sentences:
    """Return the sentences of one of ``TOPICS``, empty where no file tells of it."""
    return TOPICS[topic](study, lang)


def joined(parts: Iterable[str], lang: str) -> str:
    """Join sentences as the language does."""
    return text("evaluation.between_sentences", lang).join(parts)


def finished(study: Study) -> list[StudyRun]:
    """Return the runs that the paragraph is about: those that were trained to the end."""
    return [run for run in study.runs if run.predictions is not None]


def _data(study: Study, lang: str) -> _Sentences:
    if not study.data.get("images"):
        return []
    names = tables.choices(study).in_language(lang)
    values = {
        "images": count_text(study.data["images"]),
        "patients": count_text(study.data.get("patients")),
    }
    told = [
        text(
            "methods.data",
            lang,
            name=study.name or text("report.unnamed", lang),
            classes=names,
            **values,
        )
    ]
    sources = tables.sources(study)
    if len(sources) > 12:
        told.append(text("methods.data_sources", lang, count=len(sources)))
    elif sources:
        told.append(text("methods.data_source", lang, source=join_items(sources, lang)))
    return [*told, *scanner_sentences(study, lang), *flow_sentences(study, lang)]


def _partitions(study: Study, lang: str) -> _Sentences:
    told = _drawn(study, lang)
    design = study.data.get("design") or study.metrics.get("design")
    if design:
        told.insert(0, text("methods.design", lang, design=join_items(value_words(design), lang)))
    told += _near(study, lang)
    folds = len(fold_counts(study))
    if folds > 1:
        told.append(text("methods.folds", lang, folds=folds, list=written_folds(study, lang)))
        if evaluates_each_once(study):
            told.append(text("methods.each_once", lang))
    counts = {name: rows[""] for name, rows in tables.partition_counts(study).items()}
    if any(patients for patients, _ in counts.values()):
        parts = (
            text(
                "methods.partition",
                lang,
                name=partition_title(name, lang),
                patients=count_text(patients),
                images=count_text(images),
            )
            for name, (patients, images) in counts.items()
        )
        key = (
            "partitions" if folds < 2 else "evaluated_in_all" if len(counts) == 1 else "first_fold"
        )
        told.append(text(f"methods.{key}", lang, list=join_items(parts, lang, "semicolon")))
    if is_disjoint(study):
        told.append(text("methods.disjoint", lang))
    if study.data.get("leaks"):
        told.append(text("methods.leaks", lang, count=study.data["leaks"]))
    return told


def _drawn(study: Study, lang: str) -> _Sentences:
    made, settings = study.data.get("split"), study.settings.get("split", {})
    if made == "drawn" and {"validation", "seed"} <= settings.keys():
        known = {"test": 0, "folds": 0, "repeats": 1, **settings}
        numbers = ("validation", "test", "folds", "repeats", "seed")
        values = {name: f"{known[name]:g}" for name in numbers}
        return [text(f"methods.split_{_split_method(settings)}", lang, **values)]
    if made == "given":
        return [
            text(
                "methods.split_given", lang, digest=str(study.data.get("split_sha256", ABSENT))[:16]
            )
        ]
    return []


def _near(study: Study, lang: str) -> _Sentences:
    """Say whether near duplicates were looked for before the split."""
    state, drawn = study.data.get("near_duplicates"), study.data.get("split") == "drawn"
    if state == "searched":
        pairs = int(study.data.get("near_pairs", 0))
        kind = "none" if not pairs else "drawn" if drawn else "given"
        result = text(f"methods.near_pairs_{kind}", lang, count=count_text(pairs))
        return [text("methods.near_searched", lang, result=result)]
    return [text(f"methods.near_{state}", lang)] if state in ("audited", "skipped") else []


def _split_method(settings: Mapping[str, Any]) -> str:
    """Return which way of drawing the settings of the split mean."""
    design = settings.get("design", "holdout")
    if design == "leave-one-out":
        return f"leave_one_{settings.get('by', 'scanner')}"
    return "test" if design == "holdout" and settings.get("test") else str(design)


def partition_title(name: str, lang: str) -> str:
    """Return the name of a partition in a sentence; an unknown one as it is."""
    key = f"evaluation.{name}"
    return text(key, lang) if key in table() else name


def _runs(study: Study, lang: str) -> _Sentences:
    runs = finished(study)
    if not runs:
        return []
    seeds = join_items((str(seed) for seed in sorted({run.seed for run in runs})), lang)
    once = len({(run.fold, run.seed) for run in runs}) == 1
    return [text(f"methods.runs{'_once' if once else ''}", lang, runs=len(runs), seeds=seeds)]


def _hardware(study: Study, lang: str) -> _Sentences:
    resources = [run.resources for run in finished(study) if run.resources.get("device")]
    seconds = [item.get("train_seconds") for item in resources]
    measured = [float(item) for item in seconds if isinstance(item, int | float)]
    if not measured or len(measured) < len(resources):
        return []
    names = (str(item["device"]) for item in resources)
    devices = join_items(dict.fromkeys("CPU" if name == "cpu" else name for name in names), lang)
    time = duration(sum(measured))
    if ":" in time:
        time = text("methods.hours", lang, time=time)
    return [text("methods.hardware", lang, devices=devices, time=time)]


def _software(study: Study, lang: str) -> _Sentences:
    versions = [
        f"{name.capitalize() if name in ('metrascope', 'python') else name} {version}"
        for name, version in study.versions.items()
        if version
    ]
    return [text("methods.software", lang, list=join_items(versions, lang))] if versions else []


def _statistics(study: Study, lang: str) -> _Sentences:
    if not study.scores:
        return []
    told = [
        text(
            "methods.statistics",
            lang,
            partition=text(f"evaluation.{study.partition}", lang),
            counted=counted(study.metrics, lang),
            measures=join_items(measures(study, lang), lang),
            class_measures=join_items(class_measures(study, lang), lang),
        )
    ]
    if study.metrics.get("unit") == "patient":
        told.append(text("methods.unit", lang))
        if is_by_class(study.metrics):
            told.append(text("methods.unit_by_class", lang))
    told += _averaged(study, lang)
    if study.metrics.get("ensemble"):
        told.append(text("methods.ensemble", lang, unit=unit(study.metrics, lang)))
    parts = (
        inference.intervals,
        inference.comparisons,
        inference.calibration_inference,
        inference.thresholds,
        inference.subgroup_inference,
    )
    return told + [sentence for part in parts for sentence in part(study, lang)]


def _averaged(study: Study, lang: str) -> _Sentences:
    """Say over what the readings were pooled and the figures averaged."""
    told = []
    if len({run.fold for run in finished(study)}) > 1:
        told.append(text("methods.folds_pooled", lang))
    scores = study.scores.values()
    seeds = max((len(one.get("seeds", ())) for one in scores), default=0)
    repeats = max((tables.count_repetitions(one) for one in scores), default=1)
    if seeds > 1:
        told.append(text("methods.seeds_mean", lang, count=seeds))
    if repeats > 1:
        told.append(text("methods.repeats_mean", lang, count=repeats))
    return told


def measures(study: Study, lang: str) -> list[str]:
    """Name the figures that ``metrics.json`` gives of every network."""
    return _named(study.scores.values(), lang)


def class_measures(study: Study, lang: str) -> list[str]:
    """Name the figures that ``metrics.json`` gives of every class of every network."""
    classes = (part for scores in study.scores.values() for part in scores["classes"].values())
    return _named(classes, lang)


def _named(entries: Iterable[Mapping[str, Any]], lang: str) -> list[str]:
    found = list(entries)
    keys = [key for key, value in found[0].items() if isinstance(value, Mapping)] if found else []
    everywhere = [key for key in keys if all(key in entry for entry in found)]
    named = (_measure(key, lang) for key in everywhere)
    return [_in_sentence(name) for name in named if name]


def _measure(key: str, lang: str) -> str:
    """Return the name of a figure, as the heads of tables have it but for its unit."""
    for area in ("evaluation", "statistics"):
        if f"{area}.{key}" in table() and not key.endswith("_at_prevalence"):
            return text(f"{area}.{key}", lang).removesuffix(", %").removesuffix("（%）")
    return ""


def _in_sentence(name: str) -> str:
    """Begin a name with a small letter, but for abbreviations as F1 and people as Cohen."""
    person = name.startswith(("Brier", "Cohen"))
    return name[:1].lower() + name[1:] if name[1:2].islower() and not person else name


def value_words(value: object) -> list[str]:
    """Return what a file says of a design as words, whatever its form."""
    if isinstance(value, Mapping):
        return [f"{k}: {v}" for k, v in flat(value).items()]
    return list(map(str, value)) if isinstance(value, list) else [str(value)]


def _heatmaps(study: Study, lang: str) -> _Sentences:
    mapped = dict.fromkeys(run.network for run in finished(study) if run.heatmaps is not None)
    names = join_items(map(network_title, mapped), lang)
    return [text("methods.heatmaps", lang, networks=names)] if mapped else []


def _embedding(study: Study, lang: str) -> _Sentences:
    mapped = [name for name in study.networks if name in set(study.embeddings["network"])]
    names = join_items(map(network_title, mapped), lang)
    if not mapped:
        return []
    laid_out = tables.laid_out(study)
    some = [text("report.embedding_some", lang, count=laid_out)] if laid_out else []
    return [text("methods.embedding", lang, networks=names), *some]


def _recipe(
    part: Callable[[Study, list[StudyRun], str], _Sentences],
) -> Callable[[Study, str], _Sentences]:
    return lambda study, lang: part(study, runs, lang) if (runs := finished(study)) else []


TOPICS: Final[dict[str, Callable[[Study, str], _Sentences]]] = {
    "data": _data,
    "partitions": _partitions,
    "preprocessing": _recipe(recipe.preprocessing),
    "augmentation": _recipe(recipe.augmentation),
    "networks": _recipe(recipe.network_sentences),
    "weights": _recipe(recipe.weights),
    "training": _recipe(recipe.training),
    "selection": _recipe(recipe.selection),
    "runs": _runs,
    "hardware": _hardware,
    "software": _software,
    "statistics": _statistics,
    "heatmaps": _heatmaps,
    "embedding": _embedding,
    "explanations": inference.explanations,
}
PARAGRAPHS: Final[dict[str, tuple[str, ...]]] = {
    "data": ("data", "partitions", "preprocessing"),
    "training": (
        "networks", "weights", "augmentation", "training", "selection", "runs", "hardware",
        "software",
    ),
    "statistics": ("statistics",),
    "explanations": ("heatmaps", "embedding", "explanations"),
}  # fmt: skip
