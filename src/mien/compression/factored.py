"""A factored network as a value, and on disk: a run that was stopped does not fit its layers again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.compression.quantize import Parity
from mien.core.errors import InputError
from mien.zoo.store import write_atomic

NAME = "factored"


@dataclass(frozen=True, slots=True)
class Factored:
    """data: the new file.    ranks: layer -> values between its two halves; 0: it stays whole.

    weights: numbers stored before and after.
    """

    data: bytes
    parity: Parity
    ranks: Mapping[str, int]
    weights: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        return {
            "parity": self.parity.to_dict(),
            "ranks": dict(self.ranks),
            "parameters_before": self.weights[0],
            "parameters_after": self.weights[1],
        }


def save_factored(folder: Path, whole: bytes, times: float, made: Factored) -> None:
    """Keep a network in ``folder``, with what it was made of."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"{NAME}.onnx", made.data)
        note = {"of": _key(whole, times), "is": hashlib.sha256(made.data).hexdigest(), **made.to_dict()}
        write_atomic(folder / f"{NAME}.json", json.dumps(note).encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written to ({error.strerror}): choose another --out") from error


def load_factored(folder: Path, whole: bytes, times: float) -> Factored | None:
    """What `save_factored` left; None where there is nothing, or something of another network or size."""
    try:
        note = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
        data = (folder / f"{NAME}.onnx").read_bytes()
    except (OSError, ValueError):
        return None
    if note.get("of") != _key(whole, times) or note.get("is") != hashlib.sha256(data).hexdigest():
        return None
    seen = note["parity"]
    return Factored(
        data,
        Parity(seen["cosine_mean"], seen["cosine_least"], seen["crops"]),
        note["ranks"],
        (note["parameters_before"], note["parameters_after"]),
    )


def _key(whole: bytes, times: float) -> str:
    return f"{hashlib.sha256(whole).hexdigest()} {times:g}"
