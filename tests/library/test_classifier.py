"""The estimator keeps scikit-learn's contract and trains as a study trains."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict

from metrascope import MetrascopeError, Predictor, UltrasoundClassifier, create_network
from metrascope.dataset.designs import draw_split
from metrascope.dataset.manifest import read_manifest
from metrascope.settings.study_settings import load_settings
from metrascope.training.execute import execute
from metrascope.training.run import StudyInputs, TrainingRun

RECIPE = {
    "network": "resnet18",
    "weights": "none",
    "epochs": 2,
    "warmup_epochs": 1,
    "input_size": 32,
    "device": "cpu",
}


def quick(**changes: object) -> UltrasoundClassifier:
    return UltrasoundClassifier(**{**RECIPE, **changes})


def screens(count: int = 36, size: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images whose class is the side that is bright, their classes, and patients of two."""
    rng = np.random.default_rng(0)
    classes = np.array(["left", "right"])[np.arange(count) // 2 % 2]
    images = rng.integers(0, 90, (count, size, size)).astype(np.uint8)
    for image, label in zip(images, classes, strict=True):
        half = slice(None, size // 2) if label == "left" else slice(size // 2, None)
        image[:, half] += 150
    return images, classes, np.arange(count) // 2


@pytest.fixture(scope="module")
def trained() -> UltrasoundClassifier:
    images, classes, patients = screens()
    # Nothing is mirrored or moved: the side is the class.
    still = {"augmentation.crop": False, "augmentation.affine": False, "augmentation.rotation": 0}
    estimator = quick(epochs=6, learning_rate=0.005, sector_crop=False, settings=still)
    return estimator.fit(images, classes, groups=patients)


def test_it_learns_and_keeps_patients_together(trained: UltrasoundClassifier) -> None:
    images, classes, patients = screens()
    assert trained.classes_.tolist() == ["left", "right"]
    shares = trained.predict_proba(images)
    assert shares.dtype == np.float64
    assert shares.shape == (36, 2)
    np.testing.assert_allclose(shares.sum(1), 1)
    assert (trained.predict(images) == classes).mean() > 0.9
    assert trained.score(images, classes) > 0.9
    validating = set(patients[trained.validation_rows_])
    training = set(np.delete(patients, trained.validation_rows_))
    assert validating
    assert not validating & training
    assert trained.history_["epoch"].iloc[-1] == 6
    assert trained.predict_proba(images[:0]).shape == (0, 2)


def test_a_saved_network_reads_elsewhere(trained: UltrasoundClassifier, tmp_path: Path) -> None:
    images, _, _ = screens(6)
    folder = trained.save(tmp_path / "run")
    shares = trained.predict_proba(images)
    predictor = Predictor(folder)
    for image, wanted in zip(images, shares, strict=True):
        # The network was trained on whole screens, which a crop of the same size is.
        read = predictor.read_crop(image).reading.probabilities
        assert read is not None
        assert list(read) == ["left", "right"]
        np.testing.assert_allclose(list(read.values()), wanted, atol=1e-3)
    weights = folder / "weights.safetensors"
    again = create_network("resnet18", 2, weights=weights).state_dict()
    for name, value in trained.network_.state_dict().items():
        assert torch.equal(again[name], value), name
    with pytest.raises(NotFittedError):
        quick().save(tmp_path / "none")


def test_parameters_are_those_of_the_paper_and_can_be_cloned() -> None:
    wanted = load_settings("paper")
    found = UltrasoundClassifier()._settings()
    same = {"networks": wanted.networks, "seeds": wanted.seeds}
    assert found.model_copy(update=same) == wanted
    changed = UltrasoundClassifier("vgg16", learning_rate=0.01)
    assert clone(changed).get_params() == changed.get_params()
    assert changed.set_params(epochs=3)._settings().training.epochs == 3


def test_cross_validation_and_search_take_it() -> None:
    images, classes, patients = screens(24)
    shares = cross_val_predict(
        quick(epochs=1, validation=0.2),
        list(images),
        classes,
        groups=patients,
        cv=GroupKFold(3),
        method="predict_proba",
        params={"groups": patients},
    )
    assert shares.shape == (24, 2)
    search = GridSearchCV(
        quick(epochs=1, validation=0.2), {"learning_rate": [0.001, 0.01]}, cv=2, refit=False
    )
    search.fit(images, classes)
    assert len(search.cv_results_["mean_test_score"]) == 2


def test_a_series_is_read_in_its_order_and_not_by_its_index(tmp_path: Path) -> None:
    images, classes, _ = screens(16)
    paths = []
    for row, image in enumerate(images):
        paths.append(tmp_path / f"{row}.png")
        Image.fromarray(image).save(paths[-1])
    order = np.random.default_rng(3).permutation(16)
    series, labels = pd.Series(paths)[order], pd.Series(classes)[order]
    one = quick(epochs=1).fit(series, labels)
    same = quick(epochs=1).fit([paths[row] for row in order], classes[order])
    wanted = same.predict_proba(images[order])
    np.testing.assert_array_equal(one.predict_proba(images[order]), wanted)
    np.testing.assert_array_equal(one.predict_proba(series), wanted)


def test_what_torch_was_set_to_is_put_back_and_a_seed_is_kept() -> None:
    images, classes, _ = screens(16)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    deterministic = torch.are_deterministic_algorithms_enabled()
    first = quick(epochs=1).fit(images, classes)
    assert torch.equal(torch.rand(3), wanted)
    assert torch.are_deterministic_algorithms_enabled() == deterministic
    again = quick(epochs=1).fit(list(images), classes)
    np.testing.assert_array_equal(first.predict_proba(images), again.predict_proba(images))
    other = quick(epochs=1, random_state=1).fit(images, classes)
    assert not np.array_equal(other.predict_proba(images), first.predict_proba(images))


def test_it_is_a_run_of_a_study(phantom: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "images").symlink_to(phantom / "images")
    manifest = pd.read_csv(phantom / "manifest.csv", dtype=str)
    manifest = manifest[["image", "patient_id", "label"]].replace({"label": {"fibroid": "polyp"}})
    manifest.to_csv(data / "manifest.csv", index=False)
    settings = load_settings(
        "paper",
        [
            *("training.precision=32-true", "training.epochs=2", "training.warmup_epochs=1"),
            *("training.best_epoch=true", "preprocessing.input_size=32", "split.validation=0.3"),
            *("explain.faithfulness_images=0", "explain.shortcut_images=0", "weights.*=none"),
        ],
    )
    read, classes = read_manifest(data), ("normal", "polyp")
    split = draw_split(read.table, classes, settings.split)
    (tmp_path / "versions.json").write_text("{}", encoding="utf-8")
    inputs = StudyInputs(tmp_path, read, split, classes, settings, "cpu")
    execute(inputs, TrainingRun("resnet18", 0, 0))
    run = tmp_path / "runs" / "resnet18-f0-s0"
    written = pd.read_csv(run / "predictions.csv")

    paths = [data / name for name in manifest["image"]]
    estimator = quick(validation=0.3, best_epoch=True)
    estimator.fit(paths, manifest["label"], groups=manifest["patient_id"])
    held = manifest["image"].iloc[estimator.validation_rows_].tolist()
    assert sorted(held) == sorted(written["image"])
    shares = pd.DataFrame(
        estimator.predict_proba([data / name for name in written["image"]]).round(8),
        columns=["p_normal", "p_polyp"],
    )
    pd.testing.assert_frame_equal(shares, written[["p_normal", "p_polyp"]], rtol=0, atol=1.01e-8)
    history = pd.read_csv(run / "history.csv")
    np.testing.assert_array_equal(history["loss"], estimator.history_["loss"])


def black(images: np.ndarray) -> np.ndarray:
    return np.zeros_like(images)


NOT_ONE = [None if row == 3 else "left" for row in range(36)]
WRONG = {
    "36 images, and y has the shape (35,)": lambda e, x, y: e.fit(x, y[:35]),
    "36 images, and the groups have the shape (2,)": lambda e, x, y: e.fit(x, y, groups=[1, 2]),
    "float64: names or whole numbers": lambda e, x, y: e.fit(x, np.arange(36) / 3),
    "no class for image 3": lambda e, x, y: e.fit(x, NOT_ONE),
    "least two": lambda e, x, y: e.fit(x, ["left"] * 36),
    "The class left has 1 patient": lambda e, x, y: e.fit(x, ["left", *["right"] * 35]),
    "Row 5 has no patient": lambda e, x, y: e.fit(x, y, [None if i == 5 else 1 for i in range(36)]),
    "this is DataFrame": lambda e, x, y: e.fit(pd.DataFrame({"path": ["a.png"] * 36}), y),
    "this is str": lambda e, x, y: e.fit("a.png", y),
    "this is NoneType": lambda e, x, y: e.fit(None, y),
    "float64 (64, 64)": lambda e, x, y: e.fit(x / 255, y),
    "uint8 (3, 64, 64)": lambda e, x, y: e.fit(x[:, None].repeat(3, 1), y),
    "Image 0 has 64 x 64 pixels, all alike": lambda e, x, y: e.fit(black(x), y),
    "Image 0, a.png, cannot be decoded": lambda e, x, y: e.fit(["a.png"] * 36, y),
}
WRONG_PARAMETERS = {
    "no network resnet50": {"network": "resnet50"},
    "no weights file w.safetensors": {"weights": "w.safetensors"},
    "training.epochs cannot be 0": {"epochs": 0},
    "pooling cannot be max": {"pooling": "max"},
    "seeds.0 cannot be None": {"random_state": None},
    "no effect": {"settings": {"split.test": 0.1}},
    "no setting augmentation.blur": {"settings": {"augmentation.blur": 1}},
    "no device tpu": {"device": "tpu"},
    "Settings are a dictionary": {"settings": ["training.momentum=0.8"]},
    "infinite": {"learning_rate": 1e6},
}


@pytest.mark.parametrize("words", WRONG)
def test_images_that_cannot_be_trained_on_are_told(words: str) -> None:
    images, classes, _ = screens()
    with pytest.raises(MetrascopeError) as caught:
        WRONG[words](quick(epochs=1), images, classes)
    assert words in str(caught.value)


@pytest.mark.parametrize("words", WRONG_PARAMETERS)
def test_parameters_that_cannot_be_used_are_told(words: str) -> None:
    images, classes, _ = screens()
    with pytest.raises(MetrascopeError) as caught:
        quick(epochs=1).set_params(**WRONG_PARAMETERS[words]).fit(images, classes)
    assert words in str(caught.value)


def test_nothing_is_predicted_before_a_training() -> None:
    with pytest.raises(NotFittedError):
        quick().predict(screens(2)[0])
