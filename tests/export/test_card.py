"""What is said of a bundle: how much it refuses, counted anew, and what its thresholds rest on."""

from pathlib import Path

import numpy as np
import pytest

from metrascope.export.card import card, limits, refusals
from metrascope.predict.bundle import open_bundle
from metrascope.predict.refusal import RefusalRule, fit_refusal

CLASSES = ("normal", "fibroid", "polyp")


def rule_of(counts: tuple[int, int, int], chance: float, confidence: float = 0.9) -> RefusalRule:
    """Fit a rule to patients whose class has a probability of about ``chance``."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), counts)
    own = np.clip(rng.normal(chance, 0.05, (len(codes), 1)), 0.01, 0.99)
    return fit_refusal(
        np.where(np.arange(3) == codes[:, None], own, (1 - own) / 2),
        rng.uniform(0, 1, len(codes)),
        None,
        labels=[CLASSES[code] for code in codes],
        patients=[str(number) for number in range(len(codes))],
        classes=CLASSES,
        confidence=confidence,
    )


def test_22_validation_patients_are_too_few_and_that_is_said() -> None:
    rule = rule_of((8, 6, 8), 0.8)
    assert rule.validation.refused_image == pytest.approx(1)
    first, advice = refusals(rule, "en")
    assert "22 validation images (22 patients) this bundle refuses 100 %" in first
    assert "about 100 %" in first
    assert "more than 15 %" in advice
    assert "needs 9 validation patients" in advice
    assert "Normal 8, Submucosal fibroid 6, Endometrial polyp 8" in advice
    assert "--confidence" in advice
    assert "split.validation" in advice
    assert "验证患者" in refusals(rule, "zh")[1]


def test_a_network_that_cannot_tell_is_no_matter_of_patients() -> None:
    advice = refusals(rule_of((60, 60, 60), 0.34), "en")[1]
    assert "do not tell the classes apart" in advice
    assert "such as 0.8" in advice


def test_a_bundle_that_refuses_little_is_not_warned_of() -> None:
    rule = rule_of((60, 60, 60), 0.9, 0.95)
    assert len(refusals(rule, "en")) == 1
    assert rule.expected_refusals > rule.validation.refused_image
    read = rule.image([0.9, 0.05, 0.05], 0.0)
    assert read.reasons == ()


def test_the_share_of_strangers_is_that_of_new_images_on_average() -> None:
    rng = np.random.default_rng(2)
    expected, found = [], []
    for _ in range(300):
        scores = rng.uniform(0, 1, 30)
        values = np.full((30, 3), 0.05) + 0.8 * np.eye(3)[np.arange(30) % 3]
        rule = fit_refusal(
            values,
            scores,
            None,
            labels=[CLASSES[number % 3] for number in range(30)],
            patients=[str(number) for number in range(30)],
            classes=CLASSES,
            false_refusal_rate=0.2,
            confidence=0.5,
        )
        assert rule.validation.undecided_image == 0
        expected.append(rule.expected_refusals)
        found.append(1 - rule.unfamiliar_above)
    assert np.mean(expected) == pytest.approx(np.mean(found), abs=0.01)


def test_the_card_says_what_thresholds_rest_on(bundle: Path) -> None:
    made = open_bundle(bundle).description
    assert limits(made) == []
    data = made.data.model_copy(update={"chose_epoch": True})
    made = made.model_copy(update={"data": data, "scaling_no_better": ("VGG-16",)})
    chosen, scaled = limits(made, "en")
    assert "training.best_epoch" in chosen
    assert "VGG-16" in scaled
    written = card(made)
    for part in (chosen, scaled, *refusals(made.rule, "zh"), *limits(made, "zh")):
        assert part in written
    assert written.count("not a medical device") >= 1
    assert "不是医疗器械" in written
