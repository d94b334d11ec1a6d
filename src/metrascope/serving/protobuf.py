"""Look into an ONNX file without loading it: what would make an runtime open other files.

The file is a protocol-buffer message; its wire format (varints, lengths, fields by number) is
fixed, and of ONNX's schema a few numbers are needed (onnx.proto3). Nothing is trusted: lengths
are checked, depth is bounded.
"""

from collections.abc import Iterator
from typing import Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
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


def what_reaches_out(content: bytes) -> str | None:
    """Return what in an ONNX file is not in the file itself, None where there is nothing.

    Parameters
    ----------
    content
        The whole file.

    Returns
    -------
    ``external data`` for tensors that are said to lie in other files, the name of an operator
    that is not ONNX's own (an runtime may load a library for it), or None.

    Raises
    ------
    ValueError
        If the bytes are no ONNX file.
    """
    return _look(memoryview(content), "model", 0)


def _look(message: memoryview, kind: str, depth: int) -> str | None:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    within, domain, operator = _WITHIN[kind], "", ""
    for number, value in _fields(message):
        if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
            return "external data"
        if kind == "node" and isinstance(value, memoryview) and number in (_OPERATOR, _DOMAIN):
            name = bytes(value[:100]).decode("utf-8", "replace")
            domain, operator = (name, operator) if number == _DOMAIN else (domain, name)
        if number in within:
            if not isinstance(value, memoryview):
                raise ValueError(f"field {number} is no message")
            found = _look(value, within[number], depth + 1)
            if found:
                return found
    return f"{domain}.{operator}" if domain not in _STANDARD else None


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
