"""`mien compress quantize` on a model that answers a question, with crops that need no detector."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cli.test_compress import outcome, speed_of, tiny_card
from tests.compression.conftest import SIDE

from mien.compression import compare, faces
from mien.compression.faces import Faces
from mien.core.types import AlignedFace
from mien.runtime.session import open_network
from mien.zoo.cardfile import format_card
from mien.zoo.registry import card as find_card


def sex_model() -> bytes:
    """A convolution, a mean over the picture and a softmax: two probabilities that say how dark it is."""
    weights = {
        "w": np.random.default_rng(0).normal(0, 0.05, (64, 3, 3, 3)).astype(np.float32),
        "v": np.random.default_rng(1).normal(0, 0.05, (2, 64)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["data", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "v"], ["g"], transB=1),
        helper.make_node("Softmax", ["g"], ["gender"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "sex",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("gender", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def sexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model that says sexes, and 40 labelled pictures on which it is always right."""
    data = sex_model()
    card = replace(tiny_card(data), task="sex", dimension=None, answers={"gender": ("female", "male")})
    (tmp_path / "tiny.onnx").write_bytes(data)
    (tmp_path / "tiny.toml").write_text(format_card(card))
    grey = np.random.default_rng(2).integers(0, 255, 40)
    crops_of = {
        tmp_path / f"{i}.jpg": np.random.default_rng(i).integers(0, 1 + grey[i], (SIDE, SIDE, 3), np.uint8)
        for i in range(40)
    }
    rows = open_network(card, data).run(np.stack(list(crops_of.values())))["gender"]
    labels = np.where(rows.argmax(1) == 0, "Female", "Male")
    lines = [f"{path.name},{label}" for path, label in zip(crops_of, labels, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,gender", *lines]))

    def cut(analyzer: object, card: object, pictures: list[Path], *_: object) -> Faces:
        faces = (AlignedFace(crops_of[path], np.eye(2, 3), "arcface") for path in pictures)
        return Faces(tuple(faces), np.arange(len(pictures)))

    monkeypatch.setattr(faces, "cut_faces", cut)
    monkeypatch.setattr(compare, "compare_speed", speed_of(0.5))
    monkeypatch.setenv("MIEN_ENGINE", "onnxruntime")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    given = ["--labels", str(tmp_path / "labels.csv"), "--images", str(tmp_path), "--column", "gender=sex"]
    return ["compress", "quantize", str(tmp_path / "tiny.toml"), "-o", str(tmp_path / "out"), *given]


@pytest.mark.parametrize(("to", "measured"), [("int8", 32), ("float16", 40)])
def test_a_model_that_answers_a_question_is_measured_on_its_labels(
    sexes: list[str], capsys: pytest.CaptureFixture[str], to: str, measured: int
) -> None:
    code, out = outcome([*sexes, "--to", to, "--budget", "10", "--json"], capsys)
    answer = json.loads(out)
    accuracy = answer["accuracy"]
    assert code == 0
    assert (accuracy["measure"], accuracy["faces"], accuracy["before"]) == ("right on gender", measured, 1.0)
    assert accuracy["lost"] == pytest.approx(1.0 - accuracy["after"])
    made = find_card(Path(answer["card"]))
    assert (made.task, dict(made.answers)) == ("sex", {"gender": ("female", "male")})
    assert any(name.startswith("right on gender") for name in made.measured)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--people", "."], "measure it with --labels FILE and --images DIR"),
        (["--column", "smile"], "tiny says sex"),
        (["--labels", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_list_that_does_not_suit_the_model_is_refused(
    sexes: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out = outcome([*sexes, *arguments, "--json"], capsys)
    assert code == 2
    assert said in json.loads(out)["error"]["message"]
