"""`mien train`: a run from the command line, its errors, and what it says without PyTorch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.training.lab import draw_people

from mien.cli.main import run

RECIPE = """
name = "tiny"
[data]
root = "people"
size = 16
fractions = [0.5, 0.25, 0.25]
[net]
name = "cnn"
width = 4
blocks = 2
dim = 16
[loss]
name = "softmax"
[run]
epochs = 2
batch = 8
tensorboard = false
device = "cpu"
"""


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nets this small only lose time over waking a second thread, here and in commands that are started."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    draw_people(tmp_path / "people", [f"p{n}" for n in range(16)], 4)
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def mien(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        run(words)
    out, err = capfd.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, out, err


def test_a_run_ends_with_model_card_and_report(recipe: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = recipe.parent / "run"
    code, said, _ = mien(capfd, "train", str(recipe), "--out", str(out), "--json")
    assert code == 0
    document = json.loads(said)
    assert document["steps"] == 8
    assert {"eer", "auc", "tmr"} <= set(document["validation"])
    assert "threshold" in document["test"]
    for key in ("model", "card", "report"):
        assert Path(document[key]).is_file()
    assert "epochs = 2  # times that" in (out / "recipe.toml").read_text(encoding="utf-8")
    code, said, _ = mien(capfd, "train", "export", str(out), "--out", str(out / "again"), "--json")
    assert code == 0
    assert (out / "again" / "tiny.onnx").read_bytes() == (out / "tiny.onnx").read_bytes()


def test_pictures_are_packed_and_trained_on_from_shards(
    recipe: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(recipe.parent / "cache"))
    shards = recipe.parent / "shards"
    words = ["train", "pack", str(recipe), "--out", str(shards), "--per-shard", "20", "--json"]
    code, said, _ = mien(capfd, *words)
    assert (code, json.loads(said)["pictures"], len(json.loads(said)["shards"])) == (0, 64, 4)
    sets = [f"data.root={shards}", "data.source=shards", "sampler.name=stream", "run.steps=2"]
    more = [word for text in sets for word in ("--set", text)]
    assert mien(capfd, "train", str(recipe), *more, "--out", str(recipe.parent / "run"))[0] == 0


def test_a_recipe_without_data_packs_nothing(recipe: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["train", "pack", str(recipe), "--set", "data.root=", "--out", str(recipe.parent / "shards")]
    code, _, err = mien(capfd, *words)
    assert (code, "names no data" in err) == (2, True)


def test_a_folder_that_holds_a_run_is_not_overwritten(
    recipe: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(recipe), "--out", str(recipe.parent / "run"), "--set", "run.steps=1"]
    assert mien(capfd, *words)[0] == 0
    code, _, err = mien(capfd, *words)
    assert code == 2
    assert "already holds a run: go on with --resume" in err
    code, _, err = mien(capfd, *words, "--resume", "--set", "net.width=8")
    assert code == 2
    assert "[net] differs from what the checkpoint was trained with (options)" in err
    assert mien(capfd, *words, "--resume", "--set", "run.steps=3", "--set", "licence=MIT")[0] == 0


def test_mistakes_are_named_with_exit_code_2(recipe: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for sets, said in (
        ("net.name=resnet19", "resnet18"),
        ("net.with=3", "has no option 'with'"),
        ("data.root=nowhere", "check the path"),
        ("data.align=side", "choose whole"),
        ("data.fractions=[1.0]", "two or three shares"),
        ("task.name=singing", "recognition"),
        ("loss.name=wing", "for landmarks and coefficients, not for recognition"),
        ("task.name=attributes", "leave [loss] out"),
        ("data.fractions=[1, 1, 1, 1]", "two or three shares"),
        ("sampler.name=stream", "set data.source to shards"),
    ):
        code, _, err = mien(capfd, "train", str(recipe), "--set", sets, "--out", str(recipe.parent / "run"))
        assert (code, said in err) == (2, True), err
    assert mien(capfd, "train")[0] == 2


def test_list_and_describe_show_what_there_is(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = mien(capfd, "train", "--list", "--json")
    assert code == 0
    found = json.loads(out)
    assert {"orl-cnn", "head-coefficients"} <= {entry["name"] for entry in found["recipes"]}
    assert "arcface" in {entry["name"] for entry in found["losses"]}
    assert all(entry["does"] for entries in found.values() for entry in entries)
    code, out, _ = mien(capfd, "train", "--describe", "run", "--json")
    (keys,) = json.loads(out).values()
    assert {"epochs", "precision"} <= {entry["key"] for entry in keys}
    code, out, _ = mien(capfd, "train", "--describe", "arcface", "--json")
    assert "loss arcface" in json.loads(out)
    code, _, err = mien(capfd, "train", "--describe", "arcfce")
    assert (code, "did you mean arcface" in err) == (2, True)


@pytest.mark.parametrize(
    "words", [("train", "orl-cnn"), ("train", "export", "runs/x"), ("train", "--describe", "cnn")]
)
def test_without_pytorch_the_cure_is_one_line(words: tuple[str, ...]) -> None:
    code = f"import sys; sys.modules['torch'] = None; from mien.cli.main import run; run({list(words)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'mien[train]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_list_import_no_pytorch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from mien.cli.main import run\n"
        "for words in (['train', '--help'], ['train', '--list'], ['train', '--describe', 'run']):\n"
        "    try:\n        run(words)\n    except SystemExit as left:\n        assert left.code == 0, words\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "recipe" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals of a console differ there")
def test_ctrl_c_writes_a_checkpoint_and_says_how_to_go_on(recipe: Path) -> None:
    out = recipe.parent / "run"
    words = ["train", str(recipe), "--out", str(out), "--set", "run.epochs=100000"]
    words += ["--set", "run.validate_every=100000", "--set", "run.save_every=100000"]
    with subprocess.Popen(
        [sys.executable, "-m", "mien", *words], stderr=subprocess.PIPE, text=True
    ) as process:
        metrics = out / "metrics.jsonl"
        until = time.monotonic() + 120
        while not (metrics.is_file() and metrics.stat().st_size > 2000) and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped after step" in err
    assert "--resume" in err
    step = int(err.split("stopped after step ")[1].split(";")[0])
    assert (out / "checkpoints" / f"step-{step:08d}.safetensors").is_file()
