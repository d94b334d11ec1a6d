"""Thresholds: what counts as one image, and chance."""

import numpy as np
import pytest
from pydantic import ValidationError

from metrascope.audit.settings import CHANCE_MEAN, CHANCE_SPREAD, AuditSettings, deviations
from metrascope.audit.verification import Agreement


def agreement(score: float, *, blocks: int = 60, share: float = 0.9) -> Agreement:
    return Agreement(score, 20, blocks, share, None, False)


def test_a_mean_of_chance_blocks_is_a_standard_normal() -> None:
    # Half as many independent blocks, since neighbors overlap.
    rng = np.random.default_rng(0)
    means = rng.normal(CHANCE_MEAN, CHANCE_SPREAD, (20_000, 30)).mean(axis=1)
    drawn = [deviations(agreement(float(mean), blocks=60)) for mean in means]
    assert np.mean(drawn) == pytest.approx(0, abs=0.03)
    assert np.std(drawn) == pytest.approx(1, abs=0.03)


def test_all_three_thresholds_must_be_reached() -> None:
    settings = AuditSettings()
    least = settings.least_score
    assert settings.same(agreement(least))
    assert not settings.same(agreement(least - 0.01))
    assert not settings.same(agreement(least, share=settings.least_share - 0.01))
    assert not settings.same(agreement(least, blocks=4))
    assert settings.same(agreement(0.95, blocks=6))


@pytest.mark.parametrize("given", [{"least_score": 1.2}, {"least_share": -1}, {"unknown": 1}])
def test_settings_out_of_range_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        AuditSettings(**given)  # type: ignore[arg-type]
