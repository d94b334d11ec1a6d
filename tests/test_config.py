from pathlib import Path

import pytest

from metrascope.config import Settings, dump_settings, load_settings, with_weights
from metrascope.errors import SettingsError


def test_the_built_in_paper_is_the_defaults() -> None:
    assert load_settings("paper") == Settings()


def test_the_papers_recipe() -> None:
    """The figures of the paper's section on training."""
    recipe = load_settings("paper").training
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 1e-4)
    assert (recipe.learning_rate, recipe.batch_size) == (0.001, 16)
    assert (recipe.warmup_epochs, recipe.epochs) == (5, 10)
    assert not recipe.best_epoch
    assert len(load_settings("paper").networks) == 8


@pytest.mark.parametrize("source", ["paper", "demo"])
def test_settings_survive_being_written(tmp_path: Path, source: str) -> None:
    changes = [
        'weights.vgg16="/odd \\"name\\" \\\\ .safetensors"',
        'classes=["a", "b"]',
        "seeds=[1,2]",
    ]
    settings = load_settings(source, changes)
    (tmp_path / "s.toml").write_text(dump_settings(settings), encoding="utf-8")
    assert load_settings(str(tmp_path / "s.toml")) == settings


def test_a_file_states_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[training]\nepochs = 3\n", encoding="utf-8")
    settings = load_settings(str(tmp_path / "s.toml"))
    assert settings.training.epochs == 3
    assert settings.training.batch_size == 16


def test_changes_are_toml_or_text() -> None:
    changes = [
        "training.epochs=3",
        "preprocessing.equalization=clahe",
        "training.class_weights=true",
    ]
    settings = load_settings("paper", changes)
    assert settings.training.epochs == 3
    assert settings.preprocessing.equalization == "clahe"
    assert settings.training.class_weights is True


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("training.epoch=3", "no setting training.epoch; the valid ones there are: epochs, batch"),
        ("optimizer=adam", "no setting optimizer; the valid ones there are: classes, networks"),
        ("training.epochs=many", "training.epochs cannot be many"),
        ("training.epochs=0", "training.epochs cannot be 0"),
        ("preprocessing.equalization=magic", "preprocessing.equalization cannot be magic"),
        ('networks=["resnet50"]', "no network resnet50"),
        ('networks=["vgg16","vgg16"]', "none twice"),
        ("networks=[]", "at least one"),
        ("seeds=[]", "seeds cannot be"),
        ("weights.resnet50=none", "no network resnet50"),
        ("training.epochs", "has no value"),
        ("pooling.x=1", "pooling"),
    ],
)
def test_wrong_settings_are_explained(change: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings("paper", [change])
    assert expected in str(caught.value)


def test_files_that_are_no_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"built-in settings \(paper, demo\)"):
        load_settings(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_text("= 3", encoding="utf-8")
    with pytest.raises(SettingsError, match="no valid TOML"):
        load_settings(str(tmp_path / "bad.toml"))


def test_weights_for_all_and_for_one(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    settings = with_weights(Settings(), ["none", f"mobilenet_v2={path}"])
    assert settings.weights_of("resnet18") == "none"
    assert Path(settings.weights_of("mobilenet_v2")) == path
    assert with_weights(Settings(), []).weights_of("vgg16") == "imagenet"
    with pytest.raises(SettingsError, match="no network mobilenet"):
        with_weights(Settings(), ["mobilenet=none"])


def test_weights_in_a_file_are_found_beside_it(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[weights]\nvgg16 = "v.safetensors"\n', encoding="utf-8")
    settings = load_settings(str(tmp_path / "s.toml"))
    assert Path(settings.weights_of("vgg16")) == tmp_path / "v.safetensors"
    changed = with_weights(settings, ["resnet18=none"])
    assert Path(changed.weights_of("vgg16")).name == "v.safetensors"
    assert with_weights(settings, ["none"]).weights_of("vgg16") == "none"
