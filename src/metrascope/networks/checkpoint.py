"""A trained network on disk, and a training that was interrupted.

A trained network is two files in a folder: ``weights.safetensors``, and ``model.json`` with
everything else that is needed to read an image as it was trained. A training state is one
safetensors file. Nothing is pickled, everything is written under another name and renamed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from metrascope.dataset.preprocess import Preprocessing
from metrascope.errors import WeightsError
from metrascope.files.atomic import replacing, sha256
from metrascope.files.validation import error_place, error_reason
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.networks.networks import Network, Pooling, empty_network
from metrascope.networks.weights import Tensors, WeightsOrigin, fill, read_safetensors

MODEL_FILE: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(min_length=1, max_length=1000)]

# Bytes of a ``model.json``; ours have some thousand. Chosen, not measured.
_LARGEST_MODEL_FILE: Final = 16 << 20
# A network gets a row of weights for each. Chosen, not measured.
_MOST_CLASSES: Final = 10_000
# Characters of pydantic's complaint in our error: enough for place and reason.
_REASON_LENGTH: Final = 300


class ModelDescription(BaseModel):
    """Content of ``model.json``: everything that reading an image needs beside the weights.

    Attributes
    ----------
    format
        Version of this file's layout.
    network, title, pooling
        As in ``metrascope.networks.architectures.ARCHITECTURES``, and how people read the name.
    classes
        Labels, in the order of the logits.
    preprocessing
        From decoded grey pixels to the network, with input size and grey-level table.
    temperature
        Divisor of the logits before softmax that fits the run's validation partition best, see
        ``metrascope.statistics.temperature``; 1 where it was not fitted. ``predictions.csv``
        is without it.
    cleaned
        Whether the training images came with their sector and were black outside it: then a new
        image is cleaned the same way before it is read.
    fold, seed
        Fold and seed of the run.
    origin
        Weights that training began from.
    versions
        Versions of the program and its libraries.
    manifest_sha256, split_sha256, settings_sha256
        Data, split and settings it was trained with.
    weights_sha256
        SHA-256 of ``weights.safetensors``; ``save`` enters it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    network: _Name
    title: _Name
    pooling: Pooling
    classes: Annotated[tuple[str, ...], Field(min_length=2, max_length=_MOST_CLASSES)]
    preprocessing: Preprocessing
    temperature: Annotated[float, Field(gt=0)] = 1.0
    cleaned: bool = False
    fold: Annotated[int, Field(ge=0, le=10**9)] = 0
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    origin: WeightsOrigin
    versions: dict[str, str]
    manifest_sha256: _Sha256
    split_sha256: _Sha256
    settings_sha256: _Sha256
    weights_sha256: _Sha256 | None = None

    @field_validator("network")
    @classmethod
    def _require_known(cls, name: str) -> str:
        if name not in ARCHITECTURES:
            raise ValueError(f"unknown network {name}")
        return name

    @field_validator("classes")
    @classmethod
    def _require_distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(classes)) < len(classes):
            raise ValueError("a class is named twice")
        return classes


def save(folder: Path, network: nn.Module, description: ModelDescription) -> ModelDescription:
    """Write ``model.json`` and ``weights.safetensors``; return the description as written.

    Raises
    ------
    StudyError
        If the folder cannot be written; the files that were there are still there then.
    """
    # The weights are renamed first: a model.json never stands before its weights.
    with replacing(folder / MODEL_FILE) as model, replacing(folder / WEIGHTS) as weights:
        _write_tensors(weights, network.state_dict())
        written = description.model_copy(update={"weights_sha256": sha256(weights)})
        text = json.dumps(written.model_dump(mode="json"), indent=2, ensure_ascii=False)
        model.write_text(text + "\n", encoding="utf-8", newline="\n")
    return written


def load(folder: Path) -> tuple[Network, ModelDescription]:
    """Read a trained network, in evaluation mode, on the CPU.

    Raises
    ------
    WeightsError
        If a file is missing, damaged, of another format or network, or if the weights are not
        the ones that ``model.json`` was written with.
    """
    for name in (MODEL_FILE, WEIGHTS):
        if not (folder / name).is_file():
            raise WeightsError("weights.no_model", folder=folder, file=name)
    description = read_description(folder / MODEL_FILE)
    path = folder / WEIGHTS
    tensors = read_safetensors(path)
    if tensors.sha256 != description.weights_sha256:
        expected = description.weights_sha256
        raise WeightsError("weights.changed", path=path, found=tensors.sha256, expected=expected)
    network = empty_network(description.network, len(description.classes), description.pooling)
    fill(network, tensors.values, path=path, title=description.title)
    network.origin = description.origin
    return network.eval(), description


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the tensors of a network to one safetensors file.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    with replacing(path) as temporary:
        _write_tensors(temporary, network.state_dict())


def load_weights(network: Network, path: Path) -> None:
    """Copy a file of ``save_weights`` into a network, wherever the network is.

    Raises
    ------
    WeightsError
        If the file is missing or damaged, or of another network, pooling or number of classes.
    """
    tensors = read_safetensors(path)
    fill(network, tensors.values, path=path, title=network.architecture.title)


def save_resume(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    extra: Mapping[str, str],
) -> None:
    """Write all that training needs to go on after ``epoch``, in one safetensors file.

    Parameters
    ----------
    path
        The file, replaced as a whole.
    network
        Its parameters and buffers are kept.
    optimizer
        Its hyperparameters and state are kept, for instance the momentum buffers of SGD.
    epoch
        Number of epochs done.
    extra
        Whatever else the caller wants back.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    plain: dict[str, Any] = {}
    for index, parameter in enumerate(_parameters(optimizer)):
        for key, value in optimizer.state.get(parameter, {}).items():
            (tensors if isinstance(value, Tensor) else plain)[f"optimizer/{index}/{key}"] = value
    groups = [
        {key: value for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]
    state = {"epoch": epoch, "extra": dict(extra), "groups": groups, "plain": plain}
    with replacing(path) as temporary:
        # One entry, because safetensors writes several in no fixed order.
        _write_tensors(temporary, tensors, {"training": json.dumps(state)})


def load_resume(
    path: Path, network: Network, optimizer: torch.optim.Optimizer
) -> tuple[int, dict[str, str]]:
    """Put a file of ``save_resume`` back; return its epoch and ``extra``.

    Call it once the network is on its device: the optimizer's state goes to where each parameter
    is. Network and optimizer are changed in place and only if the whole file fits.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, or of another network or optimizer.
    """
    tensors = read_safetensors(path)
    try:
        state = json.loads(tensors.metadata["training"])
        epoch, extra = int(state["epoch"]), {str(k): str(v) for k, v in state["extra"].items()}
        restored = _optimizer_state(tensors, state["plain"], optimizer)
        groups = _optimizer_groups(state["groups"], optimizer)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise WeightsError("weights.bad_resume", path=path, reason=error) from error
    values = _part(tensors.values, "network/")
    fill(network, values, path=path, title=network.architecture.title)
    for group, stored in zip(optimizer.param_groups, groups, strict=True):
        group.update(stored)
    # In place: wrappers around the optimizer share this dictionary.
    optimizer.state.clear()
    optimizer.state.update(restored)
    return epoch, extra


def _optimizer_state(
    tensors: Tensors, plain: Mapping[str, Any], optimizer: torch.optim.Optimizer
) -> dict[Tensor, dict[str, Any]]:
    parameters = _parameters(optimizer)
    stored: dict[str, Any] = {**_part(tensors.values, "optimizer/"), **_part(plain, "optimizer/")}
    restored: dict[Tensor, dict[str, Any]] = {}
    for name, value in stored.items():
        index, _, key = name.partition("/")
        parameter = parameters[int(index)]
        if isinstance(value, Tensor) and value.dim() > 0:
            if value.shape != parameter.shape:
                raise ValueError(f"{name}: {tuple(value.shape)} != {tuple(parameter.shape)}")
            # The parameter's own layout (channels last, say), so that not a bit changes.
            value = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        restored.setdefault(parameter, {})[key] = value
    return restored


def _optimizer_groups(
    stored: list[dict[str, Any]], optimizer: torch.optim.Optimizer
) -> list[dict[str, Any]]:
    expected = [set(group) - {"params"} for group in optimizer.param_groups]
    if [set(group) for group in stored] != expected:
        raise ValueError("another optimizer")
    return stored


def _part(entries: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in entries.items() if k.startswith(prefix)}


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        save_file(plain, path, dict(metadata or {"format": "pt"}))
    except SafetensorError as error:  # safetensors does not say OSError when the disk is full
        raise OSError(str(error)) from error


def read_description(path: Path) -> ModelDescription:
    """Read a ``model.json``.

    Raises
    ------
    WeightsError
        If it is missing, damaged or of another format.
    """
    try:
        if path.stat().st_size > _LARGEST_MODEL_FILE:
            reason = f"{path.stat().st_size} bytes"
            raise WeightsError("weights.bad_model", path=path, reason=reason)
        return ModelDescription.model_validate_json(path.read_bytes())
    except OSError as error:
        raise WeightsError("weights.no_model", folder=path.parent, file=path.name) from error
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        place, complaint = error_place(errors[0]), error_reason(errors)
        sentence = (f"{place}: {complaint}" if place else complaint)[:_REASON_LENGTH]
        reason = "".join(sign if sign.isprintable() else "?" for sign in sentence)
        raise WeightsError("weights.bad_model", path=path, reason=reason) from error
