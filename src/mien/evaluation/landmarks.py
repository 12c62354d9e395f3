"""How precise are the landmarks? Points of the mesh against annotated ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MienError, NoFaceFound
from mien.core.report import FaceReport
from mien.core.types import Landmarks
from mien.evaluation.failures import FailedPicture, failed_pictures
from mien.evaluation.metrics.intervals import Interval
from mien.evaluation.metrics.landmarks import area_under_errors, failure_rate, point_errors
from mien.evaluation.metrics.person_bootstrap import mean_interval, rate_interval
from mien.evaluation.metrics.verification import Scores
from mien.geometry.boxes import iou
from mien.geometry.schemes import Scheme

LEAST_OVERLAP = 0.2
"""Of a face's points with the annotated ones, as boxes: below it another face was found."""

Points2D = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LandmarksReport:
    """What `mien evaluate landmarks` answers.

    errors: (N,) mean error of each face in eye distances (NME), inf where the face was not found.
    nme, nme_interval, median: over the faces that were found; nme_inner: without the outline of the face.
    auc, failure_rate: over all faces, up to ``limit``.
    """

    scheme: str
    points: int
    faces: int
    limit: float
    nme: float | None
    nme_interval: Interval | None
    nme_inner: float | None
    median: float | None
    auc: float
    failure_rate: float
    failure_interval: Interval
    parts: Mapping[str, float]
    errors: Scores
    worst: tuple[tuple[Path, float], ...]
    failures: tuple[FailedPicture, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        interval = self.nme_interval
        return {
            "scheme": self.scheme,
            "points": self.points,
            "faces": self.faces,
            "nme": self.nme,
            "nme_low": None if interval is None else interval.low,
            "nme_high": None if interval is None else interval.high,
            "nme_inner": self.nme_inner,
            "nme_median": self.median,
            "nme_by_part": dict(self.parts),
            "auc": self.auc,
            "limit": self.limit,
            "failure_rate": self.failure_rate,
            "failure_low": self.failure_interval.low,
            "failure_high": self.failure_interval.high,
            "failures_to_acquire": len(self.failures),
            "failures": [failed.to_dict() for failed in self.failures],
        }


def in_scheme(found: Landmarks, scheme: Scheme) -> Points2D:
    """Points of a mesh at the places of a scheme: (points, 2) pixels, NaN where it has no counterpart.

    Landmarks of the scheme itself stay as they are.
    raises: InputError for landmarks of any other scheme.
    """
    if found.scheme == scheme.name and len(found.points) == scheme.points:
        return np.asarray(found.points[:, :2], np.float64)
    if found.scheme != "mesh468":
        raise InputError(
            f"points of {found.scheme} cannot be compared with {scheme.name}: leave that model out"
        )
    places = np.full((scheme.points, 2), np.nan)
    places[list(scheme.mesh468)] = found.points[list(scheme.mesh468.values()), :2]
    return places


def face_of(faces: Sequence[FaceReport], truth: Points2D, scheme: Scheme, name: str) -> Points2D:
    """The points of the face that is annotated: the one whose points overlap the true ones most, as boxes.

    raises: NoFaceFound where none does.
    """
    judged = sorted(scheme.mesh468)
    candidates = [in_scheme(face.landmarks, scheme) for face in faces if face.landmarks is not None]
    if candidates:
        boxes = np.stack([_around(points[judged]) for points in candidates])
        overlap = iou(boxes, _around(truth[judged])[None])[:, 0]
        best = int(np.argmax(overlap))
        if overlap[best] >= LEAST_OVERLAP:
            return candidates[best]
    raise NoFaceFound(f"no face was found where {name} has its points: it counts as a failure")


def evaluate_landmarks(
    pictures: Sequence[Path],
    truth: Sequence[Points2D],
    found: Sequence[Points2D | MienError],
    scheme: Scheme,
    limit: float = 0.08,
) -> LandmarksReport:
    """Measure the points that scheme and mesh share, in eye distances (of the outer corners)."""
    judged = sorted(scheme.mesh468)
    good = [i for i, one in enumerate(found) if not isinstance(one, MienError)]
    each = np.zeros((0, len(judged)))
    if good:
        marked = np.stack([truth[i] for i in good])
        told = np.stack([one for one in found if not isinstance(one, MienError)])
        left, right = (marked[:, corner] for corner in scheme.eye_corners)
        each = point_errors(told[:, judged], marked[:, judged], np.linalg.norm(left - right, axis=1))
    errors = np.full(len(pictures), np.inf)
    errors[good] = each.mean(axis=1)
    number = np.arange(len(pictures))
    inner = [i for i, point in enumerate(judged) if point in scheme.inner]
    order = [i for i in np.argsort(-errors, kind="stable") if np.isfinite(errors[i])][:12]
    return LandmarksReport(
        scheme=scheme.name,
        points=len(judged),
        faces=len(pictures),
        limit=limit,
        nme=float(each.mean()) if good else None,
        nme_interval=mean_interval(errors[good], number[good]) if good else None,
        nme_inner=float(each[:, inner].mean()) if good else None,
        median=float(np.median(errors[good])) if good else None,
        auc=area_under_errors(errors, limit),
        failure_rate=failure_rate(errors, limit),
        failure_interval=rate_interval(errors > limit, number),
        parts=_parts(each, judged, scheme) if good else {},
        errors=errors,
        worst=tuple((pictures[i], float(errors[i])) for i in order),
        failures=failed_pictures(pictures, found),
    )


def _parts(each: Scores, judged: Sequence[int], scheme: Scheme) -> dict[str, float]:
    lines = {**scheme.open, **scheme.closed}
    columns = {
        part: [i for i, point in enumerate(judged) if point in indices] for part, indices in lines.items()
    }
    return {part: float(each[:, here].mean()) for part, here in columns.items() if here}


def _around(points: Points2D) -> NDArray[np.float64]:
    return np.concatenate([points.min(axis=0), points.max(axis=0)])
