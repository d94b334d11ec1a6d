"""Read weight files, check them, and copy them into a network.

Nothing here knows the eight networks: ``metrascope.networks.networks`` asks for tensors and
says which of them may be left new. No pickle of a user's is ever opened: a user's file is
safetensors. The only pickles read are torchvision's own, after their hash was checked, with
``weights_only``.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlparse

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from metrascope.errors import WeightsError, is_memory_failure
from metrascope.files.atomic import sha256

_PICKLE_SUFFIXES: Final = frozenset({".pth", ".pt", ".pkl", ".pickle", ".ckpt", ".bin", ".tar"})
_SHOWN_NAMES: Final = 3  # names of tensors in a sentence; a wrong file has hundreds
_REASON_LENGTH: Final = 200  # characters of a library's complaint in our error


class PublishedWeights(Protocol):
    """A member of torchvision's weights enums, as far as this module reads it."""

    @property
    def url(self) -> str:
        """Address whose file name ends in ``-<first digits of the SHA-256>``."""


@dataclass(frozen=True)
class Tensors:
    """Content of one weights file.

    Parameters
    ----------
    path
        The file.
    sha256
        SHA-256 of the file.
    values
        The tensors by name, on the CPU.
    metadata
        The strings stored beside them.
    """

    path: Path
    sha256: str
    values: Mapping[str, Tensor]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class WeightsOrigin:
    """Where a network's weights come from.

    Parameters
    ----------
    source
        ``none``, ``imagenet``, or the name of a file.
    sha256
        SHA-256 of the file; None for ``none``.
    loaded
        Number of tensors taken from the file.
    new
        Number of parameters (tensors) drawn at random.
    """

    source: str
    sha256: str | None = None
    loaded: int = 0
    new: int = 0


def read_safetensors(path: Path) -> Tensors:
    """Read a safetensors file; refuse everything else.

    Raises
    ------
    WeightsError
        If there is no such file, if it is a pickle, damaged, or no safetensors file, or if a
        tensor holds NaN or infinity.
    """
    if not path.is_file():
        raise WeightsError("weights.no_file", path=path)
    if _is_pickle(path):
        raise WeightsError("weights.pickle", path=path)
    try:
        with safe_open(path, framework="pt") as file:
            # Copied, because what safetensors gives is the file itself, mapped into memory: were
            # it overwritten by someone else, the process would die.
            values = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
        _require_finite(path, values)
    # torch says RuntimeError of shapes and kinds of numbers that it does not have.
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_memory_failure(error):
            raise MemoryError from error
        reason = (str(error).splitlines() or [type(error).__name__])[0][:_REASON_LENGTH]
        raise WeightsError("weights.damaged", path=path, reason=reason) from error
    return Tensors(path, sha256(path), values, metadata)


def read_published(weights: PublishedWeights) -> Tensors:
    """Read torchvision's ImageNet weights from torch's cache, or download them into it.

    Raises
    ------
    WeightsError
        If the file is neither in the cache nor to be had, naming the file, its hash and where
        to put it, or if the file there has another hash.
    """
    name = Path(urlparse(weights.url).path).name
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path, prefix = folder / name, hash_prefix(name)
    if not path.is_file():
        _download(weights.url, path, prefix)
    digest = sha256(path)
    if not digest.startswith(prefix):
        raise WeightsError("weights.wrong_hash", path=path, found=digest, expected=prefix)
    values = torch.load(path, map_location="cpu", weights_only=True)
    return Tensors(path, digest, values, {})


def hash_prefix(name: str) -> str:
    """Return the digits of the SHA-256 that end a published file's name, at least eight."""
    match = re.search(r"-([0-9a-f]{8,64})\.[^.]+$", name)
    if match is None:
        raise ValueError(f"{name} does not carry its hash")
    return match.group(1)


def fill(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    path: Path,
    title: str,
    replaceable: Collection[str] = (),
) -> frozenset[str]:
    """Copy ``tensors`` into ``network`` and return the names of those that were copied.

    Every tensor of the network must be there in its shape and kind, and none besides. Batch
    counters (``num_batches_tracked``) may lack, as in old files: they start at zero.

    Parameters
    ----------
    network
        The module; its tensors are overwritten in place.
    tensors
        Tensors by the module's own names.
    path, title
        Name the file and the network in the error.
    replaceable
        Layers, as in ``head``, that stay as they are unless all their tensors fit.

    Raises
    ------
    WeightsError
        If the file does not fit; nothing has been changed then.
    """
    expected = network.state_dict()
    # A layer is copied whole: another network's bias is no use beside a new weight.
    new = {
        _layer(name)
        for name, tensor in expected.items()
        if _layer(name) in replaceable
        and (name not in tensors or not _alike(tensors[name], tensor))
    }
    values = {name: value for name, value in tensors.items() if _layer(name) not in new}
    needed = {name: tensor for name, tensor in expected.items() if _layer(name) not in new}
    _require_fit(needed, values, path=path, title=title)
    with torch.no_grad():
        for name, tensor in needed.items():
            if name in values:
                tensor.copy_(values[name])
            elif _is_counter(name):
                tensor.zero_()
    return frozenset(values)


def _require_fit(
    expected: Mapping[str, Tensor],
    values: Mapping[str, Tensor],
    *,
    path: Path,
    title: str,
) -> None:
    missing = [name for name in expected if name not in values and not _is_counter(name)]
    unexpected = [name for name in values if name not in expected]
    other = [
        name for name in values if name in expected and not _alike(values[name], expected[name])
    ]
    wrong = [name for names in (missing, unexpected, other) for name in names[:_SHOWN_NAMES]]
    if wrong:
        raise WeightsError(
            "weights.other_network",
            path=path,
            title=title,
            missing=len(missing),
            unexpected=len(unexpected),
            misshaped=len(other),
            names=", ".join(wrong),
        )


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and one.is_floating_point() == other.is_floating_point()


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _is_counter(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def _is_pickle(path: Path) -> bool:
    if path.suffix.lower() in _PICKLE_SUFFIXES:
        return True
    with path.open("rb") as file:
        start = file.read(9)  # eight bytes of length and the first of the header
    # Safetensors begins with the header's length in eight bytes, then "{". Its first two bytes
    # can be those of a pickle by chance, so "{" decides.
    if start[8:9] == b"{":
        return False
    return start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] <= b"\x05")


def _require_finite(path: Path, values: Mapping[str, Tensor]) -> None:
    for name, value in values.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError("weights.not_finite", path=path, name=name)


def _download(url: str, path: Path, prefix: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix)
    except (OSError, RuntimeError) as error:
        # RuntimeError: torch found another hash than the name's and kept nothing.
        raise WeightsError(
            "weights.offline", file=path.name, url=url, hash=prefix, folder=path.parent
        ) from error
