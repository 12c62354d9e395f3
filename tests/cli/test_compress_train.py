"""`mien compress distill` and `prune` end to end, with crops that need no detector."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.cli.test_compress import picture_of, speed_of, tiny_card
from tests.compression.conftest import SIDE, build_embedder
from tests.compression.wide import build_wide

from mien.cli.main import run
from mien.compression import compare, teacher
from mien.compression.crops import Crops
from mien.training.recipe import DataPart, NetPart, Recipe, RunPart
from mien.training.run import train
from mien.zoo.cardfile import format_card
from mien.zoo.registry import card as find_card

RECIPE = """
name = "student"
licence = "CC0-1.0"
commercial = true
[data]
size = 16
[net]
name = "cnn"
dim = 16
[run]
epochs = 1
batch = 8
tensorboard = false
device = "cpu"
"""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tiny nets lose more to threads that wait for each other than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def outcome(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        run(arguments)
    assert isinstance(stopped.value.code, int)
    said = capsys.readouterr()
    return stopped.value.code, said.out, said.err


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """12 people × 4 pictures, a tiny teacher, and a clock that calls everything twice as fast."""
    side = [SIDE]

    def cut(analyzer: object, card: object, pictures: list[Path], *_: object, **__: object) -> Crops:
        crops = np.stack([picture_of(path) for path in pictures])
        factor = getattr(card, "preprocess").side // side[0]  # noqa: B009  # the card is an object here
        return Crops(crops.repeat(factor, 1).repeat(factor, 2), np.arange(len(pictures)))

    for module in (compare, teacher):
        monkeypatch.setattr(module, "cut_crops", cut)
    monkeypatch.setattr(compare, "compare_speed", speed_of(0.5))
    monkeypatch.setenv("MIEN_ENGINE", "onnxruntime")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    data = build_embedder()
    (tmp_path / "tiny.onnx").write_bytes(data)
    (tmp_path / "tiny.toml").write_text(format_card(tiny_card(data)))
    (tmp_path / "student.toml").write_text(RECIPE)
    for person in range(12):
        (tmp_path / "people" / f"p{person}").mkdir(parents=True)
        for number in range(4):
            path = tmp_path / "people" / f"p{person}" / f"{number}.jpg"
            Image.fromarray(picture_of(path)).save(path)
    return tmp_path / "people"


def test_a_student_becomes_a_card_or_is_kept_apart(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["-o", str(tmp_path / "out"), "--people", str(people), "--pictures", str(people)]
    command = ["compress", "distill", str(tmp_path / "tiny.toml"), *where, "--fmr", "0.01", "--json"]
    command += ["--recipe", str(tmp_path / "student.toml")]
    code, out, _ = outcome([*command, "--budget", "100"], capsys)
    answer = json.loads(out)
    # A run of one epoch has learned little; what counts is that size decides here, and says so.
    assert code == (0 if answer["improvement"] else 1)
    assert answer["faces"] == 48
    made = find_card(Path(answer["card"]))
    assert (made.name, made.commercial) == ("student", True)
    code, out, _ = outcome(command, capsys)
    assert code == 2
    assert "--resume" in json.loads(out)["error"]["message"]
    code, out, _ = outcome([*command, "--resume", "--set", "run.epochs=2", "--budget", "0"], capsys)
    assert code == 1
    assert json.loads(out)["error"]["code"] == "not_an_improvement"


@pytest.fixture
def trained(people: Path, tmp_path: Path) -> Path:
    recipe = Recipe(
        name="own",
        data=DataPart(root=str(people), size=SIDE, fractions=(0.5, 0.5)),
        net=NetPart("cnn", 8),
        run=RunPart(epochs=1, batch=8, tensorboard=False, device="cpu"),
    )
    train(recipe, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize(("by", "smaller"), [("l1", True), ("weights", False)])
def test_a_pruned_run_is_smaller_unless_single_weights_went(
    by: str, smaller: bool, trained: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compress", "prune", str(trained), "-o", str(tmp_path / "out"), "--people", str(people)]
    command += ["--by", by, "--share", "0.5", "--epochs", "1", "--fmr", "0.01", "--budget", "100", "--json"]
    code, out, _ = outcome(command, capsys)
    answer = json.loads(out)
    assert code == 0
    assert (answer["size"]["ratio"] < 0.8) == smaller
    assert answer["result"] == "own_pruned"
    assert ("widths" in answer) == smaller


def test_wrong_options_are_the_callers_fault(
    trained: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "compress",
        "prune",
        str(trained),
        "-o",
        str(tmp_path / "out"),
        "--people",
        str(people),
        "--json",
    ]
    for more, said in ((["--by", "luck"], "--by l1"), (["--share", "2", "--fmr", "0.01"], "between 0 and 1")):
        code, out, _ = outcome([*command, *more], capsys)
        assert code == 2
        assert said in json.loads(out)["error"]["message"]


def test_a_factored_model_is_smaller_and_a_stopped_run_goes_on(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = build_wide()
    (tmp_path / "tiny.onnx").write_bytes(data)
    (tmp_path / "tiny.toml").write_text(format_card(tiny_card(data)))
    where = ["-o", str(tmp_path / "out"), "--people", str(people), "--pictures", str(people)]
    command = ["compress", "factor", str(tmp_path / "tiny.toml"), *where, "--fmr", "0.01", "--json"]
    command += ["--times", "1.7", "--set", "run.epochs=1", "--set", "run.batch=16", "--budget", "100"]
    code, out, _ = outcome(command, capsys)
    answer = json.loads(out)
    assert code == 0
    assert answer["improvement"] is True
    assert answer["size"]["ratio"] <= 1 / 1.7
    assert (answer["faces"], answer["epochs"], answer["times"]) == (48, 1, 1.7)
    assert sum(rank > 0 for rank in answer["ranks"].values()) > 0
    assert answer["parity"]["cosine_mean"] > 0.9
    assert find_card(Path(answer["card"])).name == "tiny_factored"
    code, out, _ = outcome(command, capsys)
    assert code == 2
    assert "--resume" in json.loads(out)["error"]["message"]
    code, out, _ = outcome([*command, "--resume", "--set", "run.epochs=2"], capsys)
    assert code == 0
    again = json.loads(out)
    assert again["ranks"] == answer["ranks"]
    code, out, _ = outcome([*command, "--no-train", "--name", "fitted"], capsys)
    assert (code, json.loads(out)["epochs"]) == (0, 0)


def test_a_recipe_that_varies_pictures_is_refused_for_a_tail_that_never_sees_them(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = build_wide()
    (tmp_path / "tiny.onnx").write_bytes(data)
    (tmp_path / "tiny.toml").write_text(format_card(tiny_card(data)))
    where = ["-o", str(tmp_path / "out"), "--people", str(people), "--pictures", str(people)]
    command = ["compress", "factor", str(tmp_path / "tiny.toml"), *where, "--fmr", "0.01", "--json"]
    code, out, _ = outcome([*command, "--times", "1.7", "--set", "augment.flip=0.5"], capsys)
    assert code == 2
    assert "leave [augment] out" in json.loads(out)["error"]["message"]
