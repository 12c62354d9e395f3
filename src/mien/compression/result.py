"""A compressed model on disk: an ONNX file and its card, usable at once with ``--models CARD.toml``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mien.compression.guard import Comparison, Verdict, table_rows
from mien.core.errors import InputError
from mien.core.modelcard import ModelCard, Precision
from mien.zoo.cardfile import NAME, format_card
from mien.zoo.store import write_atomic

ASIDE = "not-an-improvement"


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a result lies.    aside: it is no improvement, and kept apart."""

    card: Path
    model: Path
    aside: bool

    def to_dict(self) -> dict[str, Any]:
        return {"card": str(self.card), "file": str(self.model), "aside": self.aside}


def check_name(name: str) -> None:
    """Raise InputError for a name that no card may have."""
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} is no model name: use small letters, digits, - and _, at most 64")


def new_card(
    source: ModelCard, name: str, data: bytes, how: str, precisions: tuple[Precision, ...]
) -> ModelCard:
    """The card of a model made from ``source``: its licence, credit and input, and bytes of its own.

    how: one sentence that goes before the notes.
    raises: InputError for a name that no card may have.
    """
    check_name(name)
    return replace(
        source,
        name=name,
        file=f"{name}.onnx",
        format="onnx",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        sources=(),
        precisions=precisions,
        quick_precisions=(),  # what the old file was measured to bear says nothing of the new one
        ranges={},
        notes=f"{how}\n{source.notes}".strip(),
        measured={},
    )


def save_result(folder: Path, card: ModelCard, data: bytes, found: Comparison, verdict: Verdict) -> Saved:
    """Write card and model, the table on the card; what is no improvement goes to a folder of its own."""
    target = folder if verdict.improvement else folder / ASIDE
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target} cannot be made ({error.strerror}): choose another --out") from error
    measured = {
        f"{what}, before and after": " → ".join(filter(None, (before, after)))
        + (f", {change}" if change else "")
        for what, before, after, change in table_rows(found)
    }
    if not verdict.improvement:
        measured["verdict"] = "not an improvement: " + "; ".join(verdict.reasons)
    paths = target / f"{card.name}.toml", target / card.file
    write_atomic(paths[1], data)
    write_atomic(paths[0], format_card(replace(card, measured=measured)).encode())
    return Saved(*paths, aside=not verdict.improvement)
