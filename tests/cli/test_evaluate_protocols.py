"""`mien evaluate …` end to end, with stand-ins where a network would run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.cli.main import run
from mien.core.errors import MienError
from mien.core.report import FaceReport
from mien.core.types import Box, Detection, Embedding, Landmarks
from mien.evaluation import acquire
from mien.geometry.schemes import scheme


def direction(path: Path) -> Embedding:
    """People look like the folder that they lie in."""
    rng = np.random.default_rng(int(path.parent.name[1:]))
    vector = rng.normal(size=64) + 0.3 * np.random.default_rng(ord(path.stem[0])).normal(size=64)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), "fake")


@pytest.fixture(autouse=True)
def no_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def embed_pictures(analyzer: object, which: str, done: Callable[[], object]) -> Any:
        return lambda paths: (direction(path) for path in paths)

    def embed_trials(analyzer: object, which: str, done: Callable[[], object]) -> Any:
        return lambda trials: (direction(trial.picture) for trial in trials)

    def report_pictures(
        analyzer: object, pictures: Sequence[Path], only: object, done: Callable[[], object]
    ) -> Iterator[tuple[FaceReport, ...] | MienError]:
        for _ in pictures:
            yield (face(),)

    def report_faces(
        analyzer: object, pictures: Sequence[Path], only: frozenset[str], which: str, done: object
    ) -> Iterator[FaceReport]:
        notes = {name: "this version of mien has no model for it" for name in only}
        for _ in pictures:
            yield FaceReport(face().detection, frozenset(only), notes=notes)

    for name, fake in locals().items():
        if name != "monkeypatch":
            monkeypatch.setattr(acquire, name, fake)


def face() -> FaceReport:
    points = np.random.default_rng(0).uniform(0, 90, (468, 3))
    detection = Detection(Box(0, 0, 50, 50), 0.9, np.zeros((5, 2)))
    return FaceReport(detection, frozenset({"box"}), landmarks=Landmarks("mesh468", points, 1.0))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Twelve people with three pictures each."""
    for i in range(12):
        (tmp_path / "people" / f"p{i:02}").mkdir(parents=True)
        for name in "abc":
            Image.new("RGB", (8, 8)).save(tmp_path / "people" / f"p{i:02}" / f"{name}.png")
    return tmp_path / "people"


def answer(arguments: Sequence[object], capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stopped:
        run(["evaluate", *map(str, arguments), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert stopped.value.code == code, said
    assert isinstance(said, dict)
    return said


def shown(arguments: Sequence[object], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        run(["evaluate", *map(str, arguments)])
    assert stopped.value.code == 0
    return capsys.readouterr().out


def test_identification(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"
    command = ["identification", "--people", people, "--html", page]
    said = answer(command, capsys)
    assert (said["people"], said["probes"], said["strangers"]) == (6, 12, 18)
    assert said["rank"]["1"]["share"] == 1
    assert set(said["fnir_at_fpir"]) == {"1e-1", "1e-2", "3e-3"}
    assert "Who is it?" in page.read_text("utf-8")
    assert "thresholds come from the strangers of the other folds" in shown(command, capsys)


def test_verification_by_people(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answer(["verification", "--people", people, "--folds", 3], capsys)
    assert said["genuine"] == 36
    assert said["accuracy"] == 1
    assert set(said["held_out_at_fmr"]) == {"1e-2", "1e-3", "1e-4"}
    both = answer(["verification", "--people", people, "--images", people], capsys, code=2)
    assert "give either" in both["error"]["message"]


def test_detection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, found = tmp_path / "truth.csv", tmp_path / "found.csv"
    truth.write_text("file,x1,y1,x2,y2\na.jpg,0,0,50,50\nb.jpg,0,0,50,50\n")
    found.write_text("file,x1,y1,x2,y2,score\na.jpg,0,0,50,50,0.9\n")
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert answer(["detection", "--truth", truth, "--images", tmp_path], capsys)["ap"] == 1
    judged = ["detection", "--truth", truth, "--predictions", found, "--html", tmp_path / "r.html"]
    assert answer(judged, capsys)["recall"] == 0.5
    assert "50.00 %" in shown(judged, capsys)
    assert "--predictions" in answer(["detection", "--truth", truth], capsys, code=2)["error"]["message"]


def test_landmarks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (90, 90)).save(tmp_path / "a.png")
    ibug, points = scheme("ibug68"), np.random.default_rng(0).uniform(0, 90, (468, 3))
    marked = points[[ibug.mesh468[i] for i in range(68)], :2]
    table = tmp_path / "points.csv"
    table.write_text("a.png," + ",".join(f"{value:.6f}" for value in marked.ravel()) + "\n")
    command = ["landmarks", "--points", table, "--images", tmp_path]
    said = answer(command, capsys)
    assert said["nme"] == pytest.approx(0, abs=1e-6)
    assert said["auc"] == pytest.approx(1, abs=1e-4)
    assert "NME (mean)" in shown(command, capsys)


def test_attributes_from_a_table_and_without_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, said = tmp_path / "labels.csv", tmp_path / "said.csv"
    labels.write_text("file,gender,age\na.jpg,Male,20\nb.jpg,Female,30\n")
    said.write_text("file,sex,age\na.jpg,male,25\nb.jpg,male,30\n")
    command = ["attributes", "--labels", labels, "--columns", "gender=sex,age", "--predictions", said]
    found = answer([*command, "--html", tmp_path / "r.html"], capsys)["attributes"]
    assert (found["gender"]["accuracy"], found["age"]["mae"]) == (0.5, 2.5)
    assert "mean absolute error" in shown(command, capsys)
    own = ["attributes", "--labels", labels, "--columns", "gender=sex", "--images", tmp_path]
    assert "line 2: there is no picture" in answer(own, capsys, code=2)["error"]["message"]
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert answer(own, capsys, code=3)["error"]["code"] == "model_missing"


def test_answers_about_other_pictures_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, said = tmp_path / "labels.csv", tmp_path / "said.csv"
    labels.write_text("file,sex,x1,y1,x2,y2\na.jpg,m,0,0,9,9\n")
    said.write_text("file,sex,x1,y1,x2,y2,score\nfolder/a.jpg,m,0,0,9,9,1\n")
    for command in (
        ["attributes", "--labels", labels, "--columns", "sex", "--predictions", said],
        ["detection", "--truth", labels, "--predictions", said],
    ):
        assert "names none of the pictures" in answer(command, capsys, code=2)["error"]["message"]
    gone = answer(["detection", "--truth", labels, "--images", tmp_path], capsys, code=2)
    assert "there is no picture" in gone["error"]["message"]


def test_liveness_from_a_table_and_without_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, labels = tmp_path / "scores.csv", tmp_path / "labels.csv"
    rows = [
        f"{part},{kind},{score}"
        for part in ("dev", "test")
        for kind, score in (("real", 0.9), ("print", 0.1))
    ]
    scores.write_text("part,species,score\n" + "\n".join(rows) + "\n")
    labels.write_text("file,part,species\na.jpg,dev,real\n")
    command = ["liveness", "--scores", scores, "--at", "eer", "--html", tmp_path / "r.html"]
    assert answer(command, capsys)["apcer"] == 0
    assert "APCER, worst species (print)" in shown(command, capsys)
    command_own = ["liveness", "--labels", labels, "--images", tmp_path]
    assert "there is no picture" in answer(command_own, capsys, code=2)["error"]["message"]
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    own = answer(command_own, capsys, code=3)
    assert own["error"]["code"] == "model_missing"
    assert (
        "--at" in answer(["liveness", "--scores", scores, "--at", "acer"], capsys, code=2)["error"]["message"]
    )


def test_fairness(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "labels.csv"
    rows = [
        f"{f.parent.name}/{f.name},{f.parent.name},{int(f.parent.name[1:]) % 2}"
        for f in people.rglob("*.png")
    ]
    table.write_text("file,person,half\n" + "\n".join(rows) + "\n")
    command = ["fairness", "--labels", table, "--images", people, "--html", tmp_path / "r.html"]
    said = answer(command, capsys)
    assert said["flagged"] is False
    assert said["divisions"]["half"]["groups"]["0"]["fmr"]["enough"] is False
    assert "too few" in shown(command, capsys)


def test_robustness(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["robustness", "--people", people, "--damage", "jpeg,blur"]
    said = answer(command, capsys)
    assert list(said["damages"]) == ["jpeg", "blur"]
    assert len(said["damages"]["blur"]["levels"]) == 5
    assert "jpeg" in shown(command, capsys)
