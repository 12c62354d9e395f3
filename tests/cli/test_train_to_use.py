"""From a recipe to an answer: what `mien train` makes drops into `mien analyze --models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures
from tests.training.draw import DRAWN

from mien.cli.main import run
from mien.core.types import Image
from mien.training.finish import finish
from mien.training.recipefile import read_recipe
from mien.training.run import train

RUN = """
[net]
name = "cnn"
width = 4
blocks = 2
dim = 8
[run]
steps = 2
batch = 8
tensorboard = false
device = "cpu"
"""
RECIPES = {
    "faces": """
        name = "faces"
        [task]
        name = "attributes"
        questions = ["age", "gender", "race"]
        [data]
        source = "fairface"
        root = "."
        size = 32
        """,
    "alive": """
        name = "alive"
        [task]
        name = "liveness"
        template = "wide"
        [data]
        source = "paths"
        root = "."
        pattern = ".*?(?P<label>real|attack_[a-z]+).*client(?P<person>\\\\d+).*"
        size = 32
        """,
    "dots": """
        name = "dots"
        [task]
        name = "landmarks"
        [data]
        source = "points"
        root = "."
        align = "wide"
        size = 32
        """,
}


def mien(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    with pytest.raises(SystemExit) as left:
        run([*words, "--json"])
    return int(left.value.code or 0), json.loads(capfd.readouterr().out)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name -> card of a model that was trained for two steps."""
    cards = {}
    for name, text in RECIPES.items():
        folder = tmp_path_factory.mktemp(name)
        DRAWN[{"faces": "fairface", "alive": "paths", "dots": "points"}[name]](folder)
        (folder / f"{name}.toml").write_text(text + RUN, encoding="utf-8")
        done = train(read_recipe(str(folder / f"{name}.toml")), folder / "run")
        cards[name] = str(finish(done).exported.card)
    return cards


@pytest.fixture
def photo(astronaut: Image, tmp_path: Path) -> str:
    path = tmp_path / "astronaut.png"
    Pictures.fromarray(astronaut.pixels).save(path)
    return str(path)


@pytest.mark.weights
def test_what_is_trained_answers_in_the_report_of_a_face(
    trained: dict[str, str], photo: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["analyze", photo, "--models", ",".join(trained.values()), "--out", str(tmp_path / "out")]
    code, said = mien(capfd, *words, "--allow-noncommercial")
    assert code == 0
    (face,) = said["results"][0]["faces"]
    assert 0 <= face["age"]["low"] <= face["age"]["years"] <= face["age"]["high"]
    assert sum(face["sex"].values()) == pytest.approx(1, abs=1e-3)
    assert list(face["attributes"]) == ["race"]
    assert sum(face["attributes"]["race"].values()) == pytest.approx(1, abs=1e-3)
    assert face["liveness"]["live"] in (True, False)
    assert face["liveness"]["evidence"][0].startswith("alive: ")
    assert np.shape(face["landmarks"]["points"]) == (68, 3)
    assert face["landmarks"]["scheme"] == "ibug68"
    assert set(face["pose"]) == {"yaw", "pitch", "roll"}
    assert {said["models"][name] for name in ("age", "sex", "attributes")} == {trained["faces"]}
    assert (tmp_path / "out" / "faces.jsonl").is_file()


@pytest.mark.weights
def test_a_licence_and_a_changed_file_are_refused_as_for_every_model(
    trained: dict[str, str], photo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    card = Path(trained["alive"])
    words = ["analyze", photo, "--models", str(card), "--only", "liveness"]
    code, said = mien(capfd, *words)
    assert (code, said["error"]["code"]) == (3, "licence_refused")
    model = card.with_suffix(".onnx")
    whole = model.read_bytes()
    model.write_bytes(whole + b"\0")
    code, said = mien(capfd, *words, "--allow-noncommercial")
    model.write_bytes(whole)
    assert (code, said["error"]["code"]) == (3, "model_corrupt")
