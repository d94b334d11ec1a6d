"""A bundle on disk: the files that a reading needs, and nothing that could do something else.

A bundle is a folder: ``model.json`` says everything that has to be known, each member of it has
an ONNX file and what is known of its training data, and ``SHA256SUMS`` has the hash of every
file, in the form that ``sha256sum --check`` reads. A file that changed, that is not listed, or
that points out of the folder is refused before anything is loaded.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from metrascope.dataset.preprocess import Preprocessing
from metrascope.errors import WeightsError
from metrascope.files.atomic import sha256
from metrascope.files.validation import error_place, error_reason
from metrascope.predict.familiarity import FamiliarityDescription
from metrascope.predict.refusal import RefusalRule

BUNDLE_FILE: Final = "model.json"
SUMS: Final = "SHA256SUMS"
BUNDLE_FORMAT: Final = "metrascope-bundle/1"
# ONNX operators that PyTorch's exporter writes and both runtimes read.
OPSET: Final = 18


def _printable(value: str) -> str:
    """Refuse what would steer a terminal or break a line: these texts are shown."""
    if not value.isprintable():
        raise ValueError("signs that cannot be shown")
    return value


_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]
_Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
_Count = Annotated[int, Field(ge=0, le=10**9)]
_Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
_Share = Annotated[float, Field(ge=0, le=1)]

# Bytes of the two text files, far above those of real bundles. Chosen.
_LARGEST_JSON: Final = 16 << 20
_LARGEST_SUMS: Final = 1 << 20
_MOST_VALUES: Final = 1_500_000
"""Of a model.json: each class has at most 4,000, each member some 300."""
_MOST_MEMBERS: Final = 1000
_MOST_CLASSES: Final = 256
# Signs of a library's complaint in our error.
_LONGEST_REASON: Final = 300
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_][A-Za-z0-9_.-]{0,99})")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Member(_Record):
    """One trained network of a bundle.

    Attributes
    ----------
    name
        Of its run.
    graph
        ONNX file: pixels in; logits, calibrated probabilities, heat maps and features out.
    network, title, pooling, fold, seed
        Of the run.
    temperature
        Divisor of the logits, inside the graph.
    preprocessing
        Inside the graph; its sizes say what the network sees of an image.
    initial_weights
        Where training began: ``imagenet``, ``none`` or a file's name.
    weights_sha256, settings_sha256
        Of the run.
    familiarity, familiarity_file
        What is known of the features of its training images; see
        `metrascope.predict.familiarity`.
    looks, looks_file
        The same of what they look like without a network.
    """

    name: FileName
    graph: FileName
    familiarity_file: FileName
    looks_file: FileName
    network: _Text
    title: _Text
    pooling: _Text
    fold: _Count
    seed: _Seed
    temperature: Annotated[float, Field(gt=0)]
    preprocessing: Preprocessing
    initial_weights: _Text
    weights_sha256: _Sha256
    settings_sha256: _Sha256
    familiarity: FamiliarityDescription
    looks: FamiliarityDescription


class TrainingSet(_Record):
    """The data that a bundle was made from, which its figures and thresholds are about.

    Attributes
    ----------
    name
        Of the data set's folder.
    manifest_sha256, split_sha256
        Of the study.
    training, validation
        Patients by class: of all members together, each patient once.
    cleaned
        Whether its images are black outside the scan sector, as ``metrascope ingest`` writes
        them: then images are cleaned the same way before they are read.
    chose_epoch
        Whether the validation images chose the epoch of the networks as well
        (``training.best_epoch``): then they look easier than new ones, and so do thresholds.
    """

    name: _Text
    manifest_sha256: _Sha256
    split_sha256: _Sha256
    training: dict[Label, _Count]
    validation: dict[Label, _Count]
    cleaned: bool
    chose_epoch: bool = False


class MeasuredFigure(_Record):
    """One measured figure of a network, with the data that it is about.

    Attributes
    ----------
    network, measure
        As in the study's ``metrics.json``.
    value, low, high
        In [0, 1], with its 95 % interval where the study has one.
    partition, patients
        Where it was measured.
    """

    network: _Text
    measure: _Text
    value: _Share
    low: _Share | None = None
    high: _Share | None = None
    partition: _Text
    patients: _Count


class Parity(_Record):
    """How far the exported graphs are from PyTorch, on images that were really decoded.

    Attributes
    ----------
    images
        How many were compared.
    probabilities, maps
        Largest difference, of maps relative to the largest value of an image's maps.
    """

    images: Annotated[int, Field(ge=1, le=10**9)]
    probabilities: Annotated[float, Field(ge=0, le=1e-4)]
    maps: Annotated[float, Field(ge=0, le=1e-3)]


class BundleDescription(_Record):
    """Content of a bundle's ``model.json``.

    Attributes
    ----------
    format, opset
        Version of this layout, and of ONNX's operators.
    classes
        Labels, in the order of all outputs.
    members
        One, or several whose probabilities are averaged.
    data
        What it was made from.
    neighbors_file
        Thumbnails and features of training images, patient data; None where there are none.
    rule
        When a reading is refused, and the prediction sets.
    performance
        As measured in the study; empty where the study had not been evaluated.
    parity
        Against PyTorch.
    scaling_no_better
        Titles of the networks whose probabilities were no better calibrated after temperature
        scaling than before, on the test patients of the study.
    intended_use
        By language.
    versions
        Of the program and its libraries at export.
    """

    format: Literal["metrascope-bundle/1"] = BUNDLE_FORMAT
    opset: Literal[18] = OPSET
    classes: Annotated[tuple[Label, ...], Field(min_length=2, max_length=_MOST_CLASSES)]
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=_MOST_MEMBERS)]
    data: TrainingSet
    neighbors_file: FileName | None = None
    rule: RefusalRule
    performance: tuple[MeasuredFigure, ...]
    parity: Parity
    scaling_no_better: tuple[_Text, ...] = ()
    intended_use: dict[Literal["en", "zh"], _Text]
    versions: dict[_Text, _Text]

    @model_validator(mode="after")
    def _distinct(self) -> "BundleDescription":
        for names in (self.classes, tuple(member.graph for member in self.members)):
            if len(set(names)) < len(names):
                raise ValueError("a name stands twice")
        if self.rule.conformal.classes != self.classes:
            raise ValueError("the prediction sets are of other classes")
        return self


class Bundle:
    """A bundle whose files have been found whole.

    Attributes
    ----------
    folder
        Where it is.
    description
        Its ``model.json``.
    sha256
        Hash of its ``SHA256SUMS``, and so of all of it.
    """

    def __init__(self, folder: Path, description: BundleDescription, digest: str) -> None:
        self.folder, self.description, self.sha256 = folder, description, digest

    def path(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.folder / name


def is_bundle(folder: Path) -> bool:
    """Return whether a folder claims to be a bundle."""
    return (folder / SUMS).is_file()


def open_bundle(folder: Path) -> Bundle:
    """Check every file of a bundle and read its description.

    Raises
    ------
    WeightsError
        If the folder is no bundle, a file is missing, changed or not part of it, or
        ``model.json`` is of another version or not as it should be.
    """
    if not is_bundle(folder):
        raise WeightsError("serving.no_bundle", folder=folder)
    sums, digest = _sums(folder)
    for name, expected in sums.items():
        path = folder / name
        # A link would let a bundle read what lies elsewhere.
        if path.is_symlink() or not path.is_file():
            raise WeightsError("serving.file_missing", folder=folder, file=name)
        if sha256(path) != expected:
            raise WeightsError("serving.file_changed", folder=folder, file=name)
    description = _description(folder / BUNDLE_FILE)
    parts = {
        name
        for own in description.members
        for name in (own.graph, own.familiarity_file, own.looks_file)
    }
    if description.neighbors_file:
        parts.add(description.neighbors_file)
    needed = {BUNDLE_FILE, *parts}
    if not needed <= set(sums):
        missing = min(needed - set(sums))
        raise WeightsError("serving.file_missing", folder=folder, file=missing)
    return Bundle(folder, description, digest)


def write_sums(folder: Path) -> None:
    """Write the hashes of all files of a folder that is about to become a bundle."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    lines = [f"{sha256(path)}  {path.name}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="ascii", newline="\n")


def _sums(folder: Path) -> tuple[dict[str, str], str]:
    with (folder / SUMS).open("rb") as file:
        content = file.read(_LARGEST_SUMS + 1)
    lines = content.decode("ascii", "replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    if not found or None in found or len(content) > _LARGEST_SUMS:
        raise WeightsError("serving.bad_sums", folder=folder)
    sums = {match[2]: match[1] for match in found if match}
    if BUNDLE_FILE not in sums:
        raise WeightsError("serving.file_missing", folder=folder, file=BUNDLE_FILE)
    return sums, hashlib.sha256(content).hexdigest()


def _description(path: Path) -> BundleDescription:
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError(f"more than {_LARGEST_JSON >> 20} MiB")
        read = path.read_bytes()
        content: Any = json.loads(read)
        found = content.get("format") if isinstance(content, dict) else None
        if found != BUNDLE_FORMAT:
            raise WeightsError(
                "serving.version", path=path, found=_short_line(found), expected=BUNDLE_FORMAT
            )
        _check_count(content)
        return BundleDescription.model_validate_json(read)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        where, told = error_place(errors[0]), error_reason(errors)
        reason = _short_line(f"{where}: {told}" if where else told)
        raise WeightsError("serving.bad_model", path=path, reason=reason) from error
    except (ValueError, RecursionError) as error:
        raise WeightsError("serving.bad_model", path=path, reason=_short_line(error)) from error


def _check_count(content: Any) -> None:
    """Refuse so many values that to find fault with each would take minutes."""
    count, waiting = 0, [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            count += len(value)
            if count > _MOST_VALUES:
                raise ValueError(f"more than {_MOST_VALUES} values")
            waiting.extend(value.values() if isinstance(value, dict) else value)


def _short_line(found: object) -> str:
    """Return in one short line what somebody else has written."""
    short = str(found)[:_LONGEST_REASON]
    return "".join(sign if sign.isprintable() else "?" for sign in short)
