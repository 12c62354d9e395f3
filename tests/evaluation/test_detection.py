"""The detection report of pictures whose boxes are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import ImageError, MienError
from mien.evaluation.detection import evaluate_detection
from mien.evaluation.pages.detection import detection_page
from mien.evaluation.pages.frame import Run
from mien.evaluation.protocols.boxes import FoundFaces, TrueFaces
from mien.page.html import page_html

PATHS = [Path(f"{i}.jpg") for i in range(10)]
FACE = np.array([[0.0, 0, 50, 50]])
TRUTH = [TrueFaces(FACE, np.array([False])) for _ in PATHS]
RIGHT = FoundFaces(FACE, np.array([0.9]))
NONE = FoundFaces(np.zeros((0, 4)), np.zeros(0))


def test_all_found_is_one_by_every_convention() -> None:
    report = evaluate_detection(PATHS, TRUTH, [RIGHT] * 10)
    assert (report.ap, report.ap_voc07, report.ap_75, report.ap_coco, report.recall) == (1, 1, 1, 1, 1)
    assert report.precision == 1


def test_a_shifted_box_counts_at_half_overlap_and_not_at_three_quarters() -> None:
    shifted = FoundFaces(FACE + np.array([10, 0, 10, 0]), np.array([0.9]))  # IoU 40 / 60
    report = evaluate_detection(PATHS, TRUTH, [shifted] * 10)
    assert (report.ap, report.ap_75) == (1, 0)
    assert report.ap_coco == pytest.approx(0.4)  # 0.50, 0.55, 0.60, 0.65 out of ten


def test_an_unreadable_picture_misses_its_faces() -> None:
    found: list[FoundFaces | MienError] = [
        *[RIGHT] * 8,
        NONE,
        ImageError("damaged", "it is cut off; send it again"),
    ]
    report = evaluate_detection(PATHS, TRUTH, found)
    assert report.recall == pytest.approx(0.8)
    assert report.ap == pytest.approx(0.8)
    assert [failed.code for failed in report.failures] == ["image_damaged"]


def test_sizes_are_counted_apart() -> None:
    tiny = TrueFaces(np.array([[0.0, 0, 10, 10]]), np.array([False]))
    report = evaluate_detection(PATHS, [*TRUTH[:9], tiny], [RIGHT] * 9 + [NONE])
    assert {size.name: size.recall for size in report.sizes} == {
        "tiny": 0,
        "small": None,
        "medium": 1,
        "large": None,
    }


def test_the_interval_holds_the_value_and_the_answer_is_json_and_a_page() -> None:
    report = evaluate_detection(PATHS, TRUTH, [RIGHT] * 7 + [NONE] * 3)
    assert report.ap_interval.low < report.ap < report.ap_interval.high
    document = report.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert "VOC 2007" in page_html(detection_page(report, Run("mien …", {}, "0")))
