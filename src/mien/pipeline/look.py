"""One picture as the gallery's verbs need it: its faces with embeddings, and what identifies the photo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mien.core.errors import InputError
from mien.core.report import PhotoReport
from mien.imaging.sources import read_source
from mien.pipeline.analyze import Analyzer

ASKED = frozenset({"box", "keypoints", "embedding"})


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was seen in one picture.

    digest: SHA-256 of the picture (`photo_digest`); empty where it could not be read.
    """

    report: PhotoReport
    digest: bytes


def look_at(analyzer: Analyzer, sources: object, *, digests: bool = True) -> Iterator[Look]:
    """Look at pictures, in order; one that cannot be read is a look with its error.

    digests: read each picture once more, for its digest.
    """
    known: dict[int, bytes | InputError] = {}  # by report: one picture may be named twice

    def finish(source: object, report: PhotoReport) -> None:
        try:
            known[id(report)] = photo_digest(source)
        except InputError as error:  # the file went away in between
            known[id(report)] = error

    for report in analyzer.analyze_many(sources, ASKED, finish=finish if digests else None):
        digest = known.pop(id(report), b"")
        if isinstance(digest, InputError):
            yield Look(PhotoReport(report.source, 0, 0, (), digest), b"")
        else:
            yield Look(report, digest)


def photo_digest(source: object) -> bytes:
    """SHA-256 of a picture: of its bytes, or of the pixels where it has none."""
    if isinstance(source, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(source).tobytes()).digest()
    if hasattr(source, "tobytes"):  # a PIL image
        return hashlib.sha256(source.tobytes()).digest()
    if hasattr(source, "seek"):
        source.seek(0)
    return hashlib.sha256(read_source(source)).digest()
