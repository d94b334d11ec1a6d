"""A data set gives the pixels of training, split as a study splits, to PyTorch's data loader."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from metrascope import ImageDataset, MetrascopeError, load_data
from metrascope.dataset.manifest import read_manifest
from metrascope.settings.study_settings import load_settings
from metrascope.study.split_choice import choose_split
from metrascope.training.augment import centre_transforms
from metrascope.training.batches import BatchFeed
from metrascope.training.run import StudyInputs, TrainingRun, training_data

SIZE = 64


@pytest.fixture(scope="module")
def dataset(phantom: Path) -> ImageDataset:
    return load_data(phantom, input_size=SIZE)


def test_images_are_those_of_a_training(
    phantom: Path, dataset: ImageDataset, tmp_path: Path
) -> None:
    settings = load_settings(
        "paper", [f"preprocessing.input_size={SIZE}", "split.test=0.2", "split.validation=0.2"]
    )
    manifest = read_manifest(phantom)
    split, _ = choose_split(manifest, dataset.classes, settings.split, None, ())
    inputs = StudyInputs(tmp_path, manifest, split, dataset.classes, settings, "cpu")
    data = training_data(inputs, TrainingRun("resnet18", 0, 0))
    feed = BatchFeed(data, torch.device("cpu"))

    parts = dataset.split(validation=0.2, test=0.2, near_duplicates=False)
    assert parts.train.preprocessing == data.preprocessing
    for part, rows in ((parts.train, data.train), (parts.validation, data.validation)):
        assert part.dataframe["image"].tolist() == manifest.table["image"].iloc[rows].tolist()
        images = torch.stack([image for image, _ in part])
        centre = centre_transforms(len(rows), input_size=SIZE, stored_size=data.pixels.shape[1])
        assert torch.equal(images, feed.images(feed.to_device(rows), centre))
        assert [label for _, label in part] == data.labels[rows].tolist()
    assert len(parts.test) == len(split.rows(manifest.table, "test"))


def test_no_patient_is_in_two_parts(dataset: ImageDataset) -> None:
    parts = dataset.split(test=0.3, near_duplicates=False)
    patients = [set(part.dataframe["patient_id"]) for part in parts]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 40
    folds = dataset.folds(4, repeats=2, near_duplicates=False)
    assert len(folds) == 8
    for repeat in (folds[:4], folds[4:]):
        tested = [patient for fold in repeat for patient in fold.test.dataframe["patient_id"]]
        assert len(tested) == len(set(tested)) == 40
    sites = dataset.folds(by="scanner", near_duplicates=False)
    assert all(fold.test.dataframe["scanner"].nunique() == 1 for fold in sites)


def test_near_duplicates_stay_together(phantom: Path, tmp_path: Path) -> None:
    """Every image again, brighter, as another patient's: each pair is on one side."""
    table = pd.read_csv(phantom / "manifest.csv", dtype=str)[["image", "patient_id", "label"]]
    table = table.groupby("label").head(4)
    again = table.assign(
        image=[f"again-{Path(name).name}" for name in table["image"]],
        patient_id="again-" + table["patient_id"],
    )
    (tmp_path / "images").symlink_to(phantom / "images")
    for name, copy in zip(table["image"], again["image"], strict=True):
        grey = np.asarray(Image.open(phantom / name)).astype(float)
        Image.fromarray((grey * 0.8 + 20).astype(np.uint8)).save(tmp_path / copy)
    pd.concat([table, again]).to_csv(tmp_path / "manifest.csv", index=False)
    parts = load_data(tmp_path).split(validation=0.4)
    for part in parts[:2]:
        patients = part.dataframe["patient_id"]
        assert {name.removeprefix("again-") for name in patients} == {
            name for name in patients if not name.startswith("again-")
        }
        assert len(patients) == 2 * patients.str.startswith("again-").sum()


def test_the_same_seed_draws_the_same(dataset: ImageDataset) -> None:
    drawn = [
        dataset.split(seed=seed, near_duplicates=False).validation.dataframe["image"].tolist()
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_takes_it(dataset: ImageDataset, workers: int) -> None:
    train = dataset.split(near_duplicates=False).train
    loader = DataLoader(train, batch_size=8, num_workers=workers)
    batches = list(loader)
    images = torch.cat([images for images, _ in batches])
    labels = torch.cat([labels for _, labels in batches])
    assert images.dtype == torch.float32
    assert images.shape == (len(train), 3, SIZE, SIZE)
    assert labels.tolist() == train.dataframe["class_index"].tolist()
    assert torch.equal(images[5], train[5][0])


def test_what_is_sent_to_another_process_is_small_and_the_same(dataset: ImageDataset) -> None:
    train = dataset.split(near_duplicates=False).train
    wanted = train[3]
    sent = pickle.dumps(train)
    assert len(sent) < 200_000  # 40 images of 73 x 73 would be 213,000 bytes
    image, label = pickle.loads(sent)[3]  # noqa: S301
    assert torch.equal(image, wanted[0])
    assert label == wanted[1]


def test_the_table_has_the_manifest_row_by_row(phantom: Path, dataset: ImageDataset) -> None:
    frame = dataset.dataframe
    written = pd.read_csv(phantom / "manifest.csv", dtype=str)
    assert frame["image"].tolist() == written["image"].tolist()
    assert all(Path(path).is_file() for path in frame["path"])
    assert pd.api.types.is_numeric_dtype(frame["age"])
    normal = frame[frame["label"] == "normal"]
    assert normal["mask"].isna().all()
    assert set(normal["class_index"]) == {dataset.classes.index("normal")}


def test_a_transform_is_applied_to_each_image(phantom: Path) -> None:
    plain = load_data(phantom, input_size=SIZE)
    flipped = load_data(phantom, input_size=SIZE, transform=lambda image: image.flip(2))
    assert torch.equal(flipped[0][0].flip(2), plain[0][0])
    parts = flipped.split(near_duplicates=False)
    parts.validation.transform = None
    row = plain.dataframe["image"].tolist().index(parts.validation.dataframe["image"][0])
    table = np.asarray(parts.validation.preprocessing.grey_table)
    assert parts.train.transform is not None
    assert len(np.unique(table)) > 2
    assert parts.validation[0][0].shape == plain[row][0].shape


def test_what_is_decoded_is_kept_where_asked_and_else_removed(
    phantom: Path, tmp_path: Path
) -> None:
    kept = load_data(phantom, input_size=SIZE, cache=tmp_path / "kept")
    first = kept[0][0]
    (store,) = (tmp_path / "kept").iterdir()
    changed = (store / "pixels.npy").stat().st_mtime_ns
    again = load_data(phantom, input_size=SIZE, cache=tmp_path / "kept")
    assert torch.equal(again[0][0], first)
    assert (store / "pixels.npy").stat().st_mtime_ns == changed

    passing = load_data(phantom, input_size=SIZE)
    folder = passing._source._folder
    _ = passing[0]
    assert any(folder.iterdir())
    del passing
    assert not folder.exists()


def test_wrong_calls_are_told_in_a_sentence(
    phantom: Path, dataset: ImageDataset, tmp_path: Path
) -> None:
    with pytest.raises(MetrascopeError, match="does not exist: give a data set's folder"):
        load_data(tmp_path / "none")
    with pytest.raises(MetrascopeError, match=r"load_data: the setting input_size cannot be 7 \("):
        load_data(phantom, input_size=7)
    with pytest.raises(MetrascopeError, match="equalization cannot be histogram"):
        load_data(phantom, equalization="histogram")  # type: ignore[arg-type]
    with pytest.raises(MetrascopeError, match="folds: the setting folds cannot be 1"):
        dataset.folds(1, near_duplicates=False)
    with pytest.raises(MetrascopeError, match="leave nobody to train"):
        dataset.split(validation=0.6, test=0.5, near_duplicates=False)
    with pytest.raises(MetrascopeError, match="split already"):
        dataset.split(near_duplicates=False).train.split()
    shutil.copytree(phantom, tmp_path / "one")
    table = pd.read_csv(tmp_path / "one" / "manifest.csv", dtype=str).assign(label="polyp")
    table.to_csv(tmp_path / "one" / "manifest.csv", index=False)
    with pytest.raises(MetrascopeError, match="polyp"):
        load_data(tmp_path / "one")
