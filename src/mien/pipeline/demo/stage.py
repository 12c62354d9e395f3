"""What a chapter of the demo gets, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.answers import Identification
from mien.core.report import FaceReport, PhotoReport
from mien.core.types import Box, Pixels
from mien.page.blocks import Section
from mien.pipeline.analyze import Analyzer
from mien.pipeline.demo.album import Album, Photo

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The album, what was found in it, and where files go.

    reports: file name -> report with everything.    out: the demo's folder.    tell: says what happens now.
    """

    analyzer: Analyzer
    album: Album
    reports: Mapping[str, PhotoReport]
    out: Path
    tell: Tell

    def pixels(self, photo: Photo) -> Pixels:
        """The upright picture, (H, W, 3)."""
        return self.analyzer.open(photo.path).image.pixels

    def face_of(self, photo: Photo, who: str | None = None) -> FaceReport | None:
        """What was found where this person's face is; None where nothing was."""
        box = next(box for name, box in photo.faces if who in (None, name))
        return face_at(self.reports[photo.name].faces, box)


@dataclass(frozen=True, slots=True)
class Told:
    """A chapter's part of the page.

    summary: the same for programs.    facts: for the top of the page: (label, value).
    """

    section: Section
    summary: Mapping[str, Any]
    facts: Sequence[tuple[str, str]] = field(default=())


@dataclass(frozen=True, slots=True)
class Chapter:
    """name: its key in the summary.    title: heading.    tell: does the work."""

    name: str
    title: str
    tell: Callable[[Stage], Told]


def face_at(faces: Sequence[FaceReport], box: Box) -> FaceReport | None:
    """The face whose middle is within half a face of the middle of ``box``."""
    number = nearest_box([face.detection.box for face in faces], box)
    return None if number is None else faces[number]


def answer_at(answers: Sequence[Identification], box: Box) -> Identification | None:
    """The answer about the face that is there."""
    number = nearest_box([answer.box for answer in answers], box)
    return None if number is None else answers[number]


def nearest_box(boxes: Sequence[Box], box: Box) -> int | None:
    """Which box has its middle within half of ``box`` of the middle of ``box``."""
    limit = max(box.width, box.height) / 2
    near = [(_apart(other, box), i) for i, other in enumerate(boxes)]
    return next((i for apart, i in sorted(near) if apart <= limit), None)


def _apart(a: Box, b: Box) -> float:
    return float(np.linalg.norm(np.subtract(a.center, b.center)))
