"""The summary in plain words: what was compared, on whose data, what came out, what it shows."""

from dataclasses import dataclass

from metrascope.classes import class_title
from metrascope.pages import Bilingual, bilingual, join_bilingual, sentence
from metrascope.report import page_tables as tables
from metrascope.report.chapters import chapter_findings, order_findings
from metrascope.results.notation import count_text, percent
from metrascope.results.units import counted
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study


@dataclass(frozen=True)
class DigestPoint:
    """One point of the summary: what it is about, what is said, and details below it."""

    lead: Bilingual
    words: Bilingual
    details: tuple[Bilingual, ...] = ()


def digest(study: Study) -> list[DigestPoint]:
    """Return the points of the summary, empty before the evaluation."""
    best = tables.best_networks(study)
    if not best:
        return []
    points = [_compared(study), _data(study), _best(study, best)]
    if study.metrics.get("majority"):
        points.append(DigestPoint(sentence("report.lead_majority"), _majority(study)))
    said = order_findings(study)
    lead = "report.lead_ranking" if len(study.scores) > 1 else "report.lead_shown"
    points.append(DigestPoint(sentence(lead), said[0], tuple(said[1:])))
    for lead, findings in chapter_findings(study).items():
        points.append(
            DigestPoint(sentence(f"report.lead_{lead}"), findings[0], tuple(findings[1:]))
        )
    return points


def _compared(study: Study) -> DigestPoint:
    names = join_bilingual(network_title(name) for name in study.networks if name in study.scores)
    key = "report.sum_compared_one" if len(study.scores) == 1 else "report.sum_compared"
    words = sentence(key, names=names, classes=tables.choices(study))
    return DigestPoint(sentence("report.lead_compared"), words)


def _data(study: Study) -> DigestPoint:
    lead, name = sentence("report.lead_data"), study.name or sentence("report.unnamed")
    counts = tables.partition_counts(study)
    held, train = counts.get(study.partition), counts.get("train")
    folds = study.data.get("folds") or []
    if held and len(folds) > 1:
        words = sentence(
            "report.sum_data_folds",
            data=name,
            images=count_text(held[""][1]),
            patients=count_text(held[""][0]),
            design=_design(study, len(folds)),
        )
        return DigestPoint(lead, words)
    if not held or not train:
        told = bilingual(lambda lang: counted(study.metrics, lang))
        return DigestPoint(lead, sentence("report.sum_data_plain", data=name, counted=told))
    words = sentence(
        "report.sum_data",
        data=name,
        images=count_text(study.data.get("images")),
        patients=count_text(study.data.get("patients")),
        train_images=count_text(train[""][1]),
        train_patients=count_text(train[""][0]),
        images_held=count_text(held[""][1]),
        patients_held=count_text(held[""][0]),
        held=sentence(f"report.partition_{study.partition}"),
    )
    return DigestPoint(lead, words)


def _design(study: Study, folds: int) -> Bilingual:
    """Return how the folds came about, as far as the settings say."""
    split = study.settings.get("split", {}) if study.data.get("split") == "drawn" else {}
    if split.get("design") == "leave-one-out":
        return sentence(f"report.design_{split.get('by', 'scanner')}", folds=folds)
    repeats = int(split.get("repeats", 1))
    if split.get("design") == "kfold" and repeats > 1:
        return sentence("report.design_repeated", folds=folds // repeats, repeats=repeats)
    return sentence("report.design_folds", folds=folds)


def _best(study: Study, best: list[str]) -> DigestPoint:
    lead = sentence("report.lead_best" if len(study.scores) > 1 else "report.lead_alone")
    f1 = percent(study.scores[best[0]].get("macro_f1"))
    value, _, interval = f1.partition(" ")
    if len(best) > 1:
        names = join_bilingual(map(network_title, best))
        return DigestPoint(lead, sentence("report.sum_best_shared", networks=names, f1=value))
    told = sentence("report.interval", ends=interval.strip("()")) if interval else ""
    words = sentence("report.sum_best", network=network_title(best[0]), f1=value, interval=told)
    return DigestPoint(lead, words, tuple(_details(study, best[0])))


def _majority(study: Study) -> Bilingual:
    """Return what guessing would score, for what kind of classes there are."""
    majority, counts = study.metrics["majority"], tables.evaluated_classes(study)
    most = [name for name, number in counts.items() if number == max(counts.values())]
    kind = "_alone" if len(counts) < 2 else "_shared" if len(most) > 1 else ""
    return sentence(
        f"report.sum_majority{kind}",
        label=_label(str(majority.get("label", ""))),
        accuracy=percent(majority.get("accuracy")),
        f1=percent(majority.get("macro_f1")),
    )


def _details(study: Study, best: str) -> list[Bilingual]:
    cells = tables.confusion_cells(study, best)
    if not cells:
        return []
    times = int(study.scores[best].get("replications", 1))
    of = "_readings" if times > 1 else ""
    told = [sentence("report.sum_times", count=times)] if times > 1 else []
    for place, name in enumerate(study.classes):
        called = sum(row[place].count for row in cells)
        total = sum(cell.count for cell in cells[place])
        kind = "absent" if not total else "found" if called else "never"
        told.append(
            sentence(
                f"report.sum_{kind}{of}",
                label=_label(name),
                network=network_title(best),
                found=cells[place][place].count,
                total=total,
                called=called,
            )
        )
    return [*told, _errors(study, best, of)]


def _errors(study: Study, best: str, of: str) -> Bilingual:
    """Return which error a network makes most often, or which, where they are equally many."""
    errors = tables.commonest_confusions(study, best)
    if not errors:
        return sentence("report.sum_no_error")
    counts = {"count": errors[0].count, "total": errors[0].total}
    if len(errors) == 1:
        labels = {"true": _label(errors[0].true), "predicted": _label(errors[0].predicted)}
        return sentence(f"report.sum_error{of}", **labels, **counts)
    kinds = join_bilingual(
        sentence("report.one_error", true=_label(one.true), predicted=_label(one.predicted))
        for one in errors
    )
    return sentence(f"report.sum_errors{of}", list=kinds, **counts)


def _label(name: str) -> Bilingual:
    return bilingual(lambda lang: class_title(name, lang))
