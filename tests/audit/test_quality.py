"""Measures of an image against closed forms, medians against pandas."""

import numpy as np
import pandas as pd
import pytest

from metrascope.audit.quality import QUALITY_MEASURES, Quality, by_class, measure_quality
from metrascope.dataset.image import Picture


def test_noise_is_about_twenty_times_as_sharp_as_it_is_wide() -> None:
    # The Laplacian 1 1 -4 1 1 multiplies the variance of independent levels by 20.
    grey = np.random.default_rng(0).integers(6, 250, (400, 300), dtype=np.uint8)
    found = measure_quality(Picture(grey, np.ones(grey.shape, bool), None))
    assert found.sharpness == pytest.approx(20, rel=0.05)
    assert found.contrast == pytest.approx(grey.std())
    assert (found.width, found.height, found.bright, found.dark) == (300, 400, 0, 0)


def test_only_the_sector_counts() -> None:
    grey = np.zeros((100, 100), np.uint8)
    grey[:, 50:] = 100
    grey[:10, 50:] = 255
    sector = np.zeros(grey.shape, bool)
    sector[:, 50:] = True
    found = measure_quality(Picture(grey, sector, None))
    assert found.bright == pytest.approx(0.1)
    assert found.dark == 0
    empty = measure_quality(Picture(grey, np.zeros(grey.shape, bool), None))
    assert empty.dark == pytest.approx(0.5)


def test_medians_are_by_class_and_skip_what_could_not_be_read() -> None:
    rng = np.random.default_rng(1)
    measured = [Quality(*(int(v) for v in rng.integers(1, 99, 6))) for _ in range(9)]
    labels = list("abcabcabc")
    found = by_class([*labels, "a", "d"], [*measured, None, None], ("c", "a", "b", "d"))
    expected = pd.DataFrame([vars(quality) for quality in measured]).groupby(labels).median()
    for label in "abc":
        assert found.loc[label, "images"] == 3
        np.testing.assert_allclose(
            found.loc[label, list(QUALITY_MEASURES)].astype(float),
            expected.loc[label, list(QUALITY_MEASURES)],
        )
    assert found.index.tolist() == ["c", "a", "b", "d"]
    assert found.loc["d", "images"] == 0
