"""Widths of columns: no number may break, and a table gets the room that it needs."""

import pytest

from metrascope.report.word_columns import lay_out_columns, parted

ESTIMATE = "82.5 (74.5–88.5)"


def test_numbers_are_parted_from_their_intervals() -> None:
    assert parted("82.46 (74.50–88.53)") == ("82.46", "(74.50–88.53)")
    assert parted("−1.0 (−2.0, 0.1)") == ("−1.0", "(−2.0, 0.1)")
    assert parted("Specificity (normal)") == ("Specificity (normal)", "")


@pytest.mark.parametrize(
    ("columns", "stacked", "turned"), [(3, False, False), (7, True, False), (9, False, True)]
)
def test_the_first_layout_that_fits_is_taken(columns: int, stacked: bool, turned: bool) -> None:
    layout = lay_out_columns(
        [["Network", *["AUC, %"] * columns]],
        [["EfficientNet-B0", *[ESTIMATE] * columns]],
        8,
        16,
        24.7,
    )
    assert (layout.stacked, layout.turned) == (stacked, turned)
    assert sum(layout.widths) == pytest.approx(24.7 if turned else 16)
    # Times has digits of half an em and a dash as wide: ten of them, and eight narrower signs.
    needed = 8 * 2.54 / 72 * (12 if not stacked else 6)
    assert min(layout.widths[1:]) > needed * 0.6


def test_chinese_may_break_between_characters() -> None:
    heads = [["阳性预测值（%）", "网络"]]
    layout = lay_out_columns(heads, [["50.0", "甲" * 60]], 8, 16, 24.7)
    assert not layout.turned
    assert layout.widths[1] > layout.widths[0]
