"""Attributes as labels, as numbers, and as numbers in bands."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mien.core.errors import InputError, ModelMissing, ThinData
from mien.core.report import FaceReport
from mien.core.types import Box, Detection
from mien.evaluation.attributes import LabelReport, NumberReport, answer_of, evaluate_attribute
from mien.evaluation.pages.attributes import attributes_page
from mien.evaluation.pages.frame import Run
from mien.page.html import page_html


def test_labels_are_compared_without_regard_to_case_and_gaps_are_wrong() -> None:
    report = evaluate_attribute(
        "sex", {"a": "Male", "b": "Female", "c": "Female"}, {"a": "male", "b": "FEMALE"}
    )
    assert isinstance(report, LabelReport)
    assert report.accuracy == pytest.approx(2 / 3)
    assert report.unanswered == 1
    assert report.table.labels == ("Female", "Male")


def test_numbers_fall_into_the_bands_of_the_labels() -> None:
    truth = {"a": "20-29", "b": "more than 70", "c": "0-2"}
    report = evaluate_attribute("age", truth, {"a": "29.7", "b": "71", "c": "4"})
    assert isinstance(report, LabelReport)
    assert report.accuracy == pytest.approx(2 / 3)


def test_ages_in_years_have_a_mean_error() -> None:
    report = evaluate_attribute("age", {"a": "20", "b": "30", "c": "9"}, {"a": "25", "b": "29"})
    assert isinstance(report, NumberReport)
    assert (report.score.mae, report.unanswered) == (3, 1)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ThinData, match="has a label"):
        evaluate_attribute("age", {"a": ""}, {})
    with pytest.raises(InputError, match="write numbers"):
        evaluate_attribute("age", {"a": "20"}, {"a": "old"})
    with pytest.raises(ThinData, match="file names"):
        evaluate_attribute("age", {"a": "20"}, {"b": "20"})


def test_a_finding_without_a_model_is_a_missing_model() -> None:
    detection = Detection(Box(0, 0, 1, 1), 0.9, np.zeros((5, 2)))
    face = FaceReport(
        detection, frozenset({"age"}), notes={"age": "this version of mien has no model for it"}
    )
    with pytest.raises(ModelMissing, match="--predictions"):
        answer_of(face, "age")


def test_answers_of_a_users_own_model_are_asked_for_by_their_question() -> None:
    detection = Detection(Box(0, 0, 9, 9), 0.9, np.zeros((5, 2)))
    said = {"race": {"Black": 0.7, "White": 0.3}}
    face = FaceReport(
        detection, frozenset({"attributes", "sex"}), attributes=said, sex={"female": 0.6, "male": 0.4}
    )
    assert answer_of(face, "attributes.race") == "Black"
    assert answer_of(face, "sex") == "female"
    with pytest.raises(InputError, match="answers no 'rase': choose out of race"):
        answer_of(face, "attributes.rase")


def test_the_answers_are_json_and_a_page() -> None:
    truth = {f"{i}": "x<y" if i % 2 else "z" for i in range(20)}
    labels = evaluate_attribute("kind", truth, dict(list(truth.items())[:15]))
    numbers = evaluate_attribute("age", {"a": "20", "b": "30"}, {"a": "25", "b": "29"})
    for report in (labels, numbers):
        document = report.to_dict()
        assert json.loads(json.dumps(document, allow_nan=False)) == document
    html = page_html(attributes_page([labels, numbers], Run("mien …", {}, "0")))
    assert "x&lt;y" in html
    assert "Confusion" in html
