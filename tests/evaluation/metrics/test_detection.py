"""Average precision against scikit-learn's curve and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.evaluation.metrics.detection import (
    PrecisionRecall,
    average_precision,
    match_boxes,
    precision_recall,
)

A, B = [0, 0, 10, 10], [20, 20, 30, 30]


def match(
    truth: list[list[int]], ignored: list[bool], found: list[list[int]], scores: list[float]
) -> list[int]:
    boxes = [np.array(rows, float).reshape(-1, 4) for rows in (truth, found)]
    found_kinds = match_boxes(boxes[0], np.array(ignored, bool), boxes[1], np.array(scores), 0.5).kind
    return [int(kind) for kind in found_kinds]


def test_a_second_box_on_one_face_is_false() -> None:
    assert match([A, B], [False, False], [A, A, B], [0.9, 0.8, 0.7]) == [1, 0, 1]


def test_the_better_score_takes_the_face_even_if_listed_later() -> None:
    assert match([A], [False], [A, A], [0.5, 0.9]) == [0, 1]


def test_an_ignored_face_is_neither_hit_nor_false_however_often() -> None:
    assert match([A, B], [True, False], [A, A, B], [0.9, 0.8, 0.7]) == [-1, -1, 1]


def test_too_little_overlap_and_nothing_to_find_are_false() -> None:
    assert match([A], [False], [[6, 0, 16, 10]], [0.9]) == [0]
    assert match([], [], [A], [0.9]) == [0]


def test_of_two_faces_the_one_that_overlaps_more_is_taken() -> None:
    truth = np.array([[0, 0, 10, 10], [2, 0, 12, 10]], float)
    matched = match_boxes(truth, np.zeros(2, bool), truth[1:], np.array([0.9]), 0.5)
    assert matched.truth.tolist() == [1]


def test_the_curve_is_scikit_learns_and_its_area_the_interpolated_one() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = 300
        scores = rng.integers(1, 40, n) / 40  # with ties
        hit = rng.random(n) < scores
        missing = int(rng.integers(1, 30))  # faces that no detection hit: positives below every score
        faces = int(hit.sum()) + missing
        curve = precision_recall(scores, hit.astype(np.int8), faces)
        labels = np.concatenate([hit, np.ones(missing)])
        theirs = np.concatenate([scores, np.full(missing, -1.0)])
        precision, recall, _ = metrics.precision_recall_curve(labels, theirs)
        np.testing.assert_allclose(curve.precision, precision[1:-1][::-1])
        np.testing.assert_allclose(curve.recall, recall[1:-1][::-1])
        # The definition: at each reachable recall the best precision at that recall or beyond.
        steps = np.diff(np.unique(np.concatenate([[0], curve.recall])))
        heights = [
            curve.precision[curve.recall >= r].max() for r in np.unique(curve.recall[curve.recall > 0])
        ]
        steps = steps[: len(heights)]
        assert average_precision(curve) == pytest.approx(float(np.sum(steps * heights)))


@pytest.mark.parametrize(("style", "wanted"), [("voc", 0.5), ("voc07", 6 / 11), ("coco", 51 / 101)])
def test_half_of_the_faces_found_without_a_mistake(style: str, wanted: float) -> None:
    curve = precision_recall(np.array([0.9]), np.array([1]), 2)
    assert average_precision(curve, style) == pytest.approx(wanted)  # type: ignore[arg-type]  # a parametrised str


def test_nothing_found_is_zero_and_nothing_to_find_is_refused() -> None:
    assert average_precision(precision_recall(np.zeros(0), np.zeros(0, int), 3)) == 0
    with pytest.raises(InputError, match="at least one true box"):
        precision_recall(np.zeros(1), np.zeros(1, int), 0)


def test_a_recall_that_a_point_means_is_reached_whatever_its_last_bit() -> None:
    curve = PrecisionRecall(np.array([0.9]), np.array([1.0]), np.array([0.3]))
    assert average_precision(curve, "voc07") == pytest.approx(4 / 11)  # 0, 0.1, 0.2 and 0.3
