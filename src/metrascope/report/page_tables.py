"""Rows of the page's tables, from the files of a study."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from metrascope.classes import PAPER_CLASSES, class_title
from metrascope.messages import LANGUAGES, text
from metrascope.pages import Bilingual, bilingual, join_bilingual, sentence
from metrascope.results.estimate import ABSENT, Estimate
from metrascope.results.notation import flat, number_value
from metrascope.results.ranking import absent_classes, fewer_read, highest_networks, same_answers
from metrascope.results.units import counted_patients, is_by_class
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study, StudyRun


@dataclass(frozen=True)
class TableCell:
    """A count in a confusion matrix and its share of the true class, 0 to 1."""

    count: int
    share: float


@dataclass(frozen=True)
class Fold:
    """A fold, the scanner or centre that it tests (or nothing), patients by partition and class."""

    number: int
    site: str
    patients: dict[str, list[int]]


@dataclass(frozen=True)
class Confusion:
    """Two classes that a network confuses: ``count`` of ``total`` patients of ``true``."""

    true: str
    predicted: str
    count: int
    total: int


@dataclass(frozen=True)
class Setting:
    """A setting, the paper's value of it, and whether they differ."""

    name: str
    value: str
    paper: str
    differs: bool


def study_title(study: Study) -> Bilingual:
    """Return the title of a study's report: its networks and its data set."""
    data = study.name or sentence("report.unnamed")
    if len(study.networks) == 1:
        return sentence("report.title_one", network=network_title(study.networks[0]), data=data)
    return sentence("report.title", networks=len(study.networks), data=data)


def partition_counts(study: Study) -> dict[str, dict[str, tuple[int, int]]]:
    """Return patients and images by partition and class, and of all classes under ``""``.

    A patient with images of two classes counts under both, and once in all.
    """
    table: dict[str, dict[str, tuple[int, int]]] = {}
    people = study.data.get("partition_patients", {})
    for partition, classes in study.data.get("partitions", {}).items():
        rows = {name: _pair(classes.get(name, {})) for name in study.classes}
        patients, images = (sum(row[place] for row in rows.values()) for place in (0, 1))
        sums = (int(people.get(partition, patients)), images)
        table[partition] = rows | {"": sums}
    return table


def has_patients_of_two_classes(study: Study) -> bool:
    """Tell whether a patient of any partition has images of two classes."""
    return any(
        rows[""][0] < sum(row[0] for name, row in rows.items() if name)
        for rows in partition_counts(study).values()
    )


def fold_rows(study: Study) -> list[Fold]:
    """Return the patients of each fold, empty where there is one fold only."""
    return [
        Fold(
            number=int(fold["fold"]),
            site=str(fold.get("site", "")),
            patients={
                partition: [_pair(classes.get(name, {}))[0] for name in study.classes]
                for partition, classes in fold["partitions"].items()
            },
        )
        for fold in study.data.get("folds", [])
    ]


def confusion_cells(study: Study, network: str) -> list[list[TableCell]]:
    """Return a network's confusion matrix, rows true, columns predicted, in class order."""
    matrix = study.scores[network].get("confusion", [])
    return [[TableCell(int(n), n / sum(row) if sum(row) else 0.0) for n in row] for row in matrix]


def best_networks(study: Study) -> list[str]:
    """Return the networks whose macro F1 no other exceeds, none before the evaluation."""
    if not study.scores:
        return []
    highest = highest_networks(study.metrics)
    return [name for name in study.networks if name in highest]


def evaluated_classes(study: Study) -> dict[str, int]:
    """Return how many of those evaluated have each class, without the classes that nobody has."""
    counts = {
        name: max(int(one["classes"][name]["support"]) for one in study.scores.values())
        for name in study.classes
    }
    return {name: number for name, number in counts.items() if number}


def highest_scores(study: Study) -> dict[str, Estimate]:
    """Return the highest macro averages and accuracy, as they are printed."""
    names = ("macro_precision", "macro_recall", "macro_f1", "accuracy")
    return {
        name: Estimate.percent(
            max((s.get(name) for s in study.scores.values()), key=number_value, default=None)
        )
        for name in names
    }


def embedding_scores(study: Study, network: str) -> Mapping[str, Any]:
    """Return how well a network's features separate the classes, empty where unknown."""
    scores: Mapping[str, Any] = study.scores.get(network, {}).get("embedding", {})
    return scores


def laid_out(study: Study) -> int:
    """Return how many images the t-SNE maps show, 0 where these are all that the runs read."""
    for network in study.networks:
        read = [
            len(run.predictions) for run in study.runs_of(network) if run.predictions is not None
        ]
        shown = int((study.embeddings["network"] == network).sum())
        if read and shown:
            perplexities = study.embeddings.get("perplexity")
            maps = 1 if perplexities is None else perplexities.nunique()
            return shown // maps if shown // maps < read[0] else 0
    return 0


def unfinished(study: Study) -> list[str]:
    """Return the networks that neither have results nor failed."""
    failed = {run.network for run in study.runs if run.failure is not None}
    return [name for name in study.networks if name not in study.scores and name not in failed]


def choices(study: Study) -> Bilingual:
    """Return the classes as a choice: a, b or c."""
    return bilingual(lambda lang: _choices(study, lang))


def commonest_confusions(study: Study, network: str) -> list[Confusion]:
    """Return the errors that a network makes most often: several where they are equally many."""
    cells = confusion_cells(study, network)
    errors = [
        Confusion(study.classes[i], study.classes[j], cell.count, sum(c.count for c in row))
        for i, row in enumerate(cells)
        for j, cell in enumerate(row)
        if i != j and cell.count
    ]
    most = max((error.count for error in errors), default=0)
    return [error for error in errors if error.count == most]


def settings_beside_paper(study: Study) -> list[Setting]:
    """Return every setting of the study beside that of the built-in settings ``paper``."""
    ours = flat(study.settings) | {"classes": ", ".join(study.classes)}
    paper = flat(_paper_settings()) | {"classes": ", ".join(PAPER_CLASSES)}
    return [
        Setting(name, value, paper.get(name, ABSENT), value != paper.get(name, ABSENT))
        for name, value in ours.items()
    ]


def warnings(study: Study) -> list[Bilingual]:
    """Return what a reader must know before believing the numbers."""
    found = []
    if is_synthetic(study):
        found.append(sentence("report.warn_synthetic"))
    if study.data.get("leaks"):
        found.append(sentence("report.warn_leaks", count=study.data["leaks"]))
    if shared := study.data.get("shared_with_training"):
        found.append(sentence("external.shared", count=len(shared), patient=min(shared)))
    skipped = study.data.get("near_duplicates") == "skipped"
    if (skipped or study.data.get("near_duplicates_joined") is False) and not is_synthetic(study):
        found.append(sentence("report.warn_not_audited"))
    if _no_better_than_guessing(study):
        found.append(sentence("report.warn_no_better"))
    if study.metrics and is_by_class(study.metrics):
        values = {"n": int(study.metrics["n"]), "patients": counted_patients(study.metrics)}
        found.append(sentence("report.warn_by_class", **values))
    chosen = study.settings.get("training", {}).get("best_epoch")
    if chosen and study.partition == "validation":
        found.append(sentence("report.warn_best_epoch"))
    if study.scores and not has_paper_classes(study):
        found.append(sentence("report.warn_other_classes"))
    if len(seeds := {run.seed for run in study.runs}) > 1:
        found.append(sentence("report.warn_seeds", count=len(seeds)))
    repeats = max((count_repetitions(scores) for scores in study.scores.values()), default=1)
    if repeats > 1:
        found.append(sentence("report.warn_repeats", count=repeats))
    if len(seeds) == 1 and repeats == 1:
        found.append(sentence("report.warn_one_seed"))
    if study.metrics:
        said = (
            bilingual(lambda lang: fewer_read(study.metrics, lang)),
            bilingual(lambda lang: absent_classes(study.metrics, lang)),
        )
        found += [one for one in said if any(one.words)]
        same = [same_answers(study.metrics, lang) for lang in LANGUAGES]
        found += [Bilingual(words) for words in zip(*same, strict=True)]
    scratch = [run.network for run in study.runs if weights_source(study, run) == "none"]
    if scratch:
        names = join_bilingual(network_title(name) for name in dict.fromkeys(scratch))
        found.append(sentence("report.warn_no_weights", networks=names))
    return found


def count_repetitions(scores: Mapping[str, Any]) -> int:
    """Return how often a network read every patient with each of its seeds."""
    return int(scores.get("replications", 1)) // max(1, len(scores.get("seeds", ())))


def is_synthetic(study: Study) -> bool:
    """Whether the data set says of itself that it comes from the phantom."""
    said = " ".join([str(study.data.get("name", "")), *sources(study)]).casefold()
    return "phantom" in said or "synthetic" in said


def sources(study: Study) -> list[str]:
    """Return where the data set says its images come from."""
    source = study.data.get("source") or []
    found = source if isinstance(source, list) else [source]
    return [str(item) for item in found if str(item)]


def has_paper_classes(study: Study) -> bool:
    """Whether the published figures answer the same question."""
    return study.classes == PAPER_CLASSES


def weights_source(study: Study, run: StudyRun) -> str:
    """Return where a run's first weights came from: its own record, else the settings."""
    recorded = run.model.get("origin", {}).get("source")
    planned = study.settings.get("weights", {})
    return str(recorded or planned.get(run.network, planned.get("*", ABSENT)))


def input_size_text(run: StudyRun) -> str:
    """Return the side of what a run's network sees, in pixels."""
    recorded = run.resources.get("input_size")
    return str(recorded or run.model.get("preprocessing", {}).get("input_size", ABSENT))


def _no_better_than_guessing(study: Study) -> bool:
    best, majority = best_networks(study), study.metrics.get("majority")
    if not best or not majority or len(evaluated_classes(study)) < 2:
        return False
    return number_value(study.scores[best[0]].get("macro_f1")) <= number_value(
        majority.get("macro_f1")
    )


def _choices(study: Study, lang: str) -> str:
    *first, last = (_in_sentence(name, lang) for name in study.classes)
    start = text("report.comma", lang).join(first)
    return f"{start}{text('report.or', lang)}{last}" if first else last


def _in_sentence(name: str, lang: str) -> str:
    title = class_title(name, lang)
    return title if title.replace(" ", "_") == name else title[:1].lower() + title[1:]


def _pair(entry: Mapping[str, Any]) -> tuple[int, int]:
    return int(entry.get("patients", 0)), int(entry.get("images", 0))


def _paper_settings() -> dict[str, Any]:
    file = resources.files("metrascope") / "settings" / "paper.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
