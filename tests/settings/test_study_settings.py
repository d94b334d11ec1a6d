from pathlib import Path

import numpy as np
import pytest

from metrascope.errors import SettingsError
from metrascope.files.atomic import write_text
from metrascope.settings.study_settings import Settings, dump_settings, load_settings, with_weights


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


ODD_NAMES = (
    "息肉", "子宫内膜息肉（伴增生）", "a.b", 'a"b', "a'b", "a=b", "a\nb", "a\\b", "#a", "[a]", "😀",
    "", " ", "é", "e\u0301", "a]b", "\t", "\x7f", "true", "1", "-x", "{a}", "a,b", '"""', "²",
)  # fmt: skip


def test_every_class_name_survives_in_every_place(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "settings.toml"
    signs = list("a.\"'=\n\\#[]{}, \t息😀\x01")
    drawn = ("".join(rng.choice(signs, rng.integers(1, 8))) for _ in range(200))
    for name in (*ODD_NAMES, *drawn):
        settings = Settings.model_validate(
            {
                "classes": (name, f"{name}2"),
                "evaluation": {"prevalence": {name: 0.25, f"{name}2": 0.75}},
                "weights": {"*": "none"},
            }
        )
        write_text(path, dump_settings(settings))
        assert load_settings(str(path)) == settings, name


def test_changes_name_classes_with_any_sign() -> None:
    changes = [
        "evaluation.prevalence.息肉=0.2",
        'evaluation.prevalence."a.b=c"=0.3',
        "evaluation.prevalence.'d'=0.4",
        'evaluation.prevalence."\\u606f".x=1',
    ]
    shares = load_settings("paper", changes[:3]).evaluation.prevalence
    assert shares == {"息肉": 0.2, "a.b=c": 0.3, "d": 0.4}
    with pytest.raises(SettingsError, match=r"prevalence.息"):
        load_settings("paper", changes[3:])


ABSURD = (
    "training.epochs=" + "9" * 5000,
    "training.epochs=0x" + "f" * 5000,
    "training.epochs=" + "9" * 4000,
    "training.learning_rate=inf",
    "training.learning_rate=nan",
    "training.learning_rate=1e30",
    "evaluation.prevalence.a=nan",
    "split.validation=nan",
    "training.batch_size=" + "1" * 20,
    "phantom.patients=" + "1" * 20,
    "explain.shortcut_images=" + "1" * 20,
    "seeds=" + "[" * 100_000,
    ".".join("a" * 50_000) + "=1",
    "training={" + ".".join("a" * 50_000) + "=1}",
    "seeds=" + "[" * 20 + "1" + "]" * 20,
    "classes=[" + ",".join(f"'{n}'" for n in range(2000)) + "]",
    "classes=['" + "a" * 1000 + "', 'b']",
    "pooling=" + "x" * 100_000,
    "\udcffa=1",
)


@pytest.mark.parametrize("change", ABSURD, ids=[ascii(change[:30]) for change in ABSURD])
def test_absurd_changes_are_one_short_sentence(change: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings("paper", [change])
    assert len(str(caught.value)) < 600
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a = " + "[" * 100_000, "more than 16 deep"),
        ("[" + ".".join("a" * 50_000) + "]\n", "more than 16 deep"),
        (".".join('"a"' for _ in range(50_000)) + " = 1\n", "more than 16 deep"),
        ("a = {" * 1000, "more than 16 deep"),
        ("a = " + "1" * 5000, "more than 4,300 digits"),
        ("# " + "x" * (1 << 20), "no valid TOML"),
        ("a = 1\na = 2", "no valid TOML"),
    ],
    ids=range(7),
)
def test_absurd_files_are_one_short_sentence(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "s.toml").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=expected) as caught:
        load_settings(str(tmp_path / "s.toml"))
    assert len(str(caught.value)) < 600


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
