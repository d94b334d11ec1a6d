"""The data set on disk: counts, catalogue, reproducibility, resumption, refusals."""

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from metrascope.dataset.manifest import read_manifest
from metrascope.errors import DataError, SettingsError
from metrascope.phantom.phantom import PAPER_COUNTS, patients_per_class, write_phantom
from metrascope.phantom.scanners import SCANNERS

SIZE = 160


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "data"
    write_phantom(out, patients=20, seed=3, size=SIZE)
    return out


def table(folder: Path) -> pd.DataFrame:
    return read_manifest(folder).table


def test_the_papers_counts_come_out_exactly() -> None:
    assert patients_per_class(1291, PAPER_COUNTS) == {"normal": 422, "fibroid": 238, "polyp": 631}


@pytest.mark.parametrize("patients", [1, 2, 7, 100, 997])
def test_counts_add_up_and_stay_within_one_of_the_quota(patients: int) -> None:
    counts = patients_per_class(patients, PAPER_COUNTS)
    assert sum(counts.values()) == patients
    for label, weight in PAPER_COUNTS.items():
        assert abs(counts[label] - patients * weight / 1291) < 1


def test_the_manifest_matches_the_files(dataset: Path) -> None:
    rows = table(dataset)
    assert Counter(rows["label"]) == patients_per_class(20, PAPER_COUNTS)
    assert rows["patient_id"].is_unique
    for row in rows.itertuples():
        image = cv2.imread(str(dataset / row.image), cv2.IMREAD_UNCHANGED)
        fan = cv2.imread(str(dataset / row.sector), cv2.IMREAD_UNCHANGED)
        assert image.shape == fan.shape == (SIZE, SIZE)
        assert row.roi == ",".join(map(str, cv2.boundingRect(fan)))
        assert bool(row.mask) == (row.label != "normal") == bool(row.lesion_mm)
        if row.mask:
            mask = cv2.imread(str(dataset / row.mask), cv2.IMREAD_UNCHANGED)
            assert mask.any()
            assert not np.any(mask[fan == 0])
    assert len(list((dataset / "masks").iterdir())) == (rows["label"] != "normal").sum()
    assert len(list((dataset / "images").iterdir())) == len(rows)


def test_scanner_names_ages_and_planes(dataset: Path) -> None:
    rows = table(dataset)
    assert set(rows["scanner"]) == {preset.name for preset in SCANNERS.values()}
    assert set(rows["centre"]) == {"phantom"}
    assert set(rows["plane"]) <= {"sagittal", "transverse"}
    assert rows["age"].astype(int).between(17, 51).all()


def test_every_class_is_spread_over_the_scanners(tmp_path: Path) -> None:
    write_phantom(tmp_path / "a", patients=24, seed=1, size=128, scanners=("epiq", "nuewa"))
    counts = table(tmp_path / "a").groupby(["label", "scanner"]).size().unstack(fill_value=0)
    assert counts.shape[1] == 2
    assert (np.ptp(counts.to_numpy(), axis=1) <= 1).all()


def test_the_same_call_writes_the_same_bytes_in_one_process_or_two(
    dataset: Path, tmp_path: Path
) -> None:
    write_phantom(tmp_path / "again", patients=20, seed=3, size=SIZE, jobs=2)
    assert contents(tmp_path / "again") == contents(dataset)


def test_another_seed_writes_another_data_set(dataset: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path / "other", patients=2, seed=4, size=SIZE)
    first = (tmp_path / "other" / "images" / "P00001.png").read_bytes()
    assert first != (dataset / "images" / "P00001.png").read_bytes()


def test_a_stopped_data_set_goes_on_where_it_stopped(dataset: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise StoppedError

    out = tmp_path / "data"
    with pytest.raises(StoppedError):
        write_phantom(out, patients=20, seed=3, size=SIZE, progress=stop)
    assert not (out / "manifest.csv").exists()
    kept = out / "images" / "P00002.png"
    before = kept.stat().st_mtime_ns
    seen: list[tuple[int, int]] = []
    write_phantom(out, patients=20, seed=3, size=SIZE, progress=lambda *state: seen.append(state))
    assert kept.stat().st_mtime_ns == before
    assert contents(out) == contents(dataset)
    assert seen == [(done, 20) for done in range(1, 21)]


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("precious")
    with pytest.raises(DataError, match="holds other files"):
        write_phantom(tmp_path, patients=1, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match="data"):
        write_phantom(tmp_path / "data", patients=1, seed=1)


def test_a_data_set_of_other_settings_is_refused(dataset: Path) -> None:
    with pytest.raises(DataError, match="--seed, --difficulty"):
        write_phantom(dataset, patients=20, seed=5, size=SIZE, difficulty=0.1)


def test_a_broken_settings_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "phantom.json").write_text("{")
    with pytest.raises(DataError, match=r"phantom\.json"):
        write_phantom(tmp_path, patients=1, seed=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"patients": 0}, "patients"),
        ({"seed": -1}, "seed"),
        ({"size": 64}, "size"),
        ({"difficulty": 1.5}, "difficulty"),
        ({"difficulty": float("nan")}, "difficulty"),
        ({"scanners": ()}, "at least one"),
        ({"scanners": ("aplio", "aplio")}, "twice"),
        ({"scanners": ("sonar",)}, "sonar"),
        ({"prevalence": {"adenomyosis": 1.0}}, "adenomyosis"),
        ({"prevalence": {"polyp": -1.0}}, "0 or more"),
        ({"prevalence": {"polyp": 0.0}}, "0 or more"),
        ({"prevalence": {}}, "0 or more"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    tmp_path: Path, arguments: dict[str, object], said: str
) -> None:
    wanted: dict[str, object] = {"patients": 2, "seed": 1, **arguments}
    with pytest.raises(SettingsError, match=said):
        write_phantom(tmp_path / "data", **wanted)  # type: ignore[arg-type]
    assert not (tmp_path / "data").exists()


def test_a_prevalence_of_one_class_makes_that_class_alone(tmp_path: Path) -> None:
    write_phantom(tmp_path, patients=2, seed=1, size=128, prevalence={"polyp": 1})
    assert set(table(tmp_path)["label"]) == {"polyp"}
