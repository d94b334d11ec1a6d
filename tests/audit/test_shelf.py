"""What is put on the shelf comes back as it was; nothing is left behind."""

from pathlib import Path

import numpy as np
import pytest

from metrascope.audit.pane import Pane
from metrascope.audit.points import KeyPoints
from metrascope.audit.shelf import open_shelf
from metrascope.audit.verification import ComparedView


def some_view(seed: int, height: int, width: int, count: int) -> ComparedView:
    rng = np.random.default_rng(seed)
    pane = Pane(
        rng.integers(-127, 128, (height, width)).astype(np.int8), rng.random((height, width)) < 0.5
    )
    at = rng.random((count, 3)).astype(np.float32)
    return ComparedView(pane, KeyPoints(at, rng.integers(0, 256, (count, 128), dtype=np.uint8)))


def test_views_come_back_as_they_were(tmp_path: Path) -> None:
    views = [some_view(0, 17, 23, 5), some_view(1, 8, 256, 0), some_view(2, 256, 31, 256)]
    with open_shelf(tmp_path / "new") as shelf:
        for number, view in enumerate(views):
            assert shelf.put(view) == number
            np.testing.assert_array_equal(shelf.points(0).descriptors, views[0].points.descriptors)
        assert len(shelf) == 3
        for number, view in enumerate(views):
            back = shelf.view(number)
            np.testing.assert_array_equal(back.pane.texture, view.pane.texture)
            np.testing.assert_array_equal(back.pane.valid, view.pane.valid)
            np.testing.assert_array_equal(back.points.at, view.points.at)
            np.testing.assert_array_equal(back.points.descriptors, view.points.descriptors)
            assert shelf.width(number) == view.pane.texture.shape[1]
    assert list((tmp_path / "new").iterdir()) == []


def test_the_file_goes_when_the_audit_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with open_shelf(tmp_path) as shelf:
            shelf.put(some_view(0, 9, 9, 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
