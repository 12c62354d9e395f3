"""Pictures that gave no answer: counted by every protocol, and named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.core.errors import MienError


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A picture without an answer, and why."""

    picture: Path
    code: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        return {"source": str(self.picture), "code": self.code, "message": self.message}


def failed_pictures(pictures: Sequence[Path], outcomes: Iterable[object]) -> tuple[FailedPicture, ...]:
    """Those whose outcome is an error, in order."""
    return tuple(
        FailedPicture(picture, outcome.to_dict()["code"], str(outcome))
        for picture, outcome in zip(pictures, outcomes, strict=True)
        if isinstance(outcome, MienError)
    )
