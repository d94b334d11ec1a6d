"""Sentences on how the networks were trained, from the settings and the runs' own records."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metrascope.messages import text
from metrascope.pages import join_items
from metrascope.report.page_tables import weights_source
from metrascope.results.notation import count_text
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study, StudyRun


def preprocessing(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    """Say how an image became what a network reads."""
    steps = study.settings.get("preprocessing", {})
    told = [text("methods.sector_crop", lang)] if steps.get("sector_crop") else []
    if steps.get("fit") in ("crop", "pad"):
        told += [
            text(f"methods.fit_{steps['fit']}", lang, size=size, stored=stored, whose=whose)
            for (size, stored), whose in _by(_sizes, runs, lang)
        ]
    if steps.get("equalization") in ("train", "image", "clahe"):
        told.append(text(f"methods.equalization_{steps['equalization']}", lang))
    for (mean, std), _ in _by(_channels, runs, lang):
        told.append(text("methods.normalized", lang, mean=_triple(mean), std=_triple(std)))
    return told


def augmentation(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    """Name the random steps of training that were on, with their ranges."""
    settings = study.settings.get("augmentation", {})
    steps = [text("methods.step_crop", lang)] if settings.get("crop") else []
    ranges = [("vertical_flip", 1), ("horizontal_flip", 1), ("rotation", 1)]
    if settings.get("affine"):
        ranges += [("translation", 100), ("scale", 100), ("shear", 1)]
    steps += [
        text(f"methods.step_{name}", lang, value=f"{factor * settings[name]:g}")
        for name, factor in ranges
        if settings.get(name)
    ]
    return (
        [text("methods.augmented", lang, steps=join_items(steps, lang, "semicolon"))]
        if steps
        else []
    )


def network_sentences(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    """Name the networks, their size and their head."""
    sizes = {run.network: run.resources.get("parameters") for run in runs}
    names = [
        text("methods.parameters", lang, network=network_title(name), count=count_text(size))
        if isinstance(size, int)
        else network_title(name)
        for name, size in sizes.items()
    ]
    key = "methods.networks" if len(names) > 1 else "methods.network"
    told = [text(key, lang, networks=join_items(names, lang))]
    if study.settings.get("pooling") in ("avgmax", "avg"):
        told.append(text(f"methods.pooling_{study.settings['pooling']}", lang))
    return told


def weights(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    """Say where the first weights came from."""
    told = []
    for source, whose in _by(lambda run: weights_source(study, run), runs, lang):
        key = source if source in ("imagenet", "none") else "file"
        told.append(text(f"methods.weights_{key}", lang, whose=whose, file=source))
    return told


def training(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    """State loss, optimizer, schedule and arithmetic."""
    recipe = study.settings.get("training", {})
    told = []
    if "class_weights" in recipe:
        told.append(_loss(recipe, [run.network for run in runs], lang))
    if {"epochs", "batch_size"} <= recipe.keys():
        told.append(_optimizer(recipe, lang))
    if {"epochs", "learning_rate", "warmup_epochs", "schedule", "update"} <= recipe.keys():
        told.append(_schedule(recipe, lang))
    kinds = {"32-true": "full", "bf16-mixed": "mixed"}
    if recipe.get("precision") in kinds:
        told.append(text(f"methods.precision_{kinds[recipe['precision']]}", lang, whose=""))
    elif recipe.get("precision") == "auto":
        told += [
            text(f"methods.precision_{kinds[kind]}", lang, whose=whose)
            for kind, whose in _by(lambda run: run.resources.get("precision"), runs, lang)
            if kind in kinds
        ]
    if recipe.get("processes", 1) > 1:
        told.append(text("methods.processes", lang, count=recipe["processes"]))
    return told


def selection(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    """Say which epoch is reported."""
    best = study.settings.get("training", {}).get("best_epoch")
    if best is None:
        return []
    if not best:
        return [text("methods.last_epoch", lang)]
    told = [text("methods.best_epoch", lang)]
    return (
        [*told, text("methods.best_epoch_same", lang)] if study.partition == "validation" else told
    )


def _loss(recipe: Mapping[str, Any], networks: Sequence[str], lang: str) -> str:
    details = text("methods.loss_weighted", lang) if recipe["class_weights"] else ""
    if recipe.get("label_smoothing"):
        details += text("methods.loss_smoothed", lang, value=f"{recipe['label_smoothing']:g}")
    if recipe.get("auxiliary_weight") and "inception_v3" in networks:
        details += text("methods.loss_auxiliary", lang, value=f"{recipe['auxiliary_weight']:g}")
    return text("methods.loss", lang, details=details)


def _optimizer(recipe: Mapping[str, Any], lang: str) -> str:
    momentum, decay = recipe.get("momentum"), recipe.get("weight_decay")
    details = ""
    if momentum and decay:
        values = {"momentum": f"{momentum:g}", "decay": f"{decay:g}"}
        details = text("methods.optimizer_both", lang, **values)
    elif momentum:
        details = text("methods.optimizer_momentum", lang, value=f"{momentum:g}")
    elif decay:
        details = text("methods.optimizer_decay", lang, value=f"{decay:g}")
    values = {"epochs": recipe["epochs"], "batch": recipe["batch_size"]}
    return text("methods.optimizer", lang, details=details, **values)


def _schedule(recipe: Mapping[str, Any], lang: str) -> str:
    """Put the schedule of ``metrascope.training.schedule`` in words."""
    rate, warm = f"{recipe['learning_rate']:g}", min(recipe["warmup_epochs"], recipe["epochs"])
    told = text("methods.rate_start", lang, rate=rate)
    if warm:
        told = text("methods.rate_warmup", lang, rate=rate, epochs=warm)
    if warm < recipe["epochs"]:
        told += text(
            f"methods.rate_{recipe['schedule']}",
            lang,
            minimum=f"{recipe.get('minimum_learning_rate', 0):g}",
            factor=f"{recipe.get('step_factor', 1):g}",
            epochs=recipe.get("step_epochs"),
        )
    return told + text(f"methods.rate_by_{recipe['update']}", lang)


def _sizes(run: StudyRun) -> tuple[object, object] | None:
    steps = run.model.get("preprocessing", {})
    found = steps.get("input_size"), steps.get("stored_size")
    return None if None in found else found


def _channels(run: StudyRun) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    steps = run.model.get("preprocessing", {})
    return (tuple(steps["mean"]), tuple(steps["std"])) if "mean" in steps else None


def _by(
    key: Callable[[StudyRun], Any], runs: Sequence[StudyRun], lang: str
) -> list[tuple[Any, str]]:
    """Return each value that the runs have, and whose it is where there are several."""
    found: dict[Any, dict[str, None]] = {}
    for run in runs:
        found.setdefault(key(run), {})[network_title(run.network)] = None
    found.pop(None, None)
    several = len(found) > 1
    return [
        (value, text("methods.whose", lang, networks=join_items(names, lang)) if several else "")
        for value, names in found.items()
    ]


def _triple(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
