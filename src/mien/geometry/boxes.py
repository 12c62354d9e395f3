"""Boxes as (N, 4) arrays ``x1, y1, x2, y2`` in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError

Boxes = NDArray[np.floating]


def area(boxes: Boxes) -> NDArray[np.float64]:
    """Area of each box; a box turned inside out has none.

    >>> area(np.array([[0, 0, 2, 3], [5, 5, 4, 9]]))
    array([6., 0.])
    """
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).astype(np.float64)
    return np.asarray(sides[:, 0] * sides[:, 1])


def iou(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    a: (N, 4).    b: (M, 4).    returns: (N, M), 0..1; two empty boxes share nothing.

    >>> iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [4, 4, 5, 5]])).round(3)
    array([[0.333, 0.   ]])
    """
    for name, boxes in (("a", a), ("b", b)):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ShapeError(name, "(N, 4)", boxes.shape)
    corner1 = np.maximum(a[:, None, :2], b[None, :, :2])
    corner2 = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(corner2 - corner1, 0, None)
    shared = sides[..., 0] * sides[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0))


def nms(boxes: Boxes, scores: NDArray[np.floating], max_iou: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes to keep, best score first.

    A box goes when its IoU with a better kept box is above ``max_iou``.

    >>> boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30]])
    >>> nms(boxes, np.array([0.5, 0.9, 0.7]), 0.3)
    array([1, 2])
    """
    if scores.shape != (len(boxes),):
        raise ShapeError("scores", f"({len(boxes)},)", scores.shape)
    order = np.argsort(-scores, kind="stable")
    kept: list[np.intp] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[iou(boxes[best : best + 1], boxes[rest])[0] <= max_iou] if len(rest) else rest
    return np.array(kept, dtype=np.intp)
