"""Why a value is refused is told in the reader's language, for every kind that settings have."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from metrascope.errors import SettingsError
from metrascope.files.validation import error_place, error_reason
from metrascope.messages import set_language
from metrascope.screen.settings import load_ingest_settings
from metrascope.settings.study_settings import load_settings


@pytest.mark.parametrize(
    ("change", "english", "chinese"),
    [
        ("training.epochs=0", "it must be 1 or more", "须不小于 1"),
        ("training.epochs=many", "it must be a whole number", "须为整数"),
        ("training.epochs=1.5", "it must be a whole number", "须为整数"),
        ("training.learning_rate=-1", "it must be more than 0", "须大于 0"),
        ("training.learning_rate=fast", "it must be a number", "须为数字"),
        ("training.momentum=inf", "it must be a finite number", "须为有限的数"),
        ("evaluation.prevalence={a=2}", "it must be 1 or less", "须不大于 1"),
        ("split.design=foo", "holdout, kfold, leave-one-out", "须为以下之一：holdout, kfold"),
        ("split.repeats=yes", "it must be a whole number", "须为整数"),
        ("training.best_epoch=3", "it must be true or false", "须为 true 或 false"),
        ("seeds=5", "it must be a list", "须为列表"),
        ("training=3", "it has keys of its own", "须为含下级键的表"),
        ("weights=3", "it has keys of its own", "须为含下级键的表"),
        ("weights={resnet18=3}", "it must be text", "须为文字"),
    ],
)
def test_settings_say_why_in_both_languages(change: str, english: str, chinese: str) -> None:
    for lang, expected in (("en", english), ("zh", chinese)):
        set_language(lang)
        with pytest.raises(SettingsError) as error:
            load_settings("paper", [change])
        assert expected in str(error.value)
        assert "Input should" not in str(error.value)


def test_a_value_of_several_kinds_names_them_all() -> None:
    with pytest.raises(SettingsError, match=r"frames cannot be 0.*key, all, or it must be 1 or"):
        load_ingest_settings(None, ["frames=0"])


class Strict(BaseModel):
    """A section with the kinds that settings lack."""

    name: Annotated[str, Field(min_length=1)] = "a"
    few: Annotated[tuple[int, ...], Field(min_length=2, max_length=3)] = (1, 2)
    below: Annotated[int, Field(lt=5)] = 1
    needed: int
    kind: Literal["a"] = "a"


@pytest.mark.parametrize(
    ("values", "place", "reason"),
    [
        ({"needed": 1, "name": ""}, "name", "it must not be empty"),
        ({"needed": 1, "few": [1]}, "few", "it needs 2 entries or more"),
        ({"needed": 1, "few": [1, 2, 3, 4]}, "few", "it may have 3 entries at most"),
        ({"needed": 1, "few": [1, "b"]}, "few.1", "it must be a whole number"),
        ({"needed": 1, "below": 5}, "below", "it must be less than 5"),
        ({}, "needed", "it is missing"),
        ({"needed": 1, "kind": "b"}, "kind", "it must be one of: a"),
    ],
)
def test_every_kind_has_its_words(values: dict[str, object], place: str, reason: str) -> None:
    with pytest.raises(ValidationError) as error:
        Strict.model_validate(values)
    assert error_place(error.value.errors()[0]) == place
    assert error_reason(error.value.errors()) == reason
