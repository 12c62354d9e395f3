"""`mien evaluate verification` end to end, with an embedder that knows everybody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mien.cli.main import run
from mien.core.errors import MienError, NoFaceFound
from mien.core.types import Embedding
from mien.evaluation import acquire

Embed = Callable[[Sequence[Path]], Iterator[Embedding | MienError]]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """20 people with two pictures each, in LFW's format; the embedder fails on one picture."""

    def embed_pictures(analyzer: object, which: str, done: Callable[[], object]) -> Embed:
        def embed(paths: Sequence[Path]) -> Iterator[Embedding | MienError]:
            for path in paths:
                done()
                if path.name == "P0_0002.jpg":
                    yield NoFaceFound(f"{path} shows no face: use another")
                else:
                    yield Embedding(np.eye(20, dtype=np.float32)[int(path.parent.name[1:])], "fake")

        return embed

    monkeypatch.setattr(acquire, "embed_pictures", embed_pictures)
    for i in range(20):
        (tmp_path / f"P{i}").mkdir()
        for j in (1, 2):
            (tmp_path / f"P{i}" / f"P{i}_000{j}.jpg").touch()
    rows = ["10\t2"]
    for fold in range(10):
        rows += [f"P{i}\t1\t2" for i in (2 * fold, 2 * fold + 1)]
        rows += [f"P{i}\t1\tP{(i + 1) % 20}\t1" for i in (2 * fold, 2 * fold + 1)]
    (tmp_path / "pairs.txt").write_text("\n".join(rows))
    return ["evaluate", "verification", "--pairs", str(tmp_path / "pairs.txt"), "--images", str(tmp_path)]


def test_prints_one_json_document_with_every_promised_key(
    pairs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run([*pairs, "--json"])
    assert stopped.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["pairs"] == 40
    assert answer["accuracy"] == pytest.approx(39 / 40)
    assert answer["failures_to_acquire"] == 1
    assert {"accuracy_std", "auc", "eer", "tmr_at_fmr", "threshold_at_fmr", "seconds"} <= set(answer)
    assert answer["images_per_second"] > 0


def test_prints_a_table_that_marks_what_the_data_cannot_say(
    pairs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(pairs)
    shown = capsys.readouterr().out
    assert "97.50 %" in shown
    assert "takes 10,000 different pairs" in shown
    assert "1 of 40" in shown


def test_a_wrong_list_is_the_callers_fault(
    pairs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pairs.txt").write_text("1 1\nP0 1 7\nP0 1 P1 1\n")
    with pytest.raises(SystemExit) as stopped:
        run([*pairs, "--json"])
    assert stopped.value.code == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "bad_input"
    assert "line 2" in error["message"]
