"""What a file of each format starts with: enough to refuse a pickle or a web page under a model's name."""

from __future__ import annotations

from mien.core.errors import ModelCorrupt
from mien.core.modelcard import Format


def check_signature(format: Format, data: bytes, what: str) -> None:
    """Refuse bytes that cannot be of this format; the engine behind it still checks all of them.

    raises: `ModelCorrupt`.
    """
    if not _SIGNATURES[format](data):
        raise ModelCorrupt(f"{what} is not a file of format {format}: give the publisher's own file")


def _is_picture(data: bytes) -> bool:
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


_SIGNATURES = {
    # ModelProto's first field, ir_version: a small number.
    "onnx": lambda data: data[:1] == b"\x08" and 0 < data[1:2][0] < 0x80 if len(data) > 16 else False,
    # FlatBuffers' file identifier.
    "tflite": lambda data: data[4:8] == b"TFL3",
    # dlib's integer 1, written as "one byte follows, and it is 1": the version of the outermost object.
    "dlib": lambda data: data[:2] == b"\x01\x01",
    "picture": _is_picture,
}
