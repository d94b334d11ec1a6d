"""What a person must know of a bundle, in sentences: for the card in it, and after its export."""

import math
from typing import Final

from metrascope.classes import class_title
from metrascope.messages import LANGUAGES, text
from metrascope.predict.bundle import BundleDescription, MeasuredFigure
from metrascope.predict.refusal import MOST_REFUSED, RefusalRule
from metrascope.results.notation import percent

CARD: Final = "card.md"
_LOWER: Final = 0.1
"""Less confidence that is advised where sets are full: from 0.9 to 0.8."""


def refusals(rule: RefusalRule, lang: str | None = None) -> list[str]:
    """Return how many images a bundle refuses, and what to do where that is too many."""
    found, expected = rule.validation, rule.expected_refusals
    told = [
        text(
            "bundles.refusals",
            lang,
            images=found.images,
            patients=found.patients,
            validation=percent(found.refused_image, 0),
            expected=percent(expected, 0),
        )
    ]
    if max(found.refused_image, expected) <= MOST_REFUSED:
        return told
    few, most = rule.too_few(), f"{100 * MOST_REFUSED:g}"
    confidence = f"{100 * rule.confidence:g}"
    if few:
        counts = text("serving.between", lang).join(
            f"{class_title(label, lang)} {count}" for label, count in few.items()
        )
        needed = _patients_needed(rule.confidence)
        values = {"counts": counts, "needed": needed, "confidence": confidence}
        told.append(text("bundles.too_few", lang, most=most, **values))
    else:
        lower = f"{rule.confidence - _LOWER:.2g}" if rule.confidence > 2 * _LOWER else "0.5"
        values = {"confidence": confidence, "lower": lower}
        told.append(text("bundles.too_many", lang, most=most, **values))
    return told


def limits(description: BundleDescription, lang: str | None = None) -> list[str]:
    """Return what makes the bundle's thresholds and probabilities less than they seem."""
    told = []
    if description.data.chose_epoch:
        told.append(text("bundles.chose_epoch", lang))
    if description.scaling_no_better:
        networks = text("serving.between", lang).join(description.scaling_no_better)
        told.append(text("bundles.scaling_no_better", lang, networks=networks))
    return told


def card(description: BundleDescription) -> str:
    """Return the card of a bundle, Markdown, in one language after the other.

    Whichever language the export was run in: the bundle's hash is that of the card, too.
    """
    parts = "\n---\n\n".join(_part(description, lang) for lang in LANGUAGES)
    return f"{text('bundles.card_below', 'zh')}\n\n{parts}"


def _part(made: BundleDescription, lang: str) -> str:
    between = text("serving.between", lang)

    def counted(counts: dict[str, int]) -> str:
        return between.join(f"{class_title(label, lang)} {n}" for label, n in counts.items())

    titles = {member.network: member.title for member in made.members}
    networks = between.join(titles.values())
    lines = [
        made.intended_use.get(lang, ""),  # type: ignore[call-overload]
        text("bundles.networks", lang, networks=networks, count=len(made.members)),
        text("bundles.training", lang, counts=counted(made.data.training)),
        text("bundles.validation", lang, counts=counted(made.data.validation)),
        *(_figure(one, titles.get(one.network, one.network), lang) for one in made.performance),
        *refusals(made.rule, lang),
        text("bundles.thresholds", lang),
        *limits(made, lang),
        text("bundles.use", lang),
    ]
    title = text("bundles.title", lang, name=made.data.name)
    body = "".join(f"- {line}\n" for line in lines if line)
    return f"# {title}\n\n**{text('common.research_only', lang)}**\n\n{body}"


def _figure(one: MeasuredFigure, network: str, lang: str) -> str:
    return text(
        "bundles.figure",
        lang,
        network=network,
        measure=text(f"evaluation.{one.measure}", lang),
        value=percent({"value": one.value, "low": one.low, "high": one.high}, 1),
        partition=text(f"evaluation.{one.partition}", lang),
        patients=one.patients,
    )


def _patients_needed(confidence: float) -> int:
    """Return how many validation patients a class needs at least: n / (n + 1) can be asked."""
    return math.ceil(confidence / (1 - confidence) - 1e-9)
