"""Models that answer questions about faces, held against labels: known networks, known marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from mien.compression.asked import Asked, asked_labels, asked_points
from mien.compression.faces import Faces, chosen_by, nearest_to
from mien.compression.marks import Sheet, label_marker, liveness_marker, point_marker
from mien.core.errors import InputError, ModelError, NoFaceFound, ThinData
from mien.core.modelcard import ModelCard
from mien.core.types import AlignedFace, Box, Detection, Image
from mien.evaluation.attributes import LabelReport, evaluate_attribute
from mien.geometry.schemes import scheme

CardFor = Callable[..., ModelCard]
SEXES = {"gender": ("female", "male")}


class Saying:
    """A network whose answers are known: the first pixel of a crop says which row of them."""

    def __init__(self, card: ModelCard, rows: ArrayLike, output: str = "gender") -> None:
        self.card, self.rows, self.output = card, np.asarray(rows, np.float32), output

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        return {self.output: self.rows[pixels[:, 0, 0, 0]]}


def faces(count: int) -> tuple[AlignedFace, ...]:
    return tuple(
        AlignedFace(np.full((4, 4, 3), number, np.uint8), np.eye(2, 3), "arcface") for number in range(count)
    )


@pytest.fixture
def sex(card_for: CardFor) -> ModelCard:
    return replace(card_for(b"", name="sex_test"), task="sex", answers=SEXES)


def test_marks_are_the_trials_of_the_accuracy_that_evaluate_says(sex: ModelCard) -> None:
    chance = np.random.default_rng(0).uniform(0, 1, 60)
    network = Saying(sex, np.stack([chance, 1 - chance], 1))
    truth = ["Female" if one else "Male" for one in np.random.default_rng(1).integers(2, size=60)]
    said = {str(i): "female" if value > 0.5 else "male" for i, value in enumerate(chance)}
    report = evaluate_attribute("gender", {str(i): one for i, one in enumerate(truth)}, said)
    assert isinstance(report, LabelReport)
    marks = label_marker("gender", "sex", truth)(network, faces(60))
    assert set(marks) == {0.0, 1.0}
    assert marks.mean() == pytest.approx(report.accuracy)


def test_years_count_as_the_band_that_they_fall_into(card_for: CardFor) -> None:
    ages = replace(card_for(b""), task="age", answers={"age": ("0-9", "20-29", "60-69")})
    network = Saying(ages, np.eye(3), "age")
    assert label_marker("age", "age", ["0-9", "20-29", "20-29"])(network, faces(3)).tolist() == [1, 1, 0]


def test_a_question_that_the_model_does_not_answer_is_refused_with_those_it_does(sex: ModelCard) -> None:
    with pytest.raises(InputError, match="says nothing on 'smile': name one of sex"):
        label_marker("smile", "smile", ["yes"])(Saying(sex, [[0.5, 0.5]]), faces(1))


def test_the_acer_weighs_attacks_and_living_faces_alike(card_for: CardFor) -> None:
    card = replace(card_for(b""), task="liveness", threshold=0.5)
    alive = np.array([True, True, False, False, False, False, False, False])
    network = Saying(card, [[0.9], [0.1], [0.7], [0.2], [0.2], [0.2], [0.2], [0.2]], "live")
    assert liveness_marker(alive)(network, faces(8)).mean() == pytest.approx((1 / 2 + 1 / 6) / 2)
    with pytest.raises(ModelError, match="no threshold to judge by"):
        liveness_marker(alive)(Saying(replace(card, threshold=None), [[0.9]] * 8, "live"), faces(8))
    with pytest.raises(InputError, match="give both"):
        liveness_marker(np.ones(3, np.bool_))


def test_a_planted_shift_is_found_as_that_share_of_the_eye_distance(card_for: CardFor) -> None:
    wanted = scheme("ibug68")
    card = replace(card_for(b""), task="landmarks", scheme=wanted.name)
    shares = np.random.default_rng(2).uniform(0.2, 0.8, (1, wanted.points, 2))
    truth = shares * 4 - 0.5
    left, right = wanted.eye_corners
    eyes = np.linalg.norm(truth[0, left] - truth[0, right])
    network = Saying(card, shares + np.array([0.3 * eyes / 4, 0]), "points")
    assert point_marker(wanted, truth)(network, faces(1)) == pytest.approx([0.3], rel=1e-4)


@pytest.mark.parametrize(("higher", "lost"), [(True, 0.2), (False, -0.2)])
def test_what_was_lost_has_the_sign_of_what_is_better(sex: ModelCard, higher: bool, lost: float) -> None:
    truth = ["female"] * 10
    before = Saying(sex, [[0.9, 0.1]] * 10)
    after = Saying(sex, [[0.9, 0.1]] * 8 + [[0.1, 0.9]] * 2)
    sheet = Sheet(
        Faces(faces(10), np.arange(10)),
        np.arange(10),
        label_marker("sex", "sex", truth),
        "right on sex",
        higher,
    )
    change = sheet.change(before, after)
    assert change.lost == pytest.approx(lost)
    assert change.interval.low <= lost <= change.interval.high
    ((name, first, second, said),) = change.rows()
    assert (name, first, second) == ("right on sex", "100.00 %", "80.00 %")
    assert said.startswith("-20.00 points (-")
    assert sheet.change(before, before).interval == (0, 0)


def listed(root: Path, rows: Sequence[str]) -> Path:
    table = root / "labels.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def test_no_person_is_both_measured_and_calibrated_on(sex: ModelCard, tmp_path: Path) -> None:
    rows = [f"{number}.jpg,female,{number % 12}" for number in range(60)]
    found = asked_labels(sex, listed(tmp_path, ["file,sex,person", *rows]), tmp_path, None, "center")
    measured, held_out = found.split(0.2)
    assert set(found.people[measured]).isdisjoint(found.people[held_out])
    assert (len(measured), len(held_out)) == (45, 15)
    assert len(found.split(0.0)[1]) == 0
    with pytest.raises(ThinData, match="list 10 or more"):
        replace_pictures(found, 8).split(0.2)


def replace_pictures(found: Asked, count: int) -> Asked:
    return replace(found, pictures=found.pictures[:count], people=found.people[:count])


def test_a_column_that_is_about_none_of_the_models_questions_is_refused(
    sex: ModelCard, tmp_path: Path
) -> None:
    table = listed(tmp_path, ["file,gender,smile", *["a.jpg,female,yes"] * 12])
    assert asked_labels(sex, table, tmp_path, "gender=sex", "center").measure == "right on gender"
    with pytest.raises(InputError, match=r"sex_test says sex: .* --column NAME=sex"):
        asked_labels(sex, table, tmp_path, "smile", "center")


def test_true_points_are_read_in_the_scheme_of_the_card(card_for: CardFor, tmp_path: Path) -> None:
    card = replace(card_for(b""), task="landmarks", scheme="ibug68")
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    points = ",".join(["1.0"] * 136)
    table = listed(tmp_path, [f"{number}.jpg,{points}" for number in range(3)])
    found = asked_points(card, table, tmp_path)
    assert (len(found.pictures), found.measure, found.higher) == (3, "NME", False)
    with pytest.raises(InputError, match="names no point set"):
        asked_points(replace(card, scheme=""), table, tmp_path)


def test_the_face_with_the_true_points_is_taken_and_no_other() -> None:
    image = Image(np.zeros((100, 100, 3), np.uint8))
    left, right = (Detection(Box(x, 10, x + 30, 40), 0.9, np.zeros((5, 2), np.float32)) for x in (5, 60))
    path = Path("two.jpg")
    choose = nearest_to({path: np.array([[62.0, 12.0], [88.0, 38.0]])})
    assert choose([left, right], image, path) == 1
    assert chosen_by("1")([left, right], image, path) == 0
    with pytest.raises(NoFaceFound, match=r"where two\.jpg has its points"):
        choose([left], image, path)
