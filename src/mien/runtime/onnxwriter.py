"""Write an ONNX file from nodes and arrays, without the onnx package.

Field numbers are those of onnx.proto (ONNX IR version 8); the wire format is protocol buffers, version 3:
a field is a varint key ``number << 3 | wire type`` and then a varint (wire type 0) or length-prefixed bytes
(wire type 2).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 8
Attribute = int | float | str | Sequence[int]
Tensor = NDArray[np.float32] | NDArray[np.int64]
_DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int64): 7}


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: inputs and outputs by name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Port:
    """A float32 input or output of the graph; a dimension given as a word is free."""

    name: str
    shape: tuple[int | str, ...]


def encode_model(
    nodes: Sequence[Node],
    tensors: Mapping[str, Tensor],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    *,
    opset: int = 13,
    name: str = "mien",
) -> bytes:
    """Serialise a graph, with its weights inside.

    tensors: float32 or int64 arrays by name; other types raise ValueError.
    """
    graph = b"".join(
        [
            *(_bytes(1, _node(node)) for node in nodes),
            _text(2, name),
            *(_bytes(5, _tensor(key, value)) for key, value in tensors.items()),
            *(_bytes(11, _port(port)) for port in inputs),
            *(_bytes(12, _port(port)) for port in outputs),
        ]
    )
    return b"".join(
        [
            _integer(1, IR_VERSION),
            _text(2, "mien"),
            _bytes(7, graph),
            _bytes(8, _text(1, "") + _integer(2, opset)),
        ]
    )


def varint(value: int) -> bytes:
    """Encode an integer as base-128, low group first; negative numbers as 64-bit two's complement.

    >>> varint(300).hex()
    'ac02'
    """
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _node(node: Node) -> bytes:
    return b"".join(
        [
            *(_text(1, name) for name in node.inputs),
            *(_text(2, name) for name in node.outputs),
            _text(3, node.outputs[0]),
            _text(4, node.op),
            *(_bytes(5, _attribute(key, value)) for key, value in node.attributes.items()),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    head = _text(1, name)
    if isinstance(value, int):
        return head + _integer(3, value) + _integer(20, 2)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, str):
        return head + _text(4, value) + _integer(20, 3)
    return head + b"".join(_integer(8, item) for item in value) + _integer(20, 7)


def _tensor(name: str, value: Tensor) -> bytes:
    kind = _DATA_TYPES.get(value.dtype)
    if kind is None:
        raise ValueError(f"tensor {name!r} must be float32 or int64, not {value.dtype}")
    raw = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
    dims = b"".join(_integer(1, size) for size in value.shape)
    return dims + _integer(2, kind) + _text(8, name) + _bytes(9, raw)


def _port(port: Port) -> bytes:
    dims = b"".join(
        _bytes(1, _integer(1, size) if isinstance(size, int) else _text(2, size)) for size in port.shape
    )
    tensor = _integer(1, 1) + _bytes(2, dims)
    return _text(1, port.name) + _bytes(2, _bytes(1, tensor))
