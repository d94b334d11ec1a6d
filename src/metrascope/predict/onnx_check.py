"""Look into an ONNX file without loading it: what would open other files, or never end.

The file is a protocol-buffer message; its wire format (varints, lengths, fields by number) is
fixed, and of ONNX's schema a few numbers are needed (onnx.proto3). Nothing is trusted: lengths
are checked, depth is bounded.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

# Wire types of protocol buffers.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Messages within messages. Chosen, not measured.
_DEEPEST: Final = 32
_STANDARD: Final = ("", "ai.onnx")

# Message fields by number, as far as tensors and nodes can lie in them.
_MODEL: Final = {7: "graph", 20: "training", 25: "function"}
_TRAINING: Final = {1: "graph", 2: "graph"}
_GRAPH: Final = {1: "node", 5: "tensor", 15: "sparse"}
_NODE: Final = {5: "attribute"}
_ATTRIBUTE: Final = {
    5: "tensor",
    6: "graph",
    10: "tensor",
    11: "graph",
    22: "sparse",
    23: "sparse",
}
_SPARSE: Final = {1: "tensor", 2: "tensor"}
_FUNCTION: Final = {7: "node", 11: "attribute"}
_WITHIN: Final = {
    "model": _MODEL,
    "training": _TRAINING,
    "graph": _GRAPH,
    "node": _NODE,
    "attribute": _ATTRIBUTE,
    "sparse": _SPARSE,
    "function": _FUNCTION,
    "tensor": {},
}
_EXTERNAL_DATA: Final = 13
_DATA_LOCATION: Final = 14
_OPERATOR, _DOMAIN = 4, 7
_DIMS: Final = 1
_MOST_DIMS: Final = 16
# None is in what torch exports of our networks; functions could stand for them.
_LOOPS: Final = frozenset({"Loop", "Scan", "SequenceMap"})


class Faults(NamedTuple):
    """What no ONNX file of ours has; None where this one has nothing of it either.

    Attributes
    ----------
    outside
        ``external data`` for tensors that are said to lie in other files, or the name of an
        operator that is not ONNX's own (a runtime may load a library for it).
    repeats
        The operator that repeats others, so that the graph may never end: without one, its
        operators run once each.
    claims
        Shape of a tensor that has more values than bytes.
    """

    outside: str | None = None
    repeats: str | None = None
    claims: str | None = None


def find_faults(content: bytes) -> Faults:
    """Look for what makes an ONNX file unfit to be loaded.

    Parameters
    ----------
    content
        The whole file.

    Raises
    ------
    ValueError
        If the bytes are no ONNX file.
    """
    outside = repeats = claims = None
    for kind, part in _parts(memoryview(content), "model", 0):
        if kind == "tensor":
            found = _read_tensor(part)
            outside = outside or ("external data" if found.external else None)
            claims = claims or (None if found.honest else "x".join(map(str, found.shape)))
        elif kind == "function":
            repeats = repeats or kind
        elif kind == "node":
            domain, operator = _operator(part)
            if domain not in _STANDARD:
                outside = outside or f"{domain}.{operator}"
            elif operator in _LOOPS:
                repeats = repeats or operator
    return Faults(outside, repeats, claims)


def _parts(message: memoryview, kind: str, depth: int) -> Iterator[tuple[str, memoryview]]:
    """Yield the message and those in it, by kind, as far as tensors and nodes can lie there."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    yield kind, message
    within = _WITHIN[kind]
    for number, value in _fields(message):
        if number in within:
            if not isinstance(value, memoryview):
                raise ValueError(f"field {number} is no message")
            yield from _parts(value, within[number], depth + 1)


class _Tensor(NamedTuple):
    external: bool
    shape: tuple[int, ...]
    honest: bool


def _read_tensor(message: memoryview) -> _Tensor:
    external, shape = False, []
    for number, value in _fields(message):
        external |= number == _EXTERNAL_DATA or (number == _DATA_LOCATION and bool(value))
        if number == _DIMS:
            shape += [value] if isinstance(value, int) else _varints(value)
    count = 1
    for side in shape:
        count *= side
    # The smallest values have four bits.
    return _Tensor(external, tuple(shape[:_MOST_DIMS]), external or count <= 2 * len(message))


def _operator(message: memoryview) -> tuple[str, str]:
    names = {_DOMAIN: "", _OPERATOR: ""}
    for number, value in _fields(message):
        if number in names and isinstance(value, memoryview):
            names[number] = bytes(value[:100]).decode("utf-8", "replace")
    return names[_DOMAIN], names[_OPERATOR]


def _varints(message: memoryview) -> list[int]:
    found: list[int] = []
    at = 0
    while at < len(message) and len(found) <= _MOST_DIMS:
        value, at = _varint(message, at)
        found.append(value)
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field: whole numbers and parts of the message."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > end:
            raise ValueError("cut short")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("cut short")
