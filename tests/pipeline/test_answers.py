"""Models of the user's own in the pipeline: what `--models` takes, and what the report then says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests.attributes.stand_in import StandIn, question_card

from mien.attributes.network import AttributeNetwork
from mien.core.errors import InputError, ModelError
from mien.core.modelcard import ModelCard, Preprocess
from mien.core.report import FaceReport
from mien.core.types import Box, Detection, Image, Landmarks, LocatedFace
from mien.landmarks.points import PointNetwork
from mien.pipeline.analyze import Analyzer, asked_findings
from mien.pipeline.answers import Answers
from mien.pipeline.config import configure
from mien.zoo.cardfile import format_card, parse_card

DETECTION = Detection(Box(8, 8, 72, 72), 0.9, np.array([[26, 30], [54, 30], [40, 45], [28, 58], [52, 58.0]]))
UNSEEN = Landmarks("mesh468", np.zeros((468, 3)), 0.0)
CHANCES = {"gender": np.array([[0.9, 0.1]], np.float32), "glasses": np.array([[0.2, 0.8]], np.float32)}
LABELS = {"gender": ("Male", "Female"), "glasses": ("no", "yes")}


def card_file(folder: Path, name: str, **changes: Any) -> str:
    path = folder / f"{name}.toml"
    path.write_text(format_card(question_card(name=name, **changes)), encoding="utf-8")
    return str(path)


def located() -> LocatedFace:
    return LocatedFace(Image(np.zeros((80, 80, 3), np.uint8)), DETECTION)


def test_a_card_says_in_its_file_what_its_outputs_mean() -> None:
    card = question_card(answers=LABELS, threshold=0.25, scheme="ibug68")
    assert parse_card(format_card(card), "x") == card
    for wrong in ('gender = ["a"]', 'gender = ["a", "a"]', "gender = [1, 2]", 'gender = "ab"'):
        text = format_card(card).replace('"gender" = ["Male", "Female"]', wrong)
        with pytest.raises(ModelError, match=r"answers\.gender must be a list of at least two different"):
            parse_card(text, "x")


def test_models_of_every_kind_go_to_their_task(tmp_path: Path) -> None:
    asked = card_file(tmp_path, "asked", answers=LABELS)
    live = card_file(tmp_path, "live", task="liveness")
    points = card_file(tmp_path, "points", task="landmarks", scheme="ibug68")
    mesh = card_file(tmp_path, "mesh", task="landmarks")
    config = configure(models=f"{asked},{live},{points},{mesh}")
    assert config.answers == {"sex": (asked,), "attributes": (asked,), "liveness": (live,)}
    assert (config.points, config.landmarker) == (points, mesh)
    assert asked_findings(None, config.answers) >= {"sex", "attributes", "liveness", "pose"}
    names = config.model_names(asked_findings(None, config.answers))
    assert names["sex"] == names["attributes"] == asked
    assert "liveness" not in config.model_names({"sex"})


def test_two_models_with_the_same_answer_are_refused(tmp_path: Path) -> None:
    first = card_file(tmp_path, "first", answers=LABELS)
    other = card_file(tmp_path, "other", task="sex", answers={"p": ("female", "male")})
    with pytest.raises(InputError, match="both answer sex: name one"):
        configure(models=f"{first},{other}")
    third = card_file(tmp_path, "third", answers={"glasses": ("no", "yes")})
    with pytest.raises(InputError, match="both answer attributes: name one"):
        configure(models=f"{first},{third}")


def test_a_model_of_no_use_here_and_a_card_without_answers_are_refused(tmp_path: Path) -> None:
    heads = card_file(tmp_path, "heads", task="coefficients")
    with pytest.raises(InputError, match="'coefficients', which is not used here"):
        configure(models=heads)
    with pytest.raises(ModelError, match=r"add a table \[answers\]"):
        configure(models=card_file(tmp_path, "mute", task="expression"))


def test_a_network_is_asked_only_where_its_answer_is() -> None:
    network = StandIn(question_card(answers=LABELS), CHANCES)
    answers = Answers((AttributeNetwork(network),))
    (said,) = answers.say([located()], [UNSEEN], {"attributes"})
    assert said.findings == {"attributes": {"glasses": pytest.approx({"no": 0.2, "yes": 0.8})}}
    assert answers.say([located()], [], {"box"})[0].findings == {}


def test_points_of_another_scheme_are_reported_and_say_that_they_are_flat() -> None:
    card = question_card(name="dots", task="landmarks", scheme="ibug68")
    dots = PointNetwork(StandIn(card, {"points": np.full((1, 68, 2), 0.5, np.float32)}))
    (said,) = Answers((), dots).say([located()], [UNSEEN], {"landmarks"})
    assert said.landmarks is not None
    assert said.landmarks.scheme == "ibug68"
    assert said.notes == {"landmarks": "dots tells x and y: z is 0"}
    assert Answers((), dots).say([located()], [UNSEEN], {"box"})[0].landmarks is None


@pytest.mark.parametrize(
    "changes",
    [{"template": None}, {"preprocess": Preprocess(16, 20)}, {"preprocess": Preprocess(None, None)}],
)
def test_a_card_that_does_not_say_how_faces_are_cut_is_refused(changes: dict[str, Any]) -> None:
    network = StandIn(question_card(answers=LABELS, **changes), CHANCES)
    with pytest.raises(ModelError, match="how faces are cut"):
        Answers((AttributeNetwork(network),)).say([located()], [UNSEEN], {"sex"})


def test_the_report_has_what_the_model_said(tmp_path: Path) -> None:
    from mien.imaging.sources import open_picture

    card: ModelCard = question_card(answers=LABELS)
    analyzer = Analyzer(configure(models=card_file(tmp_path, "asked", answers=LABELS)))
    analyzer.__dict__["answers"] = Answers((AttributeNetwork(StandIn(card, CHANCES)),))
    analyzer.__dict__["landmarker"] = cast(Any, type("Blind", (), {"locate": lambda _, face: UNSEEN})())
    picture = open_picture(np.zeros((80, 80, 3), np.uint8))
    (face,) = analyzer.describe(picture, [DETECTION], frozenset({"box", "sex", "attributes", "age"}))
    assert isinstance(face, FaceReport)
    said = face.to_dict()
    assert said["sex"] == {"female": 0.1, "male": 0.9}
    assert said["attributes"] == {"glasses": {"no": 0.2, "yes": 0.8}}
    assert said["age"] is None
    assert list(said["notes"]) == ["age"]
