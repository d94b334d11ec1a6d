"""The summary in plain words: what was compared, on whose data, what came out, what it shows."""

from dataclasses import dataclass

from metrascope.classes import class_title
from metrascope.evaluation.published import network_title
from metrascope.evaluation.units import counted
from metrascope.report import tables
from metrascope.report.bilingual import Bilingual, bilingual, listing, sentence
from metrascope.report.chapters import order_findings
from metrascope.report.content import Study
from metrascope.report.numbers import count, percent


@dataclass(frozen=True)
class Point:
    """One point of the summary: what it is about, what is said, and details below it."""

    lead: Bilingual
    words: Bilingual
    details: tuple[Bilingual, ...] = ()


def digest(study: Study) -> list[Point]:
    """Return the points of the summary, empty before the evaluation."""
    best = tables.best_network(study)
    if best is None:
        return []
    points = [_compared(study), _data(study), _best(study, best)]
    majority = study.metrics.get("majority")
    if majority:
        words = sentence(
            "report.sum_majority",
            label=_label(str(majority.get("label", ""))),
            accuracy=percent(majority.get("accuracy")),
            f1=percent(majority.get("macro_f1")),
        )
        points.append(Point(sentence("report.lead_majority"), words))
    said = order_findings(study)
    return [*points, Point(sentence("report.lead_ranking"), said[0], tuple(said[1:]))]


def _compared(study: Study) -> Point:
    names = listing(network_title(name) for name in study.networks if name in study.scores)
    words = sentence("report.sum_compared", names=names, classes=tables.choices(study))
    return Point(sentence("report.lead_compared"), words)


def _data(study: Study) -> Point:
    lead, name = sentence("report.lead_data"), study.name or sentence("report.unnamed")
    counts = tables.partition_counts(study)
    held, train = counts.get(study.partition), counts.get("train")
    folds = study.data.get("folds") or []
    if held and len(folds) > 1:
        words = sentence(
            "report.sum_data_folds",
            data=name,
            images=count(held[""][1]),
            patients=count(held[""][0]),
            folds=len(folds),
        )
        return Point(lead, words)
    if not held or not train:
        told = bilingual(lambda lang: counted(study.metrics, lang))
        return Point(lead, sentence("report.sum_data_plain", data=name, counted=told))
    words = sentence(
        "report.sum_data",
        data=name,
        images=count(study.data.get("images")),
        patients=count(study.data.get("patients")),
        train_images=count(train[""][1]),
        train_patients=count(train[""][0]),
        images_held=count(held[""][1]),
        patients_held=count(held[""][0]),
        held=sentence(f"report.partition_{study.partition}"),
    )
    return Point(lead, words)


def _best(study: Study, best: str) -> Point:
    f1 = percent(study.scores[best].get("macro_f1"))
    words = sentence("report.sum_best", network=network_title(best), f1=f1)
    return Point(sentence("report.lead_best"), words, tuple(_details(study, best)))


def _details(study: Study, best: str) -> list[Bilingual]:
    cells = tables.confusion_cells(study, best)
    if not cells:
        return []
    told = []
    for place, name in enumerate(study.classes):
        called = sum(row[place].count for row in cells)
        told.append(
            sentence(
                "report.sum_found" if called else "report.sum_never",
                label=_label(name),
                network=network_title(best),
                found=cells[place][place].count,
                total=sum(cell.count for cell in cells[place]),
                called=called,
            )
        )
    error = tables.commonest_confusion(study, best)
    if error is None:
        return [*told, sentence("report.sum_no_error")]
    labels = {"true": _label(error.true), "predicted": _label(error.predicted)}
    counts = {"count": error.count, "total": error.total}
    return [*told, sentence("report.sum_error", **labels, **counts)]


def _label(name: str) -> Bilingual:
    return bilingual(lambda lang: class_title(name, lang))
