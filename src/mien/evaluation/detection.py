"""Are the faces of a picture found? Boxes against true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import MienError
from mien.evaluation.failures import FailedPicture, failed_pictures
from mien.evaluation.metrics.detection import (
    COCO_IOUS,
    Matched,
    PrecisionRecall,
    average_precision,
    match_boxes,
    precision_recall,
)
from mien.evaluation.metrics.intervals import Interval
from mien.evaluation.metrics.person_bootstrap import rate_interval
from mien.evaluation.protocols.boxes import FoundFaces, TrueFaces

SIZES = (("tiny", 0.0, 16.0), ("small", 16.0, 32.0), ("medium", 32.0, 96.0), ("large", 96.0, np.inf))
"""Names of face heights in pixels; 32 and 96 are COCO's sides."""
ROUNDS = 300
NOTHING = FoundFaces(np.zeros((0, 4)), np.zeros(0))


@dataclass(frozen=True, slots=True)
class SizeRecall:
    """Share of the faces of one size that were found.    low, high: pixels of height."""

    name: str
    low: float
    high: float
    faces: int
    found: int

    @property
    def recall(self) -> float | None:
        return self.found / self.faces if self.faces else None


@dataclass(frozen=True, slots=True, eq=False)
class DetectionReport:
    """What `mien evaluate detection` answers.

    ap: at an IoU of 0.5 over all recalls (VOC 2010).    ap_interval: by pictures drawn with replacement.
    ap_voc07: over 11 points.    ap_75: COCO's 101 points at an IoU of 0.75.
    ap_coco: their mean at 0.5, 0.55 … 0.95.
    precision, recall, false_per_picture: of everything that was returned, at an IoU of 0.5.
    """

    pictures: int
    faces: int
    ignored: int
    detections: int
    ap: float
    ap_interval: Interval
    ap_voc07: float
    ap_75: float
    ap_coco: float
    precision: float | None
    recall: float
    recall_interval: Interval
    false_per_picture: float
    sizes: tuple[SizeRecall, ...]
    curve: PrecisionRecall
    failures: tuple[FailedPicture, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        return {
            "pictures": self.pictures,
            "faces": self.faces,
            "ignored": self.ignored,
            "detections": self.detections,
            "ap": self.ap,
            "ap_low": self.ap_interval.low,
            "ap_high": self.ap_interval.high,
            "ap_voc07": self.ap_voc07,
            "ap_75": self.ap_75,
            "ap_coco": self.ap_coco,
            "precision": self.precision,
            "recall": self.recall,
            "recall_low": self.recall_interval.low,
            "recall_high": self.recall_interval.high,
            "false_per_picture": self.false_per_picture,
            "recall_by_height": {
                size.name: {"from": size.low, "faces": size.faces, "found": size.found, "recall": size.recall}
                for size in self.sizes
            },
            "failures_to_acquire": len(self.failures),
            "failures": [failed.to_dict() for failed in self.failures],
        }


def evaluate_detection(
    pictures: Sequence[Path], truth: Sequence[TrueFaces], found: Sequence[FoundFaces | MienError]
) -> DetectionReport:
    """Match every picture and gather the curves; of a picture that could not be read all faces are missed."""
    answers = [NOTHING if isinstance(one, MienError) else one for one in found]
    half = _match_all(truth, answers, 0.5)
    faces = int(sum((~one.ignored).sum() for one in truth))
    curve = _curve(half, answers, faces)
    at = {iou: _curve(_match_all(truth, answers, iou), answers, faces) for iou in COCO_IOUS}
    by_iou = [average_precision(one, "coco") for one in at.values()]
    kinds = np.concatenate([one.kind for one in half]) if half else np.zeros(0, np.int8)
    hits, false = int((kinds == 1).sum()), int((kinds == 0).sum())
    seen = _seen(truth, half)
    return DetectionReport(
        pictures=len(pictures),
        faces=faces,
        ignored=int(sum(one.ignored.sum() for one in truth)),
        detections=len(kinds),
        ap=average_precision(curve),
        ap_interval=_interval(truth, answers, half),
        ap_voc07=average_precision(curve, "voc07"),
        ap_75=by_iou[5],
        ap_coco=float(np.mean(by_iou)),
        precision=hits / (hits + false) if hits + false else None,
        recall=hits / faces,
        recall_interval=rate_interval(seen.hit, seen.picture),
        false_per_picture=false / len(pictures),
        sizes=tuple(_size(name, low, high, seen) for name, low, high in SIZES),
        curve=curve,
        failures=failed_pictures(pictures, found),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Faces that are not ignored.    (F,) each: whether found, height in pixels, number of the picture."""

    hit: NDArray[np.bool_]
    height: NDArray[np.float64]
    picture: NDArray[np.int64]


def _match_all(truth: Sequence[TrueFaces], found: Sequence[FoundFaces], least_iou: float) -> list[Matched]:
    return [
        match_boxes(faces.boxes, faces.ignored, answer.boxes, answer.scores, least_iou)
        for faces, answer in zip(truth, found, strict=True)
    ]


def _curve(matched: Sequence[Matched], found: Sequence[FoundFaces], faces: int) -> PrecisionRecall:
    kind = np.concatenate([one.kind for one in matched])
    return precision_recall(np.concatenate([one.scores for one in found]), kind, faces)


def _seen(truth: Sequence[TrueFaces], matched: Sequence[Matched]) -> _Seen:
    hit, height, picture = [], [], []
    for number, (faces, answer) in enumerate(zip(truth, matched, strict=True)):
        caught = np.zeros(len(faces.boxes), np.bool_)
        caught[answer.truth[answer.kind == 1]] = True
        judged = ~faces.ignored
        hit.append(caught[judged])
        height.append((faces.boxes[:, 3] - faces.boxes[:, 1])[judged])
        picture.append(np.full(int(judged.sum()), number))
    return _Seen(np.concatenate(hit), np.concatenate(height), np.concatenate(picture))


def _size(name: str, low: float, high: float, seen: _Seen) -> SizeRecall:
    inside = (seen.height >= low) & (seen.height < high)
    return SizeRecall(name, low, high, int(inside.sum()), int(seen.hit[inside].sum()))


def _interval(
    truth: Sequence[TrueFaces], found: Sequence[FoundFaces], matched: Sequence[Matched]
) -> Interval:
    """95 % of the AP, by pictures drawn with replacement: faces of one picture are no independent trials."""
    rng = np.random.default_rng(0)
    faces = np.array([(~one.ignored).sum() for one in truth])
    counts = np.array([len(one.kind) for one in matched])
    owner = np.repeat(np.arange(len(truth)), counts)
    scores = np.concatenate([one.scores for one in found])
    kind = np.concatenate([one.kind for one in matched])
    values: list[float] = []
    while len(values) < ROUNDS:
        times = np.bincount(rng.integers(len(truth), size=len(truth)), minlength=len(truth))
        if (times * faces).sum():
            rows = np.repeat(np.arange(len(kind)), times[owner])
            curve = precision_recall(scores[rows], kind[rows], int((times * faces).sum()))
            values.append(average_precision(curve))
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high))
