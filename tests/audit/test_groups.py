"""Groups are the connected components of patients, by scipy's account."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tests.audit.make import data_set, noise

from metrascope.audit.groups import patient_groups, write_groups
from metrascope.audit.pairs import DuplicatePair
from metrascope.dataset.manifest import read_manifest
from metrascope.dataset.patient_groups import read_group_file
from metrascope.errors import DataError


def partition(names: list[str]) -> set[frozenset[int]]:
    return {
        frozenset(np.flatnonzero(np.array(names) == name).tolist()) for name in dict.fromkeys(names)
    }


def test_groups_are_connected_components() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(2, 60))
        patients = rng.integers(0, count, count)
        known = np.where(rng.random(count) < 0.2, rng.integers(0, 6, count), -1)
        ends = rng.integers(0, count, (int(rng.integers(0, count)), 2))
        table = pd.DataFrame(
            {
                "patient_id": [f"P{patient}" for patient in patients],
                "patient_group": [f"G{group}" if group >= 0 else "" for group in known],
            }
        )
        pairs = [DuplicatePair(int(min(e)), int(max(e)), "near") for e in ends]
        # Nodes: images, then patients, then groups already known.
        rows, columns = [*ends[:, 0]], [*ends[:, 1]]
        rows += [*range(count), *np.flatnonzero(known >= 0)]
        columns += [*(count + patients), *(2 * count + known[known >= 0])]
        size = 2 * count + 6
        graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
        expected = connected_components(graph, directed=False)[1][:count].tolist()
        groups = patient_groups(table, pairs)
        assert partition(groups.tolist()) == partition(expected)
        # Each is named after one of its own patients.
        for group in groups.unique():
            assert group == min(table["patient_id"][groups == group])


def test_the_order_of_pairs_does_not_matter() -> None:
    table = pd.DataFrame({"patient_id": list("dcbafe")})
    pairs = [DuplicatePair(0, 1, "near"), DuplicatePair(1, 2, "near"), DuplicatePair(3, 4, "file")]
    forward = patient_groups(table, pairs).tolist()
    assert forward == ["b", "b", "b", "a", "a", "e"]
    assert patient_groups(table, reversed(pairs)).tolist() == forward


def test_groups_are_written_once(tmp_path: Path) -> None:
    names = ["a.png", "b.png"]
    images = {name: noise(number) for number, name in enumerate(names)}
    rows = [{"image": name, "patient_id": name[0], "note": "kept"} for name in names]
    manifest = data_set(tmp_path, images, rows)
    assert write_groups(manifest, ["a", "a"])
    again = pd.read_csv(tmp_path / "manifest.csv")
    assert again["patient_group"].tolist() == ["a", "a"]
    assert again["note"].tolist() == ["kept", "kept"]
    stamp = (tmp_path / "manifest.csv").stat().st_mtime_ns
    assert not write_groups(read_manifest(tmp_path), ["a", "a"])
    assert (tmp_path / "manifest.csv").stat().st_mtime_ns == stamp
    assert read_group_file(tmp_path) == {"a.png": ("a", "a"), "b.png": ("b", "a")}


def test_groups_of_a_manifest_that_has_changed_meanwhile_are_not_written(tmp_path: Path) -> None:
    manifest = data_set(tmp_path, {"a.png": noise(0)}, [{"image": "a.png", "patient_id": "a"}])
    path = tmp_path / "manifest.csv"
    path.write_text(path.read_text(encoding="utf-8") + "b.png,b,polyp\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(DataError, match="changed"):
        write_groups(manifest, ["a"])
    assert path.read_bytes() == before
    assert not (tmp_path / "groups.csv").exists()
