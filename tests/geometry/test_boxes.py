"""Boxes: known answers, invariants, and suppression against a plain double loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.core.errors import ShapeError
from mien.geometry.boxes import iou, nms

CORNERS = arrays(np.float64, (6, 2), elements=st.floats(-50, 50, width=32))
SIZES = arrays(np.float64, (6, 2), elements=st.floats(0, 60, width=32))
SCORES = arrays(np.float64, 6, elements=st.floats(0, 1, width=32))


def boxes_of(corners: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([corners, corners + sizes], axis=1)


@given(CORNERS, SIZES)
def test_iou_is_symmetric_and_bounded(corners: np.ndarray, sizes: np.ndarray) -> None:
    boxes = boxes_of(corners, sizes)
    overlap = iou(boxes, boxes)
    np.testing.assert_allclose(overlap, overlap.T, atol=1e-12)
    assert overlap.min() >= 0
    assert overlap.max() <= 1 + 1e-9


def test_iou_of_a_box_with_itself_is_one() -> None:
    assert iou(np.array([[3.0, 4, 9, 8]]), np.array([[3.0, 4, 9, 8]]))[0, 0] == 1


@given(CORNERS, SIZES, SCORES)
def test_suppression_keeps_what_a_double_loop_keeps(
    corners: np.ndarray, sizes: np.ndarray, scores: np.ndarray
) -> None:
    boxes = boxes_of(corners, sizes)
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i : i + 1], boxes[j : j + 1])[0, 0] <= 0.3 for j in kept):
            kept.append(int(i))
    assert nms(boxes, scores, 0.3).tolist() == kept


def test_no_boxes_is_an_ordinary_input() -> None:
    assert nms(np.zeros((0, 4)), np.zeros(0), 0.3).tolist() == []


def test_says_what_shape_it_wanted() -> None:
    with pytest.raises(ShapeError, match=r"a must have shape \(N, 4\), not \(2, 5\)"):
        iou(np.zeros((2, 5)), np.zeros((1, 4)))
