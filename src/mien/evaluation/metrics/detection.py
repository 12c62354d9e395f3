"""How well boxes are found: average precision after PASCAL VOC and COCO.

One picture at a time detections are matched, best score first, to the free true box that they overlap most
(COCO, ``COCOeval.evaluateImg``); a true box marked "ignore" is neither to be found nor wrong to find.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.evaluation.metrics.verification import Scores
from mien.geometry.boxes import Boxes, iou

Style = Literal["voc", "voc07", "coco"]
COCO_IOUS = tuple(0.5 + 0.05 * i for i in range(10))


class Matched(NamedTuple):
    """What became of a picture's detections.

    kind: (D,) int8: 1 hit, 0 false, -1 on an ignored face.
    truth: (D,) index of the true box, -1 where there is none.
    """

    kind: NDArray[np.int8]
    truth: NDArray[np.int64]


def match_boxes(
    truth: Boxes, ignored: NDArray[np.bool_], found: Boxes, scores: NDArray[np.floating], least_iou: float
) -> Matched:
    """Match one picture's detections to its true boxes.

    truth: (T, 4).    ignored: (T,).    found: (D, 4).    scores: (D,).

    >>> box, twice = np.array([[0, 0, 10, 10.0]]), np.array([[0, 0, 10, 10.0]] * 2)
    >>> match_boxes(box, np.array([False]), twice, np.array([0.5, 0.9]), 0.5).kind.tolist()
    [0, 1]
    """
    if ignored.shape != truth.shape[:1] or scores.shape != found.shape[:1]:
        raise ShapeError(
            "ignored and scores", f"({len(truth)},) and ({len(found)},)", (*ignored.shape, *scores.shape)
        )
    kind, partner = np.zeros(len(found), np.int8), np.full(len(found), -1, np.int64)
    overlap = iou(found, truth)
    free = ~ignored
    for i in np.argsort(-scores, kind="stable"):
        open_to = np.where(free, overlap[i], -1.0)
        best = int(np.argmax(open_to)) if len(truth) else -1
        if best >= 0 and open_to[best] >= least_iou:
            kind[i], partner[i], free[best] = 1, best, False
            continue
        passed = np.where(ignored, overlap[i], -1.0)
        if len(truth) and passed.max() >= least_iou:
            kind[i], partner[i] = -1, int(np.argmax(passed))
    return Matched(kind, partner)


class PrecisionRecall(NamedTuple):
    """Precision and recall at every distinct score, falling.    (K,) each."""

    scores: Scores
    precision: Scores
    recall: Scores


def precision_recall(scores: NDArray[np.floating], kind: NDArray[np.integer], faces: int) -> PrecisionRecall:
    """Gather all pictures' detections into one curve.

    scores, kind: (D,) of all pictures (`match_boxes`).    faces: true boxes that are not ignored.
    """
    if faces < 1:
        raise InputError("there is no face to be found: give at least one true box that is not ignored")
    counted = kind >= 0
    values, hits = scores[counted].astype(np.float64), kind[counted] == 1
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], hits[order]
    last = np.append(values[1:] != values[:-1], True) if len(values) else np.zeros(0, np.bool_)
    right, taken = np.cumsum(hits)[last], (np.arange(len(values)) + 1)[last]
    return PrecisionRecall(values[last], right / np.maximum(taken, 1), right / faces)


def average_precision(curve: PrecisionRecall, style: Style = "voc") -> float:
    """Average the interpolated precision over recall: p(r) is the best precision at a recall of r or more.

    "voc": over every recall (VOC 2010 on); "voc07": over 11 points 0, 0.1 … 1; "coco": over 101 points
    (Everingham et al., IJCV 111, 2015, section 4.2.2; Lin et al., COCO, ECCV 2014).

    >>> average_precision(PrecisionRecall(*map(np.array, ([0.9, 0.5], [1.0, 0.5], [0.5, 0.5]))))
    0.5
    """
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    if style == "voc":
        return float(np.sum(np.diff(curve.recall, prepend=0.0) * best))
    points = np.linspace(0, 1, 11 if style == "voc07" else 101)
    # A recall that is meant to be 0.3 can be 0.30000000000000004.
    place = np.searchsorted(curve.recall, points - 1e-12, side="left")
    return float(np.append(best, 0.0)[place].mean())
