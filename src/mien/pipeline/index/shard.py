"""Looks as bytes and back: one JSON row a photo, the embeddings behind it as they are.

4 bytes      length of the JSON, little-endian
JSON         {"rows": [...]}; numbers are not rounded
float32      the embeddings, in the order of the faces
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import errors
from mien.core.errors import ImageError, InputError, MienError, StoreCorrupt
from mien.core.report import FaceReport, PhotoReport
from mien.core.types import Box, Detection, Embedding
from mien.pipeline.look import ASKED, Look

_LENGTH = 4


def pack(looks: Sequence[Look]) -> bytes:
    """The bytes of these looks; every face has its embedding."""
    vectors: list[NDArray[np.float32]] = []
    rows = [_row(look, vectors) for look in looks]
    text = json.dumps({"rows": rows}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogateescape"
    )
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *(vector.tobytes() for vector in vectors)])


def unpack(data: bytes) -> list[Look]:
    """What `pack` was given.  raises: `StoreCorrupt` for other bytes."""
    try:
        end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
        rows = json.loads(data[_LENGTH:end].decode("utf-8", "surrogateescape"))["rows"]
        vectors = np.frombuffer(data, dtype="<f4", offset=end)
        looks, start = [], 0
        for row in rows:
            look, start = _look(row, vectors, start)
            looks.append(look)
        if start != len(vectors):
            raise ValueError("embeddings are left over")
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt(f"these are no results of `mien index` ({error}): make them again") from error
    return looks


def _row(look: Look, vectors: list[NDArray[np.float32]]) -> dict[str, Any]:
    report = look.report
    return {
        "source": report.source,
        "size": [report.width, report.height],
        "digest": look.digest.hex(),
        "error": None if report.error is None else _told(report.error),
        "faces": [_face_row(face, vectors) for face in report.faces],
    }


def _face_row(face: FaceReport, vectors: list[NDArray[np.float32]]) -> dict[str, Any]:
    if face.embedding is None:
        raise AssertionError("faces were analysed without their embeddings")
    vectors.append(np.asarray(face.embedding.vector, dtype="<f4"))
    return {
        "box": [*map(float, face.detection.box)],
        "score": float(face.detection.score),
        "keypoints": np.asarray(face.detection.keypoints, np.float64).tolist(),
        "model": face.embedding.model,
        "length": len(face.embedding.vector),
        "norm": face.embedding.norm,
    }


def _look(row: Mapping[str, Any], vectors: NDArray[np.float32], start: int) -> tuple[Look, int]:
    faces = []
    for known in row["faces"]:
        vector = vectors[start : start + known["length"]]
        if len(vector) != known["length"]:
            raise ValueError("an embedding is missing")
        start += len(vector)
        detection = Detection(Box(*known["box"]), known["score"], np.array(known["keypoints"]))
        faces.append(FaceReport(detection, ASKED, embedding=Embedding(vector, known["model"], known["norm"])))
    error = None if row["error"] is None else _error(row["error"])
    width, height = row["size"]
    report = PhotoReport(row["source"], width, height, tuple(faces), error)
    return Look(report, bytes.fromhex(row["digest"])), start


def _told(error: MienError) -> dict[str, str]:
    reason = error.reason if isinstance(error, ImageError) else ""
    return {"kind": type(error).__name__, "reason": reason, "message": str(error)}


def _error(told: Mapping[str, str]) -> MienError:
    kind = getattr(errors, told["kind"], InputError)
    if kind is ImageError:
        return ImageError(told["reason"], told["message"])
    takes_a_message = isinstance(kind, type) and issubclass(kind, MienError) and kind is not errors.ShapeError
    return kind(told["message"]) if takes_a_message else InputError(told["message"])
