"""Settings of an ingest: every number has bounds, and what lies outside them is told in short."""

from pathlib import Path

import pytest

from metrascope.cli import _parser
from metrascope.errors import SettingsError
from metrascope.screen.settings import IngestSettings, load_ingest_settings, option_name


@pytest.mark.parametrize(
    "change",
    [
        "seconds=inf",
        "seconds=1e30",
        "seconds=nan",
        "seconds=-1",
        "memory_mb=" + "1" * 21,
        "memory_mb=1",
        "frames=" + "1" * 30,
        "key_frames=1e9",
        "usability.smallest_sector=" + "1" * 30,
        "usability.least_contrast=nan",
        "usability.most_letters=" + "1" * 30,
        "centre=" + "x" * 1000,
        "labels.a.b=1",
    ],
    ids=lambda change: change[:30],
)
def test_absurd_numbers_are_one_short_sentence(change: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_ingest_settings(None, [change])
    assert len(str(caught.value)) < 400


def test_a_file_and_changes_are_read_together(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_bytes("\ufeffseconds = 7\n[labels]\n'息肉.1' = 'polyp'\n".encode())
    settings = load_ingest_settings(file, ['labels."a.b"=normal', "labels.息肉=polyp"])
    assert settings.seconds == 7
    assert settings.labels == {"息肉.1": "polyp", "a.b": "normal", "息肉": "polyp"}


def test_a_setting_is_named_as_it_is_typed() -> None:
    assert option_name("verify") == "--no-verify"
    assert option_name("usability") == "--set usability"
    options = {option_name(name) for name in IngestSettings.model_fields}
    known = _parser().parse_args(["ingest", "a", "b", "--labels", "c"])
    for option in options:
        if not option.startswith("--set"):
            assert option.removeprefix("--").replace("-", "_") in vars(known)
