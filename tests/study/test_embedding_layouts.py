"""Maps that are kept are those that would be made, and no others are used."""

from pathlib import Path

import numpy as np
import pytest

from metrascope import progress
from metrascope.explain.embedding import embed
from metrascope.progress import steps
from metrascope.study import embedding_layouts as layouts
from metrascope.study.embedding_layouts import Sample, embedding_layouts


@pytest.fixture
def study(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a-f0-s0", "b-f0-s0"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        features = rng.normal(size=(24, 6)).astype(np.float32)
        np.save(tmp_path / "runs" / name / "features.npy", features)
    return tmp_path


def wanted(study: Path) -> list[tuple[Sample, float]]:
    one, other = (Sample(study / "runs" / name, 24) for name in ("a-f0-s0", "b-f0-s0"))
    return [(one, 5.0), (one, 3.0), (other, 5.0), (other._replace(rows=(0, 2, 4, 5, 9)), 5.0)]


def kept(study: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (study / "layouts").iterdir()}


def test_several_processes_make_the_maps_of_one(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [
        embed(np.load(sample.run / "features.npy")[slice(None) if rows is None else list(rows)],
              seed=0, perplexity=perplexity)
        for sample, perplexity in wanted(study)
        for rows in [sample.rows]
    ]  # fmt: skip
    alone = embedding_layouts(study, wanted(study))
    files = kept(study)
    for path in (study / "layouts").iterdir():
        path.unlink()
    monkeypatch.setattr(layouts, "_FEW", 0)
    monkeypatch.setattr(layouts, "available_cores", lambda: 2)
    for found in (alone, embedding_layouts(study, wanted(study))):
        assert [points.tobytes() for points in found] == [points.tobytes() for points in expected]
    assert kept(study) == files
    assert len(files) == 4


def test_kept_maps_are_not_made_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embedding_layouts(study, wanted(study))
    files = kept(study)
    monkeypatch.setattr(layouts, "embed", lambda *_, **__: pytest.fail("a map was made again"))
    again = embedding_layouts(study, wanted(study))
    assert [points.tolist() for points in again] == [points.tolist() for points in first]
    assert kept(study) == files


def test_maps_of_other_features_or_that_are_damaged_are_made_again(study: Path) -> None:
    before = embedding_layouts(study, wanted(study))
    files = kept(study)
    features = np.load(study / "runs/b-f0-s0/features.npy")
    features[3, 2] += 1
    np.save(study / "runs/b-f0-s0/features.npy", features)
    spoiled, cut, *_ = sorted((study / "layouts").glob("a-*.npy"))
    np.save(spoiled, np.full((24, 2), np.nan, np.float32))
    cut.write_bytes(cut.read_bytes()[:90])
    after = embedding_layouts(study, wanted(study))
    assert [points.tobytes() for points in after[:2]] == [points.tobytes() for points in before[:2]]
    assert after[2].tobytes() != before[2].tobytes()
    now = kept(study)
    assert len(now) == len(files)
    # The rows that are laid out in the last map are not those that have changed.
    assert {name for name in now if name not in files} == {
        name for name in now if name.startswith("b-") and len(now[name]) == 128 + 24 * 8
    }


def test_maps_are_counted_where_they_are_shown(study: Path) -> None:
    with steps("embedding", "page"):
        embedding_layouts(study, wanted(study), shown=True)
        work = progress._displays[-1].work
        assert (work.key, work.done, work.all) == ("embedding", 4, 4)
        assert work.expected == pytest.approx((3 * 24 + 5) * 0.005)
        embedding_layouts(study, wanted(study))
        assert (work.done, work.all) == (4, 4)
    with steps("embedding", "page"):  # all are kept
        embedding_layouts(study, wanted(study), shown=True)
        assert progress._displays[-1].work.expected == 0
