"""Read ONNX bytes without the onnx package: refuse what reaches outside the file, free fixed sizes.

An ONNX file is a protobuf message. A message is a run of fields, each a key (number << 3 | wire type) and a
value; only the field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto that are used here are
named below. Tensors may point at other files (`external_data`), which has been a way out of the model folder
(CVE-2022-25882, CVE-2024-27318 and later): such a file is refused before an engine sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mien.core.errors import ModelCorrupt

Field = tuple[int, int, memoryview | int]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

MODEL_GRAPH, MODEL_FUNCTIONS = 7, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO, GRAPH_SPARSE = (
    1,
    5,
    11,
    12,
    13,
    15,
)
FUNCTION_NODE, NODE_ATTRIBUTE = 7, 5
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 5, 6, 10, 11
ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES = 22, 23
TENSOR_NAME, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION = 8, 13, 14
VALUE_NAME, VALUE_TYPE = 1, 2

MAX_DEPTH = 32


def _damaged(what: str) -> ModelCorrupt:
    return ModelCorrupt(f"the ONNX file is damaged ({what}): fetch it again with `mien models pull`")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise _damaged("a number runs past the end")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data: memoryview) -> Iterator[Field]:
    """Yield (number, wire type, value) of every field; values of wire type 2 are slices, not copies."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key >> 32:  # other parsers drop these bits, and would see another field
            raise _damaged("a key is too large")
        wire = key & 7
        if wire == VARINT:
            number, at = _varint(data, at)
            yield key >> 3, wire, number
            continue
        if wire == BYTES:
            length, at = _varint(data, at)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise _damaged(f"wire type {wire}")
        if at + length > len(data):
            raise _damaged("a field runs past the end")
        yield key >> 3, wire, data[at : at + length]
        at += length


def _messages(data: memoryview, *numbers: int) -> Iterator[memoryview]:
    for number, _, value in fields(data):
        if number in numbers and isinstance(value, memoryview):
            yield value


def _refuse_external_tensor(tensor: memoryview) -> None:
    for number, _, value in fields(tensor):
        if number == TENSOR_EXTERNAL_DATA or (number == TENSOR_DATA_LOCATION and value != 0):
            raise ModelCorrupt(
                "the ONNX file keeps weights in another file, which mien never opens: "
                "save it again with all data inside (onnx.save_model(…, save_as_external_data=False))"
            )


def _refuse_external_nodes(nodes: Iterable[memoryview], depth: int) -> None:
    for node in nodes:
        for attribute in _messages(node, NODE_ATTRIBUTE):
            for tensor in _messages(attribute, ATTRIBUTE_TENSOR, ATTRIBUTE_TENSORS):
                _refuse_external_tensor(tensor)
            for sparse in _messages(attribute, ATTRIBUTE_SPARSE, ATTRIBUTE_SPARSES):
                _refuse_external_sparse(sparse)
            for graph in _messages(attribute, ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS):
                _refuse_external_graph(graph, depth + 1)


def _refuse_external_sparse(sparse: memoryview) -> None:
    for tensor in _messages(sparse, 1, 2):  # values, indices
        _refuse_external_tensor(tensor)


def _refuse_external_graph(graph: memoryview, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _damaged("graphs are nested too deeply")
    for tensor in _messages(graph, GRAPH_INITIALIZER):
        _refuse_external_tensor(tensor)
    for sparse in _messages(graph, GRAPH_SPARSE):
        _refuse_external_sparse(sparse)
    _refuse_external_nodes(_messages(graph, GRAPH_NODE), depth)


def refuse_external_data(data: bytes) -> None:
    """Raise `ModelCorrupt` unless every tensor of this ONNX file lies inside the file."""
    model = memoryview(data)
    graphs = list(_messages(model, MODEL_GRAPH))
    if len(graphs) != 1:
        raise _damaged(f"{len(graphs)} graphs instead of one")
    _refuse_external_graph(graphs[0], 0)
    for function in _messages(model, MODEL_FUNCTIONS):
        _refuse_external_nodes(_messages(function, FUNCTION_NODE), 0)


def encode_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_field(number: int, wire: int, value: memoryview | bytes | int) -> bytes:
    key = encode_varint(number << 3 | wire)
    if isinstance(value, int):
        return key + encode_varint(value)
    return key + (encode_varint(len(value)) if wire == BYTES else b"") + bytes(value)


def _text(message: memoryview, number: int) -> bytes:
    return next((bytes(value) for value in _messages(message, number)), b"")


def _without_shape(value_info: memoryview, dims: Iterable[int | str] | None = None) -> bytes:
    """Rewrite a ValueInfoProto: its tensor type keeps the element type and gets ``dims``, or no shape."""
    out = b""
    for number, wire, value in fields(value_info):
        if number == VALUE_TYPE and isinstance(value, memoryview):
            tensor_type = next(_messages(value, 1), None)  # TypeProto.tensor_type
            if tensor_type is not None:
                element = next(v for n, _, v in fields(tensor_type) if n == 1)
                body = encode_field(1, VARINT, element)
                if dims is not None:
                    body += encode_field(2, BYTES, b"".join(_dimension(d) for d in dims))
                value = memoryview(encode_field(1, BYTES, body))
        out += encode_field(number, wire, value)
    return out


def _dimension(size: int | str) -> bytes:
    body = encode_field(1, VARINT, size) if isinstance(size, int) else encode_field(2, BYTES, size.encode())
    return encode_field(1, BYTES, body)


def free_sizes(data: bytes, dims: tuple[int | str, ...]) -> bytes:
    """Give the file's one true input the sizes ``dims`` (a string names a free size).

    Files in the wild fix the batch or the picture size, and old exporters list every initializer among the
    inputs, which forbids constant folding. Stale shapes of outputs and inner values are dropped.
    """
    model = memoryview(data)
    graph = next(_messages(model, MODEL_GRAPH))
    stored = {_text(tensor, TENSOR_NAME) for tensor in _messages(graph, GRAPH_INITIALIZER)}
    parts: list[bytes] = []
    for number, wire, value in fields(graph):
        if number == GRAPH_VALUE_INFO:
            continue
        if number == GRAPH_INPUT and isinstance(value, memoryview):
            if _text(value, VALUE_NAME) in stored:
                continue
            value = memoryview(_without_shape(value, dims))
        elif number == GRAPH_OUTPUT and isinstance(value, memoryview):
            value = memoryview(_without_shape(value))
        parts.append(encode_field(number, wire, value))
    rewritten = b"".join(parts)
    return b"".join(
        encode_field(number, wire, rewritten if number == MODEL_GRAPH else value)
        for number, wire, value in fields(model)
    )
