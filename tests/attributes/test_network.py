"""Networks with questions: what their outputs become, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tests.attributes.stand_in import StandIn, question_card

from mien.attributes.age import age_of
from mien.attributes.network import AttributeNetwork, LivenessNetwork
from mien.attributes.questions import findings_of
from mien.core.errors import ModelCorrupt, ModelError
from mien.core.types import AlignedFace, Liveness

FACE = AlignedFace(np.zeros((16, 16, 3), np.uint8), np.eye(2, 3), "arcface")


def say(rows: Mapping[str, Any], **card: Any) -> dict[str, Any]:
    network = StandIn(
        question_card(**card), {name: np.asarray(row, np.float32) for name, row in rows.items()}
    )
    return AttributeNetwork(network).say([FACE])[0]


def test_an_age_is_the_mean_of_the_bands_and_says_how_sure_it_is() -> None:
    age = age_of({"0-2": 0.01, "20-29": 0.5, "30-39": 0.46, "more than 70": 0.03})
    assert age.years == pytest.approx(0.01 * 1.5 + 0.5 * 25 + 0.46 * 35 + 0.03 * 80)
    assert (age.low, age.high) == (20, 40)


def test_a_single_age_is_itself() -> None:
    age = age_of({str(year): float(year == 41) for year in range(80)})
    assert (age.years, age.low, age.high) == (41, 41, 41)


@pytest.mark.parametrize("labels", [("Male", "Female"), ("woman", "man"), ("F", "M")])
def test_sexes_are_named_alike_whatever_the_labels_are(labels: tuple[str, str]) -> None:
    first = {"Male": "male", "woman": "female", "F": "female"}[labels[0]]
    sex = say({"gender": [[0.75, 0.25]]}, task="attributes", answers={"gender": labels})["sex"]
    assert list(sex) == ["female", "male"]
    assert sex[first] == pytest.approx(0.75)


def test_outputs_become_findings_by_name_and_labels_and_attributes_else() -> None:
    answers = {
        "age": ("0-2", "3+"),
        "Emotion": ("Happy", "Sad"),
        "glasses": ("no", "yes"),
        "gender": ("a", "b"),
    }
    assert findings_of(question_card(task="attributes", answers=answers)) == {
        "age": "age",
        "Emotion": "expression",
        "glasses": "attributes",
        "gender": "attributes",
    }
    said = say({name: [[0.25, 0.75]] for name in answers}, task="attributes", answers=answers)
    assert said["expression"] == {"happy": 0.25, "sad": 0.75}
    assert set(said["attributes"]) == {"glasses", "gender"}


def test_the_only_output_of_an_age_model_may_have_any_name() -> None:
    card = {"task": "age", "answers": {"probabilities": ("10", "20")}}
    assert say({"name of an engine": [[0.5, 0.5]]}, **card)["age"].years == 15


@pytest.mark.parametrize(
    "row", [[[3.0, -1.0]], [[0.2, 0.2]], [[0.5, 0.3, 0.2]], [[float("nan"), 0.5]]], ids=str
)
def test_answers_that_are_no_probabilities_are_refused(row: list[list[float]]) -> None:
    with pytest.raises(ModelCorrupt, match=r"\[answers\]|softmax"):
        say({"sex": np.array(row)}, task="sex", answers={"sex": ("female", "male")})


def test_a_card_that_does_not_say_what_its_outputs_mean_is_refused() -> None:
    with pytest.raises(ModelError, match=r"add a table \[answers\]"):
        findings_of(question_card(task="expression", answers={}))


def test_liveness_is_decided_at_the_cards_threshold() -> None:
    def live(score: float, threshold: float | None) -> Liveness:
        card = question_card(task="liveness", answers={}, threshold=threshold)
        (said,) = LivenessNetwork(StandIn(card, {"live": np.array([[score]], np.float32)})).say([FACE])
        found: Liveness = said["liveness"]
        return found

    assert (live(0.5, 0.4).live, live(0.3, 0.4).live, live(0.3, None).live) == (True, False, None)
    assert "no threshold" in live(0.3, None).evidence[0]
    with pytest.raises(ModelCorrupt, match="from 0 to 1"):
        live(1.5, 0.4)
