"""`mien compress quantize` end to end on a card of one's own, with crops that need no detector."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.compression.conftest import SIDE, build_embedder

from mien.cli.main import run
from mien.compression import compare, crops
from mien.compression.crops import Crops
from mien.compression.speed import SpeedChange
from mien.core.modelcard import ModelCard, Preprocess
from mien.evaluation.metrics.intervals import Interval
from mien.zoo.cardfile import format_card
from mien.zoo.registry import card as find_card
from mien.zoo.store import fetch

Speed = Callable[..., SpeedChange]


def speed_of(ratio: float) -> Speed:
    return lambda *_, **__: SpeedChange(2.0, 2 * ratio, ratio, Interval(ratio - 0.1, ratio + 0.1))


def picture_of(path: Path) -> NDArray[np.uint8]:
    person = np.random.default_rng(int(path.parent.name[1:])).integers(30, 225, (SIDE, SIDE, 3))
    noise = np.random.default_rng([int(path.parent.name[1:]), int(path.stem)]).normal(0, 15, (SIDE, SIDE, 3))
    return np.clip(person + noise, 0, 255).astype(np.uint8)


def tiny_card(data: bytes) -> ModelCard:
    return ModelCard(
        name="tiny",
        task="embed",
        file="tiny.onnx",
        format="onnx",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        licence="CC0-1.0",
        commercial=True,
        origin="made in a test",
        sources=(),
        preprocess=Preprocess(SIDE, SIDE),
        dimension=16,
        template="arcface",
    )


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A tiny model with its card and 15 people × 4 pictures."""
    data = build_embedder()
    (tmp_path / "tiny.onnx").write_bytes(data)
    (tmp_path / "tiny.toml").write_text(format_card(tiny_card(data)))
    for person in range(15):
        (tmp_path / "people" / f"p{person}").mkdir(parents=True)
        for number in range(4):
            (tmp_path / "people" / f"p{person}" / f"{number}.jpg").touch()

    def cut(analyzer: object, card: object, pictures: list[Path], *_: object) -> Crops:
        return Crops(np.stack([picture_of(path) for path in pictures]), np.arange(len(pictures)))

    monkeypatch.setattr(crops, "cut_crops", cut)
    monkeypatch.setattr(compare, "cut_crops", cut)
    monkeypatch.setattr(compare, "compare_speed", speed_of(0.5))
    monkeypatch.setenv("MIEN_ENGINE", "onnxruntime")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    out, people = str(tmp_path / "out"), str(tmp_path / "people")
    return [
        "compress",
        "quantize",
        str(tmp_path / "tiny.toml"),
        "-o",
        out,
        "--people",
        people,
        "--fmr",
        "0.01",
    ]


def outcome(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        run(arguments)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, capsys.readouterr().out


@pytest.mark.parametrize(("to", "most"), [("int8", 0.75), ("float16", 0.85)])
def test_the_result_is_a_card_that_can_be_used_at_once(
    command: list[str], capsys: pytest.CaptureFixture[str], to: str, most: float
) -> None:
    code, out = outcome([*command, "--to", to, "--budget", "5", "--json"], capsys)
    answer = json.loads(out)
    assert code == 0
    assert answer["improvement"] is True
    assert answer["aside"] is False
    assert answer["parity"]["cosine_mean"] > 0.99
    assert answer["size"]["ratio"] < most
    assert answer["calibrated_on"] == (12 if to == "int8" else 0)
    made = find_card(Path(answer["card"]))
    assert made.name == f"tiny_{to}"
    assert fetch(made)


def test_a_slower_model_is_refused_with_exit_code_one_and_kept_apart(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "compare_speed", speed_of(2.0))
    code, out = outcome([*command, "--budget", "5", "--json"], capsys)
    answer = json.loads(out)
    assert code == 1
    assert answer["improvement"] is False
    assert answer["error"]["code"] == "not_an_improvement"
    assert "slower: 2.00" in answer["error"]["message"]
    assert "not-an-improvement" in answer["card"]
    assert Path(answer["file"]).is_file()


def test_people_read_a_table_of_before_and_after(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = outcome([*command, "--budget", "5", "--name", "mine"], capsys)
    assert code == 0
    assert "TMR at FMR 0.01" in out
    assert "2.00 × as fast" in out
    assert "mine.toml" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "int4"], "--to int8"),
        (["--method", "guess"], "choose --method minmax"),
        (["--name", "../Mine"], "is no model name"),
        (["--keep-float", "9"], "3 layers"),
        (["--pairs", "x"], "either --people"),
        (["--budget", "-1"], "budget"),
        (["--fmr", "1e-6"], "pairs of strangers"),
    ],
)
def test_a_wrong_option_is_the_callers_fault(
    command: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out = outcome([*command, *arguments, "--json"], capsys)
    assert code == 2
    assert said in json.loads(out)["error"]["message"]


@pytest.mark.parametrize("words", [("--name", "Mine"), ("--method", "guess"), ("--to", "int4")])
def test_a_wrong_option_is_told_before_the_work(
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, str],
) -> None:
    def cut(*_: object) -> Crops:
        raise AssertionError("crops were cut first")

    monkeypatch.setattr(crops, "cut_crops", cut)
    monkeypatch.setattr(compare, "cut_crops", cut)
    assert outcome([*command, *words, "--json"], capsys)[0] == 2


def test_a_model_of_another_task_is_not_compressed(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = outcome(["compress", "quantize", "yunet", *command[3:], "--json"], capsys)
    assert code == 2
    assert "task 'detect'" in json.loads(out)["error"]["message"]
