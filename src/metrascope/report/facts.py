"""Facts that the files of a study prove, each with where they prove it.

A checklist names facts; a fact is there only where its file and key are. Nothing is inferred from
what a study usually does.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from metrascope.classes import class_short
from metrascope.files.atomic import sha256
from metrascope.messages import text
from metrascope.pages import join_items
from metrascope.report import inference, methods
from metrascope.report import page_tables as tables
from metrascope.report.exclusions import flow_sentences, scanner_sentences
from metrascope.report.gallery import MOST_CARDS
from metrascope.report.misread import misread, readings
from metrascope.report.split_facts import fold_counts, is_disjoint, written_folds
from metrascope.results.notation import count_text, percent
from metrascope.results.units import counted
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study


@dataclass(frozen=True)
class Fact:
    """What is so, and the file and key, or the section of the report, that shows it."""

    value: str
    pointer: str


def find_fact(study: Study, name: str, lang: str) -> Fact | None:
    """Return a fact of ``FACTS`` in one language, ``None`` where no file proves it.

    Raises
    ------
    StudyError
        If a file of the study cannot be used.
    """
    return FACTS[name](study, lang)


def _topic(topic: str, pointer: str) -> Callable[[Study, str], Fact | None]:
    """Make a fact of sentences of the methods paragraph."""

    def find(study: Study, lang: str) -> Fact | None:
        told = methods.sentences(study, topic, lang)
        return Fact(methods.joined(told, lang), pointer) if told else None

    return find


def _key(name: str) -> Callable[[Study, str], Fact | None]:
    """Make a fact of a key of ``metrics.json`` that holds results of its own."""

    def find(study: Study, lang: str) -> Fact | None:
        found = study.metrics.get(name)
        return Fact(text(f"checklist.{name}", lang), f"metrics.json: {name}") if found else None

    return find


def _inferred(
    tell: Callable[[Study, str], list[str]], name: str
) -> Callable[[Study, str], Fact | None]:
    """Make a fact of how a key of ``metrics.json`` was computed."""

    def find(study: Study, lang: str) -> Fact | None:
        told = tell(study, lang)
        return Fact(methods.joined(told, lang), f"metrics.json: {name}") if told else None

    return find


def _sentence_fact(
    tell: Callable[[Study, str], list[str]], pointer: str
) -> Callable[[Study, str], Fact | None]:
    """Make a fact of sentences that there are where a file proves them."""

    def find(study: Study, lang: str) -> Fact | None:
        told = tell(study, lang)
        return Fact(methods.joined(told, lang), pointer) if told else None

    return find


def _partitions(study: Study, lang: str) -> Fact | None:
    if not fold_counts(study):
        return None
    told = [text("checklist.partition_sizes", lang, list=written_folds(study, lang)) + "."]
    return Fact(
        methods.joined([*told, *methods.sentences(study, "partitions", lang)], lang),
        "splits.csv, data.json: split, settings.toml: split.seed",
    )


def _disjoint(study: Study, lang: str) -> Fact | None:
    if not is_disjoint(study) or study.data.get("leaks"):
        return None
    return Fact(text("checklist.disjoint", lang), "splits.csv: patient_id, fold, partition")


def _classes(study: Study, lang: str) -> Fact | None:
    if not study.data.get("classes"):
        return None
    names = tables.choices(study).in_language(lang)
    return Fact(text("checklist.classes", lang, classes=names), "data.json: classes")


def _model(study: Study, lang: str) -> Fact | None:
    runs = methods.finished(study)
    told = methods.sentences(study, "networks", lang)
    if not told or not all(run.model.get("network") for run in runs):
        return None
    pointer = "settings.toml: networks, pooling; runs/*/model.json"
    return Fact(methods.joined(told, lang), pointer)


def _initialization(study: Study, lang: str) -> Fact | None:
    runs = methods.finished(study)
    if not all(run.model.get("origin", {}).get("source") for run in runs):
        return None
    return _topic("weights", "runs/*/model.json: origin")(study, lang)


def _preprocessing(study: Study, lang: str) -> Fact | None:
    if not study.settings.get("preprocessing"):
        return None
    pointer = "settings.toml: preprocessing; runs/*/model.json: preprocessing"
    return _topic("preprocessing", pointer)(study, lang)


def _training(study: Study, lang: str) -> Fact | None:
    parts = [methods.sentences(study, name, lang) for name in ("training", "augmentation", "runs")]
    if not parts[0]:
        return None
    told = methods.joined((sentence for part in parts for sentence in part), lang)
    return Fact(told, "settings.toml: training, augmentation, seeds")


def _inputs(study: Study, lang: str) -> Fact | None:
    steps = [run.model.get("preprocessing", {}) for run in methods.finished(study)]
    sizes = sorted({step["input_size"] for step in steps if step.get("input_size")})
    if not sizes or not all(step.get("input_size") for step in steps):
        return None
    told = text("checklist.inputs", lang, size=" / ".join(map(str, sizes)))
    return Fact(told, "runs/*/model.json: preprocessing.input_size")


def _output(study: Study, lang: str) -> Fact | None:
    if not methods.finished(study):
        return None
    return Fact(text("checklist.output", lang), "runs/*/predictions.csv: p_*")


def _imbalance(study: Study, lang: str) -> Fact | None:
    weighted = study.settings.get("training", {}).get("class_weights")
    if weighted is None:
        return None
    key = "checklist.imbalance_weighted" if weighted else "checklist.imbalance_plain"
    return Fact(text(key, lang), "settings.toml: training.class_weights")


def _measures(study: Study, lang: str) -> Fact | None:
    named = methods.measures(study, lang)
    if not named:
        return None
    classes = join_items(methods.class_measures(study, lang), lang)
    told = text(
        "checklist.measures", lang, measures=join_items(named, lang), class_measures=classes
    )
    return Fact(told, "metrics.json: networks")


def _intervals(study: Study, lang: str) -> Fact | None:
    told = inference.intervals(study, lang)
    if not told:
        return None
    told.append(text("checklist.intervals", lang, list=_macro_f1(study, lang)))
    return Fact(methods.joined(told, lang), "metrics.json: networks.*.low, high")


def _heatmaps(study: Study, lang: str) -> Fact | None:
    told = methods.sentences(study, "heatmaps", lang)
    return Fact(methods.joined(told, lang), "runs/*/heatmaps.npy") if told else None


def _evaluated(study: Study, lang: str) -> Fact | None:
    if not study.scores:
        return None
    name = text(f"evaluation.{study.partition}", lang)
    told = text("checklist.evaluated", lang, partition=name, counted=counted(study.metrics, lang))
    return Fact(told, "metrics.json: partition, n")


def _performance(study: Study, lang: str) -> Fact | None:
    if not study.scores:
        return None
    told = text("checklist.performance", lang, list=_macro_f1(study, lang))
    return Fact(told, "metrics.json: networks.*.macro_f1; tables/comparison.csv")


def _class_performance(study: Study, lang: str) -> Fact | None:
    if not study.scores:
        return None
    told = text("checklist.class_performance", lang, count=len(study.scores))
    return Fact(told, "metrics.json: networks.*.classes; tables/per_class.csv")


def _crosstab(study: Study, lang: str) -> Fact | None:
    if not study.scores:
        return None
    told = text("checklist.crosstab", lang, count=len(study.scores))
    return Fact(told, "metrics.json: networks.*.confusion; tables/confusion.csv")


def _failures(study: Study, lang: str) -> Fact | None:
    found = readings(study)
    if not found:
        return None
    by_network = Counter(item.run.network for item in misread(found, study.classes))
    wrong, most = by_network.total(), max(by_network.values(), default=0)
    key = "checklist.failures" if most <= MOST_CARDS else "checklist.failures_some"
    told = text(key, lang, wrong=wrong, all=len(found), shown=MOST_CARDS)
    section = text("report.cases", lang)
    return Fact(told, text("checklist.report_section", lang, section=section))


def _included(study: Study, lang: str) -> Fact | None:
    if not study.data.get("patients"):
        return None
    images, patients = count_text(study.data.get("images")), count_text(study.data["patients"])
    told = text("checklist.included", lang, images=images, patients=patients)
    return Fact(told, "data.json: images, patients")


def _class_counts(study: Study, lang: str) -> Fact | None:
    counts = tables.partition_counts(study)
    if not counts:
        return None
    parts = []
    for partition, rows in counts.items():
        classes = (
            text(
                "checklist.one_class",
                lang,
                label=class_short(name, lang),
                patients=count_text(rows[name][0]),
                images=count_text(rows[name][1]),
            )
            for name in study.classes
        )
        title = methods.partition_title(partition, lang)
        told = join_items(classes, lang, "semicolon")
        parts.append(text("checklist.class_count", lang, name=title, list=told) + ".")
    return Fact(methods.joined(parts, lang), "data.json: partitions")


def _details(study: Study, lang: str) -> Fact | None:
    file = study.folder / "settings.toml"
    if not file.is_file():
        return None
    return Fact(text("checklist.details", lang, digest=sha256(file)[:16]), "settings.toml")


def _weights(study: Study, lang: str) -> Fact | None:
    runs = methods.finished(study)
    if not runs or not all(run.model.get("weights_sha256") for run in runs):
        return None
    told = text("checklist.weights", lang, count=len(runs))
    return Fact(told, "runs/*/weights.safetensors, model.json: weights_sha256")


def _macro_f1(study: Study, lang: str) -> str:
    scores = study.scores.items()
    return join_items((f"{network_title(n)} {percent(s.get('macro_f1'))}" for n, s in scores), lang)


FACTS: Final[dict[str, Callable[[Study, str], Fact | None]]] = {
    "source": _topic("data", "data.json: name, source, images, patients"),
    "classes": _classes,
    "included": _included,
    "class_counts": _class_counts,
    "flow": _sentence_fact(flow_sentences, "data.json: flow"),
    "scanners": _sentence_fact(scanner_sentences, "data.json: scanners"),
    "partitions": _partitions,
    "disjoint": _disjoint,
    "inputs": _inputs,
    "preprocessing": _preprocessing,
    "model": _model,
    "initialization": _initialization,
    "training": _training,
    "selection": _topic("selection", "settings.toml: training.best_epoch"),
    "imbalance": _imbalance,
    "output": _output,
    "software": _topic("software", "versions.json"),
    "weights": _weights,
    "details": _details,
    "measures": _measures,
    "intervals": _intervals,
    "comparisons": _inferred(inference.comparisons, "comparisons"),
    "calibration": _inferred(inference.calibration_inference, "calibration"),
    "ensemble": _key("ensemble"),
    "external": _key("external"),
    "subgroups": _inferred(inference.subgroup_inference, "subgroups"),
    "heatmaps": _heatmaps,
    "evaluated": _evaluated,
    "performance": _performance,
    "class_performance": _class_performance,
    "crosstab": _crosstab,
    "failures": _failures,
}
