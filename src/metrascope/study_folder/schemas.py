"""The form of a study's JSON and TOML files, as far as the summary and the page rely on it."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metrascope.messages import text

_Count = Annotated[int, Field(ge=0)]
_Classes = Annotated[list[str], Field(min_length=1)]


class _Form(BaseModel):
    """Keys and types as written: nothing is converted, and what is not named may be there."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Anything(_Form):
    """Any object."""


class _People(_Form):
    patients: _Count = 0
    images: _Count = 0


class _Fold(_Form):
    fold: _Count
    site: str = ""
    partitions: dict[str, dict[str, _People]]


class _Step(_Form):
    step: str
    count: _Count
    left_out: dict[str, _Count] = {}


class DataForm(_Form):
    """``data.json``: the data set and how it was split."""

    classes: _Classes
    name: str = ""
    source: list[str] | str = ""
    images: _Count = 0
    patients: _Count = 0
    manifest_sha256: str = ""
    split_sha256: str = ""
    partitions: dict[str, dict[str, _People]] = {}
    partition_patients: dict[str, _Count] = {}
    folds: list[_Fold] = []
    near_duplicates: Literal["searched", "audited", "skipped", "phantom"] | None = None
    near_pairs: _Count = 0
    scanners: dict[str, _People] = {}
    flow: list[_Step] = []

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(text("report.reason_twice"))
        return self


class _Report(_Form):
    figure_notices: bool = True


class SettingsForm(_Form):
    """``settings.toml``: of its tables, those that the page explains."""

    networks: list[str] = []
    weights: dict[str, str] = {}
    training: dict[str, Any] = {}
    report: _Report = _Report()


class _Origin(_Form):
    source: str | None = None


class _Preprocessing(_Form):
    input_size: int | None = None


class ModelForm(_Form):
    """``model.json``: where a run's first weights came from, and what it sees."""

    origin: _Origin = _Origin()
    preprocessing: _Preprocessing = _Preprocessing()
    weights_sha256: str | None = None


class CommandForm(_Form):
    """``command.json``: the command line."""

    argv: list[str]


class FailureForm(_Form):
    """``failure.json``: why a run failed."""

    message: str


class _Number(_Form):
    value: float | None  # None where it cannot be computed, as 0/0
    low: float | None = None
    high: float | None = None
    per_seed: list[float] = []


class _Majority(_Form):
    label: str
    accuracy: _Number
    macro_f1: _Number


class _ClassScores(_Form):
    precision: _Number
    recall: _Number
    f1: _Number
    support: _Count


class _Network(_Form):
    n: _Count
    seeds: list[int]
    accuracy: _Number
    macro_precision: _Number
    macro_recall: _Number
    macro_f1: _Number
    confusion: list[list[_Count]]
    classes: dict[str, _ClassScores]
    embedding: dict[str, _Number] = {}


class MetricsForm(_Form):
    """``metrics.json``: every number of every network."""

    classes: _Classes
    partition: Literal["train", "validation", "test"]
    n: _Count
    majority: _Majority
    networks: Annotated[dict[str, _Network], Field(min_length=1)]

    @model_validator(mode="after")
    def _every_class(self) -> Self:
        count = len(self.classes)
        for name, network in self.networks.items():
            square = [len(row) for row in network.confusion] == [count] * count
            if list(network.classes) != self.classes or not square:
                raise ValueError(text("report.reason_rows", network=name))
        return self
