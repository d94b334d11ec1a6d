"""Settings of ``metrascope ingest``: what is kept, what is refused, what is done to marks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from metrascope.files.toml_file import apply_changes, read_toml
from metrascope.screen.usability import Usability
from metrascope.settings.study_settings import Section, parse_section

_Count = Annotated[int, Field(ge=1, le=10**6)]
_Text = Annotated[str, Field(max_length=200)]

_OPTIONS: Final = {
    "frames": "--frames",
    "marks": "--marks",
    "verify": "--no-verify",
    "keep_dicom": "--keep-dicom",
    "centre": "--centre",
    "columns": "--column",
}


class IngestSettings(Section):
    """All settings of an ingest; ``--set`` and a TOML file change them.

    Attributes
    ----------
    frames
        Frames of a cine loop: ``key`` (the ``key_frames`` sharpest distinct ones), ``all``, or a
        number.
    key_frames
        Greatest number of frames that ``key`` stands for.
    marks
        Treatment of calipers, cursors and ticks inside the sector: ``keep`` (recorded only),
        ``inpaint``, or ``reject`` the image. Text is always removed.
    verify
        Whether every output is read with text recognition; legible lines are masked, and the image
        is held back in quarantine where that does not help.
    keep_dicom
        Whether clean DICOM is written as well.
    centre
        Name written to the manifest where the labels do not name a centre. Institution names of the
        files are never kept.
    centres
        Names of centres in the labels that pass as they are. Others become codes, unless they
        only number the centres (``A``, ``中心2``).
    columns
        Role to column of the labels, where the header does not tell: ``patient_id``,
        ``accession``, ``file_name``, ``label`` and others.
    labels
        Value of the label column to class, where the built-in words are not enough.
    two_diagnoses
        Treatment of the images of a woman whose visits have different diagnoses in the labels:
        ``reject`` (a person decides which visit counts), or ``keep`` each with its own.
    usability
        Thresholds below or above which a frame is refused.
    seconds
        Longest time for one file.
    memory_mb
        Largest memory of a working process (Linux).
    """

    frames: Literal["key", "all"] | _Count = "key"
    key_frames: _Count = 3
    marks: Literal["keep", "inpaint", "reject"] = "keep"
    verify: bool = True
    keep_dicom: bool = False
    centre: _Text = ""
    centres: Annotated[tuple[_Text, ...], Field(max_length=1000)] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    two_diagnoses: Literal["reject", "keep"] = "reject"
    usability: Usability = Usability()
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 120.0
    memory_mb: Annotated[int, Field(ge=512, le=1 << 20)] = 4096

    @property
    def frame_count(self) -> int | Literal["all"]:
        """Frames to keep of a loop at most."""
        return self.key_frames if self.frames == "key" else self.frames


def option_name(name: str) -> str:
    """Return the option of the command line that sets a setting."""
    return _OPTIONS.get(name, f"--set {name}")


def load_ingest_settings(file: Path | None, changes: Sequence[str]) -> IngestSettings:
    """Read settings of an ingest.

    Parameters
    ----------
    file
        TOML file with the settings that differ from the defaults, if any.
    changes
        Changes ``key=value``, as in ``usability.smallest_sector=128``.

    Raises
    ------
    SettingsError
        If the file cannot be read, a key is unknown or a value cannot be used.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = read_toml(file)
    apply_changes(values, changes)
    return parse_section(IngestSettings, values, str(file or "--set"))
