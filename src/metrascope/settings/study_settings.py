"""Settings of a study: what is done, with which values, from TOML and ``--set``."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metrascope.errors import SettingsError
from metrascope.files.toml_file import apply_changes, read_toml, shortened, toml_text
from metrascope.files.validation import error_place, error_reason

BUILT_IN: Final = ("paper", "demo")
NETWORKS: Final = (
    "densenet121",
    "densenet201",
    "efficientnet_b0",
    "vgg16",
    "mobilenet_v2",
    "resnet18",
    "resnet34",
    "inception_v3",
)

Fraction = Annotated[float, Field(ge=0, le=1)]
_Seed = Annotated[int, Field(ge=0, lt=2**31)]
Positive = Annotated[float, Field(gt=0, le=1e6)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Images = Annotated[int, Field(ge=0, le=10**6)]
Epochs = Annotated[int, Field(ge=1, le=10**5)]
_Name = Annotated[str, Field(max_length=200)]


class Section(BaseModel):
    """Base of all settings: fixed once made, unknown keys refused, every number finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


SectionType = TypeVar("SectionType", bound=Section)


class SplitSettings(Section):
    """Which patients train, validate and test (paper: random 9:1, no test).

    Attributes
    ----------
    design
        ``holdout``: one fold; ``kfold``: every patient is tested once in each of ``repeats``;
        ``leave-one-out``: every scanner, or centre, is tested once.
    by
        The manifest's column for ``leave-one-out``.
    validation
        Share of the patients that validate: of all in a hold-out, elsewhere of those that a fold
        does not test.
    test
        Share of all patients that a hold-out keeps for the test.
    folds, repeats
        Of ``kfold``.
    seed
        Of the draw.
    """

    design: Literal["holdout", "kfold", "leave-one-out"] = "holdout"
    by: Literal["scanner", "centre"] = "scanner"
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    test: Annotated[float, Field(ge=0, lt=1)] = 0.0
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    seed: _Seed = 0

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.test and self.design != "holdout":
            raise SettingsError("design.test_is_a_fold", design=self.design)
        if self.repeats > 1 and self.design != "kfold":
            raise SettingsError("design.repeats_of_kfold", design=self.design)
        if self.validation + self.test >= 1:
            raise SettingsError("design.nothing_left", validation=self.validation, test=self.test)
        return self


class PreprocessingSettings(Section):
    """The deterministic part of the model (paper, Preprocessing 2 to 5).

    ``input_size`` None means the network's own: 224, and 299 for Inception-v3.
    """

    sector_crop: bool = True
    equalization: Literal["train", "image", "clahe", "none"] = "train"
    fit: Literal["crop", "pad"] = "crop"
    input_size: Annotated[int, Field(ge=32, le=1024)] | None = None


class AugmentationSettings(Section):
    """The random part of training (paper, Preprocessing 4).

    The paper names the steps and gives the rotation; the other ranges are ours.
    Rotation and shear in degrees, translation as a fraction of the input size.
    """

    crop: bool = True
    vertical_flip: Fraction = 0.5
    horizontal_flip: Fraction = 0.0
    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0
    affine: bool = True
    translation: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.1
    shear: Annotated[float, Field(ge=0, le=45)] = 5.0


class TrainingSettings(Section):
    """The recipe (paper, Training).

    ``precision`` ``auto`` is ``bf16-mixed`` for the networks that are measured to train faster by
    it on the machine of the study, and ``32-true`` for the others.
    """

    epochs: Epochs = 10
    batch_size: Annotated[int, Field(ge=2, le=65_536)] = 16
    learning_rate: Positive = 0.001
    minimum_learning_rate: Weight = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Weight = 1e-4
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: Annotated[int, Field(ge=0, le=10**5)] = 5
    step_epochs: Epochs = 3
    step_factor: Positive = 0.1
    update: Literal["step", "epoch"] = "step"
    class_weights: bool = False
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    auxiliary_weight: Weight = 0.4
    best_epoch: bool = False
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    processes: Annotated[int, Field(ge=1, le=64)] = 1


class ExplainSettings(Section):
    """How the networks are questioned after training; see docs/explain.md.

    Attributes
    ----------
    faithfulness_images
        Images of each run for deletion, insertion and the sanity of heat maps; 0 for none.
    shortcut_images
        Images of each run that are changed; 0 for none.
    border
        Whether all evaluated images are also read with their sector blanked.
    """

    faithfulness_images: Images = 32
    shortcut_images: Images = 64
    border: bool = True


class EvaluationSettings(Section):
    """What the statistics assume beside the predictions.

    Attributes
    ----------
    prevalence
        Share of each class, adding up to 1, at which predictive values and net benefit are stated
        as well as at that of the data; empty for none.
    """

    prevalence: Annotated[dict[_Name, Fraction], Field(max_length=1000)] = {}


class ReportSettings(Section):
    """How the files of a report look.

    Attributes
    ----------
    figure_notices
        Whether the files in ``figures/`` say that they are for research use only. A journal wants
        them without; the page and the Word document say it in any case.
    """

    figure_notices: bool = True


class PhantomSettings(Section):
    """The embedded data set, made where a study is given no data."""

    patients: Annotated[int, Field(ge=10, le=99_999)] = 1291
    seed: _Seed = 0
    size: Annotated[int, Field(ge=128, le=2048)] = 512
    difficulty: Fraction = 0.5


class Settings(Section):
    """All settings of a study; the defaults are the paper's.

    ``classes`` empty means: the paper's order where the labels are the paper's, otherwise
    ``normal`` first and the rest in alphabetical order. ``weights`` maps a network, or ``*`` for
    all others, to ``imagenet``, ``none`` or a safetensors file.
    """

    classes: Annotated[tuple[_Name, ...], Field(max_length=1000)] = ()
    networks: tuple[str, ...] = NETWORKS
    seeds: Annotated[tuple[_Seed, ...], Field(min_length=1, max_length=1000)] = (0,)
    pooling: Literal["avgmax", "avg"] = "avgmax"
    weights: dict[str, str] = {"*": "imagenet"}
    split: SplitSettings = SplitSettings()
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    training: TrainingSettings = TrainingSettings()
    explain: ExplainSettings = ExplainSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    report: ReportSettings = ReportSettings()
    phantom: PhantomSettings = PhantomSettings()

    def weights_of(self, network: str) -> str:
        """Return where the weights of a network come from."""
        return self.weights.get(network, self.weights.get("*", "imagenet"))


def load_settings(source: str, changes: Iterable[str] = ()) -> Settings:
    """Read settings and apply changes to them.

    Parameters
    ----------
    source
        ``paper``, ``demo`` or a TOML file. A file states only what differs from ``paper``.
    changes
        ``key=value`` each, the key with dots (``training.epochs=3``), the value as in TOML;
        a value that is no TOML is taken as text.

    Raises
    ------
    SettingsError
        If there is no such file, it is no TOML, a key is unknown (the valid ones are listed) or
        a value cannot be used.
    """
    values = _read(source)
    apply_changes(values, changes)
    return parse_settings(values, source)


def parse_section(kind: type[SectionType], values: Mapping[str, Any], source: str) -> SectionType:
    """Turn a nested mapping into a section; ``source`` is named in errors.

    Raises
    ------
    SettingsError
        If a key is unknown (the valid ones are listed) or a value cannot be used.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise _explained(error, source, kind) from error


def parse_settings(values: Mapping[str, Any], source: str) -> Settings:
    """Turn a nested mapping into settings; ``source`` is named in errors."""
    settings = parse_section(Settings, values, source)
    for name in (*settings.networks, *settings.weights):
        if name not in (*NETWORKS, "*") or (name == "*" and name in settings.networks):
            raise SettingsError("config.unknown_network", name=name, valid=", ".join(NETWORKS))
    for key in ("networks", "seeds", "classes"):
        value = getattr(settings, key)
        if len(set(value)) < len(value) or (not value and key != "classes"):
            raise SettingsError("config.repeated", source=source, key=key)
    return settings


def with_weights(settings: Settings, sources: Sequence[str]) -> Settings:
    """Return settings with other weights.

    Parameters
    ----------
    settings
        To change.
    sources
        ``imagenet``, ``none`` or a path, for all networks; or ``network=source`` for one.
    """
    if not sources:
        return settings
    weights = dict(settings.weights)
    if any("=" not in entry for entry in sources):
        weights = {}  # one source for all networks replaces what the settings say of each
    for entry in sources:
        name, separator, source = entry.partition("=")
        if not separator:
            name, source = "*", entry
        if name not in (*NETWORKS, "*"):
            raise SettingsError("config.unknown_network", name=name, valid=", ".join(NETWORKS))
        weights[name] = _located(source, Path())
    return settings.model_copy(update={"weights": weights})


def _located(source: str, folder: Path) -> str:
    """Return a weights source that means the same from every working folder."""
    return source if source in ("imagenet", "none") else (folder / source).resolve().as_posix()


def dump_settings(settings: Settings) -> str:
    """Return settings as TOML that `load_settings` reads back to equal settings."""
    return toml_text(settings.model_dump())


def _read(source: str) -> dict[str, Any]:
    if source in BUILT_IN:
        folder = resources.files("metrascope") / "settings"
        return tomllib.loads((folder / f"{source}.toml").read_text(encoding="utf-8"))
    path = Path(source)
    if not path.is_file():
        raise SettingsError("config.no_file", path=source, built_in=", ".join(BUILT_IN))
    values = read_toml(path)
    if isinstance(values.get("weights"), dict):
        entries = values["weights"].items()
        values["weights"] = {name: _located(str(value), path.parent) for name, value in entries}
    return values


def _explained(error: ValidationError, source: str, kind: type[BaseModel]) -> SettingsError:
    errors = error.errors()
    first = errors[0]
    path = [str(part) for part in first["loc"]]
    key = shortened(error_place(first))
    if first["type"] == "extra_forbidden":
        valid = ", ".join(_valid_keys(kind, path[:-1]))
        return SettingsError("config.unknown_key", source=source, key=key, valid=valid)
    value = shortened(first["input"])
    reason = error_reason(errors)
    return SettingsError("config.bad_value", source=source, key=key, value=value, reason=reason)


def _valid_keys(section: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        section = type(section.model_fields[part].default)
    return list(section.model_fields)
